//! Decides whether a failed request ends the visit of a target. The words for it are in `i18n`.

use std::io;

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::{
    config::{TargetConfig, TokenSource},
    i18n::FaultText,
    wolkvox::ApiError,
};

/// Whether nothing more can be found out after this fault of the question for the quota, which a server may not know.
pub(super) fn ends_the_visit(fault: &ApiError) -> bool {
    !matches!(
        fault,
        ApiError::Http5xx(_)
            | ApiError::UnknownReport(_)
            | ApiError::Refused { .. }
            | ApiError::ForeignNotFound
            | ApiError::NotJson(_)
            | ApiError::ContentEncoding(_)
            | ApiError::Schema(_)
            | ApiError::TooFewRows { .. }
            | ApiError::CutOff
            | ApiError::TooLarge(_)
    )
}

/// Whether the rows that came before this fault are real ones all the same: the answer was only too large.
pub(super) fn is_of_size(fault: &ApiError) -> bool {
    matches!(
        fault,
        ApiError::TooFewRows { .. } | ApiError::CutOff | ApiError::TooLarge(_) | ApiError::Timeout(_)
    )
}

/// Says what went wrong and what to do.
pub(super) fn say(fault: &ApiError, target: &TargetConfig, report: &mut Report<'_>) -> io::Result<()> {
    let check = check(fault);
    let token = match &target.token {
        TokenSource::File(path) => path.display().to_string(),
        TokenSource::Fixed(_) => "WOLKVOX_TOKEN".to_owned(),
    };
    let mut values = FaultText::values(fault);
    values.push(("token", token));
    let (seen, remedy) = FaultText::of(fault);
    match fault {
        // That there is a connection at all has been seen before.
        ApiError::Connect(_) => report.line(Mark::Todo, check, FaultText::ConnectionBroke, &values)?,
        ApiError::QuotaReserved => {
            report.line(Mark::Todo, check, Text::BudgetSpent, &values)?;
            return report.remedy(FaultText::LaterRemedy, &values);
        }
        // A visit writes nothing, so that this is the client's setting up.
        ApiError::Internal(_) => {
            report.line(Mark::Todo, check, seen, &values)?;
            return report.remedy(Text::InternalRemedy, &values);
        }
        _ => report.line(Mark::Todo, check, seen, &values)?,
    }
    report.remedy(remedy, &values)
}

fn check(fault: &ApiError) -> Text {
    match fault {
        ApiError::Connect(_)
        | ApiError::ConnectionRefused(_)
        | ApiError::ConnectTimeout(_)
        | ApiError::TooManyOpenFiles(_)
        | ApiError::BadHead(_)
        | ApiError::ClocksDisagree { .. }
        | ApiError::Internal(_) => Text::Connection,
        ApiError::NameNotFound(_) => Text::Name,
        ApiError::Tls(_) => Text::Tls,
        ApiError::TokenMissing
        | ApiError::TokenUnreadable(_)
        | ApiError::TokenInvalid
        | ApiError::Concurrency => Text::Token,
        ApiError::QuotaExhausted => Text::Quota,
        ApiError::QuotaReserved => Text::Requests,
        ApiError::Timeout(_)
        | ApiError::Http5xx(_)
        | ApiError::UnknownReport(_)
        | ApiError::Refused { .. }
        | ApiError::Forbidden
        | ApiError::ForeignNotFound
        | ApiError::ContentEncoding(_)
        | ApiError::RowsRejected { .. }
        | ApiError::Redirected(_)
        | ApiError::Maintenance(_)
        | ApiError::Throttled(_)
        | ApiError::NotJson(_)
        | ApiError::Schema(_)
        | ApiError::Busy(_)
        | ApiError::TooFewRows { .. }
        | ApiError::Contradicts { .. }
        | ApiError::CutOff
        | ApiError::TooLarge(_) => Text::Report,
    }
}
