//! A day of the past, window by window: takes answers for hours, and passes on each complete window
//! as a scrape after it would have shown it.
//!
//! Owns the counters, journeys and history as of the current window. Its clock is the dates of the
//! rows. Nothing of the day is on the disk until [`Day::write`], and the counts of a window must
//! not depend on how the day was divided into answers.

use std::{collections::VecDeque, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::memory::{DayMemory, put_in_order};
use crate::{
    baseline::{Detector, HangUpDetector, HangUpScore, History},
    ledger::{
        Delta, ReconcileParams, RoutingPointCounts, RowBatch, RowKey, RowRecord, TargetCounters,
        TimeBounds, WindowCounts, reconcile,
    },
    model::{Counted, LocalSecond, Names, VOICE},
    poller::{
        PollerConfig,
        baseline::judge,
        commit::{self, FUTURE, Whole},
    },
    schedule::{self, MIN_RANGE, TimeRange, local_second, local_stretches, warm_up::WarmUp},
    snapshot::{OutcomesSnapshot, TargetSnapshot, Usual},
    store::{StoreError, TargetId, Transaction, View},
    telemetry::TargetTelemetry,
};

/// Longest time by which a wall clock is set back.
const TURNED_BACK: SignedDuration = SignedDuration::from_hours(6);

/// A counted window, and the snapshot after it.
#[derive(Debug, Clone, Copy)]
pub struct PastWindow<'a> {
    /// The snapshot that a scrape would have shown.
    pub snapshot: &'a TargetSnapshot,
    /// Start of the window.
    pub start: Timestamp,
    /// End of the window, exclusive.
    pub end: Timestamp,
}

/// A function that receives each window, in order.
pub type EachWindow = Box<dyn FnMut(PastWindow<'_>) + Send>;

/// The parameters of a day of one report.
pub(in crate::poller) struct DayContext {
    pub(in crate::poller) settings: Arc<PollerConfig>,
    /// End of the whole backfill: only rows that can be read again from there are remembered.
    pub(in crate::poller) until: Timestamp,
    pub(in crate::poller) windows: Windows,
}

/// The windows of a report.
pub(in crate::poller) enum Windows {
    /// The windows of the menus, which are passed on one by one.
    Menus(Box<MenuWindows>),
    /// The windows of the outcomes of calls, which are kept for the menus, because those are read
    /// after them.
    Outcomes(OutcomeWindows),
}

/// The windows of the menus.
pub(in crate::poller) struct MenuWindows {
    pub(in crate::poller) names: Arc<Names>,
    pub(in crate::poller) telemetry: TargetTelemetry,
    pub(in crate::poller) each: EachWindow,
    pub(in crate::poller) detector: Detector,
    /// The exposed outcomes of calls at the beginning and after each following window; empty if
    /// they are not read.
    pub(in crate::poller) outcomes: VecDeque<PastOutcomes>,
}

/// The windows of the outcomes of calls.
#[derive(Default)]
pub(in crate::poller) struct OutcomeWindows {
    detector: HangUpDetector,
    past: VecDeque<PastOutcomes>,
}

/// The exposed outcomes of calls after a window.
pub(in crate::poller) struct PastOutcomes {
    snapshot: OutcomesSnapshot,
    hang_ups: Vec<HangUpScore>,
}

/// A day that is being read.
pub(in crate::poller) struct Day {
    context: DayContext,
    counters: Arc<TargetCounters>,
    history: History,
    /// The history in the state.
    stored_history: History,
    warm_up: WarmUp,
    memory: DayMemory,
    /// Start of the current window: everything before it is counted.
    start: Timestamp,
    /// End of the part that has been read.
    read_to: Timestamp,
    /// A part of the current window is known to lack rows.
    uncertain: bool,
    /// Rows to remember of the windows before the last one: those that may be read again.
    remembered: Vec<(RowKey, RowRecord)>,
    /// The rows of the last window.
    last: Vec<(RowKey, RowRecord)>,
    dropped: Vec<Counted>,
}

impl Day {
    /// Begins a day at the watermark of the state.
    pub(in crate::poller) fn begin(
        view: &View,
        id: TargetId,
        (counters, history, warm_up): (&TargetCounters, &History, &WarmUp),
        context: DayContext,
    ) -> Result<Self, StoreError> {
        let start = counters.totals.watermark();
        Ok(Self {
            context,
            counters: Arc::new(counters.clone()),
            history: history.clone(),
            stored_history: history.clone(),
            warm_up: *warm_up,
            memory: DayMemory::new(view.open_journeys(id)?, view.interactions(id)?),
            start,
            read_to: start,
            uncertain: false,
            remembered: Vec::new(),
            last: Vec::new(),
            dropped: Vec::new(),
        })
    }

    pub(in crate::poller) fn counters(&self) -> &Arc<TargetCounters> {
        &self.counters
    }

    /// Adds an answer, and finishes the windows that it completes.
    pub(in crate::poller) fn take(&mut self, whole: Whole) {
        let read_to = whole.reach().max(self.read_to);
        let Whole { mut batch, range, lost, .. } = whole;
        let incomplete = lost > 0;
        batch.sort_by_date();
        // Some servers send more than was requested; earlier rows are counted already.
        batch.keep_between(self.shown_until(self.start), LocalSecond::MAX);
        self.uncertain |= incomplete && range.length() > MIN_RANGE;
        let mut lacking = incomplete;
        while let end = self.window_end()
            && end <= read_to
        {
            let rows = batch.take_before(self.shown_until(end));
            self.count(rows, std::mem::take(&mut lacking), end, end);
            self.finish(end);
        }
        if read_to > self.start {
            let rows = batch.take_before(self.shown_until(read_to) + 1);
            self.count(rows, lacking, self.window_end(), self.start);
        }
        self.read_to = read_to;
    }

    fn window_end(&self) -> Timestamp {
        let interval = SignedDuration::try_from(self.context.settings.cadence.interval)
            .unwrap_or(SignedDuration::MAX);
        self.start.checked_add(interval).unwrap_or(Timestamp::MAX)
    }

    fn local(&self, moment: Timestamp) -> LocalSecond {
        local_second(moment, &self.context.settings.target.timezone)
    }

    /// Returns the first second that the server's wall clock had not shown before `moment`. All
    /// rows of an hour that comes twice are counted when it comes first, because it is unknown to
    /// which of the two they belong.
    fn shown_until(&self, moment: Timestamp) -> LocalSecond {
        let before = moment.checked_sub(TURNED_BACK).unwrap_or(Timestamp::MIN);
        let stretches = local_stretches(before, moment, &self.context.settings.target.timezone);
        stretches.into_iter().map(|(_, to)| to).max().unwrap_or_else(|| self.local(moment))
    }

    /// Counts rows of the window that ends at `end`, and the journeys that are over at `closing`.
    fn count(&mut self, mut rows: RowBatch, lacking: bool, end: Timestamp, closing: Timestamp) {
        let settings = self.context.settings.clone();
        let zone = &settings.target.timezone;
        let cadence = settings.cadence;
        let before = &self.counters.totals;
        let bounds = TimeBounds {
            earliest: before.horizon.max(self.local(before.origin())),
            latest: self.local(end.checked_add(FUTURE).unwrap_or(Timestamp::MAX)),
            watermark: self.shown_until(self.start),
            closing: closing.as_second(),
            history: self.warm_up.end,
            ..TimeBounds::OPEN
        };
        let params = ReconcileParams {
            bounds,
            limits: settings.limits,
            idle: &settings.idle,
            measure: settings.measure,
            // The moment at which a live poll would have read it.
            now: (end + cadence.settle_delay + cadence.jitter).as_second(),
            moment: &|date| schedule::last_instant(date, zone),
        };
        let memory = self.memory.since(settings.oldest_interactions(self.start));
        let Ok(mut delta) = reconcile(&self.counters, &mut rows, &params, &memory);
        delta.totals.incomplete += u64::from(lacking);
        // Only the second that two answers share is read twice, and its position depends on how the
        // day was divided.
        delta.totals.repeated = self.counters.totals.repeated;
        self.memory.follow(&mut delta);
        commit::extend_history(&mut self.history, &delta);
        self.apply(delta);
    }

    /// Finishes the window that ends at `end`: no more rows are counted in it.
    fn finish(&mut self, end: Timestamp) {
        let settings = self.context.settings.clone();
        let mut delta = self.counters.unchanged();
        let oldest = end.checked_sub(settings.memory()).unwrap_or(Timestamp::MIN);
        let totals = &mut delta.totals;
        // All of it has been read later than any re-reading would have.
        (totals.watermark, totals.hourly_at, totals.nightly_at) =
            (end.as_second(), end.as_second(), end.as_second());
        totals.horizon = totals.horizon.max(self.local(oldest));
        commit::drop_unseen(&self.counters, &settings, &mut delta);
        self.dropped.extend(delta.dropped.iter().cloned());
        self.apply(delta);
        // The 0 before a count is written beside it, so no hold is needed.
        if let Some(released) = self.counters.release(end, |_| true) {
            self.apply(released);
        }
        let read = (!std::mem::take(&mut self.uncertain))
            .then_some(TimeRange { from: self.start, to: end });
        commit::cover_history(&mut self.history, read, end, &settings.target.timezone);
        let window = self.take_window(end);
        let start = std::mem::replace(&mut self.start, end);
        if let Some(snapshot) = self.snapshot(Some(window))
            && let Windows::Menus(windows) = &mut self.context.windows
        {
            (windows.each)(PastWindow { snapshot: &snapshot, start, end });
        }
        self.keep_outcomes();
    }

    /// Counts the rows of the window, and keeps those that the exporter may read again.
    fn take_window(&mut self, end: Timestamp) -> WindowCounts {
        let settings = &self.context.settings;
        let stretches = local_stretches(self.start, end, &settings.target.timezone);
        let rows = std::mem::take(&mut self.memory.rows);
        let dated = rows
            .iter()
            .filter(|(key, _)| stretches.iter().any(|(from, to)| (*from..*to).contains(&key.date)));
        let window = self.counters.window(self.start, end, dated.map(|(_, record)| *record));
        let oldest = self.context.until.checked_sub(settings.memory()).unwrap_or(Timestamp::MIN);
        let oldest = self.local(oldest);
        let before = std::mem::replace(&mut self.last, rows);
        self.remembered.extend(before.into_iter().filter(|(key, _)| key.date >= oldest));
        window
    }

    fn apply(&mut self, delta: Delta) {
        Arc::make_mut(&mut self.counters).apply(delta);
    }

    /// Returns the snapshot of the menus once everything before the current window is counted;
    /// `window` is the one before.
    pub(in crate::poller) fn snapshot(
        &mut self,
        window: Option<WindowCounts>,
    ) -> Option<TargetSnapshot> {
        let settings = self.context.settings.clone();
        let history_seconds = self.history.seconds_before(self.local(self.start));
        let Windows::Menus(windows) = &mut self.context.windows else { return None };
        let past = windows.outcomes.pop_front();
        let scores = window.as_ref().map(|window| {
            let window = TimeRange { from: window.start, to: window.end };
            let mut scores =
                judge(&mut windows.detector, &self.history, &settings, self.start, window);
            scores.add_hang_ups(past.as_ref().map_or(&[], |past| &past.hang_ups));
            Arc::new(scores)
        });
        let counters = self.counters.clone();
        Some(TargetSnapshot {
            outcomes: past.map(|past| past.snapshot),
            window: window.map(Arc::new),
            usual: Usual { scores, history_seconds: history_seconds.unsigned_abs() },
            ..settings.snapshot(counters, windows.names.clone(), windows.telemetry.clone())
        })
    }

    /// Keeps the exposed outcomes of calls once everything before the current window is counted.
    pub(in crate::poller) fn keep_outcomes(&mut self) {
        let watermark = self.local(self.start);
        let Windows::Outcomes(windows) = &mut self.context.windows else { return };
        let holidays = &self.context.settings.holidays;
        windows.past.push_back(PastOutcomes {
            snapshot: OutcomesSnapshot {
                counters: self.counters.clone(),
                // Only the status page uses it, and the past has none.
                history: Arc::new(History::new(0)),
                has_read: true,
                failure: None,
            },
            hang_ups: windows.detector.scores(&self.history, watermark, holidays, VOICE),
        });
    }

    /// Removes and returns the kept outcomes of calls.
    pub(in crate::poller) fn take_outcomes(&mut self) -> VecDeque<PastOutcomes> {
        match &mut self.context.windows {
            Windows::Outcomes(windows) => std::mem::take(&mut windows.past),
            Windows::Menus(_) => VecDeque::new(),
        }
    }

    /// Adds the exposed outcomes of calls, in the order of the windows.
    pub(in crate::poller) fn add_outcomes(&mut self, past: VecDeque<PastOutcomes>) {
        if let Windows::Menus(windows) = &mut self.context.windows {
            windows.outcomes.extend(past);
        }
    }

    /// Writes all changes of the day.
    pub(in crate::poller) fn write(
        self,
        tx: &mut Transaction<'_>,
        id: TargetId,
    ) -> Result<(), StoreError> {
        let settings = self.context.settings;
        let (journeys, interactions) = self.memory.changes();
        let mut rows = self.remembered;
        rows.extend(self.last);
        put_in_order(&mut rows);
        let counters = self.counters;
        // Options that are only expected are known from the configuration.
        let menus = counters.menus.iter().filter(|(_, (_, menu))| menu.hits > 0);
        let points =
            counters.points.iter().filter(|(_, point)| ***point != RoutingPointCounts::default());
        let steps = counters.transitions.iter();
        let delta = Delta {
            menus: menus.map(|(labels, menu)| (labels.clone(), menu.clone())).collect(),
            points: points.map(|(labels, point)| (labels.clone(), point.clone())).collect(),
            transitions: steps.map(|(labels, step)| (labels.clone(), step.clone())).collect(),
            dropped: self.dropped,
            rows,
            interactions,
            journeys,
            ..counters.unchanged()
        };
        tx.write(id, &delta)?;
        tx.write_history(id, &self.history.changes_since(&self.stored_history))?;
        tx.write_warm_up(id, &self.warm_up)?;
        let oldest = settings.oldest_interactions(counters.totals.watermark());
        tx.forget(id, counters.totals.horizon, oldest)
    }
}
