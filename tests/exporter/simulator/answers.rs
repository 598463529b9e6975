//! Tests of the simulator's plain answers: the words of each refusal, and the format of a success.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use simulator_testing::Requests;

use crate::simulator::{Server, parse, refused};

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
        assert_eq!(
            get(right, query).await,
            (400, "SOME PARAMETERS ARE REQUIRED".to_owned()),
            "{query}"
        );
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
async fn the_date_header_follows_the_clock_and_its_skew() {
    let server = Server::start(|options| options.date_skew = SignedDuration::from_secs(-90)).await;
    let response = server.hour().await.unwrap();
    assert_eq!(
        response.headers().get_all("date").iter().collect::<Vec<_>>(),
        ["Tue, 20 Jan 2026 04:58:30 GMT"]
    );
}
