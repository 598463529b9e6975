//! Every number that decides how unlike the usual something has to be. Measured by
//! `cargo xtask evaluate`; a change here is judged there.

/// Weeks that the expectation looks back; it takes their median.
pub(super) const WEEKS: usize = 4;
/// Slots before and after a moment of an earlier week that count as the same time: half an hour.
pub(super) const AROUND: usize = 6;
/// Number of the 13 slots around a moment that have to be covered.
pub(super) const AROUND_LEAST: u32 = 7;
/// Days without a hit after which an option is taken for removed: nothing is expected of it any
/// more.
pub(super) const UNUSED_DAYS: i32 = 7;

/// Today's level of an operation is held to be the usual one, and that of a routing point that has
/// fallen to be the others', as if so many hits had already said so.
pub(super) const LEVEL_PRIOR: f64 = 25.0;
/// The tail of its level: the degrees of freedom of Student's t.
pub(super) const LEVEL_FREEDOM: f64 = 4.0;
/// An operation that grows expects more of its options than their weeks had, as it had more for a
/// day: a campaign of a few hours is no growth. But no more than so many times as much, since what
/// is new may be for the others.
pub(super) const MOST_GROWTH: f64 = 1.2;
/// The same where the level may be higher than usual.
pub(super) const RISE_PRIOR: f64 = 5.0;
/// Slots of the longest window: eight hours.
pub(super) const LONGEST: usize = 96;
/// Slots of the windows at which noise is learnt; between them it is interpolated.
pub(super) const LEARNT: [usize; 12] = [2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96];
/// Number of days from which noise is learnt; those of one day have much in common.
pub(super) const LEARNT_DAYS: f64 = 30.0;
/// Variation that is not chance is never taken for less than this share, squared,
pub(super) const LEAST_NOISE: f64 = 0.03 * 0.03;
/// and is this, squared, until two weeks are known.
pub(super) const FIRST_NOISE: f64 = 0.12 * 0.12;
/// The same for an option's level from day to day.
pub(super) const LEAST_DAY_NOISE: f64 = 0.02 * 0.02;
/// See [`FIRST_NOISE`].
pub(super) const FIRST_DAY_NOISE: f64 = 0.06 * 0.06;
/// The same for a routing point's level around the operation's, until it is learnt,
pub(super) const FIRST_LEVEL_NOISE: f64 = 0.2 * 0.2;
/// and the least that is believed.
pub(super) const LEAST_LEVEL_NOISE: f64 = 0.05 * 0.05;
/// Variance of a count, of its mean, until it is learnt.
pub(super) const FIRST_DISPERSION: f64 = 1.2;
/// The weight of what is learnt of it, in hits.
pub(super) const DISPERSION_HITS: f32 = 40.0;

/// An option's own level of a day is believed to differ by at most so many standard deviations.
pub(super) const MOST_DAY: f64 = 2.5;

/// Deviance of a fall that is worth an alert, by slots of the window; between them it goes with the
/// logarithm. Measured so that each length has its share of the false alarms.
pub(super) const DROP: [(usize, f64); 4] = [(3, 23.0), (6, 21.5), (24, 21.0), (LONGEST, 20.0)];

/// Logarithm of the likelihood ratio at which a fall is over.
pub(super) const RECOVERED: f64 = 6.0;
/// An open fall is looked for so many hours back by a detector that has just started: a weekend.
pub(super) const REPLAYED_HOURS: i64 = 60;
/// Hours between two looks.
pub(super) const REPLAY_STEP: usize = 3;

/// Deviance of the fall of a whole routing point that is worth an alert.
pub(super) const COLLAPSE: f64 = 22.0;
/// Slots of the windows in which a routing point is judged.
pub(super) const COLLAPSE_WINDOWS: [usize; 6] = [2, 4, 6, 9, 12, 36];
/// Least variation of a routing point's level, squared, that is believed.
pub(super) const LEAST_COLLAPSE_NOISE: f64 = 0.07 * 0.07;
/// Variation, squared, that a level is believed to have more of on a quiet day, by the square of
/// what it lacks.
pub(super) const QUIET_NOISE: f64 = 0.15 * 0.15;
/// Level of a day that no calendar knew, at the least that is believed: below it, all routing
/// points have fallen, and that is an alert.
pub(super) const QUIET_LEVEL: f64 = 0.3;
/// An operation below this level has a quiet day: a routing point that has not opened on it may
/// be closed.
pub(super) const UNUSUAL_LEVEL: f64 = 0.75;
/// Share of the usual hits up to which a routing point has not opened today.
pub(super) const NOT_OPENED: f64 = 0.05;
/// Share of the usual hits from which the options that do not follow the largest go on.
pub(super) const GOES_ON: f64 = 0.6;
/// Hits that they should have had.
pub(super) const REST_HITS: f64 = 8.0;
/// Deviance from which on they have fallen, too.
pub(super) const REST_FELL: f64 = 6.0;

/// An option follows another if at least this share of its hits come by way of it.
pub(super) const FOLLOWS: f64 = 0.25;
/// An option leads others only if it has this share of its routing point's hits.
pub(super) const LEADS: f32 = 0.05;
/// Options of a routing point that may lead others.
pub(super) const LEADERS: usize = 12;

/// Number of slots in which nothing is expected, half an hour, that are a night and no lull: the
/// routing point is usually closed.
pub(super) const NIGHT: usize = 6;
/// A routing point whose hours shift opens and closes up to so many slots off its usual time.
pub(super) const MOST_SHIFT: usize = 12;
/// Fewer slots than so many do not teach that hours shift,
pub(super) const LEAST_SHIFT: usize = 3;
/// nor do fewer hits, missed or made: they may be chance.
pub(super) const SHIFT_HITS: f64 = 10.0;
/// So often in the weeks that are learnt from: once may have been an outage.
pub(super) const SHIFTS: usize = 2;

/// Newest slots in which rows may still be missing because they come late: two hours.
pub(super) const LATE_SLOTS: usize = 24;
/// Hits that a routing point should have had before its silence means anything,
pub(super) const SILENT_POINT: f32 = 2.0;
/// and all of them together, at today's level, before the report is taken for late.
pub(super) const SILENT_HITS: f32 = 16.0;

/// Deviance of a surge that is worth an alert,
pub(super) const SURGE: f64 = 22.0;
/// and of a share that has risen: of journeys that end at an option (times the option's
/// dispersion), of several attempts, of returns, and of hits that take long.
pub(super) const RISE: [f64; 4] = [24.0, 34.0, 34.0, 40.0];
/// The same of entries of nothing, which are judged for a routing point as a whole.
pub(super) const NO_INPUT: f64 = 24.0;
/// Surges are judged only where at least so many are expected.
pub(super) const RISE_LEAST: f64 = 3.0;
/// A surge is at least so many times what is expected,
pub(super) const SURGE_FACTOR: f64 = 1.8;
/// and so many times what the highest of the weeks had,
pub(super) const SURGE_OVER_HIGHEST: f64 = 1.6;
/// on at least so many weeks: one alone may have been a holiday.
pub(super) const SURGE_WEEKS: u8 = 2;
/// Variation of a surge, squared, where less was learnt.
pub(super) const SURGE_NOISE: f64 = 0.12 * 0.12;
/// Slots of the windows in which surges are looked for.
pub(super) const SURGE_WINDOWS: [usize; 7] = [3, 6, 9, 12, 18, 36, 96];

/// Slots of the windows in which falls are looked for: all of them up to an hour, then fewer.
pub(super) fn drop_windows() -> impl Iterator<Item = usize> {
    (2..=12).chain([14, 16, 18, 21, 24, 28, 32, 36, 42, 48, 60, 72, 84, LONGEST])
}

/// The deviance that is worth an alert in a window of so many slots.
pub(super) fn drop_limit(slots: usize) -> f64 {
    let mut limit = DROP[0].1;
    for ((from, low), (to, high)) in DROP.into_iter().zip(DROP.into_iter().skip(1)) {
        if slots > from {
            let part = (slots as f64 / from as f64).ln() / (to as f64 / from as f64).ln();
            limit = low + (high - low) * part.min(1.0);
        }
    }
    limit
}

/// The score of a fall beside which nothing rises by itself.
pub(super) const BESIDE: f64 = 0.6;

/// Share of those who usually go on that has to be missing at all followers of an option before it
/// is abandoned itself.
pub(super) const FOLLOWERS_MISSING: f64 = 0.3;

/// A share has risen when its odds are at least so many times the usual ones,
pub(super) const SHARE_ODDS: f64 = 1.6;
/// and is known from so many at least.
pub(super) const SHARE_KNOWN: f32 = 200.0;
/// Variation of a share, squared, that is assumed until more is learnt,
pub(super) const FIRST_SHARE_NOISE: f64 = 0.15 * 0.15;
/// and the least that is believed.
pub(super) const LEAST_SHARE_NOISE: f64 = 0.05 * 0.05;
/// Slots of the windows in which the shares that are known by the slot are judged,
pub(super) const SHARE_WINDOWS: [usize; 9] = [3, 6, 9, 12, 15, 18, 24, 36, LONGEST];
/// and hours, the present one included, of the others'.
pub(super) const SHARE_HOURS: [usize; 5] = [1, 2, 3, 4, 8];
/// Hits or calls that have to be in such a share of a window,
pub(super) const SHARE_LEAST: f64 = 6.0;
/// and the share that is expected at the least: two callers in a hundred may always hang up.
pub(super) const LEAST_SHARE: f64 = 0.02;
/// The time within which nine of ten reach an option: so many times the usual one,
pub(super) const TIME_FACTOR: f64 = 1.5;
/// by at least so many seconds,
pub(super) const TIME_SECONDS: f64 = 15.0;
/// over so many hits.
pub(super) const TIME_HITS: f64 = 30.0;
/// Times are compared by the share of hits that take longer than a bound that usually at most this
/// share does.
pub(super) const TIME_SHARE: f64 = 0.35;
/// Slots of the windows in which entries of nothing are judged.
pub(super) const NO_INPUT_WINDOWS: [usize; 5] = [6, 12, 18, 36, 96];

/// Deviance of a share of hang-ups that is worth an alert.
pub(super) const HANG_UP: f64 = 24.0;
/// Calls that the share of all hours counts for in that of one hour of the week.
pub(super) const HANG_UP_HOUR: f32 = 50.0;
/// Hang-ups and other calls of a slot are compared if the shares of them that are known by then
/// differ by this factor at most.
pub(super) const HANG_UP_ALIKE: f32 = 1.1;
/// The least variation of a share of hang-ups, squared, that is believed.
pub(super) const LEAST_HANG_UP_NOISE: f64 = 0.1 * 0.1;
