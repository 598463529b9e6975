//! Noise: the variation of an option beyond chance, learnt from the errors of its expectation in
//! the last four weeks.
//!
//! Owns the learning. Each week is predicted from the other weeks like the present, so the same
//! limits serve steady and unsteady menus. A single outage must not raise the noise: the worst two
//! days count no more than the third (winsorized mean).

use super::{
    HOURS, SLOT, SLOTS,
    cells::{Counts, LATE, LATE_CLASSES, TIME_BUCKETS},
    day_forecast::{AROUND_SLOTS, edge, median, usual as usual_week},
    deviance,
    followers::{Lead, leads},
    history::History,
    hours, lateness,
    limits::{
        AROUND, AROUND_LEAST, DISPERSION_HITS, FIRST_DAY_NOISE, FIRST_DISPERSION,
        FIRST_LEVEL_NOISE, FIRST_NOISE, FIRST_SHARE_NOISE, LEARNT, LEAST_COLLAPSE_NOISE,
        LEAST_DAY_NOISE, LEAST_LEVEL_NOISE, LEAST_NOISE, LEAST_SHARE_NOISE, WEEKS,
    },
    moment::{Holidays, midnight},
    option_context::{Comparison, OptionContext, PrefixSums},
    shares::{self, SHARES, Usual, UsualShares},
};

const WEEK: usize = 7 * SLOTS;
/// Slots of the weeks from which noise is learnt.
const LENGTH: usize = WEEKS * WEEK;
pub(super) const DAYS: usize = WEEKS * 7;
/// Largest squared relative error beyond chance that counts; a larger one is an outage.
const MOST: f64 = 1.5;
/// Hits whose error has a quarter of the weight of an error of very many hits, if nothing else is
/// uncertain.
const WELL_KNOWN: f64 = 50.0;

/// The noise of one option, as relative variances.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Noise {
    /// The noise of its level from day to day.
    pub(super) day: f32,
    /// Dispersion of a count (variance over mean): variation beyond chance that is not relative to
    /// the mean, as of people who call again.
    pub(super) dispersion: f32,
    /// The noise of its routing point's level around the operation's.
    pub(super) level: f32,
    /// The further noise of windows, by the lengths in [`LEARNT`].
    pub(super) windows: [f32; LEARNT.len()],
    /// The noise of each of its shares, in the order of [`UsualShares::all`].
    pub(super) shares: [f32; SHARES],
}

impl Noise {
    /// Returns the noise of a window of `slots` slots, interpolated by the logarithm of the length.
    pub(super) fn of(&self, slots: usize) -> f64 {
        let above = LEARNT.partition_point(|length| *length < slots).min(LEARNT.len() - 1);
        let below = above.saturating_sub(1);
        let low = LEARNT[below] as f64;
        let high = LEARNT[above] as f64;
        let part = if above == below {
            1.0
        } else {
            ((slots as f64 / low).ln() / (high / low).ln()).clamp(0.0, 1.0)
        };
        f64::from(self.windows[below]) * (1.0 - part) + f64::from(self.windows[above]) * part
    }
}

/// The noise of a routing point as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PointNoise {
    /// Relative variance of its level around that of its earlier hours of the day.
    pub(super) level: f32,
    /// Dispersion of a count: variance over mean.
    pub(super) dispersion: f32,
}

/// The noise learnt from the weeks of one option alone, with weights.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Estimate {
    day: Weighted,
    dispersion: Weighted,
    level: Weighted,
    windows: [Weighted; LEARNT.len()],
    shares: [Weighted; SHARES],
}

/// A value, and its weight: the equivalent number of windows full of hits from which it was learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weighted {
    value: f32,
    weight: f32,
}

impl Weighted {
    /// Returns the value shrunk toward the usual one: the mean of both, where the usual one has the
    /// weight [`OTHERS`]. It is at least `least`.
    pub(super) fn shrunk_toward(self, usual: f32, least: f64) -> f32 {
        ((self.value * self.weight + usual * OTHERS) / (self.weight + OTHERS)).max(least as f32)
    }
}

/// Weight of the other options of the operation in what is learnt of one.
const OTHERS: f32 = 12.0;

/// Returns the noise of each option: its own estimate, shrunk toward the median of all.
pub(super) fn shrink(lessons: &[Option<Lesson>]) -> Vec<Noise> {
    let known = lessons.iter().flatten().map(|lesson| lesson.noise);
    let day = typical(known.clone().map(|own| own.day), FIRST_DAY_NOISE);
    let dispersion = typical(known.clone().map(|own| own.dispersion), FIRST_DISPERSION);
    let level = typical(known.clone().map(|own| own.level), FIRST_LEVEL_NOISE);
    let windows: [f32; LEARNT.len()] = std::array::from_fn(|length| {
        typical(known.clone().map(|own| own.windows[length]), FIRST_NOISE)
    });
    let shares: [f32; SHARES] = std::array::from_fn(|share| {
        typical(known.clone().map(|own| own.shares[share]), FIRST_SHARE_NOISE)
    });
    let all = lessons.iter().map(|lesson| {
        let own = lesson.map(|lesson| lesson.noise).unwrap_or_default();
        Noise {
            day: own.day.shrunk_toward(day, LEAST_DAY_NOISE),
            dispersion: own.dispersion.shrunk_toward(dispersion, 1.0),
            level: own.level.shrunk_toward(level, LEAST_LEVEL_NOISE),
            windows: std::array::from_fn(|length| {
                own.windows[length].shrunk_toward(windows[length], LEAST_NOISE)
            }),
            shares: std::array::from_fn(|share| {
                own.shares[share].shrunk_toward(shares[share], LEAST_SHARE_NOISE)
            }),
        }
    });
    all.collect()
}

/// Returns the median of the values that were learnt from enough windows; `first` if none was.
fn typical(learnt: impl Iterator<Item = Weighted>, first: f64) -> f32 {
    let mut values: Vec<f32> = learnt.filter(|one| one.weight > 4.0).map(|one| one.value).collect();
    median(&mut values).unwrap_or(first as f32)
}

/// Returns the noise of each routing point: its own estimate, shrunk toward the median of all.
pub(super) fn shrink_points(lessons: &[PointLesson]) -> Vec<PointNoise> {
    let level = typical(lessons.iter().map(|lesson| lesson.level), FIRST_LEVEL_NOISE);
    let dispersion = typical(lessons.iter().map(|lesson| lesson.dispersion), FIRST_DISPERSION);
    let all = lessons.iter().map(|lesson| PointNoise {
        level: lesson.level.shrunk_toward(level, LEAST_COLLAPSE_NOISE),
        dispersion: lesson.dispersion.shrunk_toward(dispersion, 1.0),
    });
    all.collect()
}

/// Learner from the four weeks before a day.
pub(super) struct Learner {
    /// The first slot, counted from 1970.
    base: i64,
    usable: Vec<bool>,
    operation: PrefixSums,
}

/// Everything learnt about a routing point.
#[derive(Debug, Clone, Default)]
pub(super) struct PointLesson {
    /// The lessons of its options, in the order in which they were given.
    pub(super) options: Vec<Option<Lesson>>,
    /// True if its opening hours shift.
    pub(super) shifts: bool,
    /// The most slots by which its rows were late on a day; 0 if they were in time.
    pub(super) lagged: usize,
    level: Weighted,
    dispersion: Weighted,
    /// The options that lead others.
    pub(super) leads: Vec<Lead>,
}

/// Everything learnt about an option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lesson {
    pub(super) noise: Estimate,
    pub(super) shares: UsualShares,
}

impl Learner {
    /// Creates a learner from the weeks before `day`. `options` is the number of options.
    pub(super) fn new(history: &History, day: i32, options: usize, holidays: &Holidays) -> Self {
        let base = midnight(day - DAYS as i32) / SLOT;
        let usable = (0..LENGTH)
            .map(|at| {
                let slot = base + at as i64;
                history.has_slot(slot) && !holidays.has(super::day_of(slot))
            })
            .collect();
        let mut learner = Self { base, usable, operation: PrefixSums::default() };
        let mut all = vec![0.0; LENGTH];
        (0..options).for_each(|option| learner.add_hits(history, option, &mut all));
        learner.operation = learner.sums(&all, None).0;
        learner
    }

    fn add_hits(&self, history: &History, option: usize, sum: &mut [f32]) {
        let first = super::day_of(self.base);
        for (day, known) in
            history.days(first..first + DAYS as i32).filter(|(_, known)| known.has(option))
        {
            let from = (day - first) as usize * SLOTS;
            for (sum, hits) in sum[from..from + SLOTS].iter_mut().zip(known.hits(option)) {
                *sum += hits as f32;
            }
        }
    }

    /// Returns the hits seen, and those expected from the other weeks, with the number of these
    /// weeks by slot. `edges` reduces the expectation next to an opening or closing.
    fn sums(&self, hits: &[f32], edges: Option<&[f32]>) -> (PrefixSums, Vec<u8>) {
        let rates = self.rates(hits);
        let first = hits.iter().position(|hits| *hits > 0.0).unwrap_or(LENGTH);
        let mut weeks = vec![0; LENGTH];
        let sums = PrefixSums::of((0..LENGTH).map(|at| {
            let mut others = [0.0; WEEKS];
            let mut known = 0;
            for week in 0..WEEKS {
                let other = week * WEEK + at % WEEK;
                if other != at && other > first && !rates[other].is_nan() {
                    others[known] = rates[other];
                    known += 1;
                }
            }
            weeks[at] = known as u8;
            match usual_week(&mut others[..known], AROUND_SLOTS)
                .filter(|_| self.usable[at] && at > first)
            {
                Some(expected) => (hits[at], expected * edges.map_or(1.0, |edges| edges[at])),
                None => (0.0, 0.0),
            }
        }));
        (sums, weeks)
    }

    /// Returns the hits per slot, averaged around each slot; `NAN` where too little is known.
    fn rates(&self, hits: &[f32]) -> Vec<f32> {
        let mut sum = 0.0;
        let mut known = 0;
        let mut rates = vec![f32::NAN; LENGTH];
        for at in 0..LENGTH + AROUND {
            if at < LENGTH && self.usable[at] {
                sum += hits[at];
                known += 1;
            }
            if let Some(gone) = at.checked_sub(2 * AROUND + 1).filter(|gone| self.usable[*gone]) {
                sum -= hits[gone];
                known -= 1;
            }
            if let Some(middle) = at.checked_sub(AROUND).filter(|_| known >= AROUND_LEAST as i32) {
                rates[middle] = sum / known as f32;
            }
        }
        rates
    }

    /// Returns the share of the expectation around each slot that remains in the slot itself in the
    /// other weeks, next to an opening or closing.
    fn edges(&self, hits: &[f32]) -> Vec<f32> {
        let rates = self.rates(hits);
        (0..LENGTH)
            .map(|at| {
                let (mut around, mut others) = ([0.0; WEEKS], [0.0; WEEKS]);
                let mut known = 0;
                for other in (0..WEEKS).map(|week| week * WEEK + at % WEEK) {
                    if other != at && !rates[other].is_nan() && self.usable[other] {
                        (around[known], others[known]) = (rates[other], hits[other]);
                        known += 1;
                    }
                }
                edge(median(&mut around[..known]).unwrap_or(0.0), &mut others[..known])
            })
            .collect()
    }

    /// Learns about a routing point and each of its options.
    pub(super) fn point(&self, history: &History, options: &[usize]) -> PointLesson {
        let mut all = vec![0.0; LENGTH];
        options.iter().for_each(|option| self.add_hits(history, *option, &mut all));
        let edges = self.edges(&all);
        let (point, weeks) = self.sums(&all, Some(&edges));
        let shifts = hours::shift(&point, &self.usable);
        let point = without_incidents(&point);
        let level = self.level(&point, &weeks, 1e-9, Side::Both);
        let hourly = self.level(&point, &weeks, FIRST_LEVEL_NOISE, Side::Below);
        let mut own_hits = vec![0.0; LENGTH];
        let lessons = options.iter().map(|option| {
            own_hits.fill(0.0);
            self.add_hits(history, *option, &mut own_hits);
            let mut own_edges = self.edges(&own_hits);
            own_edges.iter_mut().zip(&edges).for_each(|(own, edge)| *own = own.min(*edge));
            let (own, weeks) = self.sums(&own_hits, Some(&own_edges));
            let mut noise = self.estimate(&without_incidents(&own), &weeks, &point, level);
            let shares = self.shares(history, *option, &own_hits, &mut noise.shares);
            Some(Lesson { noise, shares })
        });
        let options_lessons = lessons.collect();
        PointLesson {
            options: options_lessons,
            shifts,
            lagged: self.lagged(history, options),
            level: hourly,
            dispersion: dispersion(&point),
            leads: leads(&point, options, |option, hits| {
                hits.fill(0.0);
                self.add_hits(history, option, hits);
            }),
        }
    }

    fn each_day(&self, history: &History, options: &[usize], mut with: impl FnMut(usize, &Counts)) {
        let first = super::day_of(self.base);
        for (day, known) in history.days(first..first + DAYS as i32) {
            for option in options.iter().filter(|option| known.has(**option)) {
                with((day - first) as usize, &known.counts(*option));
            }
        }
    }

    fn lagged(&self, history: &History, options: &[usize]) -> usize {
        let mut days = vec![[0; LATE_CLASSES]; DAYS];
        self.each_day(history, options, |day, counts| {
            days[day].iter_mut().zip(&counts[LATE..]).for_each(|(sum, rows)| *sum += rows);
        });
        days.iter().map(lateness::lagged).max().unwrap_or(0)
    }

    /// Returns the usual shares of an option, and writes their noise.
    fn shares(
        &self,
        history: &History,
        option: usize,
        hits: &[f32],
        noise: &mut [Weighted; SHARES],
    ) -> UsualShares {
        let mut hourly = vec![[0.0_f32; 3 + TIME_BUCKETS]; DAYS * HOURS];
        self.each_day(history, &[option], |day, counts| {
            for (at, count) in counts[SLOTS..LATE].iter().enumerate() {
                hourly[day * HOURS + at % HOURS][at / HOURS] += *count as f32;
            }
        });
        let by_hour: Vec<f32> = hits.chunks(SLOTS / HOURS).map(|hour| hour.iter().sum()).collect();
        let [finals, retries, repeats] =
            [0, 1, 2].map(|column| hourly.iter().map(|hour| hour[column]).collect::<Vec<f32>>());
        let mut times = [0.0; TIME_BUCKETS];
        for hour in &hourly {
            times.iter_mut().zip(&hour[3..]).for_each(|(sum, count)| *sum += f64::from(*count));
        }
        let bound = shares::bound(&times);
        let slow: Vec<f32> = hourly.iter().map(|hour| hour[3 + bound + 1..].iter().sum()).collect();
        let timed: Vec<f32> = hourly.iter().map(|hour| hour[3..].iter().sum()).collect();
        // Only the part of the weeks in which the option existed.
        let begin = by_hour.iter().position(|hits| *hits > 0.0).unwrap_or(by_hour.len());
        let parts = [(finals, &by_hour), (retries, &by_hour), (repeats, &by_hour), (slow, &timed)];
        let all = std::array::from_fn(|share| {
            let (part, whole) = &parts[share];
            let usual = usual(&part[begin..], &whole[begin..]);
            let hours = part[begin..].iter().zip(&whole[begin..]);
            let hours: Vec<ShareHour> = hours
                .map(|(part, whole)| ShareHour {
                    part: *part,
                    whole: *whole,
                    expected: usual.share * whole,
                })
                .collect();
            noise[share] = share_noise(&hours, begin, 1);
            usual
        });
        UsualShares {
            all,
            bound: bound as u8,
            p90: shares::p90(&times) as f32,
            hits: hits.iter().sum(),
        }
    }

    /// Returns the variation of a routing point's level around that of the others, hour by hour.
    /// The level that is expected follows the routing point's earlier hours of the day, unless
    /// `day_noise` is near 0.
    fn level(&self, point: &PrefixSums, weeks: &[u8], day_noise: f64, side: Side) -> Weighted {
        let (nobody, mut days) = (PrefixSums::of(vec![(0.0, 0.0); LENGTH]), ByDay::default());
        let context = OptionContext {
            own: point,
            // Only the operation's level is used.
            point: &nobody,
            operation: &self.operation,
            base: self.base,
            day_noise,
            dispersion: f64::from(dispersion(point).value).max(1.0),
            growth: 1.0,
            level_noise: 1e-9,
            followers: None,
            leaders: &[],
        };
        for to in (12..=LENGTH).step_by(12) {
            days.compare(&context, to - 12, to, weeks, side);
        }
        days.weighted(1.0)
    }

    fn estimate(
        &self,
        own: &PrefixSums,
        weeks: &[u8],
        point: &PrefixSums,
        level: Weighted,
    ) -> Estimate {
        let dispersion = dispersion(own);
        let mut context = OptionContext {
            own,
            point,
            operation: &self.operation,
            base: self.base,
            day_noise: 1e-9,
            dispersion: f64::from(dispersion.value).max(1.0),
            growth: 1.0,
            level_noise: level.shrunk_toward(FIRST_LEVEL_NOISE as f32, LEAST_LEVEL_NOISE).into(),
            followers: None,
            leaders: &[],
        };
        let mut days = ByDay::default();
        for day in 0..DAYS {
            let from = day * SLOTS;
            let to = (day + 1) * SLOTS;
            days.compare(&context, from, to, weeks, Side::Both);
        }
        let day = days.weighted(1.0);
        context.day_noise = f64::from(day.value).max(LEAST_DAY_NOISE);
        let windows = std::array::from_fn(|length| {
            let length = LEARNT[length];
            let mut days = ByDay::default();
            let step = (length / 2).max(3);
            for to in (length..=LENGTH).step_by(step) {
                days.compare(&context, to - length, to, weeks, Side::Below);
            }
            days.weighted((step as f32 / length as f32).min(1.0))
        });
        Estimate { day, dispersion, level, windows, shares: Default::default() }
    }
}

/// Slots of the windows in which past incidents are detected.
const INCIDENTS: [usize; 3] = [12, 36, 96];
/// Deviance of a past incident; higher than that of an alert, so that usual variation is learnt.
const INCIDENT: f64 = 40.0;
/// Share of its time above which an option with incidents varies like that by nature.
const BY_NATURE: f64 = 0.3;

/// Returns the weeks without their incidents: an incident of days must not raise the noise. They
/// are detected with [`FIRST_NOISE`], because the learnt noise would contain them.
fn without_incidents(own: &PrefixSums) -> PrefixSums {
    let mut wrong = vec![false; own.len()];
    let noise = FIRST_NOISE + FIRST_LEVEL_NOISE;
    for length in INCIDENTS {
        for to in (length..=own.len()).step_by(length / 4) {
            let window = own.between(to - length, to);
            let below = deviance::below(window.seen, window.expected, noise);
            let above = deviance::above(window.seen, window.expected + 0.5, noise);
            if below.max(above) > INCIDENT {
                wrong[to - length..to].fill(true);
            }
        }
    }
    let open = (0..own.len()).filter(|at| own.slot(*at).expected > 0.0);
    let all = open.clone().count() as f64;
    let incidents = open.filter(|at| wrong[*at]).count() as f64;
    if incidents == 0.0 || incidents > BY_NATURE * all { own.clone() } else { own.without(&wrong) }
}

/// Returns the dispersion of a count (variance over mean) from the mean square successive
/// difference (von Neumann, 1941): Σ(n - n')² / Σ(n + n'), where n and n' are the hits of
/// neighbouring slots. Slow changes drop out.
fn dispersion(own: &PrefixSums) -> Weighted {
    let mut days = ByDay::default();
    for at in 1..own.len().saturating_sub(2) {
        // Slots next to an opening or a closing are left out.
        if (at - 1..=at + 2).all(|at| own.slot(at).expected > 0.0) {
            let one = own.slot(at);
            let next = own.slot(at + 1);
            let day = &mut days.0[at / SLOTS];
            day.0 += (one.seen - next.seen).powi(2);
            day.1 += one.seen + next.seen;
        }
    }
    days.weighted(1.0 / DISPERSION_HITS)
}

/// Returns the usual value of a share.
fn usual(part: &[f32], whole: &[f32]) -> Usual {
    let parts: f32 = part.iter().sum();
    let all: f32 = whole.iter().sum();
    Usual { share: if all > 0.0 { parts / all } else { 0.0 }, whole: all }
}

/// Returns the noise of a share, as a relative variance beyond chance. `shares` has the seen and
/// expected hits by hour, from the hour `begin` of the weeks on; they are compared in windows of
/// `hours` hours.
pub(super) fn share_noise(shares: &[ShareHour], begin: usize, hours: usize) -> Weighted {
    let mut days = ByDay::default();
    for (at, window) in (begin..).step_by(hours).zip(shares.chunks(hours)) {
        let seen = f64::from(window.iter().map(|hour| hour.part).sum::<f32>());
        let mean = f64::from(window.iter().map(|hour| hour.expected).sum::<f32>()).max(1e-9);
        let whole = f64::from(window.iter().map(|hour| hour.whole).sum::<f32>()).max(1e-9);
        // The chance of a binomial share is less than that of a Poisson count, by 1/whole.
        let chance = -1.0 / whole;
        let window = Comparison { seen, mean, relative_variance: chance, day: 0.0 };
        days.add((at / HOURS).min(DAYS - 1), &window, Side::Above);
    }
    days.weighted(1.0)
}

/// The counts of one hour that make a share.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShareHour {
    pub(super) part: f32,
    pub(super) whole: f32,
    /// The part expected at the usual share.
    pub(super) expected: f32,
}

/// The side on which a deviation counts as an error.
#[derive(Clone, Copy)]
enum Side {
    Both,
    Below,
    Above,
}

/// Squared relative errors beyond chance, as (weighted sum, weight) by day.
struct ByDay([(f64, f64); DAYS]);

impl Default for ByDay {
    fn default() -> Self {
        Self([(0.0, 0.0); DAYS])
    }
}

impl ByDay {
    /// Adds the window from `from` to before `to`, at the likeliest level.
    fn compare(
        &mut self,
        context: &OptionContext<'_>,
        from: usize,
        to: usize,
        weeks: &[u8],
        side: Side,
    ) {
        // Nothing can be learnt where nothing is expected: in half of the windows of a menu that
        // closes, and in all of a new target.
        if context.own.between(from, to).expected > 0.0 {
            self.add((to - 1) / SLOTS, &context.likely(from, to, weeks[to - 1]), side);
        }
    }

    /// Adds a window. For falls, errors with more hits than expected do not count; for rises, those
    /// with fewer. A one-sided squared error counts double, because it covers half of the windows.
    fn add(&mut self, day: usize, window: &Comparison, side: Side) {
        if window.mean < 1.0 {
            return;
        }
        let error = window.mean - window.seen;
        let square = match side {
            Side::Both => error * error,
            Side::Below => 2.0 * error.max(0.0).powi(2),
            Side::Above => 2.0 * error.min(0.0).powi(2),
        };
        let excess = (square - window.mean) / window.mean.powi(2) - window.relative_variance;
        // An estimate of a variance has the weight of the inverse square of that variance.
        let uncertain = window.relative_variance.max(-1.0 / window.mean) + 1.0 / window.mean;
        let weight = (1.0 + WELL_KNOWN * uncertain).powi(-2);
        self.0[day].0 += weight * excess.min(MOST);
        self.0[day].1 += weight;
    }

    /// Returns the weighted mean of the days, in which the worst two count as much as the third
    /// (winsorized). `independent` is the factor from the sum of the weights to the weight of the
    /// result.
    fn weighted(&self, independent: f32) -> Weighted {
        let mut days: Vec<(f64, f64)> = self
            .0
            .iter()
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(sum, weight)| (sum / weight, *weight))
            .collect();
        days.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let third = days.get(2).map_or(0.0, |(value, _)| *value);
        let sum: f64 = days.iter().map(|(value, weight)| value.min(third) * weight).sum();
        let weight: f64 = days.iter().map(|(_, weight)| weight).sum();
        let value = if weight > 0.0 { sum / weight } else { 0.0 };
        Weighted { value: value as f32, weight: weight as f32 * independent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_between_days_hides_no_variation_and_two_bad_days_teach_none() {
        // Few hits: by chance, every second day seems to vary less than chance itself.
        let of_day = |day: usize| if day.is_multiple_of(2) { 0.05 } else { -0.03 };
        let calm = ByDay(std::array::from_fn(|day| (of_day(day), 1.0))).weighted(1.0);
        assert!((calm.value - 0.01).abs() < 1e-6 && calm.weight == DAYS as f32, "{calm:?}");
        let bad = |day: usize| if day < 2 { MOST } else { of_day(day) };
        let bad = ByDay(std::array::from_fn(|day| (bad(day), 1.0))).weighted(1.0);
        assert!((bad.value - 0.0129).abs() < 1e-4, "{bad:?}");
        assert_eq!(ByDay::default().weighted(1.0), Weighted::default());
    }

    #[test]
    fn a_day_of_which_the_level_is_not_known_teaches_little() {
        let window =
            |seen, relative_variance| Comparison { seen, mean: 500.0, relative_variance, day: 0.0 };
        let mut days = ByDay::default();
        for day in 1..DAYS {
            days.add(day, &window(450.0, 0.0), Side::Both);
        }
        let known = days.weighted(1.0);
        days.add(0, &window(500.0, 0.9), Side::Both);
        let all = days.weighted(1.0);
        assert!((known.value - 0.008).abs() < 1e-4 && all.value > 0.9 * known.value, "{all:?}");
    }
}
