//! The changes that an answer makes to the counters while it is reconciled.
//!
//! Owns copies of the counts that the answer touches, and of no others. They must never be applied
//! directly: only the [`Delta`] made from them is.

use std::collections::{BTreeMap, HashMap};

use model::{MenuLabels, OwnMap, PointLabels, TransitionLabels};

use super::{
    cardinality::{SeriesBudget, SeriesLimits},
    counters::TargetCounters,
    counts::{OptionCounts, RoutingPointCounts, TransitionCounts},
    delta::Delta,
};

/// A changed menu.
pub(super) struct Slot {
    pub(super) labels: MenuLabels,
    pub(super) number: u32,
    pub(super) menu: OptionCounts,
    /// Index into [`Changes::points`].
    pub(super) point: usize,
}

pub(super) struct Changes<'a> {
    counters: &'a TargetCounters,
    limits: SeriesLimits,
    /// Made at the first label set without a place.
    budget: Option<SeriesBudget<'a>>,
    /// The numbers of menus that are not in the counters.
    new: HashMap<MenuLabels, u32>,
    pub(super) slots: Vec<Slot>,
    by_labels: HashMap<MenuLabels, usize>,
    by_number: OwnMap<u32, usize>,
    /// Changed routing points.
    pub(super) points: Vec<(PointLabels, RoutingPointCounts)>,
    by_point: HashMap<PointLabels, usize>,
    /// Changed transitions, with their index in `steps`.
    transitions: BTreeMap<TransitionLabels, usize>,
    steps: Vec<TransitionCounts>,
    /// The same index, by the slots of both options.
    by_slots: OwnMap<(usize, usize), usize>,
    /// The labels of the menus by number; made at first use.
    numbered: Option<OwnMap<u32, &'a MenuLabels>>,
}

impl<'a> Changes<'a> {
    pub(super) fn of(counters: &'a TargetCounters, limits: SeriesLimits) -> Self {
        Self {
            counters,
            limits,
            budget: None,
            new: HashMap::new(),
            slots: Vec::new(),
            by_labels: HashMap::new(),
            by_number: OwnMap::default(),
            points: Vec::new(),
            by_point: HashMap::new(),
            transitions: BTreeMap::new(),
            steps: Vec::new(),
            by_slots: OwnMap::default(),
            numbered: None,
        }
    }

    /// Returns the slot in which rows with these labels are counted: their own, or that of `other`.
    pub(super) fn slot(&mut self, labels: &MenuLabels) -> usize {
        if let Some(slot) = self.by_labels.get(labels) {
            return *slot;
        }
        if self.is_known(labels) {
            return self.open(labels);
        }
        let budget =
            self.budget.get_or_insert_with(|| SeriesBudget::of(self.counters, self.limits));
        let placed = budget.place(labels);
        if !self.is_known(&placed) {
            let number = self.next_number();
            if let Some(budget) = &mut self.budget {
                budget.take(&placed);
            }
            self.new.insert(placed.clone(), number);
        }
        self.open(&placed)
    }

    /// Returns the number of the next new menu.
    fn next_number(&self) -> u32 {
        self.counters.next_number.saturating_add(u32::try_from(self.new.len()).unwrap_or(u32::MAX))
    }

    fn is_known(&self, labels: &MenuLabels) -> bool {
        self.counters.menus.contains_key(labels) || self.new.contains_key(labels)
    }

    /// Returns the slot of the menu with a number.
    pub(super) fn numbered(&mut self, number: u32) -> Option<usize> {
        if let Some(slot) = self.by_number.get(&number) {
            return Some(*slot);
        }
        let labels = self.labels_of(number)?;
        Some(self.open(labels))
    }

    /// Returns the labels of the counters' menu with this number.
    pub(super) fn labels_of(&mut self, number: u32) -> Option<&'a MenuLabels> {
        let menus = &self.counters.menus;
        let numbered = self.numbered.get_or_insert_with(|| {
            menus.iter().map(|(labels, (number, _))| (*number, labels)).collect()
        });
        numbered.get(&number).copied()
    }

    fn open(&mut self, labels: &MenuLabels) -> usize {
        if let Some(slot) = self.by_labels.get(labels) {
            return *slot;
        }
        let (number, menu) = match self.counters.menus.get(labels) {
            Some((number, menu)) => (*number, (**menu).clone()),
            None => (self.new.get(labels).copied().unwrap_or_default(), OptionCounts::default()),
        };
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
        let counts =
            self.counters.points.get(labels).map(|counts| (**counts).clone()).unwrap_or_default();
        self.points.push((labels.clone(), counts));
        self.by_point.insert(labels.clone(), point);
        point
    }

    /// Returns the routing point of a slot.
    pub(super) fn point_of(&mut self, slot: usize) -> &mut RoutingPointCounts {
        &mut self.points[self.slots[slot].point].1
    }

    /// Returns the transition between two slots of one routing point.
    pub(super) fn transition(&mut self, from: usize, to: usize) -> &mut TransitionCounts {
        let place = match self.by_slots.get(&(from, to)) {
            Some(place) => *place,
            None => self.open_transition(from, to),
        };
        &mut self.steps[place]
    }

    fn open_transition(&mut self, from: usize, to: usize) -> usize {
        let slots = (from, to);
        let from = &self.slots[from].labels;
        let to = &self.slots[to].labels;
        let labels = TransitionLabels {
            point: from.point.clone(),
            from: from.option.clone(),
            to: to.option.clone(),
        };
        let is_known = self.counters.transitions.contains_key(&labels)
            || self.transitions.contains_key(&labels);
        let labels = if is_known {
            labels
        } else {
            self.budget
                .get_or_insert_with(|| SeriesBudget::of(self.counters, self.limits))
                .place_transition(labels)
        };
        let place = match self.transitions.get(&labels) {
            Some(place) => *place,
            None => {
                self.steps
                    .push(self.counters.transitions.get(&labels).cloned().unwrap_or_default());
                self.transitions.insert(labels, self.steps.len() - 1);
                self.steps.len() - 1
            }
        };
        self.by_slots.insert(slots, place);
        place
    }

    /// Moves the changes into `delta`.
    pub(super) fn close(self, delta: &mut Delta) {
        delta.next_number = self.next_number();
        let menus =
            self.slots.into_iter().map(|slot| (slot.labels, (slot.number, slot.menu.into())));
        delta.menus.extend(menus);
        delta.points.extend(self.points.into_iter().map(|(labels, point)| (labels, point.into())));
        let mut steps = self.steps;
        let transitions = self.transitions.into_iter();
        delta
            .transitions
            .extend(transitions.map(|(labels, place)| (labels, std::mem::take(&mut steps[place]))));
    }
}
