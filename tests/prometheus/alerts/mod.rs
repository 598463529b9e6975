//! Tests of the alerting rules: the same in both languages, with a runbook each, and with texts
//! that a real Prometheus renders. promtool's own tests of the rules, in `rules/tests/`, run with
//! those of the other rules in `tests/prometheus/dashboards/`.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | the files of each alert |
//! | `rule_files` | reading the rule files |
//! | `pint` | the checks of a linter of rules |
//! | `page` | metrics with which every alert fires |
//! | `texts` | the annotations, as a real Prometheus renders them |

mod page;
mod pint;
pub(crate) mod rule_files;
mod texts;

use std::{collections::BTreeSet, fs};

use regex::Regex;
use wolkvox_exporter::baseline::LEAST_WEEKS;

use crate::{
    alerts::rule_files::{LANGUAGES, Rule},
    dashboards::boards::boards,
    support::repository::root,
};

/// The alerts must be the same in every language, because their files are written by hand and a
/// change in one is easily forgotten in the other.
#[test]
fn the_alerts_are_the_same_in_every_language() {
    let [english, spanish] = LANGUAGES.map(|(_, file)| rule_files::of(file));
    let names = |rules: &[Rule]| rules.iter().map(|rule| rule.alert.clone()).collect::<Vec<_>>();
    assert_eq!(names(&english), names(&spanish), "the same alerts in the same order");
    for (english, spanish) in english.iter().zip(&spanish) {
        let judged = |rule: &Rule| {
            let rule = rule.clone();
            (rule.expr, rule.hold, rule.keep_firing_for, rule.labels)
        };
        assert_eq!(judged(english), judged(spanish), "{}", english.alert);
        for (key, text) in &english.annotations {
            let (name, other) = (&english.alert, &spanish.annotations[key]);
            assert_eq!(looked_up(text), looked_up(other), "{name}: what the {key} looks up");
            match key.as_str() {
                "runbook_url" => assert_eq!(&text.replace("?lang=en", "?lang=es"), other, "{name}"),
                "dashboard_url" => {
                    assert_eq!(&without_language(text), &without_language(other), "{name}");
                }
                _ => assert_ne!(text, other, "{name}: the {key} is not translated"),
            }
        }
    }
}

/// Returns the templates of a text, sorted, because each language may have them in another order.
fn looked_up(text: &str) -> Vec<&str> {
    let template = Regex::new(r"\{\{-?\s*(.*?)\s*-?\}\}").expect("a regular expression");
    let mut templates: Vec<&str> =
        template.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    templates.sort_unstable();
    templates
}

fn without_language(url: &str) -> String {
    url.replacen("-en?", "-?", 1)
        .replacen("-es?", "-?", 1)
        .trim_end_matches("en")
        .trim_end_matches("es")
        .to_owned()
}

#[test]
fn every_alert_has_its_runbook_in_every_language() {
    for (language, file) in LANGUAGES {
        let mut pages = BTreeSet::new();
        for entry in
            fs::read_dir(root().join("docs/runbooks").join(language)).expect("a folder of runbooks")
        {
            pages.insert(
                entry.expect("a readable entry").file_name().to_string_lossy().into_owned(),
            );
        }
        for alert in rule_files::of(file) {
            let page = format!("{}.md", alert.alert);
            let path = root().join("docs/runbooks").join(language).join(&page);
            let text = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(text.matches("\n## ").count() >= 5, "{}: a part is missing", path.display());
            pages.remove(&page);
        }
        assert!(pages.is_empty(), "docs/runbooks/{language} has pages of no alert: {pages:?}");
    }
}

/// The alert about a short history and the tile "No history yet" must end when options are judged,
/// because a supervisor reads both beside the status page.
#[test]
fn a_history_is_short_until_options_are_judged() {
    let seconds = u32::from(LEAST_WEEKS) * 7 * 86_400;
    for (_, file) in LANGUAGES {
        let rules = rule_files::of(file);
        let short =
            rules.iter().find(|rule| rule.alert == "WolkvoxHistoryShort").expect("an alert");
        let wanted = format!("max by (server) (wolkvox_baseline_history_seconds) < {seconds}");
        assert_eq!(short.expr, wanted, "{file}");
    }
    let weeks = Regex::new(r"\(wolkvox_baseline_observations\{[^)]*\}\) >= (\d+)")
        .expect("a regular expression");
    let mut tiles = 0;
    for board in boards() {
        for (panel, target) in board.targets() {
            for found in weeks.captures_iter(&target.expr) {
                assert_eq!(found[1], LEAST_WEEKS.to_string(), "{}: {}", board.uid, panel.title);
                tiles += 1;
            }
        }
    }
    assert!(tiles >= 4, "{tiles} queries say that there is no history");
}

/// The alerts must work for a user who has a Prometheus with one day of data and no recording
/// rules.
#[test]
fn alerts_stand_on_exposed_metrics_alone() {
    for (_, file) in LANGUAGES {
        for rule in rule_files::of(file) {
            assert!(rule.record.is_empty(), "{file}: {} is recorded", rule.record);
            assert!(
                !rule.expr.contains(":wolkvox"),
                "{file}: {} reads what a rule records",
                rule.alert
            );
        }
    }
}
