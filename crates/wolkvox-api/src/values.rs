//! The meaning of JSON values in fields that report an outcome: nothing, a failure, or words.

use serde_json::Value;

/// Returns true for each of the ways to write that there is nothing.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(
            text.trim().to_ascii_lowercase().as_str(),
            "" | "null" | "false" | "0" | "[]" | "{}" | "none"
        ),
        Value::Array(items) => items.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// Returns true if a field such as `status` reports a failure.
pub(super) fn is_failure(value: &Value) -> bool {
    match value {
        Value::Bool(well) => !well,
        Value::Number(number) => number.as_f64().is_some_and(|code| code >= 400.0),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            text.parse::<f64>().is_ok_and(|code| code >= 400.0)
                || ["err", "fail", "false", "denied", "unauthori", "forbidden"]
                    .iter()
                    .any(|bad| text.starts_with(bad))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Returns true if a field such as `status` reports a success.
pub(super) fn is_well(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(well) => *well,
        Value::Number(number) => number.as_f64().is_some_and(|code| code < 2.0 || code == 200.0),
        Value::String(text) => matches!(
            text.trim().to_ascii_lowercase().as_str(),
            "" | "ok"
                | "success"
                | "successful"
                | "true"
                | "200"
                | "200 ok"
                | "0"
                | "1"
                | "done"
                | "exitoso"
        ),
        Value::Array(_) | Value::Object(_) => is_nothing(value),
    }
}

/// Returns the texts within a value, joined by spaces.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().eq_ignore_ascii_case("null") => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => joined(items.iter()),
        Value::Object(fields) => joined(fields.values()),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(words).filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}
