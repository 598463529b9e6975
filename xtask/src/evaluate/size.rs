//! The costs of the history and the detector over five weeks of many options: series, memory,
//! bytes on disk, and processor time.

use wolkvox_exporter::{
    baseline::{Detector, History, HistoryDelta, Holidays, Moment, Scores},
    model::{MenuLabels, OptionKinds, PointLabels},
};

use super::{
    chance::Chance,
    scale::{DAY, OPTIONS, time},
};

/// Days of history.
const DAYS: usize = 35;
/// Polls whose scores are timed.
const POLLS: usize = 24;

/// Returns the costs of a number of options, each with 1 to 500 hits in its busiest hour, as text.
pub(crate) fn size(options: usize) -> String {
    let mut chance = Chance::new(1);
    let labels: Vec<MenuLabels> = (0..options)
        .map(|option| {
            MenuLabels::new(
                &format!("{}", 5000 + option / OPTIONS),
                "voice",
                &format!("OPCION {option}"),
            )
        })
        .collect();
    let rates: Vec<f64> = (0..options).map(|_| chance.between(0.0, 500_f64.ln()).exp()).collect();
    let before = resident();
    let mut history = History::new(DAYS as u16);
    let mut rows = 0;
    let mut largest = 0;
    for day in 0..DAYS {
        let mut next = history.clone();
        for (option, rate) in rates.iter().enumerate() {
            let mut delta = HistoryDelta::default();
            // Open from 7:00 to 19:00.
            for step in day * DAY + 84..day * DAY + 228 {
                rows += add_step(&mut delta, option as u32, step, *rate, &mut chance);
            }
            next.apply(&delta, |menu| labels.get(menu as usize));
        }
        next.cover(time(day * DAY), time((day + 1) * DAY));
        next.forget(time((day + 1) * DAY));
        largest = largest.max(bytes_since(&next, &history));
        history = next;
    }
    let held = resident() - before;
    let written = bytes_since(&history, &History::new(DAYS as u16));
    let polls = polls(&mut history, &labels, &rates, &mut chance);
    format!(
        "{options} options, {DAYS} days, {rows} rows\n\
         series beside the counters: {}, {:.1} for each option; three more for each score of 0.5 and more\n\
         history in memory: {:.1} MiB as counted, {:.1} MiB as the process grew\n\
         history on the disk: {:.1} MiB, a day at most {:.2} MiB\n\
         with the detector: {:.1} MiB as the process grew\n\
         a commit of one poll's rows, with the day's bytes: {:.1} ms\n\
         scores: {:.0} ms at first, when all is learnt; {:.1} ms a poll (processor time)\n",
        polls.series,
        polls.series as f64 / options as f64,
        mib(history.memory()),
        mib(held),
        mib(written),
        mib(largest),
        mib(resident() - before),
        polls.commit_ms,
        polls.first_ms,
        polls.later_ms,
    )
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Returns the number of bytes that are stored to turn `before` into `history`.
fn bytes_since(history: &History, before: &History) -> usize {
    history.changes_since(before).iter().filter_map(|(_, bytes)| bytes.as_ref()).map(Vec::len).sum()
}

/// Adds the rows of an option in one step, and returns their number. `rate` is the number of hits
/// in the busiest hour.
fn add_step(
    delta: &mut HistoryDelta,
    option: u32,
    step: usize,
    rate: f64,
    chance: &mut Chance,
) -> usize {
    let hits = chance.poisson(rate / 12.0 * 0.6);
    for _ in 0..hits {
        let second = (24.0 * chance.factor(0.65)) as u32;
        delta.rows(option, time(step), 1 + u32::from(chance.unit() < 0.1), Some(second), 1);
    }
    delta.finals(option, time(step), chance.binomial(hits, 0.3));
    delta.repeats(option, time(step), chance.binomial(hits, 0.05));
    hits as usize
}

/// Returns the number of series that the exporter exposes for scores of which none is high.
fn series(scores: &Scores) -> usize {
    let of_options = scores.options.iter().map(|option| {
        // The scores, the expected hits, and the number of weeks behind them.
        usize::from(option.expected_hits.is_some()) + 1 + option.scores.iter().flatten().count()
    });
    let of_points = scores.points.iter().map(|point| point.scores.iter().flatten().count());
    // One more series tells how far back the history reaches.
    of_options.chain(of_points).sum::<usize>() + 1
}

/// The costs of polls.
struct Polls {
    series: usize,
    /// Milliseconds of the first scores.
    first_ms: f64,
    /// Milliseconds of the scores of each later poll.
    later_ms: f64,
    /// Milliseconds of a commit, without scores.
    commit_ms: f64,
}

fn polls(
    history: &mut History,
    labels: &[MenuLabels],
    rates: &[f64],
    chance: &mut Chance,
) -> Polls {
    let holidays = Holidays::default();
    let kinds = OptionKinds::none();
    let mut detector = Detector::new();
    let mut costs = Polls { series: 0, first_ms: 0.0, later_ms: 0.0, commit_ms: 0.0 };
    for poll in 0..POLLS {
        let step = DAYS * DAY + 150 + poll;
        let mut delta = HistoryDelta::default();
        for (option, rate) in rates.iter().enumerate() {
            add_step(&mut delta, option as u32, step, *rate, chance);
        }
        let begun = cpu_ms();
        let mut next = history.clone();
        next.apply(&delta, |menu| labels.get(menu as usize));
        next.cover(time(DAYS * DAY), time(step + 1));
        let bytes = next.changes_since(history);
        costs.commit_ms += (cpu_ms() - begun) / POLLS as f64;
        drop(bytes);
        *history = next;
        let now = Moment {
            watermark: time(step + 1),
            window: &[(time(step), time(step + 1))],
            idle: &|_: &PointLabels| 1800,
            kinds: &kinds,
            holidays: &holidays,
        };
        let begun = cpu_ms();
        let scores = detector.scores(history, &now);
        let took = cpu_ms() - begun;
        assert!(
            scores.options.len() >= labels.len() - labels.len() / 100,
            "{}",
            scores.options.len()
        );
        if poll == 0 {
            costs.first_ms = took;
        } else {
            costs.later_ms += took / (POLLS - 1) as f64;
        }
        costs.series = series(&scores);
    }
    costs
}

/// Returns the milliseconds of processor time that this thread has used, so that other programs do
/// not distort the figures.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// Returns the resident memory of this process in bytes; 0 where there is no `/proc`.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
