//! One live poll: everything from the lookback to the newest window that has closed.

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::info;

use super::{
    CycleError, Poller, Source,
    backoff::Passage,
    range_reader::{Progress, ReadRequest},
};
use crate::{
    poller::retry::{self, RetryContext, RetryDecision},
    schedule::{self, quota::Purpose},
    wolkvox::ApiError,
};

impl<S: Source> Poller<S> {
    /// Reads everything from the lookback to `end`.
    pub(super) async fn cycle(&mut self, end: Timestamp) -> Result<(), CycleError> {
        self.pass_backoff()?;
        if self.quota.is_probing() {
            // Before the rows, whose request may fail for another reason.
            self.ask_quota().await?;
        }
        self.books.restore_if_stale(&self.settings).await?;
        let (from, behind) = self.live_stretch(end);
        let purpose = if behind { Purpose::Background } else { Purpose::Live };
        self.live.begin();
        self.read_stretch(from, ReadRequest { purpose, end, deep: None }).await?;
        self.backoff.clear();
        let deepest = self.books.totals().watermark().checked_sub(self.settings.deepest());
        self.lessons.poison.forget(deepest.unwrap_or(Timestamp::MIN));
        Ok(())
    }

    /// Where a poll up to `end` begins, and whether it has something to catch up with.
    fn live_stretch(&self, end: Timestamp) -> (Timestamp, bool) {
        let totals = self.books.totals();
        let watermark = totals.watermark();
        let gap = end.duration_since(watermark).unsigned_abs();
        let depth = self.settings.lookback.max(self.settings.tiers.depth_after(gap));
        let again = watermark.checked_sub(depth).unwrap_or(Timestamp::MIN);
        // Two windows missed are still a live poll, and so is the splitting of a burst in them.
        (again.max(totals.origin()).min(end), gap > self.settings.cadence.interval * 3)
    }

    /// Span by span, oldest first, each committed by itself.
    pub(super) async fn read_stretch(
        &mut self,
        mut from: Timestamp,
        request: ReadRequest,
    ) -> Result<(), CycleError> {
        let mut failures = 0;
        // Every poll may send one request, so that even with nothing but the reserve left it goes forward. The past has time.
        let mut purpose = if self.books.day_read_to().is_some() { request.purpose } else { Purpose::Live };
        loop {
            let step = self.read_step(from, &request, purpose).await;
            purpose = request.purpose;
            match step {
                Ok(Progress::To(to)) if to >= request.end => return Ok(()),
                Ok(Progress::To(to)) => {
                    failures = 0;
                    from = to;
                    // What is caught up with is seen as it comes; the last of it with the poll.
                    self.publish().await;
                }
                Ok(Progress::Narrower) => {}
                Ok(Progress::Stuck(fault)) => return Err(fault.into()),
                Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
                Err(CycleError::Api(fault)) => {
                    failures += 1;
                    self.react(fault, failures).await?;
                }
            }
        }
    }

    pub(super) fn pass_backoff(&mut self) -> Result<(), CycleError> {
        self.quota.end_probe();
        match self.backoff.pass((self.clock)(), self.source.credentials()) {
            Passage::Free => Ok(()),
            Passage::NewToken => {
                info!(server = self.settings.name, "the token has changed: trying again");
                Ok(())
            }
            Passage::Over(ApiError::QuotaExhausted) => {
                self.quota.probe();
                Ok(())
            }
            Passage::Over(_) => Ok(()),
            Passage::Closed(fault) => Err(fault.into()),
        }
    }

    /// Waits, or gives the cycle up.
    async fn react(&mut self, fault: ApiError, failures: u32) -> Result<(), CycleError> {
        let now = (self.clock)();
        let context = RetryContext {
            now,
            zone: &self.settings.zone,
            interval: self.settings.cadence.interval,
            failures,
            held_off: self.backoff.times(),
            dice: schedule::spread(&self.settings.name, self.backoff.next_turn()),
        };
        match retry::decide(&fault, context) {
            RetryDecision::Retry(wait) => {
                info!(
                    server = self.settings.name,
                    class = fault.class().as_str(),
                    wait_seconds = wait.as_secs_f64(),
                    "request failed, trying again: {fault}"
                );
                self.tend(sleep(wait)).await
            }
            RetryDecision::NextCycle => Err(fault.into()),
            RetryDecision::HoldOff(until) => {
                info!(server = self.settings.name, %until, "no requests until then");
                self.backoff.hold_off(until, now, self.source.credentials(), fault.clone());
                Err(fault.into())
            }
        }
    }
}
