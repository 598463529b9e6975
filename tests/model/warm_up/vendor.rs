//! A vendor that keeps some days of the past, its troubles with long answers, and the truth about
//! all of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::{Instant, sleep};
use wolkvox_exporter::{
    baseline::{History, HistoryDelta},
    config::TokenVersion,
    model::{LocalSecond, MenuLabels},
    poller::Source,
    wolkvox::{Admission, Answer, ApiError, Element, Query, TokenInfo},
};

/// Start of virtual time and of live reading, in Unix seconds: 2026-01-18T12:00:00Z.
pub(super) const START: i64 = 1_768_737_600;
/// Depth of the reading in seconds. It begins nine hours earlier, at [`FROM`].
pub(super) const DEPTH: i64 = 2 * 86_400;
pub(super) const FROM: i64 = -DEPTH - 9 * 3600;
/// Seconds from the start within which live rows are dated.
pub(super) const TRAFFIC: i64 = 2 * 3600;
pub(super) const LOOKBACK: i64 = 600;
/// Longest silence of an interaction in seconds; longer than any whole interaction.
pub(super) const IDLE: i64 = 1800;

/// One interaction: its begin in seconds from the start, and its steps: seconds since the previous
/// one, option and attempts.
#[derive(Debug, Clone)]
pub(super) struct Journey {
    pub(super) start: i64,
    pub(super) steps: Vec<(i64, u8, u32)>,
}

#[derive(Debug, Clone)]
struct Row {
    date: i64,
    journey: usize,
    option: u8,
    second: u32,
    attempts: u32,
}

/// The fate of one request for the past.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    None,
    Unavailable,
    Maintenance,
    /// It asks for a pause of this many seconds.
    Throttled(u64),
    /// It answers in its own words that there are no rows.
    Empty,
    /// The connection breaks after this many rows.
    CutAfter(usize),
    /// A whole answer with fewer rows than it announces.
    TooFew(usize),
    /// No answer within the time limit.
    Hang,
}

/// The failure of a range that is too wide.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    Error,
    GatewayTimeout,
    CutBody,
    NotJson,
    TooLarge,
    Refused,
    Silence,
}

impl Refusal {
    pub(super) const ALL: [Self; 7] = [
        Self::Error,
        Self::GatewayTimeout,
        Self::CutBody,
        Self::NotJson,
        Self::TooLarge,
        Self::Refused,
        Self::Silence,
    ];

    async fn error(self) -> ApiError {
        match self {
            Self::Error => ApiError::Http5xx(500),
            Self::GatewayTimeout => ApiError::Http5xx(504),
            Self::CutBody => ApiError::CutOff,
            Self::NotJson => ApiError::NotJson("<br />".to_owned()),
            Self::TooLarge => ApiError::TooLarge(1 << 30),
            Self::Refused => ApiError::Refused { status: 418, message: "no".to_owned() },
            Self::Silence => {
                sleep(Duration::from_secs(65)).await;
                ApiError::Timeout(Duration::from_secs(65))
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Vendor {
    pub(super) journeys: Vec<Journey>,
    /// Seconds that an answer about the past takes.
    pub(super) takes: u64,
    /// Longest range of the past that it answers, in seconds, and the failure of a longer one.
    pub(super) widest: Option<(i64, Refusal)>,
    /// A second of the past that it can never answer, in seconds from the start.
    pub(super) unanswerable: Option<i64>,
    /// Most rows of an answer; longer ones are cut silently.
    pub(super) cap: u64,
    /// Requests that it answers in a day of UTC, a limit that it does not report.
    pub(super) limit: u64,
    /// One for each request for the past; afterwards there are none.
    pub(super) troubles: Vec<Trouble>,
}

impl Vendor {
    /// Makes a vendor without trouble.
    pub(super) fn of(journeys: Vec<Journey>) -> Self {
        Self {
            journeys,
            takes: 1,
            widest: None,
            unanswerable: None,
            cap: 60_000,
            limit: u64::MAX,
            troubles: Vec::new(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let rows = self.journeys.iter().enumerate().flat_map(|(journey, one)| {
            one.steps.iter().scan(0, move |since, (gap, option, attempts)| {
                *since += gap;
                let second = *since as u32;
                Some(Row {
                    date: one.start + *since,
                    journey,
                    option: *option,
                    second,
                    attempts: *attempts,
                })
            })
        });
        rows.collect()
    }

    /// Returns the most rows in any answer that cannot be made shorter.
    pub(super) fn densest(&self) -> u64 {
        let rows = self.rows();
        let within = |from: i64| {
            let narrow = from..=from + 2 * IDLE + 62;
            rows.iter().filter(|row| narrow.contains(&row.date)).count() as u64
        };
        rows.iter().map(|row| within(row.date)).max().unwrap_or(0)
    }

    /// Returns the true history of some ranges, up to the last of which everything is known: each
    /// day as it is stored.
    pub(super) fn truth(&self, stretches: &[(i64, i64)]) -> BTreeMap<i32, Vec<u8>> {
        let (mut history, rows) = (History::new(35), self.rows());
        let labels: Vec<MenuLabels> = rows.iter().map(Row::labels).collect();
        for (from, to) in stretches {
            let mut delta = HistoryDelta::between(local(*from), local(*to));
            for (menu, row) in (0..).zip(&rows) {
                let at = local(row.date);
                delta.rows(menu, at, row.attempts, Some(row.second), 1);
                let of_journey = |other: &&Row| other.journey == row.journey;
                let before = |other: &&Row| of_journey(other) && other.second < row.second;
                let again = rows.iter().filter(before).any(|other| other.option == row.option);
                let last = rows.iter().filter(of_journey).all(|other| other.second <= row.second);
                delta.repeats(menu, at, again.into());
                delta.finals(menu, at, last.into());
            }
            history.apply(&delta, |menu| labels.get(menu as usize));
            history.cover(local(*from), local(*to));
        }
        let watermark = stretches.iter().map(|(_, to)| *to).max().unwrap_or_default();
        history.forget(local(watermark));
        let days = history.changes_since(&History::new(35));
        days.into_iter().filter_map(|(day, bytes)| Some((day, bytes?))).collect()
    }
}

impl Row {
    fn labels(&self) -> MenuLabels {
        let (rp_id, channel) = self.point();
        MenuLabels::new(rp_id, channel, &format!("opción {}", self.option))
    }

    fn point(&self) -> (&'static str, &'static str) {
        let rp_id = if self.journey.is_multiple_of(2) { "10" } else { "4628" };
        (rp_id, if self.journey.is_multiple_of(3) { "voice" } else { "chat-web" })
    }

    fn json(&self) -> String {
        let (rp_id, channel) = self.point();
        json!({
            "rp_id": rp_id,
            "conn_id": format!("1.{}", self.journey),
            "customer_id": "900", "telephone": "300",
            "channel": channel,
            "attempt": self.attempts.to_string(),
            "date": local(self.date).civil().unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "second_event": self.second.to_string(),
            "cod_opc_menu": format!("opción {}", self.option),
        })
        .to_string()
    }
}

/// Returns the time of its wall clock, which is in UTC, at this second after the start.
pub(super) fn local(second: i64) -> LocalSecond {
    LocalSecond::new(START + second)
}

/// The requests that a vendor has received.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) past: u32,
    /// The end of each live request's range, and the moment of the first such request in
    /// milliseconds from the start.
    pub(super) live: BTreeMap<i64, u128>,
    /// Number of requests by day.
    pub(super) by_day: BTreeMap<i64, u64>,
    /// Number of requests for the past by day.
    pub(super) past_by_day: BTreeMap<i64, u64>,
}

/// The vendor as the poller sees it. Clones share the requests, because those outlive a crash.
#[derive(Clone)]
pub(super) struct PastSource {
    pub(super) vendor: Arc<Vendor>,
    pub(super) began: Instant,
    pub(super) asked: Arc<Mutex<Asked>>,
}

impl PastSource {
    /// Records a request. Returns the number of a request for the past; fails if the day's requests
    /// are spent.
    fn asked(&self, from: i64, to: i64) -> Result<Option<usize>, ApiError> {
        let mut asked = self.asked.lock().unwrap();
        let elapsed = self.began.elapsed();
        let day = (START + elapsed.as_secs() as i64).div_euclid(86_400);
        let today = asked.by_day.entry(day).or_default();
        *today += 1;
        let is_over_limit = *today > self.vendor.limit;
        let is_past = from < -LOOKBACK;
        if is_past {
            asked.past += 1;
            *asked.past_by_day.entry(day).or_default() += 1;
        }
        if is_over_limit {
            return Err(ApiError::QuotaExhausted);
        }
        if is_past {
            return Ok(Some(asked.past as usize - 1));
        }
        asked.live.entry(to).or_insert(elapsed.as_millis());
        Ok(None)
    }
}

impl Source for PastSource {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let [from, to] = [query.from, query.to].map(|time| LocalSecond::from(time) - local(0));
        let past = self.asked(from, to)?;
        let takes = if past.is_some() { 1000 * self.vendor.takes } else { 700 };
        sleep(Duration::from_millis(takes)).await;
        let now = self.began.elapsed().as_secs() as i64;
        let rows: Vec<String> = self
            .vendor
            .rows()
            .iter()
            .filter(|row| row.date <= now && (from..=to).contains(&row.date))
            .take(self.vendor.cap as usize)
            .map(Row::json)
            .collect();
        let server_time =
            Some(Timestamp::from_second(START).unwrap() + SignedDuration::from_secs(now));
        let mut give = |count: usize| {
            rows.iter().take(count).for_each(|row| each(Element::Value(row.as_bytes())));
        };
        if let Some(past) = past {
            let unanswerable =
                self.vendor.unanswerable.is_some_and(|second| (from..=to).contains(&second));
            if let Some((_, refusal)) = self.vendor.widest.filter(|(widest, _)| to - from > *widest)
            {
                give(rows.len() / 2);
                return Err(refusal.error().await);
            }
            if unanswerable {
                return Err(ApiError::Http5xx(500));
            }
            match self.vendor.troubles.get(past).copied().unwrap_or(Trouble::None) {
                Trouble::None => {}
                Trouble::Unavailable => return Err(ApiError::Http5xx(503)),
                Trouble::Maintenance => return Err(ApiError::Maintenance("backup".to_owned())),
                Trouble::Throttled(wait) => {
                    return Err(ApiError::Throttled(Some(Duration::from_secs(wait))));
                }
                Trouble::Empty => return Ok(Answer { rows: 0, server_time }),
                Trouble::CutAfter(count) => {
                    give(count);
                    return Err(ApiError::CutOff);
                }
                Trouble::TooFew(count) if rows.len() > count => {
                    give(count);
                    let promised = rows.len() as u64;
                    return Err(ApiError::TooFewRows {
                        received: count as u64,
                        promised,
                        server_time,
                    });
                }
                Trouble::TooFew(_) => {}
                Trouble::Hang => sleep(Duration::from_secs(3600)).await,
            }
        }
        give(rows.len());
        Ok(Answer { rows: rows.len() as u64, server_time })
    }

    fn tells_quota(&self) -> bool {
        false
    }

    async fn token_info(&self) -> Result<TokenInfo, ApiError> {
        Err(ApiError::TokenMissing)
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}
