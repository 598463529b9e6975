//! Answers requests for reports: makes the real API's checks, and then a good or a faulty answer.
//!
//! Owns `GET /api/v2/reports_manager.php`. It must never write JSON rows itself, nor wait for a
//! socket.

use super::answer::{Answer, AnswerForm, DatedRows};
use super::body::AnswerBody;
use super::form::value;
use super::options::RowLimit;
use super::refusal::Refusal;
use super::response::{Answered, json, page, with_type};
use super::tamper::{AnswerFault, Instead, WithoutRows, sent};
use super::traffic::SimulatedReport;
use super::window::Window;
use super::{SimulatedServer, lock};
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// The path of the report.
pub(super) const PATH: &str = "/api/v2/reports_manager.php";

/// The header that carries the token.
pub(super) const TOKEN: &str = "wolkvox-token";

/// The rows that a request asks for.
#[derive(Clone, Copy)]
struct AskedRows {
    report: SimulatedReport,
    window: Window,
}

/// Answers a request for a report. `None` resets the connection.
pub(super) async fn answer<B>(simulator: Arc<SimulatedServer>, request: &Request<B>) -> Answered {
    if request.method() != Method::GET {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Some(response);
    }
    let now = simulator.now();
    let within_quota = charge(&simulator, request.headers(), now);
    let api = value(request.uri().query(), "api");
    let fault = simulator.tamper.as_ref().and_then(|tamper| tamper.next(api.as_deref()));
    if let Some(fault) = &fault {
        lock(&simulator.requests).count(&format!("fault_{}", fault.name()));
        match fault.instead() {
            Instead::Nothing => {}
            Instead::Reset => return None,
            Instead::Silence(time) => {
                tokio::time::sleep(time).await;
                return None;
            }
            Instead::Response(response) => return Some(*response),
        }
    }
    let fault = fault.as_deref();
    let outcome = match check(&simulator, request, within_quota) {
        Ok((asked, permit)) => report(&simulator, request, asked, permit, fault, now).await,
        Err(refusal) => Err(refusal),
    };
    if fault.is_none() {
        let kind = outcome.as_ref().map_or_else(|refusal| refusal.name(), |_| "ok");
        lock(&simulator.requests).count(kind);
    }
    Some(outcome.unwrap_or_else(|refusal| match (refusal, fault.map(AnswerFault::without_rows)) {
        (Refusal::ValidateDates, Some(WithoutRows::Page)) => page(refusal.status()),
        _ => json(refusal.status(), refusal.json()),
    }))
}

/// Charges the request to its token, if it carries the right one. Returns false if the quota is
/// spent.
pub(super) fn charge(simulator: &SimulatedServer, headers: &HeaderMap, now: Timestamp) -> bool {
    let today = simulator.options.zone.to_datetime(now).date();
    !carries_token(simulator, headers)
        || lock(&simulator.requests).charge(today, simulator.options.daily_limit)
}

fn carries_token(simulator: &SimulatedServer, headers: &HeaderMap) -> bool {
    headers.get(TOKEN).is_some_and(|token| token.as_bytes() == simulator.options.token.as_bytes())
}

/// Checks the token, and that the quota was not spent before the request.
pub(super) fn authorize(
    simulator: &SimulatedServer,
    headers: &HeaderMap,
    within_quota: bool,
) -> Result<(), Refusal> {
    if headers.get(TOKEN).is_none_or(HeaderValue::is_empty) {
        return Err(Refusal::TokenMissing);
    }
    if !carries_token(simulator, headers) {
        return Err(Refusal::TokenInvalid);
    }
    if !within_quota {
        return Err(Refusal::QuotaExhausted);
    }
    Ok(())
}

/// Makes the checks of the real API. Their order there is not known; its errors suggest this one.
fn check<B>(
    simulator: &SimulatedServer,
    request: &Request<B>,
    within_quota: bool,
) -> Result<(AskedRows, OwnedSemaphorePermit), Refusal> {
    authorize(simulator, request.headers(), within_quota)?;
    let permit =
        Arc::clone(&simulator.in_flight).try_acquire_owned().map_err(|_| Refusal::Concurrency)?;
    let api = parameter(request, "api")?;
    let report = SimulatedReport::named(&api)
        .filter(|report| !simulator.options.withheld.contains(report))
        .ok_or(Refusal::UnknownApi)?;
    let ini = parameter(request, "date_ini")?;
    let end = parameter(request, "date_end")?;
    let mut window = Window::parse(&ini, &end).ok_or(Refusal::ValidateDates)?;
    if simulator.options.whole_days {
        window = window.whole_days();
    } else if simulator.options.exclusive_end {
        window = window.without_last_second().ok_or(Refusal::ValidateDates)?;
    }
    Ok((AskedRows { report, window }, permit))
}

/// Returns a parameter of the query, which must not be empty.
fn parameter<B>(request: &Request<B>, name: &str) -> Result<String, Refusal> {
    value(request.uri().query(), name)
        .filter(|value| !value.is_empty())
        .ok_or(Refusal::ParametersRequired)
}

/// Answers a request that passed the checks.
async fn report<B>(
    simulator: &SimulatedServer,
    request: &Request<B>,
    asked: AskedRows,
    permit: OwnedSemaphorePermit,
    fault: Option<&dyn AnswerFault>,
    now: Timestamp,
) -> Result<Response<AnswerBody>, Refusal> {
    let delay = fault.map(AnswerFault::delay).unwrap_or_default();
    if delay > Duration::ZERO {
        tokio::time::sleep(delay).await;
    }
    let AskedRows { report, window } = asked;
    let options = &simulator.options;
    let traffic = simulator.traffic();
    // `msg` comes before the rows and counts them, so they are made twice: once to count, once to
    // send. A long window takes a while, which must not hold up other connections. The task fails
    // only while the runtime shuts down, when nobody waits for this answer.
    let counted = Arc::clone(&traffic);
    let count =
        tokio::task::spawn_blocking(move || window.rows(report, &counted, now).count() as u64);
    let count = count.await.unwrap_or(0);
    let over_limit = options.over_limit_fault.as_deref();
    let (fault, limit) = match options.limit(count) {
        Some(_) if window.holds(options.unanswerable, &traffic.zone) && over_limit.is_none() => {
            return Ok(page(StatusCode::INTERNAL_SERVER_ERROR));
        }
        Some(limit) if !window.holds(options.unanswerable, &traffic.zone) => (fault, limit),
        _ => {
            let over_limit = over_limit.ok_or(Refusal::OverLimit)?;
            (Some(over_limit), RowLimit { sent: count, promised: count })
        }
    };
    if let Some(Instead::Response(response)) = fault.map(AnswerFault::instead) {
        return Ok(*response);
    }
    let without_rows = fault.map_or(WithoutRows::Usual, AnswerFault::without_rows);
    if count == 0 && without_rows != WithoutRows::Report {
        return Err(Refusal::ValidateDates);
    }
    let good = AnswerForm::good(limit);
    let form = fault.map_or_else(|| good.clone(), |fault| fault.form(good.clone()));

    let rows: DatedRows = Box::new(window.rows(report, &traffic, now));
    lock(&simulator.requests).carry(form.entries());
    let pieces = Answer::new(form, rows, options.row_bytes);
    let gzip = accepts_gzip(request.headers());
    let body = sent(fault, Box::new(pieces), gzip).limited(permit, options.time_limit);
    let mut response = with_type(StatusCode::OK, "application/json", body);
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let refused =
                quality.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_only_where_it_is_accepted() {
        let accepts = |value: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(
                ACCEPT_ENCODING,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(accepts("gzip"));
        assert!(accepts("br, GZIP;q=0.5"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("deflate"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
