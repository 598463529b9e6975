//! One panel: its kind, its queries and its look, in Grafana's classic JSON model.
//!
//! Owns what all panels of a kind share, so that the dashboards differ only in their content. Uses
//! only kinds that every Grafana ships. It must never hold a text: those are looked up by the
//! panel's key.

use serde_json::{Map, Value, json};

use super::{
    column::Column,
    field::{Link, Mapping, Step, link_json, threshold_steps, value_mappings},
    query::{Query, datasource},
    text::Language,
};

/// The look of a tile while its second query has a value and the first has none.
struct OtherLook {
    colour: Option<&'static str>,
    link: Option<Link>,
}

/// A panel without a place.
pub(crate) struct Panel {
    /// Key of its texts: `KEY.title`, `KEY.description` and, for a special reason to be empty,
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

    /// Makes a tile with one large number. Its colour is neutral unless it has a meaning.
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

    /// Makes curves that begin at 0. Five minutes is the step of the data; a finer one shows
    /// nothing more. Short series have points, or an exporter of ten minutes would show nothing.
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

    /// Makes stacked areas: the height is the whole.
    pub(crate) fn stacked(key: &'static str) -> Self {
        Self::curves(key).custom(json!({
            "drawStyle": "line", "fillOpacity": 60, "lineInterpolation": "linear", "lineWidth": 1,
            "showPoints": "auto", "spanNulls": false, "stacking": { "group": "A", "mode": "normal" },
        }))
    }

    /// Makes a bar for each series.
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

    /// Makes a heat map with a column for each day and a row for each series. Higher values have a
    /// stronger colour, in the light theme and in the dark.
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
        // Always four weeks, because a range of one day would show one column.
        Self::new("heatmap", key, options).every("1d").of_the_last("28d")
    }

    /// Makes coloured ranges of time. The colours come from the mappings: with those of thresholds
    /// Grafana would write the thresholds in place of the texts. No legend, because it would also
    /// list the text for a gap.
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

    /// Sets width and height, in units of one of 24 columns and of 36 pixels.
    pub(crate) fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// Sets one of Grafana's unit ids, but none with English words, such as `s` ("1 mins").
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

    /// Shows the second query's value in a colour if the first has none.
    pub(crate) fn second_in(mut self, colour: &'static str) -> Self {
        self.other = Some(OtherLook { colour: Some(colour), link: None });
        self
    }

    /// Puts a link on the second query's value if the first has none.
    pub(crate) fn second_leads(mut self, link: Link) -> Self {
        self.other = Some(OtherLook { colour: None, link: Some(link) });
        self
    }

    /// Fills the whole tile with the colour.
    pub(crate) fn filled(mut self) -> Self {
        self.options["colorMode"] = json!("background");
        self
    }

    /// Shows a text (a key of the table) for the series with this name, in a colour that fits its
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

    /// Draws the series with this name (a key of the table) thin and dashed, because others are
    /// compared with it.
    pub(crate) fn faint(mut self, key: &'static str) -> Self {
        let look = json!({
            "custom.lineStyle": { "dash": [6, 6], "fill": "dash" }, "custom.lineWidth": 1,
            "color": { "fixedColor": "gray", "mode": "fixed" },
        });
        self.series.push((key, look));
        self
    }

    /// Fills the area between two series (keys of the table) with grey.
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

    /// Adds a link to the number.
    pub(crate) fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// Shows the names of the values if there is more than one.
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

    /// Shows a fixed time range instead of the chosen one.
    pub(crate) fn of_the_last(mut self, time: &'static str) -> Self {
        self.time_from = Some(time);
        self
    }

    /// Limits the points of a curve that is narrower than the panel.
    pub(crate) fn at_most(mut self, points: u32) -> Self {
        self.most_points = Some(points);
        self
    }

    fn custom(self, value: Value) -> Self {
        self.default("custom", value)
    }

    /// Returns the panel at a place.
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
            // Grafana writes this range in English; titles and descriptions name it.
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
        // In a table this text is in each empty cell.
        let common = match (self.kind, self.key.starts_with("health.")) {
            ("stat", true) => "empty.tile.health",
            ("stat", false) => "empty.tile",
            // A sentence as short as a bar.
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
        // Numbers in the format of the reader's language, and not "40 K".
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

    /// Returns the mappings. NaN is a dash without a colour, instead of that of the lowest
    /// threshold.
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
    // A look with a text of its own is for the series with this label value, and others for a key
    // of the table.
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
