//! Detects options at which callers hang up more often than usual.
//!
//! Owns the usual share of hang-ups of each option, its comparison, and the rises that are not
//! over. It reads a history of its own, in which the channel of a label set is the outcome of the
//! calls. It must not know why callers hang up.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    HOURS, History, Holidays, SLOT, SLOTS, Score,
    cells::{LATE, LATE_CLASSES},
    day_of, lateness,
    limits::{
        HANG_UP, HANG_UP_ALIKE, HANG_UP_HOUR, LATE_SLOTS, LEAST_HANG_UP_NOISE, LONGEST,
        SHARE_KNOWN, SHARE_WINDOWS, WEEKS,
    },
    noise::{DAYS, ShareHour, share_noise},
    open_falls::{OpenFalls, looks_back},
    shares::{ShareWindow, are_back, furthest, times_the_usual},
};
use model::{CallOutcome, LocalSecond, MenuLabels};

/// Hours of a week.
const WEEK: usize = 7 * HOURS;
/// Slots of an hour.
const HOUR: usize = SLOTS / HOURS;
/// Hours of the windows in which the noise of a share is learnt.
const LESSON_HOURS: usize = 3;

/// The score of one option's hang-ups.
#[derive(Debug, Clone, PartialEq)]
pub struct HangUpScore {
    /// The labels of the option. The channel is the one passed to [`HangUpDetector::scores`].
    pub labels: MenuLabels,
    /// The score. Its figures are calls that the caller ended.
    pub score: Score,
}

/// Detector of the hang-ups of one target.
#[derive(Debug, Default)]
pub struct HangUpDetector {
    generation: u64,
    learnt: Option<LearntHangUps>,
    /// The reported rises, by the first place of the option.
    rises: OpenFalls,
    /// True after the first moment was judged.
    started: bool,
}

/// The usual shares of all options.
#[derive(Debug)]
struct LearntHangUps {
    /// The day before which was learnt, and the first day known then.
    days: (i32, i32),
    options: BTreeMap<CalledOption, UsualHangUps>,
}

/// An option, regardless of the outcomes of its calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CalledOption {
    rp_id: Arc<str>,
    option: Arc<str>,
}

/// The places of one option's label sets in the history.
#[derive(Debug, Default)]
struct Places {
    hung_up: Option<usize>,
    all: Vec<usize>,
}

/// Numbers of calls by hour or by slot.
#[derive(Debug, Clone)]
struct Calls {
    hung_up: Vec<f32>,
    all: Vec<f32>,
}

/// The usual share of one option's calls that are hung up.
#[derive(Debug)]
struct UsualHangUps {
    /// By hour of the week, from the first hour of the weeks that were learnt from.
    shares: Vec<f32>,
    /// Relative variance of the share beyond chance.
    noise: f32,
}

impl HangUpDetector {
    /// Creates a detector that has learnt nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the scores of all options whose usual share is known, in the order of their labels.
    /// Everything before `watermark` has been read; `channel` is the channel of the calls.
    pub fn scores(
        &mut self,
        history: &History,
        watermark: LocalSecond,
        holidays: &Holidays,
        channel: &str,
    ) -> Vec<HangUpScore> {
        if self.generation != history.generation() {
            *self = Self { generation: history.generation(), ..Self::default() };
        }
        let last = watermark.get().div_euclid(SLOT);
        let today = day_of(last - 1);
        let options = options(history);
        let begin = history.begin().map_or(today, LocalSecond::day).max(today - DAYS as i32);
        if self.learnt.as_ref().is_none_or(|learnt| learnt.days != (today, begin)) {
            self.learnt = Some(LearntHangUps::new(history, &options, holidays, (today, begin)));
        }
        let Some(learnt) = &self.learnt else { return Vec::new() };
        let end = last - unsettled(history, &options, today) as i64;
        let mut scores = Vec::new();
        for (key, places) in &options {
            let Some(usual) = learnt.options.get(key) else { continue };
            let labels = MenuLabels::new(&key.rp_id, channel, &key.option);
            let option = HangUpsOfOption { history, places, usual, today };
            if !self.started {
                option.replay(end, &mut self.rises);
            }
            scores.push(HangUpScore { labels, score: option.score(end, &mut self.rises) });
        }
        self.started = true;
        scores
    }
}

/// Returns the options of a history with their places.
fn options(history: &History) -> BTreeMap<CalledOption, Places> {
    let mut options: BTreeMap<CalledOption, Places> = BTreeMap::new();
    for (place, labels) in history.labels().iter().enumerate() {
        let key = CalledOption { rp_id: labels.point.rp_id.clone(), option: labels.option.clone() };
        let places = options.entry(key).or_default();
        places.all.push(place);
        if &*labels.point.channel == CallOutcome::HungUp.as_str() {
            places.hung_up = Some(place);
        }
    }
    options
}

impl Calls {
    /// Returns the calls of the `slots` slots before `end`, which is counted from 1970, in sums of
    /// `width` slots.
    fn before(history: &History, places: &Places, end: i64, slots: usize, width: usize) -> Self {
        let begin = end - slots as i64;
        let mut calls = Self { hung_up: vec![0.0; slots / width], all: vec![0.0; slots / width] };
        for (day, known) in history.days(day_of(begin)..=day_of(end - 1)) {
            let midnight = i64::from(day) * SLOTS as i64;
            for place in places.all.iter().filter(|place| known.has(**place)) {
                for (slot, hits) in (midnight - begin..).zip(known.hits(*place)) {
                    let Some(at) = usize::try_from(slot).ok().filter(|at| *at < slots) else {
                        continue;
                    };
                    calls.all[at / width] += hits as f32;
                    if places.hung_up == Some(*place) {
                        calls.hung_up[at / width] += hits as f32;
                    }
                }
            }
        }
        calls
    }
}

impl LearntHangUps {
    fn new(
        history: &History,
        options: &BTreeMap<CalledOption, Places>,
        holidays: &Holidays,
        days: (i32, i32),
    ) -> Self {
        let (today, begin) = days;
        let end = i64::from(today) * SLOTS as i64;
        let mut learnt = BTreeMap::new();
        for (key, places) in options {
            let mut calls = Calls::before(history, places, end, DAYS * SLOTS, HOUR);
            for day in (0..DAYS).filter(|day| holidays.has(today - DAYS as i32 + *day as i32)) {
                calls.hung_up[day * HOURS..(day + 1) * HOURS].fill(0.0);
                calls.all[day * HOURS..(day + 1) * HOURS].fill(0.0);
            }
            let first = (begin - today + DAYS as i32).max(0) as usize * HOURS;
            learnt.extend(UsualHangUps::new(&calls, first).map(|usual| (key.clone(), usual)));
        }
        Self { days, options: learnt }
    }
}

impl UsualHangUps {
    /// Learns from the hours of four weeks, of which those before `first` are unknown. `None` for
    /// too few calls.
    fn new(calls: &Calls, first: usize) -> Option<Self> {
        let all: f32 = calls.all.iter().sum();
        if all < SHARE_KNOWN {
            return None;
        }
        let of_all = calls.hung_up.iter().sum::<f32>() / all;
        let hours = (first..calls.all.len()).map(|at| {
            // Each week is predicted from the others, like the present.
            let share = share_of_hour(calls, of_all, at % WEEK, Some(at / WEEK));
            ShareHour {
                part: calls.hung_up[at],
                whole: calls.all[at],
                expected: share * calls.all[at],
            }
        });
        let noise = share_noise(&hours.collect::<Vec<_>>(), first, LESSON_HOURS);
        Some(Self {
            shares: (0..WEEK).map(|hour| share_of_hour(calls, of_all, hour, None)).collect(),
            noise: noise.shrunk_toward(LEAST_HANG_UP_NOISE as f32, LEAST_HANG_UP_NOISE),
        })
    }
}

/// The hang-ups of one option and their usual share.
struct HangUpsOfOption<'a> {
    history: &'a History,
    places: &'a Places,
    usual: &'a UsualHangUps,
    /// The day before which was learnt.
    today: i32,
}

impl HangUpsOfOption<'_> {
    /// Returns the score before the slot `end`, which is counted from 1970: that of the window with
    /// the highest score, or of a rise that was reported before and is not over.
    fn score(&self, end: i64, rises: &mut OpenFalls) -> Score {
        let Some(key) = self.places.all.first() else { return Score::default() };
        let windows = self.windows(end);
        let furthest = furthest(windows.iter().copied(), HANG_UP);
        rises.follow(*key, furthest, end, |rise, since| {
            are_back(windows.iter().copied(), times_the_usual(rise), since)
        })
    }

    /// Finds a rise that was open before the detector started, by judging past moments some hours
    /// apart.
    fn replay(&self, end: i64, rises: &mut OpenFalls) {
        for then in looks_back(end) {
            if self.history.has_slot(then - 1) {
                self.score(then, rises);
            }
        }
    }

    /// Returns the windows before the slot `end`, the shortest first.
    fn windows(&self, end: i64) -> Vec<ShareWindow> {
        let calls = Calls::before(self.history, self.places, end, LONGEST, 1);
        let monday = (i64::from(self.today) - DAYS as i64) * SLOTS as i64;
        let begin = end - LONGEST as i64 - monday;
        let expected: Vec<f64> = (begin..)
            .zip(&calls.all)
            .map(|(slot, calls)| {
                let hour = slot.div_euclid(HOUR as i64).rem_euclid(WEEK as i64);
                f64::from(calls * self.usual.shares[hour as usize])
            })
            .collect();
        let windows = SHARE_WINDOWS.into_iter().map(|slots| {
            let from = LONGEST - slots;
            let whole = f64::from(calls.all[from..].iter().sum::<f32>());
            ShareWindow {
                part: calls.hung_up[from..].iter().sum::<f32>().into(),
                whole,
                usual: expected[from..].iter().sum::<f64>() / whole.max(1.0),
                noise: self.usual.noise.into(),
                seconds: slots as i64 * SLOT,
            }
        });
        windows.collect()
    }
}

/// Returns the share of calls hung up in one hour of the week, without the week `without`. It is
/// shrunk toward `of_all`, the share of all hours, with a weight of [`HANG_UP_HOUR`] calls.
fn share_of_hour(calls: &Calls, of_all: f32, hour: usize, without: Option<usize>) -> f32 {
    let mut hung_up = HANG_UP_HOUR * of_all;
    let mut all = HANG_UP_HOUR;
    for week in (0..WEEKS).filter(|week| Some(*week) != without) {
        hung_up += calls.hung_up[week * WEEK + hour];
        all += calls.all[week * WEEK + hour];
    }
    hung_up / all
}

/// Returns the number of newest slots in which the share of rows known so far differs between
/// hang-ups and other calls, which would distort the share of hang-ups.
fn unsettled(history: &History, options: &BTreeMap<CalledOption, Places>, today: i32) -> usize {
    let mut hung_up = [0; LATE_CLASSES];
    let mut others = [0; LATE_CLASSES];
    for (_, known) in history.days(today - 1..=today) {
        for places in options.values() {
            for place in places.all.iter().filter(|place| known.has(**place)) {
                let sums = if places.hung_up == Some(*place) { &mut hung_up } else { &mut others };
                let counts = known.counts(*place);
                sums.iter_mut().zip(&counts[LATE..]).for_each(|(sum, rows)| *sum += rows);
            }
        }
    }
    let oldest = (0..LATE_SLOTS).rev().find(|age| {
        let one = lateness::known(&hung_up, *age as i64);
        let other = lateness::known(&others, *age as i64);
        one.max(other) > HANG_UP_ALIKE * one.min(other)
    });
    oldest.map_or(0, |age| age + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HistoryDelta;

    /// Monday, 5 January 2026.
    const MONDAY: i64 = 20_458;
    /// Thirty days later, a Wednesday, at 14:00: the moment that is judged.
    const NOW: i64 = (MONDAY + 30) * 86_400 + 14 * 3600;
    const OUTCOMES: [CallOutcome; 2] = [CallOutcome::HungUp, CallOutcome::ReachedQueue];

    /// Calls of two options of one routing point: hung up and not, by the option and the second.
    fn history(calls: impl Fn(usize, i64) -> [u32; 2]) -> History {
        let labels: Vec<MenuLabels> = ["1", "2"]
            .iter()
            .flat_map(|option| {
                OUTCOMES.map(|outcome| MenuLabels::new("10", outcome.as_str(), option))
            })
            .collect();
        let mut history = History::new(35);
        let mut delta = HistoryDelta::between(LocalSecond::MIN, LocalSecond::new(NOW));
        for at in (MONDAY * 86_400..NOW).step_by(SLOT as usize) {
            for option in 0..2 {
                for (outcome, times) in (0..).zip(calls(option, at)) {
                    delta.rows(option as u32 * 2 + outcome, LocalSecond::new(at), 0, None, times);
                }
            }
        }
        history.apply(&delta, |number| labels.get(number as usize));
        history.cover(LocalSecond::new(MONDAY * 86_400), LocalSecond::new(NOW));
        history
    }

    fn scores(history: &History) -> Vec<(String, Score)> {
        let watermark = LocalSecond::new(NOW);
        let scores =
            HangUpDetector::new().scores(history, watermark, &Holidays::default(), "voice");
        let named = |one: HangUpScore| {
            assert_eq!(&*one.labels.point.channel, "voice");
            (one.labels.option.to_string(), one.score)
        };
        scores.into_iter().map(named).collect()
    }

    #[test]
    fn three_times_as_many_hang_ups_for_an_hour_are_reported_of_the_option_that_has_them() {
        let broken = history(|option, at| match (option, at >= NOW - 3600) {
            (0, true) => [3, 7],
            _ => [1, 9],
        });
        let [(one, score), (two, usual)] = &scores(&broken)[..] else { panic!("two options") };
        assert_eq!((one.as_str(), two.as_str()), ("1", "2"));
        assert!(score.score > 1.0 && (1800..=5400).contains(&score.window), "{score:?}");
        assert!((score.observed / score.expected - 3.0).abs() < 0.8, "{score:?}");
        assert!(usual.score < 0.2, "{usual:?}");
    }

    #[test]
    fn a_rise_is_one_alert_until_the_usual_share_is_back() {
        // Three times as many for 75 minutes, half as many again for two hours, three times as many
        // for an hour, then as many as usual.
        let rise = history(|option, at| match (option, NOW - at) {
            (0, 18_000..=22_500 | 7200..10_800) => [3, 7],
            (0, 10_800..18_000) => [1 + u32::from(at % 600 == 0), 8],
            _ => [1, 9],
        });
        let mut detector = HangUpDetector::new();
        let is_reported = |ago: &i64| {
            let watermark = LocalSecond::new(NOW - ago);
            detector.scores(&rise, watermark, &Holidays::default(), "voice")[0].score.score > 1.0
        };
        let times: Vec<i64> = (0..75).rev().map(|slot| slot * SLOT).collect();
        let reported: Vec<bool> = times.iter().map(is_reported).collect();
        let alerts = reported.chunk_by(|one, next| one == next).filter(|alert| alert[0]);
        let [alert] = alerts.collect::<Vec<_>>()[..] else { panic!("one alert: {reported:?}") };
        assert!((45..70).contains(&alert.len()), "{reported:?}");
        assert!(!reported[reported.len() - 1], "{reported:?}");
        // A detector that starts before it is over reports it as well.
        let amid = LocalSecond::new(NOW - 6000);
        let scores = HangUpDetector::new().scores(&rise, amid, &Holidays::default(), "voice");
        assert!(scores[0].score.score > 1.0 && scores[1].score.score < 1.0, "{scores:?}");
    }

    #[test]
    fn what_happens_every_day_at_this_hour_is_usual() {
        let shut = |_, at: i64| if at.rem_euclid(86_400) >= 13 * 3600 { [9, 1] } else { [1, 9] };
        assert!(scores(&history(shut)).iter().all(|(_, score)| score.score < 0.5));
    }

    #[test]
    fn an_option_at_which_nobody_hangs_up_is_judged_and_one_with_few_calls_is_not() {
        let never = history(|option, at| match (option, at >= NOW - 1800) {
            (0, true) => [6, 4],
            (0, false) => [0, 10],
            _ => [0, u32::from(at.rem_euclid(86_400) == 0)],
        });
        let [(one, score)] = &scores(&never)[..] else { panic!("one option") };
        assert!(one == "1" && score.score > 1.0, "{score:?}");
    }

    #[test]
    fn the_newest_slots_are_left_out_where_hang_ups_come_sooner_than_other_calls() {
        let mut late = history(|_, _| [1, 9]);
        let labels = |number: u32| {
            let outcome = OUTCOMES[number as usize % 2].as_str();
            Some(MenuLabels::new("10", outcome, "1"))
        };
        let of = |number, at| {
            let mut delta = HistoryDelta::default();
            delta.rows(number, LocalSecond::new(at), 0, None, 300);
            (delta, labels(number).unwrap())
        };
        // Those who do not hang up are reported ten minutes later.
        for (number, at) in [(0, NOW), (1, NOW - 600)] {
            let (delta, labels) = of(number, at);
            late.apply(&delta, |_| Some(&labels));
        }
        let today = day_of(NOW.div_euclid(SLOT) - 1);
        assert_eq!(unsettled(&late, &options(&late), today), 2);
        let in_time = history(|_, _| [1, 9]);
        assert_eq!(unsettled(&in_time, &options(&in_time), today), 0);
    }
}
