//! The slots before one moment: hits seen and expected in them, of the whole operation.
//!
//! Owns the sums over options from which levels are estimated, and judges one routing point after
//! the other by them.

use std::borrow::Cow;

use super::{
    Anomaly, History, Moment, PointAnomaly, SLOT, SLOTS, Score,
    cells::{Counts, LATE, LATE_CLASSES},
    collapse::{self, Collapse},
    day_forecast::{DayForecast, Expected},
    detector::Falls,
    drop_off::{drop_off, fewer_weeks},
    followers::Lead,
    hours,
    lateness::{self, RECENT_SLOTS},
    limits::{
        BESIDE, FOLLOWERS_MISSING, LATE_SLOTS, LEAST_SHARE_NOISE, LEAST_WEEKS, LEVEL_PRIOR,
        LONGEST, NO_INPUT, NO_INPUT_WINDOWS, RISE_PRIOR, SILENT_HITS, SILENT_POINT, UNUSED_DAYS,
    },
    moment::midnight,
    noise::{Lesson, Noise, PointLesson, PointNoise},
    open_falls::{OpenFalls, left},
    option_context::{Leader, OptionContext, PrefixSums},
    shares::{self, Recent, SHARES, ShareWindow},
    surge::surge,
};
use model::{OptionKind, PointLabels};

/// The forecasts and everything learnt by which windows are judged.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    /// The forecasts of yesterday and today.
    pub(super) forecasts: &'a [DayForecast],
    pub(super) points: &'a [PointLabels],
    pub(super) point_of: &'a [usize],
    /// By place of the option, like `lessons`.
    pub(super) noise: &'a [Noise],
    pub(super) lessons: &'a [Option<Lesson>],
    /// By number of the routing point, like `point_noise`.
    pub(super) point_lessons: &'a [PointLesson],
    pub(super) point_noise: &'a [PointNoise],
    pub(super) now: &'a Moment<'a>,
}

impl Known<'_> {
    /// Returns the forecast of an option for the day of the last slot.
    fn today(&self, option: usize) -> Option<&Expected> {
        expected(self.forecasts.last()?, option)
    }

    /// Returns the hits of some options in the weeks from which their usual shares were learnt.
    fn learnt_hits(&self, options: &[usize]) -> f64 {
        options
            .iter()
            .filter_map(|option| self.lessons[*option])
            .map(|lesson| f64::from(lesson.shares.hits))
            .sum()
    }
}

/// The slots up to the judged moment, from the midnight at or before the begin of the longest
/// window.
pub(super) struct EvaluationWindow {
    /// The first slot, counted from 1970.
    pub(super) base: i64,
    /// True for each slot that is covered and not lacking in the report.
    pub(super) usable: Vec<bool>,
    /// The hits of each option, by place.
    options: Vec<PrefixSums>,
    /// The last hours of each option.
    recent: Vec<Recent>,
    /// The hits of each routing point, by number.
    points: Vec<PrefixSums>,
    operation: PrefixSums,
    /// The growth of the operation; see [`OptionContext::growth`].
    growth: f64,
    /// True for each option that was entered lately.
    used: Vec<bool>,
    /// True if nothing is known of the time after the moment. False in the repeated hour of a clock
    /// change and when the past is judged again: no rows are late then.
    newest: bool,
    /// The rows of each routing point of today and yesterday, by lateness.
    late: Vec<[u32; LATE_CLASSES]>,
    /// Number of newest slots of each routing point that are not judged because its rows are late.
    lags: Vec<usize>,
}

/// The scores and the expectation of one option.
#[derive(Default)]
pub(super) struct OfOption {
    pub(super) scores: [Option<Score>; Anomaly::ALL.len()],
    pub(super) expected_hits: Option<f64>,
    pub(super) weeks: u8,
}

impl EvaluationWindow {
    /// Creates the window that ends before the slot `last`, which is counted from 1970.
    pub(super) fn new(known: &Known<'_>, last: i64) -> Self {
        let base = (last - LONGEST as i64).div_euclid(SLOTS as i64) * SLOTS as i64;
        let length = (last - base) as usize;
        let used = used(known.history, super::day_of(last - 1), known.point_of.len());
        let mut window = Self {
            base,
            usable: (base..last).map(|slot| known.history.has_slot(slot)).collect(),
            options: Vec::new(),
            recent: Vec::new(),
            points: Vec::new(),
            operation: PrefixSums::default(),
            growth: 1.0,
            used,
            newest: !known.history.has_slot(last),
            late: vec![[0; LATE_CLASSES]; known.points.len()],
            lags: vec![0; known.points.len()],
        };
        let idle: Vec<i64> =
            known.points.iter().map(|point| slots_of((known.now.idle)(point))).collect();
        let mut of_points = vec![vec![(0.0, 0.0); length]; known.points.len()];
        let mut own = Vec::new();
        for (option, point) in known.point_of.iter().enumerate() {
            window.recent.push(Recent::new(last, last - idle[*point]));
            window.own(known, option, &mut own);
            add(&mut of_points[*point], &own);
            window.options.push(PrefixSums::of(own.iter().copied()));
        }
        window.lag(known, last, &mut of_points);
        let mut all = vec![(0.0, 0.0); length];
        of_points.iter().for_each(|point| add(&mut all, point));
        window.points = of_points.into_iter().map(PrefixSums::of).collect();
        window.operation = PrefixSums::of(all);
        window.growth = window.operation.growth();
        window
    }

    /// Leaves out newest slots in which rows are late. For one routing point: most of its rows of
    /// the last hour came late, or it is silent and lagged before. For all: none has a row, and not
    /// all of them fall silent at once.
    fn lag(&mut self, known: &Known<'_>, last: i64, of_points: &mut [Vec<(f32, f32)>]) {
        let mut late = vec![Vec::new(); known.points.len()];
        let since = last - RECENT_SLOTS;
        for rows in known.history.late_rows() {
            if self.newest && rows.came > since {
                late[known.point_of[rows.option]].push(*rows);
            }
        }
        let hour = self.len() - (RECENT_SLOTS as usize).min(self.len());
        for (number, point) in of_points.iter().enumerate() {
            let lagged =
                known.point_lessons[number].lagged.max(lateness::lagged(&self.late[number]));
            let may_lag = if self.newest { lateness::may_lag(point, lagged) } else { 0 };
            self.lags[number] = lateness::lag(&late[number], &point[hour..], last).max(may_lag);
        }
        let mut silent = silence(of_points);
        if known.now.holidays.has(super::day_of(last - 1)) {
            // All may be closed.
            silent.fill(false);
        }
        let newest = silent.iter().rev().take_while(|silent| **silent).count();
        for lag in &mut self.lags {
            *lag = newest.max(*lag);
        }
        self.leave_out(known, &silent, of_points);
    }

    /// Leaves out the slots that the report lacks; they become unknown.
    fn leave_out(&mut self, known: &Known<'_>, silent: &[bool], of_points: &mut [Vec<(f32, f32)>]) {
        if self.lags.iter().all(|lag| *lag == 0) && !silent.contains(&true) {
            return;
        }
        self.usable.iter_mut().zip(silent).for_each(|(usable, silent)| *usable &= !silent);
        let slots = self.len();
        let mut lacking = Vec::new();
        for (lag, hits) in self.lags.iter().zip(of_points) {
            let mut of_point = silent.to_vec();
            of_point[slots - lag..].fill(true);
            for (hits, lacks) in hits.iter_mut().zip(&of_point) {
                if *lacks {
                    *hits = (0.0, 0.0);
                }
            }
            lacking.push(of_point);
        }
        for (sums, point) in self.options.iter_mut().zip(known.point_of) {
            if lacking[*point].contains(&true) {
                *sums = sums.without(&lacking[*point]);
            }
        }
    }

    /// Returns the seconds by which rows are later than usual, of the routing point that lags most.
    pub(super) fn report_lag(&self) -> u32 {
        self.lags.iter().max().map_or(0, |slots| (*slots as i64 * SLOT) as u32)
    }

    /// Returns the number of slots.
    pub(super) fn len(&self) -> usize {
        self.usable.len()
    }

    /// Writes the seen and expected hits of one option by slot; both are 0 where nothing is known.
    fn own(&mut self, known: &Known<'_>, option: usize, own: &mut Vec<(f32, f32)>) {
        own.clear();
        own.resize(self.len(), (0.0, 0.0));
        if !self.used[option] {
            return;
        }
        let counts: Vec<Option<Box<Counts>>> = known
            .forecasts
            .iter()
            .map(|forecast| known.history.day(forecast.day).filter(|day| day.has(option)))
            .map(|day| day.map(|day| Box::new(day.counts(option))))
            .collect();
        let mut late = [0; LATE_CLASSES];
        for counts in counts.iter().flatten() {
            late.iter_mut().zip(&counts[LATE..]).for_each(|(sum, more)| *sum += more);
        }
        let of_point = &mut self.late[known.point_of[option]];
        of_point.iter_mut().zip(late).for_each(|(sum, more)| *sum += more);
        for (forecast, counts) in known.forecasts.iter().zip(&counts) {
            if let Some(counts) = counts {
                self.recent[option].add(counts, forecast.day);
            }
            let Some(expected) = expected(forecast, option) else { continue };
            let Ok(from) = usize::try_from(midnight(forecast.day) / SLOT - self.base) else {
                continue;
            };
            let slots = own.iter_mut().zip(&self.usable).skip(from).take(SLOTS);
            for (at, (slot, usable)) in slots.enumerate() {
                if *usable && expected.weeks[at] > 0 {
                    let seen = counts.as_ref().map_or(0, |counts| counts[at]);
                    *slot = (seen as f32, expected.hits[at]);
                }
            }
        }
        let late_rows = late[1..].iter().any(|rows| *rows > 0);
        if self.newest && late_rows {
            for (age, slot) in own.iter_mut().rev().take(LATE_SLOTS).enumerate() {
                slot.1 *= lateness::known(&late, age as i64);
            }
        }
    }

    /// Returns the scores of a routing point and of its options.
    pub(super) fn point(
        &self,
        known: &Known<'_>,
        point: usize,
        options: &[usize],
        falls: &mut Falls,
    ) -> ([Option<Score>; PointAnomaly::ALL.len()], Vec<OfOption>) {
        let closed = self.may_be_closed(known, point, options);
        let open = without(&self.points[point], &closed);
        let judged = self.len() - self.lags[point];
        let usable: Vec<bool> =
            (0..self.len()).map(|at| self.usable[at] && !closed[at] && at < judged).collect();
        let leads = &known.point_lessons[point].leads;
        let led: Vec<PrefixSums> = leads.iter().map(|lead| self.led(lead)).collect();
        let gone: Vec<usize> =
            options.iter().copied().filter(|option| !self.used[*option]).collect();
        let judged = collapse::Point {
            base: self.base,
            usable: &usable,
            hits: &open,
            operation: &self.operation,
            noise: known.point_noise[point],
            leaders: &led,
            gone: &gone,
        };
        let collapse = Collapse::new(judged, point, known.forecasts, known.now);
        let mut fallen = collapse.fallen();
        let lately = fallen[self.len() - LONGEST..].contains(&true);
        // Slots in which it had fallen or was closed are no evidence about its options.
        fallen.iter_mut().zip(closed).for_each(|(fallen, closed)| *fallen |= closed);
        let any_week = known.forecasts.last().is_some_and(|forecast| {
            forecast.points[point].iter().flatten().any(|hits| !hits.is_nan())
        });
        let collapsed = any_week.then(|| {
            let score = collapse.score(self.len());
            let last = self.base + self.len() as i64;
            falls
                .points
                .follow(point, score, last, |fall, slots| collapse.is_back(left(fall), slots))
        });
        let mut judged = self.options(known, point, options, &fallen, falls);
        let mut scores = [collapsed, self.no_input(known, point, options)];
        let abandoned = self.abandoned(known, point, options, &judged);
        settle(&mut scores, &mut judged, lately, &abandoned);
        if self.newest && !is_above(scores[PointAnomaly::Collapse as usize], 1.0) {
            self.follow_rises(known, options, &mut judged, &mut falls.shares);
        }
        (scores, judged)
    }

    /// Keeps risen shares reported until they are back.
    fn follow_rises(
        &self,
        known: &Known<'_>,
        options: &[usize],
        judged: &mut [OfOption],
        rises: &mut [OpenFalls; SHARES],
    ) {
        let last = self.base + self.len() as i64;
        for (option, judged) in options.iter().zip(judged) {
            let Some(lesson) = &known.lessons[*option] else { continue };
            let recent = &self.recent[*option];
            let scores = judged.scores.iter_mut().skip(Anomaly::Abandonment as usize);
            for ((share, rises), score) in rises.iter_mut().enumerate().zip(scores) {
                let Some(score) = score else {
                    rises.forget(*option);
                    continue;
                };
                *score = rises.follow(*option, *score, last, |rise, slots| {
                    shares::is_back(recent, &lesson.shares, share, rise, slots)
                });
            }
        }
    }

    /// Returns true for each option from which fewer interactions go on to every option that
    /// follows it, and not only to one of them, in the window in which more ended there.
    fn abandoned(
        &self,
        known: &Known<'_>,
        point: usize,
        options: &[usize],
        judged: &[OfOption],
    ) -> Vec<bool> {
        let leads = &known.point_lessons[point].leads;
        let abandoned = options.iter().zip(judged).map(|(option, judged)| {
            let score =
                judged.scores[Anomaly::Abandonment as usize].filter(|score| score.window > 0);
            let lead = leads.iter().find(|lead| lead.option == *option);
            score
                .zip(lead)
                .is_some_and(|(score, lead)| self.all_followers_fell(lead, score.slots()))
        });
        abandoned.collect()
    }

    /// Returns true if each follower of an option has fallen in the newest slots, compared with the
    /// option itself.
    fn all_followers_fell(&self, lead: &Lead, slots: usize) -> bool {
        let own = self.ratio(lead.option, slots);
        lead.followers.iter().all(|follower| {
            self.ratio(follower.option, slots) < own * (1.0 - FOLLOWERS_MISSING * follower.share)
        })
    }

    /// Returns the ratio of the hits of an option in the newest slots to the expected ones.
    fn ratio(&self, option: usize, slots: usize) -> f64 {
        let hits = self.options[option].between(self.len().saturating_sub(slots), self.len());
        (hits.seen + 1.0) / (hits.expected + 1.0)
    }

    /// Returns the hits of an option and of those that follow it.
    fn led(&self, lead: &Lead) -> PrefixSums {
        let followers = lead.followers.iter().map(|follower| &self.options[follower.option]);
        PrefixSums::sum(followers.chain([&self.options[lead.option]]), self.len())
    }

    /// Returns the scores of the options of a routing point, without the slots for which `fallen`
    /// is true.
    fn options(
        &self,
        known: &Known<'_>,
        point: usize,
        options: &[usize],
        fallen: &[bool],
        falls: &mut Falls,
    ) -> Vec<OfOption> {
        let of_point = without(&self.points[point], fallen);
        let leads = &known.point_lessons[point].leads;
        let last = self.base + self.len() as i64;
        let surged = with_followers(falls.surges.lately(options, last - LONGEST as i64), leads);
        let of_leads: Vec<Cow<'_, PrefixSums>> =
            leads.iter().map(|lead| without(&self.options[lead.option], fallen)).collect();
        let mut judged = Vec::new();
        for option in options {
            let own = without(&self.options[*option], fallen);
            let noise = &known.noise[*option];
            let weeks = self.weeks(known, *option);
            let lead = leads.iter().find(|lead| lead.option == *option);
            let followers = lead.map(|lead| {
                let followers =
                    lead.followers.iter().map(|follower| &self.options[follower.option]);
                without(&PrefixSums::sum(followers, self.len()), fallen).into_owned()
            });
            let leaders = self.leaders(*option, leads, &of_leads);
            let of_point = self.without_surges(&of_point, &surged, *option, lead, fallen);
            let context = OptionContext {
                own: &own,
                point: &of_point,
                operation: &self.operation,
                base: self.base,
                day_noise: f64::from(noise.day) * fewer_weeks(weeks),
                dispersion: noise.dispersion.into(),
                growth: self.growth,
                level_noise: noise.level.into(),
                followers: followers.as_ref(),
                leaders: &leaders,
            };
            let one = self.option(known, *option, &context, weeks, &mut falls.options);
            falls.surges.record(*option, one.scores[Anomaly::Surge as usize], last);
            judged.push(one);
        }
        judged
    }

    /// Returns the options that `option` follows. `hits` are those of the leads.
    fn leaders<'h>(
        &self,
        option: usize,
        leads: &[Lead],
        hits: &'h [Cow<'_, PrefixSums>],
    ) -> Vec<Leader<'h>> {
        let mut leaders = Vec::new();
        for (lead, hits) in leads.iter().zip(hits) {
            let is_gone = !self.used[lead.option];
            let follower = lead.followers.iter().find(|follower| follower.option == option);
            if let Some(follower) = follower {
                leaders.push(Leader { hits, share: follower.share, is_gone });
            }
        }
        leaders
    }

    /// Returns the hits of the routing point without those of other options that surged: they are no
    /// evidence that `option` should have more hits, too.
    fn without_surges<'p>(
        &self,
        of_point: &'p PrefixSums,
        surged: &[usize],
        option: usize,
        lead: Option<&Lead>,
        fallen: &[bool],
    ) -> Cow<'p, PrefixSums> {
        // Followers are no evidence in any case; see `OptionContext::followers`.
        let follows = |other: usize| {
            lead.is_some_and(|lead| lead.followers.iter().any(|one| one.option == other))
        };
        let mut others =
            surged.iter().filter(|other| **other != option && !follows(**other)).peekable();
        if others.peek().is_none() {
            return Cow::Borrowed(of_point);
        }
        let sum = PrefixSums::sum(others.map(|other| &self.options[*other]), self.len());
        Cow::Owned(of_point.minus(&without(&sum, fallen)))
    }

    /// Returns true for each slot in which the routing point may be closed, if its hours shift.
    fn may_be_closed(&self, known: &Known<'_>, point: usize, options: &[usize]) -> Vec<bool> {
        if !known.point_lessons[point].shifts {
            return vec![false; self.len()];
        }
        let end = (self.base + self.len() as i64 - 1).rem_euclid(SLOTS as i64) as usize + 1;
        let today: Vec<&Expected> =
            options.iter().filter_map(|option| known.today(*option)).collect();
        let ahead: Vec<f64> = (end..SLOTS)
            .take(hours::AHEAD)
            .map(|slot| today.iter().map(|today| f64::from(today.hits[slot])).sum())
            .collect();
        hours::may_be_closed(&self.points[point], &self.usable, &ahead)
    }

    /// Returns the number of weeks behind the last slot's expectation.
    fn weeks(&self, known: &Known<'_>, option: usize) -> u8 {
        let at = (self.base + self.len() as i64 - 1).rem_euclid(SLOTS as i64) as usize;
        known.today(option).map_or(0, |today| today.weeks[at])
    }

    fn option(
        &self,
        known: &Known<'_>,
        option: usize,
        context: &OptionContext<'_>,
        weeks: u8,
        falls: &mut OpenFalls,
    ) -> OfOption {
        let mut of_option = OfOption::default();
        if !self.used[option] || weeks < LEAST_WEEKS {
            falls.forget(option);
        }
        if !self.used[option] {
            return of_option;
        }
        if weeks >= LEAST_WEEKS {
            let noise = &known.noise[option];
            of_option.weeks = weeks;
            let fall = drop_off(context, noise, weeks);
            let last = self.base + self.len() as i64;
            let score = falls.follow(option, fall, last, |fall, slots| {
                context.is_back(left(fall), weeks, slots)
            });
            of_option.scores[Anomaly::DropOff as usize] = Some(score);
            // More entries of nothing are reported for the routing point.
            let silent = Self::kind(known, option) == OptionKind::NoInput;
            let surge = surge(context, noise, weeks, known.forecasts, option);
            of_option.scores[Anomaly::Surge as usize] =
                surge.map(|surge| if silent { Score::default() } else { surge });
            of_option.expected_hits = self.expected_hits(known, context, option);
        }
        if let Some(lesson) = known.lessons[option].as_ref().filter(|_| self.newest) {
            let ends =
                matches!(Self::kind(known, option), OptionKind::OptOut | OptionKind::Terminal);
            let noise = &known.noise[option];
            let shares = shares::shares(&self.recent[option], &lesson.shares, noise, ends);
            let of_shares = Anomaly::Abandonment as usize..=Anomaly::TimeToOption as usize;
            of_option.scores[of_shares].copy_from_slice(&shares);
        }
        of_option
    }

    fn kind(known: &Known<'_>, option: usize) -> OptionKind {
        known.now.kinds.kind(&known.history.labels()[option].option)
    }

    /// Returns the score of entries of nothing, in windows of half an hour and more.
    fn no_input(&self, known: &Known<'_>, point: usize, options: &[usize]) -> Option<Score> {
        let silent: Vec<usize> = options
            .iter()
            .copied()
            .filter(|option| Self::kind(known, *option) == OptionKind::NoInput)
            .collect();
        let part = known.learnt_hits(&silent);
        let whole = known.learnt_hits(options);
        if silent.is_empty() || whole < f64::from(super::limits::SHARE_KNOWN) {
            return None;
        }
        let noises = silent.iter().map(|option| &known.noise[*option]);
        let end = self.len();
        let windows = NO_INPUT_WINDOWS.into_iter().filter(|slots| *slots <= end).map(|slots| {
            let all = self.points[point].between(end - slots, end);
            let of = silent.iter().fold((0.0, 0.0), |sum, option| {
                let own = self.options[*option].between(end - slots, end);
                (sum.0 + own.seen, sum.1 + own.expected)
            });
            // A fall of another option does not raise the entries of nothing.
            let others = (all.seen - of.0 + RISE_PRIOR) / (all.expected - of.1 + RISE_PRIOR);
            let expected = of.1 * others.max(1.0);
            let noise = noises.clone().map(|noise| f64::from(noise.day) + noise.of(slots));
            ShareWindow {
                part: of.0,
                whole: all.seen,
                usual: (part / whole).max(expected / all.seen.max(1.0)),
                noise: LEAST_SHARE_NOISE + noise.fold(0.0, f64::max),
                seconds: slots as i64 * SLOT,
            }
        });
        let dispersion = noises.clone().map(|noise| noise.dispersion.into()).fold(1.0, f64::max);
        Some(shares::furthest(windows, NO_INPUT * dispersion))
    }

    /// Returns the hits expected in the last closed window, at the level of the last hour.
    fn expected_hits(
        &self,
        known: &Known<'_>,
        context: &OptionContext<'_>,
        option: usize,
    ) -> Option<f64> {
        let level = context.level_of(self.len().saturating_sub(12), self.len());
        let mut sum = 0.0;
        for (from, to) in known.now.window.iter().map(|(from, to)| (from.get(), to.get())) {
            for slot in from.div_euclid(SLOT)..=(to - 1).div_euclid(SLOT) {
                let day = slot.div_euclid(SLOTS as i64);
                let forecast =
                    known.forecasts.iter().find(|forecast| i64::from(forecast.day) == day)?;
                let rate = expected(forecast, option)?.hits[slot.rem_euclid(SLOTS as i64) as usize];
                let part = to.min((slot + 1) * SLOT) - from.max(slot * SLOT);
                sum += f64::from(rate) * part as f64 / SLOT as f64;
            }
        }
        Some(sum * level)
    }
}

/// Returns true for each slot in which no routing point has a row although several usually do: they
/// do not all fall silent at once, so the report lacks that time. On a quiet day fewer hits are
/// expected.
fn silence(of_points: &[Vec<(f32, f32)>]) -> Vec<bool> {
    let slots = of_points.first().map_or(0, Vec::len);
    let mut silent = vec![false; slots];
    let mut begin = 0;
    while begin < slots {
        let end = (begin..slots).find(|slot| !is_silent(of_points, *slot)).unwrap_or(slots);
        let expected: Vec<f32> = of_points
            .iter()
            .map(|point| point[begin..end].iter().map(|slot| slot.1).sum())
            .collect();
        let several = expected.iter().filter(|hits| **hits >= SILENT_POINT).count() > 1;
        if several && expected.iter().sum::<f32>() * level_until(of_points, begin) >= SILENT_HITS {
            silent[begin..end].fill(true);
        }
        begin = end + 1;
    }
    silent
}

/// Returns the level of the slots before `end`, at most 1.
fn level_until(of_points: &[Vec<(f32, f32)>], end: usize) -> f32 {
    let before = of_points.iter().flat_map(|point| &point[..end]);
    let (seen, usual) = before.fold((LEVEL_PRIOR as f32, LEVEL_PRIOR as f32), |sum, slot| {
        (sum.0 + slot.0, sum.1 + slot.1)
    });
    (seen / usual).min(1.0)
}

/// Returns true if no routing point has a row in a slot although some usually do.
fn is_silent(of_points: &[Vec<(f32, f32)>], slot: usize) -> bool {
    of_points.iter().all(|point| point[slot].0 == 0.0)
        && of_points.iter().any(|point| point[slot].1 > 0.0)
}

/// Returns these options and those that follow them.
fn with_followers(mut options: Vec<usize>, leads: &[Lead]) -> Vec<usize> {
    for lead in leads {
        if options.contains(&lead.option) {
            options.extend(lead.followers.iter().map(|follower| follower.option));
        }
    }
    options.sort_unstable();
    options.dedup();
    options
}

/// Returns a duration in slots, rounded up.
fn slots_of(seconds: i64) -> i64 {
    (seconds + SLOT - 1).div_euclid(SLOT)
}

fn add(sum: &mut [(f32, f32)], more: &[(f32, f32)]) {
    sum.iter_mut().zip(more).for_each(|(sum, slot)| *sum = (sum.0 + slot.0, sum.1 + slot.1));
}

/// Returns the sums without the slots for which `fallen` is true, of which there are usually none.
fn without<'s>(sums: &'s PrefixSums, fallen: &[bool]) -> Cow<'s, PrefixSums> {
    if fallen.contains(&true) { Cow::Owned(sums.without(fallen)) } else { Cow::Borrowed(sums) }
}

fn expected(forecast: &DayForecast, option: usize) -> Option<&Expected> {
    forecast.options.get(option).and_then(Option::as_deref)
}

/// Returns true for each option that was entered on this day or in the week before, and for all if
/// that week is not wholly known.
fn used(history: &History, today: i32, options: usize) -> Vec<bool> {
    let whole = history.holds(&(midnight(today - UNUSED_DAYS)..midnight(today)));
    let mut used = vec![!whole; options];
    for (_, day) in history.days(today - UNUSED_DAYS..=today) {
        used.iter_mut().enumerate().for_each(|(option, used)| *used |= day.has(option));
    }
    used
}

/// Sets the scores of consequences to 0. A rise beside a fall has the same cause, and falls with
/// the whole routing point are reported as its collapse. `lately` is true if the routing point
/// collapsed within the longest window. `abandoned` is true for each option whose followers all
/// fell, because its abandonment is the cause then.
fn settle(
    point: &mut [Option<Score>; PointAnomaly::ALL.len()],
    options: &mut [OfOption],
    lately: bool,
    abandoned: &[bool],
) {
    let collapsed = is_above(point[PointAnomaly::Collapse as usize], 1.0);
    let dropped =
        options.iter().any(|option| is_above(option.scores[Anomaly::DropOff as usize], BESIDE));
    if collapsed || lately || dropped {
        clear(&mut point[PointAnomaly::NoInput as usize]);
    }
    for (option, abandoned) in options.iter_mut().zip(abandoned) {
        for anomaly in Anomaly::ALL {
            let rises = match anomaly {
                Anomaly::Surge => true,
                Anomaly::Abandonment => lately || !abandoned,
                _ => false,
            };
            if collapsed || ((dropped || lately) && rises) {
                clear(&mut option.scores[anomaly as usize]);
            }
        }
    }
}

fn is_above(score: Option<Score>, limit: f64) -> bool {
    score.is_some_and(|score| score.score > limit)
}

/// Sets a score to 0 if it is known.
fn clear(score: &mut Option<Score>) {
    *score = score.map(|_| Score::default());
}
