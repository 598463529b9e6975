//! One column of a table: its field, title, width and the look of its cells.
//!
//! Owns three rules of every table: each column has a width, so that none is pushed beyond the
//! right edge; each label stays text, though it may look like a number; the labels that only links
//! read are present and hidden. It must never hold a query.

use serde_json::{Map, Value, json};

use super::{
    field::{Link, Mapping, link_json, value_mappings},
    text::Language,
};

/// Labels that links read and that are hidden.
const FOR_LINKS: [&str; 4] = ["server", "rp_id", "cod_opc_menu", "runbook"];
/// Labels that some tables show, and the others remove.
const PLAIN: [&str; 12] = [
    "Time",
    "anomaly",
    "kind",
    "observed",
    "expected",
    "window",
    "description",
    "rp_name",
    "channel",
    "instance",
    "sentence",
    "guide",
];

/// A text for every value that matches a pattern.
#[derive(Clone, Copy)]
pub(crate) struct PatternMapping {
    pub(crate) pattern: &'static str,
    /// Key of the text, which may hold the pattern's groups, such as `$1`.
    pub(crate) key: &'static str,
    pub(crate) colour: &'static str,
}

/// A sign for the numbers below a bound, unless an earlier sign covers them.
#[derive(Clone, Copy)]
pub(crate) struct Sign {
    pub(crate) below: f64,
    /// Key of the text.
    pub(crate) key: &'static str,
    pub(crate) colour: &'static str,
}

/// A column of a table.
pub(crate) struct Column {
    field: &'static str,
    key: &'static str,
    /// Width in pixels; the minimum if the column grows.
    width: u32,
    grows: bool,
    properties: Vec<(&'static str, Value)>,
    mappings: Vec<Mapping>,
    patterns: Vec<PatternMapping>,
    signs: Vec<Sign>,
    links: Vec<Link>,
}

impl Column {
    /// Makes a column of a label (`description`), a query's value (`Value #A`) or its curve (`Trend
    /// #F`); `key` is that of its title.
    pub(crate) fn new(field: &'static str, key: &'static str, width: u32) -> Self {
        let column = Self {
            field,
            key,
            width,
            grows: false,
            properties: Vec::new(),
            mappings: Vec::new(),
            patterns: Vec::new(),
            signs: Vec::new(),
            links: Vec::new(),
        };
        // Without this unit Grafana would take the label "0042" for a number, and write "42" in
        // cells and links.
        if is_label(field) { column.with("unit", json!("string")) } else { column }
    }

    /// Makes the column take the remaining width.
    pub(crate) fn growing(mut self) -> Self {
        self.grows = true;
        self
    }

    pub(crate) fn unit(self, unit: &'static str) -> Self {
        self.with("unit", json!(unit))
    }

    /// Shows a bar from 0 to the largest number of the column, with the number.
    pub(crate) fn gauge(self, colour: &'static str) -> Self {
        self.with("min", json!(0))
            // Otherwise the bar would end at the largest number of the whole table.
            .with("fieldMinMax", json!(true))
            .with("color", json!({ "fixedColor": colour, "mode": "fixed" }))
            .with(
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

    /// Shows texts in colours for the values of a label.
    pub(crate) fn mapped(mut self, mappings: &[Mapping]) -> Self {
        self.mappings.extend(mappings);
        self.in_colours()
    }

    /// Shows texts in colours for the values of a label that match patterns; the first match
    /// counts.
    pub(crate) fn patterns(mut self, patterns: &[PatternMapping]) -> Self {
        self.patterns.extend(patterns);
        self.in_colours()
    }

    /// Shows signs for ranges of numbers, in rising order.
    pub(crate) fn signs(mut self, signs: &[Sign]) -> Self {
        self.signs.extend(signs);
        self.with("custom.align", json!("center")).in_colours()
    }

    /// Adds a link to the cell.
    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    fn in_colours(self) -> Self {
        self.with("custom.cellOptions", json!({ "type": "color-text" }))
    }

    fn with(mut self, property: &'static str, value: Value) -> Self {
        self.properties.push((property, value));
        self
    }

    fn to_json(&self, language: Language) -> Value {
        let width = if self.grows { "custom.minWidth" } else { "custom.width" };
        let mut properties = vec![json!({ "id": width, "value": self.width })];
        properties
            .extend(self.properties.iter().map(|(id, value)| json!({ "id": id, "value": value })));
        let mappings = self.mappings_json(language);
        if !mappings.is_empty() {
            properties.push(json!({ "id": "mappings", "value": mappings }));
        }
        if !self.links.is_empty() {
            let links: Vec<Value> =
                self.links.iter().map(|link| link_json(*link, language)).collect();
            properties.push(json!({ "id": "links", "value": links }));
        }
        by_name(language.text(self.key), &properties)
    }

    fn mappings_json(&self, language: Language) -> Vec<Value> {
        let mut mappings = Vec::new();
        if !self.mappings.is_empty() {
            mappings.push(value_mappings(&self.mappings, language));
        }
        for (index, one) in self.patterns.iter().enumerate() {
            let result =
                json!({ "color": one.colour, "index": index, "text": language.text(one.key) });
            mappings.push(
                json!({ "options": { "pattern": one.pattern, "result": result }, "type": "regex" }),
            );
        }
        let mut from = -1e12;
        for (index, sign) in self.signs.iter().enumerate() {
            let result =
                json!({ "color": sign.colour, "index": index, "text": language.text(sign.key) });
            let options = json!({ "from": from, "result": result, "to": sign.below });
            mappings.push(json!({ "options": options, "type": "range" }));
            from = sign.below;
        }
        mappings
    }

    /// Returns the looks of the columns and of the hidden fields.
    pub(crate) fn overrides(columns: &[Self], language: Language) -> Vec<Value> {
        if columns.is_empty() {
            return Vec::new();
        }
        let hidden =
            FOR_LINKS.iter().filter(|label| !columns.iter().any(|column| column.field == **label));
        let hide = [
            json!({ "id": "unit", "value": "string" }),
            // Grafana's new table renamed the first property to the second; each version ignores
            // the other.
            json!({ "id": "custom.hidden", "value": true }),
            json!({ "id": "custom.hideFrom.viz", "value": true }),
        ];
        let shown = columns.iter().map(|column| column.to_json(language));
        shown.chain(hidden.map(|label| by_name(label, &hide))).collect()
    }

    /// Returns the transformations that join the queries into one table, with titles and an order.
    pub(crate) fn transformations(columns: &[Self], queries: usize, language: Language) -> Value {
        let mut order = Map::new();
        let mut names = Map::new();
        for (index, column) in columns.iter().enumerate() {
            order.insert(column.field.to_owned(), json!(index));
            names.insert(column.field.to_owned(), json!(language.text(column.key)));
        }
        let unseen =
            PLAIN.iter().filter(|label| !columns.iter().any(|column| column.field == **label));
        let excluded: Map<String, Value> =
            unseen.map(|field| ((*field).to_owned(), json!(true))).collect();
        let mut steps = Vec::new();
        if let Some(curve) = columns.iter().find_map(|column| column.field.strip_prefix("Trend #"))
        {
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

fn is_label(field: &str) -> bool {
    !field.starts_with("Value") && !field.starts_with("Trend")
}

fn by_name(name: &str, properties: &[Value]) -> Value {
    json!({ "matcher": { "id": "byName", "options": name }, "properties": properties })
}
