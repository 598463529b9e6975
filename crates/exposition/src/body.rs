//! The body of one answer: bytes shared with a publication, between a separate head and tail.
//!
//! Nothing is copied. All chunks form one buffer instead of a frame each, because hyper hands many
//! chunks of a buffer to the socket at once, but waits for the socket between frames.

use std::{io::IoSlice, sync::Arc};

use bytes::{Buf, Bytes};

/// An exposition or another answer, ready to be sent.
#[derive(Debug, Clone, Default)]
pub struct Body {
    head: Bytes,
    shared: Option<Arc<[Bytes]>>,
    tail: Bytes,
    /// Next chunk: 0 is the head, the last one the tail.
    at: usize,
    /// Bytes of that chunk that were sent.
    gone: usize,
    left: usize,
}

impl Body {
    /// Joins `head`, the chunks of `shared` (`length` bytes in all) and `tail`.
    pub(super) fn new(head: Bytes, shared: Arc<[Bytes]>, length: usize, tail: Bytes) -> Self {
        let left = head.len() + length + tail.len();
        Self { head, shared: Some(shared), tail, at: 0, gone: 0, left }
    }

    /// Bytes that are left to send.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Returns true if nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Copies the rest into one vector, for tests and benchmarks.
    pub fn concat(mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.left);
        while self.has_remaining() {
            let chunk = self.chunk();
            all.extend_from_slice(chunk);
            let length = chunk.len();
            self.advance(length);
        }
        all
    }

    fn piece(&self, at: usize) -> Option<&Bytes> {
        let shared = self.shared.as_deref().unwrap_or_default();
        match at {
            0 => Some(&self.head),
            at if at <= shared.len() => shared.get(at - 1),
            at if at == shared.len() + 1 => Some(&self.tail),
            _ => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(head: Bytes) -> Self {
        Self { left: head.len(), head, ..Self::default() }
    }
}

impl Buf for Body {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        let mut at = self.at;
        let mut gone = self.gone;
        while let Some(piece) = self.piece(at) {
            if gone < piece.len() {
                return &piece[gone..];
            }
            (at, gone) = (at + 1, 0);
        }
        &[]
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut at = self.at;
        let mut gone = self.gone;
        let mut filled = 0;
        while let (Some(slice), Some(piece)) = (slices.get_mut(filled), self.piece(at)) {
            if gone < piece.len() {
                *slice = IoSlice::new(&piece[gone..]);
                filled += 1;
            }
            (at, gone) = (at + 1, 0);
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.left, "no more than is left can be taken");
        self.left -= count;
        self.gone += count;
        while let Some(length) =
            self.piece(self.at).map(Bytes::len).filter(|length| self.gone >= *length)
        {
            self.gone -= length;
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_every_byte_once_however_it_is_taken(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 2..12),
            steps in prop::collection::vec(1usize..9, 0..40),
            slices in 1usize..5,
        ) {
            let wanted: Vec<u8> = pieces.concat();
            let shared: Arc<[Bytes]> = pieces[1..pieces.len() - 1].iter().cloned().map(Bytes::from).collect();
            let length = shared.iter().map(Bytes::len).sum();
            let last = pieces[pieces.len() - 1].clone();
            let mut body = Body::new(pieces[0].clone().into(), shared, length, last.into());
            prop_assert_eq!(body.len(), wanted.len());
            let mut taken = Vec::new();
            for step in steps {
                let mut vectored = vec![IoSlice::new(&[]); slices];
                let filled = body.chunks_vectored(&mut vectored);
                let seen: Vec<u8> = vectored[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                prop_assert!(filled > 0 || body.is_empty());
                let step = step.min(seen.len());
                taken.extend_from_slice(&seen[..step]);
                body.advance(step);
                prop_assert_eq!(body.remaining(), wanted.len() - taken.len());
            }
            taken.extend(body.concat());
            prop_assert_eq!(taken, wanted);
        }
    }
}
