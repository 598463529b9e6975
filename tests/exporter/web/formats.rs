//! Tests of content negotiation: the format and the encoding of each request.

use std::io::Read as _;

use flate2::read::GzDecoder;
use wolkvox_exporter::{exposition::Published, web::ServerLimits};

use crate::support::metric_family;
use crate::web::{
    client::{Client, ask},
    hits, start,
};

#[tokio::test(start_paused = true)]
async fn format_and_encoding_follow_the_headers() {
    let server = start("/metrics", ServerLimits::default()).await;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    for (accept, kind) in [
        ("", text),
        ("Accept: */*\r\n", text),
        ("Accept: image/png\r\n", text),
        (
            "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n",
            open,
        ),
        ("Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text\r\n", open),
        ("Accept: application/openmetrics-text;q=0,*/*\r\n", text),
        ("Accept: \u{00ff}\r\n", text),
    ] {
        let plain = ask(&server, "GET", "/metrics", accept).await;
        assert_eq!(plain.header("content-type"), Some(kind), "{accept}");
        assert_eq!(plain.header("content-encoding"), None);
        assert_eq!(plain.header("vary"), Some("Accept, Accept-Encoding"));
        assert_eq!(plain.text().ends_with("process_open_fds 9\n# EOF\n"), kind == open);
        assert_eq!(plain.text().contains("_created{"), kind == open);

        let packed =
            ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n")).await;
        assert_eq!(packed.header("content-type"), Some(kind), "{accept}");
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert!(packed.is_whole());
        let mut unpacked = Vec::new();
        GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.body);

        let refused =
            ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip;q=0\r\n"))
                .await;
        assert_eq!(refused.header("content-encoding"), None);
    }
}

/// A client that names protobuf must get it. The request is that of a Prometheus with native
/// histograms, which takes any other `Content-Type` for text.
#[tokio::test]
async fn protobuf_is_for_those_who_name_it() {
    let server = start("/metrics", ServerLimits::default()).await;
    let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited;q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.1\r\n";
    let plain = ask(&server, "GET", "/metrics", accept).await;
    assert_eq!(
        plain.header("content-type"),
        Some(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        )
    );
    let packed =
        ask(&server, "GET", "/metrics", &format!("{accept}Accept-Encoding: gzip\r\n")).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let names: Vec<_> =
        metric_family::decode(&plain.body).unwrap().into_iter().map(|f| f.name.unwrap()).collect();
    assert_eq!(names, ["wolkvox_menu_option_hits_total", "process_open_fds"]);
}

#[tokio::test(start_paused = true)]
async fn one_connection_carries_many_scrapes_and_each_is_current() {
    let server = start("/metrics", ServerLimits::default()).await;
    let client = Client::connect(server.address).await;
    for series in [0, 1, 700, 5_000, 2] {
        server.publication.publish(Published::new(&hits(series)));
        client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let answer = client.answer().await;
        assert_eq!(answer.text().matches("hits_total{").count() as u64, series);
    }
}
