//! The flags of `backfill`: those of the exporter that will continue with the state, and the
//! destination of the past.

use std::path::PathBuf;

use clap::Args;

use super::args::RunArgs;

/// The flags of `backfill`.
#[derive(Debug, Clone, Args)]
pub struct BackfillArgs {
    /// Beginning: a duration back such as 28d, or a date-time of the server's clock such as
    /// 2026-01-18T00:00:00
    #[arg(id = "backfill_from", long = "from", env = "WOLKVOX_FROM", value_name = "WHEN")]
    pub from: String,

    /// End, in the same notation [default: the newest window that has closed]
    #[arg(id = "backfill_until", long = "until", env = "WOLKVOX_UNTIL", value_name = "WHEN")]
    pub until: Option<String>,

    /// Directory for the files, created if missing
    #[arg(
        id = "backfill_output",
        long = "output",
        env = "WOLKVOX_OUTPUT",
        value_name = "DIRECTORY"
    )]
    pub output: PathBuf,

    /// A label that Prometheus adds when it scrapes, such as job=wolkvox or instance=host:10013;
    /// repeat it, or separate by commas, for several
    #[arg(
        id = "backfill_label",
        long = "label",
        env = "WOLKVOX_LABEL",
        value_name = "NAME=VALUE",
        value_delimiter = ','
    )]
    pub labels: Vec<String>,

    /// Longest time between two samples of a series, 15s to 4m58s
    #[arg(
        id = "backfill_every",
        long = "every",
        env = "WOLKVOX_EVERY",
        value_name = "DURATION",
        default_value = "2m30s"
    )]
    pub every: String,

    /// The flags of the exporter.
    #[command(flatten)]
    pub run: RunArgs,
}
