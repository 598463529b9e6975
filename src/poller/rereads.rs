//! Decides when the deeper re-readings for late rows begin, and how far back each reaches. Pure.
//!
//! Owns the target's offset within the hour. The progress of a re-reading is in the committed
//! totals, so that it continues after a failure or a restart.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{PollerConfig, commit::REREAD_ROOM};
use crate::{
    ledger::{ReadCursor, Totals},
    schedule::{self, Tier, same_hour},
};

const HOUR: Duration = Duration::from_secs(3600);

/// A re-reading in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reread {
    pub(super) tier: Tier,
    pub(super) cursor: ReadCursor,
    /// Seconds that are left out because the re-reading took so long that their rows are no longer
    /// remembered.
    pub(super) skipped: i64,
}

/// The schedule of one target's re-readings.
#[derive(Debug)]
pub(super) struct Rereads {
    /// Offset added to the hourly and nightly schedule, in whole seconds, so that targets do not
    /// all re-read at the same moment.
    offset: SignedDuration,
    /// Moment at which this process last began a re-reading, or started (monotonic, so that a clock
    /// change neither skips nor repeats one).
    begun: Instant,
}

impl Rereads {
    pub(super) fn new(target: &str, now: Instant) -> Self {
        let offset = HOUR.mul_f64(schedule::spread(target, 1) * 0.9).as_secs();
        Self { offset: SignedDuration::from_secs(i64::try_from(offset).unwrap_or(0)), begun: now }
    }

    /// Records the beginning of a step of a re-reading.
    pub(super) fn begin(&mut self, reread: &Reread, now: Instant) {
        if reread.cursor.next == reread.cursor.from {
            self.begun = now;
        }
    }

    /// Returns the re-reading to continue or to begin. An hourly one interrupts a nightly one that
    /// takes longer than the hour in which it began. In that hour none is begun, because the
    /// nightly one does its work.
    pub(super) fn next(
        &self,
        totals: &Totals,
        config: &PollerConfig,
        clock: Timestamp,
        now: Instant,
    ) -> Option<Reread> {
        let own_now = self.own_time(clock);
        let hourly_is_due = self.is_due(Tier::Hourly, totals, config, own_now, now);
        let due = match under_way(totals, config).next() {
            Some((Tier::Nightly, cursor))
                if hourly_is_due && !self.began_in_hour(cursor, own_now) =>
            {
                Tier::Hourly
            }
            Some((tier, cursor)) => return Some(clamped(tier, cursor, totals, config)),
            None if self.is_due(Tier::Nightly, totals, config, own_now, now) => Tier::Nightly,
            None if hourly_is_due => Tier::Hourly,
            None => return None,
        };
        begun(due, totals, config, clock)
    }

    fn began_in_hour(&self, cursor: ReadCursor, own_time: Timestamp) -> bool {
        let began = Timestamp::from_second(cursor.began);
        began.is_ok_and(|began| same_hour(self.own_time(began), own_time))
    }

    fn is_due(
        &self,
        tier: Tier,
        totals: &Totals,
        config: &PollerConfig,
        own_now: Timestamp,
        now: Instant,
    ) -> bool {
        let last = match tier {
            Tier::Hourly => totals.hourly_at(),
            Tier::Nightly => totals.nightly_at(),
        };
        let tiers = config.shared.poll.tiers();
        let is_overdue = tier == Tier::Hourly
            && !tiers.hourly.is_zero()
            && now.duration_since(self.begun) >= HOUR;
        is_overdue || tiers.is_due(tier, own_now, &config.target.timezone, self.own_time(last))
    }

    /// Returns `moment` minus the target's offset.
    fn own_time(&self, moment: Timestamp) -> Timestamp {
        moment.saturating_sub(self.offset).unwrap_or(moment)
    }
}

/// Returns the re-readings in progress, the hourly one first. One that was switched off in the
/// meantime is not continued.
pub(super) fn under_way(
    totals: &Totals,
    config: &PollerConfig,
) -> impl Iterator<Item = (Tier, ReadCursor)> + use<> {
    let tiers = config.shared.poll.tiers();
    [(Tier::Hourly, totals.hourly_read), (Tier::Nightly, totals.nightly_read)]
        .into_iter()
        .filter(move |(tier, _)| !tiers.depth(*tier).is_zero())
        .filter_map(|(tier, cursor)| Some((tier, cursor?)))
}

/// Begins a re-reading that reaches as far back as if it had begun in time; `None` if its range is
/// empty, since an empty request counts against the quota too.
fn begun(tier: Tier, totals: &Totals, config: &PollerConfig, clock: Timestamp) -> Option<Reread> {
    let (last, every) = match tier {
        Tier::Hourly => (totals.hourly_at(), HOUR),
        Tier::Nightly => (totals.nightly_at(), HOUR * 24),
    };
    // It begins after a poll, so one window later is still in time.
    let in_time = every + config.cadence.interval;
    let late =
        Duration::try_from(clock.duration_since(last)).unwrap_or_default().saturating_sub(in_time);
    let end = before_watermark(totals, config.shared.poll.lookback).max(totals.origin);
    let depth = config.shared.poll.tiers().depth(tier) + late.min(REREAD_ROOM);
    let from = before_watermark(totals, depth).max(totals.origin);
    let cursor = ReadCursor { began: clock.as_second(), from, next: from, end };
    (from < end).then_some(Reread { tier, cursor, skipped: 0 })
}

/// Continues a re-reading without the part whose rows are no longer remembered, in case it takes
/// days.
fn clamped(tier: Tier, cursor: ReadCursor, totals: &Totals, config: &PollerConfig) -> Reread {
    let oldest = before_watermark(totals, config.shared.poll.deepest() + REREAD_ROOM);
    let next = cursor.next.max(oldest).min(cursor.end - 1);
    Reread { tier, cursor: ReadCursor { next, ..cursor }, skipped: (next - cursor.next).max(0) }
}

/// Returns the watermark minus `age`, in Unix seconds.
fn before_watermark(totals: &Totals, age: Duration) -> i64 {
    totals.watermark.saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
}
