//! Tests of every query in `docs/queries.md`: each runs on a real Prometheus and is compared with
//! the simulator's truth.

use std::collections::BTreeMap;

use simulator_testing::{Journeys, Truth};

use crate::support::prometheus::Prometheus;

/// The code for leaving the menu, as in the documentation's configuration.
pub(crate) const OPT_OUT: &str = "AGENTE";
const NO_INPUT: &str = "PULSE";
/// Relative tolerance of a quotient: `increase()` extrapolates each series to the end of the range,
/// and series begin at different scrapes.
const TOLERANCE: f64 = 0.05;
/// Relative tolerance of a count, in which these errors do not cancel.
const TOLERANCE_OF_COUNTS: f64 = 0.15;

/// Values by the labels that distinguish them, joined.
type Values = BTreeMap<String, f64>;

/// Runs all queries over the duration of the test instead of a day.
pub(crate) async fn check(
    prometheus: &Prometheus,
    truth: &Truth,
    journeys: &Journeys,
    bounds: &[f64],
) {
    let documentation = include_str!("../../../docs/queries.md");
    let queries = queries(documentation);
    assert_eq!(
        queries.len(),
        documentation.matches("```promql").count(),
        "a query without a heading"
    );
    for (title, query) in queries {
        counts_of_one_kind(title, query);
        let mut values = values(prometheus, &query.replace("[1d]", "[10m]")).await;
        let who = prometheus.tool();
        let expected = match title {
            "Which options are chosen: the share of each" => shares(truth),
            "Where people leave: drop-off per option" => drop_off(journeys),
            "No-input share" => kind_share(truth, NO_INPUT),
            "Opt-out share" => opt_out(journeys),
            "Loops per interaction" => per_journey(journeys, repeats(journeys)),
            "Options entered per interaction" => per_journey(journeys, options(journeys)),
            "The most common steps of the path" => steps(journeys),
            "Median time to option" => {
                check_quantile(&format!("{who}: {title}"), &values, truth, 0.5, bounds);
                continue;
            }
            "90th percentile of the time to option" => {
                check_quantile(&format!("{who}: {title}"), &values, truth, 0.9, bounds);
                continue;
            }
            other => panic!("docs/queries.md asks {other:?}, of which this test knows no truth"),
        };
        if query.starts_with("topk") {
            // Which of several nearly equal options is the fifth is not promised.
            values.retain(|key, _| expected.contains_key(key));
        }
        assert!(expected.len() > 1, "{title}: too little truth");
        // Visits are a sum over all steps to an option, each of which began at another moment.
        let one_beginning = query.contains('/') && !query.contains("transitions_total");
        let tolerance = if one_beginning { TOLERANCE } else { TOLERANCE_OF_COUNTS };
        assert_close(&format!("{who}: {title}"), &values, &expected, tolerance);
    }
}

/// Fails if a query divides a count of rows by one of journeys. Rows count at once and journeys
/// when they are over, so their quotient mixes different people; at the simulator's end, when all
/// are over, no number would show that.
fn counts_of_one_kind(title: &str, query: &str) {
    const JOURNEYS: [&str; 5] =
        ["option_entry", "option_final", "option_repeats", "transitions", "journey_"];
    let names = query.split("wolkvox_menu_").skip(1);
    let of_journeys: Vec<bool> = names
        .filter(|name| !name.starts_with("option_info"))
        .map(|name| JOURNEYS.iter().any(|journeys| name.starts_with(journeys)))
        .collect();
    assert!(!of_journeys.is_empty(), "{title}: no counter");
    assert!(
        of_journeys.windows(2).all(|pair| pair[0] == pair[1]),
        "{title}: rows and journeys in one query"
    );
}

/// Returns the headings with their queries.
fn queries(documentation: &str) -> Vec<(&str, &str)> {
    let sections = documentation.split("\n### ").skip(1);
    let query = |section: &'static str| -> Option<(&'static str, &'static str)> {
        let (title, rest) = section.split_once('\n')?;
        let (_, rest) = rest.split_once("```promql\n")?;
        Some((title, rest.split_once("```")?.0))
    };
    sections.filter_map(|section| query(Box::leak(section.to_owned().into_boxed_str()))).collect()
}

async fn values(prometheus: &Prometheus, promql: &str) -> Values {
    let key = |labels: &crate::support::prometheus::Labels| {
        let order = ["rp_id", "cod_opc_menu", "from_opc_menu", "to_opc_menu"];
        let parts: Vec<&str> =
            order.iter().filter_map(|name| labels.get(*name)).map(String::as_str).collect();
        parts.join("|")
    };
    let found = prometheus.query(promql).await;
    found
        .into_iter()
        .filter(|(_, value)| !value.is_nan())
        .map(|(labels, value)| (key(&labels), value))
        .collect()
}

fn assert_close(what: &str, found: &Values, expected: &Values, tolerance: f64) {
    for (key, real) in expected {
        let shown = found.get(key).copied().unwrap_or(0.0);
        assert!(
            (shown - real).abs() <= tolerance * real.abs().max(0.02),
            "{what}: {key} is {shown}, and not {real}"
        );
    }
    for (key, shown) in found.iter().filter(|(key, _)| !expected.contains_key(*key)) {
        assert!(shown.abs() < 0.001, "{what}: {key} is {shown}, of which nothing is known");
    }
}

/// Fails unless the true quantile lies in the bucket that the query found.
fn check_quantile(what: &str, found: &Values, truth: &Truth, quantile: f64, bounds: &[f64]) {
    let mut seconds: BTreeMap<&str, BTreeMap<u32, u64>> = BTreeMap::new();
    for option in &truth.options {
        let all = seconds.entry(&option.rp_id).or_default();
        option.seconds.iter().for_each(|(second, rows)| *all.entry(*second).or_default() += rows);
    }
    assert_eq!(found.len(), seconds.len(), "{what}: {found:?}");
    for (rp_id, counts) in seconds {
        let rank = quantile * counts.values().sum::<u64>() as f64;
        let mut below = 0.0;
        let exact = counts.iter().find(|(_, rows)| {
            below += **rows as f64;
            below >= rank
        });
        let exact = f64::from(*exact.expect("a quantile lies among the values").0);
        let bucket = bounds.partition_point(|bound| *bound < exact);
        let low = bucket.checked_sub(1).map_or(0.0, |below| bounds[below]);
        // A quantile at a bound may be found in the next bucket.
        let high = bounds.get(bucket + 1).copied().unwrap_or(f64::INFINITY);
        let shown = found[rp_id];
        assert!(shown >= low && shown <= high, "{what}: {rp_id} is {shown}, and not {exact}");
    }
}

fn add(values: &mut Values, key: String, value: u64) {
    *values.entry(key).or_default() += value as f64;
}

fn divided(over: Values, by: impl Fn(&str) -> f64) -> Values {
    over.into_iter().map(|(key, value)| (key.clone(), value / by(&key))).collect()
}

fn hits(truth: &Truth) -> Values {
    let mut hits = Values::new();
    truth.options.iter().for_each(|o| add(&mut hits, o.rp_id.clone(), o.hits));
    hits
}

fn by_option(truth: &Truth) -> Values {
    let mut hits = Values::new();
    truth
        .options
        .iter()
        .for_each(|o| add(&mut hits, format!("{}|{}", o.rp_id, o.cod_opc_menu), o.hits));
    hits
}

fn shares(truth: &Truth) -> Values {
    let all = hits(truth);
    divided(by_option(truth), |key| all[key.split('|').next().unwrap_or_default()])
}

fn kind_share(truth: &Truth, code: &str) -> Values {
    let (all, mut values) = (hits(truth), Values::new());
    let of_kind = truth.options.iter().filter(|o| o.cod_opc_menu == code);
    of_kind.for_each(|o| add(&mut values, o.rp_id.clone(), o.hits));
    divided(values, |key| all[key])
}

fn drop_off(journeys: &Journeys) -> Values {
    let (mut visits, mut finals) = (Values::new(), Values::new());
    for o in &journeys.options {
        add(&mut visits, format!("{}|{}", o.rp_id, o.cod_opc_menu), o.entries);
        add(&mut finals, format!("{}|{}", o.rp_id, o.cod_opc_menu), o.finals);
    }
    journeys
        .transitions
        .iter()
        .for_each(|t| add(&mut visits, format!("{}|{}", t.rp_id, t.to), t.steps));
    divided(finals, |key| visits[key])
}

fn per_journey(journeys: &Journeys, values: Values) -> Values {
    let mut all = Values::new();
    journeys.points.iter().for_each(|p| add(&mut all, p.rp_id.clone(), p.journeys));
    divided(values, |key| all[key])
}

fn opt_out(journeys: &Journeys) -> Values {
    let mut values = Values::new();
    let of_kind = journeys.options.iter().filter(|o| o.cod_opc_menu == OPT_OUT);
    of_kind.for_each(|o| add(&mut values, o.rp_id.clone(), o.finals));
    per_journey(journeys, values)
}

fn repeats(journeys: &Journeys) -> Values {
    let mut values = Values::new();
    journeys.options.iter().for_each(|o| add(&mut values, o.rp_id.clone(), o.repeats));
    values
}

fn options(journeys: &Journeys) -> Values {
    let mut values = Values::new();
    journeys.points.iter().for_each(|p| add(&mut values, p.rp_id.clone(), p.options));
    values
}

/// Returns the five most frequent steps of each routing point; in a tie, Prometheus may choose
/// another fifth.
fn steps(journeys: &Journeys) -> Values {
    let mut by_point: BTreeMap<&str, Vec<(u64, String)>> = BTreeMap::new();
    for t in &journeys.transitions {
        by_point
            .entry(&t.rp_id)
            .or_default()
            .push((t.steps, format!("{}|{}|{}", t.rp_id, t.from, t.to)));
    }
    let mut values = Values::new();
    for mut steps in by_point.into_values() {
        steps.sort_by(|a, b| b.cmp(a));
        let sixth = steps.get(5).map_or(0, |(steps, _)| *steps);
        // If the fifth and sixth are close, extrapolation may change their order.
        let clear =
            steps.into_iter().take(5).filter(|(steps, _)| *steps as f64 > sixth as f64 * 1.2);
        clear.for_each(|(steps, key)| add(&mut values, key, steps));
    }
    values
}
