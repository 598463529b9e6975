//! Owns the numbers of a seed. Must not read any other source of chance: a seed gives the same
//! world everywhere.

use simulator::Random;

/// Draws of a seed.
pub(crate) struct Chance(Random);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::from_state(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66))
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// A factor around 1 that varies by so much (log-normal).
    pub(crate) fn factor(&mut self, sd: f64) -> f64 {
        (sd * self.normal()).exp()
    }

    /// A Poisson count; the mean of a step is some dozens at most.
    pub(crate) fn count(&mut self, mean: f64) -> u32 {
        if mean > 300.0 {
            return self.count(mean / 2.0) + self.count(mean / 2.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }

    /// A count whose variance is `spread` times its mean: Poisson at 1, negative binomial above.
    pub(crate) fn spread_count(&mut self, mean: f64, spread: f64) -> u32 {
        if spread <= 1.0 || mean <= 0.0 {
            return self.count(mean);
        }
        let mean = self.gamma(mean / (spread - 1.0)) * (spread - 1.0);
        self.count(mean)
    }

    /// A gamma variate of this shape and scale 1 (Marsaglia and Tsang).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let power = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * power;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// How many of so many, each with this chance.
    pub(crate) fn of(&mut self, count: u32, chance: f64) -> u32 {
        (0..count).filter(|_| self.unit() < chance).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_mean_and_the_spread_that_are_asked_for() {
        let mut chance = Chance::new(7);
        for (mean, spread) in [(0.3, 1.0), (5.0, 1.0), (0.3, 1.4), (5.0, 1.4), (400.0, 1.4)] {
            let counts: Vec<f64> =
                (0..40_000).map(|_| chance.spread_count(mean, spread).into()).collect();
            let n = counts.len() as f64;
            let seen = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|count| (count - seen).powi(2)).sum::<f64>() / n;
            assert!((seen / mean - 1.0).abs() < 0.03, "{mean}: {seen}");
            assert!(
                (variance / mean / spread - 1.0).abs() < 0.05,
                "{mean}, {spread}: {}",
                variance / mean
            );
        }
    }
}
