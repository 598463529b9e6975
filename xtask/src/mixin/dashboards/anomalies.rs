//! Builds the PromQL about anomalies: sentences, the verdict of a dashboard, the option with the
//! largest anomaly.
//!
//! The queries read the exporter's scores, so that they also work where Prometheus has not loaded
//! the alerts. Firing alerts only add to them.

use wolkvox_exporter::baseline::LEAST_WEEKS;

use super::promql::{
    KEYS, MENU, OPTION, SERVER, copy, named_anomaly, of_everything, options_at_end, point_names,
    sum_by, with_label,
};

/// A kind of anomaly.
pub(crate) struct Anomaly {
    /// The value of the label `anomaly`.
    name: &'static str,
    /// The names of its alerts, as a regular expression.
    alerts: &'static str,
    /// The name of its runbook.
    runbook: &'static str,
    pub(crate) colour: &'static str,
    /// Pattern of the label `sentence`: observed, window, expected, option, routing point.
    pub(crate) with_figures: &'static str,
    /// Key of the text for `with_figures`.
    pub(crate) sentence: &'static str,
    /// Pattern of the label `sentence` of an alert without figures: option, routing point.
    pub(crate) without_figures: &'static str,
    /// Key of the text for `without_figures`.
    pub(crate) alert: &'static str,
}

macro_rules! anomaly {
    ($name:literal, $alerts:literal, $runbook:literal, $colour:literal) => {
        Anomaly {
            name: $name,
            alerts: $alerts,
            runbook: $runbook,
            colour: $colour,
            with_figures: concat!($name, r"\|([^|]+)\|([^|]+)\|([^|]+)\|(.*)\|(.*)"),
            sentence: concat!("sentence.", $name),
            without_figures: concat!($name, r"\|\|\|\|(.*)\|(.*)"),
            alert: concat!("alert.", $name),
        }
    };
}

pub(crate) const ANOMALIES: [Anomaly; 9] = [
    anomaly!("collapse", "WolkvoxRoutingPointCollapsed", "WolkvoxRoutingPointCollapsed", "red"),
    anomaly!("drop_off", "WolkvoxMenuOptionDropOff(Slow)?", "WolkvoxMenuOptionDropOff", "red"),
    anomaly!(
        "abandonment",
        "WolkvoxMenuOptionAbandonment",
        "WolkvoxMenuOptionAbandonment",
        "orange"
    ),
    anomaly!("hang_up", "WolkvoxMenuOptionHangUps", "WolkvoxMenuOptionHangUps", "orange"),
    anomaly!("surge", "WolkvoxMenuOptionSurge", "WolkvoxMenuOptionSurge", "orange"),
    anomaly!("no_input", "WolkvoxNoInputShareHigh", "WolkvoxNoInputShareHigh", "orange"),
    anomaly!("retries", "WolkvoxMenuRetriesHigh", "WolkvoxMenuRetriesHigh", "orange"),
    anomaly!("time_to_option", "WolkvoxTimeToOptionHigh", "WolkvoxTimeToOptionHigh", "orange"),
    anomaly!("loops", "WolkvoxMenuLoopsHigh", "WolkvoxMenuLoopsHigh", "orange"),
];

/// Labels that distinguish one sentence from every other.
const ROW: &str = "anomaly, server, rp_id, channel, cod_opc_menu";
/// Matcher of anomalies in which people are missing. In the others there are too many of something.
const MISSING: &str = r#"anomaly=~"drop_off|collapse""#;

/// Returns scores of at least 1, at which the shipped alerts fire, with these matchers.
fn scores(matchers: &str) -> String {
    format!(
        "max by ({ROW}) (wolkvox_menu_option_anomaly_score{{{matchers}}} >= 1 \
         or wolkvox_menu_routing_point_anomaly_score{{{matchers}}} >= 1)"
    )
}

/// Returns the start of each firing alert about menus, in Unix seconds, with the `anomaly` of its
/// score.
fn firing() -> String {
    let keys = format!("alertname, {KEYS}");
    let alerts = format!(
        r#"max by ({keys}) (ALERTS_FOR_STATE{{alertname=~"Wolkvox.+", {MENU}}}) and on ({keys}) ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", {MENU}}}"#
    );
    let named = ANOMALIES.iter().fold(format!("({alerts})"), |expression, anomaly| {
        format!(
            r#"label_replace({expression}, "anomaly", "{}", "alertname", "{}")"#,
            anomaly.name, anomaly.alerts
        )
    });
    format!("min by ({ROW}) ({named})")
}

/// Returns every anomaly that a score or an alert shows, once.
pub(crate) fn unusual() -> String {
    format!("group by ({ROW}) ({} or {})", scores(MENU), firing())
}

/// Returns options with an anomaly.
pub(crate) fn unusual_options() -> String {
    format!("group by ({KEYS}) ({})", unusual())
}

/// Returns the number of people who are missing in each anomaly: expected less observed. Other
/// anomalies have no value.
fn missing(matchers: &str) -> String {
    let figure = |name: &str| {
        format!("max by ({ROW}) (wolkvox_menu_anomaly_{name}{{{matchers}, {MISSING}}})")
    };
    format!("({} - {} and {})", figure("expected"), figure("observed"), scores(matchers))
}

/// Adds the label `sentence`, which the table's mappings turn into words: the anomaly, the observed
/// number, its window, the expected number, and the names, separated by `|`. The numbers are empty
/// if only an alert is left.
fn told(rows: &str) -> String {
    let figure = |name: &str, label: &str| {
        format!(
            r#"count_values by ({ROW}) ("{label}", round(max by ({ROW}) (wolkvox_menu_anomaly_{name}{{{MENU}}})))"#
        )
    };
    let figures = format!(
        "{} * on ({ROW}) group_left (expected) {} * on ({ROW}) group_left (window) {}",
        figure("observed", "observed"),
        figure("expected", "expected"),
        window()
    );
    let rows = named_anomaly(rows);
    let rows = format!(
        "({rows}) * on ({ROW}) group_left (observed, expected, window) ({figures} and on ({ROW}) {}) \
         or on ({ROW}) ({rows})",
        scores(MENU)
    );
    format!(
        r#"label_join({rows}, "sentence", "|", "anomaly", "observed", "window", "expected", "description", "rp_name")"#
    )
}

/// Returns the length of an anomaly's window in the label `window`: `25 min`, `2 h`, `1 h 20 min`;
/// at least a minute.
fn window() -> String {
    let minutes = format!(
        "clamp_min(round(max by ({ROW}) (wolkvox_menu_anomaly_window_seconds{{{MENU}}}) / 60), 1)"
    );
    let part =
        |label: &str, value: &str| format!(r#"count_values by ({ROW}) ("{label}", {value})"#);
    let parts = format!(
        "{} * on ({ROW}) group_left (minutes) {}",
        part("hours", &format!("floor({minutes} / 60)")),
        part("minutes", &format!("{minutes} % 60"))
    );
    let joined = format!(r#"label_join({parts}, "parts", ":", "hours", "minutes")"#);
    [("(.+):(.+)", "$1 h $2 min"), ("(.+):0", "$1 h"), ("0:(.+)", "$1 min")].iter().fold(
        joined,
        |expression, (parts, text)| {
            format!(r#"label_replace({expression}, "window", "{text}", "parts", "{parts}")"#)
        },
    )
}

/// Adds the label `runbook` for the link to it, and `guide` for the column that shows the link.
fn with_runbook(rows: &str) -> String {
    let rows = ANOMALIES.iter().fold(rows.to_owned(), |rows, anomaly| {
        format!(
            r#"label_replace({rows}, "runbook", "{}", "anomaly", "{}")"#,
            anomaly.runbook, anomaly.name
        )
    });
    copy(&rows, "guide", "runbook")
}

/// Returns a row for each anomaly, with the number of missing people; without anomalies, one row
/// with the reason.
pub(crate) fn sentences() -> String {
    let rows = format!("{} or on ({ROW}) NaN * {}", missing(MENU), unusual());
    format!("sort_desc({} or {})", of_everything(&with_runbook(&told(&rows))), quiet())
}

/// Returns the same rows with their start in Unix milliseconds: that of the alert, or that of the
/// anomaly's window if it is earlier. The latter survives a restart of Prometheus.
pub(crate) fn since() -> String {
    let watermark = format!("max by (server) (wolkvox_watermark_timestamp_seconds{{{SERVER}}})");
    let seen = format!(
        "({watermark} - on (server) group_right () \
         (max by ({ROW}) (wolkvox_menu_anomaly_window_seconds{{{MENU}}}) and {}))",
        scores(MENU)
    );
    let alert = with_label(&firing(), "source", "alert");
    let rows = format!("1000 * min by ({ROW}) ({seen} or {alert} or NaN * {})", unusual());
    format!("{} or {}", of_everything(&rows), quiet())
}

fn quiet() -> String {
    let verdict = format!("({} or {})", unknown(), normal());
    of_everything(&format!(
        r#"(NaN * count_values("sentence", {verdict} unless on () count({})))"#,
        unusual()
    ))
}

/// Returns the number of anomalies. Without any, 0 if that is certain.
pub(crate) fn verdict() -> String {
    format!("count({}) or ({} unless on () ({}))", unusual(), normal(), unknown())
}

/// Returns the reason why nothing is known, while there is no anomaly: see `unknown`.
pub(crate) fn no_verdict() -> String {
    format!("({}) unless on () count({})", unknown(), unusual())
}

fn normal() -> String {
    format!("0 * count(wolkvox_watermark_timestamp_seconds{{{SERVER}}})")
}

/// Returns the first of these reasons that holds: -5 no exporter answers, -1 the data are late, -2
/// an alert about the exporter fires, -3 there is no history to compare with.
fn unknown() -> String {
    let watermark = format!("max by (server) (wolkvox_watermark_timestamp_seconds{{{SERVER}}})");
    let no_history = format!(
        "({watermark}) unless on (server) (max by (server) (wolkvox_baseline_observations{{{MENU}}}) >= {LEAST_WEEKS})"
    );
    let when = |number: i32, condition: &str| format!("(0 * count({condition}) - {number})");
    [
        when(5, &format!("absent(wolkvox_up{{{SERVER}}})")),
        when(1, &format!("time() - {watermark} > 900")),
        when(2, &firing_exporter(r#", severity=~"critical|warning""#)),
        when(3, &no_history),
    ]
    .join(" or ")
}

/// Returns firing alerts about the exporter, which have no routing point. The alert about an
/// exporter that does not answer has no server.
pub(crate) fn firing_exporter(more: &str) -> String {
    format!(
        r#"ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", rp_id="", server=~`${{server:regex}}|`{more}}}"#
    )
}

/// Returns the chosen option with an anomaly that misses the most people; empty without anomalies.
pub(crate) fn furthest_option() -> String {
    let matchers = format!("{MENU}, {OPTION}");
    let figure = |name: &str| {
        format!(r#"wolkvox_menu_anomaly_{name}{{{matchers}, anomaly="drop_off"}} @ end()"#)
    };
    let score = format!("wolkvox_menu_option_anomaly_score{{{matchers}}} @ end() >= 1");
    format!(
        "topk(1, max by ({KEYS}) ({} - {} and {score} or 1e-6 * ({score})))",
        figure("expected"),
        figure("observed")
    )
}

/// Returns the same option; every option if there is no anomaly.
pub(crate) fn furthest_or_all() -> String {
    let furthest = furthest_option();
    format!("({furthest} or {} unless on () {furthest})", options_at_end())
}

/// Returns the number of hits that the hour before each moment should have had. Each window's
/// expectation is divided by the length of that window, because a new poll interval changes it.
/// `keep` filters the options.
pub(crate) fn expected_per_hour(more: &str, keep: &str) -> String {
    let expected = sum_by(
        "server",
        &format!("wolkvox_menu_window_option_expected_hits{{{MENU}{more}}}{keep}"),
    );
    let moment = |edge: &str| {
        format!("max by (server) (wolkvox_menu_window_{edge}_timestamp_seconds{{{SERVER}}})")
    };
    format!(
        "sum(3600 * avg_over_time(({expected} / on (server) ({} - {}))[1h:5m]))",
        moment("end"),
        moment("start")
    )
}

/// Returns the worst level of each routing point at each moment: 3 hardly anybody arrives, 2 hardly
/// anybody chooses an option, 1 another anomaly, 0 none. The label `rp_name` has the point's name.
pub(crate) fn worst_of_each_point() -> String {
    let worst = |level: u32, of: &str, anomalies: &str| {
        format!(
            r#"{level} * (max_over_time(wolkvox_menu_{of}_anomaly_score{{{MENU}, anomaly{anomalies}}}[$__interval]) >= bool 1)"#
        )
    };
    let levels = [
        worst(3, "routing_point", r#"="collapse""#),
        worst(2, "option", r#"="drop_off""#),
        worst(1, "routing_point", r#"!="collapse""#),
        worst(1, "option", r#"!="drop_off""#),
    ];
    format!(
        "max by (server, rp_id) ({}) * on (server, rp_id) group_left (rp_name) {}",
        levels.join(" or "),
        point_names()
    )
}
