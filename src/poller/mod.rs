//! The task of one target: does the next errand of the agenda, has the reader send requests and the
//! judge decide, hands complete answers to the state, and publishes what is committed.
//!
//! Data goes one way: agenda → reader → judge → state → exposure. [`Poller`] only decides the order
//! of the work; the parts own their data, and each has its own file. Each target has its own
//! poller, so a slow or dead one delays no other.

mod agenda;
mod baseline;
mod commit;
mod committed_state;
mod config;
mod errands;
mod exposure;
mod health;
mod judge;
mod names;
mod origin;
mod outcomes;
mod polled_target;
mod reader;
mod replay;
mod rereads;
pub mod retry;
mod source;
mod track;
mod unread;
mod weeks_before;
pub mod zero_hold;
mod zone_check;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    agenda::{Errand, Passage},
    judge::Reading,
    polled_target::{PolledTarget, Step},
    retry::{RetryContext, RetryDecision},
    track::Pass,
};
pub use self::{
    config::{PollerConfig, SharedConfig},
    replay::{EachWindow, PastWindow, Replay, ReplayEnd, ReplayError},
    source::{Api, Source},
};
use crate::{
    ledger::TargetCounters,
    schedule::{
        backoff::Backoff,
        quota::{self, Purpose},
    },
    snapshot::Publisher,
    store::{Store, StoreError, TargetId},
    telemetry::TargetTelemetry,
    wolkvox::{ApiError, RowParser},
};

/// The time of day. All other time is tokio's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Longest time between two checks of the clock, and of a refused token, while waiting.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Wait before the second try of a request within a poll; doubled after each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait between two tries within a poll.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Least time until the next poll in which a step back through the weeks before is begun.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// Reads one target until it is shut down.
pub struct Poller<S> {
    target: PolledTarget<S>,
    signals: Signals,
}

/// The time of the next poll.
#[derive(Debug, Clone, Copy)]
struct NextPoll {
    /// The moment at which it is due, by the clock.
    due: Timestamp,
    /// The moment at which it is due at the latest, because a clock that is set back must not stop
    /// the polls.
    latest: Instant,
}

/// The signals that reach a poller from outside.
struct Signals {
    shutdown: CancellationToken,
    probe: Arc<Notify>,
}

/// The parts that a poller works with.
pub struct PollerDeps {
    /// The open state file.
    pub store: Arc<Store>,
    /// The publisher of the snapshots.
    pub publisher: Arc<Publisher>,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
    /// The clock.
    pub clock: Clock,
    /// Cancelled to end the task.
    pub shutdown: CancellationToken,
    /// Notified to end the waits after failures and to poll at once.
    pub probe: Arc<Notify>,
}

impl<S: Source> Poller<S> {
    /// Makes a poller from restored counters and publishes them.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub async fn start(
        config: PollerConfig,
        source: S,
        parser: RowParser,
        restored: (TargetId, TargetCounters),
        deps: PollerDeps,
    ) -> Result<Self, StoreError> {
        let signals = Signals { shutdown: deps.shutdown.clone(), probe: deps.probe.clone() };
        let mut target = PolledTarget::open(config, source, parser, restored, deps).await?;
        target.settle_origin(true).await?;
        target.show_rereads();
        target.show_last_window().await?;
        target.publish().await;
        Ok(Self { target, signals })
    }

    /// Polls until it is shut down. A commit in progress is finished first.
    pub async fn run(mut self) {
        let shutdown = self.signals.shutdown.clone();
        shutdown.run_until_cancelled(self.drive()).await;
        self.target.menus.state.finish().await;
    }

    /// Alternates polls and errands for ever.
    async fn drive(&mut self) {
        let cadence = self.target.config.cadence;
        let now = self.target.now();
        let closed = cadence.last_closed(now);
        let is_behind = closed > self.target.menus.state.totals().watermark();
        let mut next = self.next_poll(if is_behind { now } else { cadence.due_after(closed) });
        // Between a poll and the first sleep after it, each errand may do a step even if the next
        // poll is due.
        let mut after_poll = false;
        loop {
            let left = self.left(next);
            let errand = if after_poll || !left.is_zero() { self.next_errand(left) } else { None };
            match errand {
                Some(errand) => self.run_errand(errand, left).await,
                None if left.is_zero() => {
                    let due = self.poll().await;
                    next = self.next_poll(due);
                    after_poll = true;
                }
                None => {
                    after_poll = false;
                    next = self.sleep(next).await;
                }
            }
        }
    }

    /// Returns the next poll, which is due at `due`.
    fn next_poll(&self, due: Timestamp) -> NextPoll {
        let left = Duration::try_from(due.duration_since(self.target.now())).unwrap_or_default();
        NextPoll { due, latest: Instant::now() + left }
    }

    /// Returns the time until the next poll.
    fn left(&self, next: NextPoll) -> Duration {
        let left = Duration::try_from(next.due.duration_since(self.target.now()));
        left.unwrap_or_default().min(next.latest.saturating_duration_since(Instant::now()))
    }

    /// Does one live poll. Returns when the next one is due.
    async fn poll(&mut self) -> Timestamp {
        let began = self.target.now();
        let started = Instant::now();
        let settled = self.target.settle_origin(false).await;
        // A clock that was set back must not take back what is committed.
        let cadence = self.target.config.cadence;
        let closed = cadence.last_closed(self.target.reader.past());
        let end = closed.max(self.target.menus.state.totals().watermark());
        let outcome = match settled {
            Ok(()) => self.read_live(end).await.err(),
            Err(error) => Some(error.into()),
        };
        self.finish_poll(outcome, began, started.elapsed()).await;
        if !self.target.exposure.health.is_up() {
            return cadence.due_after(cadence.last_closed(self.target.now()));
        }
        let closed = cadence.last_closed(self.target.reader.past());
        if closed > end {
            return self.target.now();
        }
        // Windows close by the earlier clock, so the requests are later if the server's clock is
        // behind. If a clock was set, the window that was read may be far ahead of it and must not
        // be waited for; a difference of a second must not read a window twice.
        let ahead = end.duration_since(closed).unsigned_abs();
        let due = cadence.due_after(if ahead > cadence.interval { closed } else { end });
        due.checked_add(self.target.reader.behind()).unwrap_or(due)
    }

    /// Records the end of a poll, and publishes.
    async fn finish_poll(&mut self, outcome: Option<ApiError>, began: Timestamp, took: Duration) {
        let target = &mut self.target;
        let failure = outcome.as_ref().map(ApiError::class);
        let now = target.now();
        target.reader.end_probe();
        target.exposure.telemetry.polled(took, failure);
        target.exposure.health.polled(began, took, failure, now);
        target.menus.unread.end();
        if took > target.config.cadence.interval {
            warn!(
                server = target.config.target.name,
                seconds = took.as_secs(),
                "a poll took longer than the interval; windows are read as soon as it allows"
            );
        }
        log_poll(target, outcome.as_ref());
        if outcome.is_some() {
            // The counts of an older window must not be shown as the last one's.
            target.exposure.window = None;
        }
        target.agenda.polled(outcome.is_some());
        target.exposure.health.fault = outcome;
        target.exposure.score(&mut target.menus.state, &target.config).await;
        target.publish().await;
    }

    /// Returns the errands that have something to do, in the order of their priority. There are
    /// none before a poll of this process has succeeded, because until then the server may not
    /// answer, or may be another one than before.
    fn wanted(&self) -> Vec<Errand> {
        let target = &self.target;
        let mut wanted = Vec::new();
        if !target.agenda.has_polled() || !target.exposure.health.is_up() {
            return wanted;
        }
        let now = target.now();
        let config = &target.config.target;
        if target.reader.asks_quota() {
            wanted.push(Errand::Quota);
        }
        let today = quota::day(now, &config.timezone);
        wanted.extend(target.exposure.names.wanted(&config.names, today).map(Errand::Names));
        let read_to = target.menus.state.totals().watermark();
        if target.outcomes.as_ref().is_some_and(|outcomes| outcomes.wants_step(read_to, now)) {
            wanted.push(Errand::Outcomes);
        }
        if target.menus.next_reread(now).is_some() {
            wanted.push(Errand::Reread);
        }
        wanted.extend(weeks_before::next_report(target).map(Errand::WeeksBefore));
        wanted
    }

    fn next_errand(&self, left: Duration) -> Option<Errand> {
        let mut wanted = self.wanted();
        wanted.retain(|errand| !matches!(errand, Errand::WeeksBefore(_)) || left >= LEAST_TIME);
        self.target.agenda.next(&wanted, left, Instant::now())
    }

    /// Does one step of an errand, in the time that is `left` until the next poll. Its failure does
    /// not fail the poll.
    async fn run_errand(&mut self, errand: Errand, left: Duration) {
        let target = &mut self.target;
        let started = Instant::now();
        let failures = target.agenda.failures(errand);
        let stepped = match errand {
            Errand::Quota => errands::ask_quota(target).await,
            Errand::Names(kind) => errands::ask_names(target, kind).await,
            Errand::Outcomes => outcomes::read_step(target).await,
            Errand::Reread => errands::read_again(target).await,
            Errand::WeeksBefore(report) => {
                weeks_before::read_step(target, report, left, failures).await
            }
        };
        let now = Instant::now();
        let took = now.duration_since(started);
        match stepped {
            Ok(pause) => target.agenda.went_on(errand, took, pause, now),
            Err(error) => target.agenda.failed(errand, took, &error, now),
        }
        target.publish().await;
    }

    /// Sleeps until the next poll, or until an errand can be done, a refused token was replaced, or
    /// the operator asks for a poll. Returns when the next poll is due then.
    async fn sleep(&mut self, next: NextPoll) -> NextPoll {
        let wake = self.target.agenda.next_wake(&self.wanted(), Instant::now());
        let probe = self.signals.probe.clone();
        loop {
            let now = Instant::now();
            if self.target.has_new_token() {
                return self.next_poll(self.target.now());
            }
            let left = self.left(next);
            if wake.is_some_and(|wake| now >= wake) || left.is_zero() {
                return next;
            }
            let nap = left.min(LOOK_EVERY);
            let nap = wake.map_or(nap, |wake| nap.min(wake - now));
            let is_probed = self.target.while_showing(async {
                tokio::select! {
                    () = probe.notified() => true,
                    () = sleep(nap) => false,
                }
            });
            if is_probed.await {
                info!(
                    server = self.target.config.target.name,
                    "trying at once whatever is waited for"
                );
                self.target.agenda.probe();
                return self.next_poll(self.target.now());
            }
        }
    }

    /// Reads everything from the lookback to `end`.
    async fn read_live(&mut self, end: Timestamp) -> Result<(), ApiError> {
        self.pass_hold().await?;
        let is_first = !self.target.agenda.has_polled();
        let menus = &mut self.target.menus;
        menus.state.restore_if_stale(&menus.config).await?;
        let mut pass = menus.live_pass(end, is_first).await?;
        menus.judge.begin(Reading::Live);
        self.read_pass(&mut pass).await?;
        self.target.menus.judge.end(Reading::Live);
        Ok(())
    }

    /// Reads a pass range by range, oldest first, with the retries that a poll has.
    async fn read_pass(&mut self, pass: &mut Pass) -> Result<(), ApiError> {
        let mut retry = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let purpose = pass.purpose;
        // The first request of a poll is a live one, so that polls advance even if only the reserve
        // is left. A day of the past can wait.
        if self.target.menus.state.day_read_to().is_none() {
            pass.purpose = Purpose::Live;
        }
        loop {
            let step = self.target.step(pass).await;
            pass.purpose = purpose;
            match step {
                Ok(Step::Advanced) if pass.is_over() => return Ok(()),
                Ok(Step::Advanced) => {
                    retry.succeeded();
                    // Catching up is published step by step; the last step is published with the
                    // poll.
                    self.target.publish().await;
                }
                Ok(Step::Narrower) => {}
                Ok(Step::Stuck(error)) => return Err(error),
                Err(error) => self.react(error, &mut retry).await?,
            }
        }
    }

    /// Waits before the next try of a request, or returns the error that ends the poll.
    async fn react(&mut self, error: ApiError, retry: &mut Backoff) -> Result<(), ApiError> {
        let target = &mut self.target;
        let now = Instant::now();
        let context = RetryContext {
            now: target.now(),
            zone: &target.config.target.timezone,
            interval: target.config.cadence.interval,
            failures: retry.failures() + 1,
            failed_polls: target.agenda.failed_polls(),
        };
        match retry::decide(&error, context) {
            RetryDecision::Retry(named) => {
                let jitter = target.agenda.jitter();
                let wait = retry.failed(now, jitter, named);
                info!(
                    server = target.config.target.name,
                    class = error.class().as_str(),
                    wait_seconds = wait.as_secs_f64(),
                    "request failed, trying again: {error}"
                );
                target.while_showing(sleep(wait)).await;
                Ok(())
            }
            RetryDecision::NextPoll => Err(error),
            RetryDecision::Hold(waits) => {
                let token = target.reader.source().credentials();
                let wait = target.agenda.hold(error.clone(), waits, token, now);
                info!(
                    server = target.config.target.name,
                    seconds = wait.as_secs(),
                    "no live poll asks anything for this time"
                );
                Err(error)
            }
        }
    }

    /// Checks that a poll may send requests; fails if live polls are held.
    async fn pass_hold(&mut self) -> Result<(), ApiError> {
        let token = self.target.reader.source().credentials();
        match self.target.agenda.pass(token, Instant::now()) {
            Passage::Held(error) => Err(error),
            Passage::Probe(ApiError::QuotaExhausted) => {
                self.target.reader.probe();
                // Before the rows, because their request may fail for another reason.
                if self.target.reader.asks_quota() {
                    self.run_errand(Errand::Quota, Duration::MAX).await;
                }
                Ok(())
            }
            Passage::NewToken => {
                info!(
                    server = self.target.config.target.name,
                    "the token has changed: trying again"
                );
                Ok(())
            }
            Passage::Free | Passage::Probe(_) => Ok(()),
        }
    }
}

fn log_poll<S>(target: &PolledTarget<S>, outcome: Option<&ApiError>) {
    let server = &target.config.target.name;
    let totals = target.menus.state.totals();
    let before = target.exposure.health.fault.as_ref();
    match outcome {
        // A hold is logged once, when it begins: until it ends no request is sent, and there is no
        // news.
        Some(error) if target.agenda.is_held() && before == Some(error) => {
            debug!(server, class = error.class().as_str(), "still waiting");
        }
        Some(error) => warn!(
            server,
            class = error.class().as_str(),
            watermark = %totals.watermark(),
            "poll failed: {error}"
        ),
        None => {
            if before.is_some() {
                info!(server, "polls succeed again");
            }
            info!(
                server,
                watermark = %totals.watermark(),
                rows = totals.new,
                late = totals.late,
                "poll committed"
            );
            if totals.last_row.is_none() {
                info!(
                    server,
                    "no row has ever come: an empty report looks the same as a server that does not have it"
                );
            }
        }
    }
}
