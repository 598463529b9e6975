//! The binary: arguments in, exit code out; everything else is the library's.
//!
//! Only this file reads the environment and hands out the clock.

use std::{io::Write as _, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::watch;
use wolkvox_exporter::{
    cli::{
        Cli, Command, CompletionsArgs, DoctorArgs, HealthcheckArgs, LogArgs, RunArgs, StateArgs,
        StateCommand, completions, man,
    },
    commands::{
        demo, doctor, healthcheck,
        run::{self, Load, StateLocation},
    },
    config::{self, Secret},
    i18n::Language,
    logging,
    poller::Clock,
    simulator, store,
    wolkvox::ClientLimits,
};

fn main() -> ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command {
        None if cli.run.config.check => return check(&cli.run),
        None => run(&cli.run),
        Some(Command::Completions(args)) => complete(&args),
        Some(Command::Demo(args)) => serve(args.log, async |clock, stop| demo::run(&args, clock, stop).await),
        Some(Command::Doctor(args)) => match examine(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Some(Command::Healthcheck(args)) => feel_pulse(&args),
        Some(Command::Man(args)) => man::write(&Cli::definition(), &args.directory),
        Some(Command::State(StateCommand::Inspect(args))) => inspect(&args),
        Some(Command::Simulate(args)) => serve(args.log, async |_, mut stop| {
            let stopped = async move {
                let _ = stop.wait_for(|on| *on).await;
            };
            simulator::run(args.simulator, stopped).await
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The exporter.
fn run(args: &RunArgs) -> anyhow::Result<()> {
    let (log, args, token) = (args.log, args.clone(), token_from_environment());
    let load: Load = Arc::new(move || config::resolve(&args, token.clone(), Timestamp::now()));
    let resolved = load()?;
    serve(log, async |clock, stop| {
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        let config = resolved.config;
        let listeners = run::bind(&config.web.listen).await?;
        let state = StateLocation::File(config.state_path.clone());
        run::run(config, load, state, listeners, clock, stop).await
    })
}

/// Looks at every target; whether all is well.
fn examine(args: &DoctorArgs) -> anyhow::Result<bool> {
    let language = args.lang.unwrap_or_else(language_from_environment);
    let mut out = std::io::stdout();
    let resolved = match config::resolve(&args.run, token_from_environment(), Timestamp::now()) {
        Ok(resolved) => resolved,
        Err(error) => {
            doctor::refuse(&error, language, &mut out)?;
            return Ok(false);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (config, warnings) = (&resolved.config, &resolved.warnings);
    let looked = doctor::run(config, warnings, language, ClientLimits::default(), &Timestamp::now, &mut out);
    let well = runtime.block_on(looked);
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    Ok(well?)
}

/// The script with which a shell completes.
fn complete(args: &CompletionsArgs) -> anyhow::Result<()> {
    let script = completions::script(Cli::definition(), args.shell);
    std::io::stdout().write_all(script.as_bytes()).context("cannot write the script")
}

/// Whether an exporter with these flags is alive.
#[expect(clippy::print_stdout, reason = "the output of healthcheck is for people")]
fn feel_pulse(args: &HealthcheckArgs) -> anyhow::Result<()> {
    let addresses = config::resolve_listen(args.config.file.as_deref(), &args.web)?;
    println!("{}", healthcheck::run(&addresses).map_err(anyhow::Error::msg)?);
    Ok(())
}

/// What is in a state file.
#[expect(clippy::print_stdout, reason = "the output of state inspect is for people")]
fn inspect(args: &StateArgs) -> anyhow::Result<()> {
    let path = args.path.clone().unwrap_or_else(|| config::DEFAULT_STATE_PATH.into());
    print!("{}", store::inspect(&path)?);
    Ok(())
}

/// Logs, one thread, and a stop at the first signal.
fn serve(
    log: LogArgs,
    work: impl AsyncFnOnce(Clock, watch::Receiver<bool>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    logging::init(log.level, log.format)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = watch::channel(false);
    let outcome = runtime.block_on(async {
        run::stop_on_signals(stop)?;
        work(Arc::new(Timestamp::now), stopped).await
    });
    // A commit under way is finished; a hanging disk is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Prints what the configuration resolved to, or everything that is wrong with it.
#[expect(clippy::print_stdout, reason = "the output of --config.check is for people")]
fn check(args: &RunArgs) -> ExitCode {
    match config::resolve(args, token_from_environment(), Timestamp::now()) {
        Ok(resolved) => {
            for warning in &resolved.warnings {
                complain(&format!("warning: {warning}"));
            }
            print!("{}", resolved.config);
            ExitCode::SUCCESS
        }
        Err(error) => {
            for problem in &error.problems {
                complain(&format!("error: {problem}"));
            }
            ExitCode::FAILURE
        }
    }
}

fn token_from_environment() -> Option<Secret> {
    std::env::var_os("WOLKVOX_TOKEN").map(|token| Secret::new(token.to_string_lossy()))
}

/// By the first of the locale's variables that is set, as the C library chooses.
fn language_from_environment() -> Language {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    Language::of_locale(locale.as_deref().unwrap_or_default())
}

#[expect(clippy::print_stderr, reason = "the log may not be set up yet, and this is for people")]
fn complain(message: &str) {
    eprintln!("{message}");
}
