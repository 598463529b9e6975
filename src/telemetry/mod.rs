//! The exporter's own live metrics: what it does, as against what it has counted.
//!
//! All begin at 0 with each process. Those of the process are a few dozen, encoded at every scrape; those of a target
//! are part of what the target exposes. One registry that is passed about; nothing global.

mod durations;
mod process;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use prometheus::{Counter, Gauge, GaugeVec, Opts, Registry};
use tokio::sync::Notify;

use self::process::Process;
pub use self::target::TargetTelemetry;
use crate::{
    exposition::{BucketBounds, Family, from_prometheus},
    logging::DroppedLines,
};

const DURATIONS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 65.0, 300.0];

/// Why a span was narrowed: the `cause` label of `wolkvox_window_splits_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitCause {
    /// As many rows as an answer can hold.
    Cap,
    /// Fewer rows than announced.
    Truncated,
    /// More bytes than an answer may have.
    Size,
    /// No whole answer in time.
    Timeout,
    /// Refused in unknown words.
    Refused,
    /// Failed again and again, or without any of the known rows, by a server that answers other spans.
    Failure,
}

impl SplitCause {
    const ALL: [Self; 6] =
        [Self::Cap, Self::Truncated, Self::Size, Self::Timeout, Self::Refused, Self::Failure];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cap => "cap",
            Self::Truncated => "truncated",
            Self::Size => "size",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Failure => "failure",
        }
    }
}

/// All live metrics of the process.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    process: Process,
    bounds: Arc<BucketBounds>,
    targets: Mutex<BTreeMap<String, TargetTelemetry>>,
    changed: Arc<Notify>,
    load: GaugeVec,
    runbooks: GaugeVec,
    last_reload: Gauge,
    last_success: Gauge,
    log_lines_dropped: Counter,
    dropped_lines: OnceLock<DroppedLines>,
}

impl Telemetry {
    /// Registers everything. Fails only on a name used twice, which a test would have shown.
    pub fn new() -> Result<Self, prometheus::Error> {
        let bounds = BucketBounds::new(&DURATIONS)
            .ok_or_else(|| prometheus::Error::Msg("the bounds of the durations must increase".to_owned()))?;
        let load = Opts::new(
            "wolkvox_exporter_load_ratio",
            "How much of what one process supports is used; over 1, data come late.",
        );
        let runbooks = Opts::new(
            "wolkvox_exporter_runbooks_info",
            "Always 1; the label says where the alerts' runbooks are.",
        );
        let telemetry = Self {
            registry: Registry::new(),
            process: Process::new()?,
            bounds: Arc::new(bounds),
            targets: Mutex::default(),
            changed: Arc::new(Notify::new()),
            load: GaugeVec::new(load, &["of"])?,
            runbooks: GaugeVec::new(runbooks, &["url"])?,
            last_reload: Gauge::new(
                "wolkvox_exporter_config_last_reload_successful",
                "1 when the configuration was good the last time it was read, at the start or at a reload.",
            )?,
            last_success: Gauge::new(
                "wolkvox_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
            )?,
            log_lines_dropped: Counter::new(
                "wolkvox_log_lines_dropped_total",
                "Log lines that were not written, because nobody reads standard error or it is closed.",
            )?,
            dropped_lines: OnceLock::new(),
        };
        let build = GaugeVec::new(
            Opts::new("wolkvox_exporter_build_info", "Always 1; the labels say which build this is."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        for collector in [
            Box::new(telemetry.load.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(telemetry.runbooks.clone()),
            Box::new(telemetry.last_reload.clone()),
            Box::new(telemetry.last_success.clone()),
            Box::new(telemetry.log_lines_dropped.clone()),
            Box::new(build),
        ] {
            telemetry.registry.register(collector)?;
        }
        Ok(telemetry)
    }

    /// The metrics of one target, every class and cause at 0 from the start; those that it had before, if it had any.
    pub fn target(&self, server: &str) -> TargetTelemetry {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || TargetTelemetry::new(server, &self.bounds, self.changed.clone());
        targets.entry(server.to_owned()).or_insert_with(new).clone()
    }

    /// Shows the address of the runbooks, for the links of alerts and dashboards.
    pub fn show_runbooks(&self, url: &str) {
        self.runbooks.with_label_values(&[url]).set(1.0);
    }

    /// Forgets every target but these. One that comes back begins at 0.
    pub fn keep(&self, servers: &BTreeSet<String>) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|server, _| servers.contains(server));
    }

    /// Told whenever a target's metrics change.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// How much is used of what is supported, by what it is that is used.
    pub fn load(&self, of: &str, ratio: f64) {
        self.load.with_label_values(&[of]).set(ratio);
    }

    /// The configuration was read, at the start or anew at `now` (Unix seconds), with or without success.
    pub fn configured(&self, success: bool, now: f64) {
        self.last_reload.set(success.into());
        if success {
            self.last_success.set(now);
        }
    }

    /// From now on these are counted.
    pub fn count_dropped_lines(&self, lines: DroppedLines) {
        // A process has one log.
        let _ = self.dropped_lines.set(lines);
    }

    /// For one scrape at `now`, sorted by name: what is of the process and of no target. What the system says of the
    /// process may be a second old.
    pub fn gather(&self, now: Instant) -> Vec<Family> {
        if let Some(lines) = self.dropped_lines.get() {
            let more = lines.count() as f64 - self.log_lines_dropped.get();
            self.log_lines_dropped.inc_by(more.max(0.0));
        }
        let mut families = from_prometheus(&self.registry.gather());
        families.extend(self.process.families(now));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_target_asked_for_again_is_the_same_and_one_that_was_gone_begins_at_0() {
        let telemetry = Telemetry::new().unwrap();
        let polls = |target: &TargetTelemetry| {
            let families = target.families();
            let family = families.iter().find(|family| family.name == "wolkvox_polls_total").unwrap();
            format!("{:?}", family.points[0].value)
        };
        telemetry.target("a").polled(Duration::from_secs(1), None);
        assert_eq!(polls(&telemetry.target("a")), "Integer(1)");
        telemetry.keep(&BTreeSet::from(["b".to_owned()]));
        assert_eq!(polls(&telemetry.target("a")), "Integer(0)");
    }
}
