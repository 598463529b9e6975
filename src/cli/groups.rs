//! The flags in groups, as the sections of the configuration file: every command takes the groups that it needs.
//!
//! Owns their names, environment twins and help texts. What the values mean is the configuration's.

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};

use crate::logging::{LogFormat, LogLevel};

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

    /// Where alerts and dashboards find the runbooks, if not at the exporter's own /runbooks
    #[arg(long = "web.runbooks-url", env = "WOLKVOX_WEB_RUNBOOKS_URL", value_name = "URL")]
    pub runbooks_url: Option<String>,
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
