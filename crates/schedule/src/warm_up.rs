//! Reads the weeks before the first poll backwards, newest first, in parts that an answer can hold.
//!
//! Owns the progress, which is kept over restarts, and the width of the next part. Parts are ranges
//! of the server's wall clock, so that each of its seconds is read once. Pure: it never asks and
//! never waits.

use model::{LocalSecond, LocalStretch};
use serde::{Deserialize, Serialize};

/// Width of the first part, in seconds.
const FIRST: i64 = 24 * 3600;
/// Width of the widest part.
const WIDEST: i64 = 7 * 24 * 3600;
/// Width in seconds below which a failure has another cause than width.
const NARROWEST: i64 = 60;
/// Failures of a part of the least width after which it is skipped.
const TRIES: u32 = 3;
/// Answered parts of one width before a wider one is tried again, after one was too wide.
const PATIENCE: u32 = 4;

/// Progress of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// The second at which live reading begins.
    pub end: LocalSecond,
    /// The second from which everything up to `end` has been read or skipped.
    pub next: LocalSecond,
    /// Requests sent so far.
    pub requests: u32,
}

impl WarmUp {
    /// Begins a reading of the time before `end`.
    pub fn before(end: LocalSecond) -> Self {
        Self { end, next: end, requests: 0 }
    }

    /// Returns the share of the time between `from` and the end that is done, from 0 to 1.
    pub fn progress(&self, from: LocalSecond) -> f64 {
        let done = self.end - self.next;
        let all = self.end - from;
        if all <= 0 { 1.0 } else { (done as f64 / all as f64).clamp(0.0, 1.0) }
    }
}

/// The width of the next part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backwards {
    width: i64,
    /// Failures in a row at the least width.
    failed: u32,
    /// Some part was too wide.
    narrowed: bool,
    /// Answered parts of this width that had room for more rows.
    roomy: u32,
}

impl Default for Backwards {
    fn default() -> Self {
        Self { width: FIRST, failed: 0, narrowed: false, roomy: 0 }
    }
}

impl Backwards {
    /// Returns the part that ends at `next` and begins no earlier than `from`; `None` when all has
    /// been read.
    pub fn next(&self, from: LocalSecond, next: LocalSecond) -> Option<LocalStretch> {
        (from < next).then(|| (next.saturating_sub(self.width).max(from), next))
    }

    /// Records that a part was too much for the server, for an answer, or for the time limit. The
    /// next one is narrower; at the least width it is the same again, until
    /// [`Backwards::gives_up`].
    pub fn narrow(&mut self, (from, to): LocalStretch) {
        self.narrowed = true;
        self.roomy = 0;
        if to - from <= NARROWEST {
            self.failed += 1;
        } else {
            self.width = ((to - from) / 2).max(NARROWEST);
        }
    }

    /// Returns true if a part of the least width has failed so often that it must be skipped.
    pub fn gives_up(&self) -> bool {
        self.failed >= TRIES
    }

    /// Records that a part was skipped. Its neighbours probably fail for the same reason, so each
    /// of them is tried only once.
    pub fn passed_over(&mut self) {
        self.failed = TRIES - 1;
        self.roomy = 0;
    }

    /// Records that a part was read. `room` means that twice its rows would have fitted.
    pub fn done(&mut self, room: bool) {
        self.failed = 0;
        self.roomy = if room { self.roomy + 1 } else { 0 };
        if self.roomy >= if self.narrowed { PATIENCE } else { 1 } {
            self.width = (self.width * 2).min(WIDEST);
            self.roomy = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;
    const BEGIN: LocalSecond = LocalSecond::new(0);
    const END: LocalSecond = LocalSecond::new(28 * DAY);

    /// The stretches that are read of 28 days, and how many requests that took, of a server that
    /// answers at most `widest` seconds, each with room or not.
    fn read(widest: i64, room: bool) -> (Vec<LocalStretch>, u32) {
        let (mut width, mut warm_up, mut read) =
            (Backwards::default(), WarmUp::before(END), Vec::new());
        while let Some(stretch) = width.next(BEGIN, warm_up.next) {
            warm_up.requests += 1;
            if stretch.1 - stretch.0 > widest {
                width.narrow(stretch);
                continue;
            }
            width.done(room);
            read.push(stretch);
            warm_up.next = stretch.0;
        }
        assert_eq!((warm_up.next, warm_up.progress(BEGIN)), (BEGIN, 1.0));
        (read, warm_up.requests)
    }

    #[test]
    fn a_server_that_answers_much_is_asked_for_much() {
        let (read, requests) = read(31 * DAY, true);
        let days: Vec<i64> = read.iter().map(|(from, to)| (*to - *from) / DAY).collect();
        assert_eq!((days, requests), (vec![1, 2, 4, 7, 7, 7], 6));
    }

    #[test]
    fn a_server_that_refuses_more_than_half_a_day_costs_few_requests_more() {
        let (read, requests) = read(DAY / 2, true);
        assert_eq!(read.len(), 56);
        assert!(requests <= 56 + 15, "{requests}");
    }

    #[test]
    fn what_fails_at_the_least_width_is_given_up() {
        let mut width = Backwards::default();
        let mut requests = 0;
        while !width.gives_up() {
            width.narrow(width.next(BEGIN, END).expect("nothing was read"));
            requests += 1;
        }
        assert_eq!((width.next(BEGIN, END), requests), (Some((END - 60, END)), 14));
        width.passed_over();
        assert!(!width.gives_up());
        width.narrow((END - 120, END - 60));
        assert!(width.gives_up());
        width.passed_over();
        width.done(false);
        width.narrow((END - 240, END - 180));
        assert!(!width.gives_up());
    }

    proptest! {
        #[test]
        fn every_second_is_read_once_and_the_newest_first(widest in 60..40 * DAY, room: bool) {
            let (read, _) = read(widest, room);
            prop_assert_eq!((read[0].1, read[read.len() - 1].0), (END, BEGIN));
            prop_assert!(read.windows(2).all(|two| two[0].0 == two[1].1 && two[1].0 < two[1].1));
        }
    }
}
