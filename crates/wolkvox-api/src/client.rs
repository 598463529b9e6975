//! One request of a report, from socket to rows.
//!
//! Follows no redirect (it would carry the token away) and never asks twice (it would spend quota
//! unseen): the poller decides when to ask again.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use jiff::{Timestamp, civil::DateTime};
use reqwest::{
    Url,
    header::{ACCEPT_ENCODING, DATE, HeaderMap, HeaderValue, RETRY_AFTER},
};

use super::{
    admission::Admission,
    body::BodyDecoder,
    classify::{AnswerParts, Classified, classify},
    egress::Egress,
    envelope::Envelope,
    error::ApiError,
    names,
    report_name::ReportName,
    resolver::{Resolver, SilentNameServer},
    splitter::{Element, SplitError, Splitter},
    token_info::TokenInfo,
};
use model::NameKind;

/// The vendor's limits, and ours, for one answer.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// Longest time for the connection alone.
    pub connect: Duration,
    /// Longest time for the whole answer. The vendor's own limit is 60 s.
    pub answer: Duration,
    /// Largest size of an answer, in bytes, decompressed.
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

/// The requested report and range. Both ends are in the server's local time, and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// `api`.
    pub report: ReportName,
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

/// Sends requests to one server.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    endpoint: Url,
    limits: ClientLimits,
}

/// Makes connections to any number of servers, with one choice of proxy, certificate authorities
/// and time-outs. A clone shares it.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    /// Name of the proxy in messages, if there is one.
    proxy: Option<Arc<str>>,
}

const SMALL_BODY_BYTES: u64 = 64 * 1024;

impl Transport {
    /// Reads the machine's certificate authorities, which may be hundreds of files. Call it on a
    /// blocking thread, and once for all targets with the same connection settings.
    ///
    /// # Errors
    /// Only if they, or the proxy, cannot be used.
    pub fn new(egress: &Egress, limits: ClientLimits) -> Result<Self, ApiError> {
        let http = through(egress)?
            .dns_resolver(Resolver::new(limits.connect))
            .user_agent(concat!("wolkvox-exporter/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            // The vendor closes idle connections after 5 s, before the next poll could use one.
            .pool_max_idle_per_host(0)
            .connect_timeout(limits.connect)
            .build()
            .map_err(|e| {
                // The authorities are files, so their error may be a lack of descriptors.
                if let Some(reason) = lacks_descriptors() {
                    return ApiError::TooManyOpenFiles(reason);
                }
                ApiError::Internal(format!(
                    "cannot set up the HTTP client: {}; install the package ca-certificates, or name a file of \
                     authorities in SSL_CERT_FILE",
                    root(&e)
                ))
            })?;
        Ok(Self { http, proxy: egress.proxy.as_ref().map(|proxy| proxy.to_string().into()) })
    }
}

/// An answer that was read to its end.
struct JudgedAnswer {
    envelope: Envelope,
    class: Classified,
    /// Elements of `data`.
    rows: u64,
}

/// Hands on the elements of the next piece of a body, which makes it `bytes` long.
fn split(
    splitter: &mut Splitter,
    text: &[u8],
    bytes: u64,
    most_bytes: u64,
    mut each: &mut (dyn FnMut(Element<'_>) + Send),
) -> Result<(), ApiError> {
    if bytes > most_bytes {
        return Err(ApiError::TooLarge(most_bytes));
    }
    splitter.push(text, &mut each).map_err(split_fault)
}

impl Client {
    /// Makes a client with its own transport. `endpoint` is the server's origin.
    ///
    /// # Errors
    /// As for [`Transport::new`].
    pub fn new(endpoint: &Url, egress: &Egress, limits: ClientLimits) -> Result<Self, ApiError> {
        Ok(Self::over(Transport::new(egress, limits)?, endpoint, limits))
    }

    /// Makes a client over a shared transport.
    pub fn over(transport: Transport, endpoint: &Url, limits: ClientLimits) -> Self {
        Self { transport, endpoint: endpoint.clone(), limits }
    }

    /// Requests the rows of a range, and hands each element of `data` to `each` as it arrives. They
    /// may be committed only if this returns `Ok`; otherwise the answer was incomplete. A large
    /// answer waits for `admission`.
    pub async fn read(
        &self,
        query: Query,
        token: &str,
        admission: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        self.in_time(async {
            let dates = format!(
                "api={}&date_ini={}&date_end={}",
                query.report.as_str(),
                query.from.strftime("%Y%m%d%H%M%S"),
                query.to.strftime("%Y%m%d%H%M%S")
            );
            let request = self.request("reports_manager.php", &dates, token)?;
            let mut response = request.send().await.map_err(|e| self.network_fault(e))?;
            let server_time = server_time(response.headers());
            let JudgedAnswer { envelope, class, rows } = self
                .judged(
                    &mut response,
                    query.report.as_str(),
                    token,
                    self.limits.answer_bytes,
                    admission,
                    each,
                )
                .await?;
            match class {
                Classified::Error(fault) => Err(fault),
                Classified::Empty => Ok(Answer { rows: 0, server_time }),
                Classified::Rows => match envelope.promised_rows(rows) {
                    Some(promised) => {
                        Err(ApiError::TooFewRows { received: rows, promised, server_time })
                    }
                    None => Ok(Answer { rows, server_time }),
                },
            }
        })
        .await
    }

    /// Runs a request, unless it takes longer than an answer may.
    async fn in_time<T>(
        &self,
        request: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let limit = self.limits.answer;
        tokio::time::timeout(limit, request).await.unwrap_or(Err(ApiError::Timeout(limit)))
    }

    /// Reads an answer to its end, hands on its elements, and returns its class and their number.
    async fn judged(
        &self,
        response: &mut reqwest::Response,
        asked: &'static str,
        token: &str,
        most_bytes: u64,
        admission: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<JudgedAnswer, ApiError> {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut rows = 0u64;
        let mut envelope = if status.is_success() {
            let read = self
                .elements(response, most_bytes, admission, &mut |element| {
                    rows += 1;
                    each(element);
                })
                .await;
            Some(read?)
        } else {
            Envelope::parse(&self.small_body(response).await).ok()
        };
        let status = status.as_u16();
        if let Some(envelope) = &mut envelope {
            envelope.add_head(status, response.headers());
        }
        let class = classify(AnswerParts {
            status,
            envelope: envelope.as_ref(),
            rows,
            retry_after,
            asked,
            token,
        });
        Ok(JudgedAnswer { envelope: envelope.unwrap_or_default(), class, rows })
    }

    /// Requests the operation's daily quota. Costs one request.
    pub async fn token_info(&self, token: &str) -> Result<TokenInfo, ApiError> {
        self.in_time(async {
            let request = self.request("information.php", "api=token_info", token)?;
            let mut response = request.send().await.map_err(|e| self.network_fault(e))?;
            let status = response.status().as_u16();
            let body = self.small_body(&mut response).await;
            let envelope = Envelope::parse(&body).ok();
            // The form of the answer is not documented, nor whether it has a code.
            if status == 200
                && envelope.as_ref().is_some_and(|envelope| envelope.code().is_none())
                && let Ok(info) = TokenInfo::parse(&body)
            {
                return Ok(info);
            }
            match classify(AnswerParts {
                status,
                envelope: envelope.as_ref(),
                rows: 1,
                retry_after: None,
                asked: "token_info",
                token,
            }) {
                Classified::Rows => TokenInfo::parse(&body),
                Classified::Empty => {
                    Err(ApiError::Schema("the server tells nothing of its quota".to_owned()))
                }
                Classified::Error(_) if envelope.is_none() && (200..300).contains(&status) => {
                    Err(ApiError::NotJson("it should tell the quota".to_owned()))
                }
                Classified::Error(fault) => Err(fault),
            }
        })
        .await
    }

    /// Requests the names of routing points or options, by code. Both are cut to `length`
    /// characters. The list may be empty. Costs one request.
    pub async fn names(
        &self,
        kind: NameKind,
        length: usize,
        token: &str,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        self.in_time(async {
            let asked = names::call(kind);
            let request = self.request("information.php", &format!("api={asked}"), token)?;
            let mut response = request.send().await.map_err(|e| self.network_fault(e))?;
            let mut found = BTreeMap::new();
            let mut admission = Admission::default();
            let judged = self
                .judged(
                    &mut response,
                    asked,
                    token,
                    names::MOST_BYTES,
                    &mut admission,
                    &mut |element| {
                        if found.len() < names::MOST_NAMES {
                            found.extend(names::parse(kind, element, length));
                        }
                    },
                )
                .await?;
            match judged.class {
                Classified::Rows => Ok(found),
                Classified::Empty => Ok(BTreeMap::new()),
                Classified::Error(fault) => Err(fault),
            }
        })
        .await
    }

    /// Reads a body to its end, and hands on each element of `data`.
    async fn elements(
        &self,
        response: &mut reqwest::Response,
        most_bytes: u64,
        admission: &mut Admission,
        mut each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Envelope, ApiError> {
        let mut splitter = Splitter::default();
        let mut body = BodyDecoder::new(response.headers())?;
        let mut bytes = 0u64;
        while let Some(chunk) = response.chunk().await.map_err(|error| body_fault(&error))? {
            body.push(&chunk, &mut |text| {
                bytes += text.len() as u64;
                split(&mut splitter, text, bytes, most_bytes, &mut each)
            })?;
            admission.take_for(bytes).await;
        }
        body.finish(&mut |text| {
            bytes += text.len() as u64;
            split(&mut splitter, text, bytes, most_bytes, &mut each)
        })?;
        splitter.finish().map_err(split_fault)
    }

    fn request(
        &self,
        page: &str,
        query: &str,
        token: &str,
    ) -> Result<reqwest::RequestBuilder, ApiError> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("/api/v2/{page}"));
        url.set_query(Some(query));
        let mut token = HeaderValue::from_str(token).map_err(|_| {
            ApiError::TokenUnreadable(
                "the token has characters that an HTTP header cannot carry".to_owned(),
            )
        })?;
        token.set_sensitive(true);
        Ok(self
            .transport
            .http
            .get(url)
            .header("wolkvox-token", token)
            .header(ACCEPT_ENCODING, "gzip"))
    }

    fn network_fault(&self, error: reqwest::Error) -> ApiError {
        network_fault(error, self.limits.connect, self.transport.proxy.as_deref())
    }

    /// Reads a body that should be short. Returns what came of it, because the status of an error
    /// counts even if its body breaks off.
    async fn small_body(&self, response: &mut reqwest::Response) -> Vec<u8> {
        let mut text = Vec::new();
        if let Ok(mut body) = BodyDecoder::new(response.headers()) {
            let mut whole = true;
            while whole && let Ok(Some(chunk)) = response.chunk().await {
                whole = body.push(&chunk, &mut |more| append(&mut text, more)).is_ok();
            }
            if whole {
                let _ = body.finish(&mut |more| append(&mut text, more));
            }
        }
        text
    }
}

/// Begins a client for these settings. It uses no proxy of the environment by itself. A proxy
/// serves https only, and sees only a request to connect.
fn through(egress: &Egress) -> Result<reqwest::ClientBuilder, ApiError> {
    let mut builder = reqwest::Client::builder().no_proxy();
    if let Some(proxy) = &egress.proxy {
        builder =
            builder.proxy(reqwest::Proxy::https(proxy.expose().clone()).map_err(|error| {
                ApiError::Internal(format!("cannot use the proxy: {}", root(&error)))
            })?);
    }
    if let Some(authorities) = &egress.authorities {
        let certificates =
            authorities.certificates.iter().map(|der| reqwest::Certificate::from_der(der));
        builder = builder.tls_certs_only(certificates.collect::<Result<Vec<_>, _>>().map_err(
            |error| {
                ApiError::Internal(format!(
                    "cannot use {}: {}",
                    authorities.file.display(),
                    root(&error)
                ))
            },
        )?);
    }
    Ok(builder)
}

/// Returns the reason why this process cannot open any file, if it cannot.
fn lacks_descriptors() -> Option<String> {
    let error = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).err()?;
    is_out_of_files(&error).then(|| error.to_string())
}

/// Appends a piece to the text of a small body. Fails once that is too long.
fn append(text: &mut Vec<u8>, more: &[u8]) -> Result<(), ApiError> {
    text.extend_from_slice(more);
    if text.len() as u64 > SMALL_BODY_BYTES {
        return Err(ApiError::TooLarge(SMALL_BODY_BYTES));
    }
    Ok(())
}

fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Reads the wait that a server asks for: in seconds, or until a date, which is compared with the
/// server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = server_time(headers)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

fn split_fault(error: SplitError) -> ApiError {
    match error {
        SplitError::NotJson(reason) => ApiError::NotJson(reason.to_owned()),
        SplitError::Schema(reason) => ApiError::Schema(reason.to_owned()),
        SplitError::Incomplete => ApiError::CutOff,
    }
}

/// Converts an error after the head of an answer has come.
fn body_fault(error: &reqwest::Error) -> ApiError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return ApiError::Tls(root(error));
        }
        cause = inner(current);
    }
    ApiError::CutOff
}

/// Converts an error before the head has come. `connect` is the longest time for a connection;
/// `proxy` names the proxy.
fn network_fault(error: reqwest::Error, connect: Duration, proxy: Option<&str>) -> ApiError {
    // The URL is not secret, but long, and the same in every message.
    let error = error.without_url();
    let reason = match proxy {
        Some(proxy) => format!("through the proxy {proxy}: {}", root(&error)),
        None => root(&error),
    };
    let mut looks_up = false;
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return ApiError::Tls(reason);
        }
        if let Some(http) = current.downcast_ref::<hyper::Error>()
            && http.is_parse()
        {
            return ApiError::BadHead(reason);
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            match io.kind() {
                _ if is_out_of_files(io) => return ApiError::TooManyOpenFiles(reason),
                // With a proxy, the error does not tell which connection failed.
                _ if proxy.is_some() => {}
                ErrorKind::ConnectionRefused => return ApiError::ConnectionRefused(reason),
                ErrorKind::TimedOut if error.is_connect() => {
                    return ApiError::ConnectTimeout(connect);
                }
                _ => {}
            }
        }
        if proxy.is_none()
            && let Some(silent) = current.downcast_ref::<SilentNameServer>()
        {
            return ApiError::NoNameServer(silent.0);
        }
        // The layer that looks names up has no error type of its own.
        looks_up |= current.to_string().starts_with("dns error");
        cause = inner(current);
    }
    if let Some(proxy) = proxy.filter(|_| error.is_connect()) {
        return ApiError::NoProxy { proxy: proxy.to_owned(), reason: root(&error) };
    }
    if error.is_timeout() {
        return if error.is_connect() {
            ApiError::ConnectTimeout(connect)
        } else {
            ApiError::Timeout(connect)
        };
    }
    if looks_up { ApiError::NameNotFound(reason) } else { ApiError::Connect(reason) }
}

/// Returns true if the process (EMFILE), or the system (ENFILE), has no room for another file: the
/// same numbers on every Unix.
pub fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// Returns the next cause. An I/O error's own `source` skips the error that it carries, and the
/// layers between here and TLS carry one I/O error within another.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|carried| carried as _),
        None => error.source(),
    }
}

/// Returns the innermost cause, because the outer ones only repeat that a request failed.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::{super::resolver::within, *};

    #[tokio::test]
    async fn a_silent_name_server_is_told_apart_from_a_silent_server() {
        struct Silent;
        impl Resolve for Silent {
            fn resolve(&self, _: Name) -> Resolving {
                let never = std::future::pending();
                Box::pin(async {
                    Ok(Box::new(within(Duration::ZERO, never).await?.into_iter()) as Addrs)
                })
            }
        }
        let silent = Arc::new(Silent);
        let client =
            reqwest::Client::builder().no_proxy().dns_resolver(silent).build().expect("a client");
        let error = client.get("http://name.invalid/").send().await.expect_err("no address");
        let error = network_fault(error, Duration::from_secs(10), None);
        assert_eq!(error, ApiError::NoNameServer(Duration::ZERO));
    }

    #[test]
    fn a_wait_is_named_in_seconds_or_until_a_date() {
        let date = "Sun, 18 Jan 2026 12:00:00 GMT";
        let until = "Sun, 18 Jan 2026 12:02:30 GMT";
        for (header, clock, wait) in [
            ("120", None, Some(120)),
            (" 7 ", Some(date), Some(7)),
            (until, Some(date), Some(150)),
            // A date in the past, and one without the server's clock to compare it with.
            (date, Some(until), Some(0)),
            (until, None, None),
            ("soon", Some(date), None),
            ("-5", Some(date), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
            clock.map(|clock| headers.insert(DATE, HeaderValue::from_static(clock)));
            assert_eq!(retry_after(&headers), wait.map(Duration::from_secs), "{header}");
        }
    }
}
