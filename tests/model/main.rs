//! Tests the exporter's claim: whatever happens in between, the counters equal the real rows.
//!
//! A plain model of a vendor (rows with a date and the moment at which they appear) is read by the
//! real poller, ledger, store and publisher on virtual time, under random faults, restarts, and
//! crashes at any write to the disk. Half of the histories also read the second report, which has
//! rows and troubles of its own. At the end every label set of both must equal the model, and no
//! counter may ever have decreased.
//!
//! `MODEL_CASES` is the number of random histories (default 200), `MODEL_SEED` the seed of the
//! first (default 1); each history uses the next seed, which is printed if it fails.
//! `MODEL_TROUBLES` names the complications: see `plans`. `MODEL_GO_ON` continues after a failure
//! and shrinks none; `MODEL_LOG` shows the exporter's log.

#![expect(
    clippy::unwrap_used,
    reason = "a test may panic; clippy allows it only inside #[test] functions"
)]
#![expect(clippy::print_stderr, reason = "what failed must be seen before the test is over")]

mod belief;
mod calls;
mod compare;
mod crash_disk;
mod load;
mod plans;
#[path = "../support/polled.rs"]
mod polled;
mod process;
mod row;
mod run;
mod source;
mod trouble;
mod truth;
mod warm_up;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::{RngAlgorithm, TestError, TestRng, TestRunner},
};

use crate::{
    belief::{SOON, steady},
    plans::plan,
    row::WorldRow,
    run::{Plan, run},
    trouble::{Incident, IncidentKind, Times, Trouble, UnanswerableSecond, WindowFailure},
    world::World,
};

fn from_environment(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(number) => number.parse().unwrap_or_else(|_| panic!("{variable}={number} is no number")),
        Err(_) => default,
    }
}

/// Returns the number of histories of each kind.
fn cases() -> u32 {
    from_environment("MODEL_CASES", 200) as u32
}

#[test]
fn the_counters_equal_the_rows_whatever_happens() {
    // A history alternates between two threads all the time, so two histories keep one processor
    // busy.
    let workers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let first = from_environment("MODEL_SEED", 1);
    let next = AtomicU64::new(first);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| scope.spawn(|| histories(&next, first + u64::from(cases()))))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} histories fail:\n{}", failures.len(), failures.join("\n"));
}

/// Runs the next seeds until `end`, or until one fails; with `MODEL_GO_ON` it continues after
/// failures.
fn histories(next: &AtomicU64, end: u64) -> Vec<String> {
    let goes_on = std::env::var_os("MODEL_GO_ON").is_some();
    let mut failures = Vec::new();
    while goes_on || failures.is_empty() {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        failures.extend(history(seed, !goes_on).err());
    }
    failures
}

/// Runs the history of one seed. If it fails and `shrinks` is set, also searches for the smallest
/// history with the same failure.
fn history(seed: u64, shrinks: bool) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 100, ..Default::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let history = plan().new_tree(&mut runner).unwrap();
    let plan = history.current();
    let Err(error) = run(plan.clone()) else { return Ok(()) };
    // Printed before the search for the smallest, which takes minutes.
    eprintln!("MODEL_SEED={seed} MODEL_CASES=1: {error}\nin {plan:?}");
    if !shrinks {
        return Err(format!("MODEL_SEED={seed}: {error}"));
    }
    let smallest = runner.run_one(history, |plan| run(plan).map(drop).map_err(TestCaseError::fail));
    match smallest {
        Err(TestError::Fail(reason, plan)) => {
            Err(format!("MODEL_SEED={seed}: {error}\nthe smallest: {reason}\nin {plan:?}"))
        }
        _ => Err(format!("MODEL_SEED={seed}: {error}, and only sometimes")),
    }
}

/// The model must notice missing rows: those that appear later than the deepest re-reading reaches
/// are not counted.
#[test]
fn a_row_later_than_any_re_reading_is_beyond_the_promise() {
    let row =
        |date, visible| WorldRow { date, visible, conn: 1, option: 1, second: 5, attempts: 1 };
    let plan = |late| Plan::of(World::of(vec![row(10, 12), row(600, 600 + late)]));
    assert!(run(plan(world::LATEST)).is_ok());
    assert!(run(plan(world::HOURLY + 3600)).unwrap_err().contains("option_attempts_total"));
}

/// A second that is answered short for a while must not be given up: it cannot be requested in
/// halves, and a minute later the answer may be whole. One that stays short must be given up and
/// reported, and its rows and those that follow it must count.
#[test]
fn a_second_that_is_answered_short_for_a_while_is_not_given_up() {
    let row =
        |option| WorldRow { date: 100, visible: 105, conn: 1, option, second: 5, attempts: 1 };
    let rows: Vec<_> = (0..4).map(row).collect();
    let plan = |spell| Plan {
        whole: true,
        ..Plan::of(World { troubles: vec![Trouble::Half; spell], ..World::of(rows.clone()) })
    };
    for spell in 1..=20 {
        run(plan(spell)).unwrap_or_else(|error| panic!("{spell} short answers: {error}"));
    }
    let mut rows = rows.clone();
    for date in [101, 3000, 7000] {
        rows.push(WorldRow { date, visible: date + 5, ..row(0) });
    }
    let world = World { unsent: Some(100), ..World::of(rows) };
    let end = run(Plan::of(world)).unwrap_or_else(|error| panic!("short for ever: {error}"));
    let given_up = compare::incomplete(&end.series);
    // The second lies in two of the narrowest ranges, and both may be given up.
    assert!((1.0..=2.0).contains(&given_up), "{given_up} ranges were given up");
    assert!(end.largest_lag < SOON, "{} s behind", end.largest_lag);
}

/// A server that announces more rows than it has must not be halved down to single seconds: a few
/// requests an hour find out that its number means nothing.
#[test]
fn a_server_that_announces_more_than_it_has_costs_few_requests() {
    for overstates in [1, 1_000_000] {
        let row = |n: i64| WorldRow {
            date: n * 20,
            visible: n * 20 + 5,
            conn: (n % 7) as u8,
            option: (n % 3) as u8,
            second: 5,
            attempts: 1,
        };
        let rows = (0..world::TRAFFIC / 20).map(row).collect();
        let requests = run(Plan::of(World { overstates, ..World::of(rows) })).unwrap().requests;
        // Seven hours of polls, of hourly re-readings, and of tests of the number; and more while
        // the surplus grows from poll to poll.
        assert!(requests < 7 * (12 + 1 + 10) + 60, "{overstates}: {requests} requests");
    }
}

/// Trouble that depends on the requested range must cost few requests.
#[test]
fn trouble_that_depends_on_the_span_costs_few_requests() {
    let polls = |plan: Plan| run(plan).unwrap_or_else(|error| panic!("{error}")).requests;
    let healthy = polls(Plan::of(World::of(steady())));
    let mut print = vec![format!("healthy: {healthy} requests in 8 h")];
    let mut within = |what: String, world: World, most: usize| {
        let requests = polls(Plan::of(world));
        print.push(format!("{what}: {requests}"));
        assert!(requests <= healthy + most, "{what}: {requests} requests, healthy {healthy}");
    };
    for failure in WindowFailure::ALL {
        let wide = World { too_wide: Some((150, failure)), ..World::of(steady()) };
        within(format!("more than 150 rows are {failure:?}"), wide, 250);
        let mut rows = steady();
        rows.retain(|row| row.date != 3000);
        let unanswerable = vec![UnanswerableSecond { second: 3000, until: i64::MAX, failure }];
        within(
            format!("a second that is {failure:?}"),
            World { unanswerable, ..World::of(rows) },
            200,
        );
        let mut rows = steady();
        for row in rows.iter_mut().filter(|row| row.date == 3000) {
            row.date = 3001;
        }
        let unanswerable = vec![UnanswerableSecond { second: 3000, until: 7200, failure }];
        within(
            format!("a second that is {failure:?}, and later short"),
            World { unanswerable, unsent: Some(3000), ..World::of(rows) },
            200,
        );
    }
    for times in [Times::DayOnly, Times::Ignored] {
        within(format!("times {times:?}"), World { times, ..World::of(steady()) }, 0);
    }
    eprintln!("{}", print.join("\n"));
}

/// A row that comes late behind an unanswerable second must be found, although after a restart the
/// deeper re-reading has to find that second by itself, and each of its requests takes a time-out.
#[test]
fn a_second_that_takes_all_the_time_hides_no_late_row() {
    let row =
        |date, visible, conn| WorldRow { date, visible, conn, option: 1, second: 5, attempts: 1 };
    let rows = vec![row(145, 158, 6), row(4125, 9734, 4), row(4411, 9888, 2), row(5000, 5004, 4)];
    let unanswerable =
        vec![UnanswerableSecond { second: 4479, until: i64::MAX, failure: WindowFailure::Timeout }];
    let world = World { unanswerable, ..World::of(rows) };
    run(Plan { restarts: vec![7189], patient: true, ..Plan::of(world) }).unwrap();
}

/// A late row behind a second that fails before every known row must be found. A spell of empty
/// answers makes each second look answerable; after it no row is known before the first second that
/// is not, and another such second lies in the hour behind.
#[test]
fn a_second_before_every_known_row_hides_no_late_row() {
    let row =
        |date, visible| WorldRow { date, visible, conn: 1, option: 1, second: 5, attempts: 1 };
    let rows = vec![row(951, 959), row(2321, 2337), row(2765, 6311)];
    let unanswerable = [463, 1264, 1967, 2603, 2656, 4109, 4138, 4683, 6820, 6953].map(|second| {
        UnanswerableSecond { second, until: i64::MAX, failure: WindowFailure::CutBody }
    });
    let incident = Incident { kind: IncidentKind::Empty, from: 4466, until: 9053 };
    let world =
        World { unanswerable: unanswerable.to_vec(), incidents: vec![incident], ..World::of(rows) };
    run(Plan { restarts: vec![6858], ..Plan::of(world) }).unwrap();
}

/// Counting must begin when both clocks agree, whether the exporter's is years behind, a day ahead
/// or half an hour off at its first start: nothing older counts, and everything newer does, also
/// over a restart.
#[test]
fn counting_begins_when_the_clocks_agree() {
    let row =
        |date| WorldRow { date, visible: date + 5, conn: 1, option: 1, second: 5, attempts: 1 };
    let rows: Vec<WorldRow> =
        (100..1400).step_by(50).chain((2100..world::TRAFFIC).step_by(50)).map(row).collect();
    for by in [-6 * 365 * 86_400, -1800, 1800, 86_400] {
        for restarts in [vec![], vec![700], vec![1600]] {
            let plan = Plan {
                jumps: vec![(0, by), (1500, 0)],
                restarts: restarts.clone(),
                begins: Some(2000),
                patient: true,
                ..Plan::of(World::of(rows.clone()))
            };
            let end = run(plan).unwrap_or_else(|error| panic!("{by} {restarts:?}: {error}"));
            let requests = end.requests;
            assert!(requests < 200, "{by}: {requests} requests");
        }
    }
    // Without the disagreement counting begins at once, so this expectation must fail.
    let early = Plan { begins: Some(2000), patient: true, ..Plan::of(World::of(rows)) };
    assert!(run(early).unwrap_err().contains("truth"));
}
