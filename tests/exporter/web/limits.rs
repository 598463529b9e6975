//! Tests of the limits of one connection, and of all connections together.

use std::time::Duration;

use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};
use wolkvox_exporter::web::{ServerLimits, listen};

/// Time after its last byte for which the server closes no waiting connection; the same value as in
/// the server.
const PATIENCE: Duration = Duration::from_millis(250);

use crate::support::process::own_address;
use crate::web::{
    Server,
    client::{Answer, Client, ask, get},
    start, stuck,
};

#[tokio::test(start_paused = true)]
async fn oversized_heads_are_refused() {
    let server = start("/metrics", ServerLimits::default()).await;
    let long = "a".repeat(64 * 1024);
    assert_eq!(ask(&server, "GET", "/metrics", &format!("X-Long: {long}\r\n")).await.status, 431);
    assert_eq!(get(&server, &format!("/{long}")).await.status, 431);
    assert_eq!(ask(&server, "GET", "/metrics", &"X: y\r\n".repeat(200)).await.status, 431);
    let fits = "a".repeat(8 * 1024);
    assert_eq!(ask(&server, "GET", "/metrics", &format!("X-Long: {fits}\r\n")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn rubbish_is_refused_and_a_body_is_not_waited_for() {
    let server = start("/metrics", ServerLimits::default()).await;
    let client = Client::connect(server.address).await;
    client.send(b"\x16\x03\x01\x02\x00 hello\r\n\r\n").await;
    assert_eq!(Answer::parse(&client.rest().await).unwrap().status, 400);
    for (method, framing, status) in [
        ("POST", "Content-Length: 99999999999", 405),
        ("POST", "Transfer-Encoding: chunked", 405),
        ("GET", "Content-Length: 10", 200),
        ("POST", "Content-Length: 5\r\nExpect: 100-continue", 405),
    ] {
        let client = Client::connect(server.address).await;
        let begun = Instant::now();
        client
            .send(format!("{method} /metrics HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n").as_bytes())
            .await;
        // The server ends the connection although the client did not ask for it and no timer
        // expired.
        let answer = Answer::parse(&client.rest().await).unwrap();
        assert_eq!(
            (answer.status, answer.header("connection")),
            (status, Some("close")),
            "{framing}"
        );
        assert!(begun.elapsed() < Duration::from_secs(1), "{framing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_or_idle_client_is_closed_when_its_time_is_up() {
    let limits = ServerLimits::default();
    let server = start("/metrics", limits).await;
    for begin in
        [&b""[..], b"GET /metrics HTTP/1.1\r\nHost:", b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"]
    {
        is_closed_in_time(&server, begin, limits).await;
    }
}

/// Fails unless a client that sends only `begin` is closed when its time is up.
pub(crate) async fn is_closed_in_time(server: &Server, begin: &[u8], limits: ServerLimits) {
    let client = Client::connect(server.address).await;
    let begun = Instant::now();
    client.send(begin).await;
    client.rest().await;
    let took = begun.elapsed();
    assert!(took >= limits.header_read && took < 2 * limits.header_read, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_closed_when_its_time_is_up() {
    let limits = ServerLimits::default();
    let server = start("/metrics", limits).await;
    let client = stuck(&server).await;
    sleep(limits.write + Duration::from_secs(1)).await;
    let cut = Answer::parse(&client.rest().await).unwrap();
    assert!(!cut.is_whole());

    let client = stuck(&server).await;
    sleep(limits.write - Duration::from_secs(1)).await;
    assert!(
        Answer::parse(&client.rest().await).unwrap().is_whole(),
        "within the limit it may take its time"
    );
}

#[tokio::test(start_paused = true)]
async fn when_full_the_longest_waiting_gives_way_before_any_answer() {
    let server =
        start("/metrics", ServerLimits { connections: 3, ..ServerLimits::default() }).await;
    let reader = stuck(&server).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        let client = Client::connect(server.address).await;
        client.send(b"GET /-/hea").await; // dribbling is waiting, too
        sleep(PATIENCE).await;
        idle.push(client);
    }
    let begun = Instant::now();
    assert_eq!(get(&server, "/-/healthy").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "it did not wait for them");
    assert!(idle[0].some().await.is_none(), "the first to come was closed");
    idle[19].send(b"lthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(idle[19].answer().await.status, 200, "the last to come was not");
    assert!(Answer::parse(&reader.rest().await).unwrap().is_whole());
}

#[tokio::test(start_paused = true)]
async fn when_every_place_is_an_answer_that_is_not_read_the_longest_gives_way() {
    let server =
        start("/metrics", ServerLimits { connections: 2, ..ServerLimits::default() }).await;
    let first = stuck(&server).await;
    sleep(PATIENCE).await;
    let second = stuck(&server).await;
    let begun = Instant::now();
    assert_eq!(get(&server, "/-/healthy").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "it did not wait for them");
    assert!(!Answer::parse(&first.rest().await).unwrap().is_whole());
    assert!(Answer::parse(&second.rest().await).unwrap().is_whole());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_closed_before_there_was_time_to_ask() {
    let server =
        start("/metrics", ServerLimits { connections: 1, ..ServerLimits::default() }).await;
    let first = Client::connect(server.address).await;
    sleep(PATIENCE / 4).await;
    let begun = Instant::now();
    let newcomer = Client::connect(server.address).await;
    newcomer.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    sleep(PATIENCE / 4).await;
    first.send(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(first.answer().await.status, 200, "it was not closed for the other");
    assert_eq!(newcomer.answer().await.status, 200);
    assert!(begun.elapsed() < 4 * PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_kernel_keeps_a_burst_of_connections_and_little_of_their_answers() {
    let taken = own_address();
    let in_use = std::net::TcpListener::bind(taken).unwrap();
    let free = "127.0.0.1:0".parse().unwrap();
    assert_eq!(listen(&[taken]).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let listener = listen(&[taken, free]).unwrap();
    drop(in_use);
    // Nobody accepts here. A client that the kernel turned away would try again after a second, in
    // vain.
    let address = listener.local_addr().unwrap();
    let burst = async {
        let mut clients = Vec::new();
        for _ in 0..500 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        clients
    };
    let clients = timeout(Duration::from_secs(10), burst).await.expect("room for all");
    let (accepted, _) = listener.accept().await.unwrap();
    let kept = TcpSocket::from_std_stream(accepted.into_std().unwrap()).send_buffer_size().unwrap();
    assert!(kept <= 384 * 1024, "{kept} bytes");
    drop(clients);
}

#[test]
fn all_addresses_of_a_process_share_its_places() {
    let all = ServerLimits::default().connections;
    for (servers, places) in [(1, all), (2, all / 2), (0, all)] {
        assert_eq!(ServerLimits::default().shared_by(servers).connections, places);
    }
}
