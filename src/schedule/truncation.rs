//! Whether the number of rows that a server announces is believed.
//!
//! An answer with fewer rows than its `msg` announces is taken for cut, and asked for again in halves. A server whose
//! number is simply too high would make every span go down to single seconds, and spend the day's requests. What
//! tells the two apart: a server that cuts gives more rows when it is asked in halves. Pure: it never asks.

use std::time::Duration;

use tokio::time::Instant;

use crate::schedule::Span;

/// So many spans, one within the other, must have given no row more in halves.
const FRUITLESS: u32 = 3;
/// For so long the number is not believed; then it is put to the test again.
const DISBELIEF: Duration = Duration::from_secs(3600);

/// What is thought of one server's number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truncation {
    /// The span that was last asked for in halves, and its rows.
    whole: Option<(Span, u64)>,
    /// Spans in a row that gave no row more in halves, and the rows of the first.
    fruitless: u32,
    rows: u64,
    /// An answer with so many rows was cut: halves brought more.
    cut_at: Option<u64>,
    disbelief: Option<Disbelief>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Disbelief {
    until: Instant,
    /// An answer with so many rows was whole although more were announced. One with more may still be cut.
    proven: u64,
}

/// What a short answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Whole: its number is not believed.
    Whole,
    /// Cut, as far as is known: ask for half of it.
    Cut,
    /// Rows are announced and none came at all: also a server in trouble may say that, so ask for half after a wait.
    Nothing,
}

impl Truncation {
    /// After an answer to `span` that is short of its number: the other half of the span of which this is the first,
    /// whose rows must be known too before [`Truncation::judge`] can say anything new.
    pub fn other_half(&self, span: Span) -> Option<Span> {
        let (whole, _) = self.whole?;
        (whole.from == span.from && span.to < whole.to).then_some(Span { from: span.to, to: whole.to })
    }

    /// Judges a short answer to `span` with `rows` rows. `other` are the rows of [`Truncation::other_half`], without
    /// those of the second that both halves share.
    pub fn judge(&mut self, span: Span, rows: u64, other: Option<u64>, now: Instant) -> Verdict {
        // Without rows there is no test, and what was found out stands until there is one.
        if rows > 0 && self.disbelief.is_some_and(|disbelief| now >= disbelief.until) {
            (self.disbelief, self.cut_at) = (None, None);
        }
        match (self.whole, other) {
            (Some((_, of_whole)), Some(other)) if rows.saturating_add(other) > of_whole => {
                self.cut_at = Some(self.cut_at.map_or(of_whole, |at| at.min(of_whole)));
                self.fruitless = 0;
            }
            // Of no rows nothing can be missing, so with these it does not begin.
            (Some((_, of_whole)), Some(_)) if of_whole > 0 || self.fruitless > 0 => {
                self.cut_at = self.cut_at.filter(|at| of_whole <= *at);
                self.rows = if self.fruitless == 0 { of_whole } else { self.rows };
                self.fruitless += 1;
            }
            _ => self.fruitless = 0,
        }
        if self.fruitless >= FRUITLESS || (self.fruitless > 0 && self.disbelief.is_some()) {
            let disbelief = self.disbelief.get_or_insert(Disbelief { until: now + DISBELIEF, proven: 0 });
            disbelief.proven = disbelief.proven.max(self.rows);
            self.fruitless = 0;
        }
        self.whole = Some((span, rows));
        let uncut = self.cut_at.is_none_or(|at| rows < at);
        match self.disbelief {
            Some(Disbelief { proven, .. }) if rows <= proven && uncut => Verdict::Whole,
            _ if rows == 0 && self.fruitless == 0 => Verdict::Nothing,
            _ => Verdict::Cut,
        }
    }

    /// Whether the number is not believed now.
    pub fn is_disbelieved(&self, now: Instant) -> bool {
        self.disbelief.is_some_and(|disbelief| now < disbelief.until)
    }

    /// After a span was committed: what follows is no half of what was asked before.
    pub fn committed(&mut self) {
        self.whole = None;
        self.fruitless = 0;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span { from: Timestamp::from_second(from).unwrap(), to: Timestamp::from_second(to).unwrap() }
    }

    /// What became of a stretch: rows committed, requests, and seconds given up as too full.
    #[derive(Debug, PartialEq, Eq)]
    struct Read {
        rows: u64,
        requests: u32,
        given_up: u32,
    }

    /// Reads [0, 4096] as the poller does. `answer` gives an answer's rows and whether it is short; those of the
    /// first second are its own only at 0.
    fn read(announced: &mut Truncation, now: Instant, answer: impl Fn(Span) -> (u64, bool)) -> Read {
        let (mut from, mut width) = (0, 4096);
        let mut read = Read { rows: 0, requests: 0, given_up: 0 };
        while from < 4096 {
            let asked = span(from, (from + width).min(4096));
            let (rows, short) = answer(asked);
            read.requests += 1;
            if short {
                let other = announced.other_half(asked).map(|half| {
                    read.requests += 1;
                    answer(half).0
                });
                let verdict = announced.judge(asked, rows, other, now);
                if verdict != Verdict::Whole && width > 1 {
                    width = asked.length().as_secs() / 2;
                    continue;
                }
                read.given_up += u32::from(verdict != Verdict::Whole);
                width = 4096;
            }
            announced.committed();
            read.rows += rows;
            from = asked.to.as_second();
        }
        read
    }

    /// Rows of a span with one each second.
    fn real(span: Span) -> u64 {
        span.length().as_secs() as u64 + u64::from(span.from.as_second() == 0)
    }

    #[test]
    fn a_number_that_halving_refutes_is_not_believed_for_an_hour() {
        let begun = Instant::now();
        let lies = |span: Span| (real(span), true);
        let mut announced = Truncation::default();
        // The whole, three times two halves, of which the last first one is taken; then the rest.
        let first = Read { rows: 4097, requests: 8, given_up: 0 };
        assert_eq!(read(&mut announced, begun, lies), first);
        let later = begun + DISBELIEF - Duration::from_secs(1);
        assert_eq!(read(&mut announced, later, lies), Read { rows: 4097, requests: 1, given_up: 0 });
        assert_eq!(read(&mut announced, begun + DISBELIEF, lies), first);
        // Wherever the rows are, few or many.
        for place in [0, 1, 700, 4096] {
            let lies = |asked: Span| {
                let (from, to) = (asked.from.as_second(), asked.to.as_second());
                (if (from < place || place == 0 && from == 0) && place <= to { 5 } else { 0 }, true)
            };
            let read = read(&mut Truncation::default(), begun, lies);
            assert_eq!(read, Read { rows: 5, requests: 8, given_up: 0 }, "{place}");
        }
    }

    #[test]
    fn a_server_that_cuts_is_believed_and_loses_nothing() {
        for limit in [2, 3, 10, 100, 511, 1000, 2048, 4000, 4096] {
            let cuts = |span: Span| (real(span).min(limit), real(span) > limit);
            let mut announced = Truncation::default();
            let read = read(&mut announced, Instant::now(), cuts);
            assert_eq!((read.rows, read.given_up, announced.disbelief), (4097, 0, None), "{limit}");
        }
    }

    #[test]
    fn a_server_that_cuts_and_lies_loses_nothing_either() {
        for limit in [10, 100, 511, 1000, 2048, 4000] {
            let both = |span: Span| (real(span).min(limit), true);
            let mut announced = Truncation::default();
            let read = read(&mut announced, Instant::now(), both);
            assert_eq!((read.rows, read.given_up), (4097, 0), "{limit}");
            assert!(read.requests < 40 + 40 * 4097 / limit as u32, "{limit} {read:?}");
        }
    }

    #[test]
    fn more_rows_than_were_proven_are_put_to_the_test() {
        let now = Instant::now();
        let mut announced = Truncation::default();
        let lies = |span: Span| (real(span).div_ceil(2), true);
        read(&mut announced, now, lies);
        // Twice the rows: the whole, two halves, the rest. From then on one request will do.
        let lies = |span: Span| (real(span), true);
        assert_eq!(read(&mut announced, now, lies).requests, 4);
        assert_eq!(read(&mut announced, now, lies).requests, 1);
    }

    #[test]
    fn an_answer_without_any_of_its_rows_proves_nothing() {
        let now = Instant::now();
        let mut announced = Truncation::default();
        for to in [4096, 2048, 1024, 512, 256] {
            let other = announced.other_half(span(0, to)).map(|_| 0);
            assert_eq!(announced.judge(span(0, to), 0, other, now), Verdict::Nothing);
        }
        // Once the number is known to say nothing, it says nothing of an empty span, until the next test.
        announced.committed();
        let lies = |span: Span| (real(span), true);
        read(&mut announced, now, lies);
        assert_eq!(announced.judge(span(0, 9), 0, None, now + 2 * DISBELIEF), Verdict::Whole);
        assert_eq!(announced.judge(span(0, 9), 1, None, now + 2 * DISBELIEF), Verdict::Cut);
    }

    #[test]
    fn the_other_half_is_that_of_the_span_around() {
        let now = Instant::now();
        let mut announced = Truncation::default();
        assert_eq!(announced.other_half(span(0, 100)), None);
        announced.judge(span(0, 100), 10, None, now);
        assert_eq!(announced.other_half(span(0, 50)), Some(span(50, 100)));
        assert_eq!(announced.other_half(span(0, 100)), None, "asked again after a failure");
        assert_eq!(announced.other_half(span(50, 100)), None, "the first half was good");
        // A row that came between two of the requests starts the test anew.
        for (to, rows, other) in [(50, 5, 5), (25, 2, 3), (12, 1, 2), (6, 1, 0), (3, 1, 0)] {
            assert_eq!(announced.judge(span(0, to), rows, Some(other), now), Verdict::Cut);
        }
        announced.committed();
        assert_eq!(announced.other_half(span(0, 1)), None);
    }
}
