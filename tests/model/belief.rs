//! Tests that no single answer is believed for ever: each complication in the smallest world that
//! shows it, with its highest cost.
//!
//! Random histories combine the complications in `plans`; here each is alone.

use crate::{
    compare::{incomplete, lasting, value},
    row::{Respelling, WorldRow},
    run::{End, Plan, run},
    trouble::{
        DateHeader, Errand, Incident, IncidentKind, Refusal, RefusalStatus, ServerClock, Trouble,
        UnanswerableSecond, WindowFailure,
    },
    world::{TRAFFIC, World},
};

/// Highest age of the data in seconds while polls succeed: a poll's window, its settling and
/// spreading, a minute between scrapes, and a poll that has to ask in halves.
pub(crate) const SOON: f64 = 900.0;

/// Returns rows ten seconds apart, each visible five seconds after its date.
pub(crate) fn steady() -> Vec<WorldRow> {
    let row = |n: i64| WorldRow {
        date: n * 10,
        visible: n * 10 + 5,
        conn: (n % 12) as u8,
        option: (n % 3) as u8,
        second: 5,
        attempts: 1,
    };
    (0..TRAFFIC / 10).map(row).collect()
}

fn held(what: &str, plan: Plan) -> End {
    run(plan).unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn for_good(kind: IncidentKind, from: i64) -> Incident {
    Incident { kind, from, until: i64::MAX / 2 }
}

/// Thirty unreadable seconds an hour must not delay the data, and each must be reported as lost
/// once. A bad character in every twelfth row is enough to cause as many.
#[test]
fn thirty_seconds_an_hour_that_nobody_can_read_keep_nothing_waiting() {
    // Without time-outs: to find a second that times out takes a quarter of an hour, because each
    // request takes a time-out.
    let failures =
        WindowFailure::ALL.into_iter().filter(|failure| !matches!(failure, WindowFailure::Timeout));
    for failure in failures {
        for restarts in [vec![], vec![4000]] {
            let seconds = (60..TRAFFIC).step_by(120);
            let unanswerable: Vec<UnanswerableSecond> = seconds
                .map(|second| UnanswerableSecond { second, until: i64::MAX, failure })
                .collect();
            let mut rows = steady();
            rows.retain(|row| unanswerable.iter().all(|one| one.second != row.date));
            let lost = unanswerable.len();
            let what = format!("{failure:?}, killed at {restarts:?}");
            let plan = Plan { restarts, ..Plan::of(World { unanswerable, ..World::of(rows) }) };
            let end = held(&what, plan);
            let said = incomplete(&lasting(end.series));
            eprintln!("{what}: at most {} s behind, {} requests", end.largest_lag, end.requests);
            assert_eq!(said, lost as f64, "{what}: each lost second is counted once");
            assert!(end.largest_lag < SOON, "{what}: {} s behind", end.largest_lag);
        }
    }
}

/// No wait that a server names may stop live polls for more than an hour, because a maintenance
/// page may name any.
#[test]
fn no_wait_that_a_server_names_stops_live_polls_for_more_than_an_hour() {
    for status in [RefusalStatus::Unavailable, RefusalStatus::TooManyRequests] {
        for wait in Refusal::WAITS {
            let refusal = Refusal { status, wait };
            let once = vec![Trouble::None, Trouble::None, Trouble::None, Trouble::Busy(refusal)];
            let what = format!("{refusal:?} once");
            let end = held(&what, Plan::of(World { troubles: once, ..World::of(steady()) }));
            assert!(end.largest_lag < 3600.0 + SOON, "{what}: {} s behind", end.largest_lag);
            // Random histories cover the other waits: see `plans`.
            let tried = if wait == 30 || wait == u64::MAX { &Errand::ALL[..] } else { &[] };
            for &errand in tried {
                let kind = IncidentKind::Busy(errand, refusal);
                let incidents = vec![Incident { kind, from: 3000, until: 3900 }];
                let what = format!("{refusal:?} to {errand:?} for a quarter of an hour");
                let end = held(&what, Plan::of(World { incidents, ..World::of(steady()) }));
                let live = matches!(errand, Errand::Any | Errand::Live);
                let longest = if live { 3600.0 + 900.0 + SOON } else { SOON };
                assert!(end.largest_lag < longest, "{what}: {} s behind", end.largest_lag);
            }
        }
    }
}

/// An empty answer about hours that were never read must be asked for again: one wrong "Validate
/// dates entered" while catching up would lose days.
#[test]
fn an_empty_answer_about_hours_that_were_never_read_is_asked_for_again() {
    for request in 0..4 {
        let mut troubles = vec![Trouble::None; request];
        troubles.push(Trouble::Empty);
        let world = World { troubles, ..World::of(steady()) };
        held("an empty answer", Plan { first_start: 6 * 3600, ..Plan::of(world.clone()) });
        held("an empty answer", Plan { away: Some((600, 6 * 3600)), ..Plan::of(world) });
    }
    // If there really are no rows, that costs two more requests, and one until wide ranges are
    // requested again.
    let quiet = |rows| Plan { first_start: 6 * 3600, ..Plan::of(World::of(rows)) };
    let nothing = held("nothing at all", quiet(Vec::new())).requests;
    let one_row = held("one row", quiet(steady()[..1].to_vec())).requests;
    assert!(nothing <= one_row + 3, "{nothing} requests for nothing, {one_row} for one row");
}

/// No field that is spelled differently, in all rows or only in archived ones, may make a row count
/// twice or a poll fail.
#[test]
fn a_field_that_is_spelled_otherwise_doubles_nothing() {
    for respelling in Respelling::ALL {
        for older_than in [0, 600, 3600] {
            let kind = IncidentKind::Respelled { respelling, older_than };
            let what = format!("{kind:?}");
            let incidents = vec![for_good(kind, 4000)];
            let end = held(&what, Plan::of(World { incidents, ..World::of(steady()) }));
            assert!(end.largest_lag < SOON, "{what}: {} s behind", end.largest_lag);
            assert_eq!(incomplete(&lasting(end.series)), 0.0, "{what}: nothing is missing");
        }
    }
}

/// Windows must complete whatever the server's clock and `Date` header show. The earlier of two
/// clocks decides when; a clock that stands still decides nothing.
#[test]
fn windows_are_complete_whatever_the_clock_of_the_server_shows() {
    let headers =
        [DateHeader::Right, DateHeader::Missing, DateHeader::Frozen(-1), DateHeader::Frozen(3000)];
    for header in headers {
        for ahead in [-300, -60, -30, 0, 30, 60, 300] {
            let clock = ServerClock { ahead, header };
            let what = format!("{clock:?}");
            let end = held(&what, Plan::of(World { clock, ..World::of(steady()) }));
            let window = value(&end.series, "wolkvox_menu_window_end_timestamp_seconds");
            assert!(window.is_some(), "{what}: no window at the end");
            // Scrapes before the first poll, and two windows until a clock is known to stand still.
            assert!(end.without_window <= 20, "{what}: {} of {}", end.without_window, end.scrapes);
        }
    }
}

/// While another operation's server answers for less than an hour, none of its rows may count.
#[test]
fn rows_of_another_operation_do_not_count_within_the_hour() {
    for restarts in [vec![], vec![3990]] {
        let rows = steady().into_iter().filter(|row| row.date % 100 != 50).collect();
        let swapped = Incident { kind: IncidentKind::Swapped, from: 4000, until: 6900 };
        let world = World { incidents: vec![swapped], ..World::of(rows) };
        held(&format!("killed at {restarts:?}"), Plan { restarts, ..Plan::of(world) });
    }
}
