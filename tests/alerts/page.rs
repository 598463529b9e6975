//! Owns a page of metrics with which every alert fires, and serves it. What the alerts of menus read is there as if it had
//! been recorded, each in a routing point of its own, as some alerts silence others of the same.

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

const OPTION: &str = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_";
const POINT: &str = "server_rp_id_channel:wolkvox_menu_";

/// Recorded series of one alert: what they begin with, score, observed and expected, and the window they are of.
const SCORES: [(&str, &str, &str, &str, &str); 8] = [
    (POINT, "option_hits:drop_score", "option_hits:observed", "option_hits:expected_same_minutes", "30m"),
    (OPTION, "hits:drop_score", "hits:observed", "hits:expected_today", "30m"),
    (OPTION, "hits:drop_score", "hits:observed", "hits:expected_today", "3h"),
    (OPTION, "final:rise_score", "final:observed", "final:expected", "1h"),
    (OPTION, "hits:surge_score", "hits:observed", "hits:expected_at_most", "3h"),
    (POINT, "no_input:rise_score", "no_input:observed", "no_input:expected", "1h"),
    (OPTION, "retries:rise_score", "retries:observed", "retries:expected", "1h"),
    (OPTION, "repeats:rise_score", "repeats:observed", "repeats:expected", "1h"),
];
/// One class of each alert about polls that fail.
const CLASSES: [&str; 7] =
    ["token_invalid", "quota_exhausted", "connect", "maintenance", "concurrency", "not_json", "internal"];

/// Serves the page on a free port for as long as the runtime lives; counters rise with every scrape.
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
            // A scrape's request fits into one packet. Whoever hangs up gets no answer.
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
    line(
        "wolkvox_menu_option_info",
        r#"server="0042",cod_opc_menu="1",description="Ventas",kind="option""#,
        1,
    );
    for (index, (level, score, observed, expected, window)) in SCORES.into_iter().enumerate() {
        let mut labels = format!(r#"server="0042",rp_id="{index}",channel="voice""#);
        line("wolkvox_routing_point_info", &format!(r#"server="0042",rp_id="{index}",rp_name="Línea""#), 1);
        if level == OPTION {
            labels.push_str(r#",cod_opc_menu="1""#);
            line(&format!("{OPTION}hits:baseline_weeks"), &labels, 4);
        }
        let _ = write!(labels, r#",window="{window}""#);
        for (name, value) in [(score, 50), (observed, 3), (expected, 41)] {
            line(&format!("{level}{name}"), &labels, value);
        }
    }
    // An option and a routing point without names.
    let labels = r#"server="0042",rp_id="9",channel="chat-web",cod_opc_menu="9""#;
    let time = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_time_to_option_seconds";
    line(&format!("{time}:p90_1h"), labels, 95);
    line(&format!("{time}:p90_usual"), labels, 40);
    line(&format!("{OPTION}hits:observed"), &format!(r#"{labels},window="1h""#), 200);

    for class in CLASSES {
        line("wolkvox_poll_failures_total", &format!(r#"server="{class}",class="{class}""#), scrape);
        line("wolkvox_up", &format!(r#"server="{class}""#), 0);
    }
    let server = r#"server="troubled""#;
    line("wolkvox_watermark_timestamp_seconds", server, now - 3600);
    line("wolkvox_windows_incomplete_total", server, scrape);
    line("wolkvox_row_lateness_seconds_bucket", &format!(r#"{server},le="86400""#), 9 * scrape);
    line("wolkvox_row_lateness_seconds_count", server, 10 * scrape);
    line("wolkvox_quota_requests_used", server, 1100);
    line("wolkvox_quota_requests_limit", server, 1000);
    line("wolkvox_series", server, 95);
    line("wolkvox_series_limit", server, 100);
    line("wolkvox_clock_skew_seconds", server, 45);
    line("wolkvox_exporter_config_last_reload_successful", "", 0);
    out
}
