//! What the store asks of its disk: no write for a read, and a new beginning only after a failure.

use super::*;

/// Counts what is asked of it, and can be told to fail.
#[derive(Debug, Clone, Default)]
struct CountingDisk {
    bytes: Arc<InMemoryBackend>,
    syncs: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
    full: Arc<AtomicBool>,
}

impl CountingDisk {
    fn store(&self) -> Store {
        let disk = self.clone();
        let open = move || {
            disk.opened.fetch_add(1, Ordering::SeqCst);
            Ok(disk.clone())
        };
        Store::open_backend(open, Path::new("counting"), [1; 16]).unwrap()
    }

    fn write(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl StorageBackend for CountingDisk {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write()?;
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write()?;
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        Self::write(self)?;
        self.bytes.write(offset, data)
    }
}

#[test]
fn reading_writes_nothing_and_waits_for_no_commit() {
    let disk = CountingDisk::default();
    let store = disk.store();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1)]);
    let before = disk.syncs.load(Ordering::SeqCst);
    let looked = |store: &Store| {
        assert_eq!(restore(store, "a").1, counters);
        assert_eq!(store.reload(a).unwrap(), counters);
        store.names(a).unwrap();
        let day = jiff::civil::date(2026, 1, 18);
        let stretch = (LocalSecond::new(0), LocalSecond::new(999));
        let rows = |view: &View| Ok((view.requests(a, day)?, view.rows_in(a, stretch)?));
        assert_eq!(store.read(rows).unwrap().1.len(), 1);
    };
    looked(&store);
    assert_eq!(disk.syncs.load(Ordering::SeqCst), before, "reading made the disk sync");
    // Amid a commit, which would wait for itself.
    store
        .transact(|_| {
            std::thread::scope(|scope| scope.spawn(|| looked(&store)).join().unwrap());
            Ok(())
        })
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_a_failing_disk_closes_the_file_and_it_is_opened_again_at_most_every_half_minute() {
    let disk = CountingDisk::default();
    let store = disk.store();
    let (a, _) = restore(&store, "a");
    let opened = || disk.opened.load(Ordering::SeqCst);
    assert_eq!(opened(), 1);
    let unusable = store.transact(|_| Err::<(), _>(StoreError::Unusable("a record".to_owned())));
    assert!(unusable.is_err() && store.reload(a).is_ok());
    assert_eq!(opened(), 1, "a record that cannot be read is no reason to open the file again");

    disk.full.store(true, Ordering::SeqCst);
    let day = jiff::civil::date(2026, 1, 18);
    let spend = || store.transact(|tx| tx.spend_request(a, day));
    for _ in 0..100 {
        assert!(matches!(spend(), Err(StoreError::Failed(_) | StoreError::Io { .. })));
    }
    assert!(opened() <= 3, "opened {} times within a moment", opened());
    disk.full.store(false, Ordering::SeqCst);
    tokio::time::advance(REOPEN_INTERVAL).await;
    spend().unwrap();
    assert_eq!(store.read(|view| view.requests(a, day)).unwrap(), 1);
}
