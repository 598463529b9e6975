//! Tests of the vendor's limits: rows, bytes, requests a day, and requests at once.

use jiff::ToSpan;
use serde_json::Value;
use simulator_testing::{Burst, Fault, Options, OverLimit};

use crate::simulator::{MONDAY, Server, body, moment, parse, refused, text};

#[tokio::test]
async fn more_rows_than_the_limit_are_cut_or_refused() {
    let at = moment(MONDAY + 10.hours());
    let window = (MONDAY + 10.hours(), MONDAY + 10.hours());
    let start = async |over_limit: OverLimit, rows_limit| {
        Server::start(|options| {
            *options = over_limit.of(options.clone());
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
    // A window with exactly as many rows as the limit is not refused.
    let server = start(OverLimit::Refuse, 70_000).await;
    assert_eq!(server.report(window.0, window.1).await.unwrap().status(), 200);
    let server = start(OverLimit::Refuse, 69_999).await;
    let (status, msg) = refused(server.report(window.0, window.1).await).await;
    assert_eq!(status, 400);
    assert!(msg.contains("NUMBER OF RECORDS"));
    assert_eq!(server.simulator.requests().kinds["over_limit"], 1);
}

#[tokio::test]
async fn a_server_fails_at_too_much_and_at_an_unanswerable_second_in_its_own_way() {
    let (at, second) = (MONDAY + 10.hours(), MONDAY + 10.hours() + 30.seconds());
    for (over_limit, status, words) in [
        (OverLimit::Refuse, 400, "NUMBER OF RECORDS"),
        (OverLimit::GatewayTimeout, 504, "Gateway Timeout"),
        (OverLimit::ServerError, 500, "Internal Server Error"),
        (OverLimit::EmptyBody, 200, ""),
        (OverLimit::PhpFatal, 200, "Allowed memory size"),
        (OverLimit::NotJson, 200, "<html>"),
        (OverLimit::CutBody, 200, "broken off"),
        (OverLimit::Hang, 200, "broken off"),
    ] {
        let server = Server::start(|options| {
            *options = over_limit.of(options.clone());
            options.rows_limit = 10;
            options.late_share = 0.0;
            options.unanswerable = Some(moment(second));
            options.time_limit = std::time::Duration::from_millis(100);
        })
        .await;
        let meets = async |from, to| {
            let response = server.report(from, to).await.unwrap();
            let status = response.status().as_u16();
            (status, response.text().await.unwrap_or_else(|_| "broken off".to_owned()))
        };
        // An hour has too many rows, and this one second has none.
        let (found, body) = meets(at, at + 1.hour()).await;
        assert!(found == status && body.contains(words), "{over_limit:?}: {found} {body}");
        let unanswerable =
            if over_limit == OverLimit::Refuse { (500, "<html>") } else { (status, words) };
        let (found, body) = meets(second, second).await;
        assert!(
            found == unanswerable.0 && body.contains(unanswerable.1),
            "{over_limit:?}: {found} {body}"
        );
        let (found, _) = meets(second + 1.second(), second + 1.second()).await;
        assert!(found == 200 || found == 404, "{over_limit:?}: {found}");
        let truth = server.simulator.truth(moment(second), moment(second + 1.second()), None);
        assert_eq!(truth.rows, 0);
    }
}

#[tokio::test]
async fn a_server_that_looks_at_the_days_alone() {
    let server = Server::start(|options| options.whole_days = true).await;
    let day = server.simulator.truth(moment(MONDAY), moment(MONDAY + 24.hours()), None).rows;
    let answer = body(server.report(MONDAY + 10.hours(), MONDAY + 10.hours()).await.unwrap()).await;
    let rows = answer["data"].as_array().unwrap().len() as u64;
    assert!(rows > 1000 && rows <= day, "{rows} of {day}");
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
    let pieces =
        server.simulator.answer_bytes(MONDAY + 10.hours(), MONDAY + 10.hours() + 3_599.seconds());
    assert!(pieces.unwrap().flatten().eq(bytes));
}

#[tokio::test]
async fn every_request_costs_one_until_the_next_local_day() {
    let server = Server::start(|options| options.daily_limit = Some(3)).await;
    let spent = (403, "TOKEN LIMIT EXCEEDED".to_owned());
    server.hour().await.unwrap();
    server.nothing().await.unwrap();
    server.faulty(Fault::Http500).await.unwrap();
    assert_eq!(refused(server.hour().await).await, spent);
    // 23:59:59 of the same local day, but of another UTC day.
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
    // The server notices a closed connection after a while, so this waits until it has.
    while server.hour().await.unwrap().status() == 403 {
        tokio::task::yield_now().await;
    }
}
