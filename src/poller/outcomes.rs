//! Reads the second report, diagram_1: what became of the calls. An errand behind the live polls of diagram_13, which it
//! never reaches: whatever is wrong with it is its own.
//!
//! Owns what has been learnt of the server's answers about it, what is committed of it, and how far its pass has come. How
//! rows are asked for, judged and counted is the same as for diagram_13.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Poller, PollerConfig, Source,
    agenda::Errand,
    committed_state::CommittedState,
    judge::{Judge, Reading},
    reading::{Pass, Step},
    rereads::{Reread, Rereads},
    unread::UnreadRows,
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
    pub(super) config: Arc<PollerConfig>,
    pub(super) judge: Judge,
    pub(super) state: CommittedState,
    pub(super) unread: UnreadRows,
    rereads: Rereads,
    /// The pass over the newest windows that is under way.
    pass: Option<Pass>,
    /// Where the last such pass of this process ended; until there has been one, the watermark at its start.
    read_to: Timestamp,
    /// Whether there has been one.
    has_read: bool,
    /// Why the last step failed.
    failure: Option<ApiError>,
}

impl OutcomesReading {
    /// Takes over what is committed of it. Where nothing is, counting begins where that of `main` has come to.
    pub(super) async fn open(main: &mut CommittedState, config: &PollerConfig) -> Result<Self, StoreError> {
        let config = Arc::new(config.for_outcomes());
        let origin = main.totals().watermark();
        let begin = move || TargetCounters::new(origin);
        let restore = main.with_store(move |store, id| store.restore_report(id, ReportName::Diagram1, begin));
        let (id, counters) = restore.await?;
        let mut state = main.beside(id, counters, &config).await?;
        let unanswerable = state.unanswerable().await?;
        Ok(Self {
            judge: Judge::new(config.row_cap, unanswerable),
            unread: UnreadRows::default(),
            rereads: Rereads::new(
                &format!("{} {}", config.name, ReportName::Diagram1.as_str()),
                Instant::now(),
            ),
            pass: None,
            read_to: state.totals().watermark(),
            has_read: false,
            failure: None,
            state,
            config,
        })
    }

    /// Moves the origin, if nothing has been read.
    pub(super) async fn begin_at(&mut self, origin: Timestamp) -> Result<(), StoreError> {
        let totals = self.state.totals();
        if totals.watermark > totals.origin || totals.new > 0 {
            return Ok(());
        }
        self.state.begin_at(&self.config, origin).await?;
        self.read_to = self.state.totals().watermark();
        Ok(())
    }

    /// Whether this process has read the newest windows, and can read them still.
    pub(super) fn is_up(&self) -> bool {
        self.has_read && self.failure.is_none()
    }

    /// What is exposed of it.
    pub(super) fn snapshot(&self) -> OutcomesSnapshot {
        OutcomesSnapshot {
            counters: self.state.counters().clone(),
            history: self.state.history().clone(),
            has_read: self.has_read,
            failure: self.failure.clone(),
        }
    }

    /// A pass over the newest windows came to its end.
    fn ended(&mut self, pass: &Pass) {
        self.unread.end();
        self.read_to = pass.end;
        self.has_read = true;
        if self.failure.take().is_some() {
            info!(
                server = self.config.name,
                report = ReportName::Diagram1.as_str(),
                "what became of the calls can be read again"
            );
        }
    }

    fn next_reread(&self, clock: Timestamp) -> Option<Reread> {
        self.rereads.next(self.state.totals(), &self.config, clock, Instant::now())
    }
}

impl<S: Source> Poller<S> {
    /// Whether a step of it has something to do: never beyond what has been read of `diagram_13`.
    pub(super) fn wants_outcomes(&self) -> bool {
        let end = self.state.totals().watermark();
        self.outcomes.as_ref().is_some_and(|outcomes| {
            outcomes.pass.is_some()
                || outcomes.read_to < end
                || outcomes.next_reread((self.clock)()).is_some()
        })
    }

    /// One step: of the newest windows, or else of a re-reading.
    pub(super) async fn read_outcomes(&mut self) {
        let started = Instant::now();
        let stepped = self.step_outcomes().await;
        let now = Instant::now();
        let took = now.duration_since(started);
        let Some(outcomes) = &mut self.outcomes else { return };
        match stepped {
            Ok(()) => self.agenda.went_on(Errand::Outcomes, took, std::time::Duration::ZERO, now),
            Err(error) => {
                self.agenda.failed(Errand::Outcomes, took, &error, now);
                warn!(
                    server = self.config.name,
                    report = ReportName::Diagram1.as_str(),
                    class = error.class().as_str(),
                    "reading what became of the calls failed, going on later: {error}; the counts of the menus do not \
                     depend on it"
                );
                outcomes.failure = Some(error);
                self.exposure.forget_hang_ups();
            }
        }
        self.publish().await;
    }

    async fn step_outcomes(&mut self) -> Result<(), ApiError> {
        let end = self.state.totals().watermark();
        let clock = (self.clock)();
        let Some(outcomes) = &mut self.outcomes else { return Ok(()) };
        outcomes.state.restore_if_stale(&outcomes.config).await?;
        let mut pass = match outcomes.pass.take() {
            Some(pass) => pass,
            None if outcomes.read_to < end => {
                let is_first = !outcomes.has_read;
                outcomes.judge.begin(Reading::Live);
                let pass = self.live_pass(ReportName::Diagram1, end, is_first).await?;
                Pass { purpose: Purpose::Background, ..pass }
            }
            None => {
                let Some(reread) = outcomes.next_reread(clock) else { return Ok(()) };
                outcomes.rereads.begin(&reread, Instant::now());
                outcomes.judge.begin(Reading::Reread);
                Pass::again(ReportName::Diagram1, reread)
            }
        };
        let step = self.step(&mut pass).await;
        let Some(outcomes) = &mut self.outcomes else { return Ok(()) };
        if pass.is_over() {
            outcomes.judge.end(pass.reading);
        }
        match (pass.reading, pass.is_over()) {
            (Reading::Live, true) => {
                outcomes.ended(&pass);
                self.exposure.score_hang_ups(&mut outcomes.state, &outcomes.config).await;
            }
            (Reading::Live, false) => outcomes.pass = Some(pass),
            (Reading::Reread, _) => {}
        }
        match step? {
            Step::Stuck(error) => Err(error),
            Step::Advanced | Step::Narrower => Ok(()),
        }
    }
}
