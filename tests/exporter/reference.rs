//! The reference of the configuration names every flag, every variable and every key, and no other.

use std::{collections::BTreeSet, fs, path::PathBuf};

use assert_cmd::Command;
use clap::CommandFactory;
use wolkvox_exporter::cli::Cli;

use crate::support::repository::{quoted, root};

fn reference() -> String {
    fs::read_to_string(root().join("docs/configuration.md")).expect("the reference")
}

#[test]
fn names_every_flag_and_variable() {
    let (text, command) = (reference(), Cli::command());
    let quoted: BTreeSet<&str> = quoted(&text).collect();
    let mut flags = BTreeSet::new();
    for sub in std::iter::once(&command).chain(command.get_subcommands()) {
        for arg in sub.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            flags.insert(format!("--{long}"));
            let Some(variable) = arg.get_env().and_then(|name| name.to_str()) else { continue };
            // The simulator is a tool of ours: its own help is its reference.
            if long.starts_with("simulate.") {
                continue;
            }
            assert!(quoted.contains(format!("--{long}").as_str()), "--{long} is missing");
            assert!(quoted.contains(variable), "{variable} is missing");
        }
    }
    for flag in quoted.iter().filter(|word| word.starts_with("--")) {
        let name = flag.split(['=', ' ']).next().unwrap_or_default();
        assert!(name == "--help" || flags.contains(name), "{flag} does not exist");
    }
}

#[test]
fn names_every_key() {
    let text = reference();
    let quoted: BTreeSet<&str> = quoted(&text).collect();
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut keys = Vec::new();
    collect(&dir.path().join("probe.yml"), &mut Vec::new(), &mut keys);
    assert!(keys.len() > 30, "only {keys:?}");
    for key in &keys {
        assert!(quoted.contains(key.as_str()), "{key} is missing");
    }
    let sections: BTreeSet<&str> = keys.iter().filter_map(|key| key.split(['.', '[']).next()).collect();
    for word in &quoted {
        let is_key = word.split_once('.').is_some_and(|(first, rest)| {
            sections.contains(first.trim_end_matches("[]"))
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        assert!(!is_key || keys.iter().any(|key| is_at_or_below(key, word)), "{word} does not exist");
    }
}

fn is_at_or_below(key: &str, word: &str) -> bool {
    key.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Finds the keys below `above` by asking for one that does not exist: the answer lists those that do.
fn collect(probe: &PathBuf, above: &mut Vec<(String, bool)>, keys: &mut Vec<String>) {
    for key in keys_below(probe, above) {
        for is_list in [false, true] {
            above.push((key.clone(), is_list));
            let before = keys.len();
            collect(probe, above, keys);
            above.pop();
            if keys.len() > before {
                break;
            }
            if is_list {
                keys.push(path(above) + &key);
            }
        }
    }
}

fn path(above: &[(String, bool)]) -> String {
    above.iter().map(|(key, is_list)| format!("{key}{}.", if *is_list { "[]" } else { "" })).collect()
}

fn keys_below(probe: &PathBuf, above: &[(String, bool)]) -> Vec<String> {
    let mut source = "{qqqqqqqqqqqqqqqq: 1}".to_owned();
    for (key, is_list) in above.iter().rev() {
        source = if *is_list { format!("{{{key}: [{source}]}}") } else { format!("{{{key}: {source}}}") };
    }
    fs::write(probe, source).expect("written");
    let mut command: Command = assert_cmd::cargo_bin_cmd!("wolkvox-exporter");
    let said = command.env_clear().arg("--config.check").arg("--config.file").arg(probe).output();
    let said = String::from_utf8(said.expect("the binary starts").stderr).expect("text");
    let list = said.lines().next().and_then(|line| line.split_once("the keys here are "));
    list.map(|(_, keys)| keys.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}
