//! The rules of Grafana's own dashboard-linter, each with our check of it or the reason why it does
//! not apply.
//!
//! Not every machine can fetch that program, a Go module, but its rules are public. Its rules are
//! for any dashboard; the checks here are for data that come every five minutes from one exporter.

use regex::Regex;

use crate::dashboards::boards::{Board, boards};

/// Our treatment of a rule.
enum Kept {
    /// A function that panics with the problem.
    Checked(fn(&Board)),
    /// A test with this name covers the rule.
    Elsewhere(&'static str),
    /// No check, for this reason.
    Not(&'static str),
}
use Kept::{Checked, Elsewhere, Not};

/// All rules of the linter, by their names.
const RULES: &[(&str, Kept)] = &[
    ("template-datasource-rule", Checked(one_datasource)),
    ("template-job-rule", Not(BY_SERVER)),
    ("template-instance-rule", Not(BY_SERVER)),
    ("template-label-promql-rule", Elsewhere("every_query_answers")),
    ("template-on-time-change-reload-rule", Checked(variables_follow_the_range)),
    ("template-required-variables-rule", Checked(variables_choose)),
    ("panel-datasource-rule", Elsewhere("every_panel_is_finished")),
    ("panel-title-description-rule", Elsewhere("every_panel_is_finished")),
    ("panel-units-rule", Elsewhere("every_panel_is_finished")),
    ("panel-no-targets-rule", Elsewhere("every_panel_is_finished")),
    ("target-logql-rule", Not("there is no Loki")),
    ("target-logql-auto-rule", Not("there is no Loki")),
    ("target-promql-rule", Elsewhere("every_query_answers")),
    // The linter wants `$__rate_interval`, a few minutes. The counters change every five minutes,
    // so a rate over less than an hour would show the steps.
    ("target-rate-interval-rule", Checked(ranges)),
    ("target-job-rule", Not(BY_SERVER)),
    ("target-instance-rule", Not(BY_SERVER)),
    ("target-required-matchers-rule", Checked(matchers)),
    ("target-counter-agg-rule", Checked(counters_grow)),
    ("target-histogram-rule", Checked(buckets_become_quantiles)),
    (
        "uneditable-dashboard-rule",
        Not("a supervisor makes it her own: it is imported, not provisioned, and editable"),
    ),
    ("element-reference-rule", Not("of the layouts of newer dashboards; these have none")),
];

const BY_SERVER: &str =
    "a series belongs to an operation, `server`, whichever exporter on whichever machine reads it";

#[test]
fn the_community_s_rules_hold() {
    for (rule, kept) in RULES {
        match kept {
            Checked(check) => boards().iter().for_each(check),
            Elsewhere(test) => {
                let tests = include_str!("mod.rs");
                assert!(tests.contains(&format!("fn {test}()")), "{rule}: there is no test {test}");
            }
            Not(reason) => assert!(!reason.is_empty(), "{rule}"),
        }
    }
}

fn one_datasource(board: &Board) {
    let variables = board.json["templating"]["list"].as_array().expect("variables");
    let of_this_type: Vec<_> =
        variables.iter().filter(|variable| variable["type"] == "datasource").collect();
    assert_eq!(of_this_type.len(), 1, "{}", board.uid);
    assert_eq!(
        (&of_this_type[0]["name"], &of_this_type[0]["query"]),
        (&"datasource".into(), &"prometheus".into())
    );
    if board.language == "en" {
        assert_eq!(of_this_type[0]["label"], "Data source");
    }
}

fn variables_follow_the_range(board: &Board) {
    const WHEN_THE_RANGE_CHANGES: u64 = 2;
    for variable in board.json["templating"]["list"].as_array().expect("variables") {
        if variable["type"] == "query" {
            assert_eq!(
                variable["refresh"], WHEN_THE_RANGE_CHANGES,
                "{}: {}",
                board.uid, variable["name"]
            );
        }
    }
}

fn variables_choose(board: &Board) {
    for variable in board.json["templating"]["list"].as_array().expect("variables") {
        // Nobody can choose a value of a hidden variable.
        if variable["type"] == "query" && variable["hide"] != 2 {
            let at = format!("{}: {}", board.uid, variable["name"]);
            assert_eq!(
                (&variable["multi"], &variable["includeAll"]),
                (&true.into(), &true.into()),
                "{at}"
            );
            assert_eq!(variable["allValue"], ".+", "{at}");
        }
    }
    assert!(board.variables.iter().any(|variable| variable.name == "server"), "{}", board.uid);
}

fn ranges(board: &Board) {
    let pattern = Regex::new(r"(\w+)\([^()]*\[([$\w]+)\]").expect("a regular expression");
    for (panel, target) in board.targets() {
        for range in pattern.captures_iter(&target.expr) {
            let fits = match &range[1] {
                "increase" => ["$__range", "1h", "1d", "10m"].contains(&&range[2]),
                // Functions of a gauge, or of the presence of a series, work with any number of
                // samples.
                _ => true,
            };
            assert!(
                fits,
                "{}: {}: [{}] does not fit five-minute steps",
                board.uid, panel.title, &range[2]
            );
        }
    }
}

/// Fails if a query reads all servers, except about the exporter itself, which serves all of them.
fn matchers(board: &Board) {
    let pattern = Regex::new(&format!(r"[a-z_:0-9]*wolkvox_[a-z_:0-9]+{MATCHERS}"))
        .expect("a regular expression");
    for (panel, target) in board.targets() {
        for found in pattern.captures_iter(&target.expr) {
            let chosen = found
                .get(1)
                .is_some_and(|matchers| matchers.as_str().contains("server=~`${server:regex}`"));
            let of_the_exporter = &found[0] == "wolkvox_exporter_build_info";
            assert!(
                chosen || of_the_exporter,
                "{}: {}: {} of all servers",
                board.uid,
                panel.title,
                &found[0]
            );
        }
    }
}

/// Matchers of a selector, which may contain variables.
const MATCHERS: &str = r"(\{(?:[^{}]|\$\{[^}]*\})*\})?";

/// Fails if a counter is shown as it is instead of by its growth; only its presence may be asked
/// for.
fn counters_grow(board: &Board) {
    let pattern =
        Regex::new(&format!(r"wolkvox_\w+_total{MATCHERS}")).expect("a regular expression");
    let presence = Regex::new(r"(group by \([\w, ]+\) \(|last_over_time\()$");
    let presence = presence.expect("a regular expression");
    for (panel, target) in board.targets() {
        for found in pattern.find_iter(&target.expr) {
            let (before, after) = (&target.expr[..found.start()], &target.expr[found.end()..]);
            let grows = before.ends_with("increase(") && after.starts_with('[');
            assert!(
                grows || presence.is_match(before),
                "{}: {}: {} is a counter as it is: {}",
                board.uid,
                panel.title,
                found.as_str(),
                target.expr
            );
        }
    }
}

/// Fails if buckets are shown as they are: they must become a quantile, or one bound must be
/// chosen.
fn buckets_become_quantiles(board: &Board) {
    for (panel, target) in board.targets().filter(|(_, target)| target.expr.contains("_bucket")) {
        let shown = target.expr.contains("histogram_quantile(") || target.expr.contains("le=~");
        assert!(shown, "{}: {}: buckets are shown one upon the other", board.uid, panel.title);
    }
}
