//! More hits of one option than the highest of its weeks lets expect.

use super::{
    SLOT, SLOTS, Score, deviance,
    expectation::Block,
    limits::{RISE, RISE_LEAST, SURGE_FACTOR, SURGE_NOISE, SURGE_WEEKS, SURGE_WINDOWS, WEEKS},
    noise::Noise,
    window::Beside,
};

/// The furthest of the windows that end now; `None` on too few weeks.
pub(super) fn surge(
    beside: &Beside<'_>,
    noise: &Noise,
    weeks: u8,
    blocks: &[Block],
    option: usize,
) -> Option<Score> {
    if weeks < SURGE_WEEKS {
        return None;
    }
    let end = beside.own.len();
    let mut furthest = Score::default();
    for slots in SURGE_WINDOWS.into_iter().filter(|slots| *slots <= end) {
        let own = beside.own.between(end - slots, end);
        // Far fewer do; only for these the weeks are looked at again.
        if own.seen < SURGE_FACTOR * own.expected
            || deviance::above(own.seen, own.expected.max(RISE_LEAST), 0.0) < RISE / 4.0
        {
            continue;
        }
        let seen = open(beside, end - slots, end).map(|at| beside.own.between(at, at + 1).seen).sum::<f64>();
        let level = beside.level_of(end - slots, end).max(beside.point_level(end - slots, end)).max(1.0);
        let mean = highest(beside, blocks, option, end - slots, end) * level + 0.5;
        if mean < RISE_LEAST || seen - 0.5 < SURGE_FACTOR * mean {
            continue;
        }
        let unsure = beside.window(end - slots, end, weeks).unsure + noise.of(slots).max(SURGE_NOISE);
        let score = deviance::above(seen, mean, unsure) / RISE;
        if score > furthest.score {
            furthest = Score { score, observed: seen, expected: mean, window: (slots as i64 * SLOT) as u32 };
        }
    }
    Some(furthest)
}

/// The slots at which the routing point is usually open. That it opened early or closed late says nothing of one option.
fn open(beside: &Beside<'_>, from: usize, to: usize) -> impl Iterator<Item = usize> {
    (from..to).filter(|at| beside.point.between(*at, *at + 1).expected > 0.0)
}

/// What the highest of the weeks had: around the same time, slot by slot, or in the very same slots, where that is more, as
/// just after an opening.
fn highest(beside: &Beside<'_>, blocks: &[Block], option: usize, from: usize, to: usize) -> f64 {
    let (mut around, mut very) = (0.0, [0.0; WEEKS]);
    for block in blocks {
        let midnight = i64::from(block.day) * SLOTS as i64 - beside.base;
        let slot = |at: usize| usize::try_from(at as i64 - midnight).ok().filter(|slot| *slot < SLOTS);
        let mut highest = [0.0_f32; SLOTS];
        for (week, rates) in block.weeks(option) {
            highest.iter_mut().zip(rates.around).for_each(|(most, rate)| *most = most.max(rate));
            let near = |slot: usize| f64::from(rates.near[slot]);
            very[week] += open(beside, from, to).filter_map(slot).map(near).sum::<f64>();
        }
        around += open(beside, from, to).filter_map(slot).map(|slot| f64::from(highest[slot])).sum::<f64>();
    }
    very.into_iter().fold(around, f64::max)
}
