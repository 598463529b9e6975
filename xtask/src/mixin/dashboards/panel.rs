//! One panel: its kind, its queries and its look, in the words of Grafana's classic JSON model.
//!
//! Owns what all panels of a kind share, so that the dashboards differ only in what they say. Only
//! kinds that every Grafana ships. It must never hold a text: those are looked up by the panel's
//! key.

use serde_json::{Map, Value, json};

use super::{
    column::Column,
    field::{Link, Mapping, Step, link_json, threshold_steps, value_mappings},
    query::{Query, datasource},
    text::Language,
};

/// The other look of a tile, while its second query has a value and the first has none.
struct OtherLook {
    colour: Option<&'static str>,
    link: Option<Link>,
}

/// A panel before it has a place.
pub(crate) struct Panel {
    /// Its texts are `KEY.title`, `KEY.description` and, if it has reasons of its own to be empty,
    /// `KEY.empty`.
    pub(crate) key: &'static str,
    kind: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    queries: Vec<Query>,
    defaults: Map<String, Value>,
    mappings: Vec<Mapping>,
    series: Vec<(&'static str, Value)>,
    columns: Vec<Column>,
    links: Vec<Link>,
    other: Option<OtherLook>,
    options: Value,
    interval: Option<&'static str>,
    most_points: Option<u32>,
    time_from: Option<&'static str>,
}

impl Panel {
    fn new(kind: &'static str, key: &'static str, options: Value) -> Self {
        Self {
            key,
            kind,
            width: 12,
            height: 8,
            queries: Vec::new(),
            defaults: Map::new(),
            mappings: Vec::new(),
            series: Vec::new(),
            columns: Vec::new(),
            links: Vec::new(),
            other: None,
            options,
            interval: None,
            most_points: None,
            time_from: None,
        }
    }

    /// One number, large. A neutral colour unless it has a meaning.
    pub(crate) fn tile(key: &'static str) -> Self {
        let options = json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "percentChangeColorMode": "standard", "showPercentChange": false,
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "textMode": "value", "wideLayout": true,
        });
        Self::new("stat", key, options)
            .size(4, 4)
            .decimals(0)
            .default("color", json!({ "mode": "thresholds" }))
    }

    /// Curves from 0 up. Five minutes is the step of the data: a finer one shows nothing more. With
    /// points where a series is short: without them an exporter of ten minutes would show nothing.
    pub(crate) fn curves(key: &'static str) -> Self {
        let options = json!({
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let mut panel = Self::new("timeseries", key, options);
        panel.interval = Some("5m");
        panel
            .decimals(0)
            .default("min", json!(0))
            .default("color", json!({ "mode": "palette-classic" }))
            .custom(json!({
                "drawStyle": "line", "fillOpacity": 0, "lineInterpolation": "linear", "lineWidth": 2,
                "showPoints": "auto", "spanNulls": false,
            }))
    }

    /// Areas on top of one another: the height is the whole.
    pub(crate) fn stacked(key: &'static str) -> Self {
        Self::curves(key).custom(json!({
            "drawStyle": "line", "fillOpacity": 60, "lineInterpolation": "linear", "lineWidth": 1,
            "showPoints": "auto", "spanNulls": false, "stacking": { "group": "A", "mode": "normal" },
        }))
    }

    /// A bar per series.
    pub(crate) fn bars(key: &'static str) -> Self {
        let options = json!({
            "displayMode": "basic",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "maxVizHeight": 22, "minVizHeight": 14, "minVizWidth": 8, "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showUnfilled": false, "sizing": "manual", "valueMode": "color",
        });
        Self::new("bargauge", key, options)
            .decimals(0)
            .default("color", json!({ "fixedColor": "blue", "mode": "fixed" }))
            .default("min", json!(0))
    }

    pub(crate) fn table(key: &'static str, columns: Vec<Column>) -> Self {
        let options = json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true });
        let mut panel = Self::new("table", key, options)
            .decimals(0)
            .default("color", json!({ "mode": "thresholds" }))
            .custom(json!({ "align": "auto", "filterable": false, "inspect": false }));
        panel.columns = columns;
        panel
    }

    /// A day per column and a row per series, the more the stronger the colour, in the light theme
    /// and in the dark.
    pub(crate) fn days(key: &'static str) -> Self {
        let options = json!({
            "calculate": false,
            "cellGap": 1,
            "cellValues": { "decimals": 0, "unit": "locale" },
            "color": { "exponent": 0.5, "fill": "blue", "mode": "opacity", "reverse": false, "scale": "linear",
                       "scheme": "Blues", "steps": 64 },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": false },
            "rowsFrame": { "layout": "unknown" },
            "showValue": "never",
            "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": false },
            "yAxis": { "axisPlacement": "left", "decimals": 0, "reverse": true, "unit": "suffix: h" },
        });
        // Four weeks whatever is chosen above: of a day it would show a column.
        Self::new("heatmap", key, options).every("1d").of_the_last("28d")
    }

    /// Coloured stretches of time. The colours come from the mappings: with those of thresholds
    /// Grafana would write the thresholds in place of the texts. No legend: it would list also what
    /// a gap is called.
    pub(crate) fn timeline(key: &'static str) -> Self {
        let options = json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "mergeValues": true, "perPage": 10, "rowHeight": 0.9, "showValue": "auto",
            "tooltip": { "mode": "single", "sort": "none" },
        });
        let mut panel = Self::new("state-timeline", key, options);
        panel.interval = Some("5m");
        panel
            .default("color", json!({ "fixedColor": "gray", "mode": "fixed" }))
            .custom(json!({ "fillOpacity": 70, "lineWidth": 0, "spanNulls": false }))
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// Of the 24 columns, and rows of 36 pixels.
    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// One of Grafana's unit ids, but none that writes English words into every language, as `s`
    /// does ("1 mins").
    pub(crate) fn unit(self, unit: &'static str) -> Self {
        self.default("unit", json!(unit))
    }

    pub(crate) fn decimals(self, decimals: u32) -> Self {
        self.default("decimals", json!(decimals))
    }

    pub(crate) fn thresholds(self, steps: &[Step]) -> Self {
        let steps = threshold_steps(steps);
        self.default("thresholds", steps)
    }

    pub(crate) fn colour(self, colour: &'static str) -> Self {
        self.default("color", json!({ "fixedColor": colour, "mode": "fixed" }))
    }

    /// Shows texts in colours for values.
    pub(crate) fn mapped(mut self, mappings: &[Mapping]) -> Self {
        self.mappings.extend(mappings);
        self
    }

    /// Shows the second query's value in a colour, where the first has none.
    pub(crate) fn second_in(mut self, colour: &'static str) -> Self {
        self.other = Some(OtherLook { colour: Some(colour), link: None });
        self
    }

    /// Puts a link on the second query's value, where the first has none.
    pub(crate) fn second_leads(mut self, link: Link) -> Self {
        self.other = Some(OtherLook { colour: None, link: Some(link) });
        self
    }

    /// Fills the whole tile with the colour.
    pub(crate) fn filled(mut self) -> Self {
        self.options["colorMode"] = json!("background");
        self
    }

    /// Shows a text (a key of the table) for a series of this name, in a colour that fits its
    /// meaning.
    pub(crate) fn meaning(
        mut self,
        series: &'static str,
        key: &'static str,
        colour: &'static str,
    ) -> Self {
        self.series.push((
            series,
            json!({ "key": key, "color": { "fixedColor": colour, "mode": "fixed" } }),
        ));
        self
    }

    /// Draws the series with this name (a key of the table) thin and dashed, as what others are
    /// held against.
    pub(crate) fn faint(mut self, key: &'static str) -> Self {
        let look = json!({
            "custom.lineStyle": { "dash": [6, 6], "fill": "dash" }, "custom.lineWidth": 1,
            "color": { "fixedColor": "gray", "mode": "fixed" },
        });
        self.series.push((key, look));
        self
    }

    /// Fills from the series of one name up to that of another (keys of the table) with grey.
    pub(crate) fn band(mut self, least: &'static str, most: &'static str) -> Self {
        let look = json!({
            "custom.showPoints": "never", "custom.lineWidth": 0,
            "color": { "fixedColor": "gray", "mode": "fixed" },
        });
        let (mut lower, mut upper) = (look.clone(), look);
        lower["custom.hideFrom"] = json!({ "legend": true, "tooltip": false, "viz": false });
        upper["below"] = json!(least);
        upper["custom.fillOpacity"] = json!(25);
        self.series.extend([(least, lower), (most, upper)]);
        self
    }

    /// A link from the number.
    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// Shows the names of the values, where there is more than one.
    pub(crate) fn with_names(mut self) -> Self {
        self.options["textMode"] = json!("value_and_name");
        self
    }

    pub(crate) fn default(mut self, key: &'static str, value: Value) -> Self {
        self.defaults.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn every(mut self, interval: &'static str) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Shows a time of its own, whatever is chosen above.
    pub(crate) fn of_the_last(mut self, time: &'static str) -> Self {
        self.time_from = Some(time);
        self
    }

    /// Of a curve, where fewer can be seen than the panel is wide.
    pub(crate) fn at_most(mut self, points: u32) -> Self {
        self.most_points = Some(points);
        self
    }

    fn custom(self, value: Value) -> Self {
        self.default("custom", value)
    }

    /// The panel at a place.
    pub(crate) fn to_json(&self, id: u32, x: u32, y: u32, language: Language) -> Value {
        let title = language.text(&format!("{}.title", self.key));
        let targets: Vec<Value> = self
            .queries
            .iter()
            .enumerate()
            .map(|(position, query)| query.to_json(position, title, language))
            .collect();
        let mut panel = json!({
            "datasource": datasource(),
            "description": language.text(&format!("{}.description", self.key)),
            "fieldConfig": { "defaults": self.defaults_json(language), "overrides": self.overrides(language) },
            "gridPos": { "h": self.height, "w": self.width, "x": x, "y": y },
            "id": id,
            "options": self.options,
            "targets": targets,
            "title": title,
            "type": self.kind,
        });
        if let Some(points) = self.most_points {
            panel["maxDataPoints"] = json!(points);
        }
        for (name, value) in [("interval", self.interval), ("timeFrom", self.time_from)] {
            if let Some(value) = value {
                panel[name] = json!(value);
            }
        }
        if self.time_from.is_some() {
            // Grafana writes it in English; titles and descriptions say it.
            panel["hideTimeOverride"] = json!(true);
        }
        if self.kind == "table" {
            panel["transformations"] =
                Column::transformations(&self.columns, self.queries.len(), language);
        }
        panel
    }

    fn defaults_json(&self, language: Language) -> Value {
        let mut defaults = self.defaults.clone();
        // In a table it stands in each empty cell.
        let common = match (self.kind, self.key.starts_with("health.")) {
            ("stat", true) => "empty.tile.health",
            ("stat", false) => "empty.tile",
            // A sentence of a bar's length.
            ("bargauge", _) => "empty.bars",
            (_, true) => "empty.health",
            (_, false) => "empty",
        };
        let empty = match language.find(&format!("{}.empty", self.key)) {
            _ if self.kind == "table" => "–",
            Some(own) => own,
            None => language.text(common),
        };
        defaults.insert("noValue".to_owned(), json!(empty));
        defaults.insert("mappings".to_owned(), self.mappings_json(language));
        // A number as the reader's language writes it, and not "40 K".
        defaults.entry("unit").or_insert_with(|| json!("locale"));
        defaults.entry("thresholds").or_insert_with(|| threshold_steps(&[Step::base("text")]));
        if !self.links.is_empty() {
            defaults.insert(
                "links".to_owned(),
                self.links.iter().map(|link| link_json(*link, language)).collect(),
            );
        }
        Value::Object(defaults)
    }

    /// What is no number is a dash, in no colour: not in that of the lowest threshold.
    fn mappings_json(&self, language: Language) -> Value {
        let mut mappings = Vec::new();
        if !self.mappings.is_empty() {
            mappings.push(value_mappings(&self.mappings, language));
        }
        if matches!(self.kind, "stat" | "table") {
            let dash = json!({ "color": if self.kind == "stat" { "text" } else { "transparent" }, "index": 99, "text": "–" });
            mappings
                .push(json!({ "options": { "match": "nan", "result": dash }, "type": "special" }));
        }
        json!(mappings)
    }

    fn overrides(&self, language: Language) -> Vec<Value> {
        let series = self.series.iter().map(|(name, look)| series_override(name, look, language));
        let other = self.other.iter().map(|look| look.to_json(language));
        series.chain(other).chain(Column::overrides(&self.columns, language)).collect()
    }
}

impl OtherLook {
    fn to_json(&self, language: Language) -> Value {
        let mut properties = Vec::new();
        if let Some(colour) = self.colour {
            let fixed = json!({ "fixedColor": colour, "mode": "fixed" });
            properties.push(json!({ "id": "color", "value": fixed }));
        }
        if let Some(link) = self.link {
            properties.push(json!({ "id": "links", "value": [link_json(link, language)] }));
        }
        json!({ "matcher": { "id": "byFrameRefID", "options": "B" }, "properties": properties })
    }
}

fn series_override(name: &str, look: &Value, language: Language) -> Value {
    let look = look.as_object().expect("a look is an object");
    // With a text of its own it is named by a label's value, and else by a key of the table.
    let matched = if look.contains_key("key") { name } else { language.text(name) };
    let properties: Vec<Value> = look
        .iter()
        .map(|(id, value)| match id.as_str() {
            "key" => json!({ "id": "displayName", "value": language.text(value.as_str().unwrap_or_default()) }),
            "below" => json!({ "id": "custom.fillBelowTo", "value": language.text(value.as_str().unwrap_or_default()) }),
            _ => json!({ "id": id, "value": value }),
        })
        .collect();
    json!({ "matcher": { "id": "byName", "options": matched }, "properties": properties })
}
