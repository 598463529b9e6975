//! The columns of a table: which field, what it is called, how wide it is and how its cells look.
//!
//! Owns that every column has a width, so that none is pushed beyond the right edge, and that the fields that only
//! links need are there and not seen. It must never hold a query.

use serde_json::{Map, Value, json};

use super::{
    field::{link_json, value_mappings},
    text::Language,
};

/// Labels that links read and nobody needs to see.
const FOR_LINKS: [&str; 3] = ["server", "rp_id", "cod_opc_menu"];

/// A value, a key of the text table, a colour.
pub(crate) type Mapping = (&'static str, &'static str, &'static str);

/// A column of a table.
pub(crate) struct Column {
    field: &'static str,
    key: &'static str,
    /// Pixels, and whether it may be wider.
    width: (u32, bool),
    properties: Vec<(&'static str, Value)>,
    mappings: Vec<Mapping>,
    regex: Option<&'static str>,
    links: Vec<(&'static str, &'static str)>,
}

impl Column {
    /// A label (`description`), a query's value (`Value #A`) or its curve (`Trend #F`), titled by a key of the table.
    pub(crate) fn new(field: &'static str, key: &'static str, width: u32) -> Self {
        let (properties, mappings, links) = (Vec::new(), Vec::new(), Vec::new());
        Self { field, key, width: (width, false), properties, mappings, regex: None, links }
    }

    /// Takes what room there is.
    pub(crate) fn growing(mut self) -> Self {
        self.width.1 = true;
        self
    }

    pub(crate) fn unit(self, unit: &'static str) -> Self {
        self.with("unit", json!(unit))
    }

    /// A bar from 0 to the largest number of the column, with the number.
    pub(crate) fn gauge(self, colour: &'static str) -> Self {
        self.with("min", json!(0)).with("color", json!({ "fixedColor": colour, "mode": "fixed" })).with(
            "custom.cellOptions",
            json!({ "mode": "basic", "type": "gauge", "valueDisplayMode": "text" }),
        )
    }

    pub(crate) fn sparkline(self) -> Self {
        self.with("color", json!({ "fixedColor": "blue", "mode": "fixed" })).with(
            "custom.cellOptions",
            json!({ "drawStyle": "line", "fillOpacity": 15, "hideValue": true, "lineWidth": 1, "type": "sparkline" }),
        )
    }

    /// Shows texts (keys of the table) in colours for the values of a label.
    pub(crate) fn mapped(mut self, mappings: &[Mapping]) -> Self {
        self.mappings.extend(mappings);
        self.with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// Shows signs for ranges of numbers: up to and without which, sign, colour; the last up to infinity.
    pub(crate) fn signs(self, signs: &[(f64, &'static str, &'static str)]) -> Self {
        let mut from = -1e9;
        let ranges: Vec<Value> = signs
            .iter()
            .enumerate()
            .map(|(index, (to, sign, colour))| {
                let result = json!({ "color": colour, "index": index, "text": sign });
                let range =
                    json!({ "options": { "from": from, "result": result, "to": to }, "type": "range" });
                from = *to;
                range
            })
            .collect();
        self.with("mappings", json!(ranges))
            .with("custom.align", json!("center"))
            .with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    /// Writes the whole value of a label into the text of this key, at `$1`.
    pub(crate) fn within(mut self, key: &'static str) -> Self {
        self.regex = Some(key);
        self
    }

    /// A link: its title's key, and where to. `{language}` stands for the language's code.
    pub(crate) fn link(mut self, key: &'static str, url: &'static str) -> Self {
        self.links.push((key, url));
        self
    }

    fn with(mut self, property: &'static str, value: Value) -> Self {
        self.properties.push((property, value));
        self
    }

    fn to_json(&self, language: Language) -> Value {
        let width = if self.width.1 { "custom.minWidth" } else { "custom.width" };
        let mut properties = vec![json!({ "id": width, "value": self.width.0 })];
        properties.extend(self.properties.iter().map(|(id, value)| json!({ "id": id, "value": value })));
        let mut mappings = Vec::new();
        if !self.mappings.is_empty() {
            mappings.push(value_mappings(&self.mappings, language));
        }
        if let Some(key) = self.regex {
            let result = json!({ "index": 0, "text": language.text(key) });
            mappings.push(json!({ "options": { "pattern": "(.+)", "result": result }, "type": "regex" }));
        }
        if !mappings.is_empty() {
            properties.push(json!({ "id": "mappings", "value": mappings }));
        }
        if !self.links.is_empty() {
            let links: Vec<Value> = self.links.iter().map(|link| link_json(*link, language)).collect();
            properties.push(json!({ "id": "links", "value": links }));
        }
        by_name(language.text(self.key), &properties)
    }

    /// How the columns look, and which fields are not seen.
    pub(crate) fn overrides(columns: &[Self], language: Language) -> Vec<Value> {
        let hidden = FOR_LINKS.iter().filter(|label| !columns.iter().any(|column| column.field == **label));
        // The second is the name of the first since Grafana's new table; each ignores what it does not know.
        let hide = json!([
            { "id": "custom.hidden", "value": true },
            { "id": "custom.hideFrom.viz", "value": true },
        ]);
        let hide = hide.as_array().cloned().unwrap_or_default();
        let shown = columns.iter().map(|column| column.to_json(language));
        if columns.is_empty() {
            return Vec::new();
        }
        shown.chain(hidden.map(|label| by_name(label, &hide))).collect()
    }

    /// Several queries become one table; fields get their titles and order.
    pub(crate) fn transformations(columns: &[Self], queries: usize, language: Language) -> Value {
        let (mut order, mut names) = (Map::new(), Map::new());
        for (index, column) in columns.iter().enumerate() {
            order.insert(column.field.to_owned(), json!(index));
            names.insert(column.field.to_owned(), json!(language.text(column.key)));
        }
        let unseen = ["Time", "anomaly", "kind"];
        let excluded: Map<String, Value> =
            unseen.iter().map(|field| ((*field).to_owned(), json!(true))).collect();
        let mut steps = Vec::new();
        if let Some(curve) = columns.iter().find_map(|column| column.field.strip_prefix("Trend #")) {
            steps.push(json!({
                "id": "timeSeriesTable",
                "options": { curve: { "stat": "lastNotNull", "timeField": "Time" } },
            }));
        }
        if queries > 1 {
            steps.push(json!({ "id": "merge", "options": {} }));
        }
        steps.push(json!({
            "id": "organize",
            "options": { "excludeByName": excluded, "indexByName": order, "renameByName": names },
        }));
        json!(steps)
    }
}

fn by_name(name: &str, properties: &[Value]) -> Value {
    json!({ "matcher": { "id": "byName", "options": name }, "properties": properties })
}
