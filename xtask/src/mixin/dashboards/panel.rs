//! One panel: its kind, its queries and its look, in the words of Grafana's classic JSON model.
//!
//! Owns what all panels of a kind share, so that the dashboards differ only in what they say. Only kinds that every
//! Grafana ships. It must never hold a text: those are looked up by the panel's key.

use serde_json::{Map, Value, json};

use super::text::Language;

/// The data source that the user has chosen.
pub fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// What a series is called.
enum Legend {
    /// A template such as `{{description}}`.
    Labels(&'static str),
    /// A key of the text table.
    Text(&'static str),
    /// The text of the panel's title: there is but one series.
    Title,
}

/// One query of a panel.
pub struct Query {
    expr: String,
    legend: Legend,
    instant: bool,
    format: &'static str,
}

impl Query {
    fn new(expr: impl Into<String>, instant: bool, format: &'static str) -> Self {
        Self { expr: expr.into(), legend: Legend::Title, instant, format }
    }

    /// One value per series, at the end of the range.
    pub fn now(expr: impl Into<String>) -> Self {
        Self::new(expr, true, "time_series")
    }

    /// A curve per series.
    pub fn over_time(expr: impl Into<String>) -> Self {
        Self::new(expr, false, "time_series")
    }

    /// A row per series, at the end of the range.
    pub fn rows(expr: impl Into<String>) -> Self {
        Self::new(expr, true, "table")
    }

    /// Buckets, from which Grafana takes the differences.
    pub fn buckets(mut self) -> Self {
        self.format = "heatmap";
        self.legend("{{le}}")
    }

    pub fn legend(mut self, template: &'static str) -> Self {
        self.legend = Legend::Labels(template);
        self
    }

    pub fn called(mut self, key: &'static str) -> Self {
        self.legend = Legend::Text(key);
        self
    }

    fn to_json(&self, position: usize, title: &str, language: Language) -> Value {
        let legend = match self.legend {
            Legend::Labels(template) => template.to_owned(),
            Legend::Text(key) => language.text(key).to_owned(),
            Legend::Title => title.to_owned(),
        };
        json!({
            "datasource": datasource(),
            "editorMode": "code",
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "legendFormat": legend,
            "range": !self.instant,
            "refId": ref_id(position),
        })
    }
}

/// `A`, `B`, ...
pub fn ref_id(position: usize) -> String {
    char::from(b'A' + u8::try_from(position).unwrap_or(25).min(25)).to_string()
}

/// From which value on which colour; the first has no value.
pub type Steps = &'static [(Option<f64>, &'static str)];

/// A panel before it has a place.
pub struct Panel {
    /// Its texts are `KEY.title`, `KEY.description` and, if it has reasons of its own to be empty, `KEY.empty`.
    pub key: &'static str,
    kind: &'static str,
    pub width: u32,
    pub height: u32,
    queries: Vec<Query>,
    defaults: Map<String, Value>,
    mappings: Vec<(&'static str, &'static str, &'static str)>,
    renames: Vec<(&'static str, &'static str)>,
    overrides: Vec<Value>,
    columns: Vec<(String, &'static str)>,
    hidden: Vec<String>,
    options: Value,
    interval: Option<&'static str>,
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
            renames: Vec::new(),
            overrides: Vec::new(),
            columns: Vec::new(),
            hidden: Vec::new(),
            options,
            interval: None,
        }
    }

    /// One number, large.
    pub fn stat(key: &'static str) -> Self {
        let options = json!({
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "percentChangeColorMode": "standard", "showPercentChange": false,
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "textMode": "auto", "wideLayout": true,
        });
        Self::new("stat", key, options).size(4, 4).default("color", json!({ "mode": "thresholds" }))
    }

    /// Curves. Five minutes is the step of the data: a finer one shows nothing more.
    pub fn curves(key: &'static str) -> Self {
        let options = json!({
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let mut panel = Self::new("timeseries", key, options);
        panel.interval = Some("5m");
        panel.default("color", json!({ "mode": "palette-classic" })).custom(json!({
            "drawStyle": "line", "fillOpacity": 10, "lineInterpolation": "linear", "lineWidth": 2,
            "showPoints": "never", "spanNulls": false,
        }))
    }

    /// Areas on top of one another: the height is the whole.
    pub fn stacked(key: &'static str) -> Self {
        Self::curves(key).custom(json!({
            "drawStyle": "line", "fillOpacity": 60, "lineInterpolation": "linear", "lineWidth": 1,
            "showPoints": "never", "spanNulls": false, "stacking": { "group": "A", "mode": "normal" },
        }))
    }

    /// A bar per series, longest first.
    pub fn bars(key: &'static str) -> Self {
        let options = json!({
            "displayMode": "basic",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "maxVizHeight": 300, "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showUnfilled": true, "sizing": "auto", "valueMode": "color",
        });
        Self::new("bargauge", key, options)
            .default("color", json!({ "fixedColor": "blue", "mode": "fixed" }))
            .default("min", json!(0))
    }

    pub fn table(key: &'static str) -> Self {
        let options = json!({ "cellHeight": "sm", "frameIndex": 0, "showHeader": true });
        Self::new("table", key, options)
            .default("color", json!({ "mode": "thresholds" }))
            .custom(json!({ "align": "auto", "filterable": true, "inspect": false }))
    }

    pub fn heatmap(key: &'static str) -> Self {
        let options = json!({
            "calculate": false,
            "cellGap": 1,
            "color": { "exponent": 0.5, "fill": "dark-blue", "mode": "scheme", "reverse": false, "scale": "exponential",
                       "scheme": "Blues", "steps": 64 },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": true },
            "rowsFrame": { "layout": "auto" },
            "showValue": "never",
            "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": false },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
        });
        let mut panel = Self::new("heatmap", key, options);
        panel.interval = Some("5m");
        panel
    }

    /// Coloured stretches of time.
    pub fn timeline(key: &'static str) -> Self {
        let options = json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "mergeValues": true, "rowHeight": 0.9, "showValue": "auto",
            "tooltip": { "mode": "single", "sort": "none" },
        });
        let mut panel = Self::new("state-timeline", key, options);
        panel.interval = Some("5m");
        panel
            .default("color", json!({ "mode": "thresholds" }))
            .custom(json!({ "fillOpacity": 70, "lineWidth": 0, "spanNulls": false }))
    }

    /// Circles and arrows, from a query of nodes and one of edges.
    pub fn graph(key: &'static str) -> Self {
        Self::new("nodeGraph", key, json!({ "edges": {}, "nodes": {} }))
    }

    pub fn query(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// Of the 24 columns, and rows of 36 pixels.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// One of Grafana's unit ids.
    pub fn unit(self, unit: &'static str) -> Self {
        self.default("unit", json!(unit))
    }

    pub fn decimals(self, decimals: u32) -> Self {
        self.default("decimals", json!(decimals))
    }

    pub fn max(self, max: f64) -> Self {
        self.default("max", json!(max))
    }

    pub fn thresholds(self, steps: Steps) -> Self {
        let steps = threshold_steps(steps);
        self.default("thresholds", json!({ "mode": "absolute", "steps": steps }))
    }

    /// Shows a text (a key of the table) and a colour for a value.
    pub fn mapping(mut self, value: &'static str, key: &'static str, colour: &'static str) -> Self {
        self.mappings.push((value, key, colour));
        self
    }

    /// Shows a text (a key of the table) for a series of this name.
    pub fn rename(mut self, series: &'static str, key: &'static str) -> Self {
        self.renames.push((series, key));
        self
    }

    /// Draws the series with this name (a key of the table) thin and dashed, as what others are held against.
    pub fn faint(self, key: &'static str) -> Self {
        self.field(
            key,
            vec![
                ("custom.lineStyle", json!({ "dash": [6, 6], "fill": "dash" })),
                ("custom.lineWidth", json!(1)),
                ("custom.fillOpacity", json!(0)),
                ("color", json!({ "fixedColor": "gray", "mode": "fixed" })),
            ],
        )
    }

    /// Properties of the field with this name (a key of the table).
    pub fn field(mut self, key: &'static str, properties: Vec<(&'static str, Value)>) -> Self {
        let properties: Vec<Value> =
            properties.into_iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        self.overrides.push(json!({ "key": key, "properties": properties }));
        self
    }

    /// A column of the table: a label, or a query's value (`Value #A`), and its title's key. In this order.
    pub fn column(mut self, field: impl Into<String>, key: &'static str) -> Self {
        self.columns.push((field.into(), key));
        self
    }

    /// A field that the queries have and the table does not show.
    pub fn without(mut self, field: &'static str) -> Self {
        self.hidden.push(field.to_owned());
        self
    }

    /// Sorts the table by the column with this title (a key of the table), largest first.
    pub fn sorted_by(mut self, key: &'static str) -> Self {
        self.options["sortBy"] = json!([{ "desc": true, "displayName": key }]);
        self
    }

    /// Shows a curve behind the number.
    pub fn with_curve(mut self) -> Self {
        self.options["graphMode"] = json!("area");
        self.interval = Some("5m");
        self
    }

    /// Shows the names of the values, where there is more than one.
    pub fn with_names(mut self) -> Self {
        self.options["textMode"] = json!("value_and_name");
        self
    }

    /// Lists the series at the right, with their sums or last values.
    pub fn listing(mut self, calculation: &'static str) -> Self {
        self.options["legend"] = json!({
            "calcs": [calculation], "displayMode": "table", "placement": "right", "showLegend": true,
            "sortBy": if calculation == "mean" { "Mean" } else { "Last *" }, "sortDesc": true,
        });
        self
    }

    pub fn default(mut self, key: &'static str, value: Value) -> Self {
        self.defaults.insert(key.to_owned(), value);
        self
    }

    fn custom(self, value: Value) -> Self {
        self.default("custom", value)
    }

    /// The panel at a place.
    pub fn to_json(&self, id: u32, x: u32, y: u32, language: Language) -> Value {
        let title = language.text(&format!("{}.title", self.key));
        let empty = language.find(&format!("{}.empty", self.key)).unwrap_or_else(|| language.text("empty"));
        let targets: Vec<Value> = self
            .queries
            .iter()
            .enumerate()
            .map(|(position, query)| query.to_json(position, title, language))
            .collect();
        let mut defaults = self.defaults.clone();
        defaults.insert("noValue".to_owned(), json!(empty));
        defaults.insert("mappings".to_owned(), self.mappings_json(language));
        // A number as the reader's language writes it, and not "40 K".
        defaults.entry("unit").or_insert_with(|| json!("locale"));
        defaults
            .entry("thresholds")
            .or_insert_with(|| json!({ "mode": "absolute", "steps": threshold_steps(&[(None, "blue")]) }));
        let mut panel = json!({
            "datasource": datasource(),
            "description": language.text(&format!("{}.description", self.key)),
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides_json(language) },
            "gridPos": { "h": self.height, "w": self.width, "x": x, "y": y },
            "id": id,
            "options": self.options_json(language),
            "targets": targets,
            "title": title,
            "type": self.kind,
        });
        if let Some(interval) = self.interval {
            panel["interval"] = json!(interval);
        }
        if !self.columns.is_empty() || !self.hidden.is_empty() {
            panel["transformations"] = self.transformations(language);
        }
        panel
    }

    fn mappings_json(&self, language: Language) -> Value {
        if self.mappings.is_empty() {
            return json!([]);
        }
        let mut options = Map::new();
        for (index, (value, key, colour)) in self.mappings.iter().enumerate() {
            let shown = json!({ "color": colour, "index": index, "text": language.text(key) });
            options.insert((*value).to_owned(), shown);
        }
        json!([{ "options": options, "type": "value" }])
    }

    fn overrides_json(&self, language: Language) -> Vec<Value> {
        let by_name = |name: &str, properties: Value| {
            json!({
                "matcher": { "id": "byName", "options": name },
                "properties": properties,
            })
        };
        let renames = self.renames.iter().map(|(series, key)| {
            by_name(series, json!([{ "id": "displayName", "value": language.text(key) }]))
        });
        let fields = self.overrides.iter().map(|field| {
            let name = language.text(field["key"].as_str().unwrap_or_default());
            by_name(name, field["properties"].clone())
        });
        renames.chain(fields).collect()
    }

    fn options_json(&self, language: Language) -> Value {
        let mut options = self.options.clone();
        if self.kind == "table"
            && let Some(key) = options["sortBy"][0]["displayName"].as_str()
        {
            options["sortBy"][0]["displayName"] = json!(language.text(key));
        }
        options
    }

    /// Several queries become one table; fields get their titles and order.
    fn transformations(&self, language: Language) -> Value {
        let mut order = Map::new();
        let mut names = Map::new();
        for (index, (field, key)) in self.columns.iter().enumerate() {
            order.insert(field.clone(), json!(index));
            // The node graph knows its fields by name: those are not for readers.
            let name = key.strip_prefix('=').unwrap_or_else(|| language.text(key));
            names.insert(field.clone(), json!(name));
        }
        let hidden: Map<String, Value> =
            self.hidden.iter().map(|field| (field.clone(), json!(true))).collect();
        let organize = json!({
            "id": "organize",
            "options": { "excludeByName": hidden, "indexByName": order, "renameByName": names },
        });
        if self.kind == "table" && self.queries.len() > 1 {
            json!([{ "id": "merge", "options": {} }, organize])
        } else {
            json!([organize])
        }
    }
}

fn threshold_steps(steps: &[(Option<f64>, &'static str)]) -> Vec<Value> {
    steps.iter().map(|(value, color)| json!({ "color": color, "value": value })).collect()
}
