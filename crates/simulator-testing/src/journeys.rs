//! The numbers that a reader of the API must find about journeys through the menus, once all of
//! them are over.
//!
//! Counted straight from the traffic, without windows or polls, like [`Truth`](super::Truth).

use serde::{Deserialize, Serialize};
use simulator::tamper::Row;
use std::collections::{BTreeMap, BTreeSet};

/// The truth about the journeys of a span of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journeys {
    /// Per option, sorted by its labels; every option that has a row.
    pub options: Vec<OptionJourneys>,
    /// Per step, sorted by its labels.
    pub transitions: Vec<TransitionTruth>,
    /// Per routing point and channel, sorted by its labels.
    pub points: Vec<PointJourneys>,
}

/// The journeys that began, ended and came back at one option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionJourneys {
    /// As in the rows.
    pub rp_id: String,
    /// As in the rows.
    pub channel: String,
    /// As in the rows, in the same case.
    pub cod_opc_menu: String,
    /// Journeys that began here.
    pub entries: u64,
    /// Journeys that ended here.
    pub finals: u64,
    /// Times it was entered again in the same journey.
    pub repeats: u64,
}

/// The number of steps from one option to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionTruth {
    /// As in the rows.
    pub rp_id: String,
    /// As in the rows.
    pub channel: String,
    /// The option before.
    pub from: String,
    /// The option after.
    pub to: String,
    /// Number of steps.
    pub steps: u64,
}

/// The journeys of one routing point and channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointJourneys {
    /// As in the rows.
    pub rp_id: String,
    /// As in the rows.
    pub channel: String,
    /// Number of journeys.
    pub journeys: u64,
    /// Options entered in them.
    pub options: u64,
    /// Rows after a pause longer than the idle time: a chat that was left open.
    pub late_rows: u64,
}

/// `rp_id`, channel, option.
type OptionKey = (String, String, String);

#[derive(Default)]
struct JourneyCounts {
    options: BTreeMap<OptionKey, [u64; 3]>,
    transitions: BTreeMap<(OptionKey, String), u64>,
    points: BTreeMap<(String, String), [u64; 3]>,
}

impl Journeys {
    /// Counts the journeys of these rows, in which those of one interaction are adjacent. A journey
    /// is over after `idle` seconds without a row.
    pub(super) fn of(rows: impl Iterator<Item = Row>, idle: i64) -> Self {
        let mut counts = JourneyCounts::default();
        let mut journey: Vec<Row> = Vec::new();
        for row in rows {
            if journey.first().is_some_and(|first| !first.interaction.is(&row.interaction)) {
                counts.add(std::mem::take(&mut journey), idle);
            }
            journey.push(row);
        }
        counts.add(journey, idle);
        counts.into()
    }
}

impl JourneyCounts {
    fn add(&mut self, mut rows: Vec<Row>, idle: i64) {
        let Some(point) = rows.first().map(|first| first.interaction.point) else { return };
        rows.sort_by_key(|row| row.date);
        let pause = rows.windows(2).position(|two| two[1].date - two[0].date > idle);
        let late = pause.map(|last| rows.split_off(last + 1)).unwrap_or_default();
        rows.sort_by_key(|row| (row.second, row.date, row.code()));

        for row in &late {
            self.options.entry(option_key(row)).or_default();
        }
        let mut seen: BTreeSet<OptionKey> = BTreeSet::new();
        for (at, row) in rows.iter().enumerate() {
            let key = option_key(row);
            let [entries, finals, repeats] = self.options.entry(key.clone()).or_default();
            *entries += u64::from(at == 0);
            *finals += u64::from(at + 1 == rows.len());
            *repeats += u64::from(!seen.insert(key.clone()));
            if let Some(next) = rows.get(at + 1) {
                *self.transitions.entry((key, next.code().into_owned())).or_default() += 1;
            }
        }
        let point = (point.id.to_owned(), point.channel.to_owned());
        let [journeys, options, late_rows] = self.points.entry(point).or_default();
        *journeys += 1;
        *options += rows.len() as u64;
        *late_rows += late.len() as u64;
    }
}

fn option_key(row: &Row) -> OptionKey {
    let point = row.interaction.point;
    (point.id.to_owned(), point.channel.to_owned(), row.code().into_owned())
}

impl From<JourneyCounts> for Journeys {
    fn from(counts: JourneyCounts) -> Self {
        let mut journeys = Self::default();
        for ((rp_id, channel, cod_opc_menu), [entries, finals, repeats]) in counts.options {
            let option = OptionJourneys { rp_id, channel, cod_opc_menu, entries, finals, repeats };
            journeys.options.push(option);
        }
        for (((rp_id, channel, from), to), steps) in counts.transitions {
            journeys.transitions.push(TransitionTruth { rp_id, channel, from, to, steps });
        }
        for ((rp_id, channel), [count, options, late_rows]) in counts.points {
            journeys.points.push(PointJourneys {
                rp_id,
                channel,
                journeys: count,
                options,
                late_rows,
            });
        }
        journeys
    }
}
