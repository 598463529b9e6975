//! Menus: is anything unlike usual, and which option?

use super::{
    anomalies::{
        ANOMALIES, expected_per_hour, furthest_option, furthest_or_all, no_verdict, sentences,
        since, unusual_options, verdict, worst_of_each_point,
    },
    column::{Column, PatternMapping, Sign},
    dashboard::{Dashboard, Section},
    field::{Link, Mapping, Step},
    panel::Panel,
    promql::{
        CHOSEN, HITS, INTERACTIONS, KEYS, MENU, MIN_VISITS, OPTION, RETRIES, SECONDS, SERVER,
        WEEK_BEFORE, change_of_hang_ups, grown, kind_share, known_a_week_before, named,
        options_there, or_nothing, over_range, percent_of_point, share_hung_up, share_of_ends, sum,
        sum_by, up_to_date, weeks_before, with_label,
    },
    query::Query,
};

/// Signs in the order of the options: those with an anomaly, those that fell, the others by size,
/// those that rose. `signal` gives hundreds for a change beyond chance, and less than fifty for the
/// size.
const SIGNS: [Sign; 7] = [
    Sign { below: -1e5, key: "sign.alert", colour: "red" },
    Sign { below: -250.0, key: "sign.fell_far", colour: "red" },
    Sign { below: -50.0, key: "sign.fell", colour: "orange" },
    Sign { below: 50.0, key: "sign.none", colour: "text" },
    Sign { below: 250.0, key: "sign.rose", colour: "blue" },
    Sign { below: 1e5, key: "sign.rose_far", colour: "blue" },
    Sign { below: 1e12, key: "sign.none", colour: "text" },
];
/// Higher than every signal, so that options without a comparison come last, the largest first.
const NO_SIGNAL: &str = "1e7";
/// Higher than any signal; subtracted, so that options with an anomaly come first.
const ALERT: &str = "1e9";

/// The link to the option of a row on this dashboard.
pub(crate) const TO_OPTION: Link = Link {
    key: "link.option",
    url: "/d/wolkvox-menus-{language}?${__url_time_range}&var-datasource=${datasource}\
        &var-server=${__data.fields.server:percentencode}&var-rp_id=${__data.fields.rp_id:percentencode}\
        &var-cod_opc_menu=${__data.fields.cod_opc_menu:percentencode}",
};
const TO_HEALTH: Link = Link {
    key: "link.health",
    url: "/d/wolkvox-health-{language}?${__url_time_range}&var-datasource=${datasource}",
};
/// The link to the runbook of a row, served by the exporter or at the configured address.
pub(crate) const TO_RUNBOOK: Link = Link {
    key: "link.runbook",
    url: "${runbooks:raw}/${__data.fields.runbook:percentencode}?lang={language}",
};

/// Texts of a tile for verdicts other than a number of anomalies.
const VERDICTS: [Mapping; 5] = [
    Mapping::new("0", "verdict.normal", "green"),
    Mapping::new("-1", "verdict.late", "orange"),
    Mapping::new("-2", "verdict.health", "orange"),
    Mapping::new("-3", "verdict.young", "blue"),
    Mapping::new("-5", "verdict.gone", "red"),
];
/// Texts of the same verdicts in the only row of the table.
const LONG_VERDICTS: [Mapping; 5] = [
    Mapping::new("0", "verdict.normal.long", "green"),
    Mapping::new("-1", "verdict.late.long", "orange"),
    Mapping::new("-2", "verdict.health.long", "orange"),
    Mapping::new("-3", "verdict.young.long", "blue"),
    Mapping::new("-5", "verdict.gone.long", "red"),
];

pub(crate) fn dashboard() -> Dashboard {
    let mut always = vec![verdict_tile("menus.alerts").size(6, 7), out_of_the_ordinary()];
    always.extend(tiles());
    always.extend(curves());
    always.extend([past(), options()]);
    Dashboard {
        name: "menus",
        of_menus: true,
        guides: true,
        refresh: "1m",
        sections: vec![
            Section { key: None, panels: always },
            Section { key: Some("menus.more"), panels: more() },
        ],
    }
}

/// Shows the number of anomalies, or the reason why there is none, which links to the exporter's
/// health.
pub(crate) fn verdict_tile(key: &'static str) -> Panel {
    Panel::tile(key)
        .query(Query::now(verdict()))
        .query(Query::now(no_verdict()))
        .thresholds(&[Step::base("red")])
        .mapped(&VERDICTS)
        .second_leads(TO_HEALTH)
        .filled()
}

fn tiles() -> Vec<Panel> {
    let tile = |key| Panel::tile(key).size(5, 4);
    let retries =
        |range: &str| format!("sum({}) / (sum({}) > 0)", grown(RETRIES, range), grown(HITS, range));
    let no_input = |range: &str| kind_share(HITS, "no_input", HITS, range);
    let share = |key, whole: String, usual: String| {
        let tile = tile(key).unit("percentunit").second_in("orange");
        beyond(tile, &whole, &usual)
    };
    vec![
        tile("menus.interactions").query(Query::now(sum(&over_range(INTERACTIONS)))),
        beyond(tile("menus.change"), &change(), &unlike_four_weeks())
            .unit("percentunit")
            .second_in("orange"),
        share("menus.retries", retries(CHOSEN), above_four_weeks(retries)),
        share("menus.no_input", no_input(CHOSEN), above_four_weeks(no_input)),
        data_until().size(4, 4),
    ]
}

/// Shows a number in the colour of its second query while a condition has a value.
fn beyond(tile: Panel, number: &str, condition: &str) -> Panel {
    tile.query(Query::now(format!("({number}) unless on () ({condition})")))
        .query(Query::now(format!("({number}) and on () ({condition})")))
}

/// Returns the change of the interactions against a week before, as a fraction.
fn change() -> String {
    let known = known_a_week_before();
    let by_server = |range: &str| sum_by("server", &grown(INTERACTIONS, range));
    format!(
        "sum({} and on (server) {known}) / (sum({} and on (server) {known}) > 0) - 1",
        by_server(CHOSEN),
        by_server(WEEK_BEFORE)
    )
}

/// Has a value while the interactions are a tenth above the most, or below the least, of the four
/// weeks before.
fn unlike_four_weeks() -> String {
    let now = sum(&over_range(INTERACTIONS));
    let weeks = weeks_before(|offset| {
        format!("{} > 0", sum(&grown(INTERACTIONS, &format!("{CHOSEN}{offset}"))))
    });
    format!("({now} > 1.1 * max({weeks})) or ({now} < 0.9 * min({weeks}))")
}

/// Has a value while a share of the last day is a fifth above the most of the same day in the four
/// weeks before. It is always a day, because a month of each of five weeks would be too slow.
fn above_four_weeks(share: impl Fn(&str) -> String) -> String {
    let weeks = weeks_before(|offset| share(&format!("[1d]{offset}")));
    format!("({}) > 1.2 * max({weeks})", share("[1d]"))
}

/// Shows the moment up to which data are read. Not its age, which Grafana would write in English.
pub(crate) fn data_until() -> Panel {
    Panel::tile("data_until")
        .query(Query::now(format!("min(wolkvox_watermark_timestamp_seconds{{{SERVER}}}) * 1000")))
        .thresholds(&[Step::base("red"), Step::from(0.0, "text")])
        .unit("time:HH:mm")
}

/// Shows a sentence for each anomaly, first those in which the most people are missing; without
/// any, one that gives the reason.
fn out_of_the_ordinary() -> Panel {
    let columns = vec![
        Column::new("sentence", "column.what", 330)
            .growing()
            .mapped(&LONG_VERDICTS)
            .patterns(&patterns())
            .link(TO_OPTION),
        Column::new("Value #A", "column.missing", 75),
        Column::new("Value #B", "column.since", 70).unit("time:HH:mm"),
        Column::new("rp_name", "column.point", 150).growing(),
        Column::new("channel", "column.channel", 75).mapped(&CHANNELS),
        Column::new("guide", "column.runbook", 90).patterns(&GUIDE).link(TO_RUNBOOK),
    ];
    Panel::table("menus.out", columns)
        .query(Query::rows(sentences()))
        .query(Query::rows(since()))
        .size(18, 7)
}

/// Shows every runbook as the same word.
pub(crate) const GUIDE: [PatternMapping; 1] =
    [PatternMapping { pattern: "(.+)", key: "column.runbook.open", colour: "blue" }];
/// Channels that Wolkvox is known to name.
pub(crate) const CHANNELS: [Mapping; 5] = [
    Mapping::new("voice", "channel.voice", "text"),
    Mapping::new("chat-web", "channel.web", "text"),
    Mapping::new("chat-whatsapp", "channel.whatsapp", "text"),
    Mapping::new("chat-facebook", "channel.facebook", "text"),
    Mapping::new("chat-telegram", "channel.telegram", "text"),
];

/// Returns the sentences of the anomalies, with figures, and without for those of which only an
/// alert is left.
fn patterns() -> Vec<PatternMapping> {
    ANOMALIES
        .iter()
        .flat_map(|anomaly| {
            let told = |pattern, key| PatternMapping { pattern, key, colour: anomaly.colour };
            [
                told(anomaly.with_figures, anomaly.sentence),
                told(anomaly.without_figures, anomaly.alert),
            ]
        })
        .collect()
}

fn curves() -> Vec<Panel> {
    let band = |panel: Panel, least: &str, most: &str| {
        panel
            .query(Query::over_time(least).called("word.least"))
            .query(Query::over_time(most).called("word.most"))
            .band("word.least", "word.most")
            .colour("blue")
    };
    let all = |offset: &str| sum(&grown(INTERACTIONS, &format!("[1h]{offset}")));
    let all_weeks = weeks_before(all);
    let day = Panel::curves("menus.day")
        .query(Query::over_time(format!("{} and {}", all(""), up_to_date())).called("word.now"));
    let keep = format!(" and on ({KEYS}) {}", furthest_option());
    let hits = |offset: &str| format!("increase({HITS}{{{MENU}, {OPTION}}}[1h]{offset})");
    // With the name of the option with the largest anomaly, because the reader did not choose it.
    let furthest = sum_by(
        "rp_id, description, rp_name",
        &named(&sum_by(KEYS, &format!("{}{keep}", hits("")))),
    );
    let all_of_them = with_label(&sum(&hits("")), "description", "Σ");
    let now = format!("({furthest} or on () {all_of_them}) and {}", up_to_date());
    let shown = format!(" and on ({KEYS}) {}", furthest_or_all());
    let weeks = weeks_before(|offset| sum(&format!("{}{shown}", hits(offset))));
    let expected = expected_per_hour(&format!(", {OPTION}"), &shown);
    vec![
        band(day, &format!("min({all_weeks})"), &format!("max({all_weeks})")),
        band(
            Panel::curves("menus.option").query(Query::over_time(now).called("menus.option.now")),
            &format!("min({weeks})"),
            &format!("max({weeks})"),
        )
        .query(Query::over_time(expected).called("word.expected"))
        .faint("word.expected"),
    ]
}

/// Shows the levels of each routing point over the last day, so that last night's incident is still
/// visible in the morning. It is always a day, because each option has six scores.
fn past() -> Panel {
    Panel::timeline("menus.past")
        .of_the_last("24h")
        .query(Query::over_time(worst_of_each_point()).legend("{{rp_name}}"))
        .mapped(&[
            Mapping::new("0", "past.normal", "super-light-green"),
            Mapping::new("1", "past.other", "orange"),
            Mapping::new("2", "past.drop_off", "red"),
            Mapping::new("3", "past.collapse", "dark-red"),
        ])
        .size(24, 5)
}

/// Returns the place of an option in the order, see `SIGNS`. Its change against a week before is
/// measured in units of chance, which consists of the chance of counts (Poisson) and of five in a
/// hundred from week to week. The asinh transformation gives both together the same spread at every
/// size. Counts below ten are taken as ten, so that a handful does not matter. The cube makes
/// everything within three units 0, and five units 2.3.
fn signal() -> String {
    let even = |counts: &str| format!("asinh(0.035 * sqrt(clamp_min({counts}, {MIN_VISITS})))");
    let there = options_there();
    let before = format!("{} or 0 * {there}", sum_by(KEYS, &grown(HITS, WEEK_BEFORE)));
    let chance = format!("40 * ({} - {})", even(&sum_by(KEYS, &over_range(HITS))), even(&before));
    format!(
        "((100 * round(({chance}) ^ 3 / 54) - ln(1 + {there})) and on (server) {} \
         or {NO_SIGNAL} - {there}) - on ({KEYS}) {ALERT} * ({} or 0 * {there})",
        known_a_week_before(),
        unusual_options()
    )
}

fn options() -> Panel {
    let now = sum_by(KEYS, &over_range(HITS));
    let before = sum_by(KEYS, &grown(HITS, WEEK_BEFORE));
    let change =
        format!("{now} / ({before} >= {MIN_VISITS}) - 1 and on (server) {}", known_a_week_before());
    let retries = format!("{} / ({now} >= {MIN_VISITS})", sum_by(KEYS, &over_range(RETRIES)));
    let per_hour = sum_by(KEYS, &format!("increase({HITS}{{{MENU}}}[1h])"));
    let columns = vec![
        Column::new("description", "column.option", 150).growing().link(TO_OPTION),
        Column::new("rp_name", "column.point", 115).growing(),
        Column::new("Value #A", "column.signal", 55).signs(&SIGNS),
        Column::new("Value #B", "column.hits", 65),
        Column::new("Value #C", "column.change", 65).unit("percentunit"),
        Column::new("Trend #D", "column.trend", 90).sparkline(),
        Column::new("Value #E", "column.part", 95).unit("suffix:%").gauge("blue"),
        Column::new("Value #F", "column.ends", 80).unit("percentunit"),
        // Both columns exist only where the outcomes of calls are read.
        Column::new("Value #I", "column.share_hung_up", 75).unit("percentunit"),
        Column::new("Value #J", "column.change_hung_up", 70).unit("percentunit"),
        Column::new("Value #G", "column.retries", 85).unit("percentunit"),
        Column::new("Value #H", "column.median", 70).unit("suffix: s"),
        Column::new("channel", "column.channel", 75).mapped(&CHANNELS),
    ];
    Panel::table("menus.options", columns)
        .query(Query::rows(format!("sort({})", named(&signal()))))
        .query(Query::rows(named(&now)))
        .query(Query::rows(named(&or_nothing(&change))))
        .query(Query::over_time(format!("{} and {}", named(&per_hour), up_to_date())).legend(""))
        .query(Query::rows(named(&percent_of_point(HITS))))
        .query(Query::rows(named(&or_nothing(&share_of_ends()))))
        .query(Query::rows(named(&or_nothing(&retries))))
        .query(Query::rows(named(&or_nothing(&median()))))
        .query(Query::rows(named(&share_hung_up(CHOSEN))))
        .query(Query::rows(named(&change_of_hang_ups(share_hung_up))))
        // The number of pixels of the curve.
        .every("30m")
        .at_most(90)
        .size(24, 14)
}

/// Returns the median seconds to an option, of the last day of the range: a month of raw buckets
/// would be too slow.
fn median() -> String {
    let of =
        |part: &str, keys: &str| sum_by(keys, &format!("increase({SECONDS}_{part}{{{MENU}}}[1d])"));
    format!(
        "histogram_quantile(0.5, {}) and {} >= {MIN_VISITS}",
        of("bucket", &format!("{KEYS}, le")),
        of("count", KEYS)
    )
}

fn more() -> Vec<Panel> {
    // All rows less the fast ones. From Prometheus 3 on a bound is written "60.0".
    let slow = |offset: &str| {
        let of = |part: &str, le: &str| {
            format!("sum(increase({SECONDS}_{part}{{{MENU}, {OPTION}{le}}}[1h]{offset}))")
        };
        format!(
            "1 - {} / ({} >= {MIN_VISITS})",
            of("bucket", r#", le=~"60([.]0)?""#),
            of("count", "")
        )
    };
    // A series for each hour of the day that ended at the moment of the query, which Grafana sets
    // to midnight.
    let hours = (0..24).map(|hour| {
        // Prometheus refuses "offset 0h".
        let offset = if hour == 23 { String::new() } else { format!(" offset {}h", 23 - hour) };
        let interactions = sum(&format!("increase({INTERACTIONS}{{{MENU}}}[1h]{offset})"));
        format!(r#"label_replace({interactions}, "hour", "{hour:02}", "", "")"#)
    });
    vec![
        Panel::curves("menus.slow")
            .query(Query::over_time(slow("")).called("word.this_week"))
            .query(Query::over_time(slow(" offset 1w")).called("word.before"))
            .faint("word.before")
            .colour("blue")
            .unit("percentunit"),
        Panel::days("menus.hours")
            .query(Query::over_time(hours.collect::<Vec<_>>().join(" or ")).legend("{{hour}}")),
    ]
}
