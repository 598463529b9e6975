//! Reads the second report, diagram_1: the outcomes of calls. It is an errand beside the live
//! polls of diagram_13, and its failures do not affect them.
//!
//! Owns the progress of its pass. Rows are requested, judged and counted as for diagram_13.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tracing::{info, warn};

use super::{
    PollerConfig, Source,
    agenda::Errand,
    committed_state::CommittedState,
    judge::Reading,
    polled_target::{PolledTarget, Step},
    track::{Pass, Track},
};
use crate::{
    ledger::TargetCounters,
    schedule::quota::Purpose,
    snapshot::OutcomesSnapshot,
    store::StoreError,
    wolkvox::{ApiError, ReportName},
};

/// The reading of one target's `diagram_1`.
pub(super) struct OutcomesReading {
    pub(super) track: Track,
    /// The pass over the newest windows that is in progress.
    pass: Option<Pass>,
    /// The end of the last complete pass of this process; before the first one, the watermark at
    /// the start.
    read_to: Timestamp,
    /// A pass of this process has been completed.
    has_read: bool,
    /// The error of the last step, if it failed.
    failure: Option<ApiError>,
}

impl OutcomesReading {
    /// Restores the committed state of the report. Without one, counting begins at the watermark of
    /// `main`.
    pub(super) async fn open(
        main: &mut CommittedState,
        config: &PollerConfig,
    ) -> Result<Self, StoreError> {
        let config = Arc::new(config.for_outcomes());
        let origin = main.totals().watermark();
        let restore = main.with_store(move |store, id| {
            store.restore_report(id, ReportName::Diagram1, || TargetCounters::new(origin))
        });
        let (id, counters) = restore.await?;
        let state = main.beside(id, counters, &config).await?;
        let read_to = state.totals().watermark();
        let schedule = format!("{} {}", config.target.name, ReportName::Diagram1.as_str());
        let track = Track::new(ReportName::Diagram1, config, state, &schedule).await?;
        Ok(Self { track, pass: None, read_to, has_read: false, failure: None })
    }

    /// Moves the origin, if nothing has been read.
    pub(super) async fn begin_at(&mut self, origin: Timestamp) -> Result<(), StoreError> {
        let Track { config, state, .. } = &mut self.track;
        let totals = state.totals();
        if totals.watermark > totals.origin || totals.new > 0 {
            return Ok(());
        }
        state.begin_at(config, origin).await?;
        self.read_to = state.totals().watermark();
        Ok(())
    }

    /// Returns true if this process has read the newest windows, and the last step did not fail.
    pub(super) fn is_up(&self) -> bool {
        self.has_read && self.failure.is_none()
    }

    /// Returns the exposed part.
    pub(super) fn snapshot(&self) -> OutcomesSnapshot {
        OutcomesSnapshot {
            counters: self.track.state.counters().clone(),
            history: self.track.state.history().clone(),
            has_read: self.has_read,
            failure: self.failure.clone(),
        }
    }

    /// Returns true if a step has something to do. It reads nothing after `end`, up to which
    /// `diagram_13` has been read.
    pub(super) fn wants_step(&self, end: Timestamp, clock: Timestamp) -> bool {
        self.pass.is_some() || self.read_to < end || self.track.next_reread(clock).is_some()
    }

    /// Returns the pass to continue or to begin: over the newest windows, or else a step of a
    /// re-reading.
    async fn next_pass(
        &mut self,
        end: Timestamp,
        clock: Timestamp,
    ) -> Result<Option<Pass>, StoreError> {
        let track = &mut self.track;
        track.state.restore_if_stale(&track.config).await?;
        if let Some(pass) = self.pass.take() {
            return Ok(Some(pass));
        }
        if self.read_to < end {
            track.judge.begin(Reading::Live);
            let pass = track.live_pass(end, !self.has_read).await?;
            return Ok(Some(Pass { purpose: Purpose::Background, ..pass }));
        }
        let reread = track.next_reread(clock);
        Ok(reread.map(|reread| track.begin_reread(reread)))
    }

    /// Records the pass after a step, which may have failed. Returns true if the pass over the
    /// newest windows is complete.
    fn stepped(&mut self, pass: Pass) -> bool {
        let is_live = pass.reading == Reading::Live;
        if !pass.is_over() {
            self.pass = Some(pass).filter(|_| is_live);
            return false;
        }
        self.track.judge.end(pass.reading);
        if !is_live {
            return false;
        }
        self.track.unread.end();
        self.read_to = pass.end;
        self.has_read = true;
        if self.failure.take().is_some() {
            info!(
                server = self.track.config.target.name,
                report = ReportName::Diagram1.as_str(),
                "what became of the calls can be read again"
            );
        }
        true
    }

    /// Records a failed step. The next one tries the same range, and may again give up as many
    /// seconds as a poll. If that fails `again`, a new pass begins with its lookback before the
    /// watermark and ends at the newest window, as the next poll of the menus does: a narrow range
    /// may be the very reason of the failure.
    fn failed(&mut self, error: ApiError, again: bool) {
        self.failure = Some(error);
        let pass = self.pass.take().filter(|_| !again);
        self.pass = pass.map(|pass| Pass { given_up: 0, ..pass });
    }
}

/// Does one step of reading the outcomes of calls.
pub(super) async fn read_step<S: Source>(
    target: &mut PolledTarget<S>,
) -> Result<Duration, ApiError> {
    let failures = target.agenda.failures(Errand::Outcomes);
    let stepped = step(target).await;
    if let (Err(error), Some(outcomes)) = (&stepped, &mut target.outcomes) {
        warn!(
            server = target.config.target.name,
            report = ReportName::Diagram1.as_str(),
            class = error.class().as_str(),
            "reading what became of the calls failed, going on later: {error}; the counts of the menus do not depend on it"
        );
        outcomes.failed(error.clone(), failures > 0);
        target.exposure.forget_hang_ups();
    }
    stepped.map(|()| Duration::ZERO)
}

async fn step<S: Source>(target: &mut PolledTarget<S>) -> Result<(), ApiError> {
    let end = target.menus.state.totals().watermark();
    let clock = target.now();
    let Some(outcomes) = &mut target.outcomes else { return Ok(()) };
    let Some(mut pass) = outcomes.next_pass(end, clock).await? else { return Ok(()) };
    let step = target.step(&mut pass).await;
    if let Some(outcomes) = &mut target.outcomes
        && outcomes.stepped(pass)
    {
        target.exposure.score_hang_ups(&mut outcomes.track).await;
    }
    match step? {
        Step::Stuck(error) => Err(error),
        Step::Advanced | Step::Narrower => Ok(()),
    }
}
