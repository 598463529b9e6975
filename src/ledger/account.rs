//! What one target's rows add up to: the numbers that are committed, restored and exposed.
//!
//! Changes only by [`Account::apply`], with a step that has been committed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::settle::{RowRecord, Step};
use crate::{
    histogram::SecondsHistogram,
    labels::{MenuLabels, PointLabels},
    wolkvox::Rejection,
};

/// Upper bounds of `wolkvox_row_lateness_seconds`: from the usual seconds to the two days after which nobody
/// has seen a row appear.
pub const LATENESS_BOUNDS: [f64; 12] =
    [30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 172_800.0];

/// What has been counted for one option of one menu.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// Rows.
    pub hits: u64,
    /// Sum of their attempts.
    pub attempts: u64,
    /// Rows with more than one attempt.
    pub retries: u64,
    /// Seconds from the start of the interaction to the option.
    pub seconds: SecondsHistogram,
    /// When the counts first became visible, having been shown as 0 for long enough; Unix seconds. Until
    /// then they are exposed as 0.
    pub released: Option<i64>,
}

/// What has been counted for one routing point and channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Distinct interactions.
    pub interactions: u64,
    /// As [`Menu::released`].
    pub released: Option<i64>,
}

/// What has been counted for the whole target, and how far it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows dated before this moment are none of ours; Unix seconds.
    pub origin: i64,
    /// Every window before this moment is committed; Unix seconds.
    pub watermark: i64,
    /// Rows dated before this are no longer remembered; seconds of the server's wall clock.
    pub horizon: i64,
    /// The newest date seen; seconds of the server's wall clock.
    pub last_row: Option<i64>,
    /// Rows counted.
    pub new: u64,
    /// Rows that had been counted before.
    pub repeated: u64,
    /// Rows dated before the origin or the horizon.
    pub out_of_range: u64,
    /// Rows that cannot be counted, by reason.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Rows counted although their window had been committed before.
    pub late: u64,
    /// Seconds from a row's date to its first sight.
    pub lateness: SecondsHistogram,
    /// Answers known to be short: over the limit of rows within a single second.
    pub incomplete: u64,
    /// When the hourly re-reading was last committed; Unix seconds.
    pub hourly_at: i64,
    /// When the nightly re-reading was last committed; Unix seconds.
    pub nightly_at: i64,
}

impl Totals {
    fn new(origin: Timestamp) -> Self {
        Self {
            origin: origin.as_second(),
            watermark: origin.as_second(),
            horizon: i64::MIN,
            last_row: None,
            new: 0,
            repeated: 0,
            out_of_range: 0,
            rejected: BTreeMap::new(),
            late: 0,
            lateness: SecondsHistogram::default(),
            incomplete: 0,
            hourly_at: origin.as_second(),
            nightly_at: origin.as_second(),
        }
    }

    /// [`Totals::watermark`] as a moment.
    pub fn watermark(&self) -> Timestamp {
        moment(self.watermark)
    }

    /// [`Totals::origin`] as a moment.
    pub fn origin(&self) -> Timestamp {
        moment(self.origin)
    }

    /// [`Totals::hourly_at`] as a moment.
    pub fn hourly_at(&self) -> Timestamp {
        moment(self.hourly_at)
    }

    /// [`Totals::nightly_at`] as a moment.
    pub fn nightly_at(&self) -> Timestamp {
        moment(self.nightly_at)
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}

/// The aggregates of one target. Menus and points have a number that stands for them in the rows' records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// For the whole target.
    pub totals: Totals,
    /// By label set, with the number of each.
    pub menus: BTreeMap<MenuLabels, (u32, Menu)>,
    /// By label set.
    pub points: BTreeMap<PointLabels, Point>,
}

impl Account {
    /// A target that has never been read, counting from `origin`.
    pub fn new(origin: Timestamp) -> Self {
        Self { totals: Totals::new(origin), menus: BTreeMap::new(), points: BTreeMap::new() }
    }

    /// Makes an option known before its first row, so that it is exposed at 0.
    pub fn expect(&mut self, labels: MenuLabels) {
        self.points.entry(labels.point.clone()).or_default();
        let number = self.next_number();
        self.menus.entry(labels).or_insert((number, Menu::default()));
    }

    /// The number that the next new menu gets.
    pub(super) fn next_number(&self) -> u32 {
        self.menus.values().map(|(number, _)| number + 1).max().unwrap_or(0)
    }

    /// Takes over what a committed step says.
    pub fn apply(&mut self, step: Step) {
        self.totals = step.totals;
        self.menus.extend(step.menus);
        self.points.extend(step.points);
    }

    /// A step that counts nothing and makes every held count visible for which `zero_was_seen` says that it
    /// has been shown as 0 for long enough. `None` when there is none.
    pub fn release(
        &self,
        now: Timestamp,
        menu_seen: impl Fn(&MenuLabels) -> bool,
        point_seen: impl Fn(&PointLabels) -> bool,
    ) -> Option<Step> {
        let released = Some(now.as_second());
        let mut step = Step::nothing(self.totals.clone());
        for (labels, (number, menu)) in &self.menus {
            if menu.released.is_none() && menu.hits > 0 && menu_seen(labels) {
                step.menus.push((labels.clone(), (*number, Menu { released, ..menu.clone() })));
            }
        }
        for (labels, point) in &self.points {
            if point.released.is_none() && point.interactions > 0 && point_seen(labels) {
                step.points.push((labels.clone(), Point { released, ..point.clone() }));
            }
        }
        (!step.menus.is_empty() || !step.points.is_empty()).then_some(step)
    }

    /// Counts the last window from the records of all rows dated in it.
    pub fn window(
        &self,
        start: Timestamp,
        end: Timestamp,
        records: impl IntoIterator<Item = RowRecord>,
    ) -> Window {
        let labels: BTreeMap<u32, &MenuLabels> =
            self.menus.iter().map(|(labels, (number, _))| (*number, labels)).collect();
        let mut hits: BTreeMap<MenuLabels, u64> =
            self.menus.keys().map(|labels| (labels.clone(), 0)).collect();
        let mut interactions: BTreeMap<PointLabels, std::collections::BTreeSet<u64>> =
            self.points.keys().map(|labels| (labels.clone(), Default::default())).collect();
        for record in records {
            let Some(menu) = labels.get(&record.menu) else { continue };
            *hits.entry((*menu).clone()).or_default() += u64::from(record.count);
            if let Some(interaction) = record.interaction {
                interactions.entry(menu.point.clone()).or_default().insert(interaction.get());
            }
        }
        let interactions =
            interactions.into_iter().map(|(labels, distinct)| (labels, distinct.len() as u64)).collect();
        Window { start, end, hits, interactions }
    }
}

/// What was dated inside the last closed window, for every known option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// First moment.
    pub start: Timestamp,
    /// First moment after it.
    pub end: Timestamp,
    /// Hits by option; 0 for one that had none.
    pub hits: BTreeMap<MenuLabels, u64>,
    /// Distinct interactions by routing point and channel.
    pub interactions: BTreeMap<PointLabels, u64>,
}
