//! Owns the recording rules of counts: what is expected of options and routing points, and the scores that say how
//! far they are from it. Must not decide what is an alert.

use super::Record;
use super::thresholds::{
    LEVEL_PRIOR, NEIGHBOURHOOD_MINUTES, OPERATION_LEAST, OPTION_NOISE, POINT_NOISE, POINT_WINDOWS,
    RISE_LEAST, SURGE_FACTOR, SURGE_NOISE, SURGE_WEEKS, SURGE_WINDOWS, WEEKS, WINDOWS,
};

/// Labels of an option.
pub const L: &str = "server, rp_id, channel, cod_opc_menu";
/// Labels of a routing point's channel.
pub const P: &str = "server, rp_id, channel";
/// What the recorded names of an option's hits begin with.
pub const OPTION: &str = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits";
/// The same for a routing point.
pub const POINT: &str = "server_rp_id_channel:wolkvox_menu_option_hits";
/// The same for all of an operation.
const SERVER: &str = "server:wolkvox_menu_option_hits";
const ADVANCE: &str = "server:wolkvox_watermark_timestamp_seconds:advance";

pub fn records() -> Vec<Record> {
    [data(), history(), windows(), levels(), drops(), points(), surges()].concat()
}

fn rule(name: String, comment: &'static str, expr: String) -> Record {
    Record { name, labels: vec![], expr, comment }
}

/// One rule for each window; only the first has the comment.
fn each_window(name: &str, comment: &'static str, expr: impl Fn(&str, u32) -> String) -> Vec<Record> {
    let of = |(index, (window, seconds)): (usize, (&str, u32))| Record {
        name: name.to_owned(),
        labels: vec![("window", window.to_owned())],
        expr: expr(window, seconds),
        comment: if index == 0 { comment } else { "" },
    };
    WINDOWS.into_iter().enumerate().map(of).collect()
}

/// How much data there are.
fn data() -> Vec<Record> {
    each_window(
        ADVANCE,
        "Seconds of data that arrived within the window. Expectations are scaled by it, so that data that\n\
         come late, or all at once after an outage, look neither like a fall nor like a surge.",
        |window, _| format!("clamp_min(\n  {},\n  0\n)", watermark_between("", &format!(" offset {window}"))),
    )
}

/// What earlier weeks let expect.
fn history() -> Vec<Record> {
    let mut rules = Vec::new();
    for week in 1..=WEEKS {
        let minutes = week * 7 * 24 * 60;
        let late = format!(" offset {}m", minutes - NEIGHBOURHOOD_MINUTES);
        let early = format!(" offset {}m", minutes + NEIGHBOURHOOD_MINUTES);
        rules.push(Record {
            name: format!("{OPTION}:same_hour_rate"),
            labels: vec![("week", format!("\"{week}\""))],
            expr: format!(
                "clamp_min(\n  max by ({L}) (wolkvox_menu_option_hits_total{late})\n  \
                 - (max by ({L}) (wolkvox_menu_option_hits_total{early}) > 0),\n  0\n)\n\
                 / on (server) group_left ()\n(\n  (\n    {}\n  ) >= {}\n)",
                watermark_between(&late, &early),
                NEIGHBOURHOOD_MINUTES * 60
            ),
            comment: if week == 1 {
                "Hits per second around the same moment of each earlier week, where data of at least half an hour\n\
                 exist and the option had been entered before: a week without it says nothing about it.\n\
                 Differences of counters, not increase(): the counters step with each poll and survive\n\
                 restarts, so the difference is exact. max, not sum: two exporters of one operation count the same."
            } else {
                ""
            },
        });
    }
    rules.push(rule(
        format!("{OPTION}:expected_rate"),
        "Hits per second that are expected now: the median of the weeks that exist. One holiday or one outage\n\
         among them does not move it. Of an option that nobody has entered for a week nothing is expected: it\n\
         was removed.",
        format!(
            "quantile without (week) (0.5, {OPTION}:same_hour_rate)\nand\n\
             max by ({L}) (wolkvox_menu_option_hits_total) - max by ({L}) (wolkvox_menu_option_hits_total offset 1w) > 0"
        ),
    ));
    rules.push(rule(
        format!("{OPTION}:baseline_weeks"),
        "How many weeks that stands on.",
        format!("count without (week) ({OPTION}:same_hour_rate)"),
    ));
    rules
}

/// Observed and expected in each window.
fn windows() -> Vec<Record> {
    let mut rules = each_window(&format!("{OPTION}:observed"), "Hits within each window.", |window, _| {
        format!(
            "clamp_min(\n  max by ({L}) (wolkvox_menu_option_hits_total)\n  \
             - max by ({L}) (wolkvox_menu_option_hits_total offset {window}),\n  0\n)"
        )
    });
    rules.extend(each_window(
        &format!("{OPTION}:expected"),
        "Hits expected within each window, from earlier weeks alone, once something has been expected for as\n\
         long as the window.",
        |window, _| {
            format!(
                "avg_over_time({OPTION}:expected_rate[{window}])\n* on (server) group_left ()\n\
                 {ADVANCE}{{window=\"{window}\"}}\nand on ({L}) {OPTION}:expected_rate offset {window}"
            )
        },
    ));
    rules.push(rule(
        format!("{POINT}:observed"),
        "Of a routing point and of the whole operation, the options of which something is expected: a new one\n\
         must not make up for those that fell.",
        format!("sum without (cod_opc_menu) ({OPTION}:observed and {OPTION}:expected)"),
    ));
    rules.push(rule(
        format!("{POINT}:expected"),
        "",
        format!("sum without (cod_opc_menu) ({OPTION}:expected)"),
    ));
    for kind in ["observed", "expected"] {
        rules.push(rule(
            format!("{SERVER}:{kind}"),
            "",
            format!("sum without (rp_id, channel) ({POINT}:{kind})"),
        ));
    }
    rules
}

/// What today's level is.
fn levels() -> Vec<Record> {
    let others = |whole: &str, kind: &str, on: &str| {
        format!("({whole}:{kind} - on ({on}, window) group_right () {OPTION}:{kind})")
    };
    let operation = format!(
        "(\n  ({} + {LEVEL_PRIOR})\n  / ({} + {LEVEL_PRIOR})\n)",
        others(SERVER, "observed", "server"),
        others(SERVER, "expected", "server"),
    );
    vec![
        rule(
            format!("{OPTION}:operation_level"),
            "Today's level of the operation: what all its other options have, of what they usually have.",
            operation,
        ),
        rule(
            format!("{OPTION}:level"),
            "Today's level of the routing point: the same of its other options; where they are few, it is held to\n\
             be the operation's.",
            format!(
                "({}\n + {LEVEL_PRIOR} * {OPTION}:operation_level)\n/ ({} + {LEVEL_PRIOR})",
                others(POINT, "observed", P),
                others(POINT, "expected", P),
            ),
        ),
        rule(
            format!("{OPTION}:expected_today"),
            "Hits expected at the lower of the two levels: on a quiet day, on a holiday that no calendar knew, and\n\
             where a whole routing point fell, less is expected of each option. Never more than usual.",
            format!(
                "{OPTION}:expected\n* clamp_max({OPTION}:level < {OPTION}:operation_level or {OPTION}:operation_level, 1)"
            ),
        ),
    ]
}

/// How unlikely so few hits of an option are.
fn drops() -> Vec<Record> {
    let hour = 2 * NEIGHBOURHOOD_MINUTES * 60;
    vec![rule(
        format!("{OPTION}:drop_score"),
        "How unlikely so few hits are: the squared z-score of a Poisson count (its deviance, with half a count of\n\
         continuity correction, which is right down to zero), made smaller by what else is uncertain: variation that\n\
         is not chance, the level, and the baseline. Present only below the expectation.",
        drop_score(
            &format!("({OPTION}:observed + 0.5)"),
            &format!("{OPTION}:expected_today"),
            OPTION_NOISE,
            &[
                format!("{OPTION}:expected / ({})", expected_others()),
                format!(
                    "(0 * {OPTION}:expected + on (server, window) group_left () 1.2 * {ADVANCE} / ({ADVANCE} + {hour}))\n    \
                     / on ({L}) group_left () {OPTION}:baseline_weeks"
                ),
            ],
        ),
    )]
}

/// The same for whole routing points.
fn points() -> Vec<Record> {
    let mut rules = Vec::new();
    let windows =
        WINDOWS.into_iter().filter(|(name, _)| POINT_WINDOWS.split('|').any(|window| window == *name));
    for (window, seconds) in windows {
        for week in 1..=WEEKS {
            let minutes = week * 7 * 24 * 60;
            let (late, early) =
                (format!(" offset {minutes}m"), format!(" offset {}m", minutes + seconds / 60));
            rules.push(Record {
                name: format!("{POINT}:same_minutes_rate"),
                labels: vec![("window", window.to_owned()), ("week", format!("\"{week}\""))],
                expr: format!(
                    "sum by ({P}) (\n  clamp_min(\n    max by ({L}) (wolkvox_menu_option_hits_total{late})\n    \
                     - max by ({L}) (wolkvox_menu_option_hits_total{early}),\n    0\n  )\n  \
                     and on ({L}) {OPTION}:expected{{window=\"{window}\"}}\n)\n\
                     / on (server) group_left ()\n(\n  (\n    {}\n  ) >= {}\n)",
                    watermark_between(&late, &early),
                    seconds / 2
                ),
                comment: if rules.is_empty() {
                    "A routing point is compared with exactly the same minutes of earlier weeks: around the hour at\n\
                     which it opens, an average would expect hits that cannot come yet."
                } else {
                    ""
                },
            });
        }
    }
    let others =
        |kind: &str| format!("({SERVER}:{kind} - on (server, window) group_right () {POINT}:{kind})");
    rules.push(rule(
        format!("{POINT}:expected_same_minutes"),
        "At the level of the operation's other routing points: on a holiday that no calendar knew all have less.",
        format!(
            "quantile without (week) (0.5, {POINT}:same_minutes_rate)\n* on (server, window) group_left () {ADVANCE}\n\
             * clamp(\n  ({} + {LEVEL_PRIOR})\n  / ({} + {LEVEL_PRIOR}),\n  {OPERATION_LEAST}, 1\n)",
            others("observed"),
            others("expected")
        ),
    ));
    rules.push(rule(
        format!("{POINT}:drop_score"),
        "The score of a whole routing point.",
        drop_score(
            &format!("({POINT}:observed + 0.5)"),
            &format!("{POINT}:expected_same_minutes"),
            POINT_NOISE,
            &[format!("1.2 / count without (week) ({POINT}:same_minutes_rate)")],
        ),
    ));
    rules
}

/// How unlikely so many hits of an option are.
fn surges() -> Vec<Record> {
    let windows = format!("{{window=~\"{SURGE_WINDOWS}\"}}");
    let mut rules = vec![rule(
        format!("{OPTION}:highest_rate"),
        "What a surge has to exceed: the highest of the weeks, raised if the whole routing point is busier.",
        format!("max without (week) ({OPTION}:same_hour_rate)\nand {OPTION}:baseline_weeks >= {SURGE_WEEKS}"),
    )];
    for window in SURGE_WINDOWS.split('|') {
        rules.push(Record {
            name: format!("{OPTION}:expected_at_most"),
            labels: vec![("window", window.to_owned())],
            expr: format!(
                "avg_over_time({OPTION}:highest_rate[{window}])\n* on (server) group_left ()\n\
                 {ADVANCE}{{window=\"{window}\"}}\n* on ({L}) group_left ()\n\
                 clamp_min({OPTION}:level{{window=\"{window}\"}}, 1)\n+ 0.5"
            ),
            comment: "",
        });
    }
    let (many, usual) = (format!("({OPTION}:observed{windows} - 0.5)"), format!("{OPTION}:expected_at_most"));
    rules.push(rule(
        format!("{OPTION}:surge_score"),
        "How unlikely so many hits are; present only above the factor of a surge.",
        format!(
            "2 * ({many} * ln({many} / {usual}) - {many} + {usual})\n/ (\n    1 + {} * {usual}\n    + {usual} / ({})\n)\n\
             and ({many} > {SURGE_FACTOR} * {usual})\nand ({usual} > {RISE_LEAST})",
            square(SURGE_NOISE),
            expected_others()
        ),
    ));
    rules
}

/// What is expected of the routing point's other options; the fewer, the less is known about its level.
fn expected_others() -> String {
    format!("{POINT}:expected - on ({P}, window) group_right () {OPTION}:expected + {LEVEL_PRIOR}")
}

/// Seconds of data between two offsets, the later one first; empty is now.
fn watermark_between(late: &str, early: &str) -> String {
    let at = |offset: &str| format!("max by (server) (wolkvox_watermark_timestamp_seconds{offset})");
    format!("{} - {}", at(late), at(early))
}

/// `spread` are the parts of the variance beside chance itself and the noise.
fn drop_score(observed: &str, expected: &str, noise: f64, spread: &[String]) -> String {
    let spread: String = spread.iter().map(|part| format!("\n    + {part}")).collect();
    format!(
        "2 * (\n  {expected} - {observed}\n  + {observed} * ln({observed} / {expected})\n)\n/ (\n    \
         1 + {} * {expected}{spread}\n)\nand ({observed} < {expected})",
        square(noise)
    )
}

/// Rounded, so that a file does not show 0.0036000000000000003.
pub fn square(noise: f64) -> f64 {
    (noise * noise * 1e6).round() / 1e6
}
