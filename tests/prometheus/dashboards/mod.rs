//! Tests of the dashboards, the rules and the stack's configuration, with the programs that users
//! run.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | the tests |
//! | `boards` | reading a dashboard: panels, queries, variables |
//! | `grafana` | Grafana's part of a query: variables, ranges, steps |
//! | `centre` | a finished contact centre, an exporter that has read it, a Prometheus |
//! | `linter` | the rules of Grafana's dashboard-linter |
//! | `faults` | rules against faults that were once visible |
//! | `month` | a month with an incident, and the truth about it |
//! | `incident` | the dashboards show the incident, and nothing else |
//! | `shares` | every share and total over the month |
//! | `links` | a click on a row shows that option |
//! | `troubles` | the dashboards during a failure, and in the first hour |
//! | `load` | the time that the queries take over a month |
//! | `numbers` | panels whose number is known from the simulator |

pub(crate) mod boards;
mod centre;
mod faults;
mod grafana;
mod incident;
mod links;
mod linter;
mod load;
mod month;
mod numbers;
mod shares;
mod troubles;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use crate::support::prometheus::{Prometheus, binaries, promtools};
use crate::support::{promtool, repository::root};
use boards::{Board, PANEL_KINDS, boards};
use centre::Centre;
use grafana::{Grafana, Variables};
use xtask::mixin::dashboards as generate;

#[test]
fn what_is_committed_is_what_the_source_gives() {
    let mut expected = BTreeSet::new();
    for file in generate::all() {
        let path = root().join("dashboards").join(&file.path);
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == file.json,
            "{} is not up to date: cargo xtask dashboards",
            path.display()
        );
        expected.insert(path);
    }
    let mut found = BTreeSet::new();
    for language in ["en", "es"] {
        let folder =
            fs::read_dir(root().join("dashboards").join(language)).expect("a folder per language");
        found.extend(folder.map(|entry| entry.expect("a readable entry").path()));
    }
    assert_eq!(found, expected, "dashboards/ has files that the source does not give");
}

#[test]
fn every_text_is_used_once_and_in_both_languages() {
    let texts: Vec<&generate::text::Text> = generate::text::texts().collect();
    let keys: BTreeSet<&str> = texts.iter().map(|(key, ..)| *key).collect();
    assert_eq!(keys.len(), texts.len(), "a key is there twice");
    let boards = boards();
    let shown = |language: &str| -> String {
        boards
            .iter()
            .filter(|board| board.language == language)
            .map(|board| board.text.as_str())
            .collect()
    };
    let (english, spanish) = (shown("en"), shown("es"));
    for (key, en, es) in &texts {
        for (text, shown) in [(*en, &english), (*es, &spanish)] {
            assert!(!text.trim().is_empty(), "{key} is empty");
            let written = serde_json::to_string(text).expect("a text is JSON");
            assert!(shown.contains(&written), "{key}: no dashboard shows {text:?}");
        }
    }
}

#[test]
fn the_languages_differ_in_words_only() {
    let boards = boards();
    let english: Vec<&Board> = boards.iter().filter(|board| board.language == "en").collect();
    for board in english {
        let uid = board.uid.replace("-en", "-es");
        let other = boards.iter().find(|other| other.uid == uid).expect("the same in Spanish");
        let queries = |board: &Board| -> Vec<String> {
            board.targets().map(|(_, target)| target.expr.clone()).collect()
        };
        assert_eq!(queries(board), queries(other), "{uid}");
    }
}

/// Every panel must meet the expectations of any dashboard, such as a title, a description and a
/// place of its own.
#[test]
fn every_panel_is_finished() {
    for board in boards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in &board.panels {
            let at = format!("{}: {}", board.uid, panel.title);
            assert!(ids.insert(panel.id), "{at}: its id is another's");
            // Folded panels share the cells of the next row until they are opened.
            for cell in panel.cells().filter(|_| !panel.folded) {
                assert!(
                    cell.0 < 24 && taken.insert(cell),
                    "{at}: it overlaps another, or the edge"
                );
            }
            if panel.kind == "row" {
                continue;
            }
            assert!(
                PANEL_KINDS.contains(&panel.kind.as_str()),
                "{at}: {} is no core panel",
                panel.kind
            );
            assert!(panel.description.len() > 20, "{at}: a description says how to read it");
            let dash = ["stat", "table"].contains(&panel.kind.as_str()) && panel.no_value == "–";
            assert!(
                dash || panel.no_value.len() > 10,
                "{at}: its empty state does not explain itself"
            );
            assert!(!panel.unit.is_empty(), "{at}: no unit");
            assert!(!panel.targets.is_empty(), "{at}: no query");
            for target in &panel.targets {
                assert_eq!(target.datasource, "${datasource}", "{at}");
            }
        }
    }
}

#[test]
fn variables_are_defined_and_used() {
    for board in boards() {
        let defined: BTreeSet<&str> =
            board.variables.iter().map(|variable| variable.name.as_str()).collect();
        let used = grafana::variables_in(&board.text);
        let used: BTreeSet<&str> = used.iter().map(String::as_str).collect();
        assert_eq!(defined, used, "{}: defined on the left, used on the right", board.uid);
    }
}

fn files_in(folder: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

#[test]
fn rules_and_configuration_pass_every_promtool() {
    for tool in promtools() {
        let run = |arguments: &[&str]| {
            promtool::run(&tool.path, arguments).unwrap_or_else(|said| panic!("{tool}: {said}"));
        };
        for file in files_in("rules") {
            let file = file.to_string_lossy();
            run(&["check", "rules", "--lint=all", "--lint-fatal", &file]);
        }
        for file in files_in("rules/tests") {
            run(&["test", "rules", &file.to_string_lossy()]);
        }
        // Syntax only, because the files that it names are where compose.yaml puts them.
        run(&["check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"]);
    }
}

/// Panels that are empty in this test, each with the reason that the panel itself shows.
const EMPTY: &[(&str, &str, &str)] = &[
    ("wolkvox-menus-en", "Alerts A", "a week of data"),
    ("wolkvox-menus-en", "Vs 7 days A", "a week of data"),
    ("wolkvox-menus-en", "Vs 7 days B", "a week of data"),
    ("wolkvox-menus-en", "Try again B", "four weeks of data"),
    ("wolkvox-menus-en", "No input B", "four weeks of data"),
    ("wolkvox-menus-en", "What happened since yesterday? A", "a week of data"),
    ("wolkvox-menus-en", "Interactions per hour, against what is usual B", "a week of data"),
    ("wolkvox-menus-en", "Interactions per hour, against what is usual C", "a week of data"),
    (
        "wolkvox-menus-en",
        "The chosen option, or the one that misses most people B",
        "a week of data",
    ),
    (
        "wolkvox-menus-en",
        "The chosen option, or the one that misses most people C",
        "a week of data",
    ),
    (
        "wolkvox-menus-en",
        "The chosen option, or the one that misses most people D",
        "a week of data",
    ),
    ("wolkvox-menus-en", "Who takes more than 60 s to the chosen option? B", "a week of data"),
    ("wolkvox-menus-en", "Options: what changed, and where they end J", "a week of data"),
    ("wolkvox-journeys-en", "Where do callers hang up? C", "a week of data"),
    ("wolkvox-journeys-en", "Alerts A", "a week of data"),
    ("wolkvox-journeys-en", "7 days ago A", "a week of data"),
    ("wolkvox-health-en", "What failed, and how? B", "no faults"),
    ("wolkvox-health-en", "What failed, and how? C", "no faults"),
    ("wolkvox-health-en", "What failed, and how? D", "no faults"),
    ("wolkvox-health-en", "Why were rows rejected? A", "the simulator's rows are good"),
    ("wolkvox-health-en", "Were answers too large? A", "few rows"),
    ("wolkvox-health-en", "What was counted as \"other\"? A", "few options"),
];
/// Tables with one row without names while nothing is wrong; tests over a month cover their other
/// rows.
const ALERTS: [&str; 3] =
    ["Is anything out of the ordinary?", "What is wrong, and what to do?", "What failed, and how?"];

#[tokio::test]
async fn every_query_answers() {
    let centre = Centre::open().await;
    for tool in binaries() {
        let scraped = centre.scraped_by(&tool).await;
        for board in boards().iter().filter(|board| board.language == "en") {
            every_query_of(&scraped.prometheus, board, scraped.read_until().await).await;
        }
        numbers::are_the_truth(&scraped, &centre).await;
    }
}

async fn every_query_of(prometheus: &Prometheus, board: &Board, end: f64) {
    let at = |what: &str| format!("{}: {}: {what}", prometheus.tool(), board.uid);
    let grafana = Grafana::of_a_test(prometheus, end);
    let mut choices: Vec<Variables> = Vec::new();
    // As the page opens, with one value of each variable, and with two.
    for chosen in [0, 1, 2] {
        let mut variables = Variables::default();
        for variable in &board.variables {
            if variable.query.is_empty() {
                continue;
            }
            let values = grafana.values(variable, &variables).await;
            assert!(!values.is_empty(), "{}", at(&format!("${} has no values", variable.name)));
            variables.choose(&variable.name, &values, chosen);
        }
        choices.push(variables);
    }
    for (panel, target) in board.targets() {
        let name = format!("{} {}", panel.title, target.ref_id);
        let answer = grafana.ask(panel, target, &choices[0]).await;
        match EMPTY.iter().find(|(uid, title, _)| *uid == board.uid && *title == name) {
            Some((.., reason)) => {
                assert!(
                    answer.is_empty(),
                    "{}",
                    at(&format!("{name} is not empty: strike out {reason:?}"))
                );
                continue;
            }
            None => {
                assert!(!answer.is_empty(), "{}", at(&format!("{name} is empty: {}", target.expr)));
            }
        }
        for label in grafana::labels_in(&target.legend) {
            let missing = answer.iter().find(|labels| !labels.contains_key(&label));
            assert_eq!(
                missing,
                None,
                "{}",
                at(&format!("{name}: {{{{{label}}}}} of the legend is missing"))
            );
        }
        for one in &choices[1..] {
            // The result may be empty, because not every point has every option, but it must not be
            // an error.
            grafana.ask(panel, target, one).await;
        }
    }
    let tables = board.panels.iter().filter(|panel| !panel.columns.is_empty());
    for panel in tables.filter(|panel| !ALERTS.contains(&panel.title.as_str())) {
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        for target in &panel.targets {
            for labels in grafana.ask(panel, target, &choices[0]).await {
                labels.into_keys().for_each(|label| *there.entry(label).or_default() += 1);
            }
            let field = match (panel.targets.len(), target.instant) {
                (1, _) => "Value".to_owned(),
                (_, true) => format!("Value #{}", target.ref_id),
                (_, false) => format!("Trend #{}", target.ref_id),
            };
            there.insert(field, 1);
        }
        for column in &panel.columns {
            assert!(
                there.contains_key(column),
                "{}",
                at(&format!("{}: no column {column}", panel.title))
            );
        }
    }
}

#[tokio::test]
async fn an_incident_is_seen_and_nothing_else() {
    let Some(generator) = month::generator() else { return };
    for tool in binaries() {
        incident::incident_is_seen(&tool, &generator).await;
    }
}

#[tokio::test]
async fn a_young_installation_says_so() {
    let Some(generator) = month::generator() else { return };
    for tool in binaries() {
        troubles::young_installation_says_so(&tool, &generator).await;
    }
}

#[tokio::test]
async fn a_week_before_is_compared_across_a_change_of_density() {
    let Some(generator) = month::generator() else { return };
    for tool in binaries() {
        troubles::density_may_change(&tool, &generator).await;
    }
}

/// The queries must answer in time over the month that `scripts/dashboards-load` generates before
/// it runs this test.
#[tokio::test]
#[ignore = "needs a month of data: scripts/dashboards-load"]
async fn a_month_of_ten_thousand_series_answers_in_time() {
    let storage = std::env::var_os("WOLKVOX_LOAD_STORAGE").map(PathBuf::from);
    let storage =
        storage.expect("WOLKVOX_LOAD_STORAGE is a folder of blocks: run scripts/dashboards-load");
    for tool in binaries() {
        load::slowest(&tool, &storage).await;
    }
}
