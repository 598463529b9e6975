//! Journeys: where do people get lost, and what did they do before?

use super::{
    column::Column,
    dashboard::{Dashboard, Section},
    menus::TO_OPTION,
    panel::{Panel, Steps},
    promql::{
        ENTRY, FINAL, JOURNEY, JOURNEYS, KEYS, MENU, MIN_VISITS, OPTION, REPEATS, TRANSITIONS, copy,
        kind_share, named, named_end, of_kind, or_nothing, over_range, part_of_visits, share_of_ends,
        share_of_repeats, sum, sum_by,
    },
    query::Query,
};

/// Of the options before and after the chosen one.
const SHOWN: u32 = 10;
const REACHED: Steps = &[(None, "text")];
const LOST: Steps = &[(None, "green"), (Some(0.4), "yellow"), (Some(0.6), "orange")];
/// What is no end of the menu: there people give up.
const NO_END: &str = "option|no_input";

pub(crate) fn dashboard() -> Dashboard {
    let mut panels = tiles();
    panels.extend([how_they_end(), where_lost(), came_from(), chosen(), went_to(), loops(), lengths()]);
    Dashboard { name: "journeys", of_menus: true, sections: vec![Section { key: None, panels }] }
}

fn tiles() -> Vec<Panel> {
    let tile = |key| Panel::tile(key).size(6, 4);
    vec![
        tile("journeys.ended").query(Query::now(sum(&over_range(JOURNEYS)))),
        tile("journeys.reached")
            .query(Query::now(kind_share(FINAL, "terminal|opt_out", JOURNEYS)))
            .unit("percentunit")
            .thresholds(REACHED),
        tile("journeys.lost")
            .query(Query::now(kind_share(FINAL, NO_END, JOURNEYS)))
            .unit("percentunit")
            .thresholds(LOST),
        tile("journeys.options")
            .query(Query::now(format!(
                "sum({}) / (sum({}) > 0)",
                over_range(&format!("{JOURNEY}_sum")),
                over_range(JOURNEYS)
            )))
            .decimals(1),
    ]
}

fn how_they_end() -> Panel {
    let ends = format!("increase({FINAL}{{{MENU}}}[1h])");
    let kinds = format!(
        "sum by (kind) ({} * on (server, cod_opc_menu) group_left (kind) \
         max by (server, cod_opc_menu, kind) (wolkvox_menu_option_info{{{}}} @ end()))",
        sum_by("server, rp_id, cod_opc_menu", &ends),
        super::promql::SERVER
    );
    let all = sum(&format!("increase({JOURNEYS}{{{MENU}}}[1h])"));
    Panel::stacked("journeys.kinds")
        .query(Query::over_time(format!("{kinds} / on () group_left () ({all} > 0)")).legend("{{kind}}"))
        .meaning("terminal", "kind.terminal", "green")
        .meaning("opt_out", "kind.opt_out", "blue")
        .meaning("option", "kind.option", "orange")
        .meaning("no_input", "kind.no_input", "red")
        .unit("percentunit")
        .default("max", 1.into())
        .size(12, 9)
}

/// People first: a rate leads with options that are an end by nature, and few come to.
fn where_lost() -> Panel {
    let lost = of_kind(&sum_by(KEYS, &over_range(FINAL)), NO_END);
    let share = of_kind(&format!("({})", or_nothing(&share_of_ends())), NO_END);
    people_and_share("journeys.where", ["column.lost", "column.share_lost"], &lost, &share, "orange")
        .size(12, 9)
}

fn loops() -> Panel {
    let repeats = format!("{} > 0", sum_by(KEYS, &over_range(REPEATS)));
    let share = format!("{} > 0", share_of_repeats());
    people_and_share("journeys.loops", ["column.repeats", "column.share_repeats"], &repeats, &share, "purple")
        .size(12, 8)
}

/// Options by how many people, with the share of those who came to the option.
fn people_and_share(
    key: &'static str,
    titles: [&'static str; 2],
    people: &str,
    share: &str,
    colour: &'static str,
) -> Panel {
    let columns = vec![
        Column::new("description", "column.option", 180).growing().link("link.option", TO_OPTION),
        Column::new("Value #A", titles[0], 150).gauge(colour),
        Column::new("Value #B", titles[1], 130).unit("percentunit"),
        Column::new("rp_name", "column.point", 160).growing(),
        Column::new("channel", "column.channel", 80),
    ];
    Panel::table(key, columns)
        .query(Query::rows(format!("sort_desc({})", named(people))))
        .query(Query::rows(named(share)))
}

/// Of the visits to the chosen option, how many came from where, in percent. Where there is but a handful, nothing.
fn came_from() -> Panel {
    beside("journeys.from", "to_opc_menu", "from_opc_menu", ENTRY)
}

/// Of the visits to the chosen option, how many went on where, in percent.
fn went_to() -> Panel {
    beside("journeys.to", "from_opc_menu", "to_opc_menu", FINAL)
}

fn beside(key: &'static str, chosen: &str, other: &str, end: &str) -> Panel {
    let of_chosen = format!(r#"{MENU}, {chosen}=~"$cod_opc_menu""#);
    let steps = format!("increase({TRANSITIONS}{{{of_chosen}}}[$__range])");
    let ends = format!("increase({end}{{{MENU}, {OPTION}}}[$__range])");
    // Each visit begins with an entry or a step to it, and ends with a step from it or with the journey.
    let (moves, ends) = (format!("(sum({steps}) or vector(0))"), format!("sum({ends})"));
    let all = format!("({moves} + {ends} >= {MIN_VISITS})");
    let by_other = sum_by(&format!("server, rp_id, channel, {other}"), &steps);
    let named = named_end(&sum_by(KEYS, &copy(&by_other, "cod_opc_menu", other)), other);
    let bars = format!("100 * {named} / on () group_left () {all} > 0");
    let end_key = if end == ENTRY { "journeys.from.entry" } else { "journeys.to.end" };
    Panel::bars(key)
        .query(
            Query::now(format!("sort_desc(topk({SHOWN}, {bars}))")).legend("{{description}} · {{rp_name}}"),
        )
        .query(Query::now(part_of_visits(100, &ends, &moves)).called(end_key))
        .unit("suffix:%")
        .size(8, 10)
}

/// All three are counted when the journey is over, so that they fit together.
fn chosen() -> Panel {
    let per_hour = |metric: &str| sum(&format!("increase({metric}{{{MENU}, {OPTION}}}[1h])"));
    let steps = sum(&format!(r#"increase({TRANSITIONS}{{{MENU}, to_opc_menu=~"$cod_opc_menu"}}[1h])"#));
    let came = format!("{} + ({steps} or vector(0))", per_hour(ENTRY));
    Panel::curves("journeys.option")
        .query(Query::over_time(came).called("journeys.option.came"))
        .query(Query::over_time(per_hour(FINAL)).called("journeys.option.ended"))
        .query(Query::over_time(per_hour(REPEATS)).called("journeys.option.again"))
        .size(8, 10)
}

/// Of all journeys, the share with one option, with two, ... and with five or more. From Prometheus 3 on a bound is
/// written "1.0".
fn lengths() -> Panel {
    let all = sum(&over_range(JOURNEYS));
    let at_most = |options: u32| {
        format!(r#"sum(increase({JOURNEY}_bucket{{{MENU}, le=~"{options}([.]0)?"}}[$__range]))"#)
    };
    let keys = ["journeys.1", "journeys.2", "journeys.3", "journeys.4", "journeys.5"];
    (1..)
        .zip(keys)
        .fold(Panel::bars("journeys.lengths").size(12, 8), |panel, (options, key)| {
            let journeys = match options {
                1 => at_most(1),
                5 => format!("({all} - {})", at_most(4)),
                _ => format!("({} - {})", at_most(options), at_most(options - 1)),
            };
            // Differences of estimates may be a little below 0.
            let share = format!("clamp_min(100 * {journeys} / ({all} > 0), 0)");
            panel.query(Query::now(share).called(key))
        })
        .unit("suffix:%")
}
