//! Owns what came of the seeds of a world: false alarms, and how long incidents went unnoticed.
//! Must not judge it.

use super::{
    cusum,
    play::{ANOMALIES, COLLAPSE, Episode, HANG_UP, NO_INPUT, Told, name, play},
    scale::{DAY, HISTORY, STEP, hour_of_day},
    weather::World,
    world::{self, Incident, Kind, LASTS, Operation, Option_, Purpose},
};

/// Seconds from the end of a window to an evaluation that knows it: 60 to the poll's commit, 60
/// scrape, 60 evaluation.
const LAG: f64 = 180.0;
/// Steps after an outage in which its end may still be told.
const AFTER: usize = 6;

/// Falls are simulated with every fourth seed, and rises with every fourth.
const HURT: u64 = 4;

/// What came of an incident.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    /// Expected hits an hour when it began.
    pub(crate) hourly: f64,
    /// Minutes until it was told.
    pub(crate) ours: Option<f64>,
    /// The same of the CUSUM, for each of its limits; empty where it is not looked for.
    pub(crate) cusum: Vec<Option<f64>>,
}

/// Everything that is counted.
pub(crate) struct Tally {
    pub(crate) world: World,
    /// Months of 100 options without an incident, and with them beside incidents.
    pub(crate) months: f64,
    pub(crate) beside_months: f64,
    /// Episodes for nothing, by anomaly; and each of them in words.
    pub(crate) alarms: [usize; ANOMALIES],
    pub(crate) list: Vec<String>,
    /// The same at options without an incident, beside some with one.
    pub(crate) beside: [usize; ANOMALIES],
    /// False alarms of the CUSUM, for each of its limits.
    pub(crate) cusum: Vec<usize>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Minutes until an outage of a whole routing point was told.
    pub(crate) outages: Vec<Option<f64>>,
    /// Minutes until the report was found late in an outage of the whole operation.
    pub(crate) silences: Vec<Option<f64>>,
    /// Polls that found the report late for nothing.
    pub(crate) late_for_nothing: usize,
    /// Drop-offs told of the options of such a routing point.
    pub(crate) outage_options: usize,
    /// Options removed on purpose, of how many it was told, and on how many days in all.
    pub(crate) removed: (usize, usize, usize),
    /// Options of a renumbered menu, and of how many anything was told.
    pub(crate) renumbered: (usize, usize),
    /// Polls, and seconds that the detector took.
    pub(crate) polls: usize,
    pub(crate) seconds: f64,
}

impl Tally {
    pub(crate) fn new(world: World) -> Self {
        Self {
            world,
            months: 0.0,
            beside_months: 0.0,
            alarms: [0; ANOMALIES],
            list: Vec::new(),
            beside: [0; ANOMALIES],
            cusum: vec![0; cusum::LIMITS.len()],
            outcomes: Vec::new(),
            outages: Vec::new(),
            silences: Vec::new(),
            late_for_nothing: 0,
            outage_options: 0,
            removed: (0, 0, 0),
            renumbered: (0, 0),
            polls: 0,
            seconds: 0.0,
        }
    }

    /// Of one seed: a calm operation, one whose options fall, one whose shares rise.
    pub(crate) fn of_seed(
        world: World,
        seed: u64,
        weeks: usize,
        limit: f64,
        only: Option<&str>,
    ) -> Self {
        let mut tally = Self::new(world);
        for purpose in [Purpose::Calm, Purpose::Falls, Purpose::Rises] {
            // Incidents are many in each operation; months without one are what takes long.
            let turn = purpose == Purpose::Calm || (seed + purpose as u64).is_multiple_of(HURT);
            if only.map_or(turn, |only| only == purpose.name()) {
                let operation = world::operation(world, seed, purpose, weeks);
                let told = play(&operation, limit, &[]);
                match purpose {
                    Purpose::Calm => tally.calm(seed, &operation, &told),
                    _ => tally.hurt(&operation, &told),
                }
            }
        }
        tally
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.months += other.months;
        self.beside_months += other.beside_months;
        self.alarms.iter_mut().zip(other.alarms).for_each(|(sum, more)| *sum += more);
        self.beside.iter_mut().zip(other.beside).for_each(|(sum, more)| *sum += more);
        self.cusum.iter_mut().zip(other.cusum).for_each(|(sum, more)| *sum += more);
        self.list.extend(other.list);
        self.outcomes.extend(other.outcomes);
        self.outages.extend(other.outages);
        self.silences.extend(other.silences);
        self.late_for_nothing += other.late_for_nothing;
        self.outage_options += other.outage_options;
        self.removed.0 += other.removed.0;
        self.removed.1 += other.removed.1;
        self.removed.2 += other.removed.2;
        self.renumbered.0 += other.renumbered.0;
        self.renumbered.1 += other.renumbered.1;
        self.polls += other.polls;
        self.seconds += other.seconds;
    }

    fn calm(&mut self, seed: u64, operation: &Operation, told: &Told) {
        self.months += months(operation);
        (self.polls, self.seconds) = (self.polls + told.polls, self.seconds + told.seconds);
        for one in told.episodes.iter().filter(|one| !excused(operation, one)) {
            self.alarms[one.anomaly] += 1;
            self.list.push(in_words(seed, operation, one));
        }
        for option in 0..operation.options.len() {
            for (sum, limit) in self.cusum.iter_mut().zip(cusum::LIMITS) {
                *sum +=
                    cusum::alarms(operation, option, limit, HISTORY, operation.failed.len()).len();
            }
        }
        self.of_outages(operation, told);
        for (start, end) in &operation.silences {
            let late = told.late.iter().find(|step| (*start..=*end).contains(*step));
            self.silences.push(late.map(|step| minutes(*step, *start as f64)));
        }
        let silent = |step: &&usize| {
            operation.silences.iter().any(|(start, end)| (*start..=end + AFTER).contains(*step))
        };
        for step in told.late.iter().filter(|step| !silent(step)) {
            self.late_for_nothing += 1;
            self.list.push(format!("late report: seed {seed}, {}", day_and_hour(*step)));
        }
        for (option, since) in &operation.removed {
            let episodes: Vec<&Episode> = told
                .episodes
                .iter()
                .filter(|one| (one.anomaly, one.of) == (0, *option) && one.first >= *since)
                .collect();
            let mut days: Vec<usize> =
                episodes.iter().map(|one| (one.first - since) / DAY).collect();
            days.dedup();
            self.removed.0 += 1;
            self.removed.1 += usize::from(!days.is_empty());
            self.removed.2 += days.len();
        }
        for (option, since) in
            operation.changed.iter().filter(|one| !operation.removed.contains(one))
        {
            let any = told
                .episodes
                .iter()
                .any(|one| one.anomaly < COLLAPSE && one.of == *option && one.first >= *since);
            self.renumbered.0 += 1;
            self.renumbered.1 += usize::from(any);
        }
    }

    fn of_outages(&mut self, operation: &Operation, told: &Told) {
        for (point, start, end) in &operation.outages {
            let options =
                || operation.options.iter().enumerate().filter(|(_, one)| one.point == *point);
            if options().map(|(_, one)| one.mean[start - 1]).sum::<f32>() < 2.5 {
                continue;
            }
            let first = told.first(&[(COLLAPSE, *point)], *start, end + 1);
            self.outages.push(first.map(|step| minutes(step, *start as f64)));
            self.outage_options += options()
                .filter(|(option, _)| told.first(&[(0, *option)], *start, end + 12).is_some())
                .count();
        }
    }

    fn hurt(&mut self, operation: &Operation, told: &Told) {
        self.beside_months += months(operation);
        let mut with: Vec<usize> = operation.incidents.iter().map(|one| one.option).collect();
        with.extend(
            (0..operation.options.len())
                .filter(|option| operation.options[*option].code.contains('b')),
        );
        for one in &told.episodes {
            let own = if one.anomaly < COLLAPSE {
                with.contains(&one.of)
            } else {
                with.iter().any(|option| operation.options[*option].point == one.of)
            };
            self.beside[one.anomaly] += usize::from(!own);
        }
        self.outcomes
            .extend(operation.incidents.iter().map(|incident| outcome(operation, told, incident)));
    }
}

/// Times 100 options and 30 days.
fn months(operation: &Operation) -> f64 {
    operation.options.len() as f64 / 100.0 * ((operation.failed.len() - HISTORY) / DAY) as f64
        / 30.0
}

fn minutes(step: usize, start: f64) -> f64 {
    ((step as f64 + 1.0 - start) * STEP as f64 + LAG) / 60.0
}

/// Why an episode in a calm operation is none for nothing: an outage of the routing point, an
/// option that is another thing on purpose, and what the menu it stands in makes of that.
fn excused(operation: &Operation, one: &Episode) -> bool {
    let outage = |(point, start, end): &(usize, usize, usize)| {
        one.anomaly == COLLAPSE && *point == one.of && (*start..=end + AFTER).contains(&one.first)
    };
    let changed = |change: &(usize, usize)| {
        // A removed option's only drop-off; a renumbered one's every share.
        let removed = operation.removed.contains(change);
        if one.anomaly == COLLAPSE && removed {
            // One that is most of its routing point.
            return operation.options[change.0].point == one.of && one.first >= change.1;
        }
        let of = if one.anomaly == NO_INPUT { operation.options[change.0].point } else { change.0 };
        of == one.of && one.first >= change.1 && (one.anomaly == 0 || !removed)
    };
    let silence = |(start, end): &(usize, usize)| {
        one.anomaly == COLLAPSE && (*start..=end + AFTER).contains(&one.first)
    };
    operation.silences.iter().any(silence)
        || operation.outages.iter().any(outage)
        || operation.changed.iter().any(changed)
}

/// A step that is judged, in words.
fn day_and_hour(step: usize) -> String {
    let day = (step - HISTORY) / DAY;
    let hour = hour_of_day(step);
    format!("on day {day} at {hour:.1}")
}

fn in_words(seed: u64, operation: &Operation, one: &Episode) -> String {
    let own = operation.options.get(one.of).filter(|_| one.anomaly < COLLAPSE);
    let point = own.map_or(one.of, |own| own.point);
    let window = (one.window as usize / STEP as usize).clamp(1, one.first);
    let true_level = |within: &dyn Fn(&Option_) -> bool| {
        let sum = |back: usize| -> f32 {
            let steps = one.first + 1 - window - back..one.first + 1 - back;
            let options = operation.options.iter().filter(|option| within(option));
            options.map(|option| option.mean[steps.clone()].iter().sum::<f32>()).sum()
        };
        let mut weeks: Vec<f32> = (1..=4).map(|week| sum(week * 7 * DAY)).collect();
        weeks.sort_by(f32::total_cmp);
        (sum(0), (weeks[1] + weeks[2]) / 2.0)
    };
    let is_own = |option: &Option_| own.is_some_and(|own| std::ptr::eq(own, option));
    let (mean, usual) = true_level(&is_own);
    let (beside, usual_beside) = true_level(&|option| option.point == point && !is_own(option));
    format!(
        "{}: seed {seed}, {} {}, {}, for {} minutes; score {:.2}, {:.0} of {:.1} in {} minutes; in truth \
         {mean:.1} after {usual:.1} in earlier weeks, beside {beside:.1} after {usual_beside:.1}",
        name(one.anomaly),
        if one.anomaly < COLLAPSE { "option" } else { "routing point" },
        one.of,
        day_and_hour(one.first),
        (one.last - one.first) * 5,
        one.score,
        one.observed,
        one.expected,
        one.window / 60,
    )
}

/// How long an incident went unnoticed. An option that is most of its routing point takes it down
/// with it: that alert is the one that is sent then.
fn outcome(operation: &Operation, told: &Told, incident: &Incident) -> Outcome {
    let (option, point) = (incident.option, operation.options[incident.option].point);
    let what = match incident.kind {
        Kind::To(300) => vec![(1, option)],
        Kind::Abandonment => vec![(2, option)],
        Kind::Retries => vec![(3, option)],
        Kind::Loops => vec![(4, option)],
        Kind::Slow => vec![(5, option)],
        Kind::NoInput => vec![(NO_INPUT, point)],
        Kind::HangUps => vec![(HANG_UP, option)],
        _ => vec![(0, option), (COLLAPSE, point)],
    };
    let from = incident.start as usize;
    let first = told.first(&what, from, from + LASTS);
    let fall = what[0].0 == 0;
    let limits = cusum::LIMITS.iter().filter(|_| fall);
    let cusum = limits.map(|limit| {
        let alarms = cusum::alarms(operation, option, *limit, from - DAY, from + LASTS);
        alarms.into_iter().find(|step| *step >= from).map(|step| minutes(step, incident.start))
    });
    Outcome {
        kind: incident.kind,
        hourly: incident.hourly,
        ours: first.map(|step| minutes(step, incident.start)),
        cusum: cusum.collect(),
    }
}
