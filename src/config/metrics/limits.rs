//! How many series there may be, and for how long, from what was written.
//!
//! Owns the bounds of the bounds. A limit is whole and above 0: to have no limit is what they are there to prevent.

use std::time::Duration;

use crate::cli::MenuArgs;
use crate::config::{
    MetricsConfig, PollConfig,
    read::{
        diagnostics::Diagnostics,
        duration,
        file::{ConfigFile, Scalar},
        precedence::setting,
    },
};

/// Each label set carries about twenty series: a million and more is nothing that a Prometheus scrapes.
const HIGHEST: usize = 100_000;
/// A series that goes and comes back within a week would lose its zero every weekend.
const SHORTEST_EXPIRY: Duration = Duration::from_secs(7 * 86400);

/// What was resolved.
pub(crate) struct LimitsConfig {
    pub(crate) series: usize,
    pub(crate) options: usize,
    pub(crate) transitions: usize,
    pub(crate) expire_after: Duration,
}

pub(crate) fn resolve(
    args: &MenuArgs,
    file: &ConfigFile,
    poll: Option<&PollConfig>,
    findings: &mut Diagnostics,
) -> Option<LimitsConfig> {
    let section = &file.root.menu;
    let default = MetricsConfig::default();
    let written = (&args.series_limit, &section.series_limit);
    let series = setting("menu.series_limit", written, default.series_limit, (file, findings), limit);
    let mut in_file = |text: Option<&Scalar>, key: &str, default: usize| match text {
        Some(text) => findings.keep(&file.place(&text.referenced, key), limit(&text.value)),
        None => Some(default),
    };
    let options = in_file(section.options_limit.as_ref(), "menu.options_limit", default.options_limit);
    let transitions =
        in_file(section.transitions_limit.as_ref(), "menu.transitions_limit", default.transitions_limit);
    let written = (&args.expire_after, &section.expire_after);
    let expire_after =
        setting("menu.expire_after", written, default.expire_after, (file, findings), |text| {
            expiry(text, poll.map(PollConfig::deepest))
        });
    Some(LimitsConfig {
        series: series?.value,
        options: options?,
        transitions: transitions?,
        expire_after: expire_after?.value,
    })
}

fn limit(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=HIGHEST).contains(number));
    number.ok_or_else(|| format!("{:?} must be a whole number from 1 to {HIGHEST}", text.trim()))
}

/// `deepest` is how far back a row can still be read.
fn expiry(text: &str, deepest: Option<Duration>) -> Result<Duration, String> {
    let expiry = duration::parse_seconds(text)?;
    if expiry.is_zero() {
        return Ok(expiry);
    }
    if expiry < SHORTEST_EXPIRY {
        return Err(format!(
            "{} is less than 7d: a series that is away at weekends would begin anew each week; \
             write 0s to keep series for ever",
            duration::show(expiry)
        ));
    }
    match deepest.filter(|&deepest| expiry <= deepest) {
        Some(deepest) => Err(format!(
            "{} must be longer than rows are read again ({}), or a row would bring its series back: \
             make it longer, or poll.nightly_lookback shorter",
            duration::show(expiry),
            duration::show(deepest)
        )),
        None => Ok(expiry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_and_bounded() {
        assert_eq!((limit("1"), limit(" 100000 ")), (Ok(1), Ok(HIGHEST)));
        for text in ["0", "-1", "100001", "1.5", "2k", ""] {
            assert!(limit(text).expect_err(text).contains("from 1 to 100000"), "{text}");
        }
    }

    #[test]
    fn series_outlive_every_reading() {
        let day = Duration::from_secs(86400);
        assert_eq!(expiry("0s", Some(30 * day)), Ok(Duration::ZERO));
        assert_eq!(expiry("7d", Some(2 * day)), Ok(7 * day));
        assert_eq!(expiry("7d", None), Ok(7 * day));
        assert!(expiry("6d", None).expect_err("too short").contains("0s"));
        assert!(expiry("30d", Some(30 * day)).expect_err("read again").contains("nightly_lookback"));
        assert!(expiry("90", None).expect_err("no unit").contains("unit"));
    }
}
