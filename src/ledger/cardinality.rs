//! The bound on series: who gets a place of its own, and who goes to `other`.
//!
//! A server that invents options must fill neither this memory nor Prometheus's. What is over a limit is counted
//! under `other`, so totals stay exact; what has a place keeps it. Pure.

use serde::{Deserialize, Serialize};

use super::counters::TargetCounters;
use crate::model::{MenuLabels, OTHER, PointLabels, TransitionLabels};

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Label sets (routing point, channel, option) of a target, `other` included.
    pub menus: usize,
    /// Options of one routing point and channel, `other` not included.
    pub options: usize,
    /// Different steps of one routing point and channel, `other` not included.
    pub transitions: usize,
}

impl Default for SeriesLimits {
    /// About twenty series a label set: 40,000 a target.
    fn default() -> Self {
        Self { menus: 2000, options: 200, transitions: 500 }
    }
}

/// Rows that were counted under `other` because a limit was reached: the `label` of
/// `wolkvox_series_overflow_total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// At a routing point with a place of its own.
    pub options: u64,
    /// At one without.
    pub points: u64,
}

impl Overflow {
    /// All of them.
    pub fn rows(&self) -> u64 {
        self.options + self.points
    }
}

/// Where rows with these labels, which are not known yet, are counted.
pub(super) fn place(account: &TargetCounters, limits: SeriesLimits, labels: &MenuLabels) -> MenuLabels {
    let point = &labels.point;
    if account.points.contains_key(point) {
        // Its place was set aside when the routing point got its own.
        let is_other = &*labels.option == OTHER;
        let options = || options(account, point).count();
        if is_other || (has_room(account, limits, 1) && options() < limits.options) {
            return labels.clone();
        }
        return MenuLabels::other(point.clone());
    }
    // A routing point takes two places: the option's, and one for its `other`.
    if has_room(account, limits, 2) {
        return labels.clone();
    }
    MenuLabels::other(PointLabels::other())
}

/// Where a step that is not known yet is counted.
pub(super) fn place_transition(
    account: &TargetCounters,
    limits: SeriesLimits,
    labels: TransitionLabels,
) -> TransitionLabels {
    let known = account.transitions_at(&labels.point).filter(|(known, _)| !is_other(known)).count();
    if known < limits.transitions { labels } else { TransitionLabels::other(labels.point) }
}

fn is_other(labels: &TransitionLabels) -> bool {
    *labels.from == *OTHER && *labels.to == *OTHER
}

fn options<'a>(account: &'a TargetCounters, point: &PointLabels) -> impl Iterator<Item = &'a MenuLabels> {
    account.menus_at(point).filter(|labels| *labels.option != *OTHER)
}

/// Whether so many label sets more fit in, every routing point having its `other`, and one `other` for all.
fn has_room(account: &TargetCounters, limits: SeriesLimits, more: usize) -> bool {
    let all = PointLabels::other();
    let set_aside = account
        .points
        .keys()
        .chain((!account.points.contains_key(&all)).then_some(&all))
        .filter(|point| !account.menus.contains_key(&MenuLabels::other((*point).clone())))
        .count();
    account.menus.len() + set_aside + more <= limits.menus
}
