//! Decides which rows count, and adds them up.
//!
//! Rows carry no id and are read again and again, so the ledger keeps a multiset: for each row's
//! key, the most rows of that key that one answer held, and the number of them that count. The rows
//! counted for a second are the most that one answer held for it. Everything here is pure:
//! remembered rows come in through [`SeenRows`], changes go out as a [`Delta`], and nothing has
//! happened until the delta is committed.

mod batch;
mod cardinality;
mod changes;
mod counters;
mod counts;
mod delta;
mod evidence;
mod histogram;
mod idle_times;
mod journey;
mod past;
mod reconcile;
#[cfg(test)]
mod tests;

pub use batch::RowBatch;
pub use cardinality::SeriesLimits;
pub use counters::{TargetCounters, WindowCounts};
pub use counts::{
    LATENESS_BOUNDS, OptionCounts, Overflow, ReadCursor, RoutingPointCounts, Totals,
    TransitionCounts,
};
pub use delta::{Delta, JourneyDelta, NO_MENU, RowKey, RowRecord};
pub use evidence::Evidence;
pub use histogram::SecondsHistogram;
pub use idle_times::IdleTimes;
pub use journey::{JourneyMeasure, JourneyState, LONGEST_JOURNEY, OpenJourney, Visit};
pub use past::Past;
pub use reconcile::{ReconcileParams, SeenRows, TimeBounds, reconcile};
