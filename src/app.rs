//! Starts and stops the exporter: the one place that knows every room.
//!
//! Start: bind, serve (not ready), open the state, restore and publish every target, ready. Stop: pollers end
//! after the commit under way, then the server after the answers under way.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tracing::{info, warn};

use crate::{
    config::{Config, ListenAddress, Target, WebRules},
    exposition::Bounds,
    labels::MenuLabels,
    ledger::{Account, Idle, SeriesLimits},
    poller::{Api, Clock, NameSettings, Poller, Settings, Surroundings},
    quota::REQUESTS_PER_LICENCE,
    schedule::Cadence,
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    web::{self, Access, Limits, Readiness, Site},
    wolkvox::{Client, RowParser},
};

/// Rows in one answer above which the vendor cuts, as documented.
pub const ROW_CAP: u64 = 60_000;

/// How often the web configuration and its certificates are looked at.
const WEB_CONFIG_EVERY: Duration = Duration::from_secs(5);

/// Where the state lives.
#[derive(Debug, Clone)]
pub enum State {
    /// In a file.
    File(PathBuf),
    /// In memory, for a demonstration.
    Memory,
}

/// Binds the addresses, so that a port in use is known before anything else happens.
///
/// # Errors
/// When one of them cannot be bound.
pub async fn bind(addresses: &[ListenAddress]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = TcpListener::bind(address.candidates()).await.with_context(|| {
            format!("cannot listen on {address} (--web.listen-address); is another exporter running there?")
        })?;
        info!(address = %listener.local_addr()?, "listening");
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Runs until `shutdown` turns true.
///
/// # Errors
/// When the state cannot be used, or a target cannot be set up: everything that fails, fails at the start.
pub async fn run(
    config: Config,
    state: State,
    listeners: Vec<TcpListener>,
    clock: Clock,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let telemetry = Arc::new(Telemetry::new().context("cannot register the metrics")?);
    let publisher = Arc::new(Publisher::default());
    let readiness = Arc::new(ArcSwap::from_pointee(Readiness::NotReady("restoring the state".to_owned())));
    let access = Arc::new(access(config.web.config_file.clone()).await?);
    let site = Arc::new(Site {
        telemetry_path: config.web.telemetry_path.clone(),
        publication: publisher.publication(),
        live: {
            let telemetry = telemetry.clone();
            Box::new(move || telemetry.gather(std::time::Instant::now()))
        },
        readiness: readiness.clone(),
        targets: {
            let publisher = publisher.clone();
            Box::new(move || publisher.statuses())
        },
        clock: clock.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        access: access.clone(),
    });
    let (stop_serving, serving) = watch::channel(false);
    let mut servers = JoinSet::new();
    for listener in listeners {
        servers.spawn(web::serve(listener, site.clone(), Limits::default(), turned_true(serving.clone())));
    }
    if let Some(path) = config.web.config_file.clone() {
        let stop = turned_true(serving.clone());
        servers.spawn(async move {
            tokio::select! {
                () = access.follow(path, WEB_CONFIG_EVERY) => {}
                () = stop => {}
            }
        });
    }

    let store = Arc::new(tokio::task::spawn_blocking(move || open(&state)).await??);
    let mut pollers = JoinSet::new();
    for target in &config.targets {
        let around = Surroundings {
            store: store.clone(),
            publisher: publisher.clone(),
            telemetry: telemetry.target(&target.name),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
        };
        let poller =
            start(&config, target, around).await.with_context(|| format!("target {}", target.name))?;
        pollers.spawn(poller.run());
    }
    readiness.store(Arc::new(Readiness::Ready));
    info!(targets = config.targets.len(), "ready");

    // A poller ends by itself only at shutdown; one that panicked would leave its target unread unnoticed.
    let broken = loop {
        match pollers.join_next().await {
            Some(Ok(())) => {}
            Some(Err(panic)) => break Some(panic),
            None => break None,
        }
    };
    stop_serving.send_replace(true);
    while servers.join_next().await.is_some() {}
    match broken {
        Some(panic) => Err(anyhow::anyhow!("a poller broke off, which is a bug: {panic}")),
        None => Ok(()),
    }
}

/// Who is let in. The file was good a moment ago, and may not be any more.
async fn access(path: Option<PathBuf>) -> anyhow::Result<Access> {
    let Some(path) = path else { return Ok(Access::open()) };
    let rules = tokio::task::spawn_blocking(move || WebRules::read(&path)).await??;
    info!(tls = rules.tls.is_some(), users = rules.users.len(), "the web configuration is in force");
    Ok(Access::new(rules, random_key()?))
}

fn random_key() -> anyhow::Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(key)
}

fn open(state: &State) -> anyhow::Result<Store> {
    let key = random_key()?;
    Ok(match state {
        State::File(path) => Store::open(path, key)?,
        State::Memory => Store::in_memory(key)?,
    })
}

async fn start(config: &Config, target: &Target, around: Surroundings) -> anyhow::Result<Poller<Api>> {
    let now = (around.clock)();
    let origin =
        config.poll.start_from.instant(now, &target.timezone).map_err(|why| anyhow::anyhow!("{why}"))?;
    let (store, name) = (around.store.clone(), target.name.clone());
    let restored =
        tokio::task::spawn_blocking(move || store.restore(&name, || Account::new(origin))).await??;
    let totals = &restored.1.totals;
    if totals.watermark > totals.origin {
        info!(server = target.name, watermark = %totals.watermark(), rows = totals.new, "continuing");
    } else {
        info!(server = target.name, origin = %totals.origin(), "counting from here");
    }
    let expected = target
        .expected
        .iter()
        .flat_map(|menu| menu.options.iter().map(|o| MenuLabels::new(&menu.rp_id, &menu.channel, o)))
        .collect();
    let settings = Settings {
        name: target.name.clone(),
        zone: target.timezone.clone(),
        cadence: Cadence::new(config.poll.interval, config.poll.settle_delay, &target.name),
        lookback: config.poll.lookback,
        tiers: config.poll.tiers,
        expected,
        rules: Arc::new(config.menu.rules.clone()),
        kinds: Arc::new(config.menu.kinds.clone()),
        limits: SeriesLimits {
            menus: config.menu.series_limit,
            options: config.menu.options_limit,
            transitions: config.menu.transitions_limit,
        },
        idle: Idle { usual: config.journey.idle, by_channel: config.journey.by_channel.clone() },
        expire_after: config.menu.expire_after,
        quota: target.licences.map(|licences| u64::from(licences) * REQUESTS_PER_LICENCE),
        zero_hold: config.menu.zero_hold,
        buckets: Arc::new(Bounds::new(&config.menu.buckets).context("the buckets do not increase")?),
        row_cap: ROW_CAP,
        names: Arc::new(NameSettings {
            ask: target.names.vendor,
            own: target.names.own.clone(),
            rules: config.menu.rules.clone(),
        }),
    };
    let parser = RowParser::new(around.store.fingerprints(), config.menu.label_length);
    let client = Client::new(&target.endpoint, Default::default())?;
    let api = Api { client, token: target.token.clone() };
    Ok(Poller::start(settings, api, parser, restored, around).await?)
}

async fn turned_true(mut flag: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = flag.wait_for(|on| *on).await;
}

/// Turns `stop` true at the first SIGTERM or SIGINT.
///
/// # Errors
/// When the system refuses to deliver them.
pub fn stop_on_signals(stop: watch::Sender<bool>) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        stop.send_replace(true);
        // A second one means: now.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        warn!("stopped before everything was tidied up; what was committed is safe");
        std::process::exit(1);
    });
    Ok(())
}
