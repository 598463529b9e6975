//! The running pollers, one for each target: which there are follows the configuration.
//!
//! Owns their starts and ends, at the start of the process, at a reload, and at its end. A target must never have two
//! pollers at once, for each believes to be the only writer of its account; and a target whose configuration is what
//! it was must not notice a reload. How a target is polled is `poller`'s.

mod target_spec;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    sync::{oneshot, watch},
    task::{JoinError, JoinSet, spawn_blocking},
    time::sleep,
};
use tracing::{error, info};

use self::target_spec::{Shared, TargetSpec};
use crate::{
    config::{Config, TargetConfig},
    poller::Clock,
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
};

/// After a target could not be started because of the disk, wait this long.
const START_RETRY: Duration = Duration::from_secs(30);

/// What all targets share.
#[derive(Clone)]
pub struct Deps {
    /// The open state.
    pub store: Arc<Store>,
    /// Where to publish.
    pub publisher: Arc<Publisher>,
    /// The live metrics.
    pub telemetry: Arc<Telemetry>,
    /// The time.
    pub clock: Clock,
}

/// The running pollers.
pub struct Supervisor {
    common: Deps,
    members: BTreeMap<String, Member>,
    /// Also those that were told to end and have not yet.
    tasks: JoinSet<String>,
    /// One ended otherwise.
    broken: Option<JoinError>,
}

/// A target that is polled.
struct Member {
    orders: Arc<TargetSpec>,
    stop: watch::Sender<bool>,
}

/// What a change of the configuration did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Polled from now on.
    pub added: usize,
    /// No longer polled. What was counted of them stays in the state.
    pub removed: usize,
    /// Polled in another way.
    pub changed: usize,
    /// Nothing happened to them.
    pub kept: usize,
}

impl Supervisor {
    /// Nobody yet.
    pub fn new(common: Deps) -> Self {
        Self { common, members: BTreeMap::new(), tasks: JoinSet::new(), broken: None }
    }

    /// Makes the pollers those of `config`. First everything is made that can fail on the configuration's account,
    /// then pollers end, then others begin; when this returns, a scrape shows all targets, and no others.
    ///
    /// # Errors
    /// When a target cannot be set up, which changes nothing; or when the state cannot be read, and then every target
    /// that is concerned is tried again until it can.
    pub async fn change_to(&mut self, config: &Config) -> anyhow::Result<Change> {
        let wanted = self.orders(config)?;
        let mut change = Change::default();
        let mut ending = BTreeSet::new();
        for (name, member) in &self.members {
            match wanted.get(name) {
                Some(orders) if orders.are(&member.orders) => change.kept += 1,
                Some(_) => change.changed += usize::from(ending.insert(name.clone())),
                None => change.removed += usize::from(ending.insert(name.clone())),
            }
        }
        self.end(ending).await;
        self.forget_others(wanted.keys().cloned().collect()).await?;
        let mut outcome = Ok(());
        for (name, orders) in wanted {
            if self.members.contains_key(&name) {
                continue;
            }
            let started = self.begin(&name, orders).await.with_context(|| format!("target {name}"));
            outcome = outcome.and(started);
        }
        change.added = self.members.len() - change.kept - change.changed;
        outcome.map(|()| change)
    }

    /// Returns when a poller has ended that was not told to: a bug, which would leave its target unread unnoticed.
    pub async fn broke_off(&mut self) -> JoinError {
        loop {
            if let Some(panic) = self.broken.take() {
                return panic;
            }
            match self.tasks.join_next().await {
                Some(ended) => self.broken = ended.err(),
                None => std::future::pending().await,
            }
        }
    }

    /// Ends all of them, each after the commit under way.
    pub async fn end_all(mut self) {
        for member in self.members.values() {
            member.stop.send_replace(true);
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn orders(&self, config: &Config) -> anyhow::Result<BTreeMap<String, Arc<TargetSpec>>> {
        let shared = Arc::new(Shared {
            poll: config.poll.clone(),
            menu: config.menu.clone(),
            journey: config.journey.clone(),
        });
        let orders = |target: &TargetConfig| {
            let orders = TargetSpec::new(target, shared.clone(), &self.common);
            orders
                .map(|orders| (target.name.clone(), Arc::new(orders)))
                .with_context(|| format!("target {}", target.name))
        };
        config.targets.iter().map(orders).collect()
    }

    async fn end(&mut self, mut names: BTreeSet<String>) {
        for name in &names {
            if let Some(member) = self.members.remove(name) {
                member.stop.send_replace(true);
            }
        }
        while !names.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(name)) => {
                    names.remove(&name);
                }
                Some(Err(panic)) => self.broken = Some(panic),
                None => return,
            }
        }
    }

    /// Takes the series of every target but these out of sight.
    async fn forget_others(&self, names: BTreeSet<String>) -> anyhow::Result<()> {
        let Deps { publisher, telemetry, .. } = self.common.clone();
        spawn_blocking(move || {
            publisher.keep(&names);
            telemetry.keep(&names);
        })
        .await?;
        Ok(())
    }

    /// Returns when its first snapshot is published, or could not be; then it is tried again.
    async fn begin(&mut self, name: &str, orders: Arc<TargetSpec>) -> anyhow::Result<()> {
        let (stop, shutdown) = watch::channel(false);
        let (tell, told) = oneshot::channel();
        let task = keep_polling(orders.clone(), self.common.clone(), shutdown, tell);
        let ended = name.to_owned();
        self.tasks.spawn(async move {
            task.await;
            ended
        });
        self.members.insert(name.to_owned(), Member { orders, stop });
        // A task that broke off before it could tell is found by `broke_off`.
        told.await.unwrap_or(Ok(()))
    }
}

/// One target from its start to its end; `tell` how the first try to start it went.
async fn keep_polling(
    orders: Arc<TargetSpec>,
    common: Deps,
    mut shutdown: watch::Receiver<bool>,
    tell: oneshot::Sender<anyhow::Result<()>>,
) {
    let mut tell = Some(tell);
    loop {
        let outcome = orders.start(&common, shutdown.clone()).await;
        let (outcome, poller) = match outcome {
            Ok(poller) => (Ok(()), Some(poller)),
            Err(error) => (Err(error), None),
        };
        match (tell.take(), outcome) {
            // Whoever asked may have gone away.
            (Some(tell), outcome) => drop(tell.send(outcome)),
            (None, Ok(())) => info!(server = orders.name(), "started at last"),
            (None, Err(error)) => error!(server = orders.name(), "cannot be started: {error:#}"),
        }
        if let Some(poller) = poller {
            return poller.run().await;
        }
        tokio::select! {
            () = sleep(START_RETRY) => {}
            // A sender that is gone means the same.
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}
