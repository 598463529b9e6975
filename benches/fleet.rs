//! Measures many targets in one exporter against a fast stand-in: `cargo bench --bench fleet --
//! --targets 1000 --rows 500`.
//!
//! The pollers, the store, the publisher and the HTTP client are the real ones. The stand-in is
//! another process, so that its processor time is not counted. Prints how long it takes to read and
//! publish all targets after a start ten minutes back, and then, over `--intervals` intervals: the
//! processor time in all and by thread, memory per series, and the age of the slowest target's
//! watermark. Meanwhile a scraper requests compressed OpenMetrics every 15 s.
//!
//! `--interval 60` shortens the interval (and divides the rows of a window by five); `--lookback`
//! sets the range that is read again. A poll reads no further back than the beginning of counting:
//! with `--back 2400` it reads a whole lookback from the start on.
//!
//! The first `--hung` targets have a server that accepts connections and never answers; the figures
//! are then those of the other targets. Compare `--targets 1000 --hung 500 --interval 60
//! --intervals 5` with the same and `--hung 0`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use tokio::{runtime::Builder, sync::Semaphore};
use wolkvox_exporter::{
    config::{
        BaselineConfig, Config, JourneyConfig, MenuConfig, NameSources, PollConfig, Secret,
        StartFrom, TargetConfig, TokenSource, WebConfig,
    },
    exposition::{Encoding, Format},
    snapshot::Publisher,
    store::Store,
    supervisor::{Deps, Supervisor},
    telemetry::Telemetry,
};

const ENCODING: Encoding = Encoding { format: Format::OpenMetrics, gzip: true };
/// Number of options of each target.
const OPTIONS: i64 = 20;

#[derive(Clone, Copy)]
struct Plan {
    targets: usize,
    /// Number of rows in five minutes.
    rows: i64,
    interval: u64,
    lookback: u64,
    /// Seconds before the start at which counting begins.
    back: u64,
    intervals: u32,
    in_flight: usize,
    /// Number of targets whose server never answers.
    hung: usize,
}

impl Plan {
    fn from_arguments() -> Self {
        let mut plan = Self {
            targets: 1_000,
            rows: 500,
            interval: 300,
            lookback: 1_800,
            back: 600,
            intervals: 1,
            in_flight: 64,
            hung: 0,
        };
        let mut arguments = env::args().skip(1).filter(|argument| argument != "--bench");
        while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
            match name.as_str() {
                "--targets" => plan.targets = value.parse().unwrap(),
                "--rows" => plan.rows = value.parse().unwrap(),
                "--interval" => plan.interval = value.parse().unwrap(),
                "--lookback" => plan.lookback = value.parse().unwrap(),
                "--back" => plan.back = value.parse().unwrap(),
                "--intervals" => plan.intervals = value.parse().unwrap(),
                "--hung" => plan.hung = value.parse().unwrap(),
                "--in-flight" => plan.in_flight = value.parse().unwrap(),
                other => panic!("there is no {other}"),
            }
        }
        plan
    }

    /// Returns the name of a target.
    fn name(number: usize) -> String {
        format!("{number:04}")
    }

    /// Returns true if the server of a target answers.
    fn answers(&self, name: &str) -> bool {
        name >= Self::name(self.hung).as_str()
    }
}

/// Starts a server that accepts connections and never answers.
fn start_hung_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || stream.read_to_end(&mut Vec::new()));
        }
    });
    address
}

// The stand-in: one thread for each connection, rows at equal distances in time, no memory of
// requests.

fn stand_in(rows: i64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    for stream in listener.incoming().flatten() {
        thread::spawn(move || answer(stream, rows));
    }
}

/// Answers one request; the client keeps no connection.
fn answer(mut stream: TcpStream, rows: i64) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let date = |name: &str| -> Option<i64> {
        let digits = head.split_once(name)?.1.get(..14)?;
        let at = DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
        Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
    };
    let mut body = String::from("{\"code\":\"200\",\"error\":null,\"msg\":\"ok\",\"data\":[");
    if let (Some(from), Some(to)) = (date("date_ini="), date("date_end=")) {
        let to = to.min(Timestamp::now().as_second());
        for number in (from * rows).div_euclid(300)..=(to * rows).div_euclid(300) {
            let second = number * 300 / rows;
            if (from..=to).contains(&second) {
                body.push_str(&row(number, second));
                body.push(',');
            }
        }
    }
    if body.ends_with(',') {
        body.pop();
    }
    body.push_str("]}");
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

fn row(number: i64, second: i64) -> String {
    let date = Timestamp::from_second(second)
        .unwrap()
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S");
    format!(
        r#"{{"rp_id":"4001","conn_id":"{:032x}","channel":"voice","customer_id":"99{:08}","telephone":"57300{:07}","attempt":"1","second_event":"{}","cod_opc_menu":"OPCION_{:02}","date":"{date}"}}"#,
        number / 3,
        number % 100_000_000,
        number % 10_000_000,
        5 + number % 90,
        number.rem_euclid(OPTIONS),
    )
}

fn start_stand_in(rows: i64) -> (Child, SocketAddr) {
    let mut child = Command::new(env::current_exe().unwrap())
        .env("FLEET_STAND_IN", rows.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().parse().unwrap())
}

/// Returns processor time in seconds, by the name of the thread.
fn processor() -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        let (name, rest) = stat.rsplit_once(") ").unwrap();
        let name = name.split_once('(').unwrap().1.to_owned();
        let fields: Vec<&str> = rest.split(' ').collect();
        let used = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        *all.entry(name).or_default() += used / 100.0;
    }
    all
}

fn memory_mib() -> f64 {
    let mut status = String::new();
    fs::File::open("/proc/self/status").unwrap().read_to_string(&mut status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn config(plan: Plan, address: SocketAddr) -> Config {
    let hung = start_hung_server();
    let token = TokenSource::Fixed(Secret::new("token-of-the-bench"));
    let target = |number| {
        let address = if number < plan.hung { hung } else { address };
        let endpoint = format!("http://{address}/").parse().unwrap();
        TargetConfig {
            licences: Some(20),
            names: NameSources { vendor: false, ..NameSources::default() },
            ..TargetConfig::new(&Plan::name(number), endpoint, token.clone(), TimeZone::UTC)
        }
    };
    Config {
        targets: (0..plan.targets).map(target).collect(),
        poll: PollConfig {
            interval: Duration::from_secs(plan.interval),
            lookback: Duration::from_secs(plan.lookback),
            start_from: StartFrom::Back(Duration::from_secs(plan.back)),
            ..PollConfig::default()
        },
        menu: MenuConfig::default(),
        journey: JourneyConfig::default(),
        // The stand-in has no past.
        baseline: BaselineConfig { warm_up: Duration::ZERO, ..BaselineConfig::default() },
        state: Default::default(),
        web: WebConfig::default(),
    }
}

/// The state of the targets whose servers answer.
struct Progress {
    /// Number of targets that have committed something.
    read: usize,
    /// Age of the slowest target's watermark.
    slowest: SignedDuration,
}

impl Progress {
    fn of(plan: Plan, publisher: &Publisher) -> Self {
        let statuses = publisher.statuses();
        let answering = statuses.iter().filter(|status| plan.answers(&status.name));
        let watermarks: Vec<Timestamp> = answering.filter_map(|status| status.watermark).collect();
        let slowest = watermarks.iter().min().copied().unwrap_or(Timestamp::UNIX_EPOCH);
        Self { read: watermarks.len(), slowest: Timestamp::now().duration_since(slowest) }
    }
}

/// Returns the exposition as text, and its compressed length in bytes.
async fn exposed(publisher: &Publisher) -> (String, usize) {
    let body =
        publisher.publication().in_encoding(ENCODING).await.render(&[], ENCODING).unwrap().concat();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    (text, body.len())
}

/// Returns the number of rows read so far, over all targets and outcomes.
fn rows_read(text: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with("wolkvox_rows_total{"));
    lines.map(|line| line.split(' ').nth(1).unwrap().parse::<f64>().unwrap()).sum()
}

async fn run(plan: Plan, workers: tokio::runtime::Handle, address: SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("state.redb"), [7; 16]).unwrap());
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let scraper = tokio::spawn({
        let publication = publisher.publication();
        async move {
            loop {
                publication.in_encoding(ENCODING).await;
                tokio::time::sleep(Duration::from_secs(15)).await;
            }
        }
    });
    let began = Instant::now();
    let in_flight = Arc::new(Semaphore::new(plan.in_flight));
    let clock: wolkvox_exporter::poller::Clock = Arc::new(Timestamp::now);
    let mut fleet = Supervisor::new(Deps {
        store,
        publisher: publisher.clone(),
        telemetry,
        clock,
        in_flight,
        workers,
    });
    fleet.change_to(&config(plan, address)).await.unwrap();
    println!("ready after {:.1} s, processor {:?}", began.elapsed().as_secs_f64(), processor());
    let answering = plan.targets - plan.hung;
    while Progress::of(plan, &publisher).read < answering {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    publisher.settled().await;
    println!(
        "all {answering} read and published after {:.1} s; processor {:?}; {:.0} MiB",
        began.elapsed().as_secs_f64(),
        processor(),
        memory_mib()
    );
    for number in 1..=plan.intervals {
        let (before, rows_before) = (processor(), rows_read(&exposed(&publisher).await.0));
        let mut worst = SignedDuration::ZERO;
        let until = Instant::now() + Duration::from_secs(plan.interval);
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(1)).await;
            worst = worst.max(Progress::of(plan, &publisher).slowest);
        }
        let used: BTreeMap<_, _> = processor()
            .into_iter()
            .map(|(name, now)| {
                let used = now - before.get(&name).unwrap_or(&0.0);
                (name, (used * 100.0).round() / 100.0)
            })
            .collect();
        let (text, compressed) = exposed(&publisher).await;
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let rows = rows_read(&text) - rows_before;
        println!(
            "interval {number}: {rows:.0} rows read, {:.0} a target; processor {:.1} s {used:?}; slowest watermark at most \
             {:.0} s behind; {series} series, {:.1} MB, {:.2} MB compressed; {:.0} MiB, {:.0} bytes a series",
            rows / answering as f64,
            used.values().sum::<f64>(),
            worst.as_secs_f64(),
            text.len() as f64 / 1e6,
            compressed as f64 / 1e6,
            memory_mib(),
            memory_mib() * 1024.0 * 1024.0 / series as f64
        );
    }
    scraper.abort();
    fleet.end_all(Duration::from_secs(5)).await;
}

fn main() {
    if let Ok(rows) = env::var("FLEET_STAND_IN") {
        return stand_in(rows.parse().unwrap());
    }
    let plan = Plan::from_arguments();
    let (mut stand_in, address) = start_stand_in(plan.rows);
    println!(
        "{} targets, {} of them hung, {} rows in five minutes each, every {} s",
        plan.targets, plan.hung, plan.rows, plan.interval
    );
    let long = Duration::from_secs(86_400);
    let workers = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("poller")
        .thread_keep_alive(long)
        .enable_all()
        .build();
    let workers = workers.unwrap();
    // Threads with another name than the pollers' belong to the publisher.
    let main = Builder::new_current_thread()
        .thread_name("publisher")
        .thread_keep_alive(long)
        .enable_all()
        .build();
    main.unwrap().block_on(run(plan, workers.handle().clone(), address));
    workers.shutdown_background();
    let _ = stand_in.kill();
    let _ = stand_in.wait();
}
