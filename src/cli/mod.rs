//! The command line as typed: flags, their environment twins, and the subcommands.
//!
//! Owns names and help texts. It must never judge a value or supply a default that the configuration
//! file could also supply: a flag that was not given stays `None`, so that `config::resolve` can tell
//! a flag from silence. There is no flag for the token, because a command line is visible to every
//! process of the machine.

pub mod backfill;
pub mod completions;
pub mod man;

use std::{env, path::PathBuf};

use clap::{
    Args, Command as ClapCommand, CommandFactory, FromArgMatches, Parser, Subcommand,
    builder::BoolishValueParser,
};
use clap_complete::Shell;

pub use backfill::BackfillArgs;

use crate::{
    i18n::Language,
    logging::{LogFormat, LogLevel},
    simulator,
};

/// Everything the command line can say.
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
    // A flag of the exporter in front of a subcommand would have no effect there: refused, not ignored.
    args_conflicts_with_subcommands = true,
    after_help = "The token comes from --wolkvox.token-file or the environment variable WOLKVOX_TOKEN.\n\
                  Durations are written like 30s, 5m, 1h30m or 2d. An empty environment variable counts as not set."
)]
pub struct Cli {
    /// What to do; none means: run the exporter.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The flags of the exporter itself.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What else the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the past as the exporter would have, into files for Prometheus and a state for the exporter to go on with
    Backfill(Box<BackfillArgs>),
    /// Print a script with which a shell completes subcommands and flags
    Completions(CompletionsArgs),
    /// Run a simulated Wolkvox and an exporter against it: no account, nothing left behind
    Demo(DemoArgs),
    /// Look at each target as a person would, and say what to do: network, token, quota, clock, zone, rows
    Doctor(Box<DoctorArgs>),
    /// Ask the exporter that runs here with the same flags whether it is alive, and exit with 0 or 1
    Healthcheck(HealthcheckArgs),
    /// Set up a target: ask for server and token, write the configuration, and look at it as `doctor` does
    Init(Box<InitArgs>),
    /// Write the manual pages into a directory
    Man(ManArgs),
    /// Run the simulated Wolkvox alone
    Simulate(SimulateCommand),
    /// Look at a state file, or copy it
    #[command(subcommand)]
    State(StateCommand),
}

/// What can be done with a state file.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Print what is in it: moments and numbers, nothing personal
    Inspect(StateArgs),
    /// Copy it as of one moment into a new file, also while an exporter runs on it
    Backup(BackupArgs),
    /// Copy a target with all that was counted of it to the state file of another exporter
    Copy(StateCopyArgs),
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
    /// Which state.
    #[command(flatten)]
    pub state: StateArgs,
    /// The copy: a file that does not exist yet
    #[arg(value_name = "COPY")]
    pub to: PathBuf,
}

/// The flags of the exporter.
#[derive(Debug, Default, Clone, Args)]
pub struct RunArgs {
    /// Where the configuration is, and whether it is only to be checked.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The one target that needs no file.
    #[command(flatten)]
    pub wolkvox: WolkvoxArgs,
    /// When and what to ask.
    #[command(flatten)]
    pub poll: PollArgs,
    /// Where the state is kept.
    #[command(flatten)]
    pub state: StateArgs,
    /// How the metrics are shaped.
    #[command(flatten)]
    pub menu: MenuArgs,
    /// When an interaction is over.
    #[command(flatten)]
    pub journey: JourneyArgs,
    /// What is known of the weeks before.
    #[command(flatten)]
    pub baseline: BaselineArgs,
    /// Where names come from.
    #[command(flatten)]
    pub names: NamesArgs,
    /// Where the metrics are served.
    #[command(flatten)]
    pub web: WebArgs,
    /// How the log looks.
    #[command(flatten)]
    pub log: LogArgs,
}

/// `--config.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// YAML file with targets and settings; a flag wins over the file
    #[arg(long = "config.file", env = "WOLKVOX_CONFIG_FILE", value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Validate everything, print what it resolved to without any secret, and exit with 0 or 1
    #[arg(long = "config.check", env = "WOLKVOX_CONFIG_CHECK", value_parser = BoolishValueParser::new())]
    pub check: bool,
}

/// `--wolkvox.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Wolkvox")]
pub struct WolkvoxArgs {
    /// The one target without a file: 0042, wv0042 or a URL
    #[arg(long = "wolkvox.server", env = "WOLKVOX_SERVER", value_name = "SERVER")]
    pub server: Option<String>,

    /// File with the token, read anew at every use
    #[arg(long = "wolkvox.token-file", env = "WOLKVOX_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Proxy that is asked for the connection, http://HOST:PORT, or `direct` [default: that of HTTPS_PROXY]
    #[arg(long = "wolkvox.proxy-url", env = "WOLKVOX_PROXY_URL", value_name = "URL", hide_env_values = true)]
    pub proxy_url: Option<String>,

    /// File with the only certificate authorities that are believed [default: the system's]
    #[arg(long = "wolkvox.ca-file", env = "WOLKVOX_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// IANA zone of the server's clock [default: America/Bogota]
    #[arg(long = "wolkvox.timezone", env = "WOLKVOX_TIMEZONE", value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Allow plain http to any host, not only to this machine: the token travels in the clear
    #[arg(long = "wolkvox.allow-http", env = "WOLKVOX_ALLOW_HTTP", value_parser = BoolishValueParser::new())]
    pub allow_http: bool,
}

/// `--poll.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Polling")]
pub struct PollArgs {
    /// How often to poll, aligned to the wall clock [default: 5m]
    #[arg(long = "poll.interval", env = "WOLKVOX_POLL_INTERVAL", value_name = "DURATION")]
    pub interval: Option<String>,

    /// How long after its end a window is read [default: 30s]
    #[arg(long = "poll.settle-delay", env = "WOLKVOX_POLL_SETTLE_DELAY", value_name = "DURATION")]
    pub settle_delay: Option<String>,

    /// How far back every poll reads again, for rows that come late [default: 30m]
    #[arg(long = "poll.lookback", env = "WOLKVOX_POLL_LOOKBACK", value_name = "DURATION")]
    pub lookback: Option<String>,

    /// How far back to read again once an hour; 0s for never [default: 3h]
    #[arg(long = "poll.hourly-lookback", env = "WOLKVOX_POLL_HOURLY_LOOKBACK", value_name = "DURATION")]
    pub hourly_lookback: Option<String>,

    /// How far back to read again once a day; 0s for never [default: 48h]
    #[arg(long = "poll.nightly-lookback", env = "WOLKVOX_POLL_NIGHTLY_LOOKBACK", value_name = "DURATION")]
    pub nightly_lookback: Option<String>,

    /// The hour of the server's day at which to do that, 0 to 23 [default: 3]
    #[arg(long = "poll.nightly-hour", env = "WOLKVOX_POLL_NIGHTLY_HOUR", value_name = "HOUR")]
    pub nightly_hour: Option<String>,

    /// Where counting begins on the very first start: now, a duration back, or a local date-time
    /// such as 2026-01-18T00:00:00 [default: now]
    #[arg(long = "poll.start-from", env = "WOLKVOX_POLL_START_FROM", value_name = "WHEN")]
    pub start_from: Option<String>,

    /// By how much this machine's clock and a server's may differ when counting begins [default: 5m]
    #[arg(long = "poll.max-clock-skew", env = "WOLKVOX_POLL_MAX_CLOCK_SKEW", value_name = "DURATION")]
    pub max_clock_skew: Option<String>,

    /// Most requests that wait for an answer at a time, over all targets [default: 64]
    #[arg(long = "poll.requests-in-flight", env = "WOLKVOX_POLL_REQUESTS_IN_FLIGHT", value_name = "NUMBER")]
    pub requests_in_flight: Option<String>,
}

/// `--state.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "State")]
pub struct StateArgs {
    /// State file, created if missing [default: data/wolkvox-exporter.redb]
    #[arg(long = "state.path", env = "WOLKVOX_STATE_PATH", value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// `--menu.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Menu")]
pub struct MenuArgs {
    /// How long a new series is shown at 0 before its value [default: 75s]
    #[arg(long = "menu.zero-hold", env = "WOLKVOX_MENU_ZERO_HOLD", value_name = "DURATION")]
    pub zero_hold: Option<String>,

    /// Most label sets of a target; further ones are counted as "other" [default: 2000]
    #[arg(long = "menu.series-limit", env = "WOLKVOX_MENU_SERIES_LIMIT", value_name = "NUMBER")]
    pub series_limit: Option<String>,

    /// How long a label set without rows keeps its series; 0s for ever [default: 90d]
    #[arg(long = "menu.expire-after", env = "WOLKVOX_MENU_EXPIRE_AFTER", value_name = "DURATION")]
    pub expire_after: Option<String>,

    /// Count options with a run of so many digits, which somebody typed, as "number"; 0 for never [default: 7]
    #[arg(long = "menu.fold-digits", env = "WOLKVOX_MENU_FOLD_DIGITS", value_name = "NUMBER")]
    pub fold_digits: Option<String>,
}

/// `--journey.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Journeys")]
pub struct JourneyArgs {
    /// How long after its last row an interaction is taken to have left the menu [default: 30m]
    #[arg(id = "journey_idle", long = "journey.idle", env = "WOLKVOX_JOURNEY_IDLE", value_name = "DURATION")]
    pub idle: Option<String>,
}

/// `--baseline.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Baseline")]
pub struct BaselineArgs {
    /// How far before the first start to read what was usual; 0s for not at all [default: 28d]
    #[arg(long = "baseline.warm-up", env = "WOLKVOX_BASELINE_WARM_UP", value_name = "DURATION")]
    pub warm_up: Option<String>,

    /// Most requests that this may take [default: 200]
    #[arg(
        long = "baseline.warm-up-requests",
        env = "WOLKVOX_BASELINE_WARM_UP_REQUESTS",
        value_name = "NUMBER"
    )]
    pub warm_up_requests: Option<String>,

    /// How many weeks of what was usual to keep, 1 to 8 [default: 5]
    #[arg(long = "baseline.weeks", env = "WOLKVOX_BASELINE_WEEKS", value_name = "NUMBER")]
    pub weeks: Option<String>,

    /// File of days that are like no other, one date a line
    #[arg(long = "baseline.holidays-file", env = "WOLKVOX_BASELINE_HOLIDAYS_FILE", value_name = "FILE")]
    pub holidays_file: Option<PathBuf>,
}

/// `--names.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Names")]
pub struct NamesArgs {
    /// Where names of points and options come from: vendor, file, off [default: vendor]
    #[arg(id = "names_from", long = "names.from", env = "WOLKVOX_NAMES_FROM", value_name = "SOURCE")]
    pub from: Option<String>,

    /// YAML file with names of your own, which win over Wolkvox's
    #[arg(id = "names_file", long = "names.file", env = "WOLKVOX_NAMES_FILE", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `--web.*`
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Web")]
pub struct WebArgs {
    /// Address to listen on; repeat it, or separate by commas, for several [default: :10013]
    #[arg(
        long = "web.listen-address",
        env = "WOLKVOX_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub listen_address: Vec<String>,

    /// Path of the metrics [default: /metrics]
    #[arg(long = "web.telemetry-path", env = "WOLKVOX_WEB_TELEMETRY_PATH", value_name = "PATH")]
    pub telemetry_path: Option<String>,

    /// YAML file with TLS, users and headers, in the format of Prometheus's exporters; read anew when it changes
    #[arg(
        id = "web_config_file",
        long = "web.config.file",
        env = "WOLKVOX_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub config_file: Option<PathBuf>,

    /// Answer POST /-/reload, which reads the configuration anew as SIGHUP does
    #[arg(long = "web.enable-lifecycle", env = "WOLKVOX_WEB_ENABLE_LIFECYCLE", value_parser = BoolishValueParser::new())]
    pub enable_lifecycle: bool,
}

/// `--log.*`
#[derive(Debug, Default, Clone, Copy, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// Least severe level to log
    #[arg(
        long = "log.level",
        env = "WOLKVOX_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        ignore_case = true
    )]
    pub level: LogLevel,

    /// Format of the log, on standard error
    #[arg(
        long = "log.format",
        env = "WOLKVOX_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "logfmt",
        ignore_case = true
    )]
    pub format: LogFormat,
}

/// The flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The same seed gives the same calls
    #[arg(long = "demo.seed", env = "WOLKVOX_DEMO_SEED", value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// So many days of the past go into files for Prometheus first, as `backfill` makes them
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

    /// A label that Prometheus adds when it scrapes, for these files; repeat it, or separate by commas, for several
    #[arg(
        id = "demo_label",
        long = "label",
        env = "WOLKVOX_LABEL",
        value_name = "NAME=VALUE",
        value_delimiter = ','
    )]
    pub labels: Vec<String>,

    /// How the metrics are shaped.
    #[command(flatten)]
    pub menu: MenuArgs,
    /// Where the metrics are served.
    #[command(flatten)]
    pub web: WebArgs,
    /// How the log looks.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The flags of `doctor`: the exporter's own, so that the same command line can be looked at.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Language of what it prints [default: by the locale]
    #[arg(long = "lang", env = "WOLKVOX_LANG", value_name = "LANGUAGE", ignore_case = true)]
    pub lang: Option<Language>,
    /// As for the exporter.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The flags of `init`: what it need not ask.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where the files go, created if missing [default: the working directory]
    #[arg(long = "init.directory", env = "WOLKVOX_INIT_DIRECTORY", value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,

    /// Ask Wolkvox nothing
    #[arg(long = "init.skip-doctor", env = "WOLKVOX_INIT_SKIP_DOCTOR", value_parser = BoolishValueParser::new())]
    pub skip_doctor: bool,

    /// Language of questions, comments and findings [default: by the locale]
    #[arg(long = "lang", env = "WOLKVOX_LANG", value_name = "LANGUAGE", ignore_case = true)]
    pub lang: Option<Language>,
    /// As for the exporter.
    #[command(flatten)]
    pub wolkvox: WolkvoxArgs,
}

/// The flags of `healthcheck`: those that tell where the exporter listens.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// As for the exporter.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// As for the exporter.
    #[command(flatten)]
    pub web: WebArgs,
}

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// What `man` takes.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// An existing directory; files of the same names are replaced
    pub directory: PathBuf,
}

/// The flags of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateCommand {
    /// The simulator's own.
    #[command(flatten)]
    pub simulator: simulator::SimulateArgs,
    /// How the log looks.
    #[command(flatten)]
    pub log: LogArgs,
}

impl Cli {
    /// The definition, whatever the environment: completions and manual pages are made of it.
    pub fn definition() -> ClapCommand {
        command(|_| false)
    }

    /// Reads the process's arguments and environment. Only `main` calls this.
    ///
    /// # Errors
    /// What `clap` has to say, which includes the answers to `--help` and `--version`.
    pub fn from_process() -> Result<Self, clap::Error> {
        let mut command = command(|name| env::var_os(name).is_some_and(|value| value.is_empty()));
        let mut matches = command.try_get_matches_from_mut(env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// The command line's definition, with the environment twins for which `is_empty` holds left out.
///
/// Exporters of the Prometheus family treat an empty variable as not set (a compose file writes
/// `WOLKVOX_SERVER=` for "nothing"); to `clap` it would be a value.
fn command(is_empty: impl Fn(&std::ffi::OsStr) -> bool) -> ClapCommand {
    let quiet = |arg: clap::Arg| {
        let empty = arg.get_env().is_some_and(&is_empty);
        // The values stay out of --help, which people paste into tickets.
        let arg = arg.hide_env_values(true);
        if empty { arg.env(None::<&'static str>) } else { arg }
    };
    // What `doctor` does begins with that check, and `healthcheck` is another kind of check.
    let unlisted = |sub: ClapCommand| sub.mut_arg("check", |arg| arg.hide(true));
    Cli::command()
        .mut_args(quiet)
        .mut_subcommands(|sub| sub.mut_args(quiet))
        .mut_subcommand("backfill", unlisted)
        .mut_subcommand("doctor", unlisted)
        .mut_subcommand("healthcheck", unlisted)
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
            let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else {
                continue;
            };
            let name = long.strip_prefix("wolkvox.").unwrap_or(long).replace(['.', '-'], "_").to_uppercase();
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
