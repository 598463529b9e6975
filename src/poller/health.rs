//! How a target is: the course of its last polls, and what the status page is told at a publication.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use super::{Poller, Source, unread::UnreadRows};
use crate::{
    schedule,
    status::{Day, DeepReadStatus, POLLS, PollOutcome, PollRecord, TargetStatus, UsualStatus},
    wolkvox::{ApiError, ErrorClass},
};

/// How the last polls of this process went. Only live reading counts, not what is read again deeper.
#[derive(Debug, Default)]
pub(super) struct Health {
    polls: VecDeque<PollRecord>,
    /// When the first of the polls that failed in a row ended.
    failing_since: Option<Timestamp>,
    /// Why the last poll did not commit; `None` at the start too.
    pub(super) fault: Option<ApiError>,
    /// Whether one has ended.
    pub(super) polled: bool,
    /// Rows that nobody could read.
    pub(super) unread: UnreadRows,
}

impl Health {
    /// Whether the last poll was read and committed.
    pub(super) fn is_up(&self) -> bool {
        self.polled && self.fault.is_none()
    }

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
    /// All but the last day and what is unlike the usual, which take longer and are made elsewhere.
    pub(super) fn status(&self) -> TargetStatus {
        let (totals, cadence, now) = (self.books.totals(), self.settings.cadence, (self.clock)());
        let next = cadence.due_after(cadence.last_closed(now));
        TargetStatus {
            name: self.settings.name.clone(),
            zone: self.settings.zone.clone(),
            outcome: match &self.health.fault {
                Some(fault) => PollOutcome::Failed {
                    fault: fault.clone(),
                    since: self.health.failing_since.unwrap_or(now),
                },
                None if self.health.polled => PollOutcome::Committed,
                None => PollOutcome::Waiting,
            },
            usual_lag: cadence.interval + cadence.settle_delay + cadence.jitter,
            next_poll: self.backoff.until().map_or(next, |until| until.max(next)),
            watermark: (totals.watermark > totals.origin).then(|| totals.watermark()),
            last_row: totals.last_row.and_then(|local| schedule::instant(local, &self.settings.zone)),
            quota: self.quota.status(),
            deep_reads: self
                .deep_reads()
                .map(|(tier, cursor)| DeepReadStatus {
                    tier,
                    depth: self.settings.tiers.depth(tier),
                    progress: cursor.progress(),
                    failure: self.deep.failure(),
                })
                .collect(),
            polls: self.health.polls.iter().cloned().collect(),
            unread: self.health.unread.last(),
            day: Day::default(),
            usual: UsualStatus {
                history: Duration::from_secs(self.history_seconds().unsigned_abs()),
                warm_up: self.warm_up_status(),
                deviations: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_lasts_from_its_first_poll_and_old_polls_are_forgotten() {
        let mut history = Health::default();
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
