//! One target's task: starts its poller, and starts it again after it could not be started or has broken off.
//!
//! Owns the waits between two tries. A poller that panics, which is a bug or a row that nobody thought of, must not take
//! the other targets with it; and there must never be two pollers of a target, so the next one begins only after the
//! task of the one before has ended.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use tokio::{
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{Deps, target_spec::TargetSpec};

/// After a target could not be started because of the disk, wait this long. After a panic, this long at first.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The wait doubles with each panic up to this; a poller that ran for so long begins with the first wait again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Returns when `stop` is cancelled and the poller has ended. `tell` how the first try to start it went.
pub(super) async fn keep_polling(
    spec: Arc<TargetSpec>,
    deps: Deps,
    stop: CancellationToken,
    tell: oneshot::Sender<anyhow::Result<()>>,
) {
    let (mut tell, mut panics) = (Some(tell), 0);
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
                report(&spec, tell.take(), Err(error));
                FIRST_WAIT
            }
            Some(Err(panic)) if panic.is_panic() => {
                panics = if began.elapsed() < LONGEST_WAIT { panics + 1 } else { 1 };
                deps.telemetry.target(spec.name()).restarted();
                let wait = wait_after(panics);
                let said =
                    anyhow!("its poller broke off, which is a bug; trying again in {} s", wait.as_secs());
                error!(server = spec.name(), panics, "{said}");
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

/// After so many panics in a row, at least one.
fn wait_after(panics: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << (panics.max(1) - 1).min(16)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let seconds: Vec<_> = [1, 2, 3, 7, 8, u32::MAX].map(|panics| wait_after(panics).as_secs()).into();
        assert_eq!(seconds, [30, 60, 120, 1920, 3600, 3600]);
    }
}
