//! What Grafana and Prometheus import, generated: dashboards and alerting rules, in every language.
//!
//! Owns the files' places and whether they are up to date. What is in them comes from `dashboards` and `rules`, which
//! touch no file.

pub mod dashboards;
pub mod rules;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

/// Whether to write.
#[derive(Debug, Clone, Copy, Args)]
pub struct Check {
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// Of `cargo xtask rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    #[command(flatten)]
    check: Check,
    /// Where the files go
    #[arg(long, default_value = "rules")]
    directory: PathBuf,
    /// Where the runbooks are served; `/LANGUAGE/ALERT.md` is added
    #[arg(long, default_value_t = rules::Links::default().runbooks)]
    runbooks: String,
    /// Grafana's address
    #[arg(long, default_value_t = rules::Links::default().grafana)]
    grafana: String,
}

/// Writes the dashboards, or checks them.
pub fn dashboards(check: Check) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
    put(check, dashboards::all().into_iter().map(|file| (root.join(file.path), file.json)))
}

/// Writes the rules, or checks them.
pub fn rules(args: &RulesArgs) -> anyhow::Result<()> {
    let links = rules::Links { runbooks: args.runbooks.clone(), grafana: args.grafana.clone() };
    let files = rules::files(&links).into_iter();
    put(args.check, files.map(|(name, contents)| (args.directory.join(name), contents)))
}

fn put(Check { check }: Check, files: impl Iterator<Item = (PathBuf, String)>) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, contents) in files {
        if check {
            if fs::read_to_string(&path).unwrap_or_default() != contents {
                stale.push(path.display().to_string());
            }
            continue;
        }
        let folder = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !stale.is_empty() {
        bail!("not up to date, run this without --check: {}", stale.join(", "));
    }
    Ok(())
}
