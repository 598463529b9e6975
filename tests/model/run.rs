//! Runs one plan on virtual time and holds the end against the model.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::SignedDuration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    exposition::{BucketBounds, Encoding, Format, Published},
    ledger::{IdleTimes, TargetCounters},
    model::LocalSecond,
    poller::{Clock, Poller, PollerConfig, PollerDeps, StartAgo},
    schedule::Tiers,
    snapshot::Publisher,
    status::Day,
    telemetry::Telemetry,
    wolkvox::RowParser,
};

use crate::{
    crash_disk::CrashDisk,
    process::{Process, open},
    world::{self, World, WorldSource},
};

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) world: World,
    /// Moments, in seconds from the start, at which the process is killed.
    pub(crate) restarts: Vec<i64>,
    /// From when on, and for how long, no process is there at all.
    pub(crate) away: Option<(i64, i64)>,
    /// What the disk does after each start, one start after the other.
    pub(crate) disk: Vec<DiskTrouble>,
    /// From when on the exporter's clock is wrong, and by how much.
    pub(crate) jumps: Vec<(i64, i64)>,
    /// Whether an interaction stays open for so long that all its rows come in time.
    pub(crate) patient: bool,
    pub(crate) seed: u64,
    /// Counting begins when the poller first reaches the server, which is so many seconds after the start at the earliest:
    /// rows before that do not count. Where this is not said, it begins with the world.
    pub(crate) begins: Option<i64>,
    /// No second may be given up, not even for a while.
    pub(crate) whole: bool,
}

impl Plan {
    /// Nothing happens but the world's own troubles.
    pub(crate) fn of(world: World) -> Self {
        Self {
            world,
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

/// Counted in writes from the start of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DiskTrouble {
    /// Power fails: the process is gone.
    PowerCut(u64),
    /// The disk refuses everything for a while; the process lives on.
    Outage { writes: u64, seconds: i64 },
}

const TEXT: Encoding = Encoding { format: Format::Text, gzip: false };

/// How many requests it took; `Err` says what differs.
pub(crate) fn run(plan: Plan) -> Result<usize, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(live(plan))
}

async fn live(mut plan: Plan) -> Result<usize, String> {
    let began = Instant::now();
    let disk = CrashDisk::default();
    let source = WorldSource {
        world: Arc::new(plan.world.clone()),
        began,
        requests: Arc::new(Mutex::new(0)),
        received: Arc::new(Mutex::new(0)),
        told: Arc::new(Mutex::new(0)),
    };
    let mut away = plan.away;
    let mut restarts = plan.restarts.clone();
    restarts.extend(away.map(|(at, _)| at));
    restarts.sort_unstable();
    let mut restarts = restarts.into_iter().peekable();
    let mut troubles = plan.disk.iter();
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    let mut shown: Option<Arc<Published>> = None;
    let mut day = Day::default();
    let mut luck = plan.seed;
    let mut next_luck = move || {
        luck = luck.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        luck
    };
    let idle = if plan.patient { world::PATIENT } else { world::IMPATIENT };
    // Long enough for the last row to appear, for every trouble to pass, and for catching up.
    let end = world::TRAFFIC
        + world::HOURLY.max(idle)
        + 3 * 3600
        + 300 * plan.world.troubles.len() as i64
        + 3600 * plan.world.quota_lies.len() as i64
        + plan.away.map_or(0, |(_, length)| length);
    let now = || began.elapsed().as_secs() as i64;
    loop {
        let started = start(&disk, &source, began, &plan, idle).await;
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
        if let Ok(process) = &started {
            while now() < until {
                sleep(Duration::from_secs(60)).await;
                // A scrape of the same publication shows the same.
                let now = process.publisher.publication().in_encoding(TEXT).await;
                if !shown.is_some_and(|shown| Arc::ptr_eq(&shown, &now)) {
                    last = forward(&last, scrape(&now))?;
                }
                shown = Some(now);
                day = process.publisher.statuses()[0].day.clone();
                if disk.is_off() {
                    let Some(length) = outage.take() else { break };
                    sleep(length).await;
                    disk.restart(next_luck());
                }
            }
        }
        match started {
            Ok(process) => process.kill().await,
            Err(error) if !disk.is_off() => return Err(format!("cannot start: {error}")),
            Err(_) => {}
        }
        disk.restart(next_luck());
        if now() >= end {
            break;
        }
        sleep(Duration::from_secs(20)).await;
        if let Some((_, length)) = away.take_if(|(at, _)| *at <= now()) {
            sleep(Duration::from_secs(length as u64)).await;
        }
    }
    plan.world.rows.retain(|row| plan.begins.is_none_or(|begins| row.date >= begins));
    compare(&plan, &last, *source.received.lock().unwrap())?;
    if !plan.world.fold {
        check_day(&plan, &day)?;
    }
    Ok(*source.requests.lock().unwrap())
}

async fn start(
    disk: &CrashDisk,
    source: &WorldSource,
    began: Instant,
    plan: &Plan,
    idle: i64,
) -> Result<Process, String> {
    let store = Arc::new(open(disk)?);
    let (world_start, jumps) = (source.world.start(), plan.jumps.clone());
    let plan_start =
        plan.begins.map(|_| StartAgo { ago: Duration::ZERO, max_skew: Duration::from_secs(300) });
    let clock: Clock = Arc::new(move || {
        let elapsed = SignedDuration::try_from(began.elapsed()).unwrap();
        let past = |jump: &&(i64, i64)| jump.0 <= elapsed.as_secs();
        let wrong = jumps.iter().rev().find(past).map_or(0, |jump| jump.1);
        world_start + SignedDuration::from_secs(wrong) + elapsed
    });
    // Counting begins with the world, also when the first start never got to write it down.
    let origin = if plan.begins.is_some() { clock() } else { world_start };
    let restored = store.restore("0042", || TargetCounters::new(origin)).map_err(|e| e.to_string())?;
    let parser = RowParser::new(store.fingerprints(), 128);
    let telemetry = Arc::new(Telemetry::new().unwrap());
    let publisher = Publisher::start(telemetry.clone());
    let settings = PollerConfig {
        lookback: Duration::from_secs(world::LOOKBACK as u64),
        row_cap: source.world.cap,
        tiers: Tiers {
            hourly: Duration::from_secs(world::HOURLY as u64),
            nightly: Duration::ZERO,
            nightly_hour: 3,
        },
        idle: IdleTimes { usual: Duration::from_secs(idle as u64), by_channel: BTreeMap::new() },
        start_ago: plan_start,
        ..PollerConfig::plain("0042", source.world.zone(), BucketBounds::new(&[10.0, 60.0]).unwrap())
    };
    let around = PollerDeps {
        store: store.clone(),
        publisher: publisher.clone(),
        telemetry: telemetry.target("0042"),
        clock,
        shutdown: CancellationToken::new(),
    };
    let poller =
        Poller::start(settings, source.clone(), parser, restored, around).await.map_err(|e| e.to_string())?;
    Ok(Process { publisher, task: tokio::spawn(poller.run()), store })
}

/// The whole world lies within the last day: its hours hold every row since they are known, and none twice.
fn check_day(plan: &Plan, day: &Day) -> Result<(), String> {
    let since = day.known_from.unwrap_or(day.first);
    let is_since = |date: i64| LocalSecond::from(plan.world.local(date)) >= since;
    let known = plan.world.rows.iter().filter(|row| is_since(row.date)).count() as u64;
    let all = plan.world.rows.len() as u64;
    if day.hits < known || day.hits > all {
        return Err(format!("the last day has {} hits, not {known} to {all}", day.hits));
    }
    Ok(())
}

/// Names of what is committed. What is told of the process begins at 0 with each.
const LASTING: [&str; 6] = [
    "wolkvox_menu_",
    "wolkvox_rows_",
    "wolkvox_late_rows_",
    "wolkvox_row_lateness_",
    "wolkvox_windows_incomplete_",
    "wolkvox_series_overflow_",
];

/// All counters that outlast a process, from the text format, by name and labels.
fn scrape(published: &Published) -> BTreeMap<String, f64> {
    let text = published.render(&[], TEXT).expect("it was asked for").concat();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter(|(name, _)| LASTING.iter().any(|lasting| name.starts_with(lasting)))
        .filter(|(name, _)| {
            ["_total{", "_sum{", "_count{", "_bucket{"].iter().any(|kind| name.contains(kind))
        })
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The newer scrape, unless a counter went back or vanished.
fn forward(
    before: &BTreeMap<String, f64>,
    now: BTreeMap<String, f64>,
) -> Result<BTreeMap<String, f64>, String> {
    for (name, value) in before {
        match now.get(name) {
            Some(later) if later >= value => {}
            later => return Err(format!("{name} went back from {value} to {later:?}")),
        }
    }
    Ok(now)
}

/// Whatever came when: every interaction is one journey, and every row is in it or late.
fn check_journeys(scraped: &BTreeMap<String, f64>) -> Result<(), String> {
    let sum = |metric: &str| -> f64 {
        let name = format!("wolkvox_menu_{metric}{{");
        scraped.iter().filter(|(series, _)| series.starts_with(&name)).map(|(_, value)| value).sum()
    };
    let journeys = sum("journey_options_count");
    for (what, shown, real) in [
        ("interactions", sum("interactions_total"), journeys),
        ("entries", sum("option_entry_total"), journeys),
        ("finals", sum("option_final_total"), journeys),
        ("rows", sum("journey_options_sum") + sum("journey_late_rows_total"), sum("option_hits_total")),
        ("steps", sum("transitions_total"), sum("journey_options_sum") - journeys),
    ] {
        if shown != real {
            return Err(format!("journeys: {shown} {what}, not {real}"));
        }
    }
    Ok(())
}

fn compare(plan: &Plan, scraped: &BTreeMap<String, f64>, received: u64) -> Result<(), String> {
    let truth = world::truth(&plan.world.rows, plan.patient);
    for (name, value) in &truth {
        if scraped.get(name) != Some(value) {
            return Err(format!("{name}: truth {value}, exposed {:?}", scraped.get(name)));
        }
    }
    check_journeys(scraped)?;
    let about_journeys = |name: &str| {
        ["journey", "entry", "final", "repeats", "transitions"].iter().any(|part| name.contains(part))
    };
    let menus = |name: &&String| {
        name.starts_with("wolkvox_menu_")
            && !name.contains("_bucket{")
            && (plan.patient || !about_journeys(name))
    };
    if let Some(extra) = scraped.keys().filter(menus).find(|name| !truth.contains_key(*name)) {
        return Err(format!("{extra} is exposed but not real"));
    }
    let outcomes: f64 =
        scraped.iter().filter(|(name, _)| name.starts_with("wolkvox_rows_total{")).map(|(_, v)| v).sum();
    let given_up =
        scraped.iter().find(|(name, count)| name.starts_with("wolkvox_windows_incomplete_") && **count > 0.0);
    if let Some((name, count)) = given_up.filter(|_| plan.whole) {
        return Err(format!("{name} is {count}"));
    }
    // An answer whose commit the crash took away was received but is in no outcome.
    if outcomes > received as f64 {
        return Err(format!("{received} rows were received, and the outcomes add up to {outcomes}"));
    }
    Ok(())
}
