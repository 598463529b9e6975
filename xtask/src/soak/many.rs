//! The soak's other mode: many small vendors instead of three busy ones,
//! `cargo xtask soak --targets 200`.
//!
//! Owns their size and speed. Kills, reloads, faults and the verdict are those of every soak. A
//! crowd shows starts that take too long, targets that wait for each other, and memory.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use simulator_testing::{Options, OverLimit};

use super::{
    chance::Chance,
    vendor::{self, Vendor},
};

/// Approximate rows a second of each vendor.
const ROWS_PER_SECOND: f64 = 0.2;
/// Poll interval: with two hundred vendors, twenty polls begin in a second.
const INTERVAL: &str = "10s";

/// Makes vendors that treat too many rows in different ways, in turn.
pub fn start(
    targets: usize,
    seed: u64,
    origin: Timestamp,
    fire: Duration,
    directory: &Path,
) -> anyhow::Result<Vec<Vendor>> {
    let ways = [
        OverLimit::CutSilently,
        OverLimit::CutAndPromise,
        OverLimit::Refuse,
        OverLimit::GatewayTimeout,
        OverLimit::EmptyBody,
    ];
    let small = |number: usize| {
        let name = format!("small-{number:03}");
        let chance = Chance::new(seed, &name);
        let options = |chance: &mut Chance| Options {
            scale: ROWS_PER_SECOND,
            bursts: Vec::new(),
            ..ways[number % ways.len()].of(vendor::options(chance, &name, origin, fire))
        };
        vendor::Plan::new(name.clone(), chance, options)
    };
    vendor::serve((0..targets).map(small), directory)
}

/// Adapts the poll interval to the number of targets.
pub fn slow_down(config: &mut serde_json::Value) {
    config["poll"]["interval"] = json!(INTERVAL);
}
