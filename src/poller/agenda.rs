//! Decides what is done next, and the moment before which it is not done. Pure: moments are
//! parameters.
//!
//! Owns the errands of one target beside its live polls, the failures of each, and the hold of live
//! polls after a refused token, a spent quota or a wait that the server named. Every wait after a
//! failure is a [`Backoff`], so none is longer than an hour.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    config::TokenVersion,
    model::NameKind,
    schedule::{backoff::Backoff, spread},
    wolkvox::{ApiError, ErrorClass, ReportName},
};

/// Wait after the first failed step of an errand that reads rows; doubled after each further
/// failure.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// Longest wait between failed steps of an errand that reads rows.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// Wait between requests for the quota, and after a failed request for the quota or names.
pub(super) const HOURLY: Duration = Duration::from_secs(3600);

/// Work beside the live polls, in the order of its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// Requesting the limit of requests per day.
    Quota,
    /// Requesting the names of one kind.
    Names(NameKind),
    /// A step of reading the outcomes of calls.
    Outcomes,
    /// A step of a deeper re-reading.
    Reread,
    /// A step of reading a report back through the weeks before.
    WeeksBefore(ReportName),
}

impl Errand {
    /// Returns the index of the errand in [`Agenda::slots`].
    fn slot(self) -> usize {
        match self {
            Self::Quota => 0,
            Self::Names(NameKind::RoutingPoints) => 1,
            Self::Names(NameKind::Options) => 2,
            Self::Outcomes => 3,
            Self::Reread => 4,
            Self::WeeksBefore(ReportName::Diagram13) => 5,
            Self::WeeksBefore(ReportName::Diagram1) => 6,
        }
    }
}

/// The waits of one errand.
#[derive(Debug)]
struct Slot {
    backoff: Backoff,
    /// Moment before which the errand is not done although nothing failed, because background
    /// requests are paced.
    paused_until: Option<Instant>,
    /// Duration of its last step.
    took: Duration,
    /// A step was done since the last poll.
    done_since_poll: bool,
    /// The class of the last step's failure; `None` after a success.
    failure: Option<ErrorClass>,
}

impl Slot {
    fn new(first: Duration, longest: Duration) -> Self {
        Self {
            backoff: Backoff::new(first, longest),
            paused_until: None,
            took: Duration::ZERO,
            done_since_poll: false,
            failure: None,
        }
    }

    /// Returns the moment before which the errand is not done.
    fn not_before(&self) -> Option<Instant> {
        self.backoff.not_before().max(self.paused_until)
    }
}

/// A wait during which live polls send no request.
#[derive(Debug)]
struct Hold {
    backoff: Backoff,
    error: ApiError,
    token: Option<TokenVersion>,
}

/// The decision whether a poll that begins now may send requests.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Live polls are not held.
    Free,
    /// The hold is over because the token was replaced.
    NewToken,
    /// The hold after this error is over: the poll is a probe.
    Probe(ApiError),
    /// The hold after this error is not over.
    Held(ApiError),
}

/// The agenda of one target's poller.
#[derive(Debug)]
pub(super) struct Agenda {
    target: String,
    hold: Option<Hold>,
    /// Consecutive failed live polls.
    failed_polls: u32,
    /// A live poll of this process has succeeded.
    has_polled: bool,
    slots: [Slot; 7],
    /// Number of jitters so far, so that each is different.
    turn: u64,
}

impl Agenda {
    pub(super) fn new(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            hold: None,
            failed_polls: 0,
            has_polled: false,
            slots: [
                Slot::new(HOURLY, HOURLY),
                Slot::new(HOURLY, HOURLY),
                Slot::new(HOURLY, HOURLY),
                Slot::new(FIRST_WAIT, LONGEST_WAIT),
                Slot::new(FIRST_WAIT, LONGEST_WAIT),
                Slot::new(FIRST_WAIT, LONGEST_WAIT),
                Slot::new(FIRST_WAIT, LONGEST_WAIT),
            ],
            turn: 0,
        }
    }

    fn slot(&mut self, errand: Errand) -> &mut Slot {
        &mut self.slots[errand.slot()]
    }

    /// Returns a number in 0..=1 that differs each time, but is the same in each run of a test.
    pub(super) fn jitter(&mut self) -> f64 {
        self.turn = self.turn.wrapping_add(1);
        spread(&self.target, self.turn)
    }

    /// Returns the first of the wanted errands that can be done now. A step whose last run took
    /// longer than the time `left` until the next poll is not begun, except once after each poll,
    /// so that a server on which polls leave no time is also read deeper.
    pub(super) fn next(&self, wanted: &[Errand], left: Duration, now: Instant) -> Option<Errand> {
        let ready = wanted.iter().find(|errand| {
            let slot = &self.slots[errand.slot()];
            let fits = !slot.done_since_poll || slot.took < left;
            fits && slot.not_before().is_none_or(|not_before| now >= not_before)
        });
        ready.copied()
    }

    /// Returns the earliest moment at which a wanted errand that waits can be done.
    pub(super) fn next_wake(&self, wanted: &[Errand], now: Instant) -> Option<Instant> {
        let waits = wanted.iter().filter_map(|errand| self.slots[errand.slot()].not_before());
        waits.filter(|not_before| *not_before > now).min()
    }

    /// Records a successful step of an errand. `pause` is the least time until its next step.
    pub(super) fn went_on(
        &mut self,
        errand: Errand,
        took: Duration,
        pause: Duration,
        now: Instant,
    ) {
        let slot = self.slot(errand);
        slot.backoff.succeeded();
        slot.failure = None;
        slot.took = took;
        slot.done_since_poll = true;
        slot.paused_until = now.checked_add(pause);
    }

    /// Records a failed step of an errand. A wait that the server named delays this errand only.
    pub(super) fn failed(
        &mut self,
        errand: Errand,
        took: Duration,
        error: &ApiError,
        now: Instant,
    ) {
        let jitter = self.jitter();
        let slot = self.slot(errand);
        slot.backoff.failed(now, jitter, error.named_wait());
        slot.failure = Some(error.class());
        slot.took = took;
        slot.done_since_poll = true;
    }

    /// Returns the number of consecutive failed steps of an errand.
    pub(super) fn failures(&self, errand: Errand) -> u32 {
        self.slots[errand.slot()].backoff.failures()
    }

    /// Returns the class of the failure of an errand's last step, if it failed.
    pub(super) fn failure(&self, errand: Errand) -> Option<ErrorClass> {
        self.slots[errand.slot()].failure
    }

    /// Decides whether a live poll may send requests.
    pub(super) fn pass(&mut self, token: Option<TokenVersion>, now: Instant) -> Passage {
        match &self.hold {
            None => Passage::Free,
            Some(hold) if hold.token != token => {
                self.hold = None;
                Passage::NewToken
            }
            Some(hold) if hold.backoff.is_over(now) => Passage::Probe(hold.error.clone()),
            Some(hold) => Passage::Held(hold.error.clone()),
        }
    }

    /// Holds live polls after `error`. The wait is `first` at first and doubles while errors of the
    /// same class follow; a wait that the server named replaces a shorter one; none is longer than
    /// `longest`, unless the server named it. Returns the wait.
    pub(super) fn hold(
        &mut self,
        error: ApiError,
        waits: HoldWaits,
        token: Option<TokenVersion>,
        now: Instant,
    ) -> Duration {
        let jitter = self.jitter();
        let before = self.hold.take().filter(|hold| hold.error.class() == error.class());
        let mut backoff =
            before.map_or_else(|| Backoff::new(waits.first, waits.longest), |hold| hold.backoff);
        let wait = backoff.failed(now, if waits.spread { jitter } else { 0.0 }, waits.named);
        let wait = backoff.shorten(now, waits.no_longer.map_or(wait, |limit| limit.min(wait)));
        self.hold = Some(Hold { backoff, error, token });
        wait
    }

    /// Returns the moment until which live polls are held.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.hold.as_ref().and_then(|hold| hold.backoff.not_before())
    }

    /// Returns true if live polls are held and the token has been replaced since.
    pub(super) fn has_new_token(&self, token: impl FnOnce() -> Option<TokenVersion>) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.token != token())
    }

    /// Returns true if live polls are held.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Returns true if a live poll of this process has succeeded. Until then the server may be
    /// another one than before.
    pub(super) fn has_polled(&self) -> bool {
        self.has_polled
    }

    /// Returns the number of consecutive failed live polls.
    pub(super) fn failed_polls(&self) -> u32 {
        self.failed_polls
    }

    /// Records the end of a live poll.
    pub(super) fn polled(&mut self, failed: bool) {
        self.failed_polls = if failed { self.failed_polls.saturating_add(1) } else { 0 };
        if !failed {
            self.hold = None;
            self.has_polled = true;
        }
        for slot in &mut self.slots {
            slot.done_since_poll = false;
        }
    }

    /// Ends every wait after a failure, at the operator's request.
    pub(super) fn probe(&mut self) {
        if let Some(hold) = &mut self.hold {
            hold.backoff.try_now();
        }
        for slot in &mut self.slots {
            slot.backoff.try_now();
        }
        self.failed_polls = 0;
    }
}

/// The waits of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HoldWaits {
    pub(super) first: Duration,
    pub(super) longest: Duration,
    /// The wait that the server named.
    pub(super) named: Option<Duration>,
    /// Upper bound of the wait, after which the reason of the hold may be over.
    pub(super) no_longer: Option<Duration>,
    /// The jitter shortens the wait.
    pub(super) spread: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: Errand = Errand::Names(NameKind::RoutingPoints);
    const OPTIONS: Errand = Errand::Names(NameKind::Options);
    const WEEKS: Errand = Errand::WeeksBefore(ReportName::Diagram13);
    const ALL: [Errand; 5] = [Errand::Quota, POINTS, OPTIONS, Errand::Reread, WEEKS];
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn errands_are_done_by_priority_and_only_while_there_is_time() {
        let now = Instant::now();
        let mut agenda = Agenda::new("0042");
        assert_eq!(agenda.next(&ALL, SECOND * 100, now), Some(Errand::Quota));
        agenda.went_on(Errand::Quota, SECOND, HOURLY, now);
        agenda.failed(POINTS, SECOND, &ApiError::Http5xx(500), now);
        assert_eq!(
            agenda.next(&ALL, SECOND * 100, now),
            Some(OPTIONS),
            "each kind of names waits by itself"
        );
        agenda.went_on(OPTIONS, SECOND, HOURLY, now);
        assert_eq!(agenda.next(&ALL, SECOND * 100, now), Some(Errand::Reread));
        agenda.went_on(Errand::Reread, SECOND * 20, Duration::ZERO, now);
        for (left, next) in [(30, Errand::Reread), (20, WEEKS), (0, WEEKS)] {
            assert_eq!(agenda.next(&ALL, SECOND * left, now), Some(next), "{left}");
        }
        agenda.went_on(WEEKS, SECOND, SECOND * 60, now);
        assert_eq!(agenda.next(&ALL, SECOND * 10, now), None);
        assert_eq!(agenda.next_wake(&ALL, now), Some(now + SECOND * 60));
        agenda.polled(false);
        assert_eq!(
            agenda.next(&ALL, Duration::ZERO, now),
            Some(Errand::Reread),
            "one step after each poll"
        );
    }

    #[test]
    fn a_failed_errand_waits_by_itself_whatever_the_server_names() {
        let now = Instant::now();
        for named in [None, Some(30), Some(86_400), Some(u64::MAX)] {
            let mut agenda = Agenda::new("0042");
            let error = ApiError::Throttled(named.map(Duration::from_secs));
            agenda.failed(WEEKS, SECOND, &error, now);
            let weeks = [WEEKS];
            agenda.polled(false);
            assert_eq!(agenda.next(&weeks, HOURLY, now), None);
            assert_eq!(agenda.next(&weeks, HOURLY, now + HOURLY), Some(WEEKS), "{named:?}");
            assert_eq!(agenda.next(&ALL, HOURLY, now), Some(Errand::Quota));
            assert!(!agenda.is_held());
            assert_eq!(agenda.failure(WEEKS), Some(ErrorClass::Throttled));
        }
    }

    #[test]
    fn a_hold_ends_by_time_by_a_new_token_and_by_the_operator() {
        let now = Instant::now();
        let waits = HoldWaits {
            first: SECOND * 600,
            longest: HOURLY,
            named: None,
            no_longer: None,
            spread: false,
        };
        let error = ApiError::TokenInvalid;
        let mut agenda = Agenda::new("0042");
        let minutes: Vec<u64> =
            (0..5).map(|_| agenda.hold(error.clone(), waits, None, now).as_secs() / 60).collect();
        assert_eq!(minutes, [10, 20, 40, 60, 60]);
        assert_eq!(agenda.pass(None, now), Passage::Held(error.clone()));
        assert_eq!(agenda.pass(None, now + HOURLY), Passage::Probe(error.clone()));
        agenda.probe();
        assert_eq!(agenda.pass(None, now), Passage::Probe(error.clone()));
        agenda.hold(error.clone(), HoldWaits { no_longer: Some(SECOND), ..waits }, None, now);
        assert_eq!(agenda.pass(None, now + SECOND), Passage::Probe(error));
        agenda.polled(false);
        assert_eq!(agenda.pass(None, now), Passage::Free);
    }
}
