//! Reads the `date` of a row: local time of the server, in the forms that servers write it.

use jiff::civil::DateTime;

use model::LocalSecond;

/// A date as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowDate {
    /// What the server's own wall clock showed.
    pub local: LocalSecond,
    /// The offset that was written behind it, in seconds east of UTC: the wall clock is the one that it belongs to.
    pub offset: Option<i32>,
}

/// [`RowDate::local`] of a date; see [`read_date`].
pub fn parse_date(text: &str) -> Option<LocalSecond> {
    read_date(text).map(|date| date.local)
}

/// Reads `2026-01-18 19:34:31`, with a `T` between, without seconds, with a fraction (dropped), with an offset behind
/// it (`Z`, `-05:00`, `-0500`, `-05`), or 14 digits. `None` for anything else, and for days that do not exist.
///
/// An offset does not move the date: it tells which clock the server's dates are on, and `doctor` compares it with
/// the zone that is configured.
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
        offset = read_offset(rest.trim_ascii_start())?;
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let local = second_of(digits)?;
    Some(RowDate { local, offset })
}

fn second_of(digits: [u8; 14]) -> Option<LocalSecond> {
    let number =
        |range: std::ops::Range<usize>| digits[range].iter().fold(0i16, |n, d| n * 10 + i16::from(d - b'0'));
    let small = |range| i8::try_from(number(range)).ok();
    let date = DateTime::new(
        number(0..4),
        small(4..6)?,
        small(6..8)?,
        small(8..10)?,
        small(10..12)?,
        small(12..14)?,
        0,
    );
    LocalSecond::of(date.ok()?)
}

/// What follows the seconds, behind their fraction.
fn without_fraction(text: &[u8]) -> Option<&[u8]> {
    let Some(fraction) = text.strip_prefix(b".").or(text.strip_prefix(b",")) else { return Some(text) };
    let end = fraction.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(fraction.len());
    (end > 0).then(|| &fraction[end..])
}

/// The offset that the text is, if it is one; `None` where it is something else.
#[expect(clippy::option_option, reason = "an offset may be absent, and it may be none")]
fn read_offset(text: &[u8]) -> Option<Option<i32>> {
    let (sign, digits) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let two = |pair: &[u8]| {
        let digits = pair.iter().all(u8::is_ascii_digit);
        digits.then(|| i32::from(pair[0] - b'0') * 10 + i32::from(pair[1] - b'0'))
    };
    let (hours, minutes) = match digits.len() {
        2 => (two(digits)?, 0),
        4 => (two(&digits[..2])?, two(&digits[2..])?),
        5 if digits[2] == b':' => (two(&digits[..2])?, two(&digits[3..])?),
        _ => return None,
    };
    (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
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
