//! The settings of one target's poller, its connection to the server, and its start.
//!
//! Owns the parts of a poller, and the decision whether a reload affects a target.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Deps;
use crate::{
    config::TargetConfig,
    ledger::TargetCounters,
    model::Fingerprints,
    poller::{Api, Poller, PollerConfig, PollerDeps, SharedConfig},
    wolkvox::{Client, ClientLimits, RowParser, Transport},
};

/// Everything that a target's poller needs, except for its counters.
pub(super) struct TargetSpec {
    config: PollerConfig,
    api: Api,
    parser: RowParser,
    probe: Arc<Notify>,
}

impl TargetSpec {
    pub(super) fn new(
        target: TargetConfig,
        shared: Arc<SharedConfig>,
        transport: &Transport,
        fingerprints: Fingerprints,
        in_flight: Arc<Semaphore>,
    ) -> anyhow::Result<Self> {
        let client = Client::over(transport.clone(), &target.endpoint, ClientLimits::default());
        let menu = &shared.menu;
        Ok(Self {
            api: Api::new(client, target.token.clone(), in_flight),
            parser: RowParser::new(fingerprints, menu.label_length).folding(menu.fold_digits),
            probe: Arc::default(),
            config: PollerConfig::new(target, shared).context("the buckets do not increase")?,
        })
    }

    /// Ends the poller's current wait, so that it tries again immediately.
    pub(super) fn probe(&self) {
        self.probe.notify_one();
    }

    pub(super) fn name(&self) -> &str {
        &self.config.target.name
    }

    /// Returns true if it was made from these settings, so that its poller may continue.
    pub(super) fn is_of(&self, target: &TargetConfig, shared: &SharedConfig) -> bool {
        self.config.target.is_as(target) && *self.config.shared == *shared
    }

    pub(super) async fn start(
        &self,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let config = self.config.clone();
        let start_from = config.shared.poll.start_from;
        let origin = start_from.instant((deps.clock)(), &config.target.timezone)?;
        self.start_with(config, origin, deps, shutdown).await
    }

    /// Starts like [`TargetSpec::start`], but counting begins at exactly this moment if it has not
    /// begun yet.
    pub(super) async fn start_at(
        &self,
        origin: Timestamp,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let config = PollerConfig { start_ago: None, ..self.config.clone() };
        self.start_with(config, origin, deps, shutdown).await
    }

    async fn start_with(
        &self,
        config: PollerConfig,
        origin: Timestamp,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let Deps { store, publisher, telemetry, clock, .. } = deps.clone();
        let name = config.target.name.clone();
        let restored = {
            let store = store.clone();
            let name = name.clone();
            let threads = store.threads();
            threads
                .spawn_blocking(move || store.restore(&name, || TargetCounters::new(origin)))
                .await??
        };
        let totals = &restored.1.totals;
        if totals.watermark > totals.origin {
            info!(server = name, watermark = %totals.watermark(), rows = totals.new, "continuing");
        } else {
            info!(server = name, origin = %totals.origin(), "counting from here");
        }
        let telemetry = telemetry.target(&name);
        let deps =
            PollerDeps { store, publisher, telemetry, clock, shutdown, probe: self.probe.clone() };
        Ok(Poller::start(config, self.api.clone(), self.parser.clone(), restored, deps).await?)
    }
}
