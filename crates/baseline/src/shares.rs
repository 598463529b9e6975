//! Shares that rise: of hits with which a journey ends, of hits with more than one attempt, of hits
//! that come back, of hits that take long, of hits in which nothing was entered.
//!
//! Owns what of the last hours is needed for them, and their judgement against the usual share of
//! the last weeks.

use super::{
    SLOT, Score,
    cells::{Counts, Hourly, TIME_BOUNDS, TIME_BUCKETS},
    deviance,
    limits::{
        LEARNT_DAYS, NO_INPUT, RECOVERED, RISE, RISE_LEAST, SHARE_HOURS, SHARE_KNOWN, SHARE_ODDS,
        TIME_FACTOR, TIME_HITS, TIME_SECONDS, TIME_SHARE,
    },
};

/// Hours that are looked at: those of the longest window.
pub(super) const RECENT: usize = 8;

/// The usual value of one share.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usual {
    pub(super) share: f32,
    /// The number that it is a share of.
    pub(super) whole: f32,
}

/// Number of an option's shares.
pub(super) const SHARES: usize = RISE.len();

/// The usual values of an option's shares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct UsualShares {
    /// Of journeys that end here, hits of several attempts, hits of people who were here before,
    /// and hits that take longer than [`UsualShares::bound`].
    pub(super) all: [Usual; SHARES],
    pub(super) bound: u8,
    /// Seconds within which nine of ten get there.
    pub(super) p90: f32,
    /// Hits.
    pub(super) hits: f32,
}

/// The hits of one option in the last hours, the newest, which is not over, first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Recent {
    pub(super) hits: [u32; RECENT],
    /// The hits whose journeys are over.
    pub(super) closed: [u32; RECENT],
    pub(super) finals: [u32; RECENT],
    retries: [u32; RECENT],
    repeats: [u32; RECENT],
    times: [[u32; TIME_BUCKETS]; RECENT],
}

impl Recent {
    /// Adds what is in a day, whose first hour is `first`, of the hours that end with `newest`.
    /// Journeys of rows before the slot `closed` are over; both counted from 1970.
    pub(super) fn add(&mut self, counts: &Counts, first: i64, newest: i64, closed: i64) {
        for back in 0..RECENT {
            let Ok(hour) = usize::try_from(newest - back as i64 - first) else { continue };
            if hour >= super::HOURS {
                continue;
            }
            let of = |what: Hourly| counts[what.first() + hour];
            let slots = hour * 12..(hour + 1) * 12;
            self.hits[back] = counts[slots.clone()].iter().sum();
            let over = |slot: &usize| first * 12 + (*slot as i64) < closed;
            self.closed[back] = slots.filter(over).map(|slot| counts[slot]).sum();
            self.finals[back] = of(Hourly::Finals);
            self.retries[back] = of(Hourly::Retries);
            self.repeats[back] = of(Hourly::Repeats);
            self.times[back] = std::array::from_fn(|bucket| of(Hourly::Time(bucket)));
        }
    }
}

/// Places of an option's shares in [`UsualShares::all`].
const FINALS: usize = 0;
const RETRIES: usize = 1;
const REPEATS: usize = 2;
const SLOW: usize = 3;

/// Scores of an option's shares: abandonment, retries, loops, time.
pub(super) fn shares(
    recent: &Recent,
    usual: &UsualShares,
    noise: &[f32; SHARES],
    may_end_here: bool,
    now_in_hour: i64,
) -> [Option<Score>; SHARES] {
    let rise = |share: usize| {
        rise(&usual.all[share], noise[share], RISE[share], now_in_hour, |hours| {
            counts(recent, usual, share, hours)
        })
    };
    [
        if may_end_here { None } else { rise(FINALS) },
        rise(RETRIES),
        rise(REPEATS),
        slower(recent, usual, noise[SLOW], now_in_hour),
    ]
}

/// Hits of the newest hours that make a share, and those that it is a share of.
fn counts(recent: &Recent, usual: &UsualShares, share: usize, hours: usize) -> (f64, f64) {
    match share {
        FINALS => (sum(&recent.finals, hours), sum(&recent.closed, hours)),
        RETRIES => (sum(&recent.retries, hours), sum(&recent.hits, hours)),
        REPEATS => (sum(&recent.repeats, hours), sum(&recent.closed, hours)),
        _ => {
            let times = times(recent, hours);
            (above(&times, usual.bound.into()), times.iter().sum())
        }
    }
}

/// Returns true if a share is back at the usual one, `since` slots after a rise: see
/// `OptionContext::is_back`.
pub(super) fn is_back(
    recent: &Recent,
    usual: &UsualShares,
    share: usize,
    rise: &Score,
    since: usize,
    now_in_hour: i64,
) -> bool {
    let usual_share = f64::from(usual.all[share].share);
    // Of a time no share was reported.
    let times = if share == SLOW { 2.0 } else { rise.observed / rise.expected.max(0.5) };
    let risen = (usual_share * times.max(1.2)).min(1.0 - (1.0 - usual_share) / 2.0_f64.max(times));
    let end = |hours: &&usize| i64::from(window(**hours, now_in_hour)) <= since as i64 * SLOT;
    SHARE_HOURS.iter().take_while(end).any(|hours| {
        let (part, whole) = counts(recent, usual, share, *hours);
        let gain = part * (usual_share / risen).ln()
            + (whole - part) * ((1.0 - usual_share) / (1.0 - risen)).ln();
        gain > RECOVERED
    })
}

fn times(recent: &Recent, hours: usize) -> [f64; TIME_BUCKETS] {
    std::array::from_fn(|bucket| {
        recent.times[..hours].iter().map(|hour| f64::from(hour[bucket])).sum()
    })
}

fn sum(counts: &[u32; RECENT], hours: usize) -> f64 {
    counts[..hours].iter().map(|count| f64::from(*count)).sum()
}

/// The furthest of the windows; `None` where the usual share is not known.
fn rise(
    usual: &Usual,
    noise: f32,
    limit: f64,
    now_in_hour: i64,
    of: impl Fn(usize) -> (f64, f64),
) -> Option<Score> {
    if usual.whole < SHARE_KNOWN {
        return None;
    }
    let mut furthest = Score::default();
    for hours in SHARE_HOURS {
        let (part, whole) = of(hours);
        let share = f64::from(usual.share);
        let mean = share * whole;
        if mean < RISE_LEAST || deviance::odds(part - 0.5, whole, share) < SHARE_ODDS {
            continue;
        }
        let score = share_above(part, whole, share, noise.into()) / limit;
        if furthest.score > 1.0 {
            // What was compared stays the shortest window that shows the rise.
            furthest.score = score.max(furthest.score);
        } else if score > furthest.score {
            furthest =
                Score { score, observed: part, expected: mean, window: window(hours, now_in_hour) };
        }
    }
    Some(furthest)
}

/// Deviance of a share above the usual one, whose variation is learnt.
fn share_above(part: f64, whole: f64, share: f64, noise: f64) -> f64 {
    let above = deviance::varying_share_above(part, whole, share, noise);
    if above <= 0.0 {
        return 0.0;
    }
    let learnt = deviance::part_of_noise(above, part, whole, share, noise);
    deviance::learnt(above, learnt, LEARNT_DAYS)
}

/// Seconds of a window of so many hours of which the newest is not over.
fn window(hours: usize, now_in_hour: i64) -> u32 {
    ((hours as i64 - 1) * 3600 + now_in_hour) as u32
}

fn slower(recent: &Recent, usual: &UsualShares, noise: f32, now_in_hour: i64) -> Option<Score> {
    let score = rise(&usual.all[SLOW], noise, RISE[SLOW], now_in_hour, |hours| {
        let (part, whole) = counts(recent, usual, SLOW, hours);
        let now = p90(&times(recent, hours));
        let slow =
            now > TIME_FACTOR * f64::from(usual.p90) && now - f64::from(usual.p90) > TIME_SECONDS;
        if slow && whole >= TIME_HITS { (part, whole) } else { (0.0, whole) }
    })?;
    if score.window == 0 {
        return Some(score);
    }
    let hours = (i64::from(score.window) - now_in_hour) / 3600 + 1;
    Some(Score {
        observed: p90(&times(recent, hours as usize)),
        expected: usual.p90.into(),
        ..score
    })
}

/// Hits above a bound.
pub(super) fn above(times: &[f64; TIME_BUCKETS], bound: usize) -> f64 {
    times[bound + 1..].iter().sum()
}

/// The first bound that at most [`TIME_SHARE`] of the hits are above.
pub(super) fn bound(times: &[f64; TIME_BUCKETS]) -> usize {
    let whole: f64 = times.iter().sum();
    let few = |bound: &usize| above(times, *bound) <= TIME_SHARE * whole;
    (0..TIME_BOUNDS.len()).find(few).unwrap_or(TIME_BOUNDS.len() - 1)
}

/// Seconds within which nine of ten get there; between two bounds it goes with the logarithm.
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

/// Entries of nothing in a window.
pub(super) struct Silent {
    /// Hits of the options that stand for it, and of all options.
    pub(super) part: f64,
    pub(super) whole: f64,
    /// Usual share of the hits.
    pub(super) share: f64,
    /// Hits that those options would have today.
    pub(super) expected: f64,
    /// Relative variance of the share beside chance.
    pub(super) noise: f64,
    /// Variance of their hits, of the mean.
    pub(super) dispersion: f64,
}

impl Silent {
    /// The score of a window of so many slots.
    pub(super) fn score(&self, slots: usize) -> Score {
        // Nobody enters nothing more often because another option fell.
        let mean = (self.share * self.whole).max(self.expected);
        let share = mean / self.whole.max(1.0);
        let odds = deviance::odds(self.part - 0.5, self.whole, share);
        if mean < RISE_LEAST || share >= 1.0 || odds < SHARE_ODDS {
            return Score::default();
        }
        let score = share_above(self.part, self.whole, share, self.noise)
            / self.dispersion.max(1.0)
            / NO_INPUT;
        Score { score, observed: self.part, expected: mean, window: (slots as i64 * SLOT) as u32 }
    }
}

#[cfg(test)]
mod tests {
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
    fn a_share_rises_when_it_is_far_above_the_usual_and_known() {
        let usual = Usual { share: 0.1, whole: 5000.0 };
        let of = |part: f64| move |_: usize| (part, 400.0);
        assert_eq!(rise(&usual, 0.0225, 23.0, 600, of(45.0)).unwrap().score, 0.0);
        let risen = rise(&usual, 0.0225, 23.0, 600, of(120.0)).unwrap();
        assert!(
            risen.score > 1.0 && (risen.expected - 40.0).abs() < 1e-3 && risen.window == 600,
            "{risen:?}"
        );
        assert_eq!(rise(&Usual { whole: 100.0, ..usual }, 0.0225, 23.0, 600, of(120.0)), None);
    }

    #[test]
    fn a_rise_is_over_once_the_share_is_back() {
        let usual = Usual { share: 0.4, whole: 5000.0 };
        let usual = UsualShares { all: [usual; SHARES], ..UsualShares::default() };
        let rise = Score { score: 1.2, observed: 70.0, expected: 40.0, window: 3600 };
        let is_over = |finals: [u32; 2], since| {
            let mut recent = Recent::default();
            recent.closed[..2].copy_from_slice(&[60, 60]);
            recent.finals[..2].copy_from_slice(&finals);
            is_back(&recent, &usual, FINALS, &rise, since, 3600)
        };
        assert!(!is_over([42, 42], 24));
        assert!(is_over([24, 42], 24));
        // What was before the rise says nothing.
        assert!(!is_over([24, 24], 6));
    }
}
