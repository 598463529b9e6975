//! The hits of the last day, by option and by hour of the rows' dates.
//!
//! Owns nothing that is committed: it is filled once from the rows that the store remembers, and moved by each
//! committed step. Must never be shown to hold more than it knows: [`RecentHours::known_from`] says since when it is
//! whole.

use std::collections::BTreeMap;

use super::{counters::TargetCounters, reconcile::Delta};
use crate::model::{Counted, MenuLabels};

/// So many hours are kept, the newest one, which is not over yet, included.
pub const HOURS: usize = 24;

/// Rows by hour of their date and number of their menu. An hour is that of the server's wall clock, counted from 1970.
pub type HourlyHits = BTreeMap<(i64, u32), u64>;

/// The hour of a date in seconds of the server's wall clock.
pub fn hour_of(date: i64) -> i64 {
    date.div_euclid(3600)
}

/// Hits by option and hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentHours {
    known_from: i64,
    options: BTreeMap<MenuLabels, BTreeMap<i64, u64>>,
}

impl RecentHours {
    /// From the rows that are remembered, all of those dated since `known_from` (seconds of the server's wall clock)
    /// being among them.
    pub fn new(known_from: i64, account: &TargetCounters, remembered: &HourlyHits) -> Self {
        let labels: BTreeMap<u32, &MenuLabels> =
            account.menus.iter().map(|(labels, (number, _))| (*number, labels)).collect();
        let mut recent = Self { known_from, options: BTreeMap::new() };
        for ((hour, number), hits) in remembered {
            if let Some(labels) = labels.get(number) {
                recent.count(labels, *hour, *hits);
            }
        }
        recent
    }

    /// Adds what a committed step counted, and forgets what lies a day before `newest`, the hour that has been read
    /// up to.
    pub fn follow(&mut self, step: &Delta, newest: i64) {
        let labels: BTreeMap<u32, &MenuLabels> =
            step.menus.iter().map(|(labels, (number, _))| (*number, labels)).collect();
        for ((hour, number), hits) in &step.hourly {
            if let Some(labels) = labels.get(number) {
                self.count(labels, *hour, *hits);
            }
        }
        for dropped in &step.dropped {
            if let Counted::Menu(labels) = dropped {
                self.options.remove(labels);
            }
        }
        let oldest = oldest(newest);
        self.options.retain(|_, hours| {
            *hours = hours.split_off(&oldest);
            !hours.is_empty()
        });
    }

    fn count(&mut self, labels: &MenuLabels, hour: i64, hits: u64) {
        let hours = match self.options.get_mut(labels) {
            Some(hours) => hours,
            None => self.options.entry(labels.clone()).or_default(),
        };
        *hours.entry(hour).or_default() += hits;
    }

    /// The day that ends with the hour `newest`: each option that has hits in it, and these by hour, oldest first.
    pub fn day(&self, newest: i64) -> impl Iterator<Item = (&MenuLabels, [u64; HOURS])> {
        let oldest = oldest(newest);
        self.options.iter().filter_map(move |(labels, hours)| {
            let mut hourly = [0; HOURS];
            let mut any = false;
            for (hour, hits) in hours.range(oldest..=newest) {
                if let Some(bin) = usize::try_from(hour - oldest).ok().and_then(|at| hourly.get_mut(at)) {
                    *bin = *hits;
                    any = true;
                }
            }
            any.then_some((labels, hourly))
        })
    }

    /// Since when it is whole: seconds of the server's wall clock.
    pub fn known_from(&self) -> i64 {
        self.known_from
    }
}

/// The first hour of the day that ends with the hour `newest`.
pub fn oldest(newest: i64) -> i64 {
    newest.saturating_sub(HOURS as i64 - 1)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::ledger::OptionCounts;

    fn labels(option: &str) -> MenuLabels {
        MenuLabels::new("10", "voice", option)
    }

    fn step(account: &TargetCounters, hourly: &[((i64, u32), u64)]) -> Delta {
        let mut step = Delta::nothing(account.totals.clone());
        step.menus = account.menus.iter().map(|(labels, menu)| (labels.clone(), menu.clone())).collect();
        step.hourly = hourly.iter().copied().collect();
        step
    }

    fn account() -> TargetCounters {
        let mut account = TargetCounters::new(Timestamp::UNIX_EPOCH);
        account.menus.insert(labels("1"), (7, OptionCounts::default()));
        account.menus.insert(labels("2"), (8, OptionCounts::default()));
        account
    }

    fn shown(recent: &RecentHours, newest: i64) -> Vec<(String, Vec<(usize, u64)>)> {
        recent
            .day(newest)
            .map(|(labels, hourly)| {
                let hits = hourly.iter().copied().enumerate().filter(|(_, hits)| *hits > 0).collect();
                (labels.option.to_string(), hits)
            })
            .collect()
    }

    #[test]
    fn a_day_is_filled_moved_and_forgotten() {
        let account = account();
        let remembered = [((100, 7), 5), ((99, 8), 1), ((99, 404), 9)].into_iter().collect();
        let mut recent = RecentHours::new(99 * 3600, &account, &remembered);
        assert_eq!(shown(&recent, 100), [("1".into(), vec![(23, 5)]), ("2".into(), vec![(22, 1)])]);
        // A late row goes to the hour of its date; one older than a day nowhere.
        recent.follow(&step(&account, &[((100, 7), 2), ((101, 8), 4), ((77, 7), 3)]), 101);
        assert_eq!(shown(&recent, 101), [("1".into(), vec![(22, 7)]), ("2".into(), vec![(21, 1), (23, 4)])]);
        recent.follow(&step(&account, &[]), 123);
        assert_eq!(shown(&recent, 123), [("1".into(), vec![(0, 7)]), ("2".into(), vec![(1, 4)])]);
        recent.follow(&step(&account, &[]), 124);
        assert_eq!(shown(&recent, 124), [("2".into(), vec![(0, 4)])]);
        assert_eq!(recent.known_from(), 99 * 3600);
    }

    #[test]
    fn what_is_no_longer_exposed_is_not_shown() {
        let account = account();
        let mut recent = RecentHours::new(0, &account, &[((5, 7), 5), ((5, 8), 1)].into_iter().collect());
        let mut step = step(&account, &[]);
        step.dropped = vec![Counted::Menu(labels("1"))];
        recent.follow(&step, 5);
        assert_eq!(shown(&recent, 5), [("2".into(), vec![(23, 1)])]);
    }

    #[test]
    fn hours_before_1970_are_hours_too() {
        assert_eq!((hour_of(-1), hour_of(0), hour_of(3600)), (-1, 0, 1));
    }
}
