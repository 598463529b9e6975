//! The slots before one moment: what was seen in them and what was expected, of the whole operation.
//!
//! Owns the sums over options that levels are told from, and judges one routing point after the other by them.

use super::{
    History, Moment, SLOT, SLOTS, Score,
    collapse::Collapse,
    drop_off::drop_off,
    expectation::{Block, Expected},
    limits::{LONGEST, UNUSED_DAYS},
    moment::midnight,
    noise::Noise,
    surge::surge,
    window::{Beside, Sums},
};

/// From midnight before the longest window to the moment.
pub(super) struct Frame {
    /// The first slot, counted from 1970.
    pub(super) base: i64,
    /// Whether each slot is covered.
    pub(super) usable: Vec<bool>,
    operation: Sums,
    /// Seen and expected by slot, of every routing point.
    points: Vec<Vec<(f64, f64)>>,
    /// Whether each option was entered lately.
    used: Vec<bool>,
}

/// Scores, expected hits of the last window, weeks.
pub(super) type OfOption = ([Option<Score>; 6], Option<f64>, u8);

impl Frame {
    /// The slots before `last`, which is counted from 1970.
    pub(super) fn new(
        history: &History,
        blocks: &[Block],
        point_of: &[usize],
        points: usize,
        last: i64,
    ) -> Self {
        let base = (last - LONGEST as i64).div_euclid(SLOTS as i64) * SLOTS as i64;
        let length = (last - base) as usize;
        let usable: Vec<bool> =
            (base..last).map(|slot| history.covers(slot * SLOT, (slot + 1) * SLOT)).collect();
        let used = used(history, super::day_of((last - 1) * SLOT), point_of.len());
        let mut frame = Self {
            base,
            usable,
            operation: Sums::default(),
            points: vec![vec![(0.0, 0.0); length]; points],
            used,
        };
        let mut own = Vec::new();
        for (option, point) in point_of.iter().enumerate() {
            frame.own(history, blocks, option, &mut own);
            for (sum, slot) in frame.points[*point].iter_mut().zip(&own) {
                *sum = (sum.0 + slot.0, sum.1 + slot.1);
            }
        }
        let mut all = vec![(0.0, 0.0); length];
        for point in &frame.points {
            all.iter_mut().zip(point).for_each(|(sum, slot)| *sum = (sum.0 + slot.0, sum.1 + slot.1));
        }
        frame.operation = Sums::of(all);
        frame
    }

    /// Slots.
    pub(super) fn len(&self) -> usize {
        self.usable.len()
    }

    /// Of one option by slot: hits seen and expected, both 0 where nothing is known.
    fn own(&self, history: &History, blocks: &[Block], option: usize, own: &mut Vec<(f64, f64)>) {
        own.clear();
        own.resize(self.len(), (0.0, 0.0));
        if !self.used[option] {
            return;
        }
        for block in blocks {
            let Some(expected) = expected(block, option) else { continue };
            let from = midnight(block.day) / SLOT - self.base;
            let Ok(from) = usize::try_from(from) else { continue };
            let hits = history
                .days(block.day..=block.day)
                .next()
                .map(|(_, day)| day.hits(option))
                .unwrap_or([0; SLOTS]);
            for (at, slot) in own.iter_mut().enumerate().skip(from).take(SLOTS) {
                let of_day = at - from;
                if self.usable[at] && expected.weeks[of_day] > 0 {
                    *slot = (f64::from(hits[of_day]), f64::from(expected.hits[of_day]));
                }
            }
        }
    }

    /// The scores of a routing point and of its options.
    pub(super) fn point(
        &self,
        history: &History,
        point: usize,
        options: &[usize],
        blocks: &[Block],
        noise: &[Noise],
        now: &Moment<'_>,
    ) -> ([Option<Score>; 2], Vec<OfOption>) {
        let slots = &self.points[point];
        let all = Sums::of(slots.iter().copied());
        let collapse = Collapse::new(self, blocks, point, &all, &self.operation, now);
        let fallen = collapse.fallen();
        let collapsed = collapse.score(self.len());
        let without = |slots: &[(f64, f64)]| {
            Sums::of(slots.iter().zip(&fallen).map(|(slot, fallen)| if *fallen { (0.0, 0.0) } else { *slot }))
        };
        let of_point = without(slots);
        let (mut own, mut judged) = (Vec::new(), Vec::new());
        for option in options {
            self.own(history, blocks, *option, &mut own);
            let own = without(&own);
            let beside = Beside {
                own: &own,
                point: &of_point,
                operation: &self.operation,
                base: self.base,
                day_noise: noise[*option].day.into(),
            };
            let today = blocks.last().and_then(|block| expected(block, *option));
            let at = (self.base + self.len() as i64 - 1).rem_euclid(SLOTS as i64) as usize;
            let weeks = today.map_or(0, |today| today.weeks[at]);
            if weeks == 0 || !self.used[*option] {
                judged.push(([None; 6], None, 0));
                continue;
            }
            let mut scores = [None; 6];
            scores[0] = Some(drop_off(&beside, &noise[*option], weeks));
            scores[1] = surge(&beside, &noise[*option], weeks, blocks, *option);
            let expected = self.expected_hits(&beside, blocks, *option, weeks, now);
            judged.push((scores, expected, weeks));
        }
        settle(collapsed, &mut judged);
        ([collapsed, None], judged)
    }

    /// Hits that the last window should have had, at the level of the last hour.
    fn expected_hits(
        &self,
        beside: &Beside<'_>,
        blocks: &[Block],
        option: usize,
        weeks: u8,
        now: &Moment<'_>,
    ) -> Option<f64> {
        let level = beside.level_of(self.len().saturating_sub(12), self.len());
        let (from, to) = now.window;
        let mut sum = 0.0;
        let _ = weeks;
        for slot in from.div_euclid(SLOT)..=(to - 1).div_euclid(SLOT) {
            let day = slot.div_euclid(SLOTS as i64) as i32;
            let block = blocks.iter().find(|block| block.day == day)?;
            let rate = expected(block, option)?.hits[slot.rem_euclid(SLOTS as i64) as usize];
            let part = to.min((slot + 1) * SLOT) - from.max(slot * SLOT);
            sum += f64::from(rate) * part as f64 / SLOT as f64;
        }
        Some(sum * level)
    }
}

fn expected(block: &Block, option: usize) -> Option<&Expected> {
    block.options.get(option).and_then(Option::as_deref)
}

/// Which options were entered on this day or in the week before. A day that is not wholly known says nothing against one.
fn used(history: &History, today: i32, options: usize) -> Vec<bool> {
    let whole = history.covers(midnight(today - UNUSED_DAYS), midnight(today));
    let mut used = vec![!whole; options];
    for (_, day) in history.days(today - UNUSED_DAYS..=today) {
        used.iter_mut().enumerate().for_each(|(option, used)| *used |= day.has(option));
    }
    used
}

/// What rises beside a fall has the same cause, and what falls with its whole routing point is told with that.
fn settle(collapsed: Option<Score>, options: &mut [OfOption]) {
    let over = |score: Option<Score>| score.is_some_and(|score| score.score > 1.0);
    let (fallen, dropped) = (over(collapsed), options.iter().any(|(scores, ..)| over(scores[0])));
    for (scores, ..) in options {
        for (place, score) in scores.iter_mut().enumerate() {
            // Surge and abandonment stand beside a drop-off.
            if let Some(score) = score.as_mut().filter(|_| fallen || (dropped && (place == 1 || place == 2)))
            {
                *score = Score::default();
            }
        }
    }
}
