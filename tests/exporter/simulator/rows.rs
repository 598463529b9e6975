//! Tests of the simulator's rows: their number equals the truth, a seed determines them, and each
//! appears at its time.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, ToSpan, tz::TimeZone};
use simulator_testing::TELEPHONE_PREFIX;

use crate::simulator::{MONDAY, Server, digits, identity, moment, rows, seconds, text};

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
async fn a_day_is_answered_in_a_moment() {
    let server =
        Server::start(|options| options.zone = TimeZone::get("America/Lima").unwrap()).await;
    let start = std::time::Instant::now();
    let day = rows(server.report(MONDAY, MONDAY + 1.day() - 1.second()).await).await;
    assert!(day.len() > 20_000);
    // Takes well below a second with optimization, and some seconds without it on a busy machine. A
    // search that walks through every interaction each time would take minutes.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn diagram_1_has_a_row_for_each_call_and_none_for_chats() {
    let server = Server::start(|options| options.late_share = 0.0).await;
    let hour = MONDAY + 10.hours();
    let query = format!(
        "api=diagram_1&date_ini={}&date_end={}",
        digits(hour),
        digits(hour + 3_599.seconds())
    );
    let ends = rows(server.get(Some("right"), &query).await).await;
    let calls: HashSet<_> = ends.iter().map(|row| text(row, "conn_id")).collect();
    assert_eq!(calls.len(), ends.len());
    let mut counted = BTreeMap::<_, u64>::new();
    for row in &ends {
        let mut fields: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "ani",
                "cod_opc_menu",
                "conn_id",
                "customer_id",
                "date",
                "dn_transfer",
                "result",
                "rp_id",
                "rp_name",
                "time"
            ]
        );
        assert!(["ok", "hung up", "transfer"].contains(&text(row, "result")), "{row}");
        assert!(text(row, "ani").starts_with(TELEPHONE_PREFIX));
        assert!(text(row, "date").starts_with("2026-01-19 10:"));
        assert!(seconds(text(row, "time")) > 0);
        *counted.entry((text(row, "rp_id"), text(row, "cod_opc_menu"))).or_default() += 1;
    }
    let truth = server.simulator.call_end_truth(moment(hour), moment(hour + 1.hour()));
    let mut expected = BTreeMap::<_, u64>::new();
    for ((rp_id, option, _), calls) in &truth.calls {
        *expected.entry((rp_id.as_str(), option.as_str())).or_default() += calls;
    }
    assert_eq!(counted, expected);
    let hung_up: u64 = truth.hang_ups.values().map(|(calls, _)| calls).sum();
    assert!(
        (ends.len() / 10..ends.len() / 2).contains(&(hung_up as usize)),
        "{hung_up} of {}",
        ends.len()
    );
    // Nearly all calls of diagram_1 also occur in diagram_13.
    let options: HashSet<_> =
        rows(server.hour().await).await.iter().map(|row| text(row, "conn_id").to_owned()).collect();
    let known = calls.iter().filter(|call| options.contains(**call)).count();
    assert!(known * 10 > calls.len() * 9, "{known} of {}", calls.len());
}
