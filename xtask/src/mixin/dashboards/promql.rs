//! Builds the PromQL that the dashboards share.
//!
//! Counters step once per poll, every five minutes. Their ranges are therefore an hour, a day, or
//! the dashboard's own (`$__range`): a `rate` over two minutes would show 0 and 2.5 in turns where
//! the truth is 1. An option belongs to one routing point and one channel, because "1" means
//! something else on each; nothing here sums by the code alone. A share divides counts of the same
//! rows or of the same journeys: a journey is counted half an hour after its rows, so that the two
//! never fit together. No query needs a recording rule.

/// Matchers of the chosen servers, routing points and channels.
///
/// In raw strings and with Grafana's `regex` format, since its own escaping leaves the quotes of a
/// code alone.
pub(crate) const MENU: &str =
    "server=~`${server:regex}`, rp_id=~`${rp_id:regex}`, channel=~`${channel:regex}`";
/// Matcher of the chosen servers.
pub(crate) const SERVER: &str = "server=~`${server:regex}`";
/// Matcher of the chosen options.
pub(crate) const OPTION: &str = "cod_opc_menu=~`${cod_opc_menu:regex}`";

/// Labels that tell one option from every other.
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
/// Journeys that are over. Each has one last option, so that this is also their sum, in fifty times
/// fewer series.
pub(crate) const JOURNEYS: &str = "wolkvox_menu_journey_options_count";

/// What became of calls; there only where the exporter reads it. It has no channel: all of it is
/// calls.
const OUTCOMES: &str = "wolkvox_menu_option_outcomes_total";

/// The range that is chosen at the top right.
pub(crate) const CHOSEN: &str = "[$__range]";
/// The same range, a week earlier.
pub(crate) const WEEK_BEFORE: &str = "[$__range] offset 1w";
/// How long series that are gone are still known by their names: an exporter that stopped leaves
/// its tables whole.
const REMEMBERED: &str = "6h";

/// Growth of each series of a menu counter over a range.
pub(crate) fn grown(metric: &str, range: &str) -> String {
    format!("increase({metric}{{{MENU}}}{range})")
}

/// Growth of each series of a menu counter over the dashboard's range.
pub(crate) fn over_range(metric: &str) -> String {
    grown(metric, CHOSEN)
}

/// Growth of each series of an exporter's counter in the hour before each moment.
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

/// The series of an info metric at the end of the range, and those that have gone in the hours
/// before it. One of each `keys`: two exporters that read one operation may disagree for a moment,
/// and a join must find one.
fn last_known(info: &str, keys: &str, name: &str) -> String {
    let one =
        |series: &str| format!("topk by ({keys}) (1, max by ({keys}, {name}) ({series} @ end()))");
    let remembered = format!("last_over_time({info}{{{SERVER}}}[{REMEMBERED}] @ end())");
    let now = one(&format!("{info}{{{SERVER}}}"));
    let before = format!("topk by ({keys}) (1, max by ({keys}, {name}) ({remembered}))");
    format!("({now} or on ({keys}) {before})")
}

/// One name for each option of each routing point, in the label `description`. It is the name at
/// the end of the range, so that a curve stays one though a name changed in between.
fn option_names() -> String {
    last_known("wolkvox_routing_point_option_info", "server, rp_id, cod_opc_menu", "description")
}

/// One name for each routing point, in the label `rp_name`.
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

/// Adds the names of the other end of a step. Its code may have no info series, such as `other`,
/// the overflow: then the code is the name. `code_label` is the label of the steps that held the
/// code.
pub(crate) fn named_end(expression: &str, code_label: &str) -> String {
    let codes = format!("group by (server, rp_id, {code_label}) ({TRANSITIONS}{{{MENU}}} @ end())");
    let own = copy(&copy(&codes, "cod_opc_menu", code_label), "description", code_label);
    named_from(expression, &format!("{} or on (server, rp_id, cod_opc_menu) {own}", option_names()))
}

/// Adds the names of what is unlike usual, which may be a whole routing point: that has no option.
pub(crate) fn named_anomaly(expression: &str) -> String {
    let whole =
        with_label(&format!("group by (server, rp_id) ({})", point_names()), "description", "–");
    named_from(expression, &format!("{} or {whole}", option_names()))
}

/// The options that are there, or were in the hours before, with their counters as they are.
pub(crate) fn options_there() -> String {
    sum_by(KEYS, &format!("last_over_time({HITS}{{{MENU}}}[{REMEMBERED}])"))
}

/// The same at the end of the range, which is one set of options for all of a curve.
pub(crate) fn options_at_end() -> String {
    format!("group by ({KEYS}) (last_over_time({HITS}{{{MENU}}}[{REMEMBERED}] @ end()))")
}

/// A row for each option without a number, so that a table has its columns also where a query has
/// nothing to say.
pub(crate) fn or_nothing(expression: &str) -> String {
    format!("{expression} or on ({KEYS}) NaN * {}", options_there())
}

/// Adds one row where there is none: the column `label` says why, with the text that is mapped to
/// `value`. Its links lead to everything.
pub(crate) fn or_note(expression: &str, label: &str, value: &str) -> String {
    format!("{expression} or on () {}", of_everything(&with_label("vector(NaN)", label, value)))
}

/// Sets the labels that links read to Grafana's word for all values, where they are empty.
pub(crate) fn of_everything(expression: &str) -> String {
    ["server", "rp_id", "cod_opc_menu"].iter().fold(expression.to_owned(), |expression, label| {
        format!(r#"label_replace({expression}, "{label}", "All", "{label}", "")"#)
    })
}

/// Steps from each option to another, or to it: `end` is the label of the steps that holds it. 0
/// for an option without any.
fn steps(end: &str) -> String {
    let steps = sum_by(&format!("server, rp_id, channel, {end}"), &over_range(TRANSITIONS));
    let steps = sum_by(KEYS, &copy(&steps, "cod_opc_menu", end));
    let entries = format!("last_over_time({ENTRY}{{{MENU}}}[{REMEMBERED}])");
    format!("({steps} or 0 * {})", sum_by(KEYS, &entries))
}

/// Of the visits to each option, the share after which the journey was over: a visit ends or goes
/// on.
pub(crate) fn share_of_ends() -> String {
    part_of_visits(1, &sum_by(KEYS, &over_range(FINAL)), &steps("from_opc_menu"))
}

/// The part of visits that `ends` counts, of `whole`, where `steps` counts the others. The series
/// of `ends` are many, and reading them is what a long range takes its time for: here they are read
/// once.
pub(crate) fn part_of_visits(whole: u32, ends: &str, steps: &str) -> String {
    format!("{whole} / (1 + {steps} / ({ends} >= {MIN_VISITS} - {steps}))")
}

/// Of the visits to each option, by entering the menu there and by stepping there, the share that
/// were not the first of their journey. Never above 1: a step beyond the limit of what is told
/// apart is a visit that is not seen.
pub(crate) fn share_of_repeats() -> String {
    let visits = format!("({} + {})", sum_by(KEYS, &over_range(ENTRY)), steps("to_opc_menu"));
    format!("clamp_max({} / ({visits} >= {MIN_VISITS}), 1)", sum_by(KEYS, &over_range(REPEATS)))
}

/// Calls that ended at each option of the chosen routing points and were hung up. Nothing where
/// that is not read, nor where only chats are chosen.
pub(crate) fn hung_up(range: &str) -> String {
    calls_ended(r#", outcome="hung_up""#, range)
}

/// Of the calls that ended at each option, the share that was hung up.
pub(crate) fn share_hung_up(range: &str) -> String {
    format!("{} / ({} >= {MIN_VISITS})", hung_up(range), calls_ended("", range))
}

/// A change for each option that was hung up at in both ranges, as a fraction; `of` makes the
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

/// The part of a counter of options that was of these kinds. `whole` is a counter of as many: the
/// same, or one of fewer series. Never above 1, since a young series is an estimate.
pub(crate) fn kind_share(metric: &str, kinds: &str, whole: &str, range: &str) -> String {
    let sums = sum_by("server, rp_id, cod_opc_menu", &grown(metric, range));
    // `or vector(0)`: no option of this kind is a share of 0, once there is anything to share.
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

/// The kind of each option, in the label `kind`.
pub(crate) fn kinds() -> String {
    last_known("wolkvox_menu_option_info", "server, cod_opc_menu", "kind")
}

/// The servers whose week before can be compared: Prometheus knew them for nine tenths of that time
/// or more, and knows their last hour. Time is counted in steps of five minutes and not in samples,
/// of which a backfill, another interval of scraping or a second exporter has another number.
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

/// The value of an expression in each of the four weeks before, told apart by the label `week`.
/// `expression` makes it from an offset such as ` offset 2w`.
pub(crate) fn weeks_before(expression: impl Fn(&str) -> String) -> String {
    let week =
        |week: u32| with_label(&expression(&format!(" offset {week}w")), "week", &week.to_string());
    [1, 2, 3, 4].map(week).join(" or ")
}

/// Moments at which no chosen server is more than a quarter of an hour behind: a curve ends where
/// the data end.
pub(crate) fn up_to_date() -> String {
    format!("on () (min(wolkvox_watermark_timestamp_seconds{{{SERVER}}}) > time() - 900)")
}

/// Of what a counter counted at a routing point, each option's part in percent. Not as a fraction
/// with the unit `percentunit`, in which Grafana sets the end of every bar to 1.
pub(crate) fn percent_of_point(metric: &str) -> String {
    let sums = |keys: &str| sum_by(keys, &over_range(metric));
    format!("100 * {} / on ({POINT_KEYS}) group_left () ({} > 0)", sums(KEYS), sums(POINT_KEYS))
}

/// The options of the chosen routing points and channels with their names, for a variable: the code
/// is what it means, and the name what it shows.
pub(crate) fn variable_options() -> String {
    let codes = format!("group by (server, rp_id, cod_opc_menu) ({})", options_there());
    format!(
        "max by (cod_opc_menu, description) \
         ({codes} * on (server, rp_id, cod_opc_menu) group_left (description) {})",
        option_names().replace(" @ end()", "")
    )
}
