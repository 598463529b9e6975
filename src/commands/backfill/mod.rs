//! Makes files of the past for Prometheus, as if the exporter had always run, and a state from
//! which the exporter continues.
//!
//! The past is requested day by day, oldest first, by the poller's code. Rows are counted window by
//! window in the ledger, the journeys and the history, and each window's snapshot is kept in a
//! recording. At the end of a day (UTC) the recording is written as an OpenMetrics file and synced,
//! then the day is committed to the state, then the file gets its name. So the same command makes
//! the same files even after a crash. In the end, the commands that load the files are printed, and
//! the exporter may be started on the state.

mod commands;
mod files;
mod progress;

use std::{
    io::Write,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{files::DayFiles, progress::BackfillProgress};
use crate::{
    config::{BackfillConfig, Config, StartFrom, TargetConfig},
    exposition::Recording,
    ledger::TargetCounters,
    poller::{Api, Clock, EachWindow, PastWindow, Replay, ReplayError},
    schedule::Cadence,
    snapshot::Publisher,
    store::{BackfillMark, Store},
    supervisor::{Deps, Supervisor},
    telemetry::Telemetry,
};

/// The destination of the past, and the way in which progress is shown.
pub struct Target<'a> {
    /// The directory of the files.
    pub output: &'a Path,
    /// The state with which the exporter will continue.
    pub store: Arc<Store>,
    /// Name of the state in printed texts; `None` if no other process can use it.
    pub state: Option<String>,
    /// Standard error is a terminal.
    pub terminal: bool,
}

/// The parts of the process that a backfill needs.
pub struct RunContext {
    /// The time of day.
    pub clock: Clock,
    /// Cancelled when the process is told to end.
    pub shutdown: CancellationToken,
}

/// Reads the past into files and the state. Continues a backfill that was begun in this state
/// before. Returns true if it was completed.
///
/// # Errors
/// If the state belongs to another exporter or backfill, if the past cannot be read, or if a file
/// cannot be written.
pub async fn run(
    wanted: &BackfillConfig,
    config: &Config,
    target: Target<'_>,
    context: RunContext,
    out: &mut impl Write,
) -> anyhow::Result<bool> {
    let Target { output, store, state, terminal } = target;
    let files = Arc::new(DayFiles::new(output)?);
    let begun = store.backfill()?;
    let configured = config.targets.iter().filter(|_| begun.is_some());
    files.refuse_others(configured.map(|target| target.name.as_str()))?;
    let state_name = state.as_deref().unwrap_or("this state");
    let mut mark = begin(&store, begun, wanted, state_name, (context.clock)())?;
    let telemetry = Arc::new(Telemetry::default());
    let supervisor = Supervisor::new(Deps {
        store: store.clone(),
        publisher: Publisher::start(telemetry.clone()),
        telemetry,
        clock: context.clock.clone(),
        in_flight: Arc::new(Semaphore::new(config.poll.requests_in_flight)),
        workers: Handle::current(),
    });
    let run = Run { wanted, config, store: &store, files, supervisor, context: &context, terminal };
    while !mark.finished {
        for target in &config.targets {
            let read = run.target(target, &mark).await;
            if !read.with_context(|| format!("target {}", target.name))? {
                info!("stopped; the same command goes on where it was");
                return Ok(false);
            }
        }
        match run.later_end(&mark) {
            // Windows have closed during the backfill.
            Some(now) => mark.began = now.as_second(),
            None => mark.finished = true,
        }
        store.mark_backfill(&mark)?;
    }
    commands::print(&run.files, &mark, state.as_deref(), out)?;
    Ok(true)
}

/// Returns the mark of the backfill that was begun in this state, or begins one.
fn begin(
    store: &Store,
    begun: Option<BackfillMark>,
    wanted: &BackfillConfig,
    state: &str,
    now: Timestamp,
) -> anyhow::Result<BackfillMark> {
    let new = BackfillMark {
        began: now.as_second(),
        from: wanted.from.to_string(),
        until: wanted.until.map(|until| until.to_string()).unwrap_or_default(),
        labels: wanted.labels.clone(),
        every: wanted.every.as_secs(),
        finished: false,
    };
    match begun {
        Some(begun) => {
            let same = BackfillMark { began: begun.began, finished: begun.finished, ..new };
            if begun != same {
                bail!(
                    "{state} has a backfill that was begun in another way (from {}, until {}, every {} s, labels {:?}): give the \
                     same flags to go on with it, or --state.path a new file to begin another",
                    begun.from,
                    if begun.until.is_empty() { "the newest window" } else { &begun.until },
                    begun.every,
                    begun.labels
                );
            }
            info!(began = %begun.began(), finished = begun.finished, "going on with what was begun");
            Ok(begun)
        }
        None if !store.target_names()?.is_empty() => bail!(
            "{state} is the state of an exporter that has counted already, and its counters cannot be given a past: give \
             --state.path a new file, and start the exporter on that one afterwards"
        ),
        None => {
            store.mark_backfill(&new)?;
            Ok(new)
        }
    }
}

/// The part of the past that is read of one target.
#[derive(Clone, Copy)]
struct PastRange {
    /// Begin of the first window.
    origin: Timestamp,
    /// End of the last window.
    until: Timestamp,
}

/// Returns the moment that a flag names, for a target's zone.
fn instant(
    moment: StartFrom,
    began: Timestamp,
    target: &TargetConfig,
) -> anyhow::Result<Timestamp> {
    moment.instant(began, &target.timezone).map_err(anyhow::Error::new)
}

struct Run<'a> {
    wanted: &'a BackfillConfig,
    config: &'a Config,
    store: &'a Arc<Store>,
    files: Arc<DayFiles>,
    supervisor: Supervisor,
    context: &'a RunContext,
    terminal: bool,
}

impl Run<'_> {
    /// Reads a target's past. Returns false if the process is stopping.
    async fn target(&self, target: &TargetConfig, mark: &BackfillMark) -> anyhow::Result<bool> {
        let past = self.past(target, mark)?;
        let store = self.store.clone();
        let name = target.name.clone();
        spawn_blocking(move || store.restore(&name, || TargetCounters::new(past.origin))).await??;
        let shutdown = self.context.shutdown.clone();
        let mut replay = self.supervisor.replay(self.config, target, past.origin, shutdown).await?;
        self.files.recover(&target.name, replay.progress().watermark)?;
        let progress =
            BackfillProgress::new(&target.name, &replay.progress(), past.until, self.terminal);
        let mut empty_days = Vec::new();
        let outcome = loop {
            let before = replay.progress();
            let start = before.watermark;
            if start >= past.until {
                break Ok(true);
            }
            match self.day(target, &mut replay, past.until, &progress).await {
                Ok(true) if replay.progress().rows == before.rows => {
                    empty_days.push(target.timezone.to_datetime(start).date().to_string());
                }
                Ok(true) => {}
                outcome => break outcome,
            }
        };
        progress.end();
        if !empty_days.is_empty() {
            warn!(
                server = target.name,
                days = empty_days.join(" "),
                "days of the past without a row, each of which was asked for twice: if the operation was open, compare the \
                 report in Wolkvox"
            );
        }
        outcome
    }

    /// Returns the moments between which a target's past is read, which are lines of its grid.
    fn past(&self, target: &TargetConfig, mark: &BackfillMark) -> anyhow::Result<PastRange> {
        let began = mark.began();
        let poll = &self.config.poll;
        let newest =
            Cadence::new(poll.interval, poll.settle_delay, &target.name).last_closed(began);
        let until = match self.wanted.until {
            Some(until) => floor(instant(until, began, target)?, poll.interval).min(newest),
            None => newest,
        };
        let origin = floor(instant(self.wanted.from, began, target)?, poll.interval);
        if origin >= until {
            bail!("there is no window between {origin} and {until}: begin further back");
        }
        Ok(PastRange { origin, until })
    }

    /// Reads a day, or the rest of it. Returns false if the process is stopping, and then keeps
    /// nothing of the day.
    async fn day(
        &self,
        target: &TargetConfig,
        replay: &mut Replay<Api>,
        until: Timestamp,
        progress: &BackfillProgress,
    ) -> anyhow::Result<bool> {
        let start = replay.progress().watermark;
        let end = day_end(start, self.config.poll.interval).min(until);
        let recording = Arc::new(Mutex::new(Recording::new(&self.wanted.labels)));
        let each = record(recording.clone(), self.wanted.every, progress.clone());
        let read = async {
            let before = replay.begin_day(until, each).await?;
            lock(&recording).begin(&before.committed());
            progress.requests(&replay.progress());
            replay.read_day(end).await
        };
        match read.await {
            Ok(()) => {}
            Err(ReplayError::Stopped) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let files = self.files.clone();
        let name = target.name.clone();
        let written = spawn_blocking(move || files.write(&name, start, &mut lock(&recording)))
            .await
            .context("writing broke off")??;
        replay.commit_day().await?;
        self.files.publish(&written)?;
        let now = replay.progress();
        info!(
            server = target.name,
            committed_up_to = %end,
            rows = now.rows,
            bytes = written.bytes,
            requests = now.quota.used,
            "a day of the past is done"
        );
        Ok(true)
    }

    /// Returns the new end of a backfill that goes up to now, if two windows or more have closed
    /// since it was begun.
    fn later_end(&self, mark: &BackfillMark) -> Option<Timestamp> {
        let now = (self.context.clock)();
        let behind =
            now.duration_since(mark.began()).unsigned_abs() >= self.config.poll.interval * 2;
        (self.wanted.until.is_none() && behind).then_some(now)
    }
}

/// Returns the function that records each window and shows the progress.
fn record(
    recording: Arc<Mutex<Recording>>,
    every: Duration,
    progress: BackfillProgress,
) -> EachWindow {
    Box::new(move |PastWindow { snapshot, start, end }| {
        let (carried, at) = moments(start, end, every);
        lock(&recording).advance(&carried, at, &snapshot.committed());
        progress.window(end, snapshot.counters.totals.new);
    })
}

/// Returns the Unix seconds at which a window is sampled. The first ones carry the values before
/// the window: right after the line of the grid, and in between so that no two samples are further
/// apart than `every`. The last one has the window's own rows, in its last second: they belong to
/// its day, and the increase between two lines of the grid is that of the windows between them.
fn moments(start: Timestamp, end: Timestamp, every: Duration) -> (Vec<i64>, i64) {
    let start = start.as_second();
    let last = end.as_second() - 1;
    let first = if last - start < 3 { start } else { start + 1 };
    let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1);
    let steps = ((last - first + every - 1) / every).max(1);
    ((0..steps).map(|step| first + (last - first) * step / steps).collect(), last)
}

/// Returns the next midnight (UTC), or the first line of the grid after it.
fn day_end(start: Timestamp, interval: Duration) -> Timestamp {
    let day = TimeZone::UTC.to_datetime(start).date();
    let midnight = day
        .saturating_add(1.days())
        .to_zoned(TimeZone::UTC)
        .map_or(Timestamp::MAX, |day| day.timestamp());
    let line = floor(midnight, interval);
    if line < midnight { line + interval } else { midnight }
}

/// Returns the line of the grid at a moment or before it.
fn floor(moment: Timestamp, interval: Duration) -> Timestamp {
    let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
    let second = moment.as_second();
    Timestamp::from_second(second - second.rem_euclid(interval)).unwrap_or(moment)
}

fn lock(recording: &Mutex<Recording>) -> std::sync::MutexGuard<'_, Recording> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_is_sampled_from_its_first_second_to_its_last() {
        let window = |seconds: i64, every| {
            let start = at("2026-01-18T12:00:00Z");
            let (carried, last) = moments(
                start,
                start + Duration::from_secs(seconds as u64),
                Duration::from_secs(every),
            );
            let from = |moment: i64| moment - start.as_second();
            (carried.into_iter().map(from).collect::<Vec<_>>(), from(last))
        };
        assert_eq!(window(300, 150), (vec![1, 150], 299));
        assert_eq!(window(300, 298), (vec![1], 299));
        assert_eq!(window(300, 60), (vec![1, 60, 120, 179, 239], 299));
        assert_eq!(window(600, 298), (vec![1, 200, 399], 599));
        assert_eq!(window(2, 150), (vec![0], 1));
    }

    #[test]
    fn days_end_at_midnight_or_on_the_next_line_of_the_grid() {
        let end =
            |start, minutes: u64| day_end(at(start), Duration::from_secs(minutes * 60)).to_string();
        assert_eq!(end("2026-01-18T14:35:00Z", 5), "2026-01-19T00:00:00Z");
        assert_eq!(end("2026-01-19T00:00:00Z", 5), "2026-01-20T00:00:00Z");
        assert_eq!(end("2026-01-18T14:35:00Z", 7), "2026-01-19T00:01:00Z");
    }
}
