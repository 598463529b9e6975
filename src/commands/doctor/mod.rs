//! `doctor`: checks each target and prints in plain words what it found and what to do.
//!
//! Its steps are those of a poll, with the exporter's own client, and end where a poll would fail.
//! It must never touch the state, send more than ten requests to a target or two at once, or print
//! a value of a row, only shapes and numbers.
//!
//! | file | owns |
//! | --- | --- |
//! | `texts` | its texts, in English and Spanish |
//! | `report` | the layout, and the number of things to do |
//! | `network` | the name and the connection |
//! | `requests` | the requests, counted |
//! | `checks` | the steps for one target |
//! | `faults` | failures: do they end the check, and what is the remedy |
//! | `rows` | zone, lateness and shapes of the rows |
//! | `outcomes` | the second report: its cost, and the form of its rows |
//! | `range_end` | is the end of a time range included |

mod checks;
mod faults;
mod network;
mod outcomes;
mod range_end;
mod report;
mod requests;
mod rows;
mod texts;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::{
    config::{Config, ConfigError, Problem},
    i18n::Language,
    wolkvox::ClientLimits,
};
use report::Report;
use texts::Text;

/// Checks every target, one after the other. Returns true if there is nothing to do.
///
/// # Errors
/// When `out` cannot be written.
pub async fn run(
    config: &Config,
    warnings: &[Problem],
    language: Language,
    limits: ClientLimits,
    clock: &dyn Fn() -> Timestamp,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut report = Report::new(out, language);
    report.paragraph(Text::Head, &[("version", env!("CARGO_PKG_VERSION").to_owned())])?;
    report.paragraph(Text::Running, &[("most", requests::MOST_REQUESTS.to_string())])?;
    for warning in warnings {
        report.paragraph(Text::Warning, &[("warning", warning.in_language(language))])?;
    }
    for target in &config.targets {
        report.gap()?;
        checks::check_target(target, config.poll.interval, limits, clock, &mut report).await?;
    }
    report.gap()?;
    let todo = report.todo();
    match todo {
        0 => report.paragraph(Text::AllWell, &[])?,
        _ => report.paragraph(Text::ToDo, &[("number", todo.to_string())])?,
    }
    Ok(todo == 0)
}

/// Prints every problem of a configuration.
///
/// # Errors
/// If `out` cannot be written.
pub fn refuse(error: &ConfigError, language: Language, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new(out, language);
    report.paragraph(Text::Head, &[("version", env!("CARGO_PKG_VERSION").to_owned())])?;
    report.gap()?;
    report.paragraph(Text::BadConfig, &[])?;
    for problem in &error.problems {
        report.paragraph(Text::Problem, &[("problem", problem.in_language(language))])?;
    }
    Ok(())
}
