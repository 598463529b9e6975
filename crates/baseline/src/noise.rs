//! How much an option varies beside chance: learnt from how wrong its expectation was in the last
//! four weeks.
//!
//! Owns the learning: each of the weeks is judged as if it were the present, by the other weeks. So
//! one limit serves menus of any unrest. One outage must not teach tolerance: the worst two days
//! count no more than the third.

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
/// Slots, and days, from which is learnt.
const LENGTH: usize = WEEKS * WEEK;
pub(super) const DAYS: usize = WEEKS * 7;
/// A relative error of more than this is an outage.
const MOST: f64 = 1.5;
/// Hits whose error says a quarter of what that of very many says, where nothing else is uncertain.
const WELL_KNOWN: f64 = 50.0;

/// The noise of one option, as relative variances.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Noise {
    /// The noise of its level from day to day.
    pub(super) day: f32,
    /// Variance of a count, of its mean: what is not by chance but not relative to the mean either,
    /// as people who call again.
    pub(super) dispersion: f32,
    /// The noise of its routing point's level around the operation's.
    pub(super) level: f32,
    /// The noise of windows as long as [`LEARNT`] says, beyond that.
    pub(super) windows: [f32; LEARNT.len()],
    /// The noise of each of its shares, in the order of [`UsualShares::all`].
    pub(super) shares: [f32; SHARES],
}

impl Noise {
    /// Returns the noise of a window of so many slots.
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

/// Noise of a routing point as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PointNoise {
    /// Relative variance of its level around that of its earlier hours of the day.
    pub(super) level: f32,
    /// Variance of a count, of its mean.
    pub(super) dispersion: f32,
}

/// The lesson of a few weeks of one option: the value of each kind of noise and its weight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Estimate {
    day: Weighted,
    dispersion: Weighted,
    level: Weighted,
    windows: [Weighted; LEARNT.len()],
    shares: [Weighted; SHARES],
}

/// A value, and how many windows full of hits it stands on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weighted {
    value: f32,
    weight: f32,
}

impl Weighted {
    /// Drawn towards what is usual, but never below the least that is believed.
    pub(super) fn shrunk_toward(self, usual: f32, least: f64) -> f32 {
        ((self.value * self.weight + usual * OTHERS) / (self.weight + OTHERS)).max(least as f32)
    }
}

/// Weight that the other options of the operation have in what is learnt of one.
const OTHERS: f32 = 12.0;

/// The noise of each option: its own estimate, shrunk_toward towards what is usual among all.
pub(super) fn shrink(lessons: &[Option<Lesson>]) -> Vec<Noise> {
    let estimates: Vec<Option<Estimate>> =
        lessons.iter().map(|lesson| lesson.map(|lesson| lesson.noise)).collect();
    let usual = |of: &dyn Fn(&Estimate) -> Weighted, first: f64| {
        let mut known: Vec<f32> = estimates
            .iter()
            .flatten()
            .map(of)
            .filter(|one| one.weight > 4.0)
            .map(|one| one.value)
            .collect();
        median(&mut known).unwrap_or(first as f32)
    };
    let day = usual(&|estimate| estimate.day, FIRST_DAY_NOISE);
    let dispersion = usual(&|estimate| estimate.dispersion, FIRST_DISPERSION);
    let level = usual(&|estimate| estimate.level, FIRST_LEVEL_NOISE);
    let windows: [f32; LEARNT.len()] =
        std::array::from_fn(|length| usual(&|estimate| estimate.windows[length], FIRST_NOISE));
    let shares: [f32; SHARES] =
        std::array::from_fn(|share| usual(&|estimate| estimate.shares[share], FIRST_SHARE_NOISE));
    let of = |estimate: &Option<Estimate>| {
        let own = estimate.unwrap_or_default();
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
    };
    estimates.iter().map(of).collect()
}

/// The noise of each routing point: its own estimate, shrunk toward what is usual among all.
pub(super) fn shrink_points(lessons: &[PointLesson]) -> Vec<PointNoise> {
    let usual = |of: fn(&PointLesson) -> Weighted, first: f64| {
        let known = lessons.iter().map(of).filter(|one| one.weight > 4.0);
        median(&mut known.map(|one| one.value).collect::<Vec<f32>>()).unwrap_or(first as f32)
    };
    let level = usual(|lesson| lesson.level, FIRST_LEVEL_NOISE);
    let dispersion = usual(|lesson| lesson.dispersion, FIRST_DISPERSION);
    let of = |lesson: &PointLesson| PointNoise {
        level: lesson.level.shrunk_toward(level, LEAST_COLLAPSE_NOISE),
        dispersion: lesson.dispersion.shrunk_toward(dispersion, 1.0),
    };
    lessons.iter().map(of).collect()
}

/// Learns from the four weeks before a day.
pub(super) struct Learner {
    /// The first slot, counted from 1970.
    base: i64,
    usable: Vec<bool>,
    operation: PrefixSums,
}

/// The lesson of a routing point.
#[derive(Debug, Clone, Default)]
pub(super) struct PointLesson {
    /// The lessons of its options, in the order in which they were given.
    pub(super) options: Vec<Option<Lesson>>,
    /// True if its hours shift.
    pub(super) shifts: bool,
    /// The most slots by which its rows were late on a day; 0 if they were in time.
    pub(super) lagged: usize,
    level: Weighted,
    dispersion: Weighted,
    /// Options that lead others.
    pub(super) leads: Vec<Lead>,
}

/// The lesson of an option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lesson {
    pub(super) noise: Estimate,
    pub(super) shares: UsualShares,
}

impl Learner {
    /// `options` is how many there are.
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

    /// Seen, and expected from the other weeks; and from how many.
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

    /// Hits of a slot around each; `NAN` where too little is known.
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

    /// Returns the share of the expectation around each slot that the other weeks leave of it,
    /// where a routing point opens or closes.
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

    /// Learns from the weeks about a routing point and each of its options.
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

    /// The usual shares of an option; fills in how much they vary.
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
        let column = |column: usize| hourly.iter().map(|hour| hour[column]).collect::<Vec<f32>>();
        let mut times = [0.0; TIME_BUCKETS];
        for hour in &hourly {
            times.iter_mut().zip(&hour[3..]).for_each(|(sum, count)| *sum += f64::from(*count));
        }
        let bound = shares::bound(&times);
        let slow: Vec<f32> = hourly.iter().map(|hour| hour[3 + bound + 1..].iter().sum()).collect();
        let timed: Vec<f32> = hourly.iter().map(|hour| hour[3..].iter().sum()).collect();
        // Only the part of the weeks in which the option was there.
        let begin = by_hour.iter().position(|hits| *hits > 0.0).unwrap_or(by_hour.len());
        let parts =
            [(column(0), &by_hour), (column(1), &by_hour), (column(2), &by_hour), (slow, &timed)];
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

    /// Returns how much a routing point's level varies around that of the others, hour by hour,
    /// once its own level of the day is told from its earlier hours; not told from them if
    /// `day_noise` is next to 0.
    fn level(&self, point: &PrefixSums, weeks: &[u8], day_noise: f64, side: Side) -> Weighted {
        let (nobody, mut days) = (PrefixSums::of(vec![(0.0, 0.0); LENGTH]), ByDay::default());
        let context = OptionContext {
            own: point,
            // All that is known of its level is the operation's.
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

/// Slots of the windows in which incidents of the past are looked for.
const INCIDENTS: [usize; 3] = [12, 36, 96];
/// Deviance of an incident; higher than that of an alert, so that what varies by nature is learnt.
const INCIDENT: f64 = 40.0;
/// An option that is out of the ordinary in more than this share of its time is so by nature.
const BY_NATURE: f64 = 0.3;

/// The weeks but for what went wrong in them: an incident of days must not teach tolerance. Judged
/// by [`FIRST_NOISE`], since what an incident would have taught is not to be believed here.
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
    let open = |at: &usize| own.between(*at, at + 1).expected > 0.0;
    let all = (0..own.len()).filter(open).count() as f64;
    let told = (0..own.len()).filter(open).filter(|at| wrong[*at]).count() as f64;
    if told == 0.0 || told > BY_NATURE * all { own.clone() } else { own.without(&wrong) }
}

/// Variance of a count, of its mean, by how much a slot differs from the next: what changes slowly
/// says nothing there.
fn dispersion(own: &PrefixSums) -> Weighted {
    let mut days = ByDay::default();
    let slot = |at: usize| own.between(at, at + 1);
    for at in 1..own.len().saturating_sub(2) {
        // Not beside an opening or a closing.
        if (at - 1..=at + 2).all(|at| slot(at).expected > 0.0) {
            let one = slot(at);
            let next = slot(at + 1);
            let day = &mut days.0[at / SLOTS];
            day.0 += (one.seen - next.seen).powi(2);
            day.1 += one.seen + next.seen;
        }
    }
    days.weighted(1.0 / DISPERSION_HITS)
}

/// Returns what is usual of a share.
fn usual(part: &[f32], whole: &[f32]) -> Usual {
    let parts: f32 = part.iter().sum();
    let all: f32 = whole.iter().sum();
    Usual { share: if all > 0.0 { parts / all } else { 0.0 }, whole: all }
}

/// The variation of a share beside chance, as a relative variance: what was seen of it and what was
/// expected, by hour from the hour `begin` of the weeks on, and judged in windows of so many hours.
pub(super) fn share_noise(shares: &[ShareHour], begin: usize, hours: usize) -> Weighted {
    let mut days = ByDay::default();
    for (at, window) in (begin..).step_by(hours).zip(shares.chunks(hours)) {
        let sum = |of: fn(&ShareHour) -> f32| f64::from(window.iter().map(of).sum::<f32>());
        let seen = sum(|hour| hour.part);
        let mean = sum(|hour| hour.expected).max(1e-9);
        // A share of the hits varies by chance less than a count does.
        let chance = -1.0 / sum(|hour| hour.whole).max(1e-9);
        let window = Comparison { seen, mean, relative_variance: chance, day: 0.0 };
        days.add((at / HOURS).min(DAYS - 1), &window, Side::Above);
    }
    days.weighted(1.0)
}

/// A share of what happened in an hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShareHour {
    pub(super) part: f32,
    pub(super) whole: f32,
    /// What the part would be at the usual share.
    pub(super) expected: f32,
}

/// The side on which a deviation counts as an error.
#[derive(Clone, Copy)]
enum Side {
    Both,
    Below,
    Above,
}

/// Relative errors beyond chance, by day.
struct ByDay([(f64, f64); DAYS]);

impl Default for ByDay {
    fn default() -> Self {
        Self([(0.0, 0.0); DAYS])
    }
}

impl ByDay {
    /// Adds the window from the one slot to before the other, at the likeliest level.
    fn compare(
        &mut self,
        context: &OptionContext<'_>,
        from: usize,
        to: usize,
        weeks: &[u8],
        side: Side,
    ) {
        // Where nothing is expected nothing can be learnt: half of the windows of a menu that
        // closes, all of a new target.
        if context.own.between(from, to).expected > 0.0 {
            self.add((to - 1) / SLOTS, &context.likely(from, to, weeks[to - 1]), side);
        }
    }

    /// For a fall it does not matter that a window may have more, nor for a rise that it may have
    /// less.
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
        // What is known of a variance goes with the inverse of its square.
        let uncertain = window.relative_variance.max(-1.0 / window.mean) + 1.0 / window.mean;
        let weight = (1.0 + WELL_KNOWN * uncertain).powi(-2);
        self.0[day].0 += weight * excess.min(MOST);
        self.0[day].1 += weight;
    }

    /// The mean of the days, of which the worst two count as much as the third.
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
        // Few hits: by chance each second day seems to vary less than chance itself would.
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
