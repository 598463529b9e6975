//! Owns what a rule and an alert are, and the list of the files that are generated. Must not decide what is an alert:
//! that is in the tables, and their numbers are in `thresholds`.
//!
//! | file | owns |
//! | --- | --- |
//! | `thresholds` | every number |
//! | `baselines`, `shares` | the recording rules: what is expected, and how far from it we are |
//! | `menus`, `exporter` | the two tables of alerts |
//! | `text` | the shorthand in which the annotations are written |
//! | `yaml` | writing rule files |

mod baselines;
mod exporter;
mod menus;
mod shares;
mod text;
pub mod thresholds;
mod yaml;

/// Where the links in the annotations lead.
#[derive(Clone, Debug)]
pub struct Links {
    /// Directory of the runbooks, without a slash at the end; `/LANGUAGE/ALERT.md` is added.
    pub runbooks: String,
    /// Grafana's address, without a slash at the end.
    pub grafana: String,
}

impl Default for Links {
    fn default() -> Self {
        Self { runbooks: "docs/runbooks".to_owned(), grafana: "http://localhost:3000".to_owned() }
    }
}

/// A recording rule.
#[derive(Clone, Debug)]
pub struct Record {
    /// `level:metric:operation`.
    pub name: String,
    /// Labels that the rule adds.
    pub labels: Vec<(&'static str, String)>,
    /// Its PromQL.
    pub expr: String,
    /// Why it is there; empty where the one above says it.
    pub comment: &'static str,
}

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Wake somebody.
    Critical,
    /// Look at it today.
    Warning,
    /// Look at it when there is time.
    Info,
}

impl Severity {
    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Languages of the annotations; the first has no suffix in the file's name.
pub const LANGUAGES: [&str; 2] = ["en", "es"];

/// One alert; its texts are in the shorthand of `text`, English first.
#[derive(Clone, Debug)]
pub struct Alert {
    /// `alertname`, and the name of its runbooks.
    pub name: &'static str,
    /// Its PromQL.
    pub expr: String,
    /// How long the expression must hold, in Prometheus' form; empty for at once.
    pub hold: &'static str,
    /// How long it goes on firing after that; empty for not at all.
    pub keep: &'static str,
    /// Its loudness.
    pub severity: Severity,
    /// The dashboard's `uid` without its language, and its query.
    pub dashboard: (&'static str, &'static str),
    /// One line.
    pub summary: [&'static str; 2],
    /// What was seen, what was expected, what to do first.
    pub description: [String; 2],
}

/// All alerts, in the order of the files.
pub fn alerts() -> Vec<Alert> {
    menus::alerts().into_iter().chain(exporter::alerts()).collect()
}

/// Every generated file: path within `rules/`, and contents.
pub fn files(links: &Links) -> Vec<(String, String)> {
    let mut files = vec![(
        "wolkvox-baselines.yaml".to_owned(),
        yaml::records(&[("wolkvox-baselines", baselines::records()), ("wolkvox-shares", shares::records())]),
    )];
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        let suffix = if index == 0 { String::new() } else { format!(".{language}") };
        let groups = [("wolkvox-menus", menus::alerts()), ("wolkvox-exporter", exporter::alerts())];
        files.push((format!("wolkvox-alerts{suffix}.yaml"), yaml::alerts(&groups, index, links)));
    }
    files
}
