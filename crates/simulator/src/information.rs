//! `GET /api/v2/information.php`: what the operation tells of itself, its quota and its names.
//!
//! Faults are the report's: this answers as long as the token is good. It must never be counted
//! among the report's requests, though each costs one of the day's.

use hyper::{HeaderMap, Request, Response, StatusCode, header::HeaderValue};

use super::{
    SimulatedServer,
    body::AnswerBody,
    form::value,
    lock, names,
    refusal::Refusal,
    report::{TOKEN, carries_token, charge},
    response::json,
};

pub(super) const PATH: &str = "/api/v2/information.php";

pub(super) fn answer<B>(simulator: &SimulatedServer, request: &Request<B>) -> Response<AnswerBody> {
    let body = check(simulator, request.headers(), request.uri().query());
    match body {
        Ok(body) => json(StatusCode::OK, body),
        Err(refusal) => json(refusal.status(), refusal.json()),
    }
}

fn check(
    simulator: &SimulatedServer,
    headers: &HeaderMap,
    query: Option<&str>,
) -> Result<String, Refusal> {
    if headers.get(TOKEN).is_none_or(HeaderValue::is_empty) {
        return Err(Refusal::TokenMissing);
    }
    if !carries_token(simulator, headers) {
        return Err(Refusal::TokenInvalid);
    }
    if !charge(simulator, headers, simulator.now()) {
        return Err(Refusal::QuotaExhausted);
    }
    match value(query, "api").as_deref() {
        Some("token_info") => Ok(token_info(simulator)),
        Some("routing_points") => {
            Ok(names::routing_points(simulator.options.zone.to_datetime(simulator.now())))
        }
        Some("activity_codes") => Ok(names::activity_codes()),
        _ => Err(Refusal::UnknownApi),
    }
}

fn token_info(simulator: &SimulatedServer) -> String {
    let used = lock(&simulator.requests).snapshot().used_today;
    let limit = simulator.options.daily_limit.unwrap_or(1_000_000);
    serde_json::json!({
        "code": "200", "error": null, "msg": "1 records were found",
        "data": [{
            "token_limit": limit.to_string(),
            "token_use_today": used.to_string(),
            "all_token_today": used.to_string(),
            "available_consumption_options": limit.saturating_sub(used).to_string(),
        }],
    })
    .to_string()
}
