//! Reads the committed dashboards, because users import them; never the source that they are made
//! from.

use std::fs;

use serde_json::Value;

/// Kinds of panel that every Grafana from 11 to 13 ships and the dashboards use.
pub(crate) const PANEL_KINDS: [&str; 6] =
    ["stat", "timeseries", "table", "heatmap", "bargauge", "state-timeline"];

/// A committed dashboard.
pub(crate) struct Board {
    pub(crate) uid: String,
    pub(crate) language: &'static str,
    /// The text of the file, for checks that search all of it.
    pub(crate) text: String,
    /// The parsed file, for fields that only one check reads.
    pub(crate) json: Value,
    pub(crate) panels: Vec<Panel>,
    pub(crate) variables: Vec<Variable>,
}

/// A panel, or the heading of a row; folded panels follow their heading.
pub(crate) struct Panel {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) no_value: String,
    pub(crate) unit: String,
    /// Shortest step in seconds, if the panel has one of its own.
    pub(crate) interval: Option<f64>,
    pub(crate) most_points: Option<f64>,
    pub(crate) targets: Vec<Target>,
    /// Time range in seconds, if the panel has one of its own.
    pub(crate) time_from: Option<f64>,
    /// The fields that a table renames.
    pub(crate) columns: Vec<String>,
    /// True if it is visible only after a row is opened.
    pub(crate) folded: bool,
    /// The whole panel, for fields that only one check reads.
    pub(crate) json: Value,
    place: [u64; 4],
}

impl Panel {
    /// Returns column and row of every cell that it covers.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (u64, u64)> {
        let [x, y, w, h] = self.place;
        (x..x + w).flat_map(move |column| (y..y + h).map(move |row| (column, row)))
    }
}

/// A query.
pub(crate) struct Target {
    pub(crate) ref_id: String,
    pub(crate) expr: String,
    pub(crate) legend: String,
    pub(crate) instant: bool,
    pub(crate) datasource: String,
}

/// A variable; its query is empty for the data source.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) regex: String,
}

impl Board {
    /// Returns every query with its panel.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&Panel, &Target)> {
        self.panels.iter().flat_map(|panel| panel.targets.iter().map(move |target| (panel, target)))
    }
}

/// Returns every committed dashboard.
pub(crate) fn boards() -> Vec<Board> {
    let mut boards = Vec::new();
    for language in ["en", "es"] {
        for name in ["menus", "journeys", "health"] {
            let path = crate::dashboards::root()
                .join("dashboards")
                .join(language)
                .join(format!("{name}.json"));
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let json: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
            boards.push(Board {
                uid: string(&json["uid"]),
                language,
                panels: items(&json["panels"]).iter().flat_map(with_folded).collect(),
                variables: items(&json["templating"]["list"]).iter().map(variable).collect(),
                json,
                text,
            });
        }
    }
    boards
}

fn with_folded(json: &Value) -> Vec<Panel> {
    let mut all = vec![panel(json)];
    all.extend(items(&json["panels"]).iter().map(|json| Panel { folded: true, ..panel(json) }));
    all
}

fn panel(json: &Value) -> Panel {
    let defaults = &json["fieldConfig"]["defaults"];
    let renamed = |step: &Value| {
        let names = step["options"]["renameByName"].as_object().cloned().unwrap_or_default();
        names.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    Panel {
        id: json["id"].as_u64().expect("a panel has an id"),
        title: string(&json["title"]),
        kind: string(&json["type"]),
        description: string(&json["description"]),
        no_value: string(&defaults["noValue"]),
        unit: string(&defaults["unit"]),
        interval: json["interval"].as_str().map(seconds),
        most_points: json["maxDataPoints"].as_f64(),
        time_from: json["timeFrom"].as_str().map(seconds),
        targets: items(&json["targets"]).iter().map(target).collect(),
        columns: items(&json["transformations"]).iter().flat_map(renamed).collect(),
        folded: false,
        json: json.clone(),
        place: ["x", "y", "w", "h"]
            .map(|side| json["gridPos"][side].as_u64().expect("a panel has a place")),
    }
}

fn target(json: &Value) -> Target {
    Target {
        ref_id: string(&json["refId"]),
        expr: string(&json["expr"]),
        legend: string(&json["legendFormat"]),
        instant: json["instant"] == true,
        datasource: string(&json["datasource"]["uid"]),
    }
}

fn variable(json: &Value) -> Variable {
    Variable {
        name: string(&json["name"]),
        query: string(&json["query"]["query"]),
        regex: string(&json["regex"]),
    }
}

/// Converts durations such as `5m`, `1h` and `28d` to seconds.
fn seconds(duration: &str) -> f64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => panic!("{duration}: neither minutes nor hours nor days"),
    };
    number.parse::<f64>().unwrap_or_else(|error| panic!("{duration}: {error}")) * unit
}

fn string(json: &Value) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn items(json: &Value) -> &[Value] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}
