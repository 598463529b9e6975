//! Lengths and sizes of the simulated operations. Time goes in steps of five minutes, the
//! exporter's poll interval.

use wolkvox_exporter::model::LocalSecond;

/// Seconds of a step.
pub(crate) const STEP: i64 = 300;
/// Steps of a day.
pub(crate) const DAY: usize = 288;
/// Steps of an hour.
pub(crate) const HOUR: usize = 12;
/// Steps of a week.
pub(crate) const WEEK: usize = 7 * DAY;
/// The date of the first step, a Monday.
pub(crate) const BEGIN_DATE: jiff::civil::Date = jiff::civil::date(2026, 1, 5);
/// The midnight at which [`BEGIN_DATE`] begins.
pub(crate) const BEGIN: LocalSecond = LocalSecond::new(1_767_571_200);
/// Steps of history before anything is judged.
pub(crate) const HISTORY: usize = 4 * WEEK + DAY;
/// Routing points of an operation of a world.
pub(crate) const POINTS: usize = 12;
/// Options of each of its routing points.
pub(crate) const OPTIONS: usize = 7;

/// Returns the moment at which a step begins.
pub(crate) fn time(step: usize) -> LocalSecond {
    BEGIN + step as i64 * STEP
}

/// Returns the date of a day, counted from [`BEGIN_DATE`].
pub(crate) fn date(day: usize) -> jiff::civil::Date {
    BEGIN_DATE.saturating_add(jiff::Span::new().days(day as i64))
}

/// Returns the hour of the day at which a step begins: 9.5 is half past nine.
pub(crate) fn hour_of_day(step: usize) -> f64 {
    (step % DAY) as f64 / HOUR as f64
}
