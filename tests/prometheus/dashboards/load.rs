//! Measures how long the dashboards' queries take over a month of ten thousand series.

use std::path::Path;

use crate::dashboards::{
    boards::boards,
    grafana::{Grafana, Variables},
};
use crate::support::prometheus::{Prometheus, Tool};

const MONTH: f64 = 30.0 * 86_400.0;
/// Points of a curve on a whole screen, as Grafana requests them.
const POINTS: f64 = 1_000.0;
/// Most seconds of processor time for a query. The clock would also measure other work of the
/// machine.
const LIMIT: f64 = 2.0;
/// Number of runs of each query; the fastest counts.
const TRIES: usize = 3;
/// The reference query: it reads every row's counter once, as any table of options has to.
const FLOOR: &str = "sum(increase(wolkvox_menu_option_hits_total[30d]))";
/// Seconds of processor time that the reference query takes on an idle machine (Prometheus 3.16 on
/// two cores). Where other programs keep caches and sibling threads busy, it takes two or three
/// times as long, and so does every query; the limit is converted accordingly.
const QUIET_FLOOR: f64 = 1.03;

/// Prints the slowest five queries over the month in `storage`, and fails if one takes too long.
#[expect(clippy::print_stdout, reason = "the figures are what it is run for")]
pub(crate) async fn slowest(tool: &Tool, storage: &Path) {
    let storage = storage.canonicalize().expect("the folder of the month is there");
    let flags = [
        format!("--storage.tsdb.path={}", storage.display()),
        "--storage.tsdb.retention.time=50y".to_owned(),
        // Prevents Prometheus from compacting blocks meanwhile, which would count as a query's
        // work.
        "--storage.tsdb.max-block-duration=1d".to_owned(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let prometheus = Prometheus::start(tool, &[], &flags).await;
    let end = crate::dashboards::month::END + 60.0;
    let there = prometheus.query_at("wolkvox_up", end).await;
    assert!(!there.is_empty(), "{}: no month in it", storage.display());
    let grafana =
        Grafana { prometheus: &prometheus, end, range: MONTH, speed: 1.0, points: POINTS };
    let mut variables = Variables::default();
    ["server", "rp_id", "channel", "cod_opc_menu"]
        .iter()
        .for_each(|name| variables.choose(name, &[], 0));

    let (mut times, mut floors) = (Vec::new(), Vec::new());
    for board in boards().iter().filter(|board| board.language == "en") {
        for (panel, target) in board.targets() {
            // Repeated now and then, because other work of the machine varies.
            if times.len() % 10 == 0 {
                floors.push(
                    measured(&prometheus, async || drop(prometheus.query_at(FLOOR, end).await))
                        .await,
                );
            }
            let asked = async || drop(grafana.ask(panel, target, &variables).await);
            let best = measured(&prometheus, asked).await;
            times.push((best, format!("{}: {} {}", board.uid, panel.title, target.ref_id)));
        }
    }
    floors.sort_by(f64::total_cmp);
    let floor = floors[floors.len() / 2];
    times.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    println!(
        "{tool}, {} queries over 30 days; one reading of the counter of rows takes {floor:.2} s of processor. The \
         slowest, in seconds of processor, in readings, and in seconds where a reading takes {QUIET_FLOOR}:",
        times.len()
    );
    // On a machine that is faster than the reference, seconds are not converted.
    let quiet = |seconds: f64| seconds.min(seconds / floor * QUIET_FLOOR);
    for (processor, name) in times.iter().take(5) {
        println!("{processor:6.2} {:6.2} {:6.2}  {name}", processor / floor, quiet(*processor));
    }
    let (slowest, name) = &times[0];
    assert!(
        quiet(*slowest) <= LIMIT,
        "{tool}: {name} takes {:.2} s, more than {LIMIT} s",
        quiet(*slowest)
    );
}

/// Returns the least processor time, in seconds, in which Prometheus answers.
async fn measured(prometheus: &Prometheus, ask: impl AsyncFn()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let before = prometheus.processor_seconds().await;
        ask().await;
        best = (prometheus.processor_seconds().await - before).min(best);
        if best < LIMIT / 4.0 {
            break;
        }
    }
    best
}
