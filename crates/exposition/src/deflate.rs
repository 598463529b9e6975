//! Raw deflate in pieces that join into **one** gzip member.
//!
//! A piece ends on a byte boundary without a final block (after a sync flush), so pieces made at
//! different times form one stream; the last piece has the final block. Two gzip members would be
//! simpler, but browsers show only the first.

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};

/// Magic, deflate, no flags, no time, no hints, unknown system.
pub(super) const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The end of a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceEnd {
    /// A byte boundary, so that another piece can follow.
    Open,
    /// The final block.
    Final,
}

/// Compresses one piece.
pub(super) fn deflate(plain: &[u8], end: PieceEnd) -> Vec<u8> {
    let mut encoder =
        DeflateEncoder::new(Vec::with_capacity(plain.len() / 8 + 64), Compression::fast());
    // `Vec`'s `Write` never returns an error, and neither does deflating.
    let _ = encoder.write_all(plain);
    let _ = match end {
        PieceEnd::Open => encoder.flush(), // zlib's sync flush
        PieceEnd::Final => encoder.try_finish(),
    };
    // Not `finish`, which would close the stream that `Open` leaves open.
    let mut out = std::mem::take(encoder.get_mut());
    out.shrink_to_fit();
    out
}
