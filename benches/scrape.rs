//! Measures a scrape of 100,000 series: `cargo bench --bench scrape`.
//!
//! A plain program rather than criterion's: the figures that matter are comparisons (our scrape
//! with the same bytes served from memory, our encoder with the `prometheus` crate's), so the two
//! sides of each are measured in turns, in one process, and printed side by side. All figures are
//! medians.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark may fail loudly, and prints"
)]

use std::{
    convert::Infallible,
    hint::black_box,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use wolkvox_exporter::{
    exposition::{
        Encoding, Family, Format, MetricType, Publication, Published, Sample, encode, label_block,
    },
    telemetry::Telemetry,
    web::{Access, Readiness, ServerLimits, Site, listen, serve},
};

const SERIES: u64 = 100_000;
const ROUNDS: usize = 21;
const CONNECTIONS: usize = 25;
const NAME: &str = "wolkvox_menu_option_hits_total";
const LABELS: [&str; 4] = ["server", "rp_id", "channel", "cod_opc_menu"];

/// Returns the values of `LABELS` for series `i`, similar to those of an operation.
fn values(i: u64) -> [String; 4] {
    let channel = ["voice", "chat-web", "chat-whatsapp"][(i % 3) as usize];
    [
        "0042".to_owned(),
        (4_000 + i / 500).to_string(),
        channel.to_owned(),
        format!("OPCION_{:04}", i % 500),
    ]
}

/// Returns a value of one to seven digits; neighbours differ as much as counts do.
fn value(i: u64) -> u64 {
    i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (40 + i % 20)
}

fn model() -> Vec<Family> {
    let mut hits = Family::new(NAME, "Times the option was entered.", MetricType::Counter);
    hits.points = (0..SERIES)
        .map(|i| {
            let values = values(i);
            let labels: Vec<_> =
                LABELS.into_iter().zip(values.iter().map(String::as_str)).collect();
            Sample::new(label_block(&labels), value(i))
        })
        .collect();
    vec![hits]
}

fn text(gzip: bool) -> Encoding {
    Encoding { format: Format::Text, gzip }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn time<R>(rounds: usize, mut what: impl FnMut() -> R) -> Duration {
    let once = |_| {
        let begun = Instant::now();
        black_box(what());
        begun.elapsed()
    };
    median((0..rounds).map(once).collect())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Starts `server` on a thread and a `current_thread` runtime of its own, as in the exporter.
/// `bind` decides whether the socket has the exporter's buffers or the system's.
fn on_its_own_thread<F: Future<Output = ()>>(
    bind: fn(SocketAddr) -> std::io::Result<std::net::TcpListener>,
    server: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> SocketAddr {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
            listener.set_nonblocking(true).unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            server(listener).await;
        });
    });
    told.recv().unwrap()
}

/// Serves bytes from memory for any request: the least that hyper can do.
async fn from_memory(listener: TcpListener, bytes: Bytes) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let bytes = bytes.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(bytes.clone()))))
        });
        let builder = http1::Builder::new().timer(TokioTimer::new()).clone();
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    }
}

/// A scraper on one kept connection, which reads the answer and discards it.
struct Scraper {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Scraper {
    fn new(address: SocketAddr, headers: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
        Self { stream, request, buffer: vec![0; 1 << 20] }
    }

    /// Scrapes once. Returns the length of the body.
    fn scrape(&mut self) -> usize {
        self.stream.write_all(&self.request).unwrap();
        let mut filled = 0;
        let (end, length) = loop {
            filled += self.stream.read(&mut self.buffer[filled..]).unwrap();
            let Some(end) = self.buffer[..filled].windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&self.buffer[..end]).unwrap().to_ascii_lowercase();
            let length =
                head.split_once("content-length: ").unwrap().1.lines().next().unwrap().to_owned();
            break (end + 4, length.parse::<usize>().unwrap());
        };
        let mut left = length - (filled - end);
        while left > 0 {
            left -= self.stream.read(&mut self.buffer).unwrap();
        }
        length
    }
}

/// Measures two servers in turns, so that other work of the machine affects both alike, and over
/// many connections, because the speed of a connection depends on its first moments (its core, its
/// buffers) for as long as it lives.
fn in_turns(a: SocketAddr, b: SocketAddr, headers: &str) -> (Duration, Duration) {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (mut a, mut b) = (Scraper::new(a, headers), Scraper::new(b, headers));
        // The values of live families change, and sometimes their number of digits.
        assert!(a.scrape().abs_diff(b.scrape()) < 100, "the same bytes");
        for _ in 0..ROUNDS {
            of_a.push(time(1, || a.scrape()));
            of_b.push(time(1, || b.scrape()));
        }
    }
    (median(of_a), median(of_b))
}

/// Returns the live series of an exporter that has worked for a while.
fn live_telemetry() -> Telemetry {
    let telemetry = Telemetry::default();
    let target = telemetry.target("0042");
    for i in 0..1_000 {
        target.requested(Duration::from_millis(50 + i * 7 % 400), None);
        target.polled(Duration::from_millis(90 + i * 13 % 900), None);
    }
    telemetry
}

fn encoding(model: &[Family]) {
    println!("{SERIES} series, encoded in memory:");
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let mut out = Vec::new();
        encode(model, format, &mut out);
        let length = out.len();
        let warm = time(ROUNDS, || {
            out.clear();
            encode(model, format, &mut out);
        });
        println!("  {format:?}: {:.2} ms for {:.1} MB", ms(warm), mb(length));
    }
    println!(
        "  one publication, all three formats encoded and compressed: {:.1} ms",
        ms(time(9, || Published::new(model)))
    );

    let registry = prometheus::Registry::new();
    let hits =
        prometheus::IntCounterVec::new(prometheus::Opts::new(NAME, "Hits."), &LABELS).unwrap();
    for i in 0..SERIES {
        hits.with_label_values(&values(i).each_ref().map(String::as_str)).inc_by(value(i));
    }
    registry.register(Box::new(hits)).unwrap();
    let theirs =
        time(9, || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap());
    println!("  the prometheus crate, gather and encode, at every scrape: {:.1} ms", ms(theirs));
}

fn as_the_exporter(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    listen(&[address])?.into_std()
}

/// nginx with one worker, which serves a file of these bytes, and is killed when this is dropped.
struct Nginx {
    process: std::process::Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Nginx {
    fn start(bytes: &[u8], gzip: bool) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(at("metrics"), bytes).unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let coding = if gzip { "add_header Content-Encoding gzip;" } else { "" };
        let config = format!(
            "daemon off; worker_processes 1; pid {}; error_log stderr crit; events {{}} http {{ access_log off; sendfile on; \
             tcp_nopush on; keepalive_requests 1000000; open_file_cache max=10; server {{ listen {address}; root {}; \
             default_type text/plain; {coding} }} }}",
            at("pid"),
            directory.path().display(),
        );
        std::fs::write(at("nginx.conf"), config).unwrap();
        let mut command = std::process::Command::new("nginx");
        let process =
            command.args(["-e", "stderr", "-c", &at("nginx.conf"), "-p", &at("")]).spawn().ok()?;
        while TcpStream::connect(address).is_err() {
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { process, address, _directory: directory })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that nginx also ends its worker; std can only send SIGKILL.
        let id = self.process.id().to_string();
        let _ = std::process::Command::new("kill").arg(id).status();
        let _ = self.process.wait();
    }
}

/// Compares our server with others that serve the very same bytes.
fn scraping(
    publication: &Arc<Publication>,
    what: &str,
    live: impl Fn() -> Vec<Family> + Send + Sync + 'static,
) {
    let families = live();
    let site = Arc::new(Site {
        telemetry_path: "/metrics".to_owned(),
        publication: publication.clone(),
        live: Box::new(live),
        readiness: Arc::new(ArcSwap::from_pointee(Readiness::Ready)),
        targets: Box::new(Arc::default),
        notices: Arc::default(),
        clock: Arc::new(jiff::Timestamp::now),
        version: String::new(),
        access: Arc::new(Access::open()),
        reloader: None,
    });
    let ours = on_its_own_thread(as_the_exporter, move |listener| {
        serve(listener, site, ServerLimits::default(), std::future::pending())
    });
    println!("one scrape over loopback, {what}:");
    for (name, headers, gzip) in
        [("identity", "", false), ("gzip", "Accept-Encoding: gzip\r\n", true)]
    {
        let bytes = Bytes::from(publication.load().render(&families, text(gzip)).unwrap().concat());
        let length = bytes.len();
        match Nginx::start(&bytes, gzip) {
            Some(nginx) => {
                let (a, b) = in_turns(ours, nginx.address, headers);
                println!(
                    "  {name}: {:.0} scrapes a second, nginx {:.0}, of its rate {:.2}",
                    1.0 / a.as_secs_f64(),
                    1.0 / b.as_secs_f64(),
                    b.as_secs_f64() / a.as_secs_f64()
                );
            }
            None => println!("  {name}: nginx is not installed, so it was not measured beside it"),
        }
        let bare =
            on_its_own_thread(std::net::TcpListener::bind, |listener| from_memory(listener, bytes));
        let (a, b) = in_turns(ours, bare, headers);
        let (a, b) = (ms(a), ms(b));
        println!(
            "  {name}, {:.2} MB: {a:.2} ms; the same bytes from memory {b:.2} ms; x {:.2}",
            mb(length),
            a / b
        );
    }
}

fn main() {
    let model = model();
    encoding(&model);
    let publication = Arc::new(Publication::new(Published::new(&model)));
    let telemetry = Arc::new(live_telemetry());
    let live = {
        let telemetry = telemetry.clone();
        move || telemetry.gather(Instant::now())
    };

    let (published, families) = (publication.load(), live());
    let [plain, packed] =
        [false, true].map(|gzip| time(ROUNDS, || published.render(&families, text(gzip))));
    println!("what a scrape adds to the published bytes:");
    let mut later = Instant::now();
    let fresh = time(ROUNDS, || {
        later += Duration::from_secs(1);
        telemetry.gather(later)
    });
    let again = time(ROUNDS, || telemetry.gather(later));
    println!(
        "  live families gathered: {:.3} ms; again within a second: {:.3} ms",
        ms(fresh),
        ms(again)
    );
    println!("  encoded: {:.3} ms; encoded and compressed: {:.3} ms", ms(plain), ms(packed));

    scraping(&publication, "the published part alone", Vec::new);
    scraping(&publication, "with the live families behind it", live);
}
