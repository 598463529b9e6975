//! The requests that may still be sent today, by their purpose.
//!
//! The vendor counts requests per operation and day, and answers none beyond its limit. Pure:
//! `store` keeps the count, and writes a request down before it is sent, so that no crash hides
//! one.

use std::time::Duration;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Requests a day that the vendor allows for each licence.
pub const REQUESTS_PER_LICENCE: u64 = 1000;

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The newest window, with its lookback.
    Live,
    /// Catching up after a gap, and requesting the limit. It leaves the requests that live polls
    /// will need until midnight.
    CatchUp,
    /// Re-reading, the weeks before, names. It leaves the same requests, and where the limit is
    /// unknown it assumes the lowest one that the vendor documents.
    Background,
}

/// The day whose requests the vendor is counting, by the server's clock.
pub fn day(now: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(now).date()
}

/// Returns the server's next midnight, when the vendor's count restarts. `None` only at the end of
/// time.
pub fn next_day(now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let midnight = day(now, zone).tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    Some(midnight.timestamp())
}

/// Returns true if one more request may be sent after `used` requests on the server's day of `now`.
pub fn allows(
    purpose: Purpose,
    limit: Option<u64>,
    used: u64,
    now: Timestamp,
    zone: &TimeZone,
    interval: Duration,
) -> bool {
    let Some(limit) = limit else { return true };
    let reserve = match purpose {
        Purpose::Live => 0,
        // One request a poll, and a quarter more for retries.
        Purpose::CatchUp | Purpose::Background => polls_left(now, zone, interval) * 5 / 4,
    };
    used + reserve < limit
}

fn polls_left(now: Timestamp, zone: &TimeZone, interval: Duration) -> u64 {
    let left =
        next_day(now, zone).map_or(86_400, |midnight| midnight.duration_since(now).as_secs());
    u64::try_from(left).unwrap_or(0) / interval.as_secs().max(1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_polls_have_what_is_left_and_the_background_leaves_them_enough() {
        let bogota = TimeZone::get("America/Bogota").unwrap();
        let allowed = |purpose, limit, used, now: &str| {
            allows(purpose, limit, used, now.parse().unwrap(), &bogota, Duration::from_secs(300))
        };
        // 19:00 in Bogotá: five hours, 61 polls, 76 requests in reserve.
        let evening = "2026-01-19T00:00:00Z";
        for (limit, used, live, background) in [
            (None, u64::MAX, true, true),
            (Some(1000), 0, true, true),
            (Some(1000), 923, true, true),
            (Some(1000), 924, true, false),
            (Some(1000), 999, true, false),
            (Some(1000), 1000, false, false),
            (Some(1000), 1500, false, false),
        ] {
            assert_eq!(allowed(Purpose::Live, limit, used, evening), live, "{limit:?} {used}");
            assert_eq!(
                allowed(Purpose::Background, limit, used, evening),
                background,
                "{limit:?} {used}"
            );
        }
        // Two minutes before midnight hardly anything is needed any more.
        assert!(allowed(Purpose::Background, Some(1000), 998, "2026-01-19T04:58:00Z"));
        assert_eq!(day(evening.parse().unwrap(), &bogota), jiff::civil::date(2026, 1, 18));
    }
}
