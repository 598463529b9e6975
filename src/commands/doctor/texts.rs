//! Every text that only `doctor` prints, in both languages, side by side: English first, then
//! Spanish. Those of faults are in [`crate::wolkvox::ErrorText`].
//!
//! A text describes an observation, and its remedy the action.

use crate::i18n::texts;

texts! {
    /// One text.
    pub(super) Text;
    Head:
        "wolkvox-exporter {version}, doctor",
        "wolkvox-exporter {version}, doctor";
    Running:
        "At most {most} requests per target, one at a time; they count against the day's quota. If an exporter is \
         running with the same token, both use it for a moment: Wolkvox allows two requests at once.",
        "Como máximo {most} peticiones por operación, de una en una; cuentan para la cuota del día. Si hay un exportador \
         en marcha con el mismo token, los dos lo usan por un momento: Wolkvox permite dos peticiones a la vez.";
    Warning: "Warning: {warning}", "Advertencia: {warning}";
    BadConfig:
        "The configuration cannot be used, so nothing was asked. Correct this first:",
        "La configuración no se puede usar, así que no se preguntó nada. Corrija primero esto:";
    Problem: "- {problem}", "- {problem}";
    Target: "Target {name} ({endpoint})", "Operación {name} ({endpoint})";
    AllWell:
        "All is well. ([ok] good, [--] worth knowing)",
        "Todo está bien. ([ok] correcto, [--] conviene saberlo)";
    ToDo:
        "To do: {number}. ([ok] good, [--] worth knowing, [!!] to do, as the arrow says)",
        "Por hacer: {number}. ([ok] correcto, [--] conviene saberlo, [!!] por hacer, como dice la flecha)";

    Name: "name", "nombre";
    Connection: "connection", "conexión";
    Tls: "TLS", "TLS";
    Token: "token", "token";
    Quota: "quota", "cuota";
    Clock: "clock", "reloj";
    Report: "report", "reporte";
    Zone: "zone", "zona";
    Lateness: "lateness", "atraso";
    End: "end of span", "fin de tramo";
    Fields: "fields", "campos";
    Outcomes: "outcomes", "desenlaces";
    Requests: "requests", "peticiones";

    NameIsAddress: "the server is given by its address", "el servidor se indica por su dirección";
    NameFound: "{host} is {addresses}", "{host} es {addresses}";
    NameUnknown:
        "{host} has no address: {reason}",
        "{host} no tiene dirección: {reason}";
    NameRemedy:
        "Check the server's digits, and whether this machine can resolve names at all: try `getent hosts {host}`.",
        "Revise los dígitos del servidor, y si esta máquina puede resolver nombres: pruebe `getent hosts {host}`.";

    ThroughProxy:
        "through the proxy {proxy}, as {origin} says; the allow-list needs the proxy's address",
        "a través del proxy {proxy}, según {origin}; la lista de direcciones permitidas necesita la del proxy";
    PastProxy: "past the proxy, as {origin} says", "sin pasar por el proxy, según {origin}";
    ProxyRemedy:
        "This is the proxy, not Wolkvox: check its address and that it takes connections from this machine.",
        "Este es el proxy, no Wolkvox: revise su dirección y que acepte conexiones de esta máquina.";
    Connected: "{address} answers after {time} ms", "{address} responde en {time} ms";
    ConnectionRefused:
        "{address} refuses the connection ({reason})",
        "{address} rechaza la conexión ({reason})";
    ConnectionTimedOut:
        "{address} does not answer within {seconds} s",
        "{address} no responde en {seconds} s";
    ConnectionFailed: "{address} cannot be reached ({reason})", "no se puede llegar a {address} ({reason})";

    TlsGood:
        "the certificate is trusted and is that server's",
        "el certificado es de confianza y es de ese servidor";
    TlsNone:
        "none: plain http, and the token travels in the clear; for a test on one machine only",
        "no hay: es http simple y el token viaja a la vista; sirve solo para pruebas en una misma máquina";

    TokenGood: "accepted", "aceptado";

    QuotaGood:
        "{left} of {limit} requests are left today; the exporter needs about {needed} a day",
        "quedan {left} de {limit} peticiones para hoy; el exportador necesita unas {needed} al día";
    QuotaSpent:
        "all {limit} requests of the day are spent ({used} used)",
        "las {limit} peticiones del día se agotaron ({used} usadas)";
    QuotaSmall:
        "{limit} requests a day are fewer than the {needed} that the exporter needs",
        "{limit} peticiones al día son menos que las {needed} que el exportador necesita";
    QuotaSmallRemedy:
        "Poll less often: --poll.interval, or `poll.interval` in the file.",
        "Lea con menos frecuencia: --poll.interval, o `poll.interval` en el archivo.";
    QuotaUnknown:
        "the server does not give it; without `licences` in the file the exporter counts requests, but knows no limit",
        "el servidor no la dice; sin `licences` en el archivo el exportador cuenta las peticiones, pero no conoce límite";
    LicencesDiffer:
        "the configuration says {licences} licences, which makes {licences}000 requests a day; the server says {limit}",
        "la configuración dice {licences} licencias, que dan {licences}000 peticiones al día; el servidor dice {limit}";
    LicencesRemedy:
        "Correct `licences`, or leave it out: the exporter then asks the server.",
        "Corrija `licences`, o quítelo: el exportador pregunta entonces al servidor.";

    ClockGood:
        "this machine and the server agree",
        "esta máquina y el servidor coinciden";
    ClockAhead:
        "this machine's clock is {skew} ahead of the server's",
        "el reloj de esta máquina va {skew} adelantado respecto al del servidor";
    ClockBehind:
        "this machine's clock is {skew} behind the server's",
        "el reloj de esta máquina va {skew} atrasado respecto al del servidor";
    ClockRemedy:
        "Synchronise the clock over the network (`timedatectl set-ntp true`). A clock that is ahead reads windows before \
         their rows are there; one that is behind reads them late.",
        "Sincronice el reloj con la red (`timedatectl set-ntp true`). Un reloj adelantado lee las ventanas antes de \
         que estén sus filas; uno atrasado las lee tarde.";

    RowsInHour:
        "diagram_13 exists and gave {rows} rows for the last hour",
        "diagram_13 existe y dio {rows} filas de la última hora";
    RowsEarlier:
        "diagram_13 exists: {rows} rows in the last {length}, none in the last hour",
        "diagram_13 existe: {rows} filas desde hace {length}, ninguna en la última hora";
    RowsInPart:
        "diagram_13 exists; an answer for {length} was incomplete, so what follows is from its first {rows} rows. The \
         exporter halves such spans until they fit",
        "diagram_13 existe; una respuesta para {length} llegó incompleta, así que lo que sigue sale de sus primeras \
         {rows} filas. El exportador divide esos tramos hasta que caben";
    NeverRows:
        "no row in the last {length}, or no such report: Wolkvox gives the same answer to both",
        "ninguna fila desde hace {length}, o el reporte no existe: Wolkvox responde igual en ambos casos";
    NeverRowsRemedy:
        "Is this the right server? Did anybody use a menu in that time? If so, ask Wolkvox whether the report \
         diagram_13 is enabled for the operation.",
        "¿Es este el servidor correcto? ¿Alguien usó un menú en ese tiempo? Si es así, pregunte a Wolkvox si el reporte \
         diagram_13 está habilitado para la operación.";
    InternalRemedy:
        "Check this machine's certificate store (the package ca-certificates).",
        "Revise el almacén de certificados de esta máquina (el paquete ca-certificates).";

    ZoneGood:
        "{zone} fits: the dates of {calls} rows of calls agree with the seconds in their identifiers",
        "{zone} es correcta: las fechas de {calls} filas de llamadas concuerdan con los segundos de sus identificadores";
    ZoneAhead:
        "{zone} is wrong: the server's dates are {shift} ahead of it ({calls} rows of calls)",
        "{zone} no es correcta: las fechas del servidor van {shift} por delante ({calls} filas de llamadas)";
    ZoneBehind:
        "{zone} is wrong: the server's dates are {shift} behind it ({calls} rows of calls)",
        "{zone} no es correcta: las fechas del servidor van {shift} por detrás ({calls} filas de llamadas)";
    ZoneRemedy:
        "The server's clock shows {offset} now. Set --wolkvox.timezone, or `timezone` of the target, to its zone (with \
         that time now: {zones}).",
        "El reloj del servidor marca ahora {offset}. Ponga en --wolkvox.timezone, o en `timezone` de la operación, su zona \
         (con esa hora ahora: {zones}).";
    ZoneOffset:
        "{zone} does not fit: the dates themselves say {offset} ({rows} rows)",
        "{zone} no concuerda: las propias fechas indican {offset} ({rows} filas)";
    ZoneOffsetRemedy:
        "The exporter takes dates as they are written for the time of the configured zone. If the server's clock really shows \
         {offset}, set --wolkvox.timezone, or `timezone` of the target, to its zone (with that time now: {zones}). If it writes \
         the offset wrongly, compare the newest row with the time of day there.",
        "El exportador toma las fechas, como están escritas, por horas de la zona configurada. Si el reloj del servidor marca de \
         verdad {offset}, ponga en --wolkvox.timezone, o en `timezone` de la operación, su zona (con esa hora ahora: {zones}). Si \
         escribe mal el desfase, compare la fila más nueva con la hora de allí.";
    ZoneFuture:
        "{zone} is wrong: rows are dated in the future",
        "{zone} no es correcta: hay filas con fecha del futuro";
    ZoneUnknownRemedy:
        "Set --wolkvox.timezone, or `timezone` of the target, to the zone of the server's clock.",
        "Ponga en --wolkvox.timezone, o en `timezone` de la operación, la zona del reloj del servidor.";
    ZoneUnknown:
        "{zone}; one cannot know whether it is right without a call among the rows (only calls carry the second at which they \
         began)",
        "{zone}; no se puede saber si es correcta sin una llamada entre las filas (solo ellas llevan el segundo en que empezaron)";

    LatenessSeen:
        "the newest row is {age} old, so some rows come that soon. How late the last ones come takes longer to find out: the \
         running exporter measures it (wolkvox_row_lateness_seconds)",
        "la fila más nueva tiene {age}: así de pronto llegan algunas. Cuánto tardan las demás lo mide el \
         exportador en marcha (wolkvox_row_lateness_seconds)";
    LatenessOld:
        "the newest row is {age} old: either nobody used a menu since, or rows come that late. The running exporter measures it \
         (wolkvox_row_lateness_seconds)",
        "la fila más nueva tiene {age}: o nadie usó un menú desde entonces, o las filas llegan así de tarde. Lo mide el exportador \
         en marcha (wolkvox_row_lateness_seconds)";
    LatenessUnknown:
        "unknown until the zone is right and dates can be read",
        "no se puede saber hasta que la zona sea correcta y las fechas se puedan leer";

    EndIncluded:
        "the server includes the last second of a span",
        "el servidor incluye el último segundo de un tramo";
    EndExcluded:
        "the server leaves out the last second of a span; the exporter's spans share a second, so that nothing is lost",
        "el servidor deja fuera el último segundo de un tramo; los tramos del exportador comparten un segundo, así que no \
         se pierde nada";
    EndLoose:
        "the server also sends rows after the end of a span; the exporter counts each row once all the same",
        "el servidor también envía filas posteriores al fin de un tramo; aun así el exportador cuenta cada fila una vez";
    EndUnknown:
        "unknown whether the server includes it: an answer failed",
        "no se puede saber si el servidor lo incluye: una respuesta falló";

    FieldShapes:
        "of {rows} rows, by shape, never by value (9 a digit, a or A a word, x letters with digits)",
        "de {rows} filas, por su forma, nunca su valor (9 un dígito, a o A una palabra, x letras con dígitos)";
    Undated:
        "rows without a date that can be read, so that they cannot be counted: {undated} of {rows} (9 a digit, a or A a \
         word, x letters with digits)",
        "filas sin fecha legible, que por eso no se pueden contar: {undated} de {rows} (9 un dígito, a o A una palabra, \
         x letras con dígitos)";
    UndatedRemedy:
        "Report the shape of `date` below to the makers of this exporter; it holds nothing personal.",
        "Reporte la forma de `date`, abajo, a los autores de este exportador; no contiene nada personal.";
    FieldPattern:
        "in {share} % of the rows; length {length}: {patterns}",
        "en el {share} % de las filas; longitud {length}: {patterns}";
    FieldPersonal:
        "in {share} % of the rows; personal, so nothing else is shown",
        "en el {share} % de las filas; personal, no se muestra más";
    FieldAbsent: "in no row", "en ninguna fila";
    OtherFields:
        "not documented, and not read: {names}",
        "no documentados, y no se leen: {names}";
    Unreadable:
        "entries that are no rows: {number} (a line of totals, or something broken); the exporter counts them as rejected",
        "entradas que no son filas: {number} (una línea de totales, o algo roto); el exportador las cuenta como rechazadas";

    OutcomesFit:
        "what became of calls is read, too: about {needed} requests a day more, of {limit}, which leaves enough for the menus",
        "también se lee en qué terminan las llamadas: unas {needed} peticiones más al día, de {limit}; alcanza para los menús";
    OutcomesTight:
        "what became of calls is read, too: about {needed} requests a day more, of {limit}. That is tight: when few requests are \
         left, the menus come first",
        "también se lee en qué terminan las llamadas: unas {needed} peticiones más al día, de {limit}. Es justo: cuando \
         quedan pocas, primero van los menús";
    OutcomesOffFit:
        "what became of calls is not read; with `outcomes: true` it would take about {needed} requests a day, of {limit}, \
         which leaves enough",
        "no se lee en qué terminan las llamadas; con `outcomes: true` gastaría unas {needed} peticiones al día, de {limit}, \
         y alcanza";
    OutcomesOffTight:
        "what became of calls is not read; with `outcomes: true` it would take about {needed} requests a day, of {limit}, \
         which is too tight to recommend it",
        "no se lee en qué terminan las llamadas; con `outcomes: true` gastaría unas {needed} peticiones al día, de {limit}: \
         es muy justo para recomendarlo";
    OutcomesNone:
        "no row of diagram_1 in that time, or no such report: Wolkvox gives the same answer to both. If calls came in, ask \
         Wolkvox whether it is enabled",
        "ninguna fila de diagram_1 en ese tiempo, o el reporte no existe: Wolkvox responde igual en ambos casos. Si entraron \
         llamadas, pregunte a Wolkvox si está habilitado";
    OutcomesSeen:
        "diagram_1 exists and gave {rows} rows of {calls} calls: {reached} reached the queue, {hung_up} were hung up, and \
         {other} say something else",
        "diagram_1 existe y dio {rows} filas de {calls} llamadas: {reached} llegaron a la cola, en {hung_up} colgaron, y \
         {other} dicen otra cosa";
    CallsOfOneRow:
        "each call has one row there: the counts are calls",
        "cada llamada tiene allí una fila: lo contado son llamadas";
    CallsOfManyRows:
        "calls have up to {most} rows there: the counts by option are rows, and only the time to the hang-up counts each \
         call once",
        "las llamadas tienen allí hasta {most} filas: lo contado por opción son filas, y solo el tiempo hasta colgar cuenta \
         cada llamada una vez";
    CallsDatedAtEnd: "its rows are dated by the end of the call", "sus filas tienen la fecha del fin de la llamada";
    CallsDatedAtBegin:
        "its rows are dated by the beginning of the call: a long call comes late, and is counted all the same",
        "sus filas tienen la fecha del comienzo de la llamada: una llamada larga llega tarde, y se cuenta igual";
    CallsDatedUnknown:
        "these rows do not show whether dates are of the beginning or the end of the call",
        "con estas filas no se puede saber si la fecha es del comienzo o del fin de la llamada";

    Spent:
        "{spent} of at most {most} were spent, and count against the day's quota",
        "se gastaron {spent} de {most} como máximo, y cuentan para la cuota del día";
    BudgetSpent:
        "doctor has spent all its requests",
        "doctor ya gastó todas sus peticiones";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::{Language, Words, assert_good};

    #[test]
    fn both_languages_have_every_text() {
        assert_good(Text::ALL, &["Head", "Problem", "Tls", "Token"]);
        assert!(Text::ALL.len() > 60);
    }

    /// The column of checks is narrow.
    #[test]
    fn names_of_checks_are_short() {
        let checks = [
            Text::Name,
            Text::Connection,
            Text::Tls,
            Text::Token,
            Text::Quota,
            Text::Clock,
            Text::Report,
            Text::Zone,
            Text::Lateness,
            Text::End,
            Text::Fields,
            Text::Outcomes,
            Text::Requests,
        ];
        for check in checks {
            for language in [Language::En, Language::Es] {
                assert!(check.in_language(language).chars().count() <= 12, "{check:?}");
            }
        }
    }
}
