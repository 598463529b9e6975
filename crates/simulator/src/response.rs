//! Makes responses for all parts of the simulated server.
//!
//! Owns their heads. It must never depend on the request.

use super::body::AnswerBody;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// The answer to one request. `None` resets the connection.
pub(super) type Answered = Option<Response<AnswerBody>>;

/// Makes a JSON response.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<AnswerBody> {
    with_type(status, "application/json", AnswerBody::whole(body))
}

/// Makes the page that a web server shows for a status, instead of JSON.
pub fn page(status: StatusCode) -> Response<AnswerBody> {
    let html = format!(
        "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    );
    with_type(status, "text/html", AnswerBody::whole(html))
}

/// Makes a response with any body.
pub fn with_type(status: StatusCode, kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
