//! `state backup`: a copy of the state as of one moment, in a new file or on standard output,
//! whether an exporter runs on it or not.
//!
//! Asks the exporter that has the file open; if none has, it copies the file byte by byte, whatever
//! its layout. It never writes to the state, and never over an existing file. It hands out a copy
//! only after reading all of it against its checksums.

use std::{
    fmt::{self, Display, Formatter},
    fs::{self, File},
    io::{self, BufReader, Seek as _, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase, ReadableTableMetadata as _, backends::FileBackend};

use super::{
    CACHE_BYTES, StoreError,
    backup_server::backup_socket,
    failed,
    file::refuse_irregular,
    open_error,
    rescue::{beside, create, sync_folder},
    schema::{VERSION, identify},
    stream::receive,
};

/// Facts about a finished copy.
#[derive(Debug)]
pub struct BackupSummary {
    /// The copy; `-` for standard output.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Its layout.
    pub layout: u32,
    /// An exporter had the state open.
    pub live: bool,
}

impl Display for BackupSummary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let from = if self.live {
            "from the exporter that runs"
        } else {
            "from the file, no exporter runs on it"
        };
        writeln!(
            f,
            "{}: {} records, {} bytes, {from}",
            self.path.display(),
            self.records,
            self.bytes
        )?;
        if self.layout == VERSION {
            return Ok(());
        }
        let of = if self.layout < VERSION { "an older" } else { "a newer" };
        writeln!(
            f,
            "its layout ({}) is that of {of} version of the exporter: keep it for that version",
            self.layout
        )
    }
}

/// Copies the state in `state` to the new file `to` (mode 0600).
///
/// # Errors
/// If there is no state, or it cannot be read; if `to` exists, or cannot be written. Then nothing
/// is left behind.
pub fn backup(state: &Path, to: &Path) -> Result<BackupSummary, StoreError> {
    if to.try_exists().map_err(|error| io_error(to, &error))? {
        return Err(StoreError::Backup(format!(
            "{} exists, and a copy never replaces a file",
            to.display()
        )));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(StoreError::Backup(format!(
            "there is no folder {}: make it first",
            folder.display()
        )));
    }
    let partial = beside(to, "partial");
    let made =
        new_file(&partial).and_then(|file| fill(state, &partial, file)).and_then(|(_, summary)| {
            fs::rename(&partial, to)
                .and_then(|()| sync_folder(to))
                .map_err(|error| io_error(to, &error))?;
            Ok(BackupSummary { path: to.to_owned(), ..summary })
        });
    if made.is_err() {
        // It may not exist.
        let _ = fs::remove_file(&partial);
    }
    made
}

/// Copies the state in `state` to `out`. The copy is made in a nameless file beside the state
/// first.
///
/// # Errors
/// As for [`backup`]; also if `out` cannot be written.
pub fn backup_to(state: &Path, out: &mut impl Write) -> Result<BackupSummary, StoreError> {
    let partial = beside(state, "copy");
    let file = new_file(&partial)?;
    fs::remove_file(&partial).map_err(|error| io_error(&partial, &error))?;
    let (mut file, summary) = fill(state, &partial, file)?;
    let copied = file.rewind().and_then(|()| io::copy(&mut file, out)).and_then(|_| out.flush());
    copied.map_err(|error| io_error(Path::new("standard output"), &error))?;
    Ok(BackupSummary { path: "-".into(), ..summary })
}

/// Makes the file for a copy; its folder must be there.
fn new_file(path: &Path) -> Result<File, StoreError> {
    create(path).map_err(|error| match error {
        StoreError::Io { path, error } => io_error(path.parent().unwrap_or(&path), &error),
        other => other,
    })
}

/// Fills `file`, which messages call `name`, with a copy, and reads it whole.
fn fill(state: &Path, name: &Path, file: File) -> Result<(File, BackupSummary), StoreError> {
    let copy = file.try_clone().map_err(|error| io_error(name, &error))?;
    let live = match UnixStream::connect(backup_socket(state)) {
        Ok(exporter) => {
            receive(&mut BufReader::new(exporter), copy)?;
            true
        }
        // No exporter runs, or the one that did was killed.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            copy_file(state, &file)?;
            false
        }
        Err(error) => {
            return Err(StoreError::Backup(format!(
                "the exporter that runs cannot be asked ({error}): ask as its user, or as root"
            )));
        }
    };
    let copy = file.try_clone().map_err(|error| io_error(name, &error))?;
    let (records, layout) = verify(state, copy)?;
    let bytes = file.metadata().map_err(|error| io_error(name, &error))?.len();
    Ok((file, BackupSummary { path: name.to_owned(), bytes, records, layout, live }))
}

/// Copies the bytes of a file that no exporter has open.
fn copy_file(state: &Path, mut to: &File) -> Result<(), StoreError> {
    refuse_irregular(state)?;
    let mut from = File::open(state).map_err(StoreError::io(state))?;
    // The lock is held while the file is copied, so that no exporter begins to write to it.
    if let Err(fs::TryLockError::WouldBlock) = from.try_lock_shared() {
        return Err(StoreError::Backup(format!(
            "an exporter has {} open and hands out no copies: its log says why at the start; stop it, or ask there",
            state.display()
        )));
    }
    io::copy(&mut from, &mut to).map_err(|error| StoreError::Backup(error.to_string()))?;
    Ok(())
}

/// Reads a copy from end to end against its checksums. Returns the number of its records, and its
/// layout.
fn verify(state: &Path, file: File) -> Result<(u64, u32), StoreError> {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    let backend = FileBackend::new(file).map_err(|error| open_error(state, error))?;
    let database =
        builder.create_with_backend(backend).map_err(|error| open_error(state, error))?;
    let read = database.begin_read().map_err(failed)?;
    let Some(identity) = identify(&read, state)? else {
        return Err(StoreError::Damaged {
            path: state.to_owned(),
            detail: "it is empty".to_owned(),
        });
    };
    let mut records = 0;
    for table in read.list_tables().map_err(failed)? {
        let table = read.open_untyped_table(table).map_err(failed)?;
        records += table.len().map_err(failed)?;
    }
    Ok((records, identity.version))
}

fn io_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Backup(format!("{}: {error}", path.display()))
}
