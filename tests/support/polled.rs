//! A target that is polled without a connection: the default settings of tests and benchmarks of
//! the poller.

use std::time::Duration;

use jiff::{civil::DateTime, tz::TimeZone};
use wolkvox_exporter::{
    config::{
        BaselineConfig, MenuConfig, NameSources, PollConfig, Secret, StartFrom, TargetConfig,
        TokenSource,
    },
    poller::SharedConfig,
};

/// Makes a target without requests for names.
pub(crate) fn target(name: &str, zone: TimeZone) -> TargetConfig {
    let endpoint = "http://wolkvox.invalid/".parse().expect("a URL");
    let token = TokenSource::Fixed(Secret::new("token"));
    let names = NameSources { vendor: false, ..NameSources::default() };
    TargetConfig { names, ..TargetConfig::new(name, endpoint, token, zone) }
}

/// Configures live polls without deeper re-readings and without the weeks before. Counting begins
/// at the state's origin.
pub(crate) fn only_live_polls(buckets: &[f64]) -> SharedConfig {
    let zero = Duration::ZERO;
    let start_from = StartFrom::At(DateTime::constant(2026, 1, 18, 0, 0, 0, 0));
    SharedConfig {
        poll: PollConfig {
            hourly_lookback: zero,
            nightly_lookback: zero,
            start_from,
            ..PollConfig::default()
        },
        menu: MenuConfig { buckets: buckets.to_vec(), expire_after: zero, ..MenuConfig::default() },
        baseline: BaselineConfig { warm_up: zero, ..BaselineConfig::default() },
        ..SharedConfig::default()
    }
}
