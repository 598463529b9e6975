//! The connection to a server: directly or through a proxy, and the trusted certificate
//! authorities.
//!
//! Owns the description of a connection, not its choice. A proxy is asked to `CONNECT` and sees
//! only the server's name, never the token, so plain http has no proxy. A proxy's password must
//! never be shown.

use std::{fmt, path::PathBuf};

use reqwest::Url;
use rustls::pki_types::CertificateDer;

/// The connection to a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Egress {
    /// The proxy; `None` if the server is reached directly.
    pub proxy: Option<Proxy>,
    /// The flag, the place in the file or the variable that decided on the proxy, or against one;
    /// `None` if nothing did.
    pub decided_by: Option<String>,
    /// The only trusted authorities; `None` for those of the system, or of `SSL_CERT_FILE`.
    pub authorities: Option<Authorities>,
    /// The variable that names the system's authorities, if one does.
    pub system_authorities: Option<String>,
}

impl Egress {
    /// Returns true if both make the same connection, whatever decided on it.
    pub fn leads_as(&self, other: &Self) -> bool {
        (&self.proxy, &self.authorities) == (&other.proxy, &other.authorities)
    }
}

/// A proxy. Prints without its user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(Url);

impl Proxy {
    /// A proxy at a URL with a host.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// Returns true if it has a user or a password.
    pub fn has_login(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// Returns the URL with user and password, for the one connection that needs them.
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

/// Returns the port, or the scheme's default.
fn port(url: &Url) -> u16 {
    url.port_or_known_default().unwrap_or_default()
}

/// Certificates from which a server's must be derived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// The file with them.
    pub file: PathBuf,
    /// At least one certificate.
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
