//! A month with an incident, as `tools/month` writes it: whether a supervisor sees the incident, and nothing else.
//!
//! Owns what is expected of the dashboards over that month. The truth comes from the generator, never from a query.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::{
    boards::{Board, Panel, boards},
    grafana::{Grafana, Variables},
    real_prometheus::{Labels, Prometheus, Tool},
};

/// The last sample of each month, in seconds, as the generator has it.
pub(crate) const END: f64 = 1_772_658_000.0;
const DAY: f64 = 86_400.0;

/// What `tools/month` prints.
#[derive(Deserialize)]
struct Truth {
    end: f64,
    step: f64,
    fallen: Key,
    interactions: f64,
    interactions_before: f64,
    journeys: f64,
    journeys_up_to_4: f64,
    options: Vec<TrueOption>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rp_id: String,
    channel: String,
    cod_opc_menu: String,
}

#[derive(Deserialize)]
struct TrueOption {
    #[serde(flatten)]
    key: Key,
    kind: String,
    hits: f64,
    hits_before: f64,
    retries: f64,
    finals: f64,
    repeats: f64,
    visits: f64,
}

/// A Prometheus over a generated month.
struct Month {
    prometheus: Prometheus,
    truth: Truth,
    boards: Vec<Board>,
    _storage: tempfile::TempDir,
}

/// The generator, or nothing where `scripts/test` has said that the month is left out.
pub(crate) fn generator() -> Option<PathBuf> {
    let path = std::env::var_os("WOLKVOX_TEST_MONTH").map(PathBuf::from);
    let path = path.expect("WOLKVOX_TEST_MONTH is not set: run scripts/test, which builds tools/month");
    Some(path).filter(|path| path.as_os_str() != "none")
}

impl Month {
    async fn new(tool: &Tool, generator: &Path, arguments: &[&str]) -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory can be created");
        let output = Command::new(generator)
            .args(arguments)
            .arg(storage.path())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", generator.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", generator.display());
        let truth: Truth =
            serde_json::from_slice(&output.stdout).expect("the generator prints the truth as JSON");
        assert_eq!(truth.end, END, "the generator's month ends at another moment");
        let flags = [
            format!("--storage.tsdb.path={}", storage.path().display()),
            "--storage.tsdb.retention.time=50y".to_owned(),
        ];
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let prometheus = Prometheus::start(tool, &[], &flags).await;
        Self { prometheus, truth, boards: boards(), _storage: storage }
    }

    /// Grafana some days before the end, between two samples, so that every Prometheus sees the same of them.
    fn grafana(&self, days_before: f64, range: f64) -> Grafana<'_> {
        let end = self.truth.end + 120.0 - days_before * DAY;
        Grafana { prometheus: &self.prometheus, end, range, speed: 1.0, points: 1000.0 }
    }

    fn panel(&self, uid: &str, title: &str) -> &Panel {
        let board = self.boards.iter().find(|board| board.uid == uid).expect("a dashboard of this uid");
        board
            .panels
            .iter()
            .find(|panel| panel.title == title)
            .unwrap_or_else(|| panic!("{uid} has no panel {title:?}"))
    }

    /// What a query of a panel gives, in the order of its rows.
    async fn rows(&self, grafana: &Grafana<'_>, uid: &str, title: &str, ref_id: &str) -> Vec<(Labels, f64)> {
        let panel = self.panel(uid, title);
        let target = panel
            .targets
            .iter()
            .find(|target| target.ref_id == ref_id)
            .unwrap_or_else(|| panic!("{uid}: {title}: no query {ref_id}"));
        grafana.now(target, &all()).await
    }

    async fn number(&self, grafana: &Grafana<'_>, uid: &str, title: &str) -> f64 {
        let rows = self.rows(grafana, uid, title, "A").await;
        assert_eq!(rows.len(), 1, "{title}: {rows:?}");
        rows[0].1
    }

    fn is_fallen(&self, labels: &Labels) -> bool {
        key(labels).as_ref() == Some(&self.truth.fallen)
    }
}

/// Everything is chosen.
fn all() -> Variables {
    let mut variables = Variables::default();
    ["server", "rp_id", "channel", "cod_opc_menu"].iter().for_each(|name| variables.choose(name, &[], 0));
    variables
}

fn key(labels: &Labels) -> Option<Key> {
    let label = |name: &str| labels.get(name).cloned();
    Some(Key { rp_id: label("rp_id")?, channel: label("channel")?, cod_opc_menu: label("cod_opc_menu")? })
}

const MENUS: &str = "wolkvox-menus-en";
const JOURNEYS: &str = "wolkvox-journeys-en";
const OUT: &str = "Is anything out of the ordinary?";
const OPTIONS: &str = "Options: what changed, and where they end";

/// The text that a panel shows for a value or a label.
fn shown(panel: &Panel, value: &str) -> String {
    let defaults = &panel.json["fieldConfig"]["defaults"]["mappings"];
    let overrides = panel.json["fieldConfig"]["overrides"].as_array().expect("overrides");
    let of_columns = overrides.iter().flat_map(|one| one["properties"].as_array().expect("properties"));
    let mut mappings = vec![defaults];
    mappings.extend(
        of_columns.filter(|property| property["id"] == "mappings").map(|property| &property["value"]),
    );
    let texts = mappings.iter().flat_map(|list| list.as_array().expect("mappings"));
    let text = texts.filter_map(|mapping| mapping["options"][value]["text"].as_str()).next();
    text.unwrap_or_else(|| panic!("{}: nothing to show for {value:?}", panel.title)).to_owned()
}

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

/// Every share of a day is what the generator counted, and every share at any time is one.
async fn shares_are_the_truth(month: &Month) {
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
    let lost: Share<'_> =
        &|option| ["option", "no_input"].contains(&option.kind.as_str()).then_some(ends(option)).flatten();
    let loops: Share<'_> = &|option| some(option.repeats, option.visits).filter(|_| option.repeats > 0.0);
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
    // Rising and falling traffic, single hours, and a young exporter bent the shares of old.
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

fn are_shares(rows: &[(Labels, f64)], title: &str) {
    let wrong = rows.iter().find(|(_, value)| !value.is_nan() && !(0.0..=1.0).contains(value));
    assert_eq!(wrong, None, "{title}: no share");
}

async fn totals_are_the_truth(month: &Month, grafana: &Grafana<'_>) {
    let truth = &month.truth;
    // One step of a day is before the first sample or after the last, and is estimated.
    let whole = DAY / (DAY - truth.step);
    let close = |title: &str, shown: f64, wanted: f64, within: f64| {
        assert!((shown - wanted).abs() <= within * wanted.abs(), "{title}: {shown} for {wanted}");
    };
    let interactions = month.number(grafana, MENUS, "Interactions").await;
    close("Interactions", interactions, truth.interactions * whole, 1e-6);
    let change = month.number(grafana, MENUS, "Vs 7 days ago").await;
    close("Vs 7 days ago", change + 1.0, truth.interactions / truth.interactions_before, 1e-6);
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
        month.number(grafana, JOURNEYS, "Got through").await,
        month.number(grafana, JOURNEYS, "Got lost").await,
    );
    close("Got through and got lost", through + lost, 1.0, 1e-9);
    for title in ["Where do they come from?", "Where do they go on?"] {
        let mut sum = 0.0;
        let mut variables = all();
        let fallen = &truth.fallen;
        variables.choose("rp_id", std::slice::from_ref(&fallen.rp_id), 1);
        variables.choose("cod_opc_menu", std::slice::from_ref(&fallen.cod_opc_menu), 1);
        for target in &month.panel(JOURNEYS, title).targets {
            sum += grafana.now(target, &variables).await.iter().map(|(_, value)| value).sum::<f64>();
        }
        close(title, sum, 100.0, 1e-6);
    }
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
