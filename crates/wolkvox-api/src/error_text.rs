//! The texts of errors: the event and its remedy, in English and Spanish.
//!
//! The log, the status page and `doctor` have no other words for an error. A text never holds the
//! token, a row or a body.

use super::error::ApiError;
use i18n::{Language, say, texts};

texts! {
    /// The event of an error, or its remedy.
    #[allow(missing_docs, reason = "a text is its own documentation")]
    pub ErrorText;
    ConnectionBroke:
        "the connection was opened, and then it broke ({detail})",
        "la conexión se abrió y luego se cortó ({detail})";
    NoConnection: "the connection to Wolkvox failed ({detail})", "la conexión con Wolkvox falló ({detail})";
    NoConnectionRemedy:
        "Does this machine reach the Internet, and does a firewall of your own let it out? If only a proxy leads there, \
         name it in HTTPS_PROXY or in `proxy_url` of the target. The exporter tries again by itself, and loses no row.",
        "¿Llega esta máquina a Internet, y la deja salir su propio firewall? Si solo se sale por un proxy, indíquelo en \
         HTTPS_PROXY o en `proxy_url` de la operación. El exportador lo intenta de nuevo solo, y no pierde ninguna fila.";
    NoProxy:
        "no connection to Wolkvox through the proxy {proxy}: {detail}",
        "no hay conexión con Wolkvox a través del proxy {proxy}: {detail}";
    NoProxyRemedy:
        "Check that the proxy runs, that it takes connections from this machine with the user and password given, and that \
         it lets them through to port 443 of Wolkvox. The operation's allow-list needs the proxy's public address. The \
         exporter tries again by itself, and loses no row.",
        "Revise que el proxy funcione, que acepte conexiones de esta máquina con el usuario y la contraseña indicados, y \
         que las deje pasar al puerto 443 de Wolkvox. La lista de direcciones permitidas de la operación \
         necesita la dirección pública del proxy. El exportador lo intenta de nuevo solo, y no pierde ninguna fila.";
    ConnectionRefused:
        "the connection to Wolkvox is refused ({detail})",
        "Wolkvox rechaza la conexión ({detail})";
    ConnectTimedOut:
        "Wolkvox does not accept the connection within {detail} s",
        "Wolkvox no acepta la conexión en {detail} s";
    NameNotFound:
        "the server's name has no address ({detail})",
        "el nombre del servidor no tiene dirección ({detail})";
    NoNameServer:
        "no name server answers within {detail} s",
        "ningún servidor de nombres responde en {detail} s";
    NameNotFoundRemedy:
        "Check the server's digits, and whether this machine can resolve names at all (`getent hosts`, the file \
         /etc/resolv.conf).",
        "Revise los dígitos del servidor, y si esta máquina puede resolver nombres (`getent hosts`, el archivo \
         /etc/resolv.conf).";
    TooManyOpenFiles:
        "the exporter may not open another file or connection ({detail})",
        "el exportador no puede abrir ni un archivo ni una conexión más ({detail})";
    TooManyOpenFilesRemedy:
        "Raise the limit: `LimitNOFILE=` of the systemd unit, `--ulimit nofile=` of the container, `ulimit -n` of the \
         shell. If it fills up again, find out who opens so many connections to the exporter.",
        "Suba el límite: `LimitNOFILE=` de la unidad de systemd, `--ulimit nofile=` del contenedor, `ulimit -n` del \
         shell. Si se vuelve a llenar, averigüe quién abre tantas conexiones hacia el exportador.";
    BadHead:
        "the head of the answer cannot be read: {detail}",
        "la cabecera de la respuesta no se puede leer: {detail}";
    BadHeadRemedy:
        "Something in between adds invalid headers or more than the 100 that are read (a load balancer that sets many \
         cookies, a firewall), or this is not a web server. Ask it with `curl -i` and see what it sends.",
        "Algo en el camino agrega cabeceras incorrectas o más de las 100 que se leen (un balanceador que pone muchas cookies, \
         un firewall), o no es un servidor web. Pregúntele con `curl -i` y mire qué envía.";
    Forbidden:
        "the request is refused (HTTP 403), but not by Wolkvox itself",
        "la petición fue rechazada (HTTP 403), pero no por Wolkvox mismo";
    ForbiddenRemedy:
        "A web firewall or a proxy in between refuses it, before Wolkvox looks at the token. Ask Wolkvox whether this \
         machine's public address is on the operation's allow-list, and whether their web firewall blocks it; then look \
         for a proxy of your own.",
        "La rechaza un firewall web o un proxy en el camino, antes de que Wolkvox mire el token. Pregunte a Wolkvox si \
         la dirección pública de esta máquina está en la lista de direcciones permitidas de la operación, y si la bloquea su \
         firewall web; después busque un proxy propio.";
    ForeignNotFound:
        "the answer is HTTP 404, but not the one with which Wolkvox reports an empty window",
        "la respuesta es HTTP 404, pero no la que Wolkvox da para una ventana vacía";
    ForeignNotFoundRemedy:
        "A gateway or another web server answers in Wolkvox's place. Check the server's digits, and what is in between. \
         Nothing is counted meanwhile, and nothing is lost: the window is read again.",
        "Un gateway u otro servidor web responde en lugar de Wolkvox. Revise los dígitos del servidor, y qué hay en el camino. \
         Mientras tanto no se cuenta ni se pierde nada: la ventana se lee de nuevo.";
    ContentEncoding:
        "the answer is encoded as {detail}, which was not asked for",
        "la respuesta viene codificada como {detail}, que no se pidió";
    ContentEncodingRemedy:
        "A proxy or a cache in between changes the answers: make it pass them on as they are (the exporter sends \
         `Accept-Encoding: gzip`).",
        "Un proxy o una caché en el camino cambia las respuestas: haga que las pase como son (el exportador envía \
         `Accept-Encoding: gzip`).";
    RowsRejected:
        "{rejected} of {total} rows cannot be read: the field `{field}` has the shape `{pattern}`",
        "{rejected} de {total} filas no se pueden leer: el campo `{field}` tiene la forma `{pattern}`";
    RowsRejectedRemedy:
        "Wolkvox has changed the report. Nothing is counted until its rows can be read, and nothing is lost: the window is \
         read again. Look for a newer version of the exporter, or report this shape to its makers: it holds nothing \
         personal.",
        "Wolkvox cambió el reporte. No se cuenta nada hasta que sus filas se puedan leer, y no se pierde nada: la ventana se lee \
         de nuevo. Busque una versión más nueva del exportador, o reporte esta forma a sus autores: no contiene nada personal.";
    AllowListRemedy:
        "Wolkvox lets in only the addresses on the operation's allow-list, at most 5. Ask Wolkvox to put this \
         machine's public address on it: the one that the Internet sees, which is not the one of the local network. \
         If it is there already: does a firewall of your own let this machine out, or does only a proxy (HTTPS_PROXY, or \
         `proxy_url` of the target)?",
        "Wolkvox solo deja entrar las direcciones permitidas de la operación, 5 como máximo. Pida a \
         Wolkvox que incluya la dirección pública de esta máquina: la que se ve desde Internet, que no es la de la red \
         local. Si ya está incluida: ¿deja salir a esta máquina su propio firewall, o solo se sale por un proxy \
         (HTTPS_PROXY, o `proxy_url` de la operación)?";
    TlsFailed: "the TLS handshake failed: {detail}", "la negociación TLS falló: {detail}";
    TlsRemedy:
        "Check this machine's clock, its certificate store (the package ca-certificates), and the server's name. A \
         firewall that inspects TLS puts a certificate of its own in the place of Wolkvox's: exempt this server from it.",
        "Revise el reloj de esta máquina, su almacén de certificados (el paquete ca-certificates) y el nombre del \
         servidor. Un firewall que inspecciona TLS pone su propio certificado en lugar del de Wolkvox: exceptúe \
         este servidor.";
    TokenInvalid:
        "the token was refused: it is wrong or has expired (Wolkvox does not say which)",
        "el token fue rechazado: es incorrecto o venció (Wolkvox no dice cuál de los dos)";
    TokenUnreadable: "{detail}", "{detail}";
    TokenRemedy:
        "Ask for a valid token of this operation and put it into {token}, alone and on one line. A token of another \
         operation is wrong here.",
        "Pida un token válido de esta operación y póngalo en {token}, solo y en una línea. El token de otra operación \
         no sirve aquí.";
    TokenFile: "its file", "su archivo";
    TokenMissing: "the server saw no token", "el servidor no vio ningún token";
    TokenMissingRemedy:
        "The exporter sent it in the header `wolkvox-token`, and something in between removed it. Look for a proxy or a \
         firewall that filters headers.",
        "El exportador lo envió en la cabecera `wolkvox-token`, y algo en el camino la quitó. Busque un proxy o un firewall que \
         filtre cabeceras.";
    TokenShared:
        "somebody else is using this token right now: more than 2 requests at once",
        "alguien más está usando este token ahora mismo: más de 2 peticiones a la vez";
    TokenSharedRemedy:
        "Give the exporter a token of its own.",
        "Dé al exportador un token propio.";
    QuotaExhausted: "the day's requests are spent", "las peticiones del día se agotaron";
    QuotaSpentRemedy:
        "It fills up again at the server's midnight, and the exporter then catches up without losing a row. All tokens \
         of the operation share it: find out who else spends it, or poll more rarely (--poll.interval).",
        "Se renuevan a la medianoche del servidor, y el exportador lee entonces lo pendiente sin perder ninguna fila. Todos \
         los tokens de la operación las comparten: averigüe quién más las gasta, o lea con menos frecuencia \
         (--poll.interval).";
    QuotaReserved:
        "what is left of the day's requests is kept for the newest data",
        "lo que queda de las peticiones del día se reserva para los datos más nuevos";
    QuotaReservedRemedy:
        "Catching up continues with one request a poll, and faster after the server's midnight. All tokens of the \
         operation share the day's requests: find out who else spends them, or poll more rarely (--poll.interval).",
        "Lo pendiente se lee con una petición por lectura, y más rápido después de la medianoche del servidor. \
         Todos los tokens de la operación comparten las peticiones del día: averigüe quién más las gasta, o lea con \
         menos frecuencia (--poll.interval).";
    UnknownReport:
        "the server does not know {asked}; it says {detail}",
        "el servidor no conoce {asked}; dice {detail}";
    Refused: "the server refuses the request with an unknown message: {detail}",
        "el servidor rechaza la petición con un mensaje desconocido: {detail}";
    UnknownReportRemedy:
        "Ask Wolkvox whether this report is enabled for this operation, and check the server's digits.",
        "Pregunte a Wolkvox si este reporte está habilitado para esta operación, y revise los dígitos del servidor.";
    Redirected:
        "the server redirects the request (HTTP {detail}); the exporter does not follow, because the other server would see the \
         token",
        "el servidor redirige la petición (HTTP {detail}); el exportador no la sigue, porque el otro servidor vería el token";
    NotJson:
        "the answer is not JSON, but a web page or something else",
        "la respuesta no es JSON, sino una página web u otra cosa";
    Schema: "the answer is JSON, but not a report", "la respuesta es JSON, pero no un reporte";
    NotEmpty:
        "the answer has no rows and an unknown message: {detail}",
        "la respuesta no trae filas, y sí un mensaje desconocido: {detail}";
    NotWolkvoxRemedy:
        "Is this the Wolkvox server? Check its digits, and look for a proxy or a sign-in page in between.",
        "¿Es este el servidor de Wolkvox? Revise sus dígitos, y si hay en el camino un proxy o una página de ingreso.";
    TimedOut: "no complete answer within {detail} s", "no hubo respuesta completa en {detail} s";
    ServerError: "the server answers with its own error, HTTP {detail}", "el servidor responde con un error suyo, HTTP {detail}";
    Maintenance:
        "the server is in maintenance; it says {detail}",
        "el servidor está en mantenimiento; dice {detail}";
    Throttled: "the server asks for fewer requests (HTTP 429)", "el servidor pide menos peticiones (HTTP 429)";
    TooFewRows:
        "the answer is incomplete ({received} rows of the {promised} announced)",
        "la respuesta llegó incompleta ({received} filas de las {promised} anunciadas)";
    Busy:
        "the server is busy, and asks for a pause of {detail} s",
        "el servidor está ocupado, y pide una pausa de {detail} s";
    Contradicts:
        "the answer holds {held} of the {known} rows that Wolkvox sent before for the same times",
        "la respuesta trae {held} de las {known} filas que Wolkvox envió antes para las mismas horas";
    ContradictsRemedy:
        "Check that the target's server and token belong to the same operation as before, and compare this report in \
         Wolkvox for the last hour: if its rows are there, tell Wolkvox that its API leaves them out. Nothing is lost or counted \
         meanwhile. After an hour counting continues from there without counting anything twice, and wolkvox_windows_incomplete_total \
         rises.",
        "Revise que el servidor y el token configurados sean de la misma operación que antes, y mire en Wolkvox este reporte \
         de la última hora: si sus filas están allí, avise a Wolkvox que su API las omite. Mientras tanto no se \
         pierde ni se cuenta nada. Después de una hora se sigue contando desde ahí, sin contar nada dos veces, y sube \
         wolkvox_windows_incomplete_total.";
    OutsideRange:
        "none of the {detail} rows of the answer is dated within the times that were asked for",
        "ninguna de las {detail} filas de la respuesta tiene fecha dentro de las horas pedidas";
    OutsideRangeRemedy:
        "Their dates may be in another time zone or without seconds, or something in between sends an old answer again: check \
         the target's timezone with `wolkvox-exporter doctor`. Nothing of the answer is counted.",
        "Sus fechas pueden estar en otra zona horaria o sin segundos, o algo en el camino repite una respuesta vieja: revise la \
         zona horaria de la operación con `wolkvox-exporter doctor`. Nada de la respuesta se cuenta.";
    CutOff: "the answer was cut off before its end", "la respuesta se cortó antes de su fin";
    TooLarge: "the answer exceeds {detail} bytes", "la respuesta pasa de {detail} bytes";
    LaterRemedy:
        "Nothing is wrong on this side. The exporter tries again by itself, and loses no row. If it lasts for hours, ask \
         Wolkvox.",
        "El problema no es de este lado. El exportador lo intenta de nuevo solo, y no pierde ninguna fila. Si dura horas, \
         pregunte a Wolkvox.";
    ClocksDisagree:
        "this machine's clock shows {ours}, the server's {theirs}: counting does not begin until they agree",
        "el reloj de esta máquina marca {ours}, el del servidor {theirs}: no se empieza a contar hasta que coincidan";
    ClocksDisagreeRemedy:
        "Set this machine's clock (timedatectl, NTP). If the server's is the wrong one, allow for more with \
         poll.max_clock_skew. Nothing has been counted, and nothing is lost.",
        "Ponga en hora el reloj de esta máquina (timedatectl, NTP). Si el que anda mal es el del servidor, permita más \
         diferencia con poll.max_clock_skew. Aún no se ha contado nada, y nada se pierde.";
    Internal: "the exporter has a problem of its own: {detail}", "el exportador tiene un problema interno: {detail}";
    InternalRemedy:
        "Is the disk of the state file full or read-only? The log says more. When the problem is solved, the exporter \
         continues by itself, and loses no row.",
        "¿Está lleno, o protegido contra escritura, el disco del archivo de estado? El registro dice más. Cuando se resuelva \
         el problema, el exportador sigue solo, y no pierde ninguna fila.";
}

/// An error in the words of one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorWords {
    /// The event: part of a sentence, without a full stop.
    pub happened: String,
    /// The remedy: whole sentences.
    pub remedy: String,
}

impl ApiError {
    /// Returns the texts of the event and of the remedy.
    pub fn texts(&self) -> (ErrorText, ErrorText) {
        use ErrorText as Text;
        match self {
            Self::Connect(_) => (Text::NoConnection, Text::NoConnectionRemedy),
            Self::NoProxy { .. } => (Text::NoProxy, Text::NoProxyRemedy),
            Self::ConnectionRefused(_) => (Text::ConnectionRefused, Text::AllowListRemedy),
            Self::ConnectTimeout(_) => (Text::ConnectTimedOut, Text::AllowListRemedy),
            Self::NameNotFound(_) => (Text::NameNotFound, Text::NameNotFoundRemedy),
            Self::NoNameServer(_) => (Text::NoNameServer, Text::NameNotFoundRemedy),
            Self::TooManyOpenFiles(_) => (Text::TooManyOpenFiles, Text::TooManyOpenFilesRemedy),
            Self::BadHead(_) => (Text::BadHead, Text::BadHeadRemedy),
            Self::Forbidden => (Text::Forbidden, Text::ForbiddenRemedy),
            Self::ForeignNotFound => (Text::ForeignNotFound, Text::ForeignNotFoundRemedy),
            Self::ContentEncoding(_) => (Text::ContentEncoding, Text::ContentEncodingRemedy),
            Self::RowsRejected { .. } => (Text::RowsRejected, Text::RowsRejectedRemedy),
            Self::Tls(_) => (Text::TlsFailed, Text::TlsRemedy),
            Self::Timeout(_) => (Text::TimedOut, Text::LaterRemedy),
            Self::Http5xx(_) => (Text::ServerError, Text::LaterRemedy),
            Self::Busy(_) => (Text::Busy, Text::LaterRemedy),
            Self::UnknownReport { .. } => (Text::UnknownReport, Text::UnknownReportRemedy),
            Self::Refused { .. } => (Text::Refused, Text::UnknownReportRemedy),
            Self::Redirected(_) => (Text::Redirected, Text::NotWolkvoxRemedy),
            Self::TokenMissing => (Text::TokenMissing, Text::TokenMissingRemedy),
            Self::TokenUnreadable(_) => (Text::TokenUnreadable, Text::TokenRemedy),
            Self::TokenInvalid => (Text::TokenInvalid, Text::TokenRemedy),
            Self::QuotaExhausted => (Text::QuotaExhausted, Text::QuotaSpentRemedy),
            Self::QuotaReserved => (Text::QuotaReserved, Text::QuotaReservedRemedy),
            Self::Concurrency => (Text::TokenShared, Text::TokenSharedRemedy),
            Self::Maintenance(_) => (Text::Maintenance, Text::LaterRemedy),
            Self::Throttled(_) => (Text::Throttled, Text::LaterRemedy),
            Self::NotJson(_) => (Text::NotJson, Text::NotWolkvoxRemedy),
            Self::Schema(_) => (Text::Schema, Text::NotWolkvoxRemedy),
            Self::NotEmpty(_) => (Text::NotEmpty, Text::LaterRemedy),
            Self::TooFewRows { .. } => (Text::TooFewRows, Text::LaterRemedy),
            Self::Contradicts { .. } => (Text::Contradicts, Text::ContradictsRemedy),
            Self::OutsideRange { .. } => (Text::OutsideRange, Text::OutsideRangeRemedy),
            Self::CutOff => (Text::CutOff, Text::LaterRemedy),
            Self::TooLarge(_) => (Text::TooLarge, Text::LaterRemedy),
            Self::ClocksDisagree { .. } => (Text::ClocksDisagree, Text::ClocksDisagreeRemedy),
            Self::Internal(_) => (Text::Internal, Text::InternalRemedy),
        }
    }

    /// Returns the values for the places in these texts.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let detail = match self {
            Self::Connect(reason)
            | Self::ConnectionRefused(reason)
            | Self::NameNotFound(reason)
            | Self::TooManyOpenFiles(reason)
            | Self::BadHead(reason)
            | Self::ContentEncoding(reason)
            | Self::Tls(reason)
            | Self::TokenUnreadable(reason)
            | Self::Internal(reason) => reason.clone(),
            Self::UnknownReport { asked, message } => {
                return vec![("asked", (*asked).to_owned()), ("detail", format!("{message:?}"))];
            }
            Self::Maintenance(words) | Self::NotEmpty(words) => format!("{words:?}"),
            Self::Refused { status, message } => format!("HTTP {status}: {message:?}"),
            Self::Http5xx(status) | Self::Redirected(status) => status.to_string(),
            Self::Timeout(wait)
            | Self::ConnectTimeout(wait)
            | Self::NoNameServer(wait)
            | Self::Busy(wait) => wait.as_secs().to_string(),
            Self::Contradicts { known, held } => {
                return vec![("known", known.to_string()), ("held", held.to_string())];
            }
            Self::OutsideRange { rows } => rows.to_string(),
            Self::TooLarge(bytes) => bytes.to_string(),
            Self::TooFewRows { received, promised, .. } => {
                return vec![
                    ("received", received.to_string()),
                    ("promised", promised.to_string()),
                ];
            }
            Self::ClocksDisagree { ours, theirs } => {
                return vec![("ours", ours.to_string()), ("theirs", theirs.to_string())];
            }
            Self::NoProxy { proxy, reason } => {
                return vec![("proxy", proxy.clone()), ("detail", reason.clone())];
            }
            Self::RowsRejected { rejected, total, field, pattern } => {
                return vec![
                    ("rejected", rejected.to_string()),
                    ("total", total.to_string()),
                    ("field", (*field).to_owned()),
                    ("pattern", pattern.clone()),
                ];
            }
            _ => return Vec::new(),
        };
        vec![("detail", detail)]
    }

    /// Describes the event and the remedy for readers who do not see the configuration, without the
    /// name of the token's file.
    pub fn words(&self, language: Language) -> ErrorWords {
        let (happened, remedy) = self.texts();
        let mut values = self.values();
        values.push(("token", say(ErrorText::TokenFile, language, &[])));
        ErrorWords {
            happened: say(happened, language, &values),
            remedy: say(remedy, language, &values),
        }
    }
}

/// Writes the error for the log: in English, on one line, and with details of JSON.
impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ErrorWords { happened, remedy } = self.words(Language::En);
        f.write_str(happened.trim_end_matches('.'))?;
        if let Self::NotJson(reason) | Self::Schema(reason) = self {
            write!(f, " ({reason})")?;
        }
        write!(f, ". {remedy}")
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use i18n::assert_good;

    #[test]
    fn both_languages_have_every_text() {
        assert_good(ErrorText::ALL, &["TokenUnreadable"]);
    }

    #[test]
    fn every_value_of_a_fault_finds_its_place() {
        let words = || "DOES NOT EXIST".to_owned();
        for (fault, parts) in [
            (ApiError::Connect("reset".into()), &["(reset)"][..]),
            (ApiError::ConnectionRefused("refused".into()), &["(refused)"]),
            (ApiError::ConnectTimeout(Duration::from_secs(10)), &["10 s"]),
            (ApiError::NameNotFound("no such name".into()), &["(no such name)"]),
            (ApiError::TooManyOpenFiles("os error 24".into()), &["(os error 24)"]),
            (ApiError::BadHead("message head is too large".into()), &["message head is too large"]),
            (ApiError::ContentEncoding("br".into()), &[" br,"]),
            (
                ApiError::RowsRejected {
                    rejected: 3,
                    total: 4,
                    field: "date",
                    pattern: "99/99/9999".into(),
                },
                &["3 ", "4 ", "`date`", "`99/99/9999`"],
            ),
            (ApiError::Forbidden, &["HTTP 403"]),
            (ApiError::ForeignNotFound, &["HTTP 404"]),
            (ApiError::Timeout(Duration::from_secs(60)), &["60 s"]),
            (ApiError::TooFewRows { received: 7, promised: 9, server_time: None }, &["7 ", "9 "]),
            (
                ApiError::UnknownReport { asked: "diagram_1", message: words() },
                &["diagram_1;", "\"DOES NOT EXIST\""],
            ),
            (
                ApiError::Refused { status: 418, message: words() },
                &["HTTP 418: \"DOES NOT EXIST\""],
            ),
            (ApiError::TooLarge(268_435_456), &["268435456 bytes"]),
            (
                ApiError::ClocksDisagree {
                    ours: jiff::Timestamp::UNIX_EPOCH,
                    theirs: jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24),
                },
                &["1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"],
            ),
            (ApiError::Internal("the state file failed".into()), &["the state file failed"]),
        ] {
            for language in [Language::En, Language::Es] {
                let ErrorWords { happened, remedy } = fault.words(language);
                assert!(parts.iter().all(|part| happened.contains(part)), "{happened}");
                assert!(
                    !happened.contains('{') && !remedy.contains('{') && remedy.len() > 20,
                    "{happened} {remedy}"
                );
                if language == Language::En {
                    assert_eq!(fault.to_string(), format!("{happened}. {remedy}"));
                }
            }
        }
        // The allow-list is named only where it can be the cause.
        for (fault, named) in [
            (ApiError::ConnectionRefused(String::new()), true),
            (ApiError::ConnectTimeout(Duration::ZERO), true),
            (ApiError::Connect(String::new()), false),
            (ApiError::NameNotFound(String::new()), false),
            (ApiError::TooManyOpenFiles(String::new()), false),
            (ApiError::BadHead(String::new()), false),
        ] {
            assert_eq!(fault.to_string().contains("allow-list"), named, "{fault}");
        }
        let ErrorWords { remedy, .. } = ApiError::TokenInvalid.words(Language::Es);
        assert!(remedy.contains("póngalo en su archivo, solo"), "{remedy}");
    }

    #[test]
    fn the_log_says_why_an_answer_is_none() {
        let error = ApiError::Schema("it has no code of success".into()).to_string();
        assert!(
            error.starts_with(
                "the answer is JSON, but not a report (it has no code of success). Is this"
            ),
            "{error}"
        );
    }

    #[test]
    fn the_text_knows_of_the_proxy() {
        let error =
            ApiError::NoProxy { proxy: "http://egress:3128".into(), reason: "refused".into() };
        for language in Language::ALL {
            let ErrorWords { happened, remedy } = error.words(language);
            assert!(happened.contains("proxy http://egress:3128: refused"), "{happened}");
            assert!(remedy.contains("proxy"), "{remedy}");
        }
        for text in ErrorText::ALL {
            for language in Language::ALL {
                let words = i18n::say(*text, language, &[]);
                assert!(
                    !words.contains("never through") && !words.contains("nunca por"),
                    "{words}"
                );
            }
        }
    }
}
