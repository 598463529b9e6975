//! Menus: what do people choose, and is today like a week ago?

use super::{
    dashboard::{Dashboard, Section},
    panel::{Panel, Query, Steps},
    promql::{
        ATTEMPTS, BUCKETS_1H, HITS, HITS_1H, INTERACTIONS, MENU, RETRIES, SECONDS, SERVER, a_week_before,
        by_description, kind_share, named, named_at, over_range, per_hour, sorted, sum, sum_by, top,
    },
};

/// Where more than this many curves or bars would be drawn, the largest are.
const SHOWN: u32 = 12;
/// Shares of something that nobody wants.
const UNWANTED: Steps = &[(None, "green"), (Some(0.15), "yellow"), (Some(0.3), "orange")];
const CHANGE: Steps = &[(None, "orange"), (Some(-0.2), "text"), (Some(0.2), "orange")];

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "menus",
        of_menus: true,
        sections: vec![
            Section { key: "menus.glance", panels: glance() },
            Section { key: "menus.day", panels: day() },
            Section { key: "menus.options", panels: options() },
            Section { key: "menus.time", panels: time() },
        ],
    }
}

fn glance() -> Vec<Panel> {
    let hits = sum(&over_range(HITS));
    vec![
        Panel::stat("menus.interactions").query(Query::now(sum(&over_range(INTERACTIONS)))).decimals(0),
        Panel::stat("menus.hits").query(Query::now(&hits)).decimals(0),
        Panel::stat("menus.change")
            .query(Query::now(format!(
                "sum({}) / (sum({}) > 0) - 1",
                over_range(INTERACTIONS),
                a_week_before(INTERACTIONS)
            )))
            .unit("percentunit")
            .decimals(0)
            .thresholds(CHANGE),
        Panel::stat("menus.retries")
            .query(Query::now(format!("sum({}) / (sum({}) > 0)", over_range(RETRIES), over_range(HITS))))
            .unit("percentunit")
            .decimals(1)
            .thresholds(UNWANTED),
        Panel::stat("menus.no_input")
            .query(Query::now(kind_share(HITS, "no_input", HITS)))
            .unit("percentunit")
            .decimals(1)
            .thresholds(UNWANTED),
        Panel::stat("menus.opt_out")
            .query(Query::now(kind_share(HITS, "opt_out", HITS)))
            .unit("percentunit")
            .decimals(1)
            .thresholds(UNWANTED),
        Panel::stat("menus.median").query(Query::now(quantile_of_all(0.5))).unit("s").decimals(0),
        Panel::stat("menus.p90").query(Query::now(quantile_of_all(0.9))).unit("s").decimals(0),
        Panel::stat("menus.attempts")
            .query(Query::now(format!("sum({}) / (sum({}) > 0)", over_range(ATTEMPTS), over_range(HITS))))
            .decimals(2),
        Panel::stat("menus.window")
            .query(Query::now(format!("sum(wolkvox_menu_window_interactions{{{MENU}}})")))
            .decimals(0),
        Panel::stat("menus.age")
            .query(Query::now(format!("max(time() - wolkvox_watermark_timestamp_seconds{{{SERVER}}})")))
            .unit("s")
            .decimals(0)
            .thresholds(super::health::AGE),
        Panel::stat("menus.up")
            .query(Query::now(format!("min(wolkvox_up{{{SERVER}}})")))
            .thresholds(super::health::GOOD)
            .mapping("1", "word.yes", "green")
            .mapping("0", "word.no", "red"),
    ]
}

fn day() -> Vec<Panel> {
    let recorded = format!("{HITS_1H}{{{MENU}}}");
    // The largest over the whole range, and not at each moment: the same colours from left to right.
    let largest = top(
        SHOWN,
        &sum_by(
            "description",
            &named_at(
                &sum_by("server, cod_opc_menu", &format!("avg_over_time({recorded}[$__range] @ end())")),
                "@ end()",
            ),
        ),
    );
    let points = format!(
        "{} * on (server, rp_id) group_left (rp_name) \
         max by (server, rp_id, rp_name) (wolkvox_routing_point_info{{{SERVER}}})",
        sum_by("server, rp_id", &per_hour(INTERACTIONS))
    );
    vec![
        Panel::curves("menus.week")
            .query(Query::over_time(sum(&per_hour(INTERACTIONS))).called("menus.now"))
            .query(
                Query::over_time(format!("sum(increase({INTERACTIONS}{{{MENU}}}[1h] offset 1w))"))
                    .called("menus.before"),
            )
            .faint("menus.before")
            .default("min", 0.into())
            .decimals(0),
        Panel::curves("menus.points")
            .query(Query::over_time(sum_by("rp_name", &points)).legend("{{rp_name}}"))
            .default("min", 0.into())
            .decimals(0),
        Panel::stacked("menus.stack")
            .query(
                Query::over_time(format!(
                    "{} and on (description) {largest}",
                    sum_by("description", &named(&sum_by("server, cod_opc_menu", &recorded)))
                ))
                .legend("{{description}}"),
            )
            .listing("mean")
            .default("min", 0.into())
            .decimals(0)
            .size(24, 10),
    ]
}

fn options() -> Vec<Panel> {
    let keys = "cod_opc_menu, description, kind";
    let of = |expression: &str| sum_by(keys, &named(&sum_by("server, cod_opc_menu", expression)));
    let (now, before) = (of(&over_range(HITS)), of(&a_week_before(HITS)));
    // An option that is new has nothing to be compared with, and its change is all of it: but only where there
    // was a week before at all. Both are asked of the series as they are, which costs nothing beside their growth.
    let nothing = format!("0 * {}", of(&format!("{HITS}{{{MENU}}}")));
    let change =
        format!("({now} - ({before} or {nothing})) and on () (count({HITS}{{{MENU}}} offset 1w) > 0)");
    vec![
        Panel::bars("menus.share")
            .query(
                Query::now(sorted(
                    SHOWN,
                    &format!("{} / scalar(sum({}))", by_description(HITS), over_range(HITS)),
                ))
                .legend("{{description}}"),
            )
            .unit("percentunit")
            .decimals(1)
            .size(8, 12),
        Panel::table("menus.table")
            .query(Query::rows(&now))
            .query(Query::rows(change))
            .query(Query::rows(&before))
            .query(Query::rows(format!("{} / ({now} > 0)", of(&over_range(RETRIES)))))
            .column("description", "column.option")
            .column("cod_opc_menu", "column.code")
            .column("kind", "column.kind")
            .column("Value #A", "column.hits")
            .column("Value #B", "column.change")
            .column("Value #C", "column.before")
            .column("Value #D", "column.retries")
            .without("Time")
            .sorted_by("column.change")
            .decimals(0)
            .field("column.retries", vec![("unit", "percentunit".into()), ("decimals", 1.into())])
            .mapping("option", "kind.option", "text")
            .mapping("no_input", "kind.no_input", "text")
            .mapping("opt_out", "kind.opt_out", "text")
            .mapping("terminal", "kind.terminal", "text")
            .size(16, 12),
    ]
}

fn time() -> Vec<Panel> {
    let keys = "cod_opc_menu, description";
    let of = |part: &str| {
        let sums = sum_by("server, cod_opc_menu", &over_range(&format!("{SECONDS}_{part}")));
        sum_by(keys, &named(&sums))
    };
    vec![
        Panel::heatmap("menus.heat")
            .query(Query::over_time(sum_by("le", &format!("{BUCKETS_1H}{{{MENU}}}"))).buckets())
            .size(12, 11),
        Panel::table("menus.slow")
            .query(Query::rows(quantile_by(keys, 0.5)))
            .query(Query::rows(quantile_by(keys, 0.9)))
            .query(Query::rows(format!("{} / ({} > 0)", of("sum"), of("count"))))
            .column("description", "column.option")
            .column("cod_opc_menu", "column.code")
            .column("Value #A", "column.median")
            .column("Value #B", "column.p90")
            .column("Value #C", "column.mean")
            .without("Time")
            .sorted_by("column.median")
            .unit("s")
            .decimals(0)
            .size(12, 11),
    ]
}

/// Of all options together, from what the rule recorded: only the proportions of the buckets matter.
fn quantile_of_all(quantile: f64) -> String {
    let buckets = sum_by("le", &format!("avg_over_time({BUCKETS_1H}{{{MENU}}}[$__range])"));
    format!("histogram_quantile({quantile}, {buckets})")
}

/// Per option over the last day of the range: a month of raw buckets would be too slow.
fn quantile_by(keys: &str, quantile: f64) -> String {
    let buckets = sum_by("server, cod_opc_menu, le", &format!("increase({SECONDS}_bucket{{{MENU}}}[1d])"));
    format!("histogram_quantile({quantile}, {}) > 0", sum_by(&format!("{keys}, le"), &named(&buckets)))
}
