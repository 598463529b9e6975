//! What a backfill keeps in the state, and what it reads of it: how it was begun, the open journeys, and when an interaction
//! was last seen.
//!
//! Owns the record of how it was begun. How far it has come is no record but the watermark of each target.

use std::num::NonZeroU64;

use jiff::Timestamp;
use redb::{ReadOnlyTable, ReadableTable};
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError, TargetId, View, decode, encode, failed,
    schema::{INTERACTIONS, JOURNEYS, META, TARGETS},
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
            let Some(meta) = view.table(META)? else { return Ok(None) };
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

    /// Whether any target is known to it.
    pub fn is_used(&self) -> Result<bool, StoreError> {
        self.read(|view| match view.table(TARGETS)? {
            Some(targets) => Ok(targets.iter().map_err(failed)?.next().is_some()),
            None => Ok(false),
        })
    }
}

/// When interactions were last seen.
pub struct SeenInteractions {
    table: Option<ReadOnlyTable<(u32, u64), i64>>,
    target: u32,
}

impl SeenInteractions {
    /// The hour of its latest row, as [`LocalSecond::hour`] counts; `None` of one that is not remembered.
    ///
    /// [`LocalSecond::hour`]: crate::model::LocalSecond::hour
    pub fn last_hour(&self, interaction: NonZeroU64) -> Result<Option<i64>, StoreError> {
        let Some(table) = &self.table else { return Ok(None) };
        let hour = table.get((self.target, interaction.get())).map_err(failed)?;
        Ok(hour.map(|hour| hour.value()))
    }
}

/// Which interactions the state may know: asked before it, since it knows next to none of those that a new day brings. Wrong
/// one time in sixteen when it knows a million, and never when it says no.
pub struct KnownInteractions {
    bits: Vec<u64>,
}

impl KnownInteractions {
    /// In `bits`, of which there are 2^24: two megabytes.
    const WORDS: usize = 1 << 18;

    fn place(interaction: u64) -> (usize, u64) {
        (interaction as usize / 64 % Self::WORDS, 1 << (interaction % 64))
    }

    /// Whether it is worth asking for this one.
    pub fn may_have(&self, interaction: NonZeroU64) -> bool {
        let (word, bit) = Self::place(interaction.get());
        self.bits[word] & bit != 0
    }
}

impl View {
    /// Which of a target's interactions may be known.
    pub fn known_interactions(&self, target: TargetId) -> Result<KnownInteractions, StoreError> {
        let mut known = KnownInteractions { bits: vec![0; KnownInteractions::WORDS] };
        let Some(table) = self.table(INTERACTIONS)? else { return Ok(known) };
        for entry in table.range((target.0, 0)..=(target.0, u64::MAX)).map_err(failed)? {
            let (word, bit) = KnownInteractions::place(entry.map_err(failed)?.0.value().1);
            known.bits[word] |= bit;
        }
        Ok(known)
    }

    /// When a target's interactions were last seen, as of this view.
    pub fn interactions(&self, target: TargetId) -> Result<SeenInteractions, StoreError> {
        Ok(SeenInteractions { table: self.table(INTERACTIONS)?, target: target.0 })
    }

    /// The journeys of a target that are not over.
    pub fn open_journeys(&self, target: TargetId) -> Result<Vec<(NonZeroU64, OpenJourney)>, StoreError> {
        let Some(journeys) = self.table(JOURNEYS)? else { return Ok(Vec::new()) };
        let mut open = Vec::new();
        for entry in journeys.range((target.0, 0)..=(target.0, u64::MAX)).map_err(failed)? {
            let (key, journey) = entry.map_err(failed)?;
            let Some(interaction) = NonZeroU64::new(key.value().1) else { continue };
            open.push((interaction, decode(journey.value())?));
        }
        Ok(open)
    }
}
