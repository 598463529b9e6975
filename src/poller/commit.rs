//! One answer into the state: everything that happens inside the transaction. Blocking; no clock, no network.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::PollerConfig;
use crate::{
    baseline::History,
    ledger::{
        Delta, ReadCursor, ReconcileParams, RowBatch, RowRecord, TargetCounters, TimeBounds, reconcile,
    },
    model::{LocalSecond, LocalStretch, MenuLabels},
    schedule::{self, MIN_SPAN, Span, Tier, local_second, local_stretches, warm_up::WarmUp},
    store::{Store, StoreError, TargetId, Transaction},
};

/// A re-reading that begins late, or takes long, still reaches as deep as it would have in time, up to this much.
pub(super) const REREAD_ROOM: Duration = Duration::from_secs(2 * 3600);
/// Rows are remembered for the deepest re-reading and this: its room, and the widest change of a zone's offset.
pub(super) const MEMORY_MARGIN: Duration = Duration::from_secs(REREAD_ROOM.as_secs() + 3600);
/// No real row is dated this long after the span that was asked for.
pub(super) const FUTURE: SignedDuration = SignedDuration::from_hours(48);

/// A whole answer, and what surrounds it.
pub(super) struct Reading {
    pub(super) batch: RowBatch,
    pub(super) span: Span,
    /// Our clock when the answer was whole.
    pub(super) now: Timestamp,
    /// The server's, if it said.
    pub(super) server_time: Option<Timestamp>,
    /// Known to lack rows.
    pub(super) incomplete: bool,
    /// The deeper re-reading that it belongs to.
    pub(super) deep: Option<(Tier, ReadCursor)>,
    /// The window to be counted if this answer completes it.
    pub(super) window: Option<(Timestamp, Timestamp)>,
    /// What to do with an answer that holds none of the known rows of its span.
    pub(super) doubt: Doubt,
}

impl Reading {
    /// How far it tells everything: never beyond what the server itself calls the past. A clock of ours that runs ahead
    /// would otherwise mark time as read whose rows do not exist yet.
    pub(super) fn reach(&self) -> Timestamp {
        self.server_time.map_or(self.span.to, |theirs| self.span.to.min(theirs))
    }
}

/// How an answer is held against what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Not at all: it does not claim to be all there is.
    Unchecked,
    /// It is refused if it holds none of so many known rows, or more.
    RefuseFrom(u64),
    /// It is taken, and said to be incomplete, if it holds none of so many.
    TakeFrom(u64),
}

/// What became of a reading.
pub(super) enum Written {
    /// It is on the disk.
    Committed {
        delta: Box<Delta>,
        /// What was usual, with what this adds.
        history: Box<History>,
        /// The records of all rows dated in the window, if it is complete.
        records: Option<Vec<RowRecord>>,
        /// It held rows that were known.
        seen_again: bool,
        /// It held none of so many known rows, and was taken all the same.
        contradicts: Option<u64>,
    },
    /// Nothing is: it holds none of so many known rows.
    Refused { known: u64 },
}

/// Commits a reading, if it does not contradict what is known.
pub(super) fn commit(
    store: &Store,
    id: TargetId,
    (counters, history, warm_up): (&TargetCounters, &History, &WarmUp),
    settings: &PollerConfig,
    reading: Reading,
) -> Result<Written, StoreError> {
    let read = reading.reach();
    let Reading { batch, span, now, incomplete, deep, window, doubt, .. } = reading;
    let zone = &settings.zone;
    let before = &counters.totals;
    let watermark = before.watermark().max(read);
    let oldest = settings.oldest_interactions(before.watermark());
    let params = ReconcileParams {
        bounds: TimeBounds { history: warm_up.end, ..bounds(settings, counters, span, watermark) },
        limits: settings.limits,
        idle: &settings.idle,
        now: now.as_second(),
        moment: &|date| schedule::last_instant(date, zone),
    };
    store.transact(|tx| {
        let mut delta = reconcile(counters, batch, &params, &tx.memory(id, oldest))?;
        let seen_again = delta.totals.repeated > before.repeated;
        let contradicts = match doubt {
            Doubt::RefuseFrom(enough) | Doubt::TakeFrom(enough) if !seen_again => {
                Some(known_rows(tx, id, span, settings)?).filter(|known| *known >= enough)
            }
            _ => None,
        };
        if let (Some(known), Doubt::RefuseFrom(_)) = (contradicts, doubt) {
            return Ok(Written::Refused { known });
        }
        let totals = &mut delta.totals;
        totals.watermark = watermark.as_second();
        totals.incomplete += u64::from(incomplete || contradicts.is_some());
        if let Some((tier, cursor)) = deep {
            follow(totals, tier, ReadCursor { next: span.to.as_second(), ..cursor });
        }
        write(tx, id, counters, settings, &mut delta)?;
        // Of a second that is given up no more is unknown than that second.
        let whole = !incomplete || span.length() <= MIN_SPAN;
        let next = follow_history(history, &delta, whole.then_some((before.watermark(), watermark)), zone);
        tx.write_history(id, &next.changes_since(history))?;
        tx.write_warm_up(id, warm_up)?;
        let complete = |(_, end): &(Timestamp, Timestamp)| watermark >= *end && span.to >= *end;
        let window = window.filter(complete).map(|(start, end)| local_stretches(start, end, zone));
        let within = |stretch| tx.rows_in(id, stretch);
        let records = window.map(|stretches| in_all(&stretches, within)).transpose()?;
        Ok(Written::Committed {
            delta: Box::new(delta),
            history: Box::new(next),
            records,
            seen_again,
            contradicts,
        })
    })
}

fn bounds(
    settings: &PollerConfig,
    counters: &TargetCounters,
    span: Span,
    watermark: Timestamp,
) -> TimeBounds {
    let local = |moment| local_second(moment, &settings.zone);
    let before = &counters.totals;
    TimeBounds {
        earliest: before.horizon.max(local(before.origin())),
        latest: local(span.to.checked_add(FUTURE).unwrap_or(Timestamp::MAX)),
        counted_from: LocalSecond::MIN,
        watermark: local(before.watermark()),
        closing: watermark.as_second(),
        history: LocalSecond::MIN,
    }
}

/// A deeper re-reading has come to its cursor.
fn follow(totals: &mut crate::ledger::Totals, tier: Tier, cursor: ReadCursor) {
    let under_way = (cursor.next < cursor.end).then_some(cursor);
    match tier {
        Tier::Hourly => totals.hourly_read = under_way,
        Tier::Nightly => totals.nightly_read = under_way,
    }
    if under_way.is_none() {
        match tier {
            Tier::Hourly => totals.hourly_at = cursor.began,
            // The night's does the hour's work too.
            Tier::Nightly => {
                totals.nightly_at = cursor.began;
                totals.hourly_at = totals.hourly_at.max(cursor.began);
            }
        }
    }
}

/// The history after a delta; `read` is from where to where everything has been read.
fn follow_history(
    history: &History,
    delta: &Delta,
    read: Option<(Timestamp, Timestamp)>,
    zone: &TimeZone,
) -> History {
    let mut next = history.clone();
    extend_history(&mut next, delta);
    if let Some((_, to)) = read {
        cover_history(&mut next, read, to, zone);
    }
    next
}

/// Adds what a delta counts.
pub(super) fn extend_history(history: &mut History, delta: &Delta) {
    let labels: HashMap<u32, &MenuLabels> =
        delta.menus.iter().map(|(labels, (number, _))| (*number, labels)).collect();
    history.apply(&delta.history, |number| labels.get(&number).copied());
}

/// Everything in `read` has been read; what is too old at `newest` is forgotten.
pub(super) fn cover_history(
    history: &mut History,
    read: Option<(Timestamp, Timestamp)>,
    newest: Timestamp,
    zone: &TimeZone,
) {
    if let Some((from, to)) = read {
        local_stretches(from, to, zone).into_iter().for_each(|(from, to)| history.cover(from, to));
    }
    history.forget(local_second(newest, zone));
}

/// Writes a delta, forgets what is never read again, and drops options that nobody has entered for long.
fn write(
    tx: &mut Transaction<'_>,
    id: TargetId,
    counters: &TargetCounters,
    settings: &PollerConfig,
    delta: &mut Delta,
) -> Result<(), StoreError> {
    let watermark = delta.totals.watermark();
    let ago =
        |age: Duration| local_second(watermark.checked_sub(age).unwrap_or(Timestamp::MIN), &settings.zone);
    delta.totals.horizon = delta.totals.horizon.max(ago(settings.memory()));
    drop_unseen(counters, settings, delta);
    tx.write(id, delta)?;
    tx.forget(id, delta.totals.horizon, settings.oldest_interactions(watermark))
}

/// Drops options that nobody has entered for long, as of the delta's watermark.
pub(super) fn drop_unseen(counters: &TargetCounters, settings: &PollerConfig, delta: &mut Delta) {
    if settings.expire_after.is_zero() {
        return;
    }
    let oldest = delta.totals.watermark().checked_sub(settings.expire_after).unwrap_or(Timestamp::MIN);
    let seen: BTreeSet<&MenuLabels> = delta.menus.iter().map(|(labels, _)| labels).collect();
    let keep = |labels: &MenuLabels| seen.contains(labels) || settings.expected.contains(labels);
    delta.dropped = counters.unseen(local_second(oldest, &settings.zone), keep);
}

/// Known rows dated in a span, but for its last second, which a server may leave out.
fn known_rows(
    tx: &Transaction<'_>,
    id: TargetId,
    span: Span,
    settings: &PollerConfig,
) -> Result<u64, StoreError> {
    let (first, last) = span.local(&settings.zone);
    let records = tx.rows_in(id, (first.into(), last.into()))?;
    Ok(records.iter().map(|record| u64::from(record.count)).sum())
}

/// The records of all rows dated in these stretches, which `of_one` tells of each.
pub(super) fn in_all(
    stretches: &[LocalStretch],
    of_one: impl Fn(LocalStretch) -> Result<Vec<RowRecord>, StoreError>,
) -> Result<Vec<RowRecord>, StoreError> {
    let mut records = Vec::new();
    for stretch in stretches {
        records.extend(of_one(*stretch)?);
    }
    Ok(records)
}
