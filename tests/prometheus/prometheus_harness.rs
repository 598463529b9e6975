//! Tests of the harness that other tests rely on: each real Prometheus starts, scrapes and answers.

use std::time::Duration;

use crate::support::prometheus::{Prometheus, Target, binaries, promtools};

#[tokio::test]
async fn every_prometheus_scrapes_itself() {
    for binary in binaries() {
        let prometheus = Prometheus::start(&binary, &[Target::itself("self")], &[]).await;

        let up = prometheus
            .wait_for("up == 1", Duration::from_secs(30), |series| !series.is_empty())
            .await;
        assert_eq!(up.len(), 1, "{binary}: {up:?}");
        let (labels, value) = &up[0];
        assert_eq!(labels["job"], "self", "{binary}");
        assert_eq!(labels["__name__"], "up", "{binary}");
        assert_eq!(*value, 1.0, "{binary}");

        let stored = prometheus.samples("up[10m]").await;
        let last = stored[0].1[stored[0].1.len() - 1];
        let ranged = prometheus.query_range("up", last.0 - 1.0, last.0, 1.0).await;
        assert_eq!(ranged[0].1.last(), Some(&last), "{binary}");
        assert_eq!(
            prometheus.query_at("scalar(up)", last.0).await,
            [(Default::default(), 1.0)],
            "{binary}"
        );
    }
}

/// Each binary must be the version that it is taken for, or a comparison of two would be void.
#[tokio::test]
async fn every_prometheus_is_the_version_it_says() {
    for binary in binaries() {
        let prometheus = Prometheus::start(&binary, &[], &[]).await;
        let build = prometheus.api("/api/v1/status/buildinfo", &[]).await;
        assert_eq!(build["version"], binary.version.as_str(), "{binary}");
    }
}

#[tokio::test]
#[should_panic(expected = "ended before it was ready")]
async fn a_prometheus_that_does_not_start_fails_at_once() {
    let binary = &binaries()[0];
    Prometheus::start(binary, &[], &["--no-such-flag"]).await;
}

#[tokio::test]
#[should_panic(expected = "parse error")]
async fn a_wrong_query_is_named() {
    let prometheus = Prometheus::start(&binaries()[0], &[], &[]).await;
    prometheus.query("up ==").await;
}

#[test]
fn every_promtool_runs() {
    let versions: Vec<_> = promtools().iter().map(|tool| tool.version.clone()).collect();
    let of_prometheus: Vec<_> = binaries().iter().map(|tool| tool.version.clone()).collect();
    assert_eq!(versions, of_prometheus);
}
