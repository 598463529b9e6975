//! `GET /api/v2/information.php`: the operation's quota and names.
//!
//! Faults do not apply here: it answers as long as the token is good. Its requests are not counted
//! among those for reports, but each is charged to the daily quota.

use hyper::{HeaderMap, Request, Response, StatusCode};

use super::{
    SimulatedServer,
    body::AnswerBody,
    form::value,
    lock, names,
    refusal::Refusal,
    report::{authorize, charge},
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
    let within_quota = charge(simulator, headers, simulator.now());
    authorize(simulator, headers, within_quota)?;
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
