//! Converts the exporter's own live metrics from the `prometheus` crate's families to the model.
//!
//! Only for the few dozen series of the process itself; menu metrics never pass through that crate.

use std::sync::Arc;

use prometheus::proto::{self, MetricFamily};

use super::model::{BucketBounds, Family, Histogram, MetricType, Sample, Value, label_block};

/// Converts what a registry gathered, in its order.
///
/// The model has no summaries and untyped metrics, and the exporter registers none: they are left out, and so is a
/// histogram with unusable bounds.
pub fn from_prometheus(families: &[MetricFamily]) -> Vec<Family> {
    families.iter().filter_map(family).collect()
}

fn family(source: &MetricFamily) -> Option<Family> {
    let kind = match source.get_field_type() {
        proto::MetricType::COUNTER => MetricType::Counter,
        proto::MetricType::GAUGE => MetricType::Gauge,
        proto::MetricType::HISTOGRAM => MetricType::Histogram,
        proto::MetricType::SUMMARY | proto::MetricType::UNTYPED => return None,
    };
    let mut family = Family::new(source.name().to_owned(), source.help().to_owned(), kind);
    family.points = source.get_metric().iter().filter_map(|metric| point(kind, metric)).collect();
    Some(family)
}

fn point(kind: MetricType, metric: &proto::Metric) -> Option<Sample> {
    let labels: Vec<_> = metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
    let value = match kind {
        MetricType::Counter => Value::Float(metric.get_counter().get_value()),
        MetricType::Gauge => Value::Float(metric.get_gauge().get_value()),
        MetricType::Histogram => Value::Histogram(histogram(metric.get_histogram())?),
    };
    Some(Sample::new(label_block(&labels), value))
}

fn histogram(source: &proto::Histogram) -> Option<Histogram> {
    let finite: Vec<_> = source.get_bucket().iter().filter(|b| b.upper_bound().is_finite()).collect();
    let bounds: Vec<_> = finite.iter().map(|b| b.upper_bound()).collect();
    // The crate's buckets are cumulative and read one by one, so a bucket may be ahead of the next.
    let mut below = 0;
    let mut counts: Vec<u64> = finite
        .iter()
        .map(|b| {
            let count = b.cumulative_count().saturating_sub(below);
            below = below.max(b.cumulative_count());
            count
        })
        .collect();
    counts.push(source.get_sample_count().saturating_sub(below));
    Some(Histogram::new(Arc::new(BucketBounds::new(&bounds)?), &counts, source.get_sample_sum()))
}
