//! The ledger's one step: a whole answer against what is remembered.

use std::{collections::hash_map::Entry, num::NonZeroU64};

use super::{
    batch::{BatchRow, NO_SECOND, RowBatch},
    cardinality::SeriesLimits,
    changes::Changes,
    counters::TargetCounters,
    counts::OptionCounts,
    delta::{Delta, JourneyDelta, RowKey, RowRecord},
    journey::{IdleTimes, JourneyState, OpenJourney, Visit},
};
use crate::{
    baseline::HistoryDelta,
    model::{LocalSecond, OwnMap},
    wolkvox::Rejection,
};

/// What was seen before.
pub trait SeenRows {
    /// Why it cannot be read.
    type Error;
    /// How many rows with this key an answer has held at most; 0 for none.
    fn count(&self, key: RowKey) -> Result<u32, Self::Error>;
    /// What is known of this interaction's journey.
    fn journey(&self, interaction: NonZeroU64) -> Result<JourneyState, Self::Error>;
    /// The journeys whose deadline lies before this, in Unix seconds.
    fn journeys_due(&self, before: i64) -> Result<Vec<(NonZeroU64, OpenJourney)>, Self::Error>;
}

/// The limits that a step respects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBounds {
    /// Rows dated before it are `out_of_range`: the origin, or the end of memory if that is later.
    pub earliest: LocalSecond,
    /// Rows dated after it are rejected: nothing real lies days after the window that was asked for, and
    /// a date centuries ahead would never be forgotten.
    pub latest: LocalSecond,
    /// New rows dated before it are late.
    pub watermark: LocalSecond,
    /// Journeys with a deadline before it are over: the watermark that this answer leads to, in Unix seconds.
    pub closing: i64,
    /// What is dated before it is not for the history, which begins here or is read by others.
    pub history: LocalSecond,
}

/// What a step is made under.
pub struct ReconcileParams<'a> {
    /// In time.
    pub bounds: TimeBounds,
    /// In number.
    pub limits: SeriesLimits,
    /// When a journey is over.
    pub idle: &'a IdleTimes,
    /// Our clock, in Unix seconds.
    pub now: i64,
    /// A row's date as Unix seconds; of two such moments, the later.
    pub moment: &'a dyn Fn(LocalSecond) -> i64,
}

/// An interaction with a new row, or whose journey is due.
struct Touched {
    /// The latest date of its new rows.
    latest: Option<LocalSecond>,
    /// Its deadline before, in Unix seconds.
    before: Option<i64>,
    /// `None` when it was over before this answer.
    journey: Option<OpenJourney>,
}

/// Finds the new rows of a whole answer, adds them up, and closes the journeys that are over.
pub fn reconcile<M: SeenRows>(
    account: &TargetCounters,
    mut stage: RowBatch,
    terms: &ReconcileParams<'_>,
    memory: &M,
) -> Result<Delta, M::Error> {
    let bounds = terms.bounds;
    let mut step =
        Delta { history: HistoryDelta::between(bounds.history, LocalSecond::MAX), ..account.unchanged() };
    for (rejection, count) in std::mem::take(&mut stage.rejected) {
        *step.totals.rejected.entry(rejection).or_default() += count;
    }

    step.totals.out_of_range += stage.outside;

    // Equal rows become neighbours, and memory is asked in its own order.
    stage.rows.sort_unstable_by_key(|row| (row.date, row.fingerprint));
    let mut draft = Changes::of(account, terms.limits);
    let mut slots: Vec<Option<usize>> = vec![None; stage.labels.len()];
    let mut touched: OwnMap<NonZeroU64, Touched> = OwnMap::default();
    let mut newest = LocalSecond::MIN;
    // Many rows have the date of the one before.
    let mut moment = (LocalSecond::MIN, 0);

    for alike in stage.rows.chunk_by(|a, b| (a.date, a.fingerprint) == (b.date, b.fingerprint)) {
        let row = alike[0];
        let seen = alike.len() as u64;
        if row.date < bounds.earliest {
            step.totals.out_of_range += seen;
            continue;
        }
        if row.date > bounds.latest {
            *step.totals.rejected.entry(Rejection::FutureDate).or_default() += seen;
            continue;
        }
        let key = RowKey { date: row.date, fingerprint: row.fingerprint };
        let known = u64::from(memory.count(key)?);
        let new = seen.saturating_sub(known);
        step.totals.new += new;
        step.totals.repeated += seen - new;
        if new == 0 {
            continue;
        }
        newest = newest.max(row.date);
        if row.date < bounds.watermark {
            step.totals.late += new;
        }
        if moment.0 != row.date {
            moment = (row.date, (terms.moment)(row.date));
        }
        let (_, moment) = moment;
        step.totals.lateness.observe(u32::try_from((terms.now - moment).max(0)).unwrap_or(u32::MAX), new);

        let labels = &stage.labels[row.menu as usize];
        let slot = *slots[row.menu as usize].get_or_insert_with(|| draft.slot(labels));
        let placed = &draft.slots[slot].labels;
        if placed.point != labels.point {
            step.totals.overflow.points += new;
        } else if placed.option != labels.option {
            step.totals.overflow.options += new;
        }
        let number = draft.slots[slot].number;
        count(&mut draft.slots[slot].menu, row, new);
        let times = u32::try_from(new).unwrap_or(u32::MAX);
        let second = (row.second != NO_SECOND).then_some(row.second);
        step.history.rows(number, row.date, row.attempts, second, times);
        let count = u32::try_from(known + new).unwrap_or(u32::MAX);
        step.rows.push((key, RowRecord { count, menu: number, interaction: row.interaction }));

        let Some(interaction) = row.interaction else { continue };
        let point = draft.point_of(slot);
        let touched = match touched.entry(interaction) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (before, journey) = match memory.journey(interaction)? {
                    JourneyState::New => {
                        point.interactions += 1;
                        point.open += 1;
                        (None, Some(OpenJourney::default()))
                    }
                    JourneyState::Open(journey) => (Some(journey.deadline), Some(journey)),
                    JourneyState::Over => (None, None),
                };
                entry.insert(Touched { latest: None, before, journey })
            }
        };
        // They come in the order of their dates.
        touched.latest = Some(row.date);
        let visit = Visit { date: row.date, second: row.second, menu: number, count: times };
        let idle = terms.idle.of(&labels.point.channel);
        point.late_rows += match &mut touched.journey {
            Some(journey) => journey.visit(visit, moment, idle).into(),
            None => new,
        };
    }
    if newest > LocalSecond::MIN {
        step.totals.last_row = step.totals.last_row.max(Some(newest));
    }

    for (interaction, journey) in memory.journeys_due(bounds.closing)? {
        let before = Some(journey.deadline);
        touched.entry(interaction).or_insert(Touched { latest: None, before, journey: Some(journey) });
    }
    // What has no place of its own depends on who comes first.
    let mut touched: Vec<(NonZeroU64, Touched)> = touched.into_iter().collect();
    touched.sort_unstable_by_key(|(interaction, _)| *interaction);
    let latest = touched.iter().filter_map(|(interaction, of)| Some((*interaction, of.latest?)));
    step.interactions = latest.collect();
    for (interaction, Touched { before, journey, .. }) in touched {
        let Some(journey) = journey else { continue };
        let after = if journey.deadline < bounds.closing {
            close(&mut draft, journey, terms, &mut step.history);
            None
        } else {
            Some(journey)
        };
        if before.is_some() || after.is_some() {
            step.journeys.push(JourneyDelta { interaction, before, after });
        }
    }
    draft.close(&mut step);
    Ok(step)
}

fn count(menu: &mut OptionCounts, row: BatchRow, new: u64) {
    // The first date of a menu may lie before 1970 as well as any other.
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
    draft: &mut Changes<'_>,
    journey: OpenJourney,
    terms: &ReconcileParams<'_>,
    history: &mut HistoryDelta,
) {
    let mut slots: Vec<(u32, usize)> =
        journey.visits.iter().filter_map(|visit| Some((visit.menu, draft.numbered(visit.menu)?))).collect();
    slots.sort_unstable();
    let slot = |menu: u32| {
        let at = slots.binary_search_by_key(&menu, |(menu, _)| *menu).ok()?;
        Some(slots[at].1)
    };
    // Where it began to be seen is where it is counted, whatever had no place of its own since.
    let Some(home) = journey.visits.first().and_then(|visit| slot(visit.menu)) else { return };
    let idle = terms.idle.of(&draft.slots[home].labels.point.channel);
    let name = |menu: u32| slot(menu).map_or("", |slot| &*draft.slots[slot].labels.option);
    let path = journey.finish(idle, terms.moment, name);

    let point = draft.point_of(home);
    point.open = point.open.saturating_sub(1);
    point.late_rows += path.late;
    point.journeys.observe(u32::try_from(path.menus.len()).unwrap_or(u32::MAX), 1);
    if let Some(first) = path.menus.first().and_then(|menu| slot(*menu)) {
        draft.slots[first].menu.entries += 1;
    }
    if let Some((menu, date)) = path.last()
        && let Some(last) = slot(menu)
    {
        draft.slots[last].menu.finals += 1;
        history.finals(menu, date, 1);
    }
    for (menu, date) in path.repeats() {
        if let Some(slot) = slot(menu) {
            draft.slots[slot].menu.repeats += 1;
            history.repeats(menu, date, 1);
        }
    }
    for (from, to) in path.steps() {
        if let (Some(from), Some(to)) = (slot(from), slot(to)) {
            draft.transition(from, to).steps += 1;
        }
    }
}
