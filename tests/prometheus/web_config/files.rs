//! Tests of refusals and warnings about a web configuration, each with its line and a remedy.

use std::{fs, path::Path};

use wolkvox_exporter::config::WebRules;

use crate::support::authority::Authority;
use crate::web_config::{MUTUAL, Setup, TLS, hash};

/// Returns all problems of a web configuration, one a line.
fn refused(setup: &Setup, yaml: &str) -> String {
    setup.write("web.yml", yaml);
    let error = WebRules::read(&setup.path()).expect_err(yaml);
    error.to_string().replace(&format!("{}/", setup.directory.path().display()), "")
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_a_remedy() {
    let setup = Setup::new("");
    let other = Authority::new().pair();
    setup.write("other.pem", &other.key);
    setup.write("empty.pem", "");
    for (yaml, said) in [
        (
            "tls_server_config: {cert_file: cert.pem}",
            "web.yml:1:20: tls_server_config: TLS needs a `key_file`",
        ),
        ("tls_server_config: {min_version: TLS12}", "TLS needs a `cert_file`"),
        (
            "tls_server_config: {cert_file: no.pem, key_file: key.pem}",
            "cannot read no.pem: No such file",
        ),
        (
            "tls_server_config: {cert_file: key.pem, key_file: key.pem}",
            "there is no certificate in it",
        ),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: cert.pem}",
            "there is no private key in it",
        ),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: empty.pem}",
            "there is no private key in it",
        ),
        ("tls_server_config: {cert_file: cert.pem, key_file: other.pem}", "do not belong together"),
        (
            "tls_server_config: {cert_file: cert.pem, cert: x, key_file: key.pem}",
            "both `cert` and `cert_file`",
        ),
        (
            "tls_server_config: {certfile: cert.pem}",
            "unknown key `certfile`: did you mean `cert_file`?",
        ),
        (
            "basic_auth_users: {ana: secreto}",
            "web.yml:1:25: basic_auth_users.ana: this is no bcrypt hash",
        ),
        ("basic_auth_users: {ana: }", "a value is missing here"),
        ("http_server_config: {headers: {Server: x}}", "this header cannot be set"),
        ("http_server_config: {headers: {X-Frame-Options: no}}", "must be deny or sameorigin"),
        ("http_server_config: {http2: maybe}", "must be `true` or `false`"),
        ("rate_limit: {interval: 1s, burst: 20}", "the rate of requests cannot be limited here"),
    ] {
        let problems = refused(&setup, yaml);
        assert!(problems.contains(said), "{yaml}: {problems}");
        assert!(!problems.contains("secreto"), "{problems}");
    }
    for (line, said) in [
        ("client_ca_file: ca.pem", "add it, or take them away"),
        ("client_auth_type: RequireAndVerifyClientCert", "needs a `client_ca_file`"),
        (
            "client_auth_type: RequireAnyClientCert",
            "lets in whoever makes a certificate for himself",
        ),
        ("client_auth_type: requireandverify", "must be NoClientCert, VerifyClientCertIfGiven or"),
        ("client_allowed_sans: [prometheus]", "cannot be told apart by name here"),
        ("min_version: TLS14", "must be TLS12 or TLS13"),
        ("max_version: TLS11", "must be TLS12 or TLS13"),
        ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "cannot be had here: there are TLS_ECDHE_"),
        ("curve_preferences: [CurveP224]", "cannot be had here: there are "),
    ] {
        let problems = refused(&setup, &format!("{TLS}  {line}\n"));
        assert!(problems.starts_with("web.yml:") && problems.contains(said), "{line}: {problems}");
    }
    let swapped = refused(&setup, &format!("{TLS}  min_version: TLS13\n  max_version: TLS12\n"));
    assert!(swapped.contains("later than"), "{swapped}");
}

#[test]
fn what_only_half_fits_is_warned_of() {
    let setup = Setup::new("");
    let warnings = |yaml: &str| {
        setup.write("web.yml", yaml);
        let rules = WebRules::read(&setup.path()).expect(yaml);
        rules.warnings.iter().map(|warning| format!("{warning}\n")).collect::<String>()
    };
    for (yaml, said) in [
        (TLS.to_owned(), ""),
        (format!("{TLS}{MUTUAL}  min_version: TLS13\n"), ""),
        (
            format!("{TLS}  client_ca_file: ca.pem\n  client_auth_type: VerifyClientCertIfGiven\n"),
            "",
        ),
        (format!("{TLS}  curve_preferences: [X25519, CurveP256, CurveP384]\n"), ""),
        (
            format!(
                "{TLS}  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, \
                 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]\n"
            ),
            "",
        ),
        (
            "http_server_config: {http2: false, headers: {Content-Security-Policy: \"\"}}"
                .to_owned(),
            "",
        ),
        ("rate_limit: {interval: 0s}".to_owned(), ""),
        (format!("{TLS}  min_version: TLS10\n"), "too old to be spoken here"),
        (format!("{TLS}  curve_preferences: [CurveP521x, X25519]\n"), "is left out"),
        (format!("{TLS}http_server_config: {{http2: true}}\n"), "HTTP/2 is not spoken here"),
        (format!("basic_auth_users: {{ana: \"{}\"}}", hash("x")), "travel in the clear"),
    ] {
        let warnings = warnings(&yaml);
        assert!(
            warnings.contains(said) && said.is_empty() == warnings.is_empty(),
            "{yaml}: {warnings}"
        );
    }
    // Inline certificates, which the format also allows.
    let indent = |name: &str| {
        let path: &Path = &setup.directory.path().join(name);
        fs::read_to_string(path).expect("it is there").replace('\n', "\n    ")
    };
    let (cert, key) = (indent("cert.pem"), indent("key.pem"));
    assert_eq!(
        warnings(&format!("tls_server_config:\n  cert: |\n    {cert}\n  key: |\n    {key}\n")),
        ""
    );
}
