//! What a backfill is told on its command line: from when, until when, with which labels, how dense.
//!
//! Owns the notation of these flags and what they may not be. Pure.

use std::time::Duration;

use super::{
    BackfillArgs, ConfigError, StartFrom,
    read::{diagnostics::Diagnostics, duration},
    setting::flag_place,
    start,
};
use crate::exposition::label_block;

/// With more between two samples, an instant query of Prometheus, which looks back five minutes, would miss a series now
/// and then. Two seconds less than a window, so that it has a sample at its beginning and one at its end.
const LONGEST_EVERY: Duration = Duration::from_secs(298);
/// With less, the files would be large for nothing.
const SHORTEST_EVERY: Duration = Duration::from_secs(15);

/// Labels that our own series have.
const OURS: [&str; 16] = [
    "anomaly",
    "channel",
    "class",
    "cod_opc_menu",
    "description",
    "from_opc_menu",
    "kind",
    "label",
    "le",
    "outcome",
    "reason",
    "rp_id",
    "rp_name",
    "server",
    "tier",
    "to_opc_menu",
];

/// The flags, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillConfig {
    /// Where counting begins.
    pub from: StartFrom,
    /// Where the backfill ends; `None` for the newest window.
    pub until: Option<StartFrom>,
    /// Labels to be added, rendered as an exposition has them.
    pub labels: String,
    /// Longest time between two samples of a series.
    pub every: Duration,
}

/// Reads the flags.
///
/// # Errors
/// With every problem found.
pub fn resolve_backfill(args: &BackfillArgs) -> Result<BackfillConfig, ConfigError> {
    let mut diagnostics = Diagnostics::default();
    let from = heard("from", start::parse(&args.from), &mut diagnostics);
    let until = args.until.as_deref().map(start::parse);
    let until = until.map(|until| heard("until", until, &mut diagnostics));
    let every = heard("every", every(&args.every), &mut diagnostics);
    let labels = labels(&args.labels, |reason| diagnostics.problem(flag_place("label"), reason));
    match (from, every) {
        (Some(from), Some(every)) if diagnostics.problems.is_empty() => {
            Ok(BackfillConfig { from, until: until.flatten(), labels, every })
        }
        _ => Err(diagnostics.into_error()),
    }
}

/// Labels that Prometheus adds to what it scrapes, as an exposition has them.
///
/// # Errors
/// With the first of them that cannot be one.
pub fn resolve_labels(texts: &[String]) -> Result<String, String> {
    let mut problems = Vec::new();
    let labels = labels(texts, |reason| problems.push(reason));
    problems.into_iter().next().map_or(Ok(labels), Err)
}

/// Those of the labels that can be ones, each name once, as an exposition has them; `problem` gets the reason of each other.
fn labels(texts: &[String], mut problem: impl FnMut(String)) -> String {
    let mut labels: Vec<(&str, &str)> = Vec::new();
    for text in texts {
        match label(text) {
            Ok((name, _)) if labels.iter().any(|(other, _)| *other == name) => {
                problem(format!("{name} is given twice"));
            }
            Ok(label) => labels.push(label),
            Err(reason) => problem(reason),
        }
    }
    label_block(&labels).to_string()
}

/// What a flag says, or nothing and a finding.
fn heard<T>(flag: &str, read: Result<T, String>, diagnostics: &mut Diagnostics) -> Option<T> {
    read.map_err(|reason| diagnostics.problem(flag_place(flag), reason)).ok()
}

fn every(text: &str) -> Result<Duration, String> {
    let every = duration::parse_seconds(text)?;
    if (SHORTEST_EVERY..=LONGEST_EVERY).contains(&every) {
        return Ok(every);
    }
    Err(format!(
        "{} is not between {} and {}",
        duration::show(every),
        duration::show(SHORTEST_EVERY),
        duration::show(LONGEST_EVERY)
    ))
}

fn label(text: &str) -> Result<(&str, &str), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(legal) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!(
            "{name:?} is no name of a label: letters, digits and _, not beginning with a digit"
        ));
    }
    if name.starts_with("__") || OURS.contains(&name) {
        return Err(format!(
            "{name} is not yours to set: it is a label of these series, or Prometheus's own"
        ));
    }
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(format!("{name} has no value, or one with a control character"));
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(from: &str, every: &str, labels: &[&str]) -> BackfillArgs {
        BackfillArgs {
            from: from.to_owned(),
            until: None,
            output: "out".into(),
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            every: every.to_owned(),
            run: Default::default(),
        }
    }

    #[test]
    fn what_is_written_is_understood() {
        let read = resolve_backfill(&args("28d", "1m", &["job=wolkvox", "instance=host:10013"]));
        let expected = BackfillConfig {
            from: StartFrom::Back(Duration::from_secs(28 * 86_400)),
            until: None,
            labels: r#"job="wolkvox",instance="host:10013""#.to_owned(),
            every: Duration::from_secs(60),
        };
        assert_eq!(read.expect("good flags"), expected);
    }

    #[test]
    fn every_problem_is_told() {
        let problems = |from, every, labels: &[&str]| {
            resolve_backfill(&args(from, every, labels)).expect_err("bad flags").problems
        };
        let all = problems("28", "5m", &["job"]);
        assert_eq!(all.len(), 3, "{all:#?}");
        assert!(all.iter().any(|problem| problem.message.contains("4m 58s")), "{all:#?}");
        for labels in [&["server=x"][..], &["__a=b"], &["9=x"], &["job="], &["a=1", "a=2"]] {
            assert_eq!(problems("28d", "1m", labels).len(), 1, "{labels:?}");
        }
        assert_eq!(problems("28d", "1s", &[]).len(), 1);
    }
}
