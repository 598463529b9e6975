//! Everything that can go wrong with a request, told apart by what to do about it.

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
    /// Somebody else is using the token.
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
    /// Our own: the disk, the configuration's files, a bug.
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

/// A request that gave no rows to commit. The text is for the log and the status page: it says what to do,
/// and never holds the token, a row, or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// A connection that broke, or could not be made for a reason that is none of the next three.
    #[error("the connection to the server failed ({0})")]
    Connect(String),
    /// Nobody listens there, or a firewall says no.
    #[error(
        "the connection was refused ({0}); Wolkvox lets in only the addresses on the operation's allow-list (at most \
         5): check that this machine's public address is on it"
    )]
    ConnectionRefused(String),
    /// Silence instead of a connection: so a firewall treats whom it does not let in.
    #[error(
        "no connection within {} s; Wolkvox lets in only the addresses on the operation's allow-list (at most 5): \
         check that this machine's public address is on it", .0.as_secs()
    )]
    ConnectTimeout(Duration),
    /// The server's name has no address.
    #[error(
        "the server's name has no address ({0}); check its digits, and whether this machine can resolve names"
    )]
    NameNotFound(String),
    /// Silence from whoever resolves names.
    #[error(
        "no answer from the name server within {} s; check that this machine can resolve names (/etc/resolv.conf, the \
         network policy of the container)", .0.as_secs()
    )]
    NoNameServer(Duration),
    /// This process may not open another socket.
    #[error(
        "this process has too many open files ({0}); raise its limit (LimitNOFILE= of the service, ulimit -n)"
    )]
    TooManyOpenFiles(String),
    /// What comes back cannot be read as the head of an HTTP answer.
    #[error(
        "the head of the answer cannot be read ({0}); is something in between adding headers, or is this no web server?"
    )]
    BadHead(String),
    /// The handshake failed.
    #[error("TLS failed ({0}); check this machine's clock and certificate store, and the server's name")]
    Tls(String),
    /// No whole answer in time.
    #[error("no whole answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// A server error.
    #[error("the server answered HTTP {0}")]
    Http5xx(u16),
    /// The report does not exist there, or a parameter is missing: asking again will not help.
    #[error("the server does not know the report or its parameters: {0:?}; check the server's name")]
    UnknownReport(String),
    /// Refused in words that are none of the known ones: may be the size of the answer.
    #[error("the server refused the request (HTTP {status}): {message:?}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The vendor's words.
        message: String,
    },
    /// Sent elsewhere: never followed, and no matter of size.
    #[error(
        "the server answered with a redirect (HTTP {0}), which is not followed because it would carry the token away; \
         check the server's name, and whether a proxy is in between"
    )]
    Redirected(u16),
    /// HTTP 403 in words that are none of Wolkvox's.
    #[error(
        "something in between refuses the request (HTTP 403, not in Wolkvox's words): a web firewall, or a proxy; check \
         that this machine's public address is on the operation's allow-list, and what stands in between"
    )]
    Forbidden,
    /// HTTP 404 in words that are none of Wolkvox's, whose 404 means an empty window.
    #[error(
        "the answer is HTTP 404, not in Wolkvox's words: a gateway or a web server answers in its place; check the \
         server's name, and what stands in between"
    )]
    ForeignNotFound,
    /// The token did not arrive.
    #[error("the server saw no token; is something between here and there removing the header?")]
    TokenMissing,
    /// The token file or variable gave none.
    #[error("{0}")]
    TokenUnreadable(String),
    /// Wrong or expired.
    #[error("the token was refused: it is wrong or has expired; put a valid one into the token file")]
    TokenInvalid,
    /// The day's requests are spent.
    #[error("the day's requests are spent (licences x 1000, shared by all tokens of the operation)")]
    QuotaExhausted,
    /// By our own count only what live polls need is left.
    #[error(
        "what is left of the day's requests is kept for live polls; catching up goes on with one request a poll, \
         and faster after the server's midnight"
    )]
    QuotaReserved,
    /// Somebody else is using the token.
    #[error("more than 2 requests at once with this token: give the exporter a token of its own")]
    Concurrency,
    /// The server is in maintenance.
    #[error("the server is in maintenance: {0:?}")]
    Maintenance(String),
    /// HTTP 429, with the wait that it asked for.
    #[error("the server asks for fewer requests (HTTP 429)")]
    Throttled(Option<Duration>),
    /// HTTP 503, with the wait that it asked for.
    #[error("the server is busy (HTTP 503), and asks for a wait of {} s", .0.as_secs())]
    Busy(Duration),
    /// The body is not JSON.
    #[error("{0}; is this the Wolkvox server, or a proxy?")]
    NotJson(String),
    /// The body is in a coding that was not asked for, or not in the one that its header names.
    #[error("the body is encoded as {0}, which was not asked for: something in between changes it")]
    ContentEncoding(String),
    /// The JSON is not a report.
    #[error("{0}")]
    Schema(String),
    /// No rows came, and words that are not those of a time range without rows.
    #[error(
        "the answer has no rows and does not say so in Wolkvox's words, but {0:?}: it is not taken for a time without rows"
    )]
    NotEmpty(String),
    /// So many rows cannot be read that the report must have changed: nothing of the answer counts.
    #[error(
        "{rejected} of {total} rows cannot be read: `{field}` has the shape {pattern:?}; nothing of this answer is \
         counted, and the window is read again. Look for a newer version of the exporter, or report the shape"
    )]
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
    #[error("{received} rows came of the {promised} announced")]
    TooFewRows {
        /// Rows in `data`.
        received: u64,
        /// Rows that `msg` announced.
        promised: u64,
        /// The server's clock, as in [`super::Answer`].
        server_time: Option<Timestamp>,
    },
    /// It lacks most of the rows that the server sent before for the same times.
    #[error(
        "the answer holds {held} of the {known} rows that the server sent before for the same times: it is wrong, the report \
         was emptied, or it is another operation's; nothing of it is counted. After an hour of this, counting goes on from \
         there with what comes then, and nothing is counted twice"
    )]
    Contradicts {
        /// Known rows.
        known: u64,
        /// Those of them that the answer holds.
        held: u64,
    },
    /// No row lies within the times asked for.
    #[error(
        "none of the {rows} rows of the answer is dated within the times that were asked for: their dates are in another time \
         zone or without seconds, or an old answer was sent again; check the target's timezone, and nothing of it is counted"
    )]
    OutsideRange {
        /// Rows that came.
        rows: u64,
    },
    /// The body ended before its closing bracket.
    #[error("the answer was cut off before its end")]
    CutOff,
    /// More bytes than an answer may have.
    #[error("the answer exceeds {0} bytes")]
    TooLarge(u64),
    /// Counting would begin by a clock that is wrong.
    #[error(
        "this machine's clock shows {ours}, the server's {theirs}: counting does not begin until they agree; set this \
         machine's clock, or allow for more by poll.max_clock_skew"
    )]
    ClocksDisagree {
        /// Our clock.
        ours: Timestamp,
        /// The `Date` of the answer.
        theirs: Timestamp,
    },
    /// Our own.
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// Its label.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Connect(_)
            | Self::ConnectionRefused(_)
            | Self::ConnectTimeout(_)
            | Self::NameNotFound(_)
            | Self::NoNameServer(_)
            | Self::BadHead(_) => ErrorClass::Connect,
            Self::Tls(_) => ErrorClass::Tls,
            Self::Timeout(_) => ErrorClass::Timeout,
            Self::Http5xx(_) | Self::Busy(_) => ErrorClass::Http5xx,
            Self::UnknownReport(_) | Self::Redirected(_) | Self::Refused { .. } | Self::Forbidden => {
                ErrorClass::BadRequest
            }
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
            Self::TooFewRows { .. } | Self::Contradicts { .. } | Self::CutOff => ErrorClass::Truncated,
            Self::TooLarge(_) => ErrorClass::TooLarge,
            Self::Internal(_) | Self::TooManyOpenFiles(_) | Self::ClocksDisagree { .. } => {
                ErrorClass::Internal
            }
        }
    }
}

impl ApiError {
    /// Whether the request never left this machine, so that nobody counts it.
    pub fn never_sent(&self) -> bool {
        matches!(
            self,
            Self::TokenUnreadable(_)
                | Self::ConnectionRefused(_)
                | Self::ConnectTimeout(_)
                | Self::NameNotFound(_)
                | Self::NoNameServer(_)
                | Self::TooManyOpenFiles(_)
                | Self::Tls(_)
        )
    }

    /// Whether it can be the fault of the range that was asked for: too much for the server, or a row in it that it
    /// cannot tell. Whatever is wrong with the token, the quota or the server as a whole is not.
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

    /// The wait that the server asked for.
    pub fn named_wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) => *wait,
            Self::Busy(wait) => Some(*wait),
            _ => None,
        }
    }
}
