//! Reads the committed rule files as Prometheus does.

use std::{collections::BTreeMap, fs};

use serde::Deserialize;

use crate::alerts::root;

/// The alert files, by the language of their texts.
pub(crate) const LANGUAGES: [(&str, &str); 2] =
    [("en", "wolkvox-alerts.yaml"), ("es", "wolkvox-alerts.es.yaml")];

/// A rule, with the relevant fields of its group and file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(default)]
    pub(crate) record: String,
    #[serde(default)]
    pub(crate) alert: String,
    pub(crate) expr: String,
    #[serde(default, rename = "for")]
    pub(crate) hold: String,
    #[serde(default)]
    pub(crate) keep_firing_for: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) interval: String,
    #[serde(skip)]
    pub(crate) file: String,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    interval: String,
    rules: Vec<Rule>,
}

/// Returns the rules of one file of `rules/`, in its order.
pub(crate) fn of(file: &str) -> Vec<Rule> {
    let path = root().join("rules").join(file);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let groups: File =
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("rules/{file}: {error}"));
    let rules = groups.groups.into_iter().flat_map(|group| {
        group.rules.into_iter().map(move |rule| Rule { interval: group.interval.clone(), ..rule })
    });
    rules.map(|rule| Rule { file: file.to_owned(), ..rule }).collect()
}

/// Returns the rules of every file.
pub(crate) fn all() -> Vec<Rule> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("rules")).expect("a folder of rules") {
        let name = entry.expect("a readable entry").file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") {
            files.push(name);
        }
    }
    files.sort();
    files.iter().flat_map(|file| of(file)).collect()
}
