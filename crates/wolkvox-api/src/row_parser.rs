//! Reads one row of a report, and drops what is personal in it.
//!
//! `customer_id`, `telephone` and the caller's number are never copied out of the answer's bytes,
//! `conn_id` leaves only as a keyed hash, and an option in which a caller typed a number leaves as
//! [`NUMBER`]. A row that cannot be counted is a [`Rejected`], never a panic and never silence.

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

/// One option that somebody entered, or what became of a call after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Routing point, channel and option.
    pub labels: RowLabels<'a>,
    /// Stands for everything that identifies the row but its date. Two rows that are equal and real
    /// have the same.
    pub fingerprint: u64,
    /// Stands for the `conn_id` within its routing point and channel; `None` where the row has
    /// none.
    pub interaction: Option<u64>,
    /// The Unix second at which a call began, as its `conn_id` has it; `None` for a chat, and where
    /// none can be read.
    pub began: Option<i64>,
    /// The date on the server's own clock.
    pub date: LocalSecond,
    /// Whole seconds from the start of the interaction to the option, or to the end of the call; a
    /// fraction is cut off. `None` where absent or beyond any interaction.
    pub second: Option<u32>,
    /// Attempts in the routing point; 0 where absent, or more than anybody makes.
    pub attempts: u32,
}

/// The later [`MenuLabels`](model::MenuLabels), in the answer's own bytes wherever these are clean:
/// of thousands of rows that are read, few have labels that are new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLabels<'a> {
    /// The routing point.
    pub rp_id: Cow<'a, str>,
    /// The way in which it was reached; of a call's outcome, the word of
    /// [`CallOutcome`](model::CallOutcome).
    pub channel: Cow<'a, str>,
    /// The option that was entered.
    pub option: Cow<'a, str>,
}

impl<'a> RowLabels<'a> {
    /// From the three values, which are clean.
    pub fn new(rp_id: &'a str, channel: &'a str, option: &'a str) -> Self {
        let [rp_id, channel, option] = [rp_id, channel, option].map(Cow::Borrowed);
        Self { rp_id, channel, option }
    }
}

impl Row<'_> {
    fn into_owned(self) -> Row<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let RowLabels { rp_id, channel, option } = self.labels;
        let labels = RowLabels { rp_id: own(rp_id), channel: own(channel), option: own(option) };
        Row { labels, ..self }
    }
}

/// The fields that are read. What is not named here is skipped without being copied.
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
    /// Reads what servers usually write; `None` where there is more to it.
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

    /// Reads what the quick way refuses: odd types, numbers of more than 64 bits, and keys that
    /// come twice, of which the last counts.
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

    /// Returns the first field that is no scalar, of those without which a row would be counted as
    /// something else.
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
    /// For `diagram_13`; `label_length` is in characters; longer label values are cut, but told
    /// apart by their whole text.
    pub fn new(fingerprints: Fingerprints, label_length: usize) -> Self {
        Self {
            fingerprints,
            label_length,
            fold: DigitFold::default(),
            report: ReportName::default(),
        }
    }

    /// The same, with another rule for options in which somebody typed a number.
    pub fn folding(self, fold: DigitFold) -> Self {
        Self { fold, ..self }
    }

    /// The same, for another report.
    pub fn reading(self, report: ReportName) -> Self {
        Self { report, ..self }
    }

    /// The longest label value, in characters.
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
        let closely = |json: &str| match Fields::closely(self.report, json) {
            Ok(fields) => self.read(&fields, json).map(Row::into_owned),
            Err(_) => Err(not_a_row(json)),
        };
        closely(&mended(text))
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
        // An option may be called so; without an interaction it is a mark like the others.
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

        // The same row may be written `37` today and `37.0` tomorrow: identity is by what was read.
        let fingerprint = self.fingerprints.of(&[
            &rp_id,
            &conn_id,
            &channel,
            &canonical(second, &second_text),
            &canonical(attempts, &attempt_text),
            &option,
        ]);
        // A correction may change what became of a call, and never makes it another.
        let within = if self.report == ReportName::Diagram13 { &*channel } else { "" };
        let interaction =
            (!is_absent(&conn_id)).then(|| self.fingerprints.of(&[&rp_id, within, &conn_id]));
        // "0" is a key that a caller can press, so an option is absent only when it is empty or a
        // dash.
        let option = match &*option {
            "0" => option,
            typed if self.fold.folds(typed) => Cow::Borrowed(NUMBER),
            _ => self.label(option),
        };
        let channel = match self.report {
            ReportName::Diagram13 => self.label(channel),
            ReportName::Diagram1 => Cow::Borrowed(call_outcome(&channel).as_str()),
        };
        Ok(Row {
            labels: RowLabels { rp_id: self.label(rp_id), channel, option },
            fingerprint,
            interaction,
            began: call_began(&conn_id),
            date,
            second: second.filter(|second| *second <= LONGEST_INTERACTION),
            attempts: attempts.filter(|attempts| *attempts <= MOST_ATTEMPTS).unwrap_or(0),
        })
    }

    fn label<'t>(&self, text: Cow<'t, str>) -> Cow<'t, str> {
        if is_absent(&text) {
            // An empty label would be no label at all to Prometheus.
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

/// A row that belongs to no interaction: a line of totals by a mark in some other field, or
/// something that is not known.
fn without_identity(fields: &Fields<'_>, json: &str) -> Rejected {
    if total::is_marked_anywhere(json) {
        return Rejected::new(Rejection::Total, "row", "a line of totals");
    }
    let unknown = fields.rp_id == Text::Missing && fields.conn_id == Text::Missing;
    let (reason, shape) =
        if unknown { (Rejection::Malformed, "missing") } else { (Rejection::NoIdentity, "empty") };
    Rejected::new(reason, "rp_id", shape)
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
mod outcome_tests;
#[cfg(test)]
mod tests;
