//! The state on disk, and the only room that touches it.
//!
//! One redb file holds, for all targets, what has been counted and what is remembered of the rows. A step is
//! written in one transaction, synced before it returns: after any crash the file is as before it or as after
//! it. Reading is a read transaction: it waits for no commit and writes nothing. A file that cannot be read whole is
//! refused and left as it is. After a failure of the disk the file is opened again at the next use, so that a disk
//! that recovers is used again without a restart.

mod backfill;
mod backup;
mod backup_server;
mod copy;
mod copy_target;
mod history;
mod inspect;
mod interactions;
mod migration;
mod names;
mod overlay;
mod schema;
#[cfg(test)]
mod tests;
mod transaction;
mod view;

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use redb::{
    Database, DatabaseError, ReadableDatabase, StorageBackend, WriteTransaction, backends::FileBackend,
    backends::InMemoryBackend,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

pub use self::{
    backfill::BackfillMark,
    backup::{BackupSummary, backup},
    backup_server::{BackupServer, backup_socket},
    copy_target::{Copied, CopyError, copy_target},
    inspect::{Inspection, TargetInspection, inspect},
    transaction::Transaction,
    view::View,
};
use crate::{ledger::TargetCounters, model::Fingerprints};

/// Memory for pages: enough for the part of the tree that one commit walks through.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// After a failure of the disk the file is opened again at once, and if that was no help, at most this often: opening
/// it may mean to read all of it.
const REOPEN_INTERVAL: Duration = Duration::from_secs(30);

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error("{0} is in use by another process: only one exporter may write to a state file")]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error(
        "{path} has layout version {found}, and this program knows versions up to {known}: run the version that \
         wrote it, or give --state.path another file (which starts counting anew)",
        known = schema::VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Written by an older version, and only to be read.
    #[error(
        "{path} has layout version {found}, and this program reads {known}: start the exporter on it once, which brings it up \
         to date (keep a copy of it if you may want to go back to the older version)",
        known = schema::VERSION
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its writer was killed, or the machine, and only to be read.
    #[error("{0} was not closed properly: start the exporter on it once, which mends that")]
    NotClosed(PathBuf),
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
    #[error("cannot use the state file {path}: {said}; check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        said: io::Error,
    },
    /// A read or write failed while running.
    #[error("the state file failed: {0}; is the disk full or read-only?")]
    Failed(String),
    /// The disk is good, and what is on it does not make sense: opening the file again would not help.
    #[error("the state file holds what cannot be used: {0}; restore a backup, or move it away")]
    Unusable(String),
    /// It cannot be copied.
    #[error("cannot make a copy: {0}")]
    Backup(String),
}

impl StoreError {
    /// What the system says of this file.
    fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |said| Self::Io { path: path.to_owned(), said }
    }

    /// Whether redb refuses all further work until the file is opened again.
    fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// Any of redb's errors in the middle of work.
fn failed(error: impl Into<redb::Error>) -> StoreError {
    let error = error.into();
    match error {
        redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::ValueTooLarge(_) => StoreError::Unusable(error.to_string()),
        other => StoreError::Failed(other.to_string()),
    }
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    postcard::to_stdvec(value).map_err(|e| StoreError::Unusable(format!("cannot encode: {e}")))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|e| StoreError::Unusable(format!("a record cannot be read: {e}")))
}

/// The state; its file is locked for as long as this lives.
pub struct Store {
    reopen: Box<dyn Fn() -> Result<Database, StoreError> + Send + Sync>,
    /// Held for reading by whoever reads or commits, and for writing only while the file is closed or opened.
    slot: RwLock<Slot>,
    fingerprints: Fingerprints,
}

/// The open file.
struct Slot {
    /// `None` between a failure and the next use.
    database: Option<Database>,
    /// How often it has been opened: tells whether a failure is of this opening or of one before.
    generation: u64,
    /// When it was last opened after a failure, or tried.
    reopened: Option<Instant>,
}

/// A target's number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetId(u32);

impl Store {
    /// Opens the file, or creates it (mode 0600, missing folders 0700). The whole file is checked against its
    /// checksums. `new_key` is the secret for a new file's fingerprints; an existing file keeps its own.
    pub fn open(path: &Path, new_key: [u8; 16]) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(StoreError::io(path))?;
        }
        // Created here and nowhere else: a file that vanishes while it is in use must not be replaced by an
        // empty one, from which everything would be counted anew.
        let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        created.map_err(StoreError::io(path))?;
        match guarded(|| schema::refuse_foreign(path)) {
            // Damaged so that the look itself failed: the real opening says how.
            Ok(()) | Err(StoreError::Failed(_)) => {}
            Err(refused) => return Err(refused),
        }
        let owned = path.to_owned();
        Self::open_backend(move || file_backend(&owned), path, new_key)
    }

    /// A state that ends with the process.
    pub fn in_memory(new_key: [u8; 16]) -> Result<Self, StoreError> {
        Self::open_backend(|| Ok(InMemoryBackend::new()), Path::new("memory"), new_key)
    }

    /// As [`Store::open`], over any storage; `path` only names it in messages.
    pub fn open_backend<B: StorageBackend>(
        backend: impl Fn() -> Result<B, StoreError> + Send + Sync + 'static,
        path: &Path,
        new_key: [u8; 16],
    ) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let named = path.clone();
        let open = move |check: bool| {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
            let backend = backend()?;
            guarded(|| builder.create_with_backend(backend).map_err(|error| open_error(&path, error)))
                .map_err(|error| match error {
                    StoreError::Failed(detail) => StoreError::Damaged { path: path.clone(), detail },
                    other => other,
                })
        };
        let database = open(true)?;
        let fingerprints = migration::prepare(&database, &named, new_key)?;
        let slot = RwLock::new(Slot { database: Some(database), generation: 0, reopened: None });
        // What was whole at the start, and only written by this process since, need not be read from end to end.
        Ok(Self { reopen: Box::new(move || open(false)), slot, fingerprints })
    }

    /// Makes the fingerprints under this file's key.
    pub fn fingerprints(&self) -> Fingerprints {
        self.fingerprints.clone()
    }

    /// The target of this name, made known to the file if it is new, and what was last committed of it.
    pub fn restore(
        &self,
        name: &str,
        new: impl FnOnce() -> TargetCounters,
    ) -> Result<(TargetId, TargetCounters), StoreError> {
        match self.read(|view| view.find(name))? {
            Some(known) => Ok(known),
            None => self.transact(|tx| tx.restore(name, new)),
        }
    }

    /// What was last committed of a target that has been restored before.
    pub fn reload(&self, target: TargetId) -> Result<TargetCounters, StoreError> {
        self.read(|view| view.counters(target))
    }

    /// Runs `work` on the state as of the last commit. It waits for no commit, and none waits for it.
    pub fn read<T>(&self, work: impl FnOnce(&View) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|database| work(&View::new(database.begin_read().map_err(failed)?)))
    }

    /// Runs `work` in one transaction: all of it is on the disk when this returns `Ok`. When it returns an error
    /// of the disk, it is unknown whether it is, and what is held in memory must be restored from here.
    pub fn transact<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write(|write| work(&mut Transaction::open(write)?))
    }

    /// As [`Store::transact`], for tables that a [`Transaction`] does not have.
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|database| {
            let write = database.begin_write().map_err(failed)?;
            let result = work(&write)?;
            write.commit().map_err(failed)?;
            Ok(result)
        })
    }

    /// Runs `work` on the open file, which is opened first if the last use found the disk failing.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (result, generation) = {
            let slot = self.opened()?;
            let Some(database) = &slot.database else { return Err(closed()) };
            (guarded(|| work(database)), slot.generation)
        };
        if result.as_ref().is_err_and(StoreError::is_of_the_disk) {
            // redb refuses all further work after an error of the disk, until the file is opened again.
            let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
            if slot.generation == generation {
                slot.database = None;
            }
        }
        result
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Slot>, StoreError> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        if slot.database.is_some() {
            return Ok(slot);
        }
        drop(slot);
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.database.is_none() {
            if slot.reopened.is_some_and(|at| at.elapsed() < REOPEN_INTERVAL) {
                return Err(closed());
            }
            slot.reopened = Some(Instant::now());
            slot.database = Some((self.reopen)()?);
            slot.generation += 1;
        }
        drop(slot);
        Ok(self.slot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn closed() -> StoreError {
    StoreError::Failed(format!(
        "it failed a moment ago, and is opened again at most every {} s",
        REOPEN_INTERVAL.as_secs()
    ))
}

/// A damaged page can make redb panic; to us that is one more way to fail. So is a panic of ours amid a transaction,
/// which redb does not take back.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let broke_off = || StoreError::Failed("the work on it broke off: damaged data, or a bug".to_owned());
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(broke_off()))
}

fn file_backend(path: &Path) -> Result<FileBackend, StoreError> {
    let io = StoreError::io(path);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(&io)?;
    if !file.metadata().map_err(&io)?.is_file() {
        return Err(io(io::Error::other("it is not a regular file")));
    }
    FileBackend::new(file).map_err(|error| open_error(path, error))
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(path.to_owned()),
        DatabaseError::Storage(redb::StorageError::Io(said))
            if !matches!(said.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            StoreError::io(path)(said)
        }
        other => StoreError::Damaged { path: path.to_owned(), detail: other.to_string() },
    }
}
