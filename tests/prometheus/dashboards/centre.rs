//! A contact centre whose hours are over, an exporter that has read them, and a Prometheus that
//! scraped it.
//!
//! The vendor answers only once every Prometheus has scraped the exporter, so that each has seen
//! every counter at 0. Prometheus runs the stack's own configuration and rules, sixty times as
//! fast.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{CallEnds, Journeys, Options, Simulator, Truth, serve};
use tokio::net::TcpListener;

use crate::support::{
    api::{noon, noon_name},
    installation::Installation,
    process::Exporter,
    prometheus::{Prometheus, Tool},
    stack,
};

const TOKEN: &str = "dashboards-token";
/// Silence after which a caller has left; callers choose within 90 s.
const IDLE: Duration = Duration::from_secs(100);
const DEADLINE: Duration = Duration::from_secs(120);
/// The code for leaving the menu, as in the exporter's file below.
pub(crate) const OPT_OUT: &str = "AGENTE";
pub(crate) const TERMINAL: &str = "CV_BUZON";
pub(crate) const NO_INPUT: &str = "PULSE";

/// The contact centre without a socket, until an exporter asks.
pub(crate) struct Centre {
    simulator: Arc<Simulator>,
    origin: Timestamp,
    until: Timestamp,
}

impl Centre {
    /// Makes three hours of traffic, as busy as the busiest, that ended early enough for all
    /// journeys to be over.
    pub(crate) async fn open() -> Self {
        let now = Timestamp::from_second(Timestamp::now().as_second()).expect("a second of today");
        let until = now - SignedDuration::from_mins(5);
        let origin = until - SignedDuration::from_hours(3);
        let options = Options {
            // The usual numbers are learnt from earlier days, which have no rows here.
            zone: noon(),
            token: TOKEN.to_owned(),
            late_share: 0.0,
            least_load: 1.0,
            chance_from: Some(origin),
            // Journeys that begin before the origin would be known by their ends only.
            from: Some(origin),
            until: Some(until),
            ..Options::default()
        };
        Self { simulator: Simulator::new(options), origin, until }
    }

    /// Returns the sums of all rows.
    pub(crate) fn truth(&self) -> Truth {
        self.simulator.truth(self.origin, self.until, None)
    }

    /// Returns the sums of all journeys.
    pub(crate) fn journeys(&self) -> Journeys {
        self.simulator.journeys(self.origin, self.until, IDLE)
    }

    /// Returns the sums of all outcomes of calls.
    pub(crate) fn calls(&self) -> CallEnds {
        self.simulator.call_end_truth(self.origin, self.until)
    }

    /// Starts a Prometheus and an exporter of its own. Returns once the exporter has read
    /// everything and the Prometheus has stored it.
    pub(crate) async fn scraped_by(&self, tool: &Tool) -> Scraped {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port of 127.0.0.1");
        let vendor = listener.local_addr().expect("a bound socket has an address");
        let folder = tempfile::tempdir().expect("a temporary directory can be created");
        let file = folder.path().join("kinds.yml");
        fs::write(
            &file,
            format!("menu:\n  opt_out_codes: [{OPT_OUT}]\n  terminal_codes: [{TERMINAL}]\n"),
        )
        .expect("the temporary directory can be written");
        let flags = [
            format!("--wolkvox.timezone={}", noon_name()),
            "--poll.interval=2s".to_owned(),
            "--poll.settle-delay=1s".to_owned(),
            "--poll.lookback=60s".to_owned(),
            "--poll.hourly-lookback=0s".to_owned(),
            "--poll.nightly-lookback=0s".to_owned(),
            "--menu.zero-hold=4s".to_owned(),
            // The weeks before have no rows. Panels that need a week of data must be empty, too,
            // however early those weeks would be read.
            "--baseline.warm-up=0s".to_owned(),
            "--wolkvox.outcomes".to_owned(),
            format!("--journey.idle={}s", IDLE.as_secs()),
            format!("--poll.start-from={}", noon().to_datetime(self.origin)),
            format!("--config.file={}", file.display()),
        ];
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let exporter = Installation::new(&format!("http://{vendor}"), TOKEN, &flags).start().await;
        // No Alertmanager listens at that address, which Prometheus logs and survives.
        let address = exporter.address.to_string();
        let prometheus =
            stack::prometheus(tool, &address, "127.0.0.1:1", &[], |_, rules| rules).await;
        prometheus.wait_for("up == 1", DEADLINE, |up| !up.is_empty()).await;
        tokio::spawn(serve(listener, self.simulator.clone(), std::future::pending()));
        let scraped = Scraped { prometheus, exporter, _folder: folder };
        scraped.everything_is_stored(self).await;
        scraped
    }
}

/// A Prometheus and the exporter that it scrapes.
pub(crate) struct Scraped {
    pub(crate) prometheus: Prometheus,
    exporter: Exporter,
    _folder: tempfile::TempDir,
}

impl Scraped {
    /// Waits until every count is visible.
    async fn everything_is_stored(&self, centre: &Centre) {
        let truth = centre.truth();
        let journeys = centre.journeys();
        let hits: u64 = truth.options.iter().map(|option| option.hits).sum();
        let ended: u64 = journeys.points.iter().map(|point| point.journeys).sum();
        let calls: u64 = centre.calls().calls.values().sum();
        for (promql, wanted) in [
            ("sum(wolkvox_menu_option_outcomes_total)", calls),
            ("sum(wolkvox_menu_option_hits_total)", hits),
            ("sum(wolkvox_menu_journey_options_count)", ended),
            ("sum(wolkvox_menu_option_final_total)", ended),
        ] {
            let is = |answer: &[(_, f64)]| {
                answer.first().is_some_and(|(_, value)| *value == wanted as f64)
            };
            self.prometheus.wait_for(promql, DEADLINE, is).await;
        }
        // These metrics come with requests of their own.
        for promql in ["wolkvox_quota_requests_limit", "wolkvox_menu_window_interactions"] {
            self.prometheus.wait_for(promql, DEADLINE, |answer| !answer.is_empty()).await;
        }
        // Waits for held-back counts and for names to be stored before the moment to which Grafana
        // rounds the end. Its longest step is half an hour, which is half a minute here.
        let since = Instant::now();
        let before = self.read_until().await;
        while self.read_until().await < before + 36.0 {
            assert!(since.elapsed() < DEADLINE, "{} has stopped scraping", self.exporter.address);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Returns the moment of the last scrape, at which `increase` need not extrapolate.
    pub(crate) async fn read_until(&self) -> f64 {
        let answer = self.prometheus.query("timestamp(wolkvox_up)").await;
        answer.first().expect("the exporter was scraped").1
    }
}
