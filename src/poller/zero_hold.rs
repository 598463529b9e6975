//! When the count of a new series may be shown.
//!
//! A scraper that sees a counter for the first time takes its value for the start: whatever was
//! counted before is lost to `increase()`. So a new series is shown at 0 first, for as long as
//! every usual scraper needs to come by. This knows what has been shown since when; that a count
//! was released is for the counters to remember.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{ledger::TargetCounters, model::Counted, snapshot::Shown};

/// The moments since which each new series has been shown as 0 in this process, which decide when
/// its count may appear.
#[derive(Debug)]
pub struct ZeroHold {
    hold: Duration,
    since: HashMap<Counted, Shown>,
}

impl ZeroHold {
    /// `hold` is how long every usual scraper needs to come by.
    pub fn new(hold: Duration) -> Self {
        Self { hold, since: HashMap::new() }
    }

    /// To be called with each snapshot that is handed to the publisher: what is in it without its
    /// count is shown as 0 from the moment that `shown` tells.
    pub fn published(&mut self, counters: &TargetCounters, shown: &Shown) {
        let held: HashSet<Counted> = counters.held().map(|(counted, _)| counted).collect();
        self.since.retain(|counted, _| held.contains(counted));
        for counted in held {
            self.since.entry(counted).or_insert_with(|| shown.clone());
        }
    }

    /// Returns true if the zero can have been seen.
    pub fn seen(&self, counted: &Counted, now: Instant) -> bool {
        let since = self.since.get(counted).and_then(Shown::at);
        self.hold.is_zero() || since.is_some_and(|since| since + self.hold <= now)
    }

    /// Returns the earliest moment at which the next waiting count may appear; `None` if none
    /// waits. A count that is not shown yet at `now` may not appear before the hold has passed from
    /// there.
    pub fn next(&self, counters: &TargetCounters, now: Instant) -> Option<Instant> {
        let waiting = counters.held().filter(|(_, waits)| *waits);
        let since =
            waiting.filter_map(|(counted, _)| Some(self.since.get(&counted)?.at().unwrap_or(now)));
        since.min().map(|since| since + self.hold)
    }
}
