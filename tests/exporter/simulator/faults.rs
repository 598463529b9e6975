//! Tests of every fault of the simulator, as a client sees it.

use std::io::Read as _;

use reqwest::StatusCode;
use serde_json::Value;
use simulator_testing::Fault;
use tokio::net::TcpStream;

use crate::simulator::{Server, body, identity, parse, text};

#[tokio::test]
async fn faults_in_the_place_of_an_answer() {
    let server = Server::start(|_| {}).await;
    for (fault, status, words) in [
        (Fault::Http500, 500, "Internal Server Error"),
        (Fault::Http503, 503, "Service Unavailable"),
        (Fault::Http504, 504, "Gateway Timeout"),
        (Fault::ForeignNotFound, 404, "<html>"),
        (Fault::NoReport, 200, "{}"),
        (Fault::EmptyBody, 200, ""),
        (Fault::PhpFatal, 200, "Allowed memory size"),
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
    let response =
        server.faulty(Fault::Redirect { to: "http://127.0.0.1:1/x".into() }).await.unwrap();
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

    // Ways to answer a window without rows.
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
    assert_eq!(
        (&answer["msg"], answer["data"].as_array().unwrap().len()),
        (&promised(count), count / 2)
    );
    server.fault(Fault::Truncated);
    let answer = body(server.nothing().await.unwrap()).await;
    assert_eq!((&answer["msg"], answer["data"].as_array().unwrap().len()), (&promised(1), 0));
    let answer = body(server.faulty(Fault::DataNull).await.unwrap()).await;
    assert_eq!((&answer["msg"], &answer["data"]), (&promised(count), &Value::Null));
    let answer = body(server.faulty(Fault::DataObject).await.unwrap()).await;
    assert_eq!(answer["msg"], promised(count));
    assert_eq!(identity(&answer["data"]).len(), 7);
    let answer = body(server.faulty(Fault::RowNotObject).await.unwrap()).await;
    assert_eq!(
        (&answer["msg"], &answer["data"][count]),
        (&promised(count + 1), &Value::from("garbage"))
    );
    let answer = body(server.faulty(Fault::RowBadDate).await.unwrap()).await;
    assert_eq!(
        (&answer["msg"], text(&answer["data"][count], "date")),
        (&promised(count + 1), "0000-00-00 00:00:00")
    );
    let answer = body(server.faulty(Fault::RowsRejected).await.unwrap()).await;
    let rows = answer["data"].as_array().unwrap();
    assert_eq!((&answer["msg"], rows.len()), (&promised(count), count));
    assert!(rows.iter().all(|row| text(row, "date") == "yesterday"));
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
    assert!(
        (whole / 3..whole * 2 / 3).contains(&received.len()),
        "{} of {whole}: {error:?}",
        received.len()
    );
    assert!(received.ends_with(b"{\"rp_id\":\"46"));

    server.fault(Fault::HalfGzip);
    let query = "api=diagram_13&date_ini=20260119100000&date_end=20260119105959";
    let asking = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v2/reports_manager.php?{query}", server.url);
    let response = asking
        .get(url)
        .header("wolkvox-token", "right")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    let half = response.bytes().await.unwrap();
    let mut body = Vec::new();
    let error = flate2::read::GzDecoder::new(&half[..]).read_to_end(&mut body).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn answers_that_take_for_ever_end_at_the_limit_on_time() {
    // The paused clock jumps whenever everything waits, so no time passes.
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
