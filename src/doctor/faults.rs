//! What a fault means for the visit. What is said of it, and its remedy, are in `words`.

use std::io;

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::{
    config::{Target, TokenSource},
    wolkvox::Fault,
    words::FaultText,
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
        Fault::Connect(_) => report.line(Mark::Todo, check, FaultText::ConnectionBroke, &values)?,
        Fault::QuotaReserved => {
            report.line(Mark::Todo, check, Text::BudgetSpent, &values)?;
            return report.remedy(FaultText::LaterRemedy, &values);
        }
        // A visit writes nothing, so that this is the client's setting up.
        Fault::Internal(_) => {
            report.line(Mark::Todo, check, seen, &values)?;
            return report.remedy(Text::InternalRemedy, &values);
        }
        _ => report.line(Mark::Todo, check, seen, &values)?,
    }
    report.remedy(remedy, &values)
}

fn check(fault: &Fault) -> Text {
    match fault {
        Fault::Connect(_) | Fault::Internal(_) => Text::Connection,
        Fault::Tls(_) => Text::Tls,
        Fault::TokenMissing | Fault::TokenUnreadable(_) | Fault::TokenInvalid | Fault::Concurrency => {
            Text::Token
        }
        Fault::QuotaExhausted => Text::Quota,
        Fault::QuotaReserved => Text::Requests,
        Fault::Timeout(_)
        | Fault::Http5xx(_)
        | Fault::UnknownReport(_)
        | Fault::Refused { .. }
        | Fault::Redirected(_)
        | Fault::Maintenance(_)
        | Fault::Throttled(_)
        | Fault::NotJson(_)
        | Fault::Schema(_)
        | Fault::TooFewRows { .. }
        | Fault::CutOff
        | Fault::TooLarge(_) => Text::Report,
    }
}
