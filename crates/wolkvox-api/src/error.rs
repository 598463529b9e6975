//! Every failure of a request, distinguished by what to do about it.

use std::time::Duration;

use jiff::Timestamp;

/// The `class` label of `wolkvox_api_errors_total` and `wolkvox_poll_failures_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// No connection, or one that broke.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// No whole answer in time.
    Timeout,
    /// A server error.
    Http5xx,
    /// The vendor refuses the request itself.
    BadRequest,
    /// The token did not arrive.
    TokenMissing,
    /// The token is wrong or has expired.
    TokenInvalid,
    /// The day's requests are spent.
    QuotaExhausted,
    /// Another client is using the token.
    Concurrency,
    /// The server is in maintenance.
    Maintenance,
    /// HTTP 429.
    Throttled,
    /// The body is not JSON.
    NotJson,
    /// The JSON is not a report.
    Schema,
    /// Fewer rows than announced, or no end.
    Truncated,
    /// More bytes than an answer may have.
    TooLarge,
    /// A failure of the exporter: the disk, its files, or a bug.
    Internal,
}

impl ErrorClass {
    /// Every class, in the order of exposition.
    pub const ALL: [Self; 16] = [
        Self::Connect,
        Self::Tls,
        Self::Timeout,
        Self::Http5xx,
        Self::BadRequest,
        Self::TokenMissing,
        Self::TokenInvalid,
        Self::QuotaExhausted,
        Self::Concurrency,
        Self::Maintenance,
        Self::Throttled,
        Self::NotJson,
        Self::Schema,
        Self::Truncated,
        Self::TooLarge,
        Self::Internal,
    ];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Http5xx => "http_5xx",
            Self::BadRequest => "bad_request",
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Concurrency => "concurrency",
            Self::Maintenance => "maintenance",
            Self::Throttled => "throttled",
            Self::NotJson => "not_json",
            Self::Schema => "schema",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
        }
    }
}

/// A request that gave no rows to commit. Its words are in `error_text`; no value in it is the
/// token, a row or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// A connection that broke, or could not be made for none of the next three reasons.
    Connect(String),
    /// The proxy is not there, or does not lead to the server.
    NoProxy {
        /// The proxy, without its password.
        proxy: String,
        /// The system's or the proxy's words.
        reason: String,
    },
    /// Nothing listens there, or a firewall refuses.
    ConnectionRefused(String),
    /// No answer to the connection, as from a firewall that drops it.
    ConnectTimeout(Duration),
    /// The server's name has no address.
    NameNotFound(String),
    /// No answer from the name server.
    NoNameServer(Duration),
    /// This process may not open another socket.
    TooManyOpenFiles(String),
    /// The answer has no readable HTTP head.
    BadHead(String),
    /// The handshake failed.
    Tls(String),
    /// No whole answer in time.
    Timeout(Duration),
    /// A server error.
    Http5xx(u16),
    /// The report does not exist there, or a parameter is missing: asking again will not help.
    UnknownReport {
        /// The vendor's name for the request.
        asked: &'static str,
        /// The server's words.
        message: String,
    },
    /// Refused in unknown words, perhaps because the answer would be too large.
    Refused {
        /// HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// A redirect, which is never followed and has nothing to do with size.
    Redirected(u16),
    /// HTTP 403 in words that are not Wolkvox's.
    Forbidden,
    /// HTTP 404 in words that are not Wolkvox's, whose 404 means an empty window.
    ForeignNotFound,
    /// The token did not arrive.
    TokenMissing,
    /// The token file or variable gave none.
    TokenUnreadable(String),
    /// The token is wrong or has expired.
    TokenInvalid,
    /// The day's requests are spent.
    QuotaExhausted,
    /// By our own count only the requests that live polls need are left.
    QuotaReserved,
    /// Another client is using the token.
    Concurrency,
    /// The server is in maintenance.
    Maintenance(String),
    /// HTTP 429, with the wait that it asked for.
    Throttled(Option<Duration>),
    /// HTTP 503, with the wait that it asked for.
    Busy(Duration),
    /// The body is not JSON.
    NotJson(String),
    /// The body is in a coding that was not asked for, or not in the one that its header names.
    ContentEncoding(String),
    /// The JSON is not a report.
    Schema(String),
    /// No rows came, and the words do not mean a time range without rows.
    NotEmpty(String),
    /// Too many rows cannot be read, so the report must have changed: no row of the answer counts.
    RowsRejected {
        /// Rows that cannot be read, without the vendor's own line of totals.
        rejected: u64,
        /// All rows, likewise.
        total: u64,
        /// The field of the first of them.
        field: &'static str,
        /// Its shape there: never its value.
        pattern: String,
    },
    /// Fewer rows than announced.
    TooFewRows {
        /// Rows in `data`.
        received: u64,
        /// Rows that `msg` announced.
        promised: u64,
        /// The server's clock, as in [`super::Answer`].
        server_time: Option<Timestamp>,
    },
    /// The answer lacks most of the rows that the server sent before for the same times.
    Contradicts {
        /// Known rows.
        known: u64,
        /// Known rows that the answer holds.
        held: u64,
    },
    /// No row lies within the requested times.
    OutsideRange {
        /// Rows that came.
        rows: u64,
    },
    /// The body ended before its closing bracket.
    CutOff,
    /// More bytes than an answer may have.
    TooLarge(u64),
    /// Counting would begin by a wrong clock.
    ClocksDisagree {
        /// Our clock.
        ours: Timestamp,
        /// The `Date` of the answer.
        theirs: Timestamp,
    },
    /// A failure of the exporter.
    Internal(String),
}

impl ApiError {
    /// Returns its label.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Connect(_)
            | Self::NoProxy { .. }
            | Self::ConnectionRefused(_)
            | Self::ConnectTimeout(_)
            | Self::NameNotFound(_)
            | Self::NoNameServer(_)
            | Self::BadHead(_) => ErrorClass::Connect,
            Self::Tls(_) => ErrorClass::Tls,
            Self::Timeout(_) => ErrorClass::Timeout,
            Self::Http5xx(_) | Self::Busy(_) => ErrorClass::Http5xx,
            Self::UnknownReport { .. }
            | Self::Redirected(_)
            | Self::Refused { .. }
            | Self::Forbidden => ErrorClass::BadRequest,
            Self::TokenMissing | Self::TokenUnreadable(_) => ErrorClass::TokenMissing,
            Self::TokenInvalid => ErrorClass::TokenInvalid,
            Self::QuotaExhausted | Self::QuotaReserved => ErrorClass::QuotaExhausted,
            Self::Concurrency => ErrorClass::Concurrency,
            Self::Maintenance(_) => ErrorClass::Maintenance,
            Self::Throttled(_) => ErrorClass::Throttled,
            Self::NotJson(_) | Self::ContentEncoding(_) => ErrorClass::NotJson,
            Self::Schema(_)
            | Self::NotEmpty(_)
            | Self::ForeignNotFound
            | Self::RowsRejected { .. }
            | Self::OutsideRange { .. } => ErrorClass::Schema,
            Self::TooFewRows { .. } | Self::Contradicts { .. } | Self::CutOff => {
                ErrorClass::Truncated
            }
            Self::TooLarge(_) => ErrorClass::TooLarge,
            Self::Internal(_) | Self::TooManyOpenFiles(_) | Self::ClocksDisagree { .. } => {
                ErrorClass::Internal
            }
        }
    }
}

impl ApiError {
    /// Returns true if the request never left this machine, so that the vendor does not count it.
    pub fn never_sent(&self) -> bool {
        matches!(
            self,
            Self::TokenUnreadable(_)
                | Self::NoProxy { .. }
                | Self::ConnectionRefused(_)
                | Self::ConnectTimeout(_)
                | Self::NameNotFound(_)
                | Self::NoNameServer(_)
                | Self::TooManyOpenFiles(_)
                | Self::Tls(_)
        )
    }

    /// Returns true if the requested range can be the cause: too much for the server, or with a row
    /// that it cannot send. Trouble with the token, the quota or the server as a whole is not.
    pub fn may_be_the_range(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::Timeout(_)
                | Self::Http5xx(_)
                | Self::Refused { .. }
                | Self::NotJson(_)
                | Self::Schema(_)
                | Self::NotEmpty(_)
                | Self::CutOff
                | Self::TooFewRows { .. }
                | Self::TooLarge(_)
        )
    }

    /// Returns the wait that the server asked for.
    pub fn named_wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) => *wait,
            Self::Busy(wait) => Some(*wait),
            _ => None,
        }
    }
}
