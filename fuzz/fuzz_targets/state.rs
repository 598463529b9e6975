//! Fuzzes the state file: any bytes, and a good file with damage, must be opened or refused, and an
//! opened file must be usable.

#![no_main]

use std::{path::Path, sync::LazyLock, time::Duration};

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use redb::{StorageBackend, backends::InMemoryBackend};
use wolkvox_exporter::{
    ledger::{
        IdleTimes, JourneyMeasure, ReconcileParams, RowBatch, SeriesLimits, TargetCounters,
        TimeBounds, reconcile,
    },
    model::LocalSecond,
    store::{Store, StoreError},
    wolkvox::{Row, RowLabels},
};

/// Bounds by which half of the journeys are over.
const BOUNDS: TimeBounds = TimeBounds { closing: 1940, ..TimeBounds::OPEN };

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone)]
struct Disk(std::sync::Arc<InMemoryBackend>);

impl Disk {
    fn new(bytes: &[u8]) -> Self {
        let disk = InMemoryBackend::new();
        disk.set_len(bytes.len() as u64).expect("memory");
        disk.write(0, bytes).expect("memory");
        Self(std::sync::Arc::new(disk))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.0.len().expect("memory") as usize];
        self.0.read(0, &mut bytes).expect("memory");
        bytes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

fn row(n: u64) -> Row<'static> {
    Row {
        labels: RowLabels::new("10", "voice", ["A", "B"][n as usize % 2]),
        fingerprint: n,
        interaction: Some(n / 3),
        began: None,
        date: LocalSecond::new(n as i64),
        second: Some(3),
        attempts: 1,
    }
}

/// Uses the state file as the exporter does.
fn work(disk: Disk) -> Result<(), StoreError> {
    let store = Store::open_backend(move || Ok(disk.clone()), Path::new("fuzz"), [1; 16])?;
    let (target, counters) = store.restore("a", || TargetCounters::new(Timestamp::UNIX_EPOCH))?;
    let mut batch = RowBatch::default();
    (0..40).for_each(|n| batch.push(Ok(row(n * 7))));
    let idle = IdleTimes::from(Duration::from_mins(30));
    let params = ReconcileParams {
        bounds: BOUNDS,
        limits: SeriesLimits::default(),
        idle: &idle,
        measure: JourneyMeasure::Options,
        now: 300,
        moment: &LocalSecond::get,
    };
    store.transact(|tx| {
        let step = reconcile(&counters, &mut batch, &params, &tx.memory(target, 0))?;
        tx.write(target, &step)?;
        // Forgets all of the first hour.
        tx.forget(target, LocalSecond::new(20), 3600)?;
        tx.rows_in(target, (LocalSecond::MIN, LocalSecond::MAX)).map(drop)
    })
}

/// A file that a successful run left behind.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let disk = Disk::new(&[]);
    work(disk.clone()).expect("a new file is good");
    disk.bytes()
});

/// Damages a good file: each six bytes of `edits` give a place and a change.
fn damaged(edits: &[u8]) -> Vec<u8> {
    let mut bytes = GOOD.clone();
    for edit in edits.chunks_exact(6) {
        let at = u32::from_le_bytes([edit[0], edit[1], edit[2], 0]) as usize;
        match edit[3] {
            // Most of a file is empty, so most damage goes to the header and the bytes after it.
            0..200 => bytes[at % 8192.min(GOOD.len())] ^= edit[4] | 1,
            200..240 => bytes[at % GOOD.len()] = edit[4],
            240..250 => {
                bytes.resize(bytes.len().max(GOOD.len()) + usize::from(edit[4]) * 16, edit[5])
            }
            _ => bytes.resize((at % GOOD.len()).max(1), 0),
        }
        if bytes.len() < GOOD.len() {
            break;
        }
    }
    bytes
}

fuzz_target!(
    // Replaces libfuzzer's hook, which would also abort on a panic that the store turns into an
    // error. A panic that leaves the store still ends the run.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |input: &[u8]| {
        let Some((&kind, rest)) = input.split_first() else { return };
        let bytes = if kind % 4 == 0 { rest.to_vec() } else { damaged(rest) };
        if let Err(error) = work(Disk::new(&bytes)) {
            assert!(!error.to_string().is_empty());
        }
    }
);
