//! The live metrics of one target: what was asked of its server, and what came of it.
//!
//! They begin at 0 with each process and are part of what the target exposes, so they are encoded when they change and
//! not at every scrape. Plain numbers behind one lock that is held for the time of an addition.

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
    exposition::{BucketBounds, Family, MetricType, Sample, label_block},
    schedule::Tier,
    wolkvox::ErrorClass,
};

/// The live metrics of one target. A clone is the same series.
#[derive(Debug, Clone)]
pub struct TargetTelemetry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    server: Box<str>,
    numbers: Mutex<Numbers>,
    /// Goes up with every change.
    version: AtomicU64,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Numbers {
    polls: u64,
    poll_failures: [u64; ErrorClass::ALL.len()],
    poll_duration: Durations,
    requests: u64,
    request_errors: [u64; ErrorClass::ALL.len()],
    request_duration: Durations,
    splits: [u64; SplitCause::ALL.len()],
    skew: Option<f64>,
    quota_used: u64,
    quota_limit: Option<u64>,
    restarts: u64,
    /// By tier, in the order of [`Tier::ALL`].
    deep_reads: [DeepReads; Tier::ALL.len()],
}

/// The deeper re-reading of one tier.
#[derive(Debug, Default)]
struct DeepReads {
    ended: u64,
    failures: [u64; ErrorClass::ALL.len()],
    /// Seconds left, and when one last ended; none of a tier that the target does not have.
    state: Option<(i64, i64)>,
}

impl TargetTelemetry {
    /// Everything at 0. `bounds` are those of durations, in seconds; `changed` is told of every change.
    pub(super) fn new(server: &str, bounds: &Arc<BucketBounds>, changed: Arc<Notify>) -> Self {
        let numbers = Numbers {
            polls: 0,
            poll_failures: Default::default(),
            poll_duration: Durations::new(bounds.clone()),
            requests: 0,
            request_errors: Default::default(),
            request_duration: Durations::new(bounds.clone()),
            splits: Default::default(),
            skew: None,
            quota_used: 0,
            quota_limit: None,
            restarts: 0,
            deep_reads: Default::default(),
        };
        let version = AtomicU64::new(0);
        Self(Arc::new(Shared { server: server.into(), numbers: Mutex::new(numbers), version, changed }))
    }

    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.version.fetch_add(1, Ordering::Release);
        self.0.changed.notify_one();
    }

    /// A cycle ended.
    pub fn polled(&self, took: Duration, failure: Option<ErrorClass>) {
        self.change(|numbers| {
            numbers.polls += 1;
            numbers.poll_duration.observe(took);
            count(&mut numbers.poll_failures, &ErrorClass::ALL, failure);
        });
    }

    /// A request ended.
    pub fn requested(&self, took: Duration, failure: Option<ErrorClass>) {
        self.change(|numbers| {
            numbers.requests += 1;
            numbers.request_duration.observe(took);
            count(&mut numbers.request_errors, &ErrorClass::ALL, failure);
        });
    }

    /// A span was narrowed.
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

    /// A deeper re-reading has come to its end.
    pub fn deep_read(&self, tier: Tier) {
        self.change_tier(tier, |reads| reads.ended += 1);
    }

    /// A step of one failed.
    pub fn deep_read_failed(&self, tier: Tier, class: ErrorClass) {
        self.change_tier(tier, |reads| count(&mut reads.failures, &ErrorClass::ALL, Some(class)));
    }

    /// A tier has so many seconds still to read, and the last that came to its end had begun at a moment (Unix seconds).
    /// Its counter is at 0 from the first time.
    pub fn deep_read_state(&self, tier: Tier, left: i64, began: i64) {
        self.change_tier(tier, |reads| reads.state = Some((left, began)));
    }

    /// The server's clock was seen; absent until then.
    pub fn clock_skew(&self, seconds: f64) {
        self.change(|numbers| numbers.skew = Some(seconds));
    }

    /// So many requests were sent on the server's current day, of those allowed (absent where unknown).
    pub fn quota(&self, used: u64, limit: Option<u64>) {
        self.change(|numbers| (numbers.quota_used, numbers.quota_limit) = (used, limit));
    }

    /// The poller broke off, and is to be started again.
    pub fn restarted(&self) {
        self.change(|numbers| numbers.restarts += 1);
    }

    /// A number that another change makes another.
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Always the same ones in the same order, sorted by name; every class and cause is there from the start.
    pub fn families(&self) -> Vec<Family> {
        let numbers = self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.families(&self.0.server)
    }
}

fn count<T: Copy + PartialEq, const N: usize>(counts: &mut [u64; N], all: &[T; N], one: Option<T>) {
    for (count, each) in counts.iter_mut().zip(all) {
        *count += u64::from(one == Some(*each));
    }
}

impl Numbers {
    fn families(&self, server: &str) -> Vec<Family> {
        let own = label_block(&[("server", server)]);
        let single = |value: Option<f64>| value.map(|value| Sample::new(own.clone(), value));
        let whole = |value: u64| Some(Sample::new(own.clone(), value));
        let by_class =
            |counts: &[u64]| labelled(server, "class", ErrorClass::ALL.map(ErrorClass::as_str), counts);
        let by_tier = |value: &dyn Fn(&DeepReads) -> Option<f64>| {
            let tiers = Tier::ALL.iter().zip(&self.deep_reads);
            let sample = |(tier, reads): (&Tier, &DeepReads)| {
                let labels = label_block(&[("server", server), ("tier", tier.as_str())]);
                value(reads).map(|value| Sample::new(labels, value))
            };
            tiers.filter_map(sample).collect::<Vec<_>>()
        };
        let causes = SplitCause::ALL.map(SplitCause::as_str);
        let family =
            |name, help, kind, points: Vec<Sample>| Family { points, ..Family::new(name, help, kind) };
        let counter = |name, help, points| family(name, help, MetricType::Counter, points);
        let gauge = |name, help, point: Option<Sample>| {
            family(name, help, MetricType::Gauge, point.into_iter().collect())
        };
        let durations = |name, help, took: &Durations| {
            family(name, help, MetricType::Histogram, vec![Sample::new(own.clone(), took.histogram())])
        };
        vec![
            counter(
                "wolkvox_api_errors_total",
                "HTTP requests to Wolkvox that gave no rows to commit, by class.",
                by_class(&self.request_errors),
            ),
            durations(
                "wolkvox_api_request_duration_seconds",
                "Duration of HTTP requests to Wolkvox, to the end of the answer.",
                &self.request_duration,
            ),
            counter(
                "wolkvox_api_requests_total",
                "HTTP requests to Wolkvox.",
                whole(self.requests).into_iter().collect(),
            ),
            gauge(
                "wolkvox_clock_skew_seconds",
                "The server's Date header minus our clock.",
                single(self.skew),
            ),
            counter(
                "wolkvox_deep_read_failures_total",
                "Steps of deeper re-readings that failed, by class; each is tried again later.",
                self.deep_read_failures(server),
            ),
            family(
                "wolkvox_deep_read_remaining_seconds",
                "Length of what a deeper re-reading under way has still to read; 0 when none is.",
                MetricType::Gauge,
                by_tier(&|reads| reads.state.map(|(left, _)| left as f64)),
            ),
            family(
                "wolkvox_deep_read_timestamp_seconds",
                "When a deeper re-reading last came to its end, or counting began.",
                MetricType::Gauge,
                by_tier(&|reads| reads.state.map(|(_, ended)| ended as f64)),
            ),
            counter(
                "wolkvox_deep_reads_total",
                "Deeper re-readings for late rows that came to their end.",
                by_tier(&|reads| reads.state.map(|_| reads.ended as f64)),
            ),
            durations("wolkvox_poll_duration_seconds", "Duration of whole poll cycles.", &self.poll_duration),
            counter(
                "wolkvox_poll_failures_total",
                "Poll cycles that did not commit all that was due, by the class of what stopped them.",
                by_class(&self.poll_failures),
            ),
            counter(
                "wolkvox_poller_restarts_total",
                "Times that the target's poller broke off, which is a bug, and was started again.",
                whole(self.restarts).into_iter().collect(),
            ),
            counter("wolkvox_polls_total", "Poll cycles.", whole(self.polls).into_iter().collect()),
            gauge(
                "wolkvox_quota_requests_limit",
                "Requests a day that the operation's licences allow.",
                self.quota_limit.and_then(whole),
            ),
            gauge(
                "wolkvox_quota_requests_used",
                "Requests sent on the server's current day.",
                whole(self.quota_used),
            ),
            counter(
                "wolkvox_window_splits_total",
                "Spans that were halved because their answer did not fit, by cause.",
                labelled(server, "cause", causes, &self.splits),
            ),
        ]
    }
}

impl Numbers {
    /// Only those that have occurred: most classes never do.
    fn deep_read_failures(&self, server: &str) -> Vec<Sample> {
        let mut samples = Vec::new();
        for (tier, reads) in Tier::ALL.iter().zip(&self.deep_reads) {
            for (class, count) in ErrorClass::ALL.iter().zip(reads.failures).filter(|(_, count)| *count > 0) {
                let labels = [("server", server), ("tier", tier.as_str()), ("class", class.as_str())];
                samples.push(Sample::new(label_block(&labels), count));
            }
        }
        samples
    }
}

/// A series for each value of one more label.
fn labelled<const N: usize>(
    server: &str,
    name: &str,
    values: [&'static str; N],
    counts: &[u64],
) -> Vec<Sample> {
    let sample =
        |(value, count): (&str, &u64)| Sample::new(label_block(&[("server", server), (name, value)]), *count);
    values.into_iter().zip(counts).map(sample).collect()
}
