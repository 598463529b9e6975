//! Owns the verdict: which incidents were caught, when, and what fired for nothing. Must not change what was measured.
//!
//! Every state of the data is evaluated once, at its end; `LAG` is added for the exporter's wait, the poll, the scrape and
//! the evaluation, at their worst.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Context as _;

use crate::cusum;
use crate::prometheus::{Rule, Series};
use crate::world::{BEGIN, HISTORY, Kind, LASTS, Operation, STEP};

/// Seconds from the end of a window to an evaluation that knows it: 60 to the poll's commit, 60 scrape, 60 evaluation.
const LAG: f64 = 180.0;
const FAST: &str = "WolkvoxMenuOptionDropOff";
const SLOW: &str = "WolkvoxMenuOptionDropOffSlow";
const POINT: &str = "WolkvoxRoutingPointCollapsed";
const HALF: &str = "usual: under half of last week";
const STATIC: &str = "usual: under 5 an hour by day";

/// The alerts about menus.
pub(crate) fn watched(alerts: &[Rule]) -> Vec<Rule> {
    let menu = |rule: &&Rule| {
        let name = rule.alert.as_deref().unwrap_or_default();
        name.starts_with("WolkvoxMenu") || name == POINT
    };
    alerts.iter().filter(menu).cloned().collect()
}

/// The two rules that are usually written.
pub(crate) fn usual_rules() -> Vec<Rule> {
    let rule = |name: &str, expr: &str, hold: Option<&str>| Rule {
        alert: Some(name.to_owned()),
        expr: expr.to_owned(),
        hold: hold.map(str::to_owned),
        ..Rule::default()
    };
    let hits = "increase(wolkvox_menu_option_hits_total[1h]";
    vec![
        rule(HALF, &format!("{hits}) < 0.5 * {hits} offset 1w)"), Some("10m")),
        rule(STATIC, &format!("{hits}) < 5 and on () (hour(vector(time())) >= 8 < 18)"), Some("10m")),
    ]
}

/// Server and option (or routing point), to the stretches in which the alert fires.
type Firing = BTreeMap<(String, String), Vec<(i64, i64)>>;

#[derive(Default)]
pub(crate) struct Found(BTreeMap<String, Firing>);

impl Found {
    /// Applies `for` and `keep_firing_for` to when the expression was true.
    pub(crate) fn add(&mut self, name: &str, rule: &Rule, series: Vec<Series>) -> anyhow::Result<()> {
        let (hold, keep) = (seconds(rule.hold.as_deref())?, seconds(rule.keep_firing_for.as_deref())?);
        let firing = self.0.entry(name.to_owned()).or_default();
        for one in series {
            let label = |name: &str| one.labels.get(name).cloned().unwrap_or_default();
            let what = if name == POINT { label("rp_id") } else { label("cod_opc_menu") };
            let stretches = firing.entry((label("server"), what)).or_default();
            let mut pending: Option<(i64, i64)> = None;
            for time in one.times {
                let since = match pending {
                    Some((since, last)) if time - last <= STEP => since,
                    _ => time,
                };
                pending = Some((since, time));
                if time - since < hold {
                    continue;
                }
                match stretches.last_mut() {
                    Some(last) if time - last.1 <= STEP.max(keep) => last.1 = time,
                    _ => stretches.push((time, time)),
                }
            }
        }
        Ok(())
    }

    fn of(&self, name: &str, server: &str, what: &str) -> &[(i64, i64)] {
        let key = (server.to_owned(), what.to_owned());
        self.0.get(name).and_then(|firing| firing.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// Minutes from a moment to the first firing that begins within the eight hours after it.
    fn delay(&self, names: &[&str], server: &str, what: &str, start: f64, lasts: usize) -> Option<f64> {
        let begin = BEGIN as f64 + start * STEP as f64;
        let end = begin + (lasts as i64 * STEP) as f64;
        names
            .iter()
            .flat_map(|name| self.of(name, server, what))
            .map(|stretch| stretch.0 as f64)
            .filter(|at| *at > begin && *at + LAG <= end)
            .map(|at| (at + LAG - begin) / 60.0)
            .min_by(f64::total_cmp)
    }
}

fn seconds(text: Option<&str>) -> anyhow::Result<i64> {
    let Some(text) = text else { return Ok(0) };
    let (number, unit) = text.split_at(text.len() - 1);
    let number: i64 = number.parse().with_context(|| format!("{text}: not a duration of one unit"))?;
    Ok(number * if unit == "h" { 3600 } else { 60 })
}

/// The tables.
pub(crate) fn report(operations: &[Operation], found: &Found, weeks: usize) -> String {
    let calm: Vec<&Operation> = operations.iter().filter(|one| one.incidents.is_empty()).collect();
    let months: f64 =
        calm.iter().map(|one| one.options.len() as f64).sum::<f64>() / 100.0 * (weeks * 7) as f64 / 30.0;
    let mut out = String::new();
    let _ =
        writeln!(out, "False alarms per 100 options and 30 days ({months:.2} such months were simulated)\n");
    let _ = writeln!(out, "| alert | episodes | per 100 options and 30 days |\n| --- | --- | --- |");
    let (mut all, mut drops) = (0, 0);
    for (name, firing) in &found.0 {
        if name == POINT {
            continue;
        }
        let count: usize = firing
            .iter()
            .filter(|((server, _), _)| server.starts_with("calm"))
            .map(|(_, stretches)| stretches.len())
            .sum();
        if name.starts_with("Wolkvox") {
            all += count;
        }
        if name == FAST || name == SLOW {
            drops += count;
        }
        let _ = writeln!(out, "| {name} | {count} | {:.2} |", count as f64 / months);
    }
    let _ = writeln!(out, "| all of ours | {all} | {:.2} |", all as f64 / months);

    let limit = cusum::tune(&calm, drops.max((months.floor() as usize).max(1)));
    let _ = writeln!(
        out,
        "\nThe CUSUM's limit, tuned to as many false alarms as the drop-off alerts: {limit:.1}\n"
    );
    out.push_str(
        "| incident | expected hits an hour | n | caught in 8 h | in 2 h | median min | p90 min | CUSUM caught | median | p90 | \
         half of last week: caught | median | under 5: caught | median |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let kinds = [
        ("to zero", Kind::To(0)),
        ("renamed", Kind::Renamed),
        ("to 10 %", Kind::To(10)),
        ("to 40 %", Kind::To(40)),
        ("to 60 %", Kind::To(60)),
        ("decay over 6 h", Kind::Decay),
    ];
    for (title, kind) in kinds {
        for (size, low, high) in [
            ("60 and more", 60.0, 1e9),
            ("15 to 60", 15.0, 60.0),
            ("5 to 15", 5.0, 15.0),
            ("1 to 5", 1.0, 5.0),
        ] {
            let mut columns: [Vec<Option<f64>>; 4] = Default::default();
            for operation in operations {
                for incident in operation.incidents.iter().filter(|one| one.kind == kind) {
                    if !(low..high).contains(&incident.hourly) {
                        continue;
                    }
                    let what = &operation.options[incident.option].code;
                    for (column, names) in
                        columns.iter_mut().zip([&[FAST, SLOW][..], &[], &[HALF], &[STATIC]])
                    {
                        column.push(found.delay(names, &operation.server, what, incident.start, LASTS));
                    }
                    let from = incident.start as usize;
                    let first = cusum::alarms(operation, incident.option, limit, HISTORY, from + LASTS)
                        .into_iter()
                        .find(|step| *step >= from);
                    columns[1].pop();
                    columns[1].push(
                        first.map(|step| ((step as f64 + 1.0 - incident.start) * STEP as f64 + LAG) / 60.0),
                    );
                }
            }
            let early = columns[0].iter().flatten().filter(|delay| **delay <= 120.0).count();
            let early = match columns[0].len() {
                0 => "-".to_owned(),
                n => format!("{:.0} %", 100.0 * early as f64 / n as f64),
            };
            let [ours, cusum, half, fixed] = columns.map(|column| summary(&column));
            let _ = writeln!(
                out,
                "| {title} | {size} | {} | {} | {early} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                ours.0, ours.1, ours.2, ours.3, cusum.1, cusum.2, cusum.3, half.1, half.2, fixed.1, fixed.2
            );
        }
    }

    let mut outages = Vec::new();
    let mut options_too = 0;
    for operation in &calm {
        for (point, start, end) in &operation.outages {
            if operation
                .options
                .iter()
                .filter(|one| one.point == *point)
                .map(|one| one.mean[start - 1])
                .sum::<f64>()
                < 2.5
            {
                continue;
            }
            outages.push(found.delay(
                &[POINT],
                &operation.server,
                &point.to_string(),
                *start as f64,
                end - start + 1,
            ));
            options_too += operation
                .options
                .iter()
                .filter(|one| one.point == *point)
                .filter(|one| {
                    found
                        .delay(&[FAST, SLOW], &operation.server, &one.code, *start as f64, end - start + 12)
                        .is_some()
                })
                .count();
        }
    }
    let point = summary(&outages);
    let _ = writeln!(
        out,
        "\nOutages of a whole routing point with at least 30 hits an hour (60 or 30 minutes): {}, caught {}, median {} \
         min, p90 {} min; drop-off alerts of their options: {options_too}",
        point.0, point.1, point.2, point.3
    );
    out
}

/// Number, share caught, median and 90th percentile of the delay of those that were caught.
fn summary(delays: &[Option<f64>]) -> (usize, String, String, String) {
    let mut caught: Vec<f64> = delays.iter().flatten().copied().collect();
    caught.sort_by(f64::total_cmp);
    let at = |share: f64| match caught.len() {
        0 => "-".to_owned(),
        n => format!("{:.0}", caught[((n - 1) as f64 * share).round() as usize]),
    };
    let share = match delays.len() {
        0 => "-".to_owned(),
        n => format!("{:.0} %", 100.0 * caught.len() as f64 / n as f64),
    };
    (delays.len(), share, at(0.5), at(0.9))
}
