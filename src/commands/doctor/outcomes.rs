//! The second report, diagram_1: its cost, whether the server has it, and the form of its rows.

use std::{collections::BTreeMap, io, time::Duration};

use jiff::tz::TimeZone;

use super::{
    faults,
    report::{Mark, Report},
    requests::{self, Requester},
    texts::Text,
};
use crate::{
    ledger::RowBatch,
    model::{CallOutcome, LocalSecond},
    schedule::instant,
    wolkvox::{ApiError, ReportName, Row},
};

/// Tolerated difference between the date of a row and the moment that it means, in seconds, because
/// two machines have two clocks.
const NEAR: i64 = 60;

/// Statistics of the rows of the report.
#[derive(Debug, Default)]
struct CallsSeen {
    rows: u64,
    by_outcome: BTreeMap<&'static str, u64>,
    by_call: BTreeMap<u64, u64>,
    dated_at_begin: u64,
    dated_at_end: u64,
}

impl CallsSeen {
    /// Records a row.
    fn saw(&mut self, row: &Row<'_>, zone: &TimeZone) {
        self.rows += 1;
        let outcome =
            CallOutcome::ALL.into_iter().find(|outcome| outcome.as_str() == row.labels.channel);
        *self.by_outcome.entry(outcome.unwrap_or(CallOutcome::Other).as_str()).or_default() += 1;
        if let Some(call) = row.interaction {
            *self.by_call.entry(call).or_default() += 1;
        }
        let (Some(began), Some(second), Some(date)) = (row.began, row.second, at(row.date, zone))
        else {
            return;
        };
        let lasted = i64::from(second);
        // In a shorter call, both dates are near.
        if lasted > NEAR * 2 {
            self.dated_at_begin += u64::from((date - began).abs() <= NEAR);
            self.dated_at_end += u64::from((date - began - lasted).abs() <= NEAR);
        }
    }

    fn of(&self, outcome: CallOutcome) -> String {
        self.by_outcome.get(outcome.as_str()).copied().unwrap_or(0).to_string()
    }
}

fn at(date: LocalSecond, zone: &TimeZone) -> Option<i64> {
    instant(date, zone).map(jiff::Timestamp::as_second)
}

/// Prints the cost of reading the report, and whether it fits into the operation's `limit` of
/// requests a day.
pub(super) fn cost(
    is_on: bool,
    limit: u64,
    interval: Duration,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let needed = requests::of_report_a_day(interval);
    let values = [("needed", needed.to_string()), ("limit", limit.to_string())];
    // The menus take as much. The rest is for halved ranges, names and other users of the quota.
    let fits = needed * 3 <= limit;
    let text = match (is_on, fits) {
        (true, true) => return report.line(Mark::Good, Text::Outcomes, Text::OutcomesFit, &values),
        (true, false) => Text::OutcomesTight,
        (false, true) => Text::OutcomesOffFit,
        (false, false) => Text::OutcomesOffTight,
    };
    report.line(Mark::Note, Text::Outcomes, text, &values)
}

/// Requests the outcomes of the calls of the last `length`.
async fn calls(requester: &mut Requester<'_>, length: Duration) -> Result<CallsSeen, ApiError> {
    let mut seen = CallsSeen::default();
    let mut batch = RowBatch::default();
    let zone = requester.zone();
    let query = requester.last_query(ReportName::Diagram1, length);
    let outcome = requester
        .ask(query, &mut batch, &mut |_, row| {
            if let Ok(row) = row {
                seen.saw(row, zone);
            }
        })
        .await;
    match outcome {
        // The first rows of an answer that was only too large suffice.
        Err(error) if seen.rows == 0 || !faults::is_of_size(&error) => Err(error),
        _ => batch.verdict().map(|()| seen),
    }
}

/// Requests the calls of the last `length`, and describes their rows.
pub(super) async fn check(
    requester: &mut Requester<'_>,
    length: Duration,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let seen = match calls(requester, length).await {
        Ok(seen) => seen,
        // Nothing else depends on this report, so the check goes on.
        Err(error) => {
            let (happened, remedy) = error.texts();
            report.line(Mark::Todo, Text::Outcomes, happened, &error.values())?;
            return report.remedy(remedy, &error.values());
        }
    };
    if seen.rows == 0 {
        return report.line(Mark::Note, Text::Outcomes, Text::OutcomesNone, &[]);
    }
    let most = seen.by_call.values().copied().max().unwrap_or(1);
    let values = [
        ("rows", seen.rows.to_string()),
        ("calls", seen.by_call.len().to_string()),
        ("reached", seen.of(CallOutcome::ReachedQueue)),
        ("hung_up", seen.of(CallOutcome::HungUp)),
        ("other", seen.of(CallOutcome::Other)),
        ("most", most.to_string()),
    ];
    report.line(Mark::Good, Text::Outcomes, Text::OutcomesSeen, &values)?;
    let text = if most > 1 { Text::CallsOfManyRows } else { Text::CallsOfOneRow };
    report.line(Mark::Note, Text::Outcomes, text, &values)?;
    let text = match (seen.dated_at_begin, seen.dated_at_end) {
        (begin, end) if end > begin => Text::CallsDatedAtEnd,
        (begin, end) if begin > end => Text::CallsDatedAtBegin,
        _ => Text::CallsDatedUnknown,
    };
    report.line(Mark::Note, Text::Outcomes, text, &values)
}

#[cfg(test)]
mod tests {
    use super::{super::Language, *};
    use crate::wolkvox::RowLabels;

    const BEGAN: i64 = 1_768_782_812;

    fn row(call: u64, outcome: &'static str, date: i64, second: u32) -> Row<'static> {
        Row {
            labels: RowLabels::new("10", outcome, "1"),
            fingerprint: call,
            interaction: Some(call),
            began: Some(BEGAN),
            date: LocalSecond::new(date),
            second: Some(second),
            attempts: 0,
        }
    }

    fn seen(rows: &[Row<'_>]) -> CallsSeen {
        let mut seen = CallsSeen::default();
        rows.iter().for_each(|row| seen.saw(row, &TimeZone::UTC));
        seen
    }

    #[test]
    fn the_dates_of_long_calls_tell_what_they_are_of() {
        let end =
            seen(&[row(1, "hung_up", BEGAN + 300, 300), row(2, "reached_queue", BEGAN + 10, 10)]);
        assert_eq!((end.dated_at_begin, end.dated_at_end), (0, 1));
        let begin = seen(&[row(1, "hung_up", BEGAN + 2, 300)]);
        assert_eq!((begin.dated_at_begin, begin.dated_at_end), (1, 0));
        let other = seen(&[row(1, "what", BEGAN + 150, 300), row(1, "other", BEGAN + 150, 300)]);
        assert_eq!((other.dated_at_begin, other.dated_at_end), (0, 0));
        assert_eq!((other.of(CallOutcome::Other), other.by_call[&1]), ("2".to_owned(), 2));
    }

    #[test]
    fn it_is_recommended_only_where_it_fits() {
        for (limit, fits) in [(1_000, true), (900, false), (20_000, true)] {
            let mut out = Vec::new();
            let mut report = Report::new(&mut out, Language::En);
            cost(false, limit, Duration::from_secs(300), &mut report).unwrap();
            let said = String::from_utf8(out).unwrap();
            assert_eq!(said.contains("which leaves enough"), fits, "{limit}: {said}");
            assert!(said.contains("313"), "{said}");
        }
    }
}
