//! Starts and stops the exporter: the one place that knows every room.
//!
//! Start: bind, serve (not ready), open the state, restore and publish every target, ready. Reload: read the
//! configuration whole, refuse it or let the fleet follow it. Stop: pollers end after the commit under way, then the
//! server after the answers under way.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use tracing::{error, info, warn};

use crate::{
    config::{self, Config, ConfigError, ListenAddress, Resolved, WebRules},
    poller::Clock,
    snapshot::Publisher,
    store::Store,
    supervisor::{Change, Deps, Supervisor},
    telemetry::Telemetry,
    web::{self, Access, Readiness, ServerLimits, Site, reload},
};

/// How often the web configuration and its certificates are looked at.
const WEB_CONFIG_EVERY: Duration = Duration::from_secs(5);

/// Where the state lives.
#[derive(Debug, Clone)]
pub enum StateLocation {
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
        let listener = web::listen(address.candidates()).with_context(|| {
            format!("cannot listen on {address} (--web.listen-address); is another exporter running there?")
        })?;
        info!(address = %listener.local_addr()?, "listening");
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Reads the configuration anew, blocking.
pub type Load = Arc<dyn Fn() -> Result<Resolved, ConfigError> + Send + Sync>;

/// Runs `config` until `shutdown` turns true; at SIGHUP, and where allowed at a request, what `load` finds instead.
///
/// # Errors
/// When the state cannot be used, or a target cannot be set up: everything that fails, fails at the start.
pub async fn run(
    config: Config,
    load: Load,
    state: StateLocation,
    listeners: Vec<TcpListener>,
    clock: Clock,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    // From here on it means a reload, and no longer the end.
    let mut hangup = signal(SignalKind::hangup())?;
    let (reloader, mut requests) = reload::channel();
    let telemetry = Arc::new(Telemetry::new().context("cannot register the metrics")?);
    telemetry.configured(true, seconds(&clock));
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
        reloader: config.web.lifecycle.then_some(reloader.clone()),
    });
    let (stop_serving, serving) = watch::channel(false);
    let mut servers = JoinSet::new();
    let limits = ServerLimits::default().shared_by(listeners.len());
    for listener in listeners {
        servers.spawn(web::serve(listener, site.clone(), limits, turned_true(serving.clone())));
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
    let common = Deps { store, publisher, telemetry: telemetry.clone(), clock: clock.clone() };
    let mut fleet = Supervisor::new(common);
    fleet.change_to(&config).await?;
    readiness.store(Arc::new(Readiness::Ready));
    info!(targets = config.targets.len(), "ready");

    let broken = loop {
        let asked = tokio::select! {
            panic = fleet.broke_off() => break Some(panic),
            () = turned_true(shutdown.clone()) => break None,
            _ = hangup.recv() => None,
            asked = requests.next() => Some(asked),
        };
        let outcome = tokio::select! {
            outcome = reload(&load, &config, &mut fleet) => outcome,
            () = turned_true(shutdown.clone()) => break None,
        };
        telemetry.configured(outcome.is_ok(), seconds(&clock));
        match &outcome {
            Ok(change) => info!(
                added = change.added,
                removed = change.removed,
                changed = change.changed,
                unchanged = change.kept,
                "the configuration was read anew"
            ),
            Err(reason) => {
                error!("the configuration was not taken over: {}", reason.replace('\n', "; "));
            }
        }
        if let Some(asked) = asked {
            // Whoever asked may have gone away.
            let _ = asked.send(outcome.map(|_| ()));
        }
    };
    fleet.end_all().await;
    stop_serving.send_replace(true);
    while servers.join_next().await.is_some() {}
    match broken {
        Some(panic) => Err(anyhow::anyhow!("a poller broke off, which is a bug: {panic}")),
        None => Ok(()),
    }
}

/// Reads the configuration whole, and only then changes anything. What is fixed for the life of the process is in
/// `running`.
async fn reload(load: &Load, running: &Config, fleet: &mut Supervisor) -> Result<Change, String> {
    let load = load.clone();
    let read = tokio::task::spawn_blocking(move || load()).await.map_err(|panic| panic.to_string())?;
    let Resolved { config, warnings } = read.map_err(|error| error.to_string())?;
    let fixed = config::needs_restart(running, &config);
    if !fixed.is_empty() {
        return Err(ConfigError { problems: fixed }.to_string());
    }
    warnings.iter().for_each(|warning| warn!("{warning}"));
    fleet.change_to(&config).await.map_err(|error| format!("{error:#}"))
}

/// Unix seconds.
fn seconds(clock: &Clock) -> f64 {
    clock().as_millisecond() as f64 / 1000.0
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

fn open(state: &StateLocation) -> anyhow::Result<Store> {
    let key = random_key()?;
    Ok(match state {
        StateLocation::File(path) => Store::open(path, key)?,
        StateLocation::Memory => Store::in_memory(key)?,
    })
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
