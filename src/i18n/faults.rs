//! What a fault means to the person in front of it, and what to do about it: for `doctor` and the status page alike.
//!
//! The log has words of its own, which are [`ApiError`]'s: English, and all on one line.

use super::{Language, say, texts};
use crate::wolkvox::ApiError;

texts! {
    /// What was seen, or what to do about it.
    pub(crate) FaultText;
    ConnectionBroke:
        "the connection was opened, and then it broke ({detail})",
        "la conexión se abrió y luego se cortó ({detail})";
    NoConnection: "there is no connection to Wolkvox ({detail})", "no hay conexión con Wolkvox ({detail})";
    AllowListRemedy:
        "Wolkvox lets in only the addresses on the operation's allow-list, at most 5. Ask Wolkvox to put this \
         machine's public address on it: the one that the Internet sees, which is not the one of the local network. \
         If it is there already: does a firewall of your own let this machine out? The exporter connects directly, \
         never through a proxy.",
        "Wolkvox solo deja entrar las direcciones de la lista de permitidas de la operación, 5 como máximo. Pida a \
         Wolkvox que incluya la dirección pública de esta máquina: la que se ve desde Internet, que no es la de la red \
         local. Si ya está incluida: ¿deja salir a esta máquina su propio cortafuegos? El exporter se conecta \
         directamente, nunca por un proxy.";
    TlsFailed: "the TLS handshake failed: {detail}", "la negociación TLS falló: {detail}";
    TlsRemedy:
        "Check this machine's clock, its certificate store (the package ca-certificates), and the server's name. A \
         firewall that inspects TLS puts a certificate of its own in the place of Wolkvox's: exempt this server from it.",
        "Revise el reloj de esta máquina, su almacén de certificados (el paquete ca-certificates) y el nombre del \
         servidor. Un cortafuegos que inspecciona TLS pone su propio certificado en lugar del de Wolkvox: exceptúe \
         este servidor.";
    TokenInvalid:
        "the token was refused: it is wrong or has expired, which Wolkvox does not tell apart",
        "el token fue rechazado: es incorrecto o ha caducado; Wolkvox no distingue entre ambos";
    TokenUnreadable: "{detail}", "{detail}";
    TokenRemedy:
        "Ask for a valid token of this operation and put it into {token}, alone and on one line. A token of another \
         operation is wrong here.",
        "Pida un token válido de esta operación y póngalo en {token}, solo y en una línea. El token de otra operación \
         no sirve aquí.";
    TokenFile: "its file", "su archivo";
    TokenMissing: "the server saw no token", "el servidor no vio ningún token";
    TokenMissingRemedy:
        "The exporter sent it, in the header `wolkvox-token`: something in between removes it. Look for a proxy or a \
         firewall that filters headers.",
        "El exporter lo envió, en la cabecera `wolkvox-token`: algo por el camino la quita. Busque un proxy o un \
         cortafuegos que filtre cabeceras.";
    TokenShared:
        "somebody else is using this token right now: more than 2 requests at once",
        "alguien más está usando este token ahora mismo: más de 2 peticiones a la vez";
    TokenSharedRemedy:
        "Give the exporter a token of its own.",
        "Dé al exporter un token propio.";
    QuotaExhausted: "the day's requests are spent", "las peticiones del día están gastadas";
    QuotaSpentRemedy:
        "It fills up again at the server's midnight, and the exporter then catches up without losing a row. All tokens \
         of the operation share it: find out who else spends it, or poll more rarely (--poll.interval).",
        "Se renueva a la medianoche del servidor, y el exporter recupera entonces lo pendiente sin perder ninguna fila. \
         Todos los tokens de la operación la comparten: averigüe quién más la gasta, o consulte menos a menudo \
         (--poll.interval).";
    QuotaReserved:
        "what is left of the day's requests is kept for the newest data",
        "lo que queda de las peticiones del día se reserva para los datos más nuevos";
    QuotaReservedRemedy:
        "Catching up goes on with one request a poll, and faster after the server's midnight. All tokens of the \
         operation share the day's requests: find out who else spends them, or poll more rarely (--poll.interval).",
        "Lo pendiente se recupera con una petición por consulta, y más deprisa después de la medianoche del servidor. \
         Todos los tokens de la operación comparten las peticiones del día: averigüe quién más las gasta, o consulte \
         menos a menudo (--poll.interval).";
    UnknownReport:
        "the server does not know diagram_13; it says {detail}",
        "el servidor no conoce diagram_13; dice {detail}";
    Refused: "the server refuses in words of its own: {detail}", "el servidor se niega con sus propias palabras: {detail}";
    UnknownReportRemedy:
        "Ask Wolkvox whether the report diagram_13 is enabled for this operation, and check the server's digits.",
        "Pregunte a Wolkvox si el informe diagram_13 está habilitado para esta operación, y revise los dígitos del \
         servidor.";
    Redirected:
        "the server sends the request elsewhere (HTTP {detail}); this is not followed, for it would carry the token away",
        "el servidor manda la petición a otro sitio (HTTP {detail}); no se sigue, porque se llevaría el token";
    NotJson:
        "the answer is not JSON, but a web page or something else",
        "la respuesta no es JSON, sino una página web u otra cosa";
    Schema: "the answer is JSON, but not a report", "la respuesta es JSON, pero no un informe";
    NotWolkvoxRemedy:
        "Is this the Wolkvox server? Check its digits, and whether a proxy or a sign-in page stands in between.",
        "¿Es este el servidor de Wolkvox? Revise sus dígitos, y si hay por medio un proxy o una página de acceso.";
    TimedOut: "no whole answer within {detail} s", "ninguna respuesta entera en {detail} s";
    ServerError: "the server answers with its own error, HTTP {detail}", "el servidor responde con un error suyo, HTTP {detail}";
    Maintenance:
        "the server is in maintenance; it says {detail}",
        "el servidor está en mantenimiento; dice {detail}";
    Throttled: "the server asks for fewer requests (HTTP 429)", "el servidor pide menos peticiones (HTTP 429)";
    TooFewRows:
        "the answer was not whole ({received} rows of the {promised} announced)",
        "la respuesta no llegó entera ({received} filas de las {promised} anunciadas)";
    CutOff: "the answer was cut off before its end", "la respuesta se cortó antes de su fin";
    TooLarge: "the answer exceeds {detail} bytes", "la respuesta pasa de {detail} bytes";
    LaterRemedy:
        "Nothing is wrong on this side. The exporter tries again later by itself, and loses no row. If it stays so for \
         hours, ask Wolkvox.",
        "No hay nada mal de este lado. El exporter lo intenta solo más tarde, y no pierde ninguna fila. Si sigue así \
         por horas, pregunte a Wolkvox.";
    Internal: "the exporter has trouble of its own: {detail}", "el exporter tiene un problema propio: {detail}";
    InternalRemedy:
        "Is the disk of the state file full or read-only? The log says more. When the trouble is over, the exporter \
         goes on by itself, and loses no row.",
        "¿Está lleno, o protegido contra escritura, el disco del archivo de estado? El registro dice más. Cuando el \
         problema pase, el exporter sigue solo, y no pierde ninguna fila.";
}

impl FaultText {
    /// What is said of a fault of a poll, and what to do.
    pub(crate) fn of(fault: &ApiError) -> (Self, Self) {
        match fault {
            ApiError::Connect(_) => (Self::NoConnection, Self::AllowListRemedy),
            ApiError::Tls(_) => (Self::TlsFailed, Self::TlsRemedy),
            ApiError::Timeout(_) => (Self::TimedOut, Self::LaterRemedy),
            ApiError::Http5xx(_) => (Self::ServerError, Self::LaterRemedy),
            ApiError::UnknownReport(_) => (Self::UnknownReport, Self::UnknownReportRemedy),
            ApiError::Refused { .. } => (Self::Refused, Self::UnknownReportRemedy),
            ApiError::Redirected(_) => (Self::Redirected, Self::NotWolkvoxRemedy),
            ApiError::TokenMissing => (Self::TokenMissing, Self::TokenMissingRemedy),
            ApiError::TokenUnreadable(_) => (Self::TokenUnreadable, Self::TokenRemedy),
            ApiError::TokenInvalid => (Self::TokenInvalid, Self::TokenRemedy),
            ApiError::QuotaExhausted => (Self::QuotaExhausted, Self::QuotaSpentRemedy),
            ApiError::QuotaReserved => (Self::QuotaReserved, Self::QuotaReservedRemedy),
            ApiError::Concurrency => (Self::TokenShared, Self::TokenSharedRemedy),
            ApiError::Maintenance(_) => (Self::Maintenance, Self::LaterRemedy),
            ApiError::Throttled(_) => (Self::Throttled, Self::LaterRemedy),
            ApiError::NotJson(_) => (Self::NotJson, Self::NotWolkvoxRemedy),
            ApiError::Schema(_) => (Self::Schema, Self::NotWolkvoxRemedy),
            ApiError::TooFewRows { .. } => (Self::TooFewRows, Self::LaterRemedy),
            ApiError::CutOff => (Self::CutOff, Self::LaterRemedy),
            ApiError::TooLarge(_) => (Self::TooLarge, Self::LaterRemedy),
            ApiError::Internal(_) => (Self::Internal, Self::InternalRemedy),
        }
    }

    /// What a fault knows beyond its kind. Never a body, a row or the token: see [`ApiError`].
    pub(crate) fn values(fault: &ApiError) -> Vec<(&'static str, String)> {
        let detail = match fault {
            ApiError::Connect(reason)
            | ApiError::Tls(reason)
            | ApiError::TokenUnreadable(reason)
            | ApiError::Internal(reason) => reason.clone(),
            ApiError::UnknownReport(words) | ApiError::Maintenance(words) => format!("{words:?}"),
            ApiError::Refused { status, message } => format!("HTTP {status}: {message:?}"),
            ApiError::Http5xx(status) | ApiError::Redirected(status) => status.to_string(),
            ApiError::Timeout(after) => after.as_secs().to_string(),
            ApiError::TooLarge(bytes) => bytes.to_string(),
            ApiError::TooFewRows { received, promised, .. } => {
                return vec![("received", received.to_string()), ("promised", promised.to_string())];
            }
            _ => return Vec::new(),
        };
        vec![("detail", detail)]
    }

    /// What was seen and what to do, for somebody who does not see the configuration: the token's file is not named.
    pub(crate) fn told(fault: &ApiError, language: Language) -> (String, String) {
        let (seen, remedy) = Self::of(fault);
        let mut values = Self::values(fault);
        values.push(("token", say(Self::TokenFile, language, &[])));
        (say(seen, language, &values), say(remedy, language, &values))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::i18n::assert_good;

    #[test]
    fn both_languages_have_every_text() {
        assert_good(FaultText::ALL, &["TokenUnreadable"]);
    }

    #[test]
    fn every_value_of_a_fault_finds_its_place() {
        let words = || "DOES NOT EXIST".to_owned();
        for (fault, parts) in [
            (ApiError::Connect("refused".into()), &["(refused)"][..]),
            (ApiError::Timeout(Duration::from_secs(60)), &["60 s"]),
            (ApiError::TooFewRows { received: 7, promised: 9, server_time: None }, &["7 ", "9 "]),
            (ApiError::UnknownReport(words()), &["\"DOES NOT EXIST\""]),
            (ApiError::Refused { status: 418, message: words() }, &["HTTP 418: \"DOES NOT EXIST\""]),
            (ApiError::TooLarge(268_435_456), &["268435456 bytes"]),
            (ApiError::Internal("the state file failed".into()), &["the state file failed"]),
        ] {
            for language in [Language::En, Language::Es] {
                let (seen, remedy) = FaultText::told(&fault, language);
                assert!(parts.iter().all(|part| seen.contains(part)), "{seen}");
                assert!(!seen.contains('{') && !remedy.contains('{') && remedy.len() > 20, "{seen} {remedy}");
            }
        }
        let (_, remedy) = FaultText::told(&ApiError::TokenInvalid, Language::Es);
        assert!(remedy.contains("póngalo en su archivo, solo"), "{remedy}");
    }
}
