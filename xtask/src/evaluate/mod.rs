//! Measures the detector: `cargo xtask evaluate --months N --seed S`.
//!
//! Months of simulated traffic go through the shipped detector, poll by poll, in two worlds with
//! the same limits; what it tells is compared with the incidents that were put in, and with a CUSUM
//! that is told the truth. What it printed last is in docs/alerts.md.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | flags, the order of events |
//! | `cases` | kinds of trouble and of innocent change, in small operations |
//! | `paths` | the traffic of these: menus whose options lead to others |
//! | `chance` | the seed's numbers |
//! | `scale` | how long and how large it is |
//! | `weather` | what the options of a world have in common |
//! | `world` | the simulated traffic and its incidents |
//! | `play` | the shipped detector over an operation |
//! | `cusum` | the detector that ours is compared with |
//! | `tally` | what came of one seed, and of all |
//! | `report` | the tables, and the bounds |
//! | `size` | memory, disk and time of the history and the detector |

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
    atomic::{AtomicU64, Ordering},
};

use tally::Tally;
use weather::World;

/// Of `cargo xtask evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Months of 100 options that are simulated without an incident, in each world
    #[arg(long, default_value_t = 100.0)]
    months: f64,
    /// Number of the first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// The score from which on an alert is told, other than as shipped
    #[arg(long, default_value_t = 1.0)]
    limit: f64,
    /// Only one of the worlds: usual or harder
    #[arg(long)]
    world: Option<String>,
    /// Only operations of one purpose: calm, falls or rises
    #[arg(long)]
    only: Option<String>,
    /// Print what so many options cost in memory, on the disk and in time, and simulate nothing
    /// else
    #[arg(long)]
    size: Option<usize>,
    /// Operations of each case; 0 leaves the table of cases out
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Only the cases whose title has this in it, and nothing else
    #[arg(long)]
    case: Option<String>,
    /// List every false alarm
    #[arg(long)]
    list: bool,
    /// Fail when a bound is missed
    #[arg(long)]
    check: bool,
}

/// Weeks that are judged of each operation without an incident.
const WEEKS: usize = 2;

/// Prints the report. Gives back whether every bound was kept, if that is asked for.
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

/// All seeds of a world, on several threads; the order in which they end changes nothing.
fn tally(world: World, args: &Args) -> Tally {
    let seeds = (args.months / (scale::POINTS * scale::OPTIONS) as f64 * 100.0 * 30.0
        / (WEEKS * 7) as f64)
        .ceil();
    let (next, end) = (AtomicU64::new(args.seed), args.seed + seeds as u64);
    let all = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..args.threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let one = Tally::of_seed(world, seed, WEEKS, args.limit, args.only.as_deref());
                    all.lock().unwrap_or_else(PoisonError::into_inner).push((seed, one));
                }
            });
        }
    });
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_unstable_by_key(|(seed, _)| *seed);
    let mut sum = Tally::new(world);
    all.into_iter().for_each(|(_, one)| sum.add(one));
    sum
}
