//! The bound on series: who gets a place of its own, and who goes to `other`.
//!
//! A server that invents options must fill neither this memory nor Prometheus's. What is over a
//! limit is counted under `other`, so totals stay exact; what has a place keeps it. Pure.

use std::collections::{HashMap, HashSet};

use model::{MenuLabels, OTHER, PointLabels, TransitionLabels};

use super::counters::TargetCounters;

/// The limits of label sets.
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

/// The places that are taken, set aside and given out since. Each count is computed once and then
/// kept, so that a server that invents options does not cost the square of their number.
pub(super) struct SeriesBudget<'a> {
    counters: &'a TargetCounters,
    limits: SeriesLimits,
    /// Label sets that have a place.
    menus: usize,
    /// Routing points, and the one for all others, whose `other` has no place yet but can always
    /// have one.
    set_aside: usize,
    /// Points that the counters do not have.
    new_points: HashSet<PointLabels>,
    /// Options with a place of their own, by point.
    options: HashMap<PointLabels, usize>,
    /// Steps with a place of their own, by point.
    transitions: HashMap<PointLabels, usize>,
}

impl<'a> SeriesBudget<'a> {
    pub(super) fn of(counters: &'a TargetCounters, limits: SeriesLimits) -> Self {
        let all = PointLabels::other();
        let points =
            counters.points.keys().chain((!counters.points.contains_key(&all)).then_some(&all));
        let set_aside = points
            .filter(|point| !counters.menus.contains_key(&MenuLabels::other((*point).clone())));
        Self {
            limits,
            menus: counters.menus.len(),
            set_aside: set_aside.count(),
            counters,
            new_points: HashSet::new(),
            options: HashMap::new(),
            transitions: HashMap::new(),
        }
    }

    /// Returns the labels under which rows with these labels, which have no place yet, are counted:
    /// the same, or an `other`, which may have no place yet either.
    pub(super) fn place(&mut self, labels: &MenuLabels) -> MenuLabels {
        let point = &labels.point;
        if self.counters.points.contains_key(point) || self.new_points.contains(point) {
            // Its place was set aside when the routing point got its own.
            let is_other = &*labels.option == OTHER;
            if is_other || (self.has_room(1) && *self.options(point) < self.limits.options) {
                return labels.clone();
            }
            return MenuLabels::other(point.clone());
        }
        // A routing point takes two places: the option's, and one for its `other`.
        if self.has_room(2) { labels.clone() } else { MenuLabels::other(PointLabels::other()) }
    }

    /// Gives these labels a place, which they did not have.
    pub(super) fn take(&mut self, labels: &MenuLabels) {
        let point = &labels.point;
        let is_new =
            !self.counters.points.contains_key(point) && self.new_points.insert(point.clone());
        if is_new && *point != PointLabels::other() {
            self.set_aside += 1;
        }
        self.menus += 1;
        if &*labels.option == OTHER {
            self.set_aside -= 1;
        } else {
            *self.options(point) += 1;
        }
    }

    /// Returns the labels under which a step that is not known yet is counted, and takes its place.
    pub(super) fn place_transition(&mut self, labels: TransitionLabels) -> TransitionLabels {
        let counters = self.counters;
        let count = |point: &PointLabels| {
            counters.transitions_at(point).filter(|(known, _)| !is_other(known)).count()
        };
        let known = match self.transitions.get_mut(&labels.point) {
            Some(known) => known,
            None => {
                self.transitions.entry(labels.point.clone()).or_insert_with(|| count(&labels.point))
            }
        };
        if *known >= self.limits.transitions {
            return TransitionLabels::other(labels.point);
        }
        *known += usize::from(!is_other(&labels));
        labels
    }

    fn options(&mut self, point: &PointLabels) -> &mut usize {
        let counters = self.counters;
        let count = || counters.menus_at(point).filter(|labels| *labels.option != *OTHER).count();
        self.options.entry(point.clone()).or_insert_with(count)
    }

    /// Returns true if this many label sets more fit in.
    fn has_room(&self, more: usize) -> bool {
        self.menus + self.set_aside + more <= self.limits.menus
    }
}

fn is_other(labels: &TransitionLabels) -> bool {
    *labels.from == *OTHER && *labels.to == *OTHER
}
