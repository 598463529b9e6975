//! The alerting rules: committed as generated, with a runbook each, and texts that a real Prometheus renders. promtool's own
//! tests of them, `rules/tests/`, run with those of the other rules in `tests/dashboards/`.
//!
//! | file | owns |
//! | --- | --- |
//! | `main` | what is committed for each alert |
//! | `pint` | the checks of a linter of rules |
//! | `page` | metrics with which every alert fires |
//! | `texts` | what a real Prometheus makes of the annotations |

mod page;
mod pint;
#[path = "../support/prometheus.rs"]
mod real_prometheus;
mod texts;

use std::{fs, path::Path};

use xtask::mixin::rules as generate;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_rules_are_the_generated_ones() {
    for (name, contents) in generate::files(&generate::Links::default()) {
        let committed = fs::read_to_string(root().join("rules").join(&name)).unwrap();
        assert!(committed == contents, "rules/{name} is not what `cargo xtask rules` writes: run it");
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
