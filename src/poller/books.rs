//! What has been committed of one target: on the disk, and the memory that follows it.
//!
//! Every change goes to the disk first. After a write that failed nobody knows whether it took place, so memory is read
//! from the disk again before it is built upon.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::{
    PollerConfig,
    commit::{self, Reading, Written},
    replay::day::{Around, Day},
};
use crate::{
    baseline::History,
    ledger::{Delta, Past, RowBatch, TargetCounters, Totals, WindowCounts},
    model::{Counted, LocalStretch},
    schedule::{last_instant, local_second, local_stretches, warm_up::WarmUp},
    snapshot::TargetSnapshot,
    store::{Store, StoreError, TargetId, Transaction, View},
};

/// One target's committed state.
pub(super) struct Books {
    store: Arc<Store>,
    id: TargetId,
    counters: Arc<TargetCounters>,
    /// What was usual.
    history: Arc<History>,
    /// How far the time before the beginning has been read.
    warm_up: WarmUp,
    /// A write failed, so memory may be behind the disk.
    stale: bool,
    /// A day of the past that is being read: what is committed meanwhile goes there.
    day: Option<PastDay>,
}

impl Books {
    /// Takes over what was restored.
    pub(super) async fn open(
        store: Arc<Store>,
        (id, mut counters): (TargetId, TargetCounters),
        settings: &PollerConfig,
    ) -> Result<Self, StoreError> {
        settings.expected.iter().for_each(|labels| counters.expect(labels.clone()));
        let (history, warm_up) = remembered(store.clone(), id, &counters, settings).await?;
        let (counters, history) = (Arc::new(counters), Arc::new(history));
        Ok(Self { store, id, counters, history, warm_up, stale: false, day: None })
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
        let (store, id) = (self.store.clone(), self.id);
        let result = blocking(move || store.transact(|tx| work(tx, id))).await;
        self.stale |= result.is_err();
        result
    }

    /// Runs `work` on what was last committed, off the thread that answers scrapes.
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
        let (store, id) = (self.store.clone(), self.id);
        let result = blocking(move || work(&store, id)).await;
        self.stale |= result.is_err();
        result
    }

    /// After a write that failed it is unknown whether it took place: the disk knows.
    pub(super) async fn restore_if_stale(&mut self, settings: &PollerConfig) -> Result<(), StoreError> {
        if self.stale {
            let (store, id) = (self.store.clone(), self.id);
            let counters = blocking(move || store.reload(id)).await?;
            *self = Self::open(self.store.clone(), (id, counters), settings).await?;
            info!(server = settings.name, "the state is usable again");
        }
        Ok(())
    }

    /// Moves the origin, of a target of which nothing has been read.
    pub(super) async fn begin_at(
        &mut self,
        settings: &PollerConfig,
        origin: Timestamp,
    ) -> Result<(), StoreError> {
        let delta = self.counters.begin_at(origin);
        let delta = self.transact(move |tx, id| tx.write(id, &delta).map(|()| delta)).await?;
        self.apply(delta);
        self.warm_up = WarmUp::before(local_second(self.totals().origin(), &settings.zone));
        Ok(())
    }

    /// Commits an answer, or says why not; memory follows.
    pub(super) async fn commit(
        &mut self,
        settings: &Arc<PollerConfig>,
        reading: Reading,
    ) -> Result<Outcome, StoreError> {
        if self.day.is_some() {
            return self.add_to_day(reading).await;
        }
        let (store, id) = (self.store.clone(), self.id);
        let (counters, config, window) = (self.counters.clone(), settings.clone(), reading.window);
        let (history, warm_up) = (self.history.clone(), self.warm_up);
        let written =
            blocking(move || commit::commit(&store, id, (&counters, &history, &warm_up), &config, reading));
        let written = written.await;
        self.stale |= written.is_err();
        let (delta, history, records, seen_again, contradicts) = match written? {
            Written::Refused { known } => return Ok(Outcome::Contradicts { known }),
            Written::Committed { delta, history, records, seen_again, contradicts } => {
                (delta, history, records, seen_again, contradicts)
            }
        };
        self.history = Arc::new(*history);
        self.apply(*delta);
        let window =
            window.zip(records).map(|((start, end), records)| self.counters.window(start, end, records));
        Ok(Outcome::Committed { window, seen_again, contradicts })
    }

    /// How far the day of the past has been read that is under way.
    pub(super) fn day_read_to(&self) -> Option<Timestamp> {
        self.day.as_ref().map(|day| day.read_to)
    }

    /// Begins a day of the past, and gives what was exposed before it.
    pub(super) async fn begin_day(
        &mut self,
        window: Option<WindowCounts>,
        around: Around,
    ) -> Result<TargetSnapshot, StoreError> {
        let (counters, history, warm_up) = (self.counters.clone(), self.history.clone(), self.warm_up);
        let begin =
            move |view: &View, id| Day::begin(view, id, (&counters, &history, &warm_up), window, around);
        let (day, snapshot) = self.read(begin).await?;
        let read_to = self.totals().watermark();
        self.day = Some(PastDay { read_to, counting: Counting::Done(Box::new(day)) });
        Ok(snapshot)
    }

    /// Counts an answer, while the next one is asked for.
    async fn add_to_day(&mut self, reading: Reading) -> Result<Outcome, StoreError> {
        self.settle_day().await?;
        if let Some(PastDay { read_to, counting: Counting::Done(mut day) }) = self.day.take() {
            self.counters = day.counters().clone();
            let reach = reading.reach().max(read_to);
            let count = move || {
                day.take(reading);
                day
            };
            let counting = Counting::UnderWay(tokio::task::spawn_blocking(count));
            self.day = Some(PastDay { read_to: reach, counting });
        }
        Ok(Outcome::Committed { window: None, seen_again: false, contradicts: None })
    }

    /// Waits until everything is counted that has been read of the day of the past.
    pub(super) async fn settle_day(&mut self) -> Result<(), StoreError> {
        match self.day.take() {
            Some(PastDay { read_to, counting: Counting::UnderWay(count) }) => {
                let broke_off = |panic| StoreError::Failed(format!("counting broke off: {panic}"));
                let counting = Counting::Done(count.await.map_err(broke_off)?);
                self.day = Some(PastDay { read_to, counting });
            }
            day => self.day = day,
        }
        Ok(())
    }

    /// Commits the day of the past that has been read, and takes over what is on the disk then.
    pub(super) async fn commit_day(&mut self, settings: &PollerConfig) -> Result<(), StoreError> {
        self.settle_day().await?;
        let Some(PastDay { counting: Counting::Done(day), .. }) = self.day.take() else { return Ok(()) };
        self.transact(move |tx, id| day.write(tx, id)).await?;
        let (store, id) = (self.store.clone(), self.id);
        let counters = blocking(move || store.reload(id)).await?;
        *self = Self::open(self.store.clone(), (id, counters), settings).await?;
        Ok(())
    }

    /// Commits an answer of the warm-up, which was asked for up to `until`: the rows dated in `stretch` and nothing else, and
    /// how far it has come with it.
    pub(super) async fn commit_past(
        &mut self,
        settings: &Arc<PollerConfig>,
        batch: RowBatch,
        (stretch, until): (LocalStretch, Timestamp),
        warm_up: WarmUp,
    ) -> Result<(), StoreError> {
        let (counters, history, config) = (self.counters.clone(), self.history.clone(), settings.clone());
        let next = self.transact(move |tx, id| {
            let moment = |date| last_instant(date, &config.zone);
            let asked = (stretch, until.as_second());
            let past = Past::of(&batch, asked, (&counters, config.limits), &config.idle, &moment);
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

    /// The warm-up leaves out what it cannot read.
    pub(super) async fn pass_over(&mut self, warm_up: WarmUp) -> Result<(), StoreError> {
        self.transact(move |tx, id| tx.write_warm_up(id, &warm_up)).await?;
        self.warm_up = warm_up;
        Ok(())
    }

    /// So many requests have been sent for the warm-up.
    pub(super) async fn warm_up_sent(&mut self, requests: u32) -> Result<(), StoreError> {
        self.pass_over(WarmUp { requests, ..self.warm_up }).await
    }

    /// Makes counts visible for which `zero_was_seen`: written down before they are shown, because after a crash a
    /// count that was visible must not be shown as 0 again.
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

    /// The window, counted from what is remembered.
    pub(super) async fn window(
        &mut self,
        (start, end): (Timestamp, Timestamp),
        zone: &TimeZone,
    ) -> Result<WindowCounts, StoreError> {
        let stretches = local_stretches(start, end, zone);
        let read = move |view: &View, id| commit::in_all(&stretches, |stretch| view.rows_in(id, stretch));
        let records = self.read(read).await?;
        Ok(self.counters.window(start, end, records))
    }

    fn apply(&mut self, delta: Delta) {
        Arc::make_mut(&mut self.counters).apply(delta);
    }
}

/// A day of the past under way.
struct PastDay {
    /// How far it has been read.
    read_to: Timestamp,
    counting: Counting,
}

/// Whether an answer is being counted.
enum Counting {
    Done(Box<Day>),
    UnderWay(JoinHandle<Box<Day>>),
}

/// What came of an answer.
pub(super) enum Outcome {
    /// It is committed.
    Committed {
        /// The window that it completes.
        window: Option<WindowCounts>,
        /// It held rows that were known.
        seen_again: bool,
        /// Known rows of its span, where it held none of them and was taken all the same.
        contradicts: Option<u64>,
    },
    /// It is not: it holds none of so many known rows of its span.
    Contradicts { known: u64 },
}

/// What was usual, as far as it is on the disk, and how far the time before has been read.
async fn remembered(
    store: Arc<Store>,
    id: TargetId,
    counters: &TargetCounters,
    settings: &PollerConfig,
) -> Result<(History, WarmUp), StoreError> {
    let watermark = local_second(counters.totals.watermark(), &settings.zone);
    let (keep, server) = (settings.baseline.keep_days, settings.name.clone());
    let read = move || {
        let (days, warm_up) = store.read(|view| Ok((view.history(id)?, view.warm_up(id)?)))?;
        let mut history = History::new(keep);
        for (day, bytes) in days {
            if let Err(error) = history.load(day, &bytes) {
                warn!(server, "{error}: what was usual then is unknown, and nothing else is lost");
            }
        }
        history.forget(watermark);
        Ok((history, warm_up.unwrap_or(WarmUp::before(watermark))))
    };
    blocking(read).await
}

/// Disk and encoding stay off the thread that answers scrapes.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => Err(StoreError::Failed(format!("a commit broke off: {panic}"))),
    }
}
