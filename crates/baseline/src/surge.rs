//! Detects options that are chosen more often than expected, and more often than in any of their
//! weeks.
//!
//! Owns the windows that are compared; see `deviance` for the statistic and `option_context` for
//! the level.

use std::collections::HashMap;

use super::{
    SLOT, SLOTS, Score,
    day_forecast::DayForecast,
    deviance,
    limits::{
        RISE_LEAST, SURGE, SURGE_FACTOR, SURGE_NOISE, SURGE_OVER_HIGHEST, SURGE_WEEKS,
        SURGE_WINDOWS, WEEKS,
    },
    noise::Noise,
    option_context::OptionContext,
};

/// By place of the option, the slot before which its last surge was reported, counted from 1970.
#[derive(Default)]
pub(super) struct Surges(HashMap<usize, i64>);

impl Surges {
    /// Records the score of the poll that ends before the slot `last`.
    pub(super) fn record(&mut self, option: usize, score: Option<Score>, last: i64) {
        if score.is_some_and(|score| score.score > 1.0) {
            self.0.insert(option, last);
        }
    }

    /// Returns those of the options whose surge was reported after the slot `since`.
    pub(super) fn lately(&self, options: &[usize], since: i64) -> Vec<usize> {
        let is_late = |option: &usize| self.0.get(option).is_some_and(|last| *last > since);
        options.iter().copied().filter(is_late).collect()
    }
}

/// Returns the score of the window with the highest score, of those that end now; `None` with fewer
/// than [`SURGE_WEEKS`] weeks.
pub(super) fn surge(
    context: &OptionContext<'_>,
    noise: &Noise,
    weeks: u8,
    forecasts: &[DayForecast],
    option: usize,
) -> Option<Score> {
    if weeks < SURGE_WEEKS {
        return None;
    }
    let end = context.own.len();
    let mut furthest = Score::default();
    for slots in SURGE_WINDOWS.into_iter().filter(|slots| *slots <= end) {
        let own = context.own.between(end - slots, end);
        // Few windows pass this test; the weeks are read again only for these.
        if own.seen < SURGE_FACTOR * own.expected
            || deviance::above(own.seen, own.expected.max(RISE_LEAST), 0.0) < SURGE / 4.0
        {
            continue;
        }
        let seen: f64 = open(context, end - slots, end).map(|at| context.own.slot(at).seen).sum();
        let level =
            context.level_of(end - slots, end).max(context.point_level(end - slots, end)).max(1.0);
        let level = level * context.led_more(end - slots, end, level);
        let highest = highest(context, forecasts, option, end - slots, end) * level;
        // Where weeks differ, as around a closing, the highest week counts for half.
        let mean = (own.expected * level + highest) / 2.0 + 0.5;
        if mean < RISE_LEAST || seen < SURGE_FACTOR * mean || seen < SURGE_OVER_HIGHEST * highest {
            continue;
        }
        let relative_variance = context.window(end - slots, end, weeks).relative_variance
            + noise.of(slots).max(SURGE_NOISE);
        let score = deviance::above(seen, mean, relative_variance) / SURGE;
        if score > furthest.score {
            furthest = Score {
                score,
                observed: seen,
                expected: mean,
                window: (slots as i64 * SLOT) as u32,
            };
        }
    }
    Some(furthest)
}

/// Returns the slots in which the routing point is usually open. Hits outside of them come from
/// another opening or closing time, which is no surge of one option.
fn open(context: &OptionContext<'_>, from: usize, to: usize) -> impl Iterator<Item = usize> {
    (from..to).filter(|at| context.point.slot(*at).expected > 0.0)
}

/// Returns the hits of the highest week. They are averaged around each slot, or counted in exactly
/// these slots where that is more, as just after an opening.
fn highest(
    context: &OptionContext<'_>,
    forecasts: &[DayForecast],
    option: usize,
    from: usize,
    to: usize,
) -> f64 {
    let mut around = 0.0;
    let mut near = [0.0; WEEKS];
    for forecast in forecasts {
        let midnight = i64::from(forecast.day) * SLOTS as i64 - context.base;
        let slots: Vec<usize> = open(context, from, to)
            .filter_map(|at| usize::try_from(at as i64 - midnight).ok())
            .filter(|slot| *slot < SLOTS)
            .collect();
        let mut highest = [0.0_f32; SLOTS];
        for (week, rates) in forecast.weeks(option) {
            highest.iter_mut().zip(rates.around).for_each(|(most, rate)| *most = most.max(rate));
            near[week] += slots.iter().map(|slot| f64::from(rates.near[*slot])).sum::<f64>();
        }
        around += slots.iter().map(|slot| f64::from(highest[*slot])).sum::<f64>();
    }
    near.into_iter().fold(around, f64::max)
}
