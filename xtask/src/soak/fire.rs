//! The run of a soak: lives and kills, faults that come and go, a scrape every quarter of a second,
//! and a quiet end.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::{
    chance::Chance,
    exporter::{Exporter, Life},
    findings::Findings,
    many, report,
    scrape::{Scrape, Watch},
    vendor::{self, LATEST, Vendor},
    verdict::Verdict,
};

const SCRAPE_EVERY: Duration = Duration::from_millis(250);
const WEATHER_LASTS: (f64, f64) = (1.0, 6.0);
/// Time before the fire at which rows begin, so that the first life has something to catch up with.
const BACKLOG: SignedDuration = SignedDuration::from_mins(5);
/// Lookback of every poll: longer than any row is late.
const LOOKBACK: Duration = Duration::from_secs(LATEST.as_secs() + 20);
/// Callers choose within 90 s, and no row is later than `LATEST`: so every journey gets all of its
/// rows, or those that are missing belong to a chat that was left open.
const IDLE: Duration = Duration::from_secs(90 + LATEST.as_secs() + 5);
/// Length of the life whose standard error nobody reads, in a fire at least twice as long.
const UNHEARD: Duration = Duration::from_secs(60);
/// Time to restore the state, on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Time to read the rest after the fire. It takes seconds if nothing is wrong.
const QUIET_WITHIN: Duration = Duration::from_secs(180);
/// Time for the last poll, its commit, and the zero hold of new series.
const AFTERWARDS: Duration = Duration::from_secs(10);

struct Soak {
    exporter: Exporter,
    config: serde_json::Value,
    vendors: Vec<Vendor>,
    trap: SocketAddr,
    chance: Chance,
    watch: Watch,
    scraping: Interval,
    weather_until: Option<Instant>,
    ready: bool,
    kills: u64,
    reloads: u64,
    scrapes: u64,
    while_down: u64,
    failed_scrapes: Vec<String>,
    slowest_scrape: Duration,
    largest_lag: f64,
    unheard_lines: Option<f64>,
    most_memory: Option<u64>,
}

pub async fn run(
    seed: u64,
    fire: Duration,
    targets: Option<usize>,
    binary: PathBuf,
    directory: &Path,
) -> anyhow::Result<Findings> {
    let origin = Timestamp::from_second((Timestamp::now() - BACKLOG).as_second())?;
    let exporter = Exporter::new(binary, directory)?;
    let vendors = match targets {
        Some(targets) => many::start(targets, seed, origin, fire, directory)?,
        None => vendor::start(seed, origin, fire, directory)?,
    };
    let mut config = config(&vendors, origin, directory);
    if targets.is_some() {
        many::slow_down(&mut config);
    }
    exporter.configure(&config)?;
    let (trap, followed) = set_trap().await?;
    let mut scraping = interval(SCRAPE_EVERY);
    scraping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut soak = Soak {
        exporter,
        config,
        vendors,
        trap,
        chance: Chance::new(seed, "lives"),
        watch: Watch::default(),
        scraping,
        weather_until: Some(Instant::now()),
        ready: false,
        kills: 0,
        reloads: 0,
        scrapes: 0,
        while_down: 0,
        failed_scrapes: Vec::new(),
        slowest_scrape: Duration::ZERO,
        largest_lag: 0.0,
        unheard_lines: (fire >= 2 * UNHEARD).then_some(0.0),
        most_memory: None,
    };
    let end = Instant::now() + fire;
    if soak.unheard_lines.is_some() {
        soak.live_unheard().await?;
    }
    let mut life = soak.burn(end).await?;
    let scrape = soak.quiet_end(&mut life).await?;
    soak.remember_memory(&life);
    life.kill()?;
    Ok(soak.findings(origin, &scrape, followed.load(Ordering::Relaxed)))
}

impl Soak {
    /// Runs the first life, if there is time. Nobody reads its output, and it must not stop because
    /// of that.
    async fn live_unheard(&mut self) -> anyhow::Result<()> {
        let mut life = self.begin_life(true)?;
        self.live_until(&mut life, Instant::now() + UNHEARD).await?;
        if let Some(scrape) = self.turn().await? {
            self.unheard_lines = scrape.value("wolkvox_log_lines_dropped_total", &[]);
        }
        self.end_life(life)
    }

    fn end_life(&mut self, life: Life) -> anyhow::Result<()> {
        self.remember_memory(&life);
        life.kill()?;
        self.kills += 1;
        Ok(())
    }

    /// Starts and kills lives until the time is over. Returns the last life.
    async fn burn(&mut self, end: Instant) -> anyhow::Result<Life> {
        loop {
            let mut life = self.begin_life(false)?;
            // Some are killed while they start.
            let lasts = if self.chance.happens(0.2) { (0.0, 1.0) } else { (2.0, 10.0) };
            let kill_at =
                Instant::now() + Duration::from_secs_f64(self.chance.between(lasts.0, lasts.1));
            self.live_until(&mut life, kill_at.min(end)).await?;
            if kill_at >= end {
                return Ok(life);
            }
            self.end_life(life)?;
        }
    }

    fn begin_life(&mut self, unheard: bool) -> anyhow::Result<Life> {
        self.watch.new_life();
        self.ready = false;
        self.exporter.start(unheard)
    }

    async fn live_until(&mut self, life: &mut Life, end: Instant) -> anyhow::Result<()> {
        let started = Instant::now();
        while Instant::now() < end {
            tokio::select! {
                () = sleep_until(end) => {}
                scraped = self.turn() => { scraped?; }
            }
            if let Some(status) = life.ended()? {
                bail!("the exporter ended by itself: {status}");
            }
            if !self.ready && started.elapsed() > READY_WITHIN {
                bail!("the exporter was not ready within {READY_WITHIN:?}");
            }
        }
        Ok(())
    }

    /// Waits for the next scrape, if it succeeds. May be dropped at any moment.
    async fn turn(&mut self) -> anyhow::Result<Option<Scrape>> {
        self.scraping.tick().await;
        if self.weather_until.is_some_and(|until| until <= Instant::now()) {
            for vendor in &mut self.vendors {
                vendor.change_weather(self.trap)?;
            }
            let lasts = self.chance.between(WEATHER_LASTS.0, WEATHER_LASTS.1);
            self.weather_until = Some(Instant::now() + Duration::from_secs_f64(lasts));
            if self.ready {
                self.reload().await?;
            }
        }
        if !self.ready {
            self.ready = self.exporter.get("/-/ready").await.is_ok();
        }
        let (ready, started) = (self.ready, Instant::now());
        let answer = self.exporter.get("/metrics").await;
        self.scrapes += 1;
        let answer = answer.map_err(anyhow::Error::from).and_then(|text| Scrape::parse(&text));
        match answer {
            Ok(scrape) => {
                self.slowest_scrape = self.slowest_scrape.max(started.elapsed());
                self.watch.see(&scrape, ready);
                if ready {
                    let now = Timestamp::now().as_second() as f64;
                    let read = self.vendors.iter().filter_map(|vendor| watermark(&scrape, vendor));
                    self.largest_lag = read.map(|read| now - read).fold(self.largest_lag, f64::max);
                }
                Ok(Some(scrape))
            }
            Err(_) if !ready => {
                self.while_down += 1;
                Ok(None)
            }
            Err(error) => {
                self.failed_scrapes.push(format!("{error:#}"));
                Ok(None)
            }
        }
    }

    /// Reloads with another lookback, so that every target restarts in mid-poll. The end of the
    /// life may interrupt it.
    async fn reload(&mut self) -> anyhow::Result<()> {
        let more = self.reloads % 2 + 1;
        self.config["poll"]["lookback"] = json!(format!("{}s", LOOKBACK.as_secs() + more));
        self.exporter.configure(&self.config)?;
        match self.exporter.reload().await {
            Ok(()) => self.reloads += 1,
            Err(error) => self.failed_scrapes.push(format!("a reload failed: {error:#}")),
        }
        Ok(())
    }

    /// Ends rows, faults and kills, and lets the exporter read the rest. Returns its last scrape.
    async fn quiet_end(&mut self, life: &mut Life) -> anyhow::Result<Scrape> {
        report::say("the fire is over, the exporter reads what is left");
        self.weather_until = None;
        let mut last_row = Timestamp::MIN;
        for vendor in &self.vendors {
            vendor.simulator.clear_faults();
            vendor.simulator.end_traffic(vendor.simulator.now() + SignedDuration::from_secs(1))?;
            last_row = last_row.max(vendor.simulator.now() + SignedDuration::from_secs(1));
            // Targets whose token was refused ask again at once.
            vendor.renew_token().context("cannot write a token file")?;
        }
        // Polls continue while the last journeys end, so that rows counted twice would show.
        let read = (last_row + IDLE + AFTERWARDS).as_second() as f64;
        let deadline = Instant::now() + IDLE + AFTERWARDS + QUIET_WITHIN;
        loop {
            if let Some(status) = life.ended()? {
                bail!("the exporter ended by itself: {status}");
            }
            let Some(scrape) = self.turn().await? else { continue };
            let behind: Vec<_> = self
                .vendors
                .iter()
                .filter(|vendor| watermark(&scrape, vendor) < Some(read))
                .collect();
            if behind.is_empty() {
                return Ok(scrape);
            }
            if Instant::now() > deadline {
                for vendor in behind {
                    let seconds = read - watermark(&scrape, vendor).unwrap_or(0.0);
                    self.failed_scrapes
                        .push(format!("{} is stuck {seconds} s before the end", vendor.name));
                }
                return Ok(scrape);
            }
        }
    }

    fn remember_memory(&mut self, life: &Life) {
        self.most_memory = self.most_memory.max(life.most_memory());
    }

    fn findings(self, origin: Timestamp, scrape: &Scrape, redirects_followed: u64) -> Findings {
        let mut verdict = Verdict::default();
        let mut requests = std::collections::BTreeMap::new();
        let mut outcomes = Vec::new();
        for vendor in &self.vendors {
            let so_far = vendor.simulator.requests();
            let now = Timestamp::now();
            let truth = vendor.truth(origin, now);
            let journeys = vendor.simulator.journeys(origin, now, IDLE);
            let incomplete =
                scrape.value("wolkvox_windows_incomplete_total", &[("server", &vendor.name)]);
            let held = vendor.held(incomplete.unwrap_or_default() as u64);
            verdict.add(&vendor.name, held, (&truth, &journeys), so_far.rows, scrape);
            for (kind, count) in so_far.kinds {
                *requests.entry(kind).or_default() += count;
            }
        }
        for outcome in ["new", "repeated", "rejected", "out_of_range"] {
            let of = |vendor: &Vendor| {
                scrape
                    .value("wolkvox_rows_total", &[("server", &vendor.name), ("outcome", outcome)])
            };
            outcomes.push((outcome, self.vendors.iter().filter_map(of).sum()));
        }
        Findings {
            verdict,
            kills: self.kills,
            reloads: self.reloads,
            scrapes: self.scrapes,
            while_down: self.while_down,
            failed_scrapes: self.failed_scrapes,
            gone_back: self.watch.gone_back,
            slowest_scrape: self.slowest_scrape,
            largest_lag: self.largest_lag,
            unheard_lines: self.unheard_lines,
            most_memory: self.most_memory,
            redirects_followed,
            requests,
            outcomes,
        }
    }
}

/// Returns the watermark of a vendor, in Unix seconds.
fn watermark(scrape: &Scrape, vendor: &Vendor) -> Option<f64> {
    scrape.value("wolkvox_watermark_timestamp_seconds", &[("server", &vendor.name)])
}

/// Writes a configuration with one target per vendor, and the shortest poll interval.
fn config(vendors: &[Vendor], origin: Timestamp, directory: &Path) -> serde_json::Value {
    let zone = "America/Bogota";
    let targets: Vec<_> = vendors
        .iter()
        .map(|vendor| {
            json!({
                "name": vendor.name,
                "server": format!("http://{}", vendor.address),
                "token_file": vendor.token_file,
                "timezone": zone,
            })
        })
        .collect();
    let local = origin.in_tz(zone).map(|zoned| zoned.datetime().to_string()).unwrap_or_default();
    json!({
        "targets": targets,
        "poll": {
            "interval": "1s",
            "settle_delay": "100ms",
            "lookback": format!("{}s", LOOKBACK.as_secs()),
            // Fixed, so that a life that is killed before its first commit does not move the
            // origin.
            "start_from": local,
        },
        "menu": { "zero_hold": "1s" },
        "journey": { "idle": format!("{}s", IDLE.as_secs()) },
        "state": { "path": directory.join("state.redb") },
    })
}

/// Listens where redirects point to. No connection may ever come.
async fn set_trap() -> anyhow::Result<(SocketAddr, Arc<AtomicU64>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let followed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&followed);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok((address, followed))
}
