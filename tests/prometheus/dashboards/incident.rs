//! Whether a supervisor sees the incident of a month, and nothing else; and what a young installation says.
//!
//! Owns what is expected of the dashboards at the end of that month, the day before, and in its outage.

use std::{collections::BTreeMap, path::Path};

use crate::dashboards::{
    month::{DAY, JOURNEYS, MENUS, Month, OPTIONS, OUT, all, key, shown},
    shares::{are_shares, shares_are_the_truth},
};
use crate::support::prometheus::Tool;

pub(crate) async fn incident_is_seen(tool: &Tool, generator: &Path) {
    let month = Month::new(tool, generator, &[]).await;
    the_alert_table_has_the_fallen_option(&month).await;
    the_change_table_has_it_first(&month).await;
    the_day_before_was_normal(&month).await;
    shares_are_the_truth(&month).await;
    curves_and_bands(&month).await;
    the_health_of_the_outage(&month).await;
}

/// Exactly that option, although two other routing points have options of the same code, which go on.
async fn the_alert_table_has_the_fallen_option(month: &Month) {
    let grafana = month.grafana(0.0, DAY);
    assert_eq!(month.number(&grafana, MENUS, "Alerts").await, 1.0);
    for ref_id in ["A", "B", "C", "D"] {
        let rows = month.rows(&grafana, MENUS, OUT, ref_id).await;
        assert!(rows.len() == 1 && month.is_fallen(&rows[0].0), "{ref_id}: {rows:?}");
        let (labels, value) = &rows[0];
        assert_eq!(labels["rp_name"], "Línea principal");
        assert_eq!(shown(month.panel(MENUS, OUT), &labels["alertname"]), "Hardly anybody chooses it");
        match ref_id {
            "A" => {
                let since = (month.truth.end - value / 1000.0) / 60.0;
                assert!((5.0..=120.0).contains(&since), "since {since} minutes");
            }
            // Those who had begun before it fell may still come to it.
            "B" => assert!(*value < 5.0, "{value} were observed"),
            "C" => assert!(*value > 50.0, "{value} are usual"),
            _ => assert_eq!(*value, 7200.0),
        }
    }
}

async fn the_change_table_has_it_first(month: &Month) {
    // Of a day, and of what one looks at when the alert comes.
    for hours in [3.0, 6.0, 12.0, 24.0] {
        let grafana = month.grafana(0.0, hours * 3600.0);
        let rows = month.rows(&grafana, MENUS, OPTIONS, "A").await;
        assert!(month.is_fallen(&rows[0].0), "{hours} h: {:?}", &rows[..3]);
        let change = month.rows(&grafana, MENUS, OPTIONS, "C").await;
        let fallen = change.iter().find(|(labels, _)| month.is_fallen(labels)).expect("a change of it");
        assert!(fallen.1 < -0.1, "{hours} h: {}", fallen.1);
    }
    let grafana = month.grafana(0.0, 3.0 * 3600.0);
    let (_, signal) = &month.rows(&grafana, MENUS, OPTIONS, "A").await[0];
    assert!(*signal < -5.0, "{signal}: two arrows stand for more than chance");
}

async fn the_day_before_was_normal(month: &Month) {
    let grafana = month.grafana(1.0, DAY);
    let verdict = month.number(&grafana, MENUS, "Alerts").await;
    assert_eq!(shown(month.panel(MENUS, "Alerts"), &verdict.to_string()), "All normal");
    for ref_id in ["A", "B", "C", "D"] {
        let rows = month.rows(&grafana, MENUS, OUT, ref_id).await;
        assert_eq!(rows.len(), 1, "{ref_id}: {rows:?}");
        let said = shown(month.panel(MENUS, OUT), &rows[0].0["alertname"]);
        assert!(said.starts_with("Nothing: all is as it usually is"), "{said}");
    }
    let signals = month.rows(&grafana, MENUS, OPTIONS, "A").await;
    let loud = signals.iter().find(|(_, signal)| signal.abs() > 5.0);
    assert_eq!(loud, None, "chance gets two arrows");
    // A week ago is compared from the second week on, and history counts from two weeks on.
    let second_day = month.grafana(29.0, DAY);
    assert!(month.rows(&second_day, MENUS, "Vs 7 days ago", "A").await.is_empty());
    let verdict = month.number(&second_day, MENUS, "Alerts").await;
    assert_eq!(shown(month.panel(MENUS, "Alerts"), &verdict.to_string()), "No history yet");
    // In the hour in which the vendor did not answer, nothing was said to be normal.
    let outage = month.grafana(12.0 + 5.2 / 24.0, DAY);
    let verdict = month.number(&outage, MENUS, "Alerts").await;
    assert_eq!(shown(month.panel(MENUS, "Alerts"), &verdict.to_string()), "Data late");
}

/// The chosen option is far below its band and what is expected at the end, and within it the day before.
async fn curves_and_bands(month: &Month) {
    let mut variables = all();
    let fallen = &month.truth.fallen;
    variables.choose("rp_id", std::slice::from_ref(&fallen.rp_id), 1);
    variables.choose("cod_opc_menu", std::slice::from_ref(&fallen.cod_opc_menu), 1);
    let panel = month.panel(MENUS, "The chosen option, against what is usual");
    let mut at_end = BTreeMap::new();
    for target in &panel.targets {
        let curves = month.grafana(0.0, DAY).curves(panel, target, &variables).await;
        assert_eq!(curves.len(), 1, "{}: {:?}", target.legend, curves.len());
        at_end.insert(target.legend.clone(), curves[0].1.last().expect("a sample").1);
    }
    let [now, least, most, expected] =
        ["Now", "Least of 4 weeks", "Usual (4 weeks)", "Expected today"].map(|legend| at_end[legend]);
    assert!(now < 3.0 && least > 20.0 && most >= least, "{at_end:?}");
    assert!((0.7 * least..1.3 * most).contains(&expected), "{at_end:?}");
    let ends = month.panel(JOURNEYS, "How do journeys end?");
    let curves = month.grafana(0.0, DAY).curves(ends, &ends.targets[0], &all()).await;
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    for (time, share) in curves.iter().flat_map(|(_, samples)| samples) {
        *sums.entry(*time as i64).or_default() += share;
    }
    assert!(sums.len() > 200 && sums.values().all(|sum| (sum - 1.0).abs() < 1e-9), "{sums:?}");
}

async fn the_health_of_the_outage(month: &Month) {
    let uid = "wolkvox-health-en";
    let grafana = month.grafana(12.0 + 5.2 / 24.0, DAY);
    let title = "What is wrong, and what to do?";
    let rows = month.rows(&grafana, uid, title, "A").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(shown(month.panel(uid, title), &rows[0].0["alertname"]), "Wolkvox cannot be reached");
    assert_eq!(rows[0].0["runbook"], "WolkvoxUnreachable");
    assert_eq!(month.number(&grafana, uid, "Alerts").await, 1.0);
    let classes = month.panel(uid, "What failed, and how?");
    // An hour's bar stands at its end.
    let after = month.grafana(12.0 + 4.0 / 24.0, DAY);
    let curves = after.curves(classes, &classes.targets[0], &all()).await;
    let names: Vec<&str> = curves.iter().map(|(labels, _)| labels["class"].as_str()).collect();
    assert_eq!(names, ["timeout"]);
    let quiet = month.grafana(0.0, DAY);
    let rows = month.rows(&quiet, uid, title, "A").await;
    assert!(shown(month.panel(uid, title), &rows[0].0["alertname"]).starts_with("Nothing"), "{rows:?}");
}

/// Of a quarter of an hour no dashboard is blank, and none says that all is normal.
pub(crate) async fn young_installation_says_so(tool: &Tool, generator: &Path) {
    let month = Month::new(tool, generator, &["-young"]).await;
    let grafana = month.grafana(0.0, DAY);
    let verdict = month.number(&grafana, MENUS, "Alerts").await;
    assert_eq!(shown(month.panel(MENUS, "Alerts"), &verdict.to_string()), "No history yet");
    let rows = month.rows(&grafana, MENUS, OUT, "A").await;
    assert!(
        shown(month.panel(MENUS, OUT), &rows[0].0["alertname"]).starts_with("It cannot be said yet"),
        "{rows:?}"
    );
    assert!(month.number(&grafana, MENUS, "Interactions").await > 50.0);
    // Nothing to compare with: the most used option first.
    let rows = month.rows(&grafana, MENUS, OPTIONS, "A").await;
    let hits = month.rows(&grafana, MENUS, OPTIONS, "B").await;
    let most = hits.iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("options");
    assert_eq!(key(&rows[0].0), key(&most.0));
    for (ref_id, title) in [("F", OPTIONS), ("G", OPTIONS)] {
        are_shares(&month.rows(&grafana, MENUS, title, ref_id).await, title);
    }
    for (uid, title) in [
        (MENUS, "Interactions per hour, against what is usual"),
        (MENUS, "The chosen option, against what is usual"),
        (JOURNEYS, "The chosen option"),
        ("wolkvox-health-en", "What became of the rows?"),
    ] {
        let panel = month.panel(uid, title);
        let curves = grafana.curves(panel, &panel.targets[0], &all()).await;
        assert!(curves.first().is_some_and(|(_, samples)| !samples.is_empty()), "{title} is blank");
    }
}
