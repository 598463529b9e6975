//! One target's task: asks when a window is due, hands whole answers to the ledger and the store, and
//! publishes what is committed.
//!
//! It joins the other rooms and decides nothing itself: `schedule` says what to ask, `reaction` what to do after
//! a failure, `ledger` what counts. Each target has its own, so a slow or dead one delays no other.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, error, info, warn};

use crate::{
    config::{Fingerprint, TokenSource},
    exposition::Bounds,
    ledger::{self, Account, Stage, Window, settle},
    reaction::{Reaction, Situation, reaction},
    schedule::{self, Cadence, Span, Width, local_seconds},
    snapshot::{Publisher, TargetState, View, ZeroHold, families},
    store::{Store, StoreError, TargetId},
    telemetry::{SplitCause, TargetTelemetry},
    wolkvox::{Answer, Client, Element, Fault, Query, RowParser},
};

/// Where rows come from: the API, or a test's idea of it.
pub trait Source: Send + Sync + 'static {
    /// As [`crate::wolkvox::Client::read`], with the token found anew.
    fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> impl Future<Output = Result<Answer, Fault>> + Send;

    /// Changes when the token does, so that a refused one is tried again at once when it has been replaced.
    fn credentials(&self) -> Option<Fingerprint>;
}

/// The vendor's API, asked with the token that its source has at that moment.
#[derive(Debug)]
pub struct Api {
    /// Asks.
    pub client: Client,
    /// Read anew at every use.
    pub token: TokenSource,
}

impl Source for Api {
    async fn read(&self, query: Query, each: &mut (dyn FnMut(Element<'_>) + Send)) -> Result<Answer, Fault> {
        let source = self.token.clone();
        // A token file may lie on a disk that hangs; scrapes must not.
        let token = tokio::task::spawn_blocking(move || source.read())
            .await
            .map_err(|panic| Fault::Internal(format!("reading the token broke off: {panic}")))?
            .map_err(|error| Fault::TokenUnreadable(error.to_string()))?;
        self.client.read(query, token.expose(), each).await
    }

    fn credentials(&self) -> Option<Fingerprint> {
        self.token.fingerprint()
    }
}

/// The time of day. Everything else about time is tokio's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is fixed about a target.
#[derive(Debug, Clone)]
pub struct Settings {
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
    pub buckets: Arc<Bounds>,
    /// Rows in one answer above which the vendor cuts.
    pub row_cap: u64,
}

/// Rows are remembered for the lookback and this: the widest change of a zone's offset, and room to spare.
const MEMORY_MARGIN: Duration = Duration::from_secs(2 * 3600);
/// An interaction is the same one for this long after its latest row: an untyped chat closes after 23 hours.
const INTERACTION_MEMORY: Duration = Duration::from_secs(48 * 3600);
/// No real row is dated this long after the span that was asked for.
const FUTURE: SignedDuration = SignedDuration::from_hours(48);
/// A smaller limit than the documented one would be a round number: an answer with a multiple of this many rows
/// is asked for again in halves. One honest answer in a thousand is, too.
const ROUND_ROWS: u64 = 1000;
/// How often the clock, and a refused token, are looked at while waiting.
const GLANCE: Duration = Duration::from_secs(5);
/// After the disk refused a release, wait this long.
const RELEASE_RETRY: Duration = Duration::from_secs(30);

/// The task's state between two polls.
pub struct Poller<S> {
    settings: Settings,
    source: Arc<S>,
    parser: RowParser,
    store: Arc<Store>,
    id: TargetId,
    account: Arc<Account>,
    publisher: Arc<Publisher>,
    telemetry: TargetTelemetry,
    clock: Clock,
    shutdown: watch::Receiver<bool>,
    hold: ZeroHold,
    release_after: Instant,
    width: Width,
    window: Option<Arc<Window>>,
    /// Why the last poll did not commit; `None` at the start too.
    fault: Option<Fault>,
    polled: bool,
    gate: Option<Gate>,
    /// Counts failures, so that each wait is another.
    dice: u64,
}

/// No requests for a while.
struct Gate {
    until: Timestamp,
    credentials: Option<Fingerprint>,
    /// Cycles in a row that ended here.
    times: u32,
    fault: Fault,
}

/// Why a cycle ended early.
enum Halt {
    Fault(Fault),
    Shutdown,
}

/// What surrounds a poller.
pub struct Surroundings {
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
        settings: Settings,
        source: S,
        parser: RowParser,
        (id, account): (TargetId, Account),
        around: Surroundings,
    ) -> Result<Self, StoreError> {
        let Surroundings { store, publisher, telemetry, clock, shutdown } = around;
        let end = settings.cadence.last_closed(clock());
        let mut poller = Self {
            hold: ZeroHold::new(settings.zero_hold),
            settings,
            source: Arc::new(source),
            parser,
            store,
            id,
            account: Arc::new(account),
            publisher,
            telemetry,
            clock,
            shutdown,
            release_after: Instant::now(),
            width: Width::default(),
            window: None,
            fault: None,
            polled: false,
            gate: None,
            dice: 0,
        };
        // Restarted within a window that is already committed: the last poll's truth still stands.
        let totals = &poller.account.totals;
        if totals.watermark > totals.origin && totals.watermark() >= end {
            poller.window =
                poller.store.transact(|tx| poller.window_at(end, &poller.account, tx))?.map(Arc::new);
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
            let started = Instant::now();
            let outcome = match self.cycle(end).await {
                Ok(()) => None,
                Err(Halt::Fault(fault)) => Some(fault),
                Err(Halt::Shutdown) => return,
            };
            let took = started.elapsed();
            self.finish_cycle(outcome, took).await;
            let closed = cadence.last_closed((self.clock)());
            due =
                if closed > end && self.fault.is_none() { (self.clock)() } else { cadence.due_after(closed) };
        }
    }

    async fn finish_cycle(&mut self, outcome: Option<Fault>, took: Duration) {
        self.telemetry.polled(took, outcome.as_ref().map(Fault::class));
        if took > self.settings.cadence.interval {
            warn!(
                server = self.settings.name,
                seconds = took.as_secs(),
                "a poll took longer than the interval; windows are read as soon as it allows"
            );
        }
        self.polled = true;
        match &outcome {
            Some(fault) => {
                // Numbers of a window that is no longer the last would lie.
                self.window = None;
                let gated = self.gate.as_ref().is_some_and(|gate| gate.times > 1);
                if gated && self.fault.as_ref() == Some(fault) {
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

    /// Reads everything from the lookback to `end`, span by span, oldest first.
    async fn cycle(&mut self, end: Timestamp) -> Result<(), Halt> {
        self.pass_gate()?;
        let totals = &self.account.totals;
        let again = totals.watermark().checked_sub(self.settings.lookback).unwrap_or(Timestamp::MIN);
        let mut from = again.max(totals.origin()).min(end);
        let mut failures = 0;
        loop {
            let span = self.width.next(from, end);
            let fault = match self.read(span, end).await? {
                Outcome::Committed => {
                    failures = 0;
                    if span.to >= end {
                        self.gate = None;
                        return Ok(());
                    }
                    from = span.to;
                    continue;
                }
                Outcome::TooWide(cause) => {
                    self.telemetry.split(cause);
                    continue;
                }
                Outcome::Failed(fault) => fault,
            };
            failures += 1;
            self.react(fault, failures).await?;
        }
    }

    fn pass_gate(&mut self) -> Result<(), Halt> {
        let Some(gate) = &mut self.gate else { return Ok(()) };
        let replaced = gate.credentials != self.source.credentials();
        if replaced {
            info!(server = self.settings.name, "the token has changed: trying again");
            self.gate = None;
        } else if (self.clock)() < gate.until {
            return Err(Halt::Fault(gate.fault.clone()));
        }
        Ok(())
    }

    /// Waits, or gives the cycle up.
    async fn react(&mut self, fault: Fault, failures: u32) -> Result<(), Halt> {
        self.dice = self.dice.wrapping_add(1);
        let times = self.gate.as_ref().map_or(0, |gate| gate.times);
        let now = (self.clock)();
        let situation = Situation {
            now,
            zone: &self.settings.zone,
            interval: self.settings.cadence.interval,
            failures,
            held_off: times,
            dice: schedule::spread(&self.settings.name, self.dice),
        };
        match reaction(&fault, situation) {
            Reaction::Retry(wait) => {
                info!(
                    server = self.settings.name,
                    class = fault.class().as_str(),
                    wait_seconds = wait.as_secs_f64(),
                    "request failed, trying again: {fault}"
                );
                self.tend(sleep(wait)).await
            }
            Reaction::NextCycle => Err(Halt::Fault(fault)),
            Reaction::HoldOff(until) => {
                info!(server = self.settings.name, %until, "no requests until then");
                let credentials = self.source.credentials();
                self.gate = Some(Gate { until, credentials, times: times + 1, fault: fault.clone() });
                Err(Halt::Fault(fault))
            }
        }
    }

    /// One request, and its commit.
    async fn read(&mut self, span: Span, end: Timestamp) -> Result<Outcome, Halt> {
        let (from, to) = span.local(&self.settings.zone);
        let (source, parser) = (self.source.clone(), self.parser.clone());
        let request = async move {
            let mut stage = Stage::default();
            let result =
                source.read(Query { from, to }, &mut |element| stage.push(parser.parse(element))).await;
            (result, stage)
        };
        let started = Instant::now();
        let (result, stage) = self.tend(request).await?;
        if !matches!(result, Err(Fault::TokenUnreadable(_))) {
            self.telemetry.requested(started.elapsed(), result.as_ref().err().map(Fault::class));
        }
        debug!(server = self.settings.name, %from, %to, ?result, "request ended");

        let cause = match &result {
            Ok(answer) if answer.rows >= self.settings.row_cap => Some(SplitCause::Cap),
            Ok(answer) if answer.rows > 0 && answer.rows % ROUND_ROWS == 0 => Some(SplitCause::Cap),
            Err(Fault::TooFewRows { .. }) => Some(SplitCause::Truncated),
            Err(Fault::TooLarge(_)) => Some(SplitCause::Size),
            Err(Fault::Timeout(_)) => Some(SplitCause::Timeout),
            Err(Fault::Refused { .. }) => Some(SplitCause::Refused),
            _ => None,
        };
        let transient = matches!(cause, Some(SplitCause::Timeout | SplitCause::Refused));
        if let Some(cause) = cause
            && self.width.narrow(span)
        {
            // These may just as well be an outage, so they count as failures too: each costs a wait.
            if let (true, Err(fault)) = (transient, result) {
                self.telemetry.split(cause);
                return Ok(Outcome::Failed(fault));
            }
            return Ok(Outcome::TooWide(cause));
        }
        let (rows, server_time, incomplete) = match result {
            Ok(answer) => (answer.rows, answer.server_time, answer.rows >= self.settings.row_cap),
            // A whole answer, but for what the vendor left out of it: one second cannot be asked for in halves.
            Err(Fault::TooFewRows { received, .. }) => (received, None, true),
            Err(fault) => return Ok(Outcome::Failed(fault)),
        };
        if incomplete {
            error!(
                server = self.settings.name,
                %from, rows,
                "one second has more rows than an answer holds: what came is counted, the rest is lost"
            );
        }
        if rows < self.settings.row_cap / 4 {
            self.width.widen();
        }
        if let Some(server_time) = server_time {
            let skew = server_time.duration_since((self.clock)()).as_secs_f64();
            self.telemetry.clock_skew(skew);
        }
        match self.commit(stage, span, end, server_time, incomplete).await {
            Ok(()) => Ok(Outcome::Committed),
            Err(error) => Ok(Outcome::Failed(Fault::Internal(error.to_string()))),
        }
    }

    /// One transaction; then memory and publication follow it.
    async fn commit(
        &mut self,
        stage: Stage,
        span: Span,
        end: Timestamp,
        server_time: Option<Timestamp>,
        incomplete: bool,
    ) -> Result<(), StoreError> {
        let (store, account, id) = (self.store.clone(), self.account.clone(), self.id);
        let (settings, now) = (self.settings.clone(), (self.clock)());
        let work = move || {
            let zone = &settings.zone;
            let local = |moment: Timestamp| local_seconds(zone.to_datetime(moment));
            let before = &account.totals;
            let bounds = ledger::Bounds {
                earliest: before.horizon.max(local(before.origin())),
                latest: local(span.to.checked_add(FUTURE).unwrap_or(Timestamp::MAX)),
                watermark: local(before.watermark()),
            };
            let lateness = |date| {
                let seconds = schedule::instant(date, zone).map_or(0, |at| now.duration_since(at).as_secs());
                u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
            };
            store.transact(|tx| {
                let mut step = settle(&account, stage, bounds, &tx.memory(id), lateness)?;
                // Never beyond what the server itself calls the past: a clock of ours that runs ahead would
                // otherwise mark time as read whose rows do not exist yet.
                let read = server_time.map_or(span.to, |theirs| span.to.min(theirs));
                let watermark = before.watermark().max(read);
                let keep = settings.lookback.max(settings.cadence.interval) + MEMORY_MARGIN;
                let ago = |age: Duration| local(watermark.checked_sub(age).unwrap_or(Timestamp::MIN));
                step.totals.watermark = watermark.as_second();
                step.totals.horizon = before.horizon.max(ago(keep));
                step.totals.incomplete += u64::from(incomplete);
                tx.write(id, &step)?;
                tx.forget(id, step.totals.horizon, ago(INTERACTION_MEMORY))?;
                Ok(step)
            })
        };
        let step = blocking(work).await?;
        Arc::make_mut(&mut self.account).apply(step);
        if self.account.totals.watermark() >= end {
            let (store, account) = (self.store.clone(), self.account.clone());
            let window = store.transact(|tx| self.window_at(end, &account, tx))?;
            self.window = window.map(Arc::new);
        }
        self.publish().await;
        Ok(())
    }

    /// The window that ends at `end`, from the rows remembered.
    fn window_at(
        &self,
        end: Timestamp,
        account: &Account,
        tx: &crate::store::Transaction<'_>,
    ) -> Result<Option<Window>, StoreError> {
        let start = (end - self.settings.cadence.interval).max(account.totals.origin());
        let local = |moment: Timestamp| local_seconds(self.settings.zone.to_datetime(moment));
        let records = tx.rows_between(self.id, local(start), local(end))?;
        Ok(Some(account.window(start, end, records)))
    }

    /// Makes visible what has been shown as 0 for long enough, and publishes.
    async fn publish(&mut self) {
        let now = Instant::now();
        let step = self.account.release(
            (self.clock)(),
            |labels| self.hold.menu_seen(labels, now),
            |labels| self.hold.point_seen(labels, now),
        );
        if let Some(step) = step {
            // Committed first: after a crash a count that was visible must not be shown as 0 again.
            let (store, id) = (self.store.clone(), self.id);
            let done = blocking(move || store.transact(|tx| tx.write(id, &step)).map(|()| step)).await;
            match done {
                Ok(step) => Arc::make_mut(&mut self.account).apply(step),
                Err(error) => {
                    self.release_after = Instant::now() + RELEASE_RETRY;
                    error!(server = self.settings.name, "cannot make new series visible: {error}");
                }
            }
        }
        let (publisher, account, window) =
            (self.publisher.clone(), self.account.clone(), self.window.clone());
        let (settings, state) = (self.settings.clone(), self.state());
        let up = state.ok;
        let work = move || {
            let view = View {
                server: &settings.name,
                zone: &settings.zone,
                account: &account,
                window: window.as_deref(),
                up,
                buckets: &settings.buckets,
            };
            publisher.publish(families(view), state);
        };
        if tokio::task::spawn_blocking(work).await.is_err() {
            error!(server = self.settings.name, "the exposition could not be encoded; the last one stays");
            return;
        }
        self.hold.published(&self.account, Instant::now());
    }

    fn state(&self) -> TargetState {
        let totals = &self.account.totals;
        let sentence = match &self.fault {
            Some(fault) => format!("the last poll failed: {fault}"),
            None if !self.polled => "waiting for the first poll".to_owned(),
            None if self.account.totals.last_row.is_none() => {
                "polls succeed; no row has ever come".to_owned()
            }
            None => "polls succeed".to_owned(),
        };
        TargetState {
            name: self.settings.name.clone(),
            ok: self.polled && self.fault.is_none(),
            sentence,
            watermark: (totals.watermark > totals.origin).then(|| totals.watermark()),
        }
    }

    /// Runs `work` while counts become visible when they are due. `Err` when it is time to end.
    async fn tend<F: Future>(&mut self, work: F) -> Result<F::Output, Halt> {
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
                () = &mut stopped => return Err(Halt::Shutdown),
                () = sleep_until(release.unwrap_or_else(Instant::now)), if release.is_some() => self.publish().await,
            }
        }
    }

    /// Until the clock shows `due`, but never longer than it seemed at first: a clock set back must not stop the
    /// polls. Ends early when a token that was refused has been replaced.
    async fn wait_until(&mut self, due: Timestamp) -> Result<(), Halt> {
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

/// How a request ended for the cycle.
enum Outcome {
    Committed,
    TooWide(SplitCause),
    Failed(Fault),
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
