//! The binary: arguments in, exit code out; everything else is the library's.
//!
//! Only this file reads the environment and the clock on behalf of the configuration.

use std::process::ExitCode;

use jiff::Timestamp;
use wolkvox_exporter::{
    cli::{Cli, RunArgs},
    config::{self, Secret},
};

fn main() -> ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match cli.command {
        None if cli.run.config.check => check(&cli.run),
        _ => ExitCode::FAILURE,
    }
}

/// Prints what the configuration resolved to, or everything that is wrong with it.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of --config.check is for people")]
fn check(args: &RunArgs) -> ExitCode {
    let token = std::env::var_os("WOLKVOX_TOKEN").map(|token| Secret::new(token.to_string_lossy()));
    match config::resolve(args, token, Timestamp::now()) {
        Ok(resolved) => {
            for warning in &resolved.warnings {
                eprintln!("warning: {warning}");
            }
            print!("{}", resolved.config);
            ExitCode::SUCCESS
        }
        Err(error) => {
            for problem in &error.problems {
                eprintln!("error: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}
