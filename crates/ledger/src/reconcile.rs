//! Reconciles one complete answer with the remembered rows: finds its new rows and adds them up.
//!
//! Conservation: the rows counted for one second of the server's clock are the most that any one
//! answer held for that second, never more. Rows that replace others of their second (a corrected
//! row, a respelled field) are remembered without being counted. It must never read a clock or a
//! disk: remembered rows come in through [`SeenRows`].

use std::{collections::HashMap, num::NonZeroU64};

use baseline::HistoryDelta;
use model::{LocalSecond, LocalStretch, MenuLabels};
use wolkvox_api::Rejection;

use super::{
    batch::{BatchRow, NO_SECOND, RowBatch},
    cardinality::SeriesLimits,
    changes::Changes,
    counters::TargetCounters,
    counts::OptionCounts,
    delta::{Delta, JourneyDelta, NO_MENU, RowKey, RowRecord},
    evidence::{Candidate, corrected},
    idle_times::IdleTimes,
    journey::{JourneyMeasure, JourneyState, OpenJourney, Visit},
};

/// Seconds by which a real row may be dated ahead of our clock.
const LARGEST_SKEW: i64 = 3600;

/// Rows and interactions of earlier answers.
pub trait SeenRows {
    /// The error of a failed lookup.
    type Error;
    /// Replaces the content of `records` with the records of the rows dated in this second,
    /// ascending by fingerprint. Dates are requested in ascending order.
    fn rows_dated(
        &self,
        date: LocalSecond,
        records: &mut Vec<(u64, RowRecord)>,
    ) -> Result<(), Self::Error>;
    /// Returns the state of the journey of each of these interactions, which are ascending.
    fn journeys(&self, interactions: &[NonZeroU64]) -> Result<Vec<JourneyState>, Self::Error>;
    /// Returns the journeys whose deadline is earlier than `before`, in Unix seconds.
    fn journeys_due(&self, before: i64) -> Result<Vec<(NonZeroU64, OpenJourney)>, Self::Error>;
}

/// The time bounds of a reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBounds {
    /// Rows dated before it are `out_of_range`: the origin, or the horizon if that is later.
    pub earliest: LocalSecond,
    /// Rows dated after it are rejected: no real row is dated days after the requested range, and a
    /// row dated centuries ahead would never be forgotten.
    pub latest: LocalSecond,
    /// Rows dated before it are remembered without being counted. It is set after the report has
    /// contradicted the known rows for an hour (see the judge): its rows of the past are then taken
    /// over as known.
    pub counted_from: LocalSecond,
    /// New rows dated before it are late.
    pub watermark: LocalSecond,
    /// The seconds in which the answer is compared with the known rows, see [`Delta::evidence`].
    pub judged: LocalStretch,
    /// Journeys with a deadline before it are over: the watermark after this answer, in Unix
    /// seconds.
    pub closing: i64,
    /// Rows dated before it are not added to the history, because the warm-up reads them.
    pub history: LocalSecond,
}

impl TimeBounds {
    /// Bounds that count every row, compare nothing and end no journey.
    pub const OPEN: Self = Self {
        earliest: LocalSecond::MIN,
        latest: LocalSecond::MAX,
        counted_from: LocalSecond::MIN,
        watermark: LocalSecond::MIN,
        judged: (LocalSecond::MIN, LocalSecond::MIN),
        closing: i64::MIN,
        history: LocalSecond::MIN,
    };
}

/// The parameters of a reconciliation.
pub struct ReconcileParams<'a> {
    /// Time bounds.
    pub bounds: TimeBounds,
    /// Limits of the number of series.
    pub limits: SeriesLimits,
    /// Idle time after which a journey is over.
    pub idle: &'a IdleTimes,
    /// The value that a finished journey adds to the histogram.
    pub measure: JourneyMeasure,
    /// The time of our clock, in Unix seconds.
    pub now: i64,
    /// Converts a row's date to Unix seconds; to the later moment if the clock shows that second
    /// twice.
    pub moment: &'a dyn Fn(LocalSecond) -> i64,
}

/// New rows of one key, kept until all rows are known, because journeys are looked up for all
/// interactions at once.
struct NewRows {
    interaction: NonZeroU64,
    /// The date of the rows plus the idle time, in Unix seconds: more rows of the interaction may
    /// come until then.
    until: i64,
    /// Index of the first of the rows in the answer.
    row: u32,
    slot: u32,
    count: u32,
}

/// An interaction with a new row, or whose journey is due.
struct Touched {
    interaction: NonZeroU64,
    /// The latest [`NewRows::until`]; `None` without a new row.
    until: Option<i64>,
    /// The deadline of its journey before the answer, in Unix seconds; `None` if it was not open.
    before: Option<i64>,
    /// The journey; `None` if it was over before the answer.
    journey: Option<OpenJourney>,
}

/// Finds the rows of a complete answer that count, adds them up, and closes the journeys that are
/// over.
pub fn reconcile<M: SeenRows>(
    counters: &TargetCounters,
    batch: &mut RowBatch,
    params: &ReconcileParams<'_>,
    memory: &M,
) -> Result<Delta, M::Error> {
    let history = HistoryDelta::between(params.bounds.history, LocalSecond::MAX);
    let mut delta = Delta { history, ..counters.unchanged() };
    for (rejection, count) in &batch.rejected {
        *delta.totals.rejected.entry(*rejection).or_default() += count;
    }
    delta.totals.out_of_range += batch.outside;

    // Equal rows become neighbours, and memory is read in its own order.
    batch.rows.sort_unstable_by_key(|row| (row.date, row.fingerprint));
    let batch = &*batch;
    let mut counting = Reconciliation {
        params,
        batch,
        changes: Changes::of(counters, params.limits),
        slots: vec![None; batch.labels.len()],
        new_rows: Vec::new(),
        alike: Vec::new(),
        delta,
    };
    let mut known = Vec::new();
    let mut first = 0;
    for second in batch.rows.chunk_by(|a, b| a.date == b.date) {
        let date = second[0].date;
        if date < params.bounds.earliest {
            counting.delta.totals.out_of_range += second.len() as u64;
        } else if date > params.bounds.latest {
            *counting.delta.totals.rejected.entry(Rejection::FutureDate).or_default() +=
                second.len() as u64;
        } else {
            memory.rows_dated(date, &mut known)?;
            counting.second(second, first, &known);
            counting.compare(second, &known);
        }
        first += second.len();
    }

    let Reconciliation { mut changes, new_rows, mut delta, .. } = counting;
    follow(new_rows, &batch.rows, &mut changes, &mut delta, params, memory)?;
    changes.close(&mut delta);
    Ok(delta)
}

/// The state of a reconciliation.
struct Reconciliation<'a> {
    params: &'a ReconcileParams<'a>,
    batch: &'a RowBatch,
    changes: Changes<'a>,
    /// The slot of each label set of the batch, once it has one.
    slots: Vec<Option<usize>>,
    new_rows: Vec<NewRows>,
    /// The groups of the current second; kept to reuse its memory.
    alike: Vec<Alike>,
    delta: Delta,
}

/// Equal rows of one second.
struct Alike {
    row: BatchRow,
    /// Index of the first of the rows in the answer.
    first: usize,
    seen: u64,
    /// The record of these rows before the answer.
    before: RowRecord,
    /// The number of these rows that count now.
    new: u64,
}

impl Alike {
    /// Returns the number of rows that do not count yet.
    fn uncounted(&self) -> u64 {
        self.seen.saturating_sub(self.before.counted.into()) - self.new
    }

    /// Counts up to `most` of the uncounted rows, within `growth`. Returns their number.
    fn take(&mut self, most: u64, growth: &mut u64) -> u64 {
        let new = self.uncounted().min(most).min(*growth);
        self.new += new;
        *growth -= new;
        new
    }
}

impl Reconciliation<'_> {
    /// Reconciles the rows of one second, which begin at index `first` of the answer, with the
    /// `known` records of that second.
    fn second(&mut self, rows: &[BatchRow], first: usize, known: &[(u64, RowRecord)]) {
        let date = rows[0].date;
        let moment = (self.params.moment)(date);
        let is_rebased = self.is_rebased(date);
        let mut alike = std::mem::take(&mut self.alike);
        group(rows, first, known, &mut alike);
        if !is_rebased {
            // Conservation: only the rows of this second beyond those that are accounted for may
            // count.
            let growth = (rows.len() as u64).saturating_sub(accounted_for(rows, known));
            self.share(growth, &mut alike, known);
        }
        for Alike { row, first, seen, before, new } in alike.drain(..) {
            let unseen = seen.saturating_sub(before.count.into());
            let totals = &mut self.delta.totals;
            self.delta.evidence.unseen += unseen;
            totals.changed += unseen.saturating_sub(new);
            totals.repeated += seen - new.max(unseen);
            if new > 0 {
                self.count(row, first, new, moment);
            }
            if new > 0 || unseen > 0 {
                let accounted = match before.menu {
                    NO_MENU if is_rebased => unseen,
                    _ => new,
                };
                self.remember(row, seen, accounted, before);
            }
        }
        self.alike = alike;
    }

    /// Chooses the rows of a second that count as its `growth`. If there are more candidates, the
    /// others replace known rows, so rows whose labels have more rows than before count first.
    fn share(&mut self, mut growth: u64, alike: &mut [Alike], known: &[(u64, RowRecord)]) {
        let candidates: u64 = alike.iter().map(Alike::uncounted).sum();
        if candidates > growth && growth > 0 {
            let mut surplus: HashMap<&MenuLabels, u64> = HashMap::new();
            let labels = &self.batch.labels;
            for group in &*alike {
                *surplus.entry(&labels[group.row.menu as usize]).or_default() += group.seen;
            }
            for (_, record) in known.iter().filter(|(_, record)| record.menu != NO_MENU) {
                let labels = self.changes.labels_of(record.menu);
                if let Some(rows) = labels.and_then(|labels| surplus.get_mut(labels)) {
                    *rows = rows.saturating_sub(record.counted.into());
                }
            }
            for group in &mut *alike {
                let Some(rows) = surplus.get_mut(&labels[group.row.menu as usize]) else {
                    continue;
                };
                *rows -= group.take(*rows, &mut growth);
            }
        }
        for group in alike {
            group.take(u64::MAX, &mut growth);
        }
    }

    /// Adds the known rows of a second that the answer holds to the evidence. The caller adds the
    /// number of known rows, since seconds without a row in the answer are not seen here.
    fn compare(&mut self, rows: &[BatchRow], known: &[(u64, RowRecord)]) {
        let (from, to) = self.params.bounds.judged;
        if known.is_empty() || !(from..to).contains(&rows[0].date) {
            return;
        }
        let mut missing = Vec::new();
        for (fingerprint, record) in known.iter().filter(|(_, record)| record.menu != NO_MENU) {
            let lacking = u64::from(record.counted).saturating_sub(seen_of(rows, *fingerprint));
            self.delta.evidence.held += u64::from(record.counted) - lacking;
            if lacking > 0 {
                missing.push((*record, lacking));
            }
        }
        if missing.is_empty() {
            return;
        }
        let others = rows.iter().filter(|row| {
            let at = known.binary_search_by_key(&row.fingerprint, |(fingerprint, _)| *fingerprint);
            !at.is_ok_and(|at| known[at].1.menu != NO_MENU)
        });
        let labels = &self.batch.labels;
        let candidates =
            others.map(|row| Candidate { row: *row, labels: &labels[row.menu as usize] });
        self.delta.evidence.held += corrected(&missing, candidates.collect(), &mut self.changes);
    }

    /// Counts `new` rows like this one.
    fn count(&mut self, row: BatchRow, first: usize, new: u64, moment: i64) {
        let params = self.params;
        let labels = &self.batch.labels[row.menu as usize];
        let slot = self.slot(row.menu);
        let totals = &mut self.delta.totals;
        totals.new += new;
        // A single date in the future must not hide that the report stands still.
        if moment <= params.now.saturating_add(LARGEST_SKEW) {
            totals.last_row = totals.last_row.max(Some(row.date));
        }
        if row.date < params.bounds.watermark {
            totals.late += new;
        }
        let late_by = u32::try_from((params.now - moment).max(0)).unwrap_or(u32::MAX);
        totals.lateness.observe(late_by, new);
        let placed = &self.changes.slots[slot];
        if placed.labels.point != labels.point {
            totals.overflow.points += new;
        } else if placed.labels.option != labels.option {
            totals.overflow.options += new;
        }
        let times = u32::try_from(new).unwrap_or(u32::MAX);
        let second = (row.second != NO_SECOND).then_some(row.second);
        self.delta.history.rows(placed.number, row.date, row.attempts, second, times);
        count(&mut self.changes.slots[slot].menu, row, new);
        if let Some(interaction) = row.interaction {
            let until = moment.saturating_add(params.idle.seconds(&labels.point.channel));
            self.new_rows.push(NewRows {
                interaction,
                until,
                row: first as u32,
                slot: slot as u32,
                count: times,
            });
        }
    }

    /// Records that an answer held `seen` rows like this one, `accounted` of which never count
    /// again.
    fn remember(&mut self, row: BatchRow, seen: u64, accounted: u64, before: RowRecord) {
        let slot = self.slots[row.menu as usize];
        let menu = match slot.filter(|_| before.menu == NO_MENU && !self.is_rebased(row.date)) {
            Some(slot) if accounted > 0 => self.changes.slots[slot].number,
            _ => before.menu,
        };
        let count = u32::try_from(seen.max(before.count.into())).unwrap_or(u32::MAX);
        let counted = u64::from(before.counted) + accounted;
        let counted = u32::try_from(counted).unwrap_or(u32::MAX);
        let record = RowRecord { count, counted, menu, interaction: row.interaction };
        self.delta.rows.push((RowKey { date: row.date, fingerprint: row.fingerprint }, record));
    }

    /// Returns true if rows of this date are remembered without being counted.
    fn is_rebased(&self, date: LocalSecond) -> bool {
        date < self.params.bounds.counted_from
    }

    /// Returns the slot of a label set of the batch.
    fn slot(&mut self, menu: u32) -> usize {
        let labels = &self.batch.labels[menu as usize];
        *self.slots[menu as usize].get_or_insert_with(|| self.changes.slot(labels))
    }
}

/// Groups the equal rows of a second, which begin at index `first` of the answer.
fn group(rows: &[BatchRow], mut first: usize, known: &[(u64, RowRecord)], alike: &mut Vec<Alike>) {
    let mut known = known.iter().peekable();
    for equal in rows.chunk_by(|a, b| a.fingerprint == b.fingerprint) {
        let row = equal[0];
        while known.next_if(|(fingerprint, _)| *fingerprint < row.fingerprint).is_some() {}
        let before = known.next_if(|(fingerprint, _)| *fingerprint == row.fingerprint);
        let before = before.map_or(RowRecord::default(), |(_, record)| *record);
        alike.push(Alike { row, first, seen: equal.len() as u64, before, new: 0 });
        first += equal.len();
    }
}

/// Returns the number of rows of a second that cannot be growth: those that count already, and
/// those in the answer that were taken over without being counted.
fn accounted_for(rows: &[BatchRow], known: &[(u64, RowRecord)]) -> u64 {
    let of_records = known.iter().map(|(fingerprint, record)| match record.menu {
        NO_MENU if record.counted > 0 => u64::from(record.counted).min(seen_of(rows, *fingerprint)),
        _ => u64::from(record.counted),
    });
    of_records.sum()
}

/// Returns the number of rows with this fingerprint; `rows` are sorted by it.
fn seen_of(rows: &[BatchRow], fingerprint: u64) -> u64 {
    let first = rows.partition_point(|row| row.fingerprint < fingerprint);
    rows[first..].iter().take_while(|row| row.fingerprint == fingerprint).count() as u64
}

/// Adds new rows, which are in `rows`, to the journeys of their interactions, and closes the
/// journeys that are over.
fn follow<M: SeenRows>(
    new_rows: Vec<NewRows>,
    rows: &[BatchRow],
    changes: &mut Changes<'_>,
    delta: &mut Delta,
    params: &ReconcileParams<'_>,
    memory: &M,
) -> Result<(), M::Error> {
    let mut touched = touch(new_rows, rows, changes, memory)?;
    let with_rows = touched.len();
    for (interaction, journey) in memory.journeys_due(params.bounds.closing)? {
        if touched[..with_rows].binary_search_by_key(&interaction, |of| of.interaction).is_err() {
            let before = Some(journey.deadline);
            touched.push(Touched { interaction, until: None, before, journey: Some(journey) });
        }
    }
    // The order decides which label sets get series of their own, so it must not depend on the
    // lookup.
    touched.sort_unstable_by_key(|of| of.interaction);
    for touched in touched {
        settle(touched, changes, delta, params);
    }
    Ok(())
}

/// Adds new rows to the journeys of their interactions. Returns the interactions, ascending.
fn touch<M: SeenRows>(
    mut new_rows: Vec<NewRows>,
    rows: &[BatchRow],
    changes: &mut Changes<'_>,
    memory: &M,
) -> Result<Vec<Touched>, M::Error> {
    new_rows.sort_unstable_by_key(|new| (new.interaction, new.row));
    let by_interaction: Vec<&[NewRows]> =
        new_rows.chunk_by(|a, b| a.interaction == b.interaction).collect();
    let interactions: Vec<NonZeroU64> =
        by_interaction.iter().map(|of_one| of_one[0].interaction).collect();
    let states = memory.journeys(&interactions)?;
    let mut touched = Vec::with_capacity(interactions.len());
    for (of_one, state) in by_interaction.into_iter().zip(states) {
        let first = &of_one[0];
        let (before, mut journey) = match state {
            JourneyState::New => {
                let point = changes.point_of(first.slot as usize);
                point.interactions += 1;
                point.open += 1;
                (None, Some(OpenJourney::default()))
            }
            JourneyState::Open(journey) => (Some(journey.deadline), Some(journey)),
            JourneyState::Over => (None, None),
        };
        for new in of_one {
            let row = rows[new.row as usize];
            let number = changes.slots[new.slot as usize].number;
            let visit =
                Visit { date: row.date, second: row.second, menu: number, count: new.count };
            changes.point_of(new.slot as usize).late_rows += u64::from(match &mut journey {
                Some(journey) => journey.visit(visit, new.until),
                None => new.count,
            });
        }
        let until = of_one.iter().map(|new| new.until).max();
        touched.push(Touched { interaction: first.interaction, until, before, journey });
    }
    Ok(touched)
}

/// Closes the journey of an interaction if it is over, and adds its changes to the delta.
fn settle(
    touched: Touched,
    changes: &mut Changes<'_>,
    delta: &mut Delta,
    params: &ReconcileParams<'_>,
) {
    let Touched { interaction, until, before, journey } = touched;
    let deadline = journey.as_ref().map(|journey| journey.deadline);
    let (over, after) = match journey {
        Some(journey) if journey.deadline >= params.bounds.closing => (None, Some(journey)),
        over => (over, None),
    };
    if let Some(until) = until {
        // An open journey is remembered until its own deadline, because rows beyond its limit do
        // not extend it.
        let of_journey = deadline.unwrap_or(until);
        let until = if after.is_some() { of_journey } else { until.max(of_journey) };
        delta.interactions.push((interaction, until));
    }
    if let Some(journey) = over {
        close(changes, journey, params, &mut delta.history);
    }
    if before.is_some() || after.is_some() {
        delta.journeys.push(JourneyDelta { interaction, before, after });
    }
}

fn count(menu: &mut OptionCounts, row: BatchRow, new: u64) {
    // The first date of a menu may be before 1970.
    menu.last_row = if menu.hits == 0 { row.date } else { menu.last_row.max(row.date) };
    menu.hits += new;
    menu.attempts += u64::from(row.attempts) * new;
    if row.attempts > 1 {
        menu.retries += new;
    }
    if row.second != NO_SECOND {
        menu.seconds.observe(row.second, new);
    }
}

/// Counts a journey that is over.
fn close(
    changes: &mut Changes<'_>,
    journey: OpenJourney,
    params: &ReconcileParams<'_>,
    history: &mut HistoryDelta,
) {
    let mut slots: Vec<(u32, usize)> = journey
        .visits
        .iter()
        .filter_map(|visit| Some((visit.menu, changes.numbered(visit.menu)?)))
        .collect();
    slots.sort_unstable();
    // It is counted at the routing point of its first counted row, which counted it as open, even
    // if other rows have gone to `other` since.
    let home = journey.visits.first().and_then(|visit| slot_of(visit.menu, &slots));
    let Some(home) = home else { return };
    let idle = params.idle.seconds(&changes.slots[home].labels.point.channel);
    let path = journey.finish(idle, params.moment, |menu| {
        slot_of(menu, &slots).map_or("", |slot| &*changes.slots[slot].labels.option)
    });

    let point = changes.point_of(home);
    point.open = point.open.saturating_sub(1);
    point.late_rows += path.late;
    if params.measure == JourneyMeasure::Options {
        point.journeys.observe(u32::try_from(path.menus.len()).unwrap_or(u32::MAX), 1);
    }
    if let Some(first) = path.menus.first().and_then(|menu| slot_of(*menu, &slots)) {
        changes.slots[first].menu.entries += 1;
    }
    if let Some((menu, date)) = path.last()
        && let Some(last) = slot_of(menu, &slots)
    {
        changes.slots[last].menu.finals += 1;
        if params.measure == JourneyMeasure::LastSecond && path.last_second != NO_SECOND {
            changes.point_of(last).journeys.observe(path.last_second, 1);
        }
        history.finals(menu, date, 1);
    }
    for (menu, date) in path.repeats() {
        if let Some(slot) = slot_of(menu, &slots) {
            changes.slots[slot].menu.repeats += 1;
            history.repeats(menu, date, 1);
        }
    }
    for (from, to) in path.steps() {
        if let (Some(from), Some(to)) = (slot_of(from, &slots), slot_of(to, &slots)) {
            changes.transition(from, to).steps += 1;
        }
    }
}

/// Returns the slot of a menu; `slots` are ascending by menu.
fn slot_of(menu: u32, slots: &[(u32, usize)]) -> Option<usize> {
    let at = slots.binary_search_by_key(&menu, |(menu, _)| *menu).ok()?;
    Some(slots[at].1)
}
