//! Owns the detector that ours is compared with: a Poisson CUSUM that is told the true mean of every step, which no
//! real one is. Must not see incidents.

use super::world::{HISTORY, Operation};

/// What a fall leaves, for each of the sums that run side by side; the highest counts.
const LEFT: [f64; 3] = [0.05, 0.4, 0.6];

/// For each step that is judged, the highest log-likelihood ratio; it is set back to 0 once it exceeds the limit.
pub fn alarms(operation: &Operation, option: usize, limit: f64, from: usize, to: usize) -> Vec<usize> {
    let seen = &operation.options[option];
    let (mut sums, mut alarms) = ([0.0_f64; LEFT.len()], Vec::new());
    let (mut hits, mut mean) = (0.0, 0.0);
    for step in from.max(HISTORY)..to {
        hits += seen.counts[0][step] as f64;
        mean += seen.mean[step];
        if operation.failed[step] || operation.away[step] {
            continue;
        }
        for (sum, left) in sums.iter_mut().zip(LEFT) {
            *sum = (*sum + mean * (1.0 - left) + hits * left.ln()).max(0.0);
        }
        (hits, mean) = (0.0, 0.0);
        if sums.iter().any(|sum| *sum > limit) {
            alarms.push(step);
            sums = [0.0; LEFT.len()];
        }
    }
    alarms
}

/// The lowest limit at which there are no more false alarms than allowed in the calm operations.
pub fn tune(calm: &[&Operation], allowed: usize) -> f64 {
    let count = |limit: f64| -> usize {
        calm.iter()
            .map(|operation| {
                (0..operation.options.len())
                    .map(|option| alarms(operation, option, limit, 0, operation.failed.len()).len())
                    .sum::<usize>()
            })
            .sum()
    };
    let (mut low, mut high) = (3.0, 60.0);
    while high - low > 0.1 {
        let middle = (low + high) / 2.0;
        if count(middle) > allowed { low = middle } else { high = middle }
    }
    high
}
