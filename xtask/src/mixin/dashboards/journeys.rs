//! Journeys: how do people move through the menu, and where do they leave it?

use super::{
    dashboard::{Dashboard, Section},
    panel::{Panel, Query},
    promql::{
        ENTRY, FINAL, HITS, JOURNEY, JOURNEYS, MENU, REPEATS, TRANSITIONS, by_description, copy, kind_share,
        named, named_code, over_range, per_hour, sorted, sum, sum_by, top,
    },
};

const SHOWN: u32 = 12;
/// Of paths in the table, and of arrows in the graph.
const PATHS: u32 = 40;

pub fn dashboard() -> Dashboard {
    Dashboard {
        name: "journeys",
        of_menus: true,
        sections: vec![
            Section { key: "journeys.glance", panels: glance() },
            Section { key: "journeys.funnel", panels: funnel() },
            Section { key: "journeys.paths", panels: paths() },
            Section { key: "journeys.shape", panels: shape() },
        ],
    }
}

fn glance() -> Vec<Panel> {
    vec![
        Panel::stat("journeys.ended").query(Query::now(sum(&over_range(JOURNEYS)))).decimals(0),
        Panel::stat("journeys.options")
            .query(Query::now(format!(
                "sum({}) / (sum({}) > 0)",
                over_range(&format!("{JOURNEY}_sum")),
                over_range(JOURNEYS)
            )))
            .decimals(1),
        Panel::stat("journeys.loops")
            .query(Query::now(format!("sum({}) / (sum({}) > 0)", over_range(REPEATS), over_range(JOURNEYS))))
            .decimals(2)
            .thresholds(&[(None, "green"), (Some(0.3), "yellow"), (Some(0.6), "orange")]),
        Panel::stat("journeys.no_input")
            .query(Query::now(kind_share(FINAL, "no_input", JOURNEYS)))
            .unit("percentunit")
            .decimals(1)
            .thresholds(&[(None, "green"), (Some(0.1), "yellow"), (Some(0.2), "orange")]),
        Panel::stat("journeys.open")
            .query(Query::now(format!("sum(wolkvox_menu_journeys_open{{{MENU}}})")))
            .decimals(0),
        Panel::stat("journeys.late")
            .query(Query::now(sum(&over_range("wolkvox_menu_journey_late_rows_total"))))
            .decimals(0)
            .thresholds(&[(None, "green"), (Some(1.0), "yellow")]),
    ]
}

fn funnel() -> Vec<Panel> {
    let share = |metric: &str| {
        sorted(SHOWN, &format!("{} / scalar(sum({}))", by_description(metric), over_range(JOURNEYS)))
    };
    // Where the menu is meant to end, leaving is no loss.
    let not_meant = sum_by(
        "description",
        &format!(
            "{} unless on (server, cod_opc_menu) wolkvox_menu_option_info{{{}, kind=\"terminal\"}}",
            named(&sum_by("server, cod_opc_menu", &over_range(FINAL))),
            super::promql::SERVER
        ),
    );
    vec![
        Panel::bars("journeys.entry")
            .query(Query::now(share(ENTRY)).legend("{{description}}"))
            .unit("percentunit")
            .decimals(1)
            .size(8, 11),
        Panel::bars("journeys.final")
            .query(Query::now(share(FINAL)).legend("{{description}}"))
            .unit("percentunit")
            .decimals(1)
            .size(8, 11),
        Panel::bars("journeys.drop")
            .query(
                Query::now(sorted(SHOWN, &format!("{not_meant} / ({} > 0)", by_description(HITS))))
                    .legend("{{description}}"),
            )
            .unit("percentunit")
            .decimals(0)
            .max(1.0)
            .default("color", serde_json::json!({ "mode": "thresholds" }))
            .thresholds(&[(None, "green"), (Some(0.4), "yellow"), (Some(0.7), "orange")])
            .size(8, 11),
        Panel::stacked("journeys.kinds")
            .query(
                Query::over_time(sum_by("kind", &named(&sum_by("server, cod_opc_menu", &per_hour(FINAL)))))
                    .legend("{{kind}}"),
            )
            .rename("option", "kind.option")
            .rename("no_input", "kind.no_input")
            .rename("opt_out", "kind.opt_out")
            .rename("terminal", "kind.terminal")
            .default("min", 0.into())
            .decimals(0),
        Panel::bars("journeys.repeats")
            .query(
                Query::now(sorted(
                    SHOWN,
                    &format!("{} / ({} > 0) > 0", by_description(REPEATS), by_description(HITS)),
                ))
                .legend("{{description}}"),
            )
            .unit("percentunit")
            .decimals(0),
    ]
}

fn paths() -> Vec<Panel> {
    let keys = "from_opc_menu, to_opc_menu";
    let steps = top(PATHS, &format!("{} > 0", sum_by(keys, &over_range(TRANSITIONS))));
    let both = named_code(&named_code(&steps, "from_opc_menu", "from"), "to_opc_menu", "to");
    let share = format!(
        "{steps} / on (from_opc_menu) group_left () ({} > 0)",
        sum_by("from_opc_menu", &over_range(TRANSITIONS))
    );
    // Every end of an arrow has to be a circle.
    let ends = format!(
        "sum by (id) ({}) or sum by (id) ({})",
        copy(&steps, "id", "to_opc_menu"),
        copy(&steps, "id", "from_opc_menu")
    );
    let nodes = named_code(&format!("({ends})"), "id", "title");
    let edges = sum_by(
        "id, source, target",
        &copy(
            &copy(
                &format!(r#"label_join({steps}, "id", " > ", "from_opc_menu", "to_opc_menu")"#),
                "source",
                "from_opc_menu",
            ),
            "target",
            "to_opc_menu",
        ),
    );
    vec![
        Panel::graph("journeys.graph")
            .query(Query::rows(sum_by("id, title", &nodes)))
            .query(Query::rows(edges))
            .column("Value #A", "=mainstat")
            .column("Value #B", "=mainstat")
            .without("Time")
            .decimals(0)
            .size(14, 14),
        Panel::table("journeys.table")
            .query(Query::rows(both))
            .query(Query::rows(share))
            .column("from", "column.from")
            .column("to", "column.to")
            .column("from_opc_menu", "column.from_code")
            .column("to_opc_menu", "column.to_code")
            .column("Value #A", "column.times")
            .column("Value #B", "column.share")
            .without("Time")
            .sorted_by("column.times")
            .decimals(0)
            .field("column.share", vec![("unit", "percentunit".into()), ("decimals", 0.into())])
            .size(10, 14),
    ]
}

fn shape() -> Vec<Panel> {
    let average = |part: &str| sum(&per_hour(&format!("{JOURNEY}_{part}")));
    vec![
        Panel::bars("journeys.lengths")
            .query(Query::now(sum_by("le", &over_range(&format!("{JOURNEY}_bucket")))).buckets())
            .decimals(0),
        Panel::curves("journeys.average")
            .query(
                Query::over_time(format!("{} / ({} > 0)", average("sum"), average("count")))
                    .called("journeys.average.series"),
            )
            .default("min", 0.into())
            .decimals(1),
    ]
}
