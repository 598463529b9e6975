//! Exponential backoff: the wait after a failure, doubled after each further one, up to a limit.
//!
//! Owns the arithmetic of every wait in the program. No wait is longer than [`LONGEST_WAIT`],
//! whatever a server names, and no sum overflows. Pure: the moment and the jitter are parameters.

use std::time::Duration;

use tokio::time::Instant;

/// Longest wait between two tries of anything.
pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Consecutive failures of something, and the moment before which it is not tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Begins without failures. The wait after the first one is `first`; none is longer than
    /// `longest` or [`LONGEST_WAIT`].
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest: longest.min(LONGEST_WAIT), failures: 0, not_before: None }
    }

    /// Records a failure at `now` and returns the wait after it. `jitter` in 0..=1 shortens the
    /// wait by up to a half, so that several clients do not come back together. A wait that the
    /// server named replaces a shorter one.
    pub fn failed(&mut self, now: Instant, jitter: f64, named: Option<Duration>) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20)).min(self.longest);
        let spread = doubled.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0);
        let wait = spread.max(named.unwrap_or_default()).min(LONGEST_WAIT);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.checked_add(wait);
        wait
    }

    /// Makes the wait that began at `now` end after `wait` at the latest, and returns that wait.
    pub fn shorten(&mut self, now: Instant, wait: Duration) -> Duration {
        self.not_before = self.not_before.min(now.checked_add(wait));
        wait
    }

    /// Ends the wait and forgets the failures.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    /// Ends the wait. The next one is as long as if it had lasted.
    pub fn try_now(&mut self) {
        self.not_before = None;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the moment before which nothing is tried; `None` without a wait.
    pub fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// Returns true once the wait is over.
    pub fn is_over(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|not_before| now >= not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn waits_double_up_to_the_limit_and_begin_again_after_a_success() {
        let now = Instant::now();
        let mut backoff = Backoff::new(MINUTE, MINUTE * 15);
        let minutes: Vec<u64> =
            (0..6).map(|_| backoff.failed(now, 0.0, None).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 15, 15]);
        assert!(!backoff.is_over(now + MINUTE * 14) && backoff.is_over(now + MINUTE * 15));
        backoff.succeeded();
        assert!(backoff.is_over(now));
        assert_eq!(backoff.failed(now, 1.0, None), MINUTE / 2);
        backoff.try_now();
        assert!(backoff.is_over(now) && backoff.failures() == 1);
    }

    #[test]
    fn nothing_waits_longer_than_an_hour() {
        let now = Instant::now();
        for named in [0, 30, 3600, 86_400, 31_536_000, u64::MAX] {
            for failures in [0, 1, 40] {
                let mut backoff = Backoff::new(MINUTE, Duration::MAX);
                for _ in 0..failures {
                    backoff.failed(now, 0.0, None);
                }
                let wait = backoff.failed(now, 0.0, Some(Duration::from_secs(named)));
                assert!((MINUTE..=LONGEST_WAIT).contains(&wait), "{named} {failures}: {wait:?}");
                assert!(backoff.is_over(now + LONGEST_WAIT));
            }
        }
    }
}
