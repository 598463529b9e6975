//! Which way is taken, as tables.

use super::*;
use crate::config::Secret;

fn environment(proxy: &str, no_proxy: &str) -> Environment {
    let proxy = (!proxy.is_empty()).then(|| ("HTTPS_PROXY", Secret::new(proxy)));
    Environment { proxy, no_proxy: Some(no_proxy.to_owned()), ..Environment::default() }
}

/// What `--config.check` shows of the way to `server`, or the problem.
fn way(server: &str, proxy_url: Option<&str>, environment: &Environment) -> String {
    let mut findings = Diagnostics::default();
    let written = proxy_url.map(|text| WrittenText { text, place: "proxy_url".to_owned() });
    let choices = Choices { proxy: written, ca_file: None, in_file: true };
    let url = Url::parse(server).expect("a URL");
    match resolve(choices, &url, environment, &mut findings) {
        Some(egress) => egress.to_string(),
        None => findings.into_error().to_string(),
    }
}

#[test]
fn the_environment_decides_where_nothing_is_written() {
    let server = "https://wv0042.wolkvox.com/";
    for (proxy, excepted, expected) in [
        ("", "", "direct"),
        ("http://egress:3128", "", "through the proxy http://egress:3128 (HTTPS_PROXY)"),
        ("egress:3128", "", "through the proxy http://egress:3128 (HTTPS_PROXY)"),
        ("http://egress", "", "through the proxy http://egress:80 (HTTPS_PROXY)"),
        ("https://user:hunter2@egress", "", "through the proxy https://egress:443 (HTTPS_PROXY)"),
        ("egress:3128", "wolkvox.com", "direct (NO_PROXY)"),
        ("egress:3128", ".wolkvox.com", "direct (NO_PROXY)"),
        ("egress:3128", "example.org, wv0042.wolkvox.com", "direct (NO_PROXY)"),
        ("egress:3128", "*", "direct (NO_PROXY)"),
        (
            "egress:3128",
            "wv0043.wolkvox.com,10.0.0.0/8",
            "through the proxy http://egress:3128 (HTTPS_PROXY)",
        ),
        (
            "socks5://user:hunter2@egress",
            "",
            "HTTPS_PROXY: the scheme is socks5, which is not supported: write a proxy as http://HOST:PORT",
        ),
        (
            "http://hunter2@egress/path",
            "",
            "HTTPS_PROXY: a proxy has no path: write a proxy as http://HOST:PORT",
        ),
    ] {
        assert_eq!(
            way(server, None, &environment(proxy, excepted)),
            expected,
            "{proxy} {excepted}"
        );
    }
}

#[test]
fn networks_are_excepted_by_address() {
    let environment = environment("egress:3128", "10.0.0.0/8");
    assert_eq!(way("https://10.1.2.3/", None, &environment), "direct (NO_PROXY)");
    assert_eq!(
        way("https://11.1.2.3/", None, &environment),
        "through the proxy http://egress:3128 (HTTPS_PROXY)"
    );
}

#[test]
fn this_machine_and_plain_http_are_never_reached_through_the_environments_proxy() {
    let environment = environment("egress:3128", "");
    for server in
        ["https://127.0.0.1:8013/", "https://localhost/", "https://[::1]/", "http://10.1.2.3/"]
    {
        assert_eq!(way(server, None, &environment), "direct", "{server}");
    }
}

#[test]
fn what_is_written_wins_over_the_environment() {
    let (server, environment) = ("https://wv0042.wolkvox.com/", environment("egress:3128", "*"));
    assert_eq!(
        way(server, Some("http://fixed:8080"), &environment),
        "through the proxy http://fixed:8080 (proxy_url)"
    );
    assert_eq!(way(server, Some("direct"), &environment), "direct (proxy_url)");
    let refused = way(server, Some("http://user:hunter2@fixed:8080"), &environment);
    assert!(
        refused.contains("a password does not stand in this file") && !refused.contains("hunter2"),
        "{refused}"
    );
    let refused = way("http://10.1.2.3/", Some("http://fixed:8080"), &environment);
    assert!(refused.contains("would see the token"), "{refused}");
}

#[test]
fn a_password_is_shown_by_nothing() {
    let proxy = parse("http://user:hunter2@egress:3128").expect("a proxy");
    assert_eq!(format!("{proxy} {proxy:?}"), "http://egress:3128 http://egress:3128");
    assert_eq!(proxy.expose().password(), Some("hunter2"));
}

#[test]
fn authorities_that_are_named_in_vain_are_problems() {
    let directory = tempfile::tempdir().expect("a directory");
    let (missing, empty) = (directory.path().join("missing"), directory.path().join("empty"));
    fs::write(&empty, "no certificate").expect("written");
    for (path, part) in [(&missing, "cannot read"), (&empty, "holds no certificate")] {
        let reason = read_authorities(path).expect_err("refused").to_string();
        assert!(reason.contains(part) && reason.contains(&*path.to_string_lossy()), "{reason}");
        let mut findings = Diagnostics::default();
        let environment =
            Environment { ssl_cert_file: Some(path.clone()), ..Environment::default() };
        check_environment(&environment, &mut findings);
        let problem = findings.into_error().to_string();
        assert!(problem.starts_with("SSL_CERT_FILE: ") && problem.contains(part), "{problem}");
    }
    let mut findings = Diagnostics::default();
    let environment = Environment { ssl_cert_dirs: vec![missing], ..Environment::default() };
    check_environment(&environment, &mut findings);
    assert_eq!(findings.problems.len(), 1);
}
