//! The server's troubles: with one request, with certain requests, and over time.
//!
//! Owns their types. Their effect on an answer is in `source`, and the differences that they excuse
//! are in `truth`.

use std::time::Duration;

use tokio::time::sleep;
use wolkvox_exporter::wolkvox::ApiError;

use crate::row::Respelling;

/// Longest time for which the client waits for an answer.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(65);

/// Trouble with one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    None,
    /// HTTP 500 at once.
    Unavailable,
    /// The connection breaks after some rows.
    CutAfter(u8),
    /// A whole answer with fewer rows than it announces.
    TooFew(u8),
    /// A whole answer with half of the rows that it announces, so that halving does not help.
    Half,
    /// No answer within the time limit.
    Hang,
    Maintenance,
    /// A refusal in unknown words.
    Refuse,
    /// A page that is not the vendor's, with status 404.
    Foreign404,
    /// The vendor's own "Validate dates entered", although there may be rows.
    Empty,
    /// `{}`: JSON that is not a report.
    NoReport,
    /// Only rows that nobody can read.
    RejectedRows,
    /// A refusal that names a wait.
    Busy(Refusal),
}

/// A refusal with `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: RefusalStatus,
    /// `Retry-After` in seconds.
    pub(crate) wait: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RefusalStatus {
    TooManyRequests,
    Unavailable,
}

impl Refusal {
    /// All waits that are tried, in seconds.
    pub(crate) const WAITS: [u64; 6] = [0, 30, 3600, 86_400, 31_536_000, u64::MAX];

    pub(crate) fn error(self) -> ApiError {
        let wait = Duration::from_secs(self.wait);
        match self.status {
            RefusalStatus::TooManyRequests => ApiError::Throttled(Some(wait)),
            RefusalStatus::Unavailable => ApiError::Busy(wait),
        }
    }
}

/// A failure of a range that is too wide, or that has a row that cannot be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WindowFailure {
    GatewayTimeout,
    ServerError,
    EmptyBody,
    PhpFatalError,
    CutBody,
    NotJson,
    Timeout,
}

impl WindowFailure {
    pub(crate) const ALL: [Self; 7] = [
        Self::GatewayTimeout,
        Self::ServerError,
        Self::EmptyBody,
        Self::PhpFatalError,
        Self::CutBody,
        Self::NotJson,
        Self::Timeout,
    ];

    pub(crate) async fn error(self) -> ApiError {
        match self {
            Self::GatewayTimeout => ApiError::Http5xx(504),
            Self::ServerError => ApiError::Http5xx(500),
            Self::EmptyBody => ApiError::CutOff,
            Self::PhpFatalError => ApiError::NotJson("<br />".to_owned()),
            Self::CutBody => ApiError::Connect("the connection broke".to_owned()),
            Self::NotJson => ApiError::NotJson("<html>".to_owned()),
            Self::Timeout => hang().await,
        }
    }
}

/// Waits for the client's time limit.
pub(crate) async fn hang() -> ApiError {
    sleep(TIME_LIMIT).await;
    ApiError::Timeout(TIME_LIMIT)
}

/// A second whose rows cannot be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnanswerableSecond {
    pub(crate) second: i64,
    /// Moment from which it can be answered, in seconds from the start.
    pub(crate) until: i64,
    pub(crate) failure: WindowFailure,
}

/// The server's treatment of the requested times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Kept,
    /// It uses the days only.
    DayOnly,
    Ignored,
}

/// Trouble that begins and ends at given moments, in seconds from the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incident {
    pub(crate) kind: IncidentKind,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Incident {
    pub(crate) fn is_on(&self, now: i64) -> bool {
        (self.from..self.until).contains(&now)
    }

    pub(crate) fn length(&self) -> i64 {
        self.until - self.from
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum IncidentKind {
    /// Every answer is the vendor's own empty one.
    Empty,
    /// Connections are accepted and never answered.
    Hangs,
    /// Requests of one errand are refused with a wait.
    Busy(Errand, Refusal),
    /// The server of another operation answers.
    Swapped,
    /// The rows of some interactions have no date: see `is_unreadable`.
    Unreadable,
    /// Rows older than this many seconds are spelled differently.
    Respelled { respelling: Respelling, older_than: i64 },
}

/// Number below which interactions lose their dates in an [`IncidentKind::Unreadable`]: a third of
/// all.
const UNREADABLE_BELOW: u8 = 4;

/// Returns true if an [`IncidentKind::Unreadable`] affects this interaction.
pub(crate) fn is_unreadable(conn: u8) -> bool {
    conn < UNREADABLE_BELOW
}

/// The purpose of a request, as far as a server can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    Any,
    Live,
    Deep,
    Quota,
    Names,
}

impl Errand {
    pub(crate) const ALL: [Self; 5] = [Self::Any, Self::Live, Self::Deep, Self::Quota, Self::Names];

    pub(crate) fn includes(self, errand: Self) -> bool {
        self == Self::Any || self == errand
    }
}

/// A correction of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correction {
    /// Index of the row in the world's rows.
    pub(crate) row: usize,
    /// Moment in seconds from the start.
    pub(crate) at: i64,
    pub(crate) respelling: Respelling,
}

/// The server's clock, by which it also dates its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerClock {
    /// Seconds by which it is ahead.
    pub(crate) ahead: i64,
    pub(crate) header: DateHeader,
}

/// The server's `Date` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateHeader {
    /// It shows the server's clock.
    Right,
    Missing,
    /// It stands still from this moment on, in seconds from the start.
    Frozen(i64),
    /// Each one is wrong by another number of seconds, up to five minutes.
    Jumping,
}

impl ServerClock {
    pub(crate) const RIGHT: Self = Self { ahead: 0, header: DateHeader::Right };

    /// Returns the `Date` of one answer, in seconds from the start.
    pub(crate) fn date(&self, now: i64, request: usize) -> Option<i64> {
        let theirs = now + self.ahead;
        match self.header {
            DateHeader::Right => Some(theirs),
            DateHeader::Missing => None,
            DateHeader::Frozen(at) => Some(theirs.min(at)),
            DateHeader::Jumping => Some(theirs + (request as i64 * 7919) % 601 - 300),
        }
    }
}
