//! Tests of the whole way from an incident at Wolkvox to a message: a simulated Wolkvox, the real
//! exporter, a real Prometheus with the shipped rules, a real Alertmanager with the shipped
//! configuration, and a webhook.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | one incident, in real time |
//! | `alertmanager` | the real Alertmanager, and the webhook that it calls |
//! | `outages` | the number of messages of a trouble |

mod alertmanager;
mod outages;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Fault, FaultRule, OptionIncident, Options};

use crate::alerts_end_to_end::alertmanager::{Alert, Alertmanager, Webhook};
use crate::support::{
    api::Api,
    fleet::Supervisor,
    process::Exporter,
    prometheus::{Prometheus, binaries},
    scrape::Scrape,
    stack,
};

const DEADLINE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(200);
/// Names of the operations: one with an option that nobody chooses any more, one without trouble
/// ([`CALM`]), and one with the first one's trouble and a failing interface ([`CUT_OFF`]).
const HURT: &str = "hurt";
const CALM: &str = "calm";
const CUT_OFF: &str = "cut-off";
/// Labels of the option that nobody chooses; it stopped [`STOPPED_FOR`] before the test.
const OPTION: [(&str, &str); 3] = [("rp_id", "10"), ("channel", "voice"), ("cod_opc_menu", "1")];
const STOPPED_FOR: SignedDuration = SignedDuration::from_hours(2);
/// The alert about an option that hardly anybody chooses.
const FALL: &str = "WolkvoxMenuOptionDropOff";
const SCORE: &str = "wolkvox_menu_option_anomaly_score";
/// Age of the data in seconds at which they count as late, instead of a quarter of an hour.
const LATE_SECONDS: u64 = 30;
/// The past that Wolkvox keeps. At least [`READ_BACK`] seconds of it must be read before anything
/// is judged.
const PAST: SignedDuration = SignedDuration::from_hours(29 * 24);
const READ_BACK: f64 = 27.5 * 86_400.0;
/// Number of polls after the warm-up within which the fall must be seen.
const POLLS: f64 = 2.0;
/// Number of evaluations after which an alert that has not fired counts as silent.
const EVALUATIONS: usize = 20;

#[tokio::test]
async fn an_incident_before_the_start_is_told_within_two_polls_and_nothing_else_is() {
    let Some(binary) = alertmanager::binary() else { return };
    let (hurt, calm, cut_off) =
        (Api::start(stopped).await, Api::start(centre).await, Api::start(stopped).await);
    let fleet = fleet(&[(HURT, &hurt), (CALM, &calm), (CUT_OFF, &cut_off)]);
    let exporter = fleet.start().await;
    up_to_date(&exporter, &[HURT, CALM, CUT_OFF]).await;
    tokio::join!(seen_soon(&exporter, HURT), seen_soon(&exporter, CUT_OFF));

    cut_off.simulator.add_fault(FaultRule::always(Fault::Reset)).expect("a good rule");
    let silent = |scrape: &Scrape| {
        !scrape.up(CUT_OFF) && scrape.all(SCORE, &[("server", CUT_OFF)]).is_empty()
    };
    exporter.wait_for("silent about data that it cannot read", silent).await;

    let webhook = Webhook::open().await;
    let (_alertmanager, prometheus) = stack(&binary, &exporter, &webhook).await;
    arrive(&webhook, &[(FALL, HURT), ("WolkvoxDataLate", CUT_OFF)]).await;
    go_on(&prometheus, "WolkvoxDataLate").await;

    for alert in webhook.received() {
        match alert.name() {
            "WolkvoxDataLate" | "WolkvoxUnreachable" => {
                let to = (alert.label("server"), alert.receiver.as_str());
                assert_eq!(to, (CUT_OFF, "on-call"), "{alert:?}");
            }
            FALL => is_the_fall(&alert),
            _ => panic!("nothing of this has happened: {alert:?}"),
        }
    }
}

/// Fails unless the alert has the option, its names and the figures.
fn is_the_fall(alert: &Alert) {
    assert_eq!((alert.label("server"), alert.receiver.as_str()), (HURT, "team"), "{alert:?}");
    assert!(OPTION.iter().all(|(name, value)| alert.label(name) == *value), "{alert:?}");
    let (summary, description) = (alert.annotation("summary"), alert.annotation("description"));
    let names = "Option 1 (Opción 1) of routing point 10 (Línea principal), voice: chosen ";
    assert!(summary.starts_with(names), "{alert:?}");
    assert!(
        description.starts_with("Entered ") && description.contains(" earlier weeks (4). "),
        "{alert:?}"
    );
}

/// Waits for the warm-up of an operation, and fails unless the fall is seen a few polls later.
async fn seen_soon(exporter: &Exporter, server: &str) {
    let begun = Instant::now();
    let of = [("server", server)];
    let mut warm = None;
    loop {
        let scrape = exporter.scrape().await;
        let polls = scrape.get("wolkvox_polls_total", &of);
        let read_back = scrape.sum("wolkvox_baseline_history_seconds", &of).unwrap_or_default();
        if warm.is_none() && read_back >= READ_BACK {
            warm = Some(polls);
        }
        let labels: Vec<(&str, &str)> =
            OPTION.into_iter().chain([of[0], ("anomaly", "drop_off")]).collect();
        // Before the end of the warm-up a fall may be seen on the basis of fewer weeks.
        if let Some(warm) = warm
            && scrape.sum(SCORE, &labels).is_some_and(|score| score > 1.0)
        {
            let polls = polls - warm;
            assert!(polls <= POLLS, "{server}: the fall was seen {polls} polls after the warm-up");
            return;
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "{server}: no fall is seen:\n{}",
            exporter.process.log()
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Configures a [`centre`] with an option that nobody has chosen for a while.
fn stopped(options: &mut Options) {
    centre(options);
    let [(_, rp_id), _, (_, cod_opc_menu)] = OPTION;
    let from = Timestamp::now() - STOPPED_FOR;
    options.incidents = vec![OptionIncident { from, ..OptionIncident::of(rp_id, cod_opc_menu) }];
}

/// Configures a contact centre that is equally busy all day, of which Wolkvox keeps four weeks.
fn centre(options: &mut Options) {
    options.from = Some(Timestamp::now() - PAST);
    options.until = None;
    options.bursts.clear();
    options.least_load = 1.0;
    options.scale = 0.2;
}

/// Makes a fleet of operations that have never been read before.
fn fleet(operations: &[(&str, &Api)]) -> Supervisor {
    let mut fleet = Supervisor::new();
    for (name, api) in operations {
        fleet.add(name, &api.url());
    }
    fleet.know_the_usual();
    fleet
}

/// Waits until the live polls of all servers succeed.
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

/// Starts both servers with their shipped configurations, reading the exporter and notifying the
/// webhook.
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

/// Waits until each of these alerts has arrived for its operation.
async fn arrive(webhook: &Webhook, alerts: &[(&str, &str)]) {
    let begun = Instant::now();
    let is = |alert: &Alert, (name, server): (&str, &str)| {
        alert.name() == name && alert.label("server") == server
    };
    while !alerts.iter().all(|one| webhook.received().iter().any(|alert| is(alert, *one))) {
        assert!(begun.elapsed() < DEADLINE, "only this has arrived: {:#?}", webhook.received());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for more evaluations, in which other alerts would have fired.
async fn go_on(prometheus: &Prometheus, alert: &str) {
    let seen = format!(
        "max(count_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[5m])) >= {EVALUATIONS}"
    );
    prometheus.wait_for(&seen, DEADLINE, |answer| !answer.is_empty()).await;
}

/// Replaces the minutes in the alert rules by seconds.
fn faster(name: &str, rules: String) -> String {
    if name != "wolkvox-alerts.yaml" {
        return rules;
    }
    assert!(
        rules.contains(") > 900\n") && rules.contains(" for: 2m\n"),
        "rules/{name} is another by now"
    );
    let mut rules = rules.replace(") > 900\n", &format!(") > {LATE_SECONDS}\n"));
    // Long enough for Prometheus' first scrapes on a busy machine.
    for minutes in [2, 5, 10, 15, 30] {
        rules = rules.replace(&format!(" for: {minutes}m\n"), " for: 15s\n");
    }
    rules
}
