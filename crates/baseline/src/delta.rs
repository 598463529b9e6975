//! The counts that a committed batch, or an answer of the warm-up, adds to the history.
//!
//! Owns counts by menu number and cell until they are applied. It must not know the labels of the
//! numbers: they are looked up when it is applied.

use std::ops::Range;

use super::{
    DAY, HOURS, SLOT,
    cells::{FINALS, Hourly},
};
use model::{LocalSecond, OwnMap};

/// Counts to be added, by day, number of the menu and cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryDelta {
    within: Range<LocalSecond>,
    cells: OwnMap<Cell, u32>,
}

/// The day, menu and cell of an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Cell {
    day: i32,
    menu: u32,
    cell: usize,
}

impl Default for HistoryDelta {
    /// Creates an empty delta that accepts any date.
    fn default() -> Self {
        Self::between(LocalSecond::MIN, LocalSecond::MAX)
    }
}

impl HistoryDelta {
    /// Creates an empty delta that accepts dates from `from` to before `to` and ignores others,
    /// because an answer includes both ends of the requested range.
    pub fn between(from: LocalSecond, to: LocalSecond) -> Self {
        Self { within: from..to, cells: OwnMap::default() }
    }

    /// Adds `times` equal rows of one menu. `at` is their date, `attempts` their number of
    /// attempts, `second` the seconds to the option, if known.
    pub fn rows(
        &mut self,
        menu: u32,
        at: LocalSecond,
        attempts: u32,
        second: Option<u32>,
        times: u32,
    ) {
        self.count(menu, at, slot_of_day(at), times);
        if attempts > 1 {
            self.hourly(menu, at, Hourly::Retries, times);
        }
        if let Some(second) = second {
            self.hourly(menu, at, Hourly::time(second), times);
        }
    }

    /// Adds finished journeys that ended at this menu. `at` is the date of the last row.
    pub fn finals(&mut self, menu: u32, at: LocalSecond, times: u32) {
        self.hourly(menu, at, Hourly::Finals, times);
        self.count(menu, at, FINALS + slot_of_day(at), times);
    }

    /// Adds rows of this menu in a finished journey that had entered it before. `at` is their date.
    pub fn repeats(&mut self, menu: u32, at: LocalSecond, times: u32) {
        self.hourly(menu, at, Hourly::Repeats, times);
    }

    /// Returns true if there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Returns false for an answer of the warm-up, which does not show how late rows are.
    pub(super) fn is_live(&self) -> bool {
        self.within == (LocalSecond::MIN..LocalSecond::MAX)
    }

    fn hourly(&mut self, menu: u32, at: LocalSecond, what: Hourly, times: u32) {
        let hour = at.hour().rem_euclid(HOURS as i64);
        self.count(menu, at, what.first() + hour as usize, times);
    }

    fn count(&mut self, menu: u32, at: LocalSecond, cell: usize, times: u32) {
        if times == 0 || !self.within.contains(&at) {
            return;
        }
        let count = self.cells.entry(Cell { day: at.day(), menu, cell }).or_default();
        *count = count.saturating_add(times);
    }

    /// Calls `each` with a day, a menu and its additions as (cell, count), in ascending order of
    /// day and menu.
    pub(super) fn each(&self, mut each: impl FnMut(i32, u32, &[(usize, u32)])) {
        let mut all: Vec<(Cell, u32)> =
            self.cells.iter().map(|(cell, times)| (*cell, *times)).collect();
        all.sort_unstable();
        let mut cells = Vec::new();
        for of_one in all.chunk_by(|(a, _), (b, _)| (a.day, a.menu) == (b.day, b.menu)) {
            cells.clear();
            cells.extend(of_one.iter().map(|(cell, times)| (cell.cell, *times)));
            each(of_one[0].0.day, of_one[0].0.menu, &cells);
        }
    }
}

/// Returns the slot of the day that contains a second.
fn slot_of_day(at: LocalSecond) -> usize {
    (at.get().rem_euclid(DAY) / SLOT) as usize
}
