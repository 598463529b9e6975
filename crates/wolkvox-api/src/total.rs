//! The line of totals that some reports end with, and the marks by which it is known.
//!
//! It is no row: it is skipped, and counted by itself. It must never be guessed: a row that merely lacks something is
//! no line of totals.

use serde_json::Value;

/// What stands in the line in place of a name or a date, without spaces and colons at its ends.
const MARKS: [&str; 12] = [
    "TOTAL",
    "TOTALS",
    "TOTALES",
    "SUBTOTAL",
    "SUBTOTALES",
    "SUB TOTAL",
    "GRAND TOTAL",
    "TOTAL GENERAL",
    "TOTAL RECORDS",
    "TOTAL ROWS",
    "TOTAL REGISTROS",
    "TOTAL FILAS",
];

/// Whether one of these values is a mark.
pub(super) fn is_marked(values: &[&str]) -> bool {
    values.iter().any(|value| is_mark(value))
}

/// Whether any name or value of an object is a mark.
pub(super) fn is_marked_anywhere(json: &str) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else { return false };
    fields.iter().any(|(name, value)| is_mark(name) || value.as_str().is_some_and(is_mark))
}

fn is_mark(value: &str) -> bool {
    // Of thousands of values none is.
    let is_long_enough = (5..=32).contains(&value.len());
    if !is_long_enough || !value.as_bytes().windows(5).any(|word| word.eq_ignore_ascii_case(b"TOTAL")) {
        return false;
    }
    let value = value.trim_matches(|c: char| !c.is_alphanumeric());
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '-' | '_'));
    // The sum itself may stand behind the word.
    let is_name = |word: &&str| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<String> =
        words.map(|word| word.trim_matches(':')).filter(is_name).map(str::to_uppercase).collect();
    MARKS.contains(&words.join(" ").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_whole_value() {
        for value in [
            "TOTAL",
            "total",
            " Total: ",
            "*** TOTAL ***",
            "Totales",
            "GRAND-TOTAL",
            "sub_total",
            "(TOTAL)",
            "TOTAL 25",
            "Total: 25",
        ] {
            assert!(is_mark(value), "{value}");
        }
        for value in
            ["", "SALDO TOTAL", "TOTALMENTE", "NO TOTAL", "10", "TOTALIZAR", "PAGO TOTAL DE LA DEUDA"]
        {
            assert!(!is_mark(value), "{value}");
        }
    }
}
