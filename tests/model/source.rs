//! The world as the poller sees it: a source of answers that records the requests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp, civil::DateTime};
use tokio::time::{Instant, sleep};
use wolkvox_exporter::{
    config::TokenVersion,
    model::NameKind,
    poller::Source,
    wolkvox::{Admission, Answer, ApiError, Element, Query, ReportName, TokenInfo},
};

use crate::{
    trouble::{Errand, IncidentKind, Trouble, hang},
    world::{LOOKBACK, World},
};

/// Requests for one report, over all lives of the process.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Number of requests for rows.
    pub(crate) requests: usize,
    /// Number of rows in whole answers.
    pub(crate) received: u64,
    /// Number of answers on the quota.
    pub(crate) quota_answers: usize,
    /// The latest end of any requested range.
    latest: Option<DateTime>,
    /// Moment of the last request for rows, or of the start of the process if that is later.
    last_request: Option<Instant>,
    /// Longest time without a request for rows in any life of the process.
    pub(crate) longest_silence: Duration,
}

impl Observed {
    /// Begins a life of the process, or resumes one whose disk is back.
    pub(crate) fn begin_life(&mut self) {
        self.last_request = Some(Instant::now());
    }

    /// Takes the silence since the last request into account.
    pub(crate) fn end_silence(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last_request.replace(now) {
            self.longest_silence = self.longest_silence.max(now - last);
        }
    }

    /// Distinguishes live requests from deeper ones, which end where the lookback of live ones
    /// begins. An exporter whose clock is ahead asks for times in the future, so the end is limited
    /// to `now`.
    fn errand(&mut self, query: Query, now: DateTime) -> Errand {
        let end = query.to.min(now);
        let latest = self.latest.map_or(end, |latest| latest.max(end));
        self.latest = Some(latest);
        if end <= latest.saturating_sub(SignedDuration::from_secs(LOOKBACK)) {
            return Errand::Deep;
        }
        Errand::Live
    }
}

/// Both reports.
#[derive(Clone)]
pub(crate) struct WorldSource {
    pub(crate) menus: ReportSource,
    /// The second report; `None` if it is not read.
    calls: Option<ReportSource>,
}

/// One report. Clones share what was observed, because that outlives a crash.
#[derive(Clone)]
pub(crate) struct ReportSource {
    pub(crate) world: Arc<World>,
    pub(crate) began: Instant,
    pub(crate) observed: Arc<Mutex<Observed>>,
}

impl WorldSource {
    pub(crate) fn new(menus: World, calls: Option<World>) -> Self {
        let began = Instant::now();
        Self {
            menus: ReportSource::new(menus, began),
            calls: calls.map(|calls| ReportSource::new(calls, began)),
        }
    }
}

impl ReportSource {
    fn new(world: World, began: Instant) -> Self {
        Self { world: Arc::new(world), began, observed: Arc::default() }
    }

    fn now(&self) -> i64 {
        self.began.elapsed().as_secs() as i64
    }

    fn server_time(&self, request: usize) -> Option<Timestamp> {
        let date = self.world.clock.date(self.now(), request)?;
        Some(self.world.start() + SignedDuration::from_secs(date))
    }

    fn incidents(&self) -> impl Iterator<Item = IncidentKind> {
        let now = self.now();
        let on = self.world.incidents.iter().filter(move |incident| incident.is_on(now));
        on.map(|incident| incident.kind)
    }

    /// Fails according to the incidents of this moment.
    async fn suffer(&self, errand: Errand) -> Result<(), ApiError> {
        for incident in self.incidents() {
            match incident {
                IncidentKind::Hangs => return Err(hang().await),
                IncidentKind::Busy(of, refusal) if of.includes(errand) => {
                    return Err(refusal.error());
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let (request, errand) = {
            let mut observed = self.observed.lock().unwrap();
            observed.requests += 1;
            observed.end_silence();
            (observed.requests, observed.errand(query, self.world.local(self.now())))
        };
        let trouble = self.world.troubles.get(request - 1).copied().unwrap_or(Trouble::None);
        tracing::info!(request, now = self.now(), from = %query.from, to = %query.to, ?trouble, "asked");
        sleep(Duration::from_millis(700)).await;
        self.suffer(errand).await?;
        let server_time = self.server_time(request);
        if trouble == Trouble::Empty || self.incidents().any(|kind| kind == IncidentKind::Empty) {
            return Ok(Answer { rows: 0, server_time });
        }
        let now = self.now();
        let rows = self.world.answer(query, now);
        let mut give = |count: usize| {
            rows.iter().take(count).for_each(|row| each(Element::Value(row.as_bytes())));
        };
        if let Some(failure) = self.world.failure(query, rows.len() as u64, now) {
            give(rows.len() / 2);
            return Err(failure.error().await);
        }
        if let Some(error) = failure(trouble).await {
            return Err(error);
        }
        let received = match trouble {
            Trouble::RejectedRows if !rows.is_empty() => {
                rows.iter().for_each(|_| each(Element::Value(br#"{"date":"yesterday"}"#)));
                return Ok(Answer { rows: rows.len() as u64, server_time });
            }
            Trouble::CutAfter(count) => {
                give(count.into());
                return Err(ApiError::CutOff);
            }
            Trouble::TooFew(count) => rows.len().min(count.into()),
            Trouble::Half => rows.len() / 2,
            _ => rows.len(),
        };
        give(received);
        self.observed.lock().unwrap().received += received as u64;
        let received = received as u64;
        let promised = rows.len() as u64 + self.world.surplus(query, rows.len() as u64);
        if received < promised {
            return Err(ApiError::TooFewRows { received, promised, server_time });
        }
        Ok(Answer { rows: received, server_time })
    }
}

/// Returns the failure of one request, if it does not depend on the rows.
async fn failure(trouble: Trouble) -> Option<ApiError> {
    Some(match trouble {
        Trouble::Foreign404 => ApiError::ForeignNotFound,
        Trouble::NoReport => ApiError::Schema("no report".to_owned()),
        Trouble::Unavailable => ApiError::Http5xx(500),
        Trouble::Maintenance => ApiError::Maintenance("backup".to_owned()),
        Trouble::Refuse => ApiError::Refused { status: 418, message: "no".to_owned() },
        Trouble::Hang => hang().await,
        Trouble::Busy(refusal) => refusal.error(),
        Trouble::None
        | Trouble::Empty
        | Trouble::RejectedRows
        | Trouble::CutAfter(_)
        | Trouble::TooFew(_)
        | Trouble::Half => return None,
    })
}

impl Source for WorldSource {
    async fn read(
        &self,
        query: Query,
        _: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let report = match query.report {
            ReportName::Diagram13 => &self.menus,
            ReportName::Diagram1 => {
                self.calls.as_ref().expect("it is asked for only where it is on")
            }
        };
        report.read(query, each).await
    }

    fn tells_quota(&self) -> bool {
        let is_about_quota = |kind| matches!(kind, IncidentKind::Busy(Errand::Quota, _));
        !self.menus.world.quota_lies.is_empty()
            || self.menus.world.incidents.iter().any(|incident| is_about_quota(incident.kind))
    }

    async fn token_info(&self) -> Result<TokenInfo, ApiError> {
        sleep(Duration::from_millis(300)).await;
        self.menus.suffer(Errand::Quota).await?;
        let mut observed = self.menus.observed.lock().unwrap();
        observed.quota_answers += 1;
        let lie = self.menus.world.quota_lies.get(observed.quota_answers - 1);
        let (limit, used) = lie.copied().unwrap_or((100_000, 7));
        Ok(TokenInfo { limit, used })
    }

    async fn names(&self, _: NameKind, _: usize) -> Result<BTreeMap<String, String>, ApiError> {
        self.menus.suffer(Errand::Names).await?;
        Ok(BTreeMap::new())
    }

    fn credentials(&self) -> Option<TokenVersion> {
        None
    }
}
