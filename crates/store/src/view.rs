//! Reads the state as of the last commit; a commit under way uses the same functions.
//!
//! Owns the conversion of records. Nothing here writes.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use jiff::civil::Date;
use ledger::{
    OpenJourney, OptionCounts, RoutingPointCounts, RowRecord, TargetCounters, Totals,
    TransitionCounts,
};
use model::{LocalSecond, LocalStretch, MenuLabels, PointLabels, TransitionLabels};
use redb::{Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, Value};
use schedule::unanswerable::Unanswerable;

use super::{
    StoreError, TargetId, decode, failed,
    schema::{
        MENUS, NEXT_MENUS, POINTS, QUOTA, ROWS, RowValue, TARGETS, TOTALS, TRANSITIONS, TimedKey,
        UNANSWERABLE,
    },
};

/// The state as of one commit, unaffected by later ones.
pub struct View {
    transaction: ReadTransaction,
}

impl View {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self { transaction }
    }

    /// The tables themselves.
    pub(super) fn transaction(&self) -> &ReadTransaction {
        &self.transaction
    }

    pub(super) fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, StoreError> {
        self.transaction.open_table(definition).map_err(failed)
    }

    /// Returns the target of this name and its committed counters; `None` for an unknown one.
    pub(super) fn find(
        &self,
        name: &str,
    ) -> Result<Option<(TargetId, TargetCounters)>, StoreError> {
        let id = self.table(TARGETS)?.get(name).map_err(failed)?.map(|id| TargetId(id.value()));
        id.map(|id| Ok((id, self.counters(id)?))).transpose()
    }

    /// Returns the names of all targets, ascending, with their numbers.
    pub(super) fn targets(&self) -> Result<BTreeMap<String, TargetId>, StoreError> {
        let mut names = BTreeMap::new();
        for entry in self.table(TARGETS)?.iter().map_err(failed)? {
            let (name, id) = entry.map_err(failed)?;
            names.insert(name.value().to_owned(), TargetId(id.value()));
        }
        Ok(names)
    }

    /// Returns the committed counters of a target.
    pub(super) fn counters(&self, target: TargetId) -> Result<TargetCounters, StoreError> {
        let id = target.0;
        Ok(assemble(
            totals(&self.table(TOTALS)?, id)?,
            menus(&self.table(MENUS)?, id)?,
            points(&self.table(POINTS)?, id)?,
            transitions(&self.table(TRANSITIONS)?, id)?,
            next_menu(&self.table(NEXT_MENUS)?, id)?,
        ))
    }

    /// Returns the counters committed under a number; `None` where nothing was.
    pub(super) fn begun(&self, target: TargetId) -> Result<Option<TargetCounters>, StoreError> {
        match self.table(TOTALS)?.get(target.0).map_err(failed)? {
            Some(_) => self.counters(target).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the requests of a day like [`Transaction::requests`](super::Transaction::requests).
    pub fn requests(&self, target: TargetId, day: Date) -> Result<u64, StoreError> {
        requests(&self.table(QUOTA)?, target.0, day)
    }

    /// Returns the records of all rows dated in a part of the wall clock's time, without its end.
    pub fn rows_in(
        &self,
        target: TargetId,
        stretch: LocalStretch,
    ) -> Result<Vec<RowRecord>, StoreError> {
        rows_in(&self.table(ROWS)?, target.0, stretch)
    }

    /// The seconds that the target's server cannot answer for, as last written.
    pub fn unanswerable(&self, target: TargetId) -> Result<Unanswerable, StoreError> {
        let table = self.table(UNANSWERABLE)?;
        let bytes = table.get(target.0).map_err(failed)?;
        bytes.map_or_else(|| Ok(Unanswerable::default()), |bytes| decode(bytes.value()))
    }

    /// Returns the date of a row before `date`: of the newest for `nth` 0, or of the record that
    /// many before it. The oldest date if there are fewer rows; `None` if there is none.
    pub fn row_before(
        &self,
        target: TargetId,
        date: LocalSecond,
        nth: usize,
    ) -> Result<Option<LocalSecond>, StoreError> {
        let id = target.0;
        let rows = self.table(ROWS)?;
        let before = rows.range((id, i64::MIN, 0)..(id, date.get(), 0)).map_err(failed)?.rev();
        let newest = before.take(nth + 1).last();
        newest
            .map(|entry| entry.map(|(key, _)| LocalSecond::new(key.value().1)).map_err(failed))
            .transpose()
    }

    /// Returns the date of the oldest row after `date`; `None` if there is none.
    pub fn row_after(
        &self,
        target: TargetId,
        date: LocalSecond,
    ) -> Result<Option<LocalSecond>, StoreError> {
        let id = target.0;
        let rows = self.table(ROWS)?;
        let after = (id, date.get() + 1, 0)..(id + 1, i64::MIN, 0);
        let mut after = rows.range(after).map_err(failed)?;
        after
            .next()
            .map(|entry| entry.map(|(key, _)| LocalSecond::new(key.value().1)).map_err(failed))
            .transpose()
    }
}

/// Formats 2026-01-18 as 20260118.
fn day_number(day: Date) -> u32 {
    day.strftime("%Y%m%d").to_string().parse().unwrap_or(0)
}

/// Returns the day, as a [`day_number`], under which requests of `day` are counted if this is the
/// `last` known one.
pub(super) fn quota_day(last: u32, day: Date) -> u32 {
    let tomorrow = day.tomorrow().map_or(u32::MAX, day_number);
    if (day_number(day)..=tomorrow).contains(&last) { last } else { day_number(day) }
}

/// Returns the requests of a day; see [`Transaction::requests`](super::Transaction::requests).
pub(super) fn requests(
    quota: &impl ReadableTable<u32, (u32, u64)>,
    id: u32,
    day: Date,
) -> Result<u64, StoreError> {
    let stored = quota.get(id).map_err(failed)?.map(|quota| quota.value());
    Ok(stored.filter(|(last, _)| quota_day(*last, day) == *last).map_or(0, |(_, used)| used))
}

/// Returns rows like [`View::rows_in`].
pub(super) fn rows_in(
    rows: &impl ReadableTable<TimedKey, RowValue>,
    id: u32,
    (from, to): LocalStretch,
) -> Result<Vec<RowRecord>, StoreError> {
    rows.range((id, from.get(), 0)..(id, to.max(from).get(), 0))
        .map_err(failed)?
        .map(|entry| {
            let (_, value) = entry.map_err(failed)?;
            Ok(row_record(value.value()))
        })
        .collect()
}

/// Converts a value of the table of rows.
pub(super) fn row_record((count, counted, menu, interaction): RowValue) -> RowRecord {
    RowRecord { count, counted, menu, interaction: NonZeroU64::new(interaction) }
}

/// Returns the number of [`super::schema::NEXT_MENUS`], if there is one.
pub(super) fn next_menu(
    table: &impl ReadableTable<u32, u32>,
    id: u32,
) -> Result<Option<u32>, StoreError> {
    Ok(table.get(id).map_err(failed)?.map(|number| number.value()))
}

/// Menus with their numbers.
pub(super) type Menus = BTreeMap<MenuLabels, (u32, Arc<OptionCounts>)>;

/// Reads the menus of one target.
pub(super) fn menus(
    table: &impl ReadableTable<(u32, u32), &'static [u8]>,
    id: u32,
) -> Result<Menus, StoreError> {
    let mut menus = Menus::new();
    for entry in table.range((id, 0)..=(id, u32::MAX)).map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let ((rp_id, channel, option), menu): ((String, String, String), OptionCounts) =
            decode(value.value())?;
        menus.insert(MenuLabels::new(&rp_id, &channel, &option), (key.value().1, menu.into()));
    }
    Ok(menus)
}

/// Reads the totals of one target.
pub(super) fn totals(
    table: &impl ReadableTable<u32, &'static [u8]>,
    id: u32,
) -> Result<Totals, StoreError> {
    match table.get(id).map_err(failed)? {
        Some(bytes) => decode(bytes.value()),
        None => Err(StoreError::Unusable("a target has no totals".to_owned())),
    }
}

/// Assembles the counters of one target; `next_menu` is the number that was saved for its next
/// menu.
pub(super) fn assemble(
    totals: Totals,
    menus: Menus,
    points: BTreeMap<PointLabels, Arc<RoutingPointCounts>>,
    transitions: BTreeMap<TransitionLabels, TransitionCounts>,
    next_menu: Option<u32>,
) -> TargetCounters {
    let after_last = menus.values().map(|(number, _)| number + 1).max().unwrap_or(0);
    let next_number = next_menu.unwrap_or(0).max(after_last);
    TargetCounters { totals, menus, points, transitions, next_number }
}

/// Reads the routing points of one target.
pub(super) fn points(
    table: &impl ReadableTable<(u32, &'static str, &'static str), &'static [u8]>,
    id: u32,
) -> Result<BTreeMap<PointLabels, Arc<RoutingPointCounts>>, StoreError> {
    let mut points = BTreeMap::new();
    for entry in table.range((id, "", "")..).map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let (target, rp_id, channel) = key.value();
        if target != id {
            break;
        }
        points.insert(PointLabels::new(rp_id, channel), Arc::new(decode(value.value())?));
    }
    Ok(points)
}

/// Reads the transitions of one target.
pub(super) fn transitions(
    table: &impl ReadableTable<
        (u32, &'static str, &'static str, &'static str, &'static str),
        &'static [u8],
    >,
    id: u32,
) -> Result<BTreeMap<TransitionLabels, TransitionCounts>, StoreError> {
    let mut transitions = BTreeMap::new();
    for entry in table.range((id, "", "", "", "")..).map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let (target, rp_id, channel, from, to) = key.value();
        if target != id {
            break;
        }
        transitions.insert(TransitionLabels::new(rp_id, channel, from, to), decode(value.value())?);
    }
    Ok(transitions)
}

/// Returns the journeys of one target whose deadline lies before `before`, in Unix seconds.
pub(super) fn open_journeys(
    table: &impl ReadableTable<TimedKey, &'static [u8]>,
    id: u32,
    before: i64,
) -> Result<Vec<(NonZeroU64, OpenJourney)>, StoreError> {
    let mut journeys = Vec::new();
    for entry in table.range((id, i64::MIN, 0)..(id, before, 0)).map_err(failed)? {
        let (key, visits) = entry.map_err(failed)?;
        let (_, deadline, interaction) = key.value();
        let Some(interaction) = NonZeroU64::new(interaction) else { continue };
        journeys.push((interaction, OpenJourney { deadline, visits: decode(visits.value())? }));
    }
    Ok(journeys)
}
