//! The table of the committed metrics of a target: name, help, type, labels and value of every
//! family.
//!
//! Owns these declarations; a test compares `docs/metrics.md` with them. It must show nothing
//! uncommitted.

use super::view::TargetView;
use crate::exposition::Metric;

/// Labels of an option.
const OPTION: &[&str] = &["server", "rp_id", "channel", "cod_opc_menu"];
/// Labels of a routing point.
const POINT: &[&str] = &["server", "rp_id", "channel"];
/// Labels of a target.
const SERVER: &[&str] = &["server"];
/// Labels of a score, which for a routing point lacks the option.
const SCORE: &[&str] = &["server", "rp_id", "channel", "cod_opc_menu", "anomaly"];

/// Every family, in the order of the exposition.
pub(super) const COMMITTED: &[Metric<TargetView>] = &[
    Metric::counter(
        "wolkvox_menu_option_hits_total",
        "Times the menu option was entered (rows of the report).",
        OPTION,
        |view| view.options(|option| option.hits),
    ),
    Metric::counter(
        "wolkvox_menu_option_attempts_total",
        "Sum of the attempts that those rows report for the routing point.",
        OPTION,
        |view| view.options(|option| option.attempts),
    ),
    Metric::counter(
        "wolkvox_menu_option_retries_total",
        "Times the option was entered after more than one attempt.",
        OPTION,
        |view| view.options(|option| option.retries),
    ),
    Metric::histogram(
        "wolkvox_menu_time_to_option_seconds",
        "Seconds from the start of the interaction to the option.",
        OPTION,
        TargetView::time_to_option,
    ),
    Metric::counter(
        "wolkvox_menu_interactions_total",
        "Distinct interactions that entered an option.",
        POINT,
        |view| view.points(|point| point.interactions),
    ),
    Metric::gauge(
        "wolkvox_menu_window_option_hits",
        "Times the option was entered in the last closed window; absent when that could not be read.",
        OPTION,
        TargetView::window_hits,
    ),
    Metric::gauge(
        "wolkvox_menu_window_interactions",
        "Distinct interactions in the last closed window; absent when that could not be read.",
        POINT,
        TargetView::window_interactions,
    ),
    Metric::gauge(
        "wolkvox_menu_window_start_timestamp_seconds",
        "First moment of the last closed window.",
        SERVER,
        |view| view.moment(view.target.window.as_ref().map(|window| window.start)),
    ),
    Metric::gauge(
        "wolkvox_menu_window_end_timestamp_seconds",
        "First moment after the last closed window.",
        SERVER,
        |view| view.moment(view.target.window.as_ref().map(|window| window.end)),
    ),
    Metric::counter(
        "wolkvox_menu_option_entry_total",
        "Interactions whose first option this was.",
        OPTION,
        |view| view.options(|option| option.entries),
    ),
    Metric::counter(
        "wolkvox_menu_option_final_total",
        "Interactions whose last option this was: where they leave the menu.",
        OPTION,
        |view| view.options(|option| option.finals),
    ),
    Metric::counter(
        "wolkvox_menu_option_repeats_total",
        "Times the option was entered again in the same interaction.",
        OPTION,
        |view| view.options(|option| option.repeats),
    ),
    Metric::counter(
        "wolkvox_menu_transitions_total",
        "Steps from one option to the next within an interaction; `other` to `other` are those over the limit.",
        &["server", "rp_id", "channel", "from_opc_menu", "to_opc_menu"],
        TargetView::transitions,
    ),
    Metric::histogram(
        "wolkvox_menu_journey_options",
        "Options entered in an interaction, counted when it is over.",
        POINT,
        TargetView::journey_options,
    ),
    Metric::gauge(
        "wolkvox_menu_journeys_open",
        "Interactions that may still go on, so that their path is not counted yet.",
        POINT,
        TargetView::journeys_open,
    ),
    Metric::counter(
        "wolkvox_menu_journey_late_rows_total",
        "Rows of an interaction that was over already: counted as hits, not in its path.",
        POINT,
        |view| view.points(|point| point.late_rows),
    ),
    Metric::counter(
        "wolkvox_menu_option_outcomes_total",
        "Calls by what became of them after the option (rows of diagram_1); only where outcomes are read.",
        &["server", "rp_id", "cod_opc_menu", "outcome"],
        TargetView::outcomes,
    ),
    Metric::histogram(
        "wolkvox_menu_time_to_hang_up_seconds",
        "Seconds after which callers hung up, counted when no more of the call can come; only where outcomes are read.",
        &["server", "rp_id"],
        TargetView::time_to_hang_up,
    ),
    Metric::gauge(
        "wolkvox_outcomes_up",
        "1 when the newest rows of diagram_1 were read and committed; only where outcomes are read.",
        SERVER,
        TargetView::outcomes_up,
    ),
    Metric::gauge(
        "wolkvox_outcomes_watermark_timestamp_seconds",
        "Every window before this moment has been read of diagram_1; only where outcomes are read.",
        SERVER,
        TargetView::outcomes_watermark,
    ),
    Metric::counter(
        "wolkvox_outcomes_rows_rejected_total",
        "Rows of diagram_1 received that cannot be counted, by reason; only where outcomes are read.",
        &["server", "reason"],
        TargetView::outcomes_rejected,
    ),
    Metric::counter(
        "wolkvox_outcomes_windows_incomplete_total",
        "Times for which rows of diagram_1 are known to be missing; only where outcomes are read.",
        SERVER,
        TargetView::outcomes_incomplete,
    ),
    Metric::gauge(
        "wolkvox_menu_window_option_expected_hits",
        "Hits that the last closed window should have had, at today's level; absent while unknown.",
        OPTION,
        |view| view.scored_options(|option| option.expected_hits),
    ),
    Metric::gauge(
        "wolkvox_menu_option_anomaly_score",
        "How unlike the usual the option is: 0 as expected, 1 at the limit of the shipped alert.",
        SCORE,
        |view| view.option_scores(|score| Some(score.score)),
    ),
    Metric::gauge(
        "wolkvox_menu_routing_point_anomaly_score",
        "How unlike the usual the routing point is: 0 as expected, 1 at the limit of the shipped alert.",
        &["server", "rp_id", "channel", "anomaly"],
        |view| view.point_scores(|score| Some(score.score)),
    ),
    Metric::gauge(
        "wolkvox_menu_anomaly_observed",
        "What was seen where the anomaly score is highest; only while it is 0.5 or more.",
        SCORE,
        |view| view.compared(|score| score.observed),
    ),
    Metric::gauge(
        "wolkvox_menu_anomaly_expected",
        "What should have been seen there; only while the score is 0.5 or more.",
        SCORE,
        |view| view.compared(|score| score.expected),
    ),
    Metric::gauge(
        "wolkvox_menu_anomaly_window_seconds",
        "Length of the window in which that was compared; only while the score is 0.5 or more.",
        SCORE,
        |view| view.compared(|score| f64::from(score.window)),
    ),
    Metric::gauge(
        "wolkvox_baseline_history_seconds",
        "How far back the history of what is usual reaches.",
        SERVER,
        |view| view.one(view.target.usual.history_seconds),
    ),
    Metric::gauge(
        "wolkvox_baseline_observations",
        "Earlier weeks from which the expectation of the option is computed.",
        OPTION,
        |view| view.scored_options(|option| Some(u64::from(option.weeks))),
    ),
    Metric::gauge(
        "wolkvox_report_lag_seconds",
        "Seconds by which the rows of the report are later than usual; 0 while they are not.",
        SERVER,
        TargetView::report_lag,
    ),
    Metric::gauge(
        "wolkvox_routing_point_info",
        "Always 1; what the routing point is called.",
        &["server", "rp_id", "rp_name"],
        TargetView::point_names,
    ),
    Metric::gauge(
        "wolkvox_menu_option_info",
        "Always 1; what the option is called, and what the operator says it means.",
        &["server", "cod_opc_menu", "description", "kind"],
        TargetView::option_names,
    ),
    Metric::gauge(
        "wolkvox_routing_point_option_info",
        "Always 1; what the option is called at this routing point.",
        &["server", "rp_id", "cod_opc_menu", "description"],
        TargetView::option_names_at_points,
    ),
    Metric::gauge("wolkvox_up", "1 when the last poll was read and committed.", SERVER, |view| {
        view.one(u64::from(view.target.up))
    }),
    Metric::gauge(
        "wolkvox_watermark_timestamp_seconds",
        "Every window before this moment has been read and committed.",
        SERVER,
        |view| view.one(view.totals().watermark as f64),
    ),
    Metric::gauge(
        "wolkvox_last_row_timestamp_seconds",
        "Date of the newest row; absent until a row has ever been seen.",
        SERVER,
        |view| view.moment(view.last_row()),
    ),
    Metric::counter(
        "wolkvox_rows_total",
        "Rows received, by outcome: every row received is in exactly one.",
        &["server", "outcome"],
        |view| {
            let totals = view.totals();
            view.by(
                "outcome",
                [
                    ("new", totals.new),
                    ("repeated", totals.repeated),
                    ("changed", totals.changed),
                    ("rejected", totals.rejected.values().sum()),
                    ("out_of_range", totals.out_of_range),
                ],
            )
        },
    ),
    Metric::counter(
        "wolkvox_rows_rejected_total",
        "Rows received that cannot be counted, by reason.",
        &["server", "reason"],
        |view| view.rejected(view.totals()),
    ),
    Metric::histogram(
        "wolkvox_row_lateness_seconds",
        "From a row's date to its first sight.",
        SERVER,
        TargetView::lateness,
    ),
    Metric::counter(
        "wolkvox_late_rows_total",
        "Rows counted although the window of their date had been committed before.",
        SERVER,
        |view| view.one(view.totals().late),
    ),
    Metric::counter(
        "wolkvox_rows_changed_total",
        "Rows remembered without being counted: they replaced other rows of their second.",
        SERVER,
        |view| view.one(view.totals().changed),
    ),
    Metric::counter(
        "wolkvox_windows_incomplete_total",
        "Spans of one second that still had more rows than one answer holds: known to be short.",
        SERVER,
        |view| view.one(view.totals().incomplete),
    ),
    Metric::gauge(
        "wolkvox_series",
        "Label sets of routing point, channel and option; each has about twenty series.",
        SERVER,
        |view| view.one(view.target.counters.menus.len() as u64),
    ),
    Metric::gauge(
        "wolkvox_series_limit",
        "Label sets above which new ones are counted under `other`.",
        SERVER,
        |view| view.one(view.target.series_limit as u64),
    ),
    Metric::counter(
        "wolkvox_series_overflow_total",
        "Rows counted under `other` because a limit of series was reached, by the label that had no room.",
        &["server", "label"],
        |view| {
            let overflow = view.totals().overflow;
            view.by("label", [("cod_opc_menu", overflow.options), ("rp_id", overflow.points)])
        },
    ),
    Metric::counter(
        "wolkvox_rows_folded_total",
        "Rows counted under the option `number`, because somebody typed a number that may be personal.",
        SERVER,
        |view| view.one(view.folded_rows()),
    ),
];
