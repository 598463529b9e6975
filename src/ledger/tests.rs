//! The ledger against a plain multiset.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    num::NonZeroU64,
};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    labels::{MenuLabels, PointLabels},
    wolkvox::{Rejection, Row},
};

#[derive(Default)]
struct Remembered {
    rows: HashMap<RowKey, RowRecord>,
    interactions: BTreeSet<NonZeroU64>,
}

impl Memory for Remembered {
    type Error = Infallible;
    fn count(&self, key: RowKey) -> Result<u32, Infallible> {
        Ok(self.rows.get(&key).map_or(0, |record| record.count))
    }
    fn knows(&self, interaction: NonZeroU64) -> Result<bool, Infallible> {
        Ok(self.interactions.contains(&interaction))
    }
}

const OPEN: Bounds = Bounds { earliest: i64::MIN, latest: i64::MAX, watermark: i64::MIN };

struct Book {
    account: Account,
    memory: Remembered,
}

impl Book {
    fn new() -> Self {
        Self { account: Account::new(Timestamp::UNIX_EPOCH), memory: Remembered::default() }
    }

    fn read(&mut self, rows: impl IntoIterator<Item = Row>, bounds: Bounds) {
        let mut stage = Stage::default();
        rows.into_iter().for_each(|row| stage.push(Ok(row)));
        let Ok(step) = settle(&self.account, stage, bounds, &self.memory, |_| 9);
        self.memory.rows.extend(step.rows.iter().copied());
        self.memory.interactions.extend(step.interactions.keys());
        self.account.apply(step);
    }

    fn hits(&self) -> BTreeMap<String, u64> {
        self.account.menus.iter().map(|(l, (_, m))| (l.option.to_string(), m.hits)).collect()
    }
}

fn row(date: i64, who: u64, option: &str) -> Row {
    Row {
        labels: MenuLabels::new("10", "voice", option),
        fingerprint: who * 31 + option.len() as u64,
        interaction: Some(who),
        date,
        second: Some(7),
        attempts: 2,
    }
}

#[test]
fn a_row_counts_once_and_equal_rows_each() {
    let mut book = Book::new();
    let rows = [row(100, 1, "A"), row(100, 1, "A"), row(105, 2, "B")];
    book.read(rows.clone(), OPEN);
    book.read(rows.clone(), OPEN);
    // A third of the same kind appears late, in an overlapping answer.
    book.read([rows[0].clone(), rows[0].clone(), rows[0].clone()], OPEN);
    assert_eq!(book.hits(), BTreeMap::from([("A".into(), 3), ("B".into(), 1)]));
    let totals = &book.account.totals;
    assert_eq!((totals.new, totals.repeated, totals.last_row), (4, 5, Some(105)));
    let (_, menu) = &book.account.menus[&MenuLabels::new("10", "voice", "A")];
    assert_eq!((menu.attempts, menu.retries, menu.seconds.sum(), menu.seconds.count()), (6, 3, 21, 3));
    assert_eq!(book.account.points[&PointLabels::new("10", "voice")].interactions, 2);
}

#[test]
fn a_smaller_answer_takes_nothing_back() {
    let mut book = Book::new();
    book.read([row(100, 1, "A"), row(100, 1, "A")], OPEN);
    book.read([row(100, 1, "A")], OPEN);
    book.read([row(100, 1, "A"), row(100, 1, "A")], OPEN);
    assert_eq!(book.hits()["A"], 2);
}

#[test]
fn rows_outside_the_bounds_are_counted_as_such() {
    let mut book = Book::new();
    let bounds = Bounds { earliest: 100, latest: 200, watermark: 150 };
    book.read([99, 100, 149, 150, 200, 201].map(|date| row(date, date as u64, "A")), bounds);
    let totals = &book.account.totals;
    assert_eq!((totals.out_of_range, totals.new, totals.late), (1, 4, 2));
    assert_eq!(totals.rejected, BTreeMap::from([(Rejection::FutureDate, 1)]));
    assert_eq!((totals.lateness.count(), totals.lateness.sum()), (4, 36));
}

#[test]
fn rejections_are_counted_by_reason() {
    let mut stage = Stage::default();
    for rejection in [Rejection::BadDate, Rejection::BadDate, Rejection::TooLong] {
        stage.push(Err(rejection));
    }
    let book = Book::new();
    let Ok(step) = settle(&book.account, stage, OPEN, &book.memory, |_| 0);
    assert_eq!(step.totals.rejected, BTreeMap::from([(Rejection::BadDate, 2), (Rejection::TooLong, 1)]));
    assert!(step.rows.is_empty() && step.menus.is_empty());
}

#[test]
fn a_window_counts_what_is_dated_in_it_and_shows_known_options_at_0() {
    let mut book = Book::new();
    book.account.expect(MenuLabels::new("10", "voice", "Z"));
    book.account.expect(MenuLabels::new("20", "chat-web", "Z"));
    book.read([row(100, 1, "A"), row(100, 1, "A"), row(101, 1, "BB"), row(102, 2, "A")], OPEN);
    let records = book.memory.rows.values().copied();
    let window = book.account.window(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, records);
    let hits: Vec<(&str, &str, u64)> =
        window.hits.iter().map(|(l, n)| (&*l.point.rp_id, &*l.option, *n)).collect();
    assert_eq!(hits, [("10", "A", 3), ("10", "BB", 1), ("10", "Z", 0), ("20", "Z", 0)]);
    let interactions: Vec<u64> = window.interactions.values().copied().collect();
    assert_eq!(interactions, [2, 0]);
}

#[test]
fn counts_are_released_once_their_zero_was_seen() {
    let mut book = Book::new();
    book.read([row(100, 1, "A"), row(100, 2, "BB")], OPEN);
    assert!(book.account.release(Timestamp::UNIX_EPOCH, |_| false, |_| false).is_none());
    let step = book.account.release(Timestamp::UNIX_EPOCH, |l| &*l.option == "A", |_| true).unwrap();
    book.account.apply(step);
    let released: Vec<_> = book.account.menus.values().map(|(_, menu)| menu.released).collect();
    assert_eq!(released, [Some(0), None]);
    let later = Timestamp::from_second(5).unwrap();
    let step = book.account.release(later, |_| true, |_| true).unwrap();
    assert_eq!((step.menus.len(), step.points.len()), (1, 0), "what is released stays as it is");
    book.account.apply(step);
    assert!(book.account.release(later, |_| true, |_| true).is_none());
}

proptest! {
    /// However a set of rows is cut into overlapping answers, and whatever is still missing from some of them,
    /// the counts end at the rows, once each has been in a whole answer.
    #[test]
    fn any_overlapping_reads_end_at_the_truth(
        rows in prop::collection::vec((0i64..20, 1u64..6, prop::sample::select(vec!["A", "BB", "CCC"])), 0..60),
        reads in prop::collection::vec((0i64..20, 0i64..20, any::<u64>()), 0..12),
    ) {
        let rows: Vec<Row> = rows.into_iter().map(|(date, who, option)| row(date, who, option)).collect();
        let mut book = Book::new();
        let mut received = 0;
        let last = [(0, 20, u64::MAX)];
        for (from, to, visible) in reads.into_iter().chain(last) {
            let answer: Vec<Row> = rows
                .iter()
                .enumerate()
                .filter(|(i, row)| (from..=to).contains(&row.date) && visible >> (i % 64) & 1 == 1)
                .map(|(_, row)| row.clone())
                .collect();
            received += answer.len() as u64;
            book.read(answer, OPEN);
        }
        let mut truth: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            *truth.entry(row.labels.option.to_string()).or_default() += 1;
        }
        prop_assert_eq!(book.hits(), truth);
        let totals = &book.account.totals;
        prop_assert_eq!((totals.new, totals.new + totals.repeated), (rows.len() as u64, received));
        let interactions: BTreeSet<u64> = rows.iter().filter_map(|row| row.interaction).collect();
        let counted: u64 = book.account.points.values().map(|point| point.interactions).sum();
        prop_assert_eq!(counted, interactions.len() as u64);
    }
}
