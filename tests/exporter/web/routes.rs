//! Tests of every route, status and header.

use std::{collections::BTreeMap, sync::Arc};

use wolkvox_exporter::{
    config::{Secret, WebRules},
    web::{Access, Readiness, ServerLimits},
};

use crate::web::{
    client::{ask, get},
    start, start_with,
};

#[tokio::test(start_paused = true)]
async fn every_route_answers_get_and_head_alike() {
    let server = start("/metrics", ServerLimits::default()).await;
    for (path, status, kind, text) in [
        (
            "/metrics",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            "hits_total{cod_opc_menu=\"opción 2\"} 2\n",
        ),
        (
            "/metrics?name=x",
            200,
            "text/plain; version=0.0.4; charset=utf-8",
            "process_open_fds 9\n",
        ),
        ("/", 200, "text/html; charset=utf-8", "<a href=\"metrics\">"),
        ("/status.json", 200, "application/json", "\"server\":\"0042\""),
        ("/-/healthy", 200, "text/plain; charset=utf-8", "healthy"),
        ("/-/ready", 200, "text/plain; charset=utf-8", "ready"),
        ("/metric", 404, "text/plain; charset=utf-8", "/metrics"),
        ("/metrics/", 404, "text/plain; charset=utf-8", "/metrics"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(kind)), "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.is_whole(), "{path}");

        let head = ask(&server, "HEAD", path, "").await;
        assert_eq!(head.undated(), answer.undated(), "{path}");
        assert_eq!(head.body, b"", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_told_which_are_allowed() {
    let server = start("/metrics", ServerLimits::default()).await;
    for path in ["/metrics", "/", "/status.json", "/-/healthy", "/-/ready"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
            let answer = ask(&server, method, path, "").await;
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some("GET, HEAD")),
                "{method} {path}"
            );
        }
    }
    assert_eq!(ask(&server, "POST", "/nowhere", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_telemetry_path_is_where_it_was_configured() {
    let server = start("/wolkvox/m\"etrics", ServerLimits::default()).await;
    assert_eq!(get(&server, "/metrics").await.status, 404);
    assert!(get(&server, "/metrics").await.text().contains("/wolkvox/m"));
    assert!(get(&server, "/").await.text().contains("<a href=\"wolkvox/m&quot;etrics\">"));
    let server = start("/", ServerLimits::default()).await;
    assert!(get(&server, "/").await.text().starts_with("# HELP"));
}

#[tokio::test(start_paused = true)]
async fn readiness_says_why_not() {
    let server = start("/metrics", ServerLimits::default()).await;
    server
        .readiness
        .store(Arc::new(Readiness::NotReady("the state is being <restored>".to_owned())));
    let answer = get(&server, "/-/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("the state is being <restored>"));
    assert!(get(&server, "/").await.text().contains("being &lt;restored&gt;"));
    assert_eq!(get(&server, "/-/healthy").await.status, 200);
    // Without the counters the series would seem to vanish, so the scrape must fail instead.
    let answer = get(&server, "/metrics").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.text().contains("not ready: the state is being <restored>")
            && !answer.text().contains("# HELP")
    );
    server.readiness.store(Arc::new(Readiness::Ready));
    assert_eq!(get(&server, "/metrics").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_status_page_shows_each_target_and_runs_nothing() {
    let server = start("/metrics", ServerLimits::default()).await;
    let answer = get(&server, "/").await;
    for text in [
        "0.0.0-test",
        "0042",
        "says &lt;b&gt;no&lt;/b&gt;.",
        "14:35",
        "6 min ago",
        "<a href=\"-/healthy\">",
    ] {
        assert!(answer.text().contains(text), "{text}");
    }
    assert!(!answer.text().contains("<script") && !answer.text().contains("style=\""));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test(start_paused = true)]
async fn page_and_json_come_in_the_language_that_is_wanted() {
    let server = start("/metrics", ServerLimits::default()).await;
    for (query, header, language) in [
        ("", "", "en"),
        ("", "Accept-Language: es-CO,es;q=0.9,en;q=0.8\r\n", "es"),
        ("", "Accept-Language: fr, *;q=0.1\r\n", "en"),
        ("", "Accept-Language: en;q=0.1\r\nAccept-Language: es\r\n", "es"),
        ("?lang=es", "Accept-Language: en\r\n", "es"),
        ("?lang=en", "Accept-Language: es\r\n", "en"),
        ("?lang=xx", "Accept-Language: es\r\n", "es"),
        ("", "Accept-Language: \u{00ff}\r\n", "en"),
    ] {
        let (said, html) = match language {
            "es" => ("La última lectura falló", "<html lang=\"es\">"),
            _ => ("The last poll failed", "<html lang=\"en\">"),
        };
        for (path, mark) in [("/", html), ("/status.json", &format!("\"language\":\"{language}\""))]
        {
            let answer = ask(&server, "GET", &format!("{path}{query}"), header).await;
            assert!(
                answer.text().contains(said) && answer.text().contains(mark),
                "{path}{query} {header}"
            );
            assert_eq!(answer.header("content-language"), Some(language), "{path}{query} {header}");
            assert_eq!(answer.header("vary"), Some("Accept-Language"));
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn runbooks_are_pages_in_the_language_that_is_wanted() {
    let server = start("/metrics", ServerLimits::default()).await;
    for (path, language, text) in [
        ("/runbooks/WolkvoxTokenRejected", "en", "What to do"),
        ("/runbooks/WolkvoxTokenRejected?lang=es", "es", "Qué hacer"),
        ("/runbooks/WolkvoxTokenRejected.md?lang=es", "es", "Qué hacer"),
        ("/runbooks/?lang=es", "es", "WolkvoxMenuOptionDropOff"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(text), "{path}");
        assert_eq!(answer.header("content-language"), Some(language), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    for path in ["/runbooks/WolkvoxNothing", "/runbooks/../status.json", "/runbooks"] {
        assert_eq!(get(&server, path).await.status, 404, "{path}");
    }
    assert_eq!(ask(&server, "POST", "/runbooks/WolkvoxTokenRejected", "").await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn runbooks_are_for_those_who_may_see_the_page() {
    let hash =
        Secret::new("$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi".to_owned());
    let users = BTreeMap::from([("ana".to_owned(), hash)]);
    let access = Access::new(WebRules { users, ..WebRules::default() }, [7; 16]);
    let server = start_with("/metrics", ServerLimits::default(), access).await;
    for path in ["/", "/runbooks/", "/runbooks/WolkvoxTokenRejected"] {
        assert_eq!(get(&server, path).await.status, 401, "{path}");
    }
}
