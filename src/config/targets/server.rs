//! The Wolkvox server of a target, as written.
//!
//! Owns the reading of `0042`, `wv0042` and pasted URLs. Pure. Its messages must never repeat the
//! text, because it may carry a password, or be the token itself in the wrong place.

use std::net::IpAddr;

use crate::i18n::{Bilingual, bilingual};
use reqwest::Url;

const DOMAIN: &str = ".wolkvox.com";

/// A server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// The `server` label unless the target has a name: four digits, or host and port.
    pub(crate) label: String,
    /// Scheme, host and port, with the path `/`.
    pub(crate) endpoint: Url,
}

/// The reason why a text names no server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerError {
    Empty,
    TooFewDigits(String),
    TooManyDigits(usize),
    Unknown,
    BadUrl(String),
    Scheme(String),
    UserInfo,
    PlainHttp(String),
}

impl From<ServerError> for Bilingual {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Empty => bilingual!(
                "no server is given: write its four digits, as in \"0042\"",
                "no se indicó el servidor: escriba sus cuatro dígitos, como \"0042\""
            ),
            ServerError::TooFewDigits(meant) => bilingual!(
                "a server has four digits: did you mean \"{meant}\"?",
                "un servidor tiene cuatro dígitos: ¿quiso decir \"{meant}\"?"
            ),
            ServerError::TooManyDigits(digits) => bilingual!(
                "a server has four digits, as in \"0042\", and this has {digits}",
                "un servidor tiene cuatro dígitos, como \"0042\", y este tiene {digits}"
            ),
            ServerError::Unknown => bilingual!(
                "this is not a server: write its four digits (\"0042\"), wv0042, or a URL with https://",
                "esto no es un servidor: escriba sus cuatro dígitos (\"0042\"), wv0042, o una dirección con https://"
            ),
            ServerError::BadUrl(reason) => {
                bilingual!(
                    "this URL cannot be read: {reason}",
                    "esta dirección no se puede leer: {reason}"
                )
            }
            ServerError::Scheme(scheme) => bilingual!(
                "the scheme is {scheme}: it must be https",
                "la dirección empieza con {scheme}: debe ser https"
            ),
            ServerError::UserInfo => bilingual!(
                "the URL holds a user or a password: take them out, the token is all that Wolkvox asks for",
                "la dirección trae un usuario o una contraseña: quítelos, Wolkvox solo pide el token"
            ),
            ServerError::PlainHttp(host) => bilingual!(
                "plain http to {host} would send the token in the clear: write https, or allow it with \
                 --wolkvox.allow-http",
                "por http sin cifrar, el token viajaría a la vista hasta {host}: escriba https, o permítalo con \
                 --wolkvox.allow-http"
            ),
        }
    }
}

/// Reads digits, a host or a pasted URL, of which only the origin is kept. Plain http is allowed
/// only to this machine, unless `allow_http`.
pub(crate) fn parse(text: &str, allow_http: bool) -> Result<Server, ServerError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ServerError::Empty);
    }
    if text.contains("://") {
        return parse_url(text, allow_http);
    }
    let lower = text.to_ascii_lowercase();
    let code = lower.strip_prefix("wv").unwrap_or(&lower);
    if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit()) {
        return match code.len() {
            4 => parse_url(&format!("https://wv{code}{DOMAIN}"), allow_http),
            1..4 => Err(ServerError::TooFewDigits(format!("{code:0>4}"))),
            digits => Err(ServerError::TooManyDigits(digits)),
        };
    }
    // Text copied from a browser's address bar has no scheme.
    if code.get(4..).is_some_and(|rest| rest.starts_with(DOMAIN)) {
        return parse_url(&format!("https://{text}"), allow_http);
    }
    Err(ServerError::Unknown)
}

fn parse_url(text: &str, allow_http: bool) -> Result<Server, ServerError> {
    let mut url = Url::parse(text).map_err(|reason| ServerError::BadUrl(reason.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ServerError::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ServerError::UserInfo);
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    if url.scheme() == "http" && !allow_http && !is_loopback(&host) {
        return Err(ServerError::PlainHttp(host));
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    let label = match code_of(&host) {
        Some(code) if url.scheme() == "https" && url.port().is_none() => code.to_owned(),
        _ => format!("{host}:{}", url.port_or_known_default().unwrap_or_default()),
    };
    Ok(Server { label, endpoint: url })
}

/// Returns the four digits of `wv0042.wolkvox.com`.
fn code_of(host: &str) -> Option<&str> {
    let code = host.strip_prefix("wv")?.strip_suffix(DOMAIN)?;
    (code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_paste() {
        for (text, label, endpoint) in [
            ("0042", "0042", "https://wv0042.wolkvox.com/"),
            (" 0042\n", "0042", "https://wv0042.wolkvox.com/"),
            ("wv0042", "0042", "https://wv0042.wolkvox.com/"),
            ("WV0042", "0042", "https://wv0042.wolkvox.com/"),
            ("wv0042.wolkvox.com", "0042", "https://wv0042.wolkvox.com/"),
            ("Wv0042.Wolkvox.com/api/v2/", "0042", "https://wv0042.wolkvox.com/"),
            ("https://wv0042.wolkvox.com", "0042", "https://wv0042.wolkvox.com/"),
            ("HTTPS://WV0042.WOLKVOX.COM:443/", "0042", "https://wv0042.wolkvox.com/"),
            (
                "https://wv0042.wolkvox.com/api/v2/reports_manager.php?api=diagram_13&date_ini=1#x",
                "0042",
                "https://wv0042.wolkvox.com/",
            ),
            (
                "https://wv0042.wolkvox.com:8443/x",
                "wv0042.wolkvox.com:8443",
                "https://wv0042.wolkvox.com:8443/",
            ),
            ("https://proxy.example/wolkvox", "proxy.example:443", "https://proxy.example/"),
            ("http://127.0.0.1:18080/", "127.0.0.1:18080", "http://127.0.0.1:18080/"),
            ("http://localhost:18080", "localhost:18080", "http://localhost:18080/"),
            ("http://[::1]:18080", "[::1]:18080", "http://[::1]:18080/"),
        ] {
            let server = parse(text, false).expect(text);
            assert_eq!(
                (server.label.as_str(), server.endpoint.as_str()),
                (label, endpoint),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, error) in [
            ("", ServerError::Empty),
            ("  ", ServerError::Empty),
            ("42", ServerError::TooFewDigits("0042".to_owned())),
            ("wv42", ServerError::TooFewDigits("0042".to_owned())),
            ("00042", ServerError::TooManyDigits(5)),
            ("wv", ServerError::Unknown),
            ("example.com", ServerError::Unknown),
            ("٠٠٤٢", ServerError::Unknown),
            ("ftp://wv0042.wolkvox.com", ServerError::Scheme("ftp".to_owned())),
            ("https://me:hunter2@wv0042.wolkvox.com", ServerError::UserInfo),
            ("https://me@wv0042.wolkvox.com", ServerError::UserInfo),
            ("http://wv0042.wolkvox.com", ServerError::PlainHttp("wv0042.wolkvox.com".to_owned())),
            ("http://localhost.example", ServerError::PlainHttp("localhost.example".to_owned())),
            ("http://127.0.0.1.example", ServerError::PlainHttp("127.0.0.1.example".to_owned())),
            ("http://0.0.0.0", ServerError::PlainHttp("0.0.0.0".to_owned())),
        ] {
            assert_eq!(parse(text, false), Err(error), "{text}");
        }
        for text in ["https://", "https://a b/", "https://[::1", "://"] {
            assert!(matches!(parse(text, false), Err(ServerError::BadUrl(_))), "{text}");
        }
    }

    #[test]
    fn plain_http_can_be_allowed() {
        let server = parse("http://wv0042.wolkvox.com", true).expect("allowed");
        assert_eq!(server.label, "wv0042.wolkvox.com:80");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*", allow_http: bool) {
            if let Ok(server) = parse(&text, allow_http) {
                prop_assert_eq!(server.endpoint.path(), "/");
                prop_assert!(!server.label.is_empty());
                // What it resolved to resolves to itself.
                prop_assert_eq!(parse(server.endpoint.as_str(), allow_http), Ok(server));
            }
        }

        #[test]
        fn any_url_is_cut_to_its_origin(rest in "[a-z0-9.:@/?#\\[\\]%]{0,40}", scheme in "https?|wv|HTTPS") {
            if let Ok(server) = parse(&format!("{scheme}://{rest}"), true) {
                prop_assert_eq!(server.endpoint.path(), "/");
                prop_assert_eq!((server.endpoint.query(), server.endpoint.username()), (None, ""));
            }
        }
    }
}
