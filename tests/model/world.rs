//! The vendor as a plain list of rows, with its troubles.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;
use tokio::time::{Instant, sleep};
use wolkvox_exporter::{
    config::TokenVersion,
    poller::Source,
    wolkvox::{Answer, ApiError, Element, Query, TokenInfo},
};

/// Where virtual time begins: 2026-01-18T12:00:00Z,
const START: i64 = 1_768_737_600;
/// or an hour before 2026-04-05T03:00:00Z, when in Santiago the clock is put back to 23:00.
const FOLD_START: i64 = 1_775_354_400;
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
    fn json(&self, date: DateTime) -> String {
        json!({
            "rp_id": if self.conn.is_multiple_of(2) { "10" } else { "4628" },
            "conn_id": format!("1.{}", self.conn),
            "customer_id": "900", "telephone": "300",
            "channel": if self.conn.is_multiple_of(3) { "voice" } else { "chat-web" },
            "attempt": self.attempts.to_string(),
            "date": date.strftime("%Y-%m-%d %H:%M:%S").to_string(),
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
    /// The same, with half of them, so that no halving helps.
    Half,
    /// No answer within the time limit.
    Hang,
    Maintenance,
    /// Refused in unknown words.
    Refuse,
    /// Somebody else's page that nothing is found.
    Foreign404,
    /// `{}`: JSON that is no report.
    NoReport,
    /// Rows that nobody can read, all of them.
    RejectedRows,
}

/// How a server fails at what is too much for it, or at a row that it cannot tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Costume {
    GatewayTimeout,
    ServerError,
    EmptyBody,
    PhpFatalError,
    CutBody,
    NotJson,
    Timeout,
}

impl Costume {
    pub(crate) const ALL: [Self; 7] = [
        Self::GatewayTimeout,
        Self::ServerError,
        Self::EmptyBody,
        Self::PhpFatalError,
        Self::CutBody,
        Self::NotJson,
        Self::Timeout,
    ];

    async fn error(self) -> ApiError {
        match self {
            Self::GatewayTimeout => ApiError::Http5xx(504),
            Self::ServerError => ApiError::Http5xx(500),
            Self::EmptyBody => ApiError::CutOff,
            Self::PhpFatalError => ApiError::NotJson("<br />".to_owned()),
            Self::CutBody => ApiError::Connect("the connection broke".to_owned()),
            Self::NotJson => ApiError::NotJson("<html>".to_owned()),
            Self::Timeout => {
                sleep(Duration::from_secs(65)).await;
                ApiError::Timeout(Duration::from_secs(65))
            }
        }
    }
}

/// A second that cannot be answered for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poison {
    pub(crate) second: i64,
    /// Then it can.
    pub(crate) until: i64,
    pub(crate) costume: Costume,
}

/// How a server treats the times that it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Kept,
    /// It looks at the day alone.
    DayOnly,
    Ignored,
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
    /// It fails so at answers of more rows.
    pub(crate) too_wide: Option<(u64, Costume)>,
    pub(crate) poison: Option<Poison>,
    pub(crate) times: Times,
    /// What it says of its quota, one answer after the other, before it tells the truth; not asked where empty.
    pub(crate) quota_lies: Vec<(u64, u64)>,
    /// Its clock is put back in the first hour.
    pub(crate) fold: bool,
}

impl World {
    /// Without any trouble.
    pub(crate) fn of(rows: Vec<WorldRow>) -> Self {
        Self {
            rows,
            troubles: Vec::new(),
            cap: 60_000,
            overstates: 0,
            too_wide: None,
            poison: None,
            times: Times::Kept,
            quota_lies: Vec::new(),
            fold: false,
        }
    }

    /// Its zone.
    pub(crate) fn zone(&self) -> TimeZone {
        if self.fold { TimeZone::get("America/Santiago").unwrap() } else { TimeZone::UTC }
    }

    /// Where its time begins.
    pub(crate) fn start(&self) -> Timestamp {
        Timestamp::from_second(if self.fold { FOLD_START } else { START }).unwrap()
    }

    /// What its wall clock shows so many seconds after the start.
    pub(crate) fn local(&self, second: i64) -> DateTime {
        self.zone().to_datetime(self.start() + SignedDuration::from_secs(second))
    }

    /// The rows that an answer to this query has.
    fn answer(&self, query: Query, now: i64) -> Vec<String> {
        let (mut from, mut to) = (query.from, query.to);
        match self.times {
            Times::Kept => {}
            Times::DayOnly => {
                (from, to) = (from.date().at(0, 0, 0, 0), to.date().at(23, 59, 59, 0));
            }
            Times::Ignored => (from, to) = (DateTime::MIN, DateTime::MAX),
        }
        let rows = self.rows.iter().filter(|row| row.visible <= now).map(|row| (row, self.local(row.date)));
        let inside = rows.filter(|(_, date)| (from..=to).contains(date));
        inside.map(|(row, date)| row.json(date)).take(self.cap as usize).collect()
    }

    /// How it fails at this query, if it does.
    fn fails(&self, query: Query, rows: u64, now: i64) -> Option<Costume> {
        let poisoned = self.poison.filter(|poison| {
            now < poison.until && (query.from..=query.to).contains(&self.local(poison.second))
        });
        let too_wide = self.too_wide.filter(|(most, _)| rows > *most);
        poisoned.map(|poison| poison.costume).or(too_wide.map(|(_, costume)| costume))
    }
}

/// The world as the poller sees it. Clones share the requests' count, for it outlives a crash.
#[derive(Clone)]
pub(crate) struct WorldSource {
    pub(crate) world: Arc<World>,
    pub(crate) began: Instant,
    pub(crate) requests: Arc<Mutex<usize>>,
    pub(crate) received: Arc<Mutex<u64>>,
    /// Answers on the quota.
    pub(crate) told: Arc<Mutex<usize>>,
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
        let rows = self.world.answer(query, now);
        let server_time = Some(self.world.start() + SignedDuration::from_secs(now));
        let mut give = |count: usize| {
            rows.iter().take(count).for_each(|row| each(Element::Value(row.as_bytes())));
        };
        if let Some(costume) = self.world.fails(query, rows.len() as u64, now) {
            give(rows.len() / 2);
            return Err(costume.error().await);
        }
        let short = match trouble {
            Trouble::TooFew(count) => usize::from(count),
            Trouble::Half => rows.len() / 2,
            _ => rows.len(),
        };
        match trouble {
            Trouble::Foreign404 => return Err(ApiError::ForeignNotFound),
            Trouble::RejectedRows if !rows.is_empty() => {
                rows.iter().for_each(|_| each(Element::Value(br#"{"date":"yesterday"}"#)));
                return Ok(Answer { rows: rows.len() as u64, server_time });
            }
            Trouble::RejectedRows => {}
            Trouble::NoReport => return Err(ApiError::Schema("no report".to_owned())),
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
            Trouble::TooFew(_) | Trouble::Half if short < rows.len() => {
                give(short);
                let (received, promised) = (short as u64, rows.len() as u64);
                *self.received.lock().unwrap() += received;
                return Err(ApiError::TooFewRows { received, promised, server_time });
            }
            Trouble::TooFew(_) | Trouble::Half | Trouble::None => {}
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

    fn tells_quota(&self) -> bool {
        !self.world.quota_lies.is_empty()
    }

    async fn token_info(&self) -> Result<TokenInfo, ApiError> {
        sleep(Duration::from_millis(300)).await;
        let mut told = self.told.lock().unwrap();
        *told += 1;
        let (limit, used) = self.world.quota_lies.get(*told - 1).copied().unwrap_or((100_000, 7));
        Ok(TokenInfo { limit, used })
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
