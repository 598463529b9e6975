//! Classifies an answer that has been read to its end: rows, an empty window, or an error.
//!
//! Owns the table of the vendor's statuses and words, and the form in which these words may stand
//! in a message. It must never take an unknown answer for a success or for an empty window.

use std::time::Duration;

use super::{envelope::Envelope, error::ApiError};

/// The kind of an answer that has been read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Classified {
    /// Its rows count.
    Rows,
    /// No rows in the window; or no such report, because the vendor answers both in the same way.
    Empty,
    /// No rows to commit.
    Error(ApiError),
}

/// The parts of an answer from which it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerParts<'a> {
    /// HTTP status.
    pub(super) status: u16,
    /// `None` if the body is no envelope.
    pub(super) envelope: Option<&'a Envelope>,
    /// Elements of `data`.
    pub(super) rows: u64,
    /// The wait that the server asks for.
    pub(super) retry_after: Option<Duration>,
    /// The vendor's name for the request.
    pub(super) asked: &'static str,
    /// The token, which must never be repeated.
    pub(super) token: &'a str,
}

/// Classifies by HTTP status, the code in the body, and the vendor's words, in this order. An
/// answer that is not a known success or a known empty window is an error. Words in an error are
/// kept without the token.
pub(super) fn classify(parts: AnswerParts<'_>) -> Classified {
    match parts.envelope {
        Some(envelope) if (200..300).contains(&parts.status) => classify_good(envelope, parts),
        Some(envelope) if parts.status == 404 && envelope.mentions_no_rows() => {
            without_rows(envelope)
        }
        _ => Classified::Error(refusal(parts)),
    }
}

/// Classifies an answer with a status of success, whose body may still be an error.
fn classify_good(envelope: &Envelope, parts: AnswerParts<'_>) -> Classified {
    match (is_empty_in_words(envelope), parts.rows) {
        (true, 0) => return without_rows(envelope),
        (true, _) => return schema("it has rows, and says that there are none"),
        (false, 0) if envelope.says_empty() && envelope.promised_rows(0).is_none() => {
            return Classified::Empty;
        }
        _ => {}
    }
    if !envelope.is_success() {
        return match envelope.code() {
            Some(code) if !envelope.has_success_code() => {
                Classified::Error(refusal(AnswerParts { status: code, ..parts }))
            }
            Some(_) if envelope.has_one_error() => Classified::Error(refusal(parts)),
            Some(_) => schema("it says that it failed, in words that are not known"),
            None => schema("it has no code of success"),
        };
    }
    if parts.rows > 0 {
        let elsewhere = envelope.has_rows_elsewhere();
        return if elsewhere {
            schema("it has rows under another name than data")
        } else {
            Classified::Rows
        };
    }
    if let Some(error) = known_words(&envelope.words()) {
        return Classified::Error(error);
    }
    let words = excerpt(envelope.unknown_words(), parts.token);
    match envelope.promised_rows(0) {
        // Fewer rows than announced, which the caller reports.
        Some(rows) if rows > 1 || words.is_empty() || counts_rows(envelope, rows) => {
            Classified::Rows
        }
        _ if !words.is_empty() => Classified::Error(ApiError::NotEmpty(words)),
        _ => schema(envelope.why_not_empty().unwrap_or("it has no rows, and no words that say so")),
    }
}

/// Returns true if the words begin with this number, as in `1 records were found` and unlike `Error
/// 1`.
fn counts_rows(envelope: &Envelope, rows: u64) -> bool {
    let words = envelope.unknown_words().trim_start();
    words.strip_prefix(&rows.to_string()).is_some_and(|rest| rest.starts_with(' '))
}

/// Returns true if the vendor's field for errors says `Validate dates entered` or a count of 0.
fn is_empty_in_words(envelope: &Envelope) -> bool {
    let as_error = envelope.has_success_code() && envelope.has_one_error();
    envelope.mentions_no_rows() && (matches!(envelope.code(), None | Some(404)) || as_error)
}

/// Classifies an answer that reports no rows, and may report something else beside it.
fn without_rows(envelope: &Envelope) -> Classified {
    if envelope.promised_rows(0).is_some() {
        return schema("it says that there are no rows, and that there are some");
    }
    if envelope.says_empty() {
        return Classified::Empty;
    }
    schema(envelope.why_not_empty().unwrap_or("it says that there are no rows, and something else"))
}

fn schema(reason: &'static str) -> Classified {
    Classified::Error(ApiError::Schema(reason.to_owned()))
}

/// Returns the meaning of the vendor's words of refusal, whatever the status.
fn known_words(words: &str) -> Option<ApiError> {
    Some(match words {
        words if words.contains("ENTER THE WOLKVOX-TOKEN") => ApiError::TokenMissing,
        words if words.contains("VALIDATE TOKEN") => ApiError::TokenInvalid,
        words if words.contains("LIMIT EXCEEDED") => ApiError::QuotaExhausted,
        words if words.contains("SIMULTANEOUS") => ApiError::Concurrency,
        _ => return None,
    })
}

/// Returns the meaning of an answer without rows. Its status may be the code of the body.
fn refusal(parts: AnswerParts<'_>) -> ApiError {
    let AnswerParts { status, envelope, retry_after, token, .. } = parts;
    let words = envelope.map(Envelope::words).unwrap_or_default();
    let message = excerpt(envelope.map(Envelope::message).unwrap_or_default(), token);
    let is_http_error = !(200..300).contains(&status);
    match status {
        401 => ApiError::TokenMissing,
        429 => ApiError::Throttled(retry_after),
        400 if words.contains("DOES NOT EXIST") || words.contains("ARE REQUIRED") => {
            ApiError::UnknownReport { asked: parts.asked, message }
        }
        403 | 200..=299 if known_words(&words).is_some() => {
            known_words(&words).unwrap_or(ApiError::TokenInvalid)
        }
        403 if envelope.is_some_and(Envelope::is_vendors) => ApiError::Maintenance(message),
        403 => ApiError::Forbidden,
        404 => ApiError::ForeignNotFound,
        503 => retry_after.map_or(ApiError::Http5xx(status), ApiError::Busy),
        500..=599 => ApiError::Http5xx(status),
        300..=399 if is_http_error => ApiError::Redirected(status),
        _ => ApiError::Refused { status, message },
    }
}

/// Makes the vendor's words fit for one log line: short, without the token, and without any digit,
/// because a server may quote a request or a row with a person's or an interaction's number.
pub(super) fn excerpt(message: &str, token: &str) -> String {
    let message =
        if token.is_empty() { message.to_owned() } else { message.replace(token, "<token>") };
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
    use crate::ErrorClass;

    fn verdict(status: u16, body: &str) -> Classified {
        verdict_of(status, body, 0)
    }

    fn verdict_of(status: u16, body: &str, rows: u64) -> Classified {
        let envelope = Envelope::parse(body.as_bytes()).ok();
        classify(AnswerParts {
            status,
            envelope: envelope.as_ref(),
            rows,
            retry_after: None,
            asked: "diagram_13",
            token: "s3cret",
        })
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
            (
                403,
                msg("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"),
                ErrorClass::Concurrency,
            ),
            (403, msg("Backup in progress"), ErrorClass::Maintenance),
            (403, "<html>".to_owned(), ErrorClass::BadRequest),
            (403, r#"{"message":"Forbidden"}"#.to_owned(), ErrorClass::BadRequest),
            (404, "<html>".to_owned(), ErrorClass::Schema),
            (
                404,
                r#"{"message":"no Route matched with those values"}"#.to_owned(),
                ErrorClass::Schema,
            ),
            (404, msg("Not found"), ErrorClass::Schema),
            (404, "Validate dates entered".to_owned(), ErrorClass::Schema),
            (429, String::new(), ErrorClass::Throttled),
            (500, String::new(), ErrorClass::Http5xx),
            (599, msg("x"), ErrorClass::Http5xx),
            (302, String::new(), ErrorClass::BadRequest),
            (418, msg("too many rows for me"), ErrorClass::BadRequest),
            (
                200,
                r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#.to_owned(),
                ErrorClass::TokenInvalid,
            ),
            (
                200,
                r#"{"code":200,"error":"TOKEN LIMIT EXCEEDED"}"#.to_owned(),
                ErrorClass::QuotaExhausted,
            ),
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
            (200, r#"{"code":0}"#.to_owned(), ErrorClass::Schema),
            (
                200,
                r#"{"code":200,"data":[],"msg":"Query timed out"}"#.to_owned(),
                ErrorClass::Schema,
            ),
            (
                404,
                r#"{"code":500,"msg":"Error 0: tabla de registros bloqueada"}"#.to_owned(),
                ErrorClass::Schema,
            ),
            (
                404,
                r#"{"code":404,"msg":"Validate dates entered","count":7}"#.to_owned(),
                ErrorClass::Schema,
            ),
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
            assert_eq!(verdict_of(status, r#"{"code":0}"#, 1), Classified::Rows);
        }
        let counted = r#"{"code":200,"data":[],"count":7}"#;
        assert_eq!(
            verdict(200, counted),
            Classified::Rows,
            "and too few of them, as the caller says"
        );
        let elsewhere = r#"{"code":200,"data":[],"rows":[{"rp_id":"10"}]}"#;
        assert!(matches!(verdict_of(200, elsewhere, 1), Classified::Error(ApiError::Schema(_))));
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
