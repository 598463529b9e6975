//! The model of an exposition: families of points whose labels are rendered already.
//!
//! Many series share a label set, so it is escaped once ([`label_block`]) and encoding is little
//! more than copying. The escaping, common to text 0.0.4 and OpenMetrics 1.0, is all that this file
//! knows of formats. Protobuf needs no escaping and reads the pairs back ([`label_pairs`]); a
//! second copy of all labels would cost more memory than that saves time.

use std::{borrow::Cow, sync::Arc};

use super::{native::NativeHistogram, number};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// Only ever goes up. The family's name carries its full `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts per bucket.
    Histogram,
}

/// All series of one name. The caller keeps names legal and unique within an exposition.
#[derive(Clone, Debug)]
pub struct Family {
    /// The full name, with `_total` for counters.
    pub name: Cow<'static, str>,
    /// Help text: one sentence, unescaped.
    pub help: Cow<'static, str>,
    /// Its type.
    pub kind: MetricType,
    /// Its series. A family without any is left out.
    pub points: Vec<Sample>,
}

impl Family {
    /// Makes a family without points.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        kind: MetricType,
    ) -> Self {
        Self { name: name.into(), help: help.into(), kind, points: Vec::new() }
    }

    /// Copies the family without its points.
    #[must_use]
    pub fn head(&self) -> Self {
        Self::new(self.name.clone(), self.help.clone(), self.kind)
    }
}

/// One series and its value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The labels as [`label_block`] rendered them; empty for none.
    pub labels: Arc<str>,
    /// The value.
    pub value: Value,
    /// The last moment, in Unix seconds, at which the series was known to be 0; for counters and
    /// histograms.
    pub created: Option<f64>,
}

impl Sample {
    /// Makes a point whose start is not known.
    pub fn new(labels: Arc<str>, value: impl Into<Value>) -> Self {
        Self { labels, value: value.into(), created: None }
    }

    /// Sets the moment at which the point was known to be 0.
    #[must_use]
    pub fn created(mut self, created: Option<f64>) -> Self {
        self.created = created;
        self
    }
}

/// The value of a point. Counters and gauges may have either number; histograms need their own
/// variant.
#[derive(Clone, Debug)]
pub enum Value {
    /// A whole number, exact for all of `u64`.
    Integer(u64),
    /// Any other number.
    Float(f64),
    /// Counts per bucket.
    Histogram(Histogram),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Histogram> for Value {
    fn from(value: Histogram) -> Self {
        Self::Histogram(value)
    }
}

/// One histogram: classic buckets, and optionally native ones.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: Arc<BucketBounds>,
    counts: Box<[u64]>,
    sum: f64,
    native: Option<NativeHistogram>,
}

impl Histogram {
    /// Takes `counts` per bucket, not cumulative; the last one is the observations above every
    /// bound. The total is their sum, so `_count` and `le="+Inf"` cannot disagree. Missing counts
    /// are 0; those beyond the last bucket are added to it.
    pub fn new(bounds: Arc<BucketBounds>, counts: &[u64], sum: f64) -> Self {
        let mut own = vec![0; bounds.len() + 1].into_boxed_slice();
        let last = bounds.len();
        for (i, count) in counts.iter().enumerate() {
            own[i.min(last)] += count;
        }
        Self { bounds, counts: own, sum, native: None }
    }

    /// Adds native buckets of the same observations, for the format that has them.
    ///
    /// If the numbers of observations differ, the native buckets are left out, because a scraper
    /// would refuse the whole scrape.
    #[must_use]
    pub fn with_native(mut self, native: NativeHistogram) -> Self {
        self.native =
            Some(native).filter(|native| native.count() == self.counts.iter().sum::<u64>());
        self
    }

    /// Its upper bounds.
    pub fn bounds(&self) -> &BucketBounds {
        &self.bounds
    }

    /// Its upper bounds, to be kept.
    pub(super) fn shared_bounds(&self) -> Arc<BucketBounds> {
        self.bounds.clone()
    }

    /// Observations per bucket; the last bucket is above every bound.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The sum of all observations.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The native buckets, if any.
    pub fn native(&self) -> Option<&NativeHistogram> {
        self.native.as_ref()
    }
}

/// The upper bounds of a histogram's buckets, with their `le` labels rendered once. `+Inf` is
/// implied.
#[derive(Debug, Default)]
pub struct BucketBounds {
    values: Box<[f64]>,
    /// `le="5"`, as text 0.0.4 is customarily written.
    pub(super) text: Box<[Box<str>]>,
    /// `le="5.0"`, as OpenMetrics demands.
    pub(super) open_metrics: Box<[Box<str>]>,
}

fn le_label(le: &str) -> Box<str> {
    format!("le=\"{le}\"").into_boxed_str()
}

impl BucketBounds {
    /// Returns `None` unless the bounds are finite and strictly increasing: no scraper could use
    /// others.
    pub fn new(values: &[f64]) -> Option<Self> {
        let sound = values.iter().all(|v| v.is_finite()) && values.is_sorted_by(|a, b| a < b);
        sound.then(|| Self {
            values: values.into(),
            text: values.iter().map(|&v| le_label(&number::shortest(v))).collect(),
            open_metrics: values.iter().map(|&v| le_label(&number::canonical(v))).collect(),
        })
    }

    /// The bounds, ascending, without `+Inf`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of bounds; there is one bucket more.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns true if `+Inf` is the only bucket.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Renders labels as `a="b",c="d"`, escaped for both text formats, in the order given.
///
/// Label *names* are not escaped: they come from the code, never from the vendor.
pub fn label_block(labels: &[(&str, &str)]) -> Arc<str> {
    let mut block = String::with_capacity(labels.iter().map(|(n, v)| n.len() + v.len() + 4).sum());
    for (name, value) in labels {
        if !block.is_empty() {
            block.push(',');
        }
        block.push_str(name);
        block.push_str("=\"");
        let mut rest = *value;
        while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
            block.push_str(&rest[..at]);
            block.push_str(match rest.as_bytes()[at] {
                b'\\' => "\\\\",
                b'"' => "\\\"",
                _ => "\\n",
            });
            rest = &rest[at + 1..];
        }
        block.push_str(rest);
        block.push('"');
    }
    block.into()
}

/// Returns the names and values that [`label_block`] rendered into `block`.
pub(super) fn label_pairs(block: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let (name, quoted) = rest.split_once("=\"")?;
        let mut end = 0;
        let mut escaped = false;
        for byte in quoted.bytes() {
            match byte {
                b'\\' if !escaped => escaped = true,
                b'"' if !escaped => break,
                _ => escaped = false,
            }
            end += 1;
        }
        let value = &quoted[..end];
        rest = quoted.get(end + 1..).unwrap_or_default();
        rest = rest.strip_prefix(',').unwrap_or(rest);
        Some((name, unescape(value)))
    })
}

fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return value.into();
    }
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c) => c,
                None => '\\',
            },
            c => c,
        });
    }
    plain.into()
}
