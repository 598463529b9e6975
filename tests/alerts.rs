//! The alerting rules: committed as generated, right by promtool's unit tests on every version, and with a runbook each.

#[path = "../examples/alerts/generate/mod.rs"]
mod generate;
#[path = "support/prometheus.rs"]
mod real_prometheus;

use std::{fs, path::Path, process::Command};

use real_prometheus::promtools;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_rules_are_the_generated_ones() {
    for (name, contents) in generate::files(&generate::Links::default()) {
        let committed = fs::read_to_string(root().join("rules").join(&name)).unwrap();
        assert!(
            committed == contents,
            "rules/{name} is not what `cargo run --example alerts` writes: run it"
        );
    }
}

#[test]
fn every_alert_has_its_runbook_in_every_language() {
    for alert in generate::alerts() {
        for language in generate::LANGUAGES {
            let path = root().join(format!("docs/runbooks/{language}/{}.md", alert.name));
            let page =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(page.matches("\n## ").count() >= 5, "{}: a part is missing", path.display());
        }
    }
}

#[test]
fn alerts_fire_spare_the_innocent_and_resolve() {
    for tool in promtools() {
        for test in ["alerts-menus.yaml", "alerts-exporter.yaml"] {
            let output = Command::new(&tool.path)
                .args(["test", "rules", test])
                .current_dir(root().join("rules/tests"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{tool}: {test}: {said}");
            assert!(!said.contains("error expanding template"), "{tool}: {test}: {said}");
        }
    }
}
