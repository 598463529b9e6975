//! Owns the time before the test, as Prometheus would have stored it: counters and watermark every five minutes, and what the
//! recording rules made of them.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use wolkvox_exporter::simulator::Simulator;
use xtask::evaluate::prometheus;

use crate::real_prometheus::Tool;

const STEP: i64 = 300;
/// The longest window in which an alert compares counts.
const LONGEST_WINDOW: i64 = 8 * 3600;

/// Samples in OpenMetrics, and a folder for Prometheus' storage, which goes with this.
pub(crate) struct History {
    samples: String,
    now: i64,
    folder: TempDir,
}

impl History {
    /// What an exporter that had begun at `origin` would have shown until now, of operations that are all alike.
    pub(crate) fn of(simulator: &Simulator, servers: &[&str], origin: Timestamp, now: Timestamp) -> Self {
        let (origin, now) = (origin.as_second(), now.as_second());
        let mut watermarks = String::from("# TYPE wolkvox_watermark_timestamp_seconds gauge\n");
        let mut totals: BTreeMap<String, u64> = BTreeMap::new();
        let mut counters: BTreeMap<String, String> = BTreeMap::new();
        let mut before = at(origin);
        for time in (origin..now).step_by(STEP as usize).skip(1).chain([now]) {
            for option in simulator.truth(before, at(time), None).options {
                let text = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
                let labels = format!(
                    "rp_id=\"{}\",channel=\"{}\",cod_opc_menu=\"{}\"",
                    option.rp_id,
                    option.channel,
                    text(&option.cod_opc_menu)
                );
                *totals.entry(labels).or_default() += option.hits;
            }
            before = at(time);
            for server in servers {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    watermarks,
                    "wolkvox_watermark_timestamp_seconds{{server=\"{server}\"}} {time} {time}"
                );
                for (labels, total) in &totals {
                    let labels = format!("server=\"{server}\",{labels}");
                    let samples = counters.entry(labels.clone()).or_default();
                    let _ = writeln!(samples, "wolkvox_menu_option_hits_total{{{labels}}} {total} {time}");
                }
            }
        }
        let counters: String = counters.into_values().collect();
        let samples = format!("{watermarks}# TYPE wolkvox_menu_option_hits counter\n{counters}# EOF\n");
        Self { samples, now, folder: tempfile::tempdir().expect("a temporary directory can be created") }
    }

    /// For Prometheus.
    pub(crate) fn storage(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Makes the storage, with the expectations of the longest window: alerts ask what had been expected all along.
    pub(crate) fn record(&self, tool: &Tool, promtool: &Tool) {
        let folder = self.folder.path().to_owned();
        let samples = folder.join("samples");
        fs::write(&samples, &self.samples).expect("the temporary directory can be written");
        let mut prometheus =
            prometheus::Prometheus::new(tool.path.clone(), promtool.path.clone(), folder.clone())
                .expect("a folder for it can be made");
        prometheus.load(&samples).expect("the samples are good OpenMetrics");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/wolkvox-baselines.yaml");
        let mut rules = prometheus::rules(path.as_ref()).expect("the committed rules");
        rules.retain(|rule| {
            let name = rule.record.as_deref().unwrap_or_default();
            name.ends_with("option_hits:same_hour_rate") || name.ends_with("option_hits:expected_rate")
        });
        prometheus.record(&rules, self.now - LONGEST_WINDOW, self.now).expect("the rules can be evaluated");
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}
