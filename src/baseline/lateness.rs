//! How late rows are: how much of the newest slots is usually known, and whether the report lags now.
//!
//! Owns the classes of lateness and what follows from them. Must not take a late row for a missing
//! one: what is not usually known yet is not expected.

use super::cells::{LATE_BOUNDS, LATE_CLASSES};

/// Rows of an option that came after the slot of their date had been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LateRows {
    /// The slot, counted from 1970, before which all had been read when they came.
    pub(super) came: i64,
    /// Place of the option.
    pub(super) option: usize,
    /// Slots between their date and that.
    pub(super) age: i64,
    pub(super) rows: u32,
}

/// Slots of an hour: late rows that came before are no sign of a lag now.
pub(super) const RECENT_SLOTS: i64 = 12;
/// A report lags only by more than this many slots.
const LAGS: i64 = 3;
/// Rows that are taken to have come in time before any is known to.
const PRIOR: f32 = 3.0;
/// Rows that have to be late before a routing point lags.
const LEAST_ROWS: f64 = 5.0;
/// A lag is so long that it holds this share of the late rows.
const QUANTILE: f64 = 0.9;

/// The class of rows that came so many slots after their date.
pub(super) fn class(age: i64) -> usize {
    LATE_BOUNDS.partition_point(|bound| *bound < age)
}

/// Share of an option's rows that are known once their slot is over for so many slots.
pub(super) fn known(classes: &[u32; LATE_CLASSES], age: i64) -> f32 {
    let all: u32 = classes.iter().sum();
    let over = LATE_BOUNDS.partition_point(|bound| *bound <= age);
    let by_then: u32 = classes[..over].iter().sum();
    (by_then as f32 + PRIOR) / (all as f32 + PRIOR)
}

/// Slots by which a routing point lags, by its late rows of the last hour and the hits that are
/// dated in that hour: 0 unless half of what came was late by more than [`LAGS`].
pub(super) fn lag(late: &mut [LateRows], in_time: f64) -> usize {
    late.sort_unstable_by_key(|rows| rows.age);
    let late: Vec<&LateRows> = late.iter().filter(|rows| rows.age > LAGS).collect();
    let all: f64 = late.iter().map(|rows| f64::from(rows.rows)).sum();
    if all < LEAST_ROWS || all < in_time {
        return 0;
    }
    let mut sum = 0.0;
    let quantile = late.iter().find(|rows| {
        sum += f64::from(rows.rows);
        sum >= QUANTILE * all
    });
    quantile.map_or(0, |rows| rows.age as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_grows_with_the_age_of_a_slot() {
        let mut classes = [0; LATE_CLASSES];
        assert_eq!([known(&classes, 0), known(&classes, 50)], [1.0, 1.0]);
        // Half in time, a quarter within ten minutes, a quarter after four hours.
        classes[class(0)] = 500;
        classes[class(2)] = 250;
        classes[class(48)] = 250;
        let known = [0, 1, 2, 12, 24].map(|age| (known(&classes, age) * 100.0).round());
        assert_eq!(known, [50.0, 50.0, 75.0, 75.0, 75.0]);
    }

    #[test]
    fn a_report_lags_when_most_rows_come_late() {
        let late = |age, rows| LateRows { came: 1000, option: 0, age, rows };
        for (rows, in_time, lag) in [
            (vec![], 0.0, 0),
            (vec![late(8, 40)], 30.0, 8),
            (vec![late(8, 40)], 60.0, 0),
            (vec![late(8, 4)], 0.0, 0),
            (vec![late(2, 400)], 0.0, 0),
            (vec![late(4, 50), late(12, 40), late(5, 30)], 20.0, 12),
        ] {
            assert_eq!(super::lag(&mut rows.clone(), in_time), lag, "{rows:?} {in_time}");
        }
    }
}
