//! Reads the past through the same requests as the present, and counts it window by window on the
//! rows' own clock.
//!
//! Each day is requested as a whole. Its answers, found complete by the usual reading (halves,
//! retries, quota, seconds that fail by themselves), are added to the [`Day`](day::Day) in memory
//! instead of the state. The day counts each five-minute window with the ledger and passes on the
//! snapshot that a scrape would have shown after it. Once the caller has stored these, the day is
//! committed in one transaction, and the next one begins from the disk, with or without a crash in
//! between. If the outcomes of calls are read, too, that report's day is read first, and its
//! windows are shown with those of the menus.
//!
//! Owns the sequence of a day. It must never publish, and before the commit of a day it must write
//! nothing but the number of requests.

pub(super) mod day;
mod memory;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::warn;

use self::day::{Day, DayContext, MenuWindows, OutcomeWindows, Windows};
pub use self::day::{EachWindow, PastWindow};
use super::{
    LOOK_EVERY, Poller, Source, agenda::Errand, committed_state::EndedDay, judge::Reading,
    track::Pass,
};
use crate::{
    baseline::Detector,
    schedule::quota::{self, Purpose},
    snapshot::TargetSnapshot,
    status::QuotaUse,
    store::StoreError,
    wolkvox::{ApiError, ReportName},
};

/// Longest wait before the vendor is asked again after a failure, unless live polls are held for
/// longer.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Wait before the next request while the server's clock is behind.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// The reason why a day was not finished.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It was stopped by the shutdown signal.
    #[error("stopped")]
    Stopped,
    /// The day cannot be read, and waiting would not help.
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
    /// The origin of the counting.
    pub origin: Timestamp,
    /// Every window before it is committed, or read and being counted.
    pub watermark: Timestamp,
    /// Rows counted so far.
    pub rows: u64,
    /// Requests of the server's day.
    pub quota: QuotaUse,
}

/// Reads the past of one target, day by day.
pub struct Replay<S> {
    poller: Poller<S>,
}

impl<S: Source> Replay<S> {
    /// Makes a replay that uses the parts of `poller`.
    pub fn new(poller: Poller<S>) -> Self {
        Self { poller }
    }

    /// Returns the progress: committed, or of the current day.
    pub fn progress(&self) -> ReplayEnd {
        let target = &self.poller.target;
        let totals = target.menus.state.totals();
        ReplayEnd {
            origin: totals.origin(),
            watermark: target.menus.state.day_read_to().unwrap_or(totals.watermark()),
            rows: totals.new,
            quota: target.reader.quota(),
        }
    }

    /// Begins a day at the watermark, and returns the snapshot at that moment. `until` is the end
    /// of the whole backfill; `each` receives the windows of the day.
    ///
    /// # Errors
    /// If the shutdown signal was given, or the state cannot be read.
    pub async fn begin_day(
        &mut self,
        until: Timestamp,
        each: EachWindow,
    ) -> Result<TargetSnapshot, ReplayError> {
        let shutdown = self.poller.signals.shutdown.clone();
        shutdown
            .run_until_cancelled(self.ask_quota_and_names())
            .await
            .ok_or(ReplayError::Stopped)?;
        let target = &mut self.poller.target;
        let menus = &mut target.menus;
        let totals = menus.state.totals();
        let watermark = totals.watermark();
        let window = match watermark > totals.origin() {
            true => {
                let window = menus.window_before(watermark);
                Some(menus.state.window(window, &target.config.target.timezone).await?)
            }
            false => None,
        };
        let mut outcomes_before = VecDeque::new();
        if let Some(outcomes) = &mut target.outcomes {
            let track = &mut outcomes.track;
            let windows = Windows::Outcomes(OutcomeWindows::default());
            let context = DayContext { settings: track.config.clone(), until, windows };
            let before = track.state.begin_day(context, |day| {
                day.keep_outcomes();
                day.take_outcomes()
            });
            outcomes_before = before.await?;
        }
        let windows = Windows::Menus(Box::new(MenuWindows {
            names: target.exposure.names.exposed(),
            telemetry: target.exposure.telemetry.clone(),
            each,
            detector: Detector::new(),
            outcomes: outcomes_before,
        }));
        let context = DayContext { settings: target.config.clone(), until, windows };
        let snapshot = target.menus.state.begin_day(context, |day| day.snapshot(window)).await?;
        snapshot.ok_or_else(|| {
            ReplayError::Failed(ApiError::Internal("a day without menus".to_owned()))
        })
    }

    async fn ask_quota_and_names(&mut self) {
        let target = &self.poller.target;
        let today = quota::day(target.now(), &target.config.target.timezone);
        let names =
            target.exposure.names.wanted(&target.config.target.names, today).map(Errand::Names);
        let quota = target.reader.asks_quota().then_some(Errand::Quota);
        let errands: Vec<Errand> = quota.into_iter().chain(names).collect();
        for errand in errands {
            self.poller.run_errand(errand, Duration::MAX).await;
        }
    }

    /// Reads the day up to `end`, a line of the grid, however long that takes.
    ///
    /// # Errors
    /// If the shutdown signal was given; if nothing was ever answered and waiting would not help;
    /// if the state cannot be used.
    pub async fn read_day(&mut self, end: Timestamp) -> Result<(), ReplayError> {
        let shutdown = self.poller.signals.shutdown.clone();
        shutdown
            .run_until_cancelled(self.read_whole_day(end))
            .await
            .unwrap_or(Err(ReplayError::Stopped))
    }

    async fn read_whole_day(&mut self, end: Timestamp) -> Result<(), ReplayError> {
        if self.poller.target.outcomes.is_some() {
            self.read_report(ReportName::Diagram1, end).await?;
        }
        let target = &mut self.poller.target;
        let past = target.outcomes.as_mut().and_then(|outcomes| outcomes.track.state.settled_day());
        let past = past.map(Day::take_outcomes);
        if let (Some(past), Some(day)) = (past, target.menus.state.settled_day()) {
            day.add_outcomes(past);
        }
        self.read_report(ReportName::Diagram13, end).await
    }

    /// Reads the day of one report.
    async fn read_report(&mut self, report: ReportName, end: Timestamp) -> Result<(), ReplayError> {
        loop {
            let from = self.read_to(report);
            if from >= end {
                return Ok(self.poller.target.track(report).state.settle_day().await?);
            }
            match self.read_past(report, from, end).await {
                Ok(()) if self.read_to(report) >= end => {}
                Ok(()) => sleep(SHORT_WAIT).await,
                Err(error) => self.wait_after(report, error).await?,
            }
        }
    }

    /// Returns the end of the part of a report that has been read, committed or of the current day.
    fn read_to(&mut self, report: ReportName) -> Timestamp {
        let state = &self.poller.target.track(report).state;
        state.day_read_to().unwrap_or(state.totals().watermark())
    }

    async fn read_past(
        &mut self,
        report: ReportName,
        from: Timestamp,
        end: Timestamp,
    ) -> Result<(), ApiError> {
        self.poller.pass_hold().await?;
        self.poller.target.track(report).judge.begin(Reading::Live);
        let mut pass = Pass::live(report, from, end, Purpose::CatchUp);
        let outcome = self.poller.read_pass(&mut pass).await;
        self.poller.target.reader.end_probe();
        self.poller.target.agenda.polled(outcome.is_err());
        outcome
    }

    /// Waits before the next request, or returns the error if waiting would not help.
    async fn wait_after(&mut self, report: ReportName, error: ApiError) -> Result<(), ReplayError> {
        let read_to = self.read_to(report);
        let answered = read_to > self.poller.target.track(report).state.totals().origin();
        let target = &self.poller.target;
        if matches!(error, ApiError::Internal(_)) || (!answered && !may_pass(&error)) {
            return Err(ReplayError::Failed(error));
        }
        let soon = target.config.cadence.interval.min(LONGEST_WAIT);
        let held =
            target.agenda.held_until().map(|until| until.saturating_duration_since(Instant::now()));
        let wait = held.filter(|wait| !wait.is_zero()).unwrap_or(soon);
        warn!(
            server = target.config.target.name,
            report = report.as_str(),
            class = error.class().as_str(),
            seconds = wait.as_secs(),
            "the past cannot be read now, going on after a wait: {error}"
        );
        let latest = Instant::now() + wait;
        while Instant::now() < latest && !self.poller.target.has_new_token() {
            sleep(latest.saturating_duration_since(Instant::now()).min(LOOK_EVERY)).await;
        }
        Ok(())
    }

    /// Commits the day of both reports in one transaction.
    ///
    /// # Errors
    /// If the state cannot be written. The day must then be read again.
    pub async fn commit_day(&mut self) -> Result<(), StoreError> {
        let target = &mut self.poller.target;
        let of_outcomes = match &mut target.outcomes {
            Some(outcomes) => outcomes.track.state.end_day().await?,
            None => None,
        };
        let state = &mut target.menus.state;
        let of_menus = state.end_day().await?;
        let days: Vec<EndedDay> = of_menus.into_iter().chain(of_outcomes).collect();
        state.transact(|tx, _| days.into_iter().try_for_each(|day| day.write(tx))).await?;
        if let Some(outcomes) = &mut target.outcomes {
            outcomes.track.state.reload(&outcomes.track.config).await?;
        }
        state.reload(&target.config).await
    }
}

/// Returns true if an error at the very beginning may pass, because the configuration is not its
/// cause.
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
