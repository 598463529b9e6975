//! Kinds of trouble and of innocent change, each in small operations of its own: one row of a table
//! for each.
//!
//! Owns the cases, what each of them should raise, and what is counted of it. Must not know how the
//! detector works.

use std::fmt::Write as _;

use super::{
    chance::Chance,
    paths::{self, CODES, Point, ROOTS, Unrest},
    play::{COLLAPSE, Episode, HANG_UP, NO_INPUT, Told, play},
    scale::{DAY, HISTORY, STEP},
};

/// What is put into an operation.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    Calm,
    Clumps,
    Rough,
    Holiday {
        announced: bool,
        shut: bool,
    },
    Outage {
        left: f32,
        steps: usize,
    },
    Fall {
        left: f32,
        steps: usize,
        largest: bool,
    },
    AfterFall,
    SpoiltWeeks,
    Renamed,
    Removed,
    Surge,
    Campaign,
    /// Share of those who usually go on that still does; without one, 70 % of all leave.
    Abandonment {
        left: Option<f32>,
    },
    NoInput,
    HangUps,
    Lag {
        all: bool,
    },
    SlowAgents,
}

/// A case and the operations in which it is tried.
struct Row {
    title: &'static str,
    case: Case,
    points: usize,
    /// Interactions of a point in its busiest hour.
    rates: (f64, f64),
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

const ROWS: [Row; 30] = [
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
];

const LATE_ROWS: [Row; 2] = [
    row("rows of one point 20 to 60 min late", Case::Lag { all: false }, 7, MIXED, 2),
    row("agents' rows 5 to 15 min late", Case::SlowAgents, 7, MIXED, 3),
];

/// Something that should be told.
struct Trouble {
    /// Any of these alerts tells it.
    alerts: Vec<(usize, usize)>,
    /// Options and points of which nothing else should be told meanwhile.
    point: usize,
    from: usize,
    to: usize,
}

/// What came of all operations of a row.
#[derive(Default)]
struct Count {
    point_days: f64,
    troubles: usize,
    delays: Vec<f64>,
    /// Troubles that were told, in time or late.
    told_ever: usize,
    notifications: usize,
    resolved: Vec<f64>,
    collapses: usize,
    others: usize,
    highest: f64,
    words: Vec<String>,
}

/// The table of all cases, of so many operations each.
pub(crate) fn table(
    rounds: usize,
    seed: u64,
    only: Option<&str>,
    list: bool,
    threads: usize,
) -> (String, bool) {
    let rows: Vec<&Row> = ROWS
        .iter()
        .chain(&LATE_ROWS)
        .filter(|row| only.is_none_or(|only| row.title.contains(only)))
        .collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let counts: Vec<std::sync::Mutex<Count>> = rows.iter().map(|_| Default::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(row) = rows.get(at / rounds) else { break };
                    let one = operation(row, seed + (at % rounds) as u64);
                    if let Ok(mut sum) = counts[at / rounds].lock() {
                        sum.add(one);
                    }
                }
            });
        }
    });
    let mut out = "## Cases\n\n| case | point-days | n | told in 8 h (rises 2 h) | median min | alerts each | resolved after, median, p90 min | \
                   collapses for nothing | other alerts | highest other score |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut kept = true;
    for (row, count) in rows.iter().zip(counts) {
        let count = count.into_inner().unwrap_or_default();
        kept &= count.is_kept(row.case);
        let _ = writeln!(out, "{}", count.line(row.title));
        if list {
            count.words.iter().for_each(|words| {
                let _ = writeln!(out, "    {words}");
            });
        }
    }
    (out, kept)
}

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
    let unrest = match row.case {
        Case::Clumps => Unrest { day: 0.1, hour: 0.05, own: 0.04, clumps: 2.5, slow_agents: false },
        Case::Rough => Unrest { day: 0.2, hour: 0.1, own: 0.08, clumps: 1.8, slow_agents: false },
        case => Unrest {
            day: 0.1,
            hour: 0.05,
            own: 0.04,
            clumps: 1.0,
            slow_agents: case == Case::SlowAgents,
        },
    };
    let operation = paths::operation(&points, unrest, &mut chance);
    let told = play(&operation, 1.0, &holidays);
    let mut count = count(&told, &troubles, operation.options.len() / row.points);
    count.point_days = (row.points * row.days) as f64;
    count
}

/// Puts a case into an operation: what should be told, and the days that are announced.
fn put(row: &Row, points: &mut [Point], chance: &mut Chance) -> (Vec<Trouble>, Vec<usize>) {
    let steps = HISTORY + row.days * DAY;
    let per_point = CODES.len() + usize::from(row.case == Case::Renamed);
    let mut troubles = Vec::new();
    let mut holidays = Vec::new();
    for (number, point) in points.iter_mut().enumerate() {
        let begin = HISTORY + 96 + chance.below(48);
        let own = |root: usize| number * per_point + root;
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
                troubles.push(Trouble {
                    alerts: vec![(COLLAPSE, number)],
                    point: number,
                    from: begin,
                    to: begin + lasts,
                });
            }
            Case::Fall { left, steps: lasts, largest } => {
                let root = if largest { 0 } else { chance.below(3) };
                if point.hourly(root, begin) >= 15.0 {
                    point.roots[root][begin..begin + lasts].fill(left);
                    troubles.push(fall(own(root), number, begin, begin + lasts));
                }
            }
            Case::AfterFall => {
                // Out for five days, ten days before another fall.
                let out = HISTORY - 15 * DAY + 100;
                point.roots[1][out..out + 5 * DAY].fill(0.0);
                point.roots[1][begin..begin + 96].fill(0.4);
                if point.hourly(1, begin) >= 30.0 {
                    troubles.push(fall(own(1), number, begin, begin + 96));
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
                    troubles.push(fall(own(0), number, begin, steps));
                }
            }
            Case::Removed if number % 3 == 0 => {
                point.roots[0][begin..].fill(0.0);
                troubles.push(fall(own(0), number, begin, steps));
            }
            Case::Surge | Case::Campaign if number % 2 == 0 => {
                let root = chance.below(4);
                let (times, lasts) = if row.case == Case::Surge { (3.0, 24) } else { (4.0, 12) };
                if point.hourly(root, begin) >= 15.0 {
                    point.roots[root][begin..begin + lasts].fill(times);
                    troubles.push(Trouble {
                        alerts: vec![(1, own(root))],
                        point: number,
                        from: begin,
                        to: begin + lasts,
                    });
                }
            }
            Case::Abandonment { left } if number % 2 == 0 => {
                let root = chance.below(3);
                // Usually 63, 60 and 50 % go on.
                let usual: f32 = [0.63, 0.6, 0.5][root];
                point.goes_on[root][begin..begin + 48].fill(left.unwrap_or(0.3 / usual));
                if point.hourly(root, begin) >= 15.0 {
                    troubles.push(Trouble {
                        alerts: vec![(2, own(root))],
                        point: number,
                        from: begin,
                        to: begin + 48,
                    });
                }
            }
            Case::HangUps if number % 2 == 0 => {
                let root = chance.below(2);
                // With fewer calls in that hour it might be chance.
                if point.hourly(root, begin) >= 100.0 {
                    point.hang_ups[root][begin..begin + 12].fill(3.0);
                    troubles.push(Trouble {
                        alerts: vec![(HANG_UP, own(root))],
                        point: number,
                        from: begin,
                        to: begin + 12,
                    });
                }
            }
            Case::NoInput if number % 2 == 0 => {
                point.roots[paths::NO_INPUT][begin..begin + 24].fill(3.0);
                troubles.push(Trouble {
                    alerts: vec![(NO_INPUT, number)],
                    point: number,
                    from: begin,
                    to: begin + 24,
                });
            }
            Case::Lag { all } if all || number == 0 => {
                // The report stands still and goes on, as all rows of the time come at once or row
                // by row.
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

/// An option that falls; of its followers nothing should be told.
fn fall(option: usize, point: usize, from: usize, to: usize) -> Trouble {
    Trouble { alerts: vec![(0, option)], point, from, to }
}

fn count(told: &Told, troubles: &[Trouble], per_point: usize) -> Count {
    let mut count = Count { troubles: troubles.len(), ..Count::default() };
    let point_of = |one: &Episode| if one.anomaly < COLLAPSE { one.of / per_point } else { one.of };
    let mut of_troubles = vec![false; told.episodes.len()];
    for trouble in troubles {
        let is = |one: &Episode| trouble.alerts.contains(&(one.anomaly, one.of));
        let near = |one: &Episode| one.last >= trouble.from && one.first < trouble.to + DAY / 2;
        let own: Vec<&Episode> = told.episodes.iter().filter(|one| is(one) && near(one)).collect();
        count.told_ever += usize::from(!own.is_empty());
        let within =
            if trouble.alerts[0].0 == 0 || trouble.alerts[0].0 == COLLAPSE { 96 } else { 24 };
        if let Some(first) = own.iter().find(|one| one.first < trouble.from + within) {
            count.delays.push((first.first + 1 - trouble.from) as f64 * STEP as f64 / 60.0 + 3.0);
            let last = own.iter().map(|one| one.last + one.keep()).max().unwrap_or(0);
            count.resolved.push((last + 1) as f64 * 5.0 - trouble.to as f64 * 5.0);
        }
        for (at, one) in told.episodes.iter().enumerate() {
            if is(one) && near(one) {
                count.notifications += 1;
                of_troubles[at] = true;
            }
            // What else is told of the point is one message more, but no false alarm.
            let beside = point_of(one) == trouble.point && near(one) && !is(one);
            if beside {
                count.words.push(format!("beside: {one:?} of {}..{}", trouble.from, trouble.to));
            }
        }
    }
    for (one, of_trouble) in told.episodes.iter().zip(of_troubles) {
        if of_trouble {
            continue;
        }
        count.collapses += usize::from(one.anomaly == COLLAPSE);
        count.others += usize::from(one.anomaly != COLLAPSE);
        count.words.push(format!("{one:?}"));
    }
    count.highest = told.highest;
    count
}

impl Count {
    fn add(&mut self, other: Self) {
        self.point_days += other.point_days;
        self.troubles += other.troubles;
        self.delays.extend(other.delays);
        self.notifications += other.notifications;
        self.told_ever += other.told_ever;
        self.resolved.extend(other.resolved);
        self.collapses += other.collapses;
        self.others += other.others;
        self.highest = self.highest.max(other.highest);
        self.words.extend(other.words);
    }

    /// Whether nobody is woken for nothing, and once for each trouble. Of few operations, only what
    /// chance cannot have made is a miss.
    fn is_kept(&self, case: Case) -> bool {
        // A single routing point that falls silent is not told from one whose rows are late.
        let collapses = case == Case::Lag { all: false }
            || self.collapses as f64 <= 1.0 + self.point_days / 300.0;
        // In time or late: that is for the table to say.
        let told = self.told_ever as f64;
        collapses && self.notifications as f64 <= 1.5 * told + 1.0
    }

    fn line(&self, title: &str) -> String {
        let quantile = |values: &[f64], of: usize, part: f64| {
            let mut values = values.to_vec();
            values.resize(of, f64::INFINITY);
            values.sort_unstable_by(f64::total_cmp);
            let at = (of.saturating_sub(1) as f64 * part).round() as usize;
            values
                .get(at)
                .filter(|one| one.is_finite())
                .map_or("-".to_owned(), |one| format!("{one:.0}"))
        };
        let (told, n) = (self.delays.len(), self.troubles);
        let ever = self.told_ever;
        let share = if n == 0 {
            "-".to_owned()
        } else {
            format!("{:.0} %", 100.0 * told as f64 / n as f64)
        };
        let each = if ever == 0 {
            "-".to_owned()
        } else {
            format!("{:.1}", self.notifications as f64 / ever as f64)
        };
        format!(
            "| {title} | {:.0} | {n} | {share} | {} | {each} | {}, {} | {} | {} | {:.2} |",
            self.point_days,
            quantile(&self.delays, n, 0.5),
            quantile(&self.resolved, told, 0.5),
            quantile(&self.resolved, told, 0.9),
            self.collapses,
            self.others,
            self.highest,
        )
    }
}

const _: () = assert!(ROOTS < CODES.len());
