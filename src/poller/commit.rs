//! The transaction that commits one answer. Blocking; it must use no clock and no network.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    PollerConfig,
    judge::{Agreement, KnownRowsCheck},
};
use crate::{
    baseline::History,
    ledger::{
        Delta, Evidence, NO_MENU, ReadCursor, ReconcileParams, RowBatch, RowRecord, TargetCounters,
        TimeBounds, reconcile,
    },
    model::{LocalSecond, LocalStretch, MenuLabels},
    schedule::{
        self, MIN_RANGE, Tier, TimeRange, local_second, local_stretches,
        unanswerable::Unanswerable, warm_up::WarmUp,
    },
    store::{Store, StoreError, TargetId, Transaction},
};

/// Longest delay for which a re-reading, late or slow, still reaches as far back as one in time.
pub(super) const REREAD_ROOM: Duration = Duration::from_secs(2 * 3600);
/// Additional time for which rows are remembered, beyond the depth of the deepest re-reading: its
/// room, and the widest change of a zone's offset.
pub(super) const MEMORY_MARGIN: Duration = Duration::from_secs(REREAD_ROOM.as_secs() + 3600);
/// Time after the end of a requested range in which real rows may be dated.
pub(super) const FUTURE: SignedDuration = SignedDuration::from_hours(48);

/// A complete answer to be committed.
pub(super) struct Whole {
    pub(super) batch: RowBatch,
    pub(super) range: TimeRange,
    /// The time of our clock when the answer was complete.
    pub(super) now: Timestamp,
    /// The time of the server's clock, if it can be believed.
    pub(super) server_time: Option<Timestamp>,
    /// Seconds or answers that are known to lack rows.
    pub(super) lost: u64,
    /// The deeper re-reading of which this is a step.
    pub(super) reread: Option<(Tier, ReadCursor)>,
    /// The window to be counted if this answer completes it.
    pub(super) window: Option<TimeRange>,
    /// The comparison with the known rows, for an answer that claims to be complete.
    pub(super) check: Option<KnownRowsCheck>,
    /// The table of unanswerable seconds, if it has changed.
    pub(super) unanswerable: Option<Unanswerable>,
}

impl Whole {
    /// Returns the moment up to which the answer is complete: never later than the server's own
    /// clock. If our clock runs ahead, time whose rows do not exist yet would otherwise be marked
    /// as read.
    pub(super) fn reach(&self) -> Timestamp {
        self.server_time.map_or(self.range.to, |theirs| self.range.to.min(theirs))
    }
}

/// The result of a commit.
pub(super) struct Written {
    /// The agreement with the known rows; if the answer contradicts them, nothing was written.
    pub(super) agreement: Agreement,
    pub(super) evidence: Evidence,
    pub(super) committed: Option<Committed>,
}

/// A committed answer.
pub(super) struct Committed {
    pub(super) delta: Box<Delta>,
    /// The history including the answer.
    pub(super) history: Box<History>,
    /// The records of all rows dated in the window, if it is complete.
    pub(super) records: Option<Vec<RowRecord>>,
}

/// The state before a commit.
pub(super) struct Before<'a> {
    pub(super) counters: &'a TargetCounters,
    pub(super) history: &'a History,
    pub(super) warm_up: &'a WarmUp,
    pub(super) config: &'a PollerConfig,
}

/// Commits an answer, unless it contradicts the known rows.
pub(super) fn commit(
    store: &Store,
    id: TargetId,
    before: &Before<'_>,
    mut whole: Whole,
) -> Result<Written, StoreError> {
    store.transact(|tx| {
        let delta = reconciled(tx, id, before, &mut whole)?;
        let evidence = delta.evidence;
        let agreement = whole.check.map_or(Agreement::Agrees, |check| check.compare(evidence));
        let counted_from = match agreement {
            Agreement::Contradicts => return Ok(Written { agreement, evidence, committed: None }),
            Agreement::GivesWay => whole.check.and_then(|check| check.known_before),
            Agreement::Agrees => before.rebased(&whole, evidence),
        };
        let delta = match counted_from {
            Some(from) => take_over(tx, id, before, &mut whole, from)?,
            None => delta,
        };
        let is_rebase = agreement == Agreement::GivesWay;
        let committed = write_all(tx, id, before, &whole, delta, is_rebase)?;
        Ok(Written { agreement, evidence, committed: Some(committed) })
    })
}

impl Before<'_> {
    /// Returns the moment at which counting continued after a contradiction, if this answer reaches
    /// back before it and lacks the rows that were counted before.
    fn rebased(&self, whole: &Whole, evidence: Evidence) -> Option<Timestamp> {
        let rebased_to =
            Timestamp::from_second(self.counters.totals.rebased_to).unwrap_or(Timestamp::MAX);
        let holds_them = evidence.held > 0 && evidence.held * 2 >= evidence.known;
        (whole.range.from < rebased_to && !holds_them).then_some(rebased_to)
    }

    fn watermark(&self, whole: &Whole) -> Timestamp {
        self.counters.totals.watermark().max(whole.reach())
    }

    /// Returns the time bounds of an answer; rows dated before `counted_from` are not counted.
    fn bounds(&self, whole: &Whole, counted_from: LocalSecond) -> TimeBounds {
        let zone = &self.config.target.timezone;
        let totals = &self.counters.totals;
        let latest = whole.range.to.checked_add(FUTURE).unwrap_or(Timestamp::MAX);
        let nothing = (LocalSecond::MIN, LocalSecond::MIN);
        TimeBounds {
            earliest: totals.horizon.max(local_second(totals.origin(), zone)),
            latest: local_second(latest, zone),
            counted_from,
            judged: whole.check.map_or(nothing, |check| check.judged(whole.range, zone)),
            watermark: local_second(totals.watermark(), zone),
            closing: self.watermark(whole).as_second(),
            history: self.warm_up.end,
        }
    }

    fn reconcile(
        &self,
        tx: &Transaction<'_>,
        id: TargetId,
        whole: &mut Whole,
        counted_from: LocalSecond,
    ) -> Result<Delta, StoreError> {
        let zone = &self.config.target.timezone;
        let params = ReconcileParams {
            bounds: self.bounds(whole, counted_from),
            limits: self.config.limits,
            idle: &self.config.idle,
            measure: self.config.measure,
            now: whole.now.as_second(),
            moment: &|date| schedule::last_instant(date, zone),
        };
        let oldest = self.config.oldest_interactions(self.counters.totals.watermark());
        reconcile(self.counters, &mut whole.batch, &params, &tx.memory(id, oldest))
    }
}

/// Returns the delta of an answer whose new rows all count, with the evidence of all seconds of its
/// range.
fn reconciled(
    tx: &Transaction<'_>,
    id: TargetId,
    before: &Before<'_>,
    whole: &mut Whole,
) -> Result<Delta, StoreError> {
    let mut delta = before.reconcile(tx, id, whole, LocalSecond::MIN)?;
    if let Some(check) = whole.check {
        let judged = check.judged(whole.range, &before.config.target.timezone);
        let records = tx.rows_in(id, judged)?;
        let counted = records.iter().filter(|record| record.menu != NO_MENU);
        delta.evidence.known = counted.map(|record| u64::from(record.counted)).sum();
    }
    Ok(delta)
}

/// Returns the delta of an answer whose rows dated before `from` are remembered without being
/// counted.
fn take_over(
    tx: &Transaction<'_>,
    id: TargetId,
    before: &Before<'_>,
    whole: &mut Whole,
    from: Timestamp,
) -> Result<Delta, StoreError> {
    let counted_from = local_second(from, &before.config.target.timezone);
    let mut delta = before.reconcile(tx, id, whole, counted_from)?;
    delta.totals.rebased_to = delta.totals.rebased_to.max(from.as_second());
    Ok(delta)
}

/// Writes a delta, the history and everything else that changes with an answer.
fn write_all(
    tx: &mut Transaction<'_>,
    id: TargetId,
    before: &Before<'_>,
    whole: &Whole,
    mut delta: Delta,
    is_rebase: bool,
) -> Result<Committed, StoreError> {
    let Before { counters, history, warm_up, config } = before;
    let zone = &config.target.timezone;
    let watermark = before.watermark(whole);
    let read_from = counters.totals.watermark();
    let totals = &mut delta.totals;
    totals.watermark = watermark.as_second();
    totals.incomplete += whole.lost + u64::from(is_rebase);
    if let Some((tier, cursor)) = whole.reread {
        follow(totals, tier, ReadCursor { next: whole.range.to.as_second(), ..cursor });
    }
    write(tx, id, counters, config, &mut delta)?;
    // If a single second lacks rows, only that second is unknown, so the history covers the rest.
    let is_known = whole.lost == 0 || whole.range.length() <= MIN_RANGE;
    let read = is_known.then_some(TimeRange { from: read_from, to: watermark });
    let next = follow_history(history, &delta, read, zone);
    tx.write_history(id, &next.changes_since(history))?;
    tx.write_warm_up(id, warm_up)?;
    if let Some(unanswerable) = &whole.unanswerable {
        tx.write_unanswerable(id, unanswerable)?;
    }
    let window =
        whole.window.filter(|window| watermark >= window.to && whole.range.to >= window.to);
    let stretches = window.map(|window| local_stretches(window.from, window.to, zone));
    let records = stretches.map(|stretches| in_all(&stretches, |stretch| tx.rows_in(id, stretch)));
    let records = records.transpose()?;
    Ok(Committed { delta: Box::new(delta), history: Box::new(next), records })
}

/// Records the progress of a re-reading.
fn follow(totals: &mut crate::ledger::Totals, tier: Tier, cursor: ReadCursor) {
    let under_way = (cursor.next < cursor.end).then_some(cursor);
    match tier {
        Tier::Hourly => totals.hourly_read = under_way,
        Tier::Nightly => totals.nightly_read = under_way,
    }
    if under_way.is_none() {
        match tier {
            Tier::Hourly => totals.hourly_at = cursor.began,
            // The nightly re-reading also does the work of the hourly one.
            Tier::Nightly => {
                totals.nightly_at = cursor.began;
                totals.hourly_at = totals.hourly_at.max(cursor.began);
            }
        }
    }
}

/// Returns the history after a delta; everything in `read` has been read.
fn follow_history(
    history: &History,
    delta: &Delta,
    read: Option<TimeRange>,
    zone: &TimeZone,
) -> History {
    let mut next = history.clone();
    extend_history(&mut next, delta);
    if let Some(range) = read {
        cover_history(&mut next, Some(range), range.to, zone);
    }
    next
}

/// Adds the counts of a delta to the history.
pub(super) fn extend_history(history: &mut History, delta: &Delta) {
    let labels: HashMap<u32, &MenuLabels> =
        delta.menus.iter().map(|(labels, (number, _))| (*number, labels)).collect();
    history.apply(&delta.history, |number| labels.get(&number).copied());
}

/// Records that everything in `read` has been read, and forgets what is too old at `newest`.
pub(super) fn cover_history(
    history: &mut History,
    read: Option<TimeRange>,
    newest: Timestamp,
    zone: &TimeZone,
) {
    if let Some(TimeRange { from, to }) = read {
        local_stretches(from, to, zone).into_iter().for_each(|(from, to)| history.cover(from, to));
    }
    history.forget(local_second(newest, zone));
}

/// Writes a delta, forgets what is never read again, and drops options without a row for a long
/// time.
fn write(
    tx: &mut Transaction<'_>,
    id: TargetId,
    counters: &TargetCounters,
    settings: &PollerConfig,
    delta: &mut Delta,
) -> Result<(), StoreError> {
    let watermark = delta.totals.watermark();
    let oldest = watermark.checked_sub(settings.memory()).unwrap_or(Timestamp::MIN);
    let oldest = local_second(oldest, &settings.target.timezone);
    delta.totals.horizon = delta.totals.horizon.max(oldest);
    drop_unseen(counters, settings, delta);
    tx.write(id, delta)?;
    tx.forget(id, delta.totals.horizon, settings.oldest_interactions(watermark))
}

/// Drops options without a row in the `menu.expire_after` before the delta's watermark.
pub(super) fn drop_unseen(counters: &TargetCounters, settings: &PollerConfig, delta: &mut Delta) {
    if settings.shared.menu.expire_after.is_zero() {
        return;
    }
    let oldest = delta
        .totals
        .watermark()
        .checked_sub(settings.shared.menu.expire_after)
        .unwrap_or(Timestamp::MIN);
    let seen: BTreeSet<&MenuLabels> = delta.menus.iter().map(|(labels, _)| labels).collect();
    delta.dropped = counters.unseen(local_second(oldest, &settings.target.timezone), |labels| {
        seen.contains(labels) || settings.expected.contains(labels)
    });
}

/// Returns the records of all rows dated in these ranges, each of which is read by `of_one`.
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
