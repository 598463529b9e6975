//! One interaction: its beginning, its customer, and the rows of its walk through the menu.
//!
//! Everything follows from the interaction's key, a hash made by `traffic`. This file must never
//! read a clock, and never look at another interaction.
//!
//! A row's `date` is the moment of **its own event**: the beginning of the interaction plus
//! `second_event`. The real API does not document which moment it is. This choice spreads the rows
//! of a long interaction over many windows, which is the hardest case for a reader.

use super::menus::{MenuOption, RoutingPoint, SecondForm};
use super::random::Random;
use std::borrow::Cow;

/// Most options in one interaction, before the one that closes a chat left open.
const MAX_OPTIONS: u32 = 12;

/// Longest time between two options of a walk, in seconds.
const MAX_PAUSE: u32 = 90;

/// Longest time from the beginning of an interaction to its last row, in seconds, unless it is a
/// chat that was left open.
pub(super) const USUAL_SPAN: i64 = (MAX_OPTIONS * MAX_PAUSE) as i64;

/// Longest time from the beginning of any interaction to its last row, in seconds.
pub(super) const LONGEST_SPAN: i64 = 24 * 3600;

/// The share of rows that become visible late, and their delay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    /// The share of rows.
    pub(super) share: f64,
    /// Shortest delay, in seconds.
    pub(super) least: i64,
    /// Longest delay, in seconds.
    pub(super) most: i64,
}

/// First digits of every invented telephone number, from a range that is not assigned in Colombia.
pub const TELEPHONE_PREFIX: &str = "57300555";

/// First digits of every invented customer number.
pub const CUSTOMER_PREFIX: &str = "990";

/// Share of rows that come twice, as when a caller presses the same key twice within a second.
const IMPATIENT: f64 = 0.012;

/// Share of codes in another case than usual.
const CASE_DRIFT: f64 = 0.003;

/// Share of chats that stay open for hours.
const LEFT_OPEN: f64 = 0.02;

/// An interaction.
#[derive(Clone, Copy, Debug)]
pub struct Interaction {
    /// Its routing point.
    pub point: &'static RoutingPoint,
    /// The Unix second of its beginning.
    pub(super) begin: i64,
    /// The part of a call's `conn_id` that names the line: ordinary traffic and each burst have
    /// their own.
    pub(super) line: u32,
    /// Distinguishes interactions that began in the same second on the same line.
    pub(super) serial: u64,
    /// Seed of all its random numbers.
    pub(super) key: u64,
}

impl Interaction {
    /// Returns true if this is a chat that will be left open and closed hours later.
    pub(super) fn is_left_open(&self) -> bool {
        self.point.left_open.is_some() && Random::of(self.key, &[0]).chance(LEFT_OPEN)
    }

    /// Calls `emit` with each row of the whole walk, in order. `late` decides which rows appear
    /// late.
    pub(super) fn walk(self, late: Late, mut emit: impl FnMut(Row)) {
        let mut chance = Random::of(self.key, &[1]);
        let mut second = 0;
        let mut attempt = 1;
        let mut code = choose(&mut chance, self.point.entry);
        for _ in 0..MAX_OPTIONS {
            let Some(option) = code.and_then(|code| self.point.option(code)) else { break };
            second += chance.between(option.pause.0, option.pause.1.min(MAX_PAUSE));
            let row = self.row(option.code, second, attempt, late, &mut chance);
            emit(row);
            if chance.chance(IMPATIENT) {
                // Equal in everything that a client sees, but it may appear at another moment.
                emit(Row { visible: row.date + delay(late, &mut chance), ..row });
            }
            if option.invalid {
                attempt += 1;
                if attempt > 3 {
                    break;
                }
            }
            code = choose(&mut chance, option.next);
        }
        if let Some(code) = self.point.left_open.filter(|_| self.is_left_open()) {
            second += chance.between(3_600, 82_800);
            emit(self.row(code, second, attempt, late, &mut chance));
        }
    }

    /// Makes one row of this interaction.
    pub(super) fn row(
        self,
        code: &'static str,
        second: u32,
        attempt: u8,
        late: Late,
        chance: &mut Random,
    ) -> Row {
        let date = self.begin + i64::from(second);
        let drifted = chance.chance(CASE_DRIFT);
        Row {
            interaction: self,
            has_unique_option: false,
            result: None,
            code,
            drifted,
            second,
            attempt,
            date,
            visible: date + delay(late, chance),
        }
    }

    /// Returns `conn_id`: in the vendor's form for a call; for a chat an object id that begins with
    /// the second.
    pub(super) fn conn_id(&self) -> String {
        if self.point.is_voice() {
            // The id of the assistant's routing point is a name that ends in a number; only the
            // number is part of the identifier.
            let number = self.point.id.rsplit('-').next().unwrap_or(self.point.id);
            format!("6736.{number}.{}.{}.{}", self.line, self.begin, self.serial)
        } else {
            format!("{:08x}{:016x}", self.begin, self.key)
        }
    }

    /// Returns `customer_id`.
    pub(super) fn customer_id(&self) -> String {
        format!("{CUSTOMER_PREFIX}{:07}", Random::of(self.key, &[2]).bits() % 10_000_000)
    }

    /// Returns `telephone`.
    pub(super) fn telephone(&self) -> String {
        format!("{TELEPHONE_PREFIX}{:04}", Random::of(self.key, &[3]).bits() % 10_000)
    }

    /// Returns true if both are the same interaction.
    pub fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.begin == other.begin && self.serial == other.serial
    }
}

/// One row of a report.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its interaction.
    pub interaction: Interaction,
    /// The Unix second of its event.
    pub date: i64,
    /// The Unix second from which the server shows it.
    pub visible: i64,
    /// Seconds since the beginning of the interaction.
    pub second: u32,
    /// The attempt, from 1.
    pub attempt: u8,
    /// The code is different in every row, unlike that of any menu.
    pub(super) has_unique_option: bool,
    /// The field `result` of diagram_1; `None` in a row of diagram_13.
    pub result: Option<&'static str>,
    /// The code in the menu, in its usual case.
    pub(super) code: &'static str,
    drifted: bool,
}

impl Row {
    /// Returns `cod_opc_menu`.
    pub fn code(&self) -> Cow<'static, str> {
        if self.has_unique_option {
            return Cow::Owned(format!("{}-{:x}-{}", self.code, self.interaction.key, self.second));
        }
        if self.drifted { Cow::Owned(self.code.to_lowercase()) } else { Cow::Borrowed(self.code) }
    }

    /// Returns the option of the menu.
    pub(super) fn option(&self) -> Option<&'static MenuOption> {
        self.interaction.point.option(self.code)
    }

    /// Returns `second_event`.
    pub(super) fn second_event(&self) -> String {
        let second = self.second;
        match self.interaction.point.seconds {
            SecondForm::Plain => second.to_string(),
            SecondForm::Decimal => format!("{second}.0"),
            SecondForm::Clock => {
                format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
            }
        }
    }
}

/// Draws the seconds from a row's event until the server shows it: a few, or many for a late row.
pub(super) fn delay(late: Late, chance: &mut Random) -> i64 {
    if chance.chance(late.share) {
        // Log-uniform: minutes are as likely as hours.
        let least = late.least.max(1) as f64;
        (least * (late.most as f64 / least).max(1.0).powf(chance.unit())) as i64
    } else {
        i64::from(chance.between(2, 8))
    }
}

fn choose(chance: &mut Random, among: &'static [(u32, &'static str)]) -> Option<&'static str> {
    let mut drawn = chance.between(0, 99);
    for (weight, code) in among {
        if drawn < *weight {
            return Some(code);
        }
        drawn -= weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::menus::ROUTING_POINTS;
    use super::*;

    fn sample(count: u64) -> impl Iterator<Item = Interaction> {
        (0..count).map(|serial| Interaction {
            point: &ROUTING_POINTS[serial as usize % ROUTING_POINTS.len()],
            begin: 1_768_782_812,
            line: 1040,
            serial,
            key: Random::of(7, &[serial]).bits(),
        })
    }

    fn late(share: f64) -> Late {
        Late { share, least: 120, most: 21_600 }
    }

    fn rows(interaction: Interaction, share: f64) -> Vec<Row> {
        let mut rows = Vec::new();
        interaction.walk(late(share), |row| rows.push(row));
        rows
    }

    #[test]
    fn a_walk_is_ordered_and_stays_within_the_spans_that_queries_rely_on() {
        for interaction in sample(5_000) {
            let rows = rows(interaction, 0.5);
            assert!(!rows.is_empty());
            assert!(rows.is_sorted_by_key(|row| row.date));
            let span = if interaction.is_left_open() { LONGEST_SPAN } else { USUAL_SPAN };
            for row in rows {
                assert!(row.date - interaction.begin <= span);
                assert_eq!(row.date, interaction.begin + i64::from(row.second));
                assert!((2..=21_600).contains(&(row.visible - row.date)));
                assert!((1..=3).contains(&row.attempt));
            }
        }
    }

    #[test]
    fn the_rare_things_happen_and_stay_rare() {
        let all: Vec<Row> =
            sample(20_000).flat_map(|interaction| rows(interaction, 0.02)).collect();
        let share = |count: usize| count as f64 / all.len() as f64;
        let late = share(all.iter().filter(|row| row.visible - row.date >= 120).count());
        assert!((0.01..0.03).contains(&late), "{late}");
        let drifted = share(all.iter().filter(|row| row.code() != row.code).count());
        assert!((0.0005..0.005).contains(&drifted), "{drifted}");
        let twice = share(
            all.windows(2)
                .filter(|pair| {
                    pair[0].interaction.is(&pair[1].interaction)
                        && (pair[0].second, pair[0].attempt, pair[0].code())
                            == (pair[1].second, pair[1].attempt, pair[1].code())
                })
                .count(),
        );
        assert!((0.005..0.02).contains(&twice), "{twice}");
        let again = share(all.iter().filter(|row| row.attempt > 1).count());
        assert!((0.02..0.3).contains(&again), "{again}");
        assert!(all.iter().any(|row| row.second > 3_600));
    }

    #[test]
    fn nobody_is_late_when_no_share_is_asked_for() {
        assert!(sample(2_000).flat_map(|i| rows(i, 0.0)).all(|row| row.visible - row.date <= 8));
    }

    #[test]
    fn identifiers_have_the_forms_that_clients_meet() {
        let mut seen = std::collections::HashSet::new();
        for interaction in sample(2_000) {
            let id = interaction.conn_id();
            if interaction.point.is_voice() {
                assert_eq!(id.split('.').nth(3), Some("1768782812"));
            } else {
                assert_eq!((id.len(), &id[..8]), (24, "696d7bdc"));
            }
            assert!(seen.insert(id));
            assert_eq!(interaction.telephone().len(), 12);
            assert_eq!(interaction.customer_id().len(), 10);
        }
    }

    #[test]
    fn seconds_are_written_in_each_known_form() {
        let texts: Vec<String> = ROUTING_POINTS
            .iter()
            .map(|point| {
                let interaction = Interaction { point, begin: 0, line: 0, serial: 0, key: 0 };
                interaction.row("1", 3_725, 1, late(0.0), &mut Random::of(0, &[])).second_event()
            })
            .collect();
        assert_eq!(texts, ["3725", "3725", "01:02:05", "3725", "3725.0"]);
    }
}
