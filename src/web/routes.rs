//! From a request to its answer. Synchronous and total: every request gets one, none can fail or wait.
//!
//! A request's body is never read. An answer to a request that brings one says `Connection: close`, since what
//! follows on that connection would have to be read to be skipped.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

use super::{Readiness, Site, page};
use crate::exposition::{accepts_gzip, negotiate};

const PLAIN: &str = "text/plain; charset=utf-8";

/// Nothing may be loaded, run, framed or sent from the landing page; its own style and an empty icon are all it has.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

/// Answers `request`, whatever it is.
pub(super) fn answer<B: Body>(site: &Site, request: &Request<B>) -> Response<Chunks> {
    let mut response = route(site, request);
    if !request.body().is_end_stream() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if request.method() == Method::HEAD {
        *response.body_mut() = Chunks::default(); // `Content-Length` stays that of the GET
    }
    response
}

fn route<B>(site: &Site, request: &Request<B>) -> Response<Chunks> {
    let path = request.uri().path();
    let handler: fn(&Site, &HeaderMap) -> Response<Chunks> = match path {
        _ if path == site.telemetry_path => metrics,
        "/" => landing,
        "/-/healthy" => healthy,
        "/-/ready" => ready,
        _ => return not_found(site),
    };
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        handler(site, request.headers())
    } else {
        let text = "This path answers GET and HEAD only.\n";
        with(response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, vec![text.into()]), header::ALLOW, "GET, HEAD")
    }
}

fn metrics(site: &Site, headers: &HeaderMap) -> Response<Chunks> {
    let offer = negotiate(values(headers, header::ACCEPT));
    let gzip = accepts_gzip(values(headers, header::ACCEPT_ENCODING));
    let rendered = site.publication.load().render(&(site.live)(), offer.format, gzip);
    let answer = response(StatusCode::OK, offer.content_type, rendered.frames);
    let answer = with(answer, header::VARY, "Accept, Accept-Encoding");
    if gzip { with(answer, header::CONTENT_ENCODING, "gzip") } else { answer }
}

fn landing(site: &Site, _: &HeaderMap) -> Response<Chunks> {
    let page = page::landing(site).into();
    let answer = response(StatusCode::OK, "text/html; charset=utf-8", vec![page]);
    with(answer, header::CONTENT_SECURITY_POLICY, PAGE_POLICY)
}

/// That this is answered at all is the point: the event loop turns.
fn healthy(_: &Site, _: &HeaderMap) -> Response<Chunks> {
    response(StatusCode::OK, PLAIN, vec!["The exporter is healthy.\n".into()])
}

fn ready(site: &Site, _: &HeaderMap) -> Response<Chunks> {
    match &**site.readiness.load() {
        Readiness::Ready => response(StatusCode::OK, PLAIN, vec!["The exporter is ready.\n".into()]),
        Readiness::NotReady(reason) => {
            let text = format!("The exporter is not ready: {reason}\n");
            response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, vec![text.into()])
        }
    }
}

/// The path is not repeated: whoever asked knows it, and what is not echoed need not be escaped.
fn not_found(site: &Site) -> Response<Chunks> {
    let text = format!("There is nothing here. Try {}, /, /-/healthy or /-/ready.\n", site.telemetry_path);
    response(StatusCode::NOT_FOUND, PLAIN, vec![text.into()])
}

fn response(status: StatusCode, content_type: &'static str, frames: Vec<Bytes>) -> Response<Chunks> {
    let body = Chunks::new(frames);
    let length = body.left;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    with(response, header::CONTENT_TYPE, content_type)
}

fn with(mut response: Response<Chunks>, name: HeaderName, value: &'static str) -> Response<Chunks> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// The values of all headers of one name. One that is not text names nothing on offer.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// A body of ready-made pieces, sent one after the other without being copied together.
#[derive(Default)]
pub(super) struct Chunks {
    frames: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl Chunks {
    fn new(frames: Vec<Bytes>) -> Self {
        let left = frames.iter().map(|frame| frame.len() as u64).sum();
        Self { frames: frames.into_iter(), left }
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.frames.find(|frame| !frame.is_empty());
        self.left -= next.as_ref().map_or(0, |frame| frame.len() as u64);
        Poll::Ready(next.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
