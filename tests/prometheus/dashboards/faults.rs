//! Faults that were once visible in a real Grafana, each as a rule about the JSON, so that none
//! returns.
//!
//! A rule describes the kind of fault, and applies to every panel of every dashboard in both
//! languages.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::dashboards::boards::{Board, Panel, boards};

/// A rule that panics if a panel breaks it; the text names the panel.
type Rule = fn(&Board, &Panel, &str);

/// The observed faults with their rules.
const RULES: &[(&str, Rule)] = &[
    ("eight of twelve tiles read \"¿Cuánt...\"", titles_of_tiles_are_short),
    ("the end of a sentence stood in every cell", empty_cells_are_a_dash),
    ("tables lost their numbers beyond the right edge", columns_have_widths_and_numbers_come_first),
    ("the graph of nodes could not be read", kinds_are_known),
    ("the timeline said \"1+\" in place of \"worked\"", timelines_have_no_threshold_colours),
    ("bars used a tenth of their width", bars_end_at_the_largest),
    ("the heat map was read in reverse in one theme", heat_maps_are_opacity),
    ("\"1 mins\", \"5 minutes ago\" in Spanish", units_have_no_words),
    ("\"Mean\" and \"Name\" in Spanish", legends_are_lists),
    ("no answer was green, and the end of the menu orange", kinds_of_ends_have_their_colours),
    ("a new installation was blank", short_curves_have_points),
    ("shares of up to 175 %", shares_are_of_one_family),
    ("\"1\" of two menus was added up", options_are_of_a_routing_point),
    ("\"1.0 options\" with Prometheus 3", bounds_are_written_both_ways),
    ("panels were empty without recorded series", nothing_is_recorded),
    ("\"Needs data\" in the colour of an alarm", what_is_unknown_has_no_colour),
    ("a click on server 0042 led to the empty page of server 42", labels_stay_text),
    ("2 %, 17 % and 31 % were bars of one length", bars_of_a_column_differ),
    ("\"No falló nada\" stood beside nine failures", claims_are_of_now),
    ("\"see Health\" on Health, and in green", empty_tiles_are_honest),
    ("the red 1 led to Health, which said \"none\"", a_count_does_not_lead_to_health),
    ("a sentence was cut on both sides inside a bar", empty_bars_are_short),
    ("four bars had one name", bars_begin_with_the_point),
    ("\"token_invalid\" in green", classes_have_words_and_no_green),
    ("a code with quotes was an error", variables_stand_in_raw_strings),
    ("\"Last 28 days\" in Spanish", times_of_their_own_are_not_written_by_grafana),
    ("an axis of 0, 0, 1, 1 min", small_numbers_have_decimals),
];

#[test]
fn no_fault_that_was_seen_is_back() {
    for board in boards() {
        for panel in board.panels.iter().filter(|panel| panel.kind != "row") {
            for (seen, rule) in RULES {
                let at = format!("{}: {}: (once, {seen})", board.uid, panel.title);
                rule(&board, panel, &at);
            }
        }
    }
}

fn titles_of_tiles_are_short(_: &Board, panel: &Panel, at: &str) {
    let length = panel.title.chars().count();
    let width = panel.json["gridPos"]["w"].as_u64().expect("a width") as usize;
    // The width at 1,440 pixels with Grafana's menu: a tile of 4 columns has room for 10
    // characters.
    assert!(panel.kind != "stat" || length <= width + 6, "{at}: a title of {length} characters");
}

fn empty_cells_are_a_dash(_: &Board, panel: &Panel, at: &str) {
    assert!(
        panel.kind != "table" || panel.no_value.chars().count() <= 3,
        "{at}: {}",
        panel.no_value
    );
}

fn columns_have_widths_and_numbers_come_first(_: &Board, panel: &Panel, at: &str) {
    if panel.kind != "table" {
        return;
    }
    let organize = organize(panel);
    let mut order: Vec<(&String, u64)> = organize["indexByName"]
        .as_object()
        .expect("columns in an order")
        .iter()
        .map(|(field, place)| (field, place.as_u64().expect("a place")))
        .collect();
    order.sort_by_key(|(_, place)| *place);
    let is_number = |field: &str| field.starts_with("Value") || field.starts_with("Trend");
    // First the subject of a row, then the numbers, then other names.
    let mut fields = order.iter().map(|(field, _)| is_number(field)).skip_while(|number| !number);
    let after = fields.by_ref().skip_while(|number| *number);
    assert!(after.into_iter().all(|number| !number), "{at}: a number after a name");
    let names_before = order.iter().take_while(|(field, _)| !is_number(field)).count();
    assert!(names_before <= 2, "{at}: {names_before} names before the first number");
    let mut sum = 0;
    for (field, _) in order {
        let title = organize["renameByName"][field].as_str().expect("a column has a title");
        let wide = properties(panel, title, "custom.width")
            .or_else(|| properties(panel, title, "custom.minWidth"));
        sum += wide.and_then(Value::as_u64).unwrap_or_else(|| panic!("{at}: {title} has no width"));
    }
    // Width of the table in pixels, of 24 columns on a screen of 1,440 pixels with Grafana's menu.
    let room = 1090 * panel.json["gridPos"]["w"].as_u64().expect("a width") / 24;
    assert!(sum <= room, "{at}: columns of {sum} pixels where there are {room}");
}

fn kinds_are_known(_: &Board, panel: &Panel, at: &str) {
    assert!(
        crate::dashboards::boards::PANEL_KINDS.contains(&panel.kind.as_str()),
        "{at}: {}",
        panel.kind
    );
}

fn timelines_have_no_threshold_colours(_: &Board, panel: &Panel, at: &str) {
    if panel.kind == "state-timeline" {
        assert_ne!(panel.json["fieldConfig"]["defaults"]["color"]["mode"], "thresholds", "{at}");
        assert_eq!(
            panel.json["options"]["legend"]["showLegend"], false,
            "{at}: lists what a gap is called"
        );
    }
}

/// Fails if a bar has a fixed end, or a unit that brings one.
fn bars_end_at_the_largest(_: &Board, panel: &Panel, at: &str) {
    let defaults = &panel.json["fieldConfig"]["defaults"];
    if panel.kind == "bargauge" {
        assert!(defaults.get("max").is_none() && panel.unit != "percentunit", "{at}");
    }
    for one in overrides(panel) {
        let property = |id: &str| property(one, id);
        if property("custom.cellOptions").is_some_and(|cell| cell["type"] == "gauge") {
            let unit = property("unit").cloned().unwrap_or_default();
            assert!(property("max").is_none() && unit != "percentunit", "{at}: {one}");
        }
    }
}

fn heat_maps_are_opacity(_: &Board, panel: &Panel, at: &str) {
    assert!(panel.kind != "heatmap" || panel.json["options"]["color"]["mode"] == "opacity", "{at}");
}

/// Fails if a unit is written in English words.
fn units_have_no_words(_: &Board, panel: &Panel, at: &str) {
    const SIGNS: [&str; 9] = [
        "locale",
        "string",
        "percentunit",
        "suffix:%",
        "suffix: s",
        "suffix: min",
        "suffix: h",
        "time:HH:mm",
        "bytes",
    ];
    let of_fields =
        overrides(panel).filter_map(|one| property(one, "unit")).filter_map(Value::as_str);
    let axis = panel.json["options"]["yAxis"]["unit"].as_str();
    for unit in of_fields.chain(axis).chain([panel.unit.as_str()]) {
        assert!(SIGNS.contains(&unit), "{at}: {unit}");
    }
}

fn legends_are_lists(_: &Board, panel: &Panel, at: &str) {
    let legend = &panel.json["options"]["legend"];
    assert_ne!(legend["displayMode"], "table", "{at}");
    assert!(
        legend["calcs"].as_array().is_none_or(Vec::is_empty),
        "{at}: a calculation has an English name"
    );
}

fn kinds_of_ends_have_their_colours(_: &Board, panel: &Panel, at: &str) {
    if panel.targets.iter().all(|target| target.legend != "{{kind}}") {
        return;
    }
    for (kind, colour) in
        [("terminal", "green"), ("opt_out", "blue"), ("option", "orange"), ("no_input", "red")]
    {
        let fixed = properties(panel, kind, "color").expect("a colour");
        assert_eq!(
            (&fixed["mode"], &fixed["fixedColor"]),
            (&"fixed".into(), &colour.into()),
            "{at}: {kind}"
        );
    }
}

/// Fails if curves do not show the points of short series, except the edges of a band, whose curve
/// is visible.
fn short_curves_have_points(_: &Board, panel: &Panel, at: &str) {
    if panel.kind != "timeseries" {
        return;
    }
    assert_eq!(panel.json["fieldConfig"]["defaults"]["custom"]["showPoints"], "auto", "{at}");
    for one in overrides(panel).filter(|one| property(one, "custom.showPoints").is_some()) {
        assert_eq!(property(one, "custom.lineWidth"), Some(&0.into()), "{at}: {one}");
    }
}

/// Returns the group of metrics that count the same rows or the same journeys.
fn family(metric: &str) -> &str {
    const ROWS: [&str; 4] = ["option_hits", "option_attempts", "option_retries", "time_to_option"];
    const JOURNEYS: [&str; 5] =
        ["option_entry", "option_final", "option_repeats", "transitions", "journey_options"];
    let name = metric.trim_start_matches("wolkvox_menu_");
    match name {
        _ if ROWS.iter().any(|start| name.starts_with(start)) => "rows",
        _ if JOURNEYS.iter().any(|start| name.starts_with(start)) => "journeys",
        _ => metric,
    }
}

/// Fails if a share divides counts of different kinds: a journey is counted half an hour after its
/// rows. A share of visits also needs a minimum of visits, and an upper bound of 1.
fn shares_are_of_one_family(_: &Board, panel: &Panel, at: &str) {
    let grown = Regex::new(r"increase\((wolkvox_menu_\w+)").expect("a regular expression");
    for target in panel.targets.iter().filter(|target| target.expr.contains(" / ")) {
        let families: BTreeSet<&str> = grown
            .captures_iter(&target.expr)
            .map(|found| family(found.get(1).map_or("", |name| name.as_str())))
            .collect();
        assert!(families.len() <= 1, "{at}: {families:?}: {}", target.expr);
        let of_each =
            target.expr.contains("increase(wolkvox_menu_") && target.expr.contains("description");
        if panel.kind == "table" && of_each && !target.expr.contains("100 * ") {
            let has_minimum =
                [">= 10)", ">= 10 - "].iter().any(|minimum| target.expr.contains(minimum));
            assert!(has_minimum, "{at}: no minimum: {}", target.expr);
        }
        if target.expr.contains("sum by (server, rp_id, channel, cod_opc_menu) (label_replace(") {
            let of_itself = target.expr.contains("1 / (1 + ");
            let bounded =
                of_itself || target.expr.contains("clamp_max(") || panel.kind == "bargauge";
            assert!(bounded, "{at}: a share of visits without an end: {}", target.expr);
        }
    }
}

/// Fails if a query groups by option without the routing point, except for the kinds of options.
fn options_are_of_a_routing_point(_: &Board, panel: &Panel, at: &str) {
    let grouped = Regex::new(r"\bby \(([^)]*)\) \(").expect("a regular expression");
    for target in &panel.targets {
        for found in grouped.captures_iter(&target.expr) {
            let labels: Vec<&str> = found[1].split(", ").collect();
            let of_option =
                labels.iter().any(|label| label.contains("opc_menu") || *label == "description");
            let grouped = &target.expr[found.get(0).map_or(0, |found| found.end())..];
            let metric = grouped.find("wolkvox_").map_or("", |start| &grouped[start..]);
            let of_kinds = metric.starts_with("wolkvox_menu_option_info");
            assert!(!of_option || of_kinds || labels.contains(&"rp_id"), "{at}: {}", &found[0]);
        }
    }
}

fn bounds_are_written_both_ways(_: &Board, panel: &Panel, at: &str) {
    let bound = Regex::new(r#"le(=~|=)"([^"]*)""#).expect("a regular expression");
    for target in &panel.targets {
        assert!(!target.legend.contains("{{le}}"), "{at}: a bound as a name");
        for found in bound.captures_iter(&target.expr) {
            assert!(&found[1] == "=~" && found[2].ends_with("([.]0)?"), "{at}: {}", &found[0]);
        }
    }
}

fn nothing_is_recorded(_: &Board, panel: &Panel, at: &str) {
    let recorded = Regex::new(r"\b\w+:\w+(:\w+)?\{").expect("a regular expression");
    for target in &panel.targets {
        assert!(!recorded.is_match(&target.expr), "{at}: {}", target.expr);
    }
}

fn what_is_unknown_has_no_colour(_: &Board, panel: &Panel, at: &str) {
    if !["stat", "table"].contains(&panel.kind.as_str()) {
        return;
    }
    let mappings = panel.json["fieldConfig"]["defaults"]["mappings"].as_array().expect("mappings");
    let nan = mappings
        .iter()
        .find(|mapping| mapping["options"]["match"] == "nan")
        .expect("of what is no number");
    let result = &nan["options"]["result"];
    assert_eq!(result["text"], "–", "{at}");
    assert!(
        ["text", "transparent"].contains(&result["color"].as_str().unwrap_or_default()),
        "{at}"
    );
}

/// Each dashboard must link to itself in the other language, and show alerts and outages over its
/// curves.
#[test]
fn dashboards_lead_to_their_other_language_and_show_alerts() {
    for board in boards() {
        let other = if board.language == "en" { "es" } else { "en" };
        let url = format!("/d/{}-{other}", board.uid.rsplit_once('-').expect("a language").0);
        let links = board.json["links"].as_array().expect("links");
        assert!(
            links.iter().any(|link| link["url"] == url.as_str()),
            "{}: no link to {url}",
            board.uid
        );
        let annotations = board.json["annotations"]["list"].as_array().expect("annotations");
        for wanted in ["ALERTS{", "wolkvox_up{"] {
            let expr = |one: &&Value| {
                one["expr"] == one["target"]["expr"]
                    && one["expr"].as_str().is_some_and(|expr| expr.contains(wanted))
            };
            assert!(
                annotations.iter().find(expr).is_some(),
                "{}: no annotation from {wanted}",
                board.uid
            );
        }
    }
}

/// Links of rows must choose an option by an existing variable, and encode its code, which may hold
/// any characters. So must links of the alerts, in both languages.
#[test]
fn links_land_on_one_option() {
    for board in boards().iter().filter(|board| !board.uid.contains("health")) {
        assert!(
            board.variables.iter().any(|variable| variable.name == "cod_opc_menu"),
            "{}",
            board.uid
        );
        let links = board.text.matches("var-cod_opc_menu=").count();
        assert!(links >= 2, "{}: {links} links to an option", board.uid);
        assert_eq!(
            links,
            board
                .text
                .matches("var-cod_opc_menu=${__data.fields.cod_opc_menu:percentencode}")
                .count()
        );
    }
    for file in ["rules/wolkvox-alerts.yaml", "rules/wolkvox-alerts.es.yaml"] {
        let rules =
            std::fs::read_to_string(crate::dashboards::root().join(file)).expect("the alerts");
        let links = rules.matches("&var-cod_opc_menu=").count();
        let encoded = "&var-cod_opc_menu={{ $labels.cod_opc_menu | urlquery }}";
        assert!(links > 0 && rules.matches(encoded).count() == links, "{file}: {links} links");
    }
}

/// A dashboard must not have more panels than a reader can take in; the numbers are those of the
/// issue.
#[test]
fn dashboards_are_small() {
    for (name, most) in [("menus", 11), ("journeys", 12), ("health", 12)] {
        for board in boards().iter().filter(|board| board.uid.contains(name)) {
            let seen =
                board.panels.iter().filter(|panel| panel.kind != "row" && !panel.folded).count();
            assert!(seen <= most, "{}: {seen} panels", board.uid);
        }
    }
}

/// Fails if a column of labels, visible or hidden, could be shown as a number.
fn labels_stay_text(_: &Board, panel: &Panel, at: &str) {
    if panel.kind != "table" {
        return;
    }
    let organize = organize(panel);
    let shown = organize["renameByName"].as_object().expect("titles").iter();
    let shown =
        shown.filter(|(field, _)| !field.starts_with("Value") && !field.starts_with("Trend"));
    let titles = shown.map(|(_, title)| title.as_str().expect("a title"));
    for label in titles.chain(["server", "rp_id", "cod_opc_menu", "runbook"]) {
        let excluded = organize["excludeByName"].get(label).is_some();
        let renamed = organize["renameByName"].get(label).is_some();
        let unit = properties(panel, label, "unit").and_then(Value::as_str);
        assert!(
            excluded || renamed || unit == Some("string"),
            "{at}: {label} may be taken for a number"
        );
    }
}

fn bars_of_a_column_differ(_: &Board, panel: &Panel, at: &str) {
    for one in overrides(panel) {
        if property(one, "custom.cellOptions").is_some_and(|cell| cell["type"] == "gauge") {
            assert_eq!(property(one, "fieldMinMax"), Some(&true.into()), "{at}: {one}");
        }
    }
}

/// Fails if a panel that claims "nothing" when empty has a long step, which would skip the last
/// hour.
fn claims_are_of_now(_: &Board, panel: &Panel, at: &str) {
    let claims = Regex::new("^(No row|Nothing|Every|No se rechaz|No falló|Nada|Todas)")
        .expect("a regular expression");
    if claims.is_match(&panel.no_value) {
        let of_now = panel.targets.iter().all(|target| target.instant);
        assert!(
            of_now || panel.interval.is_some_and(|seconds| seconds <= 300.0),
            "{at}: {}",
            panel.no_value
        );
    }
}

/// Fails if an empty tile has a colour that means good, or leads to the dashboard that it is on.
fn empty_tiles_are_honest(board: &Board, panel: &Panel, at: &str) {
    let health = ["Exporter health", "Salud"].iter().any(|name| panel.no_value.contains(name));
    assert!(!(health && board.uid.contains("health")), "{at}: leads to where the reader is");
    if panel.kind == "stat" {
        let base = &panel.json["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["color"];
        assert!(*base == "text" || *base == "red", "{at}: empty in {base}");
    }
}

fn a_count_does_not_lead_to_health(_: &Board, panel: &Panel, at: &str) {
    let links =
        panel.json["fieldConfig"]["defaults"]["links"].as_array().map_or(&[][..], Vec::as_slice);
    let to_health =
        links.iter().find(|link| link["url"].as_str().is_some_and(|url| url.contains("health")));
    assert_eq!(to_health, None, "{at}");
}

fn empty_bars_are_short(_: &Board, panel: &Panel, at: &str) {
    assert!(
        panel.kind != "bargauge" || panel.no_value.chars().count() <= 45,
        "{at}: {}",
        panel.no_value
    );
}

fn bars_begin_with_the_point(_: &Board, panel: &Panel, at: &str) {
    for target in panel
        .targets
        .iter()
        .filter(|target| panel.kind == "bargauge" && target.legend.contains("{{"))
    {
        assert!(target.legend.starts_with("{{rp_name}}"), "{at}: {}", target.legend);
    }
}

fn classes_have_words_and_no_green(_: &Board, panel: &Panel, at: &str) {
    if !panel.columns.iter().any(|column| column == "class") {
        return;
    }
    let mappings =
        overrides(panel).filter_map(|one| property(one, "mappings")).filter_map(Value::as_array);
    let mappings: Vec<&Value> = mappings.flatten().collect();
    for class in wolkvox_exporter::wolkvox::ErrorClass::ALL {
        let class = class.as_str();
        let result = mappings.iter().find_map(|mapping| mapping["options"].get(class));
        let result = result.unwrap_or_else(|| panic!("{at}: {class} has no words"));
        assert_ne!(result["color"], "green", "{at}: {class}");
        assert_ne!(result["text"], class, "{at}");
    }
}

/// Fails if a variable is not in a raw string with the format `regex`; Grafana's own escaping
/// leaves quotes alone.
fn variables_stand_in_raw_strings(_: &Board, panel: &Panel, at: &str) {
    let variable = Regex::new(r"(.)\$\{(\w+):?(\w*)\}").expect("a regular expression");
    let bare = Regex::new(r"\$(server|rp_id|channel|cod_opc_menu)").expect("a regular expression");
    for target in &panel.targets {
        for found in variable.captures_iter(&target.expr) {
            assert_eq!((&found[1], &found[3]), ("`", "regex"), "{at}: {}", &found[0]);
        }
        assert!(!bare.is_match(&target.expr), "{at}: {}", target.expr);
    }
}

fn times_of_their_own_are_not_written_by_grafana(_: &Board, panel: &Panel, at: &str) {
    assert!(panel.time_from.is_none() || panel.json["hideTimeOverride"] == true, "{at}");
}

/// Fails if curves of quantiles, which are mostly below one, have no decimals.
fn small_numbers_have_decimals(_: &Board, panel: &Panel, at: &str) {
    let of_quantiles =
        panel.targets.iter().any(|target| target.expr.starts_with("histogram_quantile("));
    let decimals = panel.json["fieldConfig"]["defaults"]["decimals"].as_u64();
    assert!(
        panel.kind != "timeseries" || !of_quantiles || decimals >= Some(1),
        "{at}: {decimals:?}"
    );
}

/// The guide of each row must be a page in the board's language, whether its name comes from a
/// query or from an alert.
#[test]
fn every_guide_is_a_page() {
    let named = Regex::new(r#""runbook", "(\w+)""#).expect("a regular expression");
    for board in boards() {
        let guides = crate::dashboards::root().join("docs/runbooks").join(board.language);
        let mut seen = 0;
        for (panel, target) in board.targets() {
            for found in named.captures_iter(&target.expr) {
                let page = guides.join(format!("{}.md", &found[1]));
                assert!(
                    page.is_file(),
                    "{}: {}: {} is missing",
                    board.uid,
                    panel.title,
                    page.display()
                );
                seen += 1;
            }
        }
        // Each table with guides links its cells to them, in its language.
        let links = board.text.matches("${runbooks:raw}/").count();
        let link = format!(
            "${{runbooks:raw}}/${{__data.fields.runbook:percentencode}}?lang={}",
            board.language
        );
        assert_eq!(links, board.text.matches(&link).count(), "{}", board.uid);
        assert!(board.uid.contains("journeys") || seen > 0 && links > 0, "{}: no guide", board.uid);
    }
}

/// Each alert must be described in words on one of the dashboards.
#[test]
fn every_alert_has_words() {
    let rules =
        std::fs::read_to_string(crate::dashboards::root().join("rules/wolkvox-alerts.yaml"))
            .expect("the alerts");
    let alert = Regex::new(r"- alert: (\w+)").expect("a regular expression");
    let mut seen = 0;
    for board in boards().iter().filter(|board| board.uid.contains("health")) {
        let menus =
            boards().into_iter().find(|menus| menus.uid == board.uid.replace("health", "menus"));
        let menus = menus.expect("the menus in the same language").text;
        for found in alert.captures_iter(&rules) {
            let name = &found[1];
            // Two alerts share one anomaly, and its words.
            let of_menus = menus.contains(name.trim_end_matches("Slow"));
            assert!(
                board.text.contains(&format!("\"{name}\": {{")) || of_menus,
                "{}: {name}",
                board.uid
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} alerts");
}

fn organize(panel: &Panel) -> &Value {
    let steps = panel.json["transformations"].as_array().expect("transformations");
    &steps.iter().find(|step| step["id"] == "organize").expect("columns are put in order")["options"]
}

fn overrides(panel: &Panel) -> impl Iterator<Item = &Value> {
    panel.json["fieldConfig"]["overrides"].as_array().expect("overrides").iter()
}

fn property<'a>(one: &'a Value, id: &str) -> Option<&'a Value> {
    let all = one["properties"].as_array().expect("properties");
    all.iter().find(|property| property["id"] == id).map(|property| &property["value"])
}

/// Returns a property of the field with this name.
fn properties<'a>(panel: &'a Panel, name: &str, id: &str) -> Option<&'a Value> {
    overrides(panel)
        .filter(|one| one["matcher"]["options"] == name)
        .find_map(|one| property(one, id))
}
