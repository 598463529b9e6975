//! The configuration of the exporter, checked and complete.
//!
//! Two types of configuration exist: the written one (`cli` and `file`), and [`Config`], to which
//! it resolves. [`resolve()`] is the only way from one to the other and the only step that can
//! fail. It reads the configuration file, the token files (to check them) and the zone database,
//! and looks up the names of the addresses to listen on. Nothing here may open a socket to Wolkvox,
//! touch the state, or read the environment.

mod args;
mod backfill;
mod backfill_args;
mod baseline;
mod environment;
mod flags;
mod metrics;
mod poll;
mod read;
mod resolve;
mod restart;
mod schema;
mod setting;
mod show;
mod start;
mod state;
mod targets;
mod web;

use std::path::PathBuf;

use jiff::tz::TimeZone;
use reqwest::Url;

use crate::{model::Names, wolkvox::Egress};

pub(crate) use self::targets::server::parse as parse_server;
pub use self::{
    args::{ConfigArgs, LogArgs, RunArgs},
    backfill::{BackfillConfig, resolve_backfill, resolve_labels},
    backfill_args::BackfillArgs,
    baseline::BaselineConfig,
    environment::Environment,
    flags::Flags,
    metrics::{MenuConfig, journey::JourneyConfig},
    poll::PollConfig,
    read::diagnostics::{ConfigError, Problem},
    resolve::{resolve, resolve_listen, resolve_shared},
    restart::needs_restart,
    schema::{keys, schema},
    setting::{Arity, FlagGroup, Key},
    start::StartFrom,
    state::{StateConfig, resolve_state},
    targets::{
        keys::{NameFlags, TargetFlags},
        secret::Secret,
        token::{TokenError, TokenSource, TokenVersion},
    },
    web::{WebConfig, file::WebRules, listen::ListenAddress},
};

/// The outcome of [`resolve()`].
#[derive(Debug)]
pub struct Resolved {
    /// The complete configuration.
    pub config: Config,
    /// Settings that work but may be mistakes.
    pub warnings: Vec<Problem>,
}

/// A whole configuration. Its `Display` is the output of `--config.check`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The targets: at least one, their names all different.
    pub targets: Vec<TargetConfig>,
    /// The schedule of polls.
    pub poll: PollConfig,
    /// Settings of the metrics.
    pub menu: MenuConfig,
    /// The end of an interaction.
    pub journey: JourneyConfig,
    /// The history of earlier weeks.
    pub baseline: BaselineConfig,
    /// The state file.
    pub state: StateConfig,
    /// Settings of the web server.
    pub web: WebConfig,
}

/// One Wolkvox operation.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// The `server` label: the target's name if it has one, else its four digits, else host and
    /// port.
    pub name: String,
    /// Scheme, host and port; the path is `/`, and there is no query and no user.
    pub endpoint: Url,
    /// The connection to it.
    pub egress: Egress,
    /// The source of its token.
    pub token: TokenSource,
    /// The zone of the server's clock, in which its dates are written.
    pub timezone: TimeZone,
    /// Licences of the operation, which set its quota of requests a day; `None` when not given.
    pub licences: Option<u32>,
    /// The outcomes of calls are read, too.
    pub outcomes: bool,
    /// Menus whose series start at 0 at once.
    pub expected: Vec<ExpectedMenu>,
    /// The sources of the names of its routing points and options.
    pub names: NameSources,
}

impl TargetConfig {
    /// The zone in which the known servers keep their clocks.
    pub const DEFAULT_ZONE: &'static str = "America/Bogota";

    /// A target that is reached directly, with every other setting at its default.
    pub fn new(name: &str, endpoint: Url, token: TokenSource, timezone: TimeZone) -> Self {
        Self {
            name: name.to_owned(),
            endpoint,
            egress: Egress::default(),
            token,
            timezone,
            licences: None,
            outcomes: false,
            expected: Vec::new(),
            names: NameSources::default(),
        }
    }

    /// Returns true if it is polled in the same way as `other`. Tokens are not compared: a file is
    /// compared by its path, because it is read at every use, and the environment's token never
    /// changes in a process.
    pub fn is_as(&self, other: &Self) -> bool {
        let Self { name, endpoint, egress, token, timezone, licences, outcomes, expected, names } =
            self;
        let same_token = match (token, &other.token) {
            (TokenSource::File(mine), TokenSource::File(theirs)) => mine == theirs,
            (TokenSource::Fixed(_), TokenSource::Fixed(_)) => true,
            _ => false,
        };
        same_token
            && (name, endpoint, egress, timezone, licences, outcomes, expected, names)
                == (
                    &other.name,
                    &other.endpoint,
                    &other.egress,
                    &other.timezone,
                    &other.licences,
                    &other.outcomes,
                    &other.expected,
                    &other.names,
                )
    }
}

/// The sources of the names of routing points and options. Where both know a name, the file's wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSources {
    /// Ask Wolkvox at start and once a day.
    pub vendor: bool,
    /// The operator's own file.
    pub file: Option<PathBuf>,
    /// The names of that file, with options by the codes that are exposed.
    pub own: Names,
}

/// A menu whose options the operator knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedMenu {
    /// The routing point.
    pub rp_id: String,
    /// The channel, as the vendor writes it (`voice`, `chat-web`, ...).
    pub channel: String,
    /// Its options (`cod_opc_menu`): at least one, all different.
    pub options: Vec<String>,
}

impl Default for NameSources {
    fn default() -> Self {
        Self { vendor: true, file: None, own: Names::default() }
    }
}
