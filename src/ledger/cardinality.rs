//! The bound on series: who gets a place of its own, and who goes to `other`.
//!
//! A server that invents options must fill neither this memory nor Prometheus's. What is over a limit is counted
//! under `other`, so totals stay exact; what has a place keeps it. Pure.

use std::collections::HashMap;

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

/// How many places are taken, and where: so that a server that invents labels by the ten thousand costs a look-up for
/// each, and not a walk over all that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Places {
    limits: SeriesLimits,
    /// Label sets.
    menus: usize,
    points: HashMap<PointLabels, PointPlaces>,
    /// Routing points that have no `other`.
    without_other: usize,
}

/// What is taken at one routing point and channel.
#[derive(Debug, Default, PartialEq, Eq)]
struct PointPlaces {
    has_other: bool,
    /// Without `other`.
    options: usize,
    /// Without `other`.
    transitions: usize,
}

impl Places {
    pub(super) fn of(account: &TargetCounters, limits: SeriesLimits) -> Self {
        let mut places = Self { limits, menus: 0, points: HashMap::new(), without_other: 0 };
        for point in account.points.keys() {
            places.point(point);
        }
        account.menus.keys().for_each(|labels| places.take(labels));
        account.transitions.keys().for_each(|labels| places.take_transition(labels));
        places
    }

    /// Where rows with these labels, which are not known yet, are counted.
    pub(super) fn place(&self, labels: &MenuLabels) -> MenuLabels {
        let point = &labels.point;
        if let Some(known) = self.points.get(point) {
            // Its place was set aside when the routing point got its own.
            let is_other = &*labels.option == OTHER;
            if is_other || (self.has_room(1) && known.options < self.limits.options) {
                return labels.clone();
            }
            return MenuLabels::other(point.clone());
        }
        // A routing point takes two places: the option's, and one for its `other`.
        if self.has_room(2) {
            return labels.clone();
        }
        MenuLabels::other(PointLabels::other())
    }

    /// Where a step that is not known yet is counted.
    pub(super) fn place_transition(&self, labels: TransitionLabels) -> TransitionLabels {
        let known = self.points.get(&labels.point).map_or(0, |point| point.transitions);
        if known < self.limits.transitions { labels } else { TransitionLabels::other(labels.point) }
    }

    /// A label set that had no place has one now.
    pub(super) fn take(&mut self, labels: &MenuLabels) {
        self.menus += 1;
        let is_other = &*labels.option == OTHER;
        let point = self.point(&labels.point);
        if !is_other {
            point.options += 1;
        } else if !std::mem::replace(&mut point.has_other, true) {
            self.without_other -= 1;
        }
    }

    /// A step that had no place has one now.
    pub(super) fn take_transition(&mut self, labels: &TransitionLabels) {
        if *labels.from != *OTHER || *labels.to != *OTHER {
            self.point(&labels.point).transitions += 1;
        }
    }

    fn point(&mut self, labels: &PointLabels) -> &mut PointPlaces {
        let without_other = &mut self.without_other;
        self.points.entry(labels.clone()).or_insert_with(|| {
            *without_other += 1;
            PointPlaces::default()
        })
    }

    /// Whether so many label sets more fit in, every routing point having its `other`, and one `other` for all.
    fn has_room(&self, more: usize) -> bool {
        let for_all = usize::from(!self.points.contains_key(&PointLabels::other()));
        self.menus + self.without_other + for_all + more <= self.limits.menus
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels() -> impl Strategy<Value = MenuLabels> {
        let value = |of: &'static [&'static str]| prop::sample::select(of);
        (value(&["1", "2", "3", OTHER]), value(&["voice", OTHER]), value(&["A", "B", "C", "D", OTHER]))
            .prop_map(|(point, channel, option)| MenuLabels::new(point, channel, option))
    }

    proptest! {
        /// What is kept up is what a walk over everything would find, and the limit of label sets holds.
        #[test]
        fn places_that_are_kept_up_are_those_counted_anew(
            menus in 2usize..20,
            options in 1usize..4,
            asked in prop::collection::vec(labels(), 0..60),
        ) {
            let limits = SeriesLimits { menus, options, transitions: 2 };
            let mut account = TargetCounters::new(jiff::Timestamp::UNIX_EPOCH);
            let mut places = Places::of(&account, limits);
            for labels in asked {
                if account.menus.contains_key(&labels) {
                    continue;
                }
                let placed = places.place(&labels);
                if !account.menus.contains_key(&placed) {
                    places.take(&placed);
                    account.expect(placed);
                }
                prop_assert_eq!(&places, &Places::of(&account, limits));
            }
            prop_assert!(account.menus.len() <= menus.max(2));
        }
    }
}
