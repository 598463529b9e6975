//! The contact centre of a run: the simulator on a socket of its own, with the same traffic at any
//! hour of any day.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Journeys, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

use crate::support::api::{noon, noon_name};

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
/// Time within which a vendor has the wanted number of rows.
const SAMPLE: SignedDuration = SignedDuration::from_secs(30);
/// Rows within [`SAMPLE`] at a scale of 1, at least.
const ROWS_AT_SCALE_1: f64 = 30.0;

/// Factor of the scale for the same number of rows if no interaction begins before the origin.
const SCALE_WITHOUT_WARM_UP: f64 = 5.0;

/// A listening simulator that answers once it is opened; earlier requests wait.
pub(crate) struct Vendor {
    pub(crate) simulator: Arc<Simulator>,
    /// Begin of counting, a whole second because rows are dated in seconds.
    pub(crate) origin: Timestamp,
    listener: Option<TcpListener>,
    url: String,
}

impl Vendor {
    /// Makes a closed vendor with at least `rows` rows in half a minute.
    pub(crate) async fn closed(rows: u64) -> Self {
        Self::with(rows, |_| {}).await
    }

    /// Makes a closed vendor of which a fifth of the rows is late. Counting begins an hour earlier,
    /// without rows in that hour, so that an hourly re-reading is due.
    pub(crate) async fn late(rows: u64) -> Self {
        let vendor = Self::with(rows, be_late).await;
        Self { origin: vendor.origin - SignedDuration::from_hours(2), ..vendor }
    }

    /// Makes a closed vendor with an option of its own in every row.
    pub(crate) async fn with_unique_options(rows: u64) -> Self {
        Self::with(rows, |options| options.unique_options = true).await
    }

    async fn with(rows: u64, change: impl FnOnce(&mut Options)) -> Self {
        let origin =
            Timestamp::from_second(Timestamp::now().as_second()).expect("a second of today");
        let mut options = options(rows, origin);
        change(&mut options);
        let simulator = Simulator::new(options);
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

    /// Returns the exporter's flags for the origin, on the server's clock, and for its zone.
    pub(crate) fn clock_flags(&self) -> [String; 2] {
        [
            format!("--poll.start-from={}", noon().to_datetime(self.origin)),
            format!("--wolkvox.timezone={}", noon_name()),
        ]
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

/// Returns the options of a simulator with at least `rows` rows in half a minute from the origin.
fn options(rows: u64, origin: Timestamp) -> Options {
    Options {
        token: TOKEN.to_owned(),
        zone: noon(),
        scale: rows as f64 / ROWS_AT_SCALE_1,
        // By default, traffic depends on the hour and the date.
        least_load: 1.0,
        chance_from: Some(origin),
        late_share: 0.0,
        from: Some(origin - WARM_UP),
        ..Options::default()
    }
}

/// Makes a fifth of the rows late, and no interaction begin before the origin.
fn be_late(options: &mut Options) {
    options.late_share = 0.2;
    options.late_by = LATE_BY;
    options.from = options.from.map(|from| from + WARM_UP);
    options.scale *= SCALE_WITHOUT_WARM_UP;
}

/// The traffic must not depend on the hour or day at which the tests begin. It does depend on the
/// second of the minute, because the simulator draws it minute by minute.
#[test]
fn the_traffic_is_the_same_at_any_hour_of_any_day() {
    const ROWS: u64 = 4_000;
    let today = Timestamp::now().as_second().div_euclid(60) * 60;
    for change in [|_: &mut Options| (), be_late] {
        let truth = |second: i64| {
            let origin = Timestamp::from_second(second).expect("a second of these years");
            let mut options = options(ROWS, origin);
            change(&mut options);
            Simulator::new(options).truth(origin, origin + SAMPLE, None)
        };
        for second in 0..60 {
            let truth = truth(today + second);
            let rows = truth.rows;
            let options = truth.options.len();
            let is_enough = (ROWS..=2 * ROWS).contains(&rows) && options > 30;
            assert!(is_enough, "second {second} of a minute: {rows} rows of {options} options");
        }
        let usual = truth(today);
        for hours in 1..=48 {
            assert_eq!(truth(today + hours * 3600), usual, "{hours} hours later");
        }
        for days in [7, 30, 365] {
            assert_eq!(truth(today + days * 86_400), usual, "{days} days later");
        }
    }
}
