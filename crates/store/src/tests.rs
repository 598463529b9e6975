//! The store over real files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use ledger::{
    IdleTimes, JourneyMeasure, JourneyState, ReconcileParams, RowBatch, SeenRows, SeriesLimits,
    TimeBounds, reconcile,
};
use model::{LocalSecond, MenuLabels, PointLabels};
use proptest::prelude::*;
use wolkvox_api::{Row, RowLabels};

use super::*;

mod disk;
mod files;
mod interactions;
mod rescue;
mod targets;

const HOUR: i64 = 3600;

const OPEN: TimeBounds = TimeBounds::OPEN;

fn params(idle: &IdleTimes) -> ReconcileParams<'_> {
    let limits = SeriesLimits::default();
    ReconcileParams {
        bounds: OPEN,
        limits,
        idle,
        measure: JourneyMeasure::Options,
        now: 0,
        moment: &LocalSecond::get,
    }
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/state.redb");
    (folder, path)
}

fn row(date: i64, who: u64) -> Row<'static> {
    Row {
        labels: RowLabels::new("10", "voice", "A"),
        fingerprint: who,
        interaction: Some(who),
        began: None,
        date: LocalSecond::new(date),
        second: Some(3),
        attempts: 1,
    }
}

fn read(store: &Store, target: TargetId, counters: &mut TargetCounters, rows: Vec<Row<'_>>) {
    let mut batch = RowBatch::default();
    rows.into_iter().for_each(|row| batch.push(Ok(row)));
    let step = store
        .transact(|tx| {
            let step = reconcile(
                counters,
                &mut batch,
                &params(&IdleTimes::from(Duration::from_mins(30))),
                &tx.memory(target, i64::MIN),
            )?;
            tx.write(target, &step)?;
            Ok(step)
        })
        .unwrap();
    counters.apply(step);
}

/// Of one interaction.
fn state(store: &Store, target: TargetId, who: u64) -> JourneyState {
    let who = [who.try_into().unwrap()];
    store.transact(|tx| tx.memory(target, i64::MIN).journeys(&who)).unwrap().remove(0)
}

fn restore(store: &Store, name: &str) -> (TargetId, TargetCounters) {
    store.restore(name, || TargetCounters::new(Timestamp::from_second(77).unwrap())).unwrap()
}

#[test]
fn what_is_committed_is_restored() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut account_a) = restore(&store, "a");
    let (b, mut account_b) = restore(&store, "b");
    assert_ne!(a, b);
    read(&store, a, &mut account_a, vec![row(100, 1), row(100, 1), row(7200, 2)]);
    read(&store, b, &mut account_b, vec![row(100, 1)]);
    let hash = store.fingerprints().of(&["x"]);
    drop(store);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let store = Store::open(&path, [2; 16]).unwrap();
    assert_eq!(store.fingerprints().of(&["x"]), hash, "the file keeps its key");
    assert_eq!(restore(&store, "a"), (a, account_a.clone()));
    assert_eq!(restore(&store, "b"), (b, account_b));
    read(&store, a, &mut account_a, vec![row(100, 1), row(100, 1), row(100, 1), row(7200, 2)]);
    let (_, menu) = &account_a.menus[&MenuLabels::new("10", "voice", "A")];
    assert_eq!((menu.hits, account_a.totals.origin), (4, 77));
    assert_eq!(account_a.points[&PointLabels::new("10", "voice")].interactions, 2);
}

#[test]
fn forgets_by_date_and_by_last_activity_of_one_target_only() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    let (b, mut other) = restore(&store, "b");
    read(&store, a, &mut counters, vec![row(0, 1), row(5 * HOUR, 1), row(1, 2), row(6 * HOUR, 3)]);
    read(&store, b, &mut other, vec![row(0, 1)]);
    let all = |tx: &mut Transaction<'_>, id| tx.rows_in(id, (LocalSecond::MIN, LocalSecond::MAX));
    let count = |target| store.transact(|tx| all(tx, target)).unwrap().len();
    let [five, six] = [5 * HOUR, 6 * HOUR].map(LocalSecond::new);
    // Of the first one more might have come until half past five, of the second until half past
    // midnight.
    store.transact(|tx| tx.forget(a, five, 5 * HOUR)).unwrap();
    assert_eq!((count(a), count(b)), (2, 1));
    let knows = |target, who| state(&store, target, who) != JourneyState::New;
    assert_eq!([knows(a, 1), knows(a, 2), knows(a, 3), knows(b, 1)], [true, false, true, true]);
    let between = store.transact(|tx| tx.rows_in(a, (five, six))).unwrap();
    assert_eq!(between.len(), 1);
}

proptest! {
    /// Behind all that is known, before it or in between, and beside another target whose rows lie
    /// behind.
    #[test]
    fn every_row_is_remembered_wherever_it_comes(
        answers in prop::collection::vec((0usize..2, prop::collection::vec((0i64..40, 1u64..4), 0..30)), 1..12),
    ) {
        let store = Store::in_memory([1; 16]).unwrap();
        let mut targets = ["a", "b"].map(|name| restore(&store, name));
        let mut real: [BTreeMap<(i64, u64), u64>; 2] = Default::default();
        let mut largest: [BTreeMap<i64, u64>; 2] = Default::default();
        for (of, rows) in answers {
            let (target, counters) = &mut targets[of];
            read(&store, *target, counters, rows.iter().map(|(date, who)| row(*date, *who)).collect());
            let mut seen: BTreeMap<_, u64> = BTreeMap::new();
            rows.into_iter().for_each(|key| *seen.entry(key).or_default() += 1);
            let mut by_second: BTreeMap<i64, u64> = BTreeMap::new();
            seen.iter().for_each(|((date, _), count)| *by_second.entry(*date).or_default() += count);
            for (date, count) in by_second {
                let most = largest[of].entry(date).or_default();
                *most = count.max(*most);
            }
            for (key, count) in seen {
                let most = real[of].entry(key).or_default();
                *most = count.max(*most);
            }
        }
        for (((target, counters), real), largest) in targets.iter().zip(&real).zip(&largest) {
            let mut interactions = BTreeSet::new();
            for date in 0..40 {
                let second = LocalSecond::new(date);
                let records = store.transact(|tx| tx.rows_in(*target, (second, second + 1))).unwrap();
                let of_second: Vec<_> = real.range((date, 0)..(date + 1, 0)).map(|(_, count)| *count).collect();
                prop_assert_eq!(records.iter().map(|record| u64::from(record.count)).collect::<Vec<_>>(), of_second);
                let counted = records.iter().filter(|record| record.counted > 0);
                interactions.extend(counted.filter_map(|record| record.interaction));
            }
            prop_assert_eq!(counters.totals.new, largest.values().sum::<u64>());
            let last = store.transact(|tx| tx.memory(*target, i64::MIN).journeys_due(i64::MAX)).unwrap();
            prop_assert_eq!(last.len(), interactions.len(), "each with one deadline");
        }
    }
}

#[test]
fn an_error_inside_a_transaction_leaves_nothing() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, counters) = restore(&store, "a");
    let result: Result<(), _> = store.transact(|tx| {
        let mut batch = RowBatch::default();
        batch.push(Ok(row(1, 1)));
        let step = reconcile(
            &counters,
            &mut batch,
            &params(&IdleTimes::from(Duration::from_mins(30))),
            &tx.memory(a, i64::MIN),
        )?;
        tx.write(a, &step)?;
        Err(StoreError::Failed("stop".to_owned()))
    });
    assert!(result.is_err());
    assert_eq!(restore(&store, "a").1, counters);
}

/// A journey begun before a restart goes on after it, and its end is remembered.
#[test]
fn journeys_go_on_after_a_restart() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1), row(130, 2)]);
    drop(store);
    let store = Store::open(&path, [1; 16]).unwrap();
    assert_eq!(restore(&store, "a").1, counters);
    read(&store, a, &mut counters, vec![row(160, 1)]);
    let close = |counters: &mut TargetCounters, closing| {
        let bounds = TimeBounds { closing, ..OPEN };
        let step = store.transact(|tx| {
            let idle = IdleTimes::from(Duration::from_mins(30));
            let step = reconcile(
                counters,
                &mut RowBatch::default(),
                &ReconcileParams { bounds, ..params(&idle) },
                &tx.memory(a, i64::MIN),
            )?;
            tx.write(a, &step)?;
            Ok(step)
        });
        counters.apply(step.unwrap());
    };
    close(&mut counters, 130 + 1801);
    let point = PointLabels::new("10", "voice");
    assert_eq!((counters.points[&point].open, counters.points[&point].journeys.sum()), (1, 1));
    close(&mut counters, 160 + 1801);
    assert_eq!((counters.points[&point].open, counters.points[&point].journeys.sum()), (0, 3));
    drop(store);
    let store = Store::open(&path, [1; 16]).unwrap();
    assert_eq!(restore(&store, "a").1, counters);
    let known = |who| state(&store, a, who);
    assert_eq!(
        [known(1), known(2), known(3)],
        [JourneyState::Over, JourneyState::Over, JourneyState::New]
    );
}

/// What is dropped is gone after a restart too.
#[test]
fn dropped_series_are_gone_from_the_file() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    let other = Row { labels: RowLabels::new("20", "voice", "B"), ..row(200, 3) };
    read(&store, a, &mut counters, vec![row(100, 1), row(110, 1), other]);
    let mut step = counters.release(Timestamp::UNIX_EPOCH, |_| true).unwrap();
    step.menus.clear();
    step.points.clear();
    step.dropped = counters.unseen(LocalSecond::new(150), |_| false);
    assert_eq!(step.dropped.len(), 2);
    store.transact(|tx| tx.write(a, &step)).unwrap();
    counters.apply(step);
    assert_eq!((counters.menus.len(), counters.points.len()), (1, 1));
    assert_eq!(store.reload(a).unwrap(), counters);
}

#[test]
fn requests_are_counted_by_day_and_a_clock_set_back_brings_none() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, _) = restore(&store, "a");
    let (b, _) = restore(&store, "b");
    let day = |day| jiff::civil::date(2026, 1, day);
    let spend = |target, on| store.transact(|tx| tx.spend_request(target, day(on))).unwrap();
    let used = |target, on| store.transact(|tx| tx.requests(target, day(on))).unwrap();
    (0..3).for_each(|_| spend(a, 18));
    spend(b, 18);
    assert_eq!((used(a, 18), used(b, 18), used(a, 19)), (3, 1, 0));
    spend(a, 19);
    spend(a, 18);
    assert_eq!((used(a, 18), used(a, 19)), (2, 2));
}

/// The vendor's count goes down as well as up, and a clock that was days ahead leaves no day that
/// never ends.
#[test]
fn the_vendors_count_is_a_value_and_a_day_far_ahead_is_forgotten() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (target, _) = restore(&store, "a");
    let date = jiff::civil::date;
    let used = |day| store.transact(|tx| tx.requests(target, day)).unwrap();
    let set = |day, count| store.transact(|tx| tx.set_requests(target, day, count)).unwrap();
    let today = date(2026, 1, 18);
    set(today, 1000);
    set(today, 3);
    assert_eq!(used(today), 3);
    assert_eq!(store.transact(|tx| tx.refund_request(target, today)).unwrap(), 2);
    store.transact(|tx| tx.spend_request(target, date(2026, 2, 27))).unwrap();
    assert_eq!((used(date(2026, 2, 27)), used(today)), (1, 0));
    store.transact(|tx| tx.spend_request(target, today)).unwrap();
    assert_eq!((used(today), used(date(2026, 1, 19)), used(date(2026, 2, 27))), (1, 0, 0));
}

#[test]
fn an_inspection_shows_numbers_and_changes_nothing() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    read(&store, a, &mut counters, vec![row(100, 1), row(100, 1), row(7200, 2)]);
    assert!(matches!(inspect(&path), Err(StoreError::Locked(_))));
    drop(store);
    let before = fs::read(&path).unwrap();
    let inspection = inspect(&path).unwrap();
    assert_eq!((inspection.rows, inspection.interactions), (2, 2));
    let text = inspection.to_string();
    assert!(text.contains("  diagram_13\n    counting since: 1970-01-01T00:01:17Z\n"), "{text}");
    assert!(!text.contains("diagram_1\n"), "{text}");
    assert!(
        text.contains(
            "label sets: 1\n    rows under `other`, over the limits: 0\n    rows counted: 3, of them late: 0\n"
        ),
        "{text}"
    );
    assert!(fs::read(&path).unwrap() == before, "the file was changed");
    // A second report stands beside the first.
    let store = Store::open(&path, [1; 16]).unwrap();
    let begin = || TargetCounters::new(Timestamp::from_second(200).unwrap());
    store.restore_report(a, ReportName::Diagram1, begin).unwrap();
    drop(store);
    let text = inspect(&path).unwrap().to_string();
    assert!(text.contains("  diagram_1\n    counting since: 1970-01-01T00:03:20Z\n"), "{text}");
    let missing = inspect(Path::new("/nonexistent")).unwrap_err();
    assert!(matches!(missing, StoreError::Io { .. }));
    // Whoever prints an error with its causes does not print one twice.
    assert_eq!(format!("{:#}", anyhow::Error::new(missing)).matches("os error").count(), 1);
}

/// A journey that is still open may remember the number of a menu that is no longer exposed.
#[test]
fn the_number_of_a_menu_that_is_gone_is_not_given_to_another() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    let other = |date| Row { labels: RowLabels::new("20", "voice", "B"), ..row(date, 3) };
    read(&store, a, &mut counters, vec![row(100, 1)]);
    read(&store, a, &mut counters, vec![other(50)]);
    let gone = counters.menus[&MenuLabels::new("20", "voice", "B")].0;
    let mut step = counters.unchanged();
    step.dropped = counters.unseen(LocalSecond::new(90), |_| false);
    store.transact(|tx| tx.write(a, &step)).unwrap();
    counters.apply(step);
    drop(store);

    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, mut counters) = restore(&store, "a");
    let third = Row { labels: RowLabels::new("30", "voice", "C"), ..row(200, 4) };
    read(&store, a, &mut counters, vec![third]);
    let number = counters.menus[&MenuLabels::new("30", "voice", "C")].0;
    assert!(number > gone, "{number} was given to another before ({gone})");
}

/// A file that vanished is not replaced by an empty one, from which all would be counted anew. What
/// it holds is still read.
#[test]
fn a_vanished_file_is_used_on_and_not_replaced_by_an_empty_one() {
    let (_folder, path) = scratch();
    let store = Store::open(&path, [1; 16]).unwrap();
    let (a, counters) = restore(&store, "a");
    fs::remove_file(&path).unwrap();
    let _ = store
        .transact(|_| Err::<(), _>(StoreError::Failed("as if the disk had failed".to_owned())));
    assert_eq!(store.reload(a).unwrap(), counters);
    assert!(!path.exists());
}
