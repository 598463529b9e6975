//! From what happens at Wolkvox to the message that somebody gets: a simulated Wolkvox, the real exporter, a real Prometheus
//! with the shipped rules, a real Alertmanager with the shipped configuration, and a webhook of ours.
//!
//! | file | owns |
//! | --- | --- |
//! | `main` | the test |
//! | `alertmanager` | the real Alertmanager, and the webhook that it calls |

mod alertmanager;
#[path = "../support/api.rs"]
mod api;
#[path = "../support/fleet.rs"]
mod fleet;
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
use wolkvox_exporter::simulator::{Fault, FaultRule, Options};

use crate::{
    alertmanager::{Alert, Alertmanager, Webhook},
    api::Api,
    fleet::Supervisor,
    process::Exporter,
    real_prometheus::{Prometheus, binaries},
};

const DEADLINE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(200);
/// The operation at which nothing happens, and the one whose interface fails.
const CALM: &str = "calm";
const CUT_OFF: &str = "cut-off";
/// Instead of a quarter of an hour.
const LATE_SECONDS: u64 = 30;
/// What is known of the past.
const PAST: SignedDuration = SignedDuration::from_hours(29 * 24);
/// As often as an alert is looked at once more before its silence counts.
const EVALUATIONS: usize = 20;

#[tokio::test]
async fn what_happens_arrives_and_nothing_else() {
    let Some(binary) = alertmanager::binary() else { return };
    let (calm, cut_off) = (Api::start(centre).await, Api::start(centre).await);
    let fleet = fleet(&[(CALM, &calm), (CUT_OFF, &cut_off)]);
    let exporter = fleet.start().await;
    up_to_date(&exporter, &[CALM, CUT_OFF]).await;
    cut_off.simulator.add_fault(FaultRule::always(Fault::Reset)).expect("a good rule");

    let webhook = Webhook::open().await;
    let (_alertmanager, prometheus) = stack(&binary, &exporter, &webhook).await;
    arrive(&webhook, &[("WolkvoxDataLate", CUT_OFF), ("WolkvoxUnreachable", CUT_OFF)]).await;
    go_on(&prometheus, "WolkvoxDataLate").await;

    for alert in webhook.received() {
        let name = alert.name();
        assert!(
            ["WolkvoxDataLate", "WolkvoxUnreachable"].contains(&name),
            "this has not happened: {alert:?}"
        );
        assert_eq!((alert.label("server"), alert.receiver.as_str()), (CUT_OFF, "on-call"), "{alert:?}");
        assert!(alert.annotation("summary").contains(CUT_OFF), "{alert:?}");
    }
}

/// A contact centre that is always as busy, of which Wolkvox keeps four weeks.
fn centre(options: &mut Options) {
    options.from = Some(Timestamp::now() - PAST);
    options.until = None;
    options.bursts.clear();
    options.even = true;
    options.scale = 0.2;
}

/// Operations that have never been read before.
fn fleet(operations: &[(&str, &Api)]) -> Supervisor {
    let mut fleet = Supervisor::new();
    for (name, api) in operations {
        fleet.add(name, &api.url());
    }
    fleet.poll = json!({
        "interval": "5s",
        "settle_delay": "0s",
        "lookback": "10s",
        "hourly_lookback": "0s",
        "nightly_lookback": "0s",
        "start_from": "now",
    });
    fleet
}

/// Waits until the live polls of all go well.
async fn up_to_date(exporter: &Exporter, servers: &[&str]) {
    let begun = Instant::now();
    loop {
        let scrape = exporter.scrape().await;
        let now = Timestamp::now().as_second() as f64;
        if servers.iter().all(|server| scrape.up(server) && now - scrape.watermark(server) < 20.0) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "not everything is read:\n{}", exporter.process.log());
        tokio::time::sleep(PAUSE).await;
    }
}

/// The shipped configurations of both, over the exporter and towards the webhook.
async fn stack(
    binary: &std::path::Path,
    exporter: &Exporter,
    webhook: &Webhook,
) -> (Alertmanager, Prometheus) {
    let alertmanager = Alertmanager::start(binary, webhook.address()).await;
    let tool = binaries().pop().expect("one at least");
    let (from, to) = (exporter.address.to_string(), alertmanager.address().to_string());
    let prometheus = stack::prometheus(&tool, &from, &to, &[], faster).await;
    (alertmanager, prometheus)
}

/// Waits until each of these alerts has arrived of its operation.
async fn arrive(webhook: &Webhook, alerts: &[(&str, &str)]) {
    let begun = Instant::now();
    let is =
        |alert: &Alert, (name, server): (&str, &str)| alert.name() == name && alert.label("server") == server;
    while !alerts.iter().all(|one| webhook.received().iter().any(|alert| is(alert, *one))) {
        assert!(begun.elapsed() < DEADLINE, "only this has arrived: {:#?}", webhook.received());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for some evaluations more, in which other alerts would have fired.
async fn go_on(prometheus: &Prometheus, alert: &str) {
    let seen = format!(
        "max(count_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[5m])) >= {EVALUATIONS}"
    );
    prometheus.wait_for(&seen, DEADLINE, |answer| !answer.is_empty()).await;
}

/// Seconds instead of minutes.
fn faster(name: &str, rules: String) -> String {
    if name != "wolkvox-alerts.yaml" {
        return rules;
    }
    assert!(rules.contains(") > 900\n") && rules.contains(" for: 2m\n"), "rules/{name} is another by now");
    let mut rules = rules.replace(") > 900\n", &format!(") > {LATE_SECONDS}\n"));
    // Long enough for Prometheus' first scrapes on a busy machine.
    for minutes in [2, 5, 10, 15, 30] {
        rules = rules.replace(&format!(" for: {minutes}m\n"), " for: 15s\n");
    }
    rules
}
