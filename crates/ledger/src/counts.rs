//! What is counted: of an option, of a routing point, of a step from one option to the next, and of
//! a target as a whole.
//!
//! Owns the shape of these numbers, which is that of the state file. Must not know how they come
//! about.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::LocalSecond;
use serde::{Deserialize, Serialize};
use wolkvox_api::Rejection;

use super::SecondsHistogram;

/// Upper bounds of `wolkvox_row_lateness_seconds`: from the usual seconds to the two days after
/// which nobody has seen a row appear.
pub const LATENESS_BOUNDS: [f64; 12] = [
    30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 172_800.0,
];

/// The counts of one option of one menu.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionCounts {
    /// Rows.
    pub hits: u64,
    /// Sum of their attempts.
    pub attempts: u64,
    /// Rows with more than one attempt.
    pub retries: u64,
    /// Seconds from the start of the interaction to the option.
    pub seconds: SecondsHistogram,
    /// Unix second at which the counts first became visible, having been shown as 0 for long
    /// enough. Until then they are exposed as 0.
    pub released: Option<i64>,
    /// Journeys that began with it.
    pub entries: u64,
    /// Journeys that ended with it.
    pub finals: u64,
    /// Times it was entered again within a journey.
    pub repeats: u64,
    /// Date of its newest row.
    pub last_row: LocalSecond,
}

/// The counts of one routing point and channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutingPointCounts {
    /// Distinct interactions.
    pub interactions: u64,
    /// As [`OptionCounts::released`].
    pub released: Option<i64>,
    /// The [`JourneyMeasure`](super::JourneyMeasure) of each journey that is over.
    pub journeys: SecondsHistogram,
    /// Journeys that are not over. Goes up and down.
    pub open: u64,
    /// Rows that came, or are dated, too late for the journey of their interaction.
    pub late_rows: u64,
}

impl RoutingPointCounts {
    /// Returns true if it has counted anything. What became of a call may be known at another
    /// routing point and channel than where the call began, so a journey can be all there is.
    pub fn has_counted(&self) -> bool {
        self.interactions > 0 || self.journeys.count() > 0
    }
}

/// The number of times that one option was entered right after another in a journey.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionCounts {
    /// Times.
    pub steps: u64,
    /// As [`OptionCounts::released`].
    pub released: Option<i64>,
}

/// Rows that were counted under `other` because a limit was reached: the `label` of
/// `wolkvox_series_overflow_total`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// At a routing point with a place of its own.
    pub options: u64,
    /// At one without.
    pub points: u64,
}

impl Overflow {
    /// All of them.
    pub fn rows(&self) -> u64 {
        self.options + self.points
    }
}

/// The counts of the whole target, and the progress of its reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows dated before this moment are none of ours; Unix seconds.
    pub origin: i64,
    /// Every window before this moment is committed; Unix seconds.
    pub watermark: i64,
    /// Rows dated before this are no longer remembered.
    pub horizon: LocalSecond,
    /// The newest date seen.
    pub last_row: Option<LocalSecond>,
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
    /// Unix second at which the last finished hourly re-reading began.
    pub hourly_at: i64,
    /// Unix second at which the last finished nightly re-reading began.
    pub nightly_at: i64,
    /// Rows that went to `other` because a limit was reached.
    pub overflow: Overflow,
    /// The hourly re-reading that is under way.
    pub hourly_read: Option<ReadCursor>,
    /// The nightly re-reading that is under way.
    pub nightly_read: Option<ReadCursor>,
    /// Rows that were remembered and not counted, because they replaced others of their second or
    /// the report had contradicted what is known for an hour.
    pub changed: u64,
    /// Rows dated before this moment count only in answers that agree with what is known; Unix
    /// seconds, 0 for none. It is where counting went on after the report had contradicted what is
    /// known for an hour.
    pub rebased_to: i64,
}

/// The progress of a re-reading; all in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadCursor {
    /// Its start, by our clock.
    pub began: i64,
    /// Beginning of its range.
    pub from: i64,
    /// Beginning of the next request.
    pub next: i64,
    /// End of its range.
    pub end: i64,
}

impl ReadCursor {
    /// The share of its range that has been read, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let part = |seconds: i64| seconds.max(0) as f64;
        part(self.next - self.from) / part(self.end - self.from).max(1.0)
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
