//! Collects what targets expose and publishes it, at most about once a second.
//!
//! Owns the targets' current snapshots and the one task that encodes them and swaps the result in.
//! A caller that submits a snapshot does not wait; [`Shown`] is the moment at which a scrape could
//! first have seen it. A scrape sees all of a publication or nothing of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, spawn_blocking},
    time::{Instant, sleep_until},
};
use tracing::{error, warn};

use super::{
    TargetSnapshot, Usual,
    encoder::{Changed, SnapshotEncoder},
};
use crate::{
    baseline::History,
    exposition::{Encoding, Publication, Published},
    status::{PollOutcome, TargetStatus, UsualStatus, day, deviations},
    telemetry::Telemetry,
};

/// Time between two publications, unless a caller waits for one.
const PACE: Duration = Duration::from_secs(1);
/// Idle time after a publication, as a multiple of the time that it took.
const REST: u32 = 2;
/// Targets that one process is measured and documented for; above them it warns.
const SUPPORTED_TARGETS: usize = 1_000;
/// Samples of the classic text format, over all targets, that one process is measured for.
const SUPPORTED_SAMPLES: usize = 1_000_000;
/// Duration of a publication above which it is no longer fresh.
const SUPPORTED_PUBLISHING: Duration = Duration::from_secs(10);

/// The moment at which a scrape could first have seen a snapshot, by the monotonic clock; unknown
/// until then.
#[derive(Debug, Clone, Default)]
pub struct Shown(Arc<OnceLock<Instant>>);

impl Shown {
    /// Returns the moment, if it has come.
    pub fn at(&self) -> Option<Instant> {
        self.0.get().copied()
    }

    /// Makes the moment of a snapshot that has been shown since `at`.
    pub fn since(at: Instant) -> Self {
        Self(Arc::new(at.into()))
    }
}

/// The status of a target, as submitted or complete.
#[derive(Debug, Clone)]
enum Status {
    Made(Arc<TargetStatus>),
    /// Without the day and the deviations, which take longer and are made from this history and the
    /// snapshot.
    Raw(Arc<TargetStatus>, Arc<History>),
}

impl Status {
    /// Completes the status. If that panics, which is a bug, the incomplete one is shown.
    fn make(self, target: &TargetSnapshot) -> Arc<TargetStatus> {
        let (Self::Made(raw) | Self::Raw(raw, _)) = &self;
        let raw = raw.clone();
        catch_unwind(AssertUnwindSafe(|| self.complete(target))).unwrap_or_else(|_| {
            error!(
                server = target.server,
                "the status of this target cannot be made, which is a bug"
            );
            raw
        })
    }

    fn complete(self, target: &TargetSnapshot) -> Arc<TargetStatus> {
        match self {
            Self::Made(status) => status,
            Self::Raw(status, history) => {
                let watermark = target.counters.totals.watermark();
                let day = day(&history, watermark, &target.zone, &target.names, &target.kinds);
                let scores = target.usual.scores.as_deref();
                let deviations = scores.map(|scores| deviations(scores, &target.names));
                let usual = UsualStatus { deviations, ..status.usual.clone() };
                let outcomes = target.outcomes.as_ref().map(|outcomes| outcomes.status(target));
                Arc::new(TargetStatus { day, usual, outcomes, ..(*status).clone() })
            }
        }
    }
}

#[derive(Debug)]
struct Part {
    snapshot: Arc<TargetSnapshot>,
    status: Status,
    changed: Changed,
    /// The version of the live metrics that is published.
    live: u64,
}

impl Part {
    /// Returns the target as it is now and marks it as unchanged.
    fn take(&mut self) -> PublishedTarget {
        let live = self.snapshot.telemetry.version();
        let least = if live == self.live { Changed::Not } else { Changed::Live };
        self.live = live;
        let changed = std::mem::replace(&mut self.changed, Changed::Not).max(least);
        PublishedTarget { snapshot: self.snapshot.clone(), changed, status: self.status.clone() }
    }
}

#[derive(Debug, Default)]
struct Parts {
    by_name: BTreeMap<String, Part>,
    /// The moments of snapshots that are not shown yet.
    waiting: Vec<Shown>,
    /// Increases with every change of the targets.
    version: u64,
}

#[derive(Debug)]
struct Inner {
    parts: Mutex<Parts>,
    statuses: ArcSwap<Vec<Arc<TargetStatus>>>,
    publication: Arc<Publication>,
    telemetry: Arc<Telemetry>,
    changed: Arc<Notify>,
    /// A caller waits for a publication.
    hurry: Notify,
    /// The version that was published last.
    published: watch::Sender<u64>,
}

/// Accepts snapshots and publishes them. Its task ends with it.
#[derive(Debug)]
pub struct Publisher {
    inner: Arc<Inner>,
    task: AbortHandle,
}

impl Publisher {
    /// Starts the task. Must be called within a runtime.
    pub fn start(telemetry: Arc<Telemetry>) -> Arc<Self> {
        let inner = Arc::new(Inner {
            parts: Mutex::default(),
            statuses: ArcSwap::default(),
            publication: Arc::new(Publication::new(Published::default())),
            changed: telemetry.changed(),
            telemetry,
            hurry: Notify::new(),
            published: watch::Sender::new(0),
        });
        let task = tokio::spawn(inner.clone().publish_all()).abort_handle();
        Arc::new(Self { inner, task })
    }

    /// The bytes that a scrape reads.
    pub fn publication(&self) -> Arc<Publication> {
        self.inner.publication.clone()
    }

    /// The status of each target, by name.
    pub fn statuses(&self) -> Arc<Vec<Arc<TargetStatus>>> {
        self.inner.statuses.load_full()
    }

    /// Returns the snapshots of the targets, by name. The latest ones may not be published yet.
    pub fn snapshots(&self) -> Vec<Arc<TargetSnapshot>> {
        self.inner.parts().by_name.values().map(|part| part.snapshot.clone()).collect()
    }

    /// Replaces the snapshot of a target, which is published soon. The day and the deviations of
    /// `status` are made from `history`.
    pub fn put(
        &self,
        snapshot: TargetSnapshot,
        status: TargetStatus,
        history: Arc<History>,
    ) -> Shown {
        let shown = Shown::default();
        let mut parts = self.inner.parts();
        parts.version += 1;
        parts.waiting.push(shown.clone());
        let part = Part {
            live: snapshot.telemetry.version(),
            status: Status::Raw(Arc::new(status), history),
            changed: Changed::All,
            snapshot: Arc::new(snapshot),
        };
        parts.by_name.insert(part.snapshot.server.clone(), part);
        drop(parts);
        self.inner.changed.notify_one();
        shown
    }

    /// Shows a target that is not polled until `next_poll` as down: without window and scores, and
    /// with its current counters.
    pub fn down(&self, name: &str, outcome: PollOutcome, next_poll: Timestamp) {
        let mut parts = self.inner.parts();
        let Some(part) = parts.by_name.get_mut(name) else { return };
        let usual = Usual { scores: None, ..part.snapshot.usual.clone() };
        let snapshot =
            TargetSnapshot { up: false, window: None, usual, ..(*part.snapshot).clone() };
        part.snapshot = Arc::new(snapshot);
        let (Status::Made(status) | Status::Raw(status, _)) = &mut part.status;
        let usual = UsualStatus { deviations: None, ..status.usual.clone() };
        *status = Arc::new(TargetStatus { outcome, next_poll, usual, ..(**status).clone() });
        part.changed = Changed::All;
        parts.version += 1;
        drop(parts);
        self.inner.changed.notify_one();
    }

    /// Removes every target except these from the next publication.
    pub fn keep(&self, names: &BTreeSet<String>) {
        let mut parts = self.inner.parts();
        let before = parts.by_name.len();
        parts.by_name.retain(|name, _| names.contains(name));
        if parts.by_name.len() < before {
            parts.version += 1;
            drop(parts);
            self.inner.changed.notify_one();
        }
    }

    /// Returns when a scrape shows all snapshots that were submitted before, and no removed target.
    pub async fn settled(&self) {
        let version = self.inner.parts().version;
        self.inner.hurry.notify_one();
        // The sender lives as long as `self`.
        let _ = self.inner.published.subscribe().wait_for(|published| *published >= version).await;
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A target in the next publication.
struct PublishedTarget {
    snapshot: Arc<TargetSnapshot>,
    changed: Changed,
    status: Status,
}

impl Inner {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish_all(self: Arc<Self>) {
        let mut encoder = SnapshotEncoder::default();
        let mut not_before = Instant::now();
        let mut over = BTreeSet::new();
        loop {
            let due = async {
                self.changed.notified().await;
                sleep_until(not_before).await;
            };
            tokio::select! {
                () = due => {}
                () = self.hurry.notified() => {}
                () = self.publication.wanted() => {}
            }
            let began = Instant::now();
            encoder = self.publish_once(encoder).await;
            let took = began.elapsed();
            not_before = Instant::now() + PACE.max(took * REST);
            self.report_load(encoder.samples(), took, &mut over);
        }
    }

    /// Makes one publication. An encoder that panicked is replaced by a new one, which encodes
    /// everything again.
    async fn publish_once(&self, mut encoder: SnapshotEncoder) -> SnapshotEncoder {
        let (targets, waiting, version) = self.next();
        let wanted = Encoding::ALL.map(|encoding| self.publication.is_wanted(encoding));
        let work = spawn_blocking(move || {
            let statuses: Vec<Arc<TargetStatus>> =
                targets.iter().map(|target| target.status.clone().make(&target.snapshot)).collect();
            let changes = targets.iter().map(|target| (&*target.snapshot, target.changed));
            let published = encoder.publish(changes, &wanted);
            (encoder, published, targets, statuses)
        });
        let Ok((encoder, published, targets, statuses)) = work.await else {
            error!("the exposition could not be encoded; the last one stays");
            let mut parts = self.parts();
            parts.waiting.extend(waiting);
            return SnapshotEncoder::default();
        };
        self.remember(&targets, &statuses);
        self.publication.publish(published);
        self.statuses.store(Arc::new(statuses));
        let now = Instant::now();
        for shown in waiting {
            // Only this loop sets it, so it is not set yet.
            let _ = shown.0.set(now);
        }
        self.published.send_replace(version);
        encoder
    }

    /// Returns everything as it is now, and marks it as unchanged.
    fn next(&self) -> (Vec<PublishedTarget>, Vec<Shown>, u64) {
        let mut parts = self.parts();
        let targets = parts.by_name.values_mut().map(Part::take).collect();
        (targets, std::mem::take(&mut parts.waiting), parts.version)
    }

    /// Saves the statuses that were made, so that they are not made again, and releases the
    /// histories behind them.
    fn remember(&self, targets: &[PublishedTarget], statuses: &[Arc<TargetStatus>]) {
        let mut parts = self.parts();
        for (target, status) in targets.iter().zip(statuses) {
            if let Some(part) = parts.by_name.get_mut(&target.snapshot.server)
                && Arc::ptr_eq(&part.snapshot, &target.snapshot)
            {
                part.status = Status::Made(status.clone());
            }
        }
    }

    /// Exposes the share of the supported load that is used, and logs a warning when it is
    /// exceeded.
    fn report_load(&self, samples: usize, took: Duration, over: &mut BTreeSet<&'static str>) {
        let targets = self.parts().by_name.len();
        for (of, ratio) in [
            ("targets", targets as f64 / SUPPORTED_TARGETS as f64),
            ("series", samples as f64 / SUPPORTED_SAMPLES as f64),
            ("publishing", took.as_secs_f64() / SUPPORTED_PUBLISHING.as_secs_f64()),
        ] {
            self.telemetry.load(of, ratio);
            if ratio <= 1.0 {
                over.remove(of);
            } else if over.insert(of) {
                warn!(
                    of,
                    ratio,
                    targets,
                    series = samples,
                    publishing_seconds = took.as_secs_f64(),
                    "more than one process supports: data may come late; split the targets over several processes \
                     (docs/operations.md)"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use tokio::time::sleep;

    use super::*;
    use crate::{
        exposition::{BucketBounds, Format},
        ledger::TargetCounters,
        model::MenuLabels,
        status::TargetState,
        wolkvox::Rejection,
    };

    const TEXT: Encoding = Encoding { format: Format::Text, gzip: false };

    fn snapshot(telemetry: &Telemetry, name: &str, options: usize) -> TargetSnapshot {
        let mut counters = TargetCounters::new(Timestamp::UNIX_EPOCH);
        (0..options)
            .for_each(|option| counters.expect(MenuLabels::new("1", "voice", &option.to_string())));
        TargetSnapshot {
            server: name.to_owned(),
            zone: TimeZone::UTC,
            counters: Arc::new(counters),
            outcomes: None,
            window: None,
            up: true,
            buckets: Arc::new(BucketBounds::new(&[5.0]).expect("bounds")),
            names: Default::default(),
            kinds: Default::default(),
            series_limit: 10,
            usual: Default::default(),
            telemetry: telemetry.target(name),
        }
    }

    fn put(publisher: &Publisher, snapshot: TargetSnapshot) -> Shown {
        let status = TargetStatus::waiting(&snapshot.server, TimeZone::UTC, Timestamp::UNIX_EPOCH);
        publisher.put(snapshot, status, Arc::new(History::new(35)))
    }

    async fn scrape(publisher: &Publisher, encoding: Encoding) -> String {
        let published = publisher.publication().in_encoding(encoding).await;
        let body = published.render(&[], encoding).expect("it was asked for").concat();
        String::from_utf8(body).expect("text")
    }

    fn hits(exposition: &str, name: &str) -> usize {
        exposition.matches(&format!("wolkvox_menu_option_hits_total{{server=\"{name}\"")).count()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_in_is_shown_within_a_second_and_all_at_once() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        let first = put(&publisher, snapshot(&telemetry, "a", 1));
        assert_eq!(first.at(), None, "nobody waits");
        publisher.settled().await;
        assert!(first.at().is_some());
        assert_eq!(hits(&scrape(&publisher, TEXT).await, "a"), 1);
        let began = Instant::now();
        let shown = [("b", 2), ("a", 3)]
            .map(|(name, hits)| put(&publisher, snapshot(&telemetry, name, hits)));
        sleep(PACE).await;
        publisher.settled().await;
        let exposition = scrape(&publisher, TEXT).await;
        assert_eq!((hits(&exposition, "a"), hits(&exposition, "b")), (3, 2));
        assert_eq!(exposition.matches("# TYPE wolkvox_up ").count(), 1);
        let at = shown.map(|shown| shown.at().expect("shown"));
        assert!(at[0] == at[1] && at[0] - began <= PACE, "{at:?}");
        let names: Vec<_> = publisher.statuses().iter().map(|status| status.name.clone()).collect();
        assert_eq!(names, ["a", "b"]);

        publisher.keep(&BTreeSet::from(["b".to_owned()]));
        publisher.settled().await;
        let exposition = scrape(&publisher, TEXT).await;
        assert_eq!((hits(&exposition, "a"), hits(&exposition, "b")), (0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_whose_poller_panicked_is_shown_as_down_with_its_counters() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        put(&publisher, snapshot(&telemetry, "a", 2));
        put(&publisher, snapshot(&telemetry, "b", 1));
        publisher.settled().await;
        let (since, next) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(30).expect("a moment"));
        publisher.down("nobody", PollOutcome::BrokeOff { since }, next);
        publisher.down("a", PollOutcome::BrokeOff { since }, next);
        publisher.settled().await;
        let exposition = scrape(&publisher, TEXT).await;
        let up = |name: &str, up| {
            exposition.contains(&format!("wolkvox_up{{server=\"{name}\"}} {up}\n"))
        };
        assert!(up("a", 0) && up("b", 1), "{exposition}");
        assert_eq!(hits(&exposition, "a"), 2);
        let statuses = publisher.statuses();
        assert_eq!(statuses[0].state(since), TargetState::Failing);
        assert_eq!(statuses[0].next_poll, next);
    }

    /// A sum that overflows panics where tests run.
    #[tokio::test(start_paused = true)]
    async fn a_part_that_panics_takes_no_other_target_with_it() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        let broken = |name| {
            let mut counters = TargetCounters::new(Timestamp::UNIX_EPOCH);
            counters.expect(MenuLabels::new("1", "voice", "A"));
            counters.totals.rejected =
                [(Rejection::ALL[0], u64::MAX), (Rejection::ALL[1], 1)].into();
            TargetSnapshot { counters: counters.into(), ..snapshot(&telemetry, name, 0) }
        };
        put(&publisher, broken("a"));
        publisher.settled().await;
        put(&publisher, snapshot(&telemetry, "b", 2));
        put(&publisher, broken("c"));
        publisher.settled().await;
        let exposition = scrape(&publisher, TEXT).await;
        assert_eq!(
            [hits(&exposition, "a"), hits(&exposition, "b"), hits(&exposition, "c")],
            [0, 2, 0]
        );
        put(&publisher, snapshot(&telemetry, "a", 1));
        put(&publisher, broken("b"));
        publisher.settled().await;
        let exposition = scrape(&publisher, TEXT).await;
        assert_eq!(
            [hits(&exposition, "a"), hits(&exposition, "b")],
            [1, 0],
            "what it was is no longer true"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn live_metrics_of_a_target_come_without_a_commit() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        put(&publisher, snapshot(&telemetry, "a", 1));
        assert!(scrape(&publisher, TEXT).await.contains("wolkvox_polls_total{server=\"a\"} 0\n"));
        telemetry.target("a").polled(Duration::from_secs(1), None);
        sleep(PACE * 2).await;
        assert!(scrape(&publisher, TEXT).await.contains("wolkvox_polls_total{server=\"a\"} 1\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_format_is_made_for_who_asks_first_and_kept_while_somebody_does() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        put(&publisher, snapshot(&telemetry, "a", 1));
        publisher.settled().await;
        let open = Encoding { format: Format::OpenMetrics, gzip: false };
        let kept = |encoding| publisher.publication().load().has(encoding);
        assert!(!Encoding::ALL.into_iter().any(kept), "nobody has asked for anything");
        assert_eq!(hits(&scrape(&publisher, open).await, "a"), 1);
        assert!(kept(open) && !kept(TEXT));
        for _ in 0..40 {
            sleep(Duration::from_secs(30)).await;
            put(&publisher, snapshot(&telemetry, "a", 2));
            assert_eq!(hits(&scrape(&publisher, TEXT).await, "a"), 2);
        }
        publisher.settled().await;
        assert!(kept(TEXT) && !kept(open), "not asked for in twenty minutes");
    }

    /// Whoever asks for every encoding now and then must not double the work of each publication
    /// for good.
    #[tokio::test(start_paused = true)]
    async fn a_stranger_keeps_no_more_encodings_than_scrapers_need() {
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        put(&publisher, snapshot(&telemetry, "a", 1));
        let scraped = Encoding { format: Format::Protobuf, gzip: true };
        let kept = || {
            Encoding::ALL
                .into_iter()
                .filter(|encoding| publisher.publication().load().has(*encoding))
        };
        for round in 0..60 {
            publisher.publication().in_encoding(scraped).await;
            if round % 20 == 0 {
                for encoding in Encoding::ALL {
                    publisher.publication().in_encoding(encoding).await;
                }
            }
            sleep(Duration::from_secs(30)).await;
            put(&publisher, snapshot(&telemetry, "a", 1));
            publisher.settled().await;
            assert!(kept().any(|encoding| encoding == scraped), "round {round}");
        }
        assert!(kept().count() <= 3, "{:?}", kept().collect::<Vec<_>>());
    }
}
