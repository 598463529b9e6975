//! Simulated traffic of menus with paths: an interaction enters a root option and goes on from
//! there.
//!
//! Owns the shape of such a menu and what can happen to it. Must not know what should be alerted.

use super::{
    chance::Chance,
    scale::{DAY, HISTORY, hour_of_day},
    world::{Operation, Option_},
};

/// Options of a point, the five roots first.
pub(crate) const CODES: [&str; 9] = ["1", "2", "3", "4", "PULSE", "11", "12", "21", "AGENTE"];
pub(crate) const ROOTS: usize = 5;
/// The root that stands for entering nothing.
pub(crate) const NO_INPUT: usize = 4;
/// Share of the interactions that begin at each root.
const WEIGHTS: [f64; ROOTS] = [0.45, 0.25, 0.15, 0.1, 0.05];
/// Number of the last option, which takes its time to be seen where people are slow.
const AGENT: usize = 8;
/// Share of the interactions at an option that go on, and the option at which they do.
const STEPS: [(usize, usize, f64); 7] =
    [(0, 5, 0.45), (0, 6, 0.15), (0, 8, 0.2), (1, 7, 0.5), (1, 8, 0.2), (2, 8, 0.5), (5, 8, 0.3)];
/// Seconds after which half of the interactions have reached each option.
const SECONDS: [f64; 9] = [18.0, 18.0, 18.0, 18.0, 25.0, 45.0, 45.0, 45.0, 70.0];
/// Share of the calls at each option that are hung up.
const HANG_UPS: [f64; 9] = [0.12, 0.15, 0.1, 0.2, 0.45, 0.1, 0.12, 0.1, 0.04];
/// Share of the second rows that fall into the slot after that of the first.
const NEXT_SLOT: f64 = 0.12;

/// A routing point and what happens to it, by step.
pub(crate) struct Point {
    /// Interactions in the busiest hour.
    pub(crate) rate: f64,
    pub(crate) always_open: bool,
    /// Share of the usual interactions.
    pub(crate) level: Vec<f32>,
    /// Share of the usual interactions of each root.
    pub(crate) roots: [Vec<f32>; ROOTS],
    /// Share of those that usually go on at each root.
    pub(crate) goes_on: [Vec<f32>; ROOTS],
    /// How many times as many calls as usually are hung up at each root.
    pub(crate) hang_ups: [Vec<f32>; ROOTS],
    /// Steps by which rows are seen late.
    pub(crate) lag: Vec<u16>,
    /// Step from which the first root has another code.
    pub(crate) renamed: Option<usize>,
}

/// How unsteady the traffic is.
#[derive(Clone, Copy)]
pub(crate) struct Unrest {
    /// Relative noise of a point's days, of its hours and of an option's days.
    pub(crate) day: f64,
    pub(crate) hour: f64,
    pub(crate) own: f64,
    /// Variance of the interactions of a slot, of their mean.
    pub(crate) clumps: f64,
    /// The last option's rows are seen 5 to 15 minutes after their date.
    pub(crate) slow_agents: bool,
}

impl Point {
    pub(crate) fn new(rate: f64, always_open: bool, steps: usize) -> Self {
        let usual = || vec![1.0; steps];
        Self {
            rate,
            always_open,
            level: usual(),
            roots: std::array::from_fn(|_| usual()),
            goes_on: std::array::from_fn(|_| usual()),
            hang_ups: std::array::from_fn(|_| usual()),
            lag: vec![0; steps],
            renamed: None,
        }
    }

    /// Interactions of a step, without noise.
    fn mean(&self, step: usize) -> f64 {
        let hour = hour_of_day(step);
        let bump = |at: f64, wide: f64| (-((hour - at) / wide).powi(2) / 2.0).exp();
        let day = if self.always_open {
            0.08 + 0.92 * bump(14.0, 4.0)
        } else if (7.0..19.0).contains(&hour) {
            0.15 + 0.85 * (bump(10.0, 1.8) + 0.8 * bump(15.5, 1.8)).min(1.0)
        } else {
            0.0
        };
        self.rate / 12.0 * day * [1.0, 0.95, 0.95, 0.9, 1.0, 0.5, 0.25][step / DAY % 7]
    }

    /// Hits an hour of an option when nothing is unusual.
    pub(crate) fn hourly(&self, root: usize, step: usize) -> f64 {
        self.mean(step) * 12.0 * WEIGHTS[root]
    }
}

/// The rows of all points.
pub(crate) fn operation(points: &[Point], unrest: Unrest, chance: &mut Chance) -> Operation {
    let steps = points[0].level.len();
    let mut options = Vec::new();
    for (number, point) in points.iter().enumerate() {
        options.extend(rows(point, number, unrest, chance));
    }
    // Last, so that all else is the same with it and without.
    for option in &mut options {
        hang_ups(option, &points[option.point], unrest, chance);
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

fn rows(point: &Point, number: usize, unrest: Unrest, chance: &mut Chance) -> Vec<Option_> {
    let steps = point.level.len();
    let mut hits = vec![vec![0_u32; steps + 1]; CODES.len()];
    let mut on = vec![vec![0_u32; steps + 1]; CODES.len()];
    let (mut of_day, mut of_hour, mut own) = (1.0, 1.0, [1.0; ROOTS]);
    for step in 0..steps {
        if step % DAY == 0 {
            of_day = chance.factor(unrest.day);
            own = std::array::from_fn(|_| chance.factor(unrest.own));
        }
        if step % 12 == 0 {
            of_hour = chance.factor(unrest.hour);
        }
        let all = point.mean(step) * of_day * of_hour * f64::from(point.level[step]);
        for root in 0..ROOTS {
            let mean = all * WEIGHTS[root] * own[root] * f64::from(point.roots[root][step]);
            hits[root][step] += chance.spread_count(mean, unrest.clumps);
        }
        for (from, to, share) in STEPS {
            let factor = if from < ROOTS { f64::from(point.goes_on[from][step]) } else { 1.0 };
            let go =
                chance.of(hits[from][step] - on[from][step].min(hits[from][step]), share * factor);
            let next = chance.of(go, NEXT_SLOT);
            on[from][step] += go;
            hits[to][step] += go - next;
            hits[to][step + 1] += next;
        }
    }
    (0..CODES.len())
        .map(|option| {
            let ends = (0..steps)
                .map(|step| hits[option][step].saturating_sub(on[option][step]))
                .collect();
            let mut one = Option_ {
                point: number,
                code: CODES[option].to_owned(),
                no_input: option == NO_INPUT,
                mean: vec![0.0; steps],
                ..Option_::default()
            };
            one.counts[0] = hits[option][..steps].to_vec();
            one.counts[1] = ends;
            one.counts[2] = one.counts[0].iter().map(|hits| chance.of(*hits, 0.05)).collect();
            one.counts[3] = one.counts[0].iter().map(|hits| chance.of(*hits, 0.03)).collect();
            let second = |chance: &mut Chance| (SECONDS[option] * chance.factor(0.5)) as u16;
            one.seconds = (0..steps)
                .map(|step| (0..one.counts[0][step]).map(|_| second(chance)).collect())
                .collect();
            late(&mut one, point, unrest.slow_agents && option == AGENT, chance);
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

/// What became of the calls at an option, as a report says it that has a row for each option.
fn hang_ups(one: &mut Option_, point: &Point, unrest: Unrest, chance: &mut Chance) {
    let number = CODES.iter().position(|code| *code == one.code);
    let usual = number.map_or(HANG_UPS[0], |number| HANG_UPS[number]);
    let factors = number.and_then(|number| point.hang_ups.get(number));
    let mut of_day = 1.0;
    for step in 0..one.counts[0].len() {
        if step % DAY == 0 {
            of_day = chance.factor(unrest.own);
        }
        let factor = factors.map_or(1.0, |factors| f64::from(factors[step]));
        let calls = one.counts[0][step];
        one.calls.push([chance.of(calls, (usual * of_day * factor).min(0.98)), calls]);
    }
}

/// The code that takes the place of the first root.
fn renamed(point: &Point, number: usize, hits: &[u32]) -> Option<Option_> {
    let from = point.renamed?;
    let steps = point.level.len();
    let none = || vec![0; steps];
    let new = (0..steps).map(|step| if step < from { 0 } else { hits[step] }).collect();
    Some(Option_ {
        point: number,
        code: "NEW".to_owned(),
        counts: [new, none(), none(), none()],
        mean: vec![0.0; steps],
        ..Option_::default()
    })
}

/// Moves rows to the step in which they are seen.
fn late(one: &mut Option_, point: &Point, slow: bool, chance: &mut Chance) {
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
