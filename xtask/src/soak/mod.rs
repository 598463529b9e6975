//! Runs the real exporter under faults and kills, and checks that it counts every row once:
//! `scripts/soak --for 2m`.
//!
//! Simulated vendors, one for each way in which a server may treat a window of too many rows, serve
//! bursts, late rows and equal rows, and fail in every way that the simulator knows. Some have a
//! second that nobody can read, and one ignores the requested times. The exporter is killed with
//! SIGKILL every few seconds, also while it starts or commits, restarted on the same state,
//! reloaded, and scraped all the while; for a minute nobody reads its log. After the faults it
//! reads the rest, and every label set of its last scrape must equal the truth.
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
//! | `findings` | the findings, as data |
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

/// Flags of `cargo xtask soak`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Length of the fire; reading the rest takes about a minute more
    #[arg(long = "for", value_name = "DURATION", default_value = "2m", value_parser = duration)]
    fire: Duration,

    /// The same seed gives the same rows, faults and kills, though not at the same moments of a
    /// poll [default: any]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Number of small vendors instead of three busy ones
    #[arg(long, value_name = "NUMBER")]
    targets: Option<usize>,

    /// The exporter's binary [default: the one built beside this program]
    #[arg(long, value_name = "FILE")]
    exporter: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration =
        text.parse().map_err(|_| "write it like 30s, 2m or 8h".to_owned())?;
    Duration::try_from(duration).map_err(|_| "it cannot be negative".to_owned())
}

/// Runs the soak. Returns true if everything was right.
pub fn main(args: Args) -> anyhow::Result<bool> {
    // Few digits, so that the seed is easily typed again.
    let seed =
        args.seed.unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs() % 1_000_000);
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
        report::say(&format!(
            "the exporter's log and state are kept in {}",
            directory.keep().display()
        ));
    }
    findings.map(|_| passed)
}

/// Returns `target/PROFILE/wolkvox-exporter`, beside this program.
fn beside_this_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let profile = own.parent().context("this program lies in no directory")?;
    Ok(profile.join("wolkvox-exporter").with_extension(std::env::consts::EXE_EXTENSION))
}
