//! A disk in memory that loses power.
//!
//! Synced writes survive; of the writes since then, an arbitrary part does. Power can fail at any
//! write.

use std::{
    io,
    sync::{Arc, Mutex},
};

use redb::StorageBackend;

#[derive(Debug, Default)]
struct State {
    durable: Vec<u8>,
    /// The content that a running process reads.
    current: Vec<u8>,
    unsynced: Vec<Change>,
    writes: u64,
    fails_at: Option<u64>,
    off: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Length(usize),
    Bytes(usize, Vec<u8>),
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Bytes(offset, data) => {
            let end = offset + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(data);
        }
    }
}

/// A handle of the disk; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrashDisk(Arc<Mutex<State>>);

impl CrashDisk {
    /// Makes power fail after this many more writes.
    pub(crate) fn fail_after(&self, writes: u64) {
        let mut state = self.0.lock().unwrap();
        state.fails_at = Some(state.writes + writes);
    }

    /// Returns true once power has failed.
    pub(crate) fn is_off(&self) -> bool {
        self.0.lock().unwrap().off
    }

    /// Restores power. The bits of `luck` decide which unsynced changes survive.
    pub(crate) fn restart(&self, mut luck: u64) {
        let mut state = self.0.lock().unwrap();
        let unsynced = std::mem::take(&mut state.unsynced);
        let mut durable = std::mem::take(&mut state.durable);
        for change in &unsynced {
            luck = luck
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // A new length always survives, because a file system journals it with the blocks that
            // it frees.
            if matches!(change, Change::Length(_)) || luck >> 63 == 1 {
                apply(&mut durable, change);
            }
        }
        state.current.clone_from(&durable);
        state.durable = durable;
        state.off = false;
        state.fails_at = None;
    }

    fn write_change(&self, change: Change) -> Result<(), io::Error> {
        let mut state = self.0.lock().unwrap();
        state.writes += 1;
        if state.fails_at.is_some_and(|at| state.writes >= at) {
            state.off = true;
        }
        if state.off {
            return Err(io::Error::other("no power"));
        }
        apply(&mut state.current, &change);
        state.unsynced.push(change);
        Ok(())
    }
}

impl StorageBackend for CrashDisk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let state = self.0.lock().unwrap();
        if state.off {
            return Err(io::Error::other("no power"));
        }
        let offset = offset as usize;
        match state.current.get(offset..offset + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.write_change(Change::Length(len as usize))
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut state = self.0.lock().unwrap();
        if state.off {
            return Err(io::Error::other("no power"));
        }
        let State { durable, unsynced, .. } = &mut *state;
        // Applies the changes instead of copying the file, most of which is unchanged.
        unsynced.drain(..).for_each(|change| apply(durable, &change));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.write_change(Change::Bytes(offset as usize, data.to_vec()))
    }
}
