//! Grafana's part of a query: it fills in variables, ranges and steps before it asks Prometheus.
//!
//! In most tests time runs sixty times as fast as with users: a scrape a second instead of a
//! minute, so that a shortest step of five minutes becomes five seconds. Ranges that a query itself
//! names (an hour, a week) stay.
//! names (an hour, a week) stay.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::dashboards::boards::{Panel, Target, Variable};
use crate::support::prometheus::{Labels, Prometheus, Sample};

/// Range in seconds, longer than any Prometheus of a test has run.
const RANGE: f64 = 600.0;
const SPEED: f64 = 60.0;
/// The regular expression that stands for each variable in a query, in Grafana's format `regex`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Chooses the first `count` values; 0 means all of them, which Grafana writes in its own way.
    pub(crate) fn choose(&mut self, name: &str, values: &[String], count: usize) {
        let chosen: Vec<String> =
            values.iter().take(count).map(|value| regex::escape(value)).collect();
        let text = match chosen.as_slice() {
            [] => ".+".to_owned(),
            [one] => one.clone(),
            several => format!("({})", several.join("|")),
        };
        self.0.insert(name.to_owned(), text);
    }
}

/// Grafana in front of a Prometheus, with a chosen time range. All times are in seconds.
pub(crate) struct Grafana<'a> {
    pub(crate) prometheus: &'a Prometheus,
    pub(crate) end: f64,
    pub(crate) range: f64,
    /// Factor by which Prometheus scrapes faster than with users.
    pub(crate) speed: f64,
    /// Most points of a curve.
    pub(crate) points: f64,
}

impl<'a> Grafana<'a> {
    /// Makes a range with all data of a Prometheus that started empty and scrapes every second.
    pub(crate) fn of_a_test(prometheus: &'a Prometheus, end: f64) -> Self {
        Self { prometheus, end, range: RANGE, speed: SPEED, points: 1000.0 }
    }

    /// Returns the distance between two points of a curve.
    fn step(&self, panel: Option<&Panel>) -> f64 {
        let shortest = panel.and_then(|panel| panel.interval).unwrap_or(60.0) / self.speed;
        let points = panel.and_then(|panel| panel.most_points).unwrap_or(self.points);
        shortest.max((self.range / points / 60.0).ceil() * 60.0 / self.speed)
    }

    fn fill(&self, text: &str, variables: &Variables, step: f64) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &variables.0 {
            filled = filled.replace(&format!("${{{name}:regex}}"), value);
        }
        let scrape = 60.0 / self.speed;
        for (name, seconds) in [
            ("$__range", self.range),
            ("$__rate_interval", (step + scrape).max(4.0 * scrape)),
            ("$__interval", step),
        ] {
            filled = filled.replace(name, &format!("{seconds}s"));
        }
        assert!(!filled.contains("${") && !filled.contains("$__"), "a variable is left: {filled}");
        filled
    }

    /// Returns the curves of a query.
    pub(crate) async fn curves(
        &self,
        panel: &Panel,
        target: &Target,
        variables: &Variables,
    ) -> Vec<(Labels, Vec<Sample>)> {
        let step = self.step(Some(panel));
        let expr = self.fill(&target.expr, variables, step);
        // Grafana rounds both ends to whole steps, and those of days to midnights. A panel with a
        // time of its own is asked as if it were midnight, so that the result does not depend on
        // when the test runs.
        let align =
            |time: f64| if panel.time_from.is_some() { time } else { (time / step).floor() * step };
        let range = panel.time_from.map_or(self.range, |range| range / self.speed);
        self.prometheus.query_range(&expr, align(self.end - range), align(self.end), step).await
    }

    /// Returns the labels of every series of a query.
    pub(crate) async fn ask(
        &self,
        panel: &Panel,
        target: &Target,
        variables: &Variables,
    ) -> Vec<Labels> {
        if target.instant {
            return self
                .now(target, variables)
                .await
                .into_iter()
                .map(|(labels, _)| labels)
                .collect();
        }
        self.curves(panel, target, variables).await.into_iter().map(|(labels, _)| labels).collect()
    }

    /// Returns the numbers of an instant query in the order of the answer, which Grafana keeps for
    /// the rows of a table.
    pub(crate) async fn now(&self, target: &Target, variables: &Variables) -> Vec<(Labels, f64)> {
        let expr = self.fill(&target.expr, variables, self.step(None));
        self.prometheus.query_in_order(&expr, self.end).await
    }

    /// Returns the values of a variable, given those before it.
    pub(crate) async fn values(&self, variable: &Variable, before: &Variables) -> Vec<String> {
        let query = self.fill(&variable.query, before, self.step(None));
        if let Some(expr) =
            query.strip_prefix("query_result(").and_then(|rest| rest.strip_suffix(')'))
        {
            let pattern = variable.regex.trim_matches('/');
            let pattern =
                Regex::new(pattern).unwrap_or_else(|error| panic!("{}: {error}", variable.name));
            let series = self.prometheus.query_at(expr, self.end).await;
            let shown = series.iter().map(|(labels, value)| text(labels, *value));
            return shown.map(|text| capture(&pattern, &text)).collect();
        }
        let query = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
        let (selector, label) = query
            .and_then(|query| query.rsplit_once(", "))
            .unwrap_or_else(|| panic!("{}: neither label_values nor query_result", variable.name));
        let (start, end) = ((self.end - self.range).to_string(), self.end.to_string());
        let parameters = [("match[]", selector), ("start", &start), ("end", &end)];
        let series = self.prometheus.api("/api/v1/series", &parameters).await;
        let series = series.as_array().map(Vec::as_slice).unwrap_or_default();
        let values: BTreeSet<String> =
            series.iter().filter_map(|labels| labels[label].as_str().map(str::to_owned)).collect();
        values.into_iter().collect()
    }
}

/// Writes a series for a variable's expression, as Grafana does.
fn text(labels: &Labels, value: f64) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    format!("{{{}}} {value} 0", pairs.join(","))
}

fn capture(pattern: &Regex, text: &str) -> String {
    let found = pattern.captures(text).unwrap_or_else(|| panic!("{pattern} does not fit {text}"));
    let name = found.name("text").map(|name| name.as_str()).unwrap_or_default();
    assert!(!name.is_empty(), "{text}: nothing to show for it");
    found.name("value").expect("the pattern names a value").as_str().to_owned()
}

/// Returns the names after `$` in a dashboard, except Grafana's own, and `$1`, which is
/// label_replace's.
pub(crate) fn variables_in(text: &str) -> BTreeSet<String> {
    let pattern = Regex::new(r"\$\{?([A-Za-z_]\w*)").expect("a regular expression");
    let names = pattern.captures_iter(text).map(|found| found[1].to_owned());
    names.filter(|name| !name.starts_with("__")).collect()
}

/// Returns the labels between braces in a legend.
pub(crate) fn labels_in(legend: &str) -> Vec<String> {
    let pattern = Regex::new(r"\{\{\s*(\w+)\s*\}\}").expect("a regular expression");
    pattern.captures_iter(legend).map(|found| found[1].to_owned()).collect()
}
