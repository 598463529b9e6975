//! Opening hours of a routing point: whether they shift from day to day, and which silences a shift
//! may explain.
//!
//! Owns no times of the day: a routing point is usually open where hits are expected from earlier
//! weeks. It must not decide that something is wrong.

use std::ops::Range;

use super::{
    limits::{AROUND, LEAST_SHIFT, MOST_SHIFT, NIGHT, SHIFT_HITS, SHIFTS},
    option_context::PrefixSums,
};

/// Slots after the present that are searched for a night.
pub(super) const AHEAD: usize = MOST_SHIFT + NIGHT;

/// Returns true if the routing point opened or closed off its usual hours on several days. `usable`
/// is true for each known slot.
pub(super) fn shift(point: &PrefixSums, usable: &[bool]) -> bool {
    let open = open(&expected(point));
    let too_short = silences(point, usable).filter(|silence| {
        let opens = count(&open[silence.clone()]);
        (LEAST_SHIFT..=MOST_SHIFT).contains(&opens)
            && silence.len() - opens >= NIGHT
            && point.between(silence.start, silence.end).expected >= SHIFT_HITS
    });
    let nights = runs(usable.iter().zip(&open).map(|(usable, open)| *usable && !open));
    let too_long = nights.filter(|night| night.len() >= NIGHT).flat_map(|night| {
        let evening = night.start..night.end.min(night.start + MOST_SHIFT);
        let morning = night.start.max(night.end.saturating_sub(MOST_SHIFT))..night.end;
        [evening, morning]
            .into_iter()
            .filter(|edge| point.between(edge.start, edge.end).seen >= SHIFT_HITS)
    });
    too_short.count() + too_long.count() >= SHIFTS
}

/// Returns true for each slot in which a routing point with shifting hours may be closed. These are
/// silences next to a night that take at most an hour of its usual opening. `ahead` has the
/// expected hits of the next slots.
pub(super) fn may_be_closed(point: &PrefixSums, usable: &[bool], ahead: &[f64]) -> Vec<bool> {
    let mut expected = expected(point);
    expected.extend(ahead);
    let open = open(&expected);
    let mut may_be = vec![false; point.len()];
    for silence in silences(point, usable) {
        let mut opens = count(&open[silence.clone()]);
        let mut closed = silence.len() - opens;
        if closed < NIGHT && silence.end == point.len() {
            let open_ahead = count(&open[point.len()..]);
            (opens, closed) = (opens + open_ahead, closed + ahead.len() - open_ahead);
        }
        if opens <= MOST_SHIFT && closed >= NIGHT {
            may_be[silence].fill(true);
        }
    }
    may_be
}

fn expected(point: &PrefixSums) -> Vec<f64> {
    (0..point.len()).map(|at| point.slot(at).expected).collect()
}

/// Returns true for each slot in which the routing point is usually open. The expectation averages
/// half an hour on each side of a slot, so it falls to half where the routing point closes.
fn open(expected: &[f64]) -> Vec<bool> {
    (0..expected.len())
        .map(|at| {
            let around = at.saturating_sub(AROUND)..expected.len().min(at + AROUND + 1);
            let most = expected[around].iter().copied().fold(0.0, f64::max);
            expected[at] > 0.0 && 2.0 * expected[at] >= most
        })
        .collect()
}

fn count(open: &[bool]) -> usize {
    open.iter().filter(|open| **open).count()
}

/// Returns the longest ranges without a hit.
fn silences(point: &PrefixSums, usable: &[bool]) -> impl Iterator<Item = Range<usize>> {
    runs(usable.iter().enumerate().map(|(at, usable)| *usable && point.slot(at).seen <= 0.0))
}

/// Returns the longest ranges of `true`.
fn runs(of: impl Iterator<Item = bool>) -> impl Iterator<Item = Range<usize>> {
    let mut begin = None;
    of.chain([false]).enumerate().filter_map(move |(at, is)| match (is, begin) {
        (true, None) => {
            begin = Some(at);
            None
        }
        (false, Some(from)) => {
            begin = None;
            Some(from..at)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SLOTS;

    /// Returns days of a routing point that is usually open from slot 84 to before 228 (7:00 to
    /// 19:00). Each day's opening and closing are shifted by a number of slots.
    fn days(shifts: &[(i32, i32)]) -> PrefixSums {
        PrefixSums::of(shifts.iter().flat_map(|(opens, closes)| {
            (0..SLOTS as i32).map(move |slot| {
                let hits = |from: i32, to: i32| if (from..to).contains(&slot) { 5.0 } else { 0.0 };
                (hits(84 + opens, 228 + closes), hits(84, 228))
            })
        }))
    }

    fn shifts(days: &PrefixSums) -> bool {
        shift(days, &vec![true; days.len()])
    }

    #[test]
    fn hours_that_shift_are_told_from_those_that_are_kept() {
        for (shifted, days) in [
            (false, [(0, 0), (0, 0), (0, 0)]),
            (false, [(0, 0), (6, 0), (0, 0)]),
            (false, [(1, -1), (2, 0), (0, 1)]),
            (true, [(0, 0), (6, 0), (0, -6)]),
            (true, [(-6, 0), (0, 0), (0, 4)]),
            // An outage of a morning teaches nothing.
            (false, [(40, 0), (0, -50), (0, 0)]),
        ] {
            assert_eq!(shifts(&self::days(&days)), shifted, "{days:?}");
        }
        let always = PrefixSums::of(vec![(5.0, 5.0); 3 * SLOTS]);
        assert!(!shifts(&always));
    }

    #[test]
    fn a_silence_beside_a_night_may_be_no_more_than_other_hours() {
        // Silent from the slot `silent`, judged before the slot `now`, usually open until slot 228.
        for (silent, now, excused) in [
            // It has not opened for an hour, and for five minutes more.
            (0, 84 + 12, true),
            (0, 84 + 13, false),
            // It closed an hour early, and five minutes more; and it is silent in the middle of the
            // day.
            (228 - 12, 228 - 10, true),
            (228 - 13, 228 - 10, false),
            (228 - 12, 228 + 3, true),
            (228 - 12, 228 + 30, true),
            (150, 152, false),
        ] {
            let usual = |slot: usize| (84..228).contains(&slot);
            let day = PrefixSums::of((0..now).map(|slot| {
                let expected = if usual(slot) { 5.0 } else { 0.0 };
                (if slot < silent { expected } else { 0.0 }, expected)
            }));
            let ahead: Vec<f64> =
                (now..now + AHEAD).map(|slot| if usual(slot) { 5.0 } else { 0.0 }).collect();
            let may_be = may_be_closed(&day, &vec![true; now], &ahead);
            assert_eq!(may_be[now - 1], excused, "silent from {silent}, now {now}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_silence() {
        let day = days(&[(6, 0)]);
        let mut usable = vec![true; day.len()];
        usable[80..90].fill(false);
        let may_be = may_be_closed(&day, &usable, &[]);
        assert!(may_be[79] && !may_be[85] && !may_be[100]);
    }
}
