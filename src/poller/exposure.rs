//! The contents of a target's scrape and status page: the committed state, and the release of
//! counts that are held at 0.
//!
//! Owns everything that is shown beside the counters: the last closed window, names, scores, the
//! results of the polls. It must never show a count that is not committed.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{error, warn};

use super::{
    PollerConfig,
    baseline::{Scorer, history_seconds},
    committed_state::CommittedState,
    health::Health,
    names::NameBook,
    outcomes::OutcomesReading,
    track::Track,
};
use crate::{
    ledger::{Overflow, TargetCounters, WindowCounts},
    schedule::{TimeRange, backoff::Backoff},
    snapshot::{Publisher, TargetSnapshot, Usual},
    status::TargetStatus,
    telemetry::TargetTelemetry,
    wolkvox::DateShifts,
};

/// Wait after a failed write that would have made counts visible.
const RELEASE_RETRY: Duration = Duration::from_secs(30);

/// The exposed values beside the counters.
pub(super) struct Exposure {
    publisher: Arc<Publisher>,
    pub(super) telemetry: TargetTelemetry,
    release: Backoff,
    /// The counts of the last closed window; `None` if they are unknown.
    pub(super) window: Option<Arc<WindowCounts>>,
    pub(super) names: NameBook,
    pub(super) health: Health,
    scorer: Scorer,
    /// The limit of series has been logged.
    overflow_logged: bool,
}

impl Exposure {
    pub(super) fn new(
        publisher: Arc<Publisher>,
        telemetry: TargetTelemetry,
        names: NameBook,
    ) -> Self {
        Self {
            publisher,
            telemetry,
            release: Backoff::new(RELEASE_RETRY, RELEASE_RETRY),
            window: None,
            names,
            health: Health::default(),
            scorer: Scorer::default(),
            overflow_logged: false,
        }
    }

    /// Compares the dates of an answer's calls with the configured time zone.
    pub(super) fn saw_dates(&mut self, server: &str, shifts: &DateShifts) {
        if let Some(verdict) = self.health.zone.saw(server, shifts) {
            self.telemetry.date_shift(verdict.seconds);
        }
    }

    /// Logs, once per process, that the limit of series is reached; the metric has the details.
    pub(super) fn log_overflow(
        &mut self,
        server: &str,
        before: Overflow,
        counters: &TargetCounters,
    ) {
        if self.overflow_logged || counters.totals.overflow == before {
            return;
        }
        self.overflow_logged = true;
        warn!(
            server,
            label_sets = counters.menus.len(),
            "the limit of series is reached, new options are counted under `other`: raise menu.series_limit or \
             menu.options_limit, or fold options with menu.options"
        );
    }

    /// Computes the scores of the last closed window.
    pub(super) async fn score(&mut self, state: &mut CommittedState, config: &Arc<PollerConfig>) {
        let window =
            self.window.as_ref().map(|window| TimeRange { from: window.start, to: window.end });
        let history = state.history().clone();
        let watermark = state.totals().watermark();
        self.scorer.score(window, history, watermark, config).await;
    }

    /// Computes the scores of hang-ups from the outcomes of calls.
    pub(super) async fn score_hang_ups(&mut self, outcomes: &mut Track) {
        let Track { config, state, .. } = outcomes;
        let history = state.history().clone();
        let watermark = state.totals().watermark();
        self.scorer.score_hang_ups(history, watermark, config).await;
    }

    /// Drops the scores of hang-ups, because the outcomes of calls cannot be read.
    pub(super) fn forget_hang_ups(&mut self) {
        self.scorer.forget_hang_ups();
    }

    /// Returns the moment at which the next held count may be shown; `None` if none waits.
    pub(super) fn next_release<'t>(
        &self,
        tracks: impl Iterator<Item = &'t Track>,
    ) -> Option<Instant> {
        let now = Instant::now();
        let release =
            tracks.filter_map(|track| track.hold.next(track.state.counters(), now)).min()?;
        Some(self.release.not_before().map_or(release, |not_before| release.max(not_before)))
    }

    /// Makes the counts visible that have been shown as 0 for long enough.
    pub(super) async fn release(&mut self, track: &mut Track, clock: Timestamp) {
        let now = Instant::now();
        if !self.release.is_over(now) {
            return;
        }
        let Track { config, state, hold, .. } = track;
        match state.release(config, clock, |counted| hold.seen(counted, now)).await {
            Ok(()) => self.release.succeeded(),
            Err(error) => {
                self.release.failed(now, 0.0, None);
                error!(server = config.target.name, "cannot make new series visible: {error}");
            }
        }
    }

    /// Hands the committed state to the publisher.
    pub(super) fn publish(
        &self,
        menus: &mut Track,
        outcomes: Option<&mut OutcomesReading>,
        status: TargetStatus,
    ) {
        let Track { config, state, .. } = &*menus;
        let snapshot = TargetSnapshot {
            outcomes: outcomes.as_deref().map(OutcomesReading::snapshot),
            window: self.window.clone(),
            up: self.health.is_up(),
            usual: Usual {
                scores: self.scorer.scores(),
                history_seconds: history_seconds(state, config).unsigned_abs(),
            },
            ..config.snapshot(
                state.counters().clone(),
                self.names.exposed(),
                self.telemetry.clone(),
            )
        };
        let shown = self.publisher.put(snapshot, status, state.history().clone());
        let tracks = std::iter::once(menus).chain(outcomes.map(|outcomes| &mut outcomes.track));
        for Track { hold, state, .. } in tracks {
            hold.published(state.counters(), &shown);
        }
    }
}
