//! The settings of one target's poller, as the configuration resolves to them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::commit;
use crate::{
    baseline::Holidays,
    config::{
        BaselineConfig, Config, ExpectedMenu, JourneyConfig, MenuConfig, PollConfig, TargetConfig,
    },
    exposition::BucketBounds,
    ledger::{IdleTimes, JourneyMeasure, SeriesLimits, TargetCounters},
    model::{CallOutcome, MenuLabels, Names, OptionKinds, OptionRules, VOICE},
    schedule::{Cadence, quota::REQUESTS_PER_LICENCE},
    snapshot::{TargetSnapshot, Usual},
    telemetry::TargetTelemetry,
};

/// Rows in one answer above which the vendor cuts it, as documented.
const ROW_CAP: u64 = 60_000;

/// Number of targets above which their polls are spread wider; up to it, the jitter of each target
/// suffices.
const MANY: usize = 128;

/// The sections of the configuration that apply to all targets.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedConfig {
    /// Number of targets, rounded up to a power of two, or 1 if they are few, so that adding or
    /// removing a target does not restart all others.
    pub crowd: usize,
    /// The schedule of polls.
    pub poll: PollConfig,
    /// The form of the metrics.
    pub menu: MenuConfig,
    /// The end of an interaction.
    pub journey: JourneyConfig,
    /// The history of earlier weeks.
    pub baseline: BaselineConfig,
}

impl SharedConfig {
    /// Returns the settings that the targets of a configuration share.
    pub fn of(config: &Config) -> Self {
        let targets = config.targets.len();
        let crowd = if targets > MANY { targets.next_power_of_two() } else { 1 };
        let Config { poll, menu, journey, baseline, .. } = config.clone();
        Self { crowd, poll, menu, journey, baseline }
    }
}

impl Default for SharedConfig {
    /// Returns the default of every setting, for one target.
    fn default() -> Self {
        Self {
            crowd: 1,
            poll: PollConfig::default(),
            menu: MenuConfig::default(),
            journey: JourneyConfig::default(),
            baseline: BaselineConfig::default(),
        }
    }
}

/// The settings of one target's poller: sections of the configuration, and values computed from
/// them.
#[derive(Debug, Clone)]
pub struct PollerConfig {
    /// The target.
    pub target: TargetConfig,
    /// The settings of all targets.
    pub shared: Arc<SharedConfig>,
    /// The grid of the target's windows.
    pub cadence: Cadence,
    /// Rows in one answer above which the vendor cuts it.
    pub row_cap: u64,
    /// Requests per day, if configured; otherwise the vendor is asked.
    pub quota: Option<u64>,
    /// Time between the origin and now at the first start; `None` if counting begins at a fixed
    /// date.
    pub start_ago: Option<Duration>,
    /// Options that are exposed at 0 before their first row.
    pub expected: BTreeSet<MenuLabels>,
    /// Time without a row after which an interaction has left the menu.
    pub idle: IdleTimes,
    /// The limits of label sets.
    pub limits: SeriesLimits,
    /// The value that a finished journey adds to the histogram.
    pub measure: JourneyMeasure,
    /// Buckets of the histogram of seconds.
    pub buckets: Arc<BucketBounds>,
    /// The rules that rename and fold options.
    pub rules: Arc<OptionRules>,
    /// The kinds of options.
    pub kinds: Arc<OptionKinds>,
    /// Days that are not compared with ordinary ones.
    pub holidays: Arc<Holidays>,
}

impl PollerConfig {
    /// Returns the settings that follow from the configuration; `None` if the buckets do not
    /// increase.
    pub fn new(target: TargetConfig, shared: Arc<SharedConfig>) -> Option<Self> {
        let SharedConfig { crowd, poll, menu, baseline, .. } = &*shared;
        let cadence = Cadence::new(poll.interval, poll.settle_delay, &target.name);
        Some(Self {
            cadence: cadence.among(*crowd, &target.name),
            row_cap: ROW_CAP,
            quota: target.licences.map(|licences| u64::from(licences) * REQUESTS_PER_LICENCE),
            start_ago: poll.start_from.ago(),
            expected: target.expected.iter().flat_map(expected_labels).collect(),
            idle: shared.journey.idle_times(),
            limits: SeriesLimits {
                menus: menu.series_limit,
                options: menu.options_limit,
                transitions: menu.transitions_limit,
            },
            measure: JourneyMeasure::Options,
            buckets: Arc::new(BucketBounds::new(&menu.buckets)?),
            rules: Arc::new(menu.options.clone()),
            kinds: Arc::new(menu.kinds()),
            holidays: Arc::new(Holidays::new(baseline.holidays.iter().copied())),
            target,
            shared,
        })
    }

    /// Returns the settings for reading the outcomes of calls. An option that is expected in calls
    /// is expected with each outcome, and each call is over after the idle time of calls. Counting
    /// begins at the state's origin, never at a time relative to the clock.
    pub(super) fn for_outcomes(&self) -> Self {
        let voice = self.expected.iter().filter(|labels| &*labels.point.channel == VOICE);
        let expected = voice.flat_map(|MenuLabels { point, option }| {
            CallOutcome::ALL.map(|outcome| MenuLabels::new(&point.rp_id, outcome.as_str(), option))
        });
        Self {
            expected: expected.collect(),
            // An option has a label set for each outcome.
            limits: SeriesLimits {
                menus: CallOutcome::ALL.len() * self.limits.menus,
                ..self.limits
            },
            measure: JourneyMeasure::LastSecond,
            start_ago: None,
            idle: IdleTimes::from(self.idle.of(VOICE)),
            ..self.clone()
        }
    }

    /// Returns a snapshot of a target of which only these counters are known.
    pub(super) fn snapshot(
        &self,
        counters: Arc<TargetCounters>,
        names: Arc<Names>,
        telemetry: TargetTelemetry,
    ) -> TargetSnapshot {
        TargetSnapshot {
            server: self.target.name.clone(),
            zone: self.target.timezone.clone(),
            counters,
            outcomes: None,
            window: None,
            up: true,
            buckets: self.buckets.clone(),
            names,
            kinds: self.kinds.clone(),
            series_limit: self.limits.menus,
            usual: Usual::default(),
            telemetry,
        }
    }

    /// Returns the time before the watermark for which rows are remembered, and interactions of
    /// which more rows may come.
    pub(super) fn memory(&self) -> Duration {
        self.shared.poll.deepest() + commit::MEMORY_MARGIN
    }

    /// Returns a Unix second: at this watermark, only interactions of which more rows could come at
    /// or after it are remembered.
    pub(super) fn oldest_interactions(&self, watermark: Timestamp) -> i64 {
        watermark.checked_sub(self.memory()).unwrap_or(Timestamp::MIN).as_second()
    }
}

fn expected_labels(menu: &ExpectedMenu) -> impl Iterator<Item = MenuLabels> {
    menu.options.iter().map(|option| MenuLabels::new(&menu.rp_id, &menu.channel, option))
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::{civil::DateTime, tz::TimeZone};

    use super::*;
    use crate::config::{NameSources, Secret, StartFrom, TokenSource};

    /// Returns the settings of a target with live polls and nothing else, whose counting begins at
    /// the state's origin.
    pub(in crate::poller) fn quiet_target(name: &str, zone: TimeZone) -> PollerConfig {
        let endpoint = "http://wolkvox.invalid/".parse().expect("a URL");
        let target = TargetConfig {
            names: NameSources { vendor: false, ..NameSources::default() },
            ..TargetConfig::new(name, endpoint, TokenSource::Fixed(Secret::new("token")), zone)
        };
        let mut shared = SharedConfig::default();
        shared.poll.start_from = StartFrom::At(DateTime::constant(2026, 1, 18, 0, 0, 0, 0));
        shared.poll.hourly_lookback = Duration::ZERO;
        shared.poll.nightly_lookback = Duration::ZERO;
        shared.baseline.warm_up = Duration::ZERO;
        PollerConfig::new(target, Arc::new(shared)).expect("the buckets increase")
    }

    #[test]
    fn a_call_is_over_after_the_idle_time_of_calls() {
        let mut config = quiet_target("0042", TimeZone::UTC);
        let minute = Duration::from_secs(60);
        config.idle.by_channel.insert(VOICE.to_owned(), minute);
        for outcome in CallOutcome::ALL {
            assert_eq!(config.for_outcomes().idle.of(outcome.as_str()), minute, "{outcome:?}");
        }
    }
}
