//! One connection as the server watches it: whether it is owed an answer, since when it is not, and since when a
//! slow reader has been holding one up.
//!
//! hyper bounds the time a client takes to send a request, and the idle time between two; it does not bound the
//! time a client takes to *read*. [`Watched`] does, and while it sees every byte go out it also notes when the
//! connection went idle or was held up, which is how the server picks whom to close when it is full.

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

/// No moment.
const NEVER: u64 = u64::MAX;

/// Why a connection may be closed when its place is needed, and since when, in microseconds from the server's epoch.
/// The lesser gives way first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Idle {
    /// It has been sent everything it is owed, or has not asked for anything yet. A client that dribbles a request
    /// is waiting too: it has not asked yet.
    Waiting(u64),
    /// It does not take the answer that it asked for.
    HoldingUp(u64),
}

/// What the server knows of a connection; shared between the connection's task, which writes it, and the
/// server, which reads it.
#[derive(Debug)]
pub(super) struct Slot {
    epoch: Instant,
    /// In microseconds from `epoch`, or [`NEVER`] while an answer is being sent.
    waiting_since: AtomicU64,
    /// The same, or [`NEVER`] while nothing holds the answer up.
    held_up_since: AtomicU64,
    /// Told whenever a connection becomes idle.
    freed: Arc<Notify>,
}

impl Slot {
    /// A connection just accepted. `epoch` is one for all, so that slots can be compared.
    pub(super) fn new(epoch: Instant, freed: Arc<Notify>) -> Self {
        let slot =
            Self { epoch, waiting_since: AtomicU64::new(NEVER), held_up_since: AtomicU64::new(NEVER), freed };
        slot.wait();
        slot
    }

    /// `None` unless it has been idle since `long`, counted from the epoch: an answer is on its way and its reader
    /// takes it, or did so until a moment ago.
    pub(super) fn idle_since(&self, long: Duration) -> Option<Idle> {
        let long = micros(long);
        match (self.waiting_since.load(Ordering::Relaxed), self.held_up_since.load(Ordering::Relaxed)) {
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

/// Less than [`NEVER`] for half a million years.
fn micros(time: Duration) -> u64 {
    time.as_micros() as u64
}

/// A stream that fails when what has been handed to it is not taken by the peer within `limit`.
///
/// The time runs from the first write that the peer's full buffer held up, and ends when everything is flushed:
/// a reader that takes a byte now and then does not start it anew.
#[derive(Debug)]
pub(super) struct Watched<T> {
    stream: T,
    slot: Arc<Slot>,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, slot: Arc<Slot>, limit: Duration) -> Self {
        Self { stream, slot, limit, deadline: None }
    }

    /// Keeps the time over the outcome of a write.
    fn wrote<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
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
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
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

    /// Without this hyper would copy every body into one buffer of its own.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has handed over everything it has.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Under TLS, what was written may still wait here to be sent.
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
