//! Measures the alerts: `cargo xtask evaluate --prometheus P --promtool T`.
//!
//! Weeks of simulated traffic go into a real Prometheus, the rules of `rules/` are evaluated by it, and the alerts that
//! fire are compared with the incidents that were put in. What it printed last is in docs/alerts.md.
//!
//! | file | owns |
//! | --- | --- |
//! | `main` | flags, the order of events |
//! | `chance` | the seed's numbers |
//! | `world` | the simulated traffic and its incidents |
//! | `samples` | the traffic as the exporter would expose it |
//! | `prometheus` | the real Prometheus |
//! | `cusum` | the detector that ours is compared with |
//! | `firing` | when each alert fired |
//! | `report` | which incidents were caught, and what fired for nothing |

mod chance;
mod cusum;
mod firing;
pub mod prometheus;
mod report;
mod samples;
mod world;

use std::path::PathBuf;

use prometheus::{Prometheus, rules, tracing_line};
use world::{BEGIN, HISTORY, Operation, STEP, WEEK};

/// Of `cargo xtask evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Worlds to simulate, each of its own seed
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Number of the first seed
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Weeks that are judged for false alarms, after four weeks of history
    #[arg(long, default_value_t = 2)]
    weeks: usize,
    /// Prometheus
    #[arg(long, default_value = "prometheus")]
    prometheus: PathBuf,
    /// promtool, 3.0 or later
    #[arg(long, default_value = "promtool")]
    promtool: PathBuf,
    /// Directory of the rule files
    #[arg(long, default_value = "rules")]
    rules: PathBuf,
    /// An empty directory with some gigabytes of room
    #[arg(long)]
    directory: PathBuf,
}

/// Prints the report.
pub fn main(args: &Args) -> anyhow::Result<()> {
    let alerts = rules(&args.rules.join("wolkvox-alerts.yaml"))?;
    let records = rules(&args.rules.join("wolkvox-baselines.yaml"))?;
    let mut operations: Vec<Operation> = Vec::new();
    let mut found = firing::Found::default();
    for seed in args.first_seed..args.first_seed + args.seeds {
        let directory = args.directory.join(format!("seed{seed}"));
        let of_seed = [world::operation(seed, false, args.weeks), world::operation(seed, true, args.weeks)];
        let mut prometheus =
            Prometheus::new(args.prometheus.clone(), args.promtool.clone(), directory.clone())?;
        let file = directory.join("samples.om");
        samples::write(&file, &of_seed)?;
        tracing_line(&format!("seed {seed}: samples written"));
        prometheus.load(&file)?;
        std::fs::remove_file(&file)?;
        tracing_line(&format!("seed {seed}: samples loaded"));
        let start = BEGIN + (HISTORY as i64 - 100) * STEP;
        let end = BEGIN + (HISTORY + args.weeks * WEEK) as i64 * STEP;
        prometheus.record(&records, start, end)?;
        let judged = BEGIN + HISTORY as i64 * STEP;
        for alert in firing::watched(&alerts) {
            let name = alert.alert.clone().unwrap_or_default();
            let series = prometheus.steps(&alert.expr, judged, end, STEP)?;
            found.add(&name, &alert, series)?;
        }
        for usual in firing::usual_rules() {
            let series = prometheus.steps(&usual.expr, judged, end, STEP)?;
            found.add(&usual.alert.clone().unwrap_or_default(), &usual, series)?;
        }
        tracing_line(&format!("seed {seed}: alerts evaluated"));
        drop(prometheus);
        std::fs::remove_dir_all(&directory)?;
        operations.extend(of_seed);
    }
    println!("{}", report::report(&operations, &found, args.weeks));
    Ok(())
}
