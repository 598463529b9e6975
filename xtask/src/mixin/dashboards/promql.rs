//! The pieces that the dashboards' queries are made of.
//!
//! Three habits hold everywhere. Counters step once per poll, every five minutes, so ranges are an hour, a day, or the
//! dashboard's own (`$__range`): a `rate` over two minutes would show 0 and 2.5 in turns where the truth is 1. An
//! option is one routing point's and one channel's: "1" means something else on each, so that nothing is ever summed
//! by its code alone. And a share divides counts of the same rows or of the same journeys: a journey is counted when
//! it is over, half an hour after its rows, so that the two never fit together. No recording rule is needed.

/// The series of the chosen servers, routing points and channels.
pub(crate) const MENU: &str = r#"server=~"$server", rp_id=~"$rp_id", channel=~"$channel""#;
/// The series of the chosen servers.
pub(crate) const SERVER: &str = r#"server=~"$server""#;
/// The chosen options, besides.
pub(crate) const OPTION: &str = r#"cod_opc_menu=~"$cod_opc_menu""#;

/// What an option is told apart by.
pub(crate) const KEYS: &str = "server, rp_id, channel, cod_opc_menu";
const POINT_KEYS: &str = "server, rp_id, channel";
/// Fewest visits of which a share is shown: of a handful every share is chance.
pub(crate) const MIN_VISITS: u32 = 10;

pub(crate) const HITS: &str = "wolkvox_menu_option_hits_total";
pub(crate) const RETRIES: &str = "wolkvox_menu_option_retries_total";
pub(crate) const SECONDS: &str = "wolkvox_menu_time_to_option_seconds";
pub(crate) const INTERACTIONS: &str = "wolkvox_menu_interactions_total";
pub(crate) const ENTRY: &str = "wolkvox_menu_option_entry_total";
pub(crate) const FINAL: &str = "wolkvox_menu_option_final_total";
pub(crate) const REPEATS: &str = "wolkvox_menu_option_repeats_total";
pub(crate) const TRANSITIONS: &str = "wolkvox_menu_transitions_total";
pub(crate) const JOURNEY: &str = "wolkvox_menu_journey_options";
/// Journeys that are over. Each has one last option, so that this is also what those add up to, in fifty times fewer
/// series.
pub(crate) const JOURNEYS: &str = "wolkvox_menu_journey_options_count";

/// What a menu counter grew by over the dashboard's range, per series.
pub(crate) fn over_range(metric: &str) -> String {
    format!("increase({metric}{{{MENU}}}[$__range])")
}

/// The same, a week earlier.
pub(crate) fn a_week_before(metric: &str) -> String {
    format!("increase({metric}{{{MENU}}}[$__range] offset 1w)")
}

/// What a counter of the exporter grew by in the hour before each moment, per series.
pub(crate) fn server_per_hour(metric: &str) -> String {
    format!("increase({metric}{{{SERVER}}}[1h])")
}

pub(crate) fn sum_by(labels: &str, expression: &str) -> String {
    format!("sum by ({labels}) ({expression})")
}

pub(crate) fn sum(expression: &str) -> String {
    format!("sum({expression})")
}

/// Copies a label's value to another label.
pub(crate) fn copy(expression: &str, to: &str, from: &str) -> String {
    format!(r#"label_replace({expression}, "{to}", "$1", "{from}", "(.*)")"#)
}

/// One name for each option of each routing point, with a label `description`, as it is at the end of the range: a curve
/// stays one though a name changed in between. `topk`, because two exporters that read one operation may disagree for a
/// moment, and a join must find one.
fn option_names() -> String {
    format!(
        "topk by (server, rp_id, cod_opc_menu) (1, max by (server, rp_id, cod_opc_menu, description) \
         (wolkvox_routing_point_option_info{{{SERVER}}} @ end()))"
    )
}

/// Adds `description` and `rp_name` to an expression by option.
pub(crate) fn named(expression: &str) -> String {
    named_from(expression, &option_names())
}

fn named_from(expression: &str, names: &str) -> String {
    format!(
        "({expression}) * on (server, rp_id, cod_opc_menu) group_left (description) ({names}) \
         * on (server, rp_id) group_left (rp_name) topk by (server, rp_id) (1, \
         max by (server, rp_id, rp_name) (wolkvox_routing_point_info{{{SERVER}}} @ end()))"
    )
}

/// The same for the other end of a step, whose code may have no info series, such as `other`, the overflow: then it is
/// its own name. `code_label` is the label of the steps that held the code.
pub(crate) fn named_end(expression: &str, code_label: &str) -> String {
    let codes = format!("group by (server, rp_id, {code_label}) ({TRANSITIONS}{{{MENU}}} @ end())");
    let own = copy(&copy(&codes, "cod_opc_menu", code_label), "description", code_label);
    named_from(expression, &format!("{} or on (server, rp_id, cod_opc_menu) {own}", option_names()))
}

/// The same for alerts, of which some are of a whole routing point and have no option.
pub(crate) fn named_alert(expression: &str) -> String {
    let whole = format!(
        r#"label_replace(group by (server, rp_id) (wolkvox_routing_point_info{{{SERVER}}}), "description", "–", "", "")"#
    );
    named_from(expression, &format!("{} or {whole}", option_names()))
}

/// A row for each option without a number, so that a table has its columns also where a query has nothing to say.
pub(crate) fn or_nothing(expression: &str) -> String {
    format!("{expression} or on ({KEYS}) NaN * {}", sum_by(KEYS, &format!("{HITS}{{{MENU}}}")))
}

/// Steps from each option to another, or to it: `end` is the label of the steps that holds it. Of an option without any, 0.
fn steps(end: &str) -> String {
    let steps = sum_by(&format!("server, rp_id, channel, {end}"), &over_range(TRANSITIONS));
    let steps = sum_by(KEYS, &copy(&steps, "cod_opc_menu", end));
    format!("({steps} or 0 * {})", sum_by(KEYS, &format!("{ENTRY}{{{MENU}}}")))
}

/// Of the visits to each option, the share after which the journey was over: a visit ends or goes on.
pub(crate) fn share_of_ends() -> String {
    part_of_visits(1, &sum_by(KEYS, &over_range(FINAL)), &steps("from_opc_menu"))
}

/// The part of visits that `ends` counts, of `whole`, where `steps` counts the others. The series of `ends` are many, and
/// reading them is what a long range takes its time for: here they are read once.
pub(crate) fn part_of_visits(whole: u32, ends: &str, steps: &str) -> String {
    format!("{whole} / (1 + {steps} / ({ends} >= {MIN_VISITS} - {steps}))")
}

/// Of the visits to each option, by entering the menu there and by stepping there, the share that were not the first of
/// their journey. Never above 1: a step beyond the limit of what is told apart is a visit that is not seen.
pub(crate) fn share_of_repeats() -> String {
    let visits = format!("({} + {})", sum_by(KEYS, &over_range(ENTRY)), steps("to_opc_menu"));
    format!("clamp_max({} / ({visits} >= {MIN_VISITS}), 1)", sum_by(KEYS, &over_range(REPEATS)))
}

/// The part of what a counter of options counted that was of these kinds. `whole` is a counter of as many: the same, or
/// one of fewer series. Never above 1, since a young series is an estimate.
pub(crate) fn kind_share(metric: &str, kinds: &str, whole: &str) -> String {
    let sums = sum_by("server, rp_id, cod_opc_menu", &over_range(metric));
    // `or vector(0)`: no option of this kind is a share of 0, once there is anything to share.
    format!("clamp_max((sum({}) or vector(0)) / (sum({}) > 0), 1)", of_kind(&sums, kinds), over_range(whole))
}

/// Keeps the options of these kinds, given as a regular expression.
pub(crate) fn of_kind(expression: &str, kinds: &str) -> String {
    format!(
        "{expression} and on (server, cod_opc_menu) wolkvox_menu_option_info{{{SERVER}, kind=~\"{kinds}\"}}"
    )
}

/// The servers that were scraped a week before for as long as in the range chosen: only they can be compared.
pub(crate) fn known_a_week_before() -> String {
    let scrapes =
        |offset: &str| format!("max by (server) (count_over_time(wolkvox_up{{{SERVER}}}[$__range]{offset}))");
    format!("({} > 0.9 * {})", scrapes(" offset 1w"), scrapes(""))
}

/// The least or the most of the four weeks before, an hour at each moment: `which` is `min` or `max`.
pub(crate) fn of_four_weeks(which: &str, metric: &str, more: &str) -> String {
    let week = |week: u32| {
        format!(
            r#"label_replace(sum(increase({metric}{{{MENU}{more}}}[1h] offset {week}w)), "week", "{week}", "", "")"#
        )
    };
    format!("{which}({})", [1, 2, 3, 4].map(week).join(" or "))
}

/// Firing alerts about menus, by option or by routing point, with the moment since when as value, in seconds, and
/// with the `anomaly` of the score that they stand on.
pub(crate) fn firing() -> String {
    let keys = format!("alertname, {KEYS}");
    let alerts = format!(
        r#"max by ({keys}) (ALERTS_FOR_STATE{{alertname=~"Wolkvox.+", {MENU}}}) and on ({keys}) ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", {MENU}}}"#
    );
    let anomalies = [
        ("drop_off", "WolkvoxMenuOptionDropOff(Slow)?"),
        ("surge", "WolkvoxMenuOptionSurge"),
        ("abandonment", "WolkvoxMenuOptionAbandonment"),
        ("retries", "WolkvoxMenuRetriesHigh"),
        ("loops", "WolkvoxMenuLoopsHigh"),
        ("time_to_option", "WolkvoxTimeToOptionHigh"),
        ("collapse", "WolkvoxRoutingPointCollapsed"),
        ("no_input", "WolkvoxNoInputShareHigh"),
    ];
    anomalies.iter().fold(format!("({alerts})"), |expression, (anomaly, names)| {
        format!(r#"label_replace({expression}, "anomaly", "{anomaly}", "alertname", "{names}")"#)
    })
}

/// Firing alerts about the exporter, which have no routing point; the one of an exporter that is gone has no server.
pub(crate) fn firing_exporter(more: &str) -> String {
    format!(r#"ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", rp_id="", server=~"$server|"{more}}}"#)
}

/// What can be said of the menus as one number: how many alerts fire; or 0, all is normal; or why that cannot be said,
/// in this order: -1 the data are late, -2 an alert about the exporter fires, -3 there is no history to compare with,
/// -4 a score is above its limit and no alert fires, which is so in the first minutes after a start of Prometheus and
/// where the alerts are not loaded.
pub(crate) fn verdict() -> String {
    let watermark = format!("max by (server) (wolkvox_watermark_timestamp_seconds{{{SERVER}}})");
    let no_history =
        format!("({watermark}) unless on (server) (max by (server) (wolkvox_baseline_weeks{{{MENU}}}) >= 2)");
    let scores = ["option", "routing_point"]
        .map(|of| format!("wolkvox_menu_{of}_anomaly_score{{{MENU}}} >= 1"))
        .join(" or ");
    let when = |number: i32, condition: &str| format!("(0 * count({condition}) - {number})");
    [
        format!(r#"count(ALERTS{{alertname=~"Wolkvox.+", alertstate="firing", {MENU}}})"#),
        when(1, &format!("time() - {watermark} > 900")),
        when(2, &firing_exporter(r#", severity=~"critical|warning""#)),
        when(3, &no_history),
        when(4, &scores),
        format!("0 * count({watermark})"),
    ]
    .join(" or ")
}

/// Hits that the last hour should have had, from what each window should have had.
pub(crate) fn expected_per_hour(more: &str) -> String {
    format!(
        "sum(3600 * sum by (server) (avg_over_time(wolkvox_menu_window_option_expected_hits{{{MENU}{more}}}[1h])) \
         / on (server) (max by (server) (wolkvox_menu_window_end_timestamp_seconds{{{SERVER}}}) \
         - max by (server) (wolkvox_menu_window_start_timestamp_seconds{{{SERVER}}})))"
    )
}

/// Of what a counter counted at a routing point, each option's part in percent. Not as a fraction with the unit
/// `percentunit`, in which Grafana sets the end of every bar to 1.
pub(crate) fn percent_of_point(metric: &str) -> String {
    let sums = |keys: &str| sum_by(keys, &over_range(metric));
    format!("100 * {} / on ({POINT_KEYS}) group_left () ({} > 0)", sums(KEYS), sums(POINT_KEYS))
}

/// The options of the chosen routing points and channels with their names, for a variable: the code is what it means,
/// and the name what it shows.
pub(crate) fn variable_options() -> String {
    let codes = format!("group by (server, rp_id, cod_opc_menu) ({HITS}{{{MENU}}})");
    format!(
        "max by (cod_opc_menu, description) \
         ({codes} * on (server, rp_id, cod_opc_menu) group_left (description) {})",
        option_names().replace(" @ end()", "")
    )
}
