//! The counts of an option, of a routing point, of a transition between options, and of a whole
//! target.
//!
//! Owns the fields of these counts, whose order is the layout of the state file. It must not know
//! how they are counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::LocalSecond;
use serde::{Deserialize, Serialize};
use wolkvox_api::Rejection;

use super::SecondsHistogram;

/// Upper bounds of the buckets of `wolkvox_row_lateness_seconds`, in seconds: from the usual half
/// minute to two days, the longest delay with which a row has appeared.
pub const LATENESS_BOUNDS: [f64; 12] = [
    30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 172_800.0,
];

/// The counts of one option of one menu.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionCounts {
    /// Rows counted.
    pub hits: u64,
    /// Sum of the attempts of these rows.
    pub attempts: u64,
    /// Rows with more than one attempt.
    pub retries: u64,
    /// Seconds from the start of the interaction to the option.
    pub seconds: SecondsHistogram,
    /// Unix second at which the counts first became visible, after they had been shown as 0 for
    /// long enough. Until then they are exposed as 0.
    pub released: Option<i64>,
    /// Journeys that began with the option.
    pub entries: u64,
    /// Journeys that ended with the option.
    pub finals: u64,
    /// Times that the option was entered again within a journey.
    pub repeats: u64,
    /// Date of its newest row.
    pub last_row: LocalSecond,
}

/// The counts of one routing point and channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingPointCounts {
    /// Distinct interactions.
    pub interactions: u64,
    /// Unix second at which the counts first became visible, see [`OptionCounts::released`].
    pub released: Option<i64>,
    /// The [`JourneyMeasure`](super::JourneyMeasure) of each journey that is over.
    pub journeys: SecondsHistogram,
    /// Journeys that are not over; a gauge.
    pub open: u64,
    /// Rows that arrived, or are dated, too late for the journey of their interaction.
    pub late_rows: u64,
}

impl RoutingPointCounts {
    /// Returns true if anything was counted. The outcome of a call may be known at another routing
    /// point and channel than its beginning, so a journey can be all that is counted.
    pub fn has_counted(&self) -> bool {
        self.interactions > 0 || self.journeys.count() > 0
    }
}

/// The number of times that one option was entered right after another in a journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionCounts {
    /// Number of these transitions.
    pub steps: u64,
    /// Unix second at which the count first became visible, see [`OptionCounts::released`].
    pub released: Option<i64>,
}

/// Rows that were counted under `other` because a limit was reached, as the `label` of
/// `wolkvox_series_overflow_total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// Rows of options beyond the limit, at a routing point with series of its own.
    pub options: u64,
    /// Rows of routing points beyond the limit.
    pub points: u64,
}

impl Overflow {
    /// Returns the number of all these rows.
    pub fn rows(&self) -> u64 {
        self.options + self.points
    }
}

/// The counts of the whole target, and the progress of its reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Start of the counting, in Unix seconds: rows dated before it are ignored.
    pub origin: i64,
    /// Every window before this moment is committed; Unix seconds.
    pub watermark: i64,
    /// Rows dated before this are no longer remembered.
    pub horizon: LocalSecond,
    /// Newest date of a counted row; dates more than an hour ahead of our clock are ignored.
    pub last_row: Option<LocalSecond>,
    /// Rows counted.
    pub new: u64,
    /// Rows that an earlier answer had held.
    pub repeated: u64,
    /// Rows dated before the origin or the horizon, or outside the requested range.
    pub out_of_range: u64,
    /// Rows that cannot be counted, by reason.
    pub rejected: BTreeMap<Rejection, u64>,
    /// Rows counted although their window had been committed before.
    pub late: u64,
    /// Seconds from a row's date to the first answer that held it.
    pub lateness: SecondsHistogram,
    /// Seconds or answers that are known to lack rows: over the limit of rows, given up,
    /// unreadable, too late for a re-reading, or the first answer after a contradiction that lasted
    /// an hour.
    pub incomplete: u64,
    /// Unix second at which the last finished hourly re-reading began.
    pub hourly_at: i64,
    /// Unix second at which the last finished nightly re-reading began.
    pub nightly_at: i64,
    /// Rows counted under `other` because a limit was reached.
    pub overflow: Overflow,
    /// The hourly re-reading that is in progress.
    pub hourly_read: Option<ReadCursor>,
    /// The nightly re-reading that is in progress.
    pub nightly_read: Option<ReadCursor>,
    /// Rows that were remembered without being counted, because they replaced others of their
    /// second, or because the report had contradicted the known rows for an hour.
    pub changed: u64,
    /// The moment from which counting continued after the report had contradicted the known rows
    /// for an hour; Unix seconds, 0 for none. Rows dated before it count only in answers that agree
    /// with the known rows.
    pub rebased_to: i64,
}

/// The progress of a re-reading; all in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCursor {
    /// Start of the re-reading, by our clock.
    pub began: i64,
    /// Beginning of the whole range.
    pub from: i64,
    /// Beginning of the next request.
    pub next: i64,
    /// End of the whole range.
    pub end: i64,
}

impl ReadCursor {
    /// Returns the share of the range that has been read, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let read = (self.next - self.from).max(0);
        let whole = (self.end - self.from).max(1);
        read as f64 / whole as f64
    }
}

impl Totals {
    pub(super) fn new(origin: Timestamp) -> Self {
        Self {
            origin: origin.as_second(),
            watermark: origin.as_second(),
            horizon: LocalSecond::MIN,
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
            overflow: Overflow::default(),
            hourly_read: None,
            nightly_read: None,
            changed: 0,
            rebased_to: 0,
        }
    }

    /// Returns [`Totals::watermark`] as a timestamp.
    pub fn watermark(&self) -> Timestamp {
        moment(self.watermark)
    }

    /// Returns [`Totals::origin`] as a timestamp.
    pub fn origin(&self) -> Timestamp {
        moment(self.origin)
    }

    /// Returns [`Totals::hourly_at`] as a timestamp.
    pub fn hourly_at(&self) -> Timestamp {
        moment(self.hourly_at)
    }

    /// Returns [`Totals::nightly_at`] as a timestamp.
    pub fn nightly_at(&self) -> Timestamp {
        moment(self.nightly_at)
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MIN)
}
