//! The settings of one target's poller, its connection to the server, and its beginning.
//!
//! Owns the way from the configuration to [`PollerConfig`], and the decision whether a reload
//! concerns a target.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Deps;
use crate::{
    baseline::Holidays,
    config::{BaselineConfig, Config, ExpectedMenu, JourneyConfig, MenuConfig, PollConfig, TargetConfig},
    exposition::BucketBounds,
    ledger::{IdleTimes, JourneyMeasure, SeriesLimits, TargetCounters},
    model::{Fingerprints, MenuLabels},
    poller::{Api, BaselineSettings, NameSettings, Poller, PollerConfig, PollerDeps, StartAgo},
    schedule::{Cadence, quota::REQUESTS_PER_LICENCE},
    wolkvox::{Client, ClientLimits, RowParser, Transport},
};

/// Rows in one answer above which the vendor cuts it, as documented.
const ROW_CAP: u64 = 60_000;

/// Number of targets above which their polls are spread wider; below it each one's own jitter is
/// enough.
const MANY: usize = 128;

/// The part of the configuration that applies to all targets.
#[derive(PartialEq)]
pub(super) struct SharedConfig {
    /// Number of targets, rounded up, or 1 where they are not many, so that one more or less does
    /// not restart all others.
    crowd: usize,
    poll: PollConfig,
    menu: MenuConfig,
    journey: JourneyConfig,
    baseline: BaselineConfig,
}

impl SharedConfig {
    pub(super) fn of(config: &Config) -> Self {
        let targets = config.targets.len();
        let crowd = if targets > MANY { targets.next_power_of_two() } else { 1 };
        let Config { poll, menu, journey, baseline, .. } = config.clone();
        Self { crowd, poll, menu, journey, baseline }
    }
}

/// Everything that a target's poller is made of, except for its counters.
pub(super) struct TargetSpec {
    target: TargetConfig,
    shared: Arc<SharedConfig>,
    settings: PollerConfig,
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
        Ok(Self {
            settings: settings(&target, &shared)?,
            api: Api::new(client, target.token.clone(), in_flight),
            parser: RowParser::new(fingerprints, shared.menu.label_length).folding(shared.menu.fold_digits),
            probe: Arc::default(),
            target,
            shared,
        })
    }

    /// Makes the poller try at once whatever it waits for.
    pub(super) fn probe(&self) {
        self.probe.notify_one();
    }

    pub(super) fn name(&self) -> &str {
        &self.target.name
    }

    /// Returns true if it is made of these, so that its poller may go on.
    pub(super) fn is_of(&self, target: &TargetConfig, shared: &SharedConfig) -> bool {
        self.target.is_as(target) && *self.shared == *shared
    }

    pub(super) async fn start(
        &self,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let start_from = self.shared.poll.start_from;
        let origin = start_from.instant((deps.clock)(), &self.target.timezone)?;
        self.start_with(self.settings.clone(), origin, deps, shutdown).await
    }

    /// Starts like [`TargetSpec::start`], but counting begins at exactly this moment if it has not
    /// begun yet.
    pub(super) async fn start_at(
        &self,
        origin: Timestamp,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let settings = PollerConfig { start_ago: None, ..self.settings.clone() };
        self.start_with(settings, origin, deps, shutdown).await
    }

    async fn start_with(
        &self,
        settings: PollerConfig,
        origin: Timestamp,
        deps: &Deps,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Poller<Api>> {
        let Deps { store, publisher, telemetry, clock, .. } = deps.clone();
        let name = self.target.name.clone();
        let restored = {
            let store = store.clone();
            let name = name.clone();
            let threads = store.threads();
            threads.spawn_blocking(move || store.restore(&name, || TargetCounters::new(origin))).await??
        };
        let totals = &restored.1.totals;
        if totals.watermark > totals.origin {
            info!(server = name, watermark = %totals.watermark(), rows = totals.new, "continuing");
        } else {
            info!(server = name, origin = %totals.origin(), "counting from here");
        }
        let telemetry = telemetry.target(&name);
        let deps = PollerDeps { store, publisher, telemetry, clock, shutdown, probe: self.probe.clone() };
        Ok(Poller::start(settings, self.api.clone(), self.parser.clone(), restored, deps).await?)
    }
}

fn expected_labels(menu: &ExpectedMenu) -> impl Iterator<Item = MenuLabels> {
    menu.options.iter().map(|option| MenuLabels::new(&menu.rp_id, &menu.channel, option))
}

fn settings(target: &TargetConfig, shared: &SharedConfig) -> anyhow::Result<PollerConfig> {
    let SharedConfig { crowd, poll, menu, journey, baseline } = shared;
    Ok(PollerConfig {
        name: target.name.clone(),
        zone: target.timezone.clone(),
        cadence: Cadence::new(poll.interval, poll.settle_delay, &target.name).among(*crowd, &target.name),
        lookback: poll.lookback,
        tiers: poll.tiers(),
        expected: target.expected.iter().flat_map(expected_labels).collect(),
        rules: Arc::new(menu.options.clone()),
        kinds: Arc::new(menu.kinds()),
        limits: SeriesLimits {
            menus: menu.series_limit,
            options: menu.options_limit,
            transitions: menu.transitions_limit,
        },
        idle: IdleTimes { usual: journey.idle, by_channel: journey.idle_by_channel.clone() },
        measure: JourneyMeasure::Options,
        outcomes: target.outcomes,
        expire_after: menu.expire_after,
        start_ago: poll.start_from.ago().map(|ago| StartAgo { ago, max_skew: poll.max_clock_skew }),
        quota: target.licences.map(|licences| u64::from(licences) * REQUESTS_PER_LICENCE),
        zero_hold: menu.zero_hold,
        buckets: Arc::new(BucketBounds::new(&menu.buckets).context("the buckets do not increase")?),
        row_cap: ROW_CAP,
        names: Arc::new(NameSettings { ask: target.names.vendor, own: target.names.own.clone() }),
        baseline: BaselineSettings {
            keep_days: baseline.weeks * 7,
            warm_up: baseline.warm_up,
            warm_up_requests: baseline.warm_up_requests,
            holidays: Arc::new(Holidays::new(baseline.holidays.iter().copied())),
        },
    })
}
