//! Resolves the connection to a target's server: directly or through a proxy, and the trusted
//! certificate authorities.
//!
//! Owns the precedence of `proxy_url` over the environment, and the reading of authorities. A
//! password of a proxy must never be shown.

use std::{fs, io, net::IpAddr, path::Path};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{
    config::{
        Environment,
        read::diagnostics::Diagnostics,
        targets::{WrittenPath, WrittenText},
    },
    i18n::{Bilingual, bilingual},
    wolkvox::{Authorities, Egress, Proxy},
};

/// The value of `proxy_url` for a direct connection in spite of a proxy in the environment.
const DIRECT: &str = "direct";

/// The written settings of the connection to one target.
#[derive(Default)]
pub(super) struct Choices<'a> {
    pub(super) proxy: Option<WrittenText<'a>>,
    pub(super) ca_file: Option<WrittenPath>,
    /// The proxy is in the file, which must not have its password.
    pub(super) in_file: bool,
}

/// The proxy of a connection, if it has one, and the setting that decided on it, if one did.
#[derive(Default)]
struct ProxyDecision {
    proxy: Option<Proxy>,
    decided_by: Option<String>,
}

/// Resolves the connection to `endpoint`. Returns `None` after a problem.
pub(super) fn resolve(
    choices: Choices<'_>,
    endpoint: &Url,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<Egress> {
    let https = endpoint.scheme() == "https";
    let decision = match choices.proxy {
        Some(WrittenText { text, place }) => diagnostics
            .keep(&place, chosen(text, https, choices.in_file))
            .map(|proxy| ProxyDecision { proxy, decided_by: Some(place) }),
        None => from_environment(endpoint, environment, diagnostics),
    };
    let authorities = match choices.ca_file {
        Some(file) => diagnostics.keep(&file.place, read_authorities(&file.path)).map(Some),
        None => Some(None),
    };
    let ProxyDecision { proxy, decided_by } = decision?;
    let authorities = authorities?;
    let named = (https && authorities.is_none()).then(|| system_authorities(environment)).flatten();
    Some(Egress { proxy, decided_by, authorities, system_authorities: named })
}

/// Reads the value of `proxy_url`.
fn chosen(text: &str, https: bool, in_file: bool) -> Result<Option<Proxy>, Bilingual> {
    if text.trim() == DIRECT {
        return Ok(None);
    }
    let proxy = parse(text)?;
    if !https {
        return Err(bilingual!(
            "a proxy would see the token of a server with plain http: only https goes through one",
            "un proxy vería el token de un servidor con http sin cifrar: solo https pasa por uno"
        ));
    }
    if in_file && proxy.has_login() {
        return Err(bilingual!(
            "a password does not stand in this file: give the whole URL in the variable WOLKVOX_PROXY_URL or HTTPS_PROXY",
            "una contraseña no va en este archivo: dé la dirección completa en la variable WOLKVOX_PROXY_URL o HTTPS_PROXY"
        ));
    }
    Ok(Some(proxy))
}

/// Decides by the variables of the environment. This machine and plain http have no proxy.
fn from_environment(
    endpoint: &Url,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<ProxyDecision> {
    let Some((variable, value)) = &environment.proxy else { return Some(ProxyDecision::default()) };
    let proxy = diagnostics.keep(variable, parse(value.expose()))?;
    if endpoint.scheme() != "https" || is_loopback(endpoint) {
        return Some(ProxyDecision::default());
    }
    let excepted = environment.no_proxy.as_deref().unwrap_or_default();
    // The matcher only decides whether the server is excepted; the proxy is known.
    let matcher = Matcher::builder().https("http://proxy.invalid").no(excepted).build();
    let server = endpoint.as_str().parse().ok();
    let is_excepted = server.and_then(|server| matcher.intercept(&server)).is_none();
    let decided_by = Some(if is_excepted { "NO_PROXY" } else { *variable }.to_owned());
    Some(ProxyDecision { proxy: (!is_excepted).then_some(proxy), decided_by })
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads `http://proxy:3128`, `https://...`, or `proxy:3128`. Its messages must never repeat the
/// text.
fn parse(text: &str) -> Result<Proxy, Bilingual> {
    let text = text.trim();
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let form =
        bilingual!("write a proxy as http://HOST:PORT", "escriba un proxy como http://HOST:PUERTO");
    let url = Url::parse(&whole).map_err(|reason| {
        bilingual!(in form:
            "this URL cannot be read ({reason}): {form}",
            "esta dirección no se puede leer ({reason}): {form}"
        )
    })?;
    match url.scheme() {
        "http" | "https"
            if url.path() == "/" && url.query().is_none() && url.fragment().is_none() =>
        {
            Ok(Proxy::new(url))
        }
        "http" | "https" => Err(
            bilingual!(in form: "a proxy has no path: {form}", "un proxy no tiene ruta: {form}"),
        ),
        scheme => Err(bilingual!(in form:
            "the scheme is {scheme}, which is not supported: {form}",
            "la dirección empieza con {scheme}, que no se admite: {form}"
        )),
    }
}

/// Reads the certificates of a PEM file, each of which must be usable as an authority.
fn read_authorities(path: &Path) -> Result<Authorities, Bilingual> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        bilingual!("cannot read {shown}: {error}", "no se puede leer {shown}: {error}")
    })?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| bilingual!("{shown} is not PEM: {error}", "{shown} no es PEM: {error}"))?;
    if certificates.is_empty() {
        return Err(bilingual!(
            "{shown} holds no certificate: it should have lines -----BEGIN CERTIFICATE-----",
            "{shown} no tiene ningún certificado: debería tener líneas -----BEGIN CERTIFICATE-----"
        ));
    }
    for certificate in &certificates {
        RootCertStore::empty().add(certificate.clone()).map_err(|error| {
            bilingual!(
                "{shown} holds a certificate that cannot be an authority: {error}",
                "{shown} tiene un certificado que no puede ser una autoridad: {error}"
            )
        })?;
    }
    Ok(Authorities { file: path.to_owned(), certificates })
}

/// Returns the variable that names the system's authorities, with its value.
fn system_authorities(environment: &Environment) -> Option<String> {
    match (&environment.ssl_cert_file, environment.ssl_cert_dirs.as_slice()) {
        (Some(path), _) => Some(format!("{} (SSL_CERT_FILE)", path.display())),
        (None, [first, ..]) => Some(format!("{} (SSL_CERT_DIR)", first.display())),
        (None, []) => None,
    }
}

/// Reports variables for authorities that name nothing usable, because the library that reads them
/// ignores that silently.
pub(super) fn check_environment(environment: &Environment, diagnostics: &mut Diagnostics) {
    if let Some(path) = &environment.ssl_cert_file {
        // Bundles of systems hold odd certificates, so the check is only that there are some.
        let found =
            fs::read(path).map(|bytes| CertificateDer::pem_slice_iter(&bytes).flatten().count());
        match found {
            Ok(0) => {
                let reason = bilingual!("{} holds no certificate", "{} no tiene ningún certificado"; path.display());
                diagnostics.problem("SSL_CERT_FILE", reason);
            }
            Ok(_) => {}
            Err(error) => diagnostics.problem("SSL_CERT_FILE", unreadable(path, &error)),
        }
    }
    for directory in &environment.ssl_cert_dirs {
        let listed: io::Result<_> = fs::read_dir(directory);
        if let Err(error) = listed {
            diagnostics.problem("SSL_CERT_DIR", unreadable(directory, &error));
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Bilingual {
    let shown = path.display();
    bilingual!("cannot read {shown}: {error}", "no se puede leer {shown}: {error}")
}

#[cfg(test)]
mod tests;
