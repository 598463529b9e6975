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
    /// No connection, or one that broke.
    #[error(
        "no connection ({0}); Wolkvox lets in only the addresses on the operation's allow-list (at most 5): \
         check that this machine's public address is on it"
    )]
    Connect(String),
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
    /// The body is not JSON.
    #[error("{0}; is this the Wolkvox server, or a proxy?")]
    NotJson(String),
    /// The JSON is not a report.
    #[error("{0}")]
    Schema(String),
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
            Self::Connect(_) => ErrorClass::Connect,
            Self::Tls(_) => ErrorClass::Tls,
            Self::Timeout(_) => ErrorClass::Timeout,
            Self::Http5xx(_) => ErrorClass::Http5xx,
            Self::UnknownReport(_) | Self::Redirected(_) | Self::Refused { .. } => ErrorClass::BadRequest,
            Self::TokenMissing | Self::TokenUnreadable(_) => ErrorClass::TokenMissing,
            Self::TokenInvalid => ErrorClass::TokenInvalid,
            Self::QuotaExhausted | Self::QuotaReserved => ErrorClass::QuotaExhausted,
            Self::Concurrency => ErrorClass::Concurrency,
            Self::Maintenance(_) => ErrorClass::Maintenance,
            Self::Throttled(_) => ErrorClass::Throttled,
            Self::NotJson(_) => ErrorClass::NotJson,
            Self::Schema(_) => ErrorClass::Schema,
            Self::TooFewRows { .. } | Self::CutOff => ErrorClass::Truncated,
            Self::TooLarge(_) => ErrorClass::TooLarge,
            Self::Internal(_) => ErrorClass::Internal,
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

/// Classifies by HTTP status, the code in the body, and the vendor's words, in this order. A fault that keeps
/// the words keeps them without the token.
pub(super) fn classify(
    status: u16,
    envelope: Option<&Envelope>,
    retry_after: Option<Duration>,
    token: &str,
) -> Classified {
    let success = (200..300).contains(&status);
    let said = envelope.map(Envelope::message).unwrap_or_default();
    if success && envelope.is_some_and(Envelope::is_success) {
        return Classified::Rows;
    }
    // An error may come with status 200 and its code in the body.
    let status = if success { envelope.and_then(Envelope::code).unwrap_or(status) } else { status };
    let words = said.to_ascii_uppercase();
    Classified::Error(match status {
        404 => return Classified::Empty,
        _ if success && words.contains("VALIDATE DATES") => return Classified::Empty,
        401 => ApiError::TokenMissing,
        429 => ApiError::Throttled(retry_after),
        400 if words.contains("DOES NOT EXIST") || words.contains("ARE REQUIRED") => {
            ApiError::UnknownReport(excerpt(said, token))
        }
        403 | 200 if words.contains("VALIDATE TOKEN") => ApiError::TokenInvalid,
        403 | 200 if words.contains("LIMIT EXCEEDED") => ApiError::QuotaExhausted,
        403 | 200 if words.contains("SIMULTANEOUS") => ApiError::Concurrency,
        403 => ApiError::Maintenance(excerpt(said, token)),
        500..=599 => ApiError::Http5xx(status),
        300..=399 if !success => ApiError::Redirected(status),
        _ => ApiError::Refused { status, message: excerpt(said, token) },
    })
}

/// A number in the vendor's words may have this many digits: enough for a count of rows.
const MOST_DIGITS: usize = 6;

/// The vendor's words made fit for one log line: short, and without the token, or a number that could be a
/// person's or an interaction's, should a server quote what it was sent or a row.
fn excerpt(message: &str, token: &str) -> String {
    let message = message.replace(token, "<token>");
    let message: String = message.chars().filter(|c| !c.is_control()).take(120).collect();
    let is_number = |c: char| c.is_ascii_digit() || " .-+()/".contains(c);
    let mut out = String::new();
    let mut rest = message.as_str();
    while let Some(first) = rest.chars().next() {
        let same = |c: char| is_number(c) == is_number(first);
        let (run, after) = rest.split_at(rest.find(|c| !same(c)).unwrap_or(rest.len()));
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        out.push_str(if digits > MOST_DIGITS { "…" } else { run });
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str) -> Classified {
        classify(status, Envelope::parse(body.as_bytes()).ok().as_ref(), None, "s3cret")
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
            (403, "<html>".to_owned(), ErrorClass::Maintenance),
            (429, String::new(), ErrorClass::Throttled),
            (500, String::new(), ErrorClass::Http5xx),
            (599, msg("x"), ErrorClass::Http5xx),
            (302, String::new(), ErrorClass::BadRequest),
            (418, msg("too many rows for me"), ErrorClass::BadRequest),
            (200, r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#.to_owned(), ErrorClass::TokenInvalid),
            (200, r#"{"code":200,"error":"TOKEN LIMIT EXCEEDED"}"#.to_owned(), ErrorClass::QuotaExhausted),
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
            (404, "<html>"),
            (200, r#"{"code":"404","msg":"Validate dates entered"}"#),
            (200, r#"{"code":"200","error":"Validate dates entered"}"#),
        ] {
            assert_eq!(verdict(status, body), Classified::Empty, "{status} {body}");
        }
        assert_eq!(verdict(200, r#"{"code":0}"#), Classified::Rows);
    }

    #[test]
    fn the_vendors_words_stay_one_short_line() {
        let long = format!("a\nb{}", "x".repeat(500));
        assert_eq!(excerpt(&long, "s3cret").chars().count(), 120);
        assert!(!excerpt(&long, "s3cret").contains('\n'));
    }

    #[test]
    fn the_vendors_words_lose_the_token_and_long_numbers() {
        for (message, shown) in [
            ("TOO MANY (2) OF 60,000 ROWS", "TOO MANY (2) OF 60,000 ROWS"),
            ("no row for 573001234567, sorry", "no row for…, sorry"),
            ("phone:+57 (300) 123-4567!", "phone:…!"),
            ("conn 6736.4628.1040.1768782812.1814", "conn…"),
            ("9001234567", "…"),
            ("año 2026", "año 2026"),
            ("no s3cret here, s3cret", "no <token> here, <token>"),
            ("", ""),
        ] {
            assert_eq!(excerpt(message, "s3cret"), shown);
        }
    }
}
