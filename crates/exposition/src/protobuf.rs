//! The protobuf format: `MetricFamily` messages of `io.prometheus.client`, each with its length
//! before it.
//!
//! The only format with native histograms. Field numbers and types are those of `metrics.proto` in
//! github.com/prometheus/client_model; a dozen fields need no generated code. An exposition is a
//! sequence of messages without an end mark, so live families can be appended to published ones.

use super::{
    model::{Family, Histogram, MetricType, Sample, Value, label_pairs},
    native::{NativeHistogram, SCHEMA, ZERO_THRESHOLD},
};

/// Longest gap, in buckets, that is filled with zeros: shorter than another span, and as in the Go
/// client.
const FILLED_GAP: i32 = 2;

/// Appends the length of the whole message and its fields except the points, which follow and are
/// `length` bytes.
pub(super) fn head(family: &Family, length: usize, out: &mut Vec<u8>) {
    let mut fields = Vec::with_capacity(family.name.len() + family.help.len() + 8);
    string(&mut fields, 1, &family.name);
    string(&mut fields, 2, &family.help);
    let kind = match family.kind {
        MetricType::Counter => 0,
        MetricType::Gauge => 1,
        MetricType::Histogram => 4,
    };
    uint(&mut fields, 3, kind);
    varint(out, (fields.len() + length) as u64);
    out.extend_from_slice(&fields);
}

/// Appends the points, each a field of the message that [`head`] started.
pub(super) fn points(family: &Family, out: &mut Vec<u8>) {
    for point in &family.points {
        message(out, 4, |out| metric(family.kind, point, out));
    }
}

fn metric(kind: MetricType, point: &Sample, out: &mut Vec<u8>) {
    for (name, value) in label_pairs(&point.labels) {
        message(out, 1, |out| {
            string(out, 1, name);
            string(out, 2, &value);
        });
    }
    // The format has only floating-point numbers, which are exact up to 2^53.
    let number = match &point.value {
        Value::Histogram(value) => {
            return message(out, 7, |out| histogram(value, point.created, out));
        }
        Value::Integer(value) => *value as f64,
        Value::Float(value) => *value,
    };
    if kind == MetricType::Counter {
        message(out, 3, |out| {
            double(out, 1, number);
            timestamp(out, 3, point.created);
        });
    } else {
        message(out, 2, |out| double(out, 1, number));
    }
}

fn histogram(histogram: &Histogram, created: Option<f64>, out: &mut Vec<u8>) {
    uint(out, 1, histogram.counts().iter().sum());
    double(out, 2, histogram.sum());
    let mut total = 0;
    // Without `+Inf`, which is the count above; the Go client leaves it out too.
    for (bound, count) in histogram.bounds().values().iter().zip(histogram.counts()) {
        total += count;
        message(out, 3, |out| {
            uint(out, 1, total);
            double(out, 2, *bound);
        });
    }
    if let Some(native) = histogram.native() {
        self::native(native, out);
    }
    timestamp(out, 15, created);
}

fn native(native: &NativeHistogram, out: &mut Vec<u8>) {
    uint(out, 5, zigzag(SCHEMA.into()));
    double(out, 6, ZERO_THRESHOLD);
    uint(out, 7, native.zero());
    let (spans, deltas) = spans_and_deltas(native.buckets());
    for (offset, length) in spans {
        message(out, 12, |out| {
            uint(out, 1, zigzag(offset.into()));
            uint(out, 2, length);
        });
    }
    if !deltas.is_empty() {
        // Packed: every reader must understand it.
        message(out, 13, |out| deltas.iter().for_each(|delta| varint(out, zigzag(*delta))));
    }
}

/// Returns runs of buckets as (gap since the last run, length), and the difference of each count to
/// the one before.
fn spans_and_deltas(buckets: &[(i32, u64)]) -> (Vec<(i32, u64)>, Vec<i64>) {
    let mut spans = Vec::<(i32, u64)>::new();
    let mut deltas = Vec::with_capacity(buckets.len());
    let mut next = 0;
    let mut before = 0_i64;
    for (index, count) in buckets {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        let gap = index - next;
        match spans.last_mut() {
            Some((_, length)) if gap <= FILLED_GAP => {
                for _ in 0..gap {
                    deltas.push(-before);
                    before = 0;
                }
                *length += gap.unsigned_abs() as u64 + 1;
            }
            _ => spans.push((gap, 1)),
        }
        deltas.push(count - before);
        before = count;
        next = index + 1;
    }
    (spans, deltas)
}

fn timestamp(out: &mut Vec<u8>, field: u32, at: Option<f64>) {
    let Some(at) = at.filter(|at| at.is_finite()) else { return };
    message(out, field, |out| {
        let seconds = at.floor();
        uint(out, 1, seconds as i64 as u64); // negative ones in two's complement, as `int64` has it
        uint(out, 2, ((at - seconds) * 1e9) as u64);
    });
}

fn string(out: &mut Vec<u8>, field: u32, text: &str) {
    tag(out, field, 2);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn uint(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, 0);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    tag(out, field, 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes a field whose content `content` writes.
fn message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, 2);
    delimited(out, content);
}

/// Writes the output of `content` after its length.
///
/// The length is known only afterwards. One byte is reserved for it, which is enough for small
/// messages; the rare longer ones are moved.
fn delimited(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    content(out);
    let length = out.len() - at - 1;
    if let Ok(length @ 0..=0x7f) = u8::try_from(length) {
        out[at] = length;
    } else {
        let mut prefix = Vec::with_capacity(10);
        varint(&mut prefix, length as u64);
        out.splice(at..=at, prefix);
    }
}

/// Writes a field's tag. `kind` is 0 for a varint, 1 for eight bytes, 2 for a length and that many
/// bytes.
fn tag(out: &mut Vec<u8>, field: u32, kind: u32) {
    varint(out, u64::from(field << 3 | kind));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps small numbers of either sign to small unsigned ones.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}
