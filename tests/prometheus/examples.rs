//! Tests of the files in `examples/` for programs that scrape the exporter, where those programs
//! are not available.
//!
//! Owns the values in which all files must agree, and promtool's check of the Prometheus part of
//! each. `scripts/lint-stack` checks vmagent's. Of Grafana Alloy's file only the words are compared
//! with its reference, because its parser is not available.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use serde_json::{Value, json};
use wolkvox_exporter::config::MenuConfig;

use crate::support::prometheus::promtools;
use crate::support::promtool;

const ADDRESS: &str = "localhost:10013";

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Fails unless every promtool accepts this file; `--lint` also reports suspicious settings.
fn check(path: &Path) {
    for tool in promtools() {
        let path = path.to_string_lossy();
        promtool::run(&tool.path, &["check", "config", "--lint=all", "--lint-fatal", &path])
            .unwrap_or_else(|said| panic!("{tool}: {said}"));
    }
}

fn check_text(config: &Value) {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let path = directory.path().join("prometheus.yml");
    // JSON is YAML.
    fs::write(&path, config.to_string()).expect("a temporary directory can be written to");
    check(&path);
}

/// Fails unless the job scrapes the exporter's default address, more often than the exporter holds
/// a new series at 0.
fn is_a_good_job(name: &str, config: &Value, interval: &Value) {
    let jobs = config["scrape_configs"].as_array().unwrap_or_else(|| panic!("{name}: no job"));
    assert_eq!(jobs.len(), 1, "{name}");
    assert_eq!(jobs[0]["job_name"], "wolkvox", "{name}");
    assert_eq!(jobs[0]["static_configs"], json!([{ "targets": [ADDRESS] }]), "{name}");
    is_often_enough(name, interval.as_str().unwrap_or_default());
}

fn is_often_enough(name: &str, interval: &str) {
    assert_eq!(interval, "1m", "{name}: another interval than the documentation's");
    assert!(
        Duration::from_secs(60) < MenuConfig::default().zero_hold,
        "{name}: longer than the zero hold"
    );
}

#[test]
fn prometheus_takes_its_example_with_the_alerts() {
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/prometheus.yml"));
    let config = yaml("prometheus.yml");
    is_a_good_job("prometheus.yml", &config, &config["global"]["scrape_interval"]);
    // The commented part is for Prometheus 3, and must be valid.
    let newer = example("prometheus.yml")
        .replace("# scrape_native", "scrape_native")
        .replace("# always_", "always_");
    let newer: Value =
        serde_saphyr::from_str(&newer).expect("it is YAML without the comment signs");
    assert_eq!(newer["scrape_configs"][0]["always_scrape_classic_histograms"], true);
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let path = directory.path().join("prometheus.yml");
    fs::write(&path, json!({ "scrape_configs": newer["scrape_configs"] }).to_string())
        .expect("written");
    for tool in promtools().iter().filter(|tool| tool.major() >= 3) {
        promtool::run(&tool.path, &["check", "config", &path.to_string_lossy()])
            .unwrap_or_else(|said| panic!("{tool}: {said}"));
    }
}

/// promtool must accept vmagent's example, because vmagent reads Prometheus' own format.
#[test]
fn promtool_takes_the_example_of_vmagent() {
    let config = yaml("vmagent.yml");
    check_text(&config);
    is_a_good_job("vmagent.yml", &config, &config["global"]["scrape_interval"]);
}

/// promtool must accept the receiver's `config` in the collector's example, because the collector
/// passes it to Prometheus' own code.
#[test]
fn promtool_takes_what_the_collector_hands_to_prometheus() {
    let collector = yaml("otelcol.yaml");
    let config = &collector["receivers"]["prometheus"]["config"];
    check_text(config);
    is_a_good_job("otelcol.yaml", config, &config["scrape_configs"][0]["scrape_interval"]);
    assert!(!example("otelcol.yaml").contains('$'), "the collector would take it for a variable");
    // Every component is used by a pipeline, and every pipeline's component is defined.
    for kind in ["receivers", "exporters"] {
        let there: BTreeSet<&str> =
            collector[kind].as_object().expect(kind).keys().map(String::as_str).collect();
        let pipelines = collector["service"]["pipelines"].as_object().expect("pipelines").values();
        let used: BTreeSet<&str> = pipelines
            .flat_map(|pipeline| pipeline[kind].as_array().expect(kind))
            .map(|name| name.as_str().expect("a name"))
            .collect();
        assert_eq!(there, used, "{kind}");
    }
    assert_eq!(
        collector["exporters"]["prometheusremotewrite"].as_object().expect("an object").len(),
        1
    );
}

/// Arguments of `prometheus.scrape` and `prometheus.remote_write` in the reference of Alloy 1.20.
const ALLOY: &[&str] = &["targets", "job_name", "scrape_interval", "forward_to", "url"];

#[test]
fn the_example_of_alloy_has_no_word_that_is_not_in_its_reference() {
    let text = example("config.alloy");
    let code: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let mut arguments = BTreeSet::new();
    let mut blocks = Vec::new();
    let mut depth = 0;
    for line in &code {
        if let Some(block) = line.strip_suffix('{') {
            blocks.push(block.trim());
            depth += 1;
        } else if *line == "}" {
            depth -= 1;
        } else if let Some((name, value)) = line.split_once(" = ") {
            assert!(ALLOY.contains(&name.trim()), "{line}");
            arguments.insert((name.trim(), value));
        } else {
            assert!(line.is_empty(), "{line}");
        }
        assert!(depth >= 0, "a bracket closes nothing: {line}");
    }
    assert_eq!(depth, 0, "a block has no end");
    assert_eq!(
        blocks,
        [r#"prometheus.scrape "wolkvox""#, r#"prometheus.remote_write "default""#, "endpoint"]
    );
    let targets = format!(r#"[{{"__address__" = "{ADDRESS}"}}]"#);
    for argument in [
        ("targets", targets.as_str()),
        ("job_name", r#""wolkvox""#),
        ("forward_to", "[prometheus.remote_write.default.receiver]"),
    ] {
        assert!(arguments.contains(&argument), "{argument:?} in {arguments:?}");
    }
    let interval =
        arguments.iter().find(|(name, _)| *name == "scrape_interval").expect("an interval");
    is_often_enough("config.alloy", interval.1.trim_matches('"'));
}
