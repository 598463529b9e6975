//! One request of the report, from socket to rows.
//!
//! Follows no redirect (it would carry the token away) and never asks twice (it would spend quota unseen):
//! when to ask again is the poller's to decide.

use std::{collections::BTreeMap, error::Error, time::Duration};

use jiff::{Timestamp, civil::DateTime};
use reqwest::{
    StatusCode, Url,
    header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};

use super::{
    envelope::Envelope,
    error::{ApiError, Classified, classify},
    names,
    splitter::{Element, SplitError, Splitter},
    token_info::TokenInfo,
};
use crate::model::NameKind;

/// The vendor's limits, as the client holds an answer to them.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// For the connection alone.
    pub connect: Duration,
    /// For the whole answer. The vendor's own limit is 60 s.
    pub answer: Duration,
    /// Bytes of one answer, decompressed.
    pub answer_bytes: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(65),
            answer_bytes: 256 * 1024 * 1024,
        }
    }
}

/// Which rows: both ends in the server's local time, and both taken as included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// `date_ini`.
    pub from: DateTime,
    /// `date_end`.
    pub to: DateTime,
}

/// A whole answer whose rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Elements of `data`.
    pub rows: u64,
    /// The server's clock, from its `Date` header.
    pub server_time: Option<Timestamp>,
}

/// Asks one server.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Url,
    limits: ClientLimits,
}

const SMALL_BODY_BYTES: u64 = 64 * 1024;

impl Client {
    /// `endpoint` is the server's origin. Fails only when the system's certificate store cannot be used.
    pub fn new(endpoint: &Url, limits: ClientLimits) -> Result<Self, ApiError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("wolkvox-exporter/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // The vendor closes idle connections after 5 s, so one kept would only be found dead.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .connect_timeout(limits.connect)
            .build()
            .map_err(|e| {
                ApiError::Internal(format!(
                    "cannot set up the HTTP client: {}; install the package ca-certificates, or name a file of \
                     authorities in SSL_CERT_FILE",
                    root(&e)
                ))
            })?;
        Ok(Self { http, endpoint: endpoint.clone(), limits })
    }

    /// Asks for the rows of a span and hands each element of `data` to `each` as it arrives. They may be
    /// committed only if this returns `Ok`; otherwise the answer was not whole.
    pub async fn read(
        &self,
        query: Query,
        token: &str,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let whole = self.read_unbounded(query, token, each);
        match tokio::time::timeout(self.limits.answer, whole).await {
            Ok(result) => result,
            Err(_) => Err(ApiError::Timeout(self.limits.answer)),
        }
    }

    async fn read_unbounded(
        &self,
        query: Query,
        token: &str,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let dates = format!(
            "api=diagram_13&date_ini={}&date_end={}",
            query.from.strftime("%Y%m%d%H%M%S"),
            query.to.strftime("%Y%m%d%H%M%S")
        );
        let request = self.request("reports_manager.php", &dates, token)?;
        let mut response = request.send().await.map_err(|e| network_fault(e, self.limits.connect))?;
        let status = response.status();
        let server_time = server_time(response.headers());
        if status != StatusCode::OK {
            let retry_after = retry_after(response.headers());
            let body = self.small_body(&mut response).await;
            return match classify(status.as_u16(), Envelope::parse(&body).ok().as_ref(), retry_after, token) {
                Classified::Empty => Ok(Answer { rows: 0, server_time }),
                Classified::Error(fault) => Err(fault),
                Classified::Rows => Err(ApiError::Schema(format!("HTTP {status} with rows"))),
            };
        }
        let mut rows = 0u64;
        let mut count = |element: Element<'_>| {
            rows += 1;
            each(element);
        };
        let envelope = self.elements(&mut response, self.limits.answer_bytes, &mut count).await?;
        match classify(status.as_u16(), Some(&envelope), None, token) {
            Classified::Empty => Ok(Answer { rows: 0, server_time }),
            Classified::Error(fault) => Err(fault),
            Classified::Rows => match envelope.promised_rows() {
                Some(promised) if promised > rows => {
                    Err(ApiError::TooFewRows { received: rows, promised, server_time })
                }
                _ => Ok(Answer { rows, server_time }),
            },
        }
    }

    /// Asks how many requests the operation has a day. Costs one of them.
    pub async fn token_info(&self, token: &str) -> Result<TokenInfo, ApiError> {
        let asked = async {
            let request = self.request("information.php", "api=token_info", token)?;
            let mut response = request.send().await.map_err(|e| network_fault(e, self.limits.connect))?;
            let status = response.status().as_u16();
            let body = self.small_body(&mut response).await;
            match classify(status, Envelope::parse(&body).ok().as_ref(), None, token) {
                Classified::Rows => TokenInfo::parse(&body),
                Classified::Empty => {
                    Err(ApiError::Schema("the server tells nothing of its quota".to_owned()))
                }
                Classified::Error(fault) => Err(fault),
            }
        };
        match tokio::time::timeout(self.limits.answer, asked).await {
            Ok(result) => result,
            Err(_) => Err(ApiError::Timeout(self.limits.answer)),
        }
    }

    /// Asks what the routing points, or the options, are called: names by code, both of at most `length` characters.
    /// Costs one request. No names at all are an answer too.
    pub async fn names(
        &self,
        kind: NameKind,
        length: usize,
        token: &str,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let asked = async {
            let request = self.request("information.php", kind.query(), token)?;
            let mut response = request.send().await.map_err(|e| network_fault(e, self.limits.connect))?;
            let status = response.status();
            let mut found = BTreeMap::new();
            let verdict = if status == StatusCode::OK {
                let mut each = |element: Element<'_>| {
                    if found.len() < names::MOST_NAMES {
                        found.extend(names::parse(kind, element, length));
                    }
                };
                let envelope = self.elements(&mut response, names::MOST_BYTES, &mut each).await?;
                classify(status.as_u16(), Some(&envelope), None, token)
            } else {
                let body = self.small_body(&mut response).await;
                classify(status.as_u16(), Envelope::parse(&body).ok().as_ref(), None, token)
            };
            match verdict {
                Classified::Rows => Ok(found),
                Classified::Empty => Ok(BTreeMap::new()),
                Classified::Error(fault) => Err(fault),
            }
        };
        match tokio::time::timeout(self.limits.answer, asked).await {
            Ok(result) => result,
            Err(_) => Err(ApiError::Timeout(self.limits.answer)),
        }
    }

    /// Hands on each element of `data` of a body, to its end.
    async fn elements(
        &self,
        response: &mut reqwest::Response,
        most_bytes: u64,
        mut each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Envelope, ApiError> {
        let mut splitter = Splitter::default();
        let mut bytes = 0u64;
        while let Some(chunk) = response.chunk().await.map_err(|e| network_fault(e, self.limits.connect))? {
            bytes += chunk.len() as u64;
            if bytes > most_bytes {
                return Err(ApiError::TooLarge(most_bytes));
            }
            splitter.push(&chunk, &mut each).map_err(split_fault)?;
        }
        splitter.finish().map_err(split_fault)
    }

    fn request(&self, page: &str, query: &str, token: &str) -> Result<reqwest::RequestBuilder, ApiError> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("/api/v2/{page}"));
        url.set_query(Some(query));
        let mut token = HeaderValue::from_str(token).map_err(|_| {
            ApiError::TokenUnreadable("the token has characters that an HTTP header cannot carry".to_owned())
        })?;
        token.set_sensitive(true);
        Ok(self.http.get(url).header("wolkvox-token", token))
    }

    /// What came of a body that should be short; that an error's breaks off does not make the error another.
    async fn small_body(&self, response: &mut reqwest::Response) -> Vec<u8> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > SMALL_BODY_BYTES {
                break;
            }
        }
        body
    }
}

fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Only the form in seconds: the other needs a clock, and a wait of the back-off's serves as well.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn split_fault(error: SplitError) -> ApiError {
    match error {
        SplitError::NotJson(_) => ApiError::NotJson(error.to_string()),
        SplitError::Schema(_) => ApiError::Schema(error.to_string()),
        SplitError::Incomplete => ApiError::CutOff,
    }
}

fn network_fault(error: reqwest::Error, connect: Duration) -> ApiError {
    // The URL holds nothing secret, but it is long and in every message.
    let error = error.without_url();
    if error.is_timeout() {
        return ApiError::Timeout(connect);
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return ApiError::Tls(root(&error));
        }
        cause = inner(current);
    }
    if error.is_decode() {
        // A gzip stream that is damaged or ends early.
        return ApiError::CutOff;
    }
    ApiError::Connect(root(&error))
}

/// The next cause. An I/O error's own `source` passes over the error that it carries, and the layers between here
/// and TLS carry one I/O error within another.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) => error.get_ref().map(|carried| carried as _),
        None => error.source(),
    }
}

/// The innermost cause: the outer ones only repeat that a request failed.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
