//! Numbers, lengths of time and moments as people of both languages write them.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::Language;

const MONTHS_EN: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTHS_ES: [&str; 12] =
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];

/// Formats a length of time, for both languages: `45 s`, `12 min`, `2 h 5 min`, `24 h`, `3 d`.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.abs();
    let minutes = seconds / 60 % 60;
    let hours = seconds / 3600;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..3600 => format!("{minutes} min"),
        3600..172_800 if minutes == 0 => format!("{hours} h"),
        3600..172_800 => format!("{hours} h {minutes} min"),
        _ if hours % 24 == 0 => format!("{} d", hours / 24),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// Formats a duration: `840 ms`, `1.2 s` (in Spanish `1,2 s`), and from ten seconds on as [`span`].
pub fn duration(took: Duration, language: Language) -> String {
    let tenths = (took.as_millis() + 50) / 100;
    let point = if language == Language::En { '.' } else { ',' };
    match took.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        1000..9950 => format!("{}{point}{} s", tenths / 10, tenths % 10),
        _ => span(i64::try_from(took.as_secs()).unwrap_or(i64::MAX)),
    }
}

/// Formats a number with separated thousands: `12,345`. In Spanish a comma means one thing in
/// Bogotá and another in Mexico, so the form is that of the academies: `12 345`, but `1234`.
pub fn count(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let (separator, least) = match language {
        Language::En => (",", 4),
        Language::Es => ("\u{202f}", 5),
    };
    if digits.len() < least {
        return digits;
    }
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * separator.len());
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push_str(separator);
        }
        out.push(digit);
    }
    out
}

/// Formats a moment on a zone's clock: `14:35`, with the date if it is not the day of `now`.
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone, language: Language) -> String {
    let time = zone.to_datetime(at);
    let today = zone.to_datetime(now).date();
    let clock = format!("{:02}:{:02}", time.hour(), time.minute());
    if time.date() == today {
        return clock;
    }
    let months = match language {
        Language::En => MONTHS_EN,
        Language::Es => MONTHS_ES,
    };
    let month = months[usize::from(time.month().unsigned_abs()) - 1];
    let year =
        if time.year() == today.year() { String::new() } else { format!(" {}", time.year()) };
    format!("{} {month}{year}, {clock}", time.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (seconds, text) in [
            (45, "45 s"),
            (-60, "60 s"),
            (600, "10 min"),
            (-18_000, "5 h"),
            (7500, "2 h 5 min"),
            (90_000, "25 h"),
            (2_592_000, "30 d"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn durations() {
        for (millis, english, spanish) in [
            (0, "0 ms", "0 ms"),
            (999, "999 ms", "999 ms"),
            (1000, "1.0 s", "1,0 s"),
            (1250, "1.3 s", "1,3 s"),
            (9949, "9.9 s", "9,9 s"),
            (9950, "9 s", "9 s"),
            (75_000, "75 s", "75 s"),
            (300_000, "5 min", "5 min"),
        ] {
            let took = Duration::from_millis(millis);
            assert_eq!(
                (duration(took, Language::En), duration(took, Language::Es)),
                (english.into(), spanish.into())
            );
        }
    }

    #[test]
    fn counts() {
        for (number, english, spanish) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1000, "1,000", "1000"),
            (12_345, "12,345", "12\u{202f}345"),
            (1_234_567, "1,234,567", "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(
                (count(number, Language::En), count(number, Language::Es)),
                (english.into(), spanish.into())
            );
        }
    }

    #[test]
    fn moments() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let now = "2026-01-02T03:00:00Z".parse().unwrap(); // 22:00 on the first
        for (at, english, spanish) in [
            ("2026-01-02T02:59:59Z", "21:59", "21:59"),
            ("2026-01-02T05:00:00Z", "2 Jan, 00:00", "2 ene, 00:00"),
            ("2025-12-31T17:05:00Z", "31 Dec 2025, 12:05", "31 dic 2025, 12:05"),
        ] {
            let at = at.parse().unwrap();
            assert_eq!(moment(at, now, &zone, Language::En), english);
            assert_eq!(moment(at, now, &zone, Language::Es), spanish);
        }
    }
}
