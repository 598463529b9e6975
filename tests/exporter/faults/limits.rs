//! Tests of answers that never end or are too large, and of a disk that fails: in the library, with
//! limits of milliseconds and kilobytes instead of a minute and 256 MB.

use std::time::Duration;

use simulator_testing::Fault;
use wolkvox_exporter::wolkvox::ClientLimits;

use crate::faults::inside::{Inside, NAME};
use crate::support::{api::Api, disk::Disk, scrape::Scrape};

/// Error classes that are caused here and not in `classes`.
pub(crate) const CLASSES: [&str; 3] = ["timeout", "too_large", "internal"];

fn limits() -> ClientLimits {
    // A busy test machine must have time to receive a good answer.
    ClientLimits {
        connect: Duration::from_secs(5),
        answer: Duration::from_millis(700),
        answer_bytes: 1 << 20,
    }
}

/// Fails the first request with this fault, and waits until every row is counted once.
async fn passes(fault: Fault, class: &str, limits: ClientLimits) -> Scrape {
    let api = Api::start(|_| {}).await.times(fault, 1);
    let inside = Inside::start(&api, limits, Disk::default()).await;
    let failed = inside.wait_for(class, |scrape| scrape.errors(NAME, class) > 0.0).await;
    assert_eq!(failed.classes("wolkvox_api_errors_total", NAME), [class]);
    let scrape = inside.wait_for("up again", |scrape| scrape.up(NAME)).await;
    scrape.assert_truth(NAME, &api.truth());
    scrape
}

#[tokio::test]
async fn headers_and_then_nothing_is_a_timeout() {
    let scrape = passes(Fault::Hang, "timeout", limits()).await;
    let label = [("server", NAME), ("cause", "timeout")];
    assert_eq!(
        scrape.get("wolkvox_window_splits_total", &label),
        1.0,
        "the next request asks for half"
    );
}

#[tokio::test]
async fn a_byte_a_second_is_a_timeout() {
    passes(Fault::Drip, "timeout", limits()).await;
}

#[tokio::test]
async fn an_answer_that_comes_late_is_a_timeout() {
    passes(Fault::Slow { seconds: 2 }, "timeout", limits()).await;
}

#[tokio::test]
async fn an_endless_answer_is_too_large() {
    let limits = ClientLimits { answer: Duration::from_secs(30), ..limits() };
    let scrape = passes(Fault::Endless, "too_large", limits).await;
    let label = [("server", NAME), ("cause", "size")];
    assert_eq!(
        scrape.get("wolkvox_window_splits_total", &label),
        1.0,
        "the next request asks for half"
    );
}

#[tokio::test]
async fn a_full_disk_is_internal_until_there_is_room_and_loses_nothing() {
    let api = Api::start(|_| {}).await;
    let disk = Disk::default();
    let inside = Inside::start(&api, limits(), disk.clone()).await;
    let before = inside.wait_for("up", |scrape| scrape.up(NAME)).await;
    before.assert_truth(NAME, &api.truth());

    disk.fill();
    let failed =
        inside.wait_for("internal", |scrape| scrape.failures(NAME, "internal") > 1.0).await;
    assert!(!failed.up(NAME));
    failed.assert_truth(NAME, &api.truth());
    assert_eq!(failed.sum("wolkvox_menu_window_option_hits", &[("server", NAME)]), None);
    let later = inside.wait_for("more of them", |s| s.failures(NAME, "internal") > 2.0).await;
    assert_eq!(later.watermark(NAME), failed.watermark(NAME));
    // A failure of the disk must not count as a failure of a request.
    assert!(later.classes("wolkvox_api_errors_total", NAME).is_empty());

    disk.empty();
    let again = inside.wait_for("up again", |scrape| scrape.up(NAME)).await;
    assert!(again.watermark(NAME) > failed.watermark(NAME));
    again.assert_truth(NAME, &api.truth());
}
