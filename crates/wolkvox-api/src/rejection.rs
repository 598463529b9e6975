//! Rows that are not counted: the reason, and the shape of the bad field. Never its value.

use serde::Deserialize;

/// The reason why a row is not counted: the `reason` label of `wolkvox_rows_rejected_total`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, Deserialize,
)]
pub enum Rejection {
    /// Neither `rp_id` nor `conn_id`, and no mark of a line of totals.
    NoIdentity,
    /// Not a JSON object with readable fields.
    Malformed,
    /// Longer than any real row.
    TooLong,
    /// No readable date, so no window to which it belongs.
    BadDate,
    /// Dated days after the requested window.
    FutureDate,
    /// The vendor's line of totals: no row at all.
    Total,
}

impl Rejection {
    /// Every reason, in the order of exposition.
    pub const ALL: [Self; 6] = [
        Self::NoIdentity,
        Self::Malformed,
        Self::TooLong,
        Self::BadDate,
        Self::FutureDate,
        Self::Total,
    ];

    /// The value of the label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoIdentity => "no_identity",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::BadDate => "bad_date",
            Self::FutureDate => "future_date",
            Self::Total => "total",
        }
    }
}

/// A row that is not counted: the reason, and the shape of the bad field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The label of the metric.
    pub reason: Rejection,
    /// The field that cannot be read, or `row`.
    pub field: &'static str,
    /// Its shape: digits as 9, words as a. Never its value.
    pub pattern: String,
    /// The element is no JSON at all: the answer is damaged, whatever else it holds.
    pub damaged: bool,
}

impl Rejected {
    pub(super) fn new(reason: Rejection, field: &'static str, pattern: impl Into<String>) -> Self {
        Self { reason, field, pattern: pattern.into(), damaged: false }
    }
}

impl From<Rejection> for Rejected {
    fn from(reason: Rejection) -> Self {
        Self::new(reason, "row", "")
    }
}
