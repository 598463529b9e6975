//! The steps that give a new file today's layout, and bring an older one to it.
//!
//! Owns the step from each layout to the next, in one transaction: a crash leaves the old file,
//! which is brought up to date at the next start. The schema owns the list of tables.

use std::path::Path;

use redb::{
    Database, Key, ReadableDatabase, ReadableTable, TableDefinition, Value, WriteTransaction,
};
use tracing::info;

use super::{
    StoreError, encode, failed,
    schema::{META, ROWS, TOTALS, TableVisitor, TimedKey, VERSION, identify, visit_tables},
};

/// Checks the layout of a file, brings an older one up to date and fills a new one. Returns the key
/// of its fingerprints.
pub(super) fn prepare(
    database: &Database,
    path: &Path,
    new_key: [u8; 16],
) -> Result<[u8; 16], StoreError> {
    let Some(identity) = identify(&database.begin_read().map_err(failed)?, path)? else {
        let write = database.begin_write().map_err(failed)?;
        fill(&write, new_key)?;
        write.commit().map_err(failed)?;
        return Ok(new_key);
    };
    identity.check(path)?;
    if identity.version < VERSION {
        let write = database.begin_write().map_err(failed)?;
        fill(&write, identity.key)?;
        remember_counted_rows(&write)?;
        write.commit().map_err(failed)?;
        info!(
            from = identity.version,
            to = VERSION,
            "the layout of the state file was brought up to date; older versions of the exporter refuse it from now on"
        );
    }
    Ok(identity.key)
}

/// Makes the tables that are missing, and writes version and key.
pub(super) fn fill(write: &WriteTransaction, key: [u8; 16]) -> Result<(), StoreError> {
    visit_tables(&mut Creator(write))?;
    let mut meta = write.open_table(META).map_err(failed)?;
    meta.insert("version", VERSION.to_le_bytes().as_slice()).map_err(failed)?;
    meta.insert("key", key.as_slice()).map_err(failed)?;
    Ok(())
}

struct Creator<'a>(&'a WriteTransaction);

impl TableVisitor for Creator<'_> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        self.0.open_table(definition).map(drop).map_err(failed)
    }
}

/// Records of rows before layout 6: count, menu, interaction.
pub(super) const ROWS_OF_5: TableDefinition<'static, TimedKey, (u32, u32, u64)> =
    TableDefinition::new("rows");

/// Brings layout 5 to 6. A row's record gets the number of them that count, which was all of them.
/// Totals get the number of changed rows and the moment after a contradiction, both 0.
fn remember_counted_rows(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut rows = write.open_table(ROWS).map_err(failed)?;
    for entry in write.open_table(ROWS_OF_5).map_err(failed)?.iter().map_err(failed)? {
        let (key, value) = entry.map_err(failed)?;
        let (count, menu, interaction) = value.value();
        rows.insert(key.value(), (count, count, menu, interaction)).map_err(failed)?;
    }
    write.delete_table(ROWS_OF_5).map_err(failed)?;
    let mut totals = write.open_table(TOTALS).map_err(failed)?;
    let mut records = Vec::new();
    for entry in totals.iter().map_err(failed)? {
        let (target, record) = entry.map_err(failed)?;
        records.push((target.value(), record.value().to_vec()));
    }
    for (target, mut record) in records {
        record.extend(encode(&(0u64, 0i64))?);
        totals.insert(target, record.as_slice()).map_err(failed)?;
    }
    Ok(())
}
