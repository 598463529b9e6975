//! The start of a connection over TLS.
//!
//! Owns the handshake, and the answer to a client that speaks plain HTTP to a TLS port. The caller
//! limits the time.

use std::{io, sync::Arc};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The first byte of every TLS connection.
const HANDSHAKE: u8 = 0x16;

const WRONG_DOOR: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\n\r\nThis exporter speaks HTTPS here: write `scheme: https`, or https:// in front.\n";

/// Performs the handshake.
///
/// # Errors
/// If the client disconnects, speaks something else, or lacks a required certificate.
pub(super) async fn accept(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1
        && first[0].is_ascii_alphabetic()
        && first[0] != HANDSHAKE
    {
        // Without reading the request, the system would send a reset instead of this answer.
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(WRONG_DOOR).await?;
        stream.shutdown().await?;
        return Err(io::Error::other("the client speaks plain HTTP"));
    }
    TlsAcceptor::from(config).accept(stream).await
}
