//! The detector: scores of every option and routing point at one moment, from the history alone.
//!
//! Owns what it has derived from the history, which it derives anew where the history it is given has changed; noise and shares are
//! learnt anew once a day, a few routing points at a time.

use super::{
    History, Moment, OptionScores, PointScores, SLOT, SLOTS, Scores,
    expectation::{Block, routing_points},
    frame::{Frame, Known},
    noise::{DAYS, Learner, Lesson, Noise, shrink},
};
use crate::model::{LocalSecond, PointLabels};

/// Judges moments. One for each target; costs some memory beside the history.
#[derive(Default)]
pub struct Detector {
    generation: u64,
    point_of: Vec<usize>,
    points: Vec<PointLabels>,
    options_of: Vec<Vec<usize>>,
    /// Of today and yesterday.
    blocks: Vec<Block>,
    learnt: Learnt,
}

/// What is known of noise and of shares.
#[derive(Default)]
struct Learnt {
    learner: Option<Learner>,
    /// The day before which the learner looks, and how many days it sees.
    since: (i32, i32),
    /// By place of the option.
    lessons: Vec<Option<Lesson>>,
    noise: Vec<Noise>,
    /// By number of the routing point: whether its hours shift.
    shifts: Vec<bool>,
    /// The routing points that are to be learnt anew.
    due: Vec<usize>,
}

impl Detector {
    /// That has learnt nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How unlike the usual everything is at a moment.
    pub fn scores(&mut self, history: &History, now: &Moment<'_>) -> Scores {
        self.follow(history);
        let last = now.watermark.get().div_euclid(SLOT);
        let today = last.saturating_sub(1).div_euclid(SLOTS as i64) as i32;
        self.expect(history, now, today);
        self.learn(history, now, today);
        let known = Known {
            history,
            blocks: &self.blocks,
            points: &self.points,
            point_of: &self.point_of,
            noise: &self.learnt.noise,
            lessons: &self.learnt.lessons,
            shifts: &self.learnt.shifts,
            now,
        };
        let frame = Frame::new(&known, last);
        let mut scores = Scores::default();
        for (point, options) in self.options_of.iter().enumerate() {
            let (of_point, of_options) = frame.point(&known, point, options);
            scores.points.push(PointScores { labels: self.points[point].clone(), scores: of_point });
            scores.options.extend(options.iter().zip(of_options).map(|(option, of)| OptionScores {
                labels: history.labels()[*option].clone(),
                scores: of.scores,
                expected_hits: of.expected_hits,
                weeks: of.weeks,
            }));
        }
        scores.points.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        scores.options.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        scores
    }

    /// Takes over which options there are.
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

    /// Derives the expectation of today and of the day before, where it is not known.
    fn expect(&mut self, history: &History, now: &Moment<'_>, today: i32) {
        let points = self.points.len();
        self.blocks.retain(|block| {
            (today - 1..=today).contains(&block.day) && block.is_current(history, points, now.holidays)
        });
        for day in [today - 1, today] {
            if !self.blocks.iter().any(|block| block.day == day) {
                self.blocks.push(Block::new(history, day, &self.point_of, points, now.holidays));
            }
        }
        self.blocks.sort_unstable_by_key(|block| block.day);
    }

    /// Learns the noise of all options when there is none, and of some once the day is another.
    fn learn(&mut self, history: &History, now: &Moment<'_>, today: i32) {
        let learnt = &mut self.learnt;
        let options = self.point_of.len();
        let begin = history.begin().map_or(today, LocalSecond::day);
        let since = (today, (today - begin).clamp(0, DAYS as i32));
        // More past than before: all is learnt anew at once.
        let more = learnt.learner.is_none() || since.1 > learnt.since.1;
        if more || learnt.since.0 != today {
            learnt.learner = Some(Learner::new(history, today, options, now.holidays));
            learnt.due = (0..self.points.len()).collect();
            learnt.since = since;
        }
        let Some(learner) = &learnt.learner else { return };
        learnt.lessons.resize(options, None);
        learnt.shifts.resize(self.points.len(), false);
        let mut room = if more { usize::MAX } else { (options / 48).max(8) };
        let mut changed = learnt.noise.len() != options;
        while room > 0
            && let Some(point) = learnt.due.pop()
        {
            let options = &self.options_of[point];
            let (lessons, shifts) = learner.point(history, options);
            for (option, lesson) in options.iter().zip(lessons) {
                learnt.lessons[*option] = Some(lesson);
            }
            learnt.shifts[point] = shifts;
            room = room.saturating_sub(options.len());
            changed |= learnt.due.is_empty();
        }
        if changed {
            learnt.noise = shrink(&learnt.lessons);
        }
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("options", &self.point_of.len()).finish_non_exhaustive()
    }
}
