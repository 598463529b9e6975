//! The day's requests of one target: counted before each is sent, and put right by the vendor.
//!
//! The vendor is the authority. Our own count keeps what waits from using up what live polls need; where it says that
//! nothing is left, polls are held off for an hour at most, and then one asks all the same.

use std::time::Duration;

use jiff::civil::Date;
use tokio::time::Instant;
use tracing::debug;

use super::{CycleError, Poller, Source};
use crate::{
    schedule::quota::{self, Purpose},
    status::QuotaUse,
    wolkvox::ApiError,
};

/// The vendor is asked so often.
const ASK_EVERY: Duration = Duration::from_secs(3600);
/// Requests that a poll may send against our own count after a hold-off: what the vendor counts, and the rows.
const PROBES: u32 = 2;

/// What is known of the day's requests.
#[derive(Debug)]
pub(super) struct DayQuota {
    /// Requests a day, as configured or as the vendor says.
    limit: Option<u64>,
    /// The operator has said the limit, so the vendor is not asked.
    configured: bool,
    used: (Date, u64),
    ask_after: Instant,
    /// So many requests are sent although our count says that none is left.
    probes: u32,
}

impl DayQuota {
    /// `used` is what was sent on the server's `day` before.
    pub(super) fn new(limit: Option<u64>, day: Date, used: u64) -> Self {
        Self { limit, configured: limit.is_some(), used: (day, used), ask_after: Instant::now(), probes: 0 }
    }

    /// A hold-off because of the quota is over: the vendor is to say whether it should go on.
    pub(super) fn probe(&mut self) {
        self.probes = PROBES;
        self.ask_after = Instant::now();
    }

    /// Whether a poll may send requests against our own count.
    pub(super) fn is_probing(&self) -> bool {
        self.probes > 0
    }

    /// The poll that was allowed to probe is over.
    pub(super) fn end_probe(&mut self) {
        self.probes = 0;
    }

    pub(super) fn status(&self) -> QuotaUse {
        let (day, used) = self.used;
        QuotaUse { day, used, limit: self.limit }
    }
}

impl<S: Source> Poller<S> {
    /// So many requests have been sent on the server's `day`.
    pub(super) fn spent(&mut self, day: Date, used: u64) {
        self.quota.used = (day, used);
        self.telemetry.quota(used, self.quota.limit);
    }

    /// Where the licences are not configured, the vendor knows the limit: asked once an hour. Its failure changes
    /// nothing but that the limit stays unknown.
    pub(super) async fn ask_quota(&mut self) -> Result<(), CycleError> {
        if self.quota.configured || !self.source.tells_quota() || Instant::now() < self.quota.ask_after {
            return Ok(());
        }
        self.quota.ask_after = Instant::now() + ASK_EVERY;
        if self.spend(Purpose::Background).await.is_err() {
            return Ok(());
        }
        let source = self.source.clone();
        let started = Instant::now();
        let answer = self.tend(async move { source.token_info().await }).await?;
        self.sent(started.elapsed(), answer.as_ref().err()).await;
        match answer {
            Ok(info) => {
                // None at all is no limit that anybody has: it is not known.
                self.quota.limit = Some(info.limit).filter(|limit| *limit > 0);
                let day = quota::day((self.clock)(), &self.settings.zone);
                let set =
                    move |tx: &mut crate::store::Transaction<'_>, id| tx.set_requests(id, day, info.used);
                if self.books.transact(set).await.is_ok() {
                    self.spent(day, info.used);
                }
            }
            Err(fault) => debug!(server = self.settings.name, "the quota stays unknown: {fault}"),
        }
        Ok(())
    }

    /// Counts a request before it is sent, or says why it may not be.
    pub(super) async fn spend(&mut self, purpose: Purpose) -> Result<(), ApiError> {
        let (now, limit, probing) = ((self.clock)(), self.quota.limit, self.quota.probes > 0);
        let (zone, interval) = (self.settings.zone.clone(), self.settings.cadence.interval);
        let day = quota::day(now, &zone);
        let counted = self.books.transact(move |tx, id| {
            let used = tx.requests(id, day)?;
            let fits = quota::allows(purpose, limit, used, now, &zone, interval);
            if fits || probing {
                tx.spend_request(id, day)?;
            }
            Ok((fits, used + u64::from(fits || probing)))
        });
        let (fits, used) = counted.await.map_err(|error| ApiError::Internal(error.to_string()))?;
        self.spent(day, used);
        match (fits, purpose) {
            (true, _) => Ok(()),
            (false, _) if probing => {
                self.quota.probes -= 1;
                Ok(())
            }
            (false, Purpose::Live) => Err(ApiError::QuotaExhausted),
            (false, Purpose::Background) => Err(ApiError::QuotaReserved),
        }
    }

    /// A request that was counted has ended: measured, or taken back where it never left this machine.
    pub(super) async fn sent(&mut self, took: Duration, fault: Option<&ApiError>) {
        if !matches!(fault, Some(ApiError::TokenUnreadable(_))) {
            self.telemetry.requested(took, fault.map(ApiError::class));
        }
        if fault.is_some_and(ApiError::never_sent) {
            let day = quota::day((self.clock)(), &self.settings.zone);
            if let Ok(used) = self.books.transact(move |tx, id| tx.refund_request(id, day)).await {
                self.spent(day, used);
            }
        }
    }
}
