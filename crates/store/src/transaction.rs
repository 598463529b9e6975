//! The reads and writes of the state within one commit.

use std::{cell::RefCell, collections::BTreeSet, num::NonZeroU64, ops::Bound};

use jiff::civil::Date;
use ledger::{
    Delta, JourneyDelta, JourneyState, OpenJourney, RowKey, RowRecord, SeenRows, TargetCounters,
};
use model::{Counted, LocalSecond, LocalStretch};
use redb::{ReadableTable, Table, Value, WriteTransaction};
use schedule::unanswerable::Unanswerable;

use super::{
    StoreError, TargetId, decode, encode, failed,
    interactions::{self, Interactions},
    schema::{
        HISTORY, INTERACTIONS, JOURNEYS, MENUS, NEXT_MENUS, POINTS, QUOTA, ROWS, RowValue, TARGETS,
        TOTALS, TRANSITIONS, TimedKey, UNANSWERABLE, WARM_UPS,
    },
    view::{self, quota_day},
};

/// Target, deadline, interaction.
type JourneyKey = (u32, i64, u64);

/// The tables within one transaction.
pub struct Transaction<'t> {
    targets: Table<'t, &'static str, u32>,
    totals: Table<'t, u32, &'static [u8]>,
    menus: Table<'t, (u32, u32), &'static [u8]>,
    points: Table<'t, (u32, &'static str, &'static str), &'static [u8]>,
    transitions:
        Table<'t, (u32, &'static str, &'static str, &'static str, &'static str), &'static [u8]>,
    rows: Table<'t, TimedKey, RowValue>,
    journeys: Table<'t, TimedKey, &'static [u8]>,
    interactions: Interactions<'t>,
    quota: Table<'t, u32, (u32, u64)>,
    next_menus: Table<'t, u32, u32>,
    pub(super) history: Table<'t, (u32, i32), &'static [u8]>,
    pub(super) warm_ups: Table<'t, u32, &'static [u8]>,
    unanswerable: Table<'t, u32, &'static [u8]>,
}

impl<'t> Transaction<'t> {
    pub(super) fn open(write: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            targets: write.open_table(TARGETS).map_err(failed)?,
            totals: write.open_table(TOTALS).map_err(failed)?,
            menus: write.open_table(MENUS).map_err(failed)?,
            points: write.open_table(POINTS).map_err(failed)?,
            transitions: write.open_table(TRANSITIONS).map_err(failed)?,
            rows: write.open_table(ROWS).map_err(failed)?,
            journeys: write.open_table(JOURNEYS).map_err(failed)?,
            interactions: write.open_table(INTERACTIONS).map_err(failed)?,
            quota: write.open_table(QUOTA).map_err(failed)?,
            next_menus: write.open_table(NEXT_MENUS).map_err(failed)?,
            history: write.open_table(HISTORY).map_err(failed)?,
            warm_ups: write.open_table(WARM_UPS).map_err(failed)?,
            unanswerable: write.open_table(UNANSWERABLE).map_err(failed)?,
        })
    }

    /// Restores a target like [`super::Store::restore`].
    pub(super) fn restore(
        &mut self,
        name: &str,
        new: impl FnOnce() -> TargetCounters,
    ) -> Result<(TargetId, TargetCounters), StoreError> {
        let known = self.targets.get(name).map_err(failed)?.map(|id| id.value());
        if let Some(id) = known {
            return Ok((TargetId(id), self.counters(id)?));
        }
        let id = free_number(&self.targets)?;
        self.targets.insert(name, id).map_err(failed)?;
        let account = self.begin(TargetId(id), new())?;
        Ok((TargetId(id), account))
    }

    /// Begins counting under a number that has nothing yet.
    pub(super) fn begin(
        &mut self,
        target: TargetId,
        counters: TargetCounters,
    ) -> Result<TargetCounters, StoreError> {
        self.totals.insert(target.0, encode(&counters.totals)?.as_slice()).map_err(failed)?;
        Ok(counters)
    }

    /// Returns the requests sent so far on the server's day. The day before the last known one
    /// still counts as that one, because a clock that is set back grants no new requests. A known
    /// day that is further ahead was written by a wrong clock.
    pub fn requests(&self, target: TargetId, day: Date) -> Result<u64, StoreError> {
        view::requests(&self.quota, target.0, day)
    }

    /// Adopts the vendor's count, which includes requests under other tokens of the operation.
    pub fn set_requests(
        &mut self,
        target: TargetId,
        day: Date,
        used: u64,
    ) -> Result<(), StoreError> {
        let last = self.quota.get(target.0).map_err(failed)?.map_or(0, |quota| quota.value().0);
        self.quota.insert(target.0, (quota_day(last, day), used)).map_err(failed)?;
        Ok(())
    }

    /// Counts one request that is about to be sent.
    pub fn spend_request(&mut self, target: TargetId, day: Date) -> Result<(), StoreError> {
        self.set_requests(target, day, self.requests(target, day)? + 1)
    }

    /// Takes back one request that never left this machine. Returns the new count.
    pub fn refund_request(&mut self, target: TargetId, day: Date) -> Result<u64, StoreError> {
        let used = self.requests(target, day)?.saturating_sub(1);
        self.set_requests(target, day, used).map(|()| used)
    }

    fn counters(&self, id: u32) -> Result<TargetCounters, StoreError> {
        Ok(view::assemble(
            view::totals(&self.totals, id)?,
            view::menus(&self.menus, id)?,
            view::points(&self.points, id)?,
            view::transitions(&self.transitions, id)?,
            view::next_menu(&self.next_menus, id)?,
        ))
    }

    /// Returns the remembered rows of a target, and its interactions of which more rows could come
    /// since `oldest`, in Unix seconds.
    pub fn memory(&self, target: TargetId, oldest: i64) -> impl SeenRows<Error = StoreError> {
        StoredRows { tx: self, target: target.0, oldest, rows: RefCell::default() }
    }

    /// Writes all changes of a step.
    pub fn write(&mut self, target: TargetId, step: &Delta) -> Result<(), StoreError> {
        let id = target.0;
        self.totals.insert(id, encode(&step.totals)?.as_slice()).map_err(failed)?;
        self.next_menus.insert(id, step.next_number).map_err(failed)?;
        self.drop_series(id, &step.dropped)?;
        for (labels, (number, menu)) in &step.menus {
            let names = (&*labels.point.rp_id, &*labels.point.channel, &*labels.option);
            self.menus
                .insert((id, *number), encode(&(names, &**menu))?.as_slice())
                .map_err(failed)?;
        }
        for (labels, point) in &step.points {
            let key = (id, &*labels.rp_id, &*labels.channel);
            self.points.insert(key, encode(&**point)?.as_slice()).map_err(failed)?;
        }
        for (labels, transition) in &step.transitions {
            let point = &labels.point;
            let key = (id, &*point.rp_id, &*point.channel, &*labels.from, &*labels.to);
            self.transitions.insert(key, encode(transition)?.as_slice()).map_err(failed)?;
        }
        self.write_journeys(id, step)?;
        let rows = step.rows.iter().map(|(key, record)| {
            let interaction = record.interaction.map_or(0, NonZeroU64::get);
            let value = (record.count, record.counted, record.menu, interaction);
            ((id, key.date.get(), key.fingerprint), value)
        });
        insert_ascending(&mut self.rows, id, rows)?;
        interactions::add(&mut self.interactions, id, step.interactions.iter().copied())
    }

    fn write_journeys(&mut self, id: u32, step: &Delta) -> Result<(), StoreError> {
        let mut over: Vec<JourneyKey> = Vec::new();
        let mut moved: Vec<JourneyKey> = Vec::new();
        let mut written = Vec::new();
        for JourneyDelta { interaction, before, after } in &step.journeys {
            let interaction = interaction.get();
            let before = before.map(|deadline| (id, deadline, interaction));
            match after {
                None => over.extend(before),
                Some(OpenJourney { deadline, visits }) => {
                    let key = (id, *deadline, interaction);
                    moved.extend(before.filter(|before| *before != key));
                    written.push((key, encode(visits)?));
                }
            }
        }
        // In the order of the table, so that neighbours are on one page.
        over.sort_unstable();
        moved.sort_unstable();
        written.sort_unstable();
        self.remove_journeys(&over)?;
        for key in moved {
            self.journeys.remove(key).map_err(failed)?;
        }
        let written = written.iter().map(|(key, visits)| (*key, visits.as_slice()));
        insert_ascending(&mut self.journeys, id, written)
    }

    /// Removes journeys that are over, ascending. They have the earliest deadlines, so there are
    /// few others between them.
    fn remove_journeys(&mut self, over: &[JourneyKey]) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (over.first(), over.last()) else { return Ok(()) };
        let mut over = over.iter().peekable();
        self.journeys
            .retain_in(*first..=*last, |key, _| {
                while over.next_if(|over| **over < key).is_some() {}
                over.next_if_eq(&&key).is_none()
            })
            .map_err(failed)
    }

    fn drop_series(&mut self, id: u32, dropped: &[Counted]) -> Result<(), StoreError> {
        let mut menus = BTreeSet::new();
        for counted in dropped {
            match counted {
                Counted::Menu(labels) => drop(menus.insert(labels)),
                Counted::Point(point) => {
                    self.points.remove((id, &*point.rp_id, &*point.channel)).map_err(failed)?;
                }
                Counted::Transition(labels) => {
                    let point = &labels.point;
                    let key = (id, &*point.rp_id, &*point.channel, &*labels.from, &*labels.to);
                    self.transitions.remove(key).map_err(failed)?;
                }
            }
        }
        if menus.is_empty() {
            return Ok(());
        }
        // The table has menus by number.
        for (labels, (number, _)) in view::menus(&self.menus, id)? {
            if menus.contains(&labels) {
                self.menus.remove((id, number)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Forgets rows dated before `rows`, and interactions of which no more rows could come since
    /// the beginning of the hour of `interactions`, in Unix seconds.
    pub fn forget(
        &mut self,
        target: TargetId,
        rows: LocalSecond,
        interactions: i64,
    ) -> Result<(), StoreError> {
        let id = target.0;
        self.rows
            .retain_in((id, i64::MIN, 0)..(id, rows.get(), 0), |_, _| false)
            .map_err(failed)?;
        interactions::forget(&mut self.interactions, id, interactions)
    }

    /// Writes the seconds that the target's server cannot answer for.
    pub fn write_unanswerable(
        &mut self,
        target: TargetId,
        table: &Unanswerable,
    ) -> Result<(), StoreError> {
        self.unanswerable.insert(target.0, encode(table)?.as_slice()).map_err(failed)?;
        Ok(())
    }

    /// Reads rows like [`View::rows_in`](super::View::rows_in).
    pub fn rows_in(
        &self,
        target: TargetId,
        stretch: LocalStretch,
    ) -> Result<Vec<RowRecord>, StoreError> {
        view::rows_in(&self.rows, target.0, stretch)
    }
}

/// Returns a number that no target has.
pub(super) fn free_number(
    targets: &impl ReadableTable<&'static str, u32>,
) -> Result<u32, StoreError> {
    let mut free = 0;
    for entry in targets.iter().map_err(failed)? {
        free = free.max(entry.map_err(failed)?.1.value() + 1);
    }
    Ok(free)
}

/// Inserts pairs of one target, ascending by key. Pairs after the target's last key, which are the
/// most, are appended together, which takes a third of the time of single inserts.
fn insert_ascending<'v, V: Value + 'static>(
    table: &mut Table<'_, TimedKey, V>,
    id: u32,
    pairs: impl Iterator<Item = (TimedKey, V::SelfType<'v>)>,
) -> Result<(), StoreError> {
    let of_target = (id, i64::MIN, 0)..=(id, i64::MAX, u64::MAX);
    let last = table.range(of_target).map_err(failed)?.next_back().transpose().map_err(failed)?;
    let last = last.map(|(key, _)| key.value());
    let mut pairs = pairs.peekable();
    while let Some((key, value)) = pairs.next_if(|(key, _)| last.is_some_and(|last| *key <= last)) {
        table.insert(key, value).map_err(failed)?;
    }
    let Some((first, _)) = pairs.peek() else { return Ok(()) };
    let mut behind = table.lower_bound_mut(Bound::Included(first)).map_err(failed)?;
    for (key, value) in pairs {
        behind.insert_before(key, value).map_err(failed)?;
    }
    behind.close().map_err(failed)
}

type RowTable<'t> = Table<'t, TimedKey, RowValue>;
type Records<'a> = redb::Range<'a, TimedKey, RowValue>;

struct StoredRows<'a, 't> {
    tx: &'a Transaction<'t>,
    target: u32,
    /// As for [`Transaction::memory`].
    oldest: i64,
    rows: RefCell<Cursor<'a>>,
}

/// Most records that are stepped over one by one before the next second is looked up instead.
const NEAR: usize = 16;

/// A position in the table of rows. Seconds are requested in ascending order, and the next one is
/// usually close.
#[derive(Default)]
struct Cursor<'a> {
    range: Option<Records<'a>>,
    /// The second that was requested last.
    asked: Option<LocalSecond>,
    /// The first record that is dated after it.
    next: Option<(RowKey, RowRecord)>,
}

impl<'a> Cursor<'a> {
    /// Replaces the content of `records` with those dated in this second.
    fn dated(
        &mut self,
        rows: &'a RowTable<'_>,
        target: u32,
        date: LocalSecond,
        records: &mut Vec<(u64, RowRecord)>,
    ) -> Result<(), StoreError> {
        records.clear();
        if self.asked.is_none_or(|asked| date <= asked) || !self.walk(date)? {
            let of_target = (target, date.get(), 0)..=(target, i64::MAX, u64::MAX);
            self.range = Some(rows.range(of_target).map_err(failed)?);
            self.step()?;
        }
        self.asked = Some(date);
        while let Some((key, record)) = self.next.filter(|(key, _)| key.date == date) {
            records.push((key.fingerprint, record));
            self.step()?;
        }
        Ok(())
    }

    /// Steps to the first record that is not dated before `date`. Returns false if that is not
    /// near.
    fn walk(&mut self, date: LocalSecond) -> Result<bool, StoreError> {
        for _ in 0..NEAR {
            if self.next.is_none_or(|(known, _)| known.date >= date) {
                return Ok(true);
            }
            self.step()?;
        }
        Ok(false)
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let record = self.range.as_mut().and_then(Iterator::next).transpose().map_err(failed)?;
        self.next = record.map(|(key, value)| {
            let (_, date, fingerprint) = key.value();
            let key = RowKey { date: LocalSecond::new(date), fingerprint };
            (key, view::row_record(value.value()))
        });
        Ok(())
    }
}

impl SeenRows for StoredRows<'_, '_> {
    type Error = StoreError;

    fn rows_dated(
        &self,
        date: LocalSecond,
        records: &mut Vec<(u64, RowRecord)>,
    ) -> Result<(), StoreError> {
        self.rows.borrow_mut().dated(&self.tx.rows, self.target, date, records)
    }

    fn journeys(&self, interactions: &[NonZeroU64]) -> Result<Vec<JourneyState>, StoreError> {
        let until =
            interactions::until(&self.tx.interactions, self.target, interactions, self.oldest)?;
        let states = interactions.iter().zip(until).map(|(interaction, until)| {
            let Some(deadline) = until else { return Ok(JourneyState::New) };
            let key = (self.target, deadline, interaction.get());
            let Some(visits) = self.tx.journeys.get(key).map_err(failed)? else {
                return Ok(JourneyState::Over);
            };
            Ok(JourneyState::Open(OpenJourney { deadline, visits: decode(visits.value())? }))
        });
        states.collect()
    }

    fn journeys_due(&self, before: i64) -> Result<Vec<(NonZeroU64, OpenJourney)>, StoreError> {
        view::open_journeys(&self.tx.journeys, self.target, before)
    }
}
