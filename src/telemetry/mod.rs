//! The exporter's own live metrics: what it does, as against what it has counted.
//!
//! A few dozen series that begin at 0 with each process, encoded at every scrape. One registry that is passed
//! about; nothing global.

mod durations;
mod process;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus::{Counter, CounterVec, Gauge, GaugeVec, Opts, Registry};

use self::{
    durations::{Durations, TargetDurations},
    process::Process,
};
use crate::{
    exposition::{BucketBounds, Family, from_prometheus},
    wolkvox::ErrorClass,
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
}

impl SplitCause {
    const ALL: [Self; 5] = [Self::Cap, Self::Truncated, Self::Size, Self::Timeout, Self::Refused];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cap => "cap",
            Self::Truncated => "truncated",
            Self::Size => "size",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}

/// All live metrics of the process.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    process: Process,
    polls: CounterVec,
    poll_failures: CounterVec,
    poll_duration: Durations,
    requests: CounterVec,
    request_errors: CounterVec,
    request_duration: Durations,
    splits: CounterVec,
    skew: GaugeVec,
    quota_used: GaugeVec,
    quota_limit: GaugeVec,
    last_reload: Gauge,
    last_success: Gauge,
}

impl Telemetry {
    /// Registers everything. Fails only on a name used twice, which a test would have shown.
    pub fn new() -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| CounterVec::new(Opts::new(name, help), labels);
        let bounds = BucketBounds::new(&DURATIONS)
            .ok_or_else(|| prometheus::Error::Msg("the bounds of the durations must increase".to_owned()))?;
        let bounds = Arc::new(bounds);
        let durations = |name, help| Durations::new(name, help, bounds.clone());
        let telemetry = Self {
            registry: Registry::new(),
            process: Process::new()?,
            polls: counter("wolkvox_polls_total", "Poll cycles.", &["server"])?,
            poll_failures: counter(
                "wolkvox_poll_failures_total",
                "Poll cycles that did not commit all that was due, by the class of what stopped them.",
                &["server", "class"],
            )?,
            poll_duration: durations("wolkvox_poll_duration_seconds", "Duration of whole poll cycles."),
            requests: counter("wolkvox_api_requests_total", "HTTP requests to Wolkvox.", &["server"])?,
            request_errors: counter(
                "wolkvox_api_errors_total",
                "HTTP requests to Wolkvox that gave no rows to commit, by class.",
                &["server", "class"],
            )?,
            request_duration: durations(
                "wolkvox_api_request_duration_seconds",
                "Duration of HTTP requests to Wolkvox, to the end of the answer.",
            ),
            splits: counter(
                "wolkvox_window_splits_total",
                "Spans that were halved because their answer did not fit, by cause.",
                &["server", "cause"],
            )?,
            skew: GaugeVec::new(
                Opts::new("wolkvox_clock_skew_seconds", "The server's Date header minus our clock."),
                &["server"],
            )?,
            quota_used: GaugeVec::new(
                Opts::new("wolkvox_quota_requests_used", "Requests sent on the server's current day."),
                &["server"],
            )?,
            quota_limit: GaugeVec::new(
                Opts::new(
                    "wolkvox_quota_requests_limit",
                    "Requests a day that the operation's licences allow.",
                ),
                &["server"],
            )?,
            last_reload: Gauge::new(
                "wolkvox_exporter_config_last_reload_successful",
                "1 when the configuration was good the last time it was read, at the start or at a reload.",
            )?,
            last_success: Gauge::new(
                "wolkvox_exporter_config_last_reload_success_timestamp_seconds",
                "When the configuration in force was read.",
            )?,
        };
        let build = GaugeVec::new(
            Opts::new("wolkvox_exporter_build_info", "Always 1; the labels say which build this is."),
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
        for collector in [
            Box::new(telemetry.polls.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(telemetry.poll_failures.clone()),
            Box::new(telemetry.requests.clone()),
            Box::new(telemetry.request_errors.clone()),
            Box::new(telemetry.splits.clone()),
            Box::new(telemetry.skew.clone()),
            Box::new(telemetry.quota_used.clone()),
            Box::new(telemetry.quota_limit.clone()),
            Box::new(telemetry.last_reload.clone()),
            Box::new(telemetry.last_success.clone()),
            Box::new(build),
        ] {
            telemetry.registry.register(collector)?;
        }
        Ok(telemetry)
    }

    /// The metrics of one target, every class and cause at 0 from the start.
    pub fn target(&self, server: &str) -> TargetTelemetry {
        for class in ErrorClass::ALL {
            self.poll_failures.with_label_values(&[server, class.as_str()]);
            self.request_errors.with_label_values(&[server, class.as_str()]);
        }
        for cause in SplitCause::ALL {
            self.splits.with_label_values(&[server, cause.as_str()]);
        }
        TargetTelemetry {
            server: server.to_owned(),
            polls: self.polls.with_label_values(&[server]),
            poll_failures: self.poll_failures.clone(),
            poll_duration: self.poll_duration.target(server),
            requests: self.requests.with_label_values(&[server]),
            request_errors: self.request_errors.clone(),
            request_duration: self.request_duration.target(server),
            splits: self.splits.clone(),
            skew: self.skew.clone(),
            quota_used: self.quota_used.with_label_values(&[server]),
            quota_limit: self.quota_limit.clone(),
        }
    }

    /// Takes the series of every target but these out of sight. One that comes back begins at 0.
    pub fn keep(&self, servers: &BTreeSet<String>) {
        self.request_duration.keep(servers);
        for server in self.poll_duration.keep(servers) {
            // What a target never had cannot be removed, and need not be.
            for class in ErrorClass::ALL {
                let _ = self.poll_failures.remove_label_values(&[server.as_str(), class.as_str()]);
                let _ = self.request_errors.remove_label_values(&[server.as_str(), class.as_str()]);
            }
            for cause in SplitCause::ALL {
                let _ = self.splits.remove_label_values(&[server.as_str(), cause.as_str()]);
            }
            for counter in [&self.polls, &self.requests] {
                let _ = counter.remove_label_values(&[&server]);
            }
            for gauge in [&self.skew, &self.quota_used, &self.quota_limit] {
                let _ = gauge.remove_label_values(&[&server]);
            }
        }
    }

    /// The configuration was read, at the start or anew at `now` (Unix seconds), with or without success.
    pub fn configured(&self, success: bool, now: f64) {
        self.last_reload.set(success.into());
        if success {
            self.last_success.set(now);
        }
    }

    /// For one scrape at `now`, sorted by name. What the system says of the process may be a second old.
    pub fn gather(&self, now: Instant) -> Vec<Family> {
        let mut families = from_prometheus(&self.registry.gather());
        families.extend([self.poll_duration.family(), self.request_duration.family()]);
        families.extend(self.process.families(now));
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }
}

/// The live metrics of one target.
#[derive(Debug, Clone)]
pub struct TargetTelemetry {
    server: String,
    polls: Counter,
    poll_failures: CounterVec,
    poll_duration: TargetDurations,
    requests: Counter,
    request_errors: CounterVec,
    request_duration: TargetDurations,
    splits: CounterVec,
    skew: GaugeVec,
    quota_used: Gauge,
    quota_limit: GaugeVec,
}

impl TargetTelemetry {
    /// A cycle ended.
    pub fn polled(&self, took: Duration, failure: Option<ErrorClass>) {
        self.polls.inc();
        self.poll_duration.observe(took);
        if let Some(class) = failure {
            self.poll_failures.with_label_values(&[self.server.as_str(), class.as_str()]).inc();
        }
    }

    /// A request ended.
    pub fn requested(&self, took: Duration, failure: Option<ErrorClass>) {
        self.requests.inc();
        self.request_duration.observe(took);
        if let Some(class) = failure {
            self.request_errors.with_label_values(&[self.server.as_str(), class.as_str()]).inc();
        }
    }

    /// A span was narrowed.
    pub fn split(&self, cause: SplitCause) {
        self.splits.with_label_values(&[self.server.as_str(), cause.as_str()]).inc();
    }

    /// The server's clock was seen; absent until then.
    pub fn clock_skew(&self, seconds: f64) {
        self.skew.with_label_values(&[self.server.as_str()]).set(seconds);
    }

    /// So many requests were sent on the server's current day, of those allowed (absent where unknown).
    pub fn quota(&self, used: u64, limit: Option<u64>) {
        self.quota_used.set(used as f64);
        let server = [self.server.as_str()];
        match limit {
            Some(limit) => self.quota_limit.with_label_values(&server).set(limit as f64),
            // It may have been known before a reload, and not be there now.
            None => drop(self.quota_limit.remove_label_values(&server)),
        }
    }
}
