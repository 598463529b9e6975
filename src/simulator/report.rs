//! The report itself: the checks of the real API in their order, and the answer, good or as a fault has it.
//!
//! Owns `GET /api/v2/reports_manager.php`. It must never write JSON rows itself, nor wait for a socket.

use super::answer::{Answer, DatedRows, Shape};
use super::body::{AnswerBody, Ending, Gzipped};
use super::faults::Fault;
use super::form::value;
use super::refusal::Refusal;
use super::response::{Answered, json, page, with_type};
use super::window::Window;
use super::{Simulator, lock};
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Where the report lives.
pub(super) const PATH: &str = "/api/v2/reports_manager.php";

/// The header that carries the token.
pub(super) const TOKEN: &str = "wolkvox-token";

/// Answers a request of the report; none resets the connection.
pub(super) async fn answer<B>(simulator: Arc<Simulator>, request: &Request<B>) -> Answered {
    if request.method() != Method::GET {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return Some(response);
    }
    let now = simulator.now();
    let within_quota = charge(&simulator, request.headers(), now);
    let fault = lock(&simulator.faults).strike();
    if let Some(fault) = &fault {
        lock(&simulator.requests).count(&format!("fault_{}", fault.name()));
        if *fault == Fault::Reset {
            return None;
        }
        if let Some(response) = instead(fault) {
            return Some(response);
        }
    }
    let outcome = match check(&simulator, request, within_quota) {
        Ok((window, permit)) => report(&simulator, request, window, permit, fault.as_ref(), now).await,
        Err(refusal) => Err(refusal),
    };
    if fault.is_none() {
        let kind = outcome.as_ref().map_or_else(|refusal| refusal.name(), |_| "ok");
        lock(&simulator.requests).count(kind);
    }
    Some(outcome.unwrap_or_else(|refusal| match (refusal, fault) {
        (Refusal::ValidateDates, Some(Fault::EmptyNotJson)) => page(refusal.status()),
        _ => json(refusal.status(), refusal.json()),
    }))
}

/// Charges the request to its token, if it carries the right one; says whether the quota still held.
pub(super) fn charge(simulator: &Simulator, headers: &HeaderMap, now: Timestamp) -> bool {
    let today = simulator.options.zone.to_datetime(now).date();
    !carries_token(simulator, headers)
        || lock(&simulator.requests).charge(today, simulator.options.daily_limit)
}

pub(super) fn carries_token(simulator: &Simulator, headers: &HeaderMap) -> bool {
    headers.get(TOKEN).is_some_and(|token| token.as_bytes() == simulator.options.token.as_bytes())
}

/// What a fault puts in the place of an answer, if it does.
fn instead(fault: &Fault) -> Option<Response<AnswerBody>> {
    let refusal = |refusal: Refusal| json(refusal.status(), refusal.json());
    Some(match fault {
        Fault::Http500 => page(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Http503 => page(StatusCode::SERVICE_UNAVAILABLE),
        Fault::Http504 => page(StatusCode::GATEWAY_TIMEOUT),
        Fault::ForeignNotFound => page(StatusCode::NOT_FOUND),
        Fault::NoReport => json(StatusCode::OK, "{}"),
        Fault::EmptyBody => json(StatusCode::OK, ""),
        Fault::PhpFatal => with_type(StatusCode::OK, "text/html", AnswerBody::whole(PHP_FATAL)),
        Fault::NotJson => page(StatusCode::OK),
        Fault::Maintenance => refusal(Refusal::Maintenance),
        Fault::Concurrency => refusal(Refusal::Concurrency),
        Fault::QuotaExhausted => refusal(Refusal::QuotaExhausted),
        Fault::TokenMissing => refusal(Refusal::TokenMissing),
        Fault::TokenInvalid => refusal(Refusal::TokenInvalid),
        Fault::BadRequest => refusal(Refusal::ParametersRequired),
        Fault::UnknownApi => refusal(Refusal::UnknownApi),
        Fault::ErrorInOk => json(StatusCode::OK, Refusal::Maintenance.json()),
        Fault::Throttled { retry_after } => {
            let mut response = page(StatusCode::TOO_MANY_REQUESTS);
            if let Some(seconds) = *retry_after {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
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

/// The checks of the real API. Their order there is not known; this one is what its errors suggest.
fn check<B>(
    simulator: &Simulator,
    request: &Request<B>,
    within_quota: bool,
) -> Result<(Window, OwnedSemaphorePermit), Refusal> {
    let headers = request.headers();
    if headers.get(TOKEN).is_none_or(HeaderValue::is_empty) {
        return Err(Refusal::TokenMissing);
    }
    if !carries_token(simulator, headers) {
        return Err(Refusal::TokenInvalid);
    }
    if !within_quota {
        return Err(Refusal::QuotaExhausted);
    }
    let permit = Arc::clone(&simulator.in_flight).try_acquire_owned().map_err(|_| Refusal::Concurrency)?;
    let parameter = |name| value(request.uri().query(), name).filter(|value| !value.is_empty());
    let api = parameter("api").ok_or(Refusal::ParametersRequired)?;
    if api != "diagram_13" {
        return Err(Refusal::UnknownApi);
    }
    let (Some(ini), Some(end)) = (parameter("date_ini"), parameter("date_end")) else {
        return Err(Refusal::ParametersRequired);
    };
    let mut window = Window::parse(&ini, &end).ok_or(Refusal::ValidateDates)?;
    if simulator.options.whole_days {
        window = window.whole_days();
    } else if simulator.options.exclusive_end {
        window = window.without_last_second().ok_or(Refusal::ValidateDates)?;
    }
    Ok((window, permit))
}

const PHP_FATAL: &str = "<br />\n<b>Fatal error</b>:  Allowed memory size of 134217728 bytes exhausted (tried to allocate \
    20480 bytes) in <b>/var/www/html/api/v2/reports_manager.php</b> on line <b>1184</b><br />\n";

/// The answer to a request that passed the checks.
async fn report<B>(
    simulator: &Simulator,
    request: &Request<B>,
    window: Window,
    permit: OwnedSemaphorePermit,
    fault: Option<&Fault>,
    now: Timestamp,
) -> Result<Response<AnswerBody>, Refusal> {
    if let Some(Fault::Slow { seconds }) = fault {
        tokio::time::sleep(Duration::from_secs(*seconds)).await;
    }
    let options = &simulator.options;
    let traffic = simulator.traffic();
    // `msg` comes before the rows and counts them, so they are made twice: once to count, once to send. A long
    // window takes a while, which must not hold up other connections. If the runtime is shutting down, nobody
    // waits for this answer.
    let counted = Arc::clone(&traffic);
    let count = tokio::task::spawn_blocking(move || window.rows(&counted, now).count() as u64);
    let count = count.await.unwrap_or(0);
    let costume = options.over_limit.costume();
    let (fault, (sent, promised)) = match options.limit(count) {
        Some(_) if window.holds(options.poisoned, &traffic.zone) => {
            (Some(costume.as_ref().unwrap_or(&Fault::Http500)), (count, count))
        }
        Some(limited) => (fault, limited),
        None => (Some(costume.as_ref().ok_or(Refusal::OverLimit)?), (count, count)),
    };
    if let Some(response) = fault.and_then(instead) {
        return Ok(response);
    }
    if count == 0 && !fault.is_some_and(shapes_body) {
        return Err(Refusal::ValidateDates);
    }

    let rows: DatedRows = Box::new(window.rows(&traffic, now));
    let shape = Shape::of(fault, sent, promised);
    lock(&simulator.requests).carry(shape.entries());
    let pieces = Answer::new(shape, rows, options.row_bytes);
    let gzip = accepts_gzip(request.headers());
    let body = deliver(fault, Box::new(pieces), gzip).limited(permit, options.time_limit);
    let mut response = with_type(StatusCode::OK, "application/json", body);
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether a fault needs a body to show itself, even where no row exists.
fn shapes_body(fault: &Fault) -> bool {
    !matches!(fault, Fault::EmptyNotJson | Fault::Slow { .. })
}

fn deliver(
    fault: Option<&Fault>,
    pieces: Box<dyn Iterator<Item = bytes::Bytes> + Send>,
    gzip: bool,
) -> AnswerBody {
    let pieces = if gzip { Box::new(Gzipped::new(pieces, fault != Some(&Fault::HalfGzip))) } else { pieces };
    match fault {
        Some(Fault::Hang) => AnswerBody::streamed(Box::new(std::iter::empty()), Ending::Hang),
        Some(Fault::Drip) => AnswerBody::streamed(pieces, Ending::Finish).drip(Duration::from_secs(1)),
        Some(Fault::CutJson) => AnswerBody::streamed(pieces, Ending::Break),
        _ => AnswerBody::streamed(pieces, Ending::Finish),
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32));
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
            accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(accepts("gzip"));
        assert!(accepts("br, GZIP;q=0.5"));
        assert!(!accepts("gzip;q=0"));
        assert!(!accepts("deflate"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
