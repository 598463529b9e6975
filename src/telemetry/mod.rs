//! The exporter's own live metrics: its work, as opposed to the rows that it has counted.
//!
//! All begin at 0 with each process. The few dozen of the process are encoded at every scrape;
//! those of a target are exposed with the target. One registry is passed as a parameter; nothing is
//! global.

mod durations;
mod process;
mod target;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

use tokio::sync::Notify;

pub use self::target::TargetTelemetry;
use self::{process::ProcessMetrics, target::LIVE};
use crate::{
    exposition::{
        BucketBounds, Described, Family, Metric, Sample, described, families, label_block,
    },
    logging::DroppedLines,
    store::Displacement,
};

const DURATIONS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 65.0, 300.0];

/// The reason for which a range was narrowed: the `cause` label of `wolkvox_window_splits_total`.
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
    /// A refusal in unknown words.
    Refused,
    /// Repeated failures, or an answer without the known rows, from a server that answers other
    /// ranges.
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
    process: ProcessMetrics,
    bounds: Arc<BucketBounds>,
    targets: Mutex<BTreeMap<String, TargetTelemetry>>,
    changed: Arc<Notify>,
    own: Mutex<OwnNumbers>,
    dropped_lines: OnceLock<DroppedLines>,
}

/// The numbers that the process keeps about itself.
#[derive(Debug, Default)]
struct OwnNumbers {
    /// Used share of what is supported, by what is used.
    load: BTreeMap<String, f64>,
    /// Address of the runbooks.
    runbooks: Option<String>,
    last_reload_succeeded: bool,
    /// Unix second at which the configuration in force was read.
    last_success: f64,
    log_lines_dropped: f64,
    /// The state file is not at its path.
    state_file_lost: bool,
    /// Times that the state was saved, by what happened to its file.
    state_file_rescues: BTreeMap<&'static str, u64>,
}

/// Every family of the process, except for those that the system reports.
const OWN: &[Metric<OwnNumbers>] = &[
    Metric::gauge(
        "wolkvox_exporter_load_ratio",
        "How much of what one process supports is used; over 1, data come late.",
        &["of"],
        OwnNumbers::load,
    ),
    Metric::gauge(
        "wolkvox_exporter_runbooks_info",
        "Always 1; the label says where the alerts' runbooks are.",
        &["url"],
        OwnNumbers::runbooks,
    ),
    Metric::gauge(
        "wolkvox_exporter_config_last_reload_successful",
        "1 when the configuration was good the last time it was read, at the start or at a reload.",
        &[],
        |own| one(own.last_reload_succeeded.into()),
    ),
    Metric::gauge(
        "wolkvox_exporter_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read.",
        &[],
        |own| one(own.last_success),
    ),
    Metric::counter(
        "wolkvox_log_lines_dropped_total",
        "Log lines that were not written, because nobody reads standard error or it is closed.",
        &[],
        |own| one(own.log_lines_dropped),
    ),
    Metric::gauge(
        "wolkvox_state_file_intact",
        "1 while the exporter's own state is at the path of the state file, 0 when another program took it away and it \
         could not be saved.",
        &[],
        |own| one((!own.state_file_lost).into()),
    ),
    Metric::counter(
        "wolkvox_state_file_rescues_total",
        "Times that the state was saved into a new file, because another program changed the old one.",
        &["cause"],
        OwnNumbers::state_file_rescues,
    ),
    Metric::gauge(
        "wolkvox_exporter_build_info",
        "Always 1; the labels say which build this is.",
        &["version"],
        |_| vec![Sample::new(label_block(&[("version", env!("CARGO_PKG_VERSION"))]), 1.0)],
    ),
];

impl OwnNumbers {
    fn runbooks(&self) -> Vec<Sample> {
        let url = self.runbooks.iter();
        url.map(|url| Sample::new(label_block(&[("url", url)]), 1.0)).collect()
    }

    fn state_file_rescues(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for cause in Displacement::ALL.iter().map(|cause| cause.as_str()) {
            let times = self.state_file_rescues.get(cause).copied().unwrap_or(0);
            samples.push(Sample::new(label_block(&[("cause", cause)]), times));
        }
        samples
    }

    fn load(&self) -> Vec<Sample> {
        let load = self.load.iter();
        load.map(|(of, ratio)| Sample::new(label_block(&[("of", of)]), *ratio)).collect()
    }
}

fn one(value: f64) -> Vec<Sample> {
    vec![Sample::new(label_block(&[]), value)]
}

/// Returns every live family, of a target and of the process, except for those that the system
/// reports.
pub(crate) fn all_metrics() -> Vec<Described> {
    let mut all = described(LIVE);
    all.extend(described(OWN));
    all
}

impl Default for Telemetry {
    /// The metrics of a process that has just begun, all at zero.
    fn default() -> Self {
        Self {
            process: ProcessMetrics::default(),
            bounds: Arc::new(BucketBounds::new(&DURATIONS).unwrap_or_default()),
            targets: Mutex::default(),
            changed: Arc::new(Notify::new()),
            own: Mutex::default(),
            dropped_lines: OnceLock::new(),
        }
    }
}

impl Telemetry {
    fn own(&self) -> MutexGuard<'_, OwnNumbers> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the metrics of one target: those that it had before, or new ones with every class
    /// and cause at 0.
    pub fn target(&self, server: &str) -> TargetTelemetry {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets
            .entry(server.to_owned())
            .or_insert_with(|| TargetTelemetry::new(server, &self.bounds, self.changed.clone()))
            .clone()
    }

    /// Shows the address of the runbooks, for the links of alerts and dashboards.
    pub fn show_runbooks(&self, url: &str) {
        self.own().runbooks = Some(url.to_owned());
    }

    /// Forgets every target except these. One that comes back begins at 0.
    pub fn keep(&self, servers: &BTreeSet<String>) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|server, _| servers.contains(server));
    }

    /// Returns the signal that is notified whenever a target's metrics change.
    pub fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// Sets the used share of what is supported, by what is used.
    pub fn load(&self, of: &str, ratio: f64) {
        self.own().load.insert(of.to_owned(), ratio);
    }

    /// Records that the configuration was read at `now` (Unix seconds), with or without success.
    pub fn configured(&self, success: bool, now: f64) {
        let mut own = self.own();
        own.last_reload_succeeded = success;
        if success {
            own.last_success = now;
        }
    }

    /// Records a check of the state file: `intact` if it is still the one that this process wrote.
    pub fn state_file(&self, intact: bool) {
        self.own().state_file_lost = !intact;
    }

    /// Records that the state was saved into a new file.
    pub fn state_file_saved(&self, cause: Displacement) {
        *self.own().state_file_rescues.entry(cause.as_str()).or_default() += 1;
    }

    /// Records that the process started at `at`, in Unix seconds.
    pub fn started(&self, at: f64) {
        self.process.started(at);
    }

    /// Exposes the count of these lines.
    pub fn count_dropped_lines(&self, lines: DroppedLines) {
        // A process has one log, so this is set once.
        let _ = self.dropped_lines.set(lines);
    }

    /// Returns the families of the process, sorted by name, for one scrape at `now`. Those that the
    /// system reports may be a second old.
    pub fn gather(&self, now: Instant) -> Vec<Family> {
        let mut own = self.own();
        own.log_lines_dropped = self.dropped_lines.get().map_or(0.0, |lines| lines.count() as f64);
        let mut families = families(OWN, &*own);
        drop(own);
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
        let telemetry = Telemetry::default();
        let polls = |target: &TargetTelemetry| {
            let families = target.families();
            let family =
                families.iter().find(|family| family.name == "wolkvox_polls_total").unwrap();
            format!("{:?}", family.points[0].value)
        };
        telemetry.target("a").polled(Duration::from_secs(1), None);
        assert_eq!(polls(&telemetry.target("a")), "Integer(1)");
        telemetry.keep(&BTreeSet::from(["b".to_owned()]));
        assert_eq!(polls(&telemetry.target("a")), "Integer(0)");
    }
}
