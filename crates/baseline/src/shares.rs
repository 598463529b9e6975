//! Detects shares that rise: of hits that end a journey, of hits with several attempts, of hits
//! that return, of hits that take long, of hits in which nothing was entered, and of calls hung up.
//!
//! Owns the recent counts that the shares of options need, and the comparison of any share with the
//! usual one; see `deviance` for the statistic.

use super::{
    HOURS, SLOT, SLOTS, Score,
    cells::{self, Counts, Hourly, TIME_BOUNDS, TIME_BUCKETS},
    deviance,
    limits::{
        LEARNT_DAYS, LEAST_SHARE, RECOVERED, RISE, SHARE_HOURS, SHARE_KNOWN, SHARE_LEAST,
        SHARE_ODDS, SHARE_WINDOWS, TIME_FACTOR, TIME_HITS, TIME_SECONDS, TIME_SHARE,
    },
    noise::Noise,
};

/// A share in one window.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShareWindow {
    pub(super) part: f64,
    pub(super) whole: f64,
    /// The usual share.
    pub(super) usual: f64,
    /// Relative variance of the usual share beyond chance.
    pub(super) noise: f64,
    /// Length of the window in seconds.
    pub(super) seconds: i64,
}

impl ShareWindow {
    fn deviance(&self) -> f64 {
        let usual = self.usual.max(LEAST_SHARE);
        let odds = deviance::odds(self.part - 0.5, self.whole, usual);
        // A part larger than the whole is no share.
        let is_share = self.part <= self.whole && usual < 1.0;
        if !is_share || self.part < SHARE_LEAST || odds < SHARE_ODDS {
            return 0.0;
        }
        deviance::share_above(self.part, self.whole, usual, self.noise, LEARNT_DAYS)
    }
}

/// Returns the score of the window with the highest score; the shortest window comes first. `limit`
/// is the deviance at which an alert is raised.
pub(super) fn furthest(windows: impl Iterator<Item = ShareWindow>, limit: f64) -> Score {
    let mut furthest = Score::default();
    for window in windows {
        let score = window.deviance() / limit;
        if furthest.score > 1.0 {
            // The figures stay those of the shortest window that shows the rise.
            furthest.score = score.max(furthest.score);
        } else if score > furthest.score {
            let expected = window.usual * window.whole;
            let window_seconds = window.seconds as u32;
            furthest = Score { score, observed: window.part, expected, window: window_seconds };
        }
    }
    furthest
}

/// The usual value of one share.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usual {
    pub(super) share: f32,
    /// The number of hits or calls of which it is a share.
    pub(super) whole: f32,
}

/// Number of an option's shares.
pub(super) const SHARES: usize = RISE.len();

/// Places of an option's shares in [`UsualShares::all`].
const FINALS: usize = 0;
const RETRIES: usize = 1;
const REPEATS: usize = 2;
const SLOW: usize = 3;

/// The usual values of an option's shares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct UsualShares {
    /// The shares of hits that end a journey, of hits with several attempts, of hits of people who
    /// were here before, and of hits that take longer than the bound at [`UsualShares::bound`].
    pub(super) all: [Usual; SHARES],
    pub(super) bound: u8,
    /// Seconds within which nine of ten reach the option.
    pub(super) p90: f32,
    /// Hits of the option in the weeks.
    pub(super) hits: f32,
}

/// Number of recent hours: those of the longest window.
const RECENT: usize = 8;

/// The counts of one option in the last hours. The present hour, which is not over, comes first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recent {
    /// The slot, counted from 1970, before which everything is known. The slot before which
    /// journeys are over is `closed`.
    last: i64,
    closed: i64,
    hits: [u32; RECENT],
    /// The hits whose journeys are over.
    over: [u32; RECENT],
    retries: [u32; RECENT],
    repeats: [u32; RECENT],
    times: [[u32; TIME_BUCKETS]; RECENT],
    /// The hits whose journeys are over, and those of them that ended the journey, in each of
    /// [`SHARE_WINDOWS`].
    ends: [[u32; 2]; SHARE_WINDOWS.len()],
}

impl Recent {
    pub(super) fn new(last: i64, closed: i64) -> Self {
        let none = [0; RECENT];
        Self {
            last,
            closed,
            hits: none,
            over: none,
            retries: none,
            repeats: none,
            times: [[0; TIME_BUCKETS]; RECENT],
            ends: [[0; 2]; SHARE_WINDOWS.len()],
        }
    }

    /// Adds the counts of a day.
    pub(super) fn add(&mut self, counts: &Counts, day: i32) {
        let closed = slot_of_day(self.closed, day);
        // The slot in which journeys are just ending is included, because some of its repeats are
        // known.
        let ending = slot_of_day(self.closed + 1, day);
        for ([whole, ends], slots) in self.ends.iter_mut().zip(SHARE_WINDOWS) {
            let from = slot_of_day(self.closed - slots as i64, day);
            *whole += sum(&counts[from..closed]);
            *ends += sum(&counts[cells::FINALS + from..cells::FINALS + closed]);
        }
        let newest = (self.last - 1).div_euclid(12) - i64::from(day) * HOURS as i64;
        for back in 0..RECENT {
            let hour = newest - back as i64;
            let Some(hour) = usize::try_from(hour).ok().filter(|hour| *hour < HOURS) else {
                continue;
            };
            let slots = hour * 12..(hour + 1) * 12;
            self.hits[back] = sum(&counts[slots.clone()]);
            self.over[back] = sum(&counts[slots.start.min(ending)..slots.end.min(ending)]);
            self.retries[back] = counts[Hourly::Retries.first() + hour];
            self.repeats[back] = counts[Hourly::Repeats.first() + hour];
            self.times[back] =
                std::array::from_fn(|bucket| counts[Hourly::Time(bucket).first() + hour]);
        }
    }

    /// Returns a share in its windows that end now. Those of finals end where journeys are over.
    fn windows(
        &self,
        usual: &UsualShares,
        share: usize,
        noise: f32,
    ) -> impl Iterator<Item = ShareWindow> {
        let number = if share == FINALS { SHARE_WINDOWS.len() } else { SHARE_HOURS.len() };
        (0..number).map(move |at| {
            let (part, whole) = self.counts(usual, share, at);
            let slots = match share {
                FINALS => SHARE_WINDOWS[at] as i64 + self.last - self.closed,
                _ => (SHARE_HOURS[at] as i64 - 1) * 12 + (self.last - 1).rem_euclid(12) + 1,
            };
            ShareWindow {
                part,
                whole,
                usual: usual.all[share].share.into(),
                noise: noise.into(),
                seconds: slots * SLOT,
            }
        })
    }

    /// Returns the hits that make a share in the window with the number `window`, and those of
    /// which it is a share.
    fn counts(&self, usual: &UsualShares, share: usize, window: usize) -> (f64, f64) {
        if share == FINALS {
            let [whole, ends] = self.ends[window];
            return (ends.into(), whole.into());
        }
        let hours = SHARE_HOURS[window];
        match share {
            RETRIES => (sum(&self.retries[..hours]).into(), sum(&self.hits[..hours]).into()),
            REPEATS => (sum(&self.repeats[..hours]).into(), sum(&self.over[..hours]).into()),
            _ => {
                let times = self.times(hours);
                (above(&times, usual.bound.into()), times.iter().sum())
            }
        }
    }

    fn times(&self, hours: usize) -> [f64; TIME_BUCKETS] {
        std::array::from_fn(|bucket| {
            self.times[..hours].iter().map(|hour| f64::from(hour[bucket])).sum()
        })
    }
}

/// Returns the slot of a day at which a slot counted from 1970 lies: 0 if that is before the day,
/// [`SLOTS`] if it is after it.
fn slot_of_day(slot: i64, day: i32) -> usize {
    (slot - i64::from(day) * SLOTS as i64).clamp(0, SLOTS as i64) as usize
}

fn sum(counts: &[u32]) -> u32 {
    counts.iter().sum()
}

/// Returns the scores of an option's shares: abandonment, retries, loops, time. `None` if the usual
/// share is unknown, or for abandonment if journeys `may_end_here`.
///
/// Where hits come in clumps, so do the ends of journeys; the limit of abandonment is multiplied by
/// the dispersion.
pub(super) fn shares(
    recent: &Recent,
    usual: &UsualShares,
    noise: &Noise,
    may_end_here: bool,
) -> [Option<Score>; SHARES] {
    let clump = f64::from(noise.dispersion).max(1.0);
    std::array::from_fn(|share| {
        if usual.all[share].whole < SHARE_KNOWN || (share == FINALS && may_end_here) {
            return None;
        }
        let limit = if share == FINALS { RISE[FINALS] * clump } else { RISE[share] };
        Some(if share == SLOW {
            slower(recent, usual, noise.shares[SLOW])
        } else {
            furthest(recent.windows(usual, share, noise.shares[share]), limit)
        })
    })
}

fn slower(recent: &Recent, usual: &UsualShares, noise: f32) -> Score {
    let usual_p90 = f64::from(usual.p90);
    let windows = recent.windows(usual, SLOW, noise).zip(SHARE_HOURS);
    let slow = windows.filter(|(window, hours)| {
        let now = p90(&recent.times(*hours));
        window.whole >= TIME_HITS && now > TIME_FACTOR * usual_p90 && now - usual_p90 > TIME_SECONDS
    });
    let score = furthest(slow.map(|(window, _)| window), RISE[SLOW]);
    if score.window == 0 {
        return score;
    }
    let hours = (score.slots() - 1) / 12 + 1;
    Score { observed: p90(&recent.times(hours)), expected: usual_p90, ..score }
}

/// Returns true if a share is back at the usual one, `since` slots after a rise; see [`are_back`].
pub(super) fn is_back(
    recent: &Recent,
    usual: &UsualShares,
    share: usize,
    rise: &Score,
    since: usize,
) -> bool {
    // For times, seconds were reported rather than a share, so a doubled share is assumed.
    let times = if share == SLOW { 2.0 } else { times_the_usual(rise) };
    are_back(recent.windows(usual, share, 0.0), times, since)
}

/// Returns the ratio of a risen number of hits to the expected one.
pub(super) fn times_the_usual(rise: &Score) -> f64 {
    rise.observed / rise.expected.max(0.5)
}

/// Returns true if one of the windows lies within the `since` slots after a rise to `times` the
/// usual share, and shows the usual share again. The shortest window comes first.
///
/// Wald's sequential test of two binomial shares: n ln(u/r) + (N - n) ln((1 - u)/(1 - r)) must
/// exceed [`RECOVERED`]. n of N hits are of the share's kind, u is the usual and r the risen share.
pub(super) fn are_back(
    windows: impl Iterator<Item = ShareWindow>,
    times: f64,
    since: usize,
) -> bool {
    windows.take_while(|window| window.seconds <= since as i64 * SLOT).any(|window| {
        let usual = window.usual.max(LEAST_SHARE);
        let risen = (usual * times.max(1.2)).min(1.0 - (1.0 - usual) / 2.0_f64.max(times));
        let gain = window.part * (usual / risen).ln()
            + (window.whole - window.part) * ((1.0 - usual) / (1.0 - risen)).ln();
        gain > RECOVERED
    })
}

/// Returns the hits above the bound with the number `bound`.
pub(super) fn above(times: &[f64; TIME_BUCKETS], bound: usize) -> f64 {
    times[bound + 1..].iter().sum()
}

/// Returns the number of the first bound that at most [`TIME_SHARE`] of the hits exceed.
pub(super) fn bound(times: &[f64; TIME_BUCKETS]) -> usize {
    let whole: f64 = times.iter().sum();
    (0..TIME_BOUNDS.len())
        .find(|bound| above(times, *bound) <= TIME_SHARE * whole)
        .unwrap_or(TIME_BOUNDS.len() - 1)
}

/// Returns the seconds within which nine of ten reach the option, interpolated between two bounds
/// by the logarithm.
pub(super) fn p90(times: &[f64; TIME_BUCKETS]) -> f64 {
    let whole: f64 = times.iter().sum();
    let mut left = 0.9 * whole;
    for (bucket, count) in times.iter().enumerate() {
        if *count >= left && *count > 0.0 {
            let low = if bucket == 0 { 1.0 } else { f64::from(TIME_BOUNDS[bucket - 1]) };
            let high = TIME_BOUNDS.get(bucket).map_or(low * 1.5, |bound| f64::from(*bound));
            return low * (high / low).powf(left / count);
        }
        left -= count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(counts: &[(usize, f64)]) -> [f64; TIME_BUCKETS] {
        let mut times = [0.0; TIME_BUCKETS];
        counts.iter().for_each(|(bucket, count)| times[*bucket] = *count);
        times
    }

    #[test]
    fn nine_of_ten_lie_between_the_bounds_of_their_bucket() {
        assert_eq!(p90(&times(&[])), 0.0);
        let all_in_one = p90(&times(&[(4, 100.0)]));
        assert!((31.0..33.0).contains(&all_in_one), "{all_in_one}");
        let few_above = p90(&times(&[(4, 80.0), (6, 20.0)]));
        assert!((60.0..64.0).contains(&few_above), "{few_above}");
    }

    #[test]
    fn times_are_compared_where_some_but_not_many_usually_are() {
        let usual = times(&[(2, 50.0), (3, 30.0), (4, 20.0)]);
        assert_eq!((bound(&usual), above(&usual, 3)), (3, 20.0));
    }

    #[test]
    fn a_share_rises_when_it_is_far_above_the_usual_one() {
        let of = |part| ShareWindow { part, whole: 400.0, usual: 0.1, noise: 0.0225, seconds: 600 };
        assert_eq!(furthest([of(45.0)].into_iter(), 23.0).score, 0.0);
        let risen = furthest([of(120.0)].into_iter(), 23.0);
        assert!(
            risen.score > 1.0 && (risen.expected - 40.0).abs() < 1e-3 && risen.window == 600,
            "{risen:?}"
        );
        // The figures are those of the shortest window that shows the rise.
        let longer = ShareWindow { seconds: 900, ..of(150.0) };
        let both = furthest([of(120.0), longer].into_iter(), 23.0);
        assert!(both.score > risen.score && both.window == 600, "{both:?}");
    }

    proptest! {
        #[test]
        fn every_score_is_a_number(
            counts in prop::collection::vec((0_u32..60, 0_u32..60, 0_u32..300), 1..9),
            usual in 0.0..=1.0_f64,
            noise in 0.0..2.0_f64,
        ) {
            let windows = counts.iter().map(|(part, whole, seconds)| ShareWindow {
                part: (*part).into(),
                whole: (*whole).into(),
                usual,
                noise,
                seconds: (*seconds).into(),
            });
            let score = furthest(windows.clone(), 20.0);
            prop_assert!(score.score.is_finite() && score.score >= 0.0, "{score:?}");
            prop_assert!(score.observed <= f64::from(u32::MAX) && score.expected.is_finite());
            are_back(windows, 2.0, 300);
        }
    }

    /// Repeats are stored by hour. Of the present hour, only the slots before the one in which
    /// journeys are ending are over, and a repeat may lie in that one.
    #[test]
    fn repeats_are_a_share_of_the_hits_among_which_they_were_counted() {
        let mut counts = [0; cells::CELLS];
        counts[132..144].fill(10);
        counts[Hourly::Repeats.first() + 11] = 7;
        for (closed, over) in [(132, 10), (133, 20), (143, 120), (131, 0)] {
            let mut recent = Recent::new(144, closed);
            recent.add(&counts, 0);
            let usual = usual(0.01);
            let newest = recent.windows(&usual, REPEATS, 0.0).next().unwrap();
            assert_eq!((newest.part, newest.whole), (7.0, f64::from(over)), "{closed}");
            assert!(newest.deviance().is_finite());
        }
    }

    /// Returns an option with ten hits in each slot of the day 0, which is over at noon. `ends` is
    /// the number of them that end there, by slot.
    fn recent(ends: impl Fn(usize) -> u32) -> Recent {
        let mut counts = [0; cells::CELLS];
        for slot in 0..144 {
            counts[slot] = 10;
            counts[cells::FINALS + slot] = if slot < 138 { ends(slot) } else { 0 };
        }
        let mut recent = Recent::new(144, 138);
        recent.add(&counts, 0);
        recent
    }

    fn usual(share: f32) -> UsualShares {
        UsualShares { all: [Usual { share, whole: 5000.0 }; SHARES], ..UsualShares::default() }
    }

    #[test]
    fn journeys_that_end_are_compared_in_windows_that_begin_with_any_slot() {
        let risen = recent(|slot| if slot >= 132 { 9 } else { 4 });
        let of = |usual: &UsualShares| {
            let windows = risen.windows(usual, FINALS, 0.0);
            windows.map(|window| (window.part, window.whole, window.seconds)).collect::<Vec<_>>()
        };
        let windows = of(&usual(0.4));
        let (half_hour, hour) = ((54.0, 60.0, 3600), (78.0, 120.0, 5400));
        assert_eq!((windows[1], windows[3]), (half_hour, hour));
        let noise = |dispersion| Noise { dispersion, shares: [0.0025; SHARES], ..Noise::default() };
        let [told, ..] = shares(&risen, &usual(0.4), &noise(1.0), false);
        let told = told.unwrap();
        assert!(told.score > 1.0 && told.window == 2700, "{told:?}");
        // Hits in clumps of two have half the weight.
        let [clumped, ..] = shares(&risen, &usual(0.4), &noise(2.0), false);
        assert!((clumped.unwrap().score * 2.0 - told.score).abs() < 1e-9, "{clumped:?}");
        // An option that is meant to end journeys is not abandoned, nor is one with too little
        // history.
        assert_eq!(shares(&risen, &usual(0.4), &noise(1.0), true)[FINALS], None);
        let mut unknown = usual(0.4);
        unknown.all[FINALS].whole = 100.0;
        assert_eq!(shares(&risen, &unknown, &noise(1.0), false)[FINALS], None);
    }

    #[test]
    fn a_rise_is_over_once_the_share_is_back() {
        let usual = usual(0.4);
        let rise = Score { score: 1.2, observed: 70.0, expected: 40.0, window: 3600 };
        let back = recent(|slot| if slot >= 132 { 4 } else { 7 });
        let still = recent(|_| 7);
        assert!(!is_back(&still, &usual, FINALS, &rise, 24));
        assert!(is_back(&back, &usual, FINALS, &rise, 24));
        // Hits from before the rise do not count.
        assert!(!is_back(&back, &usual, FINALS, &rise, 8));
    }
}
