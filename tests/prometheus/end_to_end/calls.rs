//! What became of the calls, as each Prometheus has stored it, beside the simulator's truth.

use std::collections::BTreeMap;

use jiff::Timestamp;
use simulator_testing::CallEnds;

use super::{
    DEADLINE, JOB, Scraper,
    stored::assert_same,
    vendor::{IDLE, VISIBLE_WITHIN, Vendor},
    wait_for_all,
};
use crate::{
    end_to_end::stored::Series,
    support::{process::Exporter, prometheus::Labels},
};

pub(crate) const CALLS: &str = "wolkvox_menu_option_outcomes_total";
pub(crate) const HANG_UPS: &str = "wolkvox_menu_time_to_hang_up_seconds_count";
const WATERMARK: &str = "wolkvox_outcomes_watermark_timestamp_seconds";

/// Fails unless every Prometheus has stored the truth of calls that ended before `end`: the last
/// value, and last minus first.
pub(super) async fn assert_exact(
    exporter: &Exporter,
    vendor: &Vendor,
    scrapers: &[Scraper],
    end: Timestamp,
) {
    let expected = expected(vendor);
    assert!(expected.values().sum::<f64>() > 200.0, "too few calls to show anything: {expected:?}");
    let over = (end + VISIBLE_WITHIN).as_second() as f64 + IDLE.as_secs_f64();
    wait_for_all(exporter, WATERMARK, |at| at > over).await;
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
                // Each option has each outcome, at 0 where it never was.
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

/// The series of these calls.
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

/// Without what the scrape and the target add.
fn own(labels: &Labels) -> Labels {
    let added = ["__name__", "job", "instance", "server"];
    let own = labels.iter().filter(|(name, _)| !added.contains(&name.as_str()));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
