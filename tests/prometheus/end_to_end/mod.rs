//! Tests of the product as users run it: the real binary reads a simulated Wolkvox over HTTP, real
//! Prometheus servers of two generations scrape it, and what they stored is compared with the
//! simulator's truth.

pub(crate) mod calls;
mod hostile;
mod native;
mod queries;
mod stored;
mod vendor;

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{Fault, FaultRule, Journeys};
use wolkvox_exporter::config;

use crate::end_to_end::{
    stored::{Stored, assert_no_resets, assert_same, expected},
    vendor::{IDLE, TOKEN, VISIBLE_WITHIN, Vendor},
};
use crate::support::{
    installation::Installation,
    process::Exporter,
    prometheus::{Prometheus, Target, binaries, promtools},
    promtool::check_metrics,
};

const JOB: &str = "wolkvox";
const HITS: &str = "wolkvox_menu_option_hits_total";
const WATERMARK: &str = "wolkvox_watermark_timestamp_seconds";
/// Several times the scrape interval, because a busy machine scrapes late.
const ZERO_HOLD: &str = "--menu.zero-hold=4s";
/// Longest wait of a test; everything here takes less.
const DEADLINE: Duration = Duration::from_secs(200);
const PAUSE: Duration = Duration::from_millis(100);
const TEXT: &str = "text/plain; version=0.0.4";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0";

/// Configures a poll every two seconds, with a lookback longer than a row takes to appear.
fn installation(vendor: &Vendor, zero_hold: &str) -> Installation {
    let [start_from, timezone] = vendor.clock_flags();
    let flags = [
        "--poll.interval=2s",
        "--poll.settle-delay=1s",
        "--poll.lookback=60s",
        &format!("--journey.idle={}s", IDLE.as_secs()),
        zero_hold,
        &start_from,
        &timezone,
        "--log.level=debug",
    ];
    Installation::new(vendor.url(), TOKEN, &flags)
}

/// A Prometheus and its settings.
struct Scraper {
    prometheus: Prometheus,
    /// True if it takes `_created` for a sample of 0 at that moment, which is off by default.
    reads_created: bool,
}

impl std::fmt::Display for Scraper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.reads_created { ", reading `_created`" } else { "" };
        write!(f, "{}{how}", self.prometheus.tool())
    }
}

/// Starts every Prometheus. Each has scraped the exporter before the vendor gives a row.
async fn scrapers(exporter: &Exporter) -> Vec<Scraper> {
    let mut scrapers = Vec::new();
    for tool in binaries() {
        let can_read_created = tool.major() >= 3;
        for reads_created in [false, true].into_iter().filter(|reads| can_read_created || !reads) {
            let flags: &[&str] = if reads_created {
                &["--enable-feature=created-timestamp-zero-ingestion"]
            } else {
                &[]
            };
            let target = Target::new(JOB, exporter.address);
            let prometheus = Prometheus::start(&tool, &[target], flags).await;
            scrapers.push(Scraper { prometheus, reads_created });
        }
    }
    all_up(&scrapers).await;
    scrapers
}

async fn all_up(scrapers: &[Scraper]) {
    for scraper in scrapers {
        let up = format!("up{{job={JOB:?}}} == 1");
        scraper.prometheus.wait_for(&up, DEADLINE, |up| !up.is_empty()).await;
        let early = scraper.prometheus.query(HITS).await;
        assert!(early.is_empty(), "{scraper}: the vendor is still closed: {early:?}");
    }
}

/// Returns the values of a metric in a scrape.
async fn values(exporter: &Exporter, metric: &str) -> Vec<f64> {
    let text = exporter.page("/metrics", TEXT).await;
    let lines = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect()
}

/// Scrapes until a metric is there and each of its values is as wanted.
async fn wait_for_all(exporter: &Exporter, metric: &str, wanted: impl Fn(f64) -> bool) {
    wait_until(metric, async || {
        let values = values(exporter, metric).await;
        !values.is_empty() && values.into_iter().all(&wanted)
    })
    .await;
}

async fn wait_until(what: &str, condition: impl AsyncFn() -> bool) {
    wait_until_every(PAUSE, what, condition).await;
}

async fn wait_until_every(pause: Duration, what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not as wanted within {DEADLINE:?}");
        tokio::time::sleep(pause).await;
    }
}

/// Waits until all journeys of rows dated before `end` are over.
async fn everyone_has_left(exporter: &Exporter, end: Timestamp) {
    let over = (end + VISIBLE_WITHIN).as_second() as f64 + IDLE.as_secs_f64();
    wait_for_all(exporter, WATERMARK, |at| at > over).await;
    wait_for_all(exporter, "wolkvox_menu_journeys_open", |open| open == 0.0).await;
    wait_for_all(exporter, "wolkvox_menu_transitions_total", |steps| steps > 0.0).await;
}

/// Waits until all rows dated before `end` have been read, shown, and scraped by every Prometheus.
async fn everything_stored(exporter: &Exporter, scrapers: &[Scraper], end: Timestamp) {
    let last_row_visible = (end + VISIBLE_WITHIN).as_second() as f64;
    wait_for_all(exporter, WATERMARK, |at| at >= last_row_visible).await;
    // A series without hits exists only while its count is held back.
    for metric in [HITS, "wolkvox_menu_interactions_total"] {
        wait_for_all(exporter, metric, |count| count > 0.0).await;
    }
    let shown = Timestamp::now().as_millisecond() as f64 / 1e3;
    for scraper in scrapers {
        let scraped = format!("timestamp(wolkvox_up{{job={JOB:?}}}) > {shown:.3}");
        scraper.prometheus.wait_for(&scraped, DEADLINE, |series| !series.is_empty()).await;
    }
}

/// Fails unless the last value, and last minus first, are the truth; also of journeys, unless there
/// are none.
async fn assert_exact(vendor: &Vendor, scrapers: &[Scraper], journeys: &Journeys) {
    let truth = vendor.truth();
    let expected = expected(&truth, journeys);
    #[expect(clippy::print_stdout, reason = "with --nocapture one sees how much was shown")]
    {
        println!("{} rows in {} label sets", truth.rows, truth.options.len());
    }
    assert!(truth.rows > 2_000 && truth.options.len() > 30, "too little traffic to show anything");
    for scraper in scrapers {
        let stored = Stored::of(&scraper.prometheus, JOB, &expected).await;
        assert_same(&format!("{scraper}: the last value"), &stored.last, &expected);
        assert_same(&format!("{scraper}: last minus first"), &stored.growth(), &expected);
        assert_no_resets(&scraper.prometheus, JOB, &expected).await;
    }
}

#[tokio::test]
async fn what_prometheus_stored_is_the_truth() {
    let mut vendor = Vendor::closed(4_000).await;
    let exporter = installation(&vendor, ZERO_HOLD).start().await;
    let scrapers = scrapers(&exporter).await;
    vendor.open();

    // By then, over several polls, new label sets have appeared and old ones have grown.
    let busy = (vendor.origin + SignedDuration::from_secs(25)).as_second() as f64;
    wait_for_all(&exporter, WATERMARK, |at| at >= busy).await;
    let end = vendor.end_traffic();
    everything_stored(&exporter, &scrapers, end).await;
    assert_exact(&vendor, &scrapers, &Journeys::default()).await;

    let text = exporter.page("/metrics", TEXT).await;
    for promtool in promtools() {
        check_metrics(&promtool.path, &text).unwrap_or_else(|said| panic!("{promtool}: {said}"));
    }
    let open_metrics = exporter.page("/metrics", OPEN_METRICS).await;
    assert!(open_metrics.ends_with("\n# EOF\n") && open_metrics.contains("_created{"));

    // Even a vendor that does not answer must not delay the end.
    vendor.simulator.add_fault(FaultRule::times(Fault::Slow { seconds: 50 }, 1)).expect("a fault");
    wait_until("a request under way", async || vendor.struck("slow") > 0).await;
    let (status, took) = exporter.sigterm(Duration::from_secs(5)).await;
    assert!(status.success(), "{status} after {took:?}");
}

/// Without the zero hold the first hits must be missing from `increase()`, unless a Prometheus
/// reads `_created`: this is the reason why a new series is shown at 0 first.
#[tokio::test]
async fn without_zero_first_the_first_hits_are_lost() {
    let mut vendor = Vendor::closed(1_000).await;
    let exporter = installation(&vendor, "--menu.zero-hold=0s").start().await;
    let scrapers = scrapers(&exporter).await;
    vendor.open();
    wait_until("rows", async || !values(&exporter, HITS).await.is_empty()).await;
    let end = vendor.end_traffic();
    everything_stored(&exporter, &scrapers, end).await;

    let expected = expected(&vendor.truth(), &Journeys::default());
    for scraper in &scrapers {
        let stored = Stored::of(&scraper.prometheus, JOB, &expected).await;
        // The last values are right; only the beginning was never scraped.
        assert_same(&format!("{scraper}: the last value"), &stored.last, &expected);
        if scraper.reads_created {
            assert_same(&format!("{scraper}: last minus first"), &stored.growth(), &expected);
            continue;
        }
        let lost: f64 =
            stored.growth().iter().map(|(series, growth)| expected[series] - growth).sum();
        assert!(lost > 0.0, "{scraper}: nothing was lost without zero-first");
    }
}

/// The moment of a kill.
enum Moment {
    /// The request of a poll has arrived, and its answer has not begun.
    Waiting,
    /// Milliseconds after the last row of an answer: during the commit, which takes about ten of
    /// them, or the publication.
    Answered(u64),
}

const KILLS: [Moment; 9] = [
    Moment::Waiting,
    Moment::Answered(0),
    Moment::Answered(3),
    Moment::Answered(6),
    Moment::Waiting,
    Moment::Answered(10),
    Moment::Answered(15),
    Moment::Answered(25),
    Moment::Answered(50),
];
/// Text in the log between the last row and the commit.
const ANSWERED: &str = "request ended";

#[tokio::test]
async fn killed_in_mid_poll_the_totals_are_the_same() {
    let mut vendor = Vendor::closed(4_000).await;
    let mut installation = installation(&vendor, ZERO_HOLD)
        .with("--wolkvox.outcomes")
        .configured(&format!("menu: {{opt_out_codes: [{}]}}", queries::OPT_OUT));
    let mut exporter = installation.start().await;
    let scrapers = scrapers(&exporter).await;
    vendor.open();
    // Some counts are visible, others are still held back.
    wait_until("visible counts", async || {
        values(&exporter, HITS).await.iter().any(|hits| *hits > 0.0)
    })
    .await;

    let mut slow = 0;
    for moment in KILLS {
        match moment {
            Moment::Waiting => {
                slow += 1;
                let rule = FaultRule::times(Fault::Slow { seconds: 50 }, 1);
                vendor.simulator.add_fault(rule).expect("a fault");
                wait_until("a request under way", async || vendor.struck("slow") == slow).await;
            }
            Moment::Answered(after) => {
                let answers = exporter.logged(ANSWERED);
                let answered = async || exporter.logged(ANSWERED) > answers;
                wait_until_every(Duration::from_millis(1), "an answer", answered).await;
                tokio::time::sleep(Duration::from_millis(after)).await;
            }
        }
        exporter.sigkill().await;
        exporter = installation.start().await;
    }
    let end = vendor.end_traffic();
    everyone_has_left(&exporter, end).await;
    everything_stored(&exporter, &scrapers, end).await;
    assert_exact(&vendor, &scrapers, &vendor.journeys()).await;
    calls::all_are_over(&exporter, end + VISIBLE_WITHIN, IDLE).await;
    calls::assert_exact(&vendor, &scrapers).await;
    for scraper in &scrapers {
        queries::check(
            &scraper.prometheus,
            &vendor.truth(),
            &vendor.journeys(),
            &config::MenuConfig::default().buckets,
        )
        .await;
    }
}
