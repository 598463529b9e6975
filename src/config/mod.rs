//! What the exporter was told to do, checked and complete.
//!
//! Two types of configuration exist: what was written (`cli` and `file`), and [`Config`], what it resolved
//! to. [`resolve()`] is the only way from the one to the other and the only step that can fail; it reads
//! the configuration file, the token files (to see that they are good) and the zone database, and looks up
//! the names of the addresses to listen on. Nothing here may open a socket to Wolkvox, touch the state, or
//! read the environment.

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

pub(crate) use self::targets::server::{ServerError, parse as parse_server};
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
    pub menu: MenuConfig,
    /// When an interaction's way through the menu is over.
    pub journey: JourneyConfig,
    /// What is known of the weeks before.
    pub baseline: BaselineConfig,
    /// Where the state is kept.
    pub state: StateConfig,
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
    /// The zone in which the servers that are known keep their clocks.
    pub const DEFAULT_ZONE: &'static str = "America/Bogota";

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

impl Default for NameSources {
    fn default() -> Self {
        Self { vendor: true, file: None, own: Names::default() }
    }
}
