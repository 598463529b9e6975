//! The texts of the status page, in both languages. Those of errors are in `wolkvox`.

use jiff::Timestamp;

use super::{DeepReadStatus, PollOutcome, TargetState, TargetStatus};
use crate::{
    i18n::{Language, count, say, span, texts},
    wolkvox::ErrorClass,
};

texts! {
    /// One text of the page.
    pub(crate) StatusText;
    Title: "Wolkvox exporter", "Exportador de Wolkvox";
    Version: "version {version}", "versión {version}";
    OtherLanguage: "Español", "English";
    NotReady: "Not ready yet", "Todavía no está listo";
    NotReadyReason: "The exporter is starting: {reason}.", "El exportador está iniciando: {reason}.";
    Links: "Elsewhere", "Además";
    Metrics: "Metrics", "Métricas";
    Json: "JSON", "JSON";
    Healthy: "Liveness", "¿Está en marcha?";
    Ready: "Readiness", "¿Está listo?";
    NoTargets: "There is no target yet.", "Todavía no hay ninguna operación.";
    AllWell: "{number} targets, none needs attention.", "{number} operaciones; ninguna requiere atención.";
    SomeIll: "{ill} of {number} targets need attention.", "{ill} de {number} operaciones requieren atención.";
    OneIll: "1 of {number} targets needs attention.", "1 de {number} operaciones requiere atención.";

    StateWaiting: "Waiting", "En espera";
    StateWell: "Up to date", "Al día";
    StateNoRows: "No rows", "Sin filas";
    StateWrongZone: "Wrong time zone", "Zona horaria equivocada";
    StateBehind: "Catching up", "Poniéndose al día";
    StateFailing: "Failing", "Con fallas";

    Waiting: "The first poll is still running.", "La primera lectura todavía no termina.";
    Well: "All is well: the figures are complete and up to date.", "Todo está bien: las cifras están completas y al día.";
    NoRows: "Polls succeed, but no row has ever come.", "Las lecturas funcionan, pero nunca ha llegado una fila.";
    NoRowsRemedy:
        "Wolkvox answers in the same way when a report is empty and when it does not exist. If the menus are in use, check \
         the server's digits, and ask Wolkvox whether the report diagram_13 is enabled for the operation.",
        "Wolkvox responde igual cuando un reporte está vacío y cuando no existe. Si los menús están en uso, revise los \
         dígitos del servidor, y pregunte a Wolkvox si el reporte diagram_13 está habilitado para la operación.";
    WrongZone:
        "Calls are dated {shift} {direction} what the zone {zone} gives for the second in their conn_id, so the figures are \
         shown at the wrong time.",
        "Las llamadas tienen fechas {shift} {direction} lo que da la zona {zone} para el segundo de su conn_id, así que las \
         cifras aparecen a una hora equivocada.";
    Ahead: "ahead of", "por delante de";
    BehindOf: "behind", "por detrás de";
    WrongZoneRemedy:
        "Set `timezone` of this operation to the zone of its Wolkvox server: `wolkvox-exporter doctor` suggests it.",
        "Ponga en `timezone` de esta operación la zona de su servidor de Wolkvox: `wolkvox-exporter doctor` la sugiere.";
    Behind:
        "The figures end {lag} ago; the exporter is reading what is missing.",
        "Las cifras terminan hace {lag}; el exportador está leyendo lo que falta.";
    BehindRemedy:
        "Nothing, as long as the delay shrinks: no row is lost. If it does not, look at the log and run `wolkvox-exporter \
         doctor`.",
        "Nada, mientras el atraso baje: no se pierde ninguna fila. Si no baja, mire el registro y ejecute `wolkvox-exporter \
         doctor`.";
    Failing:
        "The last poll failed. {What}. Polls have failed for {length}.",
        "La última lectura falló. {What}. Las lecturas fallan desde hace {length}.";

    BrokeOff:
        "Polling of this target stopped {length} ago, because of a bug in the exporter. It starts again with the next poll, \
         which reads what is missing; what was counted stays.",
        "La lectura de esta operación se interrumpió hace {length}, por un error de programación del exportador. La próxima \
         lectura recoge lo que falta; lo contado se conserva.";
    BrokeOffRemedy:
        "Please report the line `a panic` of the log.",
        "Por favor, reporte la línea `a panic` del registro.";

    Unread:
        "The last poll received {unread} rows that cannot be read, and they are in no figure: the log names the field.",
        "La última lectura recibió {unread} filas que no se pueden leer, y no están en ninguna cifra: el registro nombra \
         el campo.";
    UnreadOne:
        "The last poll received a row that cannot be read, and it is in no figure: the log names the field.",
        "La última lectura recibió una fila que no se puede leer, y no está en ninguna cifra: el registro nombra el campo.";

    ReadingAgain:
        "Meanwhile the last {depth} are being read again for late rows: {done} % done.",
        "Mientras tanto se releen las últimas {depth} en busca de filas tardías: {done} % hecho.";
    ReadingAgainFails:
        "Reading the last {depth} again for late rows stopped at {done} % ({why}), and continues by itself.",
        "La relectura de las últimas {depth} en busca de filas tardías se detuvo en el {done} % ({why}), y continúa sola.";

    AsOf: "as of {time}", "a las {time}";
    ToDo: "What to do:", "Qué hacer:";
    CompleteUpTo: "Complete up to", "Completo hasta";
    NothingYet: "nothing yet", "nada todavía";
    Ago: "{length} ago", "hace {length}";
    NewestRow: "Newest row", "Fila más nueva";
    NeverARow: "none yet", "ninguna todavía";
    NextPoll: "Next poll", "Próxima lectura";
    Within: "in {length}", "dentro de {length}";
    UnderWay: "due now", "ahora";
    RequestsToday: "Requests today", "Peticiones de hoy";
    UsedOf: "{used} of {limit}", "{used} de {limit}";
    Used: "{used}", "{used}";
    QuotaLeft:
        "{left} left; starts again at midnight, in {length}",
        "quedan {left}; se renuevan a medianoche, dentro de {length}";
    QuotaNoLimit:
        "limit unknown; starts again at midnight, in {length}",
        "límite desconocido; se renuevan a medianoche, dentro de {length}";

    LastPolls: "Last polls", "Últimas lecturas";
    NoPolls: "None yet.", "Ninguna todavía.";
    PollsAllGood: "{number} polls since {time}, all committed", "{number} lecturas desde las {time}, todas guardadas";
    PollsSomeBad:
        "{number} polls since {time}, {failed} of them failed",
        "{number} lecturas desde las {time}; fallidas: {failed}";
    OnePoll: "one poll, at {time}", "una lectura, a las {time}";
    Began: "Began", "Empezó";
    Took: "Took", "Duró";
    Result: "Result", "Resultado";
    Committed: "committed", "guardada";

    LastDay: "Hits by option, last 24 hours", "Marcaciones por opción, últimas 24 horas";
    DayRange:
        "{hits} hits, by hour of the server's clock ({zone}), from {from} to {until}.",
        "{hits} marcaciones, por hora del reloj del servidor ({zone}), de {from} a {until}.";
    KnownFrom:
        "Known since {time}; the hours before are shaded.",
        "Se conocen desde {time}; las horas anteriores están sombreadas.";
    NoHits: "No hits in this time.", "Ninguna marcación en este tiempo.";
    OneScale:
        "All bars of a routing point have the same scale.",
        "Todas las barras de un punto de enrutamiento tienen la misma escala.";
    MoreOptions: "{number} more options", "{number} opciones más";
    MorePoints:
        "{number} more routing points with {hits} hits are in the metrics.",
        "{number} puntos de enrutamiento más, con {hits} marcaciones, están en las métricas.";
    Chart:
        "{hits} hits; most from {from} to {to}: {peak}",
        "{hits} marcaciones; el máximo de {from} a {to}: {peak}";
    PointHits: "{hits} hits", "{hits} marcaciones";
    Option: "Option", "Opción";
    ByHour: "By hour", "Por hora";
    Hits: "Hits", "Marcaciones";

    Explained: "How to read this page", "Cómo leer esta página";
    ExplainedPoll:
        "A poll asks Wolkvox for the newest rows of the report diagram_13, and again for those just before, because some \
         come late. Every row is counted once.",
        "Cada lectura pide a Wolkvox las filas más nuevas del reporte diagram_13, y otra vez las que están justo antes, \
         porque algunas llegan tarde. Cada fila se cuenta una sola vez.";
    ExplainedComplete:
        "Complete up to: everything before this moment has been read and stored. Up to six minutes ago is usual.",
        "Completo hasta: todo lo anterior a este momento está leído y guardado. Lo habitual es hasta seis minutos antes.";
    ExplainedHit:
        "A hit is one row: somebody entered this option of the menu. Options with few hits are shown together.",
        "Una marcación es una fila: alguien marcó esta opción del menú. Las opciones con pocas marcaciones se muestran \
         juntas.";
    ExplainedUsual:
        "Unlike usual: what the alerts report. Each option is compared with the same time of up to four earlier weeks, at the \
         level that the other options have today.",
        "Fuera de lo habitual: lo que avisan las alertas. Cada opción se compara con la misma hora de hasta cuatro semanas \
         anteriores, al nivel que hoy tienen las demás.";
    ExplainedTimes:
        "Times are those of the Wolkvox server's zone.",
        "Las horas son las de la zona del servidor de Wolkvox.";

    ClassConnect: "no connection", "sin conexión";
    ClassTls: "TLS failed", "falló TLS";
    ClassTimeout: "no answer in time", "sin respuesta a tiempo";
    ClassHttp5xx: "the server's own error", "error del servidor";
    ClassBadRequest: "request refused", "petición rechazada";
    ClassTokenMissing: "no token", "sin token";
    ClassTokenInvalid: "token refused", "token rechazado";
    ClassQuotaExhausted: "requests spent", "peticiones agotadas";
    ClassConcurrency: "token in use elsewhere", "token en uso en otra parte";
    ClassMaintenance: "maintenance", "mantenimiento";
    ClassThrottled: "asked to slow down", "le piden ir más despacio";
    ClassNotJson: "not JSON", "no es JSON";
    ClassSchema: "not a report", "no es un reporte";
    ClassTruncated: "incomplete answer", "respuesta incompleta";
    ClassTooLarge: "answer too large", "respuesta demasiado grande";
    ClassInternal: "problem of the exporter itself", "problema del propio exportador";
}

/// Names a state.
pub(crate) fn state_words(state: TargetState) -> StatusText {
    match state {
        TargetState::Waiting => StatusText::StateWaiting,
        TargetState::Well => StatusText::StateWell,
        TargetState::NoRows => StatusText::StateNoRows,
        TargetState::WrongZone => StatusText::StateWrongZone,
        TargetState::Behind => StatusText::StateBehind,
        TargetState::Failing => StatusText::StateFailing,
    }
}

/// Names a class of errors in a few words.
pub(crate) fn class_words(class: ErrorClass) -> StatusText {
    match class {
        ErrorClass::Connect => StatusText::ClassConnect,
        ErrorClass::Tls => StatusText::ClassTls,
        ErrorClass::Timeout => StatusText::ClassTimeout,
        ErrorClass::Http5xx => StatusText::ClassHttp5xx,
        ErrorClass::BadRequest => StatusText::ClassBadRequest,
        ErrorClass::TokenMissing => StatusText::ClassTokenMissing,
        ErrorClass::TokenInvalid => StatusText::ClassTokenInvalid,
        ErrorClass::QuotaExhausted => StatusText::ClassQuotaExhausted,
        ErrorClass::Concurrency => StatusText::ClassConcurrency,
        ErrorClass::Maintenance => StatusText::ClassMaintenance,
        ErrorClass::Throttled => StatusText::ClassThrottled,
        ErrorClass::NotJson => StatusText::ClassNotJson,
        ErrorClass::Schema => StatusText::ClassSchema,
        ErrorClass::Truncated => StatusText::ClassTruncated,
        ErrorClass::TooLarge => StatusText::ClassTooLarge,
        ErrorClass::Internal => StatusText::ClassInternal,
    }
}

/// Describes the state of a target in a few sentences.
pub(crate) fn sentence(target: &TargetStatus, now: Timestamp, language: Language) -> String {
    if let PollOutcome::BrokeOff { since } = &target.outcome {
        let length = span(now.duration_since(*since).as_secs().max(0));
        return say(StatusText::BrokeOff, language, &[("length", length)]);
    }
    let lag = span(target.lag(now).map_or(0, |lag| lag.as_secs()));
    let text = match target.state(now) {
        TargetState::Waiting => StatusText::Waiting,
        TargetState::Well => StatusText::Well,
        TargetState::NoRows => StatusText::NoRows,
        TargetState::WrongZone => StatusText::WrongZone,
        TargetState::Behind => StatusText::Behind,
        TargetState::Failing => StatusText::Failing,
    };
    let (what, length) = match &target.outcome {
        PollOutcome::Failed { fault, since } => {
            let what = fault.words(language).happened;
            (
                capitalised(what.trim_end_matches('.')),
                span(now.duration_since(*since).as_secs().max(0)),
            )
        }
        PollOutcome::Waiting | PollOutcome::Committed | PollOutcome::BrokeOff { .. } => {
            (String::new(), String::new())
        }
    };
    let mut values = vec![("lag", lag), ("What", what), ("length", length)];
    if let Some(shift) = target.wrong_zone {
        let direction = if shift.seconds > 0 { StatusText::Ahead } else { StatusText::BehindOf };
        values.push(("shift", span(shift.seconds.abs())));
        values.push(("direction", say(direction, language, &[])));
        values.push(("zone", target.zone.iana_name().unwrap_or("?").to_owned()));
    }
    let sentence = say(text, language, &values);
    let sentence = target
        .deep_reads
        .iter()
        .fold(sentence, |sentence, read| format!("{sentence} {}", reading_again(read, language)));
    let unread = match target.unread {
        0 => return sentence,
        1 => StatusText::UnreadOne,
        _ => StatusText::Unread,
    };
    format!("{sentence} {}", say(unread, language, &[("unread", count(target.unread, language))]))
}

/// Describes a re-reading that is under way, in one sentence.
fn reading_again(read: &DeepReadStatus, language: Language) -> String {
    let text = if read.failure.is_some() {
        StatusText::ReadingAgainFails
    } else {
        StatusText::ReadingAgain
    };
    let why = read.failure.map_or_else(String::new, |class| say(class_words(class), language, &[]));
    let depth = span(i64::try_from(read.depth.as_secs()).unwrap_or(i64::MAX));
    // A re-reading that is under way never shows 100 %.
    let done = ((read.progress * 100.0) as u64).min(99).to_string();
    say(text, language, &[("depth", depth), ("done", done), ("why", why)])
}

/// Describes the remedy for the state, if there is one.
pub(crate) fn remedy(target: &TargetStatus, now: Timestamp, language: Language) -> Option<String> {
    match (target.state(now), &target.outcome) {
        (_, PollOutcome::Failed { fault, .. }) => Some(fault.words(language).remedy),
        (_, PollOutcome::BrokeOff { .. }) => Some(say(StatusText::BrokeOffRemedy, language, &[])),
        (TargetState::WrongZone, _) => Some(say(StatusText::WrongZoneRemedy, language, &[])),
        (TargetState::NoRows, _) => Some(say(StatusText::NoRowsRemedy, language, &[])),
        (TargetState::Behind, _) => Some(say(StatusText::BehindRemedy, language, &[])),
        _ => None,
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, now, target},
        *,
    };
    use crate::{i18n::assert_good, wolkvox::ApiError};

    #[test]
    fn both_languages_have_every_text() {
        assert_good(StatusText::ALL, &["Json", "Used"]);
    }

    #[test]
    fn a_failing_target_says_what_since_when_and_what_to_do() {
        let failing = TargetStatus {
            outcome: PollOutcome::Failed {
                fault: ApiError::TokenInvalid,
                since: at("2026-01-18T15:31:00Z"),
            },
            ..target()
        };
        assert_eq!(
            sentence(&failing, now(), Language::En),
            "The last poll failed. The token was refused: it is wrong or has expired (Wolkvox does not say which). Polls \
             have failed for 2 h 5 min."
        );
        let spanish = sentence(&failing, now(), Language::Es);
        assert!(
            spanish.starts_with("La última lectura falló. El token fue rechazado"),
            "{spanish}"
        );
        assert!(
            remedy(&failing, now(), Language::Es)
                .is_some_and(|remedy| remedy.starts_with("Pida un token"))
        );
    }

    #[test]
    fn rows_that_cannot_be_read_are_said() {
        for (unread, said) in
            [(0, None), (1, Some("a row that cannot")), (1234, Some("1,234 rows that cannot"))]
        {
            let sentence = sentence(&TargetStatus { unread, ..target() }, now(), Language::En);
            assert!(
                said.map_or(!sentence.contains("row"), |said| sentence.contains(said)),
                "{sentence}"
            );
            assert!(sentence.starts_with("All is well"), "{sentence}");
        }
    }

    #[test]
    fn what_is_read_again_is_said_with_its_progress() {
        use std::time::Duration;

        use crate::schedule::Tier;
        let read = DeepReadStatus {
            tier: Tier::Nightly,
            depth: Duration::from_secs(48 * 3600),
            progress: 0.4,
            failure: None,
        };
        let target = |read| TargetStatus { deep_reads: vec![read], ..target() };
        assert_eq!(
            sentence(&target(read), now(), Language::En),
            "All is well: the figures are complete and up to date. Meanwhile the last 2 d are being read again for late \
             rows: 40 % done."
        );
        let failed = DeepReadStatus { failure: Some(ErrorClass::Http5xx), progress: 1.0, ..read };
        let spanish = sentence(&target(failed), now(), Language::Es);
        assert!(spanish.contains("se detuvo en el 99 % (error del servidor)"), "{spanish}");
    }

    #[test]
    fn a_good_target_needs_nothing() {
        assert_eq!(remedy(&target(), now(), Language::En), None);
        let behind = at("2026-01-18T20:35:00Z");
        assert_eq!(
            sentence(&target(), behind, Language::Es),
            "Las cifras terminan hace 3 h; el exportador está leyendo lo que falta."
        );
        assert!(remedy(&target(), behind, Language::En).is_some());
    }
}
