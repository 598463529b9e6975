//! Tests of reading the weeks before: whatever interrupts it, the history equals the rows, and no
//! live poll is delayed.
//!
//! On virtual time, with the real poller and store, under kills at any moment, power failures at
//! any write, a quota that runs out, a server that refuses wide ranges, and faults.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | the claims |
//! | `life` | one course of events, from the first start to the end of the reading |
//! | `vendor` | the rows, the vendor's troubles, and the truth |

mod life;
mod vendor;

use proptest::prelude::*;
use wolkvox_exporter::status::WarmUpState;

use self::{
    life::{End, Life, live},
    vendor::{FROM, IDLE, Journey, Refusal, START, TRAFFIC, Trouble, Vendor},
};

/// Makes a journey of a few steps: in the past, possibly beyond what is read, or during the
/// reading.
fn journey() -> impl Strategy<Value = Journey> {
    // A journey that ends within the idle time before the start has no known end, because neither
    // reading sees everything that could follow.
    let start = prop_oneof![5 => FROM - 7200..-IDLE - 900, 1 => 60..TRAFFIC];
    let steps = prop::collection::vec((1i64..200, 0u8..4, 1u32..3), 1..5);
    (start, steps).prop_map(|(start, steps)| Journey { start, steps })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => Just(Trouble::None),
        1 => Just(Trouble::Unavailable),
        1 => Just(Trouble::Maintenance),
        1 => prop::sample::select(vec![0, 30, 90, 3600]).prop_map(Trouble::Throttled),
        1 => (0usize..10).prop_map(Trouble::CutAfter),
        1 => (0usize..10).prop_map(Trouble::TooFew),
        1 => Just(Trouble::Hang),
    ]
}

fn life_of_any_kind() -> impl Strategy<Value = Life> {
    let refusal = (7200i64..100_000, prop::sample::select(Refusal::ALL.to_vec()));
    (
        prop::collection::vec(journey(), 0..80),
        (1u64..120, prop::option::of(refusal)),
        prop_oneof![2 => Just(60_000u64), 1 => 2u64..20],
        // Fewer in a row than make the exporter give a range up.
        prop::collection::vec(trouble(), 0..8),
        prop::collection::vec(1i64..3 * 3600, 0..5),
        prop::collection::vec(0u64..400, 0..3),
        any::<u64>(),
    )
        .prop_map(|(journeys, (takes, widest), cap, troubles, kills, power_cuts, seed)| {
            let vendor = Vendor { takes, widest, troubles, ..Vendor::of(journeys) };
            let cap = cap.max(vendor.densest() + 1);
            Life { kills, power_cuts, seed, ..Life::of(Vendor { cap, ..vendor }) }
        })
}

/// Checks that the history has all rows that were read live and from the past, and that every
/// second of it is known.
fn whole(life: &Life, end: &End) -> Result<(), String> {
    same(end, &life.vendor.truth(&[(FROM, end.watermark - START)]))
}

fn same(end: &End, truth: &std::collections::BTreeMap<i32, Vec<u8>>) -> Result<(), String> {
    for (day, bytes) in truth {
        let kept = end.days.get(day);
        if kept != Some(bytes) {
            return Err(format!("the history of day {day} is\n{kept:?}, not\n{bytes:?}"));
        }
    }
    let known = end.days.keys().find(|day| !truth.contains_key(day));
    known.map_or(Ok(()), |day| {
        Err(format!("day {day} is in the history, and nothing is known of it"))
    })
}

/// Checks that each window was requested as early as without a warm-up.
fn never_later(with: &End, without: &End) -> Result<(), String> {
    for (window, at) in &without.live {
        let asked = with.live.get(window);
        if asked.is_none_or(|asked| asked > at) {
            return Err(format!(
                "the window up to {window} was asked for at {asked:?} ms instead of {at}"
            ));
        }
    }
    Ok(())
}

#[test]
fn the_history_equals_the_rows_whatever_interrupts_it() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: super::cases() / 4,
        failure_persistence: None,
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    });
    let (requests, lives) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let outcome = runner.run(&life_of_any_kind(), |life| {
        let judged = live(&life).and_then(|end| {
            requests.set(requests.get() + end.sent);
            lives.set(lives.get() + 1);
            whole(&life, &end)
        });
        judged.map_err(|error| {
            eprintln!("{error}\nin {life:?}");
            TestCaseError::fail(error)
        })
    });
    eprintln!("{} requests for the past in {} lives", requests.get(), lives.get());
    outcome.unwrap();
}

/// A journey on both sides of a boundary between two answers must be counted whole, including an
/// option that was chosen twice before the boundary.
#[test]
fn a_journey_over_two_stretches_is_counted_whole() {
    let steps = vec![(2, 0, 2), (151, 0, 2), (125, 1, 2)];
    for start in (-7600..-6000).step_by(200) {
        let journeys = vec![Journey { start, steps: steps.clone() }];
        let widest = Some((2 * IDLE + 1600, Refusal::TooLarge));
        let life = Life::of(Vendor { widest, ..Vendor::of(journeys) });
        whole(&life, &live(&life).unwrap()).unwrap_or_else(|error| panic!("{start}: {error}"));
    }
}

/// Returns four journeys an hour, for two days and more.
fn steady() -> Vec<Journey> {
    let journey = |n: i64| Journey {
        start: FROM - 3600 + n * 900,
        steps: vec![(5, (n % 4) as u8, 1), (20, (n % 3) as u8, 2), (30, (n % 4) as u8, 1)],
    };
    let all = (0..).map(journey).take_while(|journey| journey.start < TRAFFIC);
    all.filter(|journey| journey.start < -IDLE - 900 || journey.start > 0).collect()
}

/// A server that fails at wide ranges in any way must not prevent the reading from ending, delay a
/// live poll, or cost many requests.
#[test]
fn a_server_that_refuses_wide_spans_costs_few_requests_and_no_live_poll() {
    let life = |vendor| Life::of(vendor);
    let without = live(&Life { reads: false, ..life(Vendor::of(steady())) }).unwrap();
    let mut print = Vec::new();
    let mut within = |what: String, vendor: Vendor, most: u32| {
        let life = life(vendor);
        let end = live(&life).unwrap_or_else(|error| panic!("{what}: {error}"));
        whole(&life, &end)
            .and(never_later(&end, &without))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        print.push(format!("{what}: {} requests", end.sent));
        assert!(end.sent <= most, "{what}: {} requests", end.sent);
    };
    within("healthy".to_owned(), Vendor::of(steady()), 3);
    for refusal in Refusal::ALL {
        for (hours, most) in [(3, 65), (12, 20), (30, 8)] {
            let vendor = Vendor { widest: Some((hours * 3600, refusal)), ..Vendor::of(steady()) };
            within(format!("{refusal:?} above {hours} h"), vendor, most);
        }
    }
    let slow =
        Vendor { takes: 200, widest: Some((3 * 3600, Refusal::Silence)), ..Vendor::of(steady()) };
    within("slow, and silent above 3 h".to_owned(), slow, 60);
    let few = Vendor { cap: 40, ..Vendor::of(steady()) };
    within("40 rows in an answer".to_owned(), few, 60);
    let all = [
        Trouble::Hang,
        Trouble::Throttled(90),
        Trouble::Unavailable,
        Trouble::Maintenance,
        Trouble::CutAfter(3),
        Trouble::TooFew(3),
    ];
    within(
        "every trouble once".to_owned(),
        Vendor { troubles: all.to_vec(), ..Vendor::of(steady()) },
        24,
    );
    eprintln!("{}", print.join("\n"));
}

/// Only less than a minute around a second that the vendor cannot answer may be left out.
#[test]
fn a_second_that_cannot_be_told_is_left_out_alone() {
    let vendor = Vendor { unanswerable: Some(-30_000), ..Vendor::of(steady()) };
    let life = Life::of(vendor);
    let end = live(&life).unwrap();
    // Each request includes the idle time on both sides, so the second must not lie in that either.
    let (from, to) = (-30_000 - IDLE, -30_000 + IDLE);
    let known = &end.known;
    let [(first, gap), (gap_end, last)] = known[..] else { panic!("one gap: {known:?}") };
    assert_eq!((first, last), (FROM, end.watermark - START));
    assert!(gap <= from && from - gap < 120 && gap_end >= to && gap_end - to < 120, "{known:?}");
    same(&end, &life.vendor.truth(&[(first, gap), (gap_end, last)])).unwrap();
    eprintln!("{} requests around a second that cannot be told", end.sent);
}

/// A quota that runs out may delay the reading, for days if necessary, but no live poll: the
/// reading leaves enough requests for the polls until midnight.
#[test]
fn a_quota_that_ends_delays_the_reading_and_no_live_poll() {
    let vendor =
        Vendor { widest: Some((2 * IDLE + 1500, Refusal::Refused)), ..Vendor::of(steady()) };
    let life = Life { quota: Some(330), ..Life::of(vendor) };
    let without = live(&Life { reads: false, ..life.clone() }).unwrap();
    let end = live(&life).unwrap();
    whole(&life, &end).and(never_later(&end, &without)).unwrap();
    assert!(
        end.by_day.len() > 1 && end.by_day.values().all(|requests| *requests <= 330),
        "{:?}",
        end.by_day
    );
    eprintln!("{} requests for the past; of all by day: {:?}", end.sent, end.by_day);
}

/// The operator's limit must hold over restarts and be reported, and reading must continue when it
/// is raised.
#[test]
fn no_more_requests_are_sent_than_are_allowed() {
    let vendor = Vendor { widest: Some((4 * 3600, Refusal::Error)), ..Vendor::of(steady()) };
    let life = Life { requests: 7, kills: vec![100, 700], ..Life::of(vendor) };
    let end = live(&life).unwrap();
    assert_eq!((end.state, end.sent), (WarmUpState::RequestsSpent, 7));
    let [(from, to)] = end.known[..] else { panic!("{:?}", end.known) };
    assert!(from > FROM, "{:?}", end.known);
    same(&end, &life.vendor.truth(&[(from, to)])).unwrap();
    let more = Life { requests: 200, more: Some(1000), ..life };
    let end = live(&more).unwrap();
    assert_eq!(end.state, WarmUpState::Ended);
    whole(&more, &end).unwrap();
}

/// No wait that a server names may stop anything for more than an hour.
#[test]
fn no_wait_is_believed_for_more_than_an_hour() {
    let without = live(&Life { reads: false, ..Life::of(Vendor::of(steady())) }).unwrap();
    for wait in crate::trouble::Refusal::WAITS {
        let vendor = Vendor { troubles: vec![Trouble::Throttled(wait); 3], ..Vendor::of(steady()) };
        let life = Life::of(vendor);
        let end = live(&life).unwrap_or_else(|error| panic!("{wait} s: {error}"));
        whole(&life, &end)
            .and(never_later(&end, &without))
            .unwrap_or_else(|error| panic!("{wait} s: {error}"));
    }
}

/// An empty answer about the past must be asked for again, because four weeks of expectations would
/// depend on it.
#[test]
fn an_empty_answer_about_the_past_is_asked_for_again() {
    let healthy = live(&Life::of(Vendor::of(steady()))).unwrap().sent;
    for request in 0..3 {
        let mut troubles = vec![Trouble::None; request];
        troubles.push(Trouble::Empty);
        let life = Life::of(Vendor { troubles, ..Vendor::of(steady()) });
        let end = live(&life).unwrap();
        whole(&life, &end).unwrap_or_else(|error| panic!("request {request}: {error}"));
        // Two halves; and two more requests until wide ranges are requested again.
        assert!(end.sent <= healthy + 4, "{} requests, healthy {healthy}", end.sent);
    }
}

/// A limit of 1,000 requests a day that the server does not report, as with one licence, must leave
/// live polls what they need, while the reading of the past continues on later days until it has
/// sent all its requests.
#[test]
fn an_unknown_limit_leaves_live_polls_what_they_need() {
    /// Seconds of the past in the widest answer, without the idle time on both sides.
    const PART: i64 = 62;
    /// Seconds between live polls, by default.
    const INTERVAL: i64 = 300;
    let widest = Some((2 * IDLE + PART, Refusal::Refused));
    let vendor = Vendor { widest, limit: 1000, ..Vendor::of(steady()) };
    let life = Life { requests: 1500, ..Life::of(vendor) };
    let without = live(&Life { reads: false, ..life.clone() }).unwrap();
    let end = live(&life).unwrap();
    never_later(&end, &without).unwrap();
    assert!(end.by_day.values().all(|requests| *requests <= 1000), "{:?}", end.by_day);
    let windows: Vec<i64> = end.live.keys().copied().collect();
    let is_next = |two: &[i64]| two[1] - two[0] == INTERVAL;
    assert!(windows.windows(2).all(is_next), "not a live poll every {INTERVAL} s: {windows:?}");

    assert_eq!((end.state, end.sent), (WarmUpState::RequestsSpent, 1500));
    let [(from, to)] = end.known[..] else { panic!("{:?}", end.known) };
    same(&end, &life.vendor.truth(&[(from, to)])).unwrap();
    let first_day = *end.past_by_day.values().next().unwrap();
    let read_on_first_day = i64::try_from(first_day).unwrap() * PART;
    assert!(-from > read_on_first_day, "nothing was read after the first day: {:?}", end.known);
    eprintln!("{} requests for the past; of all by day: {:?}", end.sent, end.by_day);
}
