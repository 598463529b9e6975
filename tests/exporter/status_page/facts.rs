//! Tests of the content of `/status.json`, against its schema and the simulator's truth.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator_testing::{Fault, OptionIncident, OptionTruth, Options, Truth};

use crate::{
    metrics_reference,
    support::{api::Api, fleet::Supervisor, process::Exporter, schema::Schema, scrape::Scrape},
};

async fn status(exporter: &Exporter, query: &str) -> Value {
    let body = exporter.get(&format!("/status.json{query}")).await.expect("a status");
    serde_json::from_str(&body).expect("JSON")
}

fn target<'a>(status: &'a Value, name: &str) -> &'a Value {
    let targets = status["targets"].as_array().expect("a list");
    targets.iter().find(|target| target["server"] == name).expect("it is there")
}

/// Collects the path and the keys of every object in a document.
fn objects(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(at.to_owned());
            fields.iter().for_each(|(name, value)| objects(&format!("{at}/{name}"), value, found));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, value)| objects(&format!("{at}/{n}"), value, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn it_follows_its_schema_in_every_state() {
    let schema = Schema::read("docs/status.schema.json");
    let good = Api::start(|options| options.bursts[0].rows = 3000).await;
    let mut fleet = Supervisor::of("good", &good);
    let refused = Api::start(|_| {}).await.always(Fault::TokenInvalid);
    fleet.add("refused", &refused.url());
    let silent = Api::empty().await;
    fleet.add("silent", &silent.url());
    let hanging = Api::start(|_| {}).await.always(Fault::Hang);
    fleet.add("hanging", &hanging.url());
    let exporter = fleet.start().await;
    exporter
        .wait_for("each has polled", |scrape| {
            scrape.up("good")
                && scrape.up("silent")
                && scrape.failures("refused", "token_invalid") > 0.0
        })
        .await;
    let english = status(&exporter, "").await;
    let spanish = status(&exporter, "?lang=es").await;
    for document in [&english, &spanish] {
        assert_eq!(schema.faults(document), Vec::<String>::new());
        for (name, state) in [
            ("good", "well"),
            ("refused", "failing"),
            ("silent", "no_rows"),
            ("hanging", "waiting"),
        ] {
            assert_eq!(target(document, name)["state"], state, "{name}");
        }
        assert_eq!(target(document, "refused")["failure"]["class"], "token_invalid");
        assert_eq!(target(document, "hanging")["watermark"], Value::Null);
    }
    assert_eq!((&english["language"], &spanish["language"]), (&json!("en"), &json!("es")));
    assert_ne!(target(&english, "refused")["remedy"], target(&spanish, "refused")["remedy"]);

    assert_strict(&schema, &english, 30);
}

/// Fails unless the schema rejects every object of the document that has one key more or one key
/// less. The document must have more than `least` objects.
fn assert_strict(schema: &Schema, english: &Value, least: usize) {
    let mut places = Vec::new();
    objects("", english, &mut places);
    assert!(places.len() > least, "{places:?}");
    for place in places {
        let mut more = english.clone();
        more.pointer_mut(&place).expect("it is there")["telephone"] = json!("x");
        assert!(!schema.faults(&more).is_empty(), "{place} takes anything");
        let fields = english.pointer(&place).and_then(Value::as_object).expect("an object");
        for field in fields.keys() {
            let mut less = english.clone();
            less.pointer_mut(&place)
                .and_then(Value::as_object_mut)
                .expect("an object")
                .remove(field);
            assert!(!schema.faults(&less).is_empty(), "{place} needs no {field}");
        }
    }
}

/// Configures a contact centre that is equally busy all day, of which Wolkvox keeps four weeks,
/// with an option that nobody has chosen for two hours.
fn stopped(options: &mut Options) {
    let now = Timestamp::now();
    options.from = Some(now - SignedDuration::from_hours(29 * 24));
    options.until = None;
    options.bursts.clear();
    options.least_load = 1.0;
    options.scale = 0.2;
    let from = now - SignedDuration::from_hours(2);
    options.incidents = vec![OptionIncident { from, ..OptionIncident::of("10", "1") }];
}

#[tokio::test]
async fn what_is_unlike_the_usual_is_told_by_name_as_soon_as_the_weeks_before_are_read() {
    let api = Api::start(stopped).await;
    let mut fleet = Supervisor::of("main", &api);
    fleet.know_the_usual();
    fleet.poll["hourly_lookback"] = json!("1m");
    let exporter = fleet.start().await;
    let begun = std::time::Instant::now();
    let english = loop {
        let english = status(&exporter, "").await;
        let usual = &target(&english, "main")["usual"];
        let unlike = usual["compared"]["unlike"].as_array();
        if usual["warm_up"]["state"] == "ended" && unlike.is_some_and(|unlike| !unlike.is_empty()) {
            break english;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(240),
            "{usual:#}\n{}",
            exporter.process.log()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let schema = Schema::read("docs/status.schema.json");
    assert_eq!(schema.faults(&english), Vec::<String>::new());
    assert_strict(&schema, &english, 30);
    let usual = &target(&english, "main")["usual"];
    assert_eq!(usual["warm_up"]["progress"], 1.0);
    assert!(usual["history_seconds"].as_u64() >= Some(27 * 86_400), "{usual:#}");
    assert!(usual["warm_up"]["requests"].as_u64() <= Some(200), "{usual:#}");
    assert!(usual["compared"]["options"].as_u64() > Some(10), "{usual:#}");
    let unlike = usual["compared"]["unlike"].as_array().expect("a list");
    let [one] = &unlike[..] else { panic!("only one option has stopped: {unlike:#?}") };
    for (name, value) in [
        ("rp_id", "10"),
        ("channel", "voice"),
        ("routing_point_name", "Línea principal"),
        ("cod_opc_menu", "1"),
        ("option_name", "Opción 1"),
        ("anomaly", "drop_off"),
    ] {
        assert_eq!(one[name], value, "{one:#}");
    }
    let place = "Opción 1 (1) · Línea principal (10) · voice: ";
    for (query, usually) in [("?lang=en", ", usually "), ("?lang=es", "; lo habitual son ")] {
        let document = status(&exporter, query).await;
        let one = &target(&document, "main")["usual"]["compared"]["unlike"][0];
        let sentence = one["sentence"].as_str().expect("a sentence");
        assert!(sentence.starts_with(place) && sentence.contains(usually), "{sentence}");
        let page = exporter.get(&format!("/{query}")).await.expect("a page");
        assert!(
            page.contains("<strong>Opción 1 (1) · Línea principal (10) · voice</strong>"),
            "{page}"
        );
        assert!(page.contains(usually), "{page}");
    }
    metrics_reference::knows(&exporter.get("/metrics").await.expect("metrics"));
}

/// Returns the hits by routing point, channel and option, and their sum with those that are not
/// listed one by one.
fn hits(target: &Value) -> (BTreeMap<(String, String, String), u64>, u64) {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let sum = |hourly: &Value| -> u64 {
        hourly.as_array().expect("a list").iter().map(|hits| hits.as_u64().expect("a number")).sum()
    };
    let (mut hits, mut all) = (BTreeMap::new(), 0);
    for point in target["last_day"]["routing_points"].as_array().expect("a list") {
        for option in point["options"].as_array().expect("a list") {
            assert_eq!(option["hits"], sum(&option["hourly"]));
            let labels =
                (text(&point["rp_id"]), text(&point["channel"]), text(&option["cod_opc_menu"]));
            all += sum(&option["hourly"]);
            hits.insert(labels, sum(&option["hourly"]));
        }
        if !point["rest"].is_null() {
            all += sum(&point["rest"]["hourly"]);
        }
    }
    assert_eq!(target["last_day"]["hits"], all);
    (hits, all)
}

fn assert_truth(target: &Value, truth: &Truth) {
    let (hits, all) = hits(target);
    assert_eq!(all, truth.rows);
    assert!(hits.len() > 10, "{hits:?}");
    for ((rp_id, channel, option), hits) in hits {
        let same = |o: &&OptionTruth| {
            (&o.rp_id, &o.channel, &o.cod_opc_menu) == (&rp_id, &channel, &option)
        };
        let truth =
            truth.options.iter().find(same).unwrap_or_else(|| panic!("{rp_id} {channel} {option}"));
        assert_eq!(hits, truth.hits, "{rp_id} {channel} {option}");
    }
}

#[tokio::test]
async fn the_last_day_is_the_truth_after_a_restart_too() {
    let api = Api::start(|options| options.bursts[0].rows = 3000).await;
    let fleet = Supervisor::of("main", &api);
    let mut exporter = fleet.start().await;
    let truth = api.truth();
    let read_twice = |s: &Scrape| s.rows("main", "repeated") >= truth.rows as f64;
    exporter.wait_for("every row was read twice", read_twice).await.assert_truth("main", &truth);
    let before = status(&exporter, "").await;
    assert_truth(target(&before, "main"), &truth);
    // Counting began an hour ago, and the document says when.
    assert!(target(&before, "main")["last_day"]["known_from"].is_string());

    exporter.process.signal("TERM");
    assert!(exporter.process.exit(Duration::from_secs(20)).await.success());
    let exporter = fleet.start().await;
    exporter.wait_for("up again", |scrape| scrape.up("main")).await;
    let after = status(&exporter, "").await;
    assert_truth(target(&after, "main"), &truth);
    let known = |status: &Value| target(status, "main")["last_day"]["known_from"].clone();
    assert_eq!(known(&before), known(&after));
}
