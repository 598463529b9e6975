//! The web configuration: the file that defines who may read the exporter, and how.
//!
//! Owns the keys of the format that Prometheus's exporters share (`--web.config.file`), and their
//! meaning here. An unsupported setting is refused if it would protect, and warned of if it would
//! not; none is ignored silently. It must never print a hash or a key.

use std::{collections::BTreeMap, path::Path, str::FromStr as _, sync::Arc};

use bcrypt::HashParts;
use hyper::header::{HeaderName, HeaderValue};

use crate::config::{
    ConfigError, Problem, Secret,
    read::{diagnostics::Diagnostics, file::YamlFile},
    setting::boolean,
    web::{keys::WebFile, sources::Sources, tls},
};

/// Cost of a hash above which its check takes seconds, so that every first scrape after a start
/// fails.
const COSTLY: u32 = 14;

/// The server's demands on a connection, and its additions to an answer. None by default.
#[derive(Debug, Default)]
pub struct WebRules {
    /// Certificate, key, client certificates and versions; `None` for plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Headers of every answer, in place of the exporter's own of the same names.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Names and bcrypt hashes; if there are none, no password is asked for.
    pub users: BTreeMap<String, Secret>,
    /// Settings that work but deserve a look.
    pub warnings: Vec<Problem>,
    /// Differs whenever the content of the file, or of one that it names, changes.
    pub fingerprint: u64,
}

impl WebRules {
    /// Reads `path` and the files that it names, whose paths begin at the file's own directory. Blocks.
    ///
    /// # Errors
    /// With every problem found. When the file itself cannot be read or parsed, that is the only one.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file: WebFile = YamlFile::read(path, "web configuration")
            .map_err(|problem| ConfigError { problems: vec![problem] })?;
        let mut diagnostics = Diagnostics::default();
        let mut sources = Sources::default();
        sources.note(file.source().as_bytes());
        let section = file.root.tls_server_config.as_ref();
        let tls = section.and_then(|section| tls::resolve(&file, section, &mut sources, &mut diagnostics));
        let headers = headers(&file, &mut diagnostics);
        let users = users(&file, &mut diagnostics);
        limits(&file, &mut diagnostics);
        if !diagnostics.problems.is_empty() {
            return Err(diagnostics.into_error());
        }
        if tls.is_none() && !users.is_empty() {
            diagnostics.warn(
                path.display().to_string(),
                "passwords without `tls_server_config` travel in the clear: add a certificate, or let nothing \
                 but this machine reach the exporter",
            );
        }
        Ok(Self { tls, headers, users, warnings: diagnostics.warnings, fingerprint: sources.fingerprint() })
    }
}

fn headers(file: &WebFile, diagnostics: &mut Diagnostics) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (name, text) in &file.root.http_server_config.headers {
        let place = file.place(&text.referenced, &format!("http_server_config.headers.{name}"));
        let value = text.value.trim();
        let known: &[&str] = match name.to_ascii_lowercase().as_str() {
            "x-content-type-options" => &["nosniff"],
            "x-frame-options" => &["deny", "sameorigin"],
            "content-security-policy" | "strict-transport-security" | "x-xss-protection" => &[],
            _ => {
                diagnostics.problem(
                    place,
                    "this header cannot be set: those that can are Content-Security-Policy, \
                     Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options and X-XSS-Protection",
                );
                continue;
            }
        };
        if value.is_empty() {
            continue; // the format's way to say: not set
        }
        if !known.is_empty() && !known.contains(&value) {
            diagnostics.problem(place, format!("{value:?} must be {}", known.join(" or ")));
            continue;
        }
        match (HeaderName::from_str(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => diagnostics.problem(place, "the value must be one line of plain characters"),
        }
    }
    headers
}

fn users(file: &WebFile, diagnostics: &mut Diagnostics) -> BTreeMap<String, Secret> {
    let mut users = BTreeMap::new();
    for (name, text) in &file.root.basic_auth_users {
        let place = file.place(&text.referenced, &format!("basic_auth_users.{name}"));
        if name.is_empty() || name.contains(':') {
            diagnostics
                .problem(place, "a user's name must not be empty or hold a colon: it could never be sent");
            continue;
        }
        let hash = text.value.trim();
        // 60 characters of ASCII: the parser may then cut wherever it likes.
        let parts = (hash.len() == 60 && hash.is_ascii()).then(|| HashParts::from_str(hash).ok()).flatten();
        let Some(parts) = parts else {
            diagnostics.problem(
                place,
                "this is no bcrypt hash of a password, which begins with `$2y$` or `$2b$` and has 60 characters: \
                 make one with `htpasswd -nBC 10 NAME`",
            );
            continue;
        };
        if parts.get_cost() > COSTLY {
            let cost = parts.get_cost();
            diagnostics.warn(place, format!("a password of cost {cost} takes seconds to check: 10 is usual"));
        }
        users.insert(name.clone(), Secret::new(hash));
    }
    users
}

/// Checks the settings that the format has and the exporter has not.
fn limits(file: &WebFile, diagnostics: &mut Diagnostics) {
    if let Some(text) = &file.root.http_server_config.http2 {
        let place = file.place(&text.referenced, "http_server_config.http2");
        match boolean(&text.value) {
            Ok(true) => diagnostics.warn(place, "HTTP/2 is not spoken here: clients get HTTP/1.1"),
            Ok(false) => {}
            Err(reason) => diagnostics.problem(place, reason),
        }
    }
    let interval = file.root.rate_limit.interval.as_ref();
    if let Some(text) = interval.filter(|text| !["0", "0s"].contains(&text.value.trim())) {
        diagnostics.problem(
            file.place(&text.referenced, "rate_limit.interval"),
            "the rate of requests cannot be limited here: take `rate_limit` away. Connections and checks of \
             passwords are bounded without it",
        );
    }
}
