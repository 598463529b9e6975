//! Tests of the ledger against a plain multiset.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    num::NonZeroU64,
    time::Duration,
};

use jiff::Timestamp;
use model::{Counted, LocalSecond, MenuLabels, OptionRules, PointLabels, TransitionLabels};
use proptest::prelude::*;
use wolkvox_api::{Rejection, Row, RowLabels};

use super::*;

#[derive(Default)]
struct Remembered {
    rows: HashMap<RowKey, RowRecord>,
    interactions: BTreeSet<NonZeroU64>,
    journeys: BTreeMap<NonZeroU64, OpenJourney>,
}

impl Remembered {
    fn take(&mut self, step: &Delta) {
        self.rows.extend(step.rows.iter().copied());
        self.interactions.extend(step.interactions.iter().map(|(interaction, _)| interaction));
        for change in &step.journeys {
            let before = match &change.after {
                Some(journey) => self.journeys.insert(change.interaction, journey.clone()),
                None => self.journeys.remove(&change.interaction),
            };
            assert_eq!(
                before.map(|journey| journey.deadline),
                change.before,
                "a step knows what was before"
            );
        }
    }
}

impl SeenRows for Remembered {
    type Error = Infallible;
    fn rows_dated(
        &self,
        date: LocalSecond,
        records: &mut Vec<(u64, RowRecord)>,
    ) -> Result<(), Infallible> {
        let dated = self.rows.iter().filter(|(key, _)| key.date == date);
        *records = dated.map(|(key, record)| (key.fingerprint, *record)).collect();
        records.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        Ok(())
    }
    fn journeys(&self, interactions: &[NonZeroU64]) -> Result<Vec<JourneyState>, Infallible> {
        let state = |interaction| match self.journeys.get(interaction) {
            Some(journey) => JourneyState::Open(journey.clone()),
            None if self.interactions.contains(interaction) => JourneyState::Over,
            None => JourneyState::New,
        };
        Ok(interactions.iter().map(state).collect())
    }
    fn journeys_due(&self, before: i64) -> Result<Vec<(NonZeroU64, OpenJourney)>, Infallible> {
        let due = self.journeys.iter().filter(|(_, journey)| journey.deadline < before);
        Ok(due.map(|(interaction, journey)| (*interaction, journey.clone())).collect())
    }
}

const OPEN: TimeBounds = TimeBounds::OPEN;

struct Book {
    counters: TargetCounters,
    memory: Remembered,
    limits: SeriesLimits,
    measure: JourneyMeasure,
}

impl Book {
    fn new() -> Self {
        Self {
            counters: TargetCounters::new(Timestamp::UNIX_EPOCH),
            memory: Remembered::default(),
            limits: Default::default(),
            measure: JourneyMeasure::default(),
        }
    }

    fn read<'r>(&mut self, rows: impl IntoIterator<Item = Row<'r>>, bounds: TimeBounds) {
        let mut batch = RowBatch::default();
        rows.into_iter().for_each(|row| batch.push(Ok(row)));
        self.reconcile(batch, bounds);
    }

    fn reconcile(&mut self, mut batch: RowBatch, bounds: TimeBounds) {
        let idle = IdleTimes::from(Duration::from_secs(100));
        let params = ReconcileParams {
            bounds,
            limits: self.limits,
            idle: &idle,
            measure: self.measure,
            now: 209,
            moment: &LocalSecond::get,
        };
        let Ok(step) = reconcile(&self.counters, &mut batch, &params, &self.memory);
        self.memory.take(&step);
        self.counters.apply(step);
    }

    /// Closes journeys that are idle before `watermark`.
    fn close(&mut self, watermark: i64) {
        self.read([], TimeBounds { closing: watermark, ..OPEN });
    }

    fn hits(&self) -> BTreeMap<String, u64> {
        self.counters.menus.iter().map(|(l, (_, m))| (l.option.to_string(), m.hits)).collect()
    }
}

fn row(date: i64, who: u64, option: &str) -> Row<'_> {
    Row {
        labels: RowLabels::new("10", "voice", option),
        fingerprint: who * 31 + option.len() as u64,
        interaction: Some(who),
        began: None,
        date: LocalSecond::new(date),
        second: Some(7),
        attempts: 2,
    }
}

#[test]
fn a_row_counts_once_and_equal_rows_each() {
    let mut book = Book::new();
    let rows = [row(100, 1, "A"), row(100, 1, "A"), row(105, 2, "B")];
    book.read(rows.clone(), OPEN);
    book.read(rows.clone(), OPEN);
    // A third equal row appears late, in an overlapping answer.
    book.read([rows[0].clone(), rows[0].clone(), rows[0].clone()], OPEN);
    assert_eq!(book.hits(), BTreeMap::from([("A".into(), 3), ("B".into(), 1)]));
    let totals = &book.counters.totals;
    assert_eq!((totals.new, totals.repeated, totals.last_row), (4, 5, Some(LocalSecond::new(105))));
    let (_, menu) = &book.counters.menus[&MenuLabels::new("10", "voice", "A")];
    assert_eq!(
        (menu.attempts, menu.retries, menu.seconds.sum(), menu.seconds.count()),
        (6, 3, 21, 3)
    );
    assert_eq!(book.counters.points[&PointLabels::new("10", "voice")].interactions, 2);
}

#[test]
fn a_smaller_answer_takes_nothing_back() {
    let mut book = Book::new();
    book.read([row(100, 1, "A"), row(100, 1, "A")], OPEN);
    book.read([row(100, 1, "A")], OPEN);
    book.read([row(100, 1, "A"), row(100, 1, "A")], OPEN);
    assert_eq!(book.hits()["A"], 2);
}

/// For one second and a series of answers, the rows that count are the most that one answer held.
#[test]
fn no_second_counts_more_rows_than_one_answer_held_for_it() {
    for (why, answers, counted, changed) in [
        ("a row is corrected", vec!["ab", "aC"], 2, 1),
        ("all rows are corrected", vec!["abc", "XYZ"], 3, 3),
        ("and corrected back", vec!["abc", "XYZ", "abc"], 3, 3),
        ("archived rows are respelled, new ones come", vec!["ab", "ABc"], 3, 2),
        ("a row is corrected while another comes late", vec!["ab", "aCd"], 3, 1),
        ("an old row vanishes and another comes late", vec!["a", "b"], 1, 1),
        ("but both were real", vec!["a", "b", "ab"], 2, 1),
        ("equal rows are corrected", vec!["aaa", "BBB"], 3, 3),
        ("one of equal rows is corrected", vec!["aaa", "aaB"], 3, 1),
        ("an answer is short", vec!["abc", "a", "abc"], 3, 0),
        ("an answer is short and respelled", vec!["abc", "X", "abcd"], 4, 1),
        ("two servers take turns", vec!["ab", "XY", "ab", "XYZ", "abc"], 3, 4),
        ("two reports are added up", vec!["ab", "abXY"], 4, 0),
    ] {
        let mut book = Book::new();
        for answer in &answers {
            let rows = answer.bytes().map(|who| row(100, who.into(), "A"));
            book.read(rows, OPEN);
        }
        let totals = &book.counters.totals;
        let most = answers.iter().map(|answer| answer.len() as u64).max();
        assert_eq!((book.hits()["A"], totals.changed), (counted, changed), "{why}");
        assert_eq!(Some(counted), most, "{why}");
        let received: u64 = answers.iter().map(|answer| answer.len() as u64).sum();
        assert_eq!(totals.new + totals.repeated + totals.changed, received, "{why}");
    }
}

/// In a report whose identities are all respelled, with one late row, the count grows under the
/// labels that have one row more.
#[test]
fn growth_goes_to_the_labels_that_have_more_rows_than_before() {
    for late in ["A", "B", "C"] {
        // The new identities sort before and after the old ones, and the late row may be any of
        // them.
        for who in [1u64, 20, 300] {
            let mut book = Book::new();
            book.read([row(100, 10, "A"), row(100, 11, "B")], OPEN);
            book.read([row(100, 90, "A"), row(100, 5, "B"), row(100, who, late)], OPEN);
            let mut hits = BTreeMap::from([("A".to_owned(), 1), ("B".to_owned(), 1)]);
            *hits.entry(late.to_owned()).or_default() += 1;
            assert_eq!(book.hits(), hits, "{late} {who}");
        }
    }
}

/// Rows taken over without being counted never count again, and hide no other row of their second.
#[test]
fn rebased_rows_are_known_and_not_counted() {
    let mut book = Book::new();
    let of = |answer: &'static str| answer.bytes().map(|who| row(100, who.into(), "A"));
    let rebase = TimeBounds { counted_from: LocalSecond::new(200), ..OPEN };
    book.read(of("ab"), OPEN);
    book.read(of("XYZ"), rebase);
    assert_eq!(book.hits()["A"], 2);
    for (answer, hits) in
        [("XYZ", 2), ("ab", 2), ("abc", 3), ("abcXYZ", 3), ("XYZW", 3), ("abcd", 4)]
    {
        book.read(of(answer), OPEN);
        assert_eq!(book.hits()["A"], hits, "{answer}");
    }
    book.read([row(200, 9, "A")], rebase);
    assert_eq!(book.hits()["A"], 5, "what is dated behind the doubt counts");
}

#[test]
fn rows_outside_the_bounds_are_counted_as_such() {
    let mut book = Book::new();
    let [earliest, watermark, latest] = [100, 150, 200].map(LocalSecond::new);
    let bounds = TimeBounds { earliest, latest, watermark, ..OPEN };
    book.read([99, 100, 149, 150, 200, 201].map(|date| row(date, date as u64, "A")), bounds);
    let totals = &book.counters.totals;
    assert_eq!((totals.out_of_range, totals.new, totals.late), (1, 4, 2));
    assert_eq!(totals.rejected, BTreeMap::from([(Rejection::FutureDate, 1)]));
    assert_eq!((totals.lateness.count(), totals.lateness.sum()), (4, 109 + 60 + 59 + 9));
}

#[test]
fn rejections_are_counted_by_reason() {
    let mut batch = RowBatch::default();
    for rejection in [Rejection::BadDate, Rejection::BadDate, Rejection::TooLong] {
        batch.push(Err(rejection.into()));
    }
    let mut book = Book::new();
    book.reconcile(batch, OPEN);
    let totals = &book.counters.totals;
    assert_eq!(totals.rejected, BTreeMap::from([(Rejection::BadDate, 2), (Rejection::TooLong, 1)]));
    assert!(book.memory.rows.is_empty() && book.counters.menus.is_empty());
}

#[test]
fn a_window_counts_what_is_dated_in_it_and_shows_known_options_at_0() {
    let mut book = Book::new();
    book.counters.expect(MenuLabels::new("10", "voice", "Z"));
    book.counters.expect(MenuLabels::new("20", "chat-web", "Z"));
    book.read([row(100, 1, "A"), row(100, 1, "A"), row(101, 1, "BB"), row(102, 2, "A")], OPEN);
    let records = book.memory.rows.values().copied();
    let window = book.counters.window(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, records);
    let hits: Vec<(&str, &str, u64)> =
        window.hits.iter().map(|(l, n)| (&*l.point.rp_id, &*l.option, *n)).collect();
    assert_eq!(hits, [("10", "A", 3), ("10", "BB", 1), ("10", "Z", 0), ("20", "Z", 0)]);
    let interactions: Vec<u64> = window.interactions.values().copied().collect();
    assert_eq!(interactions, [2, 0]);
}

#[test]
fn counts_are_released_once_their_zero_was_seen() {
    let mut book = Book::new();
    book.read([row(100, 1, "A"), row(100, 2, "BB")], OPEN);
    assert!(book.counters.release(Timestamp::UNIX_EPOCH, |_| false).is_none());
    let not_bb =
        |counted: &Counted| *counted != Counted::Menu(MenuLabels::new("10", "voice", "BB"));
    let step = book.counters.release(Timestamp::UNIX_EPOCH, not_bb).unwrap();
    book.counters.apply(step);
    let released: Vec<_> = book.counters.menus.values().map(|(_, menu)| menu.released).collect();
    assert_eq!(released, [Some(0), None]);
    let later = Timestamp::from_second(5).unwrap();
    let step = book.counters.release(later, |_| true).unwrap();
    assert_eq!((step.menus.len(), step.points.len()), (1, 0), "what is released stays as it is");
    book.counters.apply(step);
    assert!(book.counters.release(later, |_| true).is_none());
}

/// Returns entries, finals and repeats by option.
fn ends(book: &Book) -> BTreeMap<String, (u64, u64, u64)> {
    let menus = book.counters.menus.iter();
    menus.map(|(l, (_, m))| (l.option.to_string(), (m.entries, m.finals, m.repeats))).collect()
}

fn steps(book: &Book) -> BTreeMap<(String, String), u64> {
    let steps = book.counters.transitions.iter();
    steps.map(|(l, step)| ((l.from.to_string(), l.to.to_string()), step.steps)).collect()
}

#[test]
fn a_journey_is_counted_when_it_is_over() {
    let mut book = Book::new();
    let point = PointLabels::new("10", "voice");
    book.read([row(100, 1, "A"), row(110, 1, "BB")], OPEN);
    book.close(210);
    assert_eq!(
        (book.counters.points[&point].open, steps(&book).len()),
        (1, 0),
        "idle for 100 s, not longer"
    );
    book.read([row(120, 1, "A"), row(120, 2, "CCC")], TimeBounds { closing: 215, ..OPEN });
    assert_eq!(book.counters.points[&point].open, 2, "the new row put its end off");
    book.close(221);
    let a = ("A".to_owned(), (1, 1, 1));
    let bb = ("BB".to_owned(), (0, 0, 0));
    let ccc = ("CCC".to_owned(), (1, 1, 0));
    assert_eq!(ends(&book), BTreeMap::from([a, bb, ccc]));
    let step = |from: &str, to: &str| ((from.to_owned(), to.to_owned()), 1);
    assert_eq!(steps(&book), BTreeMap::from([step("A", "BB"), step("BB", "A")]));
    let at = &book.counters.points[&point];
    assert_eq!((at.open, at.journeys.count(), at.journeys.sum(), at.late_rows), (0, 2, 4, 0));
    assert!(book.memory.journeys.is_empty());

    // Later rows count as hits only.
    book.read([row(115, 1, "BB"), row(500, 2, "A"), row(500, 2, "A")], OPEN);
    book.close(1000);
    let at = &book.counters.points[&point];
    assert_eq!((at.journeys.count(), at.late_rows, at.interactions), (2, 3, 2));
    assert_eq!(book.hits(), BTreeMap::from([("A".into(), 4), ("BB".into(), 2), ("CCC".into(), 1)]));
}

#[test]
fn over_the_limits_rows_and_steps_go_to_other_and_none_is_lost() {
    let mut book = Book::new();
    // The routing point takes two places with its first option, and one is reserved for all routing
    // points without a place.
    book.limits = SeriesLimits { menus: 5, options: 2, transitions: 1 };
    book.read([row(100, 1, "A"), row(101, 1, "BB"), row(102, 1, "CCC"), row(103, 1, "DDDD")], OPEN);
    let second = Row { labels: RowLabels::new("20", "voice", "A"), ..row(104, 9, "A") };
    let third = Row { labels: RowLabels::new("30", "voice", "BB"), ..row(104, 8, "BB") };
    book.read([second, third], OPEN);
    book.close(1000);
    let hits: Vec<_> = book
        .counters
        .menus
        .iter()
        .map(|(l, (_, menu))| (&*l.point.rp_id, &*l.point.channel, &*l.option, menu.hits))
        .collect();
    let expected = [
        ("10", "voice", "A", 1),
        ("10", "voice", "BB", 1),
        ("10", "voice", "other", 2),
        ("other", "other", "other", 2),
    ];
    assert_eq!(hits, expected);
    assert_eq!(book.counters.totals.overflow, Overflow { options: 2, points: 2 });
    let all: Vec<_> = steps(&book).into_iter().map(|((from, to), n)| (from, to, n)).collect();
    assert_eq!(all, [("A".into(), "BB".into(), 1), ("other".into(), "other".into(), 2)]);
    // Label sets with a place keep it, and known rows stay repeated.
    book.read([row(105, 1, "A"), row(102, 1, "CCC")], OPEN);
    assert_eq!((book.hits()["A"], book.counters.totals.repeated), (2, 1));
}

#[test]
fn options_are_called_what_the_rules_say() {
    let mut rules = OptionRules::default();
    rules.rename("(?i)agente", "AGENTE").unwrap();
    rules.rename("AGENTE", "PERSONA").unwrap();
    rules.deny("tmp.*").unwrap();
    let mut batch = RowBatch::new(rules.into());
    for (who, option) in
        ["agente", "AGENTE", "Agente", "tmp1", "tmp2", "BUZON"].into_iter().enumerate()
    {
        batch.push(Ok(row(100, who as u64, option)));
    }
    let mut book = Book::new();
    book.reconcile(batch, OPEN);
    let hits =
        [("AGENTE", 3), ("BUZON", 1), ("other", 2)].map(|(option, hits)| (option.to_owned(), hits));
    assert_eq!(book.hits(), BTreeMap::from(hits));
    assert_eq!(book.counters.totals.overflow, Overflow::default(), "that is no overflow");
}

#[test]
fn a_server_that_invents_options_does_not_get_past_the_limit() {
    let mut book = Book::new();
    book.limits = SeriesLimits { menus: 50, options: 20, transitions: 30 };
    for n in 0..40u64 {
        let rows = (0..20).map(|k| Row {
            labels: RowLabels {
                rp_id: (n % 7).to_string().into(),
                channel: "voice".into(),
                option: format!("{n}.{k}").into(),
            },
            ..row(n as i64, n * 20 + k, "x")
        });
        book.read(rows, TimeBounds { closing: n as i64 - 200, ..OPEN });
    }
    book.close(1000);
    assert!(book.counters.menus.len() <= 50, "{}", book.counters.menus.len());
    assert!(book.counters.transitions.len() <= 7 * 31);
    assert_eq!(book.counters.menus.values().map(|(_, menu)| menu.hits).sum::<u64>(), 800);
    assert_eq!(book.counters.points.values().map(|point| point.journeys.sum()).sum::<u64>(), 800);
}

#[test]
fn options_unseen_for_long_are_dropped_with_their_steps_and_point() {
    let mut book = Book::new();
    let elsewhere = |date, who, option| Row {
        labels: RowLabels::new("20", "voice", option),
        ..row(date, who, option)
    };
    book.read(
        [row(100, 1, "A"), row(101, 1, "BB"), elsewhere(100, 2, "A"), row(900, 3, "BB")],
        OPEN,
    );
    book.counters.expect(MenuLabels::new("10", "voice", "EEEEE"));
    book.close(5000);
    assert!(book.counters.unseen(LocalSecond::new(100), |_| false).is_empty());
    let kept = MenuLabels::new("20", "voice", "A");
    let gone = book.counters.unseen(LocalSecond::new(500), |labels| *labels == kept);
    let step = Counted::Transition(TransitionLabels::new("10", "voice", "A", "BB"));
    assert_eq!(gone, [Counted::Menu(MenuLabels::new("10", "voice", "A")), step.clone()]);
    let gone = book.counters.unseen(LocalSecond::new(500), |_| false);
    let point = Counted::Point(PointLabels::new("20", "voice"));
    let menus = [MenuLabels::new("10", "voice", "A"), kept].map(Counted::Menu);
    assert_eq!(gone, [menus.to_vec(), vec![point, step]].concat());
    let dropped = Delta { dropped: gone, ..book.counters.unchanged() };
    book.counters.apply(dropped);
    let left: Vec<_> = book.counters.menus.keys().map(|labels| &*labels.option).collect();
    assert_eq!(
        (left, book.counters.points.len(), book.counters.transitions.len()),
        (vec!["BB", "EEEEE"], 1, 0)
    );
}

/// All counts of journeys, by label.
type Paths = (BTreeMap<String, (u64, u64, u64)>, BTreeMap<(String, String), u64>, (u64, u64, u64));

fn paths(book: &Book) -> Paths {
    let points = book.counters.points.values();
    let of_points = points.fold((0, 0, 0), |(count, sum, late), point| {
        (count + point.journeys.count(), sum + point.journeys.sum(), late + point.late_rows)
    });
    (ends(book), steps(book), of_points)
}

proptest! {
    /// The rows counted for a second are the most that one answer held for it, whatever the answers
    /// are.
    #[test]
    fn a_second_counts_the_largest_answer_for_it(
        answers in prop::collection::vec(prop::collection::vec((0i64..4, 0u64..6), 0..12), 0..10),
    ) {
        let mut book = Book::new();
        let mut largest: BTreeMap<i64, u64> = BTreeMap::new();
        for answer in answers {
            let mut seen: BTreeMap<i64, u64> = BTreeMap::new();
            answer.iter().for_each(|(date, _)| *seen.entry(*date).or_default() += 1);
            for (date, rows) in seen {
                let most = largest.entry(date).or_default();
                *most = rows.max(*most);
            }
            book.read(answer.iter().map(|(date, who)| row(*date, *who, "A")), OPEN);
            let hits = book.hits().get("A").copied().unwrap_or(0);
            prop_assert_eq!(hits, largest.values().sum::<u64>());
        }
    }

    /// Rows whose pause and lateness together stay within the idle time make the same journeys,
    /// whether they are read every few seconds or all at once after an outage.
    #[test]
    fn journeys_do_not_depend_on_when_the_rows_are_read(
        rows in prop::collection::vec(
            (prop::sample::select(vec![0i64, 300]), 0i64..50, 0i64..50, 1u64..4, prop::sample::select(vec!["A", "BB", "CCC"])), 0..40),
        mut polls in prop::collection::vec(0i64..800, 0..8),
    ) {
        let rows: Vec<_> =
            rows.into_iter().map(|(base, after, late, who, option)| (base + after, late, who, option)).collect();
        let mut often = Book::new();
        polls.sort_unstable();
        polls.push(2000);
        for now in polls {
            let visible = rows.iter().filter(|(date, late, ..)| date + late <= now && *date < now);
            often.read(visible.map(|(date, _, who, option)| row(*date, *who, option)), TimeBounds { closing: now, ..OPEN });
        }
        let mut once = Book::new();
        let all = rows.iter().map(|(date, _, who, option)| row(*date, *who, option));
        once.read(all, TimeBounds { closing: 2000, ..OPEN });
        prop_assert_eq!(paths(&often), paths(&once));
        // Every row of an interaction is in one journey or late.
        let (_, _, (journeys, options, late)) = paths(&once);
        prop_assert_eq!(options + late, rows.len() as u64);
        prop_assert_eq!(journeys, ends(&once).values().map(|(entries, ..)| entries).sum::<u64>());
        prop_assert_eq!(journeys, ends(&once).values().map(|(_, finals, _)| finals).sum::<u64>());
    }

    /// However a set of rows is cut into overlapping answers, and whatever some of them lack, the
    /// counts are exact once each row has been in a complete answer.
    #[test]
    fn any_overlapping_reads_end_at_the_truth(
        rows in prop::collection::vec((0i64..20, 1u64..6, prop::sample::select(vec!["A", "BB", "CCC"])), 0..60),
        reads in prop::collection::vec((0i64..20, 0i64..20, any::<u64>()), 0..12),
    ) {
        let rows: Vec<Row<'_>> = rows.into_iter().map(|(date, who, option)| row(date, who, option)).collect();
        let mut book = Book::new();
        let mut received = 0;
        let last = [(0, 20, u64::MAX)];
        for (from, to, visible) in reads.into_iter().chain(last) {
            let answer: Vec<Row<'_>> = rows
                .iter()
                .enumerate()
                .filter(|(i, row)| (from..=to).contains(&row.date.get()) && visible >> (i % 64) & 1 == 1)
                .map(|(_, row)| row.clone())
                .collect();
            received += answer.len() as u64;
            book.read(answer, OPEN);
        }
        let mut truth: BTreeMap<String, u64> = BTreeMap::new();
        for row in &rows {
            *truth.entry(row.labels.option.to_string()).or_default() += 1;
        }
        prop_assert_eq!(book.hits(), truth);
        let totals = &book.counters.totals;
        let sum = totals.new + totals.repeated + totals.changed;
        prop_assert_eq!((totals.new, sum), (rows.len() as u64, received));
        let interactions: BTreeSet<u64> = rows.iter().filter_map(|row| row.interaction).collect();
        let counted: u64 = book.counters.points.values().map(|point| point.interactions).sum();
        prop_assert_eq!(counted, interactions.len() as u64);
    }
}

/// The outcome of a call is counted at the routing point of its last row, with the seconds of that
/// row.
#[test]
fn a_call_counts_once_with_the_time_and_the_place_of_its_last_row() {
    let mut book = Book { measure: JourneyMeasure::LastSecond, ..Book::new() };
    let row = |date, who, outcome, option, second| Row {
        labels: RowLabels::new("10", outcome, option),
        second,
        ..row(date, who, option)
    };
    book.read(
        [
            row(100, 1, "hung_up", "A", Some(40)),
            // A call with a row for each option, and one without seconds.
            row(110, 2, "reached_queue", "A", Some(10)),
            row(130, 2, "hung_up", "B", Some(30)),
            row(140, 3, "hung_up", "B", None),
            row(150, 4, "reached_queue", "A", Some(5)),
        ],
        OPEN,
    );
    book.close(1000);
    let times = |outcome: &str| {
        let journeys = &book.counters.points[&PointLabels::new("10", outcome)].journeys;
        (journeys.count(), journeys.sum())
    };
    assert_eq!((times("hung_up"), times("reached_queue")), ((2, 70), (1, 5)));
}
