//! Findings of a soak, as data.

use std::{collections::BTreeMap, time::Duration};

use super::verdict::Verdict;

/// Findings of a soak.
pub struct Findings {
    pub verdict: Verdict,
    pub kills: u64,
    pub reloads: u64,
    pub scrapes: u64,
    /// Scrapes that failed while the process was dead or starting.
    pub while_down: u64,
    /// Reasons of all other failed scrapes.
    pub failed_scrapes: Vec<String>,
    pub gone_back: Vec<String>,
    pub slowest_scrape: Duration,
    /// Longest delay of a target while the exporter lived.
    pub largest_lag: f64,
    /// Log lines dropped while nobody read them; `None` without such a life.
    pub unheard_lines: Option<f64>,
    pub most_memory: Option<u64>,
    /// Connections to the target of the redirects.
    pub redirects_followed: u64,
    pub requests: BTreeMap<String, u64>,
    /// Result of the last scrape, summed over the targets.
    pub outcomes: Vec<(&'static str, f64)>,
}
