//! The exporter's own HTTP server: a scrape, the status page, liveness and readiness.
//!
//! A request never waits, but for a reload that it asked for: not for the vendor, not for the disk, not for a lock. Whatever a page shows is handed
//! in through [`Site`], already made. The files: `server` owns sockets, limits and the end; `connection` watches one
//! connection; `tls` does the handshake, `access` and `passwords` decide who is answered; `routes` turns a request
//! into an answer; `page` writes the HTML.

mod access;
pub(crate) mod connection;
mod language;
pub mod negotiate;
mod page;
mod passwords;
mod qvalue;
pub mod reload;
mod routes;
mod server;
mod tls;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    exposition::{Family, Publication},
    status::TargetStatus,
    web::reload::Reloader,
};

pub use access::Access;
pub use server::{ServerLimits, listen, serve};

/// Everything the server shows.
pub struct Site {
    /// Where the metrics are: begins with `/`, and is none of the `/-/` paths. If it is `/` itself there is no
    /// status page.
    pub telemetry_path: String,
    /// The committed part of the exposition.
    pub publication: Arc<Publication>,
    /// The exporter's own live families, asked for at every scrape. It runs on the server's thread, so it must
    /// neither block nor take long.
    pub live: Box<dyn Fn() -> Vec<Family> + Send + Sync>,
    /// What `/-/ready` answers, and whether the metrics can be had.
    pub readiness: Arc<ArcSwap<Readiness>>,
    /// Each target for the status page, as of its last publication, under the same conditions as `live`.
    pub targets: Box<dyn Fn() -> Arc<Vec<Arc<TargetStatus>>> + Send + Sync>,
    /// The time, for the age of what the page shows.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The exporter's version.
    pub version: String,
    /// Who is let in, and how.
    pub access: Arc<Access>,
    /// Asked at `POST /-/reload`; without one that is refused.
    pub reloader: Option<Reloader>,
}

/// Whether the exporter can be scraped to any purpose: the state is restored and a first snapshot published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready,
    /// Not yet, or no longer, for this reason: a sentence for the operator.
    NotReady(String),
}

impl Readiness {
    /// Why not, if it is not ready.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Ready => None,
            Self::NotReady(reason) => Some(reason),
        }
    }
}
