//! `cargo xtask style`: measures in numbers how the source reads.
//!
//! Each measure counts one habit that makes a stranger stop: a doc comment without a subject, two
//! thoughts in one line, one name for two types. The numbers are symptoms, not the aim;
//! CONTRIBUTING.md has the rules behind them. `source` reads files, `measures` counts. Neither
//! parses Rust: both search text whose comments and strings are blanked.

pub mod measures;
pub mod source;

use std::{collections::BTreeMap, path::Path, str::FromStr};

use anyhow::{Context, bail};

use measures::{MEASURES, Measure};
use source::Source;

/// Flags of `cargo xtask style`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders to measure, from the root of the repository
    #[arg(default_values = ["src", "crates"])]
    folders: Vec<String>,
    /// Print every place that a measure counts, instead of the table
    #[arg(long, value_name = "MEASURE")]
    list: Option<String>,
    /// Fail if a measure is above a number; may be repeated
    #[arg(long, value_name = "MEASURE=NUMBER")]
    at_most: Vec<Limit>,
}

/// The highest value that a measure may have.
#[derive(Debug, Clone)]
struct Limit {
    measure: &'static Measure,
    value: f64,
}

impl FromStr for Limit {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) =
            text.split_once('=').context("write MEASURE=NUMBER, as in long-lines=12")?;
        Ok(Self { measure: measure(name)?, value: value.parse()? })
    }
}

/// Finds a measure by its name.
fn measure(name: &str) -> anyhow::Result<&'static Measure> {
    MEASURES.iter().find(|measure| measure.name == name).with_context(|| {
        let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        format!("no measure is called `{name}`; there are {}", names.join(", "))
    })
}

/// Prints the table or a list of places. Returns true if every limit holds.
pub fn main(args: &Args) -> anyhow::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = Vec::new();
    for folder in &args.folders {
        sources.extend(source::read(&root, folder)?);
    }
    if sources.is_empty() {
        bail!("no Rust source below {}", args.folders.join(", "));
    }
    match &args.list {
        Some(name) => print_places(measure(name)?, &sources),
        None => print_table(&sources),
    }
    Ok(limits_hold(&args.at_most, &sources))
}

fn print_places(measure: &Measure, sources: &[Source]) {
    for place in (measure.find)(sources) {
        println!("{place}");
    }
}

fn print_table(sources: &[Source]) {
    println!("{:18} {:>7}  {:12}  counts", "measure", "value", "models");
    for measure in MEASURES {
        println!(
            "{:18} {:7.1}  {:12}  {}",
            measure.name,
            measure.value(sources),
            measure.models,
            measure.counts
        );
    }
    println!("\nlines of code, without tests, comments and blank lines");
    let mut rooms = BTreeMap::<&str, usize>::new();
    for source in sources {
        *rooms.entry(source.room()).or_default() += source.code_lines();
    }
    let mut rooms: Vec<(&str, usize)> = rooms.into_iter().collect();
    rooms.sort_by_key(|&(_, lines)| std::cmp::Reverse(lines));
    for (room, lines) in &rooms {
        println!("{lines:6}  {room}");
    }
    println!("{:6}  in all", rooms.iter().map(|(_, lines)| lines).sum::<usize>());
}

/// Prints each limit that does not hold. Returns true if all hold.
fn limits_hold(limits: &[Limit], sources: &[Source]) -> bool {
    let mut hold = true;
    for limit in limits {
        let value = limit.measure.value(sources);
        if value > limit.value {
            hold = false;
            let Measure { name, counts, .. } = limit.measure;
            eprintln!("{name} is {value:.1}, at most {} is wanted: {counts}", limit.value);
            eprintln!("    `cargo xtask style --list {name}` prints where");
        }
    }
    hold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_a_measure_and_a_number() {
        let limit: Limit = "long-lines=12".parse().expect("a limit");
        assert_eq!((limit.measure.name, limit.value), ("long-lines", 12.0));
        assert!("long-lines".parse::<Limit>().is_err());
        assert!("long-lines=many".parse::<Limit>().is_err());
        let error = "lines=1".parse::<Limit>().expect_err("no such measure").to_string();
        assert!(error.contains("`lines`") && error.contains("long-lines"), "{error}");
    }

    #[test]
    fn a_limit_is_missed_only_above_its_number() {
        let long = format!("fn main() {{}}\n//{}\n", " long".repeat(30));
        let sources = [Source::new("src/a.rs".to_owned(), long)];
        let limit = |text: &str| -> Limit { text.parse().expect("a limit") };
        assert!(limits_hold(&[limit("long-lines=1000")], &sources));
        assert!(!limits_hold(&[limit("long-lines=999")], &sources));
    }
}
