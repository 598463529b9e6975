//! The running pollers, one for each target: which there are follows the configuration.
//!
//! Owns their starts and ends, at the start of the process, at a reload, and at its end. A target must never have two
//! pollers at once, for each believes to be the only writer of its account; a target whose configuration is what it was
//! must not notice a reload; and no target may end another's polls, not even by a panic. How a target is polled is
//! `poller`'s.

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

use self::{
    keep_polling::keep_polling,
    target_spec::{SharedConfig, TargetSpec},
};
use crate::{
    config::{Config, TargetConfig},
    poller::{Api, Clock, Poller},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{ClientLimits, Egress, Transport},
};

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
    /// Places for requests in flight, shared by all targets: what bounds the memory of their answers.
    pub in_flight: Arc<Semaphore>,
    /// Where pollers run: off the thread that answers scrapes, for reading an answer keeps a thread busy.
    pub workers: Handle,
}

/// The running pollers.
pub struct Supervisor {
    deps: Deps,
    members: BTreeMap<String, Member>,
    /// Also those that were told to end and have not yet.
    tasks: TaskTracker,
}

/// A target that is polled.
struct Member {
    spec: Arc<TargetSpec>,
    stop: CancellationToken,
    task: JoinHandle<()>,
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
    pub fn new(deps: Deps) -> Self {
        Self { deps, members: BTreeMap::new(), tasks: TaskTracker::new() }
    }

    /// Makes the pollers those of `config`. First everything is made that can fail on the configuration's account,
    /// then pollers end, then others begin; when this returns, a scrape shows all targets, and no others. Where nothing
    /// has changed, nothing is done.
    ///
    /// # Errors
    /// When a target cannot be set up, which changes nothing; or when the state cannot be read, and then every target
    /// that is concerned is tried again until it can.
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
        let stays = |name: &str| self.members.contains_key(name) && !ending.contains(name);
        let beginning: Vec<TargetConfig> =
            config.targets.iter().filter(|target| !stays(&target.name)).cloned().collect();
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
        for (name, told) in started {
            // A task that is gone was told to end.
            let started = told.await.unwrap_or(Ok(()));
            outcome = outcome.and(started.with_context(|| format!("target {name}")));
        }
        self.deps.publisher.settled().await;
        outcome.map(|()| change)
    }

    /// The poller of one target of `config`, for who drives it himself. Its state begins at `origin` if it is new.
    ///
    /// # Errors
    /// When it cannot be set up, or its state cannot be read.
    pub async fn poller(
        &self,
        config: &Config,
        target: &TargetConfig,
        origin: Timestamp,
        stop: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let specs = self.specs(vec![target.clone()], Arc::new(SharedConfig::of(config))).await?;
        let spec = specs.into_iter().next().context("a target that is set up has a poller")?;
        spec.start_at(origin, &self.deps, stop).await
    }

    /// Ends all of them, each after the commit under way, and waits `within` for that at most.
    pub async fn end_all(self, within: Duration) {
        for member in self.members.values() {
            member.stop.cancel();
        }
        self.tasks.close();
        if timeout(within, self.tasks.wait()).await.is_err() {
            warn!(targets = self.tasks.len(), "some targets did not end in time; what was committed is safe");
        }
    }

    /// Everything that the pollers of these targets need. The machine's certificate authorities are read once for all
    /// of them, and not at all for none.
    async fn specs(
        &self,
        targets: Vec<TargetConfig>,
        shared: Arc<SharedConfig>,
    ) -> anyhow::Result<Vec<Arc<TargetSpec>>> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let (fingerprints, in_flight) = (self.deps.store.fingerprints(), self.deps.in_flight.clone());
        let make = move || {
            // As many as there are different ways, which are few however many targets there are.
            let mut transports: Vec<(Egress, Transport)> = Vec::new();
            let spec = |target: TargetConfig| {
                let name = target.name.clone();
                let transport = match transports.iter().find(|(egress, _)| egress.leads_as(&target.egress)) {
                    Some((_, transport)) => transport.clone(),
                    None => {
                        let made = Transport::new(&target.egress, ClientLimits::default())?;
                        transports.push((target.egress.clone(), made.clone()));
                        made
                    }
                };
                TargetSpec::new(target, shared.clone(), &transport, fingerprints.clone(), in_flight.clone())
                    .map(Arc::new)
                    .with_context(|| format!("target {name}"))
            };
            targets.into_iter().map(spec).collect()
        };
        spawn_blocking(make).await?
    }

    /// Returns when none of them is polled any more, however their tasks ended.
    async fn end(&mut self, names: &BTreeSet<String>) {
        let ending: Vec<Member> = names.iter().filter_map(|name| self.members.remove(name)).collect();
        for member in &ending {
            member.stop.cancel();
        }
        for member in ending {
            let _ = member.task.await;
        }
    }

    /// Ends every poller, runs `work` while nobody commits, and begins them again where the state is then.
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

    /// Told when its first snapshot is handed to the publisher, or could not be; then it is tried again.
    fn begin(&mut self, spec: Arc<TargetSpec>) -> (String, oneshot::Receiver<anyhow::Result<()>>) {
        let (name, stop) = (spec.name().to_owned(), CancellationToken::new());
        let (tell, told) = oneshot::channel();
        let polling = keep_polling(spec.clone(), self.deps.clone(), stop.clone(), tell);
        let task = self.tasks.spawn_on(polling, &self.deps.workers);
        self.members.insert(name.clone(), Member { spec, stop, task });
        (name, told)
    }
}
