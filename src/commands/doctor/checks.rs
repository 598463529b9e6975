//! Checks one target: each step needs the one before, and the first failure ends the check.

use std::{io, time::Duration};

use jiff::Timestamp;

use super::{
    faults, network, outcomes, range_end,
    report::{Mark, Report},
    requests::{self, Look, MOST_REQUESTS, Requester},
    rows,
    texts::Text,
};
use crate::{
    config::TargetConfig,
    i18n::span,
    schedule::quota::REQUESTS_PER_LICENCE,
    wolkvox::{ApiError, ClientLimits, ErrorText, TokenInfo},
};

const HOUR: Duration = Duration::from_secs(3600);
/// Ranges tried if the last hour has no rows: most days have some, and a query may span 31 days.
const FURTHER: [Duration; 2] =
    [Duration::from_secs(24 * 3600), Duration::from_secs(30 * 24 * 3600)];
/// Tolerated difference of clocks, in seconds: the header has whole seconds, and `settle_delay`
/// covers a few.
const MOST_SKEW: i64 = 10;

/// Checks a target and prints the findings. Errors are those of the output.
pub(super) async fn check_target(
    target: &TargetConfig,
    interval: Duration,
    limits: ClientLimits,
    clock: &dyn Fn() -> Timestamp,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let values = [("name", target.name.clone()), ("endpoint", target.endpoint.to_string())];
    report.paragraph(Text::Target, &values)?;
    let mut requester = match Requester::new(target, limits, clock) {
        Ok(requester) => requester,
        Err(error) => return faults::say(&error, target, report),
    };
    examine(target, interval, limits, &mut requester, report).await?;
    let values = [("spent", requester.spent().to_string()), ("most", MOST_REQUESTS.to_string())];
    report.line(Mark::Note, Text::Requests, Text::Spent, &values)
}

async fn examine(
    target: &TargetConfig,
    interval: Duration,
    limits: ClientLimits,
    requester: &mut Requester<'_>,
    report: &mut Report<'_>,
) -> io::Result<()> {
    if !network::check(&target.endpoint, &target.egress, limits.connect, report).await? {
        return Ok(());
    }
    let info = requester.token_info().await;
    if info.as_ref().err().is_none_or(comes_after_the_handshake) {
        handshake(target, report)?;
    }
    let mut token_is_known = false;
    match info {
        Ok(info) => {
            report.line(Mark::Good, Text::Token, Text::TokenGood, &[])?;
            token_is_known = true;
            if !quota(info, target, interval, report)? {
                return Ok(());
            }
        }
        Err(error) if faults::ends_the_check(&error) => return faults::say(&error, target, report),
        Err(_) => report.line(Mark::Note, Text::Quota, Text::QuotaUnknown, &[])?,
    }

    let look = requester.last(HOUR).await;
    if let Some(skew) = look.skew() {
        clocks(skew, report)?;
    }
    let (look, length) = look_further(look, requester).await;
    if let Err(error) = &look.outcome
        && (look.sample.rows() == 0 || !faults::is_of_size(error))
    {
        return faults::say(error, target, report);
    }
    if !token_is_known {
        report.line(Mark::Good, Text::Token, Text::TokenGood, &[])?;
    }
    content(&look, length, target, requester, report).await
}

/// Checks the rows of an answer about `length`.
async fn content(
    look: &Look,
    length: Duration,
    target: &TargetConfig,
    requester: &mut Requester<'_>,
    report: &mut Report<'_>,
) -> io::Result<()> {
    if !existence(look, length, report)? {
        return Ok(());
    }
    let now = look.server_time().unwrap_or(look.ended);
    let zone_is_right = rows::zone(&look.sample, &target.timezone, now, report)?;
    rows::lateness(&look.sample, &target.timezone, now, zone_is_right, report)?;
    range_end::check(&look.sample, requester, target, report).await?;
    rows::shapes(&look.sample, report)?;
    if target.outcomes {
        outcomes::check(requester, length, report).await?;
    }
    Ok(())
}

/// Prints the encryption of the connection.
fn handshake(target: &TargetConfig, report: &mut Report<'_>) -> io::Result<()> {
    match target.endpoint.scheme() {
        "https" => report.line(Mark::Good, Text::Tls, Text::TlsGood, &[]),
        _ => report.line(Mark::Note, Text::Tls, Text::TlsNone, &[]),
    }
}

/// Returns true if a request that failed in this way had made its TLS handshake before.
fn comes_after_the_handshake(error: &ApiError) -> bool {
    !matches!(
        error,
        ApiError::Tls(_)
            | ApiError::Connect(_)
            | ApiError::NoProxy { .. }
            | ApiError::NoNameServer(_)
            | ApiError::ConnectionRefused(_)
            | ApiError::ConnectTimeout(_)
            | ApiError::NameNotFound(_)
            | ApiError::TooManyOpenFiles(_)
            | ApiError::Timeout(_)
            | ApiError::TokenUnreadable(_)
    )
}

/// Requests longer and longer times while `look`, of the last hour, and its successors have no row.
/// Returns the last answer and its length.
async fn look_further(mut look: Look, requester: &mut Requester<'_>) -> (Look, Duration) {
    let mut length = HOUR;
    for further in FURTHER {
        if look.sample.rows() > 0 || look.outcome.is_err() {
            break;
        }
        length = further;
        look = requester.last(length).await;
    }
    (look, length)
}

/// Prints whether the report has rows; returns true if it has any.
fn existence(look: &Look, length: Duration, report: &mut Report<'_>) -> io::Result<bool> {
    let values = [
        ("rows", look.sample.rows().to_string()),
        ("length", span(i64::try_from(length.as_secs()).unwrap_or(i64::MAX))),
    ];
    if look.sample.rows() == 0 {
        report.line(Mark::Todo, Text::Report, Text::NeverRows, &values)?;
        report.remedy(Text::NeverRowsRemedy, &[])?;
        return Ok(false);
    }
    match &look.outcome {
        Err(_) => report.line(Mark::Note, Text::Report, Text::RowsInPart, &values)?,
        Ok(_) if length == HOUR => {
            report.line(Mark::Good, Text::Report, Text::RowsInHour, &values)?;
        }
        Ok(_) => report.line(Mark::Note, Text::Report, Text::RowsEarlier, &values)?,
    }
    Ok(true)
}

/// Checks the quota; returns true if a request is left today.
fn quota(
    info: TokenInfo,
    target: &TargetConfig,
    interval: Duration,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    let needed = requests::of_target_a_day(target, interval);
    let left = info.limit.saturating_sub(info.used);
    let values = [
        ("limit", info.limit.to_string()),
        ("used", info.used.to_string()),
        ("left", left.to_string()),
        ("needed", needed.to_string()),
    ];
    if left == 0 {
        report.line(Mark::Todo, Text::Quota, Text::QuotaSpent, &values)?;
        report.remedy(ErrorText::QuotaSpentRemedy, &values)?;
    } else if info.limit < needed {
        report.line(Mark::Todo, Text::Quota, Text::QuotaSmall, &values)?;
        report.remedy(Text::QuotaSmallRemedy, &values)?;
    } else {
        report.line(Mark::Good, Text::Quota, Text::QuotaGood, &values)?;
    }
    if let Some(licences) = target.licences
        && u64::from(licences) * REQUESTS_PER_LICENCE != info.limit
    {
        let values = [("licences", licences.to_string()), ("limit", info.limit.to_string())];
        report.line(Mark::Todo, Text::Quota, Text::LicencesDiffer, &values)?;
        report.remedy(Text::LicencesRemedy, &values)?;
    }
    outcomes::cost(target.outcomes, info.limit, interval, report)?;
    Ok(left > 0)
}

/// Compares the clocks; `skew` is the seconds by which the server is ahead.
fn clocks(skew: i64, report: &mut Report<'_>) -> io::Result<()> {
    let values = [("skew", span(skew))];
    let text = match skew {
        skew if skew.abs() <= MOST_SKEW => {
            return report.line(Mark::Good, Text::Clock, Text::ClockGood, &values);
        }
        ..0 => Text::ClockAhead,
        _ => Text::ClockBehind,
    };
    report.line(Mark::Todo, Text::Clock, text, &values)?;
    report.remedy(Text::ClockRemedy, &[])
}
