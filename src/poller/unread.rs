//! Rows of answers that could not be read: logged once, and counted for the status page.
//!
//! Owns the log lines that were written and the number of rows. The batch decides whether they are
//! so many that the poll fails.

use std::collections::BTreeSet;

use tracing::warn;

use crate::{
    ledger::RowBatch,
    wolkvox::{Rejected, Rejection, ReportName},
};

/// The unreadable rows of one report.
#[derive(Debug, Default)]
pub(super) struct UnreadRows {
    logged: BTreeSet<(Rejection, &'static str)>,
    /// Number since the end of the last poll.
    now: u64,
    /// Number in the last poll.
    last: u64,
}

impl UnreadRows {
    /// Records the unreadable rows of an answer that a poll accepts.
    pub(super) fn accepted(&mut self, batch: &RowBatch) {
        self.now += batch.unread();
    }

    /// Logs each reason and field of unreadable rows once per process, because the same rows are
    /// read again by every poll.
    pub(super) fn saw(&mut self, server: &str, report: ReportName, batch: &RowBatch) {
        let Some(Rejected { reason, field, pattern, .. }) = batch.example() else { return };
        if batch.unread() > 0 && self.logged.insert((*reason, field)) {
            warn!(
                server,
                report = report.as_str(),
                reason = reason.reason(),
                field,
                shape = pattern,
                rows = batch.unread(),
                "rows that cannot be read are left out of the counts (said once for each field): \
                 {} counts them, and doctor shows the shapes of all fields",
                rejected_counter(report)
            );
        }
    }

    /// Records the end of a poll.
    pub(super) fn end(&mut self) {
        self.last = std::mem::take(&mut self.now);
    }

    /// Returns the number of unreadable rows in the last poll.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// Returns the name of the metric that counts the unreadable rows of a report.
pub(super) fn rejected_counter(report: ReportName) -> &'static str {
    match report {
        ReportName::Diagram13 => "wolkvox_rows_rejected_total",
        ReportName::Diagram1 => "wolkvox_outcomes_rows_rejected_total",
    }
}
