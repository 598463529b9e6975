//! A histogram of how long something took, with classic and native buckets.
//!
//! The `prometheus` crate has no native histograms. Both kinds of buckets are kept here, because a
//! scraper refuses a scrape in which they disagree.

use std::{sync::Arc, time::Duration};

use crate::exposition::{BucketBounds, Histogram, NativeHistogram};

/// Durations that were observed, in seconds.
#[derive(Debug)]
pub(super) struct Durations {
    bounds: Arc<BucketBounds>,
    /// Counts per classic bucket; the last one is above every bound.
    counts: Vec<u64>,
    sum: f64,
    native: NativeHistogram,
}

impl Durations {
    /// Makes an empty histogram. `bounds` are in seconds.
    pub(super) fn new(bounds: Arc<BucketBounds>) -> Self {
        Self {
            counts: vec![0; bounds.len() + 1],
            bounds,
            sum: 0.0,
            native: NativeHistogram::default(),
        }
    }

    /// Adds one duration.
    pub(super) fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.counts[self.bounds.values().partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        self.native.observe(seconds, 1);
    }

    /// Returns the histogram in its exposed form.
    pub(super) fn histogram(&self) -> Histogram {
        Histogram::new(self.bounds.clone(), &self.counts, self.sum).with_native(self.native.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_buckets_count_the_same_from_the_first_scrape() {
        let mut durations = Durations::new(Arc::new(BucketBounds::new(&[0.5, 1.0]).unwrap()));
        for (millis, classic, native) in [
            (None, [0, 0, 0], 0),
            (Some(500), [1, 0, 0], 1),
            (Some(1_000), [1, 1, 0], 2),
            (Some(1_001), [1, 1, 1], 3),
        ] {
            if let Some(millis) = millis {
                durations.observe(Duration::from_millis(millis));
            }
            let histogram = durations.histogram();
            assert_eq!(histogram.counts(), classic);
            assert_eq!(histogram.native().unwrap().count(), native);
        }
    }
}
