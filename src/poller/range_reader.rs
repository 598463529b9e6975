//! Reads a stretch of time: span by span, oldest first, each committed by itself.
//!
//! Here is decided what an answer is worth: whole, cut, or contradicting what is known. What to do about a span without
//! an answer is in `unanswered`; when to ask again is the caller's to say.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tracing::{error, info, warn};

use super::{
    CycleError, Poller, Source,
    books::Outcome,
    commit::{Doubt, Reading},
    request::Reply,
};
use crate::{
    ledger::{ReadCursor, RowBatch},
    model::LocalSecond,
    schedule::{
        Span, Tier,
        bisect::Bisect,
        poison::{Next, Poison},
        quota::Purpose,
        truncation::{RowCounts, Truncation, Verdict},
    },
    telemetry::SplitCause,
    wolkvox::ApiError,
};

/// A smaller limit than the documented one would be a round number: an answer with a multiple of this many rows
/// is asked for again in halves. One honest answer in a thousand is, too.
const ROUND_ROWS: u64 = 1000;
/// Without any of so many known rows an answer is no correction but wrong.
const ENOUGH_KNOWN: u64 = 10;
/// A server that contradicts what is known for so long is believed.
const GIVES_WAY: Duration = Duration::from_secs(3600);
/// It is said so often that a server does not keep to the times that it is asked for.
const SAY_EVERY: Duration = Duration::from_secs(3600);

/// How far one kind of reading has got with a server's answers: the live one, or the deeper one.
#[derive(Debug, Default)]
pub(super) struct RangeReader {
    pub(super) bisect: Bisect,
    /// Requests in a row that failed, over polls.
    pub(super) failed: u32,
    /// A small request was answered: until then, a failure is that of the span.
    pub(super) up_until: Option<Instant>,
    /// Since when answers hold none of the rows that are known.
    contradicted_since: Option<Instant>,
    /// Seconds given up in this poll.
    pub(super) given_up: u32,
}

impl RangeReader {
    /// A poll begins.
    pub(super) fn begin(&mut self) {
        self.given_up = 0;
    }

    fn doubt(&self, now: Instant) -> Doubt {
        match self.contradicted_since {
            None => Doubt::RefuseFrom(ENOUGH_KNOWN),
            // In halves there are fewer of them; none is still none.
            Some(since) if now.duration_since(since) < GIVES_WAY => Doubt::RefuseFrom(1),
            Some(_) => Doubt::TakeFrom(1),
        }
    }
}

/// What has been learnt of a server's answers, by whichever reading.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    truncation: Truncation,
    pub(super) poison: Poison,
    /// In this poll an answer was committed although more rows were announced.
    pub(super) disbelieved: bool,
    /// When it was last said that the server does not keep to the times.
    ignores_said: Option<Instant>,
}

impl Lessons {
    /// Whether the number of rows that the server announces is not believed.
    pub(super) fn disbelieves(&self) -> bool {
        self.truncation.is_disbelieved(Instant::now())
    }
}

/// What a stretch is read for.
#[derive(Clone, Copy)]
pub(super) struct ReadRequest {
    pub(super) purpose: Purpose,
    /// Where the stretch ends.
    pub(super) end: Timestamp,
    /// The deeper re-reading, if it is one.
    pub(super) deep: Option<(Tier, ReadCursor)>,
}

/// How a step in a stretch ended.
pub(super) enum Progress {
    /// Everything before this moment has been read.
    To(Timestamp),
    /// The next step asks for less.
    Narrower,
    /// One second fails by itself: nothing to be done about it in this poll.
    Stuck(ApiError),
}

/// An answer that counts.
pub(super) struct Accepted {
    pub(super) batch: RowBatch,
    /// Its place among the requests in flight.
    pub(super) admission: Option<OwnedSemaphorePermit>,
    pub(super) server_time: Option<Timestamp>,
    /// Known to lack rows.
    pub(super) incomplete: bool,
    pub(super) doubt: Doubt,
    /// So few rows that twice the span would have fitted.
    pub(super) few: bool,
}

/// Whether an answer of `received` elements, `rows` of which are rows, holds as many as some limit allows.
///
/// The vendor may add to what its limit let through, as a TOTAL row: the real rows alone may be the round number.
pub(super) fn may_be_cut(received: u64, rows: u64, cap: u64) -> bool {
    let round = |count: u64| count > 0 && count.is_multiple_of(ROUND_ROWS);
    received >= cap || round(received) || round(rows)
}

impl<S: Source> Poller<S> {
    pub(super) fn reader(&mut self, request: &ReadRequest) -> &mut RangeReader {
        if request.deep.is_some() { self.deep.reader() } else { &mut self.live }
    }

    /// One request, or two where another must be known to judge the first, and its commit.
    pub(super) async fn read_step(
        &mut self,
        from: Timestamp,
        request: &ReadRequest,
        purpose: Purpose,
    ) -> Result<Progress, CycleError> {
        let span = self.reader(request).bisect.next(from, request.end, Instant::now());
        let span = match self.lessons.poison.next(span, request.deep.is_some()) {
            Next::Ask(span) => span,
            Next::Skip(to) => return Ok(Progress::To(to)),
        };
        let asked = Instant::now();
        match self.request(span, purpose).await {
            Ok(reply) => self.answered((span, asked), reply, request).await,
            Err(CycleError::Api(fault)) => {
                self.not_answered((span, asked), fault, self.no_rows(), request).await
            }
            Err(shutdown) => Err(shutdown),
        }
    }

    /// After an answer to a request that was sent at `asked`.
    async fn answered(
        &mut self,
        (span, asked): (Span, Instant),
        mut reply: Reply,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        let (rows, cap) = (reply.batch.rows(), self.settings.row_cap);
        if let Some(fault) = reply.short.take() {
            // The request that may be needed to judge it takes a place, too: all who have one must not wait for another.
            drop(reply.admission.take());
            match self.judge(span, reply.batch.counts(), request).await? {
                Verdict::Whole => self.lessons.disbelieved = true,
                Verdict::Cut if self.narrow(span, request, SplitCause::Truncated) => {
                    return Ok(Progress::Narrower);
                }
                // One second cannot be asked for in halves, but again, unless it is as much as an answer can hold.
                Verdict::Cut if reply.received < cap => {
                    return self.not_answered((span, asked), fault, reply.batch, request).await;
                }
                Verdict::Cut => {}
                Verdict::Nothing => {
                    if self.reader(request).bisect.narrow_in_hope(span, Instant::now()) {
                        self.telemetry.split(SplitCause::Truncated);
                    }
                    return Err(fault.into());
                }
            }
        }
        let cut = may_be_cut(reply.received, rows, cap);
        // Halves of such an answer would be as large as it is.
        let ignores = reply.outside > 0 && reply.outside * 2 >= rows;
        if cut && !ignores && self.narrow(span, request, SplitCause::Cap) {
            return Ok(Progress::Narrower);
        }
        if ignores {
            let (first, last) = span.local(&self.settings.zone);
            reply.batch.keep_between(LocalSecond::from(first) - 1, LocalSecond::from(last) + 1);
            self.say_ignored(reply.outside, cut);
        } else if reply.received >= cap {
            let (from, _) = span.local(&self.settings.zone);
            error!(
                server = self.settings.name,
                %from, rows = reply.received,
                "one second has more rows than an answer holds: what came is counted, the rest is lost"
            );
        }
        let incomplete = reply.received >= cap || (ignores && cut);
        let accepted = Accepted {
            batch: reply.batch,
            admission: reply.admission,
            server_time: reply.server_time,
            incomplete,
            doubt: if incomplete { Doubt::Unchecked } else { self.reader(request).doubt(Instant::now()) },
            few: reply.received < cap.div_ceil(4),
        };
        let progress = self.commit(span, accepted, request).await?;
        if matches!(progress, Progress::To(_)) && self.lessons.poison.answered(span) {
            let (from, to) = span.local(&self.settings.zone);
            info!(server = self.settings.name, %from, %to, "what was passed over is answered now");
        }
        Ok(progress)
    }

    /// Commits an answer that counts, unless it contradicts what is known.
    pub(super) async fn commit(
        &mut self,
        span: Span,
        accepted: Accepted,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        let Accepted { batch, admission, server_time, incomplete, doubt, few } = accepted;
        let now = (self.clock)();
        if let Some(server_time) = server_time {
            self.telemetry.clock_skew(server_time.duration_since(now).as_secs_f64());
        }
        self.check_clocks(server_time)?;
        let window = request.deep.is_none().then(|| self.window_before(request.end));
        let reading =
            Reading { batch, span, now, server_time, incomplete, deep: request.deep, window, doubt };
        let overflow = self.books.totals().overflow;
        let outcome = self.books.commit(&self.settings, reading).await;
        // The rows are gone, and what comes now may ask again.
        drop(admission);
        let (window, seen_again, contradicts) = match outcome? {
            Outcome::Committed { window, seen_again, contradicts } => (window, seen_again, contradicts),
            Outcome::Contradicts { known } => return self.contradicted(span, known, request),
        };
        let counters = self.books.counters();
        let (overflow_now, label_sets) = (counters.totals.overflow, counters.menus.len());
        self.exposure.tell_overflow(&self.settings.name, overflow, overflow_now, label_sets);
        if let Some(window) = window {
            self.exposure.window = Some(window.into());
        }
        if let Some(known) = contradicts {
            self.say_emptied(span, known);
        }
        let reader = self.reader(request);
        reader.failed = 0;
        reader.bisect.committed(span, few);
        if seen_again {
            reader.contradicted_since = None;
        }
        self.lessons.truncation.committed();
        Ok(Progress::To(span.to))
    }

    /// After an answer that holds none of the `known` rows of its span: it may be too much for the server, so halves
    /// are tried, once an hour; it is never an empty window.
    fn contradicted(
        &mut self,
        span: Span,
        known: u64,
        request: &ReadRequest,
    ) -> Result<Progress, CycleError> {
        let now = Instant::now();
        let reader = self.reader(request);
        reader.contradicted_since.get_or_insert(now);
        reader.failed += 1;
        if reader.failed >= 2 && reader.bisect.narrow_in_hope(span, now) {
            self.telemetry.split(SplitCause::Failure);
            return Ok(Progress::Narrower);
        }
        Err(ApiError::Contradicts { known }.into())
    }

    /// Asks for half of it next, if it can be halved.
    pub(super) fn narrow(&mut self, span: Span, request: &ReadRequest, cause: SplitCause) -> bool {
        let narrower = self.reader(request).bisect.narrow(span);
        if narrower {
            self.telemetry.split(cause);
        }
        narrower
    }

    /// Whether an answer of these rows that is short of its announced number is cut. May ask for the other half of the
    /// span that it is the first half of; a fault is that request's.
    async fn judge(
        &mut self,
        span: Span,
        rows: RowCounts,
        request: &ReadRequest,
    ) -> Result<Verdict, CycleError> {
        let mut other = Ok(None);
        if let Some(half) = self.lessons.truncation.other_half(span) {
            other = match self.request(half, request.purpose).await {
                Ok(reply) => Ok(Some(reply.batch.counts())),
                Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
                Err(failed) => Err(failed),
            };
        }
        let known = other.as_ref().ok().and_then(Option::as_ref);
        let verdict = self.lessons.truncation.judge(span, rows, known, Instant::now());
        if other.is_err() {
            self.narrow(span, request, SplitCause::Truncated);
        }
        other.map(|_| verdict)
    }

    fn say_ignored(&mut self, outside: u64, cut: bool) {
        let now = Instant::now();
        if self.lessons.ignores_said.is_some_and(|said| now < said + SAY_EVERY) {
            return;
        }
        self.lessons.ignores_said = Some(now);
        let missing = if cut { "; its answers are cut as well, so that rows are missing" } else { "" };
        warn!(
            server = self.settings.name,
            outside,
            "the server does not keep to the times that it is asked for: it is not asked in halves, and of what it sends \
             the rows within those times are counted{missing}"
        );
    }

    fn say_emptied(&self, span: Span, known: u64) {
        let (from, to) = span.local(&self.settings.zone);
        error!(
            server = self.settings.name,
            %from, %to, known,
            "for more than an hour the server has sent none of the rows that it sent before for these times: its report is \
             taken for emptied, what comes is counted as all there is, and what had been counted stays"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_a_limit_may_have_cut_is_noticed() {
        for (received, rows, cut) in [
            (60_000, 60_000, true),
            (60_001, 60_000, true),
            (6_000, 6_000, true),
            // With a TOTAL row after the cut, and with rows among them that cannot be read.
            (6_001, 6_000, true),
            (6_000, 5_997, true),
            (5_999, 5_999, false),
            (1, 0, false),
            (0, 0, false),
        ] {
            assert_eq!(may_be_cut(received, rows, 60_000), cut, "{received} {rows}");
        }
    }
}
