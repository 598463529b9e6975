//! The state on disk, and the only room that touches it.
//!
//! One redb file holds, for all targets, the counters and the remembered rows. A step is written in
//! one transaction and synced before it returns, so after any crash the file is as before it or as
//! after it. Reading is a read transaction: it waits for no commit and writes nothing. A file that
//! cannot be read whole is refused and left as it is. After a failure of the disk the file is
//! opened again at the next use, so a disk that recovers is used again without a restart. A file
//! that another program takes away is put back, see [`Store::put_back`].

mod backfill;
mod backup;
mod backup_server;
mod file;
mod history;
mod inspect;
mod interactions;
mod migration;
mod names;
mod rescue;
mod schema;
mod stream;
mod targets;
#[cfg(test)]
mod tests;
mod transaction;
mod view;

use std::{
    any::Any,
    fs, io,
    os::unix::fs::DirBuilderExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use redb::{
    Database, DatabaseError, ReadableDatabase, StorageBackend, WriteTransaction,
    backends::InMemoryBackend,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{runtime::Handle, time::Instant};
use tracing::info;

pub use self::{
    backfill::BackfillMark,
    backup::{BackupSummary, backup, backup_to},
    backup_server::{BackupServer, backup_socket},
    file::Displacement,
    inspect::{Inspection, ReportInspection, TargetInspection, inspect},
    rescue::RescuedTarget,
    targets::{Copied, TargetError, copy_target, forget_target, rename_target},
    transaction::Transaction,
    view::View,
};
use self::{file::StateFile, schema::VERSION};
use ledger::TargetCounters;
use model::Fingerprints;
use wolkvox_api::{ApiError, ReportName};

/// Memory for pages, in bytes: enough for the part of the tree that one commit walks through.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Shortest time between two attempts to open the file again after a disk failure, because opening
/// may read all of it. The first attempt is immediate.
const REOPEN_INTERVAL: Duration = Duration::from_secs(30);

/// Size in bytes below which a file is not compacted.
const COMPACT_FROM: u64 = 4 * 1024 * 1024;

/// The reason why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error("{0} is in use by another process: only one exporter may write to a state file")]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error(
        "{path} has layout version {found}, and this program knows versions up to {known}: run the version that \
         wrote it, or give --state.path another file (which starts counting anew)",
        known = VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Written before the first release.
    #[error(
        "{path} has layout version {found}, of a version before the first release, and this program knows {known} and \
         the one before: give --state.path another file (which starts counting anew)",
        known = VERSION
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Written by an older version, and only to be read.
    #[error(
        "{path} has layout version {found}, and this program reads {known}: copy it with `state backup`, then start the \
         exporter on it once, which brings it up to date",
        known = VERSION
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its writer was killed, or the machine failed, and it is only to be read.
    #[error(
        "{0} was not closed properly: start the exporter on it once, which mends that, or read a copy that `state backup` \
         makes of it"
    )]
    NotClosed(PathBuf),
    /// Another program has changed it while it was open.
    #[error("the state file {path} was {what} by another program", what = what.as_str())]
    Displaced {
        /// The file.
        path: PathBuf,
        /// The kind of change.
        what: Displacement,
    },
    /// Not a state file, or a damaged one.
    #[error(
        "{path} is damaged or is no state file ({detail}); it has been left as it is: restore a backup, or move \
         it away (which starts counting anew)"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        detail: String,
    },
    /// The system refuses.
    #[error("cannot use the state file {path}: {error}; check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A read or write failed while running.
    #[error("the state file failed: {0}; is the disk full or read-only?")]
    Failed(String),
    /// The disk is good, but the data on it make no sense, so opening the file again would not
    /// help.
    #[error("the state file holds what cannot be used: {0}; restore a backup, or move it away")]
    Unusable(String),
    /// It cannot be copied.
    #[error("cannot make a copy: {0}")]
    Backup(String),
}

impl StoreError {
    /// Returns a function that adds the path to a system error.
    fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }

    /// Returns true if redb refuses all further work until the file is opened again.
    fn is_of_the_disk(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl From<StoreError> for ApiError {
    /// Makes a failed commit fail the poll, like an unusable answer.
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// Converts any of redb's errors in the middle of work.
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
    postcard::from_bytes(bytes)
        .map_err(|e| StoreError::Unusable(format!("a record cannot be read: {e}")))
}

/// The state. Its file is locked for as long as this lives.
pub struct Store {
    slot: RwLock<OpenFile>,
    key: [u8; 16],
    threads: OnceLock<Handle>,
}

/// Opens the file; the argument asks for a check of all of it.
type Reopen = Box<dyn Fn(bool) -> Result<Database, StoreError> + Send + Sync>;

/// The open file of a [`Store`]. Its lock is held only while the file is taken out or exchanged,
/// never during work on it.
struct OpenFile {
    /// `None` if the state is only in memory.
    file: Option<Arc<StateFile>>,
    reopen: Reopen,
    /// `None` between a failure and the next use.
    database: Option<Arc<Database>>,
    /// Number of times that it was opened, to recognise a failure from before the last opening.
    generation: u64,
    /// Moment of the last try to open it again after a failure.
    reopened: Option<Instant>,
}

/// A target's number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetId(u32);

/// Bit in the number of a target that keeps its records of `diagram_1` apart from those of
/// `diagram_13` in the same tables.
const DIAGRAM_1: u32 = 1 << 31;

impl TargetId {
    /// Returns the number under which a report of the same target is kept.
    pub fn of(self, report: ReportName) -> Self {
        match report {
            ReportName::Diagram13 => Self(self.0 & !DIAGRAM_1),
            ReportName::Diagram1 => Self(self.0 | DIAGRAM_1),
        }
    }
}

impl Store {
    /// Opens the file, or creates it (mode 0600, missing folders 0700). The whole file is checked
    /// against its checksums, and compacted if more than half of it is free. `new_key` is the
    /// secret for a new file's fingerprints; an existing file keeps its own.
    pub fn open(path: &Path, new_key: [u8; 16]) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent() {
            create_folder(parent).map_err(StoreError::io(path))?;
        }
        // Created here and nowhere else: a file that vanishes while it is in use must not be
        // replaced by an empty one, from which everything would be counted anew.
        let file = StateFile::open(path)?;
        match guarded(|| schema::refuse_foreign(path)) {
            // The file is so damaged that the look failed; the real opening reports how.
            Ok(()) | Err(StoreError::Failed(_)) => {}
            Err(refused) => return Err(refused),
        }
        let opened = file.clone();
        Self::over(Some(file), opener(path, move || opened.backend()), path, new_key)
    }

    /// Opens a state that ends with the process.
    pub fn in_memory(new_key: [u8; 16]) -> Result<Self, StoreError> {
        Self::open_backend(|| Ok(InMemoryBackend::new()), Path::new("memory"), new_key)
    }

    /// Opens a state like [`Store::open`], over any storage; `path` only names it in messages.
    pub fn open_backend<B: StorageBackend>(
        backend: impl Fn() -> Result<B, StoreError> + Send + Sync + 'static,
        path: &Path,
        new_key: [u8; 16],
    ) -> Result<Self, StoreError> {
        Self::over(None, opener(path, backend), path, new_key)
    }

    fn over(
        file: Option<Arc<StateFile>>,
        reopen: Reopen,
        path: &Path,
        new_key: [u8; 16],
    ) -> Result<Self, StoreError> {
        // Only the first opening checks the whole file: later only this process has written to it.
        let mut database = reopen(true)?;
        let key = migration::prepare(&database, path, new_key)?;
        if let Some(file) = &file {
            guarded(|| compact(&mut database, file))?;
        }
        let database = Some(Arc::new(database));
        let slot = RwLock::new(OpenFile { file, reopen, database, generation: 0, reopened: None });
        Ok(Self { slot, key, threads: OnceLock::new() })
    }

    /// Keeps work on the state to the blocking threads of this runtime, so that no other blocking
    /// work holds it up.
    pub fn work_on(&self, threads: Handle) {
        // A state is opened for one process.
        let _ = self.threads.set(threads);
    }

    /// Returns the runtime on whose blocking threads work on the state belongs.
    pub fn threads(&self) -> Handle {
        self.threads.get().cloned().unwrap_or_else(Handle::current)
    }

    /// Makes the fingerprints under this file's key.
    pub fn fingerprints(&self) -> Fingerprints {
        Fingerprints::new(self.key)
    }

    /// Returns the target of this name with its last committed counters. A new one is added to the
    /// file.
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

    /// Returns what was last committed of a report of a target; `new` if nothing was.
    pub fn restore_report(
        &self,
        target: TargetId,
        report: ReportName,
        new: impl FnOnce() -> TargetCounters,
    ) -> Result<(TargetId, TargetCounters), StoreError> {
        let id = target.of(report);
        match self.read(|view| view.begun(id))? {
            Some(counters) => Ok((id, counters)),
            None => self.transact(|tx| tx.begin(id, new())).map(|counters| (id, counters)),
        }
    }

    /// Returns the last committed counters of a target that has been restored before.
    pub fn reload(&self, target: TargetId) -> Result<TargetCounters, StoreError> {
        self.read(|view| view.counters(target))
    }

    /// Runs `work` on the state as of the last commit. It waits for no commit, and none waits for
    /// it.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&View) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with(|database| work(&View::new(database.begin_read().map_err(failed)?)))
    }

    /// Runs `work` in one transaction: all of it is on the disk when this returns `Ok`. After an
    /// error of the disk it is unknown whether it is, and the copy in memory must be restored from
    /// here.
    pub fn transact<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.write(|write| work(&mut Transaction::open(write)?))
    }

    /// Runs `work` like [`Store::transact`], on tables that a [`Transaction`] does not have.
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        loop {
            let (database, generation) = self.opened()?;
            let begun = guarded(|| database.begin_write().map_err(failed));
            if begun.is_ok() && self.generation() != generation {
                // The state was put into another file while this waited for the commit before.
                continue;
            }
            let result = begun.and_then(|write| {
                guarded(|| {
                    let result = work(&write)?;
                    write.commit().map_err(failed)?;
                    Ok(result)
                })
            });
            return self.close_if_failed(result, generation);
        }
    }

    /// Runs `work` on the open file, which is opened first if the last use found the disk failing.
    fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (database, generation) = self.opened()?;
        let result = guarded(|| work(&database));
        drop(database);
        self.close_if_failed(result, generation)
    }

    /// Closes the file after an error of the disk, because redb refuses all further work until it
    /// is opened again.
    fn close_if_failed<T>(
        &self,
        result: Result<T, StoreError>,
        generation: u64,
    ) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_of_the_disk) {
            let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
            if slot.generation == generation {
                slot.database = None;
            }
        }
        result
    }

    /// Returns the open file and the number of times that it was opened.
    fn opened(&self) -> Result<(Arc<Database>, u64), StoreError> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &slot.database {
            return Ok((database.clone(), slot.generation));
        }
        drop(slot);
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &slot.database {
            return Ok((database.clone(), slot.generation));
        }
        if slot.reopened.is_some_and(|at| at.elapsed() < REOPEN_INTERVAL) {
            return Err(closed());
        }
        slot.reopened = Some(Instant::now());
        let database = Arc::new((slot.reopen)(false).map_err(|error| match error {
            // A reader of this process still has it open from before the failure.
            StoreError::Locked(_) => {
                StoreError::Failed("it is still being read from before a failure".to_owned())
            }
            other => other,
        })?);
        slot.database = Some(database.clone());
        slot.generation += 1;
        Ok((database, slot.generation))
    }

    /// Returns the number of times that the file was opened.
    fn generation(&self) -> u64 {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).generation
    }

    /// Returns true if the last use found the disk failing.
    fn is_closed(&self) -> bool {
        self.slot.read().unwrap_or_else(PoisonError::into_inner).database.is_none()
    }
}

/// Returns a function that opens a file again and again.
fn opener<B: StorageBackend>(
    path: &Path,
    backend: impl Fn() -> Result<B, StoreError> + Send + Sync + 'static,
) -> Reopen {
    let path = path.to_owned();
    Box::new(move |check| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
        let backend = backend()?;
        guarded(|| builder.create_with_backend(backend).map_err(|error| open_error(&path, error)))
            .map_err(|error| match error {
                StoreError::Failed(detail) => StoreError::Damaged { path: path.clone(), detail },
                other => other,
            })
    })
}

/// Compacts a file of which more than half is free, because targets or many rows were removed.
fn compact(database: &mut Database, file: &StateFile) -> Result<(), StoreError> {
    let length = file.length().map_err(StoreError::io(file.path()))?;
    if length < COMPACT_FROM {
        return Ok(());
    }
    let write = database.begin_write().map_err(failed)?;
    let stats = write.stats().map_err(failed)?;
    write.abort().map_err(failed)?;
    let used = stats.allocated_pages() * stats.page_size() as u64;
    if used * 2 > length {
        return Ok(());
    }
    database
        .compact()
        .map_err(|error| StoreError::Failed(format!("cannot compact it: {error}")))?;
    let now = file.length().map_err(StoreError::io(file.path()))?;
    info!(
        bytes_before = length,
        bytes = now,
        "the state file was more than half empty, and was compacted"
    );
    Ok(())
}

/// Creates a folder of the state file where it is missing (mode 0700).
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn closed() -> StoreError {
    StoreError::Failed(format!(
        "it failed a moment ago, and is opened again at most every {} s",
        REOPEN_INTERVAL.as_secs()
    ))
}

/// Runs work on the file and turns a panic into an error. redb panics on a damaged page; a bug of
/// ours in a transaction would panic too, and redb would not roll it back.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(StoreError::Failed(format!("the work on it broke off ({})", panic_message(&*panic))))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked(path.to_owned()),
        DatabaseError::Storage(redb::StorageError::Io(error))
            if !matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            StoreError::io(path)(error)
        }
        other => StoreError::Damaged { path: path.to_owned(), detail: other.to_string() },
    }
}
