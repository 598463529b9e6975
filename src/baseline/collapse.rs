//! A routing point of which all options fell together.
//!
//! Owns the judgement of whole routing points: against exactly the same minutes of earlier weeks, so that the hour at which
//! one opens is no fall, and against the operation's other routing points.

use super::{
    Moment, SLOT, SLOTS, Score, deviance,
    expectation::{Block, median},
    frame::Frame,
    limits::{COLLAPSE, COLLAPSE_NOISE, COLLAPSE_WINDOWS, LEVEL_PRIOR, OPERATION_LEAST, WEEKS},
    window::Sums,
};

/// One routing point over a frame.
pub(super) struct Collapse<'a> {
    seen: &'a Sums,
    operation: &'a Sums,
    /// What each earlier week had: hits, and as expected how many slots of it are known.
    weeks: [Sums; WEEKS],
    least: f64,
}

impl<'a> Collapse<'a> {
    pub(super) fn new(
        frame: &Frame,
        blocks: &[Block],
        point: usize,
        seen: &'a Sums,
        operation: &'a Sums,
        now: &Moment<'_>,
    ) -> Self {
        let weeks = std::array::from_fn(|week| {
            Sums::of(frame.usable.iter().enumerate().map(|(at, usable)| {
                let slot = frame.base + at as i64;
                let day = slot.div_euclid(SLOTS as i64);
                let hits =
                    blocks.iter().find(|block| i64::from(block.day) == day).map_or(f32::NAN, |block| {
                        block.points[point][week][slot.rem_euclid(SLOTS as i64) as usize]
                    });
                if *usable && !hits.is_nan() { (f64::from(hits), 1.0) } else { (0.0, 0.0) }
            }))
        });
        let today = frame.base + frame.len() as i64 - 1;
        // On a day that a calendar knows, all may be as low as the others are.
        let least = if now.holidays.has(super::day_of(today * SLOT)) { 0.0 } else { OPERATION_LEAST };
        Self { seen, operation, weeks, least }
    }

    /// The furthest of the windows that end before `end`; `None` where no week is known.
    pub(super) fn score(&self, end: usize) -> Option<Score> {
        let mut furthest = None;
        for slots in COLLAPSE_WINDOWS.into_iter().filter(|slots| *slots <= end) {
            let Some(score) = self.window(end - slots, end) else { continue };
            if furthest.is_none_or(|furthest: Score| score.score > furthest.score) {
                furthest = Some(score);
            }
        }
        furthest
    }

    fn window(&self, from: usize, to: usize) -> Option<Score> {
        let own = self.seen.between(from, to);
        let mut weeks = [0.0; WEEKS];
        let mut known = 0;
        for week in &self.weeks {
            let week = week.between(from, to);
            if week.expected * 2.0 >= (to - from) as f64 {
                weeks[known] = (week.seen / week.expected * (to - from) as f64) as f32;
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
        for end in 1..=fallen.len() {
            for slots in COLLAPSE_WINDOWS.into_iter().filter(|slots| *slots <= end) {
                let own = self.seen.between(end - slots, end);
                if own.seen < 0.6 * own.expected
                    && self.window(end - slots, end).is_some_and(|score| score.score > 1.0)
                {
                    fallen[end - slots..end].fill(true);
                }
            }
        }
        fallen
    }
}
