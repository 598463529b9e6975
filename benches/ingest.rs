//! Measures an answer of 60,000 rows, from the socket to the commit: `cargo bench --bench ingest`.
//!
//! A plain program rather than criterion's, because memory matters as much as time. The measured
//! exporter is the real binary in a process of its own; this process is the server, with the answer
//! ready in memory. Peak memory is the kernel's (`VmHWM`), reset to the resident memory just before
//! the answer begins. The binary is that of this build, or the one whose path is in
//! `WOLKVOX_BENCH_EXPORTER`, such as the static one of a release.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails loudly, and prints"
)]

use std::{
    env,
    ffi::OsString,
    fs,
    hint::black_box,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::Deserialize;
use simulator::{Burst, Options, SimulatedServer};
use wolkvox_exporter::{
    ledger::RowBatch,
    model::Fingerprints,
    wolkvox::{Element, RowParser, Splitter},
};

/// Rows of the answer: one less than it can hold, because at the limit the exporter would ask again
/// for halves.
const ROWS: u64 = 59_999;
/// Bytes of a row that bring an answer near the limit of 256 MiB.
const LONG_ROW: usize = 4_400;
/// The argument that makes this program the peer, see [`WholeAnswer`].
const PEER: &str = "read-it-all";

/// Returns an answer as the simulator writes it; with a `row_bytes` of 0 rows have their usual
/// length.
fn answer(row_bytes: usize) -> Vec<u8> {
    // Dates are whole seconds.
    let at = Timestamp::from_second(Timestamp::now().as_second() - 9 * 60).unwrap();
    let zone = TimeZone::get("America/Bogota").unwrap();
    let local = |moment| zone.to_datetime(moment);
    let options = Options {
        scale: 0.0,
        late_share: 0.0,
        bursts: vec![Burst { at, seconds: 240, rows: ROWS }],
        row_bytes,
        ..Options::default()
    };
    let simulator = SimulatedServer::new(options);
    let pieces =
        simulator.answer_bytes(local(at), local(at + SignedDuration::from_mins(8))).unwrap();
    pieces.fold(Vec::new(), |mut all, piece| {
        all.extend_from_slice(&piece);
        all
    })
}

/// Results of several runs, shown as least, middle and most; their distance is the machine's noise.
struct Spread<T>(Vec<T>);

impl<T: PartialOrd + Copy> Spread<T> {
    fn show(mut self, one: impl Fn(T) -> String) -> String {
        self.0.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let [first, middle, last] =
            [0, self.0.len() / 2, self.0.len() - 1].map(|at| one(self.0[at]));
        format!("{middle} ({first} to {last})")
    }
}

fn runs<T>(count: usize, run: impl FnMut(usize) -> T) -> Spread<T> {
    Spread((0..count).map(run).collect())
}

fn rate(bytes: usize) -> impl Fn(Duration) -> String {
    move |time| format!("{:.0}", bytes as f64 / 1e6 / time.as_secs_f64())
}

fn ms(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

/// Measures splitting and parsing alone, from memory.
fn parsing(body: &[u8]) {
    println!(
        "{ROWS} rows, {:.1} MB, in memory; MB/s, median of 25 (best to worst):",
        body.len() as f64 / 1e6
    );
    let timed = |work: &dyn Fn()| {
        let used = processor(std::process::id());
        let spread = runs(25, |_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        });
        let used = processor(std::process::id()) - used;
        let of_processor = rate(25 * body.len())(used);
        format!("{}, {of_processor} by processor time", spread.show(rate(body.len())))
    };
    let parser = RowParser::new(Fingerprints::new([7; 16]), 128);
    let split = |chunk: usize, each: &mut dyn FnMut(Element<'_>)| {
        let mut splitter = Splitter::default();
        let mut rows = 0;
        let mut each = |element: Element<'_>| {
            rows += 1;
            each(element);
        };
        body.chunks(chunk).for_each(|piece| splitter.push(piece, &mut each).unwrap());
        splitter.finish().unwrap();
        assert_eq!(rows, ROWS);
    };
    for chunk in [16 << 10, 64 << 10] {
        let only = timed(&|| {
            split(chunk, &mut |element| {
                black_box(element);
            });
        });
        let parsed = timed(&|| split(chunk, &mut |element| drop(black_box(parser.parse(element)))));
        let staged = timed(&|| {
            let mut stage = RowBatch::default();
            split(chunk, &mut |element| stage.push(parser.parse(element)));
            drop(black_box(stage));
        });
        println!(
            "  chunks of {} KiB: split {only}; split and parsed {parsed}; and staged {staged}",
            chunk >> 10
        );
    }
    let copied = timed(&|| drop(black_box(body.to_vec())));
    let peer = timed(&|| drop(black_box(serde_json::from_slice::<WholeAnswer>(body).unwrap())));
    println!("  floor, the bytes copied: {copied}");
    println!("  peer, serde_json into a list of rows of texts: {peer}");
}

/// The obvious implementation: the whole answer, deserialized at once.
#[derive(Deserialize)]
#[allow(dead_code, reason = "its fields are there to be filled")]
struct WholeAnswer {
    data: Vec<WholeRow>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "its fields are there to be filled")]
struct WholeRow {
    rp_id: String,
    conn_id: String,
    customer_id: String,
    channel: String,
    attempt: String,
    telephone: String,
    date: String,
    second_event: String,
    cod_opc_menu: String,
}

/// Runs the peer: reads the answer whole, then deserializes its rows.
fn read_it_all(port: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let answer: WholeAnswer = serde_json::from_slice(&bytes[body..]).unwrap();
    eprintln!("rows={}", answer.data.len());
    // Waits until it has been measured.
    let _ = std::io::stdin().read(&mut [0]);
}

/// A server for one connection: reports the request, waits for permission, and answers.
struct Server {
    port: u16,
    asked: mpsc::Receiver<()>,
    leave: mpsc::Sender<()>,
}

fn serve(body: Arc<Vec<u8>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = mpsc::channel();
    let (leave, may) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        while !lines.next().unwrap().unwrap().is_empty() {}
        tell.send(()).unwrap();
        may.recv().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    Server { port, asked, leave }
}

/// Returns the memory of a process in KiB: `VmRSS` is the present one, `VmHWM` the highest.
fn memory(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Returns the processor time of a process, in steps of 10 ms.
fn processor(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split(' ').skip(12).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

struct Measured {
    time: Duration,
    /// Processor time, which hardly depends on other work of the machine.
    cpu: Duration,
    idle: u64,
    /// Anonymous part of the idle memory: the rest is the program, which the kernel shares and can
    /// drop.
    own: u64,
    peak: u64,
    after: u64,
}

/// Starts a reader, sends it the answer, and waits until it reports all rows.
fn measure(server: &Server, command: &mut Command) -> Measured {
    let mut reader = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = reader.id();
    server.asked.recv_timeout(Duration::from_secs(20)).unwrap();
    let (idle, own) = (memory(pid, "VmRSS"), memory(pid, "RssAnon"));
    // Resets the peak to the present memory.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
    // Meanwhile more pages of the program may have been touched, and the kernel maps their
    // neighbours as well.
    assert!(memory(pid, "VmHWM") <= idle + 1024, "the kernel does not set the peak back");

    let (begun, used) = (Instant::now(), processor(pid));
    server.leave.send(()).unwrap();
    let mut lines = BufReader::new(reader.stderr.take().unwrap()).lines().map(Result::unwrap);
    // The exporter's first line from here on that contains a number of rows is about the commit.
    let told =
        lines.find(|line| line.contains("rows=") || line.contains("failed")).unwrap_or_default();
    let time = begun.elapsed();
    assert!(told.contains(&format!("rows={ROWS}")), "no word of {ROWS} rows: {told}");
    let cpu = processor(pid) - used;
    let measured =
        Measured { time, cpu, idle, own, peak: memory(pid, "VmHWM"), after: memory(pid, "VmRSS") };
    reader.kill().unwrap();
    reader.wait().unwrap();
    measured
}

/// Returns the path of the measured binary.
fn program() -> OsString {
    env::var_os("WOLKVOX_BENCH_EXPORTER")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_wolkvox-exporter").into())
}

fn exporter(port: u16, folder: &std::path::Path) -> Command {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("WOLKVOX_TOKEN", "of-the-benchmark")
        .arg(format!("--wolkvox.server=http://127.0.0.1:{port}"))
        .arg(format!("--state.path={}", folder.join("state.redb").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--poll.start-from=1h"]);
    command
}

fn show(what: &str, bytes: usize, measured: &[Measured]) {
    let mib = |kib: u64| format!("{:.1}", kib as f64 / 1024.0);
    let above = Spread(measured.iter().map(|run| run.peak - run.idle).collect()).show(mib);
    let idle = Spread(measured.iter().map(|run| run.idle).collect()).show(mib);
    let own = Spread(measured.iter().map(|run| run.own).collect()).show(mib);
    let after = Spread(measured.iter().map(|run| run.after).collect()).show(mib);
    let times = || Spread(measured.iter().map(|run| run.time).collect::<Vec<_>>());
    let cpu = Spread(measured.iter().map(|run| run.cpu).collect()).show(ms);
    println!("  {what}: {} ms; {} MB/s; {} rows/s", times().show(ms), times().show(rate(bytes)), {
        times().show(|time| format!("{:.0}", ROWS as f64 / time.as_secs_f64()))
    });
    println!("    of the processor {cpu} ms");
    println!("    MiB: idle {idle}, its own {own}; most above idle {above}; afterwards {after}");
}

/// Measures the whole way, and for comparison the peer and the lower bound.
fn whole_way(body: Vec<u8>, count: usize) {
    let (bytes, body) = (body.len(), Arc::new(body));
    println!(
        "{ROWS} rows, {:.1} MB, from the socket to the commit; median of {count} (min to max):",
        bytes as f64 / 1e6
    );
    let ours = (0..count).map(|_| {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(body.clone());
        measure(&server, &mut exporter(server.port, folder.path()))
    });
    show("exporter, committed and published", bytes, &ours.collect::<Vec<_>>());
    let theirs = (0..count).map(|_| {
        let server = serve(body.clone());
        let port = server.port.to_string();
        measure(&server, Command::new(env::current_exe().unwrap()).args([PEER, &port]))
    });
    show(
        "peer, read whole and parsed by serde_json, nothing else",
        bytes,
        &theirs.collect::<Vec<_>>(),
    );
    let floor = runs(count, |_| {
        let server = serve(body.clone());
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        server.leave.send(()).unwrap();
        let begun = Instant::now();
        let mut buffer = vec![0; 64 << 10];
        while stream.read(&mut buffer).unwrap() > 0 {}
        begun.elapsed()
    });
    println!("  floor, read from the socket and forgotten: {} ms", floor.show(ms));
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, role, port] = arguments.as_slice()
        && role == PEER
    {
        return read_it_all(port);
    }
    println!("{}:", program().display());
    let usual = answer(0);
    parsing(&usual);
    whole_way(usual, 9);
    whole_way(answer(LONG_ROW), 5);
    println!("goals: 250 MB/s split and parsed; 16 MiB above idle, for the long rows too");
}
