//! Reads the weeks before counting began, backwards, so that the baseline is known from the first
//! day: in the time that live polls leave, with pauses.
//!
//! Its rows are added to the history and to nothing else: no counter changes, and no row is
//! remembered. The progress is committed together with the rows, so that an interrupted reading
//! continues. If the second report is read, its weeks follow those of the first.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    Source, agenda::Errand, baseline::history_seconds, judge::WeekVerdict,
    polled_target::PolledTarget, track::Track,
};
use crate::{
    ledger::RowBatch,
    model::{LocalSecond, LocalStretch},
    schedule::{self, TimeRange, local_second, quota::Purpose, warm_up::WarmUp},
    status::{WarmUpState, WarmUpStatus},
    wolkvox::{ApiError, ReportName},
};

/// Pause between two requests if the limit of requests per day is known.
const PAUSE: Duration = Duration::from_secs(5);
/// Pause between two requests if that limit is unknown.
const UNKNOWN_LIMIT_PAUSE: Duration = Duration::from_secs(60);
/// Seconds read beyond the configured weeks: the longest window that is scored and the half hour
/// around it, so that an incident in the hours before the first start can be compared with all of
/// its weeks.
const WINDOW_MARGIN: i64 = 9 * 3600;

/// Returns the second at which reading a report ends, on its way back.
fn weeks_from(track: &Track) -> LocalSecond {
    let Track { config, state, .. } = track;
    let settings = &config.shared.baseline;
    let end = state.warm_up().end;
    let depth = i64::try_from(settings.warm_up.as_secs()).unwrap_or(i64::MAX);
    let watermark = local_second(state.totals().watermark(), &config.target.timezone);
    let oldest = i64::from(watermark.day().saturating_sub(settings.keep_days().into())) * 86_400;
    let margin = if depth > 0 { WINDOW_MARGIN } else { 0 };
    end.saturating_sub(depth).saturating_sub(margin).max(LocalSecond::new(oldest)).min(end)
}

/// Returns true if requests are left. Both reports share them.
fn has_requests_left<S>(target: &PolledTarget<S>) -> bool {
    let of_outcomes =
        target.outcomes.as_ref().map_or(0, |outcomes| outcomes.track.state.warm_up().requests);
    let sent = target.menus.state.warm_up().requests + of_outcomes;
    sent < target.config.shared.baseline.warm_up_requests
}

/// Returns the next part of a report to be read; `None` when all has been read, no request is left,
/// or the report cannot be read now.
fn next_week<S>(target: &PolledTarget<S>, report: ReportName) -> Option<LocalStretch> {
    let track = match (report, &target.outcomes) {
        (ReportName::Diagram13, _) => &target.menus,
        (ReportName::Diagram1, Some(outcomes)) if outcomes.is_up() => &outcomes.track,
        (ReportName::Diagram1, _) => return None,
    };
    let next = track.judge.next_week(weeks_from(track), track.state.warm_up().next);
    next.filter(|_| has_requests_left(target))
}

/// Returns the report whose weeks are read next: all of the first, then all of the second.
pub(super) fn next_report<S>(target: &PolledTarget<S>) -> Option<ReportName> {
    let reports = [ReportName::Diagram13, ReportName::Diagram1];
    reports.into_iter().find(|report| next_week(target, *report).is_some())
}

/// Returns the progress, for the status page.
pub(super) fn status<S>(target: &PolledTarget<S>) -> WarmUpStatus {
    let warm_up = target.menus.state.warm_up();
    let settings = &target.config.shared.baseline;
    let from = weeks_from(&target.menus);
    let state = match () {
        () if settings.warm_up.is_zero() => WarmUpState::Off,
        () if warm_up.next <= from => WarmUpState::Ended,
        () if !has_requests_left(target) => WarmUpState::RequestsSpent,
        () => WarmUpState::Reading,
    };
    let failure = target.agenda.failure(Errand::WeeksBefore(ReportName::Diagram13));
    WarmUpStatus {
        state,
        progress: warm_up.progress(from),
        requests: warm_up.requests,
        requests_limit: settings.warm_up_requests,
        failure: failure.filter(|_| state == WarmUpState::Reading),
    }
}

/// Returns the range of a part and its surroundings, so that no journey is cut, but nothing after
/// the watermark.
fn with_surroundings(track: &Track, stretch: LocalStretch) -> TimeRange {
    let Track { config, state, .. } = track;
    let zone = &config.target.timezone;
    let (from, to) = stretch;
    let around = i64::try_from(config.idle.longest().as_secs()).unwrap_or(0);
    let begin = schedule::instant(from - around, zone)
        .or_else(|| Timestamp::from_second((from - around).get()).ok())
        .unwrap_or_default();
    let end = schedule::last_instant(to + around, zone);
    let end = Timestamp::from_second(end).unwrap_or_default().min(state.totals().watermark());
    let least = begin.checked_add(SignedDuration::from_secs(1)).unwrap_or(begin);
    TimeRange { from: begin, to: end.max(least) }
}

/// Logs once that no more of a report will be read.
fn log_end<S: Source>(target: &mut PolledTarget<S>, report: ReportName) {
    if next_week(target, report).is_some() {
        return;
    }
    let track = target.track(report);
    let from = weeks_from(track);
    let Track { config, state, .. } = track;
    let WarmUp { next, requests, .. } = *state.warm_up();
    let server = &config.target.name;
    let report = report.as_str();
    let days = history_seconds(state, config) / 86_400;
    if next <= from {
        info!(server, report, requests, days, "the weeks before have been read");
    } else {
        warn!(
            server,
            report,
            requests,
            days,
            "no more of the weeks before is read: baseline.warm_up_requests are spent; raise it to go on"
        );
    }
}

/// Sends one request within the time that is `left`, after `failures` consecutive failures, and
/// commits its rows. Returns the pause until the next one.
pub(super) async fn read_step<S: Source>(
    target: &mut PolledTarget<S>,
    report: ReportName,
    left: Duration,
    failures: u32,
) -> Result<Duration, ApiError> {
    let Some(stretch) = next_week(target, report) else { return Ok(Duration::ZERO) };
    if target.track(report).state.warm_up().requests == 0 {
        let server = &target.config.target.name;
        info!(server, report = report.as_str(), "reading the weeks before, for what is usual");
    }
    let stepped = step_back(target, report, stretch, left, failures).await;
    if let Err(error) = &stepped {
        warn!(
            server = target.config.target.name,
            report = report.as_str(),
            class = error.class().as_str(),
            "reading the weeks before failed, going on later: {error}"
        );
    }
    log_end(target, report);
    stepped?;
    let pause = if target.reader.knows_limit() { PAUSE } else { UNKNOWN_LIMIT_PAUSE };
    Ok(pause.min(target.config.cadence.interval))
}

/// Reads one part.
async fn step_back<S: Source>(
    target: &mut PolledTarget<S>,
    report: ReportName,
    stretch: LocalStretch,
    left: Duration,
    failures: u32,
) -> Result<(), ApiError> {
    let range = with_surroundings(target.track(report), stretch);
    let started = Instant::now();
    let answer = target.ask(report, range, Purpose::Background, left).await;
    let took = started.elapsed();
    let Track { config, judge, state, .. } = target.track(report);
    let was_sent = !matches!(&answer, Err(error) if error.never_sent() || matches!(error, ApiError::QuotaReserved));
    let requests = state.warm_up().requests + u32::from(was_sent);
    let (batch, verdict) = match answer {
        Ok(mut answer) => {
            let has_time = took.saturating_mul(4) <= left;
            let verdict = judge.week_answered(stretch, &mut answer, has_time, Instant::now());
            (answer.batch, verdict)
        }
        Err(error) => {
            (RowBatch::new(config.rules.clone()), judge.week_failed(stretch, error, failures))
        }
    };
    let next = match verdict {
        WeekVerdict::Accept | WeekVerdict::PassOver => stretch.0,
        WeekVerdict::Narrow | WeekVerdict::Fail(_) => stretch.1,
    };
    let warm_up = WarmUp { next, requests, ..*state.warm_up() };
    match verdict {
        WeekVerdict::Accept => state.commit_past(config, batch, stretch, range.to, warm_up).await?,
        WeekVerdict::Narrow => state.pass_over(warm_up).await?,
        WeekVerdict::PassOver => {
            warn!(
                server = config.target.name,
                report = report.as_str(),
                seconds = stretch.1 - stretch.0,
                "a stretch of the weeks before cannot be read, and stays unknown"
            );
            state.pass_over(warm_up).await?;
        }
        WeekVerdict::Fail(error) => {
            state.pass_over(warm_up).await?;
            return Err(error);
        }
    }
    Ok(())
}
