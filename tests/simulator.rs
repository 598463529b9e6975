//! The simulator, driven over HTTP as a client in another process would.
//!
//! The clock is a parameter: no test waits for a row to become visible.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the tests themselves do")]

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use wolkvox_exporter::simulator::{
    Burst, Fault, FaultRule, Options, OverLimit, Requests, SimulateArgs, Simulator, TELEPHONE_PREFIX, Truth,
    run, serve,
};

/// A working Monday.
const MONDAY: DateTime = date(2026, 1, 19).at(0, 0, 0, 0);

/// A simulator behind a socket, and a clock to set.
struct Server {
    simulator: Arc<Simulator>,
    url: String,
    client: reqwest::Client,
    now: Arc<AtomicI64>,
}

fn moment(local: DateTime) -> Timestamp {
    local.in_tz("America/Bogota").unwrap().timestamp()
}

fn digits(local: DateTime) -> String {
    local.strftime("%Y%m%d%H%M%S").to_string()
}

impl Server {
    /// Starts one at the end of Monday; `change` sets what differs from the usual options.
    async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let now = Arc::new(AtomicI64::new(moment(MONDAY + 1.day()).as_second()));
        let clock = Arc::clone(&now);
        let mut options = Options {
            clock: Arc::new(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap()),
            token: "right".to_owned(),
            ..Options::default()
        };
        change(&mut options);
        let simulator = Simulator::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, Arc::clone(&simulator), std::future::pending()));
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_proxy()
            .build()
            .unwrap();
        Self { simulator, url, client, now }
    }

    fn set_clock(&self, now: Timestamp) {
        self.now.store(now.as_second(), Ordering::SeqCst);
    }

    async fn get(&self, token: Option<&str>, query: &str) -> reqwest::Result<Response> {
        let request = self.client.get(format!("{}/api/v2/reports_manager.php?{query}", self.url));
        match token {
            Some(token) => request.header("wolkvox-token", token).send().await,
            None => request.send().await,
        }
    }

    async fn report(&self, ini: DateTime, end: DateTime) -> reqwest::Result<Response> {
        let query = format!("api=diagram_13&date_ini={}&date_end={}", digits(ini), digits(end));
        self.get(Some("right"), &query).await
    }

    /// The hour from ten to eleven.
    async fn hour(&self) -> reqwest::Result<Response> {
        self.report(MONDAY + 10.hours(), MONDAY + 10.hours() + 3_599.seconds()).await
    }

    /// A quiet window without a row.
    async fn nothing(&self) -> reqwest::Result<Response> {
        let later = MONDAY + 3.days();
        self.report(later, later + 5.minutes()).await
    }

    async fn post(&self, switch: &str, body: &str) -> Response {
        self.client
            .post(format!("{}/simulator/{switch}", self.url))
            .body(body.to_owned())
            .send()
            .await
            .unwrap()
    }

    async fn truth(&self, query: &str) -> Truth {
        let url = format!("{}/simulator/truth?{query}", self.url);
        parse(&self.client.get(url).send().await.unwrap().bytes().await.unwrap())
    }

    fn fault(&self, fault: Fault) {
        self.simulator.add_fault(FaultRule::times(fault, 1)).unwrap();
    }

    async fn faulty(&self, fault: Fault) -> reqwest::Result<Response> {
        self.fault(fault);
        self.hour().await
    }

    fn hour_truth(&self) -> Truth {
        self.simulator.truth(moment(MONDAY + 10.hours()), moment(MONDAY + 11.hours()), None)
    }
}

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

async fn body(response: Response) -> Value {
    parse(&response.bytes().await.unwrap())
}

async fn rows(response: reqwest::Result<Response>) -> Vec<Value> {
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    body(response).await["data"].as_array().unwrap().clone()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("no {field} in {row}"))
}

/// The identity of a row.
fn identity(row: &Value) -> Vec<String> {
    ["rp_id", "conn_id", "channel", "date", "second_event", "attempt", "cod_opc_menu"]
        .map(|field| text(row, field).to_owned())
        .to_vec()
}

fn seconds(text: &str) -> u64 {
    text.split(':').fold(0, |sum, part| sum * 60 + part.parse::<f64>().unwrap() as u64)
}

async fn refused(response: reqwest::Result<Response>) -> (u16, String) {
    let response = response.unwrap();
    let status = response.status().as_u16();
    let body = body(response).await;
    assert_eq!(text(&body, "code"), status.to_string());
    (status, text(&body, "msg").to_owned())
}

#[tokio::test]
async fn every_error_of_the_table_is_given() {
    let server = Server::start(|_| {}).await;
    let dates = "date_ini=20260119100000&date_end=20260119100500";
    let get = async |token, query: &str| refused(server.get(token, query).await).await;
    let right = Some("right");

    let missing = (401, "PLEASE ENTER THE WOLKVOX-TOKEN".to_owned());
    assert_eq!(get(None, &format!("api=diagram_13&{dates}")).await, missing);
    assert_eq!(get(Some(""), &format!("api=diagram_13&{dates}")).await, missing);
    let wrong = (403, "PLEASE VALIDATE TOKEN".to_owned());
    assert_eq!(get(Some("wrong"), &format!("api=diagram_13&{dates}")).await, wrong);
    let unknown = (400, "THE API YOU WANT TO CONSULT DOES NOT EXIST".to_owned());
    assert_eq!(get(right, &format!("api=diagram_99&{dates}")).await, unknown);
    for query in ["", dates, "api=diagram_13", "api=diagram_13&date_ini=20260119100000&date_end="] {
        assert_eq!(get(right, query).await, (400, "SOME PARAMETERS ARE REQUIRED".to_owned()), "{query}");
    }
    for (ini, end) in [
        ("20260119", "20260119100500"),
        ("20260119100000", "20260232000000"),
        ("20260119100500", "20260119100000"),
        ("20251201000000", "20260119000000"),
        ("20270101000000", "20270101000500"),
    ] {
        let answer = get(right, &format!("api=diagram_13&date_ini={ini}&date_end={end}")).await;
        assert_eq!(answer, (404, "Validate dates entered".to_owned()), "{ini} {end}");
    }

    let requests: Requests = parse(
        &server
            .client
            .get(format!("{}/simulator/requests", server.url))
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
    );
    let kinds: BTreeMap<&str, u64> =
        requests.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    let expected = [
        ("empty", 5),
        ("parameters_required", 4),
        ("token_invalid", 1),
        ("token_missing", 2),
        ("unknown_api", 1),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
    assert_eq!((requests.total, requests.used_today), (13, 10));
}

#[tokio::test]
async fn rows_over_http_add_up_to_the_truth() {
    let server = Server::start(|options| options.late_share = 0.0).await;
    let rows = rows(server.hour().await).await;
    let mut options = BTreeMap::<_, (u64, u64, u64, u64)>::new();
    let mut interactions = HashMap::<_, HashSet<_>>::new();
    for row in &rows {
        let label = ["rp_id", "channel", "cod_opc_menu"].map(|field| text(row, field).to_owned());
        let attempt: u64 = text(row, "attempt").parse().unwrap();
        let option = options.entry(label).or_default();
        option.0 += 1;
        option.1 += attempt;
        option.2 += u64::from(attempt > 1);
        option.3 += seconds(text(row, "second_event"));
        let point = [text(row, "rp_id"), text(row, "channel")];
        interactions.entry(point).or_default().insert(text(row, "conn_id"));
        assert!(text(row, "date").starts_with("2026-01-19 10:"));
        assert!(text(row, "telephone").starts_with(TELEPHONE_PREFIX));
        assert_eq!(text(row, "customer_id").len(), 10);
    }
    assert!(rows.len() > 1_000);

    let truth = server.truth("from=2026-01-19T15:00:00Z&until=2026-01-19T16:00:00Z").await;
    assert_eq!(truth, server.hour_truth());
    assert_eq!(truth.rows, rows.len() as u64);
    assert_eq!(server.simulator.requests().rows, truth.rows);
    let counted: BTreeMap<_, _> = truth
        .options
        .iter()
        .map(|o| {
            let label = [o.rp_id.clone(), o.channel.clone(), o.cod_opc_menu.clone()];
            assert_eq!(o.hits, o.seconds_count);
            (label, (o.hits, o.attempts, o.retries, o.seconds_sum))
        })
        .collect();
    assert_eq!(counted, options);
    assert_eq!(truth.points.len(), interactions.len());
    for point in &truth.points {
        let seen = &interactions[&[point.rp_id.as_str(), point.channel.as_str()]];
        assert_eq!(point.interactions, seen.len() as u64);
    }
    assert!(truth.options.iter().any(|option| option.cod_opc_menu == "Pagos \\ PSE \"en línea\""));
}

#[tokio::test]
async fn same_seed_same_bytes_and_another_seed_others() {
    let bytes = async |seed| {
        let server = Server::start(|options| options.seed = seed).await;
        server.hour().await.unwrap().bytes().await.unwrap()
    };
    let first = bytes(7).await;
    assert!(first == bytes(7).await);
    assert!(first != bytes(8).await);
}

#[tokio::test]
async fn two_rows_can_be_equal_and_real() {
    let server = Server::start(|options| options.late_share = 0.0).await;
    let mut counts = HashMap::new();
    for row in rows(server.hour().await).await {
        *counts.entry(identity(&row)).or_insert(0) += 1;
    }
    assert!(counts.values().filter(|&&count| count == 2).count() > 5);
}

#[tokio::test]
async fn late_rows_appear_later_and_the_truth_tells_which() {
    let server = Server::start(|options| options.late_share = 0.2).await;
    let eleven = moment(MONDAY + 11.hours());
    server.set_clock(eleven + SignedDuration::from_secs(60));
    let soon = rows(server.hour().await).await;
    let query = "from=2026-01-19T15:00:00Z&until=2026-01-19T16:00:00Z";
    assert_eq!(server.truth(&format!("{query}&visible=true")).await.rows, soon.len() as u64);
    let all = server.truth(query).await.rows;
    assert!((soon.len() as u64) < all * 9 / 10);

    server.set_clock(eleven + SignedDuration::from_hours(7));
    let whole = rows(server.hour().await).await;
    assert_eq!(whole.len() as u64, all);
    let mut left = HashMap::<_, i32>::new();
    whole.iter().for_each(|row| *left.entry(identity(row)).or_default() += 1);
    soon.iter().for_each(|row| *left.get_mut(&identity(row)).expect("a row vanished") -= 1);
    assert!(left.values().all(|&count| count >= 0));
}

#[tokio::test]
async fn late_rows_appear_within_the_time_that_is_set() {
    let server = Server::start(|options| {
        options.late_share = 0.2;
        options.late_by = Duration::from_secs(20)..=Duration::from_secs(50);
    })
    .await;
    let eleven = moment(MONDAY + 11.hours());
    let visible = async |seconds| {
        server.set_clock(eleven + SignedDuration::from_secs(seconds));
        rows(server.hour().await).await.len() as u64
    };
    let all = server.hour_truth().rows;
    assert!(visible(15).await < all);
    assert_eq!(visible(50).await, all);
}

#[tokio::test]
async fn more_rows_than_the_limit_are_cut_or_refused() {
    let at = moment(MONDAY + 10.hours());
    let window = (MONDAY + 10.hours(), MONDAY + 10.hours());
    let start = async |over_limit, rows_limit| {
        Server::start(|options| {
            options.over_limit = over_limit;
            options.rows_limit = rows_limit;
            options.scale = 0.0;
            options.late_share = 0.0;
            options.bursts = vec![Burst { at, seconds: 1, rows: 70_000 }];
        })
        .await
    };
    let usual = Options::default().rows_limit;
    for (over_limit, limit, msg) in [
        (OverLimit::CutSilently, usual, "60000 records were found"),
        (OverLimit::CutAndPromise, 100, "70000 records were found"),
    ] {
        let server = start(over_limit, limit).await;
        let answer = body(server.report(window.0, window.1).await.unwrap()).await;
        assert_eq!(text(&answer, "msg"), msg);
        assert_eq!(answer["data"].as_array().unwrap().len() as u64, limit);
    }
    // Exactly as many as the limit are no reason to refuse.
    let server = start(OverLimit::Refuse, 70_000).await;
    assert_eq!(server.report(window.0, window.1).await.unwrap().status(), 200);
    let server = start(OverLimit::Refuse, 69_999).await;
    let (status, msg) = refused(server.report(window.0, window.1).await).await;
    assert_eq!(status, 400);
    assert!(msg.contains("NUMBER OF RECORDS"));
    assert_eq!(server.simulator.requests().kinds["over_limit"], 1);
}

#[tokio::test]
async fn long_rows_meet_the_limit_on_bytes() {
    let server = Server::start(|options| {
        options.row_bytes = 4_000;
        options.bytes_limit = 400_100;
        options.late_share = 0.0;
    })
    .await;
    let bytes = server.hour().await.unwrap().bytes().await.unwrap();
    let data = parse::<Value>(&bytes)["data"].as_array().unwrap().len();
    assert_eq!(data, 100);
    assert!((400_000..400_200).contains(&bytes.len()));
    let pieces = server.simulator.answer_bytes(MONDAY + 10.hours(), MONDAY + 10.hours() + 3_599.seconds());
    assert!(pieces.unwrap().flatten().eq(bytes));
}

#[tokio::test]
async fn gzip_is_sent_to_those_who_ask_and_says_the_same() {
    let server = Server::start(|_| {}).await;
    let plain = server.hour().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["content-type"], "application/json");
    let asking = reqwest::Client::builder().no_proxy().build().unwrap();
    let query = "api=diagram_13&date_ini=20260119100000&date_end=20260119105959";
    let url = format!("{}/api/v2/reports_manager.php?{query}", server.url);
    let get = |client: &reqwest::Client| client.get(&url).header("wolkvox-token", "right");
    let raw = get(&server.client).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(raw.headers()["content-encoding"], "gzip");
    let (plain, raw) = (plain.bytes().await.unwrap(), raw.bytes().await.unwrap());
    assert!(raw.len() * 3 < plain.len());
    let unpacked = get(&asking).send().await.unwrap().bytes().await.unwrap();
    assert!(unpacked == plain);
}

#[tokio::test]
async fn every_request_costs_one_until_the_next_local_day() {
    let server = Server::start(|options| options.daily_limit = Some(3)).await;
    let spent = (403, "TOKEN LIMIT EXCEEDED".to_owned());
    server.hour().await.unwrap();
    server.nothing().await.unwrap();
    server.faulty(Fault::Http500).await.unwrap();
    assert_eq!(refused(server.hour().await).await, spent);
    // 23:59:59 of the same local day, though not of the same UTC day.
    server.set_clock(moment(MONDAY + 2.days() - 1.second()));
    assert_eq!(refused(server.hour().await).await, spent);
    server.set_clock(moment(MONDAY + 2.days()));
    assert_eq!(server.hour().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_third_request_in_flight_is_refused() {
    let server = Server::start(|_| {}).await;
    let first = server.faulty(Fault::Hang).await.unwrap();
    let _second = server.faulty(Fault::Hang).await.unwrap();
    let refusal = (403, "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)".to_owned());
    assert_eq!(refused(server.hour().await).await, refusal);
    drop(first);
    // The server learns of it from the closing connection, so one looks until it has.
    while server.hour().await.unwrap().status() == 403 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_date_header_follows_the_clock_and_its_skew() {
    let server = Server::start(|options| options.date_skew = SignedDuration::from_secs(-90)).await;
    let response = server.hour().await.unwrap();
    assert_eq!(
        response.headers().get_all("date").iter().collect::<Vec<_>>(),
        ["Tue, 20 Jan 2026 04:58:30 GMT"]
    );
}

#[tokio::test]
async fn faults_in_the_place_of_an_answer() {
    let server = Server::start(|_| {}).await;
    for (fault, status, words) in [
        (Fault::Http500, 500, "Internal Server Error"),
        (Fault::Http503, 503, "Service Unavailable"),
        (Fault::Maintenance, 403, "MAINTENANCE"),
        (Fault::Concurrency, 403, "SIMULTANEOUS REQUESTS"),
        (Fault::QuotaExhausted, 403, "TOKEN LIMIT EXCEEDED"),
        (Fault::TokenMissing, 401, "PLEASE ENTER THE WOLKVOX-TOKEN"),
        (Fault::TokenInvalid, 403, "PLEASE VALIDATE TOKEN"),
        (Fault::BadRequest, 400, "SOME PARAMETERS ARE REQUIRED"),
        (Fault::UnknownApi, 400, "DOES NOT EXIST"),
        (Fault::NotJson, 200, "<html>"),
        (Fault::ErrorInOk, 200, r#""code":"403""#),
    ] {
        let name = fault.name();
        let response = server.faulty(fault).await.unwrap();
        assert_eq!(response.status(), status, "{name}");
        assert!(response.text().await.unwrap().contains(words), "{name}");
        assert_eq!(server.simulator.requests().kinds[&format!("fault_{name}")], 1);
    }
    let response = server.faulty(Fault::Throttled { retry_after: Some(30) }).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"30".parse().unwrap())
    );
    let response = server.faulty(Fault::Throttled { retry_after: None }).await.unwrap();
    assert!(!response.headers().contains_key("retry-after"));
    let response = server.faulty(Fault::Redirect { to: "http://127.0.0.1:1/x".into() }).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (302, &"http://127.0.0.1:1/x".parse().unwrap())
    );
    assert_eq!(server.hour().await.unwrap().status(), 200);
}

#[tokio::test]
async fn odd_answers_that_are_whole() {
    let server = Server::start(|options| options.late_share = 0.0).await;
    let count = server.hour_truth().rows as usize;
    let good = body(server.hour().await.unwrap()).await;
    assert_eq!(good["data"].as_array().unwrap().len(), count);
    for (fault, field, value) in [
        (Fault::IntCode, "code", serde_json::json!(200)),
        (Fault::ZeroCode, "code", serde_json::json!(0)),
        (Fault::ZeroCodeText, "code", serde_json::json!("0")),
        (Fault::ErrorTextNull, "error", serde_json::json!("null")),
        (Fault::ErrorEmpty, "error", serde_json::json!("")),
    ] {
        let mut expected = good.clone();
        expected[field] = value;
        assert!(body(server.faulty(fault.clone()).await.unwrap()).await == expected, "{fault:?}");
    }
    let marked = server.faulty(Fault::ByteOrderMark).await.unwrap().bytes().await.unwrap();
    assert!(parse::<Value>(marked.strip_prefix(b"\xef\xbb\xbf").unwrap()) == good);
    let warned = server.faulty(Fault::PhpWarning).await.unwrap().text().await.unwrap();
    let (warning, json) = warned.split_at(warned.find('{').unwrap());
    assert!(warning.starts_with("<br />") && parse::<Value>(json.as_bytes()) == good);
    assert!(body(server.faulty(Fault::Slow { seconds: 0 }).await.unwrap()).await == good);

    let total = body(server.faulty(Fault::TotalRow).await.unwrap()).await;
    assert_eq!(total["msg"], good["msg"]);
    let data = total["data"].as_array().unwrap();
    assert_eq!((data.len(), text(&data[count], "conn_id")), (count + 1, ""));

    // In a window without rows, these are all ways to say so.
    server.fault(Fault::EmptyOk);
    let empty = body(server.nothing().await.unwrap()).await;
    assert_eq!(
        (text(&empty, "msg"), empty["data"].as_array().map(Vec::len)),
        ("0 records were found", Some(0))
    );
    server.fault(Fault::DataNull);
    assert_eq!(body(server.nothing().await.unwrap()).await["data"], Value::Null);
    server.fault(Fault::DataMissing);
    assert!(body(server.nothing().await.unwrap()).await.get("data").is_none());
    server.fault(Fault::EmptyNotJson);
    let page = server.nothing().await.unwrap();
    assert_eq!(page.status(), 404);
    assert!(page.text().await.unwrap().starts_with("<html>"));
}

#[tokio::test]
async fn answers_that_a_reader_must_not_believe() {
    let server = Server::start(|options| options.late_share = 0.0).await;
    let count = server.hour_truth().rows as usize;
    let promised = |count: usize| Value::from(format!("{count} records were found"));

    let answer = body(server.faulty(Fault::Truncated).await.unwrap()).await;
    assert_eq!((&answer["msg"], answer["data"].as_array().unwrap().len()), (&promised(count), count / 2));
    server.fault(Fault::Truncated);
    let answer = body(server.nothing().await.unwrap()).await;
    assert_eq!((&answer["msg"], answer["data"].as_array().unwrap().len()), (&promised(1), 0));
    let answer = body(server.faulty(Fault::DataNull).await.unwrap()).await;
    assert_eq!((&answer["msg"], &answer["data"]), (&promised(count), &Value::Null));
    let answer = body(server.faulty(Fault::DataObject).await.unwrap()).await;
    assert_eq!(answer["msg"], promised(count));
    assert_eq!(identity(&answer["data"]).len(), 7);
    let answer = body(server.faulty(Fault::RowNotObject).await.unwrap()).await;
    assert_eq!((&answer["msg"], &answer["data"][count]), (&promised(count + 1), &Value::from("garbage")));
    let answer = body(server.faulty(Fault::RowBadDate).await.unwrap()).await;
    assert_eq!(
        (&answer["msg"], text(&answer["data"][count], "date")),
        (&promised(count + 1), "0000-00-00 00:00:00")
    );
    let answer = body(server.faulty(Fault::WrongSchema).await.unwrap()).await;
    assert_eq!(answer.as_array().unwrap().len(), count);
}

#[tokio::test]
async fn connections_that_fail_amid_an_answer() {
    let server = Server::start(|_| {}).await;
    let whole = server.hour().await.unwrap().bytes().await.unwrap().len();

    let reset = format!("{:?}", server.faulty(Fault::Reset).await.unwrap_err());
    assert!(reset.contains("ConnectionReset"), "{reset}");

    let mut cut = server.faulty(Fault::CutJson).await.unwrap();
    let mut received = Vec::new();
    let error = loop {
        match cut.chunk().await {
            Ok(Some(chunk)) => received.extend_from_slice(&chunk),
            Ok(None) => panic!("the answer ended well"),
            Err(error) => break error,
        }
    };
    assert!((whole / 3..whole * 2 / 3).contains(&received.len()), "{} of {whole}: {error:?}", received.len());
    assert!(received.ends_with(b"{\"rp_id\":\"46"));

    server.fault(Fault::HalfGzip);
    let query = "api=diagram_13&date_ini=20260119100000&date_end=20260119105959";
    let asking = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v2/reports_manager.php?{query}", server.url);
    let response = asking.get(url).header("wolkvox-token", "right").send().await.unwrap();
    assert!(response.bytes().await.unwrap_err().is_decode());
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_for_ever_end_at_the_limit_on_time() {
    // The clock of the runtime jumps whenever everybody waits; nobody really does.
    let server = Server::start(|_| {}).await;
    let start = tokio::time::Instant::now();
    let mut drip = server.faulty(Fault::Drip).await.unwrap();
    for expected in ["{", "\"", "c"] {
        assert_eq!(drip.chunk().await.unwrap().unwrap(), expected);
    }
    assert_eq!(start.elapsed().as_secs(), 2);
    drop(drip);

    let start = tokio::time::Instant::now();
    assert_eq!(server.faulty(Fault::Slow { seconds: 40 }).await.unwrap().status(), 200);
    assert_eq!(start.elapsed().as_secs(), 40);

    let start = tokio::time::Instant::now();
    let hanging = server.faulty(Fault::Hang).await.unwrap();
    assert_eq!(hanging.status(), 200);
    assert!(hanging.bytes().await.is_err());
    assert_eq!(start.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed_after_five_seconds() {
    let server = Server::start(|_| {}).await;
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.writable().await.unwrap();
    stream.try_write(b"GET /simulator/requests HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let start = tokio::time::Instant::now();
    let mut received = Vec::new();
    loop {
        stream.readable().await.unwrap();
        let mut buffer = [0; 4_096];
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
    assert!(received.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn an_endless_answer_goes_on_until_the_client_leaves() {
    let server = Server::start(|_| {}).await;
    let mut endless = server.faulty(Fault::Endless).await.unwrap();
    let mut received = 0;
    while received < 20 << 20 {
        received += endless.chunk().await.unwrap().unwrap().len();
    }
    drop(endless);
    assert_eq!(server.hour().await.unwrap().status(), 200);
}

#[tokio::test]
async fn faults_are_switched_over_http() {
    let server = Server::start(|_| {}).await;
    assert_eq!(server.post("faults", r#"{"fault":"maintenance","times":1}"#).await.status(), 200);
    assert_eq!(server.hour().await.unwrap().status(), 403);
    assert_eq!(server.hour().await.unwrap().status(), 200);
    server.post("faults", r#"{"fault":{"throttled":{"retry_after":7}}}"#).await;
    for _ in 0..3 {
        assert_eq!(server.hour().await.unwrap().status(), 429);
    }
    let url = format!("{}/simulator/faults", server.url);
    assert_eq!(server.client.delete(&url).send().await.unwrap().status(), 200);
    assert_eq!(server.hour().await.unwrap().status(), 200);

    for bad in ["", "{}", r#"{"fault":"maintenence"}"#, r#"{"fault":"drip","times":0}"#] {
        let response = server.post("faults", bad).await;
        assert_eq!(response.status(), 400, "{bad}");
        assert!(!text(&body(response).await, "error").is_empty());
    }
    assert_eq!(server.post("nothing", "{}").await.status(), 404);
    assert_eq!(server.post("truth", "{}").await.status(), 405);
    assert_eq!(server.client.get(&server.url).send().await.unwrap().status(), 404);
    let truth = format!("{}/simulator/truth?from=yesterday", server.url);
    assert_eq!(server.client.get(truth).send().await.unwrap().status(), 400);
    let truth = format!("{}/simulator/truth?from=0001-01-01T00:00:00Z", server.url);
    assert_eq!(server.client.get(truth).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn traffic_can_be_ended_so_that_everything_settles() {
    let server = Server::start(|_| {}).await;
    let half_past = moment(MONDAY + 10.hours() + 30.minutes());
    server.set_clock(half_past);
    assert_eq!(server.post("traffic", r#"{"until":"2026-01-19T15:29:59Z"}"#).await.status(), 400);
    assert_eq!(server.post("traffic", "{}").await.status(), 200);
    server.set_clock(moment(MONDAY + 1.day()));
    let last = rows(server.hour().await).await.iter().map(|row| text(row, "date").to_owned()).max();
    assert_eq!(last.as_deref(), Some("2026-01-19 10:29:59"));
    // What has ended cannot go on: rows would appear where all had been read.
    assert_eq!(server.post("traffic", r#"{"until":"2027-01-01T00:00:00Z"}"#).await.status(), 400);
    assert_eq!(server.truth("from=2026-01-19T15:30:00Z").await, Truth::default());
}

#[tokio::test]
async fn a_day_is_answered_in_a_moment() {
    let server = Server::start(|options| options.zone = TimeZone::get("America/Lima").unwrap()).await;
    let start = std::time::Instant::now();
    let day = rows(server.report(MONDAY, MONDAY + 1.day() - 1.second()).await).await;
    assert!(day.len() > 20_000);
    // Well below a second with optimization; unoptimized and on a busy machine some seconds. A look-back that
    // walks through every interaction again and again would take minutes.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: SimulateArgs,
    }
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let parse = |flags: &[&str]| {
        <Command as clap::Parser>::try_parse_from([&["simulate"], flags].concat()).map(|command| command.args)
    };
    let args = parse(&["--simulate.listen-address", &address]).unwrap();
    let error = run(args, std::future::pending()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
    run(parse(&["--simulate.listen-address", "127.0.0.1:0"]).unwrap(), async {}).await.unwrap();
    for (flag, good, bad) in [
        ("--simulate.timezone", "America/Lima", "Bogota"),
        ("--simulate.scale", "0", "-1"),
        ("--simulate.scale", "2.5", "NaN"),
        ("--simulate.late-share", "1", "2"),
    ] {
        // Written as one, so that a value that begins with a dash is not taken for a flag.
        assert!(parse(&[&format!("{flag}={good}")]).is_ok(), "{flag} {good}");
        assert!(parse(&[&format!("{flag}={bad}")]).is_err(), "{flag} {bad}");
    }
}
