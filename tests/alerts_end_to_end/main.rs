//! From the caller who no longer chooses an option to the message that somebody gets: a simulated Wolkvox, the real exporter,
//! a real Prometheus with the shipped rules, a real Alertmanager with the shipped configuration, and a webhook of ours.
//!
//! Two operations have the same trouble for more than an hour: in their main menu nobody enters option 1. At one of them the
//! interface fails as well, so what is told of it is that, and nothing about its menus.
//!
//! | file | owns |
//! | --- | --- |
//! | `main` | the test |
//! | `history` | the week before, as Prometheus would have stored it |
//! | `alertmanager` | the real Alertmanager, and the webhook that it calls |

mod alertmanager;
#[path = "../support/api.rs"]
mod api;
#[path = "../support/fleet.rs"]
mod fleet;
mod history;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/prometheus.rs"]
mod real_prometheus;
#[path = "../support/scrape.rs"]
mod scrape;
#[path = "../support/stack.rs"]
mod stack;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use wolkvox_exporter::simulator::{Fault, FaultRule, Stop};

use crate::{
    alertmanager::{Alertmanager, Webhook},
    api::{Api, noon},
    fleet::Supervisor,
    history::History,
    process::Exporter,
    real_prometheus::{binaries, promtools},
};

const DEADLINE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(200);
/// The operation whose interface works, and the one whose does not.
const READ: &str = "read";
const CUT_OFF: &str = "cut-off";
/// Instead of a quarter of an hour.
const LATE_SECONDS: u64 = 30;
/// Of an option that is entered about once a minute.
const STOPPED_FOR: SignedDuration = SignedDuration::from_mins(90);
/// A week, its hour around the stop, and the eight hours before it.
const HISTORY: SignedDuration = SignedDuration::from_hours(7 * 24 + 12);

#[tokio::test]
async fn a_drop_off_arrives_and_late_data_arrive_in_its_stead() {
    let Some(binary) = alertmanager::binary() else { return };
    let now = Timestamp::now();
    let origin = now - HISTORY;
    let centre = |options: &mut wolkvox_exporter::simulator::Options| {
        options.from = Some(origin);
        options.until = None;
        options.bursts.clear();
        options.even = true;
        options.scale = 0.2;
        options.stops =
            vec![Stop { at: now - STOPPED_FOR, rp_id: "10".to_owned(), cod_opc_menu: "1".to_owned() }];
    };
    let (read, cut_off) = (Api::start(centre).await, Api::start(centre).await);
    let fleet = fleet(origin, &read, &cut_off);
    let exporter = caught_up(&fleet).await;
    let (prometheus, promtool) = (binaries(), promtools());
    let (prometheus, promtool) = (prometheus.last().expect("one at least"), promtool.last().expect("one"));
    let (simulator, tools) = (read.simulator.clone(), (prometheus.clone(), promtool.clone()));
    // Beside the simulators, which are served meanwhile.
    let history = tokio::task::spawn_blocking(move || {
        let history = History::of(&simulator, &[READ, CUT_OFF], origin, now);
        history.record(&tools.0, &tools.1);
        history
    });
    let history = history.await.expect("a history");

    cut_off.simulator.add_fault(FaultRule::always(Fault::Reset)).expect("a good rule");
    exporter
        .wait_for("data to be late", |scrape| {
            let age = |server| Timestamp::now().as_second() as f64 - scrape.watermark(server);
            age(CUT_OFF) > LATE_SECONDS as f64 && age(READ) < LATE_SECONDS as f64
        })
        .await;

    let webhook = Webhook::open().await;
    let alertmanager = Alertmanager::start(&binary, webhook.address()).await;
    let flag = format!("--storage.tsdb.path={}", history.storage().display());
    let prometheus = stack::prometheus(
        prometheus,
        &exporter.address.to_string(),
        &alertmanager.address().to_string(),
        &[&flag],
        faster,
    )
    .await;

    let drop_off = |server: &'static str| {
        move |alert: &alertmanager::Alert| {
            alert.name() == "WolkvoxMenuOptionDropOff" && alert.label("server") == server
        }
    };
    let late = |alert: &alertmanager::Alert| alert.name() == "WolkvoxDataLate";
    let begun = Instant::now();
    while !(webhook.received().iter().any(drop_off(READ)) && webhook.received().iter().any(late)) {
        assert!(begun.elapsed() < DEADLINE, "only this has arrived: {:#?}", webhook.received());
        tokio::time::sleep(PAUSE).await;
    }
    // Twenty evaluations more: the one that is cut off has lost as many hits, and nothing is said of it.
    let seen = "max(count_over_time(ALERTS{alertname=\"WolkvoxDataLate\",alertstate=\"firing\"}[5m])) >= 20";
    prometheus.wait_for(seen, DEADLINE, |answer| !answer.is_empty()).await;
    let score = format!(
        "max(server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits:drop_score{{server=\"{CUT_OFF}\",rp_id=\"10\",cod_opc_menu=\"1\"}}) > 22"
    );
    assert_eq!(prometheus.query(&score).await.len(), 1, "the test would show nothing: {score}");

    for alert in webhook.received() {
        match alert.name() {
            "WolkvoxMenuOptionDropOff" | "WolkvoxMenuOptionDropOffSlow" => {
                let labels = ["server", "rp_id", "channel", "cod_opc_menu"].map(|name| alert.label(name));
                assert_eq!(labels, [READ, "10", "voice", "1"], "{alert:?}");
                assert_eq!(alert.receiver, "team");
                assert!(
                    alert
                        .annotation("summary")
                        .starts_with("Option 1 (Opción 1) of routing point 10 (Línea principal), voice:"),
                    "{alert:?}"
                );
                assert!(alert.annotation("description").contains(" earlier weeks (1) "), "{alert:?}");
            }
            // Why the data are late, and that they are.
            "WolkvoxDataLate" | "WolkvoxUnreachable" => {
                assert_eq!(
                    (alert.label("server"), alert.receiver.as_str()),
                    (CUT_OFF, "on-call"),
                    "{alert:?}"
                );
            }
            _ => panic!("nothing of this has happened: {alert:?}"),
        }
    }
}

/// Both operations.
fn fleet(origin: Timestamp, read: &Api, cut_off: &Api) -> Supervisor {
    let mut fleet = Supervisor::new();
    fleet.add(READ, &read.url());
    fleet.add(CUT_OFF, &cut_off.url());
    fleet.poll = json!({
        "interval": "1s",
        "settle_delay": "0s",
        "lookback": "10s",
        "hourly_lookback": "0s",
        "nightly_lookback": "0s",
        "start_from": noon().to_datetime(origin).to_string(),
    });
    fleet
}

/// The real exporter, once it has read the history of both.
async fn caught_up(fleet: &Supervisor) -> Exporter {
    let exporter = fleet.start().await;
    let begun = Instant::now();
    loop {
        let scrape = exporter.scrape().await;
        let now = Timestamp::now().as_second() as f64;
        if [READ, CUT_OFF].iter().all(|server| scrape.up(server) && now - scrape.watermark(server) < 10.0) {
            return exporter;
        }
        assert!(begun.elapsed() < DEADLINE, "the history has not been read:\n{}", exporter.process.log());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Seconds instead of minutes; and whatever the calendar says, today is no holiday.
fn faster(name: &str, rules: String) -> String {
    match name {
        "wolkvox-holidays.yaml" => "groups: []\n".to_owned(),
        "wolkvox-alerts.yaml" => {
            assert!(rules.contains(") > 900\n") && rules.contains("for: 2m\n"));
            let mut rules = rules.replace(") > 900\n", &format!(") > {LATE_SECONDS}\n"));
            // Long enough for Prometheus' first scrapes on a busy machine: until then the history is all there is.
            for minutes in [2, 5, 10, 15, 30] {
                rules = rules.replace(&format!(" for: {minutes}m\n"), " for: 15s\n");
            }
            rules
        }
        _ => rules,
    }
}
