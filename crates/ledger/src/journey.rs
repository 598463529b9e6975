//! The journey of one interaction through its menu: the state while it may go on, and the finished
//! path.
//!
//! A journey is over once no row of it is dated within the idle time before the watermark. Its path
//! depends only on the dates of its rows, never on the answers in which they arrived: after an
//! outage of hours the same rows make the same journey.

use model::LocalSecond;
use serde::{Deserialize, Serialize};

use super::batch::NO_SECOND;

/// Most options of a journey. A longer one is not a menu but a server that writes the same
/// `conn_id` everywhere; further rows are counted like late ones.
pub const LONGEST_JOURNEY: usize = 500;

/// The value that a finished journey adds to the histogram of its routing point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JourneyMeasure {
    /// The number of options, counted at the routing point of the first row that was counted.
    #[default]
    Options,
    /// The seconds of the last row, if it has any, counted at that row's routing point: the
    /// duration of a call until it ended this way.
    LastSecond,
}

/// One option of a journey, for one or more equal rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The date of these rows.
    pub date: LocalSecond,
    /// Seconds since the interaction began; `u32::MAX` where absent, which sorts last.
    pub second: u32,
    /// The number of the menu in the counters.
    pub menu: u32,
    /// Number of equal rows.
    pub count: u32,
}

/// A journey that is not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenJourney {
    /// The watermark above which the journey is over, in Unix seconds.
    pub deadline: i64,
    /// The visits in the order of their arrival; never empty.
    pub visits: Vec<Visit>,
}

/// The known state of an interaction's journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JourneyState {
    /// No row of it has been counted.
    New,
    /// It may go on.
    Open(OpenJourney),
    /// It is over.
    Over,
}

/// A finished path: the options in order, and the number of rows that were too late to be part of
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Numbers of the menus, one for each row; never empty.
    pub menus: Vec<u32>,
    /// The dates of these rows.
    pub dates: Vec<LocalSecond>,
    /// Rows dated after a pause longer than the idle time.
    pub late: u64,
    /// [`Visit::second`] of the last row.
    pub last_second: u32,
}

impl OpenJourney {
    /// Adds equal rows, and extends the deadline to `until`, in Unix seconds. Returns the number of
    /// rows beyond [`LONGEST_JOURNEY`], which were not added.
    pub fn visit(&mut self, visit: Visit, until: i64) -> u32 {
        let room = u32::try_from(LONGEST_JOURNEY.saturating_sub(self.options())).unwrap_or(0);
        let count = visit.count.min(room);
        if count > 0 {
            self.visits.push(Visit { count, ..visit });
            self.deadline = self.deadline.max(until);
        }
        visit.count - count
    }

    fn options(&self) -> usize {
        self.visits.iter().map(|visit| visit.count as usize).sum()
    }

    /// Finishes the journey and returns its path. `idle` is in seconds. `moment` converts a date to
    /// Unix seconds; `name` returns the text that orders menus whose rows have the same second and
    /// date.
    pub fn finish<'n>(
        mut self,
        idle: i64,
        moment: impl Fn(LocalSecond) -> i64,
        name: impl Fn(u32) -> &'n str,
    ) -> Path {
        self.visits.sort_by_key(|visit| visit.date);
        // In an hour that the wall clock shows twice, the pass to which a row belongs is unknown,
        // so one of the two differences may be an hour too long, and so may the other where the
        // clock is put forward. A pause is real only if both are long.
        let pause = self.visits.windows(2).position(|two| {
            let a = two[0].date;
            let b = two[1].date;
            b - a > idle && moment(b) - moment(a) > idle
        });
        let behind = pause.map(|last| self.visits.split_off(last + 1)).unwrap_or_default();
        self.visits.sort_by(|a, b| {
            (a.second, a.date).cmp(&(b.second, b.date)).then_with(|| name(a.menu).cmp(name(b.menu)))
        });
        let mut menus = Vec::new();
        let mut dates = Vec::new();
        for visit in &self.visits {
            let times = visit.count as usize;
            menus.extend(std::iter::repeat_n(visit.menu, times));
            dates.extend(std::iter::repeat_n(visit.date, times));
        }
        Path {
            menus,
            dates,
            last_second: self.visits.last().map_or(NO_SECOND, |visit| visit.second),
            late: behind.iter().map(|visit| u64::from(visit.count)).sum(),
        }
    }
}

impl Path {
    /// Returns the transitions between consecutive options.
    pub fn steps(&self) -> impl Iterator<Item = (u32, u32)> {
        self.menus.windows(2).map(|two| (two[0], two[1]))
    }

    /// Returns the last option and the date of its row.
    pub fn last(&self) -> Option<(u32, LocalSecond)> {
        self.menus.last().copied().zip(self.dates.last().copied())
    }

    /// Returns the option and date of each row whose option had been entered before.
    pub fn repeats(&self) -> impl Iterator<Item = (u32, LocalSecond)> {
        let rows = self.menus.iter().copied().zip(self.dates.iter().copied()).enumerate();
        rows.filter(|(at, (menu, _))| self.menus[..*at].contains(menu)).map(|(_, row)| row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NAMES: [&str; 4] = ["A", "B", "C", "D"];

    fn finish(visits: &[(i64, u32, u32, u32)]) -> (String, u64, BTreeMap<u32, u64>) {
        let mut journey = OpenJourney::default();
        for &(date, second, menu, count) in visits {
            let visit = Visit { date: LocalSecond::new(date), second, menu, count };
            assert_eq!(journey.visit(visit, date + 100), 0);
        }
        let path = journey.finish(100, LocalSecond::get, |menu| NAMES[menu as usize]);
        let names = path.menus.iter().map(|menu| NAMES[*menu as usize]).collect();
        let mut repeats = BTreeMap::new();
        path.repeats().for_each(|(menu, _)| *repeats.entry(menu).or_default() += 1);
        (names, path.late, repeats)
    }

    #[test]
    fn rows_are_ordered_by_second_then_date_then_name() {
        assert_eq!(finish(&[(50, 9, 2, 1), (50, 3, 0, 1), (49, 9, 1, 1)]).0, "ABC");
        assert_eq!(finish(&[(50, 3, 2, 1), (50, 3, 0, 2)]).0, "AAC");
        // Rows without a second come last, ordered by date.
        assert_eq!(finish(&[(60, u32::MAX, 0, 1), (55, u32::MAX, 1, 1), (70, 5, 2, 1)]).0, "CBA");
    }

    #[test]
    fn a_pause_longer_than_the_idle_time_ends_it() {
        assert_eq!(finish(&[(0, 0, 0, 1), (100, 100, 1, 1)]).0, "AB");
        let (path, late, _) =
            finish(&[(201, 201, 2, 3), (0, 0, 0, 1), (100, 100, 1, 1), (150, 150, 3, 1)]);
        assert_eq!((path.as_str(), late), ("ABDCCC", 0));
        let (path, late, _) = finish(&[(202, 202, 2, 3), (0, 0, 0, 1), (101, 101, 1, 1)]);
        assert_eq!((path.as_str(), late), ("A", 4));
    }

    #[test]
    fn the_hour_that_comes_twice_is_no_pause() {
        // Dates from 1000 on are shown twice; `moment` returns the later pass, 3600 s later.
        let moment = |date: LocalSecond| date.get() + if date.get() >= 1000 { 3600 } else { 0 };
        let dates = |dates: &[i64]| dates.iter().copied().map(LocalSecond::new).collect::<Vec<_>>();
        let path = |of: [i64; 3]| {
            let mut journey = OpenJourney::default();
            for (menu, date) in (0..).zip(dates(&of)) {
                let visit = Visit { date, second: date.get() as u32, menu, count: 1 };
                journey.visit(visit, moment(date) + 100);
            }
            journey.finish(100, moment, |menu| NAMES[menu as usize])
        };
        assert_eq!(
            path([990, 1005, 1010]),
            Path {
                menus: vec![0, 1, 2],
                dates: dates(&[990, 1005, 1010]),
                late: 0,
                last_second: 1010
            }
        );
        assert_eq!(
            path([990, 1005, 1200]),
            Path { menus: vec![0, 1], dates: dates(&[990, 1005]), late: 1, last_second: 1005 }
        );
    }

    #[test]
    fn what_is_entered_again_is_a_repeat() {
        let (path, _, repeats) = finish(&[(0, 0, 0, 1), (5, 5, 1, 2), (9, 9, 0, 1), (9, 10, 3, 1)]);
        assert_eq!((path.as_str(), repeats), ("ABBAD", BTreeMap::from([(0, 1), (1, 1)])));
    }

    #[test]
    fn a_journey_has_an_end_however_many_rows_there_are() {
        let mut journey = OpenJourney::default();
        let most = LONGEST_JOURNEY as u32;
        for (date, count, left) in [(0, most - 1, 0), (5, 3, 2), (9, 3, 3)] {
            let visit = Visit { date: LocalSecond::new(date), second: 0, menu: 0, count };
            assert_eq!(journey.visit(visit, date + 100), left);
        }
        assert_eq!((journey.visits.len(), journey.deadline), (2, 105));
    }
}
