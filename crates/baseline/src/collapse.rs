//! Detects routing points of which all options fell together.
//!
//! Owns the judgement of whole routing points. They are compared with exactly the same minutes of
//! earlier weeks, so that the hour at which one opens is no fall, and at the level of today so far.
//! The statistic is that of `deviance`.

use super::{
    Moment, SLOT, SLOTS, Score,
    day_forecast::{DayForecast, usual},
    deviance,
    limits::{
        COLLAPSE, COLLAPSE_WINDOWS, GOES_ON, LEARNT_DAYS, LEVEL_PRIOR, NIGHT, NOT_OPENED,
        QUIET_LEVEL, QUIET_NOISE, REST_FELL, REST_HITS, UNUSUAL_LEVEL, WEEKS,
    },
    noise::PointNoise,
    option_context::{Pair, PrefixSums},
};

/// Share of the expected hits from which a window is not judged: it has not collapsed.
const ENOUGH: f64 = 0.75;
/// Hits expected today of the rest of the operation from which its level can show a quiet day.
const DAY_HITS: f64 = 30.0;

/// The data by which a routing point is judged.
#[derive(Clone, Copy)]
pub(super) struct Point<'a> {
    /// The first slot, counted from 1970.
    pub(super) base: i64,
    pub(super) usable: &'a [bool],
    pub(super) hits: &'a PrefixSums,
    pub(super) operation: &'a PrefixSums,
    pub(super) noise: PointNoise,
    /// The hits of each option that leads others, together with those of its followers.
    pub(super) leaders: &'a [PrefixSums],
    /// Places of the options that count as removed.
    pub(super) gone: &'a [usize],
}

/// One routing point over an evaluation window.
pub(super) struct Collapse<'a> {
    point: Point<'a>,
    /// The hits of each earlier week; in the place of the expected hits, the number of known slots.
    /// `None` unless a window has few hits.
    weeks: Option<[PrefixSums; WEEKS]>,
    /// True if today is a listed holiday.
    announced: bool,
}

impl<'a> Collapse<'a> {
    pub(super) fn new(
        point: Point<'a>,
        number: usize,
        forecasts: &[DayForecast],
        now: &Moment<'_>,
    ) -> Self {
        let today = point.base + point.usable.len() as i64 - 1;
        let announced = now.holidays.has(super::day_of(today));
        let mut collapse = Self { point, weeks: None, announced };
        if (1..=point.hits.len()).any(|end| collapse.low(end).next().is_some()) {
            collapse.weeks =
                Some(std::array::from_fn(|week| weeks(&point, forecasts, number, week)));
        }
        collapse
    }

    /// Returns the windows that end before `end` and have few hits.
    fn low(&self, end: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let hits = self.point.hits;
        let windows = COLLAPSE_WINDOWS.into_iter().filter(move |slots| *slots <= end);
        windows.map(move |slots| (end - slots, end)).filter(move |(from, to)| {
            let own = hits.between(*from, *to);
            // A deviance is at most twice the difference. Below half the limit, reading the weeks
            // is not worth it; 1.3 allows for weeks that are higher than the options' expectation.
            own.seen < ENOUGH * own.expected
                && 2.0 * (1.3 * own.expected - own.seen) > COLLAPSE / 2.0
        })
    }

    /// Returns the score of the window with the highest score, of those that end before `end`. The
    /// figures of a score above 1 are those of the shortest window.
    pub(super) fn score(&self, end: usize) -> Score {
        // No hits are missing where the routing point is usually closed by now.
        if self.point.hits.between(end.saturating_sub(NIGHT), end).expected <= 0.0 {
            return Score::default();
        }
        let mut furthest = Score::default();
        for score in self.low(end).filter_map(|(from, to)| self.window(from, to)) {
            if furthest.score > 1.0 {
                furthest.score = furthest.score.max(score.score);
            } else if score.score > furthest.score {
                furthest = score;
            }
        }
        furthest
    }

    fn window(&self, from: usize, to: usize) -> Option<Score> {
        let own = self.point.hits.between(from, to);
        // Hits come in clumps, as the rows of an interaction do; the number of clumps is what
        // varies by chance.
        let clump = f64::from(self.point.noise.dispersion);
        let usable = self.point.usable[from..to].iter().filter(|usable| **usable).count() as f64;
        let mut weeks = [0.0; WEEKS];
        let mut known = 0;
        for week in self.weeks.iter().flatten() {
            let week = week.between(from, to);
            if week.expected > 0.0 && week.expected * 2.0 >= usable {
                weeks[known] = (week.seen / week.expected * usable) as f32;
                known += 1;
            }
        }
        let usual = f64::from(usual(&mut weeks[..known], 1.0)?);
        let level = self.level(from, to)?;
        let mean = (usual * level).max(1e-9);
        let noise = f64::from(self.point.noise.level) + QUIET_NOISE * (1.0 - level).powi(2);
        if self.rest_goes_on(from, to, level, noise) {
            return None;
        }
        let earlier = self.earlier(from, to);
        let of_level = clump / (earlier.expected * level + LEVEL_PRIOR);
        let clumps = mean / clump;
        let variance = noise + of_level + 1.2 / known as f64 / clumps;
        let part = noise * clumps / (1.0 + variance * clumps);
        let below = deviance::below(own.seen / clump, clumps, variance);
        let score = deviance::learnt(below, part, LEARNT_DAYS) / COLLAPSE;
        let window = ((to - from) as i64 * SLOT) as u32;
        Some(if score > 0.0 {
            Score { score, observed: own.seen, expected: mean, window }
        } else {
            Score::default()
        })
    }

    /// Returns the hits before the window on the day on which it ends.
    fn earlier(&self, from: usize, to: usize) -> Pair {
        self.point.hits.between(self.midnight(to).min(from), from)
    }

    /// Returns the slot at which the day begins on which a window ends.
    fn midnight(&self, to: usize) -> usize {
        let last = to.saturating_sub(1);
        let of_day = (self.point.base + last as i64).rem_euclid(SLOTS as i64) as usize;
        last.saturating_sub(of_day)
    }

    /// Returns today's level, as a ratio to the usual: that of the routing point since midnight,
    /// shrunk toward that of the others while it has few hits. `None` if it may be closed today.
    fn level(&self, from: usize, to: usize) -> Option<f64> {
        let earlier = self.earlier(from, to);
        if self.announced {
            return Some((earlier.seen / (earlier.expected + LEVEL_PRIOR)).min(1.0));
        }
        let begin = self.midnight(to).min(from);
        let all = self.point.operation.between(begin, to);
        let own = self.point.hits.between(begin, to);
        let expected = all.expected - own.expected;
        let others = (all.seen - own.seen) / expected.max(1e-9);
        let not_opened = own.seen < NOT_OPENED * own.expected;
        if not_opened
            && expected >= DAY_HITS
            && (QUIET_LEVEL / 3.0..UNUSUAL_LEVEL).contains(&others)
        {
            return None;
        }
        let now = self.point.operation.between(from, to);
        let in_window = self.point.hits.between(from, to);
        let others =
            (now.seen - in_window.seen + LEVEL_PRIOR * QUIET_LEVEL + (all.seen - own.seen))
                / (now.expected - in_window.expected + LEVEL_PRIOR + expected);
        let prior = others.clamp(QUIET_LEVEL, 1.0);
        let level = (earlier.seen + LEVEL_PRIOR * prior) / (earlier.expected + LEVEL_PRIOR);
        Some(level.clamp(QUIET_LEVEL, 1.0))
    }

    /// Returns the level of the other routing points. Without others, and on a holiday, it is that
    /// of the day so far.
    fn level_of_others(&self, from: usize, to: usize) -> f64 {
        let all = self.point.operation.between(from, to);
        let own = self.point.hits.between(from, to);
        let expected = all.expected - own.expected;
        if self.announced || expected <= 0.0 {
            return self.level(from, to).unwrap_or(1.0);
        }
        ((all.seen - own.seen + LEVEL_PRIOR) / (expected + LEVEL_PRIOR)).min(1.0)
    }

    /// Returns true if the options that do not follow a large one go on, or have no fewer hits than
    /// chance allows: then that option fell, and not the whole routing point.
    fn rest_goes_on(&self, from: usize, to: usize, level: f64, noise: f64) -> bool {
        let all = self.point.hits.between(from, to);
        let clump = f64::from(self.point.noise.dispersion);
        self.point.leaders.iter().any(|led| {
            let led = led.between(from, to);
            let expected = (all.expected - led.expected) * level;
            let seen = all.seen - led.seen;
            let below = deviance::below(seen / clump, expected / clump, noise);
            expected >= REST_HITS && (seen >= GOES_ON * expected || below < REST_FELL)
        })
    }

    /// Returns true if hits are back `since` slots after a fall that left the share `left`; see
    /// `OptionContext::is_back`.
    pub(super) fn is_back(&self, left: f64, since: usize) -> bool {
        let end = self.point.hits.len();
        let dispersion = f64::from(self.point.noise.dispersion);
        (1..=since.min(end)).any(|slots| {
            let window = self.point.hits.between(end - slots, end);
            let level = self.level_of_others(end - slots, end);
            let gain = window.seen * (1.0 / left).ln() - window.expected * level * (1.0 - left);
            gain > super::limits::RECOVERED * dispersion
        })
    }

    /// Returns true for each slot in which the whole routing point had fallen: these slots are no
    /// evidence about its options.
    pub(super) fn fallen(&self) -> Vec<bool> {
        let mut fallen = vec![false; self.point.hits.len()];
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

/// Returns the hits of the routing point in an earlier week; in the place of the expected hits, 1
/// for each known slot.
fn weeks(point: &Point<'_>, forecasts: &[DayForecast], number: usize, week: usize) -> PrefixSums {
    let days: Vec<(i32, [f32; SLOTS])> = forecasts
        .iter()
        .map(|forecast| (forecast.day, forecast.week_of_point(number, week, point.gone)))
        .collect();
    PrefixSums::of(point.usable.iter().enumerate().map(|(at, usable)| {
        let slot = point.base + at as i64;
        let day = super::day_of(slot);
        let of_day = slot.rem_euclid(SLOTS as i64) as usize;
        let hits =
            days.iter().find(|(known, _)| *known == day).map_or(f32::NAN, |(_, hits)| hits[of_day]);
        if *usable && !hits.is_nan() { (hits, 1.0) } else { (0.0, 0.0) }
    }))
}
