//! The way to a server: directly or through a proxy, and which certificate authorities are believed.
//!
//! Owns what a way is, not who chose it. A proxy is asked to `CONNECT` and sees nothing but the server's name, so that
//! the token never reaches it in the clear: there is none for plain http. A password of a proxy must never be shown.

use std::{fmt, path::PathBuf};

use reqwest::Url;
use rustls::pki_types::CertificateDer;

/// The way to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Egress {
    /// The proxy that is asked for a connection; `None` when the server is reached directly.
    pub proxy: Option<Proxy>,
    /// Who decided on the proxy, or against one: a flag, a place in the file, a variable; `None` when nobody did.
    pub decided_by: Option<String>,
    /// The only authorities that are believed; `None` for those of the system, or of `SSL_CERT_FILE`.
    pub authorities: Option<Authorities>,
    /// The variable that names the system's authorities, if one does.
    pub system_authorities: Option<String>,
}

impl Egress {
    /// Whether it is the same way, whoever decided on it.
    pub fn leads_as(&self, other: &Self) -> bool {
        (&self.proxy, &self.authorities) == (&other.proxy, &other.authorities)
    }
}

/// A proxy. Prints without its user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// At a URL with a host.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// Whether it has a user or a password.
    pub fn has_login(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// With user and password, for the one connection that needs them.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(f, "{}://{host}:{}", self.0.scheme(), port(&self.0))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A proxy without a port listens on that of its scheme.
fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// Certificates that a server's has to lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// Where they were read.
    pub file: PathBuf,
    /// At least one.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.proxy, &self.decided_by) {
            (Some(proxy), Some(origin)) => write!(f, "through the proxy {proxy} ({origin})"),
            (Some(proxy), None) => write!(f, "through the proxy {proxy}"),
            (None, Some(origin)) => write!(f, "direct ({origin})"),
            (None, None) => f.write_str("direct"),
        }
    }
}
