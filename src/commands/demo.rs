//! The demonstration: a simulator and an exporter against it in one process, over real HTTP.
//!
//! Needs no account and leaves nothing behind: its state lives in memory. Where its past goes into files for Prometheus, the
//! state stands beside them, for the series in Prometheus go on after a restart.

use std::{fs, io::Write, sync::Arc, time::Duration};

use anyhow::Context;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tracing::info;

use crate::{
    cli::DemoArgs,
    commands::{
        backfill,
        run::{self, Load, Process, StateLocation},
    },
    config::{
        self, BackfillConfig, BaselineConfig, Config, JourneyConfig, NameSources, PollConfig, Resolved,
        Secret, StartFrom, StateConfig, TargetConfig, TokenSource,
    },
    store::Store,
    wolkvox::Egress,
};
use simulator::{Options, SimulatedServer, serve};

/// Flag that the demonstration sets where nobody does.
const ZERO_HOLD: &str = "menu.zero-hold";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The state, in the directory of the files of the past.
const STATE: &str = "state.redb";
/// Between two samples of a series in the files of the past: as small as they can be.
const SPARSE: Duration = Duration::from_secs(298);

/// Runs until the process is to end.
///
/// # Errors
/// When a flag is wrong or a port is taken.
pub async fn run(
    args: &DemoArgs,
    process: Process,
    terminal: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let zone = TimeZone::get("America/Bogota").context("the time zone database is missing")?;
    // The day behind is loaded at once, so that the first scrape shows it; a new series' 0 may be asked for.
    let flags = args.menu.clone();
    let zero_hold = flags.text(ZERO_HOLD).unwrap_or("0s").to_owned();
    let (mut menu, web) = config::resolve_shared(&flags.with(ZERO_HOLD, zero_hold), &args.web)?;
    // As the operator of this centre would say: 0 asks for a person, and there or at the mailbox the menu has done
    // its work.
    menu.opt_out_codes.insert("0".to_owned());
    menu.terminal_codes.extend(["AGENTE", "CV_BUZON"].map(str::to_owned));

    let options = Options {
        seed: args.seed,
        zone: zone.clone(),
        clock: process.clock.clone(),
        // The simulator's late rows may come hours late; here the numbers should add up while one watches.
        late_share: 0.0,
        ..Options::default()
    };
    let token = options.token.clone();
    let simulator = SimulatedServer::new(options);
    let api = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on 127.0.0.1")?;
    let address = api.local_addr()?;
    tokio::spawn(serve(api, simulator, process.shutdown.clone().cancelled_owned()));

    let target = TargetConfig {
        name: "demo".to_owned(),
        endpoint: format!("http://{address}/").parse().context("the simulator's address is no URL")?,
        egress: Egress::default(),
        token: TokenSource::fixed(&Secret::new(token), "the simulator's token")?,
        timezone: zone,
        licences: None,
        expected: Vec::new(),
        names: NameSources::default(),
    };
    let mut config = Config {
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
    };
    let store = match (args.days, &args.output) {
        (Some(_), Some(output)) => {
            // Whoever loads the files may be another user.
            fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
            run::open(StateLocation::File(output.join(STATE))).await?
        }
        _ => run::in_memory()?,
    };
    if !fill_back(args, &config, &store, &process, (terminal, out)).await? {
        return Ok(());
    }
    let listeners = run::bind(&config.web.listen_addresses).await?;
    let port = listeners.first().and_then(|l| l.local_addr().ok()).map_or(10013, |address| address.port());
    info!(
        "a simulated contact centre with {} behind it; open {}://localhost:{port}/",
        args.days.map_or_else(|| "a day".to_owned(), |days| format!("{days} days")),
        if config.web.is_https() { "https" } else { "http" }
    );
    // Whoever looks at a demonstration sits before it, or has it under the same port there, as in a container.
    let own = run::own_runbooks(&config.web, "localhost", &listeners);
    config.web.runbooks_url.get_or_insert(own);
    // There is nothing to read anew.
    let same = config.clone();
    let load: Load = Arc::new(move || Ok(Resolved { config: same.clone(), warnings: Vec::new() }));
    run::run(config, load, StateLocation::Open(store), listeners, process).await
}

/// Makes the files of the past, if that is wished; whether the demonstration goes on.
async fn fill_back(
    args: &DemoArgs,
    config: &Config,
    store: &Arc<Store>,
    process: &Process,
    (terminal, out): (bool, &mut impl Write),
) -> anyhow::Result<bool> {
    let (Some(days), Some(output)) = (args.days, &args.output) else { return Ok(true) };
    if store.backfill()?.is_some_and(|begun| begun.finished) {
        return Ok(true);
    }
    let wanted = BackfillConfig {
        from: StartFrom::Back(DAY * u32::from(days)),
        until: None,
        labels: config::resolve_labels(&args.labels)
            .map_err(|reason| anyhow::anyhow!("--label: {reason}"))?,
        every: SPARSE,
    };
    // In windows as an operation has them; those of seconds begin with the present.
    let usual = PollConfig { requests_in_flight: config.poll.requests_in_flight, ..PollConfig::default() };
    let past = Config { poll: usual, ..config.clone() };
    let target = backfill::Target { output, store: store.clone(), state: None, terminal };
    let around = backfill::Around { clock: process.clock.clone(), shutdown: process.shutdown.clone() };
    backfill::run(&wanted, &past, target, around, out).await
}
