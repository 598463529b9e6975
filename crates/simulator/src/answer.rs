//! The bytes of an answer: the envelope, the rows, and the oddities that a fault puts into
//! either.
//!
//! An answer is made piece by piece while it is sent, so that its size does not matter. This file
//! must never collect rows, and knows nothing of HTTP.

use super::call_end::transferred_to;
use super::interaction::Row;
use super::json::PhpFormatter;
use super::names::routing_point_name;
use super::options::RowLimit;
use bytes::Bytes;
use jiff::civil::DateTime;
use serde::Serialize;
use std::borrow::Cow;

/// Approximate size of a piece, in bytes.
const PIECE: usize = 32 << 10;

/// The rows of an answer, each with its local date.
pub(super) type DatedRows = Box<dyn Iterator<Item = (DateTime, Row)> + Send>;

/// The way in which an answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerForm {
    /// Bytes before the JSON.
    pub before: &'static [u8],
    /// The field `code`, as JSON.
    pub code: &'static str,
    /// The field `error`, as JSON.
    pub error: &'static str,
    /// The count that `msg` names.
    pub promised: u64,
    /// The number of rows that are written.
    pub rows: u64,
    /// The field `data`.
    pub data: Data,
    /// Replaces every row's date.
    pub date: Option<&'static str>,
    /// Text at the end of every row's `conn_id`.
    pub conn_suffix: &'static str,
    /// An entry after the rows, as JSON.
    pub extra: Option<&'static str>,
    /// The last thing that is sent.
    pub end: End,
}

/// The container of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// A list.
    List,
    /// `null`, without rows.
    Null,
    /// No such field.
    Missing,
    /// The first row itself.
    Object,
    /// A list without the object around it.
    Bare,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything is sent.
    Whole,
    /// The answer breaks off in the middle of a row.
    Amid,
    /// The answer never ends: its last piece is repeated.
    Never,
}

impl AnswerForm {
    /// Describes a good answer.
    pub(super) fn good(RowLimit { sent, promised }: RowLimit) -> Self {
        Self {
            before: b"",
            code: "\"200\"",
            error: "null",
            promised,
            rows: sent,
            data: Data::List,
            date: None,
            conn_suffix: "",
            extra: None,
            end: End::Whole,
        }
    }

    /// Returns the number of entries of `data` that are written. Those of an answer without end are
    /// not counted.
    pub(super) fn entries(&self) -> u64 {
        self.rows + u64::from(self.extra.is_some() && self.end == End::Whole)
    }
}

/// The warning that PHP writes before an answer when it is told to show warnings.
pub const PHP_WARNING: &[u8] = b"<br />\n<b>Warning</b>:  Undefined array key \"rp\" in \
    <b>/var/www/html/api/v2/reports_manager.php</b> on line <b>1184</b><br />\n";

/// A line of totals.
pub const TOTAL_ROW: &str =
    r#"{"rp_id":"","conn_id":"","channel":"TOTAL","attempt":"--","cod_opc_menu":"-"}"#;

/// The bytes of an answer, as an iterator over pieces.
pub(super) struct Answer {
    form: AnswerForm,
    rows: DatedRows,
    /// Size to which every row is filled up, in bytes.
    row_bytes: usize,
    stage: Stage,
    written: u64,
}

enum Stage {
    Head,
    Rows,
    Repeating(Bytes),
    Done,
}

impl Answer {
    pub(super) fn new(form: AnswerForm, rows: DatedRows, row_bytes: usize) -> Self {
        Self { form, rows, row_bytes, stage: Stage::Head, written: 0 }
    }

    fn head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.form.before);
        if self.form.data != Data::Bare {
            let AnswerForm { code, error, promised, .. } = self.form;
            let head = format!(
                "{{\"code\":{code},\"error\":{error},\"msg\":\"{promised} records were found\""
            );
            out.extend_from_slice(head.as_bytes());
        }
        out.extend_from_slice(match (self.form.data, self.form.rows) {
            (Data::List, _) => b",\"data\":[",
            (Data::Null, _) | (Data::Object, 0) => b",\"data\":null",
            (Data::Object, _) => b",\"data\":",
            (Data::Missing, _) => b"",
            (Data::Bare, _) => b"[",
        });
    }

    fn tail(&mut self, out: &mut Vec<u8>) -> Stage {
        match self.form.end {
            End::Amid => {
                self.comma(out);
                out.extend_from_slice(b"{\"rp_id\":\"46");
                return Stage::Done;
            }
            End::Never => {
                let row = format!(",{}", self.form.extra.unwrap_or("null"));
                return Stage::Repeating(Bytes::from(row.repeat(PIECE / row.len())));
            }
            End::Whole => {}
        }
        if let Some(extra) = self.form.extra {
            self.comma(out);
            out.extend_from_slice(extra.as_bytes());
        }
        out.extend_from_slice(match self.form.data {
            Data::List => b"]}",
            Data::Bare => b"]",
            Data::Null | Data::Missing | Data::Object => b"}",
        });
        Stage::Done
    }

    fn comma(&mut self, out: &mut Vec<u8>) {
        if self.written > 0 {
            out.push(b',');
        }
        self.written += 1;
    }

    /// Writes the next row. Returns false if there is none.
    fn row(&mut self, out: &mut Vec<u8>) -> bool {
        if self.written >= self.form.rows {
            return false;
        }
        let Some((local, row)) = self.rows.next() else { return false };
        self.comma(out);
        let date = self.form.date.map_or_else(|| Cow::Owned(local_date(local)), Cow::Borrowed);
        write_row(&date, &row, self.form.conn_suffix, self.row_bytes, out);
        true
    }
}

impl Iterator for Answer {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::with_capacity(PIECE + self.row_bytes);
        loop {
            match &self.stage {
                Stage::Head => {
                    self.head(&mut out);
                    self.stage = Stage::Rows;
                }
                Stage::Rows if out.len() >= PIECE => return Some(out.into()),
                Stage::Rows => {
                    if !self.row(&mut out) {
                        self.stage = self.tail(&mut out);
                        return Some(out.into());
                    }
                }
                Stage::Repeating(piece) => return Some(piece.clone()),
                Stage::Done => return None,
            }
        }
    }
}

/// A row of diagram_13 with the fields that the vendor documents, all of them text.
#[derive(Serialize)]
struct WireRow<'a> {
    rp_id: &'a str,
    conn_id: String,
    customer_id: String,
    channel: &'a str,
    attempt: String,
    telephone: String,
    date: &'a str,
    second_event: String,
    cod_opc_menu: Cow<'a, str>,
}

impl<'a> WireRow<'a> {
    fn new(row: &Row, date: &'a str, conn_suffix: &str) -> Self {
        let interaction = &row.interaction;
        Self {
            rp_id: interaction.point.id,
            conn_id: interaction.conn_id() + conn_suffix,
            customer_id: interaction.customer_id(),
            channel: interaction.point.channel,
            attempt: row.attempt.to_string(),
            telephone: interaction.telephone(),
            date,
            second_event: row.second_event(),
            cod_opc_menu: row.code(),
        }
    }
}

/// A row of diagram_1 with the fields that the vendor documents, all of them text.
#[derive(Serialize)]
struct CallEndRow<'a> {
    rp_id: &'a str,
    rp_name: &'a str,
    cod_opc_menu: Cow<'a, str>,
    dn_transfer: &'a str,
    date: &'a str,
    result: &'a str,
    ani: String,
    time: String,
    customer_id: String,
    conn_id: String,
}

impl<'a> CallEndRow<'a> {
    fn new(row: &Row, result: &'a str, date: &'a str, conn_suffix: &str) -> Self {
        let interaction = &row.interaction;
        Self {
            rp_id: interaction.point.id,
            rp_name: routing_point_name(interaction.point.id),
            cod_opc_menu: row.code(),
            dn_transfer: transferred_to(row),
            date,
            result,
            ani: interaction.telephone(),
            time: row.second_event(),
            customer_id: interaction.customer_id(),
            conn_id: interaction.conn_id() + conn_suffix,
        }
    }
}

fn local_date(local: DateTime) -> String {
    let year = local.year();
    let month = local.month();
    let day = local.day();
    let hour = local.hour();
    let minute = local.minute();
    let second = local.second();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

fn write_row(date: &str, row: &Row, conn_suffix: &str, row_bytes: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, PhpFormatter);
    let written = match row.result {
        None => WireRow::new(row, date, conn_suffix).serialize(&mut serializer),
        Some(result) => CallEndRow::new(row, result, date, conn_suffix).serialize(&mut serializer),
    };
    debug_assert!(written.is_ok(), "text always fits into memory and into JSON");
    const FILLER: &[u8] = b",\"observations\":\"";
    let missing = row_bytes.saturating_sub(out.len() - start);
    if let Some(filler) = missing.checked_sub(FILLER.len() + 1) {
        out.pop();
        out.extend_from_slice(FILLER);
        out.resize(out.len() + filler, b'x');
        out.extend_from_slice(b"\"}");
    }
}
