//! The claim itself: whatever happens in between, the counters equal the real rows.
//!
//! A plain model of a vendor (rows with a date and a moment at which they appear) is read by the real poller,
//! ledger, store and publisher on virtual time, under random faults, crashes at any write to the disk, and
//! restarts. At the end every label set must equal the model, and no counter may ever have gone back.
//!
//! `MODEL_CASES` sets how many random cases run (default 200).

#![expect(clippy::unwrap_used, reason = "a test may panic; clippy allows it only inside #[test] functions")]
#![expect(clippy::print_stderr, reason = "what failed must be seen before the test is over")]

mod crash_disk;
mod load;
mod process;
mod run;
mod warm_up;
mod world;

use proptest::prelude::*;

use crate::{
    run::{DiskTrouble, Plan, run},
    world::{Costume, Poison, Times, Trouble, World, WorldRow},
};

fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

fn rows() -> impl Strategy<Value = Vec<WorldRow>> {
    let lateness =
        prop_oneof![8 => 0i64..20, 2 => 20i64..world::LOOKBACK, 1 => world::LOOKBACK..world::LATEST];
    let row = (0i64..world::TRAFFIC, lateness, 0u8..12, 0u8..4, 0u32..90, 0u32..4, 1u8..4).prop_map(
        |(date, lateness, conn, option, second, attempts, copies)| {
            let row = WorldRow { date, visible: date + lateness, conn, option, second, attempts };
            // Most are single; the rest are equal rows that are all real.
            vec![row; if copies == 3 { 2 } else { 1 }]
        },
    );
    prop::collection::vec(row, 0..60).prop_map(|rows| rows.into_iter().flatten().collect())
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        6 => Just(Trouble::None),
        1 => Just(Trouble::Refuse),
        1 => Just(Trouble::CutAfter(0)),
        1 => (0u8..10).prop_map(Trouble::CutAfter),
        1 => (0u8..10).prop_map(Trouble::TooFew),
        1 => Just(Trouble::Half),
        1 => Just(Trouble::Hang),
        1 => Just(Trouble::Maintenance),
        1 => Just(Trouble::Unavailable),
        1 => Just(Trouble::Foreign404),
        1 => Just(Trouble::NoReport),
        1 => Just(Trouble::RejectedRows),
    ]
}

/// Requests each with its own trouble, or with spells of one, as servers have them.
fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    let spell = (trouble(), 1usize..12).prop_map(|(trouble, length)| vec![trouble; length]);
    prop_oneof![
        prop::collection::vec(trouble(), 0..20),
        prop::collection::vec(spell, 0..6).prop_map(|spells| spells.concat()),
    ]
}

/// Trouble that depends on what is asked for.
#[derive(Debug, Clone)]
enum Nature {
    None,
    TooWide(u64, Costume),
    /// Which row's second, and for how long.
    Poison(prop::sample::Index, Option<i64>, Costume),
    Times(Times),
    Away(i64, i64),
    QuotaLies(Vec<(u64, u64)>),
    Fold,
    /// The clock is wrong from the first start on.
    WrongClock(i64),
}

fn nature() -> impl Strategy<Value = Nature> {
    let costume = || prop::sample::select(Costume::ALL.to_vec());
    let lie = prop_oneof![Just((0, 0)), Just((0, 500)), Just((1000, 1000)), Just((5, 400)), Just((60, 3))];
    prop_oneof![
        6 => Just(Nature::None),
        3 => (2u64..15, costume()).prop_map(|(rows, costume)| Nature::TooWide(rows, costume)),
        3 => (any::<prop::sample::Index>(), prop::option::of(600i64..3600), costume())
            .prop_map(|(row, until, costume)| Nature::Poison(row, until, costume)),
        1 => prop_oneof![Just(Times::DayOnly), Just(Times::Ignored)].prop_map(Nature::Times),
        2 => (600..world::TRAFFIC, 3600i64..8 * 3600).prop_map(|(at, length)| Nature::Away(at, length)),
        1 => prop::collection::vec(lie, 1..5).prop_map(Nature::QuotaLies),
        1 => Just(Nature::Fold),
        1 => (-86_400i64..86_400).prop_map(Nature::WrongClock),
    ]
}

fn disk_trouble() -> impl Strategy<Value = DiskTrouble> {
    prop_oneof![
        (0u64..400).prop_map(DiskTrouble::PowerCut),
        (0u64..400, 1i64..2000).prop_map(|(writes, seconds)| DiskTrouble::Outage { writes, seconds }),
    ]
}

/// The exporter's clock is set wrong by up to three hours, and at last put right.
fn clock_jumps() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let jumps = prop::collection::vec((0i64..world::TRAFFIC, -10_800i64..10_800), 1..4);
    prop_oneof![2 => Just(Vec::new()), 1 => jumps].prop_map(|mut jumps| {
        jumps.sort_unstable();
        if !jumps.is_empty() {
            jumps.push((world::TRAFFIC, 0));
        }
        jumps
    })
}

/// The most rows within two seconds: the narrowest span has both its ends.
fn densest(rows: &[WorldRow]) -> u64 {
    let around = |date| rows.iter().filter(|row| row.date == date || row.date == date + 1).count();
    rows.iter().map(|row| around(row.date).max(around(row.date - 1))).max().unwrap_or(0) as u64
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        rows(),
        troubles(),
        prop_oneof![2 => Just(60_000u64), 1 => 2u64..12],
        prop_oneof![4 => Just(0u64), 1 => 1u64..100],
        prop::collection::vec(1i64..world::TRAFFIC, 0..4),
        prop::collection::vec(disk_trouble(), 0..3),
        clock_jumps(),
        any::<bool>(),
        (any::<u64>(), nature()),
    )
        .prop_map(|(rows, troubles, cap, overstates, restarts, disk, jumps, patient, (seed, nature))| {
            let world = World { troubles, cap, overstates, ..World::of(rows) };
            let plan = Plan { restarts, disk, jumps, patient, seed, ..Plan::of(world) };
            within_the_promise(with_nature(plan, nature))
        })
}

fn with_nature(mut plan: Plan, nature: Nature) -> Plan {
    let world = &mut plan.world;
    if !matches!(nature, Nature::None) {
        // One lie at a time: what a server announces says nothing where it cannot be put to the test.
        world.overstates = 0;
    }
    match nature {
        Nature::None => {}
        Nature::TooWide(rows, costume) => world.too_wide = Some((rows, costume)),
        Nature::Poison(row, until, costume) if !world.rows.is_empty() => {
            let second = world.rows[row.index(world.rows.len())].date;
            let until = until.map(|until| second + until);
            if until.is_none() {
                // Nobody can ever tell what it holds.
                world.rows.retain(|row| row.date != second);
            }
            world.poison = Some(Poison { second, until: until.unwrap_or(i64::MAX), costume });
        }
        Nature::Poison(..) => {}
        Nature::Times(times) => (world.times, world.cap) = (times, 60_000),
        Nature::Away(at, length) => plan.away = Some((at, length)),
        Nature::QuotaLies(lies) => world.quota_lies = lies,
        Nature::Fold => (world.fold, world.cap, plan.patient) = (true, 60_000, false),
        Nature::WrongClock(by) => {
            plan.jumps.retain(|(at, _)| *at >= 600);
            plan.jumps.insert(0, (0, by));
            if plan.jumps.len() == 1 {
                plan.jumps.push((world::TRAFFIC / 2, 0));
            }
        }
    }
    plan
}

/// What was never promised is left out.
fn within_the_promise(mut plan: Plan) -> Plan {
    let world = &mut plan.world;
    if !plan.jumps.is_empty() || !world.quota_lies.is_empty() {
        // While nobody knows the time, or how many requests are left, an hourly re-reading may come late.
        world.rows.retain(|row| row.visible - row.date < world::LOOKBACK);
    }
    if world.overstates > 0 {
        // Where its number is always too high, nobody can tell that an answer is cut as well.
        world.troubles.retain(|trouble| !matches!(trouble, Trouble::TooFew(_) | Trouble::Half));
    }
    // More rows in the narrowest span than an answer holds are beyond the promise.
    let densest = densest(&world.rows);
    world.cap = world.cap.max(densest + 1);
    if let Some((rows, _)) = &mut world.too_wide {
        *rows = densest.max(*rows);
    }
    plan
}

#[test]
fn the_counters_equal_the_rows_whatever_happens() {
    // A case hands over between two threads all the time, so two at once keep one processor busy.
    let workers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|n| scope.spawn(move || some_cases(n, workers))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    if let Some(error) = outcomes.into_iter().find_map(Result::err) {
        panic!("{error}");
    }
}

/// The share of worker `n` of all cases.
fn some_cases(n: usize, workers: usize) -> Result<(), String> {
    let share = (cases() as usize + n) / workers;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: share as u32,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&plan(), |plan| {
        run(plan.clone()).map(drop).map_err(|error| {
            // At once, because looking for the smallest such plan takes minutes.
            eprintln!("{error}\nin {plan:?}");
            TestCaseError::fail(error)
        })
    });
    outcome.map_err(|error| error.to_string())
}

/// The model would notice: rows that appear later than the deepest re-reading reaches are missed.
#[test]
fn a_row_later_than_any_re_reading_is_beyond_the_promise() {
    let row = |date, visible| WorldRow { date, visible, conn: 1, option: 1, second: 5, attempts: 1 };
    let plan = |late| Plan::of(World::of(vec![row(10, 12), row(600, 600 + late)]));
    assert!(run(plan(world::LATEST)).is_ok());
    assert!(run(plan(world::HOURLY + 3600)).unwrap_err().contains("option_attempts_total"));
}

/// One second cannot be asked for in halves, and an answer to it that is short now need not be so a minute later.
#[test]
fn a_second_that_is_answered_short_for_a_while_is_not_given_up() {
    let row = |option| WorldRow { date: 100, visible: 105, conn: 1, option, second: 5, attempts: 1 };
    let rows: Vec<_> = (0..4).map(row).collect();
    let plan = |spell| Plan {
        whole: true,
        ..Plan::of(World { troubles: vec![Trouble::Half; spell], ..World::of(rows.clone()) })
    };
    for spell in 1..=24 {
        run(plan(spell)).unwrap_or_else(|error| panic!("{spell} short answers: {error}"));
    }
    // One that is short in poll after poll hides nothing behind it.
    assert!(run(plan(100)).unwrap_err().contains("wolkvox_windows_incomplete_total"));
}

/// Seven requests an hour find out that its number says nothing; it is never halved down to single seconds.
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
        let requests = run(Plan::of(World { overstates, ..World::of(rows) })).unwrap();
        // Seven hours of polls, of hourly re-readings, and of tests; more while the rows grow more from poll to poll.
        assert!(requests < 7 * (12 + 1 + 10) + 60, "{overstates}: {requests} requests");
    }
}

/// A row every ten seconds, each of which comes five seconds late.
fn steady() -> Vec<WorldRow> {
    let row = |n: i64| WorldRow {
        date: n * 10,
        visible: n * 10 + 5,
        conn: (n % 12) as u8,
        option: (n % 3) as u8,
        second: 5,
        attempts: 1,
    };
    (0..world::TRAFFIC / 10).map(row).collect()
}

/// What each kind of trouble costs that depends on what is asked for: not a storm.
#[test]
fn trouble_that_depends_on_the_span_costs_few_requests() {
    let polls = |plan: Plan| run(plan).unwrap_or_else(|error| panic!("{error}"));
    let healthy = polls(Plan::of(World::of(steady())));
    let mut print = vec![format!("healthy: {healthy} requests in 8 h")];
    let mut within = |what: String, world: World, most: usize| {
        let requests = polls(Plan::of(world));
        print.push(format!("{what}: {requests}"));
        assert!(requests <= healthy + most, "{what}: {requests} requests, healthy {healthy}");
    };
    for costume in Costume::ALL {
        let wide = World { too_wide: Some((150, costume)), ..World::of(steady()) };
        within(format!("more than 150 rows are {costume:?}"), wide, 250);
        let mut rows = steady();
        rows.retain(|row| row.date != 3000);
        let poison = Some(Poison { second: 3000, until: i64::MAX, costume });
        within(format!("a second that is {costume:?}"), World { poison, ..World::of(rows) }, 200);
    }
    for times in [Times::DayOnly, Times::Ignored] {
        within(format!("times {times:?}"), World { times, ..World::of(steady()) }, 0);
    }
    eprintln!("{}", print.join("\n"));
}

/// After a restart the deeper re-reading has to find the poisoned second by itself, and each of its requests takes a time-out:
/// what comes late behind it is still found.
#[test]
fn a_second_that_takes_all_the_time_hides_no_late_row() {
    let row = |date, visible, conn| WorldRow { date, visible, conn, option: 1, second: 5, attempts: 1 };
    let rows = vec![row(145, 158, 6), row(4125, 9734, 4), row(4411, 9888, 2), row(5000, 5004, 4)];
    let poison = Some(Poison { second: 4479, until: i64::MAX, costume: Costume::Timeout });
    let world = World { poison, ..World::of(rows) };
    run(Plan { restarts: vec![7189], patient: true, ..Plan::of(world) }).unwrap();
}

/// A clock that is years behind, a day ahead, or half an hour off when the exporter starts for the first time: nothing that
/// is older than the moment at which both clocks agreed counts, everything after it does, also over a restart.
#[test]
fn counting_begins_when_the_clocks_agree() {
    let row = |date| WorldRow { date, visible: date + 5, conn: 1, option: 1, second: 5, attempts: 1 };
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
            let requests = run(plan).unwrap_or_else(|error| panic!("{by} {restarts:?}: {error}"));
            assert!(requests < 200, "{by}: {requests} requests");
        }
    }
    // It is the disagreement that made it wait.
    let early = Plan { begins: Some(2000), patient: true, ..Plan::of(World::of(rows)) };
    assert!(run(early).unwrap_err().contains("truth"));
}
