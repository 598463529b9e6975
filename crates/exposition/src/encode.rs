//! The formats of an exposition, and the encoding of the two text formats, Prometheus 0.0.4 and
//! OpenMetrics 1.0.
//!
//! All differences between the two are here: the name of a counter's family, escapes in HELP, the
//! spelling of `le`, and `_created`. The closing [`EOF`] is left to the caller, who knows where the
//! exposition ends.

use super::{
    model::{Family, Histogram, MetricType, Sample, Value},
    number::{push_f64, push_u64},
    protobuf,
};

/// Last line of an OpenMetrics exposition. Without it a scraper takes the answer for cut off.
pub const EOF: &[u8] = b"# EOF\n";

/// A format of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4, which everything reads.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Length-delimited protobuf, the only one with native histograms.
    Protobuf,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];
}

/// Appends `families` to `out`, family by family and point by point in the order given, without
/// [`EOF`].
pub fn encode(families: &[Family], format: Format, out: &mut Vec<u8>) {
    let mut points = Vec::new();
    for family in families {
        points.clear();
        encode_points(family, format, &mut points);
        encode_head(family, points.len(), format, out);
        out.extend_from_slice(&points);
    }
}

/// Appends the head of a family whose points are `length` bytes in all, or nothing without points.
/// The points of [`encode_points`] complete it; they may come from several families of one name.
pub(super) fn encode_head(family: &Family, length: usize, format: Format, out: &mut Vec<u8>) {
    match (format, length) {
        (_, 0) => {}
        (Format::Protobuf, _) => protobuf::head(family, length, out),
        _ => Encoder::new(family, format, out).text_head(family),
    }
}

/// Appends the points of a family without its head.
pub(super) fn encode_points(family: &Family, format: Format, out: &mut Vec<u8>) {
    if format == Format::Protobuf {
        return protobuf::points(family, out);
    }
    Encoder::new(family, format, out).points(family);
}

/// Writes one family.
struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    /// Name in HELP and TYPE, and before every suffix.
    base: &'a str,
    /// Suffix of a simple value.
    suffix: &'static str,
}

impl<'a> Encoder<'a> {
    fn new(family: &'a Family, format: Format, out: &'a mut Vec<u8>) -> Self {
        // OpenMetrics calls the family `x` and its sample `x_total`; text 0.0.4 calls both
        // `x_total`.
        let (base, suffix) = match (format, family.kind) {
            (Format::OpenMetrics, MetricType::Counter) => {
                (family.name.strip_suffix("_total").unwrap_or(&family.name), "_total")
            }
            _ => (&*family.name, ""),
        };
        Self { out, format, base, suffix }
    }

    fn text_head(mut self, family: &Family) {
        self.head("# HELP ");
        for byte in family.help.bytes() {
            match byte {
                b'\\' => self.put("\\\\"),
                b'\n' => self.put("\\n"),
                b'"' if self.format == Format::OpenMetrics => self.put("\\\""),
                byte => self.out.push(byte),
            }
        }
        self.put("\n");
        self.head("# TYPE ");
        self.put(match family.kind {
            MetricType::Counter => "counter\n",
            MetricType::Gauge => "gauge\n",
            MetricType::Histogram => "histogram\n",
        });
    }

    fn points(mut self, family: &Family) {
        for point in &family.points {
            self.point(point);
            if self.format == Format::OpenMetrics && family.kind != MetricType::Gauge {
                self.created(point);
            }
        }
    }

    fn head(&mut self, what: &str) {
        self.put(what);
        self.put(self.base);
        self.put(" ");
    }

    fn point(&mut self, point: &Sample) {
        match &point.value {
            Value::Histogram(histogram) => self.histogram(&point.labels, histogram),
            Value::Integer(value) => {
                self.series(self.suffix, &point.labels, "");
                self.integer(*value);
            }
            Value::Float(value) => {
                self.series(self.suffix, &point.labels, "");
                self.float(*value);
            }
        }
    }

    fn histogram(&mut self, labels: &str, histogram: &Histogram) {
        let bounds = histogram.bounds();
        let les = if self.format == Format::Text { &bounds.text } else { &bounds.open_metrics };
        let les = les.iter().map(|le| &**le).chain(["le=\"+Inf\""]);
        let mut total = 0;
        for (le, count) in les.zip(histogram.counts()) {
            total += count;
            self.series("_bucket", labels, le);
            self.integer(total);
        }
        self.series("_sum", labels, "");
        self.float(histogram.sum());
        self.series("_count", labels, "");
        self.integer(total);
    }

    fn created(&mut self, point: &Sample) {
        if let Some(created) = point.created {
            self.series("_created", &point.labels, "");
            self.float(created);
        }
    }

    /// Writes a line up to the blank before its value.
    fn series(&mut self, suffix: &str, labels: &str, le: &str) {
        self.put(self.base);
        self.put(suffix);
        match (labels.is_empty(), le.is_empty()) {
            (true, true) => return self.put(" "),
            (false, true) => {
                self.put("{");
                self.put(labels);
            }
            (true, false) => {
                self.put("{");
                self.put(le);
            }
            (false, false) => {
                self.put("{");
                self.put(labels);
                self.put(",");
                self.put(le);
            }
        }
        self.put("} ");
    }

    fn integer(&mut self, value: u64) {
        push_u64(self.out, value);
        self.out.push(b'\n');
    }

    fn float(&mut self, value: f64) {
        push_f64(self.out, value);
        self.out.push(b'\n');
    }

    #[inline]
    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}
