//! What was to be expected, and how unlike it the present is: from the detector's scores to families.
//!
//! Must show nothing where nothing is known: no window, no score.

use std::sync::Arc;

use super::{SnapshotInput, menu_block};
use crate::{
    baseline::{Anomaly, PointAnomaly, Score, Scores},
    exposition::{Family, MetricType, Sample, label_block},
    model::{MenuLabels, PointLabels},
};

/// What was compared is shown from this score on.
const TOLD_FROM: f64 = 0.5;

/// What is known of the usual.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// Of the last closed window; `None` when that could not be read.
    pub scores: Option<Arc<Scores>>,
    /// How far before the watermark the history reaches, in seconds.
    pub history_seconds: u64,
}

/// The three families that say what was compared.
struct Compared {
    observed: Family,
    expected: Family,
    window: Family,
}

impl Compared {
    fn new() -> Self {
        let gauge = |name, help| Family::new(name, help, MetricType::Gauge);
        Self {
            observed: gauge(
                "wolkvox_menu_anomaly_observed",
                "What was seen where the anomaly score is highest; only while it is 0.5 or more.",
            ),
            expected: gauge(
                "wolkvox_menu_anomaly_expected",
                "What should have been seen there; only while the score is 0.5 or more.",
            ),
            window: gauge(
                "wolkvox_menu_anomaly_window_seconds",
                "Length of the window in which that was compared; only while the score is 0.5 or more.",
            ),
        }
    }

    fn tell(&mut self, block: &Arc<str>, score: Score) {
        if score.score >= TOLD_FROM {
            self.observed.points.push(Sample::new(block.clone(), score.observed));
            self.expected.points.push(Sample::new(block.clone(), score.expected));
            self.window.points.push(Sample::new(block.clone(), f64::from(score.window)));
        }
    }
}

/// Always the same ones in the same order.
pub(super) fn families(view: SnapshotInput<'_>) -> Vec<Family> {
    let gauge = |name, help| Family::new(name, help, MetricType::Gauge);
    let mut expected_hits = gauge(
        "wolkvox_menu_window_option_expected_hits",
        "Hits that the last closed window should have had, at today's level; absent while unknown.",
    );
    let mut options = gauge(
        "wolkvox_menu_option_anomaly_score",
        "How unlike the usual the option is: 0 as expected, 1 at the limit of the shipped alert.",
    );
    let mut points = gauge(
        "wolkvox_menu_routing_point_anomaly_score",
        "How unlike the usual the routing point is: 0 as expected, 1 at the limit of the shipped alert.",
    );
    let mut weeks = gauge(
        "wolkvox_baseline_observations",
        "Earlier weeks from which the expectation of the option is computed.",
    );
    let mut compared = Compared::new();
    let scores = view.usual.scores.as_deref();
    for option in scores.map_or(&[][..], |scores| &scores.options) {
        let block = menu_block(view.server, &option.labels);
        if let Some(hits) = option.expected_hits {
            expected_hits.points.push(Sample::new(block.clone(), hits));
        }
        weeks.points.push(Sample::new(block, u64::from(option.weeks)));
        for anomaly in Anomaly::ALL {
            let Some(score) = option.of(anomaly) else { continue };
            let block = option_block(view.server, &option.labels, anomaly);
            options.points.push(Sample::new(block.clone(), score.score));
            compared.tell(&block, score);
        }
    }
    for point in scores.map_or(&[][..], |scores| &scores.points) {
        for anomaly in PointAnomaly::ALL {
            let Some(score) = point.of(anomaly) else { continue };
            let block = routing_point_block(view.server, &point.labels, anomaly);
            points.points.push(Sample::new(block.clone(), score.score));
            compared.tell(&block, score);
        }
    }
    let mut history =
        gauge("wolkvox_baseline_history_seconds", "How far back the history of what is usual reaches.");
    history.points.push(Sample::new(label_block(&[("server", view.server)]), view.usual.history_seconds));
    vec![
        expected_hits,
        options,
        points,
        compared.observed,
        compared.expected,
        compared.window,
        history,
        weeks,
    ]
}

fn option_block(server: &str, labels: &MenuLabels, anomaly: Anomaly) -> Arc<str> {
    label_block(&[
        ("server", server),
        ("rp_id", &labels.point.rp_id),
        ("channel", &labels.point.channel),
        ("cod_opc_menu", &labels.option),
        ("anomaly", anomaly.as_str()),
    ])
}

fn routing_point_block(server: &str, labels: &PointLabels, anomaly: PointAnomaly) -> Arc<str> {
    label_block(&[
        ("server", server),
        ("rp_id", &labels.rp_id),
        ("channel", &labels.channel),
        ("anomaly", anomaly.as_str()),
    ])
}
