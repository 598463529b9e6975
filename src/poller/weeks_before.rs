//! Reads the weeks before counting began, so that what is usual is known from the first day: backwards, in the time that
//! live polls leave, and paced.
//!
//! Its rows feed the history and nothing else: no counter sees them, and none is remembered. How far it has come is
//! committed with what it read, so that after an interruption it goes on.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Poller, Source, agenda::Errand, judge::WeekVerdict};
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

impl<S: Source> Poller<S> {
    /// Returns the second at which reading ends, on its way back.
    fn weeks_from(&self) -> LocalSecond {
        let settings = &self.config.baseline;
        let end = self.state.warm_up().end;
        let depth = i64::try_from(settings.warm_up.as_secs()).unwrap_or(i64::MAX);
        let watermark = local_second(self.state.totals().watermark(), &self.config.zone);
        let oldest = i64::from(watermark.day().saturating_sub(settings.keep_days.into())) * 86_400;
        let margin = if depth > 0 { WINDOW_MARGIN } else { 0 };
        end.saturating_sub(depth).saturating_sub(margin).max(LocalSecond::new(oldest)).min(end)
    }

    fn has_requests_left(&self) -> bool {
        self.state.warm_up().requests < self.config.baseline.warm_up_requests
    }

    /// The stretch to be read next; `None` when all has been read or no request is left.
    pub(super) fn next_week(&self) -> Option<LocalStretch> {
        let from = self.weeks_from();
        let next = self.state.warm_up().next;
        self.judge.next_week(from, next).filter(|_| self.has_requests_left())
    }

    /// Returns the progress, for people.
    pub(super) fn weeks_status(&self) -> WarmUpStatus {
        let warm_up = self.state.warm_up();
        let settings = &self.config.baseline;
        let from = self.weeks_from();
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
            failure: self.agenda.failure(Errand::WeeksBefore).filter(|_| state == WarmUpState::Reading),
        }
    }

    /// One request, and the commit of what it brought.
    pub(super) async fn read_week_before(&mut self, due: Timestamp) {
        let Some(stretch) = self.next_week() else { return };
        let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
        let started = Instant::now();
        if left < LEAST_TIME {
            self.agenda.went_on(Errand::WeeksBefore, LEAST_TIME, Duration::ZERO, started);
            return;
        }
        if self.state.warm_up().requests == 0 {
            info!(server = self.config.name, "reading the weeks before, for what is usual");
        }
        let outcome = self.step_back(stretch, left).await;
        let now = Instant::now();
        let took = now.duration_since(started);
        match outcome {
            Ok(committed) => {
                let pause = if self.reader.knows_limit() { PAUSE } else { UNKNOWN_LIMIT_PAUSE };
                self.agenda.went_on(Errand::WeeksBefore, took, pause.min(self.config.cadence.interval), now);
                if committed {
                    self.publish().await;
                }
            }
            Err(error) => {
                self.agenda.failed(Errand::WeeksBefore, took, &error, now);
                warn!(
                    server = self.config.name,
                    class = error.class().as_str(),
                    "reading the weeks before failed, going on later: {error}"
                );
            }
        }
        self.log_weeks_end();
    }

    /// Reads one stretch. Returns whether anything was committed.
    async fn step_back(&mut self, stretch: LocalStretch, left: Duration) -> Result<bool, ApiError> {
        let range = self.with_surroundings(stretch);
        let started = Instant::now();
        let answer = self.ask_within(ReportName::Diagram13, range, Purpose::Background, left).await;
        let took = started.elapsed();
        let was_sent =
            !matches!(&answer, Err(error) if error.never_sent() || matches!(error, ApiError::QuotaReserved));
        let requests = self.state.warm_up().requests + u32::from(was_sent);
        let (batch, verdict) = match answer {
            Ok(mut answer) => {
                let has_time = took.saturating_mul(4) <= left;
                let verdict = self.judge.week_answered(stretch, &mut answer, has_time);
                (answer.batch, verdict)
            }
            Err(error) => {
                let failures = self.agenda.failures(Errand::WeeksBefore);
                let verdict = self.judge.week_failed(stretch, error, failures);
                (RowBatch::new(self.config.rules.clone()), verdict)
            }
        };
        let next = match verdict {
            WeekVerdict::Accept | WeekVerdict::PassOver => stretch.0,
            WeekVerdict::Narrow | WeekVerdict::Fail(_) => stretch.1,
        };
        let warm_up = WarmUp { next, requests, ..*self.state.warm_up() };
        match verdict {
            WeekVerdict::Accept => {
                self.state.commit_past(&self.config, batch, stretch, range.to, warm_up).await?;
                return Ok(true);
            }
            WeekVerdict::PassOver => warn!(
                server = self.config.name,
                seconds = stretch.1 - stretch.0,
                "a stretch of the weeks before cannot be read, and stays unknown"
            ),
            WeekVerdict::Narrow | WeekVerdict::Fail(_) => {}
        }
        self.state.pass_over(warm_up).await?;
        match verdict {
            WeekVerdict::Fail(error) => Err(error),
            _ => Ok(false),
        }
    }

    /// A stretch and what surrounds it, so that no journey is cut; nothing that is not read live yet.
    fn with_surroundings(&self, stretch: LocalStretch) -> TimeRange {
        let zone = &self.config.zone;
        let (from, to) = stretch;
        let around = i64::try_from(self.config.idle.longest().as_secs()).unwrap_or(0);
        let second = |second| Timestamp::from_second(second).unwrap_or_default();
        let begin = schedule::instant(from - around, zone).unwrap_or_else(|| second((from - around).get()));
        let end = second(schedule::last_instant(to + around, zone)).min(self.state.totals().watermark());
        let least = begin.checked_add(SignedDuration::from_secs(1)).unwrap_or(begin);
        TimeRange { from: begin, to: end.max(least) }
    }

    /// Logs once that nothing more will be read.
    fn log_weeks_end(&self) {
        let WarmUp { next, requests, .. } = *self.state.warm_up();
        if self.next_week().is_some() {
            return;
        }
        let server = &self.config.name;
        let days = super::baseline::history_seconds(&self.state, &self.config) / 86_400;
        if next <= self.weeks_from() {
            info!(server, requests, days, "the weeks before have been read");
        } else {
            warn!(
                server,
                requests,
                days,
                "no more of the weeks before is read: baseline.warm_up_requests are spent; raise it to go on"
            );
        }
    }
}
