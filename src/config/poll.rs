//! When and what to ask, from what was written.
//!
//! Owns the limits of the polling settings and how they bear on each other. The clock is passed in.

use std::time::Duration;

use jiff::Timestamp;

use crate::config::{
    PollConfig, TargetConfig,
    read::{
        diagnostics::Diagnostics,
        duration::{parse, parse_seconds, show},
        file::ConfigFile,
        precedence::{Setting, setting},
    },
    start,
};
use crate::{
    cli::PollArgs,
    schedule::{Tiers, quota::REQUESTS_PER_LICENCE},
};

/// The longest span that Wolkvox answers in one query.
const LONGEST_QUERY: Duration = Duration::from_secs(31 * 86400);
/// The deepest re-reading that makes sense.
const LONGEST_DEPTH: Duration = Duration::from_secs(30 * 86400);

pub(crate) fn resolve(
    args: &PollArgs,
    file: &ConfigFile,
    targets: &[TargetConfig],
    now: Timestamp,
    findings: &mut Diagnostics,
) -> Option<PollConfig> {
    let section = &file.root.poll;
    let default = PollConfig::default();

    let interval = setting(
        "poll.interval",
        (&args.interval, &section.interval),
        default.interval,
        (file, findings),
        |text| match parse_seconds(text)? {
            Duration::ZERO => Err("the interval must be at least 1s".to_owned()),
            interval => Ok(interval),
        },
    );
    let written = (&args.settle_delay, &section.settle_delay);
    let settle_delay = setting("poll.settle_delay", written, default.settle_delay, (file, findings), parse);
    let written = (&args.lookback, &section.lookback);
    let lookback = setting("poll.lookback", written, default.lookback, (file, findings), parse_seconds);
    let written = (&args.hourly_lookback, &section.hourly_lookback);
    let hourly =
        setting("poll.hourly_lookback", written, default.tiers.hourly, (file, findings), parse_depth);
    let written = (&args.nightly_lookback, &section.nightly_lookback);
    let nightly =
        setting("poll.nightly_lookback", written, default.tiers.nightly, (file, findings), parse_depth);
    let written = (&args.nightly_hour, &section.nightly_hour);
    let hour =
        setting("poll.nightly_hour", written, default.tiers.nightly_hour, (file, findings), parse_hour);
    let written = (&args.start_from, &section.start_from);
    let start_from = setting("poll.start_from", written, default.start_from, (file, findings), start::parse);
    let written = (&args.max_clock_skew, &section.max_clock_skew);
    let skew =
        setting("poll.max_clock_skew", written, default.max_clock_skew, (file, findings), parse_seconds);
    let written = (&args.requests_in_flight, &section.requests_in_flight);
    let default = default.requests_in_flight;
    let in_flight = setting("poll.requests_in_flight", written, default, (file, findings), parse_in_flight);

    let (interval, settle_delay, lookback, start_from) = (interval?, settle_delay?, lookback?, start_from?);
    let tiers = Tiers { hourly: hourly?.value, nightly: nightly?.value, nightly_hour: hour?.value };
    check_together(&interval, &settle_delay, &lookback, findings);
    for target in targets {
        if let Err(reason) = start_from.value.instant(now, &target.timezone) {
            findings.problem(&start_from.place, format!("{reason}, for the target {}", target.name));
        }
        check_quota(target, &interval, findings);
    }
    Some(PollConfig {
        interval: interval.value,
        settle_delay: settle_delay.value,
        lookback: lookback.value,
        tiers,
        start_from: start_from.value,
        max_clock_skew: skew?.value,
        requests_in_flight: in_flight?.value,
    })
}

/// Everything that is read again is remembered, and no more than a month is worth that.
fn parse_depth(text: &str) -> Result<Duration, String> {
    match parse_seconds(text)? {
        depth if depth > LONGEST_DEPTH => Err(format!("{} is more than 30 days", show(depth))),
        depth => Ok(depth),
    }
}

fn parse_in_flight(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| format!("{:?} is not a number of requests: write one from 1 to 10000", text.trim()))
}

fn parse_hour(text: &str) -> Result<i8, String> {
    let hour = text.trim().parse().ok().filter(|hour| (0..24).contains(hour));
    hour.ok_or_else(|| format!("{:?} is not an hour of the day: write a number from 0 to 23", text.trim()))
}

fn check_together(
    interval: &Setting<Duration>,
    settle_delay: &Setting<Duration>,
    lookback: &Setting<Duration>,
    findings: &mut Diagnostics,
) {
    let shown = |setting: &Setting<Duration>| show(setting.value) + &setting.origin();
    if interval.value <= settle_delay.value {
        findings.problem(
            &interval.place,
            format!(
                "the interval ({}) must be longer than the settle delay ({}): \
                 make the one longer or the other shorter",
                show(interval.value),
                shown(settle_delay)
            ),
        );
    }
    if lookback.value < settle_delay.value {
        findings.problem(
            &lookback.place,
            format!(
                "the lookback ({}) must be at least the settle delay ({}): \
                 a row later than that is found only by reading again",
                show(lookback.value),
                shown(settle_delay)
            ),
        );
    }
    if interval.value.saturating_add(lookback.value) > LONGEST_QUERY {
        findings.problem(
            &lookback.place,
            format!(
                "the lookback ({}) and the interval ({}) together are longer than the 31 days \
                 that Wolkvox answers at once",
                show(lookback.value),
                shown(interval)
            ),
        );
    }
}

/// A cadence that the licences do not pay for stops at some hour of every day.
fn check_quota(target: &TargetConfig, interval: &Setting<Duration>, findings: &mut Diagnostics) {
    let Some(licences) = target.licences else { return };
    let (needed, quota) =
        (86400 / interval.value.as_secs().max(1), u64::from(licences) * REQUESTS_PER_LICENCE);
    if needed > quota {
        findings.warn(
            &interval.place,
            format!(
                "polling every {} takes {needed} requests a day, and the {licences} licence(s) of the target {} \
                 pay for {quota}: poll less often",
                show(interval.value),
                target.name
            ),
        );
    }
}
