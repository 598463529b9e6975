//! One target's task: starts its poller, and starts it again if it could not start or has panicked.
//!
//! Owns the waits between two tries. A poller that panics because of a bug must not stop other
//! targets. A target must never have two pollers, so the next one starts only after the task of the
//! previous one has ended.

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

/// Wait after a first panic, which doubles with each further one, and after a target could not be
/// started because of the disk.
const FIRST_WAIT: Duration = Duration::from_secs(30);

/// Returns when `stop` is cancelled and the poller has ended. Sends the outcome of the first start
/// to `first_start`.
pub(super) async fn keep_polling(
    spec: Arc<TargetSpec>,
    deps: Deps,
    stop: CancellationToken,
    first_start: oneshot::Sender<anyhow::Result<()>>,
) {
    let mut first_start = Some(first_start);
    let mut after_panic = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let began = Instant::now();
        let (started, has_started) = oneshot::channel();
        // A set aborts its tasks when it is dropped.
        let mut task = JoinSet::new();
        task.spawn(start_and_run(spec.clone(), deps.clone(), stop.clone(), started));
        if has_started.await.is_ok() {
            report(&spec, first_start.take(), Ok(()));
        }
        let wait = match task.join_next().await {
            Some(Ok(Err(error))) => {
                let fault = ApiError::Internal(format!("{error:#}"));
                show_down(&spec, &deps, FIRST_WAIT, |since| PollOutcome::Failed { fault, since });
                report(&spec, first_start.take(), Err(error));
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
                let broke_off = anyhow!(
                    "its poller broke off, which is a bug; trying again in {} s",
                    wait.as_secs()
                );
                error!(server = spec.name(), panics = after_panic.failures(), "{broke_off}");
                if let Some(first_start) = first_start.take() {
                    // The receiver may be gone.
                    let _ = first_start.send(Err(broke_off));
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

/// Publishes that the target is not polled for `wait`, so that its last snapshot does not look
/// current.
fn show_down(
    spec: &TargetSpec,
    deps: &Deps,
    wait: Duration,
    outcome: impl FnOnce(Timestamp) -> PollOutcome,
) {
    let now = (deps.clock)();
    let next_poll = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    deps.publisher.down(spec.name(), outcome(now), next_poll);
}

/// Starts the poller and runs it. Returns an error only if it cannot be started.
async fn start_and_run(
    spec: Arc<TargetSpec>,
    deps: Deps,
    stop: CancellationToken,
    started: oneshot::Sender<()>,
) -> anyhow::Result<()> {
    let poller = spec.start(&deps, stop).await?;
    // The receiver may be gone.
    let _ = started.send(());
    poller.run().await;
    Ok(())
}

/// Sends the outcome of the first start to whoever waits for it, and logs those of later ones.
fn report(
    spec: &TargetSpec,
    first_start: Option<oneshot::Sender<anyhow::Result<()>>>,
    outcome: anyhow::Result<()>,
) {
    match (first_start, outcome) {
        // The receiver may be gone.
        (Some(first_start), outcome) => drop(first_start.send(outcome)),
        (None, Ok(())) => info!(server = spec.name(), "started after all"),
        (None, Err(error)) => error!(server = spec.name(), "cannot be started: {error:#}"),
    }
}
