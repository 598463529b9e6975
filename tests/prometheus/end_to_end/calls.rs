//! Compares the outcomes of calls that each Prometheus has stored with the simulator's truth.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use simulator_testing::{CallEnds, Fault, FaultRule, Journeys};

use super::{
    DEADLINE, HITS, JOB, Scraper, WATERMARK, ZERO_HOLD, everything_stored, scrapers,
    stored::assert_same,
    values,
    vendor::{LATE_BY, TOKEN, Vendor},
    wait_for_all, wait_until,
};
use crate::{
    end_to_end::stored::Series,
    support::{installation::Installation, process::Exporter, prometheus::Labels},
};

pub(crate) const CALLS: &str = "wolkvox_menu_option_outcomes_total";
pub(crate) const HANG_UPS: &str = "wolkvox_menu_time_to_hang_up_seconds_count";
const CALLS_WATERMARK: &str = "wolkvox_outcomes_watermark_timestamp_seconds";
/// Longer than a row takes that is not late, and shorter than one that is.
const LOOKBACK: &str = "--poll.lookback=10s";
/// Pause after which a call is over; each has one row, so the shortest possible one.
const PAUSE_OF_CALLS: Duration = Duration::from_secs(60);

/// Waits until all calls are over whose rows are visible at `visible`.
pub(super) async fn all_are_over(exporter: &Exporter, visible: Timestamp, idle: Duration) {
    let over = visible.as_second() as f64 + idle.as_secs_f64();
    wait_for_all(exporter, CALLS_WATERMARK, |at| at > over).await;
}

/// Fails unless every Prometheus has stored the truth of all calls, by the last value and by last
/// minus first.
pub(super) async fn assert_exact(vendor: &Vendor, scrapers: &[Scraper]) {
    let expected = expected(vendor);
    assert!(expected.values().sum::<f64>() > 200.0, "too few calls to show anything: {expected:?}");
    for scraper in scrapers {
        for name in [CALLS, HANG_UPS] {
            let wanted: f64 =
                expected.iter().filter(|((of, _), _)| *of == name).map(|(_, value)| value).sum();
            let sum = format!("sum({name}{{job={JOB:?}}})");
            let is_stored =
                |stored: &[(Labels, f64)]| stored.first().is_some_and(|(_, sum)| *sum >= wanted);
            scraper.prometheus.wait_for(&sum, DEADLINE, is_stored).await;
        }
        let (mut last, mut growth) = (BTreeMap::new(), BTreeMap::new());
        for name in [CALLS, HANG_UPS] {
            for (labels, samples) in
                scraper.prometheus.samples(&format!("{name}{{job={JOB:?}}}[1h]")).await
            {
                let first = samples.first().expect("no series is empty").1;
                let newest = samples.last().expect("no series is empty").1;
                // An option has a series for each outcome, with 0 where there was none.
                if newest > 0.0 {
                    last.insert((name, own(&labels)), newest);
                    growth.insert((name, own(&labels)), newest - first);
                }
            }
            let back =
                scraper.prometheus.query(&format!("sum(resets({name}{{job={JOB:?}}}[1h]))")).await;
            assert!(
                back.iter().all(|(_, times)| *times == 0.0),
                "{scraper}: {name} went back: {back:?}"
            );
        }
        assert_same(&format!("{scraper}: the last value"), &last, &expected);
        assert_same(&format!("{scraper}: last minus first"), &growth, &expected);
    }
}

fn expected(vendor: &Vendor) -> BTreeMap<Series, f64> {
    calls_of(&vendor.simulator.call_end_truth(vendor.origin, vendor.simulator.now()))
}

/// Returns the series of these calls.
pub(crate) fn calls_of(truth: &CallEnds) -> BTreeMap<Series, f64> {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut expected = BTreeMap::new();
    for ((rp_id, option, outcome), calls) in &truth.calls {
        let labels =
            [label("rp_id", rp_id), label("cod_opc_menu", option), label("outcome", outcome)];
        expected.insert((CALLS, labels.into()), *calls as f64);
    }
    for (rp_id, (calls, _)) in &truth.hang_ups {
        expected.insert((HANG_UPS, [label("rp_id", rp_id)].into()), *calls as f64);
    }
    expected
}

/// Removes the labels that the scrape and the target add.
fn own(labels: &Labels) -> Labels {
    let added = ["__name__", "job", "instance", "server"];
    let own = labels.iter().filter(|(name, _)| !added.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Configures both reports, without re-readings at first.
fn installation(vendor: &Vendor) -> Installation {
    let [start_from, timezone] = vendor.clock_flags();
    let flags = [
        "--poll.interval=2s",
        "--poll.settle-delay=1s",
        LOOKBACK,
        &format!("--journey.idle={}s", PAUSE_OF_CALLS.as_secs()),
        ZERO_HOLD,
        &start_from,
        &timezone,
        "--wolkvox.outcomes",
        "--log.level=debug",
    ];
    Installation::new(vendor.url(), TOKEN, &flags).configured(&tiers("0s"))
}

fn tiers(hourly: &str) -> String {
    format!("poll: {{hourly_lookback: {hourly}, nightly_lookback: 0s}}")
}

fn calls(of: &BTreeMap<Series, f64>) -> f64 {
    of.iter().filter(|((name, _), _)| *name == CALLS).map(|(_, calls)| calls).sum()
}

#[tokio::test]
async fn calls_that_come_late_amid_kills_and_faults_are_the_truth() {
    let mut vendor = Vendor::late(10_000).await;
    let mut installation = installation(&vendor);
    let mut exporter = installation.start().await;
    let scrapers = scrapers(&exporter).await;
    vendor.open();
    wait_for_all(&exporter, CALLS, |calls| calls >= 0.0).await;
    exporter.sigkill().await;
    exporter = installation.start().await;
    let busy = (Timestamp::now() + SignedDuration::from_secs(12)).as_second() as f64;
    wait_for_all(&exporter, WATERMARK, |at| at >= busy).await;
    let end = vendor.end_traffic();
    let visible = end + *LATE_BY.end();
    all_are_over(&exporter, visible, Duration::ZERO).await;
    // Rows that appear behind the lookback wait for a deeper re-reading.
    let shown: f64 = values(&exporter, CALLS).await.iter().sum();
    let all = calls(&expected(&vendor));
    assert!(shown < all * 0.95, "{shown} of {all} calls without a re-reading");
    exporter.sigkill().await;

    installation.reconfigure(&tiers("1h"));
    for fault in [Fault::Truncated, Fault::CutJson, Fault::Http500, Fault::NotJson] {
        let name = fault.name();
        let rules = [("diagram_1", fault), ("diagram_13", Fault::Http503)];
        for (report, fault) in rules {
            let rule = FaultRule::times(fault, 1).of_report(report);
            vendor.simulator.add_fault(rule).expect("a fault");
        }
        exporter = installation.start().await;
        wait_until("a request of calls that fails", async || vendor.struck(&name) == 1).await;
        exporter.sigkill().await;
    }
    exporter = installation.start().await;
    all_are_over(&exporter, visible, PAUSE_OF_CALLS).await;
    assert_exact(&vendor, &scrapers).await;
    let rows = vendor.truth().rows as f64;
    let all_rows = async || values(&exporter, HITS).await.iter().sum::<f64>() >= rows;
    wait_until("all rows are read again", all_rows).await;
    everything_stored(&exporter, &scrapers, end).await;
    super::assert_exact(&vendor, &scrapers, &Journeys::default()).await;
}
