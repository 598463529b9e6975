//! No requests for a while: what a hold-off is, and when it is over.
//!
//! It decides nothing about its length, which is the retry policy's.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{config::TokenVersion, wolkvox::ApiError};

/// Whether requests are held off, and how often in a row they were.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    hold: Option<Hold>,
    /// Counts failures, so that each wait is another.
    turn: u64,
}

#[derive(Debug)]
struct Hold {
    until: Timestamp,
    /// The same by a clock that nobody sets.
    latest: Instant,
    credentials: Option<TokenVersion>,
    /// Cycles in a row that ended here.
    times: u32,
    fault: ApiError,
}

/// What a hold-off means for a poll that begins now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// There is none.
    Free,
    /// It is over, having lasted its time after this.
    Over(ApiError),
    /// It is over, because the token has been replaced.
    NewToken,
    /// It lasts, because of this.
    Closed(ApiError),
}

impl Backoff {
    /// Whether a poll may ask. What is over is remembered until [`Backoff::clear`]: the next one is longer.
    pub(super) fn pass(&mut self, now: Timestamp, credentials: Option<TokenVersion>) -> Passage {
        match &self.hold {
            None => Passage::Free,
            Some(hold) if hold.credentials != credentials => {
                self.hold = None;
                Passage::NewToken
            }
            Some(hold) if now < hold.until && Instant::now() < hold.latest => {
                Passage::Closed(hold.fault.clone())
            }
            Some(hold) => Passage::Over(hold.fault.clone()),
        }
    }

    /// Begins one.
    pub(super) fn hold_off(
        &mut self,
        until: Timestamp,
        now: Timestamp,
        credentials: Option<TokenVersion>,
        fault: ApiError,
    ) {
        let latest = Instant::now() + until.duration_since(now).unsigned_abs();
        self.hold = Some(Hold { until, latest, credentials, times: self.times() + 1, fault });
    }

    /// A poll succeeded.
    pub(super) fn clear(&mut self) {
        self.hold = None;
    }

    /// Whether polls are held off.
    pub(super) fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// Whether they are, and the token has been replaced since.
    pub(super) fn has_new_token(&self, credentials: impl FnOnce() -> Option<TokenVersion>) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.credentials != credentials())
    }

    /// Until when.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.hold.as_ref().map(|hold| hold.until)
    }

    /// Hold-offs in a row so far.
    pub(super) fn times(&self) -> u32 {
        self.hold.as_ref().map_or(0, |hold| hold.times)
    }

    /// The number of the next failure.
    pub(super) fn next_turn(&mut self) -> u64 {
        self.turn = self.turn.wrapping_add(1);
        self.turn
    }
}
