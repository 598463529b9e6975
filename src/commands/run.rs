//! Starts and stops the exporter: the one place that knows every room.
//!
//! Start: bind, serve (not ready), open the state, restore and publish every target, ready. Reload:
//! read the whole configuration, then refuse it or let the supervisor apply it. Stop, at any
//! moment: pollers end after the commit under way, then the server after the answers under way.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use tokio::{
    net::TcpListener,
    runtime::{self, Handle, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::state_watch::{MakeAnew, StateWatch, look_for_renamed, rescued};
use crate::{
    config::{self, Config, ConfigError, ListenAddress, Resolved, WebConfig, WebRules},
    i18n::{Bilingual, bilingual},
    logging::DroppedLines,
    poller::Clock,
    snapshot::Publisher,
    status::Notices,
    store::{self, BackupServer, Store, StoreError},
    supervisor::{Change, Deps, Supervisor},
    telemetry::Telemetry,
    web::{self, Access, Readiness, ServerLimits, Site, reload},
};

/// Time between two checks of the web configuration and its certificates.
const WEB_CONFIG_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for commits under way at the end. A hanging disk is not waited for: its commit then
/// ends as in a crash, all of it or nothing.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// The same wait while targets are still being started.
const ABANDON_TIMEOUT: Duration = Duration::from_millis(500);

/// Most threads that read answers; more would only wait for the thread that commits.
const MAX_WORKERS: usize = 4;
/// Threads that wait for token files and for look-ups of names.
const MAX_BLOCKING: usize = 64;
/// Threads that read and write the state. Commits are sequential anyway.
const STORE_THREADS: usize = 4;

/// The location of the state.
#[derive(Clone)]
pub enum StateLocation {
    /// In a file.
    File(PathBuf),
    /// An open store: a demonstration's, in memory or beside the files of its past.
    Open(Arc<Store>),
}

impl StateLocation {
    /// Returns the socket at which a copy of the state can be requested.
    fn backup_socket(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(store::backup_socket(path)),
            Self::Open(_) => None,
        }
    }
}

/// Binds the addresses, so that a port in use is known before anything else happens.
///
/// # Errors
/// When one of them cannot be bound.
pub async fn bind(addresses: &[ListenAddress]) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = web::listen(address.candidates()).map_err(|error| {
            let hint = listen_hint(&error);
            bilingual!(in hint:
                "cannot listen on {address} (--web.listen-address); {hint}: {error}",
                "no se puede escuchar en {address} (--web.listen-address); {hint}: {error}"
            )
        })?;
        info!(address = %listener.local_addr()?, "listening");
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Returns the remedy for an address that cannot be bound.
fn listen_hint(error: &io::Error) -> Bilingual {
    // EAFNOSUPPORT, on Linux and on the BSDs.
    const NO_SUCH_FAMILY: [i32; 2] = [97, 47];
    match error.kind() {
        ErrorKind::AddrInUse => {
            bilingual!("is another exporter running there?", "¿hay otro exportador en marcha allí?")
        }
        ErrorKind::PermissionDenied => bilingual!(
            "a port below 1024 needs the capability CAP_NET_BIND_SERVICE: take another",
            "un puerto menor que 1024 necesita la capacidad CAP_NET_BIND_SERVICE: elija otro"
        ),
        ErrorKind::AddrNotAvailable => bilingual!(
            "no interface of this machine has that address",
            "ninguna interfaz de esta máquina tiene esa dirección"
        ),
        _ if error.raw_os_error().is_some_and(|code| NO_SUCH_FAMILY.contains(&code)) => {
            bilingual!(
                "this machine does not have that address family: write an address of the other one (0.0.0.0 or [::])",
                "esta máquina no tiene esa familia de direcciones: escriba una de la otra (0.0.0.0 o [::])"
            )
        }
        _ => bilingual!("see what the system says", "vea lo que dice el sistema"),
    }
}

/// Reads the configuration, blocking.
pub type Load = Arc<dyn Fn() -> Result<Resolved, ConfigError> + Send + Sync>;

/// The parts of the process that its work needs.
pub struct Process {
    /// The time of day.
    pub clock: Clock,
    /// Cancelled when the process is told to end.
    pub shutdown: CancellationToken,
    /// Lines of the log that were not written.
    pub dropped_lines: DroppedLines,
}

/// Runs `config` until the process is told to end. At SIGHUP, and where allowed at a request, it
/// switches to the result of `load`.
///
/// # Errors
/// If the state cannot be used, or a target cannot be set up. Both happen only at the start.
pub async fn run(
    config: Config,
    load: Load,
    state: StateLocation,
    listeners: Vec<TcpListener>,
    process: Process,
) -> anyhow::Result<()> {
    // From here on SIGHUP reloads instead of ending the process.
    let hangup = signal(SignalKind::hangup())?;
    let (reloader, requests) = reload::channel();
    let telemetry = Arc::new(Telemetry::default());
    telemetry.count_dropped_lines(process.dropped_lines);
    telemetry.show_runbooks(&runbooks_url(&config.web, &listeners));
    let exporter = Exporter {
        publisher: Publisher::start(telemetry.clone()),
        telemetry,
        readiness: Arc::new(ArcSwap::from_pointee(Readiness::NotReady(
            "restoring the state".to_owned(),
        ))),
        notices: Arc::default(),
        clock: process.clock,
    };
    exporter.telemetry.started(exporter.now());
    exporter.telemetry.configured(true, exporter.now());
    let access = Arc::new(access(config.web.config_file.clone()).await?);
    let site = exporter.site(&config, access.clone(), reloader);
    let stop_serving = CancellationToken::new();
    let mut servers = serve(&site, access, &config, listeners, &stop_serving);
    let reloads = Reloads { load, hangup, requests };
    let outcome = exporter.poll(config, state, reloads, process.shutdown).await;
    stop_serving.cancel();
    while servers.join_next().await.is_some() {}
    outcome
}

/// Returns the configured address of the runbooks, or that of this machine's first socket.
fn runbooks_url(web: &WebConfig, listeners: &[TcpListener]) -> String {
    if let Some(url) = &web.runbooks_url {
        return url.clone();
    }
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    own_runbooks(web, host, listeners)
}

/// Returns the address of the runbooks that this process serves, on the machine called `host`.
pub(super) fn own_runbooks(web: &WebConfig, host: &str, listeners: &[TcpListener]) -> String {
    let scheme = if web.is_https() { "https" } else { "http" };
    let address = listeners.first().and_then(|listener| listener.local_addr().ok());
    let port = address.map_or(10013, |address| address.port());
    format!("{scheme}://{host}:{port}/runbooks")
}

/// Starts the servers, and the task that follows the web configuration.
fn serve(
    site: &Arc<Site>,
    access: Arc<Access>,
    config: &Config,
    listeners: Vec<TcpListener>,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut servers = JoinSet::new();
    let limits = ServerLimits::default().shared_by(listeners.len());
    for listener in listeners {
        servers.spawn(web::serve(listener, site.clone(), limits, stop.clone().cancelled_owned()));
    }
    if let Some(path) = config.web.config_file.clone() {
        let stop = stop.clone();
        servers.spawn(async move {
            stop.run_until_cancelled(access.follow(path, WEB_CONFIG_EVERY)).await;
        });
    }
    servers
}

/// The shown parts of the exporter, and their sources.
struct Exporter {
    telemetry: Arc<Telemetry>,
    publisher: Arc<Publisher>,
    readiness: Arc<ArcSwap<Readiness>>,
    notices: Arc<Notices>,
    clock: Clock,
}

/// The sources of reload requests, and the function that reads the configuration.
struct Reloads {
    load: Load,
    hangup: Signal,
    requests: reload::ReloadRequests,
}

impl Exporter {
    /// The time in Unix seconds.
    fn now(&self) -> f64 {
        (self.clock)().as_millisecond() as f64 / 1000.0
    }

    fn site(&self, config: &Config, access: Arc<Access>, reloader: reload::Reloader) -> Arc<Site> {
        let telemetry = self.telemetry.clone();
        let publisher = self.publisher.clone();
        Arc::new(Site {
            telemetry_path: config.web.telemetry_path.clone(),
            publication: publisher.publication(),
            live: Box::new(move || telemetry.gather(std::time::Instant::now())),
            readiness: self.readiness.clone(),
            targets: Box::new(move || publisher.statuses()),
            notices: self.notices.clone(),
            clock: self.clock.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            access,
            reloader: config.web.enable_lifecycle.then_some(reloader),
        })
    }

    /// Opens the state, and polls until `shutdown`, which ends it at any moment.
    async fn poll(
        &self,
        config: Config,
        state: StateLocation,
        reloads: Reloads,
        shutdown: CancellationToken,
    ) -> anyhow::Result<()> {
        let socket = state.backup_socket();
        let Some(opened) = shutdown.run_until_cancelled(open(state)).await else { return Ok(()) };
        let store = opened?;
        if store.backfill()?.is_some_and(|backfill| !backfill.finished) {
            bail!(
                "a backfill of this state has not come to its end: run the same `wolkvox-exporter backfill` again, which goes on \
                 where it was, or give --state.path another file"
            );
        }
        let backups = socket.and_then(|path| offer_backups(&path, store.clone()));
        let workers = Threads::for_pollers()?;
        let state_threads = Threads::for_the_state()?;
        store.work_on(state_threads.handle());
        let mut supervisor = Supervisor::new(Deps {
            store: store.clone(),
            publisher: self.publisher.clone(),
            telemetry: self.telemetry.clone(),
            clock: self.clock.clone(),
            in_flight: Arc::new(Semaphore::new(config.poll.requests_in_flight)),
            workers: workers.handle(),
        });
        let (make_anew, rescues) = mpsc::channel(1);
        let watch = StateWatch {
            store: store.clone(),
            telemetry: self.telemetry.clone(),
            notices: self.notices.clone(),
            clock: self.clock.clone(),
            make_anew,
        };
        let mut watching = JoinSet::new();
        watching.spawn(watch.run());
        let follow = self.follow(&store, &mut supervisor, config, reloads, rescues);
        let followed = shutdown.run_until_cancelled(follow).await;
        watching.shutdown().await;
        drop(backups);
        let started = matches!(**self.readiness.load(), Readiness::Ready);
        supervisor.end_all(if started { END_TIMEOUT } else { ABANDON_TIMEOUT }).await;
        followed.unwrap_or(Ok(()))
    }

    /// Starts the targets of `config`, then follows every reload. Only an error ends this.
    async fn follow(
        &self,
        store: &Arc<Store>,
        supervisor: &mut Supervisor,
        config: Config,
        mut reloads: Reloads,
        mut rescues: mpsc::Receiver<MakeAnew>,
    ) -> anyhow::Result<()> {
        look_for_renamed(store, &config, &self.notices).await;
        supervisor.change_to(&config).await?;
        self.readiness.store(Arc::new(Readiness::Ready));
        info!(targets = config.targets.len(), "ready");
        loop {
            let requester = tokio::select! {
                _ = reloads.hangup.recv() => None,
                requester = reloads.requests.next() => Some(requester),
                Some(requester) = rescues.recv() => {
                    // The receiver may be gone.
                    let _ = requester.send(supervisor.pause(self.make_state_anew(store)).await);
                    continue;
                }
            };
            let outcome = self.reload(&reloads.load, &config, store, supervisor).await;
            self.telemetry.configured(outcome.is_ok(), self.now());
            log_reload(&outcome);
            if let Some(requester) = requester {
                // The receiver may be gone.
                let _ = requester.send(outcome.map(|_| ()));
            }
        }
    }

    /// Reads the whole configuration, and only then changes anything. `running` has the settings
    /// that are fixed for the life of the process.
    async fn reload(
        &self,
        load: &Load,
        running: &Config,
        store: &Arc<Store>,
        supervisor: &mut Supervisor,
    ) -> Result<Change, String> {
        let load = load.clone();
        let read = spawn_blocking(move || load()).await.map_err(|panic| panic.to_string())?;
        let Resolved { config, warnings } = read.map_err(|error| error.to_string())?;
        let fixed = config::needs_restart(running, &config);
        if !fixed.is_empty() {
            return Err(ConfigError { problems: fixed }.to_string());
        }
        warnings.iter().for_each(|warning| warn!("{warning}"));
        look_for_renamed(store, &config, &self.notices).await;
        supervisor.change_to(&config).await.map_err(|error| format!("{error:#}"))
    }

    /// Recreates the state file from the published counters, after it lost its contents.
    async fn make_state_anew(&self, store: &Arc<Store>) -> Result<(), StoreError> {
        let store = store.clone();
        let targets: Vec<_> =
            self.publisher.snapshots().iter().map(|target| rescued(target)).collect();
        spawn_blocking(move || store.make_anew(&targets)).await.unwrap_or_else(|panic| {
            Err(StoreError::Failed(format!("making it anew broke off: {panic}")))
        })
    }
}

/// Starts the server of backups. If that fails, the exporter runs without it.
fn offer_backups(socket: &Path, store: Arc<Store>) -> Option<BackupServer> {
    let started = BackupServer::start(socket, store);
    if let Err(error) = &started {
        warn!(socket = %socket.display(), "`state backup` works only while the exporter is stopped: {error}");
    }
    started.ok()
}

fn log_reload(outcome: &Result<Change, String>) {
    match outcome {
        Ok(change) => info!(
            added = change.added,
            removed = change.removed,
            changed = change.changed,
            unchanged = change.kept,
            "the configuration was reloaded"
        ),
        Err(reason) => {
            error!("the configuration was not taken over: {}", reason.replace('\n', "; "));
        }
    }
}

/// Threads other than the one that answers scrapes. The end of the process does not wait for work
/// that hangs on them.
struct Threads(Option<Runtime>);

impl Threads {
    /// Starts the threads on which pollers run: reading an answer keeps one busy, and must not hold
    /// up a scrape.
    fn for_pollers() -> anyhow::Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
        let mut builder = runtime::Builder::new_multi_thread();
        builder
            .worker_threads(threads)
            .max_blocking_threads(MAX_BLOCKING)
            .thread_name("poller")
            .enable_all();
        Self::of(builder)
    }

    /// Starts the threads for work on the state, which look-ups of names and token files that hang
    /// must not hold up.
    fn for_the_state() -> anyhow::Result<Self> {
        let mut builder = runtime::Builder::new_current_thread();
        builder.max_blocking_threads(STORE_THREADS).thread_name("state");
        Self::of(builder)
    }

    fn of(mut builder: runtime::Builder) -> anyhow::Result<Self> {
        Ok(Self(Some(builder.build().context("cannot start threads")?)))
    }

    fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Reads the rules of access. The file was checked before, but may have changed.
async fn access(path: Option<PathBuf>) -> anyhow::Result<Access> {
    let Some(path) = path else { return Ok(Access::open()) };
    let rules = spawn_blocking(move || WebRules::read(&path)).await??;
    info!(
        tls = rules.tls.is_some(),
        users = rules.users.len(),
        "the web configuration is in force"
    );
    Ok(Access::new(rules, random_key()?))
}

fn random_key() -> anyhow::Result<[u8; 16]> {
    let mut key = [0; 16];
    getrandom::fill(&mut key)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(key)
}

/// Opens the state, which may take reading all of it.
///
/// # Errors
/// If it cannot be used.
pub async fn open(state: StateLocation) -> anyhow::Result<Arc<Store>> {
    match state {
        StateLocation::File(path) => {
            let key = random_key()?;
            Ok(Arc::new(spawn_blocking(move || Store::open(&path, key)).await??))
        }
        StateLocation::Open(store) => Ok(store),
    }
}

/// Opens a state that ends with the process.
///
/// # Errors
/// If the system gives no random numbers.
pub fn in_memory() -> anyhow::Result<Arc<Store>> {
    Ok(Arc::new(Store::in_memory(random_key()?)?))
}

/// Returns the token that the first SIGTERM or SIGINT cancels. A second one ends the process
/// immediately.
///
/// # Errors
/// If the system refuses to deliver them.
pub fn stop_on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        stop.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        warn!("stopped before everything was tidied up; what was committed is safe");
        std::process::exit(1);
    });
    Ok(stopped)
}
