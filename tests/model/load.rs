//! What a healthy server costs, and how old live data get while the night's re-reading runs; on virtual time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::TokenVersion,
    exposition::BucketBounds,
    ledger::TargetCounters,
    model::{LocalSecond, NameKind},
    poller::{Clock, NameSettings, Poller, PollerConfig, PollerDeps, Source},
    schedule::Tiers,
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{Answer, ApiError, Element, Query, RowParser, TokenInfo},
};

/// A server with a row every so many seconds, which takes its time.
#[derive(Clone)]
struct Busy {
    start: Timestamp,
    began: Instant,
    every: i64,
    takes: Duration,
    cap: u64,
    requests: Arc<AtomicU64>,
}

impl Busy {
    fn now(&self) -> Timestamp {
        self.start + SignedDuration::try_from(self.began.elapsed()).unwrap()
    }
}

impl Source for Busy {
    async fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        sleep(self.takes).await;
        let now = self.now();
        // It keeps its clock in UTC.
        let last = LocalSecond::from(query.to).get().min(now.as_second() - 5);
        let mut date = LocalSecond::from(query.from).get();
        date += (-date).rem_euclid(self.every);
        let mut rows = 0;
        while date <= last && rows < self.cap {
            let text = TimeZone::UTC.to_datetime(Timestamp::from_second(date).unwrap());
            let text = text.strftime("%Y-%m-%d %H:%M:%S");
            let row = format!(
                r#"{{"rp_id":"10","conn_id":"1.{date}","channel":"voice","attempt":"1","date":"{text}","second_event":"3","cod_opc_menu":"1"}}"#
            );
            each(Element::Value(row.as_bytes()));
            (date, rows) = (date + self.every, rows + 1);
        }
        Ok(Answer { rows, server_time: Some(now) })
    }

    fn tells_quota(&self) -> bool {
        true
    }

    async fn token_info(&self) -> Result<TokenInfo, ApiError> {
        let used = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(TokenInfo { limit: 1_000_000, used })
    }

    async fn names(&self, _: NameKind, _: usize) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Some(BTreeMap::new()))
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// Counting began `history` hours before; at each minute from then on, until `end` hours, `see` gets the hour, the age of
/// the data and the requests so far.
async fn watch(source: Busy, history: i64, end: i64, mut see: impl FnMut(f64, i64, u64)) {
    let store = Arc::new(Store::in_memory([3; 16]).unwrap());
    let origin = source.start - SignedDuration::from_hours(history);
    let restored = store.restore("0042", || TargetCounters::new(origin)).unwrap();
    let id = restored.0;
    let telemetry = Arc::new(Telemetry::new().unwrap());
    let settings = PollerConfig {
        row_cap: source.cap,
        tiers: Tiers {
            hourly: Duration::from_secs(3 * 3600),
            nightly: Duration::from_secs(48 * 3600),
            nightly_hour: 3,
        },
        names: Arc::new(NameSettings { ask: true, ..NameSettings::default() }),
        ..PollerConfig::plain("0042", TimeZone::UTC, BucketBounds::new(&[10.0, 60.0]).unwrap())
    };
    let clock = {
        let source = source.clone();
        Arc::new(move || source.now()) as Clock
    };
    let around = PollerDeps {
        store: store.clone(),
        publisher: Publisher::start(telemetry.clone()),
        telemetry: telemetry.target("0042"),
        clock,
        shutdown: CancellationToken::new(),
    };
    let parser = RowParser::new(store.fingerprints(), 128);
    let poller = Poller::start(settings, source.clone(), parser, restored, around).await.unwrap();
    let task = tokio::spawn(poller.run());
    for minute in 0..end * 60 {
        sleep(Duration::from_secs(60)).await;
        let watermark = store.reload(id).unwrap().totals.watermark();
        let lag = source.now().duration_since(watermark).as_secs();
        see(minute as f64 / 60.0, lag, source.requests.load(Ordering::Relaxed));
    }
    task.abort();
}

fn busy(start: DateTime, every: i64, takes: u64, cap: u64) -> Busy {
    let start = start.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let requests = Arc::new(AtomicU64::new(0));
    Busy { start, began: Instant::now(), every, takes: Duration::from_secs(takes), cap, requests }
}

/// 300,000 rows an hour, of which an answer holds 60,000 and takes 8 s: twelve minutes an answer. Here at a 250th
/// of both (a row every 3 s, 240 an answer), for the rows' number is nothing to the clock. The night's re-reading begins soon after 3:00, and takes 240
/// answers.
#[tokio::test(start_paused = true)]
async fn live_data_stay_current_while_the_night_is_read_again() {
    let source = busy(jiff::civil::date(2026, 1, 18).at(1, 0, 0, 0), 3, 8, 240);
    let (mut before, mut during) = (0, 0);
    watch(source, 50, 6, |hour, lag, _| {
        // The backlog of 50 hours is read in the first hour.
        match hour {
            1.0..2.0 => before = lag.max(before),
            2.0.. => during = lag.max(during),
            _ => {}
        }
    })
    .await;
    eprintln!("largest age of live data: {before} s before the night's re-reading, {during} s while it runs");
    assert!((300..=420).contains(&before), "{before}");
    assert!(during <= before + 300, "{during} s, {before} s before");
}

/// The same as before re-reading left the live polls: 288 polls, 24 for the hour, of which the night does one; 24 for the
/// quota and 2 for names.
#[tokio::test(start_paused = true)]
async fn a_healthy_day_costs_no_more_requests_than_it_did() {
    let source = busy(jiff::civil::date(2026, 1, 18).at(12, 0, 0, 0), 300, 1, 60_000);
    let mut at = BTreeMap::new();
    watch(source, 60, 50, |hour, _, requests| {
        at.insert((hour * 60.0).round() as i64, requests);
    })
    .await;
    let day = at[&(49 * 60)] - at[&(25 * 60)];
    eprintln!("requests of a healthy target in a day: {day}; before: 288 + 23 + 1 + 24 + 2 = 338");
    assert!(day <= 340, "{day}");
}
