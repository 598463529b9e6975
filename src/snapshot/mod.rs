//! Turns the committed state into exposed metrics: a table of families, and their publication.
//!
//! Pure except for the [`Publisher`]. It must show nothing uncommitted, and no count whose 0 no
//! scraper can have seen yet.

mod encoder;
mod metrics;
mod outcomes;
mod publisher;
mod view;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use self::publisher::{Publisher, Shown};
use self::{metrics::COMMITTED, view::TargetView};
use crate::{
    baseline::{History, Scores},
    exposition::{BucketBounds, Described, Family, Sample, Value, described, families},
    ledger::{TargetCounters, WindowCounts},
    model::{Names, OptionKinds},
    status::OutcomesStatus,
    telemetry::{self, TargetTelemetry},
    wolkvox::ApiError,
};

/// The scores of a target, and the history that they are computed from.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// Scores of the last closed window; `None` when it could not be read.
    pub scores: Option<Arc<Scores>>,
    /// Seconds before the watermark that the history covers.
    pub history_seconds: u64,
}

/// Outcomes of a target's calls, as far as they are committed.
#[derive(Debug, Clone)]
pub struct OutcomesSnapshot {
    /// The counts; the channel of each label set is the outcome.
    pub counters: Arc<TargetCounters>,
    /// The counts of the last weeks.
    pub history: Arc<History>,
    /// This process has read the newest windows.
    pub has_read: bool,
    /// The error because of which they cannot be read now.
    pub failure: Option<ApiError>,
}

impl OutcomesSnapshot {
    /// Returns the outcomes of `target` for people.
    fn status(&self, target: &TargetSnapshot) -> OutcomesStatus {
        let totals = &self.counters.totals;
        OutcomesStatus {
            failure: self.failure.clone(),
            has_read: self.has_read,
            has_rows: totals.last_row.is_some(),
            ..OutcomesStatus::of_day(&self.history, totals.watermark(), &target.zone, &target.names)
        }
    }
}

/// Returns every family that the exporter may expose, except for those that the system reports of
/// the process.
pub fn all_metrics() -> Vec<Described> {
    let mut all = described(COMMITTED);
    all.extend(telemetry::all_metrics());
    all
}

/// Everything that one target exposes: its committed state, and the settings that affect it. Cheap
/// to make; only its live metrics change.
#[derive(Debug, Clone)]
pub struct TargetSnapshot {
    /// The `server` label.
    pub server: String,
    /// The zone of the server's dates.
    pub zone: TimeZone,
    /// The committed counters.
    pub counters: Arc<TargetCounters>,
    /// Outcomes of the calls; `None` where they are not read.
    pub outcomes: Option<OutcomesSnapshot>,
    /// The last closed window; `None` when it could not be read.
    pub window: Option<Arc<WindowCounts>>,
    /// The last poll was read and committed.
    pub up: bool,
    /// Buckets of `wolkvox_menu_time_to_option_seconds`.
    pub buckets: Arc<BucketBounds>,
    /// Names of routing points and options.
    pub names: Arc<Names>,
    /// Kinds of options.
    pub kinds: Arc<OptionKinds>,
    /// Label sets that the target may have.
    pub series_limit: usize,
    /// Scores of the options, and the history behind them.
    pub usual: Usual,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
}

impl TargetSnapshot {
    /// Returns the families of the committed state, always the same ones in the same order.
    pub fn committed(&self) -> Vec<Family> {
        families(COMMITTED, &TargetView::new(self.clone()))
    }

    /// Returns the families of the live metrics, always the same ones in the same order.
    pub fn live(&self) -> Vec<Family> {
        self.telemetry.families()
    }
}

/// Counts the samples that the classic formats have of these families.
fn samples(families: &[Family]) -> usize {
    families.iter().flat_map(|family| &family.points).map(samples_of_point).sum()
}

fn samples_of_point(sample: &Sample) -> usize {
    match &sample.value {
        Value::Histogram(histogram) => histogram.counts().len() + 2,
        Value::Integer(_) | Value::Float(_) => 1,
    }
}
