//! The ledger's one step: a whole answer against what is remembered.

use std::num::NonZeroU64;

use super::{
    batch::{BatchRow, NO_SECOND, RowBatch},
    cardinality::SeriesLimits,
    changes::Changes,
    counters::TargetCounters,
    counts::OptionCounts,
    delta::{Delta, JourneyDelta, RowKey, RowRecord},
    journey::{IdleTimes, JourneyState, OpenJourney, Visit},
};
use crate::{baseline::HistoryDelta, model::LocalSecond, wolkvox::Rejection};

/// What was seen before. It is asked for rows in ascending order.
pub trait SeenRows {
    /// Why it cannot be read.
    type Error;
    /// How many rows with this key an answer has held at most; 0 for none.
    fn count(&self, key: RowKey) -> Result<u32, Self::Error>;
    /// What is known of the journeys of these interactions, which are ascending: of each in turn.
    fn journeys(&self, interactions: &[NonZeroU64]) -> Result<Vec<JourneyState>, Self::Error>;
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

/// New rows of one key, kept until those of all keys are known: memory is asked for all interactions at once.
struct NewRows {
    interaction: NonZeroU64,
    /// Their date and the idle time, in Unix seconds: until then more of the interaction may come.
    until: i64,
    /// Where the first of them is in the answer.
    row: u32,
    slot: u32,
    count: u32,
}

/// An interaction with a new row, or whose journey is due.
struct Touched {
    interaction: NonZeroU64,
    /// The latest of [`NewRows::until`]; `None` without a new row.
    until: Option<i64>,
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
    let mut new_rows: Vec<NewRows> = Vec::new();
    let mut following = 0;
    let mut newest = LocalSecond::MIN;
    // Many rows have the date of the one before.
    let mut moment = (LocalSecond::MIN, 0);

    for alike in stage.rows.chunk_by(|a, b| (a.date, a.fingerprint) == (b.date, b.fingerprint)) {
        let (row, first) = (alike[0], following);
        following += alike.len() as u32;
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

        if let Some(interaction) = row.interaction {
            let until = moment.saturating_add(terms.idle.of(&labels.point.channel));
            new_rows.push(NewRows { interaction, until, row: first, slot: slot as u32, count: times });
        }
    }
    if newest > LocalSecond::MIN {
        step.totals.last_row = step.totals.last_row.max(Some(newest));
    }

    follow(new_rows, &stage.rows, &mut draft, &mut step, terms, memory)?;
    draft.close(&mut step);
    Ok(step)
}

/// Adds new rows, which lie in `rows`, to the journeys of their interactions, and closes the journeys that are over.
fn follow<M: SeenRows>(
    mut new_rows: Vec<NewRows>,
    rows: &[BatchRow],
    draft: &mut Changes<'_>,
    step: &mut Delta,
    terms: &ReconcileParams<'_>,
    memory: &M,
) -> Result<(), M::Error> {
    let closing = terms.bounds.closing;
    new_rows.sort_unstable_by_key(|new| (new.interaction, new.row));
    let by_interaction = || new_rows.chunk_by(|a, b| a.interaction == b.interaction);
    let interactions: Vec<NonZeroU64> = by_interaction().map(|of_one| of_one[0].interaction).collect();
    let states = memory.journeys(&interactions)?;
    let mut touched = Vec::with_capacity(interactions.len());
    for (of_one, state) in by_interaction().zip(states) {
        let first = &of_one[0];
        let (before, mut journey) = match state {
            JourneyState::New => {
                let point = draft.point_of(first.slot as usize);
                point.interactions += 1;
                point.open += 1;
                (None, Some(OpenJourney::default()))
            }
            JourneyState::Open(journey) => (Some(journey.deadline), Some(journey)),
            JourneyState::Over => (None, None),
        };
        for new in of_one {
            let row = rows[new.row as usize];
            let number = draft.slots[new.slot as usize].number;
            let visit = Visit { date: row.date, second: row.second, menu: number, count: new.count };
            draft.point_of(new.slot as usize).late_rows += u64::from(match &mut journey {
                Some(journey) => journey.visit(visit, new.until),
                None => new.count,
            });
        }
        let until = of_one.iter().map(|new| new.until).max();
        touched.push(Touched { interaction: first.interaction, until, before, journey });
    }

    let with_rows = touched.len();
    for (interaction, journey) in memory.journeys_due(closing)? {
        if touched[..with_rows].binary_search_by_key(&interaction, |of| of.interaction).is_err() {
            let before = Some(journey.deadline);
            touched.push(Touched { interaction, until: None, before, journey: Some(journey) });
        }
    }
    // What has no place of its own depends on who comes first.
    touched.sort_unstable_by_key(|of| of.interaction);
    for Touched { interaction, until, before, journey } in touched {
        let deadline = journey.as_ref().map(|journey| journey.deadline);
        let (over, after) = match journey {
            Some(journey) if journey.deadline >= closing => (None, Some(journey)),
            over => (over, None),
        };
        if let Some(until) = until {
            // One that goes on is remembered by the deadline of its journey, in which some rows may have had no room.
            let of_journey = deadline.unwrap_or(until);
            let until = if after.is_some() { of_journey } else { until.max(of_journey) };
            step.interactions.push((interaction, until));
        }
        if let Some(journey) = over {
            close(draft, journey, terms, &mut step.history);
        }
        if before.is_some() || after.is_some() {
            step.journeys.push(JourneyDelta { interaction, before, after });
        }
    }
    Ok(())
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
