//! Panels whose number is known: what they show is what the simulator made.

use std::collections::BTreeMap;

use crate::{
    boards::{Board, boards},
    centre::{Centre, NO_INPUT, OPT_OUT, Scraped},
    grafana::{Grafana, Variables},
};

/// Everything is chosen.
fn all() -> Variables {
    let mut variables = Variables::default();
    ["server", "rp_id", "channel"].iter().for_each(|name| variables.choose(name, &[], 0));
    variables
}

struct Reader<'a> {
    grafana: Grafana<'a>,
    boards: Vec<Board>,
}

impl Reader<'_> {
    async fn series(&self, uid: &str, title: &str, ref_id: &str) -> Vec<(BTreeMap<String, String>, f64)> {
        let board = self.boards.iter().find(|board| board.uid == uid).expect("a dashboard of this uid");
        let (_, target) = board
            .targets()
            .find(|(panel, target)| panel.title == title && target.ref_id == ref_id)
            .unwrap_or_else(|| panic!("{uid} has no panel {title:?} with a query {ref_id}"));
        self.grafana.now(target, &all()).await
    }

    /// A panel of one number.
    async fn number(&self, uid: &str, title: &str) -> f64 {
        let series = self.series(uid, title, "A").await;
        assert_eq!(series.len(), 1, "{title}: {series:?}");
        series[0].1
    }

    /// A panel of a number per label.
    async fn per(&self, uid: &str, title: &str, ref_id: &str, label: &str) -> BTreeMap<String, f64> {
        let series = self.series(uid, title, ref_id).await;
        series.into_iter().map(|(labels, value)| (labels[label].clone(), value)).collect()
    }
}

fn same(title: &str, shown: f64, truth: f64) {
    let close = (shown - truth).abs() <= truth.abs() * 1e-9 + 1e-9;
    assert!(close, "{title}: shows {shown}, and the truth is {truth}");
}

/// Every bar or row that is shown is right, and the largest are shown.
fn same_each(title: &str, shown: &BTreeMap<String, f64>, truth: &BTreeMap<String, f64>) {
    assert!(!shown.is_empty(), "{title} shows nothing");
    for (name, value) in shown {
        same(&format!("{title}: {name}"), *value, truth.get(name).copied().unwrap_or(f64::NAN));
    }
    let least = shown.values().copied().fold(f64::INFINITY, f64::min);
    let left_out = truth.iter().find(|(name, value)| !shown.contains_key(*name) && **value > least + 1e-9);
    assert_eq!(left_out, None, "{title}: left out, though larger than what is shown");
}

pub(crate) async fn are_the_truth(scraped: &Scraped, centre: &Centre) {
    let end = scraped.read_until().await;
    let reader = Reader { grafana: Grafana::of_a_test(&scraped.prometheus, end), boards: boards() };
    // What an option is called, as the exporter has learnt it: names are tested elsewhere, here it is numbers.
    let names: BTreeMap<String, String> = scraped
        .prometheus
        .query("wolkvox_menu_option_info")
        .await
        .into_iter()
        .map(|(labels, _)| (labels["cod_opc_menu"].clone(), labels["description"].clone()))
        .collect();
    menus(&reader, centre, &names).await;
    journeys(&reader, centre, &names).await;
}

async fn menus(reader: &Reader<'_>, centre: &Centre, names: &BTreeMap<String, String>) {
    let uid = "wolkvox-menus-en";
    let truth = centre.truth();
    let interactions: u64 = truth.points.iter().map(|point| point.interactions).sum();
    let (mut hits, mut attempts, mut retries, mut no_input, mut opt_out) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let (mut codes, mut shares, mut seconds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for option in &truth.options {
        let count = option.hits as f64;
        hits += count;
        attempts += option.attempts as f64;
        retries += option.retries as f64;
        let code = &option.cod_opc_menu;
        no_input += if code == NO_INPUT { count } else { 0.0 };
        opt_out += if code == OPT_OUT { count } else { 0.0 };
        *codes.entry(code.clone()).or_insert(0.0) += count;
        *shares.entry(names[code].clone()).or_insert(0.0) += count;
        let sums = seconds.entry(code.clone()).or_insert((0.0, 0.0));
        (sums.0, sums.1) = (sums.0 + option.seconds_sum as f64, sums.1 + option.seconds_count as f64);
    }
    shares.values_mut().for_each(|count| *count /= hits);
    let means = seconds.into_iter().map(|(code, (sum, count))| (code, sum / count)).collect();
    assert!(no_input > 0.0 && opt_out > 0.0 && retries > 0.0, "the simulator has none of these");

    for (title, truth) in [
        ("How many calls and chats came in?", interactions as f64),
        ("How many options were chosen?", hits),
        ("Who had to try again?", retries / hits),
        ("Who pressed nothing?", no_input / hits),
        ("Who asked to leave the menu?", opt_out / hits),
        ("How many attempts per option?", attempts / hits),
    ] {
        same(title, reader.number(uid, title).await, truth);
    }
    let title = "Which options are chosen most?";
    same_each(title, &reader.per(uid, title, "A", "description").await, &shares);
    let title = "What changed since last week?";
    same_each(title, &reader.per(uid, title, "A", "cod_opc_menu").await, &codes);
    let title = "Which options take long to reach?";
    same_each(title, &reader.per(uid, title, "C", "cod_opc_menu").await, &means);
}

async fn journeys(reader: &Reader<'_>, centre: &Centre, names: &BTreeMap<String, String>) {
    let uid = "wolkvox-journeys-en";
    let truth = centre.journeys();
    let ended: u64 = truth.points.iter().map(|point| point.journeys).sum();
    let options: u64 = truth.points.iter().map(|point| point.options).sum();
    let repeats: u64 = truth.options.iter().map(|option| option.repeats).sum();
    let (ended, mut finals, mut entries, mut steps) =
        (ended as f64, BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for option in &truth.options {
        let name = &names[&option.cod_opc_menu];
        *finals.entry(name.clone()).or_insert(0.0) += option.finals as f64 / ended;
        *entries.entry(name.clone()).or_insert(0.0) += option.entries as f64 / ended;
    }
    for step in &truth.transitions {
        *steps.entry(format!("{} > {}", step.from, step.to)).or_insert(0.0) += step.steps as f64;
    }
    for (title, truth) in [
        ("How many journeys have ended?", ended),
        ("How many options does one take?", options as f64 / ended),
        ("How often do people go in circles?", repeats as f64 / ended),
    ] {
        same(title, reader.number(uid, title).await, truth);
    }
    let title = "Where do journeys end?";
    same_each(title, &reader.per(uid, title, "A", "description").await, &finals);
    let title = "Where do people enter?";
    same_each(title, &reader.per(uid, title, "A", "description").await, &entries);
    // The arrows of the graph and the rows of the table are the same steps.
    let title = "Which paths do people take?";
    same_each(title, &reader.per(uid, title, "B", "id").await, &steps);
    let title = "The most usual steps";
    let rows = reader.series(uid, title, "A").await;
    let rows = rows
        .into_iter()
        .map(|(labels, value)| (format!("{} > {}", labels["from_opc_menu"], labels["to_opc_menu"]), value));
    same_each(title, &rows.collect(), &steps);
}
