//! A native histogram: exponential buckets, only those kept that were ever hit.
//!
//! Every value lands at most 4.4 % below its bucket's upper bound, without any bounds having been chosen
//! beforehand; only the protobuf format can carry it. The resolution and the width of the zero bucket are fixed
//! for good: a scraper takes buckets that disappear for a reset of the counter, so they must only ever grow.

/// Each power of two is divided into 2^4 buckets, every bound being 2^(1/16) = 1.044 times the one before.
pub(super) const SCHEMA: i32 = 4;

/// Values up to this are counted as 0: 2^-128, the Go client's default, and a bucket's bound at any resolution.
///
/// It is above 0 so that an empty histogram, too, shows that it is a native one: that is what scrapers look at.
pub(super) const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);

const PER_OCTAVE: i32 = 1 << SCHEMA;

/// How often each bucket was hit. Never goes down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NativeHistogram {
    zero: u64,
    /// (index, count), ascending, no count being 0. Bucket `i` ends at 2^(i/16), which belongs to it.
    buckets: Vec<(i32, u64)>,
}

impl NativeHistogram {
    /// Adds `times` observations of `value`. What is no number above 0 is counted as 0: durations and whole
    /// seconds, which is all that is observed here, have no such values.
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

    /// Index and count of every bucket that was hit, ascending.
    pub fn buckets(&self) -> &[(i32, u64)] {
        &self.buckets
    }
}

/// The bucket of a value above 0: the least `i` with `value <= 2^(i/16)`.
///
/// Taken apart into exponent and mantissa, because the only bounds that whole numbers can meet are the powers of
/// two, and so these come out exactly.
fn index(value: f64) -> i32 {
    let bits = value.min(f64::MAX).to_bits();
    // Normal and positive, being above the threshold: no sign, and a biased exponent that fits.
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
            // The bounds themselves are only known to the last few bits.
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
