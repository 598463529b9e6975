//! What a backfill keeps in the state, and what it reads of it: how it was begun, the open journeys, and which interactions
//! it knows.
//!
//! Owns the record of how it was begun. How far it has come is no record but the watermark of each target.

use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError, TargetId, View, decode, encode, failed, interactions,
    schema::{INTERACTIONS, JOURNEYS, META},
    view,
};
use crate::ledger::OpenJourney;

/// Under this key of the table `meta`. A state on which no backfill was begun has none.
const KEY: &str = "backfill";

/// How a backfill of this state was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillMark {
    /// When, in Unix seconds.
    pub began: i64,
    /// Where counting begins, as it was written.
    pub from: String,
    /// Where the backfill ends, as it was written; empty for when it was begun.
    pub until: String,
    /// Labels that were added, as they are written in an exposition.
    pub labels: String,
    /// Seconds between two samples of a series at most.
    pub every: u64,
    /// It has come to its end: the exporter may go on.
    pub finished: bool,
}

impl BackfillMark {
    /// [`BackfillMark::began`] as a moment.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_second(self.began).unwrap_or_default()
    }
}

impl Store {
    /// How a backfill of this state was begun; `None` where none was.
    pub fn backfill(&self) -> Result<Option<BackfillMark>, StoreError> {
        self.read(|view| {
            let meta = view.table(META)?;
            meta.get(KEY).map_err(failed)?.map(|bytes| decode(bytes.value())).transpose()
        })
    }

    /// Writes down how a backfill was begun, or that it is finished.
    pub fn mark_backfill(&self, mark: &BackfillMark) -> Result<(), StoreError> {
        let bytes = encode(mark)?;
        self.write(|write| {
            write.open_table(META).map_err(failed)?.insert(KEY, bytes.as_slice()).map_err(failed)?;
            Ok(())
        })
    }
}

impl View {
    /// The interactions of a target, ascending, and until when more of each may come, in Unix seconds.
    pub fn interactions(&self, target: TargetId) -> Result<Vec<(NonZeroU64, i64)>, StoreError> {
        interactions::all(&self.table(INTERACTIONS)?, target.0)
    }

    /// The journeys of a target that are not over.
    pub fn open_journeys(&self, target: TargetId) -> Result<Vec<(NonZeroU64, OpenJourney)>, StoreError> {
        view::open_journeys(&self.table(JOURNEYS)?, target.0, i64::MAX)
    }
}
