//! Seconds that a server cannot answer for although it answers for those around them.
//!
//! One table serves all readings of a target and is kept in the state. Ranges are cut around its
//! seconds, so that one bad row hides no other. The first such second must fail in several polls,
//! to prove that the server itself is up. While one has been given up within the hour, the next
//! ones are given up at their first failure. Pure: it never asks.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{MIN_RANGE, TimeRange};

/// Polls in which the first second must fail before it is given up.
const FIRST_FAILURES: u32 = 3;
/// Seconds after a second was given up in which others are given up at their first failure.
const PROVEN_FOR: i64 = 3600;
/// Regions that are remembered; the oldest is forgotten first.
const MAX_REGIONS: usize = 2048;
/// Requests of re-readings for a region that was given up.
const MAX_REASKED: u32 = 8;
/// Seconds before a region that was given up is requested again, so that the next hourly re-reading
/// finds a failure that did not last.
const REASK_AFTER: i64 = 1800;
/// Distance between a request that probes the server and the nearest seconds that are known to
/// fail.
const CLEAR_SECONDS: SignedDuration = SignedDuration::from_secs(3);
/// Most regions that the lookback of a live poll reads around; the part before them is left to the
/// re-readings.
const MAX_AROUND: usize = 3;

/// Consecutive seconds that fail by themselves, as the one-second ranges that were requested. All
/// in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Region {
    from: i64,
    to: i64,
    /// Polls in which it failed before it was given up.
    failures: u32,
    given_up: bool,
    /// The second before it has not been answered since, so it may begin earlier.
    open_before: bool,
    /// The second after it has not been answered since, so it may end later.
    open_after: bool,
    /// Requests for it after it was given up.
    reasked: u32,
    /// Moment before which it is not requested again.
    not_before: i64,
}

impl Region {
    fn range(&self) -> TimeRange {
        TimeRange {
            from: Timestamp::from_second(self.from).unwrap_or_default(),
            to: Timestamp::from_second(self.to).unwrap_or_default(),
        }
    }

    fn give_up(&mut self, now: i64) {
        self.given_up = true;
        self.open_before = true;
        self.open_after = true;
        self.not_before = now + REASK_AFTER;
    }

    /// Returns true if `range` is adjacent, on a side where the region may be longer.
    fn may_extend_to(&self, range: TimeRange) -> bool {
        (self.open_after && self.to == range.from.as_second())
            || (self.open_before && self.from == range.to.as_second())
    }

    /// Records that `range` was answered. Returns true if the region now ends there.
    fn ends_beside(&mut self, range: TimeRange) -> bool {
        let ends = self.may_extend_to(range);
        self.open_after &= self.to != range.from.as_second();
        self.open_before &= self.from != range.to.as_second();
        ends
    }

    /// Leaves out what `range` has of one of its ends. Returns true if the region is shorter now.
    fn shorten(&mut self, range: TimeRange) -> bool {
        let before = self.to - self.from;
        let from = range.from.as_second();
        let to = range.to.as_second();
        if from <= self.from && (self.from..self.to).contains(&to) {
            self.from = to;
        } else if self.to <= to && (self.from..self.to).contains(&from) {
            self.to = from;
        }
        self.to - self.from < before
    }

    fn lies_in(&self, range: TimeRange) -> bool {
        range.from.as_second() <= self.from && self.to <= range.to.as_second()
    }

    fn holds(&self, range: TimeRange) -> bool {
        self.from <= range.from.as_second() && range.to.as_second() <= self.to
    }
}

/// The seconds known to fail by themselves, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unanswerable {
    regions: Vec<Region>,
    /// Unix second at which a second was last given up.
    proven_at: Option<i64>,
    /// It differs from what was last saved.
    #[serde(skip)]
    changed: bool,
}

/// The next request of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextRange {
    /// Request this range.
    Ask(TimeRange),
    /// Everything up to this moment was given up: continue after it.
    Skip(Timestamp),
}

/// The outcome of a failure at a single second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFailed {
    /// It is requested again in the next poll.
    Wait,
    /// It is given up. `lost` seconds more than before cannot be answered for: two neighbouring
    /// ranges, which include both their ends, add only the second that they share.
    GivenUp {
        /// Seconds to be counted as incomplete.
        lost: u64,
    },
}

impl Unanswerable {
    /// Cuts `range` so that it holds either no second that is known to fail, or nothing else.
    /// Seconds that were given up are skipped, except by a re-reading (`reread`) after the moment
    /// from which they may be requested again.
    pub fn next(&self, range: TimeRange, reread: bool, now: Timestamp) -> NextRange {
        let mut range = range;
        for region in &self.regions {
            let known = region.range();
            if region.open_after && known.to == range.from {
                range.to = range.to.min(range.from.saturating_add(MIN_RANGE).unwrap_or(range.to));
            }
            if known.to <= range.from || known.from >= range.to {
                continue;
            }
            if range.from < known.from {
                range.to = known.from;
                continue;
            }
            let is_due = region.reasked < MAX_REASKED && region.not_before <= now.as_second();
            return match region.given_up && !(reread && is_due) {
                true => NextRange::Skip(known.to),
                false => NextRange::Ask(TimeRange { from: range.from, to: known.to.min(range.to) }),
            };
        }
        NextRange::Ask(range)
    }

    /// Returns the latest start of a live poll's lookback between `from` and `to` that reads around
    /// no more regions than one poll can afford.
    pub fn lookback_from(&self, from: Timestamp, to: Timestamp) -> Timestamp {
        let inside = self.regions.iter().rev().filter(|region| {
            region.given_up && region.from > from.as_second() && region.to < to.as_second()
        });
        inside.map(|region| region.range().to).nth(MAX_AROUND).unwrap_or(from)
    }

    /// Returns true if this range has failed by itself before, or is adjacent to one that was given
    /// up.
    pub fn is_suspected(&self, range: TimeRange) -> bool {
        self.regions.iter().any(|region| region.range() == range || region.may_extend_to(range))
    }

    /// Returns true if all of `range` was given up.
    pub fn is_given_up(&self, range: TimeRange) -> bool {
        self.regions.iter().any(|region| region.given_up && region.holds(range))
    }

    /// Records that `range`, a single second, failed at `now` while the server answered for others.
    pub fn failed(&mut self, range: TimeRange, now: Timestamp) -> SecondFailed {
        self.changed = true;
        let is_proven =
            self.is_proven(now) || self.regions.iter().any(|region| region.may_extend_to(range));
        if !is_proven {
            let region = self.entry(range.from.as_second(), range.to.as_second());
            region.failures += 1;
            if region.failures < FIRST_FAILURES {
                return SecondFailed::Wait;
            }
        }
        SecondFailed::GivenUp { lost: self.give_up(range, now) }
    }

    /// Gives up `range`, a single second, at once. Returns the seconds that are lost with it.
    pub fn give_up(&mut self, range: TimeRange, now: Timestamp) -> u64 {
        let now = now.as_second();
        let from = range.from.as_second();
        let to = range.to.as_second();
        self.changed = true;
        self.proven_at = Some(now);
        let beside = self.regions.iter_mut().find(|region| region.may_extend_to(range));
        let Some(beside) = beside else {
            self.entry(from, to).give_up(now);
            return 1;
        };
        // The second range only shows which second of the first one fails.
        let lost = u64::from(beside.to - beside.from > 1);
        beside.from = beside.from.min(from);
        beside.to = beside.to.max(to);
        lost
    }

    /// Returns true if a second was given up within the hour before `now`, so that the next one is
    /// given up at its first failure.
    pub fn is_proven(&self, now: Timestamp) -> bool {
        self.is_proven_at(now.as_second())
    }

    fn is_proven_at(&self, now: i64) -> bool {
        self.proven_at.is_some_and(|at| (at..at + PROVEN_FOR).contains(&now))
    }

    /// Returns true if the table has changed since it was last saved.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// Records that the table was saved.
    pub fn kept(&mut self) {
        self.changed = false;
    }

    /// Records that a re-reading failed for `range`, which was given up.
    pub fn failed_again(&mut self, range: TimeRange, now: Timestamp) {
        for region in self.regions.iter_mut().filter(|region| region.holds(range)) {
            self.changed = true;
            region.reasked += 1;
            region.not_before = now.as_second() + REASK_AFTER;
        }
    }

    /// Records that `range` was answered. Returns true if it had been given up.
    pub fn answered(&mut self, range: TimeRange) -> bool {
        for region in &mut self.regions {
            self.changed |= region.ends_beside(range);
        }
        let was_given_up = self.is_given_up(range);
        let before = self.regions.len();
        self.regions.retain(|region| !region.lies_in(range));
        self.changed |= self.regions.len() < before;
        for region in &mut self.regions {
            self.changed |= region.shorten(range);
        }
        was_given_up
    }

    /// Returns the latest moment up to the start of `range` with [`CLEAR_SECONDS`] before it that
    /// are not known to fail.
    pub fn clear_before(&self, range: TimeRange) -> Timestamp {
        let mut clear = range.from;
        for region in self.regions.iter().rev().map(Region::range) {
            let clear_from = clear.saturating_sub(CLEAR_SECONDS).unwrap_or(clear);
            if region.from < clear && clear_from <= region.to {
                clear = region.from;
            }
        }
        clear
    }

    /// Forgets regions that ended before `moment`, which are never requested again.
    pub fn forget(&mut self, moment: Timestamp) {
        let before = self.regions.len();
        self.regions.retain(|region| region.to >= moment.as_second());
        self.changed |= self.regions.len() < before;
    }

    /// Returns the region of this range, or a new one.
    fn entry(&mut self, from: i64, to: i64) -> &mut Region {
        let known = self.regions.iter().position(|region| (region.from, region.to) == (from, to));
        let at = known.unwrap_or_else(|| {
            if self.regions.len() == MAX_REGIONS {
                self.regions.remove(0);
            }
            let at = self.regions.partition_point(|region| region.from < from);
            let region = Region {
                from,
                to,
                failures: 0,
                given_up: false,
                open_before: false,
                open_after: false,
                reasked: 0,
                not_before: 0,
            };
            self.regions.insert(at, region);
            at
        });
        &mut self.regions[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange { from: at(from), to: at(to) }
    }

    /// Fails at this second in three polls.
    fn given_up(second: i64) -> Unanswerable {
        let mut table = Unanswerable::default();
        let outcomes: Vec<_> =
            (0..FIRST_FAILURES).map(|_| table.failed(range(second, second + 1), at(100))).collect();
        assert_eq!(
            outcomes,
            [SecondFailed::Wait, SecondFailed::Wait, SecondFailed::GivenUp { lost: 1 }]
        );
        table
    }

    /// A reading narrows after an answer that is too large or short: what it is told to request must
    /// be as narrow, or it would request the same for ever.
    #[test]
    fn what_is_requested_lies_in_what_was_wanted() {
        let mut table = given_up(3);
        for second in [4, 5, 9] {
            table.failed(range(second, second + 1), at(100));
        }
        let moments = [at(100), at(100 + REASK_AFTER)];
        for (from, to) in (0..12).flat_map(|from| (from + 1..=12).map(move |to| (from, to))) {
            for (reread, now) in [false, true].into_iter().zip(moments) {
                let wanted = range(from, to);
                match table.next(wanted, reread, now) {
                    NextRange::Ask(asked) => assert!(wanted.contains(asked), "{asked:?}"),
                    NextRange::Skip(after) => assert!(after > at(from), "{wanted:?}"),
                }
            }
        }
    }

    #[test]
    fn seconds_given_up_together_are_answered_one_by_one() {
        let mut table = given_up(50);
        table.failed(range(51, 52), at(100));
        assert!(table.answered(range(50, 51)));
        assert!(!table.is_given_up(range(50, 51)) && table.is_given_up(range(51, 52)));
        assert!(table.answered(range(51, 52)));
        assert!(!table.is_given_up(range(51, 52)));
    }

    #[test]
    fn ranges_are_cut_around_what_fails() {
        use NextRange::{Ask, Skip};
        let mut suspected = Unanswerable::default();
        suspected.failed(range(50, 51), at(100));
        let mut table = given_up(50);
        table.answered(range(51, 60));
        let soon = at(100);
        let later = at(100 + REASK_AFTER);
        for (asked, while_suspected, live, reread) in [
            (range(0, 100), Ask(range(0, 50)), Ask(range(0, 50)), Ask(range(0, 50))),
            (range(50, 100), Ask(range(50, 51)), Skip(at(51)), Ask(range(50, 51))),
            (range(51, 100), Ask(range(51, 100)), Ask(range(51, 100)), Ask(range(51, 100))),
            (range(0, 50), Ask(range(0, 50)), Ask(range(0, 50)), Ask(range(0, 50))),
        ] {
            assert_eq!(suspected.next(asked, false, later), while_suspected, "{asked:?}");
            assert_eq!(table.next(asked, false, later), live, "{asked:?}");
            assert_eq!(table.next(asked, true, later), reread, "{asked:?}");
        }
        assert_eq!(table.next(range(50, 100), true, soon), Skip(at(51)), "not so soon");
        for _ in 0..MAX_REASKED {
            table.failed_again(range(50, 51), later);
        }
        assert_eq!(
            table.next(range(50, 100), true, at(i64::from(u32::MAX))),
            Skip(at(51)),
            "not for ever"
        );
    }

    #[test]
    fn neighbours_are_given_up_at_once_and_a_lost_second_counts_once() {
        let mut table = given_up(50);
        assert_eq!(table.next(range(51, 100), false, at(100)), NextRange::Ask(range(51, 52)));
        assert!(table.is_suspected(range(51, 52)));
        // [50, 51] and [51, 52] fail because of second 51 alone.
        assert_eq!(table.failed(range(51, 52), at(100)), SecondFailed::GivenUp { lost: 0 });
        assert_eq!(table.failed(range(52, 53), at(100)), SecondFailed::GivenUp { lost: 1 });
        assert_eq!(table.failed(range(49, 50), at(100)), SecondFailed::GivenUp { lost: 1 });
        for (asked, clear) in [(53, 49), (49, 49), (56, 49), (57, 57), (40, 40)] {
            assert_eq!(table.clear_before(range(asked, asked + 1)), at(clear), "{asked}");
        }
        assert!(!table.answered(range(53, 54)));
        assert_eq!(
            table.failed(range(48, 49), at(100)),
            SecondFailed::GivenUp { lost: 1 },
            "it is open before"
        );
        assert_eq!(table.next(range(54, 100), false, at(100)), NextRange::Ask(range(54, 100)));
        assert_eq!(table.next(range(48, 100), false, at(100)), NextRange::Skip(at(53)));
        assert!(
            table.answered(range(48, 53)),
            "when a re-reading gets it, it is as if nothing had been"
        );
        assert!(table.regions.is_empty());
    }

    /// The poll that gave up [50, 51] ended there; the next one reads its lookback first.
    #[test]
    fn a_second_at_the_end_of_a_poll_counts_once() {
        let mut table = given_up(50);
        assert!(!table.answered(range(0, 50)));
        assert_eq!(table.next(range(51, 100), false, at(100)), NextRange::Ask(range(51, 52)));
        assert_eq!(table.failed(range(51, 52), at(100)), SecondFailed::GivenUp { lost: 0 });
    }

    #[test]
    fn after_one_second_the_next_ones_are_given_up_at_their_first_failure_for_an_hour() {
        let mut table = given_up(50);
        table.answered(range(51, 60));
        for (second, now, outcome) in [
            (200, 400, SecondFailed::GivenUp { lost: 1 }),
            (300, 400 + PROVEN_FOR - 1, SecondFailed::GivenUp { lost: 1 }),
            (500, 400 + 3 * PROVEN_FOR, SecondFailed::Wait),
        ] {
            assert_eq!(table.failed(range(second, second + 1), at(now)), outcome, "{second}");
            table.answered(range(second + 1, second + 2));
        }
        let state = postcard::to_allocvec(&table).unwrap();
        let mut restored: Unanswerable = postcard::from_bytes(&state).unwrap();
        assert_eq!(restored.next(range(200, 300), false, at(4000)), NextRange::Skip(at(201)));
        restored.forget(at(501));
        assert!(!restored.is_given_up(range(200, 201)) && restored.is_suspected(range(500, 501)));
    }

    #[test]
    fn a_live_poll_reads_around_few_of_them() {
        let mut table = given_up(1000);
        for second in (1100..2000).step_by(100) {
            table.failed(range(second, second + 1), at(1500));
            table.answered(range(second + 1, second + 2));
        }
        assert_eq!(table.lookback_from(at(0), at(2000)), at(1601));
        assert_eq!(table.lookback_from(at(1650), at(2000)), at(1650));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = Unanswerable::default();
        for second in 0..2 * i64::try_from(MAX_REGIONS).unwrap() {
            table.failed(range(second * 10, second * 10 + 1), at(0));
        }
        assert_eq!(table.regions.len(), MAX_REGIONS);
    }
}
