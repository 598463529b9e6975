//! Simulated traffic of menus with paths: an interaction enters a root option and may go on to
//! others.
//!
//! Owns the shape of such a menu and the ways in which its traffic can change. It must not know
//! which changes should raise an alert.

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, HOUR, hour_of_day},
    weather::{OPEN, WEEKDAYS, bell, office_hours},
    world::{Operation, SimulatedOption},
};

/// Codes of the options of a routing point, the roots first.
pub(crate) const CODES: [&str; 9] = ["1", "2", "3", "4", "PULSE", "11", "12", "21", "AGENTE"];
/// Number of root options.
pub(crate) const ROOTS: usize = 5;
/// The root that stands for entering nothing.
pub(crate) const NO_INPUT: usize = 4;
/// Share of the interactions that enter each root.
const WEIGHTS: [f64; ROOTS] = [0.45, 0.25, 0.15, 0.1, 0.05];
/// The option whose rows come late in [`Noise::slow_agents`].
const AGENT: usize = 8;
/// The steps from one option to the next, and the share of the interactions that take each, of
/// those that have not yet gone on.
const STEPS: [(usize, usize, f64); 7] =
    [(0, 5, 0.45), (0, 6, 0.15), (0, 8, 0.2), (1, 7, 0.5), (1, 8, 0.2), (2, 8, 0.5), (5, 8, 0.3)];
/// Median time to each option, in seconds.
const SECONDS: [f64; 9] = [18.0, 18.0, 18.0, 18.0, 25.0, 45.0, 45.0, 45.0, 70.0];
/// Share of the calls at each option that are hung up.
const HANG_UPS: [f64; 9] = [0.12, 0.15, 0.1, 0.2, 0.45, 0.1, 0.12, 0.1, 0.04];
/// Share of the interactions that go on in the slot after that of the previous option.
const NEXT_SLOT: f64 = 0.12;

/// A routing point and the changes of its traffic, by step.
pub(crate) struct Point {
    /// Interactions in the busiest hour of a Monday.
    pub(crate) rate: f64,
    pub(crate) always_open: bool,
    /// Factor of its interactions.
    pub(crate) level: Vec<f32>,
    /// Factor of the interactions that enter each root.
    pub(crate) roots: [Vec<f32>; ROOTS],
    /// Factor of the share that goes on from each root.
    pub(crate) goes_on: [Vec<f32>; ROOTS],
    /// Factor of the share of calls hung up at each root.
    pub(crate) hang_ups: [Vec<f32>; ROOTS],
    /// Steps by which rows come late.
    pub(crate) lag: Vec<u16>,
    /// Step from which the first root has another code.
    pub(crate) renamed: Option<usize>,
}

/// The variation beyond chance, as standard deviations of the logarithms of factors.
#[derive(Clone, Copy)]
pub(crate) struct Noise {
    /// Noise of a routing point from day to day.
    pub(crate) day: f64,
    /// Noise of a routing point from hour to hour.
    pub(crate) hour: f64,
    /// Noise of an option from day to day.
    pub(crate) own: f64,
    /// Dispersion (variance over mean) of the interactions that enter a root in a step.
    pub(crate) dispersion: f64,
    /// True if the rows of agents come 5 to 15 minutes late.
    pub(crate) slow_agents: bool,
}

impl Point {
    pub(crate) fn new(rate: f64, always_open: bool, steps: usize) -> Self {
        let usual = vec![1.0; steps];
        Self {
            rate,
            always_open,
            level: usual.clone(),
            roots: std::array::from_fn(|_| usual.clone()),
            goes_on: std::array::from_fn(|_| usual.clone()),
            hang_ups: std::array::from_fn(|_| usual.clone()),
            lag: vec![0; steps],
            renamed: None,
        }
    }

    /// Returns the usual interactions of a step.
    fn mean(&self, step: usize) -> f64 {
        let hour = hour_of_day(step);
        let day = if self.always_open {
            0.08 + 0.92 * bell(hour, 14.0, 4.0)
        } else if OPEN.contains(&hour) {
            office_hours(hour)
        } else {
            0.0
        };
        self.rate / 12.0 * day * WEEKDAYS[step / DAY % 7]
    }

    /// Returns the usual hits per hour of a root.
    pub(crate) fn hourly(&self, root: usize, step: usize) -> f64 {
        self.mean(step) * 12.0 * WEIGHTS[root]
    }
}

/// Simulates the traffic of all routing points.
pub(crate) fn operation(points: &[Point], noise: Noise, chance: &mut Chance) -> Operation {
    let steps = points[0].level.len();
    let mut options = Vec::new();
    for (number, point) in points.iter().enumerate() {
        options.extend(rows(point, number, noise, chance));
    }
    // Drawn last, so that the rest of the traffic is the same with and without it.
    for option in &mut options {
        hang_ups(option, &points[option.point], noise, chance);
    }
    debug_assert!(steps > HISTORY);
    Operation {
        options,
        incidents: Vec::new(),
        outages: Vec::new(),
        silences: Vec::new(),
        changed: Vec::new(),
        removed: Vec::new(),
        failed: vec![false; steps],
    }
}

fn rows(point: &Point, number: usize, noise: Noise, chance: &mut Chance) -> Vec<SimulatedOption> {
    let steps = point.level.len();
    let mut hits = vec![vec![0_u32; steps + 1]; CODES.len()];
    // The hits that went on to another option.
    let mut left = vec![vec![0_u32; steps + 1]; CODES.len()];
    let mut of_day = 1.0;
    let mut of_hour = 1.0;
    let mut own = [1.0; ROOTS];
    for step in 0..steps {
        if step % DAY == 0 {
            of_day = chance.factor(noise.day);
            own = std::array::from_fn(|_| chance.factor(noise.own));
        }
        if step % HOUR == 0 {
            of_hour = chance.factor(noise.hour);
        }
        let all = point.mean(step) * of_day * of_hour * f64::from(point.level[step]);
        for root in 0..ROOTS {
            let mean = all * WEIGHTS[root] * own[root] * f64::from(point.roots[root][step]);
            hits[root][step] += chance.dispersed(mean, noise.dispersion);
        }
        for (from, to, share) in STEPS {
            let factor = if from < ROOTS { f64::from(point.goes_on[from][step]) } else { 1.0 };
            let here = hits[from][step].saturating_sub(left[from][step]);
            let go = chance.binomial(here, share * factor);
            let next = chance.binomial(go, NEXT_SLOT);
            left[from][step] += go;
            hits[to][step] += go - next;
            hits[to][step + 1] += next;
        }
    }
    (0..CODES.len())
        .map(|option| {
            let ends = (0..steps)
                .map(|step| hits[option][step].saturating_sub(left[option][step]))
                .collect();
            let mut one = SimulatedOption {
                point: number,
                code: CODES[option].to_owned(),
                no_input: option == NO_INPUT,
                mean: vec![0.0; steps],
                ..SimulatedOption::default()
            };
            one.counts[0] = hits[option][..steps].to_vec();
            one.counts[1] = ends;
            one.counts[2] = one.counts[0].iter().map(|hits| chance.binomial(*hits, 0.05)).collect();
            one.counts[3] = one.counts[0].iter().map(|hits| chance.binomial(*hits, 0.03)).collect();
            for hits in &one.counts[0] {
                let seconds = (0..*hits).map(|_| (SECONDS[option] * chance.factor(0.5)) as u16);
                one.seconds.push(seconds.collect());
            }
            come_late(&mut one, point, noise.slow_agents && option == AGENT, chance);
            one
        })
        .chain(renamed(point, number, &hits[0]))
        .map(|mut one| {
            if let (Some(from), "1") = (point.renamed, one.code.as_str()) {
                for step in from..steps {
                    one.counts.iter_mut().for_each(|counts| counts[step] = 0);
                    one.seconds[step].clear();
                }
            }
            one
        })
        .collect()
}

/// Adds the outcomes of the calls of an option; each hit is one call.
fn hang_ups(one: &mut SimulatedOption, point: &Point, noise: Noise, chance: &mut Chance) {
    let number = CODES.iter().position(|code| *code == one.code);
    let usual = number.map_or(HANG_UPS[0], |number| HANG_UPS[number]);
    let factors = number.and_then(|number| point.hang_ups.get(number));
    let mut of_day = 1.0;
    for step in 0..one.counts[0].len() {
        if step % DAY == 0 {
            of_day = chance.factor(noise.own);
        }
        let factor = factors.map_or(1.0, |factors| f64::from(factors[step]));
        let calls = one.counts[0][step];
        one.calls.push([chance.binomial(calls, (usual * of_day * factor).min(0.98)), calls]);
    }
}

/// Returns the option under whose code the hits of the first root continue.
fn renamed(point: &Point, number: usize, hits: &[u32]) -> Option<SimulatedOption> {
    let from = point.renamed?;
    let steps = point.level.len();
    let none = vec![0; steps];
    let new = (0..steps).map(|step| if step < from { 0 } else { hits[step] }).collect();
    Some(SimulatedOption {
        point: number,
        code: "NEW".to_owned(),
        counts: [new, none.clone(), none.clone(), none],
        mean: vec![0.0; steps],
        ..SimulatedOption::default()
    })
}

/// Moves rows that come late to [`SimulatedOption::late`]. If the option is `slow`, all its rows
/// after the history do.
fn come_late(one: &mut SimulatedOption, point: &Point, slow: bool, chance: &mut Chance) {
    for step in 0..point.lag.len() {
        let lag = usize::from(point.lag[step]);
        if lag == 0 && (!slow || step < HISTORY) {
            continue;
        }
        for _ in 0..std::mem::take(&mut one.counts[0][step]) {
            let more = if slow { 1 + chance.below(3) } else { 0 };
            one.late.push((step + lag + more, step));
        }
        one.counts[1..].iter_mut().for_each(|counts| counts[step] = 0);
        one.seconds[step].clear();
    }
    one.late.sort_unstable();
}
