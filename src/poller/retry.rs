//! Decides what to do after a request of a live poll failed. Pure: a table from the API's errors to
//! decisions.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::agenda::HoldWaits;
use crate::{
    schedule::{backoff::LONGEST_WAIT, quota},
    wolkvox::ApiError,
};

/// The reaction to a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryDecision {
    /// Send the request again in this poll, after a wait; the server may have named one.
    Retry(Option<Duration>),
    /// End this poll; the next one begins as usual.
    NextPoll,
    /// Send no request for some time, or until the token is replaced.
    Hold(HoldWaits),
}

/// Consecutive failed requests after which a poll ends.
const TRIES: u32 = 5;
/// Number of consecutive failed polls from which a poll has a single try, because an outage must
/// not cost more requests than a normal day.
const OUTAGE: u32 = 2;
const FIRST_QUOTA_HOLD: Duration = Duration::from_secs(300);

/// The facts on which a decision depends.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryContext<'a> {
    /// The time of our clock.
    pub(super) now: Timestamp,
    /// The server's time zone, whose day is the quota's day.
    pub(super) zone: &'a TimeZone,
    /// Time between two polls.
    pub(super) interval: Duration,
    /// Failures in this poll since its last success, including this one.
    pub(super) failures: u32,
    /// Consecutive failed polls before this one.
    pub(super) failed_polls: u32,
}

/// Returns the reaction to an error.
pub(super) fn decide(error: &ApiError, context: RetryContext<'_>) -> RetryDecision {
    match error {
        ApiError::Connect(_)
        | ApiError::NoProxy { .. }
        | ApiError::ConnectionRefused(_)
        | ApiError::ConnectTimeout(_)
        | ApiError::NameNotFound(_)
        | ApiError::NoNameServer(_)
        | ApiError::TooManyOpenFiles(_)
        | ApiError::Timeout(_)
        | ApiError::Http5xx(_)
        | ApiError::Concurrency
        | ApiError::NotJson(_)
        | ApiError::CutOff
        | ApiError::TooFewRows { .. }
        | ApiError::Contradicts { .. } => retry(error, None, context),
        // If the server names a wait longer than the interval, the next polls send nothing either,
        // for an hour at most.
        ApiError::Throttled(Some(wait)) | ApiError::Busy(wait) if *wait > context.interval => {
            RetryDecision::Hold(named_hold(*wait, context))
        }
        ApiError::Throttled(wait) => retry(error, *wait, context),
        ApiError::Busy(wait) => retry(error, Some(*wait), context),
        // A second try within minutes would fail too, and each one counts against the quota.
        ApiError::TokenMissing | ApiError::TokenInvalid | ApiError::UnknownReport { .. } => {
            RetryDecision::Hold(token_hold(context))
        }
        ApiError::QuotaExhausted => RetryDecision::Hold(quota_hold(context)),
        ApiError::Tls(_)
        | ApiError::Redirected(_)
        | ApiError::Refused { .. }
        | ApiError::Forbidden
        | ApiError::ForeignNotFound
        | ApiError::BadHead(_)
        | ApiError::ContentEncoding(_)
        | ApiError::RowsRejected { .. }
        | ApiError::OutsideRange { .. }
        | ApiError::TokenUnreadable(_)
        | ApiError::QuotaReserved
        | ApiError::Maintenance(_)
        | ApiError::Schema(_)
        | ApiError::NotEmpty(_)
        | ApiError::TooLarge(_)
        | ApiError::ClocksDisagree { .. }
        | ApiError::Internal(_) => RetryDecision::NextPoll,
    }
}

/// Returns a retry, unless the tries of this poll are spent.
fn retry(error: &ApiError, named: Option<Duration>, context: RetryContext<'_>) -> RetryDecision {
    let tries = match error {
        // A server that accepts connections and never answers costs a minute per try.
        ApiError::Timeout(_) if context.failed_polls > 0 => 1,
        _ if context.failed_polls >= OUTAGE => 1,
        // One more try, because the fault may be momentary; a changed report is not corrected
        // within minutes.
        ApiError::Contradicts { .. } => 2,
        _ => TRIES,
    };
    match context.failures < tries {
        true => RetryDecision::Retry(named),
        false => RetryDecision::NextPoll,
    }
}

/// Returns the waits after the server named one that is longer than the interval.
fn named_hold(wait: Duration, context: RetryContext<'_>) -> HoldWaits {
    HoldWaits {
        first: context.interval,
        longest: context.interval,
        named: Some(wait),
        no_longer: None,
        spread: false,
    }
}

/// Returns the waits after the server refused the token or the report.
fn token_hold(context: RetryContext<'_>) -> HoldWaits {
    HoldWaits {
        first: context.interval.saturating_mul(2),
        longest: LONGEST_WAIT,
        named: None,
        no_longer: None,
        spread: false,
    }
}

/// Returns the waits before the vendor is asked again whether the day's requests are still spent:
/// minutes at first, because its day may begin a little later than ours, then an hour, but never
/// long after the server's midnight.
fn quota_hold(context: RetryContext<'_>) -> HoldWaits {
    let first = FIRST_QUOTA_HOLD.max(context.interval);
    let until_midnight = quota::next_day(context.now, context.zone)
        .and_then(|midnight| Duration::try_from(midnight.duration_since(context.now)).ok());
    let no_longer = until_midnight.map(|wait| wait + Duration::from_secs(5));
    HoldWaits { first, longest: LONGEST_WAIT, named: None, no_longer, spread: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(zone: &TimeZone) -> RetryContext<'_> {
        RetryContext {
            now: "2026-01-18T20:00:00Z".parse().unwrap(),
            zone,
            interval: Duration::from_secs(300),
            failures: 1,
            failed_polls: 0,
        }
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again_in_the_poll_but_not_in_an_outage() {
        let zone = TimeZone::UTC;
        for (error, tries) in [
            (ApiError::Connect(String::new()), [5, 5, 1, 1]),
            (ApiError::Timeout(Duration::ZERO), [5, 1, 1, 1]),
            (ApiError::Http5xx(503), [5, 5, 1, 1]),
            (ApiError::Concurrency, [5, 5, 1, 1]),
            (ApiError::Throttled(None), [5, 5, 1, 1]),
            (ApiError::NotJson(String::new()), [5, 5, 1, 1]),
            (ApiError::Contradicts { known: 20, held: 0 }, [2, 2, 1, 1]),
            (ApiError::Maintenance(String::new()), [1, 1, 1, 1]),
            (ApiError::Tls(String::new()), [1, 1, 1, 1]),
            (ApiError::Redirected(302), [1, 1, 1, 1]),
            (ApiError::OutsideRange { rows: 3 }, [1, 1, 1, 1]),
            (ApiError::Internal(String::new()), [1, 1, 1, 1]),
        ] {
            for (failed_polls, tries) in [0, 1, 2, 200].into_iter().zip(tries) {
                let asked = (1..=TRIES).find(|failures| {
                    let context =
                        RetryContext { failures: *failures, failed_polls, ..context(&zone) };
                    decide(&error, context) == RetryDecision::NextPoll
                });
                assert_eq!(asked, Some(tries), "{error} after {failed_polls} failed polls");
            }
        }
    }

    #[test]
    fn a_wait_that_the_server_names_is_kept_within_the_poll_or_holds_the_next_ones() {
        let zone = TimeZone::UTC;
        for seconds in [30, 600, 86_400, u64::MAX] {
            let wait = Duration::from_secs(seconds);
            for error in [ApiError::Throttled(Some(wait)), ApiError::Busy(wait)] {
                match decide(&error, context(&zone)) {
                    RetryDecision::Retry(named) => assert_eq!((named, seconds), (Some(wait), 30)),
                    RetryDecision::Hold(waits) => assert_eq!(waits.named, Some(wait)),
                    RetryDecision::NextPoll => panic!("{error}"),
                }
            }
        }
    }

    #[test]
    fn a_refused_token_and_a_spent_quota_hold_live_polls() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let hold = |error: ApiError, now: &str| {
            let context = RetryContext { now: now.parse().unwrap(), ..context(&zone) };
            match decide(&error, context) {
                RetryDecision::Hold(waits) => waits,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            hold(ApiError::TokenInvalid, "2026-01-18T20:00:00Z").first,
            Duration::from_secs(600)
        );
        let quota = hold(ApiError::QuotaExhausted, "2026-01-18T20:00:00Z");
        assert_eq!((quota.first, quota.longest), (FIRST_QUOTA_HOLD, LONGEST_WAIT));
        // Shortly before the server's midnight the wait ends just after it.
        let quota = hold(ApiError::QuotaExhausted, "2026-01-19T04:58:00Z");
        assert_eq!(quota.no_longer, Some(Duration::from_secs(125)));
    }
}
