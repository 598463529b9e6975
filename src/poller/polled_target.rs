//! One target: the parts that send its requests, hold the state of its reports, and show them.
//!
//! Owns one step of a reading: the reader sends the request, the judge decides, the state commits
//! what counts. All readings of both reports use it: live polls, re-readings, the weeks before
//! (`weeks_before`), days of the past (`replay`) and the outcomes of calls (`outcomes`). The agenda
//! decides when a failed request is repeated, and the poller what is read next.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::info;

use super::{
    Clock, PollerConfig, PollerDeps, Source,
    agenda::{Agenda, Errand},
    baseline::history_seconds,
    committed_state::CommittedState,
    exposure::Exposure,
    judge::{Accepted, Context, Elsewhere, Verdict},
    names::NameBook,
    origin,
    outcomes::OutcomesReading,
    reader::{Answer, Reader},
    rereads,
    track::{Judged, Pass, Taken, Track},
    weeks_before,
};
use crate::{
    ledger::TargetCounters,
    schedule::{
        self, Tier, TimeRange,
        quota::{self, Purpose},
        unanswerable::NextRange,
    },
    status::{DeepReadStatus, TargetStatus, UsualStatus},
    store::{Store, StoreError, TargetId},
    wolkvox::{ApiError, ReportName, RowParser},
};

/// Seconds that one poll may give up: each costs some twenty requests to be found.
const MAX_GIVEN_UP: u32 = 100;

/// One target that is polled.
pub(super) struct PolledTarget<S> {
    pub(super) config: Arc<PollerConfig>,
    pub(super) clock: Clock,
    pub(super) agenda: Agenda,
    pub(super) reader: Reader<S>,
    pub(super) exposure: Exposure,
    /// The reading of the first report.
    pub(super) menus: Track,
    /// The reading of the second report; `None` if it is switched off.
    pub(super) outcomes: Option<OutcomesReading>,
}

/// The result of a step.
#[derive(Debug)]
pub(super) enum Step {
    /// The pass has advanced.
    Advanced,
    /// The next request is narrower.
    Narrower,
    /// One second fails by itself, so this poll cannot continue.
    Stuck(ApiError),
}

impl<S: Source> PolledTarget<S> {
    /// Makes a target from restored counters.
    pub(super) async fn open(
        config: PollerConfig,
        source: S,
        parser: RowParser,
        restored: (TargetId, TargetCounters),
        deps: PollerDeps,
    ) -> Result<Self, StoreError> {
        let PollerDeps { store, publisher, telemetry, clock, .. } = deps;
        let config = Arc::new(config);
        let (id, counters) = restored;
        let today = quota::day(clock(), &config.target.timezone);
        let mut state = CommittedState::open(store, id, counters, &config).await?;
        let used = state.read(move |view, id| view.requests(id, today)).await?;
        let known = state.with_store(Store::names).await?;
        let names = NameBook::new(&config.target.names, &config.rules, known);
        let outcomes = match config.target.outcomes {
            true => Some(OutcomesReading::open(&mut state, &config).await?),
            false => None,
        };
        let used = (today, used);
        Ok(Self {
            agenda: Agenda::new(&config.target.name),
            reader: Reader::new(
                source,
                parser,
                config.clone(),
                clock.clone(),
                telemetry.clone(),
                used,
            ),
            exposure: Exposure::new(publisher, telemetry, names),
            menus: Track::new(ReportName::Diagram13, config.clone(), state, &config.target.name)
                .await?,
            outcomes,
            config,
            clock,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns true if live polls are held and the token has been replaced since.
    pub(super) fn has_new_token(&self) -> bool {
        self.agenda.has_new_token(|| self.reader.source().credentials())
    }

    /// Returns the reading of a report.
    pub(super) fn track(&mut self, report: ReportName) -> &mut Track {
        match (report, &mut self.outcomes) {
            (ReportName::Diagram1, Some(outcomes)) => &mut outcomes.track,
            // Only reports that are switched on are read.
            _ => &mut self.menus,
        }
    }

    /// Sends one request of a pass, and further ones if they are needed to judge it, and commits
    /// the answer.
    pub(super) async fn step(&mut self, pass: &mut Pass) -> Result<Step, ApiError> {
        let now = self.now();
        let range = match self.track(pass.report).next_range(pass, now) {
            NextRange::Ask(range) => range,
            NextRange::Skip(to) => return self.pass_over(pass, to).await,
        };
        let Judged { context, answer, verdict } = self.ask_and_judge(range, pass).await?;
        match verdict {
            Verdict::Accept(accepted) => self.accept(pass, context, answer, accepted).await,
            Verdict::GiveUp { lost, error } => {
                pass.given_up += 1;
                let now = self.now();
                self.track(pass.report).log_given_up(range, &answer.batch, &error, now);
                let accepted = Accepted { lost, ..Accepted::default() };
                let step = self.accept(pass, context, answer, accepted).await?;
                let is_too_many = pass.given_up >= MAX_GIVEN_UP;
                Ok(if is_too_many { Step::Stuck(error) } else { step })
            }
            Verdict::PassOver => self.pass_over(pass, range.to).await,
            Verdict::Narrow(cause) => {
                self.exposure.telemetry.split(cause);
                Ok(Step::Narrower)
            }
            Verdict::Confirm => {
                let (from, to) = range.local(&self.config.target.timezone);
                info!(
                    server = self.config.target.name, report = pass.report.as_str(), %from, %to,
                    "the server says that nothing happened in hours that were never read: asking again in halves"
                );
                Ok(Step::Narrower)
            }
            Verdict::Stuck(error) => Ok(Step::Stuck(error)),
            Verdict::FailAndNarrow(cause, error) => {
                self.exposure.telemetry.split(cause);
                Err(error)
            }
            Verdict::Fail(error) | Verdict::AskIsUp { error, .. } | Verdict::AskForRows(error) => {
                Err(error)
            }
        }
    }

    /// Requests a range and judges the answer. Sends the further requests on which the judgement
    /// depends.
    async fn ask_and_judge(&mut self, range: TimeRange, pass: &Pass) -> Result<Judged, ApiError> {
        let asked = Instant::now();
        let answered = self.ask(pass.report, range, pass.purpose, Duration::MAX).await;
        if let Some(answer) = answered.as_ref().ok().filter(|_| pass.is_live_poll()) {
            self.exposure.saw_dates(&self.config.target.name, &answer.shifts);
        }
        let now = self.now();
        let mut judged = self.track(pass.report).judge(pass, range, asked, answered, now);
        loop {
            let Judged { context, answer, verdict } = &mut judged;
            match verdict {
                Verdict::AskIsUp { range: small, error } => {
                    // A request that holds a place must not wait for another.
                    answer.admission.release();
                    let up =
                        self.ask(pass.report, *small, pass.purpose, Duration::MAX).await.is_ok();
                    context.now = Instant::now();
                    *verdict = self.track(pass.report).judge.is_up(context, up, error.clone());
                }
                Verdict::AskForRows(error) => {
                    answer.admission.release();
                    let elsewhere = self.rows_elsewhere(range, pass).await?;
                    context.now = Instant::now();
                    *verdict = self.track(pass.report).judge.rows_elsewhere(
                        context,
                        elsewhere,
                        error.clone(),
                    );
                }
                _ => return Ok(judged),
            }
        }
    }

    /// Finds out if the server can send rows elsewhere. An empty answer proves nothing if rows are
    /// known there, because a server may fail at every row.
    async fn rows_elsewhere(
        &mut self,
        failed: TimeRange,
        pass: &Pass,
    ) -> Result<Elsewhere, ApiError> {
        let (range, is_known) = self.track(pass.report).elsewhere(failed, pass).await?;
        let answered = match range.from < range.to {
            true => self.ask(pass.report, range, pass.purpose, Duration::MAX).await.ok(),
            false => None,
        };
        Ok(match answered {
            Some(answer) if is_known && answer.batch.rows() == 0 => Elsewhere::Fails,
            Some(_) => Elsewhere::Answers,
            None if is_known => Elsewhere::Fails,
            None => Elsewhere::NothingKnown,
        })
    }

    /// Sends one request for rows, which fails after `longest`.
    pub(super) async fn ask(
        &mut self,
        report: ReportName,
        range: TimeRange,
        purpose: Purpose,
        longest: Duration,
    ) -> Result<Answer, ApiError> {
        self.send(
            purpose,
            |reader| {
                let request = timeout(longest, reader.request(report, range));
                async move { request.await.unwrap_or(Err(ApiError::Timeout(longest))) }
            },
            |answer| answer.short.clone().or_else(|| answer.unreadable.clone()),
        )
        .await
    }

    /// Sends a request, which is counted before and measured after. `failure` returns the error of
    /// an answer that was received.
    pub(super) async fn send<T, F: Future<Output = Result<T, ApiError>>>(
        &mut self,
        purpose: Purpose,
        request: impl FnOnce(&Reader<S>) -> F,
        failure: impl FnOnce(&T) -> Option<ApiError>,
    ) -> Result<T, ApiError> {
        self.reader.spend(purpose, &mut self.menus.state).await?;
        let request = request(&self.reader);
        let started = Instant::now();
        let answer = self.while_showing(request).await;
        let error = answer.as_ref().map_or_else(|error| Some(error.clone()), failure);
        self.reader.sent(started, error.as_ref(), &mut self.menus.state).await;
        answer
    }

    /// Commits an answer that counts, unless it contradicts the known rows.
    async fn accept(
        &mut self,
        pass: &mut Pass,
        context: Context,
        answer: Answer,
        accepted: Accepted,
    ) -> Result<Step, ApiError> {
        let server_time = self.reader.observe_clock(answer.server_time, answer.sent);
        let now = self.now();
        let track = self.track(pass.report);
        let overflow = track.state.totals().overflow;
        let taken = track.take(pass, context, answer, accepted, server_time, now).await?;
        let counters = track.state.counters().clone();
        match taken {
            Taken::Narrower(cause) => {
                self.exposure.telemetry.split(cause);
                Ok(Step::Narrower)
            }
            Taken::Committed(window) => {
                self.exposure.log_overflow(&self.config.target.name, overflow, &counters);
                if let Some(window) = window {
                    self.exposure.window = Some(window.into());
                }
                Ok(Step::Advanced)
            }
        }
    }

    /// Continues after a range that was given up, at `to`.
    async fn pass_over(&mut self, pass: &mut Pass, to: Timestamp) -> Result<Step, ApiError> {
        let now = self.now();
        self.track(pass.report).pass_over(pass, to, now).await?;
        Ok(Step::Advanced)
    }

    /// Runs `work`, and meanwhile publishes held counts when they are due.
    pub(super) async fn while_showing<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        loop {
            let tracks = std::iter::once(&self.menus)
                .chain(self.outcomes.iter().map(|outcomes| &outcomes.track));
            let release = self.exposure.next_release(tracks);
            tokio::select! {
                output = &mut work => return output,
                () = sleep_until(release.unwrap_or_else(Instant::now)), if release.is_some() => self.publish().await,
            }
        }
    }

    /// Makes the counts visible that have been shown as 0 for long enough, and publishes.
    pub(super) async fn publish(&mut self) {
        if self.menus.state.day_read_to().is_some() {
            // The past is not scraped.
            return;
        }
        let now = self.now();
        self.exposure.release(&mut self.menus, now).await;
        if let Some(outcomes) = &mut self.outcomes {
            self.exposure.release(&mut outcomes.track, now).await;
        }
        let status = self.status();
        self.exposure.publish(&mut self.menus, self.outcomes.as_mut(), status);
    }

    /// Returns the status for the status page, without the last day and the deviations from the
    /// baseline, which take longer and are computed elsewhere.
    fn status(&self) -> TargetStatus {
        let config = &self.config;
        let totals = self.menus.state.totals();
        let health = &self.exposure.health;
        let now = self.now();
        let next = config.cadence.due_after(config.cadence.last_closed(now));
        let held =
            self.agenda.held_until().map(|until| until.saturating_duration_since(Instant::now()));
        let held = held.and_then(|wait| now.checked_add(wait).ok());
        let next_poll = held.map_or(next, |until| until.max(next));
        let reread_failure = self.agenda.failure(Errand::Reread);
        let zone = &config.target.timezone;
        TargetStatus {
            outcome: health.outcome(now),
            usual_lag: config.cadence.interval
                + config.cadence.settle_delay
                + config.cadence.jitter,
            watermark: (totals.watermark > totals.origin || health.is_up())
                .then(|| totals.watermark()),
            last_row: totals.last_row.and_then(|local| schedule::instant(local, zone)),
            quota: self.reader.quota(),
            deep_reads: rereads::under_way(totals, config)
                .map(|(tier, cursor)| DeepReadStatus {
                    tier,
                    depth: config.shared.poll.tiers().depth(tier),
                    progress: cursor.progress(),
                    failure: reread_failure,
                })
                .collect(),
            polls: health.polls(),
            unread: self.menus.unread.last(),
            wrong_zone: health.zone.wrong(),
            usual: UsualStatus {
                history: Duration::from_secs(
                    history_seconds(&self.menus.state, config).unsigned_abs(),
                ),
                warm_up: weeks_before::status(self),
                deviations: None,
            },
            ..TargetStatus::waiting(&config.target.name, zone.clone(), next_poll)
        }
    }

    /// Corrects an origin that a wrong clock has made. `begins` is true at the start of a process.
    pub(super) async fn settle_origin(&mut self, begins: bool) -> Result<(), StoreError> {
        let doubted =
            begins || matches!(self.exposure.health.fault, Some(ApiError::ClocksDisagree { .. }));
        let wanted =
            origin::to_settle(self.menus.state.totals(), &self.config, self.now(), doubted);
        if let Some(wanted) = wanted {
            self.menus.state.begin_at(&self.config, wanted).await?;
            if let Some(outcomes) = &mut self.outcomes {
                outcomes.begin_at(wanted).await?;
            }
            let origin = self.menus.state.totals().origin();
            info!(server = self.config.target.name, %origin, "counting from here");
        }
        Ok(())
    }

    /// After a restart within a window that is already committed, shows the result of the last
    /// poll.
    pub(super) async fn show_last_window(&mut self) -> Result<(), StoreError> {
        let end = self.config.cadence.last_closed(self.now());
        let totals = self.menus.state.totals();
        if totals.watermark > totals.origin && totals.watermark() >= end {
            let window = self.menus.window_before(end);
            let window = self.menus.state.window(window, &self.config.target.timezone).await?;
            self.exposure.window = Some(window.into());
            self.exposure.health.polled = true;
            self.exposure.score(&mut self.menus.state, &self.config).await;
        }
        Ok(())
    }

    /// Exposes the remaining seconds of re-readings, and the moments at which the last finished
    /// ones began.
    pub(super) fn show_rereads(&self) {
        let totals = self.menus.state.totals();
        for (tier, began) in [(Tier::Hourly, totals.hourly_at), (Tier::Nightly, totals.nightly_at)]
        {
            if self.config.shared.poll.tiers().depth(tier).is_zero() {
                continue;
            }
            let under_way =
                rereads::under_way(totals, &self.config).find(|(other, _)| *other == tier);
            let left = under_way.map_or(0, |(_, cursor)| cursor.end - cursor.next);
            self.exposure.telemetry.deep_read_state(tier, left, began);
        }
    }
}
