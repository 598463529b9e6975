//! What one committed step changes: the counts that are others now, and what has to be remembered
//! of rows and journeys.
//!
//! Owns the shape of a step and of a remembered row. Finished: whoever has one only writes it and
//! takes it over.

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

/// The menu of rows that are counted under none.
pub const NO_MENU: u32 = u32::MAX;

/// The rows with one key that are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRecord {
    /// The most of them that one answer held.
    pub count: u32,
    /// Rows that are accounted for: counted under `menu`, or, if that is [`NO_MENU`], remembered
    /// without being counted. The others replaced rows of their second.
    pub counted: u32,
    /// The number of the menu that they are counted under, or [`NO_MENU`].
    pub menu: u32,
    /// The interaction that they belong to.
    pub interaction: Option<NonZeroU64>,
}

impl Default for RowRecord {
    /// Nothing seen and nothing counted.
    fn default() -> Self {
        Self { count: 0, counted: 0, menu: NO_MENU, interaction: None }
    }
}

/// The changes of an answer, which are committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The target's totals after it, but for watermark and horizon, which are the caller's.
    pub totals: Totals,
    /// As [`super::TargetCounters::next_number`], after it.
    pub next_number: u32,
    /// Menus that changed, whole, with their numbers.
    pub menus: Vec<(MenuLabels, (u32, Arc<OptionCounts>))>,
    /// Points that changed, whole.
    pub points: Vec<(PointLabels, Arc<RoutingPointCounts>)>,
    /// Transitions that changed, whole.
    pub transitions: Vec<(TransitionLabels, TransitionCounts)>,
    /// Label sets that are no longer exposed, because they had no row for so long. The caller fills
    /// it in.
    pub dropped: Vec<Counted>,
    /// Records that changed, ascending by key.
    pub rows: Vec<(RowKey, RowRecord)>,
    /// Interactions with a new row, ascending, and until when more of each may come, in Unix
    /// seconds: the deadline of its journey, if that goes on.
    pub interactions: Vec<(NonZeroU64, i64)>,
    /// Journeys that changed, ascending by interaction.
    pub journeys: Vec<JourneyDelta>,
    /// The additions of the new rows, and of the journeys that are over, to the history, by the
    /// numbers of [`Delta::menus`].
    pub history: HistoryDelta,
    /// Agreement of the answer with the rows known before; never written down.
    pub evidence: Evidence,
}

/// A journey before and after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyDelta {
    /// Whose.
    pub interaction: NonZeroU64,
    /// Its deadline before; `None` if it was not open.
    pub before: Option<i64>,
    /// The journey after the change; `None` if it is over.
    pub after: Option<OpenJourney>,
}

impl Delta {
    /// Changes nothing of what is at these totals; `next_number` is that of the next new menu.
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
