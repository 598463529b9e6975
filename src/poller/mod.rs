//! One target's task: does the next errand of the agenda, has the reader ask and the judge decide, hands whole answers to
//! the state, and publishes what is committed.
//!
//! Data goes one way: agenda → reader → judge → state → exposure. [`Poller`] only joins these parts, each of which owns
//! its data and has its own file. Each target has its own poller, so a slow or dead one delays no other.

mod agenda;
mod baseline;
mod commit;
mod committed_state;
mod config;
mod exposure;
mod health;
mod judge;
mod names;
mod origin;
mod outcomes;
mod reader;
mod reading;
mod replay;
mod rereads;
pub mod retry;
mod source;
mod unread;
mod weeks_before;
pub mod zero_hold;
mod zone_check;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    agenda::{Agenda, Errand},
    committed_state::CommittedState,
    exposure::Exposure,
    judge::Judge,
    names::NameBook,
    outcomes::OutcomesReading,
    reader::Reader,
    unread::UnreadRows,
};
pub use self::{
    baseline::BaselineSettings,
    config::PollerConfig,
    names::NameSettings,
    origin::StartAgo,
    replay::{EachWindow, PastWindow, ReplayEnd, ReplayError},
    source::{Api, Source},
};
use crate::{
    ledger::TargetCounters,
    schedule::{self, Tier, TimeRange, quota},
    snapshot::Publisher,
    status::{Day, DeepReadStatus, TargetStatus, UsualStatus},
    store::{Store, StoreError, TargetId},
    telemetry::TargetTelemetry,
    wolkvox::{ApiError, ReportName, RowParser},
};

/// The time of day. Everything else about time is tokio's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Longest time between two looks at the clock, and at a refused token, while waiting.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads one target for ever.
pub struct Poller<S> {
    config: Arc<PollerConfig>,
    clock: Clock,
    signals: Signals,
    agenda: Agenda,
    reader: Reader<S>,
    judge: Judge,
    state: CommittedState,
    exposure: Exposure,
    /// The second report; `None` where it is not read.
    outcomes: Option<OutcomesReading>,
}

/// What one of the two reports is read with.
struct Track<'p> {
    config: &'p Arc<PollerConfig>,
    judge: &'p mut Judge,
    state: &'p mut CommittedState,
    unread: &'p mut UnreadRows,
}

/// The signals that reach a poller from outside.
struct Signals {
    shutdown: CancellationToken,
    probe: Arc<Notify>,
}

/// The parts that a poller works with.
pub struct PollerDeps {
    /// The open state.
    pub store: Arc<Store>,
    /// Publishes the snapshots.
    pub publisher: Arc<Publisher>,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
    /// The time.
    pub clock: Clock,
    /// Cancelled when the task is to end.
    pub shutdown: CancellationToken,
    /// Notified when whatever is waited for is to be tried at once.
    pub probe: Arc<Notify>,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl<S: Source> Poller<S> {
    /// Takes over the restored counters and hands them to the publisher.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn start(
        config: PollerConfig,
        source: S,
        parser: RowParser,
        restored: (TargetId, TargetCounters),
        deps: PollerDeps,
    ) -> Result<Self, StoreError> {
        let PollerDeps { store, publisher, telemetry, clock, shutdown, probe } = deps;
        let config = Arc::new(config);
        let (id, counters) = restored;
        let today = quota::day(clock(), &config.zone);
        let mut state = CommittedState::open(store, id, counters, &config).await?;
        let used = state.read(move |view, id| view.requests(id, today)).await?;
        let known = state.with_store(Store::names).await?;
        let unanswerable = state.unanswerable().await?;
        let names = NameBook::new(&config.names, &config.rules, known);
        let outcomes = match config.outcomes {
            true => Some(OutcomesReading::open(&mut state, &config).await?),
            false => None,
        };
        let mut poller = Self {
            agenda: Agenda::new(&config.name, Instant::now()),
            reader: Reader::new(
                source,
                parser,
                config.clone(),
                clock.clone(),
                telemetry.clone(),
                (today, used),
            ),
            judge: Judge::new(config.row_cap, unanswerable),
            exposure: Exposure::new(publisher, telemetry, names, &config),
            signals: Signals { shutdown, probe },
            outcomes,
            state,
            config,
            clock,
        };
        poller.settle_origin(true).await?;
        poller.show_rereads();
        poller.show_last_window().await?;
        poller.publish().await;
        Ok(poller)
    }

    /// Polls until told to shut down. A commit under way is finished first.
    pub async fn run(mut self) {
        let shutdown = self.signals.shutdown.clone();
        shutdown.run_until_cancelled(self.drive()).await;
        self.state.finish().await;
    }

    /// Restarted within a window that is already committed: the last poll's truth still stands.
    async fn show_last_window(&mut self) -> Result<(), StoreError> {
        let end = self.config.cadence.last_closed((self.clock)());
        let totals = self.state.totals();
        if totals.watermark > totals.origin && totals.watermark() >= end {
            let window = self.window_before(end);
            let window = self.state.window(window, &self.config.zone).await?;
            self.exposure.window = Some(window.into());
            self.exposure.health.polled = true;
            self.exposure.score(&mut self.state, &self.config).await;
        }
        Ok(())
    }

    /// Does one thing after the other, for ever.
    async fn drive(&mut self) {
        let cadence = self.config.cadence;
        let now = (self.clock)();
        let closed = cadence.last_closed(now);
        let is_behind = closed > self.state.totals().watermark();
        let mut due = if is_behind { now } else { cadence.due_after(closed) };
        // Between a poll and the first sleep after it, each errand may do a step even if the next poll is due.
        let mut after_poll = false;
        loop {
            let is_due = (self.clock)() >= due;
            let errand = if after_poll || !is_due { self.next_errand(due) } else { None };
            match errand {
                Some(errand) => self.run_errand(errand, due).await,
                None if is_due => {
                    due = self.poll().await;
                    after_poll = true;
                }
                None => {
                    after_poll = false;
                    due = self.sleep(due).await;
                }
            }
        }
    }

    /// One live poll. Returns when the next one is due.
    async fn poll(&mut self) -> Timestamp {
        let began = (self.clock)();
        let started = Instant::now();
        let settled = self.settle_origin(false).await;
        // A clock that was set back does not take back what is committed.
        let closed = self.config.cadence.last_closed(self.reader.past());
        let end = closed.max(self.state.totals().watermark());
        let outcome = match settled {
            Ok(()) => self.read_live(end).await.err(),
            Err(error) => Some(error.into()),
        };
        self.finish_poll(outcome, began, started.elapsed()).await;
        let cadence = self.config.cadence;
        if !self.exposure.health.is_up() {
            return cadence.due_after(cadence.last_closed((self.clock)()));
        }
        let closed = cadence.last_closed(self.reader.past());
        if closed > end {
            return (self.clock)();
        }
        // Windows close by the earlier clock, so a server that is behind is asked later. Where a clock was set, the window that
        // was read may lie far ahead of it, and must not be waited for; a second more or less asks for none twice.
        let ahead = end.duration_since(closed).unsigned_abs();
        let due = cadence.due_after(if ahead > cadence.interval { closed } else { end });
        due.checked_add(self.reader.behind()).unwrap_or(due)
    }

    /// Takes note of the end of a poll, and publishes.
    async fn finish_poll(&mut self, outcome: Option<ApiError>, began: Timestamp, took: Duration) {
        let failure = outcome.as_ref().map(ApiError::class);
        let now = (self.clock)();
        self.reader.end_probe();
        self.exposure.telemetry.polled(took, failure);
        let health = &mut self.exposure.health;
        health.polled(began, took, failure, now);
        health.unread.end();
        health.polled = true;
        if took > self.config.cadence.interval {
            warn!(
                server = self.config.name,
                seconds = took.as_secs(),
                "a poll took longer than the interval; windows are read as soon as it allows"
            );
        }
        self.log_poll(outcome.as_ref());
        if outcome.is_some() {
            // Numbers of a window that is no longer the last would lie.
            self.exposure.window = None;
        }
        self.agenda.polled(outcome.is_some());
        self.exposure.health.fault = outcome;
        self.exposure.score(&mut self.state, &self.config).await;
        self.publish().await;
    }

    fn log_poll(&self, outcome: Option<&ApiError>) {
        let server = &self.config.name;
        let totals = self.state.totals();
        let before = self.exposure.health.fault.as_ref();
        match outcome {
            // Logged once, when it begins: until the hold ends nothing is asked, and nothing new can be said.
            Some(error) if self.agenda.is_held() && before == Some(error) => {
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

    /// The errands that have something to do, in the order of their priority. There are none before a poll of this process has
    /// succeeded, for then the server is not known to answer, nor to be the same as before.
    fn wanted(&self) -> Vec<Errand> {
        let mut wanted = Vec::new();
        if !self.agenda.has_polled() || !self.exposure.health.is_up() {
            return wanted;
        }
        let today = quota::day((self.clock)(), &self.config.zone);
        if self.reader.asks_quota() {
            wanted.push(Errand::Quota);
        }
        wanted.extend(self.exposure.names.wanted(&self.config.names, today).map(Errand::Names));
        if self.wants_outcomes() {
            wanted.push(Errand::Outcomes);
        }
        if self.next_reread().is_some() {
            wanted.push(Errand::Reread);
        }
        wanted.extend(self.next_report_of_weeks().map(Errand::WeeksBefore));
        wanted
    }

    fn next_errand(&self, due: Timestamp) -> Option<Errand> {
        let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
        self.agenda.next(&self.wanted(), left, Instant::now())
    }

    /// Does one step of an errand. Its failure is not the poll's.
    async fn run_errand(&mut self, errand: Errand, due: Timestamp) {
        match errand {
            Errand::Quota => self.ask_quota().await,
            Errand::Names(kind) => self.ask_names(kind).await,
            Errand::Outcomes => self.read_outcomes().await,
            Errand::Reread => self.read_again().await,
            Errand::WeeksBefore(report) => self.read_week_before(report, due).await,
        }
    }

    /// Sleeps until `due`, but no longer than it seemed at first: a clock that is set back must not stop the polls. Ends early when
    /// an errand can be done, when a refused token was replaced, and when the operator wants to know. Returns when the next
    /// poll is due.
    async fn sleep(&mut self, due: Timestamp) -> Timestamp {
        let left = |clock: &Clock| Duration::try_from(due.duration_since(clock())).unwrap_or_default();
        let now = Instant::now();
        let latest = now + left(&self.clock);
        let wake = self.agenda.next_wake(&self.wanted(), now);
        let probe = self.signals.probe.clone();
        loop {
            let now = Instant::now();
            if self.agenda.has_new_token(|| self.reader.source().credentials()) || now >= latest {
                return (self.clock)();
            }
            if wake.is_some_and(|wake| now >= wake) || left(&self.clock).is_zero() {
                return due;
            }
            let nap = left(&self.clock).min(latest - now).min(LOOK_EVERY);
            let nap = wake.map_or(nap, |wake| nap.min(wake - now));
            let is_probed = self.while_showing(async {
                tokio::select! {
                    () = probe.notified() => true,
                    () = sleep(nap) => false,
                }
            });
            if is_probed.await {
                info!(server = self.config.name, "trying at once whatever is waited for");
                self.agenda.probe();
                return (self.clock)();
            }
        }
    }

    /// What a report is read with.
    fn track(&mut self, report: ReportName) -> Track<'_> {
        match report {
            ReportName::Diagram13 => Track {
                config: &self.config,
                judge: &mut self.judge,
                state: &mut self.state,
                unread: &mut self.exposure.health.unread,
            },
            ReportName::Diagram1 => {
                let outcomes = self.outcomes.as_mut().expect("only a report that is on is read");
                let OutcomesReading { config, judge, state, unread, .. } = outcomes;
                Track { config, judge, state, unread }
            }
        }
    }

    /// Runs `work` while counts become visible when they are due.
    async fn while_showing<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            let states =
                std::iter::once(&self.state).chain(self.outcomes.iter().map(|outcomes| &outcomes.state));
            let release = self.exposure.next_release(states);
            tokio::select! {
                output = &mut work => return output,
                () = sleep_until(release.unwrap_or_else(Instant::now)), if release.is_some() => self.publish().await,
            }
        }
    }

    /// Makes visible what has been shown as 0 for long enough, and publishes.
    async fn publish(&mut self) {
        if self.state.day_read_to().is_some() {
            // Nobody scrapes the past.
            return;
        }
        let now = (self.clock)();
        self.exposure.release(ReportName::Diagram13, &mut self.state, &self.config, now).await;
        if let Some(outcomes) = &mut self.outcomes {
            self.exposure.release(ReportName::Diagram1, &mut outcomes.state, &outcomes.config, now).await;
        }
        let status = self.status();
        let outcomes = self.outcomes.as_ref().map(OutcomesReading::snapshot);
        self.exposure.publish(&self.state, outcomes, &self.config, status);
    }

    /// The status for people, but for the last day and what is unlike the usual, which take longer and are made elsewhere.
    fn status(&self) -> TargetStatus {
        let config = &self.config;
        let totals = self.state.totals();
        let health = &self.exposure.health;
        let now = (self.clock)();
        let next = config.cadence.due_after(config.cadence.last_closed(now));
        let held = self.agenda.held_until().map(|until| until.saturating_duration_since(Instant::now()));
        let held = held.and_then(|wait| now.checked_add(wait).ok());
        let reread_failure = self.agenda.failure(Errand::Reread);
        TargetStatus {
            name: config.name.clone(),
            zone: config.zone.clone(),
            outcome: health.outcome(now),
            usual_lag: config.cadence.interval + config.cadence.settle_delay + config.cadence.jitter,
            next_poll: held.map_or(next, |until| until.max(next)),
            watermark: (totals.watermark > totals.origin || health.is_up()).then(|| totals.watermark()),
            last_row: totals.last_row.and_then(|local| schedule::instant(local, &config.zone)),
            quota: self.reader.quota(),
            deep_reads: rereads::under_way(totals, config)
                .map(|(tier, cursor)| DeepReadStatus {
                    tier,
                    depth: config.tiers.depth(tier),
                    progress: cursor.progress(),
                    failure: reread_failure,
                })
                .collect(),
            polls: health.polls(),
            unread: health.unread.last(),
            wrong_zone: health.zone.wrong(),
            day: Day::default(),
            outcomes: None,
            usual: UsualStatus {
                history: Duration::from_secs(baseline::history_seconds(&self.state, config).unsigned_abs()),
                warm_up: self.weeks_status(),
                deviations: None,
            },
        }
    }

    /// Puts an origin that a wrong clock has made where the clock says now; `begins` at the start of a process.
    async fn settle_origin(&mut self, begins: bool) -> Result<(), StoreError> {
        let doubted = begins || matches!(self.exposure.health.fault, Some(ApiError::ClocksDisagree { .. }));
        let wanted = origin::to_settle(self.state.totals(), &self.config, (self.clock)(), doubted);
        if let Some(wanted) = wanted {
            self.state.begin_at(&self.config, wanted).await?;
            if let Some(outcomes) = &mut self.outcomes {
                outcomes.begin_at(wanted).await?;
            }
            let origin = self.state.totals().origin();
            info!(server = self.config.name, %origin, "counting from here");
        }
        Ok(())
    }

    /// The window that ends at `end`: from the grid's line before, or from the origin if that is later.
    fn window_before(&self, end: Timestamp) -> TimeRange {
        let start = end.checked_sub(self.config.cadence.interval).unwrap_or(Timestamp::MIN);
        TimeRange { from: start.max(self.state.totals().origin()).min(end), to: end }
    }

    /// Shows how much re-readings have left, and when the last that ended had begun.
    fn show_rereads(&self) {
        let totals = self.state.totals();
        for (tier, began) in [(Tier::Hourly, totals.hourly_at), (Tier::Nightly, totals.nightly_at)] {
            if self.config.tiers.depth(tier).is_zero() {
                continue;
            }
            let under_way = rereads::under_way(totals, &self.config).find(|(other, _)| *other == tier);
            let left = under_way.map_or(0, |(_, cursor)| cursor.end - cursor.next);
            self.exposure.telemetry.deep_read_state(tier, left, began);
        }
    }
}
