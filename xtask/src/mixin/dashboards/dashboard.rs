//! What surrounds the panels: variables, links, times, and where each panel stands.
//!
//! Owns the identity of a dashboard: its `uid` is part of the address that people keep, so it must never change.

use serde_json::{Value, json};

use super::{
    panel::{Panel, datasource},
    promql::SERVER,
    text::Language,
};

/// Grafana 11.0's; a later Grafana migrates it while importing.
const SCHEMA_VERSION: u32 = 39;
const COLUMNS: u32 = 24;

/// Panels under a heading.
pub struct Section {
    /// The heading is the text of this key.
    pub key: &'static str,
    pub panels: Vec<Panel>,
}

/// A dashboard in no language yet.
pub struct Dashboard {
    /// Of the file and in the `uid`; its texts are `NAME.title` and `NAME.description`.
    pub name: &'static str,
    /// Whether one can choose routing points and channels, not only servers.
    pub of_menus: bool,
    pub sections: Vec<Section>,
}

impl Dashboard {
    pub fn to_json(&self, language: Language) -> Value {
        let code = language.code();
        json!({
            "annotations": { "list": [] },
            "description": language.text(&format!("{}.description", self.name)),
            "editable": true,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": null,
            "links": [{
                "asDropdown": false, "icon": "external link", "includeVars": true, "keepTime": true,
                // Both tags: the dashboards of this exporter, in this language.
                "tags": ["wolkvox", code], "targetBlank": false, "title": "", "tooltip": "",
                "type": "dashboards", "url": "",
            }],
            "panels": self.panels(language),
            // The data come every five minutes, at a moment that the browser does not know.
            "refresh": "1m",
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

    /// Left to right and down, as wide as they are; a heading begins a line of its own.
    fn panels(&self, language: Language) -> Vec<Value> {
        let mut panels = Vec::new();
        let (mut id, mut y) = (0, 0);
        for section in &self.sections {
            id += 1;
            panels.push(json!({
                "collapsed": false,
                "gridPos": { "h": 1, "w": COLUMNS, "x": 0, "y": y },
                "id": id,
                "panels": [],
                "title": language.text(section.key),
                "type": "row",
            }));
            y += 1;
            let (mut x, mut line) = (0, 0);
            for panel in &section.panels {
                if x + panel.width > COLUMNS {
                    y += line;
                    (x, line) = (0, 0);
                }
                id += 1;
                panels.push(panel.to_json(id, x, y, language));
                x += panel.width;
                line = line.max(panel.height);
            }
            y += line;
        }
        panels
    }

    fn variables(&self, language: Language) -> Vec<Value> {
        let mut variables = vec![
            json!({
                // Whatever is the default there: a name of ours would be no other's.
                "current": { "selected": false, "text": "default", "value": "default" },
                "hide": 0, "includeAll": false, "label": language.text("variable.datasource"),
                "multi": false, "name": "datasource", "options": [], "query": "prometheus", "refresh": 1,
                "regex": "", "skipUrlSync": false, "type": "datasource",
            }),
            variable("server", language.text("variable.server"), "label_values(wolkvox_up, server)", ""),
        ];
        if self.of_menus {
            // `query_result`, because `label_values` cannot show a name and mean an id.
            let points =
                format!("query_result(max by (rp_id, rp_name) (wolkvox_routing_point_info{{{SERVER}}}))");
            let regex = r#"/rp_id="(?<value>[^"]+)".*rp_name="(?<text>[^"]+)"/"#;
            variables.push(variable("rp_id", language.text("variable.rp_id"), &points, regex));
            let channels = format!(
                r#"label_values(wolkvox_menu_interactions_total{{{SERVER}, rp_id=~"$rp_id"}}, channel)"#
            );
            variables.push(variable("channel", language.text("variable.channel"), &channels, ""));
        }
        variables
    }
}

/// Any number of values of a query, all at first. Asked anew when the range changes, because series come and go.
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
