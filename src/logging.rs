//! The log: its levels, its format, and a bounded queue before standard error.
//!
//! It must never make a caller wait: a line that finds the queue full, because nobody reads
//! standard error, is dropped and counted. It must never let a dependency log below `warn`: at
//! `debug` and `trace` an HTTP or TLS library writes headers (the token) and bodies (customers'
//! telephone numbers), and no setting may switch that on.

use std::{
    io::{self, Write},
    panic::PanicHookInfo,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use clap::ValueEnum;
use tracing::{Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// The crates that are logged at the configured level: this one, and those of the workspace that
/// log.
const OURS: [&str; 2] = ["wolkvox_exporter", "simulator"];

/// The least severe level to log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// A failure that a person must fix.
    Error,
    /// A problem in spite of which the exporter continues.
    Warn,
    /// Starts, stops and changes of state.
    #[default]
    Info,
    /// Each poll and each request.
    Debug,
    /// Every step.
    Trace,
}

/// The format of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value`, as Prometheus writes it.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Lines that may wait to be written: about half a megabyte.
const QUEUE_LINES: usize = 2048;

/// Longest wait for the queue at the end of the process, because nobody may be reading.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The number of lines that never reached standard error. A clone counts the same lines.
#[derive(Debug, Clone)]
pub struct DroppedLines {
    /// Lines that found the queue full.
    queue: ErrorCounter,
    /// Lines that could not be written.
    failed: Arc<AtomicU64>,
}

impl DroppedLines {
    /// Returns the number since the start of the process.
    pub fn count(&self) -> u64 {
        self.queue.dropped_lines() as u64 + self.failed.load(Ordering::Relaxed)
    }
}

/// The running log. Dropping it writes the rest of the queue, for half a second at most.
#[derive(Debug)]
pub struct Log {
    worker: Option<WorkerGuard>,
    dropped: DroppedLines,
}

impl Log {
    /// Returns the count of lines that were not written.
    pub fn dropped(&self) -> DroppedLines {
        self.dropped.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, flushed) = mpsc::channel::<()>();
        let worker = self.worker.take();
        // The guard prints to standard output when the queue is full, which may be the pipe that
        // nobody reads. So another thread drops it.
        let flush = thread::Builder::new().spawn(move || {
            drop(worker);
            drop(done);
        });
        if flush.is_ok() {
            let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// Logs to standard error from now on, panics included.
///
/// # Errors
/// When the process already has a subscriber.
pub fn init(level: LogLevel, format: LogFormat) -> Result<Log, SetGlobalDefaultError> {
    let failed = Arc::<AtomicU64>::default();
    let output = CountedOutput { output: io::stderr(), failed: failed.clone() };
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE_LINES)
        .thread_name("log")
        .finish(output);
    let dropped = DroppedLines { queue: writer.error_counter(), failed };
    tracing::subscriber::set_global_default(subscriber(level, format, writer))?;
    // The default hook writes to standard error itself, and could block the thread that serves
    // scrapes.
    std::panic::set_hook(Box::new(log_panic));
    Ok(Log { worker: Some(worker), dropped })
}

/// Logs one line for a panic, with fixed messages only: a formatted one may contain a caller's
/// data.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if is_of_the_database(&place) {
        // The caller reports the error and its remedy; this line only adds the place.
        tracing::warn!(place, "the state file holds data that the database cannot read");
        return;
    }
    let message =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("no fixed message");
    tracing::error!(place, "a panic, which is a bug: {message}");
}

/// Returns true if the database panicked, which is its reaction to a damaged file.
fn is_of_the_database(place: &str) -> bool {
    place.split(['/', '\\']).any(|folder| folder.starts_with("redb-"))
}

/// A writer that never fails, and counts the lines that it could not write.
struct CountedOutput<W> {
    output: W,
    failed: Arc<AtomicU64>,
}

impl<W: Write> Write for CountedOutput<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The queue hands over whole lines.
        if self.output.write_all(line).is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.output.flush();
        Ok(())
    }
}

fn subscriber<W>(level: LogLevel, format: LogFormat, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = LevelFilter::from(level);
    let others = Targets::new().with_default(level.min(LevelFilter::WARN));
    let filter = others.with_targets(OURS.map(|target| (target, level)));
    let lines = match format {
        LogFormat::Logfmt => tracing_logfmt::builder().layer().with_writer(writer).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    Registry::default().with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics while writing").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LogLevel, format: LogFormat, act: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        tracing::subscriber::with_default(subscriber(level, format, move || writer.clone()), act);
        let bytes = buffer.0.lock().expect("no test panics while writing").clone();
        String::from_utf8(bytes).expect("log lines are text")
    }

    #[test]
    fn dependencies_stay_at_warn_even_at_trace() {
        let log = logged(LogLevel::Trace, LogFormat::Logfmt, || {
            tracing::trace!("ours");
            tracing::info!(target: "hyper::proto", "wolkvox-token: hunter2");
            tracing::trace!(target: "rustls", "wolkvox-token: hunter2");
            tracing::warn!(target: "reqwest", "theirs");
        });
        assert!(log.contains("ours") && log.contains("theirs"), "{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let failed = Arc::<AtomicU64>::default();
        let mut output = CountedOutput { output: Closed, failed: failed.clone() };
        output.write_all(b"one\n").expect("it never fails");
        output.write_all(b"two\n").expect("it never fails");
        output.flush().expect("it never fails");
        assert_eq!(failed.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn the_level_holds_for_everyone() {
        let log = logged(LogLevel::Error, LogFormat::Logfmt, || {
            tracing::info!("chatter");
            tracing::warn!(target: "hyper", "theirs");
            tracing::error!("broken");
        });
        assert!(
            log.contains("broken") && !log.contains("chatter") && !log.contains("theirs"),
            "{log}"
        );
    }

    #[test]
    fn a_panic_of_the_database_is_told_from_ours() {
        let registry = "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f";
        assert!(is_of_the_database(&format!("{registry}/redb-4.6.0/src/tree_store/btree.rs:1:2")));
        assert!(!is_of_the_database(&format!("{registry}/hyper-1.0.0/src/redb.rs:1:2")));
        assert!(!is_of_the_database("src/store/redb.rs:1:2"));
    }

    #[test]
    fn a_line_stays_a_line() {
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let log = logged(LogLevel::Info, format, || {
                tracing::info!(option = "a\nlevel=error b=\"c\"", "seen");
            });
            assert_eq!(log.lines().count(), 1, "{log}");
        }
        let json =
            logged(LogLevel::Info, LogFormat::Json, || tracing::info!(rows = 3, "committed"));
        let line: serde_json::Value = serde_json::from_str(&json).expect("a JSON object");
        assert_eq!(
            (&line["level"], &line["rows"], &line["message"]),
            (&"INFO".into(), &3.into(), &"committed".into())
        );
    }
}
