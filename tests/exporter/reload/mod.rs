//! Tests of reloading the configuration in the real binary: the changes take effect without losing
//! a count, a bad file changes nothing, and only permitted clients may request a reload.

mod failing;

use std::{
    fs,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::json;
use simulator_testing::{Burst, Fault, FaultRule};

use crate::support::api::{Api, TOKEN};
use crate::support::fleet::Supervisor;
use crate::support::process::{DEADLINE, Exporter, client};
use crate::support::scrape::Scrape;

const SUCCESSFUL: &str = "wolkvox_exporter_config_last_reload_successful";
const SUCCESS_TIME: &str = "wolkvox_exporter_config_last_reload_success_timestamp_seconds";

/// Starts an exporter that accepts reload requests over HTTP.
async fn start(fleet: &Supervisor) -> Exporter {
    let mut command = fleet.command();
    command.arg("--web.enable-lifecycle");
    Exporter::start(command).await
}

/// Requests a reload as `curl -X POST` does. Returns status and body.
async fn ask(exporter: &Exporter) -> (StatusCode, String) {
    request(exporter, Method::POST).await
}

async fn request(exporter: &Exporter, method: Method) -> (StatusCode, String) {
    let url = format!("http://{}/-/reload", exporter.address);
    let answer = client().request(method, url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

fn polls(scrape: &Scrape, name: &str) -> f64 {
    scrape.get("wolkvox_polls_total", &[("server", name)])
}

#[tokio::test]
async fn targets_come_and_go_and_their_counts_continue() {
    let (kept, other) = (Api::start(|_| {}).await, Api::start(|options| options.seed = 2).await);
    let mut fleet = Supervisor::of("kept", &kept);
    let exporter = start(&fleet).await;
    let first = exporter.wait_for("up", |scrape| scrape.up("kept")).await;
    assert_eq!(first.get(SUCCESSFUL, &[]), 1.0);

    fleet.add("other", &other.url());
    fleet.write();
    exporter.process.signal("HUP");
    let both = exporter
        .wait_for("both", |scrape| scrape.sum("wolkvox_up", &[("server", "other")]) == Some(1.0))
        .await;
    both.assert_truth("kept", &kept.truth());
    both.assert_truth("other", &other.truth());
    assert!(
        polls(&both, "kept") >= polls(&first, "kept"),
        "whose configuration is the same is not disturbed"
    );

    fleet.remove("other");
    fleet.write();
    assert_eq!(ask(&exporter).await.0, StatusCode::OK);
    let gone = exporter.scrape().await;
    assert_eq!(gone.servers(), ["kept"]);
    let asked = other.requests();

    fleet.add("other", &other.url());
    fleet.write();
    assert_eq!(ask(&exporter).await.0, StatusCode::OK);
    // The counts are in the state, so they are back before the first poll.
    let back = exporter.scrape().await;
    back.assert_truth("other", &other.truth());
    assert!(polls(&back, "kept") >= polls(&gone, "kept"));
    exporter
        .wait_for("read again", |scrape| scrape.up("other") && polls(scrape, "other") > 0.0)
        .await
        .assert_truth("other", &other.truth());
    assert!(other.requests() > asked);
    exporter.wait_logged("added=1 removed=0 changed=0 unchanged=1").await;
}

/// A reload must fail, and change nothing, if a file of authorities has become unreadable,
/// whichever target uses it.
#[tokio::test]
async fn a_reload_names_authorities_that_are_damaged_and_who_was_there_goes_on() {
    let api = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("one", &api);
    let authorities = fleet.state().with_file_name("authorities.pem");
    let certificate = rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap();
    fs::write(&authorities, certificate.cert.pem()).unwrap();
    let mut command = fleet.command();
    command.arg("--web.enable-lifecycle").env("SSL_CERT_FILE", &authorities);
    let exporter = Exporter::start(command).await;
    exporter.wait_for("up", |scrape| scrape.up("one")).await;
    assert_eq!(ask(&exporter).await.0, StatusCode::OK);
    exporter.wait_logged("added=0 removed=0 changed=0 unchanged=1").await;
    fs::write(&authorities, "no certificate").unwrap();
    fleet.add("two", "http://127.0.0.1:9");
    fleet.write();
    let (status, body) = ask(&exporter).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
    assert!(body.contains("SSL_CERT_FILE"), "{body}");
    let before = exporter.scrape().await;
    exporter.wait_for("more", |later| polls(later, "one") > polls(&before, "one") + 1.0).await;
}

#[tokio::test]
async fn a_changed_target_goes_on_where_it_was() {
    let (one, another) = (Api::start(|_| {}).await, Api::start(|_| {}).await);
    let fleet = Supervisor::of("one", &one);
    let exporter = start(&fleet).await;
    let before = exporter.wait_for("up", |scrape| scrape.up("one")).await;

    // The same contact centre at another address, and other buckets.
    let mut config = fleet.config();
    config["targets"][0]["server"] = json!(another.url());
    config["menu"]["buckets"] = json!([7]);
    fleet.write_text(&config.to_string());
    assert_eq!(ask(&exporter).await.0, StatusCode::OK);
    let scrape = exporter
        .wait_for("read from there", |scrape| {
            another.requests() > 0
                && scrape.up("one")
                && polls(scrape, "one") > polls(&before, "one")
        })
        .await;
    scrape.assert_truth("one", &one.truth());
    let bounds = scrape.all("wolkvox_menu_time_to_option_seconds_bucket", &[("le", "7")]);
    assert!(!bounds.is_empty(), "the new buckets are in force");
    let asked = one.requests();
    let on =
        exporter.wait_for("more", |later| polls(later, "one") > polls(&scrape, "one") + 2.0).await;
    on.assert_truth("one", &one.truth());
    assert_eq!(one.requests(), asked, "the old address is asked no more");
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_says_what_is_wrong() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("good", &api);
    let mut exporter = start(&fleet).await;
    let before = exporter.wait_for("up", |scrape| scrape.up("good")).await;

    let missing = fleet.config().to_string().replace("good.token", "bad.token");
    let cases = [
        ("targets: [", "exporter.yml:1"),
        ("targets:\n- server: \"0042\"\n  tokn: x\n", "exporter.yml:3:3: unknown key `tokn`"),
        (missing.as_str(), "cannot read the token file"),
    ];
    for (text, said) in cases {
        fleet.write_text(text);
        let (status, body) = ask(&exporter).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains(said), "{body}");
        let scrape = exporter.scrape().await;
        assert_eq!(scrape.get(SUCCESSFUL, &[]), 0.0);
        assert_eq!(scrape.get(SUCCESS_TIME, &[]), before.get(SUCCESS_TIME, &[]));
        assert!(scrape.up("good"));
    }
    let on = exporter
        .wait_for("more", |scrape| polls(scrape, "good") > polls(&before, "good") + 2.0)
        .await;
    on.assert_truth("good", &api.truth());

    fleet.write();
    assert_eq!(
        ask(&exporter).await,
        (StatusCode::OK, "The configuration was read anew.\n".to_owned())
    );
    let mended = exporter.scrape().await;
    assert_eq!(mended.get(SUCCESSFUL, &[]), 1.0);
    assert!(mended.get(SUCCESS_TIME, &[]) > before.get(SUCCESS_TIME, &[]));
    exporter.process.signal("TERM");
    assert!(exporter.process.exit(DEADLINE).await.success());
    let log = exporter.process.log();
    assert!(cases.iter().all(|(_, said)| log.contains(said)), "{log}");
    assert!(!log.contains(TOKEN));
}

#[tokio::test]
async fn what_takes_a_restart_is_said_and_nothing_else_is_taken_over() {
    let api = Api::start(|_| {}).await;
    let mut fleet = Supervisor::of("good", &api);
    let exporter = start(&fleet).await;
    fleet.add("more", "https://wv0107.wolkvox.com");
    let mut config = fleet.config();
    config["state"] = json!({ "path": "elsewhere.redb" });
    config["web"] = json!({ "telemetry_path": "/m" });
    fleet.write_text(&config.to_string());
    let (status, body) = ask(&exporter).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    for said in ["state.path: changed from ", "web.telemetry_path: changed from /metrics to /m"] {
        assert!(body.contains(said) && body.contains("takes a restart"), "{body}");
    }
    assert_eq!(exporter.scrape().await.servers(), ["good"]);
    assert!(!fleet.state().with_file_name("elsewhere.redb").exists());
}

#[tokio::test]
async fn who_may_ask() {
    let api = Api::start(|_| {}).await;
    let fleet = Supervisor::of("good", &api);
    let exporter = fleet.start().await;
    for method in [Method::POST, Method::GET] {
        let (status, body) = request(&exporter, method).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(body.contains("--web.enable-lifecycle") && body.contains("SIGHUP"), "{body}");
    }
    drop(exporter);

    let users = fleet.state().with_file_name("web.yml");
    let hash = bcrypt::hash("hunter2", 4).unwrap();
    fs::write(&users, format!("basic_auth_users: {{ana: {hash:?}}}\n")).unwrap();
    let mut command = fleet.command();
    command.arg("--web.enable-lifecycle").arg("--web.config.file").arg(&users);
    let exporter = Exporter::start(command).await;
    assert_eq!(ask(&exporter).await.0, StatusCode::UNAUTHORIZED);
    let url = format!("http://{}/-/reload", exporter.address);
    let with_password = client().post(&url).basic_auth("ana", Some("hunter2"));
    assert_eq!(with_password.send().await.unwrap().status(), StatusCode::OK);
    let get = client().get(&url).basic_auth("ana", Some("hunter2")).send().await.unwrap();
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get.headers()["allow"], "POST");
}

/// Time for which the simulator holds an answer back: longer than any reload, so that the answer is
/// still under way when the reload is done.
const HELD: Duration = Duration::from_secs(50);
/// Reloads that must meet a poll before its answer begins, and reloads that must meet one during it.
const MET: u32 = 8;

/// Returns the number of requests whose answers the simulator holds back, until now, by this fault.
fn held(api: &Api, fault: &Fault) -> u64 {
    let name = format!("fault_{}", fault.name());
    api.simulator.requests().kinds.get(&name).copied().unwrap_or(0)
}

/// Waits until a poll is in progress whose answer takes at least [`HELD`]. Returns the moment before
/// its request.
async fn poll_in_progress(exporter: &Exporter, api: &Api, fault: Fault) -> Instant {
    let before = held(api, &fault);
    let begun = Instant::now();
    let rule = FaultRule::times(fault.clone(), 1).of_report("diagram_13");
    api.simulator.add_fault(rule).expect("a good rule");
    exporter.wait_for("a poll in progress", |_| held(api, &fault) > before).await;
    begun
}

/// Scrapes must succeed and every row must count, while reloads follow each other as fast as they
/// can, and break off polls whose answers have not begun or have not ended.
#[tokio::test]
async fn under_load_no_scrape_fails_and_no_row_is_lost() {
    let now = Timestamp::now();
    let bursts = (0..6)
        .map(|i| Burst { at: now + SignedDuration::from_secs(2 * i), seconds: 2, rows: 150 })
        .collect::<Vec<_>>();
    let api = Api::start(|options| {
        options.until = Some(now + SignedDuration::from_secs(12));
        options.bursts.extend(bursts);
    })
    .await;
    let other = Api::start(|options| options.seed = 3).await;
    let mut fleet = Supervisor::of("busy", &api);
    let exporter = start(&fleet).await;
    exporter.wait_for("up", |scrape| scrape.up("busy")).await;

    let begun = Instant::now();
    let mut reloads = 0;
    let mut hits = 0.0;
    // Until no row is left and enough reloads have met a poll.
    while begun.elapsed() < Duration::from_secs(14) || reloads < 4 * MET {
        fleet.poll["lookback"] = json!(if reloads % 2 == 0 { "2h" } else { "3h" });
        match reloads % 3 {
            0 => fleet.add("other", &other.url()),
            1 => {}
            _ => fleet.remove("other"),
        }
        fleet.write();
        // Every other reload comes at any moment of a poll or between two.
        let fault = match reloads % 4 {
            0 => Some(Fault::Slow { seconds: HELD.as_secs() }),
            2 => Some(Fault::Drip),
            _ => None,
        };
        let held_since = match fault {
            Some(fault) => Some(poll_in_progress(&exporter, &api, fault).await),
            None => None,
        };
        assert_eq!(
            ask(&exporter).await,
            (StatusCode::OK, "The configuration was read anew.\n".to_owned())
        );
        if let Some(since) = held_since {
            assert!(since.elapsed() < HELD, "the poll may have ended before the reload");
        }
        let scrape = exporter.scrape().await;
        let seen = scrape.sum("wolkvox_menu_option_hits_total", &[("server", "busy")]).unwrap();
        assert!(seen >= hits, "a counter went back from {hits} to {seen}");
        reloads += 1;
        hits = seen;
    }
    let truth = api.truth();
    assert!(truth.rows > 1000, "{} rows are no load", truth.rows);
    let all = |scrape: &Scrape| scrape.rows("busy", "new") >= truth.rows as f64;
    exporter.wait_for("all rows", all).await.assert_truth("busy", &truth);
}
