//! What a target's poller is told: its settings, whom it asks, and where it begins.
//!
//! Owns the way from the configuration to [`PollerConfig`], and the question whether a reload concerns a target.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::{sync::watch, task::spawn_blocking};
use tracing::info;

use super::Deps;
use crate::{
    config::{ExpectedMenu, JourneyConfig, MetricsConfig, PollConfig, TargetConfig},
    exposition::BucketBounds,
    ledger::{IdleTimes, SeriesLimits, TargetCounters},
    model::MenuLabels,
    poller::{Api, NameSettings, Poller, PollerConfig, PollerDeps},
    schedule::{Cadence, quota::REQUESTS_PER_LICENCE},
    wolkvox::{Client, RowParser},
};

/// Rows in one answer above which the vendor cuts, as documented.
const ROW_CAP: u64 = 60_000;

/// What the configuration says of all targets.
#[derive(PartialEq)]
pub(super) struct Shared {
    pub(super) poll: PollConfig,
    pub(super) menu: MetricsConfig,
    pub(super) journey: JourneyConfig,
}

/// Everything that a target's poller is made of, but for what is counted.
pub(super) struct TargetSpec {
    target: TargetConfig,
    shared: Arc<Shared>,
    settings: PollerConfig,
    api: Api,
    parser: RowParser,
}

impl TargetSpec {
    pub(super) fn new(target: &TargetConfig, shared: Arc<Shared>, common: &Deps) -> anyhow::Result<Self> {
        let client = Client::new(&target.endpoint, Default::default())?;
        Ok(Self {
            settings: settings(target, &shared)?,
            api: Api { client, token: target.token.clone() },
            parser: RowParser::new(common.store.fingerprints(), shared.menu.label_length),
            target: target.clone(),
            shared,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.target.name
    }

    /// Whether following them is what is done already.
    pub(super) fn are(&self, others: &Self) -> bool {
        self.target.is_as(&others.target) && self.shared == others.shared
    }

    pub(super) async fn start(
        &self,
        common: &Deps,
        shutdown: watch::Receiver<bool>,
    ) -> anyhow::Result<Poller<Api>> {
        let Deps { store, publisher, telemetry, clock } = common.clone();
        let name = self.target.name.clone();
        let start_from = self.shared.poll.start_from;
        let origin = start_from.instant(clock(), &self.target.timezone).map_err(anyhow::Error::msg)?;
        let restored = {
            let (store, name) = (store.clone(), name.clone());
            spawn_blocking(move || store.restore(&name, || TargetCounters::new(origin))).await??
        };
        let totals = &restored.1.totals;
        if totals.watermark > totals.origin {
            info!(server = name, watermark = %totals.watermark(), rows = totals.new, "continuing");
        } else {
            info!(server = name, origin = %totals.origin(), "counting from here");
        }
        let telemetry = telemetry.target(&name);
        let around = PollerDeps { store, publisher, telemetry, clock, shutdown };
        let (settings, api, parser) = (self.settings.clone(), self.api.clone(), self.parser.clone());
        Ok(Poller::start(settings, api, parser, restored, around).await?)
    }
}

fn settings(target: &TargetConfig, shared: &Shared) -> anyhow::Result<PollerConfig> {
    let Shared { poll, menu, journey } = shared;
    let options = |expected: &ExpectedMenu| {
        let labels = |option: &String| MenuLabels::new(&expected.rp_id, &expected.channel, option);
        expected.options.iter().map(labels).collect::<Vec<_>>()
    };
    Ok(PollerConfig {
        name: target.name.clone(),
        zone: target.timezone.clone(),
        cadence: Cadence::new(poll.interval, poll.settle_delay, &target.name),
        lookback: poll.lookback,
        tiers: poll.tiers,
        expected: target.expected.iter().flat_map(options).collect(),
        rules: Arc::new(menu.rules.clone()),
        kinds: Arc::new(menu.kinds.clone()),
        limits: SeriesLimits {
            menus: menu.series_limit,
            options: menu.options_limit,
            transitions: menu.transitions_limit,
        },
        idle: IdleTimes { usual: journey.idle, by_channel: journey.by_channel.clone() },
        expire_after: menu.expire_after,
        quota: target.licences.map(|licences| u64::from(licences) * REQUESTS_PER_LICENCE),
        zero_hold: menu.zero_hold,
        buckets: Arc::new(BucketBounds::new(&menu.buckets).context("the buckets do not increase")?),
        row_cap: ROW_CAP,
        names: Arc::new(NameSettings { ask: target.names.vendor, own: target.names.own.clone() }),
    })
}
