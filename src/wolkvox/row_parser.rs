//! Reads one row, and drops what is personal in it.
//!
//! `customer_id` and `telephone` are never copied out of the answer's bytes, `conn_id` leaves only as a keyed hash, and
//! an option in which a caller typed a number leaves as [`NUMBER`]. A row that cannot be counted is a [`Rejected`],
//! never a panic and never silence.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    field_stats::pattern,
    mend::mended,
    parse_date,
    rejection::{Rejected, Rejection},
    splitter::Element,
    text::{Text, clean, cut, is_absent, plain},
};
use crate::model::{DigitFold, Fingerprints, MenuLabels, NUMBER};

/// One option that somebody entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where, how, and which option.
    pub labels: MenuLabels,
    /// Stands for everything that identifies the row but its date. Two rows that are equal and real have the
    /// same.
    pub fingerprint: u64,
    /// Stands for the `conn_id` within its routing point and channel; `None` where the row has none.
    pub interaction: Option<u64>,
    /// Seconds since 1970 on the server's own wall clock.
    pub date: i64,
    /// Whole seconds from the start of the interaction; a fraction is cut off. `None` where absent.
    pub second: Option<u32>,
    /// Attempts in the routing point; 0 where absent.
    pub attempts: u32,
}

/// The fields that are read. What is not named here is skipped without being copied.
#[derive(Default, Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "plain")]
    rp_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    conn_id: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    channel: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    attempt: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    date: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    second_event: Text<'a>,
    #[serde(borrow, default, deserialize_with = "plain")]
    cod_opc_menu: Text<'a>,
}

impl<'a> Fields<'a> {
    /// Reads what the quick way refuses: odd types, numbers of more than 64 bits, and keys that come twice, of which
    /// the last counts.
    fn closely(json: &'a str) -> Result<Self, serde_json::Error> {
        let mut found: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(json)?;
        let mut take = |name: &str| found.remove(name).map_or(Ok(Text::Missing), Text::of);
        Ok(Self {
            rp_id: take("rp_id")?,
            conn_id: take("conn_id")?,
            channel: take("channel")?,
            attempt: take("attempt")?,
            date: take("date")?,
            second_event: take("second_event")?,
            cod_opc_menu: take("cod_opc_menu")?,
        })
    }

    /// Those without which a row would be counted as something else, and the first of them that is no scalar.
    fn odd(&self) -> Option<Rejected> {
        let identity = [
            ("rp_id", &self.rp_id),
            ("conn_id", &self.conn_id),
            ("channel", &self.channel),
            ("date", &self.date),
            ("cod_opc_menu", &self.cod_opc_menu),
        ];
        identity.into_iter().find_map(|(name, text)| match text {
            Text::Odd(shape) => Some(Rejected::new(Rejection::Malformed, name, *shape)),
            _ => None,
        })
    }
}

/// Turns elements of `data` into rows.
#[derive(Debug, Clone)]
pub struct RowParser {
    fingerprints: Fingerprints,
    label_length: usize,
    fold: DigitFold,
}

impl RowParser {
    /// `label_length` is in characters; longer label values are cut, but told apart by their whole text.
    pub fn new(fingerprints: Fingerprints, label_length: usize) -> Self {
        Self { fingerprints, label_length, fold: DigitFold::default() }
    }

    /// The same, with another rule for options in which somebody typed a number.
    pub fn folding(self, fold: DigitFold) -> Self {
        Self { fold, ..self }
    }

    /// The longest label value, in characters.
    pub fn label_length(&self) -> usize {
        self.label_length
    }

    /// Reads one element.
    pub fn parse(&self, element: Element<'_>) -> Result<Row, Rejected> {
        let Element::Value(bytes) = element else { return Err(Rejection::TooLong.into()) };
        let text = String::from_utf8_lossy(bytes);
        // serde would take a list for an object without names.
        if bytes.first() == Some(&b'{')
            && let Ok(fields) = serde_json::from_str(&text)
        {
            return self.read(&fields, &text);
        }
        let json = mended(&text);
        match Fields::closely(&json) {
            Ok(fields) => self.read(&fields, &json),
            Err(_) => Err(not_a_row(&json)),
        }
    }

    fn read(&self, fields: &Fields<'_>, json: &str) -> Result<Row, Rejected> {
        if let Some(rejected) = fields.odd() {
            return Err(rejected);
        }
        let rp_id = clean(&fields.rp_id);
        let conn_id = clean(&fields.conn_id);
        if is_absent(&rp_id) && is_absent(&conn_id) {
            return Err(without_identity(fields, json));
        }
        let date = clean(&fields.date);
        let date = parse_date(&date).ok_or_else(|| bad_date(&fields.date, &date))?;
        let channel = clean(&fields.channel);
        let option = clean(&fields.cod_opc_menu);
        let second_text = clean(&fields.second_event);
        let attempt_text = clean(&fields.attempt);
        let second = parse_second(&second_text);
        let attempts = whole(&attempt_text);

        // The same row may be written `37` today and `37.0` tomorrow: identity is by what was read.
        let fingerprint = self.fingerprints.of(&[
            &rp_id,
            &conn_id,
            &channel,
            &canonical(second, &second_text),
            &canonical(attempts, &attempt_text),
            &option,
        ]);
        let interaction = (!is_absent(&conn_id)).then(|| self.fingerprints.of(&[&rp_id, &channel, &conn_id]));
        // "0" is a key that a caller can press, so an option is absent only when it is empty or a dash.
        let option = match &*option {
            "0" => "0",
            typed if self.fold.folds(typed) => NUMBER,
            other => self.label(other),
        };
        Ok(Row {
            labels: MenuLabels::new(self.label(&rp_id), self.label(&channel), option),
            fingerprint,
            interaction,
            date,
            second,
            attempts: attempts.unwrap_or(0),
        })
    }

    fn label<'t>(&self, text: &'t str) -> &'t str {
        if is_absent(text) {
            // An empty label would be no label at all to Prometheus.
            return "unknown";
        }
        cut(text, self.label_length)
    }
}

fn bad_date(field: &Text<'_>, date: &str) -> Rejected {
    let shape = match field {
        Text::Missing => "missing".to_owned(),
        _ if date.is_empty() => "empty".to_owned(),
        _ => pattern(date),
    };
    Rejected::new(Rejection::BadDate, "date", shape)
}

/// The vendor's line of totals has the fields of a row, or says so. An object that has neither is something else.
fn without_identity(fields: &Fields<'_>, json: &str) -> Rejected {
    let unknown = fields.rp_id == Text::Missing && fields.conn_id == Text::Missing;
    if unknown && !json.to_ascii_uppercase().contains("TOTAL") {
        return Rejected::new(Rejection::Malformed, "rp_id", "missing");
    }
    Rejected::new(Rejection::NoIdentity, "rp_id", "empty")
}

/// An element that is no object, or no JSON.
fn not_a_row(json: &str) -> Rejected {
    let shape = match json.as_bytes().first() {
        Some(b'{') => "an object with unreadable fields",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b'n') => "null",
        _ => "a number or a boolean",
    };
    let damaged = serde_json::from_str::<&RawValue>(json).is_err();
    Rejected { damaged, ..Rejected::new(Rejection::Malformed, "row", shape) }
}

/// A number in the one way of writing it, or the text that is none.
fn canonical(value: Option<u32>, text: &str) -> Cow<'_, str> {
    match value {
        Some(number) if !is_plain(text) => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(text),
    }
}

/// Digits alone, and no zero in front of others.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'))
}

/// `37`, `37.0` or `00:00:37`, as whole seconds.
fn parse_second(text: &str) -> Option<u32> {
    if !text.contains(':') {
        return whole(text);
    }
    text.split(':').try_fold(0u32, |total, part| {
        total.checked_mul(60)?.checked_add(whole(part).filter(|_| part.len() <= 6)?)
    })
}

/// A number without sign, its fraction cut off.
fn whole(text: &str) -> Option<u32> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    if digits.is_empty() || !digits.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parser() -> RowParser {
        RowParser::new(Fingerprints::new([7; 16]), 20)
    }

    fn parse(row: &serde_json::Value) -> Result<Row, Rejection> {
        read(&row.to_string()).map_err(|rejected| rejected.reason)
    }

    fn read(json: &str) -> Result<Row, Rejected> {
        parser().parse(Element::Value(json.as_bytes()))
    }

    /// The documented row with this JSON instead of a field's value.
    fn raw(field: &str, json: &str) -> Result<Row, Rejected> {
        read(&with(field, json!("RAW")).to_string().replace("\"RAW\"", json))
    }

    fn row() -> serde_json::Value {
        json!({
            "rp_id": "4628", "conn_id": "6736.4628.1040.1768782812.1814", "customer_id": "900123",
            "channel": "voice", "attempt": "2", "telephone": "3001234567",
            "date": "2026-01-18 19:34:31", "second_event": "37", "cod_opc_menu": "AGENTE",
        })
    }

    fn with(field: &str, value: serde_json::Value) -> serde_json::Value {
        let mut row = row();
        row[field] = value;
        row
    }

    #[test]
    fn a_documented_row() {
        let parsed = parse(&row()).unwrap();
        assert_eq!(parsed.labels, MenuLabels::new("4628", "voice", "AGENTE"));
        assert_eq!(
            (parsed.date, parsed.second, parsed.attempts, parsed.interaction.is_some()),
            (1_768_764_871, Some(37), 2, true)
        );
    }

    #[test]
    fn the_fields_of_identity_make_the_fingerprint_and_the_personal_ones_do_not() {
        let first = parse(&row()).unwrap();
        for field in ["rp_id", "conn_id", "channel", "attempt", "second_event", "cod_opc_menu"] {
            let other = parse(&with(field, json!("9"))).unwrap();
            assert_ne!(other.fingerprint, first.fingerprint, "{field}");
        }
        for field in ["customer_id", "telephone", "unknown_field"] {
            assert_eq!(parse(&with(field, json!("9"))).unwrap(), first, "{field}");
        }
        for (field, same) in [
            ("second_event", json!("37.0")),
            ("second_event", json!("00:00:37")),
            ("second_event", json!("037")),
            ("second_event", json!(37)),
            ("attempt", json!(2)),
            ("rp_id", json!(4628)),
            ("channel", json!(" voice\n")),
        ] {
            assert_eq!(parse(&with(field, same.clone())).unwrap(), first, "{field}={same}");
        }
    }

    #[test]
    fn labels_are_cleaned_cut_and_never_empty() {
        for (text, label) in [
            (json!("  Facturación y\tpagos "), "Facturación ypagos"),
            (json!("ñ".repeat(30)), &"ñ".repeat(20)),
            (json!("a\"b\\c"), "a\"b\\c"),
            (json!("N/D"), "N/D"),
            (json!("0"), "0"),
            (json!(0), "0"),
            (json!(""), "unknown"),
            (json!(null), "unknown"),
            (json!("--"), "unknown"),
        ] {
            assert_eq!(&*parse(&with("cod_opc_menu", text.clone())).unwrap().labels.option, label, "{text}");
        }
        // Cut to the same label, but still two rows.
        let (a, b) = ("x".repeat(25) + "a", "x".repeat(25) + "b");
        let (a, b) = (
            parse(&with("cod_opc_menu", json!(a))).unwrap(),
            parse(&with("cod_opc_menu", json!(b))).unwrap(),
        );
        assert_eq!(a.labels, b.labels);
        assert_ne!(a.fingerprint, b.fingerprint);
    }

    #[test]
    fn what_cannot_be_counted_says_why() {
        let mut total = with("rp_id", json!(""));
        total["conn_id"] = json!("-");
        assert_eq!(parse(&total), Err(Rejection::NoIdentity));
        assert_eq!(parse(&json!("TOTAL")), Err(Rejection::Malformed));
        assert_eq!(parse(&json!({"channel": "TOTAL"})), Err(Rejection::NoIdentity));
        for (json, field, shape) in [
            (with("rp_id", json!({"a": 1})), "rp_id", "an object"),
            (with("cod_opc_menu", json!(["AGENTE"])), "cod_opc_menu", "a list"),
            (with("date", json!("18/01/2026 19:34:31")), "date", "99/99/9999 99:99:99"),
            (with("date", json!(1_768_764_871)), "date", "9999999999"),
            (with("date", json!(null)), "date", "empty"),
            (json!({"rpId": "10", "connId": "1.2"}), "rp_id", "missing"),
            (json!([["10"]]), "row", "a list"),
        ] {
            let rejected = read(&json.to_string()).expect_err("no row");
            assert_eq!((rejected.field, rejected.pattern.as_str()), (field, shape), "{json}");
            assert!(!rejected.damaged);
        }
        let list = json!(["4628", "6736.1", "voice", "2", "2026-01-18 19:34:31", "37", "AGENTE"]);
        assert_eq!(parse(&list), Err(Rejection::Malformed));
        assert_eq!(parse(&with("date", json!("yesterday"))), Err(Rejection::BadDate));
        assert_eq!(parser().parse(Element::TooLong), Err(Rejection::TooLong.into()));
        for json in ["{\"rp_id\":", "{\"rp_id\":1]", "nul", "[1}", "{\"rp_id\":\"\\x\"}"] {
            let rejected = read(json).expect_err(json);
            assert!(rejected.damaged && rejected.reason == Rejection::Malformed, "{json}: {rejected:?}");
        }
    }

    #[test]
    fn odd_values_keep_the_hit() {
        assert_eq!(parse(&with("attempt", json!("many"))).unwrap().attempts, 0);
        assert_eq!(parse(&with("second_event", json!("-"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("-5"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("99999999999"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("01:01:01"))).unwrap().second, Some(3661));
        assert_eq!(parse(&with("conn_id", json!(null))).unwrap().interaction, None);
    }

    #[test]
    fn a_single_odd_field_does_not_cost_the_row() {
        let absent = |row: Result<Row, Rejected>| row.map(|row| (row.attempts, row.second));
        for (field, json, read) in [
            ("attempt", "[]", (0, Some(37))),
            ("attempt", "{\"a\":1}", (0, Some(37))),
            ("attempt", "null", (0, Some(37))),
            ("attempt", "2.0", (2, Some(37))),
            ("second_event", "[37]", (2, None)),
            ("second_event", "true", (2, None)),
            ("second_event", "37.5", (2, Some(37))),
            ("second_event", "1e999", (2, None)),
            ("second_event", "123456789012345678901234567890", (2, None)),
            ("customer_id", "{\"a\":[\"\\ud800\"]}", (2, Some(37))),
            ("telephone", "\"\\udfff\"", (2, Some(37))),
            ("telephone", "\"a\tb\"", (2, Some(37))),
            ("telephone", "\"3\",\"telephone\":4", (2, Some(37))),
        ] {
            assert_eq!(absent(raw(field, json)), Ok(read), "{field} {json}");
        }
        let option = |json: &str| raw("cod_opc_menu", json).map(|row| row.labels.option.to_string());
        for (json, label) in [
            (r#""Ma\ud800ana""#, "Ma\u{fffd}ana"),
            (r#""\ud83d\ude00""#, "😀"),
            ("\"a\tb\"", "ab"),
            ("\"X\",\"cod_opc_menu\":\"Y\"", "Y"),
        ] {
            assert_eq!(option(json).as_deref(), Ok(label), "{json}");
        }
        // What is escaped and what is not are one.
        assert_eq!(raw("cod_opc_menu", "\"a\tb\""), raw("cod_opc_menu", r#""a\tb""#));
        assert_eq!(raw("attempt", "[]"), raw("attempt", "\"\""));
    }

    #[test]
    fn numbers_of_more_than_64_bits_stay_apart() {
        let ids = [
            "18446744073709551615",
            "18446744073709551616",
            "18446744073709551617",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1234567890123456.25",
            "1234567890123456.5",
        ];
        for field in ["rp_id", "conn_id"] {
            for (index, id) in ids.iter().enumerate() {
                let row = raw(field, id).expect(id);
                assert_eq!(row, raw(field, &format!("\"{id}\"")).expect(id), "{field} {id}");
                for other in &ids[..index] {
                    assert_ne!(row.fingerprint, raw(field, other).expect(other).fingerprint, "{id} {other}");
                }
            }
        }
    }

    #[test]
    fn what_a_caller_typed_is_no_label() {
        let option = |text: &str, least: usize| {
            let parser = parser().folding(DigitFold::of(least));
            let row = with("cod_opc_menu", json!(text)).to_string();
            parser.parse(Element::Value(row.as_bytes())).expect(text).labels.option.to_string()
        };
        for (text, least, label) in [
            ("1234567", 7, NUMBER),
            ("123456", 7, "123456"),
            ("CC 1032456789", 7, NUMBER),
            // Cut after the eighth digit, and folded before.
            ("aaaaaaaaaaaaaaaa 1032456789", 7, NUMBER),
            ("aaaaaaaaaaaaaaaaaaaa 1032456789", 7, NUMBER),
            ("1234567", 8, "1234567"),
            ("1234", 4, NUMBER),
            ("1234567890123", 0, "1234567890123"),
        ] {
            assert_eq!(option(text, least), label, "{text}");
        }
        // They stay rows of their own all the same.
        let prints = |text: &str| parse(&with("cod_opc_menu", json!(text))).expect("a row").fingerprint;
        assert_ne!(prints("1032456789"), prints("1032456780"));
    }
}
