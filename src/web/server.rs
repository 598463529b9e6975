//! Accepts connections, limits each, and drains them at shutdown.
//!
//! Nothing here looks at a path or a metric. The limits of a connection:
//!
//! | | |
//! | --- | --- |
//! | the handshake of TLS | [`ServerLimits::header_read`] |
//! | sending a request, and the idle time before it | [`ServerLimits::header_read`] |
//! | size of its head | [`ServerLimits::header_bytes`], answered with 431 |
//! | its body | never read; the connection closes after the answer |
//! | reading the answer | [`ServerLimits::write`] |
//! | bytes of it in the kernel | [`SEND_BUFFER`] |
//! | connections at the same time | [`ServerLimits::connections`] |
//!
//! When all places are taken, the server closes the longest idle connection, or else the one whose
//! client has not read its answer for longest. So clients that are idle, slow to send or do not
//! read cannot keep a scrape out, however many they are. A connection is safe for [`PATIENCE`], so
//! that a burst does not close a scrape that is about to ask; meanwhile, and while every place has
//! an answer that its client reads, newcomers wait.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, watch},
    task::{AbortHandle, Id, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{
    Site,
    connection::{ConnectionSlot, Watched},
    routes, tls,
};

/// Pause in accepting after an error that the next attempt would repeat, such as no free
/// descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Time for which an idle connection is safe though its place is needed. Enough for a handshake and
/// a request, and short enough for two thousand newcomers a second.
const PATIENCE: Duration = Duration::from_millis(250);

/// Connections that the kernel queues while the server is busy. With fewer (the runtime's default
/// is 128) a burst overflows the queue, and a rejected client tries again only after a second.
const BACKLOG: u32 = 4096;

/// Bytes of an answer that the kernel buffers before the client reads; it reserves about twice as
/// much. Its default is up to 4 MiB, so that clients that do not read would cost gigabytes outside
/// of this process. With a round trip of 100 ms this still carries more than 1 MB a second. Less
/// makes scrapes of megabytes slower, and so does much more (`docs/performance.md`).
const SEND_BUFFER: u32 = 192 * 1024;

/// Limits of one connection, and of all together.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Open connections. 512 by default: a hundred times the need of a few Prometheus servers and
    /// people, and few enough for the usual 1,024 descriptors.
    pub connections: usize,
    /// Time from the end of the last answer (or the connection's start) to the end of the next
    /// request's head. 10 s by default, below the usual scrape interval: a new connection costs a
    /// scraper a millisecond, an idle one takes a place.
    pub header_read: Duration,
    /// Size of a request's head. 16 KiB by default, several times what a browser sends.
    pub header_bytes: usize,
    /// Time for a client to read an answer. 60 s by default, the longest usual scrape timeout.
    pub write: Duration,
    /// Time for answers under way after a shutdown. 2 s by default.
    pub drain: Duration,
}

impl ServerLimits {
    /// Divides the limits among `servers` of one process, which share its descriptors.
    #[must_use]
    pub fn shared_by(self, servers: usize) -> Self {
        Self { connections: self.connections / servers.max(1), ..self }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 512,
            header_read: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            write: Duration::from_secs(60),
            drain: Duration::from_secs(2),
        }
    }
}

/// Binds the first of these addresses that can be bound.
///
/// # Errors
/// The error of the last one.
pub fn listen(candidates: &[SocketAddr]) -> io::Result<TcpListener> {
    let mut outcome = Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address"));
    for address in candidates {
        outcome = bind(*address);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port that the previous process has just left can be used at once.
    socket.set_reuseaddr(true)?;
    // Connections inherit it from their listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `site` until `shutdown` is done, then closes the listener and lets the answers under way
/// end, for [`ServerLimits::drain`] at most. No error ends it earlier.
pub async fn serve(
    listener: TcpListener,
    site: Arc<Site>,
    limits: ServerLimits,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = pin!(shutdown);
    let mut open =
        Connections::new(ServerLimits { connections: limits.connections.max(1), ..limits });
    // A connection accepted while every place had an answer under way; further ones stay in the
    // kernel's queue.
    let mut held: Option<TcpStream> = None;
    loop {
        if let Some(stream) = held.take_if(|_| open.make_room()) {
            open.add(stream, &site);
        }
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = open.tasks.join_next_with_id(), if !open.tasks.is_empty() => {
                open.slots.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            // An answer ended or is held up, or a connection has been idle long enough: there may
            // be one to close.
            () = open.freed.notified(), if held.is_some() => {}
            () = sleep(PATIENCE), if held.is_some() => {}
            accepted = listener.accept(), if held.is_none() => match accepted {
                Ok((stream, _)) => held = Some(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                    tokio::select! {
                        () = sleep(ACCEPT_PAUSE) => {}
                        () = &mut shutdown => break,
                    }
                }
            },
        }
    }
    drop(listener);
    open.drain().await;
}

/// Returns true if the client went away before it was accepted. Other errors are the machine's.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// The open connections.
struct Connections {
    limits: ServerLimits,
    tasks: JoinSet<()>,
    /// Connections in `tasks` that were not asked to end.
    slots: HashMap<Id, (AbortHandle, Arc<ConnectionSlot>)>,
    epoch: Instant,
    freed: Arc<Notify>,
    closing: watch::Sender<()>,
}

impl Connections {
    fn new(limits: ServerLimits) -> Self {
        Self {
            limits,
            tasks: JoinSet::new(),
            slots: HashMap::new(),
            epoch: Instant::now(),
            freed: Arc::new(Notify::new()),
            closing: watch::Sender::new(()),
        }
    }

    /// Returns true if there is a place for one more, after closing the longest idle connection if
    /// necessary.
    fn make_room(&mut self) -> bool {
        if self.slots.len() < self.limits.connections {
            return true;
        }
        let Some(long) = self.epoch.elapsed().checked_sub(PATIENCE) else { return false };
        let idle =
            self.slots.iter().filter_map(|(id, (_, slot))| Some((slot.idle_since(long)?, *id)));
        let Some((_, id)) = idle.min_by_key(|(idle, _)| *idle) else { return false };
        if let Some((task, _)) = self.slots.remove(&id) {
            tracing::debug!("all connections taken: closing the one that was idle longest");
            task.abort();
        }
        true
    }

    fn add(&mut self, stream: TcpStream, site: &Arc<Site>) {
        let slot = Arc::new(ConnectionSlot::new(self.epoch, self.freed.clone()));
        let task =
            connection(stream, slot.clone(), site.clone(), self.limits, self.closing.subscribe());
        let task = self.tasks.spawn(task);
        self.slots.insert(task.id(), (task, slot));
    }

    async fn drain(mut self) {
        self.closing.send_replace(());
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(self.limits.drain, all).await.is_err() {
            tracing::warn!(
                connections = self.tasks.len(),
                "closing connections that did not end in time"
            );
        }
        // The remaining tasks end with the `JoinSet`.
    }
}

/// Serves one connection from its first byte to its last.
async fn connection(
    stream: TcpStream,
    slot: Arc<ConnectionSlot>,
    site: Arc<Site>,
    limits: ServerLimits,
    mut closing: watch::Receiver<()>,
) {
    // A head and a small tail should not wait for each other.
    let _ = stream.set_nodelay(true);
    // A peer without an address is gone already.
    let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    let served = Served { slot, site, limits, peer };
    let Some(config) = served.site.access.rules().tls.clone() else {
        return http(stream, None, served, closing).await;
    };
    let accepted = tokio::select! {
        accepted = timeout(limits.header_read, tls::accept(stream, config.clone())) => accepted,
        _ = closing.changed() => return,
    };
    match accepted.unwrap_or_else(|late| Err(late.into())) {
        Ok(stream) => http(stream, Some(config), served, closing).await,
        Err(error) => tracing::debug!(%peer, %error, "no connection over TLS came about"),
    }
}

/// The parts of a connection that do not depend on TLS.
struct Served {
    slot: Arc<ConnectionSlot>,
    site: Arc<Site>,
    limits: ServerLimits,
    peer: IpAddr,
}

/// Serves HTTP over `stream`, which was set up under `tls`.
async fn http<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    tls: Option<Arc<ServerConfig>>,
    Served { slot, site, limits, peer }: Served,
    mut closing: watch::Receiver<()>,
) {
    let io = TokioIo::new(Watched::new(stream, slot, limits.write));
    let outdated = outdated(site.clone(), tls);
    let service = service_fn(move |request: Request<Incoming>| {
        let site = site.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(&site, &request, peer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(8 * 1024))
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { tokio::select! { _ = closing.changed() => {}, () = outdated => {} } } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn answer(
    site: &Site,
    request: &Request<Incoming>,
    peer: IpAddr,
) -> Response<routes::ResponseBody> {
    let rules = site.access.rules();
    let refused = if routes::is_public(request.uri().path()) {
        None
    } else {
        site.access.admit(&rules, request.headers(), peer).await.err()
    };
    let reloaded = match &site.reloader {
        Some(reloader) if refused.is_none() && routes::asks_to_reload(request) => {
            Some(reloader.ask().await)
        }
        _ => None,
    };
    if let Some(encoding) = routes::asks_for_metrics(site, request).filter(|_| refused.is_none()) {
        site.publication.in_encoding(encoding).await;
    }
    routes::answer(site, request, refused, reloaded, &rules.headers)
}

/// Returns when the TLS settings have changed since the connection was set up. It then closes after
/// the answer under way, so that the new certificates apply to every client.
async fn outdated(site: Arc<Site>, tls: Option<Arc<ServerConfig>>) {
    let mut rules = site.access.subscribe();
    // The sender lives in the site, which outlives this.
    let _ = rules.wait_for(|rules| differ(rules.tls.as_ref(), tls.as_ref())).await;
}

fn differ(now: Option<&Arc<ServerConfig>>, then: Option<&Arc<ServerConfig>>) -> bool {
    match (now, then) {
        (Some(now), Some(then)) => !Arc::ptr_eq(now, then),
        (None, None) => false,
        _ => true,
    }
}
