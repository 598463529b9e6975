//! The reference of the metrics names every metric with its type and its labels, and no other. What is exposed stands in
//! the golden exposition, which `golden` compares with a scrape byte by byte.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::support::repository::{quoted, root};

/// Name of a family, to its type and the labels of its series.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// The rows `| names | types | labels | meaning |` of the reference.
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

/// Labels as the reference writes them: single ones in backticks, sets of them as a letter.
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

/// Not in the golden exposition, whose hour has no earlier weeks to be compared with, and no deeper re-reading: an exporter
/// that has read them, and sees an option stop, is held against the reference by [`knows`].
const WITH_HISTORY: [&str; 9] = [
    "wolkvox_deep_read_remaining_seconds",
    "wolkvox_deep_read_timestamp_seconds",
    "wolkvox_deep_reads_total",
    "wolkvox_menu_anomaly_expected",
    "wolkvox_menu_anomaly_observed",
    "wolkvox_menu_anomaly_window_seconds",
    "wolkvox_menu_option_anomaly_score",
    "wolkvox_menu_routing_point_anomaly_score",
    "wolkvox_menu_window_option_expected_hits",
];

/// Only there once a deeper re-reading has failed: the tests of the poller see it.
const SELDOM: &str = "wolkvox_deep_read_failures_total";

/// The families of an exposition in the text format.
fn exposed(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if let Some((series, labels)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let ends = ["", "_bucket", "_sum", "_count"].into_iter();
            let mut names = ends.filter_map(|end| series.strip_suffix(end));
            let name = names.find(|name| families.contains_key(*name)).expect("after its type");
            // The values hold no `="` here.
            let labels = labels.split("=\"").filter_map(|before| before.rsplit([',', '{', '"']).next());
            let labels = labels.filter(|label| !["le", ""].contains(label) && !label.starts_with('}'));
            families.get_mut(name).expect("found").1.extend(labels.map(str::to_owned));
        }
    }
    families.retain(|name, _| name.starts_with("wolkvox_"));
    families
}

/// Fails if a family of an exposition stands otherwise in the reference, or not at all. Gives back their names.
fn agreed(text: &str) -> BTreeSet<String> {
    let documented = documented();
    let exposed = exposed(text);
    for (name, (kind, labels)) in &exposed {
        let (told_kind, told_labels) =
            documented.get(name).unwrap_or_else(|| panic!("{name} is missing in docs/metrics.md"));
        assert_eq!(told_kind, kind, "{name}");
        // A family without a series in it shows no labels.
        assert!(labels.is_empty() || told_labels == labels, "{name}: {told_labels:?}, exposed {labels:?}");
    }
    exposed.into_keys().collect()
}

/// Holds the exposition of an exporter that sees an option stop against the reference.
pub(crate) fn knows(text: &str) {
    let names = agreed(text);
    let missing: Vec<&str> = WITH_HISTORY.into_iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "not exposed: {missing:?}");
}

#[test]
fn names_every_metric_with_its_type_and_labels() {
    let exposed = agreed(&read("tests/golden/metrics.txt"));
    assert!(exposed.len() > 40, "only {exposed:?}");
    let elsewhere: BTreeSet<String> = WITH_HISTORY.into_iter().chain([SELDOM]).map(str::to_owned).collect();
    let others: BTreeSet<String> = documented().into_keys().filter(|name| !exposed.contains(name)).collect();
    assert_eq!(others, elsewhere, "docs/metrics.md names what the golden exposition has not");
}
