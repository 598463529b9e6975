//! What a target's poller is told: its settings, whom it asks, and where it begins.
//!
//! Owns the way from the configuration to [`Settings`], and the question whether a reload concerns a target.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::{sync::watch, task::spawn_blocking};
use tracing::info;

use super::Common;
use crate::{
    config::{ExpectedMenu, Journey, Menu, Poll, Target},
    exposition::Bounds,
    labels::MenuLabels,
    ledger::{Account, Idle, SeriesLimits},
    poller::{Api, NameSettings, Poller, Settings, Surroundings},
    quota::REQUESTS_PER_LICENCE,
    schedule::Cadence,
    wolkvox::{Client, RowParser},
};

/// Rows in one answer above which the vendor cuts, as documented.
const ROW_CAP: u64 = 60_000;

/// What the configuration says of all targets.
#[derive(PartialEq)]
pub(super) struct Shared {
    pub(super) poll: Poll,
    pub(super) menu: Menu,
    pub(super) journey: Journey,
}

/// Everything that a target's poller is made of, but for what is counted.
pub(super) struct Orders {
    target: Target,
    shared: Arc<Shared>,
    settings: Settings,
    api: Api,
    parser: RowParser,
}

impl Orders {
    pub(super) fn new(target: &Target, shared: Arc<Shared>, common: &Common) -> anyhow::Result<Self> {
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
        common: &Common,
        shutdown: watch::Receiver<bool>,
    ) -> anyhow::Result<Poller<Api>> {
        let Common { store, publisher, telemetry, clock } = common.clone();
        let name = self.target.name.clone();
        let start_from = self.shared.poll.start_from;
        let origin = start_from.instant(clock(), &self.target.timezone).map_err(anyhow::Error::msg)?;
        let restored = {
            let (store, name) = (store.clone(), name.clone());
            spawn_blocking(move || store.restore(&name, || Account::new(origin))).await??
        };
        let totals = &restored.1.totals;
        if totals.watermark > totals.origin {
            info!(server = name, watermark = %totals.watermark(), rows = totals.new, "continuing");
        } else {
            info!(server = name, origin = %totals.origin(), "counting from here");
        }
        let telemetry = telemetry.target(&name);
        let around = Surroundings { store, publisher, telemetry, clock, shutdown };
        let (settings, api, parser) = (self.settings.clone(), self.api.clone(), self.parser.clone());
        Ok(Poller::start(settings, api, parser, restored, around).await?)
    }
}

fn settings(target: &Target, shared: &Shared) -> anyhow::Result<Settings> {
    let Shared { poll, menu, journey } = shared;
    let options = |expected: &ExpectedMenu| {
        let labels = |option: &String| MenuLabels::new(&expected.rp_id, &expected.channel, option);
        expected.options.iter().map(labels).collect::<Vec<_>>()
    };
    Ok(Settings {
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
        idle: Idle { usual: journey.idle, by_channel: journey.by_channel.clone() },
        expire_after: menu.expire_after,
        quota: target.licences.map(|licences| u64::from(licences) * REQUESTS_PER_LICENCE),
        zero_hold: menu.zero_hold,
        buckets: Arc::new(Bounds::new(&menu.buckets).context("the buckets do not increase")?),
        row_cap: ROW_CAP,
        names: Arc::new(NameSettings { ask: target.names.vendor, own: target.names.own.clone() }),
    })
}
