//! Builds the PromQL that the dashboards share.
//!
//! Counters change once per poll, every five minutes. Their ranges are therefore an hour, a day, or
//! the dashboard's own (`$__range`): a `rate` over two minutes would alternate between 0 and 2.5
//! when the truth is 1. An option belongs to one routing point and one channel, because "1" means
//! something else on each; no query here sums by the code alone. A share divides counts of the same
//! rows or of the same journeys: a journey is counted half an hour after its rows, so the two never
//! fit together. No query needs a recording rule.

/// Matchers of the chosen servers, routing points and channels.
///
/// In raw strings and with Grafana's `regex` format, because its own escaping leaves the quotes of
/// a code alone.
pub(crate) const MENU: &str =
    "server=~`${server:regex}`, rp_id=~`${rp_id:regex}`, channel=~`${channel:regex}`";
/// Matcher of the chosen servers.
pub(crate) const SERVER: &str = "server=~`${server:regex}`";
/// Matcher of the chosen options.
pub(crate) const OPTION: &str = "cod_opc_menu=~`${cod_opc_menu:regex}`";

/// Labels that distinguish one option from every other.
pub(crate) const KEYS: &str = "server, rp_id, channel, cod_opc_menu";
const POINT_KEYS: &str = "server, rp_id, channel";
/// Fewest visits for which a share is shown, because a share of a handful is chance.
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
/// Finished journeys. Each has one last option, so this is also their sum, in fifty times fewer
/// series.
pub(crate) const JOURNEYS: &str = "wolkvox_menu_journey_options_count";

/// Outcomes of calls, which exist only if the exporter reads them. They have no channel, because
/// all are calls.
const OUTCOMES: &str = "wolkvox_menu_option_outcomes_total";

/// The range that the reader chose.
pub(crate) const CHOSEN: &str = "[$__range]";
/// The same range, a week earlier.
pub(crate) const WEEK_BEFORE: &str = "[$__range] offset 1w";
/// Time for which a series that is gone keeps its name, so that the tables of a stopped exporter
/// stay whole.
const REMEMBERED: &str = "6h";

/// Returns the growth of each series of a menu counter over a range.
pub(crate) fn grown(metric: &str, range: &str) -> String {
    format!("increase({metric}{{{MENU}}}{range})")
}

/// Returns the growth of each series of a menu counter over the dashboard's range.
pub(crate) fn over_range(metric: &str) -> String {
    grown(metric, CHOSEN)
}

/// Returns the growth of each series of an exporter's counter in the hour before each moment.
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

/// Sets a label.
pub(crate) fn with_label(expression: &str, label: &str, value: &str) -> String {
    format!(r#"label_replace({expression}, "{label}", "{value}", "", "")"#)
}

/// Returns the series of an info metric at the end of the range, and those that disappeared in the
/// hours before. One series for each `keys`: two exporters that read one operation may disagree for
/// a moment, and a join must find one.
fn last_known(info: &str, keys: &str, name: &str) -> String {
    let one =
        |series: &str| format!("topk by ({keys}) (1, max by ({keys}, {name}) ({series} @ end()))");
    let remembered = format!("last_over_time({info}{{{SERVER}}}[{REMEMBERED}] @ end())");
    let now = one(&format!("{info}{{{SERVER}}}"));
    let before = format!("topk by ({keys}) (1, max by ({keys}, {name}) ({remembered}))");
    format!("({now} or on ({keys}) {before})")
}

/// Returns one name for each option of each routing point, in the label `description`. The name is
/// that at the end of the range, so that a renamed option is still one curve.
fn option_names() -> String {
    last_known("wolkvox_routing_point_option_info", "server, rp_id, cod_opc_menu", "description")
}

/// Returns one name for each routing point, in the label `rp_name`.
pub(crate) fn point_names() -> String {
    last_known("wolkvox_routing_point_info", "server, rp_id", "rp_name")
}

/// Adds `description` and `rp_name` to an expression by option.
pub(crate) fn named(expression: &str) -> String {
    named_from(expression, &option_names())
}

fn named_from(expression: &str, names: &str) -> String {
    format!(
        "({expression}) * on (server, rp_id, cod_opc_menu) group_left (description) ({names}) \
         * on (server, rp_id) group_left (rp_name) {}",
        point_names()
    )
}

/// Adds the names of the other end of a step. A code without an info series, such as the overflow
/// `other`, is its own name. `code_label` is the label of the step that has the code.
pub(crate) fn named_end(expression: &str, code_label: &str) -> String {
    let codes = format!("group by (server, rp_id, {code_label}) ({TRANSITIONS}{{{MENU}}} @ end())");
    let own = copy(&copy(&codes, "cod_opc_menu", code_label), "description", code_label);
    named_from(expression, &format!("{} or on (server, rp_id, cod_opc_menu) {own}", option_names()))
}

/// Adds the names of an anomaly, which may concern a whole routing point, without an option.
pub(crate) fn named_anomaly(expression: &str) -> String {
    let whole =
        with_label(&format!("group by (server, rp_id) ({})", point_names()), "description", "–");
    named_from(expression, &format!("{} or {whole}", option_names()))
}

/// Returns the options that exist, or did in the hours before, with the values of their counters.
pub(crate) fn options_there() -> String {
    sum_by(KEYS, &format!("last_over_time({HITS}{{{MENU}}}[{REMEMBERED}])"))
}

/// Returns the options that exist at the end of the range: the same ones for a whole curve.
pub(crate) fn options_at_end() -> String {
    format!("group by ({KEYS}) (last_over_time({HITS}{{{MENU}}}[{REMEMBERED}] @ end()))")
}

/// Adds a row without a number for each other option, so that a table has its columns even if a
/// query has no result.
pub(crate) fn or_nothing(expression: &str) -> String {
    format!("{expression} or on ({KEYS}) NaN * {}", options_there())
}

/// Adds one row if there is none: the column `label` gives the reason, with the text that is mapped
/// to `value`. Its links lead to everything.
pub(crate) fn or_note(expression: &str, label: &str, value: &str) -> String {
    format!("{expression} or on () {}", of_everything(&with_label("vector(NaN)", label, value)))
}

/// Sets the labels that links read to Grafana's word for all values, if they are empty.
pub(crate) fn of_everything(expression: &str) -> String {
    ["server", "rp_id", "cod_opc_menu"].iter().fold(expression.to_owned(), |expression, label| {
        format!(r#"label_replace({expression}, "{label}", "All", "{label}", "")"#)
    })
}

/// Returns the number of steps from or to each option, 0 if there are none; `end` is the label of
/// the steps that has the option.
fn steps(end: &str) -> String {
    let steps = sum_by(&format!("server, rp_id, channel, {end}"), &over_range(TRANSITIONS));
    let steps = sum_by(KEYS, &copy(&steps, "cod_opc_menu", end));
    let entries = format!("last_over_time({ENTRY}{{{MENU}}}[{REMEMBERED}])");
    format!("({steps} or 0 * {})", sum_by(KEYS, &entries))
}

/// Returns the share of each option's visits that ended the journey. Every other visit continued
/// with a step.
pub(crate) fn share_of_ends() -> String {
    part_of_visits(1, &sum_by(KEYS, &over_range(FINAL)), &steps("from_opc_menu"))
}

/// Returns the part `ends` of `whole` visits, where `steps` counts the others. Uses `ends` only
/// once, because it has many series, and reading them takes most of the time of a long range.
pub(crate) fn part_of_visits(whole: u32, ends: &str, steps: &str) -> String {
    format!("{whole} / (1 + {steps} / ({ends} >= {MIN_VISITS} - {steps}))")
}

/// Returns the share of each option's visits, by entering the menu there or by a step to it, that
/// were not the first of their journey. At most 1, because a step beyond the limit of distinguished
/// steps is a visit that is not counted.
pub(crate) fn share_of_repeats() -> String {
    let visits = format!("({} + {})", sum_by(KEYS, &over_range(ENTRY)), steps("to_opc_menu"));
    format!("clamp_max({} / ({visits} >= {MIN_VISITS}), 1)", sum_by(KEYS, &over_range(REPEATS)))
}

/// Returns the number of calls that ended at each option of the chosen routing points and were hung
/// up. Empty if outcomes are not read, or if only chats are chosen.
pub(crate) fn hung_up(range: &str) -> String {
    calls_ended(r#", outcome="hung_up""#, range)
}

/// Returns the share of the calls ending at each option that were hung up.
pub(crate) fn share_hung_up(range: &str) -> String {
    format!("{} / ({} >= {MIN_VISITS})", hung_up(range), calls_ended("", range))
}

/// Returns the change for each option with hang-ups in both ranges, as a fraction; `of` makes the
/// number from a range.
pub(crate) fn change_of_hang_ups(of: impl Fn(&str) -> String) -> String {
    format!(
        "{} / ({} and {} >= {MIN_VISITS}) - 1 and on (server) {}",
        of(CHOSEN),
        of(WEEK_BEFORE),
        hung_up(WEEK_BEFORE),
        known_a_week_before()
    )
}

fn calls_ended(outcome: &str, range: &str) -> String {
    let grown =
        format!("increase({OUTCOMES}{{{SERVER}, rp_id=~`${{rp_id:regex}}`{outcome}}}{range})");
    let calls = with_label(&sum_by("server, rp_id, cod_opc_menu", &grown), "channel", "voice");
    format!("({calls} and on ({POINT_KEYS}) last_over_time({HITS}{{{MENU}}}[{REMEMBERED}]))")
}

/// Returns the share of these kinds in a counter of options. `whole` is a counter with the same
/// sum: the same one, or one with fewer series. At most 1, because a young series is an estimate.
pub(crate) fn kind_share(metric: &str, kinds: &str, whole: &str, range: &str) -> String {
    let sums = sum_by("server, rp_id, cod_opc_menu", &grown(metric, range));
    // `or vector(0)`: without options of this kind the share is 0, once the whole is above 0.
    format!(
        "clamp_max((sum({}) or vector(0)) / (sum({}) > 0), 1)",
        of_kind(&sums, kinds),
        grown(whole, range)
    )
}

/// Keeps the options of these kinds, given as a regular expression.
pub(crate) fn of_kind(expression: &str, kinds: &str) -> String {
    let info = "wolkvox_menu_option_info";
    format!(
        "{expression} and on (server, cod_opc_menu) ({info}{{{SERVER}, kind=~\"{kinds}\"}} \
         or last_over_time({info}{{{SERVER}, kind=~\"{kinds}\"}}[{REMEMBERED}]) \
         unless on (server, cod_opc_menu) {info}{{{SERVER}}})"
    )
}

/// Returns the kind of each option, in the label `kind`.
pub(crate) fn kinds() -> String {
    last_known("wolkvox_menu_option_info", "server, cod_opc_menu", "kind")
}

/// Returns the servers whose week before can be compared: Prometheus knew them for at least nine
/// tenths of that time, and knows their last hour. Time is counted in steps of five minutes and not
/// in samples, whose number depends on backfills, the scrape interval and a second exporter.
pub(crate) fn known_a_week_before() -> String {
    let covered = |offset: &str| {
        format!("count_over_time((max by (server) (wolkvox_up{{{SERVER}}}))[$__range:5m]{offset})")
    };
    let read_until = format!(
        "max by (server) (last_over_time(wolkvox_watermark_timestamp_seconds{{{SERVER}}}[1h]))"
    );
    format!(
        "({} > 0.9 * {} and on (server) ({read_until} > time() - 3600))",
        covered(" offset 1w"),
        covered("")
    )
}

/// Returns the value of an expression in each of the four weeks before, distinguished by the label
/// `week`. `expression` makes it from an offset such as ` offset 2w`.
pub(crate) fn weeks_before(expression: impl Fn(&str) -> String) -> String {
    let week =
        |week: u32| with_label(&expression(&format!(" offset {week}w")), "week", &week.to_string());
    [1, 2, 3, 4].map(week).join(" or ")
}

/// Returns the moments at which no chosen server is more than a quarter of an hour behind, so that
/// a curve ends where the data end.
pub(crate) fn up_to_date() -> String {
    format!("on () (min(wolkvox_watermark_timestamp_seconds{{{SERVER}}}) > time() - 900)")
}

/// Returns each option's part of a routing point's count, in percent. Not a fraction with the unit
/// `percentunit`, because Grafana would end every bar at 1.
pub(crate) fn percent_of_point(metric: &str) -> String {
    let sums = |keys: &str| sum_by(keys, &over_range(metric));
    format!("100 * {} / on ({POINT_KEYS}) group_left () ({} > 0)", sums(KEYS), sums(POINT_KEYS))
}

/// Returns the options of the chosen routing points and channels, for a variable: its value is the
/// code, and it shows the name.
pub(crate) fn variable_options() -> String {
    let codes = format!("group by (server, rp_id, cod_opc_menu) ({})", options_there());
    format!(
        "max by (cod_opc_menu, description) \
         ({codes} * on (server, rp_id, cod_opc_menu) group_left (description) {})",
        option_names().replace(" @ end()", "")
    )
}
