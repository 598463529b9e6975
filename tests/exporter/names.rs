//! Tests of the names of routing points and options through the real binary: they are requested
//! once, kept, and never delay the counts.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use wolkvox_exporter::{
    ledger::TargetCounters,
    model::{NameKind, Names},
    store::Store,
    wolkvox::{ApiError, Client, ErrorClass},
};

use crate::support::api::{Api, TOKEN, noon_name};
use crate::support::process::{Exporter, exporter};
use crate::support::scrape::Scrape;

const POINTS: &str = "information.php?api=routing_points";
const CODES: &str = "information.php?api=activity_codes";

/// A server in front of the simulator that records what is requested.
struct Door {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Door {
    /// Starts it. Requests for names get `instead`, if given.
    async fn start(behind: SocketAddr, instead: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, behind, instead, Arc::clone(&seen)));
            }
        });
        Self { address, asked }
    }

    /// Returns the number of requests that contain this text.
    fn asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|line| line.contains(what)).count()
    }

    fn server(&self) -> String {
        self.address.to_string()
    }
}

async fn pass(
    mut stream: TcpStream,
    behind: SocketAddr,
    instead: Option<&'static str>,
    seen: Arc<Mutex<Vec<String>>>,
) {
    let mut start = [0; 1024];
    let Ok(length) = stream.peek(&mut start).await else { return };
    let request = String::from_utf8_lossy(&start[..length]).into_owned();
    let line = request.lines().next().unwrap_or_default().to_owned();
    let names = line.contains(POINTS) || line.contains(CODES);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    // The client may close the connection at any time; the tests see the consequence.
    if let Some(answer) = instead.filter(|_| names) {
        let _ = stream.read(&mut start).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    } else if let Ok(mut simulator) = TcpStream::connect(behind).await {
        let _ = copy_bidirectional(&mut stream, &mut simulator).await;
    }
}

/// Starts an exporter that polls every second.
async fn start(directory: &Path, door: &Door, flags: &[&str]) -> Exporter {
    let mut command = exporter(directory);
    command.env("WOLKVOX_TOKEN", TOKEN).arg(format!("--wolkvox.server=http://{}", door.address));
    command.args(["--poll.interval=1s", "--poll.settle-delay=0s", "--state.path=state.redb"]);
    command.arg(format!("--wolkvox.timezone={}", noon_name()));
    command.args(["--poll.lookback=2h", "--poll.start-from=1h", "--menu.zero-hold=0s"]).args(flags);
    Exporter::start(command).await
}

async fn polls(exporter: &Exporter, door: &Door, more: f64) -> Scrape {
    let (server, name) = (door.server(), "wolkvox_polls_total");
    let until = exporter.scrape().await.get(name, &[("server", &server)]) + more;
    exporter
        .wait_for("more polls", |scrape| scrape.get(name, &[("server", &server)]) >= until)
        .await
}

fn stored(directory: &Path, door: &Door) -> Names {
    let store =
        Store::open(&directory.join("state.redb"), [0; 16]).expect("the state that it left");
    let (target, _) =
        store.restore(&door.server(), || TargetCounters::new(Timestamp::UNIX_EPOCH)).expect("read");
    store.names(target).expect("read")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be created")
}

#[tokio::test]
async fn names_are_asked_for_once_and_kept() {
    let (api, directory) = (Api::start(|_| {}).await, directory());
    let door = Door::start(api.address, None).await;
    let exporter = start(directory.path(), &door, &[]).await;
    exporter.wait_for("names", |_| door.asked(POINTS) > 0 && door.asked(CODES) > 0).await;
    let scrape = polls(&exporter, &door, 3.0).await;
    assert_eq!((door.asked(POINTS), door.asked(CODES)), (1, 1));
    assert!(scrape.up(&door.server()));
    assert_eq!(scrape.get("wolkvox_api_errors_total", &[("server", &door.server())]), 0.0);
    drop(exporter);

    let names = stored(directory.path(), &door);
    assert_eq!(names.routing_point("4628"), Some("Ventas"));
    assert_eq!(
        names.routing_point("conversations-voice-61083"),
        Some("Asistente de voz \"Clara\"")
    );
    assert_eq!(names.option("PULSE"), Some("No marcó ninguna opción"));
    assert_eq!(names.option("0"), Some("Operadora"));
}

#[tokio::test]
async fn names_that_do_not_come_are_not_the_polls_trouble() {
    for (answer, class) in [
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "http_5xx"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<html></html>",
            "not_json",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nConnection: close\r\n\r\n{\"data\":[",
            "truncated",
        ),
    ] {
        let (api, directory) = (Api::start(|_| {}).await, directory());
        let door = Door::start(api.address, Some(answer)).await;
        let exporter = start(directory.path(), &door, &[]).await;
        exporter.wait_for("asked", |_| door.asked(POINTS) > 0 && door.asked(CODES) > 0).await;
        let (server, scrape) = (door.server(), polls(&exporter, &door, 3.0).await);
        assert_eq!(
            (door.asked(POINTS), door.asked(CODES)),
            (1, 1),
            "{class}: the next try is in an hour"
        );
        assert!(scrape.up(&server), "{class}");
        assert_eq!(
            scrape.get("wolkvox_poll_failures_total", &[("server", &server)]),
            0.0,
            "{class}"
        );
        assert_eq!(scrape.errors(&server, class), 2.0, "{class}");
        scrape.assert_truth(&server, &api.truth());
        drop(exporter);
        assert_eq!(stored(directory.path(), &door), Names::default(), "{class}");
    }
}

#[tokio::test]
async fn the_vendor_is_not_asked_for_names_that_are_not_wanted() {
    let directory = directory();
    std::fs::write(directory.path().join("own.yml"), "options: {PULSE: Nada}").expect("written");
    for flags in [&["--names.from=off"][..], &["--names.from=file", "--names.file=own.yml"]] {
        let api = Api::start(|_| {}).await;
        let door = Door::start(api.address, None).await;
        let exporter = start(directory.path(), &door, flags).await;
        polls(&exporter, &door, 3.0).await;
        assert_eq!((door.asked(POINTS), door.asked(CODES)), (0, 0), "{flags:?}");
    }
}

/// An option must be nameable at one routing point, because "1" means something else in each menu,
/// and a join must still find exactly one name.
#[tokio::test]
async fn an_option_can_be_named_at_one_routing_point() {
    let (api, directory) = (Api::start(|_| {}).await, directory());
    let own = "routing_points: {\"4628\": Línea}\noptions: {\"1\": Comprar}\n\
               options_at: {\"4628\": {\"1\": Pagar, PULSE: Callarse}, \"none\": {\"1\": Nadie}}\n";
    std::fs::write(directory.path().join("own.yml"), own).expect("written");
    let door = Door::start(api.address, None).await;
    let exporter = start(directory.path(), &door, &["--names.file=own.yml"]).await;
    let (name, server) = ("wolkvox_routing_point_option_info", door.server());
    let hits = "wolkvox_menu_option_hits_total";
    let labels = [("rp_id", "4628"), ("cod_opc_menu", "1"), ("description", "Pagar")];
    exporter
        .wait_for("names", |scrape| {
            let all = ["4628", "10"]
                .map(|rp_id| ["1", "PULSE"].map(|code| [("rp_id", rp_id), ("cod_opc_menu", code)]));
            all.as_flattened().iter().all(|labels| !scrape.all(hits, labels).is_empty())
                && door.asked(CODES) > 0
        })
        .await;
    let scrape = polls(&exporter, &door, 2.0).await;
    assert_eq!(scrape.all(name, &labels).len(), 1);
    for (rp_id, code, description) in [
        ("10", "1", "Comprar"),
        ("4628", "PULSE", "Callarse"),
        ("10", "PULSE", "No marcó ninguna opción"),
    ] {
        let labels = [("rp_id", rp_id), ("cod_opc_menu", code), ("description", description)];
        assert_eq!(scrape.all(name, &labels).len(), 1, "{labels:?}");
    }
    assert!(scrape.all(name, &[("rp_id", "none")]).is_empty(), "a name is no option");
    for (labels, _) in scrape.all(hits, &[("server", &server)]) {
        let (rp_id, code) = (labels["rp_id"].as_str(), labels["cod_opc_menu"].as_str());
        let partners =
            scrape.all(name, &[("server", &server), ("rp_id", rp_id), ("cod_opc_menu", code)]);
        assert_eq!(partners.len(), 1, "{labels:?}");
        let kinds =
            scrape.all("wolkvox_menu_option_info", &[("server", &server), ("cod_opc_menu", code)]);
        assert_eq!(kinds.len(), 1, "{labels:?}");
    }
}

/// Returns the client's reading of an answer with this status line and body.
async fn read(status: &str, body: &str) -> Result<Vec<(String, String)>, ErrorClass> {
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client comes");
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    });
    let url = format!("http://{address}/").parse().expect("a URL");
    let client = Client::new(&url, &Default::default(), Default::default()).expect("a client");
    let names = client.names(NameKind::Options, 128, TOKEN).await;
    served.await.expect("it served");
    names.map(|names| names.into_iter().collect()).map_err(|fault: ApiError| fault.class())
}

#[tokio::test]
async fn answers_come_in_several_forms() {
    let row = |code: &str, name: &str| {
        format!(r#"{{"cod_act":"{code}","description_cod_act":"{name}"}}"#)
    };
    let pair = |code: &str, name: &str| (code.to_owned(), name.to_owned());
    let (one, two) = (row("1", "Ventas"), row("2", "Soporte"));
    for (status, body, expected) in [
        (
            "200 OK",
            format!(r#"{{"code":"0","error":"null","msg":"ok","data":[{one},{two}]}}"#),
            Ok(vec![pair("1", "Ventas"), pair("2", "Soporte")]),
        ),
        (
            "200 OK",
            format!(r#"{{"code":200,"error":"","data":{one}}}"#),
            Ok(vec![pair("1", "Ventas")]),
        ),
        (
            "200 OK",
            format!(r#"{{"code":0,"data":[{one},"x",{{}}]}}"#),
            Ok(vec![pair("1", "Ventas")]),
        ),
        // Nothing marks the answer as a success.
        ("200 OK", format!(r#"{{"data":[{one}]}}"#), Err(ErrorClass::Schema)),
        // No words say that there are no names.
        ("200 OK", r#"{"code":"0","data":null}"#.to_owned(), Err(ErrorClass::Schema)),
        ("200 OK", r#"{"code":"200","msg":"0 records were found"}"#.to_owned(), Ok(vec![])),
        (
            "404 Not Found",
            r#"{"code":"404","msg":"Validate dates entered"}"#.to_owned(),
            Ok(vec![]),
        ),
        (
            "200 OK",
            format!(r#"{{"code":"403","error":"x","msg":"TOKEN LIMIT EXCEEDED","data":[{one}]}}"#),
            Err(ErrorClass::QuotaExhausted),
        ),
        (
            "403 Forbidden",
            r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#.to_owned(),
            Err(ErrorClass::TokenInvalid),
        ),
        ("302 Found", String::new(), Err(ErrorClass::BadRequest)),
        ("200 OK", format!(r#"{{"code":"200","data":[{one},"#), Err(ErrorClass::Truncated)),
    ] {
        assert_eq!(read(status, &body).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_not_read_to_its_end() {
    let row = |number: usize| format!(r#"{{"cod_act":"{number}","description_cod_act":"x"}}"#);
    let rows: Vec<String> = (0..12_000).map(row).collect();
    let names = read("200 OK", &format!(r#"{{"code":"200","data":[{}]}}"#, rows.join(","))).await;
    assert_eq!(names.map(|names| names.len()), Ok(10_000));
    let filler = format!(r#"{{"x":"{}"}}"#, "y".repeat(50_000));
    let rows = vec![filler; 400].join(",");
    assert_eq!(
        read("200 OK", &format!(r#"{{"code":"200","data":[{rows}]}}"#)).await,
        Err(ErrorClass::TooLarge)
    );
}
