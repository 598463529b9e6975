//! Decompresses gzip of any number of members, and ignores bytes after the last one.
//!
//! Holds at most one piece of output. A server may pad a compressed body, or add a line to it, so
//! bytes after a member that do not begin another one are dropped. The JSON shows whether the text
//! is complete.

use std::io::{self, Write as _};

use flate2::write::GzDecoder;

use super::{body::Sink, error::ApiError};

/// Compressed bytes taken at once; gzip makes at most about a thousand times as many of them.
const PIECE: usize = 4096;
/// The first two bytes of a member.
const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Undoes gzip.
#[derive(Default)]
pub(super) struct Gunzip {
    member: Option<GzDecoder<Vec<u8>>>,
    /// The first byte of a possible member was read.
    half_magic: bool,
    /// A member has ended, or has given text.
    has_read: bool,
    /// The last member is followed by other bytes.
    is_over: bool,
}

impl Gunzip {
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), ApiError> {
        for piece in bytes.chunks(PIECE) {
            let mut rest = piece;
            while !rest.is_empty() && !self.is_over {
                rest = if self.member.is_some() {
                    self.inflate(rest, sink)?
                } else {
                    self.begin(rest)?
                };
            }
        }
        Ok(())
    }

    /// Ends the body. Fails if a member has not ended.
    pub(super) fn finish(self, sink: &mut Sink<'_>) -> Result<(), ApiError> {
        match self.member {
            Some(member) => sink(&member.finish().map_err(|_| ApiError::CutOff)?),
            None if self.half_magic && !self.has_read => Err(ApiError::CutOff),
            None => Ok(()),
        }
    }

    /// Reads the next byte of a member's expected mark.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ApiError> {
        let expected = MAGIC[usize::from(self.half_magic)];
        if bytes[0] != expected {
            self.is_over = self.has_read;
            return if self.has_read { Ok(&[]) } else { Err(no_gzip()) };
        }
        self.half_magic = !self.half_magic;
        if !self.half_magic {
            let mut member = GzDecoder::new(Vec::new());
            member.write_all(&MAGIC).map_err(|_| ApiError::CutOff)?;
            self.member = Some(member);
        }
        Ok(&bytes[1..])
    }

    /// Hands on the output of a member for these bytes, and returns the bytes after its end.
    fn inflate<'a>(&mut self, bytes: &'a [u8], sink: &mut Sink<'_>) -> Result<&'a [u8], ApiError> {
        let Some(member) = &mut self.member else { return Ok(bytes) };
        let Ok(used) = written(member, bytes) else {
            return Err(if self.has_read { ApiError::CutOff } else { no_gzip() });
        };
        let mut plain = std::mem::take(member.get_mut());
        self.has_read |= !plain.is_empty();
        sink(&plain)?;
        plain.clear();
        *member.get_mut() = plain;
        if used < bytes.len() {
            self.has_read = true;
            let ended = self.member.take().map(GzDecoder::finish).transpose();
            let rest = ended.map_err(|_| ApiError::CutOff)?.unwrap_or_default();
            sink(&rest)?;
        }
        Ok(&bytes[used..])
    }
}

/// The error of a body that is no gzip from its first byte on: its header is wrong, and it is not
/// damaged.
fn no_gzip() -> ApiError {
    ApiError::ContentEncoding("gzip, which it is not".to_owned())
}

/// Writes the bytes that belong to the member, and returns their number.
fn written(member: &mut GzDecoder<Vec<u8>>, bytes: &[u8]) -> io::Result<usize> {
    let mut used = 0;
    while used < bytes.len() {
        match member.write(&bytes[used..])? {
            0 => break,
            more => used += more,
        }
    }
    member.flush()?;
    Ok(used)
}
