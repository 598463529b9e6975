//! One poll: the newest windows first, then, when it is due, a deeper look back.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};

use super::{Backoff, CycleError, Poller, Source, blocking, commit, request::Reply};
use crate::{
    poller::retry::{self, RetryContext, RetryDecision},
    schedule::{self, Span, Tier, bisect::Bisect, quota::Purpose, truncation::Verdict},
    store::StoreError,
    telemetry::SplitCause,
    wolkvox::ApiError,
};

/// A smaller limit than the documented one would be a round number: an answer with a multiple of this many rows
/// is asked for again in halves. One honest answer in a thousand is, too.
const ROUND_ROWS: u64 = 1000;
/// After a deeper re-reading failed, the next try waits this long: the live polls tell of the trouble anyway.
const DEEP_RETRY: Duration = Duration::from_secs(900);
const HOUR: Duration = Duration::from_secs(3600);

/// What a stretch is read for.
#[derive(Clone, Copy)]
struct ReadRequest {
    purpose: Purpose,
    /// Where the stretch ends.
    end: Timestamp,
    tier: Option<Tier>,
}

/// Whether an answer of `received` elements, `rows` of which are rows, holds as many as some limit allows.
///
/// The vendor may add to what its limit let through, as a TOTAL row: the real rows alone may be the round number.
fn may_be_cut(received: u64, rows: u64, cap: u64) -> bool {
    let round = |count: u64| count > 0 && count.is_multiple_of(ROUND_ROWS);
    received >= cap || round(received) || round(rows)
}

/// How a request ended for the cycle.
enum Outcome {
    Committed,
    TooWide(SplitCause),
    Failed(ApiError),
}

impl<S: Source> Poller<S> {
    /// Reads everything from the lookback to `end`; then goes deeper, and asks for names, if that is due.
    pub(super) async fn cycle(&mut self, end: Timestamp) -> Result<(), CycleError> {
        self.pass_gate()?;
        self.restore_if_stale()
            .await
            .map_err(|error| CycleError::Api(ApiError::Internal(error.to_string())))?;
        let totals = &self.account.totals;
        let watermark = totals.watermark();
        let again = watermark.checked_sub(self.settings.lookback).unwrap_or(Timestamp::MIN);
        let from = again.max(totals.origin()).min(end);
        // Two windows missed are still a live poll, and so is the splitting of a burst in them.
        let behind = end.duration_since(watermark).unsigned_abs() > self.settings.cadence.interval * 3;
        let purpose = if behind { Purpose::Background } else { Purpose::Live };
        let mut width = self.width;
        let read = self.read_stretch(from, ReadRequest { purpose, end, tier: None }, &mut width).await;
        self.width = width;
        read?;
        self.gate = None;
        self.ask_quota().await?;
        self.look_deeper().await?;
        self.ask_names().await
    }

    /// The re-reading for rows that come later than the lookback. Its failure is not the poll's: what was due is
    /// committed, and this is tried again.
    async fn look_deeper(&mut self) -> Result<(), CycleError> {
        let totals = &self.account.totals;
        let due = self.settings.tiers.due(
            (self.clock)(),
            &self.settings.zone,
            totals.hourly_at(),
            totals.nightly_at(),
        );
        let overdue = !self.settings.tiers.hourly.is_zero() && self.deeper_done.elapsed() >= HOUR;
        let due = due.or(overdue.then_some(Tier::Hourly));
        let Some(tier) = due.filter(|_| Instant::now() >= self.deeper_after) else { return Ok(()) };
        let ago = |age| totals.watermark().checked_sub(age).unwrap_or(Timestamp::MIN);
        let end = ago(self.settings.lookback).max(totals.origin());
        let from = ago(self.settings.tiers.depth(tier)).max(totals.origin()).min(end);
        if from >= end {
            // All that is ours was just read; a request for nothing would cost one all the same.
            return Ok(());
        }
        let mut width = self.deeper_width;
        let errand = ReadRequest { purpose: Purpose::Background, end, tier: Some(tier) };
        let read = self.read_stretch(from, errand, &mut width).await;
        self.deeper_width = width;
        match read {
            Ok(()) => {
                self.deeper_done = Instant::now();
                debug!(server = self.settings.name, ?tier, %from, "read again");
            }
            Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
            Err(CycleError::Api(fault)) => {
                self.deeper_after = Instant::now() + DEEP_RETRY;
                warn!(
                    server = self.settings.name,
                    class = fault.class().as_str(),
                    ?tier,
                    "reading again for late rows failed, trying later: {fault}"
                );
            }
        }
        Ok(())
    }

    /// Span by span, oldest first, each committed by itself.
    async fn read_stretch(
        &mut self,
        mut from: Timestamp,
        errand: ReadRequest,
        width: &mut Bisect,
    ) -> Result<(), CycleError> {
        let mut failures = 0;
        let mut first = errand.tier.is_none();
        loop {
            let span = width.next(from, errand.end);
            // Every poll may send one request, so that even with nothing but the reserve left it goes forward.
            let purpose = if first { Purpose::Live } else { errand.purpose };
            first = false;
            let fault = match self.read(span, errand, purpose, width).await? {
                Outcome::Committed if span.to >= errand.end => return Ok(()),
                Outcome::Committed => {
                    failures = 0;
                    from = span.to;
                    continue;
                }
                Outcome::TooWide(cause) => {
                    self.telemetry.split(cause);
                    continue;
                }
                Outcome::Failed(fault) => fault,
            };
            failures += 1;
            self.react(fault, failures).await?;
        }
    }

    fn pass_gate(&mut self) -> Result<(), CycleError> {
        let Some(gate) = &self.gate else { return Ok(()) };
        if gate.credentials != self.source.credentials() {
            info!(server = self.settings.name, "the token has changed: trying again");
            self.gate = None;
        } else if (self.clock)() < gate.until && Instant::now() < gate.latest {
            return Err(CycleError::Api(gate.fault.clone()));
        }
        Ok(())
    }

    /// Waits, or gives the cycle up.
    async fn react(&mut self, fault: ApiError, failures: u32) -> Result<(), CycleError> {
        self.turn = self.turn.wrapping_add(1);
        let times = self.gate.as_ref().map_or(0, |gate| gate.times);
        let situation = RetryContext {
            now: (self.clock)(),
            zone: &self.settings.zone,
            interval: self.settings.cadence.interval,
            failures,
            held_off: times,
            dice: schedule::spread(&self.settings.name, self.turn),
        };
        match retry::decide(&fault, situation) {
            RetryDecision::Retry(wait) => {
                info!(
                    server = self.settings.name,
                    class = fault.class().as_str(),
                    wait_seconds = wait.as_secs_f64(),
                    "request failed, trying again: {fault}"
                );
                self.tend(sleep(wait)).await
            }
            RetryDecision::NextCycle => Err(CycleError::Api(fault)),
            RetryDecision::HoldOff(until) => {
                info!(server = self.settings.name, %until, "no requests until then");
                let wait = until.duration_since(situation.now).unsigned_abs();
                self.gate = Some(Backoff {
                    until,
                    latest: Instant::now() + wait,
                    credentials: self.source.credentials(),
                    times: times + 1,
                    fault: fault.clone(),
                });
                Err(CycleError::Api(fault))
            }
        }
    }

    /// One request, or two where another must be known to judge the first, and its commit.
    async fn read(
        &mut self,
        span: Span,
        errand: ReadRequest,
        purpose: Purpose,
        width: &mut Bisect,
    ) -> Result<Outcome, CycleError> {
        let Reply { result, stage, .. } = match self.request(span, purpose).await? {
            Ok(reply) => reply,
            Err(fault) => return Ok(Outcome::Failed(fault)),
        };
        let (rows, cap) = (stage.rows(), self.settings.row_cap);
        let (received, server_time, short) = match result {
            Ok(answer) => (answer.rows, answer.server_time, false),
            Err(fault) => {
                let ApiError::TooFewRows { received, server_time, .. } = fault else {
                    return Ok(self.not_answered(span, fault, width));
                };
                match self.judge(span, rows, errand.purpose).await? {
                    Ok(Verdict::Whole) => {
                        self.disbelieved = true;
                        (received, server_time, false)
                    }
                    Ok(Verdict::Cut) if width.narrow(span) => {
                        return Ok(Outcome::TooWide(SplitCause::Truncated));
                    }
                    // A whole answer, but for what the vendor left out of it: one second cannot be asked for in halves.
                    Ok(Verdict::Cut) => (received, server_time, true),
                    Ok(Verdict::Nothing) => {
                        if width.narrow_in_hope(span, Instant::now()) {
                            self.telemetry.split(SplitCause::Truncated);
                        }
                        return Ok(Outcome::Failed(fault));
                    }
                    Err(other) => {
                        self.narrow_for_later(span, SplitCause::Truncated, width);
                        return Ok(Outcome::Failed(other));
                    }
                }
            }
        };
        if may_be_cut(received, rows, cap) && width.narrow(span) {
            return Ok(Outcome::TooWide(SplitCause::Cap));
        }
        let incomplete = short || received >= cap;
        if incomplete {
            let (from, _) = span.local(&self.settings.zone);
            error!(
                server = self.settings.name,
                %from, rows = received,
                "one second has more rows than an answer holds: what came is counted, the rest is lost"
            );
        }
        let now = (self.clock)();
        if let Some(server_time) = server_time {
            self.telemetry.clock_skew(server_time.duration_since(now).as_secs_f64());
        }
        let ends = errand.tier.filter(|_| span.to >= errand.end);
        let window = self.window_before(errand.end);
        let reading = commit::Reading { stage, span, now, server_time, incomplete, ends, window };
        if let Err(error) = self.commit(reading, errand.tier.is_none()).await {
            return Ok(Outcome::Failed(ApiError::Internal(error.to_string())));
        }
        width.committed(span, received < cap.div_ceil(4));
        self.announced.committed();
        Ok(Outcome::Committed)
    }

    /// After a request that gave no rows: whether half of it may be asked for at once.
    fn not_answered(&mut self, span: Span, fault: ApiError, width: &mut Bisect) -> Outcome {
        match fault {
            ApiError::TooLarge(_) if width.narrow_in_hope(span, Instant::now()) => {
                Outcome::TooWide(SplitCause::Size)
            }
            ApiError::Refused { .. } if width.narrow_in_hope(span, Instant::now()) => {
                Outcome::TooWide(SplitCause::Refused)
            }
            // May just as well be an outage, so it costs a wait too.
            ApiError::Timeout(_) => {
                self.narrow_for_later(span, SplitCause::Timeout, width);
                Outcome::Failed(fault)
            }
            _ => Outcome::Failed(fault),
        }
    }

    /// The next try asks for half.
    fn narrow_for_later(&self, span: Span, cause: SplitCause, width: &mut Bisect) {
        if width.narrow(span) {
            self.telemetry.split(cause);
        }
    }

    /// Whether an answer of `rows` rows that is short of its announced number is cut. May ask for the other half of
    /// the span that it is the first half of; a fault is that request's.
    async fn judge(
        &mut self,
        span: Span,
        rows: u64,
        purpose: Purpose,
    ) -> Result<Result<Verdict, ApiError>, CycleError> {
        let mut other = None;
        let mut failed = None;
        if let Some(half) = self.announced.other_half(span) {
            match self.request(half, purpose).await? {
                Ok(Reply { result: Ok(_) | Err(ApiError::TooFewRows { .. }), stage, in_first_second }) => {
                    other = Some(stage.rows() - in_first_second);
                }
                Ok(Reply { result: Err(fault), .. }) | Err(fault) => failed = Some(fault),
            }
        }
        let verdict = self.announced.judge(span, rows, other, Instant::now());
        Ok(failed.map_or(Ok(verdict), Err))
    }

    /// One transaction; then memory and publication follow it.
    async fn commit(&mut self, reading: commit::Reading, live: bool) -> Result<(), StoreError> {
        let (store, account, id) = (self.store.clone(), self.account.clone(), self.id);
        let (settings, window) = (self.settings.clone(), reading.window);
        let committed = blocking(move || commit::commit(&store, id, &account, &settings, reading)).await;
        self.stale |= committed.is_err();
        let (step, records) = committed?;
        let overflow = self.account.totals.overflow;
        self.apply(step);
        self.tell_overflow(overflow);
        if let Some(records) = records.filter(|_| live) {
            self.window = Some(self.account.window(window.0, window.1, records).into());
        }
        self.publish().await;
        Ok(())
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
