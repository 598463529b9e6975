//! The results of the seeds of a world: false alarms, and the delays of the alerts of incidents.
//! It must not judge them.

use std::ops::Range;

use super::{
    cusum,
    play::{
        ABANDONMENT, ANOMALIES, COLLAPSE, DROP_OFF, Episode, HANG_UP, LOOPS, NO_INPUT, Played,
        RETRIES, SURGE, TIME_TO_OPTION, name, play,
    },
    scale::{DAY, HISTORY, HOUR, STEP, WEEK, hour_of_day},
    weather::World,
    world::{self, INCIDENT_STEPS, Incident, Kind, Operation, Purpose, SimulatedOption},
};

/// Seconds from the end of a window to the evaluation of its alert: at most 60 to the poll's
/// commit, 60 to the scrape, and 60 to the evaluation.
const LAG: f64 = 180.0;
/// Steps after an outage in which an alert may still be due to it.
const AFTER: usize = 6;
/// Number of consecutive seeds of which one is simulated with falls and one with rises.
const SEEDS_PER_INCIDENTS: u64 = 4;

/// The result of an incident.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: Kind,
    /// Expected hits per hour when it began.
    pub(crate) hourly: f64,
    /// Minutes until the alert; `None` without one.
    pub(crate) ours: Option<f64>,
    /// The same of the CUSUM, for each of its limits; empty for incidents that it does not detect.
    pub(crate) cusum: Vec<Option<f64>>,
}

/// The counts of one seed or of several. Months are those of 100 options, with 30 days.
pub(crate) struct Tally {
    pub(crate) world: World,
    /// Months in calm operations.
    pub(crate) months: f64,
    /// Months in operations with incidents.
    pub(crate) beside_months: f64,
    /// False alarms in calm operations, by anomaly.
    pub(crate) alarms: [usize; ANOMALIES],
    /// A description of each false alarm.
    pub(crate) list: Vec<String>,
    /// False alarms at options without an incident, in operations with incidents.
    pub(crate) beside: [usize; ANOMALIES],
    /// False alarms of the CUSUM, for each of its limits.
    pub(crate) cusum: Vec<usize>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Minutes until the alert of each outage of a whole routing point.
    pub(crate) outages: Vec<Option<f64>>,
    /// Drop-offs of options during these outages.
    pub(crate) outage_options: usize,
    /// Minutes until the report was found late, for each outage of the whole operation.
    pub(crate) silences: Vec<Option<f64>>,
    /// Polls that found the report late without such an outage.
    pub(crate) late_for_nothing: usize,
    /// Options removed on purpose.
    pub(crate) removed: usize,
    /// Removed options with a drop-off afterwards.
    pub(crate) removed_alerted: usize,
    /// Days on which such drop-offs began, summed over these options.
    pub(crate) removed_days: usize,
    /// Options of a menu that was renumbered on purpose.
    pub(crate) renumbered: usize,
    /// Renumbered options with any alert afterwards.
    pub(crate) renumbered_alerted: usize,
    /// Polls in calm operations.
    pub(crate) polls: usize,
    /// Seconds that the detector took for these polls.
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
            outage_options: 0,
            silences: Vec::new(),
            late_for_nothing: 0,
            removed: 0,
            removed_alerted: 0,
            removed_days: 0,
            renumbered: 0,
            renumbered_alerted: 0,
            polls: 0,
            seconds: 0.0,
        }
    }

    /// Simulates the operations of one seed: a calm one, and with some seeds one with falls or
    /// rises. With `only`, it simulates just the operation of that purpose.
    pub(crate) fn of_seed(
        world: World,
        seed: u64,
        weeks: usize,
        limit: f64,
        only: Option<&str>,
    ) -> Self {
        let mut tally = Self::new(world);
        for purpose in [Purpose::Calm, Purpose::Falls, Purpose::Rises] {
            // One operation has many incidents, but false alarms are rare and need many months.
            let turn = purpose == Purpose::Calm
                || (seed + purpose as u64).is_multiple_of(SEEDS_PER_INCIDENTS);
            if only.map_or(turn, |only| only == purpose.name()) {
                let operation = world::operation(world, seed, purpose, weeks);
                let played = play(&operation, limit, &[]);
                match purpose {
                    Purpose::Calm => tally.add_calm(seed, &operation, &played),
                    _ => tally.add_incidents(&operation, &played),
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
        self.outage_options += other.outage_options;
        self.silences.extend(other.silences);
        self.late_for_nothing += other.late_for_nothing;
        self.removed += other.removed;
        self.removed_alerted += other.removed_alerted;
        self.removed_days += other.removed_days;
        self.renumbered += other.renumbered;
        self.renumbered_alerted += other.renumbered_alerted;
        self.polls += other.polls;
        self.seconds += other.seconds;
    }

    fn add_calm(&mut self, seed: u64, operation: &Operation, played: &Played) {
        self.months += months(operation);
        self.polls += played.polls;
        self.seconds += played.seconds;
        for one in played.episodes.iter().filter(|one| !is_excused(operation, one)) {
            self.alarms[one.anomaly] += 1;
            self.list.push(description(seed, operation, one));
        }
        for option in 0..operation.options.len() {
            for (sum, limit) in self.cusum.iter_mut().zip(cusum::LIMITS) {
                *sum +=
                    cusum::alarms(operation, option, limit, HISTORY, operation.failed.len()).len();
            }
        }
        self.add_outages(operation, played);
        for (start, end) in &operation.silences {
            let late = played.late.iter().find(|step| (*start..=*end).contains(*step));
            self.silences.push(late.map(|step| minutes(*step, *start as f64)));
        }
        for step in &played.late {
            let mut silences = operation.silences.iter();
            if !silences.any(|(start, end)| (*start..=end + AFTER).contains(step)) {
                self.late_for_nothing += 1;
                self.list.push(format!("late report: seed {seed}, {}", day_and_hour(*step)));
            }
        }
        self.add_changed(operation, played);
    }

    /// Counts the alerts of options that were removed or renumbered on purpose.
    fn add_changed(&mut self, operation: &Operation, played: &Played) {
        for change in &operation.changed {
            let (option, since) = *change;
            let alerts = played
                .episodes
                .iter()
                .filter(|one| one.anomaly < COLLAPSE && one.of == option && one.first >= since);
            if operation.removed.contains(change) {
                let drop_offs = alerts.filter(|one| one.anomaly == DROP_OFF);
                let mut days: Vec<usize> = drop_offs.map(|one| (one.first - since) / DAY).collect();
                days.dedup();
                self.removed += 1;
                self.removed_alerted += usize::from(!days.is_empty());
                self.removed_days += days.len();
            } else {
                self.renumbered += 1;
                self.renumbered_alerted += usize::from(alerts.count() > 0);
            }
        }
    }

    /// Counts the alerts of outages of routing points with at least 30 hits per hour.
    fn add_outages(&mut self, operation: &Operation, played: &Played) {
        for (point, start, end) in &operation.outages {
            let options =
                operation.options.iter().enumerate().filter(|(_, one)| one.point == *point);
            if options.clone().map(|(_, one)| one.mean[start - 1]).sum::<f32>() < 2.5 {
                continue;
            }
            let first = played.first(&[(COLLAPSE, *point)], *start, end + 1);
            self.outages.push(first.map(|step| minutes(step, *start as f64)));
            for (option, _) in options {
                let drop_off = played.first(&[(DROP_OFF, option)], *start, end + HOUR);
                self.outage_options += usize::from(drop_off.is_some());
            }
        }
    }

    fn add_incidents(&mut self, operation: &Operation, played: &Played) {
        self.beside_months += months(operation);
        let mut with: Vec<usize> = operation.incidents.iter().map(|one| one.option).collect();
        // The codes under which renamed options continue contain a "b".
        with.extend(
            (0..operation.options.len())
                .filter(|option| operation.options[*option].code.contains('b')),
        );
        for one in &played.episodes {
            let own = if one.anomaly < COLLAPSE {
                with.contains(&one.of)
            } else {
                with.iter().any(|option| operation.options[*option].point == one.of)
            };
            self.beside[one.anomaly] += usize::from(!own);
        }
        let outcomes = operation.incidents.iter();
        self.outcomes.extend(outcomes.map(|incident| outcome(operation, played, incident)));
    }
}

/// Returns the judged time of an operation, in months of 100 options and 30 days.
fn months(operation: &Operation) -> f64 {
    operation.options.len() as f64 / 100.0 * ((operation.failed.len() - HISTORY) / DAY) as f64
        / 30.0
}

/// Returns the minutes from `start`, in steps, to the alert of the poll after `step`.
pub(crate) fn minutes(step: usize, start: f64) -> f64 {
    ((step as f64 + 1.0 - start) * STEP as f64 + LAG) / 60.0
}

/// Returns true if an episode in a calm operation is no false alarm: it is due to an outage, or to
/// an option that was removed or renumbered on purpose.
fn is_excused(operation: &Operation, one: &Episode) -> bool {
    let in_silence =
        operation.silences.iter().any(|(start, end)| (*start..=end + AFTER).contains(&one.first));
    let in_outage = operation
        .outages
        .iter()
        .any(|(point, start, end)| *point == one.of && (*start..=end + AFTER).contains(&one.first));
    (one.anomaly == COLLAPSE && (in_silence || in_outage))
        || operation.changed.iter().any(|change| is_due_to(operation, change, one))
}

/// Returns true if an episode is due to a change of an option: after a removal, its drop-off or the
/// collapse of its routing point, of which it may be the largest part; after a renumbering, every
/// anomaly of the option, and more entries of nothing at the routing point.
fn is_due_to(operation: &Operation, change: &(usize, usize), one: &Episode) -> bool {
    let (option, since) = *change;
    let point = operation.options[option].point;
    let is_removed = operation.removed.contains(change);
    let of = match one.anomaly {
        DROP_OFF => option,
        COLLAPSE if is_removed => point,
        _ if is_removed => return false,
        NO_INPUT => point,
        _ => option,
    };
    of == one.of && one.first >= since
}

/// Describes when a judged step is.
fn day_and_hour(step: usize) -> String {
    let day = (step - HISTORY) / DAY;
    let hour = hour_of_day(step);
    format!("on day {day} at {hour:.1}")
}

/// Describes a false alarm, with the true means of its option and of the rest of the routing point.
fn description(seed: u64, operation: &Operation, one: &Episode) -> String {
    let option = operation.options.get(one.of).filter(|_| one.anomaly < COLLAPSE);
    let point = option.map_or(one.of, |option| option.point);
    let window = (one.window as usize / STEP as usize).clamp(1, one.first);
    let steps = one.first + 1 - window..one.first + 1;
    let mut own = Vec::new();
    let mut others = Vec::new();
    for (number, simulated) in operation.options.iter().enumerate() {
        if option.is_some() && number == one.of {
            own.push(simulated);
        } else if simulated.point == point {
            others.push(simulated);
        }
    }
    let (mean, usual) = true_means(&own, &steps);
    let (beside, usual_beside) = true_means(&others, &steps);
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

/// Returns the sum of the true means of some options in some steps, and the median of the same
/// steps in the four weeks before.
fn true_means(options: &[&SimulatedOption], steps: &Range<usize>) -> (f32, f32) {
    let [now, mut weeks @ ..] = [0, 1, 2, 3, 4].map(|week| {
        let steps = steps.start - week * WEEK..steps.end - week * WEEK;
        options.iter().map(|option| option.mean[steps.clone()].iter().sum::<f32>()).sum::<f32>()
    });
    weeks.sort_by(f32::total_cmp);
    (now, (weeks[1] + weeks[2]) / 2.0)
}

/// Returns the delays of the alerts of an incident. The fall of an option that is most of its
/// routing point may be reported as the collapse of that.
fn outcome(operation: &Operation, played: &Played, incident: &Incident) -> Outcome {
    let option = incident.option;
    let point = operation.options[option].point;
    let alerts = match incident.kind {
        Kind::To(300) => vec![(SURGE, option)],
        Kind::Abandonment => vec![(ABANDONMENT, option)],
        Kind::Retries => vec![(RETRIES, option)],
        Kind::Loops => vec![(LOOPS, option)],
        Kind::Slow => vec![(TIME_TO_OPTION, option)],
        Kind::NoInput => vec![(NO_INPUT, point)],
        Kind::HangUps => vec![(HANG_UP, option)],
        _ => vec![(DROP_OFF, option), (COLLAPSE, point)],
    };
    let from = incident.start as usize;
    let first = played.first(&alerts, from, from + INCIDENT_STEPS);
    let is_fall = alerts[0].0 == DROP_OFF;
    let limits = cusum::LIMITS.iter().filter(|_| is_fall);
    let cusum = limits.map(|limit| {
        let alarms = cusum::alarms(operation, option, *limit, from - DAY, from + INCIDENT_STEPS);
        alarms.into_iter().find(|step| *step >= from).map(|step| minutes(step, incident.start))
    });
    Outcome {
        kind: incident.kind,
        hourly: incident.hourly,
        ours: first.map(|step| minutes(step, incident.start)),
        cusum: cusum.collect(),
    }
}
