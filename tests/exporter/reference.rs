//! Tests that the reference of the configuration has every flag, variable and key, and no other.

use std::{collections::BTreeSet, fs, path::PathBuf};

use assert_cmd::Command;
use clap::CommandFactory;
use serde_json::Value;
use wolkvox_exporter::{
    cli::Cli,
    config::{Arity, Key, keys, schema},
};

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
            // The simulator is a tool for tests; its own help is its reference.
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

/// Returns the cells of the table's row for this key, or for its flag if no key sets it, without
/// quotes.
fn row(text: &str, key: &Key) -> Option<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.split('|').skip(1).map(|cell| cell.trim().replace('`', "")).collect()
    };
    let flag = key.flag.as_ref().map(|flag| format!("--{flag}"));
    text.lines().filter(|line| line.starts_with('|')).map(cells).find(|cells| {
        match (&key.path, &flag) {
            (Some(path), _) => cells.first() == Some(path),
            (None, flag) => {
                cells.first().is_some_and(String::is_empty) && cells.get(1) == flag.as_ref()
            }
        }
    })
}

#[test]
fn says_of_every_setting_what_its_declaration_says() {
    let text = reference();
    let declared = keys();
    assert!(declared.len() > 40, "only {} settings", declared.len());
    for key in declared {
        // The keys of a group have rows of their own.
        if key.schema.get("properties").is_some() {
            continue;
        }
        let cells = row(&text, &key).unwrap_or_else(|| panic!("no row for {key:?}"));
        let default = if key.arity == Arity::Switch { "false" } else { key.default };
        let flag = key.flag.as_ref().map(|flag| format!("--{flag}")).unwrap_or_default();
        let expected = [flag, key.variable().unwrap_or_default(), default.to_owned()];
        assert_eq!(cells[1..4], expected, "{key:?}");
    }
}

/// Collects the paths of the keys of a schema, as the reference writes them.
fn keys_of(schema: &Value, above: &str, found: &mut BTreeSet<String>) {
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if below.get("properties").is_some() {
            keys_of(below, &path, found);
        } else if below["items"].get("properties").is_some() {
            keys_of(&below["items"], &format!("{path}[]"), found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn the_schema_has_the_keys_that_the_file_may_have() {
    let mut by_schema = BTreeSet::new();
    keys_of(&schema(), "", &mut by_schema);
    let dir = tempfile::tempdir().expect("a directory for the test");
    let mut keys = Vec::new();
    collect(&dir.path().join("probe.yml"), &mut Vec::new(), &mut keys);
    assert_eq!(by_schema, BTreeSet::from_iter(keys));
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
    let sections: BTreeSet<&str> =
        keys.iter().filter_map(|key| key.split(['.', '[']).next()).collect();
    for word in &quoted {
        let is_key = word.split_once('.').is_some_and(|(first, rest)| {
            sections.contains(first.trim_end_matches("[]"))
                && rest.bytes().all(|byte| byte.is_ascii_graphic())
        });
        assert!(
            !is_key || keys.iter().any(|key| is_at_or_below(key, word)),
            "{word} does not exist"
        );
    }
}

fn is_at_or_below(key: &str, word: &str) -> bool {
    key.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Collects the keys below `above` by setting one that does not exist: the error lists those that
/// do.
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
    above
        .iter()
        .map(|(key, is_list)| format!("{key}{}.", if *is_list { "[]" } else { "" }))
        .collect()
}

fn keys_below(probe: &PathBuf, above: &[(String, bool)]) -> Vec<String> {
    let mut source = "{qqqqqqqqqqqqqqqq: 1}".to_owned();
    for (key, is_list) in above.iter().rev() {
        source = if *is_list {
            format!("{{{key}: [{source}]}}")
        } else {
            format!("{{{key}: {source}}}")
        };
    }
    fs::write(probe, source).expect("written");
    let mut command: Command = assert_cmd::cargo_bin_cmd!("wolkvox-exporter");
    let said = command.env_clear().arg("--config.check").arg("--config.file").arg(probe).output();
    let said = String::from_utf8(said.expect("the binary starts").stderr).expect("text");
    let list = said.lines().next().and_then(|line| line.split_once("the keys here are "));
    list.map(|(_, keys)| keys.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}
