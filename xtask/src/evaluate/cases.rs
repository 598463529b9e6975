//! Kinds of incidents and of harmless changes, each in small operations of its own and with a row
//! of the table.
//!
//! Owns the cases, the alerts that each should raise, and their counts. It must not know how the
//! detector works.

use std::{fmt::Write as _, ops::Range};

use super::{
    chance::Chance,
    in_parallel,
    paths::{self, CODES, Noise, Point, ROOTS},
    play::{ABANDONMENT, COLLAPSE, DROP_OFF, Episode, HANG_UP, NO_INPUT, Played, SURGE, play},
    report::{percent, quantile, whole},
    scale::{DAY, HISTORY, HOUR},
    tally::minutes,
};

/// A kind of incident or harmless change.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    Calm,
    /// Interactions in clumps.
    Clumps,
    /// Interactions in clumps, and twice the noise.
    Rough,
    /// Three quiet days. If `shut`, every second routing point that is not always open is closed.
    Holiday {
        announced: bool,
        shut: bool,
    },
    /// A fall of whole routing points, of which the share `left` remains.
    Outage {
        left: f32,
        steps: usize,
    },
    /// A fall of one root of each routing point.
    Fall {
        left: f32,
        steps: usize,
        largest: bool,
    },
    /// A fall of a root that had already fallen in the weeks before.
    AfterFall,
    /// Double the hits of a root in two of the four weeks of history.
    SpoiltWeeks,
    Renamed,
    /// A root is removed, and its followers with it.
    Removed,
    Surge,
    Campaign,
    /// The share `left` of those who usually go on still do; without it, 70 % of all end there.
    Abandonment {
        left: Option<f32>,
    },
    NoInput,
    HangUps,
    /// Late rows of all routing points, or of the first one.
    Lag {
        all: bool,
    },
    /// Late rows of agents.
    SlowAgents,
}

/// A case and the operations in which it is simulated.
struct Row {
    title: &'static str,
    case: Case,
    /// Number of routing points.
    points: usize,
    /// Lowest and highest number of interactions of a routing point in its busiest hour.
    rates: (f64, f64),
    /// Days that are judged.
    days: usize,
}

const LARGE: (f64, f64) = (120.0, 500.0);
const BUSY: (f64, f64) = (400.0, 900.0);
const MIXED: (f64, f64) = (30.0, 500.0);

const fn row(
    title: &'static str,
    case: Case,
    points: usize,
    rates: (f64, f64),
    days: usize,
) -> Row {
    Row { title, case, points, rates, days }
}

const ROWS: [Row; 32] = [
    row("nothing", Case::Calm, 7, MIXED, 14),
    row("nothing, one point", Case::Calm, 1, LARGE, 14),
    row("nothing, in clumps", Case::Clumps, 7, MIXED, 14),
    row("nothing, clumps and twice the noise", Case::Rough, 7, MIXED, 14),
    row("holidays, not announced", Case::Holiday { announced: false, shut: false }, 7, MIXED, 10),
    row("holidays, announced", Case::Holiday { announced: true, shut: false }, 7, MIXED, 10),
    row("the same, one point", Case::Holiday { announced: false, shut: false }, 1, LARGE, 10),
    row(
        "the same, one point, announced",
        Case::Holiday { announced: true, shut: false },
        1,
        LARGE,
        10,
    ),
    row("holidays, offices shut", Case::Holiday { announced: false, shut: true }, 7, MIXED, 10),
    row("the same, announced", Case::Holiday { announced: true, shut: true }, 7, MIXED, 10),
    row("point to zero, 6 h", Case::Outage { left: 0.0, steps: 72 }, 7, MIXED, 2),
    row("one point to zero, 6 h", Case::Outage { left: 0.0, steps: 72 }, 1, LARGE, 2),
    row("point to zero, 3 days", Case::Outage { left: 0.0, steps: 3 * DAY }, 7, MIXED, 5),
    row("point to 40 %, 1 h", Case::Outage { left: 0.4, steps: 12 }, 7, LARGE, 2),
    row("option to zero, 6 h", Case::Fall { left: 0.0, steps: 72, largest: false }, 7, MIXED, 2),
    row(
        "option to zero, 5 days",
        Case::Fall { left: 0.0, steps: 5 * DAY, largest: false },
        7,
        MIXED,
        7,
    ),
    row(
        "largest of one point to zero",
        Case::Fall { left: 0.0, steps: 96, largest: true },
        1,
        LARGE,
        2,
    ),
    row(
        "largest of one point to 40 %",
        Case::Fall { left: 0.4, steps: 96, largest: true },
        1,
        LARGE,
        2,
    ),
    row("option to 40 %, 8 h", Case::Fall { left: 0.4, steps: 96, largest: false }, 7, LARGE, 2),
    row("to 40 % after five days out", Case::AfterFall, 7, LARGE, 2),
    row("two weeks of four were double", Case::SpoiltWeeks, 7, MIXED, 5),
    row("option renamed", Case::Renamed, 7, MIXED, 10),
    row("option and its sub-options removed", Case::Removed, 7, MIXED, 10),
    row("surge x 3", Case::Surge, 7, LARGE, 2),
    row("campaign x 4, 1 h", Case::Campaign, 7, LARGE, 2),
    row("abandonment 70 %", Case::Abandonment { left: None }, 7, LARGE, 2),
    row("70 % of those leave who went on", Case::Abandonment { left: Some(0.3) }, 7, LARGE, 2),
    row("no input x 3", Case::NoInput, 7, LARGE, 2),
    row("hang-ups x 3, 1 h", Case::HangUps, 7, BUSY, 2),
    row("rows of all points 20 to 60 min late", Case::Lag { all: true }, 7, MIXED, 2),
    row("rows of one point 20 to 60 min late", Case::Lag { all: false }, 7, MIXED, 2),
    row("agents' rows 5 to 15 min late", Case::SlowAgents, 7, MIXED, 3),
];

/// An incident that should raise an alert.
struct Trouble {
    /// The expected alert: an anomaly and the number of its option or routing point.
    alert: (usize, usize),
    /// Number of the routing point.
    point: usize,
    steps: Range<usize>,
}

impl Trouble {
    /// Returns true if an episode is the expected alert.
    fn is_alerted_by(&self, one: &Episode) -> bool {
        self.alert == (one.anomaly, one.of) && self.overlaps(one)
    }

    /// Returns true if an episode is in the time of the incident or the half day after it.
    fn overlaps(&self, one: &Episode) -> bool {
        one.last >= self.steps.start && one.first < self.steps.end + DAY / 2
    }
}

/// The counts of one operation, or of all operations of a row.
#[derive(Default)]
struct Count {
    point_days: f64,
    troubles: usize,
    /// Minutes until the alert of each trouble that is reported in time.
    delays: Vec<f64>,
    /// Troubles that are reported in time or late.
    reported: usize,
    /// Alerts of troubles.
    notifications: usize,
    /// Minutes from the end of each trouble that is reported in time to the end of its last alert.
    resolved: Vec<f64>,
    /// Collapses that are no alerts of a trouble.
    collapses: usize,
    /// Other such alerts.
    others: usize,
    /// The highest score that is not above the limit.
    highest: f64,
    /// Descriptions of all alerts but the expected ones.
    list: Vec<String>,
}

/// Returns the table of all cases, or of those whose title contains `only`, with `rounds`
/// operations each. The second value is false if a case has too many alerts.
pub(crate) fn table(
    rounds: usize,
    seed: u64,
    only: Option<&str>,
    list: bool,
    threads: usize,
) -> (String, bool) {
    let rows: Vec<&Row> =
        ROWS.iter().filter(|row| only.is_none_or(|only| row.title.contains(only))).collect();
    let mut counts = in_parallel(rows.len() * rounds, threads, |number| {
        operation(rows[number / rounds], seed + (number % rounds) as u64)
    })
    .into_iter();
    let mut out = "## Cases\n\n| case | point-days | n | told in 8 h (rises 2 h, surges 1 h) | median min | alerts each | resolved after, median, p90 min | \
                   collapses for nothing | other alerts | highest other score |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut kept = true;
    for row in rows {
        let mut sum = Count::default();
        counts.by_ref().take(rounds).for_each(|count| sum.add(count));
        kept &= sum.is_kept(row.case);
        let _ = writeln!(out, "{}", sum.line(row.title));
        if list {
            for line in &sum.list {
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    (out, kept)
}

/// Simulates one operation of a case.
fn operation(row: &Row, seed: u64) -> Count {
    let mut chance = Chance::new(seed * 1000 + row.title.len() as u64);
    let steps = HISTORY + row.days * DAY;
    let mut points: Vec<Point> = (0..row.points)
        .map(|number| {
            let rate = chance.between(row.rates.0.ln(), row.rates.1.ln()).exp();
            Point::new(rate, number % 3 == 2, steps)
        })
        .collect();
    let (troubles, holidays) = put(row, &mut points, &mut chance);
    let noise = match row.case {
        Case::Clumps => {
            Noise { day: 0.1, hour: 0.05, own: 0.04, dispersion: 2.5, slow_agents: false }
        }
        Case::Rough => {
            Noise { day: 0.2, hour: 0.1, own: 0.08, dispersion: 1.8, slow_agents: false }
        }
        case => Noise {
            day: 0.1,
            hour: 0.05,
            own: 0.04,
            dispersion: 1.0,
            slow_agents: case == Case::SlowAgents,
        },
    };
    let operation = paths::operation(&points, noise, &mut chance);
    let played = play(&operation, 1.0, &holidays);
    let mut count = count(&played, &troubles, operation.options.len() / row.points);
    count.point_days = (row.points * row.days) as f64;
    count
}

/// Puts a case into an operation. Returns the incidents, and the days that are announced as
/// holidays.
fn put(row: &Row, points: &mut [Point], chance: &mut Chance) -> (Vec<Trouble>, Vec<usize>) {
    let steps = HISTORY + row.days * DAY;
    let per_point = CODES.len() + usize::from(row.case == Case::Renamed);
    let mut troubles = Vec::new();
    let mut holidays = Vec::new();
    for (number, point) in points.iter_mut().enumerate() {
        let begin = HISTORY + 96 + chance.below(48);
        let first_option = number * per_point;
        match row.case {
            Case::Calm | Case::Clumps | Case::Rough | Case::SlowAgents => {}
            Case::Holiday { shut, .. } => {
                for day in [1, 4, 8].map(|day| HISTORY / DAY + day) {
                    let left = if shut && !point.always_open && number % 2 == 0 {
                        0.0
                    } else if shut {
                        0.5
                    } else {
                        0.3
                    };
                    point.level[day * DAY..(day + 1) * DAY].fill(left);
                    holidays.push(day);
                }
            }
            Case::Outage { left, steps: lasts } if number % 3 == 0 => {
                point.level[begin..begin + lasts].fill(left);
                troubles.push(trouble((COLLAPSE, number), number, begin..begin + lasts));
            }
            Case::Fall { left, steps: lasts, largest } => {
                let root = if largest { 0 } else { chance.below(3) };
                let option = first_option + root;
                if point.hourly(root, begin) >= 15.0 {
                    point.roots[root][begin..begin + lasts].fill(left);
                    troubles.push(trouble((DROP_OFF, option), number, begin..begin + lasts));
                }
            }
            Case::AfterFall => {
                // No hits for five days, until about ten days before the fall.
                let out = HISTORY - 15 * DAY + 100;
                point.roots[1][out..out + 5 * DAY].fill(0.0);
                point.roots[1][begin..begin + 96].fill(0.4);
                if point.hourly(1, begin) >= 30.0 {
                    troubles.push(trouble((DROP_OFF, first_option + 1), number, begin..begin + 96));
                }
            }
            Case::SpoiltWeeks => {
                for week in [1, 3] {
                    let from = HISTORY - week * 7 * DAY;
                    point.roots[1][from..from + 5 * DAY].fill(2.0);
                }
            }
            Case::Renamed => {
                point.renamed = Some(if number % 3 == 0 { begin } else { steps });
                if number % 3 == 0 {
                    troubles.push(trouble((DROP_OFF, first_option), number, begin..steps));
                }
            }
            Case::Removed if number % 3 == 0 => {
                point.roots[0][begin..].fill(0.0);
                troubles.push(trouble((DROP_OFF, first_option), number, begin..steps));
            }
            Case::Surge | Case::Campaign if number % 2 == 0 => {
                let root = chance.below(4);
                let option = first_option + root;
                let (times, lasts) =
                    if row.case == Case::Surge { (3.0, 2 * HOUR) } else { (4.0, HOUR) };
                if point.hourly(root, begin) >= 15.0 {
                    point.roots[root][begin..begin + lasts].fill(times);
                    troubles.push(trouble((SURGE, option), number, begin..begin + lasts));
                }
            }
            Case::Abandonment { left } if number % 2 == 0 => {
                let root = chance.below(3);
                let option = first_option + root;
                // Share that usually goes on from each root.
                let usual: f32 = [0.63, 0.6, 0.5][root];
                point.goes_on[root][begin..begin + 48].fill(left.unwrap_or(0.3 / usual));
                if point.hourly(root, begin) >= 15.0 {
                    troubles.push(trouble((ABANDONMENT, option), number, begin..begin + 48));
                }
            }
            Case::HangUps if number % 2 == 0 => {
                let root = chance.below(2);
                let option = first_option + root;
                // With fewer calls, chance could explain the rise.
                if point.hourly(root, begin) >= 100.0 {
                    point.hang_ups[root][begin..begin + HOUR].fill(3.0);
                    troubles.push(trouble((HANG_UP, option), number, begin..begin + HOUR));
                }
            }
            Case::NoInput if number % 2 == 0 => {
                point.roots[paths::NO_INPUT][begin..begin + 24].fill(3.0);
                troubles.push(trouble((NO_INPUT, number), number, begin..begin + 24));
            }
            Case::Lag { all } if all || number == 0 => {
                // For two hours, rows come 20 minutes late, and on the next day an hour late.
                for (day, lag) in [(0, 4), (1, 12)] {
                    let from = HISTORY + day * DAY + 120;
                    point.lag[from..from + 24].fill(lag);
                }
            }
            _ => {}
        }
    }
    if !matches!(row.case, Case::Holiday { announced: true, .. }) {
        holidays.clear();
    }
    (troubles, holidays)
}

fn trouble(alert: (usize, usize), point: usize, steps: Range<usize>) -> Trouble {
    Trouble { alert, point, steps }
}

/// Counts the alerts of an operation with `per_point` options in each routing point.
fn count(played: &Played, troubles: &[Trouble], per_point: usize) -> Count {
    let mut count = Count { troubles: troubles.len(), highest: played.highest, ..Count::default() };
    for trouble in troubles {
        let own: Vec<&Episode> =
            played.episodes.iter().filter(|one| trouble.is_alerted_by(one)).collect();
        count.reported += usize::from(!own.is_empty());
        count.notifications += own.len();
        let in_time = match trouble.alert.0 {
            DROP_OFF | COLLAPSE => 8 * HOUR,
            SURGE => HOUR,
            _ => 2 * HOUR,
        };
        let Range { start, end } = trouble.steps;
        if let Some(first) = own.iter().find(|one| one.first < start + in_time) {
            count.delays.push(minutes(first.first, start as f64));
            let last = own.iter().map(|one| one.last + one.keep()).max().unwrap_or(0);
            count.resolved.push((last + 1) as f64 * 5.0 - end as f64 * 5.0);
        }
        // Other alerts of the routing point. They are also counted and listed below.
        for one in played.episodes.iter().filter(|one| trouble.overlaps(one)) {
            let point = if one.anomaly < COLLAPSE { one.of / per_point } else { one.of };
            if point == trouble.point && !trouble.is_alerted_by(one) {
                count.list.push(format!("beside: {one:?} of {start}..{end}"));
            }
        }
    }
    for one in &played.episodes {
        if !troubles.iter().any(|trouble| trouble.is_alerted_by(one)) {
            count.collapses += usize::from(one.anomaly == COLLAPSE);
            count.others += usize::from(one.anomaly != COLLAPSE);
            count.list.push(format!("{one:?}"));
        }
    }
    count
}

impl Count {
    fn add(&mut self, other: Self) {
        self.point_days += other.point_days;
        self.troubles += other.troubles;
        self.delays.extend(other.delays);
        self.notifications += other.notifications;
        self.reported += other.reported;
        self.resolved.extend(other.resolved);
        self.collapses += other.collapses;
        self.others += other.others;
        self.highest = self.highest.max(other.highest);
        self.list.extend(other.list);
    }

    /// Returns true if collapses without a cause are rare, and most troubles raise one alert each.
    /// A few more are allowed as chance. Whether alerts are in time is not judged.
    fn is_kept(&self, case: Case) -> bool {
        // A collapse of one routing point cannot be distinguished from its rows being late.
        let collapses = case == Case::Lag { all: false }
            || self.collapses as f64 <= 1.0 + self.point_days / 300.0;
        collapses && self.notifications as f64 <= 1.5 * self.reported as f64 + 1.0
    }

    fn line(&self, title: &str) -> String {
        let mut delays = self.delays.clone();
        delays.sort_unstable_by(f64::total_cmp);
        let mut resolved = self.resolved.clone();
        resolved.sort_unstable_by(f64::total_cmp);
        let n = self.troubles;
        let in_time = delays.len();
        let each = match self.reported {
            0 => "-".to_owned(),
            reported => format!("{:.1}", self.notifications as f64 / reported as f64),
        };
        format!(
            "| {title} | {:.0} | {n} | {} | {} | {each} | {}, {} | {} | {} | {:.2} |",
            self.point_days,
            percent(in_time, n),
            whole(quantile(&delays, n, 0.5)),
            whole(quantile(&resolved, in_time, 0.5)),
            whole(quantile(&resolved, in_time, 0.9)),
            self.collapses,
            self.others,
            self.highest,
        )
    }
}

const _: () = assert!(ROOTS < CODES.len());
