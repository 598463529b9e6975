//! The changes that an answer makes to the counters while it is reconciled: copies of the counts
//! that it touches, and of no others. Must never be applied itself; only the [`Delta`] made from it
//! is.

use std::collections::{BTreeMap, HashMap};

use model::{MenuLabels, OwnMap, PointLabels, TransitionLabels};

use super::{
    cardinality::{SeriesBudget, SeriesLimits},
    counters::TargetCounters,
    counts::{OptionCounts, RoutingPointCounts, TransitionCounts},
    delta::Delta,
};

/// A menu that is changed.
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
    /// Made when the first labels come that have no place.
    budget: Option<SeriesBudget<'a>>,
    /// The numbers of menus that the counters do not have.
    new: HashMap<MenuLabels, u32>,
    pub(super) slots: Vec<Slot>,
    by_labels: HashMap<MenuLabels, usize>,
    by_number: OwnMap<u32, usize>,
    /// Points that are changed.
    pub(super) points: Vec<(PointLabels, RoutingPointCounts)>,
    by_point: HashMap<PointLabels, usize>,
    /// Transitions that are changed, and where each is among the counts.
    transitions: BTreeMap<TransitionLabels, usize>,
    steps: Vec<TransitionCounts>,
    /// The same, by the slots from and to.
    by_slots: OwnMap<(usize, usize), usize>,
    /// The labels of the menus by number; made when first needed.
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

    /// The slot in which rows with these labels are counted: their own, or that of `other`.
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

    /// The number that the next new menu gets.
    fn next_number(&self) -> u32 {
        self.counters.next_number.saturating_add(u32::try_from(self.new.len()).unwrap_or(u32::MAX))
    }

    fn is_known(&self, labels: &MenuLabels) -> bool {
        self.counters.menus.contains_key(labels) || self.new.contains_key(labels)
    }

    /// The slot of a menu that has a number.
    pub(super) fn numbered(&mut self, number: u32) -> Option<usize> {
        if let Some(slot) = self.by_number.get(&number) {
            return Some(*slot);
        }
        let labels = self.labels_of(number)?;
        Some(self.open(labels))
    }

    /// The labels of a menu that the counters have under this number.
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

    /// The point of a slot.
    pub(super) fn point_of(&mut self, slot: usize) -> &mut RoutingPointCounts {
        &mut self.points[self.slots[slot].point].1
    }

    /// The step from one slot's option to another's, both of one point.
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
        let is_known = |labels| {
            self.counters.transitions.contains_key(labels) || self.transitions.contains_key(labels)
        };
        let labels = if is_known(&labels) {
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

    /// Puts what has changed into the step.
    pub(super) fn close(self, step: &mut Delta) {
        step.next_number = self.next_number();
        let menus =
            self.slots.into_iter().map(|slot| (slot.labels, (slot.number, slot.menu.into())));
        step.menus.extend(menus);
        step.points.extend(self.points.into_iter().map(|(labels, point)| (labels, point.into())));
        let mut steps = self.steps;
        let transitions = self.transitions.into_iter();
        step.transitions
            .extend(transitions.map(|(labels, place)| (labels, std::mem::take(&mut steps[place]))));
    }
}
