//! Histograms of how long something took, per target, with classic and native buckets.
//!
//! The `prometheus` crate has no native histograms, and a histogram's two kinds of buckets must never disagree: a
//! scraper refuses a scrape in which they do. So both are kept here, behind one lock that is held for the time of an
//! addition.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::exposition::{BucketBounds, Family, Histogram, MetricType, NativeHistogram, Sample, label_block};

/// The durations of all targets: one family.
#[derive(Debug)]
pub(super) struct Durations {
    name: &'static str,
    help: &'static str,
    bounds: Arc<BucketBounds>,
    targets: Mutex<BTreeMap<String, TargetDurations>>,
}

impl Durations {
    /// A family without series. `bounds` are in seconds.
    pub(super) fn new(name: &'static str, help: &'static str, bounds: Arc<BucketBounds>) -> Self {
        Self { name, help, bounds, targets: Mutex::default() }
    }

    /// The series of one target, exposed from now on.
    pub(super) fn target(&self, server: &str) -> TargetDurations {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || TargetDurations(Arc::new(Mutex::new(Observed::new(self.bounds.clone()))));
        targets.entry(server.to_owned()).or_insert_with(new).clone()
    }

    /// Takes every target but these out of sight, and says which those were.
    pub(super) fn keep(&self, servers: &BTreeSet<String>) -> Vec<String> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.extract_if(.., |server, _| !servers.contains(server)).map(|(server, _)| server).collect()
    }

    /// For one scrape.
    pub(super) fn family(&self) -> Family {
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = Family::new(self.name, self.help, MetricType::Histogram);
        family.points = targets
            .iter()
            .map(|(server, target)| Sample::new(label_block(&[("server", server)]), target.histogram()))
            .collect();
        family
    }
}

/// The durations of one target. A clone is the same series.
#[derive(Clone, Debug)]
pub(super) struct TargetDurations(Arc<Mutex<Observed>>);

impl TargetDurations {
    /// Something took so long.
    pub(super) fn observe(&self, took: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(took.as_secs_f64());
    }

    fn histogram(&self) -> Histogram {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).histogram()
    }
}

#[derive(Debug)]
struct Observed {
    bounds: Arc<BucketBounds>,
    /// Per classic bucket, the last one being above every bound.
    counts: Vec<u64>,
    sum: f64,
    native: NativeHistogram,
}

impl Observed {
    fn new(bounds: Arc<BucketBounds>) -> Self {
        Self { counts: vec![0; bounds.len() + 1], bounds, sum: 0.0, native: NativeHistogram::default() }
    }

    fn observe(&mut self, seconds: f64) {
        self.counts[self.bounds.values().partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        self.native.observe(seconds, 1);
    }

    fn histogram(&self) -> Histogram {
        Histogram::new(self.bounds.clone(), &self.counts, self.sum).with_native(self.native.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::Value;

    #[test]
    fn both_kinds_of_buckets_count_the_same_from_the_first_scrape() {
        let durations =
            Durations::new("took_seconds", "Took.", Arc::new(BucketBounds::new(&[0.5, 1.0]).unwrap()));
        let target = durations.target("0042");
        for (millis, classic, native) in [
            (None, [0, 0, 0], 0),
            (Some(500), [1, 0, 0], 1),
            (Some(1_000), [1, 1, 0], 2),
            (Some(1_001), [1, 1, 1], 3),
        ] {
            if let Some(millis) = millis {
                target.observe(Duration::from_millis(millis));
            }
            let family = durations.family();
            let [Sample { value: Value::Histogram(histogram), .. }] = &family.points[..] else {
                panic!("one series: {family:?}")
            };
            assert_eq!(histogram.counts(), classic);
            assert_eq!(histogram.native().unwrap().count(), native);
        }
        // Asked for again, as after a reload, it is the same series.
        durations.target("0042").observe(Duration::ZERO);
        assert_eq!(durations.family().points.len(), 1);
    }
}
