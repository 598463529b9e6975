//! Tests of the number of requests in a day, healthy or not, and of the age of live data while the
//! night's re-reading runs; on virtual time.
//!
//! `cargo test --test model requests_of_a_day -- --nocapture` prints the figures.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{polled, trouble::hang};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::TokenVersion,
    ledger::TargetCounters,
    model::{LocalSecond, NameKind},
    poller::{Clock, Poller, PollerConfig, PollerDeps, Source},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{Admission, Answer, ApiError, Element, Query, RowParser, TokenInfo},
};

/// A way in which a server fails for a day.
#[derive(Debug, Clone, Copy)]
enum Outage {
    ServerError,
    /// HTTP 503, with `Retry-After` in seconds.
    Unavailable(u64),
    /// HTTP 429, with `Retry-After` in seconds.
    TooManyRequests(u64),
    /// Nobody listens.
    Refused,
    /// The server accepts connections and never answers.
    Hangs,
    Maintenance,
    /// A gateway answers with its own pages.
    ForeignPage,
}

impl Outage {
    const ALL: [Self; 9] = [
        Self::ServerError,
        Self::Unavailable(0),
        Self::Unavailable(30),
        Self::Unavailable(86_400),
        Self::TooManyRequests(30),
        Self::Refused,
        Self::Hangs,
        Self::Maintenance,
        Self::ForeignPage,
    ];

    async fn error(self) -> ApiError {
        match self {
            Self::ServerError => ApiError::Http5xx(500),
            Self::Unavailable(wait) => ApiError::Busy(Duration::from_secs(wait)),
            Self::TooManyRequests(wait) => ApiError::Throttled(Some(Duration::from_secs(wait))),
            Self::Refused => ApiError::Connect("the connection broke".to_owned()),
            Self::Hangs => hang().await,
            Self::Maintenance => ApiError::Maintenance("backup".to_owned()),
            Self::ForeignPage => ApiError::NotJson("<html>".to_owned()),
        }
    }
}

/// A server with rows at equal distances that takes a while for each answer.
#[derive(Clone)]
struct Busy {
    start: Timestamp,
    began: Instant,
    every: i64,
    takes: Duration,
    cap: u64,
    requests: Arc<AtomicU64>,
    /// The outage, which begins [`DAY`] hours after the start and does not end.
    outage: Option<Outage>,
}

/// Hours after the start at which the measured day begins, and any outage with it.
const DAY: i64 = 25;

impl Busy {
    fn now(&self) -> Timestamp {
        self.start + SignedDuration::try_from(self.began.elapsed()).unwrap()
    }

    async fn suffer(&self) -> Result<(), ApiError> {
        let day = Duration::from_secs(DAY as u64 * 3600);
        match self.outage {
            Some(outage) if self.began.elapsed() >= day => Err(outage.error().await),
            _ => Ok(()),
        }
    }
}

impl Source for Busy {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        sleep(self.takes).await;
        self.suffer().await?;
        let now = self.now();
        // The server's clock is in UTC.
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
        self.suffer().await?;
        Ok(TokenInfo { limit: 1_000_000, used })
    }

    async fn names(&self, _: NameKind, _: usize) -> Result<BTreeMap<String, String>, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.suffer().await?;
        Ok(BTreeMap::new())
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// Runs a poller whose counting began `history` hours before its start, for `end` hours. Each
/// minute `see` gets the hour, the age of the data in seconds, and the number of requests.
async fn watch(source: Busy, history: i64, end: i64, mut see: impl FnMut(f64, i64, u64)) {
    let store = Arc::new(Store::in_memory([3; 16]).unwrap());
    let origin = source.start - SignedDuration::from_hours(history);
    let restored = store.restore("0042", || TargetCounters::new(origin)).unwrap();
    let id = restored.0;
    let telemetry = Arc::new(Telemetry::default());
    let mut shared = polled::only_live_polls(&[10.0, 60.0]);
    shared.poll.hourly_lookback = Duration::from_hours(3);
    shared.poll.nightly_lookback = Duration::from_hours(48);
    let mut target = polled::target("0042", TimeZone::UTC);
    target.names.vendor = true;
    let config =
        PollerConfig { row_cap: source.cap, ..PollerConfig::new(target, shared.into()).unwrap() };
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
        probe: Default::default(),
    };
    let parser = RowParser::new(store.fingerprints(), 128);
    let poller = Poller::start(config, source.clone(), parser, restored, around).await.unwrap();
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
    Busy {
        start,
        began: Instant::now(),
        every,
        takes: Duration::from_secs(takes),
        cap,
        requests,
        outage: None,
    }
}

/// Live data must stay current while the night is read again, at 300,000 rows an hour and 60,000
/// rows in an answer that takes 8 s: an answer holds twelve minutes. The test uses a 250th of both
/// (a row every 3 s, 240 in an answer), because virtual time does not depend on their number. The
/// night's re-reading begins soon after 3:00 and takes 240 answers.
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
    eprintln!(
        "largest age of live data: {before} s before the night's re-reading, {during} s while it runs"
    );
    assert!((300..=420).contains(&before), "{before}");
    assert!(during <= before + 300, "{during} s, {before} s before");
}

/// Returns the number of requests between the hours 25 and 49: a whole day after the first.
async fn requests_of_one_day(outage: Option<Outage>) -> u64 {
    let noon = jiff::civil::date(2026, 1, 18).at(12, 0, 0, 0);
    let source = Busy { outage, ..busy(noon, 300, 1, 60_000) };
    let mut at = BTreeMap::new();
    watch(source, 60, DAY + 25, |hour, _, requests| {
        at.insert((hour * 60.0).round() as i64, requests);
    })
    .await;
    at[&((DAY + 24) * 60)] - at[&(DAY * 60)]
}

/// Most requests of a healthy day: 288 polls; 24 readings of the last hours, one of them replaced
/// by the night's; 24 requests for the quota, and 2 for names.
const HEALTHY: u64 = 338;

#[tokio::test(start_paused = true)]
async fn requests_of_a_day_that_is_healthy() {
    let day = requests_of_one_day(None).await;
    eprintln!("requests of a healthy target in a day: {day}");
    assert!(day <= HEALTHY, "{day}");
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_day_without_an_answer_are_fewer() {
    let mut print = Vec::new();
    let mut most = 0;
    for outage in Outage::ALL {
        let day = requests_of_one_day(Some(outage)).await;
        print.push(format!("requests in a day of {outage:?}: {day}"));
        most = most.max(day);
    }
    eprintln!("{}", print.join("\n"));
    assert!(most < HEALTHY, "{most}");
}
