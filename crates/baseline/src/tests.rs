//! Tests of the history as a whole: against a list of rows, through storing and loading, and over
//! time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use model::{LocalSecond, MenuLabels};

/// The day of Monday, 5 January 2026, counted from 1970.
const MONDAY: i32 = 20_458;
const START: LocalSecond = LocalSecond::new(MONDAY as i64 * 86_400);

fn options() -> Vec<MenuLabels> {
    ["1", "2", "PULSE"].map(|option| MenuLabels::new("10", "voice", option)).to_vec()
}

fn add(history: &mut History, rows: &[(u32, LocalSecond, u32)]) {
    let labels = options();
    let mut delta = HistoryDelta::default();
    rows.iter().for_each(|(menu, at, times)| delta.rows(*menu, *at, 1, None, *times));
    history.apply(&delta, |number| labels.get(number as usize));
}

fn hits(history: &History, newest: i64) -> Vec<(String, Vec<(usize, u64)>)> {
    let shown =
        |hits: &DayHits| hits.iter().copied().enumerate().filter(|(_, hits)| *hits > 0).collect();
    history
        .last_day(newest)
        .iter()
        .map(|(labels, hits)| (labels.option.to_string(), shown(hits)))
        .collect()
}

#[test]
fn the_last_day_is_a_view_that_late_rows_correct() {
    let (mut history, hour) = (History::new(35), START.hour());
    add(&mut history, &[(0, START + 3599, 5), (1, START - 1, 1), (0, START - 23 * 3600, 7)]);
    assert_eq!(
        hits(&history, hour),
        [("1".into(), vec![(0, 7), (23, 5)]), ("2".into(), vec![(22, 1)])]
    );
    add(&mut history, &[(0, START, 2)]);
    assert_eq!(
        hits(&history, hour + 1),
        [("1".into(), vec![(22, 7)]), ("2".into(), vec![(21, 1)])]
    );
    assert_eq!(hits(&history, hour + 30), []);
}

#[test]
fn a_copy_is_changed_alone_and_stores_only_what_changed() {
    let mut history = History::new(35);
    add(&mut history, &[(0, START, 5), (1, START + 86_400, 5)]);
    let mut next = history.clone();
    assert_eq!(next.changes_since(&history), []);
    add(&mut next, &[(0, START + 86_399, 1)]);
    let days: Vec<i32> = next.changes_since(&history).iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [MONDAY]);
    assert_eq!(hits(&history, START.hour()), [("1".into(), vec![(23, 5)])]);
    // Covering a day changes it, too: it is known now that it has no hits.
    let read = next.clone();
    next.cover(START + 86_400, START + 86_400 + 600);
    let days: Vec<i32> = next.changes_since(&read).iter().map(|(day, _)| *day).collect();
    assert_eq!(days, [MONDAY + 1]);
}

#[test]
fn days_before_those_that_are_kept_go_and_do_not_come_back() {
    let mut history = History::new(2);
    add(&mut history, &[(0, START, 5), (1, START + 86_400, 5)]);
    history.cover(START, START + 2 * 86_400);
    let before = history.clone();
    history.forget(START + 3 * 86_400);
    assert_eq!(history.changes_since(&before), [(MONDAY, None)]);
    assert_eq!(history.begin(), Some(START + 86_400));
    let kept = history.clone();
    add(&mut history, &[(0, START, 5)]);
    history.cover(START, START + 600);
    assert_eq!(history.changes_since(&kept), []);
}

#[test]
fn options_that_are_gone_are_forgotten() {
    let mut history = History::new(1);
    for number in 0..40 {
        let labels = MenuLabels::new("10", "voice", &format!("old {number}"));
        let mut delta = HistoryDelta::default();
        delta.rows(0, START, 1, None, 1);
        history.apply(&delta, |_| Some(&labels));
    }
    let small = MenuLabels::new("10", "voice", "1");
    let mut delta = HistoryDelta::default();
    delta.rows(0, START + 2 * 86_400, 1, None, 3);
    history.apply(&delta, |_| Some(&small));
    let much = history.memory();
    history.forget(START + 2 * 86_400);
    assert!(history.memory() * 4 < much, "{} of {much}", history.memory());
    assert_eq!(hits(&history, (START + 2 * 86_400).hour()), [("1".into(), vec![(23, 3)])]);
}

#[test]
fn an_answer_of_the_warm_up_counts_only_what_was_asked_for() {
    let labels = options();
    let mut delta = HistoryDelta::between(START, START + 300);
    for at in [START - 1, START, START + 299, START + 300] {
        delta.rows(0, at, 2, Some(9), 1);
        delta.finals(0, at, 1);
    }
    let mut history = History::new(35);
    history.apply(&delta, |number| labels.get(number as usize));
    assert_eq!(hits(&history, START.hour()), [("1".into(), vec![(23, 2)])]);
    let mut outside = HistoryDelta::between(START, START + 300);
    outside.rows(0, START + 300, 1, None, 1);
    assert!(outside.is_empty() && !delta.is_empty());
}

#[test]
fn ends_are_kept_by_slot_for_as_long_as_windows_reach_and_by_hour_after_that() {
    let labels = options();
    let mut history = History::new(35);
    let end = |history: &mut History, at| {
        let mut delta = HistoryDelta::default();
        delta.finals(0, at, 1);
        history.apply(&delta, |number| labels.get(number as usize));
    };
    let ends = |history: &History, day| {
        let counts = history.day(day).unwrap().counts(0);
        (counts[cells::Hourly::Finals.first()], counts[cells::FINALS + 1])
    };
    end(&mut history, START + 300);
    history.forget(START + 2 * 86_400 - 1);
    assert_eq!(ends(&history, MONDAY), (1, 1));
    history.forget(START + 2 * 86_400);
    assert_eq!(ends(&history, MONDAY), (1, 0));
    // Counts that arrive late for that day are kept like its others; nothing else changes again.
    end(&mut history, START + 300);
    end(&mut history, START + 86_400 + 300);
    assert_eq!((ends(&history, MONDAY), ends(&history, MONDAY + 1)), ((2, 0), (1, 1)));
    let before = history.clone();
    history.forget(START + 2 * 86_400 + 300);
    assert_eq!(history.changes_since(&before), []);
}

#[test]
fn damaged_days_are_refused_and_change_nothing() {
    let mut history = History::new(35);
    add(&mut history, &[(0, START, 5)]);
    history.cover(START, START + 600);
    let bytes = history.changes_since(&History::new(35)).remove(0).1.unwrap();
    let mut read = History::new(35);
    for length in 0..bytes.len() {
        assert!(read.load(MONDAY, &bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
    let later = [&[9], &bytes[1..]].concat();
    let error = read.load(MONDAY, &later).unwrap_err().to_string();
    assert!(error.contains("version 9"), "{error}");
    assert!(read.load(MONDAY, &[&bytes[..], &[0]].concat()).is_err());
    assert_eq!((read.begin(), hits(&read, START.hour())), (None, vec![]));
    assert_eq!(read.load(MONDAY, &bytes), Ok(()));
    assert_eq!(
        (read.begin(), hits(&read, START.hour())),
        (Some(START), vec![("1".into(), vec![(23, 5)])])
    );
}

proptest! {
    #[test]
    fn holds_the_rows_it_was_given_in_any_order_and_through_a_restart(
        rows in prop::collection::vec((0..3_u32, -200_000..200_000_i64, 1..4_u32), 0..60),
        parts in 1..5_usize,
        stretches in prop::collection::vec((-200_000..200_000_i64, 0..90_000_i64), 0..5),
    ) {
        let rows: Vec<_> = rows.into_iter().map(|(menu, at, times)| (menu, START + at, times)).collect();
        let (mut stored, mut history): (BTreeMap<i32, Vec<u8>>, _) = (BTreeMap::new(), History::new(35));
        let mut save = |history: &History, before: &History| {
            for (day, bytes) in history.changes_since(before) {
                stored.insert(day, bytes.unwrap());
            }
        };
        for part in rows.chunks(rows.len() / parts + 1) {
            let before = history.clone();
            add(&mut history, part);
            save(&history, &before);
        }
        for (from, long) in &stretches {
            let before = history.clone();
            history.cover(START + *from, START + *from + *long);
            save(&history, &before);
        }
        let mut read = History::new(35);
        for (day, bytes) in &stored {
            prop_assert_eq!(read.load(*day, bytes), Ok(()));
        }
        let empty = History::new(35);
        prop_assert_eq!(read.changes_since(&empty), history.changes_since(&empty));
        for hour in [-30, 0, 1, 24, 60] {
            let newest = START.hour() + hour;
            prop_assert_eq!(read.last_day(newest), history.last_day(newest));
            let truth: u64 = rows
                .iter()
                .filter(|(_, at, _)| (newest - 23..=newest).contains(&at.hour()))
                .map(|(_, _, times)| u64::from(*times))
                .sum();
            let held: u64 = history.last_day(newest).iter().flat_map(|(_, hits)| *hits).sum();
            prop_assert_eq!(held, truth);
        }
        for (from, long) in &stretches {
            prop_assert!(read.covers(START + *from, START + *from + *long) || *long == 0);
        }
        prop_assert_eq!((read.begin(), read.known_since(START)), (history.begin(), history.known_since(START)));
    }
}
