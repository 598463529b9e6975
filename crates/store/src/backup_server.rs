//! Hands out copies of the state while the exporter runs, on a socket beside the state file.
//!
//! Owns the socket. Everybody who may use the state file may use it: it has the same folder, owner
//! and mode, and is not reachable over the network. A copy is read in a read transaction, so no
//! commit waits for it. One is made at a time, and a reader that takes nothing for half a minute is
//! given up, because the pages that it holds cannot be freed in the file.

use std::{
    fs::{self, Permissions},
    io::{self, BufWriter},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    net::UnixListener,
    task::{AbortHandle, spawn_blocking},
};
use tracing::{info, warn};

use super::{Store, stream::send};

/// Longest time between two reads of a reader.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after an error that the next attempt would repeat, such as no free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Returns the socket at which a copy of the state in this file can be requested.
pub fn backup_socket(state: &Path) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(".socket");
    path.into()
}

/// The open socket. Dropping it closes and removes it, and breaks off a copy under way.
#[derive(Debug)]
pub struct BackupServer {
    path: PathBuf,
    task: AbortHandle,
    stopped: Arc<AtomicBool>,
}

impl BackupServer {
    /// Starts the server. The caller has the state file open, so an existing socket was left by a
    /// process that is gone.
    ///
    /// # Errors
    /// If there can be no socket: the path is longer than about 100 bytes, or the file system has
    /// none.
    pub fn start(path: &Path, store: Arc<Store>) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let stopped = Arc::<AtomicBool>::default();
        let task = tokio::spawn(serve(listener, store, stopped.clone())).abort_handle();
        Ok(Self { path: path.to_owned(), task, stopped })
    }
}

impl Drop for BackupServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.abort();
        // Another process may have removed it.
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, store: Arc<Store>, stopped: Arc<AtomicBool>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream.into_std(),
            Err(error) => {
                warn!(%error, "cannot accept a connection for a copy of the state; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let store = store.clone();
        let stopped = stopped.clone();
        let copied = spawn_blocking(move || hand_out(stream?, &store, &stopped)).await;
        match copied.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(()) => info!("a copy of the state was handed out"),
            Err(error) => warn!(%error, "a copy of the state was asked for, and broke off"),
        }
    }
}

fn hand_out(stream: UnixStream, store: &Store, stopped: &AtomicBool) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let mut out = BufWriter::with_capacity(64 * 1024, stream);
    let sent = store.read(|view| {
        // After a disk failure the file can be opened again only when all reads have ended.
        send(view.transaction(), &mut out, &|| stopped.load(Ordering::Relaxed) || store.is_closed())
    });
    sent.map_err(io::Error::other)
}
