//! What a target's scrape shows, and when: the committed state, made visible with counts that have been held at 0.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use super::{CycleError, Poller, Source, zero_hold::ZeroHold};
use crate::{
    ledger::{Overflow, WindowCounts},
    snapshot::{Publisher, TargetSnapshot, Usual},
};

/// After the disk refused a release, wait this long.
const RELEASE_RETRY: Duration = Duration::from_secs(30);

/// What is shown beside the counters.
pub(super) struct Exposure {
    publisher: Arc<Publisher>,
    hold: ZeroHold,
    release_after: Instant,
    /// The last closed window; `None` where it is not known.
    pub(super) window: Option<Arc<WindowCounts>>,
    /// It has been said that there are more label sets than the limit allows.
    overflow_said: bool,
}

impl Exposure {
    pub(super) fn new(publisher: Arc<Publisher>, zero_hold: Duration) -> Self {
        let hold = ZeroHold::new(zero_hold);
        Self { publisher, hold, release_after: Instant::now(), window: None, overflow_said: false }
    }

    /// Said once in a process's life: the metric says the rest.
    pub(super) fn tell_overflow(&mut self, server: &str, before: Overflow, now: Overflow, label_sets: usize) {
        if self.overflow_said || now == before {
            return;
        }
        self.overflow_said = true;
        warn!(
            server,
            label_sets,
            "the limit of series is reached, new options are counted under `other`: raise menu.series_limit or \
             menu.options_limit, or fold options with menu.options"
        );
    }
}

impl<S: Source> Poller<S> {
    /// Makes visible what has been shown as 0 for long enough, and publishes.
    pub(super) async fn publish(&mut self) {
        if self.books.day_read_to().is_some() {
            // Nobody scrapes the past.
            return;
        }
        let now = Instant::now();
        if now >= self.exposure.release_after {
            let (hold, clock) = (&self.exposure.hold, (self.clock)());
            let released = self.books.release(&self.settings, clock, |counted| hold.seen(counted, now)).await;
            if let Err(error) = released {
                self.exposure.release_after = now + RELEASE_RETRY;
                error!(server = self.settings.name, "cannot make new series visible: {error}");
            }
        }
        let snapshot = TargetSnapshot {
            server: self.settings.name.clone(),
            zone: self.settings.zone.clone(),
            account: self.books.counters().clone(),
            window: self.exposure.window.clone(),
            up: self.health.is_up(),
            buckets: self.settings.buckets.clone(),
            names: self.names.exposed(),
            kinds: self.settings.kinds.clone(),
            series_limit: self.settings.limits.menus,
            usual: Usual {
                scores: self.judge.scores.clone(),
                history_seconds: self.history_seconds().unsigned_abs(),
            },
            telemetry: self.telemetry.clone(),
        };
        let shown = self.exposure.publisher.put(snapshot, self.status(), self.books.history().clone());
        self.exposure.hold.published(self.books.counters(), &shown);
    }

    /// Runs `work` while counts become visible when they are due. `Err` when it is time to end.
    pub(super) async fn tend<F: Future>(&mut self, work: F) -> Result<F::Output, CycleError> {
        let mut work = std::pin::pin!(work);
        let mut stopped = std::pin::pin!(self.shutdown.clone().cancelled_owned());
        loop {
            let release = self.exposure.hold.next(self.books.counters(), Instant::now());
            let release = release.map(|at| at.max(self.exposure.release_after));
            tokio::select! {
                output = &mut work => return Ok(output),
                () = &mut stopped => return Err(CycleError::Shutdown),
                () = sleep_until(release.unwrap_or_else(Instant::now)), if release.is_some() => self.publish().await,
            }
        }
    }
}
