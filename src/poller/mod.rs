//! One target's task: asks when a window is due, hands whole answers to the ledger and the store, and
//! publishes what is committed.
//!
//! It joins the other rooms and decides nothing itself: `schedule` says what to ask, `retry` what to do after
//! a failure, `ledger` what counts. Each target has its own, so a slow or dead one delays no other.

mod commit;
mod cycle;
mod history;
mod names;
mod request;
pub mod retry;
mod source;
pub mod zero_hold;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, error, info, warn};

use self::history::{PollHistory, recent_hours};
pub use self::{
    names::NameSettings,
    source::{Api, Source},
};
use crate::{
    config::TokenVersion,
    exposition::BucketBounds,
    ledger::{Delta, IdleTimes, Overflow, RecentHours, SeriesLimits, TargetCounters, WindowCounts},
    model::{MenuLabels, OptionKinds, OptionRules},
    poller::zero_hold::ZeroHold,
    schedule::{Cadence, Tiers, bisect::Bisect, local_seconds, quota, truncation::Truncation},
    snapshot::{Publisher, SnapshotInput, families},
    status::{day, newest_hour},
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
    /// Requests a day, where configured; otherwise the vendor is asked.
    pub quota: Option<u64>,
    /// What routing points and options are called.
    pub names: Arc<NameSettings>,
}

impl PollerConfig {
    /// How far back any read goes.
    fn deepest(&self) -> Duration {
        self.lookback.max(self.cadence.interval).max(self.tiers.deepest())
    }
}

/// How often the clock, and a refused token, are looked at while waiting.
const GLANCE: Duration = Duration::from_secs(5);
/// After the disk refused a release, wait this long.
const RELEASE_RETRY: Duration = Duration::from_secs(30);

/// The task's state between two polls.
pub struct Poller<S> {
    settings: PollerConfig,
    source: Arc<S>,
    parser: RowParser,
    store: Arc<Store>,
    id: TargetId,
    account: Arc<TargetCounters>,
    /// Beside the account: what its counters do not tell any more.
    recent: Arc<RecentHours>,
    publisher: Arc<Publisher>,
    telemetry: TargetTelemetry,
    clock: Clock,
    shutdown: watch::Receiver<bool>,
    hold: ZeroHold,
    release_after: Instant,
    width: Bisect,
    deeper_width: Bisect,
    /// What is thought of the number of rows that the server announces.
    announced: Truncation,
    /// In this cycle an answer was committed although more rows were announced.
    disbelieved: bool,
    deeper_after: Instant,
    /// When this process last read deeper, or began: an hour is an hour, whatever is done to the wall clock.
    deeper_done: Instant,
    /// Requests a day, as configured or as the vendor says.
    quota: Option<u64>,
    /// What has been sent of them.
    quota_used: (Date, u64),
    quota_after: Instant,
    names: names::NameBook,
    /// A commit failed, so memory may be behind the disk.
    stale: bool,
    window: Option<Arc<WindowCounts>>,
    /// Why the last poll did not commit; `None` at the start too.
    fault: Option<ApiError>,
    polled: bool,
    history: PollHistory,
    gate: Option<Backoff>,
    /// It has been said that there are more label sets than the limit allows.
    overflow_said: bool,
    /// Counts failures, so that each wait is another.
    turn: u64,
}

/// No requests for a while.
struct Backoff {
    until: Timestamp,
    /// The same by a clock that nobody sets.
    latest: Instant,
    credentials: Option<TokenVersion>,
    /// Cycles in a row that ended here.
    times: u32,
    fault: ApiError,
}

/// Why a cycle ended early.
enum CycleError {
    Api(ApiError),
    Shutdown,
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
    /// Becomes true when the task is to end.
    pub shutdown: watch::Receiver<bool>,
}

impl<S: Source> Poller<S> {
    /// Takes over the restored account and publishes it: when this returns, a scrape shows what was committed.
    pub async fn start(
        settings: PollerConfig,
        source: S,
        parser: RowParser,
        (id, account): (TargetId, TargetCounters),
        around: PollerDeps,
    ) -> Result<Self, StoreError> {
        let PollerDeps { store, publisher, telemetry, clock, shutdown } = around;
        let end = settings.cadence.last_closed(clock());
        let mut account = account;
        settings.expected.iter().for_each(|labels| account.expect(labels.clone()));
        let recent = recent_hours(store.clone(), id, &account, &settings.zone).await?;
        let today = quota::day(clock(), &settings.zone);
        let book = names::NameBook::new(&settings.names, &settings.rules, store.names(id)?);
        let mut poller = Self {
            names: book,
            hold: ZeroHold::new(settings.zero_hold),
            quota: settings.quota,
            settings,
            source: Arc::new(source),
            parser,
            store,
            id,
            account: Arc::new(account),
            recent: Arc::new(recent),
            publisher,
            telemetry,
            clock,
            shutdown,
            release_after: Instant::now(),
            width: Bisect::default(),
            deeper_width: Bisect::default(),
            announced: Truncation::default(),
            disbelieved: false,
            deeper_after: Instant::now(),
            deeper_done: Instant::now(),
            quota_used: (today, 0),
            quota_after: Instant::now(),
            stale: false,
            window: None,
            fault: None,
            polled: false,
            history: PollHistory::default(),
            gate: None,
            overflow_said: false,
            turn: 0,
        };
        let used = poller.store.transact(|tx| tx.requests(id, today))?;
        poller.spent(today, used);
        // Restarted within a window that is already committed: the last poll's truth still stands.
        let totals = &poller.account.totals;
        if totals.watermark > totals.origin && totals.watermark() >= end {
            let (start, end) = poller.window_before(end);
            let local = |moment: Timestamp| local_seconds(poller.settings.zone.to_datetime(moment));
            let records = poller.store.transact(|tx| tx.rows_between(id, local(start), local(end)))?;
            poller.window = Some(poller.account.window(start, end, records).into());
            poller.polled = true;
        }
        poller.publish().await;
        Ok(poller)
    }

    /// Polls until told to shut down. A commit under way is finished first.
    pub async fn run(mut self) {
        let cadence = self.settings.cadence;
        let now = (self.clock)();
        let behind = cadence.last_closed(now) > self.account.totals.watermark();
        let mut due = if behind { now } else { cadence.due_after(cadence.last_closed(now)) };
        loop {
            if self.wait_until(due).await.is_err() {
                return;
            }
            // A clock that was set back does not take back what is committed.
            let end = cadence.last_closed((self.clock)()).max(self.account.totals.watermark());
            let (began, started) = ((self.clock)(), Instant::now());
            let outcome = match self.cycle(end).await {
                Ok(()) => None,
                Err(CycleError::Api(fault)) => Some(fault),
                Err(CycleError::Shutdown) => return,
            };
            let took = started.elapsed();
            self.finish_cycle(outcome, began, took).await;
            let closed = cadence.last_closed((self.clock)());
            due =
                if closed > end && self.fault.is_none() { (self.clock)() } else { cadence.due_after(closed) };
        }
    }

    async fn finish_cycle(&mut self, outcome: Option<ApiError>, began: Timestamp, took: Duration) {
        let failure = outcome.as_ref().map(ApiError::class);
        self.telemetry.polled(took, failure);
        self.history.polled(began, took, failure, (self.clock)());
        if took > self.settings.cadence.interval {
            warn!(
                server = self.settings.name,
                seconds = took.as_secs(),
                "a poll took longer than the interval; windows are read as soon as it allows"
            );
        }
        if std::mem::take(&mut self.disbelieved) {
            warn!(
                server = self.settings.name,
                "the server announces more rows than it sends, also where asking in halves brings none of them: its \
                 number is not believed for an hour, and what comes is counted as all there is"
            );
        }
        self.polled = true;
        match &outcome {
            Some(fault) => {
                // Numbers of a window that is no longer the last would lie.
                self.window = None;
                // Said once, when it begins: until the gate opens nothing is asked, and nothing new can be said.
                if self.gate.is_some() && self.fault.as_ref() == Some(fault) {
                    debug!(server = self.settings.name, class = fault.class().as_str(), "still holding off");
                } else {
                    warn!(
                        server = self.settings.name,
                        class = fault.class().as_str(),
                        watermark = %self.account.totals.watermark(),
                        "poll failed: {fault}"
                    );
                }
            }
            None => {
                let totals = &self.account.totals;
                if self.fault.is_some() {
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
        self.fault = outcome;
        self.publish().await;
    }

    /// The window that ends at `end`: from the grid's line before, or from the origin if that is later.
    fn window_before(&self, end: Timestamp) -> (Timestamp, Timestamp) {
        let start = end.checked_sub(self.settings.cadence.interval).unwrap_or(Timestamp::MIN);
        (start.max(self.account.totals.origin()).min(end), end)
    }

    /// Once in a process's life: the metric says the rest.
    fn tell_overflow(&mut self, before: Overflow) {
        let now = self.account.totals.overflow;
        if self.overflow_said || now == before {
            return;
        }
        self.overflow_said = true;
        warn!(
            server = self.settings.name,
            label_sets = self.account.menus.len(),
            "the limit of series is reached, new options are counted under `other`: raise menu.series_limit or \
             menu.options_limit, or fold options with menu.options"
        );
    }

    /// Memory follows what has been committed.
    fn apply(&mut self, step: Delta) {
        let read_up_to = local_seconds(self.settings.zone.to_datetime(step.totals.watermark()));
        Arc::make_mut(&mut self.recent).follow(&step, newest_hour(read_up_to));
        Arc::make_mut(&mut self.account).apply(step);
    }

    /// After a commit that failed it is unknown whether it took place: the disk knows.
    async fn restore_if_stale(&mut self) -> Result<(), StoreError> {
        if self.stale {
            let (store, id) = (self.store.clone(), self.id);
            let mut account = blocking(move || store.reload(id)).await?;
            self.settings.expected.iter().for_each(|labels| account.expect(labels.clone()));
            let recent = recent_hours(self.store.clone(), id, &account, &self.settings.zone).await?;
            (self.account, self.recent) = (Arc::new(account), Arc::new(recent));
            self.stale = false;
            info!(server = self.settings.name, "the state is usable again");
        }
        Ok(())
    }

    /// Makes visible what has been shown as 0 for long enough, and publishes.
    async fn publish(&mut self) {
        if let Err(error) = self.release().await {
            self.release_after = Instant::now() + RELEASE_RETRY;
            error!(server = self.settings.name, "cannot make new series visible: {error}");
        }
        let (publisher, account, window) =
            (self.publisher.clone(), self.account.clone(), self.window.clone());
        let (settings, names, recent) = (self.settings.clone(), self.names.exposed(), self.recent.clone());
        let (up, mut status) = (self.is_up(), self.status());
        let work = move || {
            let view = SnapshotInput {
                server: &settings.name,
                zone: &settings.zone,
                account: &account,
                window: window.as_deref(),
                up,
                buckets: &settings.buckets,
                names: &names,
                kinds: &settings.kinds,
                series_limit: settings.limits.menus,
            };
            let watermark = account.totals.watermark();
            status.day = day(&recent, watermark, &settings.zone, &names, &settings.kinds);
            publisher.publish(families(view), status);
        };
        if tokio::task::spawn_blocking(work).await.is_err() {
            error!(server = self.settings.name, "the exposition could not be encoded; the last one stays");
            return;
        }
        self.hold.published(&self.account, Instant::now());
    }

    /// Committed before it is shown: after a crash a count that was visible must not be shown as 0 again.
    async fn release(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        if now < self.release_after {
            return Ok(());
        }
        self.restore_if_stale().await?;
        let step = self.account.release((self.clock)(), |counted| self.hold.seen(counted, now));
        let Some(step) = step else { return Ok(()) };
        let (store, id) = (self.store.clone(), self.id);
        let done = blocking(move || store.transact(|tx| tx.write(id, &step)).map(|()| step)).await;
        self.stale |= done.is_err();
        self.apply(done?);
        Ok(())
    }

    /// Runs `work` while counts become visible when they are due. `Err` when it is time to end.
    async fn tend<F: Future>(&mut self, work: F) -> Result<F::Output, CycleError> {
        let mut work = std::pin::pin!(work);
        let mut shutdown = self.shutdown.clone();
        let mut stopped = std::pin::pin!(async move {
            // A sender that is gone means the same.
            let _ = shutdown.wait_for(|stop| *stop).await;
        });
        loop {
            let release = self.hold.next(&self.account).map(|at| at.max(self.release_after));
            tokio::select! {
                output = &mut work => return Ok(output),
                () = &mut stopped => return Err(CycleError::Shutdown),
                () = sleep_until(release.unwrap_or_else(Instant::now)), if release.is_some() => self.publish().await,
            }
        }
    }

    /// Until the clock shows `due`, but never longer than it seemed at first: a clock set back must not stop the
    /// polls. Ends early when a token that was refused has been replaced.
    async fn wait_until(&mut self, due: Timestamp) -> Result<(), CycleError> {
        let first = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
        let latest = Instant::now() + first;
        loop {
            let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
            let left = left.min(latest.saturating_duration_since(Instant::now()));
            let replaced =
                self.gate.as_ref().is_some_and(|gate| gate.credentials != self.source.credentials());
            if left.is_zero() || replaced {
                return self.tend(std::future::ready(())).await;
            }
            self.tend(sleep(left.min(GLANCE))).await?;
        }
    }
}

/// Disk and encoding stay off the thread that answers scrapes.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(StoreError::Failed(format!("a commit broke off: {panic}"))),
    }
}
