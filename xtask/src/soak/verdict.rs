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
    /// Number of rows in seconds that the exporter has given up for now, by its own report: it
    /// reads them again within the hour, but the soak is over before.
    pub given_up: u64,
    /// Descriptions of wrong series.
    pub wrong: Vec<String>,
}

const HITS: &str = "wolkvox_menu_option_hits_total";
/// Rows that a second may hold.
const ROWS_A_SECOND: u64 = 10;
/// Counters that do not depend on which rows are the late ones among others of their option and
/// second.
const BY_HITS: [&str; 2] = [HITS, "wolkvox_menu_time_to_option_seconds_count"];
/// Counters that do not depend on which rows belong to one interaction.
const BY_ROWS: [&str; 5] = [
    HITS,
    "wolkvox_menu_option_attempts_total",
    "wolkvox_menu_option_retries_total",
    "wolkvox_menu_time_to_option_seconds_sum",
    "wolkvox_menu_time_to_option_seconds_count",
];

/// The standard for a target's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Every counter equals the truth.
    Exactly,
    /// Every hit is counted under its labels. Its vendor respells interactions, so nobody can tell
    /// which of two rows of one option and second came late, nor which rows belong to one
    /// interaction.
    ToHits,
    /// No counter is above the truth, and only rows of this many seconds are missing.
    ButFor {
        /// Seconds that the exporter has given up.
        seconds: u64,
    },
}

impl Held {
    fn compares(self, name: &str) -> bool {
        match self {
            Self::Exactly => COUNTERS.contains(&name),
            Self::ToHits => BY_HITS.contains(&name),
            Self::ButFor { .. } => BY_ROWS.contains(&name),
        }
    }
}

impl Verdict {
    /// Compares one target; `served` is the number of rows in its vendor's answers.
    pub fn add(
        &mut self,
        server: &str,
        held: Held,
        (truth, journeys): (&Truth, &Journeys),
        served: u64,
        scrape: &Scrape,
    ) {
        self.rows += truth.rows;
        let expected: BTreeMap<Series, f64> = expected(truth, journeys)
            .into_iter()
            .filter(|(name, ..)| held.compares(name))
            .map(|(name, labels, value)| {
                let labels = labels.iter().map(|(name, value)| (*name, value.as_str()));
                let labels: Vec<_> = std::iter::once(("server", server)).chain(labels).collect();
                (Series::new(name, &labels), value)
            })
            .collect();
        let is_compared = |series: &Series| {
            held.compares(&series.name)
                && series.labels.get("server").is_some_and(|name| name == server)
        };
        let shown: BTreeMap<_, _> =
            scrape.samples.iter().filter(|(series, _)| is_compared(series)).collect();
        let given_up_before = self.given_up;
        for (series, &real) in &expected {
            self.compare(series, real, shown.get(series).map_or(0.0, |shown| **shown), held);
        }
        for (series, value) in shown {
            if !expected.contains_key(series) {
                self.compare(series, 0.0, *value, held);
            }
        }
        let given_up = self.given_up - given_up_before;
        if let Held::ButFor { seconds } = held
            && given_up > seconds * ROWS_A_SECOND
        {
            self.wrong.push(format!(
                "{server}: {given_up} rows are missing, of {seconds} seconds given up"
            ));
        }
        self.check_outcomes(server, truth.rows - given_up, served, scrape);
    }

    fn compare(&mut self, series: &Series, real: f64, shown: f64, held: Held) {
        if real == shown {
            return;
        }
        let is_hits = series.name == HITS;
        if matches!(held, Held::ButFor { .. }) && shown < real {
            self.given_up += if is_hits { (real - shown) as u64 } else { 0 };
            return;
        }
        self.wrong.push(format!("{series} is {shown}, not {real}"));
        if is_hits {
            self.lost += (real - shown).max(0.0) as u64;
            self.doubled += (shown - real).max(0.0) as u64;
        }
    }

    /// Checks that every counted row was served; a served one may have been lost on its way, or by
    /// a kill.
    fn check_outcomes(&mut self, server: &str, rows: u64, served: u64, scrape: &Scrape) {
        let outcome = |outcome| {
            scrape
                .value("wolkvox_rows_total", &[("server", server), ("outcome", outcome)])
                .unwrap_or(f64::NAN)
        };
        let new = outcome("new");
        let all = new + outcome("repeated") + outcome("rejected") + outcome("out_of_range");
        if new != rows as f64 {
            self.wrong.push(format!("{server}: {new} rows are called new, not {rows}"));
        }
        if all.is_nan() || all > served as f64 {
            self.wrong.push(format!(
                "{server}: {all} rows have an outcome, but only {served} were served"
            ));
        }
    }
}
