//! The memory of the ledger while a day of the past is read: the state, overlaid with the additions
//! of the day.
//!
//! Owns the day's additions, none of which is on the disk before the day is committed. Each lookup
//! returns what the tables would hold if each window were committed separately.

use std::{collections::BTreeSet, convert::Infallible, num::NonZeroU64};

use crate::{
    ledger::{Delta, JourneyDelta, JourneyState, OpenJourney, RowKey, RowRecord, SeenRows},
    model::{LocalSecond, OwnMap},
};

/// The additions of a day.
pub(super) struct DayMemory {
    /// The rows of the current window, ascending. Earlier rows are not looked up again.
    pub(super) rows: Vec<(RowKey, RowRecord)>,
    journeys: OwnMap<NonZeroU64, OpenJourney>,
    by_deadline: BTreeSet<(i64, NonZeroU64)>,
    /// The deadlines of the journeys that were open when the day began, in Unix seconds.
    before: OwnMap<NonZeroU64, i64>,
    /// The interactions in the state, ascending, each with the Unix second until which more of its
    /// rows may come.
    stored: Vec<(NonZeroU64, i64)>,
    /// The same for the interactions with a row on this day.
    interactions: OwnMap<NonZeroU64, i64>,
}

impl DayMemory {
    /// Makes the memory of a day that begins with these open journeys, on a state with these
    /// interactions.
    pub(super) fn new(
        open: Vec<(NonZeroU64, OpenJourney)>,
        stored: Vec<(NonZeroU64, i64)>,
    ) -> Self {
        Self {
            rows: Vec::new(),
            by_deadline: open
                .iter()
                .map(|(interaction, journey)| (journey.deadline, *interaction))
                .collect(),
            before: open
                .iter()
                .map(|(interaction, journey)| (*interaction, journey.deadline))
                .collect(),
            journeys: open.into_iter().collect(),
            stored,
            interactions: OwnMap::default(),
        }
    }

    /// Takes the rows, interactions and journeys out of a delta.
    pub(super) fn follow(&mut self, delta: &mut Delta) {
        self.remember(std::mem::take(&mut delta.rows));
        for (interaction, until) in std::mem::take(&mut delta.interactions) {
            let latest = self.interactions.entry(interaction).or_insert(until);
            *latest = until.max(*latest);
        }
        for JourneyDelta { interaction, before, after } in std::mem::take(&mut delta.journeys) {
            if let Some(before) = before {
                self.by_deadline.remove(&(before, interaction));
            }
            match after {
                Some(journey) => {
                    self.by_deadline.insert((journey.deadline, interaction));
                    self.journeys.insert(interaction, journey);
                }
                None => drop(self.journeys.remove(&interaction)),
            }
        }
    }

    /// Adds records, which are ascending; each replaces the earlier one of its key.
    fn remember(&mut self, rows: Vec<(RowKey, RowRecord)>) {
        let amid = match (self.rows.last(), rows.first()) {
            (Some((last, _)), Some((first, _))) => first <= last,
            _ => false,
        };
        self.rows.extend(rows);
        if amid {
            put_in_order(&mut self.rows);
        }
    }

    /// Returns the memory that still knows the interactions of which more rows could come at or
    /// after `oldest`, in Unix seconds.
    pub(super) fn since(&self, oldest: i64) -> Remembered<'_> {
        Remembered { day: self, oldest }
    }

    fn until(&self, interaction: NonZeroU64) -> Option<i64> {
        self.interactions.get(&interaction).copied().or_else(|| {
            let at = self.stored.binary_search_by_key(&interaction, |(known, _)| *known).ok()?;
            Some(self.stored[at].1)
        })
    }

    /// Returns the day's changes of journeys and interactions.
    pub(super) fn changes(mut self) -> (Vec<JourneyDelta>, Vec<(NonZeroU64, i64)>) {
        let mut changes = Vec::new();
        for (interaction, before) in self.before {
            let after = self.journeys.remove(&interaction);
            changes.push(JourneyDelta { interaction, before: Some(before), after });
        }
        let new = self.journeys.into_iter();
        changes.extend(new.map(|(interaction, journey)| JourneyDelta {
            interaction,
            before: None,
            after: Some(journey),
        }));
        changes.sort_unstable_by_key(|change| change.interaction);
        let mut interactions: Vec<_> = self.interactions.into_iter().collect();
        interactions.sort_unstable();
        (changes, interactions)
    }
}

/// Sorts records by key. Of several with one key the last is kept.
pub(super) fn put_in_order(rows: &mut Vec<(RowKey, RowRecord)>) {
    rows.sort_by_key(|(key, _)| *key);
    rows.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            *kept = *later;
        }
        same
    });
}

/// The state overlaid with the day.
pub(super) struct Remembered<'a> {
    day: &'a DayMemory,
    /// The parameter of [`DayMemory::since`].
    oldest: i64,
}

impl SeenRows for Remembered<'_> {
    type Error = Infallible;

    fn rows_dated(
        &self,
        date: LocalSecond,
        records: &mut Vec<(u64, RowRecord)>,
    ) -> Result<(), Infallible> {
        let first = self.day.rows.partition_point(|(key, _)| key.date < date);
        let dated = self.day.rows[first..].iter().take_while(|(key, _)| key.date == date);
        records.clear();
        records.extend(dated.map(|(key, record)| (key.fingerprint, *record)));
        Ok(())
    }

    fn journeys(&self, interactions: &[NonZeroU64]) -> Result<Vec<JourneyState>, Infallible> {
        let states =
            interactions.iter().map(|interaction| match self.day.journeys.get(interaction) {
                Some(journey) => JourneyState::Open(journey.clone()),
                None if self.day.until(*interaction).is_some_and(|until| until >= self.oldest) => {
                    JourneyState::Over
                }
                None => JourneyState::New,
            });
        Ok(states.collect())
    }

    fn journeys_due(&self, before: i64) -> Result<Vec<(NonZeroU64, OpenJourney)>, Infallible> {
        let due = self.day.by_deadline.iter().take_while(|(deadline, _)| *deadline < before);
        Ok(due
            .filter_map(|(_, interaction)| {
                Some((*interaction, self.day.journeys.get(interaction)?.clone()))
            })
            .collect())
    }
}
