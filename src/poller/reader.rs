//! Sends requests to the server: for the rows of one time range, for the day's quota, for names.
//!
//! Owns the source, the parser and the count of the day's requests: each request is counted before
//! it is sent and measured when it ends. It must never repeat a request by itself, nor judge an
//! answer, which is the judge's work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::{Clock, PollerConfig, Source, commit::FUTURE, committed_state::CommittedState};
use crate::{
    ledger::RowBatch,
    model::{LocalSecond, NameKind},
    schedule::{
        MIN_RANGE, TimeRange,
        quota::{self, Purpose, REQUESTS_PER_LICENCE},
        server_clock::ServerClock,
    },
    status::QuotaUse,
    telemetry::TargetTelemetry,
    wolkvox::{
        self, Admission, ApiError, DateShifts, Element, Query, ReportName, RowParser, TokenInfo,
    },
};

/// Requests that one poll may send against our own count after the quota was spent: one for the
/// vendor's count, one for rows.
const PROBES: u32 = 2;

/// Calls of an answer whose dates are compared with the seconds in their `conn_id`s.
const COMPARED_CALLS: u64 = 100;

/// The answer to a request for rows, complete according to the server unless `short` is set.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The received rows. For a range that can be halved, at most one more than the limit is kept,
    /// unless most rows are outside the range.
    pub(super) batch: RowBatch,
    /// Received elements, rows or not.
    pub(super) received: u64,
    /// Rows dated more than a second before or after the range.
    pub(super) outside: u64,
    /// The differences between the dates of its first calls and the seconds in their `conn_id`s.
    pub(super) shifts: DateShifts,
    /// The time of the server's clock, if the answer has one.
    pub(super) server_time: Option<Timestamp>,
    /// The time of our clock when the request was sent.
    pub(super) sent: Timestamp,
    /// The error of an answer with fewer rows than it announces.
    pub(super) short: Option<ApiError>,
    /// The error of an answer of which a large share of the rows cannot be read.
    pub(super) unreadable: Option<ApiError>,
    /// A place among the large answers of all targets, held until the rows are committed.
    pub(super) admission: Admission,
}

impl Answer {
    /// Adds the result of the request, whose rows have been received. Fails if none of them can
    /// count.
    fn ended(mut self, result: Result<wolkvox::Answer, ApiError>) -> Result<Self, ApiError> {
        match result {
            Ok(whole) => {
                self.received = whole.rows;
                self.server_time = whole.server_time;
            }
            Err(error @ ApiError::TooFewRows { received, server_time, .. }) => {
                self.received = received;
                self.server_time = server_time;
                self.short = Some(error);
            }
            Err(error) => return Err(error),
        }
        match self.batch.verdict() {
            Err(error @ ApiError::RowsRejected { .. }) => self.unreadable = Some(error),
            Err(error) => return Err(error),
            Ok(()) => {}
        }
        Ok(self)
    }
}

/// Sends the requests of one target.
pub(super) struct Reader<S> {
    source: Arc<S>,
    parser: RowParser,
    config: Arc<PollerConfig>,
    clock: Clock,
    telemetry: TargetTelemetry,
    quota: DayQuota,
    server_clock: ServerClock,
}

/// The requests of one day of the server.
#[derive(Debug)]
struct DayQuota {
    /// Requests per day, from the configuration or the vendor; `None` if unknown.
    limit: Option<u64>,
    day: Date,
    used: u64,
    /// Requests that may be sent although none is left by our own count.
    probes: u32,
    /// The unknown limit has been logged.
    unknown_logged: bool,
}

impl<S: Source> Reader<S> {
    /// Makes a reader. `quota_used` is the server's day, and the number of requests that were sent
    /// on it before.
    pub(super) fn new(
        source: S,
        parser: RowParser,
        config: Arc<PollerConfig>,
        clock: Clock,
        telemetry: TargetTelemetry,
        quota_used: (Date, u64),
    ) -> Self {
        let (day, used) = quota_used;
        let quota = DayQuota { limit: config.quota, day, used, probes: 0, unknown_logged: false };
        telemetry.quota(used, quota.limit);
        let server_clock = ServerClock::default();
        Self { source: Arc::new(source), parser, config, clock, telemetry, quota, server_clock }
    }

    pub(super) fn source(&self) -> &S {
        &self.source
    }

    pub(super) fn quota(&self) -> QuotaUse {
        let DayQuota { limit, day, used, .. } = self.quota;
        QuotaUse { day, used, limit }
    }

    /// Returns true if the vendor must be asked for the limit of requests.
    pub(super) fn asks_quota(&self) -> bool {
        self.config.quota.is_none() && self.source.tells_quota()
    }

    /// Returns true if the limit of requests per day is known.
    pub(super) fn knows_limit(&self) -> bool {
        self.quota.limit.is_some()
    }

    /// Returns true if a poll may send requests against our own count.
    pub(super) fn is_probing(&self) -> bool {
        self.quota.probes > 0
    }

    /// Allows a poll to send [`PROBES`] requests against our own count, to find out whether the
    /// quota is still spent.
    pub(super) fn probe(&mut self) {
        self.quota.probes = PROBES;
    }

    /// Ends the permission of [`Reader::probe`].
    pub(super) fn end_probe(&mut self) {
        self.quota.probes = 0;
    }

    /// Returns a future that requests the rows of a report in a range and borrows nothing. An
    /// answer with fewer rows than it announces is returned with its rows; after any other failed
    /// request the rows are dropped.
    pub(super) fn request(
        &self,
        report: ReportName,
        range: TimeRange,
    ) -> impl Future<Output = Result<Answer, ApiError>> + Send + use<S> {
        let (from, to) = range.local(&self.config.target.timezone);
        let source = self.source.clone();
        let parser = self.parser.clone().reading(report);
        let rules = self.config.rules.clone();
        let server = self.config.target.name.clone();
        let zone = self.config.target.timezone.clone();
        let sent = (self.clock)();
        // An answer with more rows than the limit is dropped and requested again in halves, unless
        // the range cannot be halved, or is not the reason for the size.
        let max_rows = if range.length() > MIN_RANGE { self.config.row_cap } else { u64::MAX };
        async move {
            let mut answer = Answer { batch: RowBatch::new(rules), sent, ..Answer::default() };
            let first = LocalSecond::from(from);
            let last = LocalSecond::from(to);
            let Answer { batch, outside, shifts, admission, .. } = &mut answer;
            let mut compared = 0;
            let mut each = |element: Element<'_>| {
                let row = parser.parse(element);
                if let Ok(row) = &row {
                    if let Some(began) = row.began.filter(|_| compared < COMPARED_CALLS) {
                        compared += 1;
                        shifts.saw(row.date, began, &zone);
                    }
                    let is_outside = row.date < first - 1 || row.date > last + 1;
                    *outside += u64::from(is_outside);
                    if batch.rows() > max_rows && (is_outside || *outside * 2 < batch.rows()) {
                        return;
                    }
                }
                batch.push(row);
            };
            let result = source.read(Query { report, from, to }, admission, &mut each).await;
            debug!(server, report = report.as_str(), %from, %to, ?result, "request ended");
            answer.batch.reject_after(last.saturating_add(FUTURE.as_secs()));
            answer.ended(result)
        }
    }

    /// Counts a request before it is sent, or returns the reason why it must not be sent.
    pub(super) async fn spend(
        &mut self,
        purpose: Purpose,
        state: &mut CommittedState,
    ) -> Result<(), ApiError> {
        let now = (self.clock)();
        let limit = self.limit_for(purpose);
        let is_probing = self.is_probing();
        let zone = self.config.target.timezone.clone();
        let interval = self.config.cadence.interval;
        let day = quota::day(now, &zone);
        let counted = state.transact(move |tx, id| {
            let used = tx.requests(id, day)?;
            let fits = quota::allows(purpose, limit, used, now, &zone, interval);
            if fits || is_probing {
                tx.spend_request(id, day)?;
            }
            Ok((fits, used + u64::from(fits || is_probing)))
        });
        let (fits, used) = counted.await.map_err(|error| ApiError::Internal(error.to_string()))?;
        self.used(day, used);
        match purpose {
            _ if fits => Ok(()),
            _ if is_probing => {
                self.quota.probes -= 1;
                Ok(())
            }
            Purpose::Live => Err(ApiError::QuotaExhausted),
            Purpose::CatchUp | Purpose::Background => Err(ApiError::QuotaReserved),
        }
    }

    /// Returns the limit that a purpose respects. If the limit is unknown, background requests keep
    /// to the lowest one that the vendor documents.
    fn limit_for(&mut self, purpose: Purpose) -> Option<u64> {
        // If the polls alone need as much as that, the real limit must be higher.
        let polls_a_day = 86_400 / self.config.cadence.interval.as_secs().max(1);
        let exceeds_least = polls_a_day * 5 / 4 >= REQUESTS_PER_LICENCE;
        if self.quota.limit.is_some() || purpose != Purpose::Background || exceeds_least {
            return self.quota.limit;
        }
        if !std::mem::replace(&mut self.quota.unknown_logged, true) {
            warn!(
                server = self.config.target.name,
                limit = REQUESTS_PER_LICENCE,
                "the operation's limit of requests a day is not known: re-reading and the weeks before keep within the \
                 least that the vendor documents; set licences to use more"
            );
        }
        Some(REQUESTS_PER_LICENCE)
    }

    /// Measures a counted request that has ended. One that never left this machine is no longer
    /// counted.
    pub(super) async fn sent(
        &mut self,
        started: Instant,
        error: Option<&ApiError>,
        state: &mut CommittedState,
    ) {
        if !matches!(error, Some(ApiError::TokenUnreadable(_))) {
            self.telemetry.requested(started.elapsed(), error.map(ApiError::class));
        }
        if error.is_some_and(ApiError::never_sent) {
            let day = quota::day((self.clock)(), &self.config.target.timezone);
            if let Ok(used) = state.transact(move |tx, id| tx.refund_request(id, day)).await {
                self.used(day, used);
            }
        }
    }

    fn used(&mut self, day: Date, used: u64) {
        self.quota.day = day;
        self.quota.used = used;
        self.telemetry.quota(used, self.quota.limit);
    }

    /// Records the vendor's limit and count of requests.
    pub(super) async fn learn_quota(&mut self, info: TokenInfo, state: &mut CommittedState) {
        // No operation has a limit of 0, so it means unknown.
        self.quota.limit = Some(info.limit).filter(|limit| *limit > 0);
        let day = quota::day((self.clock)(), &self.config.target.timezone);
        if state.transact(move |tx, id| tx.set_requests(id, day, info.used)).await.is_ok() {
            self.used(day, info.used);
        }
    }

    /// Returns a future that requests the day's quota.
    pub(super) fn token_info(
        &self,
    ) -> impl Future<Output = Result<TokenInfo, ApiError>> + Send + use<S> {
        let source = self.source.clone();
        async move { source.token_info().await }
    }

    /// Returns a future that requests the names of one kind, by code.
    pub(super) fn names(
        &self,
        kind: NameKind,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, ApiError>> + Send + use<S> {
        let source = self.source.clone();
        let length = self.parser.label_length();
        async move { source.names(kind, length).await }
    }

    /// Records the server's clock in an answer. Returns its time if it can be believed.
    pub(super) fn observe_clock(
        &mut self,
        server_time: Option<Timestamp>,
        sent: Timestamp,
    ) -> Option<Timestamp> {
        let now = (self.clock)();
        let stood_still = self.server_clock.stands_still();
        let believed = self.server_clock.observe(server_time, sent, Instant::now());
        if let Some(server_time) = believed {
            self.telemetry.clock_skew(server_time.duration_since(now).as_secs_f64());
        }
        if self.server_clock.stands_still() && !stood_still {
            warn!(
                server = self.config.target.name,
                "the Date header of the server's answers stands still: it is ignored, and windows close by this machine's \
                 clock; something in between keeps an old answer's head"
            );
        }
        believed
    }

    /// Returns the earlier of our clock and the server's: everything before it is past.
    pub(super) fn past(&self) -> Timestamp {
        self.server_clock.earlier((self.clock)())
    }

    /// Returns the time by which polls are delayed because the server's clock is behind.
    pub(super) fn behind(&self) -> Duration {
        Duration::try_from(self.server_clock.behind()).unwrap_or_default()
    }
}
