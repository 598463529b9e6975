//! The server's clock, compared with ours.
//!
//! Owns the difference of the two, and the detection of a `Date` header that stands still because a
//! cache in between repeats an old answer. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Time between two answers with the same `Date` after which the clock is taken to stand still.
const STANDS_STILL: Duration = Duration::from_secs(90);

/// The clock of one server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerClock {
    /// The `Date` shown last, and the moment at which it was first shown.
    shown: Option<ShownDate>,
    /// Upper bound of the time by which the server's clock is ahead of ours, from the last answer
    /// with a moving `Date`.
    skew: SignedDuration,
    stands_still: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ShownDate {
    date: Timestamp,
    since: Instant,
}

impl ServerClock {
    /// Records the `Date` of an answer to a request that was sent at `sent` by our clock. Returns
    /// the date if it can be believed. The server wrote it after `sent`, without the fraction of
    /// its second.
    pub fn observe(
        &mut self,
        date: Option<Timestamp>,
        sent: Timestamp,
        at: Instant,
    ) -> Option<Timestamp> {
        let date = date?;
        let before = self.shown.filter(|shown| shown.date == date);
        let since = before.map_or(at, |shown| shown.since);
        self.shown = Some(ShownDate { date, since });
        self.stands_still =
            at.duration_since(since) >= STANDS_STILL || (self.stands_still && before.is_some());
        if self.stands_still {
            self.skew = SignedDuration::ZERO;
            return None;
        }
        self.skew = date.duration_since(sent) + SignedDuration::from_secs(1);
        Some(date)
    }

    /// Returns true if the `Date` of the answers stands still, so that it is useless as a clock.
    pub fn stands_still(&self) -> bool {
        self.stands_still
    }

    /// Returns the earlier of our time `now` and the server's: a moment is past only if it is
    /// before both.
    pub fn earlier(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.skew.min(SignedDuration::ZERO)).unwrap_or(now)
    }

    /// Returns the time by which the server's clock is behind ours; zero where it is ahead.
    pub fn behind(&self) -> SignedDuration {
        (-self.skew).max(SignedDuration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_737_600 + second).expect("a moment")
    }

    #[test]
    fn windows_close_by_the_earlier_of_the_two_clocks() {
        for (skew, behind) in [(0, 0), (240, 0), (-1, 0), (-60, 59), (-300, 299), (-7200, 7199)] {
            let mut clock = ServerClock::default();
            assert_eq!(clock.observe(Some(at(skew)), at(0), Instant::now()), Some(at(skew)));
            assert_eq!(clock.earlier(at(1000)), at(1000 - behind), "{skew}");
            assert_eq!(clock.behind().as_secs(), behind, "{skew}");
        }
    }

    #[test]
    fn a_date_that_stands_still_is_no_clock_until_it_moves() {
        let begun = Instant::now();
        let mut clock = ServerClock::default();
        let mut observe = |date: i64, after: u64| {
            let moment = begun + Duration::from_secs(after);
            let seen = clock.observe(Some(at(date)), at(after as i64), moment);
            (seen.is_some(), clock.stands_still(), clock.behind().as_secs())
        };
        assert_eq!(observe(0, 0), (true, false, 0));
        assert_eq!(observe(0, 2), (true, false, 1), "two answers within a second");
        assert_eq!(observe(0, 300), (false, true, 0));
        assert_eq!(observe(0, 301), (false, true, 0));
        assert_eq!(observe(290, 310), (true, false, 19), "it moves again");
        assert_eq!(clock.observe(None, at(320), begun + Duration::from_secs(320)), None);
    }
}
