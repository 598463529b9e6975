//! Reads the `date` of a row: local time of the server, in the forms that servers write it.

use jiff::civil::DateTime;

use model::LocalSecond;

/// A date as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowDate {
    /// The time on the server's wall clock.
    pub local: LocalSecond,
    /// The offset of that clock in seconds east of UTC, if one was written.
    pub offset: Option<i32>,
}

/// Reads a date and returns its [`RowDate::local`]; see [`read_date`].
pub fn parse_date(text: &str) -> Option<LocalSecond> {
    read_date(text).map(|date| date.local)
}

/// Reads `2026-01-18 19:34:31`, with a `T` between, without seconds, with a fraction (dropped),
/// with an offset after it (`Z`, `-05:00`, `-0500`, `-05`), or 14 digits. `None` for anything else,
/// and for days that do not exist.
///
/// An offset does not move the date: it tells which clock the server's dates are on, and `doctor`
/// compares it with the zone that is configured.
pub fn read_date(text: &str) -> Option<RowDate> {
    let text = text.trim().as_bytes();
    let mut digits = [b'0'; 14];
    let mut offset = None;
    if text.len() == 14 && text.iter().all(u8::is_ascii_digit) {
        digits.copy_from_slice(text);
    } else {
        let well_placed = text.len() >= 16
            && (text[4], text[7], text[13]) == (b'-', b'-', b':')
            && matches!(text[10], b' ' | b'T' | b't');
        if !well_placed {
            return None;
        }
        let has_seconds = text.get(16) == Some(&b':');
        let mut rest = &text[16..];
        let places: &[usize] = if has_seconds {
            rest = without_fraction(text.get(19..)?)?;
            &[0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
        } else {
            &[0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15]
        };
        for (digit, place) in digits.iter_mut().zip(places) {
            *digit = text[*place];
        }
        offset = match rest.trim_ascii_start() {
            [] => None,
            text => Some(read_offset(text)?),
        };
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let local = second_of(digits)?;
    Some(RowDate { local, offset })
}

fn second_of(digits: [u8; 14]) -> Option<LocalSecond> {
    let year = i16::from(two(digits[0], digits[1])) * 100 + i16::from(two(digits[2], digits[3]));
    let date = DateTime::new(
        year,
        two(digits[4], digits[5]),
        two(digits[6], digits[7]),
        two(digits[8], digits[9]),
        two(digits[10], digits[11]),
        two(digits[12], digits[13]),
        0,
    );
    LocalSecond::of(date.ok()?)
}

/// Returns the number of two digits.
fn two(tens: u8, ones: u8) -> i8 {
    ((tens - b'0') * 10 + (ones - b'0')) as i8
}

/// Returns the text after the fraction of the seconds, if there is one.
fn without_fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = text.strip_prefix(b".").or(text.strip_prefix(b",")) else {
        return Some(text);
    };
    let end = fraction.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
    (end > 0).then(|| &fraction[end..])
}

/// Reads an offset, in seconds east of UTC.
fn read_offset(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let [h1, h2, m1, m2] = match *digits {
        [h1, h2] => [h1, h2, b'0', b'0'],
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => [h1, h2, m1, m2],
        _ => return None,
    };
    if ![h1, h2, m1, m2].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let hours = i32::from(two(h1, h2));
    let minutes = i32::from(two(m1, m2));
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::{RowDate, parse_date, read_date};
    use model::LocalSecond;

    #[test]
    fn every_form_is_the_same_second() {
        for text in [
            "2026-01-18 19:34:31",
            "2026-01-18T19:34:31",
            "2026-01-18 19:34:31.000",
            "2026-01-18T19:34:31.987654",
            "20260118193431",
            " 2026-01-18 19:34:31 ",
            "2026-01-18 19:34:31,5",
            "2026-01-18T19:34:31Z",
            "2026-01-18t19:34:31.123z",
            "2026-01-18T19:34:31-05:00",
            "2026-01-18 19:34:31.000 -0500",
            "2026-01-18 19:34:31+05",
        ] {
            assert_eq!(parse_date(text), Some(LocalSecond::new(1_768_764_871)), "{text}");
        }
        for text in ["2026-01-18 19:34", "2026-01-18T19:34Z", "2026-01-18T19:34-05:00"] {
            assert_eq!(parse_date(text), Some(LocalSecond::new(1_768_764_840)), "{text}");
        }
        for (text, offset) in [
            ("2026-01-18 19:34:31", None),
            ("20260118193431", None),
            ("2026-01-18T19:34:31Z", Some(0)),
            ("2026-01-18T19:34:31-05:00", Some(-18_000)),
            ("2026-01-18T19:34:31+0530", Some(19_800)),
        ] {
            let local = LocalSecond::new(1_768_764_871);
            assert_eq!(read_date(text), Some(RowDate { local, offset }), "{text}");
        }
        assert_eq!(parse_date("1970-01-01 00:00:00"), Some(LocalSecond::new(0)));
        assert_eq!(parse_date("2024-02-29 00:00:00"), Some(LocalSecond::new(1_709_164_800)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "-",
            "0000-00-00 00:00:00",
            "2026-02-30 00:00:00",
            "2026-01-18",
            "2026-01-18 24:00:00",
            "2026-01-18 19:34:31.",
            "2026-01-18 19:34:",
            "2026-01-18 19:34:3",
            "2026-01-18 19",
            "2026-01-18 07:34:31 PM",
            "2026-01-18 19:34 h",
            "2026-01-18 19:34:31 UTC",
            "2026-01-18T19:34:31-5",
            "2026-01-18T19:34:31+99:00",
            "2026-01-18T19:34:31-05:xx",
            "2026/01/18 19:34:31",
            "01/18/2026 19:34",
            "18/01/2026 19:34:31",
            "2026011819343",
            "2026011819343x",
            "２026-01-18 19:34:31",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
