//! The texts of the status page about deviations from the usual, in both languages.

use super::{Deviation, DeviationKind, UsualStatus, WarmUpState, texts::class_words};
use crate::{
    baseline::{Anomaly, PointAnomaly},
    i18n::{Language, count, say, span, texts},
};

texts! {
    /// One text about the usual.
    pub(crate) UsualText;
    Heading: "Unlike usual", "Fuera de lo habitual";
    Unknown:
        "Not known now: the last window has not been read.",
        "Ahora no se sabe: la última ventana no se ha leído.";
    NoWeeks:
        "There is nothing to compare with yet: an option is judged once a week of it is known.",
        "Todavía no hay con qué comparar: una opción se juzga cuando se conoce una semana de ella.";
    Nothing:
        "Nothing. Options that are compared with earlier weeks: {options}.",
        "Nada. Opciones que se comparan con semanas anteriores: {options}.";
    More: "{more} more are in the metrics.", "{more} más están en las métricas.";
    DropOff: "{observed} in {window}, usually {expected}", "{observed} en {window}; lo habitual son {expected}";
    Surge:
        "{observed} in {window}, usually {expected} at most",
        "{observed} en {window}; lo habitual son {expected} como máximo";
    Abandonment:
        "{observed} ended here in {window}, usually {expected}",
        "interacciones que terminaron aquí en {window}: {observed}; lo habitual son {expected}";
    Retries:
        "{observed} took more than one attempt in {window}, usually {expected}",
        "con más de un intento en {window}: {observed}; lo habitual son {expected}";
    Loops:
        "{observed} came back in {window}, usually {expected}",
        "de vuelta aquí en {window}: {observed}; lo habitual son {expected}";
    Time:
        "nine of ten got here within {observed} s in {window}, usually {expected} s",
        "en {window}, nueve de cada diez llegaron en {observed} s; lo habitual son {expected} s";
    HangUp:
        "calls hung up here in {window}: {observed}, usually {expected}",
        "colgaron aquí en {window}: {observed}; lo habitual son {expected}";
    Collapse:
        "all options together: {observed} in {window}, usually {expected}",
        "todas las opciones juntas: {observed} en {window}; lo habitual son {expected}";
    NoInput:
        "{observed} entered nothing in {window}, usually {expected}",
        "sin marcar nada en {window}: {observed}; lo habitual son {expected}";

    WarmUpOff:
        "What is usual is learnt from {history} of rows; the weeks before are not read (`baseline.warm_up` is 0).",
        "Lo habitual se aprende de {history} de filas; las semanas anteriores no se leen (`baseline.warm_up` es 0).";
    WarmUpReading:
        "The weeks before are being read, to know what is usual: {done} % done, with {requests} of at most {limit} \
         requests.",
        "Se están leyendo las semanas anteriores, para saber qué es lo habitual: {done} % hecho, con {requests} de \
         {limit} peticiones como máximo.";
    WarmUpFails:
        "The weeks before are being read, to know what is usual; that stopped at {done} % ({why}), and continues by itself.",
        "Se están leyendo las semanas anteriores, para saber qué es lo habitual; se detuvo en el {done} % ({why}), y \
         continúa solo.";
    WarmUpEnded:
        "What is usual is known from {history} of rows.",
        "Lo habitual se aprendió de {history} de filas.";
    WarmUpSpent:
        "What is usual is known from {history} of rows. No more of the weeks before is read: all {limit} requests for it \
         are spent, at {done} %. To go on, raise `baseline.warm_up_requests`.",
        "Lo habitual se aprendió de {history} de filas. No se lee más de las semanas anteriores: las {limit} peticiones \
         para eso se agotaron, en el {done} %. Para continuar, suba `baseline.warm_up_requests`.";
}

/// Names the option or routing point of a deviation, by its labels and its name, if it has one.
pub(crate) fn deviation_place(deviation: &Deviation) -> String {
    let point = name_and_code(deviation.point_name.as_deref(), &deviation.point.rp_id);
    let point = format!("{point} · {}", deviation.point.channel);
    match &deviation.option {
        Some(code) => {
            format!("{} · {point}", name_and_code(deviation.option_name.as_deref(), code))
        }
        None => point,
    }
}

/// Writes a name with its code, or the code if it has no other name.
pub(crate) fn name_and_code(name: Option<&str>, code: &str) -> String {
    match name {
        Some(name) if name != code => format!("{name} ({code})"),
        _ => code.to_owned(),
    }
}

/// Describes the observed and the usual number of a deviation.
pub(crate) fn deviation_figures(deviation: &Deviation, language: Language) -> String {
    let text = match deviation.anomaly {
        DeviationKind::Option(Anomaly::DropOff) => UsualText::DropOff,
        DeviationKind::Option(Anomaly::Surge) => UsualText::Surge,
        DeviationKind::Option(Anomaly::Abandonment) => UsualText::Abandonment,
        DeviationKind::Option(Anomaly::Retries) => UsualText::Retries,
        DeviationKind::Option(Anomaly::Loops) => UsualText::Loops,
        DeviationKind::Option(Anomaly::TimeToOption) => UsualText::Time,
        DeviationKind::Option(Anomaly::HangUp) => UsualText::HangUp,
        DeviationKind::Point(PointAnomaly::Collapse) => UsualText::Collapse,
        DeviationKind::Point(PointAnomaly::NoInput) => UsualText::NoInput,
    };
    let score = deviation.score;
    let values = [
        ("observed", rounded(score.observed, language)),
        ("expected", rounded(score.expected, language)),
        ("window", span(score.window.into())),
    ];
    say(text, language, &values)
}

fn rounded(number: f64, language: Language) -> String {
    count(number.round().max(0.0) as u64, language)
}

/// Describes the history of the usual, and the progress of reading the weeks before.
pub(crate) fn compared_with(usual: &UsualStatus, language: Language) -> String {
    let warm_up = &usual.warm_up;
    let text = match warm_up.state {
        WarmUpState::Off => UsualText::WarmUpOff,
        WarmUpState::Reading if warm_up.failure.is_some() => UsualText::WarmUpFails,
        WarmUpState::Reading => UsualText::WarmUpReading,
        WarmUpState::Ended => UsualText::WarmUpEnded,
        WarmUpState::RequestsSpent => UsualText::WarmUpSpent,
    };
    let values = [
        ("history", span(i64::try_from(usual.history.as_secs()).unwrap_or(i64::MAX))),
        // A reading that is under way never shows 100 %.
        ("done", ((warm_up.progress * 100.0) as u64).min(99).to_string()),
        ("requests", count(warm_up.requests.into(), language)),
        ("limit", count(warm_up.requests_limit.into(), language)),
        (
            "why",
            warm_up
                .failure
                .map_or_else(String::new, |class| say(class_words(class), language, &[])),
        ),
    ];
    say(text, language, &values)
}

#[cfg(test)]
mod tests {
    use super::{super::WarmUpStatus, *};
    use crate::{baseline::Score, i18n::assert_good, model::PointLabels, wolkvox::ErrorClass};

    #[test]
    fn both_languages_have_every_text() {
        assert_good(UsualText::ALL, &[]);
    }

    #[test]
    fn what_is_unlike_the_usual_is_a_sentence_in_both_languages() {
        let (option, point) = (DeviationKind::Option, DeviationKind::Point);
        for (anomaly, english, spanish) in [
            (option(Anomaly::DropOff), "1 in 2 h, usually 1,096", "1 en 2 h; lo habitual son 1096"),
            (
                option(Anomaly::Surge),
                "1 in 2 h, usually 1,096 at most",
                "1 en 2 h; lo habitual son 1096 como máximo",
            ),
            (
                option(Anomaly::Abandonment),
                "1 ended here in 2 h, usually 1,096",
                "interacciones que terminaron aquí en 2 h: 1; lo habitual son 1096",
            ),
            (
                option(Anomaly::Retries),
                "1 took more than one attempt in 2 h, usually 1,096",
                "con más de un intento en 2 h: 1; lo habitual son 1096",
            ),
            (
                option(Anomaly::Loops),
                "1 came back in 2 h, usually 1,096",
                "de vuelta aquí en 2 h: 1; lo habitual son 1096",
            ),
            (
                option(Anomaly::TimeToOption),
                "nine of ten got here within 1 s in 2 h, usually 1,096 s",
                "en 2 h, nueve de cada diez llegaron en 1 s; lo habitual son 1096 s",
            ),
            (
                option(Anomaly::HangUp),
                "calls hung up here in 2 h: 1, usually 1,096",
                "colgaron aquí en 2 h: 1; lo habitual son 1096",
            ),
            (
                point(PointAnomaly::Collapse),
                "all options together: 1 in 2 h, usually 1,096",
                "todas las opciones juntas: 1 en 2 h; lo habitual son 1096",
            ),
            (
                point(PointAnomaly::NoInput),
                "1 entered nothing in 2 h, usually 1,096",
                "sin marcar nada en 2 h: 1; lo habitual son 1096",
            ),
        ] {
            let deviation = Deviation { anomaly, ..deviation() };
            assert_eq!(deviation_figures(&deviation, Language::En), english);
            assert_eq!(deviation_figures(&deviation, Language::Es), spanish);
        }
        let place = |option: Option<&str>, option_name: Option<&str>, point_name: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let (option, option_name) = (own(option), own(option_name));
            deviation_place(&Deviation {
                option,
                option_name,
                point_name: own(point_name),
                ..deviation()
            })
        };
        assert_eq!(
            place(Some("9"), Some("Agendar una cita"), Some("Principal")),
            "Agendar una cita (9) · Principal (10) · voice"
        );
        assert_eq!(place(Some("9"), None, None), "9 · 10 · voice");
        assert_eq!(place(Some("AGENTE"), Some("AGENTE"), None), "AGENTE · 10 · voice");
        assert_eq!(place(None, None, Some("Principal")), "Principal (10) · voice");
    }

    fn deviation() -> Deviation {
        Deviation {
            point: PointLabels::new("10", "voice"),
            point_name: None,
            option: Some("9".to_owned()),
            option_name: None,
            anomaly: DeviationKind::Option(Anomaly::DropOff),
            score: Score { score: 2.0, observed: 1.0, expected: 1095.7, window: 7200 },
        }
    }

    #[test]
    fn the_warm_up_says_how_far_it_is_and_what_to_do() {
        let usual = |state, failure| UsualStatus {
            history: std::time::Duration::from_secs(9 * 86_400),
            warm_up: WarmUpStatus {
                state,
                progress: 0.999,
                requests: 12,
                requests_limit: 200,
                failure,
            },
            deviations: None,
        };
        for (usual, english, spanish) in [
            (usual(WarmUpState::Off, None), "not read (`baseline.warm_up` is 0)", "no se leen"),
            (
                usual(WarmUpState::Reading, None),
                "99 % done, with 12 of at most 200",
                "99 % hecho, con 12 de 200",
            ),
            (
                usual(WarmUpState::Reading, Some(ErrorClass::QuotaExhausted)),
                "stopped at 99 % (requests spent), and continues",
                "se detuvo en el 99 % (peticiones agotadas)",
            ),
            (
                usual(WarmUpState::Ended, None),
                "known from 9 d of rows.",
                "se aprendió de 9 d de filas.",
            ),
            (
                usual(WarmUpState::RequestsSpent, None),
                "all 200 requests for it are spent, at 99 %",
                "suba `baseline",
            ),
        ] {
            let said = compared_with(&usual, Language::En);
            assert!(said.contains(english), "{said}");
            let said = compared_with(&usual, Language::Es);
            assert!(said.contains(spanish), "{said}");
        }
    }
}
