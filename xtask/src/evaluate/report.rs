//! Owns the verdict: which incidents were caught, when, and what fired for nothing. Must not change what was measured.

use std::fmt::Write as _;

use super::cusum;
use super::firing::{FAST, Found, HALF, LAG, POINT, SLOW, STATIC, SURGE, of_point};
use super::world::{BEGIN, DAY, HISTORY, Incident, Kind, LASTS, Operation, STEP};

/// Steps after an outage in which its end may still be told.
const AFTER: usize = 6;

const KINDS: [(&str, Kind); 7] = [
    ("to zero", Kind::To(0)),
    ("renamed", Kind::Renamed),
    ("to 10 %", Kind::To(10)),
    ("to 40 %", Kind::To(40)),
    ("to 60 %", Kind::To(60)),
    ("decay over 6 h", Kind::Decay),
    ("surge to 300 %", Kind::To(300)),
];
/// Expected hits an hour.
const SIZES: [(&str, f64, f64); 4] =
    [("60 and more", 60.0, 1e9), ("15 to 60", 15.0, 60.0), ("5 to 15", 5.0, 15.0), ("1 to 5", 1.0, 5.0)];

/// The tables.
pub fn report(operations: &[Operation], found: &Found, weeks: usize) -> String {
    let (calm, hurt): (Vec<&Operation>, Vec<&Operation>) =
        operations.iter().partition(|one| one.incidents.is_empty());
    let months = months(&calm, weeks);
    let (mut out, drops) = false_alarms(&calm, found, months);
    out.push_str(&beside_incidents(&hurt, found));
    let limit = cusum::tune(&calm, drops.max((months.floor() as usize).max(1)));
    let _ = writeln!(
        out,
        "\nThe CUSUM's limit, tuned to as many false alarms as the drop-off alerts: {limit:.1}\n"
    );
    out.push_str(&incidents(&hurt, found, limit));
    out.push_str(&outages(&calm, found));
    out.push_str(&removed(&calm, found));
    out
}

/// Times 100 options and 30 days.
fn months(operations: &[&Operation], weeks: usize) -> f64 {
    let options: f64 = operations.iter().map(|one| one.options.len() as f64).sum();
    options / 100.0 * (weeks * 7) as f64 / 30.0
}

/// Why a firing in a calm operation is none that is false.
fn excused(operation: &Operation, name: &str, what: &str, at: i64) -> bool {
    let step = ((at - BEGIN) / STEP) as usize;
    let outage = |(point, start, end): &(usize, usize, usize)| {
        name == POINT && point.to_string() == what && (*start..=end + AFTER).contains(&step)
    };
    let gone = |(option, since): &(usize, usize)| {
        [FAST, SLOW, HALF, STATIC].contains(&name)
            && operation.options[*option].code == what
            && step >= *since
    };
    operation.outages.iter().any(outage) || operation.removed.iter().any(gone)
}

/// The table of what fired in calm operations, each of them with its moment, and how many were drop-offs.
fn false_alarms(calm: &[&Operation], found: &Found, months: f64) -> (String, usize) {
    let (mut out, mut list, mut all, mut drops) = (String::new(), String::new(), 0, 0);
    let _ =
        writeln!(out, "False alarms per 100 options and 30 days ({months:.2} such months were simulated)\n");
    let _ = writeln!(out, "| alert | episodes | per 100 options and 30 days |\n| --- | --- | --- |");
    for (name, firing) in &found.0 {
        let mut count = 0;
        for operation in calm {
            for ((server, what), stretches) in firing {
                for (at, last) in stretches.iter().filter(|_| *server == operation.server) {
                    if excused(operation, name, what, *at) {
                        continue;
                    }
                    count += 1;
                    if name.starts_with("Wolkvox") {
                        let (day, minutes) =
                            ((at - BEGIN) as f64 / 86400.0 - (HISTORY / DAY) as f64, (last - at) / 60);
                        let _ = writeln!(
                            list,
                            "- {name}: {server}, {} {what}, on day {day:.2}, for {minutes} minutes",
                            if of_point(name) { "routing point" } else { "option" }
                        );
                    }
                }
            }
        }
        all += if name.starts_with("Wolkvox") && name != POINT { count } else { 0 };
        drops += if [FAST, SLOW].contains(&name.as_str()) { count } else { 0 };
        let _ = writeln!(out, "| {name} | {count} | {:.2} |", count as f64 / months);
    }
    let _ = writeln!(
        out,
        "| all of ours, without {POINT}, which is of no option | {all} | {:.2} |\n\nEach of them:\n\n{list}",
        all as f64 / months
    );
    (out, drops)
}

/// What fired in operations with incidents, at options that had none.
fn beside_incidents(hurt: &[&Operation], found: &Found) -> String {
    let mut out = format!(
        "\nBeside incidents, at the other options of their operations ({:.2} months of 100 options):\n\n",
        months(hurt, 1)
    );
    for (name, firing) in found.0.iter().filter(|(name, _)| name.starts_with("Wolkvox")) {
        let mut count = 0;
        for operation in hurt {
            let own =
                |what: &str| {
                    let mut with = operation.incidents.iter().map(|one| &operation.options[one.option]);
                    with.any(|option| {
                        if of_point(name) { option.point.to_string() == what } else { option.code == what }
                    })
                };
            let others = |(server, what): &(String, String)| *server == operation.server && !own(what);
            count += firing.iter().filter(|(key, _)| others(key)).map(|(_, one)| one.len()).sum::<usize>();
        }
        let _ = writeln!(out, "- {name}: {count}");
    }
    out
}

/// How long each incident went unnoticed, in minutes, by ours, the CUSUM, and the two usual rules.
fn delays(operation: &Operation, found: &Found, incident: &Incident, limit: f64) -> [Option<f64>; 4] {
    let (server, option) = (&operation.server, &operation.options[incident.option]);
    let delay = |name: &str, what: &str| found.delay(&[name], server, what, incident.start, LASTS);
    let of_option = |name: &str| delay(name, &option.code);
    if incident.kind == Kind::To(300) {
        return [of_option(SURGE), None, None, None];
    }
    // An option that is most of its routing point takes it down with it: that alert is the one that is sent then.
    let ours = [of_option(FAST), of_option(SLOW), delay(POINT, &option.point.to_string())];
    let from = incident.start as usize;
    let alarms = cusum::alarms(operation, incident.option, limit, HISTORY, from + LASTS);
    let first = alarms.into_iter().find(|step| *step >= from);
    let minutes = |step: usize| ((step as f64 + 1.0 - incident.start) * STEP as f64 + LAG) / 60.0;
    [
        ours.into_iter().flatten().min_by(f64::total_cmp),
        first.map(minutes),
        of_option(HALF),
        of_option(STATIC),
    ]
}

/// The table of incidents.
fn incidents(hurt: &[&Operation], found: &Found, limit: f64) -> String {
    let mut out = String::from(
        "| incident | expected hits an hour | n | caught in 8 h | in 2 h | median min | p90 min | CUSUM caught | median | p90 | \
         ours / CUSUM | half of last week: caught | median | under 5: caught | median |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (title, kind) in KINDS {
        for (size, low, high) in SIZES {
            let mut columns: [Vec<Option<f64>>; 4] = Default::default();
            for operation in hurt {
                for incident in operation.incidents.iter().filter(|one| one.kind == kind) {
                    if (low..high).contains(&incident.hourly) {
                        let delays = delays(operation, found, incident, limit);
                        columns.iter_mut().zip(delays).for_each(|(column, delay)| column.push(delay));
                    }
                }
            }
            let early = columns[0].iter().flatten().filter(|delay| **delay <= 120.0).count();
            let early = match columns[0].len() {
                0 => "-".to_owned(),
                n => format!("{:.0} %", 100.0 * early as f64 / n as f64),
            };
            let [ours, cusum, half, fixed] = columns.map(|column| Summary::of(&column));
            let ratio = match (ours.median, cusum.median) {
                (Some(ours), Some(cusum)) => format!("{:.1}", ours / cusum),
                _ => "-".to_owned(),
            };
            let _ = writeln!(
                out,
                "| {title} | {size} | {} | {} | {early} | {} | {} | {} | {} | {} | {ratio} | {} | {} | {} | {} |",
                ours.n,
                ours.share(),
                whole(ours.median),
                whole(ours.late),
                cusum.share(),
                whole(cusum.median),
                whole(cusum.late),
                half.share(),
                whole(half.median),
                fixed.share(),
                whole(fixed.median)
            );
        }
    }
    out
}

/// What was told of outages of whole routing points.
fn outages(calm: &[&Operation], found: &Found) -> String {
    let (mut delays, mut options_too) = (Vec::new(), 0);
    for operation in calm {
        for (point, start, end) in &operation.outages {
            let options = || operation.options.iter().filter(|one| one.point == *point);
            if options().map(|one| one.mean[start - 1]).sum::<f64>() < 2.5 {
                continue;
            }
            let delay = |names: &[&str], what: &str, lasts: usize| {
                found.delay(names, &operation.server, what, *start as f64, lasts)
            };
            delays.push(delay(&[POINT], &point.to_string(), end - start + 1));
            options_too +=
                options().filter(|one| delay(&[FAST, SLOW], &one.code, end - start + 12).is_some()).count();
        }
    }
    let point = Summary::of(&delays);
    format!(
        "\nOutages of a whole routing point with at least 30 hits an hour (60 or 30 minutes): {}, caught {}, median {} \
         min, p90 {} min; drop-off alerts of their options: {options_too}\n",
        point.n,
        point.share(),
        whole(point.median),
        whole(point.late)
    )
}

/// What was told of options that were removed on purpose, and for how long.
fn removed(calm: &[&Operation], found: &Found) -> String {
    let (mut count, mut told, mut last, mut days) = (0, 0, 0.0_f64, 0);
    for operation in calm {
        for (option, since) in &operation.removed {
            let since = BEGIN + *since as i64 * STEP;
            let mut stretches: Vec<(i64, i64)> = [FAST, SLOW]
                .iter()
                .flat_map(|name| found.of(name, &operation.server, &operation.options[*option].code))
                .filter(|stretch| stretch.0 >= since)
                .copied()
                .collect();
            stretches.sort_unstable();
            count += 1;
            told += usize::from(!stretches.is_empty());
            let mut on: Vec<i64> = stretches.iter().map(|stretch| (stretch.0 - since) / 86400).collect();
            on.dedup();
            days += on.len();
            last = stretches.iter().fold(last, |last, one| last.max((one.1 - since) as f64 / 86400.0));
        }
    }
    format!(
        "Options removed on purpose: {count}, told of {told}, on {:.1} days each, the last time {last:.1} days after\n",
        days as f64 / f64::from(told.max(1) as u32)
    )
}

/// What the delays of some incidents have in common.
struct Summary {
    n: usize,
    caught: usize,
    median: Option<f64>,
    /// The 90th percentile.
    late: Option<f64>,
}

impl Summary {
    /// Median and percentile are of those that were caught.
    fn of(delays: &[Option<f64>]) -> Self {
        let mut caught: Vec<f64> = delays.iter().flatten().copied().collect();
        caught.sort_by(f64::total_cmp);
        let at = |share: f64| {
            caught.get((caught.len().saturating_sub(1) as f64 * share).round() as usize).copied()
        };
        Self { n: delays.len(), caught: caught.len(), median: at(0.5), late: at(0.9) }
    }

    fn share(&self) -> String {
        match self.n {
            0 => "-".to_owned(),
            n => format!("{:.0} %", 100.0 * self.caught as f64 / n as f64),
        }
    }
}

fn whole(minutes: Option<f64>) -> String {
    minutes.map_or_else(|| "-".to_owned(), |minutes| format!("{minutes:.0}"))
}
