//! Health: can the numbers be trusted; and if not, why and since when?

use super::{
    column::{Column, Mapping},
    dashboard::{Dashboard, Section},
    menus::data_until,
    panel::{Panel, Steps},
    promql::{SERVER, copy, firing_exporter, server_per_hour, sum_by},
    query::Query,
};

const NONE_WANTED: Steps = &[(None, "green"), (Some(1.0), "red")];
/// Of a limit.
const FULL: Steps = &[(None, "green"), (Some(0.7), "yellow"), (Some(0.9), "red")];

/// Alerts about the exporter, in words.
const ALERTS: [Mapping; 15] = [
    ("WolkvoxExporterDown", "alert.down", "red"),
    ("WolkvoxDataLate", "alert.late", "red"),
    ("WolkvoxTokenRejected", "alert.token", "red"),
    ("WolkvoxQuotaExhausted", "alert.quota_exhausted", "red"),
    ("WolkvoxUnreachable", "alert.unreachable", "red"),
    ("WolkvoxExporterFault", "alert.fault", "red"),
    ("WolkvoxTokenShared", "alert.token_shared", "orange"),
    ("WolkvoxAnswersUnusable", "alert.unusable", "orange"),
    ("WolkvoxReloadFailed", "alert.reload", "orange"),
    ("WolkvoxWindowsIncomplete", "alert.incomplete", "orange"),
    ("WolkvoxQuotaRunningOut", "alert.quota", "orange"),
    ("WolkvoxSeriesLimitReached", "alert.series", "orange"),
    ("WolkvoxClockSkew", "alert.clock", "orange"),
    ("WolkvoxMaintenance", "alert.maintenance", "blue"),
    ("WolkvoxRowsTooLate", "alert.rows_late", "blue"),
];

pub(crate) fn dashboard() -> Dashboard {
    let mut always = tiles();
    always.extend([alerts(), timeline(), age(), failures(), outcomes(), requests()]);
    let folded = |key, panels| Section { key: Some(key), panels };
    Dashboard {
        name: "health",
        of_menus: false,
        sections: vec![
            Section { key: None, panels: always },
            folded("health.rows", rows()),
            folded("health.vendor", vendor()),
            folded("health.limits", limits()),
            folded("health.scrape", scrape()),
        ],
    }
}

fn gauge(name: &str) -> String {
    format!("{name}{{{SERVER}}}")
}

fn in_range(metric: &str) -> String {
    format!("sum(increase({metric}{{{SERVER}}}[$__range]))")
}

fn tiles() -> Vec<Panel> {
    // A pair of the same server, one as a share of the other.
    let quota = format!(
        "max(max by (server) ({}) / on (server) (max by (server) ({}) > 0))",
        gauge("wolkvox_quota_requests_used"),
        gauge("wolkvox_quota_requests_limit")
    );
    vec![
        data_until(),
        Panel::tile("health.up")
            .query(Query::now(format!("min({})", gauge("wolkvox_up"))))
            .mapping("1", "word.read", "green")
            .mapping("0", "word.failed", "red"),
        Panel::tile("health.incomplete")
            .query(Query::now(in_range("wolkvox_windows_incomplete_total")))
            .thresholds(NONE_WANTED),
        Panel::tile("health.failures")
            .query(Query::now(in_range("wolkvox_poll_failures_total")))
            .thresholds(&[(None, "green"), (Some(1.0), "yellow"), (Some(12.0), "red")]),
        Panel::tile("health.quota").query(Query::now(quota)).unit("percentunit").thresholds(FULL),
        Panel::tile("health.alerts")
            // None only where there is an exporter to speak of.
            .query(Query::now(format!(
                "count({}) or 0 * count({})",
                firing_exporter(""),
                gauge("wolkvox_up")
            )))
            .thresholds(NONE_WANTED)
            .mapping("0", "word.none", "green"),
    ]
}

fn alerts() -> Panel {
    let state =
        firing_exporter("").replace("ALERTS{", "ALERTS_FOR_STATE{").replace(r#"alertstate="firing", "#, "");
    let firing = format!(
        "max by (alertname, server, instance) ({state}) and on (alertname, server, instance) {}",
        firing_exporter("")
    );
    let quiet = format!(r#"label_replace(NaN * count({}), "alertname", "0", "", "")"#, gauge("wolkvox_up"));
    let words: Vec<Mapping> = ALERTS.into_iter().chain([("0", "health.firing.none", "green")]).collect();
    let columns = vec![
        Column::new("alertname", "column.what", 320).growing().mapped(&words),
        Column::new("Value", "column.since", 90).unit("time:HH:mm"),
        Column::new("server", "column.operation", 140),
        Column::new("instance", "column.instance", 180),
        Column::new("runbook", "column.runbook", 380).growing().within("column.runbook.path"),
    ];
    Panel::table("health.firing", columns)
        .query(Query::rows(format!(
            "{} or on () {quiet}",
            copy(&format!("1000 * ({firing})"), "runbook", "alertname")
        )))
        .size(24, 5)
}

fn timeline() -> Panel {
    Panel::timeline("health.timeline")
        .query(Query::over_time(format!("min by (server) ({})", gauge("wolkvox_up"))).legend("{{server}}"))
        .mapping("1", "word.read", "green")
        .mapping("0", "word.failed", "red")
        .size(24, 4)
}

fn age() -> Panel {
    let age = format!("max by (server) (time() - {})", gauge("wolkvox_watermark_timestamp_seconds"));
    Panel::curves("health.age").query(Query::over_time(age).legend("{{server}}")).unit("dthms").size(24, 6)
}

/// Readings that failed, and single requests, of which many are tried again: by class, on one scale.
fn failures() -> Panel {
    Panel::hourly_bars("health.classes")
        .query(Query::over_time(some("class", "wolkvox_poll_failures_total")).called("health.classes.poll"))
        .query(Query::over_time(some("class", "wolkvox_api_errors_total")).called("health.classes.request"))
        .size(8, 8)
}

fn outcomes() -> Panel {
    Panel::curves("health.outcomes")
        .query(
            Query::over_time(sum_by("outcome", &server_per_hour("wolkvox_rows_total"))).legend("{{outcome}}"),
        )
        .meaning("new", "outcome.new", "green")
        .meaning("repeated", "outcome.repeated", "gray")
        .meaning("rejected", "outcome.rejected", "red")
        .meaning("out_of_range", "outcome.out_of_range", "orange")
        .size(8, 8)
}

fn requests() -> Panel {
    used_of_limit("health.requests", "wolkvox_quota_requests_used", "wolkvox_quota_requests_limit").size(8, 8)
}

fn used_of_limit(key: &'static str, used: &str, limit: &str) -> Panel {
    Panel::curves(key)
        .query(Query::over_time(format!("sum({})", gauge(used))).called("word.used"))
        .query(Query::over_time(format!("sum({})", gauge(limit))).called("word.limit"))
        .faint("word.limit")
}

/// The growth in an hour where there was any.
fn some(labels: &str, metric: &str) -> String {
    format!("{} > 0", sum_by(labels, &server_per_hour(metric)))
}

fn quantile(quantile: f64, metric: &str) -> String {
    format!("histogram_quantile({quantile}, {})", sum_by("le", &server_per_hour(&format!("{metric}_bucket"))))
}

fn rows() -> Vec<Panel> {
    vec![
        Panel::hourly_bars("health.rejected")
            .query(Query::over_time(some("reason", "wolkvox_rows_rejected_total")).legend("{{reason}}"))
            .size(8, 8),
        Panel::curves("health.lateness")
            .query(Query::over_time(quantile(0.5, "wolkvox_row_lateness_seconds")).called("word.median"))
            .query(Query::over_time(quantile(0.95, "wolkvox_row_lateness_seconds")).called("word.p95"))
            .unit("dthms")
            .size(8, 8),
        Panel::curves("health.late_rows")
            .query(
                Query::over_time(sum_by("server", &server_per_hour("wolkvox_late_rows_total")))
                    .legend("{{server}}"),
            )
            .size(8, 8),
    ]
}

fn vendor() -> Vec<Panel> {
    vec![
        Panel::curves("health.durations")
            .query(
                Query::over_time(quantile(0.95, "wolkvox_poll_duration_seconds"))
                    .called("health.durations.poll"),
            )
            .query(
                Query::over_time(quantile(0.95, "wolkvox_api_request_duration_seconds"))
                    .called("health.durations.request"),
            )
            .unit("suffix: s")
            .decimals(1)
            .size(8, 8),
        Panel::hourly_bars("health.splits")
            .query(Query::over_time(some("cause", "wolkvox_window_splits_total")).legend("{{cause}}"))
            .size(8, 8),
        Panel::curves("health.skew")
            .query(
                Query::over_time(format!("max by (server) (abs({}))", gauge("wolkvox_clock_skew_seconds")))
                    .legend("{{server}}"),
            )
            .unit("suffix: s")
            .decimals(1)
            .size(8, 8),
    ]
}

/// What there is room for, and what there is to compare with.
fn limits() -> Vec<Panel> {
    let window = format!(
        "max({} - {})",
        gauge("wolkvox_menu_window_end_timestamp_seconds"),
        gauge("wolkvox_menu_window_start_timestamp_seconds")
    );
    vec![
        used_of_limit("health.cardinality", "wolkvox_series", "wolkvox_series_limit").size(8, 8),
        Panel::hourly_bars("health.overflow")
            .query(Query::over_time(some("label", "wolkvox_series_overflow_total")).legend("{{label}}"))
            .size(8, 8),
        Panel::tile("health.history")
            .query(Query::now(format!("min({}) / 86400", gauge("wolkvox_baseline_history_seconds"))))
            .size(4, 8),
        Panel::tile("health.window").query(Query::now(window)).unit("suffix: s").size(4, 8),
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
            .unit("suffix: s")
            .decimals(3)
            .size(6, 8),
        Panel::curves("health.scrape_samples")
            .query(Query::over_time(of_exporter("scrape_samples_scraped")).legend("{{instance}}"))
            .size(6, 8),
        Panel::curves("health.memory")
            .query(Query::over_time(of_exporter("process_resident_memory_bytes")).legend("{{instance}}"))
            .unit("bytes")
            .size(6, 8),
        Panel::tile("health.version")
            .query(Query::now("count by (version) (wolkvox_exporter_build_info)").legend("{{version}}"))
            .with_names()
            .size(6, 8),
    ]
}
