//! Thresholds, priors and window lengths of the statistics.
//!
//! Owns every number that decides whether something is unusual. They were measured by
//! `cargo xtask evaluate`; evaluate a change there. A slot has five minutes. "Noise" is variation
//! beyond chance, as a relative variance: the square of a relative standard deviation.

/// Earlier weeks whose median is the expectation.
pub(super) const WEEKS: usize = 4;
/// Earlier weeks without which an option is not judged. The alert `WolkvoxHistoryShort`, the status
/// page and the dashboards say until then that there is nothing to compare with.
pub const LEAST_WEEKS: u8 = 1;
/// Slots on each side of a moment of an earlier week that are averaged with it: half an hour.
pub(super) const AROUND: usize = 6;
/// Least number of covered slots among the 13 around a moment, so that their average is used.
pub(super) const AROUND_LEAST: u32 = 7;
/// Days without a hit after which an option is taken for removed, so that nothing more is expected
/// of it.
pub(super) const UNUSED_DAYS: i32 = 7;

/// Weight, in hits, of the prior of a level. The prior of an operation's level is the usual one;
/// the prior of the level of a routing point that may have collapsed is that of the others.
pub(super) const LEVEL_PRIOR: f64 = 25.0;
/// Degrees of freedom of Student's t, the distribution of a routing point's level around the
/// operation's.
pub(super) const LEVEL_FREEDOM: f64 = 4.0;
/// Upper bound of the operation's growth, the factor by which the expectation of an option may
/// exceed its earlier weeks. Growth is measured over the whole evaluation window (8 to 32 hours),
/// because a campaign of a few hours is no growth. It is bounded because the additional
/// interactions may be for other options.
pub(super) const MOST_GROWTH: f64 = 1.2;
/// Weight, in hits, of the usual level in a level that may be above it: for surges and entries of
/// nothing.
pub(super) const RISE_PRIOR: f64 = 5.0;
/// Slots of the longest window: eight hours.
pub(super) const LONGEST: usize = 96;
/// Slots of the windows for which noise is learnt; for other lengths it is interpolated.
pub(super) const LEARNT: [usize; 12] = [2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96];
/// Degrees of freedom of learnt noise. It is learnt from 28 days; errors of one day are correlated,
/// so they count once.
pub(super) const LEARNT_DAYS: f64 = 30.0;
/// Smallest noise of a window: a standard deviation of 3 %.
pub(super) const LEAST_NOISE: f64 = 0.03 * 0.03;
/// Noise of a window until it is learnt, which takes two weeks.
pub(super) const FIRST_NOISE: f64 = 0.12 * 0.12;
/// Smallest noise of an option's level from day to day.
pub(super) const LEAST_DAY_NOISE: f64 = 0.02 * 0.02;
/// Noise of an option's level from day to day until it is learnt.
pub(super) const FIRST_DAY_NOISE: f64 = 0.06 * 0.06;
/// Noise of a routing point's level around the operation's until it is learnt.
pub(super) const FIRST_LEVEL_NOISE: f64 = 0.2 * 0.2;
/// Smallest noise of a routing point's level around the operation's.
pub(super) const LEAST_LEVEL_NOISE: f64 = 0.05 * 0.05;
/// Dispersion of a count (variance over mean; 1 for a Poisson count) until it is learnt.
pub(super) const FIRST_DISPERSION: f64 = 1.2;
/// Hits in compared slots that give a learnt dispersion the weight of one window.
pub(super) const DISPERSION_HITS: f32 = 40.0;

/// Most standard deviations by which an option's own level of a day may be below the usual.
pub(super) const MOST_DAY: f64 = 2.5;

/// Deviance at which a fall raises an alert, by slots of the window; between them it is
/// interpolated by the logarithm of the slots. Measured so that each length has its share of the
/// false alarms.
pub(super) const DROP: [(usize, f64); 4] = [(3, 23.0), (6, 21.5), (24, 21.0), (LONGEST, 20.0)];

/// Logarithm of the likelihood ratio, usual to fallen or risen, at which an incident is over.
pub(super) const RECOVERED: f64 = 6.0;
/// Hours of the past in which a detector that has just started looks for open incidents: a weekend.
pub(super) const REPLAYED_HOURS: i64 = 60;
/// Hours between two moments at which it looks.
pub(super) const REPLAY_STEP: usize = 3;

/// Deviance at which the fall of a whole routing point raises an alert.
pub(super) const COLLAPSE: f64 = 22.0;
/// Slots of the windows in which a routing point is judged.
pub(super) const COLLAPSE_WINDOWS: [usize; 6] = [2, 4, 6, 9, 12, 36];
/// Smallest noise of a routing point's level around that of its earlier hours of the day.
pub(super) const LEAST_COLLAPSE_NOISE: f64 = 0.07 * 0.07;
/// Noise added to that of a routing point on a quiet day, multiplied by (1 - level)².
pub(super) const QUIET_NOISE: f64 = 0.15 * 0.15;
/// Lowest level assumed for a day that is not a listed holiday. If all routing points are below it,
/// all have fallen, and that is an alert.
pub(super) const QUIET_LEVEL: f64 = 0.3;
/// Level of the other routing points below which a day is quiet: a routing point that has not
/// opened on it may be closed.
pub(super) const UNUSUAL_LEVEL: f64 = 0.75;
/// Share of the usual hits since midnight below which a routing point has not opened today.
pub(super) const NOT_OPENED: f64 = 0.05;
/// Share of the expected hits from which the options that do not follow the largest go on as usual.
pub(super) const GOES_ON: f64 = 0.6;
/// Least number of hits expected of these options, so that they are judged.
pub(super) const REST_HITS: f64 = 8.0;
/// Deviance from which these options have fallen, too.
pub(super) const REST_FELL: f64 = 6.0;

/// Least share of an option's hits that come by way of another option which it follows.
pub(super) const FOLLOWS: f64 = 0.25;
/// Share of its routing point's hits above which an option may lead others.
pub(super) const LEADS: f32 = 0.05;
/// Most options of a routing point that may lead others.
pub(super) const LEADERS: usize = 12;

/// Least number of consecutive slots without expected hits that make a night, in which the routing
/// point is usually closed: half an hour. Fewer are a lull.
pub(super) const NIGHT: usize = 6;
/// Most slots by which a routing point with shifting hours opens or closes off its usual time.
pub(super) const MOST_SHIFT: usize = 12;
/// Least number of open slots without hits that show a shift of the opening or closing.
pub(super) const LEAST_SHIFT: usize = 3;
/// Least number of hits, missed or additional, that show such a shift: fewer may be chance.
pub(super) const SHIFT_HITS: f64 = 10.0;
/// Least number of shifts in the four weeks: a single one may have been an outage.
pub(super) const SHIFTS: usize = 2;

/// Newest slots in which rows may still be missing because they come late: two hours.
pub(super) const LATE_SLOTS: usize = 24;
/// Hits expected of a routing point from which its silence counts.
pub(super) const SILENT_POINT: f32 = 2.0;
/// Hits expected in a silence, or in the time that is judged for a lag, from which missing rows are
/// taken for late ones.
pub(super) const SILENT_HITS: f32 = 16.0;

/// Deviance at which a surge raises an alert.
pub(super) const SURGE: f64 = 20.0;
/// Deviances at which a risen share raises an alert: of journeys that end at an option (times the
/// option's dispersion), of several attempts, of returns, and of hits that take long.
pub(super) const RISE: [f64; 4] = [24.0, 34.0, 34.0, 40.0];
/// Deviance at which entries of nothing at a routing point raise an alert (times the largest
/// dispersion of the options that stand for them).
pub(super) const NO_INPUT: f64 = 24.0;
/// Least number of expected hits with which a surge is judged.
pub(super) const RISE_LEAST: f64 = 3.0;
/// Least ratio of the hits of a surge to the expected hits.
pub(super) const SURGE_FACTOR: f64 = 1.8;
/// Least ratio of the hits of a surge to those of the highest earlier week.
pub(super) const SURGE_OVER_HIGHEST: f64 = 1.6;
/// Earlier weeks without which no surge is judged: one alone may have been a holiday.
pub(super) const SURGE_WEEKS: u8 = 2;
/// Smallest noise of a window that is judged for a surge.
pub(super) const SURGE_NOISE: f64 = 0.1 * 0.1;
/// Slots of the windows in which surges are detected.
pub(super) const SURGE_WINDOWS: [usize; 7] = [3, 6, 9, 12, 18, 36, 96];

/// Returns the slots of the windows in which falls are detected: each length up to an hour, then
/// fewer.
pub(super) fn drop_windows() -> impl Iterator<Item = usize> {
    (2..=12).chain([14, 16, 18, 21, 24, 28, 32, 36, 42, 48, 60, 72, 84, LONGEST])
}

/// Returns the deviance at which a fall in a window of `slots` slots raises an alert.
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

/// Drop-off score of an option above which rises at its routing point are not reported.
pub(super) const BESIDE: f64 = 0.6;

/// Share by which the interactions that go on from an option must be fewer at each of its
/// followers, so that the option itself counts as abandoned.
pub(super) const FOLLOWERS_MISSING: f64 = 0.3;

/// Least ratio of the odds of a risen share to the usual odds.
pub(super) const SHARE_ODDS: f64 = 1.6;
/// Least number of hits or calls from which a usual share is learnt.
pub(super) const SHARE_KNOWN: f32 = 200.0;
/// Noise of a share until it is learnt.
pub(super) const FIRST_SHARE_NOISE: f64 = 0.15 * 0.15;
/// Smallest noise of a share.
pub(super) const LEAST_SHARE_NOISE: f64 = 0.05 * 0.05;
/// Slots of the windows of the shares whose counts are stored by slot.
pub(super) const SHARE_WINDOWS: [usize; 9] = [3, 6, 9, 12, 15, 18, 24, 36, LONGEST];
/// Hours, including the present one, of the windows of the other shares, whose counts are stored by
/// hour.
pub(super) const SHARE_HOURS: [usize; 5] = [1, 2, 3, 4, 8];
/// Least number of hits or calls of the share's kind in a window.
pub(super) const SHARE_LEAST: f64 = 6.0;
/// Smallest usual share assumed: two callers in a hundred may always hang up.
pub(super) const LEAST_SHARE: f64 = 0.02;
/// Ratio of the time within which nine of ten reach an option to the usual one, above which it is
/// longer.
pub(super) const TIME_FACTOR: f64 = 1.5;
/// Seconds by which that time must exceed the usual one.
pub(super) const TIME_SECONDS: f64 = 15.0;
/// Least number of hits with a known time in the window.
pub(super) const TIME_HITS: f64 = 30.0;
/// Times are compared by the share of hits that take longer than a bound. The bound is the first
/// one that usually at most this share exceeds.
pub(super) const TIME_SHARE: f64 = 0.35;
/// Slots of the windows in which entries of nothing are judged.
pub(super) const NO_INPUT_WINDOWS: [usize; 5] = [6, 12, 18, 36, 96];

/// Deviance at which a share of hang-ups raises an alert.
pub(super) const HANG_UP: f64 = 24.0;
/// Weight, in calls, of the share of all hours in that of one hour of the week.
pub(super) const HANG_UP_HOUR: f32 = 50.0;
/// Largest ratio between the shares of hang-ups and of other calls that are known at a slot's age,
/// with which that slot is judged.
pub(super) const HANG_UP_ALIKE: f32 = 1.1;
/// Smallest noise of a share of hang-ups.
pub(super) const LEAST_HANG_UP_NOISE: f64 = 0.1 * 0.1;
