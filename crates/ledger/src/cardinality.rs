//! Limits the number of series: decides which label sets get series of their own, and which are
//! counted under `other`.
//!
//! Without a limit, a server that invents options would fill this process's memory and
//! Prometheus's. Rows over a limit are counted under `other`, so totals stay exact; a label set
//! that has series keeps them. Pure.

use std::collections::{HashMap, HashSet};

use model::{MenuLabels, OTHER, PointLabels, TransitionLabels};

use super::counters::TargetCounters;

/// The limits of label sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesLimits {
    /// Label sets (routing point, channel, option) of a target, including `other`.
    pub menus: usize,
    /// Options of one routing point and channel, without `other`.
    pub options: usize,
    /// Different transitions of one routing point and channel, without `other`.
    pub transitions: usize,
}

impl Default for SeriesLimits {
    /// About twenty series per label set make 40,000 per target.
    fn default() -> Self {
        Self { menus: 2000, options: 200, transitions: 500 }
    }
}

/// The places that are taken, reserved, and given out since. Each count is computed once and then
/// cached, so that the cost of a server that invents options is not quadratic in their number.
pub(super) struct SeriesBudget<'a> {
    counters: &'a TargetCounters,
    limits: SeriesLimits,
    /// Label sets that have a place.
    menus: usize,
    /// Places that are reserved for the `other` of a routing point, and for the routing point
    /// `other`, and not taken yet.
    set_aside: usize,
    /// Routing points that the counters do not have.
    new_points: HashSet<PointLabels>,
    /// Options with a place, by routing point, without `other`.
    options: HashMap<PointLabels, usize>,
    /// Transitions with a place, by routing point, without `other`.
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

    /// Returns the labels under which rows of this label set, which has no place, are counted: the
    /// same ones, or an `other`, which may have no place yet either.
    pub(super) fn place(&mut self, labels: &MenuLabels) -> MenuLabels {
        let point = &labels.point;
        if self.counters.points.contains_key(point) || self.new_points.contains(point) {
            // The place of `other` was reserved when the routing point got its first place.
            let is_other = &*labels.option == OTHER;
            if is_other || (self.has_room(1) && *self.options(point) < self.limits.options) {
                return labels.clone();
            }
            return MenuLabels::other(point.clone());
        }
        // A new routing point takes two places: the option's, and the reserved one for `other`.
        if self.has_room(2) { labels.clone() } else { MenuLabels::other(PointLabels::other()) }
    }

    /// Gives a place to labels that have none.
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

    /// Returns the labels under which an unknown transition is counted, and takes their place.
    pub(super) fn place_transition(&mut self, labels: TransitionLabels) -> TransitionLabels {
        let counters = self.counters;
        let point = &labels.point;
        let known = match self.transitions.get_mut(point) {
            Some(known) => known,
            None => self.transitions.entry(point.clone()).or_insert_with(|| {
                counters.transitions_at(point).filter(|(known, _)| !is_other(known)).count()
            }),
        };
        if *known >= self.limits.transitions {
            return TransitionLabels::other(labels.point);
        }
        *known += usize::from(!is_other(&labels));
        labels
    }

    fn options(&mut self, point: &PointLabels) -> &mut usize {
        let counters = self.counters;
        self.options.entry(point.clone()).or_insert_with(|| {
            counters.menus_at(point).filter(|labels| *labels.option != *OTHER).count()
        })
    }

    /// Returns true if this many more label sets are within the limit.
    fn has_room(&self, more: usize) -> bool {
        self.menus + self.set_aside + more <= self.limits.menus
    }
}

fn is_other(labels: &TransitionLabels) -> bool {
    *labels.from == *OTHER && *labels.to == *OTHER
}
