//! One answer into the state: everything that happens inside the transaction. Blocking; no clock, no network.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::PollerConfig;
use crate::{
    ledger::{Delta, ReconcileParams, RowBatch, RowRecord, TargetCounters, TimeBounds, reconcile},
    model::MenuLabels,
    schedule::{self, Span, Tier, local_seconds},
    store::{Store, StoreError, TargetId},
};

/// Rows are remembered for the deepest re-reading and this: the widest change of a zone's offset, and room to spare.
const MEMORY_MARGIN: Duration = Duration::from_secs(2 * 3600);
/// No real row is dated this long after the span that was asked for.
const FUTURE: SignedDuration = SignedDuration::from_hours(48);

/// A whole answer, and what surrounds it.
pub(super) struct Reading {
    pub(super) stage: RowBatch,
    pub(super) span: Span,
    /// Our clock when the answer was whole.
    pub(super) now: Timestamp,
    /// The server's, if it said.
    pub(super) server_time: Option<Timestamp>,
    /// Known to lack rows.
    pub(super) incomplete: bool,
    /// The deeper re-reading that ends with this answer.
    pub(super) ends: Option<Tier>,
    /// The window to be counted if this answer completes it.
    pub(super) window: (Timestamp, Timestamp),
}

/// What was committed: the step, and the records of all rows dated in the window if it is complete.
pub(super) type Committed = (Delta, Option<Vec<RowRecord>>);

/// Commits a reading.
pub(super) fn commit(
    store: &Store,
    id: TargetId,
    account: &TargetCounters,
    settings: &PollerConfig,
    reading: Reading,
) -> Result<Committed, StoreError> {
    let Reading { stage, span, now, server_time, incomplete, ends, window } = reading;
    let zone = &settings.zone;
    let local = |moment: Timestamp| local_seconds(zone.to_datetime(moment));
    let before = &account.totals;
    // Never beyond what the server itself calls the past: a clock of ours that runs ahead would otherwise mark time
    // as read whose rows do not exist yet.
    let read = server_time.map_or(span.to, |theirs| span.to.min(theirs));
    let watermark = before.watermark().max(read);
    let terms = ReconcileParams {
        bounds: TimeBounds {
            earliest: before.horizon.max(local(before.origin())),
            latest: local(span.to.checked_add(FUTURE).unwrap_or(Timestamp::MAX)),
            watermark: local(before.watermark()),
            closing: watermark.as_second(),
        },
        limits: settings.limits,
        idle: &settings.idle,
        now: now.as_second(),
        moment: &|date| schedule::last_instant(date, zone),
    };
    let keep = settings.deepest() + MEMORY_MARGIN;
    let ago = |age: Duration| local(watermark.checked_sub(age).unwrap_or(Timestamp::MIN));

    store.transact(|tx| {
        let mut step = reconcile(account, stage, &terms, &tx.memory(id))?;
        let totals = &mut step.totals;
        totals.watermark = watermark.as_second();
        totals.horizon = before.horizon.max(ago(keep));
        totals.incomplete += u64::from(incomplete);
        if let Some(tier) = ends {
            totals.hourly_at = now.as_second();
            if tier == Tier::Nightly {
                totals.nightly_at = now.as_second();
            }
        }
        if !settings.expire_after.is_zero() {
            let seen: BTreeSet<&MenuLabels> = step.menus.iter().map(|(labels, _)| labels).collect();
            let keep = |labels: &MenuLabels| seen.contains(labels) || settings.expected.contains(labels);
            step.dropped = account.unseen(ago(settings.expire_after), keep);
        }
        tx.write(id, &step)?;
        tx.forget(id, step.totals.horizon, ago(keep.max(settings.idle.longest() + MEMORY_MARGIN)))?;
        let (start, end) = window;
        let complete = watermark >= end && span.to >= end;
        let records = complete.then(|| tx.rows_between(id, local(start), local(end))).transpose()?;
        Ok((step, records))
    })
}
