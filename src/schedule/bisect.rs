//! How wide a span to ask for: cuts a stretch into spans that the vendor can answer.
//!
//! It starts wide, halves what turns out too large, and widens again where rows are few. Each span is committed by
//! itself, so a burst can neither block what follows nor be read for ever. Pure: it never asks and never waits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::schedule::{MAX_SPAN, MIN_SPAN, Span};

/// What was refused down to a single second is not asked for in halves again for so long.
const HOPELESS: Duration = Duration::from_secs(3600);

/// The width of the next span, and what has been learnt of the spans before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bisect {
    width: SignedDuration,
    /// The last span that was too large.
    too_large: Option<Span>,
    /// The second in which halving ended without an answer, and until when it is not tried again.
    hopeless: Option<(Span, Instant)>,
}

impl Default for Bisect {
    fn default() -> Self {
        Self { width: MAX_SPAN, too_large: None, hopeless: None }
    }
}

impl Bisect {
    /// The next span of a stretch. Consecutive spans share one second, because it is unknown whether the
    /// vendor includes the end.
    pub fn next(&self, from: Timestamp, end: Timestamp) -> Span {
        Span { from, to: from.checked_add(self.width).map_or(end, |to| to.min(end)) }
    }

    /// After `span` turned out too large. `false` when it cannot be narrower.
    pub fn narrow(&mut self, span: Span) -> bool {
        if span.length() <= MIN_SPAN {
            return false;
        }
        self.width = SignedDuration::from_secs((span.length().as_secs() / 2).max(1));
        self.too_large = Some(span);
        true
    }

    /// As [`Bisect::narrow`], after a failure that need not be one of size. Where halving ended at a single second
    /// that fails as well, size was not the reason, or no width helps: for the next hour a span that holds this
    /// second is not halved again, and one request a cycle asks for all of it.
    pub fn narrow_in_hope(&mut self, span: Span, now: Instant) -> bool {
        if self.hopeless.is_some_and(|(second, until)| now < until && contains(span, second)) {
            return false;
        }
        if self.narrow(span) {
            return true;
        }
        *self = Self { hopeless: Some((span, now + HOPELESS)), ..Self::default() };
        false
    }

    /// After `span` was committed. With `few` rows twice its length would have fitted, so the next one may be that
    /// long, but not back into what was just too large.
    pub fn committed(&mut self, span: Span, few: bool) {
        if self.hopeless.is_some_and(|(second, _)| contains(span, second)) {
            self.hopeless = None;
        }
        let amid_too_large = |burst: Span| contains(burst, span) && span.to < burst.to;
        if few && !self.too_large.is_some_and(amid_too_large) {
            self.width = self.width.saturating_mul(2).min(MAX_SPAN);
        }
    }

    /// What narrowed the spans turned out to be no matter of size.
    pub fn reset(&mut self) {
        self.width = MAX_SPAN;
        self.too_large = None;
    }
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.from <= inner.from && inner.to <= outer.to
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_768_737_600 + second).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: at(from), to: at(to) }
    }

    /// What of a stretch's requests were refused, by `refused`, until all of it is committed.
    fn read(width: &mut Bisect, length: i64, refused: impl Fn(Span) -> bool) -> (usize, usize) {
        let (mut from, mut committed, mut too_large) = (at(0), 0, 0);
        while from < at(length) {
            let span = width.next(from, at(length));
            if refused(span) {
                assert!(width.narrow(span));
                too_large += 1;
            } else {
                width.committed(span, true);
                from = span.to;
                committed += 1;
            }
        }
        (committed, too_large)
    }

    #[test]
    fn widths_halve_down_to_a_second_and_recover() {
        let (start, end) = (at(0), at(60 * 24 * 3600));
        let mut width = Bisect::default();
        assert_eq!(width.next(start, end).length(), MAX_SPAN);
        let mut halvings = 0;
        while width.narrow(width.next(start, end)) {
            halvings += 1;
        }
        assert_eq!((width.next(start, end).length(), halvings), (MIN_SPAN, 21));
        let mut from = start;
        for _ in 0..30 {
            let span = width.next(from, end);
            width.committed(span, true);
            from = span.to;
        }
        assert_eq!(width.next(start, end).length(), MAX_SPAN);
        // A narrow stretch counts as what it is, not as the width that was allowed.
        let mut width = Bisect::default();
        assert!(width.narrow(span(0, 9)));
        assert_eq!(width.next(start, end).length(), SignedDuration::from_secs(4));
    }

    #[test]
    fn a_burst_that_was_just_too_large_is_not_asked_for_again() {
        // A width of 75 fits, and every wider span that touches the burst is refused.
        let burst = |from: i64, to: i64| {
            move |asked: Span| {
                asked.from < at(to) && asked.to > at(from) && asked.length() > SignedDuration::from_secs(80)
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
            (span(0, 75), true, 75),
            (span(75, 150), true, 150),
            (span(75, 150), false, 75),
            (span(150, 225), true, 150),
            (span(-75, 0), true, 150),
            (span(-75, 75), true, 150),
        ] {
            let mut width = Bisect::default();
            assert!(width.narrow(span(0, 300)) && width.narrow(span(0, 150)));
            width.committed(done, few);
            assert_eq!(
                width.next(at(0), at(9999)).length(),
                SignedDuration::from_secs(next),
                "{done:?} {few}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_halving_helps_is_asked_for_once_a_cycle() {
        let began = Instant::now();
        let minutes = |minutes: u64| began + Duration::from_secs(60 * minutes);
        let mut width = Bisect::default();
        // All of it is refused: the ladder is climbed down once.
        let ladder = |width: &mut Bisect, now| {
            let mut requests = 1;
            while width.narrow_in_hope(width.next(at(0), at(2100)), now) {
                requests += 1;
            }
            requests
        };
        assert_eq!(ladder(&mut width, minutes(0)), 12);
        assert_eq!(width.next(at(0), at(2100)), span(0, 2100), "the next cycle asks for everything");
        for minute in (5..60).step_by(5) {
            assert_eq!(ladder(&mut width, minutes(minute)), 1, "{minute}");
        }
        assert_eq!(ladder(&mut width, minutes(60)), 12);
        // Another place is another matter.
        assert!(width.clone().narrow_in_hope(span(1, 2100), minutes(65)));
        // Once that second has been read, all is forgotten.
        width.committed(span(0, 2100), false);
        assert!(width.narrow_in_hope(span(0, 2100), minutes(65)));
    }

    proptest! {
        #[test]
        fn spans_cover_the_stretch_without_a_gap(length in 1i64..10_000_000, narrowings in 0usize..20) {
            let (start, end) = (at(0), at(length));
            let mut width = Bisect::default();
            for _ in 0..narrowings {
                width.narrow(width.next(start, end));
            }
            let (mut from, mut steps) = (start, 0);
            while from < end && steps < 1000 {
                let span = width.next(from, end);
                prop_assert!(span.from == from && span.to > from && span.to <= end);
                from = span.to;
                steps += 1;
            }
        }

        /// However a server cuts, a stretch costs a few requests for each span that fits.
        #[test]
        fn requests_for_a_burst_are_bounded(length in 2i64..100_000, start in 0i64..100_000, burst in 1i64..2000, fits in 1i64..600) {
            let start = start % length;
            let touches = |asked: Span| asked.from < at(start + burst) && asked.to > at(start);
            let (committed, too_large) = read(&mut Bisect::default(), length, |asked| {
                touches(asked) && asked.length() > SignedDuration::from_secs(fits)
            });
            let most = 2 * (burst / (fits / 2).max(1)) as usize + 60;
            prop_assert!(committed + too_large <= 3 * most, "{} {}", committed, too_large);
        }
    }
}
