//! What to do after a request failed. Pure: the table of the API's errors as decisions.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::{schedule::quota, wolkvox::ApiError};

/// The next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDecision {
    /// Ask again in this cycle, after a wait.
    Retry(Duration),
    /// Give this cycle up; the next one asks as usual.
    NextCycle,
    /// Ask nothing before this moment (or until the token's file changes, where the fault is the token's).
    HoldOff(Timestamp),
}

/// Requests that may fail one after the other in one cycle.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const FIRST_QUOTA_HOLD_OFF: Duration = Duration::from_secs(300);
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(3600);

/// What a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct RetryContext<'a> {
    /// Our clock.
    pub now: Timestamp,
    /// The server's zone: its day is the quota's day.
    pub zone: &'a TimeZone,
    /// Length of a cycle.
    pub interval: Duration,
    /// Failures in this cycle since the last success, this one included.
    pub failures: u32,
    /// Cycles in a row that ended in holding off.
    pub held_off: u32,
    /// In 0..1; spreads the waits of several exporters.
    pub dice: f64,
}

/// Decides.
pub fn decide(fault: &ApiError, at: RetryContext<'_>) -> RetryDecision {
    let retry = |least: Duration| {
        if at.failures >= TRIES {
            return RetryDecision::NextCycle;
        }
        let wait = FIRST_WAIT.saturating_mul(1 << (at.failures.max(1) - 1).min(10)).min(LONGEST_WAIT);
        RetryDecision::Retry(wait.mul_f64(0.5 + at.dice / 2.0).max(least))
    };
    match fault {
        ApiError::Connect(_)
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
        | ApiError::TooFewRows { .. } => retry(Duration::ZERO),
        // Where it names a wait longer than a cycle, the hold-off keeps the next cycles quiet too.
        ApiError::Throttled(Some(wait)) | ApiError::Busy(wait) if *wait > at.interval => {
            RetryDecision::HoldOff(later(at.now, (*wait).min(24 * LONGEST_HOLD_OFF)))
        }
        ApiError::Throttled(wait) => retry(wait.unwrap_or_default()),
        ApiError::Busy(wait) => retry(*wait),
        // Once more, for it may be a moment's; what is wrong with a report is not mended within minutes.
        ApiError::Contradicts { .. } if at.failures < 2 => retry(Duration::ZERO),
        // Nothing that a second try within minutes would change; each try costs quota.
        ApiError::TokenMissing | ApiError::TokenInvalid | ApiError::UnknownReport(_) => {
            let wait = at.interval.saturating_mul(2 << at.held_off.min(10)).min(LONGEST_HOLD_OFF);
            RetryDecision::HoldOff(later(at.now, wait.max(at.interval)))
        }
        ApiError::QuotaExhausted => RetryDecision::HoldOff(quota_hold_off(at)),
        ApiError::Tls(_)
        | ApiError::Redirected(_)
        | ApiError::Refused { .. }
        | ApiError::Forbidden
        | ApiError::ForeignNotFound
        | ApiError::BadHead(_)
        | ApiError::ContentEncoding(_)
        | ApiError::RowsRejected { .. }
        | ApiError::TokenUnreadable(_)
        | ApiError::QuotaReserved
        | ApiError::Maintenance(_)
        | ApiError::Schema(_)
        | ApiError::NotEmpty(_)
        | ApiError::Contradicts { .. }
        | ApiError::TooLarge(_)
        | ApiError::ClocksDisagree { .. }
        | ApiError::Internal(_) => RetryDecision::NextCycle,
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// Until the vendor is asked again whether the day's requests are still spent: within minutes at first, for his day may
/// begin a little later than ours, then once an hour; and shortly after the server's midnight in any case.
fn quota_hold_off(at: RetryContext<'_>) -> Timestamp {
    let wait = FIRST_QUOTA_HOLD_OFF.saturating_mul(1 << at.held_off.min(10)).min(LONGEST_HOLD_OFF);
    let wait = later(at.now, wait.max(at.interval));
    let spread = Duration::from_secs(5).mul_f64(1.0 + at.dice * 11.0);
    quota::next_day(at.now, at.zone).map_or(wait, |midnight| wait.min(later(midnight, spread)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn situation(zone: &TimeZone) -> RetryContext<'_> {
        RetryContext {
            now: "2026-01-18T20:00:00Z".parse().unwrap(),
            zone,
            interval: Duration::from_secs(300),
            failures: 1,
            held_off: 0,
            dice: 0.0,
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_with_growing_waits_and_then_left() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        for fault in [
            ApiError::Connect(String::new()),
            ApiError::Timeout(Duration::ZERO),
            ApiError::Http5xx(503),
            ApiError::Concurrency,
            ApiError::Throttled(None),
            ApiError::NotJson(String::new()),
        ] {
            let waits: Vec<_> = (1..=5)
                .map(|failures| decide(&fault, RetryContext { failures, ..situation(&zone) }))
                .collect();
            let retry = |seconds| RetryDecision::Retry(Duration::from_secs(seconds));
            assert_eq!(waits, [retry(1), retry(2), retry(4), retry(8), RetryDecision::NextCycle], "{fault}");
        }
        let most = decide(&ApiError::Http5xx(500), RetryContext { dice: 1.0, ..situation(&zone) });
        assert_eq!(most, RetryDecision::Retry(Duration::from_secs(2)));
    }

    #[test]
    fn a_server_that_names_a_wait_gets_it() {
        let zone = TimeZone::UTC;
        let wait =
            |seconds| decide(&ApiError::Throttled(Some(Duration::from_secs(seconds))), situation(&zone));
        assert_eq!(wait(30), RetryDecision::Retry(Duration::from_secs(30)));
        assert_eq!(wait(600), RetryDecision::HoldOff("2026-01-18T20:10:00Z".parse().unwrap()));
        assert_eq!(wait(u64::MAX), RetryDecision::HoldOff("2026-01-19T20:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_refused_token_is_tried_ever_more_rarely() {
        let zone = TimeZone::UTC;
        let minutes: Vec<_> = (0..6)
            .map(|held_off| {
                match decide(&ApiError::TokenInvalid, RetryContext { held_off, ..situation(&zone) }) {
                    RetryDecision::HoldOff(until) => until.duration_since(situation(&zone).now).as_mins(),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        assert_eq!(minutes, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn a_spent_quota_is_asked_about_within_minutes_and_then_hourly() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let held = |now: &str, held_off| {
            let now = now.parse().unwrap();
            match decide(&ApiError::QuotaExhausted, RetryContext { now, held_off, ..situation(&zone) }) {
                RetryDecision::HoldOff(until) => until.duration_since(now).as_secs(),
                other => panic!("{other:?}"),
            }
        };
        let minutes: Vec<_> = (0..6).map(|times| held("2026-01-18T20:00:00Z", times) / 60).collect();
        assert_eq!(minutes, [5, 10, 20, 40, 60, 60]);
        // Refused seconds after our midnight: his is a little later. Shortly before it: asked just after it.
        assert_eq!(held("2026-01-19T05:00:31Z", 9), 3600);
        assert_eq!(held("2026-01-19T05:00:31Z", 0), 300);
        assert_eq!(held("2026-01-19T04:58:00Z", 9), 125);
    }

    #[test]
    fn what_another_try_cannot_mend_waits_for_the_next_cycle() {
        for fault in [
            ApiError::Maintenance(String::new()),
            ApiError::Tls(String::new()),
            ApiError::Redirected(302),
            ApiError::Refused { status: 418, message: String::new() },
            ApiError::Internal(String::new()),
            ApiError::Schema(String::new()),
        ] {
            assert_eq!(decide(&fault, situation(&TimeZone::UTC)), RetryDecision::NextCycle, "{fault}");
        }
    }
}
