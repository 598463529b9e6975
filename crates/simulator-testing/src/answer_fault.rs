//! The effect of each fault on an answer.

use std::time::Duration;

use hyper::{
    Response, StatusCode,
    header::{HeaderValue, LOCATION, RETRY_AFTER},
};
use simulator::tamper::{
    AnswerBody, AnswerFault, AnswerForm, Data, End, Ending, Instead, PHP_WARNING, Pieces, Refusal,
    TOTAL_ROW, WithoutRows, json, page, with_type,
};

use super::faults::Fault;

const PHP_FATAL: &str = "<br />\n<b>Fatal error</b>:  Allowed memory size of 134217728 bytes exhausted (tried to allocate \
    20480 bytes) in <b>/var/www/html/api/v2/reports_manager.php</b> on line <b>1184</b><br />\n";

const BAD_DATE_ROW: &str = r#"{"rp_id":"10","conn_id":"6736.10.1040.1768782812.1","customer_id":"9900000000",
"channel":"voice","attempt":"1","telephone":"573005550000","date":"0000-00-00 00:00:00",
"second_event":"7","cod_opc_menu":"1"}"#;

impl AnswerFault for Fault {
    fn name(&self) -> String {
        Self::name(self)
    }

    fn instead(&self) -> Instead {
        match self {
            Self::Reset => Instead::Reset,
            Self::Silence { seconds } => Instead::Silence(Duration::from_secs(*seconds)),
            fault => response(fault)
                .map_or(Instead::Nothing, |response| Instead::Response(Box::new(response))),
        }
    }

    fn form(&self, good: AnswerForm) -> AnswerForm {
        let AnswerForm { rows, promised, .. } = good;
        match self {
            Self::PhpWarning => AnswerForm { before: PHP_WARNING, ..good },
            Self::ByteOrderMark => AnswerForm { before: b"\xef\xbb\xbf", ..good },
            Self::IntCode => AnswerForm { code: "200", ..good },
            Self::ZeroCode => AnswerForm { code: "0", ..good },
            Self::ZeroCodeText => AnswerForm { code: "\"0\"", ..good },
            Self::ErrorTextNull => AnswerForm { error: "\"null\"", ..good },
            Self::ErrorEmpty => AnswerForm { error: "\"\"", ..good },
            Self::DataNull => AnswerForm { data: Data::Null, rows: 0, ..good },
            Self::DataMissing => AnswerForm { data: Data::Missing, rows: 0, ..good },
            Self::DataObject => AnswerForm { data: Data::Object, rows: rows.min(1), ..good },
            Self::WrongSchema => AnswerForm { data: Data::Bare, ..good },
            Self::TotalRow => AnswerForm { extra: Some(TOTAL_ROW), ..good },
            Self::RowNotObject => {
                AnswerForm { extra: Some("\"garbage\""), promised: promised + 1, ..good }
            }
            Self::RowBadDate => {
                AnswerForm { extra: Some(BAD_DATE_ROW), promised: promised + 1, ..good }
            }
            Self::RowsRejected => AnswerForm { date: Some("yesterday"), ..good },
            Self::Respelled => AnswerForm { conn_suffix: ".1", ..good },
            Self::Truncated => AnswerForm { rows: rows / 2, promised: promised.max(1), ..good },
            Self::CutJson | Self::HalfGzip => AnswerForm { rows: rows / 2, end: End::Amid, ..good },
            Self::Endless => AnswerForm { extra: Some(TOTAL_ROW), end: End::Never, ..good },
            _ => good,
        }
    }

    fn without_rows(&self) -> WithoutRows {
        match self {
            Self::EmptyNotJson => WithoutRows::Page,
            Self::Slow { .. } | Self::Respelled => WithoutRows::Usual,
            _ => WithoutRows::Report,
        }
    }

    fn delay(&self) -> Duration {
        match self {
            Self::Slow { seconds } => Duration::from_secs(*seconds),
            _ => Duration::ZERO,
        }
    }

    fn ends_gzip(&self) -> bool {
        *self != Self::HalfGzip
    }

    fn send(&self, pieces: Pieces) -> AnswerBody {
        match self {
            Self::Hang => AnswerBody::streamed(Box::new(std::iter::empty()), Ending::Hang),
            Self::Drip => AnswerBody::streamed(pieces, Ending::Finish).drip(Duration::from_secs(1)),
            Self::CutJson => AnswerBody::streamed(pieces, Ending::Break),
            _ => AnswerBody::streamed(pieces, Ending::Finish),
        }
    }
}

fn refused(refusal: Refusal) -> Response<AnswerBody> {
    json(refusal.status(), refusal.json())
}

/// Returns the response that a fault puts in place of the report, if it does.
fn response(fault: &Fault) -> Option<Response<AnswerBody>> {
    Some(match fault {
        Fault::Http500 => page(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Http503 => page(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Http504 => page(StatusCode::GATEWAY_TIMEOUT),
        Fault::ForeignNotFound => page(StatusCode::NOT_FOUND),
        Fault::NoReport => json(StatusCode::OK, "{}"),
        Fault::EmptyBody => json(StatusCode::OK, ""),
        Fault::PhpFatal => with_type(StatusCode::OK, "text/html", AnswerBody::whole(PHP_FATAL)),
        Fault::NotJson => page(StatusCode::OK),
        Fault::Maintenance => refused(Refusal::Maintenance),
        Fault::Concurrency => refused(Refusal::Concurrency),
        Fault::QuotaExhausted => refused(Refusal::QuotaExhausted),
        Fault::TokenMissing => refused(Refusal::TokenMissing),
        Fault::TokenInvalid => refused(Refusal::TokenInvalid),
        Fault::BadRequest => refused(Refusal::ParametersRequired),
        Fault::UnknownApi => refused(Refusal::UnknownApi),
        Fault::ErrorInOk => json(StatusCode::OK, Refusal::Maintenance.json()),
        Fault::Throttled { retry_after } => {
            let mut response = page(StatusCode::TOO_MANY_REQUESTS);
            if let Some(seconds) = *retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            response
        }
        Fault::Busy { retry_after } => {
            let mut response = page(StatusCode::SERVICE_UNAVAILABLE);
            response.headers_mut().insert(RETRY_AFTER, (*retry_after).into());
            response
        }
        Fault::Redirect { to } => {
            let mut response = page(StatusCode::FOUND);
            // Checked when the fault was switched on.
            if let Ok(to) = HeaderValue::from_str(to) {
                response.headers_mut().insert(LOCATION, to);
            }
            response
        }
        _ => return None,
    })
}
