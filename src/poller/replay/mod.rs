//! The past, read through the same requests as the present and counted window by window on the rows' own clock.
//!
//! A day is asked for at once, and its answers, found whole by the usual reading (halves, retries, quota, seconds that fail
//! by themselves), go to the [`Day`](day::Day) in memory instead of the state. The day counts each five-minute window by the ledger's
//! own step and hands out what a scrape would have shown after it. When the caller has kept that, the day is committed
//! in one transaction, and the next one begins from what is on the disk: after a crash as without one.
//!
//! Owns the course of a day. It must never publish, and never write anything of a day before its commit but requests.

pub(super) mod day;
mod memory;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use self::day::Around;
pub use self::day::{EachWindow, PastWindow};
use super::{CycleError, Poller, Source, range_reader::ReadRequest};
use crate::{
    schedule::quota::Purpose, snapshot::TargetSnapshot, status::QuotaUse, store::StoreError,
    wolkvox::ApiError,
};

/// After a failure that may pass the vendor is asked again so much later at most, unless he names a wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A server's clock that is behind is waited for so long at a time.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// Why a day came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It was time to end.
    #[error("stopped")]
    Stopped,
    /// It cannot be read, and waiting would not help.
    #[error("{0}")]
    Failed(ApiError),
    /// The state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CycleError> for ReplayError {
    fn from(error: CycleError) -> Self {
        match error {
            CycleError::Shutdown => Self::Stopped,
            CycleError::Api(fault) => Self::Failed(fault),
        }
    }
}

/// How far a target has come.
#[derive(Debug, Clone)]
pub struct ReplayEnd {
    /// Where counting began.
    pub origin: Timestamp,
    /// Every window before it is committed, or read and being counted.
    pub watermark: Timestamp,
    /// Rows counted so far.
    pub rows: u64,
    /// Requests of the server's day.
    pub quota: QuotaUse,
}

impl<S: Source> Poller<S> {
    /// How far it has come: committed, or of the day under way.
    pub fn replayed(&self) -> ReplayEnd {
        let totals = self.books.totals();
        ReplayEnd {
            origin: totals.origin(),
            watermark: self.books.day_read_to().unwrap_or(totals.watermark()),
            rows: totals.new,
            quota: self.quota.status(),
        }
    }

    /// Begins a day where the state has come to, and gives what was exposed then. `until` is where the whole backfill ends;
    /// `each` gets the windows of the day.
    ///
    /// # Errors
    /// When it is time to end, or the state cannot be read.
    pub async fn begin_day(
        &mut self,
        until: Timestamp,
        each: EachWindow,
    ) -> Result<TargetSnapshot, ReplayError> {
        self.ask_quota().await?;
        self.ask_names().await?;
        let totals = self.books.totals();
        let (origin, watermark) = (totals.origin(), totals.watermark());
        let window = match watermark > origin {
            true => Some(self.books.window(self.window_before(watermark), &self.settings.zone).await?),
            false => None,
        };
        let around = Around {
            settings: self.settings.clone(),
            names: self.names.exposed(),
            telemetry: self.telemetry.clone(),
            until,
            each,
        };
        Ok(self.books.begin_day(window, around).await?)
    }

    /// Reads the day up to `end`, a line of the grid, however long that takes.
    ///
    /// # Errors
    /// When it is time to end; when nothing was ever answered and waiting would not help; when the state cannot be used.
    pub async fn read_day(&mut self, end: Timestamp) -> Result<(), ReplayError> {
        loop {
            let from = self.replayed().watermark;
            if from >= end {
                return Ok(self.books.settle_day().await?);
            }
            match self.read_past(from, end).await {
                Ok(()) if self.replayed().watermark >= end => {}
                Ok(()) => self.wait_until((self.clock)() + SHORT_WAIT).await?,
                Err(CycleError::Api(fault)) => self.wait_after(fault).await?,
                Err(CycleError::Shutdown) => return Err(ReplayError::Stopped),
            }
        }
    }

    async fn read_past(&mut self, from: Timestamp, end: Timestamp) -> Result<(), CycleError> {
        self.pass_backoff()?;
        self.ask_quota().await?;
        self.live.begin();
        self.read_stretch(from, ReadRequest { purpose: Purpose::Background, end, deep: None }).await?;
        self.backoff.clear();
        Ok(())
    }

    /// Waits before the vendor is asked again, or says that there is no use in it.
    async fn wait_after(&mut self, fault: ApiError) -> Result<(), ReplayError> {
        let answered = self.replayed().watermark > self.books.totals().origin();
        if matches!(fault, ApiError::Internal(_)) || (!answered && !may_pass(&fault)) {
            return Err(ReplayError::Failed(fault));
        }
        let now = (self.clock)();
        let soon = now + self.settings.cadence.interval.min(LONGEST_WAIT);
        let until = self.backoff.until().filter(|until| *until > now).unwrap_or(soon);
        warn!(
            server = self.settings.name,
            class = fault.class().as_str(),
            %until,
            "the past cannot be read now, going on then: {fault}"
        );
        Ok(self.wait_until(until).await?)
    }

    /// Commits the day.
    ///
    /// # Errors
    /// When the state cannot be written. Then the day has to be read again.
    pub async fn commit_day(&mut self) -> Result<(), StoreError> {
        self.books.commit_day(&self.settings).await
    }
}

/// Whether a fault at the very beginning is the moment's, and not the configuration's.
fn may_pass(fault: &ApiError) -> bool {
    matches!(
        fault,
        ApiError::QuotaExhausted
            | ApiError::QuotaReserved
            | ApiError::Maintenance(_)
            | ApiError::Throttled(_)
            | ApiError::Busy(_)
            | ApiError::Concurrency
            | ApiError::Http5xx(_)
            | ApiError::Timeout(_)
            | ApiError::NotJson(_)
            | ApiError::CutOff
            | ApiError::TooFewRows { .. }
    )
}
