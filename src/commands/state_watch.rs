//! Watches the state file of the running exporter, and saves the state when another program takes
//! the file away.
//!
//! Owns the times of its checks, and its messages in the log, in the metrics and on the status
//! page. The store saves the state.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, warn};

use crate::{
    config::Config,
    ledger::TargetCounters,
    poller::Clock,
    schedule::local_second,
    snapshot::TargetSnapshot,
    status::{Notice, Notices},
    store::{Displacement, RescuedTarget, Store, StoreError},
    telemetry::Telemetry,
};

/// Time between two checks, each of which makes three calls to the file system.
const EVERY: Duration = Duration::from_secs(5);

/// A request to recreate the state while no poller commits, which receives the outcome.
pub(super) type MakeAnew = oneshot::Sender<Result<(), StoreError>>;

/// The watch over one state file.
pub(super) struct StateWatch {
    pub(super) store: Arc<Store>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) notices: Arc<Notices>,
    pub(super) clock: Clock,
    pub(super) make_anew: mpsc::Sender<MakeAnew>,
}

impl StateWatch {
    /// Checks the file every few seconds. Never returns.
    pub(super) async fn run(self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let store = self.store.clone();
            match spawn_blocking(move || store.displacement()).await {
                Ok(Ok(None)) => self.telemetry.state_file(true),
                Ok(Ok(Some(what))) => {
                    let outcome = self.save(what).await;
                    self.report(what, outcome);
                }
                Ok(Err(error)) => {
                    warn!(%error, "the file system does not say whether the state file is still there");
                }
                Err(panic) => error!(%panic, "looking at the state file broke off"),
            }
        }
    }

    async fn save(&self, what: Displacement) -> Result<(), StoreError> {
        if what.keeps_contents() {
            let store = self.store.clone();
            return spawn_blocking(move || store.put_back())
                .await
                .unwrap_or_else(|_| Err(broke_off()));
        }
        let (sender, outcome) = oneshot::channel();
        // If the request is not taken, the process is ending, and the outcome is an error.
        let _ = self.make_anew.send(sender).await;
        outcome.await.unwrap_or_else(|_| Err(broke_off()))
    }

    fn report(&self, what: Displacement, outcome: Result<(), StoreError>) {
        let saved = outcome.is_ok();
        self.telemetry.state_file(saved);
        match outcome {
            Ok(()) => {
                self.telemetry.state_file_saved(what);
                error!(
                    cause = what.as_str(),
                    whole = what.keeps_contents(),
                    "another program changed the state file; the state was saved into a new one at the same path, and what was \
                     found there is kept beside it as .displaced"
                );
            }
            Err(error) => error!(
                cause = what.as_str(),
                "another program changed the state file, and the state cannot be saved: {error}; what is counted from now on is \
                 lost if the exporter ends; trying again every {} s",
                EVERY.as_secs()
            ),
        }
        self.notices.state_file(&Notice::StateFile { what, at: (self.clock)(), saved });
    }
}

fn broke_off() -> StoreError {
    StoreError::Failed("saving the state broke off".to_owned())
}

/// Returns the part of a published target from which a new state begins. The new state does not
/// know the rows up to the watermark, so it must not count them again: late ones are lost, and one
/// window counts as incomplete.
pub(super) fn rescued(target: &TargetSnapshot) -> RescuedTarget {
    let zone = &target.zone;
    let outcomes = target.outcomes.as_ref();
    RescuedTarget {
        name: target.server.clone(),
        counters: rescued_counters(&target.counters, zone),
        outcomes: outcomes.map(|outcomes| rescued_counters(&outcomes.counters, zone)),
    }
}

fn rescued_counters(counters: &TargetCounters, zone: &TimeZone) -> TargetCounters {
    let mut counters = counters.clone();
    let totals = &mut counters.totals;
    totals.horizon = totals.horizon.max(local_second(totals.watermark(), zone) + 1);
    totals.incomplete += 1;
    totals.hourly_read = None;
    totals.nightly_read = None;
    counters
}

/// Warns of targets that are only in the state while others are only in `config`, because one may
/// have been renamed.
pub(super) async fn look_for_renamed(store: &Arc<Store>, config: &Config, notices: &Notices) {
    let store = store.clone();
    // A state that cannot be read now is reported by the work that needs it.
    let Ok(Ok(known)) = spawn_blocking(move || store.target_names()).await else { return };
    let configured: Vec<&String> = config.targets.iter().map(|target| &target.name).collect();
    let left: Vec<String> =
        known.iter().filter(|name| !configured.contains(name)).cloned().collect();
    let begun: Vec<String> =
        configured.into_iter().filter(|name| !known.contains(name)).cloned().collect();
    if left.is_empty() || begun.is_empty() {
        return;
    }
    warn!(
        in_state = left.join(","),
        begun = begun.join(","),
        "the state has targets that are not configured, and others begin: if one was renamed, stop the exporter and run \
         `wolkvox-exporter state rename OLD NEW`, so that its counters go on"
    );
    notices.renamed(&Notice::Renamed { left, begun });
}

#[cfg(test)]
mod tests {
    use std::fs;

    use jiff::Timestamp;

    use super::*;

    fn watch(store: Store) -> (StateWatch, mpsc::Receiver<MakeAnew>) {
        let (make_anew, wishes) = mpsc::channel(1);
        let watch = StateWatch {
            store: Arc::new(store),
            telemetry: Arc::new(Telemetry::default()),
            notices: Arc::default(),
            clock: Arc::new(|| Timestamp::UNIX_EPOCH),
            make_anew,
        };
        (watch, wishes)
    }

    /// A loss is noticed within a minute, and said until the next one.
    #[tokio::test(start_paused = true)]
    async fn a_state_file_that_goes_is_noticed_within_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.redb");
        let (watch, mut wishes) = watch(Store::open(&path, [1; 16]).expect("a state"));
        let notices = watch.notices.clone();
        let watching = tokio::spawn(watch.run());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(notices.load().is_empty());
        fs::remove_file(&path).expect("it was there");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let removed = Displacement::Removed;
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(*notices.load(), [Notice::StateFile { what: removed, at, saved: true }]);
        assert!(path.exists());
        fs::write(&path, "of somebody else").expect("it can be written");
        let wish = wishes.recv().await.expect("its contents are lost");
        wish.send(Err(StoreError::Failed("the disk is full".to_owned()))).expect("it waits");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let what = Displacement::Cut;
        assert_eq!(*notices.load(), [Notice::StateFile { what, at, saved: false }]);
        watching.abort();
    }
}
