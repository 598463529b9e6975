//! Measures a backfill: rows a second, memory and requests, for 20,000 and for 1,000,000 rows a
//! day, with `cargo bench --bench backfill`, or for other numbers with `cargo bench --bench
//! backfill -- --rows-per-day 300000 --days 28`.
//!
//! The real poller, ledger, store, snapshot and recording read days of rows that are ready in
//! memory, as the vendor writes them, with a limit of 60,000 rows in an answer. The lower bound is
//! splitting and parsing the same bytes, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

#[path = "../tests/support/polled.rs"]
mod polled;

use std::{
    env, fs,
    hint::black_box,
    io::Write,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::TokenVersion,
    exposition::Recording,
    ledger::TargetCounters,
    model::Fingerprints,
    model::LocalSecond,
    poller::{Clock, Poller, PollerConfig, PollerDeps, Replay, Source},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{Admission, Answer, ApiError, Element, Query, RowParser, Splitter},
};

/// Unix time of midnight, 2026-01-18 in UTC.
const START: i64 = 1_768_694_400;
const DAY: i64 = 86_400;
/// Most rows in one answer, as with the vendor.
const MOST_ROWS: usize = 60_000;
const HEAD: &[u8] = br#"{"code":"200","error":null,"msg":"Information found","data":["#;
/// Byte offset of the date in a row. [`CONN_DAY`] is that of the two digits of its `conn_id` that
/// depend on the day.
const DATE: usize = 8;
const CONN_DAY: usize = 46;

/// The rows of a day as bytes, each preceded by a comma.
struct Template {
    bytes: Vec<u8>,
    /// Second of the day and first byte of each row.
    rows: Vec<(i64, usize)>,
}

impl Template {
    /// Makes a day with this many rows: three rows in an interaction, and 200 options.
    fn new(rows: i64) -> Self {
        let mut template = Self { bytes: Vec::new(), rows: Vec::new() };
        for n in 0..rows {
            let second = n * DAY / rows;
            let (hour, minute) = (second / 3600, second / 60 % 60);
            template.rows.push((second, template.bytes.len()));
            write!(
                template.bytes,
                ",{{\"date\":\"2026-01-18 {hour:02}:{minute:02}:{:02}\",\"conn_id\":\"6736.00{}.1040.{:09}\",\
                 \"rp_id\":\"{}\",\"customer_id\":\"1020304050\",\"channel\":\"voice\",\"attempt\":\"{}\",\
                 \"telephone\":\"3001234567\",\"second_event\":\"{}\",\"cod_opc_menu\":\"{}\"}}",
                second % 60,
                4000 + n / 3 % 20,
                n / 3,
                4000 + n / 3 % 20,
                1 + n % 7 / 6,
                n % 3 * 40 + n % 37,
                n % 10,
            )
            .unwrap();
        }
        assert_eq!(&template.bytes[1 + DATE..][..11], b"\"2026-01-18");
        assert_eq!(&template.bytes[1 + CONN_DAY..][..2], b"00");
        template
    }

    /// Returns the indices of the rows in these seconds of a day.
    fn within(&self, seconds: Range<i64>) -> Range<usize> {
        let at = |second| self.rows.partition_point(|(of, _)| *of < second);
        at(seconds.start)..at(seconds.end)
    }

    /// Appends rows with the date of `day`, counted from [`START`].
    fn write(&self, rows: Range<usize>, day: i64, out: &mut Vec<u8>) {
        let end = |row: usize| self.rows.get(row).map_or(self.bytes.len(), |(_, byte)| *byte);
        let (first, begin) = (end(rows.start), out.len());
        out.extend_from_slice(&self.bytes[first..end(rows.end)]);
        let date =
            Timestamp::from_second(START + day * DAY).unwrap().strftime("%Y-%m-%d").to_string();
        let day = format!("{day:02}");
        for row in rows {
            let at = begin + end(row) - first + 1;
            out[at + DATE + 1..][..10].copy_from_slice(date.as_bytes());
            out[at + CONN_DAY..][..2].copy_from_slice(day.as_bytes());
        }
    }
}

/// A source that answers from the template.
struct Load {
    template: Arc<Template>,
    requests: Arc<AtomicU64>,
}

impl Load {
    /// Returns the bytes of an answer, and its number of rows.
    fn body(&self, from: LocalSecond, to: LocalSecond) -> (Vec<u8>, usize) {
        let (mut body, mut rows) = (HEAD.to_vec(), 0);
        for day in (from.get() - START).div_euclid(DAY)..=(to.get() - START).div_euclid(DAY) {
            let second = |of: LocalSecond| (of.get() - START - day * DAY).clamp(0, DAY);
            let mut range = self.template.within(second(from)..second(to + 1));
            range.end = range.end.min(range.start + (MOST_ROWS - rows));
            rows += range.len();
            self.template.write(range, day, &mut body);
        }
        if rows > 0 {
            // Removes the first comma.
            body[HEAD.len()] = b' ';
        }
        body.extend_from_slice(b"]}");
        (body, rows)
    }
}

impl Source for Load {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (body, rows) = self.body(query.from.into(), query.to.into());
        split(&body, &mut |element| each(element));
        Ok(Answer { rows: rows as u64, server_time: None })
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

fn split(body: &[u8], each: &mut impl FnMut(Element<'_>)) {
    let mut splitter = Splitter::default();
    body.chunks(64 << 10).for_each(|piece| splitter.push(piece, each).unwrap());
    splitter.finish().unwrap();
}

/// Returns the memory of this process in bytes.
fn resident() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / f64::from(1 << 20)
}

fn settings() -> PollerConfig {
    let mut shared = polled::only_live_polls(&[5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0]);
    shared.poll.hourly_lookback = Duration::from_hours(3);
    shared.poll.nightly_lookback = Duration::from_hours(48);
    let config = PollerConfig::new(polled::target("0042", TimeZone::UTC), shared.into()).unwrap();
    PollerConfig { row_cap: MOST_ROWS as u64, ..config }
}

/// Makes a backfill that is at the beginning of the past.
async fn replay(load: Load, path: &Path) -> Replay<Load> {
    let origin = Timestamp::from_second(START).unwrap();
    let clock: Clock = Arc::new(Timestamp::now);
    let store = Arc::new(Store::open(path, [1; 16]).unwrap());
    let restored = store.restore("0042", || TargetCounters::new(origin)).unwrap();
    let parser = RowParser::new(store.fingerprints(), 128);
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let telemetry = telemetry.target("0042");
    let around = PollerDeps {
        store,
        publisher,
        telemetry,
        clock,
        shutdown: CancellationToken::new(),
        probe: Default::default(),
    };
    Replay::new(Poller::start(settings(), load, parser, restored, around).await.unwrap())
}

/// Reads a day and writes its file. Returns the time of each, and the bytes of the file.
async fn day(
    replay: &mut Replay<Load>,
    day: i64,
    days: i64,
    folder: &Path,
) -> (Duration, Duration, u64) {
    let at = |day| Timestamp::from_second(START + day * DAY).unwrap();
    let recording = Arc::new(Mutex::new(Recording::new("job=\"wolkvox\"")));
    let kept = recording.clone();
    let begun = Instant::now();
    let before = replay
        .begin_day(
            at(days),
            Box::new(move |window| {
                let (start, end) = (window.start.as_second(), window.end.as_second());
                let families = window.snapshot.committed();
                kept.lock().unwrap().advance(&[start + 1, start + 150], end - 1, &families);
            }),
        )
        .await
        .unwrap();
    recording.lock().unwrap().begin(&before.committed());
    replay.read_day(at(day + 1)).await.unwrap();
    let read = begun.elapsed();
    let begun = Instant::now();
    let path = folder.join("day.om");
    let mut file = fs::File::create(&path).unwrap();
    recording.lock().unwrap().write(&mut file).unwrap();
    file.sync_all().unwrap();
    replay.commit_day().await.unwrap();
    (read, begun.elapsed(), fs::metadata(&path).unwrap().len())
}

async fn past(rows: i64, days: i64) {
    let template = Arc::new(Template::new(rows));
    let requests = Arc::new(AtomicU64::new(0));
    let load = |requests| Load { template: template.clone(), requests };
    // The lower bound: parsing only.
    let parser = RowParser::new(Fingerprints::new([7; 16]), 128);
    let (floor, hours) = (load(Arc::default()), DAY / 3600);
    let begun = Instant::now();
    let mut parsing = Duration::ZERO;
    for hour in 0..hours {
        let begin = LocalSecond::new(START + hour * 3600);
        let (body, _) = floor.body(begin, begin + 3599);
        let begun = Instant::now();
        split(&body, &mut |element| drop(black_box(parser.parse(element))));
        parsing += begun.elapsed();
    }
    let floor_rate = rows as f64 / parsing.as_secs_f64();
    println!(
        "{rows} rows a day, {days} days; floor, split and parsed: {floor_rate:.0} rows/s ({:.1} s with making them up)",
        begun.elapsed().as_secs_f64()
    );
    println!(
        "day  read, counted, recorded rows/s  of the floor  written and committed s  MB  requests  memory MiB"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut replay = replay(load(requests.clone()), &folder.path().join("state.redb")).await;
    let (mut reading, mut sent) = (Duration::ZERO, 0);
    for number in 0..days {
        let (read, wrote, bytes) = day(&mut replay, number, days, folder.path()).await;
        reading += read;
        let rate = rows as f64 / read.as_secs_f64();
        let now = requests.load(Ordering::Relaxed);
        println!(
            "{number:3}  {rate:30.0}  {:12.2}  {:23.2}  {:.0}  {}  {:.0}",
            rate / floor_rate,
            wrote.as_secs_f64(),
            bytes as f64 / 1e6,
            now - std::mem::replace(&mut sent, now),
            resident()
        );
    }
    assert_eq!(replay.progress().rows, (rows * days) as u64, "every row is counted once");
    let rate = (rows * days) as f64 / reading.as_secs_f64();
    println!(
        "all: {rate:.0} rows/s, {:.2} of the floor; {sent} requests for {} days\n",
        rate / floor_rate,
        SignedDuration::from_hours(24 * days).as_hours() / 24
    );
}

fn main() {
    let mut plan = vec![(20_000, 28), (1_000_000, 6)];
    let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let number =
            arguments.next().and_then(|number| number.parse().ok()).expect("a number follows");
        plan.truncate(1);
        match name.as_str() {
            "--rows-per-day" => plan[0].0 = number,
            "--days" => plan[0].1 = number,
            other => panic!("unknown argument {other}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (rows, days) in plan {
        runtime.block_on(past(rows, days));
    }
}
