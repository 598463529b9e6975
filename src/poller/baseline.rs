//! Computes the scores of the present against the baseline: once per poll, on a thread for which no
//! scrape waits.
//!
//! Owns the detectors and the last scores. Unknown scores are not exposed: there are none after a
//! failed poll, and none of hang-ups while the outcomes of calls cannot be read.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::error;

use super::{PollerConfig, committed_state::CommittedState};
use crate::{
    baseline::{Detector, HangUpDetector, HangUpScore, History, Moment, Scores},
    model::VOICE,
    schedule::{TimeRange, local_second, local_stretches},
};

/// The detectors and their last scores.
#[derive(Debug, Default)]
pub(super) struct Scorer {
    /// The detector of the menus; `None` while it works.
    detector: Option<Detector>,
    /// The detector of hang-ups; `None` while it works.
    hang_up_detector: Option<HangUpDetector>,
    /// The scores of the last closed window without hang-ups; `None` if they are unknown.
    menus: Option<Arc<Scores>>,
    /// The scores of hang-ups; empty while they are unknown.
    hang_ups: Vec<HangUpScore>,
    /// All scores; `None` if those of the menus are unknown.
    scores: Option<Arc<Scores>>,
}

impl Scorer {
    /// Returns the scores of the last closed window; `None` if they are unknown.
    pub(super) fn scores(&self) -> Option<Arc<Scores>> {
        self.scores.clone()
    }

    /// Computes the scores of a window, after everything before the watermark was read.
    pub(super) async fn score(
        &mut self,
        window: Option<TimeRange>,
        history: Arc<History>,
        watermark: Timestamp,
        config: &Arc<PollerConfig>,
    ) {
        self.menus = None;
        if let Some(window) = window {
            let mut detector = self.detector.take().unwrap_or_default();
            let settings = config.clone();
            let result = judged(&config.target.name, move || {
                let scores = judge(&mut detector, &history, &settings, watermark, window);
                (detector, scores)
            });
            if let Some((detector, scores)) = result.await {
                self.detector = Some(detector);
                self.menus = Some(Arc::new(scores));
            }
        }
        self.join();
    }

    /// Computes the scores of hang-ups from the history of the outcomes of calls, of which
    /// everything before the watermark was read.
    pub(super) async fn score_hang_ups(
        &mut self,
        history: Arc<History>,
        watermark: Timestamp,
        config: &Arc<PollerConfig>,
    ) {
        self.hang_ups.clear();
        let mut detector = self.hang_up_detector.take().unwrap_or_default();
        let watermark = local_second(watermark, &config.target.timezone);
        let holidays = config.holidays.clone();
        let result = judged(&config.target.name, move || {
            let scores = detector.scores(&history, watermark, &holidays, VOICE);
            (detector, scores)
        });
        if let Some((detector, scores)) = result.await {
            self.hang_up_detector = Some(detector);
            self.hang_ups = scores;
        }
        self.join();
    }

    /// Drops the scores of hang-ups, because the outcomes of calls cannot be read.
    pub(super) fn forget_hang_ups(&mut self) {
        if !self.hang_ups.is_empty() {
            self.hang_ups.clear();
            self.join();
        }
    }

    fn join(&mut self) {
        self.scores = self.menus.clone();
        if let Some(scores) = self.scores.as_mut().filter(|_| !self.hang_ups.is_empty()) {
            Arc::make_mut(scores).add_hang_ups(&self.hang_ups);
        }
    }
}

/// Runs `work` off the thread that answers scrapes; `None` if it panics.
async fn judged<T: Send + 'static>(
    server: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match spawn_blocking(work).await {
        Ok(result) => Some(result),
        Err(panic) => {
            error!(server, "judging what is usual broke off: {panic}");
            None
        }
    }
}

/// Returns the number of seconds before the watermark that the history covers.
pub(super) fn history_seconds(state: &CommittedState, config: &PollerConfig) -> i64 {
    let watermark = local_second(state.totals().watermark(), &config.target.timezone);
    state.history().seconds_before(watermark)
}

/// Computes the scores of the menus after everything before `watermark` was read; `window` is the
/// last closed one.
pub(super) fn judge(
    detector: &mut Detector,
    history: &History,
    settings: &PollerConfig,
    watermark: Timestamp,
    window: TimeRange,
) -> Scores {
    let moment = Moment {
        watermark: local_second(watermark, &settings.target.timezone),
        window: &local_stretches(window.from, window.to, &settings.target.timezone),
        idle: &|point| settings.idle.seconds(&point.channel),
        kinds: &settings.kinds,
        holidays: &settings.holidays,
    };
    detector.scores(history, &moment)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{baseline::HistoryDelta, model::MenuLabels, poller::config::tests::quiet_target};

    /// In Santiago the clock goes from 24:00 back to 23:00 at this moment: on that clock, the
    /// window that ends there ends before it begins.
    #[test]
    fn the_window_before_the_clock_is_put_back_is_expected_like_any_other() {
        let zone = TimeZone::get("America/Santiago").unwrap();
        let watermark: Timestamp = "2026-04-05T03:00:00Z".parse().unwrap();
        let start: Timestamp = "2026-04-05T02:55:00Z".parse().unwrap();
        let midnight = local_second(start, &zone) + 300;
        let since = midnight - 28 * 86_400;
        let mut delta = HistoryDelta::between(since, midnight);
        for slot in 0..28 * 288 {
            delta.rows(0, since + slot * 300, 1, None, 10);
        }
        let labels = MenuLabels::new("10", "voice", "1");
        let mut history = History::new(35);
        history.apply(&delta, |_| Some(&labels));
        history.cover(since, midnight);

        let settings = quiet_target("0042", zone);
        let scores = judge(
            &mut Detector::new(),
            &history,
            &settings,
            watermark,
            TimeRange { from: start, to: watermark },
        );
        let expected = scores.options[0].expected_hits.unwrap();
        assert!((expected - 10.0).abs() < 0.01, "{expected}");
    }
}
