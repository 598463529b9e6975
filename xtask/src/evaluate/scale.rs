//! How long and how large a simulated operation is. Owns numbers that the weather and the world
//! share.

use wolkvox_exporter::model::LocalSecond;

pub(crate) const STEP: i64 = 300;
pub(crate) const DAY: usize = 288;
pub(crate) const HOUR: usize = 12;
pub(crate) const WEEK: usize = 7 * DAY;
/// Monday, 5 January 2026, 00:00.
pub(crate) const BEGIN: LocalSecond = LocalSecond::new(1_767_571_200);
/// Steps of history before anything is judged.
pub(crate) const HISTORY: usize = 4 * WEEK + DAY;
pub(crate) const POINTS: usize = 12;
pub(crate) const OPTIONS: usize = 7;
pub(crate) const BEGIN_DATE: jiff::civil::Date = jiff::civil::date(2026, 1, 5);

/// The hour of the day in which a step lies, as a fraction: 9.5 is half past nine.
pub(crate) fn hour_of_day(step: usize) -> f64 {
    (step % DAY) as f64 / HOUR as f64
}
