//! Detects options that are chosen less often than their own weeks and the rest of the routing
//! point predict.
//!
//! Owns the windows that are compared; see `deviance` for the statistic and `option_context` for
//! the prediction.

use std::ops::Range;

use super::{
    SLOT, Score, deviance,
    limits::{LEARNT_DAYS, drop_limit, drop_windows},
    noise::Noise,
    option_context::{Comparison, OptionContext},
};

/// Longest window, in slots, whose fall counts at once. In a longer window the fall must have been
/// there one slot earlier, too.
const AT_ONCE: usize = 12;

/// Score below which a window need not be computed: it is far from an alert.
const UNTOLD: f64 = 0.2;

/// Returns the score of the window with the highest score, of all windows that end now.
pub(super) fn drop_off(context: &OptionContext<'_>, noise: &Noise, weeks: u8) -> Score {
    let end = context.own.len();
    let silence = silence(context);
    let mut furthest = Score::default();
    for slots in drop_windows().take_while(|slots| *slots < end) {
        let limit = drop_limit(slots);
        if most(context, noise, end - slots, end) < limit * furthest.score.max(UNTOLD)
            || silence.as_ref().is_some_and(|silence| is_most(context, silence, end - slots))
        {
            continue;
        }
        let (window, mut score) = judge(context, noise, weeks, end - slots, end, limit);
        if slots > AT_ONCE && score > furthest.score {
            score = score.min(judge(context, noise, weeks, end - slots - 1, end - 1, limit).1);
        }
        if score <= furthest.score {
            continue;
        }
        if furthest.score > 1.0 {
            // The figures stay those of the shortest window that shows the fall.
            furthest.score = score;
            continue;
        }
        furthest = Score {
            score,
            observed: window.seen,
            expected: window.mean,
            window: (slots as i64 * SLOT) as u32,
        };
    }
    furthest
}

/// Returns the slots up to now without a hit at the whole routing point, if it is usually open in
/// one to twelve of them, up to an hour. They are no evidence against a single option, which may
/// have nearly all hits of a routing point that closed early; that is reported as a collapse.
fn silence(context: &OptionContext<'_>) -> Option<Range<usize>> {
    let end = context.own.len();
    let point = context.point;
    let begin = (0..end).rev().find(|at| point.slot(*at).seen > 0.0).map_or(0, |at| at + 1);
    let open = (begin..end).filter(|at| point.slot(*at).expected > 0.0).take(AT_ONCE + 1).count();
    ((1..=AT_ONCE).contains(&open)).then_some(begin..end)
}

/// Returns true if at least half of the hits that are expected of the option from the slot `from`
/// on are expected in the silence, which lasts until now.
fn is_most(context: &OptionContext<'_>, silence: &Range<usize>, from: usize) -> bool {
    let window = context.own.between(from, silence.end);
    let silent = context.own.between(silence.start.max(from), silence.end);
    2.0 * silent.expected >= window.expected
}

/// Returns an upper bound of a window's deviance. It assumes the usual level of the day, and the
/// variance of the seen hits, which is less than that of the expected ones.
fn most(context: &OptionContext<'_>, noise: &Noise, from: usize, to: usize) -> f64 {
    let own = context.own.between(from, to);
    let usual = own.expected;
    if usual <= own.seen {
        return 0.0;
    }
    let mean = usual * context.level_of(from, to);
    let less = (mean - own.seen).max(0.0);
    let seen = own.seen + 0.5;
    (2.0 * less).min(less * less / (seen + noise.of(to - from) * seen * seen))
}

fn judge(
    context: &OptionContext<'_>,
    noise: &Noise,
    weeks: u8,
    from: usize,
    to: usize,
    limit: f64,
) -> (Comparison, f64) {
    let window = context.window(from, to, weeks);
    let learnt = noise.of(to - from) * fewer_weeks(weeks);
    let deviance = deviance::below(window.seen, window.mean, window.relative_variance + learnt);
    let part = (learnt + window.day) * window.mean
        / (1.0 + (window.relative_variance + learnt) * window.mean);
    (window, deviance::learnt(deviance, part, LEARNT_DAYS) / limit)
}

/// Returns the factor by which noise is larger with fewer weeks: it is learnt with three weeks
/// behind the expectation, and one alone predicts less well.
pub(super) fn fewer_weeks(weeks: u8) -> f64 {
    (1.0 + 1.2 / f64::from(weeks.max(1))) / 1.3
}
