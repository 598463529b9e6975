//! Checks the name of a server and the connection to it, before a request is spent.
//!
//! TLS is left to the first request, because a failed handshake costs no request.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    time::{Duration, Instant},
};

use reqwest::Url;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{
    report::{Mark, Report},
    texts::Text,
};
use crate::wolkvox::{Egress, ErrorText, Proxy, is_out_of_files};

/// Most addresses that are tried.
const MOST_ADDRESSES: usize = 4;

/// Checks the connection to the server, or to its proxy, which looks up the server's name itself.
/// Prints the finding, and returns true if it succeeded. `wait` limits the name, and each address.
pub(super) async fn check(
    endpoint: &Url,
    egress: &Egress,
    wait: Duration,
    report: &mut Report<'_>,
) -> io::Result<bool> {
    print_decision(egress, report)?;
    let endpoint = egress.proxy.as_ref().map_or(endpoint, Proxy::expose);
    let host = endpoint.host_str().unwrap_or_default();
    let port = endpoint.port_or_known_default().unwrap_or_default();
    let Some(addresses) = resolve(host, port, wait, report).await? else { return Ok(false) };
    let mut failure = None;
    for address in addresses {
        let begun = Instant::now();
        let connected = timeout(wait, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            Ok(_) => {
                let values = [
                    ("address", address.to_string()),
                    ("time", begun.elapsed().as_millis().to_string()),
                ];
                report.line(Mark::Good, Text::Connection, Text::Connected, &values)?;
                return Ok(true);
            }
            Err(error) => failure = Some((address, error)),
        }
    }
    let Some((address, error)) = failure else { return Ok(false) };
    let values = [
        ("address", address.to_string()),
        ("reason", error.to_string()),
        ("seconds", wait.as_secs().to_string()),
    ];
    let text = match error.kind() {
        ErrorKind::ConnectionRefused => Text::ConnectionRefused,
        ErrorKind::TimedOut => Text::ConnectionTimedOut,
        _ => Text::ConnectionFailed,
    };
    report.line(Mark::Todo, Text::Connection, text, &values)?;
    match egress.proxy {
        Some(_) => report.remedy(Text::ProxyRemedy, &[])?,
        None => report.remedy(remedy(&error), &[])?,
    }
    Ok(false)
}

/// Prints the proxy and the setting that decided on it, if any did.
fn print_decision(egress: &Egress, report: &mut Report<'_>) -> io::Result<()> {
    let Some(origin) = &egress.decided_by else { return Ok(()) };
    let (text, proxy) = match &egress.proxy {
        Some(proxy) => (Text::ThroughProxy, proxy.to_string()),
        None => (Text::PastProxy, String::new()),
    };
    let values = [("proxy", proxy), ("origin", origin.clone())];
    report.line(Mark::Note, Text::Connection, text, &values)
}

/// Chooses the remedy. The allow-list explains only refusals and silence.
fn remedy(error: &io::Error) -> ErrorText {
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::TimedOut => ErrorText::AllowListRemedy,
        _ if is_out_of_files(error) => ErrorText::TooManyOpenFilesRemedy,
        _ => ErrorText::NoConnectionRemedy,
    }
}

async fn resolve(
    host: &str,
    port: u16,
    wait: Duration,
    report: &mut Report<'_>,
) -> io::Result<Option<Vec<SocketAddr>>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        report.line(Mark::Good, Text::Name, Text::NameIsAddress, &[])?;
        return Ok(Some(vec![SocketAddr::new(address, port)]));
    }
    let found = timeout(wait, lookup_host((bare, port))).await;
    let reason = match found {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.take(MOST_ADDRESSES).collect();
            if !addresses.is_empty() {
                let list: Vec<String> =
                    addresses.iter().map(|address| address.ip().to_string()).collect();
                let values = [("host", host.to_owned()), ("addresses", list.join(", "))];
                report.line(Mark::Good, Text::Name, Text::NameFound, &values)?;
                return Ok(Some(addresses));
            }
            ErrorKind::NotFound.to_string()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => ErrorKind::TimedOut.to_string(),
    };
    let values = [("host", host.to_owned()), ("reason", reason)];
    report.line(Mark::Todo, Text::Name, Text::NameUnknown, &values)?;
    report.remedy(Text::NameRemedy, &values)?;
    Ok(None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::TcpSocket;

    use super::{super::Language, *};

    /// Linux drops connections to a listener whose queue is full, as a firewall does.
    #[tokio::test]
    async fn silence_is_told_from_refusal() {
        let wait = Duration::from_millis(300);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(wait, TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, Language::En);
        let endpoint = Url::parse(&format!("http://{address}/")).unwrap();
        assert!(!check(&endpoint, &Egress::default(), wait, &mut report).await.unwrap());
        assert_eq!(report.todo(), 1);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("does not answer within") && out.contains("allow-list"), "{out}");
    }
}
