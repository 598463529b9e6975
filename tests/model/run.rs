//! Runs one plan on virtual time, and compares the end with the model.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    exposition::Published,
    ledger::TargetCounters,
    poller::{Clock, Poller, PollerConfig, PollerDeps, Source as _},
    snapshot::Publisher,
    status::Day,
    telemetry::Telemetry,
    wolkvox::RowParser,
};

use crate::{
    compare::{self, Counters, TEXT, check_current, check_day, compare, forward, lasting, series},
    crash_disk::CrashDisk,
    polled,
    process::{Process, open},
    source::WorldSource,
    trouble::{Errand, IncidentKind, Refusal, Trouble},
    world::{self, World},
};

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) world: World,
    /// The second report, with troubles of its own; `None` if it is off.
    pub(crate) calls: Option<World>,
    /// First start of the process, in seconds from the start. Counting begins with the world even
    /// so.
    pub(crate) first_start: i64,
    /// Moments at which the process is killed, in seconds from the start.
    pub(crate) restarts: Vec<i64>,
    /// Begin and length of a time without any process, in seconds from the start.
    pub(crate) away: Option<(i64, i64)>,
    /// Troubles of the disk, one for each start of the process.
    pub(crate) disk: Vec<DiskTrouble>,
    /// Moments in seconds from the start, each with the error of the exporter's clock from then on.
    pub(crate) jumps: Vec<(i64, i64)>,
    /// Interactions stay open for so long that all their rows come in time.
    pub(crate) patient: bool,
    pub(crate) seed: u64,
    /// Earliest moment at which the poller reaches the server, in seconds from the start. Counting
    /// begins when it does, and earlier rows do not count. If `None`, counting begins with the
    /// world.
    pub(crate) begins: Option<i64>,
    /// No second may be given up, not even for a while.
    pub(crate) whole: bool,
}

impl Plan {
    /// Makes a plan without events except the world's own troubles.
    pub(crate) fn of(world: World) -> Self {
        Self {
            world,
            calls: None,
            first_start: 0,
            restarts: Vec::new(),
            away: None,
            disk: Vec::new(),
            jumps: Vec::new(),
            patient: false,
            seed: 0,
            begins: None,
            whole: false,
        }
    }
}

/// A trouble of the disk after a number of writes since the start of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DiskTrouble {
    /// Power fails, and the process ends.
    PowerCut(u64),
    /// The disk refuses everything for a while; the process continues.
    Outage { writes: u64, seconds: i64 },
}

/// Longest time without polls, except after a wrong token or a spent quota, while a process runs on
/// a working disk: an hour, and a slow poll.
const LONGEST_SILENCE: Duration = Duration::from_secs(3600 + 600);
/// Longest wait after a failed step of an errand, in seconds.
const LONGEST_ERRAND_WAIT: i64 = 900;
/// Time without a process after a kill.
const DOWN: Duration = Duration::from_secs(20);

/// The end of a history without a difference.
#[derive(Debug)]
pub(crate) struct End {
    /// Number of requests for rows.
    pub(crate) requests: usize,
    /// The last scrape, including gauges.
    pub(crate) series: Counters,
    /// Highest age of the data in any scrape, in seconds, after the first poll of the world.
    pub(crate) largest_lag: f64,
    /// Number of scrapes without `wolkvox_menu_window_end_timestamp_seconds`.
    pub(crate) without_window: usize,
    pub(crate) scrapes: usize,
}

/// Runs a plan. Returns the difference as an error.
pub(crate) fn run(plan: Plan) -> Result<End, String> {
    if std::env::var_os("MODEL_LOG").is_some() {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
        // Fails in every run of a process but the first, which is harmless.
        let _ = log.with_writer(std::io::stderr).try_init();
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(live(plan))
}

/// Returns the virtual time at which a plan is over: long enough for the last row to appear, for
/// every trouble to pass, and for catching up.
fn end(plan: &Plan, idle: i64) -> i64 {
    let world = &plan.world;
    let calls = plan.calls.as_ref();
    let trouble = world::TRAFFIC
        + troubled_seconds(world, 300)
        + calls.map_or(0, |calls| troubled_seconds(calls, LONGEST_ERRAND_WAIT))
        + 3600 * world.quota_lies.len() as i64
        + plan.first_start
        + plan.away.map_or(0, |(_, length)| length);
    let until = incidents_over(world).max(calls.map_or(0, incidents_over));
    trouble.max(until) + world::HOURLY.max(idle) + 3 * 3600
}

/// Returns the time for the troubles of single requests, if the next request after each may be
/// `wait` seconds later.
fn troubled_seconds(world: &World, wait: i64) -> i64 {
    let seconds = |trouble: &Trouble| match trouble {
        Trouble::None => 300,
        Trouble::Busy(_) => 3600 + wait,
        _ => wait,
    };
    world.troubles.iter().map(seconds).sum()
}

/// Returns the moment at which the last incident is over. One that lasts for ever ends with the
/// world.
fn incidents_over(world: &World) -> i64 {
    let until = world.incidents.iter().map(|incident| incident.until);
    until.filter(|until| *until <= 24 * 3600).max().unwrap_or(0)
}

/// Observations of a process from outside.
#[derive(Default)]
struct Witness {
    series: Counters,
    counters: Counters,
    shown: Option<Arc<Published>>,
    day: Day,
    largest_lag: f64,
    without_window: usize,
    scrapes: usize,
}

impl Witness {
    /// Scrapes once; `now` is the server's time in Unix seconds.
    async fn look(&mut self, publisher: &Publisher, now: f64) -> Result<(), String> {
        let published = publisher.publication().in_encoding(TEXT).await;
        // A scrape of the same publication shows the same.
        if !self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, &published)) {
            self.series = series(&published);
            self.counters = forward(&self.counters, lasting(self.series.clone()))?;
        }
        self.shown = Some(published);
        self.day = publisher.statuses()[0].day.clone();
        self.scrapes += 1;
        let window = compare::value(&self.series, "wolkvox_menu_window_end_timestamp_seconds");
        self.without_window += usize::from(window.is_none());
        if let Some(watermark) = compare::value(&self.series, "wolkvox_watermark_timestamp_seconds")
        {
            self.largest_lag = self.largest_lag.max(now - watermark);
        }
        Ok(())
    }
}

async fn live(mut plan: Plan) -> Result<End, String> {
    let disk = CrashDisk::default();
    let source = WorldSource::new(plan.world.clone(), plan.calls.clone());
    let menus = &source.menus;
    let began = menus.began;
    let mut away = plan.away;
    let mut restarts = plan.restarts.clone();
    restarts.extend(away.map(|(at, _)| at));
    restarts.sort_unstable();
    let mut restarts = restarts.into_iter().peekable();
    let mut troubles = plan.disk.iter();
    let mut witness = Witness::default();
    let mut disk_back = 0;
    let mut luck = plan.seed;
    let mut next_luck = move || {
        luck = luck.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        luck
    };
    let idle = if plan.patient { world::PATIENT } else { world::IMPATIENT };
    let end = end(&plan, idle);
    let now = || began.elapsed().as_secs() as i64;
    let moment = || menus.world.start().as_second() as f64 + began.elapsed().as_secs_f64();
    sleep(Duration::from_secs(plan.first_start as u64)).await;
    loop {
        let started = start(&disk, &source, &plan, idle).await;
        menus.observed.lock().unwrap().begin_life();
        let mut outage = None;
        match troubles.next() {
            Some(DiskTrouble::PowerCut(writes)) => disk.fail_after(*writes),
            Some(DiskTrouble::Outage { writes, seconds }) => {
                disk.fail_after(*writes);
                outage = Some(Duration::from_secs(*seconds as u64));
            }
            None => {}
        }
        let until = restarts.next_if(|at| *at < end).unwrap_or(end);
        let mut works = started.is_ok();
        if let Ok(process) = &started {
            while now() < until {
                sleep(Duration::from_secs(60)).await;
                witness.look(&process.publisher, moment()).await?;
                if disk.is_off() {
                    works = false;
                    let Some(length) = outage.take() else { break };
                    sleep(length).await;
                    disk.restart(next_luck());
                    menus.observed.lock().unwrap().begin_life();
                    works = true;
                    disk_back = now();
                }
            }
        }
        if works {
            menus.observed.lock().unwrap().end_silence();
        }
        match started {
            Ok(process) => process.kill().await,
            Err(error) if !disk.is_off() => return Err(format!("cannot start: {error}")),
            Err(_) => {}
        }
        let intact = !disk.is_off();
        disk.restart(next_luck());
        if now() >= end {
            // A poll that failed because of the disk must be followed by some that succeed.
            if intact && now() - disk_back > 900 {
                check_current(&plan, &witness.series, moment())?;
            }
            break;
        }
        sleep(DOWN).await;
        if let Some((_, length)) = away.take_if(|(at, _)| *at <= now()) {
            sleep(Duration::from_secs(length as u64)).await;
        }
    }
    plan.world.rows.retain(|row| plan.begins.is_none_or(|begins| row.date >= begins));
    let observed = menus.observed.lock().unwrap();
    compare(&plan, &witness.counters, observed.received)
        .map_err(|error| format!("{error}, after {} requests", observed.requests))?;
    if !plan.world.fold && crate::truth::is_exact(&plan.world) {
        check_day(&plan, &witness.day)?;
    }
    if observed.longest_silence > LONGEST_SILENCE && plan.world.quota_lies.is_empty() {
        return Err(format!("no poll for {:?}", observed.longest_silence));
    }
    Ok(End {
        requests: observed.requests,
        series: witness.series,
        largest_lag: witness.largest_lag,
        without_window: witness.without_window,
        scrapes: witness.scrapes,
    })
}

async fn start(
    disk: &CrashDisk,
    source: &WorldSource,
    plan: &Plan,
    idle: i64,
) -> Result<Process, String> {
    let store = Arc::new(open(disk)?);
    let world = &source.menus.world;
    let began = source.menus.began;
    let world_start = world.start();
    let jumps = plan.jumps.clone();
    let clock: Clock = Arc::new(move || {
        let elapsed = SignedDuration::try_from(began.elapsed()).unwrap();
        let past = |jump: &&(i64, i64)| jump.0 <= elapsed.as_secs();
        let wrong = jumps.iter().rev().find(past).map_or(0, |jump| jump.1);
        world_start + SignedDuration::from_secs(wrong) + elapsed
    });
    // Counting begins with the world, even if the first start never wrote that down.
    let origin = if plan.begins.is_some() { clock() } else { world_start };
    let restored =
        store.restore("0042", || TargetCounters::new(origin)).map_err(|e| e.to_string())?;
    let parser = RowParser::new(store.fingerprints(), 128);
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let mut shared = polled::only_live_polls(&[10.0, 60.0]);
    shared.poll.lookback = Duration::from_secs(world::LOOKBACK as u64);
    shared.poll.hourly_lookback = Duration::from_secs(world::HOURLY as u64);
    shared.journey.idle = Duration::from_secs(idle as u64);
    let mut target = polled::target("0042", world.zone());
    target.names.vendor = asks_names(world);
    target.outcomes = plan.calls.is_some();
    let config = PollerConfig {
        row_cap: world.cap,
        start_ago: plan.begins.map(|_| Duration::ZERO),
        // If the limit is unknown, re-reading stays within the lowest limit that the vendor
        // documents, and may come late.
        quota: (!source.tells_quota()).then_some(100_000),
        ..PollerConfig::new(target, shared.into()).unwrap()
    };
    let around = PollerDeps {
        store: store.clone(),
        publisher: publisher.clone(),
        telemetry: telemetry.target("0042"),
        clock,
        shutdown: CancellationToken::new(),
        probe: Default::default(),
    };
    let poller = Poller::start(config, source.clone(), parser, restored, around)
        .await
        .map_err(|e| e.to_string())?;
    Ok(Process { publisher, task: tokio::spawn(poller.run()), store })
}

/// Returns true if an incident of the world concerns requests for names. Other worlds do without
/// them, because each would be one request more.
fn asks_names(world: &World) -> bool {
    let is_about_names =
        |kind| matches!(kind, IncidentKind::Busy(Errand::Names | Errand::Any, Refusal { .. }));
    world.incidents.iter().any(|incident| is_about_names(incident.kind))
}
