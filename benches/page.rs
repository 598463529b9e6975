//! Measures the status page: `cargo bench --bench page`.
//!
//! A publication computes the last day of as many options as a target may have; a request renders
//! the page from it, on the thread that answers scrapes. Prints medians.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

use std::{
    hint::black_box,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::{Timestamp, tz::TimeZone};
use tokio::net::TcpListener;
use wolkvox_exporter::{
    baseline::{History, HistoryDelta},
    exposition::Publication,
    model::{LocalSecond, MenuLabels},
    schedule::local_second,
    status::{self, Day, POLLS, PollOutcome, PollRecord, QuotaUse, TargetStatus},
    web::{Access, Readiness, ServerLimits, Site, serve},
};

const ROUNDS: usize = 201;
/// Number of label sets that a target may have by default: 40 routing points with 50 options each.
const OPTIONS: u32 = 2000;
/// Unix time of 2026-01-18 12:35 in Bogotá.
const WATERMARK: i64 = 1_768_757_700;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn zone() -> TimeZone {
    TimeZone::get("America/Bogota").unwrap()
}

fn watermark() -> Timestamp {
    Timestamp::from_second(WATERMARK).unwrap()
}

fn history() -> History {
    let newest = LocalSecond::new(local_second(watermark(), &zone()).hour() * 3600);
    let (mut history, mut delta) = (History::new(35), HistoryDelta::default());
    let labels = |number: u32| {
        MenuLabels::new(&(4000 + number % 40).to_string(), "voice", &format!("OPCION_{number:04}"))
    };
    let labels: Vec<MenuLabels> = (0..OPTIONS).map(labels).collect();
    for number in 0..OPTIONS {
        for hour in 0..24 {
            delta.rows(number, newest - hour * 3600, 1, None, number * 7919 % 1000 + 1);
        }
    }
    history.apply(&delta, |number| labels.get(number as usize));
    history
}

fn target(number: usize, day: Day) -> TargetStatus {
    let poll = PollRecord { at: watermark(), took: Duration::from_millis(840), failure: None };
    TargetStatus {
        outcome: PollOutcome::Committed,
        usual_lag: Duration::from_secs(340),
        watermark: Some(watermark()),
        last_row: Some(watermark()),
        quota: QuotaUse { day: jiff::civil::date(2026, 1, 18), used: 100, limit: Some(1000) },
        polls: vec![poll; POLLS],
        day,
        ..TargetStatus::waiting(&format!("{number:04}"), zone(), watermark())
    }
}

/// Starts the server on a thread of its own, as in the exporter. Returns a connection to it.
fn server(targets: Vec<Arc<TargetStatus>>) -> TcpStream {
    let targets = Arc::new(targets);
    let site = Site {
        telemetry_path: "/metrics".to_owned(),
        publication: Arc::new(Publication::default()),
        live: Box::new(Vec::new),
        readiness: Arc::new(ArcSwap::from_pointee(Readiness::Ready)),
        targets: Box::new(move || targets.clone()),
        notices: Arc::default(),
        clock: Arc::new(watermark),
        version: "0.0.0".to_owned(),
        access: Arc::new(Access::open()),
        reloader: None,
    };
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, Arc::new(site), ServerLimits::default(), std::future::pending()).await;
        });
    });
    let stream = TcpStream::connect(told.recv().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends one request on a connection that stays open. Returns its duration, and the length of the
/// body.
fn ask(stream: &mut BufReader<TcpStream>, path: &str) -> (Duration, usize) {
    let begun = Instant::now();
    write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    stream.read_exact(&mut vec![0; length]).unwrap();
    (begun.elapsed(), length)
}

fn main() {
    let history = history();
    let make =
        || status::day(&history, watermark(), &zone(), &Default::default(), &Default::default());
    let once = |_| {
        let begun = Instant::now();
        black_box(make());
        begun.elapsed()
    };
    let took = median((0..ROUNDS).map(once).collect());
    println!("the last day of {OPTIONS} options, made at a publication: {took:.2} ms");
    for number in [1, 10] {
        let targets = (0..number).map(|number| Arc::new(target(number, make()))).collect();
        let mut stream = BufReader::new(server(targets));
        println!("one request over loopback, {number} such target(s):");
        for path in ["/-/healthy", "/?lang=en", "/?lang=es", "/status.json"] {
            let answers: Vec<_> = (0..ROUNDS).map(|_| ask(&mut stream, path)).collect();
            let length = answers[0].1;
            let took = median(answers.into_iter().map(|(took, _)| took).collect());
            println!("  {path}, {length} bytes: {took:.3} ms");
        }
    }
}
