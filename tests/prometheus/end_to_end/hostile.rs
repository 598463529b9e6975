//! Tests that a server that writes another option into every row fills neither the exporter nor
//! Prometheus.

use crate::end_to_end::{
    DEADLINE, HITS, JOB, TEXT, WATERMARK, ZERO_HOLD, installation, promtools, scrapers, values,
    vendor::Vendor, wait_for_all,
};
use crate::support::{installation::Installation, promtool::check_metrics};

const LIMIT: usize = 150;

#[tokio::test]
async fn a_server_that_invents_options_stays_within_the_limit() {
    let mut vendor = Vendor::with_unique_options(4_000).await;
    let mut installation: Installation =
        installation(&vendor, ZERO_HOLD).with(&format!("--menu.series-limit={LIMIT}"));
    let exporter = installation.start().await;
    let scrapers = scrapers(&exporter).await;
    vendor.open();
    let end = vendor.end_traffic_after(20);
    let read = (end + crate::end_to_end::VISIBLE_WITHIN).as_second() as f64;
    wait_for_all(&exporter, WATERMARK, |at| at >= read).await;
    wait_for_all(&exporter, HITS, |hits| hits > 0.0).await;

    let truth = vendor.truth();
    assert!(truth.options.len() > 10 * LIMIT, "only {} options were invented", truth.options.len());
    let shown = values(&exporter, HITS).await;
    assert!(shown.len() <= LIMIT && shown.len() > LIMIT / 2, "{} label sets", shown.len());
    assert_eq!(shown.iter().sum::<f64>(), truth.rows as f64);
    assert_eq!(values(&exporter, "wolkvox_series").await, [shown.len() as f64]);
    assert_eq!(values(&exporter, "wolkvox_series_limit").await, [LIMIT as f64]);
    let overflow: f64 = values(&exporter, "wolkvox_series_overflow_total").await.iter().sum();
    assert!(overflow > 0.0 && overflow < truth.rows as f64, "{overflow} of {} rows", truth.rows);
    assert_eq!(
        exporter.logged("the limit of series is reached"),
        1,
        "said once, not with every poll"
    );

    let text = exporter.page("/metrics", TEXT).await;
    for promtool in promtools() {
        check_metrics(&promtool.path, &text).unwrap_or_else(|said| panic!("{promtool}: {said}"));
    }
    for scraper in scrapers {
        let all = format!("sum({HITS}{{job={JOB:?}}}) == {}", truth.rows);
        scraper.prometheus.wait_for(&all, DEADLINE, |sum| !sum.is_empty()).await;
        let ups = scraper.prometheus.query(&format!("min_over_time(up{{job={JOB:?}}}[15s])")).await;
        assert!(ups.iter().all(|(_, up)| *up == 1.0), "{scraper}: a scrape failed");
    }
}
