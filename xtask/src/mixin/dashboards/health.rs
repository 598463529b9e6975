//! Health: are the data whole, how old are they, and what is wrong?

use super::{
    dashboard::{Dashboard, Section},
    panel::{Panel, Query, Steps},
    promql::{SERVER, server_per_hour, sum_by},
};

/// Seconds of age: of two polls, and of four.
pub const AGE: Steps = &[(None, "green"), (Some(720.0), "yellow"), (Some(1320.0), "red")];
/// 0 and 1.
pub const GOOD: Steps = &[(None, "red"), (Some(1.0), "green")];
/// Of a limit.
const FULL: Steps = &[(None, "green"), (Some(0.7), "yellow"), (Some(0.9), "red")];
const NONE_WANTED: Steps = &[(None, "green"), (Some(1.0), "red")];

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "health",
        of_menus: false,
        sections: vec![
            Section { key: "health.glance", panels: glance() },
            Section { key: "health.fresh", panels: fresh() },
            Section { key: "health.rows", panels: rows() },
            Section { key: "health.vendor", panels: vendor() },
            Section { key: "health.scrape", panels: scrape() },
        ],
    }
}

fn gauge(name: &str) -> String {
    format!("{name}{{{SERVER}}}")
}

/// A pair of metrics of the same server, one as a share of the other.
fn share(part: &str, whole: &str) -> String {
    format!("max(max by (server) ({}) / on (server) (max by (server) ({}) > 0))", gauge(part), gauge(whole))
}

fn glance() -> Vec<Panel> {
    let in_range = |metric: &str| format!("sum(increase({metric}{{{SERVER}}}[$__range]))");
    vec![
        Panel::stat("health.up")
            .query(Query::now(format!("min({})", gauge("wolkvox_up"))))
            .thresholds(GOOD)
            .mapping("1", "word.yes", "green")
            .mapping("0", "word.no", "red"),
        Panel::stat("health.age")
            .query(Query::now(format!("max(time() - {})", gauge("wolkvox_watermark_timestamp_seconds"))))
            .unit("s")
            .decimals(0)
            .thresholds(AGE),
        Panel::stat("health.last_row")
            .query(Query::now(format!("max({}) * 1000", gauge("wolkvox_last_row_timestamp_seconds"))))
            .unit("dateTimeFromNow"),
        Panel::stat("health.incomplete")
            .query(Query::now(in_range("wolkvox_windows_incomplete_total")))
            .decimals(0)
            .thresholds(NONE_WANTED),
        Panel::stat("health.failures")
            .query(Query::now(in_range("wolkvox_poll_failures_total")))
            .decimals(0)
            .thresholds(&[(None, "green"), (Some(1.0), "yellow"), (Some(12.0), "red")]),
        Panel::stat("health.late").query(Query::now(in_range("wolkvox_late_rows_total"))).decimals(0),
        Panel::stat("health.quota")
            .query(Query::now(share("wolkvox_quota_requests_used", "wolkvox_quota_requests_limit")))
            .unit("percentunit")
            .decimals(1)
            .thresholds(FULL),
        Panel::stat("health.series")
            .query(Query::now(share("wolkvox_series", "wolkvox_series_limit")))
            .unit("percentunit")
            .decimals(1)
            .thresholds(FULL),
        Panel::stat("health.skew")
            .query(Query::now(format!("max(abs({}))", gauge("wolkvox_clock_skew_seconds"))))
            .unit("s")
            .decimals(1)
            .thresholds(&[(None, "green"), (Some(5.0), "yellow"), (Some(30.0), "red")]),
        Panel::stat("health.version")
            .query(Query::now("count by (version) (wolkvox_exporter_build_info)").legend("{{version}}"))
            .with_names(),
        Panel::stat("health.polls").query(Query::now(in_range("wolkvox_polls_total"))).decimals(0),
        Panel::stat("health.count")
            .query(Query::over_time(format!("sum({})", gauge("wolkvox_series"))))
            .decimals(0)
            .with_curve(),
    ]
}

fn fresh() -> Vec<Panel> {
    vec![
        Panel::timeline("health.timeline")
            .query(
                Query::over_time(format!("min by (server) ({})", gauge("wolkvox_up"))).legend("{{server}}"),
            )
            .thresholds(GOOD)
            .mapping("1", "word.read", "green")
            .mapping("0", "word.failed", "red"),
        Panel::curves("health.ages")
            .query(
                Query::over_time(format!(
                    "max by (server) (time() - {})",
                    gauge("wolkvox_watermark_timestamp_seconds")
                ))
                .legend("{{server}}"),
            )
            .unit("s")
            .default("min", 0.into()),
    ]
}

fn rows() -> Vec<Panel> {
    let lateness = sum_by("le", &server_per_hour("wolkvox_row_lateness_seconds_bucket"));
    vec![
        Panel::curves("health.outcomes")
            .query(
                Query::over_time(sum_by("outcome", &server_per_hour("wolkvox_rows_total")))
                    .legend("{{outcome}}"),
            )
            .rename("new", "outcome.new")
            .rename("repeated", "outcome.repeated")
            .rename("rejected", "outcome.rejected")
            .rename("out_of_range", "outcome.out_of_range")
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.rejected")
            .query(
                Query::over_time(format!(
                    "{} > 0",
                    sum_by("reason", &server_per_hour("wolkvox_rows_rejected_total"))
                ))
                .legend("{{reason}}"),
            )
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.lateness")
            .query(Query::over_time(format!("histogram_quantile(0.5, {lateness})")).called("word.median"))
            .query(Query::over_time(format!("histogram_quantile(0.95, {lateness})")).called("word.p95"))
            .unit("s")
            .default("min", 0.into()),
        Panel::curves("health.late_rows")
            .query(
                Query::over_time(sum_by("server", &server_per_hour("wolkvox_late_rows_total")))
                    .legend("{{server}}"),
            )
            .default("min", 0.into())
            .decimals(0),
    ]
}

fn vendor() -> Vec<Panel> {
    let some = |labels: &str, metric: &str| format!("{} > 0", sum_by(labels, &server_per_hour(metric)));
    let p95 = |metric: &str| {
        format!("histogram_quantile(0.95, {})", sum_by("le", &server_per_hour(&format!("{metric}_bucket"))))
    };
    vec![
        Panel::curves("health.poll_failures")
            .query(Query::over_time(some("class", "wolkvox_poll_failures_total")).legend("{{class}}"))
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.api_errors")
            .query(Query::over_time(some("class", "wolkvox_api_errors_total")).legend("{{class}}"))
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.durations")
            .query(Query::over_time(p95("wolkvox_poll_duration_seconds")).called("health.durations.poll"))
            .query(
                Query::over_time(p95("wolkvox_api_request_duration_seconds"))
                    .called("health.durations.request"),
            )
            .unit("s")
            .default("min", 0.into()),
        Panel::curves("health.splits")
            .query(Query::over_time(some("cause", "wolkvox_window_splits_total")).legend("{{cause}}"))
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.requests")
            .query(
                Query::over_time(format!("sum({})", gauge("wolkvox_quota_requests_used")))
                    .called("word.used"),
            )
            .query(
                Query::over_time(format!("sum({})", gauge("wolkvox_quota_requests_limit")))
                    .called("word.limit"),
            )
            .faint("word.limit")
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.cardinality")
            .query(Query::over_time(format!("sum({})", gauge("wolkvox_series"))).called("word.used"))
            .query(Query::over_time(format!("sum({})", gauge("wolkvox_series_limit"))).called("word.limit"))
            .faint("word.limit")
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.overflow")
            .query(Query::over_time(some("label", "wolkvox_series_overflow_total")).legend("{{label}}"))
            .default("min", 0.into())
            .decimals(0),
    ]
}

fn scrape() -> Vec<Panel> {
    // Prometheus writes its own metrics about a scrape under the labels of the target.
    let of_exporter = |metric: &str| {
        format!("max by (instance) ({metric} and on (job, instance) wolkvox_exporter_build_info)")
    };
    vec![
        Panel::curves("health.scrape_duration")
            .query(Query::over_time(of_exporter("scrape_duration_seconds")).legend("{{instance}}"))
            .unit("s")
            .default("min", 0.into()),
        Panel::curves("health.scrape_samples")
            .query(Query::over_time(of_exporter("scrape_samples_scraped")).legend("{{instance}}"))
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("health.memory")
            .query(Query::over_time(of_exporter("process_resident_memory_bytes")).legend("{{instance}}"))
            .unit("bytes")
            .default("min", 0.into()),
    ]
}
