//! How a new file gets today's layout, and an older one becomes it.
//!
//! Owns the steps from each layout to the next. What the tables are is the schema's.

use std::{collections::BTreeMap, num::NonZeroU64, path::Path};

use redb::{Database, Key, ReadableDatabase, ReadableTable, Table, TableDefinition, Value, WriteTransaction};

use super::{
    StoreError, decode, encode, failed,
    interactions::{self, Interactions},
    schema::{
        INTERACTIONS, JOURNEYS, MENUS, META, POINTS, ROWS, TOTALS, TRANSITIONS, TableVisitor, TimedKey,
        VERSION, identify, visit_tables,
    },
};
use crate::{
    ledger::{OpenJourney, Overflow, ReadCursor, SecondsHistogram},
    model::Fingerprints,
};

/// Checks the version, brings an older file up to date, and fills a new one.
pub(super) fn prepare(
    database: &Database,
    path: &Path,
    new_key: [u8; 16],
) -> Result<Fingerprints, StoreError> {
    let found = identify(&database.begin_read().map_err(failed)?, path)?;
    let Some((version, key)) = found else { return create(database, new_key) };
    if version < VERSION {
        migrate(database, version)?;
    }
    Ok(Fingerprints::new(key))
}

fn create(database: &Database, key: [u8; 16]) -> Result<Fingerprints, StoreError> {
    let write = database.begin_write().map_err(failed)?;
    set_version(&write)?;
    write.open_table(META).map_err(failed)?.insert("key", key.as_slice()).map_err(failed)?;
    write.commit().map_err(failed)?;
    Ok(Fingerprints::new(key))
}

fn set_version(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut meta = write.open_table(META).map_err(failed)?;
    meta.insert("version", VERSION.to_le_bytes().as_slice()).map_err(failed)?;
    Ok(())
}

/// All steps in one transaction: a crash leaves the old file, which is migrated at the next start.
fn migrate(database: &Database, from: u32) -> Result<(), StoreError> {
    let write = database.begin_write().map_err(failed)?;
    if from < 2 {
        remember_deeper_reads(&write)?;
    }
    if from < 3 {
        begin_journeys(&write)?;
    }
    if from < 4 {
        remember_reads_under_way(&write)?;
    }
    if from < 5 {
        order_by_time(&write)?;
    }
    if from < 6 {
        tell_counted_rows(&write)?;
    }
    visit_tables(&mut Creator(&write))?;
    set_version(&write)?;
    write.commit().map_err(failed)
}

/// Makes the tables that an older file lacks: who only reads makes none.
struct Creator<'a>(&'a WriteTransaction);

impl TableVisitor for Creator<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        self.0.open_table(definition).map(drop).map_err(failed)
    }
}

/// 1 → 2: totals end with two more moments, those of the last deeper re-readings. None is owed.
fn remember_deeper_reads(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut totals = write.open_table(TOTALS).map_err(failed)?;
    lengthen(&mut totals, u32::clone, |_, record| {
        let watermark = watermark(record)?;
        encode(&(watermark, watermark))
    })
}

/// 2 → 3: totals end with what went to `other`; menus with entries, finals, repeats and the date of the newest row;
/// points with the journeys, those open and the late rows. No journey had been counted. Menus were last seen at the
/// watermark, as far as anybody knows: in Unix seconds, hours off the wall clock's, for the file does not know the zone.
fn begin_journeys(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut totals = write.open_table(TOTALS).map_err(failed)?;
    let mut watermarks = BTreeMap::new();
    for entry in totals.iter().map_err(failed)? {
        let (target, record) = entry.map_err(failed)?;
        watermarks.insert(target.value(), watermark(record.value())?);
    }
    lengthen(&mut totals, u32::clone, |_, _| encode(&Overflow::default()))?;
    let mut menus = write.open_table(MENUS).map_err(failed)?;
    lengthen(&mut menus, <(u32, u32)>::clone, |(target, _), _| {
        encode(&(0u64, 0u64, 0u64, watermarks.get(&target).copied().unwrap_or(0)))
    })?;
    let mut points = write.open_table(POINTS).map_err(failed)?;
    let mut records = Vec::new();
    for entry in points.iter().map_err(failed)? {
        let (key, record) = entry.map_err(failed)?;
        let (target, rp_id, channel) = key.value();
        records.push(((target, rp_id.to_owned(), channel.to_owned()), record.value().to_vec()));
    }
    for ((target, rp_id, channel), mut record) in records {
        record.extend(encode(&(SecondsHistogram::default(), 0u64, 0u64))?);
        points.insert((target, &*rp_id, &*channel), record.as_slice()).map_err(failed)?;
    }
    // Who only reads must find it, however empty.
    write.open_table(TRANSITIONS).map_err(failed)?;
    Ok(())
}

/// 3 → 4: totals end with the two deeper re-readings that are under way. None was kept over a restart.
fn remember_reads_under_way(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut totals = write.open_table(TOTALS).map_err(failed)?;
    lengthen(&mut totals, u32::clone, |_, _| encode(&(None::<ReadCursor>, None::<ReadCursor>)))
}

/// 4 → 5: journeys by deadline, of which there were two tables; interactions in blocks, by when more of them may come and not by
/// the hour of their latest row. That hour was the wall clock's, and the file does not know the zone: a day later is later than
/// it may have been, and nothing is forgotten too early.
fn order_by_time(write: &WriteTransaction) -> Result<(), StoreError> {
    const OLD_JOURNEYS: TableDefinition<'static, (u32, u64), &[u8]> = TableDefinition::new("journeys");
    const BY_DEADLINE: TableDefinition<'static, TimedKey, ()> = TableDefinition::new("journeys_by_deadline");
    const OLD_INTERACTIONS: TableDefinition<'static, (u32, u64), i64> = TableDefinition::new("interactions");
    const BY_HOUR: TableDefinition<'static, TimedKey, ()> = TableDefinition::new("interactions_by_hour");
    const DAY_HOURS: i64 = 24;

    let mut journeys = write.open_table(JOURNEYS).map_err(failed)?;
    let old_journeys = write.open_table(OLD_JOURNEYS).map_err(failed)?;
    let mut blocks = write.open_table(INTERACTIONS).map_err(failed)?;
    let mut some = Vec::new();
    for entry in write.open_table(OLD_INTERACTIONS).map_err(failed)?.iter().map_err(failed)? {
        let (key, hour) = entry.map_err(failed)?;
        let (target, interaction) = key.value();
        let until = match old_journeys.get((target, interaction)).map_err(failed)? {
            Some(record) => {
                let OpenJourney { deadline, visits } = decode(record.value())?;
                let visits = encode(&visits)?;
                journeys.insert((target, deadline, interaction), visits.as_slice()).map_err(failed)?;
                deadline
            }
            None => (hour.value() + DAY_HOURS) * 3600,
        };
        some.push(((target, interaction), until));
        if some.len() == SOME {
            add_interactions(&mut blocks, &mut some)?;
        }
    }
    add_interactions(&mut blocks, &mut some)?;
    drop(old_journeys);
    write.delete_table(OLD_INTERACTIONS).map_err(failed)?;
    write.delete_table(BY_HOUR).map_err(failed)?;
    write.delete_table(OLD_JOURNEYS).map_err(failed)?;
    write.delete_table(BY_DEADLINE).map_err(failed)?;
    Ok(())
}

/// 5 → 6: rows remember how many of them count, which were all; totals end with the rows that changed and where counting
/// went on after a contradiction, and there were none.
fn tell_counted_rows(write: &WriteTransaction) -> Result<(), StoreError> {
    const OLD_ROWS: TableDefinition<'static, TimedKey, (u32, u32, u64)> = TableDefinition::new("rows");

    let mut rows = write.open_table(ROWS).map_err(failed)?;
    for entry in write.open_table(OLD_ROWS).map_err(failed)?.iter().map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let (count, menu, interaction) = value.value();
        rows.insert(key.value(), (count, count, menu, interaction)).map_err(failed)?;
    }
    write.delete_table(OLD_ROWS).map_err(failed)?;
    let mut totals = write.open_table(TOTALS).map_err(failed)?;
    lengthen(&mut totals, u32::clone, |_, _| encode(&(0u64, 0i64)))
}

/// So many records of a table that has millions are held in memory.
const SOME: usize = 100_000;

/// Adds what is ascending by target and interaction, and leaves nothing of it.
fn add_interactions(
    blocks: &mut Interactions<'_>,
    some: &mut Vec<((u32, u64), i64)>,
) -> Result<(), StoreError> {
    for of_one in some.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
        let entries = of_one.iter().filter_map(|((_, hash), until)| Some((NonZeroU64::new(*hash)?, *until)));
        interactions::add(blocks, of_one[0].0.0, entries)?;
    }
    some.clear();
    Ok(())
}

/// Of an encoded `ledger::Totals` of any version: a record is its fields one after the other, and the first two are
/// origin and watermark.
fn watermark(totals: &[u8]) -> Result<i64, StoreError> {
    let read = postcard::take_from_bytes::<(i64, i64)>(totals);
    read.map(|((_, watermark), _)| watermark)
        .map_err(|error| StoreError::Failed(format!("cannot migrate: {error}")))
}

/// Appends to every record what `more` makes of its key and content.
fn lengthen<K, O>(
    table: &mut Table<'_, K, &'static [u8]>,
    own: impl Fn(&K::SelfType<'_>) -> O,
    more: impl Fn(O, &[u8]) -> Result<Vec<u8>, StoreError>,
) -> Result<(), StoreError>
where
    K: redb::Key + 'static,
    O: Copy + for<'k> std::borrow::Borrow<K::SelfType<'k>>,
{
    let mut records = Vec::new();
    for entry in table.iter().map_err(failed)? {
        let (key, record) = entry.map_err(failed)?;
        records.push((own(&key.value()), record.value().to_vec()));
    }
    for (key, mut record) in records {
        let added = more(key, &record)?;
        record.extend(added);
        table.insert(key, record.as_slice()).map_err(failed)?;
    }
    Ok(())
}
