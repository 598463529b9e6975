//! The interactions that have had a row, each with the second until which more rows of it may come.
//! They tell a new interaction from another row of a known one.
//!
//! Owns their table and its blocks. Interactions are hashes, so a table ordered by them would read
//! and write a page for nearly every one. Instead they are appended to blocks of one hour, and all
//! blocks are read once for a whole answer: a megabyte for each 100,000 interactions. They must
//! never be looked up one at a time.

use std::{cmp::Reverse, collections::BTreeMap, num::NonZeroU64};

use redb::{ReadableTable, Table};

use super::{StoreError, failed, schema::TimedKey};

const HOUR: i64 = 3600;

/// Bytes of a hash.
const HASH: usize = 8;
/// Bytes of one interaction: its hash and the second of the hour.
const ENTRY: usize = HASH + 2;
/// Most interactions of a block. With its key, such a block fills one of redb's pages of 32 KiB.
const MOST: usize = 3_270;
/// Most interactions of a block that is rewritten together with new ones, so that many small
/// answers do not make more blocks than a large one.
const FEW: usize = 400;

/// The table: target, hour from 1970, number → interactions of which more rows may come until a
/// second of that hour.
pub(super) type Interactions<'t> = Table<'t, TimedKey, &'static [u8]>;

/// A hash, and the Unix second until which more rows of the interaction may come.
type Entry = (u64, i64);

/// A block: the hashes, ascending, 8 bytes each, and then the second of the hour of each, 2 bytes,
/// in little-endian order.
struct InteractionBlock<'b> {
    hour: i64,
    hashes: &'b [[u8; HASH]],
    seconds: &'b [[u8; ENTRY - HASH]],
}

impl<'b> InteractionBlock<'b> {
    fn of(hour: i64, bytes: &'b [u8]) -> Result<Self, StoreError> {
        let (hashes, seconds) = bytes.split_at(bytes.len() / ENTRY * HASH);
        let (hashes, _) = hashes.as_chunks();
        match seconds.as_chunks() {
            (seconds, []) if seconds.len() == hashes.len() => Ok(Self { hour, hashes, seconds }),
            _ => Err(StoreError::Unusable(
                "a block of interactions has no whole number of them".to_owned(),
            )),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Entry> {
        let until = self
            .seconds
            .iter()
            .map(|second| self.hour * HOUR + i64::from(u16::from_le_bytes(*second)));
        self.hashes.iter().map(|hash| u64::from_le_bytes(*hash)).zip(until)
    }
}

fn block(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY);
    entries.iter().for_each(|(hash, _)| bytes.extend(hash.to_le_bytes()));
    entries
        .iter()
        .for_each(|(_, until)| bytes.extend((until.rem_euclid(HOUR) as u16).to_le_bytes()));
    bytes
}

/// Sorts entries, and keeps the latest second of each.
fn put_in_order<H: Copy + Ord>(entries: &mut Vec<(H, i64)>) {
    entries.sort_unstable_by_key(|(hash, until)| (*hash, Reverse(*until)));
    entries.dedup_by_key(|(hash, _)| *hash);
}

/// Adds interactions, ascending, each with the Unix second until which more rows of it may come. A
/// known interaction keeps its latest second.
pub(super) fn add(
    table: &mut Interactions<'_>,
    target: u32,
    interactions: impl Iterator<Item = (NonZeroU64, i64)>,
) -> Result<(), StoreError> {
    let mut by_hour: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    for (interaction, until) in interactions {
        by_hour.entry(until.div_euclid(HOUR)).or_default().push((interaction.get(), until));
    }
    for (hour, mut entries) in by_hour {
        let number = join_last(table, target, hour, &mut entries)?;
        for (number, entries) in (number..).zip(entries.chunks(MOST)) {
            table.insert((target, hour, number), block(entries).as_slice()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Adds to the entries those of the last block of their hour, if it has few. Returns the number of
/// the block that they begin.
fn join_last(
    table: &Interactions<'_>,
    target: u32,
    hour: i64,
    entries: &mut Vec<Entry>,
) -> Result<u64, StoreError> {
    let mut blocks = table.range((target, hour, 0)..=(target, hour, u64::MAX)).map_err(failed)?;
    let Some(last) = blocks.next_back() else { return Ok(0) };
    let (key, bytes) = last.map_err(failed)?;
    let (_, _, number) = key.value();
    let last = InteractionBlock::of(hour, bytes.value())?;
    if last.hashes.len() > FEW {
        return Ok(number + 1);
    }
    entries.extend(last.entries());
    put_in_order(entries);
    Ok(number)
}

/// Forgets interactions of which no more rows could come since the beginning of the hour of
/// `oldest`, in Unix seconds.
pub(super) fn forget(
    table: &mut Interactions<'_>,
    target: u32,
    oldest: i64,
) -> Result<(), StoreError> {
    let old = (target, i64::MIN, 0)..(target, oldest.div_euclid(HOUR), 0);
    table.retain_in(old, |_, _| false).map_err(failed)
}

/// Returns for each of these interactions, ascending, the Unix second until which more rows of it
/// may come: `None` for an unknown one, or for one of which no more could come since `oldest`.
pub(super) fn until(
    table: &impl ReadableTable<TimedKey, &'static [u8]>,
    target: u32,
    interactions: &[NonZeroU64],
    oldest: i64,
) -> Result<Vec<Option<i64>>, StoreError> {
    let mut found = vec![None; interactions.len()];
    if interactions.is_empty() {
        return Ok(found);
    }
    let hours = (target, oldest.div_euclid(HOUR), 0)..=(target, i64::MAX, u64::MAX);
    for entry in table.range(hours).map_err(failed)? {
        let (key, bytes) = entry.map_err(failed)?;
        let (_, hour, _) = key.value();
        let block = InteractionBlock::of(hour, bytes.value())?;
        let mut entries = block.entries().peekable();
        let Some((first, _)) = entries.peek() else { continue };
        let from = interactions.partition_point(|interaction| interaction.get() < *first);
        for (interaction, found) in interactions[from..].iter().zip(&mut found[from..]) {
            while entries.next_if(|(hash, _)| *hash < interaction.get()).is_some() {}
            match entries.peek() {
                Some((hash, until)) if *hash == interaction.get() => {
                    *found = (*found).max(Some(*until).filter(|until| *until >= oldest));
                }
                Some(_) => {}
                None => break,
            }
        }
    }
    Ok(found)
}

/// Returns all known interactions of a target, ascending, each with the Unix second until which
/// more rows of it may come.
pub(super) fn all(
    table: &impl ReadableTable<TimedKey, &'static [u8]>,
    target: u32,
) -> Result<Vec<(NonZeroU64, i64)>, StoreError> {
    let mut all = Vec::new();
    for entry in
        table.range((target, i64::MIN, 0)..=(target, i64::MAX, u64::MAX)).map_err(failed)?
    {
        let (key, bytes) = entry.map_err(failed)?;
        let (_, hour, _) = key.value();
        let block = InteractionBlock::of(hour, bytes.value())?;
        all.extend(
            block.entries().filter_map(|(hash, until)| Some((NonZeroU64::new(hash)?, until))),
        );
    }
    put_in_order(&mut all);
    Ok(all)
}
