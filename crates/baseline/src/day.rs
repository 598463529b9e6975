//! One day of the server's wall clock: the packed counts of every option that had any.
//!
//! Owns the stored form and its version. In memory, an option is known by its place in the
//! history's list; in the stored form by its labels, so that a stored day can be read without the
//! others.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    SLOTS,
    cells::{self, CELLS, Counts, FINALS},
};
use model::MenuLabels;

/// Version of the stored form. Version 1 lacks the counts by lateness and the finals by slot,
/// version 2 only the latter. A day of a later version cannot be read.
const VERSION: u8 = 3;

/// Packed counts by place of the option; `None` for an option without counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Day {
    options: Vec<Option<Box<[u8]>>>,
}

impl Day {
    /// Returns the packed counts of an option; empty if it has none.
    pub(super) fn packed(&self, option: usize) -> &[u8] {
        self.options.get(option).and_then(Option::as_deref).unwrap_or(&[])
    }

    /// Returns true if an option has any counts.
    pub(super) fn has(&self, option: usize) -> bool {
        !self.packed(option).is_empty()
    }

    /// Returns the hits of an option by slot.
    pub(super) fn hits(&self, option: usize) -> [u32; SLOTS] {
        let mut hits = [0; SLOTS];
        // The bytes were checked when they were loaded.
        let _ = cells::add_to(&mut hits, self.packed(option));
        hits
    }

    /// Returns all counts of an option.
    pub(super) fn counts(&self, option: usize) -> Counts {
        let mut counts = [0; CELLS];
        let _ = cells::add_to(&mut counts, self.packed(option));
        counts
    }

    /// Adds counts, as (cell, count), to those of an option.
    pub(super) fn add(&mut self, option: usize, added: &[(usize, u32)]) {
        let mut counts = self.counts(option);
        for (cell, count) in added {
            counts[*cell] = counts[*cell].saturating_add(*count);
        }
        self.put(option, cells::pack(&counts));
    }

    /// Returns the day without finals by slot; `None` if it has none.
    pub(super) fn without_recent(&self) -> Option<Self> {
        let mut without = self.clone();
        let mut had_any = false;
        for option in self.options() {
            let mut counts = self.counts(option);
            if counts[FINALS..].iter().any(|count| *count > 0) {
                had_any = true;
                counts[FINALS..].fill(0);
                without.put(option, cells::pack(&counts));
            }
        }
        had_any.then_some(without)
    }

    fn put(&mut self, option: usize, packed: Box<[u8]>) {
        if self.options.len() <= option {
            self.options.resize(option + 1, None);
        }
        self.options[option] = Some(packed);
    }

    /// Returns the places of the options that have counts.
    pub(super) fn options(&self) -> impl Iterator<Item = usize> {
        self.options
            .iter()
            .enumerate()
            .filter(|(_, packed)| packed.is_some())
            .map(|(option, _)| option)
    }

    /// Returns the day with every option at its new place; options without a new place are dropped.
    pub(super) fn moved(&self, place: &[Option<usize>]) -> Self {
        let mut moved = Self::default();
        for option in self.options() {
            if let Some(to) = place.get(option).copied().flatten() {
                moved.put(to, self.packed(option).into());
            }
        }
        moved
    }

    /// Returns the stored form. `covered` is in seconds of the day.
    pub(super) fn encode(&self, labels: &[MenuLabels], covered: Vec<Range<u32>>) -> Vec<u8> {
        let mut options: Vec<Stored<'_>> = self
            .options()
            .filter_map(|option| {
                let labels = labels.get(option)?;
                Some(Stored {
                    rp_id: &labels.point.rp_id,
                    channel: &labels.point.channel,
                    option: &labels.option,
                    counts: Bytes(self.packed(option)),
                })
            })
            .collect();
        options.sort_unstable_by_key(|stored| (stored.rp_id, stored.channel, stored.option));
        let stored = StoredDay {
            covered: covered.into_iter().map(|range| (range.start, range.end)).collect(),
            options,
        };
        // Writing to memory cannot fail.
        postcard::to_extend(&(VERSION, stored), Vec::new()).unwrap_or_default()
    }

    /// Reads a day and its covered ranges from the stored form. `place` returns the place of an
    /// option.
    ///
    /// # Errors
    ///
    /// Describes the damage if the bytes are no stored day or have an unknown version.
    pub(super) fn decode(
        bytes: &[u8],
        mut place: impl FnMut(MenuLabels) -> usize,
    ) -> Result<(Self, Vec<Range<u32>>), String> {
        let (version, rest) = bytes.split_first().ok_or("it is empty")?;
        if !(1..=VERSION).contains(version) {
            return Err(format!(
                "it has version {version}, and this exporter reads version {VERSION}"
            ));
        }
        let (stored, behind) =
            postcard::take_from_bytes::<StoredDay<'_>>(rest).map_err(|error| error.to_string())?;
        if !behind.is_empty() {
            return Err(format!("{} bytes stand behind its end", behind.len()));
        }
        for option in &stored.options {
            cells::check(option.counts.0)
                .map_err(|_| format!("the counts of {} are no counts", option.option))?;
        }
        let mut day = Self::default();
        for option in stored.options {
            let labels = MenuLabels::new(option.rp_id, option.channel, option.option);
            day.put(place(labels), option.counts.0.into());
        }
        Ok((day, stored.covered.into_iter().map(|(start, end)| start..end).collect()))
    }

    /// Returns the memory used in bytes, without the allocator's overhead.
    pub(super) fn memory(&self) -> usize {
        let packed: usize = self.options.iter().flatten().map(|packed| packed.len()).sum();
        packed + self.options.capacity() * size_of::<Option<Box<[u8]>>>()
    }
}

#[derive(Serialize, Deserialize)]
struct StoredDay<'a> {
    covered: Vec<(u32, u32)>,
    #[serde(borrow)]
    options: Vec<Stored<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    rp_id: &'a str,
    channel: &'a str,
    option: &'a str,
    #[serde(borrow)]
    counts: Bytes<'a>,
}

/// Bytes that are serialized in one piece, while serde serializes a slice byte by byte.
#[derive(Deserialize)]
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("Bytes", &Raw(self.0))
    }
}

struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
