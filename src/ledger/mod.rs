//! Which rows are new, and what they add up to.
//!
//! Rows carry no id and are read again and again, so the ledger keeps a multiset: for each row's key, how
//! often it has been seen in one answer at most. A row counts when an answer holds more of its like than
//! ever before. Everything here is pure: what is remembered comes in through [`Memory`], what is to be
//! remembered goes out as a [`Step`], and nothing has happened until the step is committed.

mod account;
mod draft;
mod governor;
mod journey;
mod recent;
mod settle;
mod stage;
#[cfg(test)]
mod tests;

pub use account::{Account, LATENESS_BOUNDS, Menu, Point, Totals, Transition, Window};
pub use governor::{Overflow, SeriesLimits};
pub use journey::{Idle, Journey, Known, LONGEST_JOURNEY, Visit};
pub use recent::{HOURS, HourlyHits, RecentHours, hour_of, oldest};
pub use settle::{Bounds, JourneyChange, Memory, RowKey, RowRecord, Step, Terms, settle};
pub use stage::Stage;
