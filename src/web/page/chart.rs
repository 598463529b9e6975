//! The charts of the page: inline SVG in the page's colours. Each has a text alternative, and none
//! relies on colour alone.

use maud::{Markup, html};

use crate::{
    baseline::HOURS,
    status::{POLLS, PollRecord},
};

/// Width of an hour and its bar.
const HOUR_WIDTH: u64 = 10;
/// Height of a chart.
const HEIGHT: u64 = 32;
/// Width of a poll in the strip, which has room for all remembered polls, and the strip's height.
const POLL_WIDTH: usize = 12;
const STRIP_HEIGHT: u64 = 32;

/// Draws a bar for each hour; a full bar is `scale` hits. The first `unknown` hours are shaded.
pub(super) fn bars(hourly: &[u64; HOURS], scale: u64, unknown: usize, words: &str) -> Markup {
    let width = HOURS as u64 * HOUR_WIDTH;
    let mut path = String::new();
    for (hour, hits) in hourly.iter().enumerate().filter(|(_, hits)| **hits > 0) {
        // At least one pixel for any hits.
        let height = (hits * (HEIGHT - 2)).div_ceil(scale.max(1)).clamp(1, HEIGHT - 2);
        path.push_str(&format!(
            "M{} {HEIGHT}v-{height}",
            hour as u64 * HOUR_WIDTH + HOUR_WIDTH / 2
        ));
    }
    html! {
        svg.bars width=(width) height=(HEIGHT) viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img" {
            title { (words) }
            @if unknown > 0 { rect.unknown width=(unknown as u64 * HOUR_WIDTH) height=(HEIGHT) {} }
            path d=(path) {}
        }
    }
}

fn millis(poll: &PollRecord) -> u64 {
    u64::try_from(poll.took.as_millis()).unwrap_or(u64::MAX)
}

/// Draws the last polls: a bar by duration, or a cross for a failure.
pub(super) fn strip(polls: &[PollRecord], words: &str) -> Markup {
    let width = POLLS * POLL_WIDTH;
    let longest =
        polls.iter().filter(|poll| poll.failure.is_none()).map(millis).max().unwrap_or(0).max(1);
    let mut bars = String::new();
    let mut crosses = String::new();
    // The newest is at the right end.
    for (at, poll) in
        polls.iter().enumerate().map(|(at, poll)| (at + POLLS.saturating_sub(polls.len()), poll))
    {
        let middle = at * POLL_WIDTH + POLL_WIDTH / 2;
        if poll.failure.is_none() {
            let height = (millis(poll).saturating_mul(STRIP_HEIGHT - 4) / longest)
                .clamp(2, STRIP_HEIGHT - 4);
            bars.push_str(&format!("M{middle} {STRIP_HEIGHT}v-{height}"));
        } else {
            crosses.push_str(&format!("M{} {}l8 -8m-8 0l8 8", middle - 4, STRIP_HEIGHT - 2));
        }
    }
    html! {
        svg.strip width=(width) height=(STRIP_HEIGHT) viewBox={ "0 0 " (width) " " (STRIP_HEIGHT) } role="img" {
            title { (words) }
            path d=(bars) {}
            @if !crosses.is_empty() { path.cross d=(crosses) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::wolkvox::ErrorClass;

    #[test]
    fn bars_are_as_high_as_the_hour_and_small_ones_can_be_seen() {
        let mut hourly = [0; HOURS];
        (hourly[0], hourly[1], hourly[23]) = (1, 500, 1000);
        let page = bars(&hourly, 1000, 0, "R&D").into_string();
        assert!(page.contains("d=\"M5 32v-1M15 32v-15M235 32v-30\""), "{page}");
        assert!(page.contains("<title>R&amp;D</title>") && !page.contains("unknown"), "{page}");

        let empty = bars(&[0; HOURS], 0, 2, "").into_string();
        assert!(
            empty.contains("d=\"\"") && empty.contains("class=\"unknown\" width=\"20\""),
            "{empty}"
        );
    }

    #[test]
    fn a_failed_poll_has_another_shape() {
        let poll = |millis, failure| PollRecord {
            at: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(millis),
            failure,
        };
        let polls = [poll(0, None), poll(60_000, Some(ErrorClass::Timeout)), poll(100, None)];
        let page = strip(&polls, "x").into_string();
        assert!(page.contains("d=\"M258 32v-2M282 32v-28\""), "{page}");
        assert!(page.contains("class=\"cross\" d=\"M266 30l8 -8m-8 0l8 8\""), "{page}");
        let page = strip(&polls[..1], "x").into_string();
        assert!(!page.contains("cross"), "{page}");
    }
}
