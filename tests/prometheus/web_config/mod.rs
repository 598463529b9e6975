//! Tests of the web configuration: the real binary over TLS, with client certificates and
//! passwords, while its files change; and the refusals of such a file, with line and remedy.

mod files;
mod scraped;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, Identity, StatusCode, header::HeaderValue};
use tempfile::TempDir;

use crate::support::authority::{Authority, Pair};
use crate::support::process::{DEADLINE, Process, bare};

/// Hashes a password at the lowest possible cost.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).expect("a hash")
}

/// A directory with `web.yml` and the files that it names.
struct Setup {
    directory: TempDir,
    authority: Authority,
}

impl Setup {
    fn new(yaml: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let setup = Self { directory, authority: Authority::new() };
        setup.write("ca.pem", &setup.authority.certificate);
        setup.renew(&setup.authority);
        setup.write("web.yml", yaml);
        setup
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("web.yml")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text)
            .expect("a temporary directory can be written to");
    }

    /// Writes another certificate for the server.
    fn renew(&self, by: &Authority) {
        let Pair { certificate, key } = by.pair();
        self.write("cert.pem", &certificate);
        self.write("key.pem", &key);
    }

    async fn start(&self) -> Running {
        let mut command = bare(self.directory.path());
        command
            .args(["demo", "--web.listen-address=127.0.0.1:0", "--web.config.file"])
            .arg(self.path());
        let mut process = Process::spawn(command);
        let address = process.address().await;
        Running { process, address }
    }
}

struct Running {
    process: Process,
    address: SocketAddr,
}

impl Running {
    /// Asks until the answer is as wanted.
    async fn until(&self, what: &str, mut wanted: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !wanted().await {
            assert!(
                Instant::now() < deadline,
                "not {what} within {DEADLINE:?}:\n{}",
                self.process.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

/// Makes a client that trusts `authority` alone and keeps no connection.
fn client(authority: &Authority, identity: Option<&Pair>) -> Client {
    let root = Certificate::from_pem(authority.certificate.as_bytes()).expect("a certificate");
    let builder = Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(30));
    let builder = match identity {
        Some(pair) => {
            let pem = format!("{}{}", pair.certificate, pair.key);
            builder.identity(Identity::from_pem(pem.as_bytes()).expect("an identity"))
        }
        None => builder,
    };
    builder.build().expect("a client")
}

async fn status(client: &Client, url: String, login: Option<(&str, &str)>) -> Option<StatusCode> {
    let request = client.get(url);
    let request = match login {
        Some((user, password)) => request.basic_auth(user, Some(password)),
        None => request,
    };
    request.send().await.ok().map(|answer| answer.status())
}

const TLS: &str = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";
const MUTUAL: &str = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";

#[tokio::test]
async fn who_has_certificate_and_password_is_let_in_and_nobody_else() {
    let yaml = format!(
        "{TLS}{MUTUAL}http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    \
         X-Frame-Options: deny\nbasic_auth_users:\n  ana: {}\n",
        hash("secreto")
    );
    let setup = Setup::new(&yaml);
    let running = setup.start().await;
    let mine = client(&setup.authority, Some(&setup.authority.pair()));
    let ready = async || status(&mine, running.url("/-/ready"), None).await == Some(StatusCode::OK);
    running.until("ready", ready).await;

    let good = mine.get(running.url("/metrics")).basic_auth("ana", Some("secreto")).send().await;
    let good = good.expect("an answer");
    assert_eq!(good.status(), 200);
    assert_eq!(good.headers()["strict-transport-security"], HeaderValue::from_static("max-age=60"));
    assert_eq!(good.headers()["x-frame-options"], HeaderValue::from_static("deny"));
    assert!(good.text().await.expect("text").contains("wolkvox_exporter_build_info"));

    for (login, expected) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some(("ana", "secret")), StatusCode::UNAUTHORIZED),
        (Some(("ana", "")), StatusCode::UNAUTHORIZED),
        (Some(("eva", "secreto")), StatusCode::UNAUTHORIZED),
        (Some(("ana", "secreto")), StatusCode::OK),
    ] {
        for path in ["/metrics", "/"] {
            assert_eq!(
                status(&mine, running.url(path), login).await,
                Some(expected),
                "{login:?} {path}"
            );
        }
    }
    // A path that does not exist reveals nothing to a stranger either; the two probes are open to
    // everybody.
    assert_eq!(status(&mine, running.url("/no"), None).await, Some(StatusCode::UNAUTHORIZED));
    assert_eq!(status(&mine, running.url("/-/healthy"), None).await, Some(StatusCode::OK));
    let refused = mine.get(running.url("/")).send().await.expect("an answer");
    assert!(
        refused.headers()["www-authenticate"].to_str().is_ok_and(|said| said.starts_with("Basic "))
    );
    assert_eq!(refused.headers()["x-frame-options"], HeaderValue::from_static("deny"));

    // Without a certificate, or with one of another authority, there is no connection.
    let stranger = Authority::new();
    for identity in [None, Some(stranger.pair())] {
        let other = client(&setup.authority, identity.as_ref());
        assert_eq!(status(&other, running.url("/-/healthy"), Some(("ana", "secreto"))).await, None);
    }
    // A client that speaks plain HTTP gets an explanation.
    let plain = Client::builder().no_proxy().build().expect("a client");
    let answer =
        plain.get(format!("http://{}/metrics", running.address)).send().await.expect("an answer");
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.expect("text").contains("scheme: https"));
    assert!(!running.process.log().contains("secreto"));
}

#[tokio::test]
async fn a_renewed_certificate_and_a_changed_password_need_no_restart() {
    let setup = Setup::new(&format!("{TLS}basic_auth_users: {{ana: \"{}\"}}\n", hash("uno")));
    let running = setup.start().await;
    let mine = client(&setup.authority, None);
    // A client that keeps its connection, as Prometheus does.
    let root =
        Certificate::from_pem(setup.authority.certificate.as_bytes()).expect("a certificate");
    let kept = Client::builder().no_proxy().tls_certs_only([root]).build().expect("a client");
    let good = |client: &Client, password: &'static str| {
        let (client, url) = (client.clone(), running.url("/metrics"));
        async move { status(&client, url, Some(("ana", password))).await == Some(StatusCode::OK) }
    };
    running.until("ready", async || good(&kept, "uno").await).await;

    // With a certificate of another authority, only clients that trust that one can connect.
    let next = Authority::new();
    setup.renew(&next);
    let theirs = client(&next, None);
    running.until("renewed", async || good(&theirs, "uno").await).await;
    assert!(!good(&mine, "uno").await && !good(&kept, "uno").await);

    // A file that cannot be used is reported, and the old rules stay in force.
    let broken = format!("{TLS}basic_auth_user:\n  ana: {}\n", hash("dos"));
    setup.write("web.yml", &broken);
    let told = async || running.process.log().contains("the one before it stays in force");
    running.until("told of", told).await;
    let log = running.process.log();
    assert!(
        log.contains(
            "web.yml:4:1: unknown key `basic_auth_user`: did you mean `basic_auth_users`?"
        ),
        "{log}"
    );
    assert!(good(&theirs, "uno").await && !good(&theirs, "dos").await);

    setup.write("web.yml", &broken.replace("auth_user:", "auth_users:"));
    running.until("changed", async || good(&theirs, "dos").await).await;
    assert!(!good(&theirs, "uno").await);
    assert_eq!(running.process.log().matches("stays in force").count(), 1, "said once");
}

#[tokio::test]
async fn wrong_passwords_do_not_keep_scrapes_out() {
    // At the usual cost a check takes about 60 ms, so 50 a second are three times as many as one
    // processor can do.
    let hash = bcrypt::hash("secreto", 10).expect("a hash");
    let setup = Setup::new(&format!("{TLS}basic_auth_users: {{ana: \"{hash}\"}}\n"));
    let running = setup.start().await;
    let mine = client(&setup.authority, None);
    let metrics = || running.url("/metrics");
    let login = Some(("ana", "secreto"));
    running
        .until("ready", async || status(&mine, metrics(), login).await == Some(StatusCode::OK))
        .await;

    let mut guesses = tokio::task::JoinSet::new();
    let (mut slowest, mut tick) =
        (Duration::ZERO, tokio::time::interval(Duration::from_millis(20)));
    for guess in 0..250 {
        tick.tick().await;
        let (client, url) = (mine.clone(), metrics());
        let user = if guess % 2 == 0 { "ana" } else { "nadie" };
        guesses.spawn(async move { status(&client, url, Some((user, "adivina"))).await });
        if guess % 25 == 24 {
            let asked = Instant::now();
            assert_eq!(status(&mine, metrics(), login).await, Some(StatusCode::OK));
            slowest = slowest.max(asked.elapsed());
        }
    }
    assert!(slowest < Duration::from_secs(1), "a scrape took {slowest:?}");
    let answers = guesses.join_all().await;
    let count = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
    let (wrong, busy) = (count(StatusCode::UNAUTHORIZED), count(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(wrong + busy, 250, "{answers:?}");
    assert!(wrong > 0, "some were checked");
}

#[tokio::test]
async fn a_bad_file_ends_the_start() {
    let setup = Setup::new("tls_server_config: {cert_file: no.pem, key_file: key.pem}\n");
    let mut command = bare(setup.directory.path());
    command.args(["--wolkvox.server=0042", "--web.config.file=web.yml"]).env("WOLKVOX_TOKEN", "x");
    let mut process = Process::spawn(command);
    assert_eq!(process.exit(DEADLINE).await.code(), Some(1));
    let said = process.log();
    assert!(
        said.contains("web.yml:1:32: tls_server_config.cert_file: cannot read no.pem"),
        "{said}"
    );

    setup.write("web.yml", TLS);
    let mut command = bare(setup.directory.path());
    command.args(["--wolkvox.server=0042", "--web.config.file=web.yml", "--config.check"]);
    let mut process = Process::spawn({
        command.env("WOLKVOX_TOKEN", "x");
        command
    });
    assert!(process.exit(DEADLINE).await.success(), "{}", process.log());
    assert!(process.output().contains("  config_file: web.yml\n"), "{}", process.output());
}
