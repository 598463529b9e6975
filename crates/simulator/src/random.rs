//! A small deterministic generator, so that the traffic is a pure function of a seed and a moment.
//!
//! Owns only arithmetic. It must never read a clock or the system's randomness. It implements
//! SplitMix64 instead of depending on a crate, whose output could change with its version.

/// A SplitMix64 sequence.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts the sequence of a seed and a list of words, such as a routing point and a minute.
    pub fn of(seed: u64, words: &[u64]) -> Self {
        Self(words.iter().fold(mix(seed), |state, word| mix(state ^ mix(word.wrapping_add(GAMMA)))))
    }

    /// Continues the sequence from a state.
    pub fn from_state(state: u64) -> Self {
        Self(state)
    }

    /// Draws the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// Draws a number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        // An f64 holds 53 bits exactly.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns true with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Draws a number in `low..=high`. Returns `low` if the range is empty.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        // The bias of the remainder is below 2^-32, which is negligible here.
        low.saturating_add((self.bits() % span) as u32)
    }
}

/// Increment of SplitMix64: 2^64 divided by the golden ratio, rounded to an odd number.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_those_of_the_published_algorithm() {
        // SplitMix64 from state 0, as its authors' reference gives it.
        let mut random = Random(0);
        assert_eq!(random.bits(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.bits(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn every_word_and_its_place_matters() {
        let draw = |seed, words: &[u64]| Random::of(seed, words).bits();
        assert_eq!(draw(1, &[2, 3]), draw(1, &[2, 3]));
        assert_ne!(draw(1, &[2, 3]), draw(1, &[3, 2]));
        assert_ne!(draw(1, &[2, 3]), draw(2, &[2, 3]));
        assert_ne!(draw(1, &[2]), draw(1, &[2, 0]));
    }

    #[test]
    fn ranges_are_closed_and_survive_extremes() {
        let mut random = Random::of(1, &[]);
        let mut seen = [false; 3];
        for _ in 0..100 {
            seen[(random.between(4, 6) - 4) as usize] = true;
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(random.between(9, 2), 9);
        random.between(0, u32::MAX);
    }
}
