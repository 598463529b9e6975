//! One target's task: starts its poller, and starts it again after it could not be started or has broken off.
//!
//! Owns the waits between two tries. A poller that panics, which is a bug or a row that nobody thought of, must not take
//! the other targets with it; and there must never be two pollers of a target, so the next one begins only after the
//! task of the one before has ended.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use jiff::Timestamp;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Deps, target_spec::TargetSpec};
use crate::{
    schedule::{
        self,
        backoff::{Backoff, LONGEST_WAIT},
    },
    status::PollOutcome,
    wolkvox::ApiError,
};

/// Wait after a first panic, which doubles with each further one, and after a target could not be started because of the disk.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// Returns when `stop` is cancelled and the poller has ended. `tell` how the first try to start it went.
pub(super) async fn keep_polling(
    spec: Arc<TargetSpec>,
    deps: Deps,
    stop: CancellationToken,
    tell: oneshot::Sender<anyhow::Result<()>>,
) {
    let mut tell = Some(tell);
    let mut after_panic = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let began = Instant::now();
        let (started, has_started) = oneshot::channel();
        // A set, because what is in it ends with it.
        let mut task = JoinSet::new();
        task.spawn(start_and_run(spec.clone(), deps.clone(), stop.clone(), started));
        if has_started.await.is_ok() {
            report(&spec, tell.take(), Ok(()));
        }
        let wait = match task.join_next().await {
            Some(Ok(Err(error))) => {
                let fault = ApiError::Internal(format!("{error:#}"));
                show_down(&spec, &deps, FIRST_WAIT, |since| PollOutcome::Failed { fault, since });
                report(&spec, tell.take(), Err(error));
                FIRST_WAIT
            }
            Some(Err(panic)) if panic.is_panic() => {
                if began.elapsed() >= LONGEST_WAIT {
                    after_panic.succeeded();
                }
                deps.telemetry.target(spec.name()).restarted();
                let jitter = schedule::spread(spec.name(), after_panic.failures().into());
                let wait = after_panic.failed(Instant::now(), jitter, None);
                show_down(&spec, &deps, wait, |since| PollOutcome::BrokeOff { since });
                let said =
                    anyhow!("its poller broke off, which is a bug; trying again in {} s", wait.as_secs());
                error!(server = spec.name(), panics = after_panic.failures(), "{said}");
                if let Some(tell) = tell.take() {
                    // Whoever asked may have gone away.
                    let _ = tell.send(Err(said));
                }
                wait
            }
            _ => return,
        };
        if stop.run_until_cancelled(sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// Publishes that the target is not polled for `wait`, so that nobody takes what it showed last for current.
fn show_down(spec: &TargetSpec, deps: &Deps, wait: Duration, outcome: impl FnOnce(Timestamp) -> PollOutcome) {
    let now = (deps.clock)();
    let next_poll = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    deps.publisher.down(spec.name(), outcome(now), next_poll);
}

/// An error is that it could not be started.
async fn start_and_run(
    spec: Arc<TargetSpec>,
    deps: Deps,
    stop: CancellationToken,
    started: oneshot::Sender<()>,
) -> anyhow::Result<()> {
    let poller = spec.start(&deps, stop).await?;
    // Whoever asked may have gone away.
    let _ = started.send(());
    poller.run().await;
    Ok(())
}

fn report(spec: &TargetSpec, tell: Option<oneshot::Sender<anyhow::Result<()>>>, outcome: anyhow::Result<()>) {
    match (tell, outcome) {
        // Whoever asked may have gone away.
        (Some(tell), outcome) => drop(tell.send(outcome)),
        (None, Ok(())) => info!(server = spec.name(), "started after all"),
        (None, Err(error)) => error!(server = spec.name(), "cannot be started: {error:#}"),
    }
}
