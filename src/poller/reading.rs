//! One step of a reading: the reader asks, the judge decides, the state takes what counts.
//!
//! All readings of both reports take this way: live polls, re-readings, the weeks before (`weeks_before`), days of the past
//! (`replay`) and what became of calls (`outcomes`).
//! When to ask again after a failure is the agenda's to say.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, error, info, warn};

use super::{
    Poller, Source, Track,
    agenda::{Errand, HOURLY, HoldWaits, Passage},
    commit::Whole,
    committed_state::Outcome,
    judge::{Accepted, Agreement, Context, Elsewhere, Reading, Verdict},
    origin,
    reader::Answer,
    rereads::Reread,
    retry::{self, RetryContext, RetryDecision},
};
use crate::{
    ledger::RowBatch,
    model::{LocalSecond, NameKind},
    schedule::{
        self, TimeRange,
        backoff::Backoff,
        local_second,
        quota::{self, Purpose},
        unanswerable::NextRange,
    },
    wolkvox::{ApiError, ReportName},
};

/// Wait before the second try of a request within a poll; doubled after each further failure.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// Longest wait between two tries within a poll.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Seconds that one poll may give up: each costs some twenty requests to be found.
const MAX_GIVEN_UP: u32 = 100;
/// Known rows that the first poll of a process reaches back to, so that another operation's report is noticed at once.
const KNOWN_ROWS: usize = 12;

/// A reading under way: from `next` to `end`, range by range, each committed by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) report: ReportName,
    pub(super) reading: Reading,
    pub(super) next: Timestamp,
    pub(super) end: Timestamp,
    pub(super) purpose: Purpose,
    /// The re-reading that it is a step of.
    pub(super) reread: Option<Reread>,
    /// Seconds given up so far.
    pub(super) given_up: u32,
}

/// The end of a step.
#[derive(Debug)]
pub(super) enum Step {
    /// The pass has come further.
    Advanced,
    /// The next step asks for less.
    Narrower,
    /// One second fails by itself: nothing to be done about it in this poll.
    Stuck(ApiError),
}

/// A judged answer.
pub(super) struct Judged {
    pub(super) context: Context,
    pub(super) answer: Answer,
    pub(super) verdict: Verdict,
}

impl Pass {
    /// A step of a re-reading, from where it has come to.
    pub(super) fn again(report: ReportName, reread: Reread) -> Self {
        let moment = |second| Timestamp::from_second(second).unwrap_or_default();
        Self {
            report,
            reading: Reading::Reread,
            next: moment(reread.cursor.next),
            end: moment(reread.cursor.end),
            purpose: Purpose::Background,
            reread: Some(reread),
            given_up: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.next >= self.end
    }
}

impl<S: Source> Poller<S> {
    /// Reads everything from the lookback to `end`.
    pub(super) async fn read_live(&mut self, end: Timestamp) -> Result<(), ApiError> {
        self.pass_hold().await?;
        self.state.restore_if_stale(&self.config).await?;
        let is_first = !self.agenda.has_polled();
        let mut pass = self.live_pass(ReportName::Diagram13, end, is_first).await?;
        self.judge.begin(Reading::Live);
        self.read_pass(&mut pass).await?;
        self.judge.end(Reading::Live);
        Ok(())
    }

    /// The range of a live poll: two windows missed are still a live poll, and so is the splitting of a burst in them.
    pub(super) async fn live_pass(
        &mut self,
        report: ReportName,
        end: Timestamp,
        is_first: bool,
    ) -> Result<Pass, ApiError> {
        let totals = self.track(report).state.totals();
        let watermark = totals.watermark();
        let origin = totals.origin();
        let gap = end.duration_since(watermark).unsigned_abs();
        let depth = self.config.lookback.max(self.config.tiers.depth_after(gap));
        let mut from = watermark.checked_sub(depth).unwrap_or(Timestamp::MIN);
        if is_first {
            from = from.min(self.known_rows_from(report, watermark).await?);
        }
        if !self.config.tiers.hourly.is_zero() {
            from = self.track(report).judge.unanswerable().lookback_from(from, watermark);
        }
        let is_behind = gap > self.config.cadence.interval * 3;
        let purpose = if is_behind { Purpose::CatchUp } else { Purpose::Live };
        let next = from.max(origin).min(end);
        Ok(Pass { report, reading: Reading::Live, next, end, purpose, reread: None, given_up: 0 })
    }

    /// The moment from which on enough rows are known to tell this operation's report from another's.
    async fn known_rows_from(
        &mut self,
        report: ReportName,
        watermark: Timestamp,
    ) -> Result<Timestamp, ApiError> {
        let before = local_second(watermark, &self.config.zone);
        let state = self.track(report).state;
        let date = state.read(move |view, id| view.row_before(id, before, KNOWN_ROWS)).await?;
        let moment = date.and_then(|date| schedule::instant(date, &self.config.zone));
        Ok(moment
            .and_then(|moment| moment.checked_sub(SignedDuration::from_secs(2)).ok())
            .unwrap_or(watermark))
    }

    /// Range by range, oldest first, with the tries that a poll has.
    pub(super) async fn read_pass(&mut self, pass: &mut Pass) -> Result<(), ApiError> {
        let mut retry = Backoff::new(FIRST_RETRY, LONGEST_RETRY);
        let purpose = pass.purpose;
        // Every poll may send one request, so that even with nothing but the reserve left it goes forward. The past has time.
        if self.state.day_read_to().is_none() {
            pass.purpose = Purpose::Live;
        }
        loop {
            let step = self.step(pass).await;
            pass.purpose = purpose;
            match step {
                Ok(Step::Advanced) if pass.is_over() => return Ok(()),
                Ok(Step::Advanced) => {
                    retry.succeeded();
                    // What is caught up with is seen as it comes; the last of it with the poll.
                    self.publish().await;
                }
                Ok(Step::Narrower) => {}
                Ok(Step::Stuck(error)) => return Err(error),
                Err(error) => self.react(error, &mut retry).await?,
            }
        }
    }

    /// Waits before the next try of a request, or ends the poll.
    async fn react(&mut self, error: ApiError, retry: &mut Backoff) -> Result<(), ApiError> {
        let now = Instant::now();
        let context = RetryContext {
            now: (self.clock)(),
            zone: &self.config.zone,
            interval: self.config.cadence.interval,
            failures: retry.failures() + 1,
            failed_polls: self.agenda.failed_polls(),
        };
        match retry::decide(&error, context) {
            RetryDecision::Retry(named) => {
                let jitter = self.agenda.jitter();
                let wait = retry.failed(now, jitter, named);
                info!(
                    server = self.config.name,
                    class = error.class().as_str(),
                    wait_seconds = wait.as_secs_f64(),
                    "request failed, trying again: {error}"
                );
                self.while_showing(sleep(wait)).await;
                Ok(())
            }
            RetryDecision::NextPoll => Err(error),
            RetryDecision::Hold(waits) => {
                self.hold(error.clone(), waits);
                Err(error)
            }
        }
    }

    fn hold(&mut self, error: ApiError, waits: HoldWaits) {
        let token = self.reader.source().credentials();
        let wait = self.agenda.hold(error, waits, token, Instant::now());
        info!(
            server = self.config.name,
            seconds = wait.as_secs(),
            "no live poll asks anything for this time"
        );
    }

    /// Checks that a poll may send requests; fails if live polls are held.
    pub(super) async fn pass_hold(&mut self) -> Result<(), ApiError> {
        match self.agenda.pass(self.reader.source().credentials(), Instant::now()) {
            Passage::Held(error) => Err(error),
            Passage::Probe(ApiError::QuotaExhausted) => {
                self.reader.probe();
                // Before the rows, whose request may fail for another reason.
                self.ask_quota().await;
                Ok(())
            }
            Passage::NewToken => {
                info!(server = self.config.name, "the token has changed: trying again");
                Ok(())
            }
            Passage::Free | Passage::Probe(_) => Ok(()),
        }
    }

    /// One request of a pass, and more where another must be known to judge it, and its commit.
    pub(super) async fn step(&mut self, pass: &mut Pass) -> Result<Step, ApiError> {
        let clock = (self.clock)();
        let judge = self.track(pass.report).judge;
        let next = judge.next(pass.reading, pass.next, pass.end, Instant::now(), clock);
        let range = match next {
            NextRange::Ask(range) => range,
            NextRange::Skip(to) => return self.pass_over(pass, to).await,
        };
        let judged = self.ask_and_judge(range, pass).await?;
        let Judged { context, answer, verdict } = judged;
        match verdict {
            Verdict::Accept(accepted) => self.accept(pass, &context, answer, accepted).await,
            Verdict::GiveUp { error, .. } if pass.given_up >= MAX_GIVEN_UP => Ok(Step::Stuck(error)),
            Verdict::GiveUp { lost, error } => {
                pass.given_up += 1;
                self.log_given_up(pass.report, range, &answer.batch, &error);
                let accepted = Accepted { lost, ..Accepted::default() };
                self.accept(pass, &context, answer, accepted).await
            }
            Verdict::PassOver => self.pass_over(pass, range.to).await,
            Verdict::Narrow(cause) => {
                self.exposure.telemetry.split(cause);
                Ok(Step::Narrower)
            }
            Verdict::Confirm => {
                let (from, to) = range.local(&self.config.zone);
                info!(
                    server = self.config.name, report = pass.report.as_str(), %from, %to,
                    "the server says that nothing happened in hours that were never read: asking again in halves"
                );
                Ok(Step::Narrower)
            }
            Verdict::Stuck(error) => Ok(Step::Stuck(error)),
            Verdict::FailAndNarrow(cause, error) => {
                self.exposure.telemetry.split(cause);
                Err(error)
            }
            Verdict::Fail(error) | Verdict::AskIsUp { error, .. } | Verdict::AskForRows(error) => Err(error),
        }
    }

    /// Asks for a range, and judges the answer. Whatever else has to be known for it is asked, too.
    pub(super) async fn ask_and_judge(&mut self, range: TimeRange, pass: &Pass) -> Result<Judged, ApiError> {
        let Pass { report, reading, .. } = *pass;
        let sent = Instant::now();
        let answered = self.ask(report, range, pass.purpose).await;
        let state = self.track(report).state;
        let read_to = state.day_read_to().unwrap_or(state.totals().watermark());
        let mut context =
            Context { reading, range, read_to, asked: sent, now: Instant::now(), clock: (self.clock)() };
        let no_rows = || Answer { batch: RowBatch::new(self.config.rules.clone()), ..Answer::default() };
        let (mut answer, mut verdict) = match answered {
            Ok(mut answer) => {
                if reading == Reading::Live && report == ReportName::Diagram13 {
                    self.exposure.saw_dates(&self.config.name, &answer.shifts);
                }
                let Track { config, judge, unread, .. } = self.track(report);
                unread.saw(&config.name, &answer.batch);
                let believed = !judge.disbelieves_number();
                let verdict = judge.answered(&context, &mut answer);
                if believed && judge.disbelieves_number() {
                    warn!(
                        server = config.name,
                        report = report.as_str(),
                        "the server announces more rows than it sends, also for single seconds: until an answer is whole \
                         again its number is not believed, and what comes is counted as all there is"
                    );
                }
                (answer, verdict)
            }
            Err(error) => (no_rows(), self.track(report).judge.failed(&context, error)),
        };
        loop {
            verdict = match verdict {
                Verdict::AskIsUp { range: small, error } => {
                    // Whoever holds a place must not wait for another.
                    answer.admission.release();
                    let up = self.ask(report, small, pass.purpose).await.is_ok();
                    context.now = Instant::now();
                    self.track(report).judge.is_up(&context, up, error)
                }
                Verdict::AskForRows(error) => {
                    answer.admission.release();
                    let elsewhere = self.rows_elsewhere(range, pass).await?;
                    context.now = Instant::now();
                    self.track(report).judge.rows_elsewhere(&context, elsewhere, error)
                }
                verdict => return Ok(Judged { context, answer, verdict }),
            };
        }
    }

    /// Sends one request for rows, which is counted before and measured after.
    pub(super) async fn ask(
        &mut self,
        report: ReportName,
        range: TimeRange,
        purpose: Purpose,
    ) -> Result<Answer, ApiError> {
        self.ask_within(report, range, purpose, Duration::MAX).await
    }

    /// Asks like [`Poller::ask`], and gives up after `longest`.
    pub(super) async fn ask_within(
        &mut self,
        report: ReportName,
        range: TimeRange,
        purpose: Purpose,
        longest: Duration,
    ) -> Result<Answer, ApiError> {
        self.reader.spend(purpose, &mut self.state).await?;
        let request = timeout(longest, self.reader.request(report, range));
        let started = Instant::now();
        let answer = self.while_showing(request).await.unwrap_or(Err(ApiError::Timeout(longest)));
        let error = match &answer {
            Ok(answer) => answer.short.as_ref().or(answer.unreadable.as_ref()),
            Err(error) => Some(error),
        };
        self.reader.sent(started, error, &mut self.state).await;
        answer
    }

    /// Finds out if the server can send rows elsewhere: the newest known one before, or else any of
    /// the hour behind. An empty answer proves nothing where rows are known, because a server may
    /// fail at every row.
    async fn rows_elsewhere(&mut self, range: TimeRange, pass: &Pass) -> Result<Elsewhere, ApiError> {
        let zone = self.config.zone.clone();
        let Track { judge, state, .. } = self.track(pass.report);
        let start = judge.unanswerable().clear_before(range);
        let before = local_second(start, &zone) - 1;
        let known = state.read(move |view, id| view.row_before(id, before, 0)).await?;
        let known = known.and_then(|date| schedule::instant(date, &zone));
        let after = |moment: Timestamp, seconds| {
            moment.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(moment)
        };
        let elsewhere = match known {
            Some(at) => {
                let range = TimeRange { from: at, to: after(at, 1) };
                // The second after it may be one that cannot be answered for either.
                match self.track(pass.report).judge.unanswerable().is_given_up(range) {
                    true => TimeRange { from: after(at, -1), to: at },
                    false => range,
                }
            }
            None => TimeRange { from: after(range.to, 1), to: after(range.to, 3601).min(pass.end) },
        };
        let answered = match elsewhere.from < elsewhere.to {
            true => self.ask(pass.report, elsewhere, pass.purpose).await.ok(),
            false => None,
        };
        Ok(match (answered, known) {
            (Some(answer), Some(_)) if answer.batch.rows() == 0 => Elsewhere::Fails,
            (Some(_), _) => Elsewhere::Answers,
            (None, Some(_)) => Elsewhere::Fails,
            (None, None) => Elsewhere::NothingKnown,
        })
    }

    /// Commits an answer that counts, unless it contradicts the known rows.
    async fn accept(
        &mut self,
        pass: &mut Pass,
        context: &Context,
        mut answer: Answer,
        accepted: Accepted,
    ) -> Result<Step, ApiError> {
        let range = context.range;
        let server_time = self.reader.observe_clock(answer.server_time, answer.sent);
        let now = (self.clock)();
        let Track { config, state, .. } = self.track(pass.report);
        origin::check_clocks(state.totals(), config, now, server_time)?;
        if accepted.only_inside {
            let (first, last) = range.local(&self.config.zone);
            answer.batch.keep_between(LocalSecond::from(first) - 1, LocalSecond::from(last) + 1);
        }
        self.log_accepted(pass.report, range, &answer, &accepted);
        let Track { config, judge, state, .. } = self.track(pass.report);
        if accepted.lost == 0 && judge.range_answered(range) {
            let (from, to) = range.local(&config.zone);
            info!(server = config.name, %from, %to, "what was passed over is answered now");
        }
        let overflow = state.totals().overflow;
        let known_before = state.totals().watermark();
        let whole = self.whole(pass, range, answer.batch, server_time, &accepted);
        let outcome = self.commit(pass.report, whole).await?;
        // The rows are gone, and what comes now may ask again.
        drop(answer.admission);
        if outcome.agreement == Agreement::Contradicts {
            let judge = self.track(pass.report).judge;
            return match judge.contradicted(context, outcome.evidence, known_before) {
                Verdict::Narrow(cause) => {
                    self.exposure.telemetry.split(cause);
                    Ok(Step::Narrower)
                }
                Verdict::Fail(error) => Err(error),
                _ => Ok(Step::Narrower),
            };
        }
        let counters = self.track(pass.report).state.counters().clone();
        self.exposure.log_overflow(&self.config.name, overflow, &counters);
        if let Some(window) = outcome.window {
            self.exposure.window = Some(window.into());
        }
        if outcome.agreement == Agreement::GivesWay {
            self.log_rebased(pass.report, range, outcome.evidence.known);
        }
        let judge = self.track(pass.report).judge;
        judge.committed(context, &accepted, outcome.evidence, outcome.agreement);
        pass.next = range.to;
        if let Some(reread) = &mut pass.reread {
            reread.skipped = 0;
        }
        Ok(Step::Advanced)
    }

    /// An answer as the state takes it.
    fn whole(
        &mut self,
        pass: &Pass,
        range: TimeRange,
        batch: RowBatch,
        server_time: Option<Timestamp>,
        accepted: &Accepted,
    ) -> Whole {
        let window = self.window_before(pass.end);
        let now = (self.clock)();
        let Track { config, judge, state, .. } = self.track(pass.report);
        let deepest = state.totals().watermark().checked_sub(config.deepest());
        let skipped = pass.reread.is_some_and(|reread| reread.skipped > 0);
        let shows_window = pass.reading == Reading::Live && pass.report == ReportName::Diagram13;
        Whole {
            batch,
            range,
            now,
            server_time,
            lost: accepted.lost + u64::from(skipped),
            reread: pass.reread.map(|reread| (reread.tier, reread.cursor)),
            window: shows_window.then_some(window),
            check: accepted.check,
            unanswerable: judge.changed_unanswerable(deepest.unwrap_or(Timestamp::MIN)),
        }
    }

    async fn commit(&mut self, report: ReportName, whole: Whole) -> Result<Outcome, ApiError> {
        let Track { config, judge, state, .. } = self.track(report);
        let outcome = state.commit(config, whole).await?;
        if outcome.agreement != Agreement::Contradicts {
            judge.kept_unanswerable();
        }
        Ok(outcome)
    }

    /// Goes on behind what was given up. A re-reading's progress is committed with it.
    async fn pass_over(&mut self, pass: &mut Pass, to: Timestamp) -> Result<Step, ApiError> {
        let range = TimeRange { from: pass.next, to };
        if pass.reread.is_some() {
            let nothing = RowBatch::new(self.config.rules.clone());
            let whole = self.whole(pass, range, nothing, None, &Accepted { lost: 0, ..Accepted::default() });
            self.commit(pass.report, whole).await?;
        }
        pass.next = to;
        Ok(Step::Advanced)
    }

    /// The re-reading to go on with, or to begin.
    pub(super) fn next_reread(&self) -> Option<Reread> {
        let now = Instant::now();
        self.agenda.rereads().next(self.state.totals(), &self.config, (self.clock)(), now)
    }

    /// One step of a re-reading.
    pub(super) async fn read_again(&mut self) {
        let Some(reread) = self.next_reread() else { return };
        let started = Instant::now();
        self.agenda.begin_reread(&reread, started);
        if reread.skipped > 0 {
            warn!(
                server = self.config.name,
                tier = reread.tier.as_str(),
                seconds = reread.skipped,
                "reading again took so long that the rows of this time are no longer remembered: late rows in it are not found"
            );
        }
        let mut pass = Pass::again(ReportName::Diagram13, reread);
        self.judge.begin(Reading::Reread);
        let step = self.step(&mut pass).await;
        let now = Instant::now();
        let took = now.duration_since(started);
        match step {
            Ok(Step::Narrower) => self.agenda.went_on(Errand::Reread, took, Duration::ZERO, now),
            Ok(Step::Advanced) => {
                self.agenda.went_on(Errand::Reread, took, Duration::ZERO, now);
                if pass.is_over() {
                    self.judge.end(Reading::Reread);
                    self.exposure.telemetry.deep_read(reread.tier);
                    debug!(server = self.config.name, tier = reread.tier.as_str(), "read again");
                }
                self.publish().await;
            }
            Ok(Step::Stuck(error)) | Err(error) => {
                self.agenda.failed(Errand::Reread, took, &error, now);
                self.exposure.telemetry.deep_read_failed(reread.tier, error.class());
                warn!(
                    server = self.config.name,
                    class = error.class().as_str(),
                    tier = reread.tier.as_str(),
                    "reading again for late rows failed, going on later: {error}"
                );
            }
        }
        self.show_rereads();
    }

    /// Asks the vendor for the limit of requests. Its failure changes nothing but that the limit stays unknown.
    pub(super) async fn ask_quota(&mut self) {
        if !self.reader.asks_quota() {
            return;
        }
        let started = Instant::now();
        if let Err(error) = self.reader.spend(Purpose::CatchUp, &mut self.state).await {
            self.agenda.failed(Errand::Quota, Duration::ZERO, &error, started);
            return;
        }
        let request = self.reader.token_info();
        let answer = self.while_showing(request).await;
        self.reader.sent(started, answer.as_ref().err(), &mut self.state).await;
        let now = Instant::now();
        match answer {
            Ok(info) => {
                self.reader.learn_quota(info, &mut self.state).await;
                self.agenda.went_on(Errand::Quota, now.duration_since(started), HOURLY, now);
            }
            Err(error) => {
                debug!(server = self.config.name, "the quota stays unknown: {error}");
                self.agenda.failed(Errand::Quota, now.duration_since(started), &error, now);
            }
        }
    }

    /// Asks for the names of one kind. A failure leaves the names as they were.
    pub(super) async fn ask_names(&mut self, kind: NameKind) {
        let today = quota::day((self.clock)(), &self.config.zone);
        let started = Instant::now();
        if let Err(error) = self.reader.spend(Purpose::Background, &mut self.state).await {
            self.agenda.failed(Errand::Names(kind), Duration::ZERO, &error, started);
            return;
        }
        let request = self.reader.names(kind);
        let answer = self.while_showing(request).await;
        if !matches!(answer, Ok(None)) {
            self.reader.sent(started, answer.as_ref().err(), &mut self.state).await;
        }
        let now = Instant::now();
        match answer {
            Ok(names) => {
                self.agenda.went_on(Errand::Names(kind), now.duration_since(started), Duration::ZERO, now);
                self.exposure.names.answered(kind, today);
                self.take_names(kind, names.unwrap_or_default()).await;
            }
            Err(error) => {
                self.agenda.failed(Errand::Names(kind), now.duration_since(started), &error, now);
                info!(
                    server = self.config.name,
                    class = error.class().as_str(),
                    "no names of {} came, trying again later: {error}",
                    kind.as_str()
                );
            }
        }
    }

    async fn take_names(&mut self, kind: NameKind, answer: std::collections::BTreeMap<String, String>) {
        let server = &self.config.name;
        debug!(server, names = answer.len(), "names of {} came", kind.as_str());
        if !self.exposure.names.learn(kind, answer, &self.config.names, &self.config.rules) {
            return;
        }
        let list = self.exposure.names.vendor(kind).clone();
        if let Err(error) = self.state.with_store(move |store, id| store.keep_names(id, kind, &list)).await {
            // They are in memory, and will be asked for again tomorrow.
            info!(server, "names could not be stored: {error}");
        }
        self.publish().await;
    }

    fn log_given_up(&self, report: ReportName, range: TimeRange, batch: &RowBatch, error: &ApiError) {
        let (from, to) = range.local(&self.config.zone);
        let will_reach = self.config.tiers.will_reach(range.from, (self.clock)(), &self.config.zone);
        let again = match will_reach {
            true => "the re-readings ask for it again",
            false => "it is too old to be asked for again",
        };
        error!(
            server = self.config.name,
            report = report.as_str(),
            %from, %to,
            class = error.class().as_str(),
            rows = batch.rows(),
            "the server cannot answer for this second, and does for others: what came of it is counted, it is passed \
             over, and {again}: {error}"
        );
    }

    fn log_accepted(&mut self, report: ReportName, range: TimeRange, answer: &Answer, accepted: &Accepted) {
        let row_cap = self.config.row_cap;
        let (from, to) = range.local(&self.config.zone);
        let Track { config, judge, .. } = self.track(report);
        let server = &config.name;
        let report = report.as_str();
        if accepted.only_inside && judge.may_log(Instant::now()) {
            warn!(
                server,
                report,
                outside = answer.outside,
                "the server does not keep to the times that it is asked for: it is not asked in halves, and of what it \
                 sends the rows within those times are counted"
            );
        }
        if accepted.lost > 0 && answer.received >= row_cap {
            error!(
                server,
                report,
                %from, rows = answer.received,
                "one second has more rows than an answer holds: what came is counted, the rest is lost"
            );
        } else if accepted.lost > 0 && answer.batch.unread() > 0 {
            error!(
                server,
                report,
                %from, %to, unread = answer.batch.unread(), rows = answer.batch.rows(),
                "for more than an hour a large share of the rows cannot be read: the others are counted, and \
                 wolkvox_rows_rejected_total counts these"
            );
        }
    }

    fn log_rebased(&self, report: ReportName, range: TimeRange, known: u64) {
        let (from, to) = range.local(&self.config.zone);
        error!(
            server = self.config.name,
            report = report.as_str(),
            %from, %to, known,
            "for more than an hour the server's answers have lacked most of the rows that it sent before for the same times: \
             counting goes on from here with what comes now, nothing is counted twice, and what had been counted stays"
        );
    }
}
