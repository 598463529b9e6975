//! The state file as this process knows it: the file that it opened, and the bytes that it last
//! wrote to its beginning.
//!
//! Owns a descriptor that keeps the file reachable when its name is gone, and notices when another
//! program removes, replaces, cuts or overwrites it. It must never let a write go into a file that
//! another program has changed, and never open a file that no lock protects from a second exporter.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::Bound,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

use super::{StoreError, open_error};

/// Bytes at the beginning of a file that are compared: more than redb's header, which every commit
/// changes.
const HEADER: usize = 512;

const NO_LOCKS: &str = "its file system has no file locks, so nothing would stop a second exporter from writing to it: \
                        put it on a local disk";

/// A change of the state file by another program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Displacement {
    /// Nothing is at the path.
    Removed,
    /// Another file is at the path.
    Replaced,
    /// The file became shorter.
    Cut,
    /// The beginning of the file differs from this process's last write.
    Overwritten,
}

impl Displacement {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Removed, Self::Replaced, Self::Cut, Self::Overwritten];

    /// The word for it, in logs and as the value of a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Cut => "cut",
            Self::Overwritten => "overwritten",
        }
    }

    /// Returns true if the open file still has everything and lost only its name.
    pub fn keeps_contents(self) -> bool {
        matches!(self, Self::Removed | Self::Replaced)
    }
}

/// An open state file.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Never locked and never written.
    anchor: File,
    /// Device and inode; `None` on a file system that reports others for a path than for the file
    /// opened there.
    identity: Option<(u64, u64)>,
    known: Mutex<LastWritten>,
}

/// The last write of this process.
#[derive(Debug)]
struct LastWritten {
    length: u64,
    /// `None` after a failed write, because it may have been done in part.
    header: Option<[u8; HEADER]>,
}

impl LastWritten {
    fn wrote(&mut self, offset: u64, data: &[u8]) {
        self.length = self.length.max(offset + data.len() as u64);
        let Some(header) = &mut self.header else { return };
        let Some(rest) = usize::try_from(offset).ok().and_then(|at| header.get_mut(at..)) else {
            return;
        };
        let bytes = rest.len().min(data.len());
        rest[..bytes].copy_from_slice(&data[..bytes]);
    }
}

impl StateFile {
    /// Opens the file, or creates it (mode 0600).
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        refuse_irregular(path)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let opened = options.open(path).and_then(|anchor| Self::of(anchor, path));
        opened.map(Arc::new).map_err(StoreError::io(path))
    }

    fn of(anchor: File, path: &Path) -> io::Result<Self> {
        let metadata = anchor.metadata()?;
        let identity = identity(&metadata);
        let same = identity_at(path)? == identity;
        let known = LastWritten { length: metadata.len(), header: Some(header(&anchor)?) };
        Ok(Self {
            path: path.to_owned(),
            anchor,
            identity: same.then_some(identity),
            known: Mutex::new(known),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the size of the file.
    pub(super) fn length(&self) -> io::Result<u64> {
        self.anchor.metadata().map(|metadata| metadata.len())
    }

    /// Opens this file for redb, whatever is at its path by now.
    pub(super) fn backend(self: &Arc<Self>) -> Result<StateBackend<FileBackend>, StoreError> {
        let io = StoreError::io(&self.path);
        let mut known = self.known();
        if known.header.is_none() {
            known.header = Some(header(&self.anchor).map_err(&io)?);
        }
        if let Some(what) = self.changed(&known).map_err(&io)? {
            return Err(StoreError::Displaced { path: self.path.clone(), what });
        }
        drop(known);
        let inner = FileBackend::new(self.handle().map_err(&io)?);
        Ok(StateBackend {
            inner: inner.map_err(|error| open_error(&self.path, error))?,
            file: self.clone(),
        })
    }

    /// Looks for a change by another program, in the file and at its path.
    pub(super) fn displacement(&self) -> io::Result<Option<Displacement>> {
        if let Some(what) = self.changed(&self.known())? {
            return Ok(Some(what));
        }
        let Some(own) = self.identity else { return Ok(None) };
        match identity_at(&self.path) {
            Ok(there) => Ok((there != own).then_some(Displacement::Replaced)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Some(Displacement::Removed))
            }
            Err(error) => Err(error),
        }
    }

    /// Returns true if this file is the one at its path.
    pub(super) fn is_at_path(&self) -> bool {
        self.identity.is_some_and(|own| identity_at(&self.path).is_ok_and(|there| there == own))
    }

    /// Opens the file again, with separate locks, even if it has lost its name.
    fn handle(&self) -> io::Result<File> {
        let descriptors = Path::new("/proc/self/fd");
        let own = descriptors.join(self.anchor.as_raw_fd().to_string());
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.open(if descriptors.exists() { &own } else { &self.path })
    }

    /// Compares the file with what this process last wrote.
    fn changed(&self, known: &LastWritten) -> io::Result<Option<Displacement>> {
        if self.length()? < known.length {
            return Ok(Some(Displacement::Cut));
        }
        let Some(written) = &known.header else { return Ok(None) };
        Ok((header(&self.anchor)? != *written).then_some(Displacement::Overwritten))
    }

    fn known(&self) -> MutexGuard<'_, LastWritten> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses a path to anything but a file, because opening a pipe would wait for its other end.
pub(super) fn refuse_irregular(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => {
            Err(StoreError::io(path)(io::Error::other("it is not a regular file")))
        }
        _ => Ok(()),
    }
}

fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|metadata| identity(&metadata))
}

/// Reads the beginning of a file; zeros where it has none.
fn header(file: &File) -> io::Result<[u8; HEADER]> {
    let mut header = [0; HEADER];
    let mut read = 0;
    while read < HEADER {
        match file.read_at(&mut header[read..], read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(header)
}

/// The storage of redb over a [`StateFile`].
#[derive(Debug)]
pub(super) struct StateBackend<B> {
    inner: B,
    file: Arc<StateFile>,
}

impl<B: StorageBackend> StateBackend<B> {
    /// Runs `write` if no other program has changed the file, and notes the result with `remember`.
    fn write_own(
        &self,
        write: impl FnOnce() -> io::Result<()>,
        remember: impl FnOnce(&mut LastWritten),
    ) -> io::Result<()> {
        let mut known = self.file.known();
        if let Some(what) = self.file.changed(&known)? {
            return Err(io::Error::other(format!(
                "the state file was {} by another program",
                what.as_str()
            )));
        }
        match write() {
            Ok(()) => {
                remember(&mut known);
                Ok(())
            }
            Err(error) => {
                known.header = None;
                Err(error)
            }
        }
    }
}

/// Turns a lack of locks into an error, because redb would continue without them.
fn locked(
    start: Bound<u64>,
    end: Bound<u64>,
    outcome: Result<bool, BackendError>,
) -> Result<bool, BackendError> {
    let is_whole =
        matches!(start, Bound::Unbounded | Bound::Included(0)) && end == Bound::Unbounded;
    match outcome {
        Err(BackendError::Unsupported) if is_whole => {
            Err(BackendError::Io(io::Error::other(NO_LOCKS)))
        }
        other => other,
    }
}

impl<B: StorageBackend> StorageBackend for StateBackend<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.write_own(|| self.inner.set_len(length), |known| known.length = length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_own(|| self.inner.write(offset, data), |known| known.wrote(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        locked(start, end, self.inner.try_lock_range(start, end))
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        locked(start, end, self.inner.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

#[cfg(test)]
mod tests {
    use redb::{Database, backends::InMemoryBackend};

    use super::*;

    /// A second exporter on such a file system would write to the same file.
    #[test]
    fn a_file_system_without_locks_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = StateFile::open(&folder.path().join("state.redb")).expect("a file");
        let backend = StateBackend { inner: InMemoryBackend::new(), file };
        let error = Database::builder().create_with_backend(backend).expect_err("it has no locks");
        assert!(error.to_string().contains("no file locks"), "{error}");
    }
}
