//! Rows from before the beginning: what they add to the history, and to nothing else.
//!
//! Owns the way from one answer of the warm-up to a [`HistoryDelta`]. The journeys are those of the answer alone. It must
//! never count for the metrics, and remembers no row.

use std::{collections::BTreeMap, num::NonZeroU64};

use super::{
    batch::{NO_SECOND, RowBatch},
    cardinality::SeriesLimits,
    changes::Changes,
    counters::TargetCounters,
    journey::{IdleTimes, OpenJourney, Visit},
};
use crate::{baseline::HistoryDelta, model::MenuLabels};

/// What an answer adds to the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The counts, by place in `labels`.
    pub delta: HistoryDelta,
    /// The options, as rows counted now would be counted.
    pub labels: Vec<MenuLabels>,
}

impl Past {
    /// Of the rows dated from `from` to before `to` (seconds of the server's wall clock). The answer had better hold what
    /// surrounds them too: a journey that is cut ends where it is cut. `moment` turns a date into Unix seconds.
    pub fn of(
        batch: &RowBatch,
        (from, to): (i64, i64),
        (account, limits): (&TargetCounters, SeriesLimits),
        idle: &IdleTimes,
        moment: &dyn Fn(i64) -> i64,
    ) -> Self {
        let mut draft = Changes::of(account, limits);
        let slots: Vec<u32> =
            batch.labels.iter().map(|labels| u32::try_from(draft.slot(labels)).unwrap_or(u32::MAX)).collect();
        let labels: Vec<MenuLabels> = draft.slots.into_iter().map(|slot| slot.labels).collect();
        let idle = |menu: u32| labels.get(menu as usize).map_or(0, |labels| idle.of(&labels.point.channel));
        let mut delta = HistoryDelta::between(from, to);
        let mut journeys: BTreeMap<NonZeroU64, OpenJourney> = BTreeMap::new();
        for row in &batch.rows {
            let menu = slots[row.menu as usize];
            let second = (row.second != NO_SECOND).then_some(row.second);
            delta.rows(menu, row.date, row.attempts, second, 1);
            if let Some(interaction) = row.interaction {
                let visit = Visit { date: row.date, second: row.second, menu, count: 1 };
                journeys.entry(interaction).or_default().visit(visit, moment(row.date), idle(menu));
            }
        }
        let name = |menu: u32| labels.get(menu as usize).map_or("", |labels| &*labels.option);
        for journey in journeys.into_values() {
            let Some(home) = journey.visits.first().map(|visit| visit.menu) else { continue };
            let path = journey.finish(idle(home), moment, name);
            if let Some((menu, date)) = path.last() {
                delta.finals(menu, date, 1);
            }
            path.repeats().for_each(|(menu, date)| delta.repeats(menu, date, 1));
        }
        Self { delta, labels }
    }
}
