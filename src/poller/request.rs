//! One request of the poller's: counted against the day's quota before it is sent, measured when it ends.
//!
//! What an answer means for the cycle is decided in `range_reader`; nothing here asks twice.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tracing::debug;

use super::{CycleError, Poller, Source, commit};
use crate::{
    ledger::RowBatch,
    model::LocalSecond,
    schedule::{MIN_SPAN, Span, quota::Purpose},
    wolkvox::{ApiError, Element, Query},
};

/// Longer than any request takes.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// A whole answer to a request for rows.
pub(super) struct Reply {
    /// The rows that came. Of a span that can be halved, one more than the limit at most.
    pub(super) batch: RowBatch,
    /// Elements that came, rows or not.
    pub(super) received: u64,
    /// Rows dated more than a second before or after the span.
    pub(super) outside: u64,
    /// The server's clock, if it said.
    pub(super) server_time: Option<Timestamp>,
    /// It has fewer rows than it announces: this says so.
    pub(super) short: Option<ApiError>,
    /// Its place among the requests of all targets: what bounds their memory, so held until the rows are committed.
    pub(super) admission: Option<OwnedSemaphorePermit>,
}

impl<S: Source> Poller<S> {
    /// Asks for the rows of a span.
    pub(super) async fn request(&mut self, span: Span, purpose: Purpose) -> Result<Reply, CycleError> {
        self.request_within(span, purpose, FOR_EVER).await
    }

    /// As [`Poller::request`], and gives up after so long.
    pub(super) async fn request_within(
        &mut self,
        span: Span,
        purpose: Purpose,
        longest: Duration,
    ) -> Result<Reply, CycleError> {
        let latest = Instant::now() + longest;
        let admission = self.tend(timeout_at(latest, self.source.admission())).await?;
        let admission = admission.map_err(|_| ApiError::QuotaReserved)?;
        self.spend(purpose).await?;
        let (from, to) = span.local(&self.settings.zone);
        let (source, parser) = (self.source.clone(), self.parser.clone());
        let rules = self.settings.rules.clone();
        // An answer of more rows than the limit is thrown away and asked for in halves, unless it cannot be halved, or it
        // is not the span that makes it large.
        let most = if span.length() > MIN_SPAN { self.settings.row_cap } else { u64::MAX };
        let request = async move {
            let (mut batch, mut outside) = (RowBatch::new(rules), 0);
            let (first, last) = (LocalSecond::from(from), LocalSecond::from(to));
            let mut each = |element: Element<'_>| {
                let row = parser.parse(element);
                if let Ok(row) = &row {
                    let is_outside = row.date < first - 1 || row.date > last + 1;
                    outside += u64::from(is_outside);
                    if batch.rows() > most && (is_outside || outside * 2 < batch.rows()) {
                        return;
                    }
                }
                batch.push(row);
            };
            let read = timeout_at(latest, source.read(Query { from, to }, &mut each));
            let result = read.await.unwrap_or(Err(ApiError::Timeout(longest)));
            batch.reject_after(last.saturating_add(commit::FUTURE.as_secs()));
            let result = match result {
                Ok(_) | Err(ApiError::TooFewRows { .. }) => batch.verdict().and(result),
                fault => fault,
            };
            (result, batch, outside)
        };
        let started = Instant::now();
        let (result, batch, outside) = self.tend(request).await?;
        if result.is_ok() {
            self.health.unread.saw(&self.settings.name, &batch);
        }
        debug!(server = self.settings.name, %from, %to, ?result, "request ended");
        self.sent(started.elapsed(), result.as_ref().err()).await;
        let (received, server_time, short) = match result {
            Ok(answer) => (answer.rows, answer.server_time, None),
            Err(short @ ApiError::TooFewRows { received, server_time, .. }) => {
                (received, server_time, Some(short))
            }
            Err(fault) => return Err(fault.into()),
        };
        Ok(Reply { batch, received, outside, server_time, short, admission })
    }
}
