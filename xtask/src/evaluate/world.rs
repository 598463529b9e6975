//! The simulated traffic of one operation and its incidents.
//!
//! Each option has 1 to 500 hits in its busiest hour, and follows the day and the week of its
//! routing point. One option of every routing point stands for entering nothing. The simulation
//! must not know the detector.

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, HOUR, OPTIONS, POINTS, WEEK},
    weather::{Weather, World},
};

/// Steps of an incident: eight hours. Only [`Kind::HangUps`] is shorter.
pub(crate) const INCIDENT_STEPS: usize = 96;
/// Median time to an option, in seconds; times are log-normal.
const MEDIAN_SECONDS: f64 = 24.0;
/// Standard deviation of the logarithm of that time.
const SECONDS_DEVIATION: f64 = 0.65;
/// Hits in the busiest hour from which times are simulated.
const TIMED: f64 = 60.0;
/// Place, in its routing point, of the option that stands for entering nothing.
const NO_INPUT: usize = 4;

/// The purpose of a simulated operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Has only changes that must not raise an option's alert; false alarms are counted in it.
    Calm,
    /// Has options that fall or surge.
    Falls,
    /// Has shares and times that rise.
    Rises,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Falls => "falls",
            Self::Rises => "rises",
        }
    }
}

/// A kind of incident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// This percentage of the hits remains; above 100, more come.
    To(u32),
    /// The hits fall to zero over six hours.
    Decay,
    /// The hits continue under another code.
    Renamed,
    /// 2.5 times as many journeys end at the option.
    Abandonment,
    /// Three times as many hits take more than one attempt.
    Retries,
    /// Three times as many hits are repeats.
    Loops,
    /// The time to the option is 1.8 times as long.
    Slow,
    /// 2.5 times as many callers enter nothing.
    NoInput,
    /// Three times as many calls are hung up, for an hour.
    HangUps,
}

const FALLS: [Kind; 7] = [
    Kind::To(0),
    Kind::To(10),
    Kind::To(40),
    Kind::To(60),
    Kind::To(300),
    Kind::Decay,
    Kind::Renamed,
];
const RISES: [Kind; 5] = [Kind::Abandonment, Kind::Retries, Kind::Loops, Kind::Slow, Kind::NoInput];

#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) kind: Kind,
    /// Number of the option.
    pub(crate) option: usize,
    /// Begin, in steps with a fraction.
    pub(crate) start: f64,
    /// Expected hits per hour when it begins.
    pub(crate) hourly: f64,
}

/// The rows of an option, by the step of their date.
#[derive(Default)]
pub(crate) struct SimulatedOption {
    /// Number of the routing point.
    pub(crate) point: usize,
    pub(crate) code: String,
    /// Hits, finals, retries and repeats.
    pub(crate) counts: [Vec<u32>; 4],
    /// Seconds to the option of each hit; empty if times are not simulated.
    pub(crate) seconds: Vec<Vec<u16>>,
    /// Late hits: the step in which they come, and that of their date.
    pub(crate) late: Vec<(usize, usize)>,
    /// True if it stands for entering nothing.
    pub(crate) no_input: bool,
    /// Calls that were hung up, and all calls.
    pub(crate) calls: Vec<[u32; 2]>,
    /// The true mean of hits, without the incidents and the option's own noise.
    pub(crate) mean: Vec<f32>,
}

/// The simulated traffic of one operation. Steps are counted from the begin of its history.
pub(crate) struct Operation {
    pub(crate) options: Vec<SimulatedOption>,
    pub(crate) incidents: Vec<Incident>,
    /// Outages of a whole routing point: its number, the first step and the step after the last.
    pub(crate) outages: Vec<(usize, usize, usize)>,
    /// Outages of the whole operation, which look like a late report: the first step and the step
    /// after the last.
    pub(crate) silences: Vec<(usize, usize)>,
    /// Options that are removed or renumbered on purpose, and the step of the change.
    pub(crate) changed: Vec<(usize, usize)>,
    /// The removed ones of these.
    pub(crate) removed: Vec<(usize, usize)>,
    /// True for each step whose poll failed.
    pub(crate) failed: Vec<bool>,
}

/// Simulates the operation of a seed. `weeks` is the number of weeks that are judged if it is calm;
/// otherwise one week is.
pub(crate) fn operation(world: World, seed: u64, purpose: Purpose, weeks: usize) -> Operation {
    let calm = purpose == Purpose::Calm;
    let mut chance = Chance::new(seed * 6 + purpose as u64 * 2 + u64::from(world == World::Harder));
    let steps = HISTORY + if calm { weeks * WEEK } else { WEEK };
    let mut weather = Weather::new(world, steps, calm, &mut chance);
    let outages = if calm { weather.outages_and_campaigns(weeks, &mut chance) } else { Vec::new() };
    let silences = if calm { vec![weather.silence()] } else { Vec::new() };
    let rates: Vec<f64> =
        (0..POINTS * OPTIONS).map(|_| chance.between(0.0, 500_f64.ln()).exp()).collect();
    let incidents =
        if calm { Vec::new() } else { incidents(purpose, &weather, &rates, &mut chance) };
    let mut operation = Operation {
        options: Vec::new(),
        incidents,
        outages,
        silences,
        changed: Vec::new(),
        removed: Vec::new(),
        failed: vec![false; steps],
    };
    let renumbered =
        (world == World::Harder && calm).then(|| (chance.below(POINTS), HISTORY + 5 * DAY));
    for index in 0..rates.len() {
        let mut mean = means(&weather, &rates, index, renumbered);
        if calm && index % 40 == 17 {
            // Added on the second day that is judged.
            mean[..HISTORY + DAY].fill(0.0);
        }
        if calm && index % 40 == 23 {
            // Removed on the fourth.
            let gone = HISTORY + 3 * DAY + 120;
            mean[gone..].fill(0.0);
            operation.removed.push((index, gone));
            operation.changed.push((index, gone));
        }
        if let Some((_, from)) = renumbered.filter(|(point, _)| *point == index / OPTIONS) {
            operation.changed.push((index, from));
        }
        let option =
            traffic(world, index, rates[index], mean, &operation.incidents, purpose, &mut chance);
        operation.options.push(option);
    }
    renamed(&mut operation, &mut chance);
    hang_ups(&mut operation, &weather, world, seed, purpose);
    if calm {
        // The API fails for two hours on every third day, from 10:00. The exporter is down for ten
        // minutes on every other day, at 15:00.
        for day in 0..weeks * 7 {
            let ten = HISTORY + day * DAY + 120;
            operation.failed[ten..ten + 24].fill(day % 3 == 1);
            if day % 2 == 0 {
                operation.failed[ten + 60..ten + 62].fill(true);
            }
        }
    }
    operation
}

/// Draws incidents: one on each day of the week in each routing point, unless too few hits are
/// expected there then.
fn incidents(
    purpose: Purpose,
    weather: &Weather,
    rates: &[f64],
    chance: &mut Chance,
) -> Vec<Incident> {
    let mut incidents = Vec::new();
    for day in 0..7 {
        for point in 0..POINTS {
            let start = (HISTORY + day * DAY + 96) as f64 + chance.between(0.0, 36.0);
            let mut option = point * OPTIONS + chance.below(OPTIONS);
            let kind = match purpose {
                Purpose::Rises => RISES[chance.below(RISES.len())],
                _ => FALLS[chance.below(FALLS.len())],
            };
            if kind == Kind::NoInput {
                option = point * OPTIONS + NO_INPUT;
            }
            // With less than one hit per hour, nothing can be seen.
            let hourly = rates[option] * weather.usual(option, start as usize);
            if hourly >= 1.0 {
                incidents.push(Incident { kind, option, start, hourly });
            }
        }
    }
    incidents
}

/// Returns the mean hits of an option by step. `renumbered` is a routing point and the step from
/// which each of its codes has the meaning of the code before it.
fn means(
    weather: &Weather,
    rates: &[f64],
    index: usize,
    renumbered: Option<(usize, usize)>,
) -> Vec<f32> {
    let point = index / OPTIONS;
    let before = point * OPTIONS + (index + OPTIONS - 1) % OPTIONS;
    (0..weather.steps())
        .map(|step| {
            let is_changed = renumbered.is_some_and(|(of, from)| of == point && step >= from);
            let option = if is_changed { before } else { index };
            (rates[option] / 12.0 * weather.factor(option, step)) as f32
        })
        .collect()
}

/// Draws the rows of an option.
fn traffic(
    world: World,
    index: usize,
    rate: f64,
    mean: Vec<f32>,
    incidents: &[Incident],
    purpose: Purpose,
    chance: &mut Chance,
) -> SimulatedOption {
    let shares = [chance.between(0.1, 0.5), chance.between(0.03, 0.2), chance.between(0.02, 0.1)];
    let own_incidents: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.option == index).collect();
    let timed = rate >= TIMED && purpose != Purpose::Falls;
    let mut one = SimulatedOption {
        point: index / OPTIONS,
        code: format!("{index}"),
        no_input: index % OPTIONS == NO_INPUT,
        ..SimulatedOption::default()
    };
    let variation = world.variation();
    let mut own = 1.0;
    let mut daily = [1.0; 3];
    let mut hourly = [1.0; 3];
    let mut pace = 1.0;
    for (step, mean) in mean.iter().enumerate() {
        if step % DAY == 0 {
            own = chance.factor(variation.own);
            daily = std::array::from_fn(|_| chance.factor(variation.share));
            pace = chance.factor(variation.share);
        }
        if step % HOUR == 0 {
            hourly = std::array::from_fn(|_| chance.factor(variation.share_hour));
        }
        let left: f64 = own_incidents.iter().map(|incident| hits_factor(incident, step)).product();
        let hits = chance.dispersed(f64::from(*mean) * own * left, variation.dispersion);
        one.counts[0].push(hits);
        for (part, share) in shares.into_iter().enumerate() {
            let more: f64 =
                own_incidents.iter().map(|incident| share_factor(incident, step, part)).product();
            one.counts[part + 1]
                .push(chance.binomial(hits, (share * daily[part] * hourly[part] * more).min(0.95)));
        }
        if timed {
            let slow: f64 =
                own_incidents.iter().map(|incident| time_factor(incident, step)).product();
            let seconds = (0..hits).map(|_| {
                let seconds = MEDIAN_SECONDS * pace * slow * chance.factor(SECONDS_DEVIATION);
                seconds.min(60_000.0) as u16
            });
            one.seconds.push(seconds.collect());
        }
    }
    if purpose == Purpose::Calm {
        come_late(&mut one, chance);
    }
    one.mean = mean;
    one
}

/// Adds the outcomes of the calls (each hit is one call) and the incidents among them. They have
/// random numbers of their own, so that the rest of the traffic is the same with and without them.
fn hang_ups(
    operation: &mut Operation,
    weather: &Weather,
    world: World,
    seed: u64,
    purpose: Purpose,
) {
    let mut chance =
        Chance::new(seed * 6 + purpose as u64 * 2 + u64::from(world == World::Harder) + (1 << 40));
    let mut incidents = Vec::new();
    if purpose == Purpose::Rises {
        for (day, point) in (0..7).flat_map(|day| (0..POINTS).map(move |point| (day, point))) {
            let start = (HISTORY + day * DAY + 96) as f64 + chance.between(0.0, 108.0);
            let option = point * OPTIONS + chance.below(OPTIONS);
            let steps = start as usize..start as usize + HOUR;
            let hourly: f32 = operation.options[option].mean[steps].iter().sum();
            if hourly >= 1.0 && weather.usual(option, start as usize) > 0.0 {
                incidents.push(Incident {
                    kind: Kind::HangUps,
                    option,
                    start,
                    hourly: hourly.into(),
                });
            }
        }
    }
    let variation = world.variation();
    for (index, option) in operation.options.iter_mut().enumerate() {
        let own: Vec<&Incident> =
            incidents.iter().filter(|incident| incident.option == index).collect();
        let share =
            if option.no_input { chance.between(0.4, 0.6) } else { chance.between(0.03, 0.3) };
        let mut daily = 1.0;
        let mut hourly = 1.0;
        for step in 0..option.counts[0].len() {
            if step % DAY == 0 {
                daily = chance.factor(variation.share);
            }
            if step % HOUR == 0 {
                hourly = chance.factor(variation.share_hour);
            }
            let more: f64 =
                own.iter().map(|incident| 1.0 + 2.0 * overlap(incident, step)).product();
            let calls = option.counts[0][step];
            let hung_up = chance.binomial(calls, (share * daily * hourly * more).min(0.95));
            option.calls.push([hung_up, calls]);
        }
    }
    operation.incidents.extend(incidents);
}

/// Returns the share of a step during which an incident is on.
fn overlap(incident: &Incident, step: usize) -> f64 {
    let since = step as f64 + 1.0 - incident.start;
    let lasts = if incident.kind == Kind::HangUps { HOUR } else { INCIDENT_STEPS };
    if since <= 0.0 || since > lasts as f64 { 0.0 } else { since.min(1.0) }
}

/// Returns the factor by which an incident changes the hits of a step.
fn hits_factor(incident: &Incident, step: usize) -> f64 {
    let since = step as f64 + 1.0 - incident.start;
    let left = match incident.kind {
        Kind::To(percent) => f64::from(percent) / 100.0,
        Kind::Decay => (1.0 - since / 72.0).clamp(0.0, 1.0),
        Kind::Renamed => 0.0,
        Kind::NoInput => 2.5,
        _ => 1.0,
    };
    1.0 - overlap(incident, step) * (1.0 - left)
}

/// Returns the factor by which an incident changes a share: that of finals (0), retries (1) or
/// repeats (2).
fn share_factor(incident: &Incident, step: usize, part: usize) -> f64 {
    let times = match (incident.kind, part) {
        (Kind::Abandonment, 0) => 2.5,
        (Kind::Retries, 1) | (Kind::Loops, 2) => 3.0,
        _ => 1.0,
    };
    1.0 + overlap(incident, step) * (times - 1.0)
}

/// Returns the factor by which an incident changes the time to the option.
fn time_factor(incident: &Incident, step: usize) -> f64 {
    if incident.kind == Kind::Slow { 1.0 + overlap(incident, step) * 0.8 } else { 1.0 }
}

/// Adds the options under whose codes the hits of renamed options continue.
fn renamed(operation: &mut Operation, chance: &mut Chance) {
    let renamed: Vec<Incident> = operation
        .incidents
        .iter()
        .filter(|incident| incident.kind == Kind::Renamed)
        .cloned()
        .collect();
    for incident in renamed {
        let before = &operation.options[incident.option];
        let steps = before.mean.len();
        let hits = before.mean.iter().enumerate().map(|(step, mean)| {
            let on =
                step as f64 > incident.start && step < incident.start as usize + INCIDENT_STEPS;
            if on { chance.poisson(f64::from(*mean)) } else { 0 }
        });
        let none = vec![0; steps];
        let option = SimulatedOption {
            point: before.point,
            code: format!("{}b{}", incident.option, incident.start as usize),
            counts: [hits.collect(), none.clone(), none.clone(), none],
            mean: vec![0.0; steps],
            ..SimulatedOption::default()
        };
        operation.options.push(option);
    }
}

/// Makes 3 % of the rows one to twelve hours late.
fn come_late(one: &mut SimulatedOption, chance: &mut Chance) {
    for step in 0..one.counts[0].len() {
        let late = chance.binomial(one.counts[0][step], 0.03);
        one.counts[0][step] -= late;
        // The rows that come in time cannot have more finals, retries or times than hits.
        for part in 1..4 {
            one.counts[part][step] = one.counts[part][step].min(one.counts[0][step]);
        }
        if let Some(seconds) = one.seconds.get_mut(step) {
            seconds.truncate(one.counts[0][step] as usize);
        }
        for _ in 0..late {
            one.late.push((step + 12 + chance.below(132), step));
        }
    }
    one.late.sort_unstable();
}

impl SimulatedOption {
    /// Returns the share of its hits that come in time.
    pub(crate) fn on_time(&self) -> f64 {
        if self.late.is_empty() { 1.0 } else { 0.97 }
    }
}
