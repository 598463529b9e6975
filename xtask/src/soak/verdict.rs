//! Compares the exporter's last scrape with the vendors' truth, label set by label set.

use std::collections::BTreeMap;

use simulator_testing::{Journeys, Truth};

use super::{
    expected::{COUNTERS, expected},
    scrape::{Scrape, Series},
};

/// Result of a comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Rows of the truth.
    pub rows: u64,
    /// Rows that were not counted.
    pub lost: u64,
    /// Rows that were counted twice or do not exist.
    pub doubled: u64,
    /// Descriptions of wrong series.
    pub wrong: Vec<String>,
}

const HITS: &str = "wolkvox_menu_option_hits_total";
/// Counters that do not depend on which rows belong to one interaction.
const BY_ROWS: [&str; 5] = [
    HITS,
    "wolkvox_menu_option_attempts_total",
    "wolkvox_menu_option_retries_total",
    "wolkvox_menu_time_to_option_seconds_sum",
    "wolkvox_menu_time_to_option_seconds_count",
];

impl Verdict {
    /// Compares one target; `served` is the number of rows in its vendor's answers. Without `journeys` only what is
    /// counted by rows is compared.
    pub fn add(
        &mut self,
        server: &str,
        truth: &Truth,
        journeys: Option<&Journeys>,
        served: u64,
        scrape: &Scrape,
    ) {
        self.rows += truth.rows;
        let is_compared_name =
            |name: &str| COUNTERS.contains(&name) && (journeys.is_some() || BY_ROWS.contains(&name));
        let expected: BTreeMap<Series, f64> = expected(truth, journeys.unwrap_or(&Journeys::default()))
            .into_iter()
            .filter(|(name, ..)| is_compared_name(name))
            .map(|(name, labels, value)| {
                let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
                let labels: Vec<_> = std::iter::once(("server", server)).chain(labels).collect();
                (Series::new(name, &labels), value)
            })
            .collect();
        let is_compared = |series: &Series| {
            is_compared_name(&series.name) && series.labels.get("server").is_some_and(|name| name == server)
        };
        let shown: BTreeMap<_, _> = scrape.samples.iter().filter(|(series, _)| is_compared(series)).collect();
        for (series, &real) in &expected {
            self.compare(series, real, shown.get(series).map_or(0.0, |shown| **shown));
        }
        for (series, value) in shown {
            if !expected.contains_key(series) {
                self.compare(series, 0.0, *value);
            }
        }
        self.check_outcomes(server, truth, served, scrape);
    }

    fn compare(&mut self, series: &Series, real: f64, shown: f64) {
        if real == shown {
            return;
        }
        self.wrong.push(format!("{series} is {shown}, not {real}"));
        if series.name == HITS {
            self.lost += (real - shown).max(0.0) as u64;
            self.doubled += (shown - real).max(0.0) as u64;
        }
    }

    /// Every row counted was served; one that was served may have been lost on its way, or with a kill.
    fn check_outcomes(&mut self, server: &str, truth: &Truth, served: u64, scrape: &Scrape) {
        let outcome = |outcome| {
            scrape
                .value("wolkvox_rows_total", &[("server", server), ("outcome", outcome)])
                .unwrap_or(f64::NAN)
        };
        let new = outcome("new");
        let all = new + outcome("repeated") + outcome("rejected") + outcome("out_of_range");
        if new != truth.rows as f64 {
            self.wrong.push(format!("{server}: {new} rows are called new, not {}", truth.rows));
        }
        if all.is_nan() || all > served as f64 {
            self.wrong.push(format!("{server}: {all} rows have an outcome, but only {served} were served"));
        }
    }
}
