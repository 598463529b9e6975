//! The committed state of one report of a target: on the disk, and in memory.
//!
//! Every change goes to the disk first. After a failed write it is unknown whether the write took
//! place, so memory is restored from the disk before it is used again.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{
    PollerConfig,
    commit::{self, Before, Committed, Whole},
    judge::Agreement,
    replay::day::{Day, DayContext},
};
use crate::{
    baseline::History,
    ledger::{Delta, Evidence, Past, RowBatch, TargetCounters, Totals, WindowCounts},
    model::{Counted, LocalStretch},
    schedule::{
        TimeRange, last_instant, local_second, local_stretches, unanswerable::Unanswerable,
        warm_up::WarmUp,
    },
    store::{Store, StoreError, TargetId, Transaction, View},
};

/// The committed state of one report of a target.
pub(super) struct CommittedState {
    store: Arc<Store>,
    id: TargetId,
    counters: Arc<TargetCounters>,
    /// The history of earlier weeks.
    history: Arc<History>,
    /// The progress of the warm-up, which reads the weeks before the origin.
    warm_up: WarmUp,
    /// An access to the store failed, so memory may be behind the disk.
    stale: bool,
    /// The running work on the disk. It is finished even if its caller was cancelled.
    work: TaskTracker,
    /// The day of the past that is being read. While there is one, answers are added to it instead
    /// of being committed.
    day: Option<PastDay>,
}

impl CommittedState {
    /// Makes the state from restored counters.
    pub(super) async fn open(
        store: Arc<Store>,
        id: TargetId,
        mut counters: TargetCounters,
        settings: &PollerConfig,
    ) -> Result<Self, StoreError> {
        settings.expected.iter().for_each(|labels| counters.expect(labels.clone()));
        let (history, warm_up) = remembered(store.clone(), id, &counters, settings).await?;
        let counters = Arc::new(counters);
        let history = Arc::new(history);
        Ok(Self {
            store,
            id,
            counters,
            history,
            warm_up,
            stale: false,
            work: TaskTracker::new(),
            day: None,
        })
    }

    /// Makes the state of another report of the same target from restored counters. Both states
    /// share their running work, so [`CommittedState::finish`] waits for both.
    pub(super) async fn beside(
        &mut self,
        id: TargetId,
        counters: TargetCounters,
        settings: &PollerConfig,
    ) -> Result<Self, StoreError> {
        let state = Self::open(self.store.clone(), id, counters, settings).await?;
        Ok(Self { work: self.work.clone(), ..state })
    }

    pub(super) fn totals(&self) -> &Totals {
        &self.counters.totals
    }

    pub(super) fn counters(&self) -> &Arc<TargetCounters> {
        &self.counters
    }

    pub(super) fn history(&self) -> &Arc<History> {
        &self.history
    }

    pub(super) fn warm_up(&self) -> &WarmUp {
        &self.warm_up
    }

    /// Runs `work` in one transaction, off the thread that answers scrapes.
    pub(super) async fn transact<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_>, TargetId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.with_store(move |store, id| store.transact(|tx| work(tx, id))).await
    }

    /// Runs `work` on the last committed state, off the thread that answers scrapes.
    pub(super) async fn read<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&View, TargetId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.with_store(move |store, id| store.read(|view| work(view, id))).await
    }

    /// Runs `work` on the store, off the thread that answers scrapes.
    pub(super) async fn with_store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Store, TargetId) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.store.clone();
        let id = self.id;
        let result = self.blocking(move || work(&store, id)).await;
        self.stale |= result.is_err();
        result
    }

    /// Restores memory from the disk after a failure.
    pub(super) async fn restore_if_stale(
        &mut self,
        settings: &PollerConfig,
    ) -> Result<(), StoreError> {
        if self.stale {
            self.reload(settings).await?;
            info!(server = settings.target.name, "the state is usable again");
        }
        Ok(())
    }

    /// Restores memory from the disk.
    pub(super) async fn reload(&mut self, settings: &PollerConfig) -> Result<(), StoreError> {
        let counters = self.with_store(Store::reload).await?;
        *self = self.beside(self.id, counters, settings).await?;
        Ok(())
    }

    /// Moves the origin of a report of which nothing has been read.
    pub(super) async fn begin_at(
        &mut self,
        settings: &PollerConfig,
        origin: Timestamp,
    ) -> Result<(), StoreError> {
        let delta = self.counters.begin_at(origin);
        let delta = self.transact(move |tx, id| tx.write(id, &delta).map(|()| delta)).await?;
        self.apply(delta);
        self.warm_up =
            WarmUp::before(local_second(self.totals().origin(), &settings.target.timezone));
        Ok(())
    }

    /// Commits an answer, unless it contradicts the known rows, and updates memory. Returns the
    /// window that it completes. While a day of the past is read, the answer is added to the day
    /// instead.
    pub(super) async fn commit(
        &mut self,
        config: &Arc<PollerConfig>,
        whole: Whole,
    ) -> Result<Outcome, StoreError> {
        if self.day.is_some() {
            self.add_to_day(whole).await?;
            return Ok(Outcome {
                agreement: Agreement::Agrees,
                evidence: Evidence::default(),
                window: None,
            });
        }
        let store = self.store.clone();
        let id = self.id;
        let counters = self.counters.clone();
        let history = self.history.clone();
        let warm_up = self.warm_up;
        let config = config.clone();
        let window = whole.window;
        let written = self.blocking(move || {
            let counters = &*counters;
            let history = &*history;
            let config = &*config;
            commit::commit(
                &store,
                id,
                &Before { counters, history, warm_up: &warm_up, config },
                whole,
            )
        });
        let written = written.await;
        self.stale |= written.is_err();
        let written = written?;
        let agreement = written.agreement;
        let evidence = written.evidence;
        let mut completed = None;
        if let Some(Committed { delta, history, records }) = written.committed {
            self.history = Arc::new(*history);
            self.apply(*delta);
            completed = window
                .zip(records)
                .map(|(window, records)| self.counters.window(window.from, window.to, records));
        }
        Ok(Outcome { agreement, evidence, window: completed })
    }

    /// Waits until the running work on the disk is finished.
    pub(super) async fn finish(&mut self) {
        self.work.close();
        self.work.wait().await;
    }

    /// Runs blocking work off the thread that answers scrapes. Once begun it is finished, even if
    /// the returned future is dropped.
    fn blocking<T, W>(
        &self,
        work: W,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce() -> Result<T, StoreError> + Send + 'static,
    {
        let task = self.work.spawn_blocking_on(work, &self.store.threads());
        async move {
            match task.await {
                Ok(result) => result,
                Err(panic) => Err(StoreError::Failed(format!("a commit broke off: {panic}"))),
            }
        }
    }

    /// Returns the stored table of seconds that the server cannot answer for.
    pub(super) async fn unanswerable(&mut self) -> Result<Unanswerable, StoreError> {
        self.read(View::unanswerable).await
    }

    /// Returns the end of the part that has been read of the current day of the past.
    pub(super) fn day_read_to(&self) -> Option<Timestamp> {
        self.day.as_ref().map(|day| day.read_to)
    }

    /// Begins a day of the past, and returns the result of `first` on it.
    pub(super) async fn begin_day<T: Send + 'static>(
        &mut self,
        context: DayContext,
        first: impl FnOnce(&mut Day) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let counters = self.counters.clone();
        let history = self.history.clone();
        let warm_up = self.warm_up;
        let begun = self.read(move |view, id| {
            let mut day = Day::begin(view, id, (&counters, &history, &warm_up), context)?;
            let first = first(&mut day);
            Ok((day, first))
        });
        let (day, first) = begun.await?;
        let read_to = self.totals().watermark();
        self.day = Some(PastDay { read_to, counting: Counting::Done(Box::new(day)) });
        Ok(first)
    }

    /// Returns the day of the past if all of its answers are counted.
    pub(super) fn settled_day(&mut self) -> Option<&mut Day> {
        match &mut self.day {
            Some(PastDay { counting: Counting::Done(day), .. }) => Some(day),
            _ => None,
        }
    }

    /// Counts an answer in the background, while the next one is requested.
    async fn add_to_day(&mut self, whole: Whole) -> Result<(), StoreError> {
        self.settle_day().await?;
        if let Some(PastDay { read_to, counting: Counting::Done(mut day) }) = self.day.take() {
            self.counters = day.counters().clone();
            let reach = whole.reach().max(read_to);
            let count = tokio::task::spawn_blocking(move || {
                day.take(whole);
                day
            });
            self.day = Some(PastDay { read_to: reach, counting: Counting::UnderWay(count) });
        }
        Ok(())
    }

    /// Waits until all answers of the day of the past are counted.
    pub(super) async fn settle_day(&mut self) -> Result<(), StoreError> {
        match self.day.take() {
            Some(PastDay { read_to, counting: Counting::UnderWay(count) }) => {
                let day = count
                    .await
                    .map_err(|panic| StoreError::Failed(format!("counting broke off: {panic}")))?;
                self.day = Some(PastDay { read_to, counting: Counting::Done(day) });
            }
            day => self.day = day,
        }
        Ok(())
    }

    /// Removes and returns the day of the past, to be written.
    pub(super) async fn end_day(&mut self) -> Result<Option<EndedDay>, StoreError> {
        self.settle_day().await?;
        let id = self.id;
        Ok(match self.day.take() {
            Some(PastDay { counting: Counting::Done(day), .. }) => Some(EndedDay { id, day }),
            _ => None,
        })
    }

    /// Commits the progress of the warm-up with an answer, which was requested up to `until`: only
    /// its rows dated in `stretch` count.
    pub(super) async fn commit_past(
        &mut self,
        settings: &Arc<PollerConfig>,
        batch: RowBatch,
        stretch: LocalStretch,
        until: Timestamp,
        warm_up: WarmUp,
    ) -> Result<(), StoreError> {
        let counters = self.counters.clone();
        let history = self.history.clone();
        let config = settings.clone();
        let next = self.transact(move |tx, id| {
            let past = Past::of(
                &batch,
                stretch,
                until.as_second(),
                &counters,
                config.limits,
                &config.idle,
                &|date| last_instant(date, &config.target.timezone),
            );
            let mut next = (*history).clone();
            next.apply(&past.delta, |place| past.labels.get(place as usize));
            next.cover(stretch.0, stretch.1);
            tx.write_history(id, &next.changes_since(&history))?;
            tx.write_warm_up(id, &warm_up)?;
            Ok(next)
        });
        self.history = Arc::new(next.await?);
        self.warm_up = warm_up;
        Ok(())
    }

    /// Commits the progress of the warm-up without an answer: a part was skipped or failed.
    pub(super) async fn pass_over(&mut self, warm_up: WarmUp) -> Result<(), StoreError> {
        self.transact(move |tx, id| tx.write_warm_up(id, &warm_up)).await?;
        self.warm_up = warm_up;
        Ok(())
    }

    /// Makes counts visible for which `zero_was_seen` returns true. This is committed first,
    /// because after a crash a count that was visible must not be shown as 0 again.
    pub(super) async fn release(
        &mut self,
        settings: &PollerConfig,
        now: Timestamp,
        zero_was_seen: impl Fn(&Counted) -> bool,
    ) -> Result<(), StoreError> {
        self.restore_if_stale(settings).await?;
        let Some(delta) = self.counters.release(now, zero_was_seen) else { return Ok(()) };
        let delta = self.transact(move |tx, id| tx.write(id, &delta).map(|()| delta)).await?;
        self.apply(delta);
        Ok(())
    }

    /// Returns the counts of a window from the remembered rows.
    pub(super) async fn window(
        &mut self,
        window: TimeRange,
        zone: &TimeZone,
    ) -> Result<WindowCounts, StoreError> {
        let stretches = local_stretches(window.from, window.to, zone);
        let records = self
            .read(move |view, id| commit::in_all(&stretches, |stretch| view.rows_in(id, stretch)))
            .await?;
        Ok(self.counters.window(window.from, window.to, records))
    }

    fn apply(&mut self, delta: Delta) {
        Arc::make_mut(&mut self.counters).apply(delta);
    }
}

/// A day of the past that is being read.
struct PastDay {
    /// End of the part that has been read.
    read_to: Timestamp,
    counting: Counting,
}

/// A day of the past that has been read completely.
pub(super) struct EndedDay {
    id: TargetId,
    day: Box<Day>,
}

impl EndedDay {
    /// Writes all changes of the day.
    pub(super) fn write(self, tx: &mut Transaction<'_>) -> Result<(), StoreError> {
        self.day.write(tx, self.id)
    }
}

/// The counting of the day's answers: finished, or running on another thread.
enum Counting {
    Done(Box<Day>),
    UnderWay(JoinHandle<Box<Day>>),
}

/// The result of a commit.
pub(super) struct Outcome {
    pub(super) agreement: Agreement,
    pub(super) evidence: Evidence,
    /// The window that the answer completes.
    pub(super) window: Option<WindowCounts>,
}

/// Loads the history and the progress of the warm-up from the disk.
async fn remembered(
    store: Arc<Store>,
    id: TargetId,
    counters: &TargetCounters,
    settings: &PollerConfig,
) -> Result<(History, WarmUp), StoreError> {
    let watermark = local_second(counters.totals.watermark(), &settings.target.timezone);
    let keep = settings.shared.baseline.keep_days();
    let server = settings.target.name.clone();
    let threads = store.threads();
    let read = threads.spawn_blocking(move || {
        let (days, warm_up) = store.read(|view| Ok((view.history(id)?, view.warm_up(id)?)))?;
        let mut history = History::new(keep);
        for (day, bytes) in days {
            if let Err(error) = history.load(day, &bytes) {
                warn!(server, "{error}: what was usual then is unknown, and nothing else is lost");
            }
        }
        history.forget(watermark);
        Ok((history, warm_up.unwrap_or(WarmUp::before(watermark))))
    });
    read.await
        .map_err(|panic| StoreError::Failed(format!("reading the state broke off: {panic}")))?
}
