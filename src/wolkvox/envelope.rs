//! What stands beside the rows: `code`, `error` and `msg`, each in the several forms that servers send.
//!
//! Owns what counts as the vendor's own words. It must never take for success what it does not know: an object
//! without a code of success is none, however friendly it looks.

use serde_json::{Map, Value};

use super::mend::mended;

/// The fields of an answer other than its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    code: Code,
    /// The words of an error; `None` for all ways to write that there is none.
    error: Option<String>,
    /// Whether these words were more than one text.
    error_is_list: bool,
    msg: Option<String>,
    promised: Option<u64>,
    /// Says in a word that is none of the vendor's that it went wrong.
    refuses: bool,
    /// There is a field `data`, whatever it holds.
    has_data: bool,
    /// Another field holds a list or an object with something in it.
    elsewhere: bool,
    /// Words in a field that the vendor does not use.
    other_words: Option<String>,
}

/// The field `code`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Code {
    #[default]
    Missing,
    Number(u16),
    Unknown,
}

/// Fields that other APIs put their words into.
const OTHER_WORDS: [&str; 7] =
    ["message", "error_message", "detail", "details", "description", "error_description", "title"];
/// Fields in which other APIs list what went wrong.
const ERRORS: [&str; 4] = ["errors", "exception", "fault", "failure"];

impl Envelope {
    /// Reads an object; extra fields are ignored unless they contradict. An error of the vendor's that comes without
    /// JSON around it is not an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let text = String::from_utf8_lossy(bytes);
        let fields: Map<String, Value> = serde_json::from_str(&mended(text.trim_start_matches('\u{feff}')))?;
        let mut envelope = Self::default();
        for (name, value) in &fields {
            match name.as_str() {
                "code" => envelope.code = Code::of(value),
                "error" => {
                    envelope.error = (!is_nothing(value)).then(|| words(value));
                    envelope.error_is_list = value.is_array() || value.is_object();
                }
                "msg" => {
                    envelope.msg = Some(words(value)).filter(|words| !words.is_empty());
                    envelope.promised = value.as_str().and_then(first_number);
                }
                "data" => envelope.has_data = true,
                other => envelope.foreign(other, value),
            }
        }
        Ok(envelope)
    }

    fn foreign(&mut self, name: &str, value: &Value) {
        let name = name.to_ascii_lowercase();
        self.elsewhere |= (value.is_array() || value.is_object()) && !is_nothing(value);
        match name.as_str() {
            "success" | "ok" => self.refuses |= is_nothing(value) && !value.is_null(),
            "status" | "state" | "result" => self.refuses |= is_failure(value),
            name if ERRORS.contains(&name) => self.refuses |= !is_nothing(value),
            name if OTHER_WORDS.contains(&name) => {
                let words = words(value);
                if !words.is_empty() {
                    self.other_words.get_or_insert(words);
                }
            }
            _ => {}
        }
    }

    /// The vendor's code, where it is a number.
    pub fn code(&self) -> Option<u16> {
        match self.code {
            Code::Number(code) => Some(code),
            Code::Missing | Code::Unknown => None,
        }
    }

    /// Whether the vendor says that all went well: a code of success, no error, and nothing that contradicts.
    pub fn is_success(&self) -> bool {
        self.has_success_code() && self.error.is_none() && !self.refuses
    }

    /// 0 and 200 are seen; the other codes of success mean the same everywhere.
    pub(super) fn has_success_code(&self) -> bool {
        matches!(self.code, Code::Number(0 | 200..=299))
    }

    /// Whether the object has a field that only the vendor's answers have.
    pub(super) fn is_vendors(&self) -> bool {
        self.code != Code::Missing || self.msg.is_some()
    }

    /// Whether there is an error, and it is one text.
    pub(super) fn has_one_error(&self) -> bool {
        self.error.is_some() && !self.error_is_list && !self.refuses
    }

    /// Whether the vendor says that the window has no rows.
    pub(super) fn says_empty(&self) -> bool {
        let words = self.words();
        words.contains("VALIDATE DATES")
            || (self.promised == Some(0) && (words.contains("RECORD") || words.contains("REGISTRO")))
    }

    /// Why a success without a single row is none after all: no `data`, and something else instead of it.
    pub(super) fn lacks_data(&self) -> Option<&'static str> {
        if self.has_data {
            return None;
        }
        let silent = |words: &str| matches!(words.to_uppercase().as_str(), "OK" | "SUCCESS");
        let said = self.msg.as_deref().filter(|_| self.promised.is_none() && !self.says_empty());
        match said.or(self.other_words.as_deref()) {
            _ if self.elsewhere => Some("it has no data, and a list under another name"),
            Some(words) if !silent(words.trim()) => Some("it has no data, and words that are not known"),
            _ => None,
        }
    }

    /// The vendor's words, for the log.
    pub fn message(&self) -> &str {
        self.msg.as_deref().or(self.error.as_deref()).or(self.other_words.as_deref()).unwrap_or("")
    }

    /// All of the vendor's words in capital letters and with single spaces, for classifying.
    pub(super) fn words(&self) -> String {
        let said = [self.msg.as_deref(), self.error.as_deref()].into_iter().flatten();
        let said: Vec<&str> = said.flat_map(str::split_whitespace).collect();
        said.join(" ").to_uppercase()
    }

    /// The number of rows that `msg` announces: `1172 records were found`. The wording varies, so this is its
    /// first number, with grouping dots or commas tolerated; `None` when it has none, or is no text.
    pub fn promised_rows(&self) -> Option<u64> {
        self.promised
    }
}

impl Code {
    fn of(value: &Value) -> Self {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null => return Self::Missing,
            _ => None,
        };
        let whole =
            number.filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(number));
        whole.map_or(Self::Unknown, |number| Self::Number(number as u16))
    }
}

/// Whether a value is one of the ways to write that there is nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => {
            matches!(
                text.trim().to_ascii_lowercase().as_str(),
                "" | "null" | "false" | "0" | "[]" | "{}" | "none"
            )
        }
        Value::Array(items) => items.iter().all(is_nothing),
        Value::Object(fields) => fields.values().all(is_nothing),
    }
}

/// Whether a field such as `status` says that it went wrong.
fn is_failure(value: &Value) -> bool {
    match value {
        Value::Bool(well) => !well,
        Value::Number(number) => number.as_f64().is_some_and(|code| code >= 400.0),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            text.parse::<f64>().is_ok_and(|code| code >= 400.0)
                || ["err", "fail", "false", "denied", "unauthori", "forbidden"]
                    .iter()
                    .any(|bad| text.starts_with(bad))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The texts within a value, one after the other.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().eq_ignore_ascii_case("null") => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => joined(items.iter()),
        Value::Object(fields) => joined(fields.values()),
    }
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(words).filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

fn first_number(msg: &str) -> Option<u64> {
    let digits = &msg[msg.find(|c: char| c.is_ascii_digit())?..];
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(digits.len());
    digits[..end].replace([',', '.'], "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Envelope {
        Envelope::parse(json.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn success_has_several_spellings() {
        for (json, success, code) in [
            (r#"{"code":"200","error":null}"#, true, Some(200)),
            (r#"{"code":200,"error":""}"#, true, Some(200)),
            (r#"{"code":"0","error":"null"}"#, true, Some(0)),
            (r#"{"code":0}"#, true, Some(0)),
            (r#"{"code":" 200 "}"#, true, Some(200)),
            (r#"{"code":200.0}"#, true, Some(200)),
            (r#"{"code":"201"}"#, true, Some(201)),
            (r#"{"code":200,"msg":["odd"]}"#, true, Some(200)),
            (r#"{"code":200,"msg":"\ud800"}"#, true, Some(200)),
            (r#"{"code":500,"code":200}"#, true, Some(200)),
            (r#"{}"#, false, None),
            (r#"{"code":null}"#, false, None),
            (r#"{"code":[200]}"#, false, None),
            (r#"{"code":true}"#, false, None),
            (r#"{"code":"403","error":null,"msg":"PLEASE VALIDATE TOKEN"}"#, false, Some(403)),
            (r#"{"code":200,"error":"boom"}"#, false, Some(200)),
            (r#"{"code":"abc"}"#, false, None),
            (r#"{"code":200,"success":false}"#, false, Some(200)),
            (r#"{"code":200,"success":"false"}"#, false, Some(200)),
            (r#"{"code":200,"status":"error"}"#, false, Some(200)),
            (r#"{"code":200,"status":500}"#, false, Some(200)),
            (r#"{"code":200,"errors":["boom"]}"#, false, Some(200)),
            (r#"{"code":200,"errors":[],"success":true,"status":"OK","ok":null}"#, true, Some(200)),
        ] {
            let envelope = read(json);
            assert_eq!((envelope.is_success(), envelope.code()), (success, code), "{json}");
        }
    }

    #[test]
    fn no_error_has_several_spellings() {
        for error in [
            "null",
            "false",
            "0",
            "[]",
            "{}",
            "\"\"",
            "\"null\"",
            "\"0\"",
            "\"[]\"",
            "\"False\"",
            "[null]",
            "\" \"",
        ] {
            assert!(read(&format!(r#"{{"code":200,"error":{error}}}"#)).is_success(), "{error}");
        }
        for error in ["true", "1", "[\"x\"]", "{\"a\":\"x\"}", "\"x\"", "[0,1]"] {
            assert!(!read(&format!(r#"{{"code":200,"error":{error}}}"#)).is_success(), "{error}");
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
            assert_eq!(read(&json).promised_rows(), rows, "{msg}");
        }
        // What is no text announces nothing.
        for msg in ["7", "[\"7 records\"]", "{\"rows\":7}", "true", "null"] {
            assert_eq!(read(&format!("{{\"msg\":{msg}}}")).promised_rows(), None, "{msg}");
        }
        assert_eq!(read("{}").promised_rows(), None);
    }

    #[test]
    fn without_data_only_the_known_words_are_an_empty_window() {
        for (json, good) in [
            (r#"{"code":200}"#, true),
            (r#"{"code":200,"msg":"0 records were found"}"#, true),
            (r#"{"code":200,"msg":"Validate  dates entered"}"#, true),
            (r#"{"code":200,"msg":"OK"}"#, true),
            (r#"{"code":200,"msg":"anything","data":null}"#, true),
            (r#"{"code":200,"msg":"Unauthorized"}"#, false),
            (r#"{"code":200,"message":"Unauthorized"}"#, false),
            (r#"{"code":200,"rows":[{"rp_id":"10"}]}"#, false),
            (r#"{"code":200,"result":{"data":[]}}"#, true),
            (r#"{"code":200,"result":{"data":[1]}}"#, false),
        ] {
            assert_eq!(read(json).lacks_data().is_none(), good, "{json}");
        }
    }
}
