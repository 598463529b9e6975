//! What a fault means to the person in front of it, and what to do about it.

use std::io;

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::{
    config::{Target, TokenSource},
    wolkvox::Fault,
};

/// Whether nothing more can be found out after this fault of the question for the quota, which a server may not know.
pub(super) fn ends_the_visit(fault: &Fault) -> bool {
    !matches!(
        fault,
        Fault::Http5xx(_)
            | Fault::UnknownReport(_)
            | Fault::Refused { .. }
            | Fault::NotJson(_)
            | Fault::Schema(_)
            | Fault::TooFewRows { .. }
            | Fault::CutOff
            | Fault::TooLarge(_)
    )
}

/// Whether the rows that came before this fault are real ones all the same: the answer was only too large.
pub(super) fn is_of_size(fault: &Fault) -> bool {
    matches!(fault, Fault::TooFewRows { .. } | Fault::CutOff | Fault::TooLarge(_) | Fault::Timeout(_))
}

/// Says what went wrong and what to do.
pub(super) fn say(fault: &Fault, target: &Target, report: &mut Report<'_>) -> io::Result<()> {
    let (check, text, remedy) = texts(fault);
    let token = match &target.token {
        TokenSource::File(path) => path.display().to_string(),
        TokenSource::Fixed(_) => "WOLKVOX_TOKEN".to_owned(),
    };
    let values = [("detail", detail(fault)), ("token", token)];
    report.line(Mark::Todo, check, text, &values)?;
    report.remedy(remedy, &values)
}

fn texts(fault: &Fault) -> (Text, Text, Text) {
    match fault {
        Fault::Connect(_) => (Text::Connection, Text::ConnectionBroke, Text::AllowListRemedy),
        Fault::Tls(_) => (Text::Tls, Text::TlsFailed, Text::TlsRemedy),
        Fault::Timeout(_) => (Text::Report, Text::TimedOut, Text::LaterRemedy),
        Fault::Http5xx(_) => (Text::Report, Text::ServerError, Text::LaterRemedy),
        Fault::UnknownReport(_) => (Text::Report, Text::UnknownReport, Text::UnknownReportRemedy),
        Fault::Refused { .. } => (Text::Report, Text::Refused, Text::UnknownReportRemedy),
        Fault::Redirected(_) => (Text::Report, Text::Redirected, Text::NotWolkvoxRemedy),
        Fault::TokenMissing => (Text::Token, Text::TokenMissing, Text::TokenMissingRemedy),
        Fault::TokenUnreadable(_) => (Text::Token, Text::TokenUnreadable, Text::TokenRemedy),
        Fault::TokenInvalid => (Text::Token, Text::TokenInvalid, Text::TokenRemedy),
        Fault::QuotaExhausted => (Text::Quota, Text::QuotaExhausted, Text::QuotaSpentRemedy),
        Fault::QuotaReserved => (Text::Requests, Text::BudgetSpent, Text::LaterRemedy),
        Fault::Concurrency => (Text::Token, Text::TokenShared, Text::TokenSharedRemedy),
        Fault::Maintenance(_) => (Text::Report, Text::Maintenance, Text::LaterRemedy),
        Fault::Throttled(_) => (Text::Report, Text::Throttled, Text::LaterRemedy),
        Fault::NotJson(_) => (Text::Report, Text::NotJson, Text::NotWolkvoxRemedy),
        Fault::Schema(_) => (Text::Report, Text::Schema, Text::NotWolkvoxRemedy),
        Fault::TooFewRows { .. } | Fault::CutOff | Fault::TooLarge(_) => {
            (Text::Report, Text::BrokenOff, Text::LaterRemedy)
        }
        Fault::Internal(_) => (Text::Connection, Text::Internal, Text::InternalRemedy),
    }
}

/// The one thing that a fault knows beyond its kind. Never a body, a row or the token: see [`Fault`].
fn detail(fault: &Fault) -> String {
    match fault {
        Fault::Connect(reason)
        | Fault::Tls(reason)
        | Fault::TokenUnreadable(reason)
        | Fault::Internal(reason) => reason.clone(),
        Fault::UnknownReport(words) | Fault::Maintenance(words) => format!("{words:?}"),
        Fault::Refused { status, message } => format!("HTTP {status}: {message:?}"),
        Fault::Http5xx(status) | Fault::Redirected(status) => status.to_string(),
        Fault::Timeout(after) => after.as_secs().to_string(),
        fault => fault.to_string(),
    }
}
