//! Random histories, limited to what the exporter promises.
//!
//! Owns the probabilities, and the list of complications. `MODEL_TROUBLES` names some of them,
//! separated by commas; then each history has at least one of these.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};

use crate::{
    row::{Respelling, WorldRow},
    run::{DiskTrouble, Plan},
    trouble::{
        Correction, DateHeader, Errand, Incident, IncidentKind, Refusal, RefusalStatus, Times,
        Trouble, UnanswerableSecond, WindowFailure,
    },
    world::{self, World},
};

/// Number of rows below which nothing shows how a server treats times.
const FEW_ROWS: usize = 20;

/// A kind of complication that affects a whole history, caused by the vendor or by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    EmptyOnce,
    EmptyForAWhile,
    UnansweredSeconds,
    Respelled,
    Archived,
    Corrected,
    Swapped,
    RetryAfterOnce,
    RetryAfterForAWhile,
    ServerClock,
    DateHeader,
    Hangs,
    Unreadable,
    LateStart,
}

impl Kind {
    const ALL: [(&'static str, Self); 14] = [
        ("empty-once", Self::EmptyOnce),
        ("empty-for-a-while", Self::EmptyForAWhile),
        ("unanswered-seconds", Self::UnansweredSeconds),
        ("respelled", Self::Respelled),
        ("archived", Self::Archived),
        ("corrected", Self::Corrected),
        ("swapped", Self::Swapped),
        ("retry-after-once", Self::RetryAfterOnce),
        ("retry-after-for-a-while", Self::RetryAfterForAWhile),
        ("server-clock", Self::ServerClock),
        ("date-header", Self::DateHeader),
        ("hangs", Self::Hangs),
        ("unreadable", Self::Unreadable),
        ("late-start", Self::LateStart),
    ];

    /// Returns the kinds in `MODEL_TROUBLES`, if it is set.
    fn named() -> Option<Vec<Self>> {
        let names = std::env::var("MODEL_TROUBLES").ok()?;
        let kind_of = |name: &str| {
            let kind = Self::ALL.iter().find(|(of, _)| *of == name);
            kind.unwrap_or_else(|| panic!("MODEL_TROUBLES: there is no {name} in {:?}", Self::ALL))
                .1
        };
        Some(names.split(',').map(kind_of).collect())
    }
}

/// One complication of a history. Times are seconds from the start.
#[derive(Debug, Clone)]
enum Complication {
    /// Numbers of the requests with an empty answer, and the delay of the first start, if any.
    EmptyOnce(Vec<usize>, Option<i64>),
    Incident(Incident),
    /// Rows whose seconds can never be answered.
    UnansweredSeconds(Vec<Index>, WindowFailure),
    /// Rows, each with the moment of its change and its new spelling.
    Corrected(Vec<(Index, i64, Respelling)>),
    Swapped {
        from: i64,
        length: i64,
        with_restart: bool,
    },
    RetryAfterOnce(Vec<(usize, Refusal)>),
    ServerClock(i64),
    DateHeader(DateHeader),
    LateStart(i64),
}

fn incident(
    kind: impl Strategy<Value = IncidentKind> + 'static,
    from: std::ops::Range<i64>,
    length: std::ops::Range<i64>,
) -> BoxedStrategy<Complication> {
    let incident = (kind, from, length).prop_map(|(kind, from, length)| {
        Complication::Incident(Incident { kind, from, until: from + length })
    });
    incident.boxed()
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let status =
        prop_oneof![Just(RefusalStatus::Unavailable), Just(RefusalStatus::TooManyRequests)];
    (status, prop::sample::select(Refusal::WAITS.to_vec()))
        .prop_map(|(status, wait)| Refusal { status, wait })
}

fn respelling() -> impl Strategy<Value = Respelling> {
    prop::sample::select(Respelling::ALL.to_vec())
}

fn respelled(older_than: std::ops::Range<i64>) -> BoxedStrategy<Complication> {
    let kind = (respelling(), older_than)
        .prop_map(|(respelling, older_than)| IncidentKind::Respelled { respelling, older_than });
    let length = prop_oneof![Just(i64::MAX / 2), 600..2 * world::TRAFFIC];
    (kind, 0..world::TRAFFIC, length)
        .prop_map(|(kind, from, length)| {
            Complication::Incident(Incident { kind, from, until: from + length })
        })
        .boxed()
}

fn complication(kind: Kind) -> BoxedStrategy<Complication> {
    let traffic = 0..world::TRAFFIC;
    match kind {
        Kind::EmptyOnce => {
            let requests = prop_oneof![0usize..6, 0usize..60];
            (prop::collection::vec(requests, 1..4), prop::option::of(600i64..8 * 3600))
                .prop_map(|(requests, late)| Complication::EmptyOnce(requests, late))
                .boxed()
        }
        Kind::EmptyForAWhile => incident(Just(IncidentKind::Empty), traffic, 60..5400),
        Kind::UnansweredSeconds => {
            let failure = prop::sample::select(WindowFailure::ALL.to_vec());
            (prop::collection::vec(any::<Index>(), 2..20), failure)
                .prop_map(|(rows, failure)| Complication::UnansweredSeconds(rows, failure))
                .boxed()
        }
        Kind::Respelled => respelled(0..1),
        Kind::Archived => respelled(300..7200),
        Kind::Corrected => {
            let correction = (any::<Index>(), 0..2 * world::TRAFFIC, respelling());
            prop::collection::vec(correction, 1..12).prop_map(Complication::Corrected).boxed()
        }
        // Before 3,300 s a re-reading knows too few rows to notice the swap.
        Kind::Swapped => (3300..world::TRAFFIC - 600, 300i64..3 * 3600, any::<bool>())
            .prop_map(|(from, length, with_restart)| Complication::Swapped {
                from,
                length,
                with_restart,
            })
            .boxed(),
        Kind::RetryAfterOnce => prop::collection::vec((0usize..60, refusal()), 1..4)
            .prop_map(Complication::RetryAfterOnce)
            .boxed(),
        Kind::RetryAfterForAWhile => {
            let errand = prop::sample::select(Errand::ALL.to_vec());
            let kind = (errand, refusal())
                .prop_map(|(errand, refusal)| IncidentKind::Busy(errand, refusal));
            incident(kind, traffic, 60..1800)
        }
        Kind::ServerClock => (-300i64..=300).prop_map(Complication::ServerClock).boxed(),
        Kind::DateHeader => prop_oneof![
            Just(DateHeader::Missing),
            (-300..world::TRAFFIC).prop_map(DateHeader::Frozen),
            Just(DateHeader::Jumping),
        ]
        .prop_map(Complication::DateHeader)
        .boxed(),
        Kind::Hangs => incident(Just(IncidentKind::Hangs), traffic, 60..4 * 3600),
        Kind::Unreadable => incident(Just(IncidentKind::Unreadable), traffic, 60..4 * 3600),
        Kind::LateStart => (600i64..8 * 3600).prop_map(Complication::LateStart).boxed(),
    }
}

fn complications() -> BoxedStrategy<Vec<Complication>> {
    let named = Kind::named();
    let at_least = usize::from(named.is_some());
    let kinds = named.unwrap_or_else(|| Kind::ALL.iter().map(|(_, kind)| *kind).collect());
    some_of(kinds, at_least)
}

/// Makes complications of the second report, which has no clock and no start of its own.
fn call_complications() -> BoxedStrategy<Vec<Complication>> {
    let of_both = [Kind::Swapped, Kind::ServerClock, Kind::DateHeader, Kind::LateStart];
    let mut kinds: Vec<Kind> = Kind::ALL.iter().map(|(_, kind)| *kind).collect();
    kinds.retain(|kind| !of_both.contains(kind));
    some_of(kinds, 0)
}

fn some_of(kinds: Vec<Kind>, at_least: usize) -> BoxedStrategy<Vec<Complication>> {
    let one = prop::sample::select(kinds).prop_flat_map(complication);
    prop::collection::vec(one, at_least..at_least + 3).boxed()
}

fn rows() -> impl Strategy<Value = Vec<WorldRow>> {
    let lateness = prop_oneof![
        8 => 0i64..20,
        2 => 20i64..world::LOOKBACK,
        1 => world::LOOKBACK..world::LATEST,
    ];
    let row = (0i64..world::TRAFFIC, lateness, 0u8..12, 0u8..4, 0u32..90, 0u32..4, 1u8..4);
    let rows = row.prop_map(|(date, lateness, conn, option, second, attempts, copies)| {
        let row = WorldRow { date, visible: date + lateness, conn, option, second, attempts };
        // Most rows are single; the others have an equal twin, and both are real.
        vec![row; if copies == 3 { 2 } else { 1 }]
    });
    prop::collection::vec(rows, 0..60).prop_map(|rows| rows.into_iter().flatten().collect())
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

/// Makes troubles of single requests, or spells of one trouble, as servers have them.
fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    let spell = (trouble(), 1usize..12).prop_map(|(trouble, length)| vec![trouble; length]);
    prop_oneof![
        prop::collection::vec(trouble(), 0..20),
        prop::collection::vec(spell, 0..6).prop_map(|spells| spells.concat()),
    ]
}

/// Trouble that depends on the request.
#[derive(Debug, Clone)]
enum Nature {
    None,
    TooWide(u64, WindowFailure),
    /// The row whose second cannot be answered, and for how many seconds.
    Unanswerable(Index, Option<i64>, WindowFailure),
    Times(Times),
    Away(i64, i64),
    QuotaLies(Vec<(u64, u64)>),
    Fold,
    /// Seconds by which the clock is wrong from the first start on.
    WrongClock(i64),
}

fn nature() -> impl Strategy<Value = Nature> {
    let lie = prop_oneof![
        Just((0, 0)),
        Just((0, 500)),
        Just((1000, 1000)),
        Just((5, 400)),
        Just((60, 3))
    ];
    prop_oneof![
        13 => report_nature(),
        2 => (600..world::TRAFFIC, 3600i64..8 * 3600).prop_map(|(at, length)| Nature::Away(at, length)),
        1 => prop::collection::vec(lie, 1..5).prop_map(Nature::QuotaLies),
        1 => Just(Nature::Fold),
        1 => (-86_400i64..86_400).prop_map(Nature::WrongClock),
    ]
}

/// Makes the natures that concern one report.
fn report_nature() -> impl Strategy<Value = Nature> {
    let failure = || prop::sample::select(WindowFailure::ALL.to_vec());
    prop_oneof![
        6 => Just(Nature::None),
        3 => (2u64..15, failure()).prop_map(|(rows, failure)| Nature::TooWide(rows, failure)),
        3 => (any::<Index>(), prop::option::of(600i64..3600), failure())
            .prop_map(|(row, until, failure)| Nature::Unanswerable(row, until, failure)),
        1 => prop_oneof![Just(Times::DayOnly), Just(Times::Ignored)].prop_map(Nature::Times),
    ]
}

fn disk_trouble() -> impl Strategy<Value = DiskTrouble> {
    prop_oneof![
        (0u64..400).prop_map(DiskTrouble::PowerCut),
        (0u64..400, 1i64..2000)
            .prop_map(|(writes, seconds)| DiskTrouble::Outage { writes, seconds }),
    ]
}

/// Makes jumps of the exporter's clock of up to three hours; the last one sets it right.
fn clock_jumps() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let jumps = prop::collection::vec((0i64..world::TRAFFIC, -10_800i64..10_800), 1..4);
    prop_oneof![2 => Just(Vec::new()), 1 => jumps].prop_map(|mut jumps| {
        jumps.sort_unstable();
        if let Some(last) = jumps.last_mut() {
            last.1 = 0;
        }
        jumps
    })
}

/// Returns the most rows within two seconds, because the narrowest span includes both its ends.
fn densest(rows: &[WorldRow]) -> u64 {
    let around = |date| rows.iter().filter(|row| row.date == date || row.date == date + 1).count();
    rows.iter().map(|row| around(row.date).max(around(row.date - 1))).max().unwrap_or(0) as u64
}

/// Makes any history; half of them have the second report.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    (menus(), prop::option::of(calls())).prop_map(|(plan, calls)| match calls {
        Some(calls) => beside(plan, calls),
        None => plan,
    })
}

/// Makes the second report, with troubles of its own.
fn calls() -> impl Strategy<Value = World> {
    (
        rows(),
        troubles(),
        prop_oneof![4 => Just(0u64), 1 => 1u64..100],
        report_nature(),
        call_complications(),
    )
        .prop_map(|(rows, troubles, overstates, nature, complications)| {
            let world = World { troubles, overstates, ..World::of_calls(told_apart(rows)) };
            troubled(Plan::of(world), nature, complications).world
        })
}

/// Removes rows of a call that differ in nothing but their words, because their order is unknown.
fn told_apart(mut rows: Vec<WorldRow>) -> Vec<WorldRow> {
    let mut results = BTreeMap::new();
    rows.retain(|row| {
        let result = results.entry((row.conn, row.second, row.date, row.option));
        *result.or_insert(row.attempts) == row.attempts
    });
    rows
}

/// Adds the second report. The server has one clock, one zone and one limit of rows for both.
fn beside(mut plan: Plan, mut calls: World) -> Plan {
    let world = &mut plan.world;
    calls.clock = world.clock;
    calls.fold = world.fold;
    if !plan.jumps.is_empty() || !world.quota_lies.is_empty() {
        calls.rows.retain(|row| row.visible - row.date < world::LOOKBACK);
        calls.corrections.clear();
    }
    if world.fold || !plan.jumps.is_empty() {
        // Only one party at a time may be wrong about the time and about the number of rows.
        let troubles = std::mem::take(&mut calls.troubles);
        calls =
            World { troubles, clock: calls.clock, fold: calls.fold, ..World::of_calls(calls.rows) };
    }
    if plan.first_start > 0 || plan.away.is_some() {
        // An empty answer about less than an hour is believed, and those hours are not read again.
        calls.troubles.retain(|trouble| *trouble != Trouble::Empty);
    }
    let is_late = plan.first_start > 0 || plan.away.is_some();
    if is_late || !world.quota_lies.is_empty() || !world.incidents.is_empty() {
        // An answer with all rows of the day does not show that the server ignores the times.
        calls.times = Times::Kept;
    }
    world.cap = world.cap.max(densest(&calls.rows) + 1);
    calls.cap = world.cap;
    if calls.times != Times::Kept {
        // For the same reason the report must be read soon. Such a server is not asked in halves,
        // so its answers must hold all rows.
        calls.troubles.clear();
        world.cap = 60_000;
        calls.cap = 60_000;
    }
    plan.calls = Some(calls);
    plan
}

/// Makes the first report, and the events of the whole history.
fn menus() -> impl Strategy<Value = Plan> {
    (
        rows(),
        troubles(),
        prop_oneof![2 => Just(60_000u64), 1 => 2u64..12],
        prop_oneof![4 => Just(0u64), 1 => 1u64..100],
        prop::collection::vec(1i64..world::TRAFFIC, 0..4),
        prop::collection::vec(disk_trouble(), 0..3),
        clock_jumps(),
        any::<bool>(),
        (any::<u64>(), nature(), complications()),
    )
        .prop_map(|(rows, troubles, cap, overstates, restarts, disk, jumps, patient, more)| {
            let (seed, nature, complications) = more;
            let world = World { troubles, cap, overstates, ..World::of(rows) };
            let plan = Plan { restarts, disk, jumps, patient, seed, ..Plan::of(world) };
            troubled(plan, nature, complications)
        })
}

/// Adds the events of a report, as far as the exporter promises to withstand them.
fn troubled(mut plan: Plan, nature: Nature, complications: Vec<Complication>) -> Plan {
    if complications.is_empty() {
        plan = with_nature(plan, nature);
    }
    for complication in complications {
        complicate(&mut plan, complication);
    }
    within_the_promise(plan)
}

fn with_nature(mut plan: Plan, nature: Nature) -> Plan {
    let world = &mut plan.world;
    if !matches!(nature, Nature::None) {
        // Only one lie at a time: the announced number means nothing where it cannot be tested.
        world.overstates = 0;
    }
    match nature {
        Nature::None => {}
        Nature::TooWide(rows, failure) => world.too_wide = Some((rows, failure)),
        Nature::Unanswerable(row, until, failure) if !world.rows.is_empty() => {
            let second = world.rows[row.index(world.rows.len())].date;
            let until = until.map(|until| second + until);
            if until.is_none() {
                // Nobody can ever read the rows of this second.
                world.rows.retain(|row| row.date != second);
            }
            world.unanswerable.push(UnanswerableSecond {
                second,
                until: until.unwrap_or(i64::MAX),
                failure,
            });
        }
        Nature::Unanswerable(..) => {}
        Nature::Times(times) => {
            world.times = times;
            world.cap = 60_000;
        }
        Nature::Away(at, length) => plan.away = Some((at, length)),
        Nature::QuotaLies(lies) => world.quota_lies = lies,
        Nature::Fold => {
            world.fold = true;
            world.cap = 60_000;
            plan.patient = false;
        }
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

/// Adds a complication. Only one party at a time may be wrong about the time and about the number
/// of rows.
fn complicate(plan: &mut Plan, complication: Complication) {
    let world = &mut plan.world;
    world.overstates = 0;
    plan.jumps.clear();
    match complication {
        Complication::EmptyOnce(requests, late) => {
            if let Some(late) = late {
                start_late(plan, late);
            }
            let world = &mut plan.world;
            let empty = requests.into_iter().map(|request| (request, Trouble::Empty));
            set_troubles(&mut world.troubles, empty);
        }
        Complication::RetryAfterOnce(requests) => {
            let busy =
                requests.into_iter().map(|(request, refusal)| (request, Trouble::Busy(refusal)));
            set_troubles(&mut world.troubles, busy);
        }
        Complication::Incident(incident) => world.incidents.push(incident),
        Complication::UnansweredSeconds(rows, failure) => make_unanswerable(world, &rows, failure),
        Complication::Corrected(corrections) if !world.rows.is_empty() => {
            let correction = |(row, at, respelling): (Index, i64, Respelling)| Correction {
                row: row.index(world.rows.len()),
                at,
                respelling,
            };
            world.corrections.extend(corrections.into_iter().map(correction));
        }
        Complication::Corrected(_) => {}
        Complication::Swapped { from, length, with_restart } => {
            swap(plan, from, length, with_restart);
        }
        Complication::ServerClock(ahead) => world.clock.ahead = ahead,
        Complication::DateHeader(header) => world.clock.header = header,
        Complication::LateStart(at) => start_late(plan, at),
    }
}

fn start_late(plan: &mut Plan, at: i64) {
    plan.first_start += at;
    plan.restarts.iter_mut().for_each(|restart| *restart += at);
}

fn set_troubles(troubles: &mut Vec<Trouble>, ours: impl Iterator<Item = (usize, Trouble)>) {
    for (request, trouble) in ours {
        if troubles.len() <= request {
            troubles.resize(request + 1, Trouble::None);
        }
        troubles[request] = trouble;
    }
}

fn make_unanswerable(world: &mut World, rows: &[Index], failure: WindowFailure) {
    if world.rows.is_empty() {
        return;
    }
    let mut seconds: Vec<i64> =
        rows.iter().map(|row| world.rows[row.index(world.rows.len())].date).collect();
    seconds.extend(world.unanswerable.drain(..).map(|one| one.second));
    seconds.sort_unstable();
    if matches!(failure, WindowFailure::Timeout) {
        // To find each such second takes a quarter of an hour.
        seconds.truncate(3);
    }
    for second in seconds {
        if world.unanswerable.last().is_none_or(|last| last.second + 3 <= second) {
            world.unanswerable.push(UnanswerableSecond { second, until: i64::MAX, failure });
        }
    }
    // Nobody can ever read the rows of these seconds.
    world.rows.retain(|row| world.unanswerable.iter().all(|one| one.second != row.date));
    world.corrections.clear();
}

/// Swaps the server for that of another operation, with so many rows that the swap can be noticed.
fn swap(plan: &mut Plan, from: i64, length: i64, with_restart: bool) {
    let world = &mut plan.world;
    world.rows.retain(|row| row.date.rem_euclid(world::FOREIGN_EVERY) != world::FOREIGN_EVERY / 2);
    world.corrections.clear();
    let steady = (0..world::TRAFFIC).step_by(world::FOREIGN_EVERY as usize).map(|date| WorldRow {
        date,
        visible: date + 5,
        conn: (date / world::FOREIGN_EVERY % 12) as u8,
        option: 1,
        second: 5,
        attempts: 1,
    });
    world.rows.extend(steady);
    // Only one swap, and no incident that hides the rows by which it is noticed.
    let hides = [IncidentKind::Swapped, IncidentKind::Empty, IncidentKind::Unreadable];
    world.incidents.retain(|incident| !hides.contains(&incident.kind));
    world.incidents.push(Incident { kind: IncidentKind::Swapped, from, until: from + length });
    world.troubles.clear();
    world.unanswerable.clear();
    world.cap = 60_000;
    plan.disk.clear();
    plan.restarts.clear();
    plan.restarts.extend(with_restart.then_some(from - 10));
}

/// Removes everything that was never promised.
fn within_the_promise(mut plan: Plan) -> Plan {
    let world = &mut plan.world;
    if !plan.jumps.is_empty() || !world.quota_lies.is_empty() {
        // While the time or the number of requests left is unknown, an hourly re-reading may come
        // late.
        world.rows.retain(|row| row.visible - row.date < world::LOOKBACK);
    }
    if world.overstates > 0 {
        // If the announced number is always too high, nobody can tell that an answer was also cut.
        world.troubles.retain(|trouble| !matches!(trouble, Trouble::TooFew(_) | Trouble::Half));
    }
    if world.rows.len() < FEW_ROWS {
        // A server that ignores the times and has hardly any rows looks like one in another time
        // zone.
        world.times = Times::Kept;
    }
    let is_swap = |incident: &Incident| incident.kind == IncidentKind::Swapped;
    if world.incidents.iter().any(is_swap) {
        world.troubles.clear();
        world.unanswerable.clear();
        world.incidents.retain(|incident| is_swap(incident) || !hides_rows(incident));
        plan.first_start = 0;
        plan.restarts.retain(|at| *at < world::TRAFFIC);
    }
    if world.troubles.contains(&Trouble::Empty) {
        if plan.first_start > 0 {
            // An empty answer about less than an hour is believed, and those hours are not read
            // again, so nothing else may cause them to be requested in parts.
            for trouble in world.troubles.iter_mut().filter(|one| **one != Trouble::Empty) {
                *trouble = Trouble::None;
            }
            world.unanswerable.clear();
            world.cap = 60_000;
        }
        // A row that can be read only once, after it appeared, is lost if that answer is empty.
        let late = world::LOOKBACK / 3;
        let rows = world.rows.len();
        world.rows.retain(|row| row.visible - row.date < late);
        if world.rows.len() < rows {
            world.corrections.clear();
        }
        space_empty_answers(&mut world.troubles);
    }
    // More rows in the narrowest span than fit into an answer are beyond the promise.
    let densest = densest(&world.rows);
    world.cap = world.cap.max(densest + 1);
    if let Some((rows, _)) = &mut world.too_wide {
        *rows = densest.max(*rows);
    }
    plan
}

fn hides_rows(incident: &Incident) -> bool {
    matches!(incident.kind, IncidentKind::Empty | IncidentKind::Unreadable)
}

/// Keeps empty answers apart, because the halves of one that was not believed are answered.
fn space_empty_answers(troubles: &mut [Trouble]) {
    const APART: usize = 6;
    let mut last = None;
    for (request, trouble) in troubles.iter_mut().enumerate() {
        if *trouble != Trouble::Empty {
            continue;
        }
        if last.is_some_and(|last| request < last + APART) {
            *trouble = Trouble::None;
        } else {
            last = Some(request);
        }
    }
}
