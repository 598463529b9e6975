//! The body of a response: sends pieces while they are made, and fails where a fault wants it to.
//!
//! Owns timing and endings. It must never look into the bytes, and never hold more than one piece.

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body, Frame, SizeHint};
use std::io::Write;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

/// Pieces of a body, in order.
pub type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

/// The end of a body, after its last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The proper end.
    Finish,
    /// The connection closes.
    Break,
    /// Nothing, for ever.
    Hang,
}

/// A body broke off: by a fault, or at the limit on time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the simulated server broke the answer off")]
pub struct BrokenOff;

/// A body that is made while it is sent.
pub struct AnswerBody {
    pieces: Pieces,
    length: Option<u64>,
    ending: Ending,
    /// Time between single bytes.
    drip: Option<Duration>,
    /// The rest of a piece that drips.
    rest: Bytes,
    wait: Option<Pin<Box<Sleep>>>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// True once the bytes before a break have had their chance to leave.
    flushed: bool,
    /// Counts as a request in flight until the body is gone.
    _permit: Option<OwnedSemaphorePermit>,
}

impl AnswerBody {
    /// A short body, sent at once.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self {
            length: Some(length),
            ..Self::streamed(Box::new(std::iter::once(bytes)), Ending::Finish)
        }
    }

    /// A body of unknown length.
    pub fn streamed(pieces: Pieces, ending: Ending) -> Self {
        Self {
            pieces,
            length: None,
            ending,
            drip: None,
            rest: Bytes::new(),
            wait: None,
            deadline: None,
            flushed: false,
            _permit: None,
        }
    }

    /// Sends single bytes, this long after one another.
    pub fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Counts as a request in flight while it lasts, and breaks off when the time is over.
    pub(super) fn limited(mut self, permit: OwnedSemaphorePermit, time: Duration) -> Self {
        self._permit = Some(permit);
        self.deadline = Some(Box::pin(sleep(time)));
        self
    }

    fn next_piece(&mut self) -> Option<Bytes> {
        let Some(pause) = self.drip else { return self.pieces.next() };
        while self.rest.is_empty() {
            self.rest = self.pieces.next()?;
        }
        self.wait = Some(Box::pin(sleep(pause)));
        Some(self.rest.split_to(1))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(Err(BrokenOff)));
        }
        if let Some(wait) = &mut this.wait {
            ready!(wait.as_mut().poll(cx));
            this.wait = None;
        }
        if let Some(piece) = this.next_piece() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match this.ending {
            Ending::Finish => Poll::Ready(None),
            Ending::Hang => Poll::Pending,
            Ending::Break if this.flushed => Poll::Ready(Some(Err(BrokenOff))),
            Ending::Break => {
                // An error throws away what hyper still holds. Pausing once makes it write that out
                // first, so that the client really gets half an answer.
                this.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Compresses pieces; without `finish`, the stream ends without its last block and its checksum.
pub(super) struct Gzipped {
    pieces: Pieces,
    encoder: Option<GzEncoder<Vec<u8>>>,
    finish: bool,
}

impl Gzipped {
    pub(super) fn new(pieces: Pieces, finish: bool) -> Self {
        Self { pieces, encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())), finish }
    }
}

impl Iterator for Gzipped {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let encoder = self.encoder.as_mut()?;
            if let Some(piece) = self.pieces.next() {
                // Writing into memory does not fail; if it did, the stream would end here, as for a
                // broken one.
                encoder.write_all(&piece).ok()?;
                if encoder.get_ref().is_empty() {
                    continue;
                }
                return Some(mem::take(encoder.get_mut()).into());
            }
            let mut encoder = self.encoder.take()?;
            if self.finish {
                return encoder.finish().ok().map(Bytes::from);
            }
            encoder.flush().ok()?;
            return Some(mem::take(encoder.get_mut()).into());
        }
    }
}
