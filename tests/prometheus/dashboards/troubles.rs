//! Tests of the dashboards during a failure or shortly after the first start: the vendor is silent,
//! a token is refused, the exporter is gone, the installation is young, or the past has samples at
//! another distance than the present.
//!
//! Owns those moments of the generated months, and the texts that must be shown then.

use std::path::Path;

use crate::dashboards::{
    month::{CURVE, DAY, HEALTH, JOURNEYS, MENUS, Month, OPTIONS, OUT, all, key, shown},
    shares::are_shares,
};
use crate::support::prometheus::Tool;

const HOUR: f64 = 3600.0;
const WRONG: &str = "What is wrong, and what to do?";
const FAILED: &str = "What failed, and how?";

pub(crate) async fn troubles_are_seen(month: &Month) {
    the_vendor_is_silent_for_an_hour(month).await;
    a_token_is_refused_for_45_minutes(month).await;
    the_exporter_is_gone_for_3_and_20_minutes(month).await;
}

async fn the_vendor_is_silent_for_an_hour(month: &Month) {
    let grafana = month.grafana(12.0 + 5.2 / 24.0, DAY);
    assert_eq!(month.said(&grafana, MENUS, "Alerts").await, "Data late");
    let rows = month.rows(&grafana, HEALTH, WRONG, "A").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        shown(month.panel(HEALTH, WRONG), &rows[0].0["alertname"]),
        "Wolkvox cannot be reached"
    );
    assert_eq!(rows[0].0["runbook"], "WolkvoxUnreachable");
    let quiet = month.grafana(0.0, DAY);
    let rows = month.rows(&quiet, HEALTH, WRONG, "A").await;
    assert!(
        shown(month.panel(HEALTH, WRONG), &rows[0].0["alertname"]).starts_with("Nothing"),
        "{rows:?}"
    );
    let rows = month.rows(&quiet, HEALTH, FAILED, "A").await;
    assert_eq!(
        shown(month.panel(HEALTH, FAILED), &rows[0].0["class"]),
        "Nothing failed in this time"
    );
    // Curves must end where the data end, instead of falling as if callers stayed away.
    for (uid, title, query) in [
        (MENUS, "Interactions per hour, against what is usual", 0),
        (MENUS, CURVE, 0),
        (MENUS, OPTIONS, 3),
        (JOURNEYS, "The chosen option", 0),
        (JOURNEYS, "The chosen option", 1),
        (JOURNEYS, "The chosen option", 2),
    ] {
        let panel = month.panel(uid, title);
        let curves = grafana.curves(panel, &panel.targets[query], &all()).await;
        let last = curves[0].1.last().expect("a sample").0;
        assert!(
            (0.5 * HOUR..=1.5 * HOUR).contains(&(grafana.end - last)),
            "{title}: {}",
            grafana.end - last
        );
    }
}

async fn a_token_is_refused_for_45_minutes(month: &Month) {
    // Ten minutes after the begin, and at the end; the last full hour of the day was good.
    for minutes in [10.0, 40.0] {
        let grafana = month.grafana(9.0 + 6.0 / 24.0 - minutes / 1440.0, DAY);
        let rows = month.rows(&grafana, HEALTH, FAILED, "A").await;
        assert_eq!(rows.len(), 1, "after {minutes} minutes: {rows:?}");
        assert_eq!(shown(month.panel(HEALTH, FAILED), &rows[0].0["class"]), "Token refused");
        assert_eq!(rows[0].0["runbook"], "WolkvoxTokenRejected");
        assert!(rows[0].1 >= 1.0, "{rows:?}");
        let since = month.rows(&grafana, HEALTH, FAILED, "C").await;
        let ago = (grafana.end - since[0].1 / 1000.0) / 60.0;
        assert!((minutes - ago).abs() <= 10.0, "since {ago} minutes, after {minutes}");
        assert_eq!(month.said(&grafana, HEALTH, "Reading").await, "failed");
    }
}

async fn the_exporter_is_gone_for_3_and_20_minutes(month: &Month) {
    // Its first sample is missing one step after the moment at which it goes.
    let gone = 6.0 - 300.0 / DAY;
    for minutes in [3.0, 20.0] {
        let grafana = month.grafana(gone - (minutes - 2.0) / 1440.0, 6.0 * HOUR);
        let at = format!("after {minutes} minutes");
        assert_eq!(month.said(&grafana, MENUS, "Alerts").await, "No answer", "{at}");
        assert_eq!(month.said(&grafana, HEALTH, "Answering?").await, "No", "{at}");
        for title in ["Data until", "Reading", "Incomplete", "Failures", "Quota"] {
            assert!(month.rows(&grafana, HEALTH, title, "A").await.is_empty(), "{at}: {title}");
            let panel = month.panel(HEALTH, title);
            let steps = &panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"];
            assert_eq!(steps[0]["color"], "red", "{title}");
            assert_eq!(panel.no_value, "Does not answer", "{title}");
        }
        // The row must appear before the alert fires.
        let rows = month.rows(&grafana, HEALTH, WRONG, "A").await;
        assert_eq!(rows.len(), 1, "{at}: {rows:?}");
        assert_eq!(rows[0].0["alertname"], "WolkvoxExporterDown", "{at}");
        let ago = (grafana.end - rows[0].1 / 1000.0) / 60.0;
        assert!((minutes - ago).abs() <= 6.0, "{at}: last seen {ago} minutes before");
        // The history must still be shown.
        for ref_id in ["A", "B", "C", "E", "F", "G", "H"] {
            let rows = month.rows(&grafana, MENUS, OPTIONS, ref_id).await;
            assert!(rows.len() >= 20, "{at}: {ref_id} has {} rows", rows.len());
        }
    }
}

/// Fails if, in the first 10, 25 and 45 minutes, a dashboard is blank, claims that all is normal,
/// or sends the reader to the health dashboard.
pub(crate) async fn young_installation_says_so(tool: &Tool, generator: &Path) {
    let month = Month::new(tool, generator, &["-young"]).await;
    for minutes in [10.0, 25.0, 45.0] {
        let grafana = month.grafana((45.0 - minutes) / 1440.0, DAY);
        assert_eq!(month.said(&grafana, MENUS, "Alerts").await, "No history yet");
        let rows = month.rows(&grafana, MENUS, OUT, "A").await;
        let said = shown(month.panel(MENUS, OUT), &rows[0].0["sentence"]);
        assert!(said.starts_with("It cannot be said yet"), "{said}");
        assert!(month.number(&grafana, MENUS, "Contacts").await > 10.0);
        // Without anything to compare, the most used option comes first.
        let rows = month.rows(&grafana, MENUS, OPTIONS, "A").await;
        let hits = month.rows(&grafana, MENUS, OPTIONS, "B").await;
        let most = hits.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("options");
        assert_eq!(key(&rows[0].0), key(&most.0), "{minutes} minutes");
        for ref_id in ["F", "G"] {
            are_shares(&month.rows(&grafana, MENUS, OPTIONS, ref_id).await, OPTIONS);
        }
        for (uid, title) in [
            (MENUS, "Interactions per hour, against what is usual"),
            (MENUS, CURVE),
            (HEALTH, "What became of the rows?"),
        ] {
            let panel = month.panel(uid, title);
            let curves = grafana.curves(panel, &panel.targets[0], &all()).await;
            assert!(
                curves.first().is_some_and(|(_, samples)| !samples.is_empty()),
                "{title} is blank"
            );
        }
        // The outcomes of calls are not read here, so the table has one row in words, and no
        // columns.
        let hang_ups = "Where do callers hang up?";
        let rows = month.rows(&grafana, JOURNEYS, hang_ups, "A").await;
        let said = shown(month.panel(JOURNEYS, hang_ups), &rows[0].0["description"]);
        assert!(rows.len() == 1 && said.contains("does not read what became of calls"), "{said}");
        for (uid, title, ref_id) in
            [(JOURNEYS, hang_ups, "B"), (MENUS, OPTIONS, "I"), (MENUS, OPTIONS, "J")]
        {
            assert_eq!(month.rows(&grafana, uid, title, ref_id).await, [], "{title} {ref_id}");
        }
        // Journeys are counted half an hour late; until then their tables must explain that.
        for title in ["Where do most people get lost?", "Where do people go in circles?"] {
            let rows = month.rows(&grafana, JOURNEYS, title, "A").await;
            assert!(!rows.is_empty(), "{minutes} minutes: {title}");
            if minutes < 30.0 {
                let said = shown(month.panel(JOURNEYS, title), &rows[0].0["description"]);
                assert!(said.contains("40 min"), "{said}");
            }
        }
    }
}

/// Fails unless a comparison with the week before works from the first hour on, although a backfill
/// writes a sample every 150 seconds and Prometheus one a minute. Shorter windows must not distort
/// the expectation.
pub(crate) async fn density_may_change(tool: &Tool, generator: &Path) {
    let small =
        ["-days", "23", "-points", "1", "-options", "8", "-scrape", "1m", "-continued", "26h"];
    let month = Month::new(tool, generator, &small).await;
    for hours in [1.0, 5.0, 12.0, 24.0] {
        for range in [6.0 * HOUR, DAY] {
            let grafana = month.grafana((26.0 - hours) / 24.0, range);
            let change = month.number(&grafana, MENUS, "Vs 7 days").await;
            assert!(change.abs() < 0.3, "{hours} h after the change: {change}");
            let column = month.rows(&grafana, MENUS, OPTIONS, "C").await;
            let numbers = column.iter().filter(|(_, value)| !value.is_nan()).count();
            assert!(numbers >= 6, "{hours} h after the change: {numbers} options are compared");
        }
    }
    let grafana = month.grafana(1.0, 4.0 * HOUR);
    let panel = month.panel(MENUS, CURVE);
    let expected = &grafana.curves(panel, &panel.targets[3], &all()).await[0].1;
    let most = &grafana.curves(panel, &panel.targets[2], &all()).await[0].1;
    assert!(expected.len() > 40, "{} samples", expected.len());
    for ((time, expected), (_, most)) in expected.iter().zip(most) {
        assert!(
            (0.6 * most..1.4 * most).contains(expected),
            "at {time}: {expected} where {most} is usual"
        );
    }
}
