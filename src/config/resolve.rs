//! From what was written to what to do: the one step that can fail.
//!
//! Owns the order of the checks. All of them run, so that one start shows everything that is wrong. Clock
//! and environment are passed in.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cli::{MenuArgs, RunArgs, StateArgs, WebArgs};
use crate::config::{
    Config, ConfigError, Environment, ListenAddress, MetricsConfig, PollConfig, Resolved, WebConfig,
    baseline,
    metrics::{self, journey},
    poll,
    read::{diagnostics::Diagnostics, file::ConfigFile, precedence::flag_place},
    targets::{self, expected, names},
    web,
};

/// Where the state is kept unless told otherwise, from the working directory.
pub const DEFAULT_STATE_PATH: &str = "data/wolkvox-exporter.redb";

/// Resolves flags, the file they name, and the environment.
///
/// An empty variable counts as not set. A flag wins
/// over the file, the file over the default. Relative paths in the file begin at the file's directory, those
/// in flags at the working directory. `now` decides whether `start_from` lies in the future.
///
/// Blocks: reads the configuration file and the token files, and looks up names to listen on.
///
/// # Errors
/// With every problem found. When the file itself cannot be read or parsed, that is the only one.
pub fn resolve(args: &RunArgs, environment: &Environment, now: Timestamp) -> Result<Resolved, ConfigError> {
    let file = read(args.config.file.as_deref())?;
    let mut findings = Diagnostics::default();
    let mut targets = targets::resolve(&args.wolkvox, &args.names, environment, &file, &mut findings);
    let poll = poll::resolve(&args.poll, &file, &targets, now, &mut findings);
    let state_path = state_path(&args.state, &file, &mut findings);
    let menu = metrics::resolve(&args.menu, &file, poll.as_ref(), &mut findings);
    let web = web::resolve(&args.web, &file, &mut findings);
    // Where the menu is in error, the rest is still checked, against what holds by default.
    let shape = menu.clone().unwrap_or_default();
    let journey = journey::resolve(&args.journey, &file, shape.label_length, &mut findings);
    let baseline = baseline::resolve(&args.baseline, &file, &mut findings);
    expected::resolve(&file, &shape, &mut targets, &mut findings);
    names::read_files(&shape, &mut targets, &mut findings);
    match (poll, state_path, menu, journey, baseline, web) {
        (Some(poll), Some(state_path), Some(menu), Some(journey), Some(baseline), Some(web))
            if findings.problems.is_empty() =>
        {
            let config = Config { targets, poll, menu, journey, baseline, state_path, web };
            Ok(Resolved { config, warnings: findings.warnings })
        }
        _ => Err(findings.into_error()),
    }
}

/// Resolves only where an exporter with these flags listens, at least one address. Whatever else is wrong with its
/// configuration is not looked at.
///
/// Blocks: reads the configuration file, and looks up names to listen on.
///
/// # Errors
/// When the file cannot be read or parsed, or with every problem of an address.
pub fn resolve_listen(config_file: Option<&Path>, web: &WebArgs) -> Result<Vec<ListenAddress>, ConfigError> {
    let (file, mut findings) = (read(config_file)?, Diagnostics::default());
    let listen = web::listen_addresses(web, &file, &mut findings);
    if findings.problems.is_empty() { Ok(listen) } else { Err(findings.into_error()) }
}

fn read(config_file: Option<&Path>) -> Result<ConfigFile, ConfigError> {
    let Some(path) = config_file else { return Ok(ConfigFile::default()) };
    ConfigFile::read(path, "configuration file").map_err(|problem| ConfigError { problems: vec![problem] })
}

/// Resolves the flags that a run without any configuration has too.
///
/// # Errors
/// With every problem found.
pub fn resolve_shared(menu: &MenuArgs, web: &WebArgs) -> Result<(MetricsConfig, WebConfig), ConfigError> {
    let (file, mut findings) = (ConfigFile::default(), Diagnostics::default());
    let menu = metrics::resolve(menu, &file, Some(&PollConfig::default()), &mut findings);
    let web = web::resolve(web, &file, &mut findings);
    match (menu, web) {
        (Some(menu), Some(web)) if findings.problems.is_empty() => Ok((menu, web)),
        _ => Err(findings.into_error()),
    }
}

fn state_path(args: &StateArgs, file: &ConfigFile, findings: &mut Diagnostics) -> Option<PathBuf> {
    let (path, place) = match (&args.path, &file.root.state.path) {
        (Some(path), _) => (path.clone(), flag_place("state.path")),
        (None, Some(text)) if text.value.is_empty() => {
            (PathBuf::new(), file.place(&text.referenced, "state.path"))
        }
        (None, Some(text)) => (file.path_from_here(&text.value), file.place(&text.referenced, "state.path")),
        (None, None) => return Some(DEFAULT_STATE_PATH.into()),
    };
    if path.file_name().is_none() {
        findings.problem(place, "this names no file: write a path such as data/wolkvox-exporter.redb");
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::{BaselineArgs, JourneyArgs, NamesArgs, PollArgs, WolkvoxArgs};

    #[test]
    fn without_any_flag_the_shared_settings_are_the_defaults() {
        let (menu, web) =
            resolve_shared(&MenuArgs::default(), &WebArgs::default()).expect("the defaults are good");
        assert_eq!((menu, web), (MetricsConfig::default(), WebConfig::default()));
    }

    #[test]
    fn the_shared_settings_are_checked_too() {
        let menu = MenuArgs { zero_hold: Some("soon".to_owned()), ..MenuArgs::default() };
        let web = WebArgs {
            listen_address: vec!["10013".to_owned()],
            telemetry_path: Some("/".to_owned()),
            ..WebArgs::default()
        };
        let error = resolve_shared(&menu, &web).expect_err("three mistakes");
        assert_eq!(error.problems.len(), 3, "{error}");
        assert_eq!(error.to_string().lines().count(), 3, "{error}");
    }

    fn hostile() -> impl Strategy<Value = Option<String>> {
        proptest::option::of(prop_oneof![
            "\\PC{0,40}",
            "[0-9]{1,20}(ns|s|m|h|d|w|mo|y)?",
            "[0-9]{1,5}-[0-9-]{1,6}T?[0-9:]{0,8}"
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_text_in_any_flag_is_answered(
            texts in proptest::collection::vec(hostile(), 20),
            now in jiff::Timestamp::MIN.as_second()..jiff::Timestamp::MAX.as_second(),
        ) {
            let text = |index: usize| texts[index].clone();
            let args = RunArgs {
                wolkvox: WolkvoxArgs { server: Some("0042".into()), timezone: text(0), ..WolkvoxArgs::default() },
                poll: PollArgs {
                    interval: text(1),
                    settle_delay: text(2),
                    lookback: text(3),
                    start_from: text(4),
                    requests_in_flight: text(15),
                    max_clock_skew: text(19),
                    hourly_lookback: text(8),
                    nightly_lookback: text(9),
                    nightly_hour: text(10),
                },
                state: StateArgs { path: text(5).map(PathBuf::from) },
                menu: MenuArgs {
                    zero_hold: text(6),
                    series_limit: text(11),
                    expire_after: text(12),
                    fold_digits: text(15),
                },
                journey: JourneyArgs { idle: text(13) },
                baseline: BaselineArgs {
                    warm_up: text(16),
                    warm_up_requests: text(17),
                    weeks: text(18),
                    holidays_file: None,
                },
                names: NamesArgs { from: text(14), file: None },
                web: WebArgs { telemetry_path: text(7), ..WebArgs::default() },
                ..RunArgs::default()
            };
            let now = Timestamp::from_second(now).expect("in range");
            match resolve(&args, &crate::config::Secret::new("hunter2").into(), now) {
                Ok(resolved) => prop_assert!(resolved.config.poll.interval > resolved.config.poll.settle_delay),
                Err(error) => prop_assert!(!error.problems.is_empty()),
            }
        }
    }
}
