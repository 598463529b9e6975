//! Journeys: where do people get lost, and what did they do before?

use super::{
    column::Column,
    dashboard::{Dashboard, Section},
    field::{Link, Mapping},
    menus::{TO_OPTION, verdict_tile},
    panel::Panel,
    promql::{
        CHOSEN, ENTRY, FINAL, JOURNEY, JOURNEYS, KEYS, MENU, MIN_VISITS, OPTION, REPEATS,
        TRANSITIONS, WEEK_BEFORE, change_of_hang_ups, copy, grown, hung_up, kind_share, kinds,
        known_a_week_before, named, named_end, of_kind, or_note, or_nothing, over_range,
        part_of_visits, share_hung_up, share_of_ends, share_of_repeats, sum, sum_by, up_to_date,
    },
    query::Query,
};

/// Most options before and after the chosen one.
const SHOWN: u32 = 10;
/// Value of a label for the reason why a table has no journeys.
const NO_JOURNEYS: &str = "wolkvox: no journeys";
/// Value of a label for the reason why a table has no hang-ups.
const NO_HANG_UPS: &str = "wolkvox: no hang-ups";
const TO_MENUS: Link = Link {
    key: "link.menus",
    url: "/d/wolkvox-menus-{language}?${__url_time_range}&var-datasource=${datasource}",
};
/// Kinds of options that are not an end of the menu, so that people give up there.
const NO_END: &str = "option|no_input";

pub(crate) fn dashboard() -> Dashboard {
    let mut panels = tiles();
    panels.extend([
        how_they_end(),
        where_lost(),
        came_from(),
        chosen(),
        went_to(),
        loops(),
        lengths(),
    ]);
    // Its queries are the longest, and journeys are counted half an hour late anyway.
    Dashboard {
        name: "journeys",
        of_menus: true,
        guides: false,
        refresh: "5m",
        sections: vec![
            Section { key: None, panels },
            Section { key: Some("journeys.calls"), panels: vec![where_hung_up()] },
        ],
    }
}

fn tiles() -> Vec<Panel> {
    let tile = |key| Panel::tile(key).size(5, 4);
    let share = |key, expr: String| tile(key).query(Query::now(expr)).unit("percentunit");
    let lost = |range: &str| kind_share(FINAL, NO_END, JOURNEYS, range);
    vec![
        verdict_tile("journeys.alerts").link(TO_MENUS).size(4, 4),
        tile("journeys.ended").query(Query::now(sum(&over_range(JOURNEYS)))),
        share("journeys.reached", kind_share(FINAL, "terminal|opt_out", JOURNEYS, CHOSEN)),
        share("journeys.lost", lost(CHOSEN)),
        share(
            "journeys.lost_before",
            format!("{} and on () count({})", lost(WEEK_BEFORE), known_a_week_before()),
        ),
    ]
}

fn how_they_end() -> Panel {
    let ends = format!("increase({FINAL}{{{MENU}}}[1h])");
    let kinds = format!(
        "sum by (kind) ({} * on (server, cod_opc_menu) group_left (kind) \
         {})",
        sum_by("server, rp_id, cod_opc_menu", &ends),
        kinds()
    );
    let all = sum(&format!("increase({JOURNEYS}{{{MENU}}}[1h])"));
    Panel::stacked("journeys.kinds")
        .query(
            Query::over_time(format!("{kinds} / on () group_left () ({all} > 0)"))
                .legend("{{kind}}"),
        )
        .meaning("terminal", "kind.terminal", "green")
        .meaning("opt_out", "kind.opt_out", "blue")
        .meaning("option", "kind.option", "orange")
        .meaning("no_input", "kind.no_input", "red")
        .unit("percentunit")
        .default("max", 1.into())
        .size(12, 9)
}

/// Makes the table of lost people, sorted by their number: a share would put options first that are
/// an end by nature, or that few reach.
fn where_lost() -> Panel {
    let lost = |range: &str| of_kind(&sum_by(KEYS, &grown(FINAL, range)), NO_END);
    let change = format!(
        "({}) / (({}) >= {MIN_VISITS}) - 1 and on (server) {}",
        lost(CHOSEN),
        lost(WEEK_BEFORE),
        known_a_week_before()
    );
    let share = of_kind(&format!("({})", or_nothing(&share_of_ends())), NO_END);
    let mut columns = people_and_share(["column.lost", "column.share_lost"], "orange");
    columns.push(Column::new("Value #C", "column.change", 70).unit("percentunit"));
    Panel::table("journeys.where", columns)
        .query(Query::rows(or_note(
            &format!("sort_desc({})", named(&lost(CHOSEN))),
            "description",
            NO_JOURNEYS,
        )))
        .query(Query::rows(named(&share)))
        .query(Query::rows(named(&or_nothing(&change))))
        .size(12, 9)
}

/// Makes the table of hang-ups. Folded, because it is empty where the outcomes of calls are not
/// read.
fn where_hung_up() -> Panel {
    let mut columns = people_and_share(["column.hung_up", "column.share_lost"], "red");
    columns.push(Column::new("Value #C", "column.change", 70).unit("percentunit"));
    Panel::table("journeys.hang_ups", columns)
        .query(Query::rows(or_note(
            &format!("sort_desc({})", named(&format!("{} > 0", hung_up(CHOSEN)))),
            "description",
            NO_HANG_UPS,
        )))
        .query(Query::rows(named(&share_hung_up(CHOSEN))))
        .query(Query::rows(named(&change_of_hang_ups(hung_up))))
        .size(24, 9)
}

fn loops() -> Panel {
    let repeats = sum_by(KEYS, &over_range(REPEATS));
    let columns = people_and_share(["column.repeats", "column.share_repeats"], "purple");
    Panel::table("journeys.loops", columns)
        .query(Query::rows(or_note(
            &format!("sort_desc({})", named(&repeats)),
            "description",
            NO_JOURNEYS,
        )))
        .query(Query::rows(named(&or_nothing(&share_of_repeats()))))
}

/// Makes columns for the number of people at an option, and their share of all who came to it.
fn people_and_share(titles: [&'static str; 2], colour: &'static str) -> Vec<Column> {
    vec![
        Column::new("description", "column.option", 150)
            .growing()
            .mapped(&[
                Mapping::new(NO_JOURNEYS, "journeys.none", "text"),
                Mapping::new(NO_HANG_UPS, "journeys.no_hang_ups", "text"),
            ])
            .link(TO_OPTION),
        Column::new("rp_name", "column.point", 120).growing(),
        Column::new("Value #A", titles[0], 110).gauge(colour),
        Column::new("Value #B", titles[1], 70).unit("percentunit"),
    ]
}

/// Shows the options before the chosen one, in percent of its visits. Empty for a handful of
/// visits.
fn came_from() -> Panel {
    beside("journeys.from", "to_opc_menu", "from_opc_menu", ENTRY)
}

/// Shows the options after the chosen one, in percent of its visits.
fn went_to() -> Panel {
    beside("journeys.to", "from_opc_menu", "to_opc_menu", FINAL)
}

fn beside(key: &'static str, chosen: &str, other: &str, end: &str) -> Panel {
    let of_chosen = format!("{MENU}, {chosen}=~`${{cod_opc_menu:regex}}`");
    let steps = format!("increase({TRANSITIONS}{{{of_chosen}}}[$__range])");
    let ends = format!("increase({end}{{{MENU}, {OPTION}}}[$__range])");
    // Each visit begins with an entry or a step to it, and ends with a step from it or with the
    // journey.
    let (moves, ends) = (format!("(sum({steps}) or vector(0))"), format!("sum({ends})"));
    let all = format!("({moves} + {ends} >= {MIN_VISITS})");
    let by_other = sum_by(&format!("server, rp_id, channel, {other}"), &steps);
    let named = named_end(&sum_by(KEYS, &copy(&by_other, "cod_opc_menu", other)), other);
    let bars = format!("100 * {named} / on () group_left () {all} > 0");
    let end_key = if end == ENTRY { "journeys.from.entry" } else { "journeys.to.end" };
    Panel::bars(key)
        .query(
            Query::now(format!("sort_desc(topk({SHOWN}, {bars}))"))
                .legend("{{rp_name}} · {{description}}"),
        )
        .query(Query::now(part_of_visits(100, &ends, &moves)).called(end_key))
        .unit("suffix:%")
        .size(8, 10)
}

/// Shows counts of the chosen option. All three are counted when the journey is over, so that they
/// fit together.
fn chosen() -> Panel {
    let per_hour = |metric: &str| sum(&format!("increase({metric}{{{MENU}, {OPTION}}}[1h])"));
    let steps = sum(&format!(
        "increase({TRANSITIONS}{{{MENU}, to_opc_menu=~`${{cod_opc_menu:regex}}`}}[1h])"
    ));
    let came = format!("({} + ({steps} or vector(0)))", per_hour(ENTRY));
    let curve = |expression: String| Query::over_time(format!("{expression} and {}", up_to_date()));
    Panel::curves("journeys.option")
        .query(curve(came).called("journeys.option.came"))
        .query(curve(per_hour(FINAL)).called("journeys.option.ended"))
        .query(curve(per_hour(REPEATS)).called("journeys.option.again"))
        .size(8, 10)
}

/// Shows the shares of journeys with one option, with two, ... and with five or more. From
/// Prometheus 3 on a bound is written "1.0".
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
