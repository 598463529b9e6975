//! Checks that an exporter on this machine is alive, as a command for container engines.
//!
//! Owns the choice of the address, and the definition of "alive". It must never read the web
//! configuration or need a certificate: a bad file is no reason to kill a running exporter, and a
//! TLS server also answers plain HTTP, with a message that it speaks TLS.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::config::ListenAddress;

/// Longest wait for each of connecting, sending and reading. A container engine waits longer than
/// all three together.
const PATIENCE: Duration = Duration::from_secs(3);

/// Most bytes of an answer that are read: enough for its head and our own pages.
const LONGEST: u64 = 4096;

/// Checks every address, and returns one line about the answers.
///
/// Blocks for at most some seconds at an address without an answer.
///
/// # Errors
/// The first address at which no live exporter answers, and the reason: a sentence for the
/// operator.
pub fn run(addresses: &[ListenAddress]) -> Result<String, String> {
    for address in addresses {
        ask(address)?;
    }
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Ok(format!("the exporter is alive at {}", all.join(", ")))
}

/// Checks the first of the socket addresses that accepts a connection.
fn ask(address: &ListenAddress) -> Result<(), String> {
    let mut reason = None;
    for candidate in address.candidates() {
        if candidate.port() == 0 {
            return Err(format!("{address} means any free port: nobody knows where to ask"));
        }
        match TcpStream::connect_timeout(&from_here(*candidate), PATIENCE) {
            Ok(stream) => {
                return judge(exchange(stream)).map_err(|why| format!("{address}: {why}"));
            }
            Err(error) => reason = Some(error),
        }
    }
    let why = reason.map(|error| error.to_string()).unwrap_or_default();
    Err(format!("nothing listens on {address} (--web.listen-address): {why}"))
}

/// Replaces "every interface" by loopback, which it includes.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Sends one request, and returns the beginning of its answer.
fn exchange(mut stream: TcpStream) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn judge(answer: io::Result<String>) -> Result<(), String> {
    let answer =
        answer.map_err(|error| format!("connected, but without an answer in time: {error}"))?;
    let status = answer.lines().next().filter(|line| line.starts_with("HTTP/1."));
    match status.and_then(|line| line.split(' ').nth(1)) {
        Some("200") => Ok(()),
        Some("400") if answer.contains("exporter speaks HTTPS here") => Ok(()),
        _ => Err(format!("something else answers there: {}", status.unwrap_or("no HTTP"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_answers_count() {
        for (answer, alive) in [
            ("HTTP/1.1 200 OK\r\n\r\nThe exporter is healthy.\n", true),
            ("HTTP/1.0 400 Bad Request\r\n\r\nThis exporter speaks HTTPS here: write ...", true),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", false),
            ("HTTP/1.1 404 Not Found\r\n\r\n", false),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("SSH-2.0-OpenSSH_9.2 200\r\n", false),
            ("", false),
        ] {
            assert_eq!(judge(Ok(answer.to_owned())).is_ok(), alive, "{answer:?}");
        }
        let late = judge(Err(io::ErrorKind::WouldBlock.into())).expect_err("no answer");
        assert!(late.contains("without an answer in time"), "{late}");
    }

    #[test]
    fn every_interface_is_asked_on_loopback() {
        for (listening, asked) in [
            ("0.0.0.0:10013", "127.0.0.1:10013"),
            ("[::]:10013", "[::1]:10013"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(from_here(address(listening)), address(asked));
        }
    }
}
