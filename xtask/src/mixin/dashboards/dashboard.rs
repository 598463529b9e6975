//! The parts of a dashboard around its panels: variables, links, annotations, times, and the place
//! of each panel.
//!
//! Owns the identity of a dashboard: its `uid` is part of the address that people keep, so it must
//! never change.

use serde_json::{Value, json};

use super::{
    anomalies::firing_exporter,
    panel::Panel,
    promql::{MENU, SERVER, named_anomaly, point_names, variable_options},
    query::datasource,
    text::Language,
};

/// Version of Grafana 11.0; a later Grafana migrates the dashboard while importing it.
const SCHEMA_VERSION: u32 = 39;
const COLUMNS: u32 = 24;

/// Panels that belong together.
pub(crate) struct Section {
    /// Key of the heading under which the panels are folded; without one they are always visible.
    pub(crate) key: Option<&'static str>,
    pub(crate) panels: Vec<Panel>,
}

/// A dashboard before it is written in a language.
pub(crate) struct Dashboard {
    /// Name of the file and part of the `uid`; its texts are `NAME.title` and `NAME.description`.
    pub(crate) name: &'static str,
    /// True if readers can choose routing points, channels and options, and not only servers.
    pub(crate) of_menus: bool,
    /// True if its tables link to the runbooks.
    pub(crate) guides: bool,
    /// Time between two refreshes. New data come every five minutes, at a moment that the browser
    /// does not know.
    pub(crate) refresh: &'static str,
    pub(crate) sections: Vec<Section>,
}

impl Dashboard {
    pub(crate) fn to_json(&self, language: Language) -> Value {
        let code = language.code();
        json!({
            "annotations": { "list": self.annotations(language) },
            "description": language.text(&format!("{}.description", self.name)),
            "editable": true,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": null,
            "links": self.links(language),
            "panels": self.panels(language),
            "refresh": self.refresh,
            "schemaVersion": SCHEMA_VERSION,
            "tags": ["wolkvox", code],
            "templating": { "list": self.variables(language) },
            "time": { "from": "now-24h", "to": "now" },
            "timepicker": { "refresh_intervals": ["1m", "5m", "15m", "1h"] },
            "timezone": "browser",
            "title": language.text(&format!("{}.title", self.name)),
            "uid": format!("wolkvox-{}-{code}", self.name),
            "version": 1,
            "weekStart": "monday",
        })
    }

    /// Links to the exporter's other dashboards in this language, and to this one in the other.
    fn links(&self, language: Language) -> Value {
        let link = |kind: &str, tags: Value, title: &str, url: &str| {
            json!({
                "asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true,
                "tags": tags, "targetBlank": false, "title": title, "tooltip": "", "type": kind, "url": url,
            })
        };
        let mut links = vec![link("dashboards", json!(["wolkvox", language.code()]), "", "")];
        for other in Language::ALL.into_iter().filter(|other| *other != language) {
            let url = format!("/d/wolkvox-{}-{}", self.name, other.code());
            links.push(link("link", json!([]), other.own_name(), &url));
        }
        json!(links)
    }

    /// Marks over every curve where alerts fired and where reading failed.
    fn annotations(&self, language: Language) -> Value {
        let alerts = if self.of_menus {
            let alerts =
                format!(r#"ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", {MENU}}}"#);
            named_anomaly(&format!(
                "max by (alertname, server, rp_id, channel, cod_opc_menu) ({alerts})"
            ))
        } else {
            format!("max by (alertname, server) ({})", firing_exporter(""))
        };
        let text = if self.of_menus {
            "{{description}} · {{rp_name}} ({{alertname}})"
        } else {
            "{{alertname}} {{server}}"
        };
        let outages = format!("max by (server) (wolkvox_up{{{SERVER}}} == bool 0)");
        json!([
            annotation(language.text("annotation.alerts"), "red", &alerts, text),
            annotation(language.text("annotation.outages"), "orange", &outages, "{{server}}"),
        ])
    }

    /// Places the panels from left to right and top to bottom; a heading begins a new line.
    fn panels(&self, language: Language) -> Vec<Value> {
        let mut panels = Vec::new();
        let (mut id, mut y) = (0, 0);
        for section in &self.sections {
            let folded = section.key.map(|key| {
                id += 1;
                (id, y, language.text(key))
            });
            y += u32::from(folded.is_some());
            let mut placed = Vec::new();
            let (mut x, mut line) = (0, 0);
            for panel in &section.panels {
                if x + panel.width > COLUMNS {
                    y += line;
                    (x, line) = (0, 0);
                }
                id += 1;
                placed.push(panel.to_json(id, x, y, language));
                x += panel.width;
                line = line.max(panel.height);
            }
            match folded {
                // Folded panels take no room until their heading is opened.
                Some((id, row, title)) => {
                    panels.push(heading(id, row, title, placed));
                    y = row + 1;
                }
                None => {
                    panels.append(&mut placed);
                    y += line;
                }
            }
        }
        panels
    }

    fn variables(&self, language: Language) -> Vec<Value> {
        let mut variables = vec![
            json!({
                // Chooses the data source that is the default there; a name of ours would not
                // exist.
                "current": { "selected": false, "text": "default", "value": "default" },
                "hide": 0, "includeAll": false, "label": language.text("variable.datasource"),
                "multi": false, "name": "datasource", "options": [], "query": "prometheus", "refresh": 1,
                "regex": "", "skipUrlSync": false, "type": "datasource",
            }),
            variable(
                "server",
                language.text("variable.server"),
                "label_values(wolkvox_up, server)",
                "",
            ),
        ];
        if self.guides {
            variables.push(runbooks());
        }
        if self.of_menus {
            // `query_result`, because `label_values` cannot show a name and use an id as the value.
            let points = format!(
                "query_result(max by (rp_id, rp_name) ({}))",
                point_names().replace(" @ end()", "")
            );
            let regex = r#"/rp_id="(?<value>.+)",rp_name="(?<text>.+)"\}/"#;
            variables.push(variable("rp_id", language.text("variable.rp_id"), &points, regex));
            let channels = format!(
                "label_values(wolkvox_menu_interactions_total{{{SERVER}, rp_id=~`${{rp_id:regex}}`}}, channel)"
            );
            variables.push(variable("channel", language.text("variable.channel"), &channels, ""));
            let options = format!("query_result({})", variable_options());
            let regex = r#"/cod_opc_menu="(?<value>.+)",description="(?<text>.+)"\}/"#;
            // The alerts' links choose the option by this name.
            variables.push(variable(
                "cod_opc_menu",
                language.text("variable.option"),
                &options,
                regex,
            ));
        }
        variables
    }
}

fn heading(id: u32, y: u32, title: &str, panels: Vec<Value>) -> Value {
    json!({
        "collapsed": true,
        "gridPos": { "h": 1, "w": COLUMNS, "x": 0, "y": y },
        "id": id,
        "panels": panels,
        "title": title,
        "type": "row",
    })
}

/// Makes an annotation. It holds the query twice: Grafana reads it from `target`, older versions
/// from beside it.
fn annotation(name: &str, colour: &str, expr: &str, text: &str) -> Value {
    json!({
        "datasource": datasource(),
        "enable": true,
        "expr": expr,
        "hide": false,
        "iconColor": colour,
        "name": name,
        "step": "5m",
        "tagKeys": "",
        "target": { "expr": expr, "interval": "5m", "refId": "Anno" },
        "textFormat": text,
        "titleFormat": name,
        "useValueForTime": false,
    })
}

/// Makes a hidden variable with the address of the runbooks, as the exporter exposes it, for links.
fn runbooks() -> Value {
    let query = "label_values(wolkvox_exporter_runbooks_info, url)";
    let mut variable = variable("runbooks", "", query, "");
    variable["hide"] = json!(2);
    variable["includeAll"] = json!(false);
    variable["multi"] = json!(false);
    variable["current"] = json!({ "selected": false, "text": "", "value": "" });
    variable
}

/// Makes a variable with any number of values, all at first. Its values are queried again when the
/// range changes, because series come and go.
fn variable(name: &str, label: &str, query: &str, regex: &str) -> Value {
    json!({
        "allValue": ".+",
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
        "datasource": datasource(),
        "definition": query,
        "hide": 0,
        "includeAll": true,
        "label": label,
        "multi": true,
        "name": name,
        "options": [],
        "query": { "qryType": if regex.is_empty() { 1 } else { 3 }, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "refresh": 2,
        "regex": regex,
        "skipUrlSync": false,
        "sort": 1,
        "type": "query",
    })
}
