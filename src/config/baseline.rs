//! What is known of the weeks before, from what was written.
//!
//! Owns the bounds of the warm-up and of the history, and the reading of the dates that are like no other.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::civil::Date;

use crate::{
    cli::BaselineArgs,
    config::{
        BaselineConfig,
        read::{
            diagnostics::Diagnostics,
            duration::{parse_seconds, show},
            file::ConfigFile,
            precedence::setting,
        },
    },
};

/// Weeks that can be kept: one for the present, and what the detector looks back at; more would only cost memory.
const WEEKS: std::ops::RangeInclusive<u16> = 1..=8;
/// More than this is no careful reading.
const MOST_REQUESTS: u32 = 10_000;

pub(crate) fn resolve(
    args: &BaselineArgs,
    file: &ConfigFile,
    findings: &mut Diagnostics,
) -> Option<BaselineConfig> {
    let (section, default) = (&file.root.baseline, BaselineConfig::default());
    let written = (&args.warm_up, &section.warm_up);
    let warm_up = setting("baseline.warm_up", written, default.warm_up, (file, findings), parse_seconds);
    let written = (&args.warm_up_requests, &section.warm_up_requests);
    let requests =
        setting("baseline.warm_up_requests", written, default.warm_up_requests, (file, findings), requests);
    let written = (&args.weeks, &section.weeks);
    let weeks = setting("baseline.weeks", written, default.weeks, (file, findings), self::weeks);
    let (holidays_file, dates) = holidays(args, file, findings);
    let (warm_up, weeks) = (warm_up?, weeks?);
    let kept = Duration::from_secs(u64::from(weeks.value) * 7 * 86_400);
    if warm_up.value > kept {
        let reason = format!(
            "{} is more than the {} weeks that are kept{}: read less, or keep more in baseline.weeks",
            show(warm_up.value),
            weeks.value,
            weeks.origin()
        );
        findings.problem(&warm_up.place, reason);
    }
    Some(BaselineConfig {
        warm_up: warm_up.value,
        warm_up_requests: requests?.value,
        weeks: weeks.value,
        holidays: dates,
        holidays_file,
    })
}

fn weeks(text: &str) -> Result<u16, String> {
    let number = text.trim().parse().ok().filter(|number| WEEKS.contains(number));
    number.ok_or_else(|| format!("{:?} is not a number of weeks: write one from 1 to 8", text.trim()))
}

fn requests(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=MOST_REQUESTS).contains(number));
    number.ok_or_else(|| {
        format!("{:?} is not a number of requests: write one from 1 to {MOST_REQUESTS}", text.trim())
    })
}

/// The dates written, and those of the file that is named.
fn holidays(
    args: &BaselineArgs,
    file: &ConfigFile,
    findings: &mut Diagnostics,
) -> (Option<PathBuf>, BTreeSet<Date>) {
    let section = &file.root.baseline;
    let mut dates = BTreeSet::new();
    for text in &section.holidays {
        let place = file.place(&text.referenced, "baseline.holidays");
        dates.extend(findings.keep(&place, date(&text.value)));
    }
    let in_file = section.holidays_file.as_ref().map(|text| file.path_from_here(&text.value));
    let path = args.holidays_file.clone().or(in_file);
    if let Some(path) = &path {
        read_dates(path, &mut dates, findings);
    }
    (path, dates)
}

/// One date a line; what follows a `#` is a comment.
fn read_dates(path: &Path, dates: &mut BTreeSet<Date>, findings: &mut Diagnostics) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(reason) => {
            findings
                .problem(path.display().to_string(), format!("cannot read the file of holidays: {reason}"));
            return;
        }
    };
    for (number, line) in (1..).zip(text.lines()) {
        let written = line.split('#').next().unwrap_or_default().trim();
        if !written.is_empty() {
            dates.extend(findings.keep(&format!("{}:{number}", path.display()), date(written)));
        }
    }
}

fn date(text: &str) -> Result<Date, String> {
    let text = text.trim();
    text.parse().map_err(|_| format!("{text:?} is not a date: write one as 2026-12-25"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_told() {
        assert_eq!((weeks(" 5 "), requests("200")), (Ok(5), Ok(200)));
        for text in ["0", "9", "-1", "x", ""] {
            assert!(weeks(text).is_err_and(|reason| reason.contains("from 1 to 8")), "{text}");
        }
        assert!(requests("0").is_err() && requests("10001").is_err());
        assert_eq!(date(" 2026-12-25 "), Ok(jiff::civil::date(2026, 12, 25)));
        assert!(date("25.12.2026").is_err_and(|reason| reason.contains("as 2026-12-25")));
    }
}
