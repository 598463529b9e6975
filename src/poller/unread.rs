//! Rows that an answer held and nobody could read: said once in the log, and shown on the page for
//! as long as they come.
//!
//! Owns what has been said. That so many of them fail a poll is the batch's to decide.

use std::collections::BTreeSet;

use tracing::warn;

use crate::{
    ledger::RowBatch,
    wolkvox::{Rejected, Rejection, ReportName},
};

/// The known unreadable rows.
#[derive(Debug, Default)]
pub(super) struct UnreadRows {
    said: BTreeSet<(Rejection, &'static str)>,
    /// Number in the current poll.
    now: u64,
    /// Number in the last poll.
    last: u64,
}

impl UnreadRows {
    /// Takes note of a whole answer whose rows count. Says each way to be unreadable once in a
    /// process's life: the same rows come again with every poll.
    pub(super) fn saw(&mut self, server: &str, report: ReportName, batch: &RowBatch) {
        self.now += batch.unread();
        let Some(Rejected { reason, field, pattern, .. }) = batch.example() else { return };
        if batch.unread() > 0 && self.said.insert((*reason, field)) {
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

    /// The poll has ended.
    pub(super) fn end(&mut self) {
        self.last = std::mem::take(&mut self.now);
    }

    /// Returns the number in the last poll.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// The counter of the rows of a report that nobody could read.
pub(super) fn rejected_counter(report: ReportName) -> &'static str {
    match report {
        ReportName::Diagram13 => "wolkvox_rows_rejected_total",
        ReportName::Diagram1 => "wolkvox_outcomes_rows_rejected_total",
    }
}
