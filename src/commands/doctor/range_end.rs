//! Finds out if the server includes the last second of a range: requests a range that ends on the
//! second of a known row, and one that ends a second earlier.
//!
//! The exporter counts correctly either way, because its ranges share a second; other programs may
//! not.

use std::io;

use super::{
    report::{Mark, Report},
    requests::Requester,
    texts::Text,
};
use crate::{
    config::TargetConfig,
    wolkvox::{FieldSample, Query, ReportName},
};

/// Length of both ranges, in seconds.
const SPAN: i64 = 60;

/// Sends two requests if a row is known.
pub(super) async fn check(
    known: &FieldSample,
    requester: &mut Requester<'_>,
    target: &TargetConfig,
    report: &mut Report<'_>,
) -> io::Result<()> {
    // The oldest, because the newest may still be incomplete.
    let Some(second) = known.oldest() else { return Ok(()) };
    let mut seen = [0; 2];
    for (seen, end) in seen.iter_mut().zip([second, second - 1]) {
        let Some((from, to)) = (second - SPAN).civil().zip(end.civil()) else { return Ok(()) };
        let sample = FieldSample::counting_at(target.timezone.clone(), second);
        let look = requester.read(Query { report: ReportName::Diagram13, from, to }, sample).await;
        if look.outcome.is_err() {
            return report.line(Mark::Note, Text::End, Text::EndUnknown, &[]);
        }
        *seen = look.sample.rows_at();
    }
    let (mark, text) = match seen {
        [0, 0] => (Mark::Good, Text::EndExcluded),
        [_, 0] => (Mark::Good, Text::EndIncluded),
        _ => (Mark::Note, Text::EndLoose),
    };
    report.line(mark, Text::End, text, &[])
}
