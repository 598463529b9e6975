//! Tests that a click on a row shows that option: the row's link as Grafana formats it, and then
//! the queries of the linked dashboard with the link's variables, on a real Prometheus.
//!
//! Owns Grafana's formatting of a cell in a link.

use std::collections::BTreeMap;

use crate::{
    dashboards::{
        boards::Panel,
        month::{DAY, MENUS, Month, OPTIONS, all, key},
    },
    support::prometheus::Labels,
};

/// Labels of real accounts that are easily mangled: server, routing points, codes.
const HARD: [&str; 8] =
    ["0042", "4628", "0712", "61083", "01", "1000", "HOLA", "COTIZA \"en línea\""];

pub(crate) async fn links_show_their_option(month: &Month) {
    let grafana = month.grafana(0.0, DAY);
    let mut followed = BTreeMap::new();
    for board in &month.boards {
        for panel in board.panels.iter().filter(|panel| panel.kind == "table") {
            let Some(url) = option_link(panel) else { continue };
            let target = board.uid.rsplit_once('-').expect("a language").1;
            assert!(
                url.starts_with(&format!("/d/wolkvox-menus-{target}?")),
                "{}: {url}",
                panel.title
            );
            for (labels, _) in grafana.now(&panel.targets[0], &all()).await {
                let url = filled(panel, &url, &labels);
                // The link of a row that explains an empty table leads to all options.
                if labels["rp_id"] == "All" {
                    continue;
                }
                for label in ["server", "rp_id", "cod_opc_menu"] {
                    let arrives = variable(&url, label);
                    assert_eq!(
                        arrives.as_deref(),
                        Some(labels[label].as_str()),
                        "{}: {url}",
                        panel.title
                    );
                    *followed.entry(labels[label].clone()).or_insert(0) += 1;
                }
                shows_the_option(month, &url, &labels).await;
            }
        }
    }
    for label in HARD {
        assert!(followed.contains_key(label), "no link had {label:?}");
    }
}

/// Fails unless the linked dashboard has a row and a curve of that option, and no other option's
/// row.
async fn shows_the_option(month: &Month, url: &str, labels: &Labels) {
    let mut variables = all();
    for name in ["server", "rp_id", "cod_opc_menu"] {
        let value = variable(url, name).expect("a variable");
        variables.choose(name, &[value], 1);
    }
    let grafana = month.grafana(0.0, DAY);
    let panel = month.panel(MENUS, crate::dashboards::month::CURVE);
    let curves = grafana.curves(panel, &panel.targets[0], &variables).await;
    assert_eq!(curves.len(), 1, "{url}");
    // The table of options follows the routing point; the option itself is chosen for the curves.
    let panel = month.panel(MENUS, OPTIONS);
    let rows = grafana.now(&panel.targets[1], &variables).await;
    assert!(rows.iter().all(|(row, _)| row["rp_id"] == labels["rp_id"]), "{url}");
    assert_eq!(rows.iter().filter(|(row, _)| key(row) == key(labels)).count(), 1, "{url}");
}

/// Returns the link of a table's cells that chooses an option.
fn option_link(panel: &Panel) -> Option<String> {
    let overrides = panel.json["fieldConfig"]["overrides"].as_array()?;
    let properties =
        overrides.iter().flat_map(|one| one["properties"].as_array().expect("properties"));
    let links = properties.filter(|property| property["id"] == "links");
    let urls = links.filter_map(|property| property["value"][0]["url"].as_str());
    urls.filter(|url| url.contains("var-cod_opc_menu=")).map(str::to_owned).next()
}

/// Returns a link with the cells of a row filled in.
fn filled(panel: &Panel, url: &str, labels: &Labels) -> String {
    labels.iter().fold(url.to_owned(), |url, (label, value)| {
        let cell = percent_encoded(&cell(panel, label, value));
        url.replace(&format!("${{__data.fields.{label}:percentencode}}"), &cell)
    })
}

/// Returns Grafana's text for a label: a text that reads as a number becomes one, unless the
/// field's unit is `string`.
fn cell(panel: &Panel, label: &str, value: &str) -> String {
    let defaults = &panel.json["fieldConfig"]["defaults"];
    let overrides = panel.json["fieldConfig"]["overrides"].as_array().expect("overrides");
    let organize = panel.json["transformations"].as_array().expect("transformations").last();
    let title =
        organize.and_then(|step| step["options"]["renameByName"][label].as_str()).unwrap_or(label);
    let own = overrides.iter().filter(|one| one["matcher"]["options"] == title);
    let properties = own.flat_map(|one| one["properties"].as_array().expect("properties"));
    let unit = properties
        .filter(|property| property["id"] == "unit")
        .map(|property| &property["value"])
        .next();
    let unit = unit.unwrap_or(&defaults["unit"]);
    match value.parse::<f64>() {
        Ok(number) if unit.as_str() != Some("string") => locale(number),
        _ => value.to_owned(),
    }
}

/// Formats a number like `toLocaleString` in a Spanish browser.
fn locale(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    grouped
}

fn percent_encoded(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(
            |byte| {
                if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

/// Returns the value of a variable in a link, as Grafana reads it.
fn variable(url: &str, name: &str) -> Option<String> {
    let url =
        reqwest::Url::parse("http://grafana/").and_then(|base| base.join(url)).expect("a URL");
    let wanted = format!("var-{name}");
    url.query_pairs().find(|(name, _)| *name == wanted).map(|(_, value)| value.into_owned())
}

#[test]
fn numbers_are_mangled_where_no_unit_protects_them() {
    assert_eq!(
        (locale(42.0), locale(4628.0), locale(61083.0)),
        ("42".into(), "4.628".into(), "61.083".into())
    );
    assert_eq!(percent_encoded("a \"ñ\""), "a%20%22%C3%B1%22");
}
