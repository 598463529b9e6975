//! Runs the real exporter under fire and shows whether it has counted every row once: `scripts/soak --for 2m`.
//!
//! Simulated vendors, one for each way in which a server may treat a window of too many rows, serve rows in bursts, late
//! rows and equal rows, and fail in every way that the simulator knows; some have a second that nobody can read, and one
//! does not keep to what it is asked for. The exporter is killed with SIGKILL every few seconds, also while it starts or
//! commits, begins again on the same state, is told to read its configuration anew, and is scraped all the while; for a
//! minute nobody reads what it writes. When the time is over, the fire ends; the exporter reads what is left, and every
//! label set of its last scrape has to equal the truth.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | flags, the order of events |
//! | `chance` | the seed's numbers |
//! | `vendor` | the simulators, their bursts and faults |
//! | `many` | many small ones in their place |
//! | `exporter` | the child process |
//! | `scrape` | reading a scrape; whether a counter went back |
//! | `fire` | the run: lives, scrapes |
//! | `findings` | what was seen |
//! | `verdict` | the last scrape against the truth |
//! | `expected` | the truth as samples; the tests use it too |
//! | `report` | what is printed |

mod chance;
#[path = "../../../tests/support/expected.rs"]
mod expected;
mod exporter;
mod findings;
mod fire;
mod many;
mod report;
mod scrape;
mod vendor;
mod verdict;

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use wolkvox_exporter::commands::run;

/// Of `cargo xtask soak`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long the fire lasts; about a minute more is needed to read what is left
    #[arg(long = "for", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    fire: Duration,

    /// The same seed gives the same rows, faults and kills, though not at the same moments of a poll [default: any]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// So many small vendors instead of three busy ones
    #[arg(long, value_name = "NUMBER")]
    targets: Option<usize>,

    /// The exporter's binary [default: the one built beside this program]
    #[arg(long, value_name = "FILE")]
    exporter: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|_| "write it like 30s, 2m or 8h".to_owned())?;
    Duration::try_from(duration).map_err(|_| "it cannot be negative".to_owned())
}

/// Whether everything was as it should be.
pub fn main(args: Args) -> anyhow::Result<bool> {
    // Nobody needs more than these digits, and they are easily typed again.
    let seed = args.seed.unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs() % 1_000_000);
    let binary = args.exporter.map_or_else(beside_this_program, Ok)?;
    let directory = tempfile::Builder::new().prefix("soak-").tempdir()?;
    report::say(&format!("seed {seed}, {}", binary.display()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(async {
        let stop = run::stop_on_signals()?;
        tokio::select! {
            findings = fire::run(seed, args.fire, args.targets, binary, directory.path()) => findings,
            // The exporter dies with the run that is dropped.
            () = stop.cancelled() => Err(anyhow::anyhow!("stopped before the end")),
        }
    });
    let passed = findings.as_ref().is_ok_and(report::print);
    if !passed {
        report::say(&format!("the exporter's log and state are kept in {}", directory.keep().display()));
    }
    findings.map(|_| passed)
}

/// `target/PROFILE/wolkvox-exporter`, where this is `target/PROFILE/xtask`.
fn beside_this_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let profile = own.parent().context("this program lies in no directory")?;
    Ok(profile.join("wolkvox-exporter").with_extension(std::env::consts::EXE_EXTENSION))
}
