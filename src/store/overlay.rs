//! Looks into a state file without changing a byte of it, also one that was not closed cleanly.
//!
//! redb repairs such a file when it opens it, which writes. Here the repair goes into memory: over the file lies a
//! layer that takes all writes and forgets them at the end. Never holds more than what redb writes during a repair.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend};

use super::CACHE_BYTES;

/// Writes are kept in blocks of this many bytes: redb's page.
const BLOCK: u64 = 4096;

/// What `view` finds in the file, repaired in memory if it needs that. `None` where it cannot be read or is in use:
/// the real opening says why.
pub(super) fn look<T>(path: &Path, view: impl FnOnce(&ReadTransaction) -> T) -> Option<T> {
    match Database::builder().open_read_only(path) {
        Ok(database) => Some(view(&database.begin_read().ok()?)),
        Err(DatabaseError::RepairAborted) => {
            let layer = Layer::over(File::open(path).ok()?).ok()?;
            let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(layer).ok()?;
            Some(view(&database.begin_read().ok()?))
        }
        Err(_) => None,
    }
}

/// A file that is only read, and what has been written over it.
#[derive(Debug)]
struct Layer {
    file: File,
    over: Mutex<Over>,
}

#[derive(Debug)]
struct Over {
    length: u64,
    /// What of the file is still seen: the shortest length that was ever set.
    seen: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Layer {
    fn over(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, over: Mutex::new(Over { length, seen: length, blocks: BTreeMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Over> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block as the file has it; zeros where it has none.
    fn block(&self, number: u64, seen: u64) -> io::Result<Vec<u8>> {
        let mut block = vec![0; BLOCK as usize];
        let start = number.saturating_mul(BLOCK);
        let there = seen.saturating_sub(start).min(BLOCK) as usize;
        self.file.read_exact_at(&mut block[..there], start)?;
        Ok(block)
    }
}

/// The blocks that `length` bytes from `offset` touch: number, first byte in the block, bytes of it.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + length as u64;
    let mut at = offset;
    std::iter::from_fn(move || {
        (at < end).then(|| {
            let (number, first) = (at / BLOCK, at % BLOCK);
            let bytes = (BLOCK - first).min(end - at);
            at += bytes;
            (number, first as usize, bytes as usize)
        })
    })
}

impl StorageBackend for Layer {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let over = self.lock();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > over.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut rest = out;
        for (number, first, bytes) in pieces(offset, rest.len()) {
            let (piece, behind) = rest.split_at_mut(bytes);
            match over.blocks.get(&number) {
                Some(block) => piece.copy_from_slice(&block[first..first + bytes]),
                None => piece.copy_from_slice(&self.block(number, over.seen)?[first..first + bytes]),
            }
            rest = behind;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut over = self.lock();
        if length < over.length {
            // What is cut off is zeros if the length grows again.
            over.blocks.retain(|number, _| number * BLOCK < length);
            if let Some(block) = over.blocks.get_mut(&(length / BLOCK)) {
                block[(length % BLOCK) as usize..].fill(0);
            }
        }
        over.seen = over.seen.min(length);
        over.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut over = self.lock();
        let mut rest = data;
        for (number, first, bytes) in pieces(offset, data.len()) {
            let (piece, behind) = rest.split_at(bytes);
            if !over.blocks.contains_key(&number) {
                let block = self.block(number, over.seen)?;
                over.blocks.insert(number, block);
            }
            if let Some(block) = over.blocks.get_mut(&number) {
                block[first..first + bytes].copy_from_slice(piece);
            }
            rest = behind;
        }
        over.length = over.length.max(offset + data.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redb::backends::InMemoryBackend;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Write(u64, Vec<u8>),
        Length(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let bytes = (1u8..=255, 1usize..10_000).prop_map(|(byte, length)| vec![byte; length]);
        prop_oneof![
            3 => (0u64..30_000, bytes).prop_map(|(at, bytes)| Step::Write(at, bytes)),
            1 => (0u64..40_000).prop_map(Step::Length),
        ]
    }

    proptest! {
        /// What is read is what a file would hold, and the file stays as it is.
        #[test]
        fn a_layer_behaves_as_a_file_and_leaves_it_alone(length in 0usize..20_000, steps in prop::collection::vec(step(), 0..12)) {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let before: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            io::Write::write_all(&mut file, &before).unwrap();
            let layer = Layer::over(File::open(file.path()).unwrap()).unwrap();
            let plain = InMemoryBackend::new();
            plain.set_len(length as u64).unwrap();
            plain.write(0, &before).unwrap();
            for step in steps {
                match step {
                    Step::Write(at, bytes) => {
                        // redb never writes beyond the end.
                        let end = (at + bytes.len() as u64).max(plain.len().unwrap());
                        for disk in [&plain as &dyn StorageBackend, &layer] {
                            disk.set_len(end).unwrap();
                            disk.write(at, &bytes).unwrap();
                        }
                    }
                    Step::Length(length) => {
                        plain.set_len(length).unwrap();
                        layer.set_len(length).unwrap();
                    }
                }
                let length = plain.len().unwrap();
                prop_assert_eq!(layer.len().unwrap(), length);
                let (mut expected, mut found) = (vec![0; length as usize], vec![1; length as usize]);
                plain.read(0, &mut expected).unwrap();
                layer.read(0, &mut found).unwrap();
                prop_assert!(expected == found);
                prop_assert!(layer.read(length, &mut [0]).is_err());
            }
            prop_assert!(std::fs::read(file.path()).unwrap() == before);
        }
    }
}
