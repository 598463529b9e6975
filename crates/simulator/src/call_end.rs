//! The outcome of a call behind its last option, as in report diagram_1: it reaches the queue of
//! agents, or the caller hangs up.
//!
//! Callers hang up more often the longer they have been in the menu, and most often after pressing
//! nothing valid. It is not documented which rows the real report has; here each call has one,
//! dated by its end.

use super::interaction::{Late, Row, USUAL_SPAN, delay};
use super::random::Random;

/// The `result` of a call that reached the queue of agents.
pub const REACHED: &str = "ok";

/// The `result` of a call whose caller hung up.
pub const HUNG_UP: &str = "hung up";

/// A rare `result` that no documentation mentions.
pub const UNDOCUMENTED: &str = "transfer";

/// Share of calls with the result [`UNDOCUMENTED`].
const UNDOCUMENTED_SHARE: f64 = 0.004;

/// Share of callers who hang up behind the option that leads to an agent, at the beginning of a
/// call. [`PATIENCE`] makes it grow with the time in the menu.
const HANG_UPS_FOR_AGENT: f64 = 0.03;

/// The same share behind an entry that was not valid.
const HANG_UPS_AFTER_INVALID: f64 = 0.45;

/// The same share behind every other option.
const HANG_UPS: f64 = 0.12;

/// Seconds in the menu that add 1 to the share of hang-ups.
const PATIENCE: f64 = 900.0;

/// Longest time from the last option to the end of the call, in seconds.
const LONGEST_WAIT: u32 = 40;

/// Makes the row of diagram_1 of a call whose last option is `last`. `factor` multiplies the share
/// of hang-ups.
pub(super) fn call_end(last: Row, late: Late, factor: f64) -> Row {
    let interaction = last.interaction;
    let mut chance = Random::of(interaction.key, &[4]);
    let second = last.second.saturating_add(chance.between(1, LONGEST_WAIT));
    let second = second.min(u32::try_from(USUAL_SPAN).unwrap_or(u32::MAX));
    let hang_ups = hang_up_share(&last, factor);
    let result = match chance.unit() {
        drawn if drawn < UNDOCUMENTED_SHARE => UNDOCUMENTED,
        drawn if drawn < UNDOCUMENTED_SHARE + hang_ups => HUNG_UP,
        _ => REACHED,
    };
    let mut end = last;
    end.result = Some(result);
    end.second = second;
    end.date = interaction.begin + i64::from(second);
    end.visible = end.date + delay(late, &mut chance);
    end
}

fn hang_up_share(last: &Row, factor: f64) -> f64 {
    let at_first = match last.option() {
        Some(option) if option.code == "AGENTE" => HANG_UPS_FOR_AGENT,
        Some(option) if option.invalid => HANG_UPS_AFTER_INVALID,
        _ => HANG_UPS,
    };
    ((at_first + f64::from(last.second) / PATIENCE) * factor).min(0.98)
}

/// Returns `dn_transfer`, the destination of a call behind its option; empty if the caller hung up.
pub(super) fn transferred_to(row: &Row) -> &'static str {
    match row.result {
        Some(HUNG_UP) | None => "",
        Some(_) => "cola_asesores",
    }
}

#[cfg(test)]
mod tests {
    use super::super::interaction::Interaction;
    use super::super::menus::ROUTING_POINTS;
    use super::*;

    const SOON: Late = Late { share: 0.0, least: 120, most: 21_600 };

    /// The share of hang-ups of calls that end with this option after these seconds.
    fn hang_ups(code: &'static str, second: u32, factor: f64) -> f64 {
        let hung_up = (0..4_000).filter(|serial| {
            let key = Random::of(7, &[*serial]).bits();
            let interaction = Interaction {
                point: &ROUTING_POINTS[0],
                begin: 1_768_782_812,
                line: 1040,
                serial: *serial,
                key,
            };
            let last = interaction.row(code, second, 1, SOON, &mut Random::of(key, &[]));
            call_end(last, SOON, factor).result == Some(HUNG_UP)
        });
        hung_up.count() as f64 / 4_000.0
    }

    #[test]
    fn hang_ups_grow_with_time_with_nothing_pressed_and_with_a_broken_option() {
        let usual = hang_ups("1", 20, 1.0);
        assert!((0.1..0.2).contains(&usual), "{usual}");
        assert!(hang_ups("1", 300, 1.0) > usual * 2.0);
        assert!(hang_ups("PULSE", 20, 1.0) > usual * 2.0);
        assert!(hang_ups("AGENTE", 20, 1.0) < usual / 2.0);
        let broken = hang_ups("1", 20, 3.0);
        assert!((2.5..3.5).contains(&(broken / usual)), "{broken} {usual}");
    }

    #[test]
    fn a_call_ends_behind_its_last_option_and_within_the_span_that_queries_rely_on() {
        for serial in 0..2_000 {
            let key = Random::of(8, &[serial]).bits();
            let interaction =
                Interaction { point: &ROUTING_POINTS[1], begin: 50, line: 1040, serial, key };
            let mut last = None;
            interaction.walk(SOON, |row| last = Some(row));
            let last = last.unwrap();
            let end = call_end(last, SOON, 1.0);
            assert!(last.date <= end.date && end.date - interaction.begin <= USUAL_SPAN);
            assert_eq!(end.date, interaction.begin + i64::from(end.second));
        }
    }
}
