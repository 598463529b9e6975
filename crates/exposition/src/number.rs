//! The spelling of numbers in an exposition.
//!
//! Sample values are read back as numbers, so any exact and quick spelling will do. A bucket's `le`
//! is a label that queries compare as text, so [`shortest`] and [`canonical`] spell it as the Go
//! client does; they are not on the fast path.

use std::io::Write as _;

/// Floats without a fraction below this are exactly their integer digits.
const WHOLE: f64 = 1e15;

/// Appends the decimal digits of `value`.
///
/// Written by hand, because `fmt` took most of the time of encoding a large exposition.
pub(super) fn push_u64(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `value` so that it reads back as the same number.
pub(super) fn push_f64(out: &mut Vec<u8>, value: f64) {
    if let Some(name) = not_finite(value) {
        out.extend_from_slice(name.as_bytes());
    } else if value.fract() == 0.0 && value.abs() < WHOLE {
        if value < 0.0 {
            out.push(b'-');
        }
        push_u64(out, value.abs() as u64);
    } else {
        // `{:?}` is the shortest text that reads back, with an exponent where `{}` would write 300
        // digits. Writing to a `Vec` cannot fail.
        let _ = write!(out, "{value:?}");
    }
}

/// Spells a float as Go's `%g` does: `5`, `0.5`, `1e+06`.
pub(super) fn shortest(value: f64) -> String {
    if let Some(name) = not_finite(value) {
        return name.to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => format!("{value}"),
    }
}

/// Spells a float in OpenMetrics' canonical form: [`shortest`], with `.0` if nothing else shows
/// that it is a float.
pub(super) fn canonical(value: f64) -> String {
    let mut text = shortest(value);
    if value.is_finite() && !text.contains(['.', 'e']) {
        text.push_str(".0");
    }
    text
}

fn not_finite(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelled_as_the_go_client_spells_them() {
        // From the last column of OpenMetrics 1.0, "Canonical Numbers", and from Go's `%g`.
        for (value, text, open_metrics) in [
            (0.0, "0", "0.0"),
            (5.0, "5", "5.0"),
            (0.1, "0.1", "0.1"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "1e-05"),
            (1e-10, "1e-10", "1e-10"),
            (2.5, "2.5", "2.5"),
            (100_000.0, "100000", "100000.0"),
            (1_000_000.0, "1e+06", "1e+06"),
            (1_234_567.5, "1.2345675e+06", "1.2345675e+06"),
            (-30.0, "-30", "-30.0"),
            (1e100, "1e+100", "1e+100"),
            (f64::INFINITY, "+Inf", "+Inf"),
        ] {
            assert_eq!((shortest(value).as_str(), canonical(value).as_str()), (text, open_metrics));
        }
    }

    #[test]
    fn whole_numbers_are_written_to_the_last_digit() {
        for value in [0, 7, 10, 1_768_782_812, u64::MAX] {
            let mut out = Vec::new();
            push_u64(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
