//! Tests of the detector's scores on perfectly regular weeks with one irregularity.

use super::*;
use model::{LocalSecond, MenuLabels, OptionKind, OptionKinds, PointLabels};

/// The day of Monday, 5 January 2026, counted from 1970.
const MONDAY: i64 = 20_458;
/// The judged moment: thirty days later, a Wednesday, at 14:00, in seconds of the wall clock.
const NOW: i64 = (MONDAY + 30) * 86_400 + 14 * 3600;
const OPTIONS: [&str; 5] = ["1", "2", "3", "PULSE", "AGENTE"];
const IDLE: i64 = 1800;

/// Two routing points with five options, each with ten hits per slot from 07:00 to 19:00. Of ten
/// hits, three end there, one took two attempts and one came back. Nine took 20 seconds, the tenth
/// 40.
struct Menu {
    labels: Vec<MenuLabels>,
    kinds: OptionKinds,
    holidays: Holidays,
    history: History,
}

/// Hits, finals, retries, repeats and seconds of a slot.
type Slot = (u32, u32, u32, u32, u32);
const USUAL: Slot = (10, 3, 1, 1, 20);

impl Menu {
    fn new(of: impl Fn(usize, i64) -> Slot) -> Self {
        Self::until(NOW, of)
    }

    fn until(now: i64, of: impl Fn(usize, i64) -> Slot) -> Self {
        Self::of_points(&["10", "20"], now, of)
    }

    fn of_points(points: &[&str], now: i64, of: impl Fn(usize, i64) -> Slot) -> Self {
        let mut kinds = OptionKinds::none();
        kinds.list("PULSE", OptionKind::NoInput);
        kinds.list("AGENTE", OptionKind::OptOut);
        let mut menu = Self {
            labels: points
                .iter()
                .flat_map(|point| {
                    OPTIONS.iter().map(move |option| MenuLabels::new(point, "voice", option))
                })
                .collect(),
            kinds,
            holidays: Holidays::default(),
            history: History::new(35),
        };
        menu.add(MONDAY * 86_400, now, of);
        menu.cover(MONDAY * 86_400, now);
        menu.history.forget(LocalSecond::new(now));
        menu
    }

    fn cover(&mut self, from: i64, to: i64) {
        self.history.cover(LocalSecond::new(from), LocalSecond::new(to));
    }

    fn add(&mut self, from: i64, to: i64, of: impl Fn(usize, i64) -> Slot) {
        let mut delta = HistoryDelta::between(LocalSecond::new(from), LocalSecond::new(to));
        for at in (from..to).step_by(SLOT as usize) {
            if !(7 * 3600..19 * 3600).contains(&at.rem_euclid(86_400)) {
                continue;
            }
            for option in 0..self.labels.len() {
                let (hits, finals, retries, repeats, seconds) = of(option, at);
                let (number, date) = (option as u32, LocalSecond::new(at));
                for hit in 0..hits {
                    let second = if hit % 10 == 9 { 2 * seconds } else { seconds };
                    delta.rows(number, date, 1 + u32::from(hit < retries), Some(second), 1);
                }
                if at < to - IDLE {
                    delta.finals(number, date, finals);
                    delta.repeats(number, date, repeats);
                }
            }
        }
        self.history.apply(&delta, |number| self.labels.get(number as usize));
    }

    fn judge(&self, detector: &mut Detector, at: i64) -> Scores {
        let moment = Moment {
            watermark: LocalSecond::new(at),
            window: &[(LocalSecond::new(at - SLOT), LocalSecond::new(at))],
            idle: &|_: &PointLabels| IDLE,
            kinds: &self.kinds,
            holidays: &self.holidays,
        };
        detector.scores(&self.history, &moment)
    }

    fn scores(&self) -> Scores {
        self.judge(&mut Detector::new(), NOW)
    }
}

fn option<'s>(scores: &'s Scores, point: &str, option: &str) -> &'s OptionScores {
    let labels = MenuLabels::new(point, "voice", option);
    scores.options.iter().find(|scores| scores.labels == labels).unwrap()
}

/// Returns the anomalies with a score above 0.5, near an alert or beyond.
fn told(scores: &Scores) -> Vec<String> {
    let high = |score: &Option<Score>| score.is_some_and(|score| score.score > 0.5);
    let of_options = scores.options.iter().flat_map(|option| {
        let name =
            move |anomaly: &Anomaly| format!("{} {}", option.labels.option, anomaly.as_str());
        Anomaly::ALL
            .iter()
            .filter(|anomaly| high(&option.of(**anomaly)))
            .map(name)
            .collect::<Vec<_>>()
    });
    let of_points = scores.points.iter().flat_map(|point| {
        let name =
            move |anomaly: &PointAnomaly| format!("{} {}", point.labels.rp_id, anomaly.as_str());
        PointAnomaly::ALL
            .iter()
            .filter(|anomaly| high(&point.of(**anomaly)))
            .map(name)
            .collect::<Vec<_>>()
    });
    of_options.chain(of_points).collect()
}

/// Returns the usual slots, except for one option of the first routing point in the last three
/// hours.
fn lately(which: usize, slot: Slot) -> impl Fn(usize, i64) -> Slot {
    move |option, at| if option == which && at >= NOW - 3 * 3600 { slot } else { USUAL }
}

#[test]
fn weeks_like_clockwork_are_as_expected() {
    let scores = Menu::new(|_, _| USUAL).scores();
    assert_eq!(told(&scores), [""; 0]);
    let one = option(&scores, "10", "1");
    assert_eq!((one.weeks, scores.options.len(), scores.points.len()), (4, 10, 2));
    assert!((one.expected_hits.unwrap() - 10.0).abs() < 0.01, "{one:?}");
    // An option that is meant to end a journey is not abandoned.
    assert_eq!(option(&scores, "10", "AGENTE").of(Anomaly::Abandonment), None);
    assert!(
        Anomaly::ALL
            .iter()
            .all(|anomaly| one.of(*anomaly).is_some() == (*anomaly != Anomaly::HangUp))
    );
}

#[test]
fn each_anomaly_is_told_of_the_option_that_has_it_and_of_no_other() {
    for (which, slot, expected) in [
        (0, (0, 0, 0, 0, 20), "1 drop_off"),
        (0, (4, 1, 0, 0, 20), "1 drop_off"),
        (1, (30, 9, 3, 3, 20), "2 surge"),
        (1, (10, 9, 1, 1, 20), "2 abandonment"),
        (2, (10, 3, 7, 1, 20), "3 retries"),
        (2, (10, 3, 1, 7, 20), "3 loops"),
        (2, (10, 3, 1, 1, 60), "3 time_to_option"),
    ] {
        let scores = Menu::new(lately(which, slot)).scores();
        assert_eq!(told(&scores), [expected], "{slot:?}");
        let anomaly =
            Anomaly::ALL.into_iter().find(|one| expected.ends_with(one.as_str())).unwrap();
        let score = option(&scores, "10", OPTIONS[which]).of(anomaly).unwrap();
        assert!(score.score > 1.0 && score.window >= 600, "{expected}: {score:?}");
    }
    let scores = Menu::new(lately(3, (30, 9, 3, 3, 20))).scores();
    assert!(told(&scores).contains(&"10 no_input".to_owned()), "{:?}", told(&scores));
    assert!(!told(&scores).contains(&"PULSE surge".to_owned()), "{:?}", told(&scores));
}

/// A routing point has a bad day, and one of its options surges for two hours.
#[test]
fn a_surge_is_no_evidence_that_the_other_options_fell() {
    let fall_of_others = |surge: u32| {
        let menu = Menu::new(move |option, at| match option {
            0 if (NOW - 4 * 3600..NOW - 2 * 3600).contains(&at) => (surge, 0, 0, 0, 20),
            0..5 if at >= NOW - 7 * 3600 => (8, 2, 1, 1, 20),
            _ => USUAL,
        });
        let mut detector = Detector::new();
        let polls = (NOW - 4 * 3600..=NOW).step_by(SLOT as usize);
        let scores = polls.map(|at| menu.judge(&mut detector, at)).last().unwrap();
        option(&scores, "10", "2").of(Anomaly::DropOff).unwrap().score
    };
    let usual = fall_of_others(8);
    let beside_a_surge = fall_of_others(30);
    assert!((beside_a_surge - usual).abs() < 0.05, "{beside_a_surge}, without the surge {usual}");
}

#[test]
fn what_is_compared_is_said() {
    let scores = Menu::new(lately(0, (0, 0, 0, 0, 20))).scores();
    let score = option(&scores, "10", "1").of(Anomaly::DropOff).unwrap();
    let slots = f64::from(score.window) / SLOT as f64;
    assert!(
        (score.observed, score.expected / slots) == (0.0, 10.0) || score.expected / slots < 10.5,
        "{score:?}"
    );
    let scores = Menu::new(lately(2, (10, 3, 1, 1, 60))).scores();
    let time = option(&scores, "10", "3").of(Anomaly::TimeToOption).unwrap();
    assert!(time.observed > 60.0 && (20.0..45.0).contains(&time.expected), "{time:?}");
}

#[test]
fn a_whole_routing_point_that_falls_is_told_once_and_its_options_are_not() {
    let fell = |option: usize, at: i64| {
        if option < 5 && at >= NOW - 3600 { (0, 0, 0, 0, 20) } else { USUAL }
    };
    let scores = Menu::new(fell).scores();
    assert_eq!(told(&scores), ["10 collapse"]);
    assert!(scores.points[0].of(PointAnomaly::Collapse).unwrap().score > 1.0);
    // Half an hour after its end, the missing hits count against no option.
    let over = |option: usize, at: i64| {
        if option < 5 && (NOW - 3 * 3600..NOW - 1800).contains(&at) {
            (0, 0, 0, 0, 20)
        } else {
            USUAL
        }
    };
    let scores = Menu::new(over).scores();
    assert!(told(&scores).iter().all(|one| one == "10 collapse"), "{:?}", told(&scores));
}

#[test]
fn a_routing_point_that_closes_early_is_not_told_of_the_option_that_is_nearly_all_of_it() {
    // The others are entered once an hour: they cannot show whether the option fell or the routing
    // point.
    let of = |until: i64| {
        move |option: usize, at: i64| match option {
            0..5 if at >= until => (0, 0, 0, 0, 20),
            0 => (20, 6, 2, 2, 20),
            1..5 => (u32::from(at % 3600 == 900 * (option as i64 - 1)), 0, 0, 0, 20),
            _ => USUAL,
        }
    };
    for slots in 1..=6 {
        let told = told(&Menu::new(of(NOW - slots * SLOT)).scores());
        assert!(told.iter().all(|one| one == "10 collapse"), "{slots}: {told:?}");
        assert!(slots < 3 || !told.is_empty(), "{slots}");
    }
}

#[test]
fn where_hours_shift_an_hour_of_silence_beside_the_night_is_no_collapse() {
    let (today, none) = ((NOW - 14 * 3600).div_euclid(86_400), (0, 0, 0, 0, 20));
    // The first routing point opened late on a Monday and closed early on a Thursday, or kept its
    // hours.
    let silent = |shifted: bool, silence: std::ops::Range<i64>| {
        move |option: usize, at: i64| {
            let (day, minute) = (at.div_euclid(86_400), at.rem_euclid(86_400) / 60);
            let off = match day - MONDAY {
                14 => shifted && minute < 7 * 60 + 40,
                24 => shifted && minute >= 18 * 60 + 15,
                _ => day == today && silence.contains(&minute),
            };
            if off && option < OPTIONS.len() { none } else { USUAL }
        }
    };
    for (shifted, from, to, now, expected) in [
        (true, 0, 7 * 60 + 40, 7 * 60 + 40, &[][..]),
        // Nor later, when it has opened.
        (true, 0, 7 * 60 + 40, 7 * 60 + 50, &[]),
        (true, 0, 8 * 60 + 10, 8 * 60 + 10, &["10 collapse"]),
        (false, 0, 7 * 60 + 40, 7 * 60 + 40, &["10 collapse"]),
        (true, 18 * 60 + 20, 24 * 60, 18 * 60 + 40, &[]),
        (true, 17 * 60 + 50, 24 * 60, 18 * 60 + 10, &["10 collapse"]),
        (false, 18 * 60 + 20, 24 * 60, 18 * 60 + 40, &["10 collapse"]),
        (true, 12 * 60, 24 * 60, 12 * 60 + 20, &["10 collapse"]),
    ] {
        let now = today * 86_400 + now * 60;
        let told =
            told(&Menu::until(now, silent(shifted, from..to)).judge(&mut Detector::new(), now));
        assert_eq!(told, expected, "{shifted} {from} to {to}, at {now}");
    }
}

#[test]
fn a_fall_is_one_incident_until_it_is_repaired() {
    const HOUR: i64 = 3600;
    // From 11:00 until 10:00 of the next day; the menu is closed from 19:00 to 7:00.
    let (from, to) = (NOW - 3 * HOUR, NOW + 20 * HOUR);
    let fallen = move |option: usize, at: i64| {
        if option == 0 && (from..to).contains(&at) { (0, 0, 0, 0, 20) } else { USUAL }
    };
    let mut asked = Detector::new();
    for (hours, told_of) in [
        (0, true),
        (5, true),
        (12, true),
        (16, true),
        (17, true),
        (18, true),
        (21, false),
        (30, false),
    ] {
        let now = NOW + hours * HOUR;
        let menu = Menu::until(now, fallen);
        for detector in [&mut asked, &mut Detector::new()] {
            let told = told(&menu.judge(detector, now));
            let expected: &[&str] = if told_of { &["1 drop_off"] } else { &[] };
            assert_eq!(told, expected, "{hours} hours later");
        }
    }
}

#[test]
fn a_day_that_is_quiet_from_the_start_is_no_collapse_of_the_only_routing_point() {
    let midnight = NOW - 14 * 3600;
    let none = (0, 0, 0, 0, 20);
    // There is one routing point only; today it has 3 of 10 hits, and then none.
    let day = |silent: i64| {
        move |option: usize, at: i64| match option {
            5.. => none,
            _ if at >= silent => none,
            _ if at >= midnight => (3, 1, 0, 0, 20),
            _ => USUAL,
        }
    };
    for minutes in [15, 30, 60, 240, 420] {
        let now = midnight + 7 * 3600 + minutes * 60;
        let menu = Menu::until(now, day(i64::MAX));
        assert_eq!(told(&menu.judge(&mut Detector::new(), now)), [""; 0], "{minutes}");
    }
    let menu = Menu::new(day(NOW - 1800));
    assert_eq!(told(&menu.scores()), ["10 collapse"]);
    // The same on a listed holiday; a routing point that has not opened is not missed.
    let mut menu = Menu::new(day(midnight));
    menu.holidays = Holidays::new([jiff::civil::date(2026, 2, 4)]);
    assert_eq!(told(&menu.scores()), [""; 0]);
}

#[test]
fn a_routing_point_whose_rows_come_late_is_judged_by_those_that_are_due() {
    let mut menu = Menu::until(NOW - 3600, |_, _| USUAL);
    // The rows of the first routing point come 40 minutes late.
    let mut scores = Scores::default();
    let mut detector = Detector::new();
    for now in (NOW - 3600 + SLOT..=NOW + 2 * 3600).step_by(SLOT as usize) {
        menu.add(now - SLOT, now, |option, _| if option < 5 { (0, 0, 0, 0, 20) } else { USUAL });
        let mut delta = HistoryDelta::default();
        let date = now - 2400 - SLOT;
        if date >= NOW - 3600 {
            (0..5).for_each(|option| delta.rows(option, LocalSecond::new(date), 1, Some(20), 10));
        }
        menu.history.apply(&delta, |number| menu.labels.get(number as usize));
        menu.cover(now - SLOT, now);
        scores = menu.judge(&mut detector, now);
    }
    assert_eq!(told(&scores), [""; 0]);
    assert!(scores.report_lag >= 2400 - 300, "{}", scores.report_lag);
}

/// Too few hits are missing at each of them to show that it is closed.
#[test]
fn before_many_small_routing_points_open_and_after_they_close_the_report_is_not_late() {
    let points: Vec<String> = (10..34).map(|point| point.to_string()).collect();
    let points: Vec<&str> = points.iter().map(String::as_str).collect();
    let sparse = |option: usize, _: i64| {
        if option.is_multiple_of(OPTIONS.len()) { (2, 0, 0, 0, 20) } else { (0, 0, 0, 0, 20) }
    };
    let midnight = (MONDAY + 30) * 86_400;
    for minutes in [6 * 60 + 45, 6 * 60 + 55, 19 * 60 + 15, 19 * 60 + 25, 22 * 60] {
        let now = midnight + minutes * 60;
        let menu = Menu::of_points(&points, now, sparse);
        let lag = menu.judge(&mut Detector::new(), now).report_lag;
        assert!(lag <= 900, "{lag} s at {minutes}");
    }
    // A silence counts while they are open.
    let now = midnight + 14 * 3600;
    let menu = Menu::of_points(&points, now, |option, at| {
        if at >= now - 1800 { (0, 0, 0, 0, 20) } else { sparse(option, at) }
    });
    assert_eq!(menu.judge(&mut Detector::new(), now).report_lag, 1800);
}

#[test]
fn a_quiet_day_is_no_fall_of_any_option() {
    let quiet = |_: usize, at: i64| if at >= NOW - 14 * 3600 { (4, 1, 0, 0, 20) } else { USUAL };
    assert_eq!(told(&Menu::new(quiet).scores()), [""; 0]);
}

#[test]
fn what_was_not_read_is_no_fall() {
    let mut menu = Menu::new(|_, at| if at < NOW - 3 * 3600 { USUAL } else { (0, 0, 0, 0, 20) });
    let whole = std::mem::replace(&mut menu.history, History::new(35));
    menu.add(MONDAY * 86_400, NOW - 3 * 3600, |_, _| USUAL);
    menu.cover(MONDAY * 86_400, NOW - 3 * 3600);
    assert_eq!(told(&menu.scores()), [""; 0]);
    menu.history = whole;
    let scores = menu.scores();
    assert_eq!(told(&scores), [""; 0], "not all fall silent at once");
    assert_eq!(scores.report_lag, 3 * 3600, "the same, read whole, is a report that stands still");
}

#[test]
fn of_what_was_not_read_nothing_is_expected_in_a_collapse() {
    let fell = |option: usize, at: i64| {
        if option < 5 && at >= NOW - 3600 { (0, 0, 0, 0, 20) } else { USUAL }
    };
    let mut menu = Menu::until(NOW - 3600, fell);
    menu.add(NOW - 3600, NOW, fell);
    // Only half an hour of the hour was read, with fifty hits expected in each slot.
    menu.cover(NOW - 1800, NOW);
    let scores = menu.scores();
    assert_eq!(told(&scores), ["10 collapse"]);
    let collapse = scores.points[0].of(PointAnomaly::Collapse).unwrap();
    assert!(collapse.expected < 305.0 && collapse.expected > 90.0, "{collapse:?}");
}

#[test]
fn a_gap_in_the_weeks_makes_fewer_weeks_and_not_a_lower_expectation() {
    let mut menu = Menu::new(|_, _| USUAL);
    menu.history = History::new(35);
    let week = 7 * 86_400;
    for (from, to) in [(MONDAY * 86_400, NOW - 2 * week - 43_200), (NOW - 2 * week + 43_200, NOW)] {
        menu.add(from, to, |_, _| USUAL);
        menu.cover(from, to);
    }
    let scores = menu.scores();
    let one = option(&scores, "10", "1");
    assert_eq!((one.weeks, told(&scores)), (3, vec![]));
    assert!((one.expected_hits.unwrap() - 10.0).abs() < 0.01);
}

#[test]
fn an_option_is_judged_from_its_second_week_on_and_no_more_when_it_is_gone_for_one() {
    let since = |days: i64| {
        move |option: usize, at: i64| {
            if option == 0 && at < NOW - days * 86_400 { (0, 0, 0, 0, 20) } else { USUAL }
        }
    };
    for (days, weeks) in [(3, 0), (8, 1), (15, 2)] {
        let scores = Menu::new(since(days)).scores();
        let one = option(&scores, "10", "1");
        assert_eq!((one.weeks, one.of(Anomaly::DropOff).is_some()), (weeks, weeks > 0), "{days}");
        assert_eq!(one.of(Anomaly::Surge).is_some(), weeks > 1, "{days}");
        assert_eq!(told(&scores), [""; 0], "{days}");
    }
    let gone = |days: i64| {
        move |option: usize, at: i64| {
            if option == 0 && at >= NOW - days * 86_400 { (0, 0, 0, 0, 20) } else { USUAL }
        }
    };
    assert_eq!(told(&Menu::new(gone(3)).scores()), ["1 drop_off"]);
    let scores = Menu::new(gone(9)).scores();
    assert_eq!((told(&scores), option(&scores, "10", "1").weeks), (vec![], 0));
}

#[test]
fn a_routing_point_is_not_missed_for_what_a_removed_option_had() {
    let removed = |option: usize, at: i64| match option {
        0 if at >= NOW - 9 * 86_400 => (0, 0, 0, 0, 20),
        0 => (60, 18, 6, 6, 20),
        1..5 if at >= NOW - 1200 => (0, 0, 0, 0, 20),
        _ => USUAL,
    };
    let collapse = Menu::new(removed).scores().points[0].of(PointAnomaly::Collapse).unwrap();
    let a_slot = collapse.expected / collapse.slots() as f64;
    assert!(collapse.score > 1.0 && (a_slot - 40.0).abs() < 1.0, "{collapse:?}");
}

#[test]
fn what_comes_in_clumps_has_to_be_missed_for_longer() {
    // All options at once in every third slot, or the same hits evenly.
    let silent = |clumps: bool, minutes: i64| {
        move |option: usize, at: i64| {
            let third =
                (at / SLOT).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).rem_euclid(997) % 3 == 0;
            let hits = if clumps { 15 * u32::from(third) } else { 5 };
            if option < 5 && at >= NOW - minutes * 60 {
                (0, 0, 0, 0, 20)
            } else {
                (hits, 0, 0, 0, 20)
            }
        }
    };
    for (clumps, minutes, collapsed) in [(false, 10, true), (true, 10, false), (true, 30, false)] {
        let told = told(&Menu::new(silent(clumps, minutes)).scores());
        assert_eq!(
            told.contains(&"10 collapse".to_owned()),
            collapsed,
            "{clumps} {minutes}: {told:?}"
        );
    }
}

#[test]
fn a_holiday_in_the_calendar_is_not_history() {
    let low = |_: usize, at: i64| {
        if (at / 86_400 - NOW / 86_400) % 7 == 0 && at < NOW - 86_400 {
            (1, 0, 0, 0, 20)
        } else {
            USUAL
        }
    };
    let mut menu = Menu::new(low);
    assert!(option(&menu.scores(), "10", "1").expected_hits.unwrap() < 2.0);
    let date =
        |weeks: i64| jiff::civil::date(2026, 2, 4).saturating_sub(jiff::Span::new().weeks(weeks));
    menu.holidays = Holidays::new((1..=3).map(date));
    assert_eq!(option(&menu.scores(), "10", "1").weeks, 1);
    menu.holidays = Holidays::new((1..=4).map(date));
    let scores = menu.scores();
    assert_eq!(
        (option(&scores, "10", "1").weeks, option(&scores, "10", "1").expected_hits),
        (0, None)
    );
}

#[test]
fn a_detector_that_was_asked_before_says_the_same_as_a_new_one() {
    let mut menu = Menu::new(|_, _| USUAL);
    let mut asked = Detector::new();
    for step in 1..=12 {
        let at = NOW + step * SLOT;
        menu.add(at - SLOT, at, lately(1, (1, 0, 0, 0, 20)));
        if step == 4 {
            // A late row of a new option.
            let new = MenuLabels::new("30", "voice", "9");
            let mut delta = HistoryDelta::default();
            delta.rows(0, LocalSecond::new(at - 7200), 1, None, 3);
            menu.history.apply(&delta, |_| Some(&new));
        }
        menu.cover(at - SLOT, at);
        menu.history.forget(LocalSecond::new(at));
        let scores = menu.judge(&mut asked, at);
        assert_eq!(scores, menu.judge(&mut Detector::new(), at), "{step}");
    }
    assert!(!told(&menu.judge(&mut asked, NOW + 12 * SLOT)).is_empty());
}

#[test]
fn more_past_is_learnt_from_at_once() {
    let mut menu = Menu::new(|_, _| USUAL);
    menu.history = History::new(35);
    let mut detector = Detector::new();
    // The newest week comes first, as in the warm-up.
    for week in 0..4 {
        let (from, to) = (NOW - (week + 1) * 7 * 86_400, NOW - week * 7 * 86_400);
        menu.add(from, to, |_, _| USUAL);
        menu.cover(from, to);
        let scores = menu.judge(&mut detector, NOW);
        assert_eq!(i64::from(option(&scores, "10", "1").weeks), week, "{week}");
        assert_eq!(scores, menu.scores(), "{week}");
    }
}
