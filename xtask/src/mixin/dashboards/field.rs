//! What panels and columns write alike of a field: texts for values, links, thresholds, as Grafana's JSON has them.
//!
//! Owns that JSON. It must never know what is shown.

use serde_json::{Map, Value, json};

use super::text::Language;

/// Texts and colours for values.
pub(crate) fn value_mappings(mappings: &[(&str, &str, &str)], language: Language) -> Value {
    let mut options = Map::new();
    for (index, (value, key, colour)) in mappings.iter().enumerate() {
        let shown = json!({ "color": colour, "index": index, "text": language.text(key) });
        options.insert((*value).to_owned(), shown);
    }
    json!({ "options": options, "type": "value" })
}

pub(crate) fn link_json((key, url): (&str, &str), language: Language) -> Value {
    json!({ "targetBlank": false, "title": language.text(key), "url": url.replace("{language}", language.code()) })
}

pub(crate) fn threshold_steps(steps: &[(Option<f64>, &'static str)]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|(value, color)| json!({ "color": color, "value": value })).collect();
    json!({ "mode": "absolute", "steps": steps })
}
