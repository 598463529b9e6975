//! A client that sends exactly the given bytes, and reads the response byte by byte.

use std::net::SocketAddr;

use tokio::net::{TcpSocket, TcpStream};

use crate::web::{BUFFERS, Server};

/// A connection on which a test sends raw bytes.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BUFFERS).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    pub(crate) async fn send(&self, mut text: &[u8]) {
        while !text.is_empty() {
            self.0.writable().await.unwrap();
            match self.0.try_write(text) {
                Ok(n) => text = &text[n..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // The server may close the connection before it has received everything.
                Err(_) => return,
            }
        }
    }

    /// Returns the next bytes, or `None` if the server has closed the connection.
    pub(crate) async fn some(&self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.0.readable().await.unwrap();
            match self.0.try_read(&mut buffer) {
                Ok(0) => return None,
                Ok(n) => return Some(buffer[..n].to_vec()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    /// Returns everything until the server closes the connection.
    pub(crate) async fn rest(&self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(some) = self.some().await {
            all.extend(some);
        }
        all
    }

    /// Reads one answer on a connection that stays open.
    pub(crate) async fn answer(&self) -> Answer {
        let mut all = Vec::new();
        loop {
            all.extend(self.some().await.expect("an answer"));
            if let Some(answer) = Answer::parse(&all).filter(Answer::is_whole) {
                return answer;
            }
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(all: &[u8]) -> Option<Self> {
        let end = all.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8(all[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head, body: all[end + 4..].to_vec() })
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.header("content-length").is_some_and(|length| length == self.body.len().to_string())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the head without `Date`, which may differ between two requests.
    pub(crate) fn undated(&self) -> Vec<&str> {
        self.head.lines().filter(|line| !line.starts_with("date: ")).collect()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Sends one request on a connection of its own. `extra` holds whole header lines.
pub(crate) async fn ask(server: &Server, method: &str, path: &str, extra: &str) -> Answer {
    let client = Client::connect(server.address).await;
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n");
    client.send(request.as_bytes()).await;
    Answer::parse(&client.rest().await).expect("an answer")
}

pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    ask(server, "GET", path, "").await
}
