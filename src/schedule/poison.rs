//! Seconds that a server cannot answer for although it answers for those around them.
//!
//! Spans are cut around them, so that one bad row hides no other. A second must fail in several polls, and a span with
//! known rows must have been answered each time, before it is given up; deeper re-reading goes on asking for it. Pure:
//! it never asks, and holds nothing over a restart.

use jiff::Timestamp;

use crate::schedule::{MIN_SPAN, Span};

/// So many polls must have failed at a second before it is given up.
const STRIKES: u32 = 3;
/// So many stretches are remembered; the oldest is forgotten first.
const MOST_REMEMBERED: usize = 64;

/// A stretch that failed by itself: one second at first, more where its neighbours fail as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    span: Span,
    strikes: u32,
    given_up: bool,
    /// Whether it goes on is not known: what follows has not been answered yet.
    open: bool,
}

/// The stretches known to fail by themselves, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Poison(Vec<Region>);

/// What to do next in a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask for this.
    Ask(Span),
    /// It was given up up to here: go on behind it.
    Skip(Timestamp),
}

impl Poison {
    /// `span` cut so that it holds either nothing that is known to fail, or nothing else. What was given up is asked
    /// for only by the `deep` re-reading.
    pub fn next(&self, span: Span, deep: bool) -> Next {
        let mut span = span;
        for region in &self.0 {
            let known = region.span;
            if known.to == span.from && region.open {
                span.to = span.to.min(span.from.saturating_add(MIN_SPAN).unwrap_or(span.to));
            }
            if known.to <= span.from || known.from >= span.to {
                continue;
            }
            if span.from < known.from {
                span.to = known.from;
                continue;
            }
            return match region.given_up && !deep {
                true => Next::Skip(known.to),
                false => Next::Ask(Span { from: span.from, to: known.to }),
            };
        }
        Next::Ask(span)
    }

    /// Whether this span alone has failed before, or goes on where such a one was given up.
    pub fn suspects(&self, span: Span) -> bool {
        self.0.iter().any(|region| region.span == span || (region.open && region.span.to == span.from))
    }

    /// Whether `span` lies in what was given up.
    pub fn is_given_up(&self, span: Span) -> bool {
        self.0.iter().any(|region| region.given_up && contains(region.span, span))
    }

    /// `span` failed while another with rows was answered. Whether it is now given up.
    pub fn strike(&mut self, span: Span) -> bool {
        if let Some(before) = self.0.iter_mut().find(|region| region.open && region.span.to == span.from) {
            before.span.to = span.to;
            return true;
        }
        let Some(known) = self.0.iter_mut().find(|region| region.span == span) else {
            if self.0.len() == MOST_REMEMBERED {
                self.0.remove(0);
            }
            self.0.push(Region { span, strikes: 1, given_up: false, open: false });
            self.0.sort_by_key(|region| region.span.from);
            return false;
        };
        known.strikes += 1;
        known.given_up = known.strikes >= STRIKES;
        known.open = known.given_up;
        known.given_up
    }

    /// `span` was answered. Whether it had been given up.
    pub fn answered(&mut self, span: Span) -> bool {
        for region in &mut self.0 {
            region.open &= region.span.to != span.from;
        }
        let was = self.is_given_up(span);
        self.0.retain(|region| !contains(span, region.span));
        was
    }

    /// The first second of what fails around `span`.
    pub fn start_of(&self, span: Span) -> Timestamp {
        let around =
            self.0.iter().find(|region| region.span.from <= span.from && span.from <= region.span.to);
        around.map_or(span.from, |region| region.span.from)
    }

    /// What ended before `moment` is never asked for again.
    pub fn forget(&mut self, moment: Timestamp) {
        self.0.retain(|region| region.span.to >= moment);
    }
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.from <= inner.from && inner.to <= outer.to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: at(from), to: at(to) }
    }

    fn given_up(second: i64) -> Poison {
        let mut poison = Poison::default();
        let strikes: Vec<_> = (0..STRIKES).map(|_| poison.strike(span(second, second + 1))).collect();
        assert_eq!(strikes, [false, false, true]);
        poison
    }

    #[test]
    fn spans_are_cut_around_what_fails() {
        let mut struck = Poison::default();
        struck.strike(span(50, 51));
        let mut gone = given_up(50);
        gone.answered(span(51, 60));
        for (asked, while_struck, live, deep) in [
            (span(0, 100), Next::Ask(span(0, 50)), Next::Ask(span(0, 50)), Next::Ask(span(0, 50))),
            (span(50, 100), Next::Ask(span(50, 51)), Next::Skip(at(51)), Next::Ask(span(50, 51))),
            (span(51, 100), Next::Ask(span(51, 100)), Next::Ask(span(51, 100)), Next::Ask(span(51, 100))),
            (span(0, 50), Next::Ask(span(0, 50)), Next::Ask(span(0, 50)), Next::Ask(span(0, 50))),
        ] {
            assert_eq!(struck.next(asked, false), while_struck, "{asked:?}");
            assert_eq!(gone.next(asked, false), live, "{asked:?}");
            assert_eq!(gone.next(asked, true), deep, "{asked:?}");
        }
    }

    #[test]
    fn what_follows_is_tried_by_the_second_and_given_up_at_once() {
        let mut poison = given_up(50);
        assert_eq!(poison.next(span(51, 100), false), Next::Ask(span(51, 52)));
        assert!(poison.suspects(span(51, 52)) && poison.strike(span(51, 52)));
        assert_eq!(poison.next(span(52, 100), false), Next::Ask(span(52, 53)));
        assert_eq!(poison.start_of(span(52, 53)), at(50));
        assert!(!poison.answered(span(52, 53)));
        assert_eq!(poison.next(span(53, 100), false), Next::Ask(span(53, 100)));
        assert_eq!(poison.next(span(50, 100), false), Next::Skip(at(52)));
        // Deeper re-reading asks for all of it, and when it is answered it is as if nothing had been.
        assert!(poison.answered(span(50, 52)));
        assert_eq!(poison, Poison::default());
    }

    #[test]
    fn what_nobody_asks_for_again_is_forgotten() {
        let mut poison = given_up(50);
        poison.forget(at(51));
        assert!(poison.is_given_up(span(50, 51)));
        poison.forget(at(52));
        assert_eq!(poison, Poison::default());
        for second in 0..200 {
            poison.strike(span(second * 10, second * 10 + 1));
        }
        assert_eq!(poison.0.len(), MOST_REMEMBERED);
    }
}
