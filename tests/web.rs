//! The server over real sockets: every route and status, negotiation, limits, and the end.
//!
//! The clock is paused, so that tokio jumps to the next timer as soon as nothing else can happen: limits of many
//! seconds are tested as they are, and nothing sleeps to be right.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/metric_family.rs"]
mod metric_family;

use std::{future::Future, io::Read as _, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use flate2::read::GzDecoder;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wolkvox_exporter::{
    config::WebRules,
    exposition::{Family, Kind, Point, Publication, Published, label_block},
    snapshot::TargetState,
    web::{Access, Limits, Readiness, Site, serve},
};

const BUFFERS: u32 = 16 * 1024;

/// A server, and what a test may turn while it runs.
struct Server {
    address: SocketAddr,
    publication: Arc<Publication>,
    readiness: Arc<ArcSwap<Readiness>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(telemetry_path: &str, limits: Limits) -> Server {
    start_with(telemetry_path, limits, Access::open()).await
}

async fn start_with(telemetry_path: &str, limits: Limits, access: Access) -> Server {
    let publication = Arc::new(Publication::new(Published::new(&hits(3))));
    let readiness = Arc::new(ArcSwap::from_pointee(Readiness::Ready));
    let site = Site {
        telemetry_path: telemetry_path.to_owned(),
        publication: publication.clone(),
        live: Box::new(|| {
            let mut live = Family::new("process_open_fds", "Open files.", Kind::Gauge);
            live.points.push(Point::new("".into(), 9));
            vec![live]
        }),
        readiness: readiness.clone(),
        targets: Box::new(|| {
            vec![TargetState {
                name: "0042".to_owned(),
                sentence: "The vendor says <b>no</b>.".to_owned(),
                ok: false,
                watermark: Some("2026-01-18T19:35:00Z".parse().unwrap()),
            }]
        }),
        version: "0.0.0-test".to_owned(),
        access: Arc::new(access),
        reloader: None,
    };
    // Buffers so small that a large answer does not fit them; a connection has those of its listener.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(BUFFERS).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, Arc::new(site), limits, async { stopped.await.unwrap_or(()) }));
    Server { address, publication, readiness, stop, task }
}

fn hits(series: u64) -> Vec<Family> {
    let mut hits = Family::new("wolkvox_menu_option_hits_total", "Hits.", Kind::Counter);
    hits.points = (0..series)
        .map(|i| Point::new(label_block(&[("cod_opc_menu", &format!("opción {i}"))]), i).created(Some(5.0)))
        .collect();
    vec![hits]
}

/// A client that says exactly what it is told to.
struct Client(TcpStream);

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFERS).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    async fn send(&self, mut text: &[u8]) {
        while !text.is_empty() {
            self.0.writable().await.unwrap();
            match self.0.try_write(text) {
                Ok(n) => text = &text[n..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // The server may well be gone before it has been told everything.
                Err(_) => return,
            }
        }
    }

    /// Whatever comes next, or `None` when the server has closed.
    async fn some(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.0.readable().await.unwrap();
            match self.0.try_read(&mut buffer) {
                Ok(0) => return None,
                Ok(n) => return Some(buffer[..n].to_vec()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    /// Everything until the server closes.
    async fn rest(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(some) = self.some().await {
            all.extend(some);
        }
        all
    }

    /// One answer on a connection that stays open.
    async fn answer(&self) -> Answer {
        let mut all = Vec::new();
        loop {
            all.extend(self.some().await.expect("an answer"));
            if let Some(answer) = Answer::parse(&all).filter(Answer::is_whole) {
                return answer;
            }
        }
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn parse(all: &[u8]) -> Option<Self> {
        let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head, body: all[end + 4..].to_vec() })
    }

    fn is_whole(&self) -> bool {
        self.header("content-length").is_some_and(|length| length == self.body.len().to_string())
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The head without `Date`, which moves on between two requests.
    fn undated(&self) -> Vec<&str> {
        self.head.lines().filter(|line| !line.starts_with("date: ")).collect()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One request on a connection of its own. `extra` are whole header lines.
async fn ask(server: &Server, method: &str, path: &str, extra: &str) -> Answer {
    let client = Client::connect(server.address).await;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n");
    client.send(request.as_bytes()).await;
    Answer::parse(&client.rest().await).expect("an answer")
}

async fn get(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path, "").await
}

#[tokio::test(start_paused = true)]
async fn every_route_answers_get_and_head_alike() {
    let server = start("/metrics", Limits::default()).await;
    for (path, status, kind, text) in [
        (
            "/metrics",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            "hits_total{cod_opc_menu=\"opción 2\"} 2\n",
        ),
        ("/metrics?name=x", 200, "text/plain; version=0.0.4; charset=utf-8", "process_open_fds 9\n"),
        ("/", 200, "text/html; charset=utf-8", "<a href=\"/metrics\">"),
        ("/-/healthy", 200, "text/plain; charset=utf-8", "healthy"),
        ("/-/ready", 200, "text/plain; charset=utf-8", "ready"),
        ("/metric", 404, "text/plain; charset=utf-8", "/metrics"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "/metrics"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(kind)), "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.is_whole(), "{path}");

        let head = ask(&server, "HEAD", path, "").await;
        assert_eq!(head.undated(), answer.undated(), "{path}");
        assert_eq!(head.body, b"", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_told_which_are_allowed() {
    let server = start("/metrics", Limits::default()).await;
    for path in ["/metrics", "/", "/-/healthy", "/-/ready"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let answer = ask(&server, method, path, "").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method} {path}");
        }
    }
    assert_eq!(ask(&server, "POST", "/nowhere", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_telemetry_path_is_where_it_was_configured() {
    let server = start("/wolkvox/m\"etrics", Limits::default()).await;
    assert_eq!(get(&server, "/metrics").await.status, 404);
    assert!(get(&server, "/metrics").await.text().contains("/wolkvox/m"));
    assert!(get(&server, "/").await.text().contains("<a href=\"/wolkvox/m&quot;etrics\">"));
    let server = start("/", Limits::default()).await;
    assert!(get(&server, "/").await.text().starts_with("# HELP"));
}

#[tokio::test(start_paused = true)]
async fn readiness_says_why_not() {
    let server = start("/metrics", Limits::default()).await;
    server.readiness.store(Arc::new(Readiness::NotReady("the state is being <restored>".to_owned())));
    let answer = get(&server, "/-/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("the state is being <restored>"));
    assert!(get(&server, "/").await.text().contains("being &lt;restored&gt;"));
    assert_eq!(get(&server, "/-/healthy").await.status, 200);
    // Without the counters the series would seem to vanish: no scrape is better than that one.
    let answer = get(&server, "/metrics").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("not ready: the state is being <restored>")
            && !answer.text().contains("# HELP")
    );
    server.readiness.store(Arc::new(Readiness::Ready));
    assert_eq!(get(&server, "/metrics").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_landing_page_shows_each_target_and_runs_nothing() {
    let server = start("/metrics", Limits::default()).await;
    let answer = get(&server, "/").await;
    for text in ["0.0.0-test", "0042", "says &lt;b&gt;no&lt;/b&gt;.", "2026-01-18T19:35:00Z", "/-/healthy"] {
        assert!(answer.text().contains(text), "{text}");
    }
    assert!(!answer.text().contains("<script"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none';"));
}

#[tokio::test(start_paused = true)]
async fn format_and_encoding_follow_the_headers() {
    let server = start("/metrics", Limits::default()).await;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (accept, kind) in [
        ("", text),
        ("Accept: */*\r\n", text),
        ("Accept: image/png\r\n", text),
        ("Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n", open),
        ("Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text\r\n", open),
        ("Accept: application/openmetrics-text;q=0,*/*\r\n", text),
        ("Accept: \u{00ff}\r\n", text),
    ] {
        let plain = ask(&server, "GET", "/metrics", accept).await;
        assert_eq!(plain.header("content-type"), Some(kind), "{accept}");
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(plain.text().ends_with("process_open_fds 9\n# EOF\n"), kind == open);
        assert_eq!(plain.text().contains("_created{"), kind == open);

        let packed = ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n")).await;
        assert_eq!(packed.header("content-type"), Some(kind), "{accept}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert!(packed.is_whole());
        let mut unpacked = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body);

        let refused =
            ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip;q=0\r\n")).await;
        assert_eq!(refused.header("content-encoding"), None);
    }
}

/// As a Prometheus with native histograms asks, and its `Content-Type` as it wants it: it takes any other for text.
#[tokio::test]
async fn protobuf_is_for_those_who_name_it() {
    let server = start("/metrics", Limits::default()).await;
    let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n";
    let plain = ask(&server, "GET", "/metrics", accept).await;
    assert_eq!(
        plain.header("content-type"),
        Some("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited")
    );
    let packed = ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n")).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let names: Vec<_> =
        metric_family::decode(&plain.body).unwrap().into_iter().map(|f| f.name.unwrap()).collect();
    assert_eq!(names, ["wolkvox_menu_option_hits_total", "process_open_fds"]);
}

#[tokio::test(start_paused = true)]
async fn one_connection_carries_many_scrapes_and_each_is_current() {
    let server = start("/metrics", Limits::default()).await;
    let client = Client::connect(server.address).await;
    for series in [0, 1, 700, 5_000, 2] {
        server.publication.publish(Published::new(&hits(series)));
        client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!(answer.text().matches("hits_total{").count() as u64, series);
    }
}

#[tokio::test(start_paused = true)]
async fn oversized_heads_are_refused() {
    let server = start("/metrics", Limits::default()).await;
    let long = "a".repeat(64 * 1024);
    assert_eq!(ask(&server, "GET", "/metrics", &format!("X-Long: {long}\r\n")).await.status, 431);
    assert_eq!(get(&server, &format!("/{long}")).await.status, 431);
    assert_eq!(ask(&server, "GET", "/metrics", &"X: y\r\n".repeat(200)).await.status, 431);
    let fits = "a".repeat(8 * 1024);
    assert_eq!(ask(&server, "GET", "/metrics", &format!("X-Long: {fits}\r\n")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn rubbish_is_refused_and_a_body_is_not_waited_for() {
    let server = start("/metrics", Limits::default()).await;
    let client = Client::connect(server.address).await;
    client.send(b"\x16\x03\x01\x02\x00 hello\r\n\r\n").await;
    assert_eq!(Answer::parse(&client.rest().await).unwrap().status, 400);
    for (method, framing, status) in [
        ("POST", "Content-Length: 99999999999", 405),
        ("POST", "Transfer-Encoding: chunked", 405),
        ("GET", "Content-Length: 10", 200),
        ("POST", "Content-Length: 5\r\nExpect: 100-continue", 405),
    ] {
        let client = Client::connect(server.address).await;
        let begun = Instant::now();
        client.send(format!("{method} /metrics HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n").as_bytes()).await;
        // It ends without the client having asked for that, and without a timer having run out.
        let answer = Answer::parse(&client.rest().await).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{framing}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{framing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_or_idle_client_is_closed_when_its_time_is_up() {
    let limits = Limits::default();
    let server = start("/metrics", limits).await;
    for begin in [&b""[..], b"GET /metrics HTTP/1.1\r\nHost:", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        let client = Client::connect(server.address).await;
        let begun = Instant::now();
        client.send(begin).await;
        client.rest().await;
        let took = begun.elapsed();
        assert!(took >= limits.header_read && took < 2 * limits.header_read, "{took:?}");
    }
}

/// Asks for more than the sockets' buffers hold, and does not read.
async fn stuck(server: &Server) -> Client {
    server.publication.publish(Published::new(&hits(10_000)));
    let client = Client::connect(server.address).await;
    client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    client.0.readable().await.unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_when_its_time_is_up() {
    let limits = Limits::default();
    let server = start("/metrics", limits).await;
    let client = stuck(&server).await;
    sleep(limits.write + Duration::from_secs(1)).await;
    let cut = Answer::parse(&client.rest().await).unwrap();
    assert!(!cut.is_whole());

    let client = stuck(&server).await;
    sleep(limits.write - Duration::from_secs(1)).await;
    assert!(Answer::parse(&client.rest().await).unwrap().is_whole(), "within the limit it may take its time");
}

/// A server that speaks TLS, and what a client needs to speak with it.
async fn start_tls(limits: Limits) -> (Server, TlsConnector) {
    let authority = authority::Authority::new();
    let pair = authority.pair();
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("cert.pem", &pair.certificate);
    write("key.pem", &pair.key);
    write("web.yml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}");
    let rules = WebRules::read(&directory.path().join("web.yml")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let server = start_with("/metrics", limits, Access::new(rules, [7; 16])).await;
    (server, TlsConnector::from(Arc::new(config)))
}

/// The same as [`stuck`], over TLS.
async fn stuck_over_tls(server: &Server, connector: &TlsConnector, series: u64) -> TlsStream<TcpStream> {
    server.publication.publish(Published::new(&hits(series)));
    let stream = Client::connect(server.address).await.0;
    let mut client = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    client.flush().await.unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn over_tls_the_same_limits_hold() {
    let limits = Limits::default();
    let (server, connector) = start_tls(limits).await;
    for begin in [&b""[..], &[0x16, 3, 1]] {
        let client = Client::connect(server.address).await;
        let begun = Instant::now();
        client.send(begin).await;
        client.rest().await;
        let took = begun.elapsed();
        assert!(took >= limits.header_read && took < 2 * limits.header_read, "{took:?}");
    }
    // The smaller answer fits the sockets' buffers and those of TLS together, but not the former alone.
    for (series, late) in [(10_000, true), (10_000, false), (1_000, true), (1_000, false)] {
        let mut client = stuck_over_tls(&server, &connector, series).await;
        let second = Duration::from_secs(1);
        sleep(if late { limits.write + second } else { limits.write - second }).await;
        let mut all = Vec::new();
        // A connection that was cut ends with an error, or with its last bytes.
        let _ = client.read_to_end(&mut all).await;
        assert_eq!(Answer::parse(&all).unwrap().is_whole(), !late, "{series} series");
    }
    server.stop.send(()).unwrap();
    server.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_full_the_longest_waiting_gives_way_and_an_answer_is_never_cut() {
    let server = start("/metrics", Limits { connections: 3, ..Limits::default() }).await;
    let reader = stuck(&server).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let client = Client::connect(server.address).await;
        client.send(b"GET /-/hea").await; // dribbling is waiting, too
        sleep(Duration::from_millis(10)).await;
        idle.push(client);
    }
    let begun = Instant::now();
    assert_eq!(get(&server, "/-/healthy").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "it did not wait for them");
    assert!(idle[0].some().await.is_none(), "the first to come was closed");
    idle[19].send(b"lthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle[19].answer().await.status, 200, "the last to come was not");
    assert!(Answer::parse(&reader.rest().await).unwrap().is_whole());
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_waits_only_while_every_place_is_an_answer_under_way() {
    let server = start("/metrics", Limits { connections: 1, ..Limits::default() }).await;
    let reader = stuck(&server).await;
    let newcomer = Client::connect(server.address).await;
    newcomer.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(timeout(Duration::from_secs(5), newcomer.some()).await.is_err());
    assert!(Answer::parse(&reader.rest().await).unwrap().is_whole());
    assert_eq!(newcomer.answer().await.status, 200);
}

async fn ends_within(task: impl Future<Output = ()>, limit: Duration) {
    timeout(limit, task).await.expect("the server ends in time");
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_idle_connections_at_once_and_lets_answers_end() {
    let server = start("/metrics", Limits::default()).await;
    let idle = Client::connect(server.address).await;
    idle.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.answer().await;
    let reader = stuck(&server).await;
    let address = server.address;
    server.stop.send(()).unwrap();
    assert_eq!(idle.rest().await, b"");
    assert!(Answer::parse(&reader.rest().await).unwrap().is_whole());
    ends_within(async { server.task.await.unwrap() }, Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_nobody_longer_than_it_may() {
    let limits = Limits::default();
    let server = start("/metrics", limits).await;
    let reader = stuck(&server).await;
    server.stop.send(()).unwrap();
    ends_within(async { server.task.await.unwrap() }, limits.drain + Duration::from_millis(100)).await;
    assert!(!Answer::parse(&reader.rest().await).unwrap().is_whole());
}
