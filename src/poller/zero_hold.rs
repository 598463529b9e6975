//! When the count of a new series may be shown.
//!
//! A scraper that sees a counter for the first time takes its value for the start: whatever was counted before is
//! lost to `increase()`. So a new series is shown at 0 first, for as long as every usual scraper needs to come by.
//! This knows what has been shown since when; that a count was released is the account's to remember.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{ledger::TargetCounters, model::Counted};

/// Since when each new series has been shown as 0, in this process: what decides when its count may appear.
#[derive(Debug)]
pub struct ZeroHold {
    hold: Duration,
    since: HashMap<Counted, Instant>,
}

impl ZeroHold {
    /// `hold` is how long every usual scraper needs to come by.
    pub fn new(hold: Duration) -> Self {
        Self { hold, since: HashMap::new() }
    }

    /// To be called after each publication: what was published without its count has been shown as 0.
    pub fn published(&mut self, account: &TargetCounters, now: Instant) {
        let held: HashSet<Counted> = account.held().map(|(counted, _)| counted).collect();
        self.since.retain(|counted, _| held.contains(counted));
        for counted in held {
            self.since.entry(counted).or_insert(now);
        }
    }

    /// Whether the zero could have been seen.
    pub fn seen(&self, counted: &Counted, now: Instant) -> bool {
        self.hold.is_zero() || self.since.get(counted).is_some_and(|since| *since + self.hold <= now)
    }

    /// When the next count that waits may appear; `None` when none waits.
    pub fn next(&self, account: &TargetCounters) -> Option<Instant> {
        let waiting = account.held().filter(|(_, waits)| *waits);
        waiting.filter_map(|(counted, _)| self.since.get(&counted)).min().map(|since| *since + self.hold)
    }
}
