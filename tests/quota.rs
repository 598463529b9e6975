//! The quota as the vendor tells it, through the real binary.

#[path = "support/exporter.rs"]
mod exporter;

use std::time::Duration;

use exporter::Installation;
use tokio::{net::TcpListener, time::Instant};
use wolkvox_exporter::simulator::{Options, Simulator, serve};

/// The value of a series that is named in full.
fn value(scrape: &str, series: &str) -> Option<f64> {
    scrape.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[tokio::test]
async fn an_exporter_that_was_told_no_licences_asks_for_the_limit_and_keeps_to_it() {
    let options = Options { daily_limit: Some(12), ..Options::default() };
    let token = options.token.clone();
    let simulator = Simulator::new(options);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(serve(listener, simulator.clone(), std::future::pending()));
    let flags = ["--wolkvox.timezone=America/Bogota", "--poll.interval=1s", "--poll.settle-delay=0s"];
    let mut installation = Installation::new(&format!("http://{address}"), &token, &flags);
    let exporter = installation.start().await;

    let series = |name: &str| format!("wolkvox_{name}{{server=\"{address}\"}}");
    let exhausted = format!("wolkvox_poll_failures_total{{class=\"quota_exhausted\",server=\"{address}\"}}");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let scrape = exporter.scrape("/metrics", None).await;
        if value(&scrape, &exhausted).is_some_and(|count| count >= 1.0) {
            assert_eq!(value(&scrape, &series("quota_requests_limit")), Some(12.0));
            assert_eq!(value(&scrape, &series("quota_requests_used")), Some(12.0));
            break;
        }
        assert!(Instant::now() < deadline, "the quota was never spent:\n{scrape}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The report was asked for until our own count said stop: nothing was refused by the vendor.
    let requests = simulator.requests();
    assert_eq!(requests.used_today, 12, "at midnight in Bogotá this test may be run again");
    assert_eq!(requests.kinds.get("quota_exhausted"), None);
    assert!(exporter.log().contains("no requests until then"), "{}", exporter.log());
}
