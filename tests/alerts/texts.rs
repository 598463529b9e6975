//! What a real Prometheus makes of the annotations, in both languages: they look names and figures up when an alert fires,
//! and a mistake in a template shows only then.

use std::{collections::BTreeMap, fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    generate, page,
    real_prometheus::{Prometheus, Tool, binaries},
    root,
};

const DEADLINE: Duration = Duration::from_secs(60);
/// Nothing is there, so the exporter there is down.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn every_text_renders_in_every_language() {
    let address = page::serve().await.to_string();
    for tool in binaries() {
        for (language, file) in
            generate::LANGUAGES.iter().zip(["wolkvox-alerts.yaml", "wolkvox-alerts.es.yaml"])
        {
            let texts = texts(&tool, file, &address).await;
            for alert in generate::alerts() {
                let found =
                    texts.get(alert.name).unwrap_or_else(|| panic!("{file}: {} is silent", alert.name));
                for key in ["summary", "description", "runbook_url", "dashboard_url"] {
                    let text = found[key].as_str().unwrap_or_default();
                    check(text)
                        .unwrap_or_else(|why| panic!("{tool}: {file}: {}: {key} {why}: {text}", alert.name));
                }
                let page = format!("docs/runbooks/{language}/{}.md", alert.name);
                assert_eq!(found["runbook_url"], page.as_str());
            }
            figures_and_names_are_looked_up(&texts);
        }
    }
}

/// The annotations of every alert that fires, by its name.
async fn texts(tool: &Tool, file: &str, address: &str) -> BTreeMap<String, Value> {
    let config = json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{ "job_name": "wolkvox", "static_configs": [{ "targets": [address, NOBODY] }] }],
    });
    let rules = fs::read_to_string(root().join("rules").join(file)).expect("the committed rules");
    // They fire at once, instead of after minutes.
    let rules: Vec<&str> = rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect();
    let files = [("alerts.yaml".to_owned(), rules.join("\n"))];
    let prometheus = Prometheus::start_configured(tool, &config.to_string(), &files, &[]).await;
    let wanted = generate::alerts().len();
    let names = "count by (alertname) (ALERTS{alertstate=\"firing\"})";
    prometheus.wait_for(names, DEADLINE, |firing| firing.len() == wanted).await;
    let alerts = prometheus.api("/api/v1/alerts", &[]).await;
    let alerts = alerts["alerts"].as_array().expect("a list").iter();
    alerts
        .map(|alert| {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
            (name, alert["annotations"].clone())
        })
        .collect()
}

/// Why a text is not what anybody should read.
fn check(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    // Prometheus' words for what it could not do, and what is left of a template or of its shorthand.
    let wrong = ["<", "{{", "}}", "NaN", "%!", "()", "  ", " ,", ": .", "var-rp_id=&", "/d/wolkvox-?"];
    match wrong.into_iter().find(|part| text.contains(part)) {
        Some(part) => Err(format!("has {part:?}")),
        None => Ok(()),
    }
}

fn figures_and_names_are_looked_up(texts: &BTreeMap<String, Value>) {
    let has = |alert: &str, key: &str, part: &str| {
        let text = texts[alert][key].as_str().unwrap_or_default();
        assert!(text.contains(part), "{alert}: {key} without {part:?}: {text}");
    };
    for (alert, window) in [
        ("WolkvoxRoutingPointCollapsed", "30m"),
        ("WolkvoxMenuOptionDropOff", "30m"),
        ("WolkvoxMenuOptionDropOffSlow", "3h"),
        ("WolkvoxMenuOptionAbandonment", "1h"),
        ("WolkvoxMenuOptionSurge", "3h"),
        ("WolkvoxNoInputShareHigh", "1h"),
        ("WolkvoxMenuRetriesHigh", "1h"),
        ("WolkvoxMenuLoopsHigh", "1h"),
    ] {
        has(alert, "description", &format!("3 / 41 ({window})"));
        has(alert, "summary", " (Línea)");
    }
    has("WolkvoxMenuOptionDropOff", "summary", "1 (Ventas)");
    has("WolkvoxMenuOptionDropOff", "description", " (4)");
    has("WolkvoxMenuOptionDropOff", "dashboard_url", "var-server=0042&var-rp_id=1&var-cod_opc_menu=1");
    has("WolkvoxTimeToOptionHigh", "description", "1m 35s");
    has("WolkvoxTimeToOptionHigh", "description", "40s");
    has("WolkvoxRowsTooLate", "summary", "10%");
    has("WolkvoxUnreachable", "summary", "connect");
}
