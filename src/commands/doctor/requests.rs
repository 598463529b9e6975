//! Sends the requests of one check (counted, one at a time, never more than ten), and knows the
//! number that the exporter needs a day.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::{Secret, TargetConfig, TokenSource},
    ledger::RowBatch,
    model::{Fingerprints, NameKind},
    schedule::TimeRange,
    wolkvox::{
        Admission, Answer, ApiError, Client, ClientLimits, Element, FieldSample, Query, Rejected,
        ReportName, Row, RowParser, TokenInfo,
    },
};

/// Most requests of one check.
pub(super) const MOST_REQUESTS: u32 = 10;

/// Requests a day for the re-readings of a report: one an hour, and one at night.
const REREADINGS: u64 = 25;
/// Requests a day that ask for the quota: one an hour, where `licences` does not give it.
const QUOTA_QUESTIONS: u64 = 24;

/// Returns the requests a day for reading a report with a poll at this interval.
pub(super) fn of_report_a_day(interval: Duration) -> u64 {
    86_400 / interval.as_secs().max(1) + REREADINGS
}

/// Returns the requests a day that the exporter needs for a target while nothing fails.
pub(super) fn of_target_a_day(target: &TargetConfig, interval: Duration) -> u64 {
    let reports = if target.outcomes { 2 } else { 1 };
    let quota = if target.licences.is_none() { QUOTA_QUESTIONS } else { 0 };
    let names = if target.names.vendor { NameKind::ALL.len() as u64 } else { 0 };
    reports * of_report_a_day(interval) + quota + names
}

/// Sends and counts the requests of one check.
pub(super) struct Requester<'a> {
    client: Client,
    token: &'a TokenSource,
    zone: &'a TimeZone,
    clock: &'a dyn Fn() -> Timestamp,
    spent: u32,
}

/// An answer of the report. It may have rows even if it ended in a failure.
pub(super) struct Look {
    pub(super) sample: FieldSample,
    pub(super) outcome: Result<Answer, ApiError>,
    /// Our clock before the request.
    pub(super) began: Timestamp,
    /// Our clock after the answer.
    pub(super) ended: Timestamp,
}

impl Look {
    /// Returns the time on the server's clock.
    pub(super) fn server_time(&self) -> Option<Timestamp> {
        match &self.outcome {
            Ok(answer) => answer.server_time,
            Err(ApiError::TooFewRows { server_time, .. }) => *server_time,
            Err(_) => None,
        }
    }

    /// Returns the seconds by which the server's clock is ahead of ours, beyond the duration of the
    /// answer.
    pub(super) fn skew(&self) -> Option<i64> {
        let server = self.server_time()?.as_second();
        let before = self.began.as_second();
        let after = self.ended.as_second();
        Some(if server < before { server - before } else { (server - after).max(0) })
    }
}

impl<'a> Requester<'a> {
    pub(super) fn new(
        target: &'a TargetConfig,
        limits: ClientLimits,
        clock: &'a dyn Fn() -> Timestamp,
    ) -> Result<Self, ApiError> {
        let client = Client::new(&target.endpoint, &target.egress, limits)?;
        Ok(Self { client, token: &target.token, zone: &target.timezone, clock, spent: 0 })
    }

    /// Returns the number of requests sent.
    pub(super) fn spent(&self) -> u32 {
        self.spent
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) async fn token_info(&mut self) -> Result<TokenInfo, ApiError> {
        let token = self.spend()?;
        let outcome = self.client.token_info(token.expose()).await;
        self.refund(outcome.as_ref().err());
        outcome
    }

    /// Returns the configured zone of the server's clock.
    pub(super) fn zone(&self) -> &'a TimeZone {
        self.zone
    }

    /// Makes the query for the rows of the last `length`.
    pub(super) fn last_query(&self, report: ReportName, length: Duration) -> Query {
        let now = self.now();
        let (from, to) = TimeRange { from: now - length, to: now }.local(self.zone);
        Query { report, from, to }
    }

    /// Requests the rows of the last `length`.
    pub(super) async fn last(&mut self, length: Duration) -> Look {
        let query = self.last_query(ReportName::Diagram13, length);
        self.read(query, FieldSample::new(self.zone.clone())).await
    }

    pub(super) async fn read(&mut self, query: Query, mut sample: FieldSample) -> Look {
        let began = self.now();
        let mut batch = RowBatch::default();
        let outcome = self.ask(query, &mut batch, &mut |element, _| sample.take(element)).await;
        let outcome = outcome.and_then(|answer| batch.verdict().map(|()| answer));
        Look { sample, outcome, began, ended: self.now() }
    }

    /// Requests rows. `each` sees every element and the row that was parsed from it, which is then
    /// added to `batch`.
    pub(super) async fn ask(
        &mut self,
        query: Query,
        batch: &mut RowBatch,
        each: &mut (dyn FnMut(Element<'_>, &Result<Row<'_>, Rejected>) + Send),
    ) -> Result<Answer, ApiError> {
        let token = self.spend()?;
        // Parsed as in a poll; nothing is kept, so the key does not matter.
        let parser = RowParser::new(Fingerprints::new([0; 16]), 128).reading(query.report);
        let mut admission = Admission::default();
        let outcome = self
            .client
            .read(query, token.expose(), &mut admission, &mut |element| {
                let row = parser.parse(element);
                each(element, &row);
                batch.push(row);
            })
            .await;
        self.refund(outcome.as_ref().err());
        outcome
    }

    /// Reads the token for a request, and counts the request.
    fn spend(&mut self) -> Result<Secret, ApiError> {
        let token =
            self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        if self.spent == MOST_REQUESTS {
            return Err(ApiError::QuotaReserved);
        }
        self.spent += 1;
        Ok(token)
    }

    /// Takes back the count of a request whose handshake failed, because it was never sent.
    fn refund(&mut self, error: Option<&ApiError>) {
        self.spent -= u32::from(matches!(error, Some(ApiError::Tls(_))));
    }
}
