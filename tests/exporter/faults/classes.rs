//! Tests of every error class through the real binary, except those that would take minutes: see
//! `limits`.

use simulator_testing::Fault;
use wolkvox_exporter::wolkvox::ErrorClass;

use crate::faults::limits;
use crate::support::{
    api::Api,
    fleet::Supervisor,
    front::{Front, http},
    process::own_address,
    self_signed::self_signed,
};

/// Returns faults of the simulator, each with the name of its target and its class.
fn faults() -> Vec<(&'static str, &'static str, Fault)> {
    vec![
        ("500", "http_5xx", Fault::Http500),
        ("503", "http_5xx", Fault::Http503),
        ("bad-request", "bad_request", Fault::BadRequest),
        ("unknown-api", "bad_request", Fault::UnknownApi),
        ("redirect", "bad_request", Fault::Redirect { to: "http://127.0.0.1:9/".to_owned() }),
        ("token-missing", "token_missing", Fault::TokenMissing),
        ("token-invalid", "token_invalid", Fault::TokenInvalid),
        ("quota", "quota_exhausted", Fault::QuotaExhausted),
        ("concurrency", "concurrency", Fault::Concurrency),
        ("maintenance", "maintenance", Fault::Maintenance),
        ("error-in-ok", "maintenance", Fault::ErrorInOk),
        ("429", "throttled", Fault::Throttled { retry_after: None }),
        ("429-with-wait", "throttled", Fault::Throttled { retry_after: Some(60) }),
        ("html", "not_json", Fault::NotJson),
        ("php-warning", "not_json", Fault::PhpWarning),
        ("bare-list", "schema", Fault::WrongSchema),
        ("too-few-rows", "truncated", Fault::Truncated),
        ("no-data", "truncated", Fault::DataMissing),
        ("data-null", "truncated", Fault::DataNull),
        ("half-gzip", "truncated", Fault::HalfGzip),
        ("cut-json", "truncated", Fault::CutJson),
        ("reset", "connect", Fault::Reset),
    ]
}

/// Starts servers for the failures that the simulator cannot cause. Returns names, classes and
/// URLs.
async fn raw() -> Vec<(&'static str, &'static str, String)> {
    let canned = async |bytes: Vec<u8>| Front::start(vec![bytes], None).await;
    let plain_on_https = canned(http("400 Bad Request", "plain HTTP here")).await.address;
    vec![
        ("closed-port", "connect", format!("http://{}", own_address())),
        ("self-signed", "tls", format!("https://localhost:{}", self_signed(None).await.0.port())),
        ("plain-on-https", "tls", format!("https://localhost:{}", plain_on_https.port())),
        ("418", "bad_request", canned(http("418 I'm a teapot", "no")).await.url()),
        ("600", "bad_request", canned(http("600 Beyond", "no")).await.url()),
        ("empty-200", "not_json", canned(http("200 OK", "")).await.url()),
        ("no-http", "connect", canned(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()).await.url()),
        (
            "short-length",
            "truncated",
            canned(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"code\":\"200\",".to_vec())
                .await
                .url(),
        ),
        (
            "cut-at-a-chunk",
            "truncated",
            canned(http("200 OK", r#"{"code":"200","msg":"2 records","data":[{"rp_id":"10"},"#))
                .await
                .url(),
        ),
    ]
}

#[tokio::test]
async fn every_class_is_provoked_and_counted() {
    let mut fleet = Supervisor::new();
    let mut expected = Vec::new();
    let mut apis = Vec::new();
    for (name, class, fault) in faults() {
        // A fault whose only symptom is the number of rows would be halved down to single seconds
        // for ever.
        let api = Api::start(|_| {}).await;
        let api = match fault {
            Fault::Truncated | Fault::DataMissing | Fault::DataNull => api.times(fault, 3),
            _ => api.always(fault),
        };
        fleet.add(name, &api.url());
        expected.push((name, class));
        apis.push(api);
    }
    for (name, class, url) in raw().await {
        fleet.add(name, &url);
        expected.push((name, class));
    }
    let exporter = fleet.start().await;
    // Every class is shown at 0 from the start, and only the expected one rises.
    for (name, class) in &expected {
        let scrape = exporter
            .wait_for(&format!("{name}: {class}"), |scrape| scrape.errors(name, class) > 0.0)
            .await;
        assert_eq!(scrape.classes("wolkvox_api_errors_total", name), [*class], "{name}");
        let all = scrape.all("wolkvox_api_errors_total", &[("server", name)]).len();
        assert_eq!(all, ErrorClass::ALL.len(), "{name}");
        if *class == "truncated" {
            continue;
        }
        assert!(!scrape.up(name), "{name}");
        assert_eq!(
            scrape.sum("wolkvox_menu_option_hits_total", &[("server", name)]),
            None,
            "{name}"
        );
        assert_eq!(
            scrape.sum("wolkvox_menu_window_end_timestamp_seconds", &[("server", name)]),
            None,
            "{name}"
        );
    }
    // Classes that another try cannot change must end the poll at once.
    for (name, class) in expected {
        let at_once = [
            "bad_request",
            "token_missing",
            "token_invalid",
            "quota_exhausted",
            "maintenance",
            "tls",
        ];
        if at_once.contains(&class) && !["418", "600", "redirect"].contains(&name) {
            exporter
                .wait_for(&format!("{name}: poll failed"), |s| s.failures(name, class) > 0.0)
                .await;
        }
    }
    // The status page must explain the same failure in words.
    for sentence in ["The token was refused", "The TLS handshake failed"] {
        exporter.wait_page(sentence).await;
    }
}

/// Each error class must be provoked by a test, here or in `limits`.
#[tokio::test]
async fn every_class_has_a_test() {
    let tested: Vec<&str> = faults()
        .into_iter()
        .map(|(_, class, _)| class)
        .chain(raw().await.into_iter().map(|(_, class, _)| class))
        .chain(limits::CLASSES)
        .collect();
    for class in ErrorClass::ALL {
        assert!(tested.contains(&class.as_str()), "{}", class.as_str());
    }
}
