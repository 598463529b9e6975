//! More hits of one option than the highest of its weeks lets expect.

use super::{
    SLOT, SLOTS, Score, deviance,
    expectation::Block,
    limits::{RISE, RISE_LEAST, SURGE_FACTOR, SURGE_NOISE, SURGE_WEEKS, SURGE_WINDOWS},
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
        let level = beside.level_of(end - slots, end).max(beside.point_level(end - slots, end)).max(1.0);
        let mean = highest(beside, blocks, option, end - slots, end) * level + 0.5;
        if mean < RISE_LEAST || own.seen - 0.5 < SURGE_FACTOR * mean {
            continue;
        }
        let unsure = beside.window(end - slots, end, weeks).unsure + noise.of(slots).max(SURGE_NOISE);
        let score = deviance::above(own.seen, mean, unsure) / RISE;
        if score > furthest.score {
            furthest =
                Score { score, observed: own.seen, expected: mean, window: (slots as i64 * SLOT) as u32 };
        }
    }
    Some(furthest)
}

/// What the highest of the weeks had, slot by slot.
fn highest(beside: &Beside<'_>, blocks: &[Block], option: usize, from: usize, to: usize) -> f64 {
    blocks
        .iter()
        .map(|block| {
            let midnight = i64::from(block.day) * SLOTS as i64 - beside.base;
            let slots = |at: usize| usize::try_from(at as i64 - midnight).ok().filter(|slot| *slot < SLOTS);
            let Some(rates) = block.highest(option) else { return 0.0 };
            (from..to)
                .filter(|at| beside.own.between(*at, *at + 1).expected > 0.0)
                .filter_map(slots)
                .map(|slot| f64::from(rates[slot]))
                .sum::<f64>()
        })
        .sum()
}
