//! `cargo xtask CHORE`: see `cargo xtask --help`.

use std::process::ExitCode;

use clap::Parser;
use wolkvox_exporter::config;
use xtask::{evaluate, mixin, soak, style};

/// The project's chores
#[derive(Debug, Parser)]
enum Chore {
    /// Writes the Grafana dashboards into dashboards/
    Dashboards(mixin::Check),
    /// Prints the JSON schema of the configuration file
    ConfigSchema,
    /// Kills, starves and misleads the exporter, and checks that it still counts every row once
    Soak(soak::Args),
    /// Measures the detector on months of simulated traffic, compared with one that knows the truth
    Evaluate(evaluate::Args),
    /// Measures how the source reads: comments, names, lines, functions
    Style(style::Args),
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Dashboards(check) => mixin::dashboards(check).map(|()| true),
        Chore::ConfigSchema => {
            println!("{:#}", config::schema());
            Ok(true)
        }
        Chore::Soak(args) => soak::main(args),
        Chore::Evaluate(args) => evaluate::main(&args),
        Chore::Style(args) => style::main(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
