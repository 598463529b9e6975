//! Tests that every Prometheus can scrape over TLS, with a client certificate and a password, also
//! while the certificate is renewed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::prometheus::{Prometheus, Target, binaries};
use crate::web_config::{MUTUAL, Setup, TLS, hash};

const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_prometheus_scrapes_with_certificate_and_password() {
    let yaml = format!("{TLS}{MUTUAL}basic_auth_users:\n  prometheus: {}\n", hash("secreto"));
    let setup = Setup::new(&yaml);
    let running = setup.start().await;
    let client = setup.authority.pair();
    setup.write("client.pem", &client.certificate);
    setup.write("client.key", &client.key);
    let file = |name: &str| setup.path().with_file_name(name).display().to_string();
    let with_certificate = json!({
        "ca_file": file("ca.pem"), "cert_file": file("client.pem"), "key_file": file("client.key"),
    });
    let target = |job: &str, tls: &Value, password: &str| {
        Target::new(job, running.address)
            .with("scheme", json!("https"))
            .with("tls_config", tls.clone())
            .with("basic_auth", json!({ "username": "prometheus", "password": password }))
    };
    let targets = [
        target("good", &with_certificate, "secreto"),
        target("wrong", &with_certificate, "secret"),
        target("bare", &json!({ "ca_file": file("ca.pem") }), "secreto"),
        Target::new("plain", running.address),
    ];
    let mut scrapers = Vec::new();
    for tool in binaries() {
        scrapers.push(Prometheus::start(&tool, &targets, &[]).await);
    }
    for prometheus in &scrapers {
        prometheus.wait_for("up{job=\"good\"} == 1", WITHIN, |up| !up.is_empty()).await;
        prometheus.wait_for("up == 0", WITHIN, |down| down.len() == 3).await;
        let counted = "wolkvox_exporter_build_info{job=\"good\"}";
        assert!(!prometheus.query(counted).await.is_empty(), "{}", prometheus.tool());
    }

    setup.renew(&setup.authority);
    let anew = async || running.process.log().contains("read anew");
    running.until("renewed", anew).await;
    for prometheus in &scrapers {
        let seen =
            |count: f64| move |series: &[(_, f64)]| series.first().is_some_and(|(_, n)| *n > count);
        let scrapes = "count_over_time(up{job=\"good\"}[10m])";
        let before = prometheus.query(scrapes).await.first().map_or(0.0, |(_, count)| *count);
        prometheus.wait_for(scrapes, WITHIN, seen(before + 3.0)).await;
        let lowest = prometheus.query("min_over_time(up{job=\"good\"}[10m])").await;
        assert!(
            lowest.iter().all(|(_, up)| *up == 1.0),
            "{}: a scrape failed: {lowest:?}",
            prometheus.tool()
        );
    }
}
