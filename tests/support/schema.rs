//! Validates a document against a JSON schema, by those keywords of draft 2020-12 that our own
//! schemas use.
//!
//! A validator's crate would enable features of `regex` that the released exporter lacks, so that
//! the tests would run another exporter. An unknown keyword fails, so that none is ignored.

use std::{fs, path::Path};

use jiff::Timestamp;
use regex::Regex;
use serde_json::Value;

/// A schema.
pub(crate) struct Schema(Value);

impl Schema {
    /// Reads a schema from a file of the repository.
    pub(crate) fn read(path: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_json::from_slice(&text).expect("a schema is JSON"))
    }

    /// Returns the faults of a document, with their places.
    pub(crate) fn faults(&self, document: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(&self.0, document, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let rules = schema.as_object().unwrap_or_else(|| panic!("no schema: {schema}"));
        for (keyword, rule) in rules {
            let list = || rule.as_array().expect("a list").iter();
            let number = || rule.as_u64().expect("a count");
            let good = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "properties" => true,
                "$ref" => {
                    let path = rule
                        .as_str()
                        .and_then(|path| path.strip_prefix('#'))
                        .expect("a local reference");
                    let target =
                        self.0.pointer(path).unwrap_or_else(|| panic!("{path} is not defined"));
                    self.check(target, value, at, faults);
                    true
                }
                "type" if rule.is_array() => list().any(|kind| is(value, kind)),
                "type" => is(value, rule),
                "enum" => list().any(|one| one == value),
                "oneOf" => {
                    let fits = |one: &&Value| {
                        let mut inner = Vec::new();
                        self.check(one, value, at, &mut inner);
                        inner.is_empty()
                    };
                    list().filter(fits).count() == 1
                }
                "required" => {
                    list().all(|name| value.get(name.as_str().expect("a name")).is_some())
                }
                "additionalProperties" => {
                    assert_eq!(rule, false, "only the strict form");
                    let fields = value.as_object().into_iter().flatten();
                    fields.into_iter().all(|(name, _)| rules["properties"].get(name).is_some())
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{n}"), faults);
                    }
                    true
                }
                "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= number()),
                "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= number()),
                "minimum" => {
                    value.as_f64().is_none_or(|value| value >= rule.as_f64().expect("a number"))
                }
                "maximum" => {
                    value.as_f64().is_none_or(|value| value <= rule.as_f64().expect("a number"))
                }
                "pattern" => {
                    let pattern = Regex::new(rule.as_str().expect("a pattern")).expect("a pattern");
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "format" => {
                    assert_eq!(rule, "date-time", "the only format");
                    value.as_str().is_none_or(|text| text.parse::<Timestamp>().is_ok())
                }
                other => panic!("the keyword {other} is not known to this test"),
            };
            if !good {
                faults.push(format!("{at}: {keyword} {rule} does not hold for {value}"));
            }
        }
        for (name, rule) in rules.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            if let Some(field) = value.get(name) {
                self.check(rule, field, &format!("{at}/{name}"), faults);
            }
        }
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type has a name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known to this test"),
    }
}
