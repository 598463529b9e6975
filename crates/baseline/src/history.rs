//! The history: counts of every option for the last weeks, by the dates of the rows.
//!
//! Owns the days, the list of options and the covered ranges. A copy shares its days with the
//! original until one of them changes, so that a batch can be prepared, committed, and only then
//! adopted. It must never hold more days than it was created to keep.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use super::{
    DAY, HOURS, SLOT, SLOTS,
    cells::{self, FINALS, LATE},
    coverage::Coverage,
    day::Day,
    delta::HistoryDelta,
    lateness::{self, LateRows, RECENT_SLOTS},
};
use model::{LocalSecond, MenuLabels};

/// The error for a stored day that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history of the day {day} (days since 1970) cannot be read: {reason}")]
pub struct DayError {
    /// The day, counted from 1970.
    pub day: i32,
    /// The reason why it cannot be read.
    pub reason: String,
}

/// Least number of options without counts for which the places of the others are compacted.
const FEW: usize = 32;

/// Hits of one option in the 24 hours of [`History::last_day`], oldest first.
pub type DayHits = [u64; HOURS];

/// The counts of the last weeks.
#[derive(Debug, Clone)]
pub struct History {
    keep: u16,
    days: BTreeMap<i32, Arc<Day>>,
    options: Arc<Options>,
    coverage: Coverage,
    /// The first day that is kept.
    oldest: i32,
    /// Incremented whenever the places of the options change.
    generation: u64,
    /// Rows that came late within the last hour; not stored.
    late_rows: Vec<LateRows>,
}

/// The labels of the options by place, and the places by labels.
#[derive(Debug, Clone, Default)]
struct Options {
    labels: Vec<MenuLabels>,
    places: HashMap<MenuLabels, usize>,
}

impl Options {
    fn place(&mut self, labels: MenuLabels) -> usize {
        let next = self.labels.len();
        let labels_by_place = &mut self.labels;
        *self.places.entry(labels).or_insert_with_key(|labels| {
            labels_by_place.push(labels.clone());
            next
        })
    }
}

impl History {
    /// Creates an empty history that keeps `keep_days` whole days before the newest one; 35 are
    /// five weeks.
    pub fn new(keep_days: u16) -> Self {
        Self {
            keep: keep_days,
            days: BTreeMap::new(),
            options: Arc::default(),
            coverage: Coverage::default(),
            oldest: i32::MIN,
            generation: 0,
            late_rows: Vec::new(),
        }
    }

    /// Loads a stored day (see [`History::changes_since`]). Its counts replace those of that day;
    /// its covered ranges are added.
    ///
    /// # Errors
    ///
    /// If the bytes are damaged or of an unknown version. Nothing has changed then; only the hours
    /// of that day remain unknown.
    pub fn load(&mut self, day: i32, bytes: &[u8]) -> Result<(), DayError> {
        let options = Arc::make_mut(&mut self.options);
        let decoded = Day::decode(bytes, |labels| options.place(labels));
        let (read, covered) = decoded.map_err(|reason| DayError { day, reason })?;
        let midnight = i64::from(day) * DAY;
        for Range { start, end } in covered {
            self.coverage.add(midnight + i64::from(start)..midnight + i64::from(end).min(DAY));
        }
        self.days.insert(day, Arc::new(read));
        Ok(())
    }

    /// Adds a delta. `labels` returns the labels of a menu by its number. Menus without labels and
    /// days before those that are kept are ignored.
    pub fn apply<'l>(
        &mut self,
        delta: &HistoryDelta,
        mut labels: impl FnMut(u32) -> Option<&'l MenuLabels>,
    ) {
        let read = self.coverage.end().filter(|_| delta.is_live()).map(|end| end.div_euclid(SLOT));
        let mut counts = Vec::new();
        delta.each(|day, menu, added| {
            let Some(labels) = labels(menu).filter(|_| day >= self.oldest) else { return };
            let place = match self.options.places.get(labels) {
                Some(place) => *place,
                None => Arc::make_mut(&mut self.options).place(labels.clone()),
            };
            let is_recent = day >= self.recent();
            counts.clear();
            counts.extend(added.iter().filter(|(cell, _)| is_recent || *cell < FINALS));
            for (slot, rows) in added.iter().filter(|(cell, _)| *cell < SLOTS) {
                let Some(read) = read else { break };
                let age = (read - (i64::from(day) * SLOTS as i64 + *slot as i64)).max(0);
                counts.push((LATE + lateness::class(age), *rows));
                if age > 0 {
                    let rows = LateRows { came: read, option: place, age, rows: *rows };
                    self.late_rows.push(rows);
                }
            }
            Arc::make_mut(self.days.entry(day).or_default()).add(place, &counts);
        });
        if let Some(read) = read {
            self.late_rows.retain(|rows| rows.came > read - RECENT_SLOTS);
        }
    }

    /// Marks `from` to before `to` as read completely: no rows there means no hits. Time that is
    /// never covered is unknown, and nothing is expected from it. Ranges may overlap and come in
    /// any order.
    pub fn cover(&mut self, from: LocalSecond, to: LocalSecond) {
        if self.coverage.end().is_some_and(|end| to.get() < end) {
            // The clock was set back: rows of the repeated hour are not late.
            self.late_rows.clear();
        }
        let from = from.max(LocalSecond::new(i64::from(self.oldest).saturating_mul(DAY)));
        if from < to {
            self.coverage.add(from.get()..to.get());
            // A day without any hit is still a known day.
            for day in from.day()..=(to - 1).day() {
                self.days.entry(day).or_default();
            }
        }
    }

    /// Returns the first day within reach of the windows: the day before the newest.
    fn recent(&self) -> i32 {
        self.oldest.saturating_add(i32::from(self.keep) - 1)
    }

    /// Drops the days that are too old, counted from the day of the watermark `newest`. Also drops
    /// from days before the newest two the counts that only windows need.
    pub fn forget(&mut self, newest: LocalSecond) {
        let recent = self.recent();
        self.oldest = self.oldest.max(newest.day().saturating_sub(self.keep.into()));
        self.days = self.days.split_off(&self.oldest);
        for day in self.days.range_mut(recent..self.recent()).map(|(_, day)| day) {
            if let Some(without) = day.without_recent() {
                *day = Arc::new(without);
            }
        }
        self.coverage.forget(i64::from(self.oldest).saturating_mul(DAY));
        self.compact();
    }

    /// Drops options without counts on any day, once they are at least half of all and at least
    /// [`FEW`]. All days are rewritten then.
    fn compact(&mut self) {
        let mut used = vec![false; self.options.labels.len()];
        for day in self.days.values() {
            day.options().for_each(|option| used[option] = true);
        }
        let left = used.iter().filter(|used| **used).count();
        if left * 2 > used.len() || used.len() - left < FEW {
            return;
        }
        let mut options = Options::default();
        let places: Vec<Option<usize>> = used
            .into_iter()
            .zip(&self.options.labels)
            .map(|(used, labels)| used.then(|| options.place(labels.clone())))
            .collect();
        for day in self.days.values_mut() {
            *day = Arc::new(day.moved(&places));
        }
        self.options = Arc::new(options);
        self.late_rows.clear();
        self.generation += 1;
    }

    /// Returns the changes to store since `before`: each changed day with its bytes, `None` for one
    /// that is no longer kept. A day that is shared with `before` is not encoded.
    pub fn changes_since(&self, before: &Self) -> Vec<(i32, Option<Vec<u8>>)> {
        let gone =
            before.days.keys().filter(|day| !self.days.contains_key(day)).map(|day| (*day, None));
        let changed = self.days.iter().filter(|(day, now)| {
            let same = before.days.get(day).is_some_and(|then| Arc::ptr_eq(then, now));
            !same || !self.covered_on(**day).eq(before.covered_on(**day))
        });
        gone.chain(changed.map(|(day, _)| (*day, Some(self.encode(*day))))).collect()
    }

    /// Returns the stored form of a day.
    fn encode(&self, day: i32) -> Vec<u8> {
        let covered = self.covered_on(day).collect();
        self.days
            .get(&day)
            .map(|known| known.encode(&self.options.labels, covered))
            .unwrap_or_default()
    }

    /// Returns the covered ranges of a day, in seconds of the day.
    fn covered_on(&self, day: i32) -> impl Iterator<Item = Range<u32>> {
        let midnight = i64::from(day) * DAY;
        self.coverage
            .within(midnight..midnight + DAY)
            .map(move |part| (part.start - midnight) as u32..(part.end - midnight) as u32)
    }

    /// Returns each option with hits in the 24 hours that end with the hour `newest` (see
    /// [`LocalSecond::hour`]), with these hits by hour, oldest first; in the order of the labels.
    pub fn last_day(&self, newest: i64) -> Vec<(&MenuLabels, DayHits)> {
        let oldest = newest - HOURS as i64 + 1;
        let mut hits: BTreeMap<&MenuLabels, DayHits> = BTreeMap::new();
        let first = LocalSecond::new(oldest * 3600).day();
        let last = LocalSecond::new(newest * 3600).day();
        for day in first..=last {
            let Some(known) = self.days.get(&day) else { continue };
            for option in known.options() {
                let mut slots = [0; SLOTS];
                let _ = cells::add_to(&mut slots, known.packed(option));
                for (hour, counts) in
                    (i64::from(day) * HOURS as i64..).zip(slots.chunks(SLOTS / HOURS))
                {
                    let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
                    if sum > 0 && (oldest..=newest).contains(&hour) {
                        let hourly = hits.entry(&self.options.labels[option]).or_default();
                        hourly[(hour - oldest) as usize] += sum;
                    }
                }
            }
        }
        hits.into_iter().collect()
    }

    /// Returns the second since which everything before `until` is known; `None` if the last second
    /// before it is not.
    pub fn known_since(&self, until: LocalSecond) -> Option<LocalSecond> {
        self.coverage.whole_since(until.get()).map(LocalSecond::new)
    }

    /// Returns the first known second; `None` while nothing is known.
    pub fn begin(&self) -> Option<LocalSecond> {
        self.coverage.begin().map(LocalSecond::new)
    }

    /// Returns the seconds from the first known second to `watermark`.
    pub fn seconds_before(&self, watermark: LocalSecond) -> i64 {
        self.begin().map_or(0, |begin| (watermark - begin).max(0))
    }

    /// Returns true if the whole range is known.
    pub fn covers(&self, from: LocalSecond, to: LocalSecond) -> bool {
        self.holds(&(from.get()..to.get()))
    }

    /// Returns true if the whole slot is known. Slots are counted from 1970.
    pub(super) fn has_slot(&self, slot: i64) -> bool {
        self.holds(&(slot * SLOT..(slot + 1) * SLOT))
    }

    /// Returns true if the whole range, in seconds since 1970, is known.
    pub(super) fn holds(&self, stretch: &Range<i64>) -> bool {
        self.coverage.holds(stretch)
    }

    /// Returns the days in a range, ascending.
    pub(super) fn days(
        &self,
        range: impl std::ops::RangeBounds<i32>,
    ) -> impl Iterator<Item = (i32, &Arc<Day>)> {
        self.days.range(range).map(|(day, known)| (*day, known))
    }

    /// Returns one day.
    pub(super) fn day(&self, day: i32) -> Option<&Day> {
        self.days.get(&day).map(Arc::as_ref)
    }

    /// Returns the labels of the options by place.
    pub(super) fn labels(&self) -> &[MenuLabels] {
        &self.options.labels
    }

    /// Returns the rows that came late within the last hour.
    pub(super) fn late_rows(&self) -> &[LateRows] {
        &self.late_rows
    }

    /// Returns a number that changes whenever the places of the options change.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the covered parts of a range.
    pub(super) fn covered(&self, range: Range<i64>) -> impl Iterator<Item = Range<i64>> {
        self.coverage.within(range)
    }

    /// Returns the memory used in bytes, without the allocator's overhead.
    pub fn memory(&self) -> usize {
        let labels = self.options.labels.len() * size_of::<MenuLabels>() * 3;
        labels + self.days.values().map(|day| day.memory()).sum::<usize>()
    }
}
