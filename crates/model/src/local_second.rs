//! A second of a server's wall clock, such as the date of a row.
//!
//! Owns the type that keeps such seconds apart from Unix seconds, and the conversion from and to a
//! civil time. It must never know a zone: `schedule` knows at which moment a clock showed a second.

use std::ops::{Add, Sub};

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde::{Deserialize, Serialize};

/// The time on a wall clock, as seconds from 1970-01-01T00:00:00 without a zone. Dates of rows are
/// kept and compared in this form. An hour that the clock shows twice has the same seconds twice.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LocalSecond(i64);

/// A part of a wall clock's time: its first second, and the first one after it.
pub type LocalStretch = (LocalSecond, LocalSecond);

impl LocalSecond {
    /// Before every date.
    pub const MIN: Self = Self(i64::MIN);
    /// After every date.
    pub const MAX: Self = Self(i64::MAX);

    /// Makes the second that is this many seconds after the wall clock's 1970-01-01T00:00:00.
    #[inline]
    #[must_use]
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the second at which the clock shows `time`; `None` in the last hours of the last
    /// year, which no moment reaches.
    #[must_use]
    pub fn of(time: DateTime) -> Option<Self> {
        Offset::UTC.to_timestamp(time).ok().map(|as_if_utc| Self(as_if_utc.as_second()))
    }

    /// Returns the number, for tables and for arithmetic on the wall clock.
    #[inline]
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the civil time that the clock shows at this second, unless it is out of range.
    #[must_use]
    pub fn civil(self) -> Option<DateTime> {
        Timestamp::from_second(self.0).ok().map(|as_if_utc| Offset::UTC.to_datetime(as_if_utc))
    }

    /// Adds seconds; the result is [`LocalSecond::MAX`] at most.
    #[inline]
    #[must_use]
    pub const fn saturating_add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Subtracts seconds; the result is [`LocalSecond::MIN`] at least.
    #[inline]
    #[must_use]
    pub const fn saturating_sub(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Returns its hour, counted from 1970.
    #[inline]
    #[must_use]
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(3600)
    }

    /// Returns its day, counted from 1970.
    #[inline]
    #[must_use]
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(86_400)).unwrap_or(if self.0 < 0 {
            i32::MIN
        } else {
            i32::MAX
        })
    }
}

impl From<DateTime> for LocalSecond {
    /// Converts as [`LocalSecond::of`] does; a time that has no second is after every date.
    fn from(time: DateTime) -> Self {
        Self::of(time).unwrap_or(Self::MAX)
    }
}

impl Add<i64> for LocalSecond {
    type Output = Self;

    #[inline]
    fn add(self, seconds: i64) -> Self {
        Self(self.0 + seconds)
    }
}

impl Sub<i64> for LocalSecond {
    type Output = Self;

    #[inline]
    fn sub(self, seconds: i64) -> Self {
        Self(self.0 - seconds)
    }
}

impl Sub for LocalSecond {
    type Output = i64;

    #[inline]
    fn sub(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_and_hours_are_those_in_which_a_second_lies() {
        for (second, hour, day) in
            [(-1, -1, -1), (0, 0, 0), (3599, 0, 0), (86_399, 23, 0), (86_400, 24, 1)]
        {
            let second = LocalSecond::new(second);
            assert_eq!((second.hour(), second.day()), (hour, day), "{second:?}");
        }
        assert_eq!((LocalSecond::MIN.day(), LocalSecond::MAX.day()), (i32::MIN, i32::MAX));
    }

    #[test]
    fn what_no_clock_shows_has_no_civil_time() {
        assert_eq!((LocalSecond::MIN.civil(), LocalSecond::MAX.civil()), (None, None));
        assert_eq!(
            (LocalSecond::of(DateTime::MAX), LocalSecond::from(DateTime::MAX)),
            (None, LocalSecond::MAX)
        );
        assert_eq!(
            (LocalSecond::MAX.saturating_add(1), LocalSecond::MIN.saturating_sub(1)),
            (LocalSecond::MAX, LocalSecond::MIN)
        );
    }

    proptest! {
        #[test]
        fn a_civil_time_comes_back(second in -60_000_000_000i64..200_000_000_000, apart in -100_000i64..100_000) {
            let (one, other) = (LocalSecond::new(second), LocalSecond::new(second) + apart);
            prop_assert_eq!(LocalSecond::from(one.civil().unwrap()), one);
            prop_assert_eq!((other - one, other - apart), (apart, one));
            let span = other.civil().unwrap().duration_since(one.civil().unwrap());
            prop_assert_eq!(span.as_secs(), apart);
        }

        #[test]
        fn the_state_file_holds_it_as_the_bare_number(second: i64) {
            let bytes = postcard::to_extend(&LocalSecond::new(second), Vec::new()).unwrap();
            prop_assert_eq!(&bytes, &postcard::to_extend(&second, Vec::new()).unwrap());
            prop_assert_eq!(postcard::from_bytes::<LocalSecond>(&bytes).unwrap(), LocalSecond::new(second));
        }
    }
}
