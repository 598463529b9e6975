//! What stands beside the rows: `code`, `error` and `msg`, each in the several forms that servers send.

use std::borrow::Cow;

use serde::Deserialize;

use super::row_parser::Text;

/// The fields of an answer other than its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    code: Option<String>,
    error: Option<String>,
    msg: Option<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    code: Text<'a>,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    msg: Text<'a>,
}

impl Envelope {
    /// Reads an object; extra fields are ignored. An error of the vendor's that comes without JSON around it
    /// is not an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        // Not every server sends valid UTF-8; a replaced character in a message is harmless.
        let text = String::from_utf8_lossy(bytes);
        let raw: Raw<'_> = serde_json::from_str(&text)?;
        let own = |text: Text<'_>| {
            text.0.map(Cow::into_owned).filter(|s| !s.is_empty() && !s.eq_ignore_ascii_case("null"))
        };
        Ok(Self { code: own(raw.code), error: own(raw.error), msg: own(raw.msg) })
    }

    /// The vendor's code, where it is a number.
    pub fn code(&self) -> Option<u16> {
        self.code.as_deref()?.trim().parse().ok()
    }

    /// Whether the vendor says that all went well: code 200 or 0 (or none), and no error text.
    pub fn is_success(&self) -> bool {
        matches!(self.code.as_deref().map(str::trim), None | Some("200" | "0")) && self.error.is_none()
    }

    /// The vendor's words, for classifying and for the log.
    pub fn message(&self) -> &str {
        self.msg.as_deref().or(self.error.as_deref()).unwrap_or("")
    }

    /// The number of rows that `msg` announces: `1172 records were found`. The wording varies, so this is its
    /// first number, with grouping dots or commas tolerated; `None` when it has none.
    pub fn promised_rows(&self) -> Option<u64> {
        let msg = self.msg.as_deref()?;
        let digits = &msg[msg.find(|c: char| c.is_ascii_digit())?..];
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(digits.len());
        digits[..end].replace([',', '.'], "").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_has_several_spellings() {
        for (json, success, code) in [
            (r#"{"code":"200","error":null}"#, true, Some(200)),
            (r#"{"code":200,"error":""}"#, true, Some(200)),
            (r#"{"code":"0","error":"null"}"#, true, Some(0)),
            (r#"{"code":0}"#, true, Some(0)),
            (r#"{}"#, true, None),
            (r#"{"code":"403","error":null,"msg":"PLEASE VALIDATE TOKEN"}"#, false, Some(403)),
            (r#"{"code":200,"error":"boom"}"#, false, Some(200)),
            (r#"{"code":"abc"}"#, false, None),
        ] {
            let envelope = Envelope::parse(json.as_bytes()).unwrap();
            assert_eq!((envelope.is_success(), envelope.code()), (success, code), "{json}");
        }
    }

    #[test]
    fn the_count_is_read_leniently() {
        for (msg, rows) in [
            ("1172 records were found", Some(1172)),
            ("Se encontraron 1,172 registros", Some(1172)),
            ("1.172 registros.", Some(1172)),
            ("no number", None),
            ("99999999999999999999999", None),
        ] {
            let json = serde_json::json!({ "msg": msg }).to_string();
            assert_eq!(Envelope::parse(json.as_bytes()).unwrap().promised_rows(), rows, "{msg}");
        }
        assert_eq!(Envelope::parse(br#"{"msg":7}"#).unwrap().promised_rows(), Some(7));
        assert_eq!(Envelope::parse(b"{}").unwrap().promised_rows(), None);
    }
}
