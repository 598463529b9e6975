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
use crate::i18n::{Bilingual, Language, bilingual};

/// Cost of a hash above which a check takes seconds, so that the first scrape after a start fails.
const COSTLY: u32 = 14;

/// The requirements of the server on a connection, and its additions to an answer. None by default.
#[derive(Debug, Default)]
pub struct WebRules {
    /// Certificate, key, client certificates and versions; `None` for plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Headers of every answer, in place of the exporter's own of the same names.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Names and bcrypt hashes; if there are none, no password is needed.
    pub users: BTreeMap<String, Secret>,
    /// Settings that work but deserve a look.
    pub warnings: Vec<Problem>,
    /// A number that changes with the content of the file, or of one that it names.
    pub fingerprint: u64,
}

impl WebRules {
    /// Reads `path` and the files that it names, whose paths begin at the file's own directory.
    /// Blocks.
    ///
    /// # Errors
    /// With every problem found. When the file itself cannot be read or parsed, that is the only
    /// one.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let what = bilingual!("the web configuration", "la configuración web");
        let file: WebFile = YamlFile::read(path, &what)
            .map_err(|problem| ConfigError { problems: vec![problem] })?;
        let mut diagnostics = Diagnostics::default();
        let mut sources = Sources::default();
        sources.note(file.source().as_bytes());
        let section = file.root.tls_server_config.as_ref();
        let tls = section
            .and_then(|section| tls::resolve(&file, section, &mut sources, &mut diagnostics));
        let headers = headers(&file, &mut diagnostics);
        let users = users(&file, &mut diagnostics);
        limits(&file, &mut diagnostics);
        if !diagnostics.problems.is_empty() {
            return Err(diagnostics.into_error());
        }
        if tls.is_none() && !users.is_empty() {
            diagnostics.warn(
                path.display().to_string(),
                bilingual!(
                    "passwords without `tls_server_config` travel in the clear: add a certificate, or let nothing \
                     but this machine reach the exporter",
                    "sin `tls_server_config` las contraseñas viajan a la vista: agregue un certificado, o deje que solo \
                     esta máquina alcance el exportador"
                ),
            );
        }
        Ok(Self {
            tls,
            headers,
            users,
            warnings: diagnostics.warnings,
            fingerprint: sources.fingerprint(),
        })
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
                    bilingual!(
                        "this header cannot be set: those that can are Content-Security-Policy, \
                         Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options and X-XSS-Protection",
                        "esta cabecera no se puede poner: las que sí son Content-Security-Policy, \
                         Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options y X-XSS-Protection"
                    ),
                );
                continue;
            }
        };
        if value.is_empty() {
            continue; // means "not set" in this format
        }
        if !known.is_empty() && !known.contains(&value) {
            let reason = Bilingual::new(|language| match language {
                Language::En => format!("{value:?} must be {}", known.join(" or ")),
                Language::Es => format!("{value:?} debe ser {}", known.join(" o ")),
            });
            diagnostics.problem(place, reason);
            continue;
        }
        match (HeaderName::from_str(name), HeaderValue::from_str(value)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => diagnostics.problem(
                place,
                bilingual!(
                    "the value must be one line of plain characters",
                    "el valor debe ser una línea de caracteres simples"
                ),
            ),
        }
    }
    headers
}

fn users(file: &WebFile, diagnostics: &mut Diagnostics) -> BTreeMap<String, Secret> {
    let mut users = BTreeMap::new();
    for (name, text) in &file.root.basic_auth_users {
        let place = file.place(&text.referenced, &format!("basic_auth_users.{name}"));
        if name.is_empty() || name.contains(':') {
            let reason = bilingual!(
                "a user's name must not be empty or hold a colon: it could never be sent",
                "el nombre de un usuario no puede estar vacío ni tener dos puntos: nunca se podría enviar"
            );
            diagnostics.problem(place, reason);
            continue;
        }
        let hash = text.value.trim();
        // 60 characters of ASCII: the parser may then cut wherever it likes.
        let parts =
            (hash.len() == 60 && hash.is_ascii()).then(|| HashParts::from_str(hash).ok()).flatten();
        let Some(parts) = parts else {
            diagnostics.problem(
                place,
                bilingual!(
                    "this is no bcrypt hash of a password, which begins with `$2y$` or `$2b$` and has 60 characters: \
                     make one with `htpasswd -nBC 10 NAME`",
                    "esto no es un hash bcrypt de una contraseña, que empieza con `$2y$` o `$2b$` y tiene 60 caracteres: \
                     haga uno con `htpasswd -nBC 10 NOMBRE`"
                ),
            );
            continue;
        };
        if parts.get_cost() > COSTLY {
            let cost = parts.get_cost();
            let reason = bilingual!(
                "a password of cost {cost} takes seconds to check: 10 is usual",
                "una contraseña de costo {cost} tarda segundos en comprobarse: lo habitual es 10"
            );
            diagnostics.warn(place, reason);
        }
        users.insert(name.clone(), Secret::new(hash));
    }
    users
}

/// Checks the settings of the format that the exporter does not support.
fn limits(file: &WebFile, diagnostics: &mut Diagnostics) {
    if let Some(text) = &file.root.http_server_config.http2 {
        let place = file.place(&text.referenced, "http_server_config.http2");
        match boolean(&text.value) {
            Ok(true) => diagnostics.warn(
                place,
                bilingual!(
                    "HTTP/2 is not spoken here: clients get HTTP/1.1",
                    "aquí no hay HTTP/2: los clientes reciben HTTP/1.1"
                ),
            ),
            Ok(false) => {}
            Err(reason) => diagnostics.problem(place, reason),
        }
    }
    let interval = file.root.rate_limit.interval.as_ref();
    if let Some(text) = interval.filter(|text| !["0", "0s"].contains(&text.value.trim())) {
        diagnostics.problem(
            file.place(&text.referenced, "rate_limit.interval"),
            bilingual!(
                "the rate of requests cannot be limited here: take `rate_limit` away. Connections and checks of \
                 passwords are bounded without it",
                "aquí no se puede limitar el ritmo de las peticiones: quite `rate_limit`. Las conexiones y las comprobaciones \
                 de contraseñas tienen límite sin él"
            ),
        );
    }
}
