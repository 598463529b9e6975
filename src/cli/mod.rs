//! The command line as typed: flags, their environment twins, and the subcommands.
//!
//! Owns the subcommands and their own flags; the flags of settings are the configuration's. It must
//! never judge a value, or supply a default that the configuration file could also supply: a flag
//! that was not given stays absent, so that `config::resolve` can see that. There is no flag for
//! the token, because a command line is visible to every process of the machine.

pub mod completions;
pub mod man;

use std::{env, path::PathBuf};

use clap::{
    Args, Command as ClapCommand, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::BoolishValueParser,
};
use clap_complete::Shell;

pub use crate::config::{BackfillArgs, ConfigArgs, Flags, LogArgs, RunArgs};
use crate::{
    config::{MenuConfig, StateConfig, TargetFlags, WebConfig},
    i18n::Language,
};

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(
    name = "wolkvox-exporter",
    version,
    long_version = concat!(
        env!("CARGO_PKG_VERSION"),
        "\nrevision ",
        env!("WOLKVOX_BUILT_REVISION"),
        "\n",
        env!("WOLKVOX_BUILT_WITH")
    ),
    about = "Exact Prometheus metrics of the menu options chosen in a Wolkvox contact centre",
    // A flag of the exporter in front of a subcommand would have no effect there: refused, not
    // ignored.
    args_conflicts_with_subcommands = true,
    after_help = "The token comes from --wolkvox.token-file or the environment variable WOLKVOX_TOKEN.\n\
                  Durations are written like 30s, 5m, 1h30m or 2d. An empty environment variable counts as not set."
)]
pub struct Cli {
    /// Language of messages; the log is English [default: by the locale]
    #[arg(
        long = "lang",
        env = "WOLKVOX_LANG",
        value_name = "LANGUAGE",
        ignore_case = true,
        global = true
    )]
    pub lang: Option<Language>,

    /// The subcommand; none runs the exporter.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The flags of the exporter itself.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The subcommands, beside running the exporter.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read Wolkvox's past into files for Prometheus, and into a state from which the exporter
    /// continues
    Backfill(Box<BackfillArgs>),
    /// Print a script that completes subcommands and flags in a shell
    Completions(CompletionsArgs),
    /// Run the exporter against a simulated Wolkvox: needs no account, leaves nothing behind
    Demo(DemoArgs),
    /// Check each target and say what to do: network, token, quota, clock, time zone, rows
    Doctor(Box<DoctorArgs>),
    /// Ask the exporter that runs here with the same flags whether it is alive, and exit with 0 or
    /// 1
    Healthcheck(HealthcheckArgs),
    /// Set up a target: ask for server and token, write the configuration, and check it as `doctor`
    /// does
    Init(Box<InitArgs>),
    /// Write the manual pages into a directory
    Man(ManArgs),
    /// Run the simulated Wolkvox alone
    Simulate(SimulateCommand),
    /// Inspect or copy a state file, or change the targets in it
    #[command(subcommand)]
    State(StateCommand),
}

/// The subcommands of `state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Print what is in it: times and numbers, nothing personal
    Inspect(StateFileArgs),
    /// Copy it as of one moment into a new file, also while an exporter uses it
    Backup(BackupArgs),
    /// Copy a target with all its counts to the state file of another exporter
    Copy(StateCopyArgs),
    /// Rename a target and keep its counters; no exporter may use the file
    Rename(StateRenameArgs),
    /// Remove a target that is no longer configured, with all its counts; no exporter may use the
    /// file
    Forget(StateForgetArgs),
}

/// The flags that locate a state file.
#[derive(Debug, Args)]
pub struct StateFileArgs {
    /// YAML file of the exporter, which may name the state file
    #[arg(long = "config.file", env = "WOLKVOX_CONFIG_FILE", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// The file itself.
    #[command(flatten)]
    pub state: Flags<StateConfig>,
}

/// The flags of `state rename`.
#[derive(Debug, Args)]
pub struct StateRenameArgs {
    /// The state file.
    #[command(flatten)]
    pub file: StateFileArgs,
    /// Name that the target has in the state
    #[arg(value_name = "OLD")]
    pub old: String,
    /// Name that it has in the configuration now
    #[arg(value_name = "NEW")]
    pub new: String,
}

/// The flags of `state forget`.
#[derive(Debug, Args)]
pub struct StateForgetArgs {
    /// The state file.
    #[command(flatten)]
    pub file: StateFileArgs,
    /// Name of the target
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// The flags of `state copy`.
#[derive(Debug, Args)]
pub struct StateCopyArgs {
    /// Name of the target, the value of the label `server`
    #[arg(long, value_name = "NAME")]
    pub target: String,
    /// State file that has it; only read
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// State file to copy it to, created if missing
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// The flags of `state backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The state file.
    #[command(flatten)]
    pub file: StateFileArgs,
    /// The copy: a file that does not exist yet, or `-` for standard output
    #[arg(value_name = "COPY")]
    pub to: PathBuf,
}

/// The flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The same seed gives the same calls
    #[arg(
        long = "demo.seed",
        env = "WOLKVOX_DEMO_SEED",
        value_name = "NUMBER",
        default_value_t = 1
    )]
    pub seed: u64,

    /// Number of past days to write into files for Prometheus first, as `backfill` makes them
    #[arg(
        id = "demo_days",
        long = "days",
        env = "WOLKVOX_DAYS",
        value_name = "NUMBER",
        requires = "demo_output",
        value_parser = clap::value_parser!(u16).range(1..=60)
    )]
    pub days: Option<u16>,

    /// Directory for these files
    #[arg(id = "demo_output", long = "output", env = "WOLKVOX_OUTPUT", value_name = "DIRECTORY")]
    pub output: Option<PathBuf>,

    /// A label that Prometheus adds when it scrapes, for these files; repeat it, or separate by
    /// commas, for several
    #[arg(
        id = "demo_label",
        long = "label",
        env = "WOLKVOX_LABEL",
        value_name = "NAME=VALUE",
        value_delimiter = ','
    )]
    pub labels: Vec<String>,

    /// Settings of the metrics.
    #[command(flatten)]
    pub menu: Flags<MenuConfig>,
    /// Settings of the web server.
    #[command(flatten)]
    pub web: Flags<WebConfig>,
    /// Settings of the log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The flags of `doctor`: the exporter's own, so that the same command line can be looked at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The flags of the exporter.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The flags of `init`: the answers that it need not ask for.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Directory for the files, created if missing [default: the working directory]
    #[arg(long = "init.directory", env = "WOLKVOX_INIT_DIRECTORY", value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,

    /// Do not contact Wolkvox
    #[arg(long = "init.skip-doctor", env = "WOLKVOX_INIT_SKIP_DOCTOR", value_parser = BoolishValueParser::new())]
    pub skip_doctor: bool,

    /// The flags of a target.
    #[command(flatten)]
    pub wolkvox: Flags<TargetFlags>,
}

/// The flags of `healthcheck`: those that locate the exporter.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The addresses that the exporter listens on.
    #[command(flatten)]
    pub web: Flags<WebConfig>,
}

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// An existing directory; files of the same names are replaced
    pub directory: PathBuf,
}

/// The flags of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateCommand {
    /// The flags of the simulator.
    #[command(flatten)]
    pub simulator: simulator::SimulateArgs,
    /// Settings of the log.
    #[command(flatten)]
    pub log: LogArgs,
}

impl Cli {
    /// The definition regardless of the environment, from which completions and manual pages are
    /// made.
    pub fn definition() -> ClapCommand {
        command(|_| false)
    }

    /// Reads the process's arguments and environment. Only `main` calls this.
    ///
    /// # Errors
    /// Any outcome of `clap` that is not a command line, which includes the answers to `--help` and
    /// `--version`.
    pub fn from_process() -> Result<Self, clap::Error> {
        let mut command = command(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
        let mut matches = command.try_get_matches_from_mut(env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// Returns the definition of the command line, without the environment twins for which `is_empty`
/// holds.
///
/// Exporters of the Prometheus family treat an empty variable as not set (a compose file writes
/// `WOLKVOX_SERVER=` for "nothing"); `clap` would take it for a value.
fn command(is_empty: impl Fn(&std::ffi::OsStr) -> bool) -> ClapCommand {
    Cli::command()
        .mut_args(|arg| quiet(arg, &is_empty))
        .mut_subcommands(|sub| sub.mut_args(|arg| quiet(arg, &is_empty)))
        .mut_subcommand("backfill", hide_check)
        .mut_subcommand("doctor", hide_check)
        .mut_subcommand("healthcheck", hide_check)
}

/// Hides the value of an environment twin, because people paste `--help` into tickets, and removes
/// a twin that is empty.
fn quiet(arg: clap::Arg, is_empty: impl Fn(&std::ffi::OsStr) -> bool) -> clap::Arg {
    let empty = arg.get_env().is_some_and(is_empty);
    let arg = arg.hide_env_values(true);
    if empty { arg.env(None::<&'static str>) } else { arg }
}

/// Hides `--config.check`: `doctor` begins with that check, and `healthcheck` is another kind of
/// check.
fn hide_check(sub: ClapCommand) -> ClapCommand {
    sub.mut_arg("check", |arg| arg.hide(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definition_is_consistent() {
        command(|_| false).debug_assert();
    }

    #[test]
    fn every_flag_has_its_environment_twin() {
        let command = command(|_| false);
        let subcommands = command.get_subcommands().flat_map(ClapCommand::get_arguments);
        let mut seen = 0;
        for arg in command.get_arguments().chain(subcommands) {
            let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long))
            else {
                continue;
            };
            let name = long
                .strip_prefix("wolkvox.")
                .unwrap_or(long)
                .replace(['.', '-'], "_")
                .to_uppercase();
            let twin = arg.get_env().map(|env| env.to_string_lossy().into_owned());
            assert_eq!(twin, Some(format!("WOLKVOX_{name}")), "--{long}");
            seen += 1;
        }
        assert!(seen > 15, "only {seen} flags seen");
    }

    #[test]
    fn an_empty_variable_is_not_a_value() {
        let without = command(|name| name == "WOLKVOX_SERVER");
        let server = without.get_arguments().find(|arg| arg.get_long() == Some("wolkvox.server"));
        assert_eq!(server.expect("defined").get_env(), None);
    }

    #[test]
    fn a_flag_of_the_exporter_is_refused_with_a_subcommand() {
        let parse = |args: &[&str]| command(|_| true).try_get_matches_from(args);
        assert!(parse(&["x", "demo", "--web.listen-address=:9999"]).is_ok());
        assert!(parse(&["x", "--poll.interval=1m", "demo"]).is_err());
        assert!(parse(&["x", "demo", "--poll.interval=1m"]).is_err());
    }
}
