//! Tests of the reaction to a failure: which requests follow, when, and what a scrape shows
//! meanwhile.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use simulator_testing::Fault;
use wolkvox_exporter::schedule::Cadence;

use crate::support::{
    api::{Api, TOKEN},
    fleet::Supervisor,
    front::{Front, http},
    process::Exporter,
    scrape::Scrape,
};

const POLLS: &str = "wolkvox_polls_total";

async fn polls(exporter: &Exporter, name: &str, more: f64) -> Scrape {
    let label = [("server", name)];
    let until = exporter.scrape().await.get(POLLS, &label) + more;
    exporter
        .wait_for(&format!("{name}: {until} polls"), |scrape| scrape.get(POLLS, &label) >= until)
        .await
}

#[tokio::test]
async fn a_refused_token_is_not_hammered_and_a_new_one_is_used_at_once() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("refused", &api);
    fleet.set_token("refused", "expired");
    let exporter = fleet.start().await;
    exporter
        .wait_for("token_invalid", |scrape| scrape.failures("refused", "token_invalid") > 0.0)
        .await;

    // Polls are due every second; after failures the exporter asks again after 2, 4 and 8 seconds.
    let scrape = polls(&exporter, "refused", 8.0).await;
    assert!(api.requests() <= 4, "{} requests", api.requests());
    assert!(!scrape.up("refused"));
    assert!(scrape.failures("refused", "token_invalid") >= 8.0, "polls without a request fail too");

    // The next request would be due in more than 8 seconds.
    let before = api.requests();
    let replaced = Instant::now();
    fleet.set_token("refused", TOKEN);
    let scrape = exporter.wait_for("up", |scrape| scrape.up("refused")).await;
    assert!(api.requests() > before);
    scrape.assert_truth("refused", &api.truth());
    assert!(replaced.elapsed() < Duration::from_secs(7), "{:?}", replaced.elapsed());
}

#[tokio::test]
async fn a_token_file_that_is_gone_costs_no_request() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("gone", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("gone")).await;

    std::fs::remove_file(fleet.token("gone")).expect("it was there");
    exporter
        .wait_for("token_missing", |scrape| scrape.failures("gone", "token_missing") > 0.0)
        .await;
    let before = api.requests();
    let scrape = polls(&exporter, "gone", 2.0).await;
    assert_eq!(api.requests(), before);
    assert_eq!(scrape.errors("gone", "token_missing"), 0.0, "no request was made");
    exporter.wait_page("annot read the token file").await;

    fleet.set_token("gone", TOKEN);
    exporter
        .wait_for("up again", |scrape| scrape.up("gone"))
        .await
        .assert_truth("gone", &api.truth());
}

#[tokio::test]
async fn a_spent_quota_asks_no_more() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("spent", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("spent")).await;
    // Other programs with the operation's token have used up the quota.
    let api = api.always(Fault::QuotaExhausted);
    exporter.wait_for("spent", |scrape| scrape.failures("spent", "quota_exhausted") > 0.0).await;
    let before = api.requests();
    let scrape = polls(&exporter, "spent", 4.0).await;
    assert_eq!(api.requests(), before);
    assert_eq!(scrape.errors("spent", "quota_exhausted"), 1.0);
    scrape.assert_truth("spent", &api.truth());
}

#[tokio::test]
async fn a_quota_that_the_server_tells_is_not_overspent() {
    let api = Api::start(|options| options.daily_limit = Some(5)).await;
    let fleet = Supervisor::of("told", &api);
    let exporter = fleet.start().await;
    exporter.wait_for("spent", |scrape| scrape.failures("told", "quota_exhausted") > 0.0).await;
    let scrape = polls(&exporter, "told", 4.0).await;
    assert_eq!(api.simulator.requests().used_today, 5);
    assert_eq!(scrape.errors("told", "quota_exhausted"), 0.0, "it never had to be refused");
    scrape.assert_truth("told", &api.truth());
}

#[tokio::test]
async fn a_wait_that_the_server_names_is_kept() {
    // A wait that is longer than the interval must hold between polls, and a shorter one within a
    // poll.
    for (name, wait, interval) in [("between", 4, "1s"), ("within", 3, "30s")] {
        let api = Api::start(|_| {}).await.times(Fault::Throttled { retry_after: Some(wait) }, 1);
        let mut fleet = Supervisor::of(name, &api);
        fleet.poll["interval"] = json!(interval);
        let began = Instant::now();
        let exporter = fleet.start().await;
        let scrape = exporter.wait_for("up", |scrape| scrape.up(name)).await;
        // Without the wait it would take two seconds at most.
        assert!(began.elapsed() >= Duration::from_secs(wait), "{name}: {:?}", began.elapsed());
        assert_eq!(scrape.errors(name, "throttled"), 1.0, "{name}");
        scrape.assert_truth(name, &api.truth());
    }
}

/// Returns a poll interval in minutes whose next window ends as late as possible, so that a test
/// that counts requests is over before. The choices seldom end at the same time.
fn minutes_without_a_second_poll(name: &str) -> u64 {
    let now = Timestamp::now();
    let left = |minutes: &u64| {
        let cadence = Cadence::new(Duration::from_secs(minutes * 60), Duration::ZERO, name);
        cadence.due_after(cadence.last_closed(now)).duration_since(now)
    };
    [5, 7, 9, 11].into_iter().max_by_key(left).unwrap_or(5)
}

#[tokio::test]
async fn what_passes_is_tried_again_within_the_poll() {
    for fault in [Fault::Concurrency, Fault::Throttled { retry_after: None }, Fault::Http503] {
        let name = fault.name();
        let api = Api::start(|_| {}).await.times(fault, 1);
        let mut fleet = Supervisor::of(&name, &api);
        fleet.poll["interval"] = json!(format!("{}m", minutes_without_a_second_poll(&name)));
        let exporter = fleet.start().await;
        let scrape = exporter.wait_for("up", |scrape| scrape.up(&name)).await;
        assert_eq!(scrape.get("wolkvox_api_errors_total", &[("server", &name)]), 1.0, "{name}");
        assert_eq!(scrape.get("wolkvox_poll_failures_total", &[("server", &name)]), 0.0, "{name}");
        assert_eq!(api.requests(), 2, "{name}");
        scrape.assert_truth(&name, &api.truth());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_token_stays_here() {
    let elsewhere = Front::start(vec![http("200 OK", "{}")], None).await;
    let api = Api::start(|_| {}).await;
    let api = api.times(Fault::Redirect { to: format!("{}/steal", elsewhere.url()) }, 2);
    let fleet = Supervisor::of("redirect", &api);
    let exporter = fleet.start().await;
    let scrape = exporter.wait_for("up", |scrape| scrape.up("redirect")).await;
    assert_eq!(scrape.errors("redirect", "bad_request"), 2.0);
    scrape.assert_truth("redirect", &api.truth());
    // The redirected request would have come before the next request to Wolkvox.
    assert_eq!(String::from_utf8_lossy(&elsewhere.received()), "");
}

#[tokio::test]
async fn a_failed_poll_moves_nothing_and_takes_the_window_away() {
    let windows = [
        "wolkvox_menu_window_option_hits",
        "wolkvox_menu_window_interactions",
        "wolkvox_menu_window_start_timestamp_seconds",
        "wolkvox_menu_window_end_timestamp_seconds",
    ];
    let shown =
        |scrape: &Scrape| windows.map(|name| scrape.sum(name, &[("server", "fails")]).is_some());
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("fails", &api);
    let exporter = fleet.start().await;
    let scrape = exporter.wait_for("up", |scrape| scrape.up("fails")).await;
    assert_eq!(shown(&scrape), [true; 4]);

    let api = api.always(Fault::Maintenance);
    let failed = exporter.wait_for("down", |scrape| !scrape.up("fails")).await;
    let later = polls(&exporter, "fails", 2.0).await;
    for scrape in [&failed, &later] {
        assert!(!scrape.up("fails"));
        assert_eq!(shown(scrape), [false; 4]);
        assert_eq!(scrape.watermark("fails"), failed.watermark("fails"));
        scrape.assert_truth("fails", &api.truth());
    }
    // A failure of the vendor must not make the exporter unready.
    assert!(exporter.get("/-/ready").await.is_some());

    api.simulator.clear_faults();
    let again = exporter.wait_for("up again", |scrape| scrape.up("fails")).await;
    assert_eq!(shown(&again), [true; 4]);
    assert!(again.watermark("fails") > failed.watermark("fails"));
    again.assert_truth("fails", &api.truth());
}

#[tokio::test]
async fn a_target_that_hangs_delays_no_other() {
    let (hanging, good) = (Api::start(|_| {}).await.always(Fault::Hang), Api::start(|_| {}).await);
    let mut fleet = Supervisor::of("hanging", &hanging);
    fleet.add("good", &good.url());
    let exporter = fleet.start().await;
    exporter.wait_for("up", |scrape| scrape.up("good")).await;
    let scrape = polls(&exporter, "good", 3.0).await;
    assert!(scrape.up("good"));
    assert!(scrape.classes("wolkvox_poll_failures_total", "good").is_empty());
    scrape.assert_truth("good", &good.truth());
    // The target is still waiting for its first answer.
    assert_eq!(scrape.get(POLLS, &[("server", "hanging")]), 0.0);
    assert_eq!(hanging.requests(), 1);
}
