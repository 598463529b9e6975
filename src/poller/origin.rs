//! The origin of a target of which nothing has been read: it is final only once our clock and the
//! server's agree.
//!
//! A machine may start with a clock that is years behind. An origin by that clock would count years
//! of old rows, and one by a clock that is ahead would ignore new ones. This must never move an
//! origin from which anything has been counted. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::PollerConfig;
use crate::{ledger::Totals, wolkvox::ApiError};

/// Difference up to which the stored origin is kept.
const CLOSE: Duration = Duration::from_secs(60);

/// Returns the configured time between the origin and now, while the origin may still change: it
/// depends on a clock, and nothing has been read.
fn undecided(totals: &Totals, config: &PollerConfig) -> Option<Duration> {
    config.start_ago.filter(|_| totals.watermark <= totals.origin && totals.new == 0)
}

/// Returns the origin to store at `now`, if a wrong clock may have made the stored one and it is
/// more than [`CLOSE`] off: at the start of a process or after the clocks disagreed (`doubted`),
/// and when the stored one is too late.
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

/// Fails if counting would begin with this answer and our clock differs too much from the server's.
/// An answer without a time passes.
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
