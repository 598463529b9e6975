//! Tests of panels whose numbers are known from the simulator.

use std::collections::BTreeMap;

use crate::dashboards::{
    boards::{Board, boards},
    centre::{Centre, NO_INPUT, OPT_OUT, Scraped, TERMINAL},
    grafana::{Grafana, Variables},
};

/// Fewest visits for which the dashboards show a share.
const MIN_VISITS: f64 = 10.0;

/// Returns variables with everything chosen.
fn all() -> Variables {
    let mut variables = Variables::default();
    ["server", "rp_id", "channel", "cod_opc_menu"]
        .iter()
        .for_each(|name| variables.choose(name, &[], 0));
    variables
}

struct Reader<'a> {
    grafana: Grafana<'a>,
    boards: Vec<Board>,
}

impl Reader<'_> {
    async fn series(
        &self,
        uid: &str,
        title: &str,
        ref_id: &str,
    ) -> Vec<(BTreeMap<String, String>, f64)> {
        let board =
            self.boards.iter().find(|board| board.uid == uid).expect("a dashboard of this uid");
        let (_, target) = board
            .targets()
            .find(|(panel, target)| panel.title == title && target.ref_id == ref_id)
            .unwrap_or_else(|| panic!("{uid} has no panel {title:?} with a query {ref_id}"));
        self.grafana.now(target, &all()).await
    }

    /// Returns the number of a panel with one number.
    async fn number(&self, uid: &str, title: &str) -> f64 {
        let series = self.series(uid, title, "A").await;
        assert_eq!(series.len(), 1, "{title}: {series:?}");
        series[0].1
    }

    /// Returns a column of a table of options, without the dashes.
    async fn per_option(&self, uid: &str, title: &str, ref_id: &str) -> BTreeMap<String, f64> {
        let series = self.series(uid, title, ref_id).await;
        let numbers = series.into_iter().filter(|(_, value)| !value.is_nan());
        let option = |(labels, value): (BTreeMap<String, String>, f64)| {
            (key(&labels["rp_id"], &labels["channel"], &labels["cod_opc_menu"]), value)
        };
        numbers.map(option).collect()
    }
}

fn same(title: &str, shown: f64, truth: f64) {
    let close = (shown - truth).abs() <= truth.abs() * 1e-9 + 1e-9;
    assert!(close, "{title}: shows {shown}, and the truth is {truth}");
}

/// Fails unless exactly the rows of the truth are shown, with their values.
fn same_each(title: &str, shown: &BTreeMap<String, f64>, truth: &BTreeMap<String, f64>) {
    assert!(!shown.is_empty(), "{title} shows nothing");
    for (name, value) in shown {
        same(&format!("{title}: {name}"), *value, truth.get(name).copied().unwrap_or(f64::NAN));
    }
    let left_out: Vec<&String> = truth.keys().filter(|name| !shown.contains_key(*name)).collect();
    assert!(left_out.is_empty(), "{title}: left out: {left_out:?}");
}

pub(crate) async fn are_the_truth(scraped: &Scraped, centre: &Centre) {
    let end = scraped.read_until().await;
    let reader = Reader { grafana: Grafana::of_a_test(&scraped.prometheus, end), boards: boards() };
    menus(&reader, centre).await;
    journeys(&reader, centre).await;
    hang_ups(&reader, centre).await;
}

/// Compares the table of hang-ups: the number of callers at each option, and their share of the
/// calls that ended there.
async fn hang_ups(reader: &Reader<'_>, centre: &Centre) {
    let (mut all, mut hung_up) = (BTreeMap::new(), BTreeMap::new());
    for ((rp_id, code, outcome), calls) in &centre.calls().calls {
        let key = key(rp_id, "voice", code);
        *all.entry(key.clone()).or_insert(0.0) += *calls as f64;
        if *outcome == "hung_up" {
            hung_up.insert(key, *calls as f64);
        }
    }
    let shares = all.iter().filter(|(_, calls)| **calls >= MIN_VISITS);
    let shares =
        shares.map(|(key, calls)| (key.clone(), hung_up.get(key).copied().unwrap_or(0.0) / calls));
    let shares: BTreeMap<String, f64> = shares.collect();
    let title = "Where do callers hang up?";
    same_each(title, &reader.per_option("wolkvox-journeys-en", title, "A").await, &hung_up);
    same_each(title, &reader.per_option("wolkvox-journeys-en", title, "B").await, &shares);
    let title = "Options: what changed, and where they end";
    same_each(title, &reader.per_option("wolkvox-menus-en", title, "I").await, &shares);
}

fn key(rp_id: &str, channel: &str, code: &str) -> String {
    format!("{rp_id} {channel} {code}")
}

async fn menus(reader: &Reader<'_>, centre: &Centre) {
    let uid = "wolkvox-menus-en";
    let truth = centre.truth();
    let interactions: u64 = truth.points.iter().map(|point| point.interactions).sum();
    let (mut hits, mut retries, mut no_input) = (0.0, 0.0, 0.0);
    let (mut times, mut shares, mut points) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for option in &truth.options {
        let count = option.hits as f64;
        hits += count;
        retries += option.retries as f64;
        no_input += if option.cod_opc_menu == NO_INPUT { count } else { 0.0 };
        let key = key(&option.rp_id, &option.channel, &option.cod_opc_menu);
        times.insert(key.clone(), count);
        if count >= MIN_VISITS {
            shares.insert(key, option.retries as f64 / count);
        }
        *points.entry(format!("{} {}", option.rp_id, option.channel)).or_insert(0.0) += count;
    }
    assert!(no_input > 0.0 && retries > 0.0, "the simulator has none of these");
    for (title, truth) in [
        ("Contacts", interactions as f64),
        ("Try again", retries / hits),
        ("No input", no_input / hits),
    ] {
        same(title, reader.number(uid, title).await, truth);
    }
    let title = "Options: what changed, and where they end";
    same_each(title, &reader.per_option(uid, title, "B").await, &times);
    same_each(title, &reader.per_option(uid, title, "G").await, &shares);
    let parts = times.iter().map(|(key, count)| {
        let point = key.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        (key.clone(), 100.0 * count / points[&point])
    });
    same_each(title, &reader.per_option(uid, title, "E").await, &parts.collect());
}

async fn journeys(reader: &Reader<'_>, centre: &Centre) {
    let uid = "wolkvox-journeys-en";
    let truth = centre.journeys();
    let ended: u64 = truth.points.iter().map(|point| point.journeys).sum();
    let mut visits: BTreeMap<String, f64> = BTreeMap::new();
    for step in &truth.transitions {
        *visits.entry(key(&step.rp_id, &step.channel, &step.to)).or_default() += step.steps as f64;
    }
    let (mut ends, mut loops, mut lost, mut gone) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), 0.0);
    for option in &truth.options {
        let key = key(&option.rp_id, &option.channel, &option.cod_opc_menu);
        let visits = option.entries as f64 + visits.get(&key).copied().unwrap_or_default();
        let (finals, repeats) = (option.finals as f64, option.repeats as f64);
        if visits >= MIN_VISITS {
            ends.insert(key.clone(), finals / visits);
        }
        if repeats > 0.0 {
            loops.insert(key.clone(), repeats);
        }
        if ![OPT_OUT, TERMINAL].contains(&option.cod_opc_menu.as_str()) {
            lost.insert(key, finals);
            gone += finals;
        }
    }
    let ended = ended as f64;
    for (title, truth) in [("Journeys", ended), ("Get lost", gone / ended)] {
        same(title, reader.number(uid, title).await, truth);
    }
    let title = "Options: what changed, and where they end";
    same_each(title, &reader.per_option("wolkvox-menus-en", title, "F").await, &ends);
    let title = "Where do most people get lost?";
    same_each(title, &reader.per_option(uid, title, "A").await, &lost);
    let title = "Where do people go in circles?";
    let mut shown = reader.per_option(uid, title, "A").await;
    shown.retain(|_, repeats| *repeats > 0.0);
    same_each(title, &shown, &loops);
}
