//! The body of `/status.json`, as `docs/status.schema.json` describes it.

use std::sync::Arc;

use jiff::{Timestamp, civil::DateTime};
use serde::Serialize;

use super::{Day, Deviation, Deviations, PollOutcome, Rest, TargetStatus, UsualStatus, texts, usual_texts};
use crate::{i18n::Language, model::LocalSecond};

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
    deep_reads: Vec<DeepRead>,
    polls: Vec<PollRecord>,
    last_day: LastDay<'a>,
    usual: Usual<'a>,
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
struct DeepRead {
    tier: &'static str,
    depth_seconds: u64,
    progress: f64,
    class: Option<&'static str>,
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
struct Usual<'a> {
    history_seconds: u64,
    sentence: String,
    warm_up: WarmUp,
    compared: Option<Compared<'a>>,
}

#[derive(Serialize)]
struct WarmUp {
    state: &'static str,
    progress: f64,
    requests: u32,
    requests_limit: u32,
    class: Option<&'static str>,
}

#[derive(Serialize)]
struct Compared<'a> {
    options: usize,
    unlike: Vec<Unlike<'a>>,
    more: usize,
}

#[derive(Serialize)]
struct Unlike<'a> {
    rp_id: &'a str,
    channel: &'a str,
    routing_point_name: Option<&'a str>,
    cod_opc_menu: Option<&'a str>,
    option_name: Option<&'a str>,
    anomaly: &'static str,
    score: f64,
    observed: f64,
    expected: f64,
    window_seconds: u32,
    sentence: String,
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
        deep_reads: target
            .deep_reads
            .iter()
            .map(|read| DeepRead {
                tier: read.tier.as_str(),
                depth_seconds: read.depth.as_secs(),
                // To the thousandth.
                progress: (read.progress * 1e3).floor() / 1e3,
                class: read.failure.map(crate::wolkvox::ErrorClass::as_str),
            })
            .collect(),
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
        usual: usual(&target.usual, language),
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

fn usual(usual: &UsualStatus, language: Language) -> Usual<'_> {
    let warm_up = &usual.warm_up;
    Usual {
        history_seconds: usual.history.as_secs(),
        sentence: usual_texts::compared_with(usual, language),
        warm_up: WarmUp {
            state: warm_up.state.as_str(),
            // To the thousandth.
            progress: (warm_up.progress * 1e3).floor() / 1e3,
            requests: warm_up.requests,
            requests_limit: warm_up.requests_limit,
            class: warm_up.failure.map(crate::wolkvox::ErrorClass::as_str),
        },
        compared: usual.deviations.as_ref().map(|deviations| compared(deviations, language)),
    }
}

fn compared(deviations: &Deviations, language: Language) -> Compared<'_> {
    let unlike = deviations.furthest.iter().map(|one| unlike(one, language)).collect();
    Compared { options: deviations.options_compared, unlike, more: deviations.more }
}

fn unlike(one: &Deviation, language: Language) -> Unlike<'_> {
    // To the hundredth.
    let short = |number: f64| (number * 100.0).round() / 100.0;
    Unlike {
        rp_id: &one.point.rp_id,
        channel: &one.point.channel,
        routing_point_name: one.point_name.as_deref(),
        cod_opc_menu: one.option.as_deref(),
        option_name: one.option_name.as_deref(),
        anomaly: one.anomaly.as_str(),
        score: short(one.score.score),
        observed: short(one.score.observed),
        expected: short(one.score.expected),
        window_seconds: one.score.window,
        sentence: format!(
            "{}: {}.",
            usual_texts::deviation_place(one),
            usual_texts::deviation_figures(one, language)
        ),
    }
}

fn folded(rest: &Rest) -> Folded<'_> {
    Folded { number: rest.number, hits: rest.hits, hourly: &rest.hourly }
}

/// To the second: more would not be true.
fn whole(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// What a wall clock shows at one of its seconds.
pub(crate) fn local(second: LocalSecond) -> DateTime {
    second.civil().unwrap_or(DateTime::MIN)
}
