//! The vendor as a plain list of rows, with its troubles.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};
use wolkvox_exporter::{
    config::TokenVersion,
    poller::Source,
    schedule::local_seconds,
    wolkvox::{Answer, ApiError, Element, Query},
};

/// Where virtual time begins: 2026-01-18T12:00:00Z.
pub(crate) const START: i64 = 1_768_737_600;
/// Rows are dated within this many seconds of the start.
pub(crate) const TRAFFIC: i64 = 2 * 3600;
/// The lookback under test.
pub(crate) const LOOKBACK: i64 = 1800;
/// The hourly re-reading under test.
pub(crate) const HOURLY: i64 = 3 * 3600;
/// Rows this late are found by the hourly re-reading: its depth, less the hour, a window and its settling until it
/// comes.
pub(crate) const LATEST: i64 = HOURLY - 3600 - 600;

/// How long an interaction may be quiet. So long that every row comes in time, however late the re-reading;
pub(crate) const PATIENT: i64 = TRAFFIC + HOURLY + 3600;
/// and so short that some do not.
pub(crate) const IMPATIENT: i64 = 1800;

/// One real row. Times are seconds from the start.
#[derive(Debug, Clone)]
pub(crate) struct WorldRow {
    pub(crate) date: i64,
    pub(crate) visible: i64,
    pub(crate) conn: u8,
    pub(crate) option: u8,
    pub(crate) second: u32,
    pub(crate) attempts: u32,
}

impl WorldRow {
    fn json(&self) -> String {
        let date = Timestamp::from_second(START + self.date).unwrap();
        json!({
            "rp_id": if self.conn.is_multiple_of(2) { "10" } else { "4628" },
            "conn_id": format!("1.{}", self.conn),
            "customer_id": "900", "telephone": "300",
            "channel": if self.conn.is_multiple_of(3) { "voice" } else { "chat-web" },
            "attempt": self.attempts.to_string(),
            "date": jiff::tz::TimeZone::UTC.to_datetime(date).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "second_event": self.second.to_string(),
            "cod_opc_menu": format!("opción \"{}\"", self.option),
        })
        .to_string()
    }

    /// The labels as a scrape shows them.
    pub(crate) fn labels(&self) -> String {
        format!("{},cod_opc_menu=\"opción \\\"{}\\\"\"", self.point(), self.option)
    }

    /// The labels of its routing point.
    pub(crate) fn point(&self) -> String {
        let rp_id = if self.conn.is_multiple_of(2) { "10" } else { "4628" };
        let channel = if self.conn.is_multiple_of(3) { "voice" } else { "chat-web" };
        format!("server=\"0042\",rp_id=\"{rp_id}\",channel=\"{channel}\"")
    }
}

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    None,
    /// HTTP 500 at once.
    Unavailable,
    /// The connection breaks after some rows.
    CutAfter(u8),
    /// A whole answer with fewer rows than it announces.
    TooFew(u8),
    /// No answer within the time limit.
    Hang,
    Maintenance,
    /// Refused in unknown words.
    Refuse,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) rows: Vec<WorldRow>,
    /// One per request; afterwards there are none.
    pub(crate) troubles: Vec<Trouble>,
    /// The vendor cuts longer answers silently.
    pub(crate) cap: u64,
    /// So many rows more than there are does it announce.
    pub(crate) overstates: u64,
}

/// The world as the poller sees it. Clones share the requests' count, for it outlives a crash.
#[derive(Clone)]
pub(crate) struct WorldSource {
    pub(crate) world: Arc<World>,
    pub(crate) began: Instant,
    pub(crate) requests: Arc<Mutex<usize>>,
    pub(crate) received: Arc<Mutex<u64>>,
}

impl Source for WorldSource {
    async fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let trouble = {
            let mut requests = self.requests.lock().unwrap();
            *requests += 1;
            self.world.troubles.get(*requests - 1).copied().unwrap_or(Trouble::None)
        };
        sleep(Duration::from_millis(700)).await;
        let now = self.began.elapsed().as_secs() as i64;
        let (from, to) = (local_seconds(query.from), local_seconds(query.to));
        let rows: Vec<String> = self
            .world
            .rows
            .iter()
            .filter(|row| (from..=to).contains(&(START + row.date)) && row.visible <= now)
            .map(WorldRow::json)
            .take(self.world.cap as usize)
            .collect();
        let server_time = Timestamp::from_second(START + now).ok();
        let mut give = |count: usize| {
            rows.iter().take(count).for_each(|row| each(Element::Value(row.as_bytes())));
        };
        match trouble {
            Trouble::Unavailable => return Err(ApiError::Http5xx(500)),
            Trouble::Maintenance => return Err(ApiError::Maintenance("backup".to_owned())),
            Trouble::Refuse => return Err(ApiError::Refused { status: 418, message: "no".to_owned() }),
            Trouble::Hang => {
                sleep(Duration::from_secs(65)).await;
                return Err(ApiError::Timeout(Duration::from_secs(65)));
            }
            Trouble::CutAfter(count) => {
                give(usize::from(count));
                return Err(ApiError::CutOff);
            }
            // Only where it is a lie: a second that truly has more rows than an answer is beyond the promise.
            Trouble::TooFew(count) if rows.len() > usize::from(count) && to - from > 1 => {
                give(usize::from(count));
                let promised = rows.len() as u64;
                return Err(ApiError::TooFewRows { received: count.into(), promised, server_time });
            }
            Trouble::TooFew(_) | Trouble::None => {}
        }
        give(rows.len());
        let received = rows.len() as u64;
        *self.received.lock().unwrap() += received;
        // Rows that are announced where none come at all are a failure, not a number that is too high.
        if self.world.overstates > 0 && received > 0 {
            let promised = received + self.world.overstates;
            return Err(ApiError::TooFewRows { received, promised, server_time });
        }
        Ok(Answer { rows: received, server_time })
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}

/// What the counters must end at: (metric, labels) → value. Journeys only where every one holds all its rows.
pub(crate) fn truth(rows: &[WorldRow], journeys: bool) -> BTreeMap<String, f64> {
    let mut truth: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |metric: &str, labels: &str, value: f64| {
        *truth.entry(format!("wolkvox_menu_{metric}{{{labels}}}")).or_default() += value;
    };
    let mut interactions: BTreeMap<(String, u8), Vec<&WorldRow>> = BTreeMap::new();
    for row in rows {
        let labels = row.labels();
        add("option_hits_total", &labels, 1.0);
        add("option_attempts_total", &labels, row.attempts.into());
        add("option_retries_total", &labels, if row.attempts > 1 { 1.0 } else { 0.0 });
        add("time_to_option_seconds_sum", &labels, row.second.into());
        add("time_to_option_seconds_count", &labels, 1.0);
        interactions.entry((row.point(), row.conn)).or_default().push(row);
    }
    for ((point, _), mut path) in interactions {
        add("interactions_total", &point, 1.0);
        if !journeys {
            continue;
        }
        path.sort_by_key(|row| (row.second, row.date, row.option));
        add("journey_options_count", &point, 1.0);
        add("journey_options_sum", &point, path.len() as f64);
        add("journey_late_rows_total", &point, 0.0);
        for (at, row) in path.iter().enumerate() {
            add("option_entry_total", &row.labels(), if at == 0 { 1.0 } else { 0.0 });
            add("option_final_total", &row.labels(), if at + 1 == path.len() { 1.0 } else { 0.0 });
            let again = path[..at].iter().any(|before| before.option == row.option);
            add("option_repeats_total", &row.labels(), if again { 1.0 } else { 0.0 });
            if let Some(next) = path.get(at + 1) {
                let option = |row: &WorldRow| format!("opción \\\"{}\\\"", row.option);
                let labels =
                    format!("{point},from_opc_menu=\"{}\",to_opc_menu=\"{}\"", option(row), option(next));
                add("transitions_total", &labels, 1.0);
            }
        }
    }
    truth
}
