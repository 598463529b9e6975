//! Tests that a supervisor sees the incident of a generated month, and nothing else.
//!
//! Owns the expectations of the dashboards at the end of that month and on the day before.

use std::{collections::BTreeMap, path::Path};

use crate::dashboards::{
    links::links_show_their_option,
    month::{CURVE, DAY, JOURNEYS, MENUS, Month, OPTIONS, OUT, all, key, shown},
    shares::shares_are_the_truth,
    troubles::troubles_are_seen,
};
use crate::support::prometheus::Tool;

pub(crate) async fn incident_is_seen(tool: &Tool, generator: &Path) {
    let month = Month::new(tool, generator, &[]).await;
    sentences_name_the_fallen_options_worst_first(&month).await;
    the_change_table_has_them_first(&month).await;
    the_day_before_was_normal(&month).await;
    last_night_is_seen_in_the_morning(&month).await;
    shares_are_the_truth(&month).await;
    curves_and_bands(&month).await;
    troubles_are_seen(&month).await;
    links_show_their_option(&month).await;
}

/// Fails unless the sentences name exactly the fallen options, although two other routing points
/// have unaffected options of the same code.
async fn sentences_name_the_fallen_options_worst_first(month: &Month) {
    let grafana = month.grafana(0.0, DAY);
    assert_eq!(month.number(&grafana, MENUS, "Alerts").await, 2.0);
    let rows = month.rows(&grafana, MENUS, OUT, "A").await;
    let seen: Vec<_> = rows.iter().filter_map(|(labels, _)| key(labels)).collect();
    assert_eq!(seen, month.truth.fallen, "the worst first");
    assert!(rows[0].1 > rows[1].1 && rows[1].1 > 50.0, "people missing: {rows:?}");
    let sentence = shown(month.panel(MENUS, OUT), &rows[0].0["sentence"]);
    let words = regex::Regex::new(r"^Opción 3: [0-4] in 2 h, usually 1\d\d$")
        .expect("a regular expression");
    assert!(words.is_match(&sentence), "{sentence}");
    let spanish = shown(
        month.panel("wolkvox-menus-es", "¿Algo se salió de lo habitual?"),
        &rows[0].0["sentence"],
    );
    assert!(
        spanish.starts_with("Opción 3: ") && spanish.contains(" en 2 h; lo habitual son "),
        "{spanish}"
    );
    assert_eq!(rows[0].0["rp_name"], "Línea principal");
    assert_eq!(rows[0].0["runbook"], "WolkvoxMenuOptionDropOff");
    // The incident began two hours before the end, however late Prometheus was started.
    for (_, since) in month.rows(&grafana, MENUS, OUT, "B").await {
        let minutes = (month.truth.end - since / 1000.0) / 60.0;
        assert!((110.0..=130.0).contains(&minutes), "since {minutes} minutes");
    }
}

/// Fails unless the timeline still shows last night's incident, which is over, at its routing point
/// only.
async fn last_night_is_seen_in_the_morning(month: &Month) {
    let panel = month.panel(MENUS, "What happened since yesterday?");
    // Half an hour before today's incident.
    let grafana = month.grafana(2.5 / 24.0, DAY);
    let curves = grafana.curves(panel, &panel.targets[0], &all()).await;
    assert_eq!(curves.len(), 3, "a row for each routing point");
    for (labels, samples) in curves {
        assert!(labels.contains_key("rp_name"), "{labels:?}");
        let worst = samples.iter().map(|(_, level)| *level).fold(0.0, f64::max);
        let wanted = if labels["rp_id"] == month.truth.fallen_before { 2.0 } else { 0.0 };
        assert_eq!(worst, wanted, "{labels:?}");
    }
}

/// Options with an alert must come first and be marked. On any day, no option with a handful of
/// visits may be among the first twelve.
async fn the_change_table_has_them_first(month: &Month) {
    // A day, and the ranges that a reader chooses when the alert comes.
    for hours in [3.0, 6.0, 12.0, 24.0] {
        let grafana = month.grafana(0.0, hours * 3600.0);
        let rows = month.rows(&grafana, MENUS, OPTIONS, "A").await;
        let first: Vec<_> = rows.iter().filter_map(|(labels, _)| key(labels)).take(2).collect();
        assert_eq!(first, month.truth.fallen, "{hours} h");
        assert!(rows[1].1 < -1e5 && rows[2].1 > -1e5, "{hours} h: those with an alert are marked");
        let change = month.rows(&grafana, MENUS, OPTIONS, "C").await;
        let fallen =
            change.iter().find(|(labels, _)| month.is_fallen(labels)).expect("a change of it");
        assert!(fallen.1 < -0.1, "{hours} h: {}", fallen.1);
    }
    for days_before in [0.0, 1.0, 2.0] {
        for range in [DAY, 7.0 * DAY] {
            no_handful_leads(month, days_before, range).await;
        }
    }
}

async fn no_handful_leads(month: &Month, days_before: f64, range: f64) {
    let grafana = month.grafana(days_before, range);
    let now = month.rows(&grafana, MENUS, OPTIONS, "B").await;
    let change = month.rows(&grafana, MENUS, OPTIONS, "C").await;
    for (labels, _) in month.rows(&grafana, MENUS, OPTIONS, "A").await.iter().take(12) {
        let of = |rows: &[(crate::support::prometheus::Labels, f64)]| {
            rows.iter()
                .find(|(other, _)| key(other) == key(labels))
                .map_or(f64::NAN, |(_, value)| *value)
        };
        // A change is shown only for at least ten visits a week before.
        assert!(of(&now) >= 10.0 || !of(&change).is_nan(), "{days_before} days before: {labels:?}");
    }
}

async fn the_day_before_was_normal(month: &Month) {
    let grafana = month.grafana(1.0, DAY);
    assert_eq!(month.said(&grafana, MENUS, "Alerts").await, "All normal");
    let rows = month.rows(&grafana, MENUS, OUT, "A").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let said = shown(month.panel(MENUS, OUT), &rows[0].0["sentence"]);
    assert!(said.starts_with("Nothing: all is as it usually is"), "{said}");
    let signals = month.rows(&grafana, MENUS, OPTIONS, "A").await;
    let loud = signals.iter().find(|(_, signal)| signal.abs() > 250.0);
    assert_eq!(loud, None, "chance gets two arrows");
    // No tile may have the colour of a value beyond its own weeks.
    for title in ["Vs 7 days", "Try again", "No input"] {
        assert!(month.rows(&grafana, MENUS, title, "B").await.is_empty(), "{title} is orange");
    }
    // The comparison with a week ago begins in the second week, and the history counts from two
    // weeks on.
    let second_day = month.grafana(29.0, DAY);
    assert!(month.rows(&second_day, MENUS, "Vs 7 days", "A").await.is_empty());
    assert_eq!(month.said(&second_day, MENUS, "Alerts").await, "No history yet");
}

/// Fails unless the fallen option's curve ends far below its band and its expectation, whether it
/// is chosen, or shown because nothing is chosen. On the day before, the curve without a choice
/// must be that of all options.
async fn curves_and_bands(month: &Month) {
    let mut chosen = all();
    let fallen = &month.truth.fallen[0];
    chosen.choose("rp_id", std::slice::from_ref(&fallen.rp_id), 1);
    chosen.choose("cod_opc_menu", std::slice::from_ref(&fallen.cod_opc_menu), 1);
    let panel = month.panel(MENUS, CURVE);
    let mut ends = Vec::new();
    for variables in [chosen, all()] {
        let mut at_end = BTreeMap::new();
        for target in &panel.targets {
            let curves = month.grafana(0.0, DAY).curves(panel, target, &variables).await;
            assert_eq!(curves.len(), 1, "{}: {:?}", target.legend, curves.len());
            at_end.insert(target.legend.clone(), curves[0].1.last().expect("a sample").1);
        }
        let [now, least, most, expected] =
            ["Now {{description}}", "Least of 4 weeks", "Most of 4 weeks", "Expected today"]
                .map(|legend| at_end[legend]);
        assert!(now < 3.0 && least > 20.0 && most >= least, "{at_end:?}");
        assert!((0.7 * least..1.3 * most).contains(&expected), "{at_end:?}");
        ends.push(at_end);
    }
    assert_eq!(ends[0], ends[1], "the one that misses most people is shown by itself");
    let day_before = month.grafana(1.0, DAY).curves(panel, &panel.targets[0], &all()).await;
    assert!(day_before[0].1.last().expect("a sample").1 > 500.0, "all options together");
    let ends = month.panel(JOURNEYS, "How do journeys end?");
    let curves = month.grafana(0.0, DAY).curves(ends, &ends.targets[0], &all()).await;
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    for (time, share) in curves.iter().flat_map(|(_, samples)| samples) {
        *sums.entry(*time as i64).or_default() += share;
    }
    assert!(sums.len() > 200 && sums.values().all(|sum| (sum - 1.0).abs() < 1e-9), "{sums:?}");
}
