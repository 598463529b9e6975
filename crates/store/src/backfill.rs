//! The state of a backfill: its mark, the open journeys and the known interactions.
//!
//! Owns the record of its beginning. Its progress is the watermark of each target.

use std::num::NonZeroU64;

use jiff::Timestamp;
use ledger::OpenJourney;
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError, TargetId, View, decode, encode, failed, interactions,
    schema::{INTERACTIONS, JOURNEYS, META},
    view,
};

/// Key in the table `meta`. A state on which no backfill was begun has no such record.
const KEY: &str = "backfill";

/// The settings with which a backfill of this state was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillMark {
    /// Beginning of the run, in Unix seconds.
    pub began: i64,
    /// Beginning of the counting, as configured.
    pub from: String,
    /// End of the backfill, as configured; empty for the beginning of the run.
    pub until: String,
    /// Labels that were added, as an exposition writes them.
    pub labels: String,
    /// Longest time between two samples of a series, in seconds.
    pub every: u64,
    /// It is complete, so the exporter may continue.
    pub finished: bool,
}

impl BackfillMark {
    /// [`BackfillMark::began`] as a moment.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_second(self.began).unwrap_or_default()
    }
}

impl Store {
    /// Returns the mark of a backfill of this state; `None` if none was begun.
    pub fn backfill(&self) -> Result<Option<BackfillMark>, StoreError> {
        self.read(|view| {
            let meta = view.table(META)?;
            meta.get(KEY).map_err(failed)?.map(|bytes| decode(bytes.value())).transpose()
        })
    }

    /// Saves the mark of a backfill that was begun or is finished.
    pub fn mark_backfill(&self, mark: &BackfillMark) -> Result<(), StoreError> {
        let bytes = encode(mark)?;
        self.write(|write| {
            write
                .open_table(META)
                .map_err(failed)?
                .insert(KEY, bytes.as_slice())
                .map_err(failed)?;
            Ok(())
        })
    }
}

impl View {
    /// Returns the interactions of a target, ascending, each with the Unix second until which more
    /// rows of it may come.
    pub fn interactions(&self, target: TargetId) -> Result<Vec<(NonZeroU64, i64)>, StoreError> {
        interactions::all(&self.table(INTERACTIONS)?, target.0)
    }

    /// Returns the journeys of a target that are not over.
    pub fn open_journeys(
        &self,
        target: TargetId,
    ) -> Result<Vec<(NonZeroU64, OpenJourney)>, StoreError> {
        view::open_journeys(&self.table(JOURNEYS)?, target.0, i64::MAX)
    }
}
