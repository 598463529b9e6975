//! A server that sends raw bytes, also such as no HTTP library would send.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// A server that answers its first connections with fixed bytes and a proper end, and forwards all
/// later ones.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Front {
    /// Starts it. Connections after those of `canned` are forwarded to `behind`; without it, the
    /// last of `canned` is repeated.
    pub(crate) async fn start(canned: Vec<Vec<u8>>, behind: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let seen = Arc::clone(&received);
        tokio::spawn(async move {
            for turn in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let answer = canned
                    .get(turn)
                    .or(if behind.is_none() { canned.last() } else { None })
                    .cloned();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    match (answer, behind) {
                        (Some(answer), _) => say(stream, &answer, &seen).await,
                        (None, Some(behind)) => hand_on(stream, behind).await,
                        (None, None) => {}
                    }
                });
            }
        });
        Self { address, received }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns all bytes that clients sent to this server itself.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads before it answers: a connection closed with unread bytes is reset, and its answer may be
/// lost.
async fn say(mut stream: TcpStream, answer: &[u8], seen: &Mutex<Vec<u8>>) {
    let mut buffer = vec![0; 4096];
    // A client that is gone needs no answer; the test sees the consequence.
    let Ok(read) = stream.read(&mut buffer).await else { return };
    seen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}

async fn hand_on(mut stream: TcpStream, behind: SocketAddr) {
    if let Ok(mut simulator) = TcpStream::connect(behind).await {
        // Either side may close the connection at any time.
        let _ = copy_bidirectional(&mut stream, &mut simulator).await;
    }
}

/// Returns an answer with this status line and body.
pub(crate) fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}
