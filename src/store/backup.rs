//! `state backup`: a copy of the state as of one moment, in a new file, whether an exporter runs on it or not.
//!
//! Asks the exporter that has the file open; where none has, reads the file itself. It never writes to the state, and
//! never over a file that is there. The copy gets its name when it has been read whole against its checksums.

use std::{
    fmt::{self, Display, Formatter},
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter},
    os::unix::{fs::OpenOptionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    thread,
};

use super::{
    StoreError,
    backup_server::backup_socket,
    copy::{receive, send, verify},
    file_backend,
    overlay::look,
};

/// What came of a copy.
#[derive(Debug)]
pub struct BackupSummary {
    /// The copy.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Whether an exporter had the state open.
    pub live: bool,
}

impl Display for BackupSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let from =
            if self.live { "from the exporter that runs" } else { "from the file, no exporter runs on it" };
        writeln!(f, "{}: {} records, {} bytes, {from}", self.path.display(), self.records, self.bytes)
    }
}

/// Copies the state in `state` to the new file `to` (mode 0600).
///
/// # Errors
/// When there is no state, or it cannot be read; when `to` exists, or cannot be written. Then nothing is left behind.
pub fn backup(state: &Path, to: &Path) -> Result<BackupSummary, StoreError> {
    if to.try_exists().map_err(|error| io_error(to, &error))? {
        return Err(StoreError::Backup(format!("{} exists, and a copy never replaces a file", to.display())));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let made = fill(state, &partial).and_then(|(records, live)| {
        verify(&partial)?;
        let bytes = fs::metadata(&partial).map_err(|error| io_error(&partial, &error))?.len();
        fs::rename(&partial, to).and_then(|()| sync_directory(to)).map_err(|error| io_error(to, &error))?;
        Ok(BackupSummary { path: to.to_owned(), bytes, records, live })
    });
    if made.is_err() {
        // It may never have been made.
        let _ = fs::remove_file(&partial);
    }
    made
}

/// Records copied, and whether an exporter handed them out.
fn fill(state: &Path, partial: &Path) -> Result<(u64, bool), StoreError> {
    let create = || {
        let mut options = OpenOptions::new();
        // What a copy that was broken off has left is of no use to anybody.
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        options.open(partial).map_err(|error| io_error(partial, &error))
    };
    match UnixStream::connect(backup_socket(state)) {
        Ok(exporter) => Ok((receive(&mut BufReader::new(exporter), create()?)?, true)),
        // None runs, or the one that did was killed.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok((copy_file(state, create)?, false))
        }
        Err(error) => Err(StoreError::Backup(format!(
            "the exporter that runs cannot be asked ({error}): ask as its user, or as root"
        ))),
    }
}

/// Of a file that no exporter has open, also one that was not closed cleanly.
fn copy_file(
    state: &Path,
    create: impl FnOnce() -> Result<File, StoreError> + Send,
) -> Result<u64, StoreError> {
    let copied = look(state, |read| {
        let (ours, theirs) = UnixStream::pair().map_err(|error| StoreError::Backup(error.to_string()))?;
        thread::scope(|scope| {
            let receiver = scope.spawn(move || receive(&mut BufReader::new(theirs), create()?));
            let sent = send(read, &mut BufWriter::new(ours), &|| false);
            let received = receiver.join().unwrap_or_else(|_| Err(StoreError::Backup("a bug".to_owned())));
            // What the receiver says includes what the sender told it.
            received.and_then(|records| sent.map(|()| records))
        })
    });
    match copied {
        Some(copied) => copied,
        // It says why it cannot be read.
        None => Err(file_backend(state).err().unwrap_or_else(|| StoreError::Damaged {
            path: state.to_owned(),
            detail: "it cannot be read".to_owned(),
        })),
    }
}

fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Backup(format!("{}: {error}", path.display()))
}

/// So that the new name is there after a power failure.
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
