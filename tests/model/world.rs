//! One report of the vendor as a plain list of rows, with its troubles.
//!
//! Owns the server's answer to a query at a moment. How the answer reaches the poller is in
//! `source`.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::json;
use wolkvox_exporter::wolkvox::{Query, ReportName};

use crate::{
    row::{Respelling, WorldRow},
    trouble::{
        Correction, Incident, IncidentKind, ServerClock, Times, Trouble, UnanswerableSecond,
        WindowFailure, is_unreadable,
    },
};

/// Start of virtual time in Unix seconds: 2026-01-18T12:00:00Z.
const START: i64 = 1_768_737_600;
/// Start of virtual time in Unix seconds, an hour before 2026-04-05T03:00:00Z, when the clock in
/// Santiago is put back to 23:00.
const FOLD_START: i64 = 1_775_354_400;
/// Seconds from the start within which rows are dated.
pub(crate) const TRAFFIC: i64 = 2 * 3600;
/// The lookback under test, in seconds.
pub(crate) const LOOKBACK: i64 = 1800;
/// The depth of the hourly re-reading under test, in seconds.
pub(crate) const HOURLY: i64 = 3 * 3600;
/// Highest lateness of a row that the hourly re-reading finds, in seconds: its depth, less the
/// hour, a window and its settling until it runs.
pub(crate) const LATEST: i64 = HOURLY - 3600 - 600;

/// Longest silence of an interaction in seconds, so long that every row comes in time, however late
/// the re-reading.
pub(crate) const PATIENT: i64 = TRAFFIC + HOURLY + 3600;
/// Longest silence of an interaction in seconds, so short that some rows come too late.
pub(crate) const IMPATIENT: i64 = 1800;

/// Distance in seconds between the other operation's rows; each is in the middle.
pub(crate) const FOREIGN_EVERY: i64 = 100;
/// Begin of the other operation's rows, in seconds from the start.
const FOREIGN_FROM: i64 = -HOURLY;
const FOREIGN_UNTIL: i64 = 12 * 3600;
/// The labels of its only option, as a scrape shows them.
pub(crate) const FOREIGN_LABELS: &str =
    "server=\"0042\",rp_id=\"77\",channel=\"voice\",cod_opc_menu=\"9\"";

#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The report of these rows.
    pub(crate) report: ReportName,
    pub(crate) rows: Vec<WorldRow>,
    /// One for each request; afterwards there are none.
    pub(crate) troubles: Vec<Trouble>,
    /// Most rows of an answer; longer ones are cut silently.
    pub(crate) cap: u64,
    /// Number of rows that it announces beyond the real ones.
    pub(crate) overstates: u64,
    /// A second of which it announces a row that it never sends.
    pub(crate) unsent: Option<i64>,
    /// Most rows of an answer, and the failure of a longer one.
    pub(crate) too_wide: Option<(u64, WindowFailure)>,
    /// Seconds without an answer, at least three seconds apart, because the narrowest span includes
    /// both its ends.
    pub(crate) unanswerable: Vec<UnanswerableSecond>,
    pub(crate) times: Times,
    /// Wrong answers about its quota, before the true ones. If empty, the quota is not requested.
    pub(crate) quota_lies: Vec<(u64, u64)>,
    /// Its clock is put back in the first hour.
    pub(crate) fold: bool,
    pub(crate) clock: ServerClock,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) corrections: Vec<Correction>,
}

impl World {
    /// Makes a first report without trouble.
    pub(crate) fn of(rows: Vec<WorldRow>) -> Self {
        Self::of_report(ReportName::Diagram13, rows)
    }

    /// Makes a second report without trouble.
    pub(crate) fn of_calls(rows: Vec<WorldRow>) -> Self {
        Self::of_report(ReportName::Diagram1, rows)
    }

    fn of_report(report: ReportName, rows: Vec<WorldRow>) -> Self {
        Self {
            report,
            rows,
            troubles: Vec::new(),
            cap: 60_000,
            overstates: 0,
            unsent: None,
            too_wide: None,
            unanswerable: Vec::new(),
            times: Times::Kept,
            quota_lies: Vec::new(),
            fold: false,
            clock: ServerClock::RIGHT,
            incidents: Vec::new(),
            corrections: Vec::new(),
        }
    }

    /// Returns its zone.
    pub(crate) fn zone(&self) -> TimeZone {
        if self.fold { TimeZone::get("America/Santiago").unwrap() } else { TimeZone::UTC }
    }

    /// Returns the start of its time.
    pub(crate) fn start(&self) -> Timestamp {
        Timestamp::from_second(if self.fold { FOLD_START } else { START }).unwrap()
    }

    /// Returns the time on its wall clock, this many seconds after the start.
    pub(crate) fn local(&self, second: i64) -> DateTime {
        self.zone().to_datetime(self.start() + SignedDuration::from_secs(second))
    }

    /// Returns the rows of an answer to this query.
    pub(crate) fn answer(&self, query: Query, now: i64) -> Vec<String> {
        let mut from = query.from;
        let mut to = query.to;
        match self.times {
            Times::Kept => {}
            Times::DayOnly => {
                from = from.date().at(0, 0, 0, 0);
                to = to.date().at(23, 59, 59, 0);
            }
            Times::Ignored => {
                from = DateTime::MIN;
                to = DateTime::MAX;
            }
        }
        let times = from..=to;
        let theirs = now + self.clock.ahead;
        if self.is_on(IncidentKind::Swapped, now) {
            return self
                .foreign_dates(theirs)
                .filter(|date| times.contains(date))
                .map(foreign)
                .collect();
        }
        let unreadable = self.is_on(IncidentKind::Unreadable, now);
        let mut rows = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let date = self.local(row.date);
            if row.visible > theirs || !times.contains(&date) {
                continue;
            }
            let json = row.json(self.report, date, &self.respellings(index, now));
            if unreadable && is_unreadable(row.conn) {
                rows.push(json.replace(&date.strftime("%Y-%m-%d %H:%M:%S").to_string(), ""));
            } else {
                rows.push(json);
            }
        }
        rows.truncate(self.cap as usize);
        rows
    }

    /// Returns the number of rows that it announces for this query beyond the `rows` that it has.
    pub(crate) fn surplus(&self, query: Query, rows: u64) -> u64 {
        let is_asked = |second| (query.from..=query.to).contains(&self.local(second));
        // An answer that announces rows and has none is a failure, and not one with too high a
        // number.
        match rows {
            0 => 0,
            _ => self.overstates + u64::from(self.unsent.is_some_and(is_asked)),
        }
    }

    fn foreign_dates(&self, theirs: i64) -> impl Iterator<Item = DateTime> {
        let first = FOREIGN_FROM + FOREIGN_EVERY / 2;
        let seconds = (first..FOREIGN_UNTIL.min(theirs - 5)).step_by(FOREIGN_EVERY as usize);
        seconds.map(|second| self.local(second))
    }

    /// Returns the number of the other operation's rows that are dated at this moment or later and
    /// could ever be visible.
    pub(crate) fn foreign_rows_since(&self, from: i64) -> usize {
        let until = self.incidents.iter().filter(|incident| incident.kind == IncidentKind::Swapped);
        let until = until.map(|incident| incident.until).max().unwrap_or(from);
        (FOREIGN_FROM + FOREIGN_EVERY / 2..until)
            .step_by(FOREIGN_EVERY as usize)
            .filter(|second| *second >= from)
            .count()
    }

    fn is_on(&self, kind: IncidentKind, now: i64) -> bool {
        self.incidents.iter().any(|incident| incident.kind == kind && incident.is_on(now))
    }

    /// Returns the changes of the spelling of one row at a moment.
    pub(crate) fn respellings(&self, index: usize, now: i64) -> Vec<Respelling> {
        let age = now + self.clock.ahead - self.rows[index].date;
        let mut respellings: Vec<Respelling> = self
            .incidents
            .iter()
            .filter(|incident| incident.is_on(now))
            .filter_map(|incident| match incident.kind {
                IncidentKind::Respelled { respelling, older_than } if age >= older_than => {
                    Some(respelling)
                }
                _ => None,
            })
            .collect();
        let corrected = self.corrections.iter().filter(|of| of.row == index && of.at <= now);
        respellings.extend(corrected.map(|correction| correction.respelling));
        respellings.sort_unstable();
        respellings.dedup();
        respellings
    }

    /// Returns the server's failure at this query, if it fails.
    pub(crate) fn failure(&self, query: Query, rows: u64, now: i64) -> Option<WindowFailure> {
        let unanswerable = self.unanswerable.iter().find(|one| {
            now < one.until && (query.from..=query.to).contains(&self.local(one.second))
        });
        let too_wide = self.too_wide.filter(|(most, _)| rows > *most);
        unanswerable.map(|one| one.failure).or(too_wide.map(|(_, failure)| failure))
    }
}

fn foreign(date: DateTime) -> String {
    json!({
        "rp_id": "77", "conn_id": format!("9.{}", date.strftime("%H%M%S")),
        "customer_id": "900", "telephone": "300",
        "channel": "voice", "attempt": "1",
        "date": date.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        "second_event": "3", "cod_opc_menu": "9",
    })
    .to_string()
}
