//! Accepts connections, routes their requests, and resets a connection where a fault asks for it.
//!
//! Owns the socket. It must never know what a report or a switch means.

use super::response::{Answered, page};
use super::{SimulatedServer, information, report};
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::fmt::rfc2822::DateTimePrinter;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Idle time after which a connection is closed, as on the real server.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Serves the simulator until `shutdown`, then drops all connections, even in the middle of an
/// answer.
///
/// Fails only if the listener can accept no more connections.
pub async fn serve(
    listener: TcpListener,
    simulator: Arc<SimulatedServer>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&simulator)));
            }
            // The client disconnected before it was accepted.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

async fn connection(stream: TcpStream, simulator: Arc<SimulatedServer>) {
    let service = service_fn(move |request| {
        let simulator = Arc::clone(&simulator);
        Box::pin(async move { route(simulator, request).await.ok_or(Reset) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    match served {
        Err(error) if is_reset(&error) => {
            // With a linger time of zero, closing sends a reset instead of a proper end. If it
            // cannot be set, the connection still ends without an answer.
            let _ = stream.set_zero_linger();
        }
        Err(error) => tracing::debug!(%error, "a simulated connection ended early"),
        Ok(()) => {}
    }
}

async fn route(simulator: Arc<SimulatedServer>, request: Request<Incoming>) -> Answered {
    let date = simulator
        .now()
        .saturating_add(simulator.options.date_skew)
        .and_then(|date| DateTimePrinter::new().timestamp_to_rfc9110_string(&date))
        .ok()
        .and_then(|date| HeaderValue::try_from(date).ok());
    let mut response = match request.uri().path() {
        report::PATH => report::answer(simulator, &request).await?,
        information::PATH => information::answer(&simulator, &request),
        _ => match simulator.tamper.clone() {
            Some(tamper) => tamper.other(simulator, request).await,
            None => page(StatusCode::NOT_FOUND),
        },
    };
    if let Some(date) = date {
        // hyper would use the machine's clock.
        response.headers_mut().insert(DATE, date);
    }
    Some(response)
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the simulated server resets the connection")]
struct Reset;

fn is_reset(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<Reset>)
}
