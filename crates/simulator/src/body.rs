//! The body of a response: sends pieces while they are made, and breaks off where a fault says so.
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
    /// The connection stays open and sends nothing.
    Hang,
}

/// A body broke off, because of a fault or of the time limit.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the simulated server broke the answer off")]
pub struct BrokenOff;

/// A body that is made while it is sent.
pub struct AnswerBody {
    pieces: Pieces,
    length: Option<u64>,
    ending: Ending,
    /// Time between two bytes, if they are sent one by one.
    drip: Option<Duration>,
    /// The rest of a piece that is sent byte by byte.
    rest: Bytes,
    wait: Option<Pin<Box<Sleep>>>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// The bytes before a break have had a chance to be written.
    flushed: bool,
    /// Place of the request among those in flight, held until the body is dropped.
    _permit: Option<OwnedSemaphorePermit>,
}

impl AnswerBody {
    /// Makes a short body that is sent at once.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        Self {
            length: Some(length),
            ..Self::streamed(Box::new(std::iter::once(bytes)), Ending::Finish)
        }
    }

    /// Makes a body of unknown length.
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

    /// Sends the body byte by byte, with this pause in between.
    pub fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Holds a place among the requests in flight, and breaks off after `time`.
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
                // After an error hyper discards its buffer. Pausing once makes it write the buffer
                // out first, so that the client gets half an answer.
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

/// Compresses pieces. Without `finish` the stream lacks its last block and its checksum.
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
                // Writing into memory does not fail.
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
