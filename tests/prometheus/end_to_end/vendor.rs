//! The contact centre of a run: the simulator on a socket of its own, as busy at night as at noon.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Journeys, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

pub(crate) const TOKEN: &str = "end-to-end-token";
/// The simulator shows a row at most 8 s after its date, if none is late.
pub(crate) const VISIBLE_WITHIN: SignedDuration = SignedDuration::from_secs(9);
/// Interactions go back this far, so that a run has first steps as well as last ones.
const WARM_UP: SignedDuration = SignedDuration::from_mins(10);
/// The simulator's callers choose within 90 s, so that pause and lateness together stay below this.
pub(crate) const IDLE: Duration = Duration::from_secs(100);
/// Rows that are late appear so long after their date.
pub(crate) const LATE_BY: RangeInclusive<Duration> =
    Duration::from_secs(20)..=Duration::from_secs(25);
const SAMPLE: SignedDuration = SignedDuration::from_secs(30);

/// A simulator that listens, and answers once it is opened: a request made before waits.
pub(crate) struct Vendor {
    pub(crate) simulator: Arc<Simulator>,
    /// Counting begins here: a whole second, because rows are dated in those.
    pub(crate) origin: Timestamp,
    listener: Option<TcpListener>,
    url: String,
}

impl Vendor {
    /// One with about `rows` rows or more in half a minute, whatever the time of day.
    pub(crate) async fn closed(rows: u64) -> Self {
        Self::with(rows, |_| {}).await
    }

    /// The same; a fifth of the rows is late. Counting begins in an hour before, so that an hourly
    /// re-reading is due; there are no rows in it.
    pub(crate) async fn late(rows: u64) -> Self {
        let vendor = Self::with(rows, |options| {
            options.late_share = 0.2;
            options.late_by = LATE_BY;
            options.from = options.from.map(|from| from + WARM_UP);
        });
        let vendor = vendor.await;
        Self { origin: vendor.origin - SignedDuration::from_hours(2), ..vendor }
    }

    /// The same, every row with an option of its own.
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
        // The day has a shape, and nights and Sundays are nearly empty: as much traffic as it
        // takes.
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

    /// As a flag of the exporter: the origin on the server's clock.
    pub(crate) fn start_from(&self) -> String {
        let zone = Options::default().zone;
        format!("--poll.start-from={}", zone.to_datetime(self.origin))
    }

    /// Lets no more rows happen, and says from when on.
    pub(crate) fn end_traffic(&self) -> Timestamp {
        self.end_traffic_after(1)
    }

    /// Lets no more rows happen in so many seconds, and says from when on.
    pub(crate) fn end_traffic_after(&self, seconds: i64) -> Timestamp {
        let end = Timestamp::now() + SignedDuration::from_secs(seconds);
        self.simulator.end_traffic(end).expect("the traffic has not ended yet");
        end
    }

    /// The sums of everything counted since the origin, once the traffic has ended.
    pub(crate) fn truth(&self) -> Truth {
        self.simulator.truth(self.origin, self.simulator.now(), None)
    }

    /// The sums of the ways through the menus, once all of them are over.
    pub(crate) fn journeys(&self) -> Journeys {
        self.simulator.journeys(self.origin, self.simulator.now(), IDLE)
    }

    /// Returns the number of times that a fault has struck: for one that delays, at the beginning
    /// of the request.
    pub(crate) fn struck(&self, fault: &str) -> u64 {
        self.simulator.requests().kinds.get(&format!("fault_{fault}")).copied().unwrap_or(0)
    }
}
