//! The exposition of many targets in one format. A change of one target costs that target and its
//! neighbours, however many others there are.
//!
//! A *cell* is the encoded points of one target in one family; a family's head comes before its
//! cells. Consecutive cells form immutable *blocks* of some ten kilobytes: large enough to compress
//! well, small enough to be rebuilt when one cell changes. A publication lists the blocks.
//!
//! Pure. It must never show a cell that it was not given, and never the old and the new of one
//! target together.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    deflate::{PieceEnd, deflate},
    encode::{Format, encode_head, encode_points},
    model::Family,
    variant::Variant,
};

/// Bytes from which a block is full: half of deflate's window.
const BLOCK: usize = 16 * 1024;
/// Bytes above which a grown block is divided.
const LARGEST: usize = 4 * BLOCK;

/// The encoded cells of one target, family by family. `None`, or a missing end, stands for an
/// unchanged cell.
#[derive(Debug, Default)]
pub struct TargetCells(Vec<Option<Vec<u8>>>);

impl TargetCells {
    /// Encodes all `families` of a target.
    pub fn all(families: &[Family], format: Format) -> Self {
        Self(families.iter().map(|family| Some(points(family, format))).collect())
    }

    /// Encodes `families`, which follow `before` unchanged ones.
    pub fn last(before: usize, families: &[Family], format: Format) -> Self {
        let mut cells = vec![None; before];
        cells.extend(families.iter().map(|family| Some(points(family, format))));
        Self(cells)
    }
}

fn points(family: &Family, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    encode_points(family, format, &mut out);
    out
}

/// Consecutive cells.
#[derive(Debug, Clone)]
struct Block {
    /// Index of its first cell.
    first: usize,
    /// End of each cell in `plain`.
    ends: Vec<u32>,
    plain: Bytes,
    /// `plain` as byte-aligned raw deflate without a final block, and its checksum. Made when first
    /// needed.
    packed: Option<(Bytes, crc32fast::Hasher)>,
}

impl Block {
    fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.plain[start as usize..*end as usize])
    }

    fn cell(&self, place: usize) -> &[u8] {
        let at = place - self.first;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.plain[start as usize..self.ends[at] as usize]
    }
}

/// The exposition in one format, without the tail that a scrape appends.
#[derive(Debug, Default)]
pub struct Assembly {
    /// The families without their points, in order.
    heads: Vec<Family>,
    /// Bytes of points of each family.
    lengths: Vec<usize>,
    targets: usize,
    blocks: Vec<Block>,
}

impl Assembly {
    /// Replaces all targets: for each, its changed cells and its previous index, if it had one. All
    /// have the same families in the same order. All other targets are removed.
    pub fn rearrange(
        &mut self,
        heads: &[Family],
        targets: &[(Option<usize>, TargetCells)],
        format: Format,
    ) {
        let before: Vec<&[u8]> = self.blocks.iter().flat_map(Block::cells).collect();
        let old_width = self.targets + 1;
        let mut packer = Packer::new(0, BLOCK);
        let mut lengths = Vec::with_capacity(heads.len());
        for (family, head) in heads.iter().enumerate() {
            let cells = targets.iter().map(|target| cell_of(target, family, &before, old_width));
            let length = cells.clone().map(<[u8]>::len).sum();
            lengths.push(length);
            packer.push(&head_bytes(head, length, format));
            cells.for_each(|cell| packer.push(cell));
        }
        let blocks = packer.finish();
        *self = Self { heads: heads.to_vec(), lengths, targets: targets.len(), blocks };
    }

    /// Replaces cells of some targets, by index, without adding or removing a target.
    pub fn update(
        &mut self,
        targets: impl IntoIterator<Item = (usize, TargetCells)>,
        format: Format,
    ) {
        let width = self.targets + 1;
        let mut changed: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let mut resized = vec![false; self.heads.len()];
        for (target, cells) in targets {
            for (family, cell) in cells.0.into_iter().enumerate() {
                let Some(cell) = cell else { continue };
                let place = family * width + 1 + target;
                let old = self.cell(place);
                if old != cell {
                    resized[family] |= old.len() != cell.len();
                    self.lengths[family] = self.lengths[family] - old.len() + cell.len();
                    changed.insert(place, cell);
                }
            }
        }
        for family in (0..self.heads.len()).filter(|family| resized[*family]) {
            let head = head_bytes(&self.heads[family], self.lengths[family], format);
            if self.cell(family * width) != head {
                changed.insert(family * width, head);
            }
        }
        self.replace(&changed);
    }

    fn block_of(&self, place: usize) -> usize {
        self.blocks.partition_point(|block| block.first <= place) - 1
    }

    fn cell(&self, place: usize) -> &[u8] {
        self.blocks[self.block_of(place)].cell(place)
    }

    /// Rebuilds the blocks with a changed cell.
    fn replace(&mut self, changed: &BTreeMap<usize, Vec<u8>>) {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for block in std::mem::take(&mut self.blocks) {
            let end = block.first + block.ends.len();
            if changed.range(block.first..end).next().is_none() {
                blocks.push(block);
                continue;
            }
            let cells = block.cells().enumerate();
            let cells =
                cells.map(|(at, old)| changed.get(&(block.first + at)).map_or(old, Vec::as_slice));
            let cells: Vec<&[u8]> = cells.collect();
            let length: usize = cells.iter().map(|cell| cell.len()).sum();
            let mut packer =
                Packer::new(block.first, if length > LARGEST { BLOCK } else { usize::MAX });
            cells.iter().for_each(|cell| packer.push(cell));
            blocks.extend(packer.finish());
        }
        self.blocks = blocks;
    }

    /// Returns the bytes for a scrape, compressed or not. Compresses blocks that are not compressed
    /// yet.
    pub fn variant(&mut self, gzip: bool) -> Variant {
        if !gzip {
            let plain = self.blocks.iter().map(|block| block.plain.clone());
            let pieces: Arc<[Bytes]> = plain.filter(|piece| !piece.is_empty()).collect();
            return Variant::new(
                pieces,
                self.blocks.iter().map(|block| block.plain.len()).sum(),
                None,
            );
        }
        let mut crc = crc32fast::Hasher::new();
        let mut length = 0;
        let mut pieces = Vec::with_capacity(self.blocks.len());
        for block in self.blocks.iter_mut().filter(|block| !block.plain.is_empty()) {
            let (piece, own) = block.packed.get_or_insert_with(|| {
                let mut own = crc32fast::Hasher::new();
                own.update(&block.plain);
                (deflate(&block.plain, PieceEnd::Open).into(), own)
            });
            crc.combine(own);
            length += block.plain.len();
            pieces.push(piece.clone());
        }
        Variant::new(pieces.into(), length, Some(crc))
    }

    /// Frees the compressed blocks, after scrapes have stopped asking for them.
    pub fn forget_packed(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.packed = None);
    }
}

fn head_bytes(head: &Family, length: usize, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    encode_head(head, length, format, &mut out);
    out
}

/// Returns the current cell of a target: its new one, or that of `before`.
fn cell_of<'a>(
    (old, cells): &'a (Option<usize>, TargetCells),
    family: usize,
    before: &[&'a [u8]],
    old_width: usize,
) -> &'a [u8] {
    match (cells.0.get(family), old) {
        (Some(Some(cell)), _) => cell,
        (_, Some(old)) => before[family * old_width + 1 + old],
        (_, None) => &[],
    }
}

/// Gathers cells into blocks of at least `full` bytes.
struct Packer {
    full: usize,
    next: usize,
    plain: Vec<u8>,
    ends: Vec<u32>,
    blocks: Vec<Block>,
}

impl Packer {
    fn new(first: usize, full: usize) -> Self {
        Self { full, next: first, plain: Vec::new(), ends: Vec::new(), blocks: Vec::new() }
    }

    fn push(&mut self, cell: &[u8]) {
        self.plain.extend_from_slice(cell);
        // A block ends soon after it is full, and limits on label sets keep a target's family far
        // below 4 GB.
        self.ends.push(u32::try_from(self.plain.len()).unwrap_or(u32::MAX));
        if self.plain.len() >= self.full {
            self.close();
        }
    }

    fn close(&mut self) {
        let first = self.next;
        self.next += self.ends.len();
        let mut plain = std::mem::take(&mut self.plain);
        plain.shrink_to_fit();
        let mut ends = std::mem::take(&mut self.ends);
        ends.shrink_to_fit();
        self.blocks.push(Block { first, ends, plain: plain.into(), packed: None });
    }

    fn finish(mut self) -> Vec<Block> {
        if !self.ends.is_empty() {
            self.close();
        }
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::encode, *};
    use crate::{MetricType, Sample, label_block};

    /// Makes the families of one target, with `sizes` points each.
    fn families(target: usize, sizes: &[usize], turn: usize) -> Vec<Family> {
        let family = |(number, size): (usize, &usize)| {
            let mut family =
                Family::new(format!("family_{number}_total"), "Help.", MetricType::Counter);
            family.points = (0..*size)
                .map(|i| {
                    let labels = [("server", target.to_string()), ("option", i.to_string())];
                    let labels: Vec<_> =
                        labels.iter().map(|(name, value)| (*name, &**value)).collect();
                    Sample::new(label_block(&labels), (turn * 1_000 + i) as u64)
                })
                .collect();
            family
        };
        sizes.iter().enumerate().map(family).collect()
    }

    /// Encodes all targets' points behind one head, which the assembly must equal byte by byte.
    fn joined(targets: &[Vec<Family>], format: Format) -> Vec<u8> {
        let mut all = targets.first().cloned().unwrap_or_default();
        for target in targets.iter().skip(1) {
            all.iter_mut()
                .zip(target)
                .for_each(|(family, more)| family.points.extend(more.points.clone()));
        }
        let mut out = Vec::new();
        encode(&all, format, &mut out);
        out
    }

    fn heads() -> Vec<Family> {
        families(0, &[0; 3], 0)
    }

    fn sizes() -> impl Strategy<Value = [usize; 3]> {
        // Sometimes more than a block, so that blocks are divided.
        let size = prop_oneof![5 => 0usize..4, 1 => 300usize..400, 1 => 2_000usize..2_100];
        [size.clone(), size.clone(), size]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_changes_the_bytes_are_those_of_all_at_once(
            start in prop::collection::vec(sizes(), 0..6),
            changes in prop::collection::vec((0usize..6, sizes()), 0..6),
            left in 0usize..6,
        ) {
            for format in Format::ALL {
                let mut now: Vec<_> =
                    start.iter().enumerate().map(|(target, sizes)| families(target, sizes, 0)).collect();
                let mut assembly = Assembly::default();
                let cells = |family: &Vec<Family>| TargetCells::all(family, format);
                let fresh: Vec<_> = now.iter().map(|families| (None, cells(families))).collect();
                assembly.rearrange(&heads(), &fresh, format);
                for (turn, (target, sizes)) in changes.iter().enumerate().filter(|(_, (t, _))| *t < start.len()) {
                    now[*target] = families(*target, sizes, turn + 1);
                    assembly.update([(*target, cells(&now[*target]))], format);
                    prop_assert!(assembly.variant(false).concat() == joined(&now, format));
                }
                // One target leaves, one joins, one changes, the others stay.
                let stay: Vec<usize> = (0..now.len()).filter(|target| *target != left).collect();
                let mut targets: Vec<_> =
                    stay.iter().map(|target| (Some(*target), TargetCells(Vec::new()))).collect();
                let newcomer = families(9, &[1, 0, 2], 7);
                targets.push((None, cells(&newcomer)));
                let mut after: Vec<_> = stay.iter().map(|target| now[*target].clone()).collect();
                after.push(newcomer);
                assembly.rearrange(&heads(), &targets, format);
                prop_assert!(assembly.variant(false).concat() == joined(&after, format));
                prop_assert!(assembly.variant(true).unpacked() == joined(&after, format));
            }
        }
    }

    #[test]
    fn a_change_makes_only_its_own_blocks_again() {
        let format = Format::Text;
        let mut assembly = Assembly::default();
        let all: Vec<_> = (0..1_000).map(|target| families(target, &[20, 20, 20], 0)).collect();
        let fresh: Vec<_> =
            all.iter().map(|families| (None, TargetCells::all(families, format))).collect();
        assembly.rearrange(&heads(), &fresh, format);
        let before: Vec<*const u8> =
            assembly.blocks.iter().map(|block| block.plain.as_ptr()).collect();
        assembly
            .update([(500, TargetCells::all(&families(500, &[20, 20, 20], 1), format))], format);
        let after: Vec<*const u8> =
            assembly.blocks.iter().map(|block| block.plain.as_ptr()).collect();
        let differ = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert_eq!((before.len(), differ), (after.len(), 3), "one block of each family");
        // Without a change nothing is rebuilt.
        assembly
            .update([(500, TargetCells::all(&families(500, &[20, 20, 20], 1), format))], format);
        assert!(assembly.blocks.iter().map(|block| block.plain.as_ptr()).eq(after));
    }
}
