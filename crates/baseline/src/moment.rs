//! The moment that is judged, and what is known about it besides the history.
//!
//! Owns the list of holidays. Pure.

use std::collections::BTreeSet;

use super::DAY;
use model::{LocalSecond, LocalStretch, OptionKinds, PointLabels};

/// The moment that the detector judges.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The second before which everything has been read.
    pub watermark: LocalSecond,
    /// The ranges of local time in the last closed window, without their ends: one range, or more
    /// where the clock was changed within it.
    pub window: &'a [LocalStretch],
    /// Returns the idle time of a routing point's journeys, in seconds. Finals and repeats of
    /// younger rows are not known yet.
    pub idle: &'a dyn Fn(&PointLabels) -> i64,
    /// The kinds of options.
    pub kinds: &'a OptionKinds,
    /// Days that the earlier weeks do not predict.
    pub holidays: &'a Holidays,
}

/// Days that are judged by today's level alone, and that are left out as earlier weeks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays(BTreeSet<i32>);

impl Holidays {
    /// Creates the list from dates of the server's wall clock.
    pub fn new(dates: impl IntoIterator<Item = jiff::civil::Date>) -> Self {
        let midnights = dates.into_iter().filter_map(|date| LocalSecond::of(date.at(0, 0, 0, 0)));
        Self(midnights.map(LocalSecond::day).collect())
    }

    /// Returns true if a day (see [`LocalSecond::day`]) is a holiday.
    pub(super) fn has(&self, day: i32) -> bool {
        self.0.contains(&day)
    }
}

/// Returns the midnight at which a day begins, in seconds of the wall clock since 1970.
pub(super) fn midnight(day: i32) -> i64 {
    i64::from(day) * DAY
}
