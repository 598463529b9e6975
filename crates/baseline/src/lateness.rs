//! Lateness of rows: which part of the newest slots is usually known, and whether the report lags
//! now.
//!
//! Owns the estimates from classes of lateness. It must not take a late row for a missing one: the
//! part that is not usually known yet is not expected.

use super::{
    cells::{LATE_BOUNDS, LATE_CLASSES},
    limits::{LATE_SLOTS, SILENT_HITS},
};

/// Rows of an option that came after the slot of their date had been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LateRows {
    /// The slot, counted from 1970, before which everything had been read when they came.
    pub(super) came: i64,
    /// The place of the option.
    pub(super) option: usize,
    /// Slots from their date to `came`.
    pub(super) age: i64,
    pub(super) rows: u32,
}

/// Slots for which a late row shows a lag: an hour.
pub(super) const RECENT_SLOTS: i64 = 12;
/// Lateness, in slots, that a row must exceed to show a lag.
const LAGS: i64 = 3;
/// Rows assumed to have come in time, as a prior.
const PRIOR: f32 = 3.0;
/// Least number of late rows with which a routing point lags.
const LEAST_ROWS: f64 = 5.0;
/// Least share of the expected rows that must have come late; fewer are strays.
const LEAST_SHARE: f64 = 0.1;
/// Quantile of the lateness of late rows that is reported as the lag.
const QUANTILE: f64 = 0.9;
/// Least share of a day's rows that were later than [`LAGS`], by at most [`LATE_SLOTS`], on a day
/// on which a routing point lagged: those of a quarter of an hour in ten hours.
const LAGGED_SHARE: f32 = 0.025;
/// Least number of such rows on such a day.
const LAGGED_ROWS: u32 = 20;

/// Returns the class of rows that came `age` slots after their date.
pub(super) fn class(age: i64) -> usize {
    LATE_BOUNDS.partition_point(|bound| *bound < age)
}

/// Returns the share of an option's rows that are known `age` slots after the end of their slot.
pub(super) fn known(classes: &[u32; LATE_CLASSES], age: i64) -> f32 {
    let all: u32 = classes.iter().sum();
    let over = LATE_BOUNDS.partition_point(|bound| *bound <= age);
    let by_then: u32 = classes[..over].iter().sum();
    (by_then as f32 + PRIOR) / (all as f32 + PRIOR)
}

/// Returns the slots by which a routing point lagged on a day, from the rows of all its options; 0
/// if it did not lag.
pub(super) fn lagged(classes: &[u32; LATE_CLASSES]) -> usize {
    let all: u32 = classes.iter().sum();
    let bounds = LATE_BOUNDS.iter().zip(classes).filter(|(bound, _)| **bound > LAGS);
    let late: u32 = bounds.clone().map(|(_, rows)| rows).sum();
    if late < LAGGED_ROWS || (late as f32) < LAGGED_SHARE * all as f32 {
        return 0;
    }
    let mut so_far = 0;
    let mut quantile = bounds.skip_while(|(_, rows)| {
        so_far += **rows;
        f64::from(so_far) < QUANTILE * f64::from(late)
    });
    quantile.next().map_or(0, |(bound, _)| *bound as usize)
}

/// Returns the number of newest slots of a routing point that may only be late, if it has lagged by
/// `lagged` slots before. This is its silence, if that is no longer than the former lag, or an
/// hour, and if at least [`SILENT_HITS`] were expected in it. `hits` has the seen and expected hits
/// by slot.
pub(super) fn may_lag(hits: &[(f32, f32)], lagged: usize) -> usize {
    let silent = hits.iter().rev().take_while(|(seen, _)| *seen <= 0.0);
    let open = silent.clone().filter(|(_, expected)| *expected > 0.0).count();
    let due: f32 = silent.clone().map(|(_, expected)| expected).sum();
    let longest = if lagged == 0 { 0 } else { lagged.max(RECENT_SLOTS as usize) };
    if open > longest || due < SILENT_HITS { 0 } else { silent.count() }
}

/// Returns the slots by which a routing point lags before the slot `last`. It is 0 unless, within
/// the last quarter of an hour or the last hour, most of the expected rows are missing and at least
/// half of the rows that came were late by more than [`LAGS`]. `hits` has the seen and expected
/// hits of that hour, by the slot of their date.
///
/// The quarter of an hour shows the begin of a lag at once. The hour keeps it until the rows have
/// come that were late at its end.
pub(super) fn lag(late: &[LateRows], hits: &[(f32, f32)], last: i64) -> usize {
    // Later rows are strays found by a re-read; they are no evidence about the newest rows.
    let mut late: Vec<&LateRows> =
        late.iter().filter(|rows| rows.age > LAGS && rows.age <= LATE_SLOTS as i64).collect();
    late.sort_unstable_by_key(|rows| rows.age);
    [LAGS, RECENT_SLOTS]
        .map(|slots| lag_within(&late, hits, last - slots, last))
        .into_iter()
        .max()
        .unwrap_or(0)
}

/// Returns the lag like [`lag`], from the rows that came since the slot `since`. `late` is in
/// ascending order of age.
fn lag_within(late: &[&LateRows], hits: &[(f32, f32)], since: i64, last: i64) -> usize {
    let mut recent = late.iter().filter(|rows| rows.came >= since);
    let came: f64 = recent.clone().map(|rows| f64::from(rows.rows)).sum();
    let dated_late: f64 = late
        .iter()
        .filter(|rows| rows.came - rows.age >= since)
        .map(|rows| f64::from(rows.rows))
        .sum();
    let mut dated = 0.0;
    let mut due = 0.0;
    for (seen, expected) in hits.iter().rev().take((last - since) as usize) {
        dated += f64::from(*seen);
        due += f64::from(*expected);
    }
    let in_time = dated - dated_late;
    let few = came < LEAST_ROWS || came < LEAST_SHARE * due || due < f64::from(SILENT_HITS);
    if few || came < in_time || 2.0 * in_time > due {
        return 0;
    }
    let mut so_far = 0.0;
    let quantile = recent.find(|rows| {
        so_far += f64::from(rows.rows);
        so_far >= QUANTILE * came
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
    fn a_day_on_which_many_rows_were_late_tells_how_long_a_silence_may_be_no_more_than_that() {
        let day = |late: &[(i64, u32)]| {
            let mut classes = [0; LATE_CLASSES];
            classes[0] = 1000;
            late.iter().for_each(|(age, rows)| classes[class(*age)] += rows);
            lagged(&classes)
        };
        // Strays, agents whose rows come a little later, and rows found by a re-read; then 20
        // minutes, and an hour.
        assert_eq!([day(&[(4, 15)]), day(&[(3, 500)]), day(&[(100, 500)])], [0; 3]);
        assert_eq!([day(&[(4, 100)]), day(&[(4, 100), (12, 100)])], [5, 12]);

        let hits = |silent: usize, expected: f32| {
            let mut hits = vec![(5.0, expected); 6];
            hits.extend(vec![(0.0, expected); silent]);
            hits
        };
        let newest = |silent, expected, lagged| may_lag(&hits(silent, expected), lagged);
        assert_eq!([newest(5, 5.0, 0), newest(5, 1.0, 5), newest(0, 5.0, 5)], [0; 3]);
        assert_eq!([newest(12, 5.0, 5), newest(13, 5.0, 5), newest(13, 5.0, 24)], [12, 0, 13]);
        // Slots of the night do not count toward the length of the silence.
        let mut morning = vec![(0.0, 0.0); 80];
        morning.extend([(0.0, 5.0); 4]);
        assert_eq!(may_lag(&morning, 5), 84);
    }

    #[test]
    fn a_report_lags_when_most_rows_come_late() {
        let late = |came, age, rows| LateRows { came, option: 0, age, rows };
        // Late rows; rows in time in each of the last three slots; rows expected in each slot of
        // the hour; lag.
        for (rows, in_time, due, lag) in [
            (vec![], 0.0, 10.0, 0),
            (vec![late(999, 8, 40)], 4.0, 10.0, 8),
            (vec![late(999, 8, 40)], 20.0, 30.0, 0),
            (vec![late(999, 8, 4)], 0.0, 10.0, 0),
            (vec![late(999, 2, 400)], 0.0, 10.0, 0),
            (vec![late(999, 4, 50), late(999, 12, 40), late(999, 5, 30)], 7.0, 40.0, 12),
            // The lag has begun: earlier rows came in time.
            (vec![late(999, 4, 10)], 0.0, 10.0, 4),
            // The lag has ended, and the rows that were late at its end are still to come.
            (vec![late(991, 12, 40), late(994, 12, 40), late(998, 12, 40)], 20.0, 20.0, 12),
            // Strays found by a re-read while the line is dead, or after it has closed.
            (vec![late(999, 100, 40)], 0.0, 10.0, 0),
            (vec![late(999, 20, 40)], 0.0, 0.0, 0),
        ] {
            let mut hits = vec![(0.0, due); 9];
            hits.extend([(in_time, due); 3]);
            for rows in rows.iter().filter(|rows| rows.came - rows.age >= 988) {
                hits[(rows.came - rows.age - 988) as usize].0 += rows.rows as f32;
            }
            assert_eq!(super::lag(&rows, &hits, 1000), lag, "{rows:?} {in_time} {due}");
        }
    }
}
