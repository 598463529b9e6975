//! The requests of one visit: counted, one at a time, never more than ten.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{faults, outcomes::CallsSeen};
use crate::{
    config::{TargetConfig, TokenSource},
    ledger::RowBatch,
    model::Fingerprints,
    schedule::TimeRange,
    wolkvox::{
        Admission, Answer, ApiError, Client, ClientLimits, Element, FieldSample, Query, ReportName,
        RowParser, TokenInfo,
    },
};

/// Most requests of one visit.
pub(super) const MOST_REQUESTS: u32 = 10;

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
        let token = self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        self.spend()?;
        let outcome = self.client.token_info(token.expose()).await;
        self.refund(outcome.as_ref().err());
        outcome
    }

    /// Asks for the rows of the time before now of this length.
    pub(super) async fn last(&mut self, length: Duration) -> Look {
        let now = self.now();
        let (from, to) = TimeRange { from: now - length, to: now }.local(self.zone);
        self.read(Query { report: ReportName::Diagram13, from, to }, FieldSample::new(self.zone.clone()))
            .await
    }

    pub(super) async fn read(&mut self, query: Query, mut sample: FieldSample) -> Look {
        let before = self.now();
        let outcome = self.ask(query, &mut sample).await;
        Look { sample, outcome, asked: (before, self.now()) }
    }

    async fn ask(&mut self, query: Query, sample: &mut FieldSample) -> Result<Answer, ApiError> {
        let token = self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        self.spend()?;
        // Parsed as in a poll; nothing is kept, so the key does not matter.
        let parser = RowParser::new(Fingerprints::new([0; 16]), 128);
        let mut batch = RowBatch::default();
        let mut admission = Admission::default();
        let outcome = self
            .client
            .read(query, token.expose(), &mut admission, &mut |element: Element<'_>| {
                sample.take(element);
                batch.push(parser.parse(element));
            })
            .await;
        self.refund(outcome.as_ref().err());
        outcome.and_then(|answer| batch.verdict().map(|()| answer))
    }

    /// Asks for what became of the calls of the last seconds of this number.
    pub(super) async fn calls(&mut self, length: Duration) -> Result<CallsSeen, ApiError> {
        let now = self.now();
        let (from, to) = TimeRange { from: now - length, to: now }.local(self.zone);
        let token = self.token.read().map_err(|error| ApiError::TokenUnreadable(error.to_string()))?;
        self.spend()?;
        let report = ReportName::Diagram1;
        let parser = RowParser::new(Fingerprints::new([0; 16]), 128).reading(report);
        let mut batch = RowBatch::default();
        let mut seen = CallsSeen::default();
        let zone = self.zone;
        let mut each = |element: Element<'_>| {
            let row = parser.parse(element);
            if let Ok(row) = &row {
                seen.saw(row, zone);
            }
            batch.push(row);
        };
        let query = Query { report, from, to };
        let outcome = self.client.read(query, token.expose(), &mut Admission::default(), &mut each).await;
        self.refund(outcome.as_ref().err());
        match outcome {
            // Of an answer that was only too large its first rows tell enough.
            Err(error) if seen.rows == 0 || !faults::is_of_size(&error) => Err(error),
            _ => batch.verdict().map(|()| seen),
        }
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
