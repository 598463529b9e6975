//! One window of one option: what was seen, and what should have been at today's level.
//!
//! Owns how today's level is told: from the *other* options of the routing point and of the operation, and from the option's
//! own earlier hours of the day. Used alike for the present and for the weeks from which noise is learnt, so that what is
//! learnt is the error of this very prediction.

use super::{
    SLOTS,
    limits::{LEVEL_PRIOR, MOST_DAY, RISE_PRIOR, WEEKS},
};

/// Running sums of hits seen and expected; the sums of a stretch are differences.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums(Vec<(f32, f32)>);

/// Hits seen and expected.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pair {
    pub(super) seen: f64,
    pub(super) expected: f64,
}

impl Sums {
    /// From what each slot has.
    pub(super) fn of(slots: impl IntoIterator<Item = (f32, f32)>) -> Self {
        let (mut seen, mut expected) = (0.0, 0.0);
        let mut sums = vec![(0.0, 0.0)];
        sums.extend(slots.into_iter().map(|slot| {
            // A day has fewer hits than a float of 32 bits can count, but weeks of a large operation may not.
            seen += f64::from(slot.0);
            expected += f64::from(slot.1);
            (seen as f32, expected as f32)
        }));
        Self(sums)
    }

    /// Slots.
    pub(super) fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// Of the slots from `from` to before `to`.
    pub(super) fn between(&self, from: usize, to: usize) -> Pair {
        let (from, to) = (self.0[from], self.0[to]);
        Pair { seen: f64::from(to.0 - from.0), expected: f64::from(to.1 - from.1) }
    }

    /// The slots as they were, with nothing where `without` says so.
    pub(super) fn without(&self, without: &[bool]) -> Self {
        Self::of(self.0.windows(2).zip(without).map(|(two, without)| {
            if *without { (0.0, 0.0) } else { (two[1].0 - two[0].0, two[1].1 - two[0].1) }
        }))
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
pub(super) struct Comparison {
    pub(super) seen: f64,
    /// At today's level; the expectation.
    pub(super) mean: f64,
    /// Relative variance of that mean, but for the noise that is learnt.
    pub(super) unsure: f64,
}

impl Beside<'_> {
    /// The window from `from` to before `to`, expected from so many weeks.
    pub(super) fn window(&self, from: usize, to: usize, weeks: u8) -> Comparison {
        let own = self.own.between(from, to);
        let (level, level_unsure) = self.level(own, from, to);
        let (day, day_unsure) = self.day(from, to);
        let mean = (own.expected * level * day).max(1e-9);
        // Around a moment of each week there is an hour of hits, so short windows share them.
        let hours = (to - from) as f64 / 12.0;
        let baseline = 1.2 * hours / (hours + 1.0) / f64::from(weeks.clamp(1, WEEKS as u8));
        Comparison { seen: own.seen, mean, unsure: level_unsure + day_unsure + baseline / mean }
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
        (all.seen - own.seen + RISE_PRIOR) / (all.expected - own.expected + RISE_PRIOR)
    }

    /// The option's own level on this day, never more than usual, from the slots before the window, and how unsure it is.
    fn day(&self, from: usize, to: usize) -> (f64, f64) {
        let slot_of_day = |at: usize| (self.base + at as i64).rem_euclid(SLOTS as i64) as usize;
        let since = slot_of_day(from).min(from);
        if since == 0 || since + (to - from) > SLOTS {
            return (1.0, self.day_noise);
        }
        let earlier = self.own.between(from - since, from);
        // As it is, not at most as usual: a campaign of the whole routing point says nothing about the option.
        let level = self.point_level(from - since, from);
        let (mean, prior) = (earlier.expected * level, 1.0 / self.day_noise);
        let most = MOST_DAY * self.day_noise.sqrt();
        let day = (earlier.seen + prior) / (mean + prior);
        (day.clamp(1.0 - most, 1.0), 1.0 / (mean + prior))
    }
}
