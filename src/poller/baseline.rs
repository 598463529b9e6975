//! How unlike the usual the present is: judged once a poll, where no scrape waits for it.
//!
//! Owns the detector and when it is asked. What is unknown is not exposed: after a poll that failed there are no scores.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tracing::error;

use super::{Poller, PollerConfig, Source};
use crate::{
    baseline::{Detector, History, Holidays, Moment, Scores},
    schedule::{local_second, local_stretches},
};

/// What is known, and is to be known, of the weeks before.
#[derive(Debug, Clone)]
pub struct BaselineSettings {
    /// So many whole days are kept before today.
    pub keep_days: u16,
    /// How far before the beginning the warm-up reads; zero for no warm-up.
    pub warm_up: Duration,
    /// The most requests that it may send.
    pub warm_up_requests: u32,
    /// Days that are like no other.
    pub holidays: Arc<Holidays>,
}

impl Default for BaselineSettings {
    /// Five weeks, and no warm-up.
    fn default() -> Self {
        Self { keep_days: 35, warm_up: Duration::ZERO, warm_up_requests: 200, holidays: Arc::default() }
    }
}

/// The detector, which is away while it works, and what it said.
#[derive(Debug, Default)]
pub(super) struct Judge {
    detector: Option<Detector>,
    /// Of the last closed window; `None` where that is not known.
    pub(super) scores: Option<Arc<Scores>>,
}

impl<S: Source> Poller<S> {
    /// Judges what is committed, if its last window is known.
    pub(super) async fn judge_present(&mut self) {
        self.judge.scores = None;
        let Some(window) = self.exposure.window.clone() else { return };
        let mut detector = self.judge.detector.take().unwrap_or_default();
        let (settings, history) = (self.settings.clone(), self.books.history().clone());
        let watermark = self.books.totals().watermark();
        let judged = spawn_blocking(move || {
            let scores = judge(&mut detector, &history, &settings, watermark, (window.start, window.end));
            (detector, scores)
        });
        match judged.await {
            Ok((detector, scores)) => {
                self.judge.detector = Some(detector);
                self.judge.scores = Some(Arc::new(scores));
            }
            Err(panic) => error!(server = self.settings.name, "judging what is usual broke off: {panic}"),
        }
    }

    /// How far back the history reaches, in seconds before the watermark.
    pub(super) fn history_seconds(&self) -> i64 {
        let watermark = local_second(self.books.totals().watermark(), &self.settings.zone);
        self.books.history().seconds_before(watermark)
    }
}

/// How unlike the usual everything is once all before `watermark` is known; `window` is the last that has closed.
pub(super) fn judge(
    detector: &mut Detector,
    history: &History,
    settings: &PollerConfig,
    watermark: Timestamp,
    window: (Timestamp, Timestamp),
) -> Scores {
    let moment = Moment {
        watermark: local_second(watermark, &settings.zone),
        window: &local_stretches(window.0, window.1, &settings.zone),
        idle: &|point| settings.idle.of(&point.channel),
        kinds: &settings.kinds,
        holidays: &settings.baseline.holidays,
    };
    detector.scores(history, &moment)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{baseline::HistoryDelta, exposition::BucketBounds, model::MenuLabels};

    /// In Santiago the clock goes from 24:00 back to 23:00 at this moment: the window that ends there ends, on that clock,
    /// before it begins.
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

        let settings = PollerConfig::plain("0042", zone, BucketBounds::new(&[10.0]).unwrap());
        let scores = judge(&mut Detector::new(), &history, &settings, watermark, (start, watermark));
        let expected = scores.options[0].expected_hits.unwrap();
        assert!((expected - 10.0).abs() < 0.01, "{expected}");
    }
}
