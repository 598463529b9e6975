//! Owns the recording rules of counts: what is expected of options and routing points, and the scores that say how
//! far they are from it. Must not decide what is an alert.

use super::Record;
use super::thresholds::{
    LEVEL_PRIOR, NEIGHBOURHOOD_MINUTES, OPTION_NOISE, POINT_NOISE, RISE_LEAST, SURGE_FACTOR, SURGE_NOISE,
    SURGE_WINDOWS, WEEKS, WINDOWS,
};

/// Labels of an option.
pub(crate) const L: &str = "server, rp_id, channel, cod_opc_menu";
/// Labels of a routing point's channel.
pub(crate) const P: &str = "server, rp_id, channel";
/// What the recorded names of an option's hits begin with.
pub(crate) const OPTION: &str = "server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits";
/// The same for a routing point.
pub(crate) const POINT: &str = "server_rp_id_channel:wolkvox_menu_option_hits";

pub(crate) fn records() -> Vec<Record> {
    let mut rules = Vec::new();
    let mut add = |name: String, labels: Vec<(&'static str, String)>, comment: &'static str, expr: String| {
        rules.push(Record { name, labels, expr, comment });
    };
    let first = |index: usize, comment: &'static str| if index == 0 { comment } else { "" };

    for (index, (window, _)) in WINDOWS.into_iter().enumerate() {
        add(
            "server:wolkvox_watermark_timestamp_seconds:advance".to_owned(),
            vec![("window", window.to_owned())],
            first(
                index,
                "Seconds of data that arrived within the window. Expectations are scaled by it, so that data that\n\
                 come late, or all at once after an outage, look neither like a fall nor like a surge.",
            ),
            format!(
                "clamp_min(\n  max by (server) (wolkvox_watermark_timestamp_seconds)\n  \
                 - max by (server) (wolkvox_watermark_timestamp_seconds offset {window}),\n  0\n)"
            ),
        );
    }

    for week in 1..=WEEKS {
        let minutes = week * 7 * 24 * 60;
        let (late, early) = (minutes - NEIGHBOURHOOD_MINUTES, minutes + NEIGHBOURHOOD_MINUTES);
        let least = NEIGHBOURHOOD_MINUTES * 60;
        add(
            format!("{OPTION}:same_hour_rate"),
            vec![("week", format!("\"{week}\""))],
            first(
                week as usize - 1,
                "Hits per second around the same moment of each earlier week, where data of at least half an hour\n\
                 exist. Differences of counters, not increase(): the counters step with each poll and survive\n\
                 restarts, so the difference is exact. max, not sum: two exporters of one operation count the same.",
            ),
            format!(
                "clamp_min(\n  max by ({L}) (wolkvox_menu_option_hits_total offset {late}m)\n  \
                 - max by ({L}) (wolkvox_menu_option_hits_total offset {early}m),\n  0\n)\n\
                 / on (server) group_left ()\n(\n  (\n    \
                 max by (server) (wolkvox_watermark_timestamp_seconds offset {late}m)\n    \
                 - max by (server) (wolkvox_watermark_timestamp_seconds offset {early}m)\n  ) >= {least}\n)"
            ),
        );
    }
    add(
        format!("{OPTION}:expected_rate"),
        vec![],
        "Hits per second that are expected now: the median of the weeks that exist. One holiday or one outage\n\
         among them does not move it.",
        format!("quantile without (week) (0.5, {OPTION}:same_hour_rate)"),
    );
    add(
        format!("{OPTION}:baseline_weeks"),
        vec![],
        "How many weeks that stands on.",
        format!("count without (week) ({OPTION}:same_hour_rate)"),
    );

    for (index, (window, _)) in WINDOWS.into_iter().enumerate() {
        add(
            format!("{OPTION}:observed"),
            vec![("window", window.to_owned())],
            first(index, "Hits within each window."),
            format!(
                "clamp_min(\n  max by ({L}) (wolkvox_menu_option_hits_total)\n  \
                 - max by ({L}) (wolkvox_menu_option_hits_total offset {window}),\n  0\n)"
            ),
        );
    }
    for (index, (window, _)) in WINDOWS.into_iter().enumerate() {
        add(
            format!("{OPTION}:expected"),
            vec![("window", window.to_owned())],
            first(index, "Hits expected within each window, from earlier weeks alone."),
            format!(
                "avg_over_time({OPTION}:expected_rate[{window}])\n* on (server) group_left ()\n\
                 server:wolkvox_watermark_timestamp_seconds:advance{{window=\"{window}\"}}"
            ),
        );
    }
    for kind in ["observed", "expected"] {
        add(format!("{POINT}:{kind}"), vec![], "", format!("sum without (cod_opc_menu) ({OPTION}:{kind})"));
    }

    add(
        format!("{OPTION}:expected_others"),
        vec![],
        "Hits expected of the routing point's other options.",
        format!("{POINT}:expected - on ({P}, window) group_right () {OPTION}:expected"),
    );
    add(
        format!("{OPTION}:level"),
        vec![],
        "Today's level: what the other options have, of what they usually have. An option is judged against its\n\
         routing point of today, so that a quiet day, a holiday or a whole routing point that fell is not a\n\
         drop-off of each of its options.",
        format!(
            "({POINT}:observed - on ({P}, window) group_right () {OPTION}:observed + {LEVEL_PRIOR})\n/\n\
             ({OPTION}:expected_others + {LEVEL_PRIOR})"
        ),
    );
    add(
        format!("{OPTION}:drop_score"),
        vec![],
        "How unlikely so few hits are: the squared z-score of a Poisson count (its deviance, with half a count of\n\
         continuity correction, which is right down to zero), made smaller by what else is uncertain: variation that\n\
         is not chance, the level, and the baseline. Present only below the expectation.",
        drop_score(
            &format!("({OPTION}:observed + 0.5)"),
            &format!("({OPTION}:expected * clamp_max({OPTION}:level, 1))"),
            OPTION_NOISE,
            &format!("+ {OPTION}:expected / ({OPTION}:expected_others + {LEVEL_PRIOR})\n    "),
            &format!("on ({L}) group_left () {OPTION}:baseline_weeks"),
        ),
    );
    add(
        format!("{POINT}:drop_score"),
        vec![],
        "The same for a whole routing point, which has no level but its own past.",
        drop_score(
            &format!("({POINT}:observed + 0.5)"),
            &format!("{POINT}:expected"),
            POINT_NOISE,
            "",
            &format!("on ({P}) group_left () max by ({P}) ({OPTION}:baseline_weeks)"),
        ),
    );
    let windows = format!("{{window=~\"{SURGE_WINDOWS}\"}}");
    add(
        format!("{OPTION}:highest_rate"),
        vec![],
        "What a surge has to exceed: the highest of the weeks, raised if the whole routing point is busier. The\n\
         median would call an option that was added two weeks ago a surge.",
        format!("max without (week) ({OPTION}:same_hour_rate)"),
    );
    for window in SURGE_WINDOWS.split('|') {
        let highest = format!(
            "avg_over_time({OPTION}:highest_rate[{window}])\n* on (server) group_left ()\n\
             server:wolkvox_watermark_timestamp_seconds:advance{{window=\"{window}\"}}"
        );
        let level = format!("{OPTION}:level{{window=\"{window}\"}}");
        add(
            format!("{OPTION}:expected_at_most"),
            vec![("window", window.to_owned())],
            "",
            format!("{highest}\n* on ({L}) group_left ()\nclamp_min({level}, 1)\n+ 0.5"),
        );
    }
    let (many, usual) = (format!("({OPTION}:observed{windows} - 0.5)"), format!("{OPTION}:expected_at_most"));
    add(
        format!("{OPTION}:surge_score"),
        vec![],
        "How unlikely so many hits are; present only above the factor of a surge.",
        format!(
            "2 * ({many} * ln({many} / {usual}) - {many} + {usual})\n/ (1 + {} * {usual})\nand ({many} > {SURGE_FACTOR} * {usual})\nand ({usual} > {RISE_LEAST})",
            square(SURGE_NOISE)
        ),
    );
    rules
}

/// `spread` are further parts of the variance; `weeks` what the baseline's part is divided by.
fn drop_score(observed: &str, expected: &str, noise: f64, spread: &str, weeks: &str) -> String {
    let advance = "server:wolkvox_watermark_timestamp_seconds:advance";
    let hour = 2 * NEIGHBOURHOOD_MINUTES * 60;
    format!(
        "2 * (\n  {expected} - {observed}\n  + {observed} * ln({observed} / {expected})\n)\n/ (\n    \
         1 + {} * {expected}\n    {spread}+ (0 * {expected} + on (server, window) group_left ()\n       \
         1.2 * {advance} / ({advance} + {hour})) / {weeks}\n)\nand ({observed} < {expected})",
        square(noise)
    )
}

/// Rounded, so that a file does not show 0.0036000000000000003.
pub(crate) fn square(noise: f64) -> f64 {
    (noise * noise * 1e6).round() / 1e6
}
