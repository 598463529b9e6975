use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    config::TokenVersion,
    ledger::TargetCounters,
    poller::{PollerDeps, config::tests::quiet_target},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    wolkvox::{Admission, Answer, Element, Query, RowParser},
};

/// A server that answers with rows by their dates, and knows wall clocks only.
#[derive(Default)]
struct Vendor {
    /// Date and number of the interaction of each row.
    rows: Vec<(DateTime, u32)>,
    /// Most rows of an answer; a longer one is cut and announces all rows.
    most: Option<usize>,
    /// The times of its `Date` header, the last one first; after them it has none.
    clock: Mutex<Vec<Timestamp>>,
    /// A signal that is cancelled with the request of this number.
    stop: Option<(u32, CancellationToken)>,
    asked: Mutex<u32>,
}

impl Source for Arc<Vendor> {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        if let Some((at, stop)) = &self.stop
            && *at == number
        {
            stop.cancel();
        }
        let within: Vec<_> =
            self.rows.iter().filter(|(date, _)| (query.from..=query.to).contains(date)).collect();
        let most = self.most.unwrap_or(usize::MAX);
        for (date, interaction) in within.iter().take(most) {
            let row = format!(
                r#"{{"rp_id":"10","conn_id":"c{interaction}","channel":"voice","attempt":"1","date":"{}","second_event":"5","cod_opc_menu":"1"}}"#,
                date.strftime("%Y-%m-%d %H:%M:%S")
            );
            each(Element::Value(row.as_bytes()));
        }
        let server_time = self.clock.lock().unwrap().pop();
        let (received, announced) = (within.len().min(most) as u64, within.len() as u64);
        if received < announced {
            return Err(ApiError::TooFewRows { received, promised: announced, server_time });
        }
        Ok(Answer { rows: received, server_time })
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// For each window: its end, all hits so far, its own hits, and finished journeys.
type Windows = Arc<Mutex<Vec<(Timestamp, u64, u64, u64)>>>;

/// Reads a day; returns its windows and the result.
async fn read(
    vendor: Arc<Vendor>,
    zone: &TimeZone,
    (from, until): (Timestamp, Timestamp),
    store: Arc<Store>,
    shutdown: CancellationToken,
) -> (Windows, Result<(), ReplayError>) {
    let restored = store.restore("0042", || TargetCounters::new(from)).unwrap();
    let parser = RowParser::new(store.fingerprints(), 128);
    let telemetry = Arc::new(Telemetry::default());
    let publisher = Publisher::start(telemetry.clone());
    let telemetry = telemetry.target("0042");
    let now = until + SignedDuration::from_hours(1);
    let around = PollerDeps {
        store,
        publisher,
        telemetry,
        clock: Arc::new(move || now),
        shutdown,
        probe: Arc::default(),
    };
    let poller =
        Poller::start(quiet_target("0042", zone.clone()), vendor, parser, restored, around)
            .await
            .unwrap();
    let windows = Windows::default();
    let seen = windows.clone();
    let each = Box::new(move |window: PastWindow<'_>| {
        let counters = &window.snapshot.counters;
        let hits = counters.menus.values().map(|(_, menu)| menu.hits).sum();
        let counts = window.snapshot.window.as_ref().expect("a window");
        let over = counters.points.values().map(|point| point.journeys.count()).sum();
        seen.lock().unwrap().push((window.end, hits, counts.hits.values().sum(), over));
    });
    let mut replay = Replay::new(poller);
    replay.begin_day(until, each).await.unwrap();
    let outcome = replay.read_day(until).await;
    if outcome.is_ok() {
        replay.commit_day().await.unwrap();
    }
    (windows, outcome)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Returns a row every 97 seconds, three per interaction.
fn rows(zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<(DateTime, u32)> {
    let count = until.duration_since(from).as_secs() / 97;
    (0..count)
        .map(|n| (zone.to_datetime(from + SignedDuration::from_secs(n * 97)), n as u32 / 3))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_day_is_the_same_however_it_is_divided_into_answers() {
    let zone = TimeZone::get("America/Bogota").unwrap();
    let span = (at("2026-01-18T00:00:00Z"), at("2026-01-18T06:00:00Z"));
    let rows = rows(&zone, span.0, span.1);
    let mut all = Vec::new();
    for most in [None, Some(100), Some(17), Some(3)] {
        let vendor = Arc::new(Vendor { rows: rows.clone(), most, ..Vendor::default() });
        let store = Arc::new(Store::in_memory([1; 16]).unwrap());
        let (windows, outcome) =
            read(vendor.clone(), &zone, span, store.clone(), CancellationToken::new()).await;
        outcome.unwrap();
        let windows = windows.lock().unwrap().clone();
        let (end, hits, ..) = *windows.last().unwrap();
        assert_eq!((windows.len(), end, hits), (72, span.1, rows.len() as u64));
        assert_eq!(
            windows.iter().map(|(_, _, of_it, _)| of_it).sum::<u64>(),
            hits,
            "each in its window"
        );
        let (_, counters) = store.restore("0042", || unreachable!()).unwrap();
        assert_eq!(
            (counters.totals.watermark(), counters.totals.new, counters.totals.late),
            (span.1, hits, 0)
        );
        all.push(windows);
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]));
}

/// Madrid set its clocks back from 3:00 to 2:00 on this day: the rows of two hours have the dates
/// of one.
#[tokio::test(start_paused = true)]
async fn rows_of_an_hour_that_comes_twice_are_counted_once() {
    let zone = TimeZone::get("Europe/Madrid").unwrap();
    let span = (at("2025-10-25T22:00:00Z"), at("2025-10-26T04:00:00Z"));
    let rows = rows(&zone, span.0, span.1);
    for most in [None, Some(20)] {
        let vendor = Arc::new(Vendor { rows: rows.clone(), most, ..Vendor::default() });
        let store = Arc::new(Store::in_memory([1; 16]).unwrap());
        let (windows, outcome) = read(vendor, &zone, span, store, CancellationToken::new()).await;
        outcome.unwrap();
        let windows = windows.lock().unwrap();
        assert_eq!(windows.last().map(|(_, hits, ..)| *hits), Some(rows.len() as u64));
        assert!(windows.iter().is_sorted_by_key(|(_, hits, ..)| *hits));
    }
}

/// Time that is not past by the server's clock is requested again.
#[tokio::test(start_paused = true)]
async fn a_servers_clock_that_is_behind_is_waited_for() {
    let zone = TimeZone::UTC;
    let span = (at("2026-01-18T00:00:00Z"), at("2026-01-18T02:00:00Z"));
    let rows = rows(&zone, span.0, span.1);
    let clock = Mutex::new(vec![at("2026-01-18T01:33:20Z"), at("2026-01-18T00:50:10Z")]);
    let vendor = Arc::new(Vendor { rows: rows.clone(), clock, ..Vendor::default() });
    let store = Arc::new(Store::in_memory([1; 16]).unwrap());
    let (windows, outcome) =
        read(vendor.clone(), &zone, span, store, CancellationToken::new()).await;
    outcome.unwrap();
    let hits = windows.lock().unwrap().last().map(|(_, hits, ..)| *hits);
    assert_eq!((hits, *vendor.asked.lock().unwrap()), (Some(rows.len() as u64), 3));
}

/// Whenever it is stopped, nothing of the day is on the disk.
#[tokio::test(start_paused = true)]
async fn stopped_within_a_day_it_is_as_if_the_day_had_not_begun() {
    let zone = TimeZone::UTC;
    let span = (at("2026-01-18T00:00:00Z"), at("2026-01-18T06:00:00Z"));
    for request in [1, 4, 9] {
        let stop = CancellationToken::new();
        let vendor = Arc::new(Vendor {
            rows: rows(&zone, span.0, span.1),
            most: Some(40),
            stop: Some((request, stop.clone())),
            ..Vendor::default()
        });
        let store = Arc::new(Store::in_memory([1; 16]).unwrap());
        let (_, outcome) = read(vendor, &zone, span, store.clone(), stop).await;
        assert!(matches!(outcome, Err(ReplayError::Stopped)), "{outcome:?}");
        let (_, counters) = store.restore("0042", || unreachable!()).unwrap();
        assert_eq!(
            (counters.totals.watermark(), counters.totals.new, counters.menus.len()),
            (span.0, 0, 0)
        );
    }
}
