//! One target's task: asks when a window is due, hands whole answers to the ledger and the store, and
//! publishes what is committed.
//!
//! It joins the other rooms and decides nothing itself: `schedule` says what to ask, `retry` what to do after
//! a failure, `ledger` what counts. Each target has its own, so a slow or dead one delays no other.

mod backoff;
mod baseline;
mod books;
mod commit;
mod cycle;
mod deep_read;
mod health;
mod names;
mod origin;
mod publish;
mod quota;
mod range_reader;
mod replay;
mod request;
pub mod retry;
mod source;
mod unanswered;
mod unread;
mod warm_up;
pub mod zero_hold;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    backoff::Backoff,
    baseline::Judge,
    books::Books,
    deep_read::DeepRead,
    health::Health,
    publish::Exposure,
    quota::DayQuota,
    range_reader::{Lessons, RangeReader},
    warm_up::WarmUpReader,
};
pub use self::{
    baseline::BaselineSettings,
    names::NameSettings,
    origin::StartAgo,
    replay::{EachWindow, PastWindow, ReplayEnd, ReplayError},
    source::{Api, Source},
};
use crate::{
    exposition::BucketBounds,
    ledger::{IdleTimes, SeriesLimits, TargetCounters},
    model::{MenuLabels, OptionKinds, OptionRules},
    schedule::{Cadence, Tiers, quota::day},
    snapshot::Publisher,
    store::{Store, StoreError, TargetId},
    telemetry::TargetTelemetry,
    wolkvox::{ApiError, RowParser},
};

/// The time of day. Everything else about time is tokio's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is fixed about a target.
#[derive(Debug, Clone)]
pub struct PollerConfig {
    /// The `server` label.
    pub name: String,
    /// The zone of the server's dates.
    pub zone: TimeZone,
    /// The grid of its windows.
    pub cadence: Cadence,
    /// How far every poll reads again.
    pub lookback: Duration,
    /// How long a new series is shown at 0.
    pub zero_hold: Duration,
    /// Buckets of the histogram.
    pub buckets: Arc<BucketBounds>,
    /// Rows in one answer above which the vendor cuts.
    pub row_cap: u64,
    /// Deeper re-reading.
    pub tiers: Tiers,
    /// Options that are exposed at 0 before their first row.
    pub expected: BTreeSet<MenuLabels>,
    /// What options are called.
    pub rules: Arc<OptionRules>,
    /// What options mean.
    pub kinds: Arc<OptionKinds>,
    /// How many series there may be.
    pub limits: SeriesLimits,
    /// When a journey is over.
    pub idle: IdleTimes,
    /// Options without a row for this long are no longer exposed; zero for never.
    pub expire_after: Duration,
    /// Where counting begins, if our clock decides it; otherwise it is a fixed date.
    pub start_ago: Option<StartAgo>,
    /// Requests a day, where configured; otherwise the vendor is asked.
    pub quota: Option<u64>,
    /// What routing points and options are called.
    pub names: Arc<NameSettings>,
    /// What is known of the weeks before.
    pub baseline: BaselineSettings,
}

impl PollerConfig {
    /// Polls every five minutes with half an hour's lookback, reads no deeper, and has no setting besides: what tests and
    /// benchmarks begin with.
    pub fn plain(name: &str, zone: TimeZone, buckets: BucketBounds) -> Self {
        Self {
            cadence: Cadence::new(Duration::from_secs(300), Duration::from_secs(30), name),
            name: name.to_owned(),
            zone,
            lookback: Duration::from_secs(1800),
            zero_hold: Duration::from_secs(75),
            buckets: Arc::new(buckets),
            row_cap: 60_000,
            tiers: Tiers { hourly: Duration::ZERO, nightly: Duration::ZERO, nightly_hour: 3 },
            expected: BTreeSet::new(),
            rules: Arc::default(),
            kinds: Arc::default(),
            limits: SeriesLimits::default(),
            idle: IdleTimes::default(),
            expire_after: Duration::ZERO,
            start_ago: None,
            quota: None,
            names: Arc::default(),
            baseline: BaselineSettings::default(),
        }
    }

    /// How far back any read goes.
    fn deepest(&self) -> Duration {
        self.lookback.max(self.cadence.interval).max(self.tiers.deepest())
    }

    /// How long before the watermark rows are remembered, and interactions of which more might have come.
    fn memory(&self) -> Duration {
        self.deepest() + commit::MEMORY_MARGIN
    }

    /// At this watermark, interactions are known of which more might have come since then, in Unix seconds.
    fn oldest_interactions(&self, watermark: Timestamp) -> i64 {
        watermark.checked_sub(self.memory()).unwrap_or(Timestamp::MIN).as_second()
    }
}

/// How often the clock, and a refused token, are looked at while waiting.
const GLANCE: Duration = Duration::from_secs(5);

/// The task's state between two polls.
pub struct Poller<S> {
    settings: Arc<PollerConfig>,
    clock: Clock,
    shutdown: CancellationToken,
    telemetry: TargetTelemetry,
    source: Arc<S>,
    parser: RowParser,
    books: Books,
    exposure: Exposure,
    health: Health,
    backoff: Backoff,
    quota: DayQuota,
    names: names::NameBook,
    lessons: Lessons,
    live: RangeReader,
    deep: DeepRead,
    warm_up: WarmUpReader,
    judge: Judge,
    /// The last answer was refused because of it.
    clocks_disagreed: bool,
}

/// Why a poll, or another piece of work, ended early.
#[derive(Debug)]
enum CycleError {
    /// Nothing came that could be committed.
    Api(ApiError),
    /// It is time to end.
    Shutdown,
}

impl From<ApiError> for CycleError {
    fn from(fault: ApiError) -> Self {
        Self::Api(fault)
    }
}

impl From<StoreError> for CycleError {
    fn from(error: StoreError) -> Self {
        Self::Api(ApiError::Internal(error.to_string()))
    }
}

/// What surrounds a poller.
pub struct PollerDeps {
    /// The open state.
    pub store: Arc<Store>,
    /// Where to publish.
    pub publisher: Arc<Publisher>,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the task is to end.
    pub shutdown: CancellationToken,
}

impl<S: Source> Poller<S> {
    /// Takes over the restored account and hands it to the publisher.
    pub async fn start(
        settings: PollerConfig,
        source: S,
        parser: RowParser,
        (id, account): (TargetId, TargetCounters),
        around: PollerDeps,
    ) -> Result<Self, StoreError> {
        let PollerDeps { store, publisher, telemetry, clock, shutdown } = around;
        let today = day(clock(), &settings.zone);
        let mut books = Books::open(store, (id, account), &settings).await?;
        let used = books.read(move |view, id| view.requests(id, today)).await?;
        let known = books.with_store(Store::names).await?;
        let mut poller = Self {
            books,
            exposure: Exposure::new(publisher, settings.zero_hold),
            health: Health::default(),
            backoff: Backoff::default(),
            quota: DayQuota::new(settings.quota, today, used),
            names: names::NameBook::new(&settings.names, &settings.rules, known),
            lessons: Lessons::default(),
            live: RangeReader::default(),
            deep: DeepRead::new(&settings.name),
            warm_up: WarmUpReader::default(),
            judge: Judge::default(),
            clocks_disagreed: false,
            settings: Arc::new(settings),
            clock,
            shutdown,
            telemetry,
            source: Arc::new(source),
            parser,
        };
        poller.settle_origin(true).await?;
        poller.spent(today, used);
        poller.show_deep_reads();
        // Restarted within a window that is already committed: the last poll's truth still stands.
        let end = poller.settings.cadence.last_closed((poller.clock)());
        let totals = poller.books.totals();
        if totals.watermark > totals.origin && totals.watermark() >= end {
            let window = poller.books.window(poller.window_before(end), &poller.settings.zone).await?;
            poller.exposure.window = Some(window.into());
            poller.health.polled = true;
            poller.judge_present().await;
        }
        poller.publish().await;
        Ok(poller)
    }

    /// Polls until told to shut down. A commit under way is finished first.
    pub async fn run(mut self) {
        let cadence = self.settings.cadence;
        let now = (self.clock)();
        let behind = cadence.last_closed(now) > self.books.totals().watermark();
        let mut due = if behind { now } else { cadence.due_after(cadence.last_closed(now)) };
        while let Ok(next) = self.poll(due).await {
            due = next;
        }
    }

    /// Waits until `due`, polls, and uses the time until the next poll is due: says when. `Err` when it is time to end.
    async fn poll(&mut self, due: Timestamp) -> Result<Timestamp, CycleError> {
        self.wait_until(due).await?;
        let cadence = self.settings.cadence;
        let settled = self.settle_origin(false).await;
        // A clock that was set back does not take back what is committed.
        let end = cadence.last_closed((self.clock)()).max(self.books.totals().watermark());
        let (began, started) = ((self.clock)(), Instant::now());
        let read = match settled {
            Ok(()) => self.cycle(end).await,
            Err(error) => Err(error.into()),
        };
        let outcome = match read {
            Ok(()) => None,
            Err(CycleError::Api(fault)) => Some(fault),
            Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
        };
        let took = started.elapsed();
        self.finish_cycle(outcome, began, took).await;
        if self.health.is_up() {
            self.use_slack(self.next_due(end)).await?;
        }
        Ok(self.next_due(end))
    }

    /// When the poll after the one up to `end` is due.
    fn next_due(&self, end: Timestamp) -> Timestamp {
        let (cadence, now) = (self.settings.cadence, (self.clock)());
        let closed = cadence.last_closed(now);
        if closed > end && self.health.is_up() { now } else { cadence.due_after(closed) }
    }

    /// What is not live: done after a poll that succeeded, in the time that it leaves.
    async fn use_slack(&mut self, due: Timestamp) -> Result<(), CycleError> {
        self.ask_quota().await?;
        self.quota.end_probe();
        let named = self.ask_names().await?;
        let committed = self.read_deeper(due).await?;
        let warmer = self.warm_up(due).await?;
        if named || committed || warmer {
            self.publish().await;
        }
        Ok(())
    }

    async fn finish_cycle(&mut self, outcome: Option<ApiError>, began: Timestamp, took: Duration) {
        let failure = outcome.as_ref().map(ApiError::class);
        self.telemetry.polled(took, failure);
        self.health.polled(began, took, failure, (self.clock)());
        self.health.unread.end();
        if took > self.settings.cadence.interval {
            warn!(
                server = self.settings.name,
                seconds = took.as_secs(),
                "a poll took longer than the interval; windows are read as soon as it allows"
            );
        }
        if std::mem::take(&mut self.lessons.disbelieved) {
            warn!(
                server = self.settings.name,
                "the server announces more rows than it sends, also where asking in halves brings none of them: its \
                 number is not believed for an hour, and what comes is counted as all there is"
            );
        }
        self.health.polled = true;
        match &outcome {
            Some(fault) => {
                // Numbers of a window that is no longer the last would lie.
                self.exposure.window = None;
                // Said once, when it begins: until the hold-off ends nothing is asked, and nothing new can be said.
                if self.backoff.is_held() && self.health.fault.as_ref() == Some(fault) {
                    debug!(server = self.settings.name, class = fault.class().as_str(), "still holding off");
                } else {
                    warn!(
                        server = self.settings.name,
                        class = fault.class().as_str(),
                        watermark = %self.books.totals().watermark(),
                        "poll failed: {fault}"
                    );
                }
            }
            None => {
                let totals = self.books.totals();
                if self.health.fault.is_some() {
                    info!(server = self.settings.name, "polls succeed again");
                }
                info!(
                    server = self.settings.name,
                    watermark = %totals.watermark(),
                    rows = totals.new,
                    late = totals.late,
                    "poll committed"
                );
                if totals.last_row.is_none() {
                    info!(
                        server = self.settings.name,
                        "no row has ever come: an empty report looks the same as a server that does not have it"
                    );
                }
            }
        }
        self.health.fault = outcome;
        self.judge_present().await;
        self.publish().await;
    }

    /// The window that ends at `end`: from the grid's line before, or from the origin if that is later.
    fn window_before(&self, end: Timestamp) -> (Timestamp, Timestamp) {
        let start = end.checked_sub(self.settings.cadence.interval).unwrap_or(Timestamp::MIN);
        (start.max(self.books.totals().origin()).min(end), end)
    }

    /// Until the clock shows `due`, but never longer than it seemed at first: a clock set back must not stop the
    /// polls. Ends early when a token that was refused has been replaced.
    async fn wait_until(&mut self, due: Timestamp) -> Result<(), CycleError> {
        let first = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
        let latest = Instant::now() + first;
        loop {
            let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
            let left = left.min(latest.saturating_duration_since(Instant::now()));
            let replaced = self.backoff.has_new_token(|| self.source.credentials());
            if left.is_zero() || replaced {
                return self.tend(std::future::ready(())).await;
            }
            self.tend(sleep(left.min(GLANCE))).await?;
        }
    }
}
