//! Owns what the history and the detector cost: series, memory, bytes on the disk, and time, over
//! five weeks of many options.

use wolkvox_exporter::{
    baseline::{Detector, History, HistoryDelta, Holidays, Moment, Scores},
    model::{LocalSecond, MenuLabels, OptionKinds, PointLabels},
};

use super::{
    chance::Chance,
    scale::{BEGIN, DAY, OPTIONS, STEP},
};

const DAYS: usize = 35;

/// Prints the costs with so many options, of which each is entered 1 to 500 times in its busiest
/// hour.
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
    let (mut history, mut rows, mut largest) = (History::new(DAYS as u16), 0, 0);
    for day in 0..DAYS {
        let mut next = history.clone();
        for (option, rate) in rates.iter().enumerate() {
            let delta = a_day(option as u32, day, *rate, &mut chance, &mut rows);
            next.apply(&delta, |menu| labels.get(menu as usize));
        }
        next.cover(time(day * DAY), time((day + 1) * DAY));
        next.forget(time((day + 1) * DAY));
        largest = largest.max(bytes_since(&next, &history));
        history = next;
    }
    let held = resident() - before;
    let written = bytes_since(&history, &History::new(DAYS as u16));
    let (series, (first, poll, commit)) = times(&mut history, &labels, &rates, &mut chance);
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    format!(
        "{options} options, {DAYS} days, {rows} rows\n\
         series beside the counters: {series}, {:.1} for each option; three more for each score of 0.5 and more\n\
         history in memory: {:.1} MiB as counted, {:.1} MiB as the process grew\n\
         history on the disk: {:.1} MiB, a day at most {:.2} MiB\n\
         with the detector: {:.1} MiB as the process grew\n\
         a commit of one poll's rows, with the day's bytes: {commit:.1} ms\n\
         scores: {first:.0} ms at first, when all is learnt; {poll:.1} ms a poll (processor time)\n",
        series as f64 / options as f64,
        mib(history.memory()),
        mib(held),
        mib(written),
        mib(largest),
        mib(resident() - before),
    )
}

/// Bytes that are written to come from `before` to `history`.
fn bytes_since(history: &History, before: &History) -> usize {
    history.changes_since(before).iter().filter_map(|(_, bytes)| bytes.as_ref()).map(Vec::len).sum()
}

fn time(step: usize) -> LocalSecond {
    BEGIN + step as i64 * STEP
}

/// A day from seven to seven.
fn a_day(
    option: u32,
    day: usize,
    rate: f64,
    chance: &mut Chance,
    rows: &mut usize,
) -> HistoryDelta {
    let mut delta = HistoryDelta::default();
    for step in day * DAY + 84..day * DAY + 228 {
        *rows += a_slot(&mut delta, option, step, rate, chance);
    }
    delta
}

fn a_slot(
    delta: &mut HistoryDelta,
    option: u32,
    step: usize,
    rate: f64,
    chance: &mut Chance,
) -> usize {
    let hits = chance.count(rate / 12.0 * 0.6);
    for _ in 0..hits {
        let second = (24.0 * chance.factor(0.65)) as u32;
        delta.rows(option, time(step), 1 + u32::from(chance.unit() < 0.1), Some(second), 1);
    }
    delta.finals(option, time(step), chance.of(hits, 0.3));
    delta.repeats(option, time(step), chance.of(hits, 0.05));
    hits as usize
}

/// What is exposed of them where nothing is unlike the usual.
fn series(scores: &Scores) -> usize {
    let of_options = scores.options.iter().map(|option| {
        // Beside the scores the expectation and its weeks.
        usize::from(option.expected_hits.is_some()) + 1 + option.scores.iter().flatten().count()
    });
    let of_points = scores.points.iter().map(|point| point.scores.iter().flatten().count());
    // And how far back the history reaches.
    of_options.chain(of_points).sum::<usize>() + 1
}

/// The series, and milliseconds of the first scores, of those of a later poll, and of a commit
/// without them.
fn times(
    history: &mut History,
    labels: &[MenuLabels],
    rates: &[f64],
    chance: &mut Chance,
) -> (usize, (f64, f64, f64)) {
    let (holidays, kinds, idle) =
        (Holidays::default(), OptionKinds::none(), |_: &PointLabels| 1800);
    let mut detector = Detector::new();
    let (mut shown, mut first, mut polls, mut commits) = (0, 0.0, 0.0, 0.0);
    const POLLS: usize = 24;
    for poll in 0..POLLS {
        let step = DAYS * DAY + 150 + poll;
        let mut delta = HistoryDelta::default();
        for (option, rate) in rates.iter().enumerate() {
            a_slot(&mut delta, option as u32, step, *rate, chance);
        }
        let begun = cpu_ms();
        let mut next = history.clone();
        next.apply(&delta, |menu| labels.get(menu as usize));
        next.cover(time(DAYS * DAY), time(step + 1));
        let bytes = next.changes_since(history);
        commits += cpu_ms() - begun;
        drop(bytes);
        *history = next;
        let now = Moment {
            watermark: time(step + 1),
            window: &[(time(step), time(step + 1))],
            idle: &idle,
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
            first = took
        } else {
            polls += took
        }
        shown = series(&scores);
    }
    (shown, (first, polls / (POLLS - 1) as f64, commits / POLLS as f64))
}

/// Milliseconds of processor that this thread has had: what else runs on the machine does not
/// count.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// Resident bytes of this process; 0 where the system does not say.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
