//! The contact centre of a run: the simulator on a socket of its own, as busy at night as at noon.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Journeys, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "end-to-end-token";
/// Highest lateness of a row in the simulator (8 s, if none is late on purpose), and a second more.
pub(crate) const VISIBLE_WITHIN: SignedDuration = SignedDuration::from_secs(9);
/// Time before the origin at which interactions begin, so that a run has first steps as well as
/// last ones.
const WARM_UP: SignedDuration = SignedDuration::from_mins(10);
/// Pause after which a journey is over: more than the 90 s within which callers choose, with the
/// lateness.
pub(crate) const IDLE: Duration = Duration::from_secs(100);
/// Lateness of the late rows.
pub(crate) const LATE_BY: RangeInclusive<Duration> =
    Duration::from_secs(20)..=Duration::from_secs(25);
const SAMPLE: SignedDuration = SignedDuration::from_secs(30);

/// A listening simulator that answers once it is opened; earlier requests wait.
pub(crate) struct Vendor {
    pub(crate) simulator: Arc<Simulator>,
    /// Begin of counting, a whole second because rows are dated in seconds.
    pub(crate) origin: Timestamp,
    listener: Option<TcpListener>,
    url: String,
}

impl Vendor {
    /// Makes a closed vendor with at least about `rows` rows in half a minute, whatever the time of
    /// day.
    pub(crate) async fn closed(rows: u64) -> Self {
        Self::with(rows, |_| {}).await
    }

    /// Makes a closed vendor of which a fifth of the rows is late. Counting begins an hour earlier,
    /// without rows in that hour, so that an hourly re-reading is due.
    pub(crate) async fn late(rows: u64) -> Self {
        let vendor = Self::with(rows, |options| {
            options.late_share = 0.2;
            options.late_by = LATE_BY;
            options.from = options.from.map(|from| from + WARM_UP);
        });
        let vendor = vendor.await;
        Self { origin: vendor.origin - SignedDuration::from_hours(2), ..vendor }
    }

    /// Makes a closed vendor with an option of its own in every row.
    pub(crate) async fn with_unique_options(rows: u64) -> Self {
        Self::with(rows, |options| options.unique_options = true).await
    }

    async fn with(rows: u64, change: impl FnOnce(&mut Options)) -> Self {
        let origin =
            Timestamp::from_second(Timestamp::now().as_second()).expect("a second of today");
        let mut options = Options {
            token: TOKEN.to_owned(),
            late_share: 0.0,
            from: Some(origin - WARM_UP),
            ..Options::default()
        };
        change(&mut options);
        // Traffic depends on the hour, and nights and Sundays are nearly empty, so this raises it
        // until it suffices.
        let simulator = (0..24)
            .map(|doubled| {
                Simulator::new(Options { scale: f64::from(1 << doubled), ..options.clone() })
            })
            .find(|simulator| simulator.truth(origin, origin + SAMPLE, None).rows >= rows)
            .expect("some amount of traffic is enough");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port of 127.0.0.1");
        let address = listener.local_addr().expect("a bound socket has an address");
        Self { simulator, origin, listener: Some(listener), url: format!("http://{address}") }
    }

    /// Answers from now on.
    pub(crate) fn open(&mut self) {
        let listener = self.listener.take().expect("a vendor is opened once");
        tokio::spawn(serve(listener, self.simulator.clone(), std::future::pending()));
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the exporter's flag for the origin, on the server's clock.
    pub(crate) fn start_from(&self) -> String {
        let zone = Options::default().zone;
        format!("--poll.start-from={}", zone.to_datetime(self.origin))
    }

    /// Ends the traffic. Returns the moment from which there are no rows.
    pub(crate) fn end_traffic(&self) -> Timestamp {
        self.end_traffic_after(1)
    }

    /// Ends the traffic in this many seconds. Returns the moment from which there are no rows.
    pub(crate) fn end_traffic_after(&self, seconds: i64) -> Timestamp {
        let end = Timestamp::now() + SignedDuration::from_secs(seconds);
        self.simulator.end_traffic(end).expect("the traffic has not ended yet");
        end
    }

    /// Returns the sums of everything counted since the origin, once the traffic has ended.
    pub(crate) fn truth(&self) -> Truth {
        self.simulator.truth(self.origin, self.simulator.now(), None)
    }

    /// Returns the sums of all journeys, once they are over.
    pub(crate) fn journeys(&self) -> Journeys {
        self.simulator.journeys(self.origin, self.simulator.now(), IDLE)
    }

    /// Returns the number of times that a fault has struck. One that delays counts at the beginning
    /// of the request.
    pub(crate) fn struck(&self, fault: &str) -> u64 {
        self.simulator.requests().kinds.get(&format!("fault_{fault}")).copied().unwrap_or(0)
    }
}
