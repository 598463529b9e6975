//! A place among the large answers that are in memory at the same time, over all targets.
//!
//! Owns the wait for it. A small answer needs none, and neither does a server that accepts a
//! connection and never answers, so that silent servers do not keep others waiting for memory.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Decompressed size from which an answer needs a place, in bytes.
const LARGE_BYTES: u64 = 256 * 1024;

/// A place that is taken when an answer turns out to be large, and given back when this is dropped.
#[derive(Debug, Default)]
pub struct Admission {
    places: Option<Arc<Semaphore>>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// Takes a place among these. Without places there is no wait.
    pub fn among(&mut self, places: Arc<Semaphore>) {
        self.places = Some(places);
    }

    /// Waits for a place, once this many bytes of the answer need one.
    pub async fn take_for(&mut self, bytes: u64) {
        if bytes < LARGE_BYTES || self.taken.is_some() {
            return;
        }
        if let Some(places) = self.places.clone() {
            // Nobody closes it.
            self.taken = places.acquire_owned().await.ok();
        }
    }

    /// Gives the place back.
    pub fn release(&mut self) {
        self.taken = None;
    }
}
