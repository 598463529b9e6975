//! Baseline: what was usual for each menu option, and how unlike it the present is.
//!
//! Owns the history of five weeks and the detector that reads it. Pure: no clock, no disk, no
//! network. Time comes in and goes out as [`LocalSecond`], as rows are dated; inside it is counted
//! in slots, hours and days of the wall clock. It must never be fed anything personal, and never
//! takes what was not read for zero: a stretch of time counts only once it is marked as covered.
//!
//! # How it is used
//!
//! ```text
//! start     History::new, then load each stored day
//! a poll    let mut next = history.clone();            // cheap: days are shared until they change
//!           next.apply(&delta, |number| labels);       // rows, finals and repeats of the committed step
//!           next.cover(watermark before, watermark);   // what has been read whole
//!           next.forget(watermark);                    // days that are too old
//!           store next.changes_since(&history) in the same transaction: Some(bytes) written, None removed
//!           after the commit: history = next; detector.scores(&history, &Moment { .. })
//! warm-up   the same with HistoryDelta::between(from, to) and cover(from, to)
//! the page  history.last_day((watermark - 1).hour())
//! ```
//!
//! A row is dated once and never taken back, so a delta only adds. Whoever applies a delta has made
//! sure that each row is in one delta only; that is the ledger's work.
//!
//! | file | owns |
//! | --- | --- |
//! | `history` | the days, and what changes them |
//! | `day` | one day of all options, in memory and as bytes |
//! | `cells` | the counts of one option and day, packed |
//! | `coverage` | which stretches of time have been read |
//! | `delta` | what a committed step or a warm-up answer adds |
//! | `moment` | what the detector is asked about, holidays |
//! | `detector` | the scores of a moment, and what is derived for them |
//! | `scores` | the shape of the answer |
//! | `limits` | every number that decides |
//! | `day_forecast` | what earlier weeks let expect of a day |
//! | `option_context` | seen and expected in one window, at today's level |
//! | `noise` | how much an option varies beside chance, and its usual shares, learnt from the last four weeks |
//! | `hours` | whether a routing point opens and closes at other times on some days |
//! | `deviance` | how unlikely a count is |
//! | `evaluation_window` | all options before one moment, judged one routing point after the other |
//! | `followers` | which options lead to others |
//! | `lateness` | how late rows are, and whether the report lags |
//! | `open_falls` | falls that are reported and not over |
//! | `hang_ups` | calls hung up unlike usual, from a history of their own |
//! | `drop_off`, `surge`, `shares`, `collapse` | one anomaly each; `shares` the four that are shares, and entries of nothing |

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
pub use moment::{Holidays, Moment};
pub use scores::{Anomaly, OptionScores, PointAnomaly, PointScores, Score, Scores};

use model::LocalSecond;

/// Seconds of a slot, the step of time in which hits are kept.
pub const SLOT: i64 = 300;
/// Slots of a day.
pub const SLOTS: usize = 288;
/// Hours of a day.
pub const HOURS: usize = 24;
/// Seconds of a day of the wall clock.
const DAY: i64 = 86_400;

/// The day of a slot; both are counted from 1970.
fn day_of(slot: i64) -> i32 {
    LocalSecond::new(slot * SLOT).day()
}
