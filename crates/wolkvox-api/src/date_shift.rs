//! The distance of the dates of calls from the Unix seconds in their `conn_id`s, which shows
//! whether the configured time zone is the server's.
//!
//! Keeps counts by distance, and nothing of the identifiers themselves.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use model::LocalSecond;

/// Zones differ by whole quarters of an hour, in seconds.
const QUARTER: i64 = 900;
/// Seconds by which a row may be dated before the second in its `conn_id`, which comes from another
/// machine's clock.
const SLACK: i64 = 60;
/// Tolerated distance, in seconds: long calls may be dated by their end, and zones that people mix
/// up differ by half an hour or more.
const TOLERATED: i64 = 1800;

/// Distances seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DateShifts {
    /// Calls by distance, in seconds rounded down to quarters of an hour.
    calls: BTreeMap<i64, u64>,
}

/// The distance of dates from what the time zone would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateShift {
    /// Seconds by which the dates are ahead: a multiple of 15 minutes.
    pub seconds: i64,
    /// Calls that were examined.
    pub calls: u64,
}

impl DateShift {
    /// Returns true if the distance is too large for any call, so that the zone must be wrong.
    pub fn is_wrong_zone(self) -> bool {
        self.seconds.abs() >= TOLERATED
    }
}

impl DateShifts {
    /// Records a row dated `date` of a call that began at `began` (Unix seconds), if the server's
    /// clock is in `zone`.
    pub fn saw(&mut self, date: LocalSecond, began: i64, zone: &TimeZone) {
        let Ok(moment) = Timestamp::from_second(began) else { return };
        let ahead = date - LocalSecond::from(zone.to_datetime(moment));
        *self.calls.entry((ahead + SLACK).div_euclid(QUARTER) * QUARTER).or_default() += 1;
    }

    /// Adds the calls of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (shift, calls) in &other.calls {
            *self.calls.entry(*shift).or_default() += calls;
        }
    }

    /// Calls that were looked at.
    pub fn calls(&self) -> u64 {
        self.calls.values().sum()
    }

    /// The distance; `None` where no row was of a call.
    ///
    /// A row is dated at or after the beginning of its call, so the shortest calls are the most
    /// exact. The distance is the one that a tenth of all calls do not exceed, so that a few odd
    /// `conn_id`s do not decide.
    pub fn shift(&self) -> Option<DateShift> {
        let calls = self.calls();
        let mut so_far = 0;
        let (seconds, _) = self.calls.iter().find(|(_, count)| {
            so_far += **count;
            so_far * 10 >= calls
        })?;
        Some(DateShift { seconds: *seconds, calls })
    }
}

/// The Unix second at which a call began, which is the fourth part of
/// `6736.4628.1040.1768782812.1814`.
pub(super) fn call_began(conn_id: &str) -> Option<i64> {
    let mut parts = conn_id.split('.');
    let began = parts.nth(3)?;
    let is_whole = parts.next().is_some() && parts.next().is_none();
    let is_second = began.len() == 10 && began.bytes().all(|byte| byte.is_ascii_digit());
    (is_whole && is_second).then(|| began.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_calls_tell_whether_the_zone_is_right() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let began = 1_768_782_812; // 2026-01-18 19:33:32 in Bogotá
        let shown = LocalSecond::from(zone.to_datetime(Timestamp::from_second(began).unwrap()));
        // Seconds by which the rows of calls are dated after the call began in that zone.
        for (dates, seconds, is_wrong) in [
            (vec![5, 40, 200, 3000], 0, false),
            (vec![-30, 2], 0, false),
            (vec![3600, 3620, 7300], 3600, true),
            (vec![-3600, -3590, -3100], -3600, true),
            (vec![1000, 1100], 900, false),
            (vec![5; 9].into_iter().chain([-86_400]).collect(), -86_400, true),
            (vec![5; 19].into_iter().chain([-86_400]).collect(), 0, false),
        ] {
            let mut shifts = DateShifts::default();
            for after in &dates {
                shifts.saw(shown + *after, began, &zone);
            }
            let shift = shifts.shift().unwrap();
            assert_eq!((shift.seconds, shift.is_wrong_zone()), (seconds, is_wrong), "{dates:?}");
        }
        assert_eq!(DateShifts::default().shift(), None);
    }

    #[test]
    fn only_identifiers_of_calls_hold_a_second() {
        for (conn_id, began) in [
            ("6736.4628.1040.1768782812.1814", Some(1_768_782_812)),
            ("65f1a2b3c4d5e6f708192a3b", None),
            ("1.2.3.1768782812", None),
            ("1.2.3.1768782812.4.5", None),
            ("1.2.3.176878281.4", None),
            ("1.2.3.17687828x2.4", None),
            ("", None),
        ] {
            assert_eq!(call_began(conn_id), began, "{conn_id}");
        }
    }
}
