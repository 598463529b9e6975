//! A routing point of which all options fell together.
//!
//! Owns the judgement of whole routing points: against exactly the same minutes of earlier weeks, so that the hour at which
//! one opens is no fall, and against the operation's other routing points.

use super::{
    Moment, SLOT, SLOTS, Score, deviance,
    expectation::{Block, median},
    limits::{COLLAPSE, COLLAPSE_NOISE, COLLAPSE_WINDOWS, LEVEL_PRIOR, NIGHT, OPERATION_LEAST, WEEKS},
    window::Sums,
};

/// A window that has more than this of what its options let expect is not looked at: it has not collapsed.
const ENOUGH: f64 = 0.75;

/// One routing point over a frame.
pub(super) struct Collapse<'a> {
    usable: &'a [bool],
    seen: &'a Sums,
    operation: &'a Sums,
    /// What each earlier week had: hits, and as expected how many slots of it are known. Only where a window asks for it.
    weeks: Option<[Sums; WEEKS]>,
    least: f64,
}

impl<'a> Collapse<'a> {
    /// Over the slots from `base` on (counted from 1970), as many as `usable` tells of.
    pub(super) fn new(
        (base, usable): (i64, &'a [bool]),
        blocks: &[Block],
        point: usize,
        seen: &'a Sums,
        operation: &'a Sums,
        now: &Moment<'_>,
    ) -> Self {
        let today = base + usable.len() as i64 - 1;
        // On a day that a calendar knows, all may be as low as the others are.
        let least = if now.holidays.has(super::day_of(today)) { 0.0 } else { OPERATION_LEAST };
        let mut collapse = Self { usable, seen, operation, weeks: None, least };
        if (1..=seen.len()).any(|end| collapse.low(end).next().is_some()) {
            collapse.weeks = Some(std::array::from_fn(|week| weeks((base, usable), blocks, point, week)));
        }
        collapse
    }

    /// The windows that end before `end` and have few hits.
    fn low(&self, end: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let seen = self.seen;
        let windows = COLLAPSE_WINDOWS.into_iter().filter(move |slots| *slots <= end);
        windows.map(move |slots| (end - slots, end)).filter(move |(from, to)| {
            let own = seen.between(*from, *to);
            // A deviance is at most twice the difference, and half the limit is not worth a look at the weeks.
            own.seen < ENOUGH * own.expected && 2.0 * (1.3 * own.expected - own.seen) > COLLAPSE / 2.0
        })
    }

    /// The furthest of the windows that end before `end`.
    pub(super) fn score(&self, end: usize) -> Score {
        // Nobody is missed where it is usually closed by now.
        if self.seen.between(end.saturating_sub(NIGHT), end).expected <= 0.0 {
            return Score::default();
        }
        let scores = self.low(end).filter_map(|(from, to)| self.window(from, to));
        scores.fold(
            Score::default(),
            |furthest, score| if score.score > furthest.score { score } else { furthest },
        )
    }

    fn window(&self, from: usize, to: usize) -> Option<Score> {
        let own = self.seen.between(from, to);
        let usable = self.usable[from..to].iter().filter(|usable| **usable).count() as f64;
        let mut weeks = [0.0; WEEKS];
        let mut known = 0;
        for week in self.weeks.iter().flatten() {
            let week = week.between(from, to);
            if week.expected > 0.0 && week.expected * 2.0 >= usable {
                weeks[known] = (week.seen / week.expected * usable) as f32;
                known += 1;
            }
        }
        let usual = f64::from(median(&mut weeks[..known])?);
        let all = self.operation.between(from, to);
        let others = (all.seen - own.seen + LEVEL_PRIOR) / (all.expected - own.expected + LEVEL_PRIOR);
        let mean = (usual * others.clamp(self.least, 1.0)).max(1e-9);
        let noise = COLLAPSE_NOISE + 1.2 / known as f64 / mean;
        let score = deviance::below(own.seen, mean, noise) / COLLAPSE;
        let window = ((to - from) as i64 * SLOT) as u32;
        Some(if score > 0.0 {
            Score { score, observed: own.seen, expected: mean, window }
        } else {
            Score::default()
        })
    }

    /// The slots in which it had fallen: they say nothing about its options.
    pub(super) fn fallen(&self) -> Vec<bool> {
        let mut fallen = vec![false; self.seen.len()];
        if self.weeks.is_none() {
            return fallen;
        }
        for end in 1..=fallen.len() {
            for (from, to) in self.low(end) {
                if self.window(from, to).is_some_and(|score| score.score > 1.0) {
                    fallen[from..to].fill(true);
                }
            }
        }
        fallen
    }
}

/// What the routing point had in an earlier week.
fn weeks((base, usable): (i64, &[bool]), blocks: &[Block], point: usize, week: usize) -> Sums {
    Sums::of(usable.iter().enumerate().map(|(at, usable)| {
        let slot = base + at as i64;
        let day = slot.div_euclid(SLOTS as i64);
        let of_day = slot.rem_euclid(SLOTS as i64) as usize;
        let block = blocks.iter().find(|block| i64::from(block.day) == day);
        let hits = block.map_or(f32::NAN, |block| block.points[point][week][of_day]);
        if *usable && !hits.is_nan() { (hits, 1.0) } else { (0.0, 0.0) }
    }))
}
