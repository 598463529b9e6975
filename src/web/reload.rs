//! The channel from the sources of reload requests (a signal, an HTTP request) to the only place
//! that reloads.
//!
//! Owns the request and its answer. The reload is in `commands::run` and `supervisor`.

use tokio::sync::{mpsc, oneshot};

/// Most requests in the channel; further ones wait to be sent.
const WAITING: usize = 8;

/// Result of a reload. The error is for the operator, with one line for each reason.
pub type ReloadResult = Result<(), String>;

/// Requests reloads. A clone is for the same exporter.
#[derive(Debug, Clone)]
pub struct Reloader(mpsc::Sender<oneshot::Sender<ReloadResult>>);

/// The receiving end: requests in order.
#[derive(Debug)]
pub struct ReloadRequests(mpsc::Receiver<oneshot::Sender<ReloadResult>>);

/// Makes both ends.
pub fn channel() -> (Reloader, ReloadRequests) {
    let (ask, asked) = mpsc::channel(WAITING);
    (Reloader(ask), ReloadRequests(asked))
}

impl Reloader {
    /// Reloads the configuration file, and waits for the result.
    ///
    /// # Errors
    /// The problems of the file; the previous configuration stays in force.
    pub async fn ask(&self) -> ReloadResult {
        let (answer, outcome) = oneshot::channel();
        // Both ends live as long as the server, except while the process ends.
        const STOPPING: &str = "the exporter is stopping";
        self.0.send(answer).await.map_err(|_| STOPPING.to_owned())?;
        outcome.await.unwrap_or_else(|_| Err(STOPPING.to_owned()))
    }
}

impl ReloadRequests {
    /// Waits for the next request; forever if all senders are gone.
    pub async fn next(&mut self) -> oneshot::Sender<ReloadResult> {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}
