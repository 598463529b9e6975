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
    NoConnection: "the connection to Wolkvox failed ({detail})", "la conexión con Wolkvox falló ({detail})";
    NoConnectionRemedy:
        "Does this machine reach the Internet at all, and does a firewall of your own let it out? The exporter connects \
         directly, never through a proxy. It tries again by itself, and loses no row.",
        "¿Llega esta máquina a Internet, y la deja salir su propio cortafuegos? El exporter se conecta directamente, nunca \
         por un proxy. Lo intenta de nuevo solo, y no pierde ninguna fila.";
    ConnectionRefused:
        "the connection to Wolkvox is refused ({detail})",
        "la conexión con Wolkvox es rechazada ({detail})";
    ConnectTimedOut:
        "there is no connection to Wolkvox within {detail} s",
        "no hay conexión con Wolkvox en {detail} s";
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
        "el exporter no puede abrir ni un archivo ni una conexión más ({detail})";
    TooManyOpenFilesRemedy:
        "Raise the limit: `LimitNOFILE=` of the systemd unit, `--ulimit nofile=` of the container, `ulimit -n` of the \
         shell. If it fills up again: who opens so many connections to the exporter?",
        "Suba el límite: `LimitNOFILE=` de la unidad de systemd, `--ulimit nofile=` del contenedor, `ulimit -n` del \
         intérprete. Si se vuelve a llenar: ¿quién abre tantas conexiones hacia el exporter?";
    BadHead:
        "the head of the answer cannot be read: {detail}",
        "la cabecera de la respuesta no se puede leer: {detail}";
    BadHeadRemedy:
        "Something in between adds too many headers, or bad ones (a load balancer that sets many cookies, a firewall), or \
         this is no web server: at most 100 headers are read. Ask for the real server with `curl -i`, and see what it \
         sends.",
        "Algo por el camino añade demasiadas cabeceras, o incorrectas (un balanceador que pone muchas cookies, un \
         cortafuegos), o no es un servidor web: se leen 100 cabeceras como máximo. Pregunte al servidor con `curl -i` y \
         mire qué envía.";
    Forbidden:
        "the request is refused (HTTP 403), but not in Wolkvox's words",
        "la petición es rechazada (HTTP 403), pero no con las palabras de Wolkvox";
    ForbiddenRemedy:
        "A web firewall or a proxy in between refuses it, before Wolkvox looks at the token. Ask Wolkvox whether this \
         machine's public address is on the operation's allow-list, and whether their web firewall blocks it; then look \
         for a proxy of your own.",
        "La rechaza un cortafuegos web o un proxy por el camino, antes de que Wolkvox mire el token. Pregunte a Wolkvox si \
         la dirección pública de esta máquina está en la lista de permitidas de la operación, y si la bloquea su \
         cortafuegos web; después busque un proxy propio.";
    ForeignNotFound:
        "the answer is HTTP 404, but not in Wolkvox's words, which mean an empty window",
        "la respuesta es HTTP 404, pero no con las palabras de Wolkvox, que significan una ventana vacía";
    ForeignNotFoundRemedy:
        "A gateway or another web server answers in Wolkvox's place. Check the server's digits, and what stands in \
         between. Nothing is counted meanwhile, and nothing is lost: the window is read again.",
        "Una pasarela u otro servidor web responde en lugar de Wolkvox. Revise los dígitos del servidor, y qué hay por \
         medio. Entretanto no se cuenta nada, y no se pierde nada: la ventana se lee de nuevo.";
    ContentEncoding:
        "the answer is encoded as {detail}, which was not asked for",
        "la respuesta viene codificada como {detail}, que no se pidió";
    ContentEncodingRemedy:
        "A proxy or a cache in between changes the answers: let it pass them as they are (`Accept-Encoding: gzip` is \
         what the exporter asks for).",
        "Un proxy o una caché por el camino cambia las respuestas: haga que las pase como son (`Accept-Encoding: gzip` es \
         lo que el exporter pide).";
    RowsRejected:
        "{rejected} of {total} rows cannot be read: the field `{field}` has the shape `{pattern}`",
        "{rejected} de {total} filas no se pueden leer: el campo `{field}` tiene la forma `{pattern}`";
    RowsRejectedRemedy:
        "Wolkvox has changed the report. Nothing is counted until its rows can be read, and nothing is lost: the window is \
         read again. Look for a newer version of the exporter, or report this shape to its makers: it holds nothing \
         personal.",
        "Wolkvox ha cambiado el informe. No se cuenta nada hasta que sus filas se puedan leer, y no se pierde nada: la \
         ventana se lee de nuevo. Busque una versión más nueva del exporter, o comunique esta forma a sus autores: no \
         contiene nada personal.";
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
    NotEmpty:
        "the answer has no rows, and instead of saying so it says {detail}",
        "la respuesta no trae filas, y en vez de decirlo dice {detail}";
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
    Busy:
        "the server is busy, and asks to be left alone for {detail} s",
        "el servidor está ocupado, y pide que se espere {detail} s";
    Contradicts:
        "the answer holds {held} of the {known} rows that Wolkvox sent before for the same times",
        "la respuesta trae {held} de las {known} filas que Wolkvox envió antes para las mismas horas";
    ContradictsRemedy:
        "Check that the target's server and token belong to the same operation as before, and compare the report diagram_13 in \
         Wolkvox for the last hour: if its rows are there, tell Wolkvox that its API leaves them out. Nothing is lost or counted \
         meanwhile. After an hour, counting goes on from there without counting anything twice; \
         wolkvox_windows_incomplete_total says so.",
        "Revise que el servidor y el token del destino sean de la misma operación que antes, y compare el informe diagram_13 \
         en Wolkvox de la última hora: si sus filas están allí, diga a Wolkvox que su API las omite. Mientras tanto no se \
         pierde ni se cuenta nada. Después de una hora se sigue contando desde ahí, sin contar nada dos veces; lo indica \
         wolkvox_windows_incomplete_total.";
    OutsideRange:
        "none of the {detail} rows of the answer is dated within the times that were asked for",
        "ninguna de las {detail} filas de la respuesta tiene fecha dentro de las horas pedidas";
    OutsideRangeRemedy:
        "Their dates may be in another time zone or without seconds, or something in between sends an old answer again: check \
         the target's timezone with `wolkvox-exporter doctor`. Nothing of the answer is counted.",
        "Sus fechas pueden estar en otra zona horaria o sin segundos, o algo en el camino repite una respuesta vieja: revise la \
         zona horaria del destino con `wolkvox-exporter doctor`. Nada de la respuesta se cuenta.";
    CutOff: "the answer was cut off before its end", "la respuesta se cortó antes de su fin";
    TooLarge: "the answer exceeds {detail} bytes", "la respuesta pasa de {detail} bytes";
    LaterRemedy:
        "Nothing is wrong on this side. The exporter tries again later by itself, and loses no row. If it stays so for \
         hours, ask Wolkvox.",
        "No hay nada mal de este lado. El exporter lo intenta solo más tarde, y no pierde ninguna fila. Si sigue así \
         por horas, pregunte a Wolkvox.";
    ClocksDisagree:
        "this machine's clock shows {ours}, the server's {theirs}: counting does not begin until they agree",
        "el reloj de esta máquina marca {ours}, el del servidor {theirs}: no se empieza a contar hasta que coincidan";
    ClocksDisagreeRemedy:
        "Set this machine's clock (timedatectl, NTP). If it is the server's that is wrong, allow for more by \
         poll.max_clock_skew. Nothing has been counted, and nothing is lost.",
        "Ponga en hora el reloj de esta máquina (timedatectl, NTP). Si el que va mal es el del servidor, admita más con \
         poll.max_clock_skew. Aún no se ha contado nada, y nada se pierde.";
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
            ApiError::Connect(_) => (Self::NoConnection, Self::NoConnectionRemedy),
            ApiError::ConnectionRefused(_) => (Self::ConnectionRefused, Self::AllowListRemedy),
            ApiError::ConnectTimeout(_) => (Self::ConnectTimedOut, Self::AllowListRemedy),
            ApiError::NameNotFound(_) => (Self::NameNotFound, Self::NameNotFoundRemedy),
            ApiError::NoNameServer(_) => (Self::NoNameServer, Self::NameNotFoundRemedy),
            ApiError::TooManyOpenFiles(_) => (Self::TooManyOpenFiles, Self::TooManyOpenFilesRemedy),
            ApiError::BadHead(_) => (Self::BadHead, Self::BadHeadRemedy),
            ApiError::Forbidden => (Self::Forbidden, Self::ForbiddenRemedy),
            ApiError::ForeignNotFound => (Self::ForeignNotFound, Self::ForeignNotFoundRemedy),
            ApiError::ContentEncoding(_) => (Self::ContentEncoding, Self::ContentEncodingRemedy),
            ApiError::RowsRejected { .. } => (Self::RowsRejected, Self::RowsRejectedRemedy),
            ApiError::Tls(_) => (Self::TlsFailed, Self::TlsRemedy),
            ApiError::Timeout(_) => (Self::TimedOut, Self::LaterRemedy),
            ApiError::Http5xx(_) => (Self::ServerError, Self::LaterRemedy),
            ApiError::Busy(_) => (Self::Busy, Self::LaterRemedy),
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
            ApiError::NotEmpty(_) => (Self::NotEmpty, Self::LaterRemedy),
            ApiError::TooFewRows { .. } => (Self::TooFewRows, Self::LaterRemedy),
            ApiError::Contradicts { .. } => (Self::Contradicts, Self::ContradictsRemedy),
            ApiError::OutsideRange { .. } => (Self::OutsideRange, Self::OutsideRangeRemedy),
            ApiError::CutOff => (Self::CutOff, Self::LaterRemedy),
            ApiError::TooLarge(_) => (Self::TooLarge, Self::LaterRemedy),
            ApiError::ClocksDisagree { .. } => (Self::ClocksDisagree, Self::ClocksDisagreeRemedy),
            ApiError::Internal(_) => (Self::Internal, Self::InternalRemedy),
        }
    }

    /// What a fault knows beyond its kind. Never a body, a row or the token: see [`ApiError`].
    pub(crate) fn values(fault: &ApiError) -> Vec<(&'static str, String)> {
        let detail = match fault {
            ApiError::Connect(reason)
            | ApiError::ConnectionRefused(reason)
            | ApiError::NameNotFound(reason)
            | ApiError::TooManyOpenFiles(reason)
            | ApiError::BadHead(reason)
            | ApiError::ContentEncoding(reason)
            | ApiError::Tls(reason)
            | ApiError::TokenUnreadable(reason)
            | ApiError::Internal(reason) => reason.clone(),
            ApiError::UnknownReport(words) | ApiError::Maintenance(words) | ApiError::NotEmpty(words) => {
                format!("{words:?}")
            }
            ApiError::Refused { status, message } => format!("HTTP {status}: {message:?}"),
            ApiError::Http5xx(status) | ApiError::Redirected(status) => status.to_string(),
            ApiError::Timeout(wait)
            | ApiError::ConnectTimeout(wait)
            | ApiError::NoNameServer(wait)
            | ApiError::Busy(wait) => wait.as_secs().to_string(),
            ApiError::Contradicts { known, held } => {
                return vec![("known", known.to_string()), ("held", held.to_string())];
            }
            ApiError::OutsideRange { rows } => rows.to_string(),
            ApiError::TooLarge(bytes) => bytes.to_string(),
            ApiError::TooFewRows { received, promised, .. } => {
                return vec![("received", received.to_string()), ("promised", promised.to_string())];
            }
            ApiError::ClocksDisagree { ours, theirs } => {
                return vec![("ours", ours.to_string()), ("theirs", theirs.to_string())];
            }
            ApiError::RowsRejected { rejected, total, field, pattern } => {
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
            (ApiError::Connect("reset".into()), &["(reset)"][..]),
            (ApiError::ConnectionRefused("refused".into()), &["(refused)"]),
            (ApiError::ConnectTimeout(Duration::from_secs(10)), &["10 s"]),
            (ApiError::NameNotFound("no such name".into()), &["(no such name)"]),
            (ApiError::TooManyOpenFiles("os error 24".into()), &["(os error 24)"]),
            (ApiError::BadHead("message head is too large".into()), &["message head is too large"]),
            (ApiError::ContentEncoding("br".into()), &[" br,"]),
            (
                ApiError::RowsRejected { rejected: 3, total: 4, field: "date", pattern: "99/99/9999".into() },
                &["3 ", "4 ", "`date`", "`99/99/9999`"],
            ),
            (ApiError::Forbidden, &["HTTP 403"]),
            (ApiError::ForeignNotFound, &["HTTP 404"]),
            (ApiError::Timeout(Duration::from_secs(60)), &["60 s"]),
            (ApiError::TooFewRows { received: 7, promised: 9, server_time: None }, &["7 ", "9 "]),
            (ApiError::UnknownReport(words()), &["\"DOES NOT EXIST\""]),
            (ApiError::Refused { status: 418, message: words() }, &["HTTP 418: \"DOES NOT EXIST\""]),
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
                let (seen, remedy) = FaultText::told(&fault, language);
                assert!(parts.iter().all(|part| seen.contains(part)), "{seen}");
                assert!(!seen.contains('{') && !remedy.contains('{') && remedy.len() > 20, "{seen} {remedy}");
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
            let (_, remedy) = FaultText::told(&fault, Language::En);
            assert_eq!(remedy.contains("allow-list"), named, "{remedy}");
            assert_eq!(fault.to_string().contains("allow-list"), named, "{fault}");
        }
        let (_, remedy) = FaultText::told(&ApiError::TokenInvalid, Language::Es);
        assert!(remedy.contains("póngalo en su archivo, solo"), "{remedy}");
    }
}
