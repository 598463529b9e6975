//! The true counts at a moment, from the vendor's own rows: a plain model, without windows or
//! requests.
//!
//! Rows come from the simulator's answers as JSON. It must share no code with the ledger.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::DateTime};
use serde::Deserialize;
use simulator_testing::{
    Journeys, OptionJourneys, OptionTruth, PointJourneys, PointTruth, Simulator, TransitionTruth,
    Truth,
};

use crate::support::api::noon;

/// Seconds between the moments at which journeys are closed: the ends of windows.
const GRID: i64 = 300;

#[derive(Clone, Debug, Deserialize)]
struct Row {
    rp_id: String,
    conn_id: String,
    channel: String,
    attempt: String,
    date: String,
    second_event: String,
    cod_opc_menu: String,
}

/// A row as numbers; times are seconds of the wall clock.
#[derive(Clone, Debug)]
struct Seen {
    point: (String, String),
    option: String,
    attempt: u64,
    date: i64,
    second: u32,
}

/// All rows of a range, by interaction.
pub(crate) struct Rows {
    by_interaction: BTreeMap<String, Vec<Seen>>,
    idle: i64,
}

fn local(moment: Timestamp) -> i64 {
    wall(noon().to_datetime(moment))
}

fn wall(time: DateTime) -> i64 {
    time.to_zoned(jiff::tz::TimeZone::UTC).expect("a date of today").timestamp().as_second()
}

/// Converts `65`, `65.0` or `00:01:05` to seconds.
fn seconds(text: &str) -> u32 {
    let number = |part: &str| part.parse::<u32>().expect("a number");
    text.trim_end_matches(".0").split(':').fold(0, |sum, part| sum * 60 + number(part))
}

impl Rows {
    /// Reads every row dated in `from..until`.
    pub(crate) fn of(
        simulator: &Simulator,
        (from, until): (Timestamp, Timestamp),
        idle: SignedDuration,
    ) -> Self {
        let zone = noon();
        let mut by_interaction: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
        let mut at = from;
        while at < until {
            let next = (at + SignedDuration::from_hours(1)).min(until);
            let last = next - SignedDuration::from_secs(1);
            let pieces = simulator.answer_bytes(zone.to_datetime(at), zone.to_datetime(last));
            let bytes: Vec<u8> = pieces.into_iter().flatten().flatten().collect();
            #[derive(Deserialize)]
            struct Answer {
                data: Vec<Row>,
            }
            let answer: Answer = serde_json::from_slice(&bytes).expect("the simulator's answer");
            for row in answer.data {
                let seen = Seen {
                    point: (row.rp_id, row.channel),
                    option: row.cod_opc_menu,
                    attempt: row.attempt.parse().expect("a number"),
                    date: wall(row.date.parse().expect("a date")),
                    second: seconds(&row.second_event),
                };
                by_interaction.entry(row.conn_id).or_default().push(seen);
            }
            at = next;
        }
        by_interaction.values_mut().for_each(|rows| rows.sort_by_key(|row| row.date));
        Self { by_interaction, idle: idle.as_secs() }
    }

    /// Returns the counts once every window before `at` has been read.
    pub(crate) fn at(&self, at: Timestamp) -> (Truth, Journeys) {
        let at = local(at);
        let (mut truth, mut journeys) = (Counts::default(), Paths::default());
        for rows in self.by_interaction.values() {
            let rows: Vec<&Seen> = rows.iter().filter(|row| row.date < at).collect();
            rows.iter().for_each(|row| truth.add(row));
            if let Some(first) = rows.first() {
                *truth.interactions.entry(first.point.clone()).or_default() += 1;
                journeys.add(&rows, at, self.idle);
            }
        }
        (truth.into(), journeys.into())
    }
}

type Key = ((String, String), String);

#[derive(Default)]
struct Counts {
    options: BTreeMap<Key, [u64; 4]>,
    seconds: BTreeMap<Key, BTreeMap<u32, u64>>,
    interactions: BTreeMap<(String, String), u64>,
}

impl Counts {
    fn add(&mut self, row: &Seen) {
        let key = (row.point.clone(), row.option.clone());
        let counts = self.options.entry(key.clone()).or_default();
        counts[0] += 1;
        counts[1] += row.attempt;
        counts[2] += u64::from(row.attempt > 1);
        counts[3] += u64::from(row.second);
        *self.seconds.entry(key).or_default().entry(row.second).or_default() += 1;
    }
}

impl From<Counts> for Truth {
    fn from(counts: Counts) -> Self {
        let rows = counts.options.values().map(|counts| counts[0]).sum();
        let option = |(((rp_id, channel), cod_opc_menu), [hits, attempts, retries, sum]): (
            Key,
            [u64; 4],
        )| {
            let key = ((rp_id.clone(), channel.clone()), cod_opc_menu.clone());
            let seconds = counts.seconds[&key].clone();
            let (seconds_sum, seconds_count) = (sum, hits);
            OptionTruth {
                rp_id,
                channel,
                cod_opc_menu,
                hits,
                attempts,
                retries,
                seconds_sum,
                seconds_count,
                seconds,
            }
        };
        let options = counts.options.clone().into_iter().map(option).collect();
        let point = |((rp_id, channel), interactions)| PointTruth { rp_id, channel, interactions };
        Self { rows, options, points: counts.interactions.into_iter().map(point).collect() }
    }
}

#[derive(Default)]
struct Paths {
    options: BTreeMap<Key, [u64; 3]>,
    steps: BTreeMap<(Key, String), u64>,
    points: BTreeMap<(String, String), [u64; 3]>,
}

impl Paths {
    /// Adds the rows of one interaction, sorted by date, as far as known when every window before
    /// `at` has been read.
    fn add(&mut self, rows: &[&Seen], at: i64, idle: i64) {
        let home = rows[0].point.clone();
        for row in rows {
            self.options.entry((row.point.clone(), row.option.clone())).or_default();
        }
        self.points.entry(home.clone()).or_default();
        // A journey is closed at the first end of a window after its deadline.
        let closed = |deadline: i64| (deadline.div_euclid(GRID) + 1) * GRID;
        let mut deadline = i64::MIN;
        let mut path: Vec<&Seen> = Vec::new();
        let mut too_late = 0;
        for row in rows {
            if !path.is_empty() && closed(deadline) <= row.date.div_euclid(GRID) * GRID {
                too_late += 1;
                continue;
            }
            path.push(row);
            deadline = deadline.max(row.date + idle);
        }
        self.points.entry(home.clone()).or_default()[2] += too_late;
        if closed(deadline) > at {
            return;
        }
        let pause = path.windows(2).position(|two| two[1].date - two[0].date > idle);
        let behind = pause.map(|last| path.split_off(last + 1)).unwrap_or_default();
        path.sort_by_key(|row| (row.second, row.date, row.option.clone()));
        let key = |row: &Seen| (row.point.clone(), row.option.clone());
        let mut seen = BTreeSet::new();
        for (at, row) in path.iter().enumerate() {
            let counts = self.options.entry(key(row)).or_default();
            counts[0] += u64::from(at == 0);
            counts[1] += u64::from(at + 1 == path.len());
            counts[2] += u64::from(!seen.insert(key(row)));
            if let Some(next) = path.get(at + 1) {
                *self.steps.entry((key(row), next.option.clone())).or_default() += 1;
            }
        }
        let point = self.points.entry(home).or_default();
        point[0] += 1;
        point[1] += path.len() as u64;
        point[2] += behind.len() as u64;
    }
}

impl From<Paths> for Journeys {
    fn from(paths: Paths) -> Self {
        let option =
            |(((rp_id, channel), cod_opc_menu), [entries, finals, repeats]): (Key, [u64; 3])| {
                OptionJourneys { rp_id, channel, cod_opc_menu, entries, finals, repeats }
            };
        let step = |((((rp_id, channel), from), to), steps): ((Key, String), u64)| {
            TransitionTruth { rp_id, channel, from, to, steps }
        };
        let point =
            |((rp_id, channel), [journeys, options, late_rows]): ((String, String), [u64; 3])| {
                PointJourneys { rp_id, channel, journeys, options, late_rows }
            };
        Self {
            options: paths.options.into_iter().map(option).collect(),
            transitions: paths.steps.into_iter().map(step).collect(),
            points: paths.points.into_iter().map(point).collect(),
        }
    }
}
