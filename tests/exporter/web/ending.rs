//! Tests of the server's shutdown.

use std::{future::Future, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use wolkvox_exporter::web::{Access, ServerLimits};

use crate::support::process::own_address;
use crate::web::{
    client::{Answer, Client},
    start, start_at, stuck,
};

async fn ends_within(task: impl Future<Output = ()>, limit: Duration) {
    timeout(limit, task).await.expect("the server ends in time");
}

#[tokio::test(start_paused = true)]
async fn shutdown_closes_idle_connections_at_once_and_lets_answers_end() {
    let own = own_address();
    let server = start_at(own, "/metrics", ServerLimits::default(), Access::open()).await;
    let idle = Client::connect(server.address).await;
    idle.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.answer().await;
    let reader = stuck(&server).await;
    let address = server.address;
    server.stop.send(()).unwrap();
    assert_eq!(idle.rest().await, b"");
    assert!(Answer::parse(&reader.rest().await).unwrap().is_whole());
    ends_within(async { server.task.await.unwrap() }, Duration::from_millis(100)).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_nobody_longer_than_it_may() {
    let limits = ServerLimits::default();
    let server = start("/metrics", limits).await;
    let reader = stuck(&server).await;
    server.stop.send(()).unwrap();
    ends_within(async { server.task.await.unwrap() }, limits.drain + Duration::from_millis(100))
        .await;
    assert!(!Answer::parse(&reader.rest().await).unwrap().is_whole());
}
