//! Tests of the second report, diagram_1, through the real binary: its counts equal the truth, and
//! its failures affect nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::{Value, json};
use simulator_testing::{CallEnds, Fault, OptionIncident, SimulatedReport};

use crate::support::{
    api::Api, fleet::Supervisor, process::Exporter, schema::Schema, scrape::Scrape,
};

const CALLS: &str = "wolkvox_menu_option_outcomes_total";
const HANG_UPS: &str = "wolkvox_menu_time_to_hang_up_seconds";

/// Makes a command that takes calls for over as early as possible. All traffic ended twenty minutes
/// ago.
fn command(fleet: &Supervisor) -> Command {
    let mut command = fleet.command();
    command.args(["--journey.idle=2m", "--log.level=debug"]);
    command
}

fn fleet(api: &Api) -> Supervisor {
    let mut fleet = Supervisor::of("main", api);
    fleet.read_outcomes();
    fleet
}

/// Returns the outcomes of all calls of the simulator.
fn truth(api: &Api) -> CallEnds {
    let now = api.simulator.now();
    api.simulator.call_end_truth(now - jiff::SignedDuration::from_hours(24), now)
}

/// Fails unless each option has each of its outcomes, and each routing point its hang-ups.
fn assert_truth(scrape: &Scrape, truth: &CallEnds) {
    let mut expected = BTreeMap::new();
    for (rp_id, option, _) in truth.calls.keys() {
        for outcome in ["reached_queue", "hung_up", "other"] {
            let key = (rp_id.clone(), option.clone(), outcome);
            let calls = truth.calls.get(&key).copied().unwrap_or(0);
            expected.insert((rp_id.clone(), option.clone(), outcome.to_owned()), calls as f64);
        }
    }
    let label = |labels: &BTreeMap<String, String>, name: &str| labels[name].clone();
    let shown = scrape.all(CALLS, &[("server", "main")]).into_iter();
    let shown = shown.map(|(labels, calls)| {
        assert_eq!(labels.len(), 4, "{labels:?}");
        ((label(labels, "rp_id"), label(labels, "cod_opc_menu"), label(labels, "outcome")), calls)
    });
    assert_eq!(shown.collect::<BTreeMap<_, _>>(), expected);
    let of = |suffix: &str| {
        let all = scrape.all(&format!("{HANG_UPS}_{suffix}"), &[("server", "main")]).into_iter();
        all.map(|(labels, value)| (label(labels, "rp_id"), value)).collect::<BTreeMap<_, _>>()
    };
    let counts = |number: fn(&(u64, u64)) -> u64| {
        truth
            .hang_ups
            .iter()
            .map(|(rp_id, of)| (rp_id.clone(), number(of) as f64))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!((of("count"), of("sum")), (counts(|of| of.0), counts(|of| of.1)));
}

async fn wait_until_read(exporter: &Exporter, truth: &CallEnds) -> Scrape {
    let calls: u64 = truth.calls.values().sum();
    let hang_ups: u64 = truth.hang_ups.values().map(|(calls, _)| calls).sum();
    exporter
        .wait_for("all calls are read", |scrape| {
            scrape.sum(CALLS, &[]) >= Some(calls as f64)
                && scrape.sum(&format!("{HANG_UPS}_count"), &[]) >= Some(hang_ups as f64)
        })
        .await
}

async fn status(exporter: &Exporter) -> Value {
    let body = exporter.get("/status.json?lang=en").await.expect("a status");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test]
async fn what_became_of_the_calls_is_the_truth_whatever_fails_and_however_often_it_restarts() {
    let api = Api::start(|options| options.bursts[0].rows = 900).await;
    let truth = truth(&api);
    assert!(truth.calls.len() > 20 && truth.hang_ups.len() == 3, "{truth:?}");
    let fleet = fleet(&api);
    // Either report may meet these faults.
    let faults = [Fault::Truncated, Fault::CutJson, Fault::HalfGzip, Fault::Http500];
    for fault in faults {
        api.simulator.clear_faults();
        let rule = simulator_testing::FaultRule::times(fault, 3);
        api.simulator.add_fault(rule).expect("a good rule");
        let exporter = Exporter::start(command(&fleet)).await;
        exporter.wait_logged("request ended").await;
        exporter.sigkill().await;
    }
    api.simulator.clear_faults();
    let exporter = Exporter::start(command(&fleet)).await;
    let scrape = wait_until_read(&exporter, &truth).await;
    assert_truth(&scrape, &truth);
    let server = [("server", "main")];
    let polls = scrape.get("wolkvox_polls_total", &server);
    // Rows that are read again must not count again.
    let later = exporter.wait_for("more polls", |scrape| {
        scrape.get("wolkvox_polls_total", &server) > polls + 3.0 && scrape.up("main")
    });
    let later = later.await;
    assert_truth(&later, &truth);
    assert_eq!(later.get("wolkvox_outcomes_up", &server), 1.0);
    later.assert_truth("main", &api.truth());

    let outcomes = status(&exporter).await["targets"][0]["outcomes"].clone();
    let hung_up: u64 = truth.hang_ups.values().map(|(calls, _)| calls).sum();
    assert_eq!(outcomes["hung_up"], hung_up);
    assert_eq!(outcomes["calls"], truth.calls.values().sum::<u64>());
    assert!(outcomes["options"].as_array().is_some_and(|options| !options.is_empty()));
    let faults = Schema::read("docs/status.schema.json").faults(&status(&exporter).await);
    assert_eq!(faults, Vec::<String>::new());
}

#[tokio::test]
async fn an_operation_without_the_report_is_told_so_and_its_menus_do_not_notice() {
    let api = Api::start(|options| options.withheld = vec![SimulatedReport::Diagram1]).await;
    let fleet = fleet(&api);
    let exporter = Exporter::start(command(&fleet)).await;
    exporter.wait_logged("the server does not know diagram_1").await;
    let truth = api.truth();
    let scrape = exporter
        .wait_for("all rows are read", |scrape| {
            scrape.rows("main", "repeated") >= truth.rows as f64
        })
        .await;
    scrape.assert_truth("main", &truth);
    let server = [("server", "main")];
    assert_eq!((scrape.up("main"), scrape.get("wolkvox_outcomes_up", &server)), (true, 0.0));
    assert_eq!(scrape.classes("wolkvox_poll_failures_total", "main"), Vec::<&str>::new());
    assert_eq!(scrape.sum(CALLS, &server), None);
    let status = status(&exporter).await;
    let target = &status["targets"][0];
    assert_eq!((&target["state"], &target["needs_attention"]), (&json!("well"), &json!(false)));
    assert_eq!(target["outcomes"]["class"], "bad_request");
    let sentence = target["outcomes"]["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("the server does not know diagram_1"), "{sentence}");
    assert!(sentence.contains("The figures of the menus do not depend on it"), "{sentence}");
    // After a refusal it asks now and then, not with every poll.
    assert!(exporter.logged("reading what became of the calls failed") <= 2);
}

/// Returns the scores of an anomaly, each with its labels.
fn scores<'s>(scrape: &'s Scrape, anomaly: &str) -> Vec<(&'s BTreeMap<String, String>, f64)> {
    scrape.all("wolkvox_menu_option_anomaly_score", &[("server", "main"), ("anomaly", anomaly)])
}

/// Reported must be the option at which callers hang up far more often than in the weeks before,
/// and no other. The weeks before are read of both reports, so the first hour can be judged.
#[tokio::test]
async fn an_option_at_which_callers_hang_up_far_more_often_is_reported_and_no_other() {
    let now = jiff::Timestamp::now();
    let api = Api::start(|options| {
        options.from = Some(now - jiff::SignedDuration::from_hours(3 * 24));
        options.until = None;
        options.bursts.clear();
        options.least_load = 1.0;
        options.scale = 0.6;
        options.incidents = vec![OptionIncident {
            left: 1.0,
            hang_ups: 5.0,
            from: now - jiff::SignedDuration::from_hours(2),
            ..OptionIncident::of("10", "1")
        }];
    })
    .await;
    let mut fleet = fleet(&api);
    fleet.know_the_usual();
    fleet.poll["interval"] = json!("2s");
    fleet.baseline = json!({ "warm_up": "2d" });
    let exporter = fleet.start().await;
    let is_judged = |scrape: &Scrape| {
        let hang_ups = scores(scrape, "hang_up");
        hang_ups.len() >= 8 && hang_ups.iter().any(|(_, score)| *score > 1.0)
    };
    let scrape = exporter.wait_for("hang-ups are judged", is_judged).await;
    let mut reported = Vec::new();
    for (labels, score) in scores(&scrape, "hang_up") {
        assert_eq!(labels["channel"], "voice");
        if score > 1.0 {
            reported.push((labels["rp_id"].clone(), labels["cod_opc_menu"].clone()));
        }
    }
    assert_eq!(reported, [("10".to_owned(), "1".to_owned())]);
    // Its score replaces a weaker one for the same options only.
    let option = |labels: &BTreeMap<String, String>| {
        let of = |name: &str| labels[name].clone();
        (of("rp_id"), of("channel"), of("cod_opc_menu"))
    };
    let judged: BTreeSet<_> =
        scores(&scrape, "hang_up").iter().map(|(labels, _)| option(labels)).collect();
    let guessed = scores(&scrape, "abandonment");
    assert!(guessed.iter().all(|(labels, _)| !judged.contains(&option(labels))), "{guessed:?}");
    assert!(guessed.iter().any(|(labels, _)| labels["channel"] != "voice"), "{guessed:?}");
}

#[tokio::test]
async fn where_it_is_off_nothing_is_asked_and_nothing_is_shown() {
    let api = Api::start(|options| options.withheld = vec![SimulatedReport::Diagram1]).await;
    let fleet = Supervisor::of("main", &api);
    let exporter = fleet.start().await;
    let scrape = exporter.wait_for("rows", |scrape| scrape.rows("main", "repeated") > 0.0).await;
    for family in [CALLS, "wolkvox_outcomes_up", "wolkvox_outcomes_watermark_timestamp_seconds"] {
        assert!(scrape.all(family, &[]).is_empty(), "{family}");
    }
    assert_eq!(scrape.classes("wolkvox_api_errors_total", "main"), Vec::<&str>::new());
    assert_eq!(status(&exporter).await["targets"][0]["outcomes"], Value::Null);
}
