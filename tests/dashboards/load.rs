//! How long the dashboards' queries take over a month of ten thousand series.

use std::{path::Path, time::Instant};

use crate::{
    boards::boards,
    grafana::{Grafana, Variables},
    real_prometheus::{Prometheus, Tool},
};

const MONTH: f64 = 30.0 * 86_400.0;
/// A screen's width of points, as Grafana asks for them.
const POINTS: f64 = 1_000.0;
/// Of the processor, not of the clock: that would say how busy the machine is with something else.
const LIMIT: f64 = 2.0;
/// Of each query; the fastest counts.
const TRIES: usize = 3;

/// Prints the slowest five queries over the month in `storage`, and fails if one takes too long.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
pub(crate) async fn slowest(tool: &Tool, storage: &Path) {
    let storage = storage.canonicalize().expect("the folder of the month is there");
    let flags = [
        format!("--storage.tsdb.path={}", storage.display()),
        "--storage.tsdb.retention.time=50y".to_owned(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let prometheus = Prometheus::start(tool, &[], &flags).await;
    let end = crate::month::END + 60.0;
    let there = prometheus.query_at("wolkvox_up", end).await;
    assert!(!there.is_empty(), "{}: no month in it", storage.display());
    let grafana = Grafana { prometheus: &prometheus, end, range: MONTH, speed: 1.0, points: POINTS };
    let mut variables = Variables::default();
    ["server", "rp_id", "channel", "cod_opc_menu"].iter().for_each(|name| variables.choose(name, &[], 0));

    let mut times = Vec::new();
    for board in boards().iter().filter(|board| board.language == "en") {
        for (panel, target) in board.targets() {
            let mut best = (f64::INFINITY, f64::INFINITY);
            for _ in 0..TRIES {
                let (before, start) = (prometheus.processor_seconds().await, Instant::now());
                grafana.ask(panel, target, &variables).await;
                let clock = start.elapsed().as_secs_f64();
                let processor = prometheus.processor_seconds().await - before;
                best = (processor.min(best.0), clock.min(best.1));
                if best.0 < LIMIT / 4.0 {
                    break;
                }
            }
            times.push((best, format!("{}: {} {}", board.uid, panel.title, target.ref_id)));
        }
    }
    times.sort_by(|((a, _), _), ((b, _), _)| b.total_cmp(a));
    println!(
        "{tool}, {} queries over 30 days, the slowest, in seconds of processor and of the clock:",
        times.len()
    );
    for ((processor, clock), name) in times.iter().take(5) {
        println!("{processor:6.2} {clock:6.2}  {name}");
    }
    let ((slowest, _), name) = &times[0];
    assert!(*slowest <= LIMIT, "{tool}: {name} takes {slowest} s, more than {LIMIT} s");
}
