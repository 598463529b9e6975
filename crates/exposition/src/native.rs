//! A native histogram: exponential buckets, of which only those with observations are kept.
//!
//! A value is at most 4.4 % below its bucket's upper bound, and no bounds have to be chosen. Only
//! the protobuf format carries it. The resolution and the width of the zero bucket must never
//! change: a scraper takes buckets that disappear for a counter reset.

/// Resolution: each power of two has 2^4 buckets, so a bound is 2^(1/16) = 1.044 times the one
/// before.
pub(super) const SCHEMA: i32 = 4;

/// Upper bound of the zero bucket: 2^-128, the Go client's default, and a bucket's bound at any
/// resolution.
///
/// It is above 0 because scrapers recognise an empty native histogram by it.
pub(super) const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

const PER_OCTAVE: i32 = 1 << SCHEMA;

/// Observations per bucket. They never go down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeHistogram {
    zero: u64,
    /// Index and count of buckets, ascending, without empty ones. Bucket `i` ends at 2^(i/16),
    /// inclusive.
    buckets: Vec<(i32, u64)>,
}

impl NativeHistogram {
    /// Adds `times` observations of `value`. Anything that is not above 0 counts as 0; durations
    /// and whole seconds, the only observations here, have no such values.
    pub fn observe(&mut self, value: f64, times: u64) {
        if value > ZERO_THRESHOLD {
            let index = index(value);
            match self.buckets.binary_search_by_key(&index, |(index, _)| *index) {
                Ok(at) => self.buckets[at].1 += times,
                Err(at) if times > 0 => self.buckets.insert(at, (index, times)),
                Err(_) => {}
            }
        } else {
            self.zero += times;
        }
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.zero + self.buckets.iter().map(|(_, count)| count).sum::<u64>()
    }

    /// Observations in the zero bucket.
    pub fn zero(&self) -> u64 {
        self.zero
    }

    /// Index and count of every bucket with observations, ascending.
    pub fn buckets(&self) -> &[(i32, u64)] {
        &self.buckets
    }
}

/// Returns the bucket of a value above 0: the smallest `i` with `value <= 2^(i/16)`.
///
/// Works on exponent and mantissa, so that powers of two, the only bounds that whole numbers can
/// equal, come out exactly.
fn index(value: f64) -> i32 {
    let bits = value.min(f64::MAX).to_bits();
    // Above the threshold, so positive and normal: no sign, and a biased exponent that fits.
    let exponent = (bits >> 52) as i32 - 1023;
    let mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    exponent * PER_OCTAVE + (mantissa.log2() * f64::from(PER_OCTAVE)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn powers_of_two_end_their_bucket_and_what_follows_is_in_the_next() {
        for exponent in -127..1023 {
            let power = 2f64.powi(exponent);
            assert_eq!(index(power), exponent * 16, "{power}");
            assert_eq!(index(power.next_up()), exponent * 16 + 1, "just above {power}");
        }
        assert_eq!(index(1.5), 10, "2^(9/16) = 1.477, 2^(10/16) = 1.542");
        assert_eq!(index(f64::INFINITY), 1024 * 16);
    }

    #[test]
    fn what_is_not_above_zero_is_counted_as_zero() {
        let mut histogram = NativeHistogram::default();
        for value in [0.0, -1.0, f64::NAN, f64::MIN_POSITIVE, ZERO_THRESHOLD] {
            histogram.observe(value, 2);
        }
        histogram.observe(5.0, 0);
        assert_eq!((histogram.zero(), histogram.buckets()), (10, &[][..]));
    }

    proptest! {
        #[test]
        fn a_value_is_within_its_bucket(value in 1e-30f64..1e30) {
            let bound = |index: i32| 2f64.powf(f64::from(index) / 16.0);
            let index = index(value);
            // The bounds are exact except for the last few bits.
            prop_assert!(value <= bound(index) * (1.0 + 1e-12), "{} in {}", value, index);
            prop_assert!(value >= bound(index - 1) * (1.0 - 1e-12), "{} in {}", value, index);
        }

        #[test]
        fn nothing_is_lost(values in prop::collection::vec((0u32..5000, 0u64..5), 0..100)) {
            let mut histogram = NativeHistogram::default();
            for (value, times) in &values {
                histogram.observe(f64::from(*value), *times);
            }
            prop_assert_eq!(histogram.count(), values.iter().map(|(_, times)| times).sum::<u64>());
            prop_assert!(histogram.buckets().is_sorted_by(|a, b| a.0 < b.0));
        }
    }
}
