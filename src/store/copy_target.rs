//! Moving a target to another state file, so that another process goes on where this one left off.
//!
//! Copies everything that is committed of one target in one transaction; the file it comes from is only read. Both must
//! not be in use. The rows' hashes are made under a key that each file has, so the two files must have the same one: a
//! file without targets takes over the other's.

use std::path::{Path, PathBuf};

use redb::{
    Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value,
    WriteTransaction,
};

use super::{
    Store, StoreError, failed,
    schema::{
        HISTORY, INTERACTIONS, JOURNEYS, MENUS, META, NAMES, NEXT_MENUS, POINTS, QUOTA, ROWS, Reading,
        TARGETS, TOTALS, TRANSITIONS, UNANSWERABLE, WARM_UPS,
    },
};

/// Why a target was not copied. Nothing has been changed then, but that the file to copy to may have been created.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file does not have it.
    #[error("{path} has no target {name:?}; it has: {known}")]
    NoTarget {
        /// The file.
        path: PathBuf,
        /// Whom it does not have.
        name: String,
        /// Whom it has.
        known: String,
    },
    /// It is there already.
    #[error(
        "{path} has the target {name:?} already, with counts of its own: copy to another file, or to one from before \
         that target was polled there"
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// Whom it has.
        name: String,
    },
    /// The rows of the one would not be recognized in the other.
    #[error(
        "{path} was begun on its own and has targets, so rows remembered elsewhere would be counted twice in it: copy \
         to a new file, or to one that was begun by `state copy` from the same file"
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// A table that this does not copy.
    #[error("the state has a table {0:?} that `state copy` does not know; this is a bug, please report it")]
    UnknownTable(String),
}

/// What was copied.
#[derive(Debug, PartialEq, Eq)]
pub struct Copied {
    /// Label sets.
    pub menus: u64,
    /// Records of rows that are remembered.
    pub rows: u64,
}

/// Copies the target `name` from the state file `from` to `to`, which is created if it is missing.
///
/// # Errors
/// When a file cannot be used or is in use, or the target is not in the one or is in the other already.
pub fn copy_target(name: &str, from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let Reading { read, key, .. } = &Reading::open(from)?;
    let old = number_of(read, name, from)?;
    check_tables(read)?;
    let store = Store::open(to, *key)?;
    store.write(|write| {
        if let Err(refused) = adopt_key(write, *key, to) {
            return Ok(Err(refused));
        }
        copy_records_of(read, old, write, name, to)
    })?
}

fn number_of(read: &ReadTransaction, name: &str, path: &Path) -> Result<u32, CopyError> {
    let mut known = Vec::new();
    match read.open_table(TARGETS) {
        Ok(targets) => {
            if let Some(number) = targets.get(name).map_err(failed)? {
                return Ok(number.value());
            }
            for entry in targets.iter().map_err(failed)? {
                known.push(entry.map_err(failed)?.0.value().to_owned());
            }
        }
        // A file on which no target was ever started.
        Err(TableError::TableDoesNotExist(_)) => known.push("none".to_owned()),
        Err(error) => return Err(failed(error).into()),
    }
    Err(CopyError::NoTarget { path: path.to_owned(), name: name.to_owned(), known: known.join(", ") })
}

/// Of what is not known here a target would lose its part.
fn check_tables(read: &ReadTransaction) -> Result<(), CopyError> {
    let known = [
        META.name(),
        TARGETS.name(),
        TOTALS.name(),
        QUOTA.name(),
        MENUS.name(),
        POINTS.name(),
        TRANSITIONS.name(),
        ROWS.name(),
        JOURNEYS.name(),
        INTERACTIONS.name(),
        NAMES.name(),
        NEXT_MENUS.name(),
        HISTORY.name(),
        WARM_UPS.name(),
        UNANSWERABLE.name(),
    ];
    let mut tables = read.list_tables().map_err(failed)?;
    match tables.find(|table| !known.contains(&table.name())) {
        Some(table) => Err(CopyError::UnknownTable(table.name().to_owned())),
        None => Ok(()),
    }
}

/// Makes `key` that of the file, if nothing in it was made under another.
fn adopt_key(write: &WriteTransaction, key: [u8; 16], path: &Path) -> Result<(), CopyError> {
    let mut meta = write.open_table(META).map_err(failed)?;
    let own = meta.get("key").map_err(failed)?.is_some_and(|own| own.value() == key);
    if own {
        return Ok(());
    }
    if write.open_table(TARGETS).map_err(failed)?.iter().map_err(failed)?.next().is_some() {
        return Err(CopyError::OtherKey { path: path.to_owned() });
    }
    meta.insert("key", key.as_slice()).map_err(failed)?;
    Ok(())
}

/// The records of `$table` within `$range`, each put under the key that `$new` makes of its own.
macro_rules! copy_records {
    ($read:expr, $write:expr, $table:expr, $range:expr, $new:expr) => {{
        let mut copied = 0u64;
        if let Some(source) = table($read, $table)? {
            let mut to = $write.open_table($table).map_err(failed)?;
            for entry in source.range($range).map_err(failed)? {
                let (key, value) = entry.map_err(failed)?;
                to.insert($new(key.value()), value.value()).map_err(failed)?;
                copied += 1;
            }
        }
        copied
    }};
}

/// A table that a file lacks is an empty one.
fn table<K: Key + 'static, V: Value + 'static>(
    read: &ReadTransaction,
    definition: TableDefinition<'_, K, V>,
) -> Result<Option<ReadOnlyTable<K, V>>, StoreError> {
    match read.open_table(definition) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn copy_records_of(
    read: &ReadTransaction,
    old: u32,
    write: &WriteTransaction,
    name: &str,
    to: &Path,
) -> Result<Result<Copied, CopyError>, StoreError> {
    let id = {
        let mut targets = write.open_table(TARGETS).map_err(failed)?;
        if targets.get(name).map_err(failed)?.is_some() {
            return Ok(Err(CopyError::Exists { path: to.to_owned(), name: name.to_owned() }));
        }
        let count = targets.iter().map_err(failed)?.count();
        let id = u32::try_from(count).map_err(|_| StoreError::Failed("too many targets".to_owned()))?;
        targets.insert(name, id).map_err(failed)?;
        id
    };
    let next = old + 1;
    copy_records!(read, write, TOTALS, old..next, |_| id);
    copy_records!(read, write, QUOTA, old..next, |_| id);
    copy_records!(read, write, NEXT_MENUS, old..next, |_| id);
    let menus = copy_records!(read, write, MENUS, (old, 0)..(next, 0), |(_, number)| (id, number));
    copy_records!(read, write, POINTS, (old, "", "")..(next, "", ""), |(_, a, b)| (id, a, b));
    let steps = (old, "", "", "", "")..(next, "", "", "", "");
    copy_records!(read, write, TRANSITIONS, steps, |(_, a, b, c, d)| (id, a, b, c, d));
    let dated = (old, i64::MIN, 0)..(next, i64::MIN, 0);
    let rows = copy_records!(read, write, ROWS, dated.clone(), |(_, date, hash)| (id, date, hash));
    copy_records!(read, write, JOURNEYS, dated.clone(), |(_, at, hash)| (id, at, hash));
    copy_records!(read, write, INTERACTIONS, dated, |(_, hour, number)| (id, hour, number));
    copy_records!(read, write, NAMES, (old, 0, "")..(next, 0, ""), |(_, list, code)| (id, list, code));
    copy_records!(read, write, HISTORY, (old, i32::MIN)..(next, i32::MIN), |(_, day)| (id, day));
    copy_records!(read, write, WARM_UPS, old..next, |_| id);
    copy_records!(read, write, UNANSWERABLE, old..next, |_| id);
    Ok(Ok(Copied { menus, rows }))
}
