//! Tests of trouble with the second report alone: it must not affect the menus, and it must end.
//!
//! Random histories combine it with trouble of the first report in `plans`; here each is alone.

use wolkvox_exporter::wolkvox::ReportName;

use crate::{
    belief::steady,
    compare::{Counters, lasting, report_of, value},
    row::Respelling,
    run::{End, Plan, run},
    trouble::{
        Errand, Incident, IncidentKind, Refusal, RefusalStatus, Trouble, UnanswerableSecond,
        WindowFailure,
    },
    world::{TRAFFIC, World},
};

fn held(what: &str, plan: Plan) -> End {
    run(plan).unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Returns the counters of the menus at the end of a history.
fn menus(end: End) -> Counters {
    let mut counters = lasting(end.series);
    counters.retain(|name, _| {
        name.starts_with("wolkvox_menu_") && report_of(name) == ReportName::Diagram13
    });
    counters
}

fn incident(kind: IncidentKind) -> World {
    let incidents = vec![Incident { kind, from: 1000, until: 6000 }];
    World { incidents, ..World::of_calls(steady()) }
}

fn spell(trouble: Trouble) -> World {
    World { troubles: vec![trouble; 12], ..World::of_calls(steady()) }
}

/// Returns a world for each trouble that a second report can have, an hour or more of each.
fn troubled() -> Vec<(String, World)> {
    let refusal = Refusal { status: RefusalStatus::TooManyRequests, wait: 3600 };
    let incidents = [
        IncidentKind::Empty,
        IncidentKind::Hangs,
        IncidentKind::Unreadable,
        IncidentKind::Busy(Errand::Any, refusal),
        IncidentKind::Respelled { respelling: Respelling::OneMoreAttempt, older_than: 0 },
        IncidentKind::Respelled { respelling: Respelling::ConnNumber, older_than: 600 },
    ];
    let spells = [
        Trouble::Refuse,
        Trouble::Foreign404,
        Trouble::NoReport,
        Trouble::Maintenance,
        Trouble::Unavailable,
        Trouble::RejectedRows,
        Trouble::CutAfter(5),
        Trouble::Half,
    ];
    let incidents = incidents.map(|kind| (format!("{kind:?}"), incident(kind)));
    let spells = spells.map(|trouble| (format!("{trouble:?}"), spell(trouble)));
    incidents.into_iter().chain(spells).collect()
}

#[test]
fn no_trouble_of_the_calls_reaches_the_menus() {
    let alone = menus(held("the menus alone", Plan::of(World::of(steady()))));
    for (what, calls) in troubled() {
        let beside = Plan { calls: Some(calls), ..Plan::of(World::of(steady())) };
        let end = held(&what, beside);
        // A request that hangs may delay a poll by a minute, and no more.
        assert!(end.largest_lag < 900.0, "{what}: {} s behind", end.largest_lag);
        assert_eq!(menus(end), alone, "{what}");
    }
}

/// One try gives up a hundred seconds at most. If more are unreadable, the next try must continue,
/// at the next poll of the menus.
#[test]
fn more_seconds_that_nobody_can_read_than_one_try_gives_up_keep_nothing_waiting() {
    let seconds = (30..TRAFFIC).step_by(50);
    let unanswerable: Vec<UnanswerableSecond> = seconds
        .map(|second| UnanswerableSecond {
            second,
            until: i64::MAX,
            failure: WindowFailure::ServerError,
        })
        .collect();
    let mut rows = steady();
    rows.retain(|row| unanswerable.iter().all(|one| one.second != row.date));
    let lost = unanswerable.len() as f64;
    assert!(lost > 100.0);
    let calls = World { unanswerable, ..World::of_calls(rows) };
    // The first start is after the traffic, so that everything is read at once.
    let plan = Plan { first_start: TRAFFIC, calls: Some(calls), ..Plan::of(World::of(steady())) };
    let end = held("unanswered seconds", plan);
    let said = value(&end.series, "wolkvox_outcomes_windows_incomplete_total");
    assert_eq!(said, Some(lost), "each lost second is counted once");
}
