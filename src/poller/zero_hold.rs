//! Decides when the count of a new series may be shown.
//!
//! A scraper takes the first value of a counter as its start, so everything counted before would be
//! missing from `increase()`. A new series is therefore shown at 0 first, until every usual scraper
//! has had time to read it. This file owns the moments since which each series is shown as 0; the
//! counters record that a count was released.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{ledger::TargetCounters, model::Counted, snapshot::Shown};

/// The moments since which each new series has been shown as 0 in this process.
#[derive(Debug)]
pub struct ZeroHold {
    hold: Duration,
    since: HashMap<Counted, Shown>,
}

impl ZeroHold {
    /// Makes a hold of this duration, in which every usual scraper comes by.
    pub fn new(hold: Duration) -> Self {
        Self { hold, since: HashMap::new() }
    }

    /// Records a snapshot that was handed to the publisher: its held counts are shown as 0 from the
    /// moment in `shown`. Must be called for each snapshot.
    pub fn published(&mut self, counters: &TargetCounters, shown: &Shown) {
        let held: HashSet<Counted> = counters.held().map(|(counted, _)| counted).collect();
        self.since.retain(|counted, _| held.contains(counted));
        for counted in held {
            self.since.entry(counted).or_insert_with(|| shown.clone());
        }
    }

    /// Returns true if every usual scraper has had time to see the 0.
    pub fn seen(&self, counted: &Counted, now: Instant) -> bool {
        let since = self.since.get(counted).and_then(Shown::at);
        self.hold.is_zero() || since.is_some_and(|since| since + self.hold <= now)
    }

    /// Returns the earliest moment at which a waiting count may appear; `None` if none waits. For a
    /// count that is not shown yet at `now`, the hold is assumed to begin at `now`.
    pub fn next(&self, counters: &TargetCounters, now: Instant) -> Option<Instant> {
        let waiting = counters.held().filter(|(_, waits)| *waits);
        let since =
            waiting.filter_map(|(counted, _)| Some(self.since.get(&counted)?.at().unwrap_or(now)));
        since.min().map(|since| since + self.hold)
    }
}
