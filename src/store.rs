//! The state on disk, and the only room that touches it.
//!
//! One redb file holds, for all targets, what has been counted and what is remembered of the rows. A step is
//! written in one transaction, synced before it returns: after any crash the file is as before it or as after
//! it. A file that cannot be read whole is refused and left as it is.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    num::NonZeroU64,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, Table, TableDefinition,
    WriteTransaction,
    backends::{FileBackend, InMemoryBackend},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    labels::{MenuLabels, PointLabels},
    ledger::{Account, Memory, Menu, Point, RowKey, RowRecord, Step, Totals},
    wolkvox::Fingerprints,
};

/// Version of the layout below. A file with another is refused.
const VERSION: u32 = 1;
/// Memory for pages: enough for the part of the tree that one commit walks through.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
/// Interactions are remembered by the hour of their latest row, so that most rows need not move them.
const HOUR: i64 = 3600;

/// "version" → u32, "key" → 16 bytes.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Name → number of a target.
const TARGETS: TableDefinition<'_, &str, u32> = TableDefinition::new("targets");
/// Target → [`Totals`].
const TOTALS: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("totals");
/// Target, number of the menu → labels and [`Menu`].
const MENUS: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("menus");
/// Target, `rp_id`, `channel` → [`Point`].
const POINTS: TableDefinition<'_, (u32, &str, &str), &[u8]> = TableDefinition::new("points");
/// Target, date, fingerprint → count, menu, interaction (0 for none).
const ROWS: TableDefinition<'_, (u32, i64, u64), (u32, u32, u64)> = TableDefinition::new("rows");
/// Target, interaction → hour of its latest row; and the same by hour, for forgetting.
const INTERACTIONS: TableDefinition<'_, (u32, u64), i64> = TableDefinition::new("interactions");
const INTERACTIONS_BY_HOUR: TableDefinition<'_, (u32, i64, u64), ()> =
    TableDefinition::new("interactions_by_hour");

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error("{0} is in use by another process: only one exporter may write to a state file")]
    Locked(PathBuf),
    /// Written by a newer (or a foreign) version.
    #[error(
        "{path} has layout version {found}, and this program writes version {VERSION}: run the version that \
         wrote it, or give --state.path another file (which starts counting anew)"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Not a state file, or a damaged one.
    #[error(
        "{path} is damaged or is no state file ({detail}); it has been left as it is: restore a backup, or move \
         it away (which starts counting anew)"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        detail: String,
    },
    /// The system refuses.
    #[error("cannot use the state file {path}: {source}; check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A read or write failed while running.
    #[error("the state file failed: {0}")]
    Failed(String),
}

/// Any of redb's errors in the middle of work.
fn failed(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Failed(error.into().to_string())
}

/// The open state file; locked for as long as this lives.
pub struct Store {
    database: Database,
    fingerprints: Fingerprints,
}

/// A target's number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetId(u32);

impl Store {
    /// Opens the file, or creates it (mode 0600, missing folders 0700). The whole file is checked against its
    /// checksums. `new_key` is the secret for a new file's fingerprints; an existing file keeps its own.
    pub fn open(path: &Path, new_key: [u8; 16]) -> Result<Self, StoreError> {
        let io = |source| StoreError::Io { path: path.to_owned(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(io(io::Error::other("it is not a regular file")));
        }
        let backend = FileBackend::new(file).map_err(|error| open_error(path, error))?;
        Self::open_backend(backend, path, new_key)
    }

    /// As [`Store::open`], over any storage; `path` only names it in messages.
    pub fn open_backend(
        backend: impl StorageBackend,
        path: &Path,
        new_key: [u8; 16],
    ) -> Result<Self, StoreError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend).map_err(|error| open_error(path, error))?;
        let fingerprints = prepare(&database, path, new_key)?;
        Ok(Self { database, fingerprints })
    }

    /// A state that ends with the process.
    pub fn in_memory(new_key: [u8; 16]) -> Result<Self, StoreError> {
        Self::open_backend(InMemoryBackend::new(), Path::new("memory"), new_key)
    }

    /// Makes the fingerprints under this file's key.
    pub fn fingerprints(&self) -> Fingerprints {
        self.fingerprints.clone()
    }

    /// The target of this name, made known to the file if it is new, and what was last committed of it.
    pub fn restore(
        &self,
        name: &str,
        new: impl FnOnce() -> Account,
    ) -> Result<(TargetId, Account), StoreError> {
        self.transact(|tx| {
            let known = tx.targets.get(name).map_err(failed)?.map(|id| id.value());
            if let Some(id) = known {
                return Ok((TargetId(id), tx.account(id)?));
            }
            let id = tx.targets.iter().map_err(failed)?.count() as u32;
            tx.targets.insert(name, id).map_err(failed)?;
            let account = new();
            tx.totals.insert(id, encode(&account.totals)?.as_slice()).map_err(failed)?;
            Ok((TargetId(id), account))
        })
    }

    /// Runs `work` in one transaction: all of it is on the disk when this returns `Ok`, and none of it if it
    /// returns an error.
    pub fn transact<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let write = self.database.begin_write().map_err(failed)?;
        let result = work(&mut Transaction::open(&write)?)?;
        write.commit().map_err(failed)?;
        Ok(result)
    }
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(path),
        DatabaseError::Storage(redb::StorageError::Io(source))
            if !matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            StoreError::Io { path, source }
        }
        other => StoreError::Damaged { path, detail: other.to_string() },
    }
}

/// Checks the version, and fills a new file.
fn prepare(database: &Database, path: &Path, new_key: [u8; 16]) -> Result<Fingerprints, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() };
    let read = database.begin_read().map_err(failed)?;
    match read.open_table(META) {
        Ok(meta) => {
            let version = meta.get("version").map_err(failed)?;
            let version = version.and_then(|bytes| Some(u32::from_le_bytes(bytes.value().try_into().ok()?)));
            match version {
                Some(VERSION) => {}
                Some(found) => return Err(StoreError::Version { path: path.to_owned(), found }),
                None => return Err(damaged("it has no version")),
            }
            let key = meta.get("key").map_err(failed)?;
            let key = key.and_then(|bytes| bytes.value().try_into().ok());
            key.map(Fingerprints::new).ok_or_else(|| damaged("it has no key"))
        }
        Err(redb::TableError::TableDoesNotExist(_)) => {
            if read.list_tables().map_err(failed)?.next().is_some() {
                return Err(damaged("it belongs to another program"));
            }
            let write = database.begin_write().map_err(failed)?;
            {
                let mut meta = write.open_table(META).map_err(failed)?;
                meta.insert("version", VERSION.to_le_bytes().as_slice()).map_err(failed)?;
                meta.insert("key", new_key.as_slice()).map_err(failed)?;
            }
            write.commit().map_err(failed)?;
            Ok(Fingerprints::new(new_key))
        }
        Err(redb::TableError::Storage(error)) => Err(damaged(&error.to_string())),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_stdvec(value).map_err(|e| StoreError::Failed(format!("cannot encode: {e}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|e| StoreError::Failed(format!("a record cannot be read: {e}")))
}

/// The tables within one transaction.
pub struct Transaction<'t> {
    targets: Table<'t, &'static str, u32>,
    totals: Table<'t, u32, &'static [u8]>,
    menus: Table<'t, (u32, u32), &'static [u8]>,
    points: Table<'t, (u32, &'static str, &'static str), &'static [u8]>,
    rows: Table<'t, (u32, i64, u64), (u32, u32, u64)>,
    interactions: Table<'t, (u32, u64), i64>,
    interactions_by_hour: Table<'t, (u32, i64, u64), ()>,
}

impl<'t> Transaction<'t> {
    fn open(write: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            targets: write.open_table(TARGETS).map_err(failed)?,
            totals: write.open_table(TOTALS).map_err(failed)?,
            menus: write.open_table(MENUS).map_err(failed)?,
            points: write.open_table(POINTS).map_err(failed)?,
            rows: write.open_table(ROWS).map_err(failed)?,
            interactions: write.open_table(INTERACTIONS).map_err(failed)?,
            interactions_by_hour: write.open_table(INTERACTIONS_BY_HOUR).map_err(failed)?,
        })
    }

    fn account(&self, id: u32) -> Result<Account, StoreError> {
        let totals = self.totals.get(id).map_err(failed)?;
        let totals: Totals = match totals {
            Some(bytes) => decode(bytes.value())?,
            None => return Err(StoreError::Failed("a target has no totals".to_owned())),
        };
        let mut menus = BTreeMap::new();
        for entry in self.menus.range((id, 0)..=(id, u32::MAX)).map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            let ((rp_id, channel, option), menu): ((String, String, String), Menu) = decode(value.value())?;
            menus.insert(MenuLabels::new(&rp_id, &channel, &option), (key.value().1, menu));
        }
        let mut points = BTreeMap::new();
        for entry in self.points.range((id, "", "")..).map_err(failed)? {
            let (key, value) = entry.map_err(failed)?;
            let (target, rp_id, channel) = key.value();
            if target != id {
                break;
            }
            points.insert(PointLabels::new(rp_id, channel), decode::<Point>(value.value())?);
        }
        Ok(Account { totals, menus, points })
    }

    /// What is remembered of a target's rows.
    pub fn memory(&self, target: TargetId) -> impl Memory<Error = StoreError> {
        Remembered { tx: self, target: target.0 }
    }

    /// Writes all that a step says.
    pub fn write(&mut self, target: TargetId, step: &Step) -> Result<(), StoreError> {
        let id = target.0;
        self.totals.insert(id, encode(&step.totals)?.as_slice()).map_err(failed)?;
        for (labels, (number, menu)) in &step.menus {
            let names = (&*labels.point.rp_id, &*labels.point.channel, &*labels.option);
            self.menus.insert((id, *number), encode(&(names, menu))?.as_slice()).map_err(failed)?;
        }
        for (labels, point) in &step.points {
            let key = (id, &*labels.rp_id, &*labels.channel);
            self.points.insert(key, encode(point)?.as_slice()).map_err(failed)?;
        }
        for (key, record) in &step.rows {
            let value = (record.count, record.menu, record.interaction.map_or(0, NonZeroU64::get));
            self.rows.insert((id, key.date, key.fingerprint), value).map_err(failed)?;
        }
        for (interaction, date) in &step.interactions {
            let (interaction, hour) = (interaction.get(), date.div_euclid(HOUR));
            let before = self.interactions.get((id, interaction)).map_err(failed)?.map(|h| h.value());
            if before.is_some_and(|before| before >= hour) {
                continue;
            }
            if let Some(before) = before {
                self.interactions_by_hour.remove((id, before, interaction)).map_err(failed)?;
            }
            self.interactions.insert((id, interaction), hour).map_err(failed)?;
            self.interactions_by_hour.insert((id, hour, interaction), ()).map_err(failed)?;
        }
        Ok(())
    }

    /// Forgets rows dated before `rows`, and interactions without a row since `interactions`; both in seconds
    /// of the server's wall clock.
    pub fn forget(&mut self, target: TargetId, rows: i64, interactions: i64) -> Result<(), StoreError> {
        let id = target.0;
        self.rows.retain_in((id, i64::MIN, 0)..(id, rows, 0), |_, _| false).map_err(failed)?;
        let old = (id, i64::MIN, 0)..(id, interactions.div_euclid(HOUR), 0);
        for entry in self.interactions_by_hour.extract_from_if(old, |_, ()| true).map_err(failed)? {
            let (key, ()) = entry.map(|(key, _)| (key.value(), ())).map_err(failed)?;
            self.interactions.remove((id, key.2)).map_err(failed)?;
        }
        Ok(())
    }

    /// The records of all rows dated in `from..to`, in seconds of the server's wall clock.
    pub fn rows_between(&self, target: TargetId, from: i64, to: i64) -> Result<Vec<RowRecord>, StoreError> {
        let id = target.0;
        self.rows
            .range((id, from, 0)..(id, to.max(from), 0))
            .map_err(failed)?
            .map(|entry| {
                let (_, value) = entry.map_err(failed)?;
                let (count, menu, interaction) = value.value();
                Ok(RowRecord { count, menu, interaction: NonZeroU64::new(interaction) })
            })
            .collect()
    }
}

struct Remembered<'a, 't> {
    tx: &'a Transaction<'t>,
    target: u32,
}

impl Memory for Remembered<'_, '_> {
    type Error = StoreError;

    fn count(&self, key: RowKey) -> Result<u32, StoreError> {
        let record = self.tx.rows.get((self.target, key.date, key.fingerprint)).map_err(failed)?;
        Ok(record.map_or(0, |record| record.value().0))
    }

    fn knows(&self, interaction: NonZeroU64) -> Result<bool, StoreError> {
        Ok(self.tx.interactions.get((self.target, interaction.get())).map_err(failed)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        ledger::{Bounds, Stage, settle},
        wolkvox::Row,
    };

    const OPEN: Bounds = Bounds { earliest: i64::MIN, latest: i64::MAX, watermark: i64::MIN };

    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/state.redb");
        (folder, path)
    }

    fn row(date: i64, who: u64) -> Row {
        Row {
            labels: MenuLabels::new("10", "voice", "A"),
            fingerprint: who,
            interaction: Some(who),
            date,
            second: Some(3),
            attempts: 1,
        }
    }

    fn read(store: &Store, target: TargetId, account: &mut Account, rows: Vec<Row>) {
        let mut stage = Stage::default();
        rows.into_iter().for_each(|row| stage.push(Ok(row)));
        let step = store
            .transact(|tx| {
                let step = settle(account, stage, OPEN, &tx.memory(target), |_| 0)?;
                tx.write(target, &step)?;
                Ok(step)
            })
            .unwrap();
        account.apply(step);
    }

    fn restore(store: &Store, name: &str) -> (TargetId, Account) {
        store.restore(name, || Account::new(Timestamp::from_second(77).unwrap())).unwrap()
    }

    #[test]
    fn what_is_committed_is_restored() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = scratch();
        let store = Store::open(&path, [1; 16]).unwrap();
        let (a, mut account_a) = restore(&store, "a");
        let (b, mut account_b) = restore(&store, "b");
        assert_ne!(a, b);
        read(&store, a, &mut account_a, vec![row(100, 1), row(100, 1), row(7200, 2)]);
        read(&store, b, &mut account_b, vec![row(100, 1)]);
        let hash = store.fingerprints().of(&["x"]);
        drop(store);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let store = Store::open(&path, [2; 16]).unwrap();
        assert_eq!(store.fingerprints().of(&["x"]), hash, "the file keeps its key");
        assert_eq!(restore(&store, "a"), (a, account_a.clone()));
        assert_eq!(restore(&store, "b"), (b, account_b));
        read(&store, a, &mut account_a, vec![row(100, 1), row(100, 1), row(100, 1), row(7200, 2)]);
        let (_, menu) = &account_a.menus[&MenuLabels::new("10", "voice", "A")];
        assert_eq!((menu.hits, account_a.totals.origin), (4, 77));
        assert_eq!(account_a.points[&PointLabels::new("10", "voice")].interactions, 2);
    }

    #[test]
    fn forgets_by_date_and_by_last_activity_of_one_target_only() {
        let (_folder, path) = scratch();
        let store = Store::open(&path, [1; 16]).unwrap();
        let (a, mut account) = restore(&store, "a");
        let (b, mut other) = restore(&store, "b");
        read(&store, a, &mut account, vec![row(0, 1), row(5 * HOUR, 1), row(1, 2), row(6 * HOUR, 3)]);
        read(&store, b, &mut other, vec![row(0, 1)]);
        let count = |target| store.transact(|tx| tx.rows_between(target, i64::MIN, i64::MAX)).unwrap().len();
        store.transact(|tx| tx.forget(a, 5 * HOUR, 5 * HOUR)).unwrap();
        assert_eq!((count(a), count(b)), (2, 1));
        let knows =
            |target, who: u64| store.transact(|tx| tx.memory(target).knows(who.try_into().unwrap())).unwrap();
        assert_eq!([knows(a, 1), knows(a, 2), knows(a, 3), knows(b, 1)], [true, false, true, true]);
        let between = store.transact(|tx| tx.rows_between(a, 5 * HOUR, 6 * HOUR)).unwrap();
        assert_eq!(between.len(), 1);
    }

    #[test]
    fn an_error_inside_a_transaction_leaves_nothing() {
        let (_folder, path) = scratch();
        let store = Store::open(&path, [1; 16]).unwrap();
        let (a, account) = restore(&store, "a");
        let result: Result<(), _> = store.transact(|tx| {
            let mut stage = Stage::default();
            stage.push(Ok(row(1, 1)));
            let step = settle(&account, stage, OPEN, &tx.memory(a), |_| 0)?;
            tx.write(a, &step)?;
            Err(StoreError::Failed("stop".to_owned()))
        });
        assert!(result.is_err());
        assert_eq!(restore(&store, "a").1, account);
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_left_as_it_is() {
        let (_folder, path) = scratch();
        let store = Store::open(&path, [1; 16]).unwrap();
        let (a, mut account) = restore(&store, "a");
        read(&store, a, &mut account, (0..5000).map(|n| row(n, n as u64)).collect());
        assert!(matches!(Store::open(&path, [1; 16]), Err(StoreError::Locked(_))));
        drop(store);
        let good = fs::read(&path).unwrap();

        let mut flipped = good.clone();
        let rows_at = good.len() / 2;
        flipped[rows_at..rows_at + 4096].iter_mut().for_each(|byte| *byte ^= 1);
        for (what, bytes) in [
            ("no state file", b"hello, this is no state file at all".to_vec()),
            ("zeros", vec![0; 8192]),
            ("cut short", good[..good.len() / 2].to_vec()),
            ("bits flipped", flipped),
        ] {
            fs::write(&path, &bytes).unwrap();
            let error = Store::open(&path, [1; 16]).err().unwrap_or_else(|| panic!("{what} was accepted"));
            assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
            assert_eq!(fs::read(&path).unwrap() == bytes, true, "{what}: the file was changed");
        }
    }

    #[test]
    fn another_version_is_refused() {
        let (_folder, path) = scratch();
        let store = Store::open(&path, [1; 16]).unwrap();
        let write = store.database.begin_write().unwrap();
        write.open_table(META).unwrap().insert("version", 2u32.to_le_bytes().as_slice()).unwrap();
        write.commit().unwrap();
        drop(store);
        let error = Store::open(&path, [1; 16]).err().unwrap();
        assert!(matches!(error, StoreError::Version { found: 2, .. }), "{error}");
    }
}
