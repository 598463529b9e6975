//! Manual pages, made from the definition of the command line.
//!
//! Owns none of their words: whatever is missing here is missing in `--help`.

use std::path::Path;

use anyhow::Context;
use clap_mangen::Man;

/// Writes `wolkvox-exporter.1` and one page for each subcommand into a directory that exists.
///
/// # Errors
/// When a file cannot be written.
pub fn write(definition: &clap::Command, directory: &Path) -> anyhow::Result<()> {
    let mut definition = definition.clone().disable_help_subcommand(true);
    definition.build();
    write_tree(&definition, directory)
}

fn write_tree(command: &clap::Command, directory: &Path) -> anyhow::Result<()> {
    Man::new(command.clone())
        .source(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")))
        .generate_to(directory)
        .with_context(|| format!("cannot write a manual page into {}", directory.display()))?;
    command.get_subcommands().try_for_each(|sub| write_tree(sub, directory))
}
