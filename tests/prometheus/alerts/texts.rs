//! Tests of the annotations in both languages, as a real Prometheus renders them: names and figures
//! are looked up when an alert fires, so that a mistake in a template shows only then.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};

use crate::alerts::{
    page, root,
    rule_files::{self, LANGUAGES},
};
use crate::support::prometheus::{Prometheus, Tool, binaries};

const DEADLINE: Duration = Duration::from_secs(60);
/// An address where nothing listens, so that an exporter there is down.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn every_text_renders_in_every_language() {
    let address = page::serve().await.to_string();
    for tool in binaries() {
        for (language, file) in LANGUAGES {
            let fired = fired(&tool, file, &address).await;
            for rule in rule_files::of(file) {
                let name = &rule.alert;
                assert!(
                    fired.iter().any(|alert| alert.name() == name),
                    "{tool}: {file}: {name} is silent"
                );
            }
            for alert in &fired {
                for key in ["summary", "description", "runbook_url", "dashboard_url"] {
                    let (name, text) = (alert.name(), alert.text(key));
                    check(text).unwrap_or_else(|why| {
                        panic!("{tool}: {file}: {name}: {key} {why}: {text}")
                    });
                }
                let page =
                    format!("https://tools.example/runbooks/{}?lang={language}", alert.name());
                assert_eq!(alert.text("runbook_url"), page);
            }
            figures_and_names_are_looked_up(&fired, language);
            what_is_not_there_is_left_out(&fired, language);
        }
    }
}

/// An alert as Prometheus shows it.
struct Fired(Value);

impl Fired {
    fn label(&self, name: &str) -> &str {
        self.0["labels"][name].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.label("alertname")
    }

    fn text(&self, annotation: &str) -> &str {
        self.0["annotations"][annotation].as_str().unwrap_or_default()
    }
}

/// Returns all alerts that fire.
async fn fired(tool: &Tool, file: &str, address: &str) -> Vec<Fired> {
    let config = json!({
        "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
        "rule_files": ["alerts.yaml"],
        "scrape_configs": [{ "job_name": "wolkvox", "static_configs": [{ "targets": [address, NOBODY] }] }],
    });
    let rules = fs::read_to_string(root().join("rules").join(file)).expect("the committed rules");
    // Without `for`, alerts fire at once instead of after minutes.
    let rules: Vec<&str> =
        rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect();
    let files = [("alerts.yaml".to_owned(), rules.join("\n"))];
    let prometheus = Prometheus::start_configured(tool, &config.to_string(), &files, &[]).await;
    // Two rules may raise one alert, each for its own cause.
    let wanted =
        rule_files::of(file).into_iter().map(|rule| rule.alert).collect::<BTreeSet<_>>().len();
    let names = "count by (alertname) (ALERTS{alertstate=\"firing\"})";
    prometheus.wait_for(names, DEADLINE, |firing| firing.len() == wanted).await;
    let alerts = prometheus.api("/api/v1/alerts", &[]).await;
    alerts["alerts"].as_array().expect("a list").iter().cloned().map(Fired).collect()
}

/// Returns the defect of a text, if any.
fn check(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    // Prometheus' words for a failed lookup, and remains of a template or of its shorthand.
    let wrong =
        ["<", "{{", "}}", "NaN", "%!", "()", "  ", " ,", ": .", "var-rp_id=&", "/d/wolkvox-?"];
    match wrong.into_iter().find(|part| text.contains(part)) {
        Some(part) => Err(format!("has {part:?}")),
        None => Ok(()),
    }
}

fn figures_and_names_are_looked_up(fired: &[Fired], language: &str) {
    let has = |name: &str, key: &str, part: &str| {
        let texts =
            fired.iter().filter(|alert| alert.name() == name && alert.label("rp_id") != page::BARE);
        let texts: Vec<&str> = texts.map(|alert| alert.text(key)).collect();
        assert!(
            texts.iter().any(|text| text.contains(part)),
            "{name}: {key} without {part:?}: {texts:?}"
        );
    };
    let english = language == "en";
    for (alert, sentence) in [
        (
            "WolkvoxRoutingPointCollapsed",
            ["entered 0 times within 10m; 41 were", "0 veces en 10m; se esperaban 41."],
        ),
        (
            "WolkvoxMenuOptionDropOff",
            ["Entered 3 times within 30m; 41 were", "3 veces en 30m; se esperaban 41 "],
        ),
        (
            "WolkvoxMenuOptionSurge",
            ["Entered 123 times within 3h; 41 were", "123 veces en 3h; se esperaban 41 "],
        ),
        ("WolkvoxMenuOptionAbandonment", [": 30 within 1h; 4 were", ": 30 en 1h; se esperaban 4."]),
        ("WolkvoxMenuOptionHangUps", [": 30 within 45m; 4 were", ": 30 en 45m; se esperaban 4."]),
        (
            "WolkvoxMenuRetriesHigh",
            [": 30 within 1h 30m; 4 were", ": 30 en 1h 30m; se esperaban 4."],
        ),
        ("WolkvoxMenuLoopsHigh", [": 30 within 8h; 4 were", ": 30 en 8h; se esperaban 4."]),
        (
            "WolkvoxNoInputShareHigh",
            ["entered 30 times within 1h; 4 were", "30 veces en 1h; se esperaban 4."],
        ),
        (
            "WolkvoxTimeToOptionHigh",
            ["more than 1m 35s within 1h; 40s is", "más de 1m 35s en 1h; lo habitual son 40s."],
        ),
    ] {
        has(alert, "description", sentence[usize::from(!english)]);
        has(alert, "summary", " (Línea), voice: ");
    }
    has("WolkvoxMenuOptionDropOff", "summary", " 1 (Ventas) ");
    has(
        "WolkvoxMenuOptionDropOff",
        "description",
        if english { "weeks (4). The" } else { "anteriores (4). Las" },
    );
    has(
        "WolkvoxMenuOptionDropOff",
        "dashboard_url",
        "var-server=0042&var-rp_id=0&var-channel=voice&var-cod_opc_menu=1",
    );
    has("WolkvoxRowsTooLate", "summary", "10%");
    has("WolkvoxRowsRejected", "summary", "(bad_date)");
    has("WolkvoxHistoryShort", "summary", "3d 0h 0m 0s");
    has("WolkvoxUnreachable", "summary", "connect");
}

/// Fails unless a text without names and figures still consists of whole sentences. Grafana looks
/// nothing up, so its users see that text.
fn what_is_not_there_is_left_out(fired: &[Fired], language: &str) {
    let bare = fired
        .iter()
        .find(|alert| alert.label("rp_id") == page::BARE)
        .expect("one that has no names");
    let texts = match language {
        "en" => [
            "Option 9 of routing point 99, chat-web: reached only after more attempts than usual",
            "The text misleads them, or their keys are not recognised.",
        ],
        _ => [
            "Opción 9 del punto de enrutamiento 99, chat-web: requiere más intentos que lo habitual",
            "El audio los confunde, o no se reconocen sus tonos.",
        ],
    };
    assert_eq!([bare.text("summary"), bare.text("description")], texts);
}
