//! The errors of the real API: their names, status and texts.
//!
//! Owns only the table; `report` decides when to answer with which.

use hyper::StatusCode;

/// An error that the API answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such API.
    UnknownApi,
    /// A parameter is missing.
    ParametersRequired,
    /// The header is missing.
    TokenMissing,
    /// The token is wrong.
    TokenInvalid,
    /// The day's requests are spent.
    QuotaExhausted,
    /// The token is in use.
    Concurrency,
    /// The server makes its backup.
    Maintenance,
    /// There are no rows, a date is invalid, or the span is too long. The API uses one error for
    /// all.
    ValidateDates,
    /// The answer would have too many rows.
    OverLimit,
}

impl Refusal {
    /// Returns its status, its name in the counts of requests, and its `msg`.
    const fn entry(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::UnknownApi => (
                StatusCode::BAD_REQUEST,
                "unknown_api",
                "THE API YOU WANT TO CONSULT DOES NOT EXIST",
            ),
            Self::ParametersRequired => {
                (StatusCode::BAD_REQUEST, "parameters_required", "SOME PARAMETERS ARE REQUIRED")
            }
            Self::TokenMissing => {
                (StatusCode::UNAUTHORIZED, "token_missing", "PLEASE ENTER THE WOLKVOX-TOKEN")
            }
            Self::TokenInvalid => (StatusCode::FORBIDDEN, "token_invalid", "PLEASE VALIDATE TOKEN"),
            Self::QuotaExhausted => {
                (StatusCode::FORBIDDEN, "quota_exhausted", "TOKEN LIMIT EXCEEDED")
            }
            Self::Concurrency => (
                StatusCode::FORBIDDEN,
                "concurrency",
                "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)",
            ),
            Self::Maintenance => (
                StatusCode::FORBIDDEN,
                "maintenance",
                "THE SERVER IS IN MAINTENANCE, BACKUP IN PROGRESS",
            ),
            Self::ValidateDates => (StatusCode::NOT_FOUND, "empty", "Validate dates entered"),
            Self::OverLimit => (
                StatusCode::BAD_REQUEST,
                "over_limit",
                "THE RESULT EXCEEDS THE NUMBER OF RECORDS ALLOWED, REDUCE THE RANGE",
            ),
        }
    }

    /// Returns its HTTP status.
    pub const fn status(self) -> StatusCode {
        self.entry().0
    }

    /// Returns its name in the counts of requests.
    pub(super) const fn name(self) -> &'static str {
        self.entry().1
    }

    /// Returns its body.
    pub fn json(self) -> String {
        let (status, _, msg) = self.entry();
        let reason = status.canonical_reason().unwrap_or_default();
        format!(r#"{{"code":"{}","error":"{reason}","msg":"{msg}","data":null}}"#, status.as_u16())
    }
}
