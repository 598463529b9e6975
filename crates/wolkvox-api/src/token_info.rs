//! The vendor's report on the day's quota (`information.php?api=token_info`).

use serde_json::Value;

use super::error::ApiError;

/// Requests of the operation's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenInfo {
    /// Requests allowed.
    pub limit: u64,
    /// Requests used, by all of the operation's tokens; 0 if the server does not report it.
    pub used: u64,
}

impl TokenInfo {
    /// Reads the answer. Only the names of the fields are known, so they are looked for at any
    /// depth, and their values may be numbers or text.
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let answer: Value = serde_json::from_slice(body)
            .map_err(|_| ApiError::NotJson("it should tell the quota".to_owned()))?;
        let limit = find(&answer, "token_limit")
            .ok_or_else(|| ApiError::Schema("the answer on the quota names no limit".to_owned()))?;
        let used = find(&answer, "all_token_today").or_else(|| find(&answer, "token_use_today"));
        Ok(Self { limit, used: used.unwrap_or(0) })
    }
}

fn find(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => {
            let here = fields.get(name).and_then(|found| match found {
                Value::String(text) => text.trim().parse().ok(),
                number => number.as_u64(),
            });
            here.or_else(|| fields.values().find_map(|inner| find(inner, name)))
        }
        Value::Array(items) => items.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found_wherever_they_stand() {
        let info = |limit, used| Ok(TokenInfo { limit, used });
        for (body, expected) in [
            (
                r#"{"data":[{"token_limit":"5000","token_use_today":"7","all_token_today":"30"}]}"#,
                info(5000, 30),
            ),
            (r#"{"data":{"token_limit":5000,"token_use_today":7}}"#, info(5000, 7)),
            (r#"{"token_limit":" 5000 "}"#, info(5000, 0)),
        ] {
            assert_eq!(TokenInfo::parse(body.as_bytes()), expected, "{body}");
        }
        for body in ["<html>", "{}", r#"{"data":null}"#, r#"{"token_limit":"many"}"#] {
            assert!(TokenInfo::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
