//! The moment that is judged, and what is known about it beside the history.

use std::collections::BTreeSet;

use super::DAY;
use model::{LocalSecond, LocalStretch, OptionKinds, PointLabels};

/// The moment that the detector judges.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// Everything before it has been read.
    pub watermark: LocalSecond,
    /// The times on the wall clock in the last closed window, without the ends: one stretch, or
    /// more where the clock was set in between.
    pub window: &'a [LocalStretch],
    /// Seconds for which an interaction of a routing point may be quiet before its journey is over:
    /// finals and repeats of younger rows are not known yet.
    pub idle: &'a dyn Fn(&PointLabels) -> i64,
    /// The meanings of options.
    pub kinds: &'a OptionKinds,
    /// Days that are like no other.
    pub holidays: &'a Holidays,
}

/// Days that are judged by today's level alone, and that say nothing about the weeks after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holidays(BTreeSet<i32>);

impl Holidays {
    /// From dates of the server's wall clock.
    pub fn new(dates: impl IntoIterator<Item = jiff::civil::Date>) -> Self {
        let day =
            |date: jiff::civil::Date| LocalSecond::of(date.at(0, 0, 0, 0)).map(LocalSecond::day);
        Self(dates.into_iter().filter_map(day).collect())
    }

    /// Returns true if a day (see [`LocalSecond::day`]) is one.
    pub(super) fn has(&self, day: i32) -> bool {
        self.0.contains(&day)
    }
}

/// The midnight at which a day begins, in bare seconds of the wall clock.
pub(super) fn midnight(day: i32) -> i64 {
    i64::from(day) * DAY
}
