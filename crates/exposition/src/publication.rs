//! Holds the current [`Published`], and the encodings that scrapes ask for.
//!
//! A publication replaces the previous one in one step, so a scrape sees one of the two. An
//! encoding that is asked for regularly is ready when a scrape comes. The first scrape in another
//! encoding waits until it is made, on another thread; other scrapes do not. Nothing here encodes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::published::{Encoding, Published};

/// Time without a request after which an encoding that was asked for regularly is no longer made.
/// Longer than usual scrape intervals.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// Time for which an encoding is made after a single request.
const KEPT_ONCE: Duration = Duration::from_secs(60);
/// Most encodings that are made for [`KEPT`]: more than scrapers of one exporter use. It bounds the
/// work that a client causes by asking for every encoding now and then.
const MOST_KEPT: usize = 3;
/// Longest wait of a first scrape: ten times the encoding of the largest supported exposition.
const PATIENCE: Duration = Duration::from_secs(8);
const NEVER: u64 = 0;

/// The current publication.
#[derive(Debug)]
pub struct Publication {
    current: ArcSwap<Published>,
    began: Instant,
    /// Last request of each encoding, in milliseconds after `began`, plus one; 0 for never.
    asked: [AtomicU64; Encoding::COUNT],
    /// The request before the last of each encoding, in the same way.
    asked_before: [AtomicU64; Encoding::COUNT],
    wanted: Notify,
    renewed: Notify,
}

impl Publication {
    /// Makes a place that holds `first`.
    pub fn new(first: Published) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            began: Instant::now(),
            asked: Default::default(),
            asked_before: Default::default(),
            wanted: Notify::new(),
            renewed: Notify::new(),
        }
    }

    /// Returns the current publication.
    pub fn load(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Replaces the current publication.
    pub fn publish(&self, next: Published) {
        self.current.store(Arc::new(next));
        self.renewed.notify_waiters();
    }

    /// Returns the current publication with an encoding. If that encoding was not requested lately,
    /// waits until it is made, for eight seconds at most.
    pub async fn in_encoding(&self, encoding: Encoding) -> Arc<Published> {
        let now =
            u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let last = self.asked[encoding.index()].swap(now, Ordering::Relaxed);
        self.asked_before[encoding.index()].store(last, Ordering::Relaxed);
        let published = self.load();
        if published.has(encoding) {
            return published;
        }
        let made = async {
            loop {
                let renewed = self.renewed.notified();
                // The publisher reads `asked` after it was woken, so it cannot miss this request.
                self.wanted.notify_one();
                let published = self.load();
                if published.has(encoding) {
                    return published;
                }
                renewed.await;
            }
        };
        timeout(PATIENCE, made).await.unwrap_or(published)
    }

    /// Returns true if the encoding is to be made: it was asked for a moment ago, or is asked for
    /// regularly.
    pub fn is_wanted(&self, encoding: Encoding) -> bool {
        let asked = self.asked[encoding.index()].load(Ordering::Relaxed);
        let age = self.began.elapsed().saturating_sub(Duration::from_millis(asked));
        asked != NEVER && (age < KEPT_ONCE || age < KEPT && self.is_regular(encoding))
    }

    /// Returns true for the encodings that are asked for most often: their last request but one is
    /// the newest.
    fn is_regular(&self, encoding: Encoding) -> bool {
        let own = self.asked_before(encoding);
        let more_often = Encoding::ALL
            .into_iter()
            .filter(|other| (self.asked_before(*other), other.index()) > (own, encoding.index()));
        own != NEVER && more_often.count() < MOST_KEPT
    }

    /// Returns the moment of the last request but one.
    fn asked_before(&self, encoding: Encoding) -> u64 {
        self.asked_before[encoding.index()].load(Ordering::Relaxed)
    }

    /// Returns when a scrape waits for a missing encoding.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

impl Default for Publication {
    /// Makes a place that holds nothing.
    fn default() -> Self {
        Self::new(Published::new(&[]))
    }
}
