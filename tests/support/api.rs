//! A simulated Wolkvox behind a socket, in the test's own process.

use std::{
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use simulator_testing::{Burst, Fault, FaultRule, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

/// The token that the simulators of the tests accept.
pub(crate) const TOKEN: &str = "tok-3nT+/=simulated&secret";

/// A simulator and its address.
pub(crate) struct Api {
    pub(crate) simulator: Arc<Simulator>,
    pub(crate) address: SocketAddr,
    /// Earliest date of a row, if any.
    pub(crate) from: Option<Timestamp>,
}

impl Api {
    /// Starts a simulator with some hundred rows of 40 to 20 minutes ago and none since, so that
    /// the truth is known. `change` changes the options.
    pub(crate) async fn start(change: impl FnOnce(&mut Options)) -> Self {
        let now = Timestamp::now();
        let at = |minutes| now - SignedDuration::from_mins(minutes);
        let mut options = Options {
            zone: noon(),
            token: TOKEN.to_owned(),
            late_share: 0.0,
            chance_from: Some(now),
            from: Some(at(40)),
            until: Some(at(20)),
            // Bursts only, because ordinary traffic depends on the day of the week.
            bursts: vec![Burst { at: at(35), seconds: 600, rows: 300 }],
            ..Options::default()
        };
        change(&mut options);
        let from = options.from;
        let simulator = Simulator::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(serve(listener, Arc::clone(&simulator), std::future::pending()));
        Self { simulator, address, from }
    }

    /// Starts a simulator without rows.
    pub(crate) async fn empty() -> Self {
        Self::start(|options| {
            options.scale = 0.0;
            options.bursts.clear();
        })
        .await
    }

    pub(crate) fn always(self, fault: Fault) -> Self {
        self.simulator.add_fault(FaultRule::always(fault)).expect("a good rule");
        self
    }

    pub(crate) fn times(self, fault: Fault, times: u64) -> Self {
        self.simulator.add_fault(FaultRule::times(fault, times)).expect("a good rule");
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests for the report so far.
    pub(crate) fn requests(&self) -> u64 {
        self.simulator.requests().total
    }

    /// Returns the truth of the last day.
    pub(crate) fn truth(&self) -> Truth {
        let now = Timestamp::now();
        self.simulator.truth(now - SignedDuration::from_hours(24), now, None)
    }
}

/// Returns a zone where it is noon as the tests begin, so that there is traffic, and no day ends
/// during a test.
pub(crate) fn noon() -> TimeZone {
    static ZONE: LazyLock<TimeZone> = LazyLock::new(|| {
        let hour = TimeZone::UTC.to_datetime(Timestamp::now()).hour();
        // The sign in these names is reversed: `Etc/GMT+5` is west of Greenwich.
        let name = match hour - 12 {
            0 => "Etc/GMT".to_owned(),
            west => format!("Etc/GMT{west:+}"),
        };
        TimeZone::get(&name).expect("the zone database has it")
    });
    ZONE.clone()
}

/// Returns the name of [`noon`] for the configuration.
pub(crate) fn noon_name() -> String {
    noon().iana_name().expect("it was found by its name").to_owned()
}
