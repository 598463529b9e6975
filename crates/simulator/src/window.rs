//! The window of a request: two local moments, both inside, and the rows a server shows for them.
//!
//! Owns the reading of `date_ini` and `date_end`. It must never know about tokens, faults or bytes.

use super::interaction::Row;
use super::traffic::{SimulatedReport, Traffic};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::sync::Arc;

/// Longest window, in days.
const LONGEST: i64 = 31;

/// A closed window of local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    ini: DateTime,
    end: DateTime,
}

impl Window {
    /// Parses both dates. Returns `None` if one is invalid, or [`Window::new`] refuses them.
    pub(super) fn parse(ini: &str, end: &str) -> Option<Self> {
        Self::new(parse_date(ini)?, parse_date(end)?)
    }

    /// Makes the window from `ini` to `end`. Returns `None` where the real server would refuse it:
    /// in the wrong order, or more than 31 days apart.
    pub(super) fn new(ini: DateTime, end: DateTime) -> Option<Self> {
        let longest = ini.checked_add(LONGEST.days()).unwrap_or(DateTime::MAX);
        (ini <= end && end <= longest).then_some(Self { ini, end })
    }

    /// Returns the window of a server that excludes the end; `None` if it is empty.
    pub(super) fn without_last_second(self) -> Option<Self> {
        Self::new(self.ini, self.end.checked_sub(1.second()).ok()?)
    }

    /// Returns the window of a server that looks only at the days.
    pub(super) fn whole_days(self) -> Self {
        Self { ini: self.ini.date().at(0, 0, 0, 0), end: self.end.date().at(23, 59, 59, 0) }
    }

    /// Returns true if it contains a moment.
    pub(super) fn holds(self, moment: Option<Timestamp>, zone: &TimeZone) -> bool {
        moment.is_some_and(|moment| (self.ini..=self.end).contains(&zone.to_datetime(moment)))
    }

    /// Returns the rows of a report that a server shows for this window at `now`, each with its
    /// local date.
    pub(super) fn rows(
        self,
        report: SimulatedReport,
        traffic: &Arc<Traffic>,
        now: Timestamp,
    ) -> impl Iterator<Item = (DateTime, Row)> + Send + use<> {
        let zone = traffic.zone.clone();
        // Where a clock was set back, a local moment happened twice: the window takes both, like a
        // server that compares the texts of dates.
        let first = unix_second(zone.to_ambiguous_timestamp(self.ini).earlier());
        let last = unix_second(zone.to_ambiguous_timestamp(self.end).later());
        let now = now.as_second();
        traffic
            .rows_of(report, first, last.min(now))
            .filter(move |row| row.visible <= now)
            .filter_map(move |row| {
                let local = zone.to_datetime(Timestamp::from_second(row.date).ok()?);
                (self.ini <= local && local <= self.end).then_some((local, row))
            })
    }
}

/// Returns the Unix second of a moment; the far future if it is out of range, as only the last
/// hours of the year 9999 are.
fn unix_second(moment: Result<Timestamp, jiff::Error>) -> i64 {
    moment.map_or(i64::MAX, Timestamp::as_second)
}

/// Parses `YYYYmmddHHMMSS`.
fn parse_date(text: &str) -> Option<DateTime> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = text[..4].parse().ok()?;
    let date = Date::new(year, two_digits(text, 4)?, two_digits(text, 6)?).ok()?;
    let time =
        Time::new(two_digits(text, 8)?, two_digits(text, 10)?, two_digits(text, 12)?, 0).ok()?;
    Some(DateTime::from_parts(date, time))
}

fn two_digits(text: &str, at: usize) -> Option<i8> {
    text[at..at + 2].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::interaction::Late;
    use super::*;
    use jiff::civil::date;

    #[test]
    fn dates_are_fourteen_digits_of_a_real_moment() {
        assert_eq!(parse_date("20260118193431"), Some(date(2026, 1, 18).at(19, 34, 31, 0)));
        for bad in [
            "",
            "2026011819343",
            "20260230000000",
            "20260118250000",
            "2026-01-18 19:34",
            "２０２６",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn windows_are_ordered_and_at_most_31_days() {
        assert!(Window::parse("20260101000000", "20260201000000").is_some());
        assert!(Window::parse("20260101000000", "20260201000001").is_none());
        assert!(Window::parse("20260101000001", "20260101000000").is_none());
        assert!(Window::parse("99991231235959", "99991231235959").is_some());
    }

    fn traffic(zone: &str) -> Arc<Traffic> {
        Arc::new(Traffic {
            seed: 7,
            chance_from: 0,
            zone: TimeZone::get(zone).unwrap(),
            scale: 20.0,
            least_load: 0.0,
            late: Late { share: 0.0, least: 120, most: 21_600 },
            unique_options: false,
            bursts: Vec::new(),
            incidents: Vec::new(),
            unanswerable: None,
            from: i64::MIN,
            until: i64::MAX,
        })
    }

    fn count(traffic: &Arc<Traffic>, ini: &str, end: &str, now: &str) -> usize {
        Window::parse(ini, end)
            .unwrap()
            .rows(SimulatedReport::Diagram13, traffic, now.parse().unwrap())
            .count()
    }

    #[test]
    fn both_ends_are_inside() {
        let traffic = traffic("America/Bogota");
        let now = "2026-01-20T00:00:00Z";
        let whole = count(&traffic, "20260119100000", "20260119100010", now);
        let single: usize = (0..=10)
            .map(|s| format!("202601191000{s:02}"))
            .map(|s| count(&traffic, &s, &s, now))
            .sum();
        assert!(whole > 100);
        assert_eq!(whole, single);
    }

    #[test]
    fn the_end_can_be_left_out() {
        let traffic = traffic("America/Bogota");
        let now = "2026-01-20T00:00:00Z".parse().unwrap();
        let rows = |window: Window| window.rows(SimulatedReport::Diagram13, &traffic, now).count();
        let whole = Window::parse("20260119100000", "20260119100010").unwrap();
        let open = whole.without_last_second().unwrap();
        assert_eq!(Some(open), Window::parse("20260119100000", "20260119100009"));
        assert!(rows(open) < rows(whole));
        assert_eq!(
            Window::parse("20260119100000", "20260119100000").unwrap().without_last_second(),
            None
        );
    }

    #[test]
    fn rows_are_shown_some_seconds_after_their_date() {
        let traffic = traffic("America/Bogota");
        let seen = |now| count(&traffic, "20260119100000", "20260119100000", now);
        assert_eq!(seen("2026-01-19T15:00:01Z"), 0);
        let soon = seen("2026-01-19T15:00:05Z");
        assert!(0 < soon && soon < seen("2026-01-19T15:00:08Z"));
        assert_eq!(seen("2026-01-19T15:00:08Z"), seen("2026-02-19T15:00:08Z"));
    }

    #[test]
    fn an_hour_that_happens_twice_is_asked_for_once() {
        // Madrid set its clocks back from 3:00 to 2:00 on this day.
        let traffic = traffic("Europe/Madrid");
        let now = "2026-01-01T00:00:00Z";
        let start: Timestamp = "2025-10-26T00:00:00Z".parse().unwrap();
        let both = traffic.rows(start.as_second(), start.as_second() + 7_199).count();
        assert_eq!(count(&traffic, "20251026020000", "20251026025959", now), both);
        // An hour that does not happen has no rows, nor has one that no clock will ever reach.
        assert_eq!(count(&traffic, "99991231235959", "99991231235959", now), 0);
        assert_eq!(count(&traffic, "20250330020000", "20250330025959", now), 0);
    }
}
