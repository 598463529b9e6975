//! How the metrics are shaped, from what was written.

pub(crate) mod journey;
pub(crate) mod kinds;
pub(crate) mod limits;
pub(crate) mod rules;

use std::time::Duration;

use crate::config::{
    MetricsConfig, PollConfig,
    read::{diagnostics::Diagnostics, duration, file::ConfigFile, precedence::setting},
};
use crate::{cli::MenuArgs, model::DigitFold};

/// A histogram with more buckets than this costs more series than it tells.
const MOST_BUCKETS: usize = 100;
/// Longer than any scrape interval, shorter than a mistake.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// `poll` is missing where it is itself in error.
pub(crate) fn resolve(
    args: &MenuArgs,
    file: &ConfigFile,
    poll: Option<&PollConfig>,
    findings: &mut Diagnostics,
) -> Option<MetricsConfig> {
    let section = &file.root.menu;
    let default = MetricsConfig::default();
    let buckets = buckets(file, findings);
    let label_length = match &section.label_length {
        Some(text) => {
            findings.keep(&file.place(&text.referenced, "menu.label_length"), label_length(&text.value))
        }
        None => Some(default.label_length),
    };
    let written = (&args.zero_hold, &section.zero_hold);
    let zero_hold = setting("menu.zero_hold", written, default.zero_hold, (file, findings), zero_hold);
    let written = (&args.fold_digits, &section.fold_digits);
    let fold = setting("menu.fold_digits", written, default.fold, (file, findings), fold_digits);
    let longest = label_length.unwrap_or(default.label_length);
    let rules = rules::resolve(file, longest, findings);
    let kinds = kinds::resolve(file, longest, &rules, findings);
    let limits = limits::resolve(args, file, poll, findings);
    let limits = limits?;
    Some(MetricsConfig {
        buckets: buckets?.unwrap_or(default.buckets),
        label_length: label_length?,
        zero_hold: zero_hold?.value,
        kinds,
        rules,
        series_limit: limits.series,
        options_limit: limits.options,
        transitions_limit: limits.transitions,
        expire_after: limits.expire_after,
        fold: fold?.value,
    })
}

/// The buckets written, if any were; nothing after a problem.
fn buckets(file: &ConfigFile, findings: &mut Diagnostics) -> Option<Option<Vec<f64>>> {
    let Some(written) = &file.root.menu.buckets else { return Some(None) };
    let place = file.place(&written.referenced, "menu.buckets");
    if written.value.is_empty() || written.value.len() > MOST_BUCKETS {
        findings
            .problem(place, format!("{} buckets: there must be 1 to {MOST_BUCKETS}", written.value.len()));
        return None;
    }
    let mut bounds: Vec<f64> = Vec::with_capacity(written.value.len());
    for text in &written.value {
        let bound = text.value.trim().parse().unwrap_or(f64::NAN);
        let last = bounds.last().copied().unwrap_or(0.0);
        if !bound.is_finite() || bound <= last {
            findings.problem(
                file.place(&text.referenced, "menu.buckets"),
                format!(
                    "{:?} must be a number of seconds above {last}; the last bucket, +Inf, is not listed",
                    text.value
                ),
            );
            return None;
        }
        bounds.push(bound);
    }
    Some(Some(bounds))
}

fn label_length(text: &str) -> Result<usize, String> {
    let length = text.trim().parse().ok().filter(|length| (1..=1024).contains(length));
    length.ok_or_else(|| format!("{text:?} must be a number of characters from 1 to 1024"))
}

fn fold_digits(text: &str) -> Result<DigitFold, String> {
    let digits = text.trim().parse().ok().filter(|digits| *digits == 0 || (4..=64).contains(digits));
    digits.map(DigitFold::of).ok_or_else(|| {
        format!("{text:?} must be a number of digits from 4 to 64, or 0 to let every option through as it is")
    })
}

fn zero_hold(text: &str) -> Result<Duration, String> {
    let hold = duration::parse(text)?;
    if hold > LONGEST_HOLD {
        return Err(
            "a new series would stay at 0 for longer than 1h: make it a little more than two scrapes"
                .to_owned(),
        );
    }
    Ok(hold)
}
