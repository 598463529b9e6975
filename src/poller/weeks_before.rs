//! Reads the weeks before counting began, so that what is usual is known from the first day: backwards, in the time that
//! live polls leave, and paced.
//!
//! Its rows feed the history and nothing else: no counter sees them, and none is remembered. How far it has come is
//! committed with what it read, so that after an interruption it goes on. Where a second report is read, its weeks follow
//! those of the first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Poller, PollerConfig, Source, Track, agenda::Errand, committed_state::CommittedState, judge::WeekVerdict,
};
use crate::{
    ledger::RowBatch,
    model::{LocalSecond, LocalStretch},
    schedule::{self, TimeRange, local_second, quota::Purpose, warm_up::WarmUp},
    status::{WarmUpState, WarmUpStatus},
    wolkvox::{ApiError, ReportName},
};

/// With less than this until the next poll nothing is begun.
const LEAST_TIME: Duration = Duration::from_secs(1);
/// Pause between two requests where the limit of requests a day is known, and where it is not.
const PAUSE: Duration = Duration::from_secs(5);
const UNKNOWN_LIMIT_PAUSE: Duration = Duration::from_secs(60);
/// Seconds read beyond the weeks asked for: the longest window that is judged and the half hour around it, so that an
/// incident of the hours before the first start has all of its weeks to be compared with.
const WINDOW_MARGIN: i64 = 9 * 3600;

/// Returns the second at which reading ends, on its way back.
fn weeks_from(state: &CommittedState, config: &PollerConfig) -> LocalSecond {
    let settings = &config.baseline;
    let end = state.warm_up().end;
    let depth = i64::try_from(settings.warm_up.as_secs()).unwrap_or(i64::MAX);
    let watermark = local_second(state.totals().watermark(), &config.zone);
    let oldest = i64::from(watermark.day().saturating_sub(settings.keep_days.into())) * 86_400;
    let margin = if depth > 0 { WINDOW_MARGIN } else { 0 };
    end.saturating_sub(depth).saturating_sub(margin).max(LocalSecond::new(oldest)).min(end)
}

impl<S: Source> Poller<S> {
    /// Whether requests are left: both reports share them.
    fn has_requests_left(&self) -> bool {
        let of_outcomes = self.outcomes.as_ref().map_or(0, |outcomes| outcomes.state.warm_up().requests);
        let sent = self.state.warm_up().requests + of_outcomes;
        sent < self.config.baseline.warm_up_requests
    }

    /// The stretch of a report to be read next; `None` when all has been read, no request is left, or the report cannot be
    /// read now.
    fn next_week(&self, report: ReportName) -> Option<LocalStretch> {
        let (judge, state) = match (report, &self.outcomes) {
            (ReportName::Diagram13, _) => (&self.judge, &self.state),
            (ReportName::Diagram1, Some(outcomes)) if outcomes.is_up() => (&outcomes.judge, &outcomes.state),
            (ReportName::Diagram1, _) => return None,
        };
        let from = weeks_from(state, &self.config);
        judge.next_week(from, state.warm_up().next).filter(|_| self.has_requests_left())
    }

    /// The report of which weeks are read next: all of the one, then all of the other.
    pub(super) fn next_report_of_weeks(&self) -> Option<ReportName> {
        let next = [ReportName::Diagram13, ReportName::Diagram1];
        next.into_iter().find(|report| self.next_week(*report).is_some())
    }

    /// Returns the progress, for people.
    pub(super) fn weeks_status(&self) -> WarmUpStatus {
        let warm_up = self.state.warm_up();
        let settings = &self.config.baseline;
        let from = weeks_from(&self.state, &self.config);
        let state = match () {
            () if settings.warm_up.is_zero() => WarmUpState::Off,
            () if warm_up.next <= from => WarmUpState::Ended,
            () if !self.has_requests_left() => WarmUpState::RequestsSpent,
            () => WarmUpState::Reading,
        };
        WarmUpStatus {
            state,
            progress: warm_up.progress(from),
            requests: warm_up.requests,
            requests_limit: settings.warm_up_requests,
            failure: self
                .agenda
                .failure(Errand::WeeksBefore(ReportName::Diagram13))
                .filter(|_| state == WarmUpState::Reading),
        }
    }

    /// One request, and the commit of what it brought.
    pub(super) async fn read_week_before(&mut self, report: ReportName, due: Timestamp) {
        let Some(stretch) = self.next_week(report) else { return };
        let errand = Errand::WeeksBefore(report);
        let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
        let started = Instant::now();
        if left < LEAST_TIME {
            self.agenda.went_on(errand, LEAST_TIME, Duration::ZERO, started);
            return;
        }
        if self.track(report).state.warm_up().requests == 0 {
            info!(
                server = self.config.name,
                report = report.as_str(),
                "reading the weeks before, for what is usual"
            );
        }
        let outcome = self.step_back(report, stretch, left).await;
        let now = Instant::now();
        let took = now.duration_since(started);
        match outcome {
            Ok(committed) => {
                let pause = if self.reader.knows_limit() { PAUSE } else { UNKNOWN_LIMIT_PAUSE };
                self.agenda.went_on(errand, took, pause.min(self.config.cadence.interval), now);
                if committed {
                    self.publish().await;
                }
            }
            Err(error) => {
                self.agenda.failed(errand, took, &error, now);
                warn!(
                    server = self.config.name,
                    report = report.as_str(),
                    class = error.class().as_str(),
                    "reading the weeks before failed, going on later: {error}"
                );
            }
        }
        self.log_weeks_end(report);
    }

    /// Reads one stretch. Returns whether anything was committed.
    async fn step_back(
        &mut self,
        report: ReportName,
        stretch: LocalStretch,
        left: Duration,
    ) -> Result<bool, ApiError> {
        let range = self.with_surroundings(report, stretch);
        let started = Instant::now();
        let answer = self.ask_within(report, range, Purpose::Background, left).await;
        let took = started.elapsed();
        let was_sent =
            !matches!(&answer, Err(error) if error.never_sent() || matches!(error, ApiError::QuotaReserved));
        let failures = self.agenda.failures(Errand::WeeksBefore(report));
        let Track { config, judge, state, .. } = self.track(report);
        let requests = state.warm_up().requests + u32::from(was_sent);
        let (batch, verdict) = match answer {
            Ok(mut answer) => {
                let has_time = took.saturating_mul(4) <= left;
                let verdict = judge.week_answered(stretch, &mut answer, has_time);
                (answer.batch, verdict)
            }
            Err(error) => {
                let verdict = judge.week_failed(stretch, error, failures);
                (RowBatch::new(config.rules.clone()), verdict)
            }
        };
        let next = match verdict {
            WeekVerdict::Accept | WeekVerdict::PassOver => stretch.0,
            WeekVerdict::Narrow | WeekVerdict::Fail(_) => stretch.1,
        };
        let warm_up = WarmUp { next, requests, ..*state.warm_up() };
        match verdict {
            WeekVerdict::Accept => {
                state.commit_past(config, batch, stretch, range.to, warm_up).await?;
                return Ok(true);
            }
            WeekVerdict::PassOver => warn!(
                server = config.name,
                report = report.as_str(),
                seconds = stretch.1 - stretch.0,
                "a stretch of the weeks before cannot be read, and stays unknown"
            ),
            WeekVerdict::Narrow | WeekVerdict::Fail(_) => {}
        }
        state.pass_over(warm_up).await?;
        match verdict {
            WeekVerdict::Fail(error) => Err(error),
            _ => Ok(false),
        }
    }

    /// A stretch and what surrounds it, so that no journey is cut; nothing that is not read live yet.
    fn with_surroundings(&mut self, report: ReportName, stretch: LocalStretch) -> TimeRange {
        let Track { config, state, .. } = self.track(report);
        let zone = &config.zone;
        let (from, to) = stretch;
        let around = i64::try_from(config.idle.longest().as_secs()).unwrap_or(0);
        let second = |second| Timestamp::from_second(second).unwrap_or_default();
        let begin = schedule::instant(from - around, zone).unwrap_or_else(|| second((from - around).get()));
        let end = second(schedule::last_instant(to + around, zone)).min(state.totals().watermark());
        let least = begin.checked_add(SignedDuration::from_secs(1)).unwrap_or(begin);
        TimeRange { from: begin, to: end.max(least) }
    }

    /// Logs once that nothing more will be read of a report.
    fn log_weeks_end(&mut self, report: ReportName) {
        if self.next_week(report).is_some() {
            return;
        }
        let Track { config, state, .. } = self.track(report);
        let WarmUp { next, requests, .. } = *state.warm_up();
        let server = &config.name;
        let report = report.as_str();
        let days = super::baseline::history_seconds(state, config) / 86_400;
        if next <= weeks_from(state, config) {
            info!(server, report, requests, days, "the weeks before have been read");
        } else {
            warn!(
                server,
                report,
                requests,
                days,
                "no more of the weeks before is read: baseline.warm_up_requests are spent; raise it to go on"
            );
        }
    }
}
