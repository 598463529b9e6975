//! The settings of a backfill from its command line: beginning, end, labels and density.
//!
//! Owns the notation of these flags and their bounds. Pure.

use std::time::Duration;

use super::{
    BackfillArgs, ConfigError, StartFrom,
    read::{diagnostics::Diagnostics, duration},
    setting::flag_place,
    start,
};
use crate::{
    exposition::label_block,
    i18n::{Bilingual, bilingual},
};

/// Longest time between two samples. An instant query of Prometheus looks back five minutes, and
/// would sometimes miss a series with a longer one. It is two seconds less than a window, so that
/// each window has a sample at its beginning and one at its end.
const LONGEST_EVERY: Duration = Duration::from_secs(298);
/// Shortest time between two samples; with a shorter one the files would be large for no gain.
const SHORTEST_EVERY: Duration = Duration::from_secs(15);

/// Labels of the exporter's series, which flags must not set.
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

/// The parsed flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillConfig {
    /// Beginning of the counting.
    pub from: StartFrom,
    /// End of the backfill; `None` for the newest window.
    pub until: Option<StartFrom>,
    /// Labels to add, rendered as in an exposition.
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
    let from = diagnostics.keep(&flag_place("from"), start::parse(&args.from));
    let until = args
        .until
        .as_deref()
        .and_then(|until| diagnostics.keep(&flag_place("until"), start::parse(until)));
    let every = diagnostics.keep(&flag_place("every"), every(&args.every));
    let labels = labels(&args.labels, |reason| diagnostics.problem(flag_place("label"), reason));
    match (from, every) {
        (Some(from), Some(every)) if diagnostics.problems.is_empty() => {
            Ok(BackfillConfig { from, until, labels, every })
        }
        _ => Err(diagnostics.into_error()),
    }
}

/// Renders labels that Prometheus adds when it scrapes, as in an exposition.
///
/// # Errors
/// With the first of them that cannot be a label.
pub fn resolve_labels(texts: &[String]) -> Result<String, Bilingual> {
    let mut problems = Vec::new();
    let labels = labels(texts, |reason| problems.push(reason));
    problems.into_iter().next().map_or(Ok(labels), Err)
}

/// Renders the valid labels, each name once, as in an exposition; `problem` gets the reason for
/// each other one.
fn labels(texts: &[String], mut problem: impl FnMut(Bilingual)) -> String {
    let mut labels: Vec<(&str, &str)> = Vec::new();
    for text in texts {
        match label(text) {
            Ok((name, _)) if labels.iter().any(|(other, _)| *other == name) => {
                problem(bilingual!("{name} is given twice", "{name} está dos veces"));
            }
            Ok(label) => labels.push(label),
            Err(reason) => problem(reason),
        }
    }
    label_block(&labels).to_string()
}

fn every(text: &str) -> Result<Duration, Bilingual> {
    let every = duration::parse_seconds(text)?;
    if (SHORTEST_EVERY..=LONGEST_EVERY).contains(&every) {
        return Ok(every);
    }
    Err(bilingual!(
        "{} is not between {} and {}",
        "{} no está entre {} y {}";
        duration::show(every),
        duration::show(SHORTEST_EVERY),
        duration::show(LONGEST_EVERY)
    ))
}

fn label(text: &str) -> Result<(&str, &str), Bilingual> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| bilingual!("{text:?} is not NAME=VALUE", "{text:?} no es NOMBRE=VALOR"))?;
    let is_legal = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name.is_empty() || !is_legal || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bilingual!(
            "{name:?} is no name of a label: letters, digits and _, not beginning with a digit",
            "{name:?} no es nombre de etiqueta: letras, dígitos y _, sin empezar por un dígito"
        ));
    }
    if name.starts_with("__") || OURS.contains(&name) {
        return Err(bilingual!(
            "{name} is not yours to set: it is a label of these series, or Prometheus's own",
            "{name} no se puede poner: es una etiqueta de estas series, o de Prometheus"
        ));
    }
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(bilingual!(
            "{name} has no value, or one with a control character",
            "{name} no tiene valor, o tiene uno con un carácter de control"
        ));
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
        assert!(all.iter().any(|problem| problem.to_string().contains("4m 58s")), "{all:#?}");
        for labels in [&["server=x"][..], &["__a=b"], &["9=x"], &["job="], &["a=1", "a=2"]] {
            assert_eq!(problems("28d", "1m", labels).len(), 1, "{labels:?}");
        }
        assert_eq!(problems("28d", "1s", &[]).len(), 1);
    }
}
