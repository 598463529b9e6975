//! Evidence whether an answer agrees with the known rows: the number of known rows of its seconds
//! that it holds.
//!
//! The answer holds a known row if it contains that row, or, in its place, another row of the same
//! second that differs in one field only, as a corrected row or a respelled field does. Rows of
//! another operation differ in more fields. Pure.

use std::ops::AddAssign;

use model::MenuLabels;

use super::{batch::BatchRow, changes::Changes, delta::RowRecord};

/// Most rows of one second that are compared one by one; further rows are ignored.
const MAX_COMPARED: usize = 64;

/// The rows counted before that an answer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rows counted before that are dated in the answer's seconds. The caller of `reconcile` fills
    /// it in.
    pub known: u64,
    /// Known rows that the answer holds, directly or as a corrected row.
    pub held: u64,
    /// Rows of the answer that no earlier answer held.
    pub unseen: u64,
}

impl AddAssign for Evidence {
    fn add_assign(&mut self, other: Self) {
        self.known += other.known;
        self.held += other.held;
        self.unseen += other.unseen;
    }
}

impl Evidence {
    /// Returns true if most of at least `enough` known rows are missing.
    pub fn lacks_most(&self, enough: u64) -> bool {
        self.known >= enough.max(1) && self.held * 2 < self.known
    }
}

/// A row of the answer that matches no counted row.
pub(super) struct Candidate<'a> {
    pub(super) row: BatchRow,
    pub(super) labels: &'a MenuLabels,
}

/// Returns the number of missing rows that have a corrected row among the candidates of their
/// second. `missing` has records, each with the number of its rows that the answer lacks.
pub(super) fn corrected(
    missing: &[(RowRecord, u64)],
    mut candidates: Vec<Candidate<'_>>,
    changes: &mut Changes<'_>,
) -> u64 {
    candidates.truncate(MAX_COMPARED);
    let mut found = 0;
    for (record, times) in missing {
        let Some(labels) = changes.labels_of(record.menu) else { continue };
        for _ in 0..*times {
            let alike =
                candidates.iter().position(|candidate| differs_in_one(record, labels, candidate));
            let Some(alike) = alike else { break };
            candidates.swap_remove(alike);
            found += 1;
        }
    }
    found
}

/// Returns true if at most one of routing point, channel, option and interaction differs. The
/// interaction's fingerprint includes the routing point and the channel, so it is compared only if
/// both are equal.
fn differs_in_one(record: &RowRecord, labels: &MenuLabels, candidate: &Candidate<'_>) -> bool {
    let other = candidate.labels;
    let same_point = labels.point.rp_id == other.point.rp_id;
    let same_channel = labels.point.channel == other.point.channel;
    let is_comparable = same_point && same_channel;
    let same_interaction = !is_comparable || record.interaction == candidate.row.interaction;
    let same = [same_point, same_channel, labels.option == other.option, same_interaction];
    same.into_iter().filter(|same| !same).count() <= 1
}
