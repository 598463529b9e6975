//! Owns the detector that ours is compared with: a Poisson CUSUM that is told the true mean of
//! every step, which no real one is. Must not see incidents.

use super::world::Operation;

/// What a fall leaves, for each of the sums that run side by side; the highest counts.
const LEFT: [f64; 3] = [0.05, 0.4, 0.6];

/// The limits that are tried.
pub(crate) const LIMITS: [f64; 40] = {
    let mut limits = [0.0; 40];
    let mut at = 0;
    while at < limits.len() {
        limits[at] = 7.0 + at as f64 * 0.5;
        at += 1;
    }
    limits
};

/// The steps within `from..to` at which a log-likelihood ratio exceeds the limit; it is set back to
/// 0 then. A poll that failed is made up for by the next one.
pub(crate) fn alarms(
    operation: &Operation,
    option: usize,
    limit: f64,
    from: usize,
    to: usize,
) -> Vec<usize> {
    let seen = &operation.options[option];
    let (mut sums, mut alarms) = ([0.0_f64; LEFT.len()], Vec::new());
    let (mut hits, mut mean) = (0.0, 0.0);
    let logs = LEFT.map(f64::ln);
    for step in from..to {
        hits += f64::from(seen.counts[0][step]);
        mean += f64::from(seen.mean[step]) * seen.on_time();
        if operation.failed[step] {
            continue;
        }
        let mut most = 0.0_f64;
        for ((sum, left), log) in sums.iter_mut().zip(LEFT).zip(logs) {
            *sum = (*sum + mean * (1.0 - left) + hits * log).max(0.0);
            most = most.max(*sum);
        }
        (hits, mean) = (0.0, 0.0);
        if most > limit {
            alarms.push(step);
            sums = [0.0; LEFT.len()];
        }
    }
    alarms
}
