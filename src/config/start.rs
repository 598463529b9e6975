//! The beginning of the counting on the very first start.
//!
//! Owns the notation of `--poll.start-from` and its meaning in a zone. Pure: the clock is a
//! parameter.

use std::{fmt, time::Duration};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    config::read::duration,
    i18n::{Bilingual, bilingual},
};

/// Longest time back. An earlier start is probably a mistake, and would take years of requests.
const OLDEST: Duration = Duration::from_secs(3660 * 86400);

/// The origin: rows dated before it are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFrom {
    /// The moment of the first start.
    Now,
    /// A duration before the moment of the first start.
    Back(Duration),
    /// A date and time of the server's own clock.
    At(DateTime),
}

impl StartFrom {
    /// Returns the time before the first start, unless it is a fixed date.
    pub fn ago(&self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::Back(back) => Some(*back),
            Self::At(_) => None,
        }
    }

    /// Returns the instant for a server in `zone`, if the first start is at `now`.
    ///
    /// A local time that a change of clocks repeats is its first occurrence, so that nothing is
    /// left out.
    ///
    /// # Errors
    /// A reason for people, if the instant lies in the future or more than ten years back.
    pub fn instant(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Bilingual> {
        let instant = match self {
            Self::Now => Ok(now),
            Self::Back(back) => now.checked_sub(*back),
            Self::At(local) => zone.to_ambiguous_timestamp(*local).compatible(),
        };
        match instant {
            Ok(instant) if instant > now => Err(bilingual!(
                "{self} lies in the future of a server's clock",
                "{self} es posterior a la hora del servidor"
            )),
            Ok(instant) if now.duration_since(instant).unsigned_abs() <= OLDEST => Ok(instant),
            _ => Err(bilingual!(
                "{self} is more than ten years back",
                "{self} fue hace más de diez años"
            )),
        }
    }
}

impl fmt::Display for StartFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Back(back) => f.write_str(&duration::show(*back)),
            Self::At(local) => local.fmt(f),
        }
    }
}

/// Reads `now`, a duration back, or a local date with or without a time.
pub(crate) fn parse(text: &str) -> Result<StartFrom, Bilingual> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(StartFrom::Now);
    }
    // A text that begins like a year is a date, so that a mistake in it is not reported as a bad
    // duration.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 4 && text.as_bytes().get(4) == Some(&b'-') {
        return parse_local(text).map(StartFrom::At);
    }
    match duration::parse_seconds(text) {
        Ok(back) => Ok(StartFrom::Back(back)),
        Err(reason) => Err(bilingual!(in reason:
            "{reason}; or `now`, or a local date-time like 2026-01-18T00:00:00",
            "{reason}; o `now`, o una fecha y hora local como 2026-01-18T00:00:00"
        )),
    }
}

fn parse_local(text: &str) -> Result<DateTime, Bilingual> {
    // jiff would ignore an offset or a zone, but whoever wrote one meant it.
    let time = text.get(10..).unwrap_or_default();
    if time.contains(['Z', 'z', '+', '-', '[']) {
        return Err(bilingual!(
            "{text:?} names a zone: write the server's local time, and its zone in `timezone`",
            "{text:?} nombra una zona: escriba la hora local del servidor, y su zona en `timezone`"
        ));
    }
    text.parse().map_err(|reason| {
        bilingual!(
            "{text:?} is not a local date-time like 2026-01-18T00:00:00 ({reason})",
            "{text:?} no es una fecha y hora local como 2026-01-18T00:00:00 ({reason})"
        )
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn reads_each_form() {
        let midnight = StartFrom::At(date(2026, 1, 18).at(0, 0, 0, 0));
        for (text, expected) in [
            ("now", StartFrom::Now),
            (" NOW ", StartFrom::Now),
            ("24h", StartFrom::Back(Duration::from_secs(86400))),
            ("2d", StartFrom::Back(Duration::from_secs(172_800))),
            ("2026-01-18", midnight),
            ("2026-01-18 00:00:00", midnight),
            ("2026-01-18T00:00:00", midnight),
            ("2026-01-18T07:30", StartFrom::At(date(2026, 1, 18).at(7, 30, 0, 0))),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
            assert_eq!(parse(&expected.to_string()), Ok(expected), "{text} shown");
        }
    }

    #[test]
    fn refuses_what_it_would_misread() {
        for (text, remedy) in [
            ("2026-01-18T00:00:00Z", "names a zone"),
            ("2026-01-18T00:00:00-05:00", "names a zone"),
            ("2026-01-18T00:00:00[America/Bogota]", "names a zone"),
            ("2026-02-30", "not a local date-time"),
            ("2026-01", "not a local date-time"),
            ("yesterday", "or `now`"),
            ("300", "needs a unit"),
            ("", "or `now`"),
            ("-2d", "leave the sign away"),
        ] {
            let refusal = parse(text).expect_err(text).to_string();
            assert!(refusal.contains(remedy), "{text}: {refusal}");
        }
    }

    #[test]
    fn is_an_instant_of_the_servers_clock() {
        let now: Timestamp = "2026-01-18T12:00:00Z".parse().expect("a timestamp");
        let bogota = TimeZone::get("America/Bogota").expect("bundled");
        let instant =
            |text: &str| parse(text).expect(text).instant(now, &bogota).map(|at| at.to_string());
        assert_eq!(instant("now").as_deref(), Ok("2026-01-18T12:00:00Z"));
        assert_eq!(instant("24h").as_deref(), Ok("2026-01-17T12:00:00Z"));
        assert_eq!(instant("2026-01-18").as_deref(), Ok("2026-01-18T05:00:00Z"));
        assert!(instant("2026-01-18T07:00:01").expect_err("later").to_string().contains("future"));
        assert!(instant("2016-01-01").expect_err("old").to_string().contains("ten years"));
        assert!(instant("99999d").expect_err("old").to_string().contains("ten years"));
    }

    #[test]
    fn a_repeated_hour_begins_at_its_first_occurrence() {
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().expect("a timestamp");
        let new_york = TimeZone::get("America/New_York").expect("bundled");
        let at = parse("2026-11-01T01:30:00").expect("a date").instant(now, &new_york);
        assert_eq!(at.map(|at| at.to_string()).as_deref(), Ok("2026-11-01T05:30:00Z"));
    }
}
