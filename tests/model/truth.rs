//! The values that the counters must have at the end.
//!
//! The values are exact if the server told the truth about every row sooner or later. If it
//! described one row in several ways, or destroyed rows, they are bounds: no label set above the
//! rows that could have it, none below the rows that had no other, and the sum of all as exact as
//! the server allowed.

use std::collections::{BTreeMap, BTreeSet};

use wolkvox_exporter::wolkvox::ReportName;

use crate::{
    row::WorldRow,
    run::Plan,
    trouble::{Incident, IncidentKind, is_unreadable},
    world::{FOREIGN_LABELS, LATEST, LOOKBACK, World},
};

/// Seconds during which the exporter surely does not believe a server that contradicts known rows;
/// it does after an hour.
const SURELY_DOUBTED: i64 = 3000;
/// Seconds from the begin of a poll's window to its end: the interval, the settling, the target's
/// share of spreading, and the poll.
const WINDOW: i64 = 600;

/// Returns the exact values of the menus by metric and labels. Journeys only if every one holds all
/// its rows.
pub(crate) fn truth(rows: &[WorldRow], journeys: bool) -> BTreeMap<String, f64> {
    let mut truth: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |metric: &str, labels: &str, value: f64| {
        *truth.entry(format!("wolkvox_menu_{metric}{{{labels}}}")).or_default() += value;
    };
    let mut interactions: BTreeMap<(String, u8), Vec<&WorldRow>> = BTreeMap::new();
    for row in rows {
        let labels = row.labels(ReportName::Diagram13);
        add("option_hits_total", &labels, 1.0);
        add("option_attempts_total", &labels, row.attempts.into());
        add("option_retries_total", &labels, if row.attempts > 1 { 1.0 } else { 0.0 });
        add("time_to_option_seconds_sum", &labels, row.second.into());
        add("time_to_option_seconds_count", &labels, 1.0);
        interactions.entry((row.point(), row.conn)).or_default().push(row);
    }
    for ((point, _), mut path) in interactions {
        add("interactions_total", &point, 1.0);
        if !journeys {
            continue;
        }
        path.sort_by_key(|row| (row.second, row.date, row.option));
        add("journey_options_count", &point, 1.0);
        add("journey_options_sum", &point, path.len() as f64);
        add("journey_late_rows_total", &point, 0.0);
        for (at, row) in path.iter().enumerate() {
            let labels = row.labels(ReportName::Diagram13);
            add("option_entry_total", &labels, if at == 0 { 1.0 } else { 0.0 });
            add("option_final_total", &labels, if at + 1 == path.len() { 1.0 } else { 0.0 });
            let again = path[..at].iter().any(|before| before.option == row.option);
            add("option_repeats_total", &labels, if again { 1.0 } else { 0.0 });
            if let Some(next) = path.get(at + 1) {
                let option = |row: &WorldRow| format!("opción \\\"{}\\\"", row.option);
                let labels = format!(
                    "{point},from_opc_menu=\"{}\",to_opc_menu=\"{}\"",
                    option(row),
                    option(next)
                );
                add("transitions_total", &labels, 1.0);
            }
        }
    }
    truth
}

/// Returns the exact values of the calls. The time of hang-ups only if every call holds all its
/// rows: a call counts as hung up if its last row does.
pub(crate) fn call_truth(rows: &[WorldRow], journeys: bool) -> BTreeMap<String, f64> {
    let mut truth: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |metric: &str, labels: &str, value: f64| {
        *truth.entry(format!("wolkvox_menu_{metric}{{{labels}}}")).or_default() += value;
    };
    let mut last: BTreeMap<u8, &WorldRow> = BTreeMap::new();
    for row in rows {
        add("option_outcomes_total", &row.labels(ReportName::Diagram1), 1.0);
        let order = |row: &WorldRow| (row.second, row.date, row.option);
        let of_call = last.entry(row.conn).or_insert(row);
        if order(row) > order(of_call) {
            *of_call = row;
        }
    }
    for row in last.values().filter(|row| journeys && row.outcome() == "hung_up") {
        let point = format!("server=\"0042\",rp_id=\"{}\"", row.rp_id());
        add("time_to_hang_up_seconds_sum", &point, row.second.into());
        add("time_to_hang_up_seconds_count", &point, 1.0);
    }
    truth
}

/// The lowest and the highest correct value.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) least: usize,
    pub(crate) most: usize,
}

impl Bounds {
    pub(crate) fn hold(&self, hits: f64) -> bool {
        (self.least as f64..=self.most as f64).contains(&hits)
    }
}

/// Bounds of the hits, where they are not known exactly.
#[derive(Debug, Default)]
pub(crate) struct HitBounds {
    pub(crate) by_labels: BTreeMap<String, Bounds>,
    pub(crate) total: Bounds,
    /// Number of rows that may be missing only if the exporter reports missing rows.
    pub(crate) missing_if_said: usize,
}

/// Returns true if the server describes each row in one way, sooner or later.
pub(crate) fn is_exact(world: &World) -> bool {
    let is_plain =
        |incident: &Incident| matches!(incident.kind, IncidentKind::Hangs | IncidentKind::Busy(..));
    world.corrections.is_empty() && world.incidents.iter().all(is_plain)
}

/// Returns the bounds of one of the plan's worlds.
pub(crate) fn hit_bounds(plan: &Plan, world: &World) -> HitBounds {
    let mut bounds = HitBounds::default();
    let mut by_date: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, row) in world.rows.iter().enumerate() {
        by_date.entry(row.date).or_default().push(index);
        bounds.total.most += 1;
        match fate(plan, world, row) {
            Fate::Counted => bounds.total.least += 1,
            Fate::MissingIfSaid => bounds.missing_if_said += 1,
            Fate::MayBeMissing => {}
        }
    }
    for of_one_second in by_date.values() {
        add_second(plan, world, of_one_second, &mut bounds);
    }
    let foreign = foreign_rows(plan, world);
    bounds.total.most += foreign;
    bounds.by_labels.insert(FOREIGN_LABELS.to_owned(), Bounds { least: 0, most: foreign });
    bounds
}

/// Adds the rows of one second. If one of them was described in several ways, each description
/// could mean any of the rows.
fn add_second(plan: &Plan, world: &World, rows: &[usize], bounds: &mut HitBounds) {
    let spellings: Vec<BTreeSet<String>> =
        rows.iter().map(|row| labels_over_time(world, *row)).collect();
    let told_once = rows.iter().all(|row| is_told_once(world, *row));
    let any: BTreeSet<&String> = spellings.iter().flatten().collect();
    for (index, labels) in rows.iter().zip(&spellings) {
        let counted = fate(plan, world, &world.rows[*index]) == Fate::Counted;
        if told_once || any.len() == 1 {
            for label in labels {
                let of_label = bounds.by_labels.entry(label.clone()).or_default();
                of_label.least += usize::from(counted);
                of_label.most += 1;
            }
        } else {
            for label in &any {
                bounds.by_labels.entry((*label).clone()).or_default().most += 1;
            }
        }
    }
}

/// Returns the moments at which the spelling of a row may change.
fn moments(world: &World, row: usize) -> Vec<i64> {
    let mut moments = vec![i64::MIN / 2];
    for incident in &world.incidents {
        if let IncidentKind::Respelled { older_than, .. } = incident.kind {
            let old_enough = world.rows[row].date + older_than - world.clock.ahead;
            moments.extend([incident.from, incident.until, incident.from.max(old_enough)]);
        }
    }
    moments.extend(world.corrections.iter().filter(|of| of.row == row).map(|of| of.at));
    moments
}

fn labels_over_time(world: &World, row: usize) -> BTreeSet<String> {
    let spelled = |at| world.rows[row].labels_as(world.report, &world.respellings(row, at));
    moments(world, row).into_iter().map(spelled).collect()
}

fn is_told_once(world: &World, row: usize) -> bool {
    moments(world, row).into_iter().all(|at| world.respellings(row, at).is_empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Counted,
    /// The server destroyed the row before it was read, and the exporter could notice.
    MissingIfSaid,
    /// It was never promised to be counted.
    MayBeMissing,
}

/// Returns the seconds for which a row may be visible before a poll reads it: more if other
/// troubles keep polls from succeeding. The second report is not read while polls of the first one
/// fail, whatever the cause.
fn unread_seconds(plan: &Plan, world: &World) -> i64 {
    let is_outage = |of: &Incident| matches!(of.kind, IncidentKind::Hangs | IncidentKind::Busy(..));
    let polls_fail = !world.troubles.is_empty()
        || !plan.disk.is_empty()
        || plan.away.is_some()
        || world.incidents.iter().any(is_outage)
        || (world.report == ReportName::Diagram1 && is_troubled(&plan.world));
    if polls_fail { 4 * 3600 } else { WINDOW }
}

/// Returns true if anything may keep the polls of a world from succeeding.
fn is_troubled(world: &World) -> bool {
    !world.troubles.is_empty()
        || !world.incidents.is_empty()
        || !world.unanswerable.is_empty()
        || !world.corrections.is_empty()
        || !world.quota_lies.is_empty()
        || world.too_wide.is_some()
}

/// Returns the fate of a row.
fn fate(plan: &Plan, world: &World, row: &WorldRow) -> Fate {
    let is_late = row.visible - row.date > LOOKBACK - WINDOW;
    // The next hourly re-reading finds a late row.
    let unread = unread_seconds(plan, world).max(if is_late { 3600 + WINDOW } else { 0 });
    let mut seen = row.visible;
    let mut unreadable = false;
    for _ in 0..world.incidents.len() {
        for incident in &world.incidents {
            let hides = match incident.kind {
                IncidentKind::Empty | IncidentKind::Swapped => true,
                IncidentKind::Unreadable => is_unreadable(row.conn),
                _ => false,
            };
            if hides && (incident.from - unread..incident.until).contains(&seen) {
                seen = incident.until;
                unreadable |= incident.kind == IncidentKind::Unreadable;
            }
        }
    }
    for incident in long_swaps(world) {
        let was_read = row.visible + unread + WINDOW < incident.from;
        if !was_read && row.date < incident.until + 3600 + WINDOW {
            return Fate::MissingIfSaid;
        }
    }
    if seen - row.date <= LATEST - world.clock.ahead.abs() {
        Fate::Counted
    } else if unreadable {
        Fate::MissingIfSaid
    } else {
        Fate::MayBeMissing
    }
}

/// Returns the swaps that last for so long that the exporter may believe the other server.
fn long_swaps(world: &World) -> impl Iterator<Item = &Incident> {
    world
        .incidents
        .iter()
        .filter(|of| of.kind == IncidentKind::Swapped && of.length() >= SURELY_DOUBTED)
}

/// Returns the number of the other operation's rows that may count: those of the time that was
/// still unread when its server first answered.
fn foreign_rows(plan: &Plan, world: &World) -> usize {
    let first = long_swaps(world).map(|incident| incident.from).min();
    first.map_or(0, |from| world.foreign_rows_since(from - unread_seconds(plan, world)))
}
