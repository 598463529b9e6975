//! One course of events on virtual time, from the first start to the end of the reading.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    baseline::History,
    ledger::TargetCounters,
    poller::{Clock, Poller, PollerConfig, PollerDeps},
    snapshot::Publisher,
    status::{UsualStatus, WarmUpState},
    telemetry::Telemetry,
    wolkvox::RowParser,
};

use super::vendor::{Asked, DEPTH, IDLE, LOOKBACK, PastSource, START, TRAFFIC, Vendor, local};
use crate::{
    crash_disk::CrashDisk,
    polled,
    process::{Process, open},
};

const SERVER: &str = "0042";
/// Seconds from the start after which the journeys of all live rows are over.
const LIVE: i64 = TRAFFIC + IDLE + 1200;
/// Seconds from the start after which the reading has ended in any case.
const LATEST: i64 = 6 * 86_400;

#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) vendor: Vendor,
    /// Moments at which the process is killed, in seconds from the start.
    pub(super) kills: Vec<i64>,
    /// Numbers of writes after which power fails, one for each process.
    pub(super) power_cuts: Vec<u64>,
    /// True if the weeks before are read.
    pub(super) reads: bool,
    /// Most requests for the weeks before; `more` replaces it after the last kill.
    pub(super) requests: u32,
    pub(super) more: Option<u32>,
    /// Most requests a day, for all purposes.
    pub(super) quota: Option<u64>,
    pub(super) seed: u64,
}

impl Life {
    /// Makes a course of events with the vendor's own troubles only.
    pub(super) fn of(vendor: Vendor) -> Self {
        let (kills, power_cuts) = (Vec::new(), Vec::new());
        Self {
            vendor,
            kills,
            power_cuts,
            reads: true,
            requests: 100_000,
            more: None,
            quota: None,
            seed: 0,
        }
    }
}

/// The state at the end.
pub(super) struct End {
    /// The stored history, day by day.
    pub(super) days: BTreeMap<i32, Vec<u8>>,
    /// The ranges that it knows, in seconds from the start.
    pub(super) known: Vec<(i64, i64)>,
    pub(super) watermark: i64,
    pub(super) state: WarmUpState,
    /// Number of requests for the past.
    pub(super) sent: u32,
    pub(super) live: BTreeMap<i64, u128>,
    pub(super) by_day: BTreeMap<i64, u64>,
    pub(super) past_by_day: BTreeMap<i64, u64>,
}

pub(super) fn live(life: &Life) -> Result<End, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(course(life))
}

async fn course(life: &Life) -> Result<End, String> {
    let (disk, began) = (CrashDisk::default(), Instant::now());
    let asked = Arc::new(Mutex::new(Asked::default()));
    let source = PastSource { vendor: Arc::new(life.vendor.clone()), began, asked: asked.clone() };
    let mut kills = life.kills.clone();
    kills.sort_unstable();
    let (mut kills, mut cuts) = (kills.into_iter().peekable(), life.power_cuts.iter());
    let (mut luck, mut deaths, mut last) = (life.seed, 0, UsualStatus::default());
    let now = || began.elapsed().as_secs() as i64;
    loop {
        let requests =
            if kills.peek().is_none() { life.more.unwrap_or(life.requests) } else { life.requests };
        let started = start(&disk, &source, (life, requests), began).await;
        if let Some(writes) = cuts.next() {
            disk.fail_after(*writes);
        }
        let mut over = false;
        if let Ok(process) = &started {
            let until = kills.next();
            while !over && !disk.is_off() && until.is_none_or(|at| now() < at) {
                sleep(Duration::from_secs(7)).await;
                last = forward(&last, process.publisher.statuses()[0].usual.clone(), life)?;
                let done = !life.reads || last.warm_up.state != WarmUpState::Reading;
                over = until.is_none() && done && now() > LIVE;
                if now() > LATEST {
                    return Err(format!("the reading does not end: {last:?}"));
                }
            }
        }
        match started {
            Ok(process) => process.kill().await,
            Err(error) if !disk.is_off() => return Err(format!("cannot start: {error}")),
            Err(_) => {}
        }
        luck = luck.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        disk.restart(luck);
        if over {
            break;
        }
        deaths += 1;
        sleep(Duration::from_secs(3)).await;
    }
    let asked = std::mem::take(&mut *asked.lock().unwrap());
    // A request that was in flight when the process died was sent but could not be counted.
    let counted = last.warm_up.requests;
    if counted > asked.past || asked.past > counted + deaths {
        return Err(format!(
            "{} requests were sent, {counted} counted, after {deaths} deaths",
            asked.past
        ));
    }
    end(&disk, last.warm_up.state, asked)
}

/// Returns the newer status, unless the known history or the number of requests decreased.
fn forward(before: &UsualStatus, now: UsualStatus, life: &Life) -> Result<UsualStatus, String> {
    let back = now.warm_up.requests < before.warm_up.requests
        || now.warm_up.progress < before.warm_up.progress
        || now.history < before.history;
    // If more requests are allowed, a reading that had ended may resume; otherwise its state must
    // stay.
    let again = before.warm_up.state != WarmUpState::Reading
        && before.warm_up.state != WarmUpState::Off
        && now.warm_up.state != before.warm_up.state;
    if back || (again && life.more.is_none()) {
        return Err(format!("it went back from {before:?} to {now:?}"));
    }
    Ok(now)
}

/// Returns the state on the disk.
fn end(disk: &CrashDisk, state: WarmUpState, asked: Asked) -> Result<End, String> {
    let store = open(disk)?;
    let (id, counters) = store
        .restore(SERVER, || TargetCounters::new(start_of_time()))
        .map_err(|e| e.to_string())?;
    let days = store.read(|view| view.history(id)).map_err(|e| e.to_string())?;
    let mut history = History::new(35);
    for (day, bytes) in &days {
        history.load(*day, bytes).map_err(|e| e.to_string())?;
    }
    let watermark = counters.totals.watermark().as_second();
    Ok(End {
        days: days.into_iter().collect(),
        known: known(&history, watermark - START),
        watermark,
        state,
        sent: asked.past,
        live: asked.live,
        by_day: asked.by_day,
        past_by_day: asked.past_by_day,
    })
}

/// Returns the ranges that a history knows, in seconds from the start.
fn known(history: &History, watermark: i64) -> Vec<(i64, i64)> {
    let mut known = Vec::new();
    let covers = |at: &i64| history.covers(local(*at), local(*at + 1));
    let mut at = history.begin().map(|begin| begin - local(0));
    while let Some(from) = at {
        let mut to = from;
        while to < watermark && covers(&to) {
            to += 1;
        }
        known.push((from, to));
        at = (to..watermark).find(covers);
    }
    known
}

fn start_of_time() -> Timestamp {
    Timestamp::from_second(START).unwrap()
}

async fn start(
    disk: &CrashDisk,
    source: &PastSource,
    (life, requests): (&Life, u32),
    began: Instant,
) -> Result<Process, String> {
    let store = Arc::new(open(disk)?);
    let clock: Clock =
        Arc::new(move || start_of_time() + SignedDuration::try_from(began.elapsed()).unwrap());
    let restored = store
        .restore(SERVER, || TargetCounters::new(start_of_time()))
        .map_err(|error| error.to_string())?;
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let seconds = |seconds: i64| Duration::from_secs(seconds as u64);
    let mut shared = polled::only_live_polls(&[10.0, 60.0]);
    shared.poll.lookback = seconds(LOOKBACK);
    shared.menu.zero_hold = Duration::ZERO;
    shared.journey.idle = seconds(IDLE);
    shared.baseline.warm_up = if life.reads { seconds(DEPTH) } else { Duration::ZERO };
    shared.baseline.warm_up_requests = requests;
    let config = PollerConfig::new(polled::target(SERVER, TimeZone::UTC), shared.into()).unwrap();
    let config = PollerConfig { row_cap: life.vendor.cap, quota: life.quota, ..config };
    let around = PollerDeps {
        store: store.clone(),
        publisher: publisher.clone(),
        telemetry: telemetry.target(SERVER),
        clock,
        shutdown: CancellationToken::new(),
        probe: Default::default(),
    };
    let parser = RowParser::new(store.fingerprints(), 128);
    let poller = Poller::start(config, source.clone(), parser, restored, around).await;
    let poller = poller.map_err(|error| error.to_string())?;
    Ok(Process { publisher, task: tokio::spawn(poller.run()), store })
}
