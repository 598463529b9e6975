//! Decides whether a failed request ends the check of a target.

use std::io;

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::{
    config::{TargetConfig, TokenSource},
    wolkvox::{ApiError, ErrorText},
};

/// Returns true if this failure of the quota request ends the check. A server may not know that
/// request.
pub(super) fn ends_the_check(error: &ApiError) -> bool {
    !matches!(
        error,
        ApiError::Http5xx(_)
            | ApiError::UnknownReport { .. }
            | ApiError::Refused { .. }
            | ApiError::ForeignNotFound
            | ApiError::NotJson(_)
            | ApiError::ContentEncoding(_)
            | ApiError::Schema(_)
            | ApiError::NotEmpty(_)
            | ApiError::TooFewRows { .. }
            | ApiError::CutOff
            | ApiError::TooLarge(_)
    )
}

/// Returns true if the rows before this failure are usable: the answer was only too large.
pub(super) fn is_of_size(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::TooFewRows { .. }
            | ApiError::CutOff
            | ApiError::TooLarge(_)
            | ApiError::Timeout(_)
    )
}

/// Prints the failure and its remedy.
pub(super) fn say(
    error: &ApiError,
    target: &TargetConfig,
    report: &mut Report<'_>,
) -> io::Result<()> {
    let check = check(error);
    let token = match &target.token {
        TokenSource::File(path) => path.display().to_string(),
        TokenSource::Fixed(_) => "WOLKVOX_TOKEN".to_owned(),
    };
    let mut values = error.values();
    values.push(("token", token));
    let (seen, remedy) = error.texts();
    match error {
        // An earlier step has shown that connections are possible.
        ApiError::Connect(_) => {
            report.line(Mark::Todo, check, ErrorText::ConnectionBroke, &values)?;
        }
        ApiError::QuotaReserved => {
            report.line(Mark::Todo, check, Text::BudgetSpent, &values)?;
            return report.remedy(ErrorText::LaterRemedy, &values);
        }
        // The check writes nothing, so setting up the client failed.
        ApiError::Internal(_) => {
            report.line(Mark::Todo, check, seen, &values)?;
            return report.remedy(Text::InternalRemedy, &values);
        }
        _ => report.line(Mark::Todo, check, seen, &values)?,
    }
    report.remedy(remedy, &values)
}

fn check(error: &ApiError) -> Text {
    match error {
        ApiError::Connect(_)
        | ApiError::NoProxy { .. }
        | ApiError::ConnectionRefused(_)
        | ApiError::ConnectTimeout(_)
        | ApiError::TooManyOpenFiles(_)
        | ApiError::BadHead(_)
        | ApiError::ClocksDisagree { .. }
        | ApiError::Internal(_) => Text::Connection,
        ApiError::NameNotFound(_) | ApiError::NoNameServer(_) => Text::Name,
        ApiError::Tls(_) => Text::Tls,
        ApiError::TokenMissing
        | ApiError::TokenUnreadable(_)
        | ApiError::TokenInvalid
        | ApiError::Concurrency => Text::Token,
        ApiError::QuotaExhausted => Text::Quota,
        ApiError::QuotaReserved => Text::Requests,
        ApiError::Timeout(_)
        | ApiError::Http5xx(_)
        | ApiError::UnknownReport { .. }
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
        | ApiError::NotEmpty(_)
        | ApiError::Busy(_)
        | ApiError::TooFewRows { .. }
        | ApiError::Contradicts { .. }
        | ApiError::OutsideRange { .. }
        | ApiError::CutOff
        | ApiError::TooLarge(_) => Text::Report,
    }
}
