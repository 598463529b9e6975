//! The progress of a backfill: a bar on a terminal, or else a log line every few seconds.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tracing::info;

use crate::poller::ReplayEnd;

/// Time between two lines of the log.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Most times a second that the bar is drawn.
const FRAMES: u8 = 8;

/// The progress of one target. A clone shows the same.
#[derive(Debug, Clone)]
pub(super) struct BackfillProgress(Arc<Mutex<ProgressState>>);

#[derive(Debug)]
struct ProgressState {
    server: String,
    bar: Option<ProgressBar>,
    begun: Instant,
    logged: Instant,
    /// Beginning of the past.
    origin: Timestamp,
    /// End of the past.
    until: Timestamp,
    /// The watermark at which this run began.
    first: Timestamp,
    requests: String,
}

impl BackfillProgress {
    /// Shows the progress of one target, from its current watermark up to `until`.
    pub(super) fn new(server: &str, now: &ReplayEnd, until: Timestamp, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(FRAMES);
            let bar =
                ProgressBar::with_draw_target(Some(seconds_between(now.origin, until)), target);
            let style =
                ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg}, {eta} to go");
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "),
            );
            bar.set_prefix(server.to_owned());
            bar.set_position(seconds_between(now.origin, now.watermark));
            bar.reset_eta();
            bar
        });
        let begun = Instant::now();
        Self(Arc::new(Mutex::new(ProgressState {
            server: server.to_owned(),
            bar,
            begun,
            logged: begun,
            origin: now.origin,
            until,
            first: now.watermark,
            requests: requests(now),
        })))
    }

    /// Records the requests sent so far.
    pub(super) fn requests(&self, now: &ReplayEnd) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests = requests(now);
    }

    /// Records that everything before `at` has been counted, `rows` in all.
    pub(super) fn window(&self, at: Timestamp, rows: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &state.bar {
            bar.set_position(seconds_between(state.origin, at));
            bar.set_message(format!("{}, {rows} rows, {}", day(at), state.requests));
        } else if state.logged.elapsed() >= LINE_EVERY {
            state.logged = Instant::now();
            let done = at.duration_since(state.first);
            let left = state.until.duration_since(at);
            let to_go = state.begun.elapsed().as_secs_f64() * left.as_secs_f64()
                / done.as_secs_f64().max(1.0);
            info!(
                server = state.server,
                counted_up_to = %at,
                rows,
                requests = state.requests,
                seconds_to_go = to_go.round(),
                "reading the past"
            );
        }
    }

    /// Ends the progress and removes the bar.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.0.lock().unwrap_or_else(PoisonError::into_inner).bar {
            bar.finish_and_clear();
        }
    }
}

fn requests(now: &ReplayEnd) -> String {
    match now.quota.limit {
        Some(limit) => format!("{} requests left today", limit.saturating_sub(now.quota.used)),
        None => format!("{} requests today", now.quota.used),
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    to.duration_since(from).as_secs().max(0).unsigned_abs()
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
