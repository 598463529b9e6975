//! Learns which options lead to others within an interaction.
//!
//! Owns the estimate, from counts alone: a follower is entered in the same slot as the option that
//! leads to it, or in the next one. Counts of neighbouring slots are subtracted, which removes what
//! options have in common because of the hour or the day. Half the covariance of these differences
//! estimates the variance of the hits that both options have in common. For a Poisson count, that
//! is their number.

use super::{
    limits::{FOLLOWS, LEADERS, LEADS},
    option_context::PrefixSums,
};

/// An option that leads to others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lead {
    /// The place of the option.
    pub(super) option: usize,
    pub(super) followers: Vec<Follower>,
}

/// An option that is entered by way of another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Follower {
    pub(super) option: usize,
    /// Share of its hits that come by way of the leading option.
    pub(super) share: f64,
}

/// Standard deviations by which a share must be above 0.
const SIGNIFICANT: f64 = 6.0;
/// Standard deviations from which the order of two options is known.
const DIRECTION: f64 = 2.0;

/// Returns the options of a routing point that lead to others. `hits` writes an option's hits by
/// slot.
pub(super) fn leads(
    point: &PrefixSums,
    options: &[usize],
    mut hits: impl FnMut(usize, &mut [f32]),
) -> Vec<Lead> {
    let steady = steady(point);
    let mut counts = vec![0.0_f32; point.len()];
    let mut series = Vec::new();
    for option in options {
        hits(*option, &mut counts);
        let sum: f32 = counts.iter().sum();
        series.push((*option, sum));
    }
    let all: f32 = series.iter().map(|(_, sum)| sum).sum();
    let mut large: Vec<(usize, f32)> =
        series.iter().copied().filter(|(_, sum)| *sum > LEADS * all).collect();
    large.sort_unstable_by(|a, b| b.1.total_cmp(&a.1));
    large.truncate(LEADERS);
    let mut leads = Vec::new();
    let leaders: Vec<Vec<f32>> = large
        .iter()
        .map(|(option, _)| {
            hits(*option, &mut counts);
            differences(&counts)
        })
        .collect();
    for ((option, hits), differences) in large.iter().zip(&leaders) {
        let lead = Lead { option: *option, followers: Vec::new() };
        leads.push((lead, SlotHits { differences, hits: f64::from(*hits) }));
    }
    for (option, sum) in series.iter().filter(|(_, sum)| *sum > 0.0) {
        hits(*option, &mut counts);
        let own = differences(&counts);
        for (lead, leader) in leads.iter_mut().filter(|(lead, _)| lead.option != *option) {
            let own = SlotHits { differences: &own, hits: f64::from(*sum) };
            let share = share(leader, &own, &steady);
            if share >= FOLLOWS {
                lead.followers.push(Follower { option: *option, share });
            }
        }
    }
    leads.into_iter().map(|(lead, _)| lead).filter(|lead| !lead.followers.is_empty()).collect()
}

/// Returns the slots that are not next to an opening or a closing, where all options rise and fall
/// together.
fn steady(point: &PrefixSums) -> Vec<usize> {
    (2..point.len().saturating_sub(3))
        .filter(|at| (at - 2..=at + 3).all(|at| point.slot(at).expected > 0.0))
        .collect()
}

fn differences(counts: &[f32]) -> Vec<f32> {
    let next = counts.iter().skip(1).chain([&0.0]);
    counts.iter().zip(next).map(|(one, next)| one - next).collect()
}

/// Hits of an option over the weeks.
struct SlotHits<'a> {
    /// The hits of each slot minus those of the next one.
    differences: &'a [f32],
    hits: f64,
}

impl SlotHits<'_> {
    /// Returns the sum, over the `steady` slots, of the products of the differences with those of
    /// `other` a number of slots later.
    fn covariance(&self, other: &Self, later: isize, steady: &[usize]) -> f64 {
        let pairs = steady.iter().map(|slot| {
            self.differences[*slot] * other.differences[slot.saturating_add_signed(later)]
        });
        pairs.map(f64::from).sum()
    }

    /// Returns the sum of the squared differences over the `steady` slots.
    fn squares(&self, steady: &[usize]) -> f64 {
        steady.iter().map(|slot| f64::from(self.differences[*slot]).powi(2)).sum()
    }
}

/// Returns the share of the hits of `own` that come by way of the leader. It is 0 if chance may
/// explain it, or if the leader comes second. If the slots do not show the order, the larger option
/// leads.
fn share(leader: &SlotHits<'_>, own: &SlotHits<'_>, steady: &[usize]) -> f64 {
    let same = leader.covariance(own, 0, steady);
    let after = leader.covariance(own, 1, steady);
    let before = leader.covariance(own, -1, steady);
    let squares = leader.squares(steady) * own.squares(steady);
    let chance = (squares / steady.len().max(1) as f64).sqrt();
    let direction = (after - before) / chance.max(1e-9);
    if direction < -DIRECTION || (direction < DIRECTION && leader.hits < own.hits) {
        return 0.0;
    }
    // If c hits per slot are in common in the same slot and d with the next slot, `same` is 2c - d
    // and `after` is 2d - c, so their sum is c + d.
    let common = same + after.max(before);
    let counted = own.hits * steady.len() as f64 / own.differences.len() as f64;
    if common < SIGNIFICANT * chance || counted <= 0.0 {
        return 0.0;
    }
    (common / counted).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SLOTS;

    /// Returns the number of `of` trials that succeed with a probability of `below` percent.
    fn chance(seed: &mut u64, of: u32, below: u64) -> f32 {
        (0..of)
            .filter(|_| {
                *seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (*seed >> 33) % 100 < below
            })
            .count() as f32
    }

    #[test]
    fn an_option_follows_the_one_by_way_of_which_it_is_entered() {
        let slots = 28 * SLOTS;
        let mut seed = 7;
        let mut hits = vec![vec![0.0_f32; slots + 1]; 4];
        for slot in 0..slots {
            // Options 0 and 1 are busier in the second half of the day; 60 % of the first go on to
            // option 2, some of them a slot later.
            let busy = if slot % SLOTS < SLOTS / 2 { 30 } else { 60 };
            let first = chance(&mut seed, busy, 20);
            hits[0][slot] += first;
            hits[1][slot] += chance(&mut seed, busy, 20);
            let go = chance(&mut seed, first as u32, 60);
            let late = chance(&mut seed, go as u32, 12);
            hits[2][slot] += go - late;
            hits[2][slot + 1] += late;
            hits[3][slot] += chance(&mut seed, busy, 5);
        }
        let point = PrefixSums::of((0..slots).map(|_| (1.0, 1.0)));
        let leads = leads(&point, &[0, 1, 2, 3], |option, into| {
            into.copy_from_slice(&hits[option][..slots]);
        });
        assert_eq!(leads.len(), 1, "{leads:?}");
        assert_eq!(leads[0].option, 0, "{leads:?}");
        assert_eq!(leads[0].followers.len(), 1, "{leads:?}");
        let follower = leads[0].followers[0];
        assert!(follower.option == 2 && follower.share > 0.85, "{follower:?}");
    }
}
