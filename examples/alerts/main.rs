//! Writes `rules/` from the tables of alerts: `cargo run --example alerts`.
//!
//! Numbers are in `generate/thresholds.rs`, alerts in `generate/menus.rs` and `generate/exporter.rs`. A test compares
//! what this writes with what is committed.

mod generate;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

/// Writes the alerting rules and what they stand on
#[derive(Debug, Parser)]
struct Args {
    /// Where the files go
    #[arg(long, default_value = "rules")]
    directory: PathBuf,
    /// Where the runbooks are served; `/LANGUAGE/ALERT.md` is added
    #[arg(long, default_value_t = generate::Links::default().runbooks)]
    runbooks: String,
    /// Grafana's address
    #[arg(long, default_value_t = generate::Links::default().grafana)]
    grafana: String,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let links = generate::Links { runbooks: args.runbooks, grafana: args.grafana };
    for (name, contents) in generate::files(&links) {
        let path = args.directory.join(name);
        std::fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
