//! Tests of native histograms in real Prometheus servers: their quantiles are compared with those
//! of the simulator's rows.

use std::collections::BTreeMap;

use serde_json::json;
use simulator_testing::{Journeys, Truth};

use super::*;
use crate::support::prometheus::Labels;

const TIME_TO_OPTION: &str = "wolkvox_menu_time_to_option_seconds";
/// The exporter's own histograms, and lateness: each has values as soon as there are rows.
const OTHERS: [&str; 3] = [
    "wolkvox_api_request_duration_seconds",
    "wolkvox_poll_duration_seconds",
    "wolkvox_row_lateness_seconds",
];
const WITHIN: f64 = 0.05;

/// Starts every Prometheus with native histograms on. The newer ones also keep the classic buckets,
/// which 2.42 cannot, once without and once with reading created timestamps.
async fn native_scrapers(exporter: &Exporter) -> Vec<Scraper> {
    let mut scrapers = Vec::new();
    for tool in binaries() {
        let target = Target::new(JOB, exporter.address);
        if tool.major() < 3 {
            let flags = ["--enable-feature=native-histograms"];
            let prometheus = Prometheus::start(&tool, &[target], &flags).await;
            scrapers.push(Scraper { prometheus, reads_created: false });
            continue;
        }
        let target = target
            .with("scrape_native_histograms", json!(true))
            .with("always_scrape_classic_histograms", json!(true));
        for (reads_created, flags) in
            [(false, &[][..]), (true, &["--enable-feature=created-timestamp-zero-ingestion"])]
        {
            let prometheus = Prometheus::start(&tool, std::slice::from_ref(&target), flags).await;
            scrapers.push(Scraper { prometheus, reads_created });
        }
    }
    all_up(&scrapers).await;
    scrapers
}

/// Returns the rows of each label set by their seconds; the keys are as in a query that sums by
/// these labels.
fn by_labels(truth: &Truth) -> BTreeMap<Labels, BTreeMap<u32, u64>> {
    let labels = |option: &simulator_testing::OptionTruth| {
        [
            ("rp_id", &option.rp_id),
            ("channel", &option.channel),
            ("cod_opc_menu", &option.cod_opc_menu),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
    };
    truth.options.iter().map(|option| (labels(option), option.seconds.clone())).collect()
}

/// Returns the lowest and the highest value that may be called the quantile. They differ if it
/// falls between two rows.
fn quantile(seconds: &BTreeMap<u32, u64>, q: f64) -> (f64, f64) {
    let count: u64 = seconds.values().sum();
    let nth = |rank: u64| {
        let mut below = 0;
        let found = seconds.iter().find(|(_, times)| {
            below += *times;
            below >= rank
        });
        f64::from(*found.expect("the rank of a row").0)
    };
    // Rounding may move a whole number a little.
    let rank = q * count as f64;
    (nth(((rank - 1e-6).ceil() as u64).max(1)), nth(((rank + 1e-6).floor() as u64 + 1).min(count)))
}

fn assert_near(what: &str, (low, high): (f64, f64), found: f64) {
    let near = low * (1.0 - WITHIN) - 1e-9 <= found && found <= high * (1.0 + WITHIN) + 1e-9;
    assert!(near, "{what}: {found}, but the rows say {low} to {high}");
}

#[tokio::test]
async fn quantiles_of_native_histograms_are_near_those_of_the_rows() {
    let mut vendor = Vendor::closed(4_000).await;
    let exporter = installation(&vendor, ZERO_HOLD).start().await;
    let scrapers = native_scrapers(&exporter).await;
    vendor.open();
    let busy = (vendor.origin + SignedDuration::from_secs(25)).as_second() as f64;
    wait_for_all(&exporter, WATERMARK, |at| at >= busy).await;
    let end = vendor.end_traffic();
    everything_stored(&exporter, &scrapers, end).await;

    let truth = vendor.truth();
    let options = by_labels(&truth);
    assert!(truth.rows > 2_000 && options.len() > 30, "too little traffic to show anything");
    let mut together = BTreeMap::new();
    for (second, times) in options.values().flatten() {
        *together.entry(*second).or_insert(0) += times;
    }
    for scraper in &scrapers {
        let prometheus = &scraper.prometheus;
        let selector = format!("{TIME_TO_OPTION}{{job={JOB:?}}}");

        // Counts and sums are exact, and so is everything classic that is stored.
        let mut classic = expected(&truth, &Journeys::default());
        if prometheus.tool().major() < 3 {
            classic.retain(|(name, _), _| !name.starts_with(TIME_TO_OPTION));
        }
        let stored = Stored::of(prometheus, JOB, &classic).await;
        assert_same(&format!("{scraper}: the last value"), &stored.last, &classic);
        assert_same(&format!("{scraper}: last minus first"), &stored.growth(), &classic);
        for (function, of) in [
            ("histogram_count", (|_, times| times) as fn(u64, u64) -> u64),
            ("histogram_sum", |second, times| second * times),
        ] {
            let query = format!("sum by (rp_id, channel, cod_opc_menu) ({function}({selector}))");
            let found: BTreeMap<_, _> = prometheus.query(&query).await.into_iter().collect();
            let total = |seconds: &BTreeMap<u32, u64>| {
                seconds.iter().map(|(second, times)| of((*second).into(), *times)).sum::<u64>()
                    as f64
            };
            let exact: BTreeMap<_, _> =
                options.iter().map(|(labels, seconds)| (labels.clone(), total(seconds))).collect();
            assert_eq!(found, exact, "{scraper}: {query}");
        }
        for name in OTHERS {
            let counts = prometheus.query(&format!("histogram_count({name}{{job={JOB:?}}})")).await;
            assert!(counts.iter().any(|(_, count)| *count > 0.0), "{scraper}: {name}: {counts:?}");
        }
        // Buckets were only added, so nothing may look like a reset.
        for name in [TIME_TO_OPTION].iter().chain(&OTHERS) {
            let resets = prometheus.query(&format!("resets({name}{{job={JOB:?}}}[1h]) > 0")).await;
            assert!(resets.is_empty(), "{scraper}: {name} went back: {resets:?}");
        }

        for q in [0.1, 0.5, 0.9, 0.99] {
            let query = format!("histogram_quantile({q}, sum(increase({selector}[1h])))");
            let [(_, found)] = prometheus.query(&query).await[..] else {
                panic!("{scraper}: {query}")
            };
            let exact = quantile(&together, q);
            // Visible with --nocapture.
            println!("{scraper}: {query} = {found}, the rows say {exact:?}");
            assert_near(&format!("{scraper}: {query}"), exact, found);
        }
        for q in [0.5, 0.9] {
            let sum = format!("sum by (rp_id, channel, cod_opc_menu) (increase({selector}[1h]))");
            let found = prometheus.query(&format!("histogram_quantile({q}, {sum})")).await;
            assert_eq!(found.len(), options.len(), "{scraper}: {found:?}");
            for (labels, found) in found {
                assert_near(
                    &format!("{scraper}: {q} of {labels:?}"),
                    quantile(&options[&labels], q),
                    found,
                );
            }
        }
    }
}
