//! Which rows are new, and what they add up to.
//!
//! Rows carry no id and are read again and again, so the ledger keeps a multiset: for each row's key, how
//! often it has been seen in one answer at most. A row counts when an answer holds more of its like than
//! ever before. Everything here is pure: what is remembered comes in through [`SeenRows`], what is to be
//! remembered goes out as a [`Delta`], and nothing has happened until the step is committed.

mod batch;
mod cardinality;
mod changes;
mod counters;
mod histogram;
mod journey;
mod past;
mod reconcile;
#[cfg(test)]
mod tests;

pub use batch::RowBatch;
pub use cardinality::{Overflow, SeriesLimits};
pub use counters::{
    LATENESS_BOUNDS, OptionCounts, ReadCursor, RoutingPointCounts, TargetCounters, Totals, TransitionCounts,
    WindowCounts,
};
pub use histogram::SecondsHistogram;
pub use journey::{IdleTimes, JourneyState, LONGEST_JOURNEY, OpenJourney, Visit};
pub use past::Past;
pub use reconcile::{
    Delta, JourneyDelta, ReconcileParams, RowKey, RowRecord, SeenRows, TimeBounds, reconcile,
};
