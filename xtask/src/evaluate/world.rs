//! Owns the simulated traffic: two operations for each seed, `calm` with everything that must not raise an option's
//! alert, and `hurt` with what must. Must not know the rules.
//!
//! Time goes in steps of five minutes, the exporter's poll. Options have 1 to 500 hits an hour at the day's busiest
//! time, a shape by day and week, growth of 1 % a week, and noise beyond chance: 8 % a day and 4 % an hour for a routing
//! point, 4 % a day for an option and for each share. In every routing point one option stands for entering nothing.

use super::chance::Chance;

pub const STEP: i64 = 300;
pub const DAY: usize = 288;
pub const WEEK: usize = 7 * DAY;
/// Monday, 5 January 2026, 00:00 UTC.
pub const BEGIN: i64 = 1_767_571_200;
/// Weeks of history before anything is judged.
pub const HISTORY: usize = 4 * WEEK + DAY;
const POINTS: usize = 12;
const OPTIONS: usize = 7;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    To(u32),
    Decay,
    Renamed,
}

pub const KINDS: [Kind; 7] =
    [Kind::To(0), Kind::To(10), Kind::To(40), Kind::To(60), Kind::To(300), Kind::Decay, Kind::Renamed];

pub struct Incident {
    pub kind: Kind,
    pub option: usize,
    /// In steps since the beginning, with a fraction.
    pub start: f64,
    /// Expected hits an hour when it begins.
    pub hourly: f64,
}

/// What is seen of an option, per step.
pub struct Option_ {
    pub point: usize,
    pub code: String,
    /// hits, finals, retries, repeats
    pub counts: [Vec<u64>; 4],
    /// Of the hits, those that took no longer than each of `SECONDS` to get there, and all of them at the end; empty
    /// where there are too few hits for the alert that reads them.
    pub within: Vec<Vec<u64>>,
    /// It stands for entering nothing.
    pub no_input: bool,
    /// Nobody has listed it, so the exporter has no series of it before its first hit.
    pub unlisted: bool,
    /// The true mean of hits without the incidents that are to be found, and without the option's own noise.
    pub mean: Vec<f64>,
}

pub struct Operation {
    pub server: String,
    pub options: Vec<Option_>,
    pub incidents: Vec<Incident>,
    /// Outages of a whole routing point: point, first step, last step.
    pub outages: Vec<(usize, usize, usize)>,
    /// Options that were taken out of the menu on purpose, and the step from which on they are gone.
    pub removed: Vec<(usize, usize)>,
    /// Steps whose poll failed: counters and watermark stand still, and catch up afterwards.
    pub failed: Vec<bool>,
    /// Steps at which the exporter was away.
    pub away: Vec<bool>,
}

/// Incidents last so many steps: eight hours.
pub const LASTS: usize = 96;
/// Bounds of the histogram of the time to an option.
pub const SECONDS: [u32; 5] = [20, 30, 45, 60, 90];
/// Half of the people have reached an option after so many seconds; how long the others take varies log-normally.
const USUAL_SECONDS: f64 = 24.0;
const SPREAD_OF_SECONDS: f64 = 0.65;

/// Share of a day's busiest rate; `around_the_clock` never falls below a tenth.
fn shape(step: usize, around_the_clock: bool) -> f64 {
    let hour = (step % DAY) as f64 / 12.0;
    let bump = |at: f64, wide: f64| (-((hour - at) / wide).powi(2) / 2.0).exp();
    let day = if around_the_clock {
        0.1 + 0.9 * bump(14.0, 4.0)
    } else if (7.0..19.0).contains(&hour) {
        0.15 + 0.85 * (bump(10.0, 1.8) + 0.8 * bump(15.5, 1.8)).min(1.0)
    } else {
        0.0
    };
    day * [1.0, 0.95, 0.95, 0.9, 1.0, 0.5, 0.25][step / DAY % 7]
}

#[expect(clippy::needless_range_loop, reason = "steps and points are numbers of several tables at once")]
pub fn operation(seed: u64, hurt: bool, weeks: usize) -> Operation {
    let mut chance = Chance::new(seed * 2 + u64::from(hurt));
    let steps = HISTORY + if hurt { WEEK } else { weeks * WEEK };
    let mut clocks = Vec::new();
    let mut factors = Vec::new();
    for _ in 0..POINTS {
        let around = chance.unit() < 0.3;
        clocks.push(around);
        let (mut of_day, mut of_hour) = (1.0, 1.0);
        let factor: Vec<f64> = (0..steps)
            .map(|step| {
                if step % DAY == 0 {
                    of_day = chance.factor(0.08);
                }
                if step % 12 == 0 {
                    of_hour = chance.factor(0.04);
                }
                // One in the history; and, where false alarms are counted, a Monday, so that a Monday follows on it.
                let day = step / DAY * DAY;
                let holiday = day == 8 * DAY || (!hurt && day == HISTORY + 6 * DAY);
                shape(step, around)
                    * of_day
                    * of_hour
                    * (1.0 + 0.01 * step as f64 / WEEK as f64)
                    * if holiday { 0.25 } else { 1.0 }
            })
            .collect();
        factors.push(factor);
    }
    let mut outages = Vec::new();
    if !hurt {
        for point in 0..POINTS {
            // An outage of an hour in every second routing point, a campaign of three hours in the others.
            let start = HISTORY + (point % (7 * weeks)) * DAY + 100 + chance.below(60);
            for step in start..start + if point % 2 == 0 { 12 } else { 36 } {
                factors[point][step] *= if point % 2 == 0 { 0.0 } else { 2.5 };
            }
            if point % 2 == 0 {
                outages.push((point, start, start + 12));
            }
        }
        // All of the operation, for half an hour.
        let start = HISTORY + 3 * DAY + 130;
        for factor in &mut factors {
            factor[start..start + 6].fill(0.0);
        }
        outages.extend((0..POINTS).map(|point| (point, start, start + 6)));
    }

    let mut rates = Vec::new();
    for point in 0..POINTS {
        for _ in 0..OPTIONS {
            rates.push((point, (chance.between(0.0, 500_f64.ln())).exp()));
        }
    }
    let mut incidents = Vec::new();
    if hurt {
        for day in 0..7 {
            for point in 0..POINTS {
                let start = (HISTORY + day * DAY + 96) as f64 + chance.between(0.0, 36.0);
                // Where it can be seen at all: from one hit an hour up, at this hour.
                let option = point * OPTIONS + chance.below(OPTIONS);
                let hourly = rates[option].1 * shape(start as usize, clocks[point]);
                if hourly >= 1.0 {
                    incidents.push(Incident {
                        kind: KINDS[chance.below(KINDS.len())],
                        option,
                        start,
                        hourly,
                    });
                }
            }
        }
    }

    let mut options: Vec<Option_> = Vec::new();
    let mut removed = Vec::new();
    for (index, (point, rate)) in rates.iter().copied().enumerate() {
        let shares = [chance.between(0.1, 0.5), chance.between(0.03, 0.2), chance.between(0.02, 0.1)];
        // New on the second day that is judged.
        let added = !hurt && index % 40 == 17;
        // Gone on the fourth.
        let gone = if !hurt && index % 40 == 23 { HISTORY + 3 * DAY + 120 } else { steps };
        if gone < steps {
            removed.push((index, gone));
        }
        let mut one = Option_ {
            point,
            code: format!("{index}"),
            counts: Default::default(),
            within: if rate >= 60.0 && !hurt { vec![Vec::new(); SECONDS.len() + 1] } else { Vec::new() },
            no_input: index % OPTIONS == 4,
            unlisted: added && index > 40,
            mean: Vec::new(),
        };
        let mut own = 1.0;
        let mut daily = [1.0; 3];
        let mut pace = 1.0;
        for step in 0..steps {
            if step % DAY == 0 {
                own = chance.factor(0.04);
                daily = [chance.factor(0.04), chance.factor(0.04), chance.factor(0.04)];
                pace = chance.factor(0.04);
            }
            let mut mean = rate / 12.0 * factors[point][step];
            if added && step < HISTORY + DAY || step >= gone {
                mean = 0.0;
            }
            one.mean.push(mean);
            let left: f64 = incidents
                .iter()
                .filter(|incident| incident.option == index)
                .map(|incident| what_is_left(incident, step))
                .product();
            let hits = chance.count(mean * own * left);
            one.counts[0].push(hits);
            for (part, share) in shares.into_iter().enumerate() {
                one.counts[part + 1].push(chance.of(hits, share * daily[part]));
            }
            if !one.within.is_empty() {
                one.time_passes(hits, pace, &mut chance);
            }
        }
        if !hurt {
            come_late(&mut one.counts, &mut chance);
        }
        options.push(one);
    }
    // A renamed option's hits go on under another code.
    let renamed: Vec<(usize, f64)> = incidents
        .iter()
        .filter(|incident| incident.kind == Kind::Renamed)
        .map(|incident| (incident.option, incident.start))
        .collect();
    for (option, start) in renamed {
        let (point, mean) = (options[option].point, options[option].mean.clone());
        let mut counts: [Vec<u64>; 4] = Default::default();
        for (step, mean) in mean.iter().enumerate() {
            let on = step as f64 > start && step < start as usize + LASTS;
            counts[0].push(if on { chance.count(*mean) } else { 0 });
            counts[1..].iter_mut().for_each(|count| count.push(0));
        }
        options.push(Option_ {
            point,
            code: format!("{option}b{}", start as usize),
            counts,
            within: Vec::new(),
            no_input: false,
            unlisted: true,
            mean: vec![0.0; steps],
        });
    }

    let (mut failed, mut away) = (vec![false; steps], vec![false; steps]);
    if !hurt {
        // The interface fails for two hours every third day; the exporter is away for ten minutes every other day.
        for day in 0..weeks * 7 {
            let noon = HISTORY + day * DAY + 120;
            failed[noon..noon + 24].fill(day % 3 == 1);
            away[noon + 60..noon + 62].fill(day % 2 == 0);
        }
    }
    let server = format!("{}{seed}", if hurt { "hurt" } else { "calm" });
    Operation { server, options, incidents, outages, removed, failed, away }
}

impl Option_ {
    /// Adds a step of the histogram. `pace` makes everybody slower, as a longer text before the menu would.
    fn time_passes(&mut self, hits: u64, pace: f64, chance: &mut Chance) {
        let mut within = [0; SECONDS.len() + 1];
        within[SECONDS.len()] = hits;
        for _ in 0..hits {
            let seconds = USUAL_SECONDS * pace * chance.factor(SPREAD_OF_SECONDS);
            for (count, bound) in within.iter_mut().zip(SECONDS) {
                *count += u64::from(seconds <= f64::from(bound));
            }
        }
        for (steps, count) in self.within.iter_mut().zip(within) {
            steps.push(count);
        }
    }
}

/// Share of the traffic that an incident leaves in a step.
fn what_is_left(incident: &Incident, step: usize) -> f64 {
    let since = step as f64 + 1.0 - incident.start;
    if since <= 0.0 || since > LASTS as f64 {
        return 1.0;
    }
    let left = match incident.kind {
        Kind::To(percent) => f64::from(percent) / 100.0,
        // To nothing within six hours.
        Kind::Decay => (1.0 - since / 72.0).max(0.0),
        Kind::Renamed => 0.0,
    };
    // The step in which it begins is partly before it.
    let inside = since.min(1.0);
    1.0 - inside * (1.0 - left)
}

/// 3 % of the rows come one to twelve hours late.
fn come_late(counts: &mut [Vec<u64>; 4], chance: &mut Chance) {
    let steps = counts[0].len();
    for count in counts {
        for step in 0..steps {
            let late = chance.of(count[step], 0.03);
            count[step] -= late;
            for _ in 0..late {
                let seen = step + 12 + chance.below(132);
                if seen < steps {
                    count[seen] += 1;
                }
            }
        }
    }
}
