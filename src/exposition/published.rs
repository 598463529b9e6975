//! What is published: the menu part of the exposition, encoded and compressed once, and swapped in one step.
//!
//! A scrape takes no lock and copies none of the part: it gets pieces that share the published bytes. Behind
//! them it puts a tail of its own, the exporter's live series. With gzip the join is done inside **one** member:
//! the part is raw deflate that ends on a byte boundary without a final block (what a sync flush leaves), the tail
//! is raw deflate with the final block, and the checksum goes on from where the part's ended. Two gzip members
//! one after the other would be shorter to write, but browsers show only the first.

use std::{io::Write as _, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};

use super::{
    encode::{EOF, Format, encode},
    model::Family,
};

/// Magic, deflate, no flags, no time, no hints, unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// An exposition ready to be sent, in pieces that are sent one after the other.
#[derive(Debug)]
pub struct Rendered {
    /// What gzip puts first, the published part, the tail; together the whole body.
    pub pieces: [Bytes; 3],
}

impl Rendered {
    /// The length of the body.
    pub fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One publication: everything that was committed, in every format, plain and compressed. Immutable.
#[derive(Debug)]
pub struct Published {
    text: Part,
    open_metrics: Part,
    protobuf: Part,
}

impl Published {
    /// Encodes and compresses `families`. For a large model this takes tens of milliseconds or more, so it
    /// belongs on a blocking thread.
    pub fn new(families: &[Family]) -> Self {
        Self {
            text: Part::new(families, Format::Text),
            open_metrics: Part::new(families, Format::OpenMetrics),
            protobuf: Part::new(families, Format::Protobuf),
        }
    }

    /// The body of one scrape: the published part with `live` behind it. No family of `live` may have the name
    /// of a published one, for what belongs to a family must stand together.
    pub fn render(&self, live: &[Family], format: Format, gzip: bool) -> Rendered {
        let part = match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
            Format::Protobuf => &self.protobuf,
        };
        let mut tail = Vec::with_capacity(16 * 1024);
        encode(live, format, &mut tail);
        if format == Format::OpenMetrics {
            tail.extend_from_slice(EOF);
        }
        let pieces = if gzip {
            [Bytes::from_static(GZIP_HEADER), part.deflated.clone(), part.gzip_tail(&tail).into()]
        } else {
            [Bytes::new(), part.plain.clone(), tail.into()]
        };
        Rendered { pieces }
    }
}

/// The published part in one format.
#[derive(Debug)]
struct Part {
    plain: Bytes,
    /// `plain` as raw deflate, byte-aligned, with no final block.
    deflated: Bytes,
    /// The checksum's state after `plain`.
    crc: crc32fast::Hasher,
}

impl Part {
    fn new(families: &[Family], format: Format) -> Self {
        let mut plain = Vec::new();
        encode(families, format, &mut plain);
        plain.shrink_to_fit();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&plain);
        Self { deflated: deflate(&plain, End::Open).into(), plain: plain.into(), crc }
    }

    /// Everything of the gzip member that comes after the published part.
    fn gzip_tail(&self, tail: &[u8]) -> Vec<u8> {
        let mut crc = self.crc.clone();
        crc.update(tail);
        let length = self.plain.len().wrapping_add(tail.len()) as u32; // modulo 2^32, as RFC 1952 has it
        let mut out = deflate(tail, End::Final);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out
    }
}

/// How a piece of raw deflate ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// On a byte boundary, so that another piece can follow.
    Open,
    /// With the final block.
    Final,
}

fn deflate(plain: &[u8], end: End) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len() / 8 + 64), Compression::fast());
    // Into memory none of these can fail: `Vec`'s `Write` never returns an error, and neither does deflating.
    let _ = encoder.write_all(plain);
    let _ = match end {
        End::Open => encoder.flush(), // zlib's sync flush
        End::Final => encoder.try_finish(),
    };
    // Taken, not finished: `finish` would close the stream that `Open` leaves open.
    let mut out = std::mem::take(encoder.get_mut());
    out.shrink_to_fit();
    out
}

/// The place where the current [`Published`] stands. Replacing it is one step: a scrape sees the one or the other.
#[derive(Debug)]
pub struct Publication(ArcSwap<Published>);

impl Publication {
    /// Starts with `first`.
    pub fn new(first: Published) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// What is published now.
    pub fn load(&self) -> Arc<Published> {
        self.0.load_full()
    }

    /// Replaces what is published.
    pub fn publish(&self, next: Published) {
        self.0.store(Arc::new(next));
    }
}

impl Default for Publication {
    /// Nothing published yet.
    fn default() -> Self {
        Self::new(Published::new(&[]))
    }
}
