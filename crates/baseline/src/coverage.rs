//! The ranges of local time that have been read completely.
//!
//! Owns disjoint ranges in ascending order. Outside of them nothing is known: the absence of hits
//! there must not be taken for zero.

use std::ops::Range;

/// Ranges of seconds of the wall clock since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coverage(Vec<Range<i64>>);

impl Coverage {
    /// Adds a range. Ranges that overlap or touch are merged.
    pub(super) fn add(&mut self, mut range: Range<i64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|known| known.end < range.start);
        let last = self.0.partition_point(|known| known.start <= range.end);
        for known in &self.0[first..last] {
            range = range.start.min(known.start)..range.end.max(known.end);
        }
        self.0.splice(first..last, [range]);
    }

    /// Removes everything before a moment.
    pub(super) fn forget(&mut self, before: i64) {
        self.0.retain_mut(|known| {
            known.start = known.start.max(before);
            !known.is_empty()
        });
    }

    /// Returns true if the whole range is covered.
    pub(super) fn holds(&self, range: &Range<i64>) -> bool {
        let at = self.0.partition_point(|known| known.end < range.end);
        self.0.get(at).is_some_and(|known| known.start <= range.start)
    }

    /// Returns the covered parts of a range.
    pub(super) fn within(&self, range: Range<i64>) -> impl Iterator<Item = Range<i64>> {
        self.0
            .iter()
            .map(move |known| known.start.max(range.start)..known.end.min(range.end))
            .filter(|known| !known.is_empty())
    }

    /// Returns the first covered second.
    pub(super) fn begin(&self) -> Option<i64> {
        self.0.first().map(|known| known.start)
    }

    /// Returns the end of the last covered range.
    pub(super) fn end(&self) -> Option<i64> {
        self.0.last().map(|known| known.end)
    }

    /// Returns the second since which everything before `until` is covered; `None` if the last
    /// second before `until` is not.
    pub(super) fn whole_since(&self, until: i64) -> Option<i64> {
        let at = self.0.partition_point(|known| known.end < until);
        self.0.get(at).filter(|known| known.start < until).map(|known| known.start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_a_set_of_seconds_says(ranges in prop::collection::vec((0..60_i64, 0..20_i64), 0..12), from in 0..60_i64, long in 1..20_i64) {
            let (mut coverage, mut seconds) = (Coverage::default(), [false; 100]);
            for (start, length) in ranges {
                coverage.add(start..start + length);
                (start..start + length).for_each(|at| seconds[at as usize] = true);
            }
            let range = from..from + long;
            let all = range.clone().all(|at| seconds[at as usize]);
            prop_assert_eq!(coverage.holds(&range), all);
            let parts: i64 = coverage.within(range.clone()).map(|part| part.end - part.start).sum();
            prop_assert_eq!(parts, range.clone().filter(|at| seconds[*at as usize]).count() as i64);
            prop_assert_eq!(coverage.begin(), (0..100).find(|at| seconds[*at as usize]));
            prop_assert_eq!(coverage.end(), (0..100).rev().find(|at| seconds[*at as usize]).map(|at| at + 1));
            let whole = (0..range.end).rev().take_while(|at| seconds[*at as usize]).last();
            prop_assert_eq!(coverage.whole_since(range.end), whole);
            prop_assert!(coverage.0.windows(2).all(|two| two[0].end < two[1].start), "{:?}", coverage);
            coverage.forget(range.start);
            prop_assert_eq!(coverage.begin(), (range.start..100).find(|at| seconds[*at as usize]));
        }
    }
}
