//! One query of a panel: its PromQL, whether it is for a moment or for a curve, and the names of
//! its series.
//!
//! It must never hold a text: those are looked up by their keys.

use serde_json::{Value, json};

use super::text::Language;

/// Returns the data source that the user has chosen.
pub(crate) fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The name of a series.
enum Legend {
    /// A template such as `{{description}}`.
    Labels(&'static str),
    /// A key of the text table, whose text may hold such templates.
    Text(&'static str),
    /// The panel's title, because there is only one series.
    Title,
}

/// One query of a panel.
pub(crate) struct Query {
    expr: String,
    legend: Legend,
    instant: bool,
    format: &'static str,
}

impl Query {
    fn new(expr: impl Into<String>, instant: bool, format: &'static str) -> Self {
        Self { expr: expr.into(), legend: Legend::Title, instant, format }
    }

    /// Makes a query with one value for each series, at the end of the range.
    pub(crate) fn now(expr: impl Into<String>) -> Self {
        Self::new(expr, true, "time_series")
    }

    /// Makes a query with a curve for each series.
    pub(crate) fn over_time(expr: impl Into<String>) -> Self {
        Self::new(expr, false, "time_series")
    }

    /// Makes a query with a row for each series, at the end of the range.
    pub(crate) fn rows(expr: impl Into<String>) -> Self {
        Self::new(expr, true, "table")
    }

    pub(crate) fn legend(mut self, template: &'static str) -> Self {
        self.legend = Legend::Labels(template);
        self
    }

    pub(crate) fn called(mut self, key: &'static str) -> Self {
        self.legend = Legend::Text(key);
        self
    }

    pub(crate) fn to_json(&self, position: usize, title: &str, language: Language) -> Value {
        let legend = match self.legend {
            Legend::Labels(template) => template.to_owned(),
            Legend::Text(key) => language.text(key).to_owned(),
            Legend::Title => title.to_owned(),
        };
        json!({
            "datasource": datasource(),
            "editorMode": "code",
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "legendFormat": legend,
            "range": !self.instant,
            "refId": char::from(b'A' + u8::try_from(position).unwrap_or(25).min(25)).to_string(),
        })
    }
}
