//! What the exporter was told to do, checked and complete.
//!
//! Two types of configuration exist: what was written (`cli` and `file`), and [`Config`], what it resolved
//! to. [`resolve()`] is the only way from the one to the other and the only step that can fail; it reads
//! the configuration file, the token files (to see that they are good) and the zone database, and looks up
//! the names of the addresses to listen on. Nothing here may open a socket to Wolkvox, touch the state, or
//! read the environment.

mod backfill;
mod baseline;
mod environment;
mod metrics;
mod poll;
mod read;
mod resolve;
mod restart;
mod show;
mod start;
mod targets;
mod web;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use jiff::{civil::Date, tz::TimeZone};
use reqwest::Url;

use crate::{
    model::{DigitFold, Names, OptionKinds, OptionRules},
    schedule::Tiers,
    wolkvox::Egress,
};

pub(crate) use self::targets::server::{ServerError, parse as parse_server};
pub use self::{
    backfill::{BackfillConfig, resolve_backfill, resolve_labels},
    environment::Environment,
    read::diagnostics::{ConfigError, Problem},
    resolve::{DEFAULT_STATE_PATH, resolve, resolve_listen, resolve_shared},
    restart::needs_restart,
    start::StartFrom,
    targets::{
        secret::Secret,
        token::{TokenError, TokenSource, TokenVersion},
    },
    web::{file::WebRules, listen::ListenAddress},
};

/// The outcome of [`resolve()`].
#[derive(Debug)]
pub struct Resolved {
    /// What to do.
    pub config: Config,
    /// What works, and should still be looked at.
    pub warnings: Vec<Problem>,
}

/// A whole configuration. Its `Display` is what `--config.check` prints.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom to ask; at least one, their names all different.
    pub targets: Vec<TargetConfig>,
    /// When and what to ask.
    pub poll: PollConfig,
    /// How the metrics are shaped.
    pub menu: MetricsConfig,
    /// When an interaction's way through the menu is over.
    pub journey: JourneyConfig,
    /// What is known of the weeks before.
    pub baseline: BaselineConfig,
    /// The state file.
    pub state_path: PathBuf,
    /// Where the metrics are served.
    pub web: WebConfig,
}

/// One Wolkvox operation.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// The `server` label: the target's name if it has one, else its four digits, else host and port.
    pub name: String,
    /// Scheme, host and port; the path is `/`, and there is no query and no user.
    pub endpoint: Url,
    /// The way to it.
    pub egress: Egress,
    /// Where its token comes from.
    pub token: TokenSource,
    /// The zone of the server's clock, in which its dates are written.
    pub timezone: TimeZone,
    /// Licences of the operation, which set its quota of requests a day; `None` when not told.
    pub licences: Option<u32>,
    /// Menus whose series start at 0 at once.
    pub expected: Vec<ExpectedMenu>,
    /// Where the names of its routing points and options come from.
    pub names: NameSources,
}

impl TargetConfig {
    /// Whether it is asked, and read, as `other` is. No token is looked at: of a file the path counts, since it is
    /// read at every use, and the environment's is one for the life of a process.
    pub fn is_as(&self, other: &Self) -> bool {
        let Self { name, endpoint, egress, token, timezone, licences, expected, names } = self;
        let same_token = match (token, &other.token) {
            (TokenSource::File(mine), TokenSource::File(theirs)) => mine == theirs,
            (TokenSource::Fixed(_), TokenSource::Fixed(_)) => true,
            _ => false,
        };
        same_token
            && (name, endpoint, egress, timezone, licences, expected, names)
                == (
                    &other.name,
                    &other.endpoint,
                    &other.egress,
                    &other.timezone,
                    &other.licences,
                    &other.expected,
                    &other.names,
                )
    }
}

/// Where the names of routing points and options come from. Where both know a name, the file's wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSources {
    /// Ask Wolkvox at start and once a day.
    pub vendor: bool,
    /// The operator's own file.
    pub file: Option<PathBuf>,
    /// What stood there, with options by the codes that are exposed.
    pub own: Names,
}

/// When and what to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollConfig {
    /// Time between two polls: whole seconds, at least one, longer than `settle_delay`.
    pub interval: Duration,
    /// How long after its end a window is read.
    pub settle_delay: Duration,
    /// How far back every poll reads again: whole seconds, at least `settle_delay`; with `interval` it fits
    /// into the 31 days of one query.
    pub lookback: Duration,
    /// How far back to read again once an hour and once a night; at most 30 days each.
    pub tiers: Tiers,
    /// Where counting begins on the very first start.
    pub start_from: StartFrom,
    /// By how much this machine's clock and a server's may differ when counting begins.
    pub max_clock_skew: Duration,
    /// The most requests that wait for an answer at a time, over all targets: 1 to 10,000. Fixed for a process.
    pub requests_in_flight: usize,
}

/// How the metrics are shaped.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsConfig {
    /// Upper bounds of the histogram in seconds: finite, positive, strictly increasing, 1 to 100 of them.
    pub buckets: Vec<f64>,
    /// The longest label value, in characters: 1 to 1024.
    pub label_length: usize,
    /// How long a new series is shown at 0 before its value.
    pub zero_hold: Duration,
    /// What the options mean.
    pub kinds: OptionKinds,
    /// Which options have series, and under which names.
    pub rules: OptionRules,
    /// The most label sets (`rp_id`, `channel`, `cod_opc_menu`) of a target: 1 to 100,000.
    pub series_limit: usize,
    /// The most different options of a routing point and channel: 1 to 100,000.
    pub options_limit: usize,
    /// The most different steps from an option to the next of a routing point and channel: 1 to 100,000.
    pub transitions_limit: usize,
    /// How long a label set without rows is kept: zero for ever, else at least 7 days and longer than anything
    /// is read again.
    pub expire_after: Duration,
    /// Which options are numbers that somebody typed.
    pub fold: DigitFold,
}

/// When an interaction's way through the menu is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyConfig {
    /// No row for so long: 1 minute to 24 hours.
    pub idle: Duration,
    /// The same for single channels, by the value of the label `channel`.
    pub by_channel: BTreeMap<String, Duration>,
}

/// What is known of the weeks before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaselineConfig {
    /// How far before the very first start the vendor's past is read: whole seconds, no more than `weeks`; zero for not at
    /// all.
    pub warm_up: Duration,
    /// The most requests that this may take: 1 to 10,000.
    pub warm_up_requests: u32,
    /// How many weeks are kept: 1 to 8.
    pub weeks: u16,
    /// Days that are like no other, by the server's calendar; those of the file are among them.
    pub holidays: BTreeSet<Date>,
    /// A file with such days.
    pub holidays_file: Option<PathBuf>,
}

impl JourneyConfig {
    /// The idle time of a channel.
    pub fn idle(&self, channel: &str) -> Duration {
        self.by_channel.get(channel).copied().unwrap_or(self.idle)
    }
}

impl PollConfig {
    /// How far back a row can still be read, with every tier.
    pub fn deepest(&self) -> Duration {
        let tiers = self.tiers.hourly.max(self.tiers.nightly);
        self.interval.saturating_add(self.lookback.max(tiers))
    }
}

/// A menu of which the operator knows the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedMenu {
    /// The routing point.
    pub rp_id: String,
    /// The channel, as the vendor writes it (`voice`, `chat-web`, ...).
    pub channel: String,
    /// Its options (`cod_opc_menu`): at least one, all different.
    pub options: Vec<String>,
}

/// Where the metrics are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// Where to listen; at least one.
    pub listen: Vec<ListenAddress>,
    /// Path of the metrics; begins with `/` and is none of the exporter's own paths.
    pub telemetry_path: String,
    /// File with TLS, users and headers, in the format of Prometheus's exporters; it was good when it was read.
    pub config_file: Option<PathBuf>,
    /// Whether that file turns TLS on.
    pub https: bool,
    /// Whether `POST /-/reload` is answered.
    pub lifecycle: bool,
    /// Address under which each runbook is at its alert's name; none for the exporter's own.
    pub runbooks_url: Option<String>,
}

impl Default for PollConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(300),
            settle_delay: Duration::from_secs(30),
            lookback: Duration::from_secs(1800),
            tiers: Tiers {
                hourly: Duration::from_secs(3 * 3600),
                nightly: Duration::from_secs(48 * 3600),
                nightly_hour: 3,
            },
            start_from: StartFrom::Now,
            max_clock_skew: Duration::from_secs(300),
            requests_in_flight: 64,
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            buckets: vec![5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0],
            label_length: 128,
            zero_hold: Duration::from_secs(75),
            kinds: OptionKinds::default(),
            rules: OptionRules::default(),
            series_limit: 2000,
            options_limit: 200,
            transitions_limit: 500,
            expire_after: Duration::from_secs(90 * 86400),
            fold: DigitFold::default(),
        }
    }
}

impl Default for JourneyConfig {
    fn default() -> Self {
        Self { idle: Duration::from_secs(30 * 60), by_channel: BTreeMap::new() }
    }
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            warm_up: Duration::from_secs(28 * 86_400),
            warm_up_requests: 200,
            weeks: 5,
            holidays: BTreeSet::new(),
            holidays_file: None,
        }
    }
}

impl Default for NameSources {
    fn default() -> Self {
        Self { vendor: true, file: None, own: Names::default() }
    }
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen: vec![ListenAddress::any(10013)],
            telemetry_path: "/metrics".to_owned(),
            config_file: None,
            https: false,
            lifecycle: false,
            runbooks_url: None,
        }
    }
}
