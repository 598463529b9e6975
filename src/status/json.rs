//! The body of `/status.json`, as `docs/status.schema.json` describes it.

use std::sync::Arc;

use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde::Serialize;

use super::{Day, PollOutcome, Rest, TargetStatus, texts};
use crate::i18n::Language;

#[derive(Serialize)]
struct Document<'a> {
    version: &'a str,
    language: &'static str,
    now: Timestamp,
    ready: bool,
    not_ready_reason: Option<&'a str>,
    targets: Vec<Target<'a>>,
}

#[derive(Serialize)]
struct Target<'a> {
    server: &'a str,
    timezone: Option<&'a str>,
    state: &'static str,
    needs_attention: bool,
    sentence: String,
    remedy: Option<String>,
    failure: Option<Failure>,
    watermark: Option<Timestamp>,
    lag_seconds: Option<i64>,
    last_row: Option<Timestamp>,
    next_poll: Timestamp,
    quota: Quota,
    polls: Vec<PollRecord>,
    last_day: LastDay<'a>,
}

#[derive(Serialize)]
struct Failure {
    class: &'static str,
    since: Timestamp,
}

#[derive(Serialize)]
struct Quota {
    used: u64,
    limit: Option<u64>,
    left: Option<u64>,
    resets_at: Timestamp,
}

#[derive(Serialize)]
struct PollRecord {
    at: Timestamp,
    duration_seconds: f64,
    committed: bool,
    class: Option<&'static str>,
}

#[derive(Serialize)]
struct LastDay<'a> {
    from: DateTime,
    until: DateTime,
    known_from: Option<DateTime>,
    hits: u64,
    routing_points: Vec<RoutingPoint<'a>>,
    rest: Option<Folded<'a>>,
}

#[derive(Serialize)]
struct RoutingPoint<'a> {
    rp_id: &'a str,
    channel: &'a str,
    name: Option<&'a str>,
    hits: u64,
    options: Vec<MenuOption<'a>>,
    rest: Option<Folded<'a>>,
}

#[derive(Serialize)]
struct MenuOption<'a> {
    cod_opc_menu: &'a str,
    name: Option<&'a str>,
    kind: &'static str,
    hits: u64,
    hourly: &'a [u64],
}

#[derive(Serialize)]
struct Folded<'a> {
    number: usize,
    hits: u64,
    hourly: &'a [u64],
}

/// The status of all targets at `now`. `not_ready` is why the exporter cannot be scraped yet.
pub fn json(
    version: &str,
    not_ready: Option<&str>,
    targets: &[Arc<TargetStatus>],
    now: Timestamp,
    language: Language,
) -> Vec<u8> {
    let document = Document {
        version,
        language: language.code(),
        now: whole(now),
        ready: not_ready.is_none(),
        not_ready_reason: not_ready,
        targets: targets.iter().map(|target| view(target, now, language)).collect(),
    };
    let mut body = serde_json::to_vec(&document).unwrap_or_default(); // fails only for maps with odd keys
    body.push(b'\n');
    body
}

fn view(target: &TargetStatus, now: Timestamp, language: Language) -> Target<'_> {
    let (state, quota) = (target.state(now), target.quota(now));
    Target {
        server: &target.name,
        timezone: target.zone.iana_name(),
        state: state.as_str(),
        needs_attention: state.needs_attention(),
        sentence: texts::sentence(target, now, language),
        remedy: texts::remedy(target, now, language),
        failure: match &target.outcome {
            PollOutcome::Failed { fault, since } => {
                Some(Failure { class: fault.class().as_str(), since: whole(*since) })
            }
            PollOutcome::Waiting | PollOutcome::Committed => None,
        },
        watermark: target.watermark,
        lag_seconds: target.lag(now).map(|lag| lag.as_secs()),
        last_row: target.last_row,
        next_poll: whole(target.next_poll),
        quota: Quota { used: quota.used, limit: quota.limit, left: quota.left, resets_at: quota.resets_at },
        polls: target
            .polls
            .iter()
            .map(|poll| PollRecord {
                at: whole(poll.at),
                // To the millisecond.
                duration_seconds: poll.took.as_millis() as f64 / 1e3,
                committed: poll.failure.is_none(),
                class: poll.failure.map(crate::wolkvox::ErrorClass::as_str),
            })
            .collect(),
        last_day: last_day(&target.day),
    }
}

fn last_day(day: &Day) -> LastDay<'_> {
    LastDay {
        from: local(day.first),
        until: local(day.until),
        known_from: day.known_from.map(local),
        hits: day.hits,
        routing_points: day
            .points
            .iter()
            .map(|point| RoutingPoint {
                rp_id: &point.labels.rp_id,
                channel: &point.labels.channel,
                name: point.name.as_deref(),
                hits: point.hits,
                options: point
                    .options
                    .iter()
                    .map(|option| MenuOption {
                        cod_opc_menu: &option.code,
                        name: option.name.as_deref(),
                        kind: option.kind.as_str(),
                        hits: option.hits,
                        hourly: &option.hourly,
                    })
                    .collect(),
                rest: point.rest.as_ref().map(folded),
            })
            .collect(),
        rest: day.rest.as_ref().map(folded),
    }
}

fn folded(rest: &Rest) -> Folded<'_> {
    Folded { number: rest.number, hits: rest.hits, hourly: &rest.hourly }
}

/// To the second: more would not be true.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// What a wall clock shows at a moment in its own seconds.
pub(crate) fn local(seconds: i64) -> DateTime {
    Timestamp::from_second(seconds).map_or(DateTime::MIN, |moment| Offset::UTC.to_datetime(moment))
}
