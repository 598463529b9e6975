//! The re-reading for rows that come later than the lookback: worked on in the time that live polls leave.
//!
//! Live reading comes first, always. How far a re-reading has come is committed with its rows, so that nothing begins
//! again after a failure or a restart; each target has its own minute of the hour. Its failure is not the poll's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{
    CycleError, Poller, Source,
    commit::REREAD_ROOM,
    range_reader::{Progress, RangeReader, ReadRequest},
};
use crate::{
    ledger::ReadCursor,
    schedule::{self, Tier, quota::Purpose, same_hour},
    wolkvox::{ApiError, ErrorClass},
};

const HOUR: Duration = Duration::from_secs(3600);
/// After a failure, and twice as long after each more,
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// but never longer: the live polls tell of the trouble anyway.
const LONGEST_WAIT: Duration = Duration::from_secs(900);

/// What there is to know about it beside what is committed.
#[derive(Debug)]
pub(super) struct DeepRead {
    reader: RangeReader,
    /// After a failure: nothing before.
    after: Instant,
    failures: u32,
    failure: Option<ErrorClass>,
    /// When this process last began one, or itself: an hour is an hour, whatever is done to the wall clock.
    begun: Instant,
    /// How long the last step took.
    took: Duration,
    /// By so much later than the clock's begin this target's hour and night: not all at once.
    offset: SignedDuration,
}

impl DeepRead {
    pub(super) fn new(target: &str) -> Self {
        let offset = HOUR.mul_f64(schedule::spread(target, 1) * 0.9);
        Self {
            reader: RangeReader::default(),
            after: Instant::now(),
            failures: 0,
            failure: None,
            begun: Instant::now(),
            took: Duration::ZERO,
            offset: SignedDuration::try_from(offset).unwrap_or_default(),
        }
    }

    pub(super) fn reader(&mut self) -> &mut RangeReader {
        &mut self.reader
    }

    /// What stopped it last, if it has not gone on since.
    pub(super) fn failure(&self) -> Option<ErrorClass> {
        self.failure
    }

    fn failed(&mut self, fault: &ApiError) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(10)).min(LONGEST_WAIT);
        let named = fault.named_wait().unwrap_or_default();
        self.after = Instant::now() + wait.max(named);
        self.failures += 1;
        self.failure = Some(fault.class());
    }

    fn went_on(&mut self) {
        self.failures = 0;
        self.failure = None;
    }
}

impl<S: Source> Poller<S> {
    /// The re-readings that are under way.
    pub(super) fn deep_reads(&self) -> impl Iterator<Item = (Tier, ReadCursor)> {
        let (totals, tiers) = (self.books.totals(), self.settings.tiers);
        let under_way = [(Tier::Hourly, totals.hourly_read), (Tier::Nightly, totals.nightly_read)];
        under_way
            .into_iter()
            // One that is switched off in the meantime is not gone on with.
            .filter(move |(tier, _)| !tiers.depth(*tier).is_zero())
            .filter_map(|(tier, cursor)| Some((tier, cursor?)))
    }

    /// Reads deeper until the next poll is due; whether anything was committed. One step is made in any case, so that a
    /// server on which live polls never leave time is read deeper all the same. `Err` only when it is time to end.
    pub(super) async fn read_deeper(&mut self, due: Timestamp) -> Result<bool, CycleError> {
        self.deep.reader.begin();
        let (mut first, mut committed) = (true, false);
        while Instant::now() >= self.deep.after {
            let Some((tier, cursor)) = self.next_deep_read() else { break };
            let left = Duration::try_from(due.duration_since((self.clock)())).unwrap_or_default();
            if !std::mem::take(&mut first) && self.deep.took >= left {
                break;
            }
            let started = Instant::now();
            if cursor.next == cursor.from {
                self.deep.begun = started;
            }
            let step = self.deep_step(tier, cursor).await;
            self.deep.took = started.elapsed();
            match step {
                Ok(moved) => committed |= moved,
                Err(CycleError::Shutdown) => return Err(CycleError::Shutdown),
                Err(CycleError::Api(fault)) => self.deep_failed(tier, &fault),
            }
            self.show_deep_reads();
        }
        Ok(committed)
    }

    /// One step of a re-reading; whether it was committed.
    async fn deep_step(&mut self, tier: Tier, cursor: ReadCursor) -> Result<bool, CycleError> {
        let moment = |second| Timestamp::from_second(second).unwrap_or_default();
        let request =
            ReadRequest { purpose: Purpose::Background, end: moment(cursor.end), deep: Some((tier, cursor)) };
        match self.read_step(moment(cursor.next), &request, Purpose::Background).await? {
            Progress::Narrower => Ok(false),
            Progress::Stuck(fault) => Err(fault.into()),
            Progress::To(to) => {
                self.deep.went_on();
                if to >= request.end {
                    self.telemetry.deep_read(tier);
                    debug!(server = self.settings.name, tier = tier.as_str(), "read again");
                }
                Ok(true)
            }
        }
    }

    fn deep_failed(&mut self, tier: Tier, fault: &ApiError) {
        self.deep.failed(fault);
        self.telemetry.deep_read_failed(tier, fault.class());
        warn!(
            server = self.settings.name,
            class = fault.class().as_str(),
            tier = tier.as_str(),
            "reading again for late rows failed, going on later: {fault}"
        );
    }

    /// What to go on with, or to begin. The hour's is never kept waiting by a night's that takes longer, and is not
    /// begun in the hour in which the night's begins, which does its work.
    fn next_deep_read(&self) -> Option<(Tier, ReadCursor)> {
        let under_way = |tier| self.deep_reads().find(|(other, _)| *other == tier);
        if let Some(hourly) = under_way(Tier::Hourly) {
            return Some(self.clamped(hourly));
        }
        let now = self.own_time((self.clock)());
        let begun_this_hour = |cursor: ReadCursor| {
            Timestamp::from_second(cursor.began).is_ok_and(|began| same_hour(self.own_time(began), now))
        };
        match under_way(Tier::Nightly) {
            Some((_, cursor)) if self.is_due(Tier::Hourly) && !begun_this_hour(cursor) => {
                self.begun(Tier::Hourly)
            }
            Some(nightly) => Some(self.clamped(nightly)),
            None if self.is_due(Tier::Nightly) => self.begun(Tier::Nightly),
            None if self.is_due(Tier::Hourly) => self.begun(Tier::Hourly),
            None => None,
        }
    }

    fn is_due(&self, tier: Tier) -> bool {
        let (totals, tiers) = (self.books.totals(), self.settings.tiers);
        let last = match tier {
            Tier::Hourly => totals.hourly_at(),
            Tier::Nightly => totals.nightly_at(),
        };
        let now = self.own_time((self.clock)());
        let overdue = tier == Tier::Hourly && !tiers.hourly.is_zero() && self.deep.begun.elapsed() >= HOUR;
        overdue || tiers.is_due(tier, now, &self.settings.zone, self.own_time(last))
    }

    /// A clock that is behind by this target's share of an hour.
    fn own_time(&self, moment: Timestamp) -> Timestamp {
        moment.saturating_sub(self.deep.offset).unwrap_or(moment)
    }

    /// A re-reading that begins now, and reaches as deep as if it had begun in time; `None` where all that is ours was just
    /// read: a request for nothing would cost one all the same.
    fn begun(&self, tier: Tier) -> Option<(Tier, ReadCursor)> {
        let (totals, now) = (self.books.totals(), (self.clock)());
        let (last, every) = match tier {
            Tier::Hourly => (totals.hourly_at(), HOUR),
            Tier::Nightly => (totals.nightly_at(), HOUR * 24),
        };
        // It begins with a poll, so a window later is in time.
        let in_time = every + self.settings.cadence.interval;
        let late = Duration::try_from(now.duration_since(last)).unwrap_or_default().saturating_sub(in_time);
        let end = self.before_watermark(self.settings.lookback).max(totals.origin().as_second());
        let depth = self.settings.tiers.depth(tier) + late.min(REREAD_ROOM);
        let from = self.before_watermark(depth).max(totals.origin().as_second());
        let cursor = ReadCursor { began: now.as_second(), from, next: from, end };
        (from < end).then_some((tier, cursor))
    }

    /// Without what is no longer remembered, should it have taken days.
    fn clamped(&self, (tier, cursor): (Tier, ReadCursor)) -> (Tier, ReadCursor) {
        let oldest = self.before_watermark(self.settings.deepest() + REREAD_ROOM);
        let next = cursor.next.max(oldest).min(cursor.end - 1);
        (tier, ReadCursor { next, ..cursor })
    }

    /// Unix seconds.
    fn before_watermark(&self, age: Duration) -> i64 {
        let watermark = self.books.totals().watermark;
        watermark.saturating_sub(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
    }

    /// Tells telemetry how much is left, and when the last that ended had begun.
    pub(super) fn show_deep_reads(&self) {
        let totals = self.books.totals();
        for (tier, began) in [(Tier::Hourly, totals.hourly_at), (Tier::Nightly, totals.nightly_at)] {
            if self.settings.tiers.depth(tier).is_zero() {
                continue;
            }
            let under_way = self.deep_reads().find(|(other, _)| *other == tier);
            let left = under_way.map_or(0, |(_, cursor)| cursor.end - cursor.next);
            self.telemetry.deep_read_state(tier, left, began);
        }
    }
}
