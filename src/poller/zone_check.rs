//! Checks the configured time zone against the calls of live polls: compares their dates with the
//! seconds in their `conn_id`s.
//!
//! Owns the calls since the last verdict. A wrong zone fails no poll, since only the operator can
//! correct it: the status page, the log and an alert report it.

use tracing::{info, warn};

use crate::wolkvox::{DateShift, DateShifts};

/// Number of calls that a verdict needs, because the dates of a few long calls may be far after
/// their beginning.
const ENOUGH_CALLS: u64 = 20;

/// The comparison of the configured zone with the calls.
#[derive(Debug, Default)]
pub(super) struct ZoneCheck {
    shifts: DateShifts,
    verdict: Option<DateShift>,
}

impl ZoneCheck {
    /// Records the calls of an answer. Returns a new verdict if there are enough calls, and logs a
    /// change.
    pub(super) fn saw(&mut self, server: &str, shifts: &DateShifts) -> Option<DateShift> {
        self.shifts.merge(shifts);
        if self.shifts.calls() < ENOUGH_CALLS {
            return None;
        }
        let verdict = std::mem::take(&mut self.shifts).shift()?;
        let was_wrong = self.wrong().is_some();
        self.verdict = Some(verdict);
        match (was_wrong, verdict.is_wrong_zone()) {
            (false, true) => warn!(
                server,
                seconds_ahead = verdict.seconds,
                calls = verdict.calls,
                "calls are dated that far from the second in their conn_id: the configured time zone is not the server's, and all \
                 figures are told at the wrong time; doctor suggests the zone"
            ),
            (true, false) => {
                info!(server, "the dates of calls agree with the configured time zone again");
            }
            _ => {}
        }
        Some(verdict)
    }

    /// Returns the last verdict if it shows that the zone is wrong.
    pub(super) fn wrong(&self) -> Option<DateShift> {
        self.verdict.filter(|verdict| verdict.is_wrong_zone())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::model::LocalSecond;

    /// Returns `calls` calls dated `after` seconds after their beginning in UTC.
    fn calls(calls: u64, after: i64) -> DateShifts {
        let mut shifts = DateShifts::default();
        (0..calls).for_each(|_| {
            shifts.saw(LocalSecond::new(1_768_782_812 + after), 1_768_782_812, &TimeZone::UTC);
        });
        shifts
    }

    #[test]
    fn a_verdict_needs_enough_calls_and_lasts_until_the_next_one() {
        let mut check = ZoneCheck::default();
        let wrong = |check: &ZoneCheck| check.wrong().map(|shift| shift.seconds);
        for (answer, verdict) in [
            (calls(19, 3605), None),
            (calls(1, 3605), Some(3600)),
            (calls(19, 5), Some(3600)),
            (calls(30, 5), None),
            (calls(20, -7200 + 30), Some(-7200)),
        ] {
            check.saw("0042", &answer);
            assert_eq!(wrong(&check), verdict);
        }
    }
}
