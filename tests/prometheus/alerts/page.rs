//! A page of metrics with which every alert fires, and a server for it. Each alert about menus has
//! a routing point of its own.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// Anomalies of options: name, seconds of the window, observed number, expected number.
const OPTIONS: [(&str, u64, u64, u64); 7] = [
    ("drop_off", 1800, 3, 41),
    ("surge", 10_800, 123, 41),
    ("abandonment", 3600, 30, 4),
    ("retries", 5400, 30, 4),
    ("loops", 28_800, 30, 4),
    ("time_to_option", 3600, 95, 40),
    ("hang_up", 2700, 30, 4),
];
/// Anomalies of whole routing points: name, seconds of the window, observed number, expected
/// number.
const POINTS: [(&str, u64, u64, u64); 2] = [("collapse", 600, 0, 41), ("no_input", 3600, 30, 4)];
/// A routing point without names and figures.
pub(crate) const BARE: &str = "99";
/// One class of failure for each alert about failing polls.
const CLASSES: [&str; 7] = [
    "token_invalid",
    "quota_exhausted",
    "connect",
    "maintenance",
    "concurrency",
    "not_json",
    "internal",
];

/// Serves the page on a free port as long as the runtime lives. Counters rise with every scrape.
pub(crate) async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port of 127.0.0.1");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        let scrapes = AtomicU64::new(0);
        while let Ok((mut peer, _)) = listener.accept().await {
            let body = page(scrapes.fetch_add(1, Ordering::Relaxed));
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            // A scrape's request fits into one packet. A client that hangs up gets no answer.
            let _ = peer.read(&mut [0; 4096]).await;
            let _ = peer.write_all(answer.as_bytes()).await;
        }
    });
    address
}

fn page(scrape: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut out = String::new();
    let mut line = |name: &str, labels: &str, value: u64| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name}{{{labels}}} {value}");
    };
    line("wolkvox_watermark_timestamp_seconds", r#"server="0042""#, now);
    line("wolkvox_exporter_runbooks_info", r#"url="https://tools.example/runbooks""#, 1);
    let options = OPTIONS.iter().map(|anomaly| ("option", r#",cod_opc_menu="1""#, anomaly));
    let points = POINTS.iter().map(|anomaly| ("routing_point", "", anomaly));
    for (index, (of, option, (anomaly, window, observed, expected))) in
        options.chain(points).enumerate()
    {
        line(
            "wolkvox_routing_point_info",
            &format!(r#"server="0042",rp_id="{index}",rp_name="Línea""#),
            1,
        );
        if !option.is_empty() {
            let named = format!(r#"server="0042",rp_id="{index}"{option},description="Ventas""#);
            line("wolkvox_routing_point_option_info", &named, 1);
        }
        let labels = format!(r#"server="0042",rp_id="{index}",channel="voice"{option}"#);
        line("wolkvox_baseline_observations", &labels, 4);
        let labels = format!(r#"{labels},anomaly="{anomaly}""#);
        line(&format!("wolkvox_menu_{of}_anomaly_score"), &labels, 2);
        line("wolkvox_menu_anomaly_window_seconds", &labels, *window);
        line("wolkvox_menu_anomaly_observed", &labels, *observed);
        line("wolkvox_menu_anomaly_expected", &labels, *expected);
    }
    let labels = format!(
        r#"server="0042",rp_id="{BARE}",channel="chat-web",cod_opc_menu="9",anomaly="retries""#
    );
    line("wolkvox_menu_option_anomaly_score", &labels, 2);

    for class in CLASSES {
        line(
            "wolkvox_poll_failures_total",
            &format!(r#"server="{class}",class="{class}""#),
            scrape,
        );
        line("wolkvox_up", &format!(r#"server="{class}""#), 0);
    }
    let server = r#"server="troubled""#;
    line("wolkvox_watermark_timestamp_seconds", server, now - 3600);
    line("wolkvox_baseline_history_seconds", server, 3 * 86_400);
    line("wolkvox_report_lag_seconds", server, 1500);
    line("wolkvox_windows_incomplete_total", server, scrape);
    line("wolkvox_rows_rejected_total", &format!(r#"{server},reason="bad_date""#), scrape);
    line("wolkvox_row_lateness_seconds_bucket", &format!(r#"{server},le="86400""#), 9 * scrape);
    line("wolkvox_row_lateness_seconds_count", server, 10 * scrape);
    line("wolkvox_quota_requests_used", server, 1100);
    line("wolkvox_quota_requests_limit", server, 1000);
    line("wolkvox_deep_read_timestamp_seconds", r#"server="0042",tier="hourly""#, now - 5 * 3600);
    line("wolkvox_poller_restarts_total", server, scrape);
    line("wolkvox_exporter_load_ratio", r#"of="series""#, 2);
    line("wolkvox_log_lines_dropped_total", "", scrape);
    line("wolkvox_series", server, 95);
    line("wolkvox_series_limit", server, 100);
    line("wolkvox_clock_skew_seconds", server, 45);
    line("wolkvox_date_shift_seconds", server, 3600);
    line("wolkvox_state_file_intact", "", 0);
    line("wolkvox_exporter_config_last_reload_successful", "", 0);
    out
}
