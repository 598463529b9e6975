//! A histogram of whole seconds, exact enough for any buckets.
//!
//! Counts are kept by value instead of by bucket, so that a change of the configured buckets, or
//! another kind of histogram, loses nothing that was counted before.

use exposition::NativeHistogram;
use serde::{Deserialize, Serialize};

/// Values below this are kept exactly; above, only their ten leading bits are kept, which makes
/// them at most 0.2 % too low.
const EXACT_BELOW: u32 = 1024;

/// The number of times that each number of seconds occurred. It never decreases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondsHistogram {
    /// (seconds, count), ascending by seconds.
    counts: Vec<(u32, u64)>,
    sum: u64,
}

impl SecondsHistogram {
    /// Adds `times` observations of `seconds`.
    pub fn observe(&mut self, seconds: u32, times: u64) {
        let kept = coarse(seconds);
        match self.counts.binary_search_by_key(&kept, |(value, _)| *value) {
            Ok(at) => self.counts[at].1 += times,
            Err(at) => self.counts.insert(at, (kept, times)),
        }
        self.sum += u64::from(seconds) * times;
    }

    /// Returns the number of observations.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Returns the exact sum of all observed seconds.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Returns the observations per bucket. `bounds` are ascending upper bounds, each inclusive;
    /// the last bucket holds the observations above all of them.
    pub fn buckets(&self, bounds: &[f64]) -> Vec<u64> {
        let mut buckets = vec![0; bounds.len() + 1];
        for (value, count) in &self.counts {
            buckets[bounds.partition_point(|bound| *bound < f64::from(*value))] += count;
        }
        buckets
    }

    /// Returns the observations as a native histogram.
    pub fn native(&self) -> NativeHistogram {
        let mut native = NativeHistogram::default();
        for (value, count) in &self.counts {
            native.observe(f64::from(*value), *count);
        }
        native
    }
}

fn coarse(seconds: u32) -> u32 {
    if seconds < EXACT_BELOW {
        return seconds;
    }
    let drop = seconds.ilog2() + 1 - EXACT_BELOW.ilog2();
    seconds >> drop << drop
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_counting_one_by_one(values in prop::collection::vec(0u32..2000, 0..200)) {
            let bounds = [0.5, 5.0, 60.0, 600.0];
            let mut histogram = SecondsHistogram::default();
            for value in &values {
                histogram.observe(*value, 1);
            }
            prop_assert_eq!(histogram.count(), values.len() as u64);
            prop_assert_eq!(histogram.sum(), values.iter().map(|v| u64::from(*v)).sum::<u64>());
            let within = |low: f64, high: f64| {
                values.iter().filter(|v| low < f64::from(**v) && f64::from(**v) <= high).count() as u64
            };
            let expected =
                [within(-1.0, 0.5), within(0.5, 5.0), within(5.0, 60.0), within(60.0, 600.0), within(600.0, 1e9)];
            prop_assert_eq!(histogram.buckets(&bounds), expected);
            prop_assert_eq!(histogram.native().count(), values.len() as u64);
            prop_assert_eq!(histogram.native().zero(), values.iter().filter(|v| **v == 0).count() as u64);
        }

        #[test]
        fn large_values_stay_near_and_few(value in EXACT_BELOW..u32::MAX) {
            let kept = coarse(value);
            prop_assert!(kept <= value && f64::from(value - kept) / f64::from(value) < 0.002);
            prop_assert_eq!(coarse(kept), kept);
        }
    }
}
