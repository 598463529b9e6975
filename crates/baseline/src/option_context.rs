//! The comparison of one option in one window: hits seen, and hits expected at today's level.
//!
//! Owns the estimate of today's level, from the *other* options of the routing point and of the
//! operation, and from the option's own earlier hours of the day. It serves the present and the
//! weeks from which noise is learnt, so that noise is the error of exactly this prediction.

use super::{
    SLOTS,
    limits::{
        LEVEL_FREEDOM, LEVEL_PRIOR, MOST_DAY, MOST_GROWTH, RECOVERED, RISE_PRIOR, WEEKS,
        drop_windows,
    },
};

/// Running sums of seen and expected hits by slot; the sums of a range are differences.
#[derive(Debug, Clone, Default)]
pub(super) struct PrefixSums(Vec<(f32, f32)>);

/// Hits seen and expected.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pair {
    pub(super) seen: f64,
    pub(super) expected: f64,
}

impl PrefixSums {
    /// Creates the sums from the (seen, expected) hits of each slot.
    pub(super) fn of(slots: impl IntoIterator<Item = (f32, f32)>) -> Self {
        let mut seen = 0.0;
        let mut expected = 0.0;
        let mut sums = vec![(0.0, 0.0)];
        sums.extend(slots.into_iter().map(|slot| {
            // A 32-bit float can count the hits of a day, but perhaps not those of weeks of a large
            // operation.
            seen += f64::from(slot.0);
            expected += f64::from(slot.1);
            (seen as f32, expected as f32)
        }));
        Self(sums)
    }

    /// Returns the sum of several series of `slots` slots.
    pub(super) fn sum<'s>(parts: impl Iterator<Item = &'s Self>, slots: usize) -> Self {
        let mut sum = vec![(0.0, 0.0); slots + 1];
        for part in parts {
            for (sum, more) in sum.iter_mut().zip(&part.0) {
                sum.0 += more.0;
                sum.1 += more.1;
            }
        }
        Self(sum)
    }

    /// Returns these sums less others of the same slots.
    pub(super) fn minus(&self, less: &Self) -> Self {
        let pairs = self.0.iter().zip(&less.0);
        Self(pairs.map(|(all, less)| (all.0 - less.0, all.1 - less.1)).collect())
    }

    /// Returns the number of slots.
    pub(super) fn len(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    /// Returns the sums of the slots from `from` to before `to`.
    pub(super) fn between(&self, from: usize, to: usize) -> Pair {
        let from = self.0[from];
        let to = self.0[to];
        Pair { seen: f64::from(to.0 - from.0), expected: f64::from(to.1 - from.1) }
    }

    /// Returns the hits of one slot.
    pub(super) fn slot(&self, at: usize) -> Pair {
        self.between(at, at + 1)
    }

    /// Returns the factor by which more was seen than expected, from 1 to [`MOST_GROWTH`].
    pub(super) fn growth(&self) -> f64 {
        let all = self.between(0, self.len());
        ((all.seen + LEVEL_PRIOR) / (all.expected + LEVEL_PRIOR)).clamp(1.0, MOST_GROWTH)
    }

    /// Returns the sums with zeros in the slots for which `without` is true.
    pub(super) fn without(&self, without: &[bool]) -> Self {
        Self::of(self.0.windows(2).zip(without).map(|(two, without)| {
            if *without { (0.0, 0.0) } else { (two[1].0 - two[0].0, two[1].1 - two[0].1) }
        }))
    }
}

/// An option, its routing point and its operation over the same slots.
pub(super) struct OptionContext<'a> {
    pub(super) own: &'a PrefixSums,
    pub(super) point: &'a PrefixSums,
    pub(super) operation: &'a PrefixSums,
    /// The first slot, counted from 1970.
    pub(super) base: i64,
    /// Relative variance of the option's own level from day to day.
    pub(super) day_noise: f64,
    /// Dispersion of a count: variance over mean, 1 for a Poisson count.
    pub(super) dispersion: f64,
    /// Upper bound of the level: the growth of the operation, at least 1.
    pub(super) growth: f64,
    /// Relative variance of the routing point's level around the operation's.
    pub(super) level_noise: f64,
    /// Hits of the options that follow this one. They fall with it, so they are no evidence about
    /// its level.
    pub(super) followers: Option<&'a PrefixSums>,
    /// The options that this one follows.
    pub(super) leaders: &'a [Leader<'a>],
}

/// An option that another one follows within an interaction.
#[derive(Clone, Copy)]
pub(super) struct Leader<'a> {
    pub(super) hits: &'a PrefixSums,
    /// Share of the follower's hits that come by way of it.
    pub(super) share: f64,
    /// True if it counts as removed, so that nothing is expected of it.
    pub(super) is_gone: bool,
}

/// Hits in a window, seen and expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    pub(super) seen: f64,
    /// Expected hits at today's level.
    pub(super) mean: f64,
    /// Relative variance of the seen hits, without Poisson chance and the learnt noise of windows.
    pub(super) relative_variance: f64,
    /// The part of it that comes from the option's own level from day to day.
    pub(super) day: f64,
}

/// Today's level, estimated from the other options.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The estimate, as likely too high as too low.
    likely: f64,
    /// A cautious estimate, never above the operation's level or its growth.
    low: f64,
    /// Relative variance of the level.
    relative_variance: f64,
}

impl OptionContext<'_> {
    /// Compares the window from `from` to before `to` at the cautious level. The expectation is
    /// from `weeks` weeks.
    pub(super) fn window(&self, from: usize, to: usize, weeks: u8) -> Comparison {
        let own = self.own.between(from, to);
        let level = self.level(own, from, to);
        self.compare(own, level.low, level.relative_variance, from, to, weeks)
    }

    /// Compares the window like [`OptionContext::window`], at the likeliest level.
    pub(super) fn likely(&self, from: usize, to: usize, weeks: u8) -> Comparison {
        let own = self.own.between(from, to);
        let level = self.level(own, from, to);
        self.compare(own, level.likely, level.relative_variance, from, to, weeks)
    }

    /// Returns true if hits are back, `since` slots after a fall that left the share `left` of
    /// them: some window that ends now shows the usual level rather than the fallen one.
    ///
    /// Wald's sequential test of two Poisson rates: n ln(1/l) - m (1 - l) must exceed [`RECOVERED`]
    /// times the dispersion. n are the seen and m the expected hits of the window, l is the share
    /// left.
    pub(super) fn is_back(&self, left: f64, weeks: u8, since: usize) -> bool {
        let end = self.own.len();
        drop_windows().take_while(|slots| *slots <= since.min(end)).any(|slots| {
            let window = self.window(end - slots, end, weeks);
            let gain = window.seen * (1.0 / left).ln() - window.mean * (1.0 - left);
            gain > RECOVERED * self.dispersion
        })
    }

    fn compare(
        &self,
        own: Pair,
        level: f64,
        level_variance: f64,
        from: usize,
        to: usize,
        weeks: u8,
    ) -> Comparison {
        let (day, day_variance) = self.day(from);
        let mean = (own.expected * level * day * self.led(from, to, level)).max(1e-9);
        // The expectation averages about an hour around a moment of each week, so short windows
        // share hits.
        let hours = (to - from) as f64 / 12.0;
        let baseline = 1.2 * hours / (hours + 1.0) / f64::from(weeks.clamp(1, WEEKS as u8));
        let counts = (self.dispersion * (1.0 + baseline) - 1.0) / mean;
        Comparison {
            seen: own.seen,
            mean,
            relative_variance: level_variance + day_variance + counts,
            day: day_variance,
        }
    }

    fn level(&self, own: Pair, from: usize, to: usize) -> Level {
        let point = self.others(self.point, own, from, to);
        let operation = self.others(self.operation, own, from, to);
        let of_operation = (operation.seen + LEVEL_PRIOR) / (operation.expected + LEVEL_PRIOR);
        // The operation's level is a prior of the routing point's, with the weight 1/noise. Because
        // the difference of the two has a heavier tail than a normal (Student's t with ν degrees of
        // freedom), this weight is multiplied by (ν + 1)/(ν + far), at most 1. `far` is the squared
        // difference over its variance: the further away the routing point, the weaker the prior.
        let noise = self.level_noise + 1.0 / (operation.seen + LEVEL_PRIOR);
        let usual = (point.expected * of_operation).max(1e-9);
        let far = (point.seen - usual).powi(2) / (self.dispersion * usual + noise * usual * usual);
        let prior = ((LEVEL_FREEDOM + 1.0) / (LEVEL_FREEDOM + far)).min(1.0) / noise;
        let hits = point.seen + prior * of_operation;
        let likely = hits / (point.expected + prior);
        Level {
            likely,
            low: likely.min(of_operation).min(self.growth),
            relative_variance: self.dispersion / hits,
        }
    }

    /// Returns the hits of the options that neither are this one nor follow it.
    fn others(&self, all: &PrefixSums, own: Pair, from: usize, to: usize) -> Pair {
        let all = all.between(from, to);
        let followers = self.followers.map_or(Pair::default(), |sums| sums.between(from, to));
        Pair {
            seen: (all.seen - own.seen - followers.seen).max(0.0),
            expected: (all.expected - own.expected - followers.expected).max(0.0),
        }
    }

    /// Returns the share of the usual hits that remains because of the options that lead here: an
    /// option to which nobody is led any more has not fallen by itself.
    fn led(&self, from: usize, to: usize, level: f64) -> f64 {
        let left = self.leaders.iter().map(|leader| {
            let hits = leader.hits.between(from, to);
            let usual = hits.expected * level;
            let arrives = ((hits.seen + 1.0) / (usual + 1.0)).min(1.0);
            let arrives = if leader.is_gone { 0.0 } else { arrives };
            1.0 - leader.share * (1.0 - arrives)
        });
        left.product()
    }

    /// Returns the factor by which more hits come because the options that lead here have more hits
    /// than at this level.
    pub(super) fn led_more(&self, from: usize, to: usize, level: f64) -> f64 {
        let more = self.leaders.iter().map(|leader| {
            let hits = leader.hits.between(from, to);
            let arrives = (hits.seen + 1.0) / (hits.expected * level + 1.0);
            1.0 + leader.share * (arrives - 1.0).max(0.0)
        });
        more.product()
    }

    /// Returns the cautious estimate of today's level.
    pub(super) fn level_of(&self, from: usize, to: usize) -> f64 {
        self.level(self.own.between(from, to), from, to).low
    }

    /// Returns today's level of the routing point's other options, which may be above the usual.
    pub(super) fn point_level(&self, from: usize, to: usize) -> f64 {
        let others = self.others(self.point, self.own.between(from, to), from, to);
        (others.seen + RISE_PRIOR) / (others.expected + RISE_PRIOR)
    }

    /// Returns the option's own level on this day, never above the usual, and its relative
    /// variance. Both are estimated from the slots of the day before the window.
    fn day(&self, from: usize) -> (f64, f64) {
        let slot_of_day = (self.base + from as i64).rem_euclid(SLOTS as i64) as usize;
        let since = slot_of_day.min(from);
        if since == 0 {
            return (1.0, self.day_noise);
        }
        let earlier = self.own.between(from - since, from);
        // The likely level, which may be above the usual: a campaign of the whole routing point is
        // no evidence about the option.
        let level = self.level(earlier, from - since, from);
        let led = self.led(from - since, from, level.likely);
        let mean = earlier.expected * level.likely * led;
        // The equivalent number of Poisson hits: the inverse of the relative variance.
        let hits = 1.0 / (self.dispersion / mean.max(1e-9) + level.relative_variance);
        let prior = 1.0 / self.day_noise;
        let most = MOST_DAY * self.day_noise.sqrt();
        let day = (earlier.seen / mean.max(1e-9) * hits + prior) / (hits + prior);
        (day.clamp(1.0 - most, 1.0), 1.0 / (hits + prior))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an option with the hits of its own, of its routing point and of the operation, on a
    /// usual day.
    fn context<'a>(hits: [&'a PrefixSums; 3], leaders: &'a [Leader<'a>]) -> OptionContext<'a> {
        let [own, point, operation] = hits;
        OptionContext {
            own,
            point,
            operation,
            base: 0,
            day_noise: 0.01,
            dispersion: 1.0,
            growth: 1.0,
            level_noise: 0.01,
            followers: None,
            leaders,
        }
    }

    /// Returns the likeliest level of a routing point whose other options had `seen` of 100
    /// expected hits, in a usual operation.
    fn level(seen: f32) -> f64 {
        let sums = |seen, expected| PrefixSums::of([(seen, expected)]);
        let (own, point, operation) =
            (sums(10.0, 10.0), sums(seen + 10.0, 110.0), sums(10_010.0, 10_010.0));
        let context = context([&own, &point, &operation], &[]);
        context.level(own.between(0, 1), 0, 1).likely
    }

    #[test]
    fn a_level_is_drawn_to_the_operation_s_unless_it_is_far_from_it() {
        assert!((level(100.0) - 1.0).abs() < 1e-9);
        assert!((0.85..0.93).contains(&level(80.0)), "{}", level(80.0));
        assert!((0.2..0.35).contains(&level(20.0)), "{}", level(20.0));
    }

    #[test]
    fn more_is_expected_where_the_options_that_lead_here_have_more() {
        let nobody = PrefixSums::of([(0.0, 0.0)]);
        for (seen, level, expected) in
            [(100.0, 1.0, 1.0), (300.0, 1.0, 2.0), (300.0, 3.0, 1.0), (50.0, 1.0, 1.0)]
        {
            let hits = PrefixSums::of([(seen, 100.0)]);
            let leaders = [Leader { hits: &hits, share: 0.5, is_gone: false }];
            let context = context([&nobody; 3], &leaders);
            let more = context.led_more(0, 1, level);
            assert!((more - expected).abs() < 0.02, "{seen} {level}: {more}");
        }
    }

    #[test]
    fn growth_is_never_less_than_none_nor_without_bound() {
        let growth = |seen: f32| PrefixSums::of([(seen, 1000.0)]).growth();
        assert_eq!((growth(500.0), growth(5000.0)), (1.0, MOST_GROWTH));
        assert!((growth(1100.0) - 1.1).abs() < 0.01);
    }
}
