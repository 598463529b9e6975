//! Tests with a real proxy (tinyproxy, Debian's `tinyproxy-bin`): the real binary reaches a server
//! with TLS, the proxy sees no token, and problems of the proxy are reported as such.

mod proxy;

use std::{fs, path::PathBuf, process::Output};

use crate::support::api::{self, Api, TOKEN};
use crate::support::process;
use crate::support::self_signed::self_signed;
use proxy::Proxy;

/// A server with TLS in front of a simulated Wolkvox, and the authority that certified it.
struct Server {
    url: String,
    port: u16,
    authority: PathBuf,
    directory: tempfile::TempDir,
    api: Api,
}

impl Server {
    async fn start() -> Self {
        let api = Api::start(|_| {}).await;
        let (address, certificate) = self_signed(Some(api.address)).await;
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let authority = directory.path().join("authority.pem");
        fs::write(&authority, certificate).expect("it can be written");
        Self {
            url: format!("https://localhost:{}", address.port()),
            port: address.port(),
            authority,
            directory,
            api,
        }
    }

    /// Runs the binary with these arguments and variables.
    async fn says(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = process::bare(self.directory.path());
        command.args(args).env("WOLKVOX_TOKEN", TOKEN).env("WOLKVOX_CA_FILE", &self.authority);
        command.env("WOLKVOX_TIMEZONE", api::noon_name());
        command.envs(variables.iter().copied());
        tokio::task::spawn_blocking(move || command.output().expect("it starts"))
            .await
            .expect("it was run")
    }

    async fn doctor(&self, proxy_url: &str) -> (Option<i32>, String) {
        let proxy = format!("--wolkvox.proxy-url={proxy_url}");
        let output = self.says(&["doctor", "--wolkvox.server", &self.url, &proxy], &[]).await;
        (output.status.code(), words(&output.stdout))
    }
}

/// Returns the text with each run of white space as one space.
fn words(text: &[u8]) -> String {
    String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_proxy_is_asked_to_connect_and_sees_no_token() {
    let (server, proxy) = (Server::start().await, Proxy::start("").await);
    let (code, said) = server.doctor(&proxy.url()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("through the proxy {}, as --wolkvox.proxy-url", proxy.url())),
        "{said}"
    );
    assert!(said.contains("[ok] TLS the certificate is trusted"), "{said}");
    assert!(server.api.requests() > 0, "nobody asked");
    let seen = proxy.seen();
    let text = String::from_utf8_lossy(&seen);
    assert!(
        text.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port)),
        "{text:.60}"
    );
    for secret in [TOKEN, "wolkvox-token", "diagram_13"] {
        assert!(!text.contains(secret), "the proxy saw {secret}");
    }
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_password_gets_it_and_nobody_else_does() {
    let (server, proxy) = (Server::start().await, Proxy::start("BasicAuth user hunter2").await);
    let with = proxy.url().replace("http://", "http://user:hunter2@");
    let (code, said) = server.doctor(&with).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let (code, said) = server.doctor(&proxy.url()).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("through the proxy {}: ", proxy.url())), "{said}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there() {
    let server = Server::start().await;
    let (code, said) = server.doctor("http://127.0.0.1:9").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("127.0.0.1:9 refuses the connection") && said.contains("This is the proxy"),
        "{said}"
    );
    assert_eq!(server.api.requests(), 0, "it was asked past the proxy");
}

#[tokio::test]
async fn the_environments_proxy_serves_whom_it_does_not_except() {
    let (server, proxy) = (Server::start().await, Proxy::start("").await);
    let (args, url) = (["doctor", "--wolkvox.server=https://wv0042.invalid"], proxy.url());
    let said = server.says(&args, &[("HTTPS_PROXY", &url)]).await;
    // The proxy resolves the name, not this machine, and fails.
    let text = words(&said.stdout);
    assert!(text.contains("as HTTPS_PROXY says") && !text.contains("has no address"), "{text}");
    assert!(proxy.seen().starts_with(b"CONNECT wv0042.invalid:443 "), "{text}");
    let said = server.says(&args, &[("https_proxy", &url), ("no_proxy", "invalid")]).await;
    let text = words(&said.stdout);
    assert!(
        text.contains("past the proxy, as NO_PROXY says") && text.contains("has no address"),
        "{text}"
    );
}

#[tokio::test]
async fn the_check_of_the_configuration_says_which_way_is_taken() {
    let server = Server::start().await;
    let file = server.directory.path().join("wolkvox.yaml");
    let yaml = "targets:\n- server: \"0042\"\n  proxy_url: http://fixed.example:3128\n";
    fs::write(&file, yaml).expect("it can be written");
    let check = ["--config.file=wolkvox.yaml", "--config.check"];
    let said = server.says(&check, &[("HTTPS_PROXY", "http://other.example:3128")]).await;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = "  connection: through the proxy http://fixed.example:3128 (wolkvox.yaml:3:14: targets[0].proxy_url)";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("authority.pem only"), "{text}");

    let missing = server.directory.path().join("missing.pem");
    let variables = [("SSL_CERT_FILE", missing.to_str().expect("a plain path"))];
    let said = server.says(&["--wolkvox.server=0042", "--config.check"], &variables).await;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        !said.status.success() && text.contains("error: SSL_CERT_FILE: cannot read "),
        "{text}"
    );
}
