//! One request of the poller's: counted against the day's quota before it is sent, measured when it ends.
//!
//! What an answer means for the cycle is decided in `cycle`; nothing here asks twice.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::{CycleError, Poller, Source, blocking};
use crate::{
    ledger::RowBatch,
    schedule::{
        Span, local_seconds,
        quota::{self, Purpose},
    },
    wolkvox::{Answer, ApiError, Element, Query},
};

const HOUR: Duration = Duration::from_secs(3600);

/// What came of a request for rows.
pub(super) struct Reply {
    pub(super) result: Result<Answer, ApiError>,
    /// The rows that came, which count only if the answer was whole.
    pub(super) stage: RowBatch,
    /// Rows of the span's first second, which the span before shares.
    pub(super) in_first_second: u64,
}

impl<S: Source> Poller<S> {
    /// Asks for the rows of a span. A fault where it was not sent at all.
    pub(super) async fn request(
        &mut self,
        span: Span,
        purpose: Purpose,
    ) -> Result<Result<Reply, ApiError>, CycleError> {
        if let Err(fault) = self.spend(purpose).await {
            return Ok(Err(fault));
        }
        let (from, to) = span.local(&self.settings.zone);
        let (source, parser) = (self.source.clone(), self.parser.clone());
        let rules = self.settings.rules.clone();
        let request = async move {
            let (mut stage, mut in_first_second) = (RowBatch::new(rules), 0);
            let first = local_seconds(from);
            let mut each = |element: Element<'_>| {
                let row = parser.parse(element);
                in_first_second += u64::from(row.as_ref().is_ok_and(|row| row.date == first));
                stage.push(row);
            };
            let result = source.read(Query { from, to }, &mut each).await;
            Reply { result, stage, in_first_second }
        };
        let started = Instant::now();
        let reply = self.tend(request).await?;
        let result = &reply.result;
        if !matches!(result, Err(ApiError::TokenUnreadable(_))) {
            self.telemetry.requested(started.elapsed(), result.as_ref().err().map(ApiError::class));
        }
        debug!(server = self.settings.name, %from, %to, ?result, "request ended");
        Ok(Ok(reply))
    }

    /// Where the licences are not configured, the vendor knows the limit: asked once an hour. Its failure changes
    /// nothing but that the limit stays unknown.
    pub(super) async fn ask_quota(&mut self) -> Result<(), CycleError> {
        if self.settings.quota.is_some() || !self.source.tells_quota() || Instant::now() < self.quota_after {
            return Ok(());
        }
        self.quota_after = Instant::now() + HOUR;
        if self.spend(Purpose::Background).await.is_err() {
            return Ok(());
        }
        let source = self.source.clone();
        let started = Instant::now();
        let answer = self.tend(async move { source.token_info().await }).await?;
        match answer {
            Ok(info) => {
                self.telemetry.requested(started.elapsed(), None);
                self.quota = Some(info.limit);
                let (store, id) = (self.store.clone(), self.id);
                let day = quota::day((self.clock)(), &self.settings.zone);
                let raised = blocking(move || store.transact(|tx| tx.raise_requests(id, day, info.used)));
                match raised.await {
                    Ok(used) => self.spent(day, used),
                    Err(_) => self.stale = true,
                }
            }
            Err(fault) => {
                self.telemetry.requested(started.elapsed(), Some(fault.class()));
                debug!(server = self.settings.name, "the quota stays unknown: {fault}");
            }
        }
        Ok(())
    }

    /// Counts a request before it is sent, or says why it may not be.
    pub(super) async fn spend(&mut self, purpose: Purpose) -> Result<(), ApiError> {
        let (now, limit) = ((self.clock)(), self.quota);
        let (zone, interval) = (self.settings.zone.clone(), self.settings.cadence.interval);
        let (store, id) = (self.store.clone(), self.id);
        let day = quota::day(now, &zone);
        let spent = blocking(move || {
            store.transact(|tx| {
                let used = tx.requests(id, day)?;
                let allowed = quota::allows(purpose, limit, used, now, &zone, interval);
                if allowed {
                    tx.spend_request(id, day)?;
                }
                Ok((allowed, used + u64::from(allowed)))
            })
        });
        match spent.await {
            Ok((allowed, used)) => {
                self.spent(day, used);
                match (allowed, purpose) {
                    (true, _) => Ok(()),
                    (false, Purpose::Live) => Err(ApiError::QuotaExhausted),
                    (false, Purpose::Background) => Err(ApiError::QuotaReserved),
                }
            }
            Err(error) => {
                self.stale = true;
                Err(ApiError::Internal(error.to_string()))
            }
        }
    }
}
