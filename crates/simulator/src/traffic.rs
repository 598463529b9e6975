//! The traffic of the contact centre, as a pure function of a seed and time.
//!
//! For each routing point and each minute a small generator, seeded by a hash of (seed, routing
//! point, minute), draws the interactions that begin in it; `interaction` draws their rows. Nothing
//! is stored, so a simulator gives the same rows for the same time, also after a restart and for
//! any year. This file must never read a clock: callers pass the time.

use super::call_end::call_end;
use super::incident::OptionIncident;
use super::interaction::{Interaction, LONGEST_SPAN, Late, Row, USUAL_SPAN};
use super::load_curve::load;
use super::menus::ROUTING_POINTS;
use super::random::Random;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Number of the line of ordinary calls; bursts use the numbers after it.
const LINE: u32 = 1040;

/// Factor on the share of hang-ups among callers for whom an option did not work.
const BROKEN_OPTION: f64 = 3.0;

/// Rows in each interaction of a burst.
const BURST_ROWS: u64 = 3;

/// Many rows at once, on top of the ordinary traffic, as in an outage that everybody calls about.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// First second of its rows.
    pub at: Timestamp,
    /// Seconds over which they are spread; 0 counts as 1.
    pub seconds: u32,
    /// Number of rows.
    pub rows: u64,
}

/// The report that rows are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedReport {
    /// The options that were entered.
    Diagram13,
    /// Outcomes of calls, one row each.
    Diagram1,
}

impl SimulatedReport {
    /// Returns the report with this name in the parameter `api`.
    pub(super) fn named(api: &str) -> Option<Self> {
        match api {
            "diagram_13" => Some(Self::Diagram13),
            "diagram_1" => Some(Self::Diagram1),
            _ => None,
        }
    }
}

/// The settings that determine every row.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    pub(super) seed: u64,
    /// Minute since the Unix epoch from which the minutes that seed random numbers are counted.
    pub(super) chance_from: i64,
    pub(super) zone: TimeZone,
    pub(super) scale: f64,
    /// The least load at any hour, as a share of the busiest one.
    pub(super) least_load: f64,
    pub(super) late: Late,
    /// Every row has an option of its own.
    pub(super) unique_options: bool,
    pub(super) bursts: Vec<Burst>,
    pub(super) incidents: Vec<OptionIncident>,
    /// No row is dated in this Unix second.
    pub(super) unanswerable: Option<i64>,
    /// No row is dated before this Unix second.
    pub(super) from: i64,
    /// No row is dated at or after this Unix second: calls under way are cut off, as by a power
    /// failure.
    pub(super) until: i64,
}

impl Traffic {
    /// Returns the rows of diagram_13 dated in the seconds `first..=last`, in the order in which
    /// their interactions began.
    pub(super) fn rows(self: &Arc<Self>, first: i64, last: i64) -> Rows {
        self.rows_of(SimulatedReport::Diagram13, first, last)
    }

    /// Returns the rows of a report dated in the seconds `first..=last`, in the order in which
    /// their interactions began.
    pub(super) fn rows_of(
        self: &Arc<Self>,
        report: SimulatedReport,
        first: i64,
        last: i64,
    ) -> Rows {
        let first = first.max(self.from);
        let last = last.min(self.until.saturating_sub(1));
        Rows {
            minute: first.saturating_sub(LONGEST_SPAN).max(self.from).div_euclid(60),
            traffic: Arc::clone(self),
            report,
            first,
            last,
            burst: 0,
            burst_row: 0,
            ready: Vec::new(),
            taken: 0,
        }
    }

    /// Appends the rows in `first..=last` of all interactions that begin in this minute.
    fn minute(
        &self,
        report: SimulatedReport,
        minute: i64,
        seconds: &RangeInclusive<i64>,
        out: &mut Vec<Row>,
    ) {
        let start = minute.saturating_mul(60);
        // Long before the window only chats that were left open matter, which saves most of the
        // work for these minutes: one draw for each chat.
        let only_left_open = start.saturating_add(60 + USUAL_SPAN) < *seconds.start();
        let Ok(moment) = Timestamp::from_second(start) else { return };
        let load = load(self.zone.to_datetime(moment)).max(self.least_load) * self.scale;
        let drawn = minute.saturating_sub(self.chance_from);
        for (number, point) in ROUTING_POINTS.iter().enumerate() {
            if only_left_open && point.left_open.is_none() {
                continue;
            }
            let mut chance = Random::of(self.seed, &[number as u64, drawn.cast_unsigned()]);
            let count =
                (point.per_minute * load * (0.6 + 0.8 * chance.unit()) + chance.unit()) as u64;
            for index in 0..count {
                let interaction = Interaction {
                    point,
                    begin: start + i64::from(chance.between(0, 59)),
                    line: LINE,
                    serial: 1_000 + index,
                    key: chance.bits(),
                };
                if interaction.begin < self.from || only_left_open && !interaction.is_left_open() {
                    continue;
                }
                self.interaction(report, interaction, seconds, out);
            }
        }
    }

    /// Appends the rows in `seconds` that an interaction has in a report.
    fn interaction(
        &self,
        report: SimulatedReport,
        interaction: Interaction,
        seconds: &RangeInclusive<i64>,
        out: &mut Vec<Row>,
    ) {
        let mut last_option = None;
        let mut is_cut_off = false;
        let mut is_lost = false;
        interaction.walk(self.late, |row| {
            if self.is_taken(&row) {
                is_lost = true;
                return;
            }
            is_cut_off |= row.date >= self.until;
            last_option = Some(row);
            if report == SimulatedReport::Diagram13 && self.has(&row, seconds) {
                out.push(row);
            }
        });
        // The outcome of a call that was cut off is not known.
        if report == SimulatedReport::Diagram1 && interaction.point.is_voice() && !is_cut_off {
            let lost = if is_lost { BROKEN_OPTION } else { 1.0 };
            let end = last_option.map(|row| call_end(row, self.late, lost * self.hang_ups(&row)));
            out.extend(end.filter(|row| self.has(row, seconds)));
        }
    }

    /// Returns true if a row is dated in one of these seconds, other than the unanswerable one.
    fn has(&self, row: &Row, seconds: &RangeInclusive<i64>) -> bool {
        seconds.contains(&row.date) && self.unanswerable != Some(row.date)
    }

    /// Returns true if an incident removes this row.
    fn is_taken(&self, row: &Row) -> bool {
        self.incidents.iter().any(|incident| incident.takes(row))
    }

    /// Returns the factor of incidents on the share of callers who hang up behind this option.
    fn hang_ups(&self, row: &Row) -> f64 {
        let incidents = self.incidents.iter().filter(|incident| incident.is_of(row));
        incidents.map(|incident| incident.hang_ups).product()
    }

    /// Makes one row of a burst, by the numbers of both.
    fn burst_row(&self, report: SimulatedReport, number: usize, row: u64) -> Option<Row> {
        let burst = self.bursts.get(number)?;
        let serial = row / BURST_ROWS;
        let chance = Random::of(self.seed, &[u64::MAX, number as u64, serial]);
        let point = &ROUTING_POINTS[(serial % ROUTING_POINTS.len() as u64) as usize];
        let code = point.options.get((row % point.options.len() as u64) as usize)?.code;
        let second = chance.clone().between(3, 45);
        let begin = burst.at.as_second() + (serial % u64::from(burst.seconds.max(1))).cast_signed()
            - i64::from(second);
        let line = LINE + 1 + number as u32;
        let interaction = Interaction { point, begin, line, serial, key: chance.clone().bits() };
        let option =
            interaction.row(code, second, 1, self.late, &mut Random::of(interaction.key, &[row]));
        match report {
            SimulatedReport::Diagram13 => Some(option),
            // Dated like the option, so that the whole burst is in its seconds.
            SimulatedReport::Diagram1 if point.is_voice() && row % BURST_ROWS == BURST_ROWS - 1 => {
                let mut end = option;
                end.result = call_end(option, self.late, 1.0).result;
                Some(end)
            }
            SimulatedReport::Diagram1 => None,
        }
    }
}

/// The rows of a time range, made on demand: a month needs no more memory than a minute.
#[derive(Debug)]
pub(super) struct Rows {
    traffic: Arc<Traffic>,
    report: SimulatedReport,
    first: i64,
    last: i64,
    minute: i64,
    burst: usize,
    burst_row: u64,
    ready: Vec<Row>,
    taken: usize,
}

impl Rows {
    /// Returns the next row of the bursts, which follow the ordinary traffic.
    fn next_of_burst(&mut self) -> Option<Row> {
        while let Some(burst) = self.traffic.bursts.get(self.burst) {
            let start = burst.at.as_second();
            let overlaps =
                start <= self.last && start + i64::from(burst.seconds.max(1)) > self.first;
            while overlaps && self.burst_row < burst.rows {
                let row = self.traffic.burst_row(self.report, self.burst, self.burst_row);
                self.burst_row += 1;
                if let Some(row) =
                    row.filter(|row| self.traffic.has(row, &(self.first..=self.last)))
                {
                    return Some(row);
                }
            }
            self.burst += 1;
            self.burst_row = 0;
        }
        None
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            if let Some(row) = self.ready.get(self.taken) {
                self.taken += 1;
                let mut row = *row;
                row.has_unique_option = self.traffic.unique_options;
                return Some(row);
            }
            if self.minute > self.last.div_euclid(60) {
                return self.next_of_burst();
            }
            self.ready.clear();
            self.taken = 0;
            let seconds = self.first..=self.last;
            self.traffic.minute(self.report, self.minute, &seconds, &mut self.ready);
            self.minute += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;
    use jiff::civil::{DateTime, date};
    use std::collections::HashSet;

    fn traffic(change: impl FnOnce(&mut Traffic)) -> Arc<Traffic> {
        let mut traffic = Traffic {
            seed: 7,
            chance_from: 0,
            zone: TimeZone::get("America/Bogota").unwrap(),
            scale: 1.0,
            least_load: 0.0,
            late: Late { share: 0.02, least: 120, most: 21_600 },
            unique_options: false,
            bursts: Vec::new(),
            incidents: Vec::new(),
            unanswerable: None,
            from: i64::MIN,
            until: i64::MAX,
        };
        change(&mut traffic);
        Arc::new(traffic)
    }

    fn second(local: DateTime) -> i64 {
        local.in_tz("America/Bogota").unwrap().timestamp().as_second()
    }

    fn between(traffic: &Arc<Traffic>, from: DateTime, until: DateTime) -> Vec<Row> {
        traffic.rows(second(from), second(until) - 1).collect()
    }

    fn identity(row: &Row) -> (String, i64, u32, String) {
        (row.interaction.conn_id(), row.date, row.second, row.code().into_owned())
    }

    const MONDAY: DateTime = date(2026, 1, 19).at(0, 0, 0, 0);

    #[test]
    fn the_busiest_hour_brings_about_a_row_a_second() {
        let rows = between(&traffic(|_| {}), MONDAY + 10.hours(), MONDAY + 11.hours());
        assert!((2_500..5_000).contains(&rows.len()), "{}", rows.len());
    }

    #[test]
    fn an_even_load_knows_no_night() {
        let night = |least_load| {
            between(&traffic(|t| t.least_load = least_load), MONDAY + 2.hours(), MONDAY + 3.hours())
                .len()
        };
        assert!((2_500..5_000).contains(&night(1.0)), "{}", night(1.0));
        assert!((1_000..2_500).contains(&night(0.4)), "{}", night(0.4));
        assert!(night(0.0) < 500, "{}", night(0.0));
    }

    #[test]
    fn nights_and_sundays_are_quiet_and_scale_scales() {
        let count = |scale: f64, from: DateTime| {
            between(&traffic(|t| t.scale = scale), from, from + 1.hours()).len()
        };
        let busy = count(1.0, MONDAY + 10.hours());
        assert!(count(1.0, MONDAY + 3.hours()) * 10 < busy);
        assert!(count(1.0, MONDAY - 14.hours()) * 4 < busy);
        let ten_times = count(10.0, MONDAY + 10.hours());
        assert!((busy * 8..busy * 12).contains(&ten_times));
    }

    #[test]
    fn any_cut_of_a_day_into_windows_gives_the_rows_of_the_day() {
        let traffic = traffic(|_| {});
        let mut whole: Vec<_> =
            between(&traffic, MONDAY, MONDAY + 24.hours()).iter().map(identity).collect();
        let mut pieces = Vec::new();
        for hour in 0..24 {
            let start = second(MONDAY) + hour * 3600;
            // Uneven, so that borders fall within minutes.
            for (from, until) in [(0, 7), (7, 1_234), (1_234, 3_600)] {
                pieces.extend(
                    traffic.rows(start + from, start + until - 1).map(|row| identity(&row)),
                );
            }
        }
        whole.sort();
        pieces.sort();
        assert!(whole.len() > 20_000);
        assert!(whole == pieces);
    }

    #[test]
    fn same_seed_same_rows_and_another_seed_others() {
        let rows = |seed| -> Vec<_> {
            let traffic = traffic(|t| t.seed = seed);
            between(&traffic, MONDAY + 9.hours(), MONDAY + 10.hours())
                .iter()
                .map(identity)
                .collect()
        };
        assert_eq!(rows(7), rows(7));
        assert_ne!(rows(7), rows(8));
    }

    #[test]
    fn a_test_has_the_same_rows_whenever_it_begins() {
        let rows = |days: i32, minutes: i32| -> Vec<_> {
            let begin = MONDAY + 9.hours() + days.days() + minutes.minutes();
            let traffic = traffic(|t| {
                t.least_load = 1.0;
                t.chance_from = second(begin).div_euclid(60);
            });
            let rows = between(&traffic, begin, begin + 1.hours());
            rows.iter().map(|row| (row.date - second(begin), row.code().into_owned())).collect()
        };
        assert!(rows(0, 0).len() > 1_000);
        assert_eq!(rows(0, 0), rows(2, 271));
    }

    #[test]
    fn no_row_is_dated_outside_the_interval_of_the_traffic() {
        let (from, until) = (second(MONDAY + 9.hours()), second(MONDAY + 10.hours()));
        let traffic = traffic(|t| {
            t.from = from;
            t.until = until;
            t.bursts = vec![Burst {
                at: Timestamp::from_second(until - 2).unwrap(),
                seconds: 10,
                rows: 300,
            }];
        });
        let rows: Vec<Row> = between(&traffic, MONDAY, MONDAY + 24.hours());
        assert!(rows.len() > 1_000);
        assert!(rows.iter().all(|row| (from..until).contains(&row.date)));
        assert!(
            rows.iter()
                .filter(|row| row.interaction.line == LINE)
                .all(|r| r.interaction.begin >= from)
        );
        assert_eq!(rows.iter().filter(|row| row.interaction.line != LINE).count(), 60);
    }

    #[test]
    fn a_burst_lies_in_its_second_and_every_interaction_is_another() {
        let at = Timestamp::from_second(second(MONDAY + 9.hours())).unwrap();
        let burst = Burst { at, seconds: 1, rows: 70_001 };
        let traffic = traffic(|t| {
            t.scale = 0.0;
            t.bursts = vec![burst, Burst { rows: 3, ..burst }];
        });
        let rows: Vec<Row> = traffic.rows(at.as_second(), at.as_second()).collect();
        assert_eq!(rows.len(), 70_004);
        let ids: HashSet<String> = rows.iter().map(|row| row.interaction.conn_id()).collect();
        assert_eq!(ids.len(), 23_334 + 1);
        assert_eq!(traffic.rows(at.as_second() + 1, at.as_second() + 86_400).count(), 0);
    }

    /// Rows of option 1 of point 10, and whether all others are as without the incident.
    fn of_option_1(rows: &[Row], usual: &[Row]) -> (usize, bool) {
        let is_it = |row: &&Row| row.interaction.point.id == "10" && row.code() == "1";
        let others = |rows: &[Row]| -> Vec<_> {
            rows.iter().filter(|row| !is_it(row)).map(identity).collect()
        };
        (rows.iter().filter(is_it).count(), others(rows) == others(usual))
    }

    #[test]
    fn an_incident_takes_its_share_of_one_option_while_it_lasts() {
        let at = |local| Timestamp::from_second(second(local)).unwrap();
        let usual = traffic(|_| {});
        for (left, expected) in [(0.0, 0.0..=0.0), (0.25, 0.2..=0.3), (1.0, 1.0..=1.0)] {
            let incident = OptionIncident {
                left,
                from: at(MONDAY + 9.hours()),
                until: at(MONDAY + 12.hours()),
                ..OptionIncident::of("10", "1")
            };
            let hurt = traffic(|t| t.incidents = vec![incident]);
            for (from, until, during) in [(0, 9, false), (9, 12, true), (12, 24, false)] {
                let [rows, usual] = [&hurt, &usual]
                    .map(|t| between(t, MONDAY + from.hours(), MONDAY + until.hours()));
                let (all, _) = of_option_1(&usual, &usual);
                let (some, others_go_on) = of_option_1(&rows, &usual);
                assert!(all > 500 && others_go_on, "{left}: from {from}");
                let share = some as f64 / all as f64;
                assert!(
                    if during { expected.contains(&share) } else { share == 1.0 },
                    "{left}: {share}"
                );
            }
        }
    }

    #[test]
    fn absurd_spans_end() {
        let traffic = traffic(|t| t.from = second(MONDAY));
        assert_eq!(traffic.rows(i64::MIN, second(MONDAY) - 1).count(), 0);
        assert_eq!(traffic.rows(second(MONDAY) + 9, second(MONDAY)).count(), 0);
    }
}
