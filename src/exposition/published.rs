//! What is published: the exposition of all targets as it was committed, in the formats that are asked for.
//!
//! Immutable. A scrape takes no lock and copies none of it: it gets a [`Body`] that shares the published bytes. Behind
//! them it puts a tail of its own, the exporter's live series; with gzip within the same member, the checksum going on
//! from where that of the published bytes ended.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    assembly::{Assembly, TargetCells},
    body::Body,
    deflate::{End, GZIP_HEADER, deflate},
    encode::{EOF, Format, encode},
    model::Family,
};

/// The published bytes in one format, compressed or not.
#[derive(Debug, Clone)]
pub struct Variant {
    pieces: Arc<[Bytes]>,
    /// Of all pieces.
    length: usize,
    /// Of what they are uncompressed.
    plain: usize,
    /// The checksum's state after them, if they are compressed.
    crc: Option<crc32fast::Hasher>,
}

impl Variant {
    /// `plain` is the length uncompressed; `crc`, the state of the checksum after it, says that the pieces are deflated.
    pub(super) fn new(pieces: Arc<[Bytes]>, plain: usize, crc: Option<crc32fast::Hasher>) -> Self {
        Self { length: pieces.iter().map(Bytes::len).sum(), pieces, plain, crc }
    }

    fn render(&self, live: &[Family], format: Format) -> Body {
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

    /// Everything of the gzip member that comes after the published pieces.
    fn gzip_tail(&self, mut crc: crc32fast::Hasher, tail: &[u8]) -> Vec<u8> {
        crc.update(tail);
        let length = self.plain.wrapping_add(tail.len()) as u32; // modulo 2^32, as RFC 1952 has it
        let mut out = deflate(tail, End::Final);
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

/// A format, and whether it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding {
    /// The format.
    pub format: Format,
    /// Whether it is compressed.
    pub gzip: bool,
}

impl Encoding {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// Every one, in the order of [`Encoding::index`].
    pub const ALL: [Self; Self::COUNT] = {
        let [text, open_metrics, protobuf] = Format::ALL;
        [
            Self { format: text, gzip: false },
            Self { format: text, gzip: true },
            Self { format: open_metrics, gzip: false },
            Self { format: open_metrics, gzip: true },
            Self { format: protobuf, gzip: false },
            Self { format: protobuf, gzip: true },
        ]
    };

    /// Its number, below [`Encoding::COUNT`].
    pub fn index(self) -> usize {
        self.format as usize * 2 + usize::from(self.gzip)
    }
}

/// One publication: everything that was committed, in each encoding that somebody asks for. Immutable.
#[derive(Debug, Default)]
pub struct Published([Option<Variant>; Encoding::COUNT]);

impl Published {
    /// Encodes and compresses `families` in every way there is: for what is published once and stays.
    pub fn new(families: &[Family]) -> Self {
        let mut published = Self::default();
        let heads: Vec<Family> = families.iter().map(Family::head).collect();
        for format in Format::ALL {
            let mut assembly = Assembly::default();
            assembly.rearrange(&heads, &[(None, TargetCells::all(families, format))], format);
            for gzip in [false, true] {
                published.set(Encoding { format, gzip }, assembly.variant(gzip));
            }
        }
        published
    }

    /// Adds an encoding.
    pub fn set(&mut self, encoding: Encoding, variant: Variant) {
        self.0[encoding.index()] = Some(variant);
    }

    /// Whether it can be rendered so.
    pub fn has(&self, encoding: Encoding) -> bool {
        self.0[encoding.index()].is_some()
    }

    /// The body of one scrape: the published bytes with `live` behind them; `None` in an encoding that is not kept.
    /// No family of `live` may have the name of a published one, for what belongs to a family must stand together.
    pub fn render(&self, live: &[Family], encoding: Encoding) -> Option<Body> {
        self.0[encoding.index()].as_ref().map(|variant| variant.render(live, encoding.format))
    }
}
