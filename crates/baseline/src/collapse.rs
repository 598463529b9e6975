//! Detects routing points of which all options fell together.
//!
//! Owns the judgement of whole routing points: against exactly the same minutes of earlier weeks,
//! so that the hour at which one opens is no fall, and at the level that today has had so far. The
//! statistic is that of `deviance`.

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

/// A window that has more than this of what its options let expect is not looked at: it has not
/// collapsed.
const ENOUGH: f64 = 0.75;
/// Hits that the rest of the operation should have had today before it can call the day quiet.
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
    /// The options that lead others, with their followers.
    pub(super) leaders: &'a [PrefixSums],
    /// Places of the options of which nothing is expected any more.
    pub(super) gone: &'a [usize],
}

/// One routing point over an evaluation window.
pub(super) struct Collapse<'a> {
    point: Point<'a>,
    /// Hits of each earlier week, and as expected the number of its slots that are known. Only
    /// where a window asks for it.
    weeks: Option<[PrefixSums; WEEKS]>,
    /// True if a calendar lists today.
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

    /// The windows that end before `end` and have few hits.
    fn low(&self, end: usize) -> impl Iterator<Item = (usize, usize)> + use<'a> {
        let hits = self.point.hits;
        let windows = COLLAPSE_WINDOWS.into_iter().filter(move |slots| *slots <= end);
        windows.map(move |slots| (end - slots, end)).filter(move |(from, to)| {
            let own = hits.between(*from, *to);
            // A deviance is at most twice the difference, and half the limit is not worth a look at
            // the weeks.
            own.seen < ENOUGH * own.expected
                && 2.0 * (1.3 * own.expected - own.seen) > COLLAPSE / 2.0
        })
    }

    /// The furthest of the windows that end before `end`; above 1 the figures are of the shortest.
    pub(super) fn score(&self, end: usize) -> Score {
        // Nobody is missed where it is usually closed by now.
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
        // Hits come in clumps, as the rows of an interaction do; what is by chance are the clumps.
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

    /// Hits before the window on the day on which it ends.
    fn earlier(&self, from: usize, to: usize) -> Pair {
        self.point.hits.between(self.midnight(to).min(from), from)
    }

    /// The slot at which the day begins on which a window ends.
    fn midnight(&self, to: usize) -> usize {
        let last = to.saturating_sub(1);
        let of_day = (self.point.base + last as i64).rem_euclid(SLOTS as i64) as usize;
        last.saturating_sub(of_day)
    }

    /// Today's level, as a share of the usual: that of the routing point since midnight, and while
    /// it has few hits that of the others. `None` where it may just be closed today.
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

    /// Level of the other routing points, or where there are none that of the day so far.
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
    /// by chance: then that one fell, and not all.
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

    /// Returns true if hits are back after a fall that left such a share; see
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

    /// The slots in which it had fallen: they say nothing about its options.
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

/// Returns the hits of the routing point in an earlier week.
fn weeks(point: &Point<'_>, forecasts: &[DayForecast], number: usize, week: usize) -> PrefixSums {
    let of_day = |forecast: &DayForecast| {
        (i64::from(forecast.day), forecast.week_of_point(number, week, point.gone))
    };
    let days: Vec<(i64, [f32; SLOTS])> = forecasts.iter().map(of_day).collect();
    PrefixSums::of(point.usable.iter().enumerate().map(|(at, usable)| {
        let slot = point.base + at as i64;
        let day = slot.div_euclid(SLOTS as i64);
        let of_day = slot.rem_euclid(SLOTS as i64) as usize;
        let hits =
            days.iter().find(|(known, _)| *known == day).map_or(f32::NAN, |(_, hits)| hits[of_day]);
        if *usable && !hits.is_nan() { (hits, 1.0) } else { (0.0, 0.0) }
    }))
}
