//! Owns when each alert fired, of what `for` and `keep_firing_for` make of its expression. Must not know what should have
//! fired.
//!
//! Every state of the data is evaluated once, at its end; `LAG` is added for the exporter's wait, the poll, the scrape and
//! the evaluation, at their worst.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::prometheus::{Rule, Series};
use super::world::{BEGIN, STEP};

/// Seconds from the end of a window to an evaluation that knows it: 60 to the poll's commit, 60 scrape, 60 evaluation.
pub const LAG: f64 = 180.0;
pub const FAST: &str = "WolkvoxMenuOptionDropOff";
pub const SLOW: &str = "WolkvoxMenuOptionDropOffSlow";
pub const POINT: &str = "WolkvoxRoutingPointCollapsed";
pub const SURGE: &str = "WolkvoxMenuOptionSurge";
const NO_INPUT: &str = "WolkvoxNoInputShareHigh";
pub const HALF: &str = "usual: under half of last week";
pub const STATIC: &str = "usual: under 5 an hour by day";

/// The alerts about menus.
pub fn watched(alerts: &[Rule]) -> Vec<Rule> {
    let menu = |rule: &&Rule| {
        let name = rule.alert.as_deref().unwrap_or_default();
        name.starts_with("WolkvoxMenu")
            || name.starts_with("WolkvoxTime")
            || [POINT, NO_INPUT].contains(&name)
    };
    alerts.iter().filter(menu).cloned().collect()
}

/// The two rules that are usually written.
pub fn usual_rules() -> Vec<Rule> {
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

/// Whether an alert is about a routing point and not about an option.
pub fn of_point(name: &str) -> bool {
    [POINT, NO_INPUT].contains(&name)
}

/// Server and option (or routing point), to the stretches in which the alert fires.
pub type Firing = BTreeMap<(String, String), Vec<(i64, i64)>>;

#[derive(Default)]
pub struct Found(pub(crate) BTreeMap<String, Firing>);

impl Found {
    /// Applies `for` and `keep_firing_for` to when the expression was true.
    pub fn add(&mut self, name: &str, rule: &Rule, series: Vec<Series>) -> anyhow::Result<()> {
        let (hold, keep) = (seconds(rule.hold.as_deref())?, seconds(rule.keep_firing_for.as_deref())?);
        let firing = self.0.entry(name.to_owned()).or_default();
        for one in series {
            let label = |name: &str| one.labels.get(name).cloned().unwrap_or_default();
            let what = if of_point(name) { label("rp_id") } else { label("cod_opc_menu") };
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

    pub fn of(&self, name: &str, server: &str, what: &str) -> &[(i64, i64)] {
        let key = (server.to_owned(), what.to_owned());
        self.0.get(name).and_then(|firing| firing.get(&key)).map_or(&[], Vec::as_slice)
    }

    /// Minutes from a moment to the first firing that begins within so many steps after it.
    pub fn delay(&self, names: &[&str], server: &str, what: &str, start: f64, lasts: usize) -> Option<f64> {
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
