//! A run of the shipped detector over one operation, poll by poll. It must not know which alerts
//! should be raised.
//!
//! Every five minutes, the rows that came in that step are added to the history as in the exporter,
//! and all scores are computed. Finals and repeats are known half an hour later, when the journeys
//! are over. The outcomes of calls have a history of their own. Their scores are judged in addition
//! to those of abandonment, which the exporter replaces by them.

use std::collections::HashMap;

use wolkvox_exporter::{
    baseline::{
        Anomaly, Detector, HangUpDetector, History, HistoryDelta, Holidays, Moment, PointAnomaly,
        Scores,
    },
    model::{CallOutcome, MenuLabels, OptionKind, OptionKinds, PointLabels, VOICE},
};

use super::{
    scale::{BEGIN, DAY, HISTORY, POINTS, STEP, date, time},
    world::Operation,
};

/// Lag in seconds above which the report counts as late.
const LATE: u32 = 900;
/// Steps without a row after which a journey is over.
const IDLE: usize = 6;
/// Number of anomalies: those of options, then those of routing points. The constants below are
/// their numbers.
pub(crate) const ANOMALIES: usize = Anomaly::ALL.len() + PointAnomaly::ALL.len();
pub(crate) const DROP_OFF: usize = Anomaly::DropOff as usize;
pub(crate) const SURGE: usize = Anomaly::Surge as usize;
pub(crate) const ABANDONMENT: usize = Anomaly::Abandonment as usize;
pub(crate) const RETRIES: usize = Anomaly::Retries as usize;
pub(crate) const LOOPS: usize = Anomaly::Loops as usize;
pub(crate) const TIME_TO_OPTION: usize = Anomaly::TimeToOption as usize;
pub(crate) const HANG_UP: usize = Anomaly::HangUp as usize;
pub(crate) const COLLAPSE: usize = Anomaly::ALL.len() + PointAnomaly::Collapse as usize;
pub(crate) const NO_INPUT: usize = Anomaly::ALL.len() + PointAnomaly::NoInput as usize;

/// Returns the name of an anomaly.
pub(crate) fn name(anomaly: usize) -> &'static str {
    Anomaly::ALL.get(anomaly).map_or_else(
        || PointAnomaly::ALL[anomaly - Anomaly::ALL.len()].as_str(),
        |anomaly| anomaly.as_str(),
    )
}

/// An alert that fires for a while. `--list` prints its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    pub(crate) anomaly: usize,
    /// Number of the option, or of the routing point.
    pub(crate) of: usize,
    /// The first step with a score above the limit.
    pub(crate) first: usize,
    /// The last such step.
    pub(crate) last: usize,
    /// The highest score. The fields below are its figures.
    pub(crate) score: f64,
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) window: u32,
}

impl Episode {
    /// Returns the steps for which the alert goes on firing after the last one.
    pub(crate) fn keep(&self) -> usize {
        keep_firing_for(self.anomaly)
    }
}

/// Returns `keep_firing_for` of the shipped alert, in steps.
fn keep_firing_for(anomaly: usize) -> usize {
    match anomaly {
        DROP_OFF | COLLAPSE => 3,
        _ => 6,
    }
}

/// The results of a run.
pub(crate) struct Played {
    pub(crate) episodes: Vec<Episode>,
    /// Number of polls.
    pub(crate) polls: usize,
    /// Seconds that the detector took for all polls.
    pub(crate) seconds: f64,
    /// The highest score that is not above the limit.
    pub(crate) highest: f64,
    /// Steps whose poll found the report late.
    pub(crate) late: Vec<usize>,
}

/// Runs the detector over an operation. Scores above `limit` raise alerts; the shipped rules have a
/// limit of 1. `announced` are the days that the detector knows as holidays.
pub(crate) fn play(operation: &Operation, limit: f64, announced: &[usize]) -> Played {
    let labels: Vec<MenuLabels> = operation
        .options
        .iter()
        .map(|option| MenuLabels::new(&format!("{:02}", option.point), VOICE, &option.code))
        .collect();
    let mut kinds = OptionKinds::none();
    for option in operation.options.iter().filter(|option| option.no_input) {
        kinds.list(&option.code, OptionKind::NoInput);
    }
    let holidays = Holidays::new(announced.iter().map(|day| date(*day)));
    let mut history = History::new(35);
    let mut detector = Detector::new();
    let mut feed = Feed::new(operation);
    let mut hang_ups = HangUps::new(operation);
    for day in 0..HISTORY / DAY {
        let delta = feed.until((day + 1) * DAY);
        history.apply(&delta, |menu| labels.get(menu as usize));
    }
    history.cover(BEGIN, time(HISTORY));
    hang_ups.read(HISTORY);
    let numbers: HashMap<MenuLabels, usize> = labels.iter().cloned().zip(0..).collect();
    let mut played =
        Played { episodes: Vec::new(), polls: 0, seconds: 0.0, highest: 0.0, late: Vec::new() };
    for step in HISTORY..operation.failed.len() {
        if operation.failed[step] {
            continue;
        }
        let delta = feed.until(step + 1);
        history.apply(&delta, |menu| labels.get(menu as usize));
        history.cover(BEGIN, time(step + 1));
        history.forget(time(step + 1));
        let now = Moment {
            watermark: time(step + 1),
            window: &[(time(step), time(step + 1))],
            idle: &|_: &PointLabels| IDLE as i64 * STEP,
            kinds: &kinds,
            holidays: &holidays,
        };
        let begin = std::time::Instant::now();
        let mut scores = detector.scores(&history, &now);
        hang_ups.read(step + 1);
        hang_ups.add_to(&mut scores, &now);
        played.seconds += begin.elapsed().as_secs_f64();
        played.polls += 1;
        if scores.report_lag > LATE {
            played.late.push(step);
        }
        played.add(&scores, step, limit, &numbers);
    }
    played
}

impl Played {
    /// Adds the scores of a poll. A score above the limit continues the last episode of its
    /// anomaly if that still fires. `numbers` has the numbers of the options.
    fn add(
        &mut self,
        scores: &Scores,
        step: usize,
        limit: f64,
        numbers: &HashMap<MenuLabels, usize>,
    ) {
        let options = scores.options.iter().flat_map(|option| {
            let of = numbers.get(&option.labels).copied().unwrap_or(usize::MAX);
            option.scores.iter().enumerate().map(move |(anomaly, score)| (anomaly, of, score))
        });
        let points = scores.points.iter().flat_map(|point| {
            let of = point.labels.rp_id.parse().unwrap_or(POINTS);
            let first = Anomaly::ALL.len();
            point
                .scores
                .iter()
                .enumerate()
                .map(move |(anomaly, score)| (first + anomaly, of, score))
        });
        for (anomaly, of, score) in options.chain(points) {
            let Some(score) = score else { continue };
            if score.score <= limit {
                self.highest = self.highest.max(score.score);
                continue;
            }
            let mut now = Episode {
                anomaly,
                of,
                first: step,
                last: step,
                score: score.score,
                observed: score.observed,
                expected: score.expected,
                window: score.window,
            };
            let last =
                self.episodes.iter_mut().rev().find(|one| (one.anomaly, one.of) == (anomaly, of));
            match last.filter(|one| step - one.last <= one.keep()) {
                Some(one) if now.score > one.score => {
                    now.first = one.first;
                    *one = now;
                }
                Some(one) => one.last = step,
                None => self.episodes.push(now),
            }
        }
    }

    /// Returns the first step within `from..to` at which an episode of one of these alerts begins.
    /// An alert is an anomaly and the number of its option or routing point.
    pub(crate) fn first(&self, alerts: &[(usize, usize)], from: usize, to: usize) -> Option<usize> {
        self.episodes
            .iter()
            .filter(|one| alerts.contains(&(one.anomaly, one.of)))
            .map(|one| one.first)
            .filter(|first| (from..to).contains(first))
            .min()
    }
}

/// The rows of an operation in the order in which they come.
struct Feed<'o> {
    operation: &'o Operation,
    /// Number of steps whose rows have been returned.
    done: usize,
    /// Number of late rows that have been returned, by option.
    late: Vec<usize>,
}

impl<'o> Feed<'o> {
    fn new(operation: &'o Operation) -> Self {
        Self { operation, done: 0, late: vec![0; operation.options.len()] }
    }

    /// Returns the rows that came before a step and were not returned earlier.
    fn until(&mut self, end: usize) -> HistoryDelta {
        let mut delta = HistoryDelta::default();
        for (menu, option) in self.operation.options.iter().enumerate() {
            let number = menu as u32;
            for step in self.done..end {
                let at = time(step);
                let hits = option.counts[0][step];
                let retries = option.counts[2][step];
                match option.seconds.get(step) {
                    Some(seconds) => {
                        for (turn, second) in (0..).zip(seconds) {
                            let attempts = 1 + u32::from(turn < retries);
                            delta.rows(number, at, attempts, Some((*second).into()), 1);
                        }
                    }
                    None => {
                        delta.rows(number, at, 2, None, retries);
                        delta.rows(number, at, 1, None, hits - retries);
                    }
                }
            }
            for step in self.done.saturating_sub(IDLE)..end.saturating_sub(IDLE) {
                delta.finals(number, time(step), option.counts[1][step]);
                delta.repeats(number, time(step), option.counts[3][step]);
            }
            let seen = option.late.partition_point(|(seen, _)| *seen < end);
            for (_, step) in &option.late[self.late[menu]..seen] {
                delta.rows(number, time(*step), 1, None, 1);
            }
            self.late[menu] = seen;
        }
        self.done = end;
        delta
    }
}

/// The history of the outcomes of calls, and its detector.
struct HangUps<'o> {
    operation: &'o Operation,
    /// Two for each option: of the calls that were hung up, and of the others.
    labels: Vec<MenuLabels>,
    history: History,
    detector: HangUpDetector,
    /// Number of steps that have been read.
    done: usize,
}

impl<'o> HangUps<'o> {
    fn new(operation: &'o Operation) -> Self {
        let labels = operation.options.iter().flat_map(|option| {
            let point = format!("{:02}", option.point);
            [CallOutcome::HungUp, CallOutcome::ReachedQueue]
                .map(|outcome| MenuLabels::new(&point, outcome.as_str(), &option.code))
        });
        Self {
            operation,
            labels: labels.collect(),
            history: History::new(35),
            detector: HangUpDetector::new(),
            done: 0,
        }
    }

    /// Reads the steps before `end`.
    fn read(&mut self, end: usize) {
        let mut delta = HistoryDelta::default();
        for (option, number) in self.operation.options.iter().zip((0..).step_by(2)) {
            for step in self.done..end.min(option.calls.len()) {
                let [hung_up, all] = option.calls[step];
                delta.rows(number, time(step), 0, None, hung_up);
                delta.rows(number + 1, time(step), 0, None, all - hung_up);
            }
        }
        self.history.apply(&delta, |menu| self.labels.get(menu as usize));
        self.history.cover(time(self.done), time(end));
        self.history.forget(time(end));
        self.done = end;
    }

    /// Adds the scores of hang-ups, and keeps those of abandonment.
    fn add_to(&mut self, scores: &mut Scores, now: &Moment<'_>) {
        let hang_ups = self.detector.scores(&self.history, now.watermark, now.holidays, VOICE);
        let abandonment: Vec<_> =
            scores.options.iter().map(|option| option.of(Anomaly::Abandonment)).collect();
        // Every option with calls has hits, so no option is added, and the order stays the same.
        scores.add_hang_ups(&hang_ups);
        for (option, score) in scores.options.iter_mut().zip(abandonment) {
            option.scores[Anomaly::Abandonment as usize] = score;
        }
    }
}
