//! The fields beside the rows: `code`, `error`, `msg`, and any other that a server adds.
//!
//! Owns the vendor's own words. It must never take an unknown answer for a success, or for a time
//! range without rows: a success needs a code of success, and an answer without rows needs known
//! words.

use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::{
    announced::Announced,
    mend::mended,
    sentence::Sentence,
    values::{is_failure, is_nothing, is_well, words},
};

/// The fields of an answer other than its rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    code: Code,
    /// The text of an error; `None` for every way to write that there is no error.
    error: Option<String>,
    /// The error was a list of texts.
    error_is_list: bool,
    msg: Option<String>,
    /// A word that is not the vendor's reports a failure.
    refuses: bool,
    data: DataField,
    announced: Announced,
    /// The reason why the fields beside the vendor's own rule out a time range without rows.
    against_empty: Option<&'static str>,
    /// A field other than `data` has rows.
    rows_elsewhere: bool,
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

/// The field `data`, of which the splitter has taken the rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum DataField {
    #[default]
    Missing,
    Null,
    /// A list or an object. Its rows, if it has any, have been taken out.
    List,
    /// Rows that were left in, because the answer has a status of failure.
    Filled,
}

/// Fields that other APIs put their words into.
const OTHER_WORDS: [&str; 10] = [
    "message",
    "error_message",
    "detail",
    "details",
    "description",
    "error_description",
    "title",
    "warning",
    "warnings",
    "notice",
];
/// Fields in which other APIs list errors.
const ERRORS: [&str; 4] = ["errors", "exception", "fault", "failure"];
/// Fields in which other APIs report the outcome.
const OUTCOMES: [&str; 5] = ["success", "ok", "status", "state", "result"];
/// Fields whose texts mean nothing for rows, without underscores and hyphens.
const METADATA: [&str; 22] = [
    "version",
    "apiversion",
    "api",
    "id",
    "uuid",
    "requestid",
    "traceid",
    "correlationid",
    "transactionid",
    "timestamp",
    "time",
    "date",
    "datetime",
    "dateini",
    "dateend",
    "servertime",
    "timezone",
    "elapsed",
    "executiontime",
    "duration",
    "lang",
    "page",
];
/// An object with one of these fields is a row, wherever it stands.
const ROW_FIELDS: [&str; 3] = ["rp_id", "conn_id", "cod_opc_menu"];

impl Envelope {
    /// Reads an object. An error of the vendor's that comes without JSON around it is not an
    /// envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let text = String::from_utf8_lossy(bytes);
        let fields: Map<String, Value> =
            serde_json::from_str(&mended(text.trim_start_matches('\u{feff}')))?;
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
                    if let Value::String(text) = value {
                        envelope.announced.sentence(&Sentence::new(text));
                    }
                }
                "data" => envelope.data = DataField::of(value),
                other => envelope.foreign(other, value),
            }
        }
        if envelope.code() == Some(206) {
            envelope.announced.partial();
        }
        Ok(envelope)
    }

    /// Records the head of the answer.
    pub(super) fn add_head(&mut self, status: u16, headers: &HeaderMap) {
        self.announced.headers(headers);
        if status == 206 {
            self.announced.partial();
        }
        if !matches!(status, 200 | 201 | 203 | 404) {
            self.against_empty.get_or_insert("its status is not that of a whole answer");
        }
    }

    fn foreign(&mut self, name: &str, value: &Value) {
        let name = name.to_ascii_lowercase();
        self.announced.field(&name, value);
        self.rows_elsewhere |= has_rows(value);
        if let Some(reason) = against_empty(&name, value) {
            self.against_empty.get_or_insert(reason);
        }
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

    /// Returns the vendor's code, if it is a number.
    pub fn code(&self) -> Option<u16> {
        match self.code {
            Code::Number(code) => Some(code),
            Code::Missing | Code::Unknown => None,
        }
    }

    /// Returns true if the vendor reports a success: a code of success, no error, and nothing that
    /// contradicts.
    pub fn is_success(&self) -> bool {
        self.has_success_code() && self.error.is_none() && !self.refuses
    }

    /// Returns true for codes of success: 0 and 200, which Wolkvox sends, and the others of HTTP.
    pub(super) fn has_success_code(&self) -> bool {
        matches!(self.code, Code::Number(0 | 200..=299))
    }

    /// Returns true if the object has a field that only the vendor's answers have.
    pub(super) fn is_vendors(&self) -> bool {
        self.code != Code::Missing || self.msg.is_some()
    }

    /// Returns true if there is an error, and it is one text.
    pub(super) fn has_one_error(&self) -> bool {
        self.error.is_some() && !self.error_is_list && !self.refuses
    }

    /// Returns true if an object beside `data` is a row.
    pub(super) fn has_rows_elsewhere(&self) -> bool {
        self.rows_elsewhere
    }

    /// Returns true if it has the vendor's words for "no rows", among others.
    pub(super) fn mentions_no_rows(&self) -> bool {
        self.sentences().any(|sentence| sentence.says_no_rows())
    }

    /// Returns true if it reports that the time range has no rows: in the vendor's words, or by a
    /// success with an empty list, and without anything that contradicts.
    pub(super) fn says_empty(&self) -> bool {
        let known_code =
            matches!(self.code, Code::Missing | Code::Number(404)) || self.has_success_code();
        let known_words = self.sentences().all(|sentence| {
            sentence.says_no_rows() || sentence.is_silent() || sentence.says_not_found()
        });
        let in_words = self.mentions_no_rows() && known_words && known_code && !self.error_is_list;
        let by_list = self.is_success()
            && self.data == DataField::List
            && self.sentences().all(|it| it.is_silent());
        (in_words || by_list) && self.why_not_empty().is_none() && !self.refuses
    }

    /// Returns the reason why this is no time range without rows, although nothing reports a
    /// failure.
    pub(super) fn why_not_empty(&self) -> Option<&'static str> {
        match self.data {
            _ if self.rows_elsewhere => Some("it has rows under another name than data"),
            DataField::Filled => Some("it has data, and says that it has none"),
            _ => self.against_empty,
        }
    }

    /// The vendor's own words.
    fn sentences(&self) -> impl Iterator<Item = Sentence> {
        let said = [self.msg.as_deref(), self.error.as_deref()];
        said.into_iter().flatten().map(Sentence::new)
    }

    /// The vendor's words, for the log.
    pub fn message(&self) -> &str {
        self.msg.as_deref().or(self.error.as_deref()).or(self.other_words.as_deref()).unwrap_or("")
    }

    /// Returns words that do not report an absence of rows, for the log.
    pub(super) fn unknown_words(&self) -> &str {
        let said = [self.msg.as_deref(), self.error.as_deref(), self.other_words.as_deref()];
        said.into_iter().flatten().find(|words| Sentence::new(words).is_unknown()).unwrap_or("")
    }

    /// Returns all of the vendor's words in capital letters and with single spaces, for
    /// classifying.
    pub(super) fn words(&self) -> String {
        let said = [self.msg.as_deref(), self.error.as_deref()].into_iter().flatten();
        let said: Vec<&str> = said.flat_map(str::split_whitespace).collect();
        said.join(" ").to_uppercase()
    }

    /// Returns the number of rows that should have come if `received` came; `None` if nothing
    /// announces more.
    pub fn promised_rows(&self, received: u64) -> Option<u64> {
        self.announced.more_than(received)
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
        let whole = number
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(number));
        whole.map_or(Self::Unknown, |number| Self::Number(number as u16))
    }
}

impl DataField {
    fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) if items.is_empty() => Self::List,
            Value::Object(fields) if fields.is_empty() => Self::List,
            value if is_nothing(value) => Self::Null,
            _ => Self::Filled,
        }
    }
}

/// Returns the reason why a field that is not the vendor's rules out a time range without rows, if
/// it does. An unknown field does.
fn against_empty(name: &str, value: &Value) -> Option<&'static str> {
    if is_nothing(value) {
        return None;
    }
    let is_trouble =
        ["err", "warn", "fail", "fault", "exception"].iter().any(|part| name.contains(part));
    match value {
        _ if is_trouble => Some("it has no rows, and says that something went wrong"),
        value if OUTCOMES.contains(&name) && !value.is_object() && !value.is_array() => {
            (!is_well(value)).then_some("it has no rows, and an outcome that is not known")
        }
        Value::Object(fields) => {
            fields.iter().find_map(|(name, value)| against_empty(&name.to_ascii_lowercase(), value))
        }
        Value::Array(_) => Some("it has no rows, and a list under another name"),
        Value::Number(_) => None,
        Value::String(text)
            if text.trim().parse::<f64>().is_ok() || Sentence::new(text).is_silent() =>
        {
            None
        }
        Value::String(_) if METADATA.contains(&name.replace(['_', '-'], "").as_str()) => None,
        _ => Some("it has no rows, and words or fields that are not known"),
    }
}

/// Returns true if there is a row within a value.
fn has_rows(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_rows),
        Value::Object(fields) => {
            ROW_FIELDS.iter().any(|name| fields.contains_key(*name))
                || fields.values().any(has_rows)
        }
        _ => false,
    }
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
    fn a_count_is_announced_by_text_only() {
        for (msg, rows) in [
            (r#""1172 records were found""#, Some(1172)),
            (r#""Se encontraron 1,172 registros""#, Some(1172)),
            (r#""1 of 7 records""#, Some(7)),
            ("7", None),
            (r#"["7 records"]"#, None),
            (r#"{"rows":7}"#, None),
            ("null", None),
        ] {
            assert_eq!(read(&format!("{{\"msg\":{msg}}}")).promised_rows(1), rows, "{msg}");
        }
        assert_eq!(read("{}").promised_rows(0), None);
        assert_eq!(read(r#"{"code":206}"#).promised_rows(3), Some(4));
    }

    #[test]
    fn no_rows_is_said_in_the_vendors_words_or_by_an_empty_list() {
        for json in [
            // The vendor's words, with every way to write that nothing else is the matter.
            r#"{"code":"404","error":null,"msg":"Validate dates entered"}"#,
            r#"{"code":"404","error":"Not Found","msg":"Validate dates entered","data":null}"#,
            r#"{"code":"404","error":true,"msg":"Validate dates entered."}"#,
            r#"{"code":"200","error":"Validate dates entered","msg":""}"#,
            r#"{"msg":"Validate  dates entered","data":[]}"#,
            r#"{"code":200,"error":null,"msg":"0 records were found"}"#,
            r#"{"code":"200","error":null,"msg":"0 records were found","data":null}"#,
            r#"{"code":"404","msg":"Se encontraron 0 registros","count":0,"has_more":false}"#,
            // A success with an empty list.
            r#"{"code":200,"data":[]}"#,
            r#"{"code":"0","error":"","msg":"OK","data":{}}"#,
            r#"{"code":200,"data":[],"success":true,"status":"OK","page":1,"elapsed_ms":12,"version":"2.1"}"#,
            r#"{"code":200,"data":[],"result":{"data":[]},"meta":{"total":0,"page":1},"errors":[]}"#,
        ] {
            assert!(read(json).says_empty(), "{json}");
        }
    }

    #[test]
    fn without_rows_whatever_is_not_known_is_no_empty_time_range() {
        for json in [
            "{}",
            // Silence.
            r#"{"code":"200","error":null}"#,
            r#"{"code":"200","error":null,"msg":"","data":null}"#,
            r#"{"code":"200","error":null,"msg":"OK"}"#,
            // Other words.
            r#"{"code":200,"msg":"Servicio ocupado, intente mas tarde","data":[]}"#,
            r#"{"code":200,"msg":"Query timed out","data":null}"#,
            r#"{"code":200,"msg":"Su token ha expirado","data":[]}"#,
            r#"{"code":200,"msg":"Processing","data":[]}"#,
            r#"{"code":200,"message":"Unauthorized","data":[]}"#,
            r#"{"code":200,"data":[],"note":"maintenance tonight"}"#,
            // Other outcomes.
            r#"{"code":200,"data":[],"status":"warning"}"#,
            r#"{"code":200,"data":[],"status":"pending"}"#,
            r#"{"code":200,"data":[],"status":202}"#,
            r#"{"code":200,"data":[],"warnings":"partial data"}"#,
            r#"{"code":200,"data":[],"meta":{"warnings":["x"]}}"#,
            r#"{"code":200,"data":[],"maintenance":true}"#,
            r#"{"code":200,"data":[],"error_code":1205}"#,
            r#"{"code":500,"data":[],"msg":"0 records were found"}"#,
            // Rows, or something like them, elsewhere.
            r#"{"code":200,"data":[],"rows":[{"rp_id":"10"}]}"#,
            r#"{"code":200,"data":[],"result":{"data":[1]}}"#,
            r#"{"code":"404","msg":"Validate dates entered","data":[{"rp_id":"10"}]}"#,
            // Known words, and others beside them.
            r#"{"code":"404","msg":"Validate dates entered","error":"the database is locked"}"#,
            r#"{"code":"404","msg":"Validate dates entered","detail":"backup in progress"}"#,
            r#"{"code":200,"msg":"0 records were found","error":["x"]}"#,
            r#"{"code":200,"msg":"0 of 7 records could be read","data":[]}"#,
            r#"{"code":404,"msg":"Error 0x80004005: no se pueden leer los registros"}"#,
            r#"{"code":404,"error":"SQLSTATE[00000]: records are locked"}"#,
        ] {
            assert!(!read(json).says_empty(), "{json}");
        }
        for json in [
            r#"{"code":200,"data":[],"count":7}"#,
            r#"{"code":200,"data":[],"total_records":"7"}"#,
            r#"{"code":200,"msg":"0 records were found","data":[],"pagination":{"total":7}}"#,
            r#"{"code":200,"data":[],"has_more":true}"#,
        ] {
            assert!(read(json).promised_rows(0).is_some(), "{json}");
        }
    }
}
