//! Reads one row, and drops what is personal in it.
//!
//! `customer_id` and `telephone` are never copied out of the answer's bytes, and `conn_id` leaves only as a
//! keyed hash. A row that cannot be counted is a [`Rejection`], never a panic and never silence.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};

use super::{parse_date, splitter::Element};
use crate::model::Fingerprints;
use crate::model::MenuLabels;

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

/// Why a row is not counted: the `reason` label of `wolkvox_rows_rejected_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, Deserialize)]
pub enum Rejection {
    /// Neither `rp_id` nor `conn_id`: a `TOTAL` line.
    NoIdentity,
    /// Not a JSON object with readable fields.
    Malformed,
    /// Longer than any real row.
    TooLong,
    /// No date that can be read, so no window that it belongs to.
    BadDate,
    /// Dated days after the window that was asked for.
    FutureDate,
}

impl Rejection {
    /// Every reason, in the order of exposition.
    pub const ALL: [Self; 5] =
        [Self::NoIdentity, Self::Malformed, Self::TooLong, Self::BadDate, Self::FutureDate];

    /// The value of the label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoIdentity => "no_identity",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::BadDate => "bad_date",
            Self::FutureDate => "future_date",
        }
    }
}

/// A JSON scalar as text: the API writes numbers as strings, and sometimes does not.
#[derive(Debug, Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text, a number or null")
            }
            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(v))))
            }
            fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(v.to_owned()))))
            }
            fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(v.to_string()))))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The fields that are read. What is not named here is skipped without being copied.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    rp_id: Text<'a>,
    #[serde(borrow, default)]
    conn_id: Text<'a>,
    #[serde(borrow, default)]
    channel: Text<'a>,
    #[serde(borrow, default)]
    attempt: Text<'a>,
    #[serde(borrow, default)]
    date: Text<'a>,
    #[serde(borrow, default)]
    second_event: Text<'a>,
    #[serde(borrow, default)]
    cod_opc_menu: Text<'a>,
}

/// Turns elements of `data` into rows.
#[derive(Debug, Clone)]
pub struct RowParser {
    fingerprints: Fingerprints,
    label_length: usize,
}

impl RowParser {
    /// `label_length` is in characters; longer label values are cut, but told apart by their whole text.
    pub fn new(fingerprints: Fingerprints, label_length: usize) -> Self {
        Self { fingerprints, label_length }
    }

    /// The longest label value, in characters.
    pub fn label_length(&self) -> usize {
        self.label_length
    }

    /// Reads one element.
    pub fn parse(&self, element: Element<'_>) -> Result<Row, Rejection> {
        let Element::Value(bytes) = element else { return Err(Rejection::TooLong) };
        // serde would take a list for an object without names.
        if bytes.first() != Some(&b'{') {
            return Err(Rejection::Malformed);
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            // A server that writes Latin-1 still has real rows: count them, the odd letters replaced.
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let fields = serde_json::from_str(&text).map_err(|_| Rejection::Malformed)?;
        self.read(&fields)
    }

    fn read(&self, fields: &Fields<'_>) -> Result<Row, Rejection> {
        let rp_id = clean(&fields.rp_id);
        let conn_id = clean(&fields.conn_id);
        if is_absent(&rp_id) && is_absent(&conn_id) {
            return Err(Rejection::NoIdentity);
        }
        let date = parse_date(&clean(&fields.date)).ok_or(Rejection::BadDate)?;
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
        let option = if option == "0" { "0" } else { self.label(&option) };
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

/// At most `length` characters of a text, without a space at the end.
pub(super) fn cut(text: &str, length: usize) -> &str {
    if text.len() <= length {
        return text;
    }
    match text.char_indices().nth(length) {
        Some((at, _)) => text[..at].trim_end(),
        None => text,
    }
}

/// Without surrounding space and control characters.
pub(super) fn clean<'a>(text: &'a Text<'_>) -> Cow<'a, str> {
    let text = text.0.as_deref().unwrap_or("");
    // Nearly all are ASCII; looked at without a way out in between, which is faster for short texts.
    if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text.trim_ascii());
    }
    let text = text.trim();
    if text.contains(char::is_control) {
        Cow::Owned(text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
    } else {
        Cow::Borrowed(text)
    }
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

pub(super) fn is_absent(text: &str) -> bool {
    matches!(text, "" | "-" | "--" | "0") || text.eq_ignore_ascii_case("null")
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
        parser().parse(Element::Value(row.to_string().as_bytes()))
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
        assert_eq!(parse(&json!({"rp_id": {"a": 1}})), Err(Rejection::Malformed));
        let list = json!(["4628", "6736.1", "voice", "2", "2026-01-18 19:34:31", "37", "AGENTE"]);
        assert_eq!(parse(&list), Err(Rejection::Malformed));
        assert_eq!(parse(&with("date", json!("yesterday"))), Err(Rejection::BadDate));
        assert_eq!(parser().parse(Element::TooLong), Err(Rejection::TooLong));
        assert_eq!(parser().parse(Element::Value(b"{\"rp_id\":")), Err(Rejection::Malformed));
    }

    #[test]
    fn odd_values_keep_the_hit() {
        assert_eq!(parse(&with("attempt", json!("many"))).unwrap().attempts, 0);
        assert_eq!(parse(&with("second_event", json!("-"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("-5"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("99999999999"))).unwrap().second, None);
        assert_eq!(parse(&with("second_event", json!("01:01:01"))).unwrap().second, Some(3661));
        assert_eq!(parse(&with("conn_id", json!(null))).unwrap().interaction, None);
        let latin1 = row().to_string().replace("AGENTE", "Facturaci#n").into_bytes();
        let latin1: Vec<u8> = latin1.into_iter().map(|b| if b == b'#' { 0xF3 } else { b }).collect();
        let parsed = parser().parse(Element::Value(&latin1)).unwrap();
        assert_eq!(&*parsed.labels.option, "Facturaci\u{fffd}n");
    }
}
