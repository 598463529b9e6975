//! Reads the weeks before the beginning, so that what is usual is known from the first day: in the time that live polls
//! leave, and never longer.
//!
//! Its rows feed the history and nothing else: no counter sees them, and none is remembered. How far it has come is
//! committed with what it read, so that after an interruption it goes on. Its failure is not the poll's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{CycleError, Poller, Source, range_reader::may_be_cut, request::Reply};
use crate::{
    model::{LocalSecond, LocalStretch},
    schedule::{
        self, Span, local_second,
        quota::Purpose,
        warm_up::{Backwards, WarmUp},
    },
    status::{WarmUpState, WarmUpStatus},
    wolkvox::{ApiError, ErrorClass},
};

/// After a failure, and twice as long after each more,
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// but never longer.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// With less than this until the next poll nothing is begun.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// What there is to know about it beside what is committed.
#[derive(Debug)]
pub(super) struct WarmUpReader {
    width: Backwards,
    /// After a failure: nothing before.
    after: Instant,
    failures: u32,
    /// The last of them, until something is read again.
    fault: Option<ErrorClass>,
    /// How long the last request took.
    took: Duration,
    /// It has been said that it begins, and that it is over.
    said: (bool, bool),
}

impl Default for WarmUpReader {
    fn default() -> Self {
        Self {
            width: Backwards::default(),
            after: Instant::now(),
            failures: 0,
            fault: None,
            took: Duration::ZERO,
            said: (false, false),
        }
    }
}

impl WarmUpReader {
    fn failed(&mut self, fault: &ApiError) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        self.after = Instant::now() + wait.max(fault.named_wait().unwrap_or_default());
        self.failures += 1;
        self.fault = Some(fault.class());
    }
}

/// Seconds read beyond the weeks asked for: the longest window that is judged and the half hour around it, so that an
/// incident of the hours before the first start has all of its weeks to be compared with.
const WINDOW_MARGIN: i64 = 9 * 3600;

/// Whether a fault says that less would have been answered.
fn is_too_much(fault: &ApiError) -> bool {
    matches!(fault, ApiError::TooLarge(_) | ApiError::Refused { .. } | ApiError::Timeout(_))
}

impl<S: Source> Poller<S> {
    /// Where it ends, on its way back.
    pub(super) fn past_from(&self) -> LocalSecond {
        let (settings, end) = (&self.settings.baseline, self.books.warm_up().end);
        let depth = i64::try_from(settings.warm_up.as_secs()).unwrap_or(i64::MAX);
        let watermark = local_second(self.books.totals().watermark(), &self.settings.zone);
        let oldest = i64::from(watermark.day().saturating_sub(settings.keep_days.into())) * 86_400;
        let margin = if depth > 0 { WINDOW_MARGIN } else { 0 };
        end.saturating_sub(depth).saturating_sub(margin).max(LocalSecond::new(oldest)).min(end)
    }

    /// Whether requests are left for it.
    pub(super) fn has_warm_up_requests(&self) -> bool {
        self.books.warm_up().requests < self.settings.baseline.warm_up_requests
    }

    /// How it goes, for people.
    pub(super) fn warm_up_status(&self) -> WarmUpStatus {
        let (warm_up, settings, from) = (self.books.warm_up(), &self.settings.baseline, self.past_from());
        let state = match () {
            () if settings.warm_up.is_zero() => WarmUpState::Off,
            () if warm_up.next <= from => WarmUpState::Ended,
            () if !self.has_warm_up_requests() => WarmUpState::RequestsSpent,
            () => WarmUpState::Reading,
        };
        WarmUpStatus {
            state,
            progress: warm_up.progress(from),
            requests: warm_up.requests,
            requests_limit: settings.warm_up_requests,
            failure: self.warm_up.fault.filter(|_| state == WarmUpState::Reading),
        }
    }

    /// Reads on until the next poll is due; whether anything was committed. `Err` only when it is time to end.
    pub(super) async fn warm_up(&mut self, due: Timestamp) -> Result<bool, CycleError> {
        let (mut first, mut committed) = (true, false);
        while Instant::now() >= self.warm_up.after {
            let WarmUp { next, .. } = *self.books.warm_up();
            let Some(stretch) = self.warm_up.width.next(self.past_from(), next) else { break };
            if !self.has_warm_up_requests() {
                break;
            }
            let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
            if left < LEAST_TIME || (!std::mem::take(&mut first) && self.warm_up.took > left) {
                break;
            }
            if !std::mem::replace(&mut self.warm_up.said.0, true) {
                info!(server = self.settings.name, "reading the weeks before, for what is usual");
            }
            match self.past_step(stretch, left).await {
                Ok(read) => committed |= read,
                Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
                Err(CycleError::Api(fault)) => {
                    self.warm_up.failed(&fault);
                    warn!(
                        server = self.settings.name,
                        class = fault.class().as_str(),
                        "reading the weeks before failed, going on later: {fault}"
                    );
                }
            }
        }
        self.say_end();
        Ok(committed)
    }

    /// Says once that nothing more will be read.
    fn say_end(&mut self) {
        let (WarmUp { next, requests, .. }, from) = (*self.books.warm_up(), self.past_from());
        if !self.warm_up.said.0 || self.warm_up.said.1 {
            return;
        }
        let days = self.history_seconds() / 86_400;
        if next <= from {
            self.warm_up.said.1 = true;
            info!(server = self.settings.name, requests, days, "the weeks before have been read");
        } else if !self.has_warm_up_requests() {
            self.warm_up.said.1 = true;
            warn!(
                server = self.settings.name,
                requests,
                days,
                "no more of the weeks before is read: baseline.warm_up_requests are spent; raise it to go on"
            );
        }
    }

    /// One request; whether what it brought was committed.
    async fn past_step(&mut self, stretch: LocalStretch, left: Duration) -> Result<bool, CycleError> {
        let started = Instant::now();
        let span = self.past_span(stretch);
        let reply = self.request_within(span, Purpose::Background, left).await;
        self.warm_up.took = started.elapsed();
        let sent = !matches!(&reply, Err(CycleError::Shutdown))
            && !matches!(&reply, Err(CycleError::Api(fault)) if fault.never_sent() || matches!(fault, ApiError::QuotaReserved));
        let requests = self.books.warm_up().requests + u32::from(sent);
        match reply {
            Ok(reply) => self.past_answered((stretch, span.to), reply, requests, left).await,
            Err(CycleError::Api(fault)) if fault.may_be_the_span() => {
                if is_too_much(&fault) || self.warm_up.failures > 0 {
                    self.past_too_wide(stretch, requests).await?;
                } else {
                    self.books.warm_up_sent(requests).await?;
                }
                if is_too_much(&fault) && !self.warm_up.width.gives_up() {
                    Ok(false)
                } else {
                    Err(fault.into())
                }
            }
            Err(CycleError::Api(fault)) => {
                self.books.warm_up_sent(requests).await?;
                Err(fault.into())
            }
            Err(shutdown) => Err(shutdown),
        }
    }

    /// A stretch and what surrounds it, so that no journey is cut; nothing that is not read live yet.
    fn past_span(&self, (from, to): LocalStretch) -> Span {
        let zone = &self.settings.zone;
        let around = i64::try_from(self.settings.idle.longest().as_secs()).unwrap_or(0);
        let second = |second| Timestamp::from_second(second).unwrap_or_default();
        let begin = schedule::instant(from - around, zone).unwrap_or_else(|| second((from - around).get()));
        let end = second(schedule::last_instant(to + around, zone)).min(self.books.totals().watermark());
        let least = begin.checked_add(SignedDuration::from_secs(1)).unwrap_or(begin);
        Span { from: begin, to: end.max(least) }
    }

    async fn past_answered(
        &mut self,
        (stretch, until): (LocalStretch, Timestamp),
        reply: Reply,
        requests: u32,
        left: Duration,
    ) -> Result<bool, CycleError> {
        let (rows, cap) = (reply.batch.rows(), self.settings.row_cap);
        // A number that is never right has been found out by the live polls.
        let short = reply.short.is_some() && !self.lessons.disbelieves();
        if short || may_be_cut(reply.received, rows, cap) {
            self.past_too_wide(stretch, requests).await?;
            return Ok(false);
        }
        let warm_up = WarmUp { next: stretch.0, requests, ..*self.books.warm_up() };
        self.books.commit_past(&self.settings, reply.batch, (stretch, until), warm_up).await?;
        let roomy = reply.received < cap.div_ceil(4) && self.warm_up.took.saturating_mul(4) <= left;
        self.warm_up.width.done(roomy);
        (self.warm_up.failures, self.warm_up.fault) = (0, None);
        Ok(true)
    }

    /// Asks for less next time; what cannot be less, and has been tried often enough, is passed over and stays unknown.
    async fn past_too_wide(&mut self, stretch: LocalStretch, requests: u32) -> Result<(), CycleError> {
        self.warm_up.width.narrow(stretch);
        self.books.warm_up_sent(requests).await?;
        if self.warm_up.width.gives_up() {
            warn!(
                server = self.settings.name,
                seconds = stretch.1 - stretch.0,
                "a stretch of the weeks before cannot be read, and stays unknown"
            );
            let warm_up = WarmUp { next: stretch.0, ..*self.books.warm_up() };
            self.books.pass_over(warm_up).await?;
            self.warm_up.width.passed_over();
        }
        Ok(())
    }
}
