//! One scrape in the text format, parsed.
//!
//! Owns a small parser of the format. It must never share code with the exporter's encoder, so that
//! a mistake in one cannot be hidden by the same mistake in the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use simulator_testing::{Journeys, Truth};

use super::expected::expected;

const WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

type Labels = BTreeMap<String, String>;

/// Every sample of a scrape.
pub(crate) struct Scrape {
    samples: Vec<(String, Labels, f64)>,
}

impl Scrape {
    pub(crate) async fn of(client: &reqwest::Client, address: SocketAddr) -> Self {
        let answer = client
            .get(format!("http://{address}/metrics"))
            .send()
            .await
            .expect("a scrape succeeds");
        assert_eq!(answer.status(), 200);
        Self::parse(&answer.text().await.expect("a scrape is text"))
    }

    /// Scrapes until the scrape is as wanted, and returns it.
    pub(crate) async fn until(
        client: &reqwest::Client,
        address: SocketAddr,
        what: &str,
        wanted: impl Fn(&Self) -> bool,
    ) -> Self {
        let deadline = Instant::now() + WITHIN;
        loop {
            let scrape = Self::of(client, address).await;
            if wanted(&scrape) {
                return scrape;
            }
            assert!(
                Instant::now() < deadline,
                "not {what} within {WITHIN:?}, at last:\n{}",
                scrape.health()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            samples: lines
                .map(|line| sample(line).unwrap_or_else(|| panic!("no sample: {line}")))
                .collect(),
        }
    }

    /// Returns all samples with this name that have all of these labels.
    pub(crate) fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(&Labels, f64)> {
        let wanted = |has: &Labels| {
            labels.iter().all(|(key, value)| has.get(*key).is_some_and(|v| v == value))
        };
        let samples = self.samples.iter().filter(|(found, has, _)| found == name && wanted(has));
        samples.map(|(_, labels, value)| (labels, *value)).collect()
    }

    /// Returns the sum of these samples; `None` without samples.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.all(name, labels).into_iter().map(|(_, value)| value).reduce(|a, b| a + b)
    }

    /// Returns the sum of these samples, of which there must be one.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, labels)
            .unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", self.health()))
    }

    /// Returns the targets that occur in any sample.
    pub(crate) fn servers(&self) -> Vec<&str> {
        let servers = self.samples.iter().filter_map(|(_, labels, _)| labels.get("server"));
        servers.map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns true if the last poll of a target succeeded.
    pub(crate) fn up(&self, server: &str) -> bool {
        self.get("wolkvox_up", &[("server", server)]) == 1.0
    }

    /// Returns the number of a target's requests that failed with this class.
    pub(crate) fn errors(&self, server: &str, class: &str) -> f64 {
        self.get("wolkvox_api_errors_total", &[("server", server), ("class", class)])
    }

    /// Returns the number of a target's polls that failed with this class.
    pub(crate) fn failures(&self, server: &str, class: &str) -> f64 {
        self.get("wolkvox_poll_failures_total", &[("server", server), ("class", class)])
    }

    /// Returns the number of a target's rows with this outcome.
    pub(crate) fn rows(&self, server: &str, outcome: &str) -> f64 {
        self.get("wolkvox_rows_total", &[("server", server), ("outcome", outcome)])
    }

    pub(crate) fn watermark(&self, server: &str) -> f64 {
        self.get("wolkvox_watermark_timestamp_seconds", &[("server", server)])
    }

    /// Returns the classes for which a counter of this target is above 0.
    pub(crate) fn classes(&self, name: &str, server: &str) -> Vec<&str> {
        let all = self.all(name, &[("server", server)]).into_iter();
        all.filter(|(_, value)| *value > 0.0).map(|(labels, _)| labels["class"].as_str()).collect()
    }

    /// Fails unless a target's menu counters equal the truth, except those of journeys, which may
    /// still be open.
    pub(crate) fn assert_truth(&self, server: &str, truth: &Truth) {
        let expected: BTreeMap<(&str, Labels), f64> = expected(truth, &Journeys::default())
            .into_iter()
            .map(|(name, labels, value)| {
                let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value));
                ((name, labels.chain([("server".to_owned(), server.to_owned())]).collect()), value)
            })
            .collect();
        let names: BTreeSet<&str> = expected.keys().map(|(name, _)| *name).collect();
        let found: BTreeMap<(&str, Labels), f64> = names
            .into_iter()
            .flat_map(|name| {
                self.all(name, &[("server", server)]).into_iter().map(move |found| (name, found))
            })
            .map(|(name, (labels, value))| ((name, labels.clone()), value))
            .collect();
        assert_eq!(found, expected, "{server}");
        assert_eq!(self.rows(server, "new"), truth.rows as f64, "{server}");
    }

    /// Returns the samples that explain a failure.
    fn health(&self) -> String {
        let told = |name: &str| {
            [
                "_up",
                "_polls_total",
                "_failures_total",
                "_errors_total",
                "_requests_total",
                "_rows_total",
            ]
            .iter()
            .any(|end| name.ends_with(end))
        };
        let lines = self.samples.iter().filter(|(name, _, value)| told(name) && *value != 0.0);
        lines.map(|(name, labels, value)| format!("{name} {labels:?} {value}\n")).collect()
    }
}

/// Parses `name{label="value",...} 1.5`, with `\\`, `\"` and `\n` in values.
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let Some((name, mut rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ')?;
        return Some((name.to_owned(), Labels::new(), value.parse().ok()?));
    };
    let mut labels = Labels::new();
    while !rest.starts_with('}') {
        let (key, after) = rest.trim_start_matches(',').split_once("=\"")?;
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => value.push(match chars.next()? {
                    'n' => '\n',
                    other => other,
                }),
                other => value.push(other),
            }
        }
        labels.insert(key.to_owned(), value);
        rest = chars.as_str();
    }
    Some((name.to_owned(), labels, rest[1..].trim().parse().ok()?))
}
