//! Everything that can go wrong with a request, told apart by what to do about it.

use std::time::Duration;

use jiff::Timestamp;

use super::envelope::Envelope;

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
    /// It holds none of the rows that the server sent before for the same times.
    #[error(
        "the answer holds none of the {known} rows that the server sent before for the same times: it is wrong, or the \
         report was emptied; after an hour of this it is believed"
    )]
    Contradicts {
        /// So many rows are known.
        known: u64,
    },
    /// The body ended before its closing bracket.
    #[error("the answer was cut off before its end")]
    CutOff,
    /// More bytes than an answer may have.
    #[error("the answer exceeds {0} bytes")]
    TooLarge(u64),
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
            Self::Schema(_) | Self::ForeignNotFound | Self::RowsRejected { .. } => ErrorClass::Schema,
            Self::TooFewRows { .. } | Self::Contradicts { .. } | Self::CutOff => ErrorClass::Truncated,
            Self::TooLarge(_) => ErrorClass::TooLarge,
            Self::Internal(_) | Self::TooManyOpenFiles(_) => ErrorClass::Internal,
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
                | Self::TooManyOpenFiles(_)
                | Self::Tls(_)
        )
    }

    /// Whether it can be the fault of the span that was asked for: too much for the server, or a row in it that it
    /// cannot tell. Whatever is wrong with the token, the quota or the server as a whole is not.
    pub fn may_be_the_span(&self) -> bool {
        matches!(
            self,
            Self::Connect(_)
                | Self::Timeout(_)
                | Self::Http5xx(_)
                | Self::Refused { .. }
                | Self::NotJson(_)
                | Self::Schema(_)
                | Self::CutOff
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

/// What an answer that has been read to its end says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Classified {
    /// Its rows count.
    Rows,
    /// No rows in the window; or no such report, which the vendor does not tell apart.
    Empty,
    /// No rows to commit.
    Error(ApiError),
}

/// An answer as far as it is needed to judge it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// Of HTTP.
    pub(super) status: u16,
    /// `None` where the body is none.
    pub(super) envelope: Option<&'a Envelope>,
    /// Elements of `data`.
    pub(super) rows: u64,
    /// The wait that the server asks for.
    pub(super) retry_after: Option<Duration>,
    /// Never to be repeated.
    pub(super) token: &'a str,
}

/// Classifies by HTTP status, the code in the body, and the vendor's words, in this order. What is not known for a
/// success or for an empty window is an error. One that keeps the words keeps them without the token.
pub(super) fn classify(said: Said<'_>) -> Classified {
    match said.envelope {
        Some(envelope) if (200..300).contains(&said.status) => classify_good(envelope, said),
        Some(envelope) if said.status == 404 && envelope.says_empty() => Classified::Empty,
        _ => Classified::Error(refusal(said)),
    }
}

/// The status is that of a success: an error may stand in the body all the same.
fn classify_good(envelope: &Envelope, said: Said<'_>) -> Classified {
    if envelope.says_empty() && matches!(envelope.code(), None | Some(404)) || is_empty_as_error(envelope) {
        return match said.rows {
            0 => Classified::Empty,
            _ => schema("it has rows, and says that there are none"),
        };
    }
    if !envelope.is_success() {
        return match envelope.code() {
            Some(code) if !envelope.has_success_code() => {
                Classified::Error(refusal(Said { status: code, ..said }))
            }
            Some(_) if envelope.has_one_error() => Classified::Error(refusal(said)),
            Some(_) => schema("it says that it failed, in words that are not known"),
            None => schema("it has no code of success"),
        };
    }
    if said.rows > 0 {
        return Classified::Rows;
    }
    if let Some(fault) = known_words(&envelope.words()) {
        return Classified::Error(fault);
    }
    envelope.lacks_data().map_or(Classified::Rows, schema)
}

/// `Validate dates entered` as the error of a code of success.
fn is_empty_as_error(envelope: &Envelope) -> bool {
    envelope.has_success_code() && envelope.has_one_error() && envelope.says_empty()
}

fn schema(reason: &'static str) -> Classified {
    Classified::Error(ApiError::Schema(format!("the JSON is not a report ({reason})")))
}

/// What the vendor's words of refusal mean, whatever the status.
fn known_words(words: &str) -> Option<ApiError> {
    Some(match words {
        words if words.contains("ENTER THE WOLKVOX-TOKEN") => ApiError::TokenMissing,
        words if words.contains("VALIDATE TOKEN") => ApiError::TokenInvalid,
        words if words.contains("LIMIT EXCEEDED") => ApiError::QuotaExhausted,
        words if words.contains("SIMULTANEOUS") => ApiError::Concurrency,
        _ => return None,
    })
}

/// What an answer without rows means. Its status may be the code of the body.
fn refusal(said: Said<'_>) -> ApiError {
    let Said { status, envelope, retry_after, token, .. } = said;
    let words = envelope.map(Envelope::words).unwrap_or_default();
    let message = || excerpt(envelope.map(Envelope::message).unwrap_or_default(), token);
    let is_http_error = !(200..300).contains(&said.status);
    match status {
        401 => ApiError::TokenMissing,
        429 => ApiError::Throttled(retry_after),
        400 if words.contains("DOES NOT EXIST") || words.contains("ARE REQUIRED") => {
            ApiError::UnknownReport(message())
        }
        403 | 200..=299 if known_words(&words).is_some() => {
            known_words(&words).unwrap_or(ApiError::TokenInvalid)
        }
        403 if envelope.is_some_and(Envelope::is_vendors) => ApiError::Maintenance(message()),
        403 => ApiError::Forbidden,
        404 => ApiError::ForeignNotFound,
        503 => retry_after.map_or(ApiError::Http5xx(status), ApiError::Busy),
        500..=599 => ApiError::Http5xx(status),
        300..=399 if is_http_error => ApiError::Redirected(status),
        _ => ApiError::Refused { status, message: message() },
    }
}

/// The vendor's words made fit for one log line: short, without the token, and without any digit, which could be a
/// person's or an interaction's, should a server quote what it was sent or a row.
pub(super) fn excerpt(message: &str, token: &str) -> String {
    let message = if token.is_empty() { message.to_owned() } else { message.replace(token, "<token>") };
    let message = message.chars().filter(|c| !c.is_control()).take(120);
    let mut out = String::new();
    for c in message {
        match c {
            digit if digit.is_numeric() => {
                if !out.ends_with('…') {
                    out.push('…');
                }
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Classified {
        verdict_of(status, body, 0)
    }

    fn verdict_of(status: u16, body: &str, rows: u64) -> Classified {
        let envelope = Envelope::parse(body.as_bytes()).ok();
        classify(Said { status, envelope: envelope.as_ref(), rows, retry_after: None, token: "s3cret" })
    }

    #[test]
    fn the_table_of_the_api() {
        let msg = |msg: &str| serde_json::json!({ "code": "x", "msg": msg }).to_string();
        for (status, body, class) in [
            (400, msg("THE API YOU WANT TO CONSULT DOES NOT EXIST"), ErrorClass::BadRequest),
            (400, msg("SOME PARAMETERS ARE REQUIRED"), ErrorClass::BadRequest),
            (401, msg("PLEASE ENTER THE WOLKVOX-TOKEN"), ErrorClass::TokenMissing),
            (403, msg("PLEASE VALIDATE TOKEN"), ErrorClass::TokenInvalid),
            (403, msg("TOKEN LIMIT EXCEEDED"), ErrorClass::QuotaExhausted),
            (403, msg("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"), ErrorClass::Concurrency),
            (403, msg("Backup in progress"), ErrorClass::Maintenance),
            (403, "<html>".to_owned(), ErrorClass::BadRequest),
            (403, r#"{"message":"Forbidden"}"#.to_owned(), ErrorClass::BadRequest),
            (404, "<html>".to_owned(), ErrorClass::Schema),
            (404, r#"{"message":"no Route matched with those values"}"#.to_owned(), ErrorClass::Schema),
            (404, msg("Not found"), ErrorClass::Schema),
            (404, "Validate dates entered".to_owned(), ErrorClass::Schema),
            (429, String::new(), ErrorClass::Throttled),
            (500, String::new(), ErrorClass::Http5xx),
            (599, msg("x"), ErrorClass::Http5xx),
            (302, String::new(), ErrorClass::BadRequest),
            (418, msg("too many rows for me"), ErrorClass::BadRequest),
            (200, r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#.to_owned(), ErrorClass::TokenInvalid),
            (200, r#"{"code":200,"error":"TOKEN LIMIT EXCEEDED"}"#.to_owned(), ErrorClass::QuotaExhausted),
            (
                200,
                r#"{"code":200,"error":null,"msg":"PLEASE VALIDATE TOKEN"}"#.to_owned(),
                ErrorClass::TokenInvalid,
            ),
            (200, r#"{"code":200,"error":"out of memory"}"#.to_owned(), ErrorClass::BadRequest),
            (200, r#"{"code":200,"error":["boom"]}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"code":200,"success":false,"data":[]}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"code":"404","msg":"Not found"}"#.to_owned(), ErrorClass::Schema),
            (200, "{}".to_owned(), ErrorClass::Schema),
            (200, r#"{"message":"Unauthorized"}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"error":"Unauthorized"}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"errors":["Unauthorized"]}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"data":[]}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"code":200,"message":"Unauthorized"}"#.to_owned(), ErrorClass::Schema),
            (200, r#"{"code":500,"msg":"x"}"#.to_owned(), ErrorClass::Http5xx),
            (200, r#"{"code":7,"msg":"x"}"#.to_owned(), ErrorClass::BadRequest),
        ] {
            match verdict(status, &body) {
                Classified::Error(fault) => assert_eq!(fault.class(), class, "{status} {body}"),
                other => panic!("{status} {body}: {other:?}"),
            }
        }
        for (status, body) in [
            (404, r#"{"code":"404","msg":"Validate dates entered"}"#),
            (404, r#"{"code":"404","msg":"validate  DATES entered.","data":null}"#),
            (404, r#"{"error":"Validate dates entered"}"#),
            (200, r#"{"msg":"Validate dates entered"}"#),
            (200, r#"{"code":"404","msg":"Validate dates entered"}"#),
            (200, r#"{"code":"200","error":"Validate dates entered"}"#),
        ] {
            assert_eq!(verdict(status, body), Classified::Empty, "{status} {body}");
        }
        for status in [200, 201, 203, 206, 226, 299] {
            assert_eq!(verdict(status, r#"{"code":0}"#), Classified::Rows);
        }
        let empty = r#"{"code":"404","msg":"Validate dates entered","data":[{}]}"#;
        assert!(matches!(verdict_of(200, empty, 1), Classified::Error(ApiError::Schema(_))));
    }

    #[test]
    fn the_vendors_words_stay_one_short_line() {
        let long = format!("a\nb{}", "x".repeat(500));
        assert_eq!(excerpt(&long, "s3cret").chars().count(), 120);
        assert!(!excerpt(&long, "s3cret").contains('\n'));
    }

    #[test]
    fn the_vendors_words_lose_the_token_and_every_digit() {
        for (message, shown) in [
            ("TOO MANY (2) OF 60,000 ROWS", "TOO MANY (…) OF …,… ROWS"),
            ("no row for 573001234567, sorry", "no row for …, sorry"),
            ("phone:+57 (300) 123-4567!", "phone:+… (…) …-…!"),
            ("conn 6736.4628.1040.1768782812.1814", "conn ….….….….…"),
            ("9001234567 ٣٠٠ ３００", "… … …"),
            ("año 2026", "año …"),
            ("no s3cret here, s3cret", "no <token> here, <token>"),
            ("", ""),
        ] {
            assert_eq!(excerpt(message, "s3cret"), shown);
        }
    }
}
