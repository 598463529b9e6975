//! What a soak has found.
//!
//! Owns the shape of it, and nothing of how it is found or printed.

use std::{collections::BTreeMap, time::Duration};

use super::verdict::Verdict;

/// What was seen.
pub struct Findings {
    pub verdict: Verdict,
    pub kills: u64,
    pub reloads: u64,
    pub scrapes: u64,
    /// While the process was dead or starting.
    pub while_down: u64,
    /// Why each other one failed.
    pub failed_scrapes: Vec<String>,
    pub gone_back: Vec<String>,
    pub slowest_scrape: Duration,
    /// The furthest that any target was behind while the exporter lived.
    pub largest_lag: f64,
    /// Lines of the log that were dropped while nobody read them; `None` where there was no such life.
    pub unheard_lines: Option<f64>,
    pub most_memory: Option<u64>,
    /// Connections to where the redirects point.
    pub redirects_followed: u64,
    pub requests: BTreeMap<String, u64>,
    /// Of the last scrape, summed over the targets.
    pub outcomes: Vec<(&'static str, f64)>,
}
