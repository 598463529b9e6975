//! The number of rows that an answer announces: by its words, by fields that count or mark pages,
//! and by headers.
//!
//! Owns the names that other APIs use for "there is more". It never proves that an answer is whole;
//! it only finds reasons why it is not.

use reqwest::header::HeaderMap;
use serde_json::Value;

use super::{sentence::Sentence, values::is_nothing};

/// Marks of an answer that is only a part, collected from everything but its rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Announced {
    /// The highest number of rows that is named.
    rows: Option<u64>,
    page: Option<u64>,
    pages: Option<u64>,
    /// Something announces more rows, without a number.
    more: bool,
}

/// Parts of the names of fields that count rows.
const COUNTS: [&str; 15] = [
    "count",
    "total",
    "records",
    "registros",
    "rows",
    "filas",
    "found",
    "encontrados",
    "encontradas",
    "cantidad",
    "results",
    "resultados",
    "matche",
    "hits",
    "available",
];
/// Parts of names that make a number something other than a count of rows.
const NO_COUNTS: [&str; 24] = [
    "page", "pagina", "time", "tiempo", "limit", "size", "byte", "second", "duration", "milli",
    "elapsed", "max", "perpage", "token", "today", "quota", "rate", "usage", "column", "field",
    "used", "request", "error", "warning",
];
/// Parts of names that count rows which did not come.
const MISSING: [&str; 9] =
    ["remain", "restant", "pending", "pendient", "missing", "omit", "skipped", "dropped", "faltan"];
const PAGE: [&str; 6] = ["page", "currentpage", "pagenumber", "pagina", "paginaactual", "pageno"];
const PAGES: [&str; 9] = [
    "pages",
    "totalpages",
    "pagecount",
    "numpages",
    "lastpage",
    "pagestotal",
    "paginas",
    "totalpaginas",
    "pagetotal",
];
/// Fields that are true if there is more.
const MORE_FLAGS: [&str; 20] = [
    "hasmore",
    "more",
    "hasnext",
    "hasnextpage",
    "hasmorepages",
    "hasmorerecords",
    "hasmorerows",
    "hasmoreitems",
    "hasmoreresults",
    "morerecords",
    "moreresults",
    "morerows",
    "moredata",
    "moreavailable",
    "limitreached",
    "limitexceeded",
    "exceededtransferlimit",
    "timedout",
    "limited",
    "offset",
];
/// Fields that are false if there is more.
const WHOLE_FLAGS: [&str; 10] = [
    "complete",
    "iscomplete",
    "completed",
    "finished",
    "isfinished",
    "done",
    "islast",
    "islastpage",
    "completo",
    "lastpage",
];
/// Fields that lead to the next part.
const NEXT: [&str; 8] = [
    "cursor",
    "continuation",
    "continuationtoken",
    "scrollid",
    "siguiente",
    "paginasiguiente",
    "resumptiontoken",
    "marker",
];

impl Announced {
    /// Records the vendor's `msg`.
    pub(super) fn sentence(&mut self, sentence: &Sentence) {
        self.rows = self.rows.max(sentence.rows());
        self.more |= sentence.says_more();
    }

    /// Records a field beside the rows, and the fields within it.
    pub(super) fn field(&mut self, name: &str, value: &Value) {
        let name = plain(name);
        match value {
            Value::Object(_) if is_next(&name) => self.more |= !is_nothing(value),
            Value::Object(fields)
                if !["quota", "limit", "token", "usage"].iter().any(|no| name.contains(no)) =>
            {
                fields.iter().for_each(|(name, value)| self.field(name, value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.item(item)),
            Value::Object(_) => {}
            scalar => {
                self.scalar(&name, scalar);
                if let Value::String(text) = scalar {
                    let sentence = Sentence::new(text);
                    self.more |= sentence.says_more() || sentence.names_a_part();
                }
            }
        }
    }

    /// Records the head of the answer.
    pub(super) fn headers(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            match name.as_str() {
                "link" => {
                    let link = text.to_ascii_lowercase().replace(['"', '\'', ' '], "");
                    self.more |= link.contains("rel=next");
                }
                "content-range" => self.more |= !is_whole_range(&text),
                name => {
                    if let Some(name) = name.strip_prefix("x-") {
                        self.scalar(&plain(name), &Value::String(text.into_owned()));
                    }
                }
            }
        }
    }

    /// Records a status that means an incomplete answer.
    pub(super) fn partial(&mut self) {
        self.more = true;
    }

    /// Returns the number of rows that an answer of `received` rows should have had, or a higher
    /// number; `None` if nothing announces more.
    pub(super) fn more_than(&self, received: u64) -> Option<u64> {
        let numbered = self.rows.filter(|rows| *rows > received);
        let pages_follow = self.pages.is_some_and(|pages| pages > self.page.unwrap_or(1).max(1));
        let is_later_page = self.page.is_some_and(|page| page > 1);
        numbered
            .or((self.more || pages_follow || is_later_page).then(|| received.saturating_add(1)))
    }

    /// An item of a list: `{"rel":"next","href":"..."}`.
    fn item(&mut self, item: &Value) {
        let is_next = item
            .get("rel")
            .and_then(Value::as_str)
            .is_some_and(|rel| rel.eq_ignore_ascii_case("next"));
        self.more |= is_next;
        if let Value::String(text) = item {
            self.more |= Sentence::new(text).says_more();
        }
    }

    fn scalar(&mut self, name: &str, value: &Value) {
        let number = number(value);
        let is_set = !is_nothing(value) && !is_no(value);
        if matches!(name, "status" | "httpstatus" | "statuscode") {
            self.more |= number == Some(206);
        } else if PAGES.contains(&name) && number.is_some() {
            self.pages = self.pages.max(number);
        } else if PAGE.contains(&name) && number.is_some() {
            self.page = self.page.max(number);
        } else if WHOLE_FLAGS.contains(&name) {
            self.more |= !is_set && !value.is_null();
        } else if MORE_FLAGS.contains(&name) || is_next(name) || is_partial(name) {
            self.more |= is_set;
        } else if has_part(name, &COUNTS) && !has_part(name, &NO_COUNTS) && number.is_some() {
            if has_part(name, &MISSING) {
                self.more |= is_set;
            } else {
                self.rows = self.rows.max(number);
            }
        }
    }
}

/// Returns true if a flag is a word that means no.
fn is_no(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| matches!(text.trim().to_ascii_lowercase().as_str(), "no" | "n" | "off"))
}

/// Returns true if `bytes 0-699/700` names everything from the first to the last.
fn is_whole_range(range: &str) -> bool {
    let Some((part, all)) = range.rsplit_once('/') else { return false };
    let Some((first, last)) = part.rsplit_once(' ').and_then(|(_, ends)| ends.split_once('-'))
    else {
        return false;
    };
    match (parsed(first), parsed(last), parsed(all)) {
        (Some(0), Some(last), Some(all)) => last + 1 == all,
        _ => false,
    }
}

fn parsed(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn has_part(name: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| name.contains(part))
}

fn is_next(name: &str) -> bool {
    let leads = [
        "page",
        "url",
        "link",
        "href",
        "uri",
        "cursor",
        "token",
        "offset",
        "start",
        "set",
        "pagetoken",
    ];
    let is_named =
        name.strip_prefix("next").is_some_and(|rest| rest.is_empty() || leads.contains(&rest));
    is_named || name.ends_with("nextlink") || name.ends_with("nextpage") || NEXT.contains(&name)
}

/// Returns true if a field of this name means that the answer is a part, or was cut.
fn is_partial(name: &str) -> bool {
    let name = name.strip_prefix("is").or(name.strip_prefix("was")).unwrap_or(name);
    ["partial", "parcial", "truncated", "truncado", "incomplete", "incompleto"]
        .iter()
        .any(|word| name.starts_with(word))
}

/// The letters and digits of a name: `hasMore`, `has_more` and `has-more` are one.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            (float >= 0.0 && float.fract() == 0.0).then_some(float as u64)
        }),
        Value::String(text) => parsed(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn after(fields: &str, received: u64) -> Option<u64> {
        let mut announced = Announced::default();
        announced.field("", &serde_json::from_str(fields).expect(fields));
        announced.more_than(received)
    }

    #[test]
    fn fields_announce_more_than_came() {
        for (fields, more) in [
            (r#"{"count":7}"#, Some(7)),
            (r#"{"Total":"7"}"#, Some(7)),
            (r#"{"totalRecords":7.0}"#, Some(7)),
            (r#"{"total_registros":7}"#, Some(7)),
            (r#"{"@odata.count":7}"#, Some(7)),
            (r#"{"pagination":{"total":7}}"#, Some(7)),
            (r#"{"meta":{"page":{"total":7}}}"#, Some(7)),
            (r#"{"page":1,"total_pages":7}"#, Some(2)),
            (r#"{"paging":{"pages":2}}"#, Some(2)),
            (r#"{"page":2,"total_pages":2}"#, Some(2)),
            (r#"{"currentPage":"0","lastPage":"3"}"#, Some(2)),
            (r#"{"next":"https://x/2"}"#, Some(2)),
            (r#"{"next":{"href":"https://x/2"}}"#, Some(2)),
            (r#"{"links":[{"rel":"next","href":"https://x/2"}]}"#, Some(2)),
            (r#"{"_links":{"next":{"href":"x"}}}"#, Some(2)),
            (r#"{"@odata.nextLink":"x"}"#, Some(2)),
            (r#"{"nextPageToken":"x"}"#, Some(2)),
            (r#"{"cursor":"x"}"#, Some(2)),
            (r#"{"has_more":true}"#, Some(2)),
            (r#"{"hasMore":"1"}"#, Some(2)),
            (r#"{"partial":true}"#, Some(2)),
            (r#"{"partial_results":1}"#, Some(2)),
            (r#"{"isTruncated":"true"}"#, Some(2)),
            (r#"{"complete":false}"#, Some(2)),
            (r#"{"last_page":false}"#, Some(2)),
            (r#"{"offset":100}"#, Some(2)),
            (r#"{"remaining_rows":3}"#, Some(2)),
            (r#"{"warnings":"partial data"}"#, Some(2)),
            (r#"{"warnings":["the query timed out"]}"#, Some(2)),
            (r#"{"status":"partial"}"#, Some(2)),
            (r#"{"status":206}"#, Some(2)),
            (r#"{"hits":7}"#, Some(7)),
            (r#"{"available":"7"}"#, Some(7)),
            (r#"{"page":"1 of 7"}"#, Some(2)),
            (r#"{"showing":"1-25 of 7000"}"#, Some(2)),
            (r#"{"range":"0-24/7000"}"#, Some(2)),
            (r#"{"has_more":"yes"}"#, Some(2)),
            (r#"{"complete":"no"}"#, Some(2)),
        ] {
            assert_eq!(after(fields, 1), more, "{fields}");
        }
        for fields in [
            "{}",
            r#"{"count":1,"total":"1"}"#,
            r#"{"page":1,"total_pages":1,"per_page":100,"page_size":1000}"#,
            r#"{"next":null,"has_more":false,"partial":0,"truncated":"false","complete":true}"#,
            r#"{"next_page":"","cursor":null,"links":[{"rel":"self"}],"offset":0}"#,
            r#"{"total_time":350,"rows_limit":60000,"request_count":12,"token_use_today":900}"#,
            r#"{"has_more":"no","more":"off","cursor":{"next":null},"next":{"href":""}}"#,
            r#"{"date":"18/01/2026","page":"7 of 7"}"#,
            r#"{"quota":{"total":5000},"limits":{"total":5000}}"#,
            r#"{"status":"OK","version":"2.1","warnings":[]}"#,
        ] {
            assert_eq!(after(fields, 1), None, "{fields}");
        }
    }

    #[test]
    fn headers_announce_more_than_came() {
        for (name, value, more) in [
            ("link", "<https://x?page=2>; rel=\"next\"", Some(2)),
            ("x-total-count", "7", Some(7)),
            ("x-total-pages", "3", Some(2)),
            ("x-next-page", "2", Some(2)),
            ("x-has-more", "true", Some(2)),
            ("content-range", "rows 0-0/7", Some(2)),
            ("content-range", "bytes 0-99/700", Some(2)),
            ("link", "<https://x>; rel=\"preconnect\"", None),
            ("x-total-count", "1", None),
            ("content-range", "bytes 0-699/700", None),
            ("x-next-page", "", None),
            ("x-ratelimit-remaining", "960", None),
            ("x-request-id", "count-7", None),
            ("x-powered-by", "PHP/8.1", None),
            ("content-length", "700", None),
        ] {
            let mut announced = Announced::default();
            let name = HeaderName::from_static(name);
            announced
                .headers(&HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]));
            assert_eq!(announced.more_than(1), more, "{name}: {value}");
        }
    }
}
