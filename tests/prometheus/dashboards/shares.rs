//! Tests of every share and total of the dashboards, over a month with a known truth.

use std::collections::BTreeMap;

use crate::dashboards::{
    grafana::Grafana,
    month::{DAY, JOURNEYS, Key, MENUS, Month, OPTIONS, TrueOption, all, key},
};
use crate::support::prometheus::Labels;

/// Fails unless every share of a day equals the generator's, and every share at any time is between
/// 0 and 1.
pub(crate) async fn shares_are_the_truth(month: &Month) {
    let grafana = month.grafana(0.0, DAY);
    let truth = &month.truth;
    let point = |key: &Key| -> f64 {
        let same = truth.options.iter().filter(|option| option.key.rp_id == key.rp_id);
        same.map(|option| option.hits).sum()
    };
    type Share<'a> = &'a dyn Fn(&TrueOption) -> Option<f64>;
    let some = |part: f64, whole: f64| (whole >= 10.0).then(|| part / whole);
    let part: Share<'_> = &|option| Some(100.0 * option.hits / point(&option.key));
    let ends: Share<'_> = &|option| some(option.finals, option.visits);
    let retries: Share<'_> = &|option| some(option.retries, option.hits);
    let change: Share<'_> = &|option| some(option.hits - option.hits_before, option.hits_before);
    let lost: Share<'_> = &|option| {
        ["option", "no_input"].contains(&option.kind.as_str()).then_some(ends(option)).flatten()
    };
    let loops: Share<'_> =
        &|option| some(option.repeats, option.visits).filter(|_| option.repeats > 0.0);
    let where_lost = "Where do most people get lost?";
    let circles = "Where do people go in circles?";
    for (uid, title, ref_id, share) in [
        (MENUS, OPTIONS, "E", part),
        (MENUS, OPTIONS, "F", ends),
        (MENUS, OPTIONS, "G", retries),
        (MENUS, OPTIONS, "C", change),
        (JOURNEYS, where_lost, "B", lost),
        (JOURNEYS, circles, "B", loops),
    ] {
        let rows = month.rows(&grafana, uid, title, ref_id).await;
        let seen: BTreeMap<Key, f64> =
            rows.into_iter().filter_map(|(labels, value)| Some((key(&labels)?, value))).collect();
        let mut compared = 0;
        for option in &truth.options {
            let Some(wanted) = share(option) else { continue };
            let value = seen.get(&option.key).copied().unwrap_or(f64::NAN);
            let close = (value - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
            assert!(close, "{title} {ref_id}: {:?}: {value} for {wanted}", option.key);
            compared += 1;
        }
        assert!(compared >= 5, "{title} {ref_id}: {compared} shares were compared");
    }
    totals_are_the_truth(month, &grafana).await;
    // Rising and falling traffic, single hours, and a young exporter once distorted the shares.
    for hours_before in [0.0, 4.0, 8.0, 12.0, 19.0] {
        let grafana = month.grafana(hours_before / 24.0, 3600.0);
        for (uid, title, ref_id) in [
            (MENUS, OPTIONS, "F"),
            (MENUS, OPTIONS, "G"),
            (JOURNEYS, where_lost, "B"),
            (JOURNEYS, circles, "B"),
        ] {
            are_shares(&month.rows(&grafana, uid, title, ref_id).await, title);
        }
    }
}

pub(crate) fn are_shares(rows: &[(Labels, f64)], title: &str) {
    let wrong = rows.iter().find(|(_, value)| !value.is_nan() && !(0.0..=1.0).contains(value));
    assert_eq!(wrong, None, "{title}: no share");
}

async fn totals_are_the_truth(month: &Month, grafana: &Grafana<'_>) {
    let truth = &month.truth;
    // One step of the day lies before the first sample or after the last, and is extrapolated.
    let whole = DAY / (DAY - truth.step);
    let close = |title: &str, shown: f64, wanted: f64, within: f64| {
        assert!((shown - wanted).abs() <= within * wanted.abs(), "{title}: {shown} for {wanted}");
    };
    let interactions = month.number(grafana, MENUS, "Contacts").await;
    close("Contacts", interactions, truth.interactions * whole, 1e-6);
    let change = month.number(grafana, MENUS, "Vs 7 days").await;
    close("Vs 7 days", change + 1.0, truth.interactions / truth.interactions_before, 1e-6);
    let journeys = month.number(grafana, JOURNEYS, "Journeys").await;
    close("Journeys", journeys, truth.journeys * whole, 1e-6);
    let lengths = "How many options do journeys have?";
    let mut sum = 0.0;
    for ref_id in ["A", "B", "C", "D", "E"] {
        sum += month.rows(grafana, JOURNEYS, lengths, ref_id).await[0].1;
    }
    close(lengths, sum, 100.0, 1e-6);
    let long = month.rows(grafana, JOURNEYS, lengths, "E").await[0].1;
    close(lengths, long, 100.0 * (1.0 - truth.journeys_up_to_4 / truth.journeys), 1e-6);
    let (through, lost) = (
        month.number(grafana, JOURNEYS, "Reach end").await,
        month.number(grafana, JOURNEYS, "Get lost").await,
    );
    close("Got through and got lost", through + lost, 1.0, 1e-9);
    for title in ["Where do they come from?", "Where do they go on?"] {
        let mut sum = 0.0;
        let mut variables = all();
        let fallen = &truth.fallen[0];
        variables.choose("rp_id", std::slice::from_ref(&fallen.rp_id), 1);
        variables.choose("cod_opc_menu", std::slice::from_ref(&fallen.cod_opc_menu), 1);
        for target in &month.panel(JOURNEYS, title).targets {
            sum +=
                grafana.now(target, &variables).await.iter().map(|(_, value)| value).sum::<f64>();
        }
        close(title, sum, 100.0, 1e-6);
    }
}
