//! One life of a poller on virtual time, from its start to its kill.

use std::{path::Path, sync::Arc, time::Duration};

use wolkvox_exporter::{snapshot::Publisher, store::Store};

use crate::crash_disk::CrashDisk;

/// Opens the state on a disk that may fail.
pub(crate) fn open(disk: &CrashDisk) -> Result<Store, String> {
    let handle = disk.clone();
    let backend = move || Ok(handle.clone());
    Store::open_backend(backend, Path::new("crash-disk"), [3; 16])
        .map_err(|error| error.to_string())
}

pub(crate) struct Process {
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) task: tokio::task::JoinHandle<()>,
    pub(crate) store: Arc<Store>,
}

impl Process {
    /// Ends the process like SIGKILL, without tidying up. Waits only until the file is free for the
    /// next process.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        while Arc::strong_count(&self.store) > 1 {
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1)))
                .await
                .unwrap();
        }
    }
}
