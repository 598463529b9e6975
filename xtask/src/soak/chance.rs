//! Random numbers of the soak: the same seed gives the same plan of kills, faults and bursts.

use simulator::Random;

/// A sequence of random numbers.
#[derive(Clone, Debug)]
pub struct Chance(Random);

impl Chance {
    /// Makes the sequence of this name under a seed. Sequences do not influence each other.
    pub fn new(seed: u64, name: &str) -> Self {
        let next = |state: u64, byte| Random::from_state(state ^ u64::from(byte)).bits();
        Self(Random::from_state(name.bytes().fold(seed, next)))
    }

    /// Draws a number in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.unit()
    }

    /// Draws a whole number in `low..high`.
    pub fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.bits() % (high - low)
    }

    /// Returns true with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.between(0.0, 1.0) < probability
    }

    /// Chooses one of several.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.whole(0, of.len() as u64) as usize]
    }
}
