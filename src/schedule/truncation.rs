//! Whether the number of rows that a server announces is believed.
//!
//! An answer with fewer rows than its `msg` announces is taken for cut, and asked for again in halves. A server whose
//! number is simply too high would make every span go down to single seconds, and spend the day's requests. What
//! tells the two apart: the halves of a whole answer hold the very rows that it held. More of them prove that it was
//! cut; fewer prove nothing but that this server cuts now and then. Pure: it never asks.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    model::{LocalSecond, OwnMap},
    schedule::Span,
};

/// So many spans, one within the other, must have given the same rows in halves.
const FRUITLESS: u32 = 3;
/// For so long the number is not believed; then it is put to the test again.
const DISBELIEF: Duration = Duration::from_secs(3600);

/// The rows of an answer: how many there are of each date and fingerprint.
pub type RowCounts = OwnMap<(LocalSecond, u64), u32>;

/// What is thought of one server's number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truncation {
    /// The span that was last asked for in halves, and its rows.
    whole: Option<(Span, RowCounts)>,
    /// Spans in a row that gave the same rows in halves, and how many rows the first had.
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

/// The two halves of a span beside the answer to all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halves {
    More,
    Same,
    /// They lack rows that came before: so they were cut themselves.
    Fewer,
}

impl Halves {
    /// Rows of the second that both halves share are in both answers, or in one, so the larger number counts.
    fn of(whole: &RowCounts, first: &RowCounts, other: &RowCounts) -> Self {
        let count = |rows: &RowCounts, row: &(LocalSecond, u64)| rows.get(row).copied().unwrap_or(0);
        let in_halves = |row: &_| count(first, row).max(count(other, row));
        if first.keys().chain(other.keys()).any(|row| in_halves(row) > count(whole, row)) {
            Self::More
        } else if whole.iter().any(|(row, count)| in_halves(row) < *count) {
            Self::Fewer
        } else {
            Self::Same
        }
    }
}

impl Truncation {
    /// After an answer to `span` that is short of its number: the other half of the span of which this is the first,
    /// whose rows must be known too before [`Truncation::judge`] can say anything new.
    pub fn other_half(&self, span: Span) -> Option<Span> {
        let (whole, _) = self.whole.as_ref()?;
        (whole.from == span.from && span.to < whole.to).then_some(Span { from: span.to, to: whole.to })
    }

    /// Judges a short answer to `span` with these rows. `other` are those of [`Truncation::other_half`].
    pub fn judge(&mut self, span: Span, rows: RowCounts, other: Option<&RowCounts>, now: Instant) -> Verdict {
        let sum = |rows: &RowCounts| rows.values().map(|count| u64::from(*count)).sum::<u64>();
        let count = sum(&rows);
        // Without rows there is no test, and what was found out stands until there is one.
        if count > 0 && self.disbelief.is_some_and(|disbelief| now >= disbelief.until) {
            (self.disbelief, self.cut_at) = (None, None);
        }
        let halved = self.whole.as_ref().zip(other);
        let halved = halved.map(|((_, whole), other)| (sum(whole), Halves::of(whole, &rows, other)));
        match halved {
            Some((of_whole, Halves::More)) => {
                self.cut_at = Some(self.cut_at.map_or(of_whole, |at| at.min(of_whole)));
                self.fruitless = 0;
            }
            // Of no rows nothing can be missing, so with these it does not begin.
            Some((of_whole, Halves::Same)) if of_whole > 0 || self.fruitless > 0 => {
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
        let uncut = self.cut_at.is_none_or(|at| count < at);
        match self.disbelief {
            Some(Disbelief { proven, .. }) if count <= proven && uncut => Verdict::Whole,
            _ if count == 0 && self.fruitless == 0 => Verdict::Nothing,
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
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span { from: Timestamp::from_second(from).unwrap(), to: Timestamp::from_second(to).unwrap() }
    }

    /// What became of a stretch: rows committed, requests, and seconds given up as too full.
    #[derive(Debug, PartialEq, Eq)]
    struct Read {
        rows: usize,
        requests: u32,
        given_up: u32,
    }

    /// Reads [0, 4096] as the poller does. `answer` gives an answer's rows, by numbers, and whether it is short.
    fn read(
        announced: &mut Truncation,
        now: Instant,
        mut answer: impl FnMut(Span) -> (Vec<u64>, bool),
    ) -> Read {
        let (mut from, mut width) = (0, 4096);
        let (mut known, mut requests, mut given_up) = (BTreeSet::new(), 0, 0);
        while from < 4096 {
            let asked = span(from, (from + width).min(4096));
            let (rows, short) = answer(asked);
            requests += 1;
            if short {
                let other = announced.other_half(asked).map(|half| {
                    requests += 1;
                    counts(answer(half).0)
                });
                let verdict = announced.judge(asked, counts(rows.clone()), other.as_ref(), now);
                if verdict != Verdict::Whole && width > 1 {
                    width = asked.length().as_secs() / 2;
                    continue;
                }
                given_up += u32::from(verdict != Verdict::Whole);
                width = 4096;
            }
            announced.committed();
            known.extend(rows);
            from = asked.to.as_second();
        }
        Read { rows: known.len(), requests, given_up }
    }

    fn counts(rows: impl IntoIterator<Item = u64>) -> RowCounts {
        rows.into_iter().map(|row| ((LocalSecond::new(row.cast_signed()), 7), 1)).collect()
    }

    /// Rows of a span with one each second, both ends included.
    fn real(span: Span) -> Vec<u64> {
        (span.from.as_second() as u64..=span.to.as_second() as u64).collect()
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
        // Wherever the rows are, few or many; and where the end of a span is left out.
        for place in [0, 1, 700, 4096] {
            let lies = |asked: Span| {
                let there = real(asked).contains(&place);
                (if there { (0..5).collect() } else { Vec::new() }, true)
            };
            let read = read(&mut Truncation::default(), begun, lies);
            assert_eq!(read, Read { rows: 5, requests: 8, given_up: 0 }, "{place}");
        }
        let leaves_out = |asked: Span| {
            let mut rows = real(asked);
            rows.pop();
            (rows, true)
        };
        let read = read(&mut Truncation::default(), begun, leaves_out);
        assert_eq!(read, Read { rows: 4096, ..first });
    }

    #[test]
    fn a_server_that_cuts_is_believed_and_loses_nothing() {
        for limit in [2, 3, 10, 100, 511, 1000, 2048, 4000, 4096] {
            let cuts = |span: Span| (first(limit, span), real(span).len() > limit);
            let mut announced = Truncation::default();
            let read = read(&mut announced, Instant::now(), cuts);
            assert_eq!((read.rows, read.given_up, announced.disbelief), (4097, 0, None), "{limit}");
        }
    }

    /// The rows of a span up to a limit.
    fn first(limit: usize, span: Span) -> Vec<u64> {
        real(span).into_iter().take(limit).collect()
    }

    #[test]
    fn a_server_that_cuts_and_lies_loses_nothing_either() {
        for limit in [10, 100, 511, 1000, 2048, 4000] {
            let both = |span: Span| (first(limit, span), true);
            let mut announced = Truncation::default();
            let read = read(&mut announced, Instant::now(), both);
            assert_eq!((read.rows, read.given_up), (4097, 0), "{limit}");
            assert!(read.requests < 40 + 40 * 4097 / limit as u32, "{limit} {read:?}");
        }
    }

    /// Answers that lack rows for a moment only, whatever was asked: the halves may lack them as well as the whole.
    #[test]
    fn a_server_that_cuts_now_and_then_loses_nothing() {
        for (seed, share) in (0..300).flat_map(|seed| [(seed, 0.2), (seed, 0.5), (seed, 0.8)]) {
            let mut state: u64 = seed;
            let mut cuts = |asked: Span| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let rows = real(asked);
                let cut = ((state >> 11) as f64) < share * (1_u64 << 53) as f64;
                let sent = if cut { rows.len() / 2 } else { rows.len() };
                (rows[..sent].to_vec(), cut)
            };
            let mut announced = Truncation::default();
            for _ in 0..3 {
                let read = read(&mut announced, Instant::now(), &mut cuts);
                // A row of its own in each second that is given up: whether it is, is another's to say.
                assert!(read.rows + read.given_up as usize >= 4097, "{seed} {share} {read:?}");
            }
            assert_eq!(announced.disbelief, None, "{seed} {share}");
        }
    }

    #[test]
    fn more_rows_than_were_proven_are_put_to_the_test() {
        let now = Instant::now();
        let mut announced = Truncation::default();
        let lies = |span: Span| (real(span).into_iter().filter(|row| row % 2 == 0).collect(), true);
        read(&mut announced, now, lies);
        // Twice the rows: the whole, two halves, the rest. From then on one request will do.
        let lies = |span: Span| (real(span), true);
        assert_eq!(read(&mut announced, now, lies).requests, 4);
        assert_eq!(read(&mut announced, now, lies).requests, 1);
    }

    #[test]
    fn an_answer_without_any_of_its_rows_proves_nothing() {
        let now = Instant::now();
        let none = RowCounts::default;
        let mut announced = Truncation::default();
        for to in [4096, 2048, 1024, 512, 256] {
            let other = announced.other_half(span(0, to)).map(|_| none());
            assert_eq!(announced.judge(span(0, to), none(), other.as_ref(), now), Verdict::Nothing);
        }
        // Once the number is known to say nothing, it says nothing of an empty span, until the next test.
        announced.committed();
        let lies = |span: Span| (real(span), true);
        read(&mut announced, now, lies);
        assert_eq!(announced.judge(span(0, 9), none(), None, now + 2 * DISBELIEF), Verdict::Whole);
        assert_eq!(announced.judge(span(0, 9), counts([1]), None, now + 2 * DISBELIEF), Verdict::Cut);
    }

    #[test]
    fn the_other_half_is_that_of_the_span_around() {
        let now = Instant::now();
        let mut announced = Truncation::default();
        assert_eq!(announced.other_half(span(0, 100)), None);
        announced.judge(span(0, 100), counts(0..10), None, now);
        assert_eq!(announced.other_half(span(0, 50)), Some(span(50, 100)));
        assert_eq!(announced.other_half(span(0, 100)), None, "asked again after a failure");
        assert_eq!(announced.other_half(span(50, 100)), None, "the first half was good");
        // A row that came between two of the requests starts the test anew.
        for (to, rows, other) in
            [(50, 0..5, 5..10), (25, 0..2, 2..5), (12, 0..1, 1..3), (6, 0..1, 0..0), (3, 0..1, 0..0)]
        {
            assert_eq!(announced.judge(span(0, to), counts(rows), Some(&counts(other)), now), Verdict::Cut);
        }
        announced.committed();
        assert_eq!(announced.other_half(span(0, 1)), None);
    }

    #[test]
    fn halves_are_held_against_the_whole_row_by_row() {
        use Halves::{Fewer, More, Same};
        // By second, and how many of one kind; the kinds of all seconds are alike.
        let rows = |counts: Vec<(i64, u32)>| -> RowCounts {
            counts.into_iter().map(|(second, count)| ((LocalSecond::new(second), 7), count)).collect()
        };
        let whole = rows(vec![(1, 1), (2, 2), (3, 1)]);
        for (first, other, halves) in [
            (vec![(1, 1), (2, 2)], vec![(3, 1)], Same),
            // The second that both share, by an inclusive end or not.
            (vec![(1, 1), (2, 2)], vec![(2, 2), (3, 1)], Same),
            (vec![(1, 1)], vec![(2, 2), (3, 1)], Same),
            (vec![(1, 1), (2, 1)], vec![(2, 1), (3, 1)], Fewer),
            (vec![(1, 1)], vec![(3, 1)], Fewer),
            // As many rows, but not the same ones.
            (vec![(1, 1), (2, 2)], vec![(4, 1)], More),
            (vec![(1, 1), (2, 3)], vec![], More),
        ] {
            let (first, other) = (rows(first), rows(other));
            assert_eq!(Halves::of(&whole, &first, &other), halves, "{first:?} {other:?}");
        }
    }
}
