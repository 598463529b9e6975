//! One window of one option: what was seen, and what should have been at today's level.
//!
//! Owns how today's level is told: from the *other* options of the routing point and of the operation, and from the option's
//! own earlier hours of the day. Used alike for the present and for the weeks from which noise is learnt, so that what is
//! learnt is the error of this very prediction.

use super::{
    SLOTS,
    limits::{LEVEL_PRIOR, WEEKS},
};

/// Running sums of hits seen and expected; the sums of a stretch are differences.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    seen: Vec<f64>,
    expected: Vec<f64>,
}

/// Hits seen and expected.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pair {
    pub(super) seen: f64,
    pub(super) expected: f64,
}

impl Sums {
    /// Starts anew.
    pub(super) fn clear(&mut self) {
        self.seen.clear();
        self.expected.clear();
        self.seen.push(0.0);
        self.expected.push(0.0);
    }

    /// Appends a slot.
    pub(super) fn push(&mut self, seen: f64, expected: f64) {
        self.seen.push(self.seen.last().unwrap_or(&0.0) + seen);
        self.expected.push(self.expected.last().unwrap_or(&0.0) + expected);
    }

    /// From what each slot has.
    pub(super) fn of(slots: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut sums = Self::default();
        sums.clear();
        slots.into_iter().for_each(|(seen, expected)| sums.push(seen, expected));
        sums
    }

    /// Slots.
    pub(super) fn len(&self) -> usize {
        self.seen.len().saturating_sub(1)
    }

    /// Of the slots from `from` to before `to`.
    pub(super) fn between(&self, from: usize, to: usize) -> Pair {
        Pair { seen: self.seen[to] - self.seen[from], expected: self.expected[to] - self.expected[from] }
    }
}

/// An option beside its routing point and its operation, over the same slots.
pub(super) struct Beside<'a> {
    pub(super) own: &'a Sums,
    pub(super) point: &'a Sums,
    pub(super) operation: &'a Sums,
    /// The first of the slots, counted from 1970.
    pub(super) base: i64,
    /// How much the option's own level varies from day to day, as a relative variance.
    pub(super) day_noise: f64,
}

/// What was seen in a window, and what should have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    pub(super) seen: f64,
    /// At today's level; the expectation.
    pub(super) mean: f64,
    /// Relative variance of that mean, but for the noise that is learnt.
    pub(super) unsure: f64,
}

impl Beside<'_> {
    /// The window from `from` to before `to`, expected from so many weeks.
    pub(super) fn window(&self, from: usize, to: usize, weeks: u8) -> Window {
        let own = self.own.between(from, to);
        let (level, level_unsure) = self.level(own, from, to);
        let (day, day_unsure) = self.day(from, to);
        let mean = (own.expected * level * day).max(1e-9);
        // Around a moment of each week there is an hour of hits, so short windows share them.
        let hours = (to - from) as f64 / 12.0;
        let baseline = 1.2 * hours / (hours + 1.0) / f64::from(weeks.clamp(1, WEEKS as u8));
        Window { seen: own.seen, mean, unsure: level_unsure + day_unsure + baseline / mean }
    }

    /// Today's level, never more than usual, and how unsure it is.
    fn level(&self, own: Pair, from: usize, to: usize) -> (f64, f64) {
        let others = |all: &Sums| {
            let all = all.between(from, to);
            Pair { seen: (all.seen - own.seen).max(0.0), expected: (all.expected - own.expected).max(0.0) }
        };
        let (point, operation) = (others(self.point), others(self.operation));
        let of_operation = (operation.seen + LEVEL_PRIOR) / (operation.expected + LEVEL_PRIOR);
        let of_point = (point.seen + LEVEL_PRIOR * of_operation) / (point.expected + LEVEL_PRIOR);
        (of_point.min(of_operation).min(1.0), 1.0 / (point.expected + LEVEL_PRIOR))
    }

    /// Today's level, never more than usual.
    pub(super) fn level_of(&self, from: usize, to: usize) -> f64 {
        self.level(self.own.between(from, to), from, to).0
    }

    /// Today's level of the routing point's other options, which may be more than usual.
    pub(super) fn point_level(&self, from: usize, to: usize) -> f64 {
        let (own, all) = (self.own.between(from, to), self.point.between(from, to));
        (all.seen - own.seen + LEVEL_PRIOR) / (all.expected - own.expected + LEVEL_PRIOR)
    }

    /// The option's own level on this day, from the slots before the window, and how unsure it is.
    fn day(&self, from: usize, to: usize) -> (f64, f64) {
        let slot_of_day = |at: usize| (self.base + at as i64).rem_euclid(SLOTS as i64) as usize;
        let since = slot_of_day(from).min(from);
        if since == 0 || since + (to - from) > SLOTS {
            return (1.0, self.day_noise);
        }
        let earlier = self.own.between(from - since, from);
        let (level, _) = self.level(earlier, from - since, from);
        let (mean, prior) = (earlier.expected * level, 1.0 / self.day_noise);
        let most = 2.5 * self.day_noise.sqrt();
        let day = (earlier.seen + prior) / (mean + prior);
        (day.clamp(1.0 - most, 1.0 + most), 1.0 / (mean + prior))
    }
}
