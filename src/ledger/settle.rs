//! The ledger's one step: a whole answer against what is remembered.

use std::{collections::BTreeMap, num::NonZeroU64};

use super::{
    account::{Account, Menu, Point, Totals},
    stage::{NO_SECOND, Stage, StagedRow},
};
use crate::{
    labels::{MenuLabels, PointLabels},
    wolkvox::Rejection,
};

/// What identifies a row: its date (seconds of the server's wall clock) and a hash of all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// See [`crate::wolkvox::Row::date`].
    pub date: i64,
    /// See [`crate::wolkvox::Row::fingerprint`].
    pub fingerprint: u64,
}

/// What is remembered of the rows with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRecord {
    /// How many an answer held at most.
    pub count: u32,
    /// The number of their menu in the account.
    pub menu: u32,
    /// The interaction that they belong to.
    pub interaction: Option<NonZeroU64>,
}

/// What was seen before.
pub trait Memory {
    /// Why it cannot be read.
    type Error;
    /// How many rows with this key an answer has held at most; 0 for none.
    fn count(&self, key: RowKey) -> Result<u32, Self::Error>;
    /// Whether a row of this interaction has been counted.
    fn knows(&self, interaction: NonZeroU64) -> Result<bool, Self::Error>;
}

/// The limits that a step respects, all in seconds of the server's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows dated before it are `out_of_range`: the origin, or the end of memory if that is later.
    pub earliest: i64,
    /// Rows dated after it are rejected: nothing real lies days after the window that was asked for, and
    /// a date centuries ahead would never be forgotten.
    pub latest: i64,
    /// New rows dated before it are late.
    pub watermark: i64,
}

/// What an answer changes: everything to be committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The target's totals after it, but for watermark and horizon, which are the caller's.
    pub totals: Totals,
    /// Menus that changed, whole, with their numbers.
    pub menus: Vec<(MenuLabels, (u32, Menu))>,
    /// Points that changed, whole.
    pub points: Vec<(PointLabels, Point)>,
    /// Records that changed, ascending by key.
    pub rows: Vec<(RowKey, RowRecord)>,
    /// Interactions with a new row, and the latest date of those.
    pub interactions: BTreeMap<NonZeroU64, i64>,
}

impl Step {
    pub(super) fn nothing(totals: Totals) -> Self {
        Self {
            totals,
            menus: Vec::new(),
            points: Vec::new(),
            rows: Vec::new(),
            interactions: BTreeMap::new(),
        }
    }
}

/// Finds the new rows of a whole answer and adds them up. `lateness` turns a row's date into the whole
/// seconds since then.
pub fn settle<M: Memory>(
    account: &Account,
    mut stage: Stage,
    bounds: Bounds,
    memory: &M,
    lateness: impl Fn(i64) -> u32,
) -> Result<Step, M::Error> {
    let mut step = Step::nothing(account.totals.clone());
    for (rejection, count) in std::mem::take(&mut stage.rejected) {
        *step.totals.rejected.entry(rejection).or_default() += count;
    }

    // Equal rows become neighbours, and memory is asked in its own order.
    stage.rows.sort_unstable_by_key(|row| (row.date, row.fingerprint));
    let mut menus: BTreeMap<u32, Menu> = BTreeMap::new();
    let mut numbers: Vec<Option<u32>> = vec![None; stage.labels.len()];
    let mut next_number = account.next_number();
    let mut points: BTreeMap<PointLabels, Point> = BTreeMap::new();
    let mut newest = i64::MIN;

    for alike in stage.rows.chunk_by(|a, b| (a.date, a.fingerprint) == (b.date, b.fingerprint)) {
        let row = alike[0];
        let seen = alike.len() as u64;
        if row.date < bounds.earliest {
            step.totals.out_of_range += seen;
            continue;
        }
        if row.date > bounds.latest {
            *step.totals.rejected.entry(Rejection::FutureDate).or_default() += seen;
            continue;
        }
        let key = RowKey { date: row.date, fingerprint: row.fingerprint };
        let known = u64::from(memory.count(key)?);
        let new = seen.saturating_sub(known);
        step.totals.new += new;
        step.totals.repeated += seen - new;
        if new == 0 {
            continue;
        }
        newest = newest.max(row.date);
        if row.date < bounds.watermark {
            step.totals.late += new;
        }
        step.totals.lateness.observe(lateness(row.date), new);

        let labels = &stage.labels[row.menu as usize];
        let number = *numbers[row.menu as usize].get_or_insert_with(|| match account.menus.get(labels) {
            Some((number, _)) => *number,
            None => {
                next_number += 1;
                next_number - 1
            }
        });
        let menu = menus
            .entry(row.menu)
            .or_insert_with(|| account.menus.get(labels).map(|(_, menu)| menu.clone()).unwrap_or_default());
        count(menu, row, new);
        let count = u32::try_from(known + new).unwrap_or(u32::MAX);
        step.rows.push((key, RowRecord { count, menu: number, interaction: row.interaction }));

        let point = points
            .entry(labels.point.clone())
            .or_insert_with(|| account.points.get(&labels.point).cloned().unwrap_or_default());
        if let Some(interaction) = row.interaction {
            match step.interactions.get_mut(&interaction) {
                Some(latest) => *latest = row.date.max(*latest),
                None => {
                    if !memory.knows(interaction)? {
                        point.interactions += 1;
                    }
                    step.interactions.insert(interaction, row.date);
                }
            }
        }
    }

    if newest > i64::MIN {
        step.totals.last_row = step.totals.last_row.max(Some(newest));
    }
    step.menus = menus
        .into_iter()
        .filter_map(|(index, menu)| {
            let number = numbers[index as usize]?;
            Some((stage.labels[index as usize].clone(), (number, menu)))
        })
        .collect();
    step.points = points.into_iter().collect();
    Ok(step)
}

fn count(menu: &mut Menu, row: StagedRow, new: u64) {
    menu.hits += new;
    menu.attempts += u64::from(row.attempts) * new;
    if row.attempts > 1 {
        menu.retries += new;
    }
    if row.second != NO_SECOND {
        menu.seconds.observe(row.second, new);
    }
}
