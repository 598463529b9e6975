//! The requests of one visit (counted, one at a time, never more than ten), and the number that the
//! exporter needs a day.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    config::{TargetConfig, TokenSource},
    ledger::RowBatch,
    model::{Fingerprints, NameKind},
    schedule::TimeRange,
    wolkvox::{
        Admission, Answer, ApiError, Client, ClientLimits, Element, FieldSample, Query, Rejected,
        ReportName, Row, RowParser, TokenInfo,
    },
};

/// Most requests of one visit.
pub(super) const MOST_REQUESTS: u32 = 10;

/// Requests a day for the re-readings of a report: hourly, and one at night.
const REREADINGS: u64 = 25;
/// Requests a day for the limit, which is asked for hourly where `licences` does not give it.
const QUOTA_QUESTIONS: u64 = 24;

/// Requests a day that reading a report takes, with a poll at this interval.
pub(super) fn of_report_a_day(interval: Duration) -> u64 {
    86_400 / interval.as_secs().max(1) + REREADINGS
}

/// Requests a day that the exporter needs for a target while nothing fails.
pub(super) fn of_target_a_day(target: &TargetConfig, interval: Duration) -> u64 {
    let reports = if target.outcomes { 2 } else { 1 };
    let quota = if target.licences.is_none() { QUOTA_QUESTIONS } else { 0 };
    let names = if target.names.vendor { NameKind::ALL.len() as u64 } else { 0 };
    reports * of_report_a_day(interval) + quota + names
}

/// Sends and counts the requests of one visit.
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
    /// Our clock, before and after the request.
    pub(super) asked: (Timestamp, Timestamp),
}

impl Look {
    /// The server's clock.
    pub(super) fn server_time(&self) -> Option<Timestamp> {
        match &self.outcome {
            Ok(answer) => answer.server_time,
            Err(ApiError::TooFewRows { server_time, .. }) => *server_time,
            Err(_) => None,
        }
    }

    /// Seconds by which the server's clock is ahead of ours, beyond the duration of the answer.
    pub(super) fn skew(&self) -> Option<i64> {
        let server = self.server_time()?.as_second();
        let before = self.asked.0.as_second();
        let after = self.asked.1.as_second();
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

    /// Number of requests sent.
    pub(super) fn spent(&self) -> u32 {
        self.spent
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) async fn token_info(&mut self) -> Result<TokenInfo, ApiError> {
        let token =
            self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        self.spend()?;
        let outcome = self.client.token_info(token.expose()).await;
        self.refund(outcome.as_ref().err());
        outcome
    }

    /// The zone that the server's clock is taken to be in.
    pub(super) fn zone(&self) -> &'a TimeZone {
        self.zone
    }

    /// The query for the rows of the time before now of this length.
    pub(super) fn last_query(&self, report: ReportName, length: Duration) -> Query {
        let now = self.now();
        let (from, to) = TimeRange { from: now - length, to: now }.local(self.zone);
        Query { report, from, to }
    }

    /// Asks for the rows of the time before now of this length.
    pub(super) async fn last(&mut self, length: Duration) -> Look {
        let query = self.last_query(ReportName::Diagram13, length);
        self.read(query, FieldSample::new(self.zone.clone())).await
    }

    pub(super) async fn read(&mut self, query: Query, mut sample: FieldSample) -> Look {
        let before = self.now();
        let mut batch = RowBatch::default();
        let outcome = self.ask(query, &mut batch, &mut |element, _| sample.take(element)).await;
        let outcome = outcome.and_then(|answer| batch.verdict().map(|()| answer));
        Look { sample, outcome, asked: (before, self.now()) }
    }

    /// Sends a request for rows. `each` looks at every element and at what could be read of it,
    /// which goes to `batch`.
    pub(super) async fn ask(
        &mut self,
        query: Query,
        batch: &mut RowBatch,
        each: &mut (dyn FnMut(Element<'_>, &Result<Row<'_>, Rejected>) + Send),
    ) -> Result<Answer, ApiError> {
        let token =
            self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        self.spend()?;
        // Parsed as in a poll; nothing is kept, so the key does not matter.
        let parser = RowParser::new(Fingerprints::new([0; 16]), 128).reading(query.report);
        let mut take = |element: Element<'_>| {
            let row = parser.parse(element);
            each(element, &row);
            batch.push(row);
        };
        let outcome =
            self.client.read(query, token.expose(), &mut Admission::default(), &mut take).await;
        self.refund(outcome.as_ref().err());
        outcome
    }

    fn spend(&mut self) -> Result<(), ApiError> {
        if self.spent == MOST_REQUESTS {
            return Err(ApiError::QuotaReserved);
        }
        self.spent += 1;
        Ok(())
    }

    /// Takes back the count of a request whose handshake failed, because it was never sent.
    fn refund(&mut self, fault: Option<&ApiError>) {
        self.spent -= u32::from(matches!(fault, Some(ApiError::Tls(_))));
    }
}
