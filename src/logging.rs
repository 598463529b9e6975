//! Where log lines go and which ones.
//!
//! Owns the subscriber. It must never let a dependency log below `warn`: at `debug` and `trace` an HTTP
//! or TLS library writes headers (the token) and bodies (customers' telephone numbers), and no setting
//! of ours may switch that on.

use clap::ValueEnum;
use tracing::{Subscriber, level_filters::LevelFilter, subscriber::SetGlobalDefaultError};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

/// The one target that is logged at the level asked for: this crate, library and binary.
const OURS: &str = "wolkvox_exporter";

/// The least severe level to log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Something failed that a person must mend.
    Error,
    /// Something is not as it should be, and the exporter carries on.
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
    /// One JSON object a line.
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

/// Logs to standard error from now on.
///
/// # Errors
/// When the process already has a subscriber.
pub fn init(level: LogLevel, format: LogFormat) -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(subscriber(level, format, std::io::stderr))
}

fn subscriber<W>(level: LogLevel, format: LogFormat, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = LevelFilter::from(level);
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(OURS, level);
    let lines = match format {
        LogFormat::Logfmt => tracing_logfmt::builder().layer().with_writer(writer).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(writer).boxed(),
    };
    Registry::default().with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

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
    fn the_level_holds_for_everyone() {
        let log = logged(LogLevel::Error, LogFormat::Logfmt, || {
            tracing::info!("chatter");
            tracing::warn!(target: "hyper", "theirs");
            tracing::error!("broken");
        });
        assert!(log.contains("broken") && !log.contains("chatter") && !log.contains("theirs"), "{log}");
    }

    #[test]
    fn a_line_stays_a_line() {
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let log =
                logged(LogLevel::Info, format, || tracing::info!(option = "a\nlevel=error b=\"c\"", "seen"));
            assert_eq!(log.lines().count(), 1, "{log}");
        }
        let json = logged(LogLevel::Info, LogFormat::Json, || tracing::info!(rows = 3, "committed"));
        let line: serde_json::Value = serde_json::from_str(&json).expect("a JSON object");
        assert_eq!(
            (&line["level"], &line["rows"], &line["message"]),
            (&"INFO".into(), &3.into(), &"committed".into())
        );
    }
}
