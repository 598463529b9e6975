//! The pieces that the dashboards' queries are made of.
//!
//! Two habits hold everywhere. Counters step once per poll, every five minutes, so ranges are an hour, a day, or the
//! dashboard's own (`$__range`): a `rate` over two minutes would show 0 and 2.5 in turns where the truth is 1. And
//! names are joined after the sum over what they do not depend on, so that a join touches few series.

/// The series of the chosen servers, routing points and channels.
pub const MENU: &str = r#"server=~"$server", rp_id=~"$rp_id", channel=~"$channel""#;
/// The series of the chosen servers.
pub const SERVER: &str = r#"server=~"$server""#;

pub const HITS: &str = "wolkvox_menu_option_hits_total";
pub const ATTEMPTS: &str = "wolkvox_menu_option_attempts_total";
pub const RETRIES: &str = "wolkvox_menu_option_retries_total";
pub const SECONDS: &str = "wolkvox_menu_time_to_option_seconds";
pub const INTERACTIONS: &str = "wolkvox_menu_interactions_total";
pub const ENTRY: &str = "wolkvox_menu_option_entry_total";
pub const FINAL: &str = "wolkvox_menu_option_final_total";
pub const REPEATS: &str = "wolkvox_menu_option_repeats_total";
pub const TRANSITIONS: &str = "wolkvox_menu_transitions_total";
pub const JOURNEY: &str = "wolkvox_menu_journey_options";
/// Journeys that are over. Each has one first and one last option, so this is also what those two add up to, in fifty
/// times fewer series.
pub const JOURNEYS: &str = "wolkvox_menu_journey_options_count";

/// Recorded by `rules/wolkvox-recording.yaml`, for ranges over which the raw series would be too slow.
pub const HITS_1H: &str = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits:increase1h";
pub const BUCKETS_1H: &str = "server_rp_id_channel:wolkvox_menu_time_to_option_seconds_bucket:increase1h";

/// What a menu counter grew by over the dashboard's range, per series.
pub fn over_range(metric: &str) -> String {
    format!("increase({metric}{{{MENU}}}[$__range])")
}

/// The same, a week earlier.
pub fn a_week_before(metric: &str) -> String {
    format!("increase({metric}{{{MENU}}}[$__range] offset 1w)")
}

/// What a menu counter grew by in the hour before each moment, per series.
pub fn per_hour(metric: &str) -> String {
    format!("increase({metric}{{{MENU}}}[1h])")
}

/// What a counter of the exporter grew by in the hour before each moment, per series.
pub fn server_per_hour(metric: &str) -> String {
    format!("increase({metric}{{{SERVER}}}[1h])")
}

/// Adds the option's `description` and `kind`. Every option has an info series, so nothing is lost.
/// `max by`, because two scrapes of one exporter must not make the join ambiguous.
pub fn named(expression: &str) -> String {
    named_at(expression, "")
}

/// The same with the names of one moment, given as a modifier such as `@ end()`.
pub fn named_at(expression: &str, at: &str) -> String {
    let at = if at.is_empty() { String::new() } else { format!(" {at}") };
    format!(
        "{expression} * on (server, cod_opc_menu) group_left (description, kind) \
         max by (server, cod_opc_menu, description, kind) (wolkvox_menu_option_info{{{SERVER}}}{at})"
    )
}

/// A menu counter's growth over the range, per name of the option.
pub fn by_description(metric: &str) -> String {
    sum_by("description", &named(&sum_by("server, cod_opc_menu", &over_range(metric))))
}

pub fn sum_by(labels: &str, expression: &str) -> String {
    format!("sum by ({labels}) ({expression})")
}

pub fn sum(expression: &str) -> String {
    format!("sum({expression})")
}

/// The part of what a counter of options counted that was of this kind; `whole` is all that it counted.
pub fn kind_share(metric: &str, kind: &str, whole: &str) -> String {
    let sums = sum_by("server, cod_opc_menu", &over_range(metric));
    // `or vector(0)`: no option of this kind is a share of 0, once there is anything to share.
    format!("(sum({}) or vector(0)) / (sum({}) > 0)", of_kind(&sums, kind), over_range(whole))
}

/// Keeps the options of one kind.
fn of_kind(expression: &str, kind: &str) -> String {
    format!(
        "{expression} and on (server, cod_opc_menu) wolkvox_menu_option_info{{{SERVER}, kind=\"{kind}\"}}"
    )
}

/// Copies a label's value to another label.
pub fn copy(expression: &str, to: &str, from: &str) -> String {
    format!(r#"label_replace({expression}, "{to}", "$1", "{from}", "(.*)")"#)
}

/// A name for each code that is an end of a step, as `name_label` beside `code_label`: codes without an info series
/// (such as `other`, the overflow) are their own name. Codes that mean different things on two servers show one.
pub fn names_of_ends(code_label: &str, name_label: &str) -> String {
    let names = format!(
        "topk by (cod_opc_menu) (1, max by (cod_opc_menu, description) (wolkvox_menu_option_info{{{SERVER}}}))"
    );
    let known = copy(&copy(&names, code_label, "cod_opc_menu"), name_label, "description");
    // Of the series as they are now, which costs nothing beside their growth.
    let end = |label: &str| {
        let codes = format!("group by ({label}) ({TRANSITIONS}{{{MENU}}})");
        let codes = if label == code_label { codes } else { copy(&codes, code_label, label) };
        copy(&codes, name_label, code_label)
    };
    format!(
        "({known} or on ({code_label}) {} or on ({code_label}) {})",
        end("from_opc_menu"),
        end("to_opc_menu")
    )
}

/// Adds the name of the code in `code_label` as `name_label`.
pub fn named_code(expression: &str, code_label: &str, name_label: &str) -> String {
    format!(
        "{expression} * on ({code_label}) group_left ({name_label}) {}",
        names_of_ends(code_label, name_label)
    )
}

/// The largest few.
pub fn top(count: u32, expression: &str) -> String {
    format!("topk({count}, {expression})")
}

/// Largest first, as a bar gauge shows them.
pub fn sorted(count: u32, expression: &str) -> String {
    format!("sort_desc({})", top(count, expression))
}
