//! Owns the simulated traffic of one operation and its incidents. Must not know the detector.
//!
//! Time goes in steps of five minutes, the exporter's poll. Options have 1 to 500 hits an hour at
//! the day's busiest time and a shape by day and week. In every routing point one option stands for
//! entering nothing.

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, HOUR, OPTIONS, POINTS, WEEK},
    weather::{Weather, World},
};

/// Incidents last so many steps: eight hours.
pub(crate) const LASTS: usize = 96;
/// Half of the people have reached an option after so many seconds; how long the others take varies
/// log-normally.
const USUAL_SECONDS: f64 = 24.0;
const SPREAD_OF_SECONDS: f64 = 0.65;
/// Hits an hour from which on times are simulated.
const TIMED: f64 = 60.0;

/// What an operation is simulated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything that must not raise an option's alert.
    Calm,
    /// Options that fall or surge.
    Falls,
    /// Shares and times that rise.
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

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    To(u32),
    Decay,
    Renamed,
    /// Two and a half times as many journeys end there.
    Abandonment,
    /// Three times as many hits take more than one attempt.
    Retries,
    /// Three times as many come back.
    Loops,
    /// Everybody needs 1.8 times as long.
    Slow,
    /// Two and a half times as many enter nothing.
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
    pub(crate) option: usize,
    /// In steps since the beginning, with a fraction.
    pub(crate) start: f64,
    /// Expected hits an hour when it begins.
    pub(crate) hourly: f64,
}

/// What is seen of an option, by the step of a row's date.
#[derive(Default)]
pub(crate) struct Option_ {
    pub(crate) point: usize,
    pub(crate) code: String,
    /// hits, finals, retries, repeats
    pub(crate) counts: [Vec<u32>; 4],
    /// Seconds to the option of each hit, by step; empty for an option with few hits.
    pub(crate) seconds: Vec<Vec<u16>>,
    /// Hits that come late: the step in which they are seen, and that of their date.
    pub(crate) late: Vec<(usize, usize)>,
    /// It stands for entering nothing.
    pub(crate) no_input: bool,
    /// Calls that ended here, by step: hung up, and all.
    pub(crate) calls: Vec<[u32; 2]>,
    /// The true mean of hits without the incidents that are to be found, and without the option's
    /// own noise.
    pub(crate) mean: Vec<f32>,
}

pub(crate) struct Operation {
    pub(crate) options: Vec<Option_>,
    pub(crate) incidents: Vec<Incident>,
    /// Outages of a whole routing point: point, first step, last step.
    pub(crate) outages: Vec<(usize, usize, usize)>,
    /// The same of the whole operation, which look as if its report were late.
    pub(crate) silences: Vec<(usize, usize)>,
    /// Options that are another thing on purpose, and the step from which on: removed, or
    /// renumbered.
    pub(crate) changed: Vec<(usize, usize)>,
    /// Of those, how many were removed, and which.
    pub(crate) removed: Vec<(usize, usize)>,
    /// Steps in which no poll succeeded.
    pub(crate) failed: Vec<bool>,
}

/// The operation of a seed.
pub(crate) fn operation(world: World, seed: u64, purpose: Purpose, weeks: usize) -> Operation {
    let hurt = purpose != Purpose::Calm;
    let mut chance = Chance::new(seed * 6 + purpose as u64 * 2 + u64::from(world == World::Harder));
    let steps = HISTORY + if hurt { WEEK } else { weeks * WEEK };
    let mut weather = Weather::new(world, steps, hurt, &mut chance);
    let outages = if hurt { Vec::new() } else { weather.outages_and_campaigns(weeks, &mut chance) };
    let silences = if hurt { Vec::new() } else { vec![weather.silence()] };
    let rates: Vec<f64> =
        (0..POINTS * OPTIONS).map(|_| chance.between(0.0, 500_f64.ln()).exp()).collect();
    let incidents =
        if hurt { incidents(purpose, &weather, &rates, &mut chance) } else { Vec::new() };
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
        (world == World::Harder && !hurt).then(|| (chance.below(POINTS), HISTORY + 5 * DAY));
    for index in 0..rates.len() {
        let mut mean = means(&weather, &rates, index, renumbered);
        if !hurt && index % 40 == 17 {
            // New on the second day that is judged.
            mean[..HISTORY + DAY].fill(0.0);
        }
        if !hurt && index % 40 == 23 {
            // Gone on the fourth.
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
    if !hurt {
        // The interface fails for two hours every third day; the exporter is away for ten minutes
        // every other day.
        for day in 0..weeks * 7 {
            let noon = HISTORY + day * DAY + 120;
            operation.failed[noon..noon + 24].fill(day % 3 == 1);
            if day % 2 == 0 {
                operation.failed[noon + 60..noon + 62].fill(true);
            }
        }
    }
    operation
}

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
            // Where it can be seen at all: from one hit an hour up, at this hour.
            let hourly = rates[option] * weather.usual(option, start as usize);
            if hourly >= 1.0 {
                incidents.push(Incident { kind, option, start, hourly });
            }
        }
    }
    incidents
}

/// Which of a routing point's options stands for entering nothing.
const NO_INPUT: usize = 4;

/// The mean of an option by step. From the moment of a renumbering on, each code of the routing
/// point stands for what the one before it had stood for.
fn means(
    weather: &Weather,
    rates: &[f64],
    index: usize,
    renumbered: Option<(usize, usize)>,
) -> Vec<f32> {
    let point = index / OPTIONS;
    let now = |step: usize| match renumbered {
        Some((which, from)) if which == point && step >= from => {
            point * OPTIONS + (index + OPTIONS - 1) % OPTIONS
        }
        _ => index,
    };
    (0..weather.steps())
        .map(|step| (rates[now(step)] / 12.0 * weather.factor(now(step), step)) as f32)
        .collect()
}

fn traffic(
    world: World,
    index: usize,
    rate: f64,
    mean: Vec<f32>,
    incidents: &[Incident],
    purpose: Purpose,
    chance: &mut Chance,
) -> Option_ {
    let shares = [chance.between(0.1, 0.5), chance.between(0.03, 0.2), chance.between(0.02, 0.1)];
    let own_incidents: Vec<&Incident> =
        incidents.iter().filter(|incident| incident.option == index).collect();
    let timed = rate >= TIMED && purpose != Purpose::Falls;
    let mut one = Option_ {
        point: index / OPTIONS,
        code: format!("{index}"),
        no_input: index % OPTIONS == NO_INPUT,
        ..Option_::default()
    };
    let noise = world.noise();
    let (mut own, mut daily, mut hourly, mut pace) = (1.0, [1.0; 3], [1.0; 3], 1.0);
    for (step, mean) in mean.iter().enumerate() {
        if step % DAY == 0 {
            own = chance.factor(noise.own);
            daily = std::array::from_fn(|_| chance.factor(noise.share));
            pace = chance.factor(noise.share);
        }
        if step % 12 == 0 {
            hourly = std::array::from_fn(|_| chance.factor(noise.share_hour));
        }
        let left: f64 = own_incidents.iter().map(|incident| what_is_left(incident, step)).product();
        let hits = chance.spread_count(f64::from(*mean) * own * left, noise.spread);
        one.counts[0].push(hits);
        for (part, share) in shares.into_iter().enumerate() {
            let more: f64 =
                own_incidents.iter().map(|incident| risen(incident, step, part)).product();
            one.counts[part + 1]
                .push(chance.of(hits, (share * daily[part] * hourly[part] * more).min(0.95)));
        }
        if timed {
            let slow: f64 = own_incidents.iter().map(|incident| slower(incident, step)).product();
            let second = |chance: &mut Chance| {
                (USUAL_SECONDS * pace * slow * chance.factor(SPREAD_OF_SECONDS)).min(60_000.0)
                    as u16
            };
            one.seconds.push((0..hits).map(|_| second(chance)).collect());
        }
    }
    if purpose == Purpose::Calm {
        come_late(&mut one, chance);
    }
    one.mean = mean;
    one
}

/// Adds what became of the calls, each hit being one, and the incidents of that. All of it has its
/// own chance, so that the other traffic is the same with it and without.
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
    let noise = world.noise();
    for (index, option) in operation.options.iter_mut().enumerate() {
        let own: Vec<&Incident> =
            incidents.iter().filter(|incident| incident.option == index).collect();
        let share =
            if option.no_input { chance.between(0.4, 0.6) } else { chance.between(0.03, 0.3) };
        let (mut daily, mut hourly) = (1.0, 1.0);
        for step in 0..option.counts[0].len() {
            if step % DAY == 0 {
                daily = chance.factor(noise.share);
            }
            if step % HOUR == 0 {
                hourly = chance.factor(noise.share_hour);
            }
            let more: f64 = own.iter().map(|incident| 1.0 + 2.0 * inside(incident, step)).product();
            let calls = option.counts[0][step];
            let hung_up = chance.of(calls, (share * daily * hourly * more).min(0.95));
            option.calls.push([hung_up, calls]);
        }
    }
    operation.incidents.extend(incidents);
}

/// How much of a step an incident is on.
fn inside(incident: &Incident, step: usize) -> f64 {
    let since = step as f64 + 1.0 - incident.start;
    let lasts = if incident.kind == Kind::HangUps { HOUR } else { LASTS };
    if since <= 0.0 || since > lasts as f64 { 0.0 } else { since.min(1.0) }
}

/// Share of the traffic that an incident leaves in a step.
fn what_is_left(incident: &Incident, step: usize) -> f64 {
    let since = step as f64 + 1.0 - incident.start;
    let left = match incident.kind {
        Kind::To(percent) => f64::from(percent) / 100.0,
        // To nothing within six hours.
        Kind::Decay => (1.0 - since / 72.0).clamp(0.0, 1.0),
        Kind::Renamed => 0.0,
        Kind::NoInput => 2.5,
        _ => 1.0,
    };
    1.0 - inside(incident, step) * (1.0 - left)
}

/// What an incident makes of a share: finals, retries, repeats.
fn risen(incident: &Incident, step: usize, part: usize) -> f64 {
    let times = match (incident.kind, part) {
        (Kind::Abandonment, 0) => 2.5,
        (Kind::Retries, 1) | (Kind::Loops, 2) => 3.0,
        _ => 1.0,
    };
    1.0 + inside(incident, step) * (times - 1.0)
}

fn slower(incident: &Incident, step: usize) -> f64 {
    if incident.kind == Kind::Slow { 1.0 + inside(incident, step) * 0.8 } else { 1.0 }
}

/// A renamed option's hits go on under another code.
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
            let on = step as f64 > incident.start && step < incident.start as usize + LASTS;
            if on { chance.count(f64::from(*mean)) } else { 0 }
        });
        let none = || vec![0; steps];
        let option = Option_ {
            point: before.point,
            code: format!("{}b{}", incident.option, incident.start as usize),
            counts: [hits.collect(), none(), none(), none()],
            mean: vec![0.0; steps],
            ..Option_::default()
        };
        operation.options.push(option);
    }
}

/// 3 % of the rows come one to twelve hours late.
fn come_late(one: &mut Option_, chance: &mut Chance) {
    for step in 0..one.counts[0].len() {
        let late = chance.of(one.counts[0][step], 0.03);
        one.counts[0][step] -= late;
        // What is left cannot have more ends, retries or times than hits.
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

impl Option_ {
    /// Share of its hits that are not late.
    pub(crate) fn on_time(&self) -> f64 {
        if self.late.is_empty() { 1.0 } else { 0.97 }
    }
}
