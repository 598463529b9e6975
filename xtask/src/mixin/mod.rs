//! Generates the dashboards that Grafana imports, in every language.
//!
//! Owns the files' places, and the check that they are up to date. Their content comes from
//! `dashboards`, which touches no file. The alerting rules are not generated: operators change
//! them, so they are written by hand, in `rules/`.

pub mod dashboards;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

/// Flags of the dashboards' chore.
#[derive(Debug, Clone, Copy, Args)]
pub struct Check {
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// Writes the dashboards, or checks them.
pub fn dashboards(check: Check) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
    put(check, dashboards::all().into_iter().map(|file| (root.join(file.path), file.json)))
}

fn put(
    Check { check }: Check,
    files: impl Iterator<Item = (PathBuf, String)>,
) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, contents) in files {
        if check {
            if fs::read_to_string(&path).unwrap_or_default() != contents {
                stale.push(path.display().to_string());
            }
            continue;
        }
        let folder = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if !stale.is_empty() {
        bail!("not up to date, run this without --check: {}", stale.join(", "));
    }
    Ok(())
}
