//! Fewer hits of one option than its routing point's others and its own weeks let expect.

use super::{
    SLOT, Score, deviance,
    limits::{drop_limit, drop_windows},
    noise::Noise,
    window::{Beside, Window},
};

/// Slots of a window that is judged at once; in longer ones the fall has to be there for two polls.
const AT_ONCE: usize = 12;

/// The furthest of all windows that end now.
pub(super) fn drop_off(beside: &Beside<'_>, noise: &Noise, weeks: u8) -> Score {
    let end = beside.own.len();
    let mut furthest = Score::default();
    for slots in drop_windows().take_while(|slots| *slots < end) {
        let own = beside.own.between(end - slots, end);
        if own.seen >= own.expected {
            continue;
        }
        let limit = drop_limit(slots);
        let (window, mut score) = judge(beside, noise, weeks, end - slots, end, limit);
        if slots > AT_ONCE && score > furthest.score {
            score = score.min(judge(beside, noise, weeks, end - slots - 1, end - 1, limit).1);
        }
        if score > furthest.score {
            furthest = Score {
                score,
                observed: window.seen,
                expected: window.mean,
                window: (slots as i64 * SLOT) as u32,
            };
        }
    }
    furthest
}

fn judge(beside: &Beside<'_>, noise: &Noise, weeks: u8, from: usize, to: usize, limit: f64) -> (Window, f64) {
    let window = beside.window(from, to, weeks);
    (window, deviance::below(window.seen, window.mean, window.unsure + noise.of(to - from)) / limit)
}
