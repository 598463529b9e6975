//! A working copy of the account while an answer is settled: what is changed is collected, and nothing else is
//! written. Must never be applied itself; only the [`Delta`] made from it is.

use std::collections::{BTreeMap, HashMap};

use super::{
    cardinality::{SeriesLimits, place, place_transition},
    counters::{OptionCounts, RoutingPointCounts, TargetCounters, TransitionCounts},
    reconcile::Delta,
};
use crate::model::{MenuLabels, PointLabels, TransitionLabels};

/// A menu that is changed.
pub(super) struct Slot {
    pub(super) labels: MenuLabels,
    pub(super) number: u32,
    pub(super) menu: OptionCounts,
    /// Index into [`Changes::points`].
    pub(super) point: usize,
}

pub(super) struct Changes {
    /// With every label set that has been given a place, so that the limits see them.
    account: TargetCounters,
    limits: SeriesLimits,
    pub(super) slots: Vec<Slot>,
    by_labels: HashMap<MenuLabels, usize>,
    by_number: HashMap<u32, usize>,
    /// Points that are changed.
    pub(super) points: Vec<(PointLabels, RoutingPointCounts)>,
    by_point: HashMap<PointLabels, usize>,
    transitions: BTreeMap<TransitionLabels, TransitionCounts>,
    /// The labels of all menus by number; made when first needed.
    numbered: Option<HashMap<u32, MenuLabels>>,
}

impl Changes {
    pub(super) fn of(account: &TargetCounters, limits: SeriesLimits) -> Self {
        Self {
            account: account.clone(),
            limits,
            slots: Vec::new(),
            by_labels: HashMap::new(),
            by_number: HashMap::new(),
            points: Vec::new(),
            by_point: HashMap::new(),
            transitions: BTreeMap::new(),
            numbered: None,
        }
    }

    /// The slot in which rows with these labels are counted: their own, or that of `other`.
    pub(super) fn slot(&mut self, labels: &MenuLabels) -> usize {
        if let Some(slot) = self.by_labels.get(labels) {
            return *slot;
        }
        if self.account.menus.contains_key(labels) {
            return self.open(labels);
        }
        let placed = place(&self.account, self.limits, labels);
        if !self.account.menus.contains_key(&placed) {
            self.account.expect(placed.clone());
            if let Some(numbered) = &mut self.numbered {
                numbered.insert(self.account.menus[&placed].0, placed.clone());
            }
        }
        self.open(&placed)
    }

    /// The slot of a menu that has a number.
    pub(super) fn numbered(&mut self, number: u32) -> Option<usize> {
        if let Some(slot) = self.by_number.get(&number) {
            return Some(*slot);
        }
        let menus = &self.account.menus;
        let numbered = self.numbered.get_or_insert_with(|| {
            menus.iter().map(|(labels, (number, _))| (*number, labels.clone())).collect()
        });
        let labels = numbered.get(&number)?.clone();
        Some(self.open(&labels))
    }

    fn open(&mut self, labels: &MenuLabels) -> usize {
        if let Some(slot) = self.by_labels.get(labels) {
            return *slot;
        }
        let (number, menu) = self.account.menus.get(labels).cloned().unwrap_or_default();
        let point = self.point(&labels.point);
        let slot = self.slots.len();
        self.slots.push(Slot { labels: labels.clone(), number, menu, point });
        self.by_labels.insert(labels.clone(), slot);
        self.by_number.insert(number, slot);
        slot
    }

    fn point(&mut self, labels: &PointLabels) -> usize {
        if let Some(point) = self.by_point.get(labels) {
            return *point;
        }
        let point = self.points.len();
        self.points.push((labels.clone(), self.account.points.get(labels).cloned().unwrap_or_default()));
        self.by_point.insert(labels.clone(), point);
        point
    }

    /// The point of a slot.
    pub(super) fn point_of(&mut self, slot: usize) -> &mut RoutingPointCounts {
        &mut self.points[self.slots[slot].point].1
    }

    /// The step from one slot's option to another's, both of one point.
    pub(super) fn transition(&mut self, from: usize, to: usize) -> &mut TransitionCounts {
        let (from, to) = (&self.slots[from].labels, &self.slots[to].labels);
        let labels =
            TransitionLabels { point: from.point.clone(), from: from.option.clone(), to: to.option.clone() };
        let labels = if self.account.transitions.contains_key(&labels) {
            labels
        } else {
            place_transition(&self.account, self.limits, labels)
        };
        let known = self.account.transitions.entry(labels.clone()).or_default();
        self.transitions.entry(labels).or_insert_with(|| known.clone())
    }

    /// Puts what has changed into the step.
    pub(super) fn close(self, step: &mut Delta) {
        step.menus.extend(self.slots.into_iter().map(|slot| (slot.labels, (slot.number, slot.menu))));
        step.points.extend(self.points);
        step.transitions.extend(self.transitions);
    }
}
