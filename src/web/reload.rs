//! The way from whoever wants the configuration read anew (a signal, a request) to the one place that does it.
//!
//! Owns the asking and the answer. What is read, and how the pollers follow it, is `commands::run`'s and `supervisor`'s.

use tokio::sync::{mpsc, oneshot};

/// How many may wait for their turn; more wait to be let in.
const WAITING: usize = 8;

/// The answer to a wish: why nothing came of it, for the operator, one line for each reason.
pub type ReloadResult = Result<(), String>;

/// Asks for the configuration to be read anew. A clone asks the same exporter.
#[derive(Debug, Clone)]
pub struct Reloader(mpsc::Sender<oneshot::Sender<ReloadResult>>);

/// The other end: whoever asked, in their order.
#[derive(Debug)]
pub struct ReloadRequests(mpsc::Receiver<oneshot::Sender<ReloadResult>>);

/// Both ends.
pub fn channel() -> (Reloader, ReloadRequests) {
    let (ask, asked) = mpsc::channel(WAITING);
    (Reloader(ask), ReloadRequests(asked))
}

impl Reloader {
    /// Waits until the configuration that is written now is in force, or until it is known that it cannot be.
    ///
    /// # Errors
    /// Says what is wrong with it; what was in force before still is.
    pub async fn ask(&self) -> ReloadResult {
        let (answer, outcome) = oneshot::channel();
        // Neither end lives shorter than the server, but for the moment in which the process ends.
        let ending = || "the exporter is stopping".to_owned();
        self.0.send(answer).await.map_err(|_| ending())?;
        outcome.await.unwrap_or_else(|_| Err(ending()))
    }
}

impl ReloadRequests {
    /// Whoever asks next; never if nobody can ask any more.
    pub async fn next(&mut self) -> oneshot::Sender<ReloadResult> {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}
