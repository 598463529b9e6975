//! Encodes the metrics of targets, each time only those that have changed.
//!
//! Owns one [`Assembly`] per format that a scraper asks for. Takes milliseconds for a target and
//! longer for many, so it runs on a thread where only the [`Publisher`](super::Publisher) waits for
//! it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing::error;

use super::{TargetSnapshot, samples};
use crate::exposition::{Assembly, Encoding, Family, Format, Published, TargetCells};

/// The part of a target that has changed since the last publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Changed {
    /// Nothing.
    Not,
    /// Only its live metrics.
    Live,
    /// The committed state too, or the target is new.
    All,
}

/// By format, the cells of a target that may have changed; `None` where none has or no scraper asks
/// for it.
type Cells = [Option<TargetCells>; Format::ALL.len()];

/// The assemblies, and the targets in them.
#[derive(Debug, Default)]
pub(super) struct SnapshotEncoder {
    assemblies: [Option<Assembly>; Format::ALL.len()],
    /// The targets in them, in order.
    targets: Vec<String>,
    /// Samples of each target, as of its last encoding.
    samples: BTreeMap<String, usize>,
    /// The families without their points.
    heads: Vec<Family>,
    /// Number of families of the committed state; those of live metrics follow.
    committed: usize,
}

impl SnapshotEncoder {
    /// Brings the wanted encodings up to date with all `targets`, which are sorted by name.
    pub(super) fn publish<'a>(
        &mut self,
        targets: impl Iterator<Item = (&'a TargetSnapshot, Changed)> + Clone,
        wanted: &[bool; Encoding::COUNT],
    ) -> Published {
        let formats: Vec<Format> = Format::ALL
            .into_iter()
            .filter(|format| [false, true].iter().any(|gzip| is_wanted(wanted, *format, *gzip)))
            .collect();
        if self.heads.is_empty() {
            // No target could be encoded so far, so the assemblies have no families.
            self.assemblies = Default::default();
        }
        let fresh = formats.iter().any(|format| self.assemblies[*format as usize].is_none());
        let cells: Vec<Option<Cells>> = targets
            .clone()
            .map(|(target, changed)| {
                let changed = if fresh { Changed::All } else { changed };
                let encoded =
                    catch_unwind(AssertUnwindSafe(|| self.encode(target, changed, &formats)));
                if encoded.is_err() {
                    error!(
                        server = target.server,
                        "this target cannot be encoded, which is a bug: it is left out"
                    );
                }
                encoded.ok()
            })
            .collect();
        // A target that cannot be encoded has no points; the others stay.
        let cells = cells
            .into_iter()
            .map(|cells| cells.unwrap_or_else(|| self.no_points(&formats)))
            .collect();
        let before = self.rename(targets.map(|(target, _)| target.server.as_str()));
        for format in Format::ALL.into_iter().filter(|format| !formats.contains(format)) {
            self.assemblies[format as usize] = None;
        }
        self.assemble(cells, before.as_deref(), &formats);
        let mut published = Published::default();
        for format in formats {
            let Some(assembly) = &mut self.assemblies[format as usize] else { continue };
            for gzip in [false, true] {
                if is_wanted(wanted, format, gzip) {
                    published.set(Encoding { format, gzip }, assembly.variant(gzip));
                } else if gzip {
                    assembly.forget_packed();
                }
            }
        }
        published
    }

    /// Counts the samples of all targets, as of their last encoding.
    pub(super) fn samples(&self) -> usize {
        self.samples.values().sum()
    }

    /// Encodes the changed part of a target.
    fn encode(&mut self, target: &TargetSnapshot, changed: Changed, formats: &[Format]) -> Cells {
        let mut cells = Cells::default();
        if changed == Changed::Not || formats.is_empty() {
            return cells;
        }
        if changed == Changed::Live {
            let families = target.live();
            for format in formats {
                cells[*format as usize] =
                    Some(TargetCells::last(self.committed, &families, *format));
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

    /// Returns the cells of a target without points.
    fn no_points(&self, formats: &[Format]) -> Cells {
        let mut cells = Cells::default();
        for format in formats {
            cells[*format as usize] = Some(TargetCells::all(&self.heads, *format));
        }
        cells
    }

    /// Adopts the names of the targets. If they differ from the previous ones, returns the previous
    /// index of each.
    fn rename<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<Vec<Option<usize>>> {
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

    /// Puts the cells into the assemblies of these formats; `before` is the result of
    /// [`SnapshotEncoder::rename`].
    fn assemble(
        &mut self,
        mut cells: Vec<Cells>,
        before: Option<&[Option<usize>]>,
        formats: &[Format],
    ) {
        for format in formats {
            let cells = cells.iter_mut().map(|cells| cells[*format as usize].take()).enumerate();
            let slot = &mut self.assemblies[*format as usize];
            match (slot, before) {
                (Some(assembly), None) => {
                    assembly.update(
                        cells.filter_map(|(target, cells)| Some((target, cells?))),
                        *format,
                    );
                }
                (slot, before) => {
                    // In a new assembly every target is new.
                    let before = before.filter(|_| slot.is_some());
                    let all: Vec<_> = cells
                        .map(|(at, cells)| {
                            (before.and_then(|before| before[at]), cells.unwrap_or_default())
                        })
                        .collect();
                    slot.get_or_insert_default().rearrange(&self.heads, &all, *format);
                }
            }
        }
    }
}

fn is_wanted(wanted: &[bool; Encoding::COUNT], format: Format, gzip: bool) -> bool {
    wanted[Encoding { format, gzip }.index()]
}
