//! Measures a busy target's day: whether commits get slower and the state file larger from hour to
//! hour.
//!
//! `cargo bench --bench day`, or with other numbers `cargo bench --bench day -- --rows-per-hour
//! 60000 --lookback 1800 --hours 50`. Every row is an interaction of its own, which needs the most
//! memory; `--rows-per-interaction 3` is more like a menu. `--remembered 15000000` adds as many
//! remembered interactions, as deeper re-readings would. `--unique-options 1` gives every row an
//! option of its own, as a hostile server would: label sets and memory must not grow.
//!
//! The real poller runs on virtual time, with a state file on the real disk and rows that are made
//! when they are requested. A commit is everything between the end of one answer and the next
//! request: ledger, transaction, forgetting, publication.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

#[path = "../tests/support/polled.rs"]
mod polled;

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{self, Duration},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::TokenVersion,
    ledger::{Delta, TargetCounters},
    model::LocalSecond,
    poller::{Clock, Poller, PollerConfig, PollerDeps, Source},
    snapshot::Publisher,
    store::{Store, TargetId},
    telemetry::Telemetry,
    wolkvox::{Admission, Answer, ApiError, Element, Query, RowParser},
};

/// Unix time of midnight, 2026-01-18 in UTC.
const START: i64 = 1_768_694_400;
const INTERVAL: i64 = 300;

#[derive(Clone, Copy)]
struct Plan {
    rows_per_hour: i64,
    rows_per_interaction: i64,
    hours: i64,
    lookback: i64,
    unique_options: i64,
    remembered: i64,
}

impl Plan {
    fn from_arguments() -> Self {
        let mut plan = Self {
            rows_per_hour: 300_000,
            rows_per_interaction: 1,
            hours: 24,
            lookback: 300,
            unique_options: 0,
            remembered: 0,
        };
        // cargo adds this flag to every benchmark.
        let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let field = match name.as_str() {
                "--rows-per-hour" => &mut plan.rows_per_hour,
                "--rows-per-interaction" => &mut plan.rows_per_interaction,
                "--hours" => &mut plan.hours,
                "--remembered" => &mut plan.remembered,
                "--unique-options" => &mut plan.unique_options,
                "--lookback" => &mut plan.lookback,
                other => panic!("unknown argument {other}"),
            };
            *field =
                arguments.next().and_then(|number| number.parse().ok()).expect("a number follows");
        }
        plan
    }
}

/// The cost of an hour.
#[derive(Default, Clone)]
struct Hour {
    commits: Vec<Duration>,
    file: u64,
    memory: u64,
}

impl Hour {
    fn print(&self, number: usize) {
        let mut commits = self.commits.clone();
        commits.sort();
        let ms = |at: usize| commits[at].as_secs_f64() * 1e3;
        let last = commits.len() - 1;
        println!(
            "{number:4}  {:7}  {:9.0}  ({:.0} to {:.0})  {:.1}  {:.1}",
            commits.len(),
            ms(last / 2),
            ms(0),
            ms(last),
            self.file as f64 / f64::from(1 << 20),
            self.memory as f64 / f64::from(1 << 20)
        );
    }
}

/// A source that makes rows when they are requested, and measures the time and the file at each
/// request.
struct Load {
    plan: Plan,
    file: PathBuf,
    hours: Arc<Mutex<Vec<Hour>>>,
    /// The end of the last answer, and the last second of its range.
    answered: Mutex<Option<(time::Instant, i64)>>,
    stop: CancellationToken,
}

impl Load {
    fn rows_before(&self, second: i64) -> i64 {
        (second - START) * self.plan.rows_per_hour / 3600
    }

    fn note_commit(&self) {
        let Some((answered, to)) = self.answered.lock().unwrap().take() else { return };
        let mut hours = self.hours.lock().unwrap();
        let at = ((to - 1 - START) / 3600).max(0) as usize;
        if hours.len() <= at {
            // Printed after each hour, because a day takes minutes.
            hours.last().into_iter().for_each(|hour| hour.print(hours.len()));
            hours.resize(at + 1, Hour::default());
        }
        hours[at].commits.push(answered.elapsed());
        hours[at].file = fs::metadata(&self.file).unwrap().len();
        hours[at].memory = resident();
        if to >= START + self.plan.hours * 3600 {
            self.stop.cancel();
        }
    }
}

/// Returns the memory of this process in bytes.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Writes row `n` of the day. There are 200 options, or as many as rows.
fn write_row(n: i64, date: &str, plan: Plan, out: &mut Vec<u8>) {
    let interaction = n / plan.rows_per_interaction;
    out.clear();
    write!(
        out,
        "{{\"rp_id\":\"{}\",\"conn_id\":\"6736.4628.1040.{}\",\"customer_id\":\"1\",\"channel\":\"voice\",\
         \"attempt\":\"1\",\"telephone\":\"2\",\"date\":\"{date}\",\"second_event\":\"{}\",\"cod_opc_menu\":\"{}\"}}",
        4000 + interaction % 20,
        interaction,
        n % 120,
        if plan.unique_options == 0 { n / 20 % 10 } else { n }
    )
    .unwrap();
}

impl Source for Load {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        self.note_commit();
        // The server's clock is in UTC.
        let [from, to] = [query.from, query.to].map(|time| LocalSecond::from(time).get());
        let (mut rows, mut row) = (0, Vec::new());
        for second in from..=to {
            let date =
                Timestamp::from_second(second).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string();
            for n in self.rows_before(second)..self.rows_before(second + 1) {
                write_row(n, &date, self.plan, &mut row);
                each(Element::Value(&row));
                rows += 1;
            }
        }
        *self.answered.lock().unwrap() = Some((time::Instant::now(), to));
        Ok(Answer { rows, server_time: None })
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// Writes interactions that stay remembered throughout the benchmark, in steps as large as an
/// answer.
fn remember(plan: Plan, store: &Store, (target, counters): &(TargetId, TargetCounters)) {
    const ANSWER: usize = 25_000;
    let fingerprints = store.fingerprints();
    for first in (0..plan.remembered).step_by(ANSWER) {
        let last = plan.remembered.min(first + ANSWER as i64);
        let hashes: BTreeSet<u64> =
            (first..last).map(|n| fingerprints.of(&[&n.to_string()])).collect();
        let until = START + plan.hours * 3600 + first / ANSWER as i64 * INTERVAL;
        let interactions =
            hashes.into_iter().filter_map(|hash| Some((NonZeroU64::new(hash)?, until)));
        let step = Delta { interactions: interactions.collect(), ..counters.unchanged() };
        store.transact(|tx| tx.write(*target, &step)).unwrap();
    }
}

async fn day(plan: Plan, path: &Path) -> Vec<Hour> {
    let began = Instant::now();
    let origin = Timestamp::from_second(START).unwrap();
    let clock: Clock =
        Arc::new(move || origin + SignedDuration::try_from(began.elapsed()).unwrap());
    let store = Arc::new(Store::open(path, [1; 16]).unwrap());
    let restored = store.restore("0042", || TargetCounters::new(origin)).unwrap();
    remember(plan, &store, &restored);
    let parser = RowParser::new(store.fingerprints(), 128);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let hours = Arc::new(Mutex::new(Vec::new()));
    let load = Load {
        plan,
        file: path.to_owned(),
        hours: hours.clone(),
        answered: Mutex::new(None),
        stop,
    };
    let seconds = |seconds: i64| Duration::from_secs(seconds as u64);
    let mut shared = polled::only_live_polls(&[5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0]);
    shared.poll.interval = seconds(INTERVAL);
    shared.poll.lookback = seconds(plan.lookback);
    let config = PollerConfig::new(polled::target("0042", TimeZone::UTC), shared.into()).unwrap();
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let telemetry = telemetry.target("0042");
    let around =
        PollerDeps { store, publisher, telemetry, clock, shutdown, probe: Default::default() };
    let poller = Poller::start(config, load, parser, restored, around).await.unwrap();
    poller.run().await;
    Arc::into_inner(hours).unwrap().into_inner().unwrap()
}

fn main() {
    let plan = Plan::from_arguments();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.redb");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let begun = time::Instant::now();
    println!(
        "{} rows an hour, {} of an interaction, {} h, every window read {} time(s)",
        plan.rows_per_hour,
        plan.rows_per_interaction,
        plan.hours,
        1 + plan.lookback / INTERVAL
    );
    if plan.remembered > 0 {
        println!("{} interactions are remembered besides", plan.remembered);
    }
    println!("hour  commits  median ms  (min to max)  file MiB  memory MiB");
    let hours = runtime.block_on(day(plan, &path));
    hours.last().into_iter().for_each(|hour| hour.print(hours.len()));
    println!("took {:.0} s", begun.elapsed().as_secs_f64());
}
