//! The reading of one report of a target: its committed state, what its answers have taught about
//! the server, and the series that are held at 0.
//!
//! Owns the ranges of its passes and the handling of answers. It never sends a request: answers
//! come in, and the result of a step goes out.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{
    PollerConfig,
    commit::Whole,
    committed_state::{CommittedState, Outcome},
    judge::{Accepted, Agreement, Context, Judge, Reading, Verdict},
    origin,
    reader::Answer,
    rereads::{Reread, Rereads},
    unread::{UnreadRows, rejected_counter},
    zero_hold::ZeroHold,
};
use crate::{
    ledger::{RowBatch, WindowCounts},
    model::LocalSecond,
    schedule::{self, TimeRange, local_second, quota::Purpose, unanswerable::NextRange},
    store::StoreError,
    telemetry::SplitCause,
    wolkvox::{ApiError, ReportName},
};

/// Number of known rows that the first poll of a process reads again, so that the report of another
/// operation is noticed at once.
const KNOWN_ROWS: usize = 12;

/// The reading of one report.
pub(super) struct Track {
    pub(super) report: ReportName,
    pub(super) config: Arc<PollerConfig>,
    pub(super) judge: Judge,
    pub(super) state: CommittedState,
    pub(super) unread: UnreadRows,
    pub(super) rereads: Rereads,
    pub(super) hold: ZeroHold,
}

/// A reading in progress: the ranges from `next` to `end`, each committed separately.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    pub(super) report: ReportName,
    pub(super) reading: Reading,
    pub(super) next: Timestamp,
    pub(super) end: Timestamp,
    pub(super) purpose: Purpose,
    /// The re-reading of which this is a step.
    pub(super) reread: Option<Reread>,
    /// Seconds given up so far.
    pub(super) given_up: u32,
}

/// A judged answer.
pub(super) struct Judged {
    pub(super) context: Context,
    pub(super) answer: Answer,
    pub(super) verdict: Verdict,
}

/// The result of the commit of an answer.
pub(super) enum Taken {
    /// The answer is committed, and completes this window.
    Committed(Option<WindowCounts>),
    /// The answer contradicts the known rows; the next request is narrower.
    Narrower(SplitCause),
}

impl Pass {
    /// Makes a pass over what has not been read.
    pub(super) fn live(
        report: ReportName,
        next: Timestamp,
        end: Timestamp,
        purpose: Purpose,
    ) -> Self {
        Self { report, reading: Reading::Live, next, end, purpose, reread: None, given_up: 0 }
    }

    /// Makes a step of a re-reading, from its current position.
    pub(super) fn again(report: ReportName, reread: Reread) -> Self {
        Self {
            report,
            reading: Reading::Reread,
            next: Timestamp::from_second(reread.cursor.next).unwrap_or_default(),
            end: Timestamp::from_second(reread.cursor.end).unwrap_or_default(),
            purpose: Purpose::Background,
            reread: Some(reread),
            given_up: 0,
        }
    }

    /// Returns true for the pass of a live poll. The newest windows of the second report are read
    /// by an errand.
    pub(super) fn is_live_poll(&self) -> bool {
        self.reading == Reading::Live && self.report == ReportName::Diagram13
    }

    pub(super) fn is_over(&self) -> bool {
        self.next >= self.end
    }
}

impl Track {
    /// Makes the reading of a report. `schedule` is the name from which the offset of its
    /// re-readings is computed.
    pub(super) async fn new(
        report: ReportName,
        config: Arc<PollerConfig>,
        mut state: CommittedState,
        schedule: &str,
    ) -> Result<Self, StoreError> {
        let unanswerable = state.unanswerable().await?;
        Ok(Self {
            report,
            judge: Judge::new(config.row_cap, unanswerable),
            unread: UnreadRows::default(),
            rereads: Rereads::new(schedule, Instant::now()),
            hold: ZeroHold::new(config.shared.menu.zero_hold),
            state,
            config,
        })
    }

    /// Returns the pass of a live poll. Up to two missed windows still count as a live poll,
    /// including the halving of a burst in them; a longer gap is catching up.
    pub(super) async fn live_pass(
        &mut self,
        end: Timestamp,
        is_first: bool,
    ) -> Result<Pass, StoreError> {
        let totals = self.state.totals();
        let watermark = totals.watermark();
        let origin = totals.origin();
        let poll = &self.config.shared.poll;
        let gap = end.duration_since(watermark).unsigned_abs();
        let depth = poll.lookback.max(poll.tiers().depth_after(gap));
        let rereads_hourly = !poll.hourly_lookback.is_zero();
        let mut from = watermark.checked_sub(depth).unwrap_or(Timestamp::MIN);
        if is_first {
            from = from.min(self.known_rows_from(watermark).await?);
        }
        if rereads_hourly {
            from = self.judge.unanswerable().lookback_from(from, watermark);
        }
        let is_behind = gap > self.config.cadence.interval * 3;
        let purpose = if is_behind { Purpose::CatchUp } else { Purpose::Live };
        Ok(Pass::live(self.report, from.max(origin).min(end), end, purpose))
    }

    /// Returns the moment from which enough rows are known to tell this operation's report from
    /// another's.
    async fn known_rows_from(&mut self, watermark: Timestamp) -> Result<Timestamp, StoreError> {
        let before = local_second(watermark, &self.config.target.timezone);
        let date = self.state.read(move |view, id| view.row_before(id, before, KNOWN_ROWS)).await?;
        let moment = date.and_then(|date| schedule::instant(date, &self.config.target.timezone));
        Ok(moment
            .and_then(|moment| moment.checked_sub(SignedDuration::from_secs(2)).ok())
            .unwrap_or(watermark))
    }

    /// Returns the re-reading to continue or to begin.
    pub(super) fn next_reread(&self, clock: Timestamp) -> Option<Reread> {
        self.rereads.next(self.state.totals(), &self.config, clock, Instant::now())
    }

    /// Begins a step of a re-reading.
    pub(super) fn begin_reread(&mut self, reread: Reread) -> Pass {
        self.rereads.begin(&reread, Instant::now());
        self.judge.begin(Reading::Reread);
        Pass::again(self.report, reread)
    }

    /// Returns the window that ends at `end`. It begins at the previous line of the grid, or at the
    /// origin if that is later.
    pub(super) fn window_before(&self, end: Timestamp) -> TimeRange {
        let start = end.checked_sub(self.config.cadence.interval).unwrap_or(Timestamp::MIN);
        TimeRange { from: start.max(self.state.totals().origin()).min(end), to: end }
    }

    /// Returns the next request of a pass.
    pub(super) fn next_range(&mut self, pass: &Pass, clock: Timestamp) -> NextRange {
        self.judge.next(pass.reading, pass.next, pass.end, Instant::now(), clock)
    }

    /// Judges the answer to a request that was sent at `asked`.
    pub(super) fn judge(
        &mut self,
        pass: &Pass,
        range: TimeRange,
        asked: Instant,
        answered: Result<Answer, ApiError>,
        clock: Timestamp,
    ) -> Judged {
        let read_to = self.state.day_read_to().unwrap_or(self.state.totals().watermark());
        let context =
            Context { reading: pass.reading, range, read_to, asked, now: Instant::now(), clock };
        let mut answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                let batch = RowBatch::new(self.config.rules.clone());
                let verdict = self.judge.failed(&context, error);
                return Judged { context, answer: Answer { batch, ..Answer::default() }, verdict };
            }
        };
        let server = &self.config.target.name;
        self.unread.saw(server, self.report, &answer.batch);
        let believed = !self.judge.disbelieves_number();
        let verdict = self.judge.answered(&context, &mut answer);
        if pass.reading == Reading::Live && matches!(verdict, Verdict::Accept(_)) {
            self.unread.accepted(&answer.batch);
        }
        if believed && self.judge.disbelieves_number() {
            warn!(
                server,
                report = self.report.as_str(),
                "the server announces more rows than it sends, also for single seconds: until an answer is whole \
                 again its number is not believed, and what comes is counted as all there is"
            );
        }
        Judged { context, answer, verdict }
    }

    /// Returns the range in which to look for rows elsewhere after a single second of a pass
    /// failed, and true if rows are known in it. The range is at the newest known row before that
    /// second, or else the oldest after it, or else the hour after it.
    pub(super) async fn elsewhere(
        &mut self,
        failed: TimeRange,
        pass: &Pass,
    ) -> Result<(TimeRange, bool), StoreError> {
        let zone = &self.config.target.timezone;
        let before = local_second(self.judge.unanswerable().clear_before(failed), zone) - 1;
        let behind = local_second(failed.to, zone);
        let known = self.state.read(move |view, id| match view.row_before(id, before, 0)? {
            Some(date) => Ok(Some(date)),
            None => view.row_after(id, behind),
        });
        let known = known.await?;
        let Some(at) = known.and_then(|date| schedule::instant(date, &self.config.target.timezone))
        else {
            let behind =
                TimeRange { from: after(failed.to, 1), to: after(failed.to, 3601).min(pass.end) };
            return Ok((behind, false));
        };
        let range = TimeRange { from: at, to: after(at, 1) };
        // The second after it may be unanswerable too.
        match self.judge.unanswerable().is_given_up(range) {
            true => Ok((TimeRange { from: after(at, -1), to: at }, true)),
            false => Ok((range, true)),
        }
    }

    /// Commits an answer that counts, unless it contradicts the known rows.
    pub(super) async fn take(
        &mut self,
        pass: &mut Pass,
        context: Context,
        mut answer: Answer,
        accepted: Accepted,
        server_time: Option<Timestamp>,
        clock: Timestamp,
    ) -> Result<Taken, ApiError> {
        let range = context.range;
        origin::check_clocks(self.state.totals(), &self.config, clock, server_time)?;
        let (from, to) = range.local(&self.config.target.timezone);
        if accepted.only_inside {
            answer.batch.keep_between(LocalSecond::from(from) - 1, LocalSecond::from(to) + 1);
        }
        self.log_accepted(range, &answer, &accepted);
        // A second that is given up does not claim to be complete, so it is not compared with the
        // known rows.
        if accepted.check.is_some() && self.judge.range_answered(range) {
            info!(server = self.config.target.name, %from, %to, "what was passed over is answered now");
        }
        let known_before = self.state.totals().watermark();
        let whole = self.whole(pass, range, answer.batch, server_time, &accepted, clock);
        let Outcome { agreement, evidence, window } = self.commit(whole).await?;
        // The rows are released, so other large answers may be read.
        drop(answer.admission);
        match agreement {
            Agreement::Contradicts => {
                return self
                    .judge
                    .contradicted(&context, evidence, known_before)
                    .map(Taken::Narrower);
            }
            Agreement::GivesWay => self.log_rebased(range, evidence.known),
            Agreement::Agrees => {}
        }
        self.judge.committed(&context, &accepted, evidence, agreement);
        pass.next = range.to;
        if let Some(reread) = &mut pass.reread {
            reread.skipped = 0;
        }
        Ok(Taken::Committed(window))
    }

    /// Continues after a range that was given up, at `to`. A re-reading commits its progress.
    pub(super) async fn pass_over(
        &mut self,
        pass: &mut Pass,
        to: Timestamp,
        clock: Timestamp,
    ) -> Result<(), StoreError> {
        let range = TimeRange { from: pass.next, to };
        if pass.reread.is_some() {
            let nothing = RowBatch::new(self.config.rules.clone());
            let whole = self.whole(pass, range, nothing, None, &Accepted::default(), clock);
            self.commit(whole).await?;
        }
        pass.next = to;
        Ok(())
    }

    /// Returns an answer in the form that the state commits.
    fn whole(
        &mut self,
        pass: &Pass,
        range: TimeRange,
        batch: RowBatch,
        server_time: Option<Timestamp>,
        accepted: &Accepted,
        now: Timestamp,
    ) -> Whole {
        // A late re-reading reaches as far back as one in time, so regions are kept for as long as
        // rows are remembered.
        let oldest = self.state.totals().watermark().checked_sub(self.config.memory());
        let skipped = pass.reread.is_some_and(|reread| reread.skipped > 0);
        Whole {
            batch,
            range,
            now,
            server_time,
            lost: accepted.lost + u64::from(skipped),
            reread: pass.reread.map(|reread| (reread.tier, reread.cursor)),
            window: pass.is_live_poll().then(|| self.window_before(pass.end)),
            check: accepted.check,
            unanswerable: self.judge.changed_unanswerable(oldest.unwrap_or(Timestamp::MIN)),
        }
    }

    async fn commit(&mut self, whole: Whole) -> Result<Outcome, StoreError> {
        let outcome = self.state.commit(&self.config, whole).await?;
        if outcome.agreement != Agreement::Contradicts {
            self.judge.kept_unanswerable();
        }
        Ok(outcome)
    }

    /// Logs that a second is given up; `batch` has the rows that were received of it.
    pub(super) fn log_given_up(
        &self,
        range: TimeRange,
        batch: &RowBatch,
        error: &ApiError,
        clock: Timestamp,
    ) {
        let zone = &self.config.target.timezone;
        let (from, to) = range.local(zone);
        let will_reach = self.config.shared.poll.tiers().will_reach(range.from, clock, zone);
        let again = match will_reach {
            true => "the re-readings ask for it again",
            false => "it is too old to be asked for again",
        };
        error!(
            server = self.config.target.name,
            report = self.report.as_str(),
            %from, %to,
            class = error.class().as_str(),
            rows = batch.rows(),
            "the server cannot answer for this second, and does for others: what came of it is counted, it is passed \
             over, and {again}: {error}"
        );
    }

    fn log_accepted(&mut self, range: TimeRange, answer: &Answer, accepted: &Accepted) {
        let (from, to) = range.local(&self.config.target.timezone);
        let server = &self.config.target.name;
        let report = self.report.as_str();
        if accepted.only_inside && self.judge.may_log(Instant::now()) {
            warn!(
                server,
                report,
                outside = answer.outside,
                "the server does not keep to the times that it is asked for: it is not asked in halves, and of what it \
                 sends the rows within those times are counted"
            );
        }
        if accepted.lost > 0 && answer.received >= self.config.row_cap {
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
                 {} counts these",
                rejected_counter(self.report)
            );
        }
    }

    fn log_rebased(&self, range: TimeRange, known: u64) {
        let (from, to) = range.local(&self.config.target.timezone);
        error!(
            server = self.config.target.name,
            report = self.report.as_str(),
            %from, %to, known,
            "for more than an hour the server's answers have lacked most of the rows that it sent before for the same times: \
             counting goes on from here with what comes now, nothing is counted twice, and what had been counted stays"
        );
    }
}

/// Returns `moment` plus some seconds, or `moment` itself if that is out of range.
fn after(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(moment)
}
