//! The rows of one answer, reduced to what the ledger needs, until the answer is known to be
//! complete.
//!
//! Owns 40 bytes per row, whatever the answer's size, and each label once; it must hold no other
//! text of a row. It also decides whether too many rows are unreadable for the answer to count.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{LocalSecond, MenuLabels, NUMBER, OptionRules, OwnMap};
use wolkvox_api::{ApiError, Rejected, Rejection, Row, RowLabels};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchRow {
    pub(super) date: LocalSecond,
    pub(super) fingerprint: u64,
    pub(super) interaction: Option<std::num::NonZeroU64>,
    /// Index into `RowBatch::labels`.
    pub(super) menu: u32,
    /// Seconds since the interaction began; [`NO_SECOND`] where absent.
    pub(super) second: u32,
    pub(super) attempts: u32,
}

pub(super) const NO_SECOND: u32 = u32::MAX;

/// Divisor of the largest share of unreadable rows: an answer of which a quarter is unreadable does
/// not count.
const LARGE_SHARE: u64 = 4;

/// The rows of an answer that have arrived so far.
#[derive(Debug, Default, Clone)]
pub struct RowBatch {
    pub(super) rows: Vec<BatchRow>,
    pub(super) labels: Vec<MenuLabels>,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    /// Rows left out because their dates are outside the requested range.
    pub(super) outside: u64,
    /// The first rejected row of each reason.
    examples: BTreeMap<Rejection, Rejected>,
    /// An element was not JSON.
    damaged: bool,
    /// Indexes into `labels`, by the received labels, each followed by a NUL.
    by_labels: HashMap<Box<str>, u32>,
    /// The received labels of the current row.
    written: String,
    /// Indexes into `labels`, by the labels after the rules.
    by_ruled: HashMap<MenuLabels, u32>,
    rules: Arc<OptionRules>,
}

impl RowBatch {
    /// Makes an empty batch whose options are renamed and folded by `rules`.
    pub fn new(rules: Arc<OptionRules>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Returns the number of rows, without those that were rejected.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Returns the number of rows by date and fingerprint.
    pub fn counts(&self) -> OwnMap<(LocalSecond, u64), u32> {
        let mut counts = OwnMap::default();
        for row in &self.rows {
            *counts.entry((row.date, row.fingerprint)).or_default() += 1;
        }
        counts
    }

    /// Sorts the rows by date, as [`RowBatch::take_before`] requires.
    pub fn sort_by_date(&mut self) {
        self.rows.sort_unstable_by_key(|row| (row.date, row.fingerprint));
    }

    /// Removes and returns the rows dated before `date`; the batch must be sorted by date. All
    /// unreadable rows are moved with them, so that they are counted once.
    #[must_use]
    pub fn take_before(&mut self, date: LocalSecond) -> Self {
        let behind = self.rows.partition_point(|row| row.date < date);
        Self {
            rows: self.rows.drain(..behind).collect(),
            labels: self.labels.clone(),
            rejected: std::mem::take(&mut self.rejected),
            outside: std::mem::take(&mut self.outside),
            rules: self.rules.clone(),
            ..Self::default()
        }
    }

    /// Removes the rows dated before `first` or after `last`, which come from a server that ignores
    /// the requested range.
    pub fn keep_between(&mut self, first: LocalSecond, last: LocalSecond) {
        let before = self.rows.len();
        self.rows.retain(|row| (first..=last).contains(&row.date));
        self.outside += (before - self.rows.len()) as u64;
    }

    /// Returns the number of unreadable rows. The vendor's lines of totals are not rows and do not
    /// count.
    pub fn unread(&self) -> u64 {
        self.unread_by_reason().map(|(_, count)| count).sum()
    }

    /// Returns the first row that was rejected for the most frequent reason.
    pub fn example(&self) -> Option<&Rejected> {
        let (reason, _) = self.unread_by_reason().max_by_key(|(_, count)| *count)?;
        self.examples.get(&reason)
    }

    fn unread_by_reason(&self) -> impl Iterator<Item = (Rejection, u64)> {
        let unread = self.rejected.iter().filter(|(reason, _)| **reason != Rejection::Total);
        unread.map(|(reason, count)| (*reason, *count))
    }

    /// Rejects rows dated after `latest`: no real row is dated days after the requested range.
    pub fn reject_after(&mut self, latest: LocalSecond) {
        let before = self.rows.len();
        self.rows.retain(|row| row.date <= latest);
        let future = (before - self.rows.len()) as u64;
        if future > 0 {
            let reason = Rejection::FutureDate;
            *self.rejected.entry(reason).or_default() += future;
            let example =
                Rejected { field: "date", pattern: "days in the future".into(), ..reason.into() };
            self.examples.entry(reason).or_insert(example);
        }
    }

    /// Checks that a complete answer may be counted.
    ///
    /// # Errors
    /// If an element is not JSON, if no row can be read, or if at least two rows and a quarter of
    /// all are unreadable. The report has then probably changed, and its readable rows are not
    /// representative.
    pub fn verdict(&self) -> Result<(), ApiError> {
        if self.damaged {
            return Err(ApiError::NotJson("a row is none".to_owned()));
        }
        let unread = self.unread();
        let rows = self.rows();
        let large =
            unread > 0 && (rows == 0 || (unread > 1 && unread * LARGE_SHARE >= unread + rows));
        match self.example().filter(|_| large) {
            Some(Rejected { field, pattern, .. }) => Err(ApiError::RowsRejected {
                rejected: unread,
                total: unread + rows,
                field,
                pattern: pattern.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Adds a row, or the reason for its rejection.
    pub fn push(&mut self, row: Result<Row<'_>, Rejected>) {
        let row = match row {
            Ok(row) => row,
            Err(rejected) => {
                self.damaged |= rejected.damaged;
                *self.rejected.entry(rejected.reason).or_default() += 1;
                self.examples.entry(rejected.reason).or_insert(rejected);
                return;
            }
        };
        self.written.clear();
        for label in [&row.labels.rp_id, &row.labels.channel, &row.labels.option] {
            self.written.push_str(label);
            // Labels contain no control characters, so this separates them.
            self.written.push('\0');
        }
        let menu = match self.by_labels.get(self.written.as_str()) {
            Some(menu) => *menu,
            None => self.menu(&row.labels),
        };
        self.rows.push(BatchRow {
            date: row.date,
            fingerprint: row.fingerprint,
            // A hash of 0 becomes 1.
            interaction: row
                .interaction
                .map(|hash| hash.try_into().unwrap_or(std::num::NonZeroU64::MIN)),
            menu,
            second: row.second.map_or(NO_SECOND, |second| second.min(NO_SECOND - 1)),
            attempts: row.attempts,
        });
    }

    /// Returns the index of labels that are not in `by_labels`.
    fn menu(&mut self, labels: &RowLabels<'_>) -> u32 {
        // [`NUMBER`] is our own replacement for a number that a caller typed, so the operator's
        // rules do not apply to it.
        let option = match &*labels.option {
            NUMBER => NUMBER,
            option => self.rules.apply(option).label(),
        };
        let ruled = MenuLabels::new(&labels.rp_id, &labels.channel, option);
        let menu = match self.by_ruled.get(&ruled) {
            Some(menu) => *menu,
            None => {
                let menu =
                    u32::try_from(self.labels.len()).expect("an answer has fewer rows than 2^32");
                self.labels.push(ruled.clone());
                self.by_ruled.insert(ruled, menu);
                menu
            }
        };
        self.by_labels.insert(self.written.as_str().into(), menu);
        menu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fingerprint: u64) -> Row<'static> {
        Row {
            labels: RowLabels::new("10", "voice", "1"),
            fingerprint,
            interaction: None,
            began: None,
            date: LocalSecond::default(),
            second: None,
            attempts: 0,
        }
    }

    fn batch(rows: u64, rejected: &[(Rejection, u64)]) -> RowBatch {
        let mut batch = RowBatch::default();
        for fingerprint in 0..rows {
            batch.push(Ok(row(fingerprint)));
        }
        for (reason, count) in rejected {
            (0..*count).for_each(|_| batch.push(Err((*reason).into())));
        }
        batch
    }

    #[test]
    fn an_answer_of_rows_that_cannot_be_read_is_none() {
        use Rejection::{BadDate, Malformed, NoIdentity, TooLong, Total};
        for (rows, rejected, unread, good) in [
            (0, &[][..], 0, true),
            (100, &[], 0, true),
            // The vendor's lines of totals, alone or not.
            (0, &[(Total, 1)], 0, true),
            (100, &[(Total, 1)], 0, true),
            (100, &[(Total, 50)], 0, true),
            (0, &[(Total, 1), (BadDate, 1)], 1, false),
            // A row without an interaction is unreadable like any other.
            (0, &[(NoIdentity, 1)], 1, false),
            (100, &[(NoIdentity, 1)], 1, true),
            (100, &[(NoIdentity, 50)], 50, false),
            (0, &[(BadDate, 1)], 1, false),
            (0, &[(TooLong, 3)], 3, false),
            // A single unreadable row, however few the others are.
            (1, &[(BadDate, 1)], 1, true),
            (100, &[(BadDate, 1)], 1, true),
            (1, &[(BadDate, 2)], 2, false),
            (100, &[(BadDate, 20), (Malformed, 10)], 30, true),
            (100, &[(BadDate, 20), (Malformed, 14)], 34, false),
            (3, &[(BadDate, 1)], 1, true),
            (6, &[(BadDate, 2)], 2, false),
        ] {
            let batch = batch(rows, rejected);
            assert_eq!(
                (batch.unread(), batch.verdict().is_ok()),
                (unread, good),
                "{rows} {rejected:?}"
            );
        }
    }

    #[test]
    fn the_field_that_most_rows_fail_by_is_named() {
        let example = |field, pattern: &str, reason| {
            Err(Rejected { field, pattern: pattern.to_owned(), ..Rejected::from(reason) })
        };
        let mut batch = batch(1, &[(Rejection::Total, 3), (Rejection::TooLong, 1)]);
        assert_eq!(batch.example().map(|example| example.reason), Some(Rejection::TooLong));
        for pattern in ["99/99/9999", "a"] {
            batch.push(example("date", pattern, Rejection::BadDate));
        }
        let named = ApiError::RowsRejected {
            rejected: 3,
            total: 4,
            field: "date",
            pattern: "99/99/9999".into(),
        };
        assert_eq!(batch.verdict(), Err(named));
        batch.push(Err(Rejected { damaged: true, ..Rejection::Malformed.into() }));
        assert!(matches!(batch.verdict(), Err(ApiError::NotJson(_))));
    }

    #[test]
    fn rows_of_another_year_are_no_rows() {
        let mut mixed = batch(3, &[]);
        mixed.rows[0].date = LocalSecond::new(101);
        mixed.reject_after(LocalSecond::new(100));
        assert_eq!((mixed.rows(), mixed.unread(), mixed.verdict()), (2, 1, Ok(())));
        let mut future = batch(3, &[]);
        future.reject_after(LocalSecond::new(-1));
        assert!(matches!(
            future.verdict(),
            Err(ApiError::RowsRejected { rejected: 3, field: "date", .. })
        ));
    }

    #[test]
    fn rows_are_taken_by_date_and_what_could_not_be_read_once() {
        let mut batch = batch(5, &[(Rejection::BadDate, 2)]);
        for (row, date) in batch.rows.iter_mut().zip([7, 3, 9, 3, 8]) {
            row.date = LocalSecond::new(date);
        }
        batch.sort_by_date();
        let dates =
            |batch: &RowBatch| batch.rows.iter().map(|row| row.date.get()).collect::<Vec<_>>();
        let first = batch.take_before(LocalSecond::new(8));
        assert_eq!((dates(&first), first.unread()), (vec![3, 3, 7], 2));
        assert_eq!((dates(&batch), batch.unread(), batch.labels.len()), (vec![8, 9], 0, 1));
    }

    #[test]
    fn rules_do_not_touch_what_somebody_typed() {
        let mut rules = OptionRules::default();
        rules.allow("[0-9]").expect("a pattern");
        let mut batch = RowBatch::new(Arc::new(rules));
        for option in [NUMBER, "1", "x"] {
            let labels = RowLabels::new("10", "voice", option);
            let date = LocalSecond::default();
            let row = Row {
                labels,
                fingerprint: 0,
                interaction: None,
                began: None,
                date,
                second: None,
                attempts: 0,
            };
            batch.push(Ok(row));
        }
        let options: Vec<&str> = batch.labels.iter().map(|labels| &*labels.option).collect();
        assert_eq!(options, [NUMBER, "1", "other"]);
    }
}
