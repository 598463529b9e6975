//! One connection as the server watches it: the start of its idle time, or of the time for which
//! its client has not read.
//!
//! hyper limits the time that a client takes to send a request, and the idle time between two, but
//! not the time that it takes to *read*. [`Watched`] does. It also records the start of the idle or
//! held-up time, by which the server chooses the connection to close when it is full.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::{Instant, Sleep, sleep},
};

/// The value for "not now" in place of a moment.
const NEVER: u64 = u64::MAX;

/// The reason why a connection may be closed when its place is needed, with its start in
/// microseconds from the server's epoch. The smallest one is closed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Idle {
    /// The connection has no answer under way. That includes a client that sends its request byte
    /// by byte.
    Waiting(u64),
    /// The client does not read its answer.
    HoldingUp(u64),
}

/// State of a connection, written by its task and read by the server.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    epoch: Instant,
    /// Start of the idle time in microseconds from `epoch`, or [`NEVER`] while an answer is being
    /// sent.
    waiting_since: AtomicU64,
    /// The same for the time that the client has not read, or [`NEVER`] while it reads.
    held_up_since: AtomicU64,
    /// Notified when a connection becomes idle.
    freed: Arc<Notify>,
}

impl ConnectionSlot {
    /// Describes a connection that was just accepted. All share `epoch`, so that they can be
    /// compared.
    pub(super) fn new(epoch: Instant, freed: Arc<Notify>) -> Self {
        let slot = Self {
            epoch,
            waiting_since: AtomicU64::new(NEVER),
            held_up_since: AtomicU64::new(NEVER),
            freed,
        };
        slot.wait();
        slot
    }

    /// Returns the reason to close it, if it began at or before `long`, counted from the epoch.
    /// `None` while a client reads its answer, or did so until a moment ago.
    pub(super) fn idle_since(&self, long: Duration) -> Option<Idle> {
        let long = micros(long);
        match (
            self.waiting_since.load(Ordering::Relaxed),
            self.held_up_since.load(Ordering::Relaxed),
        ) {
            (NEVER, since) => (since <= long).then_some(Idle::HoldingUp(since)),
            (since, _) => (since <= long).then_some(Idle::Waiting(since)),
        }
    }

    fn send(&self) {
        self.waiting_since.store(NEVER, Ordering::Relaxed);
    }

    fn wait(&self) {
        self.held_up_since.store(NEVER, Ordering::Relaxed);
        self.begin(&self.waiting_since);
    }

    fn hold_up(&self) {
        self.begin(&self.held_up_since);
    }

    fn begin(&self, since: &AtomicU64) {
        if since.load(Ordering::Relaxed) == NEVER {
            since.store(micros(self.epoch.elapsed()), Ordering::Relaxed);
            self.freed.notify_one();
        }
    }
}

/// Converts to microseconds; below [`NEVER`] for half a million years.
fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// A stream that fails when the peer does not take the written bytes within `limit`.
///
/// The time runs from the first write that a full buffer held up until everything is flushed, so a
/// reader that takes a byte now and then does not restart it.
#[derive(Debug)]
pub(super) struct Watched<T> {
    stream: T,
    slot: Arc<ConnectionSlot>,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, slot: Arc<ConnectionSlot>, limit: Duration) -> Self {
        Self { stream, slot, limit, deadline: None }
    }

    /// Starts or checks the time after a write.
    fn wrote<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            return outcome;
        }
        self.slot.hold_up();
        let limit = self.limit;
        ready!(self.deadline.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.slot.send();
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.slot.send();
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(cx, outcome)
    }

    /// Returns true, because otherwise hyper copies every body into one buffer.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Ends the time: hyper flushes after it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Under TLS, written bytes may still wait to be sent.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.wrote(cx, flushed))?;
        self.deadline = None;
        self.slot.wait();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
