//! The place where the current [`Published`] stands, and what scrapes want of the next one.
//!
//! Replacing what is published is one step: a scrape sees the one or the other. An encoding that is asked for again and
//! again is there when a scrape comes; the first scrape in another waits until it has been made, which is done
//! elsewhere, and touches no other scrape. Nothing here encodes.

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

/// An encoding that nobody has asked for in so long is no longer made. Longer than any usual scrape interval.
const KEPT: Duration = Duration::from_secs(15 * 60);
/// A first scrape waits at most this long; ten times what the largest supported exposition takes.
const PATIENCE: Duration = Duration::from_secs(8);
const NEVER: u64 = 0;

/// What is published now.
#[derive(Debug)]
pub struct Publication {
    current: ArcSwap<Published>,
    began: Instant,
    /// When each encoding was asked for last, in milliseconds after `began`, plus one.
    asked: [AtomicU64; Encoding::COUNT],
    wanted: Notify,
    renewed: Notify,
}

impl Publication {
    /// Starts with `first`.
    pub fn new(first: Published) -> Self {
        Self {
            current: ArcSwap::from_pointee(first),
            began: Instant::now(),
            asked: Default::default(),
            wanted: Notify::new(),
            renewed: Notify::new(),
        }
    }

    /// What is published now.
    pub fn load(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Replaces what is published.
    pub fn publish(&self, next: Published) {
        self.current.store(Arc::new(next));
        self.renewed.notify_waiters();
    }

    /// What is published now, in an encoding that is about to be rendered. Returns at once unless nobody has asked
    /// for that encoding lately; then when it has been made, or is not made in time.
    pub async fn in_encoding(&self, encoding: Encoding) -> Arc<Published> {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.asked[encoding.index()].store(now, Ordering::Relaxed);
        let published = self.load();
        if published.has(encoding) {
            return published;
        }
        let made = async {
            loop {
                let renewed = self.renewed.notified();
                // Whoever publishes looks at `asked` after it was woken, so the wish cannot be missed.
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

    /// Whether an encoding has been asked for lately.
    pub fn is_wanted(&self, encoding: Encoding) -> bool {
        let asked = self.asked[encoding.index()].load(Ordering::Relaxed);
        let age = self.began.elapsed().saturating_sub(Duration::from_millis(asked));
        asked != NEVER && age < KEPT
    }

    /// Returns when a scrape waits for an encoding that is not there.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

impl Default for Publication {
    /// Nothing published yet.
    fn default() -> Self {
        Self::new(Published::new(&[]))
    }
}
