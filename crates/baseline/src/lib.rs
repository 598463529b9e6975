//! Baseline: statistics that score how unusual the present is for each menu option.
//!
//! Owns the history of five weeks and the detector that reads it. Pure: no clock, no disk, no
//! network. Times are passed in and out as [`LocalSecond`], the wall clock by which rows are
//! dated; inside, they are counted in slots, hours and days of that clock. It must never receive
//! personal data, and must never take missing data for zero: a range of time counts only once it
//! is marked as covered.
//!
//! # Usage
//!
//! ```text
//! start     History::new, then load each stored day
//! a poll    let mut next = history.clone();        // cheap: days are shared until they change
//!           next.apply(&delta, |number| labels);   // rows, finals and repeats of the batch
//!           next.cover(watermark before, watermark);   // the range that was read completely
//!           next.forget(watermark);                // days that are too old
//!           store next.changes_since(&history) in the same transaction:
//!               write Some(bytes), remove None
//!           after the commit: history = next; detector.scores(&history, &Moment { .. })
//! warm-up   the same with HistoryDelta::between(from, to) and cover(from, to)
//! the page  history.last_day((watermark - 1).hour())
//! ```
//!
//! A row has one date and is never withdrawn, so a delta only adds. The caller must put each row
//! into exactly one delta; the ledger does.
//!
//! | file | owns |
//! | --- | --- |
//! | `history` | the days, and what changes them |
//! | `day` | one day of all options, in memory and as bytes |
//! | `cells` | the counts of one option and day, packed |
//! | `coverage` | the ranges of time that have been read |
//! | `delta` | the counts that a committed batch or a warm-up answer adds |
//! | `moment` | the moment that is judged, and holidays |
//! | `detector` | the scores of a moment, and the state derived for them |
//! | `scores` | the types of the result |
//! | `limits` | every threshold, prior and window length |
//! | `day_forecast` | the expected hits of a day, from earlier weeks |
//! | `option_context` | seen and expected hits in one window, at today's level |
//! | `noise` | an option's variation beyond chance and its usual shares, from four weeks |
//! | `hours` | whether a routing point opens and closes at other times on some days |
//! | `deviance` | the deviance of a count or share from its expectation |
//! | `evaluation_window` | all options before one moment, judged by routing point |
//! | `followers` | the options that lead to others |
//! | `lateness` | how late rows are, and whether the report lags |
//! | `open_falls` | falls and rises that are reported and not over |
//! | `hang_ups` | rises of the share of calls hung up, from a history of their own |
//! | `drop_off`, `surge`, `collapse` | one anomaly each |
//! | `shares` | the anomalies that are shares of hits or calls |

mod cells;
mod collapse;
mod coverage;
mod day;
mod day_forecast;
mod delta;
mod detector;
mod deviance;
mod drop_off;
mod evaluation_window;
mod followers;
mod hang_ups;
mod history;
mod hours;
mod lateness;
mod limits;
mod moment;
mod noise;
mod open_falls;
mod option_context;
mod scores;
mod shares;
mod surge;

#[cfg(test)]
mod detector_tests;
#[cfg(test)]
mod tests;

pub use cells::{TIME_BOUNDS, TIME_BUCKETS};
pub use delta::HistoryDelta;
pub use detector::Detector;
pub use hang_ups::{HangUpDetector, HangUpScore};
pub use history::{DayError, DayHits, History};
pub use limits::LEAST_WEEKS;
pub use moment::{Holidays, Moment};
pub use scores::{Anomaly, OptionScores, PointAnomaly, PointScores, Score, Scores};

use model::LocalSecond;

/// Seconds of a slot, the resolution at which hits are stored.
pub const SLOT: i64 = 300;
/// Slots of a day.
pub const SLOTS: usize = 288;
/// Hours of a day.
pub const HOURS: usize = 24;
/// Seconds of a day of the wall clock.
const DAY: i64 = 86_400;

/// Returns the day that contains a slot; both are counted from 1970.
fn day_of(slot: i64) -> i32 {
    LocalSecond::new(slot * SLOT).day()
}
