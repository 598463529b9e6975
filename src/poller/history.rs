//! What the status page is told at a publication: the committed totals, and the course of the last polls.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Poller, Source, blocking};
use crate::{
    ledger::{RecentHours, TargetCounters, oldest},
    schedule::{self, local_seconds},
    status::{Day, POLLS, PollOutcome, PollRecord, QuotaUse, TargetStatus, newest_hour},
    store::{Store, StoreError, TargetId},
    wolkvox::ErrorClass,
};

/// How the last polls of this process went.
#[derive(Debug, Default)]
pub(super) struct PollHistory {
    polls: VecDeque<PollRecord>,
    /// When the first of the polls that failed in a row ended.
    failing_since: Option<Timestamp>,
}

impl PollHistory {
    /// A poll that began at `at` has ended.
    pub(super) fn polled(
        &mut self,
        at: Timestamp,
        took: Duration,
        failure: Option<ErrorClass>,
        now: Timestamp,
    ) {
        if self.polls.len() == POLLS {
            self.polls.pop_front();
        }
        self.polls.push_back(PollRecord { at, took, failure });
        self.failing_since = failure.and(self.failing_since.or(Some(now)));
    }
}

impl<S: Source> Poller<S> {
    /// Whether the last poll was read and committed.
    pub(super) fn is_up(&self) -> bool {
        self.polled && self.fault.is_none()
    }

    /// So many requests have been sent on the server's `day`.
    pub(super) fn spent(&mut self, day: Date, used: u64) {
        self.quota_used = (day, used);
        self.telemetry.quota(used, self.quota);
    }

    /// All but the last day, which takes longer and is made elsewhere.
    pub(super) fn status(&self) -> TargetStatus {
        let (totals, cadence, now) = (&self.account.totals, self.settings.cadence, (self.clock)());
        let next = cadence.due_after(cadence.last_closed(now));
        let (day, used) = self.quota_used;
        TargetStatus {
            name: self.settings.name.clone(),
            zone: self.settings.zone.clone(),
            outcome: match &self.fault {
                Some(fault) => PollOutcome::Failed {
                    fault: fault.clone(),
                    since: self.history.failing_since.unwrap_or(now),
                },
                None if self.polled => PollOutcome::Committed,
                None => PollOutcome::Waiting,
            },
            usual_lag: cadence.interval + cadence.settle_delay + cadence.jitter,
            next_poll: self.gate.as_ref().map_or(next, |gate| gate.until.max(next)),
            watermark: (totals.watermark > totals.origin).then(|| totals.watermark()),
            last_row: totals.last_row.and_then(|local| schedule::instant(local, &self.settings.zone)),
            quota: QuotaUse { day, used, limit: self.quota },
            polls: self.history.polls.iter().cloned().collect(),
            day: Day::default(),
        }
    }
}

/// The hits of the last day, as far as the rows are remembered.
pub(super) async fn recent_hours(
    store: Arc<Store>,
    id: TargetId,
    account: &TargetCounters,
    zone: &TimeZone,
) -> Result<RecentHours, StoreError> {
    let local = |moment| local_seconds(zone.to_datetime(moment));
    let totals = &account.totals;
    let known_from = local(totals.origin()).max(totals.horizon);
    let from = known_from.max(oldest(newest_hour(local(totals.watermark()))) * 3600);
    let remembered = blocking(move || store.transact(|tx| tx.hourly(id, from, i64::MAX))).await?;
    Ok(RecentHours::new(known_from, account, &remembered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_lasts_from_its_first_poll_and_old_polls_are_forgotten() {
        let mut history = PollHistory::default();
        let at = |second| Timestamp::from_second(second).expect("a moment");
        let second = Duration::from_secs(1);
        let mut poll = |at: Timestamp, failure| {
            history.polled(at, second, failure, at + second);
            (history.failing_since, history.polls.len())
        };
        assert_eq!(poll(at(0), None), (None, 1));
        assert_eq!(poll(at(10), Some(ErrorClass::Connect)), (Some(at(11)), 2));
        assert_eq!(poll(at(20), Some(ErrorClass::Timeout)), (Some(at(11)), 3));
        assert_eq!(poll(at(30), None), (None, 4));
        for turn in 4..40 {
            poll(at(turn * 10), None);
        }
        assert_eq!((history.polls.len(), history.polls[0].at), (POLLS, at(160)));
    }
}
