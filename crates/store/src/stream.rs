//! The state as a stream of records, in which a copy travels from the process that has the file
//! open to a new file.
//!
//! Owns the format. The same version of the program writes and reads it, as its first bytes prove;
//! it is never stored. All numbers are little-endian:
//!
//! ```text
//! magic, layout version (u32), then for each table of the schema, in its order, records, then the
//! tag 0
//! record: tag 1, length (u32) and bytes of the key, length (u32) and bytes of the value
//! instead of any tag: tag 2, length (u32) and a sentence about why the stream ends here
//! ```

use std::io::{self, Read, Write};

use redb::{
    Database, Key, ReadTransaction, ReadableTable, TableDefinition, TableError, TableHandle, Value,
    WriteTransaction, backends::FileBackend,
};

use super::{
    CACHE_BYTES, StoreError, failed,
    schema::{TableVisitor, VERSION, visit_tables},
};

const MAGIC: &[u8; 16] = b"wolkvox state 1\n";
const END: u8 = 0;
const RECORD: u8 = 1;
const ERROR: u8 = 2;
/// Longest key, value or sentence, in bytes; a stream with a longer one is no copy.
const LONGEST: u32 = 64 * 1024 * 1024;

/// Writes all tables of `read` to `out`. The reader gets the reason of a failure too.
pub(super) fn send(
    read: &ReadTransaction,
    out: &mut impl Write,
    stopped: &dyn Fn() -> bool,
) -> Result<(), StoreError> {
    let mut sender = Sender { read, out, stopped, tables: 0 };
    let sent = sender.all();
    if let Err(error) = &sent {
        // The reader itself may have failed.
        let _ = sender
            .out
            .write_all(&[ERROR])
            .and_then(|()| block(sender.out, error.to_string().as_bytes()));
    }
    let flushed = sender.out.flush().map_err(broken);
    sent.and(flushed)
}

/// Makes a new database in `file` from the output of [`send`].
pub(super) fn receive(input: &mut impl Read, file: std::fs::File) -> Result<(), StoreError> {
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic).map_err(broken)?;
    let version = number(input)?;
    if magic != *MAGIC || version != VERSION {
        let reason = "the exporter that has it open is another version: make the copy with the binary that runs";
        return Err(StoreError::Backup(reason.to_owned()));
    }
    let backend = FileBackend::new(file).map_err(failed)?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(failed)?;
    let write = database.begin_write().map_err(failed)?;
    visit_tables(&mut Receiver { write: &write, input })?;
    write.commit().map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> StoreError {
    StoreError::Backup(format!("it broke off ({error})"))
}

struct Sender<'a, W> {
    read: &'a ReadTransaction,
    out: &'a mut W,
    stopped: &'a dyn Fn() -> bool,
    tables: usize,
}

impl<W: Write> Sender<'_, W> {
    fn all(&mut self) -> Result<(), StoreError> {
        self.out
            .write_all(MAGIC)
            .and_then(|()| self.out.write_all(&VERSION.to_le_bytes()))
            .map_err(broken)?;
        visit_tables(self)?;
        // A table that is not in the list would be missing from every copy.
        let all = self.read.list_tables().map_err(failed)?.map(|table| table.name().to_owned());
        let all: Vec<String> = all.collect();
        let multimaps = self.read.list_multimap_tables().map_err(failed)?.count();
        if all.len() + multimaps != self.tables {
            return Err(StoreError::Backup(format!(
                "the file has tables that are not copied, of {all:?}"
            )));
        }
        Ok(())
    }
}

impl<W: Write> TableVisitor for Sender<'_, W> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        match self.read.open_table(definition) {
            Ok(table) => {
                self.tables += 1;
                for record in table.iter().map_err(failed)? {
                    let (key, value) = record.map_err(failed)?;
                    if (self.stopped)() {
                        return Err(StoreError::Backup("the exporter is stopping".to_owned()));
                    }
                    self.out.write_all(&[RECORD]).map_err(broken)?;
                    block(self.out, K::as_bytes(&key.value()).as_ref()).map_err(broken)?;
                    block(self.out, V::as_bytes(&value.value()).as_ref()).map_err(broken)?;
                }
            }
            Err(TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(failed(error)),
        }
        self.out.write_all(&[END]).map_err(broken)
    }
}

struct Receiver<'a, R> {
    write: &'a WriteTransaction,
    input: &'a mut R,
}

impl<R: Read> TableVisitor for Receiver<'_, R> {
    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), StoreError> {
        let mut table = self.write.open_table(definition).map_err(failed)?;
        loop {
            let mut tag = [0];
            self.input.read_exact(&mut tag).map_err(broken)?;
            match tag[0] {
                END => return Ok(()),
                RECORD => {
                    let key = bytes(self.input)?;
                    let value = bytes(self.input)?;
                    table.insert(K::from_bytes(&key), V::from_bytes(&value)).map_err(failed)?;
                }
                ERROR => {
                    let reason = bytes(self.input)?;
                    return Err(StoreError::Backup(String::from_utf8_lossy(&reason).into_owned()));
                }
                other => {
                    return Err(StoreError::Backup(format!("what came is no copy (tag {other})")));
                }
            }
        }
    }
}

fn block(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length =
        u32::try_from(bytes.len()).map_err(|_| io::Error::other("a record is too long"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(bytes)
}

fn number(input: &mut impl Read) -> Result<u32, StoreError> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes).map_err(broken)?;
    Ok(u32::from_le_bytes(bytes))
}

fn bytes(input: &mut impl Read) -> Result<Vec<u8>, StoreError> {
    let length = number(input)?;
    if length > LONGEST {
        return Err(StoreError::Backup(format!(
            "what came is no copy (a record of {length} bytes)"
        )));
    }
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes).map_err(broken)?;
    Ok(bytes)
}
