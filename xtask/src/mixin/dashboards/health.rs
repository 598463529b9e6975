//! Health: can the numbers be trusted; and if not, why and since when?

use super::{
    anomalies::firing_exporter,
    column::Column,
    dashboard::{Dashboard, Section},
    field::{Mapping, Step},
    menus::{GUIDE, TO_RUNBOOK, data_until},
    panel::Panel,
    promql::{SERVER, copy, server_per_hour, sum_by, with_label},
    query::Query,
};

/// Colours of a number that should be 0. The base colour is also that of an empty tile, when no
/// exporter answers.
const NONE_WANTED: [Step; 3] =
    [Step::base("red"), Step::from(0.0, "green"), Step::from(1.0, "red")];
const FEW_WANTED: [Step; 4] = [
    Step::base("red"),
    Step::from(0.0, "green"),
    Step::from(1.0, "yellow"),
    Step::from(12.0, "red"),
];
/// Colours of a share of a limit; -1 stands for an unknown limit.
const FULL: [Step; 5] = [
    Step::base("red"),
    Step::from(-1.0, "text"),
    Step::from(0.0, "green"),
    Step::from(0.7, "yellow"),
    Step::from(0.9, "red"),
];

/// Alerts about the exporter, in words.
const ALERTS: [Mapping; 23] = [
    Mapping::new("WolkvoxExporterDown", "alert.down", "red"),
    Mapping::new("WolkvoxDataLate", "alert.late", "red"),
    Mapping::new("WolkvoxTokenRejected", "alert.token", "red"),
    Mapping::new("WolkvoxQuotaExhausted", "alert.quota_exhausted", "red"),
    Mapping::new("WolkvoxUnreachable", "alert.unreachable", "red"),
    Mapping::new("WolkvoxExporterFault", "alert.fault", "red"),
    Mapping::new("WolkvoxTokenShared", "alert.token_shared", "orange"),
    Mapping::new("WolkvoxAnswersUnusable", "alert.unusable", "orange"),
    Mapping::new("WolkvoxReloadFailed", "alert.reload", "orange"),
    Mapping::new("WolkvoxWindowsIncomplete", "alert.incomplete", "orange"),
    Mapping::new("WolkvoxQuotaRunningOut", "alert.quota", "orange"),
    Mapping::new("WolkvoxSeriesLimitReached", "alert.series", "orange"),
    Mapping::new("WolkvoxClockSkew", "alert.clock", "orange"),
    Mapping::new("WolkvoxTimeZoneWrong", "alert.time_zone", "orange"),
    Mapping::new("WolkvoxStateFileLost", "alert.state_file", "orange"),
    Mapping::new("WolkvoxPollerRestarted", "alert.restarted", "orange"),
    Mapping::new("WolkvoxExporterOverloaded", "alert.overloaded", "orange"),
    Mapping::new("WolkvoxRowsRejected", "alert.rows_rejected", "orange"),
    Mapping::new("WolkvoxDeepReadLate", "alert.deep_read", "orange"),
    Mapping::new("WolkvoxHistoryShort", "alert.history", "blue"),
    Mapping::new("WolkvoxLogLinesDropped", "alert.log_lines", "blue"),
    Mapping::new("WolkvoxMaintenance", "alert.maintenance", "blue"),
    Mapping::new("WolkvoxRowsTooLate", "alert.rows_late", "blue"),
];
/// Classes of failures, in words.
const CLASSES: [Mapping; 18] = [
    Mapping::new("connect", "class.connect", "red"),
    Mapping::new("tls", "class.tls", "red"),
    Mapping::new("timeout", "class.timeout", "orange"),
    Mapping::new("http_5xx", "class.http_5xx", "orange"),
    Mapping::new("bad_request", "class.bad_request", "red"),
    Mapping::new("token_missing", "class.token_missing", "red"),
    Mapping::new("token_invalid", "class.token_invalid", "red"),
    Mapping::new("quota_exhausted", "class.quota_exhausted", "red"),
    Mapping::new("concurrency", "class.concurrency", "orange"),
    Mapping::new("maintenance", "class.maintenance", "blue"),
    Mapping::new("throttled", "class.throttled", "orange"),
    Mapping::new("not_json", "class.not_json", "red"),
    Mapping::new("schema", "class.schema", "red"),
    Mapping::new("truncated", "class.truncated", "orange"),
    Mapping::new("too_large", "class.too_large", "orange"),
    Mapping::new("internal", "class.internal", "red"),
    Mapping::new("0", "class.none", "text"),
    Mapping::new("-1", "class.unknown", "red"),
];
/// Runbooks with the classes of failures, each a regular expression.
const RUNBOOKS: [[&str; 2]; 7] = [
    ["WolkvoxUnreachable", "connect|tls|timeout"],
    ["WolkvoxMaintenance", "http_5xx|maintenance|throttled"],
    ["WolkvoxAnswersUnusable", "bad_request|not_json|schema|truncated|too_large"],
    ["WolkvoxTokenRejected", "token_missing|token_invalid"],
    ["WolkvoxQuotaExhausted", "quota_exhausted"],
    ["WolkvoxTokenShared", "concurrency"],
    ["WolkvoxExporterFault", "internal"],
];

pub(crate) fn dashboard() -> Dashboard {
    let mut always = vec![answers(), alerts()];
    always.extend(tiles());
    always.extend([timeline(), age(), failures(), outcomes(), requests()]);
    let folded = |key, panels| Section { key: Some(key), panels };
    Dashboard {
        name: "health",
        of_menus: false,
        guides: true,
        refresh: "1m",
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

/// Keeps a value only while the exporter answers, because the growth of a counter that has
/// disappeared says nothing about now.
fn while_there(expression: &str) -> String {
    format!("{expression} and on () count({})", gauge("wolkvox_up"))
}

fn in_range(metric: &str) -> String {
    while_there(&format!("sum(increase({metric}{{{SERVER}}}[$__range]))"))
}

/// Returns Prometheus's own series about scrapes of exporters that it has known for a day.
fn of_exporters(series: &str) -> String {
    format!("{series} and on (job, instance) last_over_time(wolkvox_exporter_build_info[1d])")
}

/// Makes the tile that shows whether the exporter answers. It reads `up`, which exists even if the
/// exporter does not answer.
fn answers() -> Panel {
    Panel::tile("health.answers")
        .query(Query::now(format!("min({})", of_exporters("up"))))
        .thresholds(&[Step::base("red")])
        .mapped(&[Mapping::new("1", "word.yes", "green"), Mapping::new("0", "word.no", "red")])
        .filled()
        .size(6, 7)
}

fn tiles() -> Vec<Panel> {
    let tile = |key| Panel::tile(key).size(5, 4);
    // The used share of each server's limit; -1 if the limit is unknown.
    let quota = format!(
        "max(max by (server) ({}) / on (server) (max by (server) ({}) > 0)) or 0 * count({}) - 1",
        gauge("wolkvox_quota_requests_used"),
        gauge("wolkvox_quota_requests_limit"),
        gauge("wolkvox_up")
    );
    vec![
        data_until().size(5, 4),
        tile("health.up")
            .query(Query::now(format!("min({})", gauge("wolkvox_up"))))
            .thresholds(&[Step::base("red")])
            .mapped(&[
                Mapping::new("1", "word.read", "green"),
                Mapping::new("0", "word.failed", "red"),
            ]),
        tile("health.incomplete")
            .query(Query::now(in_range("wolkvox_windows_incomplete_total")))
            .thresholds(&NONE_WANTED),
        tile("health.failures")
            .query(Query::now(in_range("wolkvox_poll_failures_total")))
            .thresholds(&FEW_WANTED),
        Panel::tile("health.quota")
            .query(Query::now(quota))
            .unit("percentunit")
            .thresholds(&FULL)
            .mapped(&[Mapping::new("-1", "health.quota.unknown", "text")])
            .size(4, 4),
    ]
}

/// Makes the table of firing alerts about the exporter. An exporter that does not answer has a row
/// at once, before any alert.
fn alerts() -> Panel {
    let state = firing_exporter("")
        .replace("ALERTS{", "ALERTS_FOR_STATE{")
        .replace(r#"alertstate="firing", "#, "");
    let firing = format!(
        "max by (alertname, server, instance) ({state}) and on (alertname, server, instance) {}",
        firing_exporter("")
    );
    // Its last good scrape, if Prometheus still lists the target.
    let down = of_exporters(
        "(max_over_time(timestamp(up == 1)[1h:1m]) or NaN * up) and on (job, instance) up == 0",
    );
    let down =
        format!("(max by (instance) ({down}) or on () NaN * absent({}))", gauge("wolkvox_up"));
    let down = with_label(&down, "alertname", "WolkvoxExporterDown");
    let quiet = with_label(&format!("NaN * count({})", gauge("wolkvox_up")), "alertname", "0");
    let rows = format!("1000 * ({firing} or on (alertname) {down})");
    let rows = copy(&copy(&rows, "runbook", "alertname"), "guide", "alertname");
    let words: Vec<Mapping> =
        ALERTS.into_iter().chain([Mapping::new("0", "health.firing.none", "green")]).collect();
    let columns = vec![
        Column::new("alertname", "column.what", 300).growing().mapped(&words),
        Column::new("Value", "column.since", 70).unit("time:HH:mm"),
        Column::new("server", "column.operation", 110),
        Column::new("instance", "column.instance", 160),
        Column::new("guide", "column.runbook", 90).patterns(&GUIDE).link(TO_RUNBOOK),
    ];
    Panel::table("health.firing", columns)
        .query(Query::rows(format!("{rows} or on () {quiet}")))
        .size(18, 7)
}

fn timeline() -> Panel {
    Panel::timeline("health.timeline")
        .query(
            Query::over_time(format!("min by (server) ({})", gauge("wolkvox_up")))
                .legend("{{server}}"),
        )
        .mapped(&[Mapping::new("1", "word.read", "green"), Mapping::new("0", "word.failed", "red")])
        .size(24, 4)
}

fn age() -> Panel {
    let age =
        format!("max by (server) (time() - {}) / 60", gauge("wolkvox_watermark_timestamp_seconds"));
    Panel::curves("health.age")
        .query(Query::over_time(age).legend("{{server}}"))
        .unit("suffix: min")
        .size(24, 6)
}

/// Makes the table of failed readings, and failed single requests, many of which are tried again:
/// by class, with their number, and the first and last moment.
fn failures() -> Panel {
    let failed = |metric: &str| {
        format!("round(sum by (class) (increase({metric}{{{SERVER}}}[$__range]))) > 0")
    };
    let readings = "wolkvox_poll_failures_total";
    let requests = "wolkvox_api_errors_total";
    // The moments at which the counter had grown within the ten minutes before.
    let moments = |which: &str| {
        let growing =
            |metric: &str| format!("sum by (class) (increase({metric}{{{SERVER}}}[10m]))");
        format!(
            "1000 * {which}_over_time(timestamp({} > 0 or {} > 0)[$__range:5m])",
            growing(readings),
            growing(requests)
        )
    };
    let classes = format!("group by (class) ({} or {})", failed(readings), failed(requests));
    let nothing =
        |value: &str, condition: &str| with_label(&format!("NaN * {condition}"), "class", value);
    let known = |rows: &str| {
        let rows = RUNBOOKS.iter().fold(rows.to_owned(), |rows, [runbook, class]| {
            format!(r#"label_replace({rows}, "runbook", "{runbook}", "class", "{class}")"#)
        });
        copy(&rows, "guide", "runbook")
    };
    let there = format!("count({})", gauge("wolkvox_up"));
    let absent = format!("absent({})", gauge("wolkvox_up"));
    let readings = format!(
        "sort_desc({} or on (class) 0 * {classes}) or on () {} or on () {}",
        failed(readings),
        nothing("0", &there),
        nothing("-1", &absent)
    );
    let columns = vec![
        Column::new("class", "column.what", 150).growing().mapped(&CLASSES),
        Column::new("Value #A", "column.readings", 70),
        Column::new("Value #B", "column.requests", 80),
        Column::new("Value #C", "column.from", 65).unit("time:HH:mm"),
        Column::new("Value #D", "column.until", 65).unit("time:HH:mm"),
        Column::new("guide", "column.runbook", 90).patterns(&GUIDE).link(TO_RUNBOOK),
    ];
    Panel::table("health.classes", columns)
        .query(Query::rows(known(&readings)))
        .query(Query::rows(known(&failed(requests))))
        .query(Query::rows(known(&format!("{} and on (class) {classes}", moments("min")))))
        .query(Query::rows(known(&format!("{} and on (class) {classes}", moments("max")))))
        .size(12, 8)
}

fn outcomes() -> Panel {
    Panel::curves("health.outcomes")
        .query(
            Query::over_time(sum_by("outcome", &server_per_hour("wolkvox_rows_total")))
                .legend("{{outcome}}"),
        )
        .meaning("new", "outcome.new", "green")
        .meaning("repeated", "outcome.repeated", "gray")
        .meaning("rejected", "outcome.rejected", "red")
        .meaning("out_of_range", "outcome.out_of_range", "orange")
        .size(6, 8)
}

fn requests() -> Panel {
    used_of_limit("health.requests", "wolkvox_quota_requests_used", "wolkvox_quota_requests_limit")
        .size(6, 8)
}

fn used_of_limit(key: &'static str, used: &str, limit: &str) -> Panel {
    Panel::curves(key)
        .query(Query::over_time(format!("sum({})", gauge(used))).called("word.used"))
        .query(Query::over_time(format!("sum({})", gauge(limit))).called("word.limit"))
        .faint("word.limit")
}

/// Returns the growth in an hour, where there was any.
fn some(labels: &str, metric: &str) -> String {
    format!("{} > 0", sum_by(labels, &server_per_hour(metric)))
}

fn minutes(seconds: &str) -> String {
    format!("{seconds} / 60")
}

fn quantile(quantile: f64, metric: &str) -> String {
    format!(
        "histogram_quantile({quantile}, {})",
        sum_by("le", &server_per_hour(&format!("{metric}_bucket")))
    )
}

fn rows() -> Vec<Panel> {
    vec![
        Panel::stacked("health.rejected")
            .query(
                Query::over_time(some("reason", "wolkvox_rows_rejected_total"))
                    .legend("{{reason}}"),
            )
            .meaning("total", "reason.total", "gray")
            .meaning("no_identity", "reason.no_identity", "blue")
            .meaning("malformed", "reason.malformed", "red")
            .meaning("too_long", "reason.too_long", "orange")
            .meaning("bad_date", "reason.bad_date", "yellow")
            .meaning("future_date", "reason.future_date", "purple")
            .size(8, 8),
        Panel::curves("health.lateness")
            .query(
                Query::over_time(minutes(&quantile(0.5, "wolkvox_row_lateness_seconds")))
                    .called("word.median"),
            )
            .query(
                Query::over_time(minutes(&quantile(0.95, "wolkvox_row_lateness_seconds")))
                    .called("word.p95"),
            )
            .unit("suffix: min")
            .decimals(1)
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
            .decimals(2)
            .size(8, 8),
        Panel::stacked("health.splits")
            .query(
                Query::over_time(some("cause", "wolkvox_window_splits_total")).legend("{{cause}}"),
            )
            .meaning("cap", "cause.cap", "gray")
            .meaning("truncated", "cause.truncated", "orange")
            .meaning("size", "cause.size", "blue")
            .meaning("timeout", "cause.timeout", "yellow")
            .meaning("refused", "cause.refused", "red")
            .meaning("failure", "cause.failure", "purple")
            .size(8, 8),
        Panel::curves("health.skew")
            .query(
                Query::over_time(format!(
                    "max by (server) (abs({}))",
                    gauge("wolkvox_clock_skew_seconds")
                ))
                .legend("{{server}}"),
            )
            .unit("suffix: s")
            .decimals(2)
            .size(8, 8),
    ]
}

/// Makes the panels of used shares of limits, and of the history for comparisons.
fn limits() -> Vec<Panel> {
    let window = format!(
        "max({} - {})",
        gauge("wolkvox_menu_window_end_timestamp_seconds"),
        gauge("wolkvox_menu_window_start_timestamp_seconds")
    );
    vec![
        used_of_limit("health.cardinality", "wolkvox_series", "wolkvox_series_limit").size(8, 8),
        Panel::stacked("health.overflow")
            .query(
                Query::over_time(some("label", "wolkvox_series_overflow_total"))
                    .legend("{{label}}"),
            )
            .meaning("cod_opc_menu", "variable.option", "orange")
            .meaning("rp_id", "variable.rp_id", "purple")
            .size(8, 8),
        Panel::tile("health.history")
            .query(Query::now(format!(
                "min({}) / 86400",
                gauge("wolkvox_baseline_history_seconds")
            )))
            .size(4, 8),
        Panel::tile("health.window").query(Query::now(window)).unit("suffix: s").size(4, 8),
    ]
}

fn scrape() -> Vec<Panel> {
    // Prometheus writes its own metrics about a scrape with the labels of the target.
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
            .query(
                Query::over_time(of_exporter("process_resident_memory_bytes"))
                    .legend("{{instance}}"),
            )
            .unit("bytes")
            .size(6, 8),
        Panel::tile("health.version")
            .query(
                Query::now("count by (version) (wolkvox_exporter_build_info)")
                    .legend("{{version}}"),
            )
            .with_names()
            .size(6, 8),
    ]
}
