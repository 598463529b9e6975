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
        precedence::{Setting, given, read_or},
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

    let written =
        given(args.interval.as_deref(), "poll.interval", file, section.interval.as_ref(), "poll.interval");
    let interval =
        read_or(written, default.interval, "poll.interval", findings, |text| match parse_seconds(text)? {
            Duration::ZERO => Err("the interval must be at least 1s".to_owned()),
            interval => Ok(interval),
        });

    let flag = args.settle_delay.as_deref();
    let written = given(flag, "poll.settle-delay", file, section.settle_delay.as_ref(), "poll.settle_delay");
    let settle_delay = read_or(written, default.settle_delay, "poll.settle-delay", findings, parse);

    let written =
        given(args.lookback.as_deref(), "poll.lookback", file, section.lookback.as_ref(), "poll.lookback");
    let lookback = read_or(written, default.lookback, "poll.lookback", findings, parse_seconds);

    let flag = args.hourly_lookback.as_deref();
    let written =
        given(flag, "poll.hourly-lookback", file, section.hourly_lookback.as_ref(), "poll.hourly_lookback");
    let hourly = read_or(written, default.tiers.hourly, "poll.hourly-lookback", findings, parse_depth);

    let flag = args.nightly_lookback.as_deref();
    let written = given(
        flag,
        "poll.nightly-lookback",
        file,
        section.nightly_lookback.as_ref(),
        "poll.nightly_lookback",
    );
    let nightly = read_or(written, default.tiers.nightly, "poll.nightly-lookback", findings, parse_depth);

    let flag = args.nightly_hour.as_deref();
    let written = given(flag, "poll.nightly-hour", file, section.nightly_hour.as_ref(), "poll.nightly_hour");
    let hour = read_or(written, default.tiers.nightly_hour, "poll.nightly-hour", findings, parse_hour);

    let flag = args.start_from.as_deref();
    let written = given(flag, "poll.start-from", file, section.start_from.as_ref(), "poll.start_from");
    let start_from = read_or(written, default.start_from, "poll.start-from", findings, start::parse);

    let flag = args.max_clock_skew.as_deref();
    let written =
        given(flag, "poll.max-clock-skew", file, section.max_clock_skew.as_ref(), "poll.max_clock_skew");
    let skew = read_or(written, default.max_clock_skew, "poll.max-clock-skew", findings, parse_seconds);

    let flag = args.requests_in_flight.as_deref();
    let written = given(
        flag,
        "poll.requests-in-flight",
        file,
        section.requests_in_flight.as_ref(),
        "poll.requests_in_flight",
    );
    let default = default.requests_in_flight;
    let in_flight = read_or(written, default, "poll.requests-in-flight", findings, parse_in_flight);

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
