//! The running pollers, one for each configured target.
//!
//! Owns their starts and ends: at the start of the process, at a reload, and at the end of the
//! process. A target must never have two pollers at the same time, because each assumes to be the
//! only writer of its counters. A reload must not disturb a target whose configuration is
//! unchanged. A target must not end another's polls, not even by a panic. `poller` polls a target.

mod keep_polling;
mod target_spec;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use self::{keep_polling::keep_polling, target_spec::TargetSpec};
use crate::{
    config::{Config, TargetConfig},
    poller::{Api, Clock, Replay, SharedConfig},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{ClientLimits, Egress, Transport},
};

/// The parts that all targets share.
#[derive(Clone)]
pub struct Deps {
    /// The open state.
    pub store: Arc<Store>,
    /// Publishes the targets' snapshots.
    pub publisher: Arc<Publisher>,
    /// The live metrics.
    pub telemetry: Arc<Telemetry>,
    /// Tells the time.
    pub clock: Clock,
    /// Places for requests in flight, shared by all targets, which bound the memory of their
    /// answers.
    pub in_flight: Arc<Semaphore>,
    /// Runs the pollers off the thread that answers scrapes, because reading an answer keeps a
    /// thread busy.
    pub workers: Handle,
}

/// The running pollers.
pub struct Supervisor {
    deps: Deps,
    members: BTreeMap<String, Member>,
    /// The tasks of all pollers, including those that are still ending.
    tasks: TaskTracker,
}

/// A target that is polled.
struct Member {
    spec: Arc<TargetSpec>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// The effect of a change of the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Targets that are polled from now on.
    pub added: usize,
    /// Targets that are no longer polled. Their counters stay in the state.
    pub removed: usize,
    /// Targets that are polled with other settings.
    pub changed: usize,
    /// Targets that the change did not affect.
    pub kept: usize,
}

impl Supervisor {
    /// Starts no poller yet.
    pub fn new(deps: Deps) -> Self {
        Self { deps, members: BTreeMap::new(), tasks: TaskTracker::new() }
    }

    /// Switches to the pollers of `config`. First it makes everything that can fail because of the
    /// configuration, then it ends pollers, then it starts others. When it returns, a scrape shows
    /// all targets of `config` and no others. Unchanged targets continue undisturbed.
    ///
    /// # Errors
    /// If a target cannot be set up, which changes nothing; or if the state cannot be read, and
    /// then every target concerned is tried again until it can.
    pub async fn change_to(&mut self, config: &Config) -> anyhow::Result<Change> {
        let shared = Arc::new(SharedConfig::of(config));
        let wanted: BTreeMap<&str, &TargetConfig> =
            config.targets.iter().map(|target| (target.name.as_str(), target)).collect();
        let mut change = Change::default();
        let mut ending = BTreeSet::new();
        for (name, member) in &self.members {
            match wanted.get(name.as_str()) {
                Some(target) if member.spec.is_of(target, &shared) => {
                    change.kept += 1;
                    member.spec.probe();
                }
                Some(_) => change.changed += usize::from(ending.insert(name.clone())),
                None => change.removed += usize::from(ending.insert(name.clone())),
            }
        }
        let beginning: Vec<TargetConfig> = config
            .targets
            .iter()
            .filter(|target| {
                !self.members.contains_key(&target.name) || ending.contains(&target.name)
            })
            .cloned()
            .collect();
        let specs = self.specs(beginning, shared).await?;
        change.added = specs.len() - change.changed;
        self.end(&ending).await;
        if change.removed > 0 {
            let names = config.targets.iter().map(|target| target.name.clone()).collect();
            self.deps.publisher.keep(&names);
            self.deps.telemetry.keep(&names);
        }
        let started: Vec<_> = specs.into_iter().map(|spec| self.begin(spec)).collect();
        let mut outcome = Ok(());
        for (name, first_start) in started {
            // A task that is gone was stopped, which is not an error.
            let started = first_start.await.unwrap_or(Ok(()));
            outcome = outcome.and(started.with_context(|| format!("target {name}")));
        }
        self.deps.publisher.settled().await;
        outcome.map(|()| change)
    }

    /// Makes the reader of the past of one target of `config`. If its state is new, it begins at
    /// `origin`.
    ///
    /// # Errors
    /// If it cannot be set up, or its state cannot be read.
    pub async fn replay(
        &self,
        config: &Config,
        target: &TargetConfig,
        origin: Timestamp,
        stop: CancellationToken,
    ) -> anyhow::Result<Replay<Api>> {
        let specs = self.specs(vec![target.clone()], Arc::new(SharedConfig::of(config))).await?;
        let spec = specs.into_iter().next().context("a target that is set up has a poller")?;
        Ok(Replay::new(spec.start_at(origin, &self.deps, stop).await?))
    }

    /// Ends all pollers, each after the commit under way, and waits `within` for that at most.
    pub async fn end_all(self, within: Duration) {
        for member in self.members.values() {
            member.stop.cancel();
        }
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            warn!(
                targets = self.tasks.len(),
                "some targets did not end in time; what was committed is safe"
            );
        }
    }

    /// Makes everything that the pollers of these targets need. The machine's certificate
    /// authorities are read once for all of them, and not at all for no targets.
    async fn specs(
        &self,
        targets: Vec<TargetConfig>,
        shared: Arc<SharedConfig>,
    ) -> anyhow::Result<Vec<Arc<TargetSpec>>> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let fingerprints = self.deps.store.fingerprints();
        let in_flight = self.deps.in_flight.clone();
        spawn_blocking(move || {
            let mut transports = Transports::default();
            let mut specs = Vec::with_capacity(targets.len());
            for target in targets {
                let name = target.name.clone();
                let transport = transports.of(&target.egress)?;
                let spec = TargetSpec::new(
                    target,
                    shared.clone(),
                    &transport,
                    fingerprints.clone(),
                    in_flight.clone(),
                )
                .with_context(|| format!("target {name}"))?;
                specs.push(Arc::new(spec));
            }
            Ok(specs)
        })
        .await?
    }

    /// Ends these pollers and returns when their tasks are gone.
    async fn end(&mut self, names: &BTreeSet<String>) {
        let ending: Vec<Member> =
            names.iter().filter_map(|name| self.members.remove(name)).collect();
        for member in &ending {
            member.stop.cancel();
        }
        for member in ending {
            let _ = member.task.await;
        }
    }

    /// Ends every poller, runs `work` while nobody commits, and starts the pollers again from the
    /// state as it is then.
    pub async fn pause<T>(&mut self, work: impl Future<Output = T>) -> T {
        let names: BTreeSet<String> = self.members.keys().cloned().collect();
        let specs: Vec<_> = self.members.values().map(|member| member.spec.clone()).collect();
        self.end(&names).await;
        let outcome = work.await;
        for spec in specs {
            self.begin(spec);
        }
        outcome
    }

    /// Starts the poller of a target. The receiver gets the outcome of its first start; a failed
    /// start is tried again.
    fn begin(&mut self, spec: Arc<TargetSpec>) -> (String, oneshot::Receiver<anyhow::Result<()>>) {
        let name = spec.name().to_owned();
        let stop = CancellationToken::new();
        let (sender, first_start) = oneshot::channel();
        let polling = keep_polling(spec.clone(), self.deps.clone(), stop.clone(), sender);
        let task = self.tasks.spawn_on(polling, &self.deps.workers);
        self.members.insert(name.clone(), Member { spec, stop, task });
        (name, first_start)
    }
}

/// One transport for each different connection. There are few, however many targets.
#[derive(Default)]
struct Transports(Vec<(Egress, Transport)>);

impl Transports {
    fn of(&mut self, egress: &Egress) -> anyhow::Result<Transport> {
        if let Some((_, transport)) = self.0.iter().find(|(known, _)| known.leads_as(egress)) {
            return Ok(transport.clone());
        }
        let transport = Transport::new(egress, ClientLimits::default())?;
        self.0.push((egress.clone(), transport.clone()));
        Ok(transport)
    }
}
