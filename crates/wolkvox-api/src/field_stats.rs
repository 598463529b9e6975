//! Statistics of the fields of rows: their names, and the shapes of their values, without the
//! values.
//!
//! For `doctor`, which must show a person what a server sends, and may not show a single value.
//! Rows are examined while they pass; only numbers and patterns (`9999-99-99 99:99:99`) are kept.
//! `customer_id` and `telephone` do not even have a pattern.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    date::{RowDate, read_date},
    date_shift::{DateShift, DateShifts, call_began},
    mend::mended,
    splitter::Element,
    text::{Text, clean, is_absent},
};
use model::LocalSecond;

/// The documented fields of a row, and which of them are personal.
const FIELDS: [(&str, bool); 9] = [
    ("rp_id", false),
    ("conn_id", false),
    ("customer_id", true),
    ("channel", false),
    ("attempt", false),
    ("telephone", true),
    ("date", false),
    ("second_event", false),
    ("cod_opc_menu", false),
];

/// Different patterns that are kept of one field, because free text has many.
const MOST_PATTERNS: usize = 64;
/// Undocumented fields whose names are kept.
const MOST_OTHERS: usize = 8;
/// Digits of the longest run that is shown in full; a longer one is no date and no code.
const MOST_DIGITS: usize = 14;

/// The observations of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    present: u64,
    patterns: BTreeMap<String, u64>,
    lengths: Option<(usize, usize)>,
}

/// One field, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPattern {
    /// Its name in the report.
    pub name: &'static str,
    /// Rows in which it is not empty.
    pub present: u64,
    /// It is personal, so nothing else is reported of it.
    pub personal: bool,
    /// Its patterns, the most frequent one first; empty for a personal field.
    pub patterns: Vec<String>,
    /// The shortest and the longest value, in characters; `None` for a personal field, or if none
    /// was present.
    pub lengths: Option<(usize, usize)>,
}

/// Rows seen so far, as shapes.
#[derive(Debug, Clone)]
pub struct FieldSample {
    zone: TimeZone,
    rows: u64,
    unreadable: u64,
    undated: u64,
    fields: [Seen; FIELDS.len()],
    others: BTreeMap<String, u64>,
    oldest: Option<LocalSecond>,
    newest: Option<LocalSecond>,
    at: Option<LocalSecond>,
    rows_at: u64,
    shifts: DateShifts,
    /// Rows by offset, of dates with an offset that the zone does not have at that moment.
    foreign_offsets: BTreeMap<i32, u64>,
}

impl FieldSample {
    /// Makes a sample for a server whose clock is taken to be in `zone`.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            rows: 0,
            unreadable: 0,
            undated: 0,
            fields: Default::default(),
            others: BTreeMap::new(),
            oldest: None,
            newest: None,
            at: None,
            rows_at: 0,
            shifts: DateShifts::default(),
            foreign_offsets: BTreeMap::new(),
        }
    }

    /// Makes a sample that also counts the rows of one second.
    pub fn counting_at(zone: TimeZone, second: LocalSecond) -> Self {
        Self { at: Some(second), ..Self::new(zone) }
    }

    /// Examines one element of `data`.
    pub fn take(&mut self, element: Element<'_>) {
        let text = match element {
            Element::Value(bytes) if bytes.first() == Some(&b'{') => String::from_utf8_lossy(bytes),
            _ => return self.unreadable += 1,
        };
        let text = mended(&text);
        let Ok(row) = serde_json::from_str::<RowFields<'_>>(&text) else {
            return self.unreadable += 1;
        };
        let rp_id = value(&row, "rp_id");
        let conn_id = value(&row, "conn_id");
        if is_absent(&rp_id) && is_absent(&conn_id) {
            // A line of totals, or something that belongs to no interaction.
            return self.unreadable += 1;
        }
        self.rows += 1;
        for ((name, personal), seen) in FIELDS.iter().zip(&mut self.fields) {
            seen.add(name, *personal, &value(&row, name));
        }
        for name in row.keys().filter(|name| FIELDS.iter().all(|(field, _)| field != *name)) {
            let name = if is_plain_name(name) { name } else { "?" };
            if self.others.len() < MOST_OTHERS || self.others.contains_key(name) {
                *self.others.entry(name.to_owned()).or_default() += 1;
            }
        }
        match read_date(&value(&row, "date")) {
            Some(date) => self.dated(date, &conn_id),
            None => self.undated += 1,
        }
    }

    fn dated(&mut self, date: RowDate, conn_id: &str) {
        let RowDate { local: date, offset } = date;
        if let Some(offset) = offset.filter(|offset| !self.is_offset_of_zone(date, *offset)) {
            *self.foreign_offsets.entry(offset).or_default() += 1;
        }
        self.oldest = Some(self.oldest.map_or(date, |oldest| oldest.min(date)));
        self.newest = Some(self.newest.map_or(date, |newest| newest.max(date)));
        self.rows_at += u64::from(self.at == Some(date));
        if let Some(began) = call_began(conn_id) {
            self.shifts.saw(date, began, &self.zone);
        }
    }

    fn is_offset_of_zone(&self, date: LocalSecond, offset: i32) -> bool {
        Timestamp::from_second(date.get() - i64::from(offset))
            .is_ok_and(|moment| self.zone.to_offset(moment).seconds() == offset)
    }

    /// Returns the offset that most dates name, in seconds east of UTC, with their number; `None`
    /// if all of them agree with the zone, or name none.
    pub fn foreign_offset(&self) -> Option<(i32, u64)> {
        let most = self.foreign_offsets.iter().max_by_key(|(_, rows)| **rows)?;
        Some((*most.0, *most.1))
    }

    /// Readable rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Elements that are no rows: totals, other JSON, too long.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Rows without a readable date.
    pub fn undated(&self) -> u64 {
        self.undated
    }

    /// The earliest date.
    pub fn oldest(&self) -> Option<LocalSecond> {
        self.oldest
    }

    /// The latest date.
    pub fn newest(&self) -> Option<LocalSecond> {
        self.newest
    }

    /// Rows of the second that was to be counted.
    pub fn rows_at(&self) -> u64 {
        self.rows_at
    }

    /// The distance of the dates from what the zone would give; `None` where no row has the
    /// `conn_id` of a call.
    pub fn shift(&self) -> Option<DateShift> {
        self.shifts.shift()
    }

    /// The documented fields, in the order of the documentation.
    pub fn fields(&self) -> impl Iterator<Item = FieldPattern> {
        FIELDS.iter().zip(&self.fields).map(|((name, personal), seen)| {
            let mut patterns: Vec<(&String, &u64)> = seen.patterns.iter().collect();
            patterns.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            FieldPattern {
                name,
                present: seen.present,
                personal: *personal,
                patterns: patterns.into_iter().map(|(pattern, _)| pattern.clone()).collect(),
                lengths: seen.lengths,
            }
        })
    }

    /// Names of undocumented fields; `?` stands for those that do not look like names.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.keys().map(String::as_str)
    }
}

/// The fields of one row, by name.
type RowFields<'a> = BTreeMap<Cow<'a, str>, Text<'a>>;

fn value<'a>(row: &RowFields<'a>, name: &str) -> Cow<'a, str> {
    row.get(name).map(clean).unwrap_or_default()
}

impl Seen {
    fn add(&mut self, name: &str, personal: bool, value: &str) {
        // A 0 is an option that can be pressed, and a second.
        let zero_counts = matches!(name, "cod_opc_menu" | "second_event");
        if is_absent(value) && !(zero_counts && value == "0") {
            return;
        }
        self.present += 1;
        if personal {
            return;
        }
        let length = value.chars().count();
        let (least, most) = self.lengths.unwrap_or((length, length));
        self.lengths = Some((least.min(length), most.max(length)));
        let pattern = pattern(value);
        if self.patterns.len() < MOST_PATTERNS || self.patterns.contains_key(&pattern) {
            *self.patterns.entry(pattern).or_default() += 1;
        }
    }
}

/// Describes a text by its shape: each digit is a `9`, a word is `a`, `A` or `Aa` whatever its
/// length, a word of letters and digits is `x`, and punctuation stays.
pub(super) fn pattern(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if out.len() >= LONGEST {
            out.push('…');
            break;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        if end == 0 {
            out.push(if first.is_ascii() { first } else { '?' });
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        out.push_str(&word_pattern(word));
        rest = after;
    }
    out
}

fn word_pattern(word: &str) -> Cow<'static, str> {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    match digits {
        _ if digits == word.len() && digits > MOST_DIGITS => "9…".into(),
        _ if digits == word.len() => "9".repeat(digits).into(),
        1.. => "x".into(),
        _ if !word.contains(char::is_lowercase) => "A".into(),
        _ if !word.contains(char::is_uppercase) => "a".into(),
        _ => "Aa".into(),
    }
}

/// Returns true for a name that a programmer would give a field.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 32
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn row(begin: i64, date: &str) -> Value {
        json!({
            "rp_id": "4628", "conn_id": format!("6736.4628.1040.{begin}.1814"), "customer_id": "900123",
            "channel": "voice", "attempt": "2", "telephone": "3001234567",
            "date": date, "second_event": "37", "cod_opc_menu": "NO_PASA",
        })
    }

    fn sample(zone_name: &str, rows: &[Value]) -> FieldSample {
        let mut sample = FieldSample::new(zone(zone_name));
        for row in rows {
            sample.take(Element::Value(row.to_string().as_bytes()));
        }
        sample
    }

    #[test]
    fn patterns_keep_the_shape_and_nothing_else() {
        for (text, shape) in [
            ("2026-01-18 19:34:31", "9999-99-99 99:99:99"),
            ("20260118193431", "99999999999999"),
            ("6736.4628.1040.1768782812.1814", "9999.9999.9999.9999999999.9999"),
            ("conversations-voice-61083", "a-a-99999"),
            ("65f1a2b3c4d5e6f708192a3b", "x"),
            ("NO_PASA_AGENTE", "A_A_A"),
            ("N/D", "A/A"),
            ("Facturación y pagos", "Aa a a"),
            ("123456789012345", "9…"),
            ("☎1", "?9"),
            ("", ""),
        ] {
            assert_eq!(pattern(text), shape, "{text}");
        }
        assert!(pattern(&"a-".repeat(500)).len() < 50);
    }

    proptest! {
        #[test]
        fn a_pattern_holds_no_letter_or_digit_of_its_text(text in "\\PC*") {
            let shown = pattern(&text);
            prop_assert!(shown.chars().all(|c| !c.is_alphanumeric() || "9aAx".contains(c)), "{}", shown);
        }

        #[test]
        fn arbitrary_elements_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut sample = FieldSample::new(zone("UTC"));
            sample.take(Element::Value(&bytes));
            prop_assert!(sample.rows() <= 1 && sample.shift().is_none());
        }
    }

    #[test]
    fn the_calls_tell_the_zone() {
        // 1768782812 is 2026-01-19 00:33:32 UTC, 19:33:32 in Bogotá.
        let rows =
            |ends: &[&str]| ends.iter().map(|end| row(1_768_782_812, end)).collect::<Vec<_>>();
        let event = rows(&["2026-01-18 19:34:09"]);
        for (zone, seconds) in [
            ("America/Bogota", 0),
            ("America/Lima", 0),
            ("UTC", -5 * 3600),
            ("America/Mexico_City", 3600),
            ("Asia/Kolkata", -(10 * 3600 + 1800)),
        ] {
            assert_eq!(
                sample(zone, &event).shift(),
                Some(DateShift { seconds, calls: 1 }),
                "{zone}"
            );
        }
        // Long calls that are dated by their end do not shift a zone, nor does a clock a little
        // behind.
        let mixed = rows(&["2026-01-18 21:00:00", "2026-01-18 20:20:00", "2026-01-18 19:33:10"]);
        assert_eq!(
            sample("America/Bogota", &mixed).shift(),
            Some(DateShift { seconds: 0, calls: 3 })
        );
        let mut chat = row(0, "2026-01-18 19:34:09");
        chat["conn_id"] = json!("65f1a2b3c4d5e6f708192a3b");
        assert_eq!(sample("America/Bogota", &[chat]).shift(), None);
    }

    #[test]
    fn fields_are_told_by_shape_and_personal_ones_by_presence() {
        let mut other = row(1_768_782_812, "");
        other["telephone"] = json!("");
        other["campaign"] = json!("secret");
        other["573001234567"] = json!("x");
        let total = json!({"rp_id": "", "cod_opc_menu": "TOTAL"});
        let rows = [
            row(1_768_782_812, "2026-01-18 19:34:09"),
            other,
            total,
            json!(["x"]),
            json!({"a": {}}),
        ];
        let sample = sample("UTC", &rows);
        assert_eq!((sample.rows(), sample.unreadable(), sample.undated()), (2, 3, 1));
        let fields: Vec<FieldPattern> = sample.fields().collect();
        let of = |name: &str| fields.iter().find(|field| field.name == name).unwrap();
        assert_eq!((of("telephone").present, of("telephone").patterns.len()), (1, 0));
        assert_eq!((of("customer_id").present, of("customer_id").lengths), (2, None));
        assert_eq!(of("date").patterns, ["9999-99-99 99:99:99"]);
        assert_eq!(
            (of("cod_opc_menu").patterns[0].as_str(), of("cod_opc_menu").lengths),
            ("A_A", Some((7, 7)))
        );
        assert_eq!(sample.others().collect::<Vec<_>>(), ["?", "campaign"]);
        let shown = format!("{fields:?}");
        assert!(
            !shown.contains("3001234567")
                && !shown.contains("900123")
                && !shown.contains("1768782812")
        );
    }

    #[test]
    fn an_offset_that_is_not_the_zones_is_noticed() {
        for (date, zone, foreign) in [
            ("2026-01-18T19:34:09-05:00", "America/Bogota", None),
            ("2026-01-18T19:34:09", "America/Bogota", None),
            ("2026-01-18T19:34:09Z", "America/Bogota", Some((0, 1))),
            ("2026-01-18T19:34:09-05:00", "America/Costa_Rica", Some((-18_000, 1))),
        ] {
            let sample = sample(zone, &[row(1_768_782_812, date)]);
            assert_eq!((sample.foreign_offset(), sample.undated()), (foreign, 0), "{date} {zone}");
        }
    }

    #[test]
    fn the_rows_of_one_second_are_counted() {
        let second = super::super::parse_date("2026-01-18 19:34:09").unwrap();
        let mut sample = FieldSample::counting_at(zone("UTC"), second);
        for date in ["2026-01-18 19:34:08", "2026-01-18 19:34:09", "2026-01-18 19:34:09"] {
            sample.take(Element::Value(row(1, date).to_string().as_bytes()));
        }
        sample.take(Element::TooLong);
        assert_eq!(
            (sample.rows_at(), sample.oldest(), sample.newest()),
            (2, Some(second - 1), Some(second))
        );
    }
}
