//! A server for `localhost` with a self-signed certificate, which nobody trusts by default.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// Starts the server. Returns its address and the certificate in PEM. Connections are forwarded to
/// `behind`; without it they are closed after the handshake.
pub(crate) async fn self_signed(behind: Option<SocketAddr>) -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Clients that do not trust the certificate break off the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Some(behind) = behind else { return };
                let mut simulator = TcpStream::connect(behind).await.expect("it listens");
                // Either side may close the connection at any time.
                let _ = copy_bidirectional(&mut stream, &mut simulator).await;
            });
        }
    });
    (address, made.cert.pem())
}
