//! From what is committed to what is exposed: a table of families, and their publication.
//!
//! Pure but for the [`Publisher`]. It must show nothing that has not been committed, and no count whose 0 could not yet
//! be seen.

mod encoder;
mod metrics;
mod publisher;
mod view;

use std::sync::Arc;

use jiff::tz::TimeZone;

pub use self::publisher::{Publisher, Shown};
use self::{metrics::COMMITTED, view::TargetView};
use crate::{
    baseline::Scores,
    exposition::{BucketBounds, Described, Family, Sample, Value, described, families},
    ledger::{TargetCounters, WindowCounts},
    model::{Names, OptionKinds},
    telemetry::{self, TargetTelemetry},
};

/// What is known of the usual.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// Scores of the last closed window; `None` when it could not be read.
    pub scores: Option<Arc<Scores>>,
    /// Seconds before the watermark that the history reaches back.
    pub history_seconds: u64,
}

/// Returns every family that the exporter may expose, but for those that the system tells of the process.
pub fn all_metrics() -> Vec<Described> {
    let mut all = described(COMMITTED);
    all.extend(telemetry::all_metrics());
    all
}

/// Everything that one target exposes: its committed state, and what surrounds it. Cheap to make; nothing in it
/// changes but the live metrics.
#[derive(Debug, Clone)]
pub struct TargetSnapshot {
    /// The `server` label.
    pub server: String,
    /// The zone of the server's dates.
    pub zone: TimeZone,
    /// What has been counted.
    pub account: Arc<TargetCounters>,
    /// The last closed window; `None` when it could not be read.
    pub window: Option<Arc<WindowCounts>>,
    /// Whether the last poll was read and committed.
    pub up: bool,
    /// Buckets of `wolkvox_menu_time_to_option_seconds`.
    pub buckets: Arc<BucketBounds>,
    /// What routing points and options are called.
    pub names: Arc<Names>,
    /// What options mean.
    pub kinds: Arc<OptionKinds>,
    /// How many label sets there may be.
    pub series_limit: usize,
    /// What is known of the usual.
    pub usual: Usual,
    /// The target's live metrics.
    pub telemetry: TargetTelemetry,
}

impl TargetSnapshot {
    /// The families of what is committed, always the same ones in the same order.
    pub fn committed(&self) -> Vec<Family> {
        families(COMMITTED, &TargetView::new(self.clone()))
    }

    /// The families of the live metrics, always the same ones in the same order.
    pub fn live(&self) -> Vec<Family> {
        self.telemetry.families()
    }
}

/// How many samples the classic formats have of these families.
fn samples(families: &[Family]) -> usize {
    let of = |sample: &Sample| match &sample.value {
        Value::Histogram(histogram) => histogram.counts().len() + 2,
        Value::Integer(_) | Value::Float(_) => 1,
    };
    families.iter().flat_map(|family| &family.points).map(of).sum()
}
