//! Which tables the state file has, and how a file is recognised and opened by who only reads it.

use std::path::Path;

use redb::{
    Database, DatabaseError, Key, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, TableDefinition, Value,
};

use super::{StoreError, failed, open_error, overlay::look};

/// Version of the layout below. A file with a higher one is refused, one with a lower one is brought here.
pub(super) const VERSION: u32 = 6;

/// Target, a time of its own, and what tells apart what has the same.
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
/// Target, deadline, interaction → the visits of a `ledger::OpenJourney`. Those that begin together end together, so that what
/// is written and what is closed lies on few pages.
pub(super) const JOURNEYS: TableDefinition<'static, TimedKey, &[u8]> = TableDefinition::new("open_journeys");
/// Target, `rp_id`, `channel` → `ledger::RoutingPointCounts`.
pub(super) const POINTS: TableDefinition<'static, (u32, &str, &str), &[u8]> = TableDefinition::new("points");
/// Target, date, fingerprint → `ledger::RowRecord` as [`RowValue`].
pub(super) const ROWS: TableDefinition<'static, TimedKey, RowValue> = TableDefinition::new("row_records");
/// Count, counted, menu, interaction (0 for none) of a `ledger::RowRecord`.
pub(super) type RowValue = (u32, u32, u32, u64);
/// Target, hour from 1970, number → a block of `interactions`.
pub(super) const INTERACTIONS: TableDefinition<'static, TimedKey, &[u8]> =
    TableDefinition::new("interaction_blocks");
/// Target → the server's day as 20260118, and the requests sent on it.
pub(super) const QUOTA: TableDefinition<'static, u32, (u32, u64)> = TableDefinition::new("quota");

/// Target → the number of its next menu: one that rows still remember is never given to another. A file may lack it:
/// then the numbers go on after the highest in use.
pub(super) const NEXT_MENUS: TableDefinition<'static, u32, u32> = TableDefinition::new("next_menus");

/// Target, 0 for routing points or 1 for options, code → name. A file may lack it: nobody has named anything yet.
pub(super) const NAMES: TableDefinition<'static, (u32, u8, &str), &str> = TableDefinition::new("names");

/// Target, day (of the server's wall clock, from 1970) → a day of `baseline::History`. A file may lack it: nothing is known
/// of what was usual.
pub(super) const HISTORY: TableDefinition<'static, (u32, i32), &[u8]> = TableDefinition::new("history");

/// Target → the `schedule::Unanswerable` seconds of its server. A file may lack it: none is known.
pub(super) const UNANSWERABLE: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("unanswerable");

/// Target → `schedule::warm_up::WarmUp`. A file may lack it: nothing has been read of the time before.
pub(super) const WARM_UPS: TableDefinition<'static, u32, &[u8]> = TableDefinition::new("warm_ups");

/// Something to be done with each table.
pub(super) trait TableVisitor {
    /// With this one.
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError>;
}

/// Every table above, always in this order.
pub(super) fn visit_tables(visitor: &mut impl TableVisitor) -> Result<(), StoreError> {
    visitor.table(META)?;
    visitor.table(TARGETS)?;
    visitor.table(TOTALS)?;
    visitor.table(MENUS)?;
    visitor.table(TRANSITIONS)?;
    visitor.table(JOURNEYS)?;
    visitor.table(POINTS)?;
    visitor.table(ROWS)?;
    visitor.table(INTERACTIONS)?;
    visitor.table(QUOTA)?;
    visitor.table(NEXT_MENUS)?;
    visitor.table(NAMES)?;
    visitor.table(HISTORY)?;
    visitor.table(WARM_UPS)?;
    visitor.table(UNANSWERABLE)
}

/// Refuses a file that is not ours, or of a newer version, before anything is written to it: opening it for
/// writing would. A file that cannot be read this way is left to the real opening, which says why.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    match look(path, |read| identify(read, path)) {
        Some(Err(refused @ (StoreError::Newer { .. } | StoreError::Damaged { .. }))) => Err(refused),
        _ => Ok(()),
    }
}

/// The version and the key of a file, or nothing of one that is new.
pub(super) fn identify(read: &ReadTransaction, path: &Path) -> Result<Option<(u32, [u8; 16])>, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() };
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::TableDoesNotExist(_)) => {
            return match read.list_tables().map_err(failed)?.next() {
                Some(_) => Err(damaged("it belongs to another program")),
                None => Ok(None),
            };
        }
        Err(error) => return Err(damaged(&error.to_string())),
    };
    let version = meta.get("version").map_err(failed)?;
    let version = version.and_then(|bytes| bytes.value().try_into().ok()).map(u32::from_le_bytes);
    let key = meta.get("key").map_err(failed)?.and_then(|bytes| bytes.value().try_into().ok());
    match version {
        Some(version @ 1..=VERSION) => {
            key.map(|key| Some((version, key))).ok_or_else(|| damaged("it has no key"))
        }
        Some(found @ 1..) => Err(StoreError::Newer { path: path.to_owned(), found }),
        Some(0) | None => Err(damaged("it has no version")),
    }
}

/// A file that is only read.
pub(super) struct Reading {
    pub(super) read: ReadTransaction,
    pub(super) key: [u8; 16],
    /// Keeps it open, for longer than it is read.
    _database: ReadOnlyDatabase,
}

impl Reading {
    /// Opens a file of today's layout that nobody writes to, and changes nothing of it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder().open_read_only(path).map_err(|error| match error {
            DatabaseError::RepairAborted => StoreError::NotClosed(path.to_owned()),
            other => open_error(path, other),
        })?;
        let read = database.begin_read().map_err(failed)?;
        match identify(&read, path)? {
            Some((VERSION, key)) => Ok(Self { read, key, _database: database }),
            Some((found, _)) => Err(StoreError::Older { path: path.to_owned(), found }),
            None => Err(StoreError::Damaged { path: path.to_owned(), detail: "it is empty".to_owned() }),
        }
    }
}
