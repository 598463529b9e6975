//! The counters of one target, which are committed, restored and exposed.
//!
//! Changes only by [`TargetCounters::apply`], with a delta that has been committed.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    num::NonZeroU64,
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;
use model::{Counted, LocalSecond, MenuLabels, OwnMap, PointLabels, TransitionLabels};

use super::{
    counts::{OptionCounts, RoutingPointCounts, Totals, TransitionCounts},
    delta::{Delta, RowRecord},
};

/// The counters of one target. Each menu has a number, by which the records of rows refer to it. A
/// clone shares all counts with its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCounters {
    /// Counts of the whole target.
    pub totals: Totals,
    /// Counts of options with the number of each menu, by label set.
    pub menus: BTreeMap<MenuLabels, (u32, Arc<OptionCounts>)>,
    /// Counts of routing points, by label set; every menu's routing point is included.
    pub points: BTreeMap<PointLabels, Arc<RoutingPointCounts>>,
    /// Counts of transitions, by label set.
    pub transitions: BTreeMap<TransitionLabels, TransitionCounts>,
    /// The number of the next new menu. It is higher than any number ever given, because rows and
    /// journeys keep the numbers of menus that were dropped.
    pub next_number: u32,
}

impl TargetCounters {
    /// Makes the counters of a target that has never been read, counting from `origin`.
    pub fn new(origin: Timestamp) -> Self {
        Self {
            totals: Totals::new(origin),
            menus: BTreeMap::new(),
            points: BTreeMap::new(),
            transitions: BTreeMap::new(),
            next_number: 0,
        }
    }

    /// Adds an option before its first row, so that it is exposed at 0.
    pub fn expect(&mut self, labels: MenuLabels) {
        self.points.entry(labels.point.clone()).or_default();
        if let Entry::Vacant(place) = self.menus.entry(labels) {
            place.insert((self.next_number, Arc::default()));
            self.next_number += 1;
        }
    }

    /// Returns the options of a routing point and channel.
    pub(super) fn menus_at(&self, point: &PointLabels) -> impl Iterator<Item = &MenuLabels> {
        // An empty option sorts before every real one.
        let first = MenuLabels { point: point.clone(), option: "".into() };
        let all =
            self.menus.range((Bound::Included(first), Bound::Unbounded)).map(|(labels, _)| labels);
        all.take_while(move |labels| labels.point == *point)
    }

    /// Returns the transitions of a routing point and channel.
    pub(super) fn transitions_at(
        &self,
        point: &PointLabels,
    ) -> impl Iterator<Item = (&TransitionLabels, &TransitionCounts)> {
        let first = TransitionLabels { point: point.clone(), from: "".into(), to: "".into() };
        let all = self.transitions.range((Bound::Included(first), Bound::Unbounded));
        all.take_while(move |(labels, _)| labels.point == *point)
    }

    /// Applies a committed delta.
    pub fn apply(&mut self, delta: Delta) {
        self.totals = delta.totals;
        self.next_number = self.next_number.max(delta.next_number);
        for dropped in &delta.dropped {
            match dropped {
                Counted::Menu(labels) => drop(self.menus.remove(labels)),
                Counted::Point(labels) => drop(self.points.remove(labels)),
                Counted::Transition(labels) => drop(self.transitions.remove(labels)),
            }
        }
        self.menus.extend(delta.menus);
        self.points.extend(delta.points);
        self.transitions.extend(delta.transitions);
    }

    /// Returns the counts that are not visible yet, each with true if it is above 0.
    pub fn held(&self) -> impl Iterator<Item = (Counted, bool)> {
        let menus = self.menus.iter().filter(|(_, (_, menu))| menu.released.is_none());
        let points = self.points.iter().filter(|(_, point)| point.released.is_none());
        let transitions =
            self.transitions.iter().filter(|(_, transition)| transition.released.is_none());
        menus
            .map(|(labels, (_, menu))| (Counted::Menu(labels.clone()), menu.hits > 0))
            .chain(
                points.map(|(labels, point)| (Counted::Point(labels.clone()), point.has_counted())),
            )
            .chain(
                transitions
                    .map(|(labels, step)| (Counted::Transition(labels.clone()), step.steps > 0)),
            )
    }

    /// Returns a delta that counts nothing and makes visible every held count for which
    /// `zero_was_seen` returns true: it has been shown as 0 for long enough. `None` if there is
    /// none.
    pub fn release(
        &self,
        now: Timestamp,
        zero_was_seen: impl Fn(&Counted) -> bool,
    ) -> Option<Delta> {
        let released = Some(now.as_second());
        let mut delta = self.unchanged();
        for (counted, _) in self.held().filter(|(counted, waits)| *waits && zero_was_seen(counted))
        {
            match counted {
                Counted::Menu(labels) => {
                    let (number, menu) = &self.menus[&labels];
                    let menu = OptionCounts { released, ..(**menu).clone() };
                    delta.menus.push((labels, (*number, menu.into())));
                }
                Counted::Point(labels) => {
                    let point = (*self.points[&labels]).clone();
                    delta.points.push((labels, RoutingPointCounts { released, ..point }.into()));
                }
                Counted::Transition(labels) => {
                    let transition = self.transitions[&labels].clone();
                    delta.transitions.push((labels, TransitionCounts { released, ..transition }));
                }
            }
        }
        (!delta.menus.is_empty() || !delta.points.is_empty() || !delta.transitions.is_empty())
            .then_some(delta)
    }

    /// Returns a delta that changes nothing.
    pub fn unchanged(&self) -> Delta {
        Delta::nothing(self.totals.clone(), self.next_number)
    }

    /// Returns a delta that moves the origin; only for counters that have counted nothing.
    pub fn begin_at(&self, origin: Timestamp) -> Delta {
        Delta { totals: Totals::new(origin), ..self.unchanged() }
    }

    /// Returns the label sets to drop: options without a row dated at or after `oldest`, except
    /// those to `keep`; then routing points without a remaining option; then transitions of dropped
    /// options.
    pub fn unseen(&self, oldest: LocalSecond, keep: impl Fn(&MenuLabels) -> bool) -> Vec<Counted> {
        let gone: BTreeSet<&MenuLabels> = self
            .menus
            .iter()
            .filter(|(labels, (_, menu))| menu.hits > 0 && menu.last_row < oldest && !keep(labels))
            .map(|(labels, _)| labels)
            .collect();
        if gone.is_empty() {
            return Vec::new();
        }
        let left = self.menus.keys().filter(|labels| !gone.contains(labels));
        let left: BTreeSet<&PointLabels> = left.map(|labels| &labels.point).collect();
        let points = self.points.keys().filter(|point| !left.contains(point));
        let transitions = self.transitions.keys().filter(|step| {
            let point = &step.point;
            let mut options = [&step.from, &step.to].into_iter().cloned();
            !left.contains(point)
                || options.any(|option| gone.contains(&MenuLabels { point: point.clone(), option }))
        });
        let points = points
            .cloned()
            .map(Counted::Point)
            .chain(transitions.cloned().map(Counted::Transition));
        gone.iter().map(|labels| Counted::Menu((*labels).clone())).chain(points).collect()
    }

    /// Counts a window from the records of all rows dated in it.
    pub fn window(
        &self,
        start: Timestamp,
        end: Timestamp,
        records: impl IntoIterator<Item = RowRecord>,
    ) -> WindowCounts {
        let points: BTreeMap<&PointLabels, usize> = self.points.keys().zip(0..).collect();
        let mut places: OwnMap<u32, (usize, usize)> = OwnMap::default();
        for (menu, (labels, (number, _))) in self.menus.iter().enumerate() {
            places
                .insert(*number, (menu, points.get(&labels.point).copied().unwrap_or(usize::MAX)));
        }
        let mut hits = vec![0; self.menus.len()];
        let mut seen: Vec<(usize, NonZeroU64)> = Vec::new();
        for record in records {
            let Some((menu, point)) = places.get(&record.menu).copied() else { continue };
            hits[menu] += u64::from(record.counted);
            seen.extend(record.interaction.map(|interaction| (point, interaction)));
        }
        seen.sort_unstable();
        seen.dedup();
        let mut interactions = vec![0; self.points.len()];
        for (point, _) in seen {
            if let Some(distinct) = interactions.get_mut(point) {
                *distinct += 1;
            }
        }
        let hits = self.menus.keys().cloned().zip(hits).collect();
        let interactions = self.points.keys().cloned().zip(interactions).collect();
        WindowCounts { start, end, hits, interactions }
    }
}

/// The rows dated in the last closed window, for every known option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowCounts {
    /// Start of the window.
    pub start: Timestamp,
    /// End of the window, exclusive.
    pub end: Timestamp,
    /// Hits by option; 0 for an option without a row.
    pub hits: BTreeMap<MenuLabels, u64>,
    /// Distinct interactions by routing point and channel.
    pub interactions: BTreeMap<PointLabels, u64>,
}
