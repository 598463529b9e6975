//! The switches under `/simulator`, for tests and demonstrations in another process.
//!
//! | request | does |
//! | --- | --- |
//! | `GET /simulator/truth?from=&until=&visible=` | returns the [`Truth`](super::Truth) |
//! | `GET /simulator/requests` | returns the [`Requests`](super::Requests) so far |
//! | `POST /simulator/faults` `{"fault":"maintenance","times":3}` | switches a [`FaultRule`] on |
//! | `DELETE /simulator/faults` | switches all faults off |
//! | `POST /simulator/traffic` `{"until":"2026-01-18T20:00:00Z"}` | ends the traffic (`{}`: now) |
//!
//! The truth is that of the rows dated in `from..until` (RFC 3339). By default it ends now and
//! begins a day ago, or at the beginning of the traffic. `visible=true` leaves out rows that the
//! server does not show yet.
//!
//! Switches need no token, because all rows are invented. Each only calls a method of
//! [`Simulator`], so that a test in the same process has the same switches.

use super::Simulator;
use super::faults::FaultRule;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use simulator::tamper::{AnswerBody, json, page, value};

/// First part of every switch's path.
pub(super) const PREFIX: &str = "/simulator/";

/// Longest body that is read.
const BODY_LIMIT: usize = 64 << 10;

/// Longest time range of a truth, because counting after a mistyped year would take hours.
const LONGEST_TRUTH: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Answers a request for a switch.
pub(super) async fn answer(
    simulator: Simulator,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let switch = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
    let worked = match (request.method(), switch) {
        (&Method::GET, "truth") => truth(simulator, request.uri().query()).await,
        (&Method::GET, "requests") => shown(&simulator.requests()),
        (&Method::POST, "faults") => match read::<FaultRule>(request).await {
            Ok(rule) => done(simulator.add_fault(rule)),
            Err(error) => Err(error),
        },
        (&Method::DELETE, "faults") => {
            simulator.clear_faults();
            Ok(json(StatusCode::OK, "{}"))
        }
        (&Method::POST, "traffic") => match read::<TrafficEnd>(request).await {
            Ok(end) => done(simulator.end_traffic(end.until.unwrap_or_else(|| simulator.now()))),
            Err(error) => Err(error),
        },
        (_, "truth" | "requests" | "faults" | "traffic") => {
            Ok(page(StatusCode::METHOD_NOT_ALLOWED))
        }
        _ => Ok(page(StatusCode::NOT_FOUND)),
    };
    worked.unwrap_or_else(|error| {
        let body = serde_json::json!({ "error": error }).to_string();
        json(StatusCode::BAD_REQUEST, body)
    })
}

/// Body of a request to end the traffic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficEnd {
    until: Option<Timestamp>,
}

/// A response, or a message about the mistake in the request.
type Worked = Result<Response<AnswerBody>, String>;

async fn truth(simulator: Simulator, query: Option<&str>) -> Worked {
    let now = simulator.now();
    let day_ago = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now);
    let from = moment(query, "from", simulator.options().from.unwrap_or(day_ago))?;
    let until = moment(query, "until", now)?;
    if until.duration_since(from) > LONGEST_TRUTH {
        return Err("`from` and `until` are more than 366 days apart".to_owned());
    }
    let visible_at = match value(query, "visible").as_deref() {
        Some("true") => Some(now),
        None | Some("false") => None,
        Some(_) => return Err("`visible` is neither true nor false".to_owned()),
    };
    // Counting a long span takes a while, which must not hold up other connections.
    let truth = tokio::task::spawn_blocking(move || simulator.truth(from, until, visible_at));
    shown(&truth.await.map_err(|error| error.to_string())?)
}

fn moment(query: Option<&str>, name: &str, default: Timestamp) -> Result<Timestamp, String> {
    match value(query, name) {
        Some(text) => {
            text.parse().map_err(|error| format!("`{name}` is no RFC 3339 timestamp: {error}"))
        }
        None => Ok(default),
    }
}

fn shown(value: &impl Serialize) -> Worked {
    serde_json::to_vec(value)
        .map(|body| json(StatusCode::OK, body))
        .map_err(|error| error.to_string())
}

fn done<E: std::error::Error>(result: Result<(), E>) -> Worked {
    result.map(|()| json(StatusCode::OK, "{}")).map_err(|error| error.to_string())
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, String> {
    let body =
        Limited::new(request.into_body(), BODY_LIMIT).collect().await.map_err(|e| e.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
}
