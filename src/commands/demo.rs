//! The demonstration: a simulator and an exporter against it in one process, over real HTTP.
//!
//! Needs no account and leaves nothing behind, because its state is in memory. If its past goes
//! into files for Prometheus, the state is saved next to them, so that the series in Prometheus
//! continue after a restart. Two options stop being chosen, to show how the exporter detects that.

use std::{fs, io::Write, sync::Arc, time::Duration};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::net::TcpListener;
use tracing::info;

use crate::{
    cli::DemoArgs,
    commands::{
        backfill::{self, RunContext},
        run::{self, Load, Process, StateLocation},
    },
    config::{
        self, BackfillConfig, BaselineConfig, Config, JourneyConfig, PollConfig, Resolved, Secret,
        StartFrom, StateConfig, TargetConfig, TokenSource,
    },
    i18n::{Bilingual, bilingual},
    store::Store,
};
use simulator::{OptionIncident, Options, SimulatedServer, serve};

/// Flag for which the demonstration has its own default.
const ZERO_HOLD: &str = "menu.zero-hold";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// File of the state, in the directory of the files of the past.
const STATE: &str = "state.redb";
/// Time between two samples of a series in the files of the past: the longest allowed, for small
/// files.
const SPARSE: Duration = Duration::from_secs(298);
/// Load of the quietest hour, as a share of the busiest: enough calls at any hour for an incident
/// to be noticed within minutes.
const LEAST_LOAD: f64 = 0.4;
/// Time before the start at which the first option died. It stays dead.
const DEAD_SINCE: SignedDuration = SignedDuration::from_hours(14);
/// Time after the start at which the second option dies, and after which it comes back.
const DIES_AFTER: SignedDuration = SignedDuration::from_mins(3);
const COMES_BACK_AFTER: SignedDuration = SignedDuration::from_hours(2);

/// Runs until `process` is told to end.
///
/// # Errors
/// If a flag is wrong or a port is taken.
pub async fn run(
    args: &DemoArgs,
    process: Process,
    terminal: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let zone = TimeZone::get("America/Bogota").context("the time zone database is missing")?;
    let store = open_store(args).await?;
    // After a restart, a demonstration continues with the incidents of its first start.
    let start = store.backfill()?.map_or_else(|| (process.clock)(), |begun| begun.began());
    let target = simulated_target(args.seed, zone, incidents(start), &process).await?;
    let mut config = config(args, target)?;
    if !fill_back(args, &config, &store, &process, terminal, out).await? {
        return Ok(());
    }
    let listeners = run::bind(&config.web.listen_addresses).await?;
    let port =
        listeners.first().and_then(|l| l.local_addr().ok()).map_or(10013, |address| address.port());
    info!(
        "a simulated contact centre with {} behind it; open {}://localhost:{port}/",
        args.days.map_or_else(|| "a day".to_owned(), |days| format!("{days} days")),
        if config.web.is_https() { "https" } else { "http" }
    );
    // A demonstration is opened on this machine at this port, even if it runs in a container.
    let own = run::own_runbooks(&config.web, "localhost", &listeners);
    config.web.runbooks_url.get_or_insert(own);
    // A reload finds the same configuration.
    let same = config.clone();
    let load: Load = Arc::new(move || Ok(Resolved { config: same.clone(), warnings: Vec::new() }));
    run::run(config, load, StateLocation::Open(store), listeners, process).await
}

/// Opens the state: in memory, or beside the files of the past.
async fn open_store(args: &DemoArgs) -> anyhow::Result<Arc<Store>> {
    let (Some(_), Some(output)) = (args.days, &args.output) else { return run::in_memory() };
    // Created here with the usual permissions, because another user may load the files.
    fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    run::open(StateLocation::File(output.join(STATE))).await
}

/// Returns the incidents of a demonstration that started at `start`: an option that died the
/// evening before, and one that dies soon after the start.
fn incidents(start: Timestamp) -> Vec<OptionIncident> {
    vec![
        OptionIncident { from: start - DEAD_SINCE, ..OptionIncident::of("4628", "VENTAS_HOGAR") },
        OptionIncident {
            from: start + DIES_AFTER,
            until: start + COMES_BACK_AFTER,
            ..OptionIncident::of("10", "1")
        },
    ]
}

/// Starts a simulator, and returns the target that it serves.
async fn simulated_target(
    seed: u64,
    zone: TimeZone,
    incidents: Vec<OptionIncident>,
    process: &Process,
) -> anyhow::Result<TargetConfig> {
    let options = Options {
        seed,
        zone: zone.clone(),
        clock: process.clock.clone(),
        least_load: LEAST_LOAD,
        incidents,
        // Late rows may be hours late, but the numbers of a demonstration must add up at once.
        late_share: 0.0,
        ..Options::default()
    };
    let token = options.token.clone();
    let simulator = SimulatedServer::new(options);
    let api = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on 127.0.0.1")?;
    let address = api.local_addr()?;
    tokio::spawn(serve(api, simulator, process.shutdown.clone().cancelled_owned()));
    let endpoint =
        format!("http://{address}/").parse().context("the simulator's address is no URL")?;
    let token = TokenSource::fixed(&Secret::new(token), &Bilingual::verbatim("simulator"))?;
    Ok(TargetConfig { outcomes: true, ..TargetConfig::new("demo", endpoint, token, zone) })
}

/// Makes the configuration of an exporter that polls `target` every few seconds, from a day ago.
fn config(args: &DemoArgs, target: TargetConfig) -> anyhow::Result<Config> {
    // No zero is held by default, so that the first scrape shows the whole day.
    let flags = args.menu.clone();
    let zero_hold = flags.text(ZERO_HOLD).unwrap_or("0s").to_owned();
    let (mut menu, web) = config::resolve_shared(&flags.with(ZERO_HOLD, zero_hold), &args.web)?;
    // In the simulated centre, 0 asks for a person, and a person or the mailbox ends the menu.
    menu.opt_out_codes.insert("0".to_owned());
    menu.terminal_codes.extend(["AGENTE", "CV_BUZON"].map(str::to_owned));
    Ok(Config {
        targets: vec![target],
        poll: PollConfig {
            interval: Duration::from_secs(5),
            settle_delay: Duration::from_secs(1),
            lookback: Duration::from_secs(60),
            start_from: StartFrom::Back(DAY),
            ..PollConfig::default()
        },
        menu,
        journey: JourneyConfig::default(),
        baseline: BaselineConfig::default(),
        state: StateConfig::default(),
        web,
    })
}

/// Writes the files of the past, if requested. Returns true if the demonstration continues.
async fn fill_back(
    args: &DemoArgs,
    config: &Config,
    store: &Arc<Store>,
    process: &Process,
    terminal: bool,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let Some((days, output)) = args.days.zip(args.output.as_ref()) else { return Ok(true) };
    if store.backfill()?.is_some_and(|begun| begun.finished) {
        return Ok(true);
    }
    let wanted = BackfillConfig {
        from: StartFrom::Back(DAY * u32::from(days)),
        until: None,
        labels: config::resolve_labels(&args.labels)
            .map_err(|reason| bilingual!(in reason: "--label: {reason}", "--label: {reason}"))?,
        every: SPARSE,
    };
    // The past has windows of the usual length; windows of seconds begin with the present.
    let usual =
        PollConfig { requests_in_flight: config.poll.requests_in_flight, ..PollConfig::default() };
    let past = Config { poll: usual, ..config.clone() };
    let target = backfill::Target { output, store: store.clone(), state: None, terminal };
    let context = RunContext { clock: process.clock.clone(), shutdown: process.shutdown.clone() };
    backfill::run(&wanted, &past, target, context, out).await
}
