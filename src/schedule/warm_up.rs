//! How the weeks before the beginning are read: backwards, the newest first, in stretches that an answer can hold.
//!
//! Owns how far it has come, which is kept over restarts, and how wide the next stretch is. Stretches are of the server's
//! wall clock, of which each second comes once on the way back. Pure: it never asks and never waits.

use serde::{Deserialize, Serialize};

use crate::model::{LocalSecond, LocalStretch};

/// The first stretch that is asked for, in seconds.
const FIRST: i64 = 24 * 3600;
/// A wider one is never asked for.
const WIDEST: i64 = 7 * 24 * 3600;
/// What fails in a narrower one does not fail because of its width.
const NARROWEST: i64 = 60;
/// So often a stretch of the least width may fail before it is passed over.
const TRIES: u32 = 3;
/// Once a stretch was too wide, so many of a width must be answered before a wider one is tried.
const PATIENCE: u32 = 4;

/// How far the reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Where what is read live begins.
    pub end: LocalSecond,
    /// Everything between this and `end` has been read, or passed over.
    pub next: LocalSecond,
    /// Requests sent so far.
    pub requests: u32,
}

impl WarmUp {
    /// That has read nothing yet of what lies before `end`.
    pub fn before(end: LocalSecond) -> Self {
        Self { end, next: end, requests: 0 }
    }

    /// The part of what lies between `from` and the end that is done with, from 0 to 1.
    pub fn progress(&self, from: LocalSecond) -> f64 {
        let (done, all) = (self.end - self.next, self.end - from);
        if all <= 0 { 1.0 } else { (done as f64 / all as f64).clamp(0.0, 1.0) }
    }
}

/// The width of the next stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backwards {
    width: i64,
    /// Failures in a row at the least width.
    failed: u32,
    /// A stretch was too wide once.
    narrowed: bool,
    /// Answered stretches of this width that had room.
    roomy: u32,
}

impl Default for Backwards {
    fn default() -> Self {
        Self { width: FIRST, failed: 0, narrowed: false, roomy: 0 }
    }
}

impl Backwards {
    /// The stretch before `next`, but nothing before `from`; `None` when all has been read.
    pub fn next(&self, from: LocalSecond, next: LocalSecond) -> Option<LocalStretch> {
        (from < next).then(|| (next.saturating_sub(self.width).max(from), next))
    }

    /// A stretch was too much for the server, for an answer, or for the time that there was. Less is asked for next; at
    /// the least width the same again, until [`Backwards::gives_up`].
    pub fn narrow(&mut self, (from, to): LocalStretch) {
        (self.narrowed, self.roomy) = (true, 0);
        if to - from <= NARROWEST {
            self.failed += 1;
        } else {
            self.width = ((to - from) / 2).max(NARROWEST);
        }
    }

    /// Whether a stretch has failed so often, at the least width, that it is to be passed over.
    pub fn gives_up(&self) -> bool {
        self.failed >= TRIES
    }

    /// A stretch was passed over. Its neighbours have the same trouble, as long as what surrounds them reaches it: each of
    /// them is tried only once.
    pub fn passed_over(&mut self) {
        (self.failed, self.roomy) = (TRIES - 1, 0);
    }

    /// A stretch was read. With `room` twice of it would have fitted.
    pub fn done(&mut self, room: bool) {
        self.failed = 0;
        self.roomy = if room { self.roomy + 1 } else { 0 };
        if self.roomy >= if self.narrowed { PATIENCE } else { 1 } {
            (self.width, self.roomy) = ((self.width * 2).min(WIDEST), 0);
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

    /// The stretches that are read of 28 days, and how many requests that took, of a server that answers at most `widest`
    /// seconds, each with room or not.
    fn read(widest: i64, room: bool) -> (Vec<LocalStretch>, u32) {
        let (mut width, mut warm_up, mut read) = (Backwards::default(), WarmUp::before(END), Vec::new());
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
