//! Diagnoses outside Wolkvox: names, ports, certificates, proxies, languages and files.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::doctor::{doctor, run};
use crate::support::{
    api::{Api, TOKEN, noon_name},
    front::{Front, http},
    process,
    self_signed::self_signed,
};

#[tokio::test]
async fn a_closed_port() {
    let url = format!("http://{}", process::own_address());
    let said = doctor(&url, &[], &[]).await;
    let texts = ["refuses the connection", "allow-list, at most 5", "requests 0 of at most 10"];
    said.assert_to_do("closed port", &texts);
    let said = doctor(&url, &["--lang=es"], &[]).await;
    said.assert_to_do(
        "closed port",
        &["rechaza la conexión", "direcciones permitidas", "5 como máximo"],
    );
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    // A name that is reserved never to exist.
    let said = doctor("https://wv0042.invalid", &[], &[]).await;
    said.assert_to_do(
        "name",
        &["[!!] name wv0042.invalid has no address", "getent hosts wv0042.invalid"],
    );
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts() {
    let url = format!("https://localhost:{}", self_signed(None).await.0.port());
    let said = doctor(&url, &[], &[]).await;
    // The handshake fails before a request is sent.
    let texts =
        ["[!!] TLS the TLS handshake failed", "ca-certificates", "requests 0 of at most 10"];
    said.assert_to_do("TLS", &texts);
    let said = doctor(&url, &["--lang=es"], &[]).await;
    said.assert_to_do("TLS", &["[!!] TLS la negociación TLS falló", "almacén de certificados"]);
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority() {
    let api = Api::start(|_| {}).await;
    let (address, certificate) = self_signed(Some(api.address)).await;
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let store = directory.path().join("trusted.pem");
    fs::write(&store, certificate).expect("it can be written");
    let trusting = [("SSL_CERT_FILE", store.to_str().expect("a plain path"))];
    let said = doctor(&format!("https://localhost:{}", address.port()), &[], &trusting).await;
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.has("[ok] name localhost is "), "{}", said.out);
    assert!(said.has("[ok] TLS the certificate is trusted"), "{}", said.out);
    // The certificate names another server.
    let said = doctor(&format!("https://{address}"), &[], &trusting).await;
    said.assert_to_do("another name", &["[!!] TLS the TLS handshake failed", "the server's name"]);
}

#[tokio::test]
async fn a_web_page_from_everywhere() {
    let front = Front::start(vec![http("200 OK", "<html>sign in</html>")], None).await;
    let said = doctor(&front.url(), &[], &[]).await;
    said.assert_to_do(
        "page",
        &["[--] quota the server does not give it", "not JSON, but a web page"],
    );
}

#[tokio::test]
async fn something_that_is_no_web_server() {
    let front = Front::start(vec![b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()], None).await;
    let said = doctor(&front.url(), &[], &[]).await;
    said.assert_to_do("ssh", &["[!!] connection the head of the answer cannot be read"]);
}

#[tokio::test]
async fn the_language_is_that_of_the_locale_unless_told() {
    let api = Api::empty().await;
    for (args, variables, spanish) in [
        (&[][..], &[][..], false),
        (&[], &[("LANG", "es_CO.UTF-8")], true),
        (&[], &[("LANG", "es_CO.UTF-8"), ("LC_ALL", "C.UTF-8")], false),
        (&[], &[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "es_MX.UTF-8")], true),
        (&[], &[("LANG", "es_CO.UTF-8"), ("LC_ALL", "")], true),
        (&["--lang=en"], &[("LANG", "es_CO.UTF-8")], false),
        (&["--lang=ES"], &[], true),
        (&[], &[("WOLKVOX_LANG", "es")], true),
    ] {
        let said = doctor(&api.url(), args, variables).await;
        assert_eq!(said.has("Operación"), spanish, "{args:?} {variables:?}: {}", said.out);
        assert_eq!(said.has("Target"), !spanish, "{args:?} {variables:?}: {}", said.out);
    }
}

#[tokio::test]
async fn every_target_of_a_file_is_looked_at() {
    let (good, empty) = (Api::start(|_| {}).await, Api::empty().await);
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let token = directory.path().join("token");
    fs::write(&token, TOKEN).expect("it can be written");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let zone = noon_name();
    let target = |name: &str, api: &Api| {
        serde_json::json!({
            "name": name, "server": api.url(), "token_file": "token", "timezone": zone, "licences": 7
        })
    };
    let file =
        serde_json::json!({ "targets": [target("ventas", &good), target("soporte", &empty)] });
    fs::write(directory.path().join("file.yml"), file.to_string()).expect("it can be written");
    let mut command = process::bare(directory.path());
    command.args(["doctor", "--config.file=file.yml"]);
    let said = run(command).await;
    let texts =
        ["Target ventas", "Target soporte", "the configuration says 7 licences", "To do: 3."];
    said.assert_to_do("two", &texts);
    assert!(!directory.path().join("data").exists(), "it touched the state");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_told_and_nothing_is_asked() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let mut command = process::bare(directory.path());
    command.args(["doctor", "--lang=es", "--wolkvox.server=42", "--wolkvox.timezone=Bogota"]);
    let said = run(command).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    for text in
        ["Corrija primero esto", "¿quiso decir \"0042\"?", "`America/Bogota`", "no hay token"]
    {
        assert!(said.has(text), "{text:?} is not in\n{}", said.out);
    }
}

/// Doctor must name an answer that is not Wolkvox's as such, and must never report the token as
/// accepted without having checked it.
#[tokio::test]
async fn answers_that_are_not_wolkvoxs() {
    let with = |headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
            .into_bytes()
    };
    let cookies: String = (0..150).map(|n| format!("Set-Cookie: c{n}=x\r\n")).collect();
    let rows =
        r#"{"code":"200","data":[{"rp_id":"10","conn_id":"1.2","date":"25/11/2026 16:00:00"}]}"#;
    for (answer, english, spanish) in [
        (
            with("", r#"{"message":"Unauthorized"}"#),
            "is JSON, but not a report",
            "es JSON, pero no un reporte",
        ),
        (with("", "{}"), "is JSON, but not a report", "es JSON, pero no un reporte"),
        (
            http("404 Not Found", "<html>"),
            "HTTP 404, but not the one with which Wolkvox",
            "pero no la que Wolkvox da",
        ),
        (http("403 Forbidden", "<html>"), "web firewall", "firewall web"),
        (
            with(&cookies, "{}"),
            "head of the answer cannot be read",
            "la cabecera de la respuesta no se puede leer",
        ),
        (with("Content-Encoding: br\r\n", "x"), "encoded as br", "codificada como br"),
        (
            with("", rows),
            "`date` has the shape `99/99/9999 99:99:99`",
            "`date` tiene la forma `99/99/9999 99:99:99`",
        ),
    ] {
        let front = Front::start(vec![answer], None).await;
        for (language, text) in [("en", english), ("es", spanish)] {
            let said = doctor(&front.url(), &[&format!("--lang={language}")], &[]).await;
            said.assert_to_do(text, &[text]);
            assert!(!said.has("token accepted") && !said.has("token aceptado"), "{}", said.out);
            assert!(!said.has("allow-list, at most 5"), "{}", said.out);
        }
    }
}

#[tokio::test]
async fn quotes_of_an_env_file_are_pointed_out() {
    let said = doctor("\"0042\"", &[], &[]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.has("in quotes"), "{}", said.out);
    let quoted = format!("\"{TOKEN}\"");
    let said = doctor("0042", &[], &[("WOLKVOX_TOKEN", &quoted)]).await;
    assert!(said.has("in quotes") && !said.has(TOKEN), "{}", said.out);
}
