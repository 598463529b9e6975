//! Random numbers of the simulated traffic.
//!
//! Owns the only source of chance, so that a seed gives the same traffic everywhere.

use simulator::Random;

/// The sequence of random numbers of a seed.
pub(crate) struct Chance(Random);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::from_state(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66))
    }

    /// Draws a number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.unit()
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Draws a standard normal variate (Box and Muller).
    fn normal(&mut self) -> f64 {
        let u = 1.0 - self.unit();
        let v = self.unit();
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Draws a log-normal factor with the median 1; `sd` is the standard deviation of its
    /// logarithm.
    pub(crate) fn factor(&mut self, sd: f64) -> f64 {
        (sd * self.normal()).exp()
    }

    /// Draws a Poisson count (Knuth's method). A large mean is halved, because exp(-mean) would
    /// become 0.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 300.0 {
            return self.poisson(mean / 2.0) + self.poisson(mean / 2.0);
        }
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            count += 1;
            product *= self.unit();
        }
        count
    }

    /// Draws a count with a variance of `dispersion` times its mean: Poisson at 1, negative
    /// binomial above.
    pub(crate) fn dispersed(&mut self, mean: f64, dispersion: f64) -> u32 {
        if dispersion <= 1.0 || mean <= 0.0 {
            return self.poisson(mean);
        }
        let mean = self.gamma(mean / (dispersion - 1.0)) * (dispersion - 1.0);
        self.poisson(mean)
    }

    /// Draws a gamma variate of this shape and the scale 1 (Marsaglia and Tsang).
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

    /// Draws the number of `trials` that succeed with this probability.
    pub(crate) fn binomial(&mut self, trials: u32, probability: f64) -> u32 {
        (0..trials).filter(|_| self.unit() < probability).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_the_mean_and_the_dispersion_that_are_asked_for() {
        let mut chance = Chance::new(7);
        for (mean, dispersion) in [(0.3, 1.0), (5.0, 1.0), (0.3, 1.4), (5.0, 1.4), (400.0, 1.4)] {
            let counts: Vec<f64> =
                (0..40_000).map(|_| chance.dispersed(mean, dispersion).into()).collect();
            let n = counts.len() as f64;
            let seen = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|count| (count - seen).powi(2)).sum::<f64>() / n;
            assert!((seen / mean - 1.0).abs() < 0.03, "{mean}: {seen}");
            assert!(
                (variance / mean / dispersion - 1.0).abs() < 0.05,
                "{mean}, {dispersion}: {}",
                variance / mean
            );
        }
    }
}
