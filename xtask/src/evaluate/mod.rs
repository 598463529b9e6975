//! Measures the detector: `cargo xtask evaluate --months N --seed S`.
//!
//! Feeds months of simulated traffic to the shipped detector, poll by poll, in two worlds with the
//! same limits. Its alerts are compared with the simulated incidents, and with the alarms of a
//! CUSUM that knows the true means. docs/alerts.md has the figures of the last long run.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | the flags, the order of the parts, and the threads |
//! | `cases` | kinds of incidents and of harmless changes, in small operations |
//! | `paths` | the traffic of the cases: menus whose options lead to others |
//! | `chance` | the random numbers of a seed |
//! | `scale` | lengths and sizes of the simulated operations |
//! | `weather` | the traffic that the options of a world have in common |
//! | `world` | the traffic of a world and its incidents |
//! | `play` | a run of the shipped detector over an operation |
//! | `cusum` | the detector that ours is compared with |
//! | `tally` | the results of one seed, or of all |
//! | `report` | the tables, and the verdict on each bound |
//! | `size` | memory, disk and processor time of the history and the detector |

mod cases;
mod chance;
mod cusum;
mod paths;
mod play;
mod report;
mod scale;
mod size;
mod tally;
mod weather;
mod world;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tally::Tally;
use weather::World;

/// Flags of `cargo xtask evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Months of 100 options to simulate without incidents, in each world
    #[arg(long, default_value_t = 100.0)]
    months: f64,
    /// Number of the first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Score above which an alert is raised, if not as shipped
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// Simulate only one world: usual or harder
    #[arg(long)]
    world: Option<String>,
    /// Simulate only operations of one purpose: calm, falls or rises
    #[arg(long)]
    only: Option<String>,
    /// Print only the costs of this many options: memory, disk and processor time
    #[arg(long)]
    size: Option<usize>,
    /// Number of operations of each case; 0 leaves out the table of cases
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Simulate only the cases whose title contains this text
    #[arg(long)]
    case: Option<String>,
    /// List every false alarm
    #[arg(long)]
    list: bool,
    /// Fail if a bound is missed
    #[arg(long)]
    check: bool,
}

/// Weeks that are judged in each calm operation.
const WEEKS: usize = 2;

/// Prints the report. Returns false if a bound was missed and `--check` was given.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    if let Some(options) = args.size {
        println!("{}", size::size(options));
        return Ok(true);
    }
    let mut cases_kept = true;
    if args.rounds > 0 {
        let only = args.case.as_deref();
        let (table, kept) = cases::table(args.rounds, args.seed, only, args.list, args.threads);
        println!("{table}");
        cases_kept = kept;
    }
    if args.case.is_some() {
        return Ok(cases_kept || !args.check);
    }
    let worlds: Vec<World> = [World::Usual, World::Harder]
        .into_iter()
        .filter(|world| args.world.as_ref().is_none_or(|only| *only == world.name()))
        .collect();
    anyhow::ensure!(!worlds.is_empty(), "--world is usual or harder");
    let tallies: Vec<Tally> = worlds.into_iter().map(|world| tally(world, args)).collect();
    let (text, kept) = report::report(&tallies, args.list);
    println!("{text}");
    Ok((kept && cases_kept) || !args.check)
}

/// Simulates all seeds of a world.
fn tally(world: World, args: &Args) -> Tally {
    let seeds = (args.months / (scale::POINTS * scale::OPTIONS) as f64 * 100.0 * 30.0
        / (WEEKS * 7) as f64)
        .ceil();
    let tallies = in_parallel(seeds as usize, args.threads, |number| {
        let seed = args.seed + number as u64;
        Tally::of_seed(world, seed, WEEKS, args.limit, args.only.as_deref())
    });
    let mut sum = Tally::new(world);
    tallies.into_iter().for_each(|one| sum.add(one));
    sum
}

/// Calls a function with each number below `end`, on several threads. Returns the results in the
/// order of the numbers.
fn in_parallel<T: Send>(
    end: usize,
    threads: usize,
    function: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        break;
                    }
                    let result = function(number);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
