//! Rows from before the beginning of counting, which are added to the history only.
//!
//! Owns the conversion of one answer of the warm-up into a [`HistoryDelta`]. Its journeys are made
//! of the rows of that answer alone. It must never change a metric, and remembers no row.

use std::{collections::BTreeMap, num::NonZeroU64};

use baseline::HistoryDelta;
use model::{LocalSecond, LocalStretch, MenuLabels};

use super::{
    batch::{NO_SECOND, RowBatch},
    cardinality::SeriesLimits,
    changes::Changes,
    counters::TargetCounters,
    idle_times::IdleTimes,
    journey::{OpenJourney, Visit},
};

/// The additions of an answer to the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The counts, by index into `labels`.
    pub delta: HistoryDelta,
    /// The labels of the options, within the current limits of series.
    pub labels: Vec<MenuLabels>,
}

impl Past {
    /// Collects the additions of the rows dated within `stretch`, whose end is exclusive.
    ///
    /// The answer should also hold the surrounding rows. A journey that is cut at its beginning
    /// starts at its first row in the answer. A journey that may go on after `until`, the Unix
    /// second at which the requested range ends, has no end yet, as in live reading; its repeated
    /// options count once they are older than the idle time. `moment` converts a date to Unix
    /// seconds.
    pub fn of(
        batch: &RowBatch,
        stretch: LocalStretch,
        until: i64,
        counters: &TargetCounters,
        limits: SeriesLimits,
        idle_times: &IdleTimes,
        moment: &dyn Fn(LocalSecond) -> i64,
    ) -> Self {
        let mut changes = Changes::of(counters, limits);
        let slots: Vec<u32> = batch
            .labels
            .iter()
            .map(|labels| u32::try_from(changes.slot(labels)).unwrap_or(u32::MAX))
            .collect();
        let labels: Vec<MenuLabels> = changes.slots.into_iter().map(|slot| slot.labels).collect();
        let mut delta = HistoryDelta::between(stretch.0, stretch.1);
        let mut journeys: BTreeMap<NonZeroU64, OpenJourney> = BTreeMap::new();
        for row in &batch.rows {
            let menu = slots[row.menu as usize];
            let second = (row.second != NO_SECOND).then_some(row.second);
            delta.rows(menu, row.date, row.attempts, second, 1);
            if let Some(interaction) = row.interaction {
                let visit = Visit { date: row.date, second: row.second, menu, count: 1 };
                let until = moment(row.date) + idle_of(menu, &labels, idle_times);
                journeys.entry(interaction).or_default().visit(visit, until);
            }
        }
        for journey in journeys.into_values() {
            let is_over = journey.deadline < until;
            let Some(home) = journey.visits.first().map(|visit| visit.menu) else { continue };
            let idle = idle_of(home, &labels, idle_times);
            let path = journey.finish(idle, moment, |menu| {
                labels.get(menu as usize).map_or("", |labels| &*labels.option)
            });
            if let Some((menu, date)) = path.last().filter(|_| is_over) {
                delta.finals(menu, date, 1);
            }
            // The next part to be read does not count these repeats. Live reading counts none that
            // are younger either, and the detector compares them with hits of the same age.
            let repeats =
                path.repeats().filter(|(_, date)| is_over || moment(*date) + idle < until);
            repeats.for_each(|(menu, date)| delta.repeats(menu, date, 1));
        }
        Self { delta, labels }
    }
}

/// Returns the idle time of a menu's channel, in seconds.
fn idle_of(menu: u32, labels: &[MenuLabels], idle_times: &IdleTimes) -> i64 {
    labels.get(menu as usize).map_or(0, |labels| idle_times.seconds(&labels.point.channel))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use wolkvox_api::{Row, RowLabels};

    /// An interaction whose last row is not older than the idle time may go on after the answer. It
    /// has no last option, as in live reading, but its repeats that are older do count.
    #[test]
    fn a_journey_that_may_go_on_has_no_end() {
        let counters = TargetCounters::new(Timestamp::UNIX_EPOCH);
        let idle = IdleTimes::from(Duration::from_secs(100));
        let mut batch = RowBatch::default();
        for (date, who, option) in [
            (500, 1, "A"),
            (510, 1, "B"),
            (899, 2, "A"),
            (820, 3, "A"),
            (890, 3, "A"),
            (950, 3, "A"),
        ] {
            batch.push(Ok(Row {
                labels: RowLabels::new("10", "voice", option),
                fingerprint: who * 1000 + date as u64,
                interaction: Some(who),
                began: None,
                date: LocalSecond::new(date),
                second: Some(7),
                attempts: 1,
            }));
        }
        let (from, to) = (LocalSecond::new(0), LocalSecond::new(1000));
        let limits = SeriesLimits::default();
        let past = Past::of(&batch, (from, to), 1000, &counters, limits, &idle, &LocalSecond::get);
        let place = |option: &str| {
            past.labels.iter().position(|labels| &*labels.option == option).unwrap() as u32
        };
        let mut expected = HistoryDelta::between(from, to);
        for (date, option) in
            [(500, "A"), (510, "B"), (899, "A"), (820, "A"), (890, "A"), (950, "A")]
        {
            expected.rows(place(option), LocalSecond::new(date), 1, Some(7), 1);
        }
        expected.finals(place("B"), LocalSecond::new(510), 1);
        expected.finals(place("A"), LocalSecond::new(899), 1);
        expected.repeats(place("A"), LocalSecond::new(890), 1);
        assert_eq!(past.delta, expected);
    }
}
