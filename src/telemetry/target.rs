//! The live metrics of one target: the requests to its server and their outcomes.
//!
//! They begin at 0 with each process. They are exposed with the target, so they are encoded when
//! they change and not at every scrape. Plain numbers behind a lock that is held only briefly.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{SplitCause, durations::Durations};
use crate::{
    exposition::{BucketBounds, Family, Metric, Sample, Value, families, label_block},
    schedule::Tier,
    wolkvox::ErrorClass,
};

/// The live metrics of one target. A clone is the same series.
#[derive(Debug, Clone)]
pub struct TargetTelemetry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    numbers: Mutex<Numbers>,
    /// Increases with every change.
    version: AtomicU64,
    changed: Arc<Notify>,
}

#[derive(Debug)]
pub(super) struct Numbers {
    server: Box<str>,
    polls: u64,
    poll_failures: [u64; ErrorClass::ALL.len()],
    poll_duration: Durations,
    requests: u64,
    request_errors: [u64; ErrorClass::ALL.len()],
    request_duration: Durations,
    splits: [u64; SplitCause::ALL.len()],
    skew: Option<f64>,
    date_shift: Option<i64>,
    quota_used: u64,
    quota_limit: Option<u64>,
    restarts: u64,
    /// By tier, in the order of [`Tier::ALL`].
    deep_reads: [DeepReads; Tier::ALL.len()],
}

/// The re-reading of one tier.
#[derive(Debug, Default)]
struct DeepReads {
    ended: u64,
    failures: [u64; ErrorClass::ALL.len()],
    /// `None` for a tier that the target does not have.
    state: Option<DeepReadState>,
}

#[derive(Debug, Clone, Copy)]
struct DeepReadState {
    /// Seconds that are left to read.
    left: i64,
    /// Unix second at which the last finished re-reading began.
    began: i64,
}

impl TargetTelemetry {
    /// Starts with everything at 0. `bounds` are those of durations, in seconds; `changed` is
    /// notified of every change.
    pub(super) fn new(server: &str, bounds: &Arc<BucketBounds>, changed: Arc<Notify>) -> Self {
        let numbers = Numbers {
            server: server.into(),
            polls: 0,
            poll_failures: Default::default(),
            poll_duration: Durations::new(bounds.clone()),
            requests: 0,
            request_errors: Default::default(),
            request_duration: Durations::new(bounds.clone()),
            splits: Default::default(),
            skew: None,
            date_shift: None,
            quota_used: 0,
            quota_limit: None,
            restarts: 0,
            deep_reads: Default::default(),
        };
        let version = AtomicU64::new(0);
        Self(Arc::new(Shared { numbers: Mutex::new(numbers), version, changed }))
    }

    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.version.fetch_add(1, Ordering::Release);
        self.0.changed.notify_one();
    }

    /// Records that a poll ended.
    pub fn polled(&self, took: Duration, failure: Option<ErrorClass>) {
        self.change(|numbers| {
            numbers.polls += 1;
            numbers.poll_duration.observe(took);
            count(&mut numbers.poll_failures, &ErrorClass::ALL, failure);
        });
    }

    /// Records that a request ended.
    pub fn requested(&self, took: Duration, failure: Option<ErrorClass>) {
        self.change(|numbers| {
            numbers.requests += 1;
            numbers.request_duration.observe(took);
            count(&mut numbers.request_errors, &ErrorClass::ALL, failure);
        });
    }

    /// Records that a range was narrowed.
    pub fn split(&self, cause: SplitCause) {
        self.change(|numbers| count(&mut numbers.splits, &SplitCause::ALL, Some(cause)));
    }

    fn change_tier(&self, tier: Tier, change: impl FnOnce(&mut DeepReads)) {
        self.change(|numbers| {
            if let Some(index) = Tier::ALL.iter().position(|of| *of == tier) {
                change(&mut numbers.deep_reads[index]);
            }
        });
    }

    /// Records that a re-reading ended.
    pub fn deep_read(&self, tier: Tier) {
        self.change_tier(tier, |reads| reads.ended += 1);
    }

    /// Records that a step of a re-reading failed.
    pub fn deep_read_failed(&self, tier: Tier, class: ErrorClass) {
        self.change_tier(tier, |reads| count(&mut reads.failures, &ErrorClass::ALL, Some(class)));
    }

    /// Sets the seconds that a tier has still to read, and the Unix second at which the last
    /// finished re-reading began. Its counter exists from the first call on.
    pub fn deep_read_state(&self, tier: Tier, left: i64, began: i64) {
        self.change_tier(tier, |reads| reads.state = Some(DeepReadState { left, began }));
    }

    /// Sets the difference between the server's clock and ours; absent until then.
    pub fn clock_skew(&self, seconds: f64) {
        self.change(|numbers| numbers.skew = Some(seconds));
    }

    /// Sets the seconds by which calls are dated ahead of the seconds in their `conn_id`s; absent
    /// until enough calls were seen.
    pub fn date_shift(&self, seconds: i64) {
        self.change(|numbers| numbers.date_shift = Some(seconds));
    }

    /// Sets the requests sent on the server's current day, and those allowed (absent where
    /// unknown).
    pub fn quota(&self, used: u64, limit: Option<u64>) {
        self.change(|numbers| {
            numbers.quota_used = used;
            numbers.quota_limit = limit;
        });
    }

    /// Records that the poller panicked and will be started again.
    pub fn restarted(&self) {
        self.change(|numbers| numbers.restarts += 1);
    }

    /// Returns a number that changes with every change of a metric.
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Returns the families, always the same ones in the same order, sorted by name. Every class
    /// and cause is there from the start.
    pub fn families(&self) -> Vec<Family> {
        let numbers = self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        families(LIVE, &numbers)
    }
}

fn count<T: Copy + PartialEq, const N: usize>(counts: &mut [u64; N], all: &[T; N], one: Option<T>) {
    for (count, each) in counts.iter_mut().zip(all) {
        *count += u64::from(one == Some(*each));
    }
}

/// Labels of a target.
const SERVER: &[&str] = &["server"];
/// Labels of one tier of deeper re-reading.
const TIER: &[&str] = &["server", "tier"];
/// Labels of failures by class.
const CLASS: &[&str] = &["server", "class"];

/// Every live family of a target, sorted by name.
pub(super) const LIVE: &[Metric<Numbers>] = &[
    Metric::counter(
        "wolkvox_api_errors_total",
        "HTTP requests to Wolkvox that gave no rows to commit, by class.",
        CLASS,
        |numbers| numbers.by_class(&numbers.request_errors),
    ),
    Metric::histogram(
        "wolkvox_api_request_duration_seconds",
        "Duration of HTTP requests to Wolkvox, to the end of the answer.",
        SERVER,
        |numbers| numbers.one(numbers.request_duration.histogram()),
    ),
    Metric::counter("wolkvox_api_requests_total", "HTTP requests to Wolkvox.", SERVER, |numbers| {
        numbers.one(numbers.requests)
    }),
    Metric::gauge(
        "wolkvox_clock_skew_seconds",
        "The server's Date header minus our clock.",
        SERVER,
        |numbers| numbers.known(numbers.skew),
    ),
    Metric::gauge(
        "wolkvox_date_shift_seconds",
        "Seconds, in steps of 900, by which calls are dated ahead of the second in their conn_id; other than about 0, the time \
         zone is wrong.",
        SERVER,
        |numbers| numbers.known(numbers.date_shift.map(|seconds| seconds as f64)),
    ),
    Metric::counter(
        "wolkvox_deep_read_failures_total",
        "Steps of deeper re-readings that failed, by class; each is tried again later.",
        &["server", "tier", "class"],
        Numbers::deep_read_failures,
    ),
    Metric::gauge(
        "wolkvox_deep_read_remaining_seconds",
        "Length of what a deeper re-reading under way has still to read; 0 when none is.",
        TIER,
        |numbers| numbers.by_tier(|reads| reads.state.map(|state| state.left as f64)),
    ),
    Metric::gauge(
        "wolkvox_deep_read_timestamp_seconds",
        "When the last completed re-reading began, or counting did.",
        TIER,
        |numbers| numbers.by_tier(|reads| reads.state.map(|state| state.began as f64)),
    ),
    Metric::counter(
        "wolkvox_deep_reads_total",
        "Deeper re-readings for late rows that came to their end.",
        TIER,
        |numbers| numbers.by_tier(|reads| reads.state.map(|_| reads.ended as f64)),
    ),
    Metric::histogram(
        "wolkvox_poll_duration_seconds",
        "Duration of whole poll cycles.",
        SERVER,
        |numbers| numbers.one(numbers.poll_duration.histogram()),
    ),
    Metric::counter(
        "wolkvox_poll_failures_total",
        "Poll cycles that did not commit all that was due, by the class of what stopped them.",
        CLASS,
        |numbers| numbers.by_class(&numbers.poll_failures),
    ),
    Metric::counter(
        "wolkvox_poller_restarts_total",
        "Times that the target's poller broke off, which is a bug, and was started again.",
        SERVER,
        |numbers| numbers.one(numbers.restarts),
    ),
    Metric::counter("wolkvox_polls_total", "Poll cycles.", SERVER, |numbers| {
        numbers.one(numbers.polls)
    }),
    Metric::gauge(
        "wolkvox_quota_requests_limit",
        "Requests a day that the operation's licences allow.",
        SERVER,
        |numbers| numbers.known(numbers.quota_limit),
    ),
    Metric::gauge(
        "wolkvox_quota_requests_used",
        "Requests sent on the server's current day.",
        SERVER,
        |numbers| numbers.one(numbers.quota_used),
    ),
    Metric::counter(
        "wolkvox_window_splits_total",
        "Spans that were halved because their answer did not fit, by cause.",
        &["server", "cause"],
        |numbers| numbers.by("cause", SplitCause::ALL.map(SplitCause::as_str), &numbers.splits),
    ),
];

impl Numbers {
    fn one(&self, value: impl Into<Value>) -> Vec<Sample> {
        vec![Sample::new(label_block(&[("server", &self.server)]), value)]
    }

    fn known(&self, value: Option<impl Into<Value>>) -> Vec<Sample> {
        value.map_or_else(Vec::new, |value| self.one(value))
    }

    fn by_class(&self, counts: &[u64]) -> Vec<Sample> {
        self.by("class", ErrorClass::ALL.map(ErrorClass::as_str), counts)
    }

    /// Returns a series for each value of another label.
    fn by<const N: usize>(&self, label: &str, values: [&str; N], counts: &[u64]) -> Vec<Sample> {
        let samples = values.into_iter().zip(counts).map(|(value, count)| {
            Sample::new(label_block(&[("server", &*self.server), (label, value)]), *count)
        });
        samples.collect()
    }

    fn by_tier(&self, value: fn(&DeepReads) -> Option<f64>) -> Vec<Sample> {
        let samples = Tier::ALL.iter().zip(&self.deep_reads).filter_map(|(tier, reads)| {
            let labels = label_block(&[("server", &*self.server), ("tier", tier.as_str())]);
            Some(Sample::new(labels, value(reads)?))
        });
        samples.collect()
    }

    /// Returns series only for classes that have occurred, because most never do.
    fn deep_read_failures(&self) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (tier, reads) in Tier::ALL.iter().zip(&self.deep_reads) {
            for (class, count) in
                ErrorClass::ALL.iter().zip(reads.failures).filter(|(_, count)| *count > 0)
            {
                let labels =
                    [("server", &*self.server), ("tier", tier.as_str()), ("class", class.as_str())];
                samples.push(Sample::new(label_block(&labels), count));
            }
        }
        samples
    }
}
