//! Owns a run of the shipped detector over one operation: what it tells, poll by poll. Must not
//! know what should have been told.
//!
//! Every five minutes the rows of that step, and the late ones, are added to the history as the
//! exporter does it, and all scores are computed. Finals and repeats are known half an hour later,
//! when the journeys are over. What became of calls goes to a history of its own; its scores are
//! judged beside those of abandonment, which the exporter leaves out then.

use wolkvox_exporter::{
    baseline::{
        Anomaly, Detector, HangUpDetector, History, HistoryDelta, Holidays, Moment, PointAnomaly,
        Scores,
    },
    model::{CallOutcome, LocalSecond, MenuLabels, OptionKind, OptionKinds, PointLabels, VOICE},
};

use super::{
    scale::{BEGIN, BEGIN_DATE, DAY, HISTORY, POINTS, STEP},
    world::Operation,
};

/// Seconds by which a report is late before it is told.
const LATE: u32 = 900;
/// Steps until a journey is over.
const IDLE: usize = 6;
/// Everything that can be told: the anomalies of options, then those of routing points.
pub(crate) const ANOMALIES: usize = Anomaly::ALL.len() + PointAnomaly::ALL.len();
pub(crate) const HANG_UP: usize = Anomaly::HangUp as usize;
pub(crate) const COLLAPSE: usize = Anomaly::ALL.len() + PointAnomaly::Collapse as usize;
pub(crate) const NO_INPUT: usize = Anomaly::ALL.len() + PointAnomaly::NoInput as usize;

/// The name of an anomaly by its number.
pub(crate) fn name(anomaly: usize) -> &'static str {
    Anomaly::ALL.get(anomaly).map_or_else(
        || PointAnomaly::ALL[anomaly - Anomaly::ALL.len()].as_str(),
        |anomaly| anomaly.as_str(),
    )
}

/// A stretch in which something was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Episode {
    pub(crate) anomaly: usize,
    /// Number of the option, or of the routing point.
    pub(crate) of: usize,
    /// Steps whose poll told it first and last.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The highest score, and what was compared then.
    pub(crate) score: f64,
    pub(crate) observed: f64,
    pub(crate) expected: f64,
    pub(crate) window: u32,
}

impl Episode {
    pub(crate) fn keep(&self) -> usize {
        keep(self.anomaly)
    }
}

/// Steps of the alert's `keep_firing_for`.
fn keep(anomaly: usize) -> usize {
    match anomaly {
        0 | COLLAPSE => 3,
        _ => 6,
    }
}

/// All that was told of an operation.
pub(crate) struct Told {
    pub(crate) episodes: Vec<Episode>,
    /// Polls, and seconds that the detector took for all of them.
    pub(crate) polls: usize,
    pub(crate) seconds: f64,
    /// The highest score that is not above the limit.
    pub(crate) highest: f64,
    /// Steps whose poll found the report so late that it is told.
    pub(crate) late: Vec<usize>,
}

/// Plays an operation. An alert is told from a score of `limit` on, which is 1 as shipped.
pub(crate) fn play(operation: &Operation, limit: f64, announced: &[usize]) -> Told {
    let labels: Vec<MenuLabels> = operation
        .options
        .iter()
        .map(|option| MenuLabels::new(&format!("{:02}", option.point), VOICE, &option.code))
        .collect();
    let mut kinds = OptionKinds::none();
    for option in operation.options.iter().filter(|option| option.no_input) {
        kinds.list(&option.code, OptionKind::NoInput);
    }
    let date = |day: &usize| BEGIN_DATE.saturating_add(jiff::Span::new().days(*day as i64));
    let holidays = Holidays::new(announced.iter().map(date));
    let mut history = History::new(35);
    let mut detector = Detector::new();
    let idle = |_: &PointLabels| IDLE as i64 * STEP;
    let mut feed = Feed::new(operation);
    let mut hang_ups = HangUps::new(operation);
    for day in 0..HISTORY / DAY {
        let delta = feed.until((day + 1) * DAY);
        history.apply(&delta, |menu| labels.get(menu as usize));
    }
    history.cover(BEGIN, time(HISTORY));
    hang_ups.read(HISTORY);
    let place = place(&labels);
    let mut told =
        Told { episodes: Vec::new(), polls: 0, seconds: 0.0, highest: 0.0, late: Vec::new() };
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
            idle: &idle,
            kinds: &kinds,
            holidays: &holidays,
        };
        let begin = std::time::Instant::now();
        let mut scores = detector.scores(&history, &now);
        hang_ups.read(step + 1);
        hang_ups.add_to(&mut scores, &now);
        told.seconds += begin.elapsed().as_secs_f64();
        told.polls += 1;
        if scores.report_lag > LATE {
            told.late.push(step);
        }
        told.note(&scores, step, limit, &place);
    }
    told
}

fn time(step: usize) -> LocalSecond {
    BEGIN + step as i64 * STEP
}

/// Numbers of options by their labels.
fn place(labels: &[MenuLabels]) -> std::collections::HashMap<MenuLabels, usize> {
    labels.iter().cloned().zip(0..).collect()
}

impl Told {
    fn note(
        &mut self,
        scores: &Scores,
        step: usize,
        limit: f64,
        place: &std::collections::HashMap<MenuLabels, usize>,
    ) {
        let options = scores.options.iter().flat_map(|option| {
            let of = place.get(&option.labels).copied().unwrap_or(usize::MAX);
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
            let keep = keep(anomaly);
            let last =
                self.episodes.iter_mut().rev().find(|one| (one.anomaly, one.of) == (anomaly, of));
            match last.filter(|one| step - one.last <= keep) {
                Some(one) => {
                    one.last = step;
                    if score.score > one.score {
                        (one.score, one.observed, one.expected, one.window) =
                            (score.score, score.observed, score.expected, score.window);
                    }
                }
                None => self.episodes.push(Episode {
                    anomaly,
                    of,
                    first: step,
                    last: step,
                    score: score.score,
                    observed: score.observed,
                    expected: score.expected,
                    window: score.window,
                }),
            }
        }
    }

    /// The first step within `from..to` at which one of these begins to be told.
    pub(crate) fn first(&self, what: &[(usize, usize)], from: usize, to: usize) -> Option<usize> {
        let within = |one: &&Episode| {
            what.contains(&(one.anomaly, one.of)) && (from..to).contains(&one.first)
        };
        self.episodes.iter().filter(within).map(|one| one.first).min()
    }
}

/// The rows of an operation in the order in which they are seen.
struct Feed<'o> {
    operation: &'o Operation,
    /// Steps whose rows have been given out.
    done: usize,
    /// Late rows that have been given out, by option.
    late: Vec<usize>,
}

impl<'o> Feed<'o> {
    fn new(operation: &'o Operation) -> Self {
        Self { operation, done: 0, late: vec![0; operation.options.len()] }
    }

    /// What is seen before a step.
    fn until(&mut self, end: usize) -> HistoryDelta {
        let mut delta = HistoryDelta::default();
        for (menu, option) in self.operation.options.iter().enumerate() {
            let number = menu as u32;
            for step in self.done..end {
                let (at, [hits, _, retries, _]) =
                    (time(step), std::array::from_fn(|part| option.counts[part][step]));
                match option.seconds.get(step) {
                    Some(seconds) => {
                        for (turn, second) in (0..).zip(seconds) {
                            delta.rows(
                                number,
                                at,
                                1 + u32::from(turn < retries),
                                Some((*second).into()),
                                1,
                            );
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

/// What became of the calls of an operation, and its detector.
struct HangUps<'o> {
    operation: &'o Operation,
    /// Hung up and not, of each option.
    labels: Vec<MenuLabels>,
    history: History,
    detector: HangUpDetector,
    /// Steps that have been read.
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

    fn add_to(&mut self, scores: &mut Scores, now: &Moment<'_>) {
        let hang_ups = self.detector.scores(&self.history, now.watermark, now.holidays, VOICE);
        let abandonment: Vec<_> =
            scores.options.iter().map(|option| option.of(Anomaly::Abandonment)).collect();
        // Every option with calls has hits, so none is added.
        scores.add_hang_ups(&hang_ups);
        for (option, score) in scores.options.iter_mut().zip(abandonment) {
            option.scores[Anomaly::Abandonment as usize] = score;
        }
    }
}
