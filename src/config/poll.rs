//! When and what to ask, from what was written.
//!
//! Owns the limits of the polling settings and how they bear on each other. The clock is passed in.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Poll, Target,
    duration::{parse, parse_seconds, show},
    file::ConfigFile,
    given::{Setting, given, read_or},
    problem::Findings,
    start,
};
use crate::cli::PollArgs;

/// The longest span that Wolkvox answers in one query.
const LONGEST_QUERY: Duration = Duration::from_secs(31 * 86400);
/// Requests a day that each licence pays for.
const REQUESTS_PER_LICENCE: u64 = 1000;

pub(super) fn resolve(
    args: &PollArgs,
    file: &ConfigFile,
    targets: &[Target],
    now: Timestamp,
    findings: &mut Findings,
) -> Option<Poll> {
    let section = &file.root.poll;
    let default = Poll::default();

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

    let flag = args.start_from.as_deref();
    let written = given(flag, "poll.start-from", file, section.start_from.as_ref(), "poll.start_from");
    let start_from = read_or(written, default.start_from, "poll.start-from", findings, start::parse);

    let (interval, settle_delay, lookback, start_from) = (interval?, settle_delay?, lookback?, start_from?);
    check_together(&interval, &settle_delay, &lookback, findings);
    for target in targets {
        if let Err(reason) = start_from.value.instant(now, &target.timezone) {
            findings.problem(&start_from.place, format!("{reason}, for the target {}", target.name));
        }
        check_quota(target, &interval, findings);
    }
    Some(Poll {
        interval: interval.value,
        settle_delay: settle_delay.value,
        lookback: lookback.value,
        start_from: start_from.value,
    })
}

fn check_together(
    interval: &Setting<Duration>,
    settle_delay: &Setting<Duration>,
    lookback: &Setting<Duration>,
    findings: &mut Findings,
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
fn check_quota(target: &Target, interval: &Setting<Duration>, findings: &mut Findings) {
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
