//! The Prometheus of compose.yaml at other addresses and faster, with its own configuration and
//! rules from the files that users have.

use std::{fs, path::Path};

use super::prometheus::{Prometheus, Tool};

/// Starts Prometheus as the stack does, sixty times as fast. `change` may change a rule file, which
/// it gets by name and content.
pub(crate) async fn prometheus(
    tool: &Tool,
    exporter: &str,
    alertmanager: &str,
    flags: &[&str],
    change: impl Fn(&str, String) -> String,
) -> Prometheus {
    let change =
        |name: &str, rules: String| change(name, rules.replace("interval: 4m", "interval: 4s"));
    prometheus_every("1s", tool, exporter, alertmanager, flags, change).await
}

/// Starts Prometheus as the stack does, with another interval of scrapes and evaluations.
pub(crate) async fn prometheus_every(
    interval: &str,
    tool: &Tool,
    exporter: &str,
    alertmanager: &str,
    flags: &[&str],
    change: impl Fn(&str, String) -> String,
) -> Prometheus {
    let scrapes = format!("scrape_interval: {interval}");
    let evaluations = format!("evaluation_interval: {interval}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = fs::read_to_string(root.join("deploy/prometheus/prometheus.yml"))
        .expect("the stack has a Prometheus");
    for (from, to) in [
        ("scrape_interval: 1m", scrapes.as_str()),
        ("evaluation_interval: 1m", evaluations.as_str()),
        ("exporter:10013", exporter),
        ("alertmanager:9093", alertmanager),
    ] {
        assert_eq!(config.matches(from).count(), 1, "deploy/prometheus/prometheus.yml: {from}");
        config = config.replace(from, to);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("rules")).expect("the stack has rules") {
        let path = entry.expect("a readable entry").path();
        if path.is_file() {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            let rules = fs::read_to_string(&path).expect("a rule file can be read");
            let rules = change(&name, rules);
            files.push((format!("rules/{name}"), rules));
        }
    }
    Prometheus::start_configured(tool, &config, &files, flags).await
}
