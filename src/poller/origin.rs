//! Where counting begins, while nothing has been read: settled only once our clock and the server's
//! agree.
//!
//! A machine may start with a clock that is years behind, and what it takes for now would be years
//! of old rows, or a day in which nothing counts. It must never move an origin from which anything
//! has been counted. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::PollerConfig;
use crate::{ledger::Totals, wolkvox::ApiError};

/// Distance of origins below which the stored one is kept.
const CLOSE: Duration = Duration::from_secs(60);

/// Returns the time before now at which counting begins, while that may still change: it depends on
/// a clock, and nothing has been read.
fn undecided(totals: &Totals, config: &PollerConfig) -> Option<Duration> {
    config.start_ago.filter(|_| totals.watermark <= totals.origin && totals.new == 0)
}

/// The origin that a wrong clock has made and that is to be another at `now`: at the start of a
/// process, after the clocks disagreed (`doubted`), and when it lies in the future.
pub(super) fn to_settle(
    totals: &Totals,
    config: &PollerConfig,
    now: Timestamp,
    doubted: bool,
) -> Option<Timestamp> {
    let ago = undecided(totals, config)?;
    let wanted = now.saturating_sub(ago).unwrap_or(Timestamp::MIN);
    let origin = totals.origin();
    let is_far = origin.duration_since(wanted).unsigned_abs() > CLOSE;
    (is_far && (doubted || origin > wanted)).then_some(wanted)
}

/// Refuses an answer on which counting would begin by a clock that is wrong. A server that tells no
/// time is believed.
pub(super) fn check_clocks(
    totals: &Totals,
    config: &PollerConfig,
    ours: Timestamp,
    theirs: Option<Timestamp>,
) -> Result<(), ApiError> {
    let Some(theirs) = theirs.filter(|_| undecided(totals, config).is_some()) else {
        return Ok(());
    };
    if ours.duration_since(theirs).unsigned_abs() > config.shared.poll.max_clock_skew {
        return Err(ApiError::ClocksDisagree { ours, theirs });
    }
    Ok(())
}
