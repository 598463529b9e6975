//! A real proxy behind a tap that records everything clients send to it.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{debian, process::own_address};

/// A running proxy, which ends when this is dropped.
pub(crate) struct Proxy {
    child: Child,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    _directory: tempfile::TempDir,
}

impl Proxy {
    /// Starts a proxy with this additional line in its configuration.
    pub(crate) async fn start(line: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let behind = own_address();
        let file = directory.path().join("tinyproxy.conf");
        let text = format!(
            "Port {}\nListen {}\nTimeout 30\nMaxClients 10\n{line}\n",
            behind.port(),
            behind.ip()
        );
        fs::write(&file, text).expect("it can be written");
        let child = debian::command("tinyproxy")
            .args(["-d", "-c"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tinyproxy starts");
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(behind).await.is_err() {
            assert!(Instant::now() < deadline, "tinyproxy does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let tap = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = tap.local_addr().expect("it is bound");
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        tokio::spawn(listen(tap, behind, Arc::clone(&seen)));
        Self { child, address, seen, _directory: directory }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all bytes that clients sent.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // If the proxy has ended by itself, both fail, and neither is needed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn listen(tap: TcpListener, behind: SocketAddr, seen: Arc<Mutex<Vec<u8>>>) {
    while let Ok((client, _)) = tap.accept().await {
        let proxy = TcpStream::connect(behind).await.expect("the proxy listens");
        let ((mut from_client, mut to_client), (mut from_proxy, mut to_proxy)) =
            (client.into_split(), proxy.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut from_proxy, &mut to_client).await });
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16 * 1024];
            // Either side may close the connection at any time.
            while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                seen.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&buffer[..read]);
                if to_proxy.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        });
    }
}
