//! Parts of Grafana's JSON that panels and columns share: texts for values, links, thresholds.
//!
//! Owns that JSON. It must never know what is shown.

use serde_json::{Map, Value, json};

use super::text::Language;

/// A text in a colour for a value.
#[derive(Clone, Copy)]
pub(crate) struct Mapping {
    pub(crate) value: &'static str,
    /// Key of the text.
    pub(crate) key: &'static str,
    pub(crate) colour: &'static str,
}

impl Mapping {
    pub(crate) const fn new(value: &'static str, key: &'static str, colour: &'static str) -> Self {
        Self { value, key, colour }
    }
}

/// A link from a number or a cell.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Key of its title.
    pub(crate) key: &'static str,
    /// Address, where `{language}` stands for the language's code.
    pub(crate) url: &'static str,
}

/// A colour from a value on; the first step has no value.
pub(crate) struct Step {
    from: Option<f64>,
    colour: &'static str,
}

impl Step {
    /// Makes the colour below every other step, which is also that of a tile without a value.
    pub(crate) const fn base(colour: &'static str) -> Self {
        Self { from: None, colour }
    }

    pub(crate) const fn from(value: f64, colour: &'static str) -> Self {
        Self { from: Some(value), colour }
    }
}

pub(crate) fn value_mappings(mappings: &[Mapping], language: Language) -> Value {
    let mut options = Map::new();
    for (index, mapping) in mappings.iter().enumerate() {
        let shown = json!({
            "color": mapping.colour, "index": index, "text": language.text(mapping.key),
        });
        options.insert(mapping.value.to_owned(), shown);
    }
    json!({ "options": options, "type": "value" })
}

pub(crate) fn link_json(link: Link, language: Language) -> Value {
    json!({
        "targetBlank": false,
        "title": language.text(link.key),
        "url": link.url.replace("{language}", language.code()),
    })
}

pub(crate) fn threshold_steps(steps: &[Step]) -> Value {
    let steps: Vec<Value> =
        steps.iter().map(|step| json!({ "color": step.colour, "value": step.from })).collect();
    json!({ "mode": "absolute", "steps": steps })
}
