//! The settings of one target's poller.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{BaselineSettings, NameSettings, StartAgo, commit};
use crate::{
    exposition::BucketBounds,
    ledger::{IdleTimes, JourneyMeasure, SeriesLimits},
    model::{CallOutcome, MenuLabels, OptionKinds, OptionRules, VOICE},
    schedule::{Cadence, Tiers},
};

/// The settings of one target's poller.
#[derive(Debug, Clone)]
pub struct PollerConfig {
    /// The `server` label.
    pub name: String,
    /// The zone of the server's dates.
    pub zone: TimeZone,
    /// The grid of its windows.
    pub cadence: Cadence,
    /// Time before the watermark that every poll reads again.
    pub lookback: Duration,
    /// Time for which a new series is shown at 0.
    pub zero_hold: Duration,
    /// Buckets of the histogram.
    pub buckets: Arc<BucketBounds>,
    /// Rows in one answer above which the vendor cuts.
    pub row_cap: u64,
    /// Deeper re-reading.
    pub tiers: Tiers,
    /// Options that are exposed at 0 before their first row.
    pub expected: BTreeSet<MenuLabels>,
    /// The rules that rename and fold options.
    pub rules: Arc<OptionRules>,
    /// The kinds of options.
    pub kinds: Arc<OptionKinds>,
    /// The limits of label sets.
    pub limits: SeriesLimits,
    /// The longest silences of a journey.
    pub idle: IdleTimes,
    /// What is kept of a journey that is over.
    pub measure: JourneyMeasure,
    /// Whether the report of what became of calls is read, too.
    pub outcomes: bool,
    /// Options without a row for this long are no longer exposed; zero for never.
    pub expire_after: Duration,
    /// The beginning of the counting, if our clock decides it; otherwise it is a fixed date.
    pub start_ago: Option<StartAgo>,
    /// Requests a day, where configured; otherwise the vendor is asked.
    pub quota: Option<u64>,
    /// The sources of names.
    pub names: Arc<NameSettings>,
    /// The settings of the history of earlier weeks.
    pub baseline: BaselineSettings,
}

impl PollerConfig {
    /// Polls every five minutes with half an hour's lookback, reads no deeper, and has no setting besides: what tests and
    /// benchmarks begin with.
    pub fn plain(name: &str, zone: TimeZone, buckets: BucketBounds) -> Self {
        Self {
            cadence: Cadence::new(Duration::from_secs(300), Duration::from_secs(30), name),
            name: name.to_owned(),
            zone,
            lookback: Duration::from_secs(1800),
            zero_hold: Duration::from_secs(75),
            buckets: Arc::new(buckets),
            row_cap: 60_000,
            tiers: Tiers { hourly: Duration::ZERO, nightly: Duration::ZERO, nightly_hour: 3 },
            expected: BTreeSet::new(),
            rules: Arc::default(),
            kinds: Arc::default(),
            limits: SeriesLimits::default(),
            idle: IdleTimes::default(),
            measure: JourneyMeasure::Options,
            outcomes: false,
            expire_after: Duration::ZERO,
            start_ago: None,
            quota: None,
            names: Arc::default(),
            baseline: BaselineSettings::default(),
        }
    }

    /// The settings for reading what became of calls. An option that is expected in calls is expected with each outcome;
    /// counting begins where it is told to, whatever the clock shows.
    pub(super) fn for_outcomes(&self) -> Self {
        let with_outcome = |labels: &MenuLabels| {
            let point = labels.point.clone();
            let option = labels.option.clone();
            CallOutcome::ALL.map(|outcome| MenuLabels::new(&point.rp_id, outcome.as_str(), &option))
        };
        let voice = self.expected.iter().filter(|labels| &*labels.point.channel == VOICE);
        Self {
            expected: voice.flat_map(with_outcome).collect(),
            // An option has a label set for each outcome.
            limits: SeriesLimits { menus: CallOutcome::ALL.len() * self.limits.menus, ..self.limits },
            measure: JourneyMeasure::LastSecond,
            start_ago: None,
            ..self.clone()
        }
    }

    /// Depth of the deepest reading.
    pub(super) fn deepest(&self) -> Duration {
        self.lookback.max(self.cadence.interval).max(self.tiers.deepest())
    }

    /// Time before the watermark for which rows are remembered, and interactions of which more rows
    /// could come.
    pub(super) fn memory(&self) -> Duration {
        self.deepest() + commit::MEMORY_MARGIN
    }

    /// At this watermark, interactions are known of which more might have come since then, in Unix seconds.
    pub(super) fn oldest_interactions(&self, watermark: Timestamp) -> i64 {
        watermark.checked_sub(self.memory()).unwrap_or(Timestamp::MIN).as_second()
    }
}
