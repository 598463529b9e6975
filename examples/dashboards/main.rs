//! Writes the Grafana dashboards, in every language, into `dashboards/`: `cargo run --example dashboards`.
//!
//! Owns the files' places. What is in them comes from `generate`, which touches no file, so that a test can
//! hold its result against what is committed.

mod generate;

use std::{fs, path::Path};

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    for file in generate::all() {
        let path = root.join(&file.path);
        let folder = path.parent().context("a dashboard lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        fs::write(&path, &file.json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
