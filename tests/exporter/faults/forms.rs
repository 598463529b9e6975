//! Tests of answers that are odd but valid, and of answers that break and are requested again. In
//! the end every real row counts once, and every received row has exactly one outcome.

use jiff::SignedDuration;
use simulator_testing::{Fault, Options, Truth};

use crate::support::{
    api::Api,
    fleet::Supervisor,
    front::{Front, http},
    process::Exporter,
    scrape::Scrape,
};

/// Waits until a target was polled at least twice, so that all rows were received again.
async fn settled(exporter: &Exporter, name: &str, truth: &Truth) -> Scrape {
    let what = format!("{name}: read again");
    let rows = truth.rows as f64;
    exporter.wait_for(&what, |s| s.up(name) && s.rows(name, "repeated") >= rows && rows > 0.0).await
}

/// Fails unless all received rows have an outcome, where `extra` entries of each answer are not
/// countable rows.
fn assert_outcomes(scrape: &Scrape, name: &str, truth: &Truth, extra: f64) {
    scrape.assert_truth(name, truth);
    let rows = truth.rows as f64;
    let repeats = scrape.rows(name, "repeated") / rows;
    assert_eq!(repeats.fract(), 0.0, "{name}: part of an answer was taken for repeated");
    assert_eq!(scrape.rows(name, "rejected"), (repeats + 1.0) * extra, "{name}");
    let reasons = scrape.get("wolkvox_rows_rejected_total", &[("server", name)]);
    assert_eq!(scrape.rows(name, "rejected"), reasons, "{name}");
    assert_eq!(scrape.rows(name, "out_of_range"), 0.0, "{name}");
    assert!(scrape.classes("wolkvox_api_errors_total", name).is_empty(), "{name}");
}

#[tokio::test]
async fn odd_forms_are_accepted_and_every_row_is_in_one_outcome() {
    let cases = [
        ("plain", None, 0.0),
        ("bom", Some(Fault::ByteOrderMark), 0.0),
        ("int-code", Some(Fault::IntCode), 0.0),
        ("zero-code", Some(Fault::ZeroCode), 0.0),
        ("zero-text", Some(Fault::ZeroCodeText), 0.0),
        ("error-null", Some(Fault::ErrorTextNull), 0.0),
        ("error-empty", Some(Fault::ErrorEmpty), 0.0),
        ("total-row", Some(Fault::TotalRow), 1.0),
        ("no-object", Some(Fault::RowNotObject), 1.0),
        ("bad-date", Some(Fault::RowBadDate), 1.0),
    ];
    let mut fleet = Supervisor::new();
    let mut apis = Vec::new();
    for (name, fault, extra) in cases {
        let mut api = Api::start(|options| options.seed = apis.len() as u64).await;
        if let Some(fault) = fault {
            api = api.always(fault);
        }
        fleet.add(name, &api.url());
        apis.push((name, api, extra));
    }
    let exporter = fleet.start().await;
    for (name, api, extra) in apis {
        let truth = api.truth();
        assert!(truth.rows > 300, "{name}: {}", truth.rows);
        let scrape = settled(&exporter, name, &truth).await;
        assert_outcomes(&scrape, name, &truth, extra);
    }
}

#[tokio::test]
async fn a_single_row_may_come_without_its_list() {
    let api = alone().await.always(Fault::DataObject);
    let truth = api.truth();
    let fleet = Supervisor::of("object", &api);
    let exporter = fleet.start().await;
    let scrape = settled(&exporter, "object", &truth).await;
    assert_outcomes(&scrape, "object", &truth, 0.0);
}

/// Starts a simulator whose traffic ends after its first row.
async fn alone() -> Api {
    for seed in 0.. {
        let quiet = |options: &mut Options| {
            options.seed = seed;
            options.bursts.clear();
        };
        let whole = Api::start(quiet).await;
        let from = whole.simulator.now() - SignedDuration::from_mins(40);
        let ends = (1..1200).map(|second| from + SignedDuration::from_secs(second));
        let rows =
            |until| whole.simulator.truth(from - SignedDuration::from_mins(1), until, None).rows;
        let Some(until) = ends.into_iter().find(|&until| rows(until) > 0) else { continue };
        let api = Api::start(|options| {
            quiet(options);
            // The same period as before, whatever the time is now.
            (options.from, options.until) = (whole.from, Some(until));
        })
        .await;
        if api.truth().rows == 1 {
            return api;
        }
    }
    unreachable!("there is always another seed");
}

#[tokio::test]
async fn every_way_to_say_that_there_are_no_rows_commits() {
    let cases = [
        ("404", None),
        ("200-list", Some(Fault::EmptyOk)),
        ("200-null", Some(Fault::DataNull)),
        ("200-missing", Some(Fault::DataMissing)),
        ("200-object", Some(Fault::DataObject)),
    ];
    let mut fleet = Supervisor::new();
    let mut apis = Vec::new();
    for (name, fault) in cases {
        let mut api = Api::empty().await;
        if let Some(fault) = fault {
            api = api.always(fault);
        }
        fleet.add(name, &api.url());
        apis.push((name, api));
    }
    let exporter = fleet.start().await;
    for (name, _api) in &apis {
        let first = exporter.wait_for(&format!("{name}: up"), |scrape| scrape.up(name)).await;
        let on =
            |scrape: &Scrape| scrape.up(name) && scrape.watermark(name) > first.watermark(name);
        let scrape = exporter.wait_for(&format!("{name}: watermark moves"), on).await;
        assert!(scrape.classes("wolkvox_poll_failures_total", name).is_empty(), "{name}");
        assert_eq!(scrape.get("wolkvox_rows_total", &[("server", name)]), 0.0, "{name}");
        // A target without any row yet is shown as such.
        assert_eq!(
            scrape.sum("wolkvox_last_row_timestamp_seconds", &[("server", name)]),
            None,
            "{name}"
        );
    }
}

/// A 404 must count as an empty window only in the vendor's words.
#[tokio::test]
async fn a_foreign_404_is_a_failure_and_no_empty_window() {
    let api = Api::empty().await.always(Fault::EmptyNotJson);
    let fleet = Supervisor::of("foreign", &api);
    let exporter = fleet.start().await;
    let failed =
        exporter.wait_for("schema", |scrape| scrape.failures("foreign", "schema") > 0.0).await;
    assert!(!failed.up("foreign"));
    exporter.wait_page("not the one with which Wolkvox reports").await;
    api.simulator.clear_faults();
    exporter.wait_for("up again", |scrape| scrape.up("foreign")).await;
}

#[tokio::test]
async fn a_healthy_server_costs_a_request_a_poll_and_not_one_more() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("healthy", &api);
    let exporter = fleet.start().await;
    let polls = |scrape: &Scrape| scrape.get("wolkvox_polls_total", &[("server", "healthy")]);
    let scrape = exporter.wait_for("8 polls", |scrape| polls(scrape) >= 8.0).await;
    let requests = api.requests();
    println!("{requests} requests of the report in {} polls that have ended", polls(&scrape));
    // The next poll may have begun.
    let later = polls(&exporter.scrape().await);
    assert!(
        requests as f64 >= polls(&scrape) && requests as f64 <= later + 1.0,
        "{requests} {later}"
    );
}

#[tokio::test]
async fn broken_answers_lose_and_double_nothing() {
    let cases = [
        ("half-gzip", Fault::HalfGzip),
        ("cut-json", Fault::CutJson),
        ("reset", Fault::Reset),
        ("html", Fault::NotJson),
        ("php-warning", Fault::PhpWarning),
        ("truncated", Fault::Truncated),
        ("bare-list", Fault::WrongSchema),
        ("500", Fault::Http500),
        ("429", Fault::Throttled { retry_after: None }),
    ];
    let mut fleet = Supervisor::new();
    let mut apis = Vec::new();
    for (name, fault) in cases {
        let api = Api::start(|options| options.seed = apis.len() as u64).await.times(fault, 2);
        fleet.add(name, &api.url());
        apis.push((name, api));
    }
    let teapot = Api::start(|_| {}).await;
    let unknown = vec![http("418 I'm a teapot", "no"), http("299 Strange", "<html>")];
    let front = Front::start(unknown, Some(teapot.address)).await;
    fleet.add("unknown-status", &front.url());
    apis.push(("unknown-status", teapot));

    let exporter = fleet.start().await;
    for (name, api) in &apis {
        let truth = api.truth();
        let scrape = settled(&exporter, name, &truth).await;
        scrape.assert_truth(name, &truth);
        let errors = scrape.get("wolkvox_api_errors_total", &[("server", name)]);
        assert_eq!(errors, 2.0, "{name}");
        assert_eq!(scrape.rows(name, "rejected"), 0.0, "{name}");
        assert_eq!(scrape.rows(name, "out_of_range"), 0.0, "{name}");
    }
}
