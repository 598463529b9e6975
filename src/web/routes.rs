//! Answers each request. Every request gets an answer without waiting: a reload has ended before.
//!
//! A request's body is never read. The answer to a request with a body says `Connection: close`,
//! because the rest of the connection would have to be read to be skipped.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Body as HttpBody,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

use super::{Readiness, Site, access::AccessDenied, language, page, runbooks};
use crate::{
    exposition::{Body, Encoding},
    i18n::Language,
    status,
    web::{
        negotiate::{accepts_gzip, negotiate},
        reload,
    },
};

/// A body of existing pieces, which are not copied.
pub(super) type ResponseBody = Full<Body>;

const RELOAD: &str = "/-/reload";
/// Path prefix of the runbooks.
const RUNBOOKS: &str = "/runbooks/";

const PLAIN: &str = "text/plain; charset=utf-8";

/// Returns true for paths that need no password. Probes of orchestrators and load balancers have
/// none, and these two paths only tell that the exporter is there.
pub(super) fn is_public(path: &str) -> bool {
    matches!(path, "/-/healthy" | "/-/ready")
}

/// Returns true if a reload must run before the request is answered.
pub(super) fn asks_to_reload<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST && request.uri().path() == RELOAD
}

/// Returns the encoding that must be published before the request is answered, if it asks for
/// metrics and they are ready.
pub(super) fn asks_for_metrics<B>(site: &Site, request: &Request<B>) -> Option<Encoding> {
    let is_ready = matches!(**site.readiness.load(), Readiness::Ready);
    let asks = is_ready && request.uri().path() == site.telemetry_path;
    (asks && matches!(*request.method(), Method::GET | Method::HEAD))
        .then(|| encoding(request.headers()).0)
}

/// Answers `request`: with the reason if it is `refused`, with the result if it was a reload.
pub(super) fn answer<B: HttpBody>(
    site: &Site,
    request: &Request<B>,
    refused: Option<AccessDenied>,
    reloaded: Option<reload::ReloadResult>,
    headers: &[(HeaderName, HeaderValue)],
) -> Response<ResponseBody> {
    let mut response = match (refused, reloaded) {
        (Some(AccessDenied::Unauthorized), _) => unauthorized(),
        (Some(AccessDenied::Busy), _) => busy(),
        (None, Some(outcome)) => after_reload(outcome),
        (None, None) => route(site, request),
    };
    if !request.body().is_end_stream() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in headers {
        response.headers_mut().insert(name, value.clone());
    }
    if request.method() == Method::HEAD {
        *response.body_mut() = Full::new(Body::default()); // `Content-Length` stays that of the GET
    }
    response
}

/// The parts of a request on which an answer depends.
struct Asked<'a> {
    path: &'a str,
    headers: &'a HeaderMap,
    query: Option<&'a str>,
}

fn route<B>(site: &Site, request: &Request<B>) -> Response<ResponseBody> {
    let path = request.uri().path();
    let handler: fn(&Site, &Asked<'_>) -> Response<ResponseBody> = match path {
        _ if path == site.telemetry_path => metrics,
        "/" => status_page,
        "/status.json" => status_json,
        "/-/healthy" => healthy,
        "/-/ready" => ready,
        _ if path.starts_with(RUNBOOKS) => runbook,
        RELOAD => return no_reload(site),
        _ => return not_found(site),
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        handler(site, &Asked { path, headers: request.headers(), query: request.uri().query() })
    } else {
        let answer =
            text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "This path answers GET and HEAD only.\n");
        with(answer, header::ALLOW, "GET, HEAD")
    }
}

/// Refuses scrapes until the state is restored. An answer without the counters would make the
/// series vanish and come back, whereas a refused scrape only shows that the exporter is not up
/// yet.
fn metrics(site: &Site, asked: &Asked<'_>) -> Response<ResponseBody> {
    if let Readiness::NotReady(reason) = &**site.readiness.load() {
        return not_ready(reason);
    }
    let (encoding, content_type) = encoding(asked.headers);
    let Some(body) = site.publication.load().render(&(site.live)(), encoding) else {
        return not_ready("the metrics have not been encoded in time; ask again");
    };
    let answer =
        with(response(StatusCode::OK, content_type, body), header::VARY, "Accept, Accept-Encoding");
    if encoding.gzip { with(answer, header::CONTENT_ENCODING, "gzip") } else { answer }
}

/// Returns the encoding that a client asks for, and its `Content-Type`.
fn encoding(headers: &HeaderMap) -> (Encoding, &'static str) {
    let offer = negotiate(values(headers, header::ACCEPT));
    let gzip = accepts_gzip(values(headers, header::ACCEPT_ENCODING));
    (Encoding { format: offer.format, gzip }, offer.content_type)
}

fn status_page(site: &Site, asked: &Asked<'_>) -> Response<ResponseBody> {
    let language = asked.language();
    let readiness = site.readiness.load();
    let html = page::page(&page::PageView {
        version: &site.version,
        telemetry_path: &site.telemetry_path,
        not_ready: readiness.reason(),
        notices: &site.notices.load(),
        targets: &(site.targets)(),
        now: (site.clock)(),
        language,
    });
    let answer = text(StatusCode::OK, "text/html; charset=utf-8", html);
    with(in_language(answer, language), header::CONTENT_SECURITY_POLICY, &page::POLICY)
}

fn status_json(site: &Site, asked: &Asked<'_>) -> Response<ResponseBody> {
    let language = asked.language();
    let readiness = site.readiness.load();
    let targets = (site.targets)();
    let notices = site.notices.load();
    let body = status::json(
        &site.version,
        readiness.reason(),
        &notices,
        &targets,
        (site.clock)(),
        language,
    );
    in_language(text(StatusCode::OK, "application/json", body), language)
}

impl Asked<'_> {
    /// Returns the language that the query names, or else the one that the browser prefers.
    fn language(&self) -> Language {
        language::of_query(self.query)
            .unwrap_or_else(|| language::of_accept(values(self.headers, header::ACCEPT_LANGUAGE)))
    }
}

/// Answers with a runbook, under the same access rules as every other page.
fn runbook(site: &Site, asked: &Asked<'_>) -> Response<ResponseBody> {
    let language = asked.language();
    let name = asked.path.strip_prefix(RUNBOOKS).unwrap_or_default();
    let Some(html) = runbooks::page(name, language) else { return not_found(site) };
    let answer = text(StatusCode::OK, "text/html; charset=utf-8", html);
    with(in_language(answer, language), header::CONTENT_SECURITY_POLICY, &page::POLICY)
}

/// Forbids caches to keep the answer.
fn in_language(answer: Response<ResponseBody>, language: Language) -> Response<ResponseBody> {
    let answer = with(answer, header::VARY, "Accept-Language");
    let answer = with(answer, header::CACHE_CONTROL, "no-store");
    with(answer, header::CONTENT_LANGUAGE, language.code())
}

fn after_reload(outcome: reload::ReloadResult) -> Response<ResponseBody> {
    match outcome {
        Ok(()) => text(StatusCode::OK, PLAIN, "The configuration was read anew.\n"),
        Err(reason) => {
            let why = format!(
                "The configuration was not taken over, the one before it stays:\n{reason}\n"
            );
            text(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, why)
        }
    }
}

/// Answers a request for a reload that has the wrong method or is switched off.
fn no_reload(site: &Site) -> Response<ResponseBody> {
    if site.reloader.is_none() {
        let why =
            "This is off: start the exporter with --web.enable-lifecycle, or send it a SIGHUP.\n";
        return text(StatusCode::FORBIDDEN, PLAIN, why);
    }
    let answer = text(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "This path answers POST only.\n");
    with(answer, header::ALLOW, "POST")
}

/// Answers that the exporter is alive: the event loop runs.
fn healthy(_: &Site, _: &Asked<'_>) -> Response<ResponseBody> {
    text(StatusCode::OK, PLAIN, "The exporter is healthy.\n")
}

fn ready(site: &Site, _: &Asked<'_>) -> Response<ResponseBody> {
    match &**site.readiness.load() {
        Readiness::Ready => text(StatusCode::OK, PLAIN, "The exporter is ready.\n"),
        Readiness::NotReady(reason) => not_ready(reason),
    }
}

fn not_ready(reason: &str) -> Response<ResponseBody> {
    text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("The exporter is not ready: {reason}\n"))
}

fn unauthorized() -> Response<ResponseBody> {
    let answer = text(StatusCode::UNAUTHORIZED, PLAIN, "A user and a password are needed here.\n");
    with(answer, header::WWW_AUTHENTICATE, "Basic realm=\"wolkvox-exporter\", charset=\"UTF-8\"")
}

fn busy() -> Response<ResponseBody> {
    let answer = text(
        StatusCode::TOO_MANY_REQUESTS,
        PLAIN,
        "Too many passwords are being checked: try again.\n",
    );
    with(answer, header::RETRY_AFTER, "1")
}

/// Answers an unknown path, without repeating it, so that nothing needs escaping.
fn not_found(site: &Site) -> Response<ResponseBody> {
    let path = &site.telemetry_path;
    let hint = format!(
        "There is nothing here. Try {path}, /, /status.json, /runbooks/, /-/healthy or /-/ready.\n"
    );
    text(StatusCode::NOT_FOUND, PLAIN, hint)
}

fn text(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<ResponseBody> {
    response(status, content_type, text.into().into())
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<ResponseBody> {
    let length = body.len();
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    with(response, header::CONTENT_TYPE, content_type)
}

fn with(
    mut response: Response<ResponseBody>,
    name: HeaderName,
    value: &'static str,
) -> Response<ResponseBody> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// Returns the values of all headers of one name that are text.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}
