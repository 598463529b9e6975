//! Connections of strangers to the exporter: plain, or through TLS.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::TlsConnector;

/// Receive buffer in bytes: so small that an answer of some megabytes does not fit into all buffers
/// between the exporter and a client that does not read.
const RECEIVE_BUFFER: u32 = 16 * 1024;

/// A connection with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An exporter's address, and the TLS settings for a connection to it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    tls: Option<TlsConnector>,
    connections: Arc<AtomicU64>,
}

impl Door {
    /// Makes the door of an exporter with a certificate of `authority` (PEM), or of one without
    /// TLS.
    pub(crate) fn new(address: SocketAddr, authority: Option<&str>) -> Self {
        Self { address, tls: authority.map(connector), connections: Arc::default() }
    }

    /// Returns the number of connections since the last call.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.swap(0, Ordering::Relaxed)
    }

    /// Connects without a handshake.
    pub(crate) async fn knock(&self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let stream = socket.connect(self.address).await?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    /// Connects, with a handshake if the exporter has TLS.
    pub(crate) async fn enter(&self) -> io::Result<Box<dyn Stream>> {
        let stream = self.knock().await?;
        Ok(match &self.tls {
            Some(tls) => Box::new(
                tls.connect("localhost".try_into().map_err(io::Error::other)?, stream).await?,
            ),
            None => Box::new(stream),
        })
    }
}

fn connector(authority: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate");
    roots.add(certificate).expect("a certificate of an authority");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        versions.expect("TLS 1.2 and 1.3").with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
