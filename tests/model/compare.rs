//! Compares the values exposed at the end of a history with the truth.

use std::collections::BTreeMap;

use wolkvox_exporter::{
    exposition::{Encoding, Format, Published},
    model::LocalSecond,
    status::Day,
    wolkvox::ReportName,
};

use crate::{
    run::{DiskTrouble, Plan},
    truth,
    world::World,
};

pub(crate) const TEXT: Encoding = Encoding { format: Format::Text, gzip: false };

/// The counters of a scrape, by name and labels.
pub(crate) type Counters = BTreeMap<String, f64>;

/// Names of committed metrics. The others describe the process, and begin at 0 with each.
const LASTING: [&str; 8] = [
    "wolkvox_menu_",
    "wolkvox_rows_",
    "wolkvox_late_rows_",
    "wolkvox_row_lateness_",
    "wolkvox_windows_incomplete_",
    "wolkvox_series_overflow_",
    "wolkvox_outcomes_windows_incomplete_",
    "wolkvox_outcomes_rows_",
];
/// Metrics of the second report.
const OF_CALLS: [&str; 2] =
    ["wolkvox_menu_option_outcomes_total{", "wolkvox_menu_time_to_hang_up_"];

/// Highest age of the watermark at the end, in seconds, when all troubles have passed: an interval,
/// the settling, the spreading, a poll, the publication, and another interval if the previous poll
/// was the last of a series of failures.
const CURRENT: f64 = 960.0;
/// Delay of the second report's watermark, in seconds.
const ERRAND: f64 = 60.0;

/// Returns all series of a scrape in the text format, by name and labels.
pub(crate) fn series(published: &Published) -> Counters {
    let text = published.render(&[], TEXT).expect("it was asked for").concat();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// Returns the counters that outlast a process.
pub(crate) fn lasting(mut series: Counters) -> Counters {
    let kinds = ["_total{", "_sum{", "_count{", "_bucket{"];
    series.retain(|name, _| {
        LASTING.iter().any(|lasting| name.starts_with(lasting))
            && kinds.iter().any(|kind| name.contains(kind))
    });
    series
}

/// Returns the newer scrape, unless a counter decreased or vanished.
pub(crate) fn forward(before: &Counters, now: Counters) -> Result<Counters, String> {
    for (name, value) in before {
        match now.get(name) {
            Some(later) if later >= value => {}
            later => return Err(format!("{name} went back from {value} to {later:?}")),
        }
    }
    Ok(now)
}

/// Returns the value of the only series with this name.
pub(crate) fn value(series: &Counters, name: &str) -> Option<f64> {
    let is_it = |series: &str| series.strip_prefix(name).is_some_and(|rest| rest.starts_with('{'));
    series.iter().find(|(series, _)| is_it(series)).map(|(_, value)| *value)
}

/// Checks that the exporter is up and current; `now` is its clock in Unix seconds.
pub(crate) fn check_current(plan: &Plan, series: &Counters, now: f64) -> Result<(), String> {
    if plan.disk.iter().any(|trouble| matches!(trouble, DiskTrouble::Outage { .. })) {
        // This trouble begins after a number of writes, which may be reached in the last minutes.
        return Ok(());
    }
    if value(series, "wolkvox_up") != Some(1.0) {
        let failures: Vec<_> = series
            .iter()
            .filter(|(name, count)| {
                name.starts_with("wolkvox_poll_failures_total") && **count > 0.0
            })
            .collect();
        return Err(format!("wolkvox_up is not 1 at the end: {failures:?}"));
    }
    let watermark = value(series, "wolkvox_watermark_timestamp_seconds").unwrap_or(0.0);
    let lag = now - watermark;
    let longest = CURRENT + plan.world.clock.ahead.abs() as f64;
    if lag > longest {
        return Err(format!("the watermark is {lag} s behind at the end"));
    }
    if plan.calls.is_none() {
        return Ok(());
    }
    let watermark = value(series, "wolkvox_outcomes_watermark_timestamp_seconds").unwrap_or(0.0);
    let lag = now - watermark;
    let is_up = value(series, "wolkvox_outcomes_up") == Some(1.0);
    if !is_up || lag > longest + ERRAND {
        return Err(format!("calls are read up to {lag} s before the end; up: {is_up}"));
    }
    Ok(())
}

/// Checks the hours of the last day, in which the whole world lies: they must hold every row since
/// the hours are known, and none twice.
pub(crate) fn check_day(plan: &Plan, day: &Day) -> Result<(), String> {
    let since = day.known_from.unwrap_or(day.first);
    let is_since = |date: i64| LocalSecond::from(plan.world.local(date)) >= since;
    let known = plan.world.rows.iter().filter(|row| is_since(row.date)).count() as u64;
    let all = plan.world.rows.len() as u64;
    if day.hits < known || day.hits > all {
        return Err(format!("the last day has {} hits, not {known} to {all}", day.hits));
    }
    Ok(())
}

/// Checks that every interaction is one journey, and that every row is part of it or late, in
/// whatever order rows arrived.
fn check_journeys(scraped: &Counters) -> Result<(), String> {
    let sum = |metric: &str| -> f64 {
        let name = format!("wolkvox_menu_{metric}{{");
        scraped.iter().filter(|(series, _)| series.starts_with(&name)).map(|(_, value)| value).sum()
    };
    let journeys = sum("journey_options_count");
    for (what, shown, real) in [
        ("interactions", sum("interactions_total"), journeys),
        ("entries", sum("option_entry_total"), journeys),
        ("finals", sum("option_final_total"), journeys),
        (
            "rows",
            sum("journey_options_sum") + sum("journey_late_rows_total"),
            sum("option_hits_total"),
        ),
        ("steps", sum("transitions_total"), sum("journey_options_sum") - journeys),
    ] {
        if shown != real {
            return Err(format!("journeys: {shown} {what}, not {real}"));
        }
    }
    Ok(())
}

/// Compares the last scrape with the truth. `received` is the number of rows in all whole answers.
pub(crate) fn compare(plan: &Plan, scraped: &Counters, received: u64) -> Result<(), String> {
    for world in std::iter::once(&plan.world).chain(&plan.calls) {
        match truth::is_exact(world) {
            true => check_exactly(plan, world, scraped)?,
            false => check_bounds(plan, world, scraped)?,
        }
    }
    check_journeys(scraped)?;
    let outcomes: f64 = scraped
        .iter()
        .filter(|(name, _)| name.starts_with("wolkvox_rows_total{"))
        .map(|(_, v)| v)
        .sum();
    let given_up = incomplete(scraped);
    if plan.whole && given_up > 0.0 {
        return Err(format!("wolkvox_windows_incomplete_total is {given_up}"));
    }
    // If a crash prevents the commit of an answer, its rows were received but have no outcome.
    if outcomes > received as f64 {
        return Err(format!(
            "{received} rows were received, and the outcomes add up to {outcomes}"
        ));
    }
    Ok(())
}

/// Returns the number of seconds that the exporter counts as incomplete.
pub(crate) fn incomplete(scraped: &Counters) -> f64 {
    value(scraped, "wolkvox_windows_incomplete_total").unwrap_or(0.0)
}

/// Returns the report that a family belongs to.
pub(crate) fn report_of(name: &str) -> ReportName {
    let is_about_calls = OF_CALLS.iter().any(|family| name.starts_with(family));
    if is_about_calls { ReportName::Diagram1 } else { ReportName::Diagram13 }
}

fn check_exactly(plan: &Plan, world: &World, scraped: &Counters) -> Result<(), String> {
    let truth = match world.report {
        ReportName::Diagram13 => truth::truth(&world.rows, plan.patient),
        ReportName::Diagram1 => truth::call_truth(&world.rows, plan.patient),
    };
    for (name, value) in &truth {
        if scraped.get(name) != Some(value) {
            return Err(format!("{name}: truth {value}, exposed {:?}", scraped.get(name)));
        }
    }
    let about_journeys = |name: &str| {
        ["journey", "entry", "final", "repeats", "transitions", "hang_up"]
            .iter()
            .any(|part| name.contains(part))
    };
    // An option has a series for each outcome, with 0 where there was none.
    let is_none = |name: &str| report_of(name) == ReportName::Diagram1 && scraped[name] == 0.0;
    let of_world = |name: &&String| {
        name.starts_with("wolkvox_menu_")
            && report_of(name) == world.report
            && !name.contains("_bucket{")
            && (plan.patient || !about_journeys(name))
            && !is_none(name)
    };
    match scraped.keys().filter(of_world).find(|name| !truth.contains_key(*name)) {
        Some(extra) => Err(format!("{extra} is exposed but not real")),
        None => Ok(()),
    }
}

fn check_bounds(plan: &Plan, world: &World, scraped: &Counters) -> Result<(), String> {
    let bounds = truth::hit_bounds(plan, world);
    let family = match world.report {
        ReportName::Diagram13 => "wolkvox_menu_option_hits_total{",
        ReportName::Diagram1 => "wolkvox_menu_option_outcomes_total{",
    };
    let mut total = 0.0;
    for (name, hits) in scraped {
        let Some(labels) = name.strip_prefix(family) else { continue };
        let of_labels =
            bounds.by_labels.get(labels.trim_end_matches('}')).copied().unwrap_or_default();
        if !of_labels.hold(*hits) {
            return Err(format!("{name} is {hits}, not {of_labels:?}"));
        }
        total += hits;
    }
    for (labels, of_labels) in &bounds.by_labels {
        if of_labels.least > 0 && !scraped.contains_key(&format!("{family}{labels}}}")) {
            return Err(format!("no hits of {labels}, not {of_labels:?}"));
        }
    }
    if !bounds.total.hold(total) {
        return Err(format!("{total} hits in all, not {:?}", bounds.total));
    }
    if !is_said(world.report, scraped)
        && total < (bounds.total.least + bounds.missing_if_said) as f64
    {
        return Err(format!("{total} hits in all, not {:?}, and nothing said", bounds.total));
    }
    Ok(())
}

/// Returns true if the exporter reports missing rows of a report.
fn is_said(report: ReportName, scraped: &Counters) -> bool {
    let families = match report {
        ReportName::Diagram13 => {
            ["wolkvox_windows_incomplete_total{", "wolkvox_rows_rejected_total{"]
        }
        ReportName::Diagram1 => {
            ["wolkvox_outcomes_windows_incomplete_total{", "wolkvox_outcomes_rows_rejected_total{"]
        }
    };
    let is_said = |name: &str| families.iter().any(|family| name.starts_with(family));
    scraped.iter().any(|(name, count)| is_said(name) && *count > 0.0)
}
