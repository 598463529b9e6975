//! Fuzzes rows: a row that is read from any bytes must have clean labels, and be the same when its
//! JSON is written in another way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wolkvox_exporter::{
    model::Fingerprints,
    wolkvox::{Element, Row, RowParser},
};

const LABEL_LENGTH: usize = 12;

fn check(row: &Row<'_>) {
    for label in [&row.labels.rp_id, &row.labels.channel, &row.labels.option] {
        assert!(!label.is_empty() && label.chars().count() <= LABEL_LENGTH, "{label:?}");
        assert!(!label.contains(char::is_control) && label.trim() == &**label, "{label:?}");
    }
}

/// Returns true if the JSON holds a number with a fraction, which may change a digit when it is
/// written again.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}

fuzz_target!(|input: &[u8]| {
    let parser = RowParser::new(Fingerprints::new([7; 16]), LABEL_LENGTH);
    let Ok(row) = parser.parse(Element::Value(input)) else { return };
    check(&row);
    let Ok(mut value) = serde_json::from_slice::<Value>(input) else { return };
    if has_fraction(&value) {
        return;
    }
    for personal in ["customer_id", "telephone"] {
        value[personal] = "somebody else".into();
    }
    let value = value.to_string();
    let again = parser.parse(Element::Value(value.as_bytes()));
    assert_eq!(again.as_ref(), Ok(&row), "{value}");
});
