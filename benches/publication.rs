//! Measures one publication after one target has changed, among 10, 100 and 1,000: `cargo bench
//! --bench publication`.
//!
//! Measures processor time instead of time, so that other work of the machine does not matter. Each
//! target has 20 label sets, and the publication encodes what Prometheus requests: compressed
//! OpenMetrics. For comparison all targets are changed at once, which costs as much as every
//! publication did before it was made of pieces.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use wolkvox_exporter::{
    baseline::History,
    exposition::{BucketBounds, Encoding, Format},
    ledger::TargetCounters,
    model::MenuLabels,
    snapshot::{Publisher, TargetSnapshot},
    status::TargetStatus,
    telemetry::Telemetry,
};

const OPTIONS: usize = 20;
const ROUNDS: usize = 60;
const ENCODING: Encoding = Encoding { format: Format::OpenMetrics, gzip: true };

/// Returns the processor time of this process in milliseconds; the kernel counts hundredths of a
/// second.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}

/// Makes a target after `turn` changes, each of which adds seven hits to every option.
fn snapshot(
    telemetry: &Telemetry,
    target: usize,
    turn: u64,
    bounds: &Arc<BucketBounds>,
) -> TargetSnapshot {
    let name = format!("{target:04}");
    let mut counters = TargetCounters::new(Timestamp::UNIX_EPOCH);
    for option in 0..OPTIONS {
        let labels = MenuLabels::new("4001", "voice", &format!("OPCION_{option:02}"));
        counters.expect(labels.clone());
        let (_, counts) = counters.menus.get_mut(&labels).unwrap();
        let counts = Arc::make_mut(counts);
        counts.released = Some(0);
        counts.hits = turn * 7 + option as u64;
        counts.seconds.observe(option as u32 * 5, counts.hits);
    }
    TargetSnapshot {
        telemetry: telemetry.target(&name),
        server: name,
        zone: TimeZone::UTC,
        counters: Arc::new(counters),
        outcomes: None,
        window: None,
        up: true,
        buckets: bounds.clone(),
        names: Default::default(),
        kinds: Default::default(),
        series_limit: 2_000,
        usual: Default::default(),
    }
}

fn put(publisher: &Publisher, snapshot: TargetSnapshot) {
    let status = TargetStatus::waiting(&snapshot.server, TimeZone::UTC, Timestamp::UNIX_EPOCH);
    publisher.put(snapshot, status, Arc::new(History::new(35)));
}

async fn measure(targets: usize) -> (f64, f64, usize) {
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let bounds = Arc::new(
        BucketBounds::new(&[5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0])
            .unwrap(),
    );
    let put = |target, turn| put(&publisher, snapshot(&telemetry, target, turn, &bounds));
    (0..targets).for_each(|target| put(target, 1));
    publisher.settled().await;
    let published = publisher.publication().in_encoding(ENCODING).await;
    let length = published.render(&[], ENCODING).unwrap().len();
    let before = processor_ms();
    for round in 0..ROUNDS {
        put(round * 7 % targets, round as u64 + 2);
        publisher.settled().await;
    }
    let one = (processor_ms() - before) / ROUNDS as f64;
    let before = processor_ms();
    (0..targets).for_each(|target| put(target, 99));
    publisher.settled().await;
    (one, processor_ms() - before, length)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("targets  compressed  one changed  all changed (milliseconds of processor)");
    for targets in [10, 100, 1_000] {
        let (one, all, length) = runtime.block_on(measure(targets));
        println!("{targets:7}  {:7.2} MB  {one:8.2} ms  {all:8.0} ms", length as f64 / 1e6);
    }
}
