//! A month with an incident, as `tools/month` writes it: a Prometheus over it, and the truth about
//! it.
//!
//! Owns the queries, not the expectations. The truth comes from the generator, never from a query.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;
use serde::Deserialize;

use crate::dashboards::{
    boards::{Board, Panel, boards},
    grafana::{Grafana, Variables},
};
use crate::support::prometheus::{Labels, Prometheus, Tool};

/// Moment of the last sample of each month, in Unix seconds, as in the generator.
pub(crate) const END: f64 = 1_772_658_000.0;
pub(crate) const DAY: f64 = 86_400.0;

/// The output of `tools/month`.
#[derive(Deserialize)]
pub(crate) struct Truth {
    pub(crate) end: f64,
    pub(crate) step: f64,
    /// The options that fell today, the largest first.
    pub(crate) fallen: Vec<Key>,
    /// The routing point of the option that nobody chose last night.
    pub(crate) fallen_before: String,
    pub(crate) interactions: f64,
    pub(crate) interactions_before: f64,
    pub(crate) journeys: f64,
    pub(crate) journeys_up_to_4: f64,
    pub(crate) options: Vec<TrueOption>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) rp_id: String,
    pub(crate) channel: String,
    pub(crate) cod_opc_menu: String,
}

#[derive(Deserialize)]
pub(crate) struct TrueOption {
    #[serde(flatten)]
    pub(crate) key: Key,
    pub(crate) kind: String,
    pub(crate) hits: f64,
    pub(crate) hits_before: f64,
    pub(crate) retries: f64,
    pub(crate) finals: f64,
    pub(crate) repeats: f64,
    pub(crate) visits: f64,
}

/// A Prometheus over a generated month.
pub(crate) struct Month {
    pub(crate) prometheus: Prometheus,
    pub(crate) truth: Truth,
    pub(crate) boards: Vec<Board>,
    _storage: tempfile::TempDir,
}

/// Returns the path of the generator; `None` if `scripts/test` reported that the month is left out.
pub(crate) fn generator() -> Option<PathBuf> {
    let path = std::env::var_os("WOLKVOX_TEST_MONTH").map(PathBuf::from);
    let path =
        path.expect("WOLKVOX_TEST_MONTH is not set: run scripts/test, which builds tools/month");
    Some(path).filter(|path| path.as_os_str() != "none")
}

impl Month {
    pub(crate) async fn new(tool: &Tool, generator: &Path, arguments: &[&str]) -> Self {
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

    /// Makes a Grafana some days before the end, at a moment between two samples, so that every
    /// Prometheus sees the same samples.
    pub(crate) fn grafana(&self, days_before: f64, range: f64) -> Grafana<'_> {
        let end = self.truth.end + 120.0 - days_before * DAY;
        Grafana { prometheus: &self.prometheus, end, range, speed: 1.0, points: 1000.0 }
    }

    pub(crate) fn panel(&self, uid: &str, title: &str) -> &Panel {
        let board =
            self.boards.iter().find(|board| board.uid == uid).expect("a dashboard of this uid");
        board
            .panels
            .iter()
            .find(|panel| panel.title == title)
            .unwrap_or_else(|| panic!("{uid} has no panel {title:?}"))
    }

    /// Evaluates a query of a panel. Returns its rows in order.
    pub(crate) async fn rows(
        &self,
        grafana: &Grafana<'_>,
        uid: &str,
        title: &str,
        ref_id: &str,
    ) -> Vec<(Labels, f64)> {
        let panel = self.panel(uid, title);
        let target = panel
            .targets
            .iter()
            .find(|target| target.ref_id == ref_id)
            .unwrap_or_else(|| panic!("{uid}: {title}: no query {ref_id}"));
        grafana.now(target, &all()).await
    }

    /// Returns the number of a tile. A tile with two queries shows the one that has a value.
    pub(crate) async fn number(&self, grafana: &Grafana<'_>, uid: &str, title: &str) -> f64 {
        let mut values = Vec::new();
        for target in &self.panel(uid, title).targets {
            values.extend(grafana.now(target, &all()).await.into_iter().map(|(_, value)| value));
        }
        assert_eq!(values.len(), 1, "{title}: {values:?}");
        values[0]
    }

    /// Returns the text of a tile.
    pub(crate) async fn said(&self, grafana: &Grafana<'_>, uid: &str, title: &str) -> String {
        let number = self.number(grafana, uid, title).await;
        shown(self.panel(uid, title), &number.to_string())
    }

    pub(crate) fn is_fallen(&self, labels: &Labels) -> bool {
        key(labels).as_ref() == Some(&self.truth.fallen[0])
    }
}

/// Returns variables with everything chosen.
pub(crate) fn all() -> Variables {
    let mut variables = Variables::default();
    ["server", "rp_id", "channel", "cod_opc_menu"]
        .iter()
        .for_each(|name| variables.choose(name, &[], 0));
    variables
}

pub(crate) fn key(labels: &Labels) -> Option<Key> {
    let label = |name: &str| labels.get(name).cloned();
    Some(Key {
        rp_id: label("rp_id")?,
        channel: label("channel")?,
        cod_opc_menu: label("cod_opc_menu")?,
    })
}

pub(crate) const MENUS: &str = "wolkvox-menus-en";
pub(crate) const JOURNEYS: &str = "wolkvox-journeys-en";
pub(crate) const HEALTH: &str = "wolkvox-health-en";
pub(crate) const OUT: &str = "Is anything out of the ordinary?";
pub(crate) const CURVE: &str = "The chosen option, or the one that misses most people";
pub(crate) const OPTIONS: &str = "Options: what changed, and where they end";

/// Returns the text that a panel shows for a value or a label.
pub(crate) fn shown(panel: &Panel, value: &str) -> String {
    let defaults = &panel.json["fieldConfig"]["defaults"]["mappings"];
    let overrides = panel.json["fieldConfig"]["overrides"].as_array().expect("overrides");
    let of_columns =
        overrides.iter().flat_map(|one| one["properties"].as_array().expect("properties"));
    let mut mappings = vec![defaults];
    mappings.extend(
        of_columns
            .filter(|property| property["id"] == "mappings")
            .map(|property| &property["value"]),
    );
    let texts = mappings.iter().flat_map(|list| list.as_array().expect("mappings"));
    let text = texts.filter_map(|mapping| mapped(mapping, value)).next();
    text.unwrap_or_else(|| panic!("{}: nothing to show for {value:?}", panel.title))
}

/// Returns the text of a mapping for a value, by the value itself or by a pattern that matches all
/// of it.
fn mapped(mapping: &serde_json::Value, value: &str) -> Option<String> {
    let options = &mapping["options"];
    if let Some(text) = options[value]["text"].as_str() {
        return Some(text.to_owned());
    }
    let pattern =
        Regex::new(&format!("^{}$", options["pattern"].as_str()?)).expect("a regular expression");
    let text = options["result"]["text"].as_str()?;
    // `$1` is a group, even if a letter follows.
    let text = Regex::new(r"\$(\d)")
        .expect("a regular expression")
        .replace_all(text, "$${$1}")
        .into_owned();
    pattern.is_match(value).then(|| pattern.replace(value, text).into_owned())
}
