//! Reads one row of a report, and drops personal data.
//!
//! `customer_id`, `telephone` and the caller's number are never copied out of the answer's bytes,
//! `conn_id` leaves only as a keyed hash, and an option in which a caller typed a number leaves as
//! [`NUMBER`]. Every row that cannot be counted is a [`Rejected`].

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    date_shift::call_began,
    field_stats::pattern,
    flat,
    mend::mended,
    parse_date,
    rejection::{Rejected, Rejection},
    report_name::{ReportName, call_outcome},
    splitter::Element,
    text::{Text, clean, cut, is_absent},
    total,
};
use model::{DigitFold, Fingerprints, LONGEST_INTERACTION, LocalSecond, MOST_ATTEMPTS, NUMBER};

/// An option that a caller entered, or the outcome of a call after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Routing point, channel and option.
    pub labels: RowLabels<'a>,
    /// Hash of everything that identifies the row, except for its date. Two real rows can have the
    /// same.
    pub fingerprint: u64,
    /// Hash of the `conn_id` within its routing point and channel; `None` where the row has none.
    pub interaction: Option<u64>,
    /// Unix second at which a call began, from its `conn_id`; `None` for a chat, or if it is
    /// unreadable.
    pub began: Option<i64>,
    /// Date on the server's wall clock.
    pub date: LocalSecond,
    /// Whole seconds from the start of the interaction to the option, or to the end of the call.
    /// `None` where absent, or longer than any interaction.
    pub second: Option<u32>,
    /// Attempts in the routing point; 0 where absent, or above [`MOST_ATTEMPTS`].
    pub attempts: u32,
}

/// The labels that become [`MenuLabels`](model::MenuLabels). They borrow from the answer where they
/// can, because few of the thousands of rows in an answer have new labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLabels<'a> {
    /// The routing point.
    pub rp_id: Cow<'a, str>,
    /// The channel by which it was reached; for the outcome of a call, the word of
    /// [`CallOutcome`](model::CallOutcome).
    pub channel: Cow<'a, str>,
    /// The option that was entered.
    pub option: Cow<'a, str>,
}

impl<'a> RowLabels<'a> {
    /// Makes labels of three values that are clean.
    pub fn new(rp_id: &'a str, channel: &'a str, option: &'a str) -> Self {
        let [rp_id, channel, option] = [rp_id, channel, option].map(Cow::Borrowed);
        Self { rp_id, channel, option }
    }

    fn into_owned(self) -> RowLabels<'static> {
        let labels = [self.rp_id, self.channel, self.option];
        let [rp_id, channel, option] = labels.map(|label| Cow::Owned(label.into_owned()));
        RowLabels { rp_id, channel, option }
    }
}

impl Row<'_> {
    fn into_owned(self) -> Row<'static> {
        Row { labels: self.labels.into_owned(), ..self }
    }
}

/// The fields that are read. All others are skipped without being copied.
#[derive(Default)]
struct Fields<'a> {
    rp_id: Text<'a>,
    conn_id: Text<'a>,
    channel: Text<'a>,
    attempt: Text<'a>,
    date: Text<'a>,
    second_event: Text<'a>,
    cod_opc_menu: Text<'a>,
}

impl<'a> Fields<'a> {
    /// Reads an object of plain values, as servers usually write it; `None` for all others.
    fn quickly(report: ReportName, json: &'a str) -> Option<Self> {
        let mut fields = Self::default();
        flat::members(json, |name, value| match fields.named(report, name) {
            Some(field) if *field == Text::Missing => {
                *field = value;
                true
            }
            Some(_) => false,
            None => true,
        })?;
        Some(fields)
    }

    fn named(&mut self, report: ReportName, name: &str) -> Option<&mut Text<'a>> {
        Some(match (report, name) {
            (_, "rp_id") => &mut self.rp_id,
            (_, "conn_id") => &mut self.conn_id,
            (_, "date") => &mut self.date,
            (_, "cod_opc_menu") => &mut self.cod_opc_menu,
            (ReportName::Diagram13, "attempt") => &mut self.attempt,
            (report, name) if name == report.channel_field() => &mut self.channel,
            (report, name) if name == report.second_field() => &mut self.second_event,
            _ => return None,
        })
    }

    /// Reads what [`Fields::quickly`] refuses: odd types, numbers of more than 64 bits, and
    /// duplicate keys, of which the last counts.
    fn closely(report: ReportName, json: &'a str) -> Result<Self, serde_json::Error> {
        let found: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(json)?;
        let mut fields = Self::default();
        for (name, value) in found {
            if let Some(field) = fields.named(report, &name) {
                *field = Text::of(value)?;
            }
        }
        Ok(fields)
    }

    /// Returns the rejection for the first field that is part of a row's identity and not a scalar.
    fn odd(&self, report: ReportName) -> Option<Rejected> {
        let identity = [
            ("rp_id", &self.rp_id),
            ("conn_id", &self.conn_id),
            (report.channel_field(), &self.channel),
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
    report: ReportName,
}

impl RowParser {
    /// Makes a parser for `diagram_13`. Label values of more than `label_length` characters are
    /// cut, but rows are distinguished by the whole text.
    pub fn new(fingerprints: Fingerprints, label_length: usize) -> Self {
        Self {
            fingerprints,
            label_length,
            fold: DigitFold::default(),
            report: ReportName::default(),
        }
    }

    /// Sets the rule for options in which a caller typed a number.
    pub fn folding(self, fold: DigitFold) -> Self {
        Self { fold, ..self }
    }

    /// Sets the report.
    pub fn reading(self, report: ReportName) -> Self {
        Self { report, ..self }
    }

    /// Returns the length of the longest label value, in characters.
    pub fn label_length(&self) -> usize {
        self.label_length
    }

    /// Reads one element.
    pub fn parse<'a>(&self, element: Element<'a>) -> Result<Row<'a>, Rejected> {
        let Element::Value(bytes) = element else { return Err(Rejection::TooLong.into()) };
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => self.parse_text(text),
            Err(_) => self.parse_text(&String::from_utf8_lossy(bytes)).map(Row::into_owned),
        }
    }

    fn parse_text<'a>(&self, text: &'a str) -> Result<Row<'a>, Rejected> {
        if let Some(fields) = Fields::quickly(self.report, text) {
            return self.read(&fields, text);
        }
        let json = mended(text);
        match Fields::closely(self.report, &json) {
            Ok(fields) => self.read(&fields, &json).map(Row::into_owned),
            Err(_) => Err(not_a_row(&json)),
        }
    }

    fn read<'a>(&self, fields: &Fields<'a>, json: &str) -> Result<Row<'a>, Rejected> {
        if let Some(rejected) = fields.odd(self.report) {
            return Err(rejected);
        }
        let rp_id = clean(&fields.rp_id);
        let conn_id = clean(&fields.conn_id);
        let date = clean(&fields.date);
        let channel = clean(&fields.channel);
        let option = clean(&fields.cod_opc_menu);
        // An option may have the name of a mark, so it counts only in rows without an interaction.
        let option_counts = is_absent(&conn_id);
        if total::is_marked(&[&rp_id, &conn_id, &channel, &date])
            || (option_counts && total::is_marked(&[&option]))
        {
            return Err(Rejected::new(Rejection::Total, "row", "a line of totals"));
        }
        if is_absent(&rp_id) && is_absent(&conn_id) {
            return Err(without_identity(fields, json));
        }
        let date = parse_date(&date).ok_or_else(|| bad_date(&fields.date, &date))?;
        let second_text = clean(&fields.second_event);
        let attempt_text = clean(&fields.attempt);
        let second = parse_second(&second_text);
        let attempts = whole(&attempt_text);

        // The same row may be written `37` today and `37.0` tomorrow.
        let fingerprint = self.fingerprints.of(&[
            &rp_id,
            &conn_id,
            &channel,
            &canonical(second, &second_text),
            &canonical(attempts, &attempt_text),
            &option,
        ]);
        // A correction may change the outcome of a call, which stays the same call.
        let within = if self.report == ReportName::Diagram13 { &*channel } else { "" };
        let interaction =
            (!is_absent(&conn_id)).then(|| self.fingerprints.of(&[&rp_id, within, &conn_id]));
        Ok(Row {
            labels: self.labels(RowLabels { rp_id, channel, option }),
            fingerprint,
            interaction,
            began: call_began(&conn_id),
            date,
            second: second.filter(|second| *second <= LONGEST_INTERACTION),
            attempts: attempts.filter(|attempts| *attempts <= MOST_ATTEMPTS).unwrap_or(0),
        })
    }

    /// Makes labels of clean values.
    fn labels<'t>(&self, clean: RowLabels<'t>) -> RowLabels<'t> {
        RowLabels {
            rp_id: self.label(clean.rp_id),
            channel: match self.report {
                ReportName::Diagram13 => self.label(clean.channel),
                ReportName::Diagram1 => Cow::Borrowed(call_outcome(&clean.channel).as_str()),
            },
            option: match &*clean.option {
                // A key that a caller can press, although other fields write 0 for nothing.
                "0" => clean.option,
                typed if self.fold.folds(typed) => Cow::Borrowed(NUMBER),
                _ => self.label(clean.option),
            },
        }
    }

    fn label<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if is_absent(&text) {
            // To Prometheus, an empty label is a missing one.
            return Cow::Borrowed("unknown");
        }
        match text {
            Cow::Borrowed(text) => Cow::Borrowed(cut(text, self.label_length)),
            Cow::Owned(text) => Cow::Owned(cut(&text, self.label_length).to_owned()),
        }
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

/// Rejects a row of no interaction: a line of totals, if any field is a mark of one, or something
/// unknown.
fn without_identity(fields: &Fields<'_>, json: &str) -> Rejected {
    if total::is_marked_anywhere(json) {
        return Rejected::new(Rejection::Total, "row", "a line of totals");
    }
    let unknown = fields.rp_id == Text::Missing && fields.conn_id == Text::Missing;
    let (reason, shape) =
        if unknown { (Rejection::Malformed, "missing") } else { (Rejection::NoIdentity, "empty") };
    Rejected::new(reason, "rp_id", shape)
}

/// Rejects an element that is not an object, or not JSON.
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

/// Returns the canonical form of a number, or the text if it is not a number.
fn canonical(value: Option<u32>, text: &str) -> Cow<'_, str> {
    match value {
        Some(number) if !is_plain(text) => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(text),
    }
}

/// Returns true for digits without leading zeros.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'))
}

/// Parses `37`, `37.0` or `00:00:37` as whole seconds.
fn parse_second(text: &str) -> Option<u32> {
    if !text.contains(':') {
        return whole(text);
    }
    text.split(':').try_fold(0u32, |total, part| {
        total.checked_mul(60)?.checked_add(whole(part).filter(|_| part.len() <= 6)?)
    })
}

/// Parses a number without sign, and cuts its fraction off.
fn whole(text: &str) -> Option<u32> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    if digits.is_empty() || !digits.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod outcome_tests;
#[cfg(test)]
mod tests;
