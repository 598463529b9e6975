//! The history of earlier weeks: the settings of `baseline`.
//!
//! Owns their declarations, and the reading of the days that are not compared with ordinary ones.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::civil::Date;
use serde_json::json;

use crate::config::{
    Flags,
    read::{
        diagnostics::Diagnostics,
        duration::show,
        file::{ConfigFile, Scalar},
    },
    setting::{Bounds, Kind, listed, number, optional_file, read_section, seconds, section},
};
use crate::i18n::{Bilingual, bilingual};

section! {
    /// The history of earlier weeks, to which the present is compared.
    pub struct BaselineConfig: "baseline", "Baseline", BaselineKeys {
        /// Time before the first start to read, to learn what is usual; 0s for none
        warm_up: Duration = seconds("28d", Bounds::NONE);
        /// Most requests that this reading may take
        warm_up_requests: u32 = number("200", 1, 10_000);
        /// Weeks of history to keep, 1 to 8
        weeks: u16 = number("5", 1, 8);
        /// Days that are not compared with ordinary ones, by the server's calendar
        holidays: BTreeSet<Date> as Vec<Scalar> = Kind::apart("", BTreeSet::new, shown, dates());
        /// File of such days, one date a line
        holidays_file: Option<PathBuf> = optional_file();
    }
}

impl BaselineConfig {
    /// Returns the number of whole days that are kept before today.
    pub fn keep_days(&self) -> u16 {
        self.weeks * 7
    }
}

fn shown(dates: &BTreeSet<Date>) -> Option<String> {
    Some(format!("[{}]", listed(dates)))
}

fn dates() -> serde_json::Value {
    json!({"type": "array", "items": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}})
}

/// Reads the section; returns nothing if a setting cannot be read.
pub(crate) fn resolve(
    flags: &Flags<BaselineConfig>,
    file: &ConfigFile,
    diagnostics: &mut Diagnostics,
) -> Option<BaselineConfig> {
    let mut baseline = read_section(flags, file, &file.root.baseline, diagnostics);
    for text in &file.root.baseline.holidays {
        let place = file.place(&text.referenced, "baseline.holidays");
        baseline.config.holidays.extend(diagnostics.keep(&place, date(&text.value)));
    }
    if let Some(path) = &baseline.config.holidays_file {
        read_dates(path, &mut baseline.config.holidays, diagnostics);
    }
    if !baseline.sound {
        return None;
    }
    let BaselineConfig { warm_up, weeks, .. } = baseline.config;
    if warm_up > Duration::from_secs(u64::from(weeks) * 7 * 86_400) {
        let origin = baseline.origin("weeks");
        let reason = bilingual!(in origin:
            "{} is more than the {weeks} weeks that are kept{origin}: read less, or keep more in baseline.weeks",
            "{} es más que las {weeks} semanas que se guardan{origin}: lea menos, o guarde más en baseline.weeks";
            show(warm_up)
        );
        diagnostics.problem(baseline.place("warm_up"), reason);
    }
    Some(baseline.config)
}

/// Reads one date a line; text after a `#` is a comment.
fn read_dates(path: &Path, dates: &mut BTreeSet<Date>, diagnostics: &mut Diagnostics) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(reason) => {
            let message = bilingual!(
                "cannot read the file of holidays: {reason}",
                "no se puede leer el archivo de festivos: {reason}"
            );
            diagnostics.problem(path.display().to_string(), message);
            return;
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        let written = line.split('#').next().unwrap_or_default().trim();
        if !written.is_empty() {
            dates.extend(diagnostics.keep(&format!("{}:{number}", path.display()), date(written)));
        }
    }
}

fn date(text: &str) -> Result<Date, Bilingual> {
    let text = text.trim();
    text.parse().map_err(|_| {
        bilingual!(
            "{text:?} is not a date: write one as 2026-12-25",
            "{text:?} no es una fecha: escríbala como 2026-12-25"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_is_none_is_refused_with_the_form_of_one() {
        assert_eq!(date(" 2026-12-25 "), Ok(jiff::civil::date(2026, 12, 25)));
        assert!(
            date("25.12.2026").is_err_and(|reason| reason.to_string().contains("as 2026-12-25"))
        );
    }
}
