//! The rows of one answer, reduced to what the ledger needs, until it is known that the answer is whole.
//!
//! 40 bytes a row, whatever the answer's size. Holds no text of a row but its labels, each once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    model::{MenuLabels, OptionRules},
    wolkvox::{Rejection, Row},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchRow {
    pub(super) date: i64,
    pub(super) fingerprint: u64,
    pub(super) interaction: Option<std::num::NonZeroU64>,
    /// Index into `RowBatch::labels`.
    pub(super) menu: u32,
    /// `u32::MAX` where absent: a value that no row has (see `SecondsHistogram`).
    pub(super) second: u32,
    pub(super) attempts: u32,
}

pub(super) const NO_SECOND: u32 = u32::MAX;

/// What has arrived of an answer so far.
#[derive(Debug, Default)]
pub struct RowBatch {
    pub(super) rows: Vec<BatchRow>,
    pub(super) labels: Vec<MenuLabels>,
    pub(super) rejected: BTreeMap<Rejection, u64>,
    /// Labels as they came.
    by_labels: HashMap<MenuLabels, u32>,
    /// Labels as the rules made them.
    by_ruled: HashMap<MenuLabels, u32>,
    rules: Arc<OptionRules>,
}

impl RowBatch {
    /// Empty; `rules` say what options are called.
    pub fn new(rules: Arc<OptionRules>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// How many rows there are, without those that were rejected.
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Adds a row, or the reason why there is none.
    pub fn push(&mut self, row: Result<Row, Rejection>) {
        let row = match row {
            Ok(row) => row,
            Err(rejection) => {
                *self.rejected.entry(rejection).or_default() += 1;
                return;
            }
        };
        let menu = match self.by_labels.get(&row.labels) {
            Some(menu) => *menu,
            None => self.menu(row.labels),
        };
        self.rows.push(BatchRow {
            date: row.date,
            fingerprint: row.fingerprint,
            // A hash of 0 is as good as one of 1.
            interaction: row.interaction.map(|hash| hash.try_into().unwrap_or(std::num::NonZeroU64::MIN)),
            menu,
            second: row.second.map_or(NO_SECOND, |second| second.min(NO_SECOND - 1)),
            attempts: row.attempts,
        });
    }

    /// The index of labels that have not come before.
    fn menu(&mut self, labels: MenuLabels) -> u32 {
        let ruled = MenuLabels {
            point: labels.point.clone(),
            option: self.rules.apply(&labels.option).label().into(),
        };
        let menu = match self.by_ruled.get(&ruled) {
            Some(menu) => *menu,
            None => {
                let menu = u32::try_from(self.labels.len()).expect("an answer has fewer rows than 2^32");
                self.labels.push(ruled.clone());
                self.by_ruled.insert(ruled, menu);
                menu
            }
        };
        self.by_labels.insert(labels, menu);
        menu
    }
}
