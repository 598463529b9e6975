//! Encodes what targets expose, each time only what has changed.
//!
//! Owns one [`Assembly`] per format that somebody asks for. Takes milliseconds for a target and longer for many, so it
//! runs on a thread where nothing waits for it but the [`Publisher`](super::Publisher).

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing::error;

use super::{TargetSnapshot, samples};
use crate::exposition::{Assembly, Encoding, Family, Format, Published, TargetCells};

/// What has changed of a target since the last publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Changed {
    /// Nothing.
    Not,
    /// Only its live metrics.
    Live,
    /// What is committed, too; or it is new.
    All,
}

/// By format: the cells of a target that may have changed, or nothing where none has or nobody asks for it.
type Cells = [Option<TargetCells>; Format::ALL.len()];

/// The assemblies, and what is in them.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    assemblies: [Option<Assembly>; Format::ALL.len()],
    /// The targets in them, in order.
    targets: Vec<String>,
    /// How many samples each target has, as far as it has been encoded.
    samples: BTreeMap<String, usize>,
    /// The families without their points.
    heads: Vec<Family>,
    /// How many of them are of what is committed; those of live metrics follow.
    committed: usize,
}

impl Encoder {
    /// Brings the wanted encodings up to date with all `targets`, which are sorted by name.
    pub(super) fn publish<'a>(
        &mut self,
        targets: impl Iterator<Item = (&'a TargetSnapshot, Changed)> + Clone,
        wanted: &[bool; Encoding::COUNT],
    ) -> Published {
        let is_wanted = |format, gzip| wanted[Encoding { format, gzip }.index()];
        let formats: Vec<Format> = Format::ALL
            .into_iter()
            .filter(|format| is_wanted(*format, false) || is_wanted(*format, true))
            .collect();
        if self.heads.is_empty() {
            // Nobody could be encoded so far: what stands in them has no families.
            self.assemblies = Default::default();
        }
        let fresh = formats.iter().any(|format| self.assemblies[*format as usize].is_none());
        let cells: Vec<Option<Cells>> = targets
            .clone()
            .map(|(target, changed)| {
                let changed = if fresh { Changed::All } else { changed };
                let encoded = catch_unwind(AssertUnwindSafe(|| self.encode(target, changed, &formats)));
                if encoded.is_err() {
                    error!(
                        server = target.server,
                        "this target cannot be encoded, which is a bug: it is left out"
                    );
                }
                encoded.ok()
            })
            .collect();
        // A target that cannot be encoded shows nothing, and takes no other with it.
        let cells =
            cells.into_iter().map(|cells| cells.unwrap_or_else(|| self.no_points(&formats))).collect();
        let before = self.rename(targets.map(|(target, _)| target.server.as_str()));
        for format in Format::ALL.into_iter().filter(|format| !formats.contains(format)) {
            self.assemblies[format as usize] = None;
        }
        self.assemble(cells, before.as_deref(), &formats);
        let mut published = Published::default();
        for format in formats {
            let Some(assembly) = &mut self.assemblies[format as usize] else { continue };
            for gzip in [false, true] {
                if is_wanted(format, gzip) {
                    published.set(Encoding { format, gzip }, assembly.variant(gzip));
                } else if gzip {
                    assembly.forget_packed();
                }
            }
        }
        published
    }

    /// How many samples all targets have together, as far as they have been encoded.
    pub(super) fn samples(&self) -> usize {
        self.samples.values().sum()
    }

    /// Encodes what has changed of a target.
    fn encode(&mut self, target: &TargetSnapshot, changed: Changed, formats: &[Format]) -> Cells {
        let mut cells = Cells::default();
        if changed == Changed::Not || formats.is_empty() {
            return cells;
        }
        if changed == Changed::Live {
            let families = target.live();
            for format in formats {
                cells[*format as usize] = Some(TargetCells::last(self.committed, &families, *format));
            }
            return cells;
        }
        let mut families = target.committed();
        self.committed = families.len();
        families.extend(target.live());
        self.samples.insert(target.server.clone(), samples(&families));
        if self.heads.is_empty() {
            self.heads = families.iter().map(Family::head).collect();
        }
        for format in formats {
            cells[*format as usize] = Some(TargetCells::all(&families, *format));
        }
        cells
    }

    /// Returns the cells of a target that shows nothing.
    fn no_points(&self, formats: &[Format]) -> Cells {
        let mut cells = Cells::default();
        for format in formats {
            cells[*format as usize] = Some(TargetCells::all(&self.heads, *format));
        }
        cells
    }

    /// Takes over the targets' names; where they are not the same as before, says which index each had then.
    fn rename<'a>(&mut self, names: impl Iterator<Item = &'a str> + Clone) -> Option<Vec<Option<usize>>> {
        if self.targets.iter().map(String::as_str).eq(names.clone()) {
            return None;
        }
        let before: BTreeMap<&str, usize> =
            self.targets.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let indices = names.clone().map(|name| before.get(name).copied()).collect();
        self.targets = names.map(str::to_owned).collect();
        self.samples.retain(|name, _| self.targets.binary_search(name).is_ok());
        Some(indices)
    }

    /// Puts the cells into the assemblies of these formats; `before` as [`Encoder::rename`] says.
    fn assemble(&mut self, mut cells: Vec<Cells>, before: Option<&[Option<usize>]>, formats: &[Format]) {
        for format in formats {
            let cells = cells.iter_mut().map(|cells| cells[*format as usize].take()).enumerate();
            let slot = &mut self.assemblies[*format as usize];
            match (slot, before) {
                (Some(assembly), None) => {
                    assembly.update(cells.filter_map(|(target, cells)| Some((target, cells?))), *format);
                }
                (slot, before) => {
                    // In a new one every target is new.
                    let before = before.filter(|_| slot.is_some());
                    let old = |at: usize| before.and_then(|before| before[at]);
                    let all: Vec<_> = cells.map(|(at, cells)| (old(at), cells.unwrap_or_default())).collect();
                    slot.get_or_insert_default().rearrange(&self.heads, &all, *format);
                }
            }
        }
    }
}
