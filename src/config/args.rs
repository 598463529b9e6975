//! The flags of the exporter: those of every section, the location of the configuration, and the
//! log.
//!
//! Owns their grouping. The sections declare their own flags.

use std::path::PathBuf;

use clap::{Args, builder::BoolishValueParser};

use super::{
    BaselineConfig, Flags, JourneyConfig, MenuConfig, NameFlags, PollConfig, StateConfig,
    TargetFlags, WebConfig,
};
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

/// The flags of the exporter.
#[derive(Debug, Default, Clone, Args)]
pub struct RunArgs {
    /// The configuration file, and the wish only to check it.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The one target that needs no file.
    #[command(flatten)]
    pub wolkvox: Flags<TargetFlags>,
    /// The schedule of polls.
    #[command(flatten)]
    pub poll: Flags<PollConfig>,
    /// The state file.
    #[command(flatten)]
    pub state: Flags<StateConfig>,
    /// Settings of the metrics.
    #[command(flatten)]
    pub menu: Flags<MenuConfig>,
    /// The end of an interaction.
    #[command(flatten)]
    pub journey: Flags<JourneyConfig>,
    /// The history of earlier weeks.
    #[command(flatten)]
    pub baseline: Flags<BaselineConfig>,
    /// The sources of names.
    #[command(flatten)]
    pub names: Flags<NameFlags>,
    /// Settings of the web server.
    #[command(flatten)]
    pub web: Flags<WebConfig>,
    /// Settings of the log.
    #[command(flatten)]
    pub log: LogArgs,
}
