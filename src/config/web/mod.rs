//! The addresses, paths and access of the metrics: the settings of `web`.

pub(crate) mod file;
mod keys;
pub(crate) mod listen;
mod sources;
pub(crate) mod tls;

use std::path::PathBuf;

use serde_json::json;

use crate::config::{
    Flags, ListenAddress, WebRules,
    metrics::texts,
    read::{
        diagnostics::Diagnostics,
        file::{ConfigFile, Scalar},
    },
    setting::{Kind, flag_place, listed, optional_file, read_section, section, switch},
};
use crate::i18n::{Bilingual, bilingual};

section! {
    /// The addresses, paths and access of the metrics.
    pub struct WebConfig: "web", "Web", WebKeys {
        /// Address to listen on; repeat it, or separate by commas, for several
        listen_addresses: Vec<ListenAddress> as Vec<Scalar> =
            Kind::apart(":10013", usual_addresses, |addresses| Some(shown(addresses)), texts())
                .flag(LISTEN_FLAG)
                .repeated("ADDRESS")
                .until_restart();
        /// Path of the metrics
        telemetry_path: String = Kind::new("PATH", "/metrics", telemetry_path, |path| Some(path.clone()))
            .schema(json!({"type": "string", "pattern": "^/"}))
            .until_restart();
        /// YAML file with TLS, users and headers, in the format of Prometheus's exporters; read
        /// anew when it changes
        config_file: Option<PathBuf> = optional_file().flag("web.config.file").until_restart();
        /// Answer POST /-/reload, which reads the configuration anew as SIGHUP does
        enable_lifecycle: bool = switch().until_restart();
        /// Address of the runbooks for alerts and dashboards, if not the exporter's own /runbooks
        runbooks_url: Option<String> =
            Kind::optional("URL", runbooks_url, Clone::clone).until_restart();
    }
}

impl WebConfig {
    /// Returns true if the file of the web configuration turns TLS on. Blocks: reads the file.
    pub fn is_https(&self) -> bool {
        let rules = self.config_file.as_deref().map(WebRules::read);
        rules.is_some_and(|rules| rules.is_ok_and(|rules| rules.tls.is_some()))
    }
}

/// Name of the flag, which adds one address.
const LISTEN_FLAG: &str = "web.listen-address";

fn usual_addresses() -> Vec<ListenAddress> {
    vec![ListenAddress::any(10013)]
}

fn shown(addresses: &[ListenAddress]) -> String {
    format!("[{}]", listed(addresses.iter().map(|address| format!("{:?}", address.to_string()))))
}

/// Reads the section, and checks the file that `config_file` names. Returns `None` if a setting
/// cannot be read.
pub(crate) fn resolve(
    flags: &Flags<WebConfig>,
    file: &ConfigFile,
    diagnostics: &mut Diagnostics,
) -> Option<WebConfig> {
    let listen = listen_addresses(flags, file, diagnostics);
    let mut web = read_section(flags, file, &file.root.web, diagnostics);
    web.config.listen_addresses = listen;
    if let Some(path) = &web.config.config_file {
        match WebRules::read(path) {
            Ok(rules) => diagnostics.warnings.extend(rules.warnings),
            Err(error) => diagnostics.problems.extend(error.problems),
        }
    }
    web.sound.then_some(web.config)
}

/// Reads the given addresses, or returns the default.
pub(crate) fn listen_addresses(
    flags: &Flags<WebConfig>,
    file: &ConfigFile,
    diagnostics: &mut Diagnostics,
) -> Vec<ListenAddress> {
    let mut written: Vec<(&str, String)> = flags
        .all(LISTEN_FLAG)
        .iter()
        .map(|text| (text.as_str(), flag_place(LISTEN_FLAG)))
        .collect();
    if written.is_empty() {
        for (index, text) in file.root.web.listen_addresses.iter().enumerate() {
            let place = file.place(&text.referenced, &format!("web.listen_addresses[{index}]"));
            written.push((&text.value, place));
        }
    }
    let mut found: Vec<ListenAddress> = Vec::with_capacity(written.len());
    for (text, place) in written {
        let Some(address) = diagnostics.keep(&place, listen::parse(text)) else { continue };
        // Port 0 is another free port each time.
        if found.contains(&address) && address.candidates().iter().all(|at| at.port() != 0) {
            let reason = bilingual!(
                "{address} is listed twice: keep one",
                "{address} está dos veces: deje una"
            );
            diagnostics.problem(place, reason);
        } else {
            found.push(address);
        }
    }
    if found.is_empty() { usual_addresses() } else { found }
}

fn telemetry_path(text: &str) -> Result<String, Bilingual> {
    let path = text.trim();
    if !path.starts_with('/') {
        return Err(bilingual!(
            "{path:?} must begin with a slash, as in `/metrics`",
            "{path:?} debe empezar con una barra, como en `/metrics`"
        ));
    }
    if matches!(path, "/" | "/status.json")
        || path.starts_with("/-/")
        || path.starts_with("/runbooks")
    {
        return Err(bilingual!(
            "{path:?} is one of the exporter's own pages: choose another, such as `/metrics`",
            "{path:?} es una de las páginas propias del exportador: elija otra, como `/metrics`"
        ));
    }
    if !path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte))
    {
        return Err(bilingual!(
            "{path:?} must be a plain path, without spaces, `?`, `#`, `%` or accents",
            "{path:?} debe ser una ruta simple, sin espacios, `?`, `#`, `%` ni tildes"
        ));
    }
    Ok(path.to_owned())
}

/// Reads the address under which each runbook is at its alert's name; no text means the exporter's
/// own.
fn runbooks_url(text: &str) -> Result<Option<String>, Bilingual> {
    let url = text.trim().trim_end_matches('/');
    if url.is_empty() {
        return Ok(None);
    }
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>`{}\\?#".contains(&byte));
    if host.is_none_or(str::is_empty) || !is_plain {
        return Err(bilingual!(
            "{text:?} must be a plain address to which `/NAME` can be added, as in `https://wiki.example.com/wolkvox`",
            "{text:?} debe ser una dirección simple a la que se pueda añadir `/NOMBRE`, como `https://wiki.example.com/wolkvox`"
        ));
    }
    Ok(Some(url.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses_addresses_of_runbooks() {
        for (text, url) in [
            ("", None),
            ("https://wiki.example.com/wolkvox/", Some("https://wiki.example.com/wolkvox")),
            ("http://exporter:10013/runbooks", Some("http://exporter:10013/runbooks")),
        ] {
            assert_eq!(runbooks_url(text), Ok(url.map(str::to_owned)), "{text}");
        }
        for text in
            ["wiki", "ftp://a/b", "https://", "javascript:alert(1)", "https://a/b?c", "https://a b"]
        {
            assert!(runbooks_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_and_refuses_telemetry_paths() {
        for path in ["/metrics", "/m", "/wolkvox/metrics", "/metrics/"] {
            assert_eq!(telemetry_path(path).as_deref(), Ok(path));
        }
        for path in [
            "",
            "metrics",
            "/",
            "/status.json",
            "/-/healthy",
            "/-/ready",
            "/-/x",
            "/runbooks",
            "/runbooks/metrics",
            "/a b",
            "/a?b",
            "/a#b",
            "/ñ",
            "/a%20b",
        ] {
            assert!(telemetry_path(path).is_err(), "{path}");
        }
    }
}
