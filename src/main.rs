//! The binary: turns arguments into calls of the library, and their results into an exit code.
//!
//! Owns the environment, the terminal and the clock, which it hands to the library.

use std::{
    io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use jiff::Timestamp;
use wolkvox_exporter::{
    cli::{
        BackfillArgs, BackupArgs, Cli, Command, CompletionsArgs, DoctorArgs, HealthcheckArgs,
        InitArgs, LogArgs, RunArgs, StateCommand, StateCopyArgs, StateFileArgs, StateForgetArgs,
        StateRenameArgs, completions, man,
    },
    commands::{
        backfill, demo, doctor, healthcheck,
        init::{self, Answers},
        run::{self, Load, Process, StateLocation},
    },
    config::{self, ConfigError, Environment},
    i18n::{Bilingual, Language},
    logging, store,
    wolkvox::ClientLimits,
};

fn main() -> ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => return answer(&error),
    };
    let language = cli.lang.unwrap_or_else(language_from_environment);
    let outcome = match cli.command {
        None if cli.run.config.check => check(&cli.run, language),
        None => run(&cli.run),
        Some(Command::Backfill(args)) => match fill_back(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Some(Command::Completions(args)) => complete(&args),
        Some(Command::Demo(args)) => serve(args.log, async |process| {
            demo::run(&args, process, io::stderr().is_terminal(), &mut io::stdout()).await
        }),
        Some(Command::Doctor(args)) => match examine(&args, language) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Some(Command::Healthcheck(args)) => check_health(&args),
        Some(Command::Init(args)) => match set_up(&args, language) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Some(Command::Man(args)) => man::write(&Cli::definition(), &args.directory),
        Some(Command::State(StateCommand::Inspect(args))) => inspect(&args),
        Some(Command::State(StateCommand::Backup(args))) => back_up(&args),
        Some(Command::State(StateCommand::Copy(args))) => copy_target(&args),
        Some(Command::State(StateCommand::Rename(args))) => rename_target(&args),
        Some(Command::State(StateCommand::Forget(args))) => forget_target(&args),
        Some(Command::Simulate(args)) => serve(args.log, async |process| {
            simulator::run(args.simulator, process.shutdown.cancelled_owned()).await
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_failure(&error, language);
            ExitCode::FAILURE
        }
    }
}

/// Prints the error that ended the work, in the reader's language if the error has it.
fn print_failure(error: &anyhow::Error, language: Language) {
    if let Some(refused) = error.downcast_ref::<ConfigError>() {
        for problem in &refused.problems {
            print_error(&format!("error: {}", problem.in_language(language)));
        }
        return;
    }
    let causes = error.chain().map(|cause| match cause.downcast_ref::<Bilingual>() {
        Some(told) => told.in_language(language).to_owned(),
        None => cause.to_string(),
    });
    print_error(&format!("error: {}", causes.collect::<Vec<_>>().join(": ")));
}

/// Runs the exporter.
fn run(args: &RunArgs) -> anyhow::Result<()> {
    let log = args.log;
    let args = args.clone();
    let environment = environment();
    let load: Load = Arc::new(move || config::resolve(&args, &environment, Timestamp::now()));
    let resolved = load()?;
    serve(log, async |process| {
        for warning in &resolved.warnings {
            tracing::warn!("{warning}");
        }
        let config = resolved.config;
        let listeners = run::bind(&config.web.listen_addresses).await?;
        let state = StateLocation::File(config.state.path.clone());
        run::run(config, load, state, listeners, process).await
    })
}

/// Reads the past. Returns true if that was completed.
fn fill_back(args: &BackfillArgs) -> anyhow::Result<bool> {
    let wanted = config::resolve_backfill(args)?;
    let resolved = config::resolve(&args.run, &environment(), Timestamp::now())?;
    let mut ended = false;
    serve(args.run.log, async |Process { clock, shutdown, .. }| {
        resolved.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let state = resolved.config.state.path.clone();
        let target = backfill::Target {
            output: &args.output,
            store: run::open(StateLocation::File(state.clone())).await?,
            state: Some(state.display().to_string()),
            terminal: io::stderr().is_terminal(),
        };
        let context = backfill::RunContext { clock, shutdown };
        ended =
            backfill::run(&wanted, &resolved.config, target, context, &mut io::stdout()).await?;
        Ok(())
    })?;
    Ok(ended)
}

/// Checks every target. Returns true if all is well.
fn examine(args: &DoctorArgs, language: Language) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    let resolved = match config::resolve(&args.run, &environment(), Timestamp::now()) {
        Ok(resolved) => resolved,
        Err(error) => {
            doctor::refuse(&error, language, &mut out)?;
            return Ok(false);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let well = runtime.block_on(doctor::run(
        &resolved.config,
        &resolved.warnings,
        language,
        ClientLimits::default(),
        &Timestamp::now,
        &mut out,
    ));
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    match well {
        // The reader has closed the pipe. Targets that were not checked are not reported as well.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        well => well.context("cannot write to standard output"),
    }
}

/// Sets up a target. Returns true if all is well.
fn set_up(args: &InitArgs, language: Language) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut out = std::io::stdout();
    let environment = environment();
    let well = runtime.block_on(async {
        init::run(args, &environment, language, &mut Console, &Timestamp::now, &mut out).await
    });
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    well
}

/// Reads answers from the terminal, or from piped lines, for which no question is printed.
struct Console;

impl Answers for Console {
    fn line(&mut self, question: &str) -> io::Result<String> {
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            let mut error = io::stderr();
            write!(error, "{question}")?;
            error.flush()?;
        }
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    }

    fn hidden(&mut self, question: &str) -> io::Result<String> {
        if io::stdin().is_terminal() {
            rpassword::prompt_password(question)
        } else {
            self.line(question)
        }
    }
}

/// Prints the completion script of a shell.
fn complete(args: &CompletionsArgs) -> anyhow::Result<()> {
    let script = completions::script(Cli::definition(), args.shell);
    print(&script)
}

/// Checks that an exporter with these flags is alive.
fn check_health(args: &HealthcheckArgs) -> anyhow::Result<()> {
    let addresses = config::resolve_listen(args.config.file.as_deref(), &args.web)?;
    print(&format!("{}\n", healthcheck::run(&addresses).map_err(anyhow::Error::msg)?))
}

/// Prints the content of a state file.
fn inspect(args: &StateFileArgs) -> anyhow::Result<()> {
    print(&store::inspect(&state_path(args)?)?.to_string())
}

fn state_path(args: &StateFileArgs) -> anyhow::Result<PathBuf> {
    Ok(config::resolve_state(args.config_file.as_deref(), &args.state)?)
}

/// Copies a state file.
fn back_up(args: &BackupArgs) -> anyhow::Result<()> {
    let state = state_path(&args.file)?;
    if args.to != Path::new("-") {
        return print(&store::backup(&state, &args.to)?.to_string());
    }
    let mut out = io::stdout().lock();
    anyhow::ensure!(
        !out.is_terminal(),
        "a copy is no text: send it into a file, as in `state backup - >COPY`, or name the file"
    );
    let summary = store::backup_to(&state, &mut out)?;
    print_error(summary.to_string().trim_end());
    Ok(())
}

/// Renames a target in a state file.
fn rename_target(args: &StateRenameArgs) -> anyhow::Result<()> {
    let StateRenameArgs { old, new, .. } = args;
    store::rename_target(old, new, &state_path(&args.file)?)?;
    print(&format!("{old} is called {new} from now on; its counters go on at the next start\n"))
}

/// Removes a target from a state file.
fn forget_target(args: &StateForgetArgs) -> anyhow::Result<()> {
    let forgotten = store::forget_target(&args.name, &state_path(&args.file)?)?;
    print(&format!(
        "forgot {}: {} label sets, {} rows remembered\n",
        args.name, forgotten.menus, forgotten.rows
    ))
}

/// Copies a target to another state file.
fn copy_target(args: &StateCopyArgs) -> anyhow::Result<()> {
    let StateCopyArgs { target, from, to } = args;
    let copied = store::copy_target(target, from, to)?;
    print(&format!(
        "copied {target} to {}: {} label sets, {} rows remembered\n\
         now take {target} out of the configuration of the exporter that had it, before either is started\n",
        to.display(),
        copied.menus,
        copied.rows
    ))
}

/// Runs `work` on one thread, with the log, until it ends or the first signal.
fn serve(
    log: LogArgs,
    work: impl AsyncFnOnce(Process) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let log = logging::init(log.level, log.format)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let dropped_lines = log.dropped();
    let outcome = runtime.block_on(async {
        let shutdown = run::stop_on_signals()?;
        work(Process { clock: Arc::new(Timestamp::now), shutdown, dropped_lines }).await
    });
    // The pollers have ended, so the remaining work is unimportant, or waits for a hanging disk.
    runtime.shutdown_timeout(Duration::from_millis(300));
    outcome
}

/// Prints the resolved configuration; every problem in it is the error.
fn check(args: &RunArgs, language: Language) -> anyhow::Result<()> {
    let resolved = config::resolve(args, &environment(), Timestamp::now())?;
    let mark = match language {
        Language::En => "warning",
        Language::Es => "advertencia",
    };
    for warning in &resolved.warnings {
        print_error(&format!("{mark}: {}", warning.in_language(language)));
    }
    print(&resolved.config.to_string())
}

fn environment() -> Environment {
    Environment::read(|name| std::env::var_os(name))
}

/// Returns the language of the first locale variable that is set, as the C library does.
fn language_from_environment() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Language::of_locale(locale.as_deref().unwrap_or_default())
}

/// Prints clap's answer: help and version to standard output, all else to standard error.
fn answer(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(failed) if !error.use_stderr() && failed.kind() != ErrorKind::BrokenPipe => {
            print_error(&format!("error: cannot write to standard output: {failed}"));
            ExitCode::FAILURE
        }
        _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// Prints to standard output. A closed pipe is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints to standard error for people, because the log may not be set up yet. Failures are
/// ignored.
fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
