//! What to do about a span that the server does not answer, and about a single second that it answers short.
//!
//! A server that is down is left alone. One that answers other spans is asked for less, and a single second that fails
//! while others with rows are answered is given up after a few polls, so that nothing that the server can tell is hidden
//! behind what it cannot.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::error;

use super::{
    CycleError, Poller, Source,
    commit::Doubt,
    range_reader::{Accepted, Progress, ReadRequest},
};
use crate::{
    ledger::RowBatch,
    schedule::{self, MIN_SPAN, Span, local_second},
    telemetry::SplitCause,
    wolkvox::ApiError,
};

/// A server that has just answered something small is up for so long, and fails at what it is asked for.
const UP_FOR: Duration = Duration::from_secs(60);
/// So many seconds are given up in one poll at most.
const MOST_GIVEN_UP: u32 = 10;

impl<S: Source> Poller<S> {
    /// After a request, sent at `asked`, that failed: whether less of it may be asked for. `came` is what counts if it is
    /// given up.
    pub(super) async fn not_answered(
        &mut self,
        (span, asked): (Span, Instant),
        fault: ApiError,
        came: RowBatch,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        if !fault.may_be_the_span() {
            return Err(fault.into());
        }
        let (now, single) = (Instant::now(), span.length() <= MIN_SPAN);
        let suspected = self.lessons.poison.suspects(span);
        let reader = self.reader(request);
        reader.failed += 1;
        let failed = reader.failed;
        if request.deep.is_some() && failed >= 2 && self.lessons.poison.is_given_up(span) {
            return self.commit_what_came(span, came, false, request).await;
        }
        let refused = match fault {
            ApiError::TooLarge(_) => Some(SplitCause::Size),
            ApiError::Refused { .. } => Some(SplitCause::Refused),
            _ => None,
        };
        if single && (failed >= 2 || suspected) {
            return self.single_second_failed(span, fault, came, request).await;
        }
        if let Some(cause) = refused.filter(|_| !single) {
            if self.reader(request).bisect.narrow_in_hope(span, now) {
                self.telemetry.split(cause);
                return Ok(Progress::Narrower);
            }
            return Err(fault.into());
        }
        if matches!(fault, ApiError::Timeout(_)) && failed == 1 {
            // May just as well be an outage, so it costs a wait too.
            self.narrow(span, request, SplitCause::Timeout);
            return Err(fault.into());
        }
        if !single && self.is_up((span, asked), failed, request).await? {
            self.reader(request).bisect.narrow_for_failure(span, now);
            self.telemetry.split(SplitCause::Failure);
            return Ok(Progress::Narrower);
        }
        Err(fault.into())
    }

    /// Whether the server, which failed at what it was asked for at that moment, answers anything: asked once after each
    /// second failure in a row, and once more in each poll of a long outage.
    async fn is_up(
        &mut self,
        (span, asked): (Span, Instant),
        failed: u32,
        request: &ReadRequest,
    ) -> Result<bool, CycleError> {
        let proven = self.reader(request).up_until;
        if proven.is_some_and(|until| asked < until) {
            return Ok(true);
        }
        // While spans are narrowed it is asked again, since each failure may take longer than the proof lasts.
        if failed < 2 || (proven.is_none() && failed % 5 != 2) {
            return Ok(false);
        }
        let before = |seconds| {
            self.lessons
                .poison
                .start_of(span)
                .saturating_sub(SignedDuration::from_secs(seconds))
                .unwrap_or(span.from)
        };
        let small = Span { from: before(3), to: before(2) };
        let up = match self.request(small, request.purpose).await {
            Ok(_) => true,
            Err(CycleError::Api(_)) => false,
            Err(shutdown) => return Err(shutdown),
        };
        self.reader(request).up_until = up.then(|| Instant::now() + UP_FOR);
        Ok(up)
    }

    /// A single second fails. Where others that have rows are answered, it is this second's fault: after some polls it
    /// is given up. Otherwise it is the server's.
    async fn single_second_failed(
        &mut self,
        span: Span,
        fault: ApiError,
        came: RowBatch,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        let elsewhere = self.is_answered_elsewhere(span, request).await?;
        let reader = self.reader(request);
        reader.up_until = None;
        if !elsewhere {
            match fault {
                ApiError::TooLarge(_) | ApiError::Refused { .. } => {
                    reader.bisect.narrow_in_hope(span, Instant::now());
                }
                _ => reader.bisect.reset(),
            }
            return Err(fault.into());
        }
        reader.bisect.reset();
        reader.failed = 0;
        if reader.given_up >= MOST_GIVEN_UP || !self.lessons.poison.strike(span) {
            return Ok(Progress::Stuck(fault));
        }
        self.reader(request).given_up += 1;
        let (from, to) = span.local(&self.settings.zone);
        let again = match self.settings.tiers.will_reach(span.from, (self.clock)(), &self.settings.zone) {
            true => "asked for again by the deeper re-reading",
            false => "too old to be asked for again",
        };
        error!(
            server = self.settings.name,
            %from, %to,
            class = fault.class().as_str(),
            rows = came.rows(),
            "the server cannot answer for this second, and does for others: what came of it is counted, and it is passed \
             over, and {again}: {fault}"
        );
        self.commit_what_came(span, came, true, request).await
    }

    /// Whether the server can tell rows elsewhere: the newest known one before, or else whatever the hour behind holds.
    /// An empty answer proves nothing where rows are known: a server may fail at every row.
    async fn is_answered_elsewhere(&mut self, span: Span, request: &ReadRequest) -> Result<bool, CycleError> {
        let zone = self.settings.zone.clone();
        let before = local_second(self.lessons.poison.start_of(span), &zone) - 1;
        let known = self.books.read(move |view, id| view.newest_row_before(id, before)).await?;
        let known = known.and_then(|date| schedule::instant(date, &zone));
        let after = |moment: Timestamp, seconds| {
            moment.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(moment)
        };
        let elsewhere = match known {
            Some(from) => Span { from, to: after(from, 1) },
            None => Span { from: after(span.to, 1), to: after(span.to, 3601).min(request.end) },
        };
        if elsewhere.from >= elsewhere.to {
            return Ok(false);
        }
        match self.request(elsewhere, request.purpose).await {
            Ok(reply) => Ok(known.is_none() || reply.batch.rows() > 0),
            Err(CycleError::Api(_)) => Ok(false),
            Err(shutdown) => Err(shutdown),
        }
    }

    /// Of a request that failed.
    pub(super) fn no_rows(&self) -> RowBatch {
        RowBatch::new(self.settings.rules.clone())
    }

    /// Goes on behind a span that cannot be answered, or not whole.
    async fn commit_what_came(
        &mut self,
        span: Span,
        came: RowBatch,
        incomplete: bool,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        let accepted = Accepted {
            admission: None,
            batch: came,
            server_time: None,
            incomplete,
            doubt: Doubt::Unchecked,
            few: false,
        };
        self.commit(span, accepted, request).await
    }
}
