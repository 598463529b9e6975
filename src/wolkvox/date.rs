//! Reads the `date` of a row: local time of the server, in the forms that servers write it.

use jiff::{civil::DateTime, tz::Offset};

/// Seconds from 1970-01-01T00:00:00 to `date` on the server's own wall clock, as if no zone existed.
///
/// Accepts `2026-01-18 19:34:31`, a `T` between, a fraction (dropped), a trailing `Z`-less form only, and 14
/// digits. `None` for anything else, and for days that do not exist.
pub fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim().as_bytes();
    let mut digits = [0u8; 14];
    if text.len() == 14 {
        digits.copy_from_slice(text);
    } else {
        let well_placed = text.len() >= 19
            && (text[4], text[7]) == (b'-', b'-')
            && matches!(text[10], b' ' | b'T')
            && (text[13], text[16]) == (b':', b':')
            && (text.len() == 19
                || (text[19] == b'.' && text.len() > 20 && text[20..].iter().all(u8::is_ascii_digit)));
        if !well_placed {
            return None;
        }
        let places = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18];
        for (digit, place) in digits.iter_mut().zip(places) {
            *digit = text[place];
        }
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
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
    )
    .ok()?;
    Offset::UTC.to_timestamp(date).ok().map(jiff::Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::parse_date;

    #[test]
    fn every_form_is_the_same_second() {
        for text in [
            "2026-01-18 19:34:31",
            "2026-01-18T19:34:31",
            "2026-01-18 19:34:31.000",
            "2026-01-18T19:34:31.987654",
            "20260118193431",
            " 2026-01-18 19:34:31 ",
        ] {
            assert_eq!(parse_date(text), Some(1_768_764_871), "{text}");
        }
        assert_eq!(parse_date("1970-01-01 00:00:00"), Some(0));
        assert_eq!(parse_date("2024-02-29 00:00:00"), Some(1_709_164_800));
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
            "2026-01-18 19:34:31Z",
            "2026-01-18 19:34:31.",
            "18/01/2026 19:34:31",
            "2026011819343",
            "2026011819343x",
            "２026-01-18 19:34:31",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}
