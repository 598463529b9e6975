//! Looks up the address of a server with a separate time limit, so that a silent name server is
//! distinguished from a server that does not answer.

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The machine's own resolver, which must answer before the time for the whole connection is over.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) limit: Duration,
}

/// No answer came from the name server within this time.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no answer from the name server within {} s", .0.as_secs_f32())]
pub(super) struct SilentNameServer(pub(super) Duration);

impl Resolver {
    /// Makes a resolver that leaves nine tenths of `connect`, the time for a connection, to the
    /// name server: a machine with a dead first name server asks its second one after five seconds.
    pub(super) fn new(connect: Duration) -> Arc<Self> {
        Arc::new(Self { limit: connect.mul_f64(0.9) })
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let limit = self.limit;
        Box::pin(async move {
            let look_up =
                async { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) };
            let addresses = within(limit, look_up).await?;
            if addresses.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// The addresses of a look-up that ends in time.
pub(super) async fn within(
    limit: Duration,
    look_up: impl Future<Output = io::Result<Vec<SocketAddr>>>,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    Ok(tokio::time::timeout(limit, look_up).await.map_err(|_| SilentNameServer(limit))??)
}
