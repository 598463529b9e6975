//! The published bytes in one encoding, to which a scrape appends its tail.
//!
//! With gzip both are one member, whose checksum continues that of the published bytes. Immutable;
//! a scrape copies none of the published bytes.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    body::Body,
    deflate::{GZIP_HEADER, PieceEnd, deflate},
    encode::{EOF, Format, encode},
    model::Family,
};

/// The published bytes in one encoding.
#[derive(Debug, Clone)]
pub struct Variant {
    pieces: Arc<[Bytes]>,
    /// Bytes of all pieces.
    length: usize,
    /// Bytes of all pieces, uncompressed.
    plain: usize,
    /// Checksum of the pieces, if they are compressed.
    crc: Option<crc32fast::Hasher>,
}

impl Variant {
    /// Takes the pieces; `plain` is their length uncompressed, and `crc` their checksum if they are
    /// deflated.
    pub(super) fn new(pieces: Arc<[Bytes]>, plain: usize, crc: Option<crc32fast::Hasher>) -> Self {
        Self { length: pieces.iter().map(Bytes::len).sum(), pieces, plain, crc }
    }

    pub(super) fn render(&self, live: &[Family], format: Format) -> Body {
        let mut tail = Vec::with_capacity(8 * 1024);
        encode(live, format, &mut tail);
        if format == Format::OpenMetrics {
            tail.extend_from_slice(EOF);
        }
        let (head, tail) = match &self.crc {
            None => (Bytes::new(), tail),
            Some(crc) => (Bytes::from_static(GZIP_HEADER), self.gzip_tail(crc.clone(), &tail)),
        };
        Body::new(head, self.pieces.clone(), self.length, tail.into())
    }

    /// Returns the rest of the gzip member after the published pieces.
    fn gzip_tail(&self, mut crc: crc32fast::Hasher, tail: &[u8]) -> Vec<u8> {
        crc.update(tail);
        let length = self.plain.wrapping_add(tail.len()) as u32; // modulo 2^32, as RFC 1952 has it
        let mut out = deflate(tail, PieceEnd::Final);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out
    }

    #[cfg(test)]
    pub(super) fn concat(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    #[cfg(test)]
    pub(super) fn unpacked(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        let packed = self.render(&[], Format::Text).concat();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain)
            .expect("a member");
        plain
    }
}
