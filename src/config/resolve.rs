//! Resolves the written configuration to the complete one, which is the only step that can fail.
//!
//! Owns the order of the checks. All of them run, so that one start shows every problem. Clock and
//! environment are parameters.

use std::path::Path;

use jiff::Timestamp;

use crate::config::{
    Config, ConfigError, Environment, Flags, ListenAddress, MenuConfig, PollConfig, Resolved,
    RunArgs, WebConfig, baseline,
    metrics::{self, journey},
    poll,
    read::{diagnostics::Diagnostics, file::ConfigFile},
    state,
    targets::{self, Given, expected, names},
    web,
};
use crate::i18n::bilingual;

/// Resolves flags, the file they name, and the environment.
///
/// An empty variable counts as not set. A flag wins over the file, the file over the default.
/// Relative paths in the file begin at the file's directory, those in flags at the working
/// directory. `now` decides whether `start_from` lies in the future.
///
/// Blocks: reads the configuration file and the token files, and looks up names to listen on.
///
/// # Errors
/// With every problem found. When the file itself cannot be read or parsed, that is the only one.
pub fn resolve(
    args: &RunArgs,
    environment: &Environment,
    now: Timestamp,
) -> Result<Resolved, ConfigError> {
    let file = read(args.config.file.as_deref())?;
    let mut diagnostics = Diagnostics::default();
    let given = Given { target: &args.wolkvox, names: &args.names, environment, file: &file };
    let mut targets = targets::resolve(given, &mut diagnostics);
    let poll = poll::resolve(&args.poll, &file, &targets, now, &mut diagnostics);
    let state = state::resolve(&args.state, &file, &mut diagnostics);
    let menu = metrics::resolve(&args.menu, &file, poll.as_ref(), &mut diagnostics);
    let web = web::resolve(&args.web, &file, &mut diagnostics);
    // After a problem of the menu, the rest is still checked, against its defaults.
    let limits = menu.clone().unwrap_or_default();
    let journey = journey::resolve(&args.journey, &file, limits.label_length, &mut diagnostics);
    let baseline = baseline::resolve(&args.baseline, &file, &mut diagnostics);
    expected::resolve(&file, &limits, &mut targets, &mut diagnostics);
    names::read_files(&limits, &mut targets, &mut diagnostics);
    match (poll, state, menu, journey, baseline, web) {
        (Some(poll), Some(state), Some(menu), Some(journey), Some(baseline), Some(web))
            if diagnostics.problems.is_empty() =>
        {
            let config = Config { targets, poll, menu, journey, baseline, state, web };
            Ok(Resolved { config, warnings: diagnostics.warnings })
        }
        _ => Err(diagnostics.into_error()),
    }
}

/// Resolves only the addresses on which an exporter with these flags listens, at least one. Ignores
/// other problems of its configuration.
///
/// Blocks: reads the configuration file, and looks up names to listen on.
///
/// # Errors
/// If the file cannot be read or parsed, or with every problem of an address.
pub fn resolve_listen(
    config_file: Option<&Path>,
    web: &Flags<WebConfig>,
) -> Result<Vec<ListenAddress>, ConfigError> {
    let file = read(config_file)?;
    let mut diagnostics = Diagnostics::default();
    let listen = web::listen_addresses(web, &file, &mut diagnostics);
    if diagnostics.problems.is_empty() { Ok(listen) } else { Err(diagnostics.into_error()) }
}

pub(super) fn read(config_file: Option<&Path>) -> Result<ConfigFile, ConfigError> {
    let Some(path) = config_file else { return Ok(ConfigFile::default()) };
    let what = bilingual!("the configuration file", "el archivo de configuración");
    ConfigFile::read(path, &what).map_err(|problem| ConfigError { problems: vec![problem] })
}

/// Resolves the flags that also apply without a configuration file.
///
/// # Errors
/// With every problem found.
pub fn resolve_shared(
    menu: &Flags<MenuConfig>,
    web: &Flags<WebConfig>,
) -> Result<(MenuConfig, WebConfig), ConfigError> {
    let file = ConfigFile::default();
    let mut diagnostics = Diagnostics::default();
    let menu = metrics::resolve(menu, &file, Some(&PollConfig::default()), &mut diagnostics);
    let web = web::resolve(web, &file, &mut diagnostics);
    match (menu, web) {
        (Some(menu), Some(web)) if diagnostics.problems.is_empty() => Ok((menu, web)),
        _ => Err(diagnostics.into_error()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Arity, FlagGroup, Secret};

    #[test]
    fn without_any_flag_the_shared_settings_are_the_defaults() {
        let (menu, web) =
            resolve_shared(&Flags::default(), &Flags::default()).expect("the defaults are good");
        assert_eq!((menu, web), (MenuConfig::default(), WebConfig::default()));
    }

    #[test]
    fn the_shared_settings_are_checked_too() {
        let menu = Flags::default().with("menu.zero-hold", "soon");
        let web =
            Flags::default().with("web.listen-address", "10013").with("web.telemetry-path", "/");
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

    /// Gives every flag of a group the next of the texts. A file that is named would be read.
    fn filled<G: FlagGroup>(texts: &mut impl Iterator<Item = Option<String>>) -> Flags<G> {
        let mut flags = Flags::default();
        for key in G::keys() {
            let Some(flag) =
                key.flag.filter(|_| key.arity == Arity::One && key.value_name != "FILE")
            else {
                continue;
            };
            if let Some(text) = texts.next().flatten() {
                flags = flags.with(&flag, text);
            }
        }
        flags
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn any_text_in_any_flag_is_answered(
            texts in proptest::collection::vec(hostile(), 40),
            now in jiff::Timestamp::MIN.as_second()..jiff::Timestamp::MAX.as_second(),
        ) {
            let mut texts = texts.into_iter();
            let args = RunArgs {
                wolkvox: filled(&mut texts).with("wolkvox.server", "0042"),
                poll: filled(&mut texts),
                menu: filled(&mut texts),
                journey: filled(&mut texts),
                baseline: filled(&mut texts),
                names: filled(&mut texts),
                web: filled(&mut texts),
                state: Flags::default().with("state.path", texts.next().flatten().unwrap_or_default()),
                ..RunArgs::default()
            };
            let now = Timestamp::from_second(now).expect("in range");
            match resolve(&args, &Secret::new("hunter2").into(), now) {
                Ok(resolved) => prop_assert!(resolved.config.poll.interval > resolved.config.poll.settle_delay),
                Err(error) => prop_assert!(!error.problems.is_empty()),
            }
        }
    }
}
