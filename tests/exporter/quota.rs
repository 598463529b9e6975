//! Tests of the vendor's quota through the real binary.

use crate::support::installation::Installation;
use simulator_testing::{Options, Simulator, serve};
use tokio::net::TcpListener;

#[tokio::test]
async fn an_exporter_that_was_told_no_licences_asks_for_the_limit_and_keeps_to_it() {
    let options = Options { daily_limit: Some(12), ..Options::default() };
    let token = options.token.clone();
    let simulator = Simulator::new(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(serve(listener, simulator.clone(), std::future::pending()));
    let flags =
        ["--wolkvox.timezone=America/Bogota", "--poll.interval=1s", "--poll.settle-delay=0s"];
    let mut installation = Installation::new(&format!("http://{address}"), &token, &flags);
    let exporter = installation.start().await;

    let server = address.to_string();
    let spent = exporter
        .wait_for("spent", |scrape| scrape.failures(&server, "quota_exhausted") >= 1.0)
        .await;
    let quota =
        |name: &str| spent.get(&format!("wolkvox_quota_requests_{name}"), &[("server", &server)]);
    assert_eq!((quota("limit"), quota("used")), (12.0, 12.0));
    // The exporter stopped by its own count before the vendor had to refuse a request.
    let requests = simulator.requests();
    assert_eq!(requests.used_today, 12, "at midnight in Bogotá this test may be run again");
    assert_eq!(requests.kinds.get("quota_exhausted"), None);
    assert!(
        exporter.process.log().contains("no live poll asks anything for this time"),
        "{}",
        exporter.process.log()
    );
}
