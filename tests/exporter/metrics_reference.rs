//! Tests that the reference of the metrics has every metric with its type and labels, and no other.
//! The table of metrics in the source is the authority; expositions are compared with it, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use wolkvox_exporter::{exposition::MetricType, snapshot::all_metrics};

use crate::support::repository::{quoted, root};

/// The type of each family and the labels of its series, by name.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// Returns the rows `| names | types | labels | meaning |` of the reference.
fn documented() -> Families {
    let mut families = Families::new();
    let text = read("docs/metrics.md");
    for line in text.lines().filter(|line| line.starts_with("| `wolkvox_")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [names, types, labels, _] = cells[..] else { panic!("no four cells: {line}") };
        let types: Vec<&str> = types.split(", ").collect();
        for (index, name) in quoted(names).enumerate() {
            let kind = types.get(index).or(types.last()).expect("a type");
            let family = (kind.trim().to_owned(), expanded(labels));
            assert_eq!(families.insert(name.to_owned(), family), None, "{name} stands there twice");
        }
    }
    families
}

/// Returns the labels of a cell, where a label is in backticks and a letter stands for a set of
/// labels.
fn expanded(cell: &str) -> BTreeSet<String> {
    let mut labels: BTreeSet<String> =
        quoted(cell).flat_map(|quoted| quoted.split(", ")).map(str::to_owned).collect();
    let set: &[&str] = match cell.split(',').next().unwrap_or_default() {
        "L" => &["server", "rp_id", "channel", "cod_opc_menu"],
        "P" => &["server", "rp_id", "channel"],
        "S" => &["server"],
        _ => &[],
    };
    labels.extend(set.iter().map(|&label| label.to_owned()));
    labels
}

/// Returns the families of an exposition in the text format.
fn exposed(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((series, labels)) =
            line.split_once('{').filter(|_| !line.starts_with('#'))
        {
            let ends = ["", "_bucket", "_sum", "_count"].into_iter();
            let mut names = ends.filter_map(|end| series.strip_suffix(end));
            let name = names.find(|name| families.contains_key(*name)).expect("after its type");
            // No value in these expositions holds `="`.
            let labels =
                labels.split("=\"").filter_map(|before| before.rsplit([',', '{', '"']).next());
            let labels =
                labels.filter(|label| !["le", ""].contains(label) && !label.starts_with('}'));
            families.get_mut(name).expect("found").1.extend(labels.map(str::to_owned));
        }
    }
    families.retain(|name, _| name.starts_with("wolkvox_"));
    families
}

/// Returns every metric that the source declares.
fn declared() -> Families {
    let mut families = Families::new();
    for metric in all_metrics() {
        let kind = match metric.kind {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
        };
        let labels = metric.labels.iter().map(|&label| label.to_owned()).collect();
        let before = families.insert(metric.name.to_owned(), (kind.to_owned(), labels));
        assert_eq!(before, None, "{} is declared twice", metric.name);
    }
    families
}

/// Fails if a family of an exposition is not declared, or is declared differently.
fn agrees(text: &str) {
    let declared = declared();
    let exposed = exposed(text);
    assert!(exposed.len() > 40, "only {exposed:?}");
    for (name, (kind, labels)) in exposed {
        let (declared_kind, declared_labels) =
            declared.get(&name).unwrap_or_else(|| panic!("{name} is declared by no table"));
        assert_eq!(*declared_kind, kind, "{name}");
        // A family without series shows no labels.
        assert!(
            labels.is_empty() || *declared_labels == labels,
            "{name}: {declared_labels:?}, exposed {labels:?}"
        );
    }
}

/// Families that need earlier weeks, or a routing point that falls silent.
const WITH_HISTORY: [&str; 6] = [
    "wolkvox_menu_anomaly_expected",
    "wolkvox_menu_anomaly_observed",
    "wolkvox_menu_anomaly_window_seconds",
    "wolkvox_menu_option_anomaly_score",
    "wolkvox_menu_routing_point_anomaly_score",
    "wolkvox_menu_window_option_expected_hits",
];

/// Compares the exposition of an exporter that sees an option stop with the tables.
pub(crate) fn knows(text: &str) {
    agrees(text);
    let exposed = exposed(text);
    let missing: Vec<&str> =
        WITH_HISTORY.into_iter().filter(|name| !exposed.contains_key(*name)).collect();
    assert!(missing.is_empty(), "not exposed: {missing:?}");
}

#[test]
fn what_is_exposed_is_as_it_is_declared() {
    agrees(&read("tests/golden/metrics.txt"));
}

#[test]
fn names_every_metric_with_its_type_and_labels() {
    assert_eq!(documented(), declared());
}
