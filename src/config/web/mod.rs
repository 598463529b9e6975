//! Where the metrics are served and to whom, from what was written.

pub(crate) mod file;
mod keys;
pub(crate) mod listen;
mod sources;
pub(crate) mod tls;

use std::path::PathBuf;

use crate::cli::WebArgs;
use crate::config::{
    ListenAddress, WebConfig, WebRules,
    read::{
        diagnostics::Diagnostics,
        file::ConfigFile,
        precedence::{flag_place, setting},
    },
};

pub(crate) fn resolve(args: &WebArgs, file: &ConfigFile, findings: &mut Diagnostics) -> Option<WebConfig> {
    let section = &file.root.web;
    let listen = listen_addresses(args, file, findings);
    let default = WebConfig::default();
    let written = (&args.telemetry_path, &section.telemetry_path);
    let path =
        setting("web.telemetry_path", written, default.telemetry_path, (file, findings), telemetry_path);
    let (config_file, https) = config_file(args, file, findings);
    let lifecycle = args.enable_lifecycle || section.enable_lifecycle.unwrap_or(default.lifecycle);
    let written = (&args.runbooks_url, &section.runbooks_url);
    let url = setting("web.runbooks_url", written, default.runbooks_url, (file, findings), runbooks_url);
    Some(WebConfig {
        listen,
        telemetry_path: path?.value,
        config_file,
        https,
        lifecycle,
        runbooks_url: url?.value,
    })
}

/// The file is read here to see that it is good, and again when the server starts.
fn config_file(args: &WebArgs, file: &ConfigFile, findings: &mut Diagnostics) -> (Option<PathBuf>, bool) {
    let path = match (&args.config_file, &file.root.web.config_file) {
        (Some(path), _) => path.clone(),
        (None, Some(text)) => file.path_from_here(&text.value),
        (None, None) => return (None, false),
    };
    let https = match WebRules::read(&path) {
        Ok(rules) => {
            findings.warnings.extend(rules.warnings);
            rules.tls.is_some()
        }
        Err(error) => {
            findings.problems.extend(error.problems);
            false
        }
    };
    (Some(path), https)
}

/// The addresses that were written, or the default's.
pub(crate) fn listen_addresses(
    args: &WebArgs,
    file: &ConfigFile,
    findings: &mut Diagnostics,
) -> Vec<ListenAddress> {
    let written: Vec<(&str, String)> = if args.listen_address.is_empty() {
        let texts = file.root.web.listen_addresses.iter().enumerate();
        texts
            .map(|(index, text)| {
                (text.value.as_str(), file.place(&text.referenced, &format!("web.listen_addresses[{index}]")))
            })
            .collect()
    } else {
        args.listen_address.iter().map(|text| (text.as_str(), flag_place("web.listen-address"))).collect()
    };
    let mut found: Vec<ListenAddress> = Vec::with_capacity(written.len());
    for (text, place) in written {
        let Some(address) = findings.keep(&place, listen::parse(text)) else { continue };
        // Port 0 is another free port each time.
        if found.contains(&address) && address.candidates().iter().all(|at| at.port() != 0) {
            findings.problem(place, format!("{address} is listed twice: keep one"));
        } else {
            found.push(address);
        }
    }
    if found.is_empty() { WebConfig::default().listen } else { found }
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let path = text.trim();
    if !path.starts_with('/') {
        return Err(format!("{path:?} must begin with a slash, as in `/metrics`"));
    }
    if matches!(path, "/" | "/status.json") || path.starts_with("/-/") || path.starts_with("/runbooks") {
        return Err(format!(
            "{path:?} is one of the exporter's own pages: choose another, such as `/metrics`"
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    if !path.bytes().all(allowed) {
        return Err(format!("{path:?} must be a plain path, without spaces, `?`, `#`, `%` or accents"));
    }
    Ok(path.to_owned())
}

/// Reads the address under which each runbook is at its alert's name; no text means the exporter's own.
fn runbooks_url(text: &str) -> Result<Option<String>, String> {
    let url = text.trim().trim_end_matches('/');
    if url.is_empty() {
        return Ok(None);
    }
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>`{}\\?#".contains(&byte);
    if host.is_none_or(str::is_empty) || !url.bytes().all(plain) {
        return Err(format!(
            "{text:?} must be a plain address to which `/NAME` can be added, as in `https://wiki.example.com/wolkvox`"
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
        for text in ["wiki", "ftp://a/b", "https://", "javascript:alert(1)", "https://a/b?c", "https://a b"] {
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
