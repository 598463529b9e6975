//! Changes of one target in a state file that no exporter has open: copy it to another file, rename
//! it, forget it.
//!
//! Each is one transaction: all of it or nothing. The rows' hashes are made under a key that each
//! file has, so a target goes only to a file with the same key; a file without targets adopts the
//! other's key.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use redb::{ReadableTable as _, TableDefinition, TableHandle as _, Value, WriteTransaction};
use wolkvox_api::ReportName;

use super::{
    Store, StoreError, TargetId, View, failed,
    file::refuse_irregular,
    schema::{
        MENUS, META, ROWS, StateReader, TARGETS, TOTALS, TableVisitor, TargetKey, visit_tables,
    },
    transaction::free_number,
    view,
};

/// The reason why nothing was done. Nothing has changed then, except that the file to copy to may
/// have been created.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// One of the files cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file does not have the target.
    #[error("{path} has no target {name:?}; it has: {known}")]
    NoTarget {
        /// The file.
        path: PathBuf,
        /// The missing target.
        name: String,
        /// The targets that it has.
        known: String,
    },
    /// The file has a target of this name already.
    #[error(
        "{path} has the target {name:?} already, with counts of its own: copy to another file, or to one from before \
         that target was polled there"
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// The existing target.
        name: String,
    },
    /// The file has a target of the new name with rows of its own.
    #[error(
        "{path} has a target {name:?} that has counted {rows} rows of its own. If they are the same operation's, \
         remove it first with `state forget {name}`: the rows since the renaming are read again from Wolkvox"
    )]
    HasCounted {
        /// The file.
        path: PathBuf,
        /// The new name.
        name: String,
        /// Rows counted under it.
        rows: u64,
    },
    /// The rows of one file would not be recognized in the other.
    #[error(
        "{path} was begun on its own and has targets, so rows remembered elsewhere would be counted twice in it: copy \
         to a new file, or to one that was begun by `state copy` from the same file"
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
}

/// The size of a target that was copied or forgotten.
#[derive(Debug, PartialEq, Eq)]
pub struct Copied {
    /// Label sets.
    pub menus: u64,
    /// Records of rows that are remembered.
    pub rows: u64,
}

impl Store {
    /// Returns the names of all targets that the state has counts of, ascending.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn target_names(&self) -> Result<Vec<String>, StoreError> {
        self.read(|view| view.targets().map(|targets| targets.into_keys().collect()))
    }

    /// Runs `work` like [`Store::write`]; it may also be refused.
    fn change<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, TargetError>,
    ) -> Result<T, TargetError> {
        let mut refused = None;
        let changed = self.write(|write| {
            work(write).map_err(|error| match error {
                TargetError::Store(error) => error,
                other => {
                    refused = Some(other);
                    StoreError::Unusable("refused".to_owned())
                }
            })
        });
        changed.map_err(|error| refused.take().unwrap_or_else(|| error.into()))
    }
}

/// Copies the target `name` from the state file `from` to `to`, which is created if it is missing.
///
/// # Errors
/// If a file cannot be used or is in use, or the target is not in one or is in the other already.
pub fn copy_target(name: &str, from: &Path, to: &Path) -> Result<Copied, TargetError> {
    let StateReader { view, key, .. } = &StateReader::open(from)?;
    let old =
        find(&view.targets()?.into_iter().map(|(name, id)| (name, id.0)).collect(), name, from)?;
    let store = Store::open(to, *key)?;
    store.change(|write| {
        adopt_key(write, *key, to)?;
        let new = {
            let mut targets = write.open_table(TARGETS).map_err(failed)?;
            if targets.get(name).map_err(failed)?.is_some() {
                return Err(TargetError::Exists { path: to.to_owned(), name: name.to_owned() });
            }
            let new = free_number(&targets)?;
            targets.insert(name, new).map_err(failed)?;
            new
        };
        let mut copier = Copier { view, write, old, new, copied: BTreeMap::new() };
        for report in ReportName::ALL {
            copier.old = TargetId(old).of(report).0;
            copier.new = TargetId(new).of(report).0;
            visit_tables(&mut copier)?;
        }
        Ok(counted(&copier.copied))
    })
}

/// Removes the target `name` from the state file at `path`, with all its counts.
///
/// # Errors
/// If the file cannot be used or is in use, or does not have it.
pub fn forget_target(name: &str, path: &Path) -> Result<Copied, TargetError> {
    open_existing(path)?.change(|write| {
        let number = find(&numbers(write)?, name, path)?;
        remove(write, name, number)
    })
}

/// Gives the target `old` the name `new`, under which its counters continue. A target of the new
/// name that has counted nothing yet is removed.
///
/// # Errors
/// If the file cannot be used or is in use, does not have the old one, or has rows counted under
/// the new one.
pub fn rename_target(old: &str, new: &str, path: &Path) -> Result<(), TargetError> {
    open_existing(path)?.change(|write| {
        let numbers = numbers(write)?;
        let number = find(&numbers, old, path)?;
        if let Some(begun) = numbers.get(new).filter(|_| old != new) {
            let rows = view::totals(&write.open_table(TOTALS).map_err(failed)?, *begun)?.new;
            if rows > 0 {
                return Err(TargetError::HasCounted {
                    path: path.to_owned(),
                    name: new.to_owned(),
                    rows,
                });
            }
            remove(write, new, *begun)?;
        }
        let mut targets = write.open_table(TARGETS).map_err(failed)?;
        targets.remove(old).map_err(failed)?;
        targets.insert(new, number).map_err(failed)?;
        Ok(())
    })
}

/// Opens a state file that must be there already.
fn open_existing(path: &Path) -> Result<Store, StoreError> {
    refuse_irregular(path)?;
    let bytes = fs::metadata(path).map_err(StoreError::io(path))?.len();
    if bytes == 0 {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: "it is empty".to_owned(),
        });
    }
    Store::open(path, [0; 16])
}

fn numbers(write: &WriteTransaction) -> Result<BTreeMap<String, u32>, StoreError> {
    let mut numbers = BTreeMap::new();
    for entry in write.open_table(TARGETS).map_err(failed)?.iter().map_err(failed)? {
        let (name, number) = entry.map_err(failed)?;
        numbers.insert(name.value().to_owned(), number.value());
    }
    Ok(numbers)
}

fn find(numbers: &BTreeMap<String, u32>, name: &str, path: &Path) -> Result<u32, TargetError> {
    numbers.get(name).copied().ok_or_else(|| {
        let known: Vec<&str> = numbers.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        TargetError::NoTarget { path: path.to_owned(), name: name.to_owned(), known }
    })
}

fn remove(write: &WriteTransaction, name: &str, number: u32) -> Result<Copied, TargetError> {
    write.open_table(TARGETS).map_err(failed)?.remove(name).map_err(failed)?;
    let mut remover = Remover { write, number, removed: BTreeMap::new() };
    for report in ReportName::ALL {
        remover.number = TargetId(number).of(report).0;
        visit_tables(&mut remover)?;
    }
    Ok(counted(&remover.removed))
}

/// Sets the key of the file, if no record in it was made under another.
fn adopt_key(write: &WriteTransaction, key: [u8; 16], path: &Path) -> Result<(), TargetError> {
    let mut meta = write.open_table(META).map_err(failed)?;
    let own = meta.get("key").map_err(failed)?.is_some_and(|own| own.value() == key);
    if own {
        return Ok(());
    }
    if !numbers(write)?.is_empty() {
        return Err(TargetError::OtherKey { path: path.to_owned() });
    }
    meta.insert("key", key.as_slice()).map_err(failed)?;
    Ok(())
}

/// Returns the sizes that people are shown, from the number of records of each table.
fn counted(records: &BTreeMap<String, u64>) -> Copied {
    Copied {
        menus: records.get(MENUS.name()).copied().unwrap_or(0),
        rows: records.get(ROWS.name()).copied().unwrap_or(0),
    }
}

/// Copies the records of one target.
struct Copier<'a> {
    view: &'a View,
    write: &'a WriteTransaction,
    old: u32,
    new: u32,
    /// Records by table.
    copied: BTreeMap<String, u64>,
}

impl TableVisitor for Copier<'_> {
    fn target_table<K: TargetKey, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        let source = self.view.table(definition)?;
        let mut to = self.write.open_table(definition).map_err(failed)?;
        let mut copied = 0;
        for entry in source.range(K::first(self.old)..K::first(self.old + 1)).map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            to.insert(K::moved(key.value(), self.new), value.value()).map_err(failed)?;
            copied += 1;
        }
        *self.copied.entry(definition.name().to_owned()).or_default() += copied;
        Ok(())
    }
}

/// Removes the records of one target.
struct Remover<'a> {
    write: &'a WriteTransaction,
    number: u32,
    /// Records by table.
    removed: BTreeMap<String, u64>,
}

impl TableVisitor for Remover<'_> {
    fn target_table<K: TargetKey, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        let mut table = self.write.open_table(definition).map_err(failed)?;
        let mut removed = 0;
        let of_target = K::first(self.number)..K::first(self.number + 1);
        table
            .retain_in(of_target, |_, _| {
                removed += 1;
                false
            })
            .map_err(failed)?;
        *self.removed.entry(definition.name().to_owned()).or_default() += removed;
        Ok(())
    }
}
