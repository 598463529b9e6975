//! The checks of Cloudflare's pint, a linter of rules, each with our version of it or the reason
//! why there is none.
//!
//! Not every machine can fetch that program, but its checks are public. Where pint parses PromQL,
//! these checks search the text.

use std::{collections::BTreeSet, fs};

use regex::Regex;

use crate::alerts::{
    root,
    rule_files::{self, Rule},
};

/// Our treatment of a check.
enum Kept {
    /// A function that panics with the problem.
    Checked(fn(&[Rule])),
    /// promtool does it, which `tests/prometheus/dashboards/` runs over every rule file and every
    /// test of one.
    Promtool,
    /// No check, for this reason.
    Not(&'static str),
}
use Kept::{Checked, Not, Promtool};

/// All checks of pint, by their names.
const CHECKS: &[(&str, Kept)] = &[
    ("alerts/absent", Checked(no_absence)),
    ("alerts/annotation", Checked(annotations)),
    ("alerts/comparison", Checked(comparisons)),
    ("alerts/count", Not(THEIR_PROMETHEUS)),
    ("alerts/external_labels", Not("no template reads external labels")),
    ("alerts/for", Promtool),
    ("alerts/template", Checked(templates)),
    ("group/interval", Checked(intervals)),
    ("labels/conflict", Not("no rule sets a label that a scrape configuration would")),
    ("promql/aggregate", Not(POLICY)),
    ("promql/counter", Checked(counters_grow)),
    (
        "promql/features",
        Not("no experimental function or modifier: the Prometheus of 2023 takes every rule"),
    ),
    ("promql/fragile", Checked(nothing_sampled)),
    ("promql/impossible", Checked(every_alert_has_fired)),
    ("promql/nan", Checked(no_division_inside_sums)),
    ("promql/offset", Checked(the_past_is_kept)),
    ("promql/performance", Checked(nothing_computed_twice)),
    ("promql/range_query", Checked(the_past_is_kept)),
    ("promql/rate", Checked(ranges_hold_two_polls)),
    ("promql/regexp", Checked(expressions_are_needed)),
    ("promql/selector", Not(POLICY)),
    ("promql/series", Checked(series_exist)),
    ("promql/syntax", Promtool),
    ("promql/vector_matching", Checked(every_alert_has_fired)),
    ("query/cost", Not(THEIR_PROMETHEUS)),
    ("rule/dependency", Checked(series_exist)),
    ("rule/duplicate", Checked(no_duplicates)),
    ("rule/for", Promtool),
    ("rule/label", Checked(severities)),
    (
        "rule/link",
        Not(
            "runbooks are looked for by a test of their own, and the rest of the links is the user's",
        ),
    ),
    ("rule/name", Checked(names)),
    ("rule/owner", Not(POLICY)),
    ("rule/reject", Not(POLICY)),
    ("rule/report", Not(POLICY)),
    ("rule/topk", Checked(nothing_sampled)),
    ("yaml/parse", Promtool),
];

const POLICY: &str = "checks a policy that a company writes itself";
const THEIR_PROMETHEUS: &str = "asks the user's own Prometheus";
#[test]
fn the_checks_of_pint_hold() {
    let rules = rule_files::all();
    assert!(
        rules.iter().filter(|rule| !rule.alert.is_empty()).count() > 40,
        "both languages are there"
    );
    for (name, kept) in CHECKS {
        match kept {
            Checked(check) => check(&rules),
            Promtool => {}
            Not(reason) => assert!(!reason.is_empty(), "{name}"),
        }
    }
}

fn alerts(rules: &[Rule]) -> impl Iterator<Item = &Rule> {
    rules.iter().filter(|rule| !rule.alert.is_empty())
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a regular expression")
}

fn no_absence(rules: &[Rule]) {
    for rule in alerts(rules).filter(|rule| rule.expr.contains("absent(")) {
        assert!(
            !rule.hold.is_empty(),
            "{}: something may be absent for a moment: give it a `for`",
            rule.alert
        );
    }
}

fn annotations(rules: &[Rule]) {
    for rule in alerts(rules) {
        for name in ["summary", "description", "runbook_url", "dashboard_url"] {
            let text = rule.annotations.get(name);
            assert!(
                text.is_some_and(|text| text.len() > 10),
                "{} {}: no {name}",
                rule.file,
                rule.alert
            );
        }
    }
}

fn comparisons(rules: &[Rule]) {
    let comparison = regex(r"\s(==|!=|>|<|>=|<=)\s");
    for rule in alerts(rules) {
        assert!(comparison.is_match(&rule.expr), "{}: fires whatever the value", rule.alert);
    }
}

/// Fails if a label holds a template, or if a text uses a label that the expression does not have.
fn templates(rules: &[Rule]) {
    let label = regex(r"\$labels\.(\w+)");
    for rule in alerts(rules) {
        for (name, text) in &rule.labels {
            assert!(
                !text.contains("{{"),
                "{}: the label {name} would make a new alert of each value",
                rule.alert
            );
        }
        for text in rule.annotations.values() {
            for found in label.captures_iter(text) {
                let kept = rule.expr.contains(&found[1])
                    || (found[1] == *"instance" && rule.expr.starts_with("up{"));
                assert!(
                    kept,
                    "{} {}: its series have no label {}",
                    rule.file, rule.alert, &found[1]
                );
            }
        }
    }
}

fn intervals(rules: &[Rule]) {
    for rule in rules {
        let fits = ["", "30s", "1m", "2m", "3m", "4m", "5m"].contains(&rule.interval.as_str());
        assert!(
            fits,
            "{}: after five minutes Prometheus takes a series for gone: {}",
            rule.file, rule.interval
        );
    }
}

fn counters_grow(rules: &[Rule]) {
    let counter = regex(r"\bwolkvox_\w+_total\b(\{[^}]*\})?");
    for rule in alerts(rules) {
        for found in counter.find_iter(&rule.expr) {
            let grows = rule.expr[found.end()..].starts_with('[');
            assert!(grows, "{}: {} as it is", rule.alert, found.as_str());
        }
    }
}

/// Fails if a rule uses a sampling function, which may choose other series at each evaluation.
fn nothing_sampled(rules: &[Rule]) {
    for rule in rules {
        let sampled = ["topk", "bottomk", "limitk", "limit_ratio"]
            .iter()
            .any(|name| rule.expr.contains(name));
        assert!(!sampled, "{}{}: its series would come and go", rule.record, rule.alert);
    }
}

/// Fails if no promtool test expects the alert to fire, because a rule that can never match cannot
/// fire there.
fn every_alert_has_fired(rules: &[Rule]) {
    let mut tests = String::new();
    for entry in fs::read_dir(root().join("rules/tests")).expect("a folder of tests") {
        tests +=
            &fs::read_to_string(entry.expect("a readable entry").path()).expect("a readable file");
    }
    for rule in alerts(rules) {
        let name = regex(&format!("- labels: '\\{{alertname=\"{}\"", rule.alert));
        assert!(name.is_match(&tests), "{}: no test of promtool lets it fire", rule.alert);
    }
}

/// Fails if a sum divides inside, because a single 0/0 would make the whole sum NaN.
fn no_division_inside_sums(rules: &[Rule]) {
    let sum = regex(r"\b(sum|avg|stddev|stdvar)( (by|without) \([^)]*\))? \(");
    for rule in rules {
        for found in sum.find_iter(&rule.expr) {
            let inside = inside(&rule.expr[found.end()..]);
            let divides = inside.contains(" / ") || inside.contains(" % ");
            assert!(!divides, "{}{}: divides inside a sum: {inside}", rule.record, rule.alert);
        }
    }
}

/// Returns the text up to the parenthesis that closes the open one.
fn inside(text: &str) -> &str {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 {
            return &text[..at];
        }
    }
    text
}

fn nothing_computed_twice(rules: &[Rule]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for recorded in rules.iter().filter(|rule| !rule.record.is_empty() && rule.labels.is_empty()) {
        let expr = words(&recorded.expr);
        for rule in rules.iter().filter(|rule| rule.record != recorded.record) {
            assert!(
                !words(&rule.expr).contains(&expr),
                "{}{}: use {}",
                rule.record,
                rule.alert,
                recorded.record
            );
        }
    }
}

/// Converts a Prometheus duration of one unit to seconds.
fn seconds(number: &str, unit: &str) -> u64 {
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 604_800,
    };
    number.parse::<u64>().expect("digits") * unit
}

/// Fails if a range is shorter than two polls: counters change every five minutes, so it might hold
/// no change.
fn ranges_hold_two_polls(rules: &[Rule]) {
    let range = regex(r"\[(\d+)([smhdw])\]");
    for rule in rules {
        for found in range.captures_iter(&rule.expr) {
            assert!(
                seconds(&found[1], &found[2]) >= 600,
                "{}{}: {}",
                rule.record,
                rule.alert,
                &found[0]
            );
        }
    }
}

/// Fails if an alert looks back for more than a day. Prometheus keeps fifteen days by default, and
/// other systems keep less.
fn the_past_is_kept(rules: &[Rule]) {
    let past = regex(r"(?:offset |\[)(\d+)([smhdw])");
    for rule in alerts(rules) {
        for found in past.captures_iter(&rule.expr) {
            let days = seconds(&found[1], &found[2]).div_ceil(86_400);
            assert!(days <= 1, "{}{}: {} may be gone by then", rule.record, rule.alert, &found[0]);
        }
    }
}

fn expressions_are_needed(rules: &[Rule]) {
    let matcher = regex(r#"[=!]~"([^"]*)""#);
    for rule in rules {
        for found in matcher.captures_iter(&rule.expr) {
            let (text, at) = (&found[1], format!("{}{}", rule.record, rule.alert));
            assert!(
                text.contains(['|', '.', '*', '+', '?', '[', '(']),
                "{at}: {text:?} is no pattern: use ="
            );
            assert!(
                !text.starts_with('^') && !text.ends_with('$'),
                "{at}: {text:?} is anchored anyway"
            );
        }
    }
}

/// Fails if a rule reads a series that neither the exporter exposes nor another rule records.
fn series_exist(rules: &[Rule]) {
    let recorded: BTreeSet<&str> = rules.iter().map(|rule| rule.record.as_str()).collect();
    let documented =
        fs::read_to_string(root().join("docs/metrics.md")).expect("the reference of metrics");
    let metric = regex(r"[a-z_]*:?wolkvox[a-z0-9_:]*");
    let matchers = regex(r"\{[^}]*\}");
    for rule in rules {
        for found in metric.find_iter(&matchers.replace_all(&rule.expr, "")) {
            let name = found.as_str();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .fold(name, |name, end| name.trim_end_matches(end));
            let exists = recorded.contains(name)
                || ["`", "{"].iter().any(|end| documented.contains(&format!("`{family}{end}")));
            assert!(exists, "{}{}: there is no {name}", rule.record, rule.alert);
        }
    }
}

fn no_duplicates(rules: &[Rule]) {
    let mut seen = BTreeSet::new();
    for rule in rules {
        let identity = (&rule.file, &rule.record, &rule.alert, &rule.labels);
        assert!(seen.insert(identity), "{}{} is there twice", rule.record, rule.alert);
    }
}

fn severities(rules: &[Rule]) {
    for rule in alerts(rules) {
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(
            matches!(severity, Some("critical" | "warning" | "info")),
            "{}: {severity:?}",
            rule.alert
        );
    }
}

/// Fails unless recorded names have the form level:metric:operation, and alerts begin with Wolkvox.
fn names(rules: &[Rule]) {
    let record = regex(r"^[a-z_]+:wolkvox_[a-z0-9_]+:[a-z0-9_]+$");
    let alert = regex(r"^Wolkvox([A-Z][a-z]+)+$");
    for rule in rules {
        assert!(rule.record.is_empty() || record.is_match(&rule.record), "{}", rule.record);
        assert!(rule.alert.is_empty() || alert.is_match(&rule.alert), "{}", rule.alert);
    }
}
