//! Compares what a Prometheus has stored of an exporter with the simulator's truth.

use std::collections::BTreeMap;

use simulator_testing::{Journeys, Truth};

use crate::support::{
    expected::{self, COUNTERS},
    prometheus::{Labels, Prometheus},
};

/// Other counters that must never decrease, not even over a restart.
const RESTORED: [&str; 5] = [
    "wolkvox_menu_time_to_option_seconds_bucket",
    "wolkvox_rows_total",
    "wolkvox_late_rows_total",
    "wolkvox_row_lateness_seconds_bucket",
    "wolkvox_watermark_timestamp_seconds",
];

/// A counter and the label set of a series.
pub(crate) type Series = (&'static str, Labels);

/// First and last stored sample of every counter with a known truth.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) first: BTreeMap<Series, f64>,
    pub(crate) last: BTreeMap<Series, f64>,
}

impl Stored {
    /// Reads the samples of the last hour, of the counters with an expectation.
    pub(crate) async fn of(
        prometheus: &Prometheus,
        job: &str,
        expected: &BTreeMap<Series, f64>,
    ) -> Self {
        let is_expected = |name: &&str| expected.keys().any(|(known, _)| known == name);
        let mut stored = Self { first: BTreeMap::new(), last: BTreeMap::new() };
        for name in COUNTERS.into_iter().filter(is_expected) {
            for (labels, samples) in prometheus.samples(&format!("{name}{{job={job:?}}}[1h]")).await
            {
                let series = (name, menu_labels(labels));
                stored.first.insert(series.clone(), samples.first().expect("no series is empty").1);
                stored.last.insert(series, samples.last().expect("no series is empty").1);
            }
        }
        stored
    }

    /// Returns last minus first: the most that `increase()` over all time can find.
    pub(crate) fn growth(&self) -> BTreeMap<Series, f64> {
        let growth = |(series, last): (&Series, &f64)| (series.clone(), last - self.first[series]);
        self.last.iter().map(growth).collect()
    }
}

/// Returns the truth in the form of what is stored.
pub(crate) fn expected(truth: &Truth, journeys: &Journeys) -> BTreeMap<Series, f64> {
    let samples = expected::expected(truth, journeys).into_iter();
    let labels =
        |labels: Vec<(&str, String)>| labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    samples.map(|(name, own, value)| ((name, labels(own)), value)).collect()
}

/// Fails with the series that differ, without those that do not.
pub(crate) fn assert_same(
    what: &str,
    stored: &BTreeMap<Series, f64>,
    expected: &BTreeMap<Series, f64>,
) {
    let all: std::collections::BTreeSet<_> = stored.keys().chain(expected.keys()).collect();
    let differing: Vec<String> = all
        .into_iter()
        .filter(|series| stored.get(*series) != expected.get(*series))
        .map(|series| {
            format!("{series:?}: stored {:?}, truth {:?}", stored.get(series), expected.get(series))
        })
        .collect();
    assert!(differing.is_empty(), "{what} differs from the truth:\n{}", differing.join("\n"));
}

/// Fails if this Prometheus saw a counter decrease.
pub(crate) async fn assert_no_resets(
    prometheus: &Prometheus,
    job: &str,
    expected: &BTreeMap<Series, f64>,
) {
    let names: std::collections::BTreeSet<&str> = expected.keys().map(|(name, _)| *name).collect();
    for name in names.into_iter().chain(RESTORED) {
        let resets = prometheus.query(&format!("resets({name}{{job={job:?}}}[1h])")).await;
        assert!(!resets.is_empty(), "{}: {name} was never stored", prometheus.tool());
        let back: Vec<_> = resets.iter().filter(|(_, times)| *times != 0.0).collect();
        assert!(back.is_empty(), "{}: {name} went back: {back:?}", prometheus.tool());
    }
}

/// Removes the labels that the scrape and the target add.
fn menu_labels(labels: Labels) -> Labels {
    labels
        .into_iter()
        .filter(|(name, _)| !["__name__", "job", "instance", "server"].contains(&name.as_str()))
        .collect()
}
