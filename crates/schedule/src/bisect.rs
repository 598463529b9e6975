//! The width of requests: cuts a range into parts that the vendor can answer.
//!
//! It starts wide, halves a range that turns out too large, and widens again where rows are few.
//! Each part is committed separately, so a burst can neither block later parts nor be read for
//! ever. Pure: it never asks and never waits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::{MAX_RANGE, MIN_RANGE, TimeRange};

/// Time during which a range that was refused down to a single second is not halved again.
const HOPELESS: Duration = Duration::from_secs(3600);
/// Time during which a width is not tried after it failed repeatedly where half of it succeeded.
const CEILING: Duration = Duration::from_secs(3600);
/// Width in seconds below which a ceiling lasts for a shorter time, in proportion, because it costs
/// many requests a poll.
const WHOLE_CEILING_FROM: f64 = 300.0;
/// Failures of one width after which it gets a ceiling.
const SUSPICIONS: u32 = 2;

/// The width of the next range, and what earlier ranges have shown about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bisect {
    width: SignedDuration,
    /// The last range that was too large.
    too_large: Option<TimeRange>,
    /// The range in which halving ended without an answer, and until when it is not tried again.
    hopeless: Option<(TimeRange, Instant)>,
    /// The widest range that is tried until a moment.
    ceiling: Option<(SignedDuration, Instant)>,
    /// The last answer was good.
    good: bool,
    /// Failures after a good answer that half the width did not repeat.
    suspicions: u32,
}

impl Default for Bisect {
    fn default() -> Self {
        Self {
            width: MAX_RANGE,
            too_large: None,
            hopeless: None,
            ceiling: None,
            good: false,
            suspicions: 0,
        }
    }
}

impl Bisect {
    /// Returns the next part of a range. Consecutive parts share one second, because it is unknown
    /// whether the vendor includes the end.
    pub fn next(&self, from: Timestamp, end: Timestamp, now: Instant) -> TimeRange {
        let ceiling = self
            .ceiling
            .filter(|(_, until)| now < *until)
            .map_or(MAX_RANGE, |(ceiling, _)| ceiling);
        TimeRange {
            from,
            to: from.checked_add(self.width.min(ceiling)).map_or(end, |to| to.min(end)),
        }
    }

    /// Halves the width because `range` turned out too large. Returns false when it cannot be
    /// narrower.
    pub fn narrow(&mut self, range: TimeRange) -> bool {
        if range.length() <= MIN_RANGE {
            return false;
        }
        self.width = SignedDuration::from_secs((range.length().as_secs() / 2).max(1));
        self.too_large = Some(range);
        true
    }

    /// Halves like [`Bisect::narrow`], after a failure whose reason may be another than size. Where
    /// halving ended at a single second that fails as well, size was not the reason, or no width
    /// helps: for the next hour a range that holds this second is not halved again, but requested
    /// whole, once per cycle.
    pub fn narrow_in_hope(&mut self, range: TimeRange, now: Instant) -> bool {
        self.narrow_in_hope_down_to(MIN_RANGE, range, now)
    }

    /// Halves like [`Bisect::narrow_in_hope`], but treats a range of `narrowest` or less like a
    /// single second.
    pub fn narrow_in_hope_down_to(
        &mut self,
        narrowest: SignedDuration,
        range: TimeRange,
        now: Instant,
    ) -> bool {
        if self.hopeless.is_some_and(|(second, until)| now < until && range.contains(second)) {
            return false;
        }
        if range.length() > narrowest && self.narrow(range) {
            return true;
        }
        *self = Self { hopeless: Some((range, now + HOPELESS)), ..Self::default() };
        false
    }

    /// Halves like [`Bisect::narrow`], after a server that usually answers failed at `range`
    /// several times: the range may be too large for it to compute. Where that happens again,
    /// widths up to it are not tried for an hour.
    pub fn narrow_for_failure(&mut self, range: TimeRange, now: Instant) -> bool {
        if !self.narrow(range) {
            return false;
        }
        self.suspicions += u32::from(std::mem::take(&mut self.good));
        if self.suspicions >= SUSPICIONS {
            let share = (self.width.as_secs_f64() / WHOLE_CEILING_FROM).min(1.0);
            self.ceiling = Some((self.width, now + CEILING.mul_f64(share)));
            self.suspicions = 0;
        }
        true
    }

    /// Records that `range` was committed. With `few` rows twice its length would have fitted, so
    /// the next one may be that long, but not back into a range that was just too large.
    pub fn committed(&mut self, range: TimeRange, few: bool) {
        if self.hopeless.is_some_and(|(second, _)| range.contains(second)) {
            self.hopeless = None;
        }
        self.good = true;
        let amid_too_large =
            self.too_large.is_some_and(|burst| burst.contains(range) && range.to < burst.to);
        if few && !amid_too_large {
            self.width = self.width.saturating_mul(2).min(MAX_RANGE);
        }
    }

    /// Forgets the width, because size was not what narrowed it: a second fails by itself, or the
    /// server answers nothing at all.
    pub fn reset(&mut self) {
        *self = Self { hopeless: self.hopeless, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_737_600 + second).unwrap()
    }

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange { from: at(from), to: at(to) }
    }

    /// What of a stretch's requests were refused, by `refused`, until all of it is committed.
    fn read(
        width: &mut Bisect,
        length: i64,
        refused: impl Fn(TimeRange) -> bool,
    ) -> (usize, usize) {
        let (mut from, mut committed, mut too_large) = (at(0), 0, 0);
        while from < at(length) {
            let range = width.next(from, at(length), Instant::now());
            if refused(range) {
                assert!(width.narrow(range));
                too_large += 1;
            } else {
                width.committed(range, true);
                from = range.to;
                committed += 1;
            }
        }
        (committed, too_large)
    }

    #[test]
    fn widths_halve_down_to_a_second_and_recover() {
        let (start, end) = (at(0), at(60 * 24 * 3600));
        let mut width = Bisect::default();
        assert_eq!(width.next(start, end, Instant::now()).length(), MAX_RANGE);
        let mut halvings = 0;
        while width.narrow(width.next(start, end, Instant::now())) {
            halvings += 1;
        }
        assert_eq!((width.next(start, end, Instant::now()).length(), halvings), (MIN_RANGE, 21));
        let mut from = start;
        for _ in 0..30 {
            let range = width.next(from, end, Instant::now());
            width.committed(range, true);
            from = range.to;
        }
        assert_eq!(width.next(start, end, Instant::now()).length(), MAX_RANGE);
        // A narrow stretch counts as what it is, not as the width that was allowed.
        let mut width = Bisect::default();
        assert!(width.narrow(range(0, 9)));
        assert_eq!(width.next(start, end, Instant::now()).length(), SignedDuration::from_secs(4));
    }

    #[test]
    fn a_burst_that_was_just_too_large_is_not_asked_for_again() {
        // A width of 75 fits, and every wider range that touches the burst is refused.
        let burst = |from: i64, to: i64| {
            move |asked: TimeRange| {
                asked.from < at(to)
                    && asked.to > at(from)
                    && asked.length() > SignedDuration::from_secs(80)
            }
        };
        for (from, to, requests) in [
            // 300 and 150 are refused; 75 and 75; 150 and 75 do not fit again at once.
            (0, 300, (4, 3)),
            (0, 75, (3, 2)),
            (0, 1, (3, 2)),
            (225, 300, (3, 2)),
        ] {
            assert_eq!(read(&mut Bisect::default(), 300, burst(from, to)), requests, "{from} {to}");
        }
        // Ahead of the burst's end it stays narrow, behind it and before it it widens.
        for (done, few, next) in [
            (range(0, 75), true, 75),
            (range(75, 150), true, 150),
            (range(75, 150), false, 75),
            (range(150, 225), true, 150),
            (range(-75, 0), true, 150),
            (range(-75, 75), true, 150),
        ] {
            let mut width = Bisect::default();
            assert!(width.narrow(range(0, 300)) && width.narrow(range(0, 150)));
            width.committed(done, few);
            assert_eq!(
                width.next(at(0), at(9999), Instant::now()).length(),
                SignedDuration::from_secs(next),
                "{done:?} {few}"
            );
        }
    }

    /// A server that computes at most so many seconds: what it costs once it is known, and that it
    /// is tried again.
    #[tokio::test(start_paused = true)]
    async fn a_width_that_fails_again_and_again_is_not_tried_for_an_hour() {
        let began = Instant::now();
        let mut width = Bisect::default();
        let read = |width: &mut Bisect, now| {
            let (mut from, mut failed) = (at(0), 0);
            while from < at(7200) {
                let range = width.next(from, at(7200), now);
                if range.length() > SignedDuration::from_secs(1000) {
                    assert!(width.narrow_for_failure(range, now));
                    failed += 1;
                } else {
                    width.committed(range, true);
                    from = range.to;
                }
            }
            failed
        };
        // 7200, 3600 and 1800 at first, then twice 1800.
        assert_eq!(read(&mut width, began), 5);
        assert_eq!(read(&mut width, began + CEILING / 2), 0);
        assert!(read(&mut width, began + CEILING) > 0);
        width.reset();
        assert_eq!(width.next(at(0), at(7200), began).length(), SignedDuration::from_secs(7200));
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_halving_helps_is_asked_for_once_a_cycle() {
        let began = Instant::now();
        let minutes = |minutes: u64| began + Duration::from_secs(60 * minutes);
        let mut width = Bisect::default();
        // All of it is refused: the ladder is climbed down once.
        let ladder = |width: &mut Bisect, now| {
            let mut requests = 1;
            while width.narrow_in_hope(width.next(at(0), at(2100), Instant::now()), now) {
                requests += 1;
            }
            requests
        };
        assert_eq!(ladder(&mut width, minutes(0)), 12);
        assert_eq!(
            width.next(at(0), at(2100), Instant::now()),
            range(0, 2100),
            "the next cycle asks for everything"
        );
        for minute in (5..60).step_by(5) {
            assert_eq!(ladder(&mut width, minutes(minute)), 1, "{minute}");
        }
        assert_eq!(ladder(&mut width, minutes(60)), 12);
        // Another place is another matter.
        assert!(width.clone().narrow_in_hope(range(1, 2100), minutes(65)));
        // Once that second has been read, all is forgotten.
        width.committed(range(0, 2100), false);
        assert!(width.narrow_in_hope(range(0, 2100), minutes(65)));
    }

    proptest! {
        #[test]
        fn spans_cover_the_stretch_without_a_gap(length in 1i64..10_000_000, narrowings in 0usize..20) {
            let (start, end) = (at(0), at(length));
            let mut width = Bisect::default();
            for _ in 0..narrowings {
                width.narrow(width.next(start, end, Instant::now()));
            }
            let (mut from, mut steps) = (start, 0);
            while from < end && steps < 1000 {
                let range = width.next(from, end, Instant::now());
                prop_assert!(range.from == from && range.to > from && range.to <= end);
                from = range.to;
                steps += 1;
            }
        }

        /// However a server cuts, a stretch costs a few requests for each range that fits.
        #[test]
        fn requests_for_a_burst_are_bounded(length in 2i64..100_000, start in 0i64..100_000, burst in 1i64..2000, fits in 1i64..600) {
            let start = start % length;
            let touches = |asked: TimeRange| asked.from < at(start + burst) && asked.to > at(start);
            let (committed, too_large) = read(&mut Bisect::default(), length, |asked| {
                touches(asked) && asked.length() > SignedDuration::from_secs(fits)
            });
            let most = 2 * (burst / (fits / 2).max(1)) as usize + 60;
            prop_assert!(committed + too_large <= 3 * most, "{} {}", committed, too_large);
        }
    }
}
