//! Tests of the same limits over TLS, which has buffers of its own.

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wolkvox_exporter::{
    config::WebRules,
    exposition::Published,
    web::{Access, ServerLimits},
};

use crate::support::authority;
use crate::web::{
    Server,
    client::{Answer, Client},
    hits,
    limits::is_closed_in_time,
    start_with,
};

/// Starts a server with TLS. Returns it with a connector that trusts it.
async fn start_tls(limits: ServerLimits) -> (Server, TlsConnector) {
    let authority = authority::Authority::new();
    let pair = authority.pair();
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("cert.pem", &pair.certificate);
    write("key.pem", &pair.key);
    write("web.yml", "tls_server_config: {cert_file: cert.pem, key_file: key.pem}");
    let rules = WebRules::read(&directory.path().join("web.yml")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let server = start_with("/metrics", limits, Access::new(rules, [7; 16])).await;
    (server, TlsConnector::from(Arc::new(config)))
}

/// Does the same as [`stuck`], over TLS.
async fn stuck_over_tls(
    server: &Server,
    connector: &TlsConnector,
    series: u64,
) -> TlsStream<TcpStream> {
    server.publication.publish(Published::new(&hits(series)));
    let stream = Client::connect(server.address).await.0;
    let mut client = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    client
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    client.flush().await.unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn over_tls_the_same_limits_hold() {
    let limits = ServerLimits::default();
    let (server, connector) = start_tls(limits).await;
    for begin in [&b""[..], &[0x16, 3, 1]] {
        is_closed_in_time(&server, begin, limits).await;
    }
    // The smaller answer fits into the buffers of the sockets and of TLS together, but not into
    // those of the sockets alone.
    for (series, late) in [(10_000, true), (10_000, false), (1_000, true), (1_000, false)] {
        let mut client = stuck_over_tls(&server, &connector, series).await;
        let second = Duration::from_secs(1);
        sleep(if late { limits.write + second } else { limits.write - second }).await;
        let mut all = Vec::new();
        // A connection that was cut ends with an error, or with its last bytes.
        let _ = client.read_to_end(&mut all).await;
        assert_eq!(Answer::parse(&all).unwrap().is_whole(), !late, "{series} series");
    }
    server.stop.send(()).unwrap();
    server.task.await.unwrap();
}
