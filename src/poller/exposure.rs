//! What a target's scrape and status page show, and when: the committed state, made visible with counts that have been
//! held at 0.
//!
//! Owns everything that is shown beside the counters: the last closed window, names, scores, the course of the polls. Must
//! never show a count that is not committed.

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
    zero_hold::ZeroHold,
};
use crate::{
    ledger::{Overflow, TargetCounters, WindowCounts},
    schedule::{TimeRange, backoff::Backoff},
    snapshot::{OutcomesSnapshot, Publisher, TargetSnapshot, Usual},
    status::TargetStatus,
    telemetry::TargetTelemetry,
    wolkvox::{DateShifts, ReportName},
};

/// Wait after the disk refused to make a count visible.
const RELEASE_RETRY: Duration = Duration::from_secs(30);

/// The exposed values beside the counters.
pub(super) struct Exposure {
    publisher: Arc<Publisher>,
    pub(super) telemetry: TargetTelemetry,
    /// By report, in the order of [`ReportName::ALL`].
    holds: [ZeroHold; 2],
    release: Backoff,
    /// The last closed window; `None` where it is not known.
    pub(super) window: Option<Arc<WindowCounts>>,
    pub(super) names: NameBook,
    pub(super) health: Health,
    scorer: Scorer,
    /// The log has a line about more label sets than the limit allows.
    overflow_logged: bool,
}

impl Exposure {
    pub(super) fn new(
        publisher: Arc<Publisher>,
        telemetry: TargetTelemetry,
        names: NameBook,
        config: &PollerConfig,
    ) -> Self {
        Self {
            publisher,
            telemetry,
            holds: ReportName::ALL.map(|_| ZeroHold::new(config.zero_hold)),
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

    /// Logs, once in the life of a process, that the limit of series is reached: the metric says the rest.
    pub(super) fn log_overflow(&mut self, server: &str, before: Overflow, counters: &TargetCounters) {
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
        let window = self.window.as_ref().map(|window| TimeRange { from: window.start, to: window.end });
        let history = state.history().clone();
        let watermark = state.totals().watermark();
        self.scorer.score(window, history, watermark, config).await;
    }

    /// Computes the scores of hang-ups from what has been read of what became of calls.
    pub(super) async fn score_hang_ups(&mut self, outcomes: &mut CommittedState, config: &Arc<PollerConfig>) {
        let watermark = outcomes.totals().watermark();
        self.scorer.score_hang_ups(outcomes.history().clone(), watermark, config).await;
    }

    /// What became of calls cannot be read now, so nothing is known of hang-ups.
    pub(super) fn forget_hang_ups(&mut self) {
        self.scorer.forget_hang_ups();
    }

    /// The moment at which a count that is held at 0 may be shown; `None` where none waits. `states` are those of the
    /// reports, in the order of [`ReportName::ALL`].
    pub(super) fn next_release<'s>(
        &self,
        states: impl Iterator<Item = &'s CommittedState>,
    ) -> Option<Instant> {
        let now = Instant::now();
        let releases =
            self.holds.iter().zip(states).filter_map(|(hold, state)| hold.next(state.counters(), now));
        let release = releases.min()?;
        Some(self.release.not_before().map_or(release, |not_before| release.max(not_before)))
    }

    /// Makes visible what has been shown as 0 for long enough.
    pub(super) async fn release(
        &mut self,
        report: ReportName,
        state: &mut CommittedState,
        config: &PollerConfig,
        clock: Timestamp,
    ) {
        let now = Instant::now();
        if !self.release.is_over(now) {
            return;
        }
        let hold = &self.holds[report as usize];
        match state.release(config, clock, |counted| hold.seen(counted, now)).await {
            Ok(()) => self.release.succeeded(),
            Err(error) => {
                self.release.failed(now, 0.0, None);
                error!(server = config.name, "cannot make new series visible: {error}");
            }
        }
    }

    /// Hands the committed state to the publisher.
    pub(super) fn publish(
        &mut self,
        state: &CommittedState,
        outcomes: Option<OutcomesSnapshot>,
        config: &PollerConfig,
        status: TargetStatus,
    ) {
        let counters = outcomes.as_ref().map(|outcomes| outcomes.counters.clone());
        let snapshot = TargetSnapshot {
            server: config.name.clone(),
            zone: config.zone.clone(),
            account: state.counters().clone(),
            outcomes,
            window: self.window.clone(),
            up: self.health.is_up(),
            buckets: config.buckets.clone(),
            names: self.names.exposed(),
            kinds: config.kinds.clone(),
            series_limit: config.limits.menus,
            usual: Usual {
                scores: self.scorer.scores(),
                history_seconds: history_seconds(state, config).unsigned_abs(),
            },
            telemetry: self.telemetry.clone(),
        };
        let shown = self.publisher.put(snapshot, status, state.history().clone());
        let counters = std::iter::once(state.counters().clone()).chain(counters);
        for (hold, counters) in self.holds.iter_mut().zip(counters) {
            hold.published(&counters, &shown);
        }
    }
}
