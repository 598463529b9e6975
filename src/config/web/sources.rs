//! Reads the files that the web configuration names: certificates and keys.
//!
//! Owns the fingerprint that changes with any of them. It must never keep their content.

use std::{
    fs::File,
    hash::{DefaultHasher, Hasher as _},
    io::Read as _,
    path::Path,
};

use crate::i18n::{Bilingual, bilingual};

/// Size of the largest file, in bytes, so that a file named by mistake is not read whole.
const LARGEST: u64 = 1 << 20;

/// Reads the files that the web configuration names, and hashes their content.
#[derive(Default)]
pub(crate) struct Sources(DefaultHasher);

impl Sources {
    /// Returns the file's bytes, or the reason why there are none.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Vec<u8>, Bilingual> {
        let shown = path.display();
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(
            |reason| {
                bilingual!("cannot read {shown}: {reason}", "no se puede leer {shown}: {reason}")
            },
        )?;
        if bytes.len() as u64 > LARGEST {
            return Err(bilingual!(
                "{shown} is larger than 1 MiB: that is no certificate",
                "{shown} pesa más de 1 MiB: eso no es un certificado"
            ));
        }
        self.note(&bytes);
        Ok(bytes)
    }

    /// Returns a number that changes with the content of any of them.
    pub(super) fn fingerprint(&self) -> u64 {
        self.0.finish()
    }

    pub(super) fn note(&mut self, bytes: &[u8]) {
        self.0.write_usize(bytes.len());
        self.0.write(bytes);
    }
}
