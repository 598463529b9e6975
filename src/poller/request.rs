//! One request of the poller's: counted against the day's quota before it is sent, measured when it ends.
//!
//! What an answer means for the cycle is decided in `range_reader`; nothing here asks twice.

use jiff::Timestamp;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tracing::debug;

use super::{CycleError, Poller, Source};
use crate::{
    ledger::RowBatch,
    schedule::{MIN_SPAN, Span, local_seconds, quota::Purpose},
    wolkvox::{ApiError, Element, Query},
};

/// A whole answer to a request for rows.
pub(super) struct Reply {
    /// The rows that came; of a span that can be halved, one more than the limit at most, and as many beside it.
    pub(super) batch: RowBatch,
    /// Elements that came, rows or not.
    pub(super) received: u64,
    /// Rows of the span's first second, which the span before shares.
    pub(super) in_first_second: u64,
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
        let admission = self.tend(self.source.admission()).await?;
        self.spend(purpose).await?;
        let (from, to) = span.local(&self.settings.zone);
        let (source, parser) = (self.source.clone(), self.parser.clone());
        let rules = self.settings.rules.clone();
        // An answer with more rows than the limit is asked for in halves, so more of them need not be kept. It is so only
        // of a span that can be halved, and what lies in it and beside it is told apart.
        let most = if span.length() > MIN_SPAN { self.settings.row_cap + 1 } else { u64::MAX };
        let request = async move {
            let (mut batch, mut in_first_second, mut outside) = (RowBatch::new(rules), 0, 0);
            let (first, last) = (local_seconds(from), local_seconds(to));
            let mut inside = 0;
            let mut each = |element: Element<'_>| {
                let row = parser.parse(element);
                if let Ok(row) = &row {
                    in_first_second += u64::from(row.date == first);
                    let alike = match row.date < first - 1 || row.date > last + 1 {
                        true => &mut outside,
                        false => &mut inside,
                    };
                    *alike += 1;
                    if *alike > most {
                        return;
                    }
                }
                batch.push(row);
            };
            let result = source.read(Query { from, to }, &mut each).await;
            (result, batch, in_first_second, outside)
        };
        let started = Instant::now();
        let (result, batch, in_first_second, outside) = self.tend(request).await?;
        debug!(server = self.settings.name, %from, %to, ?result, "request ended");
        self.sent(started.elapsed(), result.as_ref().err()).await;
        let (received, server_time, short) = match result {
            Ok(answer) => (answer.rows, answer.server_time, None),
            Err(short @ ApiError::TooFewRows { received, server_time, .. }) => {
                (received, server_time, Some(short))
            }
            Err(fault) => return Err(fault.into()),
        };
        Ok(Reply { batch, received, in_first_second, outside, server_time, short, admission })
    }
}
