//! The changes of one committed answer: the new values of changed counts, and the changed records
//! of rows and journeys.
//!
//! Owns the fields of a delta and of a remembered row. A delta is complete: its holder must only
//! write and apply it.

use std::{num::NonZeroU64, sync::Arc};

use baseline::HistoryDelta;
use model::{Counted, LocalSecond, MenuLabels, PointLabels, TransitionLabels};

use super::{
    counts::{OptionCounts, RoutingPointCounts, Totals, TransitionCounts},
    evidence::Evidence,
    journey::OpenJourney,
};

/// The identity of a row: its date and a hash of everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// See [`wolkvox_api::Row::date`].
    pub date: LocalSecond,
    /// See [`wolkvox_api::Row::fingerprint`].
    pub fingerprint: u64,
}

/// The menu number of rows that are counted under no menu.
pub const NO_MENU: u32 = u32::MAX;

/// The record of the rows with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRecord {
    /// The most rows of this key that one answer held.
    pub count: u32,
    /// Rows that are accounted for: counted under `menu`, or, if that is [`NO_MENU`], remembered
    /// without being counted. The others replaced rows of their second.
    pub counted: u32,
    /// The number of the menu under which the rows are counted, or [`NO_MENU`].
    pub menu: u32,
    /// The interaction of the rows.
    pub interaction: Option<NonZeroU64>,
}

impl Default for RowRecord {
    /// Returns a record of no rows.
    fn default() -> Self {
        Self { count: 0, counted: 0, menu: NO_MENU, interaction: None }
    }
}

/// The changes of an answer, which are committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The target's totals after the change. The caller fills in the watermark and the horizon.
    pub totals: Totals,
    /// [`super::TargetCounters::next_number`] after the change.
    pub next_number: u32,
    /// The complete counts of changed menus, with their numbers.
    pub menus: Vec<(MenuLabels, (u32, Arc<OptionCounts>))>,
    /// The complete counts of changed routing points.
    pub points: Vec<(PointLabels, Arc<RoutingPointCounts>)>,
    /// The complete counts of changed transitions.
    pub transitions: Vec<(TransitionLabels, TransitionCounts)>,
    /// Label sets that are no longer exposed, because they have had no row for a long time. The
    /// caller fills them in.
    pub dropped: Vec<Counted>,
    /// Changed records, ascending by key.
    pub rows: Vec<(RowKey, RowRecord)>,
    /// Interactions with a new row, ascending, each with the Unix second until which more of its
    /// rows may come: the deadline of its journey, while that goes on.
    pub interactions: Vec<(NonZeroU64, i64)>,
    /// Changed journeys, ascending by interaction.
    pub journeys: Vec<JourneyDelta>,
    /// The additions of the new rows and of finished journeys to the history, by the numbers of
    /// [`Delta::menus`].
    pub history: HistoryDelta,
    /// The agreement of the answer with the rows known before; never stored.
    pub evidence: Evidence,
}

/// A journey before and after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyDelta {
    /// The interaction of the journey.
    pub interaction: NonZeroU64,
    /// Its deadline before the change, in Unix seconds; `None` if it was not open.
    pub before: Option<i64>,
    /// The journey after the change; `None` if it is over.
    pub after: Option<OpenJourney>,
}

impl Delta {
    /// Makes a delta that changes nothing. `next_number` is the number of the next new menu.
    pub fn nothing(totals: Totals, next_number: u32) -> Self {
        Self {
            totals,
            next_number,
            menus: Vec::new(),
            points: Vec::new(),
            transitions: Vec::new(),
            dropped: Vec::new(),
            rows: Vec::new(),
            interactions: Vec::new(),
            journeys: Vec::new(),
            history: HistoryDelta::default(),
            evidence: Evidence::default(),
        }
    }
}
