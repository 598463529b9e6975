//! Saves the state when another program has removed, replaced, cut or overwritten its file.
//!
//! Owns the two ways: a file that lost only its name is copied back to its path, and one that lost
//! its contents is recreated from the counters that the process still has. A file that another
//! program put at the path is moved aside and never removed; a file that another exporter writes to
//! is left alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter},
    os::unix::{fs::OpenOptionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    thread,
};

use ledger::{Delta, RoutingPointCounts, TargetCounters};
use redb::{ReadTransaction, ReadableDatabase};
use wolkvox_api::ReportName;

use super::{
    Displacement, OpenFile, Store, StoreError, TargetId, Transaction, failed,
    file::StateFile,
    guarded, migration, opener,
    stream::{receive, send},
};

/// A target as it was last committed, for a recreated state.
#[derive(Debug)]
pub struct RescuedTarget {
    /// The `server` label.
    pub name: String,
    /// Its counters. Rows dated before their horizon are not counted again.
    pub counters: TargetCounters,
    /// The same of the report of outcomes, where it is read.
    pub outcomes: Option<TargetCounters>,
}

impl RescuedTarget {
    /// Writes the whole target.
    fn write(&self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        let (target, _) = tx.restore(&self.name, || self.counters.clone())?;
        Self::write_report(tx, target, &self.counters)?;
        match &self.outcomes {
            Some(outcomes) => Self::write_report(tx, target.of(ReportName::Diagram1), outcomes),
            None => Ok(()),
        }
    }

    fn write_report(
        tx: &mut Transaction<'_>,
        target: TargetId,
        counters: &TargetCounters,
    ) -> Result<(), StoreError> {
        let mut delta = Delta::nothing(counters.totals.clone(), counters.next_number);
        delta
            .menus
            .extend(counters.menus.iter().map(|(labels, menu)| (labels.clone(), menu.clone())));
        for (labels, point) in &counters.points {
            // The open journeys are lost with the old file.
            let point = RoutingPointCounts { open: 0, ..(**point).clone() };
            delta.points.push((labels.clone(), Arc::new(point)));
        }
        let transitions = counters.transitions.iter();
        delta
            .transitions
            .extend(transitions.map(|(labels, counts)| (labels.clone(), counts.clone())));
        tx.write(target, &delta)
    }
}

impl Store {
    /// Checks whether another program has changed the file, or replaced it at its path.
    ///
    /// # Errors
    /// If the file system does not answer.
    pub fn displacement(&self) -> io::Result<Option<Displacement>> {
        let file = self.slot.read().unwrap_or_else(PoisonError::into_inner).file.clone();
        file.map_or(Ok(None), |file| file.displacement())
    }

    /// Copies a file that lost its name back to its path, and continues with the copy. Commits wait
    /// meanwhile.
    ///
    /// # Errors
    /// If the copy cannot be made, or another exporter has the file that is there now. Then nothing
    /// has changed.
    pub fn put_back(&self) -> Result<(), StoreError> {
        let Some(file) = self.slot.read().unwrap_or_else(PoisonError::into_inner).file.clone()
        else {
            return Ok(());
        };
        let (database, _) = self.opened()?;
        guarded(|| {
            let hold = database.begin_write().map_err(failed)?;
            let read = database.begin_read().map_err(failed)?;
            self.move_to(file.path(), |partial| pipe(&read, || create(partial)))?;
            hold.abort().map_err(failed)
        })
    }

    /// Recreates a file that lost its contents from these counters. There must be no commit
    /// meanwhile.
    ///
    /// # Errors
    /// If it cannot be made, or another exporter has the file that is there now.
    pub fn make_anew(&self, targets: &[RescuedTarget]) -> Result<(), StoreError> {
        let Some(file) = self.slot.read().unwrap_or_else(PoisonError::into_inner).file.clone()
        else {
            return Ok(());
        };
        self.slot.write().unwrap_or_else(PoisonError::into_inner).database = None;
        self.move_to(file.path(), |partial| {
            drop(create(partial)?);
            let file = StateFile::open(partial)?;
            let database = opener(partial, move || file.backend())(false)?;
            let write = database.begin_write().map_err(failed)?;
            migration::fill(&write, self.key)?;
            let mut tx = Transaction::open(&write)?;
            targets.iter().try_for_each(|target| target.write(&mut tx))?;
            drop(tx);
            write.commit().map_err(failed)
        })
    }

    /// Moves the file that `make` makes to `path`, and uses it from now on.
    fn move_to(
        &self,
        path: &Path,
        make: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let partial = beside(path, "partial");
        if let Some(parent) = path.parent() {
            super::create_folder(parent).map_err(StoreError::io(path))?;
        }
        let moved = make(&partial).and_then(|()| {
            self.move_aside(path)?;
            fs::rename(&partial, path)
                .and_then(|()| sync_folder(path))
                .map_err(StoreError::io(path))?;
            let file = StateFile::open(path)?;
            let opened = file.clone();
            let reopen = opener(path, move || opened.backend());
            let database = Some(Arc::new(reopen(false)?));
            let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
            let generation = slot.generation + 1;
            *slot = OpenFile { file: Some(file), reopen, database, generation, reopened: None };
            Ok(())
        });
        if moved.is_err() {
            // The file may not exist, or have its name already.
            let _ = fs::remove_file(&partial);
        }
        moved
    }

    /// Renames the file at `path`, unless another process has it open.
    fn move_aside(&self, path: &Path) -> Result<(), StoreError> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        let is_ours = slot.file.as_ref().is_some_and(|file| file.is_at_path());
        drop(slot);
        if !is_ours && is_in_use(path) {
            return Err(StoreError::Locked(path.to_owned()));
        }
        match fs::rename(path, beside(path, "displaced")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io(path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Returns true if another process has locked the file at `path`.
fn is_in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

/// Returns `path` with a further ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Makes an empty file for a copy (mode 0600), over the rest of an interrupted one.
pub(super) fn create(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600);
    options.open(path).map_err(StoreError::io(path))
}

/// Copies all records of `read` to the file that `create` makes.
fn pipe(
    read: &ReadTransaction,
    create: impl FnOnce() -> Result<File, StoreError> + Send,
) -> Result<(), StoreError> {
    let (ours, theirs) =
        UnixStream::pair().map_err(|error| StoreError::Backup(error.to_string()))?;
    thread::scope(|scope| {
        let receiver = scope.spawn(move || receive(&mut BufReader::new(theirs), create()?));
        let sent = send(read, &mut BufWriter::new(ours), &|| false);
        let received =
            receiver.join().unwrap_or_else(|_| Err(StoreError::Backup("a bug".to_owned())));
        // The receiver's error includes the one that the sender reported to it.
        received.and(sent)
    })
}

/// Syncs the folder, so that a new name outlives a power failure.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
