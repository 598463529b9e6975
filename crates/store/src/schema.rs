//! The tables of the state file, and the check that a file is one.
//!
//! Owns the list of tables, which is the one place that copies, moves and new files follow. A table
//! that is not in the list does not exist.

use std::path::Path;

use redb::{
    Database, DatabaseError, Key, ReadOnlyDatabase, ReadTransaction, ReadableDatabase,
    TableDefinition, Value,
};

use super::{StoreError, View, failed, file::refuse_irregular, open_error};

/// Version of the layout below. A file with a higher one is refused, one with a lower one is
/// brought up to date.
pub(super) const VERSION: u32 = 6;

/// Oldest layout that a start brings up to date.
pub(super) const OLDEST: u32 = 5;

/// Target, a time that depends on the table, and a number that distinguishes records of the same
/// time.
pub(super) type TimedKey = (u32, i64, u64);

/// "version" → u32, "key" → 16 bytes.
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// Name → number of a target.
pub(super) const TARGETS: TableDefinition<'static, &str, u32> = TableDefinition::new("targets");
/// Target → `ledger::Totals`.
pub(super) const TOTALS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("totals");
/// Target, number of the menu → labels and `ledger::OptionCounts`.
pub(super) const MENUS: TableDefinition<'static, (u32, u32), &[u8]> = TableDefinition::new("menus");
/// Target, `rp_id`, `channel`, `from_opc_menu`, `to_opc_menu` → `ledger::TransitionCounts`.
pub(super) const TRANSITIONS: TableDefinition<'static, (u32, &str, &str, &str, &str), &[u8]> =
    TableDefinition::new("transitions");
/// Target, deadline, interaction → the visits of a `ledger::OpenJourney`. Journeys that begin
/// together end together, so the records that are written and removed are on few pages.
pub(super) const JOURNEYS: TableDefinition<'static, TimedKey, &[u8]> =
    TableDefinition::new("open_journeys");
/// Target, `rp_id`, `channel` → `ledger::RoutingPointCounts`.
pub(super) const POINTS: TableDefinition<'static, (u32, &str, &str), &[u8]> =
    TableDefinition::new("points");
/// Target, date, fingerprint → `ledger::RowRecord` as [`RowValue`].
pub(super) const ROWS: TableDefinition<'static, TimedKey, RowValue> =
    TableDefinition::new("row_records");
/// Count, counted, menu, interaction (0 for none) of a `ledger::RowRecord`.
pub(super) type RowValue = (u32, u32, u32, u64);
/// Target, hour from 1970, number → a block of `interactions`.
pub(super) const INTERACTIONS: TableDefinition<'static, TimedKey, &[u8]> =
    TableDefinition::new("interaction_blocks");
/// Target → the server's day as 20260118, and the requests sent on it.
pub(super) const QUOTA: TableDefinition<'static, u32, (u32, u64)> = TableDefinition::new("quota");
/// Target → the number of its next menu. A number that rows still remember is never given to
/// another menu.
pub(super) const NEXT_MENUS: TableDefinition<'static, u32, u32> =
    TableDefinition::new("next_menus");
/// Target, 0 for routing points or 1 for options, code → name.
pub(super) const NAMES: TableDefinition<'static, (u32, u8, &str), &str> =
    TableDefinition::new("names");
/// Target, day (of the server's wall clock, from 1970) → a day of `baseline::History`.
pub(super) const HISTORY: TableDefinition<'static, (u32, i32), &[u8]> =
    TableDefinition::new("history");
/// Target → the `schedule::Unanswerable` seconds of its server.
pub(super) const UNANSWERABLE: TableDefinition<'static, u32, &[u8]> =
    TableDefinition::new("unanswerable");
/// Target → `schedule::warm_up::WarmUp`.
pub(super) const WARM_UPS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("warm_ups");

/// A key that begins with the number of a target.
pub(super) trait TargetKey: Key + 'static {
    /// Returns the lowest key that a target can have.
    fn first(target: u32) -> Self::SelfType<'static>;

    /// Returns the same key of another target.
    fn moved<'a>(key: Self::SelfType<'a>, target: u32) -> Self::SelfType<'a>;
}

macro_rules! target_key {
    ($type:ty, $($rest:ident: $least:expr),*) => {
        impl TargetKey for $type {
            #[allow(unused_parens)]
            fn first(target: u32) -> Self::SelfType<'static> {
                (target $(, $least)*)
            }

            #[allow(unused_parens, unused_variables)]
            fn moved<'a>(key: Self::SelfType<'a>, target: u32) -> Self::SelfType<'a> {
                let (own $(, $rest)*) = key;
                (target $(, $rest)*)
            }
        }
    };
}

target_key!(u32,);
target_key!((u32, u32), number: 0);
target_key!((u32, i32), day: i32::MIN);
target_key!(TimedKey, time: i64::MIN, number: 0);
target_key!((u32, u8, &'static str), list: 0, code: "");
target_key!((u32, &'static str, &'static str), rp_id: "", channel: "");
target_key!(
    (u32, &'static str, &'static str, &'static str, &'static str),
    rp_id: "", channel: "", from: "", to: ""
);

/// An action on each table.
pub(super) trait TableVisitor {
    /// Visits a table. Does nothing unless it is implemented.
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        _definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Visits a table in which every record belongs to one target.
    fn target_table<K: TargetKey, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        self.table(definition)
    }
}

/// Visits every table above, always in this order.
pub(super) fn visit_tables(visitor: &mut impl TableVisitor) -> Result<(), StoreError> {
    visitor.table(META)?;
    visitor.table(TARGETS)?;
    visitor.target_table(TOTALS)?;
    visitor.target_table(MENUS)?;
    visitor.target_table(TRANSITIONS)?;
    visitor.target_table(JOURNEYS)?;
    visitor.target_table(POINTS)?;
    visitor.target_table(ROWS)?;
    visitor.target_table(INTERACTIONS)?;
    visitor.target_table(QUOTA)?;
    visitor.target_table(NEXT_MENUS)?;
    visitor.target_table(NAMES)?;
    visitor.target_table(HISTORY)?;
    visitor.target_table(WARM_UPS)?;
    visitor.target_table(UNANSWERABLE)
}

/// Layout and key of a state file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) version: u32,
    pub(super) key: [u8; 16],
}

impl Identity {
    /// Refuses a layout that this program cannot bring up to date.
    pub(super) fn check(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_owned();
        let found = self.version;
        match found {
            OLDEST..=VERSION => Ok(()),
            0..OLDEST => Err(StoreError::TooOld { path, found }),
            _ => Err(StoreError::Newer { path, found }),
        }
    }
}

/// Reads layout and key of a file; `None` for a new one.
pub(super) fn identify(
    read: &ReadTransaction,
    path: &Path,
) -> Result<Option<Identity>, StoreError> {
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => {
            return match read.list_tables().map_err(failed)?.next() {
                Some(_) => Err(damaged(path, "it belongs to another program")),
                None => Ok(None),
            };
        }
        Err(error) => return Err(damaged(path, &error.to_string())),
    };
    let version = meta.get("version").map_err(failed)?;
    let version = version.and_then(|bytes| bytes.value().try_into().ok()).map(u32::from_le_bytes);
    let key = meta.get("key").map_err(failed)?.and_then(|bytes| bytes.value().try_into().ok());
    match (version, key) {
        (None | Some(0), _) => Err(damaged(path, "it has no version")),
        // A newer layout may keep its key elsewhere.
        (Some(version), key) if version > VERSION => {
            Ok(Some(Identity { version, key: key.unwrap_or_default() }))
        }
        (Some(_), None) => Err(damaged(path, "it has no key")),
        (Some(version), Some(key)) => Ok(Some(Identity { version, key })),
    }
}

fn damaged(path: &Path, detail: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() }
}

/// Refuses a file of another program or of a newer layout before opening it for writing changes it.
/// A file that was not closed cleanly cannot be checked in this way; redb closes it first, which
/// changes no record.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let Ok(database) = Database::builder().open_read_only(path) else { return Ok(()) };
    let read = database.begin_read().map_err(failed)?;
    match identify(&read, path)? {
        Some(identity) => identity.check(path),
        None => Ok(()),
    }
}

/// A state file that is only read.
pub(super) struct StateReader {
    pub(super) view: View,
    pub(super) key: [u8; 16],
    /// Keeps the file open while it is read.
    _database: ReadOnlyDatabase,
}

impl StateReader {
    /// Opens a file of today's layout that nobody writes to, without changing it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        refuse_irregular(path)?;
        let database = Database::builder().open_read_only(path).map_err(|error| match error {
            DatabaseError::RepairAborted => StoreError::NotClosed(path.to_owned()),
            other => open_error(path, other),
        })?;
        let read = database.begin_read().map_err(failed)?;
        match identify(&read, path)? {
            Some(Identity { version: VERSION, key }) => {
                Ok(Self { view: View::new(read), key, _database: database })
            }
            Some(identity) => {
                identity.check(path)?;
                Err(StoreError::Older { path: path.to_owned(), found: identity.version })
            }
            None => Err(damaged(path, "it is empty")),
        }
    }
}
