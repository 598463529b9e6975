//! The dashboards as text, from one source for every language.
//!
//! | file | owns |
//! | --- | --- |
//! | `dashboard` | variables, links, times, and the place of each panel |
//! | `panel`, `column`, `field` | one panel; the columns of a table; the parts that both share |
//! | `query`, `promql`, `anomalies` | one query; pieces of queries; those about anomalies |
//! | `menus`, `journeys`, `health` | the panels of each dashboard |
//! | `text` | every word that a user reads, in every language |
//!
//! It must never read or write a file, nor depend on the machine: the same source gives the same
//! bytes.

mod anomalies;
mod column;
mod dashboard;
mod field;
mod health;
mod journeys;
mod menus;
mod panel;
mod promql;
mod query;
pub mod text;

use text::Language;

/// A dashboard as it is committed.
pub struct File {
    /// Path below `dashboards/`, such as `en/menus.json`.
    pub path: String,
    /// Indented, with a line feed at the end.
    pub json: String,
}

/// Returns every dashboard in every language.
pub fn all() -> Vec<File> {
    let mut files = Vec::new();
    for language in Language::ALL {
        for dashboard in [menus::dashboard(), journeys::dashboard(), health::dashboard()] {
            let path = format!("{}/{}.json", language.code(), dashboard.name);
            // Values from `json!` can always be written.
            let json = format!("{:#}\n", dashboard.to_json(language));
            files.push(File { path, json });
        }
    }
    files
}
