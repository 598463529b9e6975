//! The past, read through the same requests as the present and counted window by window on the rows' own clock.
//!
//! A day is asked for at once, and its answers, found whole by the usual reading (halves, retries, quota, seconds that fail
//! by themselves), go to the [`Day`](day::Day) in memory instead of the state. The day counts each five-minute window by the ledger's
//! own step and hands out what a scrape would have shown after it. When the caller has kept that, the day is committed
//! in one transaction, and the next one begins from what is on the disk: after a crash as without one. Where what became
//! of calls is read, too, that report's day is read first, and its windows are shown with those of the menus.
//!
//! Owns the course of a day. It must never publish, and never write anything of a day before its commit but requests.

pub(super) mod day;
mod memory;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::warn;

use self::day::{Around, Day, MenuWindows, OutcomeWindows, Windows};
pub use self::day::{EachWindow, PastWindow};
use super::{Poller, Source, committed_state::EndedDay, judge::Reading, reading::Pass};
use crate::{
    baseline::Detector,
    schedule::quota::{self, Purpose},
    snapshot::TargetSnapshot,
    status::QuotaUse,
    store::{StoreError, Transaction},
    wolkvox::{ApiError, ReportName},
};

/// After a failure that may pass the vendor is asked again so much later at most, unless he names a wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// A server's clock that is behind is waited for so long at a time.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// The reason why a day was not finished.
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

impl From<ApiError> for ReplayError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// The progress of a target.
#[derive(Debug, Clone)]
pub struct ReplayEnd {
    /// The beginning of the counting.
    pub origin: Timestamp,
    /// Every window before it is committed, or read and being counted.
    pub watermark: Timestamp,
    /// Rows counted so far.
    pub rows: u64,
    /// Requests of the server's day.
    pub quota: QuotaUse,
}

impl<S: Source> Poller<S> {
    /// Returns the progress: committed, or of the current day.
    pub fn replayed(&self) -> ReplayEnd {
        let totals = self.state.totals();
        ReplayEnd {
            origin: totals.origin(),
            watermark: self.state.day_read_to().unwrap_or(totals.watermark()),
            rows: totals.new,
            quota: self.reader.quota(),
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
        let shutdown = self.signals.shutdown.clone();
        let asking = async {
            self.ask_quota().await;
            let today = quota::day((self.clock)(), &self.config.zone);
            let kinds: Vec<_> = self.exposure.names.wanted(&self.config.names, today).collect();
            for kind in kinds {
                self.ask_names(kind).await;
            }
        };
        shutdown.run_until_cancelled(asking).await.ok_or(ReplayError::Stopped)?;
        let totals = self.state.totals();
        let watermark = totals.watermark();
        let window = match watermark > totals.origin() {
            true => Some(self.state.window(self.window_before(watermark), &self.config.zone).await?),
            false => None,
        };
        let mut outcomes_before = VecDeque::new();
        if let Some(outcomes) = &mut self.outcomes {
            let windows = Windows::Outcomes(OutcomeWindows::default());
            let around = Around { settings: outcomes.config.clone(), until, windows };
            let first = |day: &mut Day| {
                day.keep_outcomes();
                day.take_outcomes()
            };
            outcomes_before = outcomes.state.begin_day(around, first).await?;
        }
        let windows = Windows::Menus(Box::new(MenuWindows {
            names: self.exposure.names.exposed(),
            telemetry: self.exposure.telemetry.clone(),
            each,
            detector: Detector::new(),
            outcomes: outcomes_before,
        }));
        let around = Around { settings: self.config.clone(), until, windows };
        let snapshot = self.state.begin_day(around, |day| day.snapshot(window)).await?;
        snapshot.ok_or_else(|| ReplayError::Failed(ApiError::Internal("a day without menus".to_owned())))
    }

    /// Reads the day up to `end`, a line of the grid, however long that takes.
    ///
    /// # Errors
    /// When it is time to end; when nothing was ever answered and waiting would not help; when the state cannot be used.
    pub async fn read_day(&mut self, end: Timestamp) -> Result<(), ReplayError> {
        let shutdown = self.signals.shutdown.clone();
        shutdown.run_until_cancelled(self.read_whole_day(end)).await.unwrap_or(Err(ReplayError::Stopped))
    }

    async fn read_whole_day(&mut self, end: Timestamp) -> Result<(), ReplayError> {
        if self.outcomes.is_some() {
            self.read_report(ReportName::Diagram1, end).await?;
        }
        let past = self.outcomes.as_mut().and_then(|outcomes| outcomes.state.settled_day());
        let past = past.map(Day::take_outcomes);
        if let (Some(past), Some(day)) = (past, self.state.settled_day()) {
            day.add_outcomes(past);
        }
        self.read_report(ReportName::Diagram13, end).await
    }

    /// Reads the day of one report.
    async fn read_report(&mut self, report: ReportName, end: Timestamp) -> Result<(), ReplayError> {
        loop {
            let from = self.read_to(report);
            if from >= end {
                return Ok(self.track(report).state.settle_day().await?);
            }
            match self.read_past(report, from, end).await {
                Ok(()) if self.read_to(report) >= end => {}
                Ok(()) => self.while_showing(sleep(SHORT_WAIT)).await,
                Err(error) => self.wait_after(report, error).await?,
            }
        }
    }

    /// The end of the part of a report that has been read, committed or of the current day.
    fn read_to(&mut self, report: ReportName) -> Timestamp {
        let state = self.track(report).state;
        state.day_read_to().unwrap_or(state.totals().watermark())
    }

    async fn read_past(
        &mut self,
        report: ReportName,
        from: Timestamp,
        end: Timestamp,
    ) -> Result<(), ApiError> {
        self.pass_hold().await?;
        self.track(report).judge.begin(Reading::Live);
        let purpose = Purpose::CatchUp;
        let mut pass =
            Pass { report, reading: Reading::Live, next: from, end, purpose, reread: None, given_up: 0 };
        let outcome = self.read_pass(&mut pass).await;
        self.reader.end_probe();
        self.agenda.polled(outcome.is_err());
        outcome
    }

    /// Waits before the vendor is asked again, or says that there is no use in it.
    async fn wait_after(&mut self, report: ReportName, error: ApiError) -> Result<(), ReplayError> {
        let answered = self.read_to(report) > self.track(report).state.totals().origin();
        if matches!(error, ApiError::Internal(_)) || (!answered && !may_pass(&error)) {
            return Err(ReplayError::Failed(error));
        }
        let soon = self.config.cadence.interval.min(LONGEST_WAIT);
        let held = self.agenda.held_until().map(|until| until.saturating_duration_since(Instant::now()));
        let wait = held.filter(|wait| !wait.is_zero()).unwrap_or(soon);
        warn!(
            server = self.config.name,
            report = report.as_str(),
            class = error.class().as_str(),
            seconds = wait.as_secs(),
            "the past cannot be read now, going on after a wait: {error}"
        );
        let latest = Instant::now() + wait;
        while Instant::now() < latest && !self.agenda.has_new_token(|| self.reader.source().credentials()) {
            let left = latest.saturating_duration_since(Instant::now());
            self.while_showing(sleep(left.min(super::LOOK_EVERY))).await;
        }
        Ok(())
    }

    /// Commits the day, of both reports at once.
    ///
    /// # Errors
    /// When the state cannot be written. Then the day has to be read again.
    pub async fn commit_day(&mut self) -> Result<(), StoreError> {
        let of_outcomes = match &mut self.outcomes {
            Some(outcomes) => outcomes.state.end_day().await?,
            None => None,
        };
        let of_menus = self.state.end_day().await?;
        let days: Vec<EndedDay> = of_menus.into_iter().chain(of_outcomes).collect();
        let write = |tx: &mut Transaction<'_>, _| days.into_iter().try_for_each(|day| day.write(tx));
        self.state.transact(write).await?;
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.state.reload(&outcomes.config).await?;
        }
        self.state.reload(&self.config).await
    }
}

/// Returns true if an error at the very beginning may pass, because it is not the configuration's.
fn may_pass(error: &ApiError) -> bool {
    matches!(
        error,
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
