//! The results of a target's last polls in this process.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;

use super::zone_check::ZoneCheck;
use crate::{
    status::{POLLS, PollOutcome, PollRecord},
    wolkvox::{ApiError, ErrorClass},
};

/// The results of this process's last polls. Only live polls count, not re-readings.
#[derive(Debug, Default)]
pub(super) struct Health {
    polls: VecDeque<PollRecord>,
    /// End of the first of the consecutive failed polls; `None` if the last poll succeeded.
    failing_since: Option<Timestamp>,
    /// The error of the last poll; `None` if it succeeded, and before the first one.
    pub(super) fault: Option<ApiError>,
    /// True once a poll has ended, or the last window was restored.
    pub(super) polled: bool,
    /// The comparison of the dates of calls with the configured time zone.
    pub(super) zone: ZoneCheck,
}

impl Health {
    /// Returns true if the last poll was read and committed.
    pub(super) fn is_up(&self) -> bool {
        self.polled && self.fault.is_none()
    }

    /// Returns the outcome of the last poll, for the status page.
    pub(super) fn outcome(&self, now: Timestamp) -> PollOutcome {
        match &self.fault {
            Some(fault) => PollOutcome::Failed {
                fault: fault.clone(),
                since: self.failing_since.unwrap_or(now),
            },
            None if self.polled => PollOutcome::Committed,
            None => PollOutcome::Waiting,
        }
    }

    /// Returns the last polls, oldest first.
    pub(super) fn polls(&self) -> Vec<PollRecord> {
        self.polls.iter().cloned().collect()
    }

    /// Records the end, at `now`, of a poll that began at `at`. The caller sets [`Health::fault`].
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
        self.polled = true;
        self.failing_since = failure.and(self.failing_since.or(Some(now)));
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
