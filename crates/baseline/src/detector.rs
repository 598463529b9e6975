//! The detector: scores every option and routing point at one moment, from the history alone.
//!
//! Owns the state derived from the history, which it derives again when the history has changed.
//! Noise and shares are learnt again once a day, a few routing points per poll.

use super::{
    History, Moment, OptionScores, PointScores, SLOT, SLOTS, Scores,
    day_forecast::{DayForecast, routing_points},
    evaluation_window::{EvaluationWindow, Known},
    noise::{DAYS, Learner, Lesson, Noise, PointLesson, PointNoise, shrink, shrink_points},
    open_falls::{OpenFalls, looks_back},
    shares::SHARES,
    surge::Surges,
};
use model::{LocalSecond, PointLabels};

/// Detector of one target.
#[derive(Default)]
pub struct Detector {
    generation: u64,
    point_of: Vec<usize>,
    points: Vec<PointLabels>,
    options_of: Vec<Vec<usize>>,
    /// The forecasts of yesterday and today.
    forecasts: Vec<DayForecast>,
    learnt: Learnt,
    falls: Falls,
    /// True after the first moment was judged.
    started: bool,
}

/// The options and routing points reported as fallen, and the options and shares reported as risen.
#[derive(Default)]
pub(super) struct Falls {
    /// By place of the option.
    pub(super) options: OpenFalls,
    /// By number of the routing point.
    pub(super) points: OpenFalls,
    /// For each share, by place of the option.
    pub(super) shares: [OpenFalls; SHARES],
    pub(super) surges: Surges,
}

/// The learnt noise and usual shares.
#[derive(Default)]
struct Learnt {
    learner: Option<Learner>,
    /// The day before which the learner reads, and the number of days with history, up to [`DAYS`].
    since: (i32, i32),
    /// By place of the option.
    lessons: Vec<Option<Lesson>>,
    noise: Vec<Noise>,
    /// By number of the routing point.
    points: Vec<PointLesson>,
    point_noise: Vec<PointNoise>,
    /// The routing points that remain to be learnt again.
    due: Vec<usize>,
}

impl Detector {
    /// Creates a detector that has learnt nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the scores of all options and routing points at a moment.
    pub fn scores(&mut self, history: &History, now: &Moment<'_>) -> Scores {
        self.follow(history);
        let last = now.watermark.get().div_euclid(SLOT);
        let today = day_before(last);
        self.learn(history, now, today);
        self.expect(history, now, today);
        if !std::mem::replace(&mut self.started, true) {
            let lag = EvaluationWindow::new(&self.known(history, now), last).report_lag();
            self.replay(history, now, last, i64::from(lag) / SLOT);
            self.expect(history, now, today);
        }
        self.judge(history, now, last)
    }

    /// Finds the incidents that were open before this detector started. Judges past moments some
    /// hours apart, except those within `lag` slots of the present, which the report lacks.
    fn replay(&mut self, history: &History, now: &Moment<'_>, last: i64, lag: i64) {
        for then in looks_back(last) {
            if then <= last - lag && history.has_slot(then - 1) {
                self.expect(history, now, day_before(then));
                self.judge(history, now, then);
            }
        }
    }

    /// Judges the slots before `last`, which is counted from 1970.
    fn judge(&mut self, history: &History, now: &Moment<'_>, last: i64) -> Scores {
        let mut falls = std::mem::take(&mut self.falls);
        let known = self.known(history, now);
        let window = EvaluationWindow::new(&known, last);
        let mut scores = Scores { report_lag: window.report_lag(), ..Scores::default() };
        for (point, options) in self.options_of.iter().enumerate() {
            let (of_point, of_options) = window.point(&known, point, options, &mut falls);
            scores
                .points
                .push(PointScores { labels: self.points[point].clone(), scores: of_point });
            scores.options.extend(options.iter().zip(of_options).map(|(option, of)| {
                OptionScores {
                    labels: history.labels()[*option].clone(),
                    scores: of.scores,
                    expected_hits: of.expected_hits,
                    weeks: of.weeks,
                }
            }));
        }
        scores.points.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        scores.options.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        self.falls = falls;
        scores
    }

    fn known<'a>(&'a self, history: &'a History, now: &'a Moment<'a>) -> Known<'a> {
        Known {
            history,
            forecasts: &self.forecasts,
            points: &self.points,
            point_of: &self.point_of,
            noise: &self.learnt.noise,
            lessons: &self.learnt.lessons,
            point_lessons: &self.learnt.points,
            point_noise: &self.learnt.point_noise,
            now,
        }
    }

    /// Updates the list of options from the history.
    fn follow(&mut self, history: &History) {
        if self.generation != history.generation() {
            *self = Self { generation: history.generation(), ..Self::default() };
        }
        if self.point_of.len() != history.labels().len() {
            (self.point_of, self.points) = routing_points(history);
            self.options_of = vec![Vec::new(); self.points.len()];
            for (option, point) in self.point_of.iter().enumerate() {
                self.options_of[*point].push(option);
            }
        }
    }

    /// Derives the forecasts of yesterday and today where they are missing or outdated.
    fn expect(&mut self, history: &History, now: &Moment<'_>, today: i32) {
        let points = self.points.len();
        self.forecasts.retain(|forecast| {
            (today - 1..=today).contains(&forecast.day)
                && forecast.is_current(history, points, now.holidays)
        });
        for day in [today - 1, today] {
            if !self.forecasts.iter().any(|forecast| forecast.day == day) {
                self.forecasts.push(DayForecast::new(
                    history,
                    day,
                    &self.point_of,
                    points,
                    now.holidays,
                ));
            }
        }
        self.forecasts.sort_unstable_by_key(|forecast| forecast.day);
    }

    /// Learns the noise of all options if none is known or the history reaches further back than
    /// before, and of some routing points per poll when a new day has begun.
    fn learn(&mut self, history: &History, now: &Moment<'_>, today: i32) {
        let learnt = &mut self.learnt;
        let options = self.point_of.len();
        let begin = history.begin().map_or(today, LocalSecond::day);
        let since = (today, (today - begin).clamp(0, DAYS as i32));
        // A longer history: all is learnt again at once.
        let more = learnt.learner.is_none() || since.1 > learnt.since.1;
        if more || learnt.since.0 != today {
            learnt.learner = Some(Learner::new(history, today, options, now.holidays));
            learnt.due = (0..self.points.len()).collect();
            learnt.since = since;
        }
        let Some(learner) = &learnt.learner else { return };
        learnt.lessons.resize(options, None);
        learnt.points.resize(self.points.len(), PointLesson::default());
        let mut room = if more { usize::MAX } else { (options / 48).max(8) };
        let mut changed =
            learnt.noise.len() != options || learnt.point_noise.len() != self.points.len();
        while room > 0
            && let Some(point) = learnt.due.pop()
        {
            let options = &self.options_of[point];
            let lesson = learner.point(history, options);
            for (option, of_option) in options.iter().zip(&lesson.options) {
                learnt.lessons[*option] = *of_option;
            }
            learnt.points[point] = lesson;
            room = room.saturating_sub(options.len());
            changed |= learnt.due.is_empty();
        }
        if changed {
            learnt.noise = shrink(&learnt.lessons);
            learnt.point_noise = shrink_points(&learnt.points);
        }
    }
}

/// Returns the day of the slot before `last`.
fn day_before(last: i64) -> i32 {
    last.saturating_sub(1).div_euclid(SLOTS as i64) as i32
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("options", &self.point_of.len()).finish_non_exhaustive()
    }
}
