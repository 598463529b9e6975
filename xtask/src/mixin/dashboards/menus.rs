//! Menus: is anything unlike usual, and which option?

use super::{
    column::{Column, Mapping},
    dashboard::{Dashboard, Section},
    panel::{Panel, Steps},
    promql::{
        HITS, INTERACTIONS, KEYS, MENU, MIN_VISITS, OPTION, RETRIES, SECONDS, SERVER, a_week_before,
        expected_per_hour, firing, kind_share, known_a_week_before, named, named_alert, of_four_weeks,
        or_nothing, over_range, percent_of_point, share_of_ends, sum, sum_by, verdict,
    },
    query::Query,
};

/// Shares of something that nobody wants.
const UNWANTED: Steps = &[(None, "green"), (Some(0.15), "yellow"), (Some(0.3), "orange")];
const CHANGE: Steps = &[(None, "orange"), (Some(-0.2), "text"), (Some(0.2), "orange")];
/// What is more than chance, in the units of `signal`.
const SIGNS: &[(f64, &str, &str)] = &[
    (-5.0, "▼▼", "red"),
    (-3.0, "▼", "orange"),
    (3.0, " ", "text"),
    (5.0, "▲", "blue"),
    (1e3, "▲▲", "blue"),
    (1e9, " ", "text"),
];
/// Above every signal: rows that nothing can be compared with come after those, the largest first.
const NO_SIGNAL: &str = "1e7";

/// The option of a row on this dashboard.
pub(crate) const TO_OPTION: &str = "/d/wolkvox-menus-{language}?${__url_time_range}&var-datasource=${datasource}\
    &var-server=${__data.fields.server:percentencode}&var-rp_id=${__data.fields.rp_id:percentencode}\
    &var-cod_opc_menu=${__data.fields.cod_opc_menu:percentencode}";
const TO_HEALTH: &str = "/d/wolkvox-health-{language}?${__url_time_range}&var-datasource=${datasource}";

/// What `verdict` says instead of a number of alerts: in the tile, and in the table's only row.
const VERDICTS: [[&str; 4]; 5] = [
    ["0", "verdict.normal", "verdict.normal.long", "green"],
    ["-1", "verdict.late", "verdict.late.long", "orange"],
    ["-2", "verdict.health", "verdict.health.long", "orange"],
    ["-3", "verdict.young", "verdict.young.long", "blue"],
    ["-4", "verdict.watching", "verdict.watching.long", "yellow"],
];
/// Alerts about menus, in words.
const ALERTS: [Mapping; 9] = [
    ("WolkvoxRoutingPointCollapsed", "alert.collapsed", "red"),
    ("WolkvoxMenuOptionDropOff", "alert.drop_off", "red"),
    ("WolkvoxMenuOptionDropOffSlow", "alert.drop_off_slow", "red"),
    ("WolkvoxMenuOptionAbandonment", "alert.abandonment", "orange"),
    ("WolkvoxMenuOptionSurge", "alert.surge", "orange"),
    ("WolkvoxNoInputShareHigh", "alert.no_input", "orange"),
    ("WolkvoxMenuRetriesHigh", "alert.retries", "orange"),
    ("WolkvoxTimeToOptionHigh", "alert.time", "orange"),
    ("WolkvoxMenuLoopsHigh", "alert.loops", "orange"),
];

pub(crate) fn dashboard() -> Dashboard {
    let mut always = tiles();
    always.push(out_of_the_ordinary());
    always.extend(curves());
    always.push(options());
    Dashboard {
        name: "menus",
        of_menus: true,
        sections: vec![
            Section { key: None, panels: always },
            Section { key: Some("menus.more"), panels: more() },
        ],
    }
}

fn tiles() -> Vec<Panel> {
    let share = |key: &'static str, expr: String| {
        Panel::tile(key).query(Query::now(expr)).unit("percentunit").thresholds(UNWANTED)
    };
    let by_server = |range: &str| sum_by("server", range);
    let verdicts = VERDICTS.iter().fold(
        Panel::tile("menus.alerts").query(Query::now(verdict())).thresholds(&[(None, "red")]),
        |tile, [value, short, _, colour]| tile.mapping(value, short, colour),
    );
    vec![
        Panel::tile("menus.interactions").query(Query::now(sum(&over_range(INTERACTIONS)))),
        Panel::tile("menus.change")
            .query(Query::now(format!(
                "sum({} and on (server) {known}) / (sum({} and on (server) {known}) > 0) - 1",
                by_server(&over_range(INTERACTIONS)),
                by_server(&a_week_before(INTERACTIONS)),
                known = known_a_week_before(),
            )))
            .unit("percentunit")
            .thresholds(CHANGE),
        share("menus.retries", format!("sum({}) / (sum({}) > 0)", over_range(RETRIES), over_range(HITS))),
        share("menus.no_input", kind_share(HITS, "no_input", HITS)),
        verdicts.link("link.health", TO_HEALTH),
        data_until(),
    ]
}

/// A moment and not an age, which Grafana would write in English.
pub(crate) fn data_until() -> Panel {
    Panel::tile("data_until")
        .query(Query::now(format!("min(wolkvox_watermark_timestamp_seconds{{{SERVER}}}) * 1000")))
        .unit("time:HH:mm")
}

/// The firing alerts with what they stand on; without any, one row that says why there is none.
fn out_of_the_ordinary() -> Panel {
    let alerts = firing();
    let keys = format!("{KEYS}, anomaly");
    // With the same labels as the alerts, so that Grafana finds the row that a number belongs to.
    let verdict = format!(r#"or on () NaN * count_values("alertname", {})"#, verdict());
    let of_alert = |metric: &str| {
        let value = format!("max by ({keys}) (wolkvox_menu_anomaly_{metric}{{{MENU}}})");
        let value = format!("0 * {alerts} + on ({keys}) group_left () {value}");
        let value = format!("{value} or on (alertname, {KEYS}) NaN * {alerts}");
        format!("{} {verdict}", named_alert(&value))
    };
    let words: Vec<Mapping> =
        ALERTS.into_iter().chain(VERDICTS.map(|[value, _, long, colour]| (value, long, colour))).collect();
    let columns = vec![
        Column::new("alertname", "column.what", 300).growing().mapped(&words),
        Column::new("description", "column.option", 220).growing().link("link.option", TO_OPTION),
        Column::new("Value #A", "column.since", 90).unit("time:HH:mm"),
        Column::new("Value #B", "column.observed", 110),
        Column::new("Value #C", "column.expected", 90),
        Column::new("Value #D", "column.window", 130).unit("dthms"),
        Column::new("rp_name", "column.point", 220).growing(),
        Column::new("channel", "column.channel", 90),
    ];
    Panel::table("menus.out", columns)
        .query(Query::rows(format!("{} {verdict}", named_alert(&format!("1000 * {alerts}")))))
        .query(Query::rows(of_alert("observed")))
        .query(Query::rows(of_alert("expected")))
        .query(Query::rows(of_alert("window_seconds")))
        .size(24, 5)
}

fn curves() -> Vec<Panel> {
    let option = format!(", {OPTION}");
    let band = |key: &'static str, metric: &str, more: &str| {
        Panel::curves(key)
            .query(
                Query::over_time(sum(&format!("increase({metric}{{{MENU}{more}}}[1h])"))).called("word.now"),
            )
            .query(Query::over_time(of_four_weeks("min", metric, more)).called("word.least"))
            .query(Query::over_time(of_four_weeks("max", metric, more)).called("word.most"))
            .band("word.least", "word.most")
            .colour("blue")
    };
    vec![
        band("menus.day", INTERACTIONS, ""),
        band("menus.option", HITS, &option)
            .query(Query::over_time(expected_per_hour(&option)).called("word.expected"))
            .faint("word.expected"),
    ]
}

/// How much an option fell or rose against a week before, in units of what is chance: of counts as such, and of five in
/// a hundred from week to week. Between -3 and 3 it is nothing. The transformation is the one in which both together
/// have the same spread at every size, and reads each count once.
fn signal() -> String {
    let even = |counts: &str| format!("asinh(0.035 * sqrt({counts}))");
    // As they are: to be there, and for an order where nothing can be compared.
    let counters = sum_by(KEYS, &format!("{HITS}{{{MENU}}}"));
    let before = format!("{} or 0 * {counters}", sum_by(KEYS, &a_week_before(HITS)));
    format!(
        "40 * ({} - {}) and on (server) {} or {NO_SIGNAL} - {counters}",
        even(&sum_by(KEYS, &over_range(HITS))),
        even(&before),
        known_a_week_before()
    )
}

fn options() -> Panel {
    let now = sum_by(KEYS, &over_range(HITS));
    let before = sum_by(KEYS, &a_week_before(HITS));
    let change = format!("{now} / ({before} >= {MIN_VISITS}) - 1 and on (server) {}", known_a_week_before());
    let retries = format!("{} / ({now} >= {MIN_VISITS})", sum_by(KEYS, &over_range(RETRIES)));
    let columns = vec![
        Column::new("description", "column.option", 210).growing().link("link.option", TO_OPTION),
        Column::new("Value #A", "column.signal", 60).signs(SIGNS),
        Column::new("Value #B", "column.hits", 80),
        Column::new("Value #C", "column.change", 110).unit("percentunit"),
        Column::new("Trend #D", "column.trend", 150).sparkline(),
        Column::new("Value #E", "column.part", 140).unit("suffix:%").gauge("blue"),
        Column::new("Value #F", "column.ends", 110).unit("percentunit"),
        Column::new("Value #G", "column.retries", 100).unit("percentunit"),
        Column::new("Value #H", "column.median", 100).unit("suffix: s"),
        Column::new("rp_name", "column.point", 180).growing(),
        Column::new("channel", "column.channel", 80),
    ];
    Panel::table("menus.options", columns)
        .query(Query::rows(format!("sort({})", named(&signal()))))
        .query(Query::rows(named(&now)))
        .query(Query::rows(named(&or_nothing(&change))))
        .query(Query::over_time(named(&sum_by(KEYS, &format!("increase({HITS}{{{MENU}}}[1h])")))).legend(""))
        .query(Query::rows(named(&percent_of_point(HITS))))
        .query(Query::rows(named(&or_nothing(&share_of_ends()))))
        .query(Query::rows(named(&or_nothing(&retries))))
        .query(Query::rows(named(&or_nothing(&median()))))
        // Of a curve of 150 pixels.
        .every("30m")
        .at_most(150)
        .size(24, 14)
}

/// Of the last day of the range: a month of raw buckets would be too slow.
fn median() -> String {
    let of = |part: &str, keys: &str| sum_by(keys, &format!("increase({SECONDS}_{part}{{{MENU}}}[1d])"));
    format!(
        "histogram_quantile(0.5, {}) and {} >= {MIN_VISITS}",
        of("bucket", &format!("{KEYS}, le")),
        of("count", KEYS)
    )
}

fn more() -> Vec<Panel> {
    // Of all rows, less those that took no longer; from Prometheus 3 on a bound is written "60.0".
    let slow = |offset: &str| {
        let of = |part: &str, le: &str| {
            format!("sum(increase({SECONDS}_{part}{{{MENU}, {OPTION}{le}}}[1h]{offset}))")
        };
        format!("1 - {} / ({} > 0)", of("bucket", r#", le=~"60([.]0)?""#), of("count", ""))
    };
    // A series for each hour of the day that ended at the moment asked for, which Grafana sets at midnight.
    let hours = (0..24).map(|hour| {
        // Not "offset 0h", which Prometheus refuses.
        let offset = if hour == 23 { String::new() } else { format!(" offset {}h", 23 - hour) };
        let interactions = sum(&format!("increase({INTERACTIONS}{{{MENU}}}[1h]{offset})"));
        format!(r#"label_replace({interactions}, "hour", "{hour:02}", "", "")"#)
    });
    vec![
        Panel::curves("menus.slow")
            .query(Query::over_time(slow("")).called("word.now"))
            .query(Query::over_time(slow(" offset 1w")).called("word.before"))
            .faint("word.before")
            .colour("blue")
            .unit("percentunit"),
        Panel::days("menus.hours")
            .query(Query::over_time(hours.collect::<Vec<_>>().join(" or ")).legend("{{hour}}")),
    ]
}
