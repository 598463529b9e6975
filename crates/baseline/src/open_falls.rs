//! Falls and risen shares that are reported and not over, so that one incident stays one alert.
//!
//! Owns the end of an incident. It stays reported through a night or a lull in which nothing is
//! expected, and ends when enough hits show the usual level again. It must not decide that
//! something fell or rose.

use std::collections::HashMap;

use super::{
    HOURS, SLOTS, Score,
    limits::{REPLAY_STEP, REPLAYED_HOURS},
};

/// A fall or a rise that was reported.
#[derive(Debug, Clone, Copy)]
struct Fall {
    score: Score,
    /// The slot, counted from 1970, at which the first window that showed it began.
    since: i64,
    /// The slot before which the return was detected; `None` while the incident is open.
    ended: Option<i64>,
}

/// Incidents by the place of the option, or by the number of the routing point.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenFalls(HashMap<usize, Fall>);

impl OpenFalls {
    /// Records the score of the poll that ends before the slot `last`, and returns the score to
    /// report.
    ///
    /// `is_back` receives the score as it was reported and the number of slots since the incident
    /// began. It returns true if the usual level is back.
    pub(super) fn follow(
        &mut self,
        of: usize,
        score: Score,
        last: i64,
        is_back: impl Fn(&Score, usize) -> bool,
    ) -> Score {
        let known = self.0.get(&of).copied();
        let begin = last - score.slots() as i64;
        // A window that begins before the end of the last incident was reported with it.
        let is_old = known.and_then(|fall| fall.ended).is_some_and(|ended| begin < ended);
        let is_new = score.score > 1.0 && !is_old;
        let open = known.filter(|fall| fall.ended.is_none());
        let since = open.map_or(begin, |fall| fall.since);
        let now = is_new.then_some(Fall { score, since, ended: None });
        let Some(fall) = now.or(open) else {
            return if is_old && score.score > 1.0 { Score::default() } else { score };
        };
        if is_back(&fall.score, (last - since).max(0) as usize) {
            self.0.insert(of, Fall { ended: Some(last), ..fall });
            return if score.score > 1.0 { Score::default() } else { score };
        }
        self.0.insert(of, fall);
        fall.score
    }

    /// Forgets an incident that cannot be followed any more.
    pub(super) fn forget(&mut self, of: usize) {
        self.0.remove(&of);
    }
}

/// Returns the slots before `last`, oldest first, at which a detector that has just started looks
/// for open incidents.
pub(super) fn looks_back(last: i64) -> impl Iterator<Item = i64> {
    let hours = (1..=REPLAYED_HOURS).rev().step_by(REPLAY_STEP);
    hours.map(move |hours| last - hours * (SLOTS / HOURS) as i64)
}

/// Returns the share of the expected hits that a fall left, limited to 0.05 to 0.7, so that a
/// return can be detected from a few hits.
pub(super) fn left(fall: &Score) -> f64 {
    ((fall.observed + 0.5) / fall.expected.max(0.5)).clamp(0.05, 0.7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_stays_open_until_hits_are_back() {
        let fall = Score { score: 1.4, observed: 0.0, expected: 20.0, window: 1200 };
        let mut falls = OpenFalls::default();
        let steps = [
            // Score of the poll, result of `is_back`, reported score.
            (0.4, false, 0.4),
            (1.4, false, 1.4),
            (0.0, false, 1.4),
            (1.4, false, 1.4),
            (0.3, true, 0.3),
            (0.3, false, 0.3),
            // The same gap is not reported again, but a later one is.
            (1.4, false, 0.0),
            (0.2, false, 0.2),
            (0.2, false, 0.2),
            (1.4, false, 1.4),
        ];
        for ((score, back, reported), last) in steps.into_iter().zip(1000..) {
            let of_poll = Score { score, ..fall };
            let told = falls.follow(7, of_poll, last, |_, _| back).score;
            assert_eq!(told, reported, "{score} {back} {last}");
        }
    }

    #[test]
    fn the_share_that_is_left_is_neither_nothing_nor_all() {
        let of = |observed| left(&Score { score: 2.0, observed, expected: 100.0, window: 600 });
        assert_eq!([of(0.0), of(39.5), of(90.0)], [0.05, 0.4, 0.7]);
    }
}
