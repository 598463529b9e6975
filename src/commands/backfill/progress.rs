//! How far a backfill has come, told while it runs: a bar on a terminal, a line of the log now and then elsewhere.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tracing::info;

use crate::poller::ReplayEnd;

/// From one line of the log to the next.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often the bar is drawn, at most, each second.
const FRAMES: u8 = 8;

/// Told by the windows as they are counted. A clone tells the same.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    server: String,
    bar: Option<ProgressBar>,
    begun: Instant,
    said: Instant,
    /// From where to where it is read, and where this run began.
    span: (Timestamp, Timestamp),
    first: Timestamp,
    requests: String,
}

impl Progress {
    /// Of one target, from where it has come to up to `until`.
    pub(super) fn new(server: &str, now: &ReplayEnd, until: Timestamp, terminal: bool) -> Self {
        let seconds =
            |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs().max(0).unsigned_abs();
        let bar = terminal.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(FRAMES);
            let bar = ProgressBar::with_draw_target(Some(seconds(now.origin, until)), target);
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent}% {msg}, {eta} to go");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar.set_prefix(server.to_owned());
            bar.set_position(seconds(now.origin, now.watermark));
            bar.reset_eta();
            bar
        });
        let begun = Instant::now();
        let span = (now.origin, until);
        let server = server.to_owned();
        Self(Arc::new(Mutex::new(State {
            server,
            bar,
            begun,
            said: begun,
            span,
            first: now.watermark,
            requests: requests(now),
        })))
    }

    /// What is known of the requests.
    pub(super) fn requests(&self, now: &ReplayEnd) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requests = requests(now);
    }

    /// Everything before `at` has been counted, `rows` in all.
    pub(super) fn window(&self, at: Timestamp, rows: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (origin, until) = state.span;
        if let Some(bar) = &state.bar {
            bar.set_position(at.duration_since(origin).as_secs().max(0).unsigned_abs());
            bar.set_message(format!("{}, {rows} rows, {}", day(at), state.requests));
        } else if state.said.elapsed() >= LINE_EVERY {
            state.said = Instant::now();
            let (done, left) = (at.duration_since(state.first), until.duration_since(at));
            let to_go =
                state.begun.elapsed().as_secs_f64() * left.as_secs_f64() / done.as_secs_f64().max(1.0);
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

    /// It is at its end; the bar is taken away.
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

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
