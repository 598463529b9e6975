//! `doctor`: looks at each target as a person would, and says in plain words what it found and what to do.
//!
//! It goes the way a poll goes, step by step, with the exporter's own client, and stops where a poll would fail. It
//! must never touch the state, send more than ten requests to a target or two at once, or print a value of a row: what
//! it shows of rows are shapes and numbers.
//!
//! | file | owns |
//! | --- | --- |
//! | `texts` | every text of its own, in English and Spanish |
//! | `report` | the layout, and the count of what is to be done |
//! | `network` | the name and the connection |
//! | `requests` | the requests, counted |
//! | `checks` | the course of one target |
//! | `faults` | what a fault means for the visit |
//! | `rows` | what the rows tell: zone, lateness, shapes |
//! | `range_end` | whether the end of a span is included |

mod checks;
mod faults;
mod network;
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

/// Visits every target, one after the other. `true` where nothing is to be done.
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
        report.paragraph(Text::Warning, &[("warning", warning.to_string())])?;
    }
    for target in &config.targets {
        report.gap()?;
        checks::visit(target, config.poll.interval, limits, clock, &mut report).await?;
    }
    report.gap()?;
    let todo = report.todo();
    match todo {
        0 => report.paragraph(Text::AllWell, &[])?,
        _ => report.paragraph(Text::ToDo, &[("number", todo.to_string())])?,
    }
    Ok(todo == 0)
}

/// Says that the configuration cannot be used, with everything that is wrong with it.
///
/// # Errors
/// When `out` cannot be written.
pub fn refuse(error: &ConfigError, language: Language, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new(out, language);
    report.paragraph(Text::Head, &[("version", env!("CARGO_PKG_VERSION").to_owned())])?;
    report.gap()?;
    report.paragraph(Text::BadConfig, &[])?;
    for problem in &error.problems {
        report.paragraph(Text::Problem, &[("problem", problem.to_string())])?;
    }
    Ok(())
}
