//! The library's parts, joined as `commands::run` joins them, with settings that the command line
//! lacks: small limits on an answer, and a disk that fails.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::{
    config::{Secret, TokenSource},
    i18n::Bilingual,
    ledger::TargetCounters,
    poller::{self, Poller, PollerConfig, PollerDeps},
    snapshot::Publisher,
    store::Store,
    telemetry::Telemetry,
    web::{self, Access, Readiness, Site},
    wolkvox::{Client, ClientLimits, RowParser},
};

use crate::support::{
    api::{Api, TOKEN, noon},
    disk::Disk,
    polled,
    process::client,
    scrape::Scrape,
};

/// The `server` label.
pub(crate) const NAME: &str = "inside";

/// A poller and a web server in the test's own process.
pub(crate) struct Inside {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Inside {
    pub(crate) async fn start(api: &Api, limits: ClientLimits, disk: Disk) -> Self {
        let store = Arc::new(
            Store::open_backend(move || Ok(disk.clone()), Path::new("disk"), [7; 16])
                .expect("the disk is good"),
        );
        let telemetry = Arc::new(Telemetry::default());
        let publisher = Publisher::start(telemetry.clone());
        let around = PollerDeps {
            store: store.clone(),
            publisher: publisher.clone(),
            telemetry: telemetry.target(NAME),
            clock: Arc::new(Timestamp::now),
            shutdown: CancellationToken::new(),
            probe: Default::default(),
        };
        let origin = Timestamp::now() - SignedDuration::from_hours(1);
        let restored =
            store.restore(NAME, || TargetCounters::new(origin)).expect("the disk is good");
        let mut shared = polled::only_live_polls(&[10.0, 60.0]);
        shared.poll.interval = Duration::from_secs(1);
        shared.poll.settle_delay = Duration::ZERO;
        shared.poll.lookback = Duration::from_secs(7200);
        shared.menu.zero_hold = Duration::ZERO;
        let config =
            PollerConfig::new(polled::target(NAME, noon()), shared.into()).expect("they increase");
        let source = poller::Api::new(
            Client::new(&api.url().parse().expect("a URL"), &Default::default(), limits)
                .expect("a client"),
            TokenSource::fixed(&Secret::new(TOKEN), &Bilingual::verbatim("the test"))
                .expect("a token"),
            Arc::new(tokio::sync::Semaphore::new(1)),
        );
        let parser = RowParser::new(store.fingerprints(), 128);
        let poller = Poller::start(config, source, parser, restored, around)
            .await
            .expect("the disk is good");
        tokio::spawn(poller.run());
        let site = Site {
            telemetry_path: "/metrics".to_owned(),
            publication: publisher.publication(),
            live: Box::new(move || telemetry.gather(std::time::Instant::now())),
            readiness: Arc::new(ArcSwap::from_pointee(Readiness::Ready)),
            targets: Box::new(move || publisher.statuses()),
            notices: Arc::default(),
            clock: Arc::new(Timestamp::now),
            version: String::new(),
            access: Arc::new(Access::open()),
            reloader: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(web::serve(
            listener,
            Arc::new(site),
            Default::default(),
            std::future::pending(),
        ));
        Self { address, client: client() }
    }

    pub(crate) async fn wait_for(&self, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        Scrape::until(&self.client, self.address, what, wanted).await
    }
}
