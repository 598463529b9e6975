//! The real Alertmanager with the shipped configuration, and the webhook that it calls.
//!
//! `WOLKVOX_TEST_ALERTMANAGER` has the path of the binary, set by `scripts/test`. If that finds
//! neither Go nor an Alertmanager, it reports so and sets the value `none`, which skips the test.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tempfile::TempDir;

use crate::support::process::{Process, client, own_address};

const VARIABLE: &str = "WOLKVOX_TEST_ALERTMANAGER";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// An alert as the webhook received it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// `firing` or `resolved`.
    pub(crate) status: String,
    /// Name of the receiver.
    #[serde(default)]
    pub(crate) receiver: String,
}

impl Alert {
    pub(crate) fn name(&self) -> &str {
        self.label("alertname")
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).map_or("", String::as_str)
    }
}

#[derive(Deserialize)]
struct Message {
    receiver: String,
    alerts: Vec<Alert>,
}

/// Returns the path of the binary; `None` if there is none.
pub(crate) fn binary() -> Option<PathBuf> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).unwrap_or_else(|| {
        panic!(
            "{VARIABLE} is not set: run scripts/test, which gets what this test needs and sets it"
        )
    });
    Some(PathBuf::from(path)).filter(|path| path.as_os_str() != "none")
}

/// The receiver of notifications.
pub(crate) struct Webhook {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Alert>>>,
}

impl Webhook {
    pub(crate) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let received: Arc<Mutex<Vec<Alert>>> = Arc::default();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((peer, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| keep(request, Arc::clone(&kept)));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(peer), service),
                );
            }
        });
        Self { address, received }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns all alerts so far, each repetition as another one.
    pub(crate) fn received(&self) -> Vec<Alert> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Alert>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut answer = Response::new(Empty::new());
    match serde_json::from_slice::<Message>(&body) {
        Ok(message) => {
            let receiver = message.receiver;
            let alerts = message
                .alerts
                .into_iter()
                .map(|alert| Alert { receiver: receiver.clone(), ..alert });
            kept.lock().unwrap_or_else(PoisonError::into_inner).extend(alerts);
        }
        // Alertmanager logs the refusal.
        Err(_) => *answer.status_mut() = hyper::StatusCode::BAD_REQUEST,
    }
    Ok(answer)
}

/// A running Alertmanager, which is killed when this is dropped.
pub(crate) struct Alertmanager {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Alertmanager {
    /// Starts it with shorter waits, and with the webhook as its receivers.
    pub(crate) async fn start(binary: &Path, webhook: SocketAddr) -> Self {
        let waits =
            [("group_wait: 30s", "group_wait: 1s"), ("group_interval: 5m", "group_interval: 2s")];
        Self::start_with(binary, webhook, |config| replaced(config, &waits)).await
    }

    /// Starts it with the webhook as its receivers; `change` may change the configuration.
    pub(crate) async fn start_with(
        binary: &Path,
        webhook: SocketAddr,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be created");
        configure(folder.path(), webhook, change);
        let address = own_address();
        let mut command = Command::new(binary);
        command
            .args([
                "--config.file=alertmanager.yml",
                "--storage.path=data",
                "--cluster.listen-address=",
            ])
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path());
        let mut process = Process::spawn(command);
        let begun = Instant::now();
        let url = format!("http://{address}/-/ready");
        while !client().get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(process.running(), "Alertmanager has ended:\n{}", process.log());
            assert!(
                begun.elapsed() < READY_WITHIN,
                "Alertmanager is not ready:\n{}",
                process.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { address, _process: process, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Writes the shipped files, without the parts that depend on the day of the test.
fn configure(folder: &Path, webhook: SocketAddr, change: impl FnOnce(String) -> String) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/alertmanager");
    let config = fs::read_to_string(shipped.join("alertmanager.yml")).expect("it is shipped");
    let receivers = format!("http://{webhook}");
    let always = [
        ("http://localhost:5001", receivers.as_str()),
        ("mute_time_intervals: [night]", "mute_time_intervals: []"),
    ];
    let config = change(replaced(config, &always));
    let write = |path: &str, text: String| {
        fs::write(folder.join(path), text).expect("the temporary directory can be written");
    };
    write("alertmanager.yml", config);
    fs::create_dir(folder.join("templates")).expect("the temporary directory can be written");
    let template = "templates/wolkvox.es.tmpl";
    write(template, fs::read_to_string(shipped.join(template)).expect("it is shipped"));
}

/// Replaces texts, each of which must occur.
fn replaced(mut config: String, texts: &[(&str, &str)]) -> String {
    for (from, to) in texts {
        assert!(config.contains(from), "deploy/alertmanager/alertmanager.yml: {from}");
        config = config.replace(from, to);
    }
    config
}
