//! Tests of the web server over real sockets: every route and status, negotiation, limits, and the
//! shutdown.
//!
//! The clock is paused, so that tokio jumps to the next timer as soon as nothing else can happen:
//! limits of many seconds are tested at their real values, and no test sleeps.

mod client;
mod ending;
mod formats;
mod limits;
mod over_tls;
mod routes;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use client::Client;
use jiff::{Timestamp, tz::TimeZone};
use tokio::{net::TcpSocket, sync::oneshot, task::JoinHandle};
use wolkvox_exporter::{
    exposition::{Family, MetricType, Publication, Published, Sample, label_block},
    status::{PollOutcome, QuotaUse, TargetStatus},
    web::{Access, Readiness, ServerLimits, Site, serve},
    wolkvox::ApiError,
};

const BUFFERS: u32 = 16 * 1024;

/// A running server, and the parts of it that a test may change.
struct Server {
    address: SocketAddr,
    publication: Arc<Publication>,
    readiness: Arc<ArcSwap<Readiness>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(telemetry_path: &str, limits: ServerLimits) -> Server {
    start_with(telemetry_path, limits, Access::open()).await
}

async fn start_with(telemetry_path: &str, limits: ServerLimits, access: Access) -> Server {
    start_at(SocketAddr::from(([127, 0, 0, 1], 0)), telemetry_path, limits, access).await
}

async fn start_at(
    address: SocketAddr,
    telemetry_path: &str,
    limits: ServerLimits,
    access: Access,
) -> Server {
    let publication = Arc::new(Publication::new(Published::new(&hits(3))));
    let readiness = Arc::new(ArcSwap::from_pointee(Readiness::Ready));
    let site = Site {
        telemetry_path: telemetry_path.to_owned(),
        publication: publication.clone(),
        live: Box::new(|| {
            let mut live = Family::new("process_open_fds", "Open files.", MetricType::Gauge);
            live.points.push(Sample::new("".into(), 9));
            vec![live]
        }),
        readiness: readiness.clone(),
        targets: {
            let targets = Arc::new(vec![Arc::new(target())]);
            Box::new(move || targets.clone())
        },
        notices: Arc::default(),
        clock: Arc::new(|| moment("2026-01-18T19:41:00Z")),
        version: "0.0.0-test".to_owned(),
        access: Arc::new(access),
        reloader: None,
    };
    // The buffers are so small that a large answer does not fit. A connection inherits those of its
    // listener.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(BUFFERS).unwrap();
    socket.bind(address).unwrap();
    let listener = socket.listen(1024).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(serve(listener, Arc::new(site), limits, async {
        stopped.await.unwrap_or(());
    }));
    Server { address, publication, readiness, stop, task }
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn target() -> TargetStatus {
    let zone = TimeZone::get("America/Bogota").unwrap();
    TargetStatus {
        outcome: PollOutcome::Failed {
            fault: ApiError::Maintenance("The vendor says <b>no</b>.".to_owned()),
            since: moment("2026-01-18T19:36:00Z"),
        },
        usual_lag: Duration::from_secs(330),
        watermark: Some(moment("2026-01-18T19:35:00Z")),
        quota: QuotaUse { day: jiff::civil::date(2026, 1, 18), used: 7, limit: None },
        ..TargetStatus::waiting("0042", zone, moment("2026-01-18T19:45:30Z"))
    }
}

fn hits(series: u64) -> Vec<Family> {
    let mut hits = Family::new("wolkvox_menu_option_hits_total", "Hits.", MetricType::Counter);
    hits.points = (0..series)
        .map(|i| {
            Sample::new(label_block(&[("cod_opc_menu", &format!("opción {i}"))]), i)
                .created(Some(5.0))
        })
        .collect();
    vec![hits]
}

/// Requests more than the sockets' buffers hold, and does not read it.
async fn stuck(server: &Server) -> Client {
    server.publication.publish(Published::new(&hits(10_000)));
    let client = Client::connect(server.address).await;
    client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    client.0.readable().await.unwrap();
    client
}
