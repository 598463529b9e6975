//! Recognises the line of totals at the end of some reports by its marks.
//!
//! The line is not a row: it is skipped, and counted separately. A row that merely lacks a field
//! must never be taken for one.

use serde_json::Value;

/// Words in the line in place of a name or a date, without spaces and colons at their ends.
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

/// Returns true if one of these values is a mark.
pub(super) fn is_marked(values: &[&str]) -> bool {
    values.iter().any(|value| is_mark(value))
}

/// Returns true if any name or value of an object is a mark.
pub(super) fn is_marked_anywhere(json: &str) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else { return false };
    fields.iter().any(|(name, value)| is_mark(name) || value.as_str().is_some_and(is_mark))
}

fn is_mark(value: &str) -> bool {
    // A cheap check first, because hardly any value is a mark.
    let is_long_enough = (5..=32).contains(&value.len());
    if !is_long_enough
        || !value.as_bytes().windows(5).any(|word| word.eq_ignore_ascii_case(b"TOTAL"))
    {
        return false;
    }
    let value = value.trim_matches(|c: char| !c.is_alphanumeric());
    let words = value.split(|c: char| c.is_whitespace() || matches!(c, '-' | '_'));
    // The sum itself may follow the word.
    let words: Vec<String> = words
        .map(|word| word.trim_matches(':'))
        .filter(|word| !word.is_empty() && !word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(str::to_uppercase)
        .collect();
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
        for value in [
            "",
            "SALDO TOTAL",
            "TOTALMENTE",
            "NO TOTAL",
            "10",
            "TOTALIZAR",
            "PAGO TOTAL DE LA DEUDA",
        ] {
            assert!(!is_mark(value), "{value}");
        }
    }
}
