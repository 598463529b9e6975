//! The detector that ours is compared with: a Poisson CUSUM (Page, 1954) that knows the true mean
//! of every step, as no real detector does. It must not see the incidents.

use super::world::Operation;

/// Shares of the hits that remain after a fall. There is one sum for each, and the highest counts.
const LEFT: [f64; 3] = [0.05, 0.4, 0.6];

/// The limits that are tried: 7.0, 7.5, up to 26.5.
pub(crate) const LIMITS: [f64; 40] = {
    let mut limits = [0.0; 40];
    let mut at = 0;
    while at < limits.len() {
        limits[at] = 7.0 + at as f64 * 0.5;
        at += 1;
    }
    limits
};

/// Returns the steps within `from..to` at which a sum exceeds the limit; all sums are set back to 0
/// then. The step after a failed poll adds the hits of both.
///
/// A sum is the log-likelihood ratio of the fallen to the usual mean, S = max(0, S + m (1 - l) +
/// n ln(l)), where n are the seen and m the expected hits, and l is the share that remains.
pub(crate) fn alarms(
    operation: &Operation,
    option: usize,
    limit: f64,
    from: usize,
    to: usize,
) -> Vec<usize> {
    let seen = &operation.options[option];
    let mut alarms = Vec::new();
    let mut sums = [0.0_f64; LEFT.len()];
    let mut hits = 0.0;
    let mut mean = 0.0;
    let logs = LEFT.map(f64::ln);
    for step in from..to {
        hits += f64::from(seen.counts[0][step]);
        mean += f64::from(seen.mean[step]) * seen.on_time();
        if operation.failed[step] {
            continue;
        }
        let mut highest = 0.0_f64;
        for ((sum, left), log) in sums.iter_mut().zip(LEFT).zip(logs) {
            *sum = (*sum + mean * (1.0 - left) + hits * log).max(0.0);
            highest = highest.max(*sum);
        }
        hits = 0.0;
        mean = 0.0;
        if highest > limit {
            alarms.push(step);
            sums = [0.0; LEFT.len()];
        }
    }
    alarms
}
