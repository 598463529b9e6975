//! The slots before one moment: what was seen in them and what was expected, of the whole operation.
//!
//! Owns the sums over options that levels are told from, and judges one routing point after the other by them.

use std::borrow::Cow;

use super::{
    Anomaly, HOURS, History, Moment, PointAnomaly, SLOT, SLOTS, Score,
    collapse::Collapse,
    drop_off::{drop_off, fewer_weeks},
    expectation::{Block, Expected},
    hours,
    limits::{BESIDE, LONGEST, NO_INPUT_WINDOWS, RISE_PRIOR, UNUSED_DAYS},
    moment::midnight,
    noise::{Lesson, Noise},
    shares::{self, Recent},
    surge::surge,
    window::{Beside, Sums},
};
use crate::model::{OptionKind, PointLabels};

/// What is judged by: the expectations and all that was learnt.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    /// Of yesterday and today.
    pub(super) blocks: &'a [Block],
    pub(super) points: &'a [PointLabels],
    pub(super) point_of: &'a [usize],
    /// By place of the option, as the next one.
    pub(super) noise: &'a [Noise],
    pub(super) lessons: &'a [Option<Lesson>],
    /// By number of the routing point: whether its hours shift.
    pub(super) shifts: &'a [bool],
    pub(super) now: &'a Moment<'a>,
}

/// From midnight before the longest window to the moment.
pub(super) struct Frame {
    /// The first slot, counted from 1970.
    pub(super) base: i64,
    /// Whether each slot is covered.
    pub(super) usable: Vec<bool>,
    /// Of each option, by place.
    options: Vec<Sums>,
    /// The last hours of each option.
    recent: Vec<Recent>,
    /// Of each routing point, by number.
    points: Vec<Sums>,
    operation: Sums,
    /// See [`Beside::growth`].
    growth: f64,
    /// Whether each option was entered lately.
    used: Vec<bool>,
}

/// What is said of one option.
#[derive(Default)]
pub(super) struct OfOption {
    pub(super) scores: [Option<Score>; Anomaly::ALL.len()],
    pub(super) expected_hits: Option<f64>,
    pub(super) weeks: u8,
}

impl Frame {
    /// The slots before `last`, which is counted from 1970.
    pub(super) fn new(known: &Known<'_>, last: i64) -> Self {
        let base = (last - LONGEST as i64).div_euclid(SLOTS as i64) * SLOTS as i64;
        let length = (last - base) as usize;
        let used = used(known.history, super::day_of(last - 1), known.point_of.len());
        let mut frame = Self {
            base,
            usable: (base..last).map(|slot| known.history.has_slot(slot)).collect(),
            options: Vec::new(),
            recent: vec![Recent::default(); known.point_of.len()],
            points: Vec::new(),
            operation: Sums::default(),
            growth: 1.0,
            used,
        };
        let idle: Vec<i64> = known.points.iter().map(|point| slots_of((known.now.idle)(point))).collect();
        let mut of_points = vec![vec![(0.0, 0.0); length]; known.points.len()];
        let mut own = Vec::new();
        for (option, point) in known.point_of.iter().enumerate() {
            frame.own(known, option, last - idle[*point], &mut own);
            add(&mut of_points[*point], &own);
            frame.options.push(Sums::of(own.iter().copied()));
        }
        let mut all = vec![(0.0, 0.0); length];
        of_points.iter().for_each(|point| add(&mut all, point));
        frame.points = of_points.into_iter().map(Sums::of).collect();
        frame.operation = Sums::of(all);
        frame.growth = frame.operation.growth();
        frame
    }

    /// Slots.
    pub(super) fn len(&self) -> usize {
        self.usable.len()
    }

    /// Of one option by slot: hits seen and expected, both 0 where nothing is known. Journeys of rows before the slot
    /// `closed` are over.
    fn own(&mut self, known: &Known<'_>, option: usize, closed: i64, own: &mut Vec<(f32, f32)>) {
        own.clear();
        own.resize(self.len(), (0.0, 0.0));
        if !self.used[option] {
            return;
        }
        let newest = (self.base + self.len() as i64 - 1).div_euclid(12);
        for block in known.blocks {
            let day =
                known.history.day(block.day).filter(|day| day.has(option)).map(|day| day.counts(option));
            if let Some(counts) = &day {
                self.recent[option].add(counts, i64::from(block.day) * HOURS as i64, newest, closed);
            }
            let Some(expected) = expected(block, option) else { continue };
            let Ok(from) = usize::try_from(midnight(block.day) / SLOT - self.base) else { continue };
            for (at, (slot, usable)) in own.iter_mut().zip(&self.usable).skip(from).take(SLOTS).enumerate() {
                if *usable && expected.weeks[at] > 0 {
                    let seen = day.as_ref().map_or(0, |counts| counts[at]);
                    *slot = (seen as f32, expected.hits[at]);
                }
            }
        }
    }

    /// The scores of a routing point and of its options.
    pub(super) fn point(
        &self,
        known: &Known<'_>,
        point: usize,
        options: &[usize],
    ) -> ([Option<Score>; PointAnomaly::ALL.len()], Vec<OfOption>) {
        let closed = self.may_be_closed(known, point, options);
        let open = without(&self.points[point], &closed);
        let usable: Vec<bool> =
            self.usable.iter().zip(&closed).map(|(usable, closed)| *usable && !closed).collect();
        let collapse =
            Collapse::new((self.base, &usable), known.blocks, point, &open, &self.operation, known.now);
        let mut fallen = collapse.fallen();
        let lately = fallen[self.len() - LONGEST..].contains(&true);
        // Neither says anything about its options.
        fallen.iter_mut().zip(closed).for_each(|(fallen, closed)| *fallen |= closed);
        let any_week = |block: &Block| block.points[point].iter().flatten().any(|hits| !hits.is_nan());
        let collapsed = known.blocks.last().is_some_and(any_week).then(|| collapse.score(self.len()));
        let of_point = without(&self.points[point], &fallen);
        let mut judged: Vec<OfOption> = options
            .iter()
            .map(|option| {
                let own = without(&self.options[*option], &fallen);
                let (noise, weeks) = (&known.noise[*option], self.weeks(known, *option));
                let beside = Beside {
                    own: &own,
                    point: &of_point,
                    operation: &self.operation,
                    base: self.base,
                    day_noise: f64::from(noise.day) * fewer_weeks(weeks),
                    spread: noise.spread.into(),
                    growth: self.growth,
                    level_noise: noise.level.into(),
                };
                self.option(known, *option, &beside, weeks)
            })
            .collect();
        let mut scores = [collapsed, self.no_input(known, point, options)];
        settle(&mut scores, &mut judged, lately);
        (scores, judged)
    }

    /// The slots in which it may just have been closed, where its hours shift.
    fn may_be_closed(&self, known: &Known<'_>, point: usize, options: &[usize]) -> Vec<bool> {
        if !known.shifts[point] {
            return vec![false; self.len()];
        }
        let end = (self.base + self.len() as i64 - 1).rem_euclid(SLOTS as i64) as usize + 1;
        let today = |option: &usize| known.blocks.last().and_then(|block| expected(block, *option));
        let expected =
            |slot: usize| options.iter().filter_map(today).map(|today| f64::from(today.hits[slot])).sum();
        let ahead: Vec<f64> = (end..SLOTS).take(hours::AHEAD).map(expected).collect();
        hours::may_be_closed(&self.points[point], &self.usable, &ahead)
    }

    /// On how many weeks the last slot's expectation stands.
    fn weeks(&self, known: &Known<'_>, option: usize) -> u8 {
        let at = (self.base + self.len() as i64 - 1).rem_euclid(SLOTS as i64) as usize;
        let today = known.blocks.last().and_then(|block| expected(block, option));
        today.map_or(0, |today| today.weeks[at])
    }

    fn option(&self, known: &Known<'_>, option: usize, beside: &Beside<'_>, weeks: u8) -> OfOption {
        let mut of_option = OfOption::default();
        if !self.used[option] {
            return of_option;
        }
        if weeks > 0 {
            let noise = &known.noise[option];
            of_option.weeks = weeks;
            of_option.scores[Anomaly::DropOff as usize] = Some(drop_off(beside, noise, weeks));
            of_option.scores[Anomaly::Surge as usize] = surge(beside, noise, weeks, known.blocks, option);
            of_option.expected_hits = self.expected_hits(known, beside, option);
        }
        if let Some(lesson) = &known.lessons[option] {
            let kind = known.now.kinds.kind(&known.history.labels()[option].option);
            let ends = matches!(kind, OptionKind::OptOut | OptionKind::Terminal);
            let shares = shares::shares(&self.recent[option], &lesson.shares, ends, self.in_hour());
            of_option.scores[Anomaly::Abandonment as usize..].copy_from_slice(&shares);
        }
        of_option
    }

    /// Seconds of the present hour that are over.
    fn in_hour(&self) -> i64 {
        ((self.base + self.len() as i64 - 1).rem_euclid(12) + 1) * SLOT
    }

    /// Entries of nothing, in windows of an hour and more.
    fn no_input(&self, known: &Known<'_>, point: usize, options: &[usize]) -> Option<Score> {
        let silent: Vec<usize> = options
            .iter()
            .copied()
            .filter(|option| {
                known.now.kinds.kind(&known.history.labels()[*option].option) == OptionKind::NoInput
            })
            .collect();
        let usual = |options: &[usize]| -> f64 {
            options
                .iter()
                .filter_map(|option| known.lessons[*option])
                .map(|lesson| f64::from(lesson.shares.hits))
                .sum()
        };
        let (part, whole) = (usual(&silent), usual(options));
        if silent.is_empty() || whole < f64::from(super::limits::SHARE_KNOWN) {
            return None;
        }
        let end = self.len();
        let mut furthest = Score::default();
        for slots in NO_INPUT_WINDOWS.into_iter().filter(|slots| *slots <= end) {
            let all = self.points[point].between(end - slots, end);
            let of = silent.iter().fold((0.0, 0.0), |sum, option| {
                let own = self.options[*option].between(end - slots, end);
                (sum.0 + own.seen, sum.1 + own.expected)
            });
            let learnt = silent.iter().map(|option| known.noise[*option].of(slots)).fold(0.0, f64::max);
            let noise = super::limits::FIRST_SHARE_NOISE + learnt;
            let others = (all.seen - of.0 + RISE_PRIOR) / (all.expected - of.1 + RISE_PRIOR);
            let score = shares::no_input(of.0, all.seen, part / whole, of.1 * others.max(1.0), noise, slots);
            if score.score > furthest.score {
                furthest = score;
            }
        }
        Some(furthest)
    }

    /// Hits that the last window should have had, at the level of the last hour.
    fn expected_hits(&self, known: &Known<'_>, beside: &Beside<'_>, option: usize) -> Option<f64> {
        let level = beside.level_of(self.len().saturating_sub(12), self.len());
        let mut sum = 0.0;
        for (from, to) in known.now.window.iter().map(|(from, to)| (from.get(), to.get())) {
            for slot in from.div_euclid(SLOT)..=(to - 1).div_euclid(SLOT) {
                let day = slot.div_euclid(SLOTS as i64);
                let block = known.blocks.iter().find(|block| i64::from(block.day) == day)?;
                let rate = expected(block, option)?.hits[slot.rem_euclid(SLOTS as i64) as usize];
                let part = to.min((slot + 1) * SLOT) - from.max(slot * SLOT);
                sum += f64::from(rate) * part as f64 / SLOT as f64;
            }
        }
        Some(sum * level)
    }
}

/// Slots, of which the last may not be full.
fn slots_of(seconds: i64) -> i64 {
    (seconds + SLOT - 1).div_euclid(SLOT)
}

fn add(sum: &mut [(f32, f32)], more: &[(f32, f32)]) {
    sum.iter_mut().zip(more).for_each(|(sum, slot)| *sum = (sum.0 + slot.0, sum.1 + slot.1));
}

/// The sums but for the slots in which the whole routing point had fallen, of which there are none as a rule.
fn without<'s>(sums: &'s Sums, fallen: &[bool]) -> Cow<'s, Sums> {
    if fallen.contains(&true) { Cow::Owned(sums.without(fallen)) } else { Cow::Borrowed(sums) }
}

fn expected(block: &Block, option: usize) -> Option<&Expected> {
    block.options.get(option).and_then(Option::as_deref)
}

/// Which options were entered on this day or in the week before. A day that is not wholly known says nothing against one.
fn used(history: &History, today: i32, options: usize) -> Vec<bool> {
    let whole = history.holds(&(midnight(today - UNUSED_DAYS)..midnight(today)));
    let mut used = vec![!whole; options];
    for (_, day) in history.days(today - UNUSED_DAYS..=today) {
        used.iter_mut().enumerate().for_each(|(option, used)| *used |= day.has(option));
    }
    used
}

/// What rises beside a fall has the same cause, and what falls with its whole routing point is told with that. `lately` says
/// whether that was so within the longest window.
fn settle(point: &mut [Option<Score>; PointAnomaly::ALL.len()], options: &mut [OfOption], lately: bool) {
    let over = |score: Option<Score>, limit: f64| score.is_some_and(|score| score.score > limit);
    let collapsed = over(point[PointAnomaly::Collapse as usize], 1.0);
    let dropped = options.iter().any(|option| over(option.scores[Anomaly::DropOff as usize], BESIDE));
    let quiet = |score: &mut Option<Score>| {
        if let Some(score) = score {
            *score = Score::default();
        }
    };
    if collapsed || lately || dropped {
        quiet(&mut point[PointAnomaly::NoInput as usize]);
    }
    for option in options {
        for anomaly in Anomaly::ALL {
            let rises = matches!(anomaly, Anomaly::Surge | Anomaly::Abandonment);
            if collapsed || ((dropped || lately) && rises) {
                quiet(&mut option.scores[anomaly as usize]);
            }
        }
    }
}
