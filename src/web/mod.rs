//! The exporter's own HTTP server: a scrape, the status page, liveness and readiness.
//!
//! A request never waits for the vendor, the disk or a lock, only for a reload that it requested.
//! [`Site`] supplies everything to show. The files: `server` owns sockets, limits and the shutdown;
//! `connection` watches one connection; `tls` does the handshake; `access` and `passwords` decide
//! who is answered; `routes` answers requests; `page` writes the HTML.

mod access;
pub(crate) mod connection;
mod language;
pub mod negotiate;
mod page;
mod passwords;
mod qvalue;
pub mod reload;
mod routes;
mod runbooks;
mod server;
mod tls;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    exposition::{Family, Publication},
    status::{Notices, TargetStatus},
    web::reload::Reloader,
};

pub use access::Access;
pub use server::{ServerLimits, listen, serve};

/// Everything that the server shows.
pub struct Site {
    /// Path of the metrics, which begins with `/` but not with `/-/`. If it is `/`, there is no
    /// status page.
    pub telemetry_path: String,
    /// The committed part of the exposition.
    pub publication: Arc<Publication>,
    /// Collects the exporter's own live families at every scrape. Runs on the server's thread, so
    /// it must neither block nor take long.
    pub live: Box<dyn Fn() -> Vec<Family> + Send + Sync>,
    /// Answer of `/-/ready`; metrics are refused until it is ready.
    pub readiness: Arc<ArcSwap<Readiness>>,
    /// Collects the targets for the status page, as of their last publications. Same conditions as
    /// `live`.
    pub targets: Box<dyn Fn() -> Arc<Vec<Arc<TargetStatus>>> + Send + Sync>,
    /// Notices about the exporter as a whole.
    pub notices: Arc<Notices>,
    /// The clock, for ages on the page.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The exporter's version.
    pub version: String,
    /// Rules of access.
    pub access: Arc<Access>,
    /// Performs `POST /-/reload`; without it, that is refused.
    pub reloader: Option<Reloader>,
}

/// The exporter can be scraped when the state is restored and a first snapshot is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Scrapes are answered.
    Ready,
    /// Scrapes are refused for this reason, a sentence for the operator.
    NotReady(String),
}

impl Readiness {
    /// Returns the reason if it is not ready.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::NotReady(reason) => Some(reason),
        }
    }
}
